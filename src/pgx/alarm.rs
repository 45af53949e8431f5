//! One flag in shared memory that every backend sees at once: whether the plane is shut.
//!
//! Not transactional: what an aborted transaction raised stays raised. What outlives the server is the caller's to keep,
//! and is read back at every start, also after a crash.

use super::shared_memory::{self, Need};
use pgrx::pg_sys;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

static FLAG: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());
/// Tells at start-up whether an earlier life of the server left the flag raised; given at `init`.
static WAS_RAISED: OnceLock<fn() -> bool> = OnceLock::new();

/// Asks for the memory; called from `_PG_init` in the postmaster. `was_raised` is called at every start.
pub fn init(was_raised: fn() -> bool) {
    WAS_RAISED.get_or_init(|| was_raised);
    shared_memory::need(Need { request, attach });
}

unsafe fn request() {
    // SAFETY: called while the server counts what it needs.
    unsafe { pg_sys::RequestAddinShmemSpace(size_of::<AtomicU32>()) };
}

unsafe fn attach() {
    // SAFETY: called with the add-in lock held; the size is that asked for above.
    unsafe {
        let mut found = false;
        let flag = pg_sys::ShmemInitStruct(c"splitplane alarm".as_ptr(), size_of::<AtomicU32>(), &raw mut found)
            .cast::<AtomicU32>();
        if !found {
            let raised = WAS_RAISED.get().is_none_or(|was_raised| was_raised());
            flag.write(AtomicU32::new(u32::from(raised)));
        }
        FLAG.store(flag, Ordering::Relaxed);
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
