//! Settings as the administrator made them: in the configuration files, on the command line or by ALTER DATABASE .. SET.
//!
//! What RESET gives is no such value: a client may send its own at log-in, and a role may set one for itself, and either
//! takes the place of the administrator's. So the values are noted when a client has authenticated, before PostgreSQL
//! applies what it sent; and for a process without a client, when the library is loaded.

use crate::pgx::options::{self, Record};
use crate::pgx::server;
use pgrx::{pg_guard, pg_sys};
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_int, c_void};

type AfterAuthentication = Option<unsafe extern "C-unwind" fn(*mut c_void, c_int)>;

// pgrx has no bindings for libpq/auth.h. The first argument is a Port, which is only handed on.
unsafe extern "C-unwind" {
    static mut ClientAuthentication_hook: AfterAuthentication;
}

static mut EARLIER_HOOK: AfterAuthentication = None;

thread_local! {
    static NOTED: RefCell<Vec<(&'static CStr, Option<CString>)>> = const { RefCell::new(Vec::new()) };
}

/// Notes the values of these settings now, and again whenever a client has authenticated. Called from `_PG_init`.
pub fn note(names: &'static [&'static CStr]) {
    NOTED.with(|noted| *noted.borrow_mut() = names.iter().map(|name| (*name, server::option_text(name))).collect());
    // SAFETY: `_PG_init` runs in a process with one thread, and hooks are called with the arguments of their type.
    unsafe {
        EARLIER_HOOK = ClientAuthentication_hook;
        ClientAuthentication_hook = Some(after_authentication);
    }
}

/// Between PostgreSQL's own functions, so that an ERROR may jump across it.
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn after_authentication(port: *mut c_void, status: c_int) {
    // SAFETY: the hook that was there before, with its own arguments.
    unsafe {
        note_again();
        if let Some(earlier) = EARLIER_HOOK {
            earlier(port, status);
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn note_again() {
    NOTED.with(|noted| {
        noted.borrow_mut().iter_mut().for_each(|(name, value)| *value = server::option_text(name));
    });
}

/// The administrator's value of each noted setting that this major has. `of_database` are those of ALTER DATABASE .. SET and
/// ALTER ROLE ALL SET, in the order in which later ones win.
pub fn values(of_database: &[(String, String)]) -> Vec<(&'static CStr, CString)> {
    NOTED.with(|noted| {
        let noted = noted.borrow();
        let values = noted.iter().filter_map(|(name, noted)| Some((*name, value(name, noted.as_ref(), of_database)?)));
        values.collect()
    })
}

fn value(name: &'static CStr, noted: Option<&CString>, of_database: &[(String, String)]) -> Option<CString> {
    if options::record(name).is_some_and(is_administrators) {
        return options::reset_value(name);
    }
    let own = of_database.iter().rev().find(|(known, _)| known.as_bytes() == name.to_bytes());
    let own = own.and_then(|(_, value)| CString::new(value.as_str()).ok());
    own.or_else(|| noted.cloned())
}

/// Whether the value that RESET would give comes from an administrator only.
fn is_administrators(record: Record) -> bool {
    // SAFETY: the record of a built-in setting.
    unsafe { (*record).reset_source <= pg_sys::GucSource::PGC_S_DATABASE }
}
