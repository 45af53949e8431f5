"""How long a call over a data server takes, against the same query written by hand and sent to that server directly.

    python pg_test/front/measure.py [--rows 100000] [--runs 21]

Both over TLS and a password on 127.0.0.1, in one session each, by turns; medians of milliseconds and their ratio. The query by hand is
run by the tables' owner, without row-level security, with the tenant's condition for each table.
"""

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from splitplane_test.cluster import Cluster

from pg_test.front.servers import DataServer, Front

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
        front = Front.build(cluster, {"one": server})
        front.run("ALTER SERVER one OPTIONS (SET fetch_size '10000')")
        where = f"host=localhost hostaddr=127.0.0.1 port={server.port} dbname={server.database} user=by_hand sslmode=require"
        with psycopg.connect(where, password="by hand", autocommit=True) as hand, front.session() as session:
            print(f"{'query':8} {'by hand':>9} {'ask':>9} {'ratio':>6}")
            for name, (asked, written) in QUERIES.items():
                spent: tuple[list[float], list[float]] = ([], [])
                for number in range(chosen.runs + 3):
                    context = front.sign(asked)
                    times = (
                        milliseconds(lambda: hand.execute(written).fetchall()),
                        milliseconds(lambda: session.call(context, asked)),
                    )
                    if number >= 3:
                        spent[0].append(times[0])
                        spent[1].append(times[1])
                by_hand, ask = median(spent[0]), median(spent[1])
                print(f"{name:8} {by_hand:9.2f} {ask:9.2f} {ask / by_hand:6.2f}")


if __name__ == "__main__":
    main()
