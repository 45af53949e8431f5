//! The rules of layer 1, each broken once, and properties over all inputs.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::testing::{NOW, PAYLOAD, SECRET, json_of, key, policy, request, signed, verify};
use super::*;

type Headers = Vec<(String, String)>;

fn set(headers: &mut Headers, name: &str, value: &str) {
    headers.retain(|(given, _)| given != name);
    headers.push((name.to_owned(), value.to_owned()));
}

fn remove(headers: &mut Headers, name: &str) {
    headers.retain(|(given, _)| given != name);
}

fn refusal(headers: &[(String, String)]) -> ContextError {
    verify(headers, PAYLOAD).unwrap_err()
}

/// A context whose signature is right for whatever headers and signed-header list it is given: a forger who holds the
/// key, so that each rule is seen to refuse by itself.
fn signed_as(headers: &[(&str, &str)], listed: &[&str], payload: &[u8]) -> Headers {
    use super::canonical::{Request, Scope, sha256};
    use super::timestamp::Timestamp;
    let timestamp = Timestamp::from_seconds(NOW);
    let scope = Scope { timestamp: &timestamp, region: "us-east-1", service: "splitplane" };
    let value_of = |wanted: &str| {
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map_or("analytics", |(_, value)| *value)
    };
    let pairs: Vec<(&str, &str)> = listed.iter().map(|name| (*name, value_of(name))).collect();
    let request = Request { method: "POST", path: "/ask", query: "", headers: &pairs, payload_digest: sha256(payload) };
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKSPTEST/{}, SignedHeaders={}, Signature={}",
        scope.text(),
        request.signed_headers(),
        hex::encode(scope.sign(SECRET, &request))
    );
    let own = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    own.chain([("authorization".to_owned(), authorization)]).collect()
}

const DATE: (&str, &str) = ("x-amz-date", "20261122T052401Z");
const NONCE: (&str, &str) = ("x-splitplane-nonce", "0123456789abcdef");
const TENANT: (&str, &str) = ("x-splitplane-tenant", "brand-a");
const LISTED: [&str; 4] = ["host", "x-amz-date", "x-splitplane-nonce", "x-splitplane-tenant"];

#[test]
fn proves_an_honest_context() {
    let identity = verify(&signed(), PAYLOAD).unwrap();
    assert_eq!((identity.tenant(), identity.business(), identity.subject()), ("brand-a", "chicago", "u-17"));
    assert_eq!((identity.key_id(), identity.nonce()), ("AKSPTEST", "0123456789abcdef"));
    assert_eq!((identity.dated(), identity.max_uses()), (NOW, 3));
    assert_eq!(*identity.payload_digest(), super::canonical::sha256(PAYLOAD));
    verify(&signed_as(&[DATE, NONCE, TENANT], &LISTED, PAYLOAD), PAYLOAD).unwrap();
}

#[test]
fn rejects_a_header_that_carries_meaning_but_is_not_signed() {
    for missing in LISTED {
        let listed: Vec<&str> = LISTED.into_iter().filter(|name| *name != missing).collect();
        let headers = signed_as(&[DATE, NONCE, TENANT], &listed, PAYLOAD);
        assert_eq!(refusal(&headers), ContextError::UnsignedHeader(missing));
    }
    for optional in ["x-splitplane-business", "x-splitplane-subject"] {
        for value in ["", "boston"] {
            let headers = signed_as(&[DATE, NONCE, TENANT, (optional, value)], &LISTED, PAYLOAD);
            assert_eq!(refusal(&headers), ContextError::UnsignedHeader(optional));
        }
    }
}

#[test]
fn rejects_a_missing_or_empty_required_header() {
    for name in ["x-amz-date", "x-splitplane-tenant", "x-splitplane-nonce"] {
        let mut headers = signed();
        remove(&mut headers, name);
        assert_eq!(refusal(&headers), ContextError::MissingHeader(name));
    }
    for name in ["tenant", "nonce"] {
        let name = format!("x-splitplane-{name}");
        let headers: Vec<_> =
            [DATE, NONCE, TENANT].map(|(given, value)| (given, if given == name { "" } else { value })).into();
        assert!(matches!(
            refusal(&signed_as(&headers, &LISTED, PAYLOAD)),
            ContextError::IdentityValue { .. } | ContextError::Nonce(_)
        ));
    }
}

#[test]
fn rejects_a_signed_header_that_is_not_there() {
    let headers = signed_as(
        &[DATE, NONCE, TENANT],
        &["host", "x-amz-date", "x-extra", "x-splitplane-nonce", "x-splitplane-tenant"],
        PAYLOAD,
    );
    assert_eq!(refusal(&headers), ContextError::SignedButMissing("x-extra".to_owned()));
}

/// Go's signer signs content-length and leaves it out of its header set.
#[test]
fn puts_the_payloads_length_where_a_signed_content_length_is_absent() {
    let length = PAYLOAD.len().to_string();
    let listed = ["content-length", "host", "x-amz-date", "x-splitplane-nonce", "x-splitplane-tenant"];
    let mut headers = signed_as(&[DATE, NONCE, TENANT, ("content-length", &length)], &listed, PAYLOAD);
    verify(&headers, PAYLOAD).unwrap();
    remove(&mut headers, "content-length");
    verify(&headers, PAYLOAD).unwrap();
    for length in ["", "0", "48", "049"] {
        let mut headers = signed_as(&[DATE, NONCE, TENANT, ("content-length", length)], &listed, PAYLOAD);
        remove(&mut headers, "content-length");
        assert!(matches!(refusal(&headers), ContextError::SignatureMismatch(_)), "{length:?}");
    }
    for changed in [&PAYLOAD[1..], b"", &[PAYLOAD, b" "].concat()] {
        assert!(matches!(verify(&headers, changed).unwrap_err(), ContextError::SignatureMismatch(_)));
    }
}

#[test]
fn says_which_request_was_expected() {
    for (audience, host) in [("analytics", "analytics"), ("ShopDB", "shopdb")] {
        let headers = sign(&SigningRequest { audience: host, ..request() });
        let refused = |payload: &[u8], audience| {
            let context = SignedContext::parse(&json_of(&headers)).unwrap();
            context.verify(Some(&key()), payload, &Policy { audience, ..policy() }).unwrap_err().to_string()
        };
        let expected = format!("POST https://{host}/ask");
        assert!(refused(b"another text", audience).contains(&expected));
        assert!(refused(PAYLOAD, "elsewhere").contains("POST https://elsewhere/ask"));
    }
}

/// What `sign` checks is what the verifier checks: nothing is signed that is refused for its ids, and nothing else is.
#[test]
fn signs_what_the_verifier_admits_and_nothing_else() {
    let long = "é".repeat(129);
    for value in [
        "brand-a",
        "O'Hara",
        "a b",
        "東京",
        "",
        "*",
        " ",
        "a  b",
        "a\u{a0}b",
        "a\u{200b}",
        "a\tb",
        &"a".repeat(257),
        &long,
    ] {
        for request in [
            SigningRequest { tenant: value, ..request() },
            SigningRequest { business: value, ..request() },
            SigningRequest { subject: value, ..request() },
            SigningRequest { conversation: value, ..request() },
        ] {
            let verified = verify(&sign(&request), PAYLOAD);
            assert_eq!(request.check().is_ok(), verified.is_ok(), "{request:?}: {:?}", verified.err());
        }
    }
}

#[test]
fn rejects_identity_values_with_two_readings_even_when_signed() {
    for tenant in ["*", "brand-*", " ", " brand-a", "brand-a ", "brand  a", "brand\u{a0}a", "brand-a\u{200b}"] {
        let headers = signed_as(&[DATE, NONCE, ("x-splitplane-tenant", tenant)], &LISTED, PAYLOAD);
        assert!(matches!(refusal(&headers), ContextError::IdentityValue { .. }), "{tenant:?}");
    }
}

#[test]
fn rejects_business_and_subject_by_the_rule_for_tenants() {
    for value in ["*", " ", "a  b", "a\u{a0}b", "a\u{200b}"] {
        for request in [SigningRequest { business: value, ..request() }, SigningRequest { subject: value, ..request() }]
        {
            assert!(matches!(refusal(&sign(&request)), ContextError::IdentityValue { .. }), "{value:?}");
        }
    }
}

#[test]
fn rejects_an_audience_that_no_url_can_name() {
    for audience in ["a b", "analytics/x", "u@analytics", "analytics?"] {
        for with_host in [true, false] {
            let mut headers = sign(&SigningRequest { audience, ..request() });
            if !with_host {
                remove(&mut headers, "host");
            }
            let context = SignedContext::parse(&json_of(&headers)).unwrap();
            let refusal = context.verify(Some(&key()), PAYLOAD, &Policy { audience, ..policy() }).unwrap_err();
            assert!(matches!(refusal, ContextError::Audience(_)), "{audience:?}");
        }
    }
}

/// SigV4 gives `chicago north` and `chicago  north` one signature; only the first is an identity.
#[test]
fn rejects_another_spelling_under_the_same_signature() {
    let headers = sign(&SigningRequest { business: "chicago north", ..request() });
    assert_eq!(verify(&headers, PAYLOAD).unwrap().business(), "chicago north");
    for spelling in ["chicago  north", " chicago north", "chicago north "] {
        let mut changed = headers.clone();
        set(&mut changed, "x-splitplane-business", spelling);
        assert!(matches!(refusal(&changed), ContextError::IdentityValue { .. }), "{spelling:?}");
    }
    let mut nonce = headers;
    set(&mut nonce, "x-splitplane-nonce", "0123456789abcdef ");
    assert!(matches!(refusal(&nonce), ContextError::Nonce(_)));
}

#[test]
fn puts_the_audience_where_host_is_absent_and_compares_it_where_it_is_not() {
    let mut headers = signed();
    remove(&mut headers, "host");
    verify(&headers, PAYLOAD).unwrap();
    for host in ["other", "analytics ", "", "analytics:443", "analytic\u{17f}"] {
        set(&mut headers, "host", host);
        assert!(matches!(refusal(&headers), ContextError::AnotherHost(_)), "{host:?}");
    }
    // Compared without case: the signer may have signed it in lower case and handed it over as it was.
    set(&mut headers, "host", "Analytics");
    verify(&headers, PAYLOAD).unwrap();
    // Whichever character it is.
    for position in 0.."analytics".len() {
        let mut spelling = "analytics".to_owned();
        spelling[position..=position].make_ascii_uppercase();
        set(&mut headers, "host", &spelling);
        verify(&headers, PAYLOAD).unwrap();
    }
    // The control: signed in another spelling than those that are tried.
    let another = sign(&SigningRequest { audience: "aNALYTICS", ..request() });
    let mut headers = another;
    set(&mut headers, "host", "Analytics");
    assert!(matches!(refusal(&headers), ContextError::SignatureMismatch(_)));
    let verify_for = |audience| {
        SignedContext::parse(&json_of(&signed())).unwrap().verify(
            Some(&key()),
            PAYLOAD,
            &Policy { audience, ..policy() },
        )
    };
    for audience in ["", "analytics ", "a b"] {
        assert!(matches!(verify_for(audience), Err(ContextError::Audience(_))), "{audience:?}");
    }
    assert!(matches!(verify_for("other"), Err(ContextError::AnotherHost(_))));
}

/// A database called ShopDB: some signers put the host in lower case, some hand it over, and each signs what it has.
#[test]
fn compares_host_without_case() {
    for audience in ["ShopDB", "shopdb"] {
        for host in ["ShopDB", "shopdb", "SHOPDB"] {
            let mut headers = sign(&SigningRequest { audience: host, ..request() });
            let verify_for = |headers: &Headers| {
                let context = SignedContext::parse(&json_of(headers)).unwrap();
                context.verify(Some(&key()), PAYLOAD, &Policy { audience, ..policy() }).map(drop)
            };
            assert_eq!(verify_for(&headers), Ok(()), "{host}");
            remove(&mut headers, "host");
            let known = host == audience || host == "shopdb";
            assert_eq!(verify_for(&headers).is_ok(), known, "{host} for {audience}, not handed over");
        }
    }
}

#[test]
fn rejects_declared_payload_hashes_other_than_the_payloads() {
    let honest = hex::encode(super::canonical::sha256(PAYLOAD));
    let mut headers = signed();
    set(&mut headers, "X-Amz-Content-SHA256", &honest);
    verify(&headers, PAYLOAD).unwrap();
    for declared in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        &honest.to_uppercase(),
    ] {
        set(&mut headers, "X-Amz-Content-SHA256", declared);
        assert!(matches!(refusal(&headers), ContextError::Payload(_)), "{declared}");
    }
}

#[test]
fn holds_the_clock_skew_at_its_edges() {
    let at = |now: i64, clock_skew: i64| {
        SignedContext::parse(&json_of(&signed())).unwrap().verify(
            Some(&Key { not_before: i64::MIN, not_after: i64::MAX, ..key() }),
            PAYLOAD,
            &Policy { now, clock_skew, ..policy() },
        )
    };
    at(NOW + 300, 300).unwrap();
    at(NOW - 300, 300).unwrap();
    at(NOW, 0).unwrap();
    for (now, skew) in [(NOW + 301, 300), (NOW - 301, 300), (NOW + 1, 0), (NOW, -1), (i64::MIN, 300), (i64::MAX, 300)] {
        assert_eq!(at(now, skew).unwrap_err(), ContextError::ClockSkew);
    }
}

#[test]
fn rejects_contexts_not_after_the_horizon() {
    let after = |horizon| {
        SignedContext::parse(&json_of(&signed())).unwrap().verify(
            Some(&key()),
            PAYLOAD,
            &Policy { horizon, ..policy() },
        )
    };
    after(NOW - 1).unwrap();
    assert_eq!(after(NOW).unwrap_err(), ContextError::ReplayHorizon);
    assert_eq!(after(NOW + 1).unwrap_err(), ContextError::ReplayHorizon);
}

#[test]
fn rejects_a_scope_of_another_day() {
    let mut headers = signed();
    let authorization =
        headers.iter().find(|(name, _)| name == "authorization").unwrap().1.replace("/20261122/", "/20261121/");
    set(&mut headers, "authorization", &authorization);
    assert!(matches!(refusal(&headers), ContextError::Scope(_)));
}

#[test]
fn holds_the_key_at_its_edges() {
    let with = |key: Option<Key>| {
        SignedContext::parse(&json_of(&signed())).unwrap().verify(key.as_ref(), PAYLOAD, &policy()).map(drop)
    };
    let tenants = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(with(None), Err(ContextError::UnknownKey));
    assert_eq!(with(Some(Key { not_before: NOW, not_after: NOW, ..key() })), Ok(()));
    assert_eq!(with(Some(Key { not_before: NOW + 1, ..key() })), Err(ContextError::KeyNotYetValid));
    assert_eq!(with(Some(Key { not_after: NOW - 1, ..key() })), Err(ContextError::KeyExpired));
    assert_eq!(with(Some(Key { revoked: true, ..key() })), Err(ContextError::KeyRevoked));
    assert_eq!(with(Some(Key { tenants: tenants(&["brand-b", "brand-a"]), ..key() })), Ok(()));
    for names in [&[][..], &["brand-b"], &["Brand-A"], &["brand-a "], &["*"]] {
        assert_eq!(with(Some(Key { tenants: tenants(names), ..key() })), Err(ContextError::KeyTenant), "{names:?}");
    }
    for secret in ["", "tests/only+secreT", "no such key, but as long as most"] {
        let wrong = Key { secret: Zeroizing::new(secret.to_owned()), revoked: true, ..key() };
        assert_eq!(
            with(Some(wrong)),
            Err(ContextError::SignatureMismatch("POST https://analytics/ask".to_owned())),
            "the key's state is told to its holder alone"
        );
    }
}

/// Signed with the stand-in secret itself: still no key.
#[test]
fn rejects_a_context_signed_with_the_stand_in_secret() {
    let headers = sign(&SigningRequest { secret: "no such key, but as long as most", ..request() });
    let context = SignedContext::parse(&json_of(&headers)).unwrap();
    assert_eq!(context.verify(None, PAYLOAD, &policy()).unwrap_err(), ContextError::UnknownKey);
}

#[test]
fn leaks_no_secret_in_debug_output() {
    let identity = verify(&signed(), PAYLOAD).unwrap();
    let signature = hex::encode(identity.signature());
    let shown = format!("{:?} {identity:?} {:?} {:?}", key(), request(), SignedContext::parse(&json_of(&signed())));
    for hidden in [SECRET, &signature, "0123456789abcdef", &format!("{:?}", identity.signature())] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

#[test]
fn ignores_ordinary_headers_that_are_not_signed() {
    let mut headers = signed();
    set(&mut headers, "User-Agent", "a  b");
    set(&mut headers, "Content-Length", "49");
    verify(&headers, PAYLOAD).unwrap();
}

fn identity_text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_.:@/'é東-]{1,20}( [a-z0-9,]{1,8}){0,2}"
}

proptest! {
    #[test]
    fn parse_never_panics_on_text(text in ".{0,200}") {
        let _ = SignedContext::parse(&text);
    }

    #[test]
    fn parse_never_panics_on_headers(
        headers in prop::collection::vec(("[A-Za-z_-]{0,12}|x-splitplane-(tenant|nonce)|authorization|host", ".{0,60}"), 0..8),
    ) {
        if let Ok(context) = SignedContext::parse(&json_of(&headers)) {
            prop_assert!(context.verify(Some(&key()), PAYLOAD, &policy()).is_err());
        }
    }

    #[test]
    fn parse_never_panics_on_authorization(
        text in "(AWS4-HMAC-SHA256 )?(Credential=[a-zA-Z0-9/_]{0,40}, ?)?(SignedHeaders=[a-z;-]{0,20}, ?)?(Signature=[0-9a-fA-F]{0,70})?.{0,5}",
    ) {
        let mut headers = signed();
        set(&mut headers, "authorization", &text);
        prop_assert!(verify(&headers, PAYLOAD).is_err());
    }

    #[test]
    fn what_is_signed_verifies(
        tenant in identity_text(), business in prop::option::of(identity_text()), subject in prop::option::of(identity_text()),
        nonce in "[!-~]{16,128}", payload in prop::collection::vec(any::<u8>(), 0..300), secret in "[ -~]{1,100}",
        dated in NOW - 300..=NOW + 300,
    ) {
        let (business, subject) = (business.unwrap_or_default(), subject.unwrap_or_default());
        let headers = sign(&SigningRequest {
            tenant: &tenant, business: &business, subject: &subject, nonce: &nonce, payload: &payload, secret: &secret, dated,
            ..request()
        });
        let context = SignedContext::parse(&json_of(&headers)).unwrap();
        let key = Key { secret: Zeroizing::new(secret), ..key() };
        let identity = context.verify(Some(&key), &payload, &policy()).unwrap();
        prop_assert_eq!(
            (identity.tenant(), identity.business(), identity.subject(), identity.nonce(), identity.dated()),
            (tenant.as_str(), business.as_str(), subject.as_str(), nonce.as_str(), dated)
        );
    }

    #[test]
    fn any_changed_byte_of_the_payload_refuses(position in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut payload = PAYLOAD.to_vec();
        payload[position.index(PAYLOAD.len())] ^= flip;
        prop_assert!(matches!(verify(&signed(), &payload), Err(ContextError::SignatureMismatch(_))));
    }

    #[test]
    fn any_added_or_dropped_byte_of_the_payload_refuses(position in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut longer = PAYLOAD.to_vec();
        longer.insert(position.index(PAYLOAD.len() + 1), byte);
        prop_assert!(verify(&signed(), &longer).is_err());
        let mut shorter = PAYLOAD.to_vec();
        shorter.remove(position.index(PAYLOAD.len()));
        prop_assert!(verify(&signed(), &shorter).is_err());
    }

    /// Whatever form the values are handed over in, and however often in another case, the identity is one.
    #[test]
    fn the_form_of_a_context_changes_nothing(forms in prop::collection::vec(0..4_usize, 8), in_string in any::<bool>()) {
        let headers = sign(&SigningRequest { tenant: "42", subject: "9007199254740993", ..request() });
        let members: Vec<String> = headers.iter().zip(&forms).flat_map(|((name, value), form)| {
            let text = serde_json::to_string(value).unwrap();
            let is_integer = value.bytes().all(|byte| byte.is_ascii_digit()) && !value.starts_with('0');
            match form {
                0 => vec![format!("\"{name}\":{text}")],
                1 => vec![format!("\"{name}\":[{text}]")],
                2 if is_integer => vec![format!("\"{name}\":{value}")],
                _ => vec![format!("\"{name}\":[{text}]"), format!("\"{}\":{text}", name.to_uppercase())],
            }
        }).collect();
        let object = format!("{{{}}}", members.join(","));
        let json = if in_string { serde_json::to_string(&object).unwrap() } else { object };
        let identity = SignedContext::parse(&json).unwrap().verify(Some(&key()), PAYLOAD, &policy()).unwrap();
        prop_assert_eq!((identity.tenant(), identity.subject()), ("42", "9007199254740993"));
    }

    /// Every header of the shared context is signed, the authorization header included in the sense that it signs.
    /// The host alone is compared without case.
    #[test]
    fn any_changed_character_of_a_header_refuses(
        header in any::<prop::sample::Index>(), position in any::<prop::sample::Index>(), replacement in any::<char>(),
    ) {
        let mut headers = signed();
        let index = header.index(headers.len());
        let mut characters: Vec<char> = headers[index].1.chars().collect();
        let position = position.index(characters.len());
        let is_same = match headers[index].0.as_str() {
            "host" => characters[position].eq_ignore_ascii_case(&replacement),
            _ => characters[position] == replacement,
        };
        prop_assume!(!is_same);
        characters[position] = replacement;
        headers[index].1 = characters.into_iter().collect();
        prop_assert!(verify(&headers, PAYLOAD).is_err());
    }

    #[test]
    fn any_inserted_character_in_a_header_refuses(
        header in any::<prop::sample::Index>(), position in any::<prop::sample::Index>(), inserted in any::<char>(),
    ) {
        let mut headers = signed();
        let index = header.index(headers.len() - 1);
        let mut characters: Vec<char> = headers[index].1.chars().collect();
        characters.insert(position.index(characters.len() + 1), inserted);
        headers[index].1 = characters.into_iter().collect();
        prop_assert!(verify(&headers, PAYLOAD).is_err());
    }
}
