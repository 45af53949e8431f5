//! What an earlier life of the server left of a log: reads its end, cuts off half an entry, half a note and hashes whose entries were
//! lost, and adds hashes that are missing.
//!
//! No entry and no note that was written whole is changed. Where the files contradict one another the log is left as it is, for whoever looks
//! into it, and another is begun.

use super::failure::{Failure, Logged};
use super::state::{DAY, Segment};
use super::{files, heads};
use crate::audit::entry::MAX_LINE_BYTES;
use crate::audit::files::{HASHES, NOTES, entries_first, entries_name, texts_name};
use crate::audit::note::{MAX_NOTE_BYTES, whole};
use crate::audit::text::KeptTexts;
use crate::audit::verify::MAX_TEXT_BYTES;
use crate::audit::{Entry, Frontier, Hash, Link, LogId, Place, leaf_hash, parse_line};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// In the log's folder: the tree over the entries before the newest file, so that its hashes need not be read at a start.
pub const FRONTIER: &str = "frontier";

/// The end of a log.
pub struct Left {
    /// The tree over its entries.
    pub frontier: Frontier,
    /// The newest files.
    pub segment: Segment,
    /// Entries under the last note.
    pub noted: u64,
    /// What was cut off.
    pub cuts: Vec<Cut>,
}

/// Half an entry or note, or hashes without entries, that were cut off.
pub struct Cut {
    /// Of this file.
    pub file: String,
    /// So much.
    pub bytes: u64,
}

/// Why a log cannot be gone on with.
pub enum Problem {
    /// Its files cannot be read or written now.
    Unreadable(Failure),
    /// Its files are not what was written.
    Altered(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Problem::Unreadable(error.into())
    }
}

fn altered<T>(why: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Altered(why.into()))
}

/// Reads the end of a log. One that is not this server's own may be a copy that was made while its server wrote: it is only read.
pub fn read(log: LogId, is_ours: bool) -> Result<Left, Problem> {
    let folder = files::folder(log);
    let Some(first) = segments(&folder)?.last().copied() else { return altered("it has no file of entries") };
    let hashes = files::open(&folder.join(HASHES))?;
    let hashed = hashes.metadata()?.len() / 32;
    if is_ours {
        hashes.set_len(hashed.saturating_mul(32))?;
    }
    if hashed < first {
        return altered(format!("it has {hashed} hashes, and its newest file begins with entry {first}"));
    }
    let mut frontier = frontier(&folder, &hashes, first)?;
    let (mut end, mut day) = (0_u64, None);
    let entries = files::open(&folder.join(entries_name(first)))?;
    let mut lines = Lines::new(&entries);
    while let Some(line) = lines.next()? {
        let sequence = frontier.size();
        let Ok((place, _)) = parse_line(&line) else { break };
        let leaf = leaf_hash(&line);
        if place.sequence != sequence {
            return altered(format!("entry {sequence} is missing"));
        }
        if sequence >= hashed && is_ours {
            hashes.write_all_at(&leaf, sequence.saturating_mul(32))?;
        } else if sequence < hashed && hash(&hashes, sequence)? != leaf {
            return altered(format!("entry {sequence} is not the one that was written"));
        }
        frontier.push(leaf);
        end = end.saturating_add(line.len() as u64).saturating_add(1);
        day.get_or_insert(place.at.div_euclid(DAY));
    }
    let size = frontier.size();
    if !is_ours {
        let segment = Segment { first, bytes: end, texts: 0, day: 0 };
        return Ok(Left { frontier, segment, noted: 0, cuts: Vec::new() });
    }
    let noted = noted(&folder, log)?;
    if noted > size {
        return altered(format!("it has {size} entries, and a note of {noted} was signed"));
    }
    // When the machine loses power, hashes may be on disk whose entries are not; nobody was told that those were. A line that is
    // whole and no entry, a stop in order, or another file that was begun, is another thing.
    let is_known_on_disk =
        heads::left(log, hashed).is_some() || written(&folder).is_some_and(|tree| tree.size() > size);
    let is_lost = !is_known_on_disk && !has_line(&entries, end)?;
    if hashed > size && !is_lost {
        return altered(format!("entries from {size} on are missing"));
    }
    let mut cuts = Vec::new();
    cuts.extend(cut(&entries, entries_name(first), end)?);
    cuts.extend(cut(&hashes, HASHES.to_owned(), size.saturating_mul(32))?);
    cuts.extend(cut_notes(&folder)?);
    entries.sync_data()?;
    hashes.sync_data()?;
    let texts = cut_texts(&folder.join(texts_name(first)), size)?;
    // A file without entries is not of today: what is done once a day may not have been done.
    Ok(Left { frontier, segment: Segment { first, bytes: end, texts, day: day.unwrap_or(0) }, noted, cuts })
}

/// Cuts a file to a length, and gives what was beyond it.
fn cut(file: &File, name: String, end: u64) -> io::Result<Option<Cut>> {
    let bytes = file.metadata()?.len().saturating_sub(end);
    if bytes == 0 {
        return Ok(None);
    }
    file.set_len(end)?;
    Ok(Some(Cut { file: name, bytes }))
}

/// Whether a whole line stands at or behind a place of a file, be it an entry or not.
fn has_line(file: &File, from: u64) -> io::Result<bool> {
    let mut reader = BufReader::new(file);
    io::Seek::seek(&mut reader, io::SeekFrom::Start(from))?;
    loop {
        let part = reader.fill_buf()?;
        if part.is_empty() {
            return Ok(false);
        }
        if part.contains(&b'\n') {
            return Ok(true);
        }
        let length = part.len();
        reader.consume(length);
    }
}

/// Cuts off half a note, which was never given to anybody. What is longer than one is left for whoever looks into it.
fn cut_notes(folder: &Path) -> io::Result<Option<Cut>> {
    let path = folder.join(NOTES);
    let notes = match fs::read(&path) {
        Ok(notes) => notes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let end = whole(&notes);
    if notes.len().saturating_sub(end) > MAX_NOTE_BYTES {
        return Ok(None);
    }
    let file = files::open(&path)?;
    let cut = cut(&file, NOTES.to_owned(), end as u64)?;
    file.sync_all()?;
    Ok(cut)
}

/// The first numbers of a log's files of entries, in order.
pub fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(folder)? {
        firsts.extend(entry?.file_name().to_str().and_then(entries_first));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

fn hash(hashes: &File, sequence: u64) -> io::Result<Hash> {
    let mut hash = [0; 32];
    hashes.read_exact_at(&mut hash, sequence.saturating_mul(32))?;
    Ok(hash)
}

/// The tree as it was written down when the newest file was begun; all under it was on disk before.
fn written(folder: &Path) -> Option<Frontier> {
    fs::read(folder.join(FRONTIER)).ok().and_then(|bytes| Frontier::from_bytes(&bytes))
}

/// The tree over the first `size` hashes: as it was written down, if it is of that size, else from the hashes.
fn frontier(folder: &Path, hashes: &File, size: u64) -> Result<Frontier, Problem> {
    if let Some(written) = written(folder).filter(|written| written.size() == size) {
        return Ok(written);
    }
    let mut frontier = Frontier::new();
    let mut reader = BufReader::with_capacity(1 << 20, hashes.try_clone()?);
    let mut leaf = [0; 32];
    io::Seek::rewind(&mut reader)?;
    for _ in 0..size {
        reader.read_exact(&mut leaf)?;
        frontier.push(leaf);
    }
    Ok(frontier)
}

/// The most entries that a note of the log is about.
fn noted(folder: &Path, log: LogId) -> io::Result<u64> {
    let notes = match fs::read(folder.join(NOTES)) {
        // A crash may leave half a character.
        Ok(notes) => String::from_utf8_lossy(&notes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let origin = log.origin();
    let mut most = 0;
    let mut before = "";
    for line in notes.lines() {
        let size = if before == origin { Some(line) } else { line.strip_prefix("size ") };
        most = size.and_then(|size| size.parse().ok()).map_or(most, |size: u64| most.max(size));
        before = line;
    }
    Ok(most)
}

/// Cuts off, at the end of a file of texts, half a line and texts of entries that are not there. All else stays, what cannot be read
/// too: it may hold texts that are to be erased. Gives what is left, in bytes.
fn cut_texts(path: &Path, size: u64) -> io::Result<u64> {
    let file = match fs::OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let (mut read, mut kept) = (0_u64, 0_u64);
    let mut lines = Lines::of_texts(&file);
    while let Some(line) = lines.next_of_any_length()? {
        let (length, is_kept) = match &line {
            Line::Torn => break,
            Line::TooLong(length) => (*length, true),
            Line::Whole(line) => {
                let of = KeptTexts::parse(line);
                (line.len() as u64, of.is_none_or(|(sequence, _)| sequence < size))
            }
        };
        read = read.saturating_add(length).saturating_add(1);
        if is_kept {
            kept = read;
        }
    }
    let cut = file.metadata()?.len().saturating_sub(kept);
    if cut > 0 {
        file.set_len(kept)?;
        let name = path.file_name().unwrap_or_default().display();
        crate::pgx::pg_try::log(&format!(
            "the audit log's {name} ended in half a line or in texts of no entry, and {cut} bytes of it were cut off"
        ));
    }
    Ok(kept)
}

/// The last entry of each tenant, as the files that are there have them.
pub fn last_of_each(log: LogId) -> Logged<Vec<(Hash, Link)>> {
    let mut last = HashMap::new();
    // The log's lock may be held, or this may be the postmaster: nothing interrupts it.
    let damage = each(log, || {}, &mut |_, line, place, entry| {
        if let Some((database, tenant)) = entry.chain_key() {
            last.insert(heads::key(database, tenant), Link { sequence: place.sequence, hash: leaf_hash(line) });
        }
        Ok(())
    })?;
    if let Some(text) = damage.text() {
        crate::pgx::pg_try::log(&text);
    }
    Ok(last.into_iter().collect())
}

/// Takes the number that the entry's file begins with, the line of the entry, its place, and what it says.
type EachEntry<'a> = dyn FnMut(u64, &[u8], &Place, &Entry) -> Logged<()> + 'a;

/// What could not be read.
#[derive(Debug, Default)]
pub struct Damage {
    /// Lines that are no entries.
    entries: Lost,
    /// Lines that are no texts.
    texts: Lost,
    /// Files and folders that cannot be read.
    unread: Lost,
}

/// How many, and where the first is.
#[derive(Debug, Default)]
struct Lost {
    count: u64,
    first: String,
}

impl Lost {
    fn add(&mut self, count: u64, first: impl FnOnce() -> String) {
        if self.count == 0 && count > 0 {
            self.first = first();
        }
        self.count = self.count.saturating_add(count);
    }

    fn text(&self, what: &str) -> Option<String> {
        let Lost { count, first } = self;
        (*count > 0).then(|| format!("{what}: {count}, the first in {first}"))
    }
}

impl Damage {
    /// Notes a line that is no entry.
    fn entry(&mut self, file: impl FnOnce() -> String) {
        self.entries.add(1, file);
    }

    /// Notes a line that is no text, or one too long to be read.
    pub fn texts(&mut self, file: impl FnOnce() -> String) {
        self.texts.add(1, file);
    }

    /// Notes a file or folder that cannot be read.
    pub fn unread(&mut self, what: impl FnOnce() -> String) {
        self.unread.add(1, what);
    }

    /// Adds what else is damaged of this log.
    pub fn with(mut self, other: Damage) -> Damage {
        self.join(other, |first| first);
        self
    }

    /// Adds what is damaged of another log.
    pub fn add(&mut self, log: LogId, other: Damage) {
        self.join(other, |first| format!("{log}/{first}"));
    }

    fn join(&mut self, other: Damage, name: impl Fn(String) -> String) {
        let Damage { entries, texts, unread } = other;
        for (to, lost) in [(&mut self.entries, entries), (&mut self.texts, texts), (&mut self.unread, unread)] {
            to.add(lost.count, || name(lost.first));
        }
    }

    /// For administrators; `None` if all is well.
    pub fn text(&self) -> Option<String> {
        let parts = [
            self.entries.text("lines of the audit log that are no entries"),
            self.texts.text("lines of the audit log's texts that cannot be read"),
            self.unread.text("parts of the audit log that cannot be read"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("{}; splitplane.verify_audit() says more", parts.join("; ")))
    }
}

/// Calls `body` with each entry that is there, in order, and `between` at each line. Gives what could not be read as an entry.
pub fn each(log: LogId, between: impl Fn(), body: &mut EachEntry<'_>) -> Logged<Damage> {
    let folder = files::folder(log);
    let mut damage = Damage::default();
    for first in segments(&folder)? {
        let file = match File::open(folder.join(entries_name(first))) {
            Ok(file) => file,
            // Removed by age meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        let mut lines = Lines::new(&file);
        while let Some(line) = lines.next_of_any_length()? {
            between();
            match line {
                Line::Whole(line) => match parse_line(&line) {
                    Ok((place, entry)) => body(first, &line, &place, &entry)?,
                    Err(_) => damage.entry(|| entries_name(first)),
                },
                Line::TooLong(_) => damage.entry(|| entries_name(first)),
                // The server may be writing it.
                Line::Torn => {}
            }
        }
    }
    Ok(damage)
}

/// The lines of a file, none longer in memory than an entry or texts can be.
pub struct Lines<R> {
    reader: BufReader<R>,
    /// Bytes of a line that is read, with its newline.
    most: u64,
}

/// A line.
pub enum Line {
    /// Without its newline.
    Whole(Vec<u8>),
    /// Too long to be read; it was passed over. Bytes without its newline.
    TooLong(u64),
    /// The last one, without a newline.
    Torn,
}

impl<R: Read> Lines<R> {
    /// Of a file of entries, from where it stands.
    pub fn new(file: R) -> Self {
        Lines { reader: BufReader::with_capacity(1 << 16, file), most: 8 * MAX_LINE_BYTES as u64 }
    }

    /// Of a file of texts, from where it stands.
    pub fn of_texts(file: R) -> Self {
        Lines { most: MAX_TEXT_BYTES as u64, ..Lines::new(file) }
    }

    /// The next line without its newline; `None` at the end, where a line is not ended, and where one is too long.
    pub fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(match self.next_of_any_length()? {
            Some(Line::Whole(line)) => Some(line),
            Some(Line::TooLong(_) | Line::Torn) | None => None,
        })
    }

    /// The next line, whatever it is; `None` at the end.
    pub fn next_of_any_length(&mut self) -> io::Result<Option<Line>> {
        let (mut line, mut passed) = (Vec::new(), 0_u64);
        loop {
            self.reader.by_ref().take(self.most).read_until(b'\n', &mut line)?;
            let is_ended = line.pop_if(|last| *last == b'\n').is_some();
            let length = passed.saturating_add(line.len() as u64);
            if is_ended {
                return Ok(Some(if passed == 0 { Line::Whole(line) } else { Line::TooLong(length) }));
            }
            if (line.len() as u64) < self.most {
                return Ok((length > 0).then_some(Line::Torn));
            }
            passed = length;
            line.clear();
        }
    }
}
