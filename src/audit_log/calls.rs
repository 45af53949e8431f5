//! Entries of calls.

use super::failure::{Failure, Logged};
use super::write::{self, Written};
use super::{keys, notes, reason};
use crate::audit::receipt::{self, RowsHash};
use crate::audit::text::{self, KeptTexts};
use crate::audit::{Database, Entry, Event, FormError, Hash};
use crate::calls::{self, CallRecord, Recorded};
use crate::error::{Refusal, StageResult, State, Words, packed};
use crate::pgx::pg_try::log;
use crate::pgx::server;
use crate::reason::Reason;
use crate::settings::audit::{self as settings, Audit, AuditText};
use crate::statistics;
use std::cell::{Cell, RefCell};

thread_local! {
    /// When the configuration was read in which the log was last found to be off.
    static TOLD: Cell<i64> = const { Cell::new(i64::MIN) };
    /// Of the session, which a renaming does not reach.
    static DATABASE: RefCell<Option<Database>> = const { RefCell::new(None) };
}

/// The database of this session.
pub fn database() -> Database {
    DATABASE.with_borrow_mut(|known| {
        let made = || Database { name: server::database_name(), oid: server::database_oid() };
        known.get_or_insert_with(made).clone()
    })
}

/// What an entry needs of the catalog, which is not there any more when a session is ended in the middle of its call.
pub fn prepare() {
    if settings::audit() != Audit::Off {
        database();
    }
}

/// Records that a question is about to leave the server for a model; it has not when this refuses.
///
/// # Errors
/// 53400 or 55000 where the log is required and cannot be written.
pub fn intent() -> StageResult<()> {
    let is_new = calls::read(|call| !call.is_intent_recorded).unwrap_or(false);
    if settings::audit() == Audit::Off || !is_new {
        return Ok(());
    }
    let recorded = calls::read(|call| entry(Event::Intent, call, None, keys::random()?))
        .unwrap_or_else(|| Err(super::failure::Failure::other("a model is asked outside of a call")))
        .and_then(|(entry, texts)| write::append(&entry, texts.as_ref()));
    calls::note(|call| call.is_intent_recorded = true);
    settled(recorded.map(Some)).map(|_| ())
}

/// Records an answer before it is given, if answers are recorded. `columns` and `rows` are JSON.
///
/// # Errors
/// 53400 or 55000 where the log is required and cannot be written.
pub fn answered(columns: &str, rows: &str) -> StageResult<Option<Written>> {
    if settings::audit() == Audit::Off {
        return Ok(None);
    }
    given(|| {
        let random = keys::random()?;
        Ok((random, receipt::answer_hash(&random, columns, rows).map_err(unhashed)?))
    })
}

/// What takes the rows of an answer, one by one, if answers are recorded. `columns` is JSON.
pub fn rows_hash(columns: &str) -> Option<RowsHash> {
    if settings::audit() == Audit::Off {
        return None;
    }
    // Without random bytes there is no entry either, which is then found out and said.
    keys::random().ok().map(|random| RowsHash::new(random, columns))
}

/// Records rows before they are given, if answers are recorded.
///
/// # Errors
/// 53400 or 55000 where the log is required and cannot be written.
pub fn answered_rows(hash: Option<RowsHash>) -> StageResult<()> {
    if settings::audit() == Audit::Off {
        return Ok(());
    }
    given(|| {
        let hash = hash.ok_or_else(|| Failure::other("the rows of an answer were not hashed"))?;
        Ok((hash.random(), hash.finish().map_err(unhashed)?))
    })
    .map(|_| ())
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err wants it")]
fn unhashed(error: FormError) -> Failure {
    Failure::other(error.to_string())
}

/// Records an answer, of which `hashed` gives the entry's random bytes and the hash that it has under them.
fn given(hashed: impl FnOnce() -> Logged<([u8; 16], Hash)>) -> StageResult<Option<Written>> {
    let recorded = calls::read(|call| {
        let (random, answer) = hashed()?;
        let (mut entry, texts) = entry(Event::Call, call, None, random)?;
        entry.answer = Some(answer);
        write::append(&entry, texts.as_ref())
    });
    let recorded = recorded.transpose();
    let is_written = matches!(recorded, Ok(Some(_)));
    calls::note(|call| call.recorded = if is_written { Recorded::Written } else { Recorded::Failed });
    let written = settled(recorded)?;
    notes::if_due();
    Ok(written)
}

/// Records a call that has ended, unless its answer was recorded and nothing has gone wrong since. Gives what is to be raised.
pub fn ended(call: &CallRecord, refusal: Option<Refusal>) -> Option<Refusal> {
    if settings::audit() == Audit::Off {
        tell_off();
        return refusal;
    }
    if call.recorded != Recorded::No && refusal.is_none() {
        return refusal;
    }
    // The log itself has refused, and would again; unless it has an entry of the answer, which is not given now.
    if refusal.as_ref().is_some_and(|refusal| refusal.reason == Reason::Audit) && call.recorded != Recorded::Written {
        return refusal;
    }
    let recorded = keys::random().and_then(|random| entry(Event::Call, call, refusal.as_ref(), random));
    let recorded = recorded.and_then(|(entry, texts)| {
        let key_id = call.asker.as_ref().map_or("", |asker| asker.key_id.as_str());
        match &refusal {
            Some(refusal) if refusal.reason.is_of_identity() => {
                write::append_refused(&entry, texts.as_ref(), refusal.reason, key_id)
            }
            _ => write::append(&entry, texts.as_ref()).map(Some),
        }
    });
    // A refusal is what the caller gets in any case.
    match settled(recorded) {
        Ok(_) => {
            notes::if_due();
            refusal
        }
        Err(withheld) => refusal.or(Some(withheld)),
    }
}

/// Tells the log, once after each reading of the configuration, that it is off.
pub(super) fn tell_off() {
    let read_at = server::reload_time();
    if TOLD.replace(read_at) != read_at {
        write::tell_off();
    }
}

/// On disk if it is required; a failure is then a refusal, and else a gap, which the log knows of.
pub(super) fn settled(recorded: Logged<Option<Written>>) -> StageResult<Option<Written>> {
    let is_required = settings::audit() == Audit::Required;
    let settled = recorded.and_then(|written| {
        if let Some(written) = written.as_ref().filter(|_| is_required) {
            write::flush(written.log, written.link.sequence.saturating_add(1))?;
        }
        Ok(written)
    });
    match settled {
        Ok(written) => Ok(written),
        Err(failure) if is_required => Err(failure.withheld()),
        Err(failure) => {
            log(&format!("a call is not in the audit log: {}", failure.text()));
            Ok(None)
        }
    }
}

/// Records that a call is unlike the past of its principal.
pub fn anomaly(call: &CallRecord, finding: &str) {
    if settings::audit() == Audit::Off {
        return;
    }
    let recorded = keys::random().and_then(|random| entry(Event::Anomaly, call, None, random));
    let recorded = recorded.and_then(|(mut entry, texts)| {
        entry.reason = Some(finding.to_owned());
        write::append(&entry, texts.as_ref())
    });
    if let Err(failure) = recorded {
        log(&format!("an anomaly is not in the audit log: {}", failure.text()));
    }
}

/// What is recorded of a call.
fn entry(
    event: Event,
    call: &CallRecord,
    refusal: Option<&Refusal>,
    random: [u8; 16],
) -> Logged<(Entry, Option<KeptTexts>)> {
    let mut entry = Entry::new(event, random);
    entry.database = Some(database());
    entry.query_id = Some(call.query_id.to_string());
    if let Some(asker) = &call.asker {
        entry.tenant = Some(asker.tenant.clone());
        entry.business = Some(asker.business.clone());
        entry.subject = Some(asker.subject.clone());
        entry.key_id = Some(asker.key_id.clone());
        entry.verified = Some(asker.is_verified);
    }
    entry.details.insert("function".to_owned(), call.entry_point.as_str().into());
    // The entry of the call has them, too.
    if event == Event::Anomaly {
        return Ok((entry, None));
    }
    let texts = texts(&mut entry, call)?;
    if event == Event::Intent {
        return Ok((entry, texts));
    }
    if !call.nodes.is_empty() {
        entry.details.insert("nodes".to_owned(), call.nodes.clone().into());
    }
    if let Some(form) = call.form {
        entry.details.insert("data_server".to_owned(), form.into());
    }
    entry.source = call.source.map(str::to_owned);
    entry.microseconds = Some(u64::try_from(call.started.elapsed().as_micros()).unwrap_or(u64::MAX));
    entry.relations = Some(call.relations.clone()).filter(|relations| !relations.is_empty());
    entry.model_calls = Some(call.model_calls.into());
    entry.input_tokens = Some(call.input_tokens);
    entry.output_tokens = Some(call.output_tokens);
    match refusal {
        Some(refusal) => {
            let outcome = call.outcome_of(Some(refusal));
            entry.outcome = Some(outcome.to_owned());
            entry.sqlstate = Some(refusal.state.sqlstate());
            // What layer 2 has said is in a model's words, which are in the server log.
            let is_declined = outcome != "error";
            entry.reason = (!is_declined).then(|| reason::sentence(refusal));
        }
        None => {
            entry.outcome = Some(call.outcome_of(None).to_owned());
            entry.rows = Some(call.rows);
            entry.bytes = Some(call.bytes);
        }
    }
    Ok((entry, texts))
}

/// What is recorded of its texts, by `splitplane.audit_text`.
fn texts(entry: &mut Entry, call: &CallRecord) -> Logged<Option<KeptTexts>> {
    let (question, sql) = (call.question.as_deref(), call.sql.as_deref());
    if question.is_none() && sql.is_none() {
        return Ok(None);
    }
    match settings::audit_text() {
        AuditText::None => Ok(None),
        AuditText::Hash => {
            let secret = keys::texts()?;
            let hashed = |text| text::hashed(&secret, &entry.random, text);
            (entry.question, entry.sql) = (question.map(hashed), sql.map(hashed));
            Ok(None)
        }
        AuditText::Full => {
            let kept = write::kept(question.map(str::to_owned), sql.map(str::to_owned))?;
            (entry.question, entry.sql) = (question.map(|text| kept.hash(text)), sql.map(|text| kept.hash(text)));
            Ok(Some(kept))
        }
    }
}

/// The session ends in the middle of calls: each has its entry all the same.
pub fn session_ended() {
    let terminated = || {
        let state = State::Server(packed(b"57P01"));
        let refusal = Refusal::new(state, "the session was ended in the middle of the call");
        Refusal { words: Words::Servers, ..refusal }.because(Reason::Terminated)
    };
    while let Some(call) = calls::end() {
        statistics::count_terminated(&call);
        drop(ended(&call, Some(terminated())));
    }
}
