//! Analysed trees that outlive the section in which they were made.

use super::parse::{self, Analysed};
use super::query::QueryView;
use super::section::confine::Confinement;
use super::section::stage::{self, Stage};
use crate::error::{Refusal, StageResult};
use pgrx::pg_sys;

/// A copy of an analysed tree in a memory context of its own, which is freed with it. No part of it is ever given out or changed:
/// PostgreSQL's rewriter and planner change what they are given, and get copies.
pub struct KeptTree {
    context: pg_sys::MemoryContext,
    query: *mut pg_sys::Query,
    /// The tables that it reads, at every level.
    relations: Vec<pg_sys::Oid>,
}

impl KeptTree {
    /// Copies a tree; `None` where PostgreSQL has no copy of it.
    pub fn of(_confinement: &Confinement<'_>, analysed: &Analysed<'_>) -> Option<Self> {
        // SAFETY: the context is a child of the section's, with which it goes if copying raises an ERROR. It becomes one of those that
        // last as long as the session only once it holds the tree.
        let (context, query) = unsafe {
            let context = pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                c"splitplane proved statement".as_ptr(),
                0,
                1_024,
                8 * 1_024,
            );
            let outside = pg_sys::MemoryContextSwitchTo(context);
            let query = pg_sys::copyObjectImpl(analysed.query().as_pointer().cast()).cast::<pg_sys::Query>();
            pg_sys::MemoryContextSwitchTo(outside);
            pg_sys::MemoryContextSetParent(context, pg_sys::CacheMemoryContext);
            (context, query)
        };
        let kept = KeptTree { context, query, relations: analysed.query().relations() };
        (!query.is_null()).then_some(kept)
    }

    /// The bytes that it takes.
    pub fn bytes(&self) -> usize {
        // SAFETY: the context is this value's.
        unsafe { pg_sys::MemoryContextMemAllocated(self.context, true) }
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
        // SAFETY: a whole tree, which nobody changes; the copy is made in the section's memory.
        let query = unsafe { QueryView::from_pointer(pg_sys::copyObjectImpl(self.query.cast()).cast()) };
        let query = query.ok_or_else(|| Refusal::proof("a proved tree could not be copied"))?;
        Analysed::of_copy(confinement, query, shown)
    }
}

impl Drop for KeptTree {
    fn drop(&mut self) {
        // SAFETY: the context is this value's, and nothing of it was given out.
        unsafe { pg_sys::MemoryContextDelete(self.context) };
    }
}
