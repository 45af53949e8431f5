//! Requests member by member, what is preferred of which model, and what is read of errors.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::llm::wire_tests::{prompt, reads_which_form_was_refused};

mod replies;

const SONNET: &str = "anthropic.claude-sonnet-4-20250514-v1:0";

fn bedrock(model_id: &str) -> Bedrock {
    Bedrock { model_id: model_id.to_owned(), guardrail: None }
}

fn body_of(model_id: &str, form: Form) -> Value {
    bedrock(model_id).body(&prompt(), form)
}

fn no_header(_: &str) -> Option<String> {
    None
}

#[test]
fn encodes_the_whole_model_id_as_one_segment() {
    for (model_id, path) in [
        (SONNET, "/model/anthropic.claude-sonnet-4-20250514-v1%3A0/converse"),
        ("us.amazon.nova-lite-v1:0", "/model/us.amazon.nova-lite-v1%3A0/converse"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2",
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fa1b2/converse",
        ),
        ("a/../b?c#d%e f~\u{e9}", "/model/a%2F..%2Fb%3Fc%23d%25e%20f~%C3%A9/converse"),
    ] {
        assert_eq!(bedrock(model_id).path(), path);
    }
}

#[test]
fn rejects_what_is_no_model_id() {
    for model_id in [
        SONNET,
        "eu.anthropic.claude-sonnet-4-20250514-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-haiku-20240307-v1:0",
        "arn:aws:sagemaker:us-east-1:123456789012:endpoint/my_endpoint",
    ] {
        assert_eq!(check_model_id(model_id), Ok(()), "{model_id}");
    }
    let long = "a".repeat(2_049);
    for model_id in ["", ".", "..", "a b", "a\n", "a%2F", "a?b", "a\0", "\u{e9}", &long] {
        assert!(matches!(check_model_id(model_id), Err(ModelError::Configuration(_))), "{model_id}");
    }
}

#[test]
fn forces_the_one_tool() {
    assert_eq!(
        body_of(SONNET, Form::Tool),
        json!({
            "system": [{"text": "Judge."}],
            "messages": [{"role": "user", "content": [
                {"text": "<plane>\"orders\"</plane>\n"},
                {"text": "<question>\"?\"</question>"},
            ]}],
            "inferenceConfig": {"maxTokens": 512, "temperature": 0},
            "toolConfig": {
                "tools": [{"toolSpec": {
                    "name": "record_verdict",
                    "description": "Records the verdict.",
                    "inputSchema": {"json": prompt().shape.schema},
                }}],
                "toolChoice": {"tool": {"name": "record_verdict"}},
            },
        })
    );
}

#[test]
fn asks_for_structured_output_with_the_schema_in_a_string() {
    let body = body_of(SONNET, Form::Native);
    assert_eq!(body.get("toolConfig"), None);
    let format = &body["outputConfig"]["textFormat"];
    assert_eq!(format["type"], "json_schema");
    let schema = &format["structure"]["jsonSchema"];
    assert_eq!(
        (schema["name"].as_str(), schema["description"].as_str()),
        (Some("record_verdict"), Some("Records the verdict."))
    );
    let text = schema["schema"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), prompt().shape.schema);
}

#[test]
fn marks_the_material_and_only_that_for_the_guardrail() {
    for form in [Form::Tool, Form::Native] {
        let guarded = Bedrock {
            model_id: SONNET.to_owned(),
            guardrail: Some(Guardrail { id: "a1b2".to_owned(), version: "3".to_owned() }),
        };
        let body = guarded.body(&prompt(), form);
        assert_eq!(
            body["guardrailConfig"],
            json!({"guardrailIdentifier": "a1b2", "guardrailVersion": "3", "trace": "disabled"})
        );
        assert_eq!(
            body["messages"],
            json!([{"role": "user", "content": [
                {"guardContent": {"text": {"text": prompt().lasting}}},
                {"guardContent": {"text": {"text": prompt().user}}},
            ]}])
        );
        assert_eq!(body["system"], json!([{"text": "Judge."}]));
        assert_eq!(body_of(SONNET, form).get("guardrailConfig"), None);
    }
}

/// All that stands before the point is the same for every tenant, and it is worth the while.
#[test]
fn a_cache_point_stands_behind_a_long_plane() {
    let long = Prompt { lasting: format!("<plane>\"{}\"</plane>\n", "t".repeat(6_000)), ..prompt() };
    let content = |model: &Bedrock, prompt: &Prompt| model.body(prompt, Form::Tool)["messages"][0]["content"].clone();
    assert_eq!(
        content(&bedrock(SONNET), &long),
        json!([{"text": long.lasting}, {"cachePoint": {"type": "default"}}, {"text": long.user}])
    );
    let guarded =
        Bedrock { guardrail: Some(Guardrail { id: "a1b2".to_owned(), version: "3".to_owned() }), ..bedrock(SONNET) };
    for (model, prompt) in [
        (bedrock(SONNET), &prompt()),
        (bedrock("meta.llama3-1-70b-instruct-v1:0"), &long),
        (guarded, &long),
        (bedrock(SONNET), &Prompt { lasting: String::new(), system: "s".repeat(9_000), ..prompt() }),
    ] {
        assert!(!content(&model, prompt).to_string().contains("cachePoint"), "{model:?}");
    }
}

/// A model behind a name that says otherwise may refuse the point: it is taken out, and nothing else.
#[test]
fn a_cache_point_can_be_left_out() {
    let long = Prompt { lasting: format!("<plane>\"{}\"</plane>\n", "t".repeat(6_000)), ..prompt() };
    let mut body = bedrock(SONNET).body(&long, Form::Tool);
    assert!(bedrock(SONNET).sent(&body).cache_point);
    let without = Variation { omits_cache_point: true, ..Variation::default() };
    bedrock(SONNET).adjust(&mut body, without, &Extras::default(), 512);
    assert!(!bedrock(SONNET).sent(&body).cache_point);
    assert_eq!(body["messages"][0]["content"], json!([{"text": long.lasting}, {"text": long.user}]));
}

/// What is read from kept beginnings and written to them is charged, too; Converse counts it apart.
#[test]
fn counts_what_was_kept() {
    let took = |usage: Value| bedrock(SONNET).reported(json!({"usage": usage}).to_string().as_bytes());
    let usage =
        json!({"inputTokens": 5, "outputTokens": 7, "cacheReadInputTokens": 1_000, "cacheWriteInputTokens": 200});
    assert_eq!(took(usage), Reported { input_tokens: Some(1_205), output_tokens: Some(7) });
    let usage = json!({"inputTokens": 5, "outputTokens": 7, "cacheReadInputTokens": null});
    assert_eq!(took(usage), Reported { input_tokens: Some(5), output_tokens: Some(7) });
    let usage = json!({"outputTokens": 7, "cacheReadInputTokens": 1_000});
    assert_eq!(took(usage), Reported { input_tokens: None, output_tokens: Some(7) });
}

#[test]
fn sends_a_temperature_only_where_it_is_known_to_be_taken() {
    let temperature = |model_id| body_of(model_id, Form::Tool)["inferenceConfig"].get("temperature").cloned();
    for model_id in [SONNET, "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0"] {
        assert_eq!(temperature(model_id), Some(json!(0)), "{model_id}");
    }
    for model_id in [
        "us.anthropic.claude-opus-4-7",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3",
        "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/a1b2c3",
    ] {
        assert_eq!(temperature(model_id), None, "{model_id}");
    }
}

#[test]
fn never_asks_for_no_tokens() {
    let none = Prompt { max_tokens: 0, ..prompt() };
    assert_eq!(bedrock(SONNET).body(&none, Form::Tool)["inferenceConfig"]["maxTokens"], 1);
}

#[test]
fn offers_the_tool_to_models_that_refuse_to_be_forced() {
    let body = body_of("us.anthropic.claude-opus-5-5", Form::Tool);
    assert_eq!(body["toolConfig"]["toolChoice"], json!({"auto": {}}));
    assert_eq!(body["system"][1]["text"], "Answer only by calling the tool record_verdict, exactly once.");
    assert_eq!(body["system"].as_array().unwrap().len(), 2);
}

#[test]
fn prefers_what_is_known_of_a_model() {
    for model_id in [
        SONNET,
        "us.anthropic.claude-sonnet-4-20250514-v1:0",
        "anthropic.claude-opus-4-1-20250805-v1:0",
        "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "anthropic.claude-3-haiku-20240307-v1:0",
        "us.anthropic.claude-opus-4-7",
        "anthropic.claude-opus-5",
        "amazon.nova-lite-v1:0",
        "us.amazon.nova-2-lite-v1:0",
        "mistral.mistral-large-2407-v1:0",
        "meta.llama3-1-70b-instruct-v1:0",
        "qwen.qwen3-vl-235b-a22b",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2",
        "somebody.unknown",
        "",
    ] {
        assert_eq!(preferred_form(model_id), Form::Tool, "{model_id}");
    }
    for model_id in [
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "eu.anthropic.claude-haiku-4-5-20251001-v1:0",
        "global.anthropic.claude-opus-4-5-20251101-v1:0",
        "us.anthropic.claude-opus-4-6-v1",
        "anthropic.claude-sonnet-4-6",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us.anthropic.claude-opus-5-5",
        "qwen.qwen3-32b-v1:0",
        "us.deepseek.v3.2",
        "openai.gpt-oss-120b-1:0",
        "arn:aws:bedrock:us-east-1::foundation-model/mistral.mistral-large-3-675b-instruct",
    ] {
        assert_eq!(preferred_form(model_id), Form::Native, "{model_id}");
    }
}

#[test]
fn reads_error_codes_and_nothing_else() {
    let bedrock = bedrock(SONNET);
    let of = |header: &str, body: &str| {
        let lookup = |name: &str| (name == "x-amzn-errortype").then(|| header.to_owned());
        bedrock.error_code(&lookup, body.as_bytes())
    };
    for (header, code) in [
        ("ThrottlingException", "ThrottlingException"),
        ("ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/", "ValidationException"),
        ("com.amazon.coral.service#AccessDeniedException", "AccessDeniedException"),
        ("com.amazon#ModelNotReadyException:http://x/#y", "ModelNotReadyException"),
        (" InternalServerException ", "InternalServerException"),
        ("", ""),
        (":http://x", ""),
        ("a#", ""),
        ("Not a code", ""),
        ("Sm\u{f6}rg\u{e5}s", ""),
        ("evil\nHint", ""),
        ("<script>", ""),
    ] {
        assert_eq!(of(header, ""), code, "{header}");
    }
    assert_eq!(of(&"A".repeat(64), "").len(), 64);
    assert_eq!(of(&"A".repeat(65), ""), "");
    assert_eq!(of("not a code", "{\"__type\":\"x#ThrottlingException\"}"), "ThrottlingException");
    for (body, code) in [
        ("{\"__type\":\"com.amazon#AccessDeniedException\",\"message\":\"no\"}", "AccessDeniedException"),
        ("{\"code\":\"ThrottlingException\"}", "ThrottlingException"),
        ("{\"__type\":7,\"code\":\"ThrottlingException\"}", "ThrottlingException"),
        ("{\"__type\":\"A\",\"__type\":\"B\"}", ""),
        ("{\"message\":\"ThrottlingException\"}", ""),
        ("{\"code\":\"a b\"}", ""),
        ("ThrottlingException", ""),
        ("[\"code\"]", ""),
        ("", ""),
    ] {
        assert_eq!(bedrock.error_code(&no_header, body.as_bytes()), code, "{body}");
    }
}

#[test]
fn knows_when_the_form_is_what_was_refused() {
    let says = |form, message: &str| bedrock(SONNET).names_form(form, &message.to_ascii_lowercase());
    let tool = [
        "This model doesn't support the toolConfig.toolChoice.tool field. Remove toolConfig.toolChoice.tool and try again.",
        "This model doesn't support tool use.",
        "This model does not support the toolConfig field.",
        "The model returned the following errors: tool_choice: type \"tool\" and \"any\" are not supported for this model.",
        "The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use.",
    ];
    let native = [
        "This model doesn't support the outputConfig field. Remove outputConfig and try again.",
        "The model returned the following errors: output_config.format: Extra inputs are not permitted",
        "outputConfig.textFormat is not supported for this model",
        "Structured output is not supported by the model.",
    ];
    let neither = [
        "",
        "The model returned the following errors: `temperature` is deprecated for this model.",
        "The provided model identifier is invalid.",
        "Input is too long for requested model.",
        "on-demand throughput isn\u{2019}t supported",
        "Invocation of model ID x with on-demand throughput isn't supported.",
        "The model returned the following errors: tools.0.input_schema: JSON schema is not supported",
        "outputConfig.textFormat.structure.jsonSchema.schema: keyword minLength is not supported",
    ];
    reads_which_form_was_refused(says, &tool, &native, &neither);
}

#[test]
fn changes_a_body_as_was_learned_and_configured() {
    let extras = Extras {
        effort: Some("low".to_owned()),
        tier: Some("flex".to_owned()),
        fields: json!({"top_k": 1}).as_object().unwrap().clone(),
    };
    for form in [Form::Tool, Form::Native] {
        let plain = body_of(SONNET, form);
        let mut body = plain.clone();
        bedrock(SONNET).adjust(&mut body, Variation::default(), &Extras::default(), 512);
        assert_eq!(body, plain);
        bedrock(SONNET).adjust(&mut body, Variation { omits_temperature: true, ..Variation::default() }, &extras, 7);
        assert_eq!(body["inferenceConfig"], json!({"maxTokens": 7}));
        assert_eq!((&body["outputConfig"]["effort"], &body["serviceTier"]), (&json!("low"), &json!({"type": "flex"})));
        assert_eq!(body["outputConfig"].get("textFormat"), plain.pointer("/outputConfig/textFormat"));
        assert_eq!(body["additionalModelRequestFields"], json!({"top_k": 1}));
        assert_eq!(bedrock(SONNET).sent(&plain), Members { temperature: true, ..Members::default() });
        assert_eq!(bedrock(SONNET).sent(&body), Members::default());
    }
}
