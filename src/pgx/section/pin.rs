//! Setting a setting for a while.

use crate::pgx::options;
use pgrx::pg_sys;
use std::borrow::Cow;
use std::ffi::{CStr, c_int};

/// A setting and its value. Most values are fixed, and a call makes no copy of them.
pub type Setting = (&'static CStr, Cow<'static, CStr>);

/// Sets a setting until the subtransaction or nest level ends; one that this major does not have is left out.
pub(in crate::pgx) fn pin(name: &'static CStr, value: &CStr) {
    if !options::differs(name, value) {
        return;
    }
    // SAFETY: valid strings; SAVE puts the old value back when the nest level closes.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        )
    };
}

/// Settings that hold as long as it lives, for a whole call.
pub(in crate::pgx) struct Pinned(c_int);

impl Pinned {
    /// Pins each (setting, value) pair.
    pub(in crate::pgx) fn all(settings: &[(&'static CStr, &CStr)]) -> Self {
        // SAFETY: inside a transaction; the level is closed when this is dropped, or by the transaction's end.
        let pinned = Pinned(unsafe { pg_sys::NewGUCNestLevel() });
        settings.iter().for_each(|(name, value)| pin(name, value));
        pinned
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: closes the level that was opened, as a function with a SET clause does at its end.
        unsafe { pg_sys::AtEOXact_GUC(true, self.0) };
    }
}
