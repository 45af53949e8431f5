//! Shared memory of the server's own life: asked for when the library is preloaded, attached at every start.

pub mod baselines;
pub mod budgets;
pub mod claims_slots;
pub mod counters;
pub mod facts;
pub mod flag;
pub mod map;
pub mod value;

use pgrx::{pg_guard, pg_sys};
use std::sync::{Mutex, PoisonError};
use value::Kept;

/// What one module keeps in shared memory.
#[derive(Clone, Copy)]
pub(in crate::pgx) struct Need {
    /// Asks for the memory and its locks, while the server counts what it needs.
    pub(in crate::pgx) request: unsafe fn(),
    /// Makes or finds it; the add-in lock is held. Of a server that crashed it is called once more, for new memory.
    pub(in crate::pgx) attach: unsafe fn(),
}

/// The number of AddinShmemInitLock, which bindings for C cannot have: it is a macro over `MainLWLockArray`. Source:
/// lwlocknames.h (15, 16), lwlocklist.h (17, 18); pg_test/backend/numbers.rs asks the server.
pub(crate) const ADDIN_SHMEM_INIT_LOCK: usize = 21;

static NEEDS: Mutex<Vec<Need>> = Mutex::new(Vec::new());
static VALUES: Mutex<Vec<&'static dyn Kept>> = Mutex::new(Vec::new());
static mut PREVIOUS_REQUEST: pg_sys::shmem_request_hook_type = None;
static mut PREVIOUS_STARTUP: pg_sys::shmem_startup_hook_type = None;

/// Notes a need; to be called from `_PG_init` in the postmaster. The first one takes the hooks.
pub(in crate::pgx) fn need(one: Need) {
    let mut needs = NEEDS.lock().unwrap_or_else(PoisonError::into_inner);
    if needs.is_empty() {
        // SAFETY: `_PG_init` runs in a process with one thread, before the hooks are called.
        unsafe {
            PREVIOUS_REQUEST = pg_sys::shmem_request_hook;
            pg_sys::shmem_request_hook = Some(on_request);
            PREVIOUS_STARTUP = pg_sys::shmem_startup_hook;
            pg_sys::shmem_startup_hook = Some(on_startup);
        }
    }
    needs.push(one);
}

/// The same for a value. Called after the first `need`.
fn need_value(one: &'static dyn Kept) {
    VALUES.lock().unwrap_or_else(PoisonError::into_inner).push(one);
}

fn values() -> Vec<&'static dyn Kept> {
    VALUES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A copy, so that no lock is held where PostgreSQL may raise.
fn needs() -> Vec<Need> {
    NEEDS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Takes a lock, unless this process has it already: after an ERROR or a panic in what it guards, until the transaction is rolled
/// back. Whoever cannot take it must do without what it guards.
unsafe fn acquire(lock: *mut pg_sys::LWLock, mode: pg_sys::LWLockMode::Type) -> bool {
    // SAFETY: a lock in shared memory, as the caller says.
    unsafe {
        if pg_sys::LWLockHeldByMe(lock) {
            return false;
        }
        pg_sys::LWLockAcquire(lock, mode);
    }
    true
}

#[pg_guard]
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_request() {
    // SAFETY: the hook chain of PostgreSQL: the earlier hook is called as the server would have.
    unsafe {
        if let Some(previous) = PREVIOUS_REQUEST {
            pg_sys::submodules::ffi::pg_guard_ffi_boundary(|| previous());
        }
        for need in needs() {
            (need.request)();
        }
        for value in values() {
            value.request();
        }
    }
}

#[pg_guard]
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_startup() {
    // SAFETY: called by the server with the add-in lock free.
    unsafe {
        if let Some(previous) = PREVIOUS_STARTUP {
            pg_sys::submodules::ffi::pg_guard_ffi_boundary(|| previous());
        }
        let lock = &raw mut (*pg_sys::MainLWLockArray.add(ADDIN_SHMEM_INIT_LOCK)).lock;
        pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE);
        for need in needs() {
            (need.attach)();
        }
        for value in values() {
            value.attach();
        }
        pg_sys::LWLockRelease(lock);
    }
}
