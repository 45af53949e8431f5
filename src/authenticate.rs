//! Layer 1 with what it looks up: keys, principals, and the ledger of used contexts.

use crate::catalog::principals;
use crate::error::{Refusal, StageResult, State};
use crate::identity::principal::Principal;
use crate::identity::{ContextError, Key, Policy, SignedContext, VerifiedIdentity};
use crate::pgx::server;
use crate::{ledger, settings};

/// Who asks: signature, key, date, audience, replay, principal.
///
/// # Errors
/// 28000, or 22023 for a context that has not its form.
pub fn verify(context: &str, payload: &str) -> StageResult<Principal> {
    let identity = identified(SignedContext::parse(context).map_err(from_context)?, payload)?;
    registered(identity)
}

/// The same for a context that this server has signed itself, with a key that is registered nowhere and used once.
///
/// # Errors
/// Those of [`verify`].
pub fn verify_own(context: &str, payload: &str, key: &Key, policy: &Policy<'_>) -> StageResult<Principal> {
    let context = SignedContext::parse(context).map_err(from_context)?;
    registered(context.verify(Some(key), payload.as_bytes(), policy).map_err(from_context)?)
}

/// The registered combination that the identity is one of.
fn registered(identity: VerifiedIdentity) -> StageResult<Principal> {
    let rows = principals::principals(identity.tenant(), identity.business(), identity.subject())?;
    Principal::resolve(identity, rows).map_err(from_context)
}

/// Signature, key, date, audience, replay.
fn identified(context: SignedContext, payload: &str) -> StageResult<VerifiedIdentity> {
    #[cfg(feature = "ablation")]
    if crate::ablation::is_off(crate::ablation::Switch::Signature) {
        return context.unverified(payload.as_bytes()).map_err(from_context);
    }
    let key = principals::key(context.key_id())?;
    let now = server::now();
    let clock_skew = settings::clock_skew();
    let policy = Policy {
        audience: &settings::audience(&server::database_name()),
        now,
        clock_skew,
        horizon: ledger::horizon()?,
    };
    let identity = context.verify(key.as_ref(), payload.as_bytes(), &policy).map_err(from_context)?;
    ledger::use_once(&identity, now, clock_skew)?;
    Ok(identity)
}

fn from_context(error: ContextError) -> Refusal {
    if error.is_malformed() {
        Refusal::new(State::Argument, error.to_string())
    } else {
        Refusal::identity(error.to_string())
    }
}
