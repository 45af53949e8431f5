//! Proving SQL that is registered to be answered later, and checking its questions and giving them their one spelling.
//!
//! Nothing registered is ever run here: the stages end with the proof, which needs no principal.

use crate::catalog::own_plane;
use crate::error::{Refusal, StageResult, State};
use crate::llm::matching;
use crate::llm::screen::{self, Screened};
use crate::pgx::functions::interface::exported;
use crate::pgx::pg_try::raise;
use crate::pgx::query::outputs::ColumnFacts;
use crate::preflight;
use crate::run::{self, Subject};
use crate::settings;
use crate::timings::Stopwatch;
use pgrx::prelude::*;

/// Proves `sql` as `ask` would, up to and without planning it, with no claim held.
///
/// # Errors
/// Those of `ask` by SQLSTATE, but never 28000: no principal is needed.
pub fn prove(sql: &str) -> StageResult<()> {
    preflight::check()?;
    let plane = own_plane()?;
    let subject = Subject { plane: &plane, principal: None, columns: None };
    run::with_statement(sql, subject, &mut Stopwatch::start(settings::deadline()), |_, _| Ok(()))
}

exported!(_prove = prove_only_wrapper);

/// Refuses SQL that `ask` would refuse. Must be called as the extension's owner.
#[pg_extern(sql = false)]
fn prove_only(sql: Option<&str>) {
    let proved = sql.ok_or_else(|| Refusal::new(State::Argument, "the SQL is NULL")).and_then(prove);
    if let Err(refusal) = proved {
        raise(refusal);
    }
}

exported!(_view_columns = _view_columns_wrapper);

/// The columns of a plane view as its text gives them, the text being proved as `ask` would. Must be called as the extension's owner.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn _view_columns(
    view: &str,
) -> TableIterator<
    'static,
    (
        name!(column_name, String),
        name!(type, pg_sys::Oid),
        name!(modifier, i32),
        name!(of, Option<pg_sys::Oid>),
        name!(of_column, Option<i16>),
    ),
> {
    let columns = columns_of(view).unwrap_or_else(|refusal| raise(refusal));
    TableIterator::new(columns.into_iter().map(|column| {
        let (of, of_column) = column.origin.unzip();
        (column.name, column.type_oid, column.modifier, of, of_column)
    }))
}

fn columns_of(view: &str) -> StageResult<Vec<ColumnFacts>> {
    preflight::check()?;
    let plane = own_plane()?;
    let view = plane.views.get(view).ok_or_else(|| Refusal::relation([None, None], view))?;
    run::views::columns(&plane, view, &mut Stopwatch::start(settings::deadline()))
}

exported!(_view_problem = _view_problem_wrapper);

/// Why a plane view cannot be read; NULL if it can. Must be called as the extension's owner.
#[pg_extern(sql = false)]
fn _view_problem(view: &str) -> Option<String> {
    let checked = preflight::check().and_then(|()| {
        let plane = own_plane()?;
        let view = plane.views.get(view).ok_or_else(|| Refusal::relation([None, None], view))?;
        run::views::problem(&plane, view, &mut Stopwatch::start(settings::deadline()))
    });
    checked.unwrap_or_else(|refusal| raise(refusal))
}

exported!(_view_is_open = _view_is_open_wrapper);

/// Whether a plane view can be read; NULL while the plane is closed. Must be called as the extension's owner.
#[pg_extern(sql = false)]
fn _view_is_open(view: &str) -> Option<bool> {
    let plane = match preflight::check().and_then(|()| own_plane()) {
        Ok(plane) => plane,
        Err(refusal) if refusal.state == State::Unsafe => return None,
        Err(refusal) => raise(refusal),
    };
    let view = plane.views.get(view).ok_or_else(|| Refusal::relation([None, None], view));
    let is_open = view.and_then(|view| run::views::is_open(&plane, view, &mut Stopwatch::start(settings::deadline())));
    Some(is_open.unwrap_or_else(|refusal| raise(refusal)))
}

exported!(_normalise_question = _normalise_question_wrapper);

/// The one spelling by which questions, synonyms and names of metrics are matched; empty when nothing is left of it.
#[pg_extern(sql = false)]
fn _normalise_question(text: &str) -> String {
    matching::normalise(text)
}

exported!(_check_question = _check_question_wrapper);

/// Refuses words that `ask` would refuse as a question: nobody could ask for what is registered with them.
#[pg_extern(sql = false)]
fn _check_question(what: &str, words: &str) {
    let why = match screen::check(words, settings::model::max_question_bytes()) {
        Ok(Screened::Question) => return,
        Ok(Screened::Suspicious(found)) => Refusal::new(State::Argument, format!("the question holds {found}")),
        Err(error) => Refusal::from(error),
    };
    raise(Refusal::new(why.state, format!("ask would refuse {what}: {}", why.message)));
}
