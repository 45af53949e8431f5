//! What becomes of PostgreSQL's own errors.
//!
//! The one place that looks at the words of a message: where PostgreSQL gives cases of different meaning one SQLSTATE, nothing
//! else tells them apart. The tests of pg_test/backend/server_errors.rs bring about each of them, so that a major with other
//! words is found.

use super::pg_try::ServerError;
use super::section::stage::Stage;
use crate::error::{Missing, Refusal, SHUT_MESSAGE, State, Words, class_of, packed_class};
use crate::reason::Reason;
use pgrx::PgSqlErrorCode;

/// What is said of an error that is not about the caller's own text and rows.
const OF_OTHERS: &str = "a policy or function that the statement needs has failed; the server log has the details";

/// Where the statement of a section was when an error ended it.
pub(in crate::pgx) struct Circumstances {
    /// How far it had come.
    pub stage: Stage,
    /// Whose words the error may have.
    pub speaker: Speaker,
    /// Whether data servers had part in it.
    pub is_remote: bool,
}

/// Who raised an error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::pgx) enum Speaker {
    /// What runs as the reader.
    Reader,
    /// A function that runs as its owner.
    Definer,
    /// Whatever runs in a parallel worker, while such a function is allowed.
    Worker,
}

/// An error of PostgreSQL over a statement of the section.
pub(in crate::pgx) fn of_statement(error: &ServerError, circumstances: &Circumstances) -> Refusal {
    let is_beyond = circumstances.stage == Stage::Beyond;
    if circumstances.is_remote
        && let Some(refusal) = of_data_server(error)
    {
        return refusal;
    }
    if circumstances.stage == Stage::Analysing && looks_up_catalog(error) {
        return Refusal::catalog_object().with_detail(error.message.clone());
    }
    if is_beyond && circumstances.speaker != Speaker::Reader && !error.is_ours {
        // What such a function read is not the caller's, and its message may hold it.
        let general = if circumstances.speaker == Speaker::Worker { OF_WORKER } else { OF_DEFINER };
        let passed_on = |words: &str| if is_constant(error) { words } else { general }.to_owned();
        return refusal(error, passed_on).unwrap_or_else(|| of_others(error));
    }
    if is_beyond && speaks_of_others(error) {
        return of_others(error);
    }
    let refusal = refusal(error, str::to_owned).unwrap_or_else(|| of_others(error));
    Refusal { missing: missing(error), ..refusal }
}

/// An error of PostgreSQL outside the sections, over the arguments or within the extension's own SQL: no policy and no function
/// of a DBA's runs there, so that what is not about the arguments is a defect of ours or of the server.
pub fn from_own(error: &ServerError) -> Refusal {
    refusal(error, str::to_owned).unwrap_or_else(|| with_words(error, Refusal::internal("")))
}

/// What is said where a data server cannot be asked. PostgreSQL's words name it, its address or the role that logs in there.
pub(in crate::pgx) fn of_data_server(error: &ServerError) -> Option<Refusal> {
    use PgSqlErrorCode as Code;
    const CLASSES: [i32; 3] = [packed_class(b"08"), packed_class(b"28"), packed_class(b"HV")];
    const CODES: [Code; 6] = [
        // No password, where it is required.
        Code::ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED,
        Code::ERRCODE_TOO_MANY_CONNECTIONS,
        Code::ERRCODE_ADMIN_SHUTDOWN,
        Code::ERRCODE_CRASH_SHUTDOWN,
        Code::ERRCODE_CANNOT_CONNECT_NOW,
        Code::ERRCODE_DATABASE_DROPPED,
    ];
    let is_of_mapping =
        has(error, Code::ERRCODE_UNDEFINED_OBJECT) && error.message.starts_with("user mapping not found");
    let is_refused_token = class_of(error.code) == packed_class(b"28") && error.message == "the token was refused";
    let is_ours = error.is_ours || error.is_of_raise || error.is_panic;
    let is_one = CLASSES.contains(&class_of(error.code)) || CODES.iter().any(|code| has(error, *code)) || is_of_mapping;
    (is_one && !is_ours && !is_refused_token).then(|| {
        with_words(
            error,
            Refusal::new(State::DataServer, "the data server cannot be reached; the server log has the details"),
        )
    })
}

fn of_others(error: &ServerError) -> Refusal {
    with_words(error, Refusal::new(State::Server(error.code), OF_OTHERS))
}

/// The refusal with PostgreSQL's own words for the server log.
fn with_words(error: &ServerError, refusal: Refusal) -> Refusal {
    refusal.with_detail(format!("{} ({})", error.message, State::Server(error.code).sqlstate()))
}

/// What is said of an error within a function that runs as its owner.
const OF_DEFINER: &str = "an allowed function raised an error";

/// What is said of an error in a parallel worker that may be of such a function.
const OF_WORKER: &str = "an error was raised in a parallel worker; the server log has the details";

/// What PostgreSQL says whatever runs, in words that hold no value. Other words of these classes may: "word is too long (..)".
const CONSTANT: [(PgSqlErrorCode, &str); 3] = [
    (PgSqlErrorCode::ERRCODE_QUERY_CANCELED, "canceling statement due to user request"),
    (PgSqlErrorCode::ERRCODE_QUERY_CANCELED, "canceling statement due to statement timeout"),
    (PgSqlErrorCode::ERRCODE_STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"),
];

fn is_constant(error: &ServerError) -> bool {
    !error.is_of_raise && CONSTANT.iter().any(|(code, words)| has(error, *code) && error.message == *words)
}

/// The look-up of a name that stood in an untyped literal. Which error it is shows what the catalog holds, and what not.
fn looks_up_catalog(error: &ServerError) -> bool {
    use PgSqlErrorCode as Code;
    match PgSqlErrorCode::from(error.code) {
        Code::ERRCODE_UNDEFINED_OBJECT
        | Code::ERRCODE_INVALID_SCHEMA_NAME
        | Code::ERRCODE_INVALID_CATALOG_NAME
        | Code::ERRCODE_INVALID_NAME => true,
        Code::ERRCODE_INSUFFICIENT_PRIVILEGE => !error.is_ours,
        Code::ERRCODE_FEATURE_NOT_SUPPORTED => error.message.starts_with("cross-database references"),
        Code::ERRCODE_SYNTAX_ERROR => error.message.starts_with("improper "),
        // Of a statement's own tables none is unknown here: they are common table expressions, or were refused before.
        Code::ERRCODE_UNDEFINED_TABLE => error.message.starts_with("relation \""),
        _ => false,
    }
}

/// After analysis the names in an error of class 42 are no more the caller's, but those of a policy's tables or of what a
/// function does. What is wrong with the caller's own values, or cannot be found out of their types, is said; so is what a
/// function says of itself.
fn speaks_of_others(error: &ServerError) -> bool {
    // Bounds of ranges, options of ts_headline, paths of JSON; values of ltree.
    let is_of_a_value = has(error, PgSqlErrorCode::ERRCODE_SYNTAX_ERROR)
        && (error.message.starts_with("invalid ")
            || error.message.ends_with("of jsonpath input")
            || error.message.starts_with(HSTORE)
            || LTREE.iter().any(|known| error.message.starts_with(known)));
    let is_of_a_type = error.message.starts_with("could not ") || compares_unlike_rows(error);
    let is_said = error.is_ours || error.is_of_raise || is_of_a_value || is_of_a_type;
    class_of(error.code) == packed_class(b"42") && !is_said
}

/// How errors of the extension ltree begin that name no more than a place in a value.
const LTREE: [&str; 4] = ["ltree syntax error", "lquery syntax error", "operand syntax error", "unquoted string"];

/// How errors of the extension hstore begin, from 16 on.
const HSTORE: &str = "syntax error in hstore";

/// Rows of several types, which PostgreSQL finds out only when it has them.
fn compares_unlike_rows(error: &ServerError) -> bool {
    has(error, PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH) && error.message.starts_with("cannot compare ")
}

fn has(error: &ServerError, code: PgSqlErrorCode) -> bool {
    error.code == code as i32
}

/// An error of PostgreSQL over the caller's text or rows, with what `passed_on` makes of its words; our own sentences stay. `None`
/// for classes of SQLSTATE that do not speak of the caller's own text and rows, unless a function says it of itself. DETAIL, HINT
/// and CONTEXT are never passed on.
fn refusal(error: &ServerError, passed_on: impl Fn(&str) -> String) -> Option<Refusal> {
    use PgSqlErrorCode as Code;
    let class = class_of(error.code);
    let words = if error.is_of_raise { Words::AsTheyAre } else { Words::Servers };
    let servers = |state: State| Refusal { words, ..Refusal::new(state, passed_on(&error.message)) };
    let refusal = if error.is_panic {
        Refusal::internal("")
    } else if error.is_of_raise && error.message == SHUT_MESSAGE {
        // The tripwire's sentence, which nobody else says.
        return None;
    } else if error.is_of_raise && class == packed_class(b"XX") {
        // That class is for defects alone; what a function raises is none.
        servers(State::Server(Code::ERRCODE_RAISE_EXCEPTION as i32))
    } else if error.is_of_library && class == packed_class(b"XX") {
        servers(State::Server(Code::ERRCODE_INVALID_PARAMETER_VALUE as i32))
    } else if class == packed_class(b"3F") {
        Refusal::new(State::OutsidePlane, "a schema that is looked up during execution is not in the plane")
    } else if class == packed_class(b"25") {
        // Among them what a read-only transaction does not admit; the message says which command.
        servers(State::NotAdmitted)
    } else if error.is_of_raise {
        servers(State::Server(error.code))
    } else if has(error, Code::ERRCODE_UNDEFINED_FUNCTION) {
        // An operator, or a function of the plane with other arguments: outside the plane like any other.
        servers(State::OutsidePlane)
    } else if has(error, Code::ERRCODE_OUT_OF_MEMORY) {
        Refusal::over_memory()
    } else if has(error, Code::ERRCODE_DISK_FULL) {
        // PostgreSQL's own message names the file.
        Refusal::new(State::Limit, "the server has no space left for temporary files")
    } else if let Some(message) = domain_violation(error) {
        Refusal { message: passed_on(&message), ..servers(State::Server(error.code)) }
    } else if CONFLICTS.iter().any(|conflict| has(error, *conflict)) {
        Refusal::new(State::Server(error.code), "the call met a lock or a conflict with another session; try again")
    } else if let Some(refusal) = of_a_value(error) {
        refusal
    } else if error.is_ours && has(error, Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE) {
        // The tripwire, in this process or a parallel worker.
        servers(State::Unsafe).because(Reason::Tripwire)
    } else if PASSED_CLASSES.contains(&class) {
        servers(State::Server(error.code))
    } else if SERVERS_OWN.contains(&class) {
        Refusal::internal("")
    } else {
        return None;
    };
    let refusal = match error.reason {
        Some(reason) => refusal.because(reason),
        None => refusal,
    };
    Some(with_words(error, refusal))
}

/// What PostgreSQL calls an internal error, or names by types of which the caller may not know, though it is about values.
fn of_a_value(error: &ServerError) -> Option<Refusal> {
    let message = error.message.as_str();
    let is_of_hstore = message.starts_with("Unexpected end of string") || message.starts_with("Syntax error near ");
    if is_of_hstore && class_of(error.code) == packed_class(b"XX") || message.starts_with(HSTORE) {
        // PostgreSQL 15 calls it an internal error.
        Some(Refusal::new(
            State::Server(PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION as i32),
            "invalid input syntax for type hstore",
        ))
    } else if message == "tsquery stack too small" || message == "tsquery is too complex" {
        Some(Refusal::new(State::TooComplex, "a text search query is too complex"))
    } else if message.starts_with("invalid memory alloc request size")
        || message.starts_with("invalid DSA memory alloc")
    {
        Some(Refusal::new(State::Limit, "a value is larger than PostgreSQL can hold"))
    } else if message.starts_with("attribute number ") && message.contains(" exceeds number of columns ") {
        Some(Refusal::construct("a field of a row whose columns differ from branch to branch"))
    } else if compares_unlike_rows(error) {
        Some(Refusal::new(State::Server(error.code), "rows whose columns are of different types cannot be compared"))
    } else {
        None
    }
}

/// The name that PostgreSQL says is missing. What a function says of itself is no name of the caller's.
fn missing(error: &ServerError) -> Option<Missing> {
    if error.is_of_raise {
        return None;
    }
    let between = |before: &str, after: &str| {
        let name = error.message.strip_prefix(before)?.split_once(after)?.0.trim_matches('"');
        Some(name.rsplit_once('.').map_or(name, |(_, last)| last).trim_matches('"').to_owned())
    };
    match PgSqlErrorCode::from(error.code) {
        PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE => {
            between("missing FROM-clause entry for table \"", "\"").map(Missing::Relation)
        }
        PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN => {
            between("column \"", "\" ").or_else(|| between("column ", " does not exist")).map(Missing::Column)
        }
        _ => None,
    }
}

/// What a cast to a domain of the plane says of the value, without the name of the check.
fn domain_violation(error: &ServerError) -> Option<String> {
    match PgSqlErrorCode::from(error.code) {
        PgSqlErrorCode::ERRCODE_CHECK_VIOLATION => {
            let (domain, _) = error.message.split_once(" violates check constraint ")?;
            Some(format!("{domain} violates one of its checks")).filter(|_| domain.starts_with("value for domain "))
        }
        PgSqlErrorCode::ERRCODE_NOT_NULL_VIOLATION => {
            Some(error.message.clone()).filter(|message| message.starts_with("domain "))
        }
        _ => None,
    }
}

/// What another session brings about, and what a second try may avoid: serialization failure, deadlock, lock timeout.
const CONFLICTS: [PgSqlErrorCode; 3] = [
    PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
    PgSqlErrorCode::ERRCODE_T_R_DEADLOCK_DETECTED,
    PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
];

/// 0A not supported, 21 cardinality, 22 data, 42 text, 53 resources, 54 limits, 57 cancelled; and what PL/pgSQL says of the
/// function that it runs: 20 no case, 2D a transaction ended, 2F no result, P0 its own.
const PASSED_CLASSES: [i32; 11] = [
    packed_class(b"20"),
    packed_class(b"2D"),
    packed_class(b"2F"),
    packed_class(b"P0"),
    packed_class(b"0A"),
    packed_class(b"21"),
    packed_class(b"22"),
    packed_class(b"42"),
    packed_class(b"53"),
    packed_class(b"54"),
    packed_class(b"57"),
];

/// 58 system error, 72 snapshot failure, F0 configuration file, XX internal.
const SERVERS_OWN: [i32; 4] = [packed_class(b"58"), packed_class(b"72"), packed_class(b"F0"), packed_class(b"XX")];
