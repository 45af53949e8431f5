//! One entry of the log and the one line that it is written as.
//!
//! What is known before an entry has its place (the body) is written apart from what only the place gives it, so that a writer
//! holds its lock for the short part alone.

use super::hash::Hash;
use super::moment;
use serde_json::{Map, Value};
use std::fmt::Write;

/// The longest line that [`Place::line`] makes and that a reader takes, without its newline. Bytes.
pub const MAX_LINE_BYTES: usize = 128 * 1024;
/// What is kept of a string that nobody vouches for. Bytes, before escapes.
pub const MAX_CLAIMED_BYTES: usize = 256;
/// What is kept of a reason. Bytes, before escapes.
pub const MAX_REASON_BYTES: usize = 2048;
/// What is kept of the names of relations, together. Bytes, with escapes.
const MAX_RELATIONS_BYTES: usize = 32 * 1024;
/// What is kept of the details. Bytes, with escapes.
const MAX_DETAILS_BYTES: usize = 32 * 1024;
/// Stands where something was cut off.
const CUT: &str = "…";

macro_rules! events {
    ($($(#[$doc:meta])* $event:ident = $name:literal,)*) => {
        /// What an entry tells of. The meaning of each, and its details, stand in docs/audit.md.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Event { $($(#[$doc])* $event,)* }

        impl Event {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$event,)*];

            /// The name in the log.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$event => $name,)* }
            }

            /// The event of a name; `None` for a name that this version does not know.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$event),)* _ => None }
            }
        }
    };
}

events! {
    /// The server began to write this log, or went on with it. Entry 0 is always one.
    Started = "started",
    /// A call is about to send a question to a model.
    Intent = "intent",
    /// A call of an entry point, with its outcome.
    Call = "call",
    /// An administrative function was called.
    Administration = "administration",
    /// The transaction of an administrative function ended.
    AdministrationEnd = "administration_end",
    /// A setting of the log changed.
    Setting = "setting",
    /// Entries could not be written.
    Gap = "gap",
    /// Calls refused by layer 1, counted for one second.
    RefusedMany = "refused_many",
    /// A checkpoint or a tenant's note was signed.
    Checkpoint = "checkpoint",
    /// A principal does what it never did.
    Anomaly = "anomaly",
    /// Texts were erased on request.
    Erased = "erased",
    /// The server cut off a torn entry when it opened the log again.
    Cut = "cut",
    /// The server ended in order.
    Stopped = "stopped",
}

/// The database that a call ran in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its name at that time.
    pub name: String,
    /// Its OID, by which chains are told apart: a database keeps it when it is renamed.
    pub oid: u32,
}

/// A text (a question, a SQL statement) in an entry: what proves it, and not the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextHash {
    /// HMAC-SHA-256 of the text; under which key says [`super::text`].
    pub hmac: Hash,
    /// Whether the text lies in the log's file of texts (`audit_text = full`).
    pub kept: bool,
}

/// An entry without its place: the columns of `splitplane.audit`, as docs/audit.md has them. What is `None` is left out.
///
/// `random` is 16 bytes of the system's generator for each entry; `microseconds` is a duration, written as `milliseconds` with
/// three decimals.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub event: Event,
    pub random: [u8; 16],
    pub database: Option<Database>,
    pub query_id: Option<String>,
    pub tenant: Option<String>,
    pub business: Option<String>,
    pub subject: Option<String>,
    pub key_id: Option<String>,
    /// Whether layer 1 verified the identity; false: it is what was claimed.
    pub verified: Option<bool>,
    pub source: Option<String>,
    pub outcome: Option<String>,
    pub sqlstate: Option<String>,
    pub reason: Option<String>,
    pub question: Option<TextHash>,
    pub sql: Option<TextHash>,
    pub relations: Option<Vec<String>>,
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    pub microseconds: Option<u64>,
    pub model_calls: Option<u64>,
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    /// [`super::receipt::answer_hash`] of columns and rows as delivered.
    pub answer: Option<Hash>,
    /// What the event says beyond that; empty: none.
    pub details: Map<String, Value>,
}

/// Number and hash of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub sequence: u64,
    /// Its leaf hash.
    pub hash: Hash,
}

/// Whether an entry is in the chain of a tenant, and behind which entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// In none.
    None,
    /// The first of its tenant in this log.
    First,
    /// After this entry of the same tenant.
    After(Link),
}

/// What the writer gives to an entry when its turn comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Counted from 0 in each log, without gaps.
    pub sequence: u64,
    /// Microseconds since 1970-01-01 UTC; years 1970 to 9999.
    pub at: i64,
    /// The tenant's entry before it. Must be [`Chain::None`] exactly when [`Entry::chain_key`] is `None`.
    pub chain: Chain,
}

impl Entry {
    /// An entry with nothing but its event.
    #[must_use]
    pub fn new(event: Event, random: [u8; 16]) -> Self {
        Self {
            event,
            random,
            database: None,
            query_id: None,
            tenant: None,
            business: None,
            subject: None,
            key_id: None,
            verified: None,
            source: None,
            outcome: None,
            sqlstate: None,
            reason: None,
            question: None,
            sql: None,
            relations: None,
            rows: None,
            bytes: None,
            microseconds: None,
            model_calls: None,
            input_tokens: None,
            output_tokens: None,
            answer: None,
            details: Map::new(),
        }
    }

    /// (OID of the database, tenant) of the chain that the entry belongs to: that of a *verified* tenant. A claim enters none.
    #[must_use]
    pub fn chain_key(&self) -> Option<(u32, &str)> {
        match (&self.database, &self.tenant, self.verified) {
            (Some(database), Some(tenant), Some(true)) => Some((database.oid, tenant)),
            _ => None,
        }
    }

    /// The line from `"event"` on, with the closing brace. Strings that are longer than they may be are cut here.
    #[must_use]
    pub fn body(&self) -> String {
        let mut line = String::with_capacity(512);
        let _ = write!(line, "\"event\":\"{}\",\"random\":\"{}\"", self.event.as_str(), hex::encode(self.random));
        if let Some(database) = &self.database {
            let _ = write!(line, ",\"database\":{{\"name\":{},\"oid\":{}}}", quoted(&database.name), database.oid);
        }
        // A verified identity was held to lengths by layer 1, and a cut one would be another tenant's.
        let is_claim = self.verified != Some(true);
        let identity = |text: &str| if is_claim { quoted(&cut(text, MAX_CLAIMED_BYTES)) } else { quoted(text) };
        push(&mut line, "query_id", self.query_id.as_ref().map(|text| quoted(&cut(text, MAX_CLAIMED_BYTES))));
        push(&mut line, "tenant", self.tenant.as_deref().map(identity));
        push(&mut line, "business", self.business.as_deref().map(identity));
        push(&mut line, "subject", self.subject.as_deref().map(identity));
        push(&mut line, "key_id", self.key_id.as_deref().map(identity));
        push(&mut line, "verified", self.verified);
        push(&mut line, "source", self.source.as_ref().map(|text| quoted(&cut(text, MAX_CLAIMED_BYTES))));
        push(&mut line, "outcome", self.outcome.as_ref().map(|text| quoted(&cut(text, MAX_CLAIMED_BYTES))));
        push(&mut line, "sqlstate", self.sqlstate.as_ref().map(|text| quoted(&cut(text, MAX_CLAIMED_BYTES))));
        push(&mut line, "reason", self.reason.as_ref().map(|text| quoted(&cut(text, MAX_REASON_BYTES))));
        push(&mut line, "question", self.question.as_ref().map(text_hash));
        push(&mut line, "sql", self.sql.as_ref().map(text_hash));
        push(&mut line, "relations", self.relations.as_ref().map(|names| relations(names)));
        push(&mut line, "rows", self.rows);
        push(&mut line, "bytes", self.bytes);
        push(&mut line, "milliseconds", self.microseconds.map(|of| format!("{}.{:03}", of / 1000, of % 1000)));
        push(&mut line, "model_calls", self.model_calls);
        push(&mut line, "input_tokens", self.input_tokens);
        push(&mut line, "output_tokens", self.output_tokens);
        push(&mut line, "answer", self.answer.map(|hash| format!("\"{}\"", hex::encode(hash))));
        if !self.details.is_empty() {
            push(&mut line, "details", Some(details(&self.details)));
        }
        line.push('}');
        line
    }

    /// The whole line, without its newline.
    #[must_use]
    pub fn line(&self, place: &Place) -> String {
        place.line(&self.body())
    }
}

impl Place {
    /// The line of an entry whose [`Entry::body`] this is, without its newline.
    #[must_use]
    pub fn line(&self, body: &str) -> String {
        let mut line = String::with_capacity(body.len().saturating_add(192));
        let _ = write!(line, "{{\"sequence\":{},\"at\":\"{}\"", self.sequence, moment::rfc3339(self.at));
        match self.chain {
            Chain::None => {}
            Chain::First => line.push_str(",\"tenant_previous\":null"),
            Chain::After(Link { sequence, hash }) => {
                let hash = hex::encode(hash);
                let _ = write!(line, ",\"tenant_previous\":{{\"sequence\":{sequence},\"hash\":\"{hash}\"}}");
            }
        }
        line.push(',');
        line.push_str(body);
        line
    }
}

/// One member, if it has a value.
fn push(line: &mut String, name: &str, value: Option<impl std::fmt::Display>) {
    if let Some(value) = value {
        let _ = write!(line, ",\"{name}\":{value}");
    }
}

/// A JSON string: escapes for what JSON demands, else the characters themselves.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The text, or as much of its beginning as fits with the sign for a cut. Cutting twice is cutting once.
pub(super) fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let mut end = bytes.saturating_sub(CUT.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    format!("{}{CUT}", text.get(..end).unwrap_or_default())
}

fn text_hash(text: &TextHash) -> String {
    format!("{{\"hmac\":\"{}\",\"kept\":{}}}", hex::encode(text.hmac), text.kept)
}

/// The names, as many of the first as fit, and the sign for a cut where some do not.
fn relations(names: &[String]) -> String {
    let mut list = String::from("[");
    for name in names {
        let fits = list.len().saturating_add(name.len().min(MAX_CLAIMED_BYTES)) <= MAX_RELATIONS_BYTES;
        // The sign itself always fits: a list that was cut is read back as it is.
        let written = if fits { name } else { CUT };
        list.push_str(if list.len() > 1 { "," } else { "" });
        list.push_str(&quoted(&cut(written, MAX_CLAIMED_BYTES)));
        if !fits {
            break;
        }
    }
    list.push(']');
    list
}

fn without_fractions(value: &Value) -> Value {
    match value {
        Value::Number(number) if !number.is_i64() && !number.is_u64() => Value::from(number.to_string()),
        Value::Array(values) => values.iter().map(without_fractions).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), without_fractions(value))).collect())
        }
        other => other.clone(),
    }
}

/// The details, or that they were too long. A number with a fraction is a string: not every reader gives back each digit.
fn details(of: &Map<String, Value>) -> String {
    let whole: Map<String, Value> = of.iter().map(|(name, value)| (name.clone(), without_fractions(value))).collect();
    let text = serde_json::to_string(&whole).unwrap_or_default();
    if text.is_empty() || text.len() > MAX_DETAILS_BYTES { format!("{{\"cut\":{}}}", quoted(CUT)) } else { text }
}
