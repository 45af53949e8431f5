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
\echo -- C code that is called with NULL against what it was read for would crash the server
INSERT INTO people VALUES (42, NULL, NULL, 'Z');
\set compared 'SELECT test.rows(''SELECT count(*) FROM people AS a JOIN people AS b ON a.note <= b.note AND (a.name = b.name) IS NULL'')'
:compared;
ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) CALLED ON NULL INPUT;
:compared;
:findings;
ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) STRICT;
:compared;
DELETE FROM people WHERE note = 'Z';
\echo -- what prints, and what compares where no name does, is a part of the type
CREATE OR REPLACE FUNCTION ext.citextout(ext.citext) RETURNS cstring IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'byteaout';
SELECT test.rows('SELECT name FROM people');
SELECT test.rows('SELECT note = ''x''::citext FROM people');
:findings;
CREATE OR REPLACE FUNCTION ext.citextout(ext.citext) RETURNS cstring IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'textout';
SELECT test.rows('SELECT name FROM people ORDER BY name');
CREATE OR REPLACE FUNCTION ext.citext_cmp(ext.citext, ext.citext) RETURNS int IMMUTABLE STRICT PARALLEL SAFE LANGUAGE plpgsql
    AS $$ BEGIN RAISE 'ran over a value' USING ERRCODE = 'ZZ001'; END $$;
SELECT test.rows('SELECT name FROM people ORDER BY name');
SELECT name FROM people ORDER BY name;
CREATE OR REPLACE FUNCTION ext.citext_cmp(ext.citext, ext.citext) RETURNS int IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
    AS '$libdir/citext', 'citext_cmp';
SELECT test.rows('SELECT name FROM people ORDER BY name');

\echo -- each thing that makes an object another than was read takes it out of the plane, and is found
CREATE SCHEMA more;
CREATE EXTENSION hstore SCHEMA more;
CREATE EXTENSION intarray SCHEMA more;
SELECT splitplane.allow_extension(e) FROM unnest(ARRAY['hstore', 'intarray']) AS e;
CREATE FUNCTION test.support(internal) RETURNS internal LANGUAGE internal AS 'textlike_support';
CREATE FUNCTION test.to_json(more.hstore) RETURNS json LANGUAGE sql AS $$ SELECT '{}'::json $$;
CREATE TABLE test.tampering (number int GENERATED ALWAYS AS IDENTITY, object text, sql text);
INSERT INTO test.tampering (object, sql) VALUES
    -- the control
    ('citext_eq(citext,citext)', 'ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) COST 7'),
    ('citext_eq(citext,citext)', 'ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) SECURITY DEFINER'),
    ('citext_eq(citext,citext)', 'ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) SET work_mem = ''1MB'''),
    ('citext_eq(citext,citext)', 'ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) SUPPORT test.support'),
    ('citext_eq(citext,citext)', 'ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) LEAKPROOF'),
    ('citext_eq(citext,citext)', 'ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) CALLED ON NULL INPUT'),
    ('citext_eq(citext,citext)', 'ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) STABLE'),
    ('citext_eq(citext,citext)', 'ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) PARALLEL UNSAFE'),
    ('citext_eq(citext,citext)', 'UPDATE pg_proc SET pronamespace = ''more''::regnamespace WHERE oid = ''ext.citext_eq''::regproc'),
    ('citext_eq(citext,citext)', 'ALTER EXTENSION citext DROP FUNCTION ext.citext_eq(ext.citext, ext.citext)'),
    ('citext_eq(citext,citext)', 'CREATE OR REPLACE FUNCTION ext.citext_eq(ext.citext, ext.citext) RETURNS bool IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS ''$libdir/citext'', ''citext_ne'''),
    ('citext_eq(citext,citext)', 'CREATE OR REPLACE FUNCTION ext.citext_eq(ext.citext, ext.citext DEFAULT ''x'') RETURNS bool IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS ''$libdir/citext'', ''citext_eq'''),
    ('citext_eq(citext,citext)', 'UPDATE pg_proc SET prorettype = ''int8''::regtype WHERE oid = ''ext.citext_eq''::regproc'),
    ('citext_eq(citext,citext)', 'UPDATE pg_proc SET proretset = true WHERE oid = ''ext.citext_eq''::regproc'),
    ('=(citext,citext)', 'ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) SECURITY DEFINER'),
    ('&&(_int4,_int4)', 'ALTER FUNCTION more._int_overlap_sel(internal, oid, internal, int) SECURITY DEFINER'),
    ('&&(_int4,_int4)', 'UPDATE pg_operator SET oprjoin = ''test.support''::regproc WHERE oprcode = ''more._int_overlap''::regproc'),
    ('max(citext)', 'ALTER FUNCTION ext.citext_larger(ext.citext, ext.citext) SECURITY DEFINER'),
    ('max(citext)', 'CREATE OR REPLACE AGGREGATE ext.max(ext.citext) (SFUNC = ext.citext_smaller, STYPE = ext.citext)'),
    ('max(citext)', 'CREATE OR REPLACE AGGREGATE ext.max(ext.citext) (SFUNC = ext.citext_larger, STYPE = ext.citext, INITCOND = ''x'')'),
    ('bool,citext', 'UPDATE pg_cast SET castfunc = ''ext.citext(inet)''::regprocedure WHERE castfunc = ''ext.citext(bool)''::regprocedure'),
    ('text,citext', 'UPDATE pg_cast SET castmethod = ''i'' WHERE castsource = ''text''::regtype AND casttarget = ''ext.citext''::regtype'),
    ('citext', 'CREATE OR REPLACE FUNCTION ext.citextin(cstring) RETURNS ext.citext IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS ''byteain'''),
    ('citext', 'CREATE OR REPLACE FUNCTION ext.citextout(ext.citext) RETURNS cstring IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS ''byteaout'''),
    ('hstore', 'CREATE OR REPLACE FUNCTION more.hstore_subscript_handler(internal) RETURNS internal IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS ''jsonb_subscript_handler'''),
    ('hstore', 'ALTER TYPE more.hstore SET (SUBSCRIPT = NONE)'),
    ('citext', 'UPDATE pg_type SET typsubscript = ''test.support''::regproc WHERE oid = ''ext.citext''::regtype'),
    ('citext', 'UPDATE pg_type SET typmodin = ''varchartypmodin''::regproc WHERE oid = ''ext.citext''::regtype'),
    ('citext', 'ALTER FUNCTION ext.citext_cmp(ext.citext, ext.citext) SECURITY DEFINER'),
    ('citext', 'ALTER FUNCTION ext.citext_hash(ext.citext) SECURITY DEFINER'),
    ('citext', 'ALTER FUNCTION ext.citext_lt(ext.citext, ext.citext) SECURITY DEFINER'),
    ('citext', 'ALTER OPERATOR FAMILY ext.citext_ops USING hash ADD FUNCTION 1 (text, text) pg_catalog.hashtext(text)'),
    ('citext', 'UPDATE pg_opclass SET opcdefault = false WHERE opcname = ''citext_ops'' AND opcmethod = (SELECT oid FROM pg_am WHERE amname = ''hash'')'),
    ('hstore', 'ALTER FUNCTION more.hstore_to_json(more.hstore) SECURITY DEFINER'),
    ('hstore', 'ALTER EXTENSION hstore DROP CAST (more.hstore AS json); DROP CAST (more.hstore AS json); CREATE CAST (more.hstore AS json) WITH FUNCTION test.to_json(more.hstore)'),
    -- what takes or gives a type goes with it
    ('regexp_matches(citext,citext)', 'ALTER FUNCTION ext.citextout(ext.citext) SECURITY DEFINER'),
    ('=(citext,citext)', 'ALTER FUNCTION ext.citextout(ext.citext) SECURITY DEFINER'),
    ('max(citext)', 'ALTER FUNCTION ext.citextout(ext.citext) SECURITY DEFINER'),
    ('bool,citext', 'ALTER FUNCTION ext.citextout(ext.citext) SECURITY DEFINER'),
    ('delete(hstore,_text)', 'ALTER FUNCTION more.hstore_out(more.hstore) SECURITY DEFINER');
CREATE FUNCTION test.in_plane(wanted text) RETURNS boolean LANGUAGE sql AS $$
    SELECT EXISTS (SELECT FROM splitplane.allowed_extensions AS a CROSS JOIN LATERAL splitplane._listed_objects(a.extension) AS l
                   WHERE l.listed = wanted AND l.object IN (SELECT o.object FROM splitplane._extension_objects() AS o)) $$;
CREATE FUNCTION test.tamper(object text, sql text, OUT before boolean, OUT after boolean, OUT is_found boolean)
LANGUAGE plpgsql AS $$
BEGIN
    before := test.in_plane(object);
    BEGIN
        EXECUTE sql;
        after := test.in_plane(object);
        is_found := EXISTS (SELECT FROM splitplane._extension_findings() AS d
                            WHERE d.finding ~ 'is not as it was read|none of an allowed');
        RAISE 'undone' USING ERRCODE = 'ZZ002';
    EXCEPTION WHEN SQLSTATE 'ZZ002' THEN
        NULL;
    END;
END $$;
SELECT t.number, t.object, r.before, r.after, r.is_found, left(t.sql, 110)
  FROM test.tampering AS t CROSS JOIN LATERAL test.tamper(t.object, t.sql) AS r ORDER BY t.number;
SELECT splitplane.disallow_extension(e) FROM unnest(ARRAY['hstore', 'intarray']) AS e;
DROP EXTENSION hstore CASCADE;
DROP EXTENSION intarray;
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
