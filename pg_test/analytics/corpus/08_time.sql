--@ time-date-trunc-week ordered
SELECT date_trunc('week', ordered_at) AS week, COUNT(*) AS n, SUM(total) AS revenue
FROM orders WHERE ordered_at >= '2026-01-01' GROUP BY 1 ORDER BY 1;

--@ time-date-trunc-zone ordered
SELECT date_trunc('day', ordered_at, 'America/Chicago') AS day, COUNT(*) AS n
FROM orders WHERE ordered_at >= '2026-06-01' GROUP BY 1 ORDER BY 1;

--@ time-at-time-zone ordered
SELECT extract(hour FROM o.ordered_at AT TIME ZONE s.time_zone) AS local_hour, COUNT(*) AS n
FROM orders o JOIN stores s USING (store_id)
GROUP BY local_hour ORDER BY local_hour;

--@ time-zone-round-trip ordered
SELECT order_id, ordered_at AT TIME ZONE 'UTC' AS utc, (ordered_at AT TIME ZONE 'America/New_York')::date AS ny_date, ordered_at AT TIME ZONE 'Asia/Tokyo' AT TIME ZONE 'Asia/Tokyo' = ordered_at AS same
FROM orders ORDER BY order_id LIMIT 10;

--@ time-date-bin ordered
SELECT date_bin('15 minutes', ordered_at, TIMESTAMPTZ '2026-06-01 00:00:00+00') AS slot, COUNT(*) AS n
FROM orders WHERE ordered_at >= '2026-06-05' AND ordered_at < '2026-06-08' GROUP BY slot ORDER BY slot;

--@ time-extract-many ordered
SELECT EXTRACT(YEAR FROM business_date) AS y, EXTRACT(QUARTER FROM business_date) AS q, EXTRACT(WEEK FROM business_date) AS w, EXTRACT(DOY FROM business_date) AS doy, COUNT(*) AS n
FROM orders WHERE business_date >= '2026-06-15' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

--@ time-date-part ordered
SELECT date_part('dow', ordered_at) AS dow, date_part('hour', ordered_at) AS hour, COUNT(*) AS n FROM orders GROUP BY 1, 2 ORDER BY 1, 2;

--@ time-to-char ordered
SELECT to_char(ordered_at, 'YYYY-MM') AS month, to_char(ordered_at, 'FMMonth') AS name, to_char(SUM(total), 'FM999,999,990.00') AS revenue
FROM orders GROUP BY 1, 2 ORDER BY 1;

--@ time-to-char-weekday ordered
SELECT to_char(business_date, 'ID Dy') AS day, COUNT(*) AS n FROM orders GROUP BY 1 ORDER BY 1;

--@ time-interval-arithmetic ordered
SELECT order_id, ordered_at, ordered_at + INTERVAL '2 hours 30 minutes' AS later, closed_at - ordered_at AS took, ordered_at - INTERVAL '1 month' AS month_before
FROM orders WHERE closed_at IS NOT NULL ORDER BY order_id LIMIT 10;

--@ time-interval-multiply
SELECT COUNT(*) AS n FROM orders WHERE closed_at > ordered_at + 30 * INTERVAL '1 minute' AND closed_at < ordered_at + make_interval(mins => 60);

--@ time-epoch ordered
SELECT channel, ROUND(AVG(EXTRACT(EPOCH FROM (closed_at - ordered_at)) / 60), 2) AS avg_minutes FROM orders WHERE closed_at IS NOT NULL GROUP BY channel ORDER BY channel;

--@ time-age ordered
SELECT store_id, age(DATE '2026-06-30', opened_on) AS age, extract(year FROM age(DATE '2026-06-30', opened_on))::int AS years FROM stores ORDER BY opened_on, store_id LIMIT 15;

--@ time-now-window
SELECT COUNT(*) AS n, SUM(total) AS revenue FROM orders WHERE ordered_at <= now() AND ordered_at > NOW() - INTERVAL '60 years';

--@ time-current-date
SELECT COUNT(*) AS n FROM orders WHERE business_date < CURRENT_DATE + INTERVAL '50 years' AND business_date > current_date - 365 * 60 AND ordered_at < CURRENT_TIMESTAMP + '50 years'::interval;

--@ time-between-dates ordered
SELECT business_date, COUNT(*) AS n FROM orders WHERE business_date BETWEEN DATE '2026-03-01' AND DATE '2026-03-31' GROUP BY business_date ORDER BY business_date;

--@ time-between-symmetric
SELECT COUNT(*) AS n FROM orders WHERE business_date BETWEEN SYMMETRIC '2026-04-30' AND '2026-04-01';

--@ time-overlaps ordered
SELECT shift_id, employee_id FROM shifts WHERE (starts_at, ends_at) OVERLAPS (TIMESTAMPTZ '2026-05-01 12:00+00', INTERVAL '2 days') ORDER BY shift_id;

--@ time-ranges ordered
SELECT shift_id, tstzrange(starts_at, ends_at) AS span, upper(tstzrange(starts_at, ends_at)) - lower(tstzrange(starts_at, ends_at)) AS length
FROM shifts WHERE tstzrange(starts_at, ends_at) @> TIMESTAMPTZ '2026-05-02 18:00+00' OR tstzrange(starts_at, ends_at, '[)') && tstzrange('2026-05-10 00:00+00', '2026-05-10 06:00+00')
ORDER BY shift_id;

--@ time-generate-series-days ordered
SELECT d::date AS day, COUNT(o.order_id) AS orders, COALESCE(SUM(o.total), 0) AS revenue
FROM generate_series(DATE '2026-05-25', DATE '2026-06-07', INTERVAL '1 day') AS d
LEFT JOIN orders o ON o.business_date = d::date
GROUP BY d ORDER BY d;

--@ time-generate-series-hours ordered
SELECT h AS hour, COUNT(o.order_id) AS n
FROM generate_series(0, 23) AS h LEFT JOIN orders o ON extract(hour FROM o.ordered_at) = h AND o.store_id = 17
GROUP BY h ORDER BY h;

--@ time-generate-series-timestamptz ordered
SELECT slot, (SELECT COUNT(*) FROM orders o WHERE o.ordered_at >= slot AND o.ordered_at < slot + '6 hours'::interval) AS n
FROM generate_series('2026-06-01 00:00+00'::timestamptz, '2026-06-04 00:00+00', '6 hours') AS slot
ORDER BY slot;

--@ time-year-over-year ordered
SELECT EXTRACT(MONTH FROM business_date)::int AS month,
       SUM(total) FILTER (WHERE business_date >= '2024-07-01' AND business_date < '2025-07-01') AS first_year,
       SUM(total) FILTER (WHERE business_date >= '2025-07-01' AND business_date < '2026-07-01') AS second_year,
       ROUND(SUM(total) FILTER (WHERE business_date >= '2025-07-01') / NULLIF(SUM(total) FILTER (WHERE business_date < '2025-07-01'), 0) - 1, 4) AS growth
FROM orders WHERE status = 'completed' GROUP BY 1 ORDER BY 1;

--@ time-month-over-month ordered
WITH m AS (SELECT date_trunc('month', business_date)::date AS month, SUM(total) AS revenue FROM orders WHERE status = 'completed' GROUP BY 1)
SELECT month, revenue, LAG(revenue) OVER (ORDER BY month) AS prev, ROUND(100.0 * (revenue / NULLIF(LAG(revenue) OVER (ORDER BY month), 0) - 1), 2) AS pct FROM m ORDER BY month;

--@ time-same-weekday-last-week ordered
WITH d AS (SELECT business_date, SUM(total) AS revenue FROM orders WHERE business_date >= '2026-05-01' GROUP BY 1)
SELECT a.business_date, a.revenue, b.revenue AS week_before FROM d a JOIN d b ON b.business_date = a.business_date - 7 ORDER BY 1;

--@ time-make-and-parse ordered same
SELECT make_date(2026, 2, 28) + 1 AS d, make_timestamp(2026, 3, 1, 12, 30, 15.5) AS ts, make_timestamptz(2026, 3, 1, 12, 30, 0, 'Europe/Berlin') AS tz,
       to_date('31.12.2025', 'DD.MM.YYYY') AS parsed, to_timestamp('2026-01-05 10:11', 'YYYY-MM-DD HH24:MI') AS parsed_tz, to_timestamp(1780000000) AS from_epoch;

--@ time-literals ordered same
SELECT DATE '2026-01-31' + INTERVAL '1 month' AS end_feb, TIME '10:30' + INTERVAL '45 minutes' AS t, '1 year 2 mons 3 days'::interval AS i, justify_interval('40 days 30 hours'::interval) AS j, INTERVAL '1-2' YEAR TO MONTH AS ym, '2026-06-30'::date - '2026-01-01'::date AS days;

--@ time-last-day-of-month ordered
SELECT (date_trunc('month', month) + INTERVAL '1 month - 1 day')::date AS last_day, COUNT(*) AS targets FROM store_targets GROUP BY 1 ORDER BY 1;

--@ time-isfinite-and-special
SELECT COUNT(*) FILTER (WHERE isfinite(ordered_at)) AS finite, COUNT(*) FILTER (WHERE ordered_at < 'infinity' AND ordered_at > '-infinity'::timestamptz) AS inside FROM orders;

--@ time-of-day ordered
SELECT CASE WHEN ordered_at::time < TIME '15:00' THEN 'early' WHEN ordered_at::time BETWEEN '15:00' AND '21:59:59' THEN 'middle' ELSE 'late' END AS part, COUNT(*) AS n FROM orders GROUP BY 1 ORDER BY 1;

--@ time-fiscal ordered
SELECT c.fiscal_year, c.fiscal_period, SUM(o.total) AS revenue FROM orders o JOIN calendar c ON c.day = o.business_date GROUP BY 1, 2 ORDER BY 1, 2;

--@ time-worked-hours ordered
SELECT employee_id, SUM(ends_at - starts_at - break_time) AS worked, ROUND(SUM(EXTRACT(EPOCH FROM ends_at - starts_at - break_time)) / 3600, 2) AS hours, MAX(break_time) AS longest_break
FROM shifts GROUP BY employee_id ORDER BY hours DESC, employee_id LIMIT 25;

--@ time-partition-months ordered
SELECT date_trunc('month', occurred_at)::date AS month, COUNT(*) AS n FROM app_events WHERE occurred_at >= DATE '2026-02-01' AND occurred_at < DATE '2026-05-01' GROUP BY 1 ORDER BY 1;

--@ time-timestamptz-text-formats ordered
SELECT order_id, ordered_at::text AS text, ordered_at::timestamp AS local, to_char(ordered_at AT TIME ZONE 'America/Chicago', 'YYYY-MM-DD"T"HH24:MI:SS') AS iso, ordered_at::timestamptz(0) AS secs FROM orders ORDER BY order_id LIMIT 5;

--@ time-stat-by-iso-week ordered
SELECT to_char(business_date, 'IYYY-"W"IW') AS iso_week, COUNT(*) AS n FROM orders WHERE business_date >= '2025-12-15' AND business_date < '2026-02-01' GROUP BY 1 ORDER BY 1;
