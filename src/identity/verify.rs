//! Verification: from a context that claims to an identity that is proved.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::canonical::{self, Request, Scope};
use super::context::{SERVICE, SignedContext};
use super::header::{
    self, AMZ_CONTENT_SHA256, AMZ_DATE, BUSINESS, CONTENT_LENGTH, CONVERSATION, HOST, NONCE, OWN_HEADERS, SUBJECT,
    TENANT,
};
use super::timestamp::Timestamp;
use super::{ContextError, replay};

/// A context is always the signature of `POST https://{audience}/ask` without a query.
pub(super) const METHOD: &str = "POST";
pub(super) const PATH: &str = "/ask";
pub(super) const QUERY: &str = "";

/// Stands in for the secret of a key that does not exist, so that refusing one takes the same work.
const ABSENT_SECRET: &str = "no such key, but as long as most";

/// A registered signing key, with its secret opened. All times are seconds since 1970.
pub struct Key {
    pub secret: Zeroizing<String>,
    /// First second of its validity.
    pub not_before: i64,
    /// Last second of its validity.
    pub not_after: i64,
    pub revoked: bool,
    /// The tenants that it may speak for, compared byte by byte; `None` is any.
    pub tenants: Option<Vec<String>>,
    /// How often one signature may be used.
    pub max_uses: u32,
}

/// Shows everything but the secret.
impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Key")
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .field("revoked", &self.revoked)
            .field("tenants", &self.tenants)
            .field("max_uses", &self.max_uses)
            .finish_non_exhaustive()
    }
}

/// What the server holds a context against. All times are seconds, `now` and `horizon` since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// The name that a context must be signed for, compared with its `host` without case.
    pub audience: &'a str,
    pub now: i64,
    /// The widest admitted difference between `now` and the context's date; negative admits nothing.
    pub clock_skew: i64,
    /// Contexts dated at or before it are refused; see [`super::replay`].
    pub horizon: i64,
}

/// Requires: a context whose signature, key, date and audience hold. Produced by [`SignedContext::verify`] alone.
pub struct VerifiedIdentity {
    tenant: String,
    business: String,
    subject: String,
    conversation: Option<String>,
    nonce: String,
    key_id: String,
    signature: [u8; 32],
    payload_digest: [u8; 32],
    dated: i64,
    max_uses: u32,
}

impl VerifiedIdentity {
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Empty when the context names none.
    #[must_use]
    pub fn business(&self) -> &str {
        &self.business
    }

    /// Empty when the context names none.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The conversation that the context is signed for, as a UUID in its canonical form.
    #[must_use]
    pub fn conversation(&self) -> Option<&str> {
        self.conversation.as_deref()
    }

    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The key of the replay ledger. Not for logs: within the clock skew it is part of a usable context.
    #[must_use]
    pub fn signature(&self) -> &[u8; 32] {
        &self.signature
    }

    /// SHA-256 of the payload that was signed.
    #[must_use]
    pub fn payload_digest(&self) -> &[u8; 32] {
        &self.payload_digest
    }

    /// Seconds since 1970 at which the signer says it signed.
    #[must_use]
    pub fn dated(&self) -> i64 {
        self.dated
    }

    /// How often the replay ledger may admit this signature.
    #[must_use]
    pub fn max_uses(&self) -> u32 {
        self.max_uses
    }
}

/// Shows who and when, never the signature or the nonce.
impl fmt::Debug for VerifiedIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VerifiedIdentity")
            .field("tenant", &self.tenant)
            .field("business", &self.business)
            .field("subject", &self.subject)
            .field("key_id", &self.key_id)
            .field("dated", &self.dated)
            .finish_non_exhaustive()
    }
}

impl SignedContext {
    /// Proves the context for `payload`, the exact bytes that will be acted on.
    ///
    /// `key` is the key registered under [`key_id`](SignedContext::key_id), whatever its state, and no other: SigV4 does
    /// not sign the key id. `None` if there is none, which is refused after the same work. The payload's size must have
    /// been capped before. Whether the signature was used before is the replay ledger's question, to be asked next.
    ///
    /// # Errors
    /// Any rule of layer 1 that does not hold. What depends on the key is reported only after the signature check, so
    /// neither the error nor its time shows a stranger which keys exist.
    pub fn verify(
        self,
        key: Option<&Key>,
        payload: &[u8],
        policy: &Policy<'_>,
    ) -> Result<VerifiedIdentity, ContextError> {
        self.check_audience(policy)?;
        let timestamp = self.check_timestamp(policy)?;
        self.check_identity()?;
        self.check_coverage()?;
        let payload_digest = canonical::sha256(payload);
        self.check_content_hash(&payload_digest)?;

        let secret = key.map_or(ABSENT_SECRET, |key| key.secret.as_str());
        let mut matches = Choice::from(0);
        for host in self.hosts(policy.audience) {
            let signed = Signed { host: &host, payload_length: payload.len(), payload_digest };
            matches |= self.expected_signature(secret, &timestamp, &signed)?.ct_eq(&self.authorization.signature);
        }
        let key = key.ok_or(ContextError::UnknownKey)?;
        if !bool::from(matches) {
            return Err(ContextError::SignatureMismatch(policy.expected()));
        }

        let tenant = self.required(TENANT)?;
        key.check(tenant, policy.now)?;
        Ok(VerifiedIdentity {
            tenant: tenant.to_owned(),
            business: self.header(BUSINESS).unwrap_or_default().to_owned(),
            subject: self.header(SUBJECT).unwrap_or_default().to_owned(),
            conversation: self.conversation()?,
            nonce: self.required(NONCE)?.to_owned(),
            signature: self.authorization.signature,
            payload_digest,
            dated: timestamp.seconds(),
            max_uses: key.max_uses,
            key_id: self.authorization.key_id,
        })
    }

    /// What the context claims, with nothing of it proved.
    #[cfg(feature = "ablation")]
    pub fn unverified(self, payload: &[u8]) -> Result<VerifiedIdentity, ContextError> {
        Ok(VerifiedIdentity {
            tenant: self.required(TENANT)?.to_owned(),
            business: self.header(BUSINESS).unwrap_or_default().to_owned(),
            subject: self.header(SUBJECT).unwrap_or_default().to_owned(),
            conversation: self.conversation()?,
            nonce: self.header(NONCE).unwrap_or_default().to_owned(),
            signature: self.authorization.signature,
            payload_digest: canonical::sha256(payload),
            dated: 0,
            max_uses: u32::MAX,
            key_id: self.authorization.key_id,
        })
    }

    fn check_audience(&self, policy: &Policy<'_>) -> Result<(), ContextError> {
        header::check_audience(policy.audience)?;
        match self.header(HOST) {
            Some(host) if !host.eq_ignore_ascii_case(policy.audience) => {
                Err(ContextError::AnotherHost(policy.expected()))
            }
            // A signer may leave it out of its header set. That it was signed is checked below.
            Some(_) | None => Ok(()),
        }
    }

    /// The spellings of the audience that may have been signed: the one in the context, and those of a URL, which most signers
    /// put in lower case, whatever stands in their header set, and some leave as it was.
    fn hosts(&self, audience: &str) -> Vec<String> {
        let given = self.header(HOST).map(str::to_owned);
        let mut hosts: Vec<String> = given.into_iter().collect();
        for spelling in [audience.to_ascii_lowercase(), audience.to_owned()] {
            if !hosts.contains(&spelling) {
                hosts.push(spelling);
            }
        }
        hosts
    }

    fn check_timestamp(&self, policy: &Policy<'_>) -> Result<Timestamp, ContextError> {
        let timestamp = Timestamp::parse(self.required(AMZ_DATE)?)?;
        if self.authorization.day != timestamp.day() {
            return Err(ContextError::Scope("for another day than x-amz-date's"));
        }
        match u64::try_from(policy.clock_skew) {
            Ok(skew) if policy.now.abs_diff(timestamp.seconds()) <= skew => {}
            Ok(_) | Err(_) => return Err(ContextError::ClockSkew),
        }
        if !replay::admits(policy.horizon, timestamp.seconds()) {
            return Err(ContextError::ReplayHorizon);
        }
        Ok(timestamp)
    }

    fn check_identity(&self) -> Result<(), ContextError> {
        header::check_ids(
            self.required(TENANT)?,
            self.header(BUSINESS).unwrap_or_default(),
            self.header(SUBJECT).unwrap_or_default(),
        )?;
        self.conversation()?;
        header::check_nonce(self.required(NONCE)?)
    }

    fn conversation(&self) -> Result<Option<String>, ContextError> {
        self.header(CONVERSATION).map(header::read_conversation).transpose()
    }

    /// The list of headers that must be signed is ours, not the message's.
    fn check_coverage(&self) -> Result<(), ContextError> {
        let own = OWN_HEADERS.into_iter().filter(|name| self.header(name).is_some());
        for name in [HOST, AMZ_DATE].into_iter().chain(own) {
            if !self.authorization.signed_headers.iter().any(|signed| signed == name) {
                return Err(ContextError::UnsignedHeader(name));
            }
        }
        Ok(())
    }

    /// The payload's hash is always computed here; a declared one may only agree. `UNSIGNED-PAYLOAD` and `STREAMING-…`
    /// stand in this header, so they are refused like any text that is not the hash.
    fn check_content_hash(&self, payload_digest: &[u8; 32]) -> Result<(), ContextError> {
        match self.header(AMZ_CONTENT_SHA256) {
            Some(declared) if declared != hex::encode(payload_digest) => {
                Err(ContextError::Payload("x-amz-content-sha256 is not the SHA-256 of the payload"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn expected_signature(
        &self,
        secret: &str,
        timestamp: &Timestamp,
        signed: &Signed<'_>,
    ) -> Result<[u8; 32], ContextError> {
        let length = signed.payload_length.to_string();
        let mut headers = Vec::with_capacity(self.authorization.signed_headers.len());
        for name in &self.authorization.signed_headers {
            let value = match self.header(name) {
                _ if name == HOST => signed.host,
                Some(value) => value,
                // Go's signer signs it and leaves it out of the header set. The payload itself is hashed in any case.
                None if name == CONTENT_LENGTH => &length,
                None => return Err(ContextError::SignedButMissing(name.clone())),
            };
            headers.push((name.as_str(), value));
        }
        let payload_digest = signed.payload_digest;
        let request = Request { method: METHOD, path: PATH, query: QUERY, headers: &headers, payload_digest };
        let scope = Scope { timestamp, region: &self.authorization.region, service: SERVICE };
        Ok(scope.sign(secret, &request))
    }
}

/// What a signature covers that need not stand in the context.
struct Signed<'a> {
    host: &'a str,
    /// Bytes.
    payload_length: usize,
    payload_digest: [u8; 32],
}

impl Policy<'_> {
    /// The request that must have been signed, for the server log.
    fn expected(&self) -> String {
        format!("{METHOD} https://{}{PATH}", self.audience.to_ascii_lowercase())
    }
}

impl Key {
    fn check(&self, tenant: &str, now: i64) -> Result<(), ContextError> {
        if self.revoked {
            return Err(ContextError::KeyRevoked);
        }
        if now < self.not_before {
            return Err(ContextError::KeyNotYetValid);
        }
        if now > self.not_after {
            return Err(ContextError::KeyExpired);
        }
        match &self.tenants {
            Some(tenants) if !tenants.iter().any(|allowed| allowed == tenant) => Err(ContextError::KeyTenant),
            Some(_) | None => Ok(()),
        }
    }
}
