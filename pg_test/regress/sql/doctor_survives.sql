-- doctor() answers whatever is broken, and ask refuses rather than fails; a scope column that was renamed is fixed by its new name.
SET client_min_messages = error;
CREATE TYPE public.mood AS ENUM ('ok');
CREATE FUNCTION public.label(public.mood) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1::text';
SELECT splitplane.allow_function('public.label(public.mood)');
-- The control: it is callable.
SELECT count(*) FROM splitplane.functions;
-- A type that is gone.
DROP TYPE public.mood CASCADE;
SELECT count(*) FROM splitplane.functions;
SELECT finding, fix FROM splitplane.doctor() WHERE object LIKE '%label%';
SELECT length(splitplane.describe()) > 0 AS described;
\c - app
SELECT test.rows('SELECT count(*) FROM orders');
\c - postgres
SELECT fix FROM splitplane.doctor() WHERE object LIKE '%label%' \gexec
SELECT count(*) FROM splitplane.doctor() WHERE object LIKE '%label%';
-- A schema that is gone.
CREATE SCHEMA gone; CREATE FUNCTION gone.one() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
SELECT splitplane.allow_function('gone.one()');
SET client_min_messages = error; DROP SCHEMA gone CASCADE;
SELECT count(*) FROM splitplane.doctor() WHERE object = 'gone.one()';
\c - app
SELECT test.rows('SELECT count(*) FROM orders');
\c - postgres
DELETE FROM splitplane.allowed_functions;
-- The reader.
ALTER ROLE splitplane_reader RENAME TO splitplane_reader_x;
SELECT severity, object, finding FROM splitplane.doctor() WHERE object <> 'role dba';
\c - app
SELECT test.rows('SELECT count(*) FROM orders');
\c - postgres
ALTER ROLE splitplane_reader_x RENAME TO splitplane_reader;
-- A check that fails is a finding, and the others are there.
BEGIN;
CREATE OR REPLACE FUNCTION splitplane._function_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$BEGIN RAISE EXCEPTION 'planted'; END$$;
GRANT INSERT ON public.orders TO splitplane_reader;
SELECT severity, object, finding FROM splitplane.doctor() WHERE object <> 'role dba';
ROLLBACK;
-- A scope column that was renamed: row-level security holds, the plane is closed, and the fix names the column as it is called now.
CREATE TABLE public.renamed (tenant_id int NOT NULL, store int, n int); INSERT INTO public.renamed VALUES (42, 1, 1), (7, 1, 70);
SELECT splitplane.protect('public.renamed', '{"tenant_id": "tenant"}', private_columns => '{tenant_id}');
ALTER TABLE public.renamed RENAME tenant_id TO org_id;
\c - app
SELECT test.rows('SELECT n FROM renamed');
\c - postgres
SET client_min_messages = error;
SELECT DISTINCT fix FROM splitplane.doctor() WHERE object LIKE '%renamed%' AND fix NOT LIKE 'CREATE INDEX%';
SELECT DISTINCT fix FROM splitplane.doctor() WHERE object LIKE '%renamed%' AND fix NOT LIKE 'CREATE INDEX%' \gexec
SELECT count(*) FROM splitplane.doctor() WHERE object LIKE '%renamed%' AND fix NOT LIKE 'CREATE INDEX%';
SELECT scope, columns, private_columns FROM splitplane.relations WHERE relation = 'public.renamed'::regclass;
\c - app
SELECT test.rows('SELECT n FROM renamed');
\c - postgres
-- And another column has got its name: bound to that, the plane would show tenant 42 the rows of all.
ALTER TABLE public.renamed RENAME org_id TO was_tenant;
ALTER TABLE public.renamed ADD org_id int NOT NULL DEFAULT 42;
SELECT DISTINCT fix FROM splitplane.doctor() WHERE severity = 'critical';
SELECT DISTINCT fix FROM splitplane.doctor() WHERE severity = 'critical' \gexec
\c - app
SELECT test.rows('SELECT n FROM renamed');
\c - postgres
-- The control: bound to the wrong column it does.
SELECT splitplane.protect('public.renamed', '{"org_id": "tenant"}');
\c - app
SELECT test.rows('SELECT n FROM renamed ORDER BY n');
\c - postgres
-- A policy that was altered onto another column is no renamed column.
ALTER POLICY "!splitplane_scope" ON public.renamed USING (splitplane.in_scope(store, 'tenant'));
SELECT DISTINCT fix FROM splitplane.doctor() WHERE severity = 'critical';
-- Where the column was renamed, and replaced, as well nothing settles it, and there is no statement to run.
ALTER TABLE public.renamed RENAME org_id TO elsewhere; ALTER TABLE public.renamed ADD org_id int NOT NULL DEFAULT 42;
SELECT DISTINCT fix FROM splitplane.doctor() WHERE severity = 'critical';
SELECT splitplane.unprotect('public.renamed');
-- Without the reader, what does not depend on it is found all the same.
CREATE FUNCTION public.leaky(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
SELECT splitplane.allow_function('public.leaky(int)');
ALTER FUNCTION public.leaky(int) LEAKPROOF;
ALTER ROLE splitplane_reader RENAME TO splitplane_reader_x;
SELECT severity, object, finding FROM splitplane.doctor() WHERE object <> 'role dba';
ALTER ROLE splitplane_reader_x RENAME TO splitplane_reader;
