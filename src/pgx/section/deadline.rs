//! The call's own clock: a deadline and a watch on memory, both by PostgreSQL's timeout facility.
//!
//! `statement_timeout` set inside a statement does nothing to it, so the extension registers timers of its own.
//! Their handlers run in signal context: they only set flags, and read one file by async-signal-safe calls.

use super::address_space_limit::Ceiling;
use super::process_memory::memory;
use pgrx::pg_sys;
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

/// The first timeout that is an extension's own. Source: `enum TimeoutId` in utils/timeout.h, for which pgrx has no bindings; 17
/// added TRANSACTION_TIMEOUT before it. pg_test/backend/numbers.rs asks the server.
#[cfg(any(feature = "pg15", feature = "pg16"))]
pub(crate) const USER_TIMEOUT: c_int = 12;
/// As above.
#[cfg(any(feature = "pg17", feature = "pg18", feature = "pg19"))]
pub(crate) const USER_TIMEOUT: c_int = 13;

/// How often memory is looked at, in milliseconds.
const WATCH_INTERVAL: c_int = 50;

// pgrx has no bindings for utils/timeout.h. An ERROR out of these must not cross Rust frames unguarded, so every call
// goes through `guarded`.
unsafe extern "C-unwind" {
    fn RegisterTimeout(id: c_int, handler: Option<unsafe extern "C-unwind" fn()>) -> c_int;
    fn enable_timeout_after(id: c_int, delay_ms: c_int);
    fn enable_timeout_every(id: c_int, first: pg_sys::TimestampTz, delay_ms: c_int);
    fn disable_timeout(id: c_int, keep_indicator: bool);
}

fn guarded<T>(call: impl FnOnce() -> T) -> T {
    // SAFETY: `call` is one call into PostgreSQL, which is what the boundary is for.
    unsafe { pg_sys::submodules::ffi::pg_guard_ffi_boundary(call) }
}

static DEADLINE_ID: AtomicI32 = AtomicI32::new(-1);
static WATCH_ID: AtomicI32 = AtomicI32::new(-1);
static CALL_ID: AtomicI32 = AtomicI32::new(-1);
static CALL_PASSED: AtomicBool = AtomicBool::new(false);
static PASSED: AtomicBool = AtomicBool::new(false);
static OVER_MEMORY: AtomicBool = AtomicBool::new(false);
static WITHOUT_MEMORY: AtomicBool = AtomicBool::new(false);
static RUNNING: AtomicBool = AtomicBool::new(false);
static MEMORY_LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Why the call's own clock cancelled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// The deadline passed.
    Deadline,
    /// The backend grew by more than it may.
    Memory,
    /// The machine gave no more memory.
    NoMemory,
}

fn request_cancel() {
    // SAFETY: these are the flags that PostgreSQL's own statement timeout handler sets, in the same signal context.
    unsafe {
        pg_sys::InterruptPending = 1;
        pg_sys::QueryCancelPending = 1;
        pg_sys::SetLatch(pg_sys::MyLatch);
    }
}

unsafe extern "C-unwind" fn on_deadline() {
    PASSED.store(true, Ordering::Relaxed);
    request_cancel();
}

unsafe extern "C-unwind" fn on_call_deadline() {
    CALL_PASSED.store(true, Ordering::Relaxed);
    request_cancel();
}

unsafe extern "C-unwind" fn on_watch() {
    if memory().private > MEMORY_LIMIT.load(Ordering::Relaxed) {
        OVER_MEMORY.store(true, Ordering::Relaxed);
        request_cancel();
    }
}

/// Ends the running call, if one is, at PostgreSQL's next check for interrupts. Called while memory is being allocated.
pub(in crate::pgx) fn end_for_want_of_memory() {
    if RUNNING.load(Ordering::Relaxed) {
        WITHOUT_MEMORY.store(true, Ordering::Relaxed);
        request_cancel();
    }
}

fn identifier(slot: &AtomicI32, handler: unsafe extern "C-unwind" fn()) -> c_int {
    let known = slot.load(Ordering::Relaxed);
    if known >= 0 {
        return known;
    }
    // SAFETY: called in a backend with a handler that lives as long as the library.
    #[allow(ffi_unwind_calls)]
    let fresh = guarded(|| unsafe { RegisterTimeout(USER_TIMEOUT, Some(handler)) });
    slot.store(fresh, Ordering::Relaxed);
    fresh
}

/// The timeouts that this backend has, -1 for one that it has not asked for yet.
#[cfg(feature = "pg_test")]
pub(crate) fn identifiers() -> [c_int; 3] {
    [&DEADLINE_ID, &WATCH_ID, &CALL_ID].map(|slot| slot.load(Ordering::Relaxed))
}

/// The running clock of one call, with its ceiling on memory; ends when dropped.
pub struct Deadline {
    _ceiling: Ceiling,
}

/// The ceiling is this many times the growth that the watch on memory allows, so that the watch acts first when it can.
const CEILING_FACTOR: usize = 2;

impl Deadline {
    /// Starts the deadline (milliseconds) and the watch on memory (bytes of growth from here).
    pub fn start(milliseconds: i32, growth: usize) -> Self {
        PASSED.store(false, Ordering::Relaxed);
        OVER_MEMORY.store(false, Ordering::Relaxed);
        WITHOUT_MEMORY.store(false, Ordering::Relaxed);
        RUNNING.store(true, Ordering::Relaxed);
        let memory = memory();
        MEMORY_LIMIT.store(memory.private.saturating_add(growth), Ordering::Relaxed);
        // Zero when it could not be read: then there is nothing to measure from.
        let ceiling = match memory.address_space {
            0 => usize::MAX,
            space => space.saturating_add(growth.saturating_mul(CEILING_FACTOR)),
        };
        let deadline = identifier(&DEADLINE_ID, on_deadline);
        let watch = identifier(&WATCH_ID, on_watch);
        // SAFETY: both identifiers were registered in this backend.
        #[allow(ffi_unwind_calls)]
        guarded(|| unsafe {
            enable_timeout_after(deadline, milliseconds);
            let first = pg_sys::GetCurrentTimestamp() + i64::from(WATCH_INTERVAL) * 1_000;
            enable_timeout_every(watch, first, WATCH_INTERVAL);
        });
        Deadline { _ceiling: Ceiling::lower(ceiling) }
    }

    /// Stops the clock and returns whether it fired. A cancel of ours that was not yet processed is taken back, so that
    /// it cannot hit the caller's next statement.
    pub fn stop(self) -> Option<Expired> {
        halt();
        let expired = expired();
        if expired.is_some() {
            // SAFETY: the flag is ours to take back: our own handler set it.
            unsafe { pg_sys::QueryCancelPending = 0 };
        }
        expired
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        halt();
    }
}

fn halt() {
    RUNNING.store(false, Ordering::Relaxed);
    disable(&DEADLINE_ID);
    disable(&WATCH_ID);
}

fn disable(slot: &AtomicI32) {
    let id = slot.load(Ordering::Relaxed);
    if id >= 0 {
        // SAFETY: the identifier was registered in this backend.
        #[allow(ffi_unwind_calls)]
        guarded(|| unsafe { disable_timeout(id, false) });
    }
}

fn expired() -> Option<Expired> {
    if WITHOUT_MEMORY.load(Ordering::Relaxed) {
        Some(Expired::NoMemory)
    } else if OVER_MEMORY.load(Ordering::Relaxed) {
        Some(Expired::Memory)
    } else if PASSED.load(Ordering::Relaxed) {
        Some(Expired::Deadline)
    } else {
        None
    }
}

/// How long after the deadline a call is cancelled wherever it is, in milliseconds: a section and a wait for a model, which say
/// more of it, come first.
const CALL_GRACE: c_int = 100;

/// The clock of a whole call, for what a section's does not cover: waiting for a lock of a table while the plane is read. Ends when
/// dropped.
pub(in crate::pgx) struct CallClock(());

impl CallClock {
    /// Starts it, with the call's deadline in milliseconds.
    pub(in crate::pgx) fn start(milliseconds: c_int) -> Self {
        CALL_PASSED.store(false, Ordering::Relaxed);
        let id = identifier(&CALL_ID, on_call_deadline);
        // SAFETY: the identifier was registered in this backend.
        #[allow(ffi_unwind_calls)]
        guarded(|| unsafe { enable_timeout_after(id, milliseconds.saturating_add(CALL_GRACE)) });
        CallClock(())
    }

    /// Stops it and returns whether it fired. A cancel of ours that was not yet processed is taken back.
    pub(in crate::pgx) fn stop(self) -> bool {
        drop(self);
        let has_passed = CALL_PASSED.load(Ordering::Relaxed);
        if has_passed {
            // SAFETY: the flag is ours to take back: our own handler set it.
            unsafe { pg_sys::QueryCancelPending = 0 };
        }
        has_passed
    }
}

impl Drop for CallClock {
    fn drop(&mut self) {
        disable(&CALL_ID);
    }
}
