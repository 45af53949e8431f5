//! One tenant's entries with their proofs, for that tenant.

use super::entry_reader::parse_line;
use super::note::VerifyingKey;
use super::read::{EntryLines, Hashes, ReadError};
use super::statement::Checkpoint;
use super::tree::inclusion_proofs;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

/// What the first line of an export says it is.
pub(super) const FORMAT: &str = "splitplane audit export 1";
/// Entries whose proofs are made in one pass over the hashes: what is in memory is some megabytes.
const BATCH: usize = 50_000;

/// What to export.
#[derive(Debug, Clone, Copy)]
pub struct Export<'a> {
    /// The log's key, of which the notes are.
    pub key: &'a VerifyingKey,
    /// The database's OID; `None`: the only one in which this tenant has entries.
    pub database: Option<u32>,
    /// The tenant.
    pub tenant: &'a str,
    /// A checkpoint of the log.
    pub checkpoint: &'a str,
    /// The tenant's note of the same size, so that who gets the export sees that no last entry is missing.
    pub head: Option<&'a str>,
}

pub(super) fn form(what: impl Into<String>) -> ReadError {
    ReadError::Form(what.into())
}

pub(super) fn checkpoint(note: &str, key: &VerifyingKey) -> Result<Checkpoint, ReadError> {
    let opened = key.open(note).and_then(Checkpoint::parse);
    let checkpoint = opened.map_err(|error| form(format!("the checkpoint cannot be used: {error}")))?;
    if checkpoint.log == key.log() { Ok(checkpoint) } else { Err(form("the checkpoint is about another log")) }
}

/// Writes the export of a tenant as docs/audit.md has it. `log` is the log's own folder. Gives the number of entries.
///
/// # Errors
/// When a file cannot be read or written, when the checkpoint is not of this key or does not fit to the log, when the tenant
/// has entries in several databases and none is named.
pub fn export(log: &Path, what: &Export<'_>, to: &mut dyn Write) -> Result<u64, ReadError> {
    let checkpoint = checkpoint(what.checkpoint, what.key)?;
    let (databases, sequences) = find(log, what, checkpoint.size)?;
    let database = match (what.database, databases.first()) {
        (Some(oid), _) => oid,
        (None, Some(oid)) if databases.len() == 1 => *oid,
        (None, None) => return Err(form("the log has no entry of this tenant")),
        (None, _) => return Err(form("the tenant has entries in several databases: name one by its OID")),
    };
    let mut head = json!({
        "format": FORMAT, "log": checkpoint.log.to_string(), "database": database, "tenant": what.tenant,
        "entries": sequences.len(), "checkpoint": what.checkpoint,
    });
    if let (Some(note), Some(members)) = (what.head, head.as_object_mut()) {
        members.insert("head".to_owned(), json!(note));
    }
    let wrote = |error| ReadError::Io("the export".to_owned(), error);
    let mut entries = EntryLines::open(log)?;
    let mut batches = sequences.chunks(BATCH).peekable();
    // Without entries the checkpoint is compared all the same.
    let mut batch = batches.next().unwrap_or_default();
    let mut is_first = true;
    loop {
        let mut hashes = Hashes::open(log)?.ok_or_else(|| form("the file of hashes is gone"))?;
        let mut failed = None;
        let walked = inclusion_proofs(checkpoint.size, batch, &mut || match hashes.next() {
            Ok(Some(hash)) => Ok(hash),
            Ok(None) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => {
                failed = Some(error);
                Err(io::ErrorKind::Other.into())
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        let (root, proofs) = walked.map_err(|_| form("the log has fewer entries than the checkpoint"))?;
        if root != checkpoint.root {
            return Err(form("the log has another root than the checkpoint: verify the log"));
        }
        if is_first {
            writeln!(to, "{head}").map_err(wrote)?;
            is_first = false;
        }
        for (sequence, proof) in batch.iter().zip(proofs) {
            let line = entries.line(*sequence)?;
            let proof: Vec<String> = proof.iter().map(hex::encode).collect();
            writeln!(to, "{}", json!({"entry": line, "proof": proof})).map_err(wrote)?;
        }
        match batches.next() {
            Some(next) => batch = next,
            None => break,
        }
    }
    u64::try_from(sequences.len()).map_err(|_| form("too many entries"))
}

/// The databases of a tenant, and the numbers of its entries below a size.
fn find(log: &Path, what: &Export<'_>, size: u64) -> Result<(BTreeSet<u32>, Vec<u64>), ReadError> {
    let (mut databases, mut sequences) = (BTreeSet::new(), Vec::new());
    let mut wanted = EntryLines::open(log)?;
    while let Some(line) = wanted.next()? {
        // What is no entry the verifier tells of.
        let Ok((place, entry)) = parse_line(&line) else { continue };
        let Some((oid, tenant)) = entry.chain_key() else { continue };
        if place.sequence < size && tenant == what.tenant && what.database.is_none_or(|wanted| wanted == oid) {
            databases.insert(oid);
            sequences.push(place.sequence);
        }
    }
    Ok((databases, sequences))
}
