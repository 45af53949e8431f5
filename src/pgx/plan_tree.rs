//! A plan of PostgreSQL's planner as safe, typed views, for the last look before it runs.

use super::interrupts;
use super::plan::Planned;
use super::query::{QueryNode, ScopeCall, nodes, scope_call, text};
use crate::error::StageResult;
use pgrx::pg_sys;
use std::marker::PhantomData;

/// A node of a plan.
#[derive(Clone, Copy)]
pub struct PlanNode<'t> {
    plan: *mut pg_sys::Plan,
    statement: *mut pg_sys::PlannedStmt,
    tree: PhantomData<&'t ()>,
}

/// What a node of a plan is.
pub enum PlanKind<'t> {
    /// Reads a table, partition or child.
    Scan(PlanScan<'t>),
    /// Computes on what other nodes, functions, value lists and common table expressions give.
    Computes,
    /// A node that no plan of ours has, by the name a DBA knows it by.
    Refused(&'static str),
    /// A tag that is on no list.
    Unknown(u32),
}

/// The scan of one table, partition or child.
#[derive(Clone, Copy)]
pub struct PlanScan<'t> {
    node: PlanNode<'t>,
    /// The index entries' columns, where they are read instead of the table's.
    index_columns: *mut pg_sys::List,
    /// Whether rows come in the order of a distance operator that the index computes, also for rows that are not shown.
    pub is_ordered_by_operator: bool,
}

impl<'c> Planned<'c> {
    /// Calls `visitor` on every node of the plan, those of its sub-plans included, parents first.
    pub fn visit(&self, visitor: &mut dyn FnMut(PlanNode<'c>) -> StageResult<()>) -> StageResult<()> {
        let statement = self.statement();
        // SAFETY: a plan just made by the planner.
        let (root, subplans) = unsafe { ((*statement).planTree, (*statement).subplans) };
        let node = |plan: *mut pg_sys::Plan| PlanNode { plan, statement, tree: PhantomData };
        node(root).visit(visitor)?;
        // Places of sub-plans that were not used are NULL and left out.
        nodes(subplans).into_iter().try_for_each(|subplan| node(subplan.as_pointer().cast()).visit(visitor))
    }

    /// Whether the statement is a plain SELECT to the executor, too.
    pub fn is_plain_select(&self) -> bool {
        // SAFETY: a plan just made by the planner.
        let statement = unsafe { &*self.statement() };
        statement.commandType == pg_sys::CmdType::CMD_SELECT
            && !statement.hasModifyingCTE
            && statement.rowMarks.is_null()
            && statement.resultRelations.is_null()
            && statement.utilityStmt.is_null()
    }
}

impl<'t> PlanNode<'t> {
    fn tag(self) -> pg_sys::NodeTag {
        // SAFETY: every plan node begins with its tag.
        unsafe { (*self.plan).type_ }
    }

    fn other(self, plan: *mut pg_sys::Plan) -> Self {
        PlanNode { plan, ..self }
    }

    fn visit(self, visitor: &mut dyn FnMut(PlanNode<'t>) -> StageResult<()>) -> StageResult<()> {
        interrupts::check();
        visitor(self)?;
        self.children().into_iter().try_for_each(|child| child.visit(visitor))
    }

    fn children(self) -> Vec<PlanNode<'t>> {
        use pg_sys::NodeTag as T;
        // SAFETY: the tag says of which type the node is.
        unsafe {
            let more = match self.tag() {
                T::T_Append => (*self.plan.cast::<pg_sys::Append>()).appendplans,
                T::T_MergeAppend => (*self.plan.cast::<pg_sys::MergeAppend>()).mergeplans,
                T::T_BitmapAnd => (*self.plan.cast::<pg_sys::BitmapAnd>()).bitmapplans,
                T::T_BitmapOr => (*self.plan.cast::<pg_sys::BitmapOr>()).bitmapplans,
                _ => std::ptr::null_mut(),
            };
            let inner = match self.tag() {
                T::T_SubqueryScan => (*self.plan.cast::<pg_sys::SubqueryScan>()).subplan,
                _ => std::ptr::null_mut(),
            };
            [(*self.plan).lefttree, (*self.plan).righttree, inner]
                .into_iter()
                .filter(|plan| !plan.is_null())
                .chain(nodes(more).into_iter().map(|node| node.as_pointer().cast()))
                .map(|plan| self.other(plan))
                .collect()
        }
    }

    /// What the node is.
    pub fn kind(self) -> PlanKind<'t> {
        use pg_sys::NodeTag as T;
        match self.tag() {
            T::T_SeqScan | T::T_BitmapHeapScan => self.scan(std::ptr::null_mut(), false),
            T::T_IndexScan => {
                // SAFETY: the tag says so.
                let scan = unsafe { &*self.plan.cast::<pg_sys::IndexScan>() };
                self.scan(std::ptr::null_mut(), !scan.indexorderby.is_null())
            }
            T::T_IndexOnlyScan => {
                // SAFETY: the tag says so.
                let scan = unsafe { &*self.plan.cast::<pg_sys::IndexOnlyScan>() };
                self.scan(scan.indextlist, !scan.indexorderby.is_null())
            }
            T::T_Result
            | T::T_ProjectSet
            | T::T_Append
            | T::T_MergeAppend
            | T::T_RecursiveUnion
            | T::T_BitmapAnd
            | T::T_BitmapOr
            // Read through the heap scan above it.
            | T::T_BitmapIndexScan
            | T::T_SubqueryScan
            | T::T_FunctionScan
            | T::T_ValuesScan
            | T::T_CteScan
            | T::T_WorkTableScan
            | T::T_NestLoop
            | T::T_MergeJoin
            | T::T_HashJoin
            | T::T_Material
            | T::T_Memoize
            | T::T_Sort
            | T::T_IncrementalSort
            | T::T_Group
            | T::T_Agg
            | T::T_WindowAgg
            | T::T_Unique
            | T::T_Gather
            | T::T_GatherMerge
            | T::T_Hash
            | T::T_SetOp
            | T::T_Limit => PlanKind::Computes,
            T::T_ModifyTable => PlanKind::Refused("a plan that changes rows"),
            T::T_LockRows => PlanKind::Refused("a plan that locks rows"),
            T::T_SampleScan => PlanKind::Refused("TABLESAMPLE"),
            T::T_TidScan | T::T_TidRangeScan => PlanKind::Refused("a scan by row address"),
            T::T_TableFuncScan => PlanKind::Refused("XMLTABLE"),
            T::T_NamedTuplestoreScan => PlanKind::Refused("a transition table"),
            T::T_ForeignScan => PlanKind::Refused("the scan of a foreign table"),
            T::T_CustomScan => PlanKind::Refused("a plan node of another extension"),
            other => PlanKind::Unknown(other as u32),
        }
    }

    fn scan(self, index_columns: *mut pg_sys::List, is_ordered_by_operator: bool) -> PlanKind<'t> {
        PlanKind::Scan(PlanScan { node: self, index_columns, is_ordered_by_operator })
    }

    fn entry(self, number: pg_sys::Index) -> Option<&'t pg_sys::RangeTblEntry> {
        // SAFETY: the statement's range table holds entries.
        let entries = nodes(unsafe { (*self.statement).rtable });
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        entries.get(index).map(|entry| entry.cast())
    }
}

impl PlanScan<'_> {
    fn number(self) -> pg_sys::Index {
        // SAFETY: every scan node begins with a Scan.
        unsafe { (*self.node.plan.cast::<pg_sys::Scan>()).scanrelid }
    }

    /// The relation that is read.
    pub fn relation(self) -> Option<pg_sys::Oid> {
        let entry = self.node.entry(self.number())?;
        (entry.rtekind == pg_sys::RTEKind::RTE_RELATION).then_some(entry.relid)
    }

    /// The relation as whose partition or child it is read, itself when it is none.
    pub fn root_relation(self) -> Option<pg_sys::Oid> {
        // SAFETY: the statement's list of parents and children.
        let links = nodes(unsafe { (*self.node.statement).appendRelations });
        let mut number = self.number();
        // No chain is longer than the list.
        for _ in 0..=links.len() {
            let parent = links
                .iter()
                .map(|link| link.cast::<pg_sys::AppendRelInfo>())
                .find(|link| link.child_relid == number)
                .map(|link| link.parent_relid)
                // The arms of UNION ALL have a parent that is no relation.
                .filter(|parent| {
                    self.node.entry(*parent).is_some_and(|entry| entry.rtekind == pg_sys::RTEKind::RTE_RELATION)
                });
            match parent {
                Some(parent) => number = parent,
                None => {
                    let entry = self.node.entry(number)?;
                    return (entry.rtekind == pg_sys::RTEKind::RTE_RELATION).then_some(entry.relid);
                }
            }
        }
        None
    }

    /// The first `count` conditions that are evaluated on a row, as calls of a function with the name of the column that
    /// is looked at; `None` for any other condition.
    pub fn first_conditions(self, count: usize) -> Vec<Option<(ScopeCall, String)>> {
        // SAFETY: every scan node begins with a Plan.
        let conditions = nodes(unsafe { (*self.node.plan).qual });
        conditions
            .into_iter()
            .take(count)
            .map(|condition| {
                let varno =
                    if self.index_columns.is_null() { i32::try_from(self.number()).ok()? } else { pg_sys::INDEX_VAR };
                let mut call = scope_call(condition, varno)?;
                if !self.index_columns.is_null() {
                    call.attribute = self.column_of_index(call.attribute)?;
                }
                // SAFETY: a catalog look-up that gives NULL for a column that is not there.
                let name = unsafe { pg_sys::get_attname(self.relation()?, call.attribute, true) };
                (!name.is_null()).then(|| (call, text(name)))
            })
            .collect()
    }

    fn column_of_index(self, place: i16) -> Option<i16> {
        nodes(self.index_columns)
            .into_iter()
            .map(|entry| entry.cast::<pg_sys::TargetEntry>())
            .find(|entry| entry.resno == place)
            .and_then(|entry| QueryNode::from_pointer(entry.expr.cast()))
            .filter(|expression| expression.tag() == pg_sys::NodeTag::T_Var)
            .map(|expression| expression.cast::<pg_sys::Var>().varattno)
    }
}
