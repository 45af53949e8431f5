"""How long a call over a data server takes, against the same query written by hand and sent to that server directly.

    python pg_test/front/measure.py [--rows 100000] [--runs 21]

By each form of a data server: with claims, over security barrier views, and materialised here. All over TLS and a password on 127.0.0.1, in one session each, by turns; medians of milliseconds and their ratio. The query by hand is
run by the tables' owner, without row-level security, with the tenant's condition for each table.
"""

import argparse
import sys
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from splitplane_test.cluster import Cluster

from pg_test.front.servers import VIEWS, DataServer, Front, Unclaimed

QUERIES = {
    "look-up": (
        "SELECT total FROM orders WHERE order_id = 77",
        "SELECT total FROM orders WHERE tenant_id = 1 AND order_id = 77",
    ),
    "count": ("SELECT count(*), sum(total) FROM orders", "SELECT count(*), sum(total) FROM orders WHERE tenant_id = 1"),
    "group": (
        "SELECT store_id, sum(total) FROM orders GROUP BY store_id ORDER BY 1",
        "SELECT store_id, sum(total) FROM orders WHERE tenant_id = 1 GROUP BY store_id ORDER BY 1",
    ),
    "join": (
        "SELECT city, sum(total) FROM orders JOIN stores USING (store_id) GROUP BY city ORDER BY 1",
        "SELECT city, sum(total) FROM orders o JOIN stores s USING (store_id) WHERE o.tenant_id = 1 AND s.tenant_id = 1 GROUP BY city ORDER BY 1",
    ),
    "top 5": (
        "SELECT order_id, total FROM orders ORDER BY total DESC LIMIT 5",
        "SELECT order_id, total FROM orders WHERE tenant_id = 1 ORDER BY total DESC LIMIT 5",
    ),
    "window": (
        "SELECT count(*) FROM (SELECT rank() OVER (ORDER BY total) AS r FROM orders WHERE order_id <= 20000) t WHERE r <= 10",
        "SELECT count(*) FROM (SELECT rank() OVER (ORDER BY total) AS r FROM orders WHERE tenant_id = 1 AND order_id <= 20000) t WHERE r <= 10",
    ),
}


def milliseconds(action) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=21)
    chosen = parser.parse_args()
    with Cluster() as cluster, DataServer([1, 2]) as server:
        server.fill()
        server.run("CREATE ROLE by_hand LOGIN SUPERUSER PASSWORD 'by hand'")
        server.run(
            f"INSERT INTO orders SELECT t, i, i % 5, i, 'of ' || t FROM unnest(ARRAY[1, 2]) AS t, generate_series(101, {chosen.rows}) AS i"
        )
        server.run("VACUUM ANALYZE orders")
        server.run(VIEWS)
        claimed = Front.build(cluster, {"one": server})
        claimed.run("ALTER SERVER one OPTIONS (SET fetch_size '10000')")
        fronts = {"claimed": claimed}
        for form in ("barrier", "materialized"):
            fronts[form] = Unclaimed.build(cluster, server, form)
            fronts[form].run("ALTER SERVER data OPTIONS (SET fetch_size '10000')")
        where = f"host=localhost hostaddr=127.0.0.1 port={server.port} dbname={server.database} user=by_hand sslmode=require"
        with ExitStack() as stack:
            hand = stack.enter_context(psycopg.connect(where, password="by hand", autocommit=True))
            sessions = {form: stack.enter_context(front.session()) for form, front in fronts.items()}
            print(f"{'query':8} {'form':13} {'by hand':>9} {'ask':>9} {'ratio':>6}")
            for name, (asked, written) in QUERIES.items():
                spent: dict[str, list[float]] = {form: [] for form in ("by hand", *fronts)}
                for number in range(chosen.runs + 3):
                    contexts = {form: front.sign(asked) for form, front in fronts.items()}
                    times = {"by hand": milliseconds(lambda: hand.execute(written).fetchall())}
                    for form, session in sessions.items():
                        times[form] = milliseconds(partial(session.call, contexts[form], asked))
                    if number >= 3:
                        for form, time_spent in times.items():
                            spent[form].append(time_spent)
                by_hand = median(spent.pop("by hand"))
                for form, values in spent.items():
                    ask = median(values)
                    print(f"{name:8} {form:13} {by_hand:9.2f} {ask:9.2f} {ask / by_hand:6.2f}")


if __name__ == "__main__":
    main()
