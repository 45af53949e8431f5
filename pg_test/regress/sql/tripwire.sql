-- The tripwire: armed on a planted row, silent for honest statements, and shutting the plane when a statement reads past
-- every fence. What reads past them here is a function that its owner's rights carry past row-level security and that an
-- administrator allowed, which is the one leak that can be built without breaking splitplane itself.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\set asked 'SELECT test.rows(''SELECT count(*) FROM orders'')'

CREATE FUNCTION public.leak() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM public.orders';
CREATE FUNCTION public.leak_if(tenant int) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'SELECT count(*) FROM public.orders WHERE tenant_id = $1';
SELECT splitplane.allow_function('public.leak()');
SELECT splitplane.allow_function('public.leak_if(int)');

\echo -- the control: unarmed, the leak goes through
SELECT test.rows('SELECT leak()');

\echo -- arming needs a protected table, a type that can be compared, a value that no tenant has, and a row
\c - dba
SELECT splitplane.arm_tripwire('public.currencies');
SELECT splitplane.arm_tripwire('public.payroll');
SELECT splitplane.arm_tripwire(NULL);
SELECT splitplane.arm_tripwire('public.orders', '42');
SELECT splitplane.arm_tripwire('public.orders', '  +42 ');
SELECT splitplane.arm_tripwire('public.orders', 'canary');
SELECT splitplane.arm_tripwire('public.orders');
SELECT splitplane.disarm_tripwire('public.orders');
SELECT splitplane.tripwire_row('public.orders', '-5');
\c - postgres
SET client_min_messages = warning;
SELECT splitplane.tripwire_row('public.orders') \gexec
SELECT tenant_id, order_id, total FROM public.orders WHERE tenant_id < 0;
\c - dba
SELECT splitplane.arm_tripwire('public.orders');
SELECT relation, column_name, value, armed_by FROM splitplane.tripwires;

\echo -- the reserved tenant cannot be admitted, in any spelling, by any way
SELECT splitplane.admit('-2147483648');
SELECT splitplane.admit('-002147483648', 'business');
\c - postgres
SET client_min_messages = warning;
INSERT INTO splitplane.principals VALUES ('-2147483648', '*', '*', '{}', true);
SELECT splitplane.admit('brand-x');
SELECT splitplane.expel('brand-x');

\echo -- honest statements do not touch it, in any shape, and their plan is what it was
:asked;
SELECT test.rows('SELECT sum(total), max(order_id) FROM orders JOIN stores USING (store_id) WHERE stores.city > '''' ');
SELECT test.rows('SELECT count(*) FROM orders WHERE tenant_id = -2147483648 OR tenant_id < 0 OR true');
SELECT test.rows('SELECT EXISTS (SELECT 1 FROM orders WHERE tenant_id = -2147483648)');
SELECT test.rows('SELECT leak_if(42)');
SELECT DISTINCT shape, verdict FROM splitplane.selftest() WHERE relation = 'public.orders' AND (verdict <> 'pass' OR shape = 'tripwire') ORDER BY shape;
CREATE TEMP TABLE plans AS
    SELECT 'armed' AS state, public.ask_dry_run(test.ctx(q), sql => q) -> 'plan' AS plan FROM (VALUES ('SELECT store_id, sum(total) FROM orders WHERE order_id < 9 GROUP BY 1')) AS v(q);
SELECT splitplane.disarm_tripwire('public.orders');
INSERT INTO plans
    SELECT 'disarmed', public.ask_dry_run(test.ctx(q), sql => q) -> 'plan' FROM (VALUES ('SELECT store_id, sum(total) FROM orders WHERE order_id < 9 GROUP BY 1')) AS v(q);
SELECT count(DISTINCT plan) AS plans, count(*) AS seen FROM plans WHERE jsonb_array_length(plan) > 0;
-- Unarmed it does not look; armed, roles outside a call read what they like.
SELECT test.rows('SELECT leak()');
SELECT splitplane.arm_tripwire('public.orders');
SELECT count(*) FROM public.orders;
SET ROLE shop_owner;
SELECT count(*) FROM public.orders;
RESET ROLE;

\echo -- the touch: an aggregate that shows no value of the row is enough
BEGIN;
SELECT test.ask('SELECT leak()');
ROLLBACK;
-- The abort has taken nothing back: other statements, other sessions, other entry points, other tenants.
:asked;
\c - app
SELECT test.rows('SELECT 1');
SELECT public.ask_dry_run(test.ctx('SELECT 1', '7'), sql => 'SELECT 1');
SELECT * FROM public.ask_rows(test.ctx('SELECT 1'), sql => 'SELECT 1') AS t(a int);
SELECT splitplane.reopen();
\c - dba
SELECT splitplane.verify_query('one', 'One?', 'SELECT 1');
SELECT severity, object, finding, fix FROM splitplane.doctor() WHERE severity = 'critical';
SELECT relation, shape, verdict, detail FROM splitplane.selftest() WHERE verdict <> 'pass' AND relation IN ('tripwire', 'public.orders');

\echo -- reopened by an administrator: honest statements are answered, and the wire is still there
SELECT splitplane.reopen();
SELECT splitplane.reopen();
SELECT count(*) FROM splitplane.doctor() WHERE severity = 'critical';
\c - postgres
SET client_min_messages = warning;
:asked;
SELECT test.rows('SELECT leak_if(-2147483648)');
:asked;
SELECT splitplane.reopen();

\echo -- whom the fences hold cannot trip it on purpose
SELECT test.rows('SELECT count(*) FROM orders WHERE tenant_id = -2147483648');
SELECT test.rows('SELECT leak_if(42) FROM orders LIMIT 1');

\echo -- a row in a partition, and one that is reached through an index alone
\c - postgres
SET client_min_messages = warning;
CREATE TABLE public.visits_planted PARTITION OF public.visits FOR VALUES IN (-2147483648);
SELECT splitplane.tripwire_row('public.visits') \gexec
SELECT splitplane.arm_tripwire('public.visits');
CREATE FUNCTION public.leak_visits() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT sum(guests) FROM public.visits';
SELECT splitplane.allow_function('public.leak_visits()');
SELECT test.rows('SELECT count(*) FROM visits');
SELECT test.rows('SELECT leak_visits()');
SELECT splitplane.reopen();
VACUUM public.orders;
CREATE FUNCTION public.leak_index() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off
    AS 'SELECT tenant_id FROM public.orders ORDER BY tenant_id, order_id LIMIT 1';
SELECT splitplane.allow_function('public.leak_index()');
SELECT test.rows('SELECT leak_index()');
SELECT splitplane.reopen();

\echo -- text, uuid and bigint
CREATE TABLE public.by_text (tenant text NOT NULL, id uuid PRIMARY KEY DEFAULT gen_random_uuid(), code int UNIQUE NOT NULL, note text GENERATED ALWAYS AS ('for ' || tenant) STORED);
INSERT INTO public.by_text (tenant, code) VALUES ('42', 1), ('7', 2);
CREATE TABLE public.by_uuid (tenant uuid NOT NULL, n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
INSERT INTO public.by_uuid (tenant) VALUES (gen_random_uuid());
CREATE TABLE public.by_date (tenant date NOT NULL, n int);
SELECT splitplane.protect(t, '{"tenant": "tenant"}') FROM unnest(ARRAY['public.by_text', 'public.by_uuid', 'public.by_date']::regclass[]) AS t;
SELECT splitplane.arm_tripwire('public.by_date');
SELECT splitplane.tripwire_row('public.by_text') \gexec
SELECT splitplane.tripwire_row('public.by_uuid') \gexec
SELECT tenant, code, note FROM public.by_text ORDER BY code;
SELECT splitplane.arm_tripwire('public.by_text'), splitplane.arm_tripwire('public.by_uuid');
SELECT splitplane.admit('splitplane-tripwire');
SELECT splitplane.admit('00000000000000007472697077697265');
CREATE FUNCTION public.leak_text() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM public.by_text';
CREATE FUNCTION public.leak_uuid() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM public.by_uuid';
SELECT splitplane.allow_function('public.leak_text()'), splitplane.allow_function('public.leak_uuid()');
SELECT test.rows('SELECT count(*) FROM by_text');
SELECT test.rows('SELECT leak_text()');
SELECT splitplane.reopen();
SELECT test.rows('SELECT leak_uuid()');
SELECT splitplane.reopen();

\echo -- a row that constraints refuse: the statement is for the administrator to complete
ALTER TABLE public.by_text ADD CHECK (code > -5), ADD CHECK (tenant <> 'reserved');
\set VERBOSITY terse
SELECT splitplane.tripwire_row('public.by_text', 'reserved') \gexec
\set VERBOSITY default
SELECT splitplane.arm_tripwire('public.by_text', 'reserved');

\echo -- the planted rows are lost: the self-test reports it
DELETE FROM public.orders WHERE tenant_id = -2147483648;
SELECT relation, shape, verdict, detail FROM splitplane.selftest() WHERE shape = 'tripwire' AND relation = 'public.orders';

\echo -- taken out of the plane, nothing is watched; disarmed, the tenant is free again
SELECT splitplane.unprotect('public.by_text');
SELECT test.rows('SELECT leak_text()');
SELECT splitplane.disarm_tripwire(relation) FROM splitplane.tripwires;
SELECT splitplane.admit('-2147483648');
SELECT splitplane.reopen();

\echo -- a partition of a partition of a partition, attached while this session has the plane in memory
CREATE TABLE public.deep (tenant int NOT NULL, n int NOT NULL) PARTITION BY RANGE (n);
CREATE TABLE public.deep_1 PARTITION OF public.deep FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (n);
CREATE TABLE public.deep_2 PARTITION OF public.deep_1 FOR VALUES FROM (0) TO (50) PARTITION BY RANGE (n);
CREATE TABLE public.deep_3 PARTITION OF public.deep_2 FOR VALUES FROM (0) TO (10);
INSERT INTO public.deep VALUES (-77, 1), (42, 2);
SELECT splitplane.protect('public.deep', '{"tenant": "tenant"}');
SELECT splitplane.arm_tripwire('public.deep', '-77');
CREATE FUNCTION public.leak_deep() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM public.deep WHERE n > 20';
SELECT splitplane.allow_function('public.leak_deep()');
SELECT test.rows('SELECT leak_deep()');
CREATE TABLE public.late (tenant int NOT NULL, n int NOT NULL);
INSERT INTO public.late VALUES (-77, 30);
ALTER TABLE public.deep_2 ATTACH PARTITION public.late FOR VALUES FROM (20) TO (40);
SELECT test.rows('SELECT leak_deep()');
SELECT splitplane.reopen();
SELECT test.rows('SELECT count(*) FROM deep');
