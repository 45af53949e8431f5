//! What the tests of this module share: one key, one policy, one good context.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{ContextError, Key, Policy, SignedContext, SigningRequest, VerifiedIdentity, sign};

pub(super) const NOW: i64 = 1_795_325_041;
pub(super) const KEY_ID: &str = "AKSPTEST";
pub(super) const SECRET: &str = "tests/only+secret";
pub(super) const TENANT: &str = "brand-a";
pub(super) const PAYLOAD: &[u8] = b"Which stores had the highest void rate last week?";

pub(super) fn request() -> SigningRequest<'static> {
    SigningRequest {
        key_id: KEY_ID,
        secret: SECRET,
        audience: "analytics",
        region: "us-east-1",
        tenant: TENANT,
        business: "chicago",
        subject: "u-17",
        conversation: "",
        nonce: "0123456789abcdef",
        dated: NOW,
        payload: PAYLOAD,
    }
}

pub(super) fn signed() -> Vec<(String, String)> {
    sign(&request())
}

pub(super) fn key() -> Key {
    Key {
        secret: Zeroizing::new(SECRET.to_owned()),
        not_before: NOW - 1000,
        not_after: NOW + 1000,
        revoked: false,
        tenants: None,
        max_uses: 3,
    }
}

pub(super) fn policy() -> Policy<'static> {
    Policy { audience: "analytics", now: NOW, clock_skew: 300, horizon: 0 }
}

pub(super) fn json_of(headers: &[(String, String)]) -> String {
    let object: Map<String, Value> =
        headers.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
    Value::Object(object).to_string()
}

/// Parses and verifies with the key registered under the id that the context claims: the signature does not cover the
/// key id, so it is the look-up that ties the two together.
pub(super) fn verify(headers: &[(String, String)], payload: &[u8]) -> Result<VerifiedIdentity, ContextError> {
    let context = SignedContext::parse(&json_of(headers))?;
    let registered = (context.key_id() == KEY_ID).then(key);
    context.verify(registered.as_ref(), payload, &policy())
}

pub(super) fn identity_of(business: &str, subject: &str) -> VerifiedIdentity {
    verify(&sign(&SigningRequest { business, subject, ..request() }), PAYLOAD).unwrap()
}
