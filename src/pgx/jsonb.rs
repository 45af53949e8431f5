//! JSON values of PostgreSQL as text.

use pgrx::pg_sys;
use std::ffi::CStr;

/// The text of a jsonb value.
///
/// # Safety
/// The datum is a jsonb value, not NULL.
pub(super) unsafe fn text(value: pg_sys::Datum) -> String {
    // SAFETY: the caller's promise; JsonbToCString gives a NUL-terminated text.
    unsafe {
        let jsonb = pg_sys::pg_detoast_datum(value.cast_mut_ptr()).cast::<pg_sys::Jsonb>();
        let length = i32::try_from(pgrx::varlena::varsize_any(jsonb.cast())).unwrap_or(i32::MAX);
        let text = pg_sys::JsonbToCString(std::ptr::null_mut(), &raw mut (*jsonb).root, length);
        CStr::from_ptr(text).to_string_lossy().into_owned()
    }
}
