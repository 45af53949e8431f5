-- allow_extension: what an extension's list names is in the plane, and nothing that others put beside it.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\set findings 'SELECT format(E''%s: %s\n    %s\n    %s'', severity, object, regexp_replace(finding, ''[0-9a-f]{64}'', ''..''), fix) FROM splitplane.doctor() WHERE object <> ''role dba'' ORDER BY severity, object, finding'

CREATE SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE TABLE people (tenant_id int NOT NULL, name ext.citext, aliases ext.citext[], note text);
INSERT INTO people VALUES (42, 'Ann', '{A,b}', 'x'), (42, 'ANN', NULL, 'Ann'), (42, 'bob', '{C}', 'BOB'),
                          (7, 'CANARY ann', '{CANARY}', 'CANARY');
SELECT splitplane.protect('people', '{"tenant_id": "tenant"}');

\echo -- before it is allowed
SELECT test.rows('SELECT name FROM people');
SELECT test.rows('SELECT note::citext FROM people');
SELECT splitplane.disallow_extension('citext');
SELECT splitplane.allow_extension('no such extension');
SELECT splitplane.allow_extension('plpgsql');
SELECT splitplane.allow_extension(NULL);
SET ROLE app;
SELECT splitplane.allow_extension('citext');
RESET ROLE;

\echo -- a column that the plane left out is named when it is registered again
SET ROLE dba;
SELECT splitplane.allow_extension('citext');
SELECT splitplane.allow_extension('citext');
RESET ROLE;
SELECT extension, saved FROM splitplane.allowed_extensions;
SELECT test.rows('SELECT name FROM people');
:findings;
SELECT splitplane.protect('people', '{"tenant_id": "tenant"}');
:findings;
SELECT splitplane.describe() ~ 'name citext\n  aliases citext\[\]\n';

\echo -- it means what it means in the database
SELECT test.rows('SELECT count(*), count(DISTINCT name) FROM people WHERE name = ''ann''');
SELECT test.rows('SELECT name, count(*) FROM people GROUP BY name ORDER BY name');
SELECT test.rows('SELECT count(*) FROM people WHERE name IN (''ANN'', ''BOB'')');
SELECT test.rows('SELECT count(*) FROM people WHERE name LIKE ''a%'' AND name ~ ''N$''');
SELECT test.rows('SELECT max(name), min(name) FROM people');
SELECT test.rows('SELECT replace(name, ''N'', ''-''), strpos(name, ''N''), split_part(name, ''n'', 1) FROM people ORDER BY note');
SELECT test.rows('SELECT a.note FROM people a JOIN people b ON a.name = b.note::citext ORDER BY 1');
SELECT test.rows('SELECT aliases, ''B'' = ANY (aliases) FROM people ORDER BY note');
SELECT test.rows('SELECT citext ''Ab'' = ''aB'', ''Ab''::ext.citext = ''aB'', CAST(''x'' AS citext), pg_typeof(name) FROM people LIMIT 1');
SELECT test.rows('SELECT GREATEST(name, ''ZED''), name OPERATOR(ext.=) ''ANN'', ext.citext_eq(name, ''bob'') FROM people ORDER BY note');
SELECT test.rows('SELECT count(*) FROM people WHERE name > note');
SELECT test.ask('SELECT name FROM people ORDER BY name LIMIT 1') -> 'columns';
\echo -- and the other tenant has its own
SELECT test.rows('SELECT count(*) FROM people WHERE name = ''canary ANN''');
SELECT test.rows('SELECT count(*) FROM people WHERE name = ''canary ANN''', '7');
SELECT relation, verdict, count(*) FROM splitplane.selftest() WHERE relation = 'public.people' GROUP BY 1, 2;
\echo -- an error over a value is that of a row of ones own
SELECT test.rows('SELECT name::int FROM people');
SELECT test.rows('SELECT count(*) FROM people WHERE name ~ (repeat(''x'', 20000)::citext)');
SELECT test.rows('SELECT name FROM people WHERE note @@ name');

\echo -- what others put into the schema is not run
GRANT CREATE, USAGE ON SCHEMA ext TO stranger;
SELECT splitplane.disallow_extension('citext');
\set VERBOSITY default
SELECT splitplane.allow_extension('citext');
\set VERBOSITY terse
SET ROLE stranger;
CREATE FUNCTION ext.length(ext.citext) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1 / 0';
CREATE FUNCTION ext.replace(ext.citext, text, text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'planted' $$;
CREATE OPERATOR ext.=== (FUNCTION = ext.citext_ne, LEFTARG = ext.citext, RIGHTARG = ext.citext);
CREATE FUNCTION ext.same(varchar, varchar) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR ext.= (FUNCTION = ext.same, LEFTARG = varchar, RIGHTARG = varchar);
RESET ROLE;
CREATE CAST (int AS ext.citext) WITH INOUT AS ASSIGNMENT;
SELECT test.rows('SELECT length(name) FROM people');
SELECT test.rows('SELECT replace(name, ''N''::text, ''-''::text) FROM people');
SELECT test.rows('SELECT name === name FROM people');
SELECT test.rows('SELECT note::varchar = ''x''::varchar FROM people');
SELECT test.rows('SELECT 1::citext');
:findings;
DROP OPERATOR ext.=== (ext.citext, ext.citext);
DROP OPERATOR ext.= (varchar, varchar);
DROP FUNCTION ext.same(varchar, varchar), ext.length(ext.citext), ext.replace(ext.citext, text, text);
DROP CAST (int AS ext.citext);
REVOKE ALL ON SCHEMA ext FROM stranger;
\echo -- the control: without them the same statements are answered
SELECT test.rows('SELECT length(name), replace(name, ''N''::text, ''-''::text), note::varchar = ''x''::varchar, 1::citext FROM people ORDER BY note');

\echo -- what is not as it was read is not in the plane
ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) LEAKPROOF;
SELECT test.rows('SELECT count(*) FROM people WHERE name = ''ann''');
:findings;
ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) NOT LEAKPROOF;
CREATE OR REPLACE FUNCTION ext.strpos(ext.citext, ext.citext) RETURNS int IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
    AS 'SELECT pg_catalog.strpos($1::pg_catalog.text, $2::pg_catalog.text)';
SELECT test.rows('SELECT strpos(name, ''N'') FROM people');
SELECT test.rows('SELECT count(*) FROM people WHERE name = ''ann''');
ALTER EXTENSION citext DROP FUNCTION ext.strpos(ext.citext, ext.citext);
SELECT test.rows('SELECT strpos(name, ''N'') FROM people');

\echo -- nor what is there no more
ALTER EXTENSION citext ADD FUNCTION ext.strpos(ext.citext, ext.citext);
CREATE SCHEMA elsewhere;
ALTER EXTENSION citext SET SCHEMA elsewhere;
SELECT test.rows('SELECT count(*) FROM people WHERE name = ''ann''');
:findings;
SELECT splitplane.allow_extension('citext');
SELECT test.rows('SELECT count(*) FROM people WHERE name = ''ann''');
REVOKE USAGE ON SCHEMA elsewhere FROM splitplane_reader;
SELECT test.rows('SELECT count(*) FROM people WHERE name = ''ann''');
SELECT splitplane.allow_extension('citext');
SELECT test.rows('SELECT count(*) FROM people WHERE name = ''ann''');
SELECT has_schema_privilege('splitplane_reader', 'ext', 'USAGE'), has_schema_privilege('splitplane_reader', 'elsewhere', 'USAGE');
SELECT splitplane.disallow_extension('citext');
SELECT has_schema_privilege('splitplane_reader', 'elsewhere', 'USAGE');
SELECT test.rows('SELECT name FROM people');
SELECT test.rows('SELECT note FROM people WHERE note = ''x''');
SELECT splitplane.allow_extension('citext');
DROP EXTENSION citext CASCADE;
:findings;
SELECT splitplane.disallow_extension('citext');
SELECT splitplane.disallow_extension('citext');
