//! What an administrator adds to every request: reasoning effort, service tier, fields of the endpoint's own.

use serde_json::{Map, Value};

use super::{ModelError, ModelSettings, strict};

/// Longest text of extra fields, in bytes.
const MOST_BYTES: usize = 4_096;
/// Longest effort or tier, in bytes.
const MOST_WORD: usize = 32;

/// Fields that splitplane writes itself, or that would change whose reply it is or how many there are.
const OWN: [&str; 33] = [
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "anthropic_version",
    "function_call",
    "functions",
    "guardrailConfig",
    "inferenceConfig",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "model",
    "modelId",
    "model_id",
    "n",
    "outputConfig",
    "output_config",
    "parallel_tool_calls",
    "prompt",
    "promptVariables",
    "reasoning_effort",
    "response_format",
    "serviceTier",
    "service_tier",
    "stop",
    "stopSequences",
    "stop_sequences",
    "store",
    "stream",
    "stream_options",
    "system",
    "toolConfig",
    "tool_choice",
    "tools",
];

/// What is added.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extras {
    /// Reasoning effort.
    pub effort: Option<String>,
    /// Service tier.
    pub tier: Option<String>,
    /// The endpoint's own fields.
    pub fields: Map<String, Value>,
}

impl Extras {
    /// Checks what was configured.
    ///
    /// # Errors
    /// `ModelError::Configuration` for an effort or tier that is not one word, and for fields that are no JSON object, are
    /// over 4,096 bytes, or are ours.
    pub fn checked(settings: &ModelSettings) -> Result<Self, ModelError> {
        Ok(Self {
            effort: word("splitplane.reasoning_effort", &settings.effort)?,
            tier: word("splitplane.service_tier", &settings.service_tier)?,
            fields: fields(&settings.request_fields)?,
        })
    }
}

fn word(setting: &str, text: &str) -> Result<Option<String>, ModelError> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_word = text.len() <= MOST_WORD
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if is_word {
        Ok(Some(text.to_owned()))
    } else {
        Err(configuration(format!("{setting} is not one lower-case word")))
    }
}

fn fields(text: &str) -> Result<Map<String, Value>, ModelError> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    let object = Some(text).filter(|text| text.len() <= MOST_BYTES).and_then(|text| strict::object(text.as_bytes()));
    let fields = object.ok_or_else(|| {
        configuration(format!("splitplane.request_fields is not one JSON object of at most {MOST_BYTES} bytes"))
    })?;
    match fields.keys().find_map(|name| OWN.iter().find(|own| **own == name)) {
        Some(own) => Err(configuration(format!("splitplane.request_fields must not hold \"{own}\""))),
        None => Ok(fields),
    }
}

fn configuration(text: String) -> ModelError {
    ModelError::Configuration(text)
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use super::*;

    fn checked(fields: &str) -> Result<Extras, ModelError> {
        Extras::checked(&ModelSettings { request_fields: fields.to_owned(), ..ModelSettings::default() })
    }

    #[test]
    fn takes_an_object_of_foreign_fields() {
        assert_eq!(checked("").unwrap(), Extras::default());
        let extras = checked("{\"top_k\": 1, \"thinking\": {\"type\": \"disabled\"}, \"temperature\": 1}").unwrap();
        assert_eq!(extras.fields.len(), 3);
        assert_eq!(extras.fields["thinking"]["type"], "disabled");
    }

    #[test]
    fn refuses_everything_else() {
        let long = format!("{{\"a\": \"{}\"}}", "x".repeat(MOST_BYTES));
        for text in [" ", "null", "[]", "1", "{", "{}{}", "{\"a\":1,\"a\":2}", &long] {
            assert!(matches!(checked(text), Err(ModelError::Configuration(_))), "{text}");
        }
        for own in OWN {
            let error = checked(&format!("{{\"{own}\": null}}")).unwrap_err().to_string();
            assert!(error.contains("must not hold") && error.contains(own), "{error}");
        }
        let mut sorted = OWN;
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| pair[0] != pair[1]));
        for text in ["Low", "low ", "a-b", "\"", &"a".repeat(33)] {
            let settings = ModelSettings { effort: text.to_owned(), ..ModelSettings::default() };
            assert!(Extras::checked(&settings).is_err(), "{text}");
            let settings = ModelSettings { service_tier: text.to_owned(), ..ModelSettings::default() };
            assert!(Extras::checked(&settings).is_err(), "{text}");
        }
    }
}
