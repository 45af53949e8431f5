//! The one pipeline of an untrusted text, for every entry point:
//!
//!     text --gate--> Gated --attach--> Attached --trust--> Trusted --prove--> Proven --plan--> Planned --run--> Rows
//!
//! Each stage takes the value of the one before it. Only `prove` calls the planner, so what was not proved has no plan to run;
//! tests/architecture holds that.

use super::counted::Counted;
use super::gated::Admitted;
use super::proved::{Candidate, KeptStatement, Sought};
use super::{claimed, confined, confined_with, parents, spelling};
use crate::ablation::{self, Switch};
use crate::attach::{self, Attached, Claims, GatedView, Keys};
use crate::catalog::plane::Plane;
use crate::error::{Refusal, StageResult, State};
use crate::gate::{GateError, GateErrorKind, Gated};
use crate::identity::principal::Principal;
use crate::pgx::parameters::Parameters;
use crate::pgx::parse;
use crate::pgx::pg_try;
use crate::pgx::plan::Planned;
use crate::pgx::query::QueryView;
use crate::pgx::query::outputs::ColumnFacts;
use crate::pgx::section::confine::Confinement;
use crate::pgx::sink::Sink;
use crate::prove::{self, ProofFacts, Proven};
use crate::settings;
use crate::timings::Stopwatch;
use crate::trust;
use pgrx::pg_sys::Oid;
use std::rc::Rc;

/// For whom a text is tried, and on what.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The plane.
    pub plane: &'a Plane,
    /// Whose rows; `None` for nobody's: the text can be proved and sees no row of a tenant.
    pub principal: Option<&'a Rc<Principal>>,
    /// (type, modifier) pairs that the result columns are converted to.
    pub columns: Option<&'a [(Oid, i32)]>,
}

/// A statement that was proved to stay in the plane, and what is known of it before it runs.
pub struct Statement<'c> {
    proven: Proven<'c>,
    /// The claims that the fences compare with.
    pub parameters: Parameters<'c>,
    /// The plane SQL as text, to show.
    pub shown: String,
    /// (name, type) of each result column.
    pub columns: Vec<(String, Oid)>,
    /// What is known of them besides.
    pub column_facts: Vec<ColumnFacts>,
    /// What was proved.
    pub facts: ProofFacts,
}

/// Takes a gated text with the views that it reads, in the confined section, to its proof; `body` plans and runs it there, or
/// does not.
pub(super) fn with_views<T>(
    admitted: &Admitted,
    views: &[GatedView],
    subject: Subject<'_>,
    watch: &mut Stopwatch,
    body: impl for<'c> FnOnce(Statement<'c>, &mut Stopwatch) -> StageResult<T>,
) -> StageResult<T> {
    let Admitted { gated, was_known } = admitted;
    let Subject { plane, principal, columns } = subject;
    // What one session sends once is not worth a copy.
    let asker = principal.filter(|_| {
        *was_known && !parents::are_needed(gated, views, plane) && !parents::are_of_data_servers(gated, views, plane)
    });
    confined_with(plane, principal.cloned(), watch.left(), |confinement, settings| {
        let candidate = asker.and_then(|principal| {
            let sought = Sought { gated, principal, columns };
            Candidate::new(sought, plane, settings)
        });
        let mut done = |stage| watch.lap(stage);
        let known = match (&candidate, asker) {
            (Some(candidate), Some(asker)) => proved_before(confinement, candidate, asker, plane, &mut done)?,
            _ => None,
        };
        let statement = match known {
            Some(statement) => statement,
            None => {
                let claims = principal.map_or(Claims::Unknown, |principal| Claims::Of(principal));
                prove_as(confinement, gated, views, plane, claims, columns, candidate.as_ref(), done)?
            }
        };
        body(statement, watch)
    })
    .map_err(|refusal| spelling::hinted(plane, gated, refusal))
}

/// A statement that was proved in this session before, with this asker's claims.
fn proved_before<'c>(
    confinement: &'c Confinement<'c>,
    candidate: &Candidate<'_>,
    asker: &Principal,
    plane: &Plane,
    done: &mut impl FnMut(&'static str),
) -> StageResult<Option<Statement<'c>>> {
    let Some(found) = candidate.find(confinement) else { return Ok(None) };
    let KeptStatement { proof, shown, columns, column_facts } = &*found.statement;
    let Some(parameters) = proof.bind(confinement, plane, found.claims(asker))? else { return Ok(None) };
    pg_try::debug("the statement was proved before");
    done("attach");
    let proven = proof.tree(confinement, shown)?.with_row_security(plane)?;
    let proven = counted(proven, confinement, candidate.gated(), plane)?;
    let facts = proven.facts().clone();
    done("prove");
    let (shown, columns, column_facts) = (shown.clone(), columns.clone(), column_facts.clone());
    Ok(Some(Statement { proven, parameters, shown, columns, column_facts, facts }))
}

/// The same statement under the text by which modules that count statements are to know it.
fn counted<'c>(
    mut proven: Proven<'c>,
    confinement: &'c Confinement<'c>,
    gated: &Gated,
    plane: &Plane,
) -> StageResult<Proven<'c>> {
    if settings::tracks_statements() {
        let Counted { text, number } = Counted::of(gated, proven.facts(), plane);
        proven.count_as(confinement, &text, number)?;
    }
    Ok(proven)
}

/// Attaches the fences to a gated text, has PostgreSQL analyse it, and proves the tree. `wanted` are the (type, modifier)
/// pairs that the result columns are converted to first; `done` is called after each stage.
#[cfg(feature = "pg_test")]
pub fn prove<'c>(
    confinement: &'c Confinement<'c>,
    gated: &Gated,
    views: &[GatedView],
    plane: &Plane,
    claims: Claims<'_>,
    wanted: Option<&[(Oid, i32)]>,
    done: impl FnMut(&'static str),
) -> StageResult<Statement<'c>> {
    prove_as(confinement, gated, views, plane, claims, wanted, None, done)
}

/// The same; what was proved is kept if it is a candidate.
#[expect(clippy::too_many_arguments, reason = "the subject of one statement, in parts")]
fn prove_as<'c>(
    confinement: &'c Confinement<'c>,
    gated: &Gated,
    views: &[GatedView],
    plane: &Plane,
    claims: Claims<'_>,
    wanted: Option<&[(Oid, i32)]>,
    candidate: Option<&Candidate<'_>>,
    mut done: impl FnMut(&'static str),
) -> StageResult<Statement<'c>> {
    let has_parents = parents::are_needed(gated, views, plane);
    let keys = if has_parents { parents::collect(confinement, gated, views, plane, claims)? } else { Keys::new() };
    if has_parents {
        done("parents");
    }
    // The nodes give all that they find before the first row is looked at; one more row says that there are more.
    let most_rows = plane.is_on_nodes.then(|| settings::max_rows().saturating_add(1));
    let Attached { grafted, fences, views, parameters, shown } =
        attach::attach(confinement, gated, views, plane, claims, &keys, most_rows)?;
    done("attach");
    // Analysis changes the tree.
    let texts = candidate.map(|_| grafted.texts());
    let known = |query: QueryView<'_>| prove::refuse_strangers(query, plane);
    let mut analysed = parse::analyse(grafted, &parameters, &plane.name_scope(), known)?;
    if has_parents {
        analysed = analysed.under_this_snapshot();
    }
    if !ablation::is_off(Switch::Barriers) {
        let barriers = views.iter().filter(|attached| !attached.fences.is_empty());
        analysed.put_barriers(&barriers.map(|attached| attached.view.name.as_str()).collect::<Vec<_>>());
    }
    if let Some(columns) = wanted {
        analysed.coerce_columns(columns)?;
    }
    let is_lasting = texts.is_some_and(|texts| analysed.query().is_lasting(&texts));
    let columns = analysed.query().columns();
    let column_facts = analysed.query().column_facts();
    let tree = prove::prove_tree(trust::trust(analysed, plane)?, fences, views, plane)?;
    let kept = candidate.filter(|_| is_lasting).and_then(|candidate| Some((candidate, tree.keep(confinement)?)));
    let proven = counted(tree.with_row_security(plane)?, confinement, gated, plane)?;
    let facts = proven.facts().clone();
    if let Some((candidate, proof)) = kept {
        let (shown, columns, column_facts) = (shown.clone(), columns.clone(), column_facts.clone());
        candidate.keep(KeptStatement { proof, shown, columns, column_facts });
    }
    done("prove");
    Ok(Statement { proven, parameters, shown, columns, column_facts, facts })
}

impl<'c> Statement<'c> {
    /// Its columns as (name, type), the types by the names that the plane has for them.
    pub fn named_types(&self, plane: &Plane) -> Vec<(String, String)> {
        self.columns.iter().map(|(name, type_oid)| (name.clone(), plane.types.shown(*type_oid))).collect()
    }

    /// Plans it; over `splitplane.max_cost` it is refused.
    pub fn plan(self, plane: &Plane) -> StageResult<Planned<'c>> {
        claimed::look_ahead(&self.proven.remote_tables())?;
        let planned = self.proven.plan(&self.parameters, plane)?;
        match settings::max_cost() {
            Some(limit) if planned.cost() > limit => Err(Refusal::new(
                State::Limit,
                "the statement's estimated cost is over splitplane.max_cost; narrow it down",
            )),
            _ => Ok(planned),
        }
    }
}

/// Runs a planned statement into `sink`.
pub fn run(planned: Planned<'_>, sink: &mut Sink<'_, '_>) -> StageResult<()> {
    planned.asks_only(claimed::present(planned.remote_tables())?)?;
    planned.execute(sink)
}

/// What the gate could not read: PostgreSQL's parser, and nothing after it, separates wrong SQL (its own 42601)
/// from SQL that only the gate cannot read (0A000).
pub(super) fn refused_by_gate(sql: &str, subject: Subject<'_>, left: i32, error: GateError) -> Refusal {
    if !matches!(error.kind(), GateErrorKind::Syntax | GateErrorKind::UnsupportedByGate) {
        return from_gate(error);
    }
    let verdict = confined(subject.plane, subject.principal.cloned(), left, |confinement| {
        attach::refuse_by_name(subject.plane, &mut parse::parse_one(confinement, sql)?)
    });
    match verdict {
        Ok(()) if error.kind() == GateErrorKind::UnsupportedByGate => from_gate(error),
        Ok(()) => Refusal::new(State::NotAdmitted, format!("SQL that the gate cannot read: {error}"))
            .with_detail(error.detail().unwrap_or_default()),
        Err(refusal) => refusal,
    }
}

/// What the gate refuses, as every entry point says it.
pub(super) fn from_gate(error: GateError) -> Refusal {
    let state = match error.kind() {
        GateErrorKind::TooLong | GateErrorKind::TooComplex => State::TooComplex,
        GateErrorKind::Empty | GateErrorKind::Syntax | GateErrorKind::Parameter | GateErrorKind::GroupByAll => {
            State::Syntax
        }
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
