--@ agg-total-revenue
SELECT SUM(total) AS revenue FROM orders WHERE status = 'completed';

--@ agg-basic-kpis
SELECT COUNT(*) AS order_count,
       COUNT(DISTINCT customer_id) AS members,
       SUM(total) AS revenue,
       ROUND(AVG(total), 2) AS avg_check,
       MIN(total) AS smallest,
       MAX(total) AS largest
FROM orders
WHERE status = 'completed';

--@ agg-by-channel ordered
SELECT channel, COUNT(*) AS orders, SUM(total) AS revenue
FROM orders
WHERE status = 'completed'
GROUP BY channel
ORDER BY channel;

--@ agg-status-share ordered
SELECT status, COUNT(*) AS n, ROUND(100.0 * COUNT(*) / SUM(COUNT(*)) OVER (), 2) AS pct
FROM orders
GROUP BY status
ORDER BY n DESC, status;

--@ agg-filter-columns ordered
SELECT business_date,
       COUNT(*) FILTER (WHERE channel = 'dine_in') AS dine_in,
       COUNT(*) FILTER (WHERE channel = 'delivery') AS delivery,
       SUM(total) FILTER (WHERE channel IN ('takeaway', 'catering')) AS other_revenue
FROM orders
WHERE business_date BETWEEN '2026-05-01' AND '2026-05-31'
GROUP BY business_date
ORDER BY business_date;

--@ agg-having ordered
SELECT store_id, COUNT(*) AS n, SUM(total) AS revenue
FROM orders
GROUP BY store_id
HAVING COUNT(*) > 20 AND SUM(total) > 500
ORDER BY revenue DESC, store_id;

--@ agg-percentile-cont
SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY total) AS median,
       PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY total) AS p95
FROM orders WHERE status = 'completed';

--@ agg-percentile-disc-array
SELECT channel, PERCENTILE_DISC(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY total) AS quartiles
FROM orders
GROUP BY channel;

--@ agg-percentile-cont-array
SELECT percentile_cont(ARRAY[0.1, 0.5, 0.9]) WITHIN GROUP (ORDER BY extract(epoch FROM closed_at - ordered_at)) AS seconds_open, COUNT(*) AS closed
FROM orders WHERE closed_at IS NOT NULL;

--@ agg-mode
SELECT store_id, mode() WITHIN GROUP (ORDER BY channel) AS usual_channel, COUNT(*) AS n
FROM orders
GROUP BY store_id;

--@ agg-median-wait ordered
SELECT channel, percentile_disc(0.5) WITHIN GROUP (ORDER BY (details->>'wait_minutes')::int) AS median_wait
FROM orders
GROUP BY channel
ORDER BY channel;

--@ agg-corr
SELECT corr(guests, total) AS guests_vs_total, corr((details->>'wait_minutes')::numeric, total) AS wait_vs_total
FROM orders;

--@ agg-regression
SELECT regr_slope(revenue, seats) AS slope, regr_intercept(revenue, seats) AS intercept, regr_r2(revenue, seats) AS r2, regr_count(revenue, seats) AS n
FROM (SELECT s.seats, SUM(o.total)::float8 AS revenue
      FROM stores s JOIN orders o ON o.store_id = s.store_id
      GROUP BY s.store_id, s.seats) x;

--@ agg-covariance
SELECT covar_pop(guests, total), covar_samp(guests, total), regr_avgx(total, guests), regr_avgy(total, guests), regr_sxx(total, guests)
FROM orders WHERE status = 'completed';

--@ agg-stddev ordered
SELECT channel, ROUND(STDDEV(total), 4) AS sd, ROUND(VARIANCE(total), 4) AS var, ROUND(stddev_pop(total), 4) AS sd_pop, ROUND(var_pop(total), 4) AS vp
FROM orders
GROUP BY channel
ORDER BY 1;

--@ agg-string-agg-ordered ordered
SELECT state, STRING_AGG(DISTINCT city, ', ' ORDER BY city) AS cities, COUNT(*) AS stores
FROM stores
GROUP BY state
ORDER BY state;

--@ agg-array-agg-ordered
SELECT category, ARRAY_AGG(name ORDER BY price DESC, item_id) AS dishes, (ARRAY_AGG(price ORDER BY price DESC))[1:3] AS top_prices
FROM menu_items
GROUP BY category;

--@ agg-bool ordered
SELECT tier, bool_and(marketing_opt_in) AS all_in, bool_or(marketing_opt_in) AS any_in, every(birth_year IS NOT NULL) AS all_have_year, COUNT(*) AS n
FROM customers
GROUP BY tier
ORDER BY tier;

--@ agg-distinct-expression
SELECT COUNT(DISTINCT (store_id, business_date)) AS store_days, COUNT(DISTINCT date_trunc('month', ordered_at)) AS months
FROM orders;

--@ agg-width-bucket ordered
SELECT width_bucket(total, 0, 200, 10) AS bucket, MIN(total), MAX(total), COUNT(*)
FROM orders
GROUP BY 1
ORDER BY 1;

--@ agg-width-bucket-array ordered
SELECT width_bucket(total, ARRAY[0, 20, 40, 60, 100]::numeric[]) AS band, COUNT(*) AS n
FROM orders
GROUP BY band
ORDER BY band;

--@ agg-histogram-bars ordered
SELECT floor(total / 10) * 10 AS from_usd, COUNT(*) AS n, repeat('#', (COUNT(*) / 20)::int) AS bar
FROM orders
WHERE total < 100
GROUP BY 1
ORDER BY 1;

--@ agg-of-agg
SELECT ROUND(AVG(day_revenue), 2) AS avg_day, MAX(day_revenue) AS best_day
FROM (SELECT business_date, SUM(total) AS day_revenue FROM orders WHERE status = 'completed' GROUP BY business_date) d;

--@ agg-weighted-average
SELECT ROUND(SUM(unit_price * quantity) / NULLIF(SUM(quantity), 0), 4) AS weighted_price
FROM order_items
WHERE NOT voided;

--@ agg-hypothetical-rank
SELECT rank(50) WITHIN GROUP (ORDER BY total) AS rank_of_50, dense_rank(50) WITHIN GROUP (ORDER BY total) AS dense, percent_rank(50) WITHIN GROUP (ORDER BY total) AS pr, cume_dist(50) WITHIN GROUP (ORDER BY total) AS cd
FROM orders;

--@ agg-bit-and-range
SELECT bit_or(guests) AS bits, bit_and(guests) AS common, range_agg(tstzrange(starts_at, ends_at)) IS NOT NULL AS has_ranges, range_agg(daterange(starts_at::date, starts_at::date + 1)) AS days
FROM shifts JOIN orders USING (store_id)
WHERE store_id = 17 AND guests < 5;

--@ agg-empty-group empty same
SELECT SUM(total) AS revenue, COUNT(*) AS n, MAX(ordered_at) AS last_order
FROM orders
WHERE business_date > DATE '2030-01-01'
GROUP BY store_id;

--@ agg-no-rows-total same
SELECT COALESCE(SUM(total), 0) AS revenue, COUNT(*) AS n
FROM orders
WHERE business_date > DATE '2030-01-01';
