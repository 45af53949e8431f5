//! Verifies an export, which needs nothing but the log's key.

use super::entry::{Chain, Entry, Link, MAX_LINE_BYTES, Place};
use super::entry_reader::parse_line;
use super::export::{FORMAT, checkpoint, form};
use super::files::LogId;
use super::hash::{Hash, from_hex, leaf_hash};
use super::note::VerifyingKey;
use super::read::{Line, Lines, ReadError};
use super::statement::{Checkpoint, TenantHead};
use super::tree::is_included;
use super::verify::{Finding, Findings};
use serde_json::{Map, Value};
use std::path::Path;

/// The longest line of an export: an entry with its escapes, and its proof.
const MAX_EXPORT_LINE_BYTES: usize = 2 * MAX_LINE_BYTES + 64 * 80;

/// What an export holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportSummary {
    /// Whose tree the entries are in; `None`: it is not this key's, which is a finding.
    pub checkpoint: Option<Checkpoint>,
    /// Number of entries.
    pub entries: u64,
    /// Number of findings that are critical.
    pub critical: u64,
}

/// Verifies an export. What is found goes to `found`.
///
/// # Errors
/// When it cannot be read, or is no export of this key's log.
pub fn verify_export(
    file: &Path,
    key: &VerifyingKey,
    found: &mut dyn FnMut(Finding),
) -> Result<ExportSummary, ReadError> {
    let mut findings = Findings::new(found);
    let mut lines = Lines::open(file, MAX_EXPORT_LINE_BYTES)?;
    let Line::Whole(first) = lines.next()? else { return Err(form("the file is no export")) };
    let head = Head::parse(&first, key)?;
    let checkpoint = match checkpoint(&head.checkpoint, key) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            findings.critical(None, format!("{error}."));
            return Ok(ExportSummary { checkpoint: None, entries: 0, critical: findings.end() });
        }
    };
    let note = match head.note.as_deref().map(|note| last(note, key)).transpose() {
        Ok(note) => note,
        Err(error) => {
            findings.critical(None, format!("{error}."));
            None
        }
    };
    let mut reader = Reader { head, checkpoint, note, last: None, entries: 0, findings: &mut findings };
    loop {
        match lines.next()? {
            Line::End => break,
            Line::Whole(line) => reader.line(&line),
            Line::Torn(_) | Line::TooLong => {
                reader.findings.critical(None, "The export has a line that is torn or too long.".to_owned());
            }
        }
    }
    reader.end();
    let (checkpoint, entries) = (reader.checkpoint, reader.entries);
    Ok(ExportSummary { checkpoint: Some(checkpoint), entries, critical: findings.end() })
}

/// The first line.
struct Head {
    checkpoint: String,
    database: u32,
    tenant: String,
    entries: u64,
    /// The tenant's note, if the export has one.
    note: Option<String>,
}

impl Head {
    fn parse(line: &[u8], key: &VerifyingKey) -> Result<Self, ReadError> {
        let members: Map<String, Value> = serde_json::from_slice(line).map_err(|_| form("the file is no export"))?;
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let number = |name: &str| members.get(name).and_then(Value::as_u64);
        if text("format") != Some(FORMAT) {
            return Err(form("the file is no export that this version knows"));
        }
        let wrong = || form("the first line of the export is not as it must be");
        if text("log").and_then(LogId::parse).ok_or_else(wrong)? != key.log() {
            return Err(form("the export is of another log"));
        }
        let head = Self {
            database: number("database").and_then(|oid| u32::try_from(oid).ok()).ok_or_else(wrong)?,
            tenant: text("tenant").ok_or_else(wrong)?.to_owned(),
            entries: number("entries").ok_or_else(wrong)?,
            note: text("head").map(str::to_owned),
            checkpoint: text("checkpoint").ok_or_else(wrong)?.to_owned(),
        };
        if members.len() == 6 + usize::from(head.note.is_some()) { Ok(head) } else { Err(wrong()) }
    }
}

fn last(note: &str, key: &VerifyingKey) -> Result<TenantHead, ReadError> {
    let opened = key.open(note).and_then(TenantHead::parse);
    let head = opened.map_err(|error| form(format!("the tenant's note cannot be used: {error}")))?;
    if head.log == key.log() { Ok(head) } else { Err(form("the tenant's note is about another log")) }
}

struct Reader<'a, 'f> {
    head: Head,
    checkpoint: Checkpoint,
    note: Option<TenantHead>,
    last: Option<Link>,
    entries: u64,
    findings: &'a mut Findings<'f>,
}

impl Reader<'_, '_> {
    fn line(&mut self, line: &[u8]) {
        self.entries = self.entries.saturating_add(1);
        let Some((entry, proof)) = proved(line) else {
            let said = format!("Line {} of the export is no entry with its proof.", self.entries.saturating_add(1));
            return self.findings.critical(None, said);
        };
        let (place, read) = match parse_line(entry.as_bytes()) {
            Ok(read) => read,
            Err(error) => {
                let said = format!("Line {} of the export holds no entry: {error}.", self.entries.saturating_add(1));
                return self.findings.critical(None, said);
            }
        };
        let hash = leaf_hash(entry.as_bytes());
        self.chained(&place, &read);
        let Checkpoint { size, root, .. } = &self.checkpoint;
        if !is_included(&hash, place.sequence, *size, &proof, root) {
            self.findings
                .critical(Some(place.sequence), "The entry is not in the log: its proof does not hold.".to_owned());
        }
        self.last = Some(Link { sequence: place.sequence, hash });
    }

    /// The entry is the tenant's, and names the one before it.
    fn chained(&mut self, place: &Place, entry: &Entry) {
        let sequence = Some(place.sequence);
        if entry.chain_key() != Some((self.head.database, &self.head.tenant)) {
            self.findings.critical(sequence, "The entry is not of this tenant.".to_owned());
        }
        match (self.last, place.chain) {
            (Some(last), Chain::After(named)) if named == last => {}
            (None, Chain::First) => {}
            (None, Chain::After(named)) if named.sequence < place.sequence => {
                let said = format!("The tenant's entries up to {} are not in the export.", named.sequence);
                self.findings.info(sequence, said);
            }
            _ => {
                let said = "The entry does not name the one before it: entries are missing or out of order.".to_owned();
                self.findings.critical(sequence, said);
            }
        }
    }

    fn end(&mut self) {
        if self.entries != self.head.entries {
            let said = format!("The export holds {} entries and says {}.", self.entries, self.head.entries);
            self.findings.critical(None, said);
        }
        match &self.note {
            None => {
                let said = "The export has no tenant's note: entries at its end may have been left out.".to_owned();
                self.findings.info(None, said);
            }
            Some(head) => {
                let is_of = (head.database.oid, head.tenant.as_str()) == (self.head.database, &self.head.tenant);
                if !is_of || head.size != self.checkpoint.size || Some(head.last) != self.last {
                    let said = "The export does not end with the entry that the tenant's note names.".to_owned();
                    self.findings.critical(None, said);
                }
            }
        }
    }
}

/// The entry's line and its proof.
fn proved(line: &[u8]) -> Option<(String, Vec<Hash>)> {
    let mut members: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let (Value::String(entry), Value::Array(proof)) = (members.remove("entry")?, members.remove("proof")?) else {
        return None;
    };
    let proof = proof.iter().map(|hash| hash.as_str().and_then(from_hex)).collect::<Option<_>>()?;
    members.is_empty().then_some((entry, proof))
}
