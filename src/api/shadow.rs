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
    pub caps: Caps,
}

/// Compares, if a second model was asked. No error leaves this: the first answer stands.
pub(super) fn beside(asked: &mut Asked, principal: &Rc<Principal>, first: First<'_>, watch: &mut Stopwatch) {
    let began = Instant::now();
    let Some(Second { model, came }) = asked.second(watch.half()) else { return };
    let beside = match came {
        None => Beside::Skipped,
        Some(_) if Instant::now() >= watch.half() => Beside::Skipped,
        Some(None) => Beside::Fails,
        Some(Some(sql)) => match agrees(&sql, principal, first, watch) {
            Ok(true) => Beside::Agrees,
            Ok(false) => Beside::Differs,
            Err(refusal) => {
                pg_try::debug(&format!("the SQL of the second model gave no rows: {}", refusal.message));
                Beside::Fails
            }
        },
    };
    statistics::count_beside(&model, beside, began.elapsed());
    watch.lap("shadow");
}

fn agrees(sql: &UntrustedSql, principal: &Rc<Principal>, first: First<'_>, watch: &Stopwatch) -> StageResult<bool> {
    let First { rows, columns, is_sorted, caps } = first;
    let plane = current_plane()?;
    let subject = Subject { plane: &plane, principal: Some(principal), columns: None };
    let second = run::with_statement(sql.text(), subject, &mut Stopwatch::start(watch.left()), |statement, _| {
        evaluation::given(statement, &plane, caps)
    })?;
    let Given { table, truncated, .. } = second;
    let answer = Table::read(&rows.with_numbers(), columns).map_err(|_| evaluation::unreadable())?;
    Ok(truncated == rows.truncated && compare(&table, &answer, is_sorted) == Comparison::Equal)
}
