//! The lexer against scan.l.

use super::super::lexeme::LexemeKind;
use super::super::lexer::lex;
use super::super::{GateErrorKind, Limits, words};

/// The tokens' texts, and nothing for a refusal.
fn texts(sql: &str) -> Vec<&str> {
    let lexemes = lex(sql, &Limits::default()).unwrap_or_default();
    lexemes.iter().map(|lexeme| lexeme.text(sql)).collect()
}

#[test]
fn cuts_operators_as_postgresql_does() {
    assert_eq!(texts("a*-1"), ["a", "*", "-", "1"]);
    assert_eq!(texts("a@-1"), ["a", "@-", "1"]);
    assert_eq!(texts("a<>-1"), ["a", "<>", "-", "1"]);
    assert_eq!(texts("a+--b\n1"), ["a", "+", "1"]);
    assert_eq!(texts("a+/*b*/1"), ["a", "+", "1"]);
    assert_eq!(texts("a->>'b'"), ["a", "->>", "'b'"]);
    assert_eq!(texts("a||/*x*/b"), ["a", "||", "b"]);
    assert_eq!(texts("=-="), ["=-="]);
    assert_eq!(texts("+++"), ["+", "+", "+"]);
    assert_eq!(texts("a::int[1:2]:=b"), ["a", "::", "int", "[", "1", ":", "2", "]", ":=", "b"]);
}

#[test]
fn cuts_strings_as_postgresql_does() {
    assert_eq!(texts("'a''b' 'c\\' 'd'"), ["'a''b'", "'c\\'", "'d'"]);
    assert_eq!(texts("E'a\\'b' e'\\\\' x"), ["E'a\\'b'", "e'\\\\'", "x"]);
    assert_eq!(texts("'a'\n'b'"), ["'a'\n'b'"]);
    assert_eq!(texts("'a' -- c\n 'b'"), ["'a' -- c\n 'b'"]);
    assert_eq!(texts("'a' 'b'"), ["'a'", "'b'"]);
    assert_eq!(texts("'a' /* c */\n'b'"), ["'a'", "'b'"]);
    assert_eq!(texts("B'1''0' X'1'"), ["B'1'", "'0'", "X'1'"]);
    assert_eq!(texts("$$a'b$$ $t$ $$ $u$ $t$ x"), ["$$a'b$$", "$t$ $$ $u$ $t$", "x"]);
    assert_eq!(texts("a$$b$$"), ["a$$b$$"]);
    assert_eq!(texts("\"a\"\"b\" \"c\""), ["\"a\"\"b\"", "\"c\""]);
    assert_eq!(texts("N'a' u&b"), ["N'a'", "u", "&", "b"]);
}

#[test]
fn cuts_numbers_as_postgresql_does() {
    assert_eq!(texts("1 1. .5 1.5e10 1e-5 1.e3"), ["1", "1.", ".5", "1.5e10", "1e-5", "1.e3"]);
    assert_eq!(texts("a.5"), ["a", ".5"]);
    assert_eq!(texts("0x1F 1_000 0b01 0o17"), ["0x1F", "1_000", "0b01", "0o17"]);
    assert_eq!(texts("1-2"), ["1", "-", "2"]);
    for junk in ["1a", "1e", "1__0", "1.5x", "0b12"] {
        assert!(lex(junk, &Limits::default()).is_err(), "{junk}");
    }
}

#[test]
fn passes_comments_as_postgresql_does() {
    assert_eq!(texts("1--a\r2"), ["1", "2"]);
    assert_eq!(texts("1/*/* */ */2/***/3/**/4"), ["1", "2", "3", "4"]);
    assert_eq!(texts("1/*'*/2"), ["1", "2"]);
    assert_eq!(texts("'--' /* ' */ \"/*\""), ["'--'", "\"/*\""]);
    assert_eq!(texts("1 /* -- */ 2"), ["1", "2"]);
}

#[test]
fn takes_bytes_above_ascii_for_letters() {
    // A no-break space is a letter to PostgreSQL, not a space.
    assert_eq!(texts("a\u{a0}b é"), ["a\u{a0}b", "é"]);
    assert_eq!(texts("1\u{c}2"), ["1", "2"]);
    let kind = lex("1\u{b}2", &Limits::default()).err().map(|error| error.kind());
    assert_eq!(kind, Some(GateErrorKind::Character));
}

#[test]
fn knows_names_from_keywords() {
    let sql = "SELECT a.from AS select from b";
    let mut lexemes = lex(sql, &Limits::default()).unwrap_or_default();
    words::mark(sql, &mut lexemes, 18);
    let keywords: Vec<bool> = lexemes.iter().map(|lexeme| lexeme.is_keyword(sql, lexeme.text(sql))).collect();
    assert_eq!(keywords, [true, false, false, false, true, false, true, false]);
    assert!(lexemes.iter().filter(|lexeme| lexeme.kind == LexemeKind::Word).count() == 7);
}
