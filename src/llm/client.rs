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

use sha2::{Digest, Sha256};

use super::bedrock::{self, Bedrock};
use super::extras::Extras;
use super::guardrail::Guardrail;
use super::http;
use super::meter::{Meter, Spent};
use super::openai::{self, OpenAi};
use super::variation::{Lessons, Sent, Variation};
use super::{
    Dialect, Form, ModelError, ModelSettings, MostTokens, Prompt, Provider, Reply, Shape, StructuredOutput, ordered,
};
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

impl Task {
    /// As `stat_models` says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Task::Validate => "validate",
            Task::Write => "write",
            Task::Narrate => "narrate",
        }
    }
}

/// A request with what of it may be varied.
struct Prepared<'r> {
    sent: Sent,
    outgoing: Request<'r>,
}

/// What one client has learned, without a limit of time.
#[derive(Default)]
struct OwnLessons(Mutex<HashMap<[u8; 32], Variation>>);

impl Lessons for OwnLessons {
    fn recall(&self, key: &[u8; 32]) -> Option<Variation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    fn keep(&self, key: &[u8; 32], variation: Variation) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(*key, variation);
    }

    fn forget(&self, key: &[u8; 32]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// A model endpoint, ready to be called.
pub struct Client {
    http: reqwest::Client,
    access: Access,
    model: String,
    validator_model: String,
    guardrail: Option<Guardrail>,
    structured_output: StructuredOutput,
    most_tokens: MostTokens,
    extras: Extras,
    /// What endpoints refused, and what worked in its place.
    lessons: Box<dyn Lessons>,
    /// For the log, until somebody takes them.
    notes: Mutex<Vec<String>>,
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
            most_tokens: settings.most_tokens,
            extras: Extras::checked(settings)?,
            lessons: Box::new(OwnLessons::default()),
            notes: Mutex::default(),
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

    /// Asks a model, at most until the deadline. What was taken is added to `paid` where there was a reply, whatever it is
    /// worth.
    ///
    /// A request that is refused for one of its parameters is sent once more without it, and what was changed is kept for
    /// later calls where that succeeded. A form that the endpoint itself named is left once more for a tool.
    ///
    /// # Errors
    /// Any [`ModelError`].
    pub async fn complete(
        &self,
        task: Task,
        prompt: &Prompt,
        deadline: Instant,
        paid: &Cell<Spent>,
    ) -> Result<Reply, ModelError> {
        let model = self.model(task);
        let dialect = self.dialect(model);
        let key = self.lesson_key(task, deadline).await?;
        let known = self.lessons.recall(&key).unwrap_or_default();
        let ask = async |variation: Variation| {
            let request = self.request(task, dialect.as_ref(), prompt, variation, deadline);
            let answer = self.send(&request.outgoing).await?;
            let other = self.otherwise(&request, &prompt.shape, variation, dialect.as_ref(), &answer);
            Ok((self.reply(dialect.as_ref(), prompt, request.sent.form, answer, paid), other))
        };
        let (first, other) = ask(known).await?;
        if known != Variation::default() && matches!(first, Err(ModelError::Reply(_))) {
            // What served once may serve no longer, or never did but by chance: the next call begins anew.
            self.lessons.forget(&key);
        }
        let (Err(first), Some(other)) = (&first, other) else { return first };
        let (again, other) = match ask(other).await {
            // Servers name the type that read no schema beside it: a tool is what is left.
            Ok((Err(_), Some(last))) if other.form == Some(Form::Object) => {
                (ask(last).await.and_then(|(again, _)| again), last)
            }
            again => (again.and_then(|(again, _)| again), other),
        };
        match again {
            Ok(reply) => {
                self.lessons.keep(&key, other);
                self.note(format!("{model} is called {} to {} for an hour: {first}", other.words(), task.as_str()));
                Ok(reply)
            }
            Err(again) => Err(worse(first, again, other)),
        }
    }

    /// What to send in the place of what was answered so.
    fn otherwise(
        &self,
        prepared: &Prepared<'_>,
        shape: &Shape,
        known: Variation,
        dialect: &DynDialect,
        answer: &Answer,
    ) -> Option<Variation> {
        match answer.status() {
            200 => known.after_disregard(prepared.sent, dialect, shape, answer.body()),
            status => known.after_refusal(prepared.sent, dialect, status, answer.body()),
        }
    }

    /// A request as it is sent, with what was learned.
    fn request<'r>(
        &'r self,
        task: Task,
        dialect: &'r DynDialect,
        prompt: &Prompt,
        variation: Variation,
        deadline: Instant,
    ) -> Prepared<'r> {
        let model = self.model(task);
        let form = self.form(model, variation);
        let most = self.most_tokens(task).unwrap_or(prompt.max_tokens);
        let mut body = dialect.body(prompt, form);
        dialect.adjust(&mut body, variation, &self.extras, most);
        let may_change_form = self.structured_output == StructuredOutput::Auto;
        let mut has = dialect.sent(&body);
        // What is configured is kept.
        has.temperature &= !self.extras.fields.contains_key("temperature");
        let sent = Sent { form, may_change_form, has };
        let is_final =
            Box::new(move |status: u16, body: &[u8]| variation.after_refusal(sent, dialect, status, body).is_some());
        let metered = Some((model, u64::from(most)));
        let (path, body) = (dialect.path(), ordered::text(&body));
        Prepared { sent, outgoing: Request { dialect, path, body, metered, deadline, is_final } }
    }

    /// Where lessons of a task are kept.
    async fn lesson_key(&self, task: Task, deadline: Instant) -> Result<[u8; 32], ModelError> {
        let endpoint = self.access.endpoint(deadline).await?.url("/");
        let mut digest = Sha256::new();
        for piece in [endpoint.as_str(), self.model(task), task.as_str()] {
            // With its length, so that no two lists of pieces give one text.
            digest.update((piece.len() as u64).to_be_bytes());
            digest.update(piece.as_bytes());
        }
        Ok(digest.finalize().into())
    }

    /// What a response says, which is charged for whatever it is worth.
    fn reply(
        &self,
        dialect: &DynDialect,
        prompt: &Prompt,
        form: Form,
        mut response: Answer,
        paid: &Cell<Spent>,
    ) -> Result<Reply, ModelError> {
        let begun = response.begun.take();
        let body = self.accepted(dialect, response)?;
        let reported = dialect.reported(&body);
        paid.set(paid.get().and(reported.into()));
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
        let is_final = Box::new(|_: u16, _: &[u8]| false);
        let request = Request { dialect: dialect.as_ref(), path, body, metered: None, deadline, is_final };
        let response = self.send(&request).await?;
        Guardrail::passes(&self.accepted(dialect.as_ref(), response)?)
    }

    fn dialect(&self, model: &str) -> Box<DynDialect> {
        match &self.access {
            Access::Bedrock(_) => Box::new(Bedrock { model_id: model.to_owned(), guardrail: self.guardrail.clone() }),
            Access::OpenAi(_) => Box::new(OpenAi { model: model.to_owned() }),
        }
    }

    fn form(&self, model: &str, variation: Variation) -> Form {
        match self.structured_output {
            StructuredOutput::Tool => Form::Tool,
            StructuredOutput::Native => Form::Native,
            StructuredOutput::JsonObject => Form::Object,
            StructuredOutput::Auto => variation.form.unwrap_or_else(|| match &self.access {
                Access::Bedrock(_) => bedrock::preferred_form(model),
                Access::OpenAi(_) => openai::preferred_form(model),
            }),
        }
    }

    /// What is configured; `None` where the prompt says it.
    fn most_tokens(&self, task: Task) -> Option<u32> {
        let most = match task {
            Task::Validate => self.most_tokens.verdict,
            Task::Write => self.most_tokens.sql,
            Task::Narrate => self.most_tokens.answer,
        };
        (most > 0).then_some(most)
    }

    fn note(&self, line: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// What was learned since it was asked last, for the log: sentences without a full stop.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on what is learned is kept there. Without it, a client keeps it for itself.
    #[must_use]
    pub fn learning_into(mut self, lessons: Box<dyn Lessons>) -> Self {
        self.lessons = lessons;
        self
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

/// What a caller is told of two requests that failed: the first says what stands against the call; but a second that did
/// not come to an answer ends it.
fn worse(first: &ModelError, again: ModelError, other: Variation) -> ModelError {
    match (first, again) {
        (ModelError::Refused { status, code, cause, detail }, ModelError::Refused { detail: again, .. }) => {
            let detail = format!("{detail}; sent again {}: {again}", other.words());
            ModelError::Refused { status: *status, code: code.clone(), cause: *cause, detail }
        }
        (ModelError::Reply(_), ModelError::Refused { .. } | ModelError::Reply(_)) => first.clone(),
        (_, again) => again,
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
