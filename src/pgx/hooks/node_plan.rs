//! What the reader's plans may not do on a node of a cluster, and need not.
//!
//! The coordinator's proof of the plan sees one node of Citus's and nothing below: the nodes plan their parts by themselves, with
//! the fences that node_fence.rs adds. Where PostgreSQL runs something of a statement over rows before their fence is looked at,
//! the part is refused here.

use crate::error::{Refusal, StageResult};
use crate::pgx::node::TreeNode;
use crate::pgx::pg_try::raise;
use crate::pgx::plan_tree::{PlanKind, WholePlan};
use crate::pgx::query::QueryNode;
use crate::pgx::{routines, server};
use pgrx::{pg_guard, pg_sys};

/// Refuses such a plan of the reader's, before it is started. For nodes.
#[pg_guard]
pub(super) unsafe extern "C-unwind" fn check(statement: *mut pg_sys::PlannedStmt) {
    if server::role(c"splitplane_reader") != Some(server::current_user()) {
        return;
    }
    // SAFETY: the plan that the executor is given.
    let Some(plan) = (unsafe { WholePlan::from_pointer(statement) }) else { return };
    // SAFETY: it is not started yet.
    let checked = is_fit(plan).and_then(|()| unsafe { plan.drop_implied(&is_scope) });
    if let Err(refusal) = checked {
        raise(refusal);
    }
}

/// Whether it is the fence of a scope. Citus makes the policy that restricts one more that permits, so that it stands in an OR as well,
/// and would be asked twice for each row.
fn is_scope(condition: QueryNode<'_>) -> bool {
    let call = condition.downcast::<pg_sys::FuncExpr>();
    call.is_some_and(|call| routines::is_named(call.funcid, c"splitplane", c"in_scope"))
}

/// No index computes an order over rows that the fence hides, and none is searched or not by rows of anyone's.
fn is_fit(plan: WholePlan<'_>) -> StageResult<()> {
    if plan.searches_by_sub_select()? {
        return Err(Refusal::construct("a sub-select that an index search waits for"));
    }
    plan.visit(&mut |node| match node.kind() {
        PlanKind::Scan(scan) if scan.is_ordered_by_operator => {
            Err(Refusal::construct("an order that an index computes over a table of a cluster"))
        }
        _ => Ok(()),
    })
}
