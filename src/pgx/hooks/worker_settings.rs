//! Settings that bring a confined call's limits to its parallel workers.
//!
//! PostgreSQL hands a leader's settings to its workers, which are no children of the leader and inherit nothing else.
//! They are shown nowhere, stand in no file, and only a superuser may set them; splitplane does, for a confined section.

use crate::pgx::flags;
use pgrx::pg_sys;
use std::ffi::{CStr, c_char, c_int};

const FLAGS: c_int = flags::c_int(pg_sys::GUC_NO_SHOW_ALL | pg_sys::GUC_NOT_IN_SAMPLE | pg_sys::GUC_DISALLOW_IN_FILE);
const KILOBYTES: c_int = flags::c_int(pg_sys::GUC_UNIT_KB);

/// A setting that is a text, empty by default.
///
/// # Safety
/// To be called from `_PG_init`; the place is the setting's alone and lives as long as the library.
pub(in crate::pgx) unsafe fn define_text(name: &'static CStr, description: &'static CStr, place: *mut *mut c_char) {
    // SAFETY: constant names, and the caller's word.
    unsafe {
        pg_sys::DefineCustomStringVariable(
            name.as_ptr(),
            description.as_ptr(),
            std::ptr::null(),
            place,
            c"".as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            FLAGS,
            None,
            None,
            None,
        );
    }
}

/// A setting in kB, 0 by default, with a hook for its assignment.
///
/// # Safety
/// As of `define_text`; the hook raises nothing.
pub(in crate::pgx) unsafe fn define_kilobytes(
    name: &'static CStr,
    description: &'static CStr,
    place: *mut c_int,
    on_assign: pg_sys::GucIntAssignHook,
) {
    // SAFETY: constant names, and the caller's word.
    unsafe {
        pg_sys::DefineCustomIntVariable(
            name.as_ptr(),
            description.as_ptr(),
            std::ptr::null(),
            place,
            0,
            0,
            i32::MAX,
            pg_sys::GucContext::PGC_SUSET,
            FLAGS | KILOBYTES,
            None,
            on_assign,
            None,
        );
    }
}
