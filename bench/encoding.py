"""What it takes to make a document of many rows: by hand, by hand with jsonb's input and output of that document, and asked.

    python bench/encoding.py [--rounds N] [--rows N]

A table of ten columns of the common types, of which one tenant has all rows that are fetched with LIMIT. In each round, in turn: the
rows by hand; the reading of the same document by `jsonb_in` and its writing by `jsonb_out`, at the server; `ask`, whose document is
taken as text; and by hand again. Medians in ms, and medians of each round's own ratios. A machine that is busy otherwise shows in "again".
"""

import argparse
from statistics import median
from time import perf_counter

from psycopg.types.json import set_json_loads
from session import connect, context, install
from splitplane_test.cluster import Cluster
from table import Table, verdict

TARGET = 1.5
COLUMNS = {
    "order_id": ("int", "i"),
    "reference": ("bigint", "i * 1000003::bigint"),
    "customer": ("text", "'customer ' || i % 977"),
    "remark": ("text", "'left at the door, \"' || chr(233) || '\" ' || i"),
    "price": ("numeric(10, 2)", "(i * 7919 % 100000) / 100.0"),
    "weight": ("float8", "sqrt(i)"),
    "is_paid": ("bool", "i % 3 = 0"),
    "ordered_on": ("date", "date '2026-01-01' + i % 365"),
    "ordered_at": ("timestamptz", "timestamptz '2026-01-01 00:00+00' + i * interval '61.000007 seconds'"),
    "parcel": ("uuid", "md5(i::text)::uuid"),
}
SPLITPLANE = "SELECT ask(%s::jsonb, sql => %s)"
DOCUMENT = "SELECT octet_length((text::jsonb)::text) FROM documents"


def load(admin, rows: int) -> None:
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
    values = ", ".join(value for _, value in COLUMNS.values())
    admin.execute(f"CREATE TABLE parcels (tenant_id int NOT NULL, {columns})")
    admin.execute(f"INSERT INTO parcels SELECT 1, {values} FROM generate_series(1, {rows + 1000}) AS i")
    admin.execute("SELECT splitplane.admit('1')")
    admin.execute("SELECT splitplane.protect('parcels', '{\"tenant_id\": \"tenant\"}')")
    admin.execute("CREATE TABLE documents (text text)")
    admin.execute("ALTER TABLE documents ALTER text SET STORAGE EXTERNAL")
    admin.execute("VACUUM ANALYZE")


def measured(admin, hand, app, rows: int, rounds: int) -> dict[str, list[float]]:
    asked = f"SELECT {', '.join(COLUMNS)} FROM parcels LIMIT {rows}"
    by_hand = asked.replace("LIMIT", "WHERE tenant_id = 1 LIMIT")
    signed = context(admin, 1, asked)
    document = app.execute(SPLITPLANE, (signed, asked)).fetchone()[0]
    admin.execute("INSERT INTO documents VALUES (%s)", (document,))
    ways = {
        "hand": lambda: hand.execute(by_hand).fetchall(),
        "jsonb": lambda: admin.execute(DOCUMENT).fetchall(),
        "empty": lambda: admin.execute("SELECT 1").fetchall(),
        "ask": lambda: app.execute(SPLITPLANE, (signed, asked)).fetchall(),
        "again": lambda: hand.execute(by_hand).fetchall(),
    }
    took: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds + 5):
        for way, call in ways.items():
            # Once before it is timed: the way before it has left other things in the processor's caches.
            call()
            start = perf_counter()
            call()
            if number >= 5:
                took[way].append((perf_counter() - start) * 1_000)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--rows", type=int, default=1_000)
    options = parser.parse_args()
    with Cluster({"shared_buffers": "256MB", "jit": "off"}) as cluster:
        cluster.createdb("encoding")
        install(cluster, "encoding", "bench_app")
        admin, hand, app = (connect(cluster, "encoding", user) for user in (None, None, "bench_app"))
        for connection in (admin, hand, app):
            connection.execute("SET TIME ZONE 'UTC'")
        load(admin, options.rows)
        set_json_loads(lambda text: text.decode(), app)
        took = measured(admin, hand, app, options.rows, options.rounds)
        for connection in (admin, hand, app):
            connection.close()
    # The round trip of the document's way is in the way by hand as well.
    pairs = zip(took["hand"], took["jsonb"], took["empty"])
    took["both"] = [by_hand + jsonb - empty for by_hand, jsonb, empty in pairs]
    table = Table(["", "ms", "of by hand", "of by hand and jsonb", "target", "verdict"])
    for way, name in {"hand": "by hand", "again": "again", "both": "by hand, jsonb_in and jsonb_out", "ask": "ask"}.items():
        ratios = [median(a / b for a, b in zip(took[way], took[beside])) for beside in ("hand", "both")]
        goal = ["<= 1.5", verdict(ratios[1], TARGET)] if way == "ask" else []
        table.row(name, f"{median(took[way]):.2f}", *(f"{ratio:.2f}" for ratio in ratios), *goal)
    table.print()


if __name__ == "__main__":
    main()
