//! `pg_typeof` of a type of the plane: PostgreSQL would write its schema, so its name in the plane stands there.

use crate::catalog::plane::Plane;
use crate::error::StageResult;
use crate::pgx::query::{QueryKind, QueryNode, QueryView};
use pgrx::pg_sys;

/// Puts the names in the place of the calls. One over a set stays as it is, for the proof to refuse.
pub(super) fn name(query: QueryView<'_>, plane: &Plane) -> StageResult<()> {
    query.children(true, &mut |node| visit(node, plane))
}

fn visit(node: QueryNode<'_>, plane: &Plane) -> StageResult<()> {
    if let QueryKind::Query(query) = node.kind() {
        return query.children(false, &mut |child| visit(child, plane));
    }
    if let Some(argument) = node.type_named() {
        let type_oid = argument.type_oid();
        let is_own = type_oid.to_u32() >= pg_sys::FirstNormalObjectId && plane.allows_type(type_oid);
        if is_own && !argument.is_set() {
            // What computes the value is not run, and need not be proved.
            node.name_type(&plane.types.shown(type_oid));
            return Ok(());
        }
    }
    match node.kind() {
        QueryKind::RangeTableEntry(_) | QueryKind::SortGroup { .. } => Ok(()),
        _ => node.children(&mut |child| visit(child, plane)),
    }
}
