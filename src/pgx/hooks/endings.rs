//! Tells one listener how transactions and subtransactions end, and when the session does.

use pgrx::{pg_guard, pg_sys};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is about to commit, and can still be kept from it by an ERROR.
    Committing,
    /// For good.
    Committed,
    /// Of it nothing stays.
    RolledBack,
    /// COMMIT PREPARED or ROLLBACK PREPARED will decide.
    Prepared,
}

/// Who is told.
pub struct Listener {
    /// Of a transaction. Must not raise unless it is `Committing`.
    pub transaction: fn(Ending),
    /// Of a subtransaction that is rolled back, by its number. Must not raise.
    pub rolled_back_to: fn(u32),
    /// Of a subtransaction that becomes part of the one above: its number and that one's. Must not raise.
    pub released: fn(u32, u32),
    /// Of a session that has done something of note, while shared memory is still there. Must not raise.
    pub session: fn(),
}

static LISTENER: OnceLock<Listener> = OnceLock::new();

/// Takes its places; called once from `_PG_init` in the postmaster, whose children have them as well.
pub fn init(listener: Listener) {
    LISTENER.get_or_init(|| listener);
    // SAFETY: `_PG_init` runs once, in a process with one thread.
    unsafe {
        pg_sys::RegisterXactCallback(Some(on_transaction), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(on_subtransaction), std::ptr::null_mut());
    }
}

/// The number of the subtransaction that runs.
pub fn subtransaction() -> u32 {
    // SAFETY: reads the transaction's state.
    unsafe { pg_sys::GetCurrentSubTransactionId() }
}

/// From now on the end of this session is told.
pub fn watch_session() {
    thread_local! {
        static WATCHED: Cell<bool> = const { Cell::new(false) };
    }
    if !WATCHED.replace(true) {
        // SAFETY: the callback lives as long as the library.
        unsafe { pg_sys::before_shmem_exit(Some(on_exit), pg_sys::Datum::from(0usize)) };
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_transaction(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    let ending = match event {
        pg_sys::XactEvent::XACT_EVENT_PRE_COMMIT => Ending::Committing,
        pg_sys::XactEvent::XACT_EVENT_COMMIT => Ending::Committed,
        pg_sys::XactEvent::XACT_EVENT_ABORT => Ending::RolledBack,
        pg_sys::XactEvent::XACT_EVENT_PREPARE => Ending::Prepared,
        _ => return,
    };
    if let Some(listener) = LISTENER.get() {
        (listener.transaction)(ending);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_subtransaction(
    event: pg_sys::SubXactEvent::Type,
    own: pg_sys::SubTransactionId,
    parent: pg_sys::SubTransactionId,
    _argument: *mut c_void,
) {
    let Some(listener) = LISTENER.get() else { return };
    match event {
        pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB => (listener.rolled_back_to)(own),
        pg_sys::SubXactEvent::SUBXACT_EVENT_COMMIT_SUB => (listener.released)(own, parent),
        _ => {}
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_exit(_code: c_int, _argument: pg_sys::Datum) {
    if let Some(listener) = LISTENER.get() {
        (listener.session)();
    }
}
