//! Catching PostgreSQL's errors as values, and raising ours.

use super::section::allocator;
use crate::error::Refusal;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode, PgTryBuilder, pg_sys};
use std::panic::AssertUnwindSafe;

/// An error that PostgreSQL (or a Rust panic) raised below.
pub struct ServerError {
    /// The SQLSTATE.
    pub code: PgSqlErrorCode,
    /// PostgreSQL's own message.
    pub message: String,
    /// A Rust panic: a defect of ours.
    pub is_panic: bool,
    /// A refusal that `raise` made an ERROR of.
    pub is_ours: bool,
}

/// The function that refusals name as their origin, as no function of PostgreSQL's own is called.
const RAISED_BY: &str = "ask";

/// Runs `body`; an ERROR below comes back as a value.
///
/// The caller must then abort the (sub)transaction that `body` ran in: PostgreSQL's state is undefined before that.
pub fn catch<T>(body: impl FnOnce() -> T) -> Result<T, ServerError> {
    let _room = RoomForErrors::watch();
    PgTryBuilder::new(AssertUnwindSafe(|| Ok(body())))
        .catch_others(|caught| {
            Err(match caught {
                CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => {
                    let is_ours = report.function_name() == Some(RAISED_BY);
                    let message = shortened(report.message());
                    ServerError { code: report.sql_error_code(), message, is_panic: false, is_ours }
                }
                CaughtError::RustPanic { ereport, .. } => panicked(ereport.message()),
            })
        })
        .catch_rust_panic(|caught| {
            Err(match caught {
                CaughtError::RustPanic { ereport, .. } => panicked(ereport.message()),
                CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => panicked(report.message()),
            })
        })
        .execute()
}

/// Makes room for the report of an error that says there is none, for as long as it lives.
///
/// pgrx copies each report at every boundary that it crosses. A copy that finds no memory is an error of its own, and
/// after five of those PostgreSQL gives up and restarts the server. PostgreSQL calls its error context callbacks when a
/// report is complete and before it is thrown, which is the one moment to see to this.
struct RoomForErrors(*mut pg_sys::ErrorContextCallback);

impl RoomForErrors {
    fn watch() -> Self {
        // SAFETY: a global of the backend.
        let previous = unsafe { pg_sys::error_context_stack };
        // PostgreSQL holds a pointer to it, so no reference may claim it until `drop`.
        let callback = Box::into_raw(Box::new(pg_sys::ErrorContextCallback {
            previous,
            callback: Some(make_room),
            arg: std::ptr::null_mut(),
        }));
        // SAFETY: a global of the backend; the callback lives until `drop` has taken it off the stack.
        unsafe { pg_sys::error_context_stack = callback };
        RoomForErrors(callback)
    }
}

impl Drop for RoomForErrors {
    fn drop(&mut self) {
        // SAFETY: made by `watch` of a box, and given back once.
        let callback = unsafe { Box::from_raw(self.0) };
        // SAFETY: what was there before outlives this.
        unsafe { pg_sys::error_context_stack = callback.previous };
    }
}

unsafe extern "C-unwind" fn make_room(_argument: *mut std::ffi::c_void) {
    // SAFETY: called by PostgreSQL while it builds a report; reads the report's code.
    if unsafe { pg_sys::geterrcode() } == PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY as i32 {
        allocator::make_room();
    }
}

/// PostgreSQL quotes a value that it cannot convert in full, whatever its size.
fn shortened(message: &str) -> String {
    const LONGEST: usize = 512;
    match message.char_indices().nth(LONGEST) {
        None => message.to_owned(),
        Some((end, _)) => format!("{}...", message.get(..end).unwrap_or_default()),
    }
}

fn panicked(message: &str) -> ServerError {
    ServerError {
        code: PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        message: message.to_owned(),
        is_panic: true,
        is_ours: false,
    }
}

/// Raises a refusal as an ERROR without DETAIL, HINT or CONTEXT; its detail goes to the server log alone.
#[allow(clippy::panic)]
pub fn raise(refusal: Refusal) -> ! {
    if let Some(detail) = refusal.detail.as_ref().filter(|detail| !detail.is_empty()) {
        log(&format!("refused ({}): {detail}", refusal.message));
    }
    // SAFETY: the error context stack is only read while a report is built; raising resets it to the handler's own.
    unsafe { pg_sys::error_context_stack = std::ptr::null_mut() };
    ErrorReport::new(PgSqlErrorCode::from(refusal.state.code()), refusal.message, RAISED_BY).report(PgLogLevel::ERROR);
    unreachable!("an ERROR does not return")
}

/// A line for the server log that no client can ask for, whatever its client_min_messages.
pub fn log(message: &str) {
    let line = format!("splitplane: {}", message.replace(char::is_control, " "));
    ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, line, "splitplane")
        .report(PgLogLevel::LOG_SERVER_ONLY);
}
