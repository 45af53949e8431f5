//! Layer 1 with what it looks up: keys, principals, and the ledger of used contexts.

use crate::catalog::principals;
use crate::error::{Refusal, StageResult, State};
use crate::identity::principal::Principal;
use crate::identity::{ContextError, Key, Policy, SignedContext, VerifiedIdentity};
use crate::pgx::server;
use crate::reason::Reason;
use crate::{calls, ledger, settings};
use std::cell::RefCell;
use std::rc::Rc;

thread_local! {
    /// Who asked last in this session.
    static LAST: RefCell<Option<Rc<Principal>>> = const { RefCell::new(None) };
}

/// Who asks: signature, key, date, audience, replay, principal.
///
/// # Errors
/// 28000, or 22023 for a context that has not its form.
pub fn verify(context: &str, payload: &str) -> StageResult<Principal> {
    let context = SignedContext::parse(context).map_err(from_context)?;
    calls::note(|call| call.claim(&context));
    let identity = identified(context, payload)?;
    registered(identity)
}

/// Remembers who asks.
pub fn remember(principal: &Rc<Principal>) {
    LAST.set(Some(Rc::clone(principal)));
}

/// Who asked last in this session, if that one may still ask.
///
/// # Errors
/// 28000 for nobody, and for a principal that was taken away or disabled since.
pub fn last() -> StageResult<Rc<Principal>> {
    let principal = LAST.with_borrow(Clone::clone).ok_or_else(|| {
        Refusal::new(
            State::Identity,
            "nobody has asked in this session; give a context that is signed for the query_id",
        )
    })?;
    let rows = principals::principals(principal.tenant(), principal.business(), principal.subject())?;
    principal.check_again(rows).map_err(from_context)?;
    Ok(principal)
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
    let reason = reason(&error);
    if error.is_malformed() {
        Refusal::new(State::Argument, error.to_string()).because(reason)
    } else {
        Refusal::identity(reason, error.to_string())
    }
}

fn reason(error: &ContextError) -> Reason {
    match error {
        ContextError::Malformed(_) => Reason::MalformedContext,
        ContextError::DuplicateHeader(_)
        | ContextError::RepeatedName
        | ContextError::UnknownHeader(_)
        | ContextError::ControlCharacter
        | ContextError::MissingHeader(_)
        | ContextError::UnsignedHeader(_)
        | ContextError::SignedButMissing(_)
        | ContextError::Authorization(_)
        | ContextError::Scope(_)
        | ContextError::SignedHeaders(_)
        | ContextError::Timestamp(_)
        | ContextError::IdentityValue { .. }
        | ContextError::Nonce(_) => Reason::Headers,
        ContextError::Audience(_) | ContextError::AnotherHost(_) => Reason::Audience,
        ContextError::ClockSkew => Reason::Clock,
        ContextError::ReplayHorizon => Reason::ReplayHorizon,
        ContextError::Payload(_) => Reason::Payload,
        ContextError::UnknownKey => Reason::UnknownKey,
        ContextError::SignatureMismatch(_) => Reason::Signature,
        ContextError::KeyRevoked => Reason::KeyRevoked,
        ContextError::KeyNotYetValid => Reason::KeyNotYetValid,
        ContextError::KeyExpired => Reason::KeyExpired,
        ContextError::KeyTenant => Reason::KeyTenant,
        ContextError::UnknownPrincipal => Reason::UnknownPrincipal,
        ContextError::DisabledPrincipal => Reason::DisabledPrincipal,
        ContextError::PrincipalRows(_) | ContextError::Claims(_) => Reason::Claims,
    }
}
