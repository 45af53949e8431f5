//! What an endpoint's answer that is no 200 means: one sentence of ours for the caller, the provider's own for the log.
//!
//! A provider's sentence may name an account, an ARN, a URL, a part of the prompt: it crosses to the log alone, and to administrators who
//! call `check_model()`, without the secrets that were sent. A cause only chooses words; nothing is decided by it.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::characters::{is_invisible, is_noncharacter};

/// Longest sentence of a provider that is logged, in characters.
const MOST_CHARACTERS: usize = 500;
/// A shorter text is no secret that could be told from other words.
const LEAST_SECRET: usize = 4;

/// Why an endpoint refuses, as far as its answer says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The model was retired, or is about to be and is closed to those who did not use it.
    EndOfLife,
    /// The account or key may not use the model.
    NoAccess,
    /// The endpoint does not know who calls.
    Credentials,
    /// A bare model id where only an inference profile is served.
    NeedsProfile,
    /// Throttled, or out of quota or money.
    Quota,
    /// More tokens than the model takes.
    TooLong,
    /// No model, path, guardrail or deployment of that name.
    Unknown,
    /// A fault of the endpoint, or too many callers.
    Unavailable,
    /// Anything else.
    Other,
}

impl Cause {
    /// Reads status, error code and sentence.
    #[must_use]
    pub fn of(status: u16, code: &str, sentence: &str) -> Self {
        let (code, sentence) = (code.to_ascii_lowercase(), sentence.to_ascii_lowercase());
        let says = |words: &[&str]| words.iter().any(|words| sentence.contains(words));
        let is = |names: &[&str]| names.iter().any(|name| code.contains(name));
        // Tokens per minute are a quota, however many the sentence counts.
        if matches!(status, 402 | 429) && !is(&["modelnotready"]) || is(&QUOTA_CODES) {
            Cause::Quota
        } else if is(&END_CODES) || says(&END_WORDS) {
            Cause::EndOfLife
        } else if matches!(status, 400 | 404) && says(&PROFILE_WORDS) {
            Cause::NeedsProfile
        } else if status == 401 || is(&CREDENTIAL_CODES) {
            Cause::Credentials
        } else if status == 403 || is(&["accessdenied", "permission"]) || says(&ACCESS_WORDS) {
            Cause::NoAccess
        } else if status == 413 || is(&LENGTH_CODES) || status < 500 && says(&LENGTH_WORDS) {
            Cause::TooLong
        } else if status == 404 || is(&["notfound", "not_found", "invalid_model"]) || says(&UNKNOWN_WORDS) {
            Cause::Unknown
        } else if status >= 500 || matches!(status, 408 | 424 | 429) {
            Cause::Unavailable
        } else {
            Cause::Other
        }
    }

    /// One sentence for the caller, without a full stop. Holds nothing that the provider wrote.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Cause::EndOfLife => "the model has reached the end of its life; docs/models.md lists others",
            Cause::NoAccess => "the account or key has no access to the model",
            Cause::Credentials => "the credentials are not accepted",
            Cause::NeedsProfile => {
                "the model has no throughput without an inference profile; set splitplane.model to a profile"
            }
            Cause::Quota => "a quota or rate limit is used up",
            Cause::TooLong => "the request is too long for the model's context; lower splitplane.prompt_budget",
            Cause::Unknown => "it knows no such model or address",
            Cause::Unavailable => "it has a fault, or too many callers",
            Cause::Other => "the server log has its reason",
        }
    }
}

const QUOTA_CODES: [&str; 6] =
    ["throttling", "quota", "rate_limit", "ratelimit", "toomanyrequests", "billing_hard_limit"];
const END_CODES: [&str; 3] = ["decommissioned", "deprecated", "retired"];
const END_WORDS: [&str; 16] = [
    "end of its life",
    "end of life",
    "end-of-life",
    "marked by provider as legacy",
    "has been deprecated",
    "model is deprecated",
    "has been retired",
    "was retired",
    "is retired",
    "been decommissioned",
    "been discontinued",
    "been shut down",
    "been sunset",
    "no longer available",
    "no longer offered",
    "model is no longer supported",
];
const PROFILE_WORDS: [&str; 3] = ["on-demand throughput", "of an inference profile", "inference profile id"];
const CREDENTIAL_CODES: [&str; 8] = [
    "expiredtoken",
    "unrecognizedclient",
    "invalidsignature",
    "signaturedoesnotmatch",
    "invalidclienttoken",
    "missingauthentication",
    "invalid_api_key",
    // LiteLLM's proxy without a database, to a wrong key.
    "no_db_connection",
];
const ACCESS_WORDS: [&str; 6] =
    ["access to the model", "have access to", "not have access", "use case details", "not authorized", "access denied"];
const LENGTH_CODES: [&str; 4] = ["context_length", "context_size", "request_too_large", "string_above_max"];
const LENGTH_WORDS: [&str; 16] = [
    "too long",
    "context length",
    "context size",
    "context window",
    "context limit",
    "maximum context",
    "reduce the length",
    "too many input tokens",
    "too many tokens",
    "input tokens exceed",
    "input token count",
    "exceeds the maximum number of tokens",
    "exceed the maximum number of tokens",
    "request too large",
    "prompt is too large",
    "exceeds maximum length",
];
const UNKNOWN_WORDS: [&str; 6] = [
    "model identifier is invalid",
    "does not exist",
    "no such model",
    "model not found",
    "invalid model",
    "unknown model",
];

/// Whether a text is nothing but the name of an error, such as `rate_limit_exceeded` or `BadRequestError`. A number is
/// none, be it a status (`400`) or of an account.
pub(super) fn is_code(text: &str) -> bool {
    let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let longest_number = text.split(|letter: char| !letter.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    (1..=64).contains(&text.len())
        && is_name
        && longest_number < 5
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
}

/// The standard's words for a status, for answers that name no error.
#[must_use]
pub(super) fn phrase(status: u16) -> &'static str {
    match status {
        200..=299 => "no content",
        300..=399 => "redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        424 => "Failed Dependency",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        529 => "Overloaded",
        _ => "no error is named",
    }
}

/// The object that describes the error: the body, its `error`, or those of the first in a list. Every endpoint has a shape
/// of its own, and only the log shows what is read here, so that this is no strict reader.
fn described(body: &Value) -> Option<&Map<String, Value>> {
    let object = match body {
        Value::Array(list) => list.first()?.as_object()?,
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    };
    Some(object.get("error").and_then(Value::as_object).unwrap_or(object))
}

/// The provider's sentence in the body of an error, whatever its shape; the body itself where none is found.
#[must_use]
pub fn sentence(body: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let found = parsed.as_ref().and_then(described).and_then(|error| {
        ["message", "Message", "error", "error_message", "detail", "msg"]
            .iter()
            .find_map(|name| error.get(*name).and_then(words))
    });
    found.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}

/// All that the body of an error says of what was sent: the sentence, and the names of the parameters that it is about.
#[must_use]
pub(super) fn told(body: &[u8]) -> String {
    let mut told = sentence(body);
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let Some(error) = parsed.as_ref().and_then(described) else { return told };
    let faults = error.get("detail").and_then(Value::as_array).into_iter().flatten();
    let places = faults.filter_map(|fault| fault.get("loc").and_then(Value::as_array)).flatten();
    for name in error.get("param").into_iter().chain(places).filter_map(Value::as_str) {
        told.push(' ');
        told.push_str(name);
    }
    told
}

/// A text, or the messages of a list of faults, which quote what was sent beside them.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Array(list) => {
            let told: Vec<&str> = list
                .iter()
                .filter_map(|fault| fault.get("msg").or_else(|| fault.get("message")).and_then(Value::as_str))
                .collect();
            Some(told.join("; ")).filter(|told| !told.is_empty())
        }
        Value::Object(object) => object.get("detail").or_else(|| object.get("message")).and_then(words),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The name of the error that LiteLLM puts before its sentence: `litellm.BadRequestError: ..`.
pub(super) fn named_in(sentence: &str) -> Option<&str> {
    let (name, _) = sentence.strip_prefix("litellm.")?.split_once(':')?;
    Some(name).filter(|name| is_code(name))
}

/// A sentence as the log shows it: printable, without secrets, and at most 500 characters long.
#[must_use]
pub fn loggable(sentence: &str, secrets: &[Zeroizing<String>]) -> String {
    let mut clean = Zeroizing::new(sentence.to_owned());
    for secret in secrets.iter().filter(|secret| secret.len() >= LEAST_SECRET) {
        if clean.contains(secret.as_str()) {
            clean = Zeroizing::new(clean.replace(secret.as_str(), "***"));
        }
    }
    let is_printable = |character: &char| !is_invisible(*character) && !is_noncharacter(*character);
    let printable: String = clean
        .chars()
        .map(|character| if character.is_control() || character.is_whitespace() { ' ' } else { character })
        .filter(is_printable)
        .collect();
    let words: Vec<&str> = printable.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(MOST_CHARACTERS).collect()
}

#[cfg(test)]
mod tests;
