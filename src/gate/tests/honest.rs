//! Analytic queries as language models write them: joins, aggregates, windows, dates.

use super::check;

#[test]
fn admits_plain_aggregates() {
    check(&[
        ("SELECT 1", ""),
        ("select count(*) from orders", "orders"),
        ("SELECT COUNT(*) AS order_count, SUM(o.total) AS revenue FROM orders o;", "orders"),
        ("SELECT o.*, s.* FROM orders o JOIN stores s ON s.store_id = o.store_id", "orders stores"),
        ("SELECT DISTINCT city FROM stores ORDER BY city", "stores"),
        ("SELECT city, COUNT(DISTINCT store_id) FROM stores GROUP BY city HAVING COUNT(*) > 1", "stores"),
        (
            "SELECT city, AVG(total)::numeric(10,2) AS avg_total FROM orders JOIN stores USING (store_id) GROUP BY 1 ORDER BY 2 DESC NULLS LAST LIMIT 10",
            "orders stores",
        ),
        (
            "SELECT store_id, ROUND(SUM(CASE WHEN status = 'void' THEN 1 ELSE 0 END) * 100.0 / NULLIF(COUNT(*), 0), 2) AS void_rate FROM orders GROUP BY store_id ORDER BY void_rate DESC LIMIT 5",
            "orders",
        ),
        ("SELECT COUNT(*) FILTER (WHERE status = 'void')::float / COUNT(*) FROM orders", "orders"),
        ("SELECT string_agg(DISTINCT city, ', ' ORDER BY city) FROM stores", "stores"),
        ("SELECT array_agg(order_id ORDER BY total DESC) FILTER (WHERE total > 10) FROM orders", "orders"),
        ("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total) AS median FROM orders", "orders"),
        ("SELECT percentile_disc(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY total) FROM orders", "orders"),
        ("SELECT mode() WITHIN GROUP (ORDER BY status) FILTER (WHERE total > 0) FROM orders", "orders"),
        (
            "SELECT bool_and(paid), bool_or(paid), every(paid), min(total), max(total), stddev_samp(total), corr(a, b) FROM orders",
            "orders",
        ),
        ("SELECT coalesce(sum(total), 0) + greatest(1, 2) - least(3, 4) FROM orders", "orders"),
        ("SELECT json_agg(json_build_object('id', order_id, 'total', total)) FROM orders", "orders"),
        ("SELECT jsonb_object_agg(city, n) FROM (SELECT city, count(*) AS n FROM stores GROUP BY city) t", "stores"),
    ]);
}

#[test]
fn admits_every_join() {
    check(&[
        ("SELECT * FROM a INNER JOIN b ON a.id = b.id", "a b"),
        ("SELECT * FROM a LEFT JOIN b ON a.id = b.id LEFT OUTER JOIN c ON c.id = b.id", "a b c"),
        ("SELECT * FROM a RIGHT JOIN b USING (id, store_id) RIGHT OUTER JOIN c USING (id)", "a b c"),
        ("SELECT * FROM a FULL JOIN b ON a.id = b.id FULL OUTER JOIN c ON true", "a b c"),
        ("SELECT * FROM a CROSS JOIN b", "a b"),
        ("SELECT * FROM a NATURAL JOIN b NATURAL LEFT JOIN c", "a b c"),
        ("SELECT * FROM a, b, c WHERE a.id = b.id AND b.id = c.id", "a b c"),
        ("SELECT * FROM a JOIN (b JOIN c ON b.id = c.id) ON a.id = b.id", "a b c"),
        ("SELECT * FROM (a JOIN b ON a.id = b.id) JOIN c ON c.id = a.id", "a b c"),
        ("SELECT * FROM a JOIN b JOIN c ON b.id = c.id ON a.id = b.id", "a b c"),
        ("SELECT * FROM ((a CROSS JOIN b)) AS j", "a b"),
        (
            "SELECT * FROM stores s LEFT JOIN LATERAL (SELECT * FROM orders o WHERE o.store_id = s.store_id ORDER BY total DESC LIMIT 3) top ON true",
            "orders stores",
        ),
        (
            "SELECT * FROM public.orders o, LATERAL (SELECT max(total) FROM payments p WHERE p.order_id = o.order_id) m",
            "payments public.orders",
        ),
        ("SELECT * FROM a CROSS JOIN LATERAL unnest(a.tags) AS t(tag)", "a"),
        ("SELECT * FROM a, unnest(a.tags) tag", "a"),
        ("SELECT * FROM a, LATERAL generate_series(1, a.n) AS g(i)", "a"),
        ("SELECT * FROM a AS x (p, q) JOIN b y ON x.p = y.id", "a b"),
        ("SELECT e.name, m.name AS manager FROM employees e LEFT JOIN employees m ON m.id = e.manager_id", "employees"),
        ("SELECT * FROM a LEFT JOIN b ON a.id = b.id AND b.deleted_at IS NULL WHERE b.id IS NULL", "a b"),
    ]);
}

#[test]
fn admits_windows() {
    check(&[
        ("SELECT store_id, rank() OVER (PARTITION BY city ORDER BY revenue DESC) FROM s", "s"),
        ("SELECT sum(x) OVER (ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM t", "t"),
        ("SELECT avg(x) OVER (ORDER BY d ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS ma7 FROM t", "t"),
        (
            "SELECT sum(x) OVER (ORDER BY d RANGE BETWEEN INTERVAL '7 days' PRECEDING AND INTERVAL '1 day' FOLLOWING) FROM t",
            "t",
        ),
        ("SELECT sum(x) OVER (ORDER BY d GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM t", "t"),
        ("SELECT sum(x) OVER (ORDER BY d ROWS UNBOUNDED PRECEDING EXCLUDE TIES) FROM t", "t"),
        (
            "SELECT sum(x) OVER w, avg(x) OVER (w ORDER BY d) FROM t WINDOW w AS (PARTITION BY k), w2 AS (w ORDER BY d)",
            "t",
        ),
        ("SELECT row_number() OVER (), lag(x, 1, 0) OVER (ORDER BY d), lead(x) OVER (ORDER BY d) FROM t", "t"),
        (
            "SELECT first_value(x) OVER (PARTITION BY k ORDER BY d), nth_value(x, 2) OVER (ORDER BY d), ntile(4) OVER (ORDER BY x) FROM t",
            "t",
        ),
        ("SELECT sum(sum(x)) OVER (ORDER BY d) / sum(sum(x)) OVER () FROM t GROUP BY d", "t"),
        ("SELECT count(*) FILTER (WHERE x > 0) OVER (PARTITION BY k) FROM t", "t"),
        (
            "SELECT * FROM (SELECT t.*, dense_rank() OVER (PARTITION BY k ORDER BY x DESC) AS r FROM t) ranked WHERE r <= 3",
            "t",
        ),
        ("SELECT percent_rank() OVER (ORDER BY x), cume_dist() OVER (ORDER BY x) FROM t", "t"),
    ]);
}

#[test]
fn admits_grouping() {
    check(&[
        ("SELECT a, b, sum(x) FROM t GROUP BY GROUPING SETS ((a, b), (a), ())", "t"),
        ("SELECT a, b, sum(x), grouping(a, b) FROM t GROUP BY ROLLUP (a, b)", "t"),
        ("SELECT a, b, sum(x) FROM t GROUP BY CUBE (a, b)", "t"),
        ("SELECT a, b, c, sum(x) FROM t GROUP BY a, ROLLUP (b, c)", "t"),
        ("SELECT a, b, c, sum(x) FROM t GROUP BY GROUPING SETS (a, (b, c), ROLLUP (a, b))", "t"),
        ("SELECT a, sum(x) FROM t GROUP BY DISTINCT ROLLUP (a, b), ROLLUP (a, c)", "t"),
        ("SELECT a, sum(x) FROM t GROUP BY ALL ROLLUP (a, b)", "t"),
        ("SELECT sum(x) FROM t GROUP BY ()", "t"),
        ("SELECT date_trunc('month', d), sum(x) FROM t GROUP BY date_trunc('month', d) ORDER BY 1", "t"),
        ("SELECT a FROM t GROUP BY (a)", "t"),
        ("SELECT a, b FROM t GROUP BY (a, b)", "t"),
    ]);
}

#[test]
fn admits_dates() {
    check(&[
        (
            "SELECT date_trunc('week', ordered_at) AS week FROM orders WHERE ordered_at >= now() - interval '7 days'",
            "orders",
        ),
        (
            "SELECT EXTRACT(YEAR FROM ordered_at), extract(dow from ordered_at), EXTRACT(EPOCH FROM (a - b)) / 3600 FROM orders",
            "orders",
        ),
        ("SELECT extract('month' from d), extract(isodow from d), extract(quarter from d) FROM t", "t"),
        ("SELECT * FROM t WHERE d >= DATE '2024-01-01' AND d < DATE '2024-02-01' + INTERVAL '1 month'", "t"),
        (
            "SELECT * FROM t WHERE ts >= TIMESTAMP '2024-01-01 00:00:00' AND ts < timestamp with time zone '2024-02-01 00:00:00+00'",
            "t",
        ),
        (
            "SELECT * FROM t WHERE ts >= timestamptz '2024-01-01' AND tm < TIME '12:00' AND tm > time with time zone '10:00+00'",
            "t",
        ),
        ("SELECT ts AT TIME ZONE 'UTC' AT TIME ZONE 'America/Chicago' FROM t", "t"),
        ("SELECT (ts AT TIME ZONE 'UTC')::date, ts::timestamptz AT TIME ZONE 'UTC' FROM t", "t"),
        ("SELECT current_date, current_timestamp, localtime, localtimestamp(0), CURRENT_TIME(2), now()", ""),
        ("SELECT current_date - 7, CURRENT_DATE - INTERVAL '1 month', current_date::timestamp", ""),
        (
            "SELECT INTERVAL '1' DAY, INTERVAL '1 2:03' DAY TO MINUTE, interval '1 year 2 months', INTERVAL '1.5' SECOND(2)",
            "",
        ),
        ("SELECT interval(3) '1 day'", ""),
        ("SELECT '1 day'::interval, CAST('2024-01-01' AS date), '2024-01-01'::timestamp(3) without time zone", ""),
        ("SELECT make_interval(days => 3), make_date(2024, 1, 1), make_interval(days := 3)", ""),
        ("SELECT d::date FROM generate_series(date '2024-01-01', date '2024-12-31', interval '1 day') AS d", ""),
        (
            "SELECT g.d, coalesce(sum(o.total), 0) FROM generate_series(date_trunc('day', now()) - interval '6 days', now(), '1 day') AS g(d) LEFT JOIN orders o ON o.ordered_at::date = g.d::date GROUP BY g.d",
            "orders",
        ),
        ("SELECT (date '2024-01-01', date '2024-02-01') OVERLAPS (date '2024-01-15', interval '10 days')", ""),
        (
            "SELECT to_char(ts, 'YYYY-MM'), to_date('2024', 'YYYY'), age(ts), date_part('year', ts), date_bin('15 minutes', ts, timestamp '2001-01-01') FROM t",
            "t",
        ),
        (
            "SELECT * FROM t WHERE ts BETWEEN '2024-01-01' AND '2024-01-31' AND x BETWEEN SYMMETRIC 5 AND 1 AND y NOT BETWEEN 1 AND 2",
            "t",
        ),
        ("SELECT * FROM t WHERE date(ts) = '2024-01-01' AND extract(hour from ts)::int IN (1, 2, 3)", "t"),
    ]);
}
