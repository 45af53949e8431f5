"""Row estimates under list scopes are those of the query by hand, within a factor of two.

`pytest -s` prints them as a table: for each query the nodes that read a table or join, by hand and as asked.
"""

import re
from dataclasses import dataclass

import pytest

from pg_test.wire.harness import Wire

TENANT = "brand-a"
STORES = 400
# Lists of stores by the business that has them. The first stores have most of the rows.
BUSINESSES = {
    "two": [17, 230],
    "twenty": list(range(5, STORES, 20)),
    "many": list(range(2, STORES + 1, 2)),
    "skewed": [1, STORES],
    "gone": [STORES + 1, STORES + 2],
}
SCHEMA = f"""
CREATE TABLE stores (tenant_id text NOT NULL, store_id int NOT NULL, region int NOT NULL, PRIMARY KEY (tenant_id, store_id));
CREATE TABLE visits (tenant_id text NOT NULL, visit_id int NOT NULL, store_id int NOT NULL, day date NOT NULL, guests int NOT NULL,
                     PRIMARY KEY (tenant_id, visit_id));
CREATE TABLE orders (tenant_id text NOT NULL, order_id int NOT NULL, visit_id int NOT NULL, store_id int NOT NULL, total int NOT NULL,
                     PRIMARY KEY (tenant_id, order_id));
INSERT INTO stores SELECT t, n, n % 8 FROM unnest(ARRAY['brand-a', 'brand-b', 'brand-c']) AS t, generate_series(1, {STORES}) AS n;
-- A store has fewer rows the higher its number is.
INSERT INTO visits SELECT 'brand-' || chr(97 + n % 3), n, 1 + ({STORES} * power(n * 7919 % 60000 / 60000.0, 2))::int % {STORES}, date '2026-01-01' + n % 300, 1 + n % 6
  FROM generate_series(1, 60000) AS n;
INSERT INTO orders SELECT tenant_id, 2 * visit_id + n, visit_id, store_id, n * visit_id % 90 FROM visits, generate_series(0, 1) AS n;
CREATE INDEX ON visits (tenant_id, store_id, day);
CREATE INDEX ON visits (tenant_id, day);
CREATE INDEX ON orders (tenant_id, store_id);
CREATE INDEX ON orders (tenant_id, visit_id);
SELECT splitplane.protect(r::regclass, '{{"tenant_id": "tenant", "store_id": "stores"}}') FROM unnest(ARRAY['stores', 'visits', 'orders']) AS r;
"""
# By name: the business that asks, and the query.
QUERIES = {
    "two stores": ("two", "SELECT count(*), sum(guests) FROM {visits} v"),
    "twenty stores, a month": ("twenty", "SELECT count(*) FROM {visits} v WHERE day BETWEEN '2026-03-01' AND '2026-03-31'"),
    "two hundred stores, by store": ("many", "SELECT store_id, sum(guests) FROM {visits} v GROUP BY store_id"),
    "the largest and the smallest": ("skewed", "SELECT count(*) FROM {orders} o"),
    "stores without rows": ("gone", "SELECT count(*) FROM {visits} v"),
    "a join of twenty": (
        "twenty",
        "SELECT v.day, sum(o.total) FROM {visits} v JOIN {orders} o ON o.visit_id = v.visit_id WHERE v.day >= '2026-08-01' GROUP BY 1",
    ),
    "a join with the stores": (
        "many",
        "SELECT s.region, count(*) FROM {stores} s JOIN {visits} v ON v.store_id = s.store_id WHERE v.guests > 3 GROUP BY 1",
    ),
    "a join of three, two months": (
        "many",
        "SELECT s.region, sum(o.total) FROM {stores} s JOIN {visits} v ON v.store_id = s.store_id JOIN {orders} o ON o.visit_id = v.visit_id"
        " WHERE v.day >= '2026-06-01' AND v.day < '2026-08-01' GROUP BY 1",
    ),
}
NODE = re.compile(r"^\s*(?:->\s+)?(?P<node>[A-Z][A-Za-z ]*?)(?: using \S+)?(?: on (?P<relation>\S+).*?)?  \(cost=\S+ rows=(?P<rows>\d+)")
MOST = 2.0


@dataclass(frozen=True)
class Estimate:
    """How many rows a node is expected to give: of a table, or of its joins in the order of the plan."""

    of: str
    rows: int


def estimates(lines):
    """Those of the nodes that read a table, by its name, and of the joins of a text plan."""
    found = []
    for line in lines:
        node = NODE.match(line)
        if node is None:
            continue
        if node["relation"] and node["node"] != "Bitmap Index Scan":
            found.append(Estimate(node["relation"].rsplit(".", 1)[-1], int(node["rows"])))
        elif node["node"].startswith("Nested Loop") or node["node"].endswith(" Join"):
            found.append(Estimate("join", int(node["rows"])))
    return found


def apart(one: Estimate, other: Estimate) -> float:
    """How many times the larger is the smaller; the planner expects one row at least."""
    return max(one.rows, other.rows) / max(1, min(one.rows, other.rows))


@pytest.fixture(scope="module")
def listed(cluster):
    built = Wire.build(cluster, "list_estimates", SCHEMA)
    with built.admin() as admin:
        for business, stores in BUSINESSES.items():
            admin.execute("SELECT splitplane.admit(%s, %s, claims => jsonb_build_object('stores', %s::int[]))", (TENANT, business, stores))
        admin.execute("VACUUM ANALYZE")
    yield built


@pytest.fixture(scope="module")
def table():
    lines = []
    yield lines
    print("\n| query | stores | node | by hand | asked |\n|---|---|---|---|---|")
    print("\n".join(lines))


def by_hand(wire, query, stores):
    fence = f"(SELECT * FROM {{}} WHERE tenant_id = '{TENANT}' AND store_id = ANY ('{{{{{','.join(map(str, stores))}}}}}'))"
    statement = query.format(**{name: fence.format(name) for name in ("stores", "visits", "orders")})
    with wire.admin() as admin:
        admin.execute("SET max_parallel_workers_per_gather = 0")
        return [line for (line,) in admin.execute(f"EXPLAIN {statement}").fetchall()]


def asked(wire, query, business):
    """The plan of the statement as it would be run; a dry run shows it to administrators."""
    sql = query.format(stores="stores", visits="visits", orders="orders")
    with wire.session(user=wire.cluster.superuser) as session:
        session.connection.execute("SET max_parallel_workers_per_gather = 0")
        return session.call(wire.sign(sql, TENANT, business), sql, function="ask_dry_run")["plan"]


@pytest.mark.parametrize("name", QUERIES)
def test_estimates_are_those_of_the_query_by_hand(listed, table, name):
    business, query = QUERIES[name]
    stores = BUSINESSES[business]
    hand_plan, ask_plan = by_hand(listed, query, stores), asked(listed, query, business)
    wanted, found = estimates(hand_plan), estimates(ask_plan)
    plans = "\n".join(["by hand:", *hand_plan, "asked:", *ask_plan])
    assert wanted, plans
    assert [node.of for node in found] == [node.of for node in wanted], plans
    for by, ask in zip(wanted, found, strict=True):
        table.append(f"| {name} | {len(stores)} | {by.of} | {by.rows} | {ask.rows} |")
        assert apart(by, ask) <= MOST, plans


def test_the_control_another_list_has_other_estimates(listed):
    query = QUERIES["two stores"][1]
    few, many = (estimates(by_hand(listed, query, BUSINESSES[business])) for business in ("two", "many"))
    assert apart(few[0], many[0]) > MOST
    # The rows themselves are what is estimated, so that not all estimates are one and the same guess.
    with listed.admin() as admin:
        (rows,) = admin.execute(
            "SELECT count(*) FROM visits WHERE tenant_id = %s AND store_id = ANY (%s)", (TENANT, BUSINESSES["many"])
        ).fetchone()
    assert apart(Estimate("visits", rows), estimates(asked(listed, query, "many"))[0]) <= MOST
