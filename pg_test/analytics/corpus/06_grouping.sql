--@ grp-rollup ordered
SELECT b.region, s.state, SUM(o.total) AS revenue, GROUPING(b.region, s.state) AS level
FROM orders o JOIN stores s USING (store_id) JOIN businesses b USING (business_id)
GROUP BY ROLLUP (b.region, s.state)
ORDER BY level, b.region, s.state;

--@ grp-cube ordered
SELECT channel, status, COUNT(*) AS n
FROM orders
GROUP BY CUBE (channel, status)
ORDER BY channel NULLS LAST, status NULLS LAST;

--@ grp-grouping-sets ordered
SELECT extract(year FROM business_date) AS year, channel, SUM(total) AS revenue
FROM orders
GROUP BY GROUPING SETS ((extract(year FROM business_date), channel), (channel), ())
ORDER BY year NULLS LAST, channel NULLS LAST;

--@ grp-grouping-labels ordered
SELECT CASE WHEN GROUPING(channel) = 1 THEN 'all channels' ELSE channel::text END AS channel,
       CASE WHEN GROUPING(status) = 1 THEN 'all' ELSE status END AS status,
       SUM(total) AS revenue
FROM orders
GROUP BY ROLLUP (channel, status)
ORDER BY 1, 2;

--@ grp-mixed-sets ordered
SELECT store_id, channel, status, COUNT(*) AS n
FROM orders
WHERE store_id IN (1, 17, 42)
GROUP BY store_id, GROUPING SETS (ROLLUP (channel), (status))
ORDER BY store_id, channel NULLS LAST, status NULLS LAST;

--@ grp-distinct-sets ordered
SELECT channel, status, COUNT(*) AS n
FROM orders
GROUP BY DISTINCT ROLLUP (channel, status), ROLLUP (channel)
ORDER BY channel NULLS FIRST, status NULLS FIRST, n;

--@ grp-cube-having ordered
SELECT m.category, o.channel, SUM(oi.line_total) AS sales
FROM order_items oi JOIN orders o USING (order_id) JOIN menu_items m ON m.item_id = oi.item_id
GROUP BY CUBE (m.category, o.channel)
HAVING SUM(oi.line_total) > 500
ORDER BY sales DESC, m.category, o.channel;

--@ grp-by-alias ordered
SELECT to_char(ordered_at, 'YYYY-MM') AS month, COUNT(*) AS n FROM orders GROUP BY month ORDER BY month;

--@ grp-by-ordinal ordered
SELECT channel, status, COUNT(*) FROM orders GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2;

--@ grp-by-expression ordered
SELECT CASE WHEN total < 20 THEN 'low' WHEN total < 60 THEN 'mid' ELSE 'high' END AS band, COUNT(*), SUM(total)
FROM orders
GROUP BY CASE WHEN total < 20 THEN 'low' WHEN total < 60 THEN 'mid' ELSE 'high' END
ORDER BY band;

--@ grp-grand-total-union ordered
SELECT s.state, SUM(o.total) AS revenue FROM orders o JOIN stores s USING (store_id) GROUP BY s.state
UNION ALL
SELECT 'TOTAL', SUM(total) FROM orders
ORDER BY 2 DESC, 1;

--@ grp-empty-set
SELECT SUM(amount) AS discounts, COUNT(*) AS n FROM discounts GROUP BY ();
