#!/usr/bin/env python3
"""How long a call on a cluster takes beside the same query by hand through the coordinator, and what a call sends to its node.

    CITUS_PG_CONFIG=FILE SPLITPLANE_PG_MAJOR=17 latency.py [--turns 200] [--worker-log]

Three ways of asking take turns in one run, each in a session of its own that is warm, and medians are compared:

    by hand     the query with its tenant in WHERE, as a superuser, in a statement of its own
    in a block  the same in a transaction of three statements that sets one setting for the node first, as any application does
                that has the node see its tenant: what Citus takes for a transaction over two servers
    ask         the call, whose context was signed before

All servers are on one machine, so a way to another server costs nothing here; the second table counts the ways instead: statements
that a node's log has of one call.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import time

from psycopg.types.json import Jsonb

from pg_test.citus import nodes as servers
from pg_test.citus.shop import CLUSTER_KEY, Shop

TABLES = """
CREATE TABLE orders (tenant_id int NOT NULL, order_id int NOT NULL, store_id int NOT NULL, total int NOT NULL, PRIMARY KEY (tenant_id, order_id));
CREATE TABLE stores (tenant_id int NOT NULL, store_id int NOT NULL, city text NOT NULL, PRIMARY KEY (tenant_id, store_id));
SELECT create_distributed_table('orders', 'tenant_id'), create_distributed_table('stores', 'tenant_id');
INSERT INTO stores SELECT t, s, 'city ' || s FROM generate_series(1, 9) AS t, generate_series(1, 40) AS s;
INSERT INTO orders SELECT t, o, o % 40 + 1, o % 997 FROM generate_series(1, 9) AS t, generate_series(1, 2000) AS o;
INSERT INTO orders SELECT 1, o, o % 40 + 1, o % 997 FROM generate_series(2001, 400000) AS o;
SELECT run_command_on_workers('ANALYZE');
"""
# By name: the text that is asked, and the same by hand.
QUERIES = {
    "look-up": (
        "SELECT total FROM orders WHERE order_id = 77",
        "SELECT total FROM orders WHERE tenant_id = {t} AND order_id = 77",
    ),
    "count": ("SELECT count(*) FROM orders", "SELECT count(*) FROM orders WHERE tenant_id = {t}"),
    "join and group": (
        "SELECT city, sum(total) FROM orders JOIN stores USING (store_id) GROUP BY 1 ORDER BY 2 DESC LIMIT 5",
        "SELECT city, sum(total) FROM orders o JOIN stores s USING (tenant_id, store_id) WHERE o.tenant_id = {t} GROUP BY 1 ORDER BY 2 DESC LIMIT 5",
    ),
}
# (query, tenant): tenant 2 has 2,000 orders, tenant 1 has 400,000.
CASES = [("look-up", 2), ("count", 2), ("join and group", 2), ("look-up", 1), ("count", 1), ("join and group", 1)]


class Asking:
    """The three ways, each in a session of its own."""

    def __init__(self, shop: Shop):
        self.shop = shop
        options = {"prepare_threshold": None}
        self.hand, self.block = (shop.connect("postgres", **options) for _ in range(2))
        self.caller = shop.connect(shop.caller, **options)

    def by_hand(self, name: str, tenant: int) -> float:
        text = QUERIES[name][1].format(t=tenant)
        began = time.perf_counter()
        self.hand.execute(text).fetchall()
        return time.perf_counter() - began

    def in_a_block(self, name: str, tenant: int) -> float:
        text = QUERIES[name][1].format(t=tenant)
        began = time.perf_counter()
        self.block.execute("BEGIN")
        self.block.execute("SET LOCAL application.tenant = '1'")
        self.block.execute(text).fetchall()
        self.block.execute("COMMIT")
        return time.perf_counter() - began

    def ask(self, name: str, tenant: int) -> float:
        text = QUERIES[name][0]
        context = Jsonb(self.shop.sign(text, str(tenant)))
        began = time.perf_counter()
        document = self.caller.execute("SELECT ask(%s, sql => %s)", (context, text)).fetchone()[0]
        took = time.perf_counter() - began
        assert document["outcome"] == "answered", document
        return took


def measured(asking: Asking, name: str, tenant: int, turns: int) -> str:
    ways = (asking.by_hand, asking.in_a_block, asking.ask)
    taken = {way: [] for way in ways}
    for turn in range(turns + 5):
        for way in ways[turn % 3 :] + ways[: turn % 3]:
            seconds = way(name, tenant)
            if turn >= 5:
                taken[way].append(seconds)
    hand, block, ask = (statistics.median(taken[way]) * 1_000 for way in ways)
    return f"| {name} | {tenant} | {turns} | {hand:.2f} | {block:.2f} | {ask:.2f} | {block / hand:.2f} | {ask / hand:.2f} | {ask - hand:.2f} |"


def statements(asking: Asking, nodes: servers.Nodes, name: str, tenant: int) -> list[str]:
    """What the workers' logs have of one call in a warm session."""
    for worker in nodes.workers:
        worker.psql("postgres", "ALTER SYSTEM SET log_statement = 'all'")
        worker.psql("postgres", "SELECT pg_reload_conf()")
    time.sleep(0.5)
    asking.ask(name, tenant)
    before = [len(worker.log_text()) for worker in nodes.workers]
    asking.ask(name, tenant)
    lines = []
    for worker, start in zip(nodes.workers, before, strict=True):
        text = worker.log_text()[start:]
        lines += re.findall(r"splitplane_reader@\S+ LOG:  (?:statement|execute [^:]*): ((?:.|\n(?!\d{4}-))*)", text)
        worker.psql("postgres", "ALTER SYSTEM RESET log_statement")
        worker.psql("postgres", "SELECT pg_reload_conf()")
    return [re.sub(r"splitplane\.token (=|TO) E?'[^']+'", r"splitplane.token \1 '..'", line.strip()) for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--worker-log", action="store_true", help="print what the nodes' logs have of one call")
    chosen = parser.parse_args()
    bindir = servers.installation(os.environ["CITUS_PG_CONFIG"])
    with servers.running(bindir, **{"citus.shard_count": "32"}) as nodes:
        nodes.give_keys(CLUSTER_KEY)
        shop = Shop.on(nodes, "latency", TABLES)
        shop.let_the_reader_in()
        for table in ("orders", "stores"):
            shop.protect(table, {"tenant_id": "tenant"})
        asking = Asking(shop)
        print("| query | tenant | turns | by hand, ms | in a block, ms | ask, ms | block / hand | ask / hand | ask - hand, ms |")
        print("|---|---|---|---|---|---|---|---|---|")
        for name, tenant in CASES:
            print(measured(asking, name, tenant, chosen.turns), flush=True)
        sent = statements(asking, nodes, "look-up", 2)
        print(f"\na look-up by ask is {len(sent)} statements on its node")
        if chosen.worker_log:
            print(*(f"  {line}" for line in sent), sep="\n")


if __name__ == "__main__":
    main()
