//! Consulting the model: validation and generation at the same time, so that validation adds no wait of its own, and
//! nothing of what was written is handed on before the verdict allows it.

use super::Declined;
use super::context::Brief;
use super::lessons;
use super::verdict_cache::{self, VerdictKey};
use crate::ablation::{self, Switch};
use crate::budget;
use crate::calls::{self, Decline};
use crate::catalog::key_file::{self, MasterKey};
use crate::error::{Refusal, StageResult};
use crate::identity::principal::Principal;
use crate::llm::client::{Client, Task};
use crate::llm::meter::Spent;
use crate::llm::prompts::{Nonces, Turn};
use crate::llm::verdict::{self, Judgement, Verdict};
use crate::llm::writing::{self, Writing};
use crate::llm::{ModelError, ModelSettings, Prompt, Usage, prompts};
use crate::pgx::{pg_try, wait};
use crate::settings;
use crate::statistics::ModelCall;
use crate::statistics::labels::Purpose;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Instant;
use zeroize::Zeroizing;

/// The nonces of prompts that are only digested.
pub(super) const NO_NONCES: Nonces<'static> = Nonces { secret: b"", fresh: "0" };

/// Clients that a session keeps: the first model's and a second one's.
const MOST_CLIENTS: usize = 2;

/// Most questions whose tables a session remembers.
const MOST_KNOWN: usize = 256;

thread_local! {
    /// Names of tables by what they were chosen for: the names offered, the question, the tenant.
    static TABLES: RefCell<HashMap<VerdictKey, Vec<String>>> = RefCell::new(HashMap::new());
    // Kept for the life of the backend, so that connections and credentials are used again.
    static CLIENTS: RefCell<Vec<(ModelSettings, Rc<Client>)>> = const { RefCell::new(Vec::new()) };
}

/// Model calls of one request and their tokens, as far as the endpoint reported them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Replies.
    pub calls: u32,
    /// Their tokens.
    pub usage: Usage,
}

impl Tally {
    pub(super) fn add(&mut self, Spent { calls: replies, usage }: Spent) {
        let replies = u32::try_from(replies).unwrap_or(u32::MAX);
        self.calls = self.calls.saturating_add(replies);
        self.usage.input_tokens = self.usage.input_tokens.saturating_add(usage.input_tokens);
        self.usage.output_tokens = self.usage.output_tokens.saturating_add(usage.output_tokens);
        calls::note(|call| {
            call.model_calls = call.model_calls.saturating_add(replies);
            call.input_tokens = call.input_tokens.saturating_add(usage.input_tokens);
            call.output_tokens = call.output_tokens.saturating_add(usage.output_tokens);
        });
    }
}

/// What came of it.
pub(super) enum Decision {
    /// The question is allowed; nothing was to be written.
    Allowed,
    /// The question is allowed, and this is the model's SQL.
    Written(String),
    /// The question is allowed, and with this SQL the model asked back.
    Both(String),
    /// Not allowed, or not written.
    Declined(Declined),
}

/// What is put to another model at the same time, and not waited for.
pub(super) trait Beside {
    /// Takes what the first is asked.
    fn begin(&mut self, prompt: &Prompt);
    /// Waits for its reply.
    fn come(&mut self) -> Pin<Box<dyn Future<Output = ()> + '_>>;
}

/// A model that can be asked until `deadline`.
pub(super) struct Consultation {
    settings: ModelSettings,
    client: Rc<Client>,
    deadline: Instant,
}

impl Consultation {
    /// This backend's client for what is configured now.
    pub(super) fn open(settings: ModelSettings, deadline: Instant) -> StageResult<Self> {
        let known = CLIENTS.with_borrow(|clients| {
            clients.iter().find(|(known, _)| *known == settings).map(|(_, client)| Rc::clone(client))
        });
        let client = match known {
            Some(client) => client,
            None => {
                let client = Rc::new(Client::open(&settings)?.learning_into(Box::new(lessons::Shared)));
                CLIENTS.with_borrow_mut(|clients| {
                    clients.truncate(MOST_CLIENTS - 1);
                    clients.insert(0, (settings.clone(), Rc::clone(&client)));
                });
                client
            }
        };
        client.watched_by(budget::meter());
        Ok(Consultation { settings, client, deadline })
    }

    /// The tables that the question needs, of those whose names are offered: once for each tenant and question in this session. None
    /// where the reply is none; what a prompt shows is then chosen by words alone.
    pub(super) fn tables(
        &self,
        principal: &Principal,
        names: &[String],
        question: &str,
        history: &[Turn],
        tally: &mut Tally,
    ) -> StageResult<Vec<String>> {
        let digested = prompts::tables(names, question, history, NO_NONCES);
        let key = VerdictKey::new(principal, &self.settings, self.client.model(Task::Validate), &digested);
        if let Some(known) = TABLES.with(|known| known.borrow().get(&key).cloned()) {
            return Ok(known);
        }
        let prompt = prompts::tables(names, question, history, Secrets::fresh()?.nonces());
        let counted = Cell::new(*tally);
        let read = |value: &Value| writing::read_tables(value, names);
        let named = self.waited(self.asked(Purpose::Tables, &prompt, Some(&counted), read));
        *tally = counted.get();
        let named = named?;
        match named {
            Ok(named) => {
                TABLES.with(|known| {
                    let mut known = known.borrow_mut();
                    if known.len() >= MOST_KNOWN {
                        known.clear();
                    }
                    known.insert(key, named.clone());
                });
                Ok(named)
            }
            // Nothing rests on it. A model that cannot be reached is met again by the calls that follow.
            Err(ModelError::Reply(why)) => {
                pg_try::log(&format!("the model named no tables for a question: {why}"));
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Validates the question, and has SQL written for it when `write` says so; by a second model too, which is not waited for.
    pub(super) fn decide(
        &self,
        principal: &Principal,
        brief: &Brief,
        question: &str,
        write: bool,
        second: Option<&mut dyn Beside>,
        tally: &mut Tally,
    ) -> StageResult<Decision> {
        let knowledge = brief.knowledge();
        let is_required = settings::model::validation_is_required() && !ablation::is_off(Switch::Validation);
        let digested = prompts::validation(&knowledge, question, NO_NONCES);
        let key = VerdictKey::new(principal, &self.settings, self.client.model(Task::Validate), &digested);
        let is_known = is_required && verdict_cache::is_allowed(&key);
        let secrets = Secrets::fresh()?;
        let generation = write.then(|| prompts::generation(&knowledge, question, secrets.nonces()));
        let validation =
            (is_required && !is_known).then(|| prompts::validation(&knowledge, question, secrets.nonces()));
        let second = second.zip(generation.as_ref()).map(|(second, prompt)| {
            second.begin(prompt);
            second
        });
        // Set by the two sides, which run in one thread.
        let counted = Cell::new(*tally);
        let is_sequential = settings::model::calls_are_sequential();
        let outcome = self.waited(async {
            let checked = async {
                // A remembered verdict was given behind the guardrail.
                if is_known { Ok(None) } else { self.check(validation.as_ref(), question, &counted).await }
            };
            let written = async {
                match &generation {
                    Some(prompt) => self.write(prompt, &counted).await.map(Some),
                    None => Ok(None),
                }
            };
            // An endpoint that takes one call after the other gets this one when the rows are complete.
            let second = second.filter(|_| !is_sequential);
            beside(allowed_first(checked, written, is_sequential), second).await
        });
        *tally = counted.get();
        let (declined, writing) = outcome??;
        if let Some(declined) = declined {
            return Ok(Decision::Declined(declined));
        }
        if is_required && !is_known {
            verdict_cache::allow(&key);
        }
        Ok(match writing {
            None => Decision::Allowed,
            Some(writing) => decided(writing),
        })
    }

    /// Has the model correct SQL, or ask back, with `prompt`.
    pub(super) fn rewrite(&self, prompt: &Prompt, tally: &mut Tally) -> StageResult<Decision> {
        let counted = Cell::new(*tally);
        let outcome = self.waited(self.write(prompt, &counted));
        *tally = counted.get();
        Ok(decided(outcome??))
    }

    /// An answer in words.
    pub(super) fn tell(&self, prompt: &Prompt, tally: &mut Tally) -> StageResult<Result<String, ModelError>> {
        let counted = Cell::new(*tally);
        let told = self.waited(self.asked(Purpose::Narrate, prompt, Some(&counted), writing::read_answer));
        *tally = counted.get();
        told
    }

    /// Waits until the deadline, and writes to the log what was learned meanwhile.
    pub(super) fn waited<T>(&self, future: impl Future<Output = T>) -> StageResult<T> {
        let outcome = wait::wait(self.deadline, future);
        self.log_notes();
        outcome
    }

    /// Not while a model is waited for: signals are blocked then.
    pub(super) fn log_notes(&self) {
        self.client.take_notes().iter().for_each(|note| pg_try::log(note));
    }

    /// Whether the guardrail lets a question pass.
    pub(super) async fn guarded(&self, question: &str) -> Result<bool, ModelError> {
        self.client.guard(question, self.deadline).await
    }

    /// One verdict, for `validate`.
    pub(super) async fn judge(&self, prompt: &Prompt, question: &str) -> Result<Judgement, ModelError> {
        if !self.client.guard(question, self.deadline).await? {
            return Ok(Judgement {
                verdict: Verdict::Reject,
                reason: "the guardrail intervened".to_owned(),
                message: GUARDED.to_owned(),
            });
        }
        self.asked(Purpose::Validate, prompt, None, |value| verdict::read(value, question)).await
    }

    /// `None` is allowed. The guardrail and the validator run side by side; both must agree.
    async fn check(
        &self,
        validation: Option<&Prompt>,
        question: &str,
        counted: &Cell<Tally>,
    ) -> Result<Option<Declined>, ModelError> {
        // The guardrail speaks first: behind one that intervenes, the validator's own call ends without a verdict.
        let guarded = async {
            let passes = self.client.guard(question, self.deadline).await?;
            let reason = "the guardrail intervened".to_owned();
            Ok((!passes).then(|| Declined { outcome: Decline::Refused, message: GUARDED.to_owned(), reason }))
        };
        let judged = async {
            let Some(prompt) = validation else { return Ok(None) };
            let read = |value: &Value| verdict::read(value, question);
            self.asked(Purpose::Validate, prompt, Some(counted), read).await.map(Some)
        };
        let is_sequential = settings::model::calls_are_sequential();
        let (stopped, judgement) = allowed_first(guarded, judged, is_sequential).await?;
        Ok(stopped.or_else(|| judgement.and_then(declined)))
    }

    /// SQL for comparison alone.
    pub(super) async fn write_beside(&self, prompt: &Prompt, counted: &Cell<Tally>) -> Result<Writing, ModelError> {
        self.asked(Purpose::Shadow, prompt, Some(counted), writing::read).await
    }

    async fn write(&self, prompt: &Prompt, counted: &Cell<Tally>) -> Result<Writing, ModelError> {
        self.asked(Purpose::Write, prompt, Some(counted), writing::read).await
    }

    /// One call of a model, which is counted whatever becomes of it, and what `read` makes of its reply.
    pub(super) async fn asked<T>(
        &self,
        purpose: Purpose,
        prompt: &Prompt,
        counted: Option<&Cell<Tally>>,
        read: impl FnOnce(&Value) -> Result<T, ModelError>,
    ) -> Result<T, ModelError> {
        let task = task(purpose);
        let call = ModelCall::begin(self.client.model(task), purpose);
        let paid = Cell::default();
        let came = self.client.complete(task, prompt, self.deadline, &paid).await;
        let spent: Spent = paid.get();
        if let Some(counted) = counted {
            count(counted, spent);
        }
        let came = came.and_then(|reply| read(&reply.value));
        call.end(&came, spent.usage);
        came
    }
}

fn task(purpose: Purpose) -> Task {
    match purpose {
        Purpose::Validate | Purpose::Tables => Task::Validate,
        Purpose::Write | Purpose::Shadow => Task::Write,
        Purpose::Narrate => Task::Narrate,
    }
}

const GUARDED: &str = "the question was stopped by the guardrail";

fn count(counted: &Cell<Tally>, spent: Spent) {
    let mut tally = counted.get();
    tally.add(spent);
    counted.set(tally);
}

/// Runs both sides at once and decides by `checked` alone: what the other side gives, fault or text, counts only after the
/// question was allowed, and is dropped unread when it was not. In sequence, it does not begin before.
async fn allowed_first<T>(
    checked: impl Future<Output = Result<Option<Declined>, ModelError>>,
    written: impl Future<Output = Result<Option<T>, ModelError>>,
    is_sequential: bool,
) -> Result<(Option<Declined>, Option<T>), ModelError> {
    let (mut checked, mut written) = (pin!(checked), pin!(written));
    let mut early = None;
    let judged = loop {
        tokio::select! {
            biased;
            judged = &mut checked => break judged,
            text = &mut written, if early.is_none() && !is_sequential => early = Some(text),
        }
    };
    if let Some(declined) = judged? {
        return Ok((Some(declined), None));
    }
    let text = match early {
        Some(text) => text,
        None => written.await,
    };
    Ok((None, text?))
}

/// Runs a second model's call on the side, for as long as this takes.
async fn beside<T>(first: impl Future<Output = T>, second: Option<&mut dyn Beside>) -> T {
    let Some(second) = second else { return first.await };
    let mut first = pin!(first);
    tokio::select! {
        biased;
        came = &mut first => return came,
        () = second.come() => {}
    }
    first.await
}

fn declined(judgement: Judgement) -> Option<Declined> {
    let outcome = match judgement.verdict {
        Verdict::Allow => return None,
        Verdict::Clarify => Decline::Clarify,
        Verdict::OutOfScope => Decline::OutOfScope,
        Verdict::Reject => Decline::Refused,
    };
    let Judgement { message, reason, .. } = judgement;
    Some(Declined { outcome, message, reason })
}

fn decided(writing: Writing) -> Decision {
    match writing {
        Writing::Sql(sql) => Decision::Written(sql),
        Writing::Both(sql) => Decision::Both(sql),
        Writing::Clarification(text) => {
            let reason = "the model asks back instead of writing SQL".to_owned();
            Decision::Declined(Declined { outcome: Decline::Clarify, message: text, reason })
        }
    }
}

/// What makes the tags of a prompt, which a caller cannot predict.
pub(super) struct Secrets {
    lasting: MasterKey,
    fresh: String,
}

impl Secrets {
    /// Those of one question. Without a key file, which only an administrator can be, nothing lasts.
    pub(super) fn fresh() -> StageResult<Self> {
        let lasting = match key_file::derived("nonces of prompts") {
            Ok(secret) => secret,
            Err(_) => Zeroizing::new(key_file::random().map_err(Refusal::no_random_bytes)?),
        };
        let fresh = key_file::random::<8>().map(hex::encode).map_err(Refusal::no_random_bytes)?;
        Ok(Secrets { lasting, fresh })
    }

    pub(super) fn nonces(&self) -> Nonces<'_> {
        Nonces { secret: self.lasting.as_slice(), fresh: &self.fresh }
    }
}
