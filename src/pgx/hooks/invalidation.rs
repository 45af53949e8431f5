//! Invalidates the plane cache when something it was built from may have changed, and counts what may change what a statement means.

use crate::pgx::flags::cache;
use crate::pgx::server;
use crate::pgx::shmem::facts;
use pgrx::{pg_guard, pg_sys};
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};

thread_local! {
    static REGISTERED: Cell<bool> = const { Cell::new(false) };
    static STALE: Cell<bool> = const { Cell::new(true) };
    static CHANGES: Cell<u64> = const { Cell::new(0) };
    static WATCHED: RefCell<Watched> = const { RefCell::new(Watched::NONE) };
}

/// Whatever changes in these counts: who may what, schemas, and what the plane carries of extensions, which changes when a version is
/// rolled out.
pub(super) const CATALOG: [i32; 9] = [
    cache(pg_sys::SysCacheIdentifier::AUTHOID),
    cache(pg_sys::SysCacheIdentifier::NAMESPACEOID),
    cache(pg_sys::SysCacheIdentifier::AUTHMEMMEMROLE),
    cache(pg_sys::SysCacheIdentifier::AUTHMEMROLEMEM),
    cache(pg_sys::SysCacheIdentifier::CASTSOURCETARGET),
    cache(pg_sys::SysCacheIdentifier::OPEROID),
    cache(pg_sys::SysCacheIdentifier::CLAOID),
    cache(pg_sys::SysCacheIdentifier::AMPROCNUM),
    cache(pg_sys::SysCacheIdentifier::AMOPSTRATEGY),
];
/// More that analysis looks at: of these, as of functions, types and the above, every change counts for statements.
const OF_STATEMENTS: [i32; 4] = [
    cache(pg_sys::SysCacheIdentifier::AGGFNOID),
    cache(pg_sys::SysCacheIdentifier::COLLOID),
    cache(pg_sys::SysCacheIdentifier::CONSTROID),
    cache(pg_sys::SysCacheIdentifier::ENUMOID),
];
const TYPES: i32 = cache(pg_sys::SysCacheIdentifier::TYPEOID);
const FUNCTIONS: i32 = cache(pg_sys::SysCacheIdentifier::PROCOID);

/// What counts when it changes, in order: relations by OID, types and functions by their hashes in PostgreSQL's caches.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Watched {
    relations: Vec<u32>,
    types: Vec<u32>,
    functions: Vec<u32>,
}

impl Watched {
    const NONE: Watched = Watched { relations: Vec::new(), types: Vec::new(), functions: Vec::new() };

    /// These. Of types those of their constraints are among them; every temporary table makes some of its own.
    pub fn new(relations: &[pg_sys::Oid], types: &[pg_sys::Oid], functions: &[pg_sys::Oid]) -> Self {
        let sorted = |mut values: Vec<u32>| {
            values.sort_unstable();
            values.dedup();
            values
        };
        Watched {
            relations: sorted(relations.iter().map(|known| known.to_u32()).collect()),
            types: sorted(hashes(TYPES, types.iter().copied()).collect()),
            functions: sorted(hashes(FUNCTIONS, functions.iter().copied()).collect()),
        }
    }

    /// Has every transaction of the server that changes one of them, or one of these functions besides, counted when it commits.
    /// Gives whether that was so before.
    pub fn everywhere(&self, besides: impl Iterator<Item = pg_sys::Oid>) -> bool {
        let database = server::database_oid();
        let relations = self.relations.iter().map(|known| facts::Watched::relation(database, *known));
        let types = self.types.iter().map(|hash| facts::Watched::cached(database, TYPES, *hash));
        let functions = self.functions.iter().copied().chain(hashes(FUNCTIONS, besides));
        let functions = functions.map(|hash| facts::Watched::cached(database, FUNCTIONS, hash));
        facts::watch(relations.chain(types).chain(functions))
    }
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
        for cache in CATALOG {
            pg_sys::CacheRegisterSyscacheCallback(cache, Some(on_catalog), none);
        }
        for cache in OF_STATEMENTS {
            pg_sys::CacheRegisterSyscacheCallback(cache, Some(on_other), none);
        }
        pg_sys::CacheRegisterSyscacheCallback(TYPES, Some(on_type), none);
        pg_sys::CacheRegisterSyscacheCallback(FUNCTIONS, Some(on_function), none);
    }
}

/// Processes invalidations of other backends, then returns whether the cache must be read again.
pub fn is_stale() -> bool {
    // SAFETY: inside a transaction.
    unsafe { pg_sys::AcceptInvalidationMessages() };
    STALE.with(Cell::get)
}

/// How often something has changed that a statement's meaning may hang on, of relations those that count alone. Two numbers that
/// differ say that something has; the messages that `is_stale` took in are counted.
pub fn changes() -> u64 {
    CHANGES.get()
}

fn count_change() {
    CHANGES.set(CHANGES.get().wrapping_add(1));
}

/// The cache is about to be read: changes from here on count.
pub fn mark_fresh() {
    STALE.with(|stale| stale.set(false));
}

/// The cache could not be read.
pub fn mark_stale() {
    count_change();
    STALE.with(|stale| stale.set(true));
}

/// What counts from now on.
pub fn watch(watched: Watched) {
    WATCHED.with(|known| *known.borrow_mut() = watched);
}

/// Which relations count from now on; of the rest what did before.
pub fn watch_relations(relations: &[pg_sys::Oid]) {
    let watched = Watched::new(relations, &[], &[]);
    WATCHED.with(|known| known.borrow_mut().relations = watched.relations);
}

fn hashes(cache: i32, objects: impl Iterator<Item = pg_sys::Oid>) -> impl Iterator<Item = u32> {
    let none = pg_sys::Datum::from(0);
    // SAFETY: the hash of the one key of that cache.
    objects
        .map(move |known| unsafe { pg_sys::GetSysCacheHashValue(cache, pg_sys::Datum::from(known), none, none, none) })
}

/// Whether it is among those that `of` gives, as far as that can be told now.
fn counts(of: impl FnOnce(&Watched) -> &Vec<u32>, known: u32) -> bool {
    WATCHED.with(|watched| watched.try_borrow().map_or(true, |watched| of(&watched).binary_search(&known).is_ok()))
}

#[pg_guard]
unsafe extern "C-unwind" fn on_type(_argument: pg_sys::Datum, _cache: i32, hash: u32) {
    count_change();
    if hash == 0 || counts(|watched| &watched.types, hash) {
        mark_stale();
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_function(_argument: pg_sys::Datum, _cache: i32, hash: u32) {
    count_change();
    let has_any = WATCHED.with(|watched| watched.try_borrow().map_or(true, |watched| !watched.functions.is_empty()));
    if hash == 0 && has_any || counts(|watched| &watched.functions, hash) {
        mark_stale();
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_relation(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    if relation == pg_sys::InvalidOid || counts(|watched| &watched.relations, relation.to_u32()) {
        mark_stale();
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_catalog(_argument: pg_sys::Datum, _cache: i32, _hash: u32) {
    mark_stale();
}

#[pg_guard]
unsafe extern "C-unwind" fn on_other(_argument: pg_sys::Datum, _cache: i32, _hash: u32) {
    count_change();
}

/// Makes every backend read the plane again, when the running transaction commits.
pub fn invalidate_everywhere(relation: pg_sys::Oid) {
    // SAFETY: the OID is that of a relation of ours; the message is sent at commit.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) };
}
