//! Proving SQL that is registered to be answered later, and the one spelling of its questions.
//!
//! Nothing registered is ever run here: the stages end with the proof, which needs no principal.

use crate::api;
use crate::attach::Claims;
use crate::catalog::current_plane;
use crate::error::{Refusal, StageResult, State};
use crate::gate::{self, GateErrorKind, Limits};
use crate::llm::matching;
use crate::pgx::pg_try::raise;
use crate::preflight;
use crate::{run, settings};
use pgrx::prelude::*;

/// Proves `sql` as `ask` would, up to and without planning it, with no claim held.
///
/// # Errors
/// Those of `ask` by SQLSTATE, but never 28000: no principal is needed.
pub fn prove(sql: &str) -> StageResult<()> {
    preflight::check()?;
    let plane = current_plane()?;
    let limits = Limits { max_bytes: settings::max_sql_bytes(), ..Limits::default() };
    let gated = match gate::admit(sql, &limits) {
        Ok(gated) => gated,
        Err(error) if error.kind() == GateErrorKind::Syntax => {
            return Err(api::syntax_verdict(&plane, None, settings::deadline(), sql, error));
        }
        Err(error) => return Err(api::from_gate(error)),
    };
    run::confined(&plane, None, settings::deadline(), |confinement| {
        run::prove(confinement, &gated, &plane, Claims::Unknown, None, |_| {}).map(|_| ())
    })
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
