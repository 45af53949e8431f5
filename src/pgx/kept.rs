//! Analysed trees that outlive the section in which they were made.

use super::own_tree::OwnTree;
use super::parse::{self, Analysed};
use super::query::QueryView;
use super::section::confine::Confinement;
use super::section::stage::{self, Stage};
use crate::error::{Refusal, StageResult};
use pgrx::pg_sys;

/// An analysed tree.
pub struct KeptTree {
    query: OwnTree,
    /// The tables that it reads, at every level.
    relations: Vec<pg_sys::Oid>,
}

impl KeptTree {
    /// Copies a tree; `None` where PostgreSQL has no copy of it.
    pub fn of(_confinement: &Confinement<'_>, analysed: &Analysed<'_>) -> Option<Self> {
        // SAFETY: the tree that PostgreSQL has analysed, inside the section.
        let query = unsafe { OwnTree::of(c"splitplane proved statement", analysed.query().as_pointer().cast()) };
        Some(KeptTree { query: query?, relations: analysed.query().relations() })
    }

    /// The bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.query.bytes()
    }

    /// Locks its tables, as analysis would. Where one is gone meanwhile, nothing is raised.
    pub fn lock(&self, confinement: &Confinement<'_>) {
        stage::set(Stage::Analysing);
        self.relations.iter().for_each(|relation| parse::lock(confinement, *relation));
    }

    /// A copy in the section's memory, as analysis would give it, with `shown` as the text of the statement.
    ///
    /// Nothing is locked and nothing looked up: the caller has locked its tables and knows that the catalog is as it was.
    pub fn analysed<'c>(&self, confinement: &'c Confinement<'c>, shown: &str) -> StageResult<Analysed<'c>> {
        // SAFETY: a copy of an analysed tree, made in the section's memory.
        let query = unsafe { QueryView::from_pointer(self.query.copy().cast()) };
        let query = query.ok_or_else(|| Refusal::proof("a proved tree could not be copied"))?;
        Analysed::of_copy(confinement, query, shown)
    }
}
