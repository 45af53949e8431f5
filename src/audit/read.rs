//! Reads a log's folder: which files there are, lines one at a time, hashes by number.

use super::entry::MAX_LINE_BYTES;
use super::files::{HASHES, entries_first, texts_first};
use super::hash::Hash;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why nothing can be said.
#[derive(Debug, Error)]
pub enum ReadError {
    /// A file or folder cannot be read.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// What was given is not of its form, or does not fit.
    #[error("{0}")]
    Form(String),
}

impl ReadError {
    /// The error of a file or folder.
    pub(super) fn of(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::Io(path.display().to_string(), error)
    }
}

/// A file of entries or of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// The number of its first entry, by its name.
    pub first: u64,
    pub path: PathBuf,
}

/// The files of entries and of texts in a folder, each in the order of their numbers.
pub(super) fn segments(log: &Path) -> Result<(Vec<Segment>, Vec<Segment>), ReadError> {
    let (mut entries, mut texts) = (Vec::new(), Vec::new());
    for file in std::fs::read_dir(log).map_err(ReadError::of(log))? {
        let path = file.map_err(ReadError::of(log))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if let Some(first) = entries_first(name) {
            entries.push(Segment { first, path });
        } else if let Some(first) = texts_first(name) {
            texts.push(Segment { first, path });
        }
    }
    entries.sort_by_key(|segment| segment.first);
    texts.sort_by_key(|segment| segment.first);
    Ok((entries, texts))
}

/// One line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// Without its newline.
    Whole(Vec<u8>),
    /// The last line, without a newline.
    Torn(Vec<u8>),
    /// Longer than allowed; it was passed over.
    TooLong,
    /// There is no more.
    End,
}

/// Lines of a file, each held in memory only while it is looked at.
pub(super) struct Lines {
    reader: BufReader<File>,
    path: PathBuf,
    longest: usize,
}

impl Lines {
    /// `longest`: bytes of a line without its newline.
    pub(super) fn open(path: &Path, longest: usize) -> Result<Self, ReadError> {
        let file = File::open(path).map_err(ReadError::of(path))?;
        Ok(Self { reader: BufReader::with_capacity(1 << 16, file), path: path.to_owned(), longest })
    }

    pub(super) fn next(&mut self) -> Result<Line, ReadError> {
        let mut line = Vec::new();
        let limit = u64::try_from(self.longest).unwrap_or(u64::MAX).saturating_add(1);
        let read = (&mut self.reader).take(limit).read_until(b'\n', &mut line);
        read.map_err(ReadError::of(&self.path))?;
        if line.last() == Some(&b'\n') {
            line.pop();
            return Ok(Line::Whole(line));
        }
        if line.len() <= self.longest {
            return Ok(if line.is_empty() { Line::End } else { Line::Torn(line) });
        }
        self.reader.skip_until(b'\n').map_err(ReadError::of(&self.path))?;
        Ok(Line::TooLong)
    }
}

/// The file of hashes, as long as it was when it was opened.
pub(super) struct Hashes {
    in_order: BufReader<File>,
    by_number: File,
    path: PathBuf,
    count: u64,
    read: u64,
    /// Bytes behind the last whole hash.
    pub torn: u64,
}

impl Hashes {
    /// `None`: there is no such file.
    pub(super) fn open(log: &Path) -> Result<Option<Self>, ReadError> {
        let path = log.join(HASHES);
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(ReadError::of(&path))?,
        };
        let length = file.metadata().map_err(ReadError::of(&path))?.len();
        let by_number = File::open(&path).map_err(ReadError::of(&path))?;
        let in_order = BufReader::with_capacity(1 << 16, file);
        Ok(Some(Self { in_order, by_number, path, count: length / 32, read: 0, torn: length % 32 }))
    }

    /// Number of whole hashes.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The next in order; `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Hash>, ReadError> {
        if self.read >= self.count {
            return Ok(None);
        }
        let mut hash = [0; 32];
        self.in_order.read_exact(&mut hash).map_err(ReadError::of(&self.path))?;
        self.read = self.read.saturating_add(1);
        Ok(Some(hash))
    }

    /// The hash of an entry; `None` behind the last.
    pub(super) fn of(&mut self, sequence: u64) -> Result<Option<Hash>, ReadError> {
        if sequence >= self.count {
            return Ok(None);
        }
        let mut hash = [0; 32];
        let place = SeekFrom::Start(sequence.saturating_mul(32));
        self.by_number
            .seek(place)
            .and_then(|_| self.by_number.read_exact(&mut hash))
            .map_err(ReadError::of(&self.path))?;
        Ok(Some(hash))
    }
}

/// The lines of a log from the first that is there.
pub(super) struct EntryLines {
    files: std::vec::IntoIter<Segment>,
    open: Option<Lines>,
    next: u64,
}

/// The line of one entry, from the log's own folder.
///
/// # Errors
/// When a file cannot be read, and when the log does not have the entry, or not any more.
pub fn entry_line(log: &Path, sequence: u64) -> Result<String, ReadError> {
    let (mut files, _) = segments(log)?;
    let before = files.partition_point(|file| file.first <= sequence);
    files.drain(..before.saturating_sub(1));
    EntryLines::over(files).line(sequence)
}

impl EntryLines {
    pub(super) fn open(log: &Path) -> Result<Self, ReadError> {
        let (files, _) = segments(log)?;
        Ok(Self::over(files))
    }

    fn over(files: Vec<Segment>) -> Self {
        Self { next: files.first().map_or(0, |file| file.first), files: files.into_iter(), open: None }
    }

    /// The next line; `None` behind the last whole one.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        loop {
            match self.open.as_mut().map(Lines::next).transpose()? {
                Some(Line::Whole(line)) => {
                    self.next = self.next.saturating_add(1);
                    return Ok(Some(line));
                }
                Some(Line::TooLong) => return Err(unreadable()),
                Some(Line::Torn(_) | Line::End) | None => match self.files.next() {
                    None => return Ok(None),
                    Some(file) => self.open = Some(Lines::open(&file.path, MAX_LINE_BYTES)?),
                },
            }
        }
    }

    /// The line of an entry, which must not be before the last that was asked for.
    pub(super) fn line(&mut self, sequence: u64) -> Result<String, ReadError> {
        loop {
            let at = self.next;
            let line = self.next()?.ok_or_else(|| ReadError::Form("the log has no entry of this number".to_owned()))?;
            if at == sequence {
                return String::from_utf8(line).map_err(|_| unreadable());
            }
            if at > sequence {
                return Err(ReadError::Form("the entry was removed by age".to_owned()));
            }
        }
    }
}

fn unreadable() -> ReadError {
    ReadError::Form("an entry of the log cannot be read: verify the log".to_owned())
}
