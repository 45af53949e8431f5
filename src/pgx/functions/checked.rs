//! `splitplane.pattern`, `splitplane.zone` and `splitplane.dated`: each hands a text on, unless PostgreSQL would do more with
//! it than a cancel or the end of the call undoes. They are put around values that cannot be seen before they are made. What they
//! let through is not decided here: the checks are given at load.

use super::interface::exported;
use crate::error::Refusal;
use crate::pgx::pg_try::raise;
use crate::pgx::types;
use pgrx::{pg_guard, pg_sys};
use std::sync::OnceLock;

exported!(pattern = pattern_wrapper);
exported!(zone = zone_wrapper);
exported!(dated = dated_wrapper);

/// What is wrong with a text, if anything.
type Check = fn(&str) -> Result<(), Refusal>;

/// The checks, one for each use of a text.
pub struct Checks {
    /// A regular expression.
    pub pattern: Check,
    /// The name of a time zone.
    pub zone: Check,
    /// A date or time, or an array, range or row of them.
    pub date: Check,
    /// A JSON value that becomes rows with dates.
    pub json: Check,
}

static CHECKS: OnceLock<Checks> = OnceLock::new();

/// Takes the checks; called once from `_PG_init`.
pub fn init(checks: Checks) {
    CHECKS.get_or_init(|| checks);
}

/// `pattern(anyelement) RETURNS anyelement`, strict.
#[pg_guard]
unsafe extern "C-unwind" fn pattern_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: PostgreSQL calls with the argument of the declaration, not NULL.
    unsafe { handed_on(call, |checks, _| checks.pattern) }
}

/// `zone(text) RETURNS text`, strict.
#[pg_guard]
unsafe extern "C-unwind" fn zone_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe { handed_on(call, |checks, _| checks.zone) }
}

/// `dated(anyelement) RETURNS anyelement`, strict.
#[pg_guard]
unsafe extern "C-unwind" fn dated_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe {
        handed_on(call, |checks, type_oid| match type_oid {
            pg_sys::JSONOID | pg_sys::JSONBOID => checks.json,
            _ => checks.date,
        })
    }
}

/// Its one argument, once the check that `choose` takes, by the type of the argument, has seen it as text.
unsafe fn handed_on(
    call: pg_sys::FunctionCallInfo,
    choose: impl FnOnce(&Checks, pg_sys::Oid) -> Check,
) -> pg_sys::Datum {
    let Some(checks) = CHECKS.get() else { raise(Refusal::internal("the checks of texts were not given at load")) };
    // SAFETY: the caller's promise; the type is that of the argument, whose own output function is called.
    let (value, checked) = unsafe {
        let [value] = (*call).args.as_slice(1) else {
            raise(Refusal::proof("a check was called with other arguments than its own"))
        };
        let type_oid = pg_sys::get_fn_expr_argtype((*call).flinfo, 0);
        (value.value, choose(checks, type_oid)(&types::text_of(value.value, type_oid)))
    };
    if let Err(refusal) = checked {
        raise(refusal);
    }
    value
}
