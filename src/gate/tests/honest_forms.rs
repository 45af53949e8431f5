//! Expressions and constants as language models write them.

use super::check;

#[test]
fn admits_predicates() {
    check(&[
        ("SELECT * FROM t WHERE a IN (1, 2, 3) AND b NOT IN ('x', 'y')", "t"),
        ("SELECT * FROM t WHERE a IN (SELECT id FROM u) AND b NOT IN (SELECT id FROM v WHERE v.k = t.k)", "t u v"),
        ("SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id = t.id) AND NOT EXISTS (SELECT FROM v)", "t u v"),
        (
            "SELECT * FROM t WHERE a = ANY (ARRAY[1, 2]) AND b <> ALL (SELECT id FROM u) AND c = SOME ('{1,2}'::int[])",
            "t u",
        ),
        ("SELECT * FROM t WHERE (a, b) IN (SELECT x, y FROM u)", "t u"),
        ("SELECT * FROM t WHERE (a, b) = (1, 2) AND ROW(a, b) < ROW(3, 4)", "t"),
        ("SELECT * FROM t WHERE a IS NULL AND b IS NOT NULL AND c IS TRUE AND d IS NOT FALSE AND e IS UNKNOWN", "t"),
        ("SELECT * FROM t WHERE a IS DISTINCT FROM b AND c IS NOT DISTINCT FROM NULL", "t"),
        ("SELECT * FROM t WHERE name LIKE 'a%' AND name ILIKE '%b%' AND name NOT LIKE 'c!%' ESCAPE '!'", "t"),
        ("SELECT * FROM t WHERE name SIMILAR TO '(a|b)%' AND name NOT SIMILAR TO 'x' AND name ^@ 'x'", "t"),
        ("SELECT * FROM t WHERE name ~ '^a' AND name ~* 'b' AND name !~ 'c' AND name !~* 'd'", "t"),
        ("SELECT * FROM t WHERE name LIKE ANY (ARRAY['a%', 'b%']) AND name ILIKE ANY ('{a,b}')", "t"),
        ("SELECT * FROM t WHERE name ~~ 'a%' AND name !~~ 'b%' AND name ~~* 'c' AND name !~~* 'd'", "t"),
        ("SELECT * FROM t WHERE NOT (a OR NOT b) AND (c)", "t"),
        ("SELECT a > b, a >= b, a < b, a <= b, a <> b, a != b, a = b FROM t", "t"),
        ("SELECT * FROM t WHERE a ISNULL OR b NOTNULL", "t"),
        ("SELECT x.a FROM t, jsonb_to_recordset(t.j) AS x(a int, b numeric(10, 2), c text[])", "t"),
        ("SELECT j.a FROM t JOIN u USING (a, \"B\") AS j WHERE j.a = 1", "t u"),
        ("SELECT (a IS NULL) = (b IS NULL), a IS NOT NULL AND b, 'x' IS NORMALIZED FROM t", "t"),
    ]);
}

#[test]
fn admits_expressions() {
    check(&[
        (
            "SELECT CASE WHEN a > 1 THEN 'x' WHEN a = 0 THEN 'y' ELSE 'z' END AS bucket, CASE b WHEN 1 THEN 2 END FROM t",
            "t",
        ),
        ("SELECT CASE WHEN a THEN CASE WHEN b THEN 1 ELSE 2 END END FROM t", "t"),
        (
            "SELECT a + b - c * d / e % f ^ 2, -a, +b, |/ 25, ||/ 27, @ -5, ~ 1, a & b | c # d, a << 1, a >> 2 FROM t",
            "t",
        ),
        ("SELECT a || ' ' || b, 'x' || 1::text FROM t", "t"),
        (
            "SELECT a::int::text, CAST(a AS varchar(10)), a::numeric(12, 2), a::double precision, a::text[], '{}'::int[][] FROM t",
            "t",
        ),
        (
            "SELECT a::bigint, a::character varying(3), a::char, a::time(3), a::timestamp with time zone, a::bit varying(3), a::uuid, a::inet, a::int4range FROM t",
            "t",
        ),
        ("SELECT nullif(a, ''), coalesce(a, b, 'x'), greatest(a, b), least(a, b) FROM t", "t"),
        (
            "SELECT position('x' in name), substring(name from 1 for 3), substring(name from '[0-9]+'), substring(name, 2, 3), substr(name, 1) FROM t",
            "t",
        ),
        (
            "SELECT trim(both ' ' from name), trim(leading 'x' from name), trim(name), trim(from name), trim(both from name), btrim(name, 'x') FROM t",
            "t",
        ),
        ("SELECT overlay(name placing 'x' from 1 for 2), overlay(name placing 'y' from 3) FROM t", "t"),
        (
            "SELECT ceil(x), floor(x), ceiling(x), round(x, 2), abs(x), mod(a, b), power(2, 3), trunc(x), sign(x) FROM t",
            "t",
        ),
        (
            "SELECT upper(a), lower(a), initcap(a), length(a), left(a, 3), right(a, 2), replace(a, 'x', 'y'), split_part(a, ',', 1), concat_ws('-', a, b), format('%s', a) FROM t",
            "t",
        ),
        ("SELECT regexp_replace(a, 'x', 'y', 'g'), regexp_matches(a, 'x'), (regexp_match(a, '(\\d+)'))[1] FROM t", "t"),
        ("SELECT name COLLATE \"C\" FROM t ORDER BY name COLLATE \"en_US\" DESC", "t"),
        ("SELECT (SELECT max(x) FROM u) - (SELECT min(x) FROM v) AS spread", "u v"),
        ("SELECT ARRAY(SELECT id FROM u ORDER BY id), ARRAY[1, 2] || ARRAY[[3], [4]], ARRAY[]::int[] FROM t", "t u"),
        (
            "SELECT tags[1], tags[1:2], tags[:2], tags[2:], m[1][2], (ARRAY[1, 2])[1], (string_to_array(a, ','))[2] FROM t",
            "t",
        ),
        (
            "SELECT a @> b, a <@ b, a && b, array_length(a, 1), cardinality(a), array_to_string(a, ','), a = '{}' FROM t",
            "t",
        ),
        ("SELECT (r).city, (r).*, (t.r).city FROM t", "t"),
        ("SELECT t, row_to_json(t), to_jsonb(t.*) FROM t", "t"),
        ("SELECT pg_catalog.lower(a), a OPERATOR(pg_catalog.+) b FROM t", "t"),
        ("SELECT a AT TIME ZONE 'UTC' > b AND c FROM t", "t"),
        ("SELECT ROW(1, 'a'), ROW(), (1, 2), ROW(t.*) FROM t", "t"),
        ("SELECT 1 AS \"Order\", 2 AS order, 3 AS end, 4 AS year, 5 AS user, 6 AS from FROM t", "t"),
        ("SELECT a b, c day_name, total amount, x value, y name, z type FROM t", "t"),
        ("SELECT year, month, day, hour, name, type, status, date, value, count, key, role, level FROM t", "t"),
        ("SELECT t.order, t.user, t.\"end\", t.from, t.group, t.desc FROM t", "t"),
    ]);
}

#[test]
fn admits_rarer_forms() {
    check(&[
        ("SELECT count(ALL a), sum(DISTINCT b), f(VARIADIC ARRAY[1, 2]), concat(VARIADIC tags) FROM t", "t"),
        ("SELECT CAST(a AS int[3]), a::int ARRAY, a::pg_catalog.int4, a::public.mood, a::float(24) FROM t", "t"),
        ("SELECT a::interval hour to minute, a::interval(3), '1'::bit(3) FROM t", "t"),
        (
            "SELECT * FROM t WHERE a NOT LIKE ALL (ARRAY['x']) AND NOT a IN (1) AND b > ALL (ARRAY[1]) AND c = ANY (SELECT 1)",
            "t",
        ),
        ("SELECT * FROM t WHERE a LIKE b || '%' AND lower(a) LIKE lower('X') AND a ILIKE ALL (ARRAY['x'])", "t"),
        ("SELECT * FROM t LIMIT 5 + 5 OFFSET (SELECT 1)", "t"),
        ("SELECT * FROM t LEFT JOIN LATERAL f(t.x) AS g(y) ON true CROSS JOIN LATERAL (VALUES (t.a), (t.b)) v(z)", "t"),
        (
            "SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY x) FILTER (WHERE y) AS p90, sum(x) FILTER (WHERE z) FROM t",
            "t",
        ),
        ("SELECT 1 WHERE true", ""),
        ("SELECT normalize(a, NFC), a::\"char\", current_user, session_user, current_schema, user FROM t", "t"),
        ("SELECT -(-1), - -1, NOT NOT true, +(+1), (((1)))", ""),
        ("SELECT a.b.c, (a.b).c[1].d, (f(x)).y, (SELECT ARRAY[1, 2])[1] FROM t", "t"),
        (
            "SELECT width_bucket(x, 0, 100, 10), to_tsvector('english', a) @@ plainto_tsquery('b'), md5(a), a::json->>'k' FROM t",
            "t",
        ),
        ("SELECT xs.a FROM t AS xs, u ys, v AS \"Zs\" WHERE xs.a = ys.a", "t u v"),
        ("SELECT a rows, b range, c groups, row, rows FROM t WHERE rows > 1", "t"),
        ("SELECT key, value FROM t WHERE type = 'a' AND text = 'b' AND time > 1 AND interval = 2", "t"),
        (
            "SELECT offset_days, language, source, target, match, method, share, zone, index, start, position FROM t",
            "t",
        ),
        ("SELECT COUNT(*), store FROM t GROUP BY store, t.region ORDER BY COUNT(*) DESC, store", "t"),
        (
            "SELECT first, last, next, prior, connect, minus, top, qualify, sample, cluster, sort, global, semi, anti FROM t",
            "t",
        ),
        ("SELECT t.a FROM t final WHERE a = 1", "t"),
        ("SELECT replace(a, 'b', 'c'), date(x), year(x), left(a, 1), if(a), convert(a), map(a), struct(a) FROM t", "t"),
        (
            "SELECT a FROM returns, sales, settings, format, pivot, samples, locks",
            "format locks pivot returns sales samples settings",
        ),
    ]);
}

#[test]
fn admits_json() {
    check(&[
        ("SELECT doc->'a', doc->>'a', doc->'a'->>'b', doc->0, doc#>'{a,b}', doc#>>'{a,b}' FROM t", "t"),
        ("SELECT * FROM t WHERE doc @> '{\"a\": 1}' AND doc ? 'k' AND doc ?| ARRAY['a'] AND doc ?& ARRAY['b']", "t"),
        ("SELECT * FROM t WHERE doc @? '$.a' AND doc @@ '$.a == 1' AND doc <@ '{}'", "t"),
        ("SELECT doc - 'a', doc #- '{a}', doc || '{}'::jsonb, doc['a']['b'] FROM t", "t"),
        ("SELECT (doc->>'total')::numeric, (doc->'items'->0->>'sku')::text FROM t", "t"),
        ("SELECT k, v FROM t, jsonb_each_text(t.doc) AS j(k, v)", "t"),
        ("SELECT item->>'sku' FROM t CROSS JOIN LATERAL jsonb_array_elements(t.doc->'items') AS item", "t"),
        ("SELECT elem, n FROM t, jsonb_array_elements(doc->'items') WITH ORDINALITY AS e(elem, n)", "t"),
        ("SELECT jsonb_build_object('a', 1, 'b', jsonb_agg(x)) FROM t", "t"),
        ("SELECT jsonb_path_query(doc, '$.a[*]'), jsonb_set(doc, '{a}', '1') FROM t", "t"),
    ]);
}

#[test]
fn admits_constants_and_spelling() {
    check(&[
        ("SELECT 'it''s', '', 'a\\b', E'a\\nb\\'c', e'\\\\', $$it's$$, $tag$a $$ b$tag$, B'101', X'1F', N'x'", ""),
        ("SELECT 1, 1.5, .5, 1., 1e10, 1.5E-3, 0", ""),
        ("SELECT 'a'\n  'b', E'a'\n'b'", ""),
        ("SELECT true, false, null, TRUE::boolean, 't'::bool", ""),
        ("-- the top stores\nSELECT /* all /* nested */ of them */ 1 -- done", ""),
        ("SELECT 1 /* -- */ + 2 -- /*\n", ""),
        ("  \n\t;;SELECT 1 ; ; -- end\n", ""),
        ("SELECT \"Order ID\", \"Total\" FROM \"Orders\"", "Orders"),
        ("SELECT a FROM Orders WHERE ORDERS.A = 1", "orders"),
        ("SELECT * FROM \"public\".\"Order Items\" AS \"OI\" WHERE \"OI\".\"x\"\"y\" = 1", "public.Order Items"),
        ("SELECT * FROM Public.ORDERS", "public.orders"),
        ("SELECT naïve, größe FROM café", "café"),
        ("SELECT a$b, _c FROM t1_$", "t1_$"),
        ("SELECT a.b, a . c FROM public . a", "public.a"),
        ("SELECT 1+2-3*-4, 5- -6, a<-1, b=-1 FROM t", "t"),
        ("SELECT a*-1, a>=-1, a/-2 FROM t", "t"),
        ("SELECT/**/1/**/AS/**/x", ""),
        ("SELECT /*+ SeqScan(t) */ a FROM t", "t"),
        (
            "SELECT date '2024-01-01', numeric '1.5', int '3', text 'x', varchar 'y', jsonb '{}', bool 'f', uuid '00000000-0000-0000-0000-000000000000'",
            "",
        ),
        (
            "SELECT int4range(1, 10) @> 5, '[1,2]'::int4range -|- '[3,4]'::int4range, a &< b, a |>> b, a <-> b FROM t",
            "t",
        ),
    ]);
}
