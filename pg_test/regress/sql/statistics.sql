-- The views of figures: who may read them, which rows are there, that nothing in them is NULL, and what a call adds.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
SELECT splitplane.stat_reset();

-- Types of columns: text labels, bigint and double precision; arrays of bounds and counts in one view.
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relnamespace = 'splitplane'::regnamespace AND c.relname LIKE 'stat\_%' ORDER BY c.relname, a.attnum;

-- Every row is there before the first call, with 0.
SELECT count(*), sum(calls) FROM splitplane.stat_calls;
SELECT entry_point, outcome, count(*) FROM splitplane.stat_calls GROUP BY 1, 2 ORDER BY 1, 2;
SELECT reason FROM splitplane.stat_calls WHERE entry_point = 'ask' AND outcome = 'error' ORDER BY reason COLLATE "C";
SELECT stage, cardinality(bounds) AS bounds, cardinality(counts) AS counts, calls, seconds FROM splitplane.stat_stages;
SELECT stage, count(*), sum(calls), string_agg(le, ' ') FROM splitplane.stat_stage_buckets WHERE stage IN ('verify', 'total') GROUP BY 1 ORDER BY 1;
SELECT * FROM splitplane.stat_tenants;
SELECT model, purpose, result, calls, seconds FROM splitplane.stat_models ORDER BY 1, 2, 3;
SELECT severity, findings >= 0 AS counted FROM splitplane.stat_doctor ORDER BY 1;
-- A model that is configured has its rows before it is called.
SET splitplane.provider = openai;
SET splitplane.model = 'writer';
SET splitplane.validator_model = 'judge';
SELECT model, purpose, count(*), sum(calls) FROM splitplane.stat_models GROUP BY 1, 2 ORDER BY 1, 2;
RESET splitplane.provider;

-- One call of each entry point, and refusals: by layer 1, over the text, in the middle of the rows, and in a transaction that is
-- rolled back.
\c - app
SELECT test.rows('SELECT count(*) FROM orders');
SELECT * FROM ask_rows(test.ctx('SELECT city FROM stores WHERE store_id < 3 ORDER BY city'),
                       sql => 'SELECT city FROM stores WHERE store_id < 3 ORDER BY city') AS t(city text);
SELECT ask_dry_run(test.ctx('SELECT 1'), sql => 'SELECT 1') ->> 'outcome' AS outcome;
SELECT ask('{"x": "not a context"}', sql => 'SELECT 1');
SELECT ask(NULL, sql => 'SELECT 1');
SELECT test.ask('SELECT * FROM payroll');
SELECT test.ask('SELECT pg_sleep(1)');
SELECT test.ask('SELECT 1 / (total - total) FROM orders');
BEGIN;
SELECT test.ask('SELECT FROM WHERE');
ROLLBACK;
BEGIN;
SELECT test.rows('SELECT count(*) FROM orders');
ROLLBACK;
-- A caller sees no figures, not even its own.
SELECT * FROM splitplane.stat_calls;
SELECT * FROM splitplane.stat_tenants;
SELECT * FROM splitplane._stat_tenants();
SELECT splitplane.stat_reset();
\c - stranger
SELECT * FROM splitplane.stat_calls;
\c - postgres
SET client_min_messages = warning;
SET ROLE splitplane_reader;
SELECT * FROM splitplane.stat_tenants;
RESET ROLE;

-- Monitoring reads all of them and resets nothing; it reads no table of the extension.
CREATE ROLE regress_monitoring IN ROLE pg_monitor;
SET ROLE regress_monitoring;
SELECT datname = current_database() AS here, entry_point, outcome, reason, calls FROM splitplane.stat_calls WHERE calls > 0 ORDER BY 2, 3, 4;
SELECT stage, calls, seconds > 0 AS took FROM splitplane.stat_stages;
SELECT tenant, calls, errors, declined, rows, bytes > 0 AS bytes, seconds > 0 AS took FROM splitplane.stat_tenants;
SELECT used > 0 AS used, capacity, keys > 0 AS keys, horizon > 0 AS horizon, refused FROM splitplane.stat_ledger;
SELECT shut, keys, key_seconds > 0 AND key_seconds <= 90 * 86400 AS key_seconds, since > 0 AS since FROM splitplane.stat_plane;
SELECT count(*) FROM splitplane.stat_doctor;
SELECT count(*), sum(gaps) AS gaps FROM splitplane.stat_audit;
SELECT splitplane.stat_reset();
SELECT * FROM splitplane.doctor();
SELECT key_id FROM splitplane.keys;
SELECT tenant FROM splitplane.principals;
RESET ROLE;

-- Nothing is NULL, in any column of any view.
SELECT splitplane.admit('8'), splitplane.create_key('AKSHORT', valid_for => '1 hour') IS NOT NULL;
SELECT count(*) FILTER (WHERE NOT (r IS NOT NULL)) AS with_null FROM splitplane.stat_calls AS r;
SELECT count(*) FILTER (WHERE NOT (r IS NOT NULL)) AS with_null FROM splitplane.stat_stages AS r;
SELECT count(*) FILTER (WHERE NOT (r IS NOT NULL)) AS with_null FROM splitplane.stat_stage_buckets AS r;
SELECT count(*) FILTER (WHERE NOT (r IS NOT NULL)) AS with_null FROM splitplane.stat_tenants AS r;
SELECT count(*) FILTER (WHERE NOT (r IS NOT NULL)) AS with_null FROM splitplane.stat_models AS r;
SELECT count(*) FILTER (WHERE NOT (r IS NOT NULL)) AS with_null FROM splitplane.stat_ledger AS r;
SELECT count(*) FILTER (WHERE NOT (r IS NOT NULL)) AS with_null FROM splitplane.stat_plane AS r;
SELECT count(*) FILTER (WHERE NOT (r IS NOT NULL)) AS with_null FROM splitplane.stat_doctor AS r;
SELECT count(*) FILTER (WHERE NOT (r IS NOT NULL)) AS with_null FROM splitplane.stat_audit AS r;

-- The first key that ends; one that is revoked or over is not waited for; without any there is no end.
SELECT keys, key_seconds BETWEEN 3500 AND 3600 AS key_seconds FROM splitplane.stat_plane;
SELECT splitplane.revoke_key('AKSHORT');
SELECT keys, key_seconds > 3600 AS key_seconds FROM splitplane.stat_plane;
BEGIN;
UPDATE splitplane.keys SET not_after = now() - interval '1 second', not_before = now() - interval '1 day';
SELECT keys, key_seconds FROM splitplane.stat_plane;
ROLLBACK;

-- A shut plane, and a critical finding; both go back to 0.
SELECT findings FROM splitplane.stat_doctor WHERE severity = 'critical';
BEGIN;
ALTER ROLE splitplane_reader BYPASSRLS;
SELECT findings FROM splitplane.stat_doctor WHERE severity = 'critical';
ROLLBACK;
SELECT findings FROM splitplane.stat_doctor WHERE severity = 'critical';

-- An administrator begins anew.
\c - dba
SELECT sum(calls) FROM splitplane.stat_calls;
SELECT splitplane.stat_reset();
SELECT sum(calls) FROM splitplane.stat_calls;
SELECT count(*), sum(seconds) FROM splitplane.stat_stages;
SELECT tenant, calls FROM splitplane.stat_tenants;
\c - postgres
SET client_min_messages = warning;
DROP ROLE regress_monitoring;
SELECT object, finding FROM splitplane.doctor() WHERE object LIKE '%stat%' OR finding LIKE '%pg_monitor%';
