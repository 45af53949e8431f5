//! The texts beside the entries, which may be erased and may not be changed.

use super::super::entry::Entry;
use super::super::read::{Line, Lines, ReadError, Segment};
use super::super::text::{KeptTexts, is_erased};
use super::finding::Findings;

/// The longest line of texts: a question and a statement have some megabytes at most, and escapes make them six times that.
pub const MAX_TEXT_BYTES: usize = 64 * 1024 * 1024;

/// Files of texts, of which at most one line is held.
pub(super) struct Texts {
    files: Vec<Segment>,
    open: Option<Lines>,
    next: Option<(u64, KeptTexts)>,
    /// Whether an earlier file was there.
    seen: bool,
    /// Of the file that is open: lines that were erased, entries whose texts were not found.
    erased: u64,
    missing: u64,
    all_erased: u64,
    all_removed: u64,
}

impl Texts {
    /// `kept`: the first entry that is still there.
    pub(super) fn new(files: Vec<Segment>, kept: u64) -> Self {
        let files = files.into_iter().filter(|file| file.first >= kept).collect();
        Self { files, open: None, next: None, seen: false, erased: 0, missing: 0, all_erased: 0, all_removed: 0 }
    }

    /// Turns to the texts of the entries that begin here.
    pub(super) fn begin(&mut self, first: u64, findings: &mut Findings<'_>) -> Result<(), ReadError> {
        (self.open, self.next, self.erased, self.missing) = (None, None, 0, 0);
        if let Some(file) = self.files.iter().find(|file| file.first == first) {
            self.open = Some(Lines::open(&file.path, MAX_TEXT_BYTES)?);
            self.seen = true;
            self.advance(first, findings)?;
        }
        Ok(())
    }

    /// Compares the texts of an entry with what it holds of them.
    pub(super) fn entry(&mut self, sequence: u64, entry: &Entry, findings: &mut Findings<'_>) -> Result<(), ReadError> {
        let (question, sql) = (entry.question.filter(|text| text.kept), entry.sql.filter(|text| text.kept));
        while self.next.as_ref().is_some_and(|(number, _)| *number < sequence) {
            findings.critical(Some(sequence), "A text stands where none belongs.".to_owned());
            self.advance(sequence, findings)?;
        }
        let found = self.next.take_if(|(number, _)| *number == sequence);
        match found {
            None if question.is_none() && sql.is_none() => {}
            None => self.missing = self.missing.saturating_add(1),
            Some((_, texts)) => {
                let hash = |text: &Option<String>| text.as_ref().map(|text| texts.hash(text));
                if hash(&texts.question) != question || hash(&texts.sql) != sql {
                    findings.critical(Some(sequence), "The entry's texts are not those that were recorded.".to_owned());
                }
                self.advance(sequence, findings)?;
            }
        }
        Ok(())
    }

    fn advance(&mut self, sequence: u64, findings: &mut Findings<'_>) -> Result<(), ReadError> {
        self.next = None;
        let Some(lines) = &mut self.open else { return Ok(()) };
        loop {
            match lines.next()? {
                Line::End => return Ok(()),
                Line::Torn(_) => {
                    findings.warning(Some(sequence), "The last line of a file of texts is torn.".to_owned());
                    return Ok(());
                }
                Line::Whole(line) if is_erased(&line) => self.erased = self.erased.saturating_add(1),
                Line::Whole(line) => match KeptTexts::parse(&line) {
                    Some(texts) => {
                        self.next = Some(texts);
                        return Ok(());
                    }
                    None => findings.critical(Some(sequence), "A line of a file of texts was changed.".to_owned()),
                },
                Line::TooLong => findings.critical(Some(sequence), "A line of a file of texts is too long.".to_owned()),
            }
        }
    }

    /// Leaves the texts of a file of entries, when the log has this many. A text may be written before its entry is, which is
    /// then behind the last.
    pub(super) fn end(&mut self, size: u64, is_last: bool, findings: &mut Findings<'_>) -> Result<(), ReadError> {
        while let Some((number, _)) = self.next {
            if !is_last || number < size {
                findings.critical(Some(number), "A text stands where none belongs.".to_owned());
            }
            self.advance(size, findings)?;
        }
        let unmarked = self.missing.saturating_sub(self.erased);
        self.all_erased = self.all_erased.saturating_add(self.missing.saturating_sub(unmarked));
        if unmarked > 0 && (self.open.is_some() || self.seen) {
            let said = format!("The texts of {unmarked} entries are gone, and not by being overwritten with blanks.");
            findings.warning(None, said);
        } else {
            self.all_removed = self.all_removed.saturating_add(unmarked);
        }
        Ok(())
    }

    /// Sums up.
    pub(super) fn finish(&self, size: u64, findings: &mut Findings<'_>) {
        if self.all_erased > 0 {
            findings.info(None, format!("The texts of {} entries were erased.", self.all_erased));
        }
        if self.all_removed > 0 {
            findings.info(None, format!("The texts of {} entries were removed by age.", self.all_removed));
        }
        if let Some(file) = self.files.iter().find(|file| file.first > size) {
            let said = "A file of texts belongs to no entries.".to_owned();
            findings.critical(Some(file.first), said);
        }
    }
}
