//! One case of `splitplane.evaluate()`: a verified query is asked in words as if it were not registered, and the answer is
//! compared with what its SQL gives.
//!
//! Requires: a call by the extension's owner. Principals come about as in the self-test; from there on the stages are those of `ask`.
//! The audit log has each question as a call that gave nothing away; budgets and figures of tenants do not count it.

use super::{Answer, Call, selftest};
use crate::audit_log;
use crate::calls::{self, CallRecord, Decline, Outcome};
use crate::catalog::plane::Plane;
use crate::catalog::{own_plane, refuse_if_closed};
use crate::error::{Refusal, StageResult, State};
use crate::evaluate::{self, Column, Comparison, Table};
use crate::identity::Principal;
use crate::numbers::WideNumbers;
use crate::pgx::entry::EntryPoint;
use crate::pgx::functions::interface::exported;
use crate::pgx::pg_try::raise;
use crate::pgx::sink::{Caps, Sink};
use crate::preflight;
use crate::question::{self, Asked, Declined, registered};
use crate::run::{self, Statement, Subject};
use crate::settings;
use crate::timings::Stopwatch;
use pgrx::prelude::*;
use std::rc::Rc;
use std::time::Instant;

/// Most that is compared.
const CAPS: Caps = Caps { rows: 20_000, bytes: 64 * 1_024 * 1_024 };

/// What became of a case.
struct Case {
    verdict: &'static str,
    detail: String,
    /// The SQL that was tried last.
    sql: Option<String>,
    milliseconds: f64,
    model_calls: u32,
    input_tokens: u64,
    output_tokens: u64,
}

/// Who asks: tenant, business, subject.
type Ids<'a> = [&'a str; 3];

exported!(_evaluate_case = evaluate_case_wrapper);

/// Asks `question`, which is one of the verified query's of this name, as the principal of `own`, ids in the order tenant, business,
/// subject. `other` is the one whose rows must not be in the answer. After `left` milliseconds the verdict is `unfinished`.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn evaluate_case(
    name: &str,
    question: &str,
    own: Vec<String>,
    other: Vec<String>,
    left: i32,
) -> TableIterator<
    'static,
    (
        name!(verdict, String),
        name!(detail, String),
        name!(sql, Option<String>),
        name!(milliseconds, f64),
        name!(model_calls, i64),
        name!(input_tokens, i64),
        name!(output_tokens, i64),
    ),
> {
    let evaluated = ids(&own).and_then(|own| evaluate(name, question, own, ids(&other)?, left));
    let case = evaluated.unwrap_or_else(|refusal| raise(refusal));
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    TableIterator::once((
        case.verdict.to_owned(),
        case.detail,
        case.sql,
        case.milliseconds,
        i64::from(case.model_calls),
        number(case.input_tokens),
        number(case.output_tokens),
    ))
}

fn ids(all: &[String]) -> StageResult<Ids<'_>> {
    match all {
        [tenant, business, subject] => Ok([tenant, business, subject]),
        _ => Err(Refusal::internal("a principal has three ids")),
    }
}

fn evaluate(name: &str, question: &str, own: Ids<'_>, other: Ids<'_>, left: i32) -> StageResult<Case> {
    preflight::check()?;
    refuse_if_closed()?;
    question::refuse_without_model()?;
    let (entry, known) = registered::without(name)?;
    let principal =
        |[tenant, business, subject]: Ids<'_>| selftest::principal(tenant, business, subject, question).map(Rc::new);
    let (own, other) = (principal(own)?, principal(other)?);
    let watch = Stopwatch::start(settings::deadline().min(left));
    let is_short = left < settings::deadline();
    let truth = truth(&entry.sql, &own, &watch).and_then(|own| Ok((own, self::truth(&entry.sql, &other, &watch)?)));
    let ((truth, in_order), (foreign, _)) = match truth {
        Ok(truths) => truths,
        Err(refusal) => {
            let detail = format!("the registered SQL gives no rows to compare with: {}", said(&refusal));
            return settled(refusal, &watch, is_short, detail, Case::of(None, None));
        }
    };

    let started = Instant::now();
    let watch = Stopwatch::start(settings::deadline().min(watch.left()));
    let asked = Asked::new(Rc::clone(&own), Some(question.to_owned()), None, watch.deadline())?.knowing(known);
    let mut call = Call { principal: own, asked, sql: None, watch, touched_values: false };
    let recorded = Recorded::begin(&call.principal, question);
    let answered = super::answer(&mut call, None, |statement, plane, _| table(statement, plane));
    let record = recorded.end(answered.as_ref().err().cloned(), answered.is_ok())?;
    let mut case = Case::of(record.as_ref(), Some(started));
    match answered {
        Ok(Answer::Given(_, (answer, _))) => {
            (case.verdict, case.detail) = judged(&answer, &truth, &foreign, in_order);
            Ok(case)
        }
        Ok(Answer::Declined(Declined { outcome, message, .. })) => {
            (case.verdict, case.detail) = match outcome {
                Decline::Clarify => ("not answered", format!("clarify: {message}")),
                Decline::OutOfScope | Decline::Refused => ("refused", format!("{}: {message}", outcome.as_str())),
            };
            case.sql = None;
            Ok(case)
        }
        Err(refusal) => {
            let detail = said(&refusal);
            settled(refusal, &call.watch, is_short, detail, case)
        }
    }
}

/// A case that ended with an error: of the question, unless it was the time or the user who ended it, or concerns all questions.
fn settled(refusal: Refusal, watch: &Stopwatch, is_short: bool, detail: String, case: Case) -> StageResult<Case> {
    // The stopwatch never says less than one millisecond.
    let is_over = watch.left() <= 1;
    let verdict = match refusal.state {
        state if state.is_from_outside() => return Err(refusal),
        State::Cancelled if !is_over => return Err(refusal),
        State::Cancelled if is_short => "unfinished",
        State::Unsafe | State::Internal => return Err(refusal),
        State::OutsidePlane
        | State::UnknownRelation
        | State::NotAdmitted
        | State::Syntax
        | State::TooComplex
        | State::ResultShape => "refused",
        State::Identity
        | State::Limit
        | State::Cancelled
        | State::Argument
        | State::UnknownObject
        | State::DuplicateObject
        | State::ModelUnreachable
        | State::ModelRefused
        | State::DataServer
        | State::Server(_) => "not answered",
    };
    Ok(Case { verdict, detail, ..case })
}

/// The SQLSTATE, and the sentence unless it may quote a value.
fn said(refusal: &Refusal) -> String {
    match refusal.state {
        State::Server(_) => format!("an error of PostgreSQL ({})", refusal.state.sqlstate()),
        _ => format!("{} ({})", refusal.message, refusal.state.sqlstate()),
    }
}

fn judged(answer: &Table, truth: &Table, foreign: &Table, in_order: bool) -> (&'static str, String) {
    let found = evaluate::compare(answer, truth, in_order);
    if found == Comparison::Equal {
        let detail = if truth.count() == 0 { "both are empty".to_owned() } else { String::new() };
        return ("right", detail);
    }
    let leaked = evaluate::foreign_rows(answer, truth, foreign);
    if leaked > 0 {
        return ("leak", format!("rows of the other tenant's answer, and none of the tenant's own: {leaked}"));
    }
    let detail = match found {
        Comparison::Equal | Comparison::Values => "other values".to_owned(),
        Comparison::Columns(found, wanted) => format!("{found} columns instead of {wanted}"),
        Comparison::Rows(found, wanted) => format!("{found} rows instead of {wanted}"),
        Comparison::Order => "the same rows in another order".to_owned(),
        Comparison::TooMany => "too many columns to compare".to_owned(),
    };
    ("wrong", detail)
}

/// What the registered SQL gives, and whether it sorts.
fn truth(sql: &str, principal: &Rc<Principal>, watch: &Stopwatch) -> StageResult<(Table, bool)> {
    let plane = own_plane()?;
    let subject = Subject { plane: &plane, principal: Some(principal), columns: None };
    run::with_statement(sql, subject, &mut Stopwatch::start(watch.left()), |statement, _| table(statement, &plane))
}

fn table(statement: Statement<'_>, plane: &Plane) -> StageResult<(Table, bool)> {
    let Given { table, is_sorted, truncated } = given(statement, plane, CAPS)?;
    if truncated {
        return Err(Refusal::new(State::Limit, "the rows are more than are compared"));
    }
    Ok((table, is_sorted))
}

/// What a statement gave.
pub(super) struct Given {
    /// Its rows.
    pub(super) table: Table,
    /// Whether it sorts them.
    pub(super) is_sorted: bool,
    /// Whether there were more.
    pub(super) truncated: bool,
}

/// What comparisons need to know of the columns.
pub(super) fn columns(statement: &Statement<'_>, plane: &Plane) -> Vec<Column> {
    let of_protected = |table| plane.of_table(table).is_some_and(|relation| !relation.is_shared);
    statement
        .column_facts
        .iter()
        .map(|column| Column {
            is_float: matches!(column.type_oid, pg_sys::FLOAT4OID | pg_sys::FLOAT8OID),
            is_protected: column.origin.is_some_and(|(table, _)| of_protected(table)),
        })
        .collect()
}

/// Runs it.
pub(super) fn given(statement: Statement<'_>, plane: &Plane, caps: Caps) -> StageResult<Given> {
    let (columns, is_sorted) = (columns(&statement, plane), statement.facts.is_sorted);
    let planned = statement.plan(plane)?;
    let mut sink = Sink::json(caps, WideNumbers::Number, &plane.extensions.answers);
    run::run(planned, &mut sink)?;
    let rows = sink.into_json()?;
    let table = Table::read(&rows.text, columns).map_err(|_| unreadable())?;
    Ok(Given { table, is_sorted, truncated: rows.truncated })
}

pub(super) fn unreadable() -> Refusal {
    Refusal::internal("the rows of an answer cannot be read")
}

impl Case {
    fn of(record: Option<&CallRecord>, started: Option<Instant>) -> Self {
        Case {
            verdict: "not answered",
            detail: String::new(),
            sql: record.and_then(|record| record.sql.clone()),
            milliseconds: started.map_or(0.0, |started| started.elapsed().as_secs_f64() * 1e3),
            model_calls: record.map_or(0, |record| record.model_calls),
            input_tokens: record.map_or(0, |record| record.input_tokens),
            output_tokens: record.map_or(0, |record| record.output_tokens),
        }
    }
}

/// The record of the question, while it is asked.
struct Recorded {
    is_open: bool,
}

impl Recorded {
    fn begin(principal: &Principal, question: &str) -> Self {
        audit_log::calls::prepare();
        calls::begin(EntryPoint::AskDryRun);
        calls::note(|call| {
            call.question = Some(question.to_owned());
            call.verified(principal);
        });
        Recorded { is_open: true }
    }

    /// The audit log gets it, and may refuse.
    fn end(mut self, refusal: Option<Refusal>, is_answered: bool) -> StageResult<Option<CallRecord>> {
        self.is_open = false;
        let Some(mut record) = calls::end() else { return Ok(None) };
        if is_answered && record.outcome.is_none() {
            record.outcome = Some(Outcome::DryRun);
        }
        let was_refused = refusal.is_some();
        match audit_log::calls::ended(&record, refusal) {
            Some(withheld) if !was_refused => Err(withheld),
            Some(_) | None => Ok(Some(record)),
        }
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if self.is_open {
            calls::end();
        }
    }
}
