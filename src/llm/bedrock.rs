//! Amazon Bedrock's Converse API, as its service model (bedrock-runtime, 2023-09-30) has it.

use serde_json::{Map, Value, json};

use super::extras::Extras;
use super::guardrail::Guardrail;
use super::variation::{self, Members, Variation};
use super::{Dialect, Form, ModelError, Prompt, Reply, Reported, Shape, capabilities, ordered, path, refused, strict};

#[cfg(test)]
mod tests;

/// Open-weight models that Amazon's model cards list with structured outputs, by the start of their ids. Converse
/// takes a forced tool from hardly any of them.
const NATIVE: [&str; 14] = [
    "deepseek.v3",
    "google.gemma-3-",
    "minimax.minimax-m2",
    "mistral.devstral-2-",
    "mistral.magistral-",
    "mistral.ministral-3-",
    "mistral.mistral-large-3-",
    "mistral.voxtral-",
    "moonshot.kimi-",
    "moonshotai.kimi-",
    "nvidia.nemotron-",
    "openai.gpt-",
    "qwen.qwen3-",
    "zai.glm-",
];

/// Resources whose ids do not say which model is behind them.
const OPAQUE: [&str; 6] = [
    "application-inference-profile/",
    "provisioned-model/",
    "custom-model",
    "imported-model/",
    "prompt-router/",
    "endpoint/",
];

/// One model on Amazon Bedrock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bedrock {
    /// Model id, inference profile id or ARN.
    pub model_id: String,
    /// Applied to every call.
    pub guardrail: Option<Guardrail>,
}

/// How replies of a model are held to their shape when nothing is configured: its own structured output where Amazon
/// documents it, forced tool use otherwise.
///
/// Claude from 5.1 on refuses forced tools and is asked for structured output first; where an endpoint does not give
/// it either, the tool is offered and not forced (see [`Bedrock`]'s body).
#[must_use]
pub fn preferred_form(model_id: &str) -> Form {
    let native = capabilities::has_native_claude(model_id)
        || capabilities::refuses_forced_tools(model_id)
        || NATIVE.iter().any(|prefix| starts_with(model_id, prefix)) && !model_id.contains("-vl-");
    if native { Form::Native } else { Form::Tool }
}

/// Whether an id, or the id at the end of an ARN or behind an inference profile's region (`us.`, `us-gov.`), starts
/// with a prefix.
fn starts_with(model_id: &str, prefix: &str) -> bool {
    let id = model_id.rsplit('/').next().unwrap_or(model_id);
    id.starts_with(prefix) || id.split_once('.').is_some_and(|(_, rest)| rest.starts_with(prefix))
}

/// Whether a text may stand in the setting that names a model.
///
/// # Errors
/// `ModelError::Configuration` for anything outside the letters of Bedrock's own pattern, and for `.` and `..`, which
/// would climb out of the path.
pub fn check_model_id(model_id: &str) -> Result<(), ModelError> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    let is_dots = model_id.bytes().all(|byte| byte == b'.');
    if model_id.len() > 2_048 || is_dots || !model_id.bytes().all(is_letter) {
        return Err(ModelError::Configuration("the model is neither a model id nor an ARN".to_owned()));
    }
    Ok(())
}

impl Bedrock {
    /// Whether the model keeps the beginning of a prompt where it is told to, and this one is long enough. A point after less
    /// than the model's least is no error, and helps nothing. None with a guardrail: nobody says whether a point may
    /// stand between blocks that are marked for it.
    fn pays_to_keep(&self, prompt: &Prompt) -> bool {
        /// The least that any model keeps, at some five bytes a token of our rules and descriptions.
        const LEAST_BYTES: usize = 5 * 1_024;
        let bytes = prompt.system.len() + prompt.lasting.len();
        self.guardrail.is_none() && bytes >= LEAST_BYTES && capabilities::keeps_prompts(&self.model_id)
    }
}

impl Dialect for Bedrock {
    fn path(&self) -> String {
        format!("/model/{}/converse", path::encoded(&self.model_id))
    }

    fn body(&self, prompt: &Prompt, form: Form) -> Value {
        let mut system = vec![json!({"text": prompt.system})];
        let mut inference = json!({"maxTokens": prompt.max_tokens.max(1)});
        // What stands behind an opaque id may be a model that refuses every temperature.
        if !OPAQUE.iter().any(|kind| self.model_id.contains(kind)) && capabilities::accepts_temperature(&self.model_id)
        {
            set(&mut inference, "temperature", json!(0));
        }
        // With a guardContent block the guardrail reads that block and nothing else; without one it reads whatever the
        // service takes for the whole. Our instructions speak of attacks and must not be taken for one, so exactly the
        // material is marked: all of it, because schema comments and earlier questions are as untrusted as the question.
        let block = |text: &str| match self.guardrail {
            Some(_) => json!({"guardContent": {"text": {"text": text}}}),
            None => json!({"text": text}),
        };
        let mut content = Vec::with_capacity(3);
        if !prompt.lasting.is_empty() {
            content.push(block(&prompt.lasting));
            // All that stands before it is kept for minutes, and nothing of a tenant does.
            if self.pays_to_keep(prompt) {
                content.push(json!({"cachePoint": {"type": "default"}}));
            }
        }
        content.push(block(&prompt.user));
        let mut body = json!({
            "messages": [{"role": "user", "content": content}],
            "inferenceConfig": inference,
        });
        match form {
            Form::Tool => {
                let choice = if capabilities::refuses_forced_tools(&self.model_id) {
                    let name = prompt.shape.name;
                    system.push(json!({"text": format!("Answer only by calling the tool {name}, exactly once.")}));
                    json!({"auto": {}})
                } else {
                    json!({"tool": {"name": prompt.shape.name}})
                };
                let tool = json!({"toolSpec": {
                    "name": prompt.shape.name,
                    "description": prompt.shape.description,
                    "inputSchema": {"json": prompt.shape.schema},
                }});
                set(&mut body, "toolConfig", json!({"tools": [tool], "toolChoice": choice}));
            }
            Form::Native | Form::Object => {
                // The schema is a string that holds JSON.
                let schema = json!({
                    "name": prompt.shape.name,
                    "description": prompt.shape.description,
                    "schema": ordered::text(&prompt.shape.schema),
                });
                let format = json!({"type": "json_schema", "structure": {"jsonSchema": schema}});
                set(&mut body, "outputConfig", json!({"textFormat": format}));
            }
        }
        set(&mut body, "system", Value::Array(system));
        if let Some(guardrail) = &self.guardrail {
            // The trace would bring back what the guardrail matched.
            let config = json!({
                "guardrailIdentifier": guardrail.id,
                "guardrailVersion": guardrail.version,
                "trace": "disabled",
            });
            set(&mut body, "guardrailConfig", config);
        }
        body
    }

    fn reply(&self, prompt: &Prompt, form: Form, body: &[u8]) -> Result<Reply, ModelError> {
        let body = strict::body(body)?;
        check_stop_reason(form, body.get("stopReason").and_then(Value::as_str))?;
        let Some(Value::Object(output)) = body.get("output") else {
            return Err(ModelError::Reply("there is no output"));
        };
        let (1, Some(Value::Object(message))) = (output.len(), output.get("message")) else {
            return Err(ModelError::Reply("the output is not one message"));
        };
        strict::expect_assistant(message)?;
        let Some(Value::Array(content)) = message.get("content") else {
            return Err(ModelError::Reply("the message has no content"));
        };
        let value = match form {
            Form::Tool => tool_input(prompt.shape.name, content)?,
            Form::Native | Form::Object => whole_text(content)?,
        };
        Ok(Reply { value, usage: reported(&body).into() })
    }

    fn reported(&self, body: &[u8]) -> Reported {
        strict::object(body).map_or_else(Reported::default, |body| reported(&body))
    }

    fn error_code(&self, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> String {
        if let Some(code) = header("x-amzn-errortype").as_deref().and_then(code) {
            return code;
        }
        let Some(body) = strict::object(body) else {
            return String::new();
        };
        ["__type", "code"]
            .iter()
            .find_map(|name| body.get(*name).and_then(Value::as_str).and_then(code))
            .unwrap_or_default()
    }

    fn adjust(&self, body: &mut Value, variation: Variation, extras: &Extras, most: u32) {
        variation::set(body, &["inferenceConfig", "maxTokens"], json!(most.max(1)));
        if let Some(inference) = body.get_mut("inferenceConfig").and_then(Value::as_object_mut)
            && variation.omits_temperature
        {
            inference.remove("temperature");
        }
        if variation.omits_cache_point
            && let Some(content) = body.pointer_mut("/messages/0/content").and_then(Value::as_array_mut)
        {
            content.retain(|block| block.get("cachePoint").is_none());
        }
        if let Some(effort) = &extras.effort {
            variation::set(body, &["outputConfig", "effort"], json!(effort));
        }
        if let Some(tier) = &extras.tier {
            variation::set(body, &["serviceTier", "type"], json!(tier));
        }
        if !extras.fields.is_empty() {
            set(body, "additionalModelRequestFields", Value::Object(extras.fields.clone()));
        }
    }

    fn sent(&self, body: &Value) -> Members {
        Members {
            temperature: body.pointer("/inferenceConfig/temperature").is_some(),
            limit: None,
            cache_point: body.pointer("/messages/0/content/1/cachePoint").is_some(),
        }
    }

    fn names_form(&self, form: Form, told: &str) -> bool {
        let subjects: &[&str] = match form {
            Form::Tool => {
                &["toolchoice", "tool_choice", "tool choice", "toolconfig", "tool use", "tool calling", "tools"]
            }
            Form::Native | Form::Object => {
                &["outputconfig", "output_config", "textformat", "structured output", "json_schema"]
            }
        };
        let schemas = ["inputschema", "input_schema", "jsonschema.schema", "format.schema", "invalid json schema"];
        !schemas.iter().any(|words| told.contains(words)) && subjects.iter().any(|words| told.contains(words))
    }

    fn disregards(&self, form: Form, _shape: &Shape, body: &[u8]) -> bool {
        let Some(body) = strict::object(body) else { return false };
        let reason = body.get("stopReason").and_then(Value::as_str);
        let content =
            body.get("output").and_then(|output| output.pointer("/message/content")).and_then(Value::as_array);
        form == Form::Tool
            && matches!(reason, Some("end_turn" | "tool_use"))
            && content.is_some_and(|content| content.iter().all(|block| block.get("toolUse").is_none()))
    }
}

/// What the response says that it took. What was read from kept beginnings, or written to them, is not among its input tokens.
fn reported(body: &Map<String, Value>) -> Reported {
    let plain = strict::reported(body, "inputTokens", "outputTokens");
    let kept = strict::reported(body, "cacheReadInputTokens", "cacheWriteInputTokens");
    let kept = kept.input_tokens.unwrap_or(0) + kept.output_tokens.unwrap_or(0);
    let most = u64::from(u32::MAX);
    Reported { input_tokens: plain.input_tokens.map(|tokens| tokens.saturating_add(kept).min(most)), ..plain }
}

/// Sets a member of an object.
fn set(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(object) = object {
        object.insert(name.to_owned(), value);
    }
}

/// The error's name in `prefix#Name:url`, if it is nothing but a name.
fn code(text: &str) -> Option<String> {
    let name = text.split(':').next().unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or_default().trim();
    refused::is_code(name).then(|| name.to_owned())
}

/// Accepts the stop reasons that the form ends with. Some models end their turn with the call that was forced.
fn check_stop_reason(form: Form, reason: Option<&str>) -> Result<(), ModelError> {
    let accepted: &[&str] = match form {
        Form::Tool => &["tool_use", "end_turn"],
        Form::Native | Form::Object => &["end_turn"],
    };
    if reason.is_some_and(|reason| accepted.contains(&reason)) {
        return Ok(());
    }
    Err(ModelError::Reply(match reason {
        Some("tool_use") => "it stopped with tool_use where no tool was offered",
        Some("max_tokens") => "it stopped with max_tokens",
        Some("stop_sequence") => "it stopped with stop_sequence",
        Some("guardrail_intervened") => "it stopped with guardrail_intervened",
        Some("content_filtered") => "it stopped with content_filtered",
        Some("malformed_model_output") => "it stopped with malformed_model_output",
        Some("malformed_tool_use") => "it stopped with malformed_tool_use",
        Some("model_context_window_exceeded") => "it stopped with model_context_window_exceeded",
        Some(_) => "it stopped for an unknown reason",
        None => "it names no reason for stopping",
    }))
}

/// The one member of a content block, which is a union.
fn member(block: &Value) -> Result<(&str, &Value), ModelError> {
    let members = block.as_object().filter(|block| block.len() == 1);
    let (name, value) = members
        .and_then(|block| block.iter().next())
        .ok_or(ModelError::Reply("a content block is not of exactly one kind"))?;
    Ok((name, value))
}

/// The input of the one call of the one tool. Claude writes text before a call, and reasoning models their reasoning:
/// both are let through unread, so that nothing said there can be taken for an answer.
fn tool_input(tool: &str, content: &[Value]) -> Result<Value, ModelError> {
    let mut input = None;
    for block in content {
        match member(block)? {
            ("toolUse", call) => {
                if input.replace(called_input(tool, call)?).is_some() {
                    return Err(ModelError::Reply("it called the tool more than once"));
                }
            }
            ("text", Value::String(_)) | ("reasoningContent", _) => {}
            _ => return Err(ModelError::Reply("it holds content of a kind that was not asked for")),
        }
    }
    input.map(Value::Object).ok_or(ModelError::Reply("it called no tool"))
}

/// The input of a call, if it is of our tool and of nothing that ran on the server's side.
fn called_input(tool: &str, call: &Value) -> Result<Map<String, Value>, ModelError> {
    if call.get("name").and_then(Value::as_str) != Some(tool) {
        return Err(ModelError::Reply("it called another tool than the one it was given"));
    }
    let known = ["toolUseId", "name", "input"];
    if call.as_object().is_none_or(|call| call.keys().any(|name| !known.contains(&name.as_str()))) {
        return Err(ModelError::Reply("it called the tool in an unknown way"));
    }
    match call.get("input") {
        Some(Value::Object(input)) => Ok(input.clone()),
        Some(_) | None => Err(ModelError::Reply("the tool's input is not an object")),
    }
}

/// The object that is the whole text of the one text block.
fn whole_text(content: &[Value]) -> Result<Value, ModelError> {
    let mut text = None;
    for block in content {
        match member(block)? {
            ("text", Value::String(words)) => {
                if text.replace(words).is_some() {
                    return Err(ModelError::Reply("it holds more than one text"));
                }
            }
            ("reasoningContent", _) => {}
            _ => return Err(ModelError::Reply("it holds content of a kind that was not asked for")),
        }
    }
    let text = text.ok_or(ModelError::Reply("it holds no text"))?;
    strict::object(text.as_bytes()).map(Value::Object).ok_or(ModelError::Reply("its text is not one JSON object"))
}
