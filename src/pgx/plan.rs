//! Planning and running the proved tree, once, in the confined section.
//!
//! There is no cached plan: analysis took the locks, the section holds them to its end, and the plan is used once, so
//! nothing can be re-planned after the proof and no plan is shared across roles.

use super::flags::c_int;
use super::foreign::RemoteTable;
use super::functions::in_scope;
use super::node::{TreeNode, Typed};
use super::parameters::Parameters;
use super::parse::Rewritten;
use super::query::{QueryNode, QueryView};
use super::section::key_sets;
use super::section::pin::Pinned;
use super::sink::{Receiver, Sink};
use crate::error::{Refusal, StageResult};
use pgrx::pg_sys;
use std::ffi::CStr;
use std::rc::Rc;

/// A plan that is run at most once.
pub struct Planned<'c> {
    statement: Typed<QueryNode<'c>, pg_sys::PlannedStmt>,
    source: *const std::ffi::c_char,
    parameters: pg_sys::ParamListInfo,
    /// The tables of data servers that its statement names.
    remote_tables: Vec<Rc<RemoteTable>>,
    /// The function of fences that need not be asked of each row where an index is searched for one value.
    fence: Option<(pg_sys::Oid, bool)>,
    section: std::marker::PhantomData<&'c ()>,
}

/// Plans the rewritten query with the parameters as constants; once more without bitmap scans where the plan is not `fit`.
pub fn plan<'c>(
    rewritten: Rewritten<'c>,
    parameters: &Parameters<'c>,
    fit: &dyn Fn(&Planned<'c>) -> bool,
) -> StageResult<Planned<'c>> {
    let source = rewritten.text().as_pointer();
    let bound = parameters.bound()?;
    // The planner changes the tree that it is given.
    let copy = rewritten.query().holds_sub_select().then(|| rewritten.query().copy()).flatten();
    let planned = planned(rewritten.query(), source, bound)?;
    match copy {
        Some(copy) if !fit(&planned) => {
            let _pinned = Pinned::all(&[(c"enable_bitmapscan", c"off")]);
            self::planned(copy, source, bound)
        }
        _ => Ok(planned),
    }
}

fn planned<'c>(
    query: QueryView<'c>,
    source: *const std::ffi::c_char,
    bound: pg_sys::ParamListInfo,
) -> StageResult<Planned<'c>> {
    let options = const { c_int(pg_sys::CURSOR_OPT_PARALLEL_OK) };
    // SAFETY: a rewritten query, its text and its parameters, all of the section.
    #[cfg(not(feature = "pg19"))]
    let statement = unsafe { pg_sys::pg_plan_query(query.as_pointer(), source, options, bound) };
    // SAFETY: the same.
    #[cfg(feature = "pg19")]
    let statement = unsafe { pg_sys::pg_plan_query(query.as_pointer(), source, options, bound, std::ptr::null_mut()) };
    // SAFETY: NULL or what the planner just made, in the section's memory.
    let statement = unsafe { QueryNode::from_pointer(statement.cast()) }.and_then(TreeNode::typed);
    let statement = statement.ok_or_else(|| Refusal::proof("planning produced no plan"))?;
    Ok(Planned {
        statement,
        source,
        parameters: bound,
        remote_tables: Vec::new(),
        fence: None,
        section: std::marker::PhantomData,
    })
}

impl<'c> Planned<'c> {
    pub(super) fn statement(&self) -> Typed<QueryNode<'c>, pg_sys::PlannedStmt> {
        self.statement
    }

    /// The planner's estimate, in its own units.
    pub fn cost(&self) -> f64 {
        // SAFETY: a plan just made by the planner.
        unsafe { (*self.statement.read().planTree).total_cost }
    }

    /// EXPLAIN's text. For administrators only: estimates depend on every tenant's rows.
    pub fn explain(&self) -> String {
        // It is no run that counts.
        let _uncounted = Pinned::all(&[(c"pg_stat_statements.track", c"none")]);
        // SAFETY: EXPLAIN_ONLY starts the executor without running anything; all of it is freed with the section.
        unsafe {
            let state = pg_sys::NewExplainState();
            (*state).costs = true;
            (*state).verbose = false;
            let description = pg_sys::CreateQueryDesc(
                self.statement.as_pointer(),
                self.source,
                pg_sys::GetActiveSnapshot(),
                std::ptr::null_mut(),
                pg_sys::None_Receiver,
                self.parameters,
                std::ptr::null_mut(),
                0,
            );
            pg_sys::ExecutorStart(description, const { c_int(pg_sys::EXEC_FLAG_EXPLAIN_ONLY) });
            pg_sys::ExplainBeginOutput(state);
            pg_sys::ExplainPrintPlan(state, description);
            pg_sys::ExplainEndOutput(state);
            pg_sys::ExecutorEnd(description);
            pg_sys::FreeQueryDesc(description);
            let text = (*(*state).str_).data;
            CStr::from_ptr(text).to_string_lossy().trim_end().to_owned()
        }
    }

    /// The same plan of a statement over these tables of data servers.
    pub fn over(self, remote_tables: Vec<Rc<RemoteTable>>) -> Self {
        Planned { remote_tables, ..self }
    }

    /// The same plan, whose fences by that function are asked once where an index is searched for one value of their column. EXPLAIN
    /// shows it as it was proved. `is_ablated`: they are asked of no row, in a build for tests.
    pub fn fenced_by(self, fence: pg_sys::Oid, is_ablated: bool) -> Self {
        Planned { fence: Some((fence, is_ablated)), ..self }
    }

    /// The tables of data servers that its statement names.
    pub fn remote_tables(&self) -> &[Rc<RemoteTable>] {
        &self.remote_tables
    }

    /// Runs the plan into `sink`, which may stop it early.
    pub fn execute(self, sink: &mut Sink<'_, '_>) -> StageResult<()> {
        self.ask_once()?;
        let most = sink.most_rows();
        let mut receiver = Receiver::new(sink);
        // SAFETY: the receiver outlives the run on this stack.
        unsafe { self.execute_into((&raw mut receiver).cast::<pg_sys::DestReceiver>(), most) };
        Ok(())
    }

    /// Before it is started.
    pub(crate) fn ask_once(&self) -> StageResult<()> {
        let fence = self.fence.filter(|_| !in_scope::is_asked_of_each());
        // SAFETY: the plan of the section, which is not started yet.
        fence.map_or(Ok(()), |(fence, is_ablated)| unsafe { self.whole().drop_searched(fence, is_ablated) })
    }

    /// Runs the plan into a receiver, which may stop it early, and takes no more than `most` rows, if that is known.
    ///
    /// # Safety
    /// The receiver lives until this returns.
    pub(super) unsafe fn execute_into(self, receiver: *mut pg_sys::DestReceiver, most: Option<i64>) {
        if self.statement.read().parallelModeNeeded {
            key_sets::share();
        }
        // SAFETY: a plan, its text and parameters of the section; the caller's promise.
        unsafe {
            let description = pg_sys::CreateQueryDesc(
                self.statement.as_pointer(),
                self.source,
                pg_sys::GetActiveSnapshot(),
                std::ptr::null_mut(),
                receiver,
                self.parameters,
                std::ptr::null_mut(),
                0,
            );
            pg_sys::ExecutorStart(description, 0);
            // A sort that is at the top then keeps so many rows alone, as below a LIMIT; the plan stays what was proved.
            if let Some(most) = most {
                pg_sys::ExecSetTupleBound(most, (*description).planstate);
            }
            // No row count: a count would forbid parallel workers. The receiver stops the run instead.
            run_forward(description);
            pg_sys::ExecutorFinish(description);
            pg_sys::ExecutorEnd(description);
            pg_sys::FreeQueryDesc(description);
        }
    }
}

#[cfg(any(feature = "pg15", feature = "pg16", feature = "pg17"))]
unsafe fn run_forward(description: *mut pg_sys::QueryDesc) {
    // SAFETY: a started query; run exactly once.
    unsafe { pg_sys::ExecutorRun(description, pg_sys::ScanDirection::ForwardScanDirection, 0, true) };
}

#[cfg(any(feature = "pg18", feature = "pg19"))]
unsafe fn run_forward(description: *mut pg_sys::QueryDesc) {
    // SAFETY: a started query; run exactly once.
    unsafe { pg_sys::ExecutorRun(description, pg_sys::ScanDirection::ForwardScanDirection, 0) };
}
