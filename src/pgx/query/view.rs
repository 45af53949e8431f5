//! A query or subquery of an analysed tree.

use super::fence::collect_relations;
use super::{QueryNode, QueryShape, QueryVisit, Question, ask_child, visit_child};
use crate::error::StageResult;
use crate::pgx::flags;
use crate::pgx::node::{Fields, TreeNode, Typed};
use pgrx::pg_sys;
use std::ffi::{c_int, c_void};

/// Range table entries before their contents, and sort and group clauses.
const EVERYTHING: c_int = flags::c_int(pg_sys::QTW_EXAMINE_RTES_BEFORE | pg_sys::QTW_EXAMINE_SORTGROUP);
/// Without the columns that joins could give.
const WHAT_IS_NAMED: c_int = flags::c_int(pg_sys::QTW_IGNORE_JOINALIASES);
/// Without the queries of WITH.
pub(super) const NO_EXPRESSIONS: c_int = flags::c_int(pg_sys::QTW_IGNORE_CTE_SUBQUERIES);

/// A query or subquery.
#[derive(Clone, Copy)]
pub struct QueryView<'t>(Typed<QueryNode<'t>, pg_sys::Query>);

fn holds_sub_select(node: QueryNode<'_>) -> bool {
    match node.tag() {
        pg_sys::NodeTag::T_SubLink => true,
        // Their contents come as children of their query, or they hold no expression.
        pg_sys::NodeTag::T_RangeTblEntry | pg_sys::NodeTag::T_SortGroupClause => false,
        _ => match QueryView::of(node) {
            Some(query) => query.holds_sub_select(),
            None => node.any_child(&mut holds_sub_select),
        },
    }
}

impl<'t> QueryView<'t> {
    /// A view of a node that is a query.
    pub(in crate::pgx) fn of(node: QueryNode<'t>) -> Option<Self> {
        node.typed().map(QueryView)
    }

    /// A view of what PostgreSQL's analyser or rewriter made.
    ///
    /// # Safety
    /// As of `TreeNode::from_pointer`.
    pub(in crate::pgx) unsafe fn from_pointer(query: *mut pg_sys::Query) -> Option<Self> {
        // SAFETY: the caller's promise.
        unsafe { QueryNode::from_pointer(query.cast()) }.and_then(QueryView::of)
    }

    pub(in crate::pgx) fn as_pointer(self) -> *mut pg_sys::Query {
        self.0.as_pointer()
    }

    pub(super) fn query(self) -> Fields<QueryNode<'t>, pg_sys::Query> {
        self.0.read()
    }

    /// Identifies a query within one tree.
    pub fn address(self) -> usize {
        self.as_pointer().addr()
    }

    /// The shape without the expressions.
    pub fn shape(self) -> QueryShape {
        let query = self.query();
        QueryShape {
            is_plain_select: query.commandType == pg_sys::CmdType::CMD_SELECT
                && query.utilityStmt.is_null()
                && query.resultRelation == 0
                && !query.hasModifyingCTE
                && !query.hasForUpdate
                && query.rowMarks.is_null()
                && query.onConflict.is_null()
                && query.returningList.is_null()
                && query.mergeActionList.is_null()
                && query.withCheckOptions.is_null()
                && !query.isReturn,
        }
    }

    /// Whether row-level security was applied below this query.
    pub fn has_row_security(self) -> bool {
        self.query().hasRowSecurity
    }

    /// The queries of this level's WITH, and those within the views that stand in the WITH above the statement.
    pub fn fences(self) -> Vec<QueryView<'t>> {
        let expressions =
            |query: QueryView<'t>| query.expressions().into_iter().filter_map(|(_, expression)| expression);
        let views = self.derived().into_iter().flat_map(expressions);
        let own = views.flat_map(expressions).filter(|query| query.reads_table());
        expressions(self).chain(own).collect()
    }

    /// The first subquery in its FROM.
    pub fn derived(self) -> Option<QueryView<'t>> {
        self.query()
            .rtable()
            .into_iter()
            .filter_map(|node| node.downcast::<pg_sys::RangeTblEntry>())
            .find(|entry| entry.rtekind == pg_sys::RTEKind::RTE_SUBQUERY)
            .and_then(|entry| entry.subquery().and_then(QueryView::of))
    }

    /// Whether a sub-select stands in an expression of it, or of any query below.
    pub fn holds_sub_select(self) -> bool {
        self.any_child(false, &mut holds_sub_select)
    }

    /// How many tables, subqueries, functions and joins stand in its FROM.
    pub fn sources(self) -> usize {
        self.query().rtable().len()
    }

    /// The tables that it reads, at every level.
    pub fn relations(self) -> Vec<pg_sys::Oid> {
        let mut found = Vec::new();
        collect_relations(self.0.node(), &mut found);
        found.sort_unstable_by_key(|relation| relation.to_u32());
        found.dedup();
        found
    }

    /// A copy in the section's memory.
    pub(in crate::pgx) fn copy(self) -> Option<Self> {
        // SAFETY: a whole tree; PostgreSQL copies all of it.
        unsafe { QueryView::from_pointer(pg_sys::copyObjectImpl(self.as_pointer().cast()).cast()) }
    }

    /// Whether the query that gives the answer, the derived table of this one, aggregates: groups, or sums up to one row.
    pub fn answer_aggregates(self) -> bool {
        self.derived().map(QueryView::query).is_some_and(|answer| {
            answer.setOperations.is_null()
                && (answer.hasAggs || !answer.groupClause.is_null() || !answer.groupingSets.is_null())
        })
    }

    /// Whether the query that gives the answer has an ORDER BY.
    pub fn answer_is_sorted(self) -> bool {
        self.derived().map(QueryView::query).is_some_and(|answer| !answer.sortClause.is_null())
    }

    /// The common table expressions of this level, as (name, query).
    pub fn expressions(self) -> Vec<(String, Option<QueryView<'t>>)> {
        self.query()
            .cteList()
            .into_iter()
            .filter_map(|node| node.downcast::<pg_sys::CommonTableExpr>())
            .map(|cte| (cte.ctename(), cte.ctequery().and_then(QueryView::of)))
            .collect()
    }

    /// The query of one of them, by its name.
    pub fn expression(self, name: &str) -> Option<QueryView<'t>> {
        self.expressions().into_iter().find(|(known, _)| known == name).and_then(|(_, query)| query)
    }

    /// Calls `visitor` on everything below this query: range table entries first, sort and group clauses too.
    /// `skip_expressions` leaves out the queries of this level's WITH.
    pub fn children(
        self,
        skip_expressions: bool,
        visitor: &mut dyn FnMut(QueryNode<'t>) -> StageResult<()>,
    ) -> StageResult<()> {
        self.walk(EVERYTHING, skip_expressions, visitor)
    }

    /// Whether `is_so` says yes of any node directly below this query, as `children` finds them.
    pub fn any_child(self, skip_expressions: bool, is_so: &mut dyn FnMut(QueryNode<'t>) -> bool) -> bool {
        let flags = if skip_expressions { EVERYTHING | NO_EXPRESSIONS } else { EVERYTHING };
        let mut question = Question { is_so };
        // SAFETY: the query is whole, and `question` outlives the call.
        unsafe {
            pg_sys::query_tree_walker(self.as_pointer(), Some(ask_child), (&raw mut question).cast::<c_void>(), flags)
        }
    }

    /// As `children`, but for the columns that joins could give and sort clauses: only what an expression names.
    pub fn named_children(
        self,
        skip_expressions: bool,
        visitor: &mut dyn FnMut(QueryNode<'t>) -> StageResult<()>,
    ) -> StageResult<()> {
        self.walk(WHAT_IS_NAMED, skip_expressions, visitor)
    }

    fn walk(
        self,
        mut flags: c_int,
        skip_expressions: bool,
        visitor: &mut dyn FnMut(QueryNode<'t>) -> StageResult<()>,
    ) -> StageResult<()> {
        if skip_expressions {
            flags |= NO_EXPRESSIONS;
        }
        let mut visit = QueryVisit { visitor, refusal: None };
        // SAFETY: the query is whole, and `visit` outlives the call.
        unsafe {
            pg_sys::query_tree_walker(self.as_pointer(), Some(visit_child), (&raw mut visit).cast::<c_void>(), flags)
        };
        visit.refusal.map_or(Ok(()), Err)
    }

    /// Whether a node that `children` gives is this query's select list, with what it groups and orders by.
    pub fn is_select_list(self, node: QueryNode<'t>) -> bool {
        let query = self.query();
        let is_node = |list: *mut pg_sys::List| std::ptr::eq(node.as_pointer(), list.cast());
        // From 18 on the select list refers to an entry of the range table for what it groups by.
        #[cfg(any(feature = "pg18", feature = "pg19"))]
        let is_grouped = query
            .rtable()
            .into_iter()
            .filter_map(|entry| entry.downcast::<pg_sys::RangeTblEntry>())
            .any(|entry| entry.rtekind == pg_sys::RTEKind::RTE_GROUP && is_node(entry.groupexprs));
        #[cfg(not(any(feature = "pg18", feature = "pg19")))]
        let is_grouped = false;
        is_node(query.targetList) || is_grouped
    }

    /// Whether a node that `children` gives is read by its FROM: a subquery there, or the queries of WITH.
    pub fn is_source(self, node: QueryNode<'t>) -> bool {
        node.tag() == pg_sys::NodeTag::T_Query || std::ptr::eq(node.as_pointer(), self.query().cteList.cast())
    }

    /// The types of the result columns that are not junk, with their names.
    pub fn columns(self) -> Vec<(String, pg_sys::Oid)> {
        self.query()
            .targetList()
            .into_iter()
            .filter_map(|node| node.downcast::<pg_sys::TargetEntry>())
            .filter(|entry| !entry.resjunk)
            .filter_map(|entry| Some((entry.resname(), entry.expr()?.expression_type())))
            .collect()
    }
}
