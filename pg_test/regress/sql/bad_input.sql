-- Input that is broken rather than hostile: each gets its SQLSTATE and one sentence; nothing is executed.
\c - app

\echo -- arguments
SELECT ask(NULL, sql => 'SELECT 1');
\echo :SQLSTATE
SELECT ask(test.ctx(''));
\echo :SQLSTATE
SELECT ask(test.ctx(''), sql => '');
\echo :SQLSTATE
SELECT ask(test.ctx(''), question => '');
\echo :SQLSTATE

\echo -- contexts of the wrong shape
SELECT ask('[]', sql => 'SELECT 1');
\echo :SQLSTATE
SELECT ask('"signed"', sql => 'SELECT 1');
\echo :SQLSTATE
SELECT ask('null', sql => 'SELECT 1');
\echo :SQLSTATE
SELECT ask('{"authorization": 1.5}', sql => 'SELECT 1');
\echo :SQLSTATE
SELECT ask('{"authorization": {"a": []}}', sql => 'SELECT 1');
\echo :SQLSTATE
SELECT ask(test.ctx('SELECT 1') || '{"x-splitplane-nonce": null}', sql => 'SELECT 1');
\echo :SQLSTATE
SELECT ask(test.ctx('SELECT 1') || '{"X-Splitplane-Tenant": "43"}', sql => 'SELECT 1');
\echo :SQLSTATE
SELECT ask(jsonb_build_object('authorization', repeat('x', 1000000)), sql => 'SELECT 1');
\echo :SQLSTATE

\echo -- SQL that is empty, only a comment, not one statement, or not UTF-8
SELECT test.ask('');
\echo :SQLSTATE
SELECT test.ask('   ');
\echo :SQLSTATE
SELECT test.ask(';');
\echo :SQLSTATE
SELECT test.ask('-- nothing');
\echo :SQLSTATE
SELECT test.ask('/* nothing */');
\echo :SQLSTATE
SELECT test.rows('SELECT 1;;');
SELECT test.ask('SELECT 1; DROP TABLE orders');
\echo :SQLSTATE
SELECT test.ask('SELECT $1');
\echo :SQLSTATE
SELECT test.ask('SELECT ''unfinished');
\echo :SQLSTATE
SELECT test.ask('SELECT E''\xff''');
\echo :SQLSTATE
SELECT test.ask('SELECT E''\000''');
\echo :SQLSTATE
SELECT test.ask('SELECT U&''\0000''');
\echo :SQLSTATE
SELECT test.ask('SELECT U&''\d800''');
\echo :SQLSTATE
SELECT test.ask('SELECT chr(0)');
\echo :SQLSTATE

\echo -- size: a byte, a nested comment, a set operation or a link of a chain more than the bounds
SELECT test.ask('SELECT ''' || repeat('x', 65528) || '''');
\echo :SQLSTATE
SELECT test.ask(repeat('/*', 33) || repeat('*/', 33) || ' SELECT 1');
\echo :SQLSTATE
SELECT test.ask('SELECT 1' || repeat(' UNION SELECT 1', 201));
\echo :SQLSTATE
SELECT test.ask('SELECT 1::int' || repeat('[]', 1001));
\echo :SQLSTATE

\echo -- what a CTE cannot carry is refused by name, never silently ignored
\set VERBOSITY sqlstate
SELECT test.ask('SELECT * FROM ONLY orders');
SELECT test.ask('SELECT xmlelement(name a)');
\set VERBOSITY default
SELECT test.ask('SELECT * FROM orders TABLESAMPLE SYSTEM (10)');
\echo :SQLSTATE
SELECT test.ask('SELECT ctid FROM orders');
\echo :SQLSTATE
SELECT test.ask('SELECT o.tableoid FROM orders o');
\echo :SQLSTATE
SELECT test.ask('SELECT (o)::public.orders FROM orders o');
\echo :SQLSTATE
SELECT test.ask('SELECT NULL::orders');
\echo :SQLSTATE

\echo -- what PostgreSQL parses and the plane or its first filter does not carry
SELECT test.rows('SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS t');
SELECT test.ask('SELECT * FROM json_to_record(''{"a": 1}'') AS x(a int)');
\echo :SQLSTATE
SELECT test.ask('SELECT 1 ORDER BY 1 USING <');
\echo :SQLSTATE
SELECT test.ask('SELECT ''a'' COLLATE "no such"');
\echo :SQLSTATE
SELECT test.ask('SELECT CURRENT_USER');
\echo :SQLSTATE
SELECT test.ask('SELECT CURRENT_CATALOG');
\echo :SQLSTATE

\echo -- a table altered or dropped between calls
\c - postgres
SET client_min_messages = warning;
SELECT test.rows('SELECT count(*) FROM stores');
ALTER TABLE stores ADD COLUMN added text DEFAULT 'not in the plane until a DBA says so';
SELECT test.rows('SELECT * FROM stores WHERE store_id = 1');
SELECT test.ask('SELECT added FROM stores');
\echo :SQLSTATE
ALTER TABLE customers RENAME COLUMN name TO full_name;
SELECT test.ask('SELECT * FROM customers');
\echo :SQLSTATE
ALTER TABLE customers RENAME COLUMN full_name TO name;
SELECT test.rows('SELECT count(*) FROM customers');
ALTER TABLE orders RENAME TO purchases;
SELECT test.rows('SELECT count(*) FROM orders');
ALTER TABLE purchases RENAME TO orders;
DROP TABLE currencies;
SELECT test.ask('SELECT * FROM currencies');
\echo :SQLSTATE
-- The others go on working.
SELECT test.rows('SELECT count(*) FROM orders');

\echo -- claims that do not fit the column
SELECT splitplane.admit('forty-two', claims => '{"stores": [1]}');
SELECT test.ask('SELECT count(*) FROM orders', 'forty-two');
\echo :SQLSTATE
SELECT splitplane.admit('43', claims => '{"stores": ["one"]}');
SELECT test.ask('SELECT count(*) FROM visits', '43');
\echo :SQLSTATE
SELECT splitplane.admit('44');
SELECT test.ask('SELECT count(*) FROM visits', '44');
\echo :SQLSTATE
SELECT test.rows('SELECT count(*) FROM orders', '44');
