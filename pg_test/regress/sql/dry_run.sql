-- ask_dry_run: every stage but execution, shown.
\c - app
\pset format unaligned
\pset tuples_only on
\set q 'SELECT s.city, sum(o.total) FROM orders o JOIN stores s USING (store_id) GROUP BY 1'
SELECT jsonb_pretty(ask_dry_run(test.ctx(:'q'), sql => :'q') - 'query_id' - 'timings_ms' #- '{proved,expressions}' #- '{proved,functions}');
-- Only the relations that are named are attached; a hidden column is not in its CTE; a list claim is a parameter too.
\set q 'SELECT count(*) FROM customers'
SELECT jsonb_pretty(ask_dry_run(test.ctx(:'q', '42', 'franchise'), sql => :'q') - 'query_id' - 'timings_ms' #- '{proved,expressions}' #- '{proved,functions}');
\set q 'SELECT sum(guests) FROM visits'
SELECT jsonb_pretty(ask_dry_run(test.ctx(:'q', '42', 'franchise'), sql => :'q') - 'query_id' - 'timings_ms' #- '{proved,expressions}' #- '{proved,functions}');
-- The plan shows policies and all tenants' volumes, so only an administrator is given it.
SELECT ask_dry_run(test.ctx(:'q'), sql => :'q') ?| ARRAY['plan', 'untrusted_conditions'] AS has_plan;
-- Nothing is executed: this would fail if it ran.
\set q 'SELECT 1 / (store_id - store_id) FROM stores'
SELECT ask_dry_run(test.ctx(:'q'), sql => :'q') ? 'rows' AS has_rows;
-- What ask refuses, it refuses.
\set q 'SELECT * FROM payroll'
SELECT ask_dry_run(test.ctx(:'q'), sql => :'q');
\echo :SQLSTATE
SELECT ask_dry_run('{}', sql => 'SELECT 1');
\echo :SQLSTATE
