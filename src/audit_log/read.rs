//! Reads the log for administrators.

use super::failure::{Failure, Logged};
use super::recovery::{Damage, Line, Lines};
use super::state::{STATE, State, Status};
use super::{calls, files, keys, made, notes, open, recovery, write};
use crate::audit::export::{self, Export};
use crate::audit::files::texts_name;
use crate::audit::text::{KeptTexts, is_erased};
use crate::audit::verify::{self, Finding};
use crate::audit::{Entry, Event, LogId, Place, leaf_hash};
use crate::pgx::{interrupts, server};
use crate::settings::audit::{self as settings, Audit};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// An entry as it is shown.
pub struct Shown {
    /// Where it stands.
    pub place: Place,
    /// What it says.
    pub entry: Entry,
    /// Its leaf hash.
    pub hash: [u8; 32],
    /// The question, if it is kept.
    pub question: Option<String>,
    /// The SQL, if it is kept.
    pub sql: Option<String>,
}

/// Which entries are wanted; moments in microseconds since 1970.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Not before it.
    pub since: Option<i64>,
    /// Before it.
    pub until: Option<i64>,
    /// Of a tenant.
    pub tenant: Option<&'a str>,
}

/// Gives entries of the current database, and of the server itself, in order; and what could not be read.
pub fn entries(wanted: Wanted<'_>, show: &mut dyn FnMut(Shown)) -> Logged<Damage> {
    let Some(log) = open::begun()? else { return Ok(Damage::default()) };
    let mut texts = Texts::new(log);
    let database = server::database_oid();
    let damage = recovery::each(log, interrupts::check, &mut |first, line, place, entry| {
        if wanted.until.is_some_and(|until| place.at >= until) {
            // A clock may have been set back, so that earlier ones can follow.
            return Ok(());
        }
        let is_here = entry.database.as_ref().is_none_or(|of| of.oid == database);
        let is_of_tenant = wanted.tenant.is_none_or(|tenant| entry.tenant.as_deref() == Some(tenant));
        if !is_here || !is_of_tenant || wanted.since.is_some_and(|since| place.at < since) {
            return Ok(());
        }
        let kept = [entry.question, entry.sql].iter().flatten().any(|hash| hash.kept);
        let found = if kept { texts.of(first, place.sequence)? } else { None };
        let (question, sql) = found.map_or((None, None), |texts| (texts.question.clone(), texts.sql.clone()));
        show(Shown { place: *place, entry: entry.clone(), hash: leaf_hash(line), question, sql });
        Ok(())
    })?;
    Ok(damage.with(texts.damage))
}

/// The texts of one file at a time.
struct Texts {
    log: LogId,
    damage: Damage,
    /// The number that the file begins with.
    first: Option<u64>,
    /// What was read of it, in bytes.
    read: u64,
    by_sequence: HashMap<u64, KeptTexts>,
}

impl Texts {
    fn new(log: LogId) -> Self {
        Texts { log, damage: Damage::default(), first: None, read: 0, by_sequence: HashMap::new() }
    }

    /// The texts of an entry, of which the file begins with `first`.
    fn of(&mut self, first: u64, sequence: u64) -> Logged<Option<&KeptTexts>> {
        if self.first != Some(first) {
            (self.first, self.read) = (Some(first), 0);
            self.by_sequence.clear();
        }
        // Texts that were erased are never found: only what was added since is read for them.
        if !self.by_sequence.contains_key(&sequence) {
            self.read_on(first)?;
        }
        Ok(self.by_sequence.get(&sequence))
    }

    fn read_on(&mut self, first: u64) -> Logged<()> {
        let mut file = match File::open(files::folder(self.log).join(texts_name(first))) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if file.metadata()?.len() <= self.read {
            return Ok(());
        }
        io::Seek::seek(&mut file, io::SeekFrom::Start(self.read))?;
        let mut lines = Lines::of_texts(&file);
        while let Some(line) = lines.next_of_any_length()? {
            interrupts::check();
            let length = match line {
                Line::Whole(line) => {
                    match KeptTexts::parse(&line) {
                        Some((sequence, texts)) => drop(self.by_sequence.insert(sequence, texts)),
                        None if is_erased(&line) => {}
                        None => self.damage.texts(|| texts_name(first)),
                    }
                    line.len() as u64
                }
                Line::TooLong(length) => {
                    self.damage.texts(|| texts_name(first));
                    length
                }
                // The server may be writing it.
                Line::Torn => break,
            };
            self.read = self.read.saturating_add(length).saturating_add(1);
        }
        Ok(())
    }
}

/// Verifies the log that the server writes to, with a note that was kept elsewhere if there is one.
pub fn verify(checkpoint: Option<&str>, found: &mut dyn FnMut(Finding)) -> Logged<()> {
    let log = open::current()?;
    let signing = keys::signing(log)?;
    let request = verify::Request { key: signing.verifying(), checkpoint, tenant: None };
    let more = verify::More { between: &interrupts::check, ..verify::More::default() };
    match verify::verify_with(&files::folder(log), &request, &more, found) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::other(error.to_string())),
    }
}

/// The entries of a tenant of the current database with their proofs, as lines.
pub fn export(tenant: &str) -> Logged<String> {
    let (checkpoint, head) = notes::of_log_and_tenant(calls::database(), tenant)?;
    let log = open::current()?;
    let signing = keys::signing(log)?;
    let what = Export {
        key: signing.verifying(),
        database: Some(server::database_oid()),
        tenant,
        checkpoint: &checkpoint,
        head: Some(&head),
    };
    let mut text = Vec::new();
    export::export(&files::folder(log), &what, &mut text).map_err(|error| Failure::other(error.to_string()))?;
    String::from_utf8(text).map_err(|error| Failure::other(error.to_string()))
}

/// How the log is, for `doctor()` and the views.
pub struct Health {
    /// Whether calls are recorded.
    pub mode: Audit,
    /// As it is in shared memory.
    pub state: State,
    /// Bytes that it may take.
    pub most: Option<u64>,
}

/// How the log is at this moment; `None` in a library that was not preloaded.
pub fn health() -> Option<Health> {
    let state = *STATE.lock()?;
    Some(Health { mode: settings::audit(), state, most: settings::audit_max_size() })
}

impl Health {
    /// Whether it could not be opened.
    pub fn has_failed(&self) -> bool {
        matches!(self.state.status, Status::Failed(_))
    }
}

/// The public key of the log, as one line and in PEM.
pub fn public_key() -> Logged<(String, String)> {
    let signing = keys::signing(open::current()?)?;
    Ok((signing.verifying().line(), signing.verifying().spki_pem()))
}

/// Overwrites the texts of a tenant's calls in the current database with blanks, those of one subject or of all, in every log of the
/// directory. Gives of how many entries, and what could not be read.
///
/// # Errors
/// Where the current log cannot be read, before anything is overwritten; and where a text could not be, behind all that could.
pub fn erase(tenant: &str, subject: Option<&str>) -> Logged<(u64, Damage)> {
    let current = open::current()?;
    let whose = Whose { database: server::database_oid(), tenant, subject };
    let mut damage = Damage::default();
    let mut found = Vec::new();
    for log in logs(&mut damage)? {
        match texts_of(log, whose, log == current, &mut found) {
            Ok(of) if log == current => damage = damage.with(of),
            Ok(of) => damage.add(log, of),
            Err(failure) if log == current => return Err(failure),
            Err(failure) => damage.unread(|| format!("{log} ({})", failure.text())),
        }
    }
    // Nothing interrupts it from here on: what was erased has its entry.
    let (mut erased, mut failed) = (0_u64, None);
    for (path, places) in found {
        if let Err(error) = overwrite(&path, &places, &mut erased) {
            failed = failed.or(Some(Failure::other(format!("{}: {error}", path.display()))));
        }
    }
    let details = made::object(json!({"tenant": tenant, "subject": subject, "entries": erased}));
    let entry = Entry { database: Some(calls::database()), ..made::server_entry(Event::Erased, details)? };
    write::append(&entry, None)?;
    failed.map_or(Ok((erased, damage)), Err)
}

/// Whose texts are to be erased.
#[derive(Clone, Copy)]
struct Whose<'a> {
    database: u32,
    tenant: &'a str,
    subject: Option<&'a str>,
}

/// Lines of texts: where each begins, and its bytes without the newline.
type Places = Vec<(u64, usize)>;

/// The logs of the directory: a server that begins another leaves the one before where it is.
fn logs(damage: &mut Damage) -> Logged<Vec<LogId>> {
    let mut logs = Vec::new();
    for entry in fs::read_dir(files::directory())? {
        let entry = entry?;
        let Some(log) = entry.file_name().to_str().and_then(LogId::parse) else { continue };
        match fs::metadata(entry.path()) {
            Ok(metadata) if metadata.is_dir() => logs.push(log),
            Ok(_) => {}
            Err(error) => damage.unread(|| format!("{log} ({error})")),
        }
    }
    Ok(logs)
}

/// Adds where the texts of a log are.
fn texts_of(log: LogId, whose: Whose<'_>, is_written: bool, found: &mut Vec<(PathBuf, Places)>) -> Logged<Damage> {
    let mut wanted = HashSet::new();
    let mut damage = recovery::each(log, interrupts::check, &mut |_, _, place, entry| {
        let is_theirs = entry.database.as_ref().is_some_and(|of| of.oid == whose.database)
            && entry.tenant.as_deref() == Some(whose.tenant)
            && whose.subject.is_none_or(|subject| entry.subject.as_deref() == Some(subject));
        if is_theirs && [entry.question, entry.sql].iter().flatten().any(|text| text.kept) {
            wanted.insert(place.sequence);
        }
        Ok(())
    })?;
    let folder = files::folder(log);
    let firsts = recovery::segments(&folder)?;
    for first in &firsts {
        let path = folder.join(texts_name(*first));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        let (mut lines, mut offset, mut places) = (Lines::of_texts(&file), 0_u64, Places::new());
        while let Some(line) = lines.next_of_any_length()? {
            interrupts::check();
            let length = match line {
                Line::Whole(line) => {
                    match KeptTexts::parse(&line) {
                        Some((sequence, _)) if wanted.contains(&sequence) => places.push((offset, line.len())),
                        Some(_) => {}
                        None if is_erased(&line) => {}
                        // Whose it is cannot be told.
                        None => damage.texts(|| texts_name(*first)),
                    }
                    line.len() as u64
                }
                Line::TooLong(length) => {
                    damage.texts(|| texts_name(*first));
                    length
                }
                // The server may be writing it.
                Line::Torn if is_written && firsts.last() == Some(first) => break,
                Line::Torn => {
                    damage.texts(|| texts_name(*first));
                    break;
                }
            };
            offset = offset.saturating_add(length).saturating_add(1);
        }
        if !places.is_empty() {
            found.push((path, places));
        }
    }
    Ok(damage)
}

/// Overwrites texts with blanks, durably.
fn overwrite(path: &Path, places: &[(u64, usize)], erased: &mut u64) -> io::Result<()> {
    let file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        // Removed by age meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for (offset, length) in places {
        file.write_all_at(crate::audit::text::erased(*length).as_bytes(), *offset)?;
        *erased = erased.saturating_add(1);
    }
    file.sync_all()
}
