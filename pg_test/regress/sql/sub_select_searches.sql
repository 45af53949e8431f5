-- Whether a sub-select runs does not depend on rows of others: a bitmap of two index searches leaves the second one out
-- where the first has found no row of anyone's, and with it the sub-select that the second waits for.
SET client_min_messages = warning;
CREATE TABLE public.parts (tenant_id int NOT NULL, part_id int PRIMARY KEY, kind int NOT NULL, color int NOT NULL);
-- Kind 7 is another tenant's alone, kind 8 nobody's.
INSERT INTO public.parts
SELECT 41 + i / 1000 % 3, i, i * 7919::bigint % 300, i * 6113::bigint % 293 FROM generate_series(1, 200000) AS i
 WHERE i * 7919::bigint % 300 <> 8 AND NOT (41 + i / 1000 % 3 = 42 AND i * 7919::bigint % 300 = 7);
CREATE INDEX ON public.parts (kind);
CREATE INDEX ON public.parts (color);
CREATE TABLE public.secured AS TABLE public.parts;
CREATE INDEX ON public.secured (kind);
CREATE INDEX ON public.secured (color);
VACUUM ANALYZE public.parts;
VACUUM ANALYZE public.secured;
SELECT splitplane.protect('public.parts', '{"tenant_id": "tenant"}');
ALTER TABLE public.secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON public.secured USING (tenant_id = 42);
CREATE ROLE regress_bound;
GRANT SELECT ON public.secured TO regress_bound;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
\set raising '(SELECT 1 / (now() < ''2000-01-01'')::int)'
\set VERBOSITY terse

\echo -- the control: rows of all three kinds are there, and row-level security alone tells others by an error
SELECT tenant_id, count(*) FILTER (WHERE kind = 7) > 100 AS seven, count(*) FILTER (WHERE kind = 8) > 100 AS eight,
       count(*) FILTER (WHERE kind = 9) > 100 AS nine
  FROM public.parts GROUP BY 1 ORDER BY 1;
SET ROLE regress_bound;
SELECT count(*) FROM public.secured WHERE kind = 7 AND color = :raising;
SELECT count(*) FROM public.secured WHERE kind = 8 AND color = :raising;
RESET ROLE;

\echo -- asked, a kind of others alone is like one of nobody
CREATE FUNCTION test.asked(kind int, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    sql text := format('SELECT count(*) FROM parts WHERE kind = %s AND color = %s', kind, value);
BEGIN
    RETURN public.ask(test.ctx(sql, '42'), sql => sql) -> 'rows';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;
SELECT kind, test.asked(kind, '(SELECT 1 / (now() < ''2000-01-01'')::int)') FROM generate_series(7, 9) AS kind;
SELECT kind, test.asked(kind, '1 OR EXISTS (SELECT FROM (VALUES (0), (0)) AS o (x) WHERE (SELECT count(*) FROM parts AS p WHERE p.kind = '
    || kind || ' AND p.color = 1 / o.x) > 0)') FROM generate_series(7, 9) AS kind;
SELECT kind, test.asked(kind, '(SELECT max(color) FROM parts WHERE kind = 9)') FROM generate_series(7, 9) AS kind;
\echo -- and a bitmap of searches by constants is there as before
SELECT count(*) FROM jsonb_array_elements_text(public.ask_dry_run(test.ctx('SELECT count(*) FROM parts WHERE kind = 9 AND color = 5', '42'),
    sql => 'SELECT count(*) FROM parts WHERE kind = 9 AND color = 5') -> 'plan') AS step WHERE step LIKE '%BitmapAnd%';
\echo -- nor are searches by the rows of a nested loop anything else
CREATE TABLE public.wanted (tenant_id int NOT NULL, kind int NOT NULL, color int NOT NULL);
INSERT INTO public.wanted SELECT 42, 9, n FROM generate_series(1, 3) AS n;
ANALYZE public.wanted;
SELECT splitplane.protect('public.wanted', '{"tenant_id": "tenant"}');
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT count(*) FROM jsonb_array_elements_text(public.ask_dry_run(test.ctx('SELECT count(*) FROM wanted AS w JOIN parts AS p ON p.kind = w.kind AND p.color = w.color', '42'),
    sql => 'SELECT count(*) FROM wanted AS w JOIN parts AS p ON p.kind = w.kind AND p.color = w.color') -> 'plan') AS step WHERE step LIKE '%BitmapAnd%';
DROP TABLE public.secured;
DROP ROLE regress_bound;
