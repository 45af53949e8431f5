//! Planner support of the functions `numeric_equal` and its like, and `enum_equal`: PostgreSQL's own comparisons, marked LEAKPROOF.
//!
//! The stage `trust` puts a call beside a comparison of a column, which stays as it is: the call says the same, may come before
//! the fence, and so gives the index condition. The comparison itself is what is counted.

use super::interface::exported;
use super::support;
use crate::pgx::order::{self, Order};
use crate::pgx::{routines, types};
use pgrx::{pg_guard, pg_sys};

exported!(comparison_support = support_wrapper);

/// Keeps every row, and gives the index condition.
#[pg_guard]
unsafe extern "C-unwind" fn support_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let none = pg_sys::Datum::from(0usize);
    // SAFETY: the planner passes one request node, of the type that its tag says.
    unsafe {
        let request = (*(*call).args.as_ptr()).value.cast_mut_ptr::<pg_sys::Node>();
        if request.is_null() {
            return none;
        }
        match (*request).type_ {
            pg_sys::NodeTag::T_SupportRequestSelectivity => {
                (*request.cast::<pg_sys::SupportRequestSelectivity>()).selectivity = 1.0;
                pg_sys::Datum::from(request)
            }
            pg_sys::NodeTag::T_SupportRequestIndexCondition => {
                let request = request.cast::<pg_sys::SupportRequestIndexCondition>();
                index_condition(&mut *request).map_or(none, pg_sys::Datum::from)
            }
            _ => none,
        }
    }
}

/// `column operator value`, which is what the function computes.
unsafe fn index_condition(request: &mut pg_sys::SupportRequestIndexCondition) -> Option<*mut pg_sys::List> {
    // SAFETY: the node is the call that the planner looks at; nodes are made in its memory.
    unsafe {
        let (function, column, value) = support::of_first_argument(request)?;
        let operator = operator(function, pg_sys::exprType(column))?;
        if !pg_sys::op_in_opfamily(operator, request.opfamily)
            || !pg_sys::is_pseudo_constant_for_index(request.root, value, request.index)
        {
            return None;
        }
        let none = pg_sys::InvalidOid;
        let (column, value) = (column.cast(), value.cast());
        let condition = pg_sys::make_opclause(operator, pg_sys::BOOLOID, false, column, value, none, none);
        pg_sys::set_opfuncid(condition.cast());
        request.lossy = false;
        Some(pg_sys::lappend(std::ptr::null_mut(), condition.cast()))
    }
}

/// PostgreSQL's operator for what one of the functions computes.
fn operator(function: pg_sys::Oid, type_oid: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let name = routines::function_name(function);
    match Order::of_name(name.split_once('_')?.1)? {
        // Enums have one operator for all of them.
        Order::Equal => types::equality_operator(type_oid),
        order => order::operator_of_order(order, type_oid),
    }
}
