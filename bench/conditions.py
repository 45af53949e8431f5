"""What a condition costs under row-level security: by hand, with row-level security alone, and asked.

    python bench/conditions.py [--rounds N]

One table of 1.2 million rows with a large tenant of 200,000, and an index of (tenant, column) for each column. Each spelling is run in
turn by hand (as the owner, with the tenant's condition), with a policy of PostgreSQL's own (as a role that it binds), by ask, and by
hand again. Medians in ms, less what a call costs over one row. A machine that is busy otherwise shows in "A/A".
"""

import argparse
from statistics import median
from time import perf_counter

from session import ask, connect, context, install
from splitplane_test.cluster import Cluster
from table import Table, progress

COLUMNS = {
    "day": "date",
    "local_time": "timestamp",
    "moment": "timestamptz",
    "name": 'text COLLATE "C"',
    "price": "numeric(8, 2)",
    "status": "state",
}
SPELLINGS = (
    "day >= current_date - 7",
    "day >= current_date - interval '7 days'",
    "day >= now() - interval '7 days'",
    "day BETWEEN date_trunc('month', now()) AND now()",
    "date_trunc('month', day) = date_trunc('month', current_date)",
    "local_time >= current_date - 7",
    "local_time >= now() - interval '7 days'",
    "local_time::date = current_date - 3",
    "date_trunc('month', local_time) = date_trunc('month', now())",
    "moment >= current_date - interval '7 days'",
    "moment::date = current_date - 3",
    "date_trunc('day', moment) = date_trunc('day', now())",
    "name LIKE 'guest 1234%'",
    "price = 12.34",
    "price BETWEEN 12.30 AND 12.40",
    "price > 999.5",
    "price > 1",
    "price IN (12.34, 56.78, 90.12)",
    "status = 'lost'",
    "status = 'open'",
    "status IN ('lost', 'void')",
)
COUNT = "SELECT count(*), min(visit_id) FROM {table} WHERE {condition}"
FREE = "visit_id = 1"


def load(admin) -> None:
    admin.execute("CREATE TYPE state AS ENUM ('open', 'paid', 'lost', 'void')")
    columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in COLUMNS.items())
    for table in ("visits", "secured"):
        admin.execute(
            f"CREATE TABLE {table} (tenant_id int NOT NULL, visit_id int NOT NULL, {columns}, PRIMARY KEY (tenant_id, visit_id))"
        )
    admin.execute(
        "INSERT INTO visits SELECT CASE WHEN i % 6 = 0 THEN 1 ELSE 2 + i % 50 END, i, current_date - i / 1000,"
        " localtimestamp - i * interval '85 seconds', now() - i * interval '85 seconds', 'guest ' || i, (i::bigint * 7919 % 100000) / 100.0,"
        " CASE WHEN i % 2400 = 0 THEN 'lost' WHEN i % 2400 = 6 THEN 'void' WHEN i % 4 < 2 THEN 'open' ELSE 'paid' END::state"
        " FROM generate_series(1, 1200000) AS i"
    )
    # The same moments in both.
    admin.execute("INSERT INTO secured TABLE visits")
    for table in ("visits", "secured"):
        for column in COLUMNS:
            admin.execute(f"CREATE INDEX ON {table} (tenant_id, {column})")
    admin.execute("ALTER TABLE secured ENABLE ROW LEVEL SECURITY")
    admin.execute("CREATE POLICY own ON secured USING (tenant_id = 1)")
    admin.execute("GRANT SELECT ON secured TO bench_app")
    admin.execute("VACUUM ANALYZE")
    admin.execute("SELECT splitplane.admit('1')")
    admin.execute("SELECT splitplane.protect('visits', '{\"tenant_id\": \"tenant\"}')")


def timed(calls, rounds: int) -> dict[str, float]:
    """The median milliseconds of each way, called in turn; the answers must be equal."""
    took: dict[str, list[float]] = {way: [] for way in calls}
    for number in range(rounds + 2):
        answers = []
        for way, call in calls.items():
            # Once before it is timed: the way before it has left other rows in the processor's caches.
            call()
            start = perf_counter()
            answers.append([list(row) for row in call()])
            if number > 1:
                took[way].append((perf_counter() - start) * 1_000)
        if any(answer != answers[0] for answer in answers):
            raise SystemExit(f"the ways have different answers: {answers}")
    return {way: median(times) for way, times in took.items()}


def measured(admin, app, condition: str, rounds: int) -> dict[str, float]:
    asked = COUNT.format(table="visits", condition=condition)
    signed = context(admin, 1, asked)
    by_hand = COUNT.format(table="visits", condition=f"tenant_id = 1 AND ({condition})")
    secured = COUNT.format(table="secured", condition=condition)
    return timed(
        {
            "by hand": lambda: admin.execute(by_hand).fetchall(),
            "row-level security": lambda: app.execute(secured).fetchall(),
            "ask": lambda: ask(app, signed, asked)["rows"],
            "again": lambda: admin.execute(by_hand).fetchall(),
        },
        rounds,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    table = Table(["condition", "by hand", "row-level security alone", "ask", "A/A"])
    with Cluster({"shared_buffers": "512MB", "jit": "off"}) as cluster:
        cluster.createdb("conditions")
        install(cluster, "conditions", "bench_app")
        admin, app = connect(cluster, "conditions"), connect(cluster, "conditions", "bench_app")
        admin.execute("SET TIME ZONE 'UTC'")
        app.execute("SET TIME ZONE 'UTC'")
        load(admin)
        free = measured(admin, app, FREE, options.rounds)
        for condition in SPELLINGS:
            progress(condition)
            took = measured(admin, app, condition, options.rounds)
            shown = [f"{took[way] - free[way]:.2f}" for way in ("by hand", "row-level security", "ask")]
            table.row(condition, *shown, f"{took['again'] / took['by hand']:.2f}")
        admin.close()
        app.close()
    table.print()


if __name__ == "__main__":
    main()
