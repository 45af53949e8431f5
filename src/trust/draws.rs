//! `random()`: a function of ours without a state stands in its place.

use crate::catalog::plane::Plane;
use crate::error::{Refusal, StageResult};
use crate::pgx::parse::Analysed;
use crate::pgx::query::{QueryKind, QueryNode};
use pgrx::pg_sys::Oid;

/// The statement with ours in the place of each call. One that is left is refused by the proof.
pub(super) fn stateless<'c>(analysed: Analysed<'c>, plane: &Plane) -> StageResult<Analysed<'c>> {
    let Some(generator) = plane.generator() else { return Ok(analysed) };
    let query = analysed.query();
    if !query.any_child(true, &mut |node| holds_call(node, generator)) {
        return Ok(analysed);
    }
    let replaced = query.with_calls(&|node| is_call(node, generator).then_some(plane.policy.drawn));
    Ok(analysed.with_query(replaced.ok_or_else(|| Refusal::proof("the analysed tree could not be copied"))?))
}

/// Whether a call stands at this node or anywhere below, also in subqueries.
fn holds_call(node: QueryNode<'_>, generator: Oid) -> bool {
    match node.kind() {
        QueryKind::Query(query) => query.any_child(false, &mut |child| holds_call(child, generator)),
        // Their contents come as children of their query, or they hold no expression.
        QueryKind::RangeTableEntry(_) | QueryKind::SortGroup { .. } => false,
        _ => is_call(node, generator) || node.any_child(&mut |child| holds_call(child, generator)),
    }
}

fn is_call(node: QueryNode<'_>, generator: Oid) -> bool {
    matches!(node.kind(), QueryKind::Call(call) if call.function == generator && call.arguments.is_empty())
}
