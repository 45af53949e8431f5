//! The days at which years begin and end, by a number that a year is compared with: `date_first` and its like.
//!
//! The stage `trust` puts them around such a number, for bounds of a date. None raises an error, whatever its argument.

use super::interface::exported;
use super::moments::remembered;
use crate::calendar::years;
use pgrx::{FromDatum, pg_guard, pg_sys, varlena};
use std::cmp::Ordering;

/// What one of them makes of a comparison of years with the number.
type Bound = fn(&dyn Fn(i32) -> Ordering) -> i32;

/// A strict function of one `numeric` and of one `double precision`, as PostgreSQL calls them.
macro_rules! of_number {
    ($name:ident, $double:ident = $bound:path) => {
        const _: () = {
            exported!($name = of_numeric);
            exported!($double = of_double);

            #[pg_guard]
            unsafe extern "C-unwind" fn of_numeric(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
                // SAFETY: PostgreSQL calls with the one argument of the declaration, which is not NULL.
                unsafe { numeric(call, |compare| $bound(compare)) }
            }

            #[pg_guard]
            unsafe extern "C-unwind" fn of_double(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
                // SAFETY: PostgreSQL calls with the one argument of the declaration, which is not NULL.
                unsafe { double(call, |compare| $bound(compare)) }
            }
        };
    };
}

of_number!(date_first, date_first_of_double = years::first_of_years);
of_number!(date_last, date_last_of_double = years::last_of_years);
of_number!(date_before, date_before_of_double = years::before_years);
of_number!(date_after, date_after_of_double = years::after_years);

/// Years are compared as `numeric`, so that no digit of the number is lost.
unsafe fn numeric(call: pg_sys::FunctionCallInfo, bound: Bound) -> pg_sys::Datum {
    // SAFETY: the caller's call; PostgreSQL's own comparison, which raises nothing (see trust/conditions/comparisons.rs).
    unsafe {
        let number = pg_sys::pg_detoast_datum_packed((*(*call).args.as_ptr()).value.cast_mut_ptr());
        let compare = |year: i32| {
            let year = pg_sys::Datum::from(pg_sys::int64_to_numeric(i64::from(year)));
            let number = pg_sys::Datum::from(number);
            let order = pg_sys::DirectFunctionCall2Coll(Some(order_of_numbers), pg_sys::InvalidOid, year, number);
            i32::from_datum(order, false).unwrap_or_default().cmp(&0)
        };
        let date = || bound(&compare);
        pg_sys::Datum::from(key(varlena::varlena_to_byte_slice(number)).map_or_else(date, |key| once(call, key, date)))
    }
}

/// The bytes of a number as another number, with how many they are; `None` if they are too many. Years take six at most.
fn key(bytes: &[u8]) -> Option<i64> {
    let mut all = [0; 8];
    let (length, rest) = all.split_first_mut()?;
    *length = u8::try_from(bytes.len()).ok()?;
    rest.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_be_bytes(all))
}

/// A date that is computed once for a number that does not change between rows.
unsafe fn once(call: pg_sys::FunctionCallInfo, key: i64, date: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the caller's call, for which nothing else is kept.
    let (date, _) = unsafe { remembered(call, key, || (i64::from(date()), 0)) };
    i32::try_from(date).unwrap_or_default()
}

#[pg_guard]
unsafe extern "C-unwind" fn order_of_numbers(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called with two numeric datums.
    unsafe { pg_sys::numeric_cmp(call) }
}

unsafe fn double(call: pg_sys::FunctionCallInfo, bound: Bound) -> pg_sys::Datum {
    // SAFETY: the caller's call.
    let number = unsafe { f64::from_datum((*(*call).args.as_ptr()).value, false) }.unwrap_or_default();
    // What is no number is more than every number to PostgreSQL.
    let compare = |year: i32| f64::from(year).partial_cmp(&number).unwrap_or(Ordering::Less);
    // SAFETY: the caller's call.
    let date = unsafe { once(call, i64::from_ne_bytes(number.to_ne_bytes()), || bound(&compare)) };
    pg_sys::Datum::from(date)
}
