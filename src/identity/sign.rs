//! The signing side, for `splitplane.sign()`, demos and tests. Applications use the signer of their AWS SDK.

use std::fmt;

use super::ContextError;
use super::canonical::{self, ALGORITHM, Request, Scope};
use super::context::SERVICE;
use super::header::{self, AMZ_DATE, AUTHORIZATION, BUSINESS, CONVERSATION, HOST, NONCE, SUBJECT, TENANT};
use super::timestamp::Timestamp;
use super::verify::{METHOD, PATH, QUERY};

/// What to sign, and with what. Values are signed as they are: call [`check`](SigningRequest::check) first, since a
/// context with an inadmissible value verifies nowhere.
#[derive(Clone, Copy)]
pub struct SigningRequest<'a> {
    pub key_id: &'a str,
    pub secret: &'a str,
    pub audience: &'a str,
    pub region: &'a str,
    pub tenant: &'a str,
    /// Left out of the context when empty.
    pub business: &'a str,
    /// Left out of the context when empty.
    pub subject: &'a str,
    /// Left out of the context when empty.
    pub conversation: &'a str,
    pub nonce: &'a str,
    /// Seconds since 1970.
    pub dated: i64,
    pub payload: &'a [u8],
}

impl SigningRequest<'_> {
    /// Checks what the verifier would refuse whatever the signature: the ids and the conversation.
    ///
    /// # Errors
    /// Those of the verifier.
    pub fn check(&self) -> Result<(), ContextError> {
        header::check_ids(self.tenant, self.business, self.subject)?;
        if self.conversation.is_empty() { Ok(()) } else { header::read_conversation(self.conversation).map(drop) }
    }
}

/// Shows everything but the secret, the nonce and the payload.
impl fmt::Debug for SigningRequest<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SigningRequest")
            .field("key_id", &self.key_id)
            .field("audience", &self.audience)
            .field("region", &self.region)
            .field("tenant", &self.tenant)
            .field("business", &self.business)
            .field("subject", &self.subject)
            .field("conversation", &self.conversation)
            .field("dated", &self.dated)
            .finish_non_exhaustive()
    }
}

/// Signs `POST https://{audience}/ask` and returns its header set: a context, as pairs of lower-case names and values.
#[must_use]
pub fn sign(request: &SigningRequest<'_>) -> Vec<(String, String)> {
    let timestamp = Timestamp::from_seconds(request.dated);
    // In ascending order of the names, as the canonical request has them.
    let headers: Vec<(&str, &str)> = [
        (HOST, request.audience),
        (AMZ_DATE, timestamp.text()),
        (BUSINESS, request.business),
        (CONVERSATION, request.conversation),
        (NONCE, request.nonce),
        (SUBJECT, request.subject),
        (TENANT, request.tenant),
    ]
    .into_iter()
    .filter(|(name, value)| !value.is_empty() || ![BUSINESS, CONVERSATION, SUBJECT].contains(name))
    .collect();
    let signed = Request {
        method: METHOD,
        path: PATH,
        query: QUERY,
        headers: &headers,
        payload_digest: canonical::sha256(request.payload),
    };
    let scope = Scope { timestamp: &timestamp, region: request.region, service: SERVICE };
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={}",
        request.key_id,
        scope.text(),
        signed.signed_headers(),
        hex::encode(scope.sign(request.secret, &signed))
    );
    headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .chain([(AUTHORIZATION.to_owned(), authorization)])
        .collect()
}
