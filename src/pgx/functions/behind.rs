//! `splitplane.behind(value)`: hands its value on, and is not leakproof.
//!
//! PostgreSQL evaluates a condition that it considers leakproof before row-level security. Around an expression that may
//! raise an error all the same, this function prevents the early evaluation.

use super::interface::exported;
use pgrx::{pg_guard, pg_sys};

exported!(behind = behind_wrapper);

/// `behind(anyelement) RETURNS anyelement`, not strict.
#[pg_guard]
unsafe extern "C-unwind" fn behind_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: PostgreSQL calls with the one argument of the declaration.
    unsafe {
        let argument = (*call).args.as_ptr();
        (*call).isnull = (*argument).isnull;
        (*argument).value
    }
}
