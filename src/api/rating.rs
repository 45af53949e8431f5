//! `splitplane.rate`: what a caller says of an answer that it was given.

use crate::authenticate;
use crate::catalog::refuse_if_closed;
use crate::error::{Refusal, StageResult, State};
use crate::pgx::entry::Rating;
use crate::pgx::spi::write;
use crate::preflight;
use crate::question::{self, Rated};
use std::rc::Rc;

/// Longest note, in characters.
const NOTE: usize = 1_000;

/// Rates an answer of the principal that `context` is signed for, with the id as payload; without a context, of the one
/// that was verified last in this session.
///
/// # Errors
/// 22023 for what is missing or too long, 28000 without a principal, 42704 where it has no such answer, 42710 for a second
/// rating, 55000 where nothing can be written.
pub fn rate(rating: Rating) -> StageResult<()> {
    preflight::check()?;
    let Rating { query_id, good, note, context } = rating;
    let missing = |what: &str| Refusal::new(State::Argument, format!("{what} is NULL"));
    let query_id = query_id.ok_or_else(|| missing("query_id"))?;
    let good = good.ok_or_else(|| missing("good"))?;
    if note.as_ref().is_some_and(|note| note.chars().count() > NOTE) {
        return Err(Refusal::new(State::Argument, format!("the note is longer than {NOTE} characters")));
    }
    if write::is_read_only() {
        return Err(Refusal::new(
            State::Unsafe,
            "a rating is kept in a table, and this transaction is read-only or the server a standby",
        ));
    }
    let principal = match context {
        Some(context) => Rc::new(authenticate::verify(&context, &query_id)?),
        None => authenticate::last()?,
    };
    refuse_if_closed()?;
    let ids = [principal.tenant(), principal.business(), principal.subject()];
    match question::rate(&query_id, ids, good, note.as_deref())? {
        Rated::Kept => Ok(()),
        Rated::Again => Err(Refusal::new(State::DuplicateObject, "the answer has been rated already")),
        Rated::Unknown => {
            Err(Refusal::new(State::UnknownObject, "no answer of this principal is kept with this query_id"))
        }
    }
}
