//! Layer 3 in one: the confined section with the settings pinned in it, and the pipeline that runs there.

mod claimed;
mod counted;
mod gated;
mod limits;
mod parents;
mod pinned;
mod pipeline;
pub mod probe;
mod proved;
mod spelling;
mod statement;
pub mod views;

use crate::ablation::{self, Switch};
use crate::catalog::cluster_keys;
use crate::catalog::plane::Plane;
use crate::error::{Refusal, StageResult, State};
use crate::identity::principal::Principal;
use crate::pgx::section::confine::{self, Confinement, ConfinementPlan};
use crate::pgx::section::pin::Setting;
use crate::pgx::section::travel::Travel;
use crate::pgx::server;
use crate::{settings, tripwire};
use std::rc::Rc;

#[cfg(feature = "pg_test")]
pub(crate) use gated::admit as admit_known;
#[cfg(feature = "pg_test")]
pub(crate) use pinned::FIXED;
pub(crate) use pinned::FROM_SERVER;
#[cfg(feature = "pg_test")]
pub(crate) use pipeline::prove;
pub use pipeline::{Statement, Subject, run};
pub use statement::with_statement;

/// Enters the confined section as the reader with the principal's claims, or without any (`None`).
pub fn confined<T>(
    plane: &Plane,
    principal: impl Into<Option<Rc<Principal>>>,
    deadline: i32,
    body: impl for<'c> FnOnce(&'c Confinement<'c>) -> StageResult<T>,
) -> StageResult<T> {
    confined_with(plane, principal, deadline, |confinement, _| body(confinement))
}

/// The same, with the settings that are pinned.
fn confined_with<T>(
    plane: &Plane,
    principal: impl Into<Option<Rc<Principal>>>,
    deadline: i32,
    body: impl for<'c> FnOnce(&'c Confinement<'c>, &[Setting]) -> StageResult<T>,
) -> StageResult<T> {
    // Also between two statements of one call.
    tripwire::check()?;
    let plan = ConfinementPlan {
        reader: if ablation::is_off(Switch::Role) { server::current_user() } else { plane.reader },
        settings: pinned::settings(plane),
        deadline,
        growth: settings::max_memory(),
        allowed: plane.allowed.iter().map(|function| function.oid).collect(),
        travel: travel(plane)?,
    };
    confine::confine(&plan, principal, |confinement| body(confinement, &plan.settings))
        .map_err(|refusal| spelling::as_shown(plane, refusal))
}

/// What takes a call to the other servers of a cluster, where these keep rows of the plane.
fn travel(plane: &Plane) -> StageResult<Option<Travel>> {
    if !plane.is_on_nodes {
        return Ok(None);
    }
    let keys = cluster_keys::usable().ok_or_else(|| {
        Refusal::new(State::Unsafe, "other servers keep rows of the plane, and this one has no key of their cluster")
            .with_detail("splitplane.cluster_key_file")
    })?;
    Ok(Some(Travel { keys }))
}
