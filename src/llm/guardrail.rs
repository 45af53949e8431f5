//! Amazon Bedrock's ApplyGuardrail on the question alone, before and apart from any model.
//!
//! Guardrails do not look into tool inputs, so what a model writes is not covered by one: the question is.

use serde_json::{Value, json};

use super::{ModelError, path, strict};

/// A guardrail of the caller's AWS account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guardrail {
    /// Id or ARN.
    pub id: String,
    /// `DRAFT` or a number.
    pub version: String,
}

impl Guardrail {
    /// Checks what was configured. An empty version is `DRAFT`.
    ///
    /// # Errors
    /// `ModelError::Configuration` for an id or version that Bedrock's service model does not admit.
    pub fn checked(id: &str, version: &str) -> Result<Self, ModelError> {
        let is_name = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let is_arn = match id.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", partition, "bedrock", region, account, resource] => {
                (*partition == "aws" || partition.starts_with("aws-"))
                    && !region.is_empty()
                    && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                    && account.len() == 12
                    && account.bytes().all(|byte| byte.is_ascii_digit())
                    && resource.strip_prefix("guardrail/").is_some_and(is_name)
            }
            _ => false,
        };
        if id.len() > 2_048 || !(is_arn || is_name(id)) {
            return Err(ModelError::Configuration("the guardrail is neither an id nor an ARN".to_owned()));
        }
        let version = if version.is_empty() { "DRAFT" } else { version };
        let is_number = (1..=8).contains(&version.len())
            && version.bytes().all(|byte| byte.is_ascii_digit())
            && !version.starts_with('0');
        if version != "DRAFT" && !is_number {
            return Err(ModelError::Configuration("the guardrail's version is neither DRAFT nor a number".to_owned()));
        }
        Ok(Self { id: id.to_owned(), version: version.to_owned() })
    }

    /// Path below the endpoint's base path, percent-encoded as it is sent.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/guardrail/{}/version/{}/apply", path::encoded(&self.id), path::encoded(&self.version))
    }

    /// The JSON body that asks about a question.
    #[must_use]
    pub fn body(question: &str) -> Value {
        json!({"source": "INPUT", "content": [{"text": {"text": question}}]})
    }

    /// Reads the body of a 200: whether the guardrail let the question pass. Masking a part of it is an intervention.
    ///
    /// # Errors
    /// `ModelError::Reply` for anything but one of the two published actions.
    pub fn passes(body: &[u8]) -> Result<bool, ModelError> {
        match strict::body(body)?.get("action").and_then(Value::as_str) {
            Some("NONE") => Ok(true),
            Some("GUARDRAIL_INTERVENED") => Ok(false),
            Some(_) | None => Err(ModelError::Reply("the guardrail names no known action")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn asks_about_the_question_alone() {
        let guardrail = Guardrail::checked("a1b2c3", "").unwrap();
        assert_eq!(guardrail.path(), "/guardrail/a1b2c3/version/DRAFT/apply");
        let arn = Guardrail::checked("arn:aws:bedrock:us-east-1:123456789012:guardrail/a1b2", "7").unwrap();
        assert_eq!(
            arn.path(),
            "/guardrail/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aguardrail%2Fa1b2/version/7/apply"
        );
        assert_eq!(
            Guardrail::body("wie \"viel\"?"),
            json!({"source": "INPUT", "content": [{"text": {"text": "wie \"viel\"?"}}]})
        );
    }

    #[test]
    fn rejects_what_is_no_guardrail() {
        let long = "a".repeat(2_049);
        for id in [
            "",
            " ",
            "A1",
            "a/b",
            "..",
            "a1%2F",
            "arn:aws:bedrock:us-east-1:12345:guardrail/a",
            "arn:aws:bedrock:us-east-1:123456789012:guardrail/",
            "arn:aws:bedrock:us-east-1:123456789012:guardrail/a:1",
            "arn:aws:s3:us-east-1:123456789012:guardrail/a",
            "arn:evil:bedrock:us-east-1:123456789012:guardrail/a",
            "arn:aws:bedrock::123456789012:guardrail/a",
            &long,
        ] {
            assert!(matches!(Guardrail::checked(id, "1"), Err(ModelError::Configuration(_))), "{id}");
        }
        for version in ["0", "01", "draft", "1.0", "-1", "123456789", " 1", "1/apply"] {
            assert!(matches!(Guardrail::checked("a1", version), Err(ModelError::Configuration(_))), "{version}");
        }
    }

    #[test]
    fn believes_the_two_published_actions_alone() {
        assert_eq!(
            Guardrail::passes(b"{\"action\":\"NONE\",\"outputs\":[],\"assessments\":[],\"usage\":{}}"),
            Ok(true)
        );
        assert_eq!(
            Guardrail::passes(b"{\"action\":\"GUARDRAIL_INTERVENED\",\"outputs\":[{\"text\":\"x\"}]}"),
            Ok(false)
        );
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "NONE",
            "{\"action\":null}",
            "{\"action\":\"none\"}",
            "{\"action\":\"NONE \"}",
            "{\"action\":[\"NONE\"]}",
            "{\"action\":true}",
            "{\"outputs\":[{\"action\":\"NONE\"}]}",
            "{\"action\":\"GUARDRAIL_INTERVENED\",\"action\":\"NONE\"}",
            "{\"action\":\"NONE\"}{\"action\":\"NONE\"}",
            "{\"action\":\"NONE\"",
        ] {
            assert!(matches!(Guardrail::passes(body.as_bytes()), Err(ModelError::Reply(_))), "{body}");
        }
    }
}
