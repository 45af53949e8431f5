//! The log's own notes, and the one that was kept elsewhere.

use super::super::files::NOTES;
use super::super::hash::Hash;
use super::super::note::{MAX_NOTE_BYTES, NoteError, VerifyingKey};
use super::super::read::{Line, Lines, ReadError};
use super::super::statement::{Statement, TenantHead};
use super::super::tree::Frontier;
use super::chains::Chains;
use super::finding::Findings;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

/// What a note says of the log at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    /// Which note, as the subject of a sentence.
    pub whence: String,
    pub size: u64,
    pub root: Option<Hash>,
    pub head: Option<TenantHead>,
}

/// All of them, in the order of their sizes.
#[derive(Default)]
pub(super) struct Expectations {
    waiting: VecDeque<Expected>,
    /// Root by size, of the log's own notes.
    noted: BTreeMap<u64, Hash>,
    count: u64,
}

impl Expectations {
    /// Notes in the log's own file.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn sort(&mut self) {
        self.waiting.make_contiguous().sort_by_key(|expected| expected.size);
    }

    /// The largest size that any note is about. Wants to be sorted.
    pub(super) fn largest(&self) -> u64 {
        self.waiting.back().map_or(0, |expected| expected.size)
    }

    /// The next that is about this size.
    pub(super) fn take(&mut self, size: u64) -> Option<Expected> {
        if self.waiting.front()?.size == size { self.waiting.pop_front() } else { None }
    }

    /// Those about larger sizes.
    pub(super) fn rest(&mut self) -> VecDeque<Expected> {
        std::mem::take(&mut self.waiting)
    }

    /// The root that the log's own checkpoint of this size has.
    pub(super) fn root_noted(&self, size: u64) -> Option<Hash> {
        self.noted.get(&size).copied()
    }

    fn add(&mut self, whence: String, statement: Statement) {
        let size = statement.size();
        let expected = match statement {
            Statement::Checkpoint(checkpoint) => Expected { whence, size, root: Some(checkpoint.root), head: None },
            Statement::TenantHead(head) => Expected { whence, size, root: None, head: Some(head) },
        };
        self.waiting.push_back(expected);
    }
}

impl Expected {
    /// Whether the log says the same, now that it has this size. `kept` and `before` as in [`Chains::add`].
    pub(super) fn compare(
        &self,
        tree: &Frontier,
        chains: &Chains,
        kept: u64,
        before: Option<Hash>,
    ) -> Result<(), String> {
        if self.root.is_some_and(|root| root != tree.root()) {
            return Err(format!("{} has another root over the first {} entries than the log.", self.whence, self.size));
        }
        let Some(head) = &self.head else { return Ok(()) };
        let is_right = match chains.last(head.database.oid, &head.tenant) {
            Some(last) => last == head.last,
            None => head.last.sequence < kept && before == Some(head.last.hash),
        };
        if is_right {
            Ok(())
        } else {
            Err(format!(
                "{} names another entry as the tenant's last among the first {} than the log.",
                self.whence, self.size
            ))
        }
    }
}

/// Takes the note that was kept elsewhere.
pub(super) fn given(note: &str, key: &VerifyingKey, expectations: &mut Expectations, findings: &mut Findings<'_>) {
    match open(note, key) {
        Ok(statement) => expectations.add("The note that was given".to_owned(), statement),
        Err(error) => findings.critical(None, format!("The note that was given is not this log's: {error}.")),
    }
}

fn open(note: &str, key: &VerifyingKey) -> Result<Statement, NoteError> {
    let statement = Statement::parse(key.open(note)?)?;
    if statement.log() == key.log() { Ok(statement) } else { Err(NoteError::Statement("it is about another log")) }
}

/// Reads the log's own notes: each with an empty line after it. Their order says nothing: of two that are signed at the same time,
/// that of the larger size may be written first.
pub(super) fn read(
    log: &Path,
    key: &VerifyingKey,
    expectations: &mut Expectations,
    findings: &mut Findings<'_>,
) -> Result<(), ReadError> {
    let path = log.join(NOTES);
    if !path.try_exists().map_err(ReadError::of(&path))? {
        return Ok(());
    }
    let mut lines = Lines::open(&path, MAX_NOTE_BYTES)?;
    let mut notes = Notes { key, expectations, findings, block: String::new(), empty_lines: 0, number: 1 };
    loop {
        match lines.next()? {
            Line::End => break,
            Line::Whole(line) => notes.line(&line),
            Line::Torn(line) => {
                notes.torn(&line);
                return Ok(());
            }
            Line::TooLong => notes.line(b"\xff"),
        }
    }
    notes.torn(b"");
    Ok(())
}

struct Notes<'a, 'f> {
    key: &'a VerifyingKey,
    expectations: &'a mut Expectations,
    findings: &'a mut Findings<'f>,
    /// The lines of the note that is being read.
    block: String,
    /// Those of them that are empty: the first stands before signatures, the second ends the note.
    empty_lines: u8,
    number: u64,
}

impl Notes<'_, '_> {
    fn line(&mut self, line: &[u8]) {
        // What is not UTF-8 is in no note: the sign for it makes this one wrong.
        let line = String::from_utf8_lossy(line);
        if line.is_empty() {
            self.empty_lines = self.empty_lines.saturating_add(1);
        }
        if self.empty_lines == 2 {
            self.whole();
        } else if self.block.len().saturating_add(line.len()) < MAX_NOTE_BYTES {
            self.block.push_str(&line);
            self.block.push('\n');
        } else {
            self.block.push('\u{fffd}');
        }
    }

    fn whole(&mut self) {
        let note = std::mem::take(&mut self.block);
        self.empty_lines = 0;
        let whence = format!("Note {} of the log", self.number);
        self.number = self.number.saturating_add(1);
        self.expectations.count = self.expectations.count.saturating_add(1);
        // The server writes one signature. Lines of others are passed over in a note that was kept elsewhere, but here
        // nobody has to add any, and a line that is passed over could be changed.
        let signatures = note.rsplit_once("\n\n").map_or(0, |(_, signatures)| signatures.lines().count());
        let statement = match open(&note, self.key) {
            Ok(_) if signatures != 1 => Err(NoteError::Malformed("more than one signature")),
            opened => opened,
        };
        match statement {
            Err(error) => self.findings.critical(None, format!("{whence} is not as the server wrote it: {error}.")),
            Ok(statement) => {
                if let Statement::Checkpoint(checkpoint) = &statement {
                    self.expectations.noted.insert(checkpoint.size, checkpoint.root);
                }
                self.expectations.add(whence, statement);
            }
        }
    }

    /// What stands behind the last whole note: the beginning of one, where a crash cut it, or it was changed.
    fn torn(&mut self, rest: &[u8]) {
        if self.block.is_empty() && rest.is_empty() && self.empty_lines == 0 {
            return;
        }
        let is_beginning = match self.block.split_once("\n\n") {
            None => self.empty_lines == 0,
            Some((text, signatures)) => {
                let is_text = Statement::parse(&format!("{text}\n")).is_ok();
                // A line of a signature that has its newline is whole, and nothing but an empty line follows it.
                let is_signed = signatures.is_empty() || (rest.is_empty() && open(&self.block, self.key).is_ok());
                is_text && is_signed
            }
        };
        let said = format!("The file of notes ends within note {}.", self.number);
        if is_beginning { self.findings.warning(None, said) } else { self.findings.critical(None, said) }
    }
}
