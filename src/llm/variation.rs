//! How a request may differ from what a model's name suggests: learned from what endpoints refuse.
//!
//! Read from the status, and from names of parameters of our own list in the message. A wrong guess costs one call: what
//! was changed is kept only where the changed request succeeded.

use serde_json::Value;

use super::refused::{self, Cause};
use super::{Dialect, Form, Shape};

/// The name of the field that limits the tokens of a reply, in the chat completions API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `max_tokens`
    Tokens,
    /// `max_completion_tokens`
    CompletionTokens,
}

impl Limit {
    /// As it is sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Limit::Tokens => "max_tokens",
            Limit::CompletionTokens => "max_completion_tokens",
        }
    }
}

/// What is sent otherwise; `None` and `false` where the model's name decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Variation {
    /// How the reply is held to its shape.
    pub form: Option<Form>,
    /// Whether no temperature is sent.
    pub omits_temperature: bool,
    /// By which name the limit is sent.
    pub limit: Option<Limit>,
    /// Whether no cache point is set.
    pub omits_cache_point: bool,
}

/// What was sent, as far as it may be varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// How the reply is held to its shape.
    pub form: Form,
    /// Whether another form may be tried.
    pub may_change_form: bool,
    /// What the body has.
    pub has: Members,
}

/// What a body has of what may be left out or renamed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Members {
    /// A temperature.
    pub temperature: bool,
    /// The name of the limit, where the wire format has two.
    pub limit: Option<Limit>,
    /// A cache point.
    pub cache_point: bool,
}

const TEMPERATURE: &str = "temperature";
const CACHE_POINTS: [&str; 5] = ["cachepoint", "cache_point", "cache point", "prompt caching", "prompt cache"];
const LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// Whether a sentence is against the name of the limit, and not against its value, as in "max_tokens is too large: 131072".
fn is_refused(limit: Limit, told: &str) -> bool {
    const REFUSALS: [&str; 7] =
        ["support", "unknown", "unrecognized", "unexpected", "not permitted", "not allowed", "extra"];
    let other = LIMITS.into_iter().find(|name| *name != limit.as_str());
    // "This model supports at most 16384 completion tokens" is about the value.
    let told = told.replace("supports", "");
    told.contains(limit.as_str())
        && (other.is_some_and(|other| told.contains(other)) || REFUSALS.iter().any(|words| told.contains(words)))
}

impl Variation {
    /// What to send once more in the place of what was refused; `None` where the refusal names nothing that can be changed.
    #[must_use]
    pub fn after_refusal(self, sent: Sent, dialect: &dyn Dialect, status: u16, body: &[u8]) -> Option<Self> {
        if !matches!(status, 400 | 404 | 422 | 500 | 501) {
            return None;
        }
        let told = refused::told(body).to_ascii_lowercase();
        // It names the limit where the prompt is what leaves no room.
        if Cause::of(status, "", &told) == Cause::TooLong {
            return None;
        }
        if matches!(status, 400 | 422) {
            if sent.has.cache_point && CACHE_POINTS.iter().any(|name| told.contains(name)) {
                return Some(Self { omits_cache_point: true, ..self });
            }
            if sent.has.temperature && told.contains(TEMPERATURE) {
                return Some(Self { omits_temperature: true, ..self });
            }
            if let Some(limit) = sent.has.limit.filter(|limit| is_refused(*limit, &told)) {
                return Some(match limit {
                    // Those who refuse this name are OpenAI's reasoning models, which refuse a temperature as well.
                    Limit::Tokens => Self { limit: Some(Limit::CompletionTokens), omits_temperature: true, ..self },
                    Limit::CompletionTokens => Self { limit: Some(Limit::Tokens), ..self },
                });
            }
        }
        (sent.may_change_form && dialect.names_form(sent.form, &told)).then(|| self.in_other_form(sent.form, &told))
    }

    /// What to send once more where a 200 took no notice of the form.
    #[must_use]
    pub fn after_disregard(self, sent: Sent, dialect: &dyn Dialect, shape: &Shape, body: &[u8]) -> Option<Self> {
        let is_disregarded = sent.may_change_form && dialect.disregards(sent.form, shape, body);
        is_disregarded.then(|| self.in_other_form(sent.form, ""))
    }

    fn in_other_form(self, form: Form, told: &str) -> Self {
        let other = match form {
            Form::Tool => Form::Native,
            // What it names is what it takes: "Input should be 'text' or 'json_object'".
            Form::Native if told.contains("json_object") => Form::Object,
            Form::Native | Form::Object => Form::Tool,
        };
        Self { form: Some(other), ..self }
    }

    /// In words, for the log: what `self` changes.
    #[must_use]
    pub fn words(&self) -> String {
        let form = self.form.map(|form| match form {
            Form::Tool => "with a tool",
            Form::Native => "with structured output",
            Form::Object => "with a JSON object",
        });
        let temperature = self.omits_temperature.then_some("without temperature");
        let limit = self.limit.map(|limit| match limit {
            Limit::Tokens => "with max_tokens",
            Limit::CompletionTokens => "with max_completion_tokens",
        });
        let cache_point = self.omits_cache_point.then_some("without a cache point");
        form.into_iter().chain(temperature).chain(limit).chain(cache_point).collect::<Vec<_>>().join(", ")
    }

    /// As one number.
    #[must_use]
    pub fn to_bits(self) -> u8 {
        let form = match self.form {
            None => 0,
            Some(Form::Tool) => 1,
            Some(Form::Native) => 2,
            Some(Form::Object) => 3,
        };
        let limit = match self.limit {
            None => 0,
            Some(Limit::Tokens) => 1,
            Some(Limit::CompletionTokens) => 2,
        };
        form | u8::from(self.omits_temperature) << 2 | limit << 3 | u8::from(self.omits_cache_point) << 5
    }

    /// From what `to_bits` gives; `None` from anything else.
    #[must_use]
    pub fn from_bits(bits: u8) -> Option<Self> {
        let form = match bits & 3 {
            0 => None,
            1 => Some(Form::Tool),
            2 => Some(Form::Native),
            _ => Some(Form::Object),
        };
        let limit = match bits >> 3 & 3 {
            0 => None,
            1 => Some(Limit::Tokens),
            2 => Some(Limit::CompletionTokens),
            _ => return None,
        };
        let (omits_temperature, omits_cache_point) = (bits & 4 != 0, bits & 32 != 0);
        (bits < 64).then_some(Self { form, omits_temperature, limit, omits_cache_point })
    }
}

/// What was learned, for all who call the same endpoint. Kept by a digest of endpoint, model and purpose.
pub trait Lessons: Send + Sync {
    /// What is known; `None` where nothing is, or it is too old.
    fn recall(&self, key: &[u8; 32]) -> Option<Variation>;

    /// Keeps it; nothing where there is no room.
    fn keep(&self, key: &[u8; 32], variation: Variation);

    /// Forgets it: what was learned does not serve.
    fn forget(&self, key: &[u8; 32]);
}

/// Sets a member of an object, at any depth; what is no object stays as it is.
pub(super) fn set(object: &mut Value, path: &[&str], value: Value) {
    let mut place = object;
    for name in path {
        if place.is_null() {
            *place = Value::Object(serde_json::Map::new());
        }
        let Some(object) = place.as_object_mut() else { return };
        place = object.entry(*name).or_insert(Value::Null);
    }
    *place = value;
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::llm::bedrock::Bedrock;
    use crate::llm::openai::OpenAi;

    const SENT: Sent = Sent { form: Form::Native, may_change_form: true, has: HAS };
    const HAS: Members = Members { temperature: true, limit: Some(Limit::Tokens), cache_point: false };
    const TOOL: Sent = Sent { form: Form::Tool, ..SENT };
    const OBJECT: Sent = Sent { form: Form::Object, ..SENT };
    const PLAIN: Variation = Variation { form: None, omits_temperature: false, limit: None, omits_cache_point: false };

    fn openai(sent: Sent, status: u16, body: &Value) -> Option<Variation> {
        let dialect = OpenAi { model: "m".to_owned() };
        PLAIN.after_refusal(sent, &dialect, status, body.to_string().as_bytes())
    }

    fn said(message: &str) -> Value {
        json!({"error": {"message": message, "param": null}})
    }

    #[test]
    fn reads_what_endpoints_refuse() {
        let cold = Some(Variation { omits_temperature: true, ..PLAIN });
        let renamed = Some(Variation { omits_temperature: true, limit: Some(Limit::CompletionTokens), ..PLAIN });
        let tool = Some(Variation { form: Some(Form::Tool), ..PLAIN });
        let native = Some(Variation { form: Some(Form::Native), ..PLAIN });
        let object = Some(Variation { form: Some(Form::Object), ..PLAIN });
        for (sent, status, message, expected) in [
            (SENT, 400, "m doesn't support temperature=0 unless reasoning_effort resolves to 'none'", cold),
            (SENT, 400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", renamed),
            (SENT, 400, "does not support parameters: ['response_format'], for model=command-r.", tool),
            (SENT, 422, "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type')}]", tool),
            (SENT, 500, "create() got an unexpected keyword argument 'response_format'", tool),
            (
                SENT,
                500,
                "'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\"",
                object,
            ),
            (SENT, 400, "response_format: unknown variant `json_schema`, expected `text` or `json_object`", object),
            (OBJECT, 422, "response_format.schema: extra inputs are not permitted", tool),
            (
                OBJECT,
                400,
                "'messages' must contain the word 'json' to use 'response_format' of type 'json_object'",
                tool,
            ),
            (TOOL, 500, "create() got an unexpected keyword argument 'tools'", native),
            (TOOL, 501, "tools param requires --jinja flag", native),
            (TOOL, 404, "No endpoints found that support tool use", native),
            (TOOL, 400, "tool_choice is not supported", native),
            // A form that is configured is kept, and what was not sent cannot be left out.
            (Sent { may_change_form: false, ..TOOL }, 400, "tool_choice is not supported", None),
            (Sent { has: Members { temperature: false, ..HAS }, ..SENT }, 400, "temperature", None),
            (Sent { has: Members { limit: None, ..HAS }, ..SENT }, 400, "max_tokens", None),
            // Nothing of this says anything against a parameter.
            (SENT, 400, "max_tokens is too large: 131072. This model supports at most 16384 completion tokens", None),
            (SENT, 400, "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", None),
            (SENT, 400, "tool_choice is not supported", None),
            (SENT, 400, "'max_tokens' is too large: 4000. This model's maximum context length is 4096 tokens", None),
            (SENT, 500, "temperature of the machine", None),
            (SENT, 401, "temperature", None),
            (SENT, 429, "response_format", None),
            (SENT, 400, "", None),
        ] {
            assert_eq!(openai(sent, status, &said(message)), expected, "{status} {message}");
        }
        let listed = json!({"detail": [{"loc": ["body", "response_format", "type"], "msg": "Input should be 'text'"}]});
        assert_eq!(openai(SENT, 422, &listed), tool);
        let param =
            json!({"error": {"message": "Unsupported value", "param": "temperature", "code": "unsupported_value"}});
        assert_eq!(openai(SENT, 400, &param), cold);
        let back = Sent { has: Members { limit: Some(Limit::CompletionTokens), ..HAS }, ..SENT };
        let expected = Some(Variation { limit: Some(Limit::Tokens), ..PLAIN });
        assert_eq!(openai(back, 422, &said("max_completion_tokens: extra fields not permitted")), expected);
    }

    #[test]
    fn reads_what_bedrock_refuses_and_keeps_what_is_known() {
        let dialect = Bedrock { model_id: "m".to_owned(), guardrail: None };
        let known = Variation { form: Some(Form::Native), ..PLAIN };
        let body =
            br#"{"message": "The model returned the following errors: `temperature` is deprecated for this model."}"#;
        let has = Members { limit: None, cache_point: true, ..HAS };
        let sent = Sent { has, ..SENT };
        let expected = Some(Variation { omits_temperature: true, ..known });
        assert_eq!(known.after_refusal(sent, &dialect, 400, body), expected);
        assert_eq!(
            known.after_refusal(Sent { has: Members { temperature: false, ..has }, ..sent }, &dialect, 400, body),
            None
        );
        let body = br#"{"message": "The model does not support the cachePoint block in messages."}"#;
        let expected = Some(Variation { omits_cache_point: true, ..known });
        assert_eq!(known.after_refusal(sent, &dialect, 400, body), expected);
        assert_eq!(known.after_refusal(Sent { has: Members::default(), ..sent }, &dialect, 400, body), None);
    }

    #[test]
    fn keeps_every_variation_as_a_number_and_reads_no_other() {
        let mut known = 0;
        for bits in 0..=u8::MAX {
            if let Some(variation) = Variation::from_bits(bits) {
                assert_eq!(variation.to_bits(), bits);
                known += 1;
            }
        }
        assert_eq!(known, 4 * 2 * 3 * 2);
        assert_eq!(Variation::from_bits(0), Some(PLAIN));
        assert_eq!(PLAIN.words(), "");
        let all = Variation {
            form: Some(Form::Tool),
            omits_temperature: true,
            limit: Some(Limit::Tokens),
            omits_cache_point: true,
        };
        assert_eq!(all.words(), "with a tool, without temperature, with max_tokens, without a cache point");
    }
}
