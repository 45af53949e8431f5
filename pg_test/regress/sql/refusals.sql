-- One refusal of each kind, with its SQLSTATE and its one sentence. No HINT, DETAIL or CONTEXT crosses to the caller.
\c - app

\echo -- 28000: identity; the same sentence whatever the reason
SELECT ask('{}', sql => 'SELECT 1');
\echo :SQLSTATE
SELECT ask(test.ctx('SELECT 1'), sql => 'SELECT 2');
\echo :SQLSTATE
SELECT ask(test.ctx('SELECT 1', '43'), sql => 'SELECT 1');
\echo :SQLSTATE
SELECT ask(test.ctx('SELECT 1') || '{"x-splitplane-tenant": "7"}', sql => 'SELECT 1');
\echo :SQLSTATE
SELECT ask(test.ctx('SELECT 1') || '{"x-splitplane-role": "admin"}', sql => 'SELECT 1');
\echo :SQLSTATE
SELECT ask(test.ctx('SELECT 1') || '{"host": "elsewhere"}', sql => 'SELECT 1');
\echo :SQLSTATE

\echo -- 42501: a function, a type, an operator outside the plane; the same text whether or not it exists
SELECT test.ask('SELECT pg_sleep(1)');
\echo :SQLSTATE
SELECT test.ask('SELECT no_such_function(1)');
\echo :SQLSTATE
SELECT test.ask('SELECT order_id FROM orders WHERE random() < 0.5');
\echo :SQLSTATE
SELECT test.ask('SELECT set_config(''x.y'', ''1'', false)');
\echo :SQLSTATE
SELECT test.ask('SELECT query_to_xml(''SELECT 1'', true, true, '''')');
\echo :SQLSTATE
SELECT test.ask('SELECT splitplane.claim(''tenant'')');
\echo :SQLSTATE
SELECT test.ask('SELECT ''payroll''::regclass');
\echo :SQLSTATE
SELECT test.ask('SELECT ''x''::no_such_type');
\echo :SQLSTATE
SELECT test.ask('SELECT 1 OPERATOR(public.+) 1');
\echo :SQLSTATE
SELECT test.ask('SELECT current_setting(''splitplane.audience'')');
\echo :SQLSTATE

\echo -- 42P01: a relation outside the plane; the same text whether or not it exists
SELECT test.ask('SELECT * FROM payroll');
\echo :SQLSTATE
SELECT test.ask('SELECT * FROM no_such_table');
\echo :SQLSTATE
SELECT test.ask('SELECT * FROM pg_class');
\echo :SQLSTATE
SELECT test.ask('SELECT * FROM pg_catalog.pg_stats');
\echo :SQLSTATE
SELECT test.ask('SELECT * FROM visits_7');
\echo :SQLSTATE
SELECT test.ask('SELECT * FROM other.orders');
\echo :SQLSTATE
SELECT test.ask('SELECT * FROM splitplane.keys');
\echo :SQLSTATE

\echo -- 42703: a column outside the plane; no hint names one that may not be seen
SELECT test.ask('SELECT email FROM customers');
\echo :SQLSTATE
SELECT test.ask('SELECT emial FROM customers');
\echo :SQLSTATE
SELECT test.ask('SELECT c.no_such FROM customers c');
\echo :SQLSTATE

\echo -- 0A000: a statement or construct that the plane does not admit
SELECT test.ask('DELETE FROM orders');
\echo :SQLSTATE
SELECT test.ask('WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone');
\echo :SQLSTATE
SELECT test.ask('SELECT * INTO copy FROM orders');
\echo :SQLSTATE
SELECT test.ask('SELECT * FROM orders FOR UPDATE');
\echo :SQLSTATE
SELECT test.ask('EXPLAIN SELECT * FROM orders');
\echo :SQLSTATE
SELECT test.ask('SET ROLE postgres');
\echo :SQLSTATE
SELECT test.ask('SELECT 1; SELECT 2');
\echo :SQLSTATE
SELECT test.ask('COPY orders TO STDOUT');
\echo :SQLSTATE
SELECT test.ask('DO $$ BEGIN END $$');
\echo :SQLSTATE

\echo -- 42601: no SQL
SELECT test.ask('SELECT FROM WHERE');
\echo :SQLSTATE
SELECT test.ask('How many stores are there?');
\echo :SQLSTATE

\echo -- 54000 and 54001: too long, too deep
SELECT test.ask('SELECT 1' || repeat(' ', 65529));
\echo :SQLSTATE
SELECT test.ask('SELECT ' || repeat('(', 49) || '1' || repeat(')', 49));
\echo :SQLSTATE
SELECT test.ask('SELECT 1' || repeat('+1', 1001));
\echo :SQLSTATE

\echo -- 53400: over a configured limit
\c - postgres
SET splitplane.max_cost = 10;
SELECT test.ask('SELECT count(*) FROM orders a, orders b, orders c');
\echo :SQLSTATE
RESET splitplane.max_cost;

\echo -- 57014: the deadline
SET splitplane.max_cost = 0;
SET splitplane.deadline = 200;
SELECT test.ask('SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b');
\echo :SQLSTATE
RESET splitplane.deadline;
RESET splitplane.max_cost;
\c - app

\echo -- errors in rows of the caller keep their own state and text
SELECT test.ask('SELECT 1 / (store_id - store_id) FROM stores');
\echo :SQLSTATE
SELECT test.ask('SELECT city::int FROM stores WHERE store_id = 1');
\echo :SQLSTATE
SELECT test.ask('SELECT (SELECT store_id FROM stores)');
\echo :SQLSTATE
-- A predicate that would fail on another tenant's row never meets one.
SELECT test.rows('SELECT count(*) FROM orders WHERE 1 / (total - 7000) > 1');
SELECT test.rows('SELECT count(*) FROM stores WHERE city::varchar LIKE ''CANARY%''');
