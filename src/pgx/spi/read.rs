//! Reads of the extension's own tables: prepared once per backend, read-only, on the latest snapshot.
//!
//! The latest snapshot matters: a key revoked by another session must be gone at once, also inside a transaction
//! that has an older snapshot. Read-only matters: it works on a standby and assigns no transaction id.

use crate::error::{Refusal, StageResult};
use crate::pgx::flags::c_int;
use pgrx::{IntoDatum, pg_sys};
use std::cell::Cell;
use std::ffi::{self, CStr, CString};
use std::ptr;

/// What SPI answers when it ran a SELECT.
pub(in crate::pgx) const SELECTED: ffi::c_int = c_int(pg_sys::SPI_OK_SELECT);
/// What SPI answers when it is connected.
const CONNECTED: ffi::c_int = c_int(pg_sys::SPI_OK_CONNECT);

/// One query over the extension's own tables with text parameters.
pub struct Lookup {
    sql: &'static str,
    parameters: usize,
    plan: Cell<pg_sys::SPIPlanPtr>,
}

// The plan belongs to this backend, which has one thread; the statics that hold a `Lookup` are thread-local.
impl Lookup {
    /// A query with `parameters` text parameters; its columns are read as text.
    pub const fn new(sql: &'static str, parameters: usize) -> Self {
        Lookup { sql, parameters, plan: Cell::new(ptr::null_mut()) }
    }

    /// All rows, each column as text or NULL. Must be called as the extension's owner.
    pub fn rows(&self, arguments: &[&str]) -> StageResult<Vec<Vec<Option<String>>>> {
        if arguments.len() != self.parameters {
            return Err(broken("wrong number of parameters"));
        }
        let _snapshot = LatestSnapshot::push();
        let _connection = Connection::open()?;
        let plan = self.prepared()?;
        let mut values: Vec<pg_sys::Datum> =
            arguments.iter().map(|text| text.into_datum().unwrap_or(pg_sys::Datum::from(0))).collect();
        // SAFETY: the plan takes as many text parameters as there are values, none NULL; read-only.
        let status = unsafe { pg_sys::SPI_execute_plan(plan, values.as_mut_ptr(), ptr::null(), true, 0) };
        if status != SELECTED {
            return Err(broken("a look-up failed"));
        }
        Ok(fetched())
    }

    fn prepared(&self) -> StageResult<pg_sys::SPIPlanPtr> {
        let known = self.plan.get();
        if !known.is_null() {
            return Ok(known);
        }
        let sql = CString::new(self.sql).map_err(|_| broken("a look-up holds a NUL byte"))?;
        let mut types = vec![pg_sys::TEXTOID; self.parameters];
        let count = i32::try_from(self.parameters).map_err(|_| broken("too many parameters"))?;
        // SAFETY: connected to SPI; the array has `count` entries.
        let plan = unsafe { pg_sys::SPI_prepare(sql.as_ptr(), count, types.as_mut_ptr()) };
        if plan.is_null() {
            return Err(broken("a look-up could not be prepared"));
        }
        // SAFETY: the plan was just prepared and is valid; kept for the life of the backend.
        unsafe { pg_sys::SPI_keepplan(plan) };
        self.plan.set(plan);
        Ok(plan)
    }
}

/// All rows of a query of our own over a foreign table, with one text parameter or none; as whoever runs now, on the snapshot that is
/// active.
pub(in crate::pgx) fn once(sql: &str, argument: Option<&str>) -> StageResult<Vec<Vec<Option<String>>>> {
    let sql = CString::new(sql).map_err(|_| broken("a query holds a NUL byte"))?;
    let _connection = Connection::open()?;
    let mut types = vec![pg_sys::TEXTOID; usize::from(argument.is_some())];
    let mut values: Vec<pg_sys::Datum> = argument.into_iter().filter_map(IntoDatum::into_datum).collect();
    let count = i32::try_from(values.len()).map_err(|_| broken("too many parameters"))?;
    // SAFETY: connected to SPI; as many types as values, none NULL; read-only.
    let status = unsafe {
        pg_sys::SPI_execute_with_args(
            sql.as_ptr(),
            count,
            types.as_mut_ptr(),
            values.as_mut_ptr(),
            ptr::null(),
            true,
            0,
        )
    };
    if status == SELECTED { Ok(fetched()) } else { Err(broken("a query over a foreign table failed")) }
}

pub(in crate::pgx) fn broken(reason: &str) -> Refusal {
    Refusal::internal(reason)
}

/// The rows of the statement that ran last.
pub(super) fn fetched() -> Vec<Vec<Option<String>>> {
    // SAFETY: SPI's result globals are valid after a successful SELECT until SPI_finish.
    let Some(table) = (unsafe { pg_sys::SPI_tuptable.as_ref() }) else { return Vec::new() };
    let descriptor = table.tupdesc;
    // SAFETY: the descriptor belongs to the result.
    let columns = unsafe { (*descriptor).natts };
    let count = usize::try_from(table.numvals).unwrap_or(0);
    // SAFETY: `vals` holds `numvals` tuples.
    let tuples = unsafe { std::slice::from_raw_parts(table.vals, count) };
    tuples
        .iter()
        .map(|tuple| {
            (1..=columns)
                .map(|column| {
                    // SAFETY: tuple and descriptor belong together, the column number is in range.
                    let value = unsafe { pg_sys::SPI_getvalue(*tuple, descriptor, column) };
                    if value.is_null() {
                        return None;
                    }
                    // SAFETY: SPI_getvalue gives a NUL-terminated string in SPI's memory context.
                    Some(unsafe { CStr::from_ptr(value) }.to_string_lossy().into_owned())
                })
                .collect()
        })
        .collect()
}

/// SPI, connected for as long as it lives.
pub(in crate::pgx) struct Connection(());

impl Connection {
    pub(in crate::pgx) fn open() -> StageResult<Self> {
        // SAFETY: inside a transaction.
        let status = unsafe { pg_sys::SPI_connect() };
        if status == CONNECTED { Ok(Connection(())) } else { Err(broken("SPI could not be connected")) }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: connected in `open`; while an ERROR unwinds, the transaction's abort disconnects instead.
            unsafe { pg_sys::SPI_finish() };
        }
    }
}

struct LatestSnapshot(());

impl LatestSnapshot {
    fn push() -> Self {
        // SAFETY: inside a transaction; popped on drop or by the transaction's abort.
        unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot()) };
        LatestSnapshot(())
    }
}

impl Drop for LatestSnapshot {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: pushed in `push`, and everything pushed after it was popped.
            unsafe { pg_sys::PopActiveSnapshot() };
        }
    }
}
