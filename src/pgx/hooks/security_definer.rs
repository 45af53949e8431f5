//! A second fence before functions that run as their owner (SECURITY DEFINER), behind the list of functions.
//!
//! Such a function obeys neither the fences nor row-level security. PostgreSQL asks before it initialises any function
//! call: while `SETTING` names the reader, one that it comes to execute as the reader must be a function that a DBA allowed.
//! What an allowed one calls as its owner is not checked here. Leader and
//! parallel workers do the same (worker_settings.rs).

use super::worker_settings;
use crate::error::Refusal;
use crate::pgx::pg_try::raise;
use crate::pgx::routines;
use pgrx::{pg_guard, pg_sys};
use std::ffi::{CStr, CString, c_char, c_int, c_void};

/// Name of the setting: OIDs separated by commas, the reader's first, then those of the allowed functions. Empty outside
/// a confined section.
pub const SETTING: &CStr = c"splitplane.worker_definers";

static mut ADMITTED: *mut c_char = std::ptr::null_mut();
static mut PREVIOUS: pg_sys::object_access_hook_type = None;

/// The value of the setting.
pub fn admitted(reader: pg_sys::Oid, allowed: impl Iterator<Item = pg_sys::Oid>) -> CString {
    let oids: Vec<String> = std::iter::once(reader).chain(allowed).map(|oid| oid.to_u32().to_string()).collect();
    CString::new(oids.join(",")).unwrap_or_default()
}

/// Defines the setting and takes its place; called once from `_PG_init`.
pub fn init() {
    // SAFETY: a static that lives as long as the library; `_PG_init` runs once, in a process with one
    // thread, before the hook is called.
    unsafe {
        let description = c"Functions that may run as their owner in a confined call; set by splitplane alone.";
        worker_settings::define_text(SETTING, description, &raw mut ADMITTED);
        PREVIOUS = pg_sys::object_access_hook;
        pg_sys::object_access_hook = Some(on_access);
    }
}

/// Between PostgreSQL's own functions, so that an ERROR may jump across it.
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_access(
    access: pg_sys::ObjectAccessType::Type,
    class: pg_sys::Oid,
    object: pg_sys::Oid,
    part: c_int,
    argument: *mut c_void,
) {
    // SAFETY: the hook chain of PostgreSQL, set in `_PG_init`; called with what it would have been called with.
    unsafe {
        if let Some(previous) = PREVIOUS {
            previous(access, class, object, part, argument);
        }
        if access == pg_sys::ObjectAccessType::OAT_FUNCTION_EXECUTE {
            check(object);
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn check(function: pg_sys::Oid) {
    if is_refused(function) {
        raise(Refusal::function(&routines::function_name(function)));
    }
}

fn is_refused(function: pg_sys::Oid) -> bool {
    // SAFETY: the setting's value is NULL or NUL-terminated, and nothing sets it meanwhile.
    let admitted = unsafe { if ADMITTED.is_null() { c"" } else { CStr::from_ptr(ADMITTED) } };
    if admitted.is_empty() || !routines::runs_as_owner(function) {
        return false;
    }
    // SAFETY: reads a global of the backend.
    let user = unsafe { pg_sys::GetUserId() };
    let text = admitted.to_string_lossy();
    let mut oids = text.split(',').map(|oid| oid.parse().map_or(pg_sys::InvalidOid, pg_sys::Oid::from_u32));
    let is_reader = oids.next() == Some(user);
    is_reader && !oids.any(|oid| oid == function)
}
