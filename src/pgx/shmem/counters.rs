//! Counters in shared memory, by database: a fixed number of them for each, and named rows in two tables of fixed size.
//!
//! They only rise, until they are reset or the server starts anew, also after a crash. Nothing here is transactional. What a counter
//! means, and which are there, is the caller's.

use super::Need;
use crate::pgx::flags::{c_int, cache};
use crate::pgx::shmem;
use pgrx::pg_sys;
use sha2::{Digest, Sha256};
use std::ffi::{CStr, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Counters of a database that are there from the start.
pub const FIXED: usize = 512;
/// Counters of a named row.
pub const OF_A_ROW: usize = 16;
/// Databases that can have counters. One that finds no place is not counted, and `fixed` says so.
pub const DATABASES: usize = 64;
/// Longest name of a row, in bytes; what is longer is cut there.
pub const NAME: usize = 288;

const TRANCHE: &CStr = c"splitplane_counters";

/// The counters of one database.
#[repr(C)]
pub struct Fixed {
    /// 0 for none.
    database: AtomicU32,
    /// Since when they count, in seconds since 1970.
    since: AtomicI64,
    counters: [AtomicU64; FIXED],
}

impl Fixed {
    /// Adds to one of them.
    pub fn add(&self, counter: usize, more: u64) {
        if let Some(counter) = self.counters.get(counter).filter(|_| more > 0) {
            counter.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// What one of them has come to.
    pub fn get(&self, counter: usize) -> u64 {
        self.counters.get(counter).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Since when they count, in seconds since 1970.
    pub fn since(&self) -> i64 {
        self.since.load(Ordering::Relaxed)
    }

    fn clear(&self, now: i64) {
        self.counters.iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
        self.since.store(now, Ordering::Relaxed);
    }
}

/// A named row: key first, as dynahash wants it.
#[repr(C)]
struct Row {
    key: [u8; 32],
    database: u32,
    length: usize,
    name: [u8; NAME],
    counters: [AtomicU64; OF_A_ROW],
}

/// One of the tables of named rows.
pub struct Table {
    name: &'static CStr,
    capacity: OnceLock<fn() -> usize>,
    table: AtomicPtr<pg_sys::HTAB>,
}

impl Table {
    const fn new(name: &'static CStr) -> Self {
        Table { name, capacity: OnceLock::new(), table: AtomicPtr::new(std::ptr::null_mut()) }
    }

    fn capacity(&self) -> i64 {
        self.capacity.get().and_then(|capacity| i64::try_from(capacity()).ok()).unwrap_or(0)
    }
}

/// By tenant.
pub static TENANTS: Table = Table::new(c"splitplane tenants counted");
/// By model and purpose.
pub static MODELS: Table = Table::new(c"splitplane models counted");

const TABLES: [&Table; 2] = [&TENANTS, &MODELS];

static DATABASES_COUNTED: AtomicPtr<[Fixed; DATABASES]> = AtomicPtr::new(std::ptr::null_mut());

/// Asks for the memory; called from `_PG_init` in the postmaster. How many rows the tables have at most is looked at when the
/// server starts.
pub fn init(tenants: fn() -> usize, models: fn() -> usize) {
    TENANTS.capacity.get_or_init(|| tenants);
    MODELS.capacity.get_or_init(|| models);
    shmem::need(Need { request, attach });
}

unsafe fn request() {
    // SAFETY: called while the server counts what it needs.
    unsafe {
        for table in TABLES {
            pg_sys::RequestAddinShmemSpace(pg_sys::hash_estimate_size(table.capacity(), size_of::<Row>()));
        }
        pg_sys::RequestAddinShmemSpace(size_of::<[Fixed; DATABASES]>());
        pg_sys::RequestNamedLWLockTranche(TRANCHE.as_ptr(), 1);
    }
}

unsafe fn attach() {
    // SAFETY: called with the add-in lock held; the sizes are those asked for above, and all zero bytes are no database.
    unsafe {
        let mut found = false;
        let size = size_of::<[Fixed; DATABASES]>();
        let databases = pg_sys::ShmemInitStruct(c"splitplane counters".as_ptr(), size, &raw mut found);
        if !found {
            databases.cast::<u8>().write_bytes(0, size);
        }
        DATABASES_COUNTED.store(databases.cast(), Ordering::Relaxed);
        for table in TABLES {
            let mut control = pg_sys::HASHCTL { keysize: 32, entrysize: size_of::<Row>(), ..Default::default() };
            let flags = const { c_int(pg_sys::HASH_ELEM | pg_sys::HASH_BLOBS) };
            let (name, capacity) = (table.name.as_ptr(), table.capacity());
            #[cfg(not(feature = "pg19"))]
            let made = pg_sys::ShmemInitHash(name, capacity, capacity, &raw mut control, flags);
            #[cfg(feature = "pg19")]
            let made = pg_sys::ShmemInitHash(name, capacity, &raw mut control, flags);
            table.table.store(made, Ordering::Relaxed);
        }
    }
}

fn databases() -> Option<&'static [Fixed; DATABASES]> {
    // SAFETY: NULL, or shared memory that stays for as long as the process; atomics may be shared.
    unsafe { DATABASES_COUNTED.load(Ordering::Relaxed).as_ref() }
}

/// The lock of the tables, and of taking a place for a database; released on drop.
struct Locked(*mut pg_sys::LWLock);

impl Locked {
    fn new(mode: pg_sys::LWLockMode::Type) -> Self {
        // SAFETY: the tranche was asked for at start-up with one lock, which this backend does not hold: nothing is called meanwhile
        // that counts.
        unsafe {
            let lock = &raw mut (*pg_sys::GetNamedLWLockTranche(TRANCHE.as_ptr())).lock;
            pg_sys::LWLockAcquire(lock, mode);
            Locked(lock)
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // SAFETY: acquired in `new`; nothing between raises.
        unsafe { pg_sys::LWLockRelease(self.0) };
    }
}

/// The counters of a database, which has a place from then on. `None` when all places are taken, or without shared memory. `now` in
/// seconds since 1970. A session that ends has a transaction perhaps, and no use of the catalog any more: it frees no places.
pub fn fixed(database: u32, now: i64, is_ending: bool) -> Option<&'static Fixed> {
    let databases = databases()?;
    let known = || databases.iter().find(|fixed| fixed.database.load(Ordering::Acquire) == database);
    known().or_else(|| take(databases, database, now)).or_else(|| {
        if is_ending {
            return None;
        }
        free_dropped(databases);
        take(databases, database, now)
    })
}

fn take(databases: &'static [Fixed; DATABASES], database: u32, now: i64) -> Option<&'static Fixed> {
    let _locked = Locked::new(pg_sys::LWLockMode::LW_EXCLUSIVE);
    let place = |wanted| databases.iter().find(|fixed| fixed.database.load(Ordering::Acquire) == wanted);
    // Another session of the database may have been first.
    if let Some(known) = place(database) {
        return Some(known);
    }
    let free = place(0)?;
    free.since.store(now, Ordering::Relaxed);
    free.database.store(database, Ordering::Release);
    Some(free)
}

/// Frees the places of databases that are not there any more. No session of theirs is left to count.
fn free_dropped(databases: &'static [Fixed; DATABASES]) {
    // SAFETY: reads the transaction's state; there is no catalog without one.
    if !unsafe { pg_sys::IsTransactionState() } {
        return;
    }
    let is_dropped = |database: u32| {
        let cache = const { cache(pg_sys::SysCacheIdentifier::DATABASEOID) };
        let (key, none) = (pg_sys::Datum::from(pg_sys::Oid::from(database)), pg_sys::Datum::from(0usize));
        // SAFETY: a look-up by the one key of that cache; it may raise, so that no lock is held meanwhile.
        database != 0 && !unsafe { pg_sys::SearchSysCacheExists(cache, key, none, none, none) }
    };
    let known = databases.iter().map(|fixed| fixed.database.load(Ordering::Acquire));
    let dropped: Vec<u32> = known.filter(|database| is_dropped(*database)).collect();
    for database in dropped {
        remove_rows(database);
        let _locked = Locked::new(pg_sys::LWLockMode::LW_EXCLUSIVE);
        if let Some(fixed) = databases.iter().find(|fixed| fixed.database.load(Ordering::Acquire) == database) {
            fixed.clear(0);
            fixed.database.store(0, Ordering::Release);
        }
    }
}

/// Sets all counters of a database to 0 and forgets its rows.
pub fn reset(database: u32, now: i64) {
    if let Some(fixed) = fixed(database, now, false) {
        fixed.clear(now);
        remove_rows(database);
    }
}

fn remove_rows(database: u32) {
    for table in TABLES {
        let table = table.table.load(Ordering::Relaxed);
        if table.is_null() {
            continue;
        }
        let _locked = Locked::new(pg_sys::LWLockMode::LW_EXCLUSIVE);
        let mut status = pg_sys::HASH_SEQ_STATUS::default();
        // SAFETY: the lock is held exclusively; deleting the row just returned is allowed during a scan.
        unsafe {
            pg_sys::hash_seq_init(&raw mut status, table);
            loop {
                let row = pg_sys::hash_seq_search(&raw mut status).cast::<Row>();
                if row.is_null() {
                    break;
                }
                if (*row).database == database {
                    let key = (*row).key;
                    search(table, &key, pg_sys::HASHACTION::HASH_REMOVE);
                }
            }
        }
    }
}

/// The caller holds the lock.
unsafe fn search(table: *mut pg_sys::HTAB, key: &[u8; 32], action: pg_sys::HASHACTION::Type) -> *mut Row {
    // SAFETY: the key has the table's key size.
    unsafe { pg_sys::hash_search(table, key.as_ptr().cast::<c_void>(), action, std::ptr::null_mut()).cast::<Row>() }
}

/// `name` without what is over the length that a row can hold.
fn cut(name: &str) -> &str {
    let end = (0..=NAME.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    name.get(..end).unwrap_or("")
}

/// Adds to the row of that name, which is there from then on; `false` when there is no room for it.
pub fn add(table: &Table, database: u32, name: &str, more: &[u64; OF_A_ROW]) -> bool {
    let hash = table.table.load(Ordering::Relaxed);
    if hash.is_null() {
        return false;
    }
    let name = cut(name);
    let key: [u8; 32] =
        Sha256::new().chain_update(database.to_be_bytes()).chain_update(name.as_bytes()).finalize().into();
    {
        let _locked = Locked::new(pg_sys::LWLockMode::LW_SHARED);
        // SAFETY: the lock is held; NULL, or a row that stays while it is. Its counters are atomics.
        if let Some(row) = unsafe { search(hash, &key, pg_sys::HASHACTION::HASH_FIND).as_ref() } {
            raise(row, more);
            return true;
        }
    }
    let _locked = Locked::new(pg_sys::LWLockMode::LW_EXCLUSIVE);
    // SAFETY: the lock is held exclusively; dynahash gives room for one row, or NULL.
    unsafe {
        let known = search(hash, &key, pg_sys::HASHACTION::HASH_FIND);
        if let Some(row) = known.as_ref() {
            raise(row, more);
            return true;
        }
        if pg_sys::hash_get_num_entries(hash) >= table.capacity() {
            return false;
        }
        let row = search(hash, &key, pg_sys::HASHACTION::HASH_ENTER_NULL);
        if row.is_null() {
            return false;
        }
        let mut bytes = [0_u8; NAME];
        bytes.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
        let counters = std::array::from_fn(|counter| AtomicU64::new(more.get(counter).copied().unwrap_or(0)));
        row.write(Row { key, database, length: name.len(), name: bytes, counters });
    }
    true
}

fn raise(row: &Row, more: &[u64; OF_A_ROW]) {
    for (counter, more) in row.counters.iter().zip(more).filter(|(_, more)| **more > 0) {
        counter.fetch_add(*more, Ordering::Relaxed);
    }
}

/// The rows of a database, in no order.
pub fn rows(table: &Table, database: u32) -> Vec<(String, [u64; OF_A_ROW])> {
    let hash = table.table.load(Ordering::Relaxed);
    if hash.is_null() {
        return Vec::new();
    }
    // Not under the lock, as all that may fail: rows that come between the two passes are seen the next time.
    let mut count = 0;
    each(hash, |row| count += usize::from(row.database == database));
    let mut copies: Vec<([u8; NAME], usize, [u64; OF_A_ROW])> = Vec::with_capacity(count);
    each(hash, |row| {
        if row.database == database && copies.len() < count {
            let counters = std::array::from_fn(|at| row.counters.get(at).map_or(0, |one| one.load(Ordering::Relaxed)));
            copies.push((row.name, row.length, counters));
        }
    });
    let text = |name: &[u8], length: usize| String::from_utf8_lossy(name.get(..length).unwrap_or(&[])).into_owned();
    copies.into_iter().map(|(name, length, counters)| (text(&name, length), counters)).collect()
}

/// `seen` may not fail, and calls nothing of PostgreSQL's.
fn each(table: *mut pg_sys::HTAB, mut seen: impl FnMut(&Row)) {
    let mut status = pg_sys::HASH_SEQ_STATUS::default();
    let _locked = Locked::new(pg_sys::LWLockMode::LW_SHARED);
    // SAFETY: the lock is held; the scan goes to its end.
    unsafe {
        pg_sys::hash_seq_init(&raw mut status, table);
        while let Some(row) = pg_sys::hash_seq_search(&raw mut status).cast::<Row>().as_ref() {
            seen(row);
        }
    }
}
