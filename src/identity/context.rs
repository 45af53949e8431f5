//! The context as it was passed: a JSON object of header names to values, read and bounded but not yet believed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

use super::ContextError;
use super::authorization::Authorization;
use super::header::{self, AUTHORIZATION};
use crate::json::members_written;

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
/// Only the key id can be seen from outside, to fetch the key with, and what it claims, for the log: all else is a claim until
/// [`verify`](SignedContext::verify) has consumed the context.
pub struct SignedContext {
    /// By lower-case name; never holds the authorization header, which is in `authorization`.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) authorization: Authorization,
}

impl SignedContext {
    /// Reads the JSON text of a context, as `jsonb` prints it: an object, or a string that holds one.
    ///
    /// A value is a string, a list of exactly one string (Go's and Java's header sets), or an integer, which is taken as
    /// its digits. Two spellings of one name are one header if their values are equal.
    ///
    /// # Errors
    /// [`ContextError::Malformed`] for anything but an object of such values within bounds with header names as keys;
    /// other variants for headers that are given twice, unknown `x-splitplane-*` headers, control characters, and an
    /// authorization header that is missing or not in the one form that is read.
    pub fn parse(json: &str) -> Result<Self, ContextError> {
        if json.len() > MAX_CONTEXT_BYTES {
            return Err(ContextError::Malformed("too large"));
        }
        let json = unwrapped(json)?;
        let Ok(object) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(&json) else {
            return Err(ContextError::Malformed("not a JSON object"));
        };
        if object.len() > MAX_HEADERS {
            return Err(ContextError::Malformed("too many headers"));
        }
        let members = object.len();
        let mut headers = BTreeMap::new();
        for (name, value) in object {
            let value = read_value(value.get()).ok_or(ContextError::Malformed("a header value is not a string"))?;
            if value.len() > MAX_VALUE_BYTES {
                return Err(ContextError::Malformed("a header value is too long"));
            }
            let name = header::check_name(&name)?;
            header::check_value(&value)?;
            match headers.get(&name) {
                Some(given) if *given != value => return Err(ContextError::DuplicateHeader(name)),
                Some(_) => {}
                None => drop(headers.insert(name, value)),
            }
        }
        // `jsonb` has kept one of two members with one name before this, but not within a string that holds the context.
        if members_written(json.as_bytes()) != members {
            return Err(ContextError::RepeatedName);
        }
        let authorization = headers.remove(AUTHORIZATION).ok_or(ContextError::MissingHeader(AUTHORIZATION))?;
        Ok(Self { headers, authorization: Authorization::parse(&authorization, SERVICE)? })
    }

    /// The key id that the context claims to be signed with.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.authorization.key_id
    }

    /// What a header claims, by lower-case name, for whoever watches; nothing may be decided by it. Empty if it is missing.
    #[must_use]
    pub fn claimed(&self, name: &str) -> &str {
        self.header(name).unwrap_or_default()
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

/// The text of the object itself: many drivers encode a text once more for a parameter of type `jsonb`, and what arrives
/// is a JSON string that holds the context. One such level is taken off, and no other.
fn unwrapped(json: &str) -> Result<Cow<'_, str>, ContextError> {
    if !json.trim_start().starts_with('"') {
        return Ok(Cow::Borrowed(json));
    }
    serde_json::from_str(json).map(Cow::Owned).map_err(|_| ContextError::Malformed("not a JSON object"))
}

/// A header value from its well-formed JSON: a string, a list of exactly one, or the digits of an integer.
fn read_value(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'[' => serde_json::from_str::<[String; 1]>(json).ok().map(|[only]| only),
        // Neither a fraction nor an exponent: how those are written is the signer's choice, and `jsonb` may have made another.
        b'-' | b'0'..=b'9' => {
            let digits = json.strip_prefix('-').unwrap_or(json);
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| json.to_owned())
        }
        _ => None,
    }
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
            "{\"a\":null}",
            "{\"a\":[]}",
            "{\"a\":[\"b\",\"b\"]}",
            "{\"a\":[1]}",
            "{\"a\":[null]}",
            "{\"a\":[[\"b\"]]}",
            "{\"a\":[{}]}",
            "{\"a\":{}}",
            "{\"a\":true}",
            "{\"x-splitplane-tenant\":1.0}",
            "{\"x-splitplane-tenant\":1e2}",
            "{\"x-splitplane-tenant\":1E0}",
            "{\"x-splitplane-tenant\":-1.5}",
            "{\"x-splitplane-tenant\":01}",
            "{\"x-splitplane-tenant\":+1}",
            "{\"x-splitplane-tenant\":-}",
            "{\"x-splitplane-tenant\":1 2}",
            // One level of string is taken off, and what is in it must be the object.
            "\"{}",
            "\"[]\"",
            "\"\\\"{}\\\"\"",
            "[\"{}\"]",
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

    fn header_of(json: &str, name: &str) -> Option<String> {
        SignedContext::parse(json).unwrap().header(name).map(str::to_owned)
    }

    #[test]
    fn reads_a_value_in_each_form_that_a_signer_gives() {
        let good = json_of(&signed());
        for (value, read) in [
            ("\"49\"", "49"),
            ("[\"49\"]", "49"),
            (" [ \"49\" ] ", "49"),
            ("49", "49"),
            ("0", "0"),
            ("-7", "-7"),
            ("9007199254740993", "9007199254740993"),
            ("340282366920938463463374607431768211457", "340282366920938463463374607431768211457"),
            ("[\"\\u0061\"]", "a"),
            ("[\"\"]", ""),
        ] {
            let json = good.replacen('{', &format!("{{\"x-other\":{value},"), 1);
            assert_eq!(header_of(&json, "x-other").as_deref(), Some(read), "{value}");
        }
    }

    #[test]
    fn reads_a_context_in_one_string_and_no_more() {
        let good = json_of(&signed());
        let once = serde_json::to_string(&good).unwrap();
        let twice = serde_json::to_string(&once).unwrap();
        for json in [&good, &once, &format!(" {once} ")] {
            assert_eq!(header_of(json, "x-splitplane-tenant").as_deref(), Some("brand-a"));
        }
        assert!(SignedContext::parse(&twice).unwrap_err().is_malformed());
        // The string's text went through no `jsonb` that would have dropped the first of two.
        let repeated = good.replacen('{', "{\"x-splitplane-tenant\":\"brand-b\",", 1);
        let repeated = serde_json::to_string(&repeated).unwrap();
        assert_eq!(SignedContext::parse(&repeated).unwrap_err(), ContextError::RepeatedName);
    }

    #[test]
    fn takes_two_spellings_of_one_name_for_one_where_the_values_are_equal() {
        let good = json_of(&signed());
        for member in
            ["\"X-Splitplane-Tenant\":\"brand-a\"", "\"X-Splitplane-Tenant\":[\"brand-a\"]", "\"HOST\":\"analytics\""]
        {
            let twice = good.replacen('{', &format!("{{{member},"), 1);
            assert_eq!(header_of(&twice, "x-splitplane-tenant").as_deref(), Some("brand-a"), "{member}");
        }
        for (member, name) in [
            ("\"X-Splitplane-Tenant\":\"brand-b\"", "x-splitplane-tenant"),
            ("\"X-Splitplane-Tenant\":\"brand-a \"", "x-splitplane-tenant"),
            ("\"X-SPLITPLANE-TENANT\":[\"Brand-a\"]", "x-splitplane-tenant"),
            ("\"HOST\":\"Analytics\"", "host"),
            ("\"Authorization\":\"x\"", "authorization"),
        ] {
            let twice = good.replacen('{', &format!("{{{member},"), 1);
            let refused = SignedContext::parse(&twice).unwrap_err();
            assert_eq!(refused, ContextError::DuplicateHeader(name.to_owned()), "{member}");
        }
    }

    #[test]
    fn rejects_one_spelling_of_a_name_given_twice() {
        let good = json_of(&signed());
        for member in ["\"x-splitplane-tenant\":\"brand-a\"", "\"x-splitplane-t\\u0065nant\":\"brand-b\""] {
            let twice = good.replacen('{', &format!("{{{member},"), 1);
            assert_eq!(SignedContext::parse(&twice).unwrap_err(), ContextError::RepeatedName, "{member}");
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
            assert_eq!(members_written(json.as_bytes()), members, "{json}");
        }
    }
}
