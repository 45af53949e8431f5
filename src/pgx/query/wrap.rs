//! Puts calls of our own functions around expressions of an analysed tree, and constants in their place.

use super::condition::{Bound, Original, Part, Replacement, Test};
use super::view::NO_EXPRESSIONS;
use super::wrapper::{Second, Wrapper};
use super::{QueryNode, QueryView};
use crate::pgx::interrupts;
use crate::pgx::node::TreeNode;
use pgrx::{pg_guard, pg_sys};
use std::ffi::{c_int, c_void};

struct Copying<'a, 't> {
    /// The text that stands for an expression of type text, if it is to.
    text: &'a dyn Fn(QueryNode<'t>) -> Option<String>,
    /// The function that is called without arguments in the place of an expression of its type, if one is.
    call: &'a dyn Fn(QueryNode<'t>) -> Option<pg_sys::Oid>,
    /// What takes the place of a condition, if anything does.
    condition: &'a dyn Fn(QueryNode<'t>) -> Option<Replacement<'t>>,
    wrappers: &'a dyn Fn(QueryNode<'t>) -> Vec<Wrapper>,
}

impl<'t> Copying<'_, 't> {
    /// Changes nothing.
    fn nothing() -> Self {
        Copying { text: &|_| None, call: &|_| None, condition: &|_| None, wrappers: &|_| Vec::new() }
    }
}

impl<'t> QueryView<'t> {
    /// A copy of the whole query in which `wrappers` stand around each expression for which there are any, the first
    /// innermost. The common table expressions of its top level and queries that read a table, which are the fences, are copied as
    /// they are.
    pub fn wrapped(self, wrappers: &dyn Fn(QueryNode<'t>) -> Vec<Wrapper>) -> Option<QueryView<'t>> {
        self.copied(Copying { wrappers, ..Copying::nothing() })
    }

    /// A copy of the whole query in which constants stand in the place of the expressions of type text for which `text` gives
    /// one. The fences are copied as they are.
    pub fn with_texts(self, text: &dyn Fn(QueryNode<'t>) -> Option<String>) -> Option<QueryView<'t>> {
        self.copied(Copying { text, ..Copying::nothing() })
    }

    /// A copy of the whole query in which calls without arguments stand in the place of the expressions for which `call` gives a
    /// function of the same type. The fences are copied as they are.
    pub fn with_calls(self, call: &dyn Fn(QueryNode<'t>) -> Option<pg_sys::Oid>) -> Option<QueryView<'t>> {
        self.copied(Copying { call, ..Copying::nothing() })
    }

    /// A copy of the whole query in which other conditions stand in the place of those for which `condition` gives some. The
    /// fences are copied as they are.
    pub fn with_conditions(
        self,
        condition: &dyn Fn(QueryNode<'t>) -> Option<Replacement<'t>>,
    ) -> Option<QueryView<'t>> {
        self.copied(Copying { condition, ..Copying::nothing() })
    }

    fn copied(self, mut copying: Copying<'_, 't>) -> Option<QueryView<'t>> {
        // SAFETY: the query is whole, and `copying` outlives the call; a copy in the section's memory comes back.
        unsafe { QueryView::from_pointer(mutated(self.as_pointer(), (&raw mut copying).cast(), NO_EXPRESSIONS)) }
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

unsafe fn mutated(query: *mut pg_sys::Query, context: *mut c_void, flags: c_int) -> *mut pg_sys::Query {
    // SAFETY: the caller's query and context.
    unsafe {
        #[cfg(feature = "pg15")]
        return pg_sys::query_tree_mutator(query, mutator(), context, flags);
        #[cfg(not(feature = "pg15"))]
        pg_sys::query_tree_mutator_impl(query, mutator(), context, flags)
    }
}

unsafe fn mutated_children(node: *mut pg_sys::Node, context: *mut c_void) -> *mut pg_sys::Node {
    // SAFETY: the caller's node and context.
    unsafe {
        #[cfg(any(feature = "pg15", feature = "pg18", feature = "pg19"))]
        return pg_sys::expression_tree_mutator(node, mutator(), context);
        #[cfg(any(feature = "pg16", feature = "pg17"))]
        pg_sys::expression_tree_mutator_impl(node, mutator(), context)
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn mutate(node: *mut pg_sys::Node, context: *mut c_void) -> *mut pg_sys::Node {
    // SAFETY: NULL or a node of the tree that `copied` began with.
    let Some(original) = (unsafe { QueryNode::from_pointer(node) }) else { return node };
    interrupts::check();
    // SAFETY: nodes of the tree that `copied` began with; the context is its `Copying`.
    unsafe {
        if let Some(query) = QueryView::of(original) {
            // A fence within a view; the proof refuses any other.
            return if query.reads_table() {
                pg_sys::copyObjectImpl(node.cast()).cast()
            } else {
                mutated(node.cast(), context, 0).cast()
            };
        }
        let copying = &*context.cast::<Copying>();
        if let Some(text) = (copying.text)(original).filter(|_| original.is_text()) {
            return text_constant(&text);
        }
        if let Some(function) = (copying.call)(original) {
            return call_of(function, original.expression_type());
        }
        if let Some(replacement) = (copying.condition)(original) {
            let collation = original.collation();
            let copied = |part: *mut pg_sys::Node| mutate(part, context);
            return replaced(&replacement, collation, copied, || mutated_children(node, context));
        }
        let copy = mutated_children(node, context);
        (copying.wrappers)(original).into_iter().fold(copy, |inner, wrapper| wrap(inner, wrapper))
    }
}

/// The conditions that take the place of one, whose copy as it is `original` gives; `copied` copies what they are made of.
///
/// # Safety
/// Nodes of a whole tree, and copies of them in the section's memory.
unsafe fn replaced<'t>(
    replacement: &Replacement<'t>,
    collation: pg_sys::Oid,
    copied: impl Fn(*mut pg_sys::Node) -> *mut pg_sys::Node,
    original: impl FnOnce() -> *mut pg_sys::Node,
) -> *mut pg_sys::Node {
    // SAFETY: PostgreSQL's constructors, over copies.
    unsafe {
        let parts_of = |parts: &[Part<'t>]| {
            parts.iter().fold(std::ptr::null_mut(), |conditions, part| {
                let column = copied(part.column.as_pointer());
                let called = |start, calls: &[Wrapper]| calls.iter().fold(start, |inner, call| wrap(inner, *call));
                let bound = match &part.bound {
                    Bound::Value { value, calls } => called(copied(value.as_pointer()), calls),
                    Bound::Day { day, calls } => called(day_constant(*day), calls),
                    Bound::Text(text) => text_constant(text),
                };
                pg_sys::lappend(conditions, tested(part.test, column, bound, collation).cast())
            })
        };
        let mut conditions = if let [parts] = replacement.alternatives.as_slice() {
            parts_of(parts)
        } else {
            let any = replacement.alternatives.iter().fold(std::ptr::null_mut(), |any, parts| {
                pg_sys::lappend(any, joined(pg_sys::BoolExprType::AND_EXPR, parts_of(parts)).cast())
            });
            pg_sys::lappend(std::ptr::null_mut(), joined(pg_sys::BoolExprType::OR_EXPR, any).cast())
        };
        let original = match replacement.original {
            Original::Left => std::ptr::null_mut(),
            Original::Wrapped(function) => wrap(original(), Wrapper::of(function)),
            Original::Kept => original(),
        };
        if !original.is_null() {
            conditions = pg_sys::lappend(conditions, original.cast());
        }
        joined(pg_sys::BoolExprType::AND_EXPR, conditions)
    }
}

/// One condition made of several, or the only one; where there are none, what every row meets.
unsafe fn joined(by: pg_sys::BoolExprType::Type, conditions: *mut pg_sys::List) -> *mut pg_sys::Node {
    // SAFETY: NIL or a list of conditions.
    unsafe {
        match pg_sys::list_length(conditions) {
            0 => pg_sys::makeBoolConst(true, false),
            1 => pg_sys::list_nth(conditions, 0).cast(),
            _ => pg_sys::makeBoolExpr(by, conditions, -1).cast(),
        }
    }
}

/// A column compared with something.
unsafe fn tested(
    test: Test,
    column: *mut pg_sys::Node,
    bound: *mut pg_sys::Node,
    collation: pg_sys::Oid,
) -> *mut pg_sys::Node {
    let none = pg_sys::InvalidOid;
    // SAFETY: PostgreSQL's constructors over expressions of the section's memory, of the types that the operator or function takes.
    unsafe {
        match test {
            Test::Operator(operator) => {
                // Dates and the like have none, also where it is a printed one that is compared.
                let collation = if pg_sys::exprCollation(column) == none { none } else { collation };
                let (column, bound) = (column.cast(), bound.cast());
                let condition = pg_sys::make_opclause(operator, pg_sys::BOOLOID, false, column, bound, none, collation);
                pg_sys::set_opfuncid(condition.cast());
                condition.cast()
            }
            Test::Function(function) => {
                let arguments = pg_sys::lappend(std::ptr::null_mut(), column.cast());
                let arguments = pg_sys::lappend(arguments, bound.cast());
                let form = pg_sys::CoercionForm::COERCE_EXPLICIT_CALL;
                pg_sys::makeFuncExpr(function, pg_sys::BOOLOID, arguments, none, collation, form).cast()
            }
        }
    }
}

/// A call around an expression, of the type that the function gives; a polymorphic one gives that of the expression.
unsafe fn wrap(inner: *mut pg_sys::Node, wrapper: Wrapper) -> *mut pg_sys::Node {
    // SAFETY: an expression of a tree that is ours; the function takes it.
    unsafe {
        let none = pg_sys::InvalidOid;
        let number = |type_oid, length, value| pg_sys::makeConst(type_oid, -1, none, length, value, false, true);
        let second = wrapper.second.map(|second| match second {
            Second::Integer(most) => number(pg_sys::INT4OID, 4, pg_sys::Datum::from(most)),
            Second::Bigint(by) => number(pg_sys::INT8OID, 8, pg_sys::Datum::from(by)),
        });
        let first = pg_sys::lappend(std::ptr::null_mut(), inner.cast());
        let arguments = second.map_or(first, |second| pg_sys::lappend(first, second.cast()));
        let declared = pg_sys::get_func_rettype(wrapper.function);
        let result = if declared == pg_sys::ANYELEMENTOID { pg_sys::exprType(inner) } else { declared };
        let collation = pg_sys::exprCollation(inner);
        let form = pg_sys::CoercionForm::COERCE_EXPLICIT_CALL;
        pg_sys::makeFuncExpr(wrapper.function, result, arguments, collation, collation, form).cast()
    }
}

fn call_of(function: pg_sys::Oid, type_oid: pg_sys::Oid) -> *mut pg_sys::Node {
    let form = pg_sys::CoercionForm::COERCE_EXPLICIT_CALL;
    let none = std::ptr::null_mut();
    // SAFETY: the constructor of PostgreSQL, in the section's memory.
    unsafe { pg_sys::makeFuncExpr(function, type_oid, none, pg_sys::InvalidOid, pg_sys::InvalidOid, form).cast() }
}

fn text_constant(text: &str) -> *mut pg_sys::Node {
    let value = pgrx::IntoDatum::into_datum(text).unwrap_or(pg_sys::Datum::from(0));
    // SAFETY: the constructor of PostgreSQL, in the section's memory, of a value of that type.
    unsafe { pg_sys::makeConst(pg_sys::TEXTOID, -1, pg_sys::DEFAULT_COLLATION_OID, -1, value, false, false).cast() }
}

fn day_constant(day: i32) -> *mut pg_sys::Node {
    let none = pg_sys::InvalidOid;
    // SAFETY: the constructor of PostgreSQL, in the section's memory, of a value of that type, which has four bytes by value.
    unsafe { pg_sys::makeConst(pg_sys::DATEOID, -1, none, 4, pg_sys::Datum::from(day), false, true).cast() }
}
