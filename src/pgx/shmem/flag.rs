//! Flags in shared memory that every backend sees at once: in which databases the plane is shut.
//!
//! Not transactional: what an aborted transaction raised stays raised. What outlives the server is the caller's to keep,
//! and is read back at every start, also after a crash.

use super::Need;
use crate::pgx::shmem;
use pgrx::pg_sys;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// How many databases can be tracked separately. With one more, all are shut until the next start.
const DATABASES: usize = 1_024;

#[repr(C)]
struct Flags {
    /// Every database: 0 no, 1 until one of them is opened again, 2 until the next start.
    all: AtomicU32,
    /// Whether any place below was ever taken.
    any: AtomicU32,
    /// OIDs of databases; 0 is a free place.
    databases: [AtomicU32; DATABASES],
}

/// What an earlier life of the server left raised.
pub struct Raised {
    /// It is not known which databases.
    pub all: bool,
    /// By OID.
    pub databases: Vec<u32>,
}

static FLAGS: AtomicPtr<Flags> = AtomicPtr::new(std::ptr::null_mut());
/// Returns at start-up what was left raised; given at `init`.
static WAS_RAISED: OnceLock<fn() -> Raised> = OnceLock::new();

/// Asks for the memory; called from `_PG_init` in the postmaster. `was_raised` is called at every start.
pub fn init(was_raised: fn() -> Raised) {
    WAS_RAISED.get_or_init(|| was_raised);
    shmem::need(Need { request, attach });
}

unsafe fn request() {
    // SAFETY: called while the server counts what it needs.
    unsafe { pg_sys::RequestAddinShmemSpace(size_of::<Flags>()) };
}

unsafe fn attach() {
    // SAFETY: called with the add-in lock held; the size is that asked for above, and all zero bytes are valid flags.
    unsafe {
        let mut found = false;
        let flags = pg_sys::ShmemInitStruct(c"splitplane alarm".as_ptr(), size_of::<Flags>(), &raw mut found);
        if !found {
            flags.cast::<u8>().write_bytes(0, size_of::<Flags>());
        }
        FLAGS.store(flags.cast(), Ordering::Relaxed);
        if !found {
            let raised =
                WAS_RAISED.get().map_or(Raised { all: true, databases: Vec::new() }, |was_raised| was_raised());
            if raised.all {
                (*flags.cast::<Flags>()).all.store(1, Ordering::SeqCst);
            }
            raised.databases.into_iter().for_each(raise);
        }
    }
}

fn flags() -> Option<&'static Flags> {
    // SAFETY: NULL, or shared memory that stays for as long as the process.
    unsafe { FLAGS.load(Ordering::Relaxed).as_ref() }
}

/// Whether a database is shut. Without shared memory there is no flag; such a server is refused for that.
pub fn is_raised(database: u32) -> bool {
    flags().is_some_and(|flags| {
        flags.all.load(Ordering::SeqCst) != 0
            || flags.any.load(Ordering::SeqCst) != 0
                && flags.databases.iter().any(|place| place.load(Ordering::SeqCst) == database)
    })
}

/// Shuts a database for every backend.
pub fn raise(database: u32) {
    let Some(flags) = flags() else { return };
    flags.any.store(1, Ordering::SeqCst);
    let is_there = flags.databases.iter().any(|place| {
        match place.compare_exchange(0, database, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => true,
            Err(known) => known == database,
        }
    });
    if !is_there {
        flags.all.store(2, Ordering::SeqCst);
    }
}

/// Opens a database again; returns whether it was shut. What could not be tracked separately stays shut.
pub fn lower(database: u32) -> bool {
    let Some(flags) = flags() else { return false };
    let mut was_raised = flags.all.compare_exchange(1, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    for place in &flags.databases {
        was_raised |= place.compare_exchange(database, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    }
    was_raised
}
