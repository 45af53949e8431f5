-- ask writes nothing: it works in a READ ONLY transaction, assigns no transaction id, takes no lasting lock, and leaves
-- the session as it found it, after a refusal too.
\c - app
BEGIN READ ONLY;
SELECT test.rows('SELECT count(*) FROM orders');
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_xid;
SHOW transaction_read_only;
COMMIT;
BEGIN;
SELECT test.rows('SELECT count(*) FROM orders');
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_xid;
-- The caller's own transaction is as writable as it was.
SHOW transaction_read_only;
CREATE TEMP TABLE mine AS SELECT 1 AS one;
COMMIT;
BEGIN;
SAVEPOINT before;
SELECT test.ask('SELECT pg_sleep(0)');
ROLLBACK TO before;
SELECT test.rows('SELECT count(*) FROM orders');
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_xid;
COMMIT;

-- Settings, role and locks before and after: an answer, a refusal, an error in the middle of the rows, a cut answer.
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE sql AS $$
    SELECT md5((SELECT string_agg(name || '=' || coalesce(setting, ''), ',' ORDER BY name) FROM pg_settings WHERE name NOT LIKE 'transaction%')
        || current_user || session_user || coalesce((SELECT string_agg(mode || locktype, ',') FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'), '')
        || (SELECT count(*) FROM pg_listening_channels()) || (SELECT count(*) FROM pg_prepared_statements) || (SELECT count(*) FROM pg_cursors)) $$;
SELECT pg_temp.state() AS before \gset
SELECT test.rows('SELECT count(*) FROM orders');
SELECT test.ask('SELECT * FROM payroll');
SELECT test.ask('SELECT 1 / (40 - order_id) FROM orders ORDER BY order_id');
SELECT jsonb_array_length(test.rows('SELECT * FROM generate_series(1, 2000) g'));
SELECT pg_temp.state() = :'before' AS unchanged;

-- Settings of the caller do not change what is answered.
SET search_path = pg_temp, public;
CREATE TEMP TABLE orders (tenant_id int, total numeric);
CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (false);
SET TimeZone = 'Asia/Tokyo';
SET DateStyle = 'German';
SET bytea_output = 'escape';
SET row_security = off;
-- Dollar quotes, since what a backslash means to the caller's own statement is about to change.
SET standard_conforming_strings = off;
SELECT public.ask(test.ctx($q$SELECT count(*), max(ordered_on), timestamptz '2026-01-01 00:00+00', '\x41'::bytea, 'a\b'::text FROM orders$q$),
    sql => $q$SELECT count(*), max(ordered_on), timestamptz '2026-01-01 00:00+00', '\x41'::bytea, 'a\b'::text FROM orders$q$) -> 'rows' AS rows;
SHOW TimeZone;
SHOW standard_conforming_strings;
