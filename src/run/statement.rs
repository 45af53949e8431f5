//! Where every entry point begins: the gate, the views that the text reads, and the pipeline.

use super::gated::{self, Admitted};
use super::pipeline::{self, Statement, Subject};
use super::{limits, views};
use crate::error::StageResult;
use crate::timings::Stopwatch;

/// Takes a text through the gate and, in the confined section, to its proof; `body` plans and runs it there, or does not.
///
/// # Errors
/// Those of the stages, by name.
pub fn with_statement<T>(
    sql: &str,
    subject: Subject<'_>,
    watch: &mut Stopwatch,
    body: impl for<'c> FnOnce(Statement<'c>, &mut Stopwatch) -> StageResult<T>,
) -> StageResult<T> {
    let tenant = subject.principal.map(|principal| principal.tenant());
    let admitted = gated::admit(sql, tenant, limits::limits())
        .map_err(|error| pipeline::refused_by_gate(sql, subject, watch.left(), error))?;
    watch.lap("gate");
    with_gated(&admitted, subject, watch, body)
}

/// The same from the gate on.
fn with_gated<T>(
    admitted: &Admitted,
    subject: Subject<'_>,
    watch: &mut Stopwatch,
    body: impl for<'c> FnOnce(Statement<'c>, &mut Stopwatch) -> StageResult<T>,
) -> StageResult<T> {
    let views = views::read_by(&admitted.gated, subject.plane, watch)?;
    pipeline::with_views(admitted, &views, subject, watch, body)
        .map_err(|refusal| views::blamed(subject.plane, &views, refusal, watch))
}
