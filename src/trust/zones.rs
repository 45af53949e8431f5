//! Names of time zones: PostgreSQL keeps every one that it is given, of whatever spelling, until the session ends.
//!
//! What the statement spells out is looked at here. What it makes while it runs goes through `splitplane.zone`, where a zone
//! is named, and through `splitplane.dated`, where a text is read as a date or time, in which one may stand.

use crate::error::StageResult;
use crate::pgx::query::QueryNode;
use crate::pgx::query::operation::Operation;
use crate::pgx::types;
use crate::texts::check_zone;
use pgrx::pg_sys::{self, Oid};

/// The argument of a built-in function that names a time zone, if it is a text.
fn zone_argument(name: &str) -> Option<usize> {
    match name {
        "timezone" => Some(0),
        "date_trunc" | "date_add" | "date_subtract" => Some(2),
        "generate_series" => Some(3),
        "make_timestamptz" => Some(6),
        _ => None,
    }
}

/// The expression of a call that names a time zone while the statement runs.
///
/// # Errors
/// 22023 for a constant that names none.
pub(super) fn named_at_run_time<'t>(name: &str, operation: &Operation<'t>) -> StageResult<Option<QueryNode<'t>>> {
    let argument = zone_argument(name).and_then(|place| operation.arguments.get(place)).copied();
    let Some(argument) = argument.filter(|argument| argument.is_text()) else { return Ok(None) };
    if argument.is_null() {
        return Ok(None);
    }
    match argument.constant_as_text() {
        Some(zone) => check_zone(&zone).map(|()| None),
        None => Ok(Some(argument)),
    }
}

/// Whether values of a type, or parts of them, are dates or times, in whose text a zone may stand.
fn is_dated(type_oid: Oid) -> bool {
    matches!(
        types::innermost_type(type_oid),
        pg_sys::DATEOID | pg_sys::TIMEOID | pg_sys::TIMETZOID | pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID
    )
}

/// The expressions of a node that are read as dates or times: what is converted from text, and JSON that becomes rows.
pub(super) fn read_as_dates(node: QueryNode<'_>) -> Vec<QueryNode<'_>> {
    let is_read = |types: &[Oid]| types.iter().copied().any(is_dated);
    let read = match (node.conversion_through_text(), node.declared_rows()) {
        (Some((from, to)), _) if is_read(&[to]) => vec![from],
        (_, Some((arguments, types))) if is_read(&types) => arguments,
        _ => Vec::new(),
    };
    read.into_iter().filter(|value| !value.is_null()).collect()
}
