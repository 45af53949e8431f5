//! One value in shared memory, behind a lock of its own, and a second lock for what one backend does for all who wait.

use crate::pgx::shmem;
use pgrx::pg_sys;
use std::ffi::CStr;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A value: plain bytes without pointers.
pub struct SharedValue<T: Copy + 'static> {
    name: &'static CStr,
    tranche: &'static CStr,
    first: OnceLock<fn() -> T>,
    place: AtomicPtr<T>,
}

/// A value of any type, as the hooks know it.
pub(super) trait Kept: Sync {
    /// Asks for its memory and locks.
    unsafe fn request(&self);
    /// Makes it or finds it.
    unsafe fn attach(&self);
}

/// The locks of a tranche.
const LOCKS: i32 = 2;

impl<T: Copy + 'static> Kept for SharedValue<T> {
    unsafe fn request(&self) {
        // SAFETY: called while the server counts what it needs.
        unsafe {
            pg_sys::RequestAddinShmemSpace(size_of::<T>());
            pg_sys::RequestNamedLWLockTranche(self.tranche.as_ptr(), LOCKS);
        }
    }

    unsafe fn attach(&self) {
        // SAFETY: called with the add-in lock held; the size is that asked for above, and PostgreSQL aligns to a cache line.
        unsafe {
            let mut found = false;
            let value = pg_sys::ShmemInitStruct(self.name.as_ptr(), size_of::<T>(), &raw mut found).cast::<T>();
            if !found && let Some(first) = self.first.get() {
                value.write(first());
            }
            self.place.store(value, Ordering::Relaxed);
        }
    }
}

impl<T: Copy + 'static> SharedValue<T> {
    /// `name` is that of the memory, `tranche` that of the locks.
    pub const fn new(name: &'static CStr, tranche: &'static CStr) -> Self {
        SharedValue { name, tranche, first: OnceLock::new(), place: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Asks for the memory; called from `_PG_init` in the postmaster. `first` gives the value whenever the memory is new: at a start
    /// of the server, also after a crash.
    pub fn init(&'static self, first: fn() -> T) {
        self.first.get_or_init(|| first);
        shmem::need_value(self);
    }

    /// Locks it; `None` in a library that was not preloaded, and where this process was interrupted while it held the lock.
    pub fn lock(&self) -> Option<Locked<T>> {
        let value = self.place.load(Ordering::Relaxed);
        if value.is_null() {
            return None;
        }
        // SAFETY: the tranche was asked for at start-up with two locks.
        unsafe {
            let lock = &raw mut (*pg_sys::GetNamedLWLockTranche(self.tranche.as_ptr())).lock;
            shmem::acquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE).then(|| Locked { lock, value })
        }
    }

    /// Takes the second lock, or waits until whoever holds it is done and takes it not: what that one did may be enough. `None` as
    /// for `lock`.
    pub fn turn(&self) -> Option<Waited> {
        if self.place.load(Ordering::Relaxed).is_null() {
            return None;
        }
        // SAFETY: as in `lock`; the second of the two locks.
        unsafe {
            let lock = &raw mut (*pg_sys::GetNamedLWLockTranche(self.tranche.as_ptr()).add(1)).lock;
            if pg_sys::LWLockHeldByMe(lock) {
                return None;
            }
            let is_taken = pg_sys::LWLockAcquireOrWait(lock, pg_sys::LWLockMode::LW_EXCLUSIVE);
            Some(if is_taken { Waited::Turn(Turn { lock }) } else { Waited::Other })
        }
    }

    /// A copy without a lock, for a process that is alone: the postmaster when all others have ended.
    pub fn alone(&self) -> Option<T> {
        let value = self.place.load(Ordering::Relaxed);
        // SAFETY: shared memory that stays as long as the process.
        (!value.is_null()).then(|| unsafe { value.read() })
    }
}

/// The value, held exclusively; released on drop.
pub struct Locked<T> {
    lock: *mut pg_sys::LWLock,
    value: *mut T,
}

impl<T> Deref for Locked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: shared memory for good; the lock is held exclusively.
        unsafe { &*self.value }
    }
}

impl<T> DerefMut for Locked<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.value }
    }
}

impl<T> Drop for Locked<T> {
    fn drop(&mut self) {
        release(self.lock);
    }
}

/// What came of waiting for one's turn.
pub enum Waited {
    /// It is one's own.
    Turn(Turn),
    /// It was another's.
    Other,
}

/// One's turn; released on drop.
pub struct Turn {
    lock: *mut pg_sys::LWLock,
}

impl Drop for Turn {
    fn drop(&mut self) {
        release(self.lock);
    }
}

fn release(lock: *mut pg_sys::LWLock) {
    // While an ERROR unwinds, the transaction's abort releases the lock.
    if !std::thread::panicking() {
        // SAFETY: acquired by this backend.
        unsafe { pg_sys::LWLockRelease(lock) };
    }
}
