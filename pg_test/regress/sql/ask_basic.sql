-- ask: one document, the caller's own rows and no other tenant's.
\c - app

-- The whole document, but for the two members that differ from call to call.
\pset format unaligned
\pset tuples_only on
SELECT jsonb_pretty(test.ask('SELECT store_id, city FROM stores WHERE store_id < 3 ORDER BY store_id'));
SELECT test.ask('SELECT city AS "City", city AS "City", 1 FROM stores WHERE store_id = 1');
SELECT test.ask('SELECT order_id FROM orders WHERE false');
\pset tuples_only off
\pset format aligned
SELECT jsonb_object_keys(ask(test.ctx('SELECT 1 AS one'), sql => 'SELECT 1 AS one')) AS member ORDER BY 1;

-- The same SQL, two tenants.
SELECT test.rows('SELECT count(*), sum(total), min(city) FROM orders JOIN stores USING (store_id)', '42');
SELECT test.rows('SELECT count(*), sum(total), min(city) FROM orders JOIN stores USING (store_id)', '7');
-- A claim that is a list: the franchise sees two stores of four.
SELECT test.rows('SELECT store_id, sum(guests) FROM visits GROUP BY 1 ORDER BY 1', '42');
SELECT test.rows('SELECT store_id, sum(guests) FROM visits GROUP BY 1 ORDER BY 1', '42', 'franchise');
-- A shared table is the same for everyone.
SELECT test.rows('SELECT * FROM currencies ORDER BY code', '7') = test.rows('SELECT * FROM currencies ORDER BY code', '42') AS same;

-- Shapes that models write: a CTE named like its table, the schema, quotes, comments, a semicolon, an alias named like another table.
SELECT test.rows('WITH orders AS (SELECT * FROM orders WHERE total > 350) SELECT count(*) FROM orders;');
SELECT test.rows('SELECT count(*) FROM public.orders');
SELECT test.rows('SELECT count(*) FROM "public"."orders" AS "stores" -- of the chain');
SELECT test.rows($$/* which? */ SELECT o.order_id FROM orders o WHERE o.state = 'paid' AND o.ordered_on BETWEEN '2026-01-01' AND '2026-01-10' ORDER BY 1$$);
SELECT test.rows('SELECT city FROM stores s WHERE EXISTS (SELECT FROM orders o WHERE o.store_id = s.store_id AND o.total = 400)');
SELECT test.rows('SELECT order_id, total, rank() OVER (PARTITION BY store_id ORDER BY total DESC) FROM orders ORDER BY 3, 2 DESC LIMIT 4');
SELECT test.rows('TABLE currencies');
SELECT test.rows('VALUES (1, ''one''), (2, ''two'')');
SELECT test.rows('SELECT count(*) FROM orders UNION ALL SELECT count(*) FROM stores');
SELECT test.rows('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n');

-- Values come out as to_jsonb gives them, with their types named.
SELECT c.value ->> 'name' AS name, c.value ->> 'type' AS type, d.doc -> 'rows' -> 0 -> (c.position::int - 1) AS value
  FROM test.ask($$SELECT 1.50::numeric AS n, NULL::text AS nothing, ARRAY[1, 2] AS list, '{"a": [1, null]}'::jsonb AS doc,
    timestamptz '2026-01-02 03:04:05+02' AS moment, date '2026-01-02' AS day, interval '1 day 2 hours' AS span, true AS yes, 'a"b\c' AS txt, 1e400::numeric > 0 AS big$$) AS d(doc),
       jsonb_array_elements(d.doc -> 'columns') WITH ORDINALITY AS c(value, position);
-- More rows than asked for are cut, and it is said.
SELECT d ->> 'row_count' AS row_count, d ->> 'truncated' AS truncated, jsonb_array_length(d -> 'rows') AS rows
  FROM test.ask('SELECT i FROM generate_series(1, 1001) AS g(i)') d;
SELECT d ->> 'row_count' AS row_count, d ->> 'truncated' AS truncated
  FROM test.ask('SELECT i FROM generate_series(1, 1000) AS g(i)') d;

-- A signed question with SQL besides: the signature is over the question.
SELECT ask(test.ctx('How many stores?'), 'How many stores?', 'SELECT count(*) FROM stores') -> 'rows' AS rows;
SELECT ask(test.ctx('SELECT count(*) FROM stores'), 'How many stores?', 'SELECT count(*) FROM stores');
\echo :SQLSTATE
-- A question alone needs a model.
SELECT ask(test.ctx('How many stores?'), 'How many stores?');
\echo :SQLSTATE

-- The call leaves the session as it was.
SHOW search_path;
SELECT current_user, session_user;
