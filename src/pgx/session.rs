//! Ends a session that has grown too much over its calls.
//!
//! Part of what a statement makes is kept until its session ends: PostgreSQL never frees the row types that it numbers, a time
//! zone once read, or the room of its catalog caches. What cannot be freed call by call is freed here, by ending the
//! process when no transaction of the caller's needs it any more.

use super::catch::log;
use super::deadline::private_memory;
use crate::settings;
use pgrx::{pg_guard, pg_sys};
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Private memory at the beginning of the first call, in bytes; 0 before it.
static FIRST: AtomicUsize = AtomicUsize::new(0);

/// Whether the session is to end.
static ENDS: AtomicBool = AtomicBool::new(false);

/// Notes the memory that the session has before its first call.
pub(super) fn begin_call() {
    if FIRST.load(Ordering::Relaxed) == 0 {
        FIRST.store(private_memory().max(1), Ordering::Relaxed);
    }
}

/// Looks at what is left of a call, whether it was answered or not.
pub(super) fn end_call() {
    let Some(most) = settings::max_session_growth() else { return };
    let grown = || private_memory().saturating_sub(FIRST.load(Ordering::Relaxed));
    if grown() <= most || ENDS.load(Ordering::Relaxed) {
        return;
    }
    // Memory that is freed already may not have gone back to the system.
    // SAFETY: releases free memory at the top of the heap.
    unsafe { libc::malloc_trim(0) };
    let grown = grown();
    if grown <= most {
        return;
    }
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
