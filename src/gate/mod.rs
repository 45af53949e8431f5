//! Layer 3's first filter: cheap, pure, and never the author of SQL that runs.
//!
//! [`admit`] takes untrusted text and either refuses it or says that it is one query, made of constructs that the plane
//! admits, and which relations that query names. It guarantees:
//!
//! - the text is within [`Limits`] before any parser, here or in PostgreSQL, sees it, so that neither overflows the
//!   stack nor spends more than a moment on it;
//! - the tokens are PostgreSQL's (`lexer` follows scan.l), so nothing hides in a string, comment or operator that the
//!   two would cut differently;
//! - the whole text was read as one query, up to its last token;
//! - every node of the tree is on the allowlist of `walk` and `expressions`: an unknown one is a refusal.
//!
//! It does not guarantee that PostgreSQL reads the text in the same way: PostgreSQL's own trees are the authority, and
//! the server compares the relations found there with [`Gated::relations`]. sqlparser's tree is never printed, cloned
//! or handed on, and it is walked with a heap stack, never by recursion.
//!
//! Honest PostgreSQL that sqlparser 0.63 does not read is listed with the tests, in `tests::unreadable`.

mod error;
mod expressions;
mod keywords;
mod lexer;
mod limits;
mod literals;
mod names;
mod parse;
mod respell;
mod sources;
mod tokens;
mod types;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use error::{GateError, GateErrorKind, GateResult};
pub use limits::Limits;
pub use names::RelationReference;

/// A query that the gate admitted. Only [`admit`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gated {
    sql: String,
    relations: BTreeSet<RelationReference>,
}

impl Gated {
    /// The text, byte for byte as it was given.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Every relation that the query names and that is none of its own CTEs.
    #[must_use]
    pub fn relations(&self) -> &BTreeSet<RelationReference> {
        &self.relations
    }
}

/// Admits one query, or says in one sentence why not.
///
/// # Errors
/// See [`GateErrorKind`].
pub fn admit(sql: &str, limits: &Limits) -> GateResult<Gated> {
    let lexemes = lexer::lex(sql, limits)?;
    let statement = tokens::one_statement(sql, &lexemes)?;
    limits::measure(sql, statement, limits)?;
    let query = parse::parse(sql, statement)?;
    let relations = walk::relations(&query)?;
    Ok(Gated { sql: sql.to_owned(), relations })
}
