//! Why the gate refused a text. Messages are one sentence of constants and of words that the caller wrote, shortened
//! and without control characters; what the parser said in full is for the server log only.

use thiserror::Error;

/// Result of every step of the gate.
pub type GateResult<T> = Result<T, GateError>;

/// The longest piece of the caller's text that a message repeats, in characters.
const LONGEST_QUOTE: usize = 64;

/// What sort of refusal it is; the server chooses the SQLSTATE from this alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GateErrorKind {
    /// More bytes or tokens than admitted (54001).
    TooLong,
    /// Nested or chained deeper than any parser should be made to follow (54001).
    TooComplex,
    /// No statement at all (42601).
    Empty,
    /// Not SQL (42601).
    Syntax,
    /// Several statements in one text (0A000).
    NotOneStatement,
    /// A statement that is no query (0A000).
    NotSelect,
    /// A query with a construct that the plane does not admit (0A000).
    Construct,
    /// PostgreSQL may accept it, but the gate cannot read it (0A000).
    UnsupportedByGate,
    /// A character that no honest query contains (22023).
    Character,
    /// A parameter such as $1, for which there is no value (42601).
    Parameter,
    /// GROUP BY ALL without a list, which other systems have and PostgreSQL has not (42601).
    GroupByAll,
}

/// A refusal by the gate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GateError {
    /// More `unit`s than `limit`.
    #[error("the SQL is longer than {limit} {unit}")]
    TooLong { unit: &'static str, limit: usize },
    /// More of `what` than `limit`.
    #[error("the SQL is too complex: more than {limit} {what}")]
    TooComplex { what: &'static str, limit: usize },
    /// Nothing but white space, comments and semicolons.
    #[error("the SQL is empty")]
    Empty,
    /// `near` is empty or ` near "word"`.
    #[error("{problem}{near}")]
    Syntax {
        problem: &'static str,
        near: String,
        /// For the server log.
        detail: String,
    },
    #[error("only one statement is admitted")]
    NotOneStatement,
    #[error("statement kind {kind} is not admitted")]
    NotSelect { kind: String },
    #[error("{construct} is not admitted")]
    Construct { construct: &'static str },
    #[error("SQL that the gate cannot read{near}")]
    UnsupportedByGate { near: String, detail: String },
    #[error("the SQL contains {what}")]
    Character { what: &'static str },
    #[error("the SQL contains a parameter, for which there is no value")]
    Parameter,
    #[error("PostgreSQL has no GROUP BY ALL without a list: name the columns to group by")]
    GroupByAll,
}

impl GateError {
    /// The sort of refusal, from which the server chooses the SQLSTATE.
    #[must_use]
    pub fn kind(&self) -> GateErrorKind {
        match self {
            Self::TooLong { .. } => GateErrorKind::TooLong,
            Self::TooComplex { .. } => GateErrorKind::TooComplex,
            Self::Empty => GateErrorKind::Empty,
            Self::Syntax { .. } => GateErrorKind::Syntax,
            Self::NotOneStatement => GateErrorKind::NotOneStatement,
            Self::NotSelect { .. } => GateErrorKind::NotSelect,
            Self::Construct { .. } => GateErrorKind::Construct,
            Self::UnsupportedByGate { .. } => GateErrorKind::UnsupportedByGate,
            Self::Character { .. } => GateErrorKind::Character,
            Self::Parameter => GateErrorKind::Parameter,
            Self::GroupByAll => GateErrorKind::GroupByAll,
        }
    }

    /// What the parser said, for the server log. It may repeat any part of the text: never for the caller.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Syntax { detail, .. } | Self::UnsupportedByGate { detail, .. } => Some(detail.as_str()),
            Self::TooLong { .. }
            | Self::TooComplex { .. }
            | Self::Empty
            | Self::NotOneStatement
            | Self::NotSelect { .. }
            | Self::Construct { .. }
            | Self::Character { .. }
            | Self::Parameter
            | Self::GroupByAll => None,
        }
    }

    pub(super) fn syntax(problem: &'static str) -> Self {
        Self::Syntax { problem, near: String::new(), detail: String::new() }
    }

    pub(super) fn syntax_near(problem: &'static str, text: &str) -> Self {
        Self::Syntax { problem, near: near(text), detail: String::new() }
    }

    pub(super) fn construct(construct: &'static str) -> Self {
        Self::Construct { construct }
    }
}

/// ` near "text"`, or nothing when there is no text.
pub(super) fn near(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" near \"{}\"", printable(text)) }
}

/// The caller's words as a message may repeat them.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_QUOTE).collect()
}

/// Refuses a construct if it is there.
pub(super) fn refuse_if(present: bool, construct: &'static str) -> GateResult<()> {
    if present { Err(GateError::construct(construct)) } else { Ok(()) }
}
