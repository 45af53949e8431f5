//! Signed notes: of the whole log after each hour, at a stop and on request, and of one tenant's last entry on request.

use super::failure::{Failure, Logged};
use super::files::{self, At};
use super::state::{HOUR, STATE, State, Status};
use super::{heads, keys, made, open, write};
use crate::audit::files::NOTES;
use crate::audit::{Checkpoint, Database, Event, Link, LogId, TenantHead};
use crate::pgx::pg_try::log;
use crate::pgx::section::process_end;
use crate::pgx::server;
use crate::settings::audit as settings;
use serde_json::json;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Signs the log as it is; all that is under the note is on disk before.
pub fn checkpoint() -> Logged<String> {
    let copy = opened()?;
    write::flush(copy.log, copy.frontier.size())?;
    let note = sign(&copy, keep_shared)?;
    if let Some(mut state) = STATE.lock()
        && state.log == copy.log
    {
        state.noted.size = state.noted.size.max(copy.frontier.size());
        state.noted.hour = server::now_microseconds().div_euclid(HOUR);
    }
    let root = hex::encode(copy.frontier.root());
    let details = made::object(json!({"size": copy.frontier.size(), "root": root}));
    write::append(&made::server_entry(Event::Checkpoint, details)?, None)?;
    Ok(note)
}

/// Signs a tenant's last entry.
pub fn of_tenant(database: Database, tenant: &str) -> Logged<String> {
    let (copy, last) = at_tenant(database.oid, tenant)?;
    sign_head(&copy, database, tenant, last)
}

/// Signs the log and a tenant's last entry at one moment.
pub fn of_log_and_tenant(database: Database, tenant: &str) -> Logged<(String, String)> {
    let (copy, last) = at_tenant(database.oid, tenant)?;
    Ok((sign(&copy, keep_shared)?, sign_head(&copy, database, tenant, last)?))
}

/// The log as it is at this moment, on disk, and a tenant's last entry in it.
fn at_tenant(database: u32, tenant: &str) -> Logged<(State, Link)> {
    let (copy, last) = {
        let mut locked = STATE.lock().ok_or_else(not_preloaded)?;
        open::ensure(&mut locked)?;
        let key = heads::key(database, tenant);
        let found = files::with(At::now(&locked), |files| Ok(heads::find(&files.heads, &locked.heads, &key)?))?;
        (*locked, found.1)
    };
    let last = last.ok_or_else(|| Failure::other("the tenant has no entry in the log"))?;
    write::flush(copy.log, copy.frontier.size())?;
    Ok((copy, last))
}

fn sign_head(copy: &State, database: Database, tenant: &str, last: Link) -> Logged<String> {
    let head = TenantHead { log: copy.log, database, tenant: tenant.to_owned(), last, size: copy.frontier.size() };
    let note = keys::signing(copy.log)?.sign(&head.text());
    keep_shared(copy.log, &note)?;
    Ok(note)
}

/// The log as it is at this moment, open.
pub fn opened() -> Logged<State> {
    let mut locked = STATE.lock().ok_or_else(not_preloaded)?;
    open::ensure(&mut locked)?;
    Ok(*locked)
}

fn not_preloaded() -> Failure {
    Failure::other(write::UNREACHABLE)
}

/// Called after each entry: by the first call of an hour, if there is anything new.
pub fn if_due() {
    let now = server::now_microseconds().div_euclid(HOUR);
    let is_due = STATE.lock().is_some_and(|mut state| {
        let is_due =
            state.status == Status::Open && state.noted.hour != now && state.frontier.size() > state.noted.size;
        if is_due {
            // Nobody else does it meanwhile.
            state.noted.hour = now;
        }
        is_due
    });
    if is_due && let Err(failure) = checkpoint() {
        log(&format!("the audit log could not be signed: {}", failure.text()));
    }
}

/// Signs a log as it was at a moment, and has `keep` keep the note.
fn sign(copy: &State, keep: impl FnOnce(LogId, &str) -> Logged<()>) -> Logged<String> {
    let checkpoint = Checkpoint { log: copy.log, size: copy.frontier.size(), root: copy.frontier.root() };
    let note = keys::signing(copy.log)?.sign(&checkpoint.text());
    keep(copy.log, &note)?;
    log(&format!("audit checkpoint: {}", note.trim_end().replace('\n', " | ")));
    Ok(note)
}

/// Keeps a note while other processes may keep theirs.
fn keep_shared(log: LogId, note: &str) -> Logged<()> {
    keep(log, note, || STATE.lock().map(Some).ok_or_else(not_preloaded))
}

/// Keeps a note; it is written with what `lock` gives, and brought to disk without.
fn keep<L>(log: LogId, note: &str, lock: impl Fn() -> Logged<L>) -> Logged<()> {
    let elsewhere = settings::audit_checkpoint_file().map(|file| Path::new(&server::data_directory()).join(file));
    for path in std::iter::once(files::folder(log).join(NOTES)).chain(elsewhere) {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let locked = lock()?;
        let added = files::add_note(&file, note);
        drop(locked);
        added?;
        file.sync_all()?;
    }
    Ok(())
}

/// Has the postmaster sign the log when the server stops in order. Called at each start, also after a crash.
pub fn at_stop() {
    process_end::in_postmaster(|| {
        // A log that could not be opened is tried once more if it does not know yet what it lacks.
        let is_needed = |state: &State| state.status == Status::Open || state.gap.entries > 0;
        let Some(mut state) = STATE.alone().filter(is_needed) else { return };
        if let Err(failure) = stop(&mut state) {
            log(&format!("the audit log could not be closed: {}", failure.text()));
        }
    });
}

/// With nobody else there.
fn stop(state: &mut State) -> Logged<()> {
    open::ensure(state)?;
    write::due_at_stop(state)?;
    write::add(state, &made::server_entry(Event::Stopped, serde_json::Map::new())?, None)?;
    files::with(At::now(state), |files| files.sync())?;
    sign(state, |log, note| keep(log, note, || Ok(())))?;
    Ok(heads::mark_stopped(state.log, &state.heads, state.frontier.size())?)
}
