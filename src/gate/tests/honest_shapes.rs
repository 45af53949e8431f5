//! Shapes of whole queries as language models write them: CTEs, set operations, derived tables.

use super::check;

#[test]
fn admits_ctes() {
    check(&[
        (
            "WITH m AS (SELECT date_trunc('month', d) AS m, sum(x) AS s FROM t GROUP BY 1) SELECT m, s, lag(s) OVER (ORDER BY m) FROM m",
            "t",
        ),
        ("WITH a AS (SELECT * FROM t), b AS (SELECT * FROM a JOIN u USING (id)) SELECT * FROM a, b", "t u"),
        ("WITH orders AS (SELECT * FROM orders WHERE total > 0) SELECT count(*) FROM orders", "orders"),
        ("WITH a AS MATERIALIZED (SELECT 1), b AS NOT MATERIALIZED (SELECT 2) SELECT * FROM a, b", ""),
        ("WITH a(x, y) AS (VALUES (1, 2), (3, 4)) SELECT x + y FROM a", ""),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT * FROM n", ""),
        (
            "WITH RECURSIVE tree AS (SELECT id, parent_id, 1 AS depth FROM nodes WHERE parent_id IS NULL UNION ALL SELECT c.id, c.parent_id, p.depth + 1 FROM nodes c JOIN tree p ON c.parent_id = p.id) SELECT * FROM tree ORDER BY depth",
            "nodes",
        ),
        ("WITH a AS (WITH b AS (SELECT * FROM t) SELECT * FROM b) SELECT * FROM a", "t"),
        (
            "WITH a AS (SELECT 1 AS x) SELECT (SELECT x FROM a), (SELECT count(*) FROM u WHERE k IN (SELECT x FROM a))",
            "u",
        ),
        ("WITH a AS (SELECT 1 AS x) (SELECT * FROM a) UNION ALL (SELECT * FROM a ORDER BY x LIMIT 1)", ""),
        (
            "WITH RECURSIVE s AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM s WHERE a < 3) SEARCH DEPTH FIRST BY a SET ord SELECT * FROM s ORDER BY ord",
            "",
        ),
        (
            "WITH RECURSIVE s(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM s WHERE a < 3) CYCLE a SET is_cycle USING path SELECT * FROM s",
            "",
        ),
        (
            "WITH RECURSIVE s(a, b) AS (SELECT 1, 2 UNION ALL SELECT b, a FROM s) SEARCH BREADTH FIRST BY a, b SET o CYCLE a, b SET c TO true DEFAULT false USING p SELECT * FROM s",
            "",
        ),
    ]);
}

#[test]
fn admits_set_operations() {
    check(&[
        ("SELECT a FROM t UNION SELECT a FROM u", "t u"),
        ("SELECT a FROM t UNION ALL SELECT a FROM u EXCEPT SELECT a FROM v INTERSECT SELECT a FROM w", "t u v w"),
        ("(SELECT a FROM t ORDER BY a LIMIT 1) UNION ALL (SELECT a FROM u ORDER BY a DESC LIMIT 1) ORDER BY a", "t u"),
        ("SELECT a FROM t EXCEPT ALL SELECT a FROM u UNION DISTINCT SELECT 1", "t u"),
        ("(((SELECT 1)))", ""),
        ("SELECT * FROM ((SELECT a FROM t) UNION (SELECT a FROM u)) x", "t u"),
        ("SELECT * FROM ((SELECT a FROM t)) x", "t"),
        ("SELECT * FROM (SELECT a FROM t UNION ALL SELECT a FROM u) AS x(b) WHERE b > 1", "t u"),
        ("VALUES (1, 'a'), (2, 'b') ORDER BY 1 LIMIT 1", ""),
        ("SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(id, name)", ""),
        ("TABLE orders", "orders"),
        ("TABLE public.orders ORDER BY 1 LIMIT 3;", "public.orders"),
        ("SELECT 1 UNION TABLE x", "x"),
        ("(TABLE \"X\") UNION ALL (TABLE y)", "X y"),
        ("WITH x AS (TABLE t) TABLE x", "t"),
        ("WITH x AS (TABLE t), y AS (TABLE x UNION TABLE u) SELECT * FROM y", "t u"),
        ("SELECT * FROM a WHERE b IN (TABLE c) AND EXISTS (TABLE d)", "a c d"),
    ]);
}

#[test]
fn admits_limits_and_derived_tables() {
    check(&[
        ("SELECT DISTINCT ON (store_id) store_id, total FROM orders ORDER BY store_id, total DESC", "orders"),
        ("SELECT DISTINCT ON (a, lower(b)) * FROM t ORDER BY a, lower(b)", "t"),
        ("SELECT * FROM t ORDER BY a ASC NULLS FIRST, b DESC NULLS LAST OFFSET 5 LIMIT 10", "t"),
        ("SELECT * FROM t ORDER BY a LIMIT 10 OFFSET 20", "t"),
        ("SELECT * FROM t ORDER BY a OFFSET 5 ROWS FETCH NEXT 10 ROWS ONLY", "t"),
        ("SELECT * FROM t ORDER BY a FETCH FIRST ROW ONLY", "t"),
        ("SELECT * FROM t ORDER BY a FETCH FIRST 3 ROWS WITH TIES", "t"),
        ("SELECT * FROM t LIMIT ALL", "t"),
        ("SELECT * FROM t LIMIT (SELECT count(*) / 10 FROM u)", "t u"),
        ("SELECT * FROM t ORDER BY (SELECT max(x) FROM u WHERE u.id = t.id)", "t u"),
        ("SELECT FROM t", "t"),
        ("SELECT ALL a FROM t", "t"),
        ("SELECT a.x FROM (SELECT b.x FROM (SELECT c.x FROM c) b) a", "c"),
        ("SELECT * FROM t WHERE x > (SELECT avg(x) FROM t t2 WHERE t2.k = t.k)", "t"),
        ("SELECT * FROM unnest(ARRAY[1, 2], ARRAY['a', 'b']) WITH ORDINALITY AS u(a, b, n)", ""),
        ("SELECT * FROM ROWS FROM (generate_series(1, 3), unnest(ARRAY['a', 'b'])) AS r(n, s)", ""),
        ("SELECT * FROM generate_series(1, 10) WITH ORDINALITY", ""),
        ("SELECT * FROM generate_series(1, (SELECT max(n) FROM t)) g WHERE g % 2 = 0", "t"),
        ("SELECT * FROM string_to_table('a,b', ',') AS s", ""),
        ("SELECT t.* FROM public.t, other.t AS t2", "other.t public.t"),
        ("SELECT orders.total FROM public.orders WHERE orders.store_id = 3", "public.orders"),
        ("SELECT public.orders.total FROM public.orders", "public.orders"),
        (
            "SELECT * FROM t WHERE a = 1 GROUP BY a, b HAVING count(*) > (SELECT 1 FROM u) WINDOW w AS () ORDER BY a",
            "t u",
        ),
    ]);
}

#[test]
fn admits_long_honest_lists() {
    let constants: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
    let arms: Vec<String> = (0..500).map(|n| format!("WHEN a = {n} AND b <> {n} THEN 'bucket {n}'")).collect();
    let columns: Vec<String> =
        (0..300).map(|n| format!("sum(CASE WHEN k = {n} THEN x * 1.0 ELSE 0 END) AS c{n}")).collect();
    let ors: Vec<String> = (0..300).map(|n| format!("(t.a = {n} AND t.b = {n})")).collect();
    check(&[
        (&format!("SELECT * FROM t WHERE a IN ({})", constants.join(", ")), "t"),
        (&format!("SELECT CASE {} ELSE 'other' END FROM t", arms.join(" ")), "t"),
        (&format!("SELECT {} FROM t", columns.join(", ")), "t"),
        (&format!("SELECT * FROM t WHERE {}", ors.join(" OR ")), "t"),
        (&format!("SELECT * FROM t WHERE {}", ["a = 1"; 300].join(" AND ")), "t"),
        (&format!("SELECT {} FROM t", ["a"; 200].join(" || ' ' || ")), "t"),
        (&["SELECT a FROM t WHERE x = 1"; 100].join(" UNION ALL "), "t"),
    ]);
}
