//! What is known of the call that runs: noted by the stages on its way, and read once when it ends, however it ends.
//!
//! For the audit log, the counters and the server log. Nothing here decides anything.

use crate::error::Refusal;
use crate::identity::{Principal, SignedContext};
use crate::pgx::entry::EntryPoint;
use crate::reason::Reason;
use crate::timings::SharedTimings;
use std::cell::RefCell;
use std::time::Instant;
use uuid::Uuid;

thread_local! {
    /// The innermost last.
    static RUNNING: RefCell<Vec<CallRecord>> = const { RefCell::new(Vec::new()) };
}

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asker {
    /// Of the context, or of the identity.
    pub tenant: String,
    /// As above.
    pub business: String,
    /// As above.
    pub subject: String,
    /// As above.
    pub key_id: String,
    /// Whether layer 1 has verified it. Otherwise it is what the context claims.
    pub is_verified: bool,
}

/// How a question ended without SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decline {
    /// It is not clear; the message asks back.
    Clarify,
    /// It is not about the data of the plane.
    OutOfScope,
    /// It was rejected.
    Refused,
}

impl Decline {
    /// As the document says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Decline::Clarify => "clarify",
            Decline::OutOfScope => "out_of_scope",
            Decline::Refused => "refused",
        }
    }
}

/// How a call ended that was not refused by an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With rows.
    Answered,
    /// With what would have been run.
    DryRun,
    /// By layer 2.
    Declined(Decline),
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 5] = [
        Outcome::Answered,
        Outcome::DryRun,
        Outcome::Declined(Decline::Clarify),
        Outcome::Declined(Decline::OutOfScope),
        Outcome::Declined(Decline::Refused),
    ];

    /// As the document says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::DryRun => "dry_run",
            Outcome::Declined(decline) => decline.as_str(),
        }
    }
}

/// Whether the audit log has an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It was not tried.
    No,
    /// It was tried in vain, which is a gap.
    Failed,
    /// It has.
    Written,
}

/// One call of `ask`, `ask_rows` or `ask_dry_run`.
pub struct CallRecord {
    /// Which of them.
    pub entry_point: EntryPoint,
    /// The number that its document carries.
    pub query_id: Uuid,
    /// When it began.
    pub started: Instant,
    /// Who asks; `None` where the context cannot be read.
    pub asker: Option<Asker>,
    /// The question in words.
    pub question: Option<String>,
    /// The SQL that was tried last, whoever wrote it.
    pub sql: Option<String>,
    /// Who wrote it, as the document says it.
    pub source: Option<&'static str>,
    /// Relations of the plane that it reads, if it was proved.
    pub relations: Vec<String>,
    /// Nodes of a cluster that its plan runs on, as `host:port`, if they are known.
    pub nodes: Vec<String>,
    /// The name of the form of the data server whose rows it reads, where that takes no claims.
    pub form: Option<&'static str>,
    /// How it ended, unless with an error.
    pub outcome: Option<Outcome>,
    /// Rows delivered.
    pub rows: u64,
    /// Their bytes: of the JSON text, or of the tuples.
    pub bytes: u64,
    /// Replies of models.
    pub model_calls: u32,
    /// Their tokens.
    pub input_tokens: u64,
    /// As above.
    pub output_tokens: u64,
    /// Whether the audit log says that a model is asked.
    pub is_intent_recorded: bool,
    /// Whether its answer is in the audit log.
    pub recorded: Recorded,
    /// How long its stages took.
    pub timings: Option<SharedTimings>,
}

impl CallRecord {
    fn new(entry_point: EntryPoint) -> Self {
        CallRecord {
            entry_point,
            query_id: Uuid::new_v4(),
            started: Instant::now(),
            asker: None,
            question: None,
            sql: None,
            source: None,
            relations: Vec::new(),
            nodes: Vec::new(),
            form: None,
            outcome: None,
            rows: 0,
            bytes: 0,
            model_calls: 0,
            input_tokens: 0,
            output_tokens: 0,
            is_intent_recorded: false,
            recorded: Recorded::No,
            timings: None,
        }
    }

    /// How it ended, as a word: `error` for a refusal, unless it tells the caller of `ask_rows`, who can be given no message, what layer 2
    /// said.
    pub fn outcome_of(&self, refusal: Option<&Refusal>) -> &'static str {
        match (self.outcome, refusal) {
            (Some(outcome), None) => outcome.as_str(),
            (Some(Outcome::Declined(decline)), Some(refusal)) if refusal.reason == Reason::Argument => decline.as_str(),
            (None, None) => Outcome::Answered.as_str(),
            (_, Some(_)) => "error",
        }
    }

    /// Who asks, as far as the context says it: to be called before it is verified.
    pub fn claim(&mut self, context: &SignedContext) {
        let claimed = |header| context.claimed(header).to_owned();
        self.asker = Some(Asker {
            tenant: claimed("x-splitplane-tenant"),
            business: claimed("x-splitplane-business"),
            subject: claimed("x-splitplane-subject"),
            key_id: context.key_id().to_owned(),
            is_verified: false,
        });
    }

    /// Who asks, verified.
    pub fn verified(&mut self, principal: &Principal) {
        self.asker = Some(Asker {
            tenant: principal.tenant().to_owned(),
            business: principal.business().to_owned(),
            subject: principal.subject().to_owned(),
            key_id: principal.identity().key_id().to_owned(),
            is_verified: true,
        });
    }
}

/// A call begins.
pub fn begin(entry_point: EntryPoint) {
    RUNNING.with_borrow_mut(|running| running.push(CallRecord::new(entry_point)));
}

/// Notes something of the call that runs.
pub fn note(noted: impl FnOnce(&mut CallRecord)) {
    RUNNING.with_borrow_mut(|running| running.last_mut().map(noted));
}

/// Something that was noted of the call that runs.
pub fn read<T>(of: impl FnOnce(&CallRecord) -> T) -> Option<T> {
    RUNNING.with_borrow(|running| running.last().map(of))
}

/// The call has ended.
pub fn end() -> Option<CallRecord> {
    RUNNING.with_borrow_mut(Vec::pop)
}
