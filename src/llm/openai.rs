//! The chat completions API of OpenAI, which Azure, Ollama, vLLM, llama.cpp and many others speak as well.

use serde_json::{Map, Value, json};

use super::extras::Extras;
use super::variation::{Limit, Members, Variation};
use super::{Dialect, Form, ModelError, Prompt, Reply, Reported, Shape, capabilities, refused, strict};

#[cfg(test)]
mod tests;

/// One model behind an OpenAI-compatible endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAi {
    /// Model, or Azure deployment: name a deployment after its model, which is all that is known of it.
    pub model: String,
}

/// How replies of a model are held to their shape when nothing is configured.
///
/// Structured output, with few exceptions: OpenAI, Azure, vLLM, llama.cpp and Ollama all constrain decoding by a JSON
/// schema, while Ollama takes no notice of `tool_choice`, so that a forced tool is not forced there. The exceptions have
/// forced tools and no structured output: OpenAI's models before GPT-4o, and Claude, whose own OpenAI-compatible
/// endpoint takes no notice of `response_format`.
#[must_use]
pub fn preferred_form(model: &str) -> Form {
    let name = capabilities::bare(model);
    let is_old = capabilities::is_openai(model)
        && (name == "gpt-4" || ["gpt-3", "gpt-4-"].iter().any(|prefix| name.starts_with(prefix)));
    let is_forced = capabilities::is_claude(model) && !capabilities::refuses_forced_tools(model);
    if is_old || is_forced { Form::Tool } else { Form::Native }
}

impl Dialect for OpenAi {
    fn path(&self) -> String {
        "/chat/completions".to_owned()
    }

    fn body(&self, prompt: &Prompt, form: Form) -> Value {
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(self.model));
        // One text: what lasts is its beginning, and servers that keep beginnings find it by themselves.
        let material = format!("{}{}", prompt.lasting, prompt.user);
        let messages = json!([{"role": "system", "content": prompt.system}, {"role": "user", "content": material}]);
        body.insert("messages".to_owned(), messages);
        // OpenAI's newer models answer max_tokens with an error, Ollama and older servers take no notice of
        // max_completion_tokens, and both at once are an error again.
        let limit = if capabilities::is_openai(&self.model) { "max_completion_tokens" } else { "max_tokens" };
        body.insert(limit.to_owned(), json!(prompt.max_tokens.max(1)));
        if capabilities::accepts_temperature(&self.model) {
            body.insert("temperature".to_owned(), json!(0));
        }
        let shape = &prompt.shape;
        match form {
            Form::Tool => {
                let function = json!({
                    "name": shape.name,
                    "description": shape.description,
                    "parameters": shape.schema,
                    "strict": true,
                });
                body.insert("tools".to_owned(), json!([{"type": "function", "function": function}]));
                let choice = json!({"type": "function", "function": {"name": shape.name}});
                body.insert("tool_choice".to_owned(), choice);
            }
            Form::Native => {
                let schema = json!({
                    "name": shape.name,
                    "description": shape.description,
                    "schema": shape.schema,
                    "strict": true,
                });
                body.insert("response_format".to_owned(), json!({"type": "json_schema", "json_schema": schema}));
            }
            // As llama-cpp-python, llama.cpp and others read it, which constrain decoding by it.
            Form::Object => {
                body.insert("response_format".to_owned(), json!({"type": "json_object", "schema": shape.schema}));
            }
        }
        Value::Object(body)
    }

    fn reply(&self, prompt: &Prompt, form: Form, body: &[u8]) -> Result<Reply, ModelError> {
        let body = strict::body(body)?;
        let Some(Value::Array(choices)) = body.get("choices") else {
            return Err(ModelError::Reply("there are no choices"));
        };
        let [Value::Object(choice)] = choices.as_slice() else {
            return Err(ModelError::Reply("there is not exactly one choice"));
        };
        check_finish_reason(form, choice.get("finish_reason").and_then(Value::as_str))?;
        let Some(Value::Object(message)) = choice.get("message") else {
            return Err(ModelError::Reply("the choice holds no message"));
        };
        strict::expect_assistant(message)?;
        if strict::present(message, "refusal").is_some() {
            return Err(ModelError::Reply("the model refused"));
        }
        check_old_call(message)?;
        let value = match form {
            Form::Tool => arguments(prompt.shape.name, message)?,
            Form::Native => whole_content(message)?,
            Form::Object => Some(whole_content(message)?)
                .filter(|value| has_members(&prompt.shape, value))
                .ok_or(ModelError::Reply("its object is of another shape than the one it was given"))?,
        };
        Ok(Reply { value, usage: strict::reported(&body, "prompt_tokens", "completion_tokens").into() })
    }

    fn reported(&self, body: &[u8]) -> Reported {
        strict::object(body)
            .map_or_else(Reported::default, |body| strict::reported(&body, "prompt_tokens", "completion_tokens"))
    }

    fn error_code(&self, _header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> String {
        let Some(body) = strict::object(body) else {
            return String::new();
        };
        // vLLM's older versions have no `error` around it; others put the HTTP status into `code`, as a number or a text.
        let error = body.get("error").and_then(Value::as_object).unwrap_or(&body);
        let text = |name: &str| error.get(name).and_then(Value::as_str);
        // LiteLLM writes a type that it does not know as the text `None`.
        let named = ["code", "type", "status"]
            .iter()
            .filter_map(|name| text(name))
            .find(|code| refused::is_code(code) && *code != "None");
        named.or_else(|| text("message").and_then(refused::named_in)).unwrap_or_default().to_owned()
    }

    fn adjust(&self, body: &mut Value, variation: Variation, extras: &Extras, most: u32) {
        let Some(body) = body.as_object_mut() else { return };
        let name = variation.limit.map(Limit::as_str);
        for known in [Limit::Tokens, Limit::CompletionTokens].map(Limit::as_str) {
            if body.remove(known).is_some() {
                body.insert(name.unwrap_or(known).to_owned(), json!(most.max(1)));
                break;
            }
        }
        if variation.omits_temperature {
            body.remove("temperature");
        }
        let added = [("reasoning_effort", &extras.effort), ("service_tier", &extras.tier)];
        for (name, value) in added.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            body.insert(name.to_owned(), json!(value));
        }
        body.extend(extras.fields.clone());
    }

    fn sent(&self, body: &Value) -> Members {
        let limits = [Limit::Tokens, Limit::CompletionTokens];
        let limit = limits.into_iter().find(|limit| body.get(limit.as_str()).is_some());
        Members { temperature: body.get("temperature").is_some(), limit, cache_point: false }
    }

    fn names_form(&self, form: Form, told: &str) -> bool {
        let subjects: &[&str] = match form {
            Form::Tool => {
                &["tool_choice", "tool choice", "tool use", "tool call", "tools", "function call", "functions"]
            }
            Form::Native | Form::Object => {
                &["response_format", "response format", "json_schema", "json schema", "structured output", "grammar"]
            }
        };
        let is_ours =
            ["invalid schema", "invalid_schema", "invalid json schema"].iter().any(|words| told.contains(words));
        !is_ours && subjects.iter().any(|words| told.contains(words))
    }

    fn disregards(&self, form: Form, shape: &Shape, body: &[u8]) -> bool {
        let Some(body) = strict::object(body) else { return false };
        let Some([choice]) = body.get("choices").and_then(Value::as_array).map(Vec::as_slice) else { return false };
        let reason = choice.get("finish_reason").and_then(Value::as_str);
        let Some(message) = choice.get("message").and_then(Value::as_object) else { return false };
        let has_call = ["tool_calls", "function_call", "refusal"].iter().any(|name| {
            strict::present(message, name).is_some_and(|value| value.as_array().is_none_or(|calls| !calls.is_empty()))
        });
        match form {
            Form::Tool => matches!(reason, Some("stop" | "tool_calls")) && !has_call,
            Form::Object => {
                let is_held = || whole_content(message).is_ok_and(|value| has_members(shape, &value));
                reason == Some("stop") && !has_call && !is_held()
            }
            Form::Native => false,
        }
    }
}

/// Whether a reply has the members that its schema requires, and no others. Servers that know the type `json_object` alone take
/// no notice of a schema beside it, and give any object.
fn has_members(shape: &Shape, value: &Value) -> bool {
    let required = shape.schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let known = shape.schema.get("properties").and_then(Value::as_object);
    let (Some(known), Some(object)) = (known, value.as_object()) else { return false };
    required.filter_map(Value::as_str).all(|name| object.contains_key(name))
        && object.keys().all(|name| known.contains_key(name))
}

/// The call as older clients read it, which some servers send beside the one tool call: it must be the same.
fn check_old_call(message: &Map<String, Value>) -> Result<(), ModelError> {
    let Some(old) = strict::present(message, "function_call") else { return Ok(()) };
    let calls = strict::present(message, "tool_calls").and_then(Value::as_array);
    match calls.map(Vec::as_slice) {
        Some([call]) if call.get("function") == Some(old) => Ok(()),
        _ => Err(ModelError::Reply("it called a function in the way that was abandoned")),
    }
}

/// Accepts the finish reasons that the form ends with. OpenAI documents `stop` for a call that was forced; most other
/// servers say `tool_calls`, as for a call that was not.
fn check_finish_reason(form: Form, reason: Option<&str>) -> Result<(), ModelError> {
    let accepted: &[&str] = match form {
        Form::Tool => &["stop", "tool_calls"],
        Form::Native | Form::Object => &["stop"],
    };
    if reason.is_some_and(|reason| accepted.contains(&reason)) {
        return Ok(());
    }
    Err(ModelError::Reply(match reason {
        Some("tool_calls") => "it stopped with tool_calls where no tool was offered",
        Some("length") => "it stopped with length",
        Some("content_filter") => "it stopped with content_filter",
        Some("function_call") => "it stopped with function_call",
        Some(_) => "it stopped for an unknown reason",
        None => "it names no reason for stopping",
    }))
}

/// The arguments of the one call of the one function. Content besides it is never read.
fn arguments(name: &str, message: &Map<String, Value>) -> Result<Value, ModelError> {
    let Some(Value::Array(calls)) = strict::present(message, "tool_calls") else {
        return Err(ModelError::Reply("it called no tool"));
    };
    let [call] = calls.as_slice() else {
        return Err(ModelError::Reply("it did not call the tool exactly once"));
    };
    if call.get("type").and_then(Value::as_str) != Some("function") {
        return Err(ModelError::Reply("it called the tool in an unknown way"));
    }
    let function = call.get("function").unwrap_or(&Value::Null);
    if function.get("name").and_then(Value::as_str) != Some(name) {
        return Err(ModelError::Reply("it called another tool than the one it was given"));
    }
    function
        .get("arguments")
        .and_then(Value::as_str)
        .and_then(|text| strict::object(text.as_bytes()))
        .map(Value::Object)
        .ok_or(ModelError::Reply("the tool's arguments are not one JSON object in a string"))
}

/// The object that is the whole content.
fn whole_content(message: &Map<String, Value>) -> Result<Value, ModelError> {
    let calls_tools = strict::present(message, "tool_calls")
        .is_some_and(|calls| calls.as_array().is_none_or(|calls| !calls.is_empty()));
    if calls_tools {
        return Err(ModelError::Reply("it called a tool and none was offered"));
    }
    message
        .get("content")
        .and_then(Value::as_str)
        .and_then(|text| strict::object(text.as_bytes()))
        .map(Value::Object)
        .ok_or(ModelError::Reply("its content is not one JSON object"))
}
