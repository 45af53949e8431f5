//! The claims of the call that is running.
//!
//! Set only by `confine`, for a verified principal or for none, and cleared on every exit. No SQL can set, reset or show
//! them except the policies on plane relations, through `splitplane.in_scope()` and `splitplane.claim()`. A backend
//! has its own in its memory; a parallel worker reads its leader's from shared memory (claims_slots.rs); a node of a cluster has
//! those of a call that another of its servers runs from a token (token.rs).

use super::{claim_text, key_sets, token};
use crate::error::{Refusal, StageResult};
use crate::identity::principal::{Claim, Principal};
use crate::key_set::KeySet;
use crate::pgx::functions::interface::exported;
use crate::pgx::shmem::claims_slots;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Whose claims the running call holds.
enum Held {
    /// A verified principal's.
    Of(Rc<Principal>),
    /// No principal's: the policies hide every row of a tenant.
    Nobody,
    /// Those of a parallel worker's leader.
    OfLeader(BTreeMap<String, Claim>),
}

thread_local! {
    static ACTIVE: RefCell<Option<Held>> = const { RefCell::new(None) };
    /// Which call the claims are of: no two calls of one backend have the same number, and 0 is none.
    static GENERATION: Cell<u64> = const { Cell::new(0) };
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// Holds the claims for as long as it lives.
pub struct ClaimsGuard {
    /// Whether parallel workers find them.
    pub reach_workers: bool,
}

impl ClaimsGuard {
    /// Makes the principal's claims visible to the policies, or none at all; `None` when a call is running already.
    pub fn hold(principal: Option<Rc<Principal>>) -> Option<Self> {
        ACTIVE.with(|active| {
            let mut slot = active.try_borrow_mut().ok()?;
            if slot.is_some() {
                return None;
            }
            let reach_workers = principal
                .as_ref()
                .is_none_or(|principal| claims_slots::write(claim_text::encoded(principal).as_bytes()));
            *slot = Some(principal.map_or(Held::Nobody, Held::Of));
            let call = CALLS.get().saturating_add(1);
            CALLS.set(call);
            GENERATION.set(call);
            Some(ClaimsGuard { reach_workers })
        })
    }
}

impl Drop for ClaimsGuard {
    fn drop(&mut self) {
        clear();
    }
}

/// Holds the keys of one link for as long as the claims. `share`: the part of the rows that has one of them, as an estimate.
///
/// # Errors
/// Outside a call: there is nobody whose they would be.
pub fn hold_keys(link: i32, keys: KeySet, share: f64) -> StageResult<()> {
    if generation() == 0 {
        return Err(Refusal::proof("keys are collected outside a call"));
    }
    key_sets::hold(link, keys, share)
}

/// Forgets the claims. Also called when a transaction ends, in case a guard was skipped by a defect.
pub fn clear() {
    claims_slots::clear();
    key_sets::clear();
    ACTIVE.with(|active| {
        if let Ok(mut slot) = active.try_borrow_mut() {
            *slot = None;
        }
    });
    GENERATION.set(0);
}

/// The number of the call that runs, 0 when none does. In a parallel worker the first question reads the leader's claims; where no
/// call of this server runs, one of the cluster may by its token.
pub fn generation() -> u64 {
    let known = GENERATION.get();
    if known != 0 {
        return known;
    }
    if claims_slots::is_worker()
        && let Some(claims) = claims_slots::read_leader().and_then(|text| claim_text::decoded(&text))
    {
        ACTIVE.with(|active| {
            if let Ok(mut slot) = active.try_borrow_mut() {
                *slot = Some(Held::OfLeader(claims));
                GENERATION.set(1);
            }
        });
        return GENERATION.get();
    }
    token::generation()
}

/// A claim of the call that runs; `None` outside one, and for a claim that its principal does not have.
pub fn named(name: &str) -> Option<Claim> {
    if generation() == 0 {
        return None;
    }
    ACTIVE.with(|active| {
        let slot = active.try_borrow().ok()?;
        match slot.as_ref() {
            Some(Held::Of(principal)) => principal.claim(name),
            Some(Held::OfLeader(claims)) => claims.get(name).cloned(),
            Some(Held::Nobody) => None,
            None => token::named(name),
        }
    })
}

/// The claims of this session's own call as text, for the nodes of its cluster; `None` where it is nobody's.
pub(super) fn text() -> Option<String> {
    ACTIVE.with(|active| match active.try_borrow().ok()?.as_ref()? {
        Held::Of(principal) => Some(claim_text::encoded(principal)),
        Held::Nobody | Held::OfLeader(_) => None,
    })
}

/// Whose call is running, for the server log.
pub fn holder() -> Option<String> {
    claim("tenant")
}

exported!(claim = claim_wrapper);

/// One scalar claim of the running call; NULL outside a call, so that the policies then hide every row of a tenant.
#[pg_extern(sql = false, stable, parallel_safe)]
fn claim(name: &str) -> Option<String> {
    match named(name)? {
        Claim::Scalar(value) => Some(value),
        Claim::List(_) => None,
    }
}

exported!(claim_list = claim_list_wrapper);

/// One claim of the running call as a list; a scalar is a list of one. NULL outside a call.
#[pg_extern(sql = false, stable, parallel_safe)]
fn claim_list(name: &str) -> Option<Vec<String>> {
    named(name).map(|claim| match claim {
        Claim::Scalar(value) => vec![value],
        Claim::List(values) => values,
    })
}
