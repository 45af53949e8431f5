//! Settings as the administrator made them: in the configuration files, on the command line or by ALTER DATABASE .. SET.
//!
//! What RESET gives is no such value: a client may send its own at log-in, and a role may set one for itself, and either
//! takes the place of the administrator's. So the values are noted when a client has authenticated, before PostgreSQL
//! applies what it sent; and for a process without a client, when the library is loaded.

use crate::pgx::server;
use pgrx::{pg_guard, pg_sys};
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_int, c_void};
use std::rc::Rc;

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
        let records = records(&noted);
        let with_records = noted.iter().zip(&*records);
        let values = with_records
            .filter_map(|((name, noted), record)| Some((*name, value(name, noted.as_ref(), *record, of_database)?)));
        values.collect()
    })
}

fn value(
    name: &'static CStr,
    noted: Option<&CString>,
    record: Record,
    of_database: &[(String, String)],
) -> Option<CString> {
    if record.is_some_and(is_administrators) {
        return server::reset_value(name);
    }
    let own = of_database.iter().rev().find(|(known, _)| known.as_bytes() == name.to_bytes());
    let own = own.and_then(|(_, value)| CString::new(value.as_str()).ok());
    own.or_else(|| noted.cloned())
}

type Record = Option<*const pg_sys::config_generic>;

thread_local! {
    /// PostgreSQL's own records of the noted settings, which stay where they are; `None` where this major has none.
    static RECORDS: RefCell<Rc<Vec<Record>>> = RefCell::default();
}

/// In the order of the noted settings.
fn records(noted: &[(&'static CStr, Option<CString>)]) -> Rc<Vec<Record>> {
    RECORDS.with(|records| {
        let mut records = records.borrow_mut();
        if records.len() != noted.len() {
            *records = Rc::new(noted.iter().map(|(name, _)| record(name)).collect());
        }
        Rc::clone(&records)
    })
}

/// Whether the value that RESET would give comes from an administrator only.
fn is_administrators(record: *const pg_sys::config_generic) -> bool {
    // SAFETY: records of built-in settings live as long as the process.
    unsafe { (*record).reset_source <= pg_sys::GucSource::PGC_S_DATABASE }
}

fn record(name: &CStr) -> Record {
    // SAFETY: PostgreSQL's own array of pointers to its records; names are NUL-terminated.
    unsafe {
        #[cfg(feature = "pg15")]
        let (count, all) = (pg_sys::GetNumConfigOptions(), pg_sys::get_guc_variables());
        #[cfg(not(feature = "pg15"))]
        let (count, all) = {
            let mut count = 0;
            let all = pg_sys::get_guc_variables(&raw mut count);
            (count, all)
        };
        let all = std::slice::from_raw_parts(all, usize::try_from(count).unwrap_or(0));
        all.iter().copied().find(|record| CStr::from_ptr((**record).name) == name).map(<*mut _>::cast_const)
    }
}
