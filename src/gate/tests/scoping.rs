//! CTE names against relation names, as PostgreSQL scopes them; and how names fold.

use super::{admitted, check};

#[test]
fn non_recursive_ctes_see_earlier_siblings_only() {
    check(&[
        ("WITH a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT * FROM a, b", "b"),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", "a"),
        ("WITH a AS (SELECT 1), b AS (SELECT * FROM a), c AS (SELECT * FROM a, b) SELECT * FROM c", ""),
    ]);
}

#[test]
fn recursive_ctes_see_all_siblings_and_themselves() {
    check(&[
        ("WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a", ""),
        ("WITH RECURSIVE a AS (SELECT * FROM a) SELECT * FROM a", ""),
        ("WITH RECURSIVE a AS (WITH b AS (SELECT * FROM a) SELECT * FROM b) SELECT * FROM a", ""),
    ]);
}

#[test]
fn inner_ctes_end_with_their_query() {
    check(&[
        ("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x, a", "a"),
        ("(WITH a AS (SELECT 1) SELECT * FROM a) UNION SELECT * FROM a", "a"),
        ("SELECT * FROM a UNION (WITH a AS (SELECT 1) SELECT * FROM a)", "a"),
        ("SELECT (WITH a AS (SELECT 1) SELECT * FROM a), (SELECT 1 FROM a)", "a"),
        ("WITH x AS (WITH a AS (SELECT 1) SELECT * FROM a) SELECT * FROM x, a", "a"),
        ("WITH x AS (WITH a AS (SELECT 1) SELECT * FROM a), y AS (SELECT * FROM a) SELECT * FROM x, y", "a"),
        (
            "SELECT * FROM t WHERE EXISTS (WITH a AS (SELECT 1) SELECT * FROM a WHERE EXISTS (SELECT 1 FROM a)) AND b IN (SELECT 1 FROM a)",
            "a t",
        ),
    ]);
}

#[test]
fn outer_ctes_are_seen_everywhere_inside() {
    check(&[
        ("WITH a AS (SELECT 1) SELECT * FROM (SELECT * FROM (SELECT * FROM a) x) y", ""),
        ("WITH a AS (SELECT 1) SELECT * FROM t JOIN LATERAL (SELECT * FROM a) x ON EXISTS (SELECT 1 FROM a)", "t"),
        (
            "WITH a AS (SELECT 1) SELECT 1 ORDER BY (SELECT 1 FROM a) LIMIT (SELECT 1 FROM a) OFFSET (SELECT 1 FROM a)",
            "",
        ),
        ("WITH a AS (SELECT 1), b AS (WITH c AS (SELECT * FROM a) SELECT * FROM c) SELECT * FROM b", ""),
        (
            "WITH a AS (SELECT 1) SELECT sum(x) FILTER (WHERE x IN (SELECT 1 FROM a)) OVER (ORDER BY (SELECT 1 FROM a)) FROM t",
            "t",
        ),
        ("WITH a AS (SELECT 1) SELECT * FROM f((SELECT 1 FROM a)), unnest(ARRAY(SELECT 1 FROM a)) u", ""),
        ("WITH a AS (SELECT 1) VALUES ((SELECT 1 FROM a))", ""),
        ("WITH a AS (SELECT 1) SELECT 1 GROUP BY (SELECT 1 FROM a) HAVING EXISTS (SELECT FROM a)", ""),
        (
            "WITH a AS (SELECT 1) SELECT CASE WHEN EXISTS (SELECT FROM a) THEN (SELECT 1 FROM b) ELSE (SELECT 1 FROM c) END",
            "b c",
        ),
    ]);
}

#[test]
fn qualified_names_are_never_ctes() {
    check(&[
        ("WITH orders AS (SELECT * FROM public.orders) SELECT * FROM orders, public.orders p", "public.orders"),
        ("WITH a AS (SELECT 1) SELECT * FROM s.a", "s.a"),
    ]);
}

#[test]
fn names_fold_before_they_match() {
    check(&[
        ("WITH Orders AS (SELECT 1) SELECT * FROM ORDERS", ""),
        ("WITH \"Orders\" AS (SELECT 1) SELECT * FROM orders", "orders"),
        ("WITH \"orders\" AS (SELECT 1) SELECT * FROM Orders", ""),
        ("SELECT * FROM \"A\", a, A, \"a\"", "A a"),
        ("SELECT * FROM ÀB", "Àb"),
    ]);
    let long = "x".repeat(70);
    let cut = "x".repeat(63);
    check(&[
        (&format!("SELECT * FROM {long}"), &cut),
        (&format!("SELECT * FROM \"{long}\""), &cut),
        (&format!("WITH {long} AS (SELECT 1) SELECT * FROM {cut}"), ""),
        // 62 bytes and a character of two: PostgreSQL cuts before it.
        (&format!("SELECT * FROM {}éa", "x".repeat(62)), &"x".repeat(62)),
        (&format!("SELECT * FROM {}éa", "x".repeat(61)), &format!("{}é", "x".repeat(61))),
    ]);
}

#[test]
fn functions_in_from_are_no_relations() {
    check(&[
        ("SELECT * FROM pg_read_file('x'), public.f(1), LATERAL g(2) h", ""),
        ("WITH f AS (SELECT 1) SELECT * FROM f(1)", ""),
    ]);
}

#[test]
fn finds_subqueries_in_every_place() {
    let places = [
        "SELECT (SELECT 1 FROM x)",
        "SELECT DISTINCT ON ((SELECT 1 FROM x)) 1",
        "SELECT f((SELECT 1 FROM x))",
        "SELECT f(a => (SELECT 1 FROM x))",
        "SELECT f(a ORDER BY (SELECT 1 FROM x))",
        "SELECT f(VARIADIC ARRAY(SELECT 1 FROM x))",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY (SELECT 1 FROM x))",
        "SELECT sum(1) OVER (PARTITION BY (SELECT 1 FROM x))",
        "SELECT sum(1) OVER (ROWS BETWEEN (SELECT 1 FROM x) PRECEDING AND CURRENT ROW)",
        "SELECT sum(1) OVER (ROWS BETWEEN CURRENT ROW AND (SELECT 1 FROM x) FOLLOWING)",
        "SELECT 1 FROM t WINDOW w AS (ORDER BY (SELECT 1 FROM x))",
        "SELECT 1 FROM (SELECT 1 FROM (TABLE x) y) z",
        "SELECT 1 GROUP BY CUBE (a, f((SELECT 1 FROM x)))",
        "SELECT 1 GROUP BY GROUPING SETS ((a, (SELECT 1 FROM x)))",
        "SELECT a[(SELECT 1 FROM x)], a[1:(SELECT 1)]",
        "SELECT a[(SELECT 1 FROM x):2]",
        "SELECT (SELECT 1 FROM x)::text COLLATE \"C\"",
        "SELECT extract(year FROM (SELECT 1 FROM x))",
        "SELECT substring('a' FROM (SELECT 1 FROM x) FOR 2)",
        "SELECT overlay('a' PLACING 'b' FROM (SELECT 1 FROM x))",
        "SELECT trim(BOTH (SELECT 'a' FROM x) FROM 'b')",
        "SELECT position((SELECT 'a' FROM x) IN 'b')",
        "SELECT 1 WHERE 1 BETWEEN 0 AND (SELECT 1 FROM x)",
        "SELECT 1 WHERE 'a' LIKE 'b' ESCAPE (SELECT 'c' FROM x)",
        "SELECT 1 WHERE 'a' SIMILAR TO (SELECT 'c' FROM x)",
        "SELECT 1 WHERE 1 IN (1, (SELECT 1 FROM x))",
        "SELECT 1 WHERE (1, 2) IN (SELECT 1, 2 FROM x)",
        "SELECT 1 WHERE 1 = ANY (SELECT 1 FROM x)",
        "SELECT 1 WHERE 1 = ALL (ARRAY[(SELECT 1 FROM x)])",
        "SELECT 1 WHERE (SELECT true FROM x) IS NOT DISTINCT FROM true",
        "SELECT now() AT TIME ZONE (SELECT 'UTC' FROM x)",
        "SELECT ROW(1, (SELECT 1 FROM x)), ((SELECT 1)).a",
        "SELECT ((SELECT y FROM x y)).a",
        "SELECT CASE (SELECT 1 FROM x) WHEN 1 THEN 2 END",
        "SELECT 1 FROM a JOIN b ON (SELECT true FROM x)",
        "SELECT 1 FROM (a JOIN (b JOIN x ON true) ON true)",
        "SELECT 1 FROM unnest(ARRAY(SELECT 1 FROM x)) WITH ORDINALITY",
        "SELECT 1 FROM ROWS FROM (f((SELECT 1 FROM x)), g(1))",
        "SELECT 1 FETCH FIRST 1 ROW ONLY; -- FROM x\n",
        "SELECT 1 ORDER BY (SELECT 1 FROM x) DESC NULLS LAST",
        "SELECT 1 LIMIT (SELECT 1 FROM x)",
        "SELECT 1 EXCEPT (SELECT 1 INTERSECT TABLE x)",
        "SELECT - (SELECT 1 FROM x), NOT EXISTS (TABLE x)",
        "SELECT GREATEST(1, (SELECT 1 FROM x)), COALESCE((SELECT 1), 2)",
        "SELECT 1 WHERE (SELECT true FROM x) ISNULL",
    ];
    for sql in places {
        let found = super::relations(sql);
        let expected = !sql.contains("-- FROM x");
        let named = found.as_ref().is_ok_and(|found| found.split(' ').any(|name| name == "x"));
        assert!(found.is_ok() && named == expected, "{sql}: {found:?}");
    }
}

#[test]
fn stands_between_two_texts_without_what_surrounds_it() {
    for (sql, shown) in [
        ("SELECT 1", "(\nSELECT 1\n)"),
        (" ;; SELECT 1 ; ;\n", "(\nSELECT 1\n)"),
        ("SELECT 1; -- the end", "(\nSELECT 1\n)"),
        ("/* a ; */ SELECT 1 /* b */;/* c */", "(\nSELECT 1\n)"),
        ("SELECT ';' --;", "(\nSELECT ';'\n)"),
        ("SELECT $$ ; $$;", "(\nSELECT $$ ; $$\n)"),
        ("SELECT a AS \u{a0};", "(\nSELECT a AS \u{a0}\n)"),
        ("SELECT 1 -- x\n , 2", "(\nSELECT 1 -- x\n , 2\n)"),
    ] {
        assert_eq!(admitted(sql).map(|gated| gated.within("(", ")")).as_deref(), Ok(shown), "{sql}");
    }
}
