"""The twelve queries, each in two spellings.

`plane` is what a model would write: no tenant anywhere. It is what `ask`, classic row-level security and the gateway
are given. `hand` is the same question by somebody who knows the schema and filters every table by hand; {t} is the
tenant as a literal. Every result has a total order, so that the four answers can be compared row by row.
"""

from typing import NamedTuple


class Query(NamedTuple):
    name: str
    plane: str
    hand: str


QUERIES = [
    Query(
        "point look-up",
        "SELECT order_id, ordered_at, status, total FROM orders WHERE order_id = {order}",
        "SELECT order_id, ordered_at, status, total FROM orders WHERE tenant_id = {t} AND order_id = {order}",
    ),
    Query(
        "latest 50 of a day",
        """SELECT order_id, store_id, total FROM orders
           WHERE ordered_at >= '2026-03-02' AND ordered_at < '2026-03-03'
           ORDER BY ordered_at DESC, order_id LIMIT 50""",
        """SELECT order_id, store_id, total FROM orders
           WHERE tenant_id = {t} AND ordered_at >= '2026-03-02' AND ordered_at < '2026-03-03'
           ORDER BY ordered_at DESC, order_id LIMIT 50""",
    ),
    Query(
        "status counts, 30 days",
        """SELECT status, count(*) AS orders, sum(total) AS revenue FROM orders
           WHERE ordered_at >= '2026-06-01' GROUP BY status ORDER BY status""",
        """SELECT status, count(*) AS orders, sum(total) AS revenue FROM orders
           WHERE tenant_id = {t} AND ordered_at >= '2026-06-01' GROUP BY status ORDER BY status""",
    ),
    Query(
        "revenue by month",
        """SELECT date_trunc('month', ordered_at) AS month, sum(total) AS revenue FROM orders
           WHERE status = 'paid' GROUP BY 1 ORDER BY 1""",
        """SELECT date_trunc('month', ordered_at) AS month, sum(total) AS revenue FROM orders
           WHERE tenant_id = {t} AND status = 'paid' GROUP BY 1 ORDER BY 1""",
    ),
    Query(
        "void rate by store (join)",
        """SELECT s.store_id, s.city, count(*) FILTER (WHERE o.status = 'voided')::numeric / count(*) AS void_rate
           FROM stores s JOIN orders o ON o.store_id = s.store_id
           GROUP BY s.store_id, s.city ORDER BY void_rate DESC, s.store_id""",
        """SELECT s.store_id, s.city, count(*) FILTER (WHERE o.status = 'voided')::numeric / count(*) AS void_rate
           FROM stores s JOIN orders o ON o.tenant_id = {t} AND o.store_id = s.store_id
           WHERE s.tenant_id = {t}
           GROUP BY s.store_id, s.city ORDER BY void_rate DESC, s.store_id""",
    ),
    Query(
        "top customers (join, numeric filter)",
        """SELECT c.customer_id, c.segment, count(*) AS orders, sum(o.total) AS spent
           FROM customers c JOIN orders o ON o.customer_id = c.customer_id
           WHERE o.total > 20 AND o.status = 'paid'
           GROUP BY c.customer_id, c.segment HAVING sum(o.total) > 1000
           ORDER BY spent DESC, c.customer_id LIMIT 20""",
        """SELECT c.customer_id, c.segment, count(*) AS orders, sum(o.total) AS spent
           FROM customers c JOIN orders o ON o.tenant_id = {t} AND o.customer_id = c.customer_id
           WHERE c.tenant_id = {t} AND o.total > 20 AND o.status = 'paid'
           GROUP BY c.customer_id, c.segment HAVING sum(o.total) > 1000
           ORDER BY spent DESC, c.customer_id LIMIT 20""",
    ),
    Query(
        "category by region (three-way join)",
        """SELECT s.region, i.category, sum(i.quantity * i.unit_price) AS revenue
           FROM orders o
           JOIN order_items i ON i.order_id = o.order_id
           JOIN stores s ON s.store_id = o.store_id
           WHERE o.ordered_at >= '2026-01-01' AND o.ordered_at < '2026-04-01' AND o.status = 'paid'
           GROUP BY s.region, i.category ORDER BY s.region, i.category""",
        """SELECT s.region, i.category, sum(i.quantity * i.unit_price) AS revenue
           FROM orders o
           JOIN order_items i ON i.tenant_id = {t} AND i.order_id = o.order_id
           JOIN stores s ON s.tenant_id = {t} AND s.store_id = o.store_id
           WHERE o.tenant_id = {t} AND o.ordered_at >= '2026-01-01' AND o.ordered_at < '2026-04-01' AND o.status = 'paid'
           GROUP BY s.region, i.category ORDER BY s.region, i.category""",
    ),
    Query(
        "moving average (window)",
        """SELECT day, revenue, avg(revenue) OVER (ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS week
           FROM (SELECT date_trunc('day', ordered_at) AS day, sum(total) AS revenue
                 FROM orders GROUP BY 1) d ORDER BY day""",
        """SELECT day, revenue, avg(revenue) OVER (ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS week
           FROM (SELECT date_trunc('day', ordered_at) AS day, sum(total) AS revenue
                 FROM orders WHERE tenant_id = {t} GROUP BY 1) d ORDER BY day""",
    ),
    Query(
        "CTE named like its table",
        """WITH orders AS (SELECT * FROM orders WHERE status <> 'voided'),
                monthly AS (SELECT date_trunc('month', ordered_at) AS month, store_id, sum(total) AS revenue
                            FROM orders GROUP BY 1, 2)
           SELECT month, store_id, revenue, rank() OVER (PARTITION BY month ORDER BY revenue DESC) AS place
           FROM monthly ORDER BY month, place, store_id""",
        """WITH orders AS (SELECT * FROM orders WHERE tenant_id = {t} AND status <> 'voided'),
                monthly AS (SELECT date_trunc('month', ordered_at) AS month, store_id, sum(total) AS revenue
                            FROM orders GROUP BY 1, 2)
           SELECT month, store_id, revenue, rank() OVER (PARTITION BY month ORDER BY revenue DESC) AS place
           FROM monthly ORDER BY month, place, store_id""",
    ),
    Query(
        "median by weekday",
        """SELECT extract(isodow FROM ordered_at) AS weekday,
                  percentile_cont(0.5) WITHIN GROUP (ORDER BY total) AS median, count(*) AS orders
           FROM orders GROUP BY 1 ORDER BY 1""",
        """SELECT extract(isodow FROM ordered_at) AS weekday,
                  percentile_cont(0.5) WITHIN GROUP (ORDER BY total) AS median, count(*) AS orders
           FROM orders WHERE tenant_id = {t} GROUP BY 1 ORDER BY 1""",
    ),
    Query(
        "lapsed customers (NOT EXISTS)",
        """SELECT c.segment, count(*) AS lapsed FROM customers c
           WHERE NOT EXISTS (SELECT 1 FROM orders o
                             WHERE o.customer_id = c.customer_id AND o.ordered_at >= '2026-06-20')
           GROUP BY c.segment ORDER BY c.segment""",
        """SELECT c.segment, count(*) AS lapsed FROM customers c
           WHERE c.tenant_id = {t}
             AND NOT EXISTS (SELECT 1 FROM orders o
                             WHERE o.tenant_id = {t} AND o.customer_id = c.customer_id AND o.ordered_at >= '2026-06-20')
           GROUP BY c.segment ORDER BY c.segment""",
    ),
    Query(
        "distinct customers by month (join, LIKE)",
        """SELECT to_char(o.ordered_at, 'YYYY-MM') AS month, count(DISTINCT o.customer_id) AS customers,
                  count(DISTINCT o.customer_id) FILTER (WHERE o.total > 50) AS big_spenders
           FROM orders o JOIN stores s ON s.store_id = o.store_id
           WHERE s.city LIKE '%e%' GROUP BY 1 ORDER BY 1""",
        """SELECT to_char(o.ordered_at, 'YYYY-MM') AS month, count(DISTINCT o.customer_id) AS customers,
                  count(DISTINCT o.customer_id) FILTER (WHERE o.total > 50) AS big_spenders
           FROM orders o JOIN stores s ON s.tenant_id = {t} AND s.store_id = o.store_id
           WHERE o.tenant_id = {t} AND s.city LIKE '%e%' GROUP BY 1 ORDER BY 1""",
    ),
]


def filled(tenant: int, order: int) -> list[Query]:
    """The queries with the tenant and the order of the point look-up put in."""
    return [
        Query(q.name, q.plane.replace("{order}", str(order)), q.hand.replace("{t}", str(tenant)).replace("{order}", str(order)))
        for q in QUERIES
    ]
