//! What becomes of PostgreSQL's own errors.
//!
//! The one place that looks at the words of a message: where PostgreSQL gives cases of different meaning one SQLSTATE, nothing
//! else tells them apart. The tests of pg_test/backend/server_errors.rs bring about each of them, so that a major with other
//! words is found.

use super::pg_try::ServerError;
use crate::error::{Refusal, State, class_of, packed_class};
use pgrx::PgSqlErrorCode;

/// The look-up of a name that stood in an untyped literal. Which error it is shows what the catalog holds, and what not.
pub(in crate::pgx) fn looks_up_catalog(error: &ServerError) -> bool {
    use PgSqlErrorCode as Code;
    match error.code {
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
/// function does. What is wrong with the caller's own values, or cannot be found out of their types, is said.
pub(in crate::pgx) fn speaks_of_others(error: &ServerError) -> bool {
    // Bounds of ranges, options of ts_headline, paths of JSON.
    let is_of_a_value = error.code == PgSqlErrorCode::ERRCODE_SYNTAX_ERROR
        && (error.message.starts_with("invalid ") || error.message.ends_with("of jsonpath input"));
    let is_of_a_type = error.message.starts_with("could not ");
    class_of(error.code as i32) == packed_class(b"42") && !error.is_ours && !is_of_a_value && !is_of_a_type
}

/// An error of PostgreSQL over the caller's text or rows. Its message is passed on only for the classes of SQLSTATE
/// that speak of the caller's own text and rows; DETAIL, HINT and CONTEXT never are.
pub(in crate::pgx) fn from_server(error: &ServerError) -> Refusal {
    let code = error.code as i32;
    let class = class_of(code);
    let refusal = if error.code == PgSqlErrorCode::ERRCODE_UNDEFINED_FUNCTION {
        // An operator, or a function of the plane with other arguments: outside the plane like any other.
        Refusal::new(State::OutsidePlane, error.message.clone())
    } else if error.code == PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY {
        Refusal::over_memory()
    } else if error.code == PgSqlErrorCode::ERRCODE_DISK_FULL {
        // PostgreSQL's own message names the file.
        Refusal::new(State::Limit, "the server has no space left for temporary files")
    } else if let Some(message) = domain_violation(error) {
        Refusal::new(State::Server(code), message)
    } else if CONFLICTS.contains(&error.code) {
        Refusal::new(State::Server(code), "the call met a lock or a conflict with another session; try again")
    } else if error.message == "tsquery stack too small" {
        Refusal::new(State::TooComplex, "a text search query is too complex")
    } else if error.is_ours && error.code == PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE {
        // The tripwire, in this process or a parallel worker.
        Refusal::new(State::Unsafe, error.message.clone())
    } else if error.is_panic {
        Refusal::internal("")
    } else if PASSED_CLASSES.contains(&class) {
        Refusal::new(State::Server(code), error.message.clone())
    } else {
        Refusal::internal("")
    };
    refusal.with_detail(format!("{} ({})", error.message, error.code))
}

/// What a cast to a domain of the plane says of the value, without the name of the check.
fn domain_violation(error: &ServerError) -> Option<String> {
    match error.code {
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

/// 0A not supported, 21 cardinality, 22 data, 42 text, 53 resources, 54 limits, 57 cancelled.
const PASSED_CLASSES: [i32; 7] = [
    packed_class(b"0A"),
    packed_class(b"21"),
    packed_class(b"22"),
    packed_class(b"42"),
    packed_class(b"53"),
    packed_class(b"54"),
    packed_class(b"57"),
];
