-- protect and share without a list of columns leave out what the plane does not carry, with one warning that names all of it.
\set SHOW_CONTEXT never
CREATE TYPE public.address AS (street text, city text);
CREATE TYPE public.grade AS ENUM ('good', 'bad');
CREATE DOMAIN public.place AS public.address;
CREATE TABLE public.firms (tenant_id int NOT NULL, name text, seat public.address, doc xml, docs xml[], here public.place, kind regclass, "Odd one" public.address[]);
INSERT INTO public.firms VALUES (42, 'ours', ('High St', 'York'), '<a/>', NULL, NULL, 'public.firms', NULL), (7, 'theirs', ('Low St', 'Hull'), '<b/>', NULL, NULL, 'public.firms', NULL);
SELECT splitplane.protect('public.firms', '{"tenant_id": "tenant"}');
SELECT columns, saved -> 'all_columns' AS all_columns FROM splitplane.relations WHERE relation = 'public.firms'::regclass;
\echo -- the reader was granted none of it, and describe() shows none
SELECT attname FROM pg_attribute WHERE attrelid = 'public.firms'::regclass AND attnum > 0 AND has_column_privilege('splitplane_reader', attrelid, attnum, 'SELECT');
SELECT substring(splitplane.describe() FROM 'table firms[^()]*?(?=\ntable|\nfunction|$)');
SELECT object, finding FROM splitplane.doctor() WHERE object = 'public.firms' AND finding LIKE '%olumn%' AND finding NOT LIKE 'No index%';
SELECT DISTINCT verdict FROM splitplane.selftest() WHERE relation LIKE '%firms' ORDER BY 1;
\c - app
SELECT test.ask('SELECT * FROM firms') -> 'rows';
SELECT test.ask('SELECT seat FROM firms');
\echo :SQLSTATE
SELECT test.ask('SELECT firms.doc IS NULL FROM firms');
\echo :SQLSTATE
SELECT test.ask('SELECT to_jsonb(firms) FROM firms') -> 'rows';
\c - postgres
\echo -- the control: the hidden rows and values are there
SELECT count(*), count(doc) FROM public.firms;
\echo -- a column that is named stays an error, and changes nothing
SELECT splitplane.protect('public.firms', '{"tenant_id": "tenant"}', columns => ARRAY['name', 'seat']);
SELECT splitplane.protect('public.firms', '{"tenant_id": "tenant"}', private_columns => ARRAY['doc']);
SELECT columns FROM splitplane.relations WHERE relation = 'public.firms'::regclass;
\echo -- with a list there is no warning
SELECT splitplane.protect('public.firms', '{"tenant_id": "tenant"}', columns => ARRAY['name']);
\echo -- the same when it is shared
SELECT splitplane.share('public.firms');
SELECT splitplane.unprotect('public.firms');
\echo -- a column of the scope is never left out
CREATE TABLE public.graded (tenant_id int NOT NULL, grade public.grade NOT NULL, doc xml);
CREATE FUNCTION public.grade_json(public.grade) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT ''1''::json';
CREATE CAST (public.grade AS json) WITH FUNCTION public.grade_json(public.grade);
SELECT splitplane.protect('public.graded', '{"tenant_id": "tenant", "grade": "stores"}');
\echo :SQLSTATE
SELECT splitplane.protect('public.firms', '{"doc": "tenant"}');
\echo :SQLSTATE
\echo -- a table of which nothing could be carried
CREATE TABLE public.nothing (doc xml, seat public.address);
SELECT splitplane.share('public.nothing');
\echo :SQLSTATE
CREATE TABLE public.no_column ();
SELECT splitplane.share('public.no_column');
\echo :SQLSTATE
SELECT count(*) FROM splitplane.relations WHERE relation::text IN ('public.nothing', 'public.graded', 'public.firms', 'public.no_column');
\echo -- one that was private and is left out is no longer private, and that is said
CREATE TABLE public.secrets (tenant_id int NOT NULL, secret text);
SELECT splitplane.protect('public.secrets', '{"tenant_id": "tenant"}', private_columns => ARRAY['secret']);
ALTER TABLE public.secrets ALTER COLUMN secret TYPE xml USING secret::xml;
SELECT splitplane.protect('public.secrets', '{"tenant_id": "tenant"}');
