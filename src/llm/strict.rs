//! Reading JSON from outside, strictly: one object, the whole text, no name given twice.

use serde_json::{Map, Value};

use super::{ModelError, Reported};
use crate::json::members_written;

/// Reads a text that is exactly one JSON object; `None` for everything else.
///
/// A name that stands twice anywhere in the text makes it unreadable: the reader below keeps the last of two and says
/// nothing, so that `{"verdict": "reject", .., "verdict": "allow"}` would be whatever its writer appended. Depth is
/// bounded by the reader's own recursion limit of 128.
pub(super) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    let value: Value = serde_json::from_slice(text).ok()?;
    if members_written(text) != members_kept(&value) {
        return None;
    }
    match value {
        Value::Object(object) => Some(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

/// The members of all objects that were kept. As deep as the reader's recursion limit.
fn members_kept(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.len() + object.values().map(members_kept).sum::<usize>(),
        Value::Array(array) => array.iter().map(members_kept).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Reads an endpoint's response body.
///
/// # Errors
/// `ModelError::Reply` for anything but one JSON object without repeated names.
pub(super) fn body(text: &[u8]) -> Result<Map<String, Value>, ModelError> {
    object(text).ok_or(ModelError::Reply("the body is not one well-formed JSON object"))
}

/// A member that may be left out: `null` counts as absent.
pub(super) fn present<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// A count of tokens. Accounting is no reason to refuse a reply, so what is no count is none and what is more than
/// 32 bits, which both wire formats promise, counts as the most: sums of these cannot overflow.
fn tokens(usage: Option<&Value>, name: &str) -> Option<u64> {
    let count = usage.and_then(|usage| usage.get(name)).and_then(Value::as_u64)?;
    Some(count.min(u64::from(u32::MAX)))
}

/// What the response says that it took, by the names that its wire format has for both counts.
pub(super) fn reported(body: &Map<String, Value>, input: &str, output: &str) -> Reported {
    let usage = body.get("usage");
    Reported { input_tokens: tokens(usage, input), output_tokens: tokens(usage, output) }
}

/// Checks whose message it is.
///
/// # Errors
/// `ModelError::Reply` for another role than the assistant's, or none.
pub(super) fn expect_assistant(message: &Map<String, Value>) -> Result<(), ModelError> {
    match message.get("role").and_then(Value::as_str) {
        Some("assistant") => Ok(()),
        _ => Err(ModelError::Reply("the message is not the assistant's")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_one_object() {
        for (text, members) in [
            ("{}", 0),
            (" {\"a\":1} \n", 1),
            ("{\"a\":{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]}}}", 1),
            ("{\"a:\\\":\":\":\\\\\", \"b\":\"\\u003a\"}", 2),
        ] {
            assert_eq!(object(text.as_bytes()).unwrap().len(), members, "{text}");
        }
    }

    #[test]
    fn rejects_everything_else() {
        for text in [
            "",
            " ",
            "null",
            "1",
            "\"{}\"",
            "[]",
            "[{}]",
            "{",
            "{}{}",
            "{} x",
            "{\"a\":1,}",
            "{'a':1}",
            "{\"a\":NaN}",
            "{\"a\":1e999}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\u{1}\"}",
            "\u{feff}{}",
            "/* c */ {}",
        ] {
            assert_eq!(object(text.as_bytes()), None, "{text}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), None);
        assert_eq!(object(b"{}\0"), None);
    }

    #[test]
    fn rejects_a_name_given_twice_at_any_depth_and_in_any_spelling() {
        for text in [
            "{\"a\":1,\"a\":1}",
            "{\"a\":1,\"\\u0061\":2}",
            "{\"b\":[0,{\"c\":{\"a\":1,\"a\":2}}]}",
            "{\"a\":{\"x\":1,\"y\":{\"z\":2}},\"a\":1}",
            "{\"\":1,\"\":2}",
        ] {
            assert_eq!(object(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn survives_depth() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            for depth in [127, 128, 129, 200] {
                let text = format!("{{\"x\":{}1{}}}", open.repeat(depth), close.repeat(depth));
                assert_eq!(object(text.as_bytes()).is_some(), depth < 127, "{depth}");
            }
            assert!(object(format!("{{\"x\":{}1{}}}", open.repeat(126), close.repeat(126)).as_bytes()).is_some());
        }
    }

    #[test]
    fn counts_tokens_without_overflow() {
        let usage = json!({"a": 7, "b": -1, "c": 1.5, "d": "9", "e": u64::MAX, "f": null, "g": 1e300});
        let count = |name| tokens(Some(&usage), name);
        assert_eq!(["a", "b", "c", "d", "f", "g", "h"].map(count), [Some(7), None, None, None, None, None, None]);
        assert_eq!(count("e"), Some(u64::from(u32::MAX)));
        assert_eq!(tokens(None, "a"), None);
        assert_eq!(tokens(Some(&json!(3)), "a"), None);
    }
}
