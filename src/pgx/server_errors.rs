//! What becomes of PostgreSQL's own errors.
//!
//! The one place that looks at the words of a message: where PostgreSQL gives cases of different meaning one SQLSTATE, nothing
//! else tells them apart. The tests of pg_test/backend/server_errors.rs bring about each of them, so that a major with other
//! words is found.

use super::pg_try::ServerError;
use super::section::stage::Stage;
use crate::error::{Refusal, State, class_of, packed_class};
use pgrx::PgSqlErrorCode;

/// What is said of an error that is not about the caller's own text and rows.
const OF_OTHERS: &str = "a policy or function that the statement needs has failed; the server log has the details";

/// Where the statement of a section was when an error ended it.
pub(in crate::pgx) struct Circumstances {
    /// How far it had come.
    pub stage: Stage,
    /// A function that runs as its owner raised it, or may have.
    pub is_of_definer: bool,
}

/// An error of PostgreSQL over a statement of the section.
pub(in crate::pgx) fn of_statement(error: &ServerError, circumstances: &Circumstances) -> Refusal {
    let is_beyond = circumstances.stage == Stage::Beyond;
    if circumstances.stage == Stage::Analysing && looks_up_catalog(error) {
        return Refusal::catalog_object().with_detail(error.message.clone());
    }
    if is_beyond && circumstances.is_of_definer && !error.is_ours {
        // What such a function read is not the caller's, and its message may hold it.
        return refusal(error, |_| OF_DEFINER.to_owned());
    }
    if is_beyond && speaks_of_others(error) {
        return Refusal::new(State::Server(error.code), OF_OTHERS).with_detail(error.message.clone());
    }
    from_server(error)
}

/// What is said of an error within a function that runs as its owner.
const OF_DEFINER: &str = "an allowed function raised an error";

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
            || LTREE.iter().any(|known| error.message.starts_with(known)));
    let is_of_a_type = error.message.starts_with("could not ") || compares_unlike_rows(error);
    let is_said = error.is_ours || error.is_of_raise || is_of_a_value || is_of_a_type;
    class_of(error.code) == packed_class(b"42") && !is_said
}

/// How errors of the extension ltree begin that name no more than a place in a value.
const LTREE: [&str; 4] = ["ltree syntax error", "lquery syntax error", "operand syntax error", "unquoted string"];

/// Rows of several types, which PostgreSQL finds out only when it has them.
fn compares_unlike_rows(error: &ServerError) -> bool {
    has(error, PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH) && error.message.starts_with("cannot compare ")
}

fn has(error: &ServerError, code: PgSqlErrorCode) -> bool {
    error.code == code as i32
}

/// An error of PostgreSQL over the caller's text or rows. Its message is passed on only for the classes of SQLSTATE
/// that speak of the caller's own text and rows, and where a function says it of itself; DETAIL, HINT and CONTEXT never are.
pub(in crate::pgx) fn from_server(error: &ServerError) -> Refusal {
    refusal(error, |words| words)
}

/// The same, with what `passed_on` makes of PostgreSQL's words. Our own sentences stay.
fn refusal(error: &ServerError, passed_on: impl Fn(String) -> String) -> Refusal {
    use PgSqlErrorCode as Code;
    let class = class_of(error.code);
    let servers = |state: State| Refusal::new(state, passed_on(error.message.clone()));
    let refusal = if error.is_panic {
        Refusal::internal("")
    } else if error.is_of_raise && class == packed_class(b"XX") {
        // That class is for defects alone; what a function raises is none.
        servers(State::Server(Code::ERRCODE_RAISE_EXCEPTION as i32))
    } else if class == packed_class(b"3F") {
        Refusal::new(State::OutsidePlane, "a schema that is looked up during execution is not in the plane")
    } else if class == packed_class(b"25") {
        // Among them what a read-only transaction does not admit; the message says which command.
        servers(State::NotAdmitted)
    } else if error.is_of_raise {
        servers(State::Server(error.code))
    } else if has(error, Code::ERRCODE_UNDEFINED_FUNCTION) {
        // An operator, or a function of the plane with other arguments: outside the plane like any other.
        Refusal::new(State::OutsidePlane, passed_on(without_schema(&error.message)))
    } else if has(error, Code::ERRCODE_OUT_OF_MEMORY) {
        Refusal::over_memory()
    } else if has(error, Code::ERRCODE_DISK_FULL) {
        // PostgreSQL's own message names the file.
        Refusal::new(State::Limit, "the server has no space left for temporary files")
    } else if let Some(message) = domain_violation(error) {
        Refusal::new(State::Server(error.code), passed_on(message))
    } else if CONFLICTS.iter().any(|conflict| has(error, *conflict)) {
        Refusal::new(State::Server(error.code), "the call met a lock or a conflict with another session; try again")
    } else if let Some(refusal) = of_a_value(error) {
        refusal
    } else if error.is_ours && has(error, Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE) {
        // The tripwire, in this process or a parallel worker.
        servers(State::Unsafe)
    } else if PASSED_CLASSES.contains(&class) {
        servers(State::Server(error.code))
    } else if SERVERS_OWN.contains(&class) {
        Refusal::internal("")
    } else {
        Refusal::new(State::Server(error.code), OF_OTHERS)
    };
    refusal.with_detail(format!("{} ({})", error.message, State::Server(error.code).sqlstate()))
}

/// A function is written without its schema, which is put before it on the way.
fn without_schema(message: &str) -> String {
    let written = || {
        let (name, rest) = message.strip_prefix("function ")?.split_once('(')?;
        let (_, bare) = name.rsplit_once('.')?;
        Some(format!("function {bare}({rest}"))
    };
    written().unwrap_or_else(|| message.to_owned())
}

/// What PostgreSQL calls an internal error, or names by types of which the caller may not know, though it is about values.
fn of_a_value(error: &ServerError) -> Option<Refusal> {
    let message = error.message.as_str();
    if message.starts_with("Unexpected end of string") || message.starts_with("Syntax error near ") {
        // PostgreSQL 15 calls it an internal error of hstore.
        Some(Refusal::new(
            State::Server(PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION as i32),
            "invalid input syntax for type hstore",
        ))
    } else if message == "tsquery stack too small" {
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

/// A name that PostgreSQL did not find, without its qualification and quotes.
pub enum Missing {
    /// Of a relation or its alias.
    Relation(String),
    /// Of a column.
    Column(String),
}

/// The name that an error of this SQLSTATE says is missing.
pub fn missing(code: i32, message: &str) -> Option<Missing> {
    let between = |before: &str, after: &str| {
        let name = message.strip_prefix(before)?.split_once(after)?.0.trim_matches('"');
        Some(name.rsplit_once('.').map_or(name, |(_, last)| last).trim_matches('"').to_owned())
    };
    match PgSqlErrorCode::from(code) {
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
