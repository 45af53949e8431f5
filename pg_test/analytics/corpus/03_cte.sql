--@ cte-simple ordered
WITH monthly AS (
    SELECT date_trunc('month', ordered_at) AS month, SUM(total) AS revenue
    FROM orders
    WHERE status = 'completed'
    GROUP BY 1
)
SELECT month, revenue FROM monthly ORDER BY month;

--@ cte-named-like-its-table
WITH orders AS (
    SELECT * FROM orders WHERE status = 'completed'
)
SELECT COUNT(*) AS n, SUM(total) AS revenue FROM orders;

--@ cte-two-named-like-their-tables ordered
WITH orders AS (SELECT order_id, store_id, total FROM orders WHERE status = 'completed'),
     stores AS (SELECT store_id, city FROM stores WHERE closed_on IS NULL)
SELECT stores.city, SUM(orders.total) AS revenue
FROM orders JOIN stores ON stores.store_id = orders.store_id
GROUP BY stores.city
ORDER BY stores.city;

--@ cte-named-like-its-table-qualified
WITH orders AS (SELECT * FROM public.orders WHERE channel = 'delivery')
SELECT COUNT(*) AS deliveries, SUM(total) AS revenue FROM orders;

--@ cte-shadow-and-qualified-side-by-side
WITH orders AS (SELECT * FROM orders WHERE channel = 'delivery'),
     everything AS (SELECT * FROM public.orders)
SELECT (SELECT COUNT(*) FROM orders) AS deliveries, (SELECT COUNT(*) FROM everything) AS all_orders, (SELECT COUNT(*) FROM public.orders) AS again;

--@ cte-shadow-renamed-columns ordered
WITH stores(id, place) AS (SELECT store_id, city FROM stores)
SELECT place, COUNT(*) AS n, MIN(id) AS first_id FROM stores GROUP BY place ORDER BY place;

--@ cte-shadows-other-table ordered
WITH orders AS (SELECT store_id, COUNT(*) AS n FROM voids GROUP BY store_id)
SELECT store_id, n FROM orders ORDER BY n DESC, store_id LIMIT 30;

--@ cte-shadow-seen-by-the-next ordered
WITH stores AS (SELECT * FROM stores WHERE state = 'IL'),
     sales AS (SELECT s.store_id, SUM(o.total) AS revenue FROM stores s JOIN orders o ON o.store_id = s.store_id GROUP BY s.store_id)
SELECT store_id, revenue FROM sales ORDER BY store_id;

--@ cte-shadow-joined-with-qualified
WITH orders AS (SELECT order_id, total * 2 AS total FROM orders WHERE order_id <= 200)
SELECT COUNT(*) AS n, SUM(o.total) AS doubled, SUM(p.total) AS plain
FROM orders o JOIN public.orders p ON p.order_id = o.order_id;

--@ cte-nested-with ordered
WITH outer_cte AS (
    WITH inner_cte AS (SELECT store_id, SUM(total) AS revenue FROM orders GROUP BY store_id)
    SELECT s.state, SUM(i.revenue) AS revenue
    FROM inner_cte i JOIN stores s ON s.store_id = i.store_id
    GROUP BY s.state
)
SELECT * FROM outer_cte ORDER BY state;

--@ cte-nested-shadow ordered
WITH a AS (
    WITH stores AS (SELECT store_id FROM stores WHERE store_id <= 50)
    SELECT COUNT(*) AS n FROM stores
)
SELECT a.n AS inside, (SELECT COUNT(*) FROM stores) AS outside FROM a;

--@ cte-in-subquery
SELECT COUNT(*) AS n
FROM orders
WHERE store_id IN (WITH best AS (SELECT store_id FROM orders GROUP BY store_id ORDER BY SUM(total) DESC, store_id LIMIT 5) SELECT store_id FROM best);

--@ cte-in-scalar-subquery ordered
SELECT s.store_id,
       (WITH mine AS (SELECT total FROM orders o WHERE o.store_id = s.store_id) SELECT ROUND(AVG(total), 2) FROM mine) AS avg_check
FROM stores s
ORDER BY s.store_id
LIMIT 40;

--@ cte-chain ordered
WITH completed AS (SELECT * FROM orders WHERE status = 'completed'),
     per_store AS (SELECT store_id, COUNT(*) AS n, SUM(total) AS revenue FROM completed GROUP BY store_id),
     ranked AS (SELECT *, RANK() OVER (ORDER BY revenue DESC) AS place FROM per_store)
SELECT r.place, s.name, r.n, r.revenue
FROM ranked r JOIN stores s USING (store_id)
WHERE r.place <= 10
ORDER BY r.place, s.name;

--@ cte-used-twice ordered
WITH monthly AS (SELECT date_trunc('month', ordered_at)::date AS month, SUM(total) AS revenue FROM orders GROUP BY 1)
SELECT cur.month, cur.revenue, prev.revenue AS before, ROUND((cur.revenue - prev.revenue) / prev.revenue * 100, 2) AS growth_pct
FROM monthly cur LEFT JOIN monthly prev ON prev.month = (cur.month - INTERVAL '1 month')::date
ORDER BY cur.month;

--@ cte-materialized
WITH big AS MATERIALIZED (SELECT * FROM orders WHERE total > 80)
SELECT COUNT(*) AS n, AVG(guests) AS guests FROM big;

--@ cte-not-materialized
WITH big AS NOT MATERIALIZED (SELECT * FROM orders)
SELECT COUNT(*) AS n FROM big WHERE total > 80 AND store_id = 17;

--@ cte-unused
WITH unused AS (SELECT * FROM payments), used AS (SELECT * FROM voids)
SELECT reason, COUNT(*) FROM used GROUP BY reason;

--@ cte-values ordered
WITH thresholds(label, minimum) AS (VALUES ('A', 60), ('B', 30), ('C', 0))
SELECT t.label, COUNT(*) FILTER (WHERE o.total >= t.minimum) AS n
FROM thresholds t CROSS JOIN orders o
GROUP BY t.label
ORDER BY t.label;

--@ cte-parameters
WITH params AS (SELECT DATE '2026-01-01' AS from_date, DATE '2026-04-01' AS to_date)
SELECT COUNT(*) AS n, SUM(o.total) AS revenue
FROM orders o, params p
WHERE o.business_date >= p.from_date AND o.business_date < p.to_date;

--@ cte-union-in-cte ordered
WITH changes AS (
    SELECT store_id, 'discount' AS kind, amount FROM discounts
    UNION ALL
    SELECT store_id, 'void', amount FROM voids
)
SELECT kind, COUNT(*) AS n, SUM(amount) AS amount FROM changes GROUP BY kind ORDER BY kind;

--@ cte-alias-of-shadow ordered
WITH customers AS (SELECT customer_id, tier FROM customers WHERE marketing_opt_in)
SELECT c.tier, COUNT(*) AS n FROM customers AS c GROUP BY c.tier ORDER BY c.tier;

--@ cte-four-deep
WITH a AS (SELECT store_id, total FROM orders), b AS (SELECT * FROM a WHERE total > 10), c AS (SELECT * FROM b WHERE total < 90), d AS (SELECT store_id, AVG(total) AS t FROM c GROUP BY 1)
SELECT COUNT(*) AS stores, ROUND(AVG(t), 4) AS mean FROM d;

--@ cte-same-name-in-two-branches
SELECT * FROM (
    (WITH x AS (SELECT COUNT(*) AS n FROM orders) SELECT 'orders' AS what, n FROM x)
    UNION ALL
    (WITH x AS (SELECT COUNT(*) AS n FROM voids) SELECT 'voids', n FROM x)
) y;

--@ cte-shadow-in-exists
WITH voids AS (SELECT DISTINCT order_id FROM voids WHERE amount > 10)
SELECT COUNT(*) AS n FROM orders o WHERE EXISTS (SELECT 1 FROM voids v WHERE v.order_id = o.order_id);

--@ cte-partition-named-like-parent
WITH app_events AS (SELECT * FROM app_events WHERE kind = 'checkout')
SELECT COUNT(*) AS checkouts FROM app_events WHERE occurred_at < '2026-03-01';

--@ cte-each-joins-the-two-before ordered
WITH a AS (SELECT store_id, SUM(total) AS t FROM orders GROUP BY store_id), b AS (SELECT store_id, t FROM a WHERE t > 0),
c AS (SELECT a.store_id, a.t FROM a JOIN b USING (store_id)), d AS (SELECT b.store_id, c.t FROM b JOIN c USING (store_id)), e AS (SELECT c.store_id, d.t FROM c JOIN d USING (store_id)),
f AS (SELECT d.store_id, e.t FROM d JOIN e USING (store_id)), g AS (SELECT e.store_id, f.t FROM e JOIN f USING (store_id)), h AS (SELECT f.store_id, g.t FROM f JOIN g USING (store_id)),
i AS (SELECT g.store_id, h.t FROM g JOIN h USING (store_id)), j AS (SELECT h.store_id, i.t FROM h JOIN i USING (store_id)), k AS (SELECT i.store_id, j.t FROM i JOIN j USING (store_id)),
l AS (SELECT j.store_id, k.t FROM j JOIN k USING (store_id)), m AS (SELECT k.store_id, l.t FROM k JOIN l USING (store_id)), n AS (SELECT l.store_id, m.t FROM l JOIN m USING (store_id))
SELECT store_id, t FROM n ORDER BY t DESC, store_id LIMIT 20;
