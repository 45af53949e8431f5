-- Fixes of doctor() mend what they name, in the order in which it gives them, and show nobody more than before the damage.
SET client_min_messages = error;
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\set findings 'SELECT format(E''%s: %s\n    %s\n    %s'', severity, object, finding, fix) FROM splitplane.doctor() WHERE object <> ''role dba'' ORDER BY severity, object, finding'
-- How many rows of a table each role sees; a minus where it may not read it.
CREATE FUNCTION pg_temp.seen(place text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    who name;
    n bigint;
    told text := '';
BEGIN
    FOREACH who IN ARRAY ARRAY['app', 'dba', 'reporting', 'shop_owner', 'stranger'] LOOP
        BEGIN
            EXECUTE format('SET LOCAL ROLE %I', who);
            EXECUTE format('SELECT count(*) FROM %s', place) INTO n;
            RESET ROLE;
            told := told || format('%s %s ', who, n);
        EXCEPTION WHEN insufficient_privilege THEN
            told := told || format('%s - ', who);
        END;
    END LOOP;
    RETURN told;
END
$$;
:findings;
CREATE TABLE public.staff (tenant_id int NOT NULL, id int PRIMARY KEY, name text, mail text, salary text);
CREATE INDEX ON public.staff (tenant_id);
INSERT INTO public.staff VALUES (42, 1, 'n', 'CANARY mail', 'CANARY salary'), (7, 2, 'CANARY-b', 'q@x', 'CANARY salary');
SELECT splitplane.protect('public.staff', '{"tenant_id": "tenant"}', ARRAY['id', 'name', 'mail'], private_columns => ARRAY['mail']);
SELECT test.rows('SELECT * FROM staff');

\echo -- the scope column is dropped, and another has its name
BEGIN;
ALTER TABLE public.staff DROP COLUMN tenant_id CASCADE;
ALTER TABLE public.staff ADD tenant_id int NOT NULL DEFAULT 42;
SELECT DISTINCT fix FROM splitplane.doctor() WHERE object = 'public.staff' AND severity = 'critical';
ROLLBACK;

\echo -- a hidden column takes the name of one of the plane
BEGIN;
ALTER TABLE public.staff RENAME name TO tmp;
ALTER TABLE public.staff RENAME salary TO name;
ALTER TABLE public.staff RENAME tmp TO salary;
SAVEPOINT asked;
SELECT test.rows('SELECT name FROM staff');
ROLLBACK TO asked;
SELECT finding, fix FROM splitplane.doctor() WHERE object = 'public.staff' ORDER BY severity DESC, finding LIMIT 1 \gset
SELECT :'finding', :'fix';
SELECT fix FROM splitplane.doctor() WHERE object = 'public.staff' AND fix NOT LIKE '--%' \gexec
-- The registered column, under the name that it has now.
SELECT test.rows('SELECT * FROM staff');
ROLLBACK;
BEGIN;
ALTER TABLE public.staff DROP COLUMN name;
ALTER TABLE public.staff RENAME salary TO name;
SELECT fix FROM splitplane.doctor() WHERE object = 'public.staff' AND fix NOT LIKE '--%' \gexec
SELECT test.rows('SELECT * FROM staff');
ROLLBACK;

\echo -- a private column and another change names
BEGIN;
ALTER TABLE public.staff RENAME mail TO m2;
ALTER TABLE public.staff RENAME name TO mail;
ALTER TABLE public.staff RENAME m2 TO name;
SAVEPOINT asked;
SELECT test.rows('SELECT name FROM staff');
ROLLBACK TO asked;
SELECT fix FROM splitplane.doctor() WHERE object = 'public.staff' AND fix NOT LIKE '--%' \gexec
SELECT columns, private_columns FROM splitplane.relations WHERE name = 'staff';
ROLLBACK;

\echo -- a private column is dropped
BEGIN;
ALTER TABLE public.staff DROP COLUMN mail;
:findings;
SELECT fix FROM splitplane.doctor() WHERE object = 'public.staff' AND fix NOT LIKE '--%' \gexec
:findings;
ROLLBACK;

\echo -- a column is renamed
BEGIN;
ALTER TABLE public.staff RENAME id TO ident;
SAVEPOINT asked;
SELECT test.rows('SELECT id FROM staff');
ROLLBACK TO asked;
SELECT test.rows('SELECT name FROM staff');
SELECT fix FROM splitplane.doctor() WHERE object = 'public.staff' AND fix NOT LIKE '--%' \gexec
SELECT test.rows('SELECT ident, name FROM staff');
ROLLBACK;

\echo -- two columns get types that are not carried
BEGIN;
ALTER TABLE public.staff ALTER name TYPE xml USING NULL, ALTER mail TYPE xml USING NULL;
SELECT fix FROM splitplane.doctor() WHERE object = 'public.staff' AND fix NOT LIKE '--%' \gexec
SELECT test.rows('SELECT * FROM staff');
SELECT count(*) FROM splitplane.doctor() WHERE finding LIKE '%does not support%';
ROLLBACK;

\echo -- no registered column is left: to register all of them would show the hidden ones
BEGIN;
SELECT splitplane.protect('public.staff', '{"tenant_id": "tenant"}', ARRAY['name']);
ALTER TABLE public.staff ALTER name TYPE xml USING NULL;
:findings;
SELECT fix FROM splitplane.doctor() WHERE object = 'public.staff' AND fix NOT LIKE '--%' \gexec
SELECT columns FROM splitplane.relations WHERE name = 'staff';
SAVEPOINT asked;
SELECT test.rows('SELECT salary FROM staff');
ROLLBACK TO asked;
-- The control: the hidden column has a row that all columns would show.
SELECT splitplane.protect('public.staff', '{"tenant_id": "tenant"}');
SELECT test.rows('SELECT salary FROM staff');
ROLLBACK;
BEGIN;
CREATE TABLE public.kinds (code text, salary text);
SELECT splitplane.share('public.kinds', ARRAY['code']);
ALTER TABLE public.kinds DROP COLUMN code;
ALTER TABLE public.kinds ADD tenant_id int NOT NULL DEFAULT 42;
:findings;
SELECT fix FROM splitplane.doctor() WHERE object = 'public.kinds' AND fix NOT LIKE '--%' \gexec
SELECT columns FROM splitplane.relations WHERE name = 'kinds';
ROLLBACK;

\echo -- a shared table that gets a tenant column stays what the first fix makes it
BEGIN;
CREATE TABLE public.kinds (code text);
SELECT splitplane.share('public.kinds');
ALTER TABLE public.kinds ADD tenant_id int NOT NULL DEFAULT 42;
:findings;
SELECT fix FROM splitplane.doctor() WHERE object = 'public.kinds' AND fix NOT LIKE '--%' \gexec
SELECT shared, scope FROM splitplane.relations WHERE name = 'kinds';
ROLLBACK;
\echo -- but not where the column is a key of the shared table
BEGIN;
CREATE TABLE public.accounts (region text, id int, PRIMARY KEY (id, region));
SELECT splitplane.protect('public.accounts', '{"id": "tenant"}');
CREATE TABLE public.kinds (id int PRIMARY KEY, code text);
SELECT splitplane.share('public.kinds');
SELECT count(*) FROM splitplane.doctor() WHERE object = 'public.kinds';
ROLLBACK;

\echo -- restrictive policies: on every role that reads, or advice; those of the reader alone are left alone
BEGIN;
GRANT SELECT ON public.orders TO app;
CREATE POLICY narrow ON public.orders AS RESTRICTIVE USING (tenant_id = 42);
SAVEPOINT before;
SELECT pg_temp.seen('public.orders');
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%narrow%' \gexec
SELECT pg_temp.seen('public.orders');
ROLLBACK TO before;
GRANT pg_read_all_data TO stranger;
ALTER TABLE public.orders FORCE ROW LEVEL SECURITY;
SAVEPOINT before;
SELECT pg_temp.seen('public.orders');
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%narrow%' \gexec
SELECT pg_temp.seen('public.orders');
ROLLBACK TO before;
-- The control: who is not named is not bound.
ALTER POLICY narrow ON public.orders TO app;
SELECT pg_temp.seen('public.orders');
ROLLBACK TO before;
GRANT SELECT ON public.orders TO PUBLIC;
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%narrow%';
-- Registering again does not stumble over it.
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%was altered%' AND object = 'public.orders' \gexec
DROP POLICY narrow ON public.orders;
CREATE POLICY readers ON public.orders AS RESTRICTIVE FOR SELECT TO splitplane_reader USING (order_id < 3);
SELECT severity, finding, fix FROM splitplane.doctor() WHERE finding LIKE '%readers%';
SELECT test.rows('SELECT count(*) FROM orders');
ROLLBACK;

\echo -- and the groups of those who ask and of administrators, which may have privileges of their own
BEGIN;
GRANT SELECT ON public.orders TO splitplane_caller, splitplane_admin;
CREATE POLICY narrow ON public.orders AS RESTRICTIVE USING (tenant_id = 42);
CREATE POLICY named ON public.orders AS RESTRICTIVE FOR SELECT TO splitplane_caller, splitplane_reader USING (order_id > 10);
SET LOCAL ROLE app; SELECT count(*) FROM public.orders;
SET LOCAL ROLE dba; SELECT count(*) FROM public.orders;
SET LOCAL ROLE reporting; SELECT count(*) FROM public.orders; RESET ROLE;
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%narrow%' OR finding LIKE '%named%' ORDER BY fix \gexec
SET LOCAL ROLE app; SELECT count(*) FROM public.orders;
SET LOCAL ROLE dba; SELECT count(*) FROM public.orders;
SET LOCAL ROLE reporting; SELECT count(*) FROM public.orders; RESET ROLE;
SELECT test.rows('SELECT count(*) FROM orders');
SELECT count(*) FROM splitplane.doctor() WHERE finding LIKE '%narrow%' OR finding LIKE '%named%';
ROLLBACK;

\echo -- policies of ours that were altered, or renamed
BEGIN;
SELECT pg_temp.seen('public.orders');
ALTER POLICY splitplane_read ON public.orders USING (false);
SELECT test.rows('SELECT count(*) FROM orders');
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
SELECT test.rows('SELECT count(*) FROM orders');
ALTER POLICY splitplane_others ON public.orders USING (false);
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
ALTER POLICY "!splitplane_scope" ON public.orders RENAME TO zzz;
ALTER POLICY splitplane_closed ON public.orders RENAME TO zz;
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
SELECT test.rows('SELECT count(*) FROM orders');
SELECT pg_temp.seen('public.orders');
ROLLBACK;
BEGIN;
ALTER TABLE public.staff DISABLE ROW LEVEL SECURITY;
SELECT splitplane.unprotect('public.staff');
ALTER TABLE public.staff ENABLE ROW LEVEL SECURITY;
SELECT splitplane.protect('public.staff', '{"tenant_id": "tenant"}', ARRAY['id', 'name']);
GRANT SELECT ON public.staff TO reporting;
SELECT pg_temp.seen('public.staff');
CREATE POLICY splitplane_others ON public.staff USING (true);
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' \gexec
:findings;
SELECT pg_temp.seen('public.staff');
ROLLBACK;

\echo -- a schema that is renamed
BEGIN;
CREATE SCHEMA crm;
ALTER TABLE public.staff SET SCHEMA crm;
SELECT splitplane.protect('crm.staff', '{"tenant_id": "tenant"}', ARRAY['id', 'name']);
ALTER SCHEMA crm RENAME TO sales;
SELECT count(*) FROM splitplane.doctor() WHERE object LIKE 'schema%';
SELECT test.rows('SELECT id FROM sales.staff');
ROLLBACK;

\echo -- a grant of another than the owner
BEGIN;
GRANT SELECT ON public.staff TO reporting WITH GRANT OPTION;
SET LOCAL ROLE reporting;
GRANT SELECT ON public.staff TO splitplane_reader;
RESET ROLE;
SELECT object, finding, fix FROM splitplane.doctor() WHERE severity = 'critical';
SELECT fix FROM splitplane.doctor() WHERE severity = 'critical' \gexec
SELECT count(*) FROM splitplane.doctor() WHERE severity = 'critical';
ROLLBACK;

\echo -- and of other objects: each fix takes back what others granted
BEGIN;
CREATE TABLE public.outside (a int, b int);
CREATE SEQUENCE public.counter;
CREATE VIEW public.all_orders AS SELECT * FROM public.orders;
CREATE SCHEMA elsewhere;
CREATE TYPE elsewhere.kind AS ENUM ('a');
CREATE FUNCTION elsewhere.secret() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
REVOKE ALL ON FUNCTION elsewhere.secret() FROM PUBLIC;
GRANT SELECT ON public.outside, public.staff, public.all_orders TO reporting WITH GRANT OPTION;
GRANT USAGE ON SEQUENCE public.counter TO reporting WITH GRANT OPTION;
GRANT ALL ON SCHEMA elsewhere, public TO reporting WITH GRANT OPTION;
GRANT USAGE ON TYPE elsewhere.kind TO reporting WITH GRANT OPTION;
GRANT EXECUTE ON FUNCTION elsewhere.secret(), ask(jsonb, text, text, uuid), splitplane._unread(regclass, text[]) TO reporting WITH GRANT OPTION;
GRANT SELECT ON splitplane.claims TO reporting WITH GRANT OPTION;
SELECT lo_create(n) FROM generate_series(424201, 424202) AS n;
GRANT SELECT ON LARGE OBJECT 424201, 424202 TO reporting WITH GRANT OPTION;
GRANT USAGE ON SCHEMA splitplane TO reporting;
-- Who may grant one column, or what no column has, may not revoke ALL.
GRANT SELECT (a) ON public.outside TO stranger WITH GRANT OPTION;
GRANT TRUNCATE ON public.outside TO app WITH GRANT OPTION;
SET LOCAL ROLE stranger;
GRANT SELECT (a) ON public.outside TO splitplane_reader;
SET LOCAL ROLE app;
GRANT TRUNCATE ON public.outside TO splitplane_reader;
SET LOCAL ROLE reporting;
GRANT SELECT (b) ON public.outside TO splitplane_reader;
GRANT SELECT ON public.outside, public.all_orders TO PUBLIC;
GRANT SELECT ON public.staff TO PUBLIC;
GRANT SELECT (salary) ON public.staff TO PUBLIC;
GRANT USAGE ON SEQUENCE public.counter TO splitplane_reader;
GRANT USAGE, CREATE ON SCHEMA elsewhere TO splitplane_reader;
GRANT CREATE ON SCHEMA public TO splitplane_reader;
GRANT USAGE ON TYPE elsewhere.kind TO splitplane_reader;
GRANT EXECUTE ON FUNCTION elsewhere.secret() TO splitplane_reader;
GRANT EXECUTE ON FUNCTION ask(jsonb, text, text, uuid) TO PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane._unread(regclass, text[]) TO app;
GRANT SELECT ON splitplane.claims TO app;
GRANT SELECT ON LARGE OBJECT 424201, 424202 TO splitplane_reader;
RESET ROLE;
:findings;
\o /dev/null
\set ECHO none
SELECT fix FROM splitplane.doctor() WHERE fix LIKE '%REVOKE%' AND fix NOT LIKE '--%' AND finding NOT LIKE 'reporting %' \gexec
\set ECHO all
\o
SELECT format('%s: %s', object, finding) FROM splitplane.doctor() WHERE fix LIKE '%REVOKE%' AND object <> 'role dba';
ROLLBACK;

\echo -- and where who granted it may not use the schema any more, or is not who runs the fix
BEGIN;
CREATE SCHEMA elsewhere;
CREATE TYPE elsewhere.kind AS ENUM ('a');
CREATE FUNCTION public.of_kind(elsewhere.kind) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE elsewhere."out$side" (a int);
GRANT USAGE ON SCHEMA elsewhere TO reporting, app;
GRANT SELECT ON elsewhere."out$side" TO reporting, app WITH GRANT OPTION;
GRANT EXECUTE ON FUNCTION public.of_kind(elsewhere.kind) TO reporting WITH GRANT OPTION;
GRANT USAGE ON TYPE elsewhere.kind TO reporting WITH GRANT OPTION;
SET LOCAL ROLE reporting;
GRANT SELECT ON elsewhere."out$side" TO splitplane_reader;
GRANT EXECUTE ON FUNCTION public.of_kind(elsewhere.kind) TO splitplane_reader;
GRANT USAGE ON TYPE elsewhere.kind TO splitplane_reader;
SET LOCAL ROLE app;
GRANT SELECT ON elsewhere."out$side" TO splitplane_reader;
RESET ROLE;
REVOKE USAGE ON SCHEMA elsewhere FROM reporting;
:findings;
GRANT USAGE ON SCHEMA elsewhere TO reporting;
SAVEPOINT before;
-- As another than the session's user, who then is whom he was.
CREATE ROLE second_dba SUPERUSER;
SET LOCAL ROLE second_dba;
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix LIKE 'DO %' \gexec
SELECT current_user, session_user <> current_user AS is_another;
:findings;
ROLLBACK TO before;
-- One that fails leaves the role, too.
SELECT fix FROM splitplane.doctor() WHERE fix LIKE 'DO %out$side%' \gset
REVOKE USAGE ON SCHEMA elsewhere FROM app;
SAVEPOINT before;
:fix
ROLLBACK TO before;
SELECT session_user = current_user AS is_the_same;
ROLLBACK;

\echo -- what is created from now on
BEGIN;
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner GRANT SELECT, INSERT ON TABLES TO splitplane_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO splitplane_reader, reporting;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO splitplane_reader;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO splitplane_reader;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON TYPES TO splitplane_reader;
-- Neither what other roles will have nor what every role has by default.
ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT EXECUTE ON FUNCTIONS TO reporting;
:findings;
SELECT fix FROM splitplane.doctor() WHERE fix LIKE 'ALTER DEFAULT%' \gexec
:findings;
GRANT CREATE ON SCHEMA public TO shop_owner;
SET LOCAL ROLE shop_owner;
CREATE TABLE public.later (a int);
RESET ROLE;
SELECT relacl FROM pg_class WHERE oid = 'public.later'::regclass;
ROLLBACK;

\echo -- three tables change names in a ring
BEGIN;
ALTER TABLE public.orders RENAME TO x;
ALTER TABLE public.stores RENAME TO orders;
ALTER TABLE public.visits RENAME TO stores;
ALTER TABLE public.x RENAME TO visits;
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%renamed%' \gexec
SELECT name, relation FROM splitplane.relations ORDER BY name;
SELECT count(*) FROM splitplane.doctor() WHERE finding LIKE '%renamed%';
ROLLBACK;

\echo -- and nothing says which column holds the scope of one of them: that one comes first, and none is taken out of the plane before
BEGIN;
ALTER TABLE public.orders RENAME TO x;
ALTER TABLE public.stores RENAME TO orders;
ALTER TABLE public.x RENAME TO stores;
ALTER TABLE public.orders DROP COLUMN tenant_id CASCADE;
ALTER TABLE public.orders ADD tenant_id int NOT NULL DEFAULT 42;
SELECT DISTINCT fix FROM splitplane.doctor() WHERE finding LIKE '%renamed%' ORDER BY fix;
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%renamed%' AND fix NOT LIKE '--%' \gexec
SELECT name, relation FROM splitplane.relations WHERE name IN ('orders', 'stores') ORDER BY name;
SELECT splitplane.unprotect('public.orders');
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%renamed%' AND fix NOT LIKE '--%' \gexec
SELECT splitplane.protect('public.orders', '{"tenant_id": "tenant"}');
SELECT name, relation FROM splitplane.relations WHERE name IN ('orders', 'stores') ORDER BY name;
SELECT count(*) FROM splitplane.doctor() WHERE severity = 'critical' OR finding LIKE '%renamed%';
ROLLBACK;

\echo -- nor is a table taken out of the plane to mend the type of its scope column, if no registered column is left
BEGIN;
CREATE TABLE public.ledger (account numeric NOT NULL, note text);
SELECT splitplane.protect('public.ledger', '{"account": "tenant"}', ARRAY['note']);
ALTER TABLE public.ledger DROP COLUMN note;
SELECT fix FROM splitplane.doctor() WHERE object = 'public.ledger' AND finding LIKE 'Scope column%';
ROLLBACK;

\echo -- two early policies of like names
BEGIN;
CREATE POLICY "!a" ON public.orders AS RESTRICTIVE USING (true);
CREATE POLICY " a" ON public.orders AS RESTRICTIVE USING (true);
SELECT count(DISTINCT regexp_replace(fix, '.* RENAME TO ', '')) FROM splitplane.doctor() WHERE fix LIKE '%RENAME TO%';
\o /dev/null
\set ECHO none
SELECT fix FROM splitplane.doctor() WHERE fix LIKE '%RENAME TO%' \gexec
\set ECHO all
\o
SELECT count(*) FROM splitplane.doctor() WHERE fix LIKE '%RENAME TO%';
ROLLBACK;

\echo -- who owns and who may use the extension
BEGIN;
ALTER TABLE splitplane.relations OWNER TO reporting;
ALTER SCHEMA splitplane OWNER TO reporting;
SELECT object, finding, fix FROM splitplane.doctor() WHERE finding LIKE 'It belongs to%';
SELECT fix FROM splitplane.doctor() WHERE finding LIKE 'It belongs to%' \gexec
SELECT count(*) FROM splitplane.doctor() WHERE finding LIKE 'It belongs to%';
ALTER EXTENSION splitplane DROP FUNCTION ask_rows(jsonb, text, text);
SELECT object, finding, fix FROM splitplane.doctor() WHERE finding LIKE '%does not exist any more%';
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
SELECT object, finding, fix FROM splitplane.doctor() WHERE object = 'schema public';
ROLLBACK;
:findings;
