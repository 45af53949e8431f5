//! Queries put into the WITH of a skeleton of ours, as trees.

use super::{RawSelect, RawTree};
use crate::error::{Refusal, StageResult};
use crate::pgx::node::TreeNode;
use pgrx::pg_sys;

impl<'t> RawTree<'t> {
    /// Puts a query into each common table expression of a skeleton of ours, in order.
    pub fn put_expressions(&mut self, queries: Vec<RawTree<'t>>) -> StageResult<()> {
        let (expressions, _) = RawSelect::of(self.root()).map(RawSelect::with).unwrap_or_default();
        if expressions.len() != queries.len() {
            return Err(Refusal::proof("the skeleton has another number of common table expressions than queries"));
        }
        for (expression, query) in expressions.into_iter().zip(queries) {
            let place = expression.node.typed::<pg_sys::CommonTableExpr>();
            let place = place.ok_or_else(|| Refusal::proof("WITH of the skeleton holds no common table expression"))?;
            // SAFETY: a CommonTableExpr; both trees live in the same memory context, and nothing else looks at them now.
            unsafe { (*place.as_pointer()).ctequery = query.root().as_pointer() };
        }
        Ok(())
    }
}
