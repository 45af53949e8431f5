//! What calls leave in a session's memory: free memory goes back to the system, and a session that has grown too much ends.
//!
//! Part of what a statement makes is kept until its session ends: PostgreSQL never frees the row types that it numbers, a time
//! zone once read, or the room of its catalog caches. What cannot be freed call by call is freed here, by ending the
//! process when no transaction of the caller's needs it any more.

use super::process_memory::private_memory;
use crate::pgx::pg_try::log;
use pgrx::{pg_guard, pg_sys};
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Private memory at the beginning of the first call, in bytes; 0 before it.
static FIRST: AtomicUsize = AtomicUsize::new(0);

/// Whether the session is to end.
static ENDS: AtomicBool = AtomicBool::new(false);

/// Bytes that a call may leave without a look whether they are free.
const LEFT: usize = 2 * 1_024 * 1_024;

/// What part of the memory of a call a session may keep besides, free for the next one: to give it back and to be given it again at each
/// call takes as long as filling it.
const KEPT_PART: usize = 8;

/// The memory that the session has before a call, in bytes.
pub(in crate::pgx) fn begin_call() -> usize {
    let before = private_memory();
    if FIRST.load(Ordering::Relaxed) == 0 {
        FIRST.store(before.max(1), Ordering::Relaxed);
    }
    before
}

/// Checks what a call leaves in memory, whether it was answered or not. A call may take `call` bytes, and the session grow by `most`.
pub(in crate::pgx) fn end_call(before: usize, call: usize, most: Option<usize>) {
    let first = FIRST.load(Ordering::Relaxed);
    let grown_beyond = |memory: usize| most.filter(|most| memory.saturating_sub(first) > *most);
    let mut after = private_memory();
    let is_left = after.saturating_sub(before) > LEFT && after.saturating_sub(first) > call / KEPT_PART;
    if is_left || grown_beyond(after).is_some() {
        // What is free and kept is room for the next call, beyond `splitplane.max_memory`, and is no growth.
        // SAFETY: gives free memory of the heap back to the system.
        unsafe { libc::malloc_trim(0) };
        after = private_memory();
    }
    let Some(most) = grown_beyond(after).filter(|_| !ENDS.load(Ordering::Relaxed)) else { return };
    let grown = after.saturating_sub(first);
    ENDS.store(true, Ordering::Relaxed);
    // SAFETY: a callback that lives as long as the library, registered once.
    #[allow(ffi_unwind_calls)]
    unsafe {
        pg_sys::RegisterXactCallback(Some(on_transaction), std::ptr::null_mut());
    }
    log(&format!(
        "this session has grown by {} kB since its first call, more than splitplane.max_session_growth ({} kB); it ends after its transaction",
        grown / 1_024,
        most / 1_024
    ));
}

/// After the end of a transaction, unless a procedure goes on with another one.
#[pg_guard]
unsafe extern "C-unwind" fn on_transaction(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    use pg_sys::XactEvent as Event;
    let has_ended = matches!(event, Event::XACT_EVENT_COMMIT | Event::XACT_EVENT_ABORT | Event::XACT_EVENT_PREPARE);
    // SAFETY: as pg_terminate_backend's signal does; PostgreSQL looks at the flags when it next reads from the client.
    unsafe {
        if has_ended && !pg_sys::SPI_inside_nonatomic_context() {
            pg_sys::ProcDiePending = 1;
            pg_sys::InterruptPending = 1;
        }
    }
}
