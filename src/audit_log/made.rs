//! Entries of the server's own.

use super::failure::Logged;
use super::keys;
use crate::audit::{Entry, Event};
use serde_json::{Map, Value};

/// An entry of no database and nobody.
pub fn server_entry(event: Event, details: Map<String, Value>) -> Logged<Entry> {
    Ok(Entry { details, ..Entry::new(event, keys::random()?) })
}

/// The members of an object.
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
