//! What the postmaster does last, when the server stops in order and all other processes have ended.

use pgrx::{pg_guard, pg_sys};
use std::ffi::c_int;
use std::sync::OnceLock;

static LAST: OnceLock<fn()> = OnceLock::new();

/// To be called while shared memory is made, so that it is still there then. After a crash it is called again.
pub fn in_postmaster(last: fn()) {
    LAST.get_or_init(|| last);
    // SAFETY: called in the postmaster; its children forget such callbacks, and a callback lives as long as the library.
    unsafe { pg_sys::on_shmem_exit(Some(at_exit), pg_sys::Datum::from(0usize)) };
}

#[pg_guard]
unsafe extern "C-unwind" fn at_exit(code: c_int, _argument: pg_sys::Datum) {
    // SAFETY: a global of the process.
    let is_postmaster = unsafe { !pg_sys::IsUnderPostmaster };
    // With another code the server has crashed, or has not started.
    if code == 0
        && is_postmaster
        && let Some(last) = LAST.get()
    {
        last();
    }
}
