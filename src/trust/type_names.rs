//! `pg_typeof` of a type of the plane: PostgreSQL would write its schema, so its name in the plane stands there.

use crate::catalog::plane::Plane;
use crate::error::{Refusal, StageResult};
use crate::pgx::parse::Analysed;
use crate::pgx::query::{QueryKind, QueryNode};
use pgrx::pg_sys;

/// The statement with the names in the place of the calls.
pub(super) fn named<'c>(analysed: Analysed<'c>, plane: &Plane) -> StageResult<Analysed<'c>> {
    let query = analysed.query();
    if !query.any_child(true, &mut |node| holds_name(node, plane)) {
        return Ok(analysed);
    }
    // What computes the value is not run, and need not be proved.
    let named = query.with_texts(&|node| name(node, plane));
    Ok(analysed.with_query(named.ok_or_else(|| Refusal::proof("the analysed tree could not be copied"))?))
}

/// Whether a call to be replaced stands at this node or anywhere below, also in subqueries.
fn holds_name(node: QueryNode<'_>, plane: &Plane) -> bool {
    match node.kind() {
        QueryKind::Query(query) => query.any_child(false, &mut |child| holds_name(child, plane)),
        // Their contents come as children of their query, or they hold no expression.
        QueryKind::RangeTableEntry(_) | QueryKind::SortGroup { .. } => false,
        _ => name(node, plane).is_some() || node.any_child(&mut |child| holds_name(child, plane)),
    }
}

/// The name that stands for an expression. A call over a set stays as it is, for the proof to refuse.
fn name(node: QueryNode<'_>, plane: &Plane) -> Option<String> {
    let argument = node.type_named()?;
    let type_oid = argument.expression_type();
    let is_own = type_oid.to_u32() >= pg_sys::FirstNormalObjectId && plane.allows_type(type_oid);
    (is_own && !argument.is_set()).then(|| plane.types.shown(type_oid))
}
