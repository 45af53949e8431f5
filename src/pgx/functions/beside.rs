//! `splitplane.beside(condition)`: hands a condition on that stands beside the one which PostgreSQL counts and searches by.
//!
//! The planner multiplies what conditions keep. Of two that follow from one, only one may count.

use super::interface::exported;
use pgrx::{pg_guard, pg_sys};

exported!(beside = beside_wrapper);
exported!(beside_support = beside_support_wrapper);

/// `beside(boolean) RETURNS boolean`, not strict and not leakproof.
#[pg_guard]
unsafe extern "C-unwind" fn beside_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: PostgreSQL calls with the one argument of the declaration.
    unsafe {
        let argument = (*call).args.as_ptr();
        (*call).isnull = (*argument).isnull;
        (*argument).value
    }
}

/// Planner support of `beside`: keeps every row.
#[pg_guard]
unsafe extern "C-unwind" fn beside_support_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the planner passes one request node, of the type that its tag says.
    unsafe {
        let request = (*(*call).args.as_ptr()).value.cast_mut_ptr::<pg_sys::Node>();
        if request.is_null() || (*request).type_ != pg_sys::NodeTag::T_SupportRequestSelectivity {
            return pg_sys::Datum::from(0usize);
        }
        (*request.cast::<pg_sys::SupportRequestSelectivity>()).selectivity = 1.0;
        pg_sys::Datum::from(request)
    }
}
