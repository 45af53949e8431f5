//! Facts about the server, the database and the session.

use super::flags::{c_int, cache};
use pgrx::pg_sys;
use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicBool, Ordering};

static PRELOADED: AtomicBool = AtomicBool::new(false);
static BACKTRACE: AtomicBool = AtomicBool::new(false);

/// Notes, once at load, how the library came into this process and what its environment holds.
///
/// RUST_BACKTRACE would put build paths into the client's DETAIL: it is taken out of the environment before any
/// backend is forked, and `doctor` still names it.
pub fn note_load() -> bool {
    // SAFETY: a flag of the postmaster.
    let preloading = unsafe { pg_sys::process_shared_preload_libraries_in_progress };
    PRELOADED.store(preloading, Ordering::Relaxed);
    for name in ["RUST_BACKTRACE", "RUST_LIB_BACKTRACE"] {
        if std::env::var_os(name).is_some() {
            BACKTRACE.store(true, Ordering::Relaxed);
            // SAFETY: `_PG_init` runs in a process with one thread.
            unsafe { std::env::remove_var(name) };
        }
    }
    preloading
}

/// Makes every setting `prefix.*` that is not defined an error.
pub fn reserve_prefix(prefix: &CStr) {
    // SAFETY: a NUL-terminated name; called from `_PG_init` after the settings were defined.
    unsafe { pg_sys::MarkGUCPrefixReserved(prefix.as_ptr()) };
}

/// Loads a library of functions, if it is not loaded yet; one that cannot be loaded is PostgreSQL's own error.
pub fn load_library(file: &str) {
    let file = CString::new(file).unwrap_or_default();
    // SAFETY: a NUL-terminated name; a library that PostgreSQL would load at the first call of a function in it.
    unsafe { pg_sys::load_file(file.as_ptr(), false) };
}

/// Whether the library was named in shared_preload_libraries.
pub fn is_preloaded() -> bool {
    PRELOADED.load(Ordering::Relaxed)
}

/// Whether RUST_BACKTRACE was in the server's environment.
pub fn had_backtrace() -> bool {
    BACKTRACE.load(Ordering::Relaxed)
}

/// `server_version_num`, as 150020 for 15.20.
pub fn version_number() -> u32 {
    option(c"server_version_num").and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A moment in seconds since 1970, in the time zone of the session.
pub fn shown(seconds: i64) -> String {
    let microseconds = seconds.saturating_sub(UNIX_EPOCH).saturating_mul(1_000_000);
    // SAFETY: any number is a moment, or is shown as being out of range; the text is in a buffer of the process.
    unsafe { CStr::from_ptr(pg_sys::timestamptz_to_str(microseconds)) }.to_string_lossy().into_owned()
}

/// The current value of a setting.
pub fn option(name: &CStr) -> Option<String> {
    option_text(name).map(|value| value.to_string_lossy().into_owned())
}

/// The current value of a setting, as C text.
pub(crate) fn option_text(name: &CStr) -> Option<CString> {
    // SAFETY: a NUL-terminated name; NULL or a NUL-terminated string comes back, which is copied before any other call.
    unsafe {
        let value = pg_sys::GetConfigOption(name.as_ptr(), true, false);
        (!value.is_null()).then(|| CStr::from_ptr(value).to_owned())
    }
}

/// Whether there is such a setting and its value is another one.
pub(super) fn option_differs(name: &CStr, value: &CStr) -> bool {
    // SAFETY: as in `option_text`; compared before any other call.
    unsafe {
        let current = pg_sys::GetConfigOption(name.as_ptr(), true, false);
        !current.is_null() && CStr::from_ptr(current) != value
    }
}

/// The value that RESET would give a setting: the server's, database's, role's own or the client's.
pub fn reset_value(name: &CStr) -> Option<CString> {
    // SAFETY: a NUL-terminated name of a built-in setting; NULL or a NUL-terminated string comes back.
    let value = unsafe { pg_sys::GetConfigOptionResetString(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: checked for NULL; copied before any other call.
    Some(unsafe { CStr::from_ptr(value) }.to_owned())
}

/// Whether the database's encoding is UTF-8: the pure stages read text as UTF-8.
pub fn is_utf8() -> bool {
    // SAFETY: reads a global of the backend.
    unsafe { pg_sys::GetDatabaseEncoding() == const { c_int(pg_sys::pg_enc::PG_UTF8) } }
}

/// OID of the current database.
pub fn database_oid() -> u32 {
    // SAFETY: reads a global of the backend.
    unsafe { pg_sys::MyDatabaseId }.to_u32()
}

/// Name of the current database.
pub fn database_name() -> String {
    // SAFETY: a catalog look-up that gives NULL or a NUL-terminated string.
    let name = unsafe { pg_sys::get_database_name(pg_sys::MyDatabaseId) };
    if name.is_null() {
        return String::new();
    }
    // SAFETY: checked for NULL.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

const UNIX_EPOCH: i64 = 946_684_800;

fn unix_seconds(timestamp: pg_sys::TimestampTz) -> i64 {
    timestamp.div_euclid(1_000_000) + UNIX_EPOCH
}

/// The server's clock, in seconds since 1970.
pub fn now() -> i64 {
    // SAFETY: reads the clock.
    unix_seconds(unsafe { pg_sys::GetCurrentTimestamp() })
}

/// The server's clock, in microseconds since 1970.
pub fn now_microseconds() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }.saturating_add(UNIX_EPOCH * 1_000_000)
}

/// When this process last read the configuration files, in microseconds of PostgreSQL's own epoch.
pub fn reload_time() -> i64 {
    // SAFETY: reads a global of the backend.
    unsafe { pg_sys::PgReloadTime }
}

/// The number that a cluster is given by initdb, and that its standbys share.
pub fn system_identifier() -> u64 {
    // SAFETY: the control file was read before libraries are loaded.
    unsafe { pg_sys::GetSystemIdentifier() }
}

/// The server's clock, in microseconds since 2000, as PostgreSQL counts.
pub fn timestamp_now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

/// Sleeps until the clock's second changes.
pub fn wait_for_next_second() {
    const SECOND: i64 = 1_000_000;
    // SAFETY: reads the clock.
    let spent = unsafe { pg_sys::GetCurrentTimestamp() }.rem_euclid(SECOND);
    // SAFETY: sleeps for less than two seconds.
    unsafe { pg_sys::pg_usleep(SECOND - spent + 1_000) };
}

/// The data directory.
pub fn data_directory() -> String {
    // SAFETY: a NUL-terminated global set at start-up.
    let directory = unsafe { pg_sys::DataDir };
    if directory.is_null() {
        return String::new();
    }
    // SAFETY: checked for NULL.
    unsafe { CStr::from_ptr(directory) }.to_string_lossy().into_owned()
}

/// The name of the role that the session was opened by.
pub fn session_user_name() -> String {
    // SAFETY: reads the session's state.
    role_name(unsafe { pg_sys::GetSessionUserId() })
}

/// The name of the current role as SET ROLE has it, outside of functions that run as their owner.
pub fn outer_user_name() -> String {
    // SAFETY: reads the session's state.
    role_name(unsafe { pg_sys::GetOuterUserId() })
}

fn role_name(role: pg_sys::Oid) -> String {
    // SAFETY: a catalog look-up; `true` asks for NULL instead of an error.
    let name = unsafe { pg_sys::GetUserNameFromId(role, true) };
    if name.is_null() {
        return role.to_u32().to_string();
    }
    // SAFETY: checked for NULL.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

/// The OID of a role, or `None`.
pub fn role(name: &CStr) -> Option<pg_sys::Oid> {
    // SAFETY: a catalog look-up; `true` asks for InvalidOid instead of an error.
    let oid = unsafe { pg_sys::get_role_oid(name.as_ptr(), true) };
    (oid != pg_sys::InvalidOid).then_some(oid)
}

/// Whether the session's own user is a superuser or a member of `role`.
pub fn session_is_member(role: pg_sys::Oid) -> bool {
    // SAFETY: catalog look-ups on the session's user.
    unsafe { pg_sys::is_member_of_role(pg_sys::GetSessionUserId(), role) }
}

/// The role that the session acts as.
pub fn current_user() -> pg_sys::Oid {
    // SAFETY: reads a global of the backend.
    unsafe { pg_sys::GetUserId() }
}

/// How many rows a table has, by its statistics; 0 where it has none.
pub fn estimated_rows(relation: pg_sys::Oid) -> f64 {
    let cache = const { cache(pg_sys::SysCacheIdentifier::RELOID) };
    // SAFETY: a look-up by the one key of that cache; the row is read before it is let go.
    unsafe {
        let row = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(relation));
        if row.is_null() {
            return 0.0;
        }
        let rows = (*pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_class>()).reltuples;
        pg_sys::ReleaseSysCache(row);
        f64::from(rows).max(0.0)
    }
}

/// Whether the server follows another one, whose sessions make its changes.
pub fn is_standby() -> bool {
    // SAFETY: reads the server's state.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// A table or index in our schema.
pub fn own_relation(name: &CStr) -> Option<pg_sys::Oid> {
    // SAFETY: catalog look-ups of NUL-terminated names; InvalidOid where there is none.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"splitplane".as_ptr(), true);
        let found = pg_sys::get_relname_relid(name.as_ptr(), schema);
        (found != pg_sys::InvalidOid).then_some(found)
    }
}

/// The extension; 0 if it is not installed.
pub fn own_extension() -> pg_sys::Oid {
    // SAFETY: a catalog look-up; `true` asks for InvalidOid instead of an error.
    unsafe { pg_sys::get_extension_oid(c"splitplane".as_ptr(), true) }
}

/// Whether this process takes part in a parallel query, as its leader or as a worker.
pub fn is_in_parallel() -> bool {
    // SAFETY: reads the transaction's state.
    unsafe { pg_sys::IsInParallelMode() }
}

/// Whether the running transaction has changed anything.
pub fn has_written() -> bool {
    // SAFETY: reads the transaction's state.
    unsafe { pg_sys::GetTopTransactionIdIfAny() != pg_sys::InvalidTransactionId }
}
