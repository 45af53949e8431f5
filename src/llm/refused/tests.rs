//! Answers of providers, as they were reported in public, and what a caller and the log are shown of them.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::llm::ModelError;

/// Status, error code, the provider's sentence, and what it is taken for.
const ANSWERS: [(u16, &str, &str, Cause); 46] = [
    (
        404,
        "ResourceNotFoundException",
        "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
        Cause::EndOfLife,
    ),
    (
        404,
        "ResourceNotFoundException",
        "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in the last 15 days. Please upgrade to an active model on Amazon Bedrock",
        Cause::EndOfLife,
    ),
    (
        403,
        "AccessDeniedException",
        "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in the last 30 days.",
        Cause::EndOfLife,
    ),
    (400, "ValidationException", "The model has been deprecated in this region.", Cause::EndOfLife),
    (
        404,
        "model_not_found",
        "The model `gpt-4-32k` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations",
        Cause::EndOfLife,
    ),
    (
        400,
        "model_decommissioned",
        "The model `mixtral-8x7b-32768` has been decommissioned and is no longer supported.",
        Cause::EndOfLife,
    ),
    (410, "ModelDeprecated", "gone", Cause::EndOfLife),
    (
        400,
        "ValidationException",
        "Invocation of model ID anthropic.claude-sonnet-4-20250514-v1:0 with on-demand throughput isn\u{2019}t supported. Retry your request with the ID or ARN of an inference profile that contains this model.",
        Cause::NeedsProfile,
    ),
    (
        400,
        "BadRequestError",
        "litellm.BadRequestError: BedrockException - {\"message\":\"Invocation of model ID x with on-demand throughput isn't supported.\"}",
        Cause::NeedsProfile,
    ),
    (403, "AccessDeniedException", "You don't have access to the model with the specified model ID.", Cause::NoAccess),
    (
        403,
        "AccessDeniedException",
        "User: arn:aws:iam::123456789012:user/u is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x because no identity-based policy allows the bedrock:InvokeModel action",
        Cause::NoAccess,
    ),
    (
        404,
        "ResourceNotFoundException",
        "Model use case details have not been submitted for this account. Fill out the Anthropic use case details form before using the model.",
        Cause::NoAccess,
    ),
    (404, "model_not_found", "The model `gpt-5.5` does not exist or you do not have access to it.", Cause::NoAccess),
    (403, "", "", Cause::NoAccess),
    (403, "ExpiredTokenException", "The security token included in the request is expired", Cause::Credentials),
    (403, "UnrecognizedClientException", "The security token included in the request is invalid.", Cause::Credentials),
    (
        403,
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided.",
        Cause::Credentials,
    ),
    (
        401,
        "invalid_api_key",
        "Incorrect API key provided: sk-ab***yz. You can find your API key at https://platform.openai.com/account/api-keys.",
        Cause::Credentials,
    ),
    (401, "", "Access denied due to invalid subscription key or wrong API endpoint.", Cause::Credentials),
    (429, "ThrottlingException", "Too many tokens per day, please wait before trying again.", Cause::Quota),
    (429, "", "", Cause::Quota),
    (
        429,
        "rate_limit_exceeded",
        "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000.",
        Cause::Quota,
    ),
    (
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
        Cause::Quota,
    ),
    (400, "ServiceQuotaExceededException", "Your request exceeds the service quota for your account.", Cause::Quota),
    (400, "ThrottlingException", "Rate exceeded", Cause::Quota),
    (402, "", "Insufficient credits", Cause::Quota),
    (400, "ValidationException", "Input is too long for requested model.", Cause::TooLong),
    (
        400,
        "ValidationException",
        "The model returned the following errors: prompt is too long: 210000 tokens > 200000 maximum",
        Cause::TooLong,
    ),
    (
        400,
        "ValidationException",
        "The model returned the following errors: Input Tokens Exceeded: Number of input tokens exceeds maximum length.",
        Cause::TooLong,
    ),
    (400, "context_length_exceeded", "x", Cause::TooLong),
    (
        400,
        "BadRequestError",
        "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens.",
        Cause::TooLong,
    ),
    (
        400,
        "exceed_context_size_error",
        "the request exceeds the available context size, try increasing it",
        Cause::TooLong,
    ),
    (413, "", "", Cause::TooLong),
    (
        400,
        "INVALID_ARGUMENT",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        Cause::TooLong,
    ),
    (404, "", "404 page not found", Cause::Unknown),
    (404, "not_found_error", "model \"qwen2.5-coder:14b\" not found, try pulling it first", Cause::Unknown),
    (404, "DeploymentNotFound", "The API deployment for this resource does not exist.", Cause::Unknown),
    (400, "ValidationException", "The provided model identifier is invalid.", Cause::Unknown),
    (503, "ServiceUnavailableException", "Bedrock is unable to process your request.", Cause::Unavailable),
    (529, "overloaded_error", "Overloaded", Cause::Unavailable),
    (429, "ModelNotReadyException", "Model is not ready for inference.", Cause::Unavailable),
    (424, "ModelErrorException", "", Cause::Unavailable),
    (500, "api_error", "the prompt is too long to say why", Cause::Unavailable),
    (
        400,
        "ValidationException",
        "The model returned the following errors: `temperature` is deprecated for this model.",
        Cause::Other,
    ),
    (
        400,
        "ValidationException",
        "This model doesn't support the toolConfig.toolChoice.tool field. Remove it and try again.",
        Cause::Other,
    ),
    (302, "", "", Cause::Other),
];

#[test]
fn knows_the_causes_by_the_providers_own_answers() {
    for (status, code, sentence, cause) in ANSWERS {
        assert_eq!(Cause::of(status, code, sentence), cause, "{status} {code} {sentence}");
    }
}

#[test]
fn a_caller_is_told_a_sentence_of_ours_and_a_name() {
    let mut sentences = std::collections::BTreeSet::new();
    for (status, code, sentence, cause) in ANSWERS {
        let detail = loggable(sentence, &[]);
        let told = ModelError::Refused { status, code: code.to_owned(), cause, detail }.to_string();
        sentences.insert(cause.sentence());
        assert!(told.contains(cause.sentence()), "{told}");
        assert!(told.ends_with(&format!(", {})", if code.is_empty() { phrase(status) } else { code })), "{told}");
        for foreign in ["arn:", "123456789012", "://", "sk-", "AWS documentation", ", 4", ", 5"] {
            assert!(!told.contains(foreign), "{foreign} in {told}");
        }
    }
    assert_eq!(sentences.len(), 9, "each cause has a sentence of its own");
}

#[test]
fn finds_the_sentence_in_every_shape() {
    for (body, expected) in [
        (json!({"message": "said"}), "said"),
        (json!({"Message": "said"}), "said"),
        (json!({"error": {"message": "said", "code": 400}}), "said"),
        (json!({"error": "said"}), "said"),
        (json!({"object": "error", "message": "said"}), "said"),
        (json!({"object": "error", "message": {"detail": [{"msg": "said", "input": "the prompt"}]}}), "said"),
        (json!([{"error": {"code": 404, "message": "said", "status": "NOT_FOUND"}}]), "said"),
        (json!({"statusCode": 401, "message": "said"}), "said"),
        (json!({"detail": "said"}), "said"),
        (json!({"detail": [{"loc": ["body"], "msg": "said", "input": "the prompt"}, {"msg": "more"}]}), "said; more"),
        (json!({"message": "", "error": "said"}), "said"),
        (json!({"reason": "said"}), "{\"reason\":\"said\"}"),
        (json!("said"), "\"said\""),
    ] {
        assert_eq!(sentence(body.to_string().as_bytes()), expected, "{body}");
    }
    assert_eq!(sentence(b"<html>502 Bad Gateway</html>"), "<html>502 Bad Gateway</html>");
    assert_eq!(sentence(b"\xff"), "\u{fffd}");
    assert_eq!(sentence(b""), "");
}

#[test]
fn the_log_gets_printable_text_without_secrets() {
    let secrets: Vec<Zeroizing<String>> =
        ["sk-1234", "the/token==", "abc"].map(|text| Zeroizing::new(text.to_owned())).into();
    let logged = loggable("key\tsk-1234 of\u{202e}\u{200b}\r\n\0 the/token== and abc", &secrets);
    assert_eq!(logged, "key *** of *** and abc");
    assert_eq!(loggable(&"\u{e9}".repeat(600), &[]).chars().count(), 500);
    // A secret that the cut would part is taken out before.
    let long = format!("{}sk-1234", "x".repeat(497));
    assert!(!loggable(&long, &secrets).contains("sk-"));
}

proptest! {
    #[test]
    fn any_answer_is_read_and_cut(status in 100_u16..600, code in ".{0,20}", body in prop::collection::vec(any::<u8>(), 0..300)) {
        let sentence = sentence(&body);
        let logged = loggable(&sentence, &[]);
        prop_assert!(logged.chars().count() <= 500 && !logged.chars().any(char::is_control));
        prop_assert!(!Cause::of(status, &code, &sentence).sentence().is_empty());
    }
}
