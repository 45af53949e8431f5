//! What a header name, a header value, an identity value, a key id and an audience may look like.
//!
//! SigV4 signs values with outer blanks trimmed and inner runs of blanks collapsed, so two texts can share a signature.
//! Values that carry meaning must therefore be written in the one form that is signed; anything else is refused instead
//! of being normalised.

use super::ContextError;
use crate::characters::is_invisible;

pub(super) const AUTHORIZATION: &str = "authorization";
pub(super) const HOST: &str = "host";
pub(super) const CONTENT_LENGTH: &str = "content-length";
pub(super) const AMZ_DATE: &str = "x-amz-date";
pub(super) const AMZ_CONTENT_SHA256: &str = "x-amz-content-sha256";
pub(super) const TENANT: &str = "x-splitplane-tenant";
pub(super) const BUSINESS: &str = "x-splitplane-business";
pub(super) const SUBJECT: &str = "x-splitplane-subject";
pub(super) const NONCE: &str = "x-splitplane-nonce";
pub(super) const CONVERSATION: &str = "x-splitplane-conversation";

/// Every header of our own; another name with [`OWN_PREFIX`] is a refusal.
pub(super) const OWN_HEADERS: [&str; 5] = [TENANT, BUSINESS, SUBJECT, NONCE, CONVERSATION];
pub(super) const OWN_PREFIX: &str = "x-splitplane-";

/// Longest header name, in bytes.
const MAX_NAME_BYTES: usize = 128;
/// Longest tenant, business or subject, in bytes.
const MAX_IDENTITY_BYTES: usize = 256;
/// Longest access key id, in bytes.
const MAX_KEY_ID_BYTES: usize = 128;
/// Longest audience, in bytes: that of a DNS name, which is more than a database name has.
const MAX_AUDIENCE_BYTES: usize = 253;
/// Shortest and longest nonce, in characters (which are bytes: only visible ASCII is admitted).
const NONCE_CHARACTERS: std::ops::RangeInclusive<usize> = 16..=128;

/// Checks a header name as it was written and returns its lower-case form.
///
/// Only ASCII letters, digits, `-`, `_` and `.` are names: a look-alike character is a different name to us and the same
/// one to a reader. `x_splitplane_tenant` is refused since gateways fold `_` and `-` into each other.
pub(super) fn check_name(name: &str) -> Result<String, ContextError> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(ContextError::Malformed("a header name is empty or too long"));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err(ContextError::Malformed("a header name holds a character that no header name has"));
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with(OWN_PREFIX) {
        if !OWN_HEADERS.contains(&lower.as_str()) {
            return Err(ContextError::UnknownHeader(lower));
        }
    } else if lower.replace(['_', '.'], "-").starts_with(OWN_PREFIX) {
        return Err(ContextError::Malformed("an x-splitplane header name is not written with hyphens"));
    }
    Ok(lower)
}

/// Checks what holds for the value of any header: no control character, hence no second line in the canonical request.
pub(super) fn check_value(value: &str) -> Result<(), ContextError> {
    if value.chars().any(char::is_control) { Err(ContextError::ControlCharacter) } else { Ok(()) }
}

/// Checks the ids of one context: what `sign` signs and what the verifier admits.
///
/// # Errors
/// [`ContextError::IdentityValue`] for an empty tenant, and for what [`check_identity_value`] refuses.
pub fn check_ids(tenant: &str, business: &str, subject: &str) -> Result<(), ContextError> {
    if tenant.is_empty() {
        return Err(ContextError::IdentityValue { header: TENANT, reason: "is empty" });
    }
    [(TENANT, tenant), (BUSINESS, business), (SUBJECT, subject)].into_iter().try_for_each(|(header, value)| {
        check_identity_value(value).map_err(|reason| ContextError::IdentityValue { header, reason })
    })
}

/// Checks one tenant, business or subject: one rule for signing, verifying and registering.
///
/// The error is the reason. An empty value passes; whether it may be empty is the caller's question. Refused:
/// `*` (which means "any" in the register), control characters, blanks at either end or two in a row, blanks other than
/// the ASCII space (some signers fold them to a space), and invisible characters.
pub fn check_identity_value(value: &str) -> Result<(), &'static str> {
    if value.len() > MAX_IDENTITY_BYTES {
        return Err("is longer than 256 bytes");
    }
    if value.contains('*') {
        return Err("holds '*', which stands alone for any and is no part of an id");
    }
    if value.chars().any(char::is_control) {
        return Err("holds a control character");
    }
    if value.chars().any(|character| (character.is_whitespace() && character != ' ') || is_unseen(character)) {
        return Err("holds a blank other than the space, or an invisible character");
    }
    if value.starts_with(' ') || value.ends_with(' ') || value.contains("  ") {
        return Err("holds a blank at an end, or two in a row");
    }
    Ok(())
}

/// What makes two identifiers look like one. The braille blank is a character to Unicode that is drawn; it is drawn as nothing.
fn is_unseen(character: char) -> bool {
    is_invisible(character) || character == '\u{2800}'
}

/// Checks the nonce: 16 to 128 characters of visible ASCII.
pub(super) fn check_nonce(nonce: &str) -> Result<(), ContextError> {
    if !NONCE_CHARACTERS.contains(&nonce.len()) {
        return Err(ContextError::Nonce("not 16 to 128 characters"));
    }
    if !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ContextError::Nonce("holds a character that is not visible ASCII"));
    }
    Ok(())
}

/// Reads the conversation that a context is signed for: a UUID, returned in its canonical form.
pub(super) fn read_conversation(text: &str) -> Result<String, ContextError> {
    let read = uuid::Uuid::try_parse(text).map(|id| id.to_string());
    read.map_err(|_| ContextError::IdentityValue { header: CONVERSATION, reason: "is not a UUID" })
}

/// True for a text that can be an access key id: 1 to 128 ASCII letters, digits, `_`, `-` or `.`.
///
/// Signers of all languages put such an id into the credential unchanged, and it has one spelling only.
#[must_use]
pub fn is_key_id(text: &str) -> bool {
    (1..=MAX_KEY_ID_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// Checks that an audience can stand in a URL as its host: visible ASCII, none of the characters that end a host.
///
/// Upper case is admitted, since a host is compared without case.
pub fn check_audience(audience: &str) -> Result<(), ContextError> {
    if audience.is_empty() || audience.len() > MAX_AUDIENCE_BYTES {
        return Err(ContextError::Audience("the configured audience is empty or too long"));
    }
    if !audience.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\\?#@,;\"".contains(&byte)) {
        return Err(ContextError::Audience("the configured audience holds a character that no host has"));
    }
    Ok(())
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use super::*;

    #[test]
    fn lower_cases_plain_names() {
        assert_eq!(check_name("X-Amz-Date").unwrap(), "x-amz-date");
        assert_eq!(check_name("X-SplitPlane-Tenant").unwrap(), TENANT);
        assert_eq!(check_name("my_header.v1").unwrap(), "my_header.v1");
    }

    #[test]
    fn rejects_look_alike_and_folded_names_as_malformed() {
        for name in [
            "x\u{2011}splitplane\u{2011}tenant",
            "x-splitpl\u{0430}ne-tenant",
            "x_splitplane_tenant",
            "X-Splitplane_Tenant",
            "x.splitplane.tenant",
            "",
            "a b",
            "a:b",
            "a;b",
            "a\nb",
        ] {
            assert!(check_name(name).unwrap_err().is_malformed(), "{name:?}");
        }
        assert!(check_name(&"a".repeat(129)).unwrap_err().is_malformed());
    }

    #[test]
    fn rejects_unknown_own_headers() {
        for name in ["x-splitplane-role", "X-SPLITPLANE-", "x-splitplane-tenant_"] {
            assert_eq!(check_name(name), Err(ContextError::UnknownHeader(name.to_lowercase())), "{name:?}");
        }
    }

    #[test]
    fn admits_ordinary_identity_values() {
        for value in ["", "brand-a", "Chicago North", "O'Hara", "CN=Ann,OU=Ops", "münchen", "東京", "1 OR 1=1"] {
            check_identity_value(value).unwrap();
        }
    }

    #[test]
    fn rejects_identity_values_with_two_readings() {
        for value in [
            "*",
            "a*",
            " a",
            "a ",
            "a  b",
            "a\tb",
            "a\nb",
            "a\r\n b",
            "a\0",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{a0}b",
            "a\u{2028}b",
            "a\u{200b}",
            "\u{202e}a",
            "\u{feff}a",
            "a\u{1d173}",
            "a\u{1bca0}b",
            "a\u{2800}b",
            "a\u{3000}b",
            " ",
        ] {
            assert!(check_identity_value(value).is_err(), "{value:?}");
            for ids in [(value, "", ""), ("a", value, ""), ("a", "", value)] {
                let refused = check_ids(ids.0, ids.1, ids.2);
                assert!(matches!(refused, Err(ContextError::IdentityValue { .. })), "{ids:?}");
            }
        }
        assert!(check_identity_value(&"a".repeat(257)).is_err());
        check_identity_value(&"a".repeat(256)).unwrap();
        // Bytes, not characters.
        assert!(check_identity_value(&"é".repeat(129)).is_err());
        check_identity_value(&"é".repeat(128)).unwrap();
    }

    #[test]
    fn bounds_the_nonce() {
        assert!(check_nonce(&"n".repeat(15)).is_err());
        check_nonce(&"n".repeat(16)).unwrap();
        check_nonce(&"n".repeat(128)).unwrap();
        assert!(check_nonce(&"n".repeat(129)).is_err());
        assert!(check_nonce("0123456789abcde f").is_err());
        assert!(check_nonce("0123456789abcdé").is_err());
        assert!(check_nonce("0123456789abcdef\n").is_err());
    }

    #[test]
    fn reads_conversations_in_any_spelling_of_a_uuid() {
        for text in ["0193A6F0-1111-7000-8000-000000000001", "0193a6f0-1111-7000-8000-000000000001"] {
            assert_eq!(read_conversation(text).unwrap(), "0193a6f0-1111-7000-8000-000000000001");
        }
        for text in ["", "x", "0193a6f0-1111-7000-8000-00000000000", "0193a6f0-1111-7000-8000-0000000000011"] {
            assert!(read_conversation(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn tells_key_ids_and_audiences() {
        assert!(is_key_id("AKSP-1.a_b"));
        for text in ["", "a b", "a/b", "x' UNION", "a,b", "é", "a\0"] {
            assert!(!is_key_id(text), "{text:?}");
        }
        assert!(!is_key_id(&"a".repeat(129)));
        check_audience("analytics").unwrap();
        check_audience("my_db:8443").unwrap();
        for text in ["", "a b", "a/b", "u@a", "a?b", "a#b", "é", "a\nb"] {
            assert!(check_audience(text).is_err(), "{text:?}");
        }
    }
}
