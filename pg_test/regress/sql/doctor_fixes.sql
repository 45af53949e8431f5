-- What doctor() says of roles, privileges, policies and the installation, each provoked, shown, and fixed by running its own fix.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\set findings 'SELECT format(E''%s: %s\n    %s\n    %s'', severity, object, finding, fix) FROM splitplane.doctor() WHERE object <> ''role dba'' ORDER BY severity, object, finding'
\set asked 'SELECT test.rows(''SELECT count(*) FROM orders'')'
:findings;

\echo -- what the extension grants, revoked as a whole, comes back as it was
CREATE TEMP VIEW granted AS
    SELECT p.oid::regprocedure::text AS object, g.grantee::regrole::text AS grantee, g.privilege_type
    FROM pg_proc AS p CROSS JOIN aclexplode(p.proacl) AS g
    WHERE p.pronamespace = 'splitplane'::regnamespace OR p.proname IN ('ask', 'ask_rows', 'ask_dry_run')
    UNION ALL
    SELECT c.oid::regclass::text, g.grantee::regrole::text, g.privilege_type
    FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS g WHERE c.relnamespace = 'splitplane'::regnamespace
    UNION ALL
    SELECT 'splitplane', g.grantee::regrole::text, g.privilege_type
    FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS g WHERE n.nspname = 'splitplane';
CREATE TEMP TABLE as_installed AS SELECT * FROM granted;
REVOKE ALL ON ALL ROUTINES IN SCHEMA splitplane FROM splitplane_reader, splitplane_admin, splitplane_caller;
REVOKE ALL ON ALL TABLES IN SCHEMA splitplane FROM splitplane_reader, splitplane_admin, splitplane_caller;
REVOKE ALL ON SCHEMA splitplane FROM splitplane_reader, splitplane_admin;
REVOKE ALL ON FUNCTION ask(jsonb, text, text, uuid), ask_rows(jsonb, text, text), ask_dry_run(jsonb, text, text) FROM splitplane_caller;
SELECT count(*) > 20 AS taken FROM (TABLE as_installed EXCEPT TABLE granted) AS t;
SELECT format('%s: %s', object, finding) FROM splitplane.doctor() WHERE object LIKE '%in_scope%' OR object LIKE '%ask(%' OR object LIKE '%protect%' OR object IN ('table splitplane.relations', 'schema splitplane');
:asked;
\o /dev/null
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
\o
-- Who has taken ask from the applications, as after a failed self-test, does not give it back by running every fix.
SELECT grantee, count(*) > 2 AS lacks FROM (TABLE as_installed EXCEPT TABLE granted) AS t GROUP BY 1 ORDER BY 1;
SET ROLE app;
:asked;
RESET ROLE;
SELECT format('%s: %s', object, fix) FROM splitplane.doctor() WHERE object LIKE '%ask%' AND fix LIKE '%GRANT%' ORDER BY object;
\o /dev/null
SELECT substr(fix, strpos(fix, 'GRANT')) FROM splitplane.doctor() WHERE fix LIKE '-- %GRANT%' \gexec
\o
SELECT count(*) AS missing FROM (TABLE as_installed EXCEPT TABLE granted) AS t;
SELECT count(*) AS more FROM (TABLE granted EXCEPT TABLE as_installed) AS t;
:asked;
:findings;

\echo -- privileges that the extension did not grant on its own objects
GRANT EXECUTE ON FUNCTION splitplane.sign(text, text, text, text, text, text) TO app;
GRANT EXECUTE ON FUNCTION splitplane._seal(text, text) TO PUBLIC;
GRANT EXECUTE ON FUNCTION ask(jsonb, text, text, uuid) TO PUBLIC;
GRANT SELECT ON splitplane.keys TO app;
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;

\echo -- roles of the extension with more power, or members
ALTER ROLE splitplane_caller LOGIN CREATEDB;
ALTER ROLE splitplane_admin SUPERUSER;
GRANT splitplane_reader TO app;
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
CREATE ROLE once_super;
UPDATE pg_extension SET extowner = 'once_super'::regrole WHERE extname = 'splitplane';
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
UPDATE pg_extension SET extowner = 'postgres'::regrole WHERE extname = 'splitplane';
DROP ROLE once_super;

\echo -- what the reader may use elsewhere
CREATE SCHEMA elsewhere;
CREATE FUNCTION elsewhere.secret() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TYPE elsewhere.kind AS ENUM ('a');
CREATE FOREIGN DATA WRAPPER far;
CREATE SERVER farther FOREIGN DATA WRAPPER far;
GRANT USAGE ON SCHEMA elsewhere TO splitplane_reader;
GRANT EXECUTE ON FUNCTION elsewhere.secret() TO splitplane_reader;
GRANT USAGE ON TYPE elsewhere.kind TO splitplane_reader;
GRANT USAGE ON FOREIGN DATA WRAPPER far TO splitplane_reader;
GRANT USAGE ON FOREIGN SERVER farther TO splitplane_reader;
GRANT USAGE ON LANGUAGE plpgsql TO splitplane_reader;
GRANT SET ON PARAMETER log_statement TO splitplane_reader;
GRANT CREATE ON TABLESPACE pg_default TO splitplane_reader;
SELECT format('GRANT TEMPORARY ON DATABASE %I TO splitplane_reader', current_database()) \gexec
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
CREATE TABLE public.possession (a int);
ALTER TABLE public.possession OWNER TO splitplane_reader;
SELECT format('%s: %s', object, finding) FROM splitplane.doctor() WHERE finding LIKE '%own nothing%';
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;

\echo -- publications
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE PUBLICATION by_schema FOR TABLES IN SCHEMA splitplane;
CREATE PUBLICATION by_name FOR TABLE splitplane.keys, splitplane.principals, public.orders;
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
DROP PUBLICATION everything;
:findings;
DROP PUBLICATION by_schema, by_name;

\echo -- privileges and policies of other roles do not count
GRANT SELECT, INSERT ON public.orders TO app;
GRANT UPDATE (state) ON public.orders TO app;
CREATE POLICY of_app ON public.orders FOR SELECT TO app USING (true);
SELECT count(*) AS altered FROM splitplane.doctor() WHERE finding LIKE 'It was altered%';
-- The control: what bears on the reader.
GRANT SELECT ON public.orders TO PUBLIC;
SELECT count(*) AS altered FROM splitplane.doctor() WHERE finding LIKE 'It was altered%';
REVOKE SELECT ON public.orders FROM PUBLIC;
SELECT count(*) AS altered FROM splitplane.doctor() WHERE finding LIKE 'It was altered%';
REVOKE ALL ON public.orders FROM app;
DROP POLICY of_app ON public.orders;
SET client_min_messages = error; SELECT fix FROM splitplane.doctor() WHERE object = 'public.orders' AND fix NOT LIKE '--%' \gexec
SET client_min_messages = warning;

\echo -- own policies of a table
CREATE TABLE public.notes (tenant_id int NOT NULL, kind text, words text);
CREATE INDEX ON public.notes (tenant_id);
INSERT INTO public.notes VALUES (42, 'open', 'a'), (42, 'shut', 'b'), (7, 'open', 'c');
ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON public.notes TO app, shop_owner;
CREATE POLICY let ON public.notes TO app USING (true);
CREATE POLICY narrow ON public.notes AS RESTRICTIVE FOR SELECT USING (kind = current_setting('app.kind', true));
CREATE POLICY writes ON public.notes AS RESTRICTIVE FOR INSERT WITH CHECK (false);
CREATE POLICY named ON public.notes AS RESTRICTIVE FOR SELECT TO app, splitplane_reader USING (kind <> 'x');
SELECT splitplane.protect('public.notes', '{"tenant_id": "tenant"}');
SELECT test.rows('SELECT count(*) FROM notes');
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
SELECT test.rows('SELECT count(*) FROM notes');
SELECT polname, polroles::regrole[] FROM pg_policy WHERE polrelid = 'public.notes'::regclass AND polname IN ('narrow', 'named') ORDER BY 1;
-- A fix that registers again holds beside them, and for the tenant column under another name.
ALTER TABLE public.notes RENAME tenant_id TO owner_id;
ALTER TABLE public.notes RENAME TO remarks;
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
SELECT test.rows('SELECT count(*) FROM remarks');
SELECT test.rows('SELECT count(*) FROM remarks', '7');
DROP TABLE public.remarks;
SELECT splitplane.unprotect(relation) FROM splitplane.relations WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = relation);

\echo -- policies that were never in force
CREATE TABLE public.idle (tenant_id int NOT NULL, words text);
CREATE INDEX ON public.idle (tenant_id);
CREATE POLICY of_app ON public.idle TO app USING (tenant_id = 42);
CREATE POLICY of_all ON public.idle USING (tenant_id = 42);
SELECT splitplane.protect('public.idle', '{"tenant_id": "tenant"}');
:findings;
SELECT splitplane.unprotect('public.idle');
DROP TABLE public.idle;

\echo -- the table of the tenants, whose key is called like the keys of others
CREATE TABLE public.accounts (id int PRIMARY KEY, name text);
INSERT INTO public.accounts VALUES (42, 'a'), (7, 'b');
SELECT splitplane.protect('public.accounts', '{"id": "tenant"}');
CREATE TABLE public.kinds (id int PRIMARY KEY, code text);
INSERT INTO public.kinds VALUES (1, 'EUR'), (2, 'USD');
SELECT splitplane.share('public.kinds');
SELECT test.rows('SELECT code FROM kinds ORDER BY id');
:findings;
-- The control: a column that binds many rows to a tenant.
ALTER TABLE public.kinds ADD tenant_id int;
SELECT splitplane.share('public.kinds');
SELECT format('%s: %s', object, finding) FROM splitplane.doctor() WHERE object = 'public.kinds';
SELECT splitplane.unprotect('public.kinds'), splitplane.unprotect('public.accounts');
DROP TABLE public.kinds, public.accounts;

\echo -- functions
CREATE FUNCTION public.turned() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT splitplane.allow_function('public.turned()');
ALTER FUNCTION public.turned() SECURITY DEFINER;
:findings;
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%since it was allowed%' \gexec
CREATE OR REPLACE FUNCTION public.turned() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT splitplane.allow_function('public.turned()');
REVOKE EXECUTE ON FUNCTION public.turned() FROM PUBLIC, splitplane_reader;
SELECT test.rows('SELECT turned()');
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
SELECT test.rows('SELECT turned()');
SELECT splitplane.disallow_function('public.turned()');
DROP FUNCTION public.turned();

\echo -- support functions
CREATE FUNCTION public.masked(varchar, int, boolean) RETURNS varchar LANGUAGE plpgsql STABLE SUPPORT varchar_support
    AS $$ BEGIN RETURN '***'; END $$;
-- The control: what is called is not what runs.
SELECT public.masked('secret', -1, false);
SELECT splitplane.allow_function('public.masked(varchar, int, boolean)');
CREATE OR REPLACE FUNCTION public.masked(varchar, int, boolean) RETURNS varchar LANGUAGE plpgsql STABLE
    AS $$ BEGIN RETURN '***'; END $$;
SELECT public.masked('secret', -1, false);
SELECT splitplane.allow_function('public.masked(varchar, int, boolean)');
SELECT test.rows($$ SELECT masked('secret', -1, false) $$);
ALTER FUNCTION public.masked(varchar, int, boolean) SUPPORT varchar_support;
SELECT test.rows($$ SELECT masked('secret', -1, false) $$);
:findings;
CREATE OR REPLACE FUNCTION public.masked(varchar, int, boolean) RETURNS varchar LANGUAGE plpgsql STABLE
    AS $$ BEGIN RETURN '***'; END $$;
SELECT test.rows($$ SELECT masked('secret', -1, false) $$);
ALTER FUNCTION public.masked(varchar, int, boolean) SUPPORT varchar_support;
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%support function%' \gexec
:findings;
DROP FUNCTION public.masked(varchar, int, boolean);

-- Nor is a function of PostgreSQL's own in the plane that somebody gave one. A new session, since the list is read once in each.
\c -
SET client_min_messages = warning;
SELECT test.rows($$ SELECT initcap('york') $$);
\c -
SET client_min_messages = warning;
BEGIN;
CREATE FUNCTION public.helps(internal) RETURNS internal LANGUAGE internal STRICT AS 'varchar_support';
ALTER FUNCTION pg_catalog.initcap(text) SUPPORT public.helps;
SELECT test.rows($$ SELECT initcap('york') $$);
ROLLBACK;
\c -
SET client_min_messages = warning;

\echo -- functions of another owner
CREATE FUNCTION public.owned() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT splitplane.allow_function('public.owned()');
SELECT test.rows('SELECT owned()');
ALTER FUNCTION public.owned() OWNER TO shop_owner;
SELECT test.rows('SELECT owned()');
SELECT fix FROM splitplane.doctor() WHERE object = 'public.owned()' \gexec
DROP FUNCTION public.owned();

\echo -- search words that were stored by another text search
CREATE TEXT SEARCH CONFIGURATION public.words (COPY = pg_catalog.simple);
CREATE TABLE public.notes (tenant_id int NOT NULL, body text NOT NULL,
    words tsvector GENERATED ALWAYS AS (to_tsvector('public.words', body)) STORED);
INSERT INTO public.notes VALUES (42, 'organizations'), (7, 'organizers');
SELECT splitplane.protect('public.notes', '{"tenant_id": "tenant"}');
:findings;
ALTER TEXT SEARCH CONFIGURATION public.words ALTER MAPPING FOR asciiword WITH english_stem;
:findings;
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%search words%' \gexec
:findings;
-- An expression that calls a function of somebody's is not computed with the owner's rights.
CREATE FUNCTION public.pried(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE TABLE public.traps (tenant_id int NOT NULL, body text NOT NULL,
    words tsvector GENERATED ALWAYS AS (to_tsvector('simple', public.pried(body))) STORED);
INSERT INTO public.traps VALUES (42, 'a');
SELECT splitplane.protect('public.traps', '{"tenant_id": "tenant"}');
CREATE OR REPLACE FUNCTION public.pried(text) RETURNS text LANGUAGE plpgsql IMMUTABLE
    AS $$ BEGIN RAISE EXCEPTION 'computed as %', current_user; END $$;
-- The control: whoever computes it gets the error.
SELECT to_tsvector('simple', public.pried(body)) FROM public.traps;
SELECT count(*) FROM splitplane.doctor() WHERE finding ~ 'computed|checks could not|search words';
SELECT splitplane.unprotect('public.traps');
DROP TABLE public.traps;
DROP FUNCTION public.pried(text);
SELECT splitplane.unprotect('public.notes');
DROP TABLE public.notes;
DROP TEXT SEARCH CONFIGURATION public.words;

\echo -- what the reader may not read
REVOKE SELECT (total, state) ON public.orders FROM splitplane_reader;
SELECT test.rows('SELECT sum(total) FROM orders');
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
SELECT test.rows('SELECT sum(total) FROM orders');

\echo -- claims
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant", "customer_id": "customers"}', ARRAY['customer_id', 'name']);
SELECT splitplane.admit('42', 'clerk', claims => '{"customers": [1]}');
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant", "customer_id": "customers"}', ARRAY['customer_id', 'name']);
:findings;
SELECT fix FROM splitplane.doctor() WHERE object LIKE 'claim%' \gexec
:findings;

SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', ARRAY['tenant_id', 'customer_id', 'name']);
SELECT splitplane.expel('42', 'clerk');
:findings;

\echo -- policies of the extension that are gone
DROP POLICY splitplane_read ON public.orders;
DROP POLICY splitplane_closed ON public.orders;
DROP POLICY splitplane_others ON public.orders;
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
:asked;
-- Where the table has a policy of its own by now, that is what is meant to bind.
DROP POLICY splitplane_others ON public.orders;
CREATE POLICY own ON public.orders TO app USING (true);
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
DROP POLICY own ON public.orders;

\echo -- columns that come and go, and what PUBLIC may read of one
CREATE TABLE public.items (tenant_id int NOT NULL, name text, price numeric);
CREATE INDEX ON public.items (tenant_id);
SELECT splitplane.protect('public.items', '{"tenant_id": "tenant"}');
ALTER TABLE public.items DROP COLUMN price;
ALTER TABLE public.items ADD COLUMN cost numeric;
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
SELECT splitplane.protect('public.items', '{"tenant_id": "tenant"}', ARRAY['name']);
GRANT SELECT (cost) ON public.items TO PUBLIC;
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
\echo -- a column that the plane does not carry is left out; it is an added one once its type is carried
CREATE TABLE public.notes (tenant_id int NOT NULL, body xml, line text);
CREATE INDEX ON public.notes (tenant_id);
SELECT splitplane.protect('public.notes', '{"tenant_id": "tenant"}');
:findings;
ALTER TABLE public.notes ADD COLUMN more xml[];
SELECT object, finding FROM splitplane.doctor() WHERE finding LIKE '%column%';
ALTER TABLE public.notes ALTER COLUMN body TYPE text;
:findings;
SELECT fix FROM splitplane.doctor() WHERE finding LIKE 'Column body%' \gexec
:findings;
-- Not while a private one is left out: that fix would forget that it is private.
SELECT splitplane.protect('public.notes', '{"tenant_id": "tenant"}', private_columns => ARRAY['body']);
ALTER TABLE public.notes ALTER COLUMN body TYPE xml USING body::xml, ALTER COLUMN more TYPE text[] USING more::text[];
:findings;
SELECT splitplane.protect('public.notes', '{"tenant_id": "tenant"}');
SELECT splitplane.unprotect('public.notes');
DROP TABLE public.notes;
\echo -- the table has become a partition
CREATE TABLE public.all_items (LIKE public.items) PARTITION BY LIST (tenant_id);
ALTER TABLE public.all_items ATTACH PARTITION public.items DEFAULT;
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
DROP TABLE public.all_items;

\echo -- a view that cannot be read as it was defined
CREATE TABLE public.marks (tenant_id int NOT NULL, mark int);
CREATE INDEX ON public.marks (tenant_id);
SELECT splitplane.protect('public.marks', '{"tenant_id": "tenant"}');
SELECT splitplane.define_view('marked', 'SELECT mark FROM marks');
ALTER TABLE public.marks ALTER COLUMN mark TYPE bigint;
:findings;
SELECT splitplane.define_view('marked', 'SELECT mark FROM marks');
:findings;
SELECT splitplane.undefine_view('marked'), splitplane.unprotect('public.marks');
DROP TABLE public.marks;

\echo -- a view and a table of the plane have one name
CREATE TABLE public.marks (tenant_id int NOT NULL, mark int);
CREATE INDEX ON public.marks (tenant_id);
SELECT splitplane.define_view('marks', 'SELECT 1 AS mark');
UPDATE splitplane.views SET name = 'other';
SELECT splitplane.protect('public.marks', '{"tenant_id": "tenant"}');
UPDATE splitplane.views SET name = 'marks';
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
SELECT splitplane.unprotect('public.marks');
DROP TABLE public.marks;

\echo -- a key that ends soon
SELECT length(splitplane.create_key('AKSOON', valid_for => '3 days')) > 0 AS made;
SELECT regexp_replace(finding, '\d{4}-\d\d-\d\d \d\d:\d\d', 'DAY'), regexp_replace(fix, '-\d{6}', '-MONTH') FROM splitplane.doctor() WHERE object = 'key AKSOON';
\o /dev/null
SELECT regexp_replace(fix, '-\d{6}', '-LATER') FROM splitplane.doctor() WHERE object = 'key AKSOON' \gexec
\o
SELECT key_id, not_after > now() + interval '14 days' AS lasts FROM splitplane.keys WHERE key_id LIKE 'AKSOON%' ORDER BY key_id;
SELECT splitplane.revoke_key('AKSOON');
:findings;

\echo -- a database of another encoding
CREATE DATABASE doctor_fixes_latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c doctor_fixes_latin
CREATE EXTENSION splitplane;
-- As an earlier version, or a restore, may have left it: installed, and the encoding is another.
UPDATE pg_database SET encoding = pg_char_to_encoding('UTF8') WHERE datname = current_database();
\c doctor_fixes_latin
CREATE EXTENSION splitplane;
UPDATE pg_database SET encoding = pg_char_to_encoding('LATIN1') WHERE datname = current_database();
\c doctor_fixes_latin
SHOW server_encoding;
SELECT severity, object, finding, fix FROM splitplane.doctor() WHERE object = 'server_encoding';
DROP EXTENSION splitplane;
\c doctor_fixes
DROP DATABASE doctor_fixes_latin;

\echo -- allowed extensions: gone, moved, of another library, altered, revoked, and what lies beside them
CREATE SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE TABLE people (tenant_id int NOT NULL, name ext.citext);
CREATE INDEX ON people (tenant_id, name);
INSERT INTO people VALUES (42, 'Ann'), (7, 'CANARY');
SELECT splitplane.allow_extension('citext');
SELECT splitplane.protect('people', '{"tenant_id": "tenant"}');
\set asked 'SELECT test.rows(''SELECT name FROM people WHERE name = ''''ANN'''''')'
:asked;
:findings;
ALTER EXTENSION citext SET SCHEMA test;
:findings;
:asked;
SELECT fix FROM splitplane.doctor() WHERE object = 'extension citext' \gexec
:asked;
ALTER EXTENSION citext SET SCHEMA ext;
SELECT fix FROM splitplane.doctor() WHERE object = 'extension citext' \gexec
REVOKE EXECUTE ON FUNCTION ext.citext_eq(ext.citext, ext.citext) FROM PUBLIC;
:findings;
:asked;
-- Not offered for what is not as it was read.
BEGIN;
ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) SECURITY DEFINER;
SELECT fix FROM splitplane.doctor() WHERE fix ~ 'GRANT EXECUTE';
ROLLBACK;
SELECT fix FROM splitplane.doctor() WHERE object = 'extension citext' \gexec
:findings;
:asked;
SELECT has_function_privilege('app', 'ext.citext_eq(ext.citext, ext.citext)', 'EXECUTE'),
       has_function_privilege('splitplane_reader', 'ext.citext_eq(ext.citext, ext.citext)', 'EXECUTE');
BEGIN;
SELECT splitplane.disallow_extension('citext');
SELECT has_function_privilege('splitplane_reader', 'ext.citext_eq(ext.citext, ext.citext)', 'EXECUTE');
ROLLBACK;
ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) SECURITY DEFINER;
CREATE FUNCTION ext.lower(ext.citext) RETURNS text LANGUAGE sql AS 'SELECT ''planted''';
:findings;
:asked;
ALTER FUNCTION ext.citext_eq(ext.citext, ext.citext) SECURITY INVOKER;
DROP FUNCTION ext.lower(ext.citext);
:findings;
-- Another extension beside it is one finding, with what would be meant most often.
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION isn SCHEMA ext;
:findings;
DROP EXTENSION hstore, isn;
BEGIN;
CREATE OR REPLACE FUNCTION splitplane._read_libraries()
RETURNS TABLE (extension name, library text, checksum text, build text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ VALUES (name 'citext', 'citext', repeat('0', 64), 'of another build') $$;
UPDATE splitplane.allowed_extensions SET saved = saved;
SELECT format(E'%s: %s\n    %s\n    %s', severity, object, regexp_replace(finding, '[0-9a-f]{64}', '..'), fix)
  FROM splitplane.doctor() WHERE object LIKE 'extension%';
SAVEPOINT asked;
:asked;
ROLLBACK TO asked;
-- The library is what is wrong, and nothing else is said.
REVOKE EXECUTE ON FUNCTION ext.citext_ne(ext.citext, ext.citext) FROM PUBLIC;
ALTER EXTENSION citext SET SCHEMA test;
SELECT object, fix FROM splitplane.doctor() WHERE object LIKE 'extension%';
SELECT splitplane.allow_extension('citext');
ROLLBACK;
:asked;
DROP TABLE people;
DROP EXTENSION citext;
SELECT object, finding, fix FROM splitplane.doctor() WHERE object LIKE 'extension%';
SELECT fix FROM splitplane.doctor() WHERE object = 'extension citext' \gexec
SELECT count(*) FROM splitplane.doctor() WHERE object LIKE 'extension%';
