//! Layer 3's run: the confined section around attach, prove and run, and the settings pinned in it.
//!
//! Requires: a gated text and, to see a row, a principal. Only a `Statement` can be planned, and only `prove` makes one: SQL that was not
//! proved cannot be run because the value does not exist.

mod pinned;

use crate::ablation::{self, Switch};
use crate::attach::{self, Attached, Claims};
use crate::catalog::plane::Plane;
use crate::error::{Refusal, StageResult, State};
use crate::gate::Gated;
use crate::identity::principal::Principal;
use crate::pgx::parse;
use crate::pgx::plan::{Planned, Sink};
use crate::pgx::section::confine::{self, Confinement, ConfinementPlan};
use crate::pgx::server;
use crate::pgx::values::Parameters;
use crate::prove::{self, ProofFacts, Proven};
use crate::{settings, tripwire};
use pgrx::pg_sys::Oid;
use std::rc::Rc;

#[cfg(feature = "pg_test")]
pub(crate) use pinned::FIXED;
pub(crate) use pinned::FROM_SERVER;

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
        reader: if ablation::is_off(Switch::Role) { server::current_user() } else { plane.reader },
        settings: pinned::settings(plane),
        deadline,
        growth: settings::max_memory(),
    };
    confine::confine(&plan, principal, body).map_err(|refusal| plane.types.in_refusal(refusal))
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
    let Attached { grafted, fences, parameters, shown } = attach::attach(confinement, gated, plane, claims)?;
    done("attach");
    let analysed = parse::analyse(grafted, &parameters)?;
    if let Some(columns) = wanted {
        analysed.coerce_columns(columns)?;
    }
    let columns = analysed.query().columns();
    let proven = prove::prove(analysed, fences, plane)?;
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
