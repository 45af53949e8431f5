//! What an earlier life of the server left of a log: reads its end, cuts off half an entry, and adds hashes that are missing.
//!
//! Nothing that was written whole is changed. Where the files contradict one another the log is left as it is, for whoever looks
//! into it, and another is begun.

use super::failure::{Failure, Logged};
use super::state::{DAY, Segment};
use super::{files, heads};
use crate::audit::entry::MAX_LINE_BYTES;
use crate::audit::files::{HASHES, NOTES, entries_first, entries_name, texts_name};
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
    pub cut: Option<Cut>,
}

/// Half an entry that was cut off.
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

/// Reads the end of a log.
pub fn read(log: LogId) -> Result<Left, Problem> {
    let folder = files::folder(log);
    let Some(first) = segments(&folder)?.last().copied() else { return altered("it has no file of entries") };
    let hashes = files::open(&folder.join(HASHES))?;
    let hashed = hashes.metadata()?.len() / 32;
    hashes.set_len(hashed.saturating_mul(32))?;
    if hashed < first {
        return altered(format!("it has {hashed} hashes, and its newest file begins with entry {first}"));
    }
    let mut frontier = frontier(&folder, &hashes, first)?;
    let (mut whole, mut day) = (0_u64, None);
    let entries = files::open(&folder.join(entries_name(first)))?;
    let mut lines = Lines::new(&entries);
    while let Some(line) = lines.next()? {
        let sequence = frontier.size();
        let Ok((place, _)) = parse_line(&line) else { break };
        let leaf = leaf_hash(&line);
        if place.sequence != sequence {
            return altered(format!("entry {sequence} is missing"));
        }
        if sequence >= hashed {
            hashes.write_all_at(&leaf, sequence.saturating_mul(32))?;
        } else if hash(&hashes, sequence)? != leaf {
            return altered(format!("entry {sequence} is not the one that was written"));
        }
        frontier.push(leaf);
        whole = whole.saturating_add(line.len() as u64).saturating_add(1);
        day.get_or_insert(place.at.div_euclid(DAY));
    }
    let size = frontier.size();
    if hashed > size {
        return altered(format!("entries from {size} on are missing"));
    }
    let noted = noted(&folder, log)?;
    if noted > size {
        return altered(format!("it has {size} entries, and a note of {noted} was signed"));
    }
    let length = entries.metadata()?.len();
    let cut = (length > whole).then(|| Cut { file: entries_name(first), bytes: length.saturating_sub(whole) });
    if cut.is_some() {
        entries.set_len(whole)?;
    }
    entries.sync_data()?;
    hashes.sync_data()?;
    let texts = cut_texts(&folder.join(texts_name(first)), size)?;
    let day = day.unwrap_or_else(|| crate::pgx::server::now_microseconds().div_euclid(DAY));
    Ok(Left { frontier, segment: Segment { first, bytes: whole, texts, day }, noted, cut })
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

/// The tree over the first `size` hashes: as it was written down, if it is of that size, else from the hashes.
fn frontier(folder: &Path, hashes: &File, size: u64) -> Result<Frontier, Problem> {
    let written = fs::read(folder.join(FRONTIER)).ok().and_then(|bytes| Frontier::from_bytes(&bytes));
    if let Some(written) = written.filter(|written| written.size() == size) {
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
    let notes = match fs::read_to_string(folder.join(NOTES)) {
        Ok(notes) => notes,
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

/// Cuts off texts of entries that are not there, and half a line. Gives what is left, in bytes.
fn cut_texts(path: &Path, size: u64) -> io::Result<u64> {
    let file = match fs::OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut whole = 0_u64;
    let mut lines = Lines::new(&file);
    while let Some(line) = lines.next()? {
        let is_known = match crate::audit::text::KeptTexts::parse(&line) {
            Some((sequence, _)) => sequence < size,
            None => crate::audit::text::is_erased(&line),
        };
        if !is_known {
            break;
        }
        whole = whole.saturating_add(line.len() as u64).saturating_add(1);
    }
    file.set_len(whole)?;
    Ok(whole)
}

/// The last entry of each tenant, as the files that are there have them.
pub fn last_of_each(log: LogId) -> Logged<Vec<(Hash, Link)>> {
    let mut last = HashMap::new();
    let damage = each(log, &mut |line, place, entry| {
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

/// Takes the line of an entry, its place, and what it says.
type EachEntry<'a> = dyn FnMut(&[u8], &Place, &Entry) -> Logged<()> + 'a;

/// Lines that are no entries.
#[derive(Debug, Default)]
pub struct Damage {
    lines: u64,
    /// Where the first is.
    file: String,
}

impl Damage {
    fn note(&mut self, file: String) {
        self.lines = self.lines.saturating_add(1);
        if self.lines == 1 {
            self.file = file;
        }
    }

    /// For administrators; `None` if all is well.
    pub fn text(&self) -> Option<String> {
        let Damage { lines, file } = self;
        (*lines > 0).then(|| {
            format!(
                "lines of the audit log that are no entries: {lines}, the first in {file}; splitplane.verify_audit() says more"
            )
        })
    }
}

/// Calls `body` with each entry that is there, in order. Gives what could not be read as one.
pub fn each(log: LogId, body: &mut EachEntry<'_>) -> Logged<Damage> {
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
        while let Some(line) = lines.next()? {
            match parse_line(&line) {
                Ok((place, entry)) => body(&line, &place, &entry)?,
                Err(_) => damage.note(entries_name(first)),
            }
        }
        if lines.is_cut_short {
            damage.note(entries_name(first));
        }
    }
    Ok(damage)
}

/// The whole lines of a file, none longer than an entry can be.
pub struct Lines<R> {
    reader: BufReader<R>,
    /// A line was too long, and what follows is not read.
    is_cut_short: bool,
}

impl<R: Read> Lines<R> {
    /// From where it stands.
    pub fn new(file: R) -> Self {
        Lines { reader: BufReader::with_capacity(1 << 16, file), is_cut_short: false }
    }

    /// The next line without its newline; `None` at the end and where a line is not ended.
    pub fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        const MOST: usize = 8 * MAX_LINE_BYTES;
        let mut line = Vec::new();
        self.reader.by_ref().take(MOST as u64).read_until(b'\n', &mut line)?;
        self.is_cut_short = line.len() == MOST && !line.ends_with(b"\n");
        Ok(line.pop_if(|last| *last == b'\n').map(|_| line))
    }
}
