//! The fences: our common table expressions before rewriting, row-level security after it.

use crate::ablation::{self, Switch};
use crate::attach::{AttachedView, Fence};
use crate::catalog::plane::{Plane, PlaneRelation, ScopeBinding};
use crate::error::{Refusal, StageResult, State};
use crate::pgx::parse::Rewritten;
use crate::pgx::query::{FenceCall, QueryView};
use pgrx::pg_sys::Oid;

/// The top level is `WITH <our fences> SELECT ..`, each fence exactly one scan of its table under its scope.
pub(super) fn prove_fences(query: QueryView<'_>, fences: &[Fence]) -> StageResult<()> {
    if ablation::is_off(Switch::Proof) {
        return Ok(());
    }
    prove_expressions(query, fences)
}

/// The queries of a WITH are these fences.
pub(super) fn prove_expressions(query: QueryView<'_>, fences: &[Fence]) -> StageResult<()> {
    let expressions = query.expressions();
    if expressions.len() != fences.len() {
        return Err(Refusal::proof("the top level has another number of common table expressions than we wrote"));
    }
    for ((name, expression), fence) in expressions.iter().zip(fences) {
        let scan = expression.and_then(QueryView::scan);
        if *name != fence.name || scan.as_ref() != Some(&fence.scan) {
            return Err(Refusal::proof(format!("the fence of {} is not the one we wrote", fence.name)));
        }
    }
    Ok(())
}

/// After rewriting: still one plain SELECT, and on each protected table the first row-level security condition, which
/// PostgreSQL evaluates before any other, is the one that binds every scope column to its claim.
pub(super) fn prove_row_security(
    query: QueryView<'_>,
    fences: &[Fence],
    views: &[AttachedView],
    plane: &Plane,
) -> StageResult<()> {
    if ablation::is_off(Switch::Proof) {
        return Ok(());
    }
    if !query.shape().is_plain_select {
        return Err(Refusal::proof("rewriting did not produce a SELECT"));
    }
    let hidden = views.iter().flat_map(|attached| &attached.fences);
    let protected = fences.iter().chain(hidden).any(|fence| has_policies(&fence.relation));
    if protected && !query.has_row_security() {
        return Err(unfenced("row-level security was not applied"));
    }
    prove_scopes(query, fences, plane)?;
    for attached in views.iter().filter(|attached| !attached.fences.is_empty()) {
        let view = query.derived().and_then(|around| around.expression(&attached.view.name));
        prove_scopes(view.ok_or_else(|| Refusal::proof("rewriting lost a view"))?, &attached.fences, plane)?;
    }
    Ok(())
}

/// The same of the fences of one WITH.
fn prove_scopes(query: QueryView<'_>, fences: &[Fence], plane: &Plane) -> StageResult<()> {
    let expressions = query.expressions();
    if expressions.len() != fences.len() {
        return Err(Refusal::proof("rewriting changed the number of common table expressions"));
    }
    for ((_, expression), fence) in expressions.iter().zip(fences).filter(|(_, fence)| has_policies(&fence.relation)) {
        let relation = &fence.relation;
        let first = expression.map(QueryView::first_security_condition).unwrap_or_default();
        let is_bound =
            |binding: &ScopeBinding| first.iter().flatten().any(|condition| binds(condition, binding, plane));
        let is_linked = relation.links.is_empty()
            || first.iter().flatten().any(
                |condition| matches!(condition, FenceCall::Links(call) if Some(call) == relation.link_call(plane.policy.in_parent).as_ref()),
            );
        if first.len() != relation.conditions() || !relation.scope.iter().all(is_bound) || !is_linked {
            return Err(unfenced(&format!(
                "row-level security does not begin with the scope of {}",
                fence.relation.name
            )));
        }
    }
    Ok(())
}

/// Whether this server's row-level security is on the table: a foreign table has none, and its data server's is looked at when that
/// is asked.
fn has_policies(relation: &PlaneRelation) -> bool {
    !relation.is_shared && relation.remote.is_none()
}

/// The relations that policies of the tables' own read in sub-selects: those policies are the DBA's, and so is what they read.
pub(super) fn policy_relations(query: QueryView<'_>) -> Vec<Oid> {
    query.fences().into_iter().flat_map(QueryView::relations_of_security_conditions).collect()
}

/// The policies that close a table while its fence is missing say nothing that was not just proved.
pub(super) fn drop_proved_conditions(rewritten: &mut Rewritten<'_>) {
    rewritten.drop_presence_conditions(SCOPE_POLICY);
}

/// The policy that `protect` makes for the scope.
const SCOPE_POLICY: &str = "!splitplane_scope";

fn unfenced(reason: &str) -> Refusal {
    Refusal::new(
        State::Unsafe,
        "row-level security of a plane relation is not as splitplane made it: splitplane.doctor() says what to do",
    )
    .with_detail(reason)
}

fn binds(condition: &FenceCall, binding: &ScopeBinding, plane: &Plane) -> bool {
    matches!(condition, FenceCall::Scope(condition) if condition.function == plane.policy.in_scope
        && condition.attribute == binding.column.attribute
        && condition.claim == binding.claim
        && condition.or_null == binding.or_null)
}
