-- selftest: green on a healthy plane, red for each sabotage, green again when it is fixed; never green where it could
-- not have turned red.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\set summary 'SELECT verdict, count(*) FROM splitplane.selftest() GROUP BY verdict ORDER BY verdict'
\set unhappy 'SELECT relation, shape, verdict, detail FROM splitplane.selftest() WHERE verdict <> ''pass'''

\echo -- healthy, as an administrator, and the whole report of three tables
\c - dba
:summary;
SELECT * FROM splitplane.selftest() WHERE relation IS NULL OR relation ~ 'customers|visits|currencies';

\echo -- nothing is changed: it runs in a read-only transaction and takes no transaction id
BEGIN READ ONLY;
:summary;
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_transaction_id, current_setting('TimeZone') AS own_zone, current_setting('row_security') AS row_security;
COMMIT;

\echo -- other tenants, other principals
SELECT DISTINCT verdict FROM splitplane.selftest(ARRAY['7', '42']);
SELECT * FROM splitplane.selftest(ARRAY['42', '8']);
SELECT * FROM splitplane.selftest(ARRAY[NULL]);
SELECT * FROM splitplane.selftest('{}');
-- With one tenant nothing is compared, so nothing passes.
SELECT shape, verdict, detail FROM splitplane.selftest(ARRAY['42']) WHERE relation = 'public.orders';

\echo -- who may
\c - app
SELECT * FROM splitplane.selftest();
\c - dba
SELECT * FROM splitplane._selftest_run('42', '', '', 'SELECT 1');
\c - postgres
SET client_min_messages = warning;

\echo -- a policy is dropped
DROP POLICY "!splitplane_scope" ON public.orders;
:unhappy;
SELECT fix FROM splitplane.doctor() WHERE severity = 'critical' \gexec
:summary;

\echo -- the same, and the doctor is blind: the proof refuses, and that is no pass
BEGIN;
DROP POLICY "!splitplane_scope" ON public.orders;
CREATE OR REPLACE FUNCTION splitplane._critical_finding() RETURNS text LANGUAGE sql SET search_path = pg_catalog, pg_temp AS 'SELECT NULL::text';
CREATE OR REPLACE FUNCTION splitplane._critical_findings(suspects regclass[] DEFAULT NULL) RETURNS TABLE (object text, finding text, fix text)
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS 'SELECT ''''::text, '''', '''' WHERE false';
SELECT relation, verdict, count(*), min(detail) FROM splitplane.selftest() WHERE verdict <> 'pass' GROUP BY 1, 2 ORDER BY 1;
ROLLBACK;
:summary;

\echo -- row-level security is switched off
ALTER TABLE public.visits DISABLE ROW LEVEL SECURITY;
:unhappy;
ALTER TABLE public.visits ENABLE ROW LEVEL SECURITY;
:summary;

\echo -- the reader is granted too much
GRANT SELECT ON public.customers TO splitplane_reader;
:unhappy;
SELECT fix FROM splitplane.doctor() WHERE severity = 'critical' \gexec
:summary;
ALTER ROLE splitplane_reader BYPASSRLS;
:unhappy;
ALTER ROLE splitplane_reader NOBYPASSRLS;
:summary;
GRANT pg_read_all_data TO splitplane_reader;
:unhappy;
REVOKE pg_read_all_data FROM splitplane_reader;
:summary;

\echo -- a scope column becomes nullable: not green without, red with a row of no principal
ALTER TABLE public.visits DROP CONSTRAINT IF EXISTS visits_pkey, ALTER COLUMN store_id DROP NOT NULL;
:unhappy;
INSERT INTO public.visits VALUES (42, NULL, '2026-01-01', 1);
:unhappy;
DELETE FROM public.visits WHERE store_id IS NULL;
ALTER TABLE public.visits ALTER COLUMN store_id SET NOT NULL;
:summary;

\echo -- the detector: what is seen differs from what is its own
BEGIN;
ALTER FUNCTION splitplane._selftest_own(regclass, jsonb, jsonb) RENAME TO _selftest_own_before;
CREATE FUNCTION splitplane._selftest_own(relation regclass, scope jsonb, claims jsonb) RETURNS text LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
    $$ SELECT splitplane._selftest_own_before(relation, scope, claims) || CASE WHEN relation = 'public.orders'::regclass THEN ' AND order_id > 1' ELSE '' END $$;
:unhappy;
-- As many rows as its own, but another's: only a count cannot tell.
CREATE OR REPLACE FUNCTION splitplane._selftest_own(relation regclass, scope jsonb, claims jsonb) RETURNS text LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
    $$ SELECT CASE WHEN relation = 'public.stores'::regclass THEN format('NOT (%s)', c.own) ELSE c.own END
       FROM (SELECT splitplane._selftest_own_before(relation, scope, claims)) AS c(own) $$;
:unhappy;
ROLLBACK;
BEGIN;
-- The register says more than the reader was granted.
UPDATE splitplane.relations SET columns = ARRAY['tenant_id', 'customer_id', 'name', 'email'] WHERE name = 'customers';
SELECT verdict, count(*), min(detail) FROM splitplane.selftest() WHERE verdict <> 'pass' AND relation = 'public.customers' GROUP BY 1;
ROLLBACK;
-- A column that is answered and should be hidden.
WITH doctored AS (SELECT (jsonb_populate_record(r, '{"columns": ["tenant_id", "customer_id"]}')).* FROM splitplane.relations AS r WHERE r.name = 'customers')
SELECT h.* FROM doctored AS d, splitplane._selftest_hidden(ROW(d.*)::splitplane.relations, 'public.customers', '42', 's', 's', 'infinity') AS h;

\echo -- rows of one tenant only, an empty table, a principal without the claim
DELETE FROM public.visits WHERE tenant_id = 7;
SELECT shape, verdict, detail FROM splitplane.selftest() WHERE relation = 'public.visits' AND verdict <> 'pass';
DELETE FROM public.visits;
SELECT DISTINCT verdict, detail FROM splitplane.selftest() WHERE relation = 'public.visits' AND verdict <> 'pass' ORDER BY detail COLLATE "C";
SELECT splitplane.admit('9');
SELECT DISTINCT verdict, detail FROM splitplane.selftest(ARRAY['42', '9']) WHERE relation = 'public.visits' AND verdict <> 'pass' ORDER BY detail COLLATE "C";
SELECT splitplane.expel('9');
INSERT INTO public.visits SELECT t, s, '2026-01-01', 1 FROM unnest(ARRAY[7, 42]) AS t, generate_series(1, 4) AS s;

\echo -- a large table is sampled through an index, or not judged
CREATE TABLE public.events (tenant_id int NOT NULL, event_id int NOT NULL, kind text);
INSERT INTO public.events SELECT (ARRAY[7, 42, 8])[1 + n % 3], n, 'kind ' || n % 5 FROM generate_series(1, 3000) AS n;
SELECT splitplane.protect('public.events', '{"tenant_id": "tenant"}');
SELECT shape, verdict, detail FROM splitplane.selftest() WHERE relation = 'public.events';
CREATE INDEX ON public.events (tenant_id, event_id);
SELECT shape, verdict, detail FROM splitplane.selftest() WHERE relation = 'public.events';
SELECT splitplane.unprotect('public.events');

\echo -- scoped by business: an id that the rows name stands for any
CREATE TABLE public.sites (tenant_id int NOT NULL, business varchar(20) NOT NULL, site "char" NOT NULL, details json, opened timestamptz NOT NULL, share float8, fee money);
INSERT INTO public.sites SELECT t, 'business ' || n, 'a', '{"a":  1}', '2026-01-01 12:00+02', 0.1::float8 + 0.2, 12.5::numeric::money FROM unnest(ARRAY[7, 42]) AS t, generate_series(1, 3) AS n;
SELECT splitplane.protect('public.sites', '{"tenant_id": "tenant", "business": "business"}');
SELECT shape, verdict, detail FROM splitplane.selftest() WHERE relation = 'public.sites';

\echo -- a type with a user-defined cast is not printed with the rights of the owner
CREATE TYPE public.mood AS ENUM ('good', 'bad');
CREATE TABLE public.moods (tenant_id int NOT NULL, mood public.mood);
INSERT INTO public.moods VALUES (7, 'good'), (42, 'bad');
SELECT splitplane.protect('public.moods', '{"tenant_id": "tenant"}');
SELECT DISTINCT verdict FROM splitplane.selftest() WHERE relation = 'public.moods';
CREATE FUNCTION public.mood_json(public.mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'ran as %', current_user; RETURN '1'; END $$;
CREATE CAST (public.mood AS json) WITH FUNCTION public.mood_json(public.mood);
SELECT shape, verdict, detail FROM splitplane.selftest() WHERE relation = 'public.moods';
DROP CAST (public.mood AS json);
SELECT DISTINCT verdict FROM splitplane.selftest() WHERE relation = 'public.moods';

\echo -- a table that is gone
DROP TABLE public.moods;
SELECT shape, verdict, detail FROM splitplane.selftest() WHERE verdict <> 'pass';

\echo -- some relations alone, and a bound on its time
SELECT DISTINCT relation FROM splitplane.selftest(relations => ARRAY['public.orders', 'public.customers']::regclass[]) ORDER BY 1;
SELECT * FROM splitplane.selftest(relations => ARRAY['pg_class'::regclass]);
SELECT * FROM splitplane.selftest(relations => ARRAY[NULL]::regclass[]);
SELECT * FROM splitplane.selftest(seconds => 0);
SELECT * FROM splitplane.selftest(seconds => NULL);
SELECT count(*) FROM splitplane.selftest(relations => '{}') WHERE relation IS NOT NULL;
BEGIN;
CREATE POLICY slow ON public.customers AS RESTRICTIVE TO splitplane_reader USING (pg_sleep(0.1) IS NOT NULL);
CREATE TEMP TABLE tested AS SELECT * FROM splitplane.selftest(relations => ARRAY['public.orders', 'public.customers']::regclass[], seconds => 1);
SELECT relation, verdict, min(detail) FROM tested WHERE verdict <> 'pass' GROUP BY 1, 2;
SELECT relation, count(*) > 1 AS several FROM tested WHERE verdict = 'pass' AND relation IS NOT NULL GROUP BY 1;
ROLLBACK;

\echo -- views: what changes from one time to the next, what is the same for both, and what is too much
SELECT splitplane.define_view('drawn', 'SELECT order_id, random() AS r FROM orders');
SELECT splitplane.define_view('numbers', 'SELECT n FROM generate_series(1, 3) AS n');
SELECT splitplane.define_view('many', 'SELECT n, o.order_id FROM orders AS o, generate_series(1, 30000) AS n');
SELECT relation, verdict, detail FROM splitplane.selftest() WHERE shape = 'view' ORDER BY 1;
-- Views alone, and none; one whose time is used up; one that raises an error is one line.
SELECT DISTINCT relation FROM splitplane.selftest(relations => '{}') WHERE relation IS NOT NULL ORDER BY 1;
SELECT count(*) FROM splitplane.selftest(relations => ARRAY['public.orders'::regclass]) WHERE shape = 'view';
SELECT w.*, h.* FROM splitplane.relations AS r,
    splitplane._selftest_view('numbers', 'SELECT 1', splitplane._selftest_principals(NULL), '-infinity') AS w,
    splitplane._selftest_hidden(r, 'public.customers', '42', 's', 's', '-infinity') AS h WHERE r.relation = 'public.customers'::regclass;
BEGIN;
CREATE POLICY slow ON public.orders AS RESTRICTIVE TO splitplane_reader USING (pg_sleep(0.2) IS NOT NULL);
SELECT relation, verdict, detail FROM splitplane.selftest(relations => '{}', seconds => 1) WHERE shape = 'view' ORDER BY 1;
ROLLBACK;
BEGIN;
CREATE OR REPLACE FUNCTION splitplane._selftest_view(name text, sql text, people jsonb[], until timestamptz, OUT verdict text, OUT detail text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$ BEGIN RAISE EXCEPTION 'of %', name; END $$;
SELECT relation, verdict, detail FROM splitplane.selftest(relations => '{}') WHERE shape = 'view' ORDER BY 1;
ROLLBACK;
SELECT splitplane.undefine_view('drawn'), splitplane.undefine_view('numbers'), splitplane.undefine_view('many');
