-- GROUP BY a primary key with other columns of the table selected: PostgreSQL cannot see the dependency through a CTE,
-- and models write it often. The real key is (tenant_id, order_id), of which the caller knows only order_id.
CREATE TABLE public.items (item_id int PRIMARY KEY, tenant_id int NOT NULL, label text NOT NULL);
CREATE INDEX ON public.items (tenant_id);
INSERT INTO public.items SELECT i, CASE WHEN i > 3 THEN 42 ELSE 7 END, 'item ' || i FROM generate_series(1, 6) i;
CREATE TABLE public.no_key (tenant_id int NOT NULL, a int, b int);
CREATE INDEX ON public.no_key (tenant_id);
INSERT INTO public.no_key VALUES (42, 1, 1), (42, 1, 2);
SELECT splitplane.protect('public.items', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.no_key', '{"tenant_id": "tenant"}');
\c - app

SELECT test.rows('SELECT s.store_id, s.city, sum(o.total) FROM stores s JOIN orders o USING (store_id) GROUP BY s.store_id ORDER BY 1');
SELECT test.rows('SELECT store_id, city, count(*) FROM stores GROUP BY store_id ORDER BY 1');
SELECT test.rows('SELECT i.item_id, i.label, i.tenant_id FROM items i GROUP BY i.item_id ORDER BY i.label DESC');
SELECT test.rows('SELECT tenant_id, store_id, city FROM stores GROUP BY tenant_id, store_id ORDER BY 2');
SELECT test.rows('SELECT s.city, count(o.order_id) FROM stores AS s LEFT JOIN orders AS o ON o.store_id = s.store_id GROUP BY s.store_id HAVING max(s.city) > ''city 1'' ORDER BY s.city');
-- By position and by the name of an output column.
SELECT test.rows('SELECT store_id AS id, upper(city) FROM stores GROUP BY 1 ORDER BY 1');
-- Inside the model's own CTE and in a derived table.
SELECT test.rows('WITH x AS (SELECT store_id, city FROM stores GROUP BY store_id) SELECT count(*) FROM x');
SELECT test.rows('SELECT count(*) FROM (SELECT c.customer_id, c.name FROM customers c GROUP BY c.customer_id) AS x');
SELECT test.rows('SELECT c.customer_id, c.name, count(*) FROM customers c JOIN orders o ON o.customer_id = c.customer_id GROUP BY c.customer_id ORDER BY 1');

-- Where there is no such key PostgreSQL's own refusal stands.
SELECT test.ask('SELECT a, b FROM no_key GROUP BY a');
\echo :SQLSTATE
SELECT test.ask('SELECT city FROM stores GROUP BY tenant_id');
\echo :SQLSTATE
SELECT test.ask('SELECT o.order_id, s.city FROM orders o JOIN stores s USING (store_id) GROUP BY o.order_id');
\echo :SQLSTATE

\echo -- every type, whole rows, correlated queries: what a table of one tenant gives under the same key
\c - postgres
SET client_min_messages = error;
CREATE TYPE public.size AS ENUM ('small', 'large');
CREATE TABLE public.wide (tenant_id int, id int, name text, docs json[], pts point[], pt point, meta json, b box[], paths jsonpath[], s public.size[], n int[], PRIMARY KEY (tenant_id, id));
INSERT INTO public.wide VALUES (42, 1, 'one', ARRAY['{"k": 1}', '{"k": 2}']::json[], ARRAY[point(1, 2)], '(3,4)', '{"z": 1}', '{(1,1),(0,0)}', '{$.a}', '{small}', '{1,2}'),
    (42, 2, NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL, NULL),
    (42, 3, 'three', '{}', '{{"(1,2)"},{"(3,4)"}}', '(1,1)', '[1]', '{}', '{}', '{large,small}', '{}'),
    (42, 4, 'four', ARRAY[NULL, '{"k": null}']::json[], ARRAY[NULL, point(0, 0)], '(0,0)', 'null', NULL, '{NULL}', '{NULL}', '{NULL}'),
    (7, 1, 'CANARY', ARRAY['"CANARY"']::json[], ARRAY[point(7, 7)], '(7,7)', '"CANARY"', NULL, NULL, '{large}', '{7}');
CREATE TABLE public.links (tenant_id int, link int, id int, x int, PRIMARY KEY (tenant_id, link));
INSERT INTO public.links VALUES (42, 1, 1, 10), (42, 2, 1, 20), (42, 3, 3, 30), (42, 4, 9, 40), (7, 1, 1, 70);
SELECT splitplane.protect('public.wide', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.links', '{"tenant_id": "tenant"}');
CREATE SCHEMA plain;
CREATE TABLE plain.wide (LIKE public.wide INCLUDING ALL); INSERT INTO plain.wide SELECT * FROM public.wide WHERE tenant_id = 42;
CREATE TABLE plain.links (LIKE public.links INCLUDING ALL); INSERT INTO plain.links SELECT * FROM public.links WHERE tenant_id = 42;
CREATE FUNCTION test.direct(q text) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = plain, public, pg_temp AS $$
DECLARE answer jsonb;
BEGIN
    EXECUTE 'SELECT coalesce(jsonb_agg((SELECT jsonb_agg(f.value) FROM json_each(row_to_json(r)) AS f)), ''[]'') FROM (' || q || ') AS r' INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN RETURN to_jsonb(sqlstate);
END $$;
REVOKE ALL ON FUNCTION test.direct(text) FROM PUBLIC; GRANT EXECUTE ON FUNCTION test.direct(text) TO app;
CREATE FUNCTION test.asked(q text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN RETURN test.rows(q);
EXCEPTION WHEN OTHERS THEN RETURN to_jsonb(sqlstate);
END $$;
\c - app
SELECT CASE WHEN a = d THEN 'same' ELSE format('%s, not %s', a, d) END AS answer, jsonb_typeof(d) AS is, q
FROM unnest(ARRAY[
    'SELECT w.id, w.docs, count(*) FROM wide w GROUP BY w.tenant_id, w.id ORDER BY 1',
    'SELECT w.id, w.pts, w.pt, w.meta, w.b, w.paths, w.s, w.n FROM wide w GROUP BY w.tenant_id, w.id ORDER BY 1',
    'SELECT w.*, count(*) FROM wide w GROUP BY w.tenant_id, w.id ORDER BY w.id',
    'SELECT *, count(*) FROM wide GROUP BY tenant_id, id ORDER BY id',
    'SELECT (w).*, count(*) FROM wide w GROUP BY w.tenant_id, w.id ORDER BY w.id',
    'SELECT to_jsonb(w), to_jsonb(w.*), row_to_json(w), w FROM wide w GROUP BY w.tenant_id, w.id ORDER BY w.id',
    'SELECT (w).docs, (w).docs[1], (w).name, (SELECT (w).meta) FROM wide w GROUP BY w.tenant_id, w.id ORDER BY w.id',
    'SELECT to_jsonb(l), l.* FROM links l GROUP BY l.tenant_id, l.link ORDER BY l.link',
    'SELECT w.id, (SELECT count(*) FROM links l WHERE l.id = w.id AND w.docs IS NOT NULL) FROM wide w GROUP BY w.tenant_id, w.id ORDER BY w.id',
    'SELECT w.id, (SELECT count(*) FROM links l WHERE l.x > 0 AND docs IS NOT NULL AND pt[0] > 0) FROM wide w GROUP BY w.tenant_id, w.id ORDER BY w.id',
    'SELECT w.id, (SELECT sum(l.x * cardinality(w.docs)) FROM links l WHERE l.id = w.id) FROM wide w GROUP BY w.tenant_id, w.id ORDER BY w.id',
    'SELECT w.id, (SELECT max(cardinality(w.docs)) FROM links LIMIT 1) FROM wide w GROUP BY w.tenant_id, w.id ORDER BY w.id',
    'SELECT w.id, (SELECT sum(l.x + length(w.name)) FROM links l WHERE l.id = w.id) FROM wide w GROUP BY w.tenant_id, w.id ORDER BY w.id',
    'SELECT w.id, (SELECT jsonb_agg(to_jsonb(w)) FROM links l WHERE l.id = w.id) FROM wide w GROUP BY w.tenant_id, w.id ORDER BY w.id',
    'SELECT w.id, (SELECT to_jsonb(w)), (SELECT w.docs), (SELECT d FROM (SELECT w.docs AS d) AS y) FROM wide w GROUP BY w.tenant_id, w.id ORDER BY w.id',
    'SELECT w.id FROM wide w GROUP BY w.tenant_id, w.id HAVING w.docs IS NOT NULL AND w.pt[0] >= 0 ORDER BY w.docs::text, w.id',
    'SELECT l.link, w.docs, to_jsonb(w), w.* FROM links l LEFT JOIN wide w ON w.id = l.id GROUP BY l.tenant_id, l.link, w.tenant_id, w.id ORDER BY 1',
    'SELECT DISTINCT w.id, w.docs::text FROM wide w GROUP BY w.tenant_id, w.id ORDER BY w.docs::text, w.id',
    'SELECT w.id, count(*) OVER (ORDER BY w.docs::text), first_value(w.docs) OVER (ORDER BY w.id) FROM wide w GROUP BY w.tenant_id, w.id ORDER BY w.id',
    'SELECT w.id, w.docs, sum(l.x), json_agg(w.meta), json_agg(w) FROM wide w JOIN links l ON l.id = w.id GROUP BY w.tenant_id, w.id ORDER BY 1',
    'SELECT w.id, EXISTS (SELECT FROM links y WHERE w.docs[1] ->> ''k'' = (y.x / 10)::text) FROM wide w GROUP BY w.tenant_id, w.id ORDER BY 1',
    'SELECT row(w.id, w.docs)::text, w IS NULL, CASE WHEN w.docs IS NULL THEN ''none'' ELSE w.docs[1]::text END FROM wide w GROUP BY w.tenant_id, w.id ORDER BY w.id',
    'SELECT public.wide.docs FROM public.wide GROUP BY public.wide.tenant_id, public.wide.id ORDER BY public.wide.id',
    'SELECT w.docs FROM wide w GROUP BY w.tenant_id',
    'SELECT w.docs FROM wide w JOIN links l USING (id) GROUP BY l.tenant_id, l.link',
    'SELECT to_jsonb(w) FROM wide w GROUP BY w.name'
]) WITH ORDINALITY AS v (q, i), LATERAL (SELECT test.asked(replace(q, 'w.tenant_id, ', '')) AS a, test.direct(replace(q, 'public.', 'plain.')) AS d) AS x ORDER BY i;
-- A column of the alias's name is meant by it, and no row.
SELECT test.rows('SELECT name.name, count(*) FROM wide AS name GROUP BY name.id ORDER BY name.id');
-- The aggregate that stands for them can be named by no one.
SELECT test.ask('SELECT splitplane.kept(docs) FROM wide');
\echo :SQLSTATE

\echo -- where the key alone is (id): names, column aliases, sets, rows in rows
\c - postgres
SET client_min_messages = error;
CREATE TABLE public.buyers (tenant_id int, id int, name text, meta jsonb, doc json, PRIMARY KEY (tenant_id, id));
INSERT INTO public.buyers VALUES (42, 1, 'ann', '{"a": 1}', '{"d": 1}'), (42, 2, 'bob', NULL, NULL), (42, 3, 'ann', '{"a": 1}', '{"d": 3}'), (42, 4, NULL, NULL, NULL), (7, 1, 'CANARY', '"CANARY"', '"CANARY"');
CREATE TABLE public.bills (tenant_id int, id int, total int, doc json, at timestamptz, PRIMARY KEY (tenant_id, id));
INSERT INTO public.bills VALUES (42, 1, 10, '{"k": 1}', '2026-01-01'), (42, 2, 10, '{"k": 2}', '2026-01-01'), (42, 3, NULL, NULL, NULL), (42, 9, 3, '[]', '2026-01-02'), (7, 1, 70, '"CANARY"', '2026-01-01');
SELECT splitplane.protect('public.buyers', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.bills', '{"tenant_id": "tenant"}');
CREATE TABLE plain.buyers (LIKE public.buyers, PRIMARY KEY (id)); INSERT INTO plain.buyers SELECT * FROM public.buyers WHERE tenant_id = 42;
CREATE TABLE plain.bills (LIKE public.bills, PRIMARY KEY (id)); INSERT INTO plain.bills SELECT * FROM public.bills WHERE tenant_id = 42;
ALTER FUNCTION test.direct(text) SET timezone = 'UTC'; ALTER FUNCTION test.direct(text) SET datestyle = 'ISO';
\c - app
SELECT CASE WHEN a = d THEN 'same' ELSE format('%s, not %s', a, d) END AS answer, jsonb_typeof(d) AS is, q
FROM unnest(ARRAY[
    -- A name in GROUP BY means a column of FROM before an output.
    'SELECT name AS id, meta, count(*) FROM buyers GROUP BY id ORDER BY max(id)',
    'SELECT total AS id, doc FROM bills GROUP BY id ORDER BY max(id)',
    'SELECT o.doc AS id FROM bills o GROUP BY id ORDER BY max(o.id)',
    'SELECT o.total AS at, o.doc, o.at AS x FROM bills o GROUP BY o.id, at ORDER BY o.id',
    'SELECT o.doc AS id, count(*) FROM bills o JOIN buyers b USING (id) GROUP BY id ORDER BY max(o.id)',
    'SELECT o.id AS key, o.doc FROM bills o GROUP BY key ORDER BY key',
    'SELECT o.id AS key, o.doc FROM bills o, (SELECT 1 AS one) s GROUP BY key ORDER BY key',
    'SELECT o.id AS key, o.doc FROM bills o, (SELECT 1 AS key) s GROUP BY key ORDER BY key',
    'SELECT o.id AS total, o.doc FROM bills o GROUP BY total ORDER BY 1',
    'SELECT o.doc AS id FROM bills o, buyers b GROUP BY id'
]) WITH ORDINALITY AS v (q, i), LATERAL (SELECT test.asked(q) AS a, test.direct(q) AS d) AS x ORDER BY i;
SELECT CASE WHEN a = d THEN 'same' ELSE format('%s, not %s', a, d) END AS answer, jsonb_typeof(d) AS is, q
FROM unnest(ARRAY[
    -- Aliases of columns.
    'SELECT x.i, x.d FROM bills AS x (t, i, tt, d, a) GROUP BY x.t, x.i ORDER BY x.i',
    'SELECT x.i, x.d, x.a, tt FROM bills AS x (t, i, tt, d, a) GROUP BY x.i ORDER BY x.i',
    'SELECT x.* FROM bills AS x (t, i, tt, d, a) GROUP BY x.i ORDER BY x.i',
    'SELECT *, count(*) FROM bills AS x (t, i, tt, d, a) GROUP BY i ORDER BY i',
    'SELECT to_jsonb(x), x FROM bills AS x (t, i, tt, d, a) GROUP BY x.i ORDER BY x.i',
    'SELECT (x).d, (x).*, to_jsonb(x.*) FROM bills AS x (t, i, tt, d) GROUP BY x.i ORDER BY x.i',
    'SELECT x.i, x.doc, x.at FROM bills AS x (t, i) GROUP BY x.i ORDER BY x.i',
    'SELECT x.total, x.doc FROM bills AS x (t, total, id) GROUP BY x.total ORDER BY 1',
    'SELECT x.total, x.doc FROM bills AS x (t, total, id) GROUP BY x.id',
    'SELECT x.d AS i FROM bills AS x (t, i, tt, d, a) GROUP BY i ORDER BY max(x.i)',
    'SELECT x.i, x.d, y.doc, y.meta FROM bills AS x (t, i, tt, d, a) JOIN buyers AS y (t, i) USING (i) GROUP BY x.i, y.i ORDER BY 1',
    'SELECT x.i, (SELECT d), (SELECT to_jsonb(x)), (SELECT x.d FROM buyers AS b (d) LIMIT 1) FROM bills AS x (t, i, tt, d, a) GROUP BY x.i ORDER BY x.i',
    'SELECT x.i, (SELECT d FROM buyers AS b (t, d) WHERE d = 1) FROM bills AS x (t, i, tt, d, a) GROUP BY x.i ORDER BY x.i',
    'SELECT x.i, x.doc FROM bills AS x (t, i, tt, d, a) GROUP BY x.i',
    'SELECT x.i, x.d FROM bills AS x (i, t, tt, d, a) GROUP BY x.i',
    'SELECT x.i, x.d FROM bills AS x (a, b, c, d, e, f) GROUP BY x.b'
]) WITH ORDINALITY AS v (q, i), LATERAL (SELECT test.asked(q) AS a, test.direct(q) AS d) AS x ORDER BY i;
SELECT CASE WHEN a = d THEN 'same' ELSE format('%s, not %s', a, d) END AS answer, jsonb_typeof(d) AS is, q
FROM unnest(ARRAY[
    -- Lists and sets that all hold the key.
    'SELECT o.id, o.doc, o.at FROM bills o GROUP BY (o.id, o.total) ORDER BY o.id',
    'SELECT o.id, o.doc FROM bills o GROUP BY (), o.id ORDER BY o.id',
    'SELECT o.id, o.doc, o.total FROM bills o GROUP BY GROUPING SETS ((o.id)) ORDER BY o.id',
    'SELECT o.id, o.doc, o.total, o.at, count(*) FROM bills o GROUP BY o.id, GROUPING SETS ((o.at), ()) ORDER BY o.id, o.at',
    'SELECT o.id, o.doc, o.total, o.at, grouping(o.at) FROM bills o GROUP BY o.id, ROLLUP(o.at) ORDER BY 1, 4, 5',
    'SELECT o.id, o.doc, o.total, at, grouping(at, o.id) FROM bills o GROUP BY id, CUBE(at, total) ORDER BY 1, 3, 4, 5',
    'SELECT o.id, to_jsonb(o), (o).at, (o).doc, grouping(o.at) FROM bills o GROUP BY o.id, ROLLUP(o.at) ORDER BY 1, 5',
    'SELECT o.*, grouping(o.at) FROM bills o GROUP BY o.id, ROLLUP(o.at) ORDER BY o.id, 6',
    'SELECT *, grouping(at) FROM bills GROUP BY id, ROLLUP(at) ORDER BY id, 6',
    'SELECT o.id, o.total, o.at FROM bills o GROUP BY GROUPING SETS ((o.id), (o.id, o.at), ((o.at, o.id))) ORDER BY 1, 2, 3',
    'SELECT o.id, o.doc FROM bills o GROUP BY GROUPING SETS ((o.id), (1, o.total)), GROUPING SETS (o.at, ()) ORDER BY o.id',
    'SELECT o.id, o.doc FROM bills o GROUP BY DISTINCT GROUPING SETS (o.id, id, 1) ORDER BY o.id',
    'SELECT o.id AS x, o.doc FROM bills o GROUP BY GROUPING SETS ((x, o.at), x) ORDER BY o.id',
    'SELECT o.id, o.doc, b.name, b.doc FROM bills o LEFT JOIN buyers b USING (id) GROUP BY o.id, b.id, ROLLUP(b.name) ORDER BY o.id, b.name',
    'SELECT o.id, o.total, o.at FROM bills o GROUP BY o.id, upper(o.doc::text), ROLLUP(o.at) ORDER BY 1, 3',
    'SELECT o.id, o.at, count(*) FROM bills o GROUP BY o.id, ROLLUP(o.at) HAVING o.total > 3 AND o.doc IS NOT NULL ORDER BY o.doc::text, o.at',
    'SELECT o.id, o.at, (SELECT o.at), (SELECT o.total), (SELECT o.doc) FROM bills o GROUP BY o.id, ROLLUP(o.at) ORDER BY o.id, o.at',
    'SELECT o.id, o.at, o.total FROM bills o GROUP BY o.id, ROLLUP(2) ORDER BY 1, 2',
    'SELECT o.id, ROW(o.*)::text, ROW(o.at)::text FROM bills o GROUP BY o.id, ROLLUP(o.at) ORDER BY 1, 3',
    'SELECT x.*, to_jsonb(x), grouping(a) FROM bills AS x (t, i, tt, d, a) GROUP BY i, ROLLUP(a, x.tt) ORDER BY x.i, 7, x.tt',
    -- Refused here: what in a set is no plain column may come down to one.
    'SELECT o.id, o.total, o.at FROM bills o GROUP BY o.id, ROLLUP(date(o.at)) ORDER BY o.id',
    'SELECT o.*, o.id AS y FROM bills o GROUP BY o.id, ROLLUP(3) ORDER BY o.id',
    'SELECT o.id, o.doc::text FROM bills o GROUP BY o.id, ROLLUP(o.doc::text) ORDER BY o.id',
    'SELECT o.id, o.doc FROM bills o GROUP BY GROUPING SETS ((o.id), ())',
    'SELECT o.id, o.doc FROM bills o GROUP BY ROLLUP(o.id)',
    'SELECT o.id, o.doc FROM bills o GROUP BY CUBE(o.id, o.at)',
    'SELECT o.id, o.doc FROM bills o GROUP BY ()',
    'SELECT o.id, o.doc FROM bills o GROUP BY GROUPING SETS (o.id, o.at)',
    'SELECT o.id, o.doc FROM bills o GROUP BY GROUPING SETS (o.id, ROLLUP(o.id))',
    'SELECT o.id, o.doc, grouping(o.total) FROM bills o GROUP BY o.id, ROLLUP(o.at)',
    -- PostgreSQL groups by such a row itself.
    'SELECT o.id, o.doc FROM bills o GROUP BY ROW(o.id, o.total)'
]) WITH ORDINALITY AS v (q, i), LATERAL (SELECT test.asked(q) AS a, test.direct(q) AS d) AS x ORDER BY i;
SELECT CASE WHEN a = d THEN 'same' ELSE format('%s, not %s', a, d) END AS answer, jsonb_typeof(d) AS is, q
FROM unnest(ARRAY[
    -- Rows in rows.
    'SELECT c.id, row(c.*)::text FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT c.id, row_to_json(row(c.id, c.*)), ROW(c.*, c.doc, c.*)::text, (c.*, 1)::text FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT c.id, (c.*) IS NOT NULL, (c.*) IS NULL, (c.*)::text, c IS NOT NULL FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT c.id, ROW(c)::text, ROW(c, 1)::text, to_jsonb(row(to_jsonb(c.*), c.*)) FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT c.id, CASE WHEN (c.*) IS NULL THEN 0 ELSE 1 END, (SELECT row(c.*)::text), (SELECT (c.*) IS NULL) FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT c.id, (SELECT c.doc FROM (SELECT c.*) AS s LIMIT 1), (SELECT count(*) FROM (SELECT c.*, 1) AS s) FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT o.id, (c.*) IS NULL, row(o.*, c.*)::text FROM bills o LEFT JOIN buyers c USING (id) GROUP BY o.id, c.id ORDER BY 1',
    'SELECT c.id, row(c.*)::text = row(c.id)::text FROM buyers c GROUP BY c.id HAVING (c.*) IS NOT NULL ORDER BY row(c.*)::text',
    'SELECT x.i, row(x.*)::text, (x.*) IS NULL FROM buyers AS x (t, i, n, m, d) GROUP BY x.i ORDER BY x.i',
    'SELECT row(*) FROM buyers c GROUP BY c.id',
    'SELECT row(c.*)::text FROM buyers c GROUP BY c.name',
    'SELECT (c.*) IS NULL FROM buyers c GROUP BY c.name'
]) WITH ORDINALITY AS v (q, i), LATERAL (SELECT test.asked(q) AS a, test.direct(q) AS d) AS x ORDER BY i;
SELECT CASE WHEN a = d THEN 'same' ELSE format('%s, not %s', a, d) END AS answer, jsonb_typeof(d) AS is, q
FROM unnest(ARRAY[
    -- Bare names in a subquery over derived tables, whose columns are known by their names.
    'SELECT c.id, (SELECT meta FROM (SELECT 1) s) FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT c.id, (SELECT doc FROM (SELECT 1) s), (SELECT doc FROM (SELECT 1 AS x, now()) s), (SELECT doc FROM (SELECT 2 AS y LIMIT 1) s) FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT c.id, (SELECT doc FROM (VALUES (1, 2)) s), (SELECT doc FROM (VALUES (1, 2)) s (a) WHERE a = column2 - 1) FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT c.id, (SELECT doc FROM (SELECT 1 UNION ALL SELECT 1 LIMIT 1) s) FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT c.id, (SELECT doc FROM (SELECT 5 AS doc) s), (SELECT doc FROM (SELECT 5) s (doc)), (SELECT doc FROM (SELECT 5 AS doc UNION SELECT 5) s) FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT c.id, (SELECT doc FROM (SELECT o.doc FROM bills o WHERE o.id = 1) s), (SELECT doc FROM (SELECT * FROM bills o WHERE o.id = 1) s) FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT c.id, (SELECT doc FROM (SELECT (SELECT 5 AS doc)) s), (SELECT doc FROM (SELECT (c).doc) s), (SELECT column1 FROM (VALUES (c.doc)) s) FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT c.id, (SELECT meta FROM (SELECT (SELECT 5 AS meta)::int) s), (SELECT name FROM (SELECT CASE WHEN false THEN 1 ELSE (SELECT 5 AS name) END) s) FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT c.id, (SELECT doc FROM (SELECT CASE WHEN (SELECT true) THEN 1 END) s) FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT c.id, (SELECT doc FROM (SELECT (SELECT 5 AS doc)::int) s), (SELECT doc FROM (SELECT CASE WHEN true THEN 1 ELSE (SELECT 5 AS doc) END) s) FROM buyers c GROUP BY c.id ORDER BY 1',
    'SELECT to_jsonb(c), doc FROM buyers c, (SELECT 1) s GROUP BY c.id ORDER BY c.id',
    'SELECT c.id, (SELECT c.doc FROM (SELECT 1) c (doc)) FROM buyers c GROUP BY c.id ORDER BY 1'
]) WITH ORDINALITY AS v (q, i), LATERAL (SELECT test.asked(q) AS a, test.direct(q) AS d) AS x ORDER BY i;
