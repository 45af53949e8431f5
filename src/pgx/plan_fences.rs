//! Fences that a finished plan need not ask of each row. What a plan gives is the same without them.

use super::functions::in_scope;
use super::node::{TreeNode, nodes};
use super::order;
use super::plan_tree::{PlanNode, WholePlan};
use super::query::{FenceCall, QueryNode, column_of, fence_call};
use super::types;
use crate::error::StageResult;
use pgrx::pg_sys;

/// A search of an index for one value of a column: every row that the scan gives has it.
struct Searched {
    /// Attribute number of the column, as the scan's own conditions have it.
    attribute: i16,
    type_oid: pg_sys::Oid,
    value: pg_sys::Datum,
}

impl<'t> WholePlan<'t> {
    /// Takes out of each node's conditions every OR of which one part is a fence that stands beside it: it keeps what the fence keeps.
    ///
    /// # Safety
    /// Nothing else reads the plan meanwhile.
    pub(super) unsafe fn drop_implied(self, is_fence: &dyn Fn(QueryNode<'t>) -> bool) -> StageResult<()> {
        self.visit(&mut |node| {
            // SAFETY: the conditions of a node of a plan: NIL or a list of nodes of the same plan.
            let conditions: Vec<QueryNode<'t>> = unsafe { nodes(node.plan().qual) };
            let fences: Vec<QueryNode<'t>> =
                conditions.iter().copied().filter(|condition| is_fence(*condition)).collect();
            let is_implied = |condition: &QueryNode<'t>| {
                condition.downcast::<pg_sys::BoolExpr>().is_some_and(|either| {
                    let parts = either.args();
                    either.boolop == pg_sys::BoolExprType::OR_EXPR
                        && parts.iter().any(|part| fences.iter().any(|fence| fence.equals(*part)))
                })
            };
            // SAFETY: the caller's promise.
            unsafe { drop_conditions(node, conditions.iter().filter(|condition| is_implied(condition))) };
            Ok(())
        })
    }

    /// Takes the fence of a scope out of each scan by an index that is searched for one value of the fence's column, where the fence
    /// holds for that value: it is asked once instead of for each row. `fence` is the function. The plan is used once, in the call whose
    /// claims the fence was asked about, and rows that an index search gives have the value that was searched for. `is_ablated`: takes it
    /// out of every scan, for a build for tests.
    ///
    /// # Safety
    /// Nothing else reads the plan meanwhile.
    pub(super) unsafe fn drop_searched(self, fence: pg_sys::Oid, is_ablated: bool) -> StageResult<()> {
        self.visit(&mut |node| {
            let searches = searches(node);
            let Some((entry, searches)) = (if is_ablated { node.entry().zip(Some(Vec::new())) } else { searches })
            else {
                return Ok(());
            };
            // SAFETY: the conditions of a node of a plan: NIL or a list of nodes of the same plan.
            let conditions: Vec<QueryNode<'t>> = unsafe { nodes(node.plan().qual) };
            let is_held = |condition: &QueryNode<'t>| {
                let Some(FenceCall::Scope(call)) = fence_call(*condition, entry) else { return false };
                let is_plain = call.function == fence && !call.or_null;
                let is_searched = searches.iter().filter(|search| search.attribute == call.attribute).any(|search| {
                    // SAFETY: a constant of that type, not NULL.
                    unsafe { in_scope::is_true_of(search.value, search.type_oid, &call.claim) }
                });
                is_plain && (is_ablated || is_searched)
            };
            // SAFETY: the caller's promise.
            unsafe { drop_conditions(node, conditions.iter().filter(|condition| is_held(condition))) };
            Ok(())
        })
    }
}

/// Takes some of a node's own conditions away.
///
/// # Safety
/// Nothing else reads the plan meanwhile, and they are members of its list of conditions.
unsafe fn drop_conditions<'a, 't: 'a>(node: PlanNode<'t>, conditions: impl Iterator<Item = &'a QueryNode<'t>>) {
    let plan = node.as_pointer().cast::<pg_sys::Plan>();
    for condition in conditions {
        // SAFETY: the caller's promise.
        unsafe { (*plan).qual = pg_sys::list_delete_ptr((*plan).qual, condition.as_pointer().cast()) };
    }
}

/// What a scan by an index is searched for, with the range table entry that its conditions name columns of. Each of the conditions holds
/// for every row: an index that may give others has them looked at again.
fn searches(node: PlanNode<'_>) -> Option<(i32, Vec<Searched>)> {
    let (scan, entry) = (node.node(), node.entry()?);
    let index = scan.downcast::<pg_sys::IndexScan>().map(|scan| scan.indexqualorig);
    let index_only = || scan.downcast::<pg_sys::IndexOnlyScan>().map(|scan| scan.indexqual);
    let bitmap = || scan.downcast::<pg_sys::BitmapHeapScan>().map(|scan| scan.bitmapqualorig);
    let conditions = index.or_else(index_only).or_else(bitmap)?;
    // SAFETY: NIL or a list of nodes of the same plan.
    let conditions: Vec<QueryNode<'_>> = unsafe { nodes(conditions) };
    Some((entry, conditions.into_iter().filter_map(|condition| searched(condition, entry)).collect()))
}

/// `column = constant` by the equality of the column's type, of values that are equal where the fence takes them for the same.
fn searched(condition: QueryNode<'_>, entry: i32) -> Option<Searched> {
    let comparison = condition.downcast::<pg_sys::OpExpr>()?;
    let arguments = comparison.args();
    let [column, value] = arguments.as_slice() else { return None };
    let attribute = column_of(*column, entry)?;
    let (column, value) = (column.downcast::<pg_sys::Var>()?, value.downcast::<pg_sys::Const>()?);
    let is_equality = types::equality_operator(column.vartype) == Some(comparison.opno);
    // An index whose order is the operating system's may be out of order after an update of it, and a search give what it should not.
    let is_stable = comparison.inputcollid == pg_sys::InvalidOid || order::is_c(comparison.inputcollid);
    (is_equality && is_stable && value.consttype == column.vartype && !value.constisnull).then_some(Searched {
        attribute,
        type_oid: column.vartype,
        value: value.constvalue,
    })
}
