//! The SQL surface: checks the arguments and calls the stages in order.
//!
//!     SignedContext --verify--> Principal --understand--> UntrustedSql --gate--> Gated --attach--> Attached --prove-->
//!     Proven --run--> Rows

mod admin;
mod document;
pub mod registration;
mod selftest;

use crate::attach::{self, Claims};
use crate::catalog::plane::Plane;
use crate::catalog::{current_plane, principals};
use crate::error::{Refusal, StageResult, State};
use crate::gate::{self, GateError, GateErrorKind, Gated, Limits};
use crate::identity::principal::Principal;
use crate::identity::{ContextError, Policy, SignedContext, VerifiedIdentity};
use crate::pgx::entry::{Entries, Request};
use crate::pgx::plan::{Caps, JsonRows, Sink, TupleRows};
use crate::pgx::{parse, pg_try, server};
use crate::preflight;
use crate::prove::ProofFacts;
use crate::question::{Asked, Declined, Outcome, Source, Told, Understood, UntrustedSql};
use crate::run;
use crate::{ledger, settings};
use pgrx::pg_sys;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Microseconds by stage, in the order of the call. A stage that was entered again is summed up.
#[derive(Debug, Default, Clone)]
pub struct Timings(pub Vec<(&'static str, f64)>);

struct Stopwatch {
    started: Instant,
    last: Instant,
    timings: Timings,
}

impl Stopwatch {
    fn start() -> Self {
        let now = Instant::now();
        Stopwatch { started: now, last: now, timings: Timings::default() }
    }

    fn lap(&mut self, stage: &'static str) {
        let now = Instant::now();
        let spent = now.duration_since(self.last).as_secs_f64() * 1e6;
        self.last = now;
        match self.timings.0.iter_mut().find(|(known, _)| *known == stage) {
            Some((_, sum)) => *sum += spent,
            None => self.timings.0.push((stage, spent)),
        }
    }

    /// When the call's deadline passes.
    fn deadline(&self) -> Instant {
        self.started + Duration::from_millis(u64::try_from(settings::deadline()).unwrap_or(0))
    }

    /// Milliseconds that are left of the call's deadline, at least one.
    fn left(&self) -> i32 {
        let spent = i32::try_from(self.started.elapsed().as_millis()).unwrap_or(i32::MAX);
        settings::deadline().saturating_sub(spent).max(1)
    }

    fn finish(mut self) -> Timings {
        self.timings.0.push(("total", self.started.elapsed().as_secs_f64() * 1e6));
        self.timings
    }
}

/// A request that passed layer 1.
struct Call {
    principal: Rc<Principal>,
    asked: Asked,
    sql: Option<String>,
    watch: Stopwatch,
    /// Whether the last attempt got as far as planning, which runs functions: from there an error may quote a value.
    touched_values: bool,
}

/// What became of a call that did not fail.
enum Answer<T> {
    /// This SQL gave it.
    Given(UntrustedSql, T),
    /// A message instead of an answer.
    Declined(Declined),
}

/// What one run of a statement gave.
struct Rows {
    columns: Vec<(String, String)>,
    rows: JsonRows,
    facts: ProofFacts,
}

/// What the C entry points call.
pub const ENTRIES: Entries = Entries {
    ask,
    ask_rows,
    ask_dry_run,
    max_text_bytes: settings::max_sql_bytes,
    max_session_growth: settings::max_session_growth,
};

/// Answers with one JSON document.
pub fn ask(request: Request) -> StageResult<String> {
    let mut call = verified(request)?;
    let caps = Caps { rows: settings::max_rows(), bytes: settings::max_bytes() };
    let answer = answer(&mut call, |call, plane, gated| {
        let Call { principal, watch, touched_values, .. } = call;
        run::confined(plane, Rc::clone(principal), watch.left(), |confinement| {
            let claims = Claims::Of(principal);
            let statement = run::prove(confinement, gated, plane, claims, None, |stage| watch.lap(stage))?;
            let (columns, facts) = (named_types(plane, &statement.columns), statement.facts.clone());
            *touched_values = true;
            let planned = statement.plan(plane)?;
            watch.lap("plan");
            let mut sink = Sink::json(caps);
            run::run(planned, &mut sink)?;
            watch.lap("run");
            Ok(Rows { columns, rows: sink.into_json()?, facts })
        })
    })?;
    call.watch.lap("encode");
    let Call { mut asked, mut watch, .. } = call;
    match answer {
        Answer::Declined(declined) => {
            // A question that was asked back belongs to the conversation; one that was turned away does not.
            if declined.outcome == Outcome::Clarify {
                asked.keep(None)?;
            }
            Ok(document::declined(&declined, &asked, &watch.finish()))
        }
        Answer::Given(sql, Rows { columns, rows, facts }) => {
            let told = if sql.source() == Source::VerifiedQuery {
                None
            } else {
                let told = asked.narrate(&Told {
                    sql: sql.text(),
                    columns: columns.iter().map(|(name, _)| name.clone()).collect(),
                    rows: &rows.text,
                    count: rows.count,
                    truncated: rows.truncated,
                    is_aggregate: facts.is_aggregate,
                    is_private: !facts.private.is_empty(),
                })?;
                watch.lap("narrate");
                told
            };
            asked.keep(Some(sql.text()))?;
            let answered = document::Answered { columns: &columns, rows: &rows, sql: &sql, answer: told.as_deref() };
            document::answered(&answered, &asked, &watch.finish())
        }
    }
}

/// Answers with typed rows, converted to the caller's column definition list.
pub fn ask_rows(
    request: Request,
    columns: &[(pg_sys::Oid, i32)],
    memory: pg_sys::MemoryContext,
) -> StageResult<TupleRows> {
    let mut call = verified(request)?;
    let caps = Caps { rows: settings::max_rows(), bytes: settings::max_bytes() };
    let answer = answer(&mut call, |call, plane, gated| {
        let Call { principal, watch, touched_values, .. } = call;
        run::confined(plane, Rc::clone(principal), watch.left(), |confinement| {
            let claims = Claims::Of(principal);
            let statement = run::prove(confinement, gated, plane, claims, Some(columns), |_| {})?;
            *touched_values = true;
            let planned = statement.plan(plane)?;
            let mut sink = Sink::tuples(caps, memory);
            run::run(planned, &mut sink)?;
            sink.into_tuples()
        })
    })?;
    match answer {
        Answer::Given(_, rows) => Ok(rows),
        // Rows cannot carry a message.
        Answer::Declined(Declined { outcome, message, .. }) => {
            Err(Refusal::new(State::Argument, format!("{}: {message}", outcome.as_str())))
        }
    }
}

/// Does everything but run, and shows what would have been run.
pub fn ask_dry_run(request: Request) -> StageResult<String> {
    let mut call = verified(request)?;
    // Estimates and plans tell of every tenant's rows: they are for administrators.
    let is_administrator = server::role(c"splitplane_admin").is_some_and(server::session_is_member);
    let answer = answer(&mut call, |call, plane, gated| {
        let Call { principal, watch, touched_values, .. } = call;
        run::confined(plane, Rc::clone(principal), watch.left(), |confinement| {
            let claims = Claims::Of(principal);
            let statement = run::prove(confinement, gated, plane, claims, None, |stage| watch.lap(stage))?;
            *touched_values = true;
            let parameters = statement.parameters.shown(|type_oid| plane.types.shown(type_oid));
            let plane_sql = statement.shown.clone();
            let (columns, facts) = (named_types(plane, &statement.columns), statement.facts.clone());
            let planned = statement.plan(plane)?;
            watch.lap("plan");
            Ok(document::DryRun {
                plane_sql,
                parameters,
                columns,
                facts,
                plan: is_administrator.then(|| plane.types.renamed(&planned.explain())),
            })
        })
    })?;
    let Call { asked, watch, .. } = call;
    Ok(match answer {
        Answer::Declined(declined) => document::declined(&declined, &asked, &watch.finish()),
        Answer::Given(sql, shown) => document::dry_run(&shown, &sql, &asked, &watch.finish()),
    })
}

/// Layer 1.
fn verified(request: Request) -> StageResult<Call> {
    let mut watch = Stopwatch::start();
    preflight::check()?;
    let Request { context, question, sql, conversation } = request;
    let context = context.ok_or_else(|| Refusal::new(State::Argument, "the context is NULL"))?;
    let payload = question
        .as_deref()
        .or(sql.as_deref())
        .ok_or_else(|| Refusal::new(State::Argument, "give a question, or the SQL that a model wrote (sql => ..)"))?;
    let principal = Rc::new(verify(&context, payload)?);
    // An earlier question changes what this one means, so which questions those are is part of what was asked.
    if question.is_some() && conversation.is_some() && conversation.as_deref() != principal.identity().conversation() {
        return Err(Refusal::identity("the conversation is not the one that the context is signed for"));
    }
    // A closed plane refuses before any model is asked.
    current_plane()?;
    watch.lap("verify");
    let asked = Asked::new(Rc::clone(&principal), question, conversation, watch.deadline())?;
    Ok(Call { principal, asked, sql, watch, touched_values: false })
}

/// Layer 2, the gate, and `attempt` for layer 3; SQL of the model's own is repaired and attempted again.
fn answer<T>(
    call: &mut Call,
    mut attempt: impl FnMut(&mut Call, &Plane, &Gated) -> StageResult<T>,
) -> StageResult<Answer<T>> {
    let sql = call.sql.take();
    let mut understood = call.asked.understand(sql)?;
    if call.asked.is_question() {
        call.watch.lap("understand");
    }
    let mut repairs_left = settings::model::max_repairs();
    loop {
        let sql = match understood {
            Understood::Sql(sql) => sql,
            Understood::Declined(declined) => {
                pg_try::log(&format!("layer 2: {}: {}", declined.outcome.as_str(), declined.reason));
                return Ok(Answer::Declined(declined));
            }
        };
        // Read anew: waiting for a model takes time in which a DBA may have changed the plane.
        let plane = current_plane()?;
        call.touched_values = false;
        let refusal = match gated(call, &plane, &sql).and_then(|gated| attempt(call, &plane, &gated)) {
            Ok(value) => return Ok(Answer::Given(sql, value)),
            Err(refusal) => refusal,
        };
        let Some(left) = repairs_left.checked_sub(1) else { return Err(refusal) };
        repairs_left = left;
        let Some(repaired) = call.asked.repair(&sql, &refusal, call.touched_values)? else { return Err(refusal) };
        call.watch.lap("repair");
        understood = repaired;
    }
}

fn gated(call: &mut Call, plane: &Plane, sql: &UntrustedSql) -> StageResult<Gated> {
    let limits = Limits { max_bytes: settings::max_sql_bytes(), ..Limits::default() };
    let gated = gate::admit(sql.text(), &limits).map_err(|error| {
        if error.kind() == GateErrorKind::Syntax {
            syntax_verdict(plane, Some(Rc::clone(&call.principal)), call.watch.left(), sql.text(), error)
        } else {
            from_gate(error)
        }
    })?;
    call.watch.lap("gate");
    Ok(gated)
}

/// What the gate could not read: PostgreSQL's parser, which nothing else follows here, tells wrong SQL (its own 42601)
/// from SQL that only the gate does not know (0A000).
pub fn syntax_verdict(
    plane: &Plane,
    principal: impl Into<Option<Rc<Principal>>>,
    left: i32,
    sql: &str,
    error: GateError,
) -> Refusal {
    let verdict = run::confined(plane, principal, left, |confinement| {
        attach::refuse_by_name(plane, parse::parse_one(confinement, sql)?)
    });
    match verdict {
        Ok(()) => Refusal::new(State::NotAdmitted, format!("SQL that the gate cannot read: {error}"))
            .with_detail(error.detail().unwrap_or_default()),
        Err(refusal) => refusal,
    }
}

/// Layer 1: signature, key, date, audience, replay, principal.
fn verify(context: &str, payload: &str) -> StageResult<Principal> {
    let identity = identified(SignedContext::parse(context).map_err(from_context)?, payload)?;
    let rows = principals::principals(identity.tenant(), identity.business(), identity.subject())?;
    Principal::resolve(identity, rows).map_err(from_context)
}

/// Signature, key, date, audience, replay.
fn identified(context: SignedContext, payload: &str) -> StageResult<VerifiedIdentity> {
    #[cfg(feature = "ablation")]
    if crate::ablation::is_off(crate::ablation::Switch::Signature) {
        return context.unverified(payload.as_bytes()).map_err(from_context);
    }
    let key = principals::key(context.key_id())?;
    let now = server::now();
    let clock_skew = settings::clock_skew();
    let policy = Policy {
        audience: &settings::audience(&server::database_name()),
        now,
        clock_skew,
        horizon: ledger::horizon()?,
    };
    let identity = context.verify(key.as_ref(), payload.as_bytes(), &policy).map_err(from_context)?;
    ledger::use_once(&identity, now, clock_skew)?;
    Ok(identity)
}

fn from_context(error: ContextError) -> Refusal {
    if error.is_malformed() {
        Refusal::new(State::Argument, error.to_string())
    } else {
        Refusal::identity(error.to_string())
    }
}

/// What the gate refuses, as every entry point says it.
pub fn from_gate(error: GateError) -> Refusal {
    let state = match error.kind() {
        GateErrorKind::TooLong | GateErrorKind::TooComplex => State::TooComplex,
        GateErrorKind::Empty | GateErrorKind::Syntax | GateErrorKind::Parameter => State::Syntax,
        GateErrorKind::NotOneStatement
        | GateErrorKind::NotSelect
        | GateErrorKind::Construct
        | GateErrorKind::UnsupportedByGate => State::NotAdmitted,
        GateErrorKind::Character => State::Argument,
    };
    let refusal = Refusal::new(state, error.to_string());
    match error.detail() {
        Some(detail) => refusal.with_detail(detail),
        None => refusal,
    }
}

fn named_types(plane: &Plane, columns: &[(String, pg_sys::Oid)]) -> Vec<(String, String)> {
    columns.iter().map(|(name, type_oid)| (name.clone(), plane.types.shown(*type_oid))).collect()
}
