//! What the tests of both wire formats share.

use serde_json::json;

use super::{Form, Prompt, Shape};

/// A question to the model, as any.
pub(super) fn prompt() -> Prompt {
    Prompt {
        system: "Judge.".to_owned(),
        lasting: "<plane>\"orders\"</plane>\n".to_owned(),
        user: "<question>\"?\"</question>".to_owned(),
        shape: Shape {
            name: "record_verdict",
            description: "Records the verdict.",
            schema: json!({
                "type": "object",
                "properties": {"verdict": {"type": "string"}},
                "required": ["verdict"],
                "additionalProperties": false,
            }),
        },
        max_tokens: 512,
    }
}

/// Messages that refuse the form of a tool, of a native schema, and neither: `says` reads one of them.
pub(super) fn reads_which_form_was_refused(
    says: impl Fn(Form, &str) -> bool,
    tool: &[&str],
    native: &[&str],
    neither: &[&str],
) {
    for (messages, is_tool, is_native) in [(tool, true, false), (native, false, true), (neither, false, false)] {
        for message in messages {
            assert_eq!((says(Form::Tool, message), says(Form::Native, message)), (is_tool, is_native), "{message}");
        }
    }
}
