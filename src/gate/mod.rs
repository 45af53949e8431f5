//! Layer 3's first filter: cheap, pure, and it never writes SQL that runs.
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

mod aliases;
mod dialect;
mod error;
mod expressions;
mod from_clause;
mod keywords;
mod lexeme;
mod lexer;
mod limits;
mod literals;
mod names;
mod parse;
mod shape;
mod to_sqlparser;
mod types;
mod walk;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::Range;

pub use error::{GateError, GateErrorKind, GateResult};
pub use limits::Limits;
pub use names::RelationReference;

/// A query that the gate admitted. Only [`admit`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gated {
    sql: String,
    /// Where the statement's tokens begin and end in it.
    statement: Range<usize>,
    relations: BTreeSet<RelationReference>,
}

impl Gated {
    /// The text, byte for byte as it was given.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The statement between two texts, as a derived table is shown. The semicolons and comments around it stay out.
    #[must_use]
    pub fn within(&self, before: &str, after: &str) -> String {
        format!("{before}\n{}\n{after}", self.sql.get(self.statement.clone()).unwrap_or_default())
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
    read(sql, limits, parse::RECURSION)
}

fn read(sql: &str, limits: &Limits, recursion: usize) -> GateResult<Gated> {
    let mut lexemes = lexer::lex(sql, limits)?;
    words::mark(sql, &mut lexemes, limits.major);
    let statement = to_sqlparser::one_statement(sql, &lexemes)?;
    limits::measure(sql, statement, limits)?;
    dialect::refuse_group_by_all(sql, statement)?;
    let query = parse::parse(sql, statement, recursion)?;
    let relations = walk::relations(&query)?;
    let start = statement.first().map_or(0, |lexeme| lexeme.start);
    let end = statement.last().map_or(sql.len(), |lexeme| lexeme.end);
    Ok(Gated { sql: sql.to_owned(), statement: start..end, relations })
}

/// What `fuzz/` needs beyond the gate's own entrance. No release is built with this switch.
#[cfg(fuzzing)]
pub mod fuzzing {
    use super::{GateResult, Gated, Limits, lexer, parse, read};

    /// The sort and the text of each token.
    ///
    /// # Errors
    /// As [`super::admit`].
    pub fn tokens<'a>(sql: &'a str, limits: &Limits) -> GateResult<Vec<(String, &'a str)>> {
        let lexemes = lexer::lex(sql, limits)?;
        Ok(lexemes.iter().map(|lexeme| (format!("{:?}", lexeme.kind), lexeme.text(sql))).collect())
    }

    /// Admits what stands in so many levels of the parser's recursion more.
    ///
    /// # Errors
    /// As [`super::admit`].
    pub fn admit_deeper(sql: &str, limits: &Limits, levels: usize) -> GateResult<Gated> {
        read(sql, limits, parse::RECURSION.saturating_add(levels))
    }
}
