//! What analysis found by name that is not in the plane, before a literal of the text is read as a value of it.

use super::admitted::{self, Admitted};
use super::proof_walk::check_function;
use crate::ablation::{self, Switch};
use crate::catalog::plane::Plane;
use crate::error::StageResult;
use crate::pgx::query::{QueryKind, QueryNode, QueryView};
use crate::pgx::routines;
use pgrx::pg_sys::{self, Oid};

/// Refuses functions, operators and types of values that are neither PostgreSQL's own nor in the plane. Whether PostgreSQL's own
/// are is for the proof of the statement with its literals.
pub fn refuse_strangers(query: QueryView<'_>, plane: &Plane) -> StageResult<()> {
    if ablation::is_off(Switch::Proof) {
        return Ok(());
    }
    query.children(true, &mut |node| visit(node, plane))
}

fn visit(node: QueryNode<'_>, plane: &Plane) -> StageResult<()> {
    let operator = |operator: Oid| match operator {
        pg_sys::InvalidOid => Ok(()),
        operator => function(routines::operator_function(operator), plane),
    };
    match node.kind() {
        QueryKind::Query(query) => return query.children(false, &mut |child| visit(child, plane)),
        // Its contents come as children of its query.
        QueryKind::RangeTableEntry(_) => return Ok(()),
        QueryKind::RangeTableFunction(types) => types.into_iter().try_for_each(|known| value(known, plane))?,
        QueryKind::SortGroup { equality, ordering } => {
            operator(equality)?;
            return operator(ordering);
        }
        QueryKind::Window { start, end } => {
            function(start, plane)?;
            function(end, plane)?;
        }
        QueryKind::SetOperation { groups, types } => {
            types.into_iter().try_for_each(|known| value(known, plane))?;
            groups.into_iter().try_for_each(|group| visit(group, plane))?;
        }
        QueryKind::Cycle { type_oid, operator: known } => {
            value(type_oid, plane)?;
            operator(known)?;
        }
        QueryKind::CoerceViaIo { from, to } => {
            value(from, plane)?;
            value(to, plane)?;
        }
        // Of the fences and of the claims that they compare with.
        QueryKind::Column { .. } | QueryKind::Parameter { .. } => {}
        QueryKind::Other(tag) if matches!(admitted::check(tag)?, Admitted::Children) => {}
        _ => {
            value(node.expression_type(), plane)?;
            node.functions().into_iter().try_for_each(|called| function(called, plane))?;
        }
    }
    node.children(&mut |child| visit(child, plane))
}

fn value(type_oid: Oid, plane: &Plane) -> StageResult<()> {
    if type_oid.to_u32() < pg_sys::FirstNormalObjectId || plane.allows_type(type_oid) {
        return Ok(());
    }
    Err(plane.types.outside(type_oid))
}

fn function(called: Oid, plane: &Plane) -> StageResult<()> {
    if called.to_u32() < pg_sys::FirstNormalObjectId { Ok(()) } else { check_function(called, plane) }
}
