//! Requests as text, with the properties of a schema in the order in which a model is to write them.
//!
//! Objects of the JSON library are sorted by name. To a server that constrains decoding, the order of a schema's properties is
//! the order of the reply's: `message` would come before `reason`, which is to lead to it, and a question back before
//! the SQL.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

/// The text of a value in which the `properties` of each schema stand in the order of its `required`.
pub(super) fn text(value: &Value) -> String {
    // Nothing in a value of the library's own fails to be written.
    serde_json::to_string(&Ordered(value)).unwrap_or_else(|_| value.to_string())
}

struct Ordered<'v>(&'v Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    match (name.as_str(), value, members.get("required")) {
                        ("properties", Value::Object(properties), Some(Value::Array(order))) => {
                            map.serialize_entry(name, &Properties { properties, order })?;
                        }
                        _ => map.serialize_entry(name, &Ordered(value))?,
                    }
                }
                map.end()
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Ordered)),
            plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain.serialize(serializer),
        }
    }
}

/// Members in the order of a list of names; those that it does not name come last.
struct Properties<'v> {
    properties: &'v Map<String, Value>,
    order: &'v [Value],
}

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rank = |name: &str| self.order.iter().position(|named| named.as_str() == Some(name));
        let mut members: Vec<_> = self.properties.iter().collect();
        members.sort_by_key(|(name, _)| rank(name).unwrap_or(usize::MAX));
        serializer.collect_map(members.into_iter().map(|(name, value)| (name, Ordered(value))))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::llm::{verdict, writing};

    /// Where each name first stands as a member.
    fn are_in_order(text: &str, names: &[&str]) -> bool {
        let places: Vec<_> = names.iter().map(|name| text.find(&format!("\"{name}\":")).unwrap()).collect();
        places.is_sorted()
    }

    #[test]
    fn properties_stand_as_they_are_to_be_written() {
        for (schema, names) in [
            (verdict::shape().schema, &["reason", "verdict", "message"][..]),
            (writing::shape().schema, &["sql", "clarification"][..]),
        ] {
            assert!(!are_in_order(&schema.to_string(), names), "control: the library sorts");
            let body = json!({"a": [{"parameters": schema}]});
            assert!(are_in_order(&text(&body), names), "{}", text(&body));
            assert_eq!(serde_json::from_str::<Value>(&text(&body)).unwrap(), body);
        }
    }

    #[test]
    fn properties_that_are_not_required_come_last() {
        let schema = json!({"properties": {"a": {}, "b": {}, "c": {}}, "required": ["c", 7, "x"]});
        assert_eq!(text(&schema), "{\"properties\":{\"c\":{},\"a\":{},\"b\":{}},\"required\":[\"c\",7,\"x\"]}");
        for odd in
            [json!({"properties": [1], "required": ["a"]}), json!({"properties": {"b": 1, "a": 2}, "required": 3})]
        {
            assert_eq!(text(&odd), odd.to_string());
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|number| json!(number)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let name = prop_oneof![Just("properties".to_owned()), Just("required".to_owned()), "[a-c]"];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(name, inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_but_the_order_changes(value in value()) {
            let back: Value = serde_json::from_str(&text(&value)).unwrap();
            prop_assert_eq!(back.to_string(), serde_json::from_str::<Value>(&value.to_string()).unwrap().to_string());
        }
    }
}
