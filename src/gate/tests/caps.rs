//! The caps: what is a little over one is refused at once, and what lies just below is admitted and overflows no stack.
//!
//! What makes sqlparser recurse is tried on a stack of PostgreSQL's size, the rest on the 2 MB of a test thread.

use std::thread;
use std::time::{Duration, Instant};

use super::super::{GateErrorKind, Limits, admit};
use super::{admitted, check, refused};

/// PostgreSQL's backends have 8 MB; some of it is used when the gate is called.
const BACKEND_STACK: usize = 7 << 20;

fn assert_refused_fast(sql: &str, kind: GateErrorKind) {
    let start = Instant::now();
    assert_eq!(refused(sql), Some(kind), "{}", sql.chars().take(40).collect::<String>());
    assert!(start.elapsed() < Duration::from_secs(1), "took {:?}", start.elapsed());
}

/// One link, level, arm or byte more than the caps: the parsers behind the gate, which have no such caps, are not harmed by it.
#[test]
fn refuses_just_over_each_cap_at_once() {
    let most = Limits::default();
    let chained =
        |before: &str, link: &str, after: &str| format!("{before}{}{after}", link.repeat(most.max_operators + 1));
    let nested = |before: &str, open: &str, core: &str, close: &str, levels: usize| {
        format!("{before}{}{core}{}", open.repeat(levels), close.repeat(levels))
    };
    let name = "a".repeat(most.max_identifier + 1);
    let complex = [
        chained("SELECT ", "1+", "1"),
        chained("SELECT '{}'::int", "[]", ""),
        chained("SELECT ", "NOT ", "true"),
        chained("SELECT ", "- ", "1"),
        chained("SELECT 1", "::int", ""),
        chained("SELECT a", " || a", ""),
        chained("SELECT a", " AND a", ""),
        chained("SELECT a", " OR a", ""),
        chained("SELECT a", " IS NULL", ""),
        chained("SELECT a", " ISNULL", ""),
        chained("SELECT a", " COLLATE \"C\"", ""),
        chained("SELECT a", " AT TIME ZONE 'UTC'", ""),
        chained("SELECT a", "[1]", ""),
        nested("SELECT ", "INTERVAL (", "'1'", ")", most.max_nesting + 1),
        chained("SELECT 1", " + where", ""),
        chained("SELECT 1", " IS DISTINCT FROM 1", ""),
        format!("SELECT 1{}", " + union + select".repeat(most.max_operators / 2 + 1)),
        nested("SELECT ", "CASE WHEN ", "1", " THEN 1 END", most.max_nesting + 1),
        nested("SELECT ", "(", "1", ")", most.max_nesting + 1),
        nested("", "/*", "SELECT 1", "*/", most.max_comment_nesting + 1),
        nested("SELECT 1 FROM a", " JOIN b", "", " ON true", 17),
        format!("SELECT 1 FROM a{}", " JOIN b ON true".repeat(most.max_joins + 1)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(most.max_set_arms + 1)),
        format!("SELECT 1 {}", "+".repeat(most.max_operator_run + 1)),
        format!("SELECT 1 {}", "/**/".repeat(most.max_operator_run / 4 + 1)),
    ];
    // However much text an administrator lets in.
    let large = Limits { max_bytes: 4 << 20, max_tokens: 1 << 20, ..Limits::default() };
    for text in &complex {
        assert_refused_fast(text, GateErrorKind::TooComplex);
        assert_eq!(admit(text, &large).err().map(|error| error.kind()), Some(GateErrorKind::TooComplex), "{text}");
    }
    for text in [
        format!("SELECT {name} FROM t"),
        format!("SELECT \"{name}\" FROM t"),
        format!("SELECT '{}'", "x".repeat(most.max_bytes)),
        " ".repeat(most.max_bytes + 1),
        format!("SELECT 1{}", ",1".repeat(most.max_tokens / 2)),
    ] {
        assert_refused_fast(&text, GateErrorKind::TooLong);
    }
}

#[test]
fn survives_chains_just_below_the_caps() {
    let most = Limits::default().max_operators - 10;
    for link in [" + 1", " || a", " AND a", " OR a", " = a", "::int", "[1]", " IS NULL", " -> 'a'"] {
        let sql = format!("SELECT a{} FROM t", link.repeat(most));
        assert!(admitted(&sql).is_ok(), "{link}: {:?}", refused(&sql));
    }
    assert!(admitted(&format!("SELECT 1::int{}", "[]".repeat(most))).is_ok());
    assert!(admitted(&format!("SELECT 1 FROM t{}", " JOIN t ON true".repeat(190))).is_ok());
    assert!(admitted(&format!("SELECT 1{}", " UNION SELECT 1".repeat(190))).is_ok());
}

#[test]
fn adds_nested_chains_together() {
    let chain = " + 1".repeat(400);
    let sql = format!("SELECT (((1{chain}){chain}){chain})");
    assert_refused_fast(&sql, GateErrorKind::TooComplex);
    check(&[(&format!("SELECT (1{chain}), (1{chain}), (1{chain}) FROM t WHERE (1{chain}) > 1"), "t")]);
}

#[test]
fn survives_every_way_to_recurse() {
    // What is repeated before and after the core, and the core.
    let nests = [
        ("SELECT ", "(", "1", ")"),
        ("SELECT ", "NOT (a = (b + ", "1", "))"),
        ("SELECT ", "a OR b AND c = d + e * (", "1", ")"),
        ("SELECT ", "(SELECT ", "1", ")"),
        ("SELECT ", "a AND NOT EXISTS (SELECT 1 FROM t WHERE ", "1", ")"),
        ("SELECT 1 FROM ", "(SELECT 1 FROM ", "t", ") x"),
        ("SELECT 1 FROM ", "(", "t", " JOIN t ON true)"),
        ("SELECT ", "f(", "1", ")"),
        ("SELECT ", "CASE WHEN ", "1", " THEN 1 END"),
        ("SELECT ARRAY", "[", "1", "]"),
        ("", "WITH a AS (", "SELECT 1", ") SELECT 1"),
        ("SELECT ", "CAST(", "1", " AS int)"),
        ("SELECT ", "NOT ", "1", ""),
        ("SELECT ", "- ", "1", ""),
        ("SELECT ", "a IN (", "1", ")"),
        ("SELECT ", "a BETWEEN (", "1", ") AND 1"),
        ("SELECT ", "INTERVAL (", "'1'", ")"),
        ("SELECT 1 FROM a ", "JOIN b ", "", "ON true "),
        ("SELECT ", "sum(1) OVER (ORDER BY ", "1", ")"),
        ("SELECT ", "trim(both from ", "1", ")"),
        ("", "(", "SELECT 1", ")"),
        ("", "SELECT 1 UNION (", "SELECT 1", ")"),
        ("SELECT ", "(1, ", "1", ")"),
    ];
    let worker = thread::Builder::new().stack_size(BACKEND_STACK).spawn(move || {
        for (start, before, core, after) in nests {
            let mut deepest = 0;
            for depth in [1, 2, 4, 6, 12, 16, 24, 46, 48, 49, 60] {
                let sql = format!("{start}{}{core}{}", before.repeat(depth), after.repeat(depth));
                let started = Instant::now();
                if admitted(&sql).is_ok() {
                    deepest = depth;
                }
                assert!(started.elapsed() < Duration::from_secs(1), "{before} {depth}: {:?}", started.elapsed());
            }
            assert!((6..=48).contains(&deepest), "{before} is admitted {deepest} deep");
        }
    });
    assert!(worker.is_ok_and(|worker| worker.join().is_ok()));
}

#[test]
fn counts_each_cap() {
    let limits = Limits {
        max_bytes: 200,
        max_tokens: 20,
        max_operators: 5,
        max_set_arms: 2,
        max_joins: 2,
        max_nesting: 3,
        max_comment_nesting: 2,
        max_operator_run: 10,
        max_identifier: 70,
        major: 18,
    };
    let kind = |sql: &str| admit(sql, &limits).err().map(|error| error.kind());
    assert_eq!(kind("SELECT 1 + 1 + 1 + 1 + 1"), None);
    assert_eq!(kind("SELECT 1 + 1 + 1 + 1 + 1 + 1 + 1"), Some(GateErrorKind::TooComplex));
    assert_eq!(kind("SELECT 1 UNION SELECT 1 UNION SELECT 1"), None);
    assert_eq!(kind("SELECT 1 UNION SELECT 1 UNION SELECT 1 EXCEPT SELECT 1"), Some(GateErrorKind::TooComplex));
    assert_eq!(kind("SELECT 1 FROM a CROSS JOIN b CROSS JOIN c"), None);
    assert_eq!(kind("SELECT 1 FROM a CROSS JOIN b CROSS JOIN c CROSS JOIN d"), Some(GateErrorKind::TooComplex));
    assert_eq!(kind("SELECT (((1)))"), None);
    assert_eq!(kind("SELECT ((((1))))"), Some(GateErrorKind::TooComplex));
    assert_eq!(kind("SELECT /* /* */ */ 1"), None);
    assert_eq!(kind("SELECT /* /* /* */ */ */ 1"), Some(GateErrorKind::TooComplex));
    assert_eq!(kind("SELECT 1 /*==========*/"), Some(GateErrorKind::TooComplex));
    assert_eq!(kind(&format!("SELECT {}", "a".repeat(71))), Some(GateErrorKind::TooLong));
    assert_eq!(kind(&format!("SELECT {}", "a,".repeat(20))), Some(GateErrorKind::TooLong));
    assert_eq!(kind(&format!("SELECT '{}'", "a".repeat(200))), Some(GateErrorKind::TooLong));
}
