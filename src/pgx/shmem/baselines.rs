//! What is kept of each principal's calls, across all backends: a table of fixed size, in sets.
//!
//! A key is a hash, whose first bytes choose its set. Where all places of a set are taken, the one that was used the longest ago
//! is given to the newcomer. What the words mean is the caller's to know; all zeros are a newcomer's.

use super::Need;
use crate::pgx::shmem;
use pgrx::pg_sys;
use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

const TRANCHE: &CStr = c"splitplane_baselines";
/// Words of one entry.
pub const WORDS: usize = 16;
/// Places of one set.
const PLACES: usize = 16;

#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    key: [u8; 32],
    /// When it was used last, by a count of uses; 0 for a free place.
    used: u64,
    words: [u64; WORDS],
}

#[repr(C)]
struct Table {
    /// How often an entry was used.
    uses: u64,
}

static TABLE: AtomicPtr<Table> = AtomicPtr::new(std::ptr::null_mut());
/// Entries at least; looked at when the server starts.
static CAPACITY: OnceLock<fn() -> usize> = OnceLock::new();

/// Asks for the memory; called from `_PG_init` in the postmaster.
pub fn init(capacity: fn() -> usize) {
    CAPACITY.get_or_init(|| capacity);
    shmem::need(Need { request, attach });
}

/// How many sets there are; 0 where nothing is kept.
fn sets() -> usize {
    CAPACITY.get().map_or(0, |capacity| capacity().div_ceil(PLACES))
}

fn size() -> usize {
    size_of::<Table>().saturating_add(sets().saturating_mul(PLACES * size_of::<Entry>()))
}

unsafe fn request() {
    // SAFETY: called while the server counts what it needs.
    unsafe {
        pg_sys::RequestAddinShmemSpace(size());
        pg_sys::RequestNamedLWLockTranche(TRANCHE.as_ptr(), 1);
    }
}

unsafe fn attach() {
    // SAFETY: called with the add-in lock held; the size is that asked for above, and all zero bytes are a valid table.
    unsafe {
        let mut found = false;
        let table = pg_sys::ShmemInitStruct(c"splitplane baselines".as_ptr(), size(), &raw mut found);
        if !found {
            table.cast::<u8>().write_bytes(0, size());
        }
        TABLE.store(table.cast(), Ordering::Relaxed);
    }
}

/// Lets `change` change what is kept under a key. `None` where nothing is kept at all.
///
/// `change` must not raise.
pub fn change<T>(key: &[u8; 32], change: impl FnOnce(&mut [u64; WORDS]) -> T) -> Option<T> {
    let table = TABLE.load(Ordering::Relaxed);
    let [one, two, three, four, ..] = *key;
    let set = usize::try_from(u32::from_be_bytes([one, two, three, four])).ok()?.checked_rem(sets())?;
    if table.is_null() {
        return None;
    }
    // SAFETY: the tranche was asked for at start-up with one lock.
    let lock = unsafe {
        let lock = &raw mut (*pg_sys::GetNamedLWLockTranche(TRANCHE.as_ptr())).lock;
        if !shmem::acquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE) {
            return None;
        }
        lock
    };
    // SAFETY: the entries lie behind the table, `sets()` times `PLACES` of them; the lock is held exclusively, so these are the only
    // references to them.
    let (table, places) = unsafe {
        let first = table.add(1).cast::<Entry>().add(set * PLACES);
        (&mut *table, std::slice::from_raw_parts_mut(first, PLACES))
    };
    table.uses = table.uses.saturating_add(1);
    let entry = place(places, key);
    let changed = entry.map(|entry| {
        entry.used = table.uses;
        change(&mut entry.words)
    });
    // SAFETY: acquired above.
    unsafe { pg_sys::LWLockRelease(lock) };
    changed
}

/// The place of a key, made where there is none.
fn place<'p>(places: &'p mut [Entry], key: &[u8; 32]) -> Option<&'p mut Entry> {
    let known = places.iter().position(|entry| entry.used > 0 && entry.key == *key);
    let is_new = known.is_none();
    let oldest = || places.iter().enumerate().min_by_key(|(_, entry)| entry.used).map(|(index, _)| index);
    let entry = places.get_mut(known.or_else(oldest)?)?;
    if is_new {
        *entry = Entry { key: *key, used: 0, words: [0; WORDS] };
    }
    Some(entry)
}
