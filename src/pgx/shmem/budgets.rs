//! One block of words in shared memory, under one lock: what is used and reserved of budgets. What the words mean is the caller's.

use super::Need;
use crate::pgx::shmem;
use pgrx::{pg_guard, pg_sys};
use std::cell::Cell;
use std::ffi::{CStr, c_int};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

const TRANCHE: &CStr = c"splitplane_budgets";

/// What the block is to hold, as its owner says at load.
pub struct Content {
    /// How many words; looked at when the server starts.
    pub words: fn() -> usize,
    /// Fills it whenever its memory is new, which is all zero then: at a start of the server, also after a crash.
    pub first: fn(&mut [u64]),
    /// Called when a backend ends that has said so by [`call_at_exit`].
    pub at_exit: fn(),
}

static CONTENT: OnceLock<Content> = OnceLock::new();
static WORDS: AtomicPtr<u64> = AtomicPtr::new(std::ptr::null_mut());

/// Asks for the memory; called from `_PG_init` in the postmaster.
pub fn init(content: Content) {
    CONTENT.get_or_init(|| content);
    shmem::need(Need { request, attach });
}

fn words() -> usize {
    CONTENT.get().map_or(0, |content| (content.words)())
}

fn bytes() -> usize {
    words().saturating_mul(size_of::<u64>())
}

unsafe fn request() {
    // SAFETY: called while the server counts what it needs.
    unsafe {
        pg_sys::RequestAddinShmemSpace(bytes());
        pg_sys::RequestNamedLWLockTranche(TRANCHE.as_ptr(), 1);
    }
}

unsafe fn attach() {
    // SAFETY: called with the add-in lock held; the size is that asked for above, and shared memory is aligned for every type.
    unsafe {
        let mut found = false;
        let block = pg_sys::ShmemInitStruct(c"splitplane budgets".as_ptr(), bytes(), &raw mut found).cast::<u64>();
        if !found {
            block.write_bytes(0, words());
            if let Some(content) = CONTENT.get() {
                (content.first)(std::slice::from_raw_parts_mut(block, words()));
            }
        }
        WORDS.store(block, Ordering::Relaxed);
    }
}

/// The block while its lock is held. Nothing that can raise an ERROR is called meanwhile.
pub struct Locked {
    lock: *mut pg_sys::LWLock,
    block: *mut u64,
}

/// Locks the block; `None` when the library was not preloaded.
pub fn lock() -> Option<Locked> {
    let block = WORDS.load(Ordering::Relaxed);
    if block.is_null() {
        return None;
    }
    // SAFETY: the tranche was asked for at start-up with one lock.
    unsafe {
        let lock = &raw mut (*pg_sys::GetNamedLWLockTranche(TRANCHE.as_ptr())).lock;
        shmem::acquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE).then(|| Locked { lock, block })
    }
}

impl Locked {
    /// The words.
    pub fn words(&mut self) -> &mut [u64] {
        // SAFETY: shared memory for the life of the process, of as many words; the lock is held exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.block, words()) }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // SAFETY: acquired in `lock`; nothing between raises.
        unsafe { pg_sys::LWLockRelease(self.lock) };
    }
}

/// Has `at_exit` called when this backend ends, also in the middle of a call (FATAL).
pub fn call_at_exit() {
    thread_local! {
        static REGISTERED: Cell<bool> = const { Cell::new(false) };
    }
    if REGISTERED.with(|registered| registered.replace(true)) {
        return;
    }
    // SAFETY: the callback lives as long as the library.
    unsafe { pg_sys::before_shmem_exit(Some(at_exit), pg_sys::Datum::from(0usize)) };
}

#[pg_guard]
unsafe extern "C-unwind" fn at_exit(_code: c_int, _argument: pg_sys::Datum) {
    if let Some(content) = CONTENT.get() {
        (content.at_exit)();
    }
}
