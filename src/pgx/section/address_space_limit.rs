//! A ceiling on the address space, for what grows in a single step between two looks of the watch on memory.
//!
//! PostgreSQL answers a failed allocation with an ordinary ERROR (out of memory); without the ceiling the kernel would
//! kill the backend, and the server would restart. Rust's own allocations are exempt (allocator.rs).

use crate::pgx::hooks::worker_settings;
use pgrx::{pg_guard, pg_sys};
use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering};

/// The soft limit that was in force before, or `NONE`.
static BEFORE: AtomicU64 = AtomicU64::new(NONE);
const NONE: u64 = u64::MAX - 1;

/// Lowers the soft limit on the address space for as long as it lives.
pub(in crate::pgx) struct Ceiling(());

impl Ceiling {
    /// Bytes of address space that the process may have; a limit that is lower already stays.
    pub(in crate::pgx) fn lower(wanted: usize) -> Self {
        if let Some(limits) = limits()
            && let Ok(wanted) = libc::rlim_t::try_from(wanted)
            && wanted < limits.rlim_cur
            && set(wanted, limits.rlim_max)
        {
            BEFORE.store(limits.rlim_cur, Ordering::Relaxed);
        }
        Ceiling(())
    }
}

impl Drop for Ceiling {
    fn drop(&mut self) {
        lift();
    }
}

/// The setting that carries the ceiling to parallel workers (worker_settings.rs), in kB; 0 outside a confined section.
static mut WORKER_MEMORY: c_int = 0;

/// Name of the setting.
pub const WORKER_SETTING: &CStr = c"splitplane.worker_memory";

/// Defines the setting; called from `_PG_init`.
pub fn define_worker_setting() {
    let description = c"Memory that a parallel worker of a confined call may use; set by splitplane alone.";
    // SAFETY: a static that lives as long as the library, and a hook that raises nothing.
    unsafe {
        worker_settings::define_kilobytes(WORKER_SETTING, description, &raw mut WORKER_MEMORY, Some(on_worker_memory));
    }
}

/// In a parallel worker, which ends with the statement, the ceiling stays until the end.
#[pg_guard]
unsafe extern "C-unwind" fn on_worker_memory(kilobytes: c_int, _extra: *mut c_void) {
    // SAFETY: a global of the backend, set before settings are restored in a worker.
    if unsafe { pg_sys::ParallelWorkerNumber } < 0 || kilobytes <= 0 {
        return;
    }
    let growth = usize::try_from(kilobytes).unwrap_or(0).saturating_mul(1_024);
    let space = super::process_memory::address_space();
    if space > 0 {
        std::mem::forget(Ceiling::lower(space.saturating_add(growth)));
    }
}

fn limits() -> Option<libc::rlimit> {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid place to write to.
    let status = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limits) };
    (status == 0).then_some(limits)
}

fn set(soft: libc::rlim_t, hard: libc::rlim_t) -> bool {
    let limits = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: a valid limit; the hard one is left as it is.
    unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limits) == 0 }
}

/// Puts the earlier limit back, once; allocates nothing. `false` when there was no ceiling.
pub(in crate::pgx) fn lift() -> bool {
    let before = BEFORE.swap(NONE, Ordering::Relaxed);
    before != NONE && limits().is_some_and(|limits| set(before, limits.rlim_max))
}
