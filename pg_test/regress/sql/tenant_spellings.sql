-- Two ids that the type of a tenant column reads as one value would each see the other's rows: the second is not admitted.
SET client_min_messages = error;
CREATE TABLE public.by_number (tenant_id int NOT NULL, note text); INSERT INTO public.by_number VALUES (2, 'two'), (3, 'three');
CREATE TABLE public.by_uuid (tenant uuid NOT NULL, note text); INSERT INTO public.by_uuid VALUES ('00000000-0000-4000-8000-00000000000a', 'a');
CREATE TABLE public.by_text (tenant text NOT NULL, note text); INSERT INTO public.by_text VALUES ('2', 'two'), ('02', 'oh two');
SELECT splitplane.unprotect(relation) FROM splitplane.relations;
DELETE FROM splitplane.principals;
\set VERBOSITY verbose
\set SHOW_CONTEXT never
\c - dba
-- As long as only texts carry a tenant, each spelling is another one.
SELECT splitplane.protect('public.by_text', '{"tenant": "tenant"}');
SELECT splitplane.admit(t) FROM unnest(ARRAY['2', '02', '2.0', '00000000-0000-4000-8000-00000000000a', '{00000000-0000-4000-8000-00000000000A}']) AS t;
SELECT * FROM splitplane.doctor() WHERE object LIKE 'tenant %';
SELECT splitplane.protect('public.by_number', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.by_uuid', '{"tenant": "tenant"}');
SELECT severity, object, finding, fix FROM splitplane.doctor() WHERE object LIKE 'tenant %';
SELECT splitplane.expel('02'), splitplane.expel('{00000000-0000-4000-8000-00000000000A}');
SELECT severity, object, finding FROM splitplane.doctor() WHERE object LIKE 'tenant %';
\set VERBOSITY default
SELECT splitplane.admit('02');
SELECT splitplane.admit('+2');
SELECT splitplane.admit('02', 'north', claims => '{"stores": [1]}');
SELECT splitplane.admit('0000000000004000800000000000000A');
-- What is no other spelling of any, and what is admitted again.
SELECT splitplane.admit('2'), splitplane.admit('2', 'north'), splitplane.admit('22'), splitplane.admit('brand-a'), splitplane.admit('00000000-0000-4000-8000-00000000000b');
-- A number to PostgreSQL's numeric type and not to the column's.
SELECT splitplane.admit('2e0'), splitplane.admit('3.0');
SELECT tenant, business, enabled FROM splitplane.principals ORDER BY 1, 2;
\c - app
SELECT ask(test.ctx('SELECT note FROM by_number', '2'), sql => 'SELECT note FROM by_number') -> 'rows';
SELECT ask(test.ctx('SELECT note FROM by_text', '2'), sql => 'SELECT note FROM by_text') -> 'rows';
