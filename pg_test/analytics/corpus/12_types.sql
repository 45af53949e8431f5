--@ type-casts ordered
SELECT order_id, total::int AS i, total::text AS t, CAST(total AS double precision) AS f, CAST(guests AS numeric(6,2)) AS g, ordered_at::date AS d, total::float4 AS r, order_id::varchar(3) AS v, guests::boolean::int IS NULL AS x
FROM (SELECT order_id, total, guests::int AS guests, ordered_at FROM orders) o ORDER BY order_id LIMIT 10;

--@ type-cast-literals ordered same
SELECT '42'::int + 1 AS a, '3.14'::numeric AS b, 'true'::bool AS c, '1e3'::float8 AS d, 7 / 2 AS e, 7 / 2.0 AS f, 7 % 3 AS g, 2 ^ 10 AS h, |/ 16.0 AS i, @ -5 AS j, 5 & 3 AS k, 5 | 3 AS l, 5 # 3 AS m, ~5 AS n, 1 << 4 AS o, B'101' AS p, X'1F' AS q, numeric '1.5' AS r;

--@ type-coalesce-nullif-greatest ordered
SELECT store_id, COALESCE(closed_on, DATE '2099-12-31') AS until, NULLIF(seats, 100) AS seats, GREATEST(seats, 60, business_id) AS big, LEAST(opened_on, DATE '2010-01-01') AS old FROM stores ORDER BY store_id LIMIT 40;

--@ type-is-distinct ordered
SELECT closed_on IS DISTINCT FROM NULL AS closed, closed_on IS NOT DISTINCT FROM DATE '2026-03-01' AS that_day, COUNT(*) AS n FROM stores GROUP BY 1, 2 ORDER BY 1, 2;

--@ type-boolean-tests ordered
SELECT marketing_opt_in IS TRUE AS yes, (birth_year > 1990) IS UNKNOWN AS unknown, (birth_year > 1990) IS NOT FALSE AS maybe, COUNT(*) AS n FROM customers GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

--@ type-row-comparison ordered
SELECT order_id, store_id, total FROM orders WHERE (store_id, total) > (17, 100) AND ROW(store_id, guests) < ROW(60, 3) ORDER BY order_id LIMIT 20;

--@ type-row-values-in
SELECT COUNT(*) AS n FROM orders WHERE (channel::text, status) IN (('delivery', 'completed'), ('takeaway', 'refunded'));

--@ type-row-constructor ordered
SELECT ROW(store_id, city) AS pair, (store_id, seats) = (17, seats) AS is_17 FROM stores ORDER BY store_id LIMIT 20;

--@ type-values-statement ordered same
VALUES (1, 'one', NULL::date), (2, 'two', DATE '2026-01-01'), (3, 'three', NULL) ORDER BY 1;

--@ type-values-join ordered
SELECT v.id, v.label, s.name FROM (VALUES (17, 'ours'), (42, 'ours too'), (9999, 'nobody')) AS v(id, label) LEFT JOIN stores s ON s.store_id = v.id ORDER BY v.id;

--@ type-case-pivot ordered
SELECT store_id,
       SUM(CASE WHEN channel = 'dine_in' THEN total ELSE 0 END) AS dine_in,
       SUM(CASE channel WHEN 'delivery' THEN total END) AS delivery,
       SUM(CASE WHEN channel IN ('takeaway', 'catering') THEN total ELSE 0.0 END) AS other,
       COUNT(CASE WHEN total > 80 THEN 1 END) AS big
FROM orders GROUP BY store_id ORDER BY store_id;

--@ type-case-nested ordered
SELECT CASE WHEN guests = 1 THEN 'single' WHEN guests <= 4 THEN CASE WHEN channel = 'dine_in' THEN 'table' ELSE 'family' END ELSE 'party' END AS kind, COUNT(*) AS n FROM orders GROUP BY 1 ORDER BY 1;

--@ type-rounding ordered
SELECT order_id, ROUND(total) AS r0, ROUND(total, 1) AS r1, ROUND(total, -1) AS rm1, CEIL(total) AS c, FLOOR(total) AS f, TRUNC(total, 1) AS t, total % 7 AS m, MOD(order_id, 4) AS o, SIGN(total - 40) AS s, ABS(total - 40) AS a, DIV(total, 7) AS dv
FROM orders ORDER BY order_id LIMIT 10;

--@ type-math ordered
SELECT ROUND(SQRT(seats)::numeric, 8) AS q, ROUND(LN(seats)::numeric, 8) AS ln, ROUND(LOG(seats)::numeric, 8) AS lg, EXP(0) AS e, POWER(seats, 2) AS p, ROUND(PI()::numeric, 10) AS pi, GCD(seats, 12) AS g, ROUND(DEGREES(ATAN2(latitude, longitude))::numeric, 6) AS dg
FROM stores ORDER BY store_id LIMIT 10;

--@ type-haversine ordered
SELECT b.store_id, ROUND((6371 * acos(LEAST(1, cos(radians(a.latitude)) * cos(radians(b.latitude)) * cos(radians(b.longitude) - radians(a.longitude)) + sin(radians(a.latitude)) * sin(radians(b.latitude)))))::numeric, 3) AS km
FROM stores a JOIN stores b ON b.store_id <> a.store_id
WHERE a.store_id = 17 ORDER BY km, b.store_id LIMIT 10;

--@ type-enum-order ordered
SELECT tier, COUNT(*) AS n FROM customers WHERE tier >= 'silver' GROUP BY tier ORDER BY tier DESC;

--@ type-enum-in-and-text ordered
SELECT channel::text AS channel, LENGTH(channel::text) AS len, COUNT(*) AS n FROM orders WHERE channel IN ('delivery', 'takeaway') GROUP BY channel ORDER BY channel::text;

--@ type-enum-minmax
SELECT MIN(tier) AS lowest, MAX(tier) AS highest, COUNT(DISTINCT tier) AS tiers, COUNT(*) AS n FROM customers;

--@ type-smallint-arithmetic
SELECT SUM(guests) AS guests, AVG(guests) AS mean, SUM(total) / NULLIF(SUM(guests), 0) AS per_guest, MAX(guests)::bigint * 1000000000 AS big FROM orders;

--@ type-ranges ordered
SELECT item_id, name FROM menu_items WHERE price <@ numrange(5, 12.5, '[]') AND NOT int4range(3, 6) @> item_id ORDER BY item_id;

--@ type-uuid-bytea-net ordered same
SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS u, '\xdeadbeef'::bytea AS b, encode('abc'::bytea, 'base64') AS e, decode('616263', 'hex') AS d, '12.5'::money IS NOT NULL AS m;

--@ type-null-arithmetic ordered
SELECT store_id, closed_on - opened_on AS days_open, closed_on IS NULL OR closed_on > DATE '2026-06-30' AS active, NULL::int + 1 AS nothing FROM stores WHERE store_id % 29 = 0 OR store_id IN (17, 42) ORDER BY store_id;

--@ type-division-guard ordered
SELECT s.store_id, COALESCE(v.n, 0)::numeric / NULLIF(o.n, 0) AS void_rate
FROM stores s LEFT JOIN (SELECT store_id, COUNT(*) AS n FROM voids GROUP BY 1) v USING (store_id) LEFT JOIN (SELECT store_id, COUNT(*) AS n FROM orders GROUP BY 1) o USING (store_id)
ORDER BY void_rate DESC NULLS LAST, s.store_id LIMIT 20;

--@ type-no-from same
SELECT 1 AS one, 'x' || 'y' AS xy, 2 > 1 AS t, NULL AS nothing, CURRENT_DATE IS NOT NULL AS today;

--@ type-constants-of-more-types ordered same
SELECT inet '10.0.0.1' << inet '10.0.0.0/8' AS inside, daterange '[2026-01-01,2026-02-01)' @> date '2026-01-05' AS within, int4multirange '{[1,3),[5,7)}' @> 2 AS among, interval '1-2' year to month AS span, pg_typeof(1.5)::text AS type;
