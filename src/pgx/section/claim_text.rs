//! Claims as text, for those who are given them: parallel workers, and the nodes of a cluster.

use crate::identity::principal::{Claim, Principal};
use serde_json::Value;
use std::collections::BTreeMap;

/// All claims as a JSON object of texts and lists of texts.
pub(super) fn encoded(principal: &Principal) -> String {
    let names = ["tenant", "business", "subject"].into_iter().chain(principal.claim_names());
    let claims: serde_json::Map<String, Value> = names
        .filter_map(|name| {
            let value = match principal.claim(name)? {
                Claim::Scalar(value) => Value::String(value),
                Claim::List(values) => Value::Array(values.into_iter().map(Value::String).collect()),
            };
            Some((name.to_owned(), value))
        })
        .collect();
    Value::Object(claims).to_string()
}

/// What `encoded` made; `None` for anything else.
pub(super) fn decoded(text: &[u8]) -> Option<BTreeMap<String, Claim>> {
    read(&serde_json::from_slice(text).ok()?)
}

fn read(claims: &Value) -> Option<BTreeMap<String, Claim>> {
    claims
        .as_object()?
        .iter()
        .map(|(name, value)| {
            let claim = match value {
                Value::String(value) => Claim::Scalar(value.clone()),
                Value::Array(values) => Claim::List(
                    values.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()?,
                ),
                _ => return None,
            };
            Some((name.clone(), claim))
        })
        .collect()
}

/// What a node of a cluster is told of a call.
#[derive(Default)]
pub(super) struct Received {
    pub(super) claims: BTreeMap<String, Claim>,
    /// By how much its processes may grow, in kB.
    pub(super) memory: u32,
    /// How much each may write to temporary files, in kB.
    pub(super) temporary_files: u32,
}

/// The text of a token.
pub(super) fn sent(claims: &str, memory: u32, temporary_files: u32) -> String {
    format!(r#"{{"memory":{memory},"temporary_files":{temporary_files},"claims":{claims}}}"#)
}

/// What `sent` made; `None` for anything else.
pub(super) fn received(text: &[u8]) -> Option<Received> {
    let Value::Object(fields) = serde_json::from_slice(text).ok()? else { return None };
    let number = |name| fields.get(name)?.as_u64().and_then(|number| u32::try_from(number).ok());
    let claims = fields.get("claims").and_then(read)?;
    let (memory, temporary_files) = (number("memory")?, number("temporary_files")?);
    (fields.len() == 3).then_some(Received { claims, memory, temporary_files })
}
