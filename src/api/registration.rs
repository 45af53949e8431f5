//! Proving SQL that is registered to be answered later, and checking its questions and giving them their one spelling.
//!
//! Nothing registered is ever run here: the stages end with the proof, which needs no principal.

use crate::catalog::current_plane;
use crate::error::{Refusal, StageResult, State};
use crate::llm::matching;
use crate::llm::screen::{self, Screened};
use crate::pgx::pg_try::raise;
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
    let plane = current_plane()?;
    let subject = Subject { plane: &plane, principal: None, columns: None };
    run::with_statement(sql, subject, &mut Stopwatch::start(settings::deadline()), |_, _| Ok(()))
}

/// Refuses SQL that `ask` would refuse. Must be called as the extension's owner.
#[pg_extern(sql = false)]
fn _prove(sql: Option<&str>) {
    let proved = sql.ok_or_else(|| Refusal::new(State::Argument, "the SQL is NULL")).and_then(prove);
    if let Err(refusal) = proved {
        raise(refusal);
    }
}

/// The one spelling by which questions, synonyms and names of metrics are matched; empty when nothing is left of it.
#[pg_extern(sql = false)]
fn _normalise_question(text: &str) -> String {
    matching::normalise(text)
}

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
