//! SigV4's arithmetic: canonical request, string to sign, key derivation, signature.
//!
//! Method, path, query and service are parameters, so that AWS's own published vectors can be run on the very code that
//! verifies a context; only `verify` and `sign` fix them.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::timestamp::Timestamp;

/// The only algorithm there is.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The last part of every credential scope.
pub(super) const TERMINATOR: &str = "aws4_request";

/// SHA-256's block, to which HMAC pads its key.
const BLOCK_BYTES: usize = 64;

/// A request as it is signed. `headers` are lower-case names with raw values, sorted by name, each name once.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) payload_digest: [u8; 32],
}

/// What a signing key is derived for.
pub(super) struct Scope<'a> {
    pub(super) timestamp: &'a Timestamp,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

impl Request<'_> {
    /// The canonical request, whose header block ends with an empty line.
    pub(super) fn canonical(&self) -> String {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}:{}\n", canonical_value(value))).collect();
        format!(
            "{}\n{}\n{}\n{headers}\n{}\n{}",
            self.method,
            self.path,
            self.query,
            self.signed_headers(),
            hex::encode(self.payload_digest)
        )
    }

    /// The names of the headers, as the authorization header lists them.
    pub(super) fn signed_headers(&self) -> String {
        self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
    }
}

impl Scope<'_> {
    /// The credential scope without the key id.
    pub(super) fn text(&self) -> String {
        format!("{}/{}/{}/{TERMINATOR}", self.timestamp.day(), self.region, self.service)
    }

    /// The text that the signature is made of.
    pub(super) fn string_to_sign(&self, request: &Request<'_>) -> String {
        let digest = hex::encode(sha256(request.canonical().as_bytes()));
        format!("{ALGORITHM}\n{}\n{}\n{digest}", self.timestamp.text(), self.text())
    }

    /// The signature of a request under a secret.
    pub(super) fn sign(&self, secret: &str, request: &Request<'_>) -> [u8; 32] {
        hmac_sha256(&*self.signing_key(secret), self.string_to_sign(request).as_bytes())
    }

    fn signing_key(&self, secret: &str) -> Zeroizing<[u8; 32]> {
        let prefixed = Zeroizing::new(["AWS4", secret].concat());
        [self.timestamp.day(), self.region, self.service, TERMINATOR]
            .iter()
            .skip(1)
            .fold(Zeroizing::new(hmac_sha256(prefixed.as_bytes(), self.timestamp.day().as_bytes())), |key, part| {
                Zeroizing::new(hmac_sha256(&*key, part.as_bytes()))
            })
    }
}

/// A header value as it is signed: outer blanks off, inner runs of blanks made one.
///
/// Only the ASCII space counts here: other blanks are control characters, which no context may hold, or Unicode's, on
/// which signers disagree (such a signature fails, which is the safe side).
pub(super) fn canonical_value(value: &str) -> String {
    value.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

pub(super) fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

/// HMAC-SHA256 for a key of any length.
///
/// The key is brought to one block as RFC 2104 says, since the constructor for a key of that length cannot fail: a
/// verifier could not handle an error here.
fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut block = Zeroizing::new([0_u8; BLOCK_BYTES]);
    if key.len() > BLOCK_BYTES {
        let digest = Zeroizing::new(sha256(key));
        block.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    } else {
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    }
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    mac.update(data);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hmac_matches_rfc_4231() {
        for (key, data, expected) in [
            (vec![0x0b; 20], b"Hi There".to_vec(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(hex::encode(hmac_sha256(&key, &data)), expected);
        }
    }

    #[test]
    fn get_vanilla_gives_the_published_signature() {
        let timestamp = Timestamp::parse("20150830T123600Z").unwrap();
        let scope = Scope { timestamp: &timestamp, region: "us-east-1", service: "service" };
        let request = Request {
            method: "GET",
            path: "/",
            query: "",
            headers: &[("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")],
            payload_digest: sha256(b""),
        };
        assert_eq!(
            hex::encode(scope.sign("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", &request)),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
    }

    #[test]
    fn trims_and_collapses_values() {
        for (raw, canonical) in [
            ("", ""),
            ("   ", ""),
            (" a ", "a"),
            ("a   b  c", "a b c"),
            ("\"a   b\"", "\"a b\""),
            ("a\u{a0}b", "a\u{a0}b"),
        ] {
            assert_eq!(canonical_value(raw), canonical);
        }
    }

    proptest! {
        #[test]
        fn canonical_values_have_no_spare_blank(raw in "[ a-c\"é]{0,40}") {
            let canonical = canonical_value(&raw);
            prop_assert!(!canonical.starts_with(' ') && !canonical.ends_with(' ') && !canonical.contains("  "));
            prop_assert_eq!(canonical_value(&canonical), canonical.clone());
            prop_assert_eq!(canonical.replace(' ', ""), raw.replace(' ', ""));
        }
    }
}
