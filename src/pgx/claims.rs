//! The claims of the call that is running, in this backend's own memory.
//!
//! Set only by `confine`, for a verified principal or for nobody, and cleared on every exit. No SQL can set, reset or show them
//! except the policies on plane relations, through `splitplane.claim()` and `splitplane.claim_list()`.

use crate::identity::principal::{Claim, Principal};
use pgrx::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;

/// Whose claims the running call holds.
enum Held {
    /// A verified principal's.
    Of(Rc<Principal>),
    /// Nobody's: the policies hide every row.
    Nobody,
}

thread_local! {
    static ACTIVE: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// Holds the claims for as long as it lives.
pub struct ClaimsGuard(());

impl ClaimsGuard {
    /// Makes the principal's claims visible to the policies, or none at all; `None` when a call is running already.
    pub fn hold(principal: Option<Rc<Principal>>) -> Option<Self> {
        ACTIVE.with(|active| {
            let mut slot = active.try_borrow_mut().ok()?;
            if slot.is_some() {
                return None;
            }
            *slot = Some(principal.map_or(Held::Nobody, Held::Of));
            Some(ClaimsGuard(()))
        })
    }
}

impl Drop for ClaimsGuard {
    fn drop(&mut self) {
        clear();
    }
}

/// Forgets the claims. Also called when a transaction ends, in case a guard was skipped by a defect.
pub fn clear() {
    ACTIVE.with(|active| {
        if let Ok(mut slot) = active.try_borrow_mut() {
            *slot = None;
        }
    });
}

fn with_claim<T>(name: &str, read: impl FnOnce(Claim) -> T) -> Option<T> {
    ACTIVE.with(|active| {
        let slot = active.try_borrow().ok()?;
        match slot.as_ref()? {
            Held::Of(principal) => principal.claim(name).map(read),
            Held::Nobody => None,
        }
    })
}

/// Whose call is running, for the server log.
pub fn holder() -> Option<String> {
    claim("tenant")
}

/// One scalar claim of the running call; NULL outside a call, so that the policies then hide every row.
#[pg_extern(sql = false, stable, parallel_restricted)]
fn claim(name: &str) -> Option<String> {
    with_claim(name, |claim| match claim {
        Claim::Scalar(value) => Some(value),
        Claim::List(_) => None,
    })
    .flatten()
}

/// One claim of the running call as a list; a scalar is a list of one. NULL outside a call.
#[pg_extern(sql = false, stable, parallel_restricted)]
fn claim_list(name: &str) -> Option<Vec<String>> {
    with_claim(name, |claim| match claim {
        Claim::Scalar(value) => vec![value],
        Claim::List(values) => values,
    })
}
