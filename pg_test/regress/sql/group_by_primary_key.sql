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
