//! Every way in which a reply can be something else than the one object asked for.

use super::*;
use crate::llm::Usage;

/// A response as Converse gives it.
fn response(stop_reason: &str, content: &Value) -> Value {
    json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason,
        "usage": {"inputTokens": 30, "outputTokens": 7, "totalTokens": 37},
        "metrics": {"latencyMs": 75},
    })
}

fn call(input: &Value) -> Value {
    json!({"toolUse": {"toolUseId": "tooluse_1", "name": "record_verdict", "input": input}})
}

fn read(form: Form, body: &Value) -> Result<Reply, ModelError> {
    read_text(form, &body.to_string())
}

fn read_text(form: Form, body: &str) -> Result<Reply, ModelError> {
    bedrock(SONNET).reply(&prompt(), form, body.as_bytes())
}

fn rejects(form: Form, body: &Value) {
    rejects_text(form, &body.to_string());
}

fn rejects_text(form: Form, body: &str) {
    match read_text(form, body) {
        Err(ModelError::Reply(why)) => assert!(!why.is_empty() && !why.ends_with('.')),
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn reads_the_input_of_the_forced_tool() {
    let verdict = json!({"verdict": "allow", "deep": [{"x": null}]});
    let reply = read(Form::Tool, &response("tool_use", &json!([call(&verdict)]))).unwrap();
    assert_eq!(reply.value, verdict);
    assert_eq!(reply.usage, Usage { input_tokens: 30, output_tokens: 7 });
    let empty = read(Form::Tool, &response("tool_use", &json!([call(&json!({}))]))).unwrap();
    assert_eq!(empty.value, json!({}));
}

#[test]
fn never_reads_what_stands_beside_the_tool() {
    let content = json!([
        {"reasoningContent": {"reasoningText": {"text": "{\"verdict\":\"allow\"}", "signature": "x"}}},
        {"text": "{\"verdict\": \"allow\", \"reason\": \"\", \"message\": \"\"}"},
        call(&json!({"verdict": "reject"})),
        {"text": "record_verdict(allow)"},
    ]);
    let reply = read(Form::Tool, &response("tool_use", &content)).unwrap();
    assert_eq!(reply.value, json!({"verdict": "reject"}));
}

#[test]
fn rejects_a_verdict_in_the_wrong_place() {
    let verdict = json!({"verdict": "allow"});
    let text = json!({"text": verdict.to_string()});
    rejects(Form::Tool, &response("tool_use", &json!([text])));
    rejects(Form::Tool, &response("end_turn", &json!([text])));
    rejects(Form::Tool, &response("tool_use", &json!([])));
    rejects(Form::Tool, &response("tool_use", &json!([{"reasoningContent": {"reasoningText": text}}])));
    rejects(Form::Native, &response("end_turn", &json!([call(&verdict)])));
    rejects(Form::Native, &response("tool_use", &json!([call(&verdict)])));
    rejects(Form::Native, &response("tool_use", &json!([text])));
    rejects(Form::Native, &response("end_turn", &json!([text, call(&verdict)])));
    rejects(Form::Native, &response("end_turn", &json!([{"reasoningContent": {"reasoningText": text}}])));
}

#[test]
fn rejects_other_calls_than_the_one() {
    let verdict = json!({"verdict": "allow"});
    let named = |name: Value| json!({"toolUse": {"toolUseId": "t", "name": name, "input": verdict}});
    let good = call(&verdict);
    for content in [
        json!([good, good]),
        json!([good, call(&json!({"verdict": "reject"}))]),
        json!([good, named(json!("other"))]),
        json!([named(json!("other")), good]),
        json!([named(json!("record_verdict "))]),
        json!([named(json!("Record_Verdict"))]),
        json!([named(json!(""))]),
        json!([named(json!(null))]),
        json!([named(json!(["record_verdict"]))]),
        json!([call(&json!(null))]),
        json!([call(&json!("{\"verdict\":\"allow\"}"))]),
        json!([call(&json!([verdict]))]),
        json!([call(&json!(true))]),
        json!([{"toolUse": {"toolUseId": "t", "name": "record_verdict"}}]),
        json!([{"toolUse": {"toolUseId": "t", "name": "record_verdict", "input": verdict, "type": "server_tool_use"}}]),
        json!([{"toolUse": {"toolUseId": "t", "name": "record_verdict", "input": verdict, "extra": 1}}]),
        json!([{"toolUse": "record_verdict"}]),
        json!([{"toolUse": null}]),
        json!([{"toolUse": [verdict]}]),
        json!([{"toolUse": good["toolUse"], "text": "x"}]),
        json!([good, {"toolUse": call(&json!({}))["toolUse"], "text": "x"}]),
        json!([{"tooluse": good["toolUse"]}]),
        json!([{"toolResult": {"toolUseId": "t", "content": [{"json": verdict}]}}]),
        json!([good, {"toolResult": {"toolUseId": "t", "content": []}}]),
        json!([good, {"somethingNew": {}}]),
        json!([good, {"text": 1}]),
        json!([good, {}]),
        json!([good, null]),
        json!([good, "text"]),
        json!([[good]]),
        json!({"0": good}),
        json!(good),
        json!(null),
        json!("record_verdict"),
    ] {
        rejects(Form::Tool, &response("tool_use", &content));
    }
}

#[test]
fn reads_the_one_text_of_structured_output() {
    let content = json!([
        {"reasoningContent": {"redactedContent": "AAAA"}},
        {"text": " {\"verdict\": \"allow\"}\n"},
    ]);
    let reply = read(Form::Native, &response("end_turn", &content)).unwrap();
    assert_eq!(reply.value, json!({"verdict": "allow"}));
    assert_eq!(reply.usage, Usage { input_tokens: 30, output_tokens: 7 });
}

#[test]
fn rejects_text_that_is_not_one_object() {
    for text in [
        "",
        "allow",
        "null",
        "[]",
        "[{\"verdict\":\"allow\"}]",
        "\"{}\"",
        "```json\n{\"verdict\":\"allow\"}\n```",
        "Here it is: {\"verdict\":\"allow\"}",
        "{\"verdict\":\"allow\"} done",
        "{\"verdict\":\"reject\"}{\"verdict\":\"allow\"}",
        "{\"verdict\":\"reject\",\"verdict\":\"allow\"}",
        "{\"verdict\":\"reject\",\"\\u0076erdict\":\"allow\"}",
        "{\"verdict\":\"allow\"",
        "{verdict:\"allow\"}",
    ] {
        rejects(Form::Native, &response("end_turn", &json!([{"text": text}])));
    }
    let good = json!({"text": "{\"verdict\":\"allow\"}"});
    for content in [
        json!([good, good]),
        json!([{"text": "{\"verdict\":"}, {"text": "\"allow\"}"}]),
        json!([good, {"text": ""}]),
        json!([good, {"citationsContent": {}}]),
        json!([{"text": {"verdict": "allow"}}]),
        json!([{"text": null}]),
        json!([]),
    ] {
        rejects(Form::Native, &response("end_turn", &content));
    }
}

#[test]
fn knows_a_reply_that_lacks_the_call() {
    let lacks = |reason, content: &Value| {
        bedrock(SONNET).disregards(Form::Tool, &prompt().shape, response(reason, content).to_string().as_bytes())
    };
    let (text, tool) = (json!([{"text": "In words."}]), json!([{"text": "So:"}, call(&json!({"verdict": "allow"}))]));
    assert!(lacks("end_turn", &text) && lacks("tool_use", &text) && lacks("end_turn", &json!([])));
    assert!(!lacks("end_turn", &tool) && !lacks("max_tokens", &text) && !lacks("guardrail_intervened", &text));
    for body in ["", "{}", "{\"stopReason\": \"end_turn\"}"] {
        assert!(!bedrock(SONNET).disregards(Form::Tool, &prompt().shape, body.as_bytes()), "{body}");
    }
}

#[test]
fn accepts_the_stop_reasons_of_a_form_and_names_the_others() {
    let tool = json!([call(&json!({"verdict": "allow"}))]);
    let text = json!([{"text": "{\"verdict\":\"allow\"}"}]);
    let forms: [(_, _, &[&str]); 2] =
        [(Form::Tool, &tool, &["tool_use", "end_turn"]), (Form::Native, &text, &["end_turn"])];
    for (form, content, accepted) in forms {
        for reason in [
            "end_turn",
            "tool_use",
            "max_tokens",
            "stop_sequence",
            "guardrail_intervened",
            "content_filtered",
            "malformed_model_output",
            "malformed_tool_use",
            "model_context_window_exceeded",
        ] {
            match read(form, &response(reason, content)) {
                Ok(_) => assert!(accepted.contains(&reason), "{reason}"),
                Err(ModelError::Reply(why)) => {
                    assert!(!accepted.contains(&reason) && why.contains(reason), "{reason}: {why}");
                }
                Err(other) => panic!("{reason}: {other:?}"),
            }
        }
        for reason in ["", "TOOL_USE", "END_TURN", "tool_use ", "end_turn\n", "something_new", "refusal"] {
            match read(form, &response(reason, content)) {
                Err(ModelError::Reply(why)) => assert_eq!(why, "it stopped for an unknown reason"),
                other => panic!("{reason}: {other:?}"),
            }
        }
        for reason in [json!(null), json!(1), json!([accepted[0]]), json!({"tool_use": true})] {
            let mut body = response(accepted[0], content);
            body["stopReason"] = reason;
            rejects(form, &body);
        }
        let mut body = response(accepted[0], content);
        body.as_object_mut().unwrap().remove("stopReason");
        rejects(form, &body);
    }
}

#[test]
fn rejects_other_envelopes() {
    let good = response("tool_use", &json!([call(&json!({"verdict": "allow"}))]));
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        body
    };
    let message = good["output"]["message"].clone();
    for body in [
        json!(null),
        json!([good]),
        json!("x"),
        json!({}),
        message.clone(),
        with(&|body| body["output"] = json!(null)),
        with(&|body| body["output"] = json!([message])),
        with(&|body| body["output"] = message.clone()),
        with(&|body| body["output"]["message"] = json!([message, message])),
        with(&|body| body["output"]["other"] = message.clone()),
        with(&|body| body["output"]["message"]["role"] = json!("user")),
        with(&|body| body["output"]["message"]["role"] = json!("system")),
        with(&|body| body["output"]["message"]["role"] = json!(null)),
        with(&|body| body["output"]["message"]["content"] = json!(null)),
    ] {
        rejects(Form::Tool, &body);
    }
    for text in [
        String::new(),
        "<html></html>".to_owned(),
        good.to_string().replacen('{', "", 1),
        format!("{good}{good}"),
        good.to_string()[..good.to_string().len() / 2].to_owned(),
        "[".repeat(200),
        "{\"a\":".repeat(200),
    ] {
        rejects_text(Form::Tool, &text);
        rejects_text(Form::Native, &text);
    }
    assert!(bedrock(SONNET).reply(&prompt(), Form::Tool, b"\xff\xfe\0").is_err());
    // What the service adds besides the message is no reason to refuse it.
    assert!(read(Form::Tool, &with(&|body| body["somethingNew"] = json!({"a": [1]}))).is_ok());
}

#[test]
fn rejects_names_given_twice_anywhere() {
    let tool = |input: &str| {
        format!(
            "{{\"stopReason\":\"tool_use\",\"output\":{{\"message\":{{\"role\":\"assistant\",\"content\":[{{\"toolUse\":\
             {{\"toolUseId\":\"t\",\"name\":\"record_verdict\",\"input\":{input}}}}}]}}}},\"usage\":{{}}}}"
        )
    };
    assert!(read_text(Form::Tool, &tool("{\"verdict\":\"reject\"}")).is_ok());
    for input in ["{\"verdict\":\"reject\",\"verdict\":\"allow\"}", "{\"a\":{\"b\":1,\"b\":2}}"] {
        rejects_text(Form::Tool, &tool(input));
    }
    let twice = tool("{\"verdict\":\"allow\"}").replacen('{', "{\"stopReason\":\"guardrail_intervened\",", 1);
    rejects_text(Form::Tool, &twice);
    let inputs = tool("{\"verdict\":\"reject\"},\"input\":{\"verdict\":\"allow\"}");
    rejects_text(Form::Tool, &inputs);
}

#[test]
fn survives_a_depth_bomb_inside_the_text() {
    let bomb = format!("{}{}", "{\"a\":".repeat(200), "}".repeat(200));
    rejects(Form::Native, &response("end_turn", &json!([{"text": bomb}])));
}

#[test]
fn counts_what_usage_says_and_never_fails_for_it() {
    for (usage, expected) in [
        (json!({"inputTokens": 0, "outputTokens": 0}), (0, 0)),
        (json!({"inputTokens": -5, "outputTokens": 1.5}), (0, 0)),
        (json!({"inputTokens": u64::MAX, "outputTokens": 1e300}), (u64::from(u32::MAX), 0)),
        (json!({"inputTokens": "7", "outputTokens": [7]}), (0, 0)),
        (json!({}), (0, 0)),
        (json!(null), (0, 0)),
        (json!([1, 2]), (0, 0)),
    ] {
        let mut body = response("tool_use", &json!([call(&json!({}))]));
        body["usage"] = usage;
        let usage = read(Form::Tool, &body).unwrap().usage;
        assert_eq!((usage.input_tokens, usage.output_tokens), expected);
    }
}
