//! Names of objects of the catalog, as SQL writes them.

use pgrx::pg_sys;
use std::ffi::{CStr, CString};

/// Quotes an identifier as PostgreSQL does.
pub fn quote_identifier(name: &str) -> String {
    let owned = CString::new(name).unwrap_or_default();
    // SAFETY: a NUL-terminated name; the result is NUL-terminated and copied at once.
    let quoted = unsafe { CStr::from_ptr(pg_sys::quote_identifier(owned.as_ptr())) };
    quoted.to_string_lossy().into_owned()
}

/// Quotes a text as PostgreSQL does.
pub fn quote_text(text: &str) -> String {
    let owned = CString::new(text).unwrap_or_default();
    // SAFETY: a NUL-terminated text; the result is NUL-terminated and copied at once.
    let quoted = unsafe { CStr::from_ptr(pg_sys::quote_literal_cstr(owned.as_ptr())) };
    quoted.to_string_lossy().into_owned()
}

/// A relation's name without its schema; its OID when there is none.
pub fn relation_name(relation: pg_sys::Oid) -> String {
    // SAFETY: a catalog look-up that gives NULL or a NUL-terminated string.
    let name = unsafe { pg_sys::get_rel_name(relation) };
    if name.is_null() {
        return relation.to_u32().to_string();
    }
    // SAFETY: checked for NULL.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

/// A type's name as SQL spells it.
pub fn type_name(type_oid: pg_sys::Oid) -> String {
    // SAFETY: gives a NUL-terminated string, "???" for an unknown type.
    let name = unsafe { CStr::from_ptr(pg_sys::format_type_be(type_oid)) };
    name.to_string_lossy().into_owned()
}
