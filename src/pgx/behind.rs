//! `splitplane.behind(value)`: hands its value on, and is not leakproof; and how it gets into an analysed tree.
//!
//! PostgreSQL evaluates a condition that it takes for leakproof before row-level security. Around an expression that may
//! raise an error all the same, this function tells it not to.

use super::query::{QueryNode, QueryView};
use super::version_1::version_1;
use pgrx::{pg_guard, pg_sys};
use std::ffi::c_void;

version_1!(pg_finfo_behind_wrapper);

/// `behind(anyelement) RETURNS anyelement`, not strict.
#[doc(hidden)]
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn behind_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: PostgreSQL calls with the one argument of the declaration.
    unsafe {
        let argument = (*call).args.as_ptr();
        (*call).isnull = (*argument).isnull;
        (*argument).value
    }
}

struct Wrapping<'a, 't> {
    function: pg_sys::Oid,
    is_wrapped: &'a dyn Fn(QueryNode<'t>) -> bool,
}

impl<'t> QueryView<'t> {
    /// A copy of the whole query in which `function(..)` stands around each expression that `is_wrapped` names.
    pub fn wrapped(self, function: pg_sys::Oid, is_wrapped: &dyn Fn(QueryNode<'t>) -> bool) -> Option<QueryView<'t>> {
        let mut wrapping = Wrapping { function, is_wrapped };
        // SAFETY: the query is whole, and `wrapping` outlives the call.
        QueryView::from_pointer(unsafe { mutated(self.as_pointer(), (&raw mut wrapping).cast()) })
    }
}

type Mutator = unsafe extern "C-unwind" fn(*mut pg_sys::Node, *mut c_void) -> *mut pg_sys::Node;

/// PostgreSQL 15 declares its mutators without their arguments; it calls them with these two all the same.
#[cfg(feature = "pg15")]
fn mutator() -> Option<unsafe extern "C-unwind" fn() -> *mut pg_sys::Node> {
    // SAFETY: a function of the form that it is called in.
    Some(unsafe { std::mem::transmute::<Mutator, unsafe extern "C-unwind" fn() -> *mut pg_sys::Node>(mutate) })
}

#[cfg(not(feature = "pg15"))]
fn mutator() -> Option<Mutator> {
    Some(mutate)
}

unsafe fn mutated(query: *mut pg_sys::Query, context: *mut c_void) -> *mut pg_sys::Query {
    // SAFETY: the caller's query and context.
    unsafe {
        #[cfg(feature = "pg15")]
        return pg_sys::query_tree_mutator(query, mutator(), context, 0);
        #[cfg(not(feature = "pg15"))]
        pg_sys::query_tree_mutator_impl(query, mutator(), context, 0)
    }
}

unsafe fn mutated_children(node: *mut pg_sys::Node, context: *mut c_void) -> *mut pg_sys::Node {
    // SAFETY: the caller's node and context.
    unsafe {
        #[cfg(any(feature = "pg15", feature = "pg18"))]
        return pg_sys::expression_tree_mutator(node, mutator(), context);
        #[cfg(any(feature = "pg16", feature = "pg17"))]
        pg_sys::expression_tree_mutator_impl(node, mutator(), context)
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn mutate(node: *mut pg_sys::Node, context: *mut c_void) -> *mut pg_sys::Node {
    let Some(original) = QueryNode::from_pointer(node) else { return node };
    // SAFETY: nodes of the tree that `wrapped` began with; the context is its `Wrapping`.
    unsafe {
        if original.tag() == pg_sys::NodeTag::T_Query {
            return mutated(node.cast(), context).cast();
        }
        let copy = mutated_children(node, context);
        let wrapping = &*context.cast::<Wrapping>();
        if !(wrapping.is_wrapped)(original) {
            return copy;
        }
        let collation = pg_sys::exprCollation(copy);
        pg_sys::makeFuncExpr(
            wrapping.function,
            pg_sys::exprType(copy),
            pg_sys::lappend(std::ptr::null_mut(), copy.cast()),
            collation,
            collation,
            pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
        )
        .cast()
    }
}
