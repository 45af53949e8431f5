//! Expressions that PostgreSQL considers leakproof although evaluating them may raise an error.
//!
//! PostgreSQL evaluates a condition that it considers leakproof before row-level security, over all tenants' rows.
//! Whether that fails then depends on those rows. Each expression of the kind is put behind `splitplane.behind`, which
//! PostgreSQL does not consider leakproof, so that the planner itself puts its condition behind the fence.
//!
//! The two tables here (nodes below, functions in leakproof.rs) were made by reading the executor and the functions'
//! sources in PostgreSQL 15 to 19. "May raise" includes what only a value of more than a gigabyte brings about.

use super::leakproof;
use crate::ablation::{self, Switch};
use crate::catalog::plane::Plane;
use crate::pgx::query::{Evaluation, QueryKind, QueryNode, QueryView, Wrapper};
use crate::pgx::routines;
use pgrx::pg_sys::{self, Oid};

/// Whether a query has any such expression.
pub(super) fn is_needed(query: QueryView<'_>, plane: &Plane) -> bool {
    !ablation::is_off(Switch::Leaks) && has_hazard(query, plane)
}

/// The call that puts an expression behind the fence, if it is one of the kind.
pub(super) fn of(node: QueryNode<'_>, plane: &Plane) -> Option<Wrapper> {
    (is_hazard(node, plane) && reads_columns(node)).then_some(Wrapper::of(plane.policy.behind))
}

fn has_hazard(query: QueryView<'_>, plane: &Plane) -> bool {
    query.any_child(true, &mut |node| holds_hazard(node, plane))
}

/// Whether it stands at this node or anywhere below, also in subqueries.
fn holds_hazard(node: QueryNode<'_>, plane: &Plane) -> bool {
    match node.kind() {
        // A fence within a view; the proof refuses any other.
        QueryKind::Query(query) if query.reads_table() => false,
        QueryKind::Query(query) => query.any_child(false, &mut |child| holds_hazard(child, plane)),
        // Their contents come as children of their query, or they hold no expression.
        QueryKind::RangeTableEntry(_) | QueryKind::SortGroup { .. } => false,
        _ => (is_hazard(node, plane) && reads_columns(node)) || node.any_child(&mut |child| holds_hazard(child, plane)),
    }
}

/// Whether an expression depends on a row: it reads a column, of whatever query.
fn reads_columns(node: QueryNode<'_>) -> bool {
    matches!(node.kind(), QueryKind::Column { .. }) || node.any_child(&mut reads_columns)
}

/// Whether PostgreSQL may consider the node itself leakproof and evaluating it over some row may raise an error.
fn is_hazard(node: QueryNode<'_>, plane: &Plane) -> bool {
    match node.evaluation() {
        // Sub-arrays must have the same dimensions; an array of values that vary in length may be too large.
        Evaluation::Array { is_nested, elements } => is_nested || elements.into_iter().any(QueryNode::varies_in_length),
        // A row may be too large.
        Evaluation::Row { fields } => fields.into_iter().any(QueryNode::varies_in_length),
        // An anonymous row may have another type there than the one that the statement was analysed with.
        Evaluation::Field => true,
        // What runs over the placeholder is not seen to read a column.
        Evaluation::Case { tests } => tests.into_iter().any(|test| may_raise_over_placeholder(test, plane)),
        Evaluation::ArrayConversion { element } => element.is_none_or(|element| !is_relabelling(element)),
        Evaluation::Calls { functions, lacks_collation } => {
            // One that PostgreSQL does not trust either takes the whole condition behind the fence.
            functions.iter().all(|function| routines::is_leakproof(*function))
                && (lacks_collation || functions.iter().any(|function| may_raise(*function, plane)))
        }
        // Nothing of these is computed, or a test of NULL, a boolean, a clock.
        Evaluation::Column
        | Evaluation::Constant
        | Evaluation::Parameter
        | Evaluation::NamedArgument
        | Evaluation::Boolean
        | Evaluation::Relabelling
        | Evaluation::Collation
        | Evaluation::Placeholder
        | Evaluation::SqlValue
        | Evaluation::NullTest
        | Evaluation::BooleanTest
        | Evaluation::List => false,
        // Out of bounds, of the wrong kind or NULL, the answer is NULL; for arrays and for jsonb.
        Evaluation::Subscript => false,
        // By the types' own functions, none of which is leakproof.
        Evaluation::ConversionByText => false,
        // The proof refuses them.
        Evaluation::FieldStore | Evaluation::NextValue | Evaluation::Returning => true,
        // PostgreSQL considers them leaky.
        Evaluation::Other => false,
    }
}

/// Whether anything in a test of a CASE operand may raise, leaky to PostgreSQL or not.
fn may_raise_over_placeholder(test: QueryNode<'_>, plane: &Plane) -> bool {
    if !holds_placeholder(test) {
        return false;
    }
    let raises = match test.evaluation() {
        Evaluation::Calls { functions, lacks_collation } => {
            lacks_collation
                || functions.into_iter().any(|function| !routines::is_leakproof(function) || may_raise(function, plane))
        }
        Evaluation::ConversionByText | Evaluation::Other => true,
        _ => is_hazard(test, plane),
    };
    raises || test.any_child(&mut |child| may_raise_over_placeholder(child, plane))
}

fn holds_placeholder(node: QueryNode<'_>) -> bool {
    matches!(node.evaluation(), Evaluation::Placeholder) || node.any_child(&mut holds_placeholder)
}

/// Whether an element is handed on as it is.
fn is_relabelling(element: QueryNode<'_>) -> bool {
    match element.evaluation() {
        Evaluation::Placeholder => true,
        Evaluation::Relabelling => !element.any_child(&mut |child| !is_relabelling(child)),
        _ => false,
    }
}

/// Whether a function that is marked LEAKPROOF may raise an error over some values; one that is not known may.
fn may_raise(function: Oid, plane: &Plane) -> bool {
    if plane.comparisons.contains(function) {
        return false;
    }
    function.to_u32() >= pg_sys::FirstNormalObjectId || !leakproof::never_raises(&routines::function_name(function))
}
