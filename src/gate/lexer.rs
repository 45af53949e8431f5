//! PostgreSQL's lexical rules (scan.l, with standard_conforming_strings on), in one linear pass over the bytes.
//!
//! sqlparser's own tokenizer is not used: where the two disagree on where a string, a comment or an operator ends, an
//! attacker hides a statement. The parser is handed the tokens that PostgreSQL will see (see `tokens`). What PostgreSQL's
//! lexer would refuse is refused here, and so are the spellings that no honest query needs: `U&'..'`, `U&".."`,
//! psql's backslashes, parameters, `..`.

use super::error::{GateError, GateResult};
use super::lexeme::{Cursor, Lexeme, LexemeKind, StringForm, is_identifier_start, is_space};
use super::limits::Limits;
use super::literals;

fn is_identifier_part(byte: u8) -> bool {
    is_identifier_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn is_operator_byte(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

/// Cuts the text into PostgreSQL's tokens.
pub(super) fn lex(sql: &str, limits: &Limits) -> GateResult<Vec<Lexeme>> {
    if sql.len() > limits.max_bytes {
        return Err(GateError::TooLong { unit: "bytes", limit: limits.max_bytes });
    }
    if sql.as_bytes().contains(&0) {
        return Err(GateError::Character { what: "a NUL byte" });
    }
    let mut cursor = Cursor { bytes: sql.as_bytes(), position: 0 };
    let mut lexemes: Vec<Lexeme> = Vec::new();
    loop {
        skip_blank(&mut cursor, limits)?;
        if cursor.is_at_end() {
            return Ok(lexemes);
        }
        if lexemes.len() >= limits.max_tokens {
            return Err(GateError::TooLong { unit: "tokens", limit: limits.max_tokens });
        }
        let start = cursor.position;
        let kind = token(&mut cursor, limits)?;
        lexemes.push(Lexeme { kind, start, end: cursor.position, is_name: false, is_dropped: false, is_comma: false });
    }
}

/// Passes white space and comments.
fn skip_blank(cursor: &mut Cursor<'_>, limits: &Limits) -> GateResult<()> {
    loop {
        cursor.skip_while(is_space);
        if cursor.looks_at(b"--") {
            cursor.skip_while(|byte| byte != b'\n' && byte != b'\r');
        } else if cursor.looks_at(b"/*") {
            skip_comment(cursor, limits)?;
        } else {
            return Ok(());
        }
    }
}

/// Passes one block comment, with those inside it.
fn skip_comment(cursor: &mut Cursor<'_>, limits: &Limits) -> GateResult<()> {
    let mut depth = 0_usize;
    let mut run = 0_usize;
    loop {
        if cursor.is_at_end() {
            return Err(GateError::syntax("unterminated comment"));
        }
        run = if is_operator_byte(cursor.at(0)) { run.saturating_add(1) } else { 0 };
        if run > limits.max_operator_run {
            return Err(too_long_a_run(limits));
        }
        if cursor.looks_at(b"/*") {
            depth = depth.saturating_add(1);
            if depth > limits.max_comment_nesting {
                return Err(GateError::TooComplex { what: "nested comments", limit: limits.max_comment_nesting });
            }
            run = run.saturating_add(1);
            cursor.skip(2);
        } else if cursor.looks_at(b"*/") {
            depth = depth.saturating_sub(1);
            run = run.saturating_add(1);
            cursor.skip(2);
            if depth == 0 && !cursor.looks_at(b"/*") {
                return Ok(());
            }
            // Comments that touch are one run of operator characters to PostgreSQL's lexer: count on.
        } else {
            cursor.skip(1);
        }
    }
}

fn too_long_a_run(limits: &Limits) -> GateError {
    GateError::TooComplex { what: "adjacent operator characters", limit: limits.max_operator_run }
}

/// Reads one token; the cursor stands on its first byte.
fn token(cursor: &mut Cursor<'_>, limits: &Limits) -> GateResult<LexemeKind> {
    let (first, second) = (cursor.at(0), cursor.at(1));
    match (first, second) {
        (b'\'', _) => literals::quoted(cursor, 1, StringForm::Plain),
        (b'e' | b'E', b'\'') => literals::quoted(cursor, 2, StringForm::Escape),
        (b'b' | b'B', b'\'') => literals::quoted(cursor, 2, StringForm::Bit),
        (b'x' | b'X', b'\'') => literals::quoted(cursor, 2, StringForm::Hex),
        (b'n' | b'N', b'\'') => literals::quoted(cursor, 2, StringForm::National),
        (b'u' | b'U', b'&') if matches!(cursor.at(2), b'\'' | b'"') => {
            Err(GateError::construct("a U& string or identifier"))
        }
        (b'"', _) => quoted_word(cursor, limits),
        (b'$', b'0'..=b'9') => Err(GateError::Parameter),
        (b'$', _) => literals::dollar_quoted(cursor),
        (b'0'..=b'9', _) | (b'.', b'0'..=b'9') => literals::number(cursor),
        (b'.', b'.') => Err(GateError::syntax_near("syntax error", "..")),
        (b':', b':') => Ok(symbol(cursor, 2, LexemeKind::DoubleColon)),
        (b':', b'=') => Ok(symbol(cursor, 2, LexemeKind::ColonEquals)),
        (b'(' | b')' | b'[' | b']' | b',' | b'.' | b';' | b':', _) => Ok(symbol(cursor, 1, LexemeKind::Symbol(first))),
        (b'\\', _) => Err(GateError::syntax_near("syntax error", "\\")),
        _ if is_identifier_start(first) => word(cursor, limits),
        _ if is_operator_byte(first) => operator(cursor, limits),
        _ if first.is_ascii_control() => Err(GateError::Character { what: "a control character" }),
        _ => Err(GateError::syntax_near("syntax error", char::from(first).encode_utf8(&mut [0; 4]))),
    }
}

fn symbol(cursor: &mut Cursor<'_>, length: usize, kind: LexemeKind) -> LexemeKind {
    cursor.skip(length);
    kind
}

fn word(cursor: &mut Cursor<'_>, limits: &Limits) -> GateResult<LexemeKind> {
    let start = cursor.position;
    cursor.skip_while(is_identifier_part);
    check_identifier(cursor.position.saturating_sub(start), limits)?;
    Ok(LexemeKind::Word)
}

fn quoted_word(cursor: &mut Cursor<'_>, limits: &Limits) -> GateResult<LexemeKind> {
    cursor.skip(1);
    let start = cursor.position;
    loop {
        cursor.skip_while(|byte| byte != b'"');
        if cursor.is_at_end() {
            return Err(GateError::syntax("unterminated quoted identifier"));
        }
        if cursor.at(1) != b'"' {
            break;
        }
        cursor.skip(2);
    }
    let length = cursor.position.saturating_sub(start);
    cursor.skip(1);
    if length == 0 {
        return Err(GateError::syntax("zero-length quoted identifier"));
    }
    check_identifier(length, limits)?;
    Ok(LexemeKind::QuotedWord)
}

fn check_identifier(length: usize, limits: &Limits) -> GateResult<()> {
    if length > limits.max_identifier {
        return Err(GateError::TooLong { unit: "bytes in one identifier", limit: limits.max_identifier });
    }
    Ok(())
}

/// The longest run of operator characters, cut before a comment, and without trailing `+` or `-` unless the operator
/// has a character that no SQL-standard operator has.
fn operator(cursor: &mut Cursor<'_>, limits: &Limits) -> GateResult<LexemeKind> {
    let rest = cursor.bytes.get(cursor.position..).unwrap_or_default();
    let run = rest.iter().take_while(|byte| is_operator_byte(**byte)).take(limits.max_operator_run.saturating_add(1));
    let run = rest.get(..run.count()).unwrap_or_default();
    if run.len() > limits.max_operator_run {
        return Err(too_long_a_run(limits));
    }
    let comment = run.windows(2).position(|pair| pair == b"--" || pair == b"/*");
    let mut operator = run.get(..comment.unwrap_or(run.len())).unwrap_or_default();
    if !operator.iter().any(|byte| b"~!@#^&|`?%".contains(byte)) {
        while operator.len() > 1 {
            let Some((b'+' | b'-', shorter)) = operator.split_last() else { break };
            operator = shorter;
        }
    }
    // NAMEDATALEN: PostgreSQL answers "operator too long".
    if operator.len() > 63 {
        return Err(GateError::syntax("operator too long"));
    }
    cursor.skip(operator.len());
    Ok(LexemeKind::Operator)
}
