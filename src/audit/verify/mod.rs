//! Was the log changed?
//!
//! The notes are read first, then the length of the hashes, then the entries: a server that writes meanwhile is never behind
//! what it has signed. Each file is read once, from the beginning; what is kept in memory is the last entry of each tenant and
//! what the notes say.

mod chains;
mod finding;
mod found;
mod notes;
mod texts;

use super::entry::{Chain, Entry, Event, Link, MAX_LINE_BYTES, Place};
use super::entry_reader::parse_line;
use super::hash::{Hash, from_hex, leaf_hash};
use super::note::VerifyingKey;
pub use super::read::ReadError;
use super::read::{Hashes, Line, Lines, Segment, segments};
use super::tree::Frontier;
use chains::Chains;
pub(super) use finding::Findings;
pub use finding::{Finding, Severity};
pub use found::Found;
use notes::{Expectations, Expected};
use serde_json::Value;
use std::path::Path;
pub use texts::MAX_TEXT_BYTES;
use texts::Texts;

/// What to compare with.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The log's key.
    pub key: &'a VerifyingKey,
    /// A note of this log that was kept elsewhere: a checkpoint or a tenant's head.
    pub checkpoint: Option<&'a str>,
    /// A tenant whose chains are summed up in findings of severity info.
    pub tenant: Option<&'a str>,
}

/// What else is looked at on the way.
#[derive(Clone, Copy)]
pub struct More<'a> {
    /// What other logs say of this one.
    pub found: &'a [Found],
    /// Called between entries. It may end the verification by unwinding.
    pub between: &'a dyn Fn(),
}

impl Default for More<'_> {
    fn default() -> Self {
        Self { found: &[], between: &|| {} }
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Number of entries, those removed by age included.
    pub size: u64,
    /// The root over all of them.
    pub root: Hash,
    /// The first entry that is still there.
    pub first: u64,
    /// Signed notes in the log's own file.
    pub notes: u64,
    /// Number of findings that are critical.
    pub critical: u64,
}

/// Verifies the log in a folder (that of the log, not the one above). What is found goes to `found` as it is found; at most
/// a thousand findings, and their number. A server may be writing to the log.
///
/// # Errors
/// When it cannot be read.
pub fn verify(log: &Path, request: &Request<'_>, found: &mut dyn FnMut(Finding)) -> Result<Summary, ReadError> {
    verify_with(log, request, &More::default(), found)
}

/// [`verify`], and more.
///
/// # Errors
/// When it cannot be read.
pub fn verify_with(
    log: &Path,
    request: &Request<'_>,
    more: &More<'_>,
    found: &mut dyn FnMut(Finding),
) -> Result<Summary, ReadError> {
    let mut findings = Findings::new(found);
    let mut expectations = Expectations::default();
    notes::read(log, request.key, &mut expectations, &mut findings)?;
    let notes = expectations.count();
    if let Some(note) = request.checkpoint {
        notes::given(note, request.key, &mut expectations, &mut findings);
    }
    expectations.sort();
    let hashes = Hashes::open(log)?;
    let (entries, texts) = segments(log)?;
    if hashes.is_none() && entries.is_empty() {
        return Err(ReadError::Form(format!("{}: there is no log here", log.display())));
    }
    if hashes.is_none() {
        findings.critical(None, "The file of hashes is gone.".to_owned());
    }
    // What is signed is on disk before, its hashes too.
    let signed = expectations.largest();
    if hashes.as_ref().is_some_and(|hashes| hashes.count() < signed) {
        findings
            .critical(None, format!("The file of hashes holds fewer than the {signed} entries that a note covers."));
    }
    let torn = hashes.as_ref().map_or(0, |hashes| hashes.torn);
    let mut walk = Walk {
        key: request.key,
        more: *more,
        hashes,
        expectations,
        findings,
        chains: Chains::default(),
        tree: Frontier::new(),
        first: entries.first().map_or(0, |segment| segment.first),
        unhashed: 0,
    };
    walk.expect_here()?;
    walk.removed_by_age()?;
    let last = entries.len().saturating_sub(1);
    let mut texts = Texts::new(texts, walk.first);
    for (index, segment) in entries.iter().enumerate() {
        walk.segment(segment, index == last, &mut texts)?;
    }
    walk.end(&mut texts, torn)?;
    if let Some(tenant) = request.tenant {
        walk.chains.sum_up(tenant, &mut walk.findings);
    }
    let critical = walk.findings.end();
    Ok(Summary { size: walk.tree.size(), root: walk.tree.root(), first: walk.first, notes, critical })
}

/// The way along the entries. The size of the tree is the number of the next entry.
struct Walk<'a, 'f> {
    key: &'a VerifyingKey,
    more: More<'a>,
    hashes: Option<Hashes>,
    expectations: Expectations,
    findings: Findings<'f>,
    chains: Chains,
    tree: Frontier,
    /// The first entry that is still there.
    first: u64,
    /// Entries at the end without a hash.
    unhashed: u64,
}

impl Walk<'_, '_> {
    /// What stands in the hashes of the files that are gone.
    fn removed_by_age(&mut self) -> Result<(), ReadError> {
        while self.tree.size() < self.first {
            let Some(hash) = self.next_hash()? else {
                let said = format!("The hashes end before entry {}, with which the entries begin.", self.first);
                self.findings.critical(Some(self.tree.size()), said);
                // Numbers go on where the files do; no root can be right any more, and each that is expected says so.
                while self.tree.size() < self.first {
                    self.tree.push([0; 32]);
                }
                break;
            };
            self.add(hash)?;
        }
        if self.first > 0 {
            let said =
                format!("Entries 0 to {} were removed by age; their hashes are there.", self.first.saturating_sub(1));
            self.findings.info(None, said);
        }
        Ok(())
    }

    fn segment(&mut self, segment: &Segment, is_last: bool, texts: &mut Texts) -> Result<(), ReadError> {
        let next = self.tree.size();
        if segment.first != next {
            let said = format!("A file of entries begins with number {} where {next} is next.", segment.first);
            self.findings.critical(Some(next), said);
        }
        texts.begin(segment.first, &mut self.findings)?;
        let mut lines = Lines::open(&segment.path, MAX_LINE_BYTES)?;
        loop {
            match lines.next()? {
                Line::End => break,
                Line::Whole(line) => self.entry(&line, texts)?,
                Line::TooLong => {
                    self.findings.critical(Some(self.tree.size()), "A line is longer than an entry can be.".to_owned());
                    self.place(leaf_hash(b""))?;
                }
                Line::Torn(line) => {
                    let at = Some(self.tree.size());
                    let said =
                        format!("The last line is torn after {} bytes; the server cuts it when it starts.", line.len());
                    if is_last { self.findings.warning(at, said) } else { self.findings.critical(at, said) }
                }
            }
        }
        texts.end(self.tree.size(), is_last, &mut self.findings)
    }

    fn entry(&mut self, line: &[u8], texts: &mut Texts) -> Result<(), ReadError> {
        let sequence = self.tree.size();
        let hash = leaf_hash(line);
        match parse_line(line) {
            Err(error) => self.findings.critical(Some(sequence), format!("The line is no entry: {error}.")),
            Ok((place, _)) if place.sequence != sequence => {
                let said = format!("Entry {} stands in the place of entry {sequence}.", place.sequence);
                self.findings.critical(Some(sequence), said);
            }
            Ok((place, entry)) => self.sound_entry(&place, &entry, hash, texts)?,
        }
        self.place(hash)
    }

    /// What an entry says that others must agree with.
    fn sound_entry(&mut self, place: &Place, entry: &Entry, hash: Hash, texts: &mut Texts) -> Result<(), ReadError> {
        let sequence = Some(place.sequence);
        if place.sequence == 0 && !self.begins(entry) {
            self.findings.critical(sequence, "The first entry does not begin this log.".to_owned());
        }
        match (entry.chain_key(), place.chain) {
            (None, Chain::None) => {}
            (Some((oid, tenant)), Chain::First | Chain::After(_)) => {
                let before = match place.chain {
                    Chain::After(link) if link.sequence < self.first => self.hash_of(link.sequence)?,
                    _ => None,
                };
                let link = Link { sequence: place.sequence, hash };
                if let Err(said) = self.chains.add(oid, tenant, place.chain, link, self.first, before) {
                    self.findings.critical(sequence, said.to_owned());
                }
            }
            _ => {
                let said = "The entry is in a tenant's chain and must not be, or is not and must be.";
                self.findings.critical(sequence, said.to_owned());
            }
        }
        if entry.event == Event::Checkpoint {
            self.told_checkpoint(place.sequence, entry);
        }
        texts.entry(place.sequence, entry, &mut self.findings)
    }

    fn begins(&self, entry: &Entry) -> bool {
        let log = self.key.log().to_string();
        entry.event == Event::Started
            && entry.details.get("format").and_then(Value::as_u64) == Some(1)
            && entry.details.get("log").and_then(Value::as_str) == Some(log.as_str())
    }

    /// An entry that tells of a checkpoint agrees with the note of that size.
    fn told_checkpoint(&mut self, sequence: u64, entry: &Entry) {
        let size = entry.details.get("size").and_then(Value::as_u64);
        let root = entry.details.get("root").and_then(Value::as_str).and_then(from_hex);
        let (Some(size), Some(root)) = (size, root) else { return };
        match self.expectations.root_noted(size) {
            None => {
                let said =
                    format!("The checkpoint over {size} entries that this entry tells of is not among the notes.");
                self.findings.warning(Some(sequence), said);
            }
            Some(noted) if noted == root => {}
            Some(_) => {
                let said = format!("The checkpoint over {size} entries is another than this entry tells of.");
                self.findings.critical(Some(sequence), said);
            }
        }
    }

    /// Compares a leaf with its hash, and adds it to the tree.
    fn place(&mut self, leaf: Hash) -> Result<(), ReadError> {
        let sequence = self.tree.size();
        match self.next_hash()? {
            None => self.unhashed = self.unhashed.saturating_add(1),
            Some(hash) if hash == leaf => {}
            Some(_) => {
                let said = "The entry is not the one whose hash was recorded.".to_owned();
                self.findings.critical(Some(sequence), said);
            }
        }
        self.add(leaf)
    }

    fn add(&mut self, leaf: Hash) -> Result<(), ReadError> {
        (self.more.between)();
        self.tree.push(leaf);
        self.expect_here()
    }

    /// Compares with all that notes and other logs say of the size that the tree now has.
    fn expect_here(&mut self) -> Result<(), ReadError> {
        for said in self.more.found.iter().filter_map(|found| found.differs(&self.tree)) {
            self.findings.critical(None, said);
        }
        while let Some(expected) = self.expectations.take(self.tree.size()) {
            let before = match &expected {
                Expected { head: Some(head), .. } if head.last.sequence < self.first => {
                    self.hash_of(head.last.sequence)?
                }
                _ => None,
            };
            if let Err(said) = expected.compare(&self.tree, &self.chains, self.first, before) {
                self.findings.critical(None, said);
            }
        }
        Ok(())
    }

    /// What is left over when all entries are read.
    fn end(&mut self, texts: &mut Texts, torn: u64) -> Result<(), ReadError> {
        let size = self.tree.size();
        let mut gone: u64 = 0;
        while let Some(hash) = self.next_hash()? {
            gone = gone.saturating_add(1);
            self.add(hash)?;
        }
        if gone > 0 {
            let said = format!("The last {gone} entries are gone; their hashes are there.");
            self.findings.critical(Some(size), said);
        }
        if self.unhashed > 0 {
            let said =
                format!("The last {} entries have no hash yet; the server adds them when it starts.", self.unhashed);
            self.findings.warning(Some(size.saturating_sub(self.unhashed)), said);
        }
        if torn > 0 {
            self.findings.warning(None, format!("The file of hashes ends after {torn} bytes of a hash."));
        }
        for expected in self.expectations.rest() {
            let said =
                format!("{} covers {} entries, and the log has {}.", expected.whence, expected.size, self.tree.size());
            self.findings.critical(None, said);
        }
        for said in self.more.found.iter().filter_map(|found| found.is_behind(self.tree.size())) {
            self.findings.critical(None, said);
        }
        texts.finish(self.tree.size(), &mut self.findings);
        Ok(())
    }

    fn next_hash(&mut self) -> Result<Option<Hash>, ReadError> {
        self.hashes.as_mut().map_or(Ok(None), Hashes::next)
    }

    fn hash_of(&mut self, sequence: u64) -> Result<Option<Hash>, ReadError> {
        self.hashes.as_mut().map_or(Ok(None), |hashes| hashes.of(sequence))
    }
}
