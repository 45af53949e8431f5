//! The security barrier of a plane view that reads hidden relations.

use super::QueryView;
use crate::pgx::node::TreeNode;
use pgrx::pg_sys;

impl<'t> QueryView<'t> {
    /// The query behind a security barrier, where this one does nothing but read that one.
    pub fn behind_barrier(self) -> Option<QueryView<'t>> {
        let query = self.query();
        let rows = query.rtable();
        let [entry] = rows.as_slice() else { return None };
        let entry = entry.downcast::<pg_sys::RangeTblEntry>()?;
        let from = query.jointree()?.downcast::<pg_sys::FromExpr>()?;
        let is_bare = query.setOperations.is_null()
            && query.groupClause.is_null()
            && query.sortClause.is_null()
            && query.limitCount.is_null()
            && query.limitOffset.is_null()
            && from.quals().is_none();
        let is_barrier = entry.rtekind == pg_sys::RTEKind::RTE_SUBQUERY && entry.security_barrier;
        entry.subquery().filter(|_| is_bare && is_barrier).and_then(QueryView::of)
    }

    /// Whether it reads a table itself: the proof admits that of fences alone.
    pub fn reads_table(self) -> bool {
        let is_table =
            |entry: &crate::pgx::node::Fields<_, pg_sys::RangeTblEntry>| entry.rtekind == pg_sys::RTEKind::RTE_RELATION;
        self.query()
            .rtable()
            .into_iter()
            .filter_map(|node| node.downcast::<pg_sys::RangeTblEntry>())
            .any(|it| is_table(&it))
    }
}

/// Makes the derived tables of a query security barriers.
///
/// # Safety
/// Nothing else reads the query's tree meanwhile.
pub(in crate::pgx) unsafe fn put_barriers(query: QueryView<'_>) {
    for node in query.query().rtable() {
        let Some(entry) = node.typed::<pg_sys::RangeTblEntry>() else { continue };
        // SAFETY: the caller's promise.
        unsafe { (*entry.as_pointer()).security_barrier = true };
    }
}
