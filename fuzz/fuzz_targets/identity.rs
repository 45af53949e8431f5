//! Contexts, claims and sealed secrets. The first byte says what the rest is; ../README.md has the forms.
//!
//! Besides not panicking: a context that was not signed with the key is refused, one that was is verified exactly if
//! each of its parts is admissible, and no change to it survives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use splitplane::identity::principal::check_claims;
use splitplane::identity::{
    Key, MAX_CONTEXT_BYTES, Policy, Principal, PrincipalRow, SignedContext, SigningRequest, check_audience,
    check_identity_value, is_key_id, seal, sign,
};
use splitplane_fuzz::{json, planted, watch};
use zeroize::Zeroizing;

/// Never in a seed, so that nothing a fuzzer writes is signed with it.
const SECRET: &str = "known to the target alone";
const MASTER: [u8; 32] = [7; 32];

fuzz_target!(init: watch::begin(), |data: &[u8]| watch::unit(data.len(), || {
    match data.split_first() {
        Some((b'{', _)) => context(&String::from_utf8_lossy(data)),
        Some((b's', fields)) => signed(&String::from_utf8_lossy(fields)),
        Some((b'c', claims)) => registered(&String::from_utf8_lossy(claims)),
        Some((b'k', sealed)) => sealed_secret(sealed),
        _ => context(&String::from_utf8_lossy(data)),
    }
}));

fn key(secret: &str) -> Key {
    Key {
        secret: Zeroizing::new(secret.to_owned()),
        not_before: i64::MIN,
        not_after: i64::MAX,
        revoked: false,
        tenants: None,
        max_uses: 1,
    }
}

/// A policy that no date fails, so that every rule behind the dates is reached.
fn any_date(audience: &str) -> Policy<'_> {
    Policy { audience, now: 0, clock_skew: i64::MAX, horizon: i64::MIN }
}

fn context(text: &str) {
    let parse = || SignedContext::parse(text);
    let parsed = match parse() {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(!error.to_string().chars().any(char::is_control));
            return;
        }
    };
    assert!(text.len() <= MAX_CONTEXT_BYTES && is_key_id(parsed.key_id()));
    let object = serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned());
    assert!(!json::repeats_a_name(object.as_bytes()), "a context with a header given twice");
    let _ = format!("{parsed:?}");
    let audience = ["analytics", "localhost:8443", "A b"];
    for audience in audience {
        for payload in ["", "Which stores had the highest void rate last week?"] {
            for key in [None, Some(key(SECRET))] {
                let Ok(again) = parse() else { panic!("two answers to one text") };
                let verified = again.verify(key.as_ref(), payload.as_bytes(), &any_date(audience));
                assert!(verified.is_err(), "a forged context");
            }
        }
    }
    // A narrow policy, for the arithmetic at its edges.
    for now in [i64::MIN, -1, 0, 1_795_325_041, i64::MAX] {
        for clock_skew in [i64::MIN, -1, 0, 300, i64::MAX] {
            let Ok(again) = parse() else { panic!("two answers to one text") };
            let policy = Policy { audience: "analytics", now, clock_skew, horizon: now };
            assert!(again.verify(Some(&key(SECRET)), b"", &policy).is_err(), "a forged context");
        }
    }
}

/// Lines: tenant, business, subject, conversation, nonce, key id, audience, region, date in seconds; the rest is the payload and the
/// claims in one.
fn signed(text: &str) {
    let mut lines = text.splitn(10, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let [tenant, business, subject, conversation, nonce, key_id, audience, region, dated, payload] =
        std::array::from_fn(|_| next());
    let dated = dated.parse().unwrap_or(1_795_325_041);
    let request = SigningRequest {
        key_id,
        secret: SECRET,
        audience,
        region,
        tenant,
        business,
        subject,
        conversation,
        nonce,
        dated,
        payload: payload.as_bytes(),
    };
    let headers = sign(&request);
    let text = json_of(&headers);
    let verified = |text: &str, secret: &str, payload: &str| {
        SignedContext::parse(text).and_then(|context| {
            assert_eq!(context.key_id(), key_id);
            context.verify(Some(&key(secret)), payload.as_bytes(), &any_date(audience))
        })
    };
    let identity = verified(&text, SECRET, payload);
    assert_eq!(
        identity.is_ok(),
        verified(&in_other_form(&headers), SECRET, payload).is_ok(),
        "one context in two forms"
    );
    let may = admissible(&request) && text.len() <= MAX_CONTEXT_BYTES;
    assert_eq!(identity.is_ok(), may, "{:?}", identity.err());
    let Ok(identity) = identity else { return };
    assert_eq!((identity.tenant(), identity.business(), identity.subject()), (tenant, business, subject));
    assert_eq!((identity.nonce(), identity.key_id()), (nonce, key_id));
    assert_eq!(identity.dated(), dated.clamp(0, 253_402_300_799));

    let other = if planted::is("identity") { SECRET } else { "another secret" };
    assert!(verified(&text, other, payload).is_err(), "signed with another secret");
    assert!(verified(&text, SECRET, &format!("{payload} ")).is_err(), "another payload");
    for name in ["x-splitplane-tenant", "x-splitplane-business", "x-splitplane-subject", "x-splitplane-nonce"] {
        let mut changed = headers.clone();
        changed.retain(|(given, _)| given != name);
        changed.push((name.to_owned(), "another-value-of-28-letters".to_owned()));
        let same = headers.iter().any(|(given, value)| given == name && value == "another-value-of-28-letters");
        assert!(same || verified(&json_of(&changed), SECRET, payload).is_err(), "{name} changed");
    }

    let row = |business: &str, subject: &str, claims: &str, enabled| PrincipalRow {
        tenant: tenant.to_owned(),
        business: business.to_owned(),
        subject: subject.to_owned(),
        claims: claims.to_owned(),
        enabled,
    };
    let rows = vec![row("*", "*", "{\"wide\":1}", true), row(business, subject, payload, true)];
    match Principal::resolve(identity, rows) {
        Ok(principal) => {
            // An empty name in a row names the empty business, not any.
            assert!(check_claims(payload).is_ok(), "claims that would not be registered");
            assert!(principal.claim("wide").is_none() || payload.contains("wide"), "the wider row decided");
            assert!(principal.claim("tenant").is_some());
        }
        Err(_) => assert!(check_claims(payload).is_err(), "claims that were registered"),
    }
    for claims in ["{}", payload] {
        if let Ok(identity) = verified(&text, SECRET, payload) {
            let rows = vec![row("*", "*", "{}", true), row(business, subject, claims, false)];
            assert!(Principal::resolve(identity, rows).is_err(), "a disabled principal");
        }
    }
}

/// What the documentation says of each part, where the code has no public check for it.
fn admissible(request: &SigningRequest<'_>) -> bool {
    let is_region = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let identity = [request.tenant, request.business, request.subject];
    identity.iter().all(|value| check_identity_value(value).is_ok())
        && !request.tenant.is_empty()
        && (request.conversation.is_empty() || uuid::Uuid::try_parse(request.conversation).is_ok())
        && (16..=128).contains(&request.nonce.len())
        && request.nonce.bytes().all(|byte| byte.is_ascii_graphic())
        && is_key_id(request.key_id)
        && check_audience(request.audience).is_ok()
        && (1..=64).contains(&request.region.len())
        && request.region.bytes().all(is_region)
}

fn json_of(headers: &[(String, String)]) -> String {
    let object: serde_json::Map<String, serde_json::Value> =
        headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    serde_json::Value::Object(object).to_string()
}

/// The same context as other signers and drivers hand it over: lists, names in another case, all of it in a string.
fn in_other_form(headers: &[(String, String)]) -> String {
    let object: serde_json::Map<String, serde_json::Value> =
        headers.iter().map(|(name, value)| (name.to_ascii_uppercase(), vec![value.as_str()].into())).collect();
    serde_json::Value::String(serde_json::Value::Object(object).to_string()).to_string()
}

fn registered(claims: &str) {
    let answer = check_claims(claims);
    assert_eq!(answer.is_ok(), check_claims(claims).is_ok());
    if answer.is_ok() {
        let Ok(serde_json::Value::Object(object)) = serde_json::from_str(claims) else { panic!("claims of no object") };
        for name in object.keys() {
            assert!((1..=63).contains(&name.len()) && !["tenant", "business", "subject"].contains(&name.as_str()));
        }
    }
}

fn sealed_secret(bytes: &[u8]) {
    assert!(seal::open(&MASTER, "AKSPFUZZ", bytes).is_err(), "opened what was never sealed");
    let (nonce, text) = bytes.split_at_checked(24).unwrap_or((&[0; 24], bytes));
    let secret = String::from_utf8_lossy(text);
    let Ok(nonce) = nonce.try_into() else { return };
    let mut sealed = seal::seal(&MASTER, nonce, "AKSPFUZZ", &secret);
    assert_eq!(seal::open(&MASTER, "AKSPFUZZ", &sealed).as_ref().map(|opened| opened.as_str()), Ok(&*secret));
    assert!(seal::open(&MASTER, "AKSPOTHER", &sealed).is_err(), "moved to another key id");
    let place = usize::from(bytes.first().copied().unwrap_or(0)) % sealed.len();
    if let Some(byte) = sealed.get_mut(place) {
        *byte ^= 1;
    }
    assert!(seal::open(&MASTER, "AKSPFUZZ", &sealed).is_err(), "a changed bit");
}
