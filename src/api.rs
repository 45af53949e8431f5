//! The SQL surface: checks the arguments and calls the stages in order.
//!
//!     SignedContext --verify--> Principal --gate--> Gated --attach--> Attached --prove--> Proven --run--> Rows

use crate::catalog::plane::Plane;
use crate::catalog::{current_plane, register, requirements};
use crate::error::{Refusal, StageResult, State};
use crate::execute;
use crate::gate::{self, GateError, GateErrorKind, Gated, Limits};
use crate::guard;
use crate::identity::principal::Principal;
use crate::identity::{ContextError, Policy, SignedContext};
use crate::pgx::run::{Caps, Sink, TupleRows};
use crate::pgx::{parse, server, values};
use crate::plane::{self, Claims};
use crate::{document, settings, shared};
use pgrx::pg_sys;
use std::rc::Rc;
use std::time::Instant;

/// The arguments of the three entry points.
pub struct Request {
    /// JSON text of the signed headers.
    pub context: Option<String>,
    /// The question in words.
    pub question: Option<String>,
    /// SQL that an LLM outside wrote.
    pub sql: Option<String>,
}

/// Microseconds by stage, in the order of the call.
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
        self.timings.0.push((stage, now.duration_since(self.last).as_secs_f64() * 1e6));
        self.last = now;
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

/// A request that passed layer 1 and the gate.
struct Admitted {
    principal: Rc<Principal>,
    plane: Rc<Plane>,
    gated: Gated,
    watch: Stopwatch,
}

/// Answers with one JSON document.
pub fn ask(request: Request) -> StageResult<String> {
    let Admitted { principal, plane, gated, mut watch } = admit(request)?;
    let caps = Caps { rows: settings::max_rows(), bytes: settings::max_bytes() };
    let (columns, rows) = execute::confined(&plane, Rc::clone(&principal), watch.left(), |confinement| {
        let attached = plane::attach(confinement, &gated, &plane, Claims::Of(&principal))?;
        watch.lap("attach");
        let analysed = parse::analyse(attached.grafted, &attached.parameters)?;
        let columns = named_types(&analysed.query().columns());
        let proven = guard::prove(analysed, &attached.fences, &plane)?;
        watch.lap("prove");
        let planned = execute::plan(proven, &attached.parameters)?;
        watch.lap("plan");
        let mut sink = Sink::json(caps);
        execute::run(planned, &mut sink)?;
        watch.lap("run");
        Ok((columns, sink.into_json()?))
    })?;
    watch.lap("encode");
    Ok(document::answered(&columns, &rows, gated.sql(), &watch.finish()))
}

/// Answers with typed rows, converted to the caller's column definition list.
pub fn ask_rows(
    request: Request,
    columns: &[(pg_sys::Oid, i32)],
    memory: pg_sys::MemoryContext,
) -> StageResult<TupleRows> {
    let Admitted { principal, plane, gated, watch } = admit(request)?;
    let caps = Caps { rows: settings::max_rows(), bytes: settings::max_bytes() };
    execute::confined(&plane, Rc::clone(&principal), watch.left(), |confinement| {
        let attached = plane::attach(confinement, &gated, &plane, Claims::Of(&principal))?;
        let analysed = parse::analyse(attached.grafted, &attached.parameters)?;
        analysed.coerce_columns(columns)?;
        let proven = guard::prove(analysed, &attached.fences, &plane)?;
        let planned = execute::plan(proven, &attached.parameters)?;
        let mut sink = Sink::tuples(caps, memory);
        execute::run(planned, &mut sink)?;
        sink.into_tuples()
    })
}

/// Does everything but run, and shows what would have been run.
pub fn ask_dry_run(request: Request) -> StageResult<String> {
    let Admitted { principal, plane, gated, mut watch } = admit(request)?;
    // Estimates and plans tell of every tenant's rows: they are for administrators.
    let is_administrator = server::role(c"splitplane_admin").is_some_and(server::session_is_member);
    let shown = execute::confined(&plane, Rc::clone(&principal), watch.left(), |confinement| {
        let attached = plane::attach(confinement, &gated, &plane, Claims::Of(&principal))?;
        watch.lap("attach");
        let analysed = parse::analyse(attached.grafted, &attached.parameters)?;
        let columns = named_types(&analysed.query().columns());
        let proven = guard::prove(analysed, &attached.fences, &plane)?;
        let facts = proven.facts().clone();
        watch.lap("prove");
        let planned = execute::plan(proven, &attached.parameters)?;
        watch.lap("plan");
        Ok(document::DryRun {
            plane_sql: attached.shown,
            parameters: attached.parameters.shown(),
            columns,
            facts,
            plan: is_administrator.then(|| planned.explain()),
        })
    })?;
    Ok(document::dry_run(&shown, gated.sql(), &watch.finish()))
}

fn admit(request: Request) -> StageResult<Admitted> {
    let mut watch = Stopwatch::start();
    requirements::check()?;
    let Request { context, question, sql } = request;
    let context = context.ok_or_else(|| Refusal::new(State::Argument, "the context is NULL"))?;
    let payload = question
        .as_deref()
        .or(sql.as_deref())
        .ok_or_else(|| Refusal::new(State::Argument, "give a question, or the SQL that a model wrote (sql => ..)"))?;
    let principal = verify(&context, payload)?;
    let plane = current_plane()?;
    watch.lap("verify");
    let Some(sql) = sql else {
        return Err(Refusal::new(
            State::Unsafe,
            "no model is configured to answer a question; give the SQL with sql => ..",
        ));
    };
    let limits = Limits { max_bytes: settings::max_sql_bytes(), ..Limits::default() };
    let principal = Rc::new(principal);
    let gated = match gate::admit(&sql, &limits) {
        Ok(gated) => gated,
        Err(error) if error.kind() == GateErrorKind::Syntax => {
            return Err(syntax_verdict(&plane, principal, watch.left(), &sql, error));
        }
        Err(error) => return Err(from_gate(error)),
    };
    watch.lap("gate");
    Ok(Admitted { principal, plane, gated, watch })
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
    let verdict = execute::confined(plane, principal, left, |confinement| {
        plane::refuse_by_name(plane, parse::parse_one(confinement, sql)?)
    });
    match verdict {
        Ok(()) => Refusal::new(State::NotAdmitted, format!("SQL that the gate cannot read: {error}"))
            .with_detail(error.detail().unwrap_or_default()),
        Err(refusal) => refusal,
    }
}

/// Layer 1: signature, key, date, audience, replay, principal.
fn verify(context: &str, payload: &str) -> StageResult<Principal> {
    let context = SignedContext::parse(context).map_err(from_context)?;
    let key = register::key(context.key_id())?;
    let now = server::now();
    let clock_skew = settings::clock_skew();
    let policy = Policy {
        audience: &settings::audience(&server::database_name()),
        now,
        clock_skew,
        horizon: shared::horizon()?,
    };
    let identity = context.verify(key.as_ref(), payload.as_bytes(), &policy).map_err(from_context)?;
    shared::use_once(&identity, now, clock_skew)?;
    let rows = register::principals(identity.tenant(), identity.business(), identity.subject())?;
    Principal::resolve(identity, rows).map_err(from_context)
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

fn named_types(columns: &[(String, pg_sys::Oid)]) -> Vec<(String, String)> {
    columns.iter().map(|(name, type_oid)| (name.clone(), values::type_name(*type_oid))).collect()
}
