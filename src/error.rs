//! Every refusal of the extension and its SQLSTATE, in one place.
//!
//! A stage returns `Result<_, Refusal>`; only `pgx::entry` turns a refusal into a PostgreSQL ERROR. The message
//! crosses to the caller and holds constants or names that the caller wrote; `detail` goes to the server log only.

use crate::reason::Reason;
use std::fmt;

/// The SQLSTATEs that a caller may see (reference: docs/reference-sqlstates.md). `Server` carries PostgreSQL's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// 28000: any failure of layer 1.
    Identity,
    /// 42501: a function, type or privilege outside the plane.
    OutsidePlane,
    /// 42P01: a relation outside the plane, whether it exists elsewhere or not.
    UnknownRelation,
    /// 0A000: a construct that the plane does not admit.
    NotAdmitted,
    /// 42601: SQL that does not parse.
    Syntax,
    /// 54001: too long, too deep, too complex.
    TooComplex,
    /// 53400: over a configured limit.
    Limit,
    /// 57014: deadline or cancel.
    Cancelled,
    /// 22023: malformed argument.
    Argument,
    /// 55000: not preloaded, or a configuration that doctor() names.
    Unsafe,
    /// 42804: the answer's columns do not fit the column definition list of `ask_rows`.
    ResultShape,
    /// 42704: nothing of the caller's has this id.
    UnknownObject,
    /// 42710: it was done already.
    DuplicateObject,
    /// 08006: the model endpoint cannot be reached.
    ModelUnreachable,
    /// 08006: a data server cannot be reached.
    DataServer,
    /// 38000: the model endpoint refused, or its reply cannot be used.
    ModelRefused,
    /// XX000: a defect of ours or of the server; the server log has the details.
    Internal,
    /// An error of PostgreSQL over the caller's own text or rows, by its packed SQLSTATE.
    Server(i32),
}

impl State {
    /// The packed SQLSTATE, as `ereport` takes it.
    pub fn code(self) -> i32 {
        packed(match self {
            State::Identity => b"28000",
            State::OutsidePlane => b"42501",
            State::UnknownRelation => b"42P01",
            State::NotAdmitted => b"0A000",
            State::Syntax => b"42601",
            State::TooComplex => b"54001",
            State::Limit => b"53400",
            State::Cancelled => b"57014",
            State::Argument => b"22023",
            State::Unsafe => b"55000",
            State::ResultShape => b"42804",
            State::UnknownObject => b"42704",
            State::DuplicateObject => b"42710",
            State::ModelUnreachable | State::DataServer => b"08006",
            State::ModelRefused => b"38000",
            State::Internal => b"XX000",
            State::Server(code) => return code,
        })
    }

    /// The word for it where nothing more is known.
    fn reason(self) -> Reason {
        match self {
            State::Identity => Reason::Headers,
            State::OutsidePlane => Reason::OutsidePlane,
            State::UnknownRelation => Reason::UnknownRelation,
            State::NotAdmitted => Reason::NotAdmitted,
            State::Syntax => Reason::Syntax,
            State::TooComplex => Reason::TooComplex,
            State::Limit => Reason::Limit,
            State::Cancelled => Reason::Cancelled,
            State::Argument | State::UnknownObject | State::DuplicateObject => Reason::Argument,
            State::Unsafe => Reason::Configuration,
            State::ResultShape => Reason::ResultShape,
            State::ModelUnreachable => Reason::ModelUnreachable,
            State::DataServer => Reason::DataServer,
            State::ModelRefused => Reason::ModelRefused,
            State::Internal => Reason::Internal,
            // PostgreSQL's own errors of a kind that we have a word for.
            State::Server(code) => [State::Syntax, State::Cancelled, State::TooComplex, State::OutsidePlane]
                .into_iter()
                .find(|known| known.code() == code)
                .map_or(Reason::Server, State::reason),
        }
    }

    /// Whether a statement was ended by a cancel of the caller's or its statement_timeout, which are PostgreSQL's own errors; one that
    /// our deadline ended is `Cancelled`.
    pub fn is_from_outside(self) -> bool {
        self == State::Server(packed(b"57014"))
    }

    /// Its five characters.
    pub fn sqlstate(self) -> String {
        unpacked(self.code())
    }
}

/// Packs the five characters of a SQLSTATE as PostgreSQL's `MAKE_SQLSTATE` does: six bits each, the first lowest.
pub const fn packed(sqlstate: &[u8; 5]) -> i32 {
    let [one, two, three, four, five] = *sqlstate;
    six_bits(one) + (six_bits(two) << 6) + (six_bits(three) << 12) + (six_bits(four) << 18) + (six_bits(five) << 24)
}

/// Packs the two characters of a class: what the SQLSTATEs of it have in their lowest twelve bits.
pub const fn packed_class(class: &[u8; 2]) -> i32 {
    six_bits(class[0]) + (six_bits(class[1]) << 6)
}

/// The class of a packed SQLSTATE.
pub const fn class_of(code: i32) -> i32 {
    code & 0xfff
}

const fn six_bits(character: u8) -> i32 {
    (character as i32 - b'0' as i32) & 0x3f
}

/// The five characters of a packed SQLSTATE.
fn unpacked(code: i32) -> String {
    (0..5).map(|place| char::from(u8::try_from((code >> (6 * place)) & 0x3f).unwrap_or(0) + b'0')).collect()
}

/// One refusal: what the caller reads, and what only the server log gets.
#[derive(Clone)]
pub struct Refusal {
    /// Chooses the SQLSTATE.
    pub state: State,
    /// The word for it in the audit log and the counters.
    pub reason: Reason,
    /// One sentence for the caller.
    pub message: String,
    /// Whose sentence it is.
    pub words: Words,
    /// The name that the sentence says is not there.
    pub missing: Option<Missing>,
    /// Whether it is over a view that the text reads, and not over the text.
    pub is_of_view: bool,
    /// For the server log; never sent to the caller.
    pub detail: Option<String>,
}

/// Whose words a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// Ours: a name stands as the caller wrote it. Or a function's own.
    AsTheyAre,
    /// PostgreSQL's: functions and types are named with schemas, which the caller need not know.
    Servers,
}

/// A name that was not found, without its qualification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Of a relation or its alias.
    Relation(String),
    /// Of a column.
    Column(String),
}

/// The result type of every stage.
pub type StageResult<T> = Result<T, Refusal>;

/// The one message of layer 1: it must not say which check failed.
pub const IDENTITY_MESSAGE: &str = "the signed context was refused";

/// The caller's message while the plane is shut, first raised by the statement that touched a reserved row.
pub const SHUT_MESSAGE: &str = "a tripwire was touched, and the plane is shut until an administrator reopens it";

impl Refusal {
    /// A refusal with a message and nothing more.
    pub fn new(state: State, message: impl Into<String>) -> Self {
        Refusal {
            state,
            reason: state.reason(),
            message: message.into(),
            words: Words::AsTheyAre,
            missing: None,
            is_of_view: false,
            detail: None,
        }
    }

    /// The same refusal with a reason for the server log.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same refusal by a closer word.
    #[must_use]
    pub fn because(mut self, reason: Reason) -> Self {
        self.reason = reason;
        self
    }

    /// The same refusal as one over a view that the text reads.
    #[must_use]
    pub fn of_view(mut self) -> Self {
        self.is_of_view = true;
        self
    }

    /// Any failure of layer 1: one constant message; the detail goes to the server log, and no reason to the caller.
    pub fn identity(reason: Reason, detail: impl Into<String>) -> Self {
        Refusal::new(State::Identity, IDENTITY_MESSAGE).because(reason).with_detail(detail)
    }

    /// A function outside the plane; the same words whether it exists or not.
    pub fn function(name: &str) -> Self {
        Refusal::new(State::OutsidePlane, format!("function \"{}\" is not in the plane", clip(name)))
    }

    /// An operator outside the plane.
    pub fn operator(name: &str) -> Self {
        Refusal::new(State::OutsidePlane, format!("operator \"{}\" is not in the plane", clip(name)))
    }

    /// An untyped literal in the place of a catalog object's name, which PostgreSQL looks up; the same words whatever it finds.
    pub fn catalog_object() -> Self {
        Refusal::new(
            State::OutsidePlane,
            "a text search configuration or another object of the catalog, named in a literal, is not in the plane",
        )
    }

    /// A type outside the plane; the same words whether it exists or not.
    pub fn type_name(name: &str) -> Self {
        Refusal::new(State::OutsidePlane, format!("type \"{}\" is not in the plane", clip(name)))
    }

    /// A relation outside the plane; the same words whether it exists or not. `qualification` is what was written before the name.
    pub fn relation(qualification: [Option<String>; 2], name: &str) -> Self {
        let written = qualification.into_iter().flatten().chain([name.to_owned()]).collect::<Vec<_>>().join(".");
        let missing = Some(Missing::Relation(name.to_owned()));
        let message = format!("relation \"{}\" is not in the plane", clip(&written));
        Refusal { missing, ..Refusal::new(State::UnknownRelation, message) }
    }

    /// A construct that the plane does not admit.
    pub fn construct(name: &str) -> Self {
        Refusal::new(State::NotAdmitted, format!("{name} is not admitted in the plane"))
    }

    /// A defect of ours or of the server: the caller learns nothing of it, the log has the reason.
    pub fn internal(reason: impl Into<String>) -> Self {
        Refusal::new(State::Internal, "internal error; the server log has the details").with_detail(reason)
    }

    /// The operating system gave no random bytes.
    pub fn no_random_bytes(reason: impl fmt::Display) -> Self {
        Refusal::new(State::Internal, "no random bytes could be had").with_detail(reason.to_string())
    }

    /// A call that was still under way at its deadline.
    pub fn late() -> Self {
        Refusal::new(State::Cancelled, "the call took longer than splitplane.deadline allows")
    }

    /// This refusal of a call that its own clock cancelled: a cancel is then nobody's request.
    #[must_use]
    pub fn at_deadline(self) -> Self {
        if self.state.sqlstate() == State::Cancelled.sqlstate() { Refusal::late() } else { self }
    }

    /// A call that would grow by more than `splitplane.max_memory`.
    pub fn over_memory() -> Self {
        Refusal::new(State::Limit, "the call needed more memory than splitplane.max_memory allows")
    }

    /// The machine, not a setting of ours, gave no more memory.
    pub fn out_of_memory() -> Self {
        Refusal::new(State::Limit, "the server has no memory left for this call")
    }

    /// A check that can only fail when our own code is wrong, or when the gate's parser was deceived.
    pub fn proof(reason: impl Into<String>) -> Self {
        Refusal::new(State::OutsidePlane, "the statement could not be proved to stay in the plane")
            .because(Reason::Proof)
            .with_detail(reason)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.state, self.message)
    }
}

/// Names in messages are the caller's own; they are cut so that a message stays a sentence.
pub fn clip(name: &str) -> String {
    const LONGEST: usize = 64;
    let printable = |c: char| if c.is_control() { '?' } else { c };
    if name.chars().count() <= LONGEST {
        name.chars().map(printable).collect()
    } else {
        name.chars().take(LONGEST).map(printable).chain("...".chars()).collect()
    }
}
