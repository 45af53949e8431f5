//! The audit log's SQL functions, for administrators.

use crate::audit::entry::{Event, TextHash};
use crate::audit_log::failure::{Failure, Logged};
use crate::audit_log::read::{self, Shown, Wanted};
use crate::audit_log::{administration, calls, notes};
use crate::error::{Refusal, StageResult, State};
use crate::pgx::functions::interface::exported;
use crate::pgx::pg_try::{raise, warn};
use pgrx::prelude::*;

fn or_raise<T>(result: StageResult<T>) -> T {
    result.unwrap_or_else(|refusal| raise(refusal))
}

fn shown<T>(result: Logged<T>) -> T {
    or_raise(result.map_err(Failure::shown))
}

const EPOCH: i64 = 946_684_800_000_000;

fn microseconds(moment: TimestampWithTimeZone) -> i64 {
    i64::from(moment).saturating_add(EPOCH)
}

fn moment(microseconds: i64) -> Option<TimestampWithTimeZone> {
    TimestampWithTimeZone::try_from(microseconds.saturating_sub(EPOCH)).ok()
}

fn bigint(number: Option<u64>) -> Option<i64> {
    number.map(|number| i64::try_from(number).unwrap_or(i64::MAX))
}

/// The kept text, or how the text is hashed.
fn text(kept: Option<String>, hash: Option<TextHash>) -> Option<String> {
    kept.or_else(|| hash.map(|hash| format!("hmac-sha256:{}", hex::encode(hash.hmac))))
}

exported!(audit = audit_entries_wrapper);

/// The entries of the current database, and of the server itself.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn audit_entries(
    since: Option<TimestampWithTimeZone>,
    until: Option<TimestampWithTimeZone>,
    tenant: Option<&str>,
) -> TableIterator<
    'static,
    (
        name!(sequence, i64),
        name!(at, Option<TimestampWithTimeZone>),
        name!(event, String),
        name!(query_id, Option<pgrx::Uuid>),
        name!(tenant, Option<String>),
        name!(business, Option<String>),
        name!(subject, Option<String>),
        name!(key_id, Option<String>),
        name!(source, Option<String>),
        name!(outcome, Option<String>),
        name!(sqlstate, Option<String>),
        name!(reason, Option<String>),
        name!(question, Option<String>),
        name!(sql, Option<String>),
        name!(relations, Option<Vec<String>>),
        name!(rows, Option<i64>),
        name!(bytes, Option<i64>),
        name!(milliseconds, Option<f64>),
        name!(model_calls, Option<i32>),
        name!(input_tokens, Option<i64>),
        name!(output_tokens, Option<i64>),
        name!(answer, Option<Vec<u8>>),
        name!(hash, Vec<u8>),
    ),
> {
    let wanted = Wanted { since: since.map(microseconds), until: until.map(microseconds), tenant };
    let mut rows = Vec::new();
    let damage = shown(read::entries(wanted, &mut |Shown { place, entry, hash, question, sql }| {
        let uuid = entry.query_id.as_deref().and_then(|id| uuid::Uuid::parse_str(id).ok());
        // What an event says beyond the columns.
        let details = (!entry.details.is_empty() && entry.event != Event::Call && entry.event != Event::Intent)
            .then(|| serde_json::Value::from(entry.details.clone()).to_string());
        rows.push((
            bigint(Some(place.sequence)).unwrap_or(i64::MAX),
            moment(place.at),
            entry.event.as_str().to_owned(),
            uuid.map(|uuid| pgrx::Uuid::from_bytes(*uuid.as_bytes())),
            entry.tenant,
            entry.business,
            entry.subject,
            entry.key_id,
            entry.source,
            entry.outcome,
            entry.sqlstate,
            entry.reason.or(details),
            text(question, entry.question),
            text(sql, entry.sql),
            entry.relations,
            bigint(entry.rows),
            bigint(entry.bytes),
            entry
                .microseconds
                .map(|microseconds| std::time::Duration::from_micros(microseconds).as_secs_f64() * 1_000.0),
            entry.model_calls.map(|calls| i32::try_from(calls).unwrap_or(i32::MAX)),
            bigint(entry.input_tokens),
            bigint(entry.output_tokens),
            entry.answer.map(|hash| hash.to_vec()),
            hash.to_vec(),
        ));
    }));
    damage.text().iter().for_each(|text| warn(text));
    TableIterator::new(rows)
}

exported!(audit_checkpoint = audit_note_wrapper);

/// A signed note of the log, or of one tenant's last entry.
#[pg_extern(sql = false)]
fn audit_note(tenant: Option<&str>) -> String {
    shown(match tenant {
        None => notes::checkpoint(),
        Some(tenant) => notes::of_tenant(calls::database(), tenant),
    })
}

exported!(verify_audit = verify_log_wrapper);

/// What is wrong with the log.
#[pg_extern(sql = false)]
fn verify_log(
    checkpoint: Option<&str>,
) -> TableIterator<'static, (name!(severity, String), name!(sequence, Option<i64>), name!(finding, String))> {
    let mut found = Vec::new();
    shown(read::verify(checkpoint, &mut |finding| {
        found.push((finding.severity.as_str().to_owned(), bigint(finding.sequence), finding.sentence));
    }));
    TableIterator::new(found)
}

exported!(audit_export = export_log_wrapper);

/// The entries of a tenant with their proofs, for that tenant.
#[pg_extern(sql = false)]
fn export_log(tenant: Option<&str>) -> SetOfIterator<'static, String> {
    let missing = || Refusal::new(State::Argument, "tenant is NULL");
    let tenant = or_raise(tenant.ok_or_else(missing));
    let lines = shown(read::export(tenant));
    SetOfIterator::new(lines.lines().map(str::to_owned).collect::<Vec<_>>())
}

exported!(_erase_audit_texts = erase_texts_wrapper);

/// Erases the texts of a tenant's calls that are kept. The log still verifies.
#[pg_extern(sql = false)]
fn erase_texts(tenant: &str, subject: Option<&str>) -> i64 {
    let (erased, damage) = shown(read::erase(tenant, subject));
    damage.text().iter().for_each(|text| warn(text));
    bigint(Some(erased)).unwrap_or(i64::MAX)
}

exported!(_administration = called_wrapper);

/// Records a call of an administrative function.
#[pg_extern(sql = false)]
fn called(function: &str, arguments: Option<pgrx::JsonB>) {
    or_raise(administration::called(function, arguments.map_or(serde_json::Value::Null, |json| json.0)));
}

exported!(_audit_health = log_health_wrapper);

/// How the log is: for `doctor()` and the views.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn log_health() -> TableIterator<
    'static,
    (
        name!(mode, String),
        name!(log, Option<String>),
        name!(entries, i64),
        name!(stored, i64),
        name!(most, Option<i64>),
        name!(gaps, i64),
        name!(failed, bool),
        name!(vkey, Option<String>),
        name!(spki, Option<String>),
    ),
> {
    TableIterator::new(read::health().map(|health| {
        let (vkey, spki) = read::public_key().ok().unzip();
        let state = &health.state;
        (
            health.mode.as_str().to_owned(),
            (state.frontier.size() > 0).then(|| state.log.to_string()),
            bigint(Some(state.frontier.size())).unwrap_or(i64::MAX),
            bigint(Some(state.stored)).unwrap_or(i64::MAX),
            bigint(health.most),
            bigint(Some(state.gap.total)).unwrap_or(i64::MAX),
            health.has_failed(),
            vkey,
            spki,
        )
    }))
}
