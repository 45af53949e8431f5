//! Signatures against botocore's (testdata/make_signatures.py), and a verifier for what the other tests send.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;
use crate::llm::http::server::Request;

fn calls() -> Vec<Value> {
    let document: Value = serde_json::from_str(include_str!("../testdata/signatures.json")).unwrap();
    document["calls"].as_array().unwrap().clone()
}

fn text<'a>(call: &'a Value, name: &str) -> &'a str {
    call[name].as_str().unwrap()
}

pub(in crate::llm) fn credentials(key_id: &str, secret: &str, token: Option<&str>) -> Credentials {
    let mut credentials = Credentials::builder().access_key_id(key_id).secret_access_key(secret).provider_name("tests");
    credentials.set_session_token(token.map(str::to_owned));
    credentials.build()
}

fn signed(call: &Value) -> HeaderMap {
    let credentials = credentials(text(call, "key_id"), text(call, "secret"), call["token"].as_str());
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(call["seconds"].as_u64().unwrap());
    let url = Url::parse(text(call, "url")).unwrap();
    sign(&url, text(call, "body").as_bytes(), &credentials, text(call, "region"), now).unwrap()
}

#[test]
fn signs_as_botocore_does() {
    let calls = calls();
    assert!(calls.len() >= 12);
    for call in &calls {
        let headers = signed(call);
        let expected = call["headers"].as_object().unwrap();
        assert_eq!(headers.len(), expected.len(), "{}", text(call, "name"));
        for (name, value) in expected {
            let ours = headers[name.as_str()].to_str().unwrap();
            assert_eq!(ours, value.as_str().unwrap(), "{}: {name}", text(call, "name"));
        }
    }
}

#[test]
fn marks_what_it_signs_with_as_sensitive() {
    for call in &calls() {
        let (headers, token) = (signed(call), call["token"].as_str());
        let printed = format!("{headers:?}");
        assert!(!printed.contains("Signature=") && !printed.contains(text(call, "secret")));
        assert!(token.is_none_or(|token| !printed.contains(token)));
    }
}

#[test]
fn refuses_credentials_that_fit_in_no_header() {
    let url = Url::parse("https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse").unwrap();
    for (key_id, token) in
        [("AK\nX", None), ("AKIA", Some("tok\r\nx-other: 1")), ("AKIA", Some("t\0k")), ("\u{fc}", None)]
    {
        let credentials = credentials(key_id, "the-secret", token);
        let error = sign(&url, b"", &credentials, "us-east-1", SystemTime::now()).unwrap_err();
        assert!(matches!(&error, ModelError::Configuration(text) if !text.contains(key_id)), "{error:?}");
    }
}

/// Verifies the signature of a request that came in over a socket: SigV4 as it is published, from the bytes received.
pub(in crate::llm) fn verifies(request: &Request, secret: &str, region: &str) -> bool {
    let authorization = request.header("authorization");
    let listed = authorization.split_once("SignedHeaders=").unwrap().1.split_once(',').unwrap().0;
    let canonical_headers: String =
        listed.split(';').map(|name| format!("{name}:{}\n", request.header(name))).collect();
    let path = request.path.replace('%', "%25").replace(':', "%3A");
    let digest = hex::encode(Sha256::digest(&request.body));
    let canonical = format!("{}\n{path}\n\n{canonical_headers}\n{listed}\n{digest}", request.method);
    let date = request.header("x-amz-date");
    let scope = format!("{}/{region}/bedrock/aws4_request", &date[..8]);
    let string = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let key = [&date[..8], region, "bedrock", "aws4_request"]
        .iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part.as_bytes()));
    ["host", "x-amz-date", "content-type"].iter().all(|name| listed.split(';').any(|listed| listed == *name))
        && authorization.contains(&scope)
        && authorization.ends_with(&format!("Signature={}", hex::encode(hmac(&key, string.as_bytes()))))
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    hmac.update(message);
    hmac.finalize().into_bytes().to_vec()
}

#[test]
fn the_verifier_of_these_tests_agrees_with_botocore() {
    for call in &calls() {
        let url = text(call, "url");
        let (host, path) = url.split_once("://").unwrap().1.split_once('/').unwrap();
        let mut headers: std::collections::BTreeMap<String, String> = call["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().unwrap().to_owned()))
            .collect();
        headers.insert("host".to_owned(), host.trim_end_matches(":80").to_owned());
        let request = Request {
            connection: 0,
            method: "POST".to_owned(),
            path: format!("/{path}"),
            headers,
            body: text(call, "body").into(),
        };
        assert!(verifies(&request, text(call, "secret"), text(call, "region")), "{}", text(call, "name"));
        assert!(!verifies(&request, "another", text(call, "region")));
        let other = Request { body: b"another".to_vec(), ..request.clone() };
        assert!(!verifies(&other, text(call, "secret"), text(call, "region")));
    }
}
