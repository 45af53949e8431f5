//! C functions of earlier versions, which a database names until `ALTER EXTENSION splitplane UPDATE` is run there.
//!
//! `ask` refuses in such a database. What its old policies call must be found by PostgreSQL and must let no row through.

use super::version_1::version_1;
use pgrx::{pg_guard, pg_sys};

version_1!(pg_finfo_among_wrapper);
version_1!(pg_finfo_among_support_wrapper);

/// `among(anyelement, anyarray) RETURNS boolean` of 0.1.0: nothing is in any list.
#[doc(hidden)]
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn among_wrapper(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    pg_sys::Datum::from(false)
}

/// `among_support(internal) RETURNS internal` of 0.1.0: nothing is known.
#[doc(hidden)]
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn among_support_wrapper(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    pg_sys::Datum::from(0usize)
}
