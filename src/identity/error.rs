//! Why a context was refused: for the server log, never for the caller.
//!
//! Every reason is a constant, the name of a header (letters, digits, `-`, `_` and `.`), or what this server expects. No
//! variant carries a header's value, a secret or a signature, so a `ContextError` may be printed anywhere on the server's
//! side.

use thiserror::Error;

/// A refusal of layer 1.
///
/// [`ContextError::Malformed`] is an argument of the wrong shape (SQLSTATE 22023). Every other variant is a failure to
/// prove who is asking (SQLSTATE 28000), which the caller sees as one constant message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ContextError {
    /// Not a JSON object of header names to values, or too large to be one.
    #[error("malformed context: {0}")]
    Malformed(&'static str),

    /// One header name in two spellings with different values.
    #[error("header {0} is given twice with different values")]
    DuplicateHeader(String),
    /// One spelling of a name twice in the JSON text.
    #[error("a header is given twice")]
    RepeatedName,
    /// An `x-splitplane-*` header that this version does not know, so cannot honour.
    #[error("unknown header {0}")]
    UnknownHeader(String),
    /// A header value with a newline or another control character.
    #[error("a header value holds a control character")]
    ControlCharacter,
    /// A header that every context must carry is absent.
    #[error("header {0} is missing")]
    MissingHeader(&'static str),
    /// A header that carries meaning is not covered by the signature.
    #[error("header {0} is not signed")]
    UnsignedHeader(&'static str),
    /// A header is covered by the signature, and its value is not in the context.
    #[error("header {0} is signed and missing in the context")]
    SignedButMissing(String),
    /// The authorization header cannot be read.
    #[error("authorization header: {0}")]
    Authorization(&'static str),
    /// The credential scope is for something else.
    #[error("credential scope: {0}")]
    Scope(&'static str),
    /// The list of signed headers is not usable.
    #[error("signed headers: {0}")]
    SignedHeaders(&'static str),
    /// This database has no usable audience.
    #[error("audience: {0}")]
    Audience(&'static str),
    /// The context was signed for another database; holds the request that is expected.
    #[error("audience: signed for another host; expected {0}")]
    AnotherHost(String),
    /// `x-amz-date` is not one UTC second of the calendar, in the basic format.
    #[error("x-amz-date: {0}")]
    Timestamp(&'static str),
    /// Further from the server's clock than the clock skew allows.
    #[error("x-amz-date is outside the clock skew")]
    ClockSkew,
    /// So old that the replay ledger no longer knows whether it was used.
    #[error("x-amz-date is not after the replay horizon")]
    ReplayHorizon,
    /// The payload is declared unsigned, streamed or different from the one at hand.
    #[error("payload: {0}")]
    Payload(&'static str),
    /// Tenant, business or subject is not a value that can be signed and compared without doubt.
    #[error("{header} {reason}")]
    IdentityValue { header: &'static str, reason: &'static str },
    /// The nonce has the wrong length or characters.
    #[error("x-splitplane-nonce: {0}")]
    Nonce(&'static str),
    /// No such key.
    #[error("unknown key")]
    UnknownKey,
    /// The signature is not the one that this key gives to this request, which it holds.
    #[error("the signature does not match {0} with this text and this key's secret")]
    SignatureMismatch(String),
    /// The key was revoked.
    #[error("the key is revoked")]
    KeyRevoked,
    /// The key's validity has not begun.
    #[error("the key is not valid yet")]
    KeyNotYetValid,
    /// The key's validity is over.
    #[error("the key has expired")]
    KeyExpired,
    /// The key does not speak for this tenant.
    #[error("the key may not speak for this tenant")]
    KeyTenant,

    /// The combination of tenant, business and subject is not registered.
    #[error("no registered principal")]
    UnknownPrincipal,
    /// The row that decides is disabled.
    #[error("the principal is disabled")]
    DisabledPrincipal,
    /// The look-up gave rows that cannot be its answer.
    #[error("principal look-up: {0}")]
    PrincipalRows(&'static str),
    /// The principal's registered claims cannot be used faithfully.
    #[error("claims: {0}")]
    Claims(&'static str),
}

impl ContextError {
    /// True for an argument of the wrong shape (22023), false for every other refusal (28000).
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        matches!(self, Self::Malformed(_))
    }
}
