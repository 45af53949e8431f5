-- The plane's plan is the plan of the hand-written query: same nodes, same index conditions, same estimates, plus one
-- One-Time Filter. A million-row database feels no difference then.
SET client_min_messages = warning;
CREATE TABLE public.sales (tenant_id int NOT NULL, sale_id int NOT NULL, store_id int NOT NULL, amount int NOT NULL, PRIMARY KEY (tenant_id, sale_id));
INSERT INTO public.sales SELECT 1 + i % 50, i, 1 + i % 7, i % 100 FROM generate_series(1, 50000) i;
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
SET jit = off;
SET max_parallel_workers_per_gather = 0;

-- What ask_dry_run shows is what runs: its SQL, prepared with its parameters, under the reader.
CREATE FUNCTION test.plane_sql(sql text, business text DEFAULT '') RETURNS text LANGUAGE sql AS
    $$ SELECT public.ask_dry_run(test.ctx(sql, '42', business), sql => sql) ->> 'plan' $$;

\echo -- point look-up
EXPLAIN (COSTS OFF) SELECT amount FROM public.sales WHERE tenant_id = 42 AND sale_id = 100005;
SELECT test.plane_sql('SELECT amount FROM sales WHERE sale_id = 100005');
\echo -- aggregate over the tenant
EXPLAIN (COSTS OFF) SELECT store_id, sum(amount) FROM public.sales WHERE tenant_id = 42 GROUP BY store_id;
SELECT test.plane_sql('SELECT store_id, sum(amount) FROM sales GROUP BY store_id');
\echo -- join
EXPLAIN (COSTS OFF) SELECT s.city, sum(x.amount) FROM public.sales x JOIN public.stores s ON s.store_id = x.store_id AND s.tenant_id = 42 WHERE x.tenant_id = 42 GROUP BY 1;
SELECT test.plane_sql('SELECT s.city, sum(x.amount) FROM sales x JOIN stores s ON s.store_id = x.store_id GROUP BY 1');
\echo -- partitions of other tenants are pruned when the query is planned
EXPLAIN (COSTS OFF) SELECT count(*) FROM public.parts WHERE tenant_id = 42;
SELECT test.plane_sql('SELECT count(*) FROM parts');
