//! Writes to the extension's own tables, in the caller's transaction: they are gone when it is rolled back.

use super::read::{Connection, SELECTED, broken, fetched};
use crate::error::StageResult;
use pgrx::{IntoDatum, pg_sys};
use std::ffi::CString;

/// Runs one statement of ours with text parameters. Must be called as the extension's owner, and last in a call: it
/// assigns a transaction id.
pub fn execute(sql: &'static str, arguments: &[Option<&str>]) -> StageResult<()> {
    fetch(sql, arguments).map(|_| ())
}

/// The same; the first column of the first row as text.
pub fn fetch(sql: &'static str, arguments: &[Option<&str>]) -> StageResult<Option<String>> {
    let _connection = Connection::open()?;
    let sql = CString::new(sql).map_err(|_| broken("a statement holds a NUL byte"))?;
    let count = i32::try_from(arguments.len()).map_err(|_| broken("too many parameters"))?;
    let mut types = vec![pg_sys::TEXTOID; arguments.len()];
    let mut values: Vec<pg_sys::Datum> =
        arguments.iter().map(|text| text.and_then(IntoDatum::into_datum).unwrap_or(pg_sys::Datum::from(0))).collect();
    let nulls: Vec<std::ffi::c_char> =
        arguments.iter().map(|text| if text.is_some() { b' ' } else { b'n' } as std::ffi::c_char).collect();
    // SAFETY: connected to SPI; the three arrays have `count` entries; not read-only.
    let status = unsafe {
        pg_sys::SPI_execute_with_args(
            sql.as_ptr(),
            count,
            types.as_mut_ptr(),
            values.as_mut_ptr(),
            nulls.as_ptr(),
            false,
            0,
        )
    };
    if status == SELECTED {
        Ok(fetched().into_iter().flatten().next().flatten())
    } else {
        Err(broken("a write failed"))
    }
}

/// Whether this transaction may not write: it is read-only, or the server is a standby.
pub fn is_read_only() -> bool {
    // SAFETY: reads of this backend's own state.
    unsafe { pg_sys::XactReadOnly || pg_sys::RecoveryInProgress() }
}
