//! The SQL of a second model beside the first's answer: proved and run when that is complete, compared, counted, and dropped.

use super::evaluation::{self, Given};
use crate::catalog::current_plane;
use crate::error::StageResult;
use crate::evaluate::{Column, Comparison, Table, compare};
use crate::identity::Principal;
use crate::pgx::pg_try;
use crate::pgx::sink::{Caps, JsonRows};
use crate::question::{Asked, Second, UntrustedSql};
use crate::run::{self, Subject};
use crate::statistics::{self, labels::Beside};
use crate::timings::Stopwatch;
use std::rc::Rc;
use std::time::Instant;

/// What the first model's SQL gave.
pub(super) struct First<'a> {
    pub rows: &'a JsonRows,
    pub columns: Vec<Column>,
    pub is_sorted: bool,
}

/// Most that is compared while a caller waits: more is skipped.
const CAPS: Caps = Caps { rows: 1_000, bytes: 1_024 * 1_024 };

/// Compares, if a second model was asked. The first answer stands, whatever comes of it.
///
/// # Errors
/// A cancel of the caller's, or its statement_timeout.
pub(super) fn beside(
    asked: &mut Asked,
    principal: &Rc<Principal>,
    first: First<'_>,
    watch: &mut Stopwatch,
) -> StageResult<()> {
    let began = Instant::now();
    let Some(Second { model, came }) = asked.second(watch.half())? else { return Ok(()) };
    let is_large = first.rows.count > CAPS.rows || first.rows.text.len() > CAPS.bytes;
    let beside = match came {
        None => Beside::Skipped,
        Some(_) if is_large || Instant::now() >= watch.half() => Beside::Skipped,
        Some(None) => Beside::Fails,
        Some(Some(sql)) => match agrees(&sql, principal, first, watch) {
            Ok(true) => Beside::Agrees,
            Ok(false) => Beside::Differs,
            Err(refusal) if refusal.state.is_from_outside() => return Err(refusal),
            Err(refusal) => {
                pg_try::debug(&format!("the SQL of the second model gave no rows: {}", refusal.message));
                Beside::Fails
            }
        },
    };
    statistics::count_beside(&model, beside, began.elapsed());
    watch.lap("shadow");
    Ok(())
}

fn agrees(sql: &UntrustedSql, principal: &Rc<Principal>, first: First<'_>, watch: &Stopwatch) -> StageResult<bool> {
    let First { rows, columns, is_sorted } = first;
    let plane = current_plane()?;
    let subject = Subject { plane: &plane, principal: Some(principal), columns: None };
    let left = watch.half().saturating_duration_since(Instant::now()).as_millis();
    let mut until_half = Stopwatch::start(i32::try_from(left).unwrap_or(i32::MAX).max(1));
    let second = run::with_statement(sql.text(), subject, &mut until_half, |statement, _| {
        evaluation::given(statement, &plane, CAPS)
    })?;
    let Given { table, truncated, .. } = second;
    let answer = Table::read(&rows.with_numbers(), columns).map_err(|_| evaluation::unreadable())?;
    Ok(truncated == rows.truncated && compare(&table, &answer, is_sorted) == Comparison::Equal)
}
