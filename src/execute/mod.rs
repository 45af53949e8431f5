//! Layer 3's run: the confined section around attach, prove and run, and the settings pinned in it.
//!
//! Requires: a gated text and, to see a row, a principal. Only a `Statement` can be planned, and only `prove` makes one: SQL that was not
//! proved cannot be run because the value does not exist.

use crate::catalog::plane::Plane;
use crate::error::{Refusal, StageResult, State};
use crate::gate::Gated;
use crate::guard::{self, ProofFacts, Proven};
use crate::identity::principal::Principal;
use crate::pgx::ceiling;
use crate::pgx::confine::{self, Confinement, ConfinementPlan};
use crate::pgx::run::{Planned, Sink};
use crate::pgx::values::Parameters;
use crate::pgx::{definers, parse, server, watch};
use crate::plane::{self, Attached, Claims};
use crate::{settings, tripwire};
use pgrx::pg_sys::Oid;
use std::ffi::{CStr, CString};
use std::rc::Rc;

/// Enters the confined section as the reader with the principal's claims, or without any (`None`).
pub fn confined<T>(
    plane: &Plane,
    principal: impl Into<Option<Rc<Principal>>>,
    deadline: i32,
    body: impl for<'c> FnOnce(&'c Confinement<'c>) -> StageResult<T>,
) -> StageResult<T> {
    // Also between two statements of one call.
    tripwire::check()?;
    let plan = ConfinementPlan {
        reader: plane.reader,
        settings: pinned_settings(plane),
        deadline,
        growth: settings::max_memory(),
    };
    confine::confine(&plan, principal, body)
}

/// A statement that was proved to stay in the plane, and what is known of it before it runs.
pub struct Statement<'c> {
    proven: Proven<'c>,
    /// The claims that the fences compare with.
    pub parameters: Parameters,
    /// The plane SQL as text, to show.
    pub shown: String,
    /// (name, type) of each result column.
    pub columns: Vec<(String, Oid)>,
    /// What was proved.
    pub facts: ProofFacts,
}

/// Attaches the fences to a gated text, has PostgreSQL analyse it, and proves the tree. `wanted` are the (type, modifier)
/// pairs that the result columns are converted to first; `done` is told of each stage.
pub fn prove<'c>(
    confinement: &'c Confinement<'c>,
    gated: &Gated,
    plane: &Plane,
    claims: Claims<'_>,
    wanted: Option<&[(Oid, i32)]>,
    mut done: impl FnMut(&'static str),
) -> StageResult<Statement<'c>> {
    let Attached { grafted, fences, parameters, shown } = plane::attach(confinement, gated, plane, claims)?;
    done("attach");
    let analysed = parse::analyse(grafted, &parameters)?;
    if let Some(columns) = wanted {
        analysed.coerce_columns(columns)?;
    }
    let columns = analysed.query().columns();
    let proven = guard::prove(analysed, fences, plane)?;
    let facts = proven.facts().clone();
    done("prove");
    Ok(Statement { proven, parameters, shown, columns, facts })
}

impl<'c> Statement<'c> {
    /// Plans it; over `splitplane.max_cost` it is refused.
    pub fn plan(self, plane: &Plane) -> StageResult<Planned<'c>> {
        let planned = self.proven.plan(&self.parameters, plane)?;
        match settings::max_cost() {
            Some(limit) if planned.cost() > limit => Err(Refusal::new(
                State::Limit,
                "the statement's estimated cost is over splitplane.max_cost; narrow it down",
            )),
            _ => Ok(planned),
        }
    }
}

/// Runs a planned statement into `sink`.
pub fn run(planned: Planned<'_>, sink: &mut Sink) -> StageResult<()> {
    planned.execute(sink)
}

/// Settings that give text its meaning, or widen what a statement may use. The caller's own values are not trusted.
fn pinned_settings(plane: &Plane) -> Vec<(&'static CStr, CString)> {
    const FIXED: [(&CStr, &CStr); 24] = [
        // First: nothing below may send the client a notice.
        (c"client_min_messages", c"error"),
        (c"search_path", c"pg_catalog, pg_temp"),
        (c"row_security", c"on"),
        (c"standard_conforming_strings", c"on"),
        (c"escape_string_warning", c"off"),
        (c"backslash_quote", c"safe_encoding"),
        (c"transform_null_equals", c"off"),
        (c"array_nulls", c"on"),
        (c"DateStyle", c"ISO, MDY"),
        (c"IntervalStyle", c"postgres"),
        (c"extra_float_digits", c"1"),
        (c"bytea_output", c"hex"),
        (c"xmlbinary", c"base64"),
        (c"xmloption", c"content"),
        (c"debug_print_parse", c"off"),
        (c"debug_print_rewritten", c"off"),
        (c"debug_print_plan", c"off"),
        (c"lc_messages", c"C"),
        (c"lc_monetary", c"C"),
        (c"lc_numeric", c"C"),
        (c"lc_time", c"C"),
        (c"session_replication_role", c"origin"),
        (c"jit", c"off"),
        // Statement statistics would normalise the text by positions that the grafted tree does not have.
        (c"compute_query_id", c"off"),
    ];
    const FROM_SERVER: [&CStr; 5] = [
        c"work_mem",
        c"hash_mem_multiplier",
        c"max_parallel_workers_per_gather",
        c"parallel_leader_participation",
        c"default_text_search_config",
    ];
    let mut pinned: Vec<(&CStr, CString)> = FIXED.iter().map(|(name, value)| (*name, CString::from(*value))).collect();
    pinned.extend(FROM_SERVER.iter().filter_map(|name| server::reset_value(name).map(|value| (*name, value))));
    pinned.push((c"TimeZone", CString::new(settings::time_zone()).unwrap_or_default()));
    let worker_memory = (settings::max_memory() / 1_024).saturating_mul(2).min(i32::MAX as usize);
    pinned.push((ceiling::WORKER_SETTING, CString::new(worker_memory.to_string()).unwrap_or_default()));
    pinned.push((c"temp_file_limit", CString::new(settings::max_temp_files().to_string()).unwrap_or_default()));
    pinned
        .push((definers::SETTING, definers::admitted(plane.reader, plane.allowed.iter().map(|function| function.oid))));
    pinned.push((watch::SETTING, CString::new(plane.tripwires.as_str()).unwrap_or_default()));
    pinned
}
