//! `splitplane.pattern`, `splitplane.zone` and `splitplane.dated`: each hands a text on, unless PostgreSQL would do more with
//! it than a cancel or the end of the call undoes. The guard puts them around values that it cannot see before they are made.

use super::version_1::version_1;
use crate::error::{Refusal, State};
use crate::pgx::pg_try::raise;
use crate::pgx::values;
use crate::pgx::zones::{self, Reading};
use pgrx::{pg_guard, pg_sys};

version_1!(pg_finfo_pattern_wrapper);
version_1!(pg_finfo_zone_wrapper);
version_1!(pg_finfo_dated_wrapper);

/// Longest regular expression, in bytes.
pub const LONGEST_PATTERN: i32 = 4 * 1_024;

/// How often a regular expression looks around: each time it may read the whole text again at each of its letters.
pub fn looks_around(pattern: &str) -> usize {
    ["(?=", "(?!", "(?<=", "(?<!"].iter().map(|look| pattern.matches(look).count()).sum()
}

/// What is wrong with a regular expression that is `most` times to look around at most.
///
/// # Errors
/// 53400.
pub fn check_pattern(pattern: &str, most: usize) -> Result<(), Refusal> {
    if i32::try_from(pattern.len()).is_ok_and(|length| length <= LONGEST_PATTERN) && looks_around(pattern) <= most {
        return Ok(());
    }
    let said = if looks_around(pattern) > most { "looks around too often" } else { "is too long" };
    Err(Refusal::new(State::Limit, format!("a regular expression {said}")))
}

/// What is wrong with a text that is to name a time zone.
///
/// # Errors
/// 22023.
pub fn check_zone(name: &str) -> Result<(), Refusal> {
    if zones::is_zone(name) { Ok(()) } else { Err(no_zone(name)) }
}

/// What is wrong with a text that is read as a date or time, or that may be.
///
/// # Errors
/// 22023.
pub fn check_date(text: &str, reading: Reading) -> Result<(), Refusal> {
    zones::foreign_zone(text, reading).map_or(Ok(()), |zone| Err(no_zone(&zone)))
}

fn no_zone(name: &str) -> Refusal {
    let name: String = name.chars().take(64).collect();
    Refusal::new(State::Argument, format!("\"{name}\" is no name of pg_timezone_names and no fixed offset"))
}

/// `pattern(anyelement) RETURNS anyelement`, strict.
#[doc(hidden)]
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn pattern_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: PostgreSQL calls with the argument of the declaration, not NULL.
    unsafe { handed_on(call, |text, _| check_pattern(text, 0)) }
}

/// `zone(text) RETURNS text`, strict.
#[doc(hidden)]
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zone_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe { handed_on(call, |text, _| check_zone(text)) }
}

/// `dated(anyelement) RETURNS anyelement`, strict.
#[doc(hidden)]
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn dated_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe {
        handed_on(call, |text, type_oid| match type_oid {
            pg_sys::JSONOID | pg_sys::JSONBOID => check_json(text),
            _ => check_date(text, Reading::Date),
        })
    }
}

/// Its one argument, once `check` has seen it as text.
unsafe fn handed_on(
    call: pg_sys::FunctionCallInfo,
    check: impl FnOnce(&str, pg_sys::Oid) -> Result<(), Refusal>,
) -> pg_sys::Datum {
    // SAFETY: the caller's promise; the type is that of the argument, whose own output function is called.
    let (value, checked) = unsafe {
        let [value] = (*call).args.as_slice(1) else {
            raise(Refusal::proof("a check was called with other arguments than its own"))
        };
        let type_oid = pg_sys::get_fn_expr_argtype((*call).flinfo, 0);
        (value.value, check(&values::text_of(value.value, type_oid), type_oid))
    };
    if let Err(refusal) = checked {
        raise(refusal);
    }
    value
}

/// Each text in a JSON value may become a date, if it belongs to a column of such a type.
fn check_json(text: &str) -> Result<(), Refusal> {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
        return Err(Refusal::new(
            State::Limit,
            "a JSON value is nested too deeply, or has too large a number in it, to be read as rows with dates",
        ));
    };
    let mut open = vec![&value];
    while let Some(value) = open.pop() {
        match value {
            serde_json::Value::String(text) => check_date(text, Reading::Perhaps)?,
            serde_json::Value::Array(values) => open.extend(values),
            serde_json::Value::Object(values) => open.extend(values.values()),
            _ => {}
        }
    }
    Ok(())
}
