//! Catching PostgreSQL's errors as values, and raising ours.

use super::section::allocator;
use crate::error::{Refusal, class_of, packed_class};
use crate::reason::Reason;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::pg_sys::panic::{ErrorReport, ErrorReportWithLevel};
use pgrx::{PgLogLevel, PgSqlErrorCode, PgTryBuilder, pg_sys};
use std::cell::Cell;
use std::ffi::c_int;
use std::panic::AssertUnwindSafe;

/// An error that PostgreSQL (or a Rust panic) raised below.
pub struct ServerError {
    /// The SQLSTATE, packed. pgrx has no name for every one, and none for those of `RAISE .. USING ERRCODE`.
    pub code: i32,
    /// PostgreSQL's own message.
    pub message: String,
    /// A Rust panic: a defect of ours.
    pub is_panic: bool,
    /// A refusal that `raise` made an ERROR of.
    pub is_ours: bool,
    /// Its word, where it was raised in this process.
    pub reason: Option<Reason>,
    /// By RAISE in a function in PL/pgSQL.
    pub is_of_raise: bool,
    /// By the code of an extension that calls all its errors internal ones.
    pub is_of_library: bool,
    /// Where it may have been raised.
    pub place: Place,
}

/// Where an error may have been raised: what is so of any report since `expect_role`. PL/pgSQL throws an error that it
/// caught again without a report, so that the latest one may be of something else.
#[derive(Clone, Copy)]
pub struct Place {
    /// Another role was the current one: the owner, in a function that is SECURITY DEFINER.
    pub is_of_another: bool,
    /// It may come from a parallel worker, whose current role is not known.
    pub may_be_worker: bool,
}

/// Of an error that was not seen. Anybody may have raised it.
const ANYWHERE: Place = Place { is_of_another: true, may_be_worker: true };

/// The function that refusals name as their origin, as no function of PostgreSQL's own is called.
const RAISED_BY: &str = "ask";

/// PL/pgSQL's function for RAISE.
const RAISE: &str = "exec_stmt_raise";

/// How source files of such extensions begin: PostGIS, tdigest. PostgreSQL has none that begins like these.
const LIBRARIES: [&str; 5] = ["lwgeom_", "geography_", "geometry_", "gserialized_", "tdigest.c"];

/// What the error context callbacks below saw.
#[derive(Clone, Copy)]
struct Seen {
    /// The role that reports are expected of.
    role: pg_sys::Oid,
    /// The SQLSTATE of the latest error.
    code: i32,
    /// Where reports came from.
    place: Option<Place>,
}

impl Seen {
    const fn nothing_of(role: pg_sys::Oid) -> Self {
        Seen { role, code: 0, place: None }
    }

    fn with(self, code: i32, user: pg_sys::Oid, may_be_worker: bool) -> Self {
        let before = self.place.unwrap_or(Place { is_of_another: false, may_be_worker: false });
        let is_error = ![packed_class(b"00"), packed_class(b"01")].contains(&class_of(code));
        Seen {
            role: self.role,
            code: if is_error { code } else { self.code },
            place: Some(Place {
                is_of_another: before.is_of_another || user != self.role,
                may_be_worker: before.may_be_worker || may_be_worker,
            }),
        }
    }
}

/// Nothing was seen, and nobody is expected.
const UNSEEN: Seen = Seen::nothing_of(pg_sys::InvalidOid);

thread_local! {
    static SEEN: Cell<Seen> = const { Cell::new(UNSEEN) };
    /// The SQLSTATE of the refusal that is being raised.
    static RAISED: Cell<i32> = const { Cell::new(0) };
    /// Its word.
    static REASON: Cell<Option<Reason>> = const { Cell::new(None) };
}

/// From here to the end of the innermost `catch`, errors are told apart by whether another role than this one was current.
pub fn expect_role(role: pg_sys::Oid) {
    SEEN.set(Seen::nothing_of(role));
}

/// Runs `body`; an ERROR below comes back as a value.
///
/// The caller must then abort the (sub)transaction that `body` ran in: PostgreSQL's state is undefined before that.
pub fn catch<T>(body: impl FnOnce() -> T) -> Result<T, ServerError> {
    let _watch = ReportWatch::start();
    PgTryBuilder::new(AssertUnwindSafe(|| Ok(body())))
        .catch_others(|caught| {
            Err(match caught {
                CaughtError::PostgresError(report) => reported(&report, SEEN.get()),
                // By Rust code, so that no callback has seen it.
                CaughtError::ErrorReport(report) => reported(&report, UNSEEN),
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

fn reported(report: &ErrorReportWithLevel, seen: Seen) -> ServerError {
    // pgrx makes an internal error of a SQLSTATE that it has no name for.
    let is_unnamed = report.sql_error_code() == PgSqlErrorCode::ERRCODE_INTERNAL_ERROR && !is_named(seen.code);
    ServerError {
        code: if is_unnamed { seen.code } else { report.sql_error_code() as i32 },
        message: shortened(report.message()),
        is_panic: false,
        is_ours: report.function_name() == Some(RAISED_BY),
        reason: REASON.take().filter(|_| report.function_name() == Some(RAISED_BY)),
        is_of_raise: report.function_name() == Some(RAISE),
        is_of_library: LIBRARIES.iter().any(|file| report.file().starts_with(file)),
        place: seen.place.unwrap_or(ANYWHERE),
    }
}

/// Whether pgrx keeps the SQLSTATE.
fn is_named(code: i32) -> bool {
    PgSqlErrorCode::from(code) as i32 == code
}

/// Sees each report as long as it lives: notes what pgrx does not hand on, and makes room for the report of an error that
/// says there is none.
///
/// pgrx copies each report at every boundary that it crosses. A copy that finds no memory is an error of its own, and
/// after five of those PostgreSQL gives up and restarts the server. PostgreSQL calls its error context callbacks when a
/// report is complete and before it is thrown, which is the one moment to see to this.
struct ReportWatch {
    callback: *mut pg_sys::ErrorContextCallback,
    /// What was seen around it, which is none of this one's.
    around: Seen,
}

impl ReportWatch {
    fn start() -> Self {
        // SAFETY: a global of the backend.
        let previous = unsafe { pg_sys::error_context_stack };
        // PostgreSQL holds a pointer to it, so no reference may claim it until `drop`.
        let callback = Box::into_raw(Box::new(pg_sys::ErrorContextCallback {
            previous,
            callback: Some(see),
            arg: std::ptr::null_mut(),
        }));
        // SAFETY: a global of the backend; the callback lives until `drop` has taken it off the stack.
        unsafe { pg_sys::error_context_stack = callback };
        REASON.set(None);
        ReportWatch { callback, around: SEEN.replace(UNSEEN) }
    }
}

impl Drop for ReportWatch {
    fn drop(&mut self) {
        // SAFETY: made by `start` of a box, and given back once.
        let callback = unsafe { Box::from_raw(self.callback) };
        // SAFETY: what was there before outlives this.
        unsafe { pg_sys::error_context_stack = callback.previous };
        SEEN.set(self.around);
    }
}

unsafe extern "C-unwind" fn see(_argument: *mut std::ffi::c_void) {
    // SAFETY: called by PostgreSQL while it builds a report; reads the report's code, and globals of the backend.
    let (code, user, may_be_worker) = unsafe {
        let mut user = pg_sys::InvalidOid;
        let mut context = 0;
        pg_sys::GetUserIdAndSecContext(&raw mut user, &raw mut context);
        // PostgreSQL throws the errors of parallel workers while it holds interrupts off, and few others.
        (pg_sys::geterrcode(), user, pg_sys::InterruptHoldoffCount > 0)
    };
    SEEN.set(SEEN.get().with(code, user, may_be_worker));
    if code == PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY as i32 {
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
        code: PgSqlErrorCode::ERRCODE_INTERNAL_ERROR as i32,
        message: message.to_owned(),
        is_panic: true,
        is_ours: false,
        reason: None,
        is_of_raise: false,
        is_of_library: false,
        place: ANYWHERE,
    }
}

/// Raises a refusal as an ERROR without DETAIL, HINT or CONTEXT; its detail goes to the server log alone.
#[allow(clippy::panic)]
pub fn raise(refusal: Refusal) -> ! {
    if let Some(detail) = refusal.detail.as_ref().filter(|detail| !detail.is_empty()) {
        log(&format!("refused ({}): {detail}", refusal.message));
    }
    let code = refusal.state.code();
    RAISED.set(code);
    REASON.set(Some(refusal.reason));
    // SAFETY: the error context stack is only read while a report is built; raising resets it to the handler's own. The
    // callback is a static that nothing writes to.
    unsafe {
        pg_sys::error_context_stack =
            if is_named(code) { std::ptr::null_mut() } else { (&raw const UNNAMED).cast_mut().cast() };
    }
    ErrorReport::new(PgSqlErrorCode::from(code), refusal.message, RAISED_BY).report(PgLogLevel::ERROR);
    unreachable!("an ERROR does not return")
}

/// Gives a report of ours the SQLSTATE that pgrx has no name for. Alone on the stack while such a refusal is raised.
static UNNAMED: Unnamed = Unnamed(pg_sys::ErrorContextCallback {
    previous: std::ptr::null_mut(),
    callback: Some(set_code),
    arg: std::ptr::null_mut(),
});

#[repr(transparent)]
struct Unnamed(pg_sys::ErrorContextCallback);

// SAFETY: a backend has one thread, and nothing writes to it.
unsafe impl Sync for Unnamed {}

unsafe extern "C-unwind" {
    // pgrx keeps PostgreSQL's functions that build a report to itself.
    fn errcode(code: c_int) -> c_int;
}

#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn set_code(_argument: *mut std::ffi::c_void) {
    // SAFETY: called by PostgreSQL while it builds a report, whose code this is.
    unsafe { errcode(RAISED.get()) };
}

/// A line for the server log that no client can ask for, whatever its client_min_messages.
pub fn log(message: &str) {
    let line = format!("splitplane: {}", message.replace(char::is_control, " "));
    ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, line, "splitplane")
        .report(PgLogLevel::LOG_SERVER_ONLY);
}

/// A WARNING for an administrator who has called a function of ours.
pub fn warn(message: &str) {
    ErrorReport::new(PgSqlErrorCode::ERRCODE_WARNING, message.to_owned(), "splitplane").report(PgLogLevel::WARNING);
}

/// A line for whoever looks into how the server works, at level DEBUG1. It may hold nothing that a client must not know.
pub fn debug(message: &str) {
    ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, format!("splitplane: {message}"), "splitplane")
        .report(PgLogLevel::DEBUG1);
}
