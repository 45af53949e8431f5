//! The last proof: of the plan that will run, after everything that the planner, its hooks and inlined functions did.

use super::{admitted, foreign};
use crate::ablation::{self, Switch};
use crate::attach::Fence;
use crate::catalog::plane::{Plane, ScopeBinding};
use crate::error::{Refusal, StageResult};
use crate::pgx::parameters::Parameters;
use crate::pgx::plan::Planned;
use crate::pgx::plan_tree::{PlanKind, PlanScan};
use crate::pgx::query::FenceCall;
use pgrx::pg_sys::Oid;

/// The range table names no relation but the fences' and those that the tables' own policies read (`policy_relations`), also where
/// no node reads it. Every scan is one of a fence's table, of its partitions or children, or of what the tables' own policies read
/// (`policy_relations`); of a protected one the conditions that bind the scope are evaluated before any other, and no
/// index is asked to compute an order over rows that they hide.
pub fn prove_plan(
    planned: &Planned<'_>,
    fences: &[Fence],
    policy_relations: &[Oid],
    parameters: &Parameters<'_>,
    plane: &Plane,
) -> StageResult<()> {
    if ablation::is_off(Switch::Proof) {
        return Ok(());
    }
    if !planned.is_plain_select() {
        return Err(Refusal::proof("planning did not produce a SELECT"));
    }
    let is_known = |relation: &Option<Oid>| {
        relation.is_some_and(|relation| {
            policy_relations.contains(&relation) || fences.iter().any(|fence| fence.relation.oid == relation)
        })
    };
    if !planned.relations().iter().all(is_known) {
        return Err(Refusal::proof("the plan names a relation outside the fences"));
    }
    if planned.searches_by_sub_select()? {
        return Err(Refusal::proof("the plan runs a sub-select or not by rows outside the fences"));
    }
    let is_on_nodes = is_on_nodes(fences)?;
    planned.visit(&mut |node| match node.kind() {
        // The nodes add the fences to what they are asked, whatever it is (pgx/hooks/node_fence.rs).
        PlanKind::Other(_) if is_on_nodes && node.is_of_citus() => Ok(()),
        PlanKind::Scan(scan) if reads_for_a_policy(scan, fences, policy_relations) => Ok(()),
        PlanKind::Scan(scan) => prove_scan(scan, fences, plane),
        PlanKind::Foreign(scan) => foreign::prove_scan(&scan, fences, parameters),
        PlanKind::Other(tag) => admitted::check_plan(tag),
    })
}

/// Whether servers of a cluster keep the statement's tables: all of them, or none. Of a statement with both Citus plans parts by
/// itself, which nobody proves.
fn is_on_nodes(fences: &[Fence]) -> StageResult<bool> {
    let count = fences.iter().filter(|fence| fence.relation.is_on_nodes).count();
    if count == 0 || count == fences.len() {
        return Ok(count > 0);
    }
    Err(Refusal::construct("a statement over tables of this server and over those that a cluster keeps"))
}

/// Random values are computed in what the nodes of a plan hand on, which is after all of a node's own conditions, and so after
/// the fences; nowhere else, and in no sub-plan but those of WITH: the planner moved none into a condition.
pub fn prove_draws(planned: &Planned<'_>, plane: &Plane) -> StageResult<()> {
    if ablation::is_off(Switch::Proof) {
        return Ok(());
    }
    let functions: Vec<Oid> = plane
        .builtins
        .drawing
        .values()
        .copied()
        .chain([plane.policy.drawn])
        .filter(|known| plane.draws(*known))
        .collect();
    if planned.calls_in_results_alone(&functions)? {
        return Ok(());
    }
    Err(Refusal::proof("the plan has random values in a condition"))
}

/// Whether a scan is of a relation that only a policy reads.
fn reads_for_a_policy(scan: PlanScan<'_>, fences: &[Fence], policy_relations: &[Oid]) -> bool {
    let Some(root) = scan.root_relation() else { return false };
    policy_relations.contains(&root) && !fences.iter().any(|fence| fence.relation.oid == root)
}

fn prove_scan(scan: PlanScan<'_>, fences: &[Fence], plane: &Plane) -> StageResult<()> {
    let root = scan.root_relation();
    let fence = fences
        .iter()
        .find(|fence| Some(fence.relation.oid) == root)
        .ok_or_else(|| Refusal::proof("the plan reads a relation outside the fences"))?;
    let relation = &fence.relation;
    if relation.remote.is_some() {
        return Err(Refusal::proof("the plan reads a foreign table as one of this server's"));
    }
    if relation.is_shared {
        return Ok(());
    }
    if scan.is_ordered_by_operator {
        return Err(Refusal::proof(format!("the plan orders {} by an index's operator", relation.name)));
    }
    let first = scan.first_conditions(relation.conditions());
    let is_bound = |binding: &ScopeBinding| {
        first.iter().flatten().any(|(call, columns)| {
            matches!(call, FenceCall::Scope(call) if call.function == plane.policy.in_scope
                && call.claim == binding.claim
                && call.or_null == binding.or_null
                && *columns == [binding.column.name.as_str()])
        })
    };
    let is_linked = |(call, columns): &(FenceCall, Vec<String>)| {
        matches!(call, FenceCall::Links(call) if call.function == plane.policy.in_parent
            && call.links == relation.links_text()
            && columns.iter().eq(relation.link_columns().map(|column| &column.name)))
    };
    if !relation.scope.iter().all(is_bound) || !(relation.links.is_empty() || first.iter().flatten().any(is_linked)) {
        return Err(Refusal::proof(format!("the plan does not begin with the scope of {}", relation.name)));
    }
    Ok(())
}
