"""Plans are those of the query by hand: what stands around a statement takes nothing from the planner.

Planning is not timed here. The same nodes in the same order over the same indexes say that the planner had the same joins to choose
from, and as many Gather nodes that as many parts of the statement are run by workers.
"""

import re

import pytest
from splitplane_test.plans import shape

from pg_test.wire.harness import WANTS_WORKERS, Wire

PROTECTED = ("clients", "sites", "purchases", "positions", "payments")
SCHEMA = """
CREATE TABLE regions (region_id int PRIMARY KEY, region text NOT NULL);
CREATE TABLE kinds (kind_id int PRIMARY KEY, kind text NOT NULL);
CREATE TABLE currencies (currency_id int PRIMARY KEY, code text NOT NULL);
INSERT INTO regions SELECT n, 'region ' || n FROM generate_series(1, 8) n;
INSERT INTO kinds SELECT n, 'kind ' || n FROM generate_series(1, 40) n;
INSERT INTO currencies SELECT n, 'C' || n FROM generate_series(1, 5) n;
CREATE TABLE clients (tenant_id text NOT NULL, client_id int NOT NULL, segment int NOT NULL, PRIMARY KEY (tenant_id, client_id));
CREATE TABLE sites (tenant_id text NOT NULL, site_id int NOT NULL, region_id int NOT NULL, PRIMARY KEY (tenant_id, site_id));
CREATE TABLE purchases (tenant_id text NOT NULL, purchase_id int NOT NULL, client_id int NOT NULL, site_id int NOT NULL, made_on date NOT NULL,
                        PRIMARY KEY (tenant_id, purchase_id));
CREATE TABLE positions (tenant_id text NOT NULL, purchase_id int NOT NULL, line int NOT NULL, kind_id int NOT NULL, price int NOT NULL,
                        PRIMARY KEY (tenant_id, purchase_id, line));
CREATE TABLE payments (tenant_id text NOT NULL, payment_id int NOT NULL, purchase_id int NOT NULL, currency_id int NOT NULL, amount int NOT NULL,
                       PRIMARY KEY (tenant_id, payment_id));
INSERT INTO clients SELECT t, n, n % 7 FROM unnest(ARRAY['brand-a', 'brand-b', 'brand-c']) t, generate_series(1, 400) n;
INSERT INTO sites SELECT t, n, 1 + n % 8 FROM unnest(ARRAY['brand-a', 'brand-b', 'brand-c']) t, generate_series(1, 30) n;
INSERT INTO purchases SELECT t, n, 1 + n % 400, 1 + n % 30, date '2026-01-01' + n % 300
  FROM unnest(ARRAY['brand-a', 'brand-b', 'brand-c']) t, generate_series(1, 6000) n;
INSERT INTO positions SELECT t, n, l, 1 + (n + l) % 40, n % 90
  FROM unnest(ARRAY['brand-a', 'brand-b', 'brand-c']) t, generate_series(1, 6000) n, generate_series(1, 3) l;
INSERT INTO payments SELECT t, n, n, 1 + n % 5, n % 200 FROM unnest(ARRAY['brand-a', 'brand-b', 'brand-c']) t, generate_series(1, 6000) n;
CREATE INDEX ON purchases (tenant_id, made_on);
CREATE INDEX ON payments (tenant_id, purchase_id);
SELECT splitplane.share(r::regclass) FROM unnest(ARRAY['regions', 'kinds', 'currencies']) r;
SELECT splitplane.protect(r::regclass, '{"tenant_id": "tenant"}') FROM unnest(ARRAY['clients', 'sites', 'purchases', 'positions', 'payments']) r;
SELECT splitplane.admit('brand-a');
"""
CONDITIONS = "r.region = 'region 3' AND k.kind_id < 10 AND p.made_on BETWEEN '2026-02-01' AND '2026-02-20' AND c.segment = 2"
JOINS = {
    # As many references as the planner takes into one search by default.
    "in FROM": f"""SELECT c.client_id, cu.code, sum(l.price), max(y.amount)
        FROM {{clients}} c, {{sites}} s, {{purchases}} p, {{positions}} l, {{payments}} y, regions r, kinds k, currencies cu
        WHERE p.client_id = c.client_id AND p.site_id = s.site_id AND l.purchase_id = p.purchase_id AND y.purchase_id = p.purchase_id
          AND r.region_id = s.region_id AND k.kind_id = l.kind_id AND cu.currency_id = y.currency_id AND {CONDITIONS}
        GROUP BY 1, 2""",
    # In an order that nobody would run it in.
    "by JOIN": f"""SELECT c.client_id, cu.code, sum(l.price), max(y.amount)
        FROM {{positions}} l JOIN kinds k ON k.kind_id = l.kind_id JOIN {{purchases}} p ON p.purchase_id = l.purchase_id
        JOIN {{payments}} y ON y.purchase_id = p.purchase_id JOIN currencies cu ON cu.currency_id = y.currency_id
        JOIN {{clients}} c ON c.client_id = p.client_id JOIN {{sites}} s ON s.site_id = p.site_id
        JOIN regions r ON r.region_id = s.region_id
        WHERE {CONDITIONS} GROUP BY 1, 2""",
    "in a derived table": f"""SELECT code, count(*) FROM (SELECT cu.code, p.purchase_id
        FROM {{clients}} c, {{sites}} s, {{purchases}} p, {{positions}} l, {{payments}} y, regions r, kinds k, currencies cu
        WHERE p.client_id = c.client_id AND p.site_id = s.site_id AND l.purchase_id = p.purchase_id AND y.purchase_id = p.purchase_id
          AND r.region_id = s.region_id AND k.kind_id = l.kind_id AND cu.currency_id = y.currency_id AND {CONDITIONS}) d GROUP BY 1""",
}
ARMS = {
    "two arms": "SELECT price FROM {positions} l UNION ALL SELECT amount FROM {payments} y",
    "two arms of one": "SELECT count(*) FROM (SELECT price FROM {positions} l UNION ALL SELECT amount FROM {payments} y) d",
    "two sums": "SELECT sum(price) FROM {positions} l UNION ALL SELECT sum(amount) FROM {payments} y",
    "three groups": "SELECT line, count(*) FROM {positions} l GROUP BY 1 UNION ALL SELECT currency_id, count(*) FROM {payments} y GROUP BY 1"
    " UNION ALL SELECT site_id, count(*) FROM {purchases} p GROUP BY 1",
}
TENANT = "brand-a"


@pytest.fixture(scope="module")
def joined(cluster):
    built = Wire.build(cluster, "joined", SCHEMA)
    built.run("VACUUM ANALYZE")
    return built


@pytest.fixture(scope="module")
def parallel(cluster):
    """The same, where every plan is parallel that can be."""
    built = Wire.build(cluster, "parallel_arms", SCHEMA)
    built.run("VACUUM ANALYZE")
    for setting, value in WANTS_WORKERS.items():
        if "parallel" in setting:
            built.run(f"ALTER DATABASE parallel_arms SET {setting} = '{value}'")
    return built


def by_hand(query, fence="(SELECT * FROM {} WHERE tenant_id = 'brand-a')"):
    """The query with the tenant's condition in each reference."""
    return query.format(**{table: fence.format(table) for table in PROTECTED})


def planned(wire, statement):
    with wire.admin() as admin:
        return shape(line for (line,) in admin.execute(f"EXPLAIN {statement}").fetchall())


def asked(wire, query):
    """The plan of the statement as it would be run; a dry run shows it to administrators."""
    sql = query.format(**{table: table for table in PROTECTED})
    with wire.session(user=wire.cluster.superuser) as session:
        return shape(session.call(wire.sign(sql, TENANT), sql, function="ask_dry_run")["plan"])


def gathers(plan):
    return len([node for node in plan if re.match(r"\s*Gather", node)])


@pytest.mark.parametrize("query", JOINS)
def test_a_join_of_five_protected_and_three_shared_tables_is_planned_as_by_hand(joined, query):
    wanted = planned(joined, by_hand(JOINS[query]))
    assert len([node for node in wanted if "Scan" in node and "Bitmap Index" not in node]) == 8, wanted
    assert asked(joined, JOINS[query]) == wanted
    # The control: a fence that the planner cannot look through gives another plan.
    assert planned(joined, by_hand(JOINS[query], "(SELECT * FROM {} WHERE tenant_id = 'brand-a' OFFSET 0)")) != wanted


@pytest.mark.parametrize("query", ARMS)
def test_union_all_has_the_workers_that_it_has_by_hand(parallel, query):
    wanted = planned(parallel, by_hand(ARMS[query]))
    assert gathers(wanted) > 0, wanted
    found = asked(parallel, ARMS[query])
    assert gathers(found) == gathers(wanted), "\n".join(["by hand:", *wanted, "asked:", *found])
    assert found == wanted
