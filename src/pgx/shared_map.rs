//! A bounded map from 32-byte keys in shared memory, for the replay ledger.
//!
//! PostgreSQL's own dynahash under one lock of ours. The policy (what may be admitted or evicted) is the caller's.

use pgrx::{pg_guard, pg_sys};
use std::ffi::c_void;
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
}

/// What is kept beside the entries.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Header {
    /// Contexts dated up to here are refused.
    pub horizon: i64,
    /// When the last sweep was made.
    pub swept: i64,
    /// The horizon that is on disk.
    pub durable: i64,
}

/// Reads what an earlier life of the server left on disk; given at `init`.
static DURABLE_HORIZON: OnceLock<fn() -> i64> = OnceLock::new();
static TABLE: AtomicPtr<pg_sys::HTAB> = AtomicPtr::new(std::ptr::null_mut());
static HEADER: AtomicPtr<Header> = AtomicPtr::new(std::ptr::null_mut());
static mut PREVIOUS_REQUEST: pg_sys::shmem_request_hook_type = None;
static mut PREVIOUS_STARTUP: pg_sys::shmem_startup_hook_type = None;

const TRANCHE: &std::ffi::CStr = c"splitplane_ledger";

fn capacity() -> i64 {
    i64::try_from(crate::settings::ledger_size()).unwrap_or(i64::from(i32::MAX))
}

fn durable_horizon() -> i64 {
    DURABLE_HORIZON.get().map_or(i64::MAX, |read| read())
}

/// Asks for the memory; called from `_PG_init` in the postmaster. `read_durable_horizon` is called at every start.
pub fn init(read_durable_horizon: fn() -> i64) {
    DURABLE_HORIZON.get_or_init(|| read_durable_horizon);
    // SAFETY: `_PG_init` runs once, in a process with one thread, before the hooks are called.
    unsafe {
        PREVIOUS_REQUEST = pg_sys::shmem_request_hook;
        pg_sys::shmem_request_hook = Some(on_request);
        PREVIOUS_STARTUP = pg_sys::shmem_startup_hook;
        pg_sys::shmem_startup_hook = Some(on_startup);
    }
}

#[pg_guard]
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_request() {
    // SAFETY: the hook chain of PostgreSQL: the earlier hook is called as the server would have.
    unsafe {
        if let Some(previous) = PREVIOUS_REQUEST {
            pg_sys::submodules::ffi::pg_guard_ffi_boundary(|| previous());
        }
        let entries = pg_sys::hash_estimate_size(capacity(), size_of::<Entry>());
        pg_sys::RequestAddinShmemSpace(entries + size_of::<Header>());
        pg_sys::RequestNamedLWLockTranche(TRANCHE.as_ptr(), 1);
    }
}

#[pg_guard]
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_startup() {
    // SAFETY: called by the server with the add-in lock free; the sizes are those asked for above.
    unsafe {
        if let Some(previous) = PREVIOUS_STARTUP {
            pg_sys::submodules::ffi::pg_guard_ffi_boundary(|| previous());
        }
        const ADDIN_SHMEM_INIT_LOCK: usize = 21;
        let lock = &raw mut (*pg_sys::MainLWLockArray.add(ADDIN_SHMEM_INIT_LOCK)).lock;
        pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE);
        let mut found = false;
        let header = pg_sys::ShmemInitStruct(c"splitplane ledger header".as_ptr(), size_of::<Header>(), &raw mut found)
            .cast::<Header>();
        if !found {
            // Also after a crash: the memory is new and has forgotten, so what is dated up to now is refused. Dates
            // have whole seconds: the second that is running is waited out, so that a context signed as soon as the
            // server answers is dated after the horizon.
            let horizon = super::server::now();
            super::server::wait_for_next_second();
            let durable = durable_horizon();
            header.write(Header { horizon: horizon.max(durable), swept: i64::MIN, durable });
        }
        let mut control = pg_sys::HASHCTL { keysize: 32, entrysize: size_of::<Entry>(), ..Default::default() };
        let flags = pg_sys::HASH_ELEM | pg_sys::HASH_BLOBS;
        let table = pg_sys::ShmemInitHash(
            c"splitplane ledger".as_ptr(),
            capacity(),
            capacity(),
            &raw mut control,
            i32::try_from(flags).unwrap_or(0),
        );
        HEADER.store(header, Ordering::Relaxed);
        TABLE.store(table, Ordering::Relaxed);
        pg_sys::LWLockRelease(lock);
    }
}

/// The map, held exclusively; released on drop.
pub struct LockedMap {
    lock: *mut pg_sys::LWLock,
    table: *mut pg_sys::HTAB,
    header: *mut Header,
}

/// Locks the map; `None` when the library was not preloaded.
pub fn lock() -> Option<LockedMap> {
    let table = TABLE.load(Ordering::Relaxed);
    let header = HEADER.load(Ordering::Relaxed);
    if table.is_null() || header.is_null() {
        return None;
    }
    // SAFETY: the tranche was asked for at start-up with one lock.
    let lock = unsafe { &raw mut (*pg_sys::GetNamedLWLockTranche(TRANCHE.as_ptr())).lock };
    // SAFETY: a valid lock that this backend does not hold: nothing is called while a `LockedMap` lives.
    unsafe { pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE) };
    Some(LockedMap { lock, table, header })
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

    /// Whether no further entry may be added.
    pub fn is_full(&self) -> bool {
        // SAFETY: the lock is held.
        unsafe { pg_sys::hash_get_num_entries(self.table) >= capacity() }
    }

    /// Adds an entry; `false` when there is no room.
    pub fn insert(&mut self, entry: Entry) -> bool {
        let mut found = false;
        // SAFETY: the key has the table's key size; the lock is held; NULL comes back when memory is out.
        let slot = unsafe {
            pg_sys::hash_search(
                self.table,
                entry.key.as_ptr().cast::<c_void>(),
                pg_sys::HASHACTION::HASH_ENTER_NULL,
                &raw mut found,
            )
            .cast::<Entry>()
        };
        if slot.is_null() {
            return false;
        }
        // SAFETY: dynahash gives room for one entry.
        unsafe { slot.write(entry) };
        true
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
                    pg_sys::hash_search(
                        self.table,
                        key.as_ptr().cast::<c_void>(),
                        pg_sys::HASHACTION::HASH_REMOVE,
                        std::ptr::null_mut(),
                    );
                }
            }
        }
    }
}
