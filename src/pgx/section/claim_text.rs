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
    let Value::Object(claims) = serde_json::from_slice(text).ok()? else { return None };
    claims
        .into_iter()
        .map(|(name, value)| {
            let claim = match value {
                Value::String(value) => Claim::Scalar(value),
                Value::Array(values) => Claim::List(
                    values
                        .into_iter()
                        .map(|value| value.as_str().map(str::to_owned))
                        .collect::<Option<Vec<String>>>()?,
                ),
                _ => return None,
            };
            Some((name, claim))
        })
        .collect()
}
