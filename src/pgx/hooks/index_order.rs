//! Keeps the planner from index scans that are ordered by a distance operator, while a call runs.
//!
//! Such a scan computes the operator on index entries of every tenant before row-level security sees a row: an operator
//! that can raise an error reveals hidden rows, and an approximate index gives fewer rows than were asked for, depending
//! on them. Where any relation of a query has security conditions, its indexes are shown to the planner without the
//! ability; it sorts instead.

use crate::pgx::section::claims;
use pgrx::{PgList, pg_guard, pg_sys};

#[cfg(not(feature = "pg19"))]
use pg_sys::{get_relation_info_hook as hook, get_relation_info_hook_type as Hook};

#[cfg(feature = "pg19")]
use pg_sys::{build_simple_rel_hook as hook, build_simple_rel_hook_type as Hook};

static mut PREVIOUS: Hook = None;

/// Takes its place in the planner; called once from `_PG_init`.
pub fn init() {
    // SAFETY: `_PG_init` runs once, in a process with one thread, before the hook is called.
    unsafe {
        PREVIOUS = hook;
        hook = Some(on_relation);
    }
}

/// Between PostgreSQL's own functions, so that an ERROR may jump across it.
#[cfg(not(feature = "pg19"))]
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_relation(
    root: *mut pg_sys::PlannerInfo,
    relation: pg_sys::Oid,
    is_parent: bool,
    rel: *mut pg_sys::RelOptInfo,
) {
    // SAFETY: the hook chain of PostgreSQL, set in `_PG_init`; the planner's own structures.
    unsafe {
        if let Some(previous) = PREVIOUS {
            previous(root, relation, is_parent, rel);
        }
        hide_order(root, rel);
    }
}

/// The same in 19, which calls it for whatever stands in FROM; what is no table has no indexes.
#[cfg(feature = "pg19")]
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_relation(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    entry: *mut pg_sys::RangeTblEntry,
) {
    // SAFETY: the hook chain of PostgreSQL, set in `_PG_init`; the planner's own structures.
    unsafe {
        if let Some(previous) = PREVIOUS {
            previous(root, rel, entry);
        }
        hide_order(root, rel);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn hide_order(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo) {
    // SAFETY: the planner's own structures.
    unsafe {
        if claims::generation() == 0 || (*root).qual_security_level == 0 {
            return;
        }
        for index in PgList::<pg_sys::IndexOptInfo>::from_pg((*rel).indexlist).iter_ptr() {
            (*index).amcanorderbyop = false;
        }
    }
}
