//! What the counters are called, and which place each of them has.

use crate::calls::Outcome;
use crate::pgx::entry::EntryPoint;
use crate::reason::Reason;

/// The stages of a call whose times are counted, in its order; the last is the call as a whole.
pub const STAGES: [&str; 12] = [
    "verify",
    "understand",
    "gate",
    "parents",
    "attach",
    "prove",
    "plan",
    "run",
    "encode",
    "narrate",
    "repair",
    "total",
];

/// The stage that runs when `last` has ended.
pub fn under_way(last: Option<&str>, is_question: bool) -> &'static str {
    match last {
        None => "verify",
        Some("verify") if is_question => "understand",
        Some("verify" | "understand" | "repair") => "gate",
        Some("gate" | "parents") => "attach",
        Some("attach") => "prove",
        Some("prove") => "plan",
        Some("plan") => "run",
        Some("run") => "encode",
        Some(_) => "narrate",
    }
}

/// How a call ended: with a document or rows, or with an error and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Not by an error.
    With(Outcome),
    /// By an error.
    Error(Reason),
}

/// Ends that a call can come to.
pub const ENDS: usize = Outcome::ALL.len() + Reason::ALL.len();

impl End {
    /// All of them, each at its place.
    pub fn all() -> impl Iterator<Item = End> {
        Outcome::ALL.into_iter().map(End::With).chain(Reason::ALL.into_iter().map(End::Error))
    }

    /// Its place among them.
    pub fn place(self) -> usize {
        End::all().position(|end| end == self).unwrap_or(ENDS - 1)
    }

    /// As the view says it.
    pub const fn outcome(self) -> &'static str {
        match self {
            End::With(outcome) => outcome.as_str(),
            End::Error(_) => "error",
        }
    }

    /// As the view says it.
    pub const fn reason(self) -> &'static str {
        match self {
            End::With(_) => "none",
            End::Error(reason) => reason.as_str(),
        }
    }
}

/// The place of an entry point.
pub fn entry_point(entry_point: EntryPoint) -> usize {
    EntryPoint::ALL.iter().position(|known| *known == entry_point).unwrap_or(0)
}

/// What a model is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A verdict on a question.
    Validate,
    /// SQL for a question, also when it is repaired.
    Write,
    /// An answer in words.
    Narrate,
    /// The tables that a question needs.
    Tables,
    /// SQL of a second model, for comparison.
    Shadow,
}

impl Purpose {
    /// Those of the models that answer.
    pub const ALL: [Purpose; 4] = [Purpose::Validate, Purpose::Write, Purpose::Narrate, Purpose::Tables];

    /// As the view says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Purpose::Validate => "validate",
            Purpose::Write => "write",
            Purpose::Narrate => "narrate",
            Purpose::Tables => "tables",
            Purpose::Shadow => "shadow",
        }
    }
}

/// What a second model's SQL gave beside the first's: rows of its own in the views, of this purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// The same rows.
    Agrees,
    /// Other rows.
    Differs,
    /// None: it asked back, failed, or was refused.
    Fails,
    /// It was not run: too little of the deadline was left.
    Skipped,
}

impl Beside {
    /// All of them, each at its place.
    pub const ALL: [Beside; 4] = [Beside::Agrees, Beside::Differs, Beside::Fails, Beside::Skipped];
    /// What the view calls their purpose.
    pub const PURPOSE: &str = "compare";

    /// As the view says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Beside::Agrees => "agrees",
            Beside::Differs => "differs",
            Beside::Fails => "fails",
            Beside::Skipped => "skipped",
        }
    }
}

/// What came of a model call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelResult {
    /// A reply that could be used.
    Ok,
    /// No connection, or no answer.
    Unreachable,
    /// The endpoint answered with an error.
    Refused,
    /// A reply that could not be used.
    Unusable,
    /// No usable credentials, region, key or endpoint.
    Configuration,
    /// The call's time was over.
    Deadline,
    /// Nobody waited for the reply any more: the question was declined meanwhile, or the call cancelled.
    Abandoned,
}

impl ModelResult {
    /// All of them, each at its place.
    pub const ALL: [ModelResult; 7] = [
        ModelResult::Ok,
        ModelResult::Unreachable,
        ModelResult::Refused,
        ModelResult::Unusable,
        ModelResult::Configuration,
        ModelResult::Deadline,
        ModelResult::Abandoned,
    ];

    /// As the view says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            ModelResult::Ok => "ok",
            ModelResult::Unreachable => "unreachable",
            ModelResult::Refused => "refused",
            ModelResult::Unusable => "unusable",
            ModelResult::Configuration => "configuration",
            ModelResult::Deadline => "deadline",
            ModelResult::Abandoned => "abandoned",
        }
    }
}

/// What stands for all that found no place in a table. No tenant can have the name: `*` is in no identity.
pub const OTHERS: &str = "*others";
