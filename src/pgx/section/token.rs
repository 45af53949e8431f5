//! The claims of a call that another server of the cluster runs: a token in the setting `splitplane.token`.
//!
//! The setting is any session's to set, since the coordinator sets it in sessions of the reader. What it says counts only on a
//! server with a cluster key, in a session that the reader opened and that has Citus's name, if its MAC is genuine and its
//! time has not passed; and never while a call of this session holds claims, or none. Everywhere else it is without effect.
//! It is verified once for each statement, and it is gone at the end of the savepoint that it was set in: the coordinator does not
//! have to send another statement for that.

use super::address_space_limit::{self, Ceiling};
use super::claim_text::{self, Received};
use super::pin::pin;
use super::process_memory;
use crate::cluster::keys::ClusterKeys;
use crate::cluster::token;
use crate::identity::principal::Claim;
use crate::pgx::hooks::security_definer;
use crate::pgx::{flags, server};
use pgrx::{pg_guard, pg_sys};
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::rc::Rc;
use std::sync::OnceLock;

/// Name of the setting.
pub const SETTING: &CStr = c"splitplane.token";

/// What application names of sessions begin with that Citus opens to run parts of a statement. Anybody may take the name: it
/// keeps the setting without effect where it is set by mistake, and no more.
const OF_CITUS: &[u8] = b"citus_internal gpid=";

/// Never shown: not to the reader, whose session it is in, and not by `SHOW ALL`.
const FLAGS: c_int = flags::c_int(
    pg_sys::GUC_NO_SHOW_ALL | pg_sys::GUC_NOT_IN_SAMPLE | pg_sys::GUC_DISALLOW_IN_FILE | pg_sys::GUC_SUPERUSER_ONLY,
);

/// Where the cluster's keys come from.
pub struct Cluster {
    /// Whether this server is a node.
    pub is_node: fn() -> bool,
    /// The keys, if they can be used.
    pub keys: fn() -> Option<Rc<ClusterKeys>>,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static mut TOKEN: *mut c_char = std::ptr::null_mut();

thread_local! {
    static RECEIVED: RefCell<Option<Received>> = const { RefCell::new(None) };
    /// The number of what was verified, 0 where it is worth nothing.
    static GENERATION: Cell<u64> = const { Cell::new(0) };
    /// The start of the statement for which it was; none after a change.
    static VERIFIED_FOR: Cell<Option<i64>> = const { Cell::new(None) };
    static COUNT: Cell<u64> = const { Cell::new(0) };
    /// Of which the limits are in force.
    static LIMITED_FOR: Cell<u64> = const { Cell::new(0) };
    /// The nest level of the transaction that the setting was changed at.
    static SET_AT: Cell<c_int> = const { Cell::new(0) };
}

/// Numbers of tokens begin here: no call has such a one.
const FIRST_GENERATION: u64 = 1 << 63;

/// Defines the setting; called once from `_PG_init`, before the prefix is closed.
pub fn init(cluster: Cluster) {
    CLUSTER.get_or_init(|| cluster);
    // SAFETY: constant names, a static that lives as long as the library, and a hook that raises nothing.
    unsafe {
        pg_sys::DefineCustomStringVariable(
            SETTING.as_ptr(),
            c"Claims of a call that another server of the cluster runs; set by splitplane alone.".as_ptr(),
            std::ptr::null(),
            &raw mut TOKEN,
            c"".as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            FLAGS,
            None,
            Some(on_assign),
            None,
        );
        pg_sys::RegisterSubXactCallback(Some(on_subtransaction), std::ptr::null_mut());
    }
}

/// Whether this server is a node of a cluster.
pub fn is_node() -> bool {
    CLUSTER.get().is_some_and(|cluster| (cluster.is_node)())
}

#[pg_guard]
unsafe extern "C-unwind" fn on_assign(_value: *const c_char, _extra: *mut c_void) {
    let _ = VERIFIED_FOR.try_with(|verified| verified.set(None));
    // SAFETY: reads a global of the backend, also outside of a transaction.
    let level = unsafe { pg_sys::GetCurrentTransactionNestLevel() };
    let _ = SET_AT.try_with(|set_at| set_at.set(level));
}

/// Empties the setting before the savepoint is released in which it was set. PostgreSQL would keep it to the transaction's end.
#[pg_guard]
unsafe extern "C-unwind" fn on_subtransaction(
    event: pg_sys::SubXactEvent::Type,
    _subtransaction: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _argument: *mut c_void,
) {
    if event != pg_sys::SubXactEvent::SUBXACT_EVENT_PRE_COMMIT_SUB {
        return;
    }
    // SAFETY: reads of globals of the backend; the setting's value is NULL or NUL-terminated.
    let (level, is_empty) =
        unsafe { (pg_sys::GetCurrentTransactionNestLevel(), TOKEN.is_null() || CStr::from_ptr(TOKEN).is_empty()) };
    // What is released inside of a statement lies deeper.
    if is_empty || level > SET_AT.get() {
        return;
    }
    // SAFETY: valid strings, in the subtransaction that is about to end and still runs. An ERROR is that of its end.
    unsafe {
        pg_sys::set_config_option(
            SETTING.as_ptr(),
            c"".as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_LOCAL,
            true,
            0,
            false,
        )
    };
}

/// A number that is another one for other claims, 0 without a valid token.
pub(super) fn generation() -> u64 {
    // Asked for each row: the token is not read as a whole.
    // SAFETY: the setting's value is NULL or NUL-terminated.
    if unsafe { TOKEN.is_null() || *TOKEN == 0 } {
        return 0;
    }
    // SAFETY: reads a global of the backend.
    let statement = Some(unsafe { pg_sys::GetCurrentStatementStartTimestamp() });
    if VERIFIED_FOR.get() != statement {
        // SAFETY: NUL-terminated, and nothing sets it meanwhile.
        let received = verified(unsafe { CStr::from_ptr(TOKEN) });
        GENERATION.set(match &received {
            Some(_) => {
                COUNT.set(COUNT.get().saturating_add(1));
                FIRST_GENERATION.saturating_add(COUNT.get())
            }
            None => 0,
        });
        RECEIVED.with(|held| *held.borrow_mut() = received);
        VERIFIED_FOR.set(statement);
    }
    GENERATION.get()
}

/// A claim of the token, whose `generation` is not 0.
pub(super) fn named(name: &str) -> Option<Claim> {
    RECEIVED.with(|held| held.borrow().as_ref()?.claims.get(name).cloned())
}

/// Puts the limits of the token in force, if there is a valid one, to the end of the transaction. Called before the reader's
/// statement is run, and before it has parallel workers.
pub(in crate::pgx) fn limit(reader: pg_sys::Oid) {
    let generation = generation();
    if generation == 0 || LIMITED_FOR.replace(generation) == generation || server::is_in_parallel() {
        return;
    }
    let limits = RECEIVED.with(|held| held.borrow().as_ref().map(|held| (held.memory, held.temporary_files)));
    let Some((memory, temporary_files)) = limits else { return };
    let text = |number: u32| CString::new(number.to_string()).unwrap_or_default();
    // Which of the functions that run as their owner were allowed is known to the coordinator alone: none is.
    pin(security_definer::SETTING, &security_definer::admitted(reader, std::iter::empty()));
    pin(address_space_limit::WORKER_SETTING, &text(memory));
    pin(c"temp_file_limit", &text(temporary_files));
    watch_transaction();
    address_space_limit::lift();
    let space = process_memory::address_space();
    if space > 0 {
        let growth = usize::try_from(memory).unwrap_or(usize::MAX).saturating_mul(1_024);
        std::mem::forget(Ceiling::lower(space.saturating_add(growth)));
    }
}

/// The ceiling on memory ends with the transaction; settings do so by themselves.
fn watch_transaction() {
    thread_local! {
        static DONE: Cell<bool> = const { Cell::new(false) };
    }
    if !DONE.replace(true) {
        // SAFETY: the callback lives as long as the library.
        unsafe { pg_sys::RegisterXactCallback(Some(on_transaction), std::ptr::null_mut()) };
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_transaction(_event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    if LIMITED_FOR.replace(0) != 0 {
        address_space_limit::lift();
    }
}

fn verified(text: &CStr) -> Option<Received> {
    let keys = CLUSTER.get().filter(|cluster| (cluster.is_node)()).and_then(|cluster| (cluster.keys)())?;
    if !is_of_citus() {
        return None;
    }
    let verified = token::open(&keys, &server::database_name(), server::now_microseconds(), text.to_str().ok()?)?;
    claim_text::received(&verified.claims)
}

/// Whether this is a session that the reader opened, by Citus's name.
fn is_of_citus() -> bool {
    // SAFETY: reads of globals of the backend; the name is NULL or NUL-terminated.
    let (user, name) = unsafe {
        let name = pg_sys::application_name;
        (pg_sys::GetSessionUserId(), if name.is_null() { c"" } else { CStr::from_ptr(name) })
    };
    name.to_bytes().starts_with(OF_CITUS) && server::role(c"splitplane_reader") == Some(user)
}
