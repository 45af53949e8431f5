//! One flag in shared memory that every backend sees at once: whether the plane is shut.
//!
//! Not transactional: what an aborted transaction raised stays raised. What outlives the server is the caller's to keep,
//! and is read back at every start, also after a crash.

use pgrx::{pg_guard, pg_sys};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

static FLAG: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());
/// Tells at start-up whether an earlier life of the server left the flag raised; given at `init`.
static WAS_RAISED: OnceLock<fn() -> bool> = OnceLock::new();
static mut PREVIOUS_REQUEST: pg_sys::shmem_request_hook_type = None;
static mut PREVIOUS_STARTUP: pg_sys::shmem_startup_hook_type = None;

/// Asks for the memory; called from `_PG_init` in the postmaster. `was_raised` is called at every start.
pub fn init(was_raised: fn() -> bool) {
    WAS_RAISED.get_or_init(|| was_raised);
    // SAFETY: `_PG_init` runs once, in a process with one thread, before the hooks are called.
    unsafe {
        PREVIOUS_REQUEST = pg_sys::shmem_request_hook;
        pg_sys::shmem_request_hook = Some(on_request);
        PREVIOUS_STARTUP = pg_sys::shmem_startup_hook;
        pg_sys::shmem_startup_hook = Some(on_startup);
    }
}

#[pg_guard]
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_request() {
    // SAFETY: the hook chain of PostgreSQL: the earlier hook is called as the server would have.
    unsafe {
        if let Some(previous) = PREVIOUS_REQUEST {
            pg_sys::submodules::ffi::pg_guard_ffi_boundary(|| previous());
        }
        pg_sys::RequestAddinShmemSpace(size_of::<AtomicU32>());
    }
}

#[pg_guard]
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_startup() {
    // SAFETY: called by the server with the add-in lock free; the size is that asked for above.
    unsafe {
        if let Some(previous) = PREVIOUS_STARTUP {
            pg_sys::submodules::ffi::pg_guard_ffi_boundary(|| previous());
        }
        const ADDIN_SHMEM_INIT_LOCK: usize = 21;
        let lock = &raw mut (*pg_sys::MainLWLockArray.add(ADDIN_SHMEM_INIT_LOCK)).lock;
        pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE);
        let mut found = false;
        let flag = pg_sys::ShmemInitStruct(c"splitplane alarm".as_ptr(), size_of::<AtomicU32>(), &raw mut found)
            .cast::<AtomicU32>();
        if !found {
            let raised = WAS_RAISED.get().is_none_or(|was_raised| was_raised());
            flag.write(AtomicU32::new(u32::from(raised)));
        }
        FLAG.store(flag, Ordering::Relaxed);
        pg_sys::LWLockRelease(lock);
    }
}

fn flag() -> Option<&'static AtomicU32> {
    // SAFETY: NULL, or shared memory that stays for as long as the process.
    unsafe { FLAG.load(Ordering::Relaxed).as_ref() }
}

/// Whether the flag is up. Without shared memory there is none; such a server is refused for that.
pub fn is_raised() -> bool {
    flag().is_some_and(|flag| flag.load(Ordering::SeqCst) != 0)
}

/// Raises or lowers the flag for every backend; tells whether it was up.
pub fn set(raised: bool) -> bool {
    flag().is_some_and(|flag| flag.swap(u32::from(raised), Ordering::SeqCst) != 0)
}
