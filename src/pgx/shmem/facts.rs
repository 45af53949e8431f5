//! What one backend has derived from the catalog of a database, as bytes that others may take; and how often a transaction has
//! committed that changed something of what such bytes were made from.
//!
//! Who derives reads the count first. The bytes are given out for as long as the count is still the same.

use super::Need;
use crate::pgx::shmem;
use pgrx::pg_sys;
use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64, Ordering};

const TRANCHE: &CStr = c"splitplane_facts";
/// Databases that can have an entry.
const ENTRIES: usize = 64;
/// Databases share a count with those of the same remainder.
const COUNTS: usize = 64;
/// A bit for each thing that entries were made from; two that share one are both taken for watched.
const WATCHED_BITS: u32 = 1 << 18;
const WORDS: usize = WATCHED_BITS as usize / 64;

/// Begins the memory; the bytes come behind it.
#[repr(C)]
struct Header {
    counts: [AtomicU64; COUNTS],
    watched: [AtomicU64; WORDS],
    /// How often there was no room.
    without_room: AtomicU64,
    /// When that was last said, in seconds since 1970.
    said: AtomicI64,
    /// Guarded by the lock, as the bytes are.
    entries: [Entry; ENTRIES],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    /// 0 for none.
    database: u32,
    count: u64,
    start: usize,
    length: usize,
}

impl Entry {
    const NONE: Entry = Entry { database: 0, count: 0, start: 0, length: 0 };

    fn end(&self) -> usize {
        self.start.saturating_add(self.length)
    }
}

/// One thing that a database's entry was made from, or that a transaction has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched(u32);

impl Watched {
    /// A relation.
    pub fn relation(database: u32, relation: u32) -> Self {
        Watched::of(1, database, relation)
    }

    /// A row of one of PostgreSQL's caches, by its hash there.
    pub fn cached(database: u32, cache: i32, hash: u32) -> Self {
        Watched::of(2_u32.wrapping_add(cache.unsigned_abs()), database, hash)
    }

    fn of(kind: u32, database: u32, value: u32) -> Self {
        let mixed = [kind, database, value].into_iter().fold(0x9E37_79B9_7F4A_7C15_u64, |mixed, part| {
            (mixed ^ u64::from(part)).wrapping_mul(0xFF51_AFD7_ED55_8CCD).rotate_left(29)
        });
        // The low bits are the least mixed.
        Watched(u32::try_from(mixed >> 40).unwrap_or(0) % WATCHED_BITS)
    }

    fn place(self) -> (usize, u64) {
        (self.0 as usize / 64, 1 << (self.0 % 64))
    }
}

static HEADER: AtomicPtr<Header> = AtomicPtr::new(std::ptr::null_mut());
/// Bytes for entries; looked at when the server starts.
static SIZE: OnceLock<fn() -> usize> = OnceLock::new();

/// Asks for the memory; called from `_PG_init` in the postmaster.
pub fn init(size: fn() -> usize) {
    SIZE.get_or_init(|| size);
    shmem::need(Need { request, attach });
}

/// Bytes for entries; 0 where none are kept.
pub fn size() -> usize {
    SIZE.get().map_or(0, |size| size())
}

unsafe fn request() {
    // SAFETY: called while the server counts what it needs.
    unsafe {
        pg_sys::RequestAddinShmemSpace(size_of::<Header>().saturating_add(size()));
        pg_sys::RequestNamedLWLockTranche(TRANCHE.as_ptr(), 1);
    }
}

unsafe fn attach() {
    // SAFETY: called with the add-in lock held; the size is that asked for above, and all zero bytes are a header without entries.
    unsafe {
        let mut found = false;
        let size = size_of::<Header>().saturating_add(size());
        let header = pg_sys::ShmemInitStruct(c"splitplane facts".as_ptr(), size, &raw mut found);
        if !found {
            header.cast::<u8>().write_bytes(0, size_of::<Header>());
        }
        HEADER.store(header.cast(), Ordering::Relaxed);
    }
}

/// The atomics of the header. What the lock guards is reached through `Locked`.
fn header() -> *mut Header {
    HEADER.load(Ordering::Relaxed)
}

fn counts<'a>() -> Option<&'a [AtomicU64; COUNTS]> {
    let header = header();
    // SAFETY: shared memory that stays for as long as the process; atomics may be shared.
    (!header.is_null()).then(|| unsafe { &(*header).counts })
}

fn bits<'a>() -> Option<&'a [AtomicU64; WORDS]> {
    let header = header();
    // SAFETY: as in `counts`.
    (!header.is_null()).then(|| unsafe { &(*header).watched })
}

fn count_of<'a>(database: u32) -> Option<&'a AtomicU64> {
    counts()?.get(database as usize % COUNTS)
}

/// How often something of a database has changed, in this life of the server; `None` without shared memory.
pub fn count(database: u32) -> Option<u64> {
    count_of(database).map(|count| count.load(Ordering::SeqCst))
}

/// Whatever entries the database has are not given out any more.
pub fn changed(database: u32) {
    if let Some(count) = count_of(database) {
        count.fetch_add(1, Ordering::SeqCst);
    }
}

/// The same for all databases.
pub fn changed_everywhere() {
    counts().into_iter().flatten().for_each(|count| {
        count.fetch_add(1, Ordering::SeqCst);
    });
}

/// From now on a transaction that changes one of these counts when it commits. Gives whether that was so before: what was read
/// until now may have been changed by one that did not count.
pub fn watch(things: impl IntoIterator<Item = Watched>) -> bool {
    let Some(bits) = bits() else { return false };
    let mut was_so = true;
    for thing in things {
        let (word, bit) = thing.place();
        if let Some(word) = bits.get(word) {
            was_so &= word.fetch_or(bit, Ordering::SeqCst) & bit != 0;
        }
    }
    was_so
}

/// Whether it is watched.
pub fn is_watched(thing: Watched) -> bool {
    let (word, bit) = thing.place();
    bits().and_then(|bits| bits.get(word)).is_some_and(|word| word.load(Ordering::SeqCst) & bit != 0)
}

/// How often bytes found no room since the server started.
pub fn without_room() -> u64 {
    let header = header();
    // SAFETY: as in `counts`.
    if header.is_null() { 0 } else { unsafe { (*header).without_room.load(Ordering::Relaxed) } }
}

/// Whether the last time that it was said is an hour before `now`; it is taken for said.
pub fn note_without_room(now: i64) -> bool {
    const HOUR: i64 = 3_600;
    let header = header();
    if header.is_null() {
        return false;
    }
    // SAFETY: as in `counts`.
    let said = unsafe { &(*header).said };
    let last = said.load(Ordering::Relaxed);
    now.saturating_sub(last) >= HOUR && said.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

/// The entries and their bytes, while the lock is held. Nothing that can raise an ERROR is called meanwhile.
struct Locked {
    lock: *mut pg_sys::LWLock,
    header: *mut Header,
}

impl Locked {
    fn new(mode: pg_sys::LWLockMode::Type) -> Option<Self> {
        let header = header();
        if header.is_null() || size() == 0 {
            return None;
        }
        // SAFETY: the tranche was asked for at start-up with one lock.
        unsafe {
            let lock = &raw mut (*pg_sys::GetNamedLWLockTranche(TRANCHE.as_ptr())).lock;
            shmem::acquire(lock, mode).then(|| Locked { lock, header })
        }
    }

    fn entries(&self) -> [Entry; ENTRIES] {
        // SAFETY: the lock is held.
        unsafe { (*self.header).entries }
    }

    fn set_entries(&mut self, entries: [Entry; ENTRIES]) {
        // SAFETY: the lock is held exclusively.
        unsafe { (*self.header).entries = entries };
    }

    fn bytes(&self) -> *mut u8 {
        // SAFETY: the bytes come behind the header, in one piece of memory.
        unsafe { self.header.add(1).cast() }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // SAFETY: acquired in `new`; nothing between raises.
        unsafe { pg_sys::LWLockRelease(self.lock) };
    }
}

/// A copy of a database's bytes, if they were made at this count; at any with `None`, for tests that take the comparison away.
pub fn get(database: u32, count: Option<u64>) -> Option<Vec<u8>> {
    let length = find(&Locked::new(pg_sys::LWLockMode::LW_SHARED)?, database, count)?.length;
    // Not under the lock: it may fail.
    let mut copy = Vec::new();
    copy.try_reserve_exact(length).ok()?;
    let locked = Locked::new(pg_sys::LWLockMode::LW_SHARED)?;
    let entry = find(&locked, database, count).filter(|entry| entry.length <= copy.capacity())?;
    // SAFETY: the lock is held and the entry within the memory; the copy has room for it.
    unsafe {
        std::ptr::copy_nonoverlapping(locked.bytes().add(entry.start), copy.as_mut_ptr(), entry.length);
        copy.set_len(entry.length);
    }
    Some(copy)
}

fn find(locked: &Locked, database: u32, count: Option<u64>) -> Option<Entry> {
    let is_it = |entry: &Entry| entry.database == database && count.is_none_or(|count| entry.count == count);
    locked.entries().into_iter().find(|entry| entry.length > 0 && is_it(entry))
}

/// Puts a database's bytes in the place of those it had. Others that are not given out any more make room. Gives whether there was
/// enough.
pub fn put(database: u32, count: u64, bytes: &[u8]) -> bool {
    // Not under the lock, as all that may fail.
    let mut kept: Vec<Entry> = Vec::with_capacity(ENTRIES);
    let Some(mut locked) = Locked::new(pg_sys::LWLockMode::LW_EXCLUSIVE) else { return false };
    let is_kept = |entry: &Entry| {
        entry.length > 0 && entry.database != database && self::count(entry.database) == Some(entry.count)
    };
    kept.extend(locked.entries().iter().filter(|entry| is_kept(entry)));
    kept.sort_unstable_by_key(|entry| entry.start);
    let used: usize = kept.iter().map(|entry| entry.length).sum();
    let has_room = kept.len() < ENTRIES && used.checked_add(bytes.len()).is_some_and(|all| all <= size());
    let mut entries = [Entry::NONE; ENTRIES];
    let mut end = 0_usize;
    for (place, entry) in entries.iter_mut().zip(kept) {
        // SAFETY: the lock is held exclusively; an entry moves down, within the memory.
        unsafe { std::ptr::copy(locked.bytes().add(entry.start), locked.bytes().add(end), entry.length) };
        *place = Entry { start: end, ..entry };
        end = place.end();
    }
    if has_room {
        // SAFETY: the lock is held exclusively; there is room for them behind the others.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), locked.bytes().add(end), bytes.len()) };
        if let Some(place) = entries.iter_mut().find(|entry| entry.length == 0) {
            *place = Entry { database, count, start: end, length: bytes.len() };
        }
    } else {
        // SAFETY: as in `counts`.
        unsafe { (*locked.header).without_room.fetch_add(1, Ordering::Relaxed) };
    }
    locked.set_entries(entries);
    has_room
}
