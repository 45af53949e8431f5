//! The SQL surface: checks the arguments and calls the stages in order.
//!
//!     SignedContext --verify--> Principal --understand--> UntrustedSql
//!
//! From there on the stages are those of `run::pipeline`.

mod admin;
mod audit;
mod baseline;
mod data_servers;
mod document;
mod evaluation;
mod figures;
mod observed;
mod rating;
pub mod registration;
mod selftest;
mod shadow;

use crate::audit_log;
use crate::authenticate;
use crate::budget;
use crate::calls::{self, Decline, Outcome};
use crate::catalog::plane::Plane;
use crate::catalog::{current_plane, refuse_if_closed, renewed_plane, version};
use crate::error::{Refusal, StageResult, State};
use crate::evaluate::Column;
use crate::identity::principal::Principal;
use crate::pgx::entry::{Entries, Request};
use crate::pgx::plan::Planned;
use crate::pgx::sink::{Caps, JsonRows, QueryMemory, Sink, TupleRows};
use crate::pgx::{pg_try, server};
use crate::preflight;
use crate::prove::ProofFacts;
use crate::question::{Asked, Declined, Source, Told, Understood, UntrustedSql};
use crate::reason::Reason;
use crate::remote::Form;
use crate::run::{self, Statement, Subject};
use crate::settings;
use crate::timings::Stopwatch;
use pgrx::pg_sys;
use shadow::First;
use std::collections::BTreeSet;
use std::rc::Rc;

/// A request that passed layer 1.
struct Call {
    principal: Rc<Principal>,
    asked: Asked,
    sql: Option<String>,
    watch: Stopwatch,
    /// Whether the last attempt got as far as planning, which runs functions: from there an error may quote a value.
    touched_values: bool,
}

impl Call {
    /// The pipeline over the plane as it is known.
    fn attempt<T>(
        &mut self,
        sql: &UntrustedSql,
        plane: &Plane,
        columns: Option<&[(pg_sys::Oid, i32)]>,
        finish: &mut impl FnMut(Statement<'_>, &Plane, &mut Stopwatch) -> StageResult<T>,
    ) -> StageResult<T> {
        let Call { principal, watch, touched_values, .. } = self;
        *touched_values = false;
        let subject = Subject { plane, principal: Some(principal), columns };
        run::with_statement(sql.text(), subject, watch, |statement, watch| {
            *touched_values = true;
            calls::note(|call| {
                call.relations.clone_from(&statement.facts.relations);
                call.form = statement.facts.form.map(Form::name);
            });
            finish(statement, plane, watch)
        })
    }
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
    /// As comparisons know its columns.
    compared: Vec<Column>,
}

/// What the C entry points call.
pub const ENTRIES: Entries = Entries {
    ask,
    ask_rows,
    ask_dry_run,
    rate: rating::rate,
    begin: observed::begin,
    end: observed::end,
    check_version: version::check,
    max_text_bytes: settings::max_sql_bytes,
    deadline: settings::deadline,
    max_memory: settings::max_memory,
    max_session_growth: settings::max_session_growth,
};

/// Answers with one JSON document.
pub fn ask(request: Request) -> StageResult<String> {
    let mut call = verified(request)?;
    call.asked.may_be_compared();
    let caps = Caps { rows: settings::max_rows(), bytes: settings::max_bytes() };
    let answer = answer(&mut call, None, |statement, plane, watch| {
        let (columns, facts) = (statement.named_types(plane), statement.facts.clone());
        let compared = evaluation::columns(&statement, plane);
        let planned = statement.plan(plane)?;
        note_nodes(&planned, plane)?;
        watch.lap("plan");
        let mut sink = Sink::json(caps, settings::wide_numbers(), &plane.extensions.answers);
        run::run(planned, &mut sink)?;
        watch.lap("run");
        let rows = sink.into_json()?;
        note_delivered(rows.count, rows.text.len());
        Ok(Rows { columns, rows, facts, compared })
    })?;
    call.watch.lap("encode");
    let Call { principal, mut asked, mut watch, .. } = call;
    match answer {
        Answer::Declined(declined) => {
            // A question that needs clarification belongs to the conversation; one that was refused does not.
            if declined.outcome == Decline::Clarify {
                asked.keep(None)?;
            }
            Ok(document::declined(&declined, &asked, &watch.finish()))
        }
        Answer::Given(sql, Rows { columns, rows, facts, compared }) => {
            calls::note(|call| call.outcome = Some(Outcome::Answered));
            let told = if sql.source() == Source::VerifiedQuery {
                None
            } else {
                let told = asked.narrate(&Told {
                    sql: sql.text(),
                    columns: columns.iter().map(|(name, _)| name.clone()).collect(),
                    rows: &rows,
                    count: rows.count,
                    truncated: rows.truncated,
                    is_aggregate: facts.is_aggregate,
                    is_private: !facts.private.is_empty(),
                })?;
                watch.lap("narrate");
                told
            };
            let first = First { rows: &rows, columns: compared, is_sorted: facts.is_sorted };
            shadow::beside(&mut asked, &principal, first, &mut watch)?;
            asked.keep(Some(sql.text()))?;
            asked.keep_answer(&sql)?;
            let columns = document::columns(&columns);
            let recorded = audit_log::calls::answered(&columns, &rows.text)?;
            let (answer, form) = (told.as_deref(), facts.form);
            let answered = document::Answered { columns: &columns, rows: &rows, sql: &sql, answer, form, recorded };
            document::answered(&answered, &asked, &watch.finish())
        }
    }
}

/// Answers with typed rows, converted to the caller's column definition list.
pub fn ask_rows<'q>(
    request: Request,
    columns: &[(pg_sys::Oid, i32)],
    memory: QueryMemory<'q>,
) -> StageResult<TupleRows<'q>> {
    let mut call = verified(request)?;
    let caps = Caps { rows: settings::max_rows(), bytes: settings::max_bytes() };
    let answer = answer(&mut call, Some(columns), |statement, plane, watch| {
        let mut hash = audit_log::calls::rows_hash(&document::columns(&statement.named_types(plane)));
        let planned = statement.plan(plane)?;
        note_nodes(&planned, plane)?;
        watch.lap("plan");
        let is_recorded = hash.is_some();
        let mut read = |row: &str| hash.iter_mut().for_each(|hash| hash.row(row));
        let mut sink = if is_recorded {
            Sink::tuples_read(caps, memory, &plane.extensions.answers, &mut read)
        } else {
            Sink::tuples(caps, memory)
        };
        run::run(planned, &mut sink)?;
        watch.lap("run");
        let rows = sink.into_tuples()?;
        note_delivered(rows.count(), rows.bytes());
        Ok((rows, hash))
    })?;
    match answer {
        Answer::Given(_, (rows, hash)) => {
            calls::note(|call| call.outcome = Some(Outcome::Answered));
            audit_log::calls::answered_rows(hash)?;
            Ok(rows)
        }
        // Rows cannot carry a message.
        Answer::Declined(Declined { outcome, message, .. }) => {
            Err(Refusal::new(State::Argument, format!("{}: {message}", outcome.as_str())))
        }
    }
}

/// Does everything but run, and shows what would have been run.
pub fn ask_dry_run(request: Request) -> StageResult<String> {
    let mut call = verified(request)?;
    // Estimates and plans depend on every tenant's rows, so only administrators see them.
    let is_administrator = server::role(c"splitplane_admin").is_some_and(server::session_is_member);
    let answer = answer(&mut call, None, |statement, plane, watch| {
        let parameters = statement.parameters.shown(|type_oid| plane.types.shown(type_oid));
        let plane_sql = statement.shown.clone();
        let (columns, facts) = (statement.named_types(plane), statement.facts.clone());
        let planned = statement.plan(plane)?;
        watch.lap("plan");
        let seen = if is_administrator { Some(seen_by_administrators(&planned, plane)?) } else { None };
        Ok(document::DryRun { plane_sql, parameters, columns, facts, seen })
    })?;
    let Call { asked, watch, .. } = call;
    Ok(match answer {
        Answer::Declined(declined) => document::declined(&declined, &asked, &watch.finish()),
        Answer::Given(sql, shown) => {
            calls::note(|call| call.outcome = Some(Outcome::DryRun));
            document::dry_run(&shown, &sql, &asked, &watch.finish())
        }
    })
}

/// Where it runs, for the audit log.
fn note_nodes(planned: &Planned<'_>, plane: &Plane) -> StageResult<()> {
    if plane.is_on_nodes && settings::audit::audit() != settings::audit::Audit::Off {
        let nodes = planned.nodes_of_cluster()?.unwrap_or_default();
        calls::note(|call| call.nodes = nodes);
    }
    Ok(())
}

/// How much the caller is given.
fn note_delivered(rows: usize, bytes: usize) {
    calls::note(|call| {
        call.rows = u64::try_from(rows).unwrap_or(u64::MAX);
        call.bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    });
}

fn seen_by_administrators(planned: &Planned<'_>, plane: &Plane) -> StageResult<document::Seen> {
    let is_known = |function| plane.is_own_function(function) || plane.policy.is_condition(function);
    let relation = |oid| plane.of_table(oid).filter(|relation| !relation.is_shared).map(|known| known.name.clone());
    let late = planned.late_conditions(&is_known)?.into_iter();
    let late = late.filter_map(|late| Some((relation(late.relation)?, plane.types.renamed(&late.text))));
    // One for all partitions.
    let untrusted = late.collect::<BTreeSet<_>>().into_iter().collect();
    Ok(document::Seen { plan: plane.types.renamed(&planned.explain()), untrusted })
}

/// Layer 1.
fn verified(request: Request) -> StageResult<Call> {
    let mut watch = Stopwatch::start(settings::deadline());
    let Request { context, question, sql, conversation } = request;
    calls::note(|call| {
        call.timings = Some(watch.timings());
        call.question.clone_from(&question);
        call.sql.clone_from(&sql);
    });
    preflight::check()?;
    let context = context.ok_or_else(|| {
        Refusal::new(State::Argument, "the context is NULL: pass it as one JSON text, as $1::text::jsonb")
    })?;
    let payload = question
        .as_deref()
        .or(sql.as_deref())
        .ok_or_else(|| Refusal::new(State::Argument, "give a question, or the SQL that a model wrote (sql => ..)"))?;
    let principal = Rc::new(authenticate::verify(&context, payload)?);
    // Earlier questions change what this one means, so the conversation is part of the signed request.
    if question.is_some() && conversation.is_some() && conversation.as_deref() != principal.identity().conversation() {
        return Err(Refusal::identity(
            Reason::Conversation,
            "the conversation is not the one that the context is signed for",
        ));
    }
    calls::note(|call| call.verified(&principal));
    // Before any model is asked.
    refuse_if_closed()?;
    authenticate::remember(&principal);
    budget::admit(principal.tenant())?;
    watch.lap("verify");
    let asked = Asked::new(Rc::clone(&principal), question, conversation, watch.deadline())?;
    Ok(Call { principal, asked, sql, watch, touched_values: false })
}

/// Layer 2, then the pipeline with `finish` at its end; SQL of the model's own is repaired and tried again.
fn answer<T>(
    call: &mut Call,
    columns: Option<&[(pg_sys::Oid, i32)]>,
    mut finish: impl FnMut(Statement<'_>, &Plane, &mut Stopwatch) -> StageResult<T>,
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
            Understood::Both(sql) => {
                repairs_left = repairs_left.checked_sub(1).ok_or_else(Asked::refuse_both)?;
                understood = call.asked.decide_between(&sql)?;
                call.watch.lap("repair");
                continue;
            }
            Understood::Declined(declined) => {
                let query_id = calls::read(|call| call.query_id.to_string()).unwrap_or_default();
                let outcome = declined.outcome.as_str();
                pg_try::log(&format!("layer 2: {outcome}: {}; query_id {query_id}", declined.reason));
                calls::note(|call| call.outcome = Some(Outcome::Declined(declined.outcome)));
                return Ok(Answer::Declined(declined));
            }
        };
        calls::note(|call| {
            call.sql = Some(sql.text().to_owned());
            call.source = Some(sql.source().as_str());
        });
        // Read anew: waiting for a model takes time in which a DBA may have changed the plane.
        let plane = current_plane()?;
        let mut tried = call.attempt(&sql, &plane, columns, &mut finish);
        if tried.is_err() && plane.relations.has_changed() {
            tried = call.attempt(&sql, &*renewed_plane(&plane)?, columns, &mut finish);
        }
        let refusal = match tried {
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
