-- Tenants whose ids are bytes: one spelling, \x and two lower-case hexadecimal digits for each byte, of the many that the type reads.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT splitplane.unprotect(relation) FROM splitplane.relations;
DELETE FROM splitplane.principals;
SET client_min_messages = warning;
CREATE TABLE public.devices (tenant bytea NOT NULL, device text NOT NULL);
CREATE INDEX ON public.devices (tenant);
INSERT INTO public.devices VALUES ('\x6162', 'own'), ('\x6163', 'CANARY'), ('\xab', 'CANARY of ab'), ('', 'CANARY of nobody');
-- Admitted while no column was of that type; the type would read all of these as the id of somebody.
SELECT splitplane.admit(t) FROM unnest(ARRAY['ab', '\x6162', '\x6163', '\xAB', '\253', '\x61 63']) AS t;
SELECT splitplane.protect('public.devices', '{"tenant": "tenant"}');
SELECT severity, object, finding, fix FROM splitplane.doctor() WHERE object LIKE 'tenant %' ORDER BY object;
SELECT t, test.rows('SELECT device FROM devices', t) FROM unnest(ARRAY['ab', '\x6162', '\x6163', '\xAB', '\253', '\x61 63']) AS t;
-- The filter finds nothing by itself either.
SELECT t, ask_dry_run(test.ctx('SELECT device FROM devices', t), sql => 'SELECT device FROM devices') -> 'parameters' FROM unnest(ARRAY['ab', '\x6162', '\xAB']) AS t;
-- The control: what the type reads.
SELECT 'ab'::bytea = '\x6162', '\xAB'::bytea = '\xab', '\253'::bytea = '\xab', '\x61 63'::bytea = '\x6163';
SELECT DISTINCT verdict FROM splitplane.selftest(ARRAY['\x6162', '\x6163']) WHERE relation = 'public.devices';
SELECT verdict FROM splitplane.selftest(ARRAY['ab', '\x6162']) WHERE relation = 'public.devices' AND verdict IN ('FAIL', 'error');
-- Tenants of other tables keep their access, whichever fixes are run: only the administrator knows who is to have it under which id.
CREATE TABLE public.letters (tenant text NOT NULL, words text);
INSERT INTO public.letters VALUES ('ab', 'to ab'), ('\x6163', 'CANARY');
SELECT splitplane.protect('public.letters', '{"tenant": "tenant"}');
SELECT fix FROM splitplane.doctor() WHERE fix NOT LIKE '--%' AND object LIKE 'tenant %' \gexec
SELECT test.rows('SELECT words FROM letters', 'ab');
SELECT splitplane.unprotect('public.letters');
SELECT substr(fix, 4) FROM splitplane.doctor() WHERE object LIKE 'tenant %' \gexec
SELECT object FROM splitplane.doctor() WHERE object LIKE 'tenant %';
SELECT splitplane.protect('public.devices', '{"tenant": "tenant"}');
-- From now on no other spelling is admitted.
SELECT splitplane.admit('ab');
\echo :SQLSTATE
SELECT splitplane.admit('\xAB');
SELECT splitplane.admit('\X6162');
SELECT splitplane.admit('\x616');
SELECT splitplane.admit('\x');
SELECT splitplane.admit('\253');
SELECT splitplane.admit('brand-a');
SELECT splitplane.admit('\xab'), splitplane.admit('\x6162', 'north');
SELECT test.rows('SELECT device FROM devices', '\xab');
-- Rows of everybody, a domain, and a list, which cannot be.
ALTER TABLE public.devices ALTER tenant DROP NOT NULL;
INSERT INTO public.devices VALUES (NULL, 'everybody');
SELECT splitplane.protect('public.devices', '{"tenant": "tenant or null"}');
SELECT test.rows('SELECT device FROM devices ORDER BY 1', '\x6162');
SELECT splitplane.unprotect('public.devices');
CREATE DOMAIN public.key AS bytea CHECK (length(VALUE) < 17);
CREATE TABLE public.keyed (tenant public.key NOT NULL, note text);
INSERT INTO public.keyed VALUES ('\x6162', 'own'), ('\x6163', 'CANARY');
SELECT splitplane.protect('public.keyed', '{"tenant": "tenant"}');
SELECT test.rows('SELECT note FROM keyed', '\x6162');
SELECT splitplane.arm_tripwire('public.keyed');
SELECT splitplane.admit('\x6162', claims => '{"keys": ["\\x6162"]}');
SELECT splitplane.protect('public.devices', '{"tenant": "keys"}');
-- The policy by itself: the reader outside of a call, and the rows that would be there without it.
BEGIN;
SET LOCAL ROLE splitplane_reader;
SELECT count(*) FROM public.keyed;
RESET ROLE;
ALTER POLICY "!splitplane_scope" ON public.keyed USING (true);
SET LOCAL ROLE splitplane_reader;
SELECT count(*) FROM public.keyed;
RESET ROLE;
DROP POLICY splitplane_closed ON public.keyed;
ALTER POLICY splitplane_read ON public.keyed USING (true);
SET LOCAL ROLE splitplane_reader;
SELECT note FROM public.keyed ORDER BY 1;
RESET ROLE;
SELECT test.rows('SELECT note FROM keyed', '\x6162');
\echo :SQLSTATE
ROLLBACK;
-- The plan of a large table has the index.
CREATE TABLE public.blobs (tenant bytea NOT NULL, n int);
INSERT INTO public.blobs SELECT decode(md5((n % 1000)::text), 'hex'), n FROM generate_series(1, 50000) n;
CREATE INDEX ON public.blobs (tenant);
SELECT splitplane.protect('public.blobs', '{"tenant": "tenant"}');
ANALYZE public.blobs;
SELECT splitplane.admit('\x' || md5('7')) AS tenant;
SELECT regexp_replace(line, '\(cost.*', '') AS plan FROM jsonb_array_elements_text(ask_dry_run(test.ctx('SELECT sum(n) FROM blobs', '\x' || md5('7')), sql => 'SELECT sum(n) FROM blobs') -> 'plan') AS line;
SELECT test.rows('SELECT count(*), sum(n) FROM blobs', '\x' || md5('7'));
SELECT count(*), sum(n) FROM public.blobs WHERE tenant = decode(md5('7'), 'hex');
