//! Bounded maps from 32-byte keys in shared memory: the replay ledger and the verdict cache.
//!
//! PostgreSQL's own dynahash, each map under one lock of ours. The policy (what a map begins with, what may be admitted or
//! evicted) is the caller's.

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

/// What is kept besides the entries.
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

impl Header {
    /// Of a map without a past.
    pub const EMPTY: Header = Header { horizon: i64::MIN, swept: i64::MIN, holders: 0 };
}

/// One map. Its memory is asked for at start-up; before that, and in a library that was not preloaded, it is not there.
pub struct SharedMap {
    tranche: &'static CStr,
    header_name: &'static CStr,
    table_name: &'static CStr,
    content: OnceLock<Content>,
    table: AtomicPtr<pg_sys::HTAB>,
    header: AtomicPtr<Header>,
}

impl SharedMap {
    const fn new(tranche: &'static CStr, header_name: &'static CStr, table_name: &'static CStr) -> Self {
        let (table, header) = (AtomicPtr::new(std::ptr::null_mut()), AtomicPtr::new(std::ptr::null_mut()));
        SharedMap { tranche, header_name, table_name, content: OnceLock::new(), table, header }
    }

    fn capacity(&self) -> i64 {
        let capacity = self.content.get().map_or(0, |content| (content.capacity)());
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

/// What a map is to hold, as its owner says at load.
#[derive(Clone, Copy)]
pub struct Content {
    /// How many entries at most; looked at when the server starts.
    pub capacity: fn() -> usize,
    /// What it begins with whenever its memory is new: at a start of the server, also after a crash.
    pub first: fn() -> (Header, Vec<Entry>),
    /// Called when there was no room for all of that.
    pub on_lost: fn(),
}

/// Asks for the memory; called from `_PG_init` in the postmaster.
pub fn init(ledger: Content, holders: Content, verdicts: Content) {
    for (map, content) in [(&LEDGER, ledger), (&HOLDERS, holders), (&VERDICTS, verdicts)] {
        map.content.get_or_init(|| content);
    }
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

/// Makes the map, or finds it.
unsafe fn attach_one(map: &SharedMap) {
    // SAFETY: called with the add-in lock held; the sizes are those asked for.
    unsafe {
        let mut found = false;
        let header =
            pg_sys::ShmemInitStruct(map.header_name.as_ptr(), size_of::<Header>(), &raw mut found).cast::<Header>();
        let mut entries = Vec::new();
        if !found {
            // A map of which nobody has said what it begins with refuses everyone.
            let closed = Header { horizon: i64::MAX, ..Header::EMPTY };
            let (first, first_entries) = map.content.get().map_or((closed, Vec::new()), |content| (content.first)());
            header.write(first);
            entries = first_entries;
        }
        let mut control = pg_sys::HASHCTL { keysize: 32, entrysize: size_of::<Entry>(), ..Default::default() };
        let flags = const { c_int(pg_sys::HASH_ELEM | pg_sys::HASH_BLOBS) };
        let (name, capacity) = (map.table_name.as_ptr(), map.capacity());
        #[cfg(not(feature = "pg19"))]
        let table = pg_sys::ShmemInitHash(name, capacity, capacity, &raw mut control, flags);
        // Since 19 all of it is there from the beginning.
        #[cfg(feature = "pg19")]
        let table = pg_sys::ShmemInitHash(name, capacity, &raw mut control, flags);
        // Nobody else is there yet, so no lock of the map's own is needed.
        let mut has_lost = false;
        for entry in entries {
            let mut known = false;
            let slot = enter(table, &entry.key, &raw mut known);
            if slot.is_null() {
                has_lost = true;
                break;
            }
            slot.write(entry);
        }
        map.header.store(header, Ordering::Relaxed);
        map.table.store(table, Ordering::Relaxed);
        if let Some(content) = map.content.get().filter(|_| has_lost) {
            (content.on_lost)();
        }
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
    /// Locks the map; `None` when the library was not preloaded, and where this process was interrupted while it held the lock.
    pub fn lock(&self) -> Option<LockedMap> {
        let table = self.table.load(Ordering::Relaxed);
        let header = self.header.load(Ordering::Relaxed);
        if table.is_null() || header.is_null() {
            return None;
        }
        // SAFETY: the tranche was asked for at start-up with one lock.
        let lock = unsafe { &raw mut (*pg_sys::GetNamedLWLockTranche(self.tranche.as_ptr())).lock };
        // SAFETY: a valid lock.
        let is_taken = unsafe { shmem::acquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE) };
        is_taken.then(|| LockedMap { lock, table, header, capacity: self.capacity() })
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
    /// What is kept besides the entries.
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

    /// How many entries there are.
    pub fn count(&self) -> i64 {
        // SAFETY: the lock is held.
        unsafe { pg_sys::hash_get_num_entries(self.table) }
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
