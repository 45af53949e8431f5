//! A plan of PostgreSQL's planner as safe, typed views, for the last proof before it runs.

use super::interrupts;
use super::node::{Fields, TreeNode, Typed, nodes, text};
use super::plan::Planned;
use super::query::{FenceCall, LinkCall, QueryNode, ScopeCall, fence_call};
use crate::cluster::placements;
use crate::error::{Refusal, StageResult};
use pgrx::pg_sys;
use std::ffi::CStr;

/// A node of a plan.
#[derive(Clone, Copy)]
pub struct PlanNode<'t> {
    node: QueryNode<'t>,
    statement: Typed<QueryNode<'t>, pg_sys::PlannedStmt>,
}

/// What a node of a plan is.
pub enum PlanKind<'t> {
    /// Reads a table, partition or child.
    Scan(PlanScan<'t>),
    /// Reads what a data server gives.
    Foreign(ForeignScan),
    /// Any other node, by its tag.
    Other(pg_sys::NodeTag),
}

/// The scan of one table, partition or child.
#[derive(Clone, Copy)]
pub struct PlanScan<'t> {
    node: PlanNode<'t>,
    /// The number of what is read in the range table.
    number: pg_sys::Index,
    /// The scan that reads index entries instead of the table's rows.
    index_only: Option<Typed<QueryNode<'t>, pg_sys::IndexOnlyScan>>,
    /// Whether rows come in the order of a distance operator that the index computes, also for rows that are not shown.
    pub is_ordered_by_operator: bool,
}

/// What postgres_fdw reads of a data server: one foreign table, or several joined or aggregated there.
pub struct ForeignScan {
    /// The server.
    pub server: pg_sys::Oid,
    /// The foreign tables, each as often as it is read.
    pub tables: Vec<Option<pg_sys::Oid>>,
    /// The SQL that is sent.
    pub sql: String,
    /// Whether it changes nothing.
    pub is_select: bool,
}

/// A plan as a whole, whoever had it made.
#[derive(Clone, Copy)]
pub(super) struct WholePlan<'t> {
    statement: Typed<QueryNode<'t>, pg_sys::PlannedStmt>,
}

impl<'t> WholePlan<'t> {
    /// `None` for NULL.
    ///
    /// # Safety
    /// NULL, or a plan that lives as long as the view's type says.
    pub(super) unsafe fn from_pointer(statement: *mut pg_sys::PlannedStmt) -> Option<Self> {
        // SAFETY: the caller's promise.
        let statement = unsafe { QueryNode::from_pointer(statement.cast()) }?.typed()?;
        Some(WholePlan { statement })
    }

    /// Calls `visitor` on every node of the plan, those of its sub-plans included, parents first.
    pub(super) fn visit(self, visitor: &mut dyn FnMut(PlanNode<'t>) -> StageResult<()>) -> StageResult<()> {
        let statement = self.statement;
        let planned = statement.read();
        // Places of sub-plans that were not used are NULL and left out.
        let roots = planned.planTree().into_iter().chain(planned.subplans());
        roots.map(|node| PlanNode { node, statement }).try_for_each(|root| root.visit(visitor))
    }

    /// Whether a bitmap of several index searches waits for a sub-select, or for what is computed of a value that one is given. The
    /// executor leaves such a search out where the one before it has found no row of anyone's, and with it what may raise
    /// an error or take long.
    pub(super) fn searches_by_sub_select(self) -> StageResult<bool> {
        let mut bitmaps = Vec::new();
        self.visit(&mut |node| {
            if node.node.tag() == pg_sys::NodeTag::T_BitmapAnd {
                bitmaps.push(node.node);
            }
            Ok(())
        })?;
        if bitmaps.is_empty() {
            return Ok(false);
        }
        // SAFETY: nodes of a whole plan.
        let text_of = |node: QueryNode<'t>| unsafe { written(node.as_pointer().cast()) };
        // In PostgreSQL's own text PARAM_EXEC, by the numbers of what sub-selects give and are given. Those of a nested loop's rows
        // are others.
        let whole = text_of(self.statement.node());
        let numbers = numbers_of_sub_selects(&whole);
        let values = numbers.iter().map(|number| format!(":paramkind 1 :paramid {number} "));
        let waited_for: Vec<String> = values.chain(["{SUBPLAN ".to_owned()]).collect();
        Ok(bitmaps.into_iter().map(text_of).any(|bitmap| waited_for.iter().any(|value| bitmap.contains(value))))
    }
}

impl<'c> Planned<'c> {
    pub(super) fn whole(&self) -> WholePlan<'c> {
        WholePlan { statement: self.statement() }
    }

    /// Calls `visitor` on every node of the plan, those of its sub-plans included, parents first.
    pub fn visit(&self, visitor: &mut dyn FnMut(PlanNode<'c>) -> StageResult<()>) -> StageResult<()> {
        self.whole().visit(visitor)
    }

    /// Refuses a plan that asks any other data server than the one that has taken the claim of this call.
    ///
    /// # Errors
    /// 42501.
    pub fn asks_only(&self, claimed: Option<pg_sys::Oid>) -> StageResult<()> {
        self.visit(&mut |node| match node.kind() {
            PlanKind::Foreign(scan) if claimed != Some(scan.server) => {
                Err(Refusal::proof("a data server is asked that has taken no claim"))
            }
            _ => Ok(()),
        })
    }

    /// The nodes of a cluster that it runs on, as `host:port`; `None` where that is not known before it runs.
    ///
    /// # Errors
    /// Those of the visit.
    pub fn nodes_of_cluster(&self) -> StageResult<Option<Vec<String>>> {
        let mut parts = Vec::new();
        self.visit(&mut |node| {
            parts.extend(node.text_of_citus());
            Ok(())
        })?;
        Ok(placements::nodes(&parts.join(" ")))
    }

    /// Whether all calls of these functions stand in the lists that nodes hand on, and none in a sub-plan but those that a scan
    /// of a common table expression reads.
    pub fn calls_in_results_alone(&self, functions: &[pg_sys::Oid]) -> StageResult<bool> {
        let statement = self.statement();
        let planned = statement.read();
        let mut of_with: Vec<i32> = Vec::new();
        self.visit(&mut |node| {
            of_with.extend(node.node.downcast::<pg_sys::CteScan>().map(|scan| scan.ctePlanId));
            Ok(())
        })?;
        // SAFETY: NIL or a list of plans, some of them NULL.
        let subplans = unsafe { pgrx::PgList::<pg_sys::Node>::from_pg(planned.subplans) };
        let mut is_so = true;
        if let Some(node) = planned.planTree() {
            let root = PlanNode { node, statement };
            is_so &= root.calls_in_lists(functions)? == root.calls(functions);
        }
        for (number, pointer) in (1..).zip(subplans.iter_ptr()) {
            // SAFETY: NULL or a node of the same plan.
            let Some(node) = (unsafe { QueryNode::from_pointer(pointer) }) else { continue };
            let root = PlanNode { node, statement };
            let admitted = if of_with.contains(&number) { root.calls_in_lists(functions)? } else { 0 };
            is_so &= admitted == root.calls(functions);
        }
        Ok(is_so)
    }

    /// The relations of the plan's range table, also those that no node reads: of a partition or child the relation as whose it
    /// is there, `None` where that is not known.
    pub fn relations(&self) -> Vec<Option<pg_sys::Oid>> {
        let statement = self.statement();
        (1..)
            .zip(statement.read().rtable())
            .filter_map(|(number, node)| Some((number, node.downcast::<pg_sys::RangeTblEntry>()?)))
            .filter(|(_, entry)| entry.rtekind == pg_sys::RTEKind::RTE_RELATION)
            .map(|(number, _)| root_relation(statement, number))
            .collect()
    }

    /// Whether a bitmap of several index searches waits for a sub-select, or for what is computed of a value that one is given. The
    /// executor leaves such a search out where the one before it has found no row of anyone's, and with it what may raise
    /// an error or take long.
    pub fn searches_by_sub_select(&self) -> StageResult<bool> {
        self.whole().searches_by_sub_select()
    }

    /// Whether the statement is a plain SELECT to the executor, too.
    pub fn is_plain_select(&self) -> bool {
        let statement = self.statement().read();
        #[cfg(not(feature = "pg19"))]
        let writes = !statement.resultRelations.is_null();
        #[cfg(feature = "pg19")]
        let writes = !statement.resultRelationRelids.is_null();
        statement.commandType == pg_sys::CmdType::CMD_SELECT
            && !statement.hasModifyingCTE
            && statement.rowMarks.is_null()
            && !writes
            && statement.utilityStmt.is_null()
    }
}

impl<'t> PlanNode<'t> {
    fn visit(self, visitor: &mut dyn FnMut(PlanNode<'t>) -> StageResult<()>) -> StageResult<()> {
        interrupts::check();
        visitor(self)?;
        self.children().into_iter().try_for_each(|child| child.visit(visitor))
    }

    /// The calls in the lists that this node and those below it hand on.
    fn calls_in_lists(self, functions: &[pg_sys::Oid]) -> StageResult<usize> {
        let mut count: usize = 0;
        self.visit(&mut |node| {
            // SAFETY: the list of a node of a plan: NIL or a list of nodes of the same plan.
            count = count.saturating_add(unsafe { calls_in(node.plan().targetlist.cast(), functions) });
            Ok(())
        })?;
        Ok(count)
    }

    /// The calls in this node and those below it, wherever they stand.
    fn calls(self, functions: &[pg_sys::Oid]) -> usize {
        // SAFETY: a node of a whole plan.
        unsafe { calls_in(self.node.as_pointer().cast(), functions) }
    }

    /// What every node of a plan begins with.
    pub(super) fn plan(self) -> pg_sys::Plan {
        // SAFETY: only nodes of a plan are made views of, and each begins with a Plan.
        unsafe { self.node.as_pointer().cast::<pg_sys::Plan>().read() }
    }

    /// The number by which the conditions of a scan name columns.
    pub(super) fn entry(self) -> Option<i32> {
        let scan = self.scan()?;
        if scan.index_only.is_some() { Some(pg_sys::INDEX_VAR) } else { i32::try_from(scan.number).ok() }
    }

    pub(super) fn node(self) -> QueryNode<'t> {
        self.node
    }

    pub(super) fn as_pointer(self) -> *mut pg_sys::Node {
        self.node.as_pointer()
    }

    fn children(self) -> Vec<PlanNode<'t>> {
        use pg_sys::NodeTag as T;
        let node = self.node;
        let more = match node.tag() {
            T::T_Append => node.downcast::<pg_sys::Append>().map(|plan| plan.appendplans()),
            T::T_MergeAppend => node.downcast::<pg_sys::MergeAppend>().map(|plan| plan.mergeplans()),
            T::T_BitmapAnd => node.downcast::<pg_sys::BitmapAnd>().map(|plan| plan.bitmapplans()),
            T::T_BitmapOr => node.downcast::<pg_sys::BitmapOr>().map(|plan| plan.bitmapplans()),
            _ => None,
        };
        let inner = node.downcast::<pg_sys::SubqueryScan>().and_then(|plan| plan.subplan());
        let plan = self.plan();
        // SAFETY: each is NULL or a node of the same plan.
        let sides = [plan.lefttree, plan.righttree].map(|side| unsafe { QueryNode::from_pointer(side.cast()) });
        let children = sides.into_iter().flatten().chain(inner).chain(more.into_iter().flatten());
        children.map(|node| PlanNode { node, ..self }).collect()
    }

    /// What the node is.
    pub fn kind(self) -> PlanKind<'t> {
        let scan = self.scan().map(PlanKind::Scan);
        scan.or_else(|| self.foreign_scan().map(PlanKind::Foreign)).unwrap_or(PlanKind::Other(self.node.tag()))
    }

    /// `None` where it is not of the form that postgres_fdw makes.
    fn foreign_scan(self) -> Option<ForeignScan> {
        let scan = self.node.downcast::<pg_sys::ForeignScan>()?;
        // The first of its own values is the SQL.
        let sql = scan.fdw_private().first()?.downcast::<pg_sys::String>()?.sval();
        #[cfg(feature = "pg15")]
        let relations = scan.fs_relids;
        #[cfg(not(feature = "pg15"))]
        let relations = scan.fs_base_relids;
        let mut tables = Vec::new();
        let mut number = -1;
        loop {
            // SAFETY: NULL or a set of numbers of the same plan.
            number = unsafe { pg_sys::bms_next_member(relations, number) };
            let Ok(known) = pg_sys::Index::try_from(number) else { break };
            // Joins have numbers of their own in 15.
            let is_join = entry(self.statement, known).is_some_and(|entry| entry.rtekind == pg_sys::RTEKind::RTE_JOIN);
            if !is_join {
                tables.push(root_relation(self.statement, known));
            }
        }
        let is_select = scan.operation == pg_sys::CmdType::CMD_SELECT && scan.resultRelation == 0;
        Some(ForeignScan { server: scan.fs_server, tables, sql, is_select })
    }

    /// Whether it is Citus's node that has other servers run a query, and collects what they give.
    pub fn is_of_citus(self) -> bool {
        if self.node.tag() != pg_sys::NodeTag::T_CustomScan {
            return false;
        }
        // SAFETY: by its tag a CustomScan, whose methods are constants of a library with a NUL-terminated name.
        unsafe {
            let scan = self.node.as_pointer().cast::<pg_sys::CustomScan>();
            let methods = (*scan).methods;
            (*scan).custom_plans.is_null()
                && !methods.is_null()
                && !(*methods).CustomName.is_null()
                && CStr::from_ptr((*methods).CustomName) == c"Citus Adaptive"
        }
    }

    /// That node with its tasks as text.
    fn text_of_citus(self) -> Option<String> {
        // SAFETY: a node of a plan, each kind of which has a text form; Citus's own have that of their library.
        if self.is_of_citus() { unsafe { text(pg_sys::nodeToString(self.node.as_pointer().cast())) } } else { None }
    }

    fn scan(self) -> Option<PlanScan<'t>> {
        use pg_sys::NodeTag as T;
        let (index_only, is_ordered_by_operator) = match self.node.tag() {
            T::T_SeqScan | T::T_BitmapHeapScan => (None, false),
            T::T_IndexScan => (None, !self.node.downcast::<pg_sys::IndexScan>()?.indexorderby.is_null()),
            T::T_IndexOnlyScan => {
                let scan = self.node.typed::<pg_sys::IndexOnlyScan>()?;
                (Some(scan), !scan.read().indexorderby.is_null())
            }
            _ => return None,
        };
        // SAFETY: by its tag a scan, each of which begins with a Scan.
        let number = unsafe { (*self.node.as_pointer().cast::<pg_sys::Scan>()).scanrelid };
        Some(PlanScan { node: self, number, index_only, is_ordered_by_operator })
    }
}

impl PlanScan<'_> {
    /// The relation that is read.
    pub fn relation(self) -> Option<pg_sys::Oid> {
        let entry = entry(self.node.statement, self.number)?;
        (entry.rtekind == pg_sys::RTEKind::RTE_RELATION).then_some(entry.relid)
    }

    /// The relation as whose partition or child it is read, itself when it is none.
    pub fn root_relation(self) -> Option<pg_sys::Oid> {
        root_relation(self.node.statement, self.number)
    }

    /// The first `count` conditions that are evaluated on a row, as calls of ours with the names of the columns that are
    /// looked at; `None` for any other condition.
    pub fn first_conditions(self, count: usize) -> Vec<Option<(FenceCall, Vec<String>)>> {
        // SAFETY: the conditions of a node of a plan: NIL or a list of nodes of the same plan.
        let conditions: Vec<QueryNode<'_>> = unsafe { nodes(self.node.plan().qual) };
        conditions
            .into_iter()
            .take(count)
            .map(|condition| {
                let call = fence_call(condition, self.node.entry()?)?;
                let attributes: &[i16] = match &call {
                    FenceCall::Scope(ScopeCall { attribute, .. }) => std::slice::from_ref(attribute),
                    FenceCall::Links(LinkCall { attributes, .. }) => attributes,
                };
                let names = attributes.iter().map(|attribute| self.column_name(*attribute)).collect::<Option<_>>()?;
                Some((call, names))
            })
            .collect()
    }

    /// The name of a column by its number in the conditions.
    fn column_name(self, attribute: i16) -> Option<String> {
        let attribute = match self.index_only {
            None => attribute,
            Some(index) => column_of_index(index, attribute)?,
        };
        // SAFETY: a catalog look-up that gives NULL for a column that is not there.
        unsafe { text(pg_sys::get_attname(self.relation()?, attribute, true)) }
    }
}

type Statement<'t> = Typed<QueryNode<'t>, pg_sys::PlannedStmt>;

/// An entry of the range table.
fn entry(statement: Statement<'_>, number: pg_sys::Index) -> Option<Fields<QueryNode<'_>, pg_sys::RangeTblEntry>> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    statement.read().rtable().get(index)?.downcast()
}

/// The relation as whose partition or child an entry of the range table is there, itself when it is none.
fn root_relation(statement: Statement<'_>, number: pg_sys::Index) -> Option<pg_sys::Oid> {
    let relation = |number| {
        entry(statement, number).filter(|entry| entry.rtekind == pg_sys::RTEKind::RTE_RELATION).map(|entry| entry.relid)
    };
    let links = statement.read().appendRelations();
    let mut number = number;
    // No chain is longer than the list.
    for _ in 0..=links.len() {
        let parent = links
            .iter()
            .filter_map(|link| link.downcast::<pg_sys::AppendRelInfo>())
            .find(|link| link.child_relid == number)
            .map(|link| link.parent_relid)
            // The arms of UNION ALL have a parent that is no relation.
            .filter(|parent| relation(*parent).is_some());
        match parent {
            Some(parent) => number = parent,
            None => return relation(number),
        }
    }
    None
}

/// How often functions are called in a part of a plan, by PostgreSQL's own text of it: no field of any node is left out there. In
/// names and constants it puts a backslash before each space, so that none of them looks like a call.
///
/// # Safety
/// NULL, or a node or list of a whole plan.
unsafe fn calls_in(part: *const std::ffi::c_void, functions: &[pg_sys::Oid]) -> usize {
    // SAFETY: the caller's promise.
    let written = unsafe { written(part) };
    functions.iter().map(|function| written.matches(&format!(":funcid {} ", function.to_u32())).count()).sum()
}

/// The numbers of the parameters that the sub-selects of a plan set and are given, in PostgreSQL's own text of it.
fn numbers_of_sub_selects(plan: &str) -> Vec<&str> {
    let lists = [":setParam (i ", ":parParam (i "].into_iter().flat_map(|field| plan.split(field).skip(1));
    lists.flat_map(|list| list.split(')').next().unwrap_or_default().split_whitespace()).collect()
}

/// PostgreSQL's own text of a part of a plan.
///
/// # Safety
/// NULL, or a node or list of a whole plan.
unsafe fn written(part: *const std::ffi::c_void) -> String {
    // SAFETY: the caller's promise; PostgreSQL makes a text that ends in a zero byte, in the section's memory.
    unsafe { text(pg_sys::nodeToString(part)) }.unwrap_or_default()
}

fn column_of_index(scan: Typed<QueryNode<'_>, pg_sys::IndexOnlyScan>, place: i16) -> Option<i16> {
    let entries = scan.read().indextlist().into_iter();
    entries
        .filter_map(|entry| entry.downcast::<pg_sys::TargetEntry>())
        .find(|entry| entry.resno == place)
        .and_then(|entry| entry.expr()?.downcast::<pg_sys::Var>())
        .map(|column| column.varattno)
}
