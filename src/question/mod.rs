//! Layer 2 and generation, on the server's side: from a verified principal's question to SQL that may be tried.
//!
//! Requires: a verified principal. Produces: `UntrustedSql`, which only this module makes, and for a question only after
//! a positive verdict (or a deterministic match, or where the superuser switched validation off). Whatever goes wrong on
//! the way is a refusal. Nothing is executed here, and no lock, snapshot or SPI connection of ours is held while a model is
//! waited for.

mod answers;
mod batch;
mod check;
mod context;
mod conversation;
pub mod description;
mod lessons;
mod narrate;
pub mod registered;
mod repair;
mod session;
mod shadow;
mod spending;
mod verdict_cache;

use crate::ablation::{self, Switch};
use crate::audit_log;
use crate::calls::Decline;
use crate::error::{Refusal, StageResult, State};
use crate::identity::principal::Principal;
use crate::llm::screen::{self, ScreenError, Screened};
use crate::llm::{ModelError, Provider, prompts};
use crate::reason::Reason;
use crate::settings;
use context::Brief;
use conversation::Conversation;
use registered::Questions;
use session::{Beside, Consultation, Decision};
use shadow::Shadow;
use spending::Plan;
use std::rc::Rc;
use std::time::Instant;

pub use answers::{Rated, rate};
pub use batch::validate;
pub use check::check_model;
pub use lessons::init;
pub use narrate::Told;
pub use session::Tally;
pub use shadow::Second;
pub use spending::budget_needs;

/// Who wrote a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The caller passed it: an LLM outside wrote it.
    Caller,
    /// The model, for this question.
    Model,
    /// An administrator: a verified query or a metric.
    VerifiedQuery,
}

impl Source {
    /// As the document says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Caller => "caller",
            Source::Model => "model",
            Source::VerifiedQuery => "verified_query",
        }
    }
}

/// SQL that may be tried: layer 2 has let it through, layer 3 must still confine it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntrustedSql {
    text: String,
    source: Source,
}

impl UntrustedSql {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Who wrote it.
    pub fn source(&self) -> Source {
        self.source
    }
}

/// A question that layer 2 did not let through, or that the model could not put into SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declined {
    /// Which way.
    pub outcome: Decline,
    /// For the caller.
    pub message: String,
    /// For the server log.
    pub reason: String,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Understood {
    /// SQL to try.
    Sql(UntrustedSql),
    /// SQL, and a question back at the same time: to be asked again, or refused.
    Both(UntrustedSql),
    /// A message instead.
    Declined(Declined),
}

/// A request that passed layer 1, on its way through layer 2.
pub struct Asked {
    principal: Rc<Principal>,
    question: Option<String>,
    conversation: Option<Conversation>,
    deadline: Instant,
    brief: Option<Brief>,
    /// Verified queries and metrics in place of all that are registered.
    known: Option<Rc<Questions>>,
    /// Whether a second model may be asked, too.
    is_comparable: bool,
    /// That one.
    shadow: Option<Shadow>,
    tally: Tally,
}

impl Asked {
    /// Takes a verified principal's request. `conversation` is the id that the caller gave.
    ///
    /// # Errors
    /// 22023 for a conversation without a question, 42501 for one of another principal, 55000 where none can be kept.
    pub fn new(
        principal: Rc<Principal>,
        question: Option<String>,
        conversation: Option<String>,
        deadline: Instant,
    ) -> StageResult<Self> {
        let conversation = match (conversation, &question) {
            (None, _) => None,
            (Some(_), None) => return Err(Refusal::new(State::Argument, "a conversation needs a question")),
            (Some(id), Some(_)) => Some(Conversation::open(id, &principal)?),
        };
        Ok(Asked {
            principal,
            question,
            conversation,
            deadline,
            brief: None,
            known: None,
            is_comparable: false,
            shadow: None,
            tally: Tally::default(),
        })
    }

    /// The same, to be answered as if no other verified queries and metrics were registered than these.
    #[must_use]
    pub fn knowing(self, known: Rc<Questions>) -> Self {
        Asked { known: Some(known), ..self }
    }

    /// A second model's SQL will be compared with the answer, where one is configured.
    pub fn may_be_compared(&mut self) {
        self.is_comparable = true;
    }

    /// Whether there is a question, or only SQL.
    pub fn is_question(&self) -> bool {
        self.question.is_some()
    }

    /// Tokens and calls so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The conversation's id, if there is one.
    pub fn conversation_id(&self) -> Option<&str> {
        self.conversation.as_ref().map(Conversation::id)
    }

    /// Layer 2, and generation at the same time where the caller passed no SQL.
    ///
    /// # Errors
    /// 22023 for a blank or binary question, 54001 for one that is too long, 55000 when there is no model, or a fault of the model
    /// or of its reply (08006, 38000, 57014).
    pub fn understand(&mut self, sql: Option<String>) -> StageResult<Understood> {
        let Some(question) = self.question.clone() else {
            return sql
                .map(|sql| from(sql, Source::Caller))
                .ok_or_else(|| Refusal::internal("a request with neither a question nor SQL passed layer 1"));
        };
        match screen::check(&question, settings::model::max_question_bytes())? {
            Screened::Question => {}
            Screened::Suspicious(_) if ablation::is_off(Switch::Validation) => {}
            Screened::Suspicious(why) => return Ok(suspicious(why)),
        }
        let registered = match &self.known {
            Some(known) => Rc::clone(known),
            None => registered::current()?,
        };
        // A deterministic match is a verdict, too: SQL with a verified question needs no other.
        if let Some(known) = registered.catalogue.exact(&question) {
            return Ok(match sql {
                Some(sql) => from(sql, Source::Caller),
                None => from(known.sql.clone(), Source::VerifiedQuery),
            });
        }
        let model = settings::model::model();
        if model.provider != Provider::None && !model.names_a_model() {
            // SQL beside the question does not help: somebody wants questions to be validated, and that cannot be done.
            return Err(no_model_named());
        }
        if model.provider == Provider::None {
            // Without a model there is no layer 2: SQL of the caller's own goes to layer 3 as it does without a question.
            return sql.map(|sql| from(sql, Source::Caller)).ok_or_else(no_model);
        }
        let history = self.conversation.as_ref().map_or(&[][..], Conversation::turns);
        let write = sql.is_none();
        let names = context::names_to_choose_from(&question)?;
        let known = match &names {
            Some(_) => None,
            None => Some(Brief::gather(&registered, &question, history, &[], write)?),
        };
        let tables = names.as_ref().map(|names| prompts::tables(names, &question, history, session::NO_NONCES));
        let shadow = if write && self.is_comparable { shadow::drawn()? } else { None };
        let beside = shadow.as_deref();
        Plan { model: &model, question: &question, tables, brief: known.as_ref(), write, shadow: beside }.reserve()?;
        self.shadow = shadow.and_then(|second| Shadow::open(second, &model, self.deadline));
        let consultation = Consultation::open(model, self.deadline)?;
        audit_log::calls::intent()?;
        let brief = match (known, names) {
            (Some(brief), _) => brief,
            (None, names) => {
                let names = names.unwrap_or_default();
                let wanted = consultation.tables(&self.principal, &names, &question, history, &mut self.tally)?;
                Brief::gather(&registered, &question, history, &wanted, write)?
            }
        };
        let second = self.shadow.as_mut().map(|shadow| shadow as &mut dyn Beside);
        let decision = consultation.decide(&self.principal, &brief, &question, write, second, &mut self.tally);
        self.brief = Some(brief);
        Ok(match (decision?, sql) {
            (Decision::Declined(declined), _) => Understood::Declined(declined),
            (Decision::Written(written), None) => {
                Understood::Sql(UntrustedSql { text: written, source: Source::Model })
            }
            (Decision::Both(written), None) => Understood::Both(UntrustedSql { text: written, source: Source::Model }),
            (Decision::Allowed, Some(sql)) => from(sql, Source::Caller),
            // Asked to write, it returned nothing; or it wrote although the caller had passed SQL.
            (Decision::Allowed, None) | (Decision::Written(_) | Decision::Both(_), Some(_)) => {
                return Err(Refusal::internal("the model session returned another kind of result than was requested"));
            }
        })
    }

    /// Keeps the question and the SQL that answered it, if this is a conversation. Call it last: it writes.
    pub fn keep(&self, sql: Option<&str>) -> StageResult<()> {
        match (&self.conversation, &self.question) {
            (Some(conversation), Some(question)) => conversation.keep(&self.principal, question, sql),
            (None, _) | (Some(_), None) => Ok(()),
        }
    }
}

fn from(text: String, source: Source) -> Understood {
    Understood::Sql(UntrustedSql { text, source })
}

/// Refuses where no model is there to be asked.
///
/// # Errors
/// 55000.
pub fn refuse_without_model() -> StageResult<()> {
    let model = settings::model::model();
    match model.provider {
        Provider::None => Err(no_model()),
        _ if !model.names_a_model() => Err(no_model_named()),
        _ => Ok(()),
    }
}

fn no_model() -> Refusal {
    Refusal::new(State::Unsafe, "no model is configured to answer a question; give the SQL with sql => ..")
}

fn no_model_named() -> Refusal {
    Refusal::new(
        State::Unsafe,
        "splitplane.model names no model to answer a question; docs/models.md lists models by purpose",
    )
}

fn suspicious(why: &str) -> Understood {
    Understood::Declined(Declined {
        outcome: Decline::Refused,
        message: "the question holds text that poses as part of the talk with the model; ask in plain words".to_owned(),
        reason: format!("rejected before any model saw it: {why}"),
    })
}

impl From<ScreenError> for Refusal {
    fn from(error: ScreenError) -> Self {
        let state = match error {
            ScreenError::TooLong(_) => State::TooComplex,
            ScreenError::Empty | ScreenError::Binary => State::Argument,
        };
        Refusal::new(state, error.to_string())
    }
}

impl From<ModelError> for Refusal {
    fn from(error: ModelError) -> Self {
        let state = match &error {
            ModelError::Unreachable { .. } => State::ModelUnreachable,
            ModelError::Refused { .. } | ModelError::Reply(_) | ModelError::Configuration(_) => State::ModelRefused,
            ModelError::Deadline => State::Cancelled,
            ModelError::Budget | ModelError::Later { .. } => State::Limit,
        };
        let refusal = Refusal::new(state, error.to_string());
        let refusal = match &error {
            ModelError::Budget => refusal.because(Reason::Budget),
            // The endpoint's limit, not one of ours.
            ModelError::Later { .. } => refusal.because(Reason::ModelRefused),
            _ => refusal,
        };
        match error.detail() {
            Some(detail) => refusal.with_detail(detail),
            None => refusal,
        }
    }
}
