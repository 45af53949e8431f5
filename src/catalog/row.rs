//! Reads the fields of a row of the extension's own tables: all of them come as text.

use crate::error::{Refusal, StageResult};
use pgrx::pg_sys::Oid;

/// What a row that is not as it must be is answered with.
pub(crate) fn unreadable() -> Refusal {
    Refusal::internal("the plane's configuration could not be read")
}

/// The first field of the first row.
pub(crate) fn first_text(rows: &[Vec<Option<String>>]) -> Option<String> {
    rows.first().and_then(|row| row.first().cloned()).flatten()
}

/// A text.
pub(crate) fn text(value: &Option<String>) -> StageResult<String> {
    value.clone().ok_or_else(unreadable)
}

/// A boolean.
pub(crate) fn flag(value: &Option<String>) -> StageResult<bool> {
    match value.as_deref() {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        _ => Err(unreadable()),
    }
}

/// An object identifier.
pub(crate) fn oid(value: Option<&Option<String>>) -> StageResult<Oid> {
    let text = value.and_then(Option::as_deref).ok_or_else(unreadable)?;
    text.parse::<u32>().map(Oid::from).map_err(|_| unreadable())
}
