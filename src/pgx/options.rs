//! Settings, read where PostgreSQL keeps their values.
//!
//! A call compares some seventy settings with what it wants of them. PostgreSQL would look each up by its name and print its value;
//! here its place is looked up once for each backend, and a number is printed again only where it has changed.

use super::server;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int};

/// PostgreSQL's own record of a setting. Those that are looked up here live as long as the process: they are built in, or defined by
/// this library; what another library defines may take the place of a record that was there before.
pub(super) type Record = *const pg_sys::config_generic;

thread_local! {
    /// By the address of the name as it is written in this library.
    static KNOWN: RefCell<HashMap<usize, Option<Known>>> = RefCell::default();
}

/// Whether there is such a setting and its value is another one.
pub(crate) fn differs(name: &'static CStr, value: &CStr) -> bool {
    let differs = of(name, |known| match known.now {
        // SAFETY: the place of a setting's value, which is a NUL-terminated text or NULL.
        Place::Text(place) => unsafe { (!(*place).is_null()).then(|| CStr::from_ptr(*place) != value) },
        place => printed(&mut known.value, place, || server::option_text(name)).map(|text| text != value),
    });
    differs.flatten().unwrap_or_else(|| server::option_differs(name, value))
}

/// The value that RESET would give a setting.
pub(crate) fn reset_value(name: &'static CStr) -> Option<CString> {
    let value = of(name, |known| match known.reset {
        // SAFETY: as above.
        Place::Text(place) => unsafe { (!(*place).is_null()).then(|| CStr::from_ptr(*place).to_owned()) },
        place => printed(&mut known.reset_value, place, || server::reset_value(name)).map(CStr::to_owned),
    });
    value.flatten().or_else(|| server::reset_value(name))
}

/// The record of a setting that is built in or this library's own; `None` where this major has none of that name.
pub(super) fn record(name: &'static CStr) -> Option<Record> {
    of(name, |known| known.record)
}

/// What is known of a setting.
struct Known {
    record: Record,
    now: Place,
    reset: Place,
    value: Printed,
    reset_value: Printed,
}

/// The bits of a number and the text that PostgreSQL prints of it, which nothing else decides.
type Printed = Option<(u64, CString)>;

/// Where a value is.
#[derive(Clone, Copy)]
enum Place {
    Bool(*const bool),
    /// An enumeration's as well.
    Int(*const c_int),
    Real(*const f64),
    Text(*const *mut c_char),
}

fn of<T>(name: &'static CStr, look: impl FnOnce(&mut Known) -> T) -> Option<T> {
    KNOWN.with_borrow_mut(|known| {
        known.entry(name.as_ptr().addr()).or_insert_with(|| find(name).and_then(known_of)).as_mut().map(look)
    })
}

fn printed(last: &mut Printed, place: Place, print: impl FnOnce() -> Option<CString>) -> Option<&CStr> {
    // SAFETY: the places of values of built-in settings and of our own.
    let bits = unsafe {
        match place {
            Place::Bool(place) => u64::from(*place),
            Place::Int(place) => u64::from((*place).cast_unsigned()),
            Place::Real(place) => (*place).to_bits(),
            Place::Text(_) => return None,
        }
    };
    if last.as_ref().is_none_or(|(known, _)| *known != bits) {
        *last = print().map(|text| (bits, text));
    }
    last.as_ref().map(|(_, text)| text.as_c_str())
}

/// The part of a record that is of its type.
#[cfg(not(feature = "pg19"))]
macro_rules! typed {
    ($record:expr, $structure:ident, $member:ident) => {
        &*$record.cast::<pg_sys::$structure>()
    };
}
/// As above.
#[cfg(feature = "pg19")]
macro_rules! typed {
    ($record:expr, $structure:ident, $member:ident) => {
        &(*$record).__bindgen_anon_1.$member
    };
}

fn known_of(record: Record) -> Option<Known> {
    use pg_sys::config_type as Type;
    // SAFETY: a record is of the structure that its type says.
    let (now, reset) = unsafe {
        match (*record).vartype {
            Type::PGC_BOOL => {
                let typed = typed!(record, config_bool, _bool);
                (Place::Bool(typed.variable), Place::Bool(&raw const typed.reset_val))
            }
            Type::PGC_INT => {
                let typed = typed!(record, config_int, _int);
                (Place::Int(typed.variable), Place::Int(&raw const typed.reset_val))
            }
            Type::PGC_REAL => {
                let typed = typed!(record, config_real, _real);
                (Place::Real(typed.variable), Place::Real(&raw const typed.reset_val))
            }
            Type::PGC_ENUM => {
                let typed = typed!(record, config_enum, _enum);
                (Place::Int(typed.variable), Place::Int(&raw const typed.reset_val))
            }
            Type::PGC_STRING => {
                let typed = typed!(record, config_string, _string);
                (Place::Text(typed.variable), Place::Text(&raw const typed.reset_val))
            }
            _ => return None,
        }
    };
    Some(Known { record, now, reset, value: None, reset_value: None })
}

/// The record of exactly that name, if it stays where it is.
fn find(name: &'static CStr) -> Option<Record> {
    let record = found(name)?;
    // SAFETY: a record of PostgreSQL's, whose name is NUL-terminated.
    let (own, is_custom) =
        unsafe { (CStr::from_ptr((*record).name), (*record).group == pg_sys::config_group::CUSTOM_OPTIONS) };
    (own == name && (!is_custom || name.to_bytes().starts_with(b"splitplane."))).then_some(record)
}

/// PostgreSQL keeps an array that is sorted by name, without regard to ASCII case.
#[cfg(feature = "pg15")]
fn found(name: &CStr) -> Option<Record> {
    // SAFETY: PostgreSQL's own array of pointers to its records.
    let all = unsafe {
        std::slice::from_raw_parts(
            pg_sys::get_guc_variables(),
            usize::try_from(pg_sys::GetNumConfigOptions()).unwrap_or(0),
        )
    };
    let folded = |name: &CStr| name.to_bytes().to_ascii_lowercase();
    let wanted = folded(name);
    // SAFETY: names are NUL-terminated.
    let place = all.binary_search_by(|record| folded(unsafe { CStr::from_ptr((**record).name) }).cmp(&wanted));
    place.ok().and_then(|place| all.get(place)).map(|record| record.cast_const())
}

#[cfg(not(feature = "pg15"))]
fn found(name: &CStr) -> Option<Record> {
    // SAFETY: a NUL-terminated name; makes no placeholder and raises nothing.
    let record = unsafe { pg_sys::find_option(name.as_ptr(), false, true, 0) };
    (!record.is_null()).then_some(record.cast_const())
}
