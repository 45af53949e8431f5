--@ biz-rfm ordered
WITH rfm AS (
    SELECT customer_id, DATE '2026-06-30' - MAX(business_date) AS recency, COUNT(*) AS frequency, SUM(total) AS monetary
    FROM orders WHERE customer_id IS NOT NULL AND status = 'completed' GROUP BY customer_id
), scored AS (
    SELECT customer_id, NTILE(5) OVER (ORDER BY recency DESC, customer_id) AS r, NTILE(5) OVER (ORDER BY frequency, customer_id) AS f, NTILE(5) OVER (ORDER BY monetary, customer_id) AS m FROM rfm
)
SELECT CASE WHEN r >= 4 AND f >= 4 THEN 'champions' WHEN r >= 4 THEN 'recent' WHEN f >= 4 THEN 'at risk' ELSE 'others' END AS segment, COUNT(*) AS customers, ROUND(AVG(r + f + m), 2) AS avg_score
FROM scored GROUP BY 1 ORDER BY 1;

--@ biz-cohort-retention ordered
WITH firsts AS (
    SELECT customer_id, date_trunc('month', MIN(ordered_at))::date AS cohort FROM orders WHERE customer_id IS NOT NULL GROUP BY customer_id
), activity AS (
    SELECT DISTINCT o.customer_id, f.cohort, (EXTRACT(YEAR FROM age(date_trunc('month', o.ordered_at), f.cohort)) * 12 + EXTRACT(MONTH FROM age(date_trunc('month', o.ordered_at), f.cohort)))::int AS month_no
    FROM orders o JOIN firsts f USING (customer_id)
)
SELECT cohort, month_no, COUNT(*) AS active, ROUND(COUNT(*)::numeric / FIRST_VALUE(COUNT(*)) OVER (PARTITION BY cohort ORDER BY month_no), 4) AS retention
FROM activity WHERE month_no <= 6 GROUP BY cohort, month_no ORDER BY cohort, month_no;

--@ biz-pareto-items ordered
WITH sales AS (SELECT item_id, SUM(line_total) AS sales FROM order_items WHERE NOT voided GROUP BY item_id),
     cumulative AS (SELECT item_id, sales, SUM(sales) OVER (ORDER BY sales DESC, item_id) / SUM(sales) OVER () AS share FROM sales)
SELECT m.name, c.sales, ROUND(c.share, 4) AS cumulative_share, CASE WHEN c.share <= 0.8 THEN 'A' WHEN c.share <= 0.95 THEN 'B' ELSE 'C' END AS class
FROM cumulative c JOIN menu_items m USING (item_id) ORDER BY c.sales DESC, m.item_id;

--@ biz-pareto-stores
WITH r AS (SELECT store_id, SUM(total) AS revenue FROM orders GROUP BY store_id),
     c AS (SELECT store_id, SUM(revenue) OVER (ORDER BY revenue DESC, store_id ROWS UNBOUNDED PRECEDING) AS running, SUM(revenue) OVER () AS everything FROM r)
SELECT COUNT(*) FILTER (WHERE running - 0 <= 0.8 * everything) AS stores_for_80_pct, COUNT(*) AS stores FROM c;

--@ biz-gaps-and-islands ordered
WITH days AS (SELECT DISTINCT store_id, business_date FROM orders WHERE store_id IN (1, 2, 17, 42)),
     marked AS (SELECT store_id, business_date, business_date - (ROW_NUMBER() OVER (PARTITION BY store_id ORDER BY business_date))::int AS island FROM days)
SELECT store_id, MIN(business_date) AS from_day, MAX(business_date) AS to_day, COUNT(*) AS days
FROM marked GROUP BY store_id, island HAVING COUNT(*) >= 2 ORDER BY store_id, from_day;

--@ biz-missing-days ordered
SELECT c.day FROM calendar c LEFT JOIN orders o ON o.business_date = c.day AND o.store_id = 17 WHERE o.order_id IS NULL AND c.day >= '2026-05-15' ORDER BY c.day;

--@ biz-sessionisation ordered
WITH marked AS (
    SELECT customer_id, occurred_at, kind, CASE WHEN occurred_at - LAG(occurred_at) OVER w <= INTERVAL '30 minutes' THEN 0 ELSE 1 END AS is_new
    FROM app_events WINDOW w AS (PARTITION BY customer_id ORDER BY occurred_at, event_id)
), sessions AS (
    SELECT customer_id, occurred_at, kind, SUM(is_new) OVER (PARTITION BY customer_id ORDER BY occurred_at, kind ROWS UNBOUNDED PRECEDING) AS session_no FROM marked
)
SELECT events, COUNT(*) AS sessions, ROUND(AVG(seconds), 1) AS avg_seconds
FROM (SELECT customer_id, session_no, COUNT(*) AS events, EXTRACT(EPOCH FROM MAX(occurred_at) - MIN(occurred_at)) AS seconds FROM sessions GROUP BY 1, 2) s
GROUP BY events ORDER BY events;

--@ biz-funnel ordered
WITH steps AS (
    SELECT customer_id, bool_or(kind = 'open_app') AS opened, bool_or(kind = 'view_item') AS viewed, bool_or(kind = 'add_to_cart') AS carted, bool_or(kind = 'checkout') AS bought
    FROM app_events WHERE occurred_at >= '2026-03-01' GROUP BY customer_id
)
SELECT step, n FROM (
    SELECT 1 AS no, 'opened' AS step, COUNT(*) FILTER (WHERE opened) AS n FROM steps
    UNION ALL SELECT 2, 'viewed', COUNT(*) FILTER (WHERE opened AND viewed) FROM steps
    UNION ALL SELECT 3, 'carted', COUNT(*) FILTER (WHERE opened AND viewed AND carted) FROM steps
    UNION ALL SELECT 4, 'bought', COUNT(*) FILTER (WHERE opened AND viewed AND carted AND bought) FROM steps) f
ORDER BY no;

--@ biz-void-rate-last-week ordered
SELECT s.store_id, s.name, COUNT(v.void_id) AS voids, COUNT(oi.line_no) AS lines, ROUND(100.0 * COUNT(v.void_id) / COUNT(oi.line_no), 3) AS void_pct
FROM order_items oi
JOIN orders o ON o.order_id = oi.order_id
JOIN stores s ON s.store_id = o.store_id
LEFT JOIN voids v ON v.order_id = oi.order_id AND v.line_no = oi.line_no
WHERE o.business_date >= DATE '2026-06-30' - 60
GROUP BY s.store_id, s.name HAVING COUNT(oi.line_no) > 3
ORDER BY void_pct DESC, s.store_id LIMIT 10;

--@ biz-target-attainment ordered
SELECT t.store_id, t.month, t.revenue_target, COALESCE(SUM(o.total), 0) AS revenue, COALESCE(SUM(o.total), 0) >= t.revenue_target AS met
FROM store_targets t LEFT JOIN orders o ON o.store_id = t.store_id AND o.business_date >= t.month AND o.business_date < t.month + INTERVAL '1 month' AND o.status = 'completed'
WHERE t.month >= '2026-04-01'
GROUP BY t.store_id, t.month, t.revenue_target ORDER BY t.store_id, t.month;

--@ biz-labour-cost-ratio ordered
WITH labour AS (
    SELECT sh.store_id, SUM(EXTRACT(EPOCH FROM sh.ends_at - sh.starts_at - sh.break_time) / 3600 * e.hourly_rate) AS cost
    FROM shifts sh JOIN employees e USING (employee_id) GROUP BY sh.store_id
), sales AS (SELECT store_id, SUM(total) AS revenue FROM orders WHERE business_date >= '2026-01-01' GROUP BY store_id)
SELECT store_id, ROUND(cost, 2) AS labour, revenue, ROUND(cost / NULLIF(revenue, 0), 4) AS ratio FROM labour JOIN sales USING (store_id) ORDER BY ratio DESC, store_id LIMIT 20;

--@ biz-market-basket-lift ordered
WITH baskets AS (SELECT DISTINCT order_id, item_id FROM order_items WHERE NOT voided),
     singles AS (SELECT item_id, COUNT(*)::numeric AS n FROM baskets GROUP BY item_id),
     pairs AS (SELECT a.item_id AS a, b.item_id AS b, COUNT(*)::numeric AS n FROM baskets a JOIN baskets b ON a.order_id = b.order_id AND a.item_id < b.item_id GROUP BY 1, 2),
     total AS (SELECT COUNT(DISTINCT order_id)::numeric AS n FROM baskets)
SELECT p.a, p.b, p.n AS together, ROUND(p.n * t.n / (x.n * y.n), 4) AS lift
FROM pairs p JOIN singles x ON x.item_id = p.a JOIN singles y ON y.item_id = p.b CROSS JOIN total t
WHERE p.n >= 2 ORDER BY lift DESC, p.a, p.b LIMIT 20;

--@ biz-customer-lifetime ordered
SELECT c.tier, COUNT(DISTINCT c.customer_id) AS customers, ROUND(SUM(o.total) / COUNT(DISTINCT c.customer_id), 2) AS revenue_per_customer, ROUND(COUNT(o.order_id)::numeric / COUNT(DISTINCT c.customer_id), 2) AS orders_per_customer
FROM customers c LEFT JOIN orders o ON o.customer_id = c.customer_id AND o.status = 'completed' GROUP BY c.tier ORDER BY c.tier;

--@ biz-churned ordered
SELECT c.customer_id, MAX(o.business_date) AS last_visit, COUNT(*) AS visits
FROM customers c JOIN orders o USING (customer_id)
GROUP BY c.customer_id HAVING MAX(o.business_date) < DATE '2026-03-01' AND COUNT(*) >= 2
ORDER BY visits DESC, c.customer_id LIMIT 25;

--@ biz-repeat-rate
SELECT ROUND(COUNT(*) FILTER (WHERE n > 1)::numeric / COUNT(*), 4) AS repeat_rate, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY n) AS median_orders FROM (SELECT customer_id, COUNT(*) AS n FROM orders WHERE customer_id IS NOT NULL GROUP BY 1) t;

--@ biz-days-between-visits
SELECT ROUND(AVG(gap), 4) AS avg_days, PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY gap) AS median_days
FROM (SELECT business_date - LAG(business_date) OVER (PARTITION BY customer_id ORDER BY business_date, order_id) AS gap FROM orders WHERE customer_id IS NOT NULL) g WHERE gap IS NOT NULL;

--@ biz-peak-hour-heatmap ordered
SELECT to_char(business_date, 'ID') AS dow,
       COUNT(*) FILTER (WHERE h BETWEEN 6 AND 10) AS morning, COUNT(*) FILTER (WHERE h BETWEEN 11 AND 14) AS lunch, COUNT(*) FILTER (WHERE h BETWEEN 15 AND 16) AS afternoon, COUNT(*) FILTER (WHERE h >= 17) AS dinner
FROM (SELECT o.business_date, EXTRACT(HOUR FROM o.ordered_at AT TIME ZONE s.time_zone) AS h FROM orders o JOIN stores s USING (store_id)) t
GROUP BY 1 ORDER BY 1;

--@ biz-best-and-worst ordered
(SELECT 'best' AS kind, store_id, SUM(total) AS revenue FROM orders GROUP BY store_id ORDER BY revenue DESC, store_id LIMIT 3)
UNION ALL
(SELECT 'worst', store_id, SUM(total) AS revenue FROM orders GROUP BY store_id ORDER BY revenue, store_id LIMIT 3)
ORDER BY kind, revenue DESC, store_id;

--@ biz-royalties ordered
SELECT b.name, b.royalty_rate, SUM(o.subtotal - o.discount) AS net_sales, ROUND(SUM(o.subtotal - o.discount) * b.royalty_rate, 2) AS royalty
FROM businesses b JOIN stores s ON s.business_id = b.business_id JOIN orders o ON o.store_id = s.store_id
WHERE o.status = 'completed' AND b.kind = 'franchise' AND o.business_date >= '2026-01-01'
GROUP BY b.business_id, b.name, b.royalty_rate ORDER BY royalty DESC, b.name;

--@ biz-menu-engineering ordered
WITH i AS (SELECT m.item_id, m.name, m.category, SUM(oi.quantity) AS sold, AVG(oi.unit_price - m.cost) AS margin FROM menu_items m JOIN order_items oi USING (item_id) WHERE NOT oi.voided GROUP BY m.item_id, m.name, m.category),
     a AS (SELECT AVG(sold) AS avg_sold, AVG(margin) AS avg_margin FROM i)
SELECT i.name, i.category, CASE WHEN sold >= avg_sold AND margin >= avg_margin THEN 'star' WHEN sold >= avg_sold THEN 'plowhorse' WHEN margin >= avg_margin THEN 'puzzle' ELSE 'dog' END AS class
FROM i, a ORDER BY class, i.name;

--@ biz-tip-rate ordered
SELECT p.method, ROUND(SUM(p.tip) / NULLIF(SUM(p.amount), 0) * 100, 3) AS tip_pct, COUNT(*) AS payments FROM payments p JOIN orders o ON o.order_id = p.order_id WHERE o.channel = 'dine_in' GROUP BY p.method ORDER BY tip_pct DESC, p.method;

--@ biz-payment-reconciliation ordered
SELECT o.order_id, o.total, SUM(p.amount) AS paid, COUNT(*) AS parts FROM orders o JOIN payments p USING (order_id) GROUP BY o.order_id, o.total HAVING SUM(p.amount) = o.total AND COUNT(*) > 1 ORDER BY o.order_id LIMIT 20;

--@ biz-discount-effect ordered
SELECT d.code, COUNT(*) AS used, ROUND(AVG(o.total), 2) AS avg_with, ROUND(AVG(d.amount), 2) AS avg_discount, (SELECT ROUND(AVG(total), 2) FROM orders WHERE discount = 0) AS avg_without
FROM discounts d JOIN orders o USING (order_id) GROUP BY d.code ORDER BY d.code;

--@ biz-nps-like
SELECT ROUND(100.0 * (COUNT(*) FILTER (WHERE "Score" = 5) - COUNT(*) FILTER (WHERE "Score" <= 3)) / COUNT(*), 2) AS nps, COUNT(*) AS votes FROM "GuestFeedback";

--@ biz-feedback-vs-wait ordered
SELECT f."Score" AS score, ROUND(AVG((o.details->>'wait_minutes')::numeric), 2) AS avg_wait, COUNT(*) AS n FROM "GuestFeedback" f JOIN orders o ON o.order_id = f."orderId" GROUP BY f."Score" ORDER BY 1;

--@ biz-new-vs-returning ordered
SELECT to_char(o.ordered_at, 'YYYY"-Q"Q') AS quarter, CASE WHEN o.ordered_at = f.first_at THEN 'new' ELSE 'returning' END AS kind, COUNT(*) AS orders, SUM(o.total) AS revenue
FROM orders o JOIN (SELECT customer_id, MIN(ordered_at) AS first_at FROM orders GROUP BY customer_id) f ON f.customer_id = o.customer_id GROUP BY 1, 2 ORDER BY 1, 2;

--@ biz-anomaly-days ordered
WITH d AS (SELECT business_date, SUM(total) AS revenue FROM orders GROUP BY business_date),
     s AS (SELECT business_date, revenue, AVG(revenue) OVER w AS mean, STDDEV(revenue) OVER w AS sd FROM d WINDOW w AS (ORDER BY business_date ROWS BETWEEN 28 PRECEDING AND 1 PRECEDING))
SELECT business_date, revenue, ROUND((revenue - mean) / sd, 4) AS z FROM s WHERE sd > 0 AND ABS(revenue - mean) > 2 * sd ORDER BY business_date LIMIT 50;

--@ biz-growth-contribution ordered
WITH y AS (SELECT store_id, SUM(total) FILTER (WHERE business_date < '2025-07-01') AS y1, SUM(total) FILTER (WHERE business_date >= '2025-07-01') AS y2 FROM orders GROUP BY store_id)
SELECT s.city, SUM(COALESCE(y2, 0) - COALESCE(y1, 0)) AS growth, ROUND(SUM(COALESCE(y2, 0) - COALESCE(y1, 0)) / NULLIF(SUM(SUM(COALESCE(y2, 0) - COALESCE(y1, 0))) OVER (), 0), 4) AS contribution
FROM y JOIN stores s USING (store_id) GROUP BY s.city ORDER BY growth DESC, s.city;

--@ biz-shift-overlap ordered
SELECT a.shift_id AS a, b.shift_id AS b, a.employee_id FROM shifts a JOIN shifts b ON a.employee_id = b.employee_id AND a.shift_id < b.shift_id AND tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at) ORDER BY a.shift_id, b.shift_id LIMIT 20;

--@ biz-concurrent-orders ordered
WITH edges AS (SELECT ordered_at AS at, 1 AS delta FROM orders WHERE store_id <= 30 AND business_date >= '2026-06-25' UNION ALL SELECT closed_at, -1 FROM orders WHERE closed_at IS NOT NULL AND store_id <= 30 AND business_date >= '2026-06-25')
SELECT MAX(open) AS max_open FROM (SELECT SUM(delta) OVER (ORDER BY at, delta ROWS UNBOUNDED PRECEDING) AS open FROM edges) e;

--@ biz-top-item-per-category ordered
SELECT DISTINCT ON (m.category) m.category, m.name, SUM(oi.quantity) AS sold FROM order_items oi JOIN menu_items m USING (item_id) GROUP BY m.category, m.name, m.item_id ORDER BY m.category, sold DESC, m.item_id;

--@ biz-age-groups ordered
SELECT CASE WHEN birth_year IS NULL THEN 'unknown' ELSE (2026 - birth_year) / 10 * 10 || 's' END AS age_group, COUNT(*) AS n, ROUND(AVG(o.spent), 2) AS avg_spent
FROM customers c LEFT JOIN LATERAL (SELECT SUM(total) AS spent FROM orders WHERE orders.customer_id = c.customer_id) o ON TRUE GROUP BY 1 ORDER BY 1;

--@ biz-delivery-partners ordered
SELECT details->'delivery'->>'partner' AS partner, COUNT(*) AS orders, ROUND(AVG(total), 2) AS avg_check, ROUND(AVG((details->'delivery'->>'distance_km')::numeric), 2) AS avg_km, percentile_cont(0.9) WITHIN GROUP (ORDER BY (details->>'wait_minutes')::int) AS p90_wait
FROM orders WHERE channel = 'delivery' GROUP BY 1 ORDER BY orders DESC, partner;

--@ biz-monthly-matrix ordered
SELECT store_id, SUM(total) FILTER (WHERE m = 1) AS jan, SUM(total) FILTER (WHERE m = 2) AS feb, SUM(total) FILTER (WHERE m = 3) AS mar, SUM(total) FILTER (WHERE m = 4) AS apr, SUM(total) FILTER (WHERE m = 5) AS may, SUM(total) FILTER (WHERE m = 6) AS jun
FROM (SELECT store_id, total, EXTRACT(MONTH FROM business_date) AS m FROM orders WHERE business_date >= '2026-01-01') t GROUP BY store_id ORDER BY store_id;

--@ biz-tenant-column-filter same
SELECT tenant_id, COUNT(*) AS n FROM orders WHERE tenant_id = 'brand-a' GROUP BY tenant_id;

--@ biz-other-tenant-is-empty empty
SELECT * FROM orders WHERE tenant_id = 'brand-b' ORDER BY order_id LIMIT 5;
