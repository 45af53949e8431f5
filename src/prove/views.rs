//! Plane views: the WITH that stands above the statement is the one that we wrote.
//!
//! What the views' queries hold is proved where they stand, as the rest of the statement. A view over hidden relations has fences
//! of its own in its own WITH, and behind them its query, which must be a security barrier: no condition from outside that may show
//! a value is evaluated before the view has chosen its rows and made its columns.

use super::fences;
use crate::ablation::{self, Switch};
use crate::attach::AttachedView;
use crate::error::{Refusal, StageResult};
use crate::pgx::query::QueryView;
use std::collections::HashSet;

/// Where the views stand, as it was proved.
pub(super) struct Placed<'t> {
    /// The query whose FROM holds the untrusted statement.
    pub(super) around: QueryView<'t>,
    /// The addresses of the fences of hidden relations.
    pub(super) fences: HashSet<usize>,
}

/// Proves the place of the views.
pub(super) fn prove<'t>(query: QueryView<'t>, views: &[AttachedView]) -> StageResult<Placed<'t>> {
    if views.is_empty() || ablation::is_off(Switch::Proof) {
        return Ok(Placed { around: query, fences: HashSet::new() });
    }
    let around = query.derived().ok_or_else(|| Refusal::proof("the views stand nowhere"))?;
    let expressions = around.expressions();
    if expressions.len() != views.len() {
        return Err(Refusal::proof("another number of views than we wrote"));
    }
    let mut hidden = HashSet::new();
    for ((name, expression), attached) in expressions.iter().zip(views) {
        let misplaced = || Refusal::proof(format!("the view {} is not where we wrote it", attached.view.name));
        let view = expression.filter(|_| *name == attached.view.name).ok_or_else(misplaced)?;
        if attached.fences.is_empty() {
            continue;
        }
        fences::prove_expressions(view, &attached.fences)?;
        hidden.extend(view.expressions().into_iter().filter_map(|(_, fence)| fence).map(QueryView::address));
        if view.behind_barrier().is_none() {
            return Err(Refusal::proof(format!("the view {} is no security barrier", attached.view.name)));
        }
    }
    Ok(Placed { around, fences: hidden })
}
