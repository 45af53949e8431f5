-- random() and gen_random_uuid(): in select lists, and nowhere else.
SET client_min_messages = error;
CREATE FUNCTION public.answer(q text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN ask(test.ctx(q), sql => q) ->> 'rows';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END $$;
SELECT count(*) AS all_rows, count(*) FILTER (WHERE tenant_id = 42) AS own_rows FROM public.orders;
\c - app
\echo -- admitted
SELECT q, answer(q) FROM (VALUES
    ('SELECT random() >= 0 AND random() < 1'),
    ('SELECT count(r), bool_and(r >= 0 AND r < 1), count(DISTINCT r) = count(*) FROM (SELECT random() AS r FROM orders) AS s'),
    ('SELECT count(DISTINCT u) = count(*), min(length(u::text)) FROM (SELECT gen_random_uuid() AS u FROM orders) AS s'),
    ('SELECT count(*) FROM (SELECT order_id FROM orders ORDER BY random() LIMIT 2) AS s'),
    ('SELECT count(*) FROM (SELECT order_id, random() AS r FROM orders) AS s WHERE r < 2 AND order_id > 0'),
    ('WITH s AS (SELECT order_id, random() AS r FROM orders) SELECT count(*) FROM s WHERE r < 2 AND order_id IN (SELECT order_id FROM s WHERE r >= 0)'),
    ('WITH s AS NOT MATERIALIZED (SELECT order_id, random() AS r FROM orders) SELECT count(*) FROM s AS a JOIN s AS b ON a.r = b.r'),
    ('SELECT count(*) FROM orders AS o JOIN (SELECT order_id, random() AS r FROM orders) AS s ON s.order_id = o.order_id AND s.r < 2'),
    ('SELECT count(*) FROM orders AS o CROSS JOIN LATERAL (SELECT random() + o.order_id AS r) AS s WHERE s.r > 0'),
    ('SELECT count(r) FROM (SELECT random() AS r FROM orders UNION ALL SELECT random() FROM orders) AS s WHERE r < 2'),
    ('SELECT sum(random()) >= 0, count(*) FILTER (WHERE random() < 2) > 0 FROM orders'),
    ('SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY random()) AS n FROM orders) AS s WHERE n <= 2'),
    ('SELECT CASE WHEN pg_catalog.random() < 2 THEN 1 END'),
    ('SELECT count(*) > 0 FROM (SELECT round(random() * 3) AS r FROM orders GROUP BY 1) AS s'),
    ('SELECT count(*) FROM (SELECT DISTINCT ON (store_id) store_id, order_id FROM orders ORDER BY store_id, random()) AS s WHERE order_id > 0')) AS v (q);
SELECT ask(test.ctx(q), sql => q) -> 'columns' FROM (VALUES ('SELECT random(), gen_random_uuid()')) AS v (q);
\echo -- refused: conditions, functions in FROM, subqueries of expressions
SELECT q, answer(q) FROM (VALUES
    ('SELECT order_id FROM orders WHERE random() < 0.5'),
    ('SELECT order_id FROM orders WHERE gen_random_uuid() IS NOT NULL'),
    ('SELECT order_id FROM orders WHERE total > random() * 10'),
    ('SELECT 1 FROM orders AS a JOIN orders AS b ON a.order_id = b.order_id AND random() < 0.5'),
    ('SELECT count(*) FROM orders GROUP BY store_id HAVING random() < 0.5'),
    ('SELECT count(*) FROM orders GROUP BY (SELECT random())'),
    ('SELECT order_id FROM orders WHERE total > (SELECT random())'),
    ('SELECT order_id FROM orders WHERE EXISTS (SELECT random() FROM orders)'),
    ('SELECT (SELECT random())'),
    ('SELECT order_id FROM orders WHERE order_id IN (SELECT order_id FROM (SELECT order_id, random() AS r FROM orders) AS s WHERE r < 1)'),
    ('SELECT * FROM random() AS r'),
    ('SELECT * FROM generate_series(1, (random() * 3)::int) AS g'),
    ('SELECT * FROM (VALUES (random())) AS v'),
    ('SELECT order_id FROM orders LIMIT (random() * 3)::int'),
    ('SELECT s.o FROM (SELECT order_id AS o FROM orders WHERE random() < 0.5) AS s'),
    ('WITH s AS (SELECT order_id FROM orders WHERE random() < 0.5) SELECT count(*) FROM s'),
    ('SELECT order_id FROM orders UNION ALL SELECT order_id FROM orders WHERE random() < 0.5'),
    ('SELECT splitplane.drawn()'),
    ('SELECT drawn()'),
    ('SELECT setseed(0.5)'),
    ('SELECT random(1, 2)')) AS v (q);
\echo -- the state of the session is neither read nor moved
\c - postgres
SELECT setseed(0.5);
SELECT random() AS first, random() AS second \gset
SELECT setseed(0.5);
SELECT answer('SELECT count(r) FROM (SELECT random() AS r FROM orders) AS s');
SELECT random() = :first AS is_first, random() = :second AS is_second;
\echo -- the control: random() itself moves it
SELECT setseed(0.5);
SELECT count(random()) AS drawn FROM generate_series(1, 1);
SELECT random() = :first AS is_first;
\echo -- a seed gives no known answer
SELECT setseed(0.5);
SELECT answer('SELECT random()') = answer('SELECT random()') AS is_same, answer('SELECT random()') = format('[[%s]]', :first) AS is_known;
\echo -- where a DBA allowed it, it is the function itself, wherever it stands
SELECT splitplane.allow_function('pg_catalog.random()');
SELECT answer('SELECT count(*) FROM orders WHERE random() < 2') = answer('SELECT count(*) FROM orders') AS is_answered;
