//! Contexts made by botocore (testdata/make_vectors.py), an independent signer, and AWS's arithmetic vectors.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use serde_json::Value;
use zeroize::Zeroizing;

use super::canonical::{Request, Scope, sha256};
use super::timestamp::Timestamp;
use super::{Key, Policy, SignedContext, VerifiedIdentity};

fn vectors(section: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(include_str!("testdata/botocore.json")).unwrap();
    document[section].as_array().unwrap().clone()
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap()
}

fn key(vector: &Value) -> Key {
    Key {
        secret: Zeroizing::new(text(vector, "secret").to_owned()),
        not_before: i64::MIN,
        not_after: i64::MAX,
        revoked: false,
        tenants: None,
        max_uses: 1,
    }
}

fn verify(vector: &Value, payload: &str, audience: &str) -> Result<VerifiedIdentity, super::ContextError> {
    let now = vector["seconds"].as_i64().unwrap();
    let context = SignedContext::parse(&vector["headers"].to_string())?;
    assert_eq!(context.key_id(), text(vector, "key_id"));
    context.verify(Some(&key(vector)), payload.as_bytes(), &Policy { audience, now, clock_skew: 300, horizon: now - 1 })
}

#[test]
fn verifies_exactly_the_contexts_that_botocore_signed_for_us() {
    let contexts = vectors("contexts");
    assert!(contexts.len() > 20);
    for vector in &contexts {
        let (name, payload) = (text(vector, "name"), text(vector, "payload"));
        match verify(vector, payload, "analytics") {
            Ok(identity) => {
                assert!(vector["verifies"].as_bool().unwrap(), "{name}");
                assert_eq!(identity.tenant(), text(&vector["headers"], tenant_header(vector)), "{name}");
                assert_eq!(identity.dated(), vector["seconds"].as_i64().unwrap());
                assert!(text(&vector["headers"], "Authorization").ends_with(&hex::encode(identity.signature())));
            }
            Err(error) => {
                assert!(!vector["verifies"].as_bool().unwrap(), "{name}: {error}");
                assert!(!error.is_malformed(), "{name}: {error}");
            }
        }
        assert!(verify(vector, &format!("{payload} "), "analytics").is_err(), "{name}");
        assert!(verify(vector, payload, "analytics2").is_err(), "{name}");
    }
}

fn tenant_header(vector: &Value) -> &'static str {
    if vector["headers"]["x-splitplane-tenant"].is_string() { "x-splitplane-tenant" } else { "X-SplitPlane-Tenant" }
}

/// Canonical request, string to sign and signature, each equal to what botocore computed: for any method, path,
/// query and service. Where AWS publishes the case, the signature is
/// the published one.
#[test]
fn the_arithmetic_agrees_at_each_step() {
    let published = [
        ("get-vanilla", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("post-vanilla", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ("get-header-value-trim", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
        ("post-header-value-case", "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"),
        ("post-x-www-form-urlencoded", "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"),
    ];
    for vector in vectors("arithmetic").iter().chain(&vectors("contexts")) {
        let name = text(vector, "name");
        let (host, target) = text(vector, "url").strip_prefix("https://").unwrap().split_once('/').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = vector["headers"].as_object().unwrap();
        let authorization = text(&vector["headers"], "Authorization");
        let listed = authorization.split_once("SignedHeaders=").unwrap().1.split_once(',').unwrap().0;
        let signed: Vec<(&str, &str)> = listed
            .split(';')
            .map(|wanted| {
                let given = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                (wanted, given.map_or(host, |(_, value)| value.as_str().unwrap()))
            })
            .collect();
        let request = Request {
            method: text(vector, "method"),
            path: &format!("/{path}"),
            query,
            headers: &signed,
            payload_digest: sha256(text(vector, "payload").as_bytes()),
        };
        let timestamp = Timestamp::parse(text(vector, "timestamp")).unwrap();
        let scope = Scope { timestamp: &timestamp, region: text(vector, "region"), service: text(vector, "service") };
        let declared = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-content-sha256"));
        if declared.is_some_and(|(_, value)| *value != hex::encode(request.payload_digest)) {
            assert_ne!(request.canonical(), text(vector, "canonical_request"), "{name}");
            continue;
        }
        assert_eq!(request.canonical(), text(vector, "canonical_request"), "{name}");
        assert_eq!(scope.string_to_sign(&request), text(vector, "string_to_sign"), "{name}");
        let signature = hex::encode(scope.sign(text(vector, "secret"), &request));
        assert!(authorization.ends_with(&signature), "{name}");
        if let Some((_, expected)) = published.iter().find(|(published, _)| *published == name) {
            assert_eq!(signature, *expected, "{name}");
        }
    }
}
