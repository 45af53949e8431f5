//! What the reader's plans may not do on a node of a cluster.
//!
//! The coordinator's proof of the plan sees one node of Citus's and nothing below: the nodes plan their parts by themselves, with
//! the fences that node_fence.rs adds. Where PostgreSQL runs something of a statement over rows before their fence is looked at,
//! the part is refused here.

use crate::error::{Refusal, StageResult};
use crate::pgx::pg_try::raise;
use crate::pgx::plan_tree::{PlanKind, WholePlan};
use crate::pgx::server;
use pgrx::{pg_guard, pg_sys};

/// Refuses such a plan of the reader's, before it is started. For nodes.
#[pg_guard]
pub(super) unsafe extern "C-unwind" fn check(statement: *mut pg_sys::PlannedStmt) {
    if server::role(c"splitplane_reader") != Some(server::current_user()) {
        return;
    }
    // SAFETY: the plan that the executor is given.
    let Some(plan) = (unsafe { WholePlan::from_pointer(statement) }) else { return };
    if let Err(refusal) = is_fit(plan) {
        raise(refusal);
    }
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
