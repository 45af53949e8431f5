//! Adds one entry to the files of the log, and begins other files when a day or enough bytes have gone by.

use super::failure::{Failure, Logged};
use super::files::{self, At, Files};
use super::heads;
use super::recovery::{self, FRONTIER};
use super::state::{DAY, Segment, State};
use crate::audit::files::{entries_name, texts_name};
use crate::audit::text::KeptTexts;
use crate::audit::{Chain, Entry, Link, LogId, Place, leaf_hash};
use crate::pgx::pg_try::log;
use crate::pgx::server;
use crate::settings::audit as settings;
use std::fs::{self, File};
use std::io;

/// Bytes after which another file is begun.
const SEGMENT_BYTES: u64 = 64 * 1_048_576;
/// Bytes that an entry's place takes at most.
const PLACE_BYTES: u64 = 256;

/// Adds an entry with the log's lock held.
pub fn add(state: &mut State, entry: &Entry, texts: Option<&KeptTexts>) -> Logged<Link> {
    let body = entry.body();
    let sequence = state.frontier.size();
    let texts = texts.map(|texts| texts.line(sequence) + "\n");
    let length = body.len().saturating_add(texts.as_ref().map_or(0, String::len)) as u64;
    let at = server::now_microseconds();
    let day = at.div_euclid(DAY);
    let is_new_day = state.segment.day < day;
    if is_new_day {
        // First of all, since it makes room, and another file wants some.
        remove_by_age(state, at);
    }
    if state.segment.first < sequence && (state.segment.bytes >= SEGMENT_BYTES || is_new_day) {
        begin_segment(state, at)?;
        // The file before may have been the only one.
        remove_by_age(state, at);
    } else if is_new_day {
        state.segment.day = day;
    }
    room(state.stored, length.saturating_add(PLACE_BYTES))?;
    let key = entry.chain_key().map(|(database, tenant)| heads::key(database, tenant));
    let (link, line, is_new) = files::with(At::now(state), |files| {
        let mut chain = Chain::None;
        let mut head = None;
        if let Some(key) = key {
            let (index, known) = heads::find(&files.heads, &state.heads, &key)?;
            chain = known.map_or(Chain::First, Chain::After);
            head = Some((index, key));
        }
        let line = Place { sequence, at, chain }.line(&body) + "\n";
        let hash = leaf_hash(line.trim_end_matches('\n').as_bytes());
        let link = Link { sequence, hash };
        if texts.is_some() {
            files.open_texts()?;
        }
        let mut done = Vec::new();
        let written = write(files, state, texts.as_deref(), &line, link, &mut done).and_then(|()| match head {
            Some((index, key)) => Ok(heads::put(&files.heads, index, key, link)?),
            None => Ok(()),
        });
        if written.is_err() {
            // All of it or nothing. A file that somebody else has changed is left as it is.
            done.into_iter().for_each(|(file, length)| drop(file.set_len(length)));
        }
        written?;
        Ok((link, line, matches!(chain, Chain::First)))
    })?;
    state.frontier.push(link.hash);
    let written = line.len().saturating_add(32).saturating_add(texts.as_ref().map_or(0, String::len));
    state.segment.bytes = state.segment.bytes.saturating_add(line.len() as u64);
    state.segment.texts = state.segment.texts.saturating_add(texts.as_ref().map_or(0, String::len) as u64);
    state.stored = state.stored.saturating_add(written as u64);
    if is_new {
        state.heads.count = state.heads.count.saturating_add(1);
        if heads::is_crowded(state.heads.capacity, state.heads.count)
            && let Err(failure) = make_room(state)
        {
            // The entry is written. There is room for some more, and the next one tries again.
            log(&format!("the audit log's file of last entries could not be made larger: {}", failure.text()));
        }
    }
    Ok(link)
}

/// Whether there is room for so many bytes more.
pub fn room(stored: u64, bytes: u64) -> Logged<()> {
    match settings::audit_max_size() {
        Some(most) if stored.saturating_add(bytes) > most => {
            Err(Failure::Full("it has the size that splitplane.audit_max_size allows".to_owned()))
        }
        _ => Ok(()),
    }
}

/// Writes text, line and hash behind those that are there; `done` is what was written to, with its length before.
fn write<'f>(
    files: &'f Files,
    state: &State,
    texts: Option<&str>,
    line: &str,
    link: Link,
    done: &mut Vec<(&'f File, u64)>,
) -> Logged<()> {
    let hashes = link.sequence.saturating_mul(32);
    let kept = texts.zip(files.texts()).map(|(texts, file)| (file, state.segment.texts, texts.as_bytes(), "texts"));
    let parts = kept.into_iter().chain([
        (&files.entries, state.segment.bytes, line.as_bytes(), "entries"),
        (&files.hashes, hashes, link.hash.as_slice(), "hashes"),
    ]);
    for (file, length, bytes, name) in parts {
        files::add(file, length, bytes, name)?;
        done.push((file, length));
    }
    Ok(())
}

/// A larger file for the tenants' last entries.
fn make_room(state: &mut State) -> Logged<()> {
    let all = files::with(At::now(state), |files| Ok(heads::all(&files.heads, &state.heads)?))?;
    state.heads = heads::write(state.log, &all, state.heads.generation.saturating_add(1))?;
    Ok(())
}

/// Another file for the entries from now on. Those before are on disk, and so is the tree over them.
fn begin_segment(state: &mut State, at: i64) -> Logged<()> {
    files::with(At::now(state), |files| {
        files.sync()?;
        Ok(files.heads.sync_data()?)
    })?;
    state.durable = state.frontier.size();
    let folder = files::folder(state.log);
    files::replace(&folder.join(FRONTIER), &state.frontier.to_bytes())?;
    let segment = Segment { first: state.frontier.size(), bytes: 0, texts: 0, day: at.div_euclid(DAY) };
    files::begin_segment(state.log, segment)?;
    state.segment = segment;
    Ok(())
}

/// Removes what is older than `splitplane.audit_retention`, also of logs that were given up: they count as well.
pub fn remove_by_age(state: &mut State, at: i64) {
    let Some(days) = settings::audit_retention() else { return };
    let moment = at.saturating_sub(days.saturating_mul(DAY));
    let removed = files::logs()
        .map_err(Failure::from)
        .and_then(|logs| logs.into_iter().try_for_each(|log| remove_older(state, log, moment)));
    if let Err(failure) = removed {
        log(&format!("old entries of the audit log could not be removed: {}", failure.text()));
    }
}

/// Removes files of a log whose last entry is older than a moment; hashes and the newest file stay.
fn remove_older(state: &mut State, id: LogId, moment: i64) -> Logged<()> {
    let folder = files::folder(id);
    let all = recovery::segments(&folder)?;
    let newest = all.last().copied();
    let mut is_changed = false;
    for first in all {
        let entries = folder.join(entries_name(first));
        let metadata = fs::metadata(&entries)?;
        let changed = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).map_err(io::Error::other)?;
        let is_written_to = Some(first) == newest || (id == state.log && first == state.segment.first);
        if is_written_to || i64::try_from(changed.as_micros()).unwrap_or(i64::MAX) >= moment {
            break;
        }
        for path in [folder.join(texts_name(first)), entries] {
            let length = fs::metadata(&path).map(|metadata| metadata.len()).unwrap_or_default();
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => state.stored = state.stored.saturating_sub(length),
            }
        }
        is_changed = true;
        log(&format!("entries from {first} on of the audit log {id} were removed by age"));
    }
    if is_changed {
        files::sync_folder(&folder)?;
    }
    Ok(())
}
