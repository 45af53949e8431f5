//! Reads the log for administrators.

use super::failure::{Failure, Logged};
use super::recovery::Damage;
use super::state::{STATE, State, Status};
use super::{calls, files, keys, made, notes, open, recovery, write};
use crate::audit::export::{self, Export};
use crate::audit::files::{entries_name, texts_name};
use crate::audit::text::KeptTexts;
use crate::audit::verify::{self, Finding};
use crate::audit::{Entry, Event, LogId, Place, leaf_hash};
use crate::pgx::server;
use crate::settings::audit::{self as settings, Audit};
use serde_json::json;
use std::collections::HashMap;
use std::fs::File;
use std::io;

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
    recovery::each(log, &mut |line, place, entry| {
        if wanted.until.is_some_and(|until| place.at >= until) {
            // A clock may have been set back, so that earlier ones can follow.
            return Ok(());
        }
        let is_here = entry.database.as_ref().is_none_or(|of| of.oid == database);
        let is_of_tenant = wanted.tenant.is_none_or(|tenant| entry.tenant.as_deref() == Some(tenant));
        if !is_here || !is_of_tenant || wanted.since.is_some_and(|since| place.at < since) {
            return Ok(());
        }
        let kept = |hash: &Option<crate::audit::entry::TextHash>| hash.is_some_and(|hash| hash.kept);
        let found = if kept(&entry.question) || kept(&entry.sql) { texts.of(place.sequence)? } else { None };
        let (question, sql) = found.map_or((None, None), |texts| (texts.question.clone(), texts.sql.clone()));
        show(Shown { place: *place, entry: entry.clone(), hash: leaf_hash(line), question, sql });
        Ok(())
    })
}

/// The texts of one file at a time.
struct Texts {
    log: LogId,
    known: Option<(u64, HashMap<u64, KeptTexts>)>,
}

impl Texts {
    fn new(log: LogId) -> Self {
        Texts { log, known: None }
    }

    fn of(&mut self, sequence: u64) -> Logged<Option<&KeptTexts>> {
        let folder = files::folder(self.log);
        let firsts = recovery::segments(&folder)?;
        let first = firsts.into_iter().rfind(|first| *first <= sequence).unwrap_or_default();
        let is_known =
            self.known.as_ref().is_some_and(|(known, texts)| *known == first && texts.contains_key(&sequence));
        if !is_known {
            self.known = Some((first, read_texts(&folder.join(texts_name(first)))?));
        }
        Ok(self.known.as_ref().and_then(|(_, texts)| texts.get(&sequence)))
    }
}

fn read_texts(path: &std::path::Path) -> io::Result<HashMap<u64, KeptTexts>> {
    let mut all = HashMap::new();
    match File::open(path) {
        Ok(file) => {
            let mut lines = recovery::Lines::new(&file);
            while let Some(line) = lines.next()? {
                all.extend(KeptTexts::parse(&line));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(all)
}

/// Verifies the log that the server writes to, with a note that was kept elsewhere if there is one.
pub fn verify(checkpoint: Option<&str>, found: &mut dyn FnMut(Finding)) -> Logged<()> {
    let log = open::current()?;
    let signing = keys::signing(log)?;
    let request = verify::Request { key: signing.verifying(), checkpoint, tenant: None };
    match verify::verify(&files::folder(log), &request, found) {
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

/// Overwrites the texts of a tenant's calls in the current database with blanks, those of one subject or of all. Gives how many, and
/// what could not be read.
pub fn erase(tenant: &str, subject: Option<&str>) -> Logged<(u64, Damage)> {
    use std::os::unix::fs::FileExt;
    let log = open::current()?;
    let database = server::database_oid();
    let mut wanted = std::collections::HashSet::new();
    let damage = recovery::each(log, &mut |_, place, entry| {
        let is_theirs = entry.database.as_ref().is_some_and(|of| of.oid == database)
            && entry.tenant.as_deref() == Some(tenant)
            && subject.is_none_or(|subject| entry.subject.as_deref() == Some(subject));
        if is_theirs && [entry.question, entry.sql].iter().flatten().any(|text| text.kept) {
            wanted.insert(place.sequence);
        }
        Ok(())
    })?;
    let folder = files::folder(log);
    let mut erased = 0_u64;
    for first in recovery::segments(&folder)? {
        let path = folder.join(texts_name(first));
        if !path.exists() || !folder.join(entries_name(first)).exists() {
            continue;
        }
        let file = files::open(&path)?;
        let (mut lines, mut offset) = (recovery::Lines::new(&file), 0_u64);
        while let Some(line) = lines.next()? {
            if KeptTexts::parse(&line).is_some_and(|(sequence, _)| wanted.contains(&sequence)) {
                file.write_all_at(crate::audit::text::erased(line.len()).as_bytes(), offset)?;
                erased = erased.saturating_add(1);
            }
            offset = offset.saturating_add(line.len() as u64).saturating_add(1);
        }
        file.sync_all()?;
    }
    let details = made::object(json!({"tenant": tenant, "subject": subject, "entries": erased}));
    let entry = Entry { database: Some(calls::database()), ..made::server_entry(Event::Erased, details)? };
    write::append(&entry, None)?;
    Ok((erased, damage))
}
