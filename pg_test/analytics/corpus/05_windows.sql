--@ win-row-number ordered
SELECT store_id, order_id, total, ROW_NUMBER() OVER (PARTITION BY store_id ORDER BY total DESC, order_id) AS place
FROM orders
WHERE store_id <= 20 AND business_date >= '2026-06-01'
ORDER BY store_id, place;

--@ win-rank-dense-rank ordered
SELECT store_id, n, RANK() OVER (ORDER BY n DESC) AS r, DENSE_RANK() OVER (ORDER BY n DESC) AS dr, ROUND(PERCENT_RANK() OVER (ORDER BY n)::numeric, 6) AS pr, CUME_DIST() OVER (ORDER BY n) AS cd
FROM (SELECT store_id, COUNT(*) AS n FROM orders GROUP BY store_id) t
ORDER BY n DESC, store_id;

--@ win-ntile ordered
SELECT quartile, COUNT(*) AS stores, MIN(revenue), MAX(revenue)
FROM (SELECT store_id, SUM(total) AS revenue, NTILE(4) OVER (ORDER BY SUM(total) DESC, store_id) AS quartile FROM orders GROUP BY store_id) q
GROUP BY quartile
ORDER BY quartile;

--@ win-lag-lead ordered
SELECT month, revenue, LAG(revenue) OVER w AS previous, LEAD(revenue, 1, 0) OVER w AS next, revenue - LAG(revenue, 1) OVER w AS change
FROM (SELECT date_trunc('month', ordered_at) AS month, SUM(total) AS revenue FROM orders GROUP BY 1) m
WINDOW w AS (ORDER BY month)
ORDER BY month;

--@ win-running-total ordered
SELECT business_date, SUM(total) AS revenue, SUM(SUM(total)) OVER (ORDER BY business_date) AS running_total
FROM orders
WHERE business_date >= '2026-06-01'
GROUP BY business_date
ORDER BY business_date;

--@ win-running-rows ordered
SELECT order_id, total, SUM(total) OVER (ORDER BY order_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS running
FROM orders
WHERE store_id = 17
ORDER BY order_id
LIMIT 50;

--@ win-moving-average ordered
SELECT business_date, revenue, ROUND(AVG(revenue) OVER (ORDER BY business_date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW), 2) AS avg_7d
FROM (SELECT business_date, SUM(total) AS revenue FROM orders GROUP BY business_date) d
ORDER BY business_date DESC
LIMIT 60;

--@ win-range-interval ordered
SELECT business_date, SUM(SUM(total)) OVER (ORDER BY business_date RANGE BETWEEN INTERVAL '7 days' PRECEDING AND CURRENT ROW) AS last_week
FROM orders
WHERE business_date >= '2026-05-01'
GROUP BY business_date
ORDER BY business_date;

--@ win-range-numeric ordered
SELECT item_id, price, COUNT(*) OVER (ORDER BY price RANGE BETWEEN 1.5 PRECEDING AND 1.5 FOLLOWING) AS similar_price
FROM menu_items
ORDER BY price, item_id;

--@ win-groups-frame ordered
SELECT store_id, business_date, SUM(total) OVER (ORDER BY business_date GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS near_days
FROM orders
WHERE store_id IN (17, 42) AND business_date >= '2026-03-01'
ORDER BY business_date, store_id, order_id;

--@ win-exclude-current
SELECT order_id, total, ROUND(AVG(total) OVER (PARTITION BY store_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW), 4) AS others
FROM orders
WHERE store_id IN (17, 18) AND business_date >= '2026-01-01';

--@ win-exclude-ties
SELECT item_id, category, price,
       COUNT(*) OVER (ORDER BY price RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE TIES) AS a,
       COUNT(*) OVER (ORDER BY price RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP) AS b,
       COUNT(*) OVER (ORDER BY price ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE NO OTHERS) AS c
FROM menu_items;

--@ win-following-frame ordered
SELECT business_date, revenue, SUM(revenue) OVER (ORDER BY business_date ROWS BETWEEN CURRENT ROW AND 2 FOLLOWING) AS next_three, SUM(revenue) OVER (ORDER BY business_date ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS still_to_come
FROM (SELECT business_date, SUM(total) AS revenue FROM orders WHERE business_date >= '2026-06-10' GROUP BY 1) d
ORDER BY business_date;

--@ win-first-last-nth ordered
SELECT DISTINCT store_id,
       FIRST_VALUE(order_id) OVER w AS first_order,
       LAST_VALUE(order_id) OVER w AS last_order,
       NTH_VALUE(order_id, 2) OVER w AS second_order
FROM orders
WINDOW w AS (PARTITION BY store_id ORDER BY ordered_at, order_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
ORDER BY store_id;

--@ win-share-of-total ordered
SELECT channel, SUM(total) AS revenue, ROUND(SUM(total) * 100 / SUM(SUM(total)) OVER (), 3) AS pct
FROM orders
GROUP BY channel
ORDER BY revenue DESC;

--@ win-share-of-partition ordered
SELECT s.state, s.city, SUM(o.total) AS revenue, ROUND(SUM(o.total) / SUM(SUM(o.total)) OVER (PARTITION BY s.state), 4) AS share_in_state
FROM orders o JOIN stores s USING (store_id)
GROUP BY s.state, s.city
ORDER BY s.state, s.city;

--@ win-top-n-per-group ordered
SELECT store_id, item_id, sold
FROM (SELECT store_id, item_id, SUM(quantity) AS sold, ROW_NUMBER() OVER (PARTITION BY store_id ORDER BY SUM(quantity) DESC, item_id) AS rn FROM order_items GROUP BY store_id, item_id) t
WHERE rn <= 3
ORDER BY store_id, rn;

--@ win-named-inherited ordered
SELECT order_id, business_date, SUM(total) OVER (w ORDER BY order_id) AS so_far, COUNT(*) OVER w AS that_day
FROM orders
WHERE store_id = 17
WINDOW w AS (PARTITION BY business_date)
ORDER BY order_id;

--@ win-two-windows ordered
SELECT store_id, revenue, RANK() OVER by_revenue AS by_revenue, RANK() OVER by_count AS by_count
FROM (SELECT store_id, SUM(total) AS revenue, COUNT(*) AS n FROM orders GROUP BY store_id) t
WINDOW by_revenue AS (ORDER BY revenue DESC), by_count AS (ORDER BY n DESC)
ORDER BY by_revenue, store_id
LIMIT 30;

--@ win-filter ordered
SELECT business_date, COUNT(*) FILTER (WHERE total > 50) OVER (ORDER BY business_date RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS big_so_far
FROM orders
WHERE business_date >= '2026-06-20' AND store_id < 60
ORDER BY business_date, order_id;

--@ win-aggregate-nested ordered
SELECT date_trunc('month', business_date)::date AS month, MAX(SUM(total)) OVER () AS best_month, SUM(total) AS revenue, AVG(SUM(total)) OVER (ORDER BY date_trunc('month', business_date)::date ROWS 2 PRECEDING) AS avg3
FROM orders
GROUP BY 1
ORDER BY 1;

--@ win-gap-between-orders ordered
SELECT customer_id, ordered_at, ordered_at - LAG(ordered_at) OVER (PARTITION BY customer_id ORDER BY ordered_at, order_id) AS since_last
FROM orders
WHERE customer_id IS NOT NULL AND store_id = 17
ORDER BY customer_id, ordered_at, order_id;

--@ win-count-over-partition
SELECT customer_id, order_id, COUNT(*) OVER (PARTITION BY customer_id) AS orders_of_customer
FROM orders
WHERE customer_id IS NOT NULL AND business_date = '2026-05-15';

--@ win-first-order-flag ordered
SELECT date_trunc('quarter', ordered_at)::date AS quarter, COUNT(*) FILTER (WHERE rn = 1) AS new_customers, COUNT(*) FILTER (WHERE rn > 1) AS repeat_orders
FROM (SELECT ordered_at, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_at, order_id) AS rn FROM orders WHERE customer_id IS NOT NULL) t
GROUP BY 1
ORDER BY 1;

--@ win-min-max-running ordered
SELECT business_date, revenue, MAX(revenue) OVER (ORDER BY business_date) AS record_so_far, revenue = MAX(revenue) OVER (ORDER BY business_date) AS is_record
FROM (SELECT business_date, SUM(total) AS revenue FROM orders GROUP BY 1) d
ORDER BY business_date
LIMIT 100;

--@ win-string-agg-over ordered
SELECT store_id, string_agg(channel::text, ',') OVER (PARTITION BY store_id ORDER BY order_id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS last_three
FROM orders
WHERE store_id IN (17, 42)
ORDER BY store_id, order_id
LIMIT 40;

--@ win-order-by-window ordered
SELECT store_id, SUM(total) AS revenue
FROM orders
GROUP BY store_id
ORDER BY RANK() OVER (ORDER BY SUM(total) DESC), store_id
LIMIT 12;

--@ win-case-inside ordered
SELECT order_id, SUM(CASE WHEN channel = 'delivery' THEN 1 ELSE 0 END) OVER (ORDER BY order_id) AS deliveries_so_far
FROM orders WHERE store_id = 17 ORDER BY order_id;

--@ win-zscore ordered
SELECT store_id, ROUND(((revenue - AVG(revenue) OVER ()) / NULLIF(STDDEV_SAMP(revenue) OVER (), 0))::numeric, 6) AS z
FROM (SELECT store_id, SUM(total) AS revenue FROM orders GROUP BY store_id) t
ORDER BY z DESC, store_id
LIMIT 15;

--@ win-over-join ordered
SELECT s.city, s.store_id, SUM(o.total) AS revenue, FIRST_VALUE(s.store_id) OVER (PARTITION BY s.city ORDER BY SUM(o.total) DESC, s.store_id) AS best_in_city
FROM stores s LEFT JOIN orders o ON o.store_id = s.store_id
GROUP BY s.city, s.store_id
ORDER BY s.city, s.store_id;

--@ win-cumulative-distinct ordered
SELECT month, SUM(new_members) OVER (ORDER BY month) AS members_so_far
FROM (SELECT date_trunc('month', joined_on)::date AS month, COUNT(*) AS new_members FROM customers GROUP BY 1) j
ORDER BY month;

--@ win-offset-default ordered
SELECT item_id, price, LAG(price, 2, 0::numeric) OVER (ORDER BY item_id) AS two_back, LEAD(name) OVER (ORDER BY item_id) AS next_name
FROM menu_items
ORDER BY item_id;

--@ win-interval-range-timestamptz ordered
SELECT order_id, COUNT(*) OVER (PARTITION BY store_id ORDER BY ordered_at RANGE BETWEEN '3 days' PRECEDING AND '1 hour' FOLLOWING) AS busy
FROM orders
WHERE store_id IN (17, 42, 1)
ORDER BY order_id;
