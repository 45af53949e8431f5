//! Layer 3's proof, on the analysed tree that will be executed.
//!
//! Requires: the grafted tree, analysed. Produces: `Proven`, the rewritten tree in which the fences are ours to the
//! last column, nothing else touches a relation, every function, operator and type is on the allowlist, and row-level
//! security was seen on every protected table.

mod admitted;
mod fences;
mod foreign;
mod growth;
mod json_casts;
mod kept;
mod plan;
mod private_columns;
mod proof_walk;
mod strangers;
mod views;

use crate::ablation::{self, Switch};
use crate::attach::{AttachedView, Fence};
use crate::catalog::plane::Plane;
use crate::error::StageResult;
use crate::pgx::foreign::RemoteTable;
use crate::pgx::parameters::Parameters;
use crate::pgx::parse::{Analysed, Rewritten};
use crate::pgx::plan::{self as pgx_plan, Planned};
use crate::pgx::section::confine::Confinement;
use crate::remote::Form;
use crate::trust::Trusted;
use pgrx::pg_sys::Oid;
use std::num::NonZeroU64;
use std::rc::Rc;

// Its test gives it plans that were never proved.
#[cfg(feature = "pg_test")]
pub(crate) use plan::{prove_draws, prove_plan};

pub use kept::KeptProof;
pub use strangers::refuse_strangers;

/// A tree that was proved, before row-level security is applied. Only `prove_tree` makes one, and `KeptProof` one of the same tree.
pub struct ProvedTree<'c> {
    analysed: Analysed<'c>,
    fences: Vec<Fence>,
    views: Vec<AttachedView>,
    facts: ProofFacts,
}

/// A statement that was proved to stay in the plane. Only a proved tree becomes one.
pub struct Proven<'c> {
    rewritten: Rewritten<'c>,
    /// All of them, those of hidden relations too.
    fences: Vec<Fence>,
    /// Read by policies of the tables' own.
    policy_relations: Vec<Oid>,
    facts: ProofFacts,
}

/// What was proved, to show in `ask_dry_run`.
#[derive(Debug, Clone, Default)]
pub struct ProofFacts {
    /// Plane relations that the statement reads.
    pub relations: Vec<String>,
    /// Functions and operators' functions looked at.
    pub functions: usize,
    /// Expression nodes looked at.
    pub expressions: usize,
    /// Private columns that the statement touches, as `relation.column`: neither its rows nor an error over them may
    /// enter a prompt unless this is empty.
    pub private: Vec<String>,
    /// Whether it holds a function that gives random values.
    pub draws: bool,
    /// Whether the outermost query of the untrusted text aggregates.
    pub is_aggregate: bool,
    /// Whether it has an ORDER BY.
    pub is_sorted: bool,
    /// The form of the data server that it reads, where that takes no claims.
    pub form: Option<Form>,
}

impl<'c> Proven<'c> {
    /// Has PostgreSQL plan it, and proves the plan.
    ///
    /// # Errors
    /// 42501 for a plan that is not the proved statement's; 0A000 for one with nodes of another extension.
    pub fn plan(self, parameters: &Parameters<'c>, plane: &Plane) -> StageResult<Planned<'c>> {
        let tables = self.remote_tables();
        let planned = pgx_plan::plan(self.rewritten, parameters, &|planned| {
            planned.searches_by_sub_select().is_ok_and(|searches| !searches)
        })?;
        plan::prove_plan(&planned, &self.fences, &self.policy_relations, parameters, plane)?;
        if self.facts.draws {
            plan::prove_draws(&planned, plane)?;
        }
        Ok(planned.over(tables).fenced_by(plane.policy.in_scope, ablation::is_off(Switch::Searched)))
    }

    /// The tables of data servers that it reads.
    pub fn remote_tables(&self) -> Vec<Rc<RemoteTable>> {
        self.fences.iter().filter_map(|fence| fence.relation.remote.clone()).collect()
    }

    /// What was proved.
    pub fn facts(&self) -> &ProofFacts {
        &self.facts
    }

    /// Has modules that count statements know it by that text and number.
    pub fn count_as(&mut self, confinement: &'c Confinement<'c>, text: &str, number: NonZeroU64) -> StageResult<()> {
        self.rewritten.count_as(confinement, text, number)
    }
}

/// Proves the analysed tree, but for row-level security, which PostgreSQL applies later.
///
/// # Errors
/// 42501 or 0A000 by name; the server log has the reason when a fence is not ours.
pub fn prove_tree<'c>(
    trusted: Trusted<'c>,
    fences: Vec<Fence>,
    views: Vec<AttachedView>,
    plane: &Plane,
) -> StageResult<ProvedTree<'c>> {
    let analysed = trusted.into_analysed();
    fences::prove_fences(analysed.query(), &fences)?;
    let placed = views::prove(analysed.query(), &views)?;
    let mut facts = proof_walk::prove_tree(analysed.query(), &placed.fences, plane)?;
    json_casts::check(analysed.query(), plane)?;
    facts.private = private_columns::touched(analysed.query(), &fences, &views)?;
    facts.is_aggregate = placed.around.answer_aggregates();
    facts.is_sorted = placed.around.answer_is_sorted();
    let of_view = views.iter().flat_map(|attached| &attached.fences);
    let mut forms =
        fences.iter().chain(of_view).filter_map(|fence| fence.relation.remote.as_ref()).map(|remote| remote.form);
    facts.form = forms.find(|form| *form != Form::Claimed);
    facts.relations = fences.iter().map(|fence| fence.relation.name.clone()).collect();
    facts.relations.dedup();
    facts.relations.extend(views.iter().map(|attached| attached.view.name.clone()));
    Ok(ProvedTree { analysed, fences, views, facts })
}

impl<'c> ProvedTree<'c> {
    /// Lets PostgreSQL apply row-level security as the reader, and proves that it did.
    ///
    /// # Errors
    /// 55000 where row-level security is not as `protect` made it.
    pub fn with_row_security(self, plane: &Plane) -> StageResult<Proven<'c>> {
        let ProvedTree { analysed, fences, views, facts } = self;
        let mut rewritten = analysed.rewrite()?;
        fences::prove_row_security(rewritten.query(), &fences, &views, plane)?;
        fences::drop_proved_conditions(&mut rewritten);
        let policy_relations = fences::policy_relations(rewritten.query());
        let fences = fences.into_iter().chain(views.into_iter().flat_map(|attached| attached.fences)).collect();
        Ok(Proven { rewritten, fences, policy_relations, facts })
    }
}

/// The whole proof of a statement that nothing is kept of.
///
/// # Errors
/// Those of both halves.
pub fn prove<'c>(
    trusted: Trusted<'c>,
    fences: Vec<Fence>,
    views: Vec<AttachedView>,
    plane: &Plane,
) -> StageResult<Proven<'c>> {
    prove_tree(trusted, fences, views, plane)?.with_row_security(plane)
}
