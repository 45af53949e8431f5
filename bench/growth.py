"""Whether one call gets dearer with more tenants, more protected tables or longer SQL.

The sizes lie in databases of their own and are measured round robin, so that a slow minute of the machine falls on all
of them alike.
"""

from statistics import median
from time import perf_counter

import psycopg
from session import ask, connect, context, install
from table import Table, progress, verdict

CALLER = "bench_app"
# Medians of equal work differ by some per cent on a busy machine; a cost that grew with the size would be many times that.
TARGET = 1.20
ROWS_PER_TENANT = 10


def database(cluster, name: str, tenants: int, relations: int) -> None:
    """A database with `relations` protected tables and `tenants` admitted tenants."""
    cluster.createdb(name)
    with connect(cluster, name) as admin:
        install(cluster, name, CALLER)
        for number in range(1, relations + 1):
            # Only the first is read: the others are there to be registered.
            rows = tenants if number == 1 else 1
            admin.execute(f"CREATE TABLE t{number} (tenant_id int, id int, value int, PRIMARY KEY (tenant_id, id))")
            admin.execute(
                f"INSERT INTO t{number} SELECT t, i, t + i FROM generate_series(1, {rows}) t, generate_series(1, {ROWS_PER_TENANT}) i"
            )
            admin.execute("SELECT splitplane.protect(%s::regclass, '{\"tenant_id\": \"tenant\"}')", (f"t{number}",))
        admin.execute("SELECT splitplane.admit(n::text) FROM generate_series(1, %s) n", (tenants,))
        admin.execute("VACUUM ANALYZE")


def in_turn(cluster, names: list[str], tenants: list[int], calls: int) -> tuple[list[float], list[float]]:
    """Per database: microseconds of the first call of a new backend, and the median of all later ones."""
    sql = "SELECT count(*) AS n FROM t1"
    first, later = [], [[] for _ in names]
    backends = []
    for name, many in zip(names, tenants):
        admin, app = connect(cluster, name), connect(cluster, name, CALLER)
        signed = [context(admin, 1 + (k * many) // 10, sql) for k in range(10)]
        start = perf_counter()
        ask(app, signed[0], sql)
        first.append((perf_counter() - start) * 1e6)
        backends.append((app, signed))
    for number in range(calls):
        for place, (app, signed) in enumerate(backends):
            document = ask(app, signed[number % 10], sql)
            if document["rows"] != [[ROWS_PER_TENANT]]:
                raise SystemExit(f"{names[place]}: wrong count {document['rows']}")
            if number >= 50:
                later[place].append(document["timings_ms"]["total"] * 1000)
    return first, [median(values) for values in later]


def long_sql(kilobytes: int) -> str:
    """A report with as many filtered counts as make up the wanted length: the kind of long SQL that models write."""
    parts, length = [], 0
    while length < kilobytes * 1000 - 60:
        parts.append(f"count(*) FILTER (WHERE store_id = {len(parts) + 1}) AS c{len(parts) + 1}")
        length += len(parts[-1]) + 2
    return f"SELECT {', '.join(parts)} FROM stores"


def by_length(cluster, dbname: str, sizes: list[int], calls: int) -> tuple[list[str], list[float]]:
    """Microseconds by ask (or why it refused), and of the same SQL filtered by hand as the client sees it."""
    admin, app = connect(cluster, dbname), connect(cluster, dbname, CALLER)
    texts = [long_sql(size) for size in sizes]
    signed = [context(admin, 1, sql) for sql in texts]
    times: list[list[float]] = [[] for _ in sizes]
    by_hand: list[list[float]] = [[] for _ in sizes]
    refused = [""] * len(sizes)
    for number in range(calls):
        for place, sql in enumerate(texts):
            if refused[place]:
                continue
            try:
                document = ask(app, signed[place], sql)
            except psycopg.Error as error:
                refused[place] = f"refused {error.sqlstate}"
                continue
            start = perf_counter()
            admin.execute(f"{sql} WHERE tenant_id = 1").fetchall()
            if number >= 3:
                by_hand[place].append((perf_counter() - start) * 1e6)
                times[place].append(document["timings_ms"]["total"] * 1000)
    return (
        [refused[place] or f"{median(values):.0f}" for place, values in enumerate(times)],
        [median(values) if values else 0.0 for values in by_hand],
    )


def measure(cluster, dbname: str, tenants: list[int], relations: list[int], sizes: list[int], calls: int, table: Table) -> None:
    table.heading("Growth, microseconds of one ask(sql) at p50 (stage total), sizes measured in turn")
    progress(f"growth: databases with {tenants} tenants")
    names = [f"growth_tenants_{n}" for n in tenants]
    for name, number in zip(names, tenants):
        database(cluster, name, number, 1)
    report(table, "tenants admitted", tenants, *in_turn(cluster, names, tenants, calls))

    progress(f"growth: databases with {relations} protected tables")
    names = [f"growth_tables_{n}" for n in relations]
    for name, number in zip(names, relations):
        database(cluster, name, 10, number)
    report(table, "tables protected", relations, *in_turn(cluster, names, [10] * len(relations), calls))

    progress(f"growth: SQL of {sizes} kB")
    cells, by_hand = by_length(cluster, dbname, sizes, max(10, calls // 10))
    table.row("kB of SQL", "", *(f"{s}: {c}" for s, c in zip(sizes, cells)))
    table.row("  the same by hand, at the client", "", *(f"{s}: {v:.0f}" for s, v in zip(sizes, by_hand)))


def report(table: Table, what: str, sizes: list[int], first: list[float], later: list[float]) -> None:
    shown = [f"{s}: {v:.0f}" for s, v in zip(sizes, later)]
    grown = later[-1] / later[0]
    table.row(what, "", *shown, *[""] * (8 - len(shown)), f"last/first <= {TARGET}", f"{grown:.2f} {verdict(grown, TARGET)}")
    table.row("  first call of a new backend", "", *(f"{s}: {v:.0f}" for s, v in zip(sizes, first)))
