-- A table whose rows are a tenant's, or everybody's where the tenant column is NULL.
\set SHOW_CONTEXT never
CREATE TABLE public.templates (template_id int PRIMARY KEY, org_id int, title text NOT NULL);
CREATE INDEX ON public.templates (org_id);
INSERT INTO public.templates VALUES (1, NULL, 'welcome'), (2, NULL, 'goodbye'), (3, 42, 'own'), (4, 7, 'CANARY'), (5, 8, 'CANARY of nobody');
-- The control: with the claim alone such rows are never seen.
SELECT splitplane.protect('public.templates', '{"org_id": "tenant"}');
SELECT test.rows('SELECT title FROM templates ORDER BY template_id');
SELECT severity, finding FROM splitplane.doctor() WHERE object = 'public.templates';
SELECT splitplane.protect('public.templates', '{"org_id": "tenant or null"}');
SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = 'public.templates'::regclass AND polname = '!splitplane_scope';
SELECT severity, finding FROM splitplane.doctor() WHERE object = 'public.templates';
\c - app
SELECT test.rows('SELECT title FROM templates ORDER BY template_id');
SELECT test.rows('SELECT title FROM templates ORDER BY template_id', '7');
SELECT test.rows('SELECT org_id, count(*) FROM templates GROUP BY org_id ORDER BY org_id');
SELECT test.rows('SELECT title FROM templates WHERE org_id IS NULL ORDER BY 1', '7');
SELECT test.rows('SELECT title FROM templates WHERE org_id = 7 OR org_id IS NOT NULL OR true ORDER BY template_id');
-- No condition is evaluated over a row that the fence hides: row 4 is tenant 7's.
SELECT test.rows('SELECT count(*) FROM templates WHERE 1 / (template_id - 4) IS NOT NULL');
SELECT test.rows('SELECT count(*) FROM templates WHERE 1 / (template_id - 4) IS NOT NULL', '7');
-- Neither of a tenant nor of everybody: an outer join makes NULLs that are not the table's.
SELECT test.rows('SELECT t.title FROM stores s LEFT JOIN templates t ON t.org_id = s.store_id WHERE s.store_id = 1');
SELECT ask_dry_run(test.ctx('SELECT title FROM templates'), sql => 'SELECT title FROM templates') ->> 'plane_sql';
\c - postgres
SET client_min_messages = warning;
-- describe() says it, by the column's name only where the plane shows that, and leaves out keys that rows of everybody break.
CREATE TABLE public.kinds (org_id int, kind int NOT NULL, name text, UNIQUE (org_id, kind));
CREATE TABLE public.things (org_id int NOT NULL, thing int NOT NULL, kind int, PRIMARY KEY (org_id, thing), FOREIGN KEY (org_id, kind) REFERENCES public.kinds (org_id, kind));
SELECT splitplane.protect('public.kinds', '{"org_id": "tenant or null"}');
SELECT splitplane.protect('public.things', '{"org_id": "tenant"}');
SELECT part FROM regexp_split_to_table(splitplane.describe(), '\n(?=\w)') AS part WHERE part ~ '^table (templates|kinds|things)';
SELECT splitplane.protect('public.kinds', '{"org_id": "tenant or null"}', ARRAY['kind', 'name']);
SELECT splitplane.protect('public.things', '{"org_id": "tenant"}', ARRAY['thing', 'kind']);
SELECT part FROM regexp_split_to_table(splitplane.describe(), '\n(?=\w)') AS part WHERE part ~ '^table (templates|kinds|things)';
-- The same key, where no row of the referenced table is everybody's.
SELECT splitplane.protect('public.kinds', '{"org_id": "tenant"}', ARRAY['kind', 'name']);
SELECT part FROM regexp_split_to_table(splitplane.describe(), '\n(?=\w)') AS part WHERE part ~ '^table (things)';
SELECT splitplane.unprotect('public.kinds'), splitplane.unprotect('public.things');
DROP TABLE public.things, public.kinds;

-- The self-test compares with these rows, and finds what is added or lost.
SELECT shape, verdict, detail FROM splitplane.selftest(ARRAY['42', '7']) WHERE relation = 'public.templates';
CREATE FUNCTION pg_temp.worst() RETURNS TABLE (verdict text, number bigint) LANGUAGE sql AS
    $$ SELECT s.verdict, count(*) FROM splitplane.selftest(ARRAY['42', '7']) AS s WHERE s.relation = 'public.templates' AND s.shape <> 'scope columns' GROUP BY 1 ORDER BY 1 $$;
-- The control: a policy of another's makes everybody's rows vanish, and then a tenant's own.
CREATE POLICY narrow ON public.templates AS RESTRICTIVE TO splitplane_reader USING (org_id IS NOT NULL);
SELECT * FROM pg_temp.worst();
ALTER POLICY narrow ON public.templates USING (org_id IS NULL);
SELECT * FROM pg_temp.worst();
DROP POLICY narrow ON public.templates;
-- In a large table some of everybody's rows are in the sample.
INSERT INTO public.templates SELECT 100 + n, CASE n % 3 WHEN 0 THEN 42 WHEN 1 THEN 7 END, 'row ' || n FROM generate_series(1, 3000) n;
SELECT shape, verdict, detail FROM splitplane.selftest(ARRAY['42', '7']) WHERE relation = 'public.templates' AND shape IN ('direct', 'aggregate', 'IN', 'scope columns');
CREATE POLICY narrow ON public.templates AS RESTRICTIVE TO splitplane_reader USING (org_id IS NOT NULL);
SELECT * FROM pg_temp.worst();
DROP POLICY narrow ON public.templates;
DELETE FROM public.templates WHERE template_id > 100;

-- A tripwire stands on the same column.
SELECT splitplane.tripwire_row('public.templates') AS plant \gset
:plant
SELECT splitplane.arm_tripwire('public.templates');
SELECT test.rows('SELECT title FROM templates ORDER BY template_id');
SELECT shape, verdict, detail FROM splitplane.selftest(ARRAY['42', '7']) WHERE relation = 'public.templates' AND shape = 'tripwire';
SELECT splitplane.admit('-2147483648');
SELECT splitplane.disarm_tripwire('public.templates');
DELETE FROM public.templates WHERE org_id < 0;
-- Two spellings of one tenant are one here, too.
BEGIN;
DELETE FROM splitplane.relations WHERE relation <> 'public.templates'::regclass;
SELECT splitplane.admit('042');
ROLLBACK;

-- Each layer by itself. Without the policy the plane is closed; that the proof refuses, too, is in pg_test/backend.
BEGIN;
ALTER POLICY "!splitplane_scope" ON public.templates USING (true);
SELECT finding FROM splitplane.doctor() WHERE object = 'public.templates' AND severity = 'critical';
SELECT test.rows('SELECT title FROM templates');
\echo :SQLSTATE
ROLLBACK;
-- What the policy lets through by itself: the reader outside a call sees everybody's rows, and no tenant's.
BEGIN;
SELECT count(*) FROM public.templates;
SET LOCAL ROLE splitplane_reader;
SELECT title FROM public.templates ORDER BY template_id;
SELECT count(*) FROM public.templates;
SELECT count(*) FROM public.stores;
RESET ROLE;
DROP POLICY "!splitplane_scope" ON public.templates;
DROP POLICY splitplane_closed ON public.templates;
ALTER POLICY splitplane_read ON public.templates USING (true);
SET LOCAL ROLE splitplane_reader;
SELECT title FROM public.templates ORDER BY template_id;
ROLLBACK;

-- With another claim besides, of other types, under a domain, and under another name.
CREATE DOMAIN public.org AS int CHECK (VALUE > 0);
CREATE TABLE public.offers (org_id public.org, store_id int NOT NULL, offer text);
INSERT INTO public.offers VALUES (NULL, 2, 'everybody, store 2'), (NULL, 4, 'everybody, store 4'), (42, 3, 'own, store 3'), (42, 4, 'own, store 4'), (7, 2, 'CANARY');
SELECT splitplane.protect('public.offers', '{"org_id": "tenant or null", "store_id": "stores"}');
SELECT test.rows('SELECT offer FROM offers ORDER BY offer', '42', 'franchise');
ALTER TABLE public.offers RENAME org_id TO owner_id;
SELECT test.rows('SELECT offer FROM offers ORDER BY offer', '42', 'franchise');
SELECT fix FROM splitplane.doctor() WHERE object = 'public.offers' AND severity = 'critical';
SELECT fix FROM splitplane.doctor() WHERE object = 'public.offers' AND severity = 'critical' LIMIT 1 \gexec
SELECT test.rows('SELECT offer FROM offers ORDER BY offer', '42', 'franchise');
SELECT splitplane.unprotect('public.offers');
DROP TABLE public.offers;
CREATE FUNCTION pg_temp.seen(kind text, mine text, other text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE public.typed (org %s, note text)', kind);
    EXECUTE format('INSERT INTO public.typed VALUES (NULL, ''everybody''), (%L, ''own''), (%L, ''CANARY'')', mine, other);
    PERFORM splitplane.admit(mine);
    PERFORM splitplane.protect('public.typed', '{"org": "tenant or null"}');
    RETURN test.rows('SELECT note FROM typed ORDER BY note', mine);
END $$;
SET client_min_messages = error;
BEGIN; SELECT pg_temp.seen('int2', '42', '7'); ROLLBACK;
BEGIN; SELECT pg_temp.seen('int8', '42', '7'); ROLLBACK;
BEGIN; SELECT pg_temp.seen('text', 'brand-a', 'brand-b'); ROLLBACK;
BEGIN; SELECT pg_temp.seen('varchar(20)', 'brand-a', 'brand-b'); ROLLBACK;
BEGIN; SELECT pg_temp.seen('char(10)', 'brand-a', 'brand-b'); ROLLBACK;
BEGIN; SELECT pg_temp.seen('uuid', '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b'); ROLLBACK;
BEGIN; SELECT pg_temp.seen('numeric', '42', '7'); ROLLBACK;
BEGIN; SELECT pg_temp.seen('date', '2026-01-01', '2026-01-02'); ROLLBACK;
BEGIN; SELECT pg_temp.seen('public.status', 'open', 'paid'); ROLLBACK;
SET client_min_messages = warning;

-- Only the tenant can be NULL, and only in these words.
SELECT splitplane.protect('public.stores', '{"tenant_id": "business or null"}');
\echo :SQLSTATE
SELECT splitplane.protect('public.visits', '{"tenant_id": "tenant", "store_id": "stores or null"}');
SELECT splitplane.protect('public.stores', '{"tenant_id": "tenant OR NULL"}');
SELECT splitplane.protect('public.stores', '{"tenant_id": "tenant  or null"}');
SELECT splitplane.protect('public.stores', '{"tenant_id": "tenant or null or null"}');
SELECT splitplane.protect('public.stores', '{"tenant_id": " or null"}');

-- A large table: both arms of the condition have the index.
CREATE TABLE public.entries (entry_id int PRIMARY KEY, org_id int, amount int NOT NULL);
INSERT INTO public.entries SELECT n, CASE WHEN n % 1000 <> 0 THEN 1000 + n % 1000 WHEN n % 5000 = 0 THEN 42 END, n FROM generate_series(1, 100000) n;
CREATE INDEX ON public.entries (org_id);
SET client_min_messages = error;
SELECT splitplane.protect('public.entries', '{"org_id": "tenant or null"}');
ANALYZE public.entries;
SELECT regexp_replace(line, '\(cost.*', '') AS plan FROM jsonb_array_elements_text(ask_dry_run(test.ctx('SELECT sum(amount) FROM entries'), sql => 'SELECT sum(amount) FROM entries') -> 'plan') AS line;
SELECT test.rows('SELECT org_id, count(*), sum(amount) FROM entries GROUP BY org_id ORDER BY 1');
SELECT org_id, count(*), sum(amount) FROM public.entries WHERE org_id = 42 OR org_id IS NULL GROUP BY org_id ORDER BY 1;
