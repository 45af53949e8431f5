//! The token: whose rows a call may see, for a node that keeps them and did not see the call's context.
//!
//!     2.<key id>.<expiry>.<claims>.<MAC>
//!
//! Expiry in microseconds since 1970; claims and MAC in base64 for URLs. The MAC is HMAC-SHA256 under the cluster's key over
//! the cluster's and the key's name, the database, the expiry and the claims, each with its length before it, so that no
//! two sets of fields give the same bytes. It is a bearer token: whoever has it and may log in as the reader on a node
//! can use it until it expires.

use super::keys::{ClusterKey, ClusterKeys};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Longest token, in bytes: it is part of statements, so it has to stay small.
pub const MAX_BYTES: usize = 64 * 1_024;
/// Longest time from now to an expiry that a token may have: the longest deadline, and some seconds.
const MAX_MICROSECONDS_AHEAD: i64 = 3_700 * 1_000_000;

const DOMAIN: &[u8] = b"splitplane cluster token";
const VERSION: &str = "2";

/// What a token says, once it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The claims, as they were sealed.
    pub claims: Vec<u8>,
    /// Microseconds since 1970 from which on it is worth nothing.
    pub expires: i64,
}

/// Makes the token of a call; `None` if it would be longer than a statement should be.
#[must_use]
pub fn seal(keys: &ClusterKeys, database: &str, expires: i64, claims: &[u8]) -> Option<String> {
    let key = keys.signing();
    let mac = BASE64.encode(mac(key, &keys.cluster, database, expires, claims)?);
    let text = format!("{VERSION}.{}.{expires}.{}.{mac}", key.id, BASE64.encode(claims));
    (text.len() <= MAX_BYTES).then_some(text)
}

/// Verifies a token. `None` for whatever is not one of this cluster's, for this database, at this moment.
#[must_use]
pub fn open(keys: &ClusterKeys, database: &str, now: i64, token: &str) -> Option<Verified> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let fields: Vec<&str> = token.split('.').collect();
    let [VERSION, id, expiry, claims, given] = fields.as_slice() else { return None };
    let expires: i64 = expiry.parse().ok().filter(|expires: &i64| expires.to_string() == *expiry)?;
    let claims = BASE64.decode(claims).ok()?;
    let expected = mac(keys.named(id)?, &keys.cluster, database, expires, &claims)?;
    let given = BASE64.decode(given).ok()?;
    let is_genuine = bool::from(expected.as_slice().ct_eq(&given));
    let is_valid = now < expires && expires.saturating_sub(now) <= MAX_MICROSECONDS_AHEAD;
    (is_genuine && is_valid).then_some(Verified { claims, expires })
}

fn mac(key: &ClusterKey, cluster: &str, database: &str, expires: i64, claims: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.secret.as_slice()).ok()?;
    let version = VERSION.as_bytes();
    let (cluster, id, database) = (cluster.as_bytes(), key.id.as_bytes(), database.as_bytes());
    for field in [DOMAIN, version, cluster, id, database, &expires.to_be_bytes(), claims] {
        mac.update(&u64::try_from(field.len()).ok()?.to_be_bytes());
        mac.update(field);
    }
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CLAIMS: &[u8] = br#"{"tenant":"brand-a","shops":["1","2"]}"#;
    const SECOND: i64 = 1_000_000;
    const NOW: i64 = 1_795_000_000 * SECOND;

    fn keys(text: &str) -> ClusterKeys {
        let digits = |byte: u8| hex::encode([byte; 32]);
        let text = text.replace("ONE", &digits(1)).replace("TWO", &digits(2)).replace("THREE", &digits(3));
        ClusterKeys::parse(&text).unwrap()
    }

    fn shop() -> ClusterKeys {
        keys("cluster shop\nkey a ONE")
    }

    fn token() -> String {
        seal(&shop(), "db", NOW + 15 * SECOND, CLAIMS).unwrap()
    }

    #[test]
    fn opens_what_was_sealed() {
        let verified = open(&shop(), "db", NOW, &token()).unwrap();
        assert_eq!(verified, Verified { claims: CLAIMS.to_vec(), expires: NOW + 15 * SECOND });
        assert!(token().bytes().all(|letter| letter.is_ascii_alphanumeric() || b"._-".contains(&letter)));
    }

    #[test]
    fn rejects_another_database_cluster_key_or_moment() {
        let (keys_of, ours) = (keys, token());
        assert!(open(&shop(), "other", NOW, &ours).is_none());
        assert!(open(&shop(), "", NOW, &ours).is_none());
        assert!(open(&keys_of("cluster shops\nkey a ONE"), "db", NOW, &ours).is_none());
        assert!(open(&keys_of("cluster shop\nkey a TWO"), "db", NOW, &ours).is_none());
        assert!(open(&keys_of("cluster shop\nkey b ONE"), "db", NOW, &ours).is_none());
        assert!(open(&shop(), "db", NOW + 15 * SECOND - 1, &ours).is_some());
        assert!(open(&shop(), "db", NOW + 15 * SECOND, &ours).is_none());
        assert!(open(&shop(), "db", i64::MAX, &ours).is_none());
        assert!(open(&shop(), "db", NOW - 3_700 * SECOND, &ours).is_none(), "valid for longer than any call takes");
    }

    #[test]
    fn accepts_both_keys_while_they_are_changed() {
        let both = keys("cluster shop\nkey b TWO\nkey a ONE");
        assert!(open(&both, "db", NOW, &token()).is_some());
        let new = seal(&both, "db", NOW + SECOND, CLAIMS).unwrap();
        assert!(new.starts_with("2.b."));
        assert!(open(&shop(), "db", NOW, &new).is_none());
        assert!(open(&keys("cluster shop\nkey c THREE\nkey b TWO"), "db", NOW, &new).is_some());
    }

    #[test]
    fn rejects_what_is_cut_or_put_together() {
        let ours = token();
        for length in 0..ours.len() {
            assert!(open(&shop(), "db", NOW, &ours[..length]).is_none(), "{length}");
        }
        let other = seal(&shop(), "db", NOW + 15 * SECOND, br#"{"tenant":"brand-b"}"#).unwrap();
        let (ours, other): (Vec<&str>, Vec<&str>) = (ours.split('.').collect(), other.split('.').collect());
        for field in 3..5 {
            let mut mixed = ours.clone();
            mixed[field] = other[field];
            assert!(open(&shop(), "db", NOW, &mixed.join(".")).is_none(), "{field}");
        }
        for expiry in ["+1795000015000000", "01795000015000000", "1795000016000000", "99999999999999999999", ""] {
            let mut mixed = ours.clone();
            mixed[2] = expiry;
            assert!(open(&shop(), "db", NOW, &mixed.join(".")).is_none(), "{expiry}");
        }
    }

    #[test]
    fn makes_none_that_is_too_long() {
        assert!(seal(&shop(), "db", NOW, &vec![b'a'; MAX_BYTES]).is_none());
        assert!(open(&shop(), "db", NOW, &"2.".repeat(MAX_BYTES)).is_none());
    }

    proptest! {
        #[test]
        fn any_changed_letter_refuses(place in any::<prop::sample::Index>(), letter in "[A-Za-z0-9._-]") {
            let ours = token();
            let place = place.index(ours.len());
            let mut changed = ours.clone();
            changed.replace_range(place..=place, &letter);
            prop_assume!(changed != ours);
            prop_assert!(open(&shop(), "db", NOW, &changed).is_none());
        }

        #[test]
        fn fields_do_not_run_together(database in "[a-z.]{0,8}", other in "[a-z.]{0,8}", claims in any::<Vec<u8>>()) {
            let sealed = seal(&shop(), &database, NOW + SECOND, &claims).unwrap();
            prop_assert_eq!(open(&shop(), &database, NOW, &sealed).unwrap().claims, claims);
            prop_assert_eq!(open(&shop(), &other, NOW, &sealed).is_some(), database == other);
        }

        #[test]
        fn never_panics(text in "\\PC{0,120}", now in any::<i64>()) {
            prop_assert!(open(&shop(), "db", now, &text).is_none());
        }
    }
}
