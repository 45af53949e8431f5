//! Runs sqlparser over the tokens and sees that it read all of them.

use sqlparser::ast::Query;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::error::{GateError, GateResult, near};
use super::lexeme::{Lexeme, LexemeKind};
use super::to_sqlparser;

/// How deep sqlparser may recurse. One level of parentheses costs one to three, a level of recursion up to 28 kB of
/// stack optimised and 120 kB unoptimised: 1.5 MB, or 6 MB of PostgreSQL's 8 in a debug build.
pub(super) const RECURSION: usize = 50;

/// Parses the tokens of one query, no deeper than `recursion`.
pub(super) fn parse(sql: &str, statement: &[Lexeme], recursion: usize) -> GateResult<Box<Query>> {
    let dialect = PostgreSqlDialect {};
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(recursion)
        .with_tokens_with_locations(to_sqlparser::for_parser(sql, statement));
    let query = match parser.parse_query() {
        Ok(query) => query,
        Err(ParserError::RecursionLimitExceeded) => {
            return Err(GateError::TooComplex { what: "levels of parser recursion", limit: recursion });
        }
        Err(ParserError::ParserError(detail) | ParserError::TokenizerError(detail)) => {
            let column = detail.rsplit_once("Column: ").and_then(|(_, column)| column.trim().parse().ok());
            let near = column.map(|column| near_column(sql, statement, column)).unwrap_or_default();
            return Err(not_read(sql, statement, near, detail));
        }
    };
    // sqlparser is content with the beginning of a text.
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        let near = near_column(sql, statement, rest.span.start.column);
        return Err(not_read(sql, statement, near, "the query ends before the text does".to_owned()));
    }
    Ok(query)
}

fn not_read(sql: &str, statement: &[Lexeme], near: String, detail: String) -> GateError {
    if is_known_unreadable(sql, statement) {
        GateError::UnsupportedByGate { near, detail }
    } else {
        GateError::Syntax { problem: "SQL that does not parse", near, detail }
    }
}

/// Does the text hold a PostgreSQL construct that sqlparser 0.63 is known not to read? `tests::unreadable` has them all.
/// Anything else that it does not read is taken for a syntax error.
fn is_known_unreadable(sql: &str, statement: &[Lexeme]) -> bool {
    (0..statement.len()).any(|index| {
        let lexeme = |ahead: usize| statement.get(index.saturating_add(ahead));
        let keyword = |ahead: usize, word: &str| lexeme(ahead).is_some_and(|lexeme| lexeme.is_keyword(sql, word));
        let symbol = |ahead: usize, symbol: u8| lexeme(ahead).is_some_and(|lexeme| lexeme.is_symbol(symbol));
        (keyword(0, "COLLATION") && keyword(1, "FOR") && symbol(2, b'('))
            || (keyword(0, "IN") && symbol(1, b'(') && symbol(2, b'(') && keyword(3, "SELECT"))
    })
}

/// Names the token at a column; constants are not repeated.
fn near_column(sql: &str, statement: &[Lexeme], column: u64) -> String {
    let Some(offset) = column.checked_sub(1).and_then(|offset| usize::try_from(offset).ok()) else {
        return " at the end".to_owned();
    };
    match statement.iter().find(|lexeme| lexeme.start == offset) {
        Some(lexeme) if matches!(lexeme.kind, LexemeKind::String(_)) => " near a string constant".to_owned(),
        Some(lexeme) => near(lexeme.text(sql)),
        None => String::new(),
    }
}
