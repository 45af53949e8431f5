//! Conditions of a plan that PostgreSQL may evaluate only behind row-level security, as text.

use super::node::{TreeNode, nodes, text};
use super::plan::Planned;
use super::plan_tree::{PlanKind, PlanNode, PlanScan};
use super::query::QueryNode;
use crate::error::StageResult;
use pgrx::pg_sys;

/// A condition that no index may be searched by and no statistics read for.
pub struct LateCondition {
    /// The table that it is asked of.
    pub relation: pg_sys::Oid,
    /// As EXPLAIN writes it.
    pub text: String,
}

impl<'c> Planned<'c> {
    /// The conditions on tables that are not leakproof to PostgreSQL, in the plan's order. `is_known` tells functions of ours: what one
    /// of them is around, or compares the same column beside, has given its index.
    pub fn late_conditions(&self, is_known: &dyn Fn(pg_sys::Oid) -> bool) -> StageResult<Vec<LateCondition>> {
        let statement = self.statement();
        // SAFETY: a whole plan, and names for each entry of its range table.
        let names = unsafe {
            let plan = statement.as_pointer();
            let every = pg_sys::bms_add_range(std::ptr::null_mut(), 1, pg_sys::list_length((*plan).rtable));
            let names = pg_sys::select_rtable_names_for_explain((*plan).rtable, every);
            pg_sys::deparse_context_for_plan_tree(plan, names)
        };
        let mut found = Vec::new();
        self.visit(&mut |node| {
            if let PlanKind::Scan(scan) = node.kind() {
                found.extend(late_conditions_of(node, scan, names, is_known));
            }
            Ok(())
        })?;
        Ok(found)
    }
}

fn late_conditions_of(
    node: PlanNode<'_>,
    scan: PlanScan<'_>,
    names: *mut pg_sys::List,
    is_known: &dyn Fn(pg_sys::Oid) -> bool,
) -> Vec<LateCondition> {
    let Some(relation) = scan.root_relation() else { return Vec::new() };
    // SAFETY: the conditions of a node of a plan: NIL or a list of nodes of the same plan.
    let conditions: Vec<QueryNode<'_>> = unsafe { nodes(node.plan().qual) };
    let mut compared = Vec::new();
    conditions.iter().for_each(|condition| collect_compared(*condition, is_known, &mut compared));
    let is_late = |condition: &QueryNode<'_>| {
        // SAFETY: an expression of a whole plan.
        let is_leaky = unsafe { pg_sys::contain_leaked_vars(condition.as_pointer()) };
        let is_given = compared.iter().any(|column| condition.any_child(&mut |child| child.equals(*column)));
        is_leaky && !is_given && !condition.functions().into_iter().any(is_known)
    };
    let late = conditions.into_iter().filter(is_late);
    // SAFETY: a context for this plan, one of its nodes, and an expression of that node; PostgreSQL makes a text.
    late.filter_map(|condition| unsafe {
        let place = node.as_pointer().cast::<pg_sys::Plan>();
        let context = pg_sys::set_deparse_context_plan(names, place, std::ptr::null_mut());
        let text = text(pg_sys::deparse_expression(condition.as_pointer(), context, false, false))?;
        Some(LateCondition { relation, text })
    })
    .collect()
}

/// The columns that functions of ours compare.
fn collect_compared<'t>(
    condition: QueryNode<'t>,
    is_known: &dyn Fn(pg_sys::Oid) -> bool,
    found: &mut Vec<QueryNode<'t>>,
) {
    if let Some(call) = condition.downcast::<pg_sys::FuncExpr>().filter(|call| is_known(call.funcid)) {
        found.extend(call.args().first().filter(|argument| argument.tag() != pg_sys::NodeTag::T_Const));
    } else if let Some(several) = condition.downcast::<pg_sys::BoolExpr>() {
        several.args().into_iter().for_each(|one| collect_compared(one, is_known, found));
    }
}
