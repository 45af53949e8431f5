//! Calls to models: which endpoint, signed or keyed how, in which form, and again when it may help.
//!
//! A [`Client`] is opened per set of settings and kept: it holds the pool of connections, the credentials, and what was
//! learned of each model. Its futures may be dropped at any await and leave nothing half done; two calls of one client
//! may run side by side on one thread. Secrets are read when a call is signed, marked as sensitive in its headers, and
//! formatted nowhere.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::bedrock::{self, Bedrock};
use super::guardrail::Guardrail;
use super::http;
use super::meter::Meter;
use super::openai::{self, OpenAi};
use super::{Dialect, Form, ModelError, ModelSettings, Prompt, Provider, Reply, StructuredOutput, Usage, ordered};
use access::Access;
use retry::Pauses;
use sending::{Answer, Refusal, Request};
use std::cell::Cell;

mod access;
mod retry;
mod sending;
#[cfg(test)]
mod tests;

type DynDialect = dyn Dialect + Send + Sync;

/// Most times that one request is sent.
pub const MAX_ATTEMPTS: u32 = 3;

/// Most tokens that an endpoint puts around a request of its own accord, such as how tools are to be called.
pub const HIDDEN_TOKENS: u64 = 1_024;

/// What a model is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// A verdict on a question.
    Validate,
    /// SQL for a question.
    Write,
    /// An answer in words from rows.
    Narrate,
}

/// A model endpoint, ready to be called.
pub struct Client {
    http: reqwest::Client,
    access: Access,
    model: String,
    validator_model: String,
    guardrail: Option<Guardrail>,
    structured_output: StructuredOutput,
    /// By model: the form that worked where the preferred one did not.
    learned: Mutex<HashMap<String, Form>>,
    /// Watches what is spent, where somebody wants it.
    meter: Mutex<Option<Arc<Meter>>>,
    /// How long it waits between two tries.
    pauses: Pauses,
}

impl Client {
    /// Opens a client. Reads the process environment and the key file, and makes no connection: region and credentials
    /// are looked up at the first call.
    ///
    /// # Errors
    /// `ModelError::Configuration` for settings that no call could be made with.
    pub fn open(settings: &ModelSettings) -> Result<Self, ModelError> {
        Self::open_in(settings, &|name| std::env::var(name).ok())
    }

    fn open_in(settings: &ModelSettings, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, ModelError> {
        let http = http::client()?;
        let access = match settings.provider {
            Provider::None => return Err(configuration("no provider is configured")),
            Provider::Bedrock => Access::bedrock(&http, settings, environment)?,
            Provider::OpenAi => Access::openai(settings, environment)?,
        };
        let model = &settings.model;
        if model.is_empty() {
            return Err(configuration("no model is configured"));
        }
        let validator_model = if settings.validator_model.is_empty() { model } else { &settings.validator_model };
        let guardrail = match &access {
            Access::Bedrock(_) => {
                bedrock::check_model_id(model)?;
                bedrock::check_model_id(validator_model)?;
                guardrail(settings)?
            }
            Access::OpenAi(_) if !settings.guardrail.is_empty() => {
                return Err(configuration("only Bedrock has guardrails"));
            }
            Access::OpenAi(_) => None,
        };
        Ok(Self {
            http,
            access,
            model: model.to_owned(),
            validator_model: validator_model.to_owned(),
            guardrail,
            structured_output: settings.structured_output,
            learned: Mutex::new(HashMap::new()),
            meter: Mutex::new(None),
            pauses: Pauses::default(),
        })
    }

    /// The model that a task is given to.
    #[must_use]
    pub fn model(&self, task: Task) -> &str {
        match task {
            Task::Validate => &self.validator_model,
            Task::Write | Task::Narrate => &self.model,
        }
    }

    /// From now on requests to models are watched by this; with `None` by nobody.
    pub fn watched_by(&self, meter: Option<Arc<Meter>>) {
        *self.meter.lock().unwrap_or_else(PoisonError::into_inner) = meter;
    }

    fn meter(&self) -> Option<Arc<Meter>> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks a model, at most until the deadline. `paid` is set to what was taken where there was a reply, whatever it is worth.
    ///
    /// # Errors
    /// Any [`ModelError`].
    pub async fn complete(
        &self,
        task: Task,
        prompt: &Prompt,
        deadline: Instant,
        paid: &Cell<Option<Usage>>,
    ) -> Result<Reply, ModelError> {
        let model = self.model(task);
        let dialect = self.dialect(model);
        let form = self.form(model);
        let response = self.ask(model, dialect.as_ref(), prompt, form, deadline).await?;
        let may_change = self.structured_output == StructuredOutput::Auto;
        if !(may_change && response.status() == 400 && dialect.rejects_form(form, response.body())) {
            return self.reply(dialect.as_ref(), prompt, form, response, paid);
        }
        let form = match form {
            Form::Tool => Form::Native,
            Form::Native => Form::Tool,
        };
        let response = self.ask(model, dialect.as_ref(), prompt, form, deadline).await?;
        if response.status() == 200 {
            // An endpoint that takes the other form has it, whatever this one reply is worth.
            self.learned.lock().unwrap_or_else(PoisonError::into_inner).insert(model.to_owned(), form);
        }
        self.reply(dialect.as_ref(), prompt, form, response, paid)
    }

    /// What a response says, which is charged for whatever it is worth.
    fn reply(
        &self,
        dialect: &DynDialect,
        prompt: &Prompt,
        form: Form,
        mut response: Answer,
        paid: &Cell<Option<Usage>>,
    ) -> Result<Reply, ModelError> {
        let begun = response.begun.take();
        let body = self.accepted(dialect, response)?;
        let reported = dialect.reported(&body);
        paid.set(Some(reported.into()));
        if let Some(begun) = begun {
            begun.charged(reported);
        }
        dialect.reply(prompt, form, &body)
    }

    /// Asks the guardrail whether a question may pass: true without a call when none is configured.
    ///
    /// # Errors
    /// Any [`ModelError`].
    pub async fn guard(&self, question: &str, deadline: Instant) -> Result<bool, ModelError> {
        let Some(guardrail) = &self.guardrail else {
            return Ok(true);
        };
        let dialect = self.dialect(&self.model);
        let (path, body) = (guardrail.path(), Guardrail::body(question).to_string());
        let request = Request { dialect: dialect.as_ref(), path, body, metered: None, deadline };
        let response = self.send(&request).await?;
        Guardrail::passes(&self.accepted(dialect.as_ref(), response)?)
    }

    fn dialect(&self, model: &str) -> Box<DynDialect> {
        match &self.access {
            Access::Bedrock(_) => Box::new(Bedrock { model_id: model.to_owned(), guardrail: self.guardrail.clone() }),
            Access::OpenAi(_) => Box::new(OpenAi { model: model.to_owned() }),
        }
    }

    fn form(&self, model: &str) -> Form {
        match self.structured_output {
            StructuredOutput::Tool => Form::Tool,
            StructuredOutput::Native => Form::Native,
            StructuredOutput::Auto => {
                let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner).get(model).copied();
                learned.unwrap_or_else(|| match &self.access {
                    Access::Bedrock(_) => bedrock::preferred_form(model),
                    Access::OpenAi(_) => openai::preferred_form(model),
                })
            }
        }
    }

    async fn ask(
        &self,
        model: &str,
        dialect: &DynDialect,
        prompt: &Prompt,
        form: Form,
        deadline: Instant,
    ) -> Result<Answer, ModelError> {
        let (path, body) = (dialect.path(), ordered::text(&dialect.body(prompt, form)));
        let metered = Some((model, u64::from(prompt.max_tokens)));
        self.send(&Request { dialect, path, body, metered, deadline }).await
    }

    /// The body of a 200; anything else is a refusal, redirects and other successes too.
    fn accepted(&self, dialect: &DynDialect, answer: Answer) -> Result<Vec<u8>, ModelError> {
        if answer.status() == 200 {
            return Ok(answer.response.body);
        }
        let Refusal { status, code, cause, detail } = answer.refusal(dialect);
        self.access.heed(&code);
        Err(ModelError::Refused { status, code, cause, detail })
    }
}

fn guardrail(settings: &ModelSettings) -> Result<Option<Guardrail>, ModelError> {
    if settings.guardrail.is_empty() {
        return Ok(None);
    }
    Guardrail::checked(&settings.guardrail, &settings.guardrail_version).map(Some)
}

fn configuration(text: &str) -> ModelError {
    ModelError::Configuration(text.to_owned())
}

/// Shows which models it calls, and nothing of how.
impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("access", &self.access)
            .field("model", &self.model)
            .field("validator_model", &self.validator_model)
            .finish_non_exhaustive()
    }
}
