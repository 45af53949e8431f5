//! Bounded maps from 32-byte keys in shared memory: the replay ledger and the verdict cache.
//!
//! PostgreSQL's own dynahash, each map under one lock of ours. The policy (what may be admitted or evicted) is the
//! caller's.

use super::Need;
use crate::pgx::flags::c_int;
use crate::pgx::shmem;
use pgrx::pg_sys;
use std::ffi::{CStr, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

/// One entry: key first, as dynahash wants it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Entry {
    /// The key.
    pub key: [u8; 32],
    /// Free for the policy.
    pub dated: i64,
    /// Free for the policy.
    pub keep_until: i64,
    /// Free for the policy.
    pub uses: u32,
    /// Free for the policy: a key of another map.
    pub holder: [u8; 32],
}

/// What is kept beside the entries.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Header {
    /// Contexts dated up to here are refused.
    pub horizon: i64,
    /// When the last sweep was made.
    pub swept: i64,
    /// How many keys hold places.
    pub holders: i64,
}

/// One map. Its memory is asked for at start-up; before that, and in a library that was not preloaded, it is not there.
pub struct SharedMap {
    tranche: &'static CStr,
    header_name: &'static CStr,
    table_name: &'static CStr,
    capacity: OnceLock<fn() -> usize>,
    table: AtomicPtr<pg_sys::HTAB>,
    header: AtomicPtr<Header>,
}

impl SharedMap {
    const fn new(tranche: &'static CStr, header_name: &'static CStr, table_name: &'static CStr) -> Self {
        let (table, header) = (AtomicPtr::new(std::ptr::null_mut()), AtomicPtr::new(std::ptr::null_mut()));
        SharedMap { tranche, header_name, table_name, capacity: OnceLock::new(), table, header }
    }

    fn capacity(&self) -> i64 {
        let capacity = self.capacity.get().map_or(0, |capacity| capacity());
        i64::try_from(capacity).unwrap_or(i64::from(i32::MAX))
    }
}

/// Which contexts were used.
pub static LEDGER: SharedMap = SharedMap::new(c"splitplane_ledger", c"splitplane ledger header", c"splitplane ledger");

/// Which keys the used contexts are of, and from when on a context of each may be dated.
pub static HOLDERS: SharedMap =
    SharedMap::new(c"splitplane_holders", c"splitplane holders header", c"splitplane holders");

/// Which questions were found clear and in scope.
pub static VERDICTS: SharedMap =
    SharedMap::new(c"splitplane_verdicts", c"splitplane verdicts header", c"splitplane verdicts");

const MAPS: [&SharedMap; 3] = [&LEDGER, &HOLDERS, &VERDICTS];

/// How many entries each map holds at most; looked at when the server starts.
pub struct Capacities {
    /// Of `LEDGER`.
    pub ledger: fn() -> usize,
    /// Of `HOLDERS`.
    pub holders: fn() -> usize,
    /// Of `VERDICTS`.
    pub verdicts: fn() -> usize,
}

/// What an earlier life of the server left on disk.
pub struct Kept {
    /// Contexts dated up to here are refused, whoever signed them; `i64::MAX` when what is there cannot be read.
    pub horizon: i64,
    /// Entries of `HOLDERS`.
    pub holders: Vec<Entry>,
}

/// Reads it; given at `init`.
static READ_KEPT: OnceLock<fn() -> Kept> = OnceLock::new();

fn kept() -> Kept {
    READ_KEPT.get().map_or(Kept { horizon: i64::MAX, holders: Vec::new() }, |read| read())
}

/// Asks for the memory; called from `_PG_init` in the postmaster. `read_kept` is called at every start.
pub fn init(capacities: &Capacities, read_kept: fn() -> Kept) {
    LEDGER.capacity.get_or_init(|| capacities.ledger);
    HOLDERS.capacity.get_or_init(|| capacities.holders);
    VERDICTS.capacity.get_or_init(|| capacities.verdicts);
    READ_KEPT.get_or_init(|| read_kept);
    shmem::need(Need { request, attach });
}

unsafe fn request() {
    // SAFETY: called while the server counts what it needs.
    unsafe {
        for map in MAPS {
            let entries = pg_sys::hash_estimate_size(map.capacity(), size_of::<Entry>());
            pg_sys::RequestAddinShmemSpace(entries + size_of::<Header>());
            pg_sys::RequestNamedLWLockTranche(map.tranche.as_ptr(), 1);
        }
    }
}

unsafe fn attach() {
    for map in MAPS {
        // SAFETY: called with the add-in lock held; the sizes are those asked for above.
        unsafe { attach_one(map) };
    }
}

/// The header of a map that was just made, and its first entries.
fn first(map: &SharedMap) -> (Header, Vec<Entry>) {
    let none = Header { horizon: i64::MIN, swept: i64::MIN, holders: 0 };
    if std::ptr::eq(map, &HOLDERS) {
        return (none, kept().holders);
    }
    if !std::ptr::eq(map, &LEDGER) {
        return (none, Vec::new());
    }
    // Also after a crash: the memory is new and has forgotten, so what is dated up to now is refused. Dates have whole
    // seconds: the second that is running is waited out, so that a context signed as soon as the server answers is dated
    // after the horizon.
    let horizon = crate::pgx::server::now();
    crate::pgx::server::wait_for_next_second();
    (Header { horizon: horizon.max(kept().horizon), ..none }, Vec::new())
}

/// Makes the map, or finds it.
unsafe fn attach_one(map: &SharedMap) {
    // SAFETY: called with the add-in lock held; the sizes are those asked for.
    unsafe {
        let mut found = false;
        let header =
            pg_sys::ShmemInitStruct(map.header_name.as_ptr(), size_of::<Header>(), &raw mut found).cast::<Header>();
        let mut entries = Vec::new();
        if !found {
            let (first_header, first_entries) = first(map);
            header.write(first_header);
            entries = first_entries;
        }
        let mut control = pg_sys::HASHCTL { keysize: 32, entrysize: size_of::<Entry>(), ..Default::default() };
        let table = pg_sys::ShmemInitHash(
            map.table_name.as_ptr(),
            map.capacity(),
            map.capacity(),
            &raw mut control,
            const { c_int(pg_sys::HASH_ELEM | pg_sys::HASH_BLOBS) },
        );
        // Nobody else is there yet, so no lock of the map's own is needed.
        for entry in entries {
            let mut known = false;
            let slot = enter(table, &entry.key, &raw mut known);
            if slot.is_null() {
                // What cannot be kept apart is refused for everyone.
                (*LEDGER.header.load(Ordering::Relaxed)).horizon = i64::MAX;
                break;
            }
            slot.write(entry);
        }
        map.header.store(header, Ordering::Relaxed);
        map.table.store(table, Ordering::Relaxed);
    }
}

/// A place for a key; NULL when there is no room.
unsafe fn enter(table: *mut pg_sys::HTAB, key: &[u8; 32], found: *mut bool) -> *mut Entry {
    // SAFETY: the key has the table's key size; the caller holds the lock, or is alone.
    unsafe {
        pg_sys::hash_search(table, key.as_ptr().cast::<c_void>(), pg_sys::HASHACTION::HASH_ENTER_NULL, found)
            .cast::<Entry>()
    }
}

/// The map, held exclusively; released on drop.
pub struct LockedMap {
    lock: *mut pg_sys::LWLock,
    table: *mut pg_sys::HTAB,
    header: *mut Header,
    capacity: i64,
}

impl SharedMap {
    /// Locks the map; `None` when the library was not preloaded.
    pub fn lock(&self) -> Option<LockedMap> {
        let table = self.table.load(Ordering::Relaxed);
        let header = self.header.load(Ordering::Relaxed);
        if table.is_null() || header.is_null() {
            return None;
        }
        // SAFETY: the tranche was asked for at start-up with one lock.
        let lock = unsafe { &raw mut (*pg_sys::GetNamedLWLockTranche(self.tranche.as_ptr())).lock };
        // SAFETY: a valid lock that this backend does not hold: nothing is called while a `LockedMap` lives.
        unsafe { pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE) };
        Some(LockedMap { lock, table, header, capacity: self.capacity() })
    }
}

impl Drop for LockedMap {
    fn drop(&mut self) {
        // While an ERROR unwinds, the transaction's abort releases the lock.
        if !std::thread::panicking() {
            // SAFETY: acquired in `lock`.
            unsafe { pg_sys::LWLockRelease(self.lock) };
        }
    }
}

impl LockedMap {
    /// What is kept beside the entries.
    pub fn header(&mut self) -> &mut Header {
        // SAFETY: the header lives in shared memory for good; the lock is held exclusively.
        unsafe { &mut *self.header }
    }

    /// The entry of a key.
    pub fn get(&mut self, key: &[u8; 32]) -> Option<&mut Entry> {
        // SAFETY: the key has the table's key size; the lock is held.
        unsafe {
            pg_sys::hash_search(
                self.table,
                key.as_ptr().cast::<c_void>(),
                pg_sys::HASHACTION::HASH_FIND,
                std::ptr::null_mut(),
            )
            .cast::<Entry>()
            .as_mut()
        }
    }

    /// How many entries there may be.
    pub fn capacity(&self) -> i64 {
        self.capacity
    }

    /// Whether half of the entries that there may be are there.
    pub fn is_half_full(&self) -> bool {
        // SAFETY: the lock is held.
        unsafe { pg_sys::hash_get_num_entries(self.table) >= self.capacity / 2 }
    }

    /// Whether no further entry may be added.
    pub fn is_full(&self) -> bool {
        // SAFETY: the lock is held.
        unsafe { pg_sys::hash_get_num_entries(self.table) >= self.capacity }
    }

    /// Adds an entry; `false` when there is no room.
    pub fn insert(&mut self, entry: Entry) -> bool {
        let mut found = false;
        // SAFETY: the lock is held; NULL comes back when memory is out.
        let slot = unsafe { enter(self.table, &entry.key, &raw mut found) };
        if slot.is_null() {
            return false;
        }
        // SAFETY: dynahash gives room for one entry.
        unsafe { slot.write(entry) };
        true
    }

    /// Removes the entry of a key.
    pub fn remove(&mut self, key: &[u8; 32]) {
        // SAFETY: the key has the table's key size; the lock is held.
        unsafe {
            pg_sys::hash_search(
                self.table,
                key.as_ptr().cast::<c_void>(),
                pg_sys::HASHACTION::HASH_REMOVE,
                std::ptr::null_mut(),
            )
        };
    }

    /// Removes every entry for which `remove` says so.
    pub fn remove_where(&mut self, mut remove: impl FnMut(&Entry) -> bool) {
        let mut status = pg_sys::HASH_SEQ_STATUS::default();
        // SAFETY: the lock is held exclusively; deleting the entry just returned is allowed during a scan.
        unsafe {
            pg_sys::hash_seq_init(&raw mut status, self.table);
            loop {
                let entry = pg_sys::hash_seq_search(&raw mut status).cast::<Entry>();
                if entry.is_null() {
                    break;
                }
                if remove(&*entry) {
                    let key = (*entry).key;
                    self.remove(&key);
                }
            }
        }
    }
}
