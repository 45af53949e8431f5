--@ sub-in ordered
SELECT order_id, total FROM orders
WHERE store_id IN (SELECT store_id FROM stores WHERE state = 'IL')
ORDER BY total DESC, order_id
LIMIT 20;

--@ sub-not-in ordered
SELECT item_id, name FROM menu_items
WHERE item_id NOT IN (SELECT item_id FROM order_items WHERE quantity > 2 AND voided)
ORDER BY item_id;

--@ sub-in-row ordered
SELECT order_id, line_no, line_total FROM order_items
WHERE (order_id, line_no) IN (SELECT order_id, line_no FROM voids)
ORDER BY order_id, line_no
LIMIT 40;

--@ sub-not-exists ordered
SELECT c.tier, COUNT(*) AS never_ordered
FROM customers c
WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.customer_id)
GROUP BY c.tier
ORDER BY c.tier;

--@ sub-any ordered
SELECT name, price FROM menu_items
WHERE price > ANY (SELECT price FROM menu_items WHERE category = 'main')
ORDER BY price DESC, item_id;

--@ sub-all ordered
SELECT store_id, COUNT(*) AS n FROM orders
GROUP BY store_id
HAVING COUNT(*) >= ALL (SELECT COUNT(*) FROM orders GROUP BY store_id)
ORDER BY store_id;

--@ sub-any-array ordered
SELECT store_id, name FROM stores WHERE city = ANY (ARRAY['Chicago', 'Denver', 'Boston']) ORDER BY store_id;

--@ sub-all-array
SELECT COUNT(*) AS n FROM orders WHERE channel::text <> ALL (ARRAY['delivery', 'catering']) AND status <> ALL ('{cancelled,open}');

--@ sub-some
SELECT COUNT(*) AS n FROM orders o WHERE o.total > SOME (SELECT revenue_target / 20 FROM store_targets t WHERE t.store_id = o.store_id);

--@ sub-correlated-avg ordered
SELECT o.order_id, o.store_id, o.total
FROM orders o
WHERE o.total > 2.5 * (SELECT AVG(o2.total) FROM orders o2 WHERE o2.store_id = o.store_id)
ORDER BY o.order_id
LIMIT 60;

--@ sub-correlated-select-list ordered
SELECT s.store_id, s.name,
       (SELECT COUNT(*) FROM orders o WHERE o.store_id = s.store_id) AS orders,
       (SELECT MAX(o.ordered_at) FROM orders o WHERE o.store_id = s.store_id) AS last_order,
       (SELECT COUNT(*) FROM employees e WHERE e.store_id = s.store_id AND e.left_on IS NULL) AS staff
FROM stores s
ORDER BY s.store_id
LIMIT 50;

--@ sub-scalar-comparison
SELECT COUNT(*) AS above_average FROM orders WHERE total > (SELECT AVG(total) FROM orders);

--@ sub-from ordered
SELECT d.dow, ROUND(AVG(d.revenue), 2) AS avg_revenue
FROM (SELECT extract(isodow FROM business_date) AS dow, business_date, SUM(total) AS revenue FROM orders GROUP BY 1, 2) AS d
GROUP BY d.dow
ORDER BY d.dow;

--@ sub-in-having
SELECT channel, AVG(total) AS mean FROM orders GROUP BY channel HAVING AVG(total) > (SELECT AVG(total) FROM orders);

--@ sub-in-order-by ordered
SELECT b.name FROM businesses b ORDER BY (SELECT COUNT(*) FROM stores s WHERE s.business_id = b.business_id) DESC, b.name;

--@ sub-in-case
SELECT CASE WHEN EXISTS (SELECT FROM orders WHERE total > 150) THEN 'yes' ELSE 'no' END AS any_big, (SELECT COUNT(*) FROM orders) > 100 AS busy, (SELECT COUNT(*) FROM orders WHERE total > 100) AS big;

--@ sub-array-constructor ordered
SELECT b.name, ARRAY(SELECT s.store_id FROM stores s WHERE s.business_id = b.business_id ORDER BY s.store_id LIMIT 5) AS first_stores
FROM businesses b
ORDER BY b.name;

--@ sub-lateral-aggregate ordered
SELECT s.store_id, x.n, x.revenue
FROM stores s, LATERAL (SELECT COUNT(*) AS n, SUM(o.total) AS revenue FROM orders o WHERE o.store_id = s.store_id AND o.status = 'refunded') x
WHERE x.n > 0
ORDER BY s.store_id;

--@ sub-distinct-on ordered
SELECT DISTINCT ON (store_id) store_id, order_id, ordered_at, total
FROM orders
ORDER BY store_id, ordered_at DESC, order_id;

--@ sub-distinct-on-two ordered
SELECT DISTINCT ON (category, price > 10) category, name, price
FROM menu_items
ORDER BY category, price > 10, price DESC, item_id;

--@ sub-distinct ordered
SELECT DISTINCT s.business_id, o.channel FROM orders o JOIN stores s USING (store_id) ORDER BY 1, 2;

--@ set-union ordered
SELECT store_id FROM voids WHERE amount > 15 UNION SELECT store_id FROM discounts WHERE amount > 15 ORDER BY store_id;

--@ set-union-all ordered
SELECT 'orders' AS source, COUNT(*) AS n FROM orders
UNION ALL SELECT 'payments', COUNT(*) FROM payments
UNION ALL SELECT 'voids', COUNT(*) FROM voids
UNION ALL SELECT 'customers', COUNT(*) FROM customers
ORDER BY source;

--@ set-intersect ordered
SELECT customer_id FROM orders WHERE channel = 'delivery' AND business_date >= '2026-01-01'
INTERSECT
SELECT customer_id FROM orders WHERE channel = 'takeaway' AND business_date >= '2026-01-01'
ORDER BY customer_id;

--@ set-intersect-all ordered
SELECT store_id FROM orders WHERE channel = 'catering' INTERSECT ALL SELECT store_id FROM voids ORDER BY 1;

--@ set-except ordered
SELECT store_id FROM stores EXCEPT SELECT store_id FROM orders WHERE channel = 'catering' ORDER BY store_id;

--@ set-except-all ordered
(SELECT city FROM stores) EXCEPT ALL (SELECT DISTINCT city FROM stores) ORDER BY city;

--@ set-parenthesised ordered
(SELECT order_id, total FROM orders ORDER BY total DESC, order_id LIMIT 3)
UNION ALL
(SELECT order_id, total FROM orders WHERE total > 0 ORDER BY total, order_id LIMIT 3)
ORDER BY total, order_id;

--@ set-precedence ordered
SELECT store_id FROM stores WHERE store_id < 10 UNION SELECT store_id FROM voids INTERSECT SELECT store_id FROM discounts WHERE amount > 5 ORDER BY 1;

--@ set-mixed-types ordered
SELECT item_id AS n, 'item' AS what FROM menu_items WHERE item_id < 3 UNION ALL SELECT 2.5, NULL UNION ALL SELECT store_id::bigint, city FROM stores WHERE store_id = 17 ORDER BY 1, 2;

--@ sub-limit-offset ordered
SELECT order_id, total FROM orders ORDER BY order_id LIMIT 10 OFFSET 25;

--@ sub-fetch-first ordered
SELECT order_id, total FROM orders ORDER BY total DESC, order_id OFFSET 5 ROWS FETCH NEXT 5 ROWS ONLY;

--@ sub-fetch-with-ties
SELECT item_id, category FROM menu_items ORDER BY category FETCH FIRST 3 ROWS WITH TIES;

--@ sub-limit-expression ordered
SELECT store_id FROM stores ORDER BY store_id LIMIT (SELECT COUNT(*) / 4 + 1 FROM stores);

--@ sub-limit-all-null ordered
SELECT item_id FROM menu_items ORDER BY item_id DESC LIMIT ALL OFFSET 0;

--@ sub-nulls-order ordered
SELECT store_id, closed_on FROM stores ORDER BY closed_on DESC NULLS LAST, store_id LIMIT 12;

--@ sub-exists-double-negation ordered
SELECT s.store_id FROM stores s
WHERE NOT EXISTS (SELECT 1 FROM menu_items m WHERE m.category = 'dessert'
                  AND NOT EXISTS (SELECT 1 FROM order_items oi WHERE oi.store_id = s.store_id AND oi.item_id = m.item_id))
ORDER BY s.store_id;

--@ sub-three-levels
SELECT AVG(n) AS mean FROM (SELECT store_id, COUNT(*) AS n FROM (SELECT store_id FROM (SELECT * FROM orders WHERE status = 'completed') a WHERE total > 10) b GROUP BY store_id) c;
