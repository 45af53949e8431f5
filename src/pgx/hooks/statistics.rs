//! Lets the planner use the statistics of `numeric` columns and enums while a call runs.
//!
//! Under row-level security PostgreSQL runs an operator over a column's most frequent values, which are those of all tenants, only
//! if the operator is leakproof: a value over which it raises an error would be told. Comparing numbers raises none, and
//! comparing enums none over values that are stored (`trust::conditions`), though they are not marked. What an estimate tells by its
//! size is the same as for columns of types whose comparison is leakproof: administrators are shown it, and `splitplane.max_cost`,
//! which is off by default, tells callers on which side of the limit it is.

use crate::pgx::flags::cache;
use crate::pgx::section::claims;
use crate::pgx::types;
use pgrx::{pg_guard, pg_sys};

static mut PREVIOUS: pg_sys::get_relation_stats_hook_type = None;

/// Takes its place in the planner; called once from `_PG_init`.
pub fn init() {
    // SAFETY: `_PG_init` runs once, in a process with one thread, before the hook is called.
    unsafe {
        PREVIOUS = pg_sys::get_relation_stats_hook;
        pg_sys::get_relation_stats_hook = Some(on_statistics);
    }
}

/// Between PostgreSQL's own functions, so that an ERROR may jump across it.
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_statistics(
    root: *mut pg_sys::PlannerInfo,
    entry: *mut pg_sys::RangeTblEntry,
    attribute: pg_sys::AttrNumber,
    variable: *mut pg_sys::VariableStatData,
) -> bool {
    // SAFETY: the hook chain of PostgreSQL, set in `_PG_init`; the planner's own structures.
    unsafe {
        if let Some(previous) = PREVIOUS
            && previous(root, entry, attribute, variable)
        {
            return true;
        }
        give(root, entry, attribute, variable)
    }
}

/// What `examine_simple_variable` would give, as statistics that any operator may be run over.
#[pg_guard]
unsafe extern "C-unwind" fn give(
    root: *mut pg_sys::PlannerInfo,
    entry: *mut pg_sys::RangeTblEntry,
    attribute: pg_sys::AttrNumber,
    variable: *mut pg_sys::VariableStatData,
) -> bool {
    let cache = const { cache(pg_sys::SysCacheIdentifier::STATRELATTINH) };
    // SAFETY: the planner's own structures; a look-up by the three keys of that cache, whose row the planner lets go.
    unsafe {
        if claims::generation() == 0
            || (*root).qual_security_level == 0
            || (*entry).rtekind != pg_sys::RTEKind::RTE_RELATION
            // A whole row, of which there are no statistics.
            || attribute <= 0
        {
            return false;
        }
        let type_oid = types::base_type(pg_sys::get_atttype((*entry).relid, attribute));
        if type_oid != pg_sys::NUMERICOID && !types::is_enum(type_oid) {
            return false;
        }
        let statistics = pg_sys::SearchSysCache3(
            cache,
            pg_sys::Datum::from((*entry).relid),
            pg_sys::Datum::from(attribute),
            pg_sys::Datum::from((*entry).inh),
        );
        if statistics.is_null() {
            return false;
        }
        (*variable).statsTuple = statistics;
        (*variable).freefunc = Some(release);
        (*variable).acl_ok = true;
        true
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn release(statistics: pg_sys::HeapTuple) {
    // SAFETY: the row that `give` looked up, let go once.
    unsafe { pg_sys::ReleaseSysCache(statistics) };
}
