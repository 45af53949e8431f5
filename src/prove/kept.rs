//! A proved tree that is kept, to be used for the same statement again.
//!
//! What was proved is a property of the tree and of what the plane and the catalog were. The tree cannot change: every use is of a copy.
//! Whether plane and catalog are as they were is for who keeps it (`run::proved`) to find out, once the tree's relations are locked.
//! Row-level security is no part of it: that is applied, and proved, at every use.

use super::{ProofFacts, ProvedTree};
use crate::attach::{self, AttachedView, Claims, Fence};
use crate::catalog::plane::Plane;
use crate::error::StageResult;
use crate::pgx::kept::KeptTree;
use crate::pgx::parameters::Parameters;
use crate::pgx::section::confine::Confinement;

/// A tree that was proved, with what it was proved with. Only a proved tree becomes one.
pub struct KeptProof {
    tree: KeptTree,
    fences: Vec<Fence>,
    views: Vec<AttachedView>,
    facts: ProofFacts,
}

/// Bytes that a fence takes, about, besides the numbers of its columns.
const FENCE_BYTES: usize = 512;
/// Bytes that a view takes, about, besides its fences.
const VIEW_BYTES: usize = 128;

impl ProvedTree<'_> {
    /// Copies it, before row-level security is applied.
    pub fn keep(&self, confinement: &Confinement<'_>) -> Option<KeptProof> {
        Some(KeptProof {
            tree: KeptTree::of(confinement, &self.analysed)?,
            fences: self.fences.clone(),
            views: self.views.clone(),
            facts: self.facts.clone(),
        })
    }
}

impl KeptProof {
    /// The bytes that all of it takes: those of the tree as they are, and of the rest a sum for each part.
    pub fn bytes(&self) -> usize {
        let names = self.facts.relations.iter().chain(&self.facts.private);
        let names = names.map(|name| name.len().saturating_add(size_of::<String>())).sum::<usize>();
        let fences = self.fences.iter().chain(self.views.iter().flat_map(|view| &view.fences));
        let fences = fences.map(|fence| size_of_val(fence.scan.columns.as_slice()).saturating_add(FENCE_BYTES));
        let fences = fences.sum::<usize>();
        let views = self.views.len().saturating_mul(VIEW_BYTES);
        self.tree.bytes().saturating_add(names).saturating_add(fences).saturating_add(views)
    }

    /// Locks all tables that the tree reads. Before that nobody can say that the catalog is as it was.
    pub fn lock(&self, confinement: &Confinement<'_>) {
        self.tree.lock(confinement);
    }

    /// The parameters for these claims; `None` where the fences that they make are others than those that were proved.
    ///
    /// # Errors
    /// 28000 when the principal lacks a claim.
    pub fn bind<'c>(
        &self,
        confinement: &'c Confinement<'c>,
        plane: &Plane,
        claims: Claims<'_>,
    ) -> StageResult<Option<Parameters<'c>>> {
        attach::bind_again(confinement, &self.fences, &self.views, plane, claims)
    }

    /// The proved tree once more, as a copy, with `shown` as the text of the statement.
    pub fn tree<'c>(&self, confinement: &'c Confinement<'c>, shown: &str) -> StageResult<ProvedTree<'c>> {
        Ok(ProvedTree {
            analysed: self.tree.analysed(confinement, shown)?,
            fences: self.fences.clone(),
            views: self.views.clone(),
            facts: self.facts.clone(),
        })
    }
}
