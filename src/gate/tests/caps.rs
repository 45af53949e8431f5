//! The caps: ten times what is admitted is refused at once and overflows no stack, and so does what lies just below.
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

#[test]
fn refuses_ten_times_too_much_at_once() {
    let large = Limits { max_bytes: 4 << 20, max_tokens: 1 << 20, ..Limits::default() };
    let texts = [
        format!("SELECT {}1", "1+".repeat(140_000)),
        format!("SELECT '{{}}'::int{}", "[]".repeat(40_000)),
        format!("SELECT {}true", "NOT ".repeat(20_000)),
        format!("SELECT {}1", "- ".repeat(20_000)),
        format!("SELECT {}1{}", "CASE WHEN ".repeat(20_000), " THEN 1 END".repeat(20_000)),
        format!("{}SELECT 1{}", "/*".repeat(500_000), "*/".repeat(500_000)),
        format!("SELECT {} FROM t", "a".repeat(60_000)),
        format!("SELECT \"{}\" FROM t", "a".repeat(60_000)),
        format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("SELECT 1{}", "::int".repeat(20_000)),
        format!("SELECT 1 FROM a{}", " JOIN b ON true".repeat(20_000)),
        format!("SELECT 1 FROM a{}{}", " JOIN b".repeat(20_000), " ON true".repeat(20_000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(20_000)),
        format!("SELECT a{}", " || a".repeat(20_000)),
        format!("SELECT a{}", " AND a".repeat(20_000)),
        format!("SELECT a{}", " OR a".repeat(20_000)),
        format!("SELECT a{}", " IS NULL".repeat(20_000)),
        format!("SELECT a{}", " ISNULL".repeat(20_000)),
        format!("SELECT a{}", " COLLATE \"C\"".repeat(20_000)),
        format!("SELECT a{}", " AT TIME ZONE 'UTC'".repeat(20_000)),
        format!("SELECT a{}", "[1]".repeat(20_000)),
        format!("SELECT {}'1'", "INTERVAL ".repeat(20_000)),
        format!("SELECT 1{}", " + where".repeat(20_000)),
        format!("SELECT 1{}", " IS DISTINCT FROM 1".repeat(20_000)),
        format!("SELECT 1{}", " + union + select".repeat(20_000)),
        format!("SELECT 1 {}", "+".repeat(60_000)),
        format!("SELECT 1 {}", "/**/".repeat(60_000)),
    ];
    for text in texts {
        for limits in [&Limits::default(), &large] {
            let start = Instant::now();
            let refusal = admit(&text, limits).map(|_| ()).map_err(|error| error.kind());
            let head: String = text.chars().take(40).collect();
            let complex = [Err(GateErrorKind::TooComplex), Err(GateErrorKind::TooLong)];
            assert!(complex.contains(&refusal), "{head}: {refusal:?}");
            assert!(start.elapsed() < Duration::from_secs(2), "{head}: {:?}", start.elapsed());
        }
    }
    assert_refused_fast(&format!("SELECT '{}'", "x".repeat(1 << 20)), GateErrorKind::TooLong);
    assert_refused_fast(&" ".repeat(1 << 20), GateErrorKind::TooLong);
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
        ("SELECT ", "INTERVAL ", "'1'", ""),
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
            for depth in [1, 2, 4, 6, 12, 16, 24, 46, 48, 60, 200] {
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
