--@ join-inner ordered
SELECT s.city, COUNT(*) AS orders, SUM(o.total) AS revenue
FROM orders o
JOIN stores s ON s.store_id = o.store_id
WHERE o.status = 'completed'
GROUP BY s.city
ORDER BY revenue DESC, s.city;

--@ join-three-way ordered
SELECT b.name AS business, b.region, SUM(o.total) AS revenue
FROM orders o
JOIN stores s ON s.store_id = o.store_id
JOIN businesses b ON b.business_id = s.business_id
WHERE o.status = 'completed' AND o.ordered_at >= '2026-01-01'
GROUP BY b.name, b.region
ORDER BY revenue DESC, business;

--@ join-four-way-top-items ordered
SELECT m.name, m.category, SUM(oi.quantity) AS sold, SUM(oi.line_total) AS sales
FROM order_items oi
JOIN orders o ON o.order_id = oi.order_id
JOIN menu_items m ON m.item_id = oi.item_id
JOIN stores s ON s.store_id = o.store_id
WHERE o.status = 'completed' AND NOT oi.voided AND s.state = 'IL'
GROUP BY m.name, m.category
ORDER BY sales DESC, m.name
LIMIT 10;

--@ join-on-tenant-and-id
SELECT s.name, COUNT(o.order_id) AS n
FROM stores s
JOIN orders o ON o.tenant_id = s.tenant_id AND o.store_id = s.store_id
GROUP BY s.name
HAVING COUNT(o.order_id) >= 40;

--@ join-left-with-nulls ordered
SELECT s.store_id, s.name, COUNT(g."feedbackId") AS feedbacks, ROUND(AVG(g."Score"), 2) AS avg_score
FROM stores s
LEFT JOIN "GuestFeedback" g ON g."storeId" = s.store_id AND g."Score" <= 2
GROUP BY s.store_id, s.name
ORDER BY feedbacks DESC, s.store_id
LIMIT 50;

--@ join-left-anti ordered
SELECT m.item_id, m.name
FROM menu_items m
LEFT JOIN order_items oi ON oi.item_id = m.item_id AND oi.voided AND oi.quantity > 2
WHERE oi.order_id IS NULL
ORDER BY m.item_id;

--@ join-right
SELECT e.employee_id, e.job, COUNT(sh.shift_id) AS shifts
FROM shifts sh
RIGHT JOIN employees e ON e.employee_id = sh.employee_id
WHERE e.job = 'manager'
GROUP BY e.employee_id, e.job;

--@ join-full-outer ordered
WITH d AS (SELECT store_id, SUM(amount) AS discounts FROM discounts GROUP BY store_id),
     v AS (SELECT store_id, SUM(amount) AS voids FROM voids GROUP BY store_id)
SELECT COALESCE(d.store_id, v.store_id) AS store_id, d.discounts, v.voids
FROM d FULL OUTER JOIN v ON v.store_id = d.store_id
ORDER BY 1;

--@ join-full-using ordered
SELECT store_id, d.n AS with_discount, v.n AS with_void
FROM (SELECT store_id, COUNT(*) AS n FROM discounts GROUP BY 1) d
FULL JOIN (SELECT store_id, COUNT(*) AS n FROM voids GROUP BY 1) v USING (store_id)
ORDER BY store_id;

--@ join-cross ordered
SELECT b.name, t.tier, (SELECT COUNT(*) FROM customers c WHERE c.tier::text = t.tier) AS members
FROM brands b CROSS JOIN (VALUES ('basic'), ('silver'), ('gold'), ('platinum')) AS t(tier)
ORDER BY b.name, t.tier;

--@ join-natural ordered
SELECT business_date, SUM(amount) AS discounted
FROM orders NATURAL JOIN discounts
GROUP BY business_date
ORDER BY business_date DESC
LIMIT 20;

--@ join-natural-left
SELECT COUNT(*) AS rows, COUNT(discount_id) AS discounted FROM orders NATURAL LEFT JOIN discounts;

--@ join-using-two ordered
SELECT order_id, line_no, reason, line_total, voids.amount
FROM order_items JOIN voids USING (order_id, line_no)
ORDER BY order_id, line_no
LIMIT 25;

--@ join-using-alias ordered
SELECT j.store_id, s.city, SUM(o.total) AS revenue
FROM orders o JOIN stores s USING (store_id) AS j
GROUP BY j.store_id, s.city
ORDER BY j.store_id
LIMIT 20;

--@ join-comma-style ordered
SELECT s.state, SUM(p.tip) AS tips
FROM orders o, payments p, stores s
WHERE p.order_id = o.order_id AND s.store_id = o.store_id AND o.status = 'completed'
GROUP BY s.state
ORDER BY tips DESC, s.state;

--@ join-self ordered
SELECT e.employee_id, e.full_name AS employee, m.full_name AS manager
FROM employees e
JOIN employees m ON m.employee_id = e.manager_id
WHERE e.hourly_rate > m.hourly_rate - 5 AND e.job <> 'manager'
ORDER BY e.employee_id;

--@ join-self-pairs ordered
SELECT a.item_id AS item_a, b.item_id AS item_b, COUNT(*) AS together
FROM order_items a
JOIN order_items b ON b.order_id = a.order_id AND a.item_id < b.item_id
GROUP BY 1, 2
ORDER BY together DESC, 1, 2
LIMIT 15;

--@ join-range-condition ordered
SELECT band.label, COUNT(*) AS orders
FROM orders o
JOIN (VALUES ('small', 0, 20), ('medium', 20, 60), ('large', 60, 100000)) AS band(label, low, high) ON o.total >= band.low AND o.total < band.high
GROUP BY band.label
ORDER BY orders DESC, band.label;

--@ join-shared-calendar ordered
SELECT c.is_weekend, c.holiday IS NOT NULL AS holiday, COUNT(DISTINCT c.day) AS days, SUM(o.total) AS revenue
FROM calendar c
LEFT JOIN orders o ON o.business_date = c.day AND o.status = 'completed'
GROUP BY 1, 2
ORDER BY 1, 2;

--@ join-shared-tax-check
SELECT s.state, t.rate, COUNT(*) AS n, SUM(o.tax - ROUND((o.subtotal - o.discount) * t.rate, 2)) AS deviation
FROM orders o
JOIN stores s USING (store_id)
JOIN tax_rates t ON t.state = s.state
GROUP BY s.state, t.rate;

--@ join-shared-only ordered same
SELECT c.weekday, COUNT(*) AS days, COUNT(c.holiday) AS holidays
FROM calendar c
GROUP BY c.weekday
ORDER BY c.weekday;

--@ join-lateral-top ordered
SELECT s.store_id, s.name, t.order_id, t.total
FROM stores s
CROSS JOIN LATERAL (
    SELECT o.order_id, o.total
    FROM orders o
    WHERE o.store_id = s.store_id
    ORDER BY o.total DESC, o.order_id
    LIMIT 2
) t
ORDER BY s.store_id, t.total DESC, t.order_id;

--@ join-left-lateral ordered
SELECT c.customer_id, c.tier, last.ordered_at, last.total
FROM customers c
LEFT JOIN LATERAL (SELECT ordered_at, total FROM orders o WHERE o.customer_id = c.customer_id ORDER BY ordered_at DESC LIMIT 1) AS last ON TRUE
WHERE c.tier = 'platinum'
ORDER BY c.customer_id
LIMIT 60;

--@ join-parenthesised
SELECT COUNT(*) AS lines, SUM(oi.line_total) AS sales
FROM (orders o JOIN order_items oi ON oi.order_id = o.order_id) JOIN (stores s JOIN businesses b ON b.business_id = s.business_id) ON s.store_id = o.store_id
WHERE b.kind = 'franchise';

--@ join-duplicate-column-names ordered
SELECT o.order_id, p.order_id, o.store_id, s.store_id
FROM orders o JOIN payments p ON p.order_id = o.order_id JOIN stores s ON s.store_id = o.store_id
ORDER BY p.payment_id
LIMIT 10;

--@ join-partitioned ordered
SELECT e.kind, COUNT(*) AS events, COUNT(DISTINCT e.customer_id) AS people
FROM app_events e JOIN customers c ON c.customer_id = e.customer_id
WHERE e.occurred_at >= '2026-02-15' AND e.occurred_at < '2026-04-10'
GROUP BY e.kind
ORDER BY events DESC, e.kind;

--@ join-nested-loop-dates ordered
SELECT t.month, SUM(t.revenue_target) AS target, SUM(r.revenue) AS revenue, ROUND(SUM(r.revenue) / SUM(t.revenue_target) * 100, 1) AS attainment
FROM store_targets t
LEFT JOIN (SELECT store_id, date_trunc('month', business_date)::date AS month, SUM(total) AS revenue FROM orders WHERE status = 'completed' GROUP BY 1, 2) r
       ON r.store_id = t.store_id AND r.month = t.month
GROUP BY t.month
ORDER BY t.month;

--@ join-semi-exists ordered
SELECT s.store_id, s.name
FROM stores s
WHERE EXISTS (SELECT 1 FROM orders o WHERE o.store_id = s.store_id AND o.channel = 'catering' AND o.total > 60)
ORDER BY s.store_id;

--@ join-self-full-on-false
SELECT COUNT(*) AS n FROM stores a FULL JOIN businesses b ON a.business_id = b.business_id AND a.closed_on IS NOT NULL;
