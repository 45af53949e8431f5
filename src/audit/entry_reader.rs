//! Reads a line of the log back, and takes only what this version writes.

use super::entry::{Chain, Database, Entry, Event, Link, MAX_LINE_BYTES, Place, TextHash};
use super::hash::from_hex;
use super::moment;
use serde_json::{Map, Value};
use thiserror::Error;

/// Why a line is no entry. No variant holds what the line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EntryError {
    /// Longer than any entry.
    #[error("longer than an entry can be")]
    TooLong,
    /// Not UTF-8, or not one JSON object.
    #[error("not one JSON object")]
    NotJson,
    /// A member that every entry has is absent, or one is not of its type.
    #[error("{0} is absent or not of its type")]
    Member(&'static str),
    /// An event of another version, or of none.
    #[error("an event that this version does not know")]
    Event,
    /// Says the same as an entry and is written otherwise: order, spaces, repeated or unknown members, spellings.
    #[error("not written as this version writes it")]
    Spelling,
}

/// The entry of a line without its newline.
///
/// A line is taken when writing what was read gives the same bytes; so two members of one name, members that are not known,
/// another order and another spelling of a number are refused by one comparison.
pub fn parse_line(line: &[u8]) -> Result<(Place, Entry), EntryError> {
    if line.len() > MAX_LINE_BYTES {
        return Err(EntryError::TooLong);
    }
    let text = std::str::from_utf8(line).map_err(|_| EntryError::NotJson)?;
    let Ok(Value::Object(mut members)) = serde_json::from_str(text) else { return Err(EntryError::NotJson) };
    let place = Place {
        sequence: number(&mut members, "sequence")?.ok_or(EntryError::Member("sequence"))?,
        at: string(&mut members, "at")?.and_then(|at| moment::parse(&at)).ok_or(EntryError::Member("at"))?,
        chain: chain(&mut members)?,
    };
    let entry = entry(&mut members)?;
    // Members that are left over are not written again, and differ by that.
    if entry.line(&place) == text { Ok((place, entry)) } else { Err(EntryError::Spelling) }
}

type Members = Map<String, Value>;

fn entry(members: &mut Members) -> Result<Entry, EntryError> {
    let name = string(members, "event")?.ok_or(EntryError::Member("event"))?;
    let event = Event::from_name(&name).ok_or(EntryError::Event)?;
    let random = bytes(members, "random")?.ok_or(EntryError::Member("random"))?;
    let entry = Entry {
        database: database(members)?,
        query_id: string(members, "query_id")?,
        tenant: string(members, "tenant")?,
        business: string(members, "business")?,
        subject: string(members, "subject")?,
        key_id: string(members, "key_id")?,
        verified: boolean(members, "verified")?,
        source: string(members, "source")?,
        outcome: string(members, "outcome")?,
        sqlstate: string(members, "sqlstate")?,
        reason: string(members, "reason")?,
        question: text_hash(members, "question")?,
        sql: text_hash(members, "sql")?,
        relations: relations(members)?,
        rows: number(members, "rows")?,
        bytes: number(members, "bytes")?,
        microseconds: microseconds(members)?,
        model_calls: number(members, "model_calls")?,
        input_tokens: number(members, "input_tokens")?,
        output_tokens: number(members, "output_tokens")?,
        answer: bytes(members, "answer")?,
        details: details(members)?,
        ..Entry::new(event, random)
    };
    Ok(entry)
}

fn string(members: &mut Members, name: &'static str) -> Result<Option<String>, EntryError> {
    match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(EntryError::Member(name)),
    }
}

fn number(members: &mut Members, name: &'static str) -> Result<Option<u64>, EntryError> {
    match members.remove(name) {
        None => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or(EntryError::Member(name)),
    }
}

fn boolean(members: &mut Members, name: &'static str) -> Result<Option<bool>, EntryError> {
    match members.remove(name) {
        None => Ok(None),
        Some(value) => value.as_bool().map(Some).ok_or(EntryError::Member(name)),
    }
}

fn object(members: &mut Members, name: &'static str) -> Result<Option<Members>, EntryError> {
    match members.remove(name) {
        None => Ok(None),
        Some(Value::Object(inner)) => Ok(Some(inner)),
        Some(_) => Err(EntryError::Member(name)),
    }
}

fn bytes<const N: usize>(members: &mut Members, name: &'static str) -> Result<Option<[u8; N]>, EntryError> {
    match string(members, name)? {
        None => Ok(None),
        Some(text) => from_hex(&text).map(Some).ok_or(EntryError::Member(name)),
    }
}

fn database(members: &mut Members) -> Result<Option<Database>, EntryError> {
    const NAME: &str = "database";
    let Some(mut inner) = object(members, NAME)? else { return Ok(None) };
    let name = string(&mut inner, "name")?.ok_or(EntryError::Member(NAME))?;
    let oid = number(&mut inner, "oid")?.and_then(|oid| u32::try_from(oid).ok()).ok_or(EntryError::Member(NAME))?;
    Ok(Some(Database { name, oid }))
}

fn text_hash(members: &mut Members, name: &'static str) -> Result<Option<TextHash>, EntryError> {
    let Some(mut inner) = object(members, name)? else { return Ok(None) };
    let hmac = bytes(&mut inner, "hmac")?.ok_or(EntryError::Member(name))?;
    let kept = boolean(&mut inner, "kept")?.ok_or(EntryError::Member(name))?;
    Ok(Some(TextHash { hmac, kept }))
}

fn chain(members: &mut Members) -> Result<Chain, EntryError> {
    const NAME: &str = "tenant_previous";
    match members.remove(NAME) {
        None => Ok(Chain::None),
        Some(Value::Null) => Ok(Chain::First),
        Some(Value::Object(mut link)) => Ok(Chain::After(Link {
            sequence: number(&mut link, "sequence")?.ok_or(EntryError::Member(NAME))?,
            hash: bytes(&mut link, "hash")?.ok_or(EntryError::Member(NAME))?,
        })),
        Some(_) => Err(EntryError::Member(NAME)),
    }
}

fn relations(members: &mut Members) -> Result<Option<Vec<String>>, EntryError> {
    const WRONG: EntryError = EntryError::Member("relations");
    let name = |value: Value| if let Value::String(name) = value { Ok(name) } else { Err(WRONG) };
    match members.remove("relations") {
        None => Ok(None),
        Some(Value::Array(names)) => names.into_iter().map(name).collect::<Result<_, _>>().map(Some),
        Some(_) => Err(WRONG),
    }
}

/// A number of milliseconds. How it is written is compared with the rest of the line.
fn microseconds(members: &mut Members) -> Result<Option<u64>, EntryError> {
    const WRONG: EntryError = EntryError::Member("milliseconds");
    let Some(value) = members.remove("milliseconds") else { return Ok(None) };
    let text = value.as_f64().map(|milliseconds| format!("{milliseconds:.3}")).ok_or(WRONG)?;
    text.replacen('.', "", 1).parse().map(Some).map_err(|_| WRONG)
}

/// Absent is empty; what is written as empty differs from what is written again.
fn details(members: &mut Members) -> Result<Members, EntryError> {
    Ok(object(members, "details")?.unwrap_or_default())
}
