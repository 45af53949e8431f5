//! `splitplane.bounded(value, most)`: hands its value on, unless it is large.
//!
//! It also checks for interrupts, so that many calls in one expression cannot add up beyond the deadline. Its sister
//! `splitplane.counted(value, most)` checks how often it was called, for aggregates that sort at their end.

use super::extent;
use super::interface::exported;
use crate::error::{Refusal, State};
use crate::pgx::pg_try::raise;
use pgrx::{FromDatum, pg_guard, pg_sys};

exported!(bounded = bounded_wrapper);
exported!(counted = counted_wrapper);

/// An array may hold one element for each so many bytes that it may take: NULLs take next to none.
const BYTES_PER_ELEMENT: usize = 4;

/// `bounded(anyelement, integer) RETURNS anyelement`, strict; the type is one of variable length.
#[pg_guard]
unsafe extern "C-unwind" fn bounded_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    pgrx::check_for_interrupts!();
    // SAFETY: PostgreSQL calls with the arguments of the declaration, neither NULL.
    let (value, most) = unsafe { value_and_most(call) };
    // SAFETY: only the stage `trust` makes calls, and of types of variable length alone.
    if unsafe { is_over(value, most, (*call).flinfo) } {
        raise(Refusal::new(State::Limit, "a value is too large for the function or operator that is to read it"));
    }
    value
}

unsafe fn value_and_most(call: pg_sys::FunctionCallInfo) -> (pg_sys::Datum, usize) {
    // SAFETY: the caller's promise: two arguments, the second an int4.
    unsafe {
        let [value, most] = (*call).args.as_slice(2) else {
            raise(Refusal::proof("a bound was called with other arguments than its own"))
        };
        let most = i32::from_datum(most.value, false).unwrap_or_default();
        (value.value, usize::try_from(most).unwrap_or_default())
    }
}

unsafe fn is_over(value: pg_sys::Datum, most: usize, information: *mut pg_sys::FmgrInfo) -> bool {
    // SAFETY: the caller's promise; a value is unpacked only once it is known to be small.
    unsafe {
        let type_oid = pg_sys::get_fn_expr_argtype(information, 0);
        if extent::extended_size(value, type_oid) > most {
            return true;
        }
        if pg_sys::get_element_type(type_oid) == pg_sys::InvalidOid {
            return false;
        }
        let array = pg_sys::pg_detoast_datum(value.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        let dimensions = array.add(1).cast::<i32>();
        let elements = pg_sys::ArrayGetNItems((*array).ndim, dimensions);
        usize::try_from(elements).unwrap_or(usize::MAX) > most / BYTES_PER_ELEMENT
    }
}

/// Bytes of a value that count like one more row.
const BYTES_PER_ROW: usize = 16;

/// `counted(anyelement, integer) RETURNS anyelement`, strict: as `bounded`, but for the rows of an aggregate and the sizes
/// of their values together.
#[pg_guard]
unsafe extern "C-unwind" fn counted_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: PostgreSQL calls with the arguments of the declaration, neither NULL.
    let (value, most) = unsafe { value_and_most(call) };
    // SAFETY: `fn_extra` is ours alone, and holds the count itself; a value of variable length is measured as it is stored.
    let count = unsafe {
        let information = (*call).flinfo;
        let type_oid = pg_sys::get_fn_expr_argtype(information, 0);
        let bytes = if pg_sys::get_typlen(type_oid) == -1 { pg_sys::toast_raw_datum_size(value) } else { 0 };
        let before = (*information).fn_extra.addr();
        let count = before.saturating_add(bytes / BYTES_PER_ROW).saturating_add(1);
        (*information).fn_extra = std::ptr::without_provenance_mut(count);
        count
    };
    if count > most {
        raise(Refusal::new(State::Limit, "an aggregate would read more rows than it may, or larger values"));
    }
    value
}
