//! `splitplane.keep(kept, value)`: the step of the aggregate `splitplane.kept`, which hands on the first value that is not NULL.

use super::interface::exported;
use pgrx::{pg_guard, pg_sys};

exported!(keep = keep_wrapper);

/// `keep(anyelement, anyelement) RETURNS anyelement`, strict: PostgreSQL takes the first value itself.
#[pg_guard]
unsafe extern "C-unwind" fn keep_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: PostgreSQL calls with the two arguments of the declaration, neither of them NULL.
    unsafe { (*(*call).args.as_ptr()).value }
}
