//! The rows behind the views `splitplane.stat_*`, of the current database.

use crate::error::StageResult;
use crate::histogram;
use crate::pgx::functions::interface::exported;
use crate::pgx::pg_try::raise;
use crate::{ledger, settings, statistics, tripwire};
use pgrx::prelude::*;

/// PostgreSQL has no unsigned numbers.
fn bigint(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn or_raise<T>(result: StageResult<T>) -> T {
    result.unwrap_or_else(|refusal| raise(refusal))
}

/// Seconds since 1970; infinite where there is no such time.
#[allow(clippy::cast_precision_loss)]
fn moment(seconds: i64) -> f64 {
    match seconds {
        i64::MAX => f64::INFINITY,
        i64::MIN => 0.0,
        seconds => seconds as f64,
    }
}

exported!(_stat_calls = _stat_calls_wrapper);

/// Calls by entry point, outcome and reason.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn _stat_calls() -> TableIterator<
    'static,
    (name!(entry_point, &'static str), name!(outcome, &'static str), name!(reason, &'static str), name!(calls, i64)),
> {
    let rows = statistics::call_rows().into_iter();
    TableIterator::new(rows.map(|(entry_point, outcome, reason, calls)| (entry_point, outcome, reason, bigint(calls))))
}

exported!(_stat_stages = _stat_stages_wrapper);

/// Times by stage: bounds, cumulative counts, seconds in all.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn _stat_stages() -> TableIterator<
    'static,
    (name!(stage, &'static str), name!(bounds, Vec<f64>), name!(counts, Vec<i64>), name!(seconds, f64)),
> {
    TableIterator::new(statistics::stage_rows().into_iter().map(|(stage, counts, seconds)| {
        (stage, histogram::bounds().to_vec(), counts.into_iter().map(bigint).collect(), seconds)
    }))
}

exported!(_stat_stage_buckets = _stat_stage_buckets_wrapper);

/// The same by bound: bound, how many lie at or below it.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn _stat_stage_buckets() -> TableIterator<'static, (name!(stage, &'static str), name!(bound, String), name!(calls, i64))>
{
    TableIterator::new(statistics::stage_rows().into_iter().flat_map(|(stage, counts, _)| {
        let buckets = histogram::bounds().into_iter().zip(counts);
        buckets.map(move |(bound, count)| (stage, histogram::label(bound), bigint(count)))
    }))
}

exported!(_stat_tenants = _stat_tenants_wrapper);

/// What each tenant has used.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn _stat_tenants() -> TableIterator<
    'static,
    (
        name!(tenant, String),
        name!(calls, i64),
        name!(errors, i64),
        name!(declined, i64),
        name!(row_count, i64),
        name!(bytes, i64),
        name!(seconds, f64),
        name!(model_calls, i64),
        name!(input_tokens, i64),
        name!(output_tokens, i64),
    ),
> {
    TableIterator::new(statistics::tenant_rows().into_iter().map(|(tenant, figures, seconds)| {
        (
            tenant,
            bigint(figures.calls),
            bigint(figures.errors),
            bigint(figures.declined),
            bigint(figures.rows),
            bigint(figures.bytes),
            seconds,
            bigint(figures.model_calls),
            bigint(figures.input_tokens),
            bigint(figures.output_tokens),
        )
    }))
}

exported!(_stat_models = _stat_models_wrapper);

/// Model calls by model, purpose and result; of the models that are configured from the start.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn _stat_models() -> TableIterator<
    'static,
    (
        name!(model, String),
        name!(purpose, &'static str),
        name!(result, &'static str),
        name!(calls, i64),
        name!(seconds, f64),
        name!(input_tokens, i64),
        name!(output_tokens, i64),
    ),
> {
    let model = settings::model::model();
    let mut configured = Vec::new();
    if model.names_a_model() {
        configured.extend([model.validator_model, model.model].into_iter().filter(|id| !id.is_empty()));
    }
    let rows = statistics::model_rows(&configured, settings::evaluation::shadow_model().as_deref()).into_iter();
    TableIterator::new(rows.map(|(model, purpose, result, calls, seconds, input, output)| {
        (model, purpose, result, bigint(calls), seconds, bigint(input), bigint(output))
    }))
}

exported!(_stat_ledger = _stat_ledger_wrapper);

/// How full the replay ledger is.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn _stat_ledger()
-> TableIterator<'static, (name!(used, i64), name!(capacity, i64), name!(keys, i64), name!(horizon, f64))> {
    let figures = or_raise(ledger::figures());
    TableIterator::once((figures.used, figures.capacity, figures.keys, moment(figures.horizon)))
}

exported!(_stat_plane = _stat_plane_wrapper);

/// Whether a tripwire has shut the plane, as 0 or 1, since when there are figures, and how many anomalies were found.
#[pg_extern(sql = false)]
fn _stat_plane() -> TableIterator<'static, (name!(shut, i64), name!(since, f64), name!(anomalies, i64))> {
    let anomalies = i64::try_from(statistics::anomalies()).unwrap_or(i64::MAX);
    TableIterator::new(statistics::since().map(|since| (i64::from(tripwire::is_shut()), moment(since), anomalies)))
}

exported!(stat_reset = _stat_reset_wrapper);

/// Begins the figures of this database anew.
#[pg_extern(sql = false)]
fn _stat_reset() {
    statistics::reset();
}
