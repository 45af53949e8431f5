-- The plane's plan is the plan of the hand-written query: same nodes, same index conditions, same estimates, plus one
-- filter that costs nothing. Few enough rows that ANALYZE reads them all and estimates are the same in every run.
SET client_min_messages = warning;
CREATE TABLE public.sales (tenant_id int NOT NULL, sale_id int NOT NULL, store_id int NOT NULL, amount int NOT NULL, PRIMARY KEY (tenant_id, sale_id));
INSERT INTO public.sales SELECT 1 + i % 50, i, 1 + i % 7, i % 100 FROM generate_series(1, 20000) i;
INSERT INTO public.sales SELECT 42, 100000 + i, 1 + i % 7, i % 100 FROM generate_series(1, 500) i;
CREATE INDEX ON public.sales (tenant_id, store_id);
CREATE TABLE public.parts (tenant_id int NOT NULL, part_id int NOT NULL, label text NOT NULL) PARTITION BY LIST (tenant_id);
CREATE TABLE public.parts_7 PARTITION OF public.parts FOR VALUES IN (7);
CREATE TABLE public.parts_42 PARTITION OF public.parts FOR VALUES IN (42);
CREATE TABLE public.parts_rest PARTITION OF public.parts DEFAULT;
CREATE INDEX ON public.parts (tenant_id);
INSERT INTO public.parts SELECT t, i, 'part ' || i FROM unnest(ARRAY[7, 42, 43]) t, generate_series(1, 200) i;
VACUUM ANALYZE public.sales;
VACUUM ANALYZE public.parts;
SELECT splitplane.protect('public.sales', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.parts', '{"tenant_id": "tenant"}');
CREATE TABLE public.listed AS TABLE public.sales;
ALTER TABLE public.listed ALTER COLUMN tenant_id SET NOT NULL;
CREATE INDEX ON public.listed (tenant_id, store_id);
VACUUM ANALYZE public.listed;
SELECT splitplane.protect('public.listed', '{"tenant_id": "tenant", "store_id": "stores"}');
SET jit = off;
SET max_parallel_workers_per_gather = 0;

SELECT splitplane.admit('42', 'two', claims => '{"stores": [2, 3]}');
\pset tuples_only on
\pset format unaligned
-- Plans without costs, with the estimated rows.
CREATE FUNCTION test.plane(sql text, business text DEFAULT '') RETURNS SETOF text LANGUAGE sql AS
    $$ SELECT regexp_replace(line, 'cost=\S+ (rows=\d+) width=\d+', '\1')
         FROM jsonb_array_elements_text(public.ask_dry_run(test.ctx(sql, '42', business), sql => sql) -> 'plan') AS line $$;
CREATE FUNCTION test.by_hand(sql text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN ' || sql LOOP
        RETURN NEXT regexp_replace(line, 'cost=\S+ (rows=\d+) width=\d+', '\1');
    END LOOP;
END
$$;

\echo -- point look-up
SELECT test.by_hand('SELECT amount FROM public.sales WHERE tenant_id = 42 AND sale_id = 100005');
SELECT test.plane('SELECT amount FROM sales WHERE sale_id = 100005');
\echo -- aggregate over the tenant
SELECT test.by_hand('SELECT store_id, sum(amount) FROM public.sales WHERE tenant_id = 42 GROUP BY store_id');
SELECT test.plane('SELECT store_id, sum(amount) FROM sales GROUP BY store_id');
\echo -- join
SELECT test.by_hand('SELECT s.city, sum(x.amount) FROM public.sales x JOIN public.stores s ON s.store_id = x.store_id AND s.tenant_id = 42 WHERE x.tenant_id = 42 GROUP BY 1');
SELECT test.plane('SELECT s.city, sum(x.amount) FROM sales x JOIN stores s ON s.store_id = x.store_id GROUP BY 1');
\echo -- a scope by a list: its selectivity is counted once
SELECT test.by_hand('SELECT count(*) FROM public.listed WHERE tenant_id = 42 AND store_id = ANY (''{2,3}'')');
SELECT test.plane('SELECT count(*) FROM listed', 'two');
\echo -- partitions of other tenants are pruned when the query is planned
SELECT test.by_hand('SELECT count(*) FROM public.parts WHERE tenant_id = 42');
SELECT test.plane('SELECT count(*) FROM parts');
\echo -- a search in stored columns stays as it is, even besides short values that the statement builds; one that may grow is bounded
SELECT test.by_hand('SELECT string_agg(label, '','') FROM public.parts_42 WHERE tenant_id = 42 AND label LIKE ''part 1%'' AND lower(label) LIKE ''%9''');
SELECT test.plane('SELECT string_agg(label, '','') FROM parts WHERE label LIKE ''part 1%'' AND lower(label) LIKE ''%9''');
SELECT test.plane('SELECT count(*) FROM parts WHERE label LIKE ''%'' || part_id || ''%''');
SELECT test.plane('SELECT count(*) FROM parts WHERE label LIKE repeat(''%'' || part_id, part_id)');
