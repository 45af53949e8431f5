//! From PostgreSQL's tokens to those that sqlparser's parser takes.

use sqlparser::ast::DollarQuotedString;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

use super::error::{GateError, GateResult, printable};
use super::lexeme::{Lexeme, LexemeKind, StringForm};
use super::{dialect, keywords};

/// The tokens of the one statement, without the semicolons around it.
pub(super) fn one_statement<'a>(sql: &str, lexemes: &'a [Lexeme]) -> GateResult<&'a [Lexeme]> {
    let is_text = |lexeme: &Lexeme| !lexeme.is_symbol(b';');
    let first = lexemes.iter().position(is_text).ok_or(GateError::Empty)?;
    let last = lexemes.iter().rposition(is_text).ok_or(GateError::Empty)?;
    let statement = lexemes.get(first..=last).unwrap_or_default();
    let mut depth = 0_usize;
    for lexeme in statement {
        match lexeme.kind {
            LexemeKind::Symbol(b'(' | b'[') => depth = depth.saturating_add(1),
            LexemeKind::Symbol(b')' | b']') => depth = depth.saturating_sub(1),
            LexemeKind::Symbol(b';') if depth > 0 => return Err(GateError::syntax_near("syntax error", ";")),
            LexemeKind::Symbol(b';') => return Err(GateError::NotOneStatement),
            _ => {}
        }
    }
    starts_a_query(sql, statement)?;
    Ok(statement)
}

/// Refuses every statement kind but queries by its first word.
fn starts_a_query(sql: &str, statement: &[Lexeme]) -> GateResult<()> {
    let Some(first) = statement.iter().find(|lexeme| !lexeme.is_symbol(b'(')) else {
        return Err(GateError::syntax("syntax error at the end"));
    };
    if ["SELECT", "WITH", "VALUES", "TABLE"].iter().any(|keyword| first.is_keyword(sql, keyword)) {
        return Ok(());
    }
    match first.kind {
        LexemeKind::Word if statement.first().is_some_and(|lexeme| lexeme.kind == LexemeKind::Word) => {
            let word = first.text(sql);
            if STATEMENTS.iter().any(|statement| word.eq_ignore_ascii_case(statement)) {
                return Err(GateError::NotSelect { kind: printable(&word.to_ascii_uppercase()) });
            }
            Err(GateError::syntax_near("syntax error", word))
        }
        _ => Err(GateError::syntax_near("syntax error", first.text(sql))),
    }
}

/// The first words of PostgreSQL's other statements: they are refused as such, any other word is a syntax error.
const STATEMENTS: &[&str] = &[
    "ABORT",
    "ALTER",
    "ANALYSE",
    "ANALYZE",
    "BEGIN",
    "CALL",
    "CHECKPOINT",
    "CLOSE",
    "CLUSTER",
    "COMMENT",
    "COMMIT",
    "COPY",
    "CREATE",
    "DEALLOCATE",
    "DECLARE",
    "DELETE",
    "DISCARD",
    "DO",
    "DROP",
    "END",
    "EXECUTE",
    "EXPLAIN",
    "FETCH",
    "GRANT",
    "IMPORT",
    "INSERT",
    "LISTEN",
    "LOAD",
    "LOCK",
    "MERGE",
    "MOVE",
    "NOTIFY",
    "PREPARE",
    "REASSIGN",
    "REFRESH",
    "REINDEX",
    "RELEASE",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "SAVEPOINT",
    "SECURITY",
    "SET",
    "SHOW",
    "START",
    "TRUNCATE",
    "UNLISTEN",
    "UPDATE",
    "VACUUM",
];

/// The tokens for sqlparser. Each one's column is its byte offset plus one.
pub(super) fn for_parser(sql: &str, statement: &[Lexeme]) -> Vec<TokenWithSpan> {
    let mut tokens = Vec::with_capacity(statement.len().saturating_add(8));
    let mut rest = statement;
    let mut before: &[Lexeme] = &[];
    while let Some((lexeme, others)) = rest.split_first() {
        let consumed = match dialect::respell(sql, before, rest) {
            _ if lexeme.is_dropped => 1,
            _ if lexeme.is_comma => {
                tokens.push(placed(Token::Comma, lexeme));
                1
            }
            Some(respelt) => {
                tokens.extend(respelt.tokens.into_iter().map(|token| placed(token, lexeme)));
                respelt.consumed.max(1)
            }
            None => {
                tokens.push(placed(token(sql, lexeme), lexeme));
                1
            }
        };
        rest = others.get(consumed.saturating_sub(1)..).unwrap_or_default();
        before = statement.get(..statement.len().saturating_sub(rest.len())).unwrap_or_default();
    }
    tokens
}

fn placed(token: Token, lexeme: &Lexeme) -> TokenWithSpan {
    let at = |offset: usize| Location { line: 1, column: u64::try_from(offset).unwrap_or(u64::MAX).saturating_add(1) };
    TokenWithSpan { token, span: Span { start: at(lexeme.start), end: at(lexeme.end) } }
}

fn token(sql: &str, lexeme: &Lexeme) -> Token {
    let text = lexeme.text(sql);
    match lexeme.kind {
        LexemeKind::Word if lexeme.is_name => name(text),
        LexemeKind::Word => Token::make_word(text, None),
        LexemeKind::QuotedWord => Token::make_word(&inside(text, 1, 1).replace("\"\"", "\""), Some('"')),
        LexemeKind::Number => Token::Number(text.to_owned(), false),
        LexemeKind::String(form) => string(form, text),
        LexemeKind::DoubleColon => Token::DoubleColon,
        // The older spelling of `=>` in named notation, which sqlparser takes for an operator.
        LexemeKind::ColonEquals => Token::RArrow,
        LexemeKind::Operator => operator(text),
        LexemeKind::Symbol(symbol) => match symbol {
            b'(' => Token::LParen,
            b')' => Token::RParen,
            b'[' => Token::LBracket,
            b']' => Token::RBracket,
            b',' => Token::Comma,
            b'.' => Token::Period,
            b':' => Token::Colon,
            _ => Token::SemiColon,
        },
    }
}

/// The text without the first and last bytes.
fn inside(text: &str, opening: usize, closing: usize) -> &str {
    text.get(opening..text.len().saturating_sub(closing)).unwrap_or_default()
}

/// A name: in quotes, which sqlparser can take for nothing else, if it is a keyword to PostgreSQL or to sqlparser.
fn name(text: &str) -> Token {
    match Token::make_word(text, None) {
        Token::Word(word) if word.keyword == Keyword::NoKeyword && !keywords::is_keyword(text) => Token::Word(word),
        _ => Token::make_word(&text.to_ascii_lowercase(), Some('"')),
    }
}

/// The content is passed on as written, escapes and continuations and all: nothing reads it.
fn string(form: StringForm, text: &str) -> Token {
    match form {
        StringForm::Plain => Token::SingleQuotedString(inside(text, 1, 1).to_owned()),
        StringForm::Escape => Token::EscapedStringLiteral(inside(text, 2, 1).to_owned()),
        StringForm::Bit => Token::SingleQuotedByteStringLiteral(inside(text, 2, 1).to_owned()),
        StringForm::Hex => Token::HexStringLiteral(inside(text, 2, 1).to_owned()),
        StringForm::National => Token::NationalStringLiteral(inside(text, 2, 1).to_owned()),
        StringForm::Dollar => {
            Token::DollarQuotedString(DollarQuotedString { value: inside(text, 2, 2).to_owned(), tag: None })
        }
    }
}

/// sqlparser knows many operators by name; PostgreSQL's grammar treats all others in the same way.
pub(super) fn operator(text: &str) -> Token {
    match text {
        "=" => Token::Eq,
        "<>" | "!=" => Token::Neq,
        "<" => Token::Lt,
        ">" => Token::Gt,
        "<=" => Token::LtEq,
        ">=" => Token::GtEq,
        "=>" => Token::RArrow,
        "+" => Token::Plus,
        "-" => Token::Minus,
        "*" => Token::Mul,
        "/" => Token::Div,
        "%" => Token::Mod,
        "^" => Token::Caret,
        "||" => Token::StringConcat,
        "&" => Token::Ampersand,
        "|" => Token::Pipe,
        "#" => Token::Sharp,
        "##" => Token::DoubleSharp,
        "~" => Token::Tilde,
        "~*" => Token::TildeAsterisk,
        "!~" => Token::ExclamationMarkTilde,
        "!~*" => Token::ExclamationMarkTildeAsterisk,
        "~~" => Token::DoubleTilde,
        "~~*" => Token::DoubleTildeAsterisk,
        "!~~" => Token::ExclamationMarkDoubleTilde,
        "!~~*" => Token::ExclamationMarkDoubleTildeAsterisk,
        "<<" => Token::ShiftLeft,
        ">>" => Token::ShiftRight,
        "&&" => Token::Overlap,
        "!!" => Token::DoubleExclamationMark,
        "@" => Token::AtSign,
        "^@" => Token::CaretAt,
        "|/" => Token::PGSquareRoot,
        "||/" => Token::PGCubeRoot,
        "->" => Token::Arrow,
        "->>" => Token::LongArrow,
        "#>" => Token::HashArrow,
        "#>>" => Token::HashLongArrow,
        "@>" => Token::AtArrow,
        "<@" => Token::ArrowAt,
        "#-" => Token::HashMinus,
        "@?" => Token::AtQuestion,
        "@@" => Token::AtAt,
        "?" => Token::Question,
        "?&" => Token::QuestionAnd,
        "?|" => Token::QuestionPipe,
        "@-@" => Token::AtDashAt,
        "?-" => Token::QuestionMarkDash,
        "<->" => Token::TwoWayArrow,
        _ => Token::CustomBinaryOperator(text.to_owned()),
    }
}
