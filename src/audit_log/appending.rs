//! Adds one entry to the files of the log, and begins other files when a day or enough bytes have gone by.

use super::failure::{Failure, Logged};
use super::files::{self, At};
use super::heads;
use super::recovery::{self, FRONTIER};
use super::state::{DAY, Segment, State};
use crate::audit::files::{entries_name, texts_name};
use crate::audit::text::KeptTexts;
use crate::audit::{Chain, Entry, Link, Place, leaf_hash};
use crate::pgx::pg_try::log;
use crate::pgx::server;
use crate::settings::audit as settings;
use std::fs;
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
    let stored = state.stored.saturating_add(length).saturating_add(PLACE_BYTES);
    if settings::audit_max_size().is_some_and(|most| stored > most) {
        return Err(Failure::Full("it has the size that splitplane.audit_max_size allows".to_owned()));
    }
    let at = server::now_microseconds();
    let day = at.div_euclid(DAY);
    if state.segment.first < sequence && (state.segment.bytes >= SEGMENT_BYTES || state.segment.day < day) {
        begin_segment(state, at)?;
    }
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
        if let Some(texts) = &texts {
            files::add(files.texts()?, state.segment.texts, texts.as_bytes(), "texts")?;
        }
        let written = files::add(&files.entries, state.segment.bytes, line.as_bytes(), "entries").and_then(|()| {
            let hashes = sequence.saturating_mul(32);
            files::add(&files.hashes, hashes, &hash, "hashes").inspect_err(|_| {
                drop(files.entries.set_len(state.segment.bytes));
            })
        });
        if written.is_err() && texts.is_some() {
            drop(files.texts()?.set_len(state.segment.texts));
        }
        written?;
        let link = Link { sequence, hash };
        if let Some((index, key)) = head {
            heads::put(&files.heads, index, key, link)?;
        }
        Ok((link, line, matches!(chain, Chain::First)))
    })?;
    state.frontier.push(link.hash);
    let written = line.len().saturating_add(32).saturating_add(texts.as_ref().map_or(0, String::len));
    state.segment.bytes = state.segment.bytes.saturating_add(line.len() as u64);
    state.segment.texts = state.segment.texts.saturating_add(texts.as_ref().map_or(0, String::len) as u64);
    state.stored = state.stored.saturating_add(written as u64);
    if is_new {
        state.heads.count = state.heads.count.saturating_add(1);
        if heads::is_crowded(state.heads.capacity, state.heads.count) {
            let all = files::with(At::now(state), |files| Ok(heads::all(&files.heads, &state.heads)?))?;
            state.heads = heads::write(state.log, &all, state.heads.generation.saturating_add(1))?;
        }
    }
    Ok(link)
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
    if let Some(days) = settings::audit_retention() {
        remove_older(state, at.saturating_sub(days.saturating_mul(DAY)))?;
    }
    Ok(())
}

/// Removes files whose last entry is older than a moment; hashes and the newest file stay.
fn remove_older(state: &mut State, moment: i64) -> Logged<()> {
    let folder = files::folder(state.log);
    for first in recovery::segments(&folder)? {
        let entries = folder.join(entries_name(first));
        let metadata = fs::metadata(&entries)?;
        let changed = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).map_err(io::Error::other)?;
        if first == state.segment.first || i64::try_from(changed.as_micros()).unwrap_or(i64::MAX) >= moment {
            break;
        }
        for path in [folder.join(texts_name(first)), entries] {
            let length = fs::metadata(&path).map(|metadata| metadata.len()).unwrap_or_default();
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => state.stored = state.stored.saturating_sub(length),
            }
        }
        log(&format!("the audit log's entries from {first} on were removed by age"));
    }
    Ok(files::sync_folder(&folder)?)
}
