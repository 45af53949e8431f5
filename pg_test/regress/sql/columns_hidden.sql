-- customers.email is not in the plane. It must not come out by any spelling, and it stands behind three fences:
-- the CTE, the proof, and the reader's column grants.
\c - app
SELECT test.ask('SELECT * FROM customers ORDER BY customer_id LIMIT 1') -> 'columns' AS columns;
SELECT test.rows('SELECT to_jsonb(c) FROM customers c WHERE customer_id = 1');
SELECT test.rows('SELECT c::text FROM customers c WHERE customer_id = 1');
SELECT test.rows('SELECT count(c) FROM customers c');
SELECT test.ask('SELECT c.email FROM customers c');
\echo :SQLSTATE
SELECT test.ask('SELECT (c).email FROM customers c');
\echo :SQLSTATE
SELECT test.ask('SELECT email(c) FROM customers c');
\echo :SQLSTATE
SELECT test.ask('SELECT name FROM customers WHERE email LIKE ''g%''');
\echo :SQLSTATE
SELECT test.ask('SELECT name FROM customers ORDER BY email');
\echo :SQLSTATE
SELECT test.ask('SELECT c.email FROM public.customers AS c');
\echo :SQLSTATE
SELECT test.ask('SELECT a.email FROM customers AS a(tenant_id, customer_id, name, email)');
\echo :SQLSTATE
SELECT test.rows('SELECT name FROM customers NATURAL JOIN (SELECT ''x'' AS email) x');
-- Renaming a visible column to the hidden one's name shows the visible one.
SELECT test.rows('SELECT email FROM customers AS a(t, c, email) ORDER BY c LIMIT 1');

\c - postgres
-- The second fence: even the reader itself, outside ask, may not read the column.
SET ROLE splitplane_reader;
SELECT email FROM public.customers;
SELECT * FROM public.customers;
RESET ROLE;
-- A grant too many is found, and ask refuses everyone until it is gone.
GRANT SELECT (email) ON public.customers TO splitplane_reader;
SELECT severity, object, finding, fix FROM splitplane.doctor() WHERE severity = 'critical';
SELECT test.ask('SELECT count(*) FROM customers');
\echo :SQLSTATE
SELECT fix FROM splitplane.doctor() WHERE severity = 'critical' \gexec
SELECT test.rows('SELECT count(*) FROM customers');
