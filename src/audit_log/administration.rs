//! Entries of administrative functions: one when a function is called, and one when what it did has become final or has gone.

use super::failure::Logged;
use super::write::{self, Written};
use super::{calls, keys, made};
use crate::audit::{Chain, Entry, Event, Place, parse_line};
use crate::error::StageResult;
use crate::pgx::hooks::endings::{self, Ending, Listener};
use crate::pgx::pg_try::log;
use crate::pgx::server;
use crate::settings::audit::{self as settings, Audit};
use serde_json::{Map, Value, json};
use std::cell::RefCell;

/// A call whose transaction runs.
struct Running {
    subtransaction: u32,
    sequence: u64,
}

thread_local! {
    static RUNNING: RefCell<Vec<Running>> = const { RefCell::new(Vec::new()) };
}

/// Who is told of how transactions end.
pub const LISTENER: Listener = Listener {
    transaction,
    rolled_back_to: |own| end(Some(own), "rolled back"),
    released,
    session: calls::session_ended,
};

/// Records a call of an administrative function.
///
/// # Errors
/// 53400 or 55000 where the log is required and cannot be written.
pub fn called(function: &str, arguments: Value) -> StageResult<()> {
    if settings::audit() == Audit::Off {
        calls::tell_off();
        return Ok(());
    }
    let details = json!({
        "function": function,
        "arguments": arguments,
        "role": server::session_user_name(),
        "current_role": server::outer_user_name(),
    });
    let recorded = entry(Event::Administration, made::object(details)).and_then(|entry| {
        let entry = if reads_back(&entry) { entry } else { Entry { details: cut(function), ..entry } };
        write::append(&entry, None)
    });
    if let Ok(Written { link, .. }) = &recorded {
        let running = Running { subtransaction: endings::subtransaction(), sequence: link.sequence };
        RUNNING.with_borrow_mut(|all| all.push(running));
    }
    calls::settled(recorded.map(Some)).map(|_| ())
}

/// Arguments are any JSON, of any depth; a line that its reader refuses would make the whole log one that was changed.
fn reads_back(entry: &Entry) -> bool {
    let line = entry.line(&Place { sequence: 0, at: 0, chain: Chain::None });
    parse_line(line.as_bytes()).is_ok()
}

fn cut(function: &str) -> Map<String, Value> {
    made::object(json!({"function": function, "arguments": "…"}))
}

fn entry(event: Event, details: Map<String, Value>) -> Logged<Entry> {
    let database = Some(calls::database());
    Ok(Entry { database, details, ..Entry::new(event, keys::random()?) })
}

fn transaction(ending: Ending) {
    match ending {
        // What is written at the end comes too late to refuse anything.
        Ending::Committing => {}
        Ending::Committed => end(None, "committed"),
        Ending::RolledBack => end(None, "rolled back"),
        Ending::Prepared => end(None, "prepared"),
    }
}

fn released(own: u32, parent: u32) {
    RUNNING.with_borrow_mut(|all| {
        all.iter_mut().filter(|one| one.subtransaction == own).for_each(|one| one.subtransaction = parent);
    });
}

/// Records how the calls of a subtransaction, or all, have ended.
fn end(subtransaction: Option<u32>, how: &str) {
    let ended: Vec<u64> = RUNNING.with_borrow_mut(|all| {
        let is_ended = |one: &mut Running| subtransaction.is_none_or(|own| own == one.subtransaction);
        all.extract_if(.., is_ended).map(|one| one.sequence).collect()
    });
    if ended.is_empty() {
        return;
    }
    let details = made::object(json!({"entries": ended, "transaction": how}));
    let recorded = entry(Event::AdministrationEnd, details)
        .and_then(|entry| write::append(&entry, None))
        .and_then(|written| write::flush(written.log, written.link.sequence.saturating_add(1)));
    if let Err(failure) = recorded {
        log(&format!(
            "how a transaction of an administrative function ended is not in the audit log: {}",
            failure.text()
        ));
    }
}
