//! No text whatever makes the gate panic, and no admitted text changes.

use proptest::prelude::*;

use super::admitted;

/// Pieces that, in any order, come close to SQL and to its traps.
const PIECES: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "public",
    "orders",
    "secrets",
    ".",
    ",",
    "(",
    ")",
    "*",
    "1",
    "'a'",
    "E'\\''",
    "\"A\"",
    "WITH",
    "RECURSIVE",
    "a",
    "AS",
    "UNION",
    "ALL",
    "TABLE",
    "VALUES",
    "END",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "OR",
    "AND",
    "NOT",
    "COLLATE",
    "IN",
    "EXISTS",
    "LATERAL",
    "JOIN",
    "ON",
    "USING",
    "LEFT",
    "NATURAL",
    "GROUP",
    "BY",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "FIRST",
    "ROWS",
    "ONLY",
    "::",
    "int",
    "[",
    "]",
    "ARRAY",
    "INTERVAL",
    "date",
    "+",
    "-",
    "--",
    "/*",
    "*/",
    "\n",
    ";",
    "$$",
    "$a$",
    "$1",
    "U&'",
    "U&\"",
    "'",
    "\"",
    "\\",
    "OVER",
    "FILTER",
    "WINDOW",
    "w",
    "INTO",
    "FOR",
    "UPDATE",
    "trim",
    "extract",
    "substring",
    "BETWEEN",
    "SYMMETRIC",
    "IS",
    "DISTINCT",
    "->",
    "->>",
    "=>",
    ":=",
    "?",
    "@>",
    "~",
    "ISNULL",
    "SEARCH",
    "CYCLE",
    "SET",
    "EXCLUDE",
    "unnest",
    "DELETE",
    "é",
    "\u{a0}",
    "\0",
    "MERGE",
    "INSERT",
    "OPERATOR",
    "ROW",
    "CURRENT_DATE",
    "DEFAULT",
    "SIMILAR",
    "ESCAPE",
    "ANY",
];

const HONEST: &[&str] = &[
    "WITH a AS (SELECT x, count(*) FROM public.orders o JOIN stores USING (id) GROUP BY 1) SELECT * FROM a ORDER BY 2",
    "SELECT CASE WHEN a > 1 THEN 'x' ELSE E'\\'y' END, b[1:2], c->>'d' FROM t WHERE e BETWEEN 1 AND 2 AND f IN (1, 2)",
    "SELECT sum(x) OVER (PARTITION BY k ORDER BY d ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM \"T\" t",
    "TABLE a UNION ALL (SELECT * FROM ROWS FROM (f(1), g(2)) AS r(a, b)) EXCEPT VALUES (1, $$x$$) -- done",
    "SELECT trim(both from a), extract(year from b), substring(c from 1 for 2), date '2024-01-01' FROM t, LATERAL f(1)",
];

fn never_panics_and_never_changes(sql: &str) {
    match admitted(sql) {
        Ok(gated) => assert_eq!(gated.sql(), sql),
        Err(error) => assert!(!error.to_string().chars().any(char::is_control)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn survives_any_text(sql in "\\PC{0,200}") {
        never_panics_and_never_changes(&sql);
    }

    #[test]
    fn survives_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        never_panics_and_never_changes(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn survives_shuffled_pieces(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40)) {
        never_panics_and_never_changes(&format!("SELECT {}", pieces.join(" ")));
        never_panics_and_never_changes(&pieces.concat());
    }

    #[test]
    fn survives_mutated_queries(
        honest in proptest::sample::select(HONEST),
        piece in proptest::sample::select(PIECES),
        at in any::<proptest::sample::Index>(),
        length in 0..12_usize,
    ) {
        let characters: Vec<char> = honest.chars().collect();
        let at = at.index(characters.len());
        let head: String = characters.iter().take(at).collect();
        let tail: String = characters.iter().skip(at + length).collect();
        never_panics_and_never_changes(&format!("{head} {piece} {tail}"));
        never_panics_and_never_changes(&format!("{head}{piece}{tail}"));
    }
}
