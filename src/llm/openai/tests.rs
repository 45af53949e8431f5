//! Bodies member by member, and every way in which a reply can be something else than the one object asked for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::llm::Usage;
use crate::llm::wire_tests::{prompt, reads_which_form_was_refused};

fn openai(model: &str) -> OpenAi {
    OpenAi { model: model.to_owned() }
}

fn response(finish_reason: &str, message: &Value) -> Value {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 30, "completion_tokens": 7, "total_tokens": 37},
    })
}

fn call(name: &str, arguments: &Value) -> Value {
    json!({"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn calling(calls: &Value) -> Value {
    json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": calls})
}

fn saying(content: &Value) -> Value {
    json!({"role": "assistant", "content": content, "refusal": null, "annotations": []})
}

fn read(form: Form, body: &Value) -> Result<Reply, ModelError> {
    openai("m").reply(&prompt(), form, body.to_string().as_bytes())
}

fn rejects(form: Form, body: &Value) {
    match read(form, body) {
        Err(ModelError::Reply(why)) => assert!(!why.is_empty() && !why.ends_with('.')),
        other => panic!("{body}: {other:?}"),
    }
}

const ALLOW: &str = "{\"verdict\":\"allow\"}";

fn good_call() -> Value {
    calling(&json!([call("record_verdict", &json!(ALLOW))]))
}

#[test]
fn forces_the_one_function() {
    assert_eq!(openai("m").path(), "/chat/completions");
    assert_eq!(
        openai("llama3.2").body(&prompt(), Form::Tool),
        json!({
            "model": "llama3.2",
            "messages": [
                {"role": "system", "content": "Judge."},
                {"role": "user", "content": "<plane>\"orders\"</plane>\n<question>\"?\"</question>"},
            ],
            "max_tokens": 512,
            "temperature": 0,
            "tools": [{"type": "function", "function": {
                "name": "record_verdict",
                "description": "Records the verdict.",
                "parameters": prompt().shape.schema,
                "strict": true,
            }}],
            "tool_choice": {"type": "function", "function": {"name": "record_verdict"}},
        })
    );
}

#[test]
fn asks_for_structured_output() {
    let body = openai("llama3.2").body(&prompt(), Form::Native);
    assert_eq!((body.get("tools"), body.get("tool_choice")), (None, None));
    assert_eq!(
        body["response_format"],
        json!({"type": "json_schema", "json_schema": {
            "name": "record_verdict",
            "description": "Records the verdict.",
            "schema": prompt().shape.schema,
            "strict": true,
        }})
    );
}

#[test]
fn asks_for_an_object_with_its_schema_beside_the_type() {
    let body = openai("llama3.2").body(&prompt(), Form::Object);
    assert_eq!((body.get("tools"), body.get("tool_choice")), (None, None));
    assert_eq!(body["response_format"], json!({"type": "json_object", "schema": prompt().shape.schema}));
}

#[test]
fn limits_every_model_in_the_way_it_understands() {
    for (model, limit, temperature) in [
        ("gpt-5-mini", "max_completion_tokens", false),
        ("o3", "max_completion_tokens", false),
        ("gpt-4o", "max_completion_tokens", true),
        ("openai/gpt-5.2", "max_completion_tokens", false),
        ("gpt-oss:20b", "max_tokens", true),
        ("openai/gpt-oss-20b", "max_tokens", true),
        ("qwen3:8b", "max_tokens", true),
        ("mistral-small", "max_tokens", true),
        ("olmo2", "max_tokens", true),
        ("my-deployment", "max_tokens", true),
        ("anthropic/claude-opus-4.8", "max_tokens", false),
    ] {
        let body = openai(model).body(&prompt(), Form::Tool);
        let limits = ["max_tokens", "max_completion_tokens"];
        let found: Vec<&str> = limits.into_iter().filter(|name| body.get(name).is_some()).collect();
        assert_eq!(found, [limit], "{model}");
        assert_eq!(body[limit], 512, "{model}");
        assert_eq!(body.get("temperature").is_some(), temperature, "{model}");
    }
    let none = Prompt { max_tokens: 0, ..prompt() };
    assert_eq!(openai("m").body(&none, Form::Native)["max_tokens"], 1);
}

#[test]
fn prefers_what_is_known_of_a_model() {
    for model in ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-5", "o3", "llama3.2", "qwen3:8b", "claude-opus-5-5", "x", ""]
    {
        assert_eq!(preferred_form(model), Form::Native, "{model}");
    }
    for model in
        ["gpt-3.5-turbo", "gpt-4", "gpt-4-turbo", "gpt-4-0613", "claude-sonnet-4-20250514", "anthropic/claude-opus-4.6"]
    {
        assert_eq!(preferred_form(model), Form::Tool, "{model}");
    }
}

#[test]
fn reads_the_arguments_of_the_forced_function() {
    for reason in ["stop", "tool_calls"] {
        let reply = read(Form::Tool, &response(reason, &good_call())).unwrap();
        assert_eq!(reply.value, json!({"verdict": "allow"}));
        assert_eq!(reply.usage, Usage { input_tokens: 30, output_tokens: 7 });
    }
    let mut beside = calling(&json!([call("record_verdict", &json!("{\"verdict\":\"reject\"}"))]));
    beside["content"] = json!(ALLOW);
    beside["reasoning_content"] = json!(ALLOW);
    assert_eq!(read(Form::Tool, &response("stop", &beside)).unwrap().value, json!({"verdict": "reject"}));
}

#[test]
fn rejects_other_calls_than_the_one() {
    let good = call("record_verdict", &json!(ALLOW));
    for calls in [
        json!([]),
        json!(null),
        json!({}),
        json!("record_verdict"),
        json!([null]),
        json!([good, good]),
        json!([good, call("other", &json!("{}"))]),
        json!([call("other", &json!(ALLOW))]),
        json!([call("record_verdict ", &json!(ALLOW))]),
        json!([call("", &json!(ALLOW))]),
        json!([call("record_verdict", &json!({"verdict": "allow"}))]),
        json!([call("record_verdict", &json!(null))]),
        json!([call("record_verdict", &json!(""))]),
        json!([call("record_verdict", &json!("null"))]),
        json!([call("record_verdict", &json!("[]"))]),
        json!([call("record_verdict", &json!("{\"verdict\":\"reject\",\"verdict\":\"allow\"}"))]),
        json!([call("record_verdict", &json!("{\"verdict\":\"reject\"}{\"verdict\":\"allow\"}"))]),
        json!([call("record_verdict", &json!("{\"verdict\":\"allow\""))]),
        json!([call("record_verdict", &json!("{\"a\":".repeat(200)))]),
        json!([{"id": "1", "type": "custom", "function": good["function"]}]),
        json!([{"id": "1", "function": good["function"]}]),
        json!([{"id": "1", "type": "function"}]),
        json!([{"id": "1", "type": "function", "function": "record_verdict"}]),
    ] {
        rejects(Form::Tool, &response("tool_calls", &calling(&calls)));
    }
    rejects(Form::Tool, &response("stop", &saying(&json!(ALLOW))));
    let mut legacy = saying(&json!(null));
    legacy["function_call"] = good["function"].clone();
    rejects(Form::Tool, &response("stop", &legacy));
    // llama-cpp-python sends both.
    let mut both = good_call();
    both["function_call"] = good["function"].clone();
    assert_eq!(read(Form::Tool, &response("tool_calls", &both)).unwrap().value, json!({"verdict": "allow"}));
    for (name, arguments) in [("record_verdict", "{\"verdict\":\"reject\"}"), ("other", ALLOW)] {
        both["function_call"] = json!({"name": name, "arguments": arguments});
        rejects(Form::Tool, &response("tool_calls", &both));
    }
    both["function_call"] = json!(ALLOW);
    rejects(Form::Tool, &response("tool_calls", &both));
}

#[test]
fn reads_the_one_object_of_structured_output() {
    let reply = read(Form::Native, &response("stop", &saying(&json!(ALLOW)))).unwrap();
    assert_eq!(reply.value, json!({"verdict": "allow"}));
    let mut no_calls = saying(&json!(ALLOW));
    no_calls["tool_calls"] = json!([]);
    assert!(read(Form::Native, &response("stop", &no_calls)).is_ok());
}

#[test]
fn rejects_content_that_is_not_one_object() {
    for content in [
        json!(null),
        json!(""),
        json!("allow"),
        json!("null"),
        json!("[]"),
        json!({"verdict": "allow"}),
        json!([{"type": "text", "text": ALLOW}]),
        json!("<think>hm</think>{\"verdict\":\"allow\"}"),
        json!("```json\n{\"verdict\":\"allow\"}\n```"),
        json!("{\"verdict\":\"allow\"} done"),
        json!("{\"verdict\":\"reject\",\"verdict\":\"allow\"}"),
        json!("{\"verdict\":\"reject\",\"\\u0076erdict\":\"allow\"}"),
        json!("{\"verdict\":\"allow\""),
    ] {
        rejects(Form::Native, &response("stop", &saying(&content)));
    }
    rejects(Form::Native, &response("stop", &good_call()));
    rejects(Form::Native, &response("tool_calls", &good_call()));
    let mut both = saying(&json!(ALLOW));
    both["tool_calls"] = json!([call("record_verdict", &json!(ALLOW))]);
    rejects(Form::Native, &response("stop", &both));
}

#[test]
fn rejects_refusals_and_other_speakers() {
    for (form, message) in [(Form::Tool, good_call()), (Form::Native, saying(&json!(ALLOW)))] {
        for refusal in [json!("I cannot"), json!(""), json!(false), json!({})] {
            let mut refusing = message.clone();
            refusing["refusal"] = refusal;
            rejects(form, &response("stop", &refusing));
        }
        for role in [json!("user"), json!("system"), json!("tool"), json!(null), json!(["assistant"])] {
            let mut other = message.clone();
            other["role"] = role;
            rejects(form, &response("stop", &other));
        }
    }
}

#[test]
fn accepts_the_documented_finish_reasons_and_names_the_others() {
    for (form, message) in [(Form::Tool, good_call()), (Form::Native, saying(&json!(ALLOW)))] {
        for reason in ["stop", "tool_calls", "length", "content_filter", "function_call"] {
            let accepted = reason == "stop" || form == Form::Tool && reason == "tool_calls";
            match read(form, &response(reason, &message)) {
                Ok(_) => assert!(accepted, "{reason}"),
                Err(ModelError::Reply(why)) => assert!(!accepted && why.contains(reason), "{reason}: {why}"),
                Err(other) => panic!("{reason}: {other:?}"),
            }
        }
        for reason in ["", "STOP", "stop ", "end_turn", "eos", "something_new"] {
            rejects(form, &response(reason, &message));
        }
        let mut body = response("stop", &message);
        for reason in [json!(null), json!(0), json!(["stop"])] {
            body["choices"][0]["finish_reason"] = reason;
            rejects(form, &body);
        }
        body["choices"][0].as_object_mut().unwrap().remove("finish_reason");
        rejects(form, &body);
    }
}

#[test]
fn rejects_other_envelopes() {
    for (form, message) in [(Form::Tool, good_call()), (Form::Native, saying(&json!(ALLOW)))] {
        let good = response("stop", &message);
        let choice = good["choices"][0].clone();
        for choices in [
            json!(null),
            json!([]),
            json!([choice, choice]),
            json!([choice, {}]),
            json!([null]),
            json!([[choice]]),
            json!({"0": choice}),
            choice.clone(),
            json!([{"finish_reason": "stop"}]),
            json!([{"finish_reason": "stop", "message": null}]),
            json!([{"finish_reason": "stop", "message": [message]}]),
            json!([{"finish_reason": "stop", "delta": message}]),
        ] {
            let mut body = good.clone();
            body["choices"] = choices;
            rejects(form, &body);
        }
        for text in [
            String::new(),
            "<html>".to_owned(),
            format!("data: {good}"),
            format!("{good}{good}"),
            good.to_string().replacen('{', "{\"choices\":[],", 1),
            good.to_string().replacen("\"role\":", "\"role\":\"user\",\"role\":", 1),
            "[".repeat(200),
        ] {
            let read = openai("m").reply(&prompt(), form, text.as_bytes());
            assert!(matches!(read, Err(ModelError::Reply(_))), "{read:?}");
        }
        let mut body = good.clone();
        body["service_tier"] = json!("default");
        assert!(read(form, &body).is_ok());
    }
}

#[test]
fn counts_what_usage_says_and_never_fails_for_it() {
    for (usage, expected) in [
        (json!({"prompt_tokens": 3, "completion_tokens": 4}), (3, 4)),
        (json!({"prompt_tokens": -3, "completion_tokens": u64::MAX}), (0, u64::from(u32::MAX))),
        (json!(null), (0, 0)),
        (json!("x"), (0, 0)),
    ] {
        let mut body = response("stop", &good_call());
        body["usage"] = usage;
        let usage = read(Form::Tool, &body).unwrap().usage;
        assert_eq!((usage.input_tokens, usage.output_tokens), expected);
    }
}

#[test]
fn reads_error_codes_and_nothing_else() {
    let header = |_: &str| Some("IgnoredException".to_owned());
    for (body, code) in [
        (
            "{\"error\":{\"message\":\"m\",\"type\":\"requests\",\"code\":\"rate_limit_exceeded\"}}",
            "rate_limit_exceeded",
        ),
        ("{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"code\":null}}", "invalid_request_error"),
        ("{\"error\":{\"code\":400,\"message\":\"m\",\"type\":\"BadRequestError\"}}", "BadRequestError"),
        ("{\"object\":\"error\",\"message\":\"m\",\"type\":\"NotFoundError\",\"code\":404}", "NotFoundError"),
        ("{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"m\"}}", "DeploymentNotFound"),
        ("{\"error\":{\"code\":\"not a code\",\"type\":\"api_error\"}}", "api_error"),
        ("{\"error\":{\"code\":\"sk-secret\"}}", ""),
        // LiteLLM: the status as a text, and sometimes no type.
        (
            "{\"error\":{\"code\":\"400\",\"message\":\"m\",\"type\":\"invalid_request_error\"}}",
            "invalid_request_error",
        ),
        ("{\"error\":{\"code\":\"400\",\"message\":\"litellm.BadRequestError: no\",\"type\":null}}", "BadRequestError"),
        ("{\"error\":{\"code\":\"404\",\"message\":\"litellm.x y: no\",\"type\":\"None\"}}", ""),
        ("{\"error\":{\"code\":\"400\",\"message\":\"m\"}}", ""),
        ("{\"error\":{\"code\":\"123456789012\"}}", ""),
        ("{\"error\":{\"code\":\"a123456789012\"}}", ""),
        ("{\"error\":{\"code\":\"www.example.com\"}}", ""),
        ("{\"error\":{\"code\":404,\"message\":\"m\",\"status\":\"NOT_FOUND\"}}", "NOT_FOUND"),
        ("{\"error\":\"model not found\"}", ""),
        ("{\"error\":{\"code\":\"a\",\"code\":\"b\"}}", ""),
        ("{}", ""),
        ("[]", ""),
        ("", ""),
        ("<html>", ""),
    ] {
        assert_eq!(openai("m").error_code(&header, body.as_bytes()), code, "{body}");
    }
    let long = json!({"error": {"code": "a".repeat(65)}}).to_string();
    assert_eq!(openai("m").error_code(&header, long.as_bytes()), "");
}

#[test]
fn knows_when_the_form_is_what_was_refused() {
    let says = |form, message: &str| openai("m").names_form(form, &message.to_ascii_lowercase());
    let tool = [
        "registry.ollama.ai/library/gemma:latest does not support tools",
        "Tool choice type 'function' is not supported with model 'x'",
        "Unsupported parameter: 'tools' is not supported with this model.",
        "tool_choice: type \"tool\" and \"any\" are not supported for this model.",
        "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set",
    ];
    let native = [
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
        "This response_format type is unavailable now",
        "This model does not support response format `json_schema`",
        "Unrecognized request argument supplied: response_format",
    ];
    let neither = [
        "",
        "Unsupported parameter: 'max_tokens' is not supported with this model.",
        "Unsupported value: 'temperature' does not support 0 with this model.",
        "Invalid schema for response_format 'record_verdict': 'minLength' is not permitted",
        "Invalid schema for function 'record_verdict': tools are not supported",
        "This model's maximum context length is 8192 tokens",
    ];
    reads_which_form_was_refused(says, &tool, &native, &neither);
}

#[test]
fn knows_a_reply_that_lacks_the_call() {
    let disregards = |form, body: &str| openai("m").disregards(form, &prompt().shape, body.as_bytes());
    let lacks = |reason, message: &Value| disregards(Form::Tool, &response(reason, message).to_string());
    assert!(lacks("stop", &saying(&json!("In words."))));
    assert!(lacks("stop", &calling(&json!([]))) && lacks("tool_calls", &saying(&json!(null))));
    assert!(!lacks("length", &saying(&json!("In wo"))) && !lacks("content_filter", &saying(&json!(""))));
    assert!(!lacks("tool_calls", &good_call()));
    let mut refusing = saying(&json!(null));
    refusing["refusal"] = json!("No.");
    assert!(!lacks("stop", &refusing));
    for body in
        ["", "{}", "{\"choices\": []}", "{\"choices\": [1, 2]}", "{\"choices\": [{\"finish_reason\": \"stop\"}]}"]
    {
        assert!([Form::Tool, Form::Native, Form::Object].iter().all(|form| !disregards(*form, body)), "{body}");
    }
    assert!(!disregards(Form::Native, &response("stop", &saying(&json!("In words."))).to_string()));
}

#[test]
fn knows_an_object_of_another_shape() {
    let disregards = |reason, message: &Value| {
        openai("m").disregards(Form::Object, &prompt().shape, response(reason, message).to_string().as_bytes())
    };
    for (text, is_held) in [
        (ALLOW, true),
        ("{}", false),
        ("{\"Verdict\": \"allow\"}", false),
        ("{\"verdict\": \"allow\", \"confidence\": 1}", false),
        ("[\"allow\"]", false),
        ("Allowed.", false),
    ] {
        let body = response("stop", &saying(&json!(text)));
        assert_eq!(read(Form::Object, &body).is_ok(), is_held, "{text}");
        assert_eq!(disregards("stop", &saying(&json!(text))), !is_held, "{text}");
        // What was cut off, or stopped by a filter, says nothing of the form.
        assert!(!disregards("length", &saying(&json!(text))) && !disregards("content_filter", &saying(&json!(text))));
    }
    let mut refusing = saying(&json!(null));
    refusing["refusal"] = json!("No.");
    assert!(!disregards("stop", &refusing) && !disregards("tool_calls", &good_call()));
}

#[test]
fn changes_a_body_as_was_learned_and_configured() {
    let fields = json!({"top_k": 1, "chat_template_kwargs": {"enable_thinking": false}});
    let extras = Extras {
        effort: Some("low".to_owned()),
        tier: Some("flex".to_owned()),
        fields: fields.as_object().unwrap().clone(),
    };
    let plain = openai("m").body(&prompt(), Form::Native);
    let mut body = plain.clone();
    openai("m").adjust(&mut body, Variation::default(), &Extras::default(), 512);
    assert_eq!(body, plain);
    let variation = Variation { omits_temperature: true, limit: Some(Limit::CompletionTokens), ..Variation::default() };
    openai("m").adjust(&mut body, variation, &extras, 7);
    let has = Members { temperature: true, limit: Some(Limit::Tokens), cache_point: false };
    assert_eq!(openai("m").sent(&plain), has);
    let has = Members { temperature: false, limit: Some(Limit::CompletionTokens), cache_point: false };
    assert_eq!(openai("m").sent(&body), has);
    assert_eq!((&body["max_completion_tokens"], &body["reasoning_effort"]), (&json!(7), &json!("low")));
    assert_eq!((&body["service_tier"], &body["top_k"]), (&json!("flex"), &json!(1)));
    assert_eq!(body["chat_template_kwargs"], fields["chat_template_kwargs"]);
    assert_eq!((&body["messages"], &body["response_format"]), (&plain["messages"], &plain["response_format"]));
}
