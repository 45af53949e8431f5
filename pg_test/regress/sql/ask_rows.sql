-- ask_rows: the same, as typed rows for a column definition list.
\c - app
\set q 'SELECT store_id, count(*) AS orders, sum(total) AS revenue FROM orders GROUP BY store_id ORDER BY store_id'
SELECT * FROM ask_rows(test.ctx(:'q'), sql => :'q') AS t(store int, orders bigint, revenue numeric);
-- It is a relation like any other to the caller.
SELECT sum(t.revenue) FROM ask_rows(test.ctx(:'q'), sql => :'q') AS t(store int, orders bigint, revenue numeric) WHERE t.store > 2;
\set q 'SELECT NULL::int AS a, ARRAY[1, NULL, 3] AS b, jsonb_build_object(''k'', 1) AS c, timestamptz ''2026-01-02 03:04:05+00'' AS d'
SELECT * FROM ask_rows(test.ctx(:'q'), sql => :'q') AS t(a int, b int[], c jsonb, d timestamptz);
\set q 'SELECT city FROM stores WHERE false'
SELECT * FROM ask_rows(test.ctx(:'q'), sql => :'q') AS t(city text);

-- A type that PostgreSQL would assign is assigned; a list that does not fit is an error, not a guess.
\set q 'SELECT store_id, city FROM stores'
SELECT * FROM ask_rows(test.ctx(:'q'), sql => :'q') AS t(store_id int);
\echo :SQLSTATE
SELECT * FROM ask_rows(test.ctx(:'q'), sql => :'q') AS t(store_id text, city text) LIMIT 1;
SELECT * FROM ask_rows(test.ctx(:'q'), sql => :'q') AS t(store_id int, city int);
\echo :SQLSTATE
SELECT * FROM ask_rows(test.ctx(:'q'), sql => :'q');
\echo :SQLSTATE
-- Refusals are those of ask.
\set q 'SELECT * FROM payroll'
SELECT * FROM ask_rows(test.ctx(:'q'), sql => :'q') AS t(employee text, salary int);
\echo :SQLSTATE
