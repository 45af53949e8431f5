-- Tables that are renamed or swapped, and columns that change to a type that the plane does not carry: nothing goes on reading
-- what the name meant before, and doctor() gives the statements.
SET client_min_messages = error;
\set SHOW_CONTEXT never
CREATE TABLE public.rates (tenant_id int NOT NULL, n int); INSERT INTO public.rates VALUES (42, 10), (7, 70);
SELECT splitplane.protect('public.rates', '{"tenant_id": "tenant"}');
\c - app
SELECT test.rows('SELECT n FROM rates'), test.rows('SELECT public.rates.n FROM public.rates');
\c - dba
-- Blue and green: the old table goes on under another name, and another one takes its place.
\c - postgres
CREATE TABLE public.rates_new (LIKE public.rates); INSERT INTO public.rates_new VALUES (42, 777), (7, 707);
ALTER TABLE public.rates RENAME TO rates_old; ALTER TABLE public.rates_new RENAME TO rates;
\c - app
SELECT test.rows('SELECT n FROM rates');
SELECT test.rows('SELECT n FROM public.rates');
SELECT test.rows('SELECT n FROM rates_old');
-- The table is in the plane still, by the name that it has.
SELECT test.rows('SELECT o.n FROM public.rates_old AS o');
SELECT test.rows('SELECT public.rates_old.n FROM public.rates_old');
-- No error proposes a name that is lost; behind a schema the table's own counts.
SELECT test.rows('SELECT n FROM "Rates"');
SELECT test.rows('SELECT n FROM public."Rates_old"');
SELECT test.rows('SELECT "N" FROM public.rates_old');
\c - postgres
SELECT splitplane.describe() LIKE '%rates%' AS described;
-- The self-test reads it by the name that it can be named by.
SELECT relation, shape, verdict FROM splitplane.selftest() WHERE relation LIKE '%rates%' AND verdict <> 'pass';
SELECT count(*) > 5 AS passed FROM splitplane.selftest() WHERE relation LIKE '%rates%' AND verdict = 'pass';
SELECT finding, fix FROM splitplane.doctor() WHERE object LIKE '%rates%' AND severity <> 'info';
-- The new one cannot take the name before that is settled.
SELECT splitplane.protect('public.rates', '{"tenant_id": "tenant"}');
SELECT splitplane.unprotect('public.rates_old');
SELECT splitplane.protect('public.rates', '{"tenant_id": "tenant"}');
\c - app
SELECT test.rows('SELECT n FROM rates'), test.rows('SELECT n FROM public.rates');
SELECT test.rows('SELECT n FROM public.rates_old');
\c - postgres
-- The other statement: it stays, under its name of today.
ALTER TABLE public.rates RENAME TO tariffs;
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%renamed%' \gexec
SELECT count(*) FROM splitplane.doctor() WHERE finding LIKE '%renamed%';
\c - app
SELECT test.rows('SELECT n FROM tariffs'), test.rows('SELECT n FROM public.tariffs');
SELECT test.rows('SELECT n FROM rates');
\c - postgres
-- A name that was given stays, whatever the table is called; qualified, the table's own name counts.
SELECT splitplane.protect('public.tariffs', '{"tenant_id": "tenant"}', name => 'prices');
ALTER TABLE public.tariffs RENAME TO tariffs_2026;
\c - app
SELECT test.rows('SELECT n FROM prices'), test.rows('SELECT n FROM public.tariffs_2026');
SELECT test.rows('SELECT n FROM public.prices');
SELECT test.rows('SELECT n FROM public.tariffs');
\c - postgres
SELECT count(*) FROM splitplane.doctor() WHERE finding LIKE '%renamed%';
-- Renamed back, a name that was lost means what it meant.
SELECT splitplane.protect('public.tariffs_2026', '{"tenant_id": "tenant"}');
ALTER TABLE public.tariffs_2026 RENAME TO away;
\c - app
SELECT test.rows('SELECT n FROM tariffs_2026');
\c - postgres
ALTER TABLE public.away RENAME TO tariffs_2026;
\c - app
SELECT test.rows('SELECT n FROM tariffs_2026');
\c - postgres
-- A type that the plane does not carry: the column drops out, and the database's own operators are not replaced by others.
CREATE EXTENSION citext;
CREATE TABLE public.tags (tenant_id int NOT NULL, id int, tag text); INSERT INTO public.tags VALUES (42, 1, 'Ab'), (42, 2, 'aB'), (7, 3, 'AB');
SELECT splitplane.protect('public.tags', '{"tenant_id": "tenant"}');
\c - app
SELECT test.rows('SELECT count(DISTINCT tag) FROM tags');
\c - postgres
ALTER TABLE public.tags ALTER tag TYPE citext;
\c - app
SELECT test.rows('SELECT count(DISTINCT tag) FROM tags');
SELECT test.rows('SELECT * FROM tags ORDER BY id');
\c - postgres
SELECT splitplane.describe() LIKE '%citext%' AS described;
SELECT finding, fix FROM splitplane.doctor() WHERE finding LIKE '%citext%';
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%citext%' \gexec
SELECT count(*) FROM splitplane.doctor() WHERE finding LIKE '%citext%';
\c - app
SELECT test.rows('SELECT * FROM tags ORDER BY id');
\c - postgres
ALTER TABLE public.tags ALTER tag TYPE text;
SELECT splitplane.protect('public.tags', '{"tenant_id": "tenant"}');
\c - app
SELECT test.rows('SELECT count(DISTINCT tag) FROM tags');
\c - postgres
-- Two tables of the plane that swap names: each statement settles both.
CREATE TABLE public.left_one (tenant_id int NOT NULL, n int); INSERT INTO public.left_one VALUES (42, 1), (7, 100);
CREATE TABLE public.right_one (tenant_id int NOT NULL, n int); INSERT INTO public.right_one VALUES (42, 2), (7, 200);
SELECT splitplane.protect('public.left_one', '{"tenant_id": "tenant"}'), splitplane.protect('public.right_one', '{"tenant_id": "tenant"}');
ALTER TABLE public.left_one RENAME TO other; ALTER TABLE public.right_one RENAME TO left_one; ALTER TABLE public.other RENAME TO right_one;
\c - app
SELECT test.rows('SELECT n FROM left_one');
SELECT test.rows('SELECT n FROM right_one');
\c - postgres
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%renamed%' \gexec
SELECT count(*) FROM splitplane.doctor() WHERE finding LIKE '%renamed%';
\c - app
SELECT test.rows('SELECT n FROM left_one'), test.rows('SELECT n FROM right_one');
\c - postgres
-- A swap by schema. A table that moves alone keeps its plane name.
CREATE SCHEMA archive; CREATE SCHEMA staging; GRANT USAGE ON SCHEMA archive TO splitplane_reader;
ALTER TABLE public.left_one SET SCHEMA archive;
\c - app
SELECT test.rows('SELECT n FROM left_one');
\c - postgres
CREATE TABLE staging.left_one (tenant_id int NOT NULL, n int); INSERT INTO staging.left_one VALUES (42, 3);
ALTER TABLE staging.left_one SET SCHEMA public;
\c - app
SELECT test.rows('SELECT n FROM left_one');
SELECT test.rows('SELECT n FROM archive.left_one');
\c - postgres
SELECT finding FROM splitplane.doctor() WHERE finding LIKE '%moved%';
-- An administrator may read which functions are allowed, whatever schemas they are in.
CREATE SCHEMA locked; CREATE FUNCTION locked.one() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
SELECT splitplane.allow_function('locked.one()');
\c - dba
SELECT function::text FROM splitplane.functions;
