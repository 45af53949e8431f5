-- Administration by a DBA who is no superuser: what works, what is idempotent, and what each mistake is told.
\set SHOW_CONTEXT never
\c - dba

-- Keys. The secret is 40 characters or more, shown once; what the table shows has none of it.
SELECT length(splitplane.create_key('AKONE', tenants => ARRAY['42'], max_uses => 3, valid_for => '30 days')) >= 40 AS secret_is_long;
SELECT splitplane.import_key('AKTWO', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', NULL, 1, '1 day');
SELECT key_id, tenants, max_uses, not_after - not_before AS valid_for, revoked_at IS NOT NULL AS revoked
  FROM splitplane.keys WHERE key_id IN ('AKONE', 'AKTWO') ORDER BY key_id;
SELECT sealed FROM splitplane.keys;                                 -- not even the sealed form is an administrator's to read
SELECT splitplane.create_key('AKONE');
SELECT splitplane.create_key('AK 1');
SELECT splitplane.create_key(NULL);
SELECT splitplane.create_key('AKBAD', tenants => '{}');
SELECT splitplane.create_key('AKBAD', tenants => ARRAY['42', NULL]);
SELECT splitplane.create_key('AKBAD', max_uses => 0);
SELECT splitplane.create_key('AKBAD', valid_for => '-1 day');
SELECT splitplane.create_key('AKBAD', valid_for => '11 years');
SELECT splitplane.import_key('AKBAD', 'short', NULL, 1, '1 day');
-- Revoking twice is no error and keeps the first time.
SELECT splitplane.revoke_key('AKTWO');
SELECT revoked_at AS first_time FROM splitplane.keys WHERE key_id = 'AKTWO' \gset
SELECT splitplane.revoke_key('AKTWO');
SELECT revoked_at = :'first_time' AS kept FROM splitplane.keys WHERE key_id = 'AKTWO';
SELECT splitplane.revoke_key('AKNONE');
SELECT splitplane.sign('AKNONE', '42');

-- Principals. Admitting again replaces the claims.
SELECT splitplane.admit('99', 'north', 'ann', '{"stores": [1], "region": "N"}');
SELECT splitplane.admit('99', 'north', 'ann', '{"stores": [1, 2]}');
SELECT * FROM splitplane.principals WHERE tenant = '99';
SELECT splitplane.admit('');
SELECT splitplane.admit('*');
SELECT splitplane.admit(NULL);
SELECT splitplane.admit('99', 'no*th');
SELECT splitplane.admit('99', ' north');
SELECT splitplane.admit('99', claims => '[1]');
SELECT splitplane.admit('99', claims => '{"tenant": "7"}');
SELECT splitplane.admit('99', claims => '{"Stores": [1]}');
SELECT splitplane.admit('99', claims => '{"stores": {"a": 1}}');
SELECT splitplane.admit('99', claims => '{"stores": [null]}');
-- Expelling one person where the tenant as a whole stays admitted leaves a row that refuses.
SELECT splitplane.admit('99');
SELECT splitplane.expel('99', 'north', 'ann');
SELECT * FROM splitplane.principals WHERE tenant = '99' ORDER BY business, subject;
SELECT splitplane.expel('99');
SELECT * FROM splitplane.principals WHERE tenant = '99';
SELECT splitplane.expel('99');

-- Relations: wrong kinds, columns, claims, names.
\c - postgres
CREATE VIEW public.a_view AS SELECT * FROM public.orders;
CREATE MATERIALIZED VIEW public.a_matview AS SELECT * FROM public.orders;
CREATE SEQUENCE public.a_sequence;
CREATE TEMP TABLE a_temp (tenant_id int NOT NULL);
CREATE TYPE public.pair AS (a int, b int);
CREATE TABLE public.odd (tenant_id int NOT NULL, duo public.pair, label text);
CREATE TABLE public.floating (tenant_id float8 NOT NULL);
CREATE TABLE public.nullable (tenant_id int, label text);
-- Its schema's number differs from run to run, so only the state is shown.
\set VERBOSITY sqlstate
SELECT splitplane.protect('pg_temp.a_temp', '{"tenant_id": "tenant"}');
\set VERBOSITY default
\c - dba
SELECT splitplane.protect('public.a_view', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.a_matview', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.a_sequence', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.visits_7', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('pg_catalog.pg_class', '{"relname": "tenant"}');
SELECT splitplane.share('splitplane.keys');
SELECT splitplane.protect('public.nowhere', '{"tenant_id": "tenant"}');
SELECT splitplane.protect(NULL, '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.payroll', NULL);
SELECT splitplane.protect('public.payroll', '{}');
SELECT splitplane.protect('public.payroll', '"employee"');
SELECT splitplane.protect('public.payroll', '{"employee": 1}');
SELECT splitplane.protect('public.payroll', '{"nobody": "tenant"}');
SELECT splitplane.protect('public.payroll', '{"employee": "stores"}');
SELECT splitplane.protect('public.orders', '{"tenant_id": "tenant", "store_id": "shops"}');
SELECT splitplane.protect('public.orders', '{"tenant_id": "tenant"}', columns => '{}');
SELECT splitplane.protect('public.orders', '{"tenant_id": "tenant"}', columns => ARRAY['order_id', 'order_id']);
SELECT splitplane.protect('public.orders', '{"tenant_id": "tenant"}', columns => ARRAY['order_id', 'secret']);
SELECT splitplane.protect('public.orders', '{"tenant_id": "tenant"}', columns => ARRAY['ctid']);
SELECT splitplane.protect('public.orders', '{"tenant_id": "tenant"}', name => 'stores');
SELECT splitplane.protect('public.orders', '{"tenant_id": "tenant"}', name => '');
SELECT splitplane.protect('public.orders', '{"tenant_id": "tenant"}', name => 'pg_class');
SELECT splitplane.protect('public.odd', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.odd', '{"tenant_id": "tenant"}', columns => ARRAY['label']);
SELECT splitplane.protect('public.floating', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.nullable', '{"tenant_id": "tenant"}');
-- A mistake changed nothing of what was registered before.
SELECT relation, name, shared, scope, columns FROM splitplane.relations ORDER BY relation::text;
-- Protecting again changes the registration; a table can be shared instead and the other way round.
SELECT splitplane.protect('public.nullable', '{"tenant_id": "tenant"}', name => 'labels');
SELECT splitplane.protect('public.nullable', '{"tenant_id": "tenant"}', name => 'labels');
SELECT splitplane.share('public.nullable');
SELECT relation, name, shared, scope, columns FROM splitplane.relations WHERE name IN ('labels', 'nullable');
SELECT splitplane.unprotect('public.nullable');
SELECT splitplane.unprotect('public.nullable');
SELECT splitplane.unprotect('public.payroll');
SELECT splitplane.unprotect('public.nowhere');

-- Functions.
\c - postgres
CREATE FUNCTION public.vat(amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT amount * 0.2 $$;
\c - dba
SELECT splitplane.allow_function('public.vat(numeric)');
SELECT splitplane.allow_function('public.vat(numeric)');
SELECT function FROM splitplane.functions;
SELECT splitplane.allow_function('public.nothing(int)');
SELECT splitplane.allow_function(NULL);
SELECT splitplane.allow_function('splitplane.claim(text)');
SELECT splitplane.allow_function('public.ask(jsonb, text, text, uuid)');
SELECT splitplane.disallow_function('public.vat(numeric)');
SELECT splitplane.disallow_function('public.vat(numeric)');
SELECT function FROM splitplane.functions;

-- The plane as the model is shown it: names, columns, keys; no row, no tenant.
SELECT splitplane.describe();
