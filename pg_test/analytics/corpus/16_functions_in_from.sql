--@ func-generate-series-plain ordered same
SELECT n, n * 10 AS tens FROM generate_series(1, 5) AS n ORDER BY n;

--@ func-generate-series-step ordered same
SELECT g.n FROM generate_series(10, 1, -3) AS g(n) ORDER BY g.n DESC;

--@ func-generate-series-numeric ordered
SELECT t AS threshold, (SELECT COUNT(*) FROM orders WHERE total >= t) AS orders FROM generate_series(0, 100, 12.5) AS t ORDER BY t;

--@ func-rows-from ordered same
SELECT * FROM ROWS FROM (generate_series(1, 3), unnest(ARRAY['a', 'b'])) AS t(n, letter) ORDER BY n;

--@ func-with-ordinality ordered
SELECT s.city, f.ord FROM stores s, generate_series(1, 2) WITH ORDINALITY AS f(n, ord) WHERE s.store_id IN (17, 42) ORDER BY s.store_id, f.ord;

--@ func-lateral-values ordered
SELECT s.store_id, v.metric, v.value
FROM stores s CROSS JOIN LATERAL (VALUES ('seats', s.seats::numeric), ('features', cardinality(s.features)::numeric), ('year', extract(year FROM s.opened_on))) AS v(metric, value)
WHERE s.store_id < 45 ORDER BY s.store_id, v.metric;

--@ func-scalar-in-from ordered same
SELECT * FROM lower('ABC') AS l, upper('def') AS u;

--@ func-srf-in-select ordered
SELECT store_id, generate_series(1, 2) AS n FROM stores WHERE store_id IN (17, 42) ORDER BY store_id, n;

--@ func-unpivot ordered
SELECT o.order_id, k.part, k.amount FROM orders o CROSS JOIN LATERAL (VALUES ('subtotal', o.subtotal), ('discount', -o.discount), ('tax', o.tax)) k(part, amount) WHERE o.store_id = 17 ORDER BY o.order_id, k.part LIMIT 30;

--@ func-calendar-fill ordered
SELECT m.month::date AS month, s.store_id, COALESCE(SUM(o.total), 0) AS revenue
FROM generate_series(TIMESTAMP '2026-01-01', TIMESTAMP '2026-06-01', INTERVAL '1 month') AS m(month)
CROSS JOIN stores s LEFT JOIN orders o ON o.store_id = s.store_id AND date_trunc('month', o.business_date::timestamp) = m.month
WHERE s.store_id IN (1, 17, 42) GROUP BY 1, 2 ORDER BY 1, 2;

--@ func-nullif-bucket ordered
SELECT NULLIF(width_bucket(total, 10, 60, 5), 0) AS bucket, COUNT(*) AS n, numrange(MIN(total), MAX(total), '[]') AS span FROM orders GROUP BY 1 ORDER BY 1 NULLS FIRST;

--@ func-regexp-table ordered same
SELECT word, length(word) AS len FROM regexp_split_to_table('which stores had the highest void rate', ' ') AS word ORDER BY len DESC, word;

--@ func-json-array-in-from ordered
SELECT w.value AS device, COUNT(o.order_id) AS n FROM json_array_elements_text('["till", "tablet", "app", "web"]') AS w JOIN orders o ON o.details->>'device' = w.value GROUP BY 1 ORDER BY 1;

--@ func-array-agg-join-back ordered
SELECT s.store_id, s.name FROM (SELECT array_agg(store_id ORDER BY store_id) AS ids FROM stores WHERE seats > 100) t JOIN stores s ON s.store_id = ANY (t.ids) ORDER BY s.store_id LIMIT 30;

--@ func-tablefunc-like-pivot ordered
SELECT * FROM (SELECT channel::text AS channel, status, COUNT(*) AS n FROM orders GROUP BY 1, 2) p ORDER BY channel, status;
