//! Calls to models: which endpoint, signed or keyed how, in which form, and again when it may help.
//!
//! A [`Client`] is opened per set of settings and kept: it holds the pool of connections, the credentials, and what was
//! learned of each model. Its futures may be dropped at any await and leave nothing half done; two calls of one client
//! may run side by side on one thread. Secrets are read when a call is signed, marked as sensitive in its headers, and
//! formatted nowhere.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::time::sleep;
use url::Url;
use zeroize::Zeroizing;

use super::bedrock::{self, Bedrock};
use super::guardrail::Guardrail;
use super::http::{self, Response};
use super::meter::{Begun, Meter};
use super::openai::{self, OpenAi};
use super::refused::{self, Cause};
use super::{Dialect, Form, ModelError, ModelSettings, Prompt, Provider, Reply, StructuredOutput, Usage, ordered};
use access::Access;
use std::cell::Cell;

mod access;
mod retry;
#[cfg(test)]
mod tests;

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
        dialect: &(dyn Dialect + Send + Sync),
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
        let response = self.send(&guardrail.path(), &Guardrail::body(question), None, deadline).await?;
        Guardrail::passes(&self.accepted(self.dialect(&self.model).as_ref(), response)?)
    }

    fn dialect(&self, model: &str) -> Box<dyn Dialect + Send + Sync> {
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
        dialect: &(dyn Dialect + Send + Sync),
        prompt: &Prompt,
        form: Form,
        deadline: Instant,
    ) -> Result<Answer, ModelError> {
        let metered = Some((model, u64::from(prompt.max_tokens)));
        self.send(&dialect.path(), &dialect.body(prompt, form), metered, deadline).await
    }

    /// Sends a request up to [`MAX_ATTEMPTS`] times, signed anew each time, and gives the last response, whatever its
    /// status. `metered`: the model that is paid for it, and most tokens of its reply.
    async fn send(
        &self,
        path: &str,
        body: &Value,
        metered: Option<(&str, u64)>,
        deadline: Instant,
    ) -> Result<Answer, ModelError> {
        let body = ordered::text(body);
        let mut attempt = 1;
        loop {
            let outcome = self.send_once(path, &body, metered, deadline).await;
            let Some(pause) = pause_after(attempt, &outcome)? else {
                return outcome;
            };
            // A pause that the deadline cuts off is not begun: the caller learns now what it would learn then.
            if deadline.saturating_duration_since(Instant::now()) <= pause {
                return outcome;
            }
            sleep(pause).await;
            attempt += 1;
        }
    }

    async fn send_once(
        &self,
        path: &str,
        body: &str,
        metered: Option<(&str, u64)>,
        deadline: Instant,
    ) -> Result<Answer, ModelError> {
        let url = Url::parse(&self.access.endpoint(deadline).await?.url(path))
            .map_err(|_| configuration("the endpoint gives no usable URL"))?;
        let headers = self.access.headers(&url, body.as_bytes(), deadline).await?;
        let (address, secrets) = (url.to_string(), secrets(&headers));
        let begun = metered.map(|(model, output)| self.begin(model, body, output)).transpose()?.flatten();
        match http::post(&self.http, url, headers, body.as_bytes().to_vec(), deadline).await {
            Ok(response) if response.status == 200 => Ok(Answer { response, address, secrets, begun }),
            Ok(response) => {
                begun.into_iter().for_each(Begun::free);
                Ok(Answer { response, address, secrets, begun: None })
            }
            Err(error) => {
                if matches!(error, ModelError::Unreachable { step: http::CONNECTING, .. }) {
                    begun.into_iter().for_each(Begun::free);
                }
                Err(error)
            }
        }
    }

    /// A request to a model begins, if anybody watches. A token of a text is at least one byte of it.
    fn begin(&self, model: &str, body: &str, output_tokens: u64) -> Result<Option<Begun>, ModelError> {
        let meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let input_tokens = u64::try_from(body.len()).unwrap_or(u64::MAX).saturating_add(HIDDEN_TOKENS);
        meter.map(|meter| meter.begin(model, Usage { input_tokens, output_tokens })).transpose()
    }

    /// The body of a 200; anything else is a refusal, redirects and other successes too.
    fn accepted(&self, dialect: &(dyn Dialect + Send + Sync), answer: Answer) -> Result<Vec<u8>, ModelError> {
        let Answer { response, address, secrets, .. } = answer;
        if response.status == 200 {
            return Ok(response.body);
        }
        let status = response.status;
        let code = dialect.error_code(&|name| response.header(name), &response.body);
        self.access.heed(&code);
        let sentence = refused::sentence(&response.body);
        let cause = Cause::of(status, &code, &sentence);
        let mut detail = format!("the endpoint says: \"{}\"", refused::loggable(&sentence, &secrets));
        // A wrong base URL and a wrong model look alike from within.
        if status == 404 {
            detail.push_str("; URL: ");
            detail.push_str(&address);
        }
        Err(ModelError::Refused { status, code, cause, detail })
    }
}

/// A response with what it answers.
struct Answer {
    response: Response,
    /// The URL, which holds no secret.
    address: String,
    /// What was sent and must not be repeated.
    secrets: Vec<Zeroizing<String>>,
    /// Of a 200 that somebody watches.
    begun: Option<Begun>,
}

impl Answer {
    fn status(&self) -> u16 {
        self.response.status
    }

    fn body(&self) -> &[u8] {
        &self.response.body
    }
}

/// The key, session token or signature in the headers of a request.
fn secrets(headers: &HeaderMap) -> Vec<Zeroizing<String>> {
    let values = headers.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok());
    values
        .map(|value| {
            let last = value.rsplit(' ').next().unwrap_or(value);
            Zeroizing::new(last.strip_prefix("Signature=").unwrap_or(last).to_owned())
        })
        .collect()
}

/// How long to wait before a request is sent again; none if it would not help or was sent often enough.
fn pause_after(attempt: u32, outcome: &Result<Answer, ModelError>) -> Result<Option<Duration>, ModelError> {
    let asked = match outcome {
        Ok(answer) if matches!(answer.status(), 429 | 500 | 503) => retry::asked(&|name| answer.response.header(name)),
        // A reply that broke off was paid for, and the next may break off as late.
        Err(ModelError::Unreachable { step, .. }) if *step != http::READING => None,
        Ok(_) | Err(_) => return Ok(None),
    };
    if attempt >= MAX_ATTEMPTS { Ok(None) } else { retry::pause(attempt, asked).map(Some) }
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
