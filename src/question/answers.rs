//! Answered questions with their SQL, kept so that they can be rated: in a table, in the caller's transaction.

use super::{Asked, UntrustedSql};
use crate::calls;
use crate::error::{Refusal, StageResult};
use crate::pgx::spi::write;
use crate::settings::evaluation::rating_retention;

const KEEP: &str = "SELECT splitplane._keep_answer($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const RATE: &str = "SELECT splitplane._rate($1, $2, $3, $4, $5, $6, $7)";

impl Asked {
    /// Keeps a question that was answered and its SQL, where this transaction can write. Call it last: it writes.
    ///
    /// # Errors
    /// Those of a write.
    pub fn keep_answer(&self, sql: &UntrustedSql) -> StageResult<()> {
        let (Some(question), Some(retention)) = (&self.question, rating_retention()) else { return Ok(()) };
        if write::is_read_only() {
            return Ok(());
        }
        let Some(query_id) = calls::read(|call| call.query_id.to_string()) else { return Ok(()) };
        let principal = &self.principal;
        let arguments = [
            query_id.as_str(),
            principal.tenant(),
            principal.business(),
            principal.subject(),
            &retention.to_string(),
            question,
            sql.text(),
            sql.source().as_str(),
            if self.conversation.as_ref().is_some_and(|talk| !talk.turns().is_empty()) { "true" } else { "false" },
        ];
        write::execute(KEEP, &arguments.map(Some))
    }
}

/// What became of a rating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rated {
    /// It is kept.
    Kept,
    /// There was one already.
    Again,
    /// No answer of this principal has the id, or not any more.
    Unknown,
}

/// Rates the answer `query_id`, if it is one of the principal with these ids: tenant, business, subject.
///
/// # Errors
/// Those of a write.
pub fn rate(query_id: &str, ids: [&str; 3], good: bool, note: Option<&str>) -> StageResult<Rated> {
    let Some(retention) = rating_retention() else { return Ok(Rated::Unknown) };
    let [tenant, business, subject] = ids;
    let retention = retention.to_string();
    let good = good.to_string();
    let arguments = [Some(query_id), Some(tenant), Some(business), Some(subject), Some(&retention), Some(&good), note];
    match write::fetch(RATE, &arguments)?.as_deref() {
        Some("rated") => Ok(Rated::Kept),
        Some("again") => Ok(Rated::Again),
        Some("unknown") => Ok(Rated::Unknown),
        _ => Err(Refusal::internal("a rating ended in an unknown way")),
    }
}
