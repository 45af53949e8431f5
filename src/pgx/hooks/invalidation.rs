//! Invalidates the plane cache when something it was built from may have changed.

use crate::pgx::flags::cache;
use pgrx::{pg_guard, pg_sys};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;

thread_local! {
    static REGISTERED: Cell<bool> = const { Cell::new(false) };
    static STALE: Cell<bool> = const { Cell::new(true) };
    static WATCHED: RefCell<HashSet<pg_sys::Oid>> = RefCell::new(HashSet::new());
    static TYPES: RefCell<HashSet<u32>> = RefCell::new(HashSet::new());
    static FUNCTIONS: RefCell<HashSet<u32>> = RefCell::new(HashSet::new());
}

/// Registers the callbacks; harmless to call again.
pub fn register() {
    if REGISTERED.with(|done| done.replace(true)) {
        return;
    }
    let none = pg_sys::Datum::from(0);
    // SAFETY: the callbacks live as long as the library.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(on_relation), none);
        for cache in [
            const { cache(pg_sys::SysCacheIdentifier::AUTHOID) },
            const { cache(pg_sys::SysCacheIdentifier::NAMESPACEOID) },
            const { cache(pg_sys::SysCacheIdentifier::AUTHMEMMEMROLE) },
            const { cache(pg_sys::SysCacheIdentifier::AUTHMEMROLEMEM) },
            // What the plane carries of extensions rests on these as well. They change when a version is rolled out.
            const { cache(pg_sys::SysCacheIdentifier::CASTSOURCETARGET) },
            const { cache(pg_sys::SysCacheIdentifier::OPEROID) },
            const { cache(pg_sys::SysCacheIdentifier::CLAOID) },
            const { cache(pg_sys::SysCacheIdentifier::AMPROCNUM) },
            const { cache(pg_sys::SysCacheIdentifier::AMOPSTRATEGY) },
        ] {
            pg_sys::CacheRegisterSyscacheCallback(cache, Some(on_catalog), none);
        }
        pg_sys::CacheRegisterSyscacheCallback(
            const { cache(pg_sys::SysCacheIdentifier::TYPEOID) },
            Some(on_type),
            none,
        );
        pg_sys::CacheRegisterSyscacheCallback(
            const { cache(pg_sys::SysCacheIdentifier::PROCOID) },
            Some(on_function),
            none,
        );
    }
}

/// Processes invalidations of other backends, then returns whether the cache must be read again.
pub fn is_stale() -> bool {
    // SAFETY: inside a transaction.
    unsafe { pg_sys::AcceptInvalidationMessages() };
    STALE.with(Cell::get)
}

/// The cache is about to be read: changes from here on count.
pub fn mark_fresh() {
    STALE.with(|stale| stale.set(false));
}

/// The cache could not be read.
pub fn mark_stale() {
    STALE.with(|stale| stale.set(true));
}

/// The relations whose changes count.
pub fn watch(relations: HashSet<pg_sys::Oid>) {
    WATCHED.with(|watched| *watched.borrow_mut() = relations);
}

/// The types whose changes count, those of their constraints among them. Every temporary table makes some of its own.
pub fn watch_types(types: &[pg_sys::Oid]) {
    let hashes = hashes(const { cache(pg_sys::SysCacheIdentifier::TYPEOID) }, types);
    TYPES.with(|watched| *watched.borrow_mut() = hashes);
}

/// The functions whose changes count.
pub fn watch_functions<'a>(functions: impl IntoIterator<Item = &'a pg_sys::Oid>) {
    let hashes = hashes(const { cache(pg_sys::SysCacheIdentifier::PROCOID) }, functions);
    FUNCTIONS.with(|watched| *watched.borrow_mut() = hashes);
}

fn hashes<'a>(cache: i32, objects: impl IntoIterator<Item = &'a pg_sys::Oid>) -> HashSet<u32> {
    let none = pg_sys::Datum::from(0);
    // SAFETY: the hash of the one key of that cache.
    let hash = |known| unsafe { pg_sys::GetSysCacheHashValue(cache, known, none, none, none) };
    objects.into_iter().map(|known| hash(pg_sys::Datum::from(*known))).collect()
}

#[pg_guard]
unsafe extern "C-unwind" fn on_type(_argument: pg_sys::Datum, _cache: i32, hash: u32) {
    if hash == 0 || TYPES.with(|watched| watched.try_borrow().map_or(true, |known| known.contains(&hash))) {
        mark_stale();
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_function(_argument: pg_sys::Datum, _cache: i32, hash: u32) {
    let counts = |known: &HashSet<u32>| !known.is_empty() && (hash == 0 || known.contains(&hash));
    if FUNCTIONS.with(|watched| watched.try_borrow().map_or(true, |known| counts(&known))) {
        mark_stale();
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_relation(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    let counts = relation == pg_sys::InvalidOid
        || WATCHED.with(|watched| watched.try_borrow().map_or(true, |known| known.contains(&relation)));
    if counts {
        mark_stale();
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_catalog(_argument: pg_sys::Datum, _cache: i32, _hash: u32) {
    mark_stale();
}

/// Makes every backend read the plane again, when the running transaction commits.
pub fn invalidate_everywhere(relation: pg_sys::Oid) {
    // SAFETY: the OID is that of a relation of ours; the message is sent at commit.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) };
}
