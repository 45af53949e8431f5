//! Adds entries to the log, and brings them to disk for all who wait at once.

use super::failure::{Failure, Logged};
use super::files::{self, At};
use super::state::{Failed, Gap, Refused, STATE, State, Status, Told};
use super::{appending, keys, made, open};
use crate::audit::text::KeptTexts;
use crate::audit::{Entry, Event, Link, LogId};
use crate::pgx::pg_try::log;
use crate::pgx::server;
use crate::pgx::shmem::value::Waited;
use crate::reason::Reason;
use crate::settings::audit as settings;
use serde_json::json;

/// Why the log cannot be locked.
pub const UNREACHABLE: &str = "splitplane is not preloaded, or the call was interrupted while it wrote an entry";
/// Entries of refused calls in one second; further ones are counted.
const REFUSED_A_SECOND: u32 = 10;

/// An entry that was written.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// To this log.
    pub log: LogId,
    /// Number and hash.
    pub link: Link,
}

/// Adds an entry. It can be read from now on, and [`flush`] brings it to disk.
pub fn append(entry: &Entry, texts: Option<&KeptTexts>) -> Logged<Written> {
    within(|state, _| add(state, entry, texts).map(|link| Written { log: state.log, link }))
}

/// Adds an entry of a call that layer 1 has refused; beyond ten in one second it is only counted.
pub fn append_refused(
    entry: &Entry,
    texts: Option<&KeptTexts>,
    reason: Reason,
    key_id: &str,
) -> Logged<Option<Written>> {
    within(|state, second| {
        // Those of another second are written by now.
        if state.refused.second != second {
            state.refused = Refused::none(second);
        }
        if state.refused.single >= REFUSED_A_SECOND {
            state.refused.count(reason, key_id);
            return Ok(None);
        }
        state.refused.single = state.refused.single.saturating_add(1);
        add(state, entry, texts).map(|link| Some(Written { log: state.log, link }))
    })
}

/// Tells an open log that nothing is written to it from now on.
pub fn tell_off() {
    let Some(mut locked) = STATE.lock() else { return };
    let state = &mut *locked;
    if state.status == Status::Open
        && let Err(failure) = tell(state)
    {
        log(&format!("that the audit log is switched off could not be recorded: {}", failure.text()));
    }
}

/// With the log's lock held and the log open, in the second that it is then; what is due is written first. A failure is a gap.
fn within<T>(body: impl FnOnce(&mut State, i64) -> Logged<T>) -> Logged<T> {
    let Some(mut locked) = STATE.lock() else { return Err(Failure::other(UNREACHABLE)) };
    let state = &mut *locked;
    let second = server::now();
    let done = open::ensure(state).and_then(|()| due(state, second)).and_then(|()| body(state, second));
    if let Err(failure) = &done {
        if state.gap.entries == 0 {
            log(&format!("GAP in the audit log: {}", failure.text()));
        }
        let since = if state.gap.entries == 0 { server::now_microseconds() } else { state.gap.since };
        let (entries, total) = (state.gap.entries.saturating_add(1), state.gap.total.saturating_add(1));
        state.gap = Gap { entries, since, total };
    }
    done
}

/// What is due before the server stops: also what was counted in the second that runs.
pub fn due_at_stop(state: &mut State) -> Logged<()> {
    due(state, i64::MAX)
}

/// Entries that stand before the next one: of a gap, of refused calls that were counted before this second, of settings. Each stays
/// due until it is written.
fn due(state: &mut State, second: i64) -> Logged<()> {
    if state.gap.entries > 0 {
        let since = state.gap.since;
        let details = made::object(json!({"entries": state.gap.entries, "seconds_ago": seconds_since(since)}));
        add(state, &made::server_entry(Event::Gap, details)?, None)?;
        log(&format!("the audit log is written again, after a gap of {} entries", state.gap.entries));
        state.gap.entries = 0;
    }
    if state.refused.has_many() && state.refused.second != second {
        let counted = counted(&state.refused);
        add(state, &made::server_entry(Event::RefusedMany, counted)?, None)?;
        state.refused = Refused::none(second);
    }
    tell(state)
}

/// Settings that the log was not told of.
fn tell(state: &mut State) -> Logged<()> {
    let told = [settings::audit() as u8, settings::audit_text() as u8];
    if state.told.settings != told && state.told.read_at < server::reload_time() {
        let details = json!({"audit": settings::audit().as_str(), "audit_text": settings::audit_text().as_str()});
        add(state, &made::server_entry(Event::Setting, made::object(details))?, None)?;
        state.told = Told { settings: told, read_at: server::reload_time() };
    }
    Ok(())
}

fn seconds_since(moment: i64) -> i64 {
    server::now_microseconds().saturating_sub(moment).max(0) / 1_000_000
}

fn counted(refused: &Refused) -> serde_json::Map<String, serde_json::Value> {
    let calls = refused.many.iter().filter(|one| one.count > 0).map(|one| {
        let key: Vec<u8> = one.key.iter().copied().take_while(|byte| *byte != 0).collect();
        json!({"reason": one.reason.as_str(), "key_id": String::from_utf8_lossy(&key), "calls": one.count})
    });
    made::object(json!({"second": refused.second, "calls": calls.collect::<Vec<_>>(), "others": refused.rest}))
}

/// Adds an entry with the log's lock held.
pub fn add(state: &mut State, entry: &Entry, texts: Option<&KeptTexts>) -> Logged<Link> {
    match appending::add(state, entry, texts) {
        Err(failure) if files::is_end(&failure) => {
            give_up(state, &failure)?;
            appending::add(state, entry, texts)
        }
        added => added,
    }
}

/// Begins another log, which names this one and says why. Also where that fails, nothing more is written to this one.
fn give_up(state: &mut State, why: &Failure) -> Logged<()> {
    log(&format!("the audit log {} is given up: {}", state.log, why.text()));
    state.given_up = Some(state.log);
    // Nobody waits for it.
    state.status = Status::Failed(Failed { at: 0, is_full: false });
    let root = hex::encode(state.frontier.root());
    let size = state.frontier.size();
    let found = json!({"log": state.log.to_string(), "why": why.text(), "size": size, "root": root});
    open::begin(state, Some(found))?;
    state.status = Status::Open;
    Ok(())
}

/// Entries below `size` are on disk when it returns. Whoever comes first does it for all who have come by then.
///
/// # Errors
/// Also where the log was given up meanwhile: nobody knows what of it is on disk.
pub fn flush(log: LogId, size: u64) -> Logged<()> {
    let preloaded = || Failure::other(UNREACHABLE);
    loop {
        let is_done = |state: &State| {
            if state.log == log && state.given_up != Some(log) {
                Ok(state.durable >= size)
            } else {
                Err(Failure::other("the log was given up before the entry was known to be on disk"))
            }
        };
        if is_done(&*STATE.lock().ok_or_else(preloaded)?)? {
            return Ok(());
        }
        let _turn = match STATE.turn().ok_or_else(preloaded)? {
            Waited::Turn(turn) => turn,
            Waited::Other => continue,
        };
        let (at, target) = {
            let state = STATE.lock().ok_or_else(preloaded)?;
            if is_done(&state)? {
                return Ok(());
            }
            // Also of those who have come meanwhile.
            (At::now(&state), state.frontier.size())
        };
        let synced = files::with(at, |files| files.sync());
        let mut state = STATE.lock().ok_or_else(preloaded)?;
        is_done(&state)?;
        if let Err(failure) = &synced
            && files::is_end(failure)
            && let Err(other) = give_up(&mut state, failure)
        {
            crate::pgx::pg_try::log(&format!("another audit log could not be begun: {}", other.text()));
        }
        synced?;
        state.durable = state.durable.max(target);
        return Ok(());
    }
}

/// Fresh keys for texts that are kept.
pub fn kept(question: Option<String>, sql: Option<String>) -> Logged<KeptTexts> {
    Ok(KeptTexts { key: keys::random()?, question, sql })
}
