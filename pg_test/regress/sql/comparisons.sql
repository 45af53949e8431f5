-- Comparisons of numbers and enums use the index and the statistics that they have by hand. The rows are the same.
SET client_min_messages = warning;
CREATE TYPE public.state AS ENUM ('open', 'paid', 'shipped', 'lost', 'void');
CREATE DOMAIN public.money_amount AS numeric;
CREATE DOMAIN public.fate AS public.state;
CREATE TABLE public.goods (tenant_id int NOT NULL, item_id int NOT NULL, price numeric(12, 2), ratio numeric, cost public.money_amount,
    status public.state, fate public.fate, free numeric, PRIMARY KEY (tenant_id, item_id));
INSERT INTO public.goods
SELECT 42 + i % 2, i, (i * 7919 % 10000) / 100.0, i / 1000.0, i / 1000.0,
       CASE WHEN i % 100 < 2 THEN 'lost' WHEN i % 100 < 4 THEN 'void' WHEN i % 2 = 0 THEN 'open' ELSE 'paid' END::public.state,
       CASE WHEN i % 100 < 2 THEN 'lost' ELSE 'open' END::public.state, i
  FROM generate_series(1, 12000) AS i;
INSERT INTO public.goods (tenant_id, item_id, ratio, cost, free)
SELECT tenant, 100000 + n, r, r, r
  FROM unnest(ARRAY[NULL, 'NaN', 'Infinity', '-Infinity', 0, -0.0, 0.000, 1, 1.0, 1.000, -1, 1e100, 1e-100, -1e-100,
                    repeat('9', 400)::numeric, ('0.' || repeat('0', 300) || '1')::numeric, 10000, 9999.9999]::numeric[])
         WITH ORDINALITY AS v (r, n), unnest(ARRAY[42, 43]) AS tenant;
CREATE INDEX ON public.goods (tenant_id, price);
CREATE INDEX ON public.goods (tenant_id, ratio);
CREATE INDEX ON public.goods (tenant_id, cost);
CREATE INDEX ON public.goods (tenant_id, status);
CREATE INDEX ON public.goods (tenant_id, fate);
VACUUM ANALYZE public.goods;
SELECT splitplane.protect('public.goods', '{"tenant_id": "tenant"}');
SET jit = off;
SET max_parallel_workers_per_gather = 0;

-- The step of a plan that reads the table, and whether an index is searched by the column that the condition is on.
CREATE FUNCTION test.planned(plan text, condition text, OUT searched boolean, OUT rows text) LANGUAGE sql AS $$
    SELECT plan ~ ('Index Cond: [^\n]*\m' || substring(condition FROM '\m(price|ratio|cost|status|fate|free)\M') || '\M'),
           substring(plan FROM 'goods[^\n]*rows=(\d+)')
$$;
CREATE FUNCTION test.compared(condition text, OUT by_hand boolean, OUT asked boolean, OUT estimate text, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
    hand text := 'SELECT count(*), sum(item_id) FROM public.goods WHERE tenant_id = 42 AND (' || condition || ')';
    ask text := 'SELECT count(*), sum(item_id) FROM goods WHERE ' || condition;
    line text;
    plan text := '';
    expected text;
    estimated text;
    counted jsonb;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN ' || hand LOOP
        plan := plan || line || E'\n';
    END LOOP;
    SELECT p.searched, p.rows INTO by_hand, expected FROM test.planned(plan, condition) AS p;
    SELECT string_agg(step, E'\n') INTO plan
      FROM jsonb_array_elements_text(public.ask_dry_run(test.ctx(ask, '42'), sql => ask) -> 'plan') AS step;
    SELECT p.searched, p.rows INTO asked, estimated FROM test.planned(plan, condition) AS p;
    estimate := CASE WHEN estimated = expected THEN 'same' ELSE estimated || ' for ' || expected END;
    EXECUTE 'SELECT jsonb_build_array(jsonb_build_array(a, b)) FROM (' || hand || ') AS t (a, b)' INTO counted;
    same := counted = public.ask(test.ctx(ask, '42'), sql => ask) -> 'rows';
END
$$;

SELECT condition, (test.compared(condition)).*
  FROM unnest(ARRAY[
    'price = 12.34',
    '12.34 = price',
    'price = 12',
    'price = 12::bigint',
    'price > 99.5',
    'price >= 99.5',
    'price < 0.5',
    '0.5 >= price',
    'price BETWEEN 12.30 AND 12.40',
    'price >= 12 AND price < 13 AND item_id > 0',
    'price = 12.34 OR price = 56.78',
    'price = 12.34 OR item_id = 7',
    'price IN (12.34, 56.78)',
    'price IN (12, 56.78, NULL)',
    'price = ANY (ARRAY[12.34, 56.78])',
    'price = round(12.341, 2)',
    'price = NULL',
    'ratio = 1',
    'ratio = 0',
    'ratio = ''NaN''',
    'ratio > ''NaN''',
    'ratio >= ''NaN''',
    'ratio >= ''Infinity''',
    'ratio > ''Infinity''',
    'ratio <= ''-Infinity''',
    'ratio < ''-Infinity''',
    'ratio = ''1e100''',
    'ratio < -1e-100',
    'ratio > 0 AND ratio < 1e-99',
    'ratio IN (0, 1, ''NaN'', ''Infinity'', ''-Infinity'')',
    'cost = 1',
    'cost > 11.99 AND cost < 12',
    'cost IN (1, 2)',
    'status = ''lost''',
    'status = ''open''',
    'status = ''shipped''',
    'status = NULL',
    '''lost'' = status',
    'status IN (''lost'', ''shipped'')',
    'status IN (''lost'', ''void'', NULL)',
    'status = ANY (ARRAY[''lost'']::state[])',
    'fate::state = ''lost''',
    'fate::state IN (''lost'', ''void'')'
  ]) AS condition;

\echo -- no index, none that could be used, or another meaning for NULL: as it was written
SELECT condition, (test.compared(condition)).*
  FROM unnest(ARRAY[
    'free = 12',
    'free > 11999.5',
    'price <> 12.34',
    'price NOT IN (12.34, 56.78)',
    'NOT price = 12.34',
    '(price = 12.34) IS NOT TRUE',
    'CASE WHEN price = 12.34 THEN true ELSE false END',
    'price = 12.34::float8',
    'price + 0 = 12.34',
    'price = (SELECT 12.34)',
    'price = ratio',
    'price IN (' || (SELECT string_agg(i::text, ', ') FROM generate_series(0, 32) AS i) || ')',
    'status <> ''open''',
    'status > ''shipped''',
    'status::text = ''lost'''
  ]) AS condition;

\echo -- plans
\pset tuples_only on
\pset format unaligned
CREATE FUNCTION test.plane(sql text) RETURNS SETOF text LANGUAGE sql AS
    $$ SELECT regexp_replace(line, 'cost=\S+ (rows=\d+) width=\d+', '\1')
         FROM jsonb_array_elements_text(public.ask_dry_run(test.ctx(sql, '42'), sql => sql) -> 'plan') AS line $$;
SELECT test.plane('SELECT item_id FROM goods WHERE price = 12.34');
SELECT test.plane('SELECT item_id FROM goods WHERE price BETWEEN 12.30 AND 12.40');
SELECT test.plane('SELECT item_id FROM goods WHERE status IN (''lost'', ''void'')');
\echo -- a partial index, and partitions, which PostgreSQL finds by the condition itself
CREATE TABLE public.queue (tenant_id int NOT NULL, job_id int NOT NULL, status public.state, weight numeric) PARTITION BY LIST (status);
CREATE TABLE public.queue_open PARTITION OF public.queue FOR VALUES IN ('open');
CREATE TABLE public.queue_rest PARTITION OF public.queue DEFAULT;
INSERT INTO public.queue SELECT 42 + i % 2, i, CASE WHEN i % 100 < 2 THEN 'open' ELSE 'paid' END::public.state, i FROM generate_series(1, 4000) AS i;
CREATE INDEX ON public.queue (tenant_id, status);
CREATE INDEX heavy ON public.queue_rest (tenant_id, job_id) WHERE weight >= 3990;
CREATE INDEX ON public.queue (tenant_id, weight);
VACUUM ANALYZE public.queue;
SELECT splitplane.protect('public.queue', '{"tenant_id": "tenant"}');
SELECT test.plane('SELECT job_id FROM queue WHERE status = ''open''');
SELECT test.plane('SELECT job_id FROM queue WHERE weight >= 3990 AND status = ''paid'' ORDER BY job_id');
\pset tuples_only off
\pset format aligned

\echo -- where several queries meet, and in order
CREATE VIEW public.mine AS SELECT * FROM public.goods WHERE tenant_id = 42;
CREATE FUNCTION test.same(sql text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    by_hand jsonb;
BEGIN
    EXECUTE 'SELECT jsonb_agg(jsonb_build_array(a, b)) FROM (' || replace(sql, 'goods', 'mine') || ') AS t (a, b)' INTO by_hand;
    RETURN by_hand = public.ask(test.ctx(sql, '42'), sql => sql) -> 'rows';
END
$$;
SELECT test.same(sql), sql
  FROM unnest(ARRAY[
    'SELECT item_id, status FROM goods WHERE status IN (''void'', ''lost'') ORDER BY status, item_id LIMIT 130',
    'SELECT item_id, status FROM goods WHERE status IN (''void'', ''lost'') ORDER BY item_id LIMIT 130',
    'SELECT price, count(*) FROM goods WHERE price IN (50, 12.34, 7) GROUP BY price ORDER BY price DESC',
    'SELECT status, count(*) FROM goods GROUP BY status HAVING status = ''lost'' OR count(*) > 1000 ORDER BY 1',
    'SELECT a, count(*) FROM (SELECT price AS a FROM goods) AS q WHERE a < 1 GROUP BY a ORDER BY a',
    'WITH w AS (SELECT price AS a, status AS s FROM goods) SELECT a, s FROM w JOIN (SELECT 5.5 AS x) AS q ON w.a = q.x WHERE s = ''open'' ORDER BY 1',
    'SELECT q.d, (SELECT count(*) FROM goods WHERE price = q.d) FROM (VALUES (12.34), (0), (NULL)) AS q (d) ORDER BY 1',
    'SELECT count(*), sum(q.d) FROM (VALUES (1, 12.34), (2, NULL)) AS q (d, m) LEFT JOIN goods ON price = q.m AND status = ''open''',
    'SELECT count(*), sum(q.d) FROM (VALUES (1, 12.34), (2, 0.5)) AS q (d, m) LEFT JOIN goods ON price >= q.m AND status = ''lost'' AND price < 20',
    'SELECT count(*), 1 FROM goods AS x WHERE EXISTS (SELECT FROM goods AS y WHERE y.price = x.ratio AND y.status = ''lost'')',
    'SELECT count(*), min(x.item_id) FROM goods AS x JOIN goods AS y USING (price) WHERE price = 12.34 AND x.status = y.status',
    'SELECT count(*), 1 FROM goods AS x FULL JOIN (SELECT 12.34 AS n) AS y ON x.price = y.n WHERE x.price = 12.34',
    'SELECT item_id, price FROM goods WHERE (price = 12.34 AND status = ''open'' OR ratio = ''NaN'') AND item_id > 0 ORDER BY 1'
  ]) AS sql;

\echo -- administrators are told which conditions come after row-level security
CREATE FUNCTION test.late(sql text) RETURNS jsonb LANGUAGE sql AS
    $$ SELECT public.ask_dry_run(test.ctx(sql, '42'), sql => sql) -> 'untrusted_conditions' $$;
SELECT sql, test.late('SELECT count(*) FROM goods WHERE ' || sql) AS untrusted
  FROM unnest(ARRAY['price > 1', 'price = 12.34', 'status IN (''open'', ''lost'')', 'item_id > 7', 'free = 12', 'price + 1 = 5', 'status > ''paid''',
                    'lower(status::text) = ''open'' AND price > 1']) AS sql;
SELECT test.late('SELECT count(*) FROM goods AS x LEFT JOIN queue AS q ON abs(q.weight) = 5 WHERE x.cost <> 4');

\echo -- no text may name them
SELECT public.ask(test.ctx(sql, '42'), sql => sql) -> 'rows' FROM (VALUES ('SELECT count(*) FROM goods WHERE numeric_equal(price, 12.34)')) AS v (sql);
SELECT public.ask(test.ctx(sql, '42'), sql => sql) -> 'rows' FROM (VALUES ('SELECT count(*) FROM goods WHERE splitplane.enum_equal(status, ''open'')')) AS v (sql);

\echo -- they are used: with others in their place the rows are different
CREATE OR REPLACE FUNCTION splitplane.numeric_less(value numeric, other numeric) RETURNS boolean
LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 SUPPORT splitplane.comparison_support AS 'numeric_gt';
SELECT condition, (test.compared(condition)).same
  FROM unnest(ARRAY['ratio < 100', 'price < 50', 'ratio <= 100']) AS condition;
