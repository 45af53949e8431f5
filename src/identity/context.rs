//! The context as it was passed: a JSON object of header names to strings, read and bounded but not yet believed.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::ContextError;
use super::authorization::Authorization;
use super::header::{self, AUTHORIZATION};

/// Longest context, in bytes of its JSON text.
pub const MAX_CONTEXT_BYTES: usize = 32 * 1024;
/// Longest value of one header, in bytes. Session tokens are the longest honest ones.
const MAX_VALUE_BYTES: usize = 8 * 1024;
/// Most headers of one context.
const MAX_HEADERS: usize = 64;

/// The service that a context is signed for, the fourth part of its credential scope.
pub(super) const SERVICE: &str = "splitplane";

/// Requires: JSON text. Produces: the headers by lower-case name, with a readable authorization header.
///
/// Only the key id can be seen from outside, to fetch the key with: all else is a claim until
/// [`verify`](SignedContext::verify) has consumed the context.
pub struct SignedContext {
    /// By lower-case name; never holds the authorization header, which is in `authorization`.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) authorization: Authorization,
}

impl SignedContext {
    /// Reads the JSON text of a context, as `jsonb` prints it.
    ///
    /// # Errors
    /// [`ContextError::Malformed`] for anything but an object of strings within bounds with header names as keys; other
    /// variants for headers that are given twice, unknown `x-splitplane-*` headers, control characters, and an
    /// authorization header that is missing or not in the one form that is read.
    pub fn parse(json: &str) -> Result<Self, ContextError> {
        if json.len() > MAX_CONTEXT_BYTES {
            return Err(ContextError::Malformed("too large"));
        }
        let Ok(Value::Object(object)) = serde_json::from_str(json) else {
            return Err(ContextError::Malformed("not a JSON object"));
        };
        if object.len() > MAX_HEADERS {
            return Err(ContextError::Malformed("too many headers"));
        }
        let members = object.len();
        let mut headers = BTreeMap::new();
        for (name, value) in object {
            let Value::String(value) = value else {
                return Err(ContextError::Malformed("a header value is not a string"));
            };
            if value.len() > MAX_VALUE_BYTES {
                return Err(ContextError::Malformed("a header value is too long"));
            }
            let name = header::check_name(&name)?;
            header::check_value(&value)?;
            if headers.insert(name, value).is_some() {
                return Err(ContextError::DuplicateHeader);
            }
        }
        if count_members(json) != members {
            return Err(ContextError::DuplicateHeader);
        }
        let authorization = headers.remove(AUTHORIZATION).ok_or(ContextError::MissingHeader(AUTHORIZATION))?;
        Ok(Self { headers, authorization: Authorization::parse(&authorization, SERVICE)? })
    }

    /// The key id that the context claims to be signed with.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.authorization.key_id
    }

    /// A header's value, by lower-case name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The value of a header that every context carries.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, ContextError> {
        self.header(name).ok_or(ContextError::MissingHeader(name))
    }
}

/// Counts the members of a flat JSON object as they are written, by the colons outside strings.
///
/// The JSON reader keeps the last of two members with one name and says nothing. `jsonb` has done the same before, but
/// whoever passes `json` text must not get a context whose signer saw the first.
fn count_members(json: &str) -> usize {
    let (mut members, mut in_string, mut escaped) = (0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b':' if !in_string => members += 1,
            _ => {}
        }
    }
    members
}

/// Shows the key id alone: values are unverified and the signature is a bearer's token.
impl fmt::Debug for SignedContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SignedContext").field("key_id", &self.key_id()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use super::*;
    use crate::identity::testing::{json_of, signed};

    #[test]
    fn reads_what_the_signer_writes() {
        let context = SignedContext::parse(&json_of(&signed())).unwrap();
        assert_eq!(context.key_id(), "AKSPTEST");
        assert_eq!(format!("{context:?}"), "SignedContext { key_id: \"AKSPTEST\", .. }");
    }

    #[test]
    fn rejects_other_shapes_as_malformed() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_CONTEXT_BYTES));
        let wide = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_VALUE_BYTES + 1));
        let many: Vec<String> = (0..=MAX_HEADERS).map(|number| format!("\"h{number}\":\"\"")).collect();
        let many = format!("{{{}}}", many.join(","));
        for json in [
            "",
            " ",
            "null",
            "[]",
            "\"x\"",
            "1",
            "{",
            "{\"a\":1}",
            "{\"a\":null}",
            "{\"a\":[\"b\"]}",
            "{\"a\":{}}",
            "{\"a\":true}",
            "{\"x-splitplane-tenant\":1.0}",
            "{\"\":\"\"}",
            "{\"a\":\"\"}x",
            "{\"x_splitplane_tenant\":\"a\"}",
            "{\"a\":\"\\ud800\"}",
            &deep,
            &long,
            &wide,
            &many,
        ] {
            assert!(SignedContext::parse(json).unwrap_err().is_malformed(), "{:.60}", json);
        }
    }

    #[test]
    fn rejects_a_context_too_large_as_a_whole() {
        let large: Vec<String> =
            (0..5).map(|number| format!("\"h{number}\":\"{}\"", "x".repeat(MAX_VALUE_BYTES))).collect();
        let large = format!("{{{}}}", large.join(","));
        assert_eq!(SignedContext::parse(&large).unwrap_err(), ContextError::Malformed("too large"));
    }

    #[test]
    fn rejects_a_header_given_twice() {
        let good = json_of(&signed());
        for member in [
            "\"X-Splitplane-Tenant\":\"brand-b\"",
            "\"x-splitplane-tenant\":\"brand-a\"",
            "\"HOST\":\"analytics\"",
            "\"x-splitplane-t\\u0065nant\":\"brand-a\"",
        ] {
            let twice = good.replacen('{', &format!("{{{member},"), 1);
            assert_eq!(SignedContext::parse(&twice).unwrap_err(), ContextError::DuplicateHeader, "{member}");
        }
    }

    #[test]
    fn rejects_control_characters_in_any_value() {
        for value in ["a\\nb", "a\\r\\n b", "\\t", "\\u0000", "\\u007f", "\\u0085"] {
            let json = json_of(&signed()).replacen('{', &format!("{{\"x-other\":\"{value}\","), 1);
            assert_eq!(SignedContext::parse(&json).unwrap_err(), ContextError::ControlCharacter, "{value}");
        }
    }

    #[test]
    fn rejects_a_context_without_authorization() {
        assert_eq!(SignedContext::parse("{}").unwrap_err(), ContextError::MissingHeader(AUTHORIZATION));
    }

    #[test]
    fn counts_members_around_strings() {
        for (json, members) in
            [("{}", 0), (r#"{"a":"b"}"#, 1), (r#"{"a:":"\":\\","b":":"}"#, 2), (r#"{"a" : "\\" , "b":""}"#, 2)]
        {
            assert_eq!(count_members(json), members, "{json}");
        }
    }
}
