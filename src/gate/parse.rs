//! Runs sqlparser over the tokens and sees that it read all of them.

use sqlparser::ast::Query;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::error::{GateError, GateResult, near};
use super::lexer::{Lexeme, LexemeKind};
use super::tokens;

/// How deep sqlparser may recurse. One level of parentheses costs one to three, a level of recursion up to 28 kB of
/// stack optimised and 120 kB unoptimised: 1.5 MB, or 6 MB of PostgreSQL's 8 in a debug build.
fn rec() -> usize {
    std::env::var("REC").ok().and_then(|x| x.parse().ok()).unwrap_or(50)
}
const RECURSION: usize = 50;

/// Parses the tokens of one query.
pub(super) fn parse(sql: &str, statement: &[Lexeme]) -> GateResult<Box<Query>> {
    let dialect = PostgreSqlDialect {};
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(RECURSION)
        .with_tokens_with_locations(tokens::for_parser(sql, statement));
    let query = parser.parse_query().map_err(|error| refusal(sql, statement, error))?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        let near = near_offset(sql, statement, rest.span.start.column);
        return Err(GateError::Syntax { problem: "SQL that does not parse", near, detail: String::new() });
    }
    Ok(query)
}

fn refusal(sql: &str, statement: &[Lexeme], error: ParserError) -> GateError {
    match error {
        ParserError::RecursionLimitExceeded => {
            GateError::TooComplex { what: "levels of parser recursion", limit: RECURSION }
        }
        ParserError::ParserError(detail) | ParserError::TokenizerError(detail) => {
            let near = detail
                .rsplit_once("Column: ")
                .and_then(|(_, column)| column.trim().parse().ok())
                .map(|column| near_offset(sql, statement, column))
                .unwrap_or_default();
            GateError::Syntax { problem: "SQL that does not parse", near, detail }
        }
    }
}

/// Names the token at a column; constants are not repeated.
fn near_offset(sql: &str, statement: &[Lexeme], column: u64) -> String {
    let Some(offset) = column.checked_sub(1).and_then(|offset| usize::try_from(offset).ok()) else {
        return " at the end".to_owned();
    };
    match statement.iter().find(|lexeme| lexeme.start == offset) {
        Some(lexeme) if matches!(lexeme.kind, LexemeKind::String(_)) => " near a string constant".to_owned(),
        Some(lexeme) => near(lexeme.text(sql)),
        None => String::new(),
    }
}
