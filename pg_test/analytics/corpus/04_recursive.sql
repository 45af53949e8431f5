--@ recursive-number-series ordered same
WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 10)
SELECT i, i * i AS square FROM n ORDER BY i;

--@ recursive-org-chart ordered
WITH RECURSIVE chain AS (
    SELECT employee_id, full_name, manager_id, 1 AS depth FROM employees WHERE manager_id IS NULL
    UNION ALL
    SELECT e.employee_id, e.full_name, e.manager_id, c.depth + 1
    FROM employees e JOIN chain c ON e.manager_id = c.employee_id
)
SELECT depth, COUNT(*) AS people FROM chain GROUP BY depth ORDER BY depth;

--@ recursive-named-like-its-table ordered
WITH RECURSIVE employees AS (
    SELECT employee_id, manager_id, 1 AS depth FROM public.employees WHERE job = 'manager' AND store_id IN (17, 1)
    UNION ALL
    SELECT e.employee_id, e.manager_id, m.depth + 1
    FROM public.employees e JOIN employees m ON e.manager_id = m.employee_id
    WHERE m.depth < 3
)
SELECT depth, COUNT(*) AS n FROM employees GROUP BY depth ORDER BY depth;

--@ recursive-keyword-plain-cte-of-same-table ordered
WITH RECURSIVE stores AS (SELECT * FROM public.stores WHERE seats > 60),
     n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3)
SELECT n.i, COUNT(stores.store_id) AS big_stores FROM n CROSS JOIN stores GROUP BY n.i ORDER BY n.i;

--@ recursive-keyword-reads-table ordered
WITH RECURSIVE months(month) AS (
    SELECT DATE '2026-01-01' UNION ALL SELECT (month + INTERVAL '1 month')::date FROM months WHERE month < DATE '2026-06-01'
), sales AS (SELECT date_trunc('month', business_date)::date AS month, SUM(total) AS revenue FROM orders GROUP BY 1)
SELECT m.month, COALESCE(s.revenue, 0) AS revenue FROM months m LEFT JOIN sales s ON s.month = m.month ORDER BY m.month;

--@ recursive-path ordered
WITH RECURSIVE chain(employee_id, path) AS (
    SELECT employee_id, full_name FROM employees WHERE manager_id IS NULL
    UNION ALL
    SELECT e.employee_id, c.path || ' > ' || e.full_name FROM employees e JOIN chain c ON c.employee_id = e.manager_id
)
SELECT employee_id, path FROM chain ORDER BY employee_id DESC LIMIT 40;

--@ recursive-search-depth-first ordered
WITH RECURSIVE chain(employee_id, manager_id) AS (
    SELECT employee_id, manager_id FROM employees WHERE job = 'manager' AND store_id = 17
    UNION ALL
    SELECT e.employee_id, e.manager_id FROM employees e JOIN chain c ON c.employee_id = e.manager_id
) SEARCH DEPTH FIRST BY employee_id SET walk_order
SELECT employee_id, manager_id FROM chain ORDER BY walk_order;

--@ recursive-cycle ordered
WITH RECURSIVE up(employee_id, manager_id) AS (
    SELECT employee_id, manager_id FROM employees WHERE store_id = 17 AND job = 'cook'
    UNION ALL
    SELECT e.employee_id, e.manager_id FROM employees e JOIN up ON up.manager_id = e.employee_id
) CYCLE employee_id SET looped USING path
SELECT employee_id, manager_id, looped FROM up ORDER BY employee_id;

--@ recursive-union-distinct ordered
WITH RECURSIVE bosses AS (
    SELECT manager_id FROM employees WHERE manager_id IS NOT NULL
    UNION
    SELECT e.manager_id FROM employees e JOIN bosses b ON e.employee_id = b.manager_id WHERE e.manager_id IS NOT NULL
)
SELECT manager_id FROM bosses ORDER BY manager_id DESC LIMIT 100;

--@ recursive-running-balance ordered
WITH RECURSIVE days AS (
    SELECT 1 AS n, business_date, SUM(total) AS revenue FROM orders WHERE business_date = '2026-06-01' GROUP BY business_date
    UNION ALL
    SELECT d.n + 1, d.business_date + 1, d.revenue + COALESCE((SELECT SUM(total) FROM orders o WHERE o.business_date = d.business_date + 1), 0)
    FROM days d WHERE d.n < 15
)
SELECT business_date, revenue FROM days ORDER BY n;

--@ recursive-inside-subquery
SELECT COUNT(*) AS n FROM orders WHERE store_id IN (WITH RECURSIVE ids(i) AS (SELECT 17 UNION ALL SELECT i + 25 FROM ids WHERE i < 100) SELECT i FROM ids);
