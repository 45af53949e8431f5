-- doctor: each finding provoked, shown, and fixed by running its own `fix`. ask refuses (55000) while one that breaks
-- isolation is open, and works again when it is fixed.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\set findings 'SELECT format(E''%s: %s\n    %s\n    %s'', severity, object, finding, fix) FROM splitplane.doctor() WHERE object <> ''role dba'' ORDER BY severity, object, finding'
\set asked 'SELECT test.rows(''SELECT count(*) FROM orders'')'

\echo -- healthy
-- Who administers the plane is always named; it is left out below.
SELECT severity, object, finding, fix FROM splitplane.doctor();
:findings;
:asked;

\echo -- the reader gets a power
ALTER ROLE splitplane_reader BYPASSRLS;
:findings;
:asked;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
:findings;
ALTER ROLE splitplane_reader SUPERUSER;
-- A superuser may do everything, so everything is named: the finding that counts is the critical one.
SELECT object, finding, fix FROM splitplane.doctor() WHERE severity = 'critical';
:asked;
SELECT fix FROM splitplane.doctor() WHERE severity = 'critical' \gexec
:findings;
ALTER ROLE splitplane_reader LOGIN;
:findings;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
:findings;

\echo -- the reader becomes a member of another role
GRANT pg_read_all_data TO splitplane_reader;
:findings;
:asked;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
:findings;
GRANT reporting TO splitplane_reader;
:findings;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
:findings;

\echo -- privileges beyond the plane
GRANT SELECT ON public.payroll TO splitplane_reader;
:findings;
:asked;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
GRANT INSERT ON public.orders TO splitplane_reader;
:findings;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
GRANT SELECT ON public.payroll TO PUBLIC;
:findings;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
GRANT SELECT ON public.customers TO PUBLIC;
:findings;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
-- What PUBLIC may read of a column, the reader may.
GRANT SELECT (email) ON public.customers TO PUBLIC;
SELECT count(*) > 0 AS named FROM splitplane.doctor() WHERE object LIKE 'public.customers%' AND fix LIKE '%REVOKE%PUBLIC%';
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
SELECT has_column_privilege('splitplane_reader', 'public.customers', 'email', 'SELECT') AS reader_may_read_email;
REVOKE SELECT (email) ON public.customers FROM PUBLIC;
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', columns => ARRAY['tenant_id', 'customer_id', 'name']);
:findings;

\echo -- the policy is dropped, altered, or switched off
DROP POLICY "!splitplane_scope" ON public.orders;
:findings;
:asked;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
:findings;
:asked;
ALTER POLICY "!splitplane_scope" ON public.orders USING (true);
:findings;
:asked;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
:asked;
ALTER POLICY "!splitplane_scope" ON public.orders TO reporting;
:findings;
:asked;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
:asked;
ALTER TABLE public.orders DISABLE ROW LEVEL SECURITY;
:findings;
:asked;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
:asked;
-- A permissive policy besides ours cannot widen what a restrictive one narrows, and is no breach.
CREATE POLICY wide ON public.orders FOR SELECT TO splitplane_reader USING (true);
:findings;
:asked;
DROP POLICY wide ON public.orders;

\echo -- ownership
ALTER TABLE public.orders OWNER TO splitplane_reader;
:findings;
:asked;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
ALTER TABLE public.orders OWNER TO shop_owner;
:findings;

\echo -- columns and indexes
-- PostgreSQL itself holds the type of a column that a policy reads.
ALTER TABLE public.stores ALTER COLUMN tenant_id TYPE bigint;
CREATE TABLE public.loose (tenant_id int, note text);
SELECT splitplane.protect('public.loose', '{"tenant_id": "tenant"}');
:findings;
:asked;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
:findings;
CREATE TABLE public.slow (tenant_id numeric NOT NULL, note text);
CREATE INDEX ON public.slow (tenant_id);
SELECT splitplane.protect('public.slow', '{"tenant_id": "tenant"}');
:findings;
SELECT splitplane.unprotect('public.slow');
DROP TABLE public.slow;

\echo -- a view that shows the rows of all tenants to any role that may read it
CREATE VIEW public.all_orders AS SELECT * FROM public.orders;
GRANT SELECT ON public.all_orders TO splitplane_reader;
:findings;
:asked;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
:findings;
DROP VIEW public.all_orders;

\echo -- large objects, which have no policies
SELECT count(lo_from_bytea(oid, 'of any tenant')) FROM generate_series(900001, 900003) AS oid;
GRANT SELECT ON LARGE OBJECT 900001, 900002 TO PUBLIC;
GRANT SELECT, UPDATE ON LARGE OBJECT 900003 TO splitplane_reader;
:findings;
:asked;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
SET lo_compat_privileges = on;
:findings;
RESET lo_compat_privileges;
:findings;
SELECT count(lo_unlink(oid)) FROM generate_series(900001, 900003) AS oid;

\echo -- a partition that the reader may read directly
GRANT SELECT ON public.visits_7 TO splitplane_reader;
:findings;
:asked;
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba' \gexec
:findings;
:asked;
