//! The fences: our common table expressions before rewriting, row-level security after it.

use crate::ablation::{self, Switch};
use crate::catalog::plane::{Plane, ScopeBinding};
use crate::error::{Refusal, StageResult};
use crate::pgx::query::{QueryView, SecurityCondition};
use crate::pgx::values;
use crate::plane::Fence;

/// The top level is `WITH <our fences> SELECT ..`, each fence exactly one scan of its table under its scope.
pub(super) fn prove_fences(query: QueryView<'_>, fences: &[Fence]) -> StageResult<()> {
    if ablation::is_off(Switch::Proof) {
        return Ok(());
    }
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

/// After rewriting: still one plain SELECT, and on each protected table a row-level security condition for every scope
/// column, comparing it with its claim.
pub(super) fn prove_row_security(query: QueryView<'_>, fences: &[Fence], plane: &Plane) -> StageResult<()> {
    if ablation::is_off(Switch::Proof) {
        return Ok(());
    }
    if !query.shape().is_plain_select {
        return Err(Refusal::proof("rewriting made something else than a SELECT"));
    }
    let protected = fences.iter().any(|fence| !fence.relation.is_shared);
    if protected && !query.has_row_security() {
        return Err(Refusal::proof("row-level security was not applied"));
    }
    let expressions = query.expressions();
    if expressions.len() != fences.len() {
        return Err(Refusal::proof("rewriting changed the number of common table expressions"));
    }
    for ((_, expression), fence) in expressions.iter().zip(fences) {
        let conditions = expression.map(QueryView::security_conditions).unwrap_or_default();
        let covered = |binding: &ScopeBinding| conditions.iter().any(|condition| covers(condition, binding, plane));
        if !fence.relation.scope.iter().all(covered) {
            return Err(Refusal::proof(format!("row-level security does not cover {}", fence.relation.name)));
        }
    }
    Ok(())
}

fn covers(condition: &SecurityCondition, binding: &ScopeBinding, plane: &Plane) -> bool {
    let (top, claim) = if binding.is_list() {
        (Some(plane.policy.among), plane.policy.claim_list)
    } else {
        (values::equality_operator(binding.base_type), plane.policy.claim)
    };
    top.is_some()
        && condition.top == top
        && matches!(&condition.compared, Some((attribute, (function, name)))
            if *attribute == binding.column.attribute && *function == claim && *name == binding.claim)
}
