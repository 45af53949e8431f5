//! Figures: how a call becomes counts, and how counts become the rows of the views `splitplane.stat_*`.
//!
//! A call is counted when it ends, however it ends; a rollback takes nothing back. Tenants are counted by verified identities alone:
//! what layer 1 refuses has no row of a tenant, since anybody may claim to be anybody.

pub mod checks;
pub mod labels;

use crate::calls::{CallRecord, Outcome};
use crate::error::Refusal;
use crate::histogram::{self, BUCKETS, bucket};
use crate::llm::{ModelError, Usage};
use crate::pgx::entry::EntryPoint;
use crate::pgx::server;
use crate::pgx::shmem::counters::{self, FIXED, Fixed, MODELS, OF_A_ROW, TENANTS};
use crate::reason::Reason;
use labels::{Beside, ENDS, End, ModelResult, OTHERS, Purpose, STAGES};
use std::time::{Duration, Instant};

/// Model and purpose have rows in a table of this size.
pub const MODELS_COUNTED: usize = 256;
/// Longest model id that a label holds, in bytes.
const MODEL_ID: usize = 256;
/// Between purpose and model in the name of a row; no model's id holds it.
const BETWEEN: char = '\0';

// Places of the counters that are there from the start.
const CALLS: usize = 0;
const TIMES: usize = CALLS + EntryPoint::ALL.len() * ENDS;
/// Of a stage: its buckets, and the nanoseconds that it took in all.
const OF_A_STAGE: usize = BUCKETS + 1;
const OTHER_TENANTS: usize = TIMES + STAGES.len() * OF_A_STAGE;
const OTHER_MODELS: usize = OTHER_TENANTS + OF_A_ROW;
const ANOMALIES: usize = OTHER_MODELS + OF_A_ROW;
const _: () = assert!(ANOMALIES < FIXED);

/// One row of stat_tenants, but for the tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantFigures {
    /// Calls, however they ended.
    pub calls: u64,
    /// Those that ended with an error.
    pub errors: u64,
    /// Those that layer 2 declined.
    pub declined: u64,
    /// Rows delivered.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long the calls took.
    pub nanoseconds: u64,
    /// Replies of models.
    pub model_calls: u64,
    /// Tokens that models read.
    pub input_tokens: u64,
    /// Tokens that models wrote.
    pub output_tokens: u64,
}

impl TenantFigures {
    fn of(record: &CallRecord, end: End, took: Duration) -> Self {
        let is_answer = end == End::With(Outcome::Answered);
        TenantFigures {
            calls: 1,
            errors: u64::from(matches!(end, End::Error(_))),
            declined: u64::from(matches!(end, End::With(Outcome::Declined(_)))),
            // What a refusal withholds was not delivered.
            rows: if is_answer { record.rows } else { 0 },
            bytes: if is_answer { record.bytes } else { 0 },
            nanoseconds: nanoseconds(took),
            model_calls: u64::from(record.model_calls),
            input_tokens: record.input_tokens,
            output_tokens: record.output_tokens,
        }
    }

    fn counters(&self) -> [u64; OF_A_ROW] {
        let mut counters = [0; OF_A_ROW];
        let values = [
            self.calls,
            self.errors,
            self.declined,
            self.rows,
            self.bytes,
            self.nanoseconds,
            self.model_calls,
            self.input_tokens,
            self.output_tokens,
        ];
        counters.iter_mut().zip(values).for_each(|(counter, value)| *counter = value);
        counters
    }

    fn read(counters: &[u64; OF_A_ROW]) -> Self {
        let [calls, errors, declined, rows, bytes, nanoseconds, model_calls, input_tokens, output_tokens, ..] =
            *counters;
        TenantFigures { calls, errors, declined, rows, bytes, nanoseconds, model_calls, input_tokens, output_tokens }
    }
}

/// The counters of this database; `None` when there is no place for it.
fn here() -> Option<&'static Fixed> {
    counters::fixed(server::database_oid(), server::now(), false)
}

/// The same without a look into the catalog, which might raise.
fn at_an_end() -> Option<&'static Fixed> {
    counters::fixed(server::database_oid(), server::now(), true)
}

/// Whether calls of this database are counted.
pub fn is_counted() -> bool {
    here().is_some()
}

/// Finds a place for this database while the catalog can be looked into.
pub fn prepare() {
    here();
}

/// Counts an anomaly.
pub fn count_anomaly() {
    if let Some(fixed) = at_an_end() {
        fixed.add(ANOMALIES, 1);
    }
}

/// How many anomalies were found.
pub fn anomalies() -> u64 {
    here().map_or(0, |fixed| fixed.get(ANOMALIES))
}

/// Counts a call that has ended, with the refusal that is raised if there is one.
pub fn count(record: &CallRecord, refusal: Option<&Refusal>) {
    let end = match (refusal, record.outcome) {
        // ask_rows has no other way to say it.
        (Some(refusal), Some(outcome @ Outcome::Declined(_))) if refusal.reason == Reason::Argument => {
            End::With(outcome)
        }
        (Some(refusal), _) => End::Error(refusal.reason),
        (None, Some(outcome)) => End::With(outcome),
        // Whoever gave an answer has said so.
        (None, None) => End::Error(Reason::Internal),
    };
    count_end(at_an_end(), record, end);
}

/// Counts a call whose session was ended while it ran.
pub fn count_terminated(record: &CallRecord) {
    count_end(at_an_end(), record, End::Error(Reason::Terminated));
}

fn count_end(fixed: Option<&Fixed>, record: &CallRecord, end: End) {
    let Some(fixed) = fixed else { return };
    fixed.add(CALLS + labels::entry_point(record.entry_point) * ENDS + end.place(), 1);
    let took = record.started.elapsed();
    count_time(fixed, STAGES.len() - 1, took.as_secs_f64());
    if let Some(timings) = &record.timings {
        // Whoever ended the session in mid-lap has left it borrowed.
        if let Ok(timings) = timings.try_borrow() {
            let mut laps = timings.laps.clone();
            if matches!(end, End::Error(_)) {
                // The stage that was cut off: where every statement runs into its deadline, no other says so.
                let spent: f64 = laps.iter().map(|(_, microseconds)| microseconds).sum();
                let stage = labels::under_way(timings.last, record.question.is_some());
                let rest = (took.as_secs_f64() * 1e6 - spent).max(0.0);
                match laps.iter_mut().find(|(known, _)| *known == stage) {
                    Some((_, sum)) => *sum += rest,
                    None => laps.push((stage, rest)),
                }
            }
            for (stage, microseconds) in laps {
                if let Some(place) = STAGES.iter().position(|known| *known == stage) {
                    count_time(fixed, place, microseconds / 1e6);
                }
            }
        }
    }
    if let Some(asker) = record.asker.as_ref().filter(|asker| asker.is_verified) {
        let figures = TenantFigures::of(record, end, took).counters();
        if !counters::add(&TENANTS, server::database_oid(), &asker.tenant, &figures) {
            add_all(fixed, OTHER_TENANTS, &figures);
        }
    }
}

fn count_time(fixed: &Fixed, stage: usize, seconds: f64) {
    let first = TIMES + stage * OF_A_STAGE;
    fixed.add(first + bucket(seconds), 1);
    fixed.add(first + BUCKETS, nanoseconds(Duration::try_from_secs_f64(seconds).unwrap_or_default()));
}

fn nanoseconds(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

#[allow(clippy::cast_precision_loss)]
fn seconds(nanoseconds: u64) -> f64 {
    // Exact for the first hundred days, and to a microsecond long after.
    nanoseconds as f64 / 1e9
}

fn add_all(fixed: &Fixed, first: usize, more: &[u64; OF_A_ROW]) {
    more.iter().enumerate().for_each(|(place, more)| fixed.add(first + place, *more));
}

fn read_all(fixed: &Fixed, first: usize) -> [u64; OF_A_ROW] {
    std::array::from_fn(|place| fixed.get(first + place))
}

/// A model call that is under way. Dropped without an end it was abandoned.
pub struct ModelCall<'a> {
    model: &'a str,
    purpose: Purpose,
    started: Instant,
    has_ended: bool,
}

impl<'a> ModelCall<'a> {
    /// It begins.
    pub fn begin(model: &'a str, purpose: Purpose) -> Self {
        ModelCall { model, purpose, started: Instant::now(), has_ended: false }
    }

    /// It has ended.
    pub fn end<T>(mut self, came: &Result<T, ModelError>, usage: Usage) {
        self.has_ended = true;
        self.count(result(came.as_ref().err()), usage);
    }

    fn count(&self, result: ModelResult, usage: Usage) {
        // It may be dropped while an error is on its way, when no other may be raised.
        let Some(fixed) = at_an_end() else { return };
        let figures = model_counters(result, self.started.elapsed(), usage);
        let name = row_name(self.model, self.purpose.as_str());
        if !counters::add(&MODELS, server::database_oid(), &name, &figures) {
            add_all(fixed, OTHER_MODELS, &figures);
        }
    }
}

impl Drop for ModelCall<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.count(ModelResult::Abandoned, Usage::default());
        }
    }
}

fn result(error: Option<&ModelError>) -> ModelResult {
    match error {
        None => ModelResult::Ok,
        Some(ModelError::Unreachable { .. }) => ModelResult::Unreachable,
        Some(ModelError::Refused { .. } | ModelError::Later { .. }) => ModelResult::Refused,
        Some(ModelError::Reply(_)) => ModelResult::Unusable,
        Some(ModelError::Configuration(_)) => ModelResult::Configuration,
        Some(ModelError::Deadline) => ModelResult::Deadline,
        // It was not sent.
        Some(ModelError::Budget) => ModelResult::Abandoned,
    }
}

const RESULTS: usize = ModelResult::ALL.len();
const _: () = assert!(2 * RESULTS + 2 <= OF_A_ROW);

/// By result its calls, then by result the nanoseconds, then tokens read and written.
fn model_counters(result: ModelResult, took: Duration, usage: Usage) -> [u64; OF_A_ROW] {
    let mut counters = [0; OF_A_ROW];
    let values = [
        (result as usize, 1),
        (RESULTS + result as usize, nanoseconds(took)),
        (2 * RESULTS, usage.input_tokens),
        (2 * RESULTS + 1, usage.output_tokens),
    ];
    for (place, value) in values {
        if let Some(counter) = counters.get_mut(place) {
            *counter = value;
        }
    }
    counters
}

fn row_name(model: &str, purpose: &str) -> String {
    let end = (0..=MODEL_ID.min(model.len())).rev().find(|end| model.is_char_boundary(*end)).unwrap_or(0);
    format!("{purpose}{BETWEEN}{}", model.get(..end).unwrap_or(""))
}

/// A row of stat_calls: entry point, outcome, reason, calls.
pub type CallRow = (&'static str, &'static str, &'static str, u64);

/// Every row from the start, with 0; none when this database is not counted.
pub fn call_rows() -> Vec<CallRow> {
    let Some(fixed) = here() else { return Vec::new() };
    let of = |entry: EntryPoint| {
        End::all().map(move |end| {
            let place = CALLS + labels::entry_point(entry) * ENDS + end.place();
            (entry.as_str(), end.outcome(), end.reason(), fixed.get(place))
        })
    };
    EntryPoint::ALL.into_iter().flat_map(of).collect()
}

/// The histogram of a stage: its name, cumulative counts, and seconds in all.
pub fn stage_rows() -> Vec<(&'static str, [u64; BUCKETS], f64)> {
    let Some(fixed) = here() else { return Vec::new() };
    let of = |(stage, name): (usize, &'static str)| {
        let first = TIMES + stage * OF_A_STAGE;
        let counts = std::array::from_fn(|bucket| fixed.get(first + bucket));
        (name, histogram::cumulative(counts), seconds(fixed.get(first + BUCKETS)))
    };
    STAGES.into_iter().enumerate().map(of).collect()
}

/// Tenants with their figures, in their order; first all others.
pub fn tenant_rows() -> Vec<(String, TenantFigures, f64)> {
    let Some(fixed) = here() else { return Vec::new() };
    let mut rows = counters::rows(&TENANTS, server::database_oid());
    rows.push((OTHERS.to_owned(), read_all(fixed, OTHER_TENANTS)));
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    let figures = |(tenant, counters): (String, [u64; OF_A_ROW])| {
        let figures = TenantFigures::read(&counters);
        (tenant, figures, seconds(figures.nanoseconds))
    };
    rows.into_iter().map(figures).collect()
}

/// A row of stat_models: model, purpose, result, calls, seconds, tokens read and written.
pub type ModelRow = (String, &'static str, &'static str, u64, f64, u64, u64);

/// Counts what the SQL of a second model gave, and how much longer the call took for it.
pub fn count_beside(model: &str, beside: Beside, took: Duration) {
    let mut counters = [0; OF_A_ROW];
    for (place, value) in [(beside as usize, 1), (RESULTS + beside as usize, nanoseconds(took))] {
        if let Some(counter) = counters.get_mut(place) {
            *counter = value;
        }
    }
    // Without a place it is not counted: among all other models it would be taken for calls.
    counters::add(&MODELS, server::database_oid(), &row_name(model, Beside::PURPOSE), &counters);
}

/// Every purpose and result of the models that were called, of `configured` from the start, and of a `shadow`; and of all others.
pub fn model_rows(configured: &[String], shadow: Option<&str>) -> Vec<ModelRow> {
    let Some(fixed) = here() else { return Vec::new() };
    let mut known = counters::rows(&MODELS, server::database_oid());
    let of_answers = configured.iter().flat_map(|model| Purpose::ALL.map(|purpose| row_name(model, purpose.as_str())));
    let of_shadow = shadow.into_iter().flat_map(|model| OF_SHADOWS.map(|purpose| row_name(model, purpose)));
    for name in of_answers.chain(of_shadow) {
        if !known.iter().any(|(known, _)| *known == name) {
            known.push((name, [0; OF_A_ROW]));
        }
    }
    known.sort_by(|one, other| one.0.cmp(&other.0));
    let mut rows = Vec::new();
    for (name, counters) in &known {
        let Some((purpose, model)) = name.split_once(BETWEEN) else { continue };
        if purpose == Beside::PURPOSE {
            add_beside(&mut rows, model, counters);
        } else if let Some(purpose) = CALLED_FOR.into_iter().find(|known| known.as_str() == purpose) {
            add_results(&mut rows, model, purpose.as_str(), counters);
        }
    }
    add_results(&mut rows, OTHERS, OTHERS, &read_all(fixed, OTHER_MODELS));
    rows
}

/// What a second model has rows for.
const OF_SHADOWS: [&str; 2] = [Purpose::Shadow.as_str(), Beside::PURPOSE];
/// Whatever models are called for.
const CALLED_FOR: [Purpose; 5] =
    [Purpose::Validate, Purpose::Write, Purpose::Narrate, Purpose::Tables, Purpose::Shadow];

fn add_beside(rows: &mut Vec<ModelRow>, model: &str, counters: &[u64; OF_A_ROW]) {
    let at = |place: usize| counters.get(place).copied().unwrap_or(0);
    for (place, beside) in Beside::ALL.into_iter().enumerate() {
        let took = seconds(at(RESULTS + place));
        rows.push((model.to_owned(), Beside::PURPOSE, beside.as_str(), at(place), took, 0, 0));
    }
}

fn add_results(rows: &mut Vec<ModelRow>, model: &str, purpose: &'static str, counters: &[u64; OF_A_ROW]) {
    let at = |place: usize| counters.get(place).copied().unwrap_or(0);
    for (place, result) in ModelResult::ALL.into_iter().enumerate() {
        // Replies alone are paid for, and which of them could be used is known only afterwards.
        let (input, output) = match result {
            ModelResult::Ok => (at(2 * RESULTS), at(2 * RESULTS + 1)),
            _ => (0, 0),
        };
        let row = (at(place), seconds(at(RESULTS + place)));
        rows.push((model.to_owned(), purpose, result.as_str(), row.0, row.1, input, output));
    }
}

/// Since when this database is counted, in seconds since 1970.
pub fn since() -> Option<i64> {
    here().map(Fixed::since)
}

/// Begins anew.
pub fn reset() {
    counters::reset(server::database_oid(), server::now());
}
