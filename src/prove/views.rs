//! Plane views: the WITH that stands above the statement is the one that we wrote.
//!
//! What the views' queries hold is proved where they stand, as the rest of the statement.

use crate::ablation::{self, Switch};
use crate::attach::AttachedView;
use crate::error::{Refusal, StageResult};
use crate::pgx::query::QueryView;

/// Proves the place of the views. Gives the query whose FROM holds the untrusted statement.
pub(super) fn prove<'t>(query: QueryView<'t>, views: &[AttachedView]) -> StageResult<QueryView<'t>> {
    if views.is_empty() || ablation::is_off(Switch::Proof) {
        return Ok(query);
    }
    let around = query.derived().ok_or_else(|| Refusal::proof("the views stand nowhere"))?;
    let expressions = around.expressions();
    if expressions.len() != views.len() {
        return Err(Refusal::proof("another number of views than we wrote"));
    }
    for ((name, expression), attached) in expressions.iter().zip(views) {
        if *name != attached.view.name || expression.is_none() {
            return Err(Refusal::proof(format!("the view {} is not where we wrote it", attached.view.name)));
        }
    }
    Ok(around)
}
