//! Which columns and rows an entry recorded, and whether a document has them.

use super::entry::Link;
use super::entry_reader::{EntryError, parse_line};
use super::files::LogId;
use super::hash::{Hash, KeyedHash, from_hex, hmac_sha256, leaf_hash};
use super::json_form::{FormError, jsonb_form};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use thiserror::Error;

/// `entry.answer`: HMAC-SHA-256, keyed by the entry's `random`, of the document's `columns`, a newline and its `rows`, each in
/// the text form of jsonb. Both may be given in any form of JSON: a server gives what it made, a client what it got.
pub fn answer_hash(random: &[u8; 16], columns: &str, rows: &str) -> Result<Hash, FormError> {
    let (columns, rows) = (jsonb_form(columns)?, jsonb_form(rows)?);
    Ok(hmac_sha256(random, &[columns.text.as_bytes(), b"\n", rows.text.as_bytes()]))
}

/// The same of rows that come one by one and are not kept.
pub struct RowsHash {
    random: [u8; 16],
    /// Or what could not be read.
    hash: Result<KeyedHash, FormError>,
    is_first: bool,
}

impl RowsHash {
    /// Of no row yet.
    #[must_use]
    pub fn new(random: [u8; 16], columns: &str) -> Self {
        let begun = jsonb_form(columns).map(|columns| {
            let mut hash = KeyedHash::new(&random);
            hash.update(columns.text.as_bytes());
            hash.update(b"\n[");
            hash
        });
        RowsHash { random, hash: begun, is_first: true }
    }

    /// The next row, a JSON array.
    pub fn row(&mut self, row: &str) {
        let Ok(hash) = &mut self.hash else { return };
        match jsonb_form(row) {
            Ok(row) => {
                hash.update(if self.is_first { b"" } else { b", " });
                hash.update(row.text.as_bytes());
                self.is_first = false;
            }
            Err(error) => self.hash = Err(error),
        }
    }

    /// The entry's `random`, under which it was made.
    #[must_use]
    pub const fn random(&self) -> [u8; 16] {
        self.random
    }

    /// Over all rows.
    pub fn finish(self) -> Result<Hash, FormError> {
        self.hash.map(|mut hash| {
            hash.update(b"]");
            hash.finish()
        })
    }
}

/// `audit` in an answer's document.
#[must_use]
pub fn reference(log: &LogId, link: &Link) -> Value {
    serde_json::json!({"log": log.to_string(), "sequence": link.sequence, "hash": hex::encode(link.hash)})
}

/// What a document says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The log that recorded it.
    pub log: LogId,
    /// The entry.
    pub entry: Link,
    columns: String,
    rows: String,
}

/// Why a document has no receipt, or is not the one that was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReceiptError {
    /// Not the document of an answer.
    #[error("the document cannot be read: {0}")]
    Document(&'static str),
    /// The line is no entry.
    #[error("the log's entry cannot be read: {0}")]
    Entry(#[from] EntryError),
    /// The log has another entry of that number.
    #[error("the log's entry is not the one that the document names: its hash is another")]
    OtherEntry,
    /// The entry recorded no answer.
    #[error("the entry records no answer")]
    NoAnswer,
    /// Other columns or rows.
    #[error("the document's columns and rows are not those that were recorded")]
    OtherAnswer,
}

impl Receipt {
    /// Reads an answer's document. One that has two members of one name anywhere is refused: readers differ in which counts.
    pub fn parse(document: &str) -> Result<Self, ReceiptError> {
        let form = jsonb_form(document).map_err(|_| ReceiptError::Document("it is not JSON that jsonb takes"))?;
        if form.repeated {
            return Err(ReceiptError::Document("an object has two members of one name"));
        }
        let members: BTreeMap<String, &RawValue> =
            serde_json::from_str(&form.text).map_err(|_| ReceiptError::Document("it is not an object"))?;
        let member = |name| members.get(name).map(|value| value.get().to_owned());
        let audit = member("audit").and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let audit = audit.ok_or(ReceiptError::Document("it has no member \"audit\""))?;
        let text = |name| audit.get(name).and_then(Value::as_str);
        let log = text("log").and_then(LogId::parse);
        let sequence = audit.get("sequence").and_then(Value::as_u64);
        let hash = text("hash").and_then(from_hex);
        let (Some(log), Some(sequence), Some(hash)) = (log, sequence, hash) else {
            return Err(ReceiptError::Document("\"audit\" is not a log, a number and a hash"));
        };
        let (Some(columns), Some(rows)) = (member("columns"), member("rows")) else {
            return Err(ReceiptError::Document("it has no columns and rows"));
        };
        Ok(Self { log, entry: Link { sequence, hash }, columns, rows })
    }

    /// Whether the log's line of [`Receipt::entry`] records the document's columns and rows.
    pub fn check(&self, line: &[u8]) -> Result<(), ReceiptError> {
        let (place, entry) = parse_line(line)?;
        if leaf_hash(line) != self.entry.hash || place.sequence != self.entry.sequence {
            return Err(ReceiptError::OtherEntry);
        }
        let recorded = entry.answer.ok_or(ReceiptError::NoAnswer)?;
        match answer_hash(&entry.random, &self.columns, &self.rows) {
            Ok(found) if found == recorded => Ok(()),
            _ => Err(ReceiptError::OtherAnswer),
        }
    }
}
