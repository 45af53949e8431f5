//! Words that PostgreSQL takes for names: the whole sweep needs the server (pg_test/grammar); here are its classes, and what must
//! not be hidden by them.

use super::super::keywords::{self, Category};
use super::super::{GateErrorKind, Limits, admit};
use super::{check, refused, relations};

/// Words of each category.
const UNRESERVED: [&str; 12] = [
    "partition",
    "range",
    "rows",
    "operator",
    "at",
    "escape",
    "recursive",
    "materialized",
    "first",
    "ordinality",
    "nulls",
    "insert",
];
const COLUMN_NAMES: [&str; 12] = [
    "interval",
    "exists",
    "between",
    "values",
    "row",
    "time",
    "position",
    "precision",
    "none",
    "setof",
    "grouping",
    "coalesce",
];
const OTHERS: [&str; 12] =
    ["top", "qualify", "struct", "sample", "final", "asof", "semi", "prewhere", "div", "xor", "lambda", "cluster"];

fn all() -> impl Iterator<Item = &'static str> {
    UNRESERVED.into_iter().chain(COLUMN_NAMES).chain(OTHERS)
}

#[test]
fn unquoted_words_are_columns() {
    for word in all() {
        for text in [
            "SELECT {} FROM t",
            "SELECT a, {}, {} + 1 FROM t",
            "SELECT a FROM t WHERE {} IN (1, 2) AND {} IS NOT NULL",
            "SELECT a FROM t WHERE NOT {} OR {} BETWEEN {} AND 2",
            "SELECT f({}), ({}), {} || 'x' FROM t",
            "SELECT count(*) FROM t GROUP BY {} HAVING {} > 1 ORDER BY {} DESC NULLS LAST",
            "SELECT CASE {} WHEN 1 THEN {} ELSE {} END FROM t",
            "SELECT DISTINCT ON ({}) {} FROM t",
            "SELECT t.{} FROM t",
            "SELECT {}::text, CAST({} AS int) FROM t",
            "SELECT sum({}) OVER (PARTITION BY {} ORDER BY {}) FROM t",
        ] {
            let sql = text.replace("{}", word);
            assert_eq!(relations(&sql), Ok("t".to_owned()), "{sql}");
        }
    }
}

#[test]
fn unquoted_words_are_aliases_and_labels() {
    for word in all() {
        for text in [
            "SELECT 1 FROM t {}",
            "SELECT {}.a FROM t {}",
            "SELECT 1 FROM t {} WHERE true",
            "SELECT 1 FROM (SELECT 1 FROM t) {}",
            "SELECT 1 FROM t AS {}",
            "SELECT 1 FROM t a JOIN t {} ON a.b = {}.b",
            "SELECT 1 AS {} FROM t",
            "WITH {} AS (SELECT 1 FROM t) SELECT 1 FROM {}",
            "WITH {} (a) AS (SELECT 1 FROM t) TABLE {}",
            "SELECT 1 FROM t, f(1) {} (a)",
            "SELECT x.{} FROM t, f(1) AS x ({})",
        ] {
            let sql = text.replace("{}", word);
            assert_eq!(relations(&sql), Ok("t".to_owned()), "{sql}");
        }
        if keywords::is_bare_label(word, 15) {
            for text in [
                "SELECT 1 {} FROM t",
                "SELECT a {}, b FROM t",
                "SELECT (SELECT 1 {}) FROM t",
                "SELECT count(*) {} FROM t",
            ] {
                let sql = text.replace("{}", word);
                assert_eq!(relations(&sql), Ok("t".to_owned()), "{sql}");
            }
        }
    }
    for word in [
        "is", "and", "or", "in", "like", "not", "collate", "select", "case", "end", "distinct", "user", "desc", "left",
        "all",
    ] {
        let sql = format!("SELECT a {word} FROM t");
        assert_eq!(relations(&sql), Ok("t".to_owned()), "{sql}");
    }
}

#[test]
fn reserved_words_name_nothing() {
    for word in ["select", "user", "order", "left", "natural", "is", "all", "table", "primary"] {
        assert!(refused(&format!("SELECT 1 FROM {word}")).is_some(), "{word}");
        assert!(refused(&format!("SELECT 1 FROM t {word}")).is_some(), "{word}");
    }
}

#[test]
fn no_word_hides_a_relation() {
    for word in all()
        .chain(["is", "and", "case", "end", "select", "from", "union", "with", "as", "on", "using", "lateral", "left"])
    {
        for text in [
            "SELECT a {} FROM secrets",
            "SELECT {} FROM public.secrets",
            "SELECT 1 FROM orders {}, secrets",
            "SELECT {} (SELECT 1 FROM secrets) FROM orders",
            "SELECT {} 'x' FROM secrets",
            "SELECT a {} 'x', (SELECT 1 FROM secrets)",
            "SELECT 1 FROM orders {} JOIN secrets ON true",
            "WITH {} AS (SELECT 1 FROM secrets) SELECT 1 FROM {}",
            "SELECT CASE {} WHEN 1 THEN (SELECT 1 FROM secrets) END",
            "SELECT {}(1) 'x', (TABLE secrets)",
            "SELECT a::{} FROM secrets",
            "SELECT {} '1' FROM secrets",
            "SELECT interval '1' {} FROM secrets",
            "SELECT sum(1) OVER (ROWS BETWEEN {} PRECEDING AND CURRENT ROW) FROM secrets",
            "SELECT 1 FROM ROWS FROM (f(1)) {}, secrets",
        ] {
            let sql = text.replace("{}", word);
            if let Ok(found) = relations(&sql) {
                assert!(found.split([' ', '.']).any(|name| name == "secrets"), "{sql} names only [{found}]");
            }
        }
    }
}

#[test]
fn types_before_constants_are_passed_by() {
    check(&[
        ("SELECT inet '10.0.0.1', daterange '[2026-01-01,2026-02-01)' @> date '2026-01-05' FROM t", "t"),
        ("SELECT timestamp with time zone 'now', time(3) without time zone '10:00', double precision '1' FROM t", "t"),
        (
            "SELECT interval '1' day, interval '1-2' year to month, interval(3) '1 s', interval '5' second (2) FROM t",
            "t",
        ),
        (
            "SELECT numeric(5, 2) '1', bit varying(3) '101', character varying 'a', national character 'b', \"char\" 'c' FROM t",
            "t",
        ),
        ("SELECT pg_catalog.int4 '1', public.mood 'calm', \"Mood\" 'calm', int4 $$1$$, text E'a\\n' FROM t", "t"),
        ("SELECT a FROM t WHERE b > interval '1 day' AND c = mood 'calm'", "t"),
        ("SELECT a::mode, a::class[], CAST(a AS level), a::\"Order\" FROM t", "t"),
    ]);
    for sql in ["SELECT 1 FROM t 'x'", "SELECT user 'x'", "SELECT exists 'x'", "SELECT int B'1'"] {
        assert!(refused(sql).is_some(), "{sql}");
    }
}

#[test]
fn knows_what_a_major_brought() {
    assert_eq!(keywords::category("system_user", 15), Category::Free);
    assert_eq!(keywords::category("system_user", 16), Category::Reserved);
    assert_eq!(keywords::category("json", 16), Category::Free);
    assert_eq!(keywords::category("json", 17), Category::Column);
    let old = Limits { major: 15, ..Limits::default() };
    assert!(admit("SELECT 1 FROM system_user", &old).is_ok());
    assert!(admit("SELECT 1 FROM system_user", &Limits::default()).is_err());
}

#[test]
fn three_parts_are_a_database_a_schema_and_a_name() {
    check(&[("SELECT 1 FROM db.public.t, \"Db\".public.\"T\" AS u", "Db.public.T db.public.t")]);
    assert_eq!(refused("SELECT 1 FROM a.b.c.d"), Some(GateErrorKind::Construct));
}

#[test]
fn types_of_more_than_one_word_are_read() {
    check(&[
        ("SELECT a::national character varying(4), b::national char(4), c::nchar varying(4), d::nchar(4) FROM t", "t"),
        ("SELECT CAST(a AS national character(4)), CAST(b AS nchar varying), c::national char varying[] FROM t", "t"),
    ]);
}

#[test]
fn the_words_of_substring_stand_in_any_order() {
    check(&[
        ("SELECT substring(a for 2 from 3), substring(a for (SELECT 1 FROM u)) FROM t", "t u"),
        ("SELECT substring(a similar '%#\"cd#\"%' escape '#'), substring(a from '1' for '#') FROM t", "t"),
        ("SELECT substring(substring(a for 2) similar (SELECT b FROM u) escape '#' || c) FROM t", "t u"),
        ("SELECT substring(a similar to 'x' from 1) FROM t", "t"),
        ("SELECT a AS substring, (SELECT 1 FROM u) FROM t substring", "t u"),
    ]);
}

#[test]
fn fetch_takes_an_expression() {
    check(&[
        ("SELECT 1 FROM t FETCH FIRST (1 + 1) ROWS ONLY", "t"),
        ("SELECT 1 FROM t ORDER BY 1 OFFSET (1) ROWS FETCH NEXT (SELECT 1 FROM u) ROW WITH TIES", "t u"),
        ("SELECT 1 FROM t FETCH FIRST +2 ROWS ONLY", "t"),
        ("SELECT 1 FROM (SELECT 1 FROM t FETCH FIRST -2 ROW ONLY) x, u", "t u"),
        ("SELECT 1 FROM t FETCH FIRST length((SELECT a FROM u)) ROWS ONLY", "t u"),
        ("SELECT 1 FROM f(1) rows, u FETCH FIRST ROW ONLY", "u"),
    ]);
}

#[test]
fn operators_are_read_where_they_stand() {
    check(&[
        ("SELECT OPERATOR(pg_catalog.-) a, 1 OPERATOR(pg_catalog.+) OPERATOR(-) b FROM t", "t"),
        ("SELECT @-1, 2 + @-(SELECT 1 FROM u), count(*) FROM t", "t u"),
        ("SELECT 5 OPERATOR(pg_catalog.=) ANY (ARRAY[1]), 5 OPERATOR(=) ALL (SELECT a FROM u) FROM t", "t u"),
        ("SELECT a ^@ ANY (ARRAY['a']), a @> SOME (SELECT b FROM u), a <-> 1 FROM t", "t u"),
    ]);
    for sql in ["SELECT OPERATOR((SELECT 1 FROM u).+) a FROM t", "SELECT 1 OPERATOR(pg_catalog.=)"] {
        assert!(refused(sql).is_some(), "{sql}");
    }
}

#[test]
fn functions_of_rows_from_define_columns() {
    check(&[
        ("SELECT 1 FROM ROWS FROM (f(a) AS (a int, b numeric(5, 2)), g((SELECT 1 FROM u))) AS z(p, q, r), t", "t u"),
        ("SELECT 1 FROM t, ROWS FROM (f(1), g(2)) AS r(a, b)", "t"),
        (
            "SELECT 1 FROM t LEFT JOIN LATERAL ROWS FROM (f(t.a) AS (a int)) WITH ORDINALITY AS z(a, n) ON true, u",
            "t u",
        ),
        ("SELECT 1 AS rows FROM t, (SELECT rows FROM u) rows", "t u"),
    ]);
}

#[test]
fn with_before_values_in_from() {
    check(&[
        ("SELECT 1 FROM (WITH a AS (SELECT 1 FROM t) VALUES (1), (2)) x, a", "a t"),
        ("SELECT 1 FROM (VALUES (1, NULL::date), (2, DATE '2026-01-01'), ((SELECT 1 FROM u), NULL)) x, t", "t u"),
        ("SELECT 1 FROM ((WITH a AS (SELECT 1) VALUES ((SELECT 1 FROM a, t))) UNION SELECT 2 FROM u) x", "t u"),
    ]);
}
