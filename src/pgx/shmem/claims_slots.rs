//! The claims of a running call where its parallel workers can read them: one slot of shared memory for each backend.
//!
//! A backend writes its own slot before it runs a statement and clears it on every way out; a worker reads that of its
//! leader and no other. A worker lives within its leader's statement, so what it reads does not change under it; if
//! it did, the worker would find no claims and its fences would let no row through.

use super::Need;
use crate::pgx::shmem;
use pgrx::{pg_guard, pg_sys};
use std::cell::{Cell, UnsafeCell};
use std::ffi::c_int;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

/// Bytes of one slot. Claims that are longer are not written, and their call runs without workers.
const BYTES: usize = 16 * 1_024;

/// One backend's slot.
#[repr(C)]
struct Slot {
    /// Counts the writes; odd while one is under way.
    writes: AtomicUsize,
    /// Bytes in use; 0 while no call runs.
    length: AtomicUsize,
    /// The segment of shared memory with the keys of the call; 0 without one.
    keys: AtomicU32,
    bytes: UnsafeCell<[u8; BYTES]>,
}

static SLOTS: AtomicPtr<Slot> = AtomicPtr::new(std::ptr::null_mut());

/// Asks for the memory; called from `_PG_init` in the postmaster.
pub fn init() {
    shmem::need(Need { request, attach });
}

/// As many as there can be backends, workers and background processes included.
fn count() -> usize {
    // SAFETY: a global of the postmaster, set before the libraries' needs are counted.
    usize::try_from(unsafe { pg_sys::MaxBackends }).unwrap_or(0)
}

unsafe fn request() {
    // SAFETY: called while the server counts what it needs.
    unsafe { pg_sys::RequestAddinShmemSpace(count() * size_of::<Slot>()) };
}

unsafe fn attach() {
    // SAFETY: called with the add-in lock held; the size is that asked for above.
    unsafe {
        let mut found = false;
        let size = count() * size_of::<Slot>();
        let slots = pg_sys::ShmemInitStruct(c"splitplane claims".as_ptr(), size, &raw mut found);
        if !found {
            slots.cast::<u8>().write_bytes(0, size);
        }
        SLOTS.store(slots.cast(), Ordering::Relaxed);
    }
}

/// The place of a backend among the slots, from 0.
#[cfg(any(feature = "pg15", feature = "pg16"))]
fn own_and_leader() -> (c_int, c_int) {
    // SAFETY: globals of the backend; both count from 1.
    unsafe { (pg_sys::MyBackendId - 1, pg_sys::ParallelLeaderBackendId - 1) }
}

/// The place of a backend among the slots, from 0.
#[cfg(any(feature = "pg17", feature = "pg18", feature = "pg19"))]
fn own_and_leader() -> (c_int, c_int) {
    // SAFETY: globals of the backend; both count from 0.
    unsafe { (pg_sys::MyProcNumber, pg_sys::ParallelLeaderProcNumber) }
}

fn slot(place: c_int) -> Option<&'static Slot> {
    let slots = SLOTS.load(Ordering::Relaxed);
    let index = usize::try_from(place).ok().filter(|index| *index < count())?;
    if slots.is_null() {
        return None;
    }
    // SAFETY: shared memory for the life of the process, of as many slots; all zero bytes are a valid slot.
    Some(unsafe { &*slots.add(index) })
}

/// Whether this process is a parallel worker.
pub fn is_worker() -> bool {
    // SAFETY: a global of the backend.
    unsafe { pg_sys::ParallelWorkerNumber >= 0 }
}

/// Writes this backend's slot; `false` when the text is too long for it, and the slot is then empty.
pub fn write(text: &[u8]) -> bool {
    clear_at_exit();
    clear();
    let Some(slot) = slot(own_and_leader().0) else { return false };
    if text.is_empty() || text.len() > BYTES {
        return false;
    }
    slot.writes.fetch_add(1, Ordering::SeqCst);
    // SAFETY: this backend alone writes its slot; the length is within it.
    unsafe { slot.bytes.get().cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len()) };
    slot.length.store(text.len(), Ordering::SeqCst);
    slot.writes.fetch_add(1, Ordering::SeqCst);
    true
}

/// Says in this backend's slot where the keys of the call are.
pub fn write_keys(segment: pg_sys::dsm_handle) {
    if let Some(slot) = slot(own_and_leader().0) {
        slot.keys.store(segment, Ordering::SeqCst);
    }
}

/// Where the keys of this parallel worker's leader are; `None` in any other process, and where there are none.
pub fn leaders_keys() -> Option<pg_sys::dsm_handle> {
    if !is_worker() {
        return None;
    }
    let segment = slot(own_and_leader().1)?.keys.load(Ordering::SeqCst);
    (segment != 0).then_some(segment)
}

/// Empties this backend's slot.
pub fn clear() {
    let Some(slot) = slot(own_and_leader().0) else { return };
    slot.keys.store(0, Ordering::SeqCst);
    let length = slot.length.swap(0, Ordering::SeqCst).min(BYTES);
    if length > 0 {
        slot.writes.fetch_add(1, Ordering::SeqCst);
        // SAFETY: as in `write`.
        unsafe { slot.bytes.get().cast::<u8>().write_bytes(0, length) };
        slot.writes.fetch_add(1, Ordering::SeqCst);
    }
}

/// What the leader of this parallel worker wrote; `None` in any other process, and when no call runs.
pub fn read_leader() -> Option<Vec<u8>> {
    if !is_worker() {
        return None;
    }
    let slot = slot(own_and_leader().1)?;
    let before = slot.writes.load(Ordering::SeqCst);
    let length = slot.length.load(Ordering::SeqCst);
    if before % 2 != 0 || length == 0 || length > BYTES {
        return None;
    }
    let mut text = vec![0u8; length];
    // SAFETY: within the slot; a write meanwhile shows in the count, and the copy is then dropped.
    unsafe { text.as_mut_ptr().copy_from_nonoverlapping(slot.bytes.get().cast::<u8>(), length) };
    (slot.writes.load(Ordering::SeqCst) == before).then_some(text)
}

/// A backend that ends in the middle of a call (FATAL) leaves nothing to the next process in its place.
fn clear_at_exit() {
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
    clear();
}
