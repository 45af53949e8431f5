"""`make bench-tpch`: the 22 queries of TPC-H over tables that twelve tenants share, by hand, by row-level security alone, and by ask.

    python bench/tpch.py [--baseline COMMIT] [--rounds N] [--scale FACTOR] [--only Q..] [--save FILE]

Each tenant has a TPC-H database of its own size, made by the generator that tools/setup.sh --generator fetches, in the same eight
tables; nation and region are shared, and rows lie in the order of their dates, whosever they are. The largest tenant asks. By hand is
the query with the tenant's filter in each reference to a table. Two sets of indexes: one where each starts with the tenant, and one
where those on foreign keys and dates do not.
"""

import argparse
import re
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import psycopg
from builds import BASELINE, NOW, started
from rounds import AGAIN, HAND, HAND_THERE, in_turn, overall
from session import CALLER, Asker, connect, contexts, exact, install
from splitplane_test.cluster import ROOT
from splitplane_test.plans import shape
from table import NOW_HAND, Report, facts, progress, verdict

HERE = Path(__file__).resolve().parent
GENERATOR = ROOT / ".tools/generator"
DATABASE = "tpch"
RLS = "bench_rls"
# Of --scale, for tenants 1 to 12.
SIZES = (1.0, 0.5, 0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03, 0.02)
SHARED = {
    "region": "r_regionkey int PRIMARY KEY, r_name char(25), r_comment varchar(152)",
    "nation": "n_nationkey int PRIMARY KEY, n_name char(25), n_regionkey int REFERENCES region, n_comment varchar(152)",
}
# Columns in the order and of the types of the standard, the key, the foreign keys, and the order in which rows lie.
TABLES = {
    "supplier": (
        "s_suppkey int, s_name char(25), s_address varchar(40), s_nationkey int, s_phone char(15), s_acctbal decimal(15, 2),"
        " s_comment varchar(101)",
        "s_suppkey",
        (),
        "s_suppkey",
    ),
    "part": (
        "p_partkey int, p_name varchar(55), p_mfgr char(25), p_brand char(10), p_type varchar(25), p_size int, p_container char(10),"
        " p_retailprice decimal(15, 2), p_comment varchar(23)",
        "p_partkey",
        (),
        "p_partkey",
    ),
    "partsupp": (
        "ps_partkey int, ps_suppkey int, ps_availqty int, ps_supplycost decimal(15, 2), ps_comment varchar(199)",
        "ps_partkey, ps_suppkey",
        (("ps_partkey", "part"), ("ps_suppkey", "supplier")),
        "ps_partkey, ps_suppkey",
    ),
    "customer": (
        "c_custkey int, c_name varchar(25), c_address varchar(40), c_nationkey int, c_phone char(15), c_acctbal decimal(15, 2),"
        " c_mktsegment char(10), c_comment varchar(117)",
        "c_custkey",
        (),
        "c_custkey",
    ),
    "orders": (
        "o_orderkey int, o_custkey int, o_orderstatus char(1), o_totalprice decimal(15, 2), o_orderdate date, o_orderpriority char(15),"
        " o_clerk char(15), o_shippriority int, o_comment varchar(79)",
        "o_orderkey",
        (("o_custkey", "customer"),),
        "o_orderdate, o_orderkey",
    ),
    "lineitem": (
        "l_orderkey int, l_partkey int, l_suppkey int, l_linenumber int, l_quantity decimal(15, 2), l_extendedprice decimal(15, 2),"
        " l_discount decimal(15, 2), l_tax decimal(15, 2), l_returnflag char(1), l_linestatus char(1), l_shipdate date, l_commitdate date,"
        " l_receiptdate date, l_shipinstruct char(25), l_shipmode char(10), l_comment varchar(44)",
        "l_orderkey, l_linenumber",
        (("l_orderkey", "orders"), ("l_partkey, l_suppkey", "partsupp")),
        "l_shipdate, l_orderkey, l_linenumber",
    ),
}
NATIONS = {"supplier": "s_nationkey", "customer": "c_nationkey"}
INDEXED = (
    ("supplier", "s_nationkey"),
    ("partsupp", "ps_suppkey"),
    ("customer", "c_nationkey"),
    ("orders", "o_custkey"),
    ("orders", "o_orderdate"),
    ("lineitem", "l_partkey, l_suppkey"),
    ("lineitem", "l_suppkey"),
    ("lineitem", "l_shipdate"),
)
# The heading, what stands before the indexed columns, and what the geometric mean may be.
LAYOUTS = {
    "tenant first": ("every index starts with the tenant", "tenant_id, ", 1.05),
    "without tenant": ("indexes on foreign keys and dates do not start with the tenant", "", 1.10),
}
# A query of at least so many milliseconds by hand may take so many times as long.
NOT_TINY_MS, WORST_TARGET = 10.0, 1.3
RLS_ROUNDS = 3


def queries(scale: float) -> dict[str, tuple[str, str]]:
    """By name, the text for the plane and the text by hand, of the tenant 1."""
    text = (HERE / "tpch.sql").read_text().replace("{fraction}", f"{0.0001 / (scale * SIZES[0]):.10f}")
    found = {}
    for name, body in re.findall(r"^-- (Q\d+)\n(.*?);$", text, re.MULTILINE | re.DOTALL):
        plane = re.sub(r"\{(\w+)\}", r"\1", body)
        of_tenant = r"(select * from \1 where tenant_id = 1) as "
        by_hand = re.sub(r"\{(\w+)\}(?= l\d)", of_tenant.rstrip(), body)
        found[name] = (plane, re.sub(r"\{(\w+)\}", of_tenant + r"\1", by_hand))
    return found


def generate(folder: Path, scale: float) -> None:
    """A CSV file for each table and tenant, and for each of the tables that are shared."""
    sys.path.insert(0, str(GENERATOR))
    import duckdb

    (module,) = GENERATOR.glob("duckdb_extension_tpch/extensions/*/tpch.duckdb_extension")
    for tenant, size in enumerate(SIZES, start=1):
        progress(f"tenant {tenant}: scale factor {scale * size:g}")
        with duckdb.connect() as made:
            made.execute(f"LOAD '{module}'")
            made.execute(f"CALL dbgen(sf = {scale * size})")
            for table in TABLES:
                made.execute(f"COPY (SELECT {tenant}, * FROM {table}) TO '{folder / f'{table}.{tenant}'}' (FORMAT csv, HEADER false)")
            for table in SHARED if tenant == 1 else ():
                made.execute(f"COPY {table} TO '{folder / table}' (FORMAT csv, HEADER false)")


def copy(admin: psycopg.Connection, table: str, file: Path) -> None:
    with admin.cursor().copy(f"COPY {table} FROM STDIN (FORMAT csv)") as stream, file.open("rb") as rows:
        for part in iter(partial(rows.read, 1 << 20), b""):
            stream.write(part)


def load(cluster, folder: Path) -> None:
    cluster.createdb(DATABASE)
    plane = install(cluster, DATABASE)
    with connect(cluster, DATABASE) as admin:
        admin.execute(f"CREATE ROLE {RLS} LOGIN")
        for table, columns in SHARED.items():
            admin.execute(f"CREATE TABLE {table} ({columns})")
            copy(admin, table, folder / table)
            admin.execute(f"GRANT SELECT ON {table} TO {RLS}")
        for table, (columns, key, references, order) in TABLES.items():
            admin.execute(f"CREATE UNLOGGED TABLE unsorted (tenant_id int, {columns})")
            for tenant in range(1, len(SIZES) + 1):
                copy(admin, "unsorted", folder / f"{table}.{tenant}")
            admin.execute(f"CREATE TABLE {table} (tenant_id int NOT NULL, {columns}, PRIMARY KEY (tenant_id, {key}))")
            # With few suppliers the generator gives a part one of them twice.
            admin.execute(f"INSERT INTO {table} SELECT * FROM unsorted ORDER BY {order}, tenant_id ON CONFLICT DO NOTHING")
            admin.execute("DROP TABLE unsorted")
            for columns, other in references:
                admin.execute(f"ALTER TABLE {table} ADD FOREIGN KEY (tenant_id, {columns}) REFERENCES {other}")
            if table in NATIONS:
                admin.execute(f"ALTER TABLE {table} ADD FOREIGN KEY ({NATIONS[table]}) REFERENCES nation")
            # The classic way, for one role alone and beside splitplane's policies.
            admin.execute(f"GRANT SELECT ON {table} TO {RLS}")
            admin.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            admin.execute(f"CREATE POLICY rls_read ON {table} FOR SELECT TO {RLS} USING (true)")
            admin.execute(
                f"CREATE POLICY rls_tenant ON {table} AS RESTRICTIVE FOR SELECT TO {RLS} USING (tenant_id = current_setting('app.tenant')::int)"
            )
            plane.protect(table, {"tenant_id": "tenant"})
        for table in SHARED:
            admin.execute(f"SELECT splitplane.share('{table}')")
        plane.admit("1")
        for name, value in (("max_rows", "100000"), ("max_bytes", "64MB"), ("deadline", "10min")):
            admin.execute(f"ALTER ROLE {CALLER} SET splitplane.{name} = '{value}'")


def indexed(cluster, before: str) -> None:
    """Makes the indexes of a layout, in the place of any that were there."""
    with connect(cluster, DATABASE) as admin:
        for number, (table, columns) in enumerate(INDEXED):
            admin.execute(f"DROP INDEX IF EXISTS bench_{number}")
            admin.execute(f"CREATE INDEX bench_{number} ON {table} ({before}{columns})")
        admin.execute("VACUUM ANALYZE")


def rows(connection: psycopg.Connection, sql: str) -> list[str]:
    """The rows as PostgreSQL's own JSON, numbers exact. Sorted: the standard leaves the order of equal rows open."""
    found = connection.execute(f"SELECT to_jsonb(q)::text FROM ({sql}) AS q").fetchall()
    return sorted(str(sorted(exact(text).items())) for (text,) in found)


def asked_rows(asker: Asker, sql: str) -> list[str]:
    document = exact(asker.ask_text(sql))
    if document["truncated"]:
        raise SystemExit("ask cut a result")
    names = [column["name"] for column in document["columns"]]
    return sorted(str(sorted(zip(names, row))) for row in document["rows"])


def plans(admin: psycopg.Connection, plane: str, by_hand: str) -> tuple[list[str], list[str]]:
    """The shapes of the plan by hand and of that of ask, as a dry run shows it to an administrator."""
    hand = [line for (line,) in admin.execute(f"EXPLAIN {by_hand}").fetchall()]
    signed = contexts(admin, 1, [plane])[0]
    document = admin.execute("SELECT ask_dry_run(%s::jsonb, sql => %s)", (signed, plane)).fetchone()[0]
    return shape(hand), shape(document["plan"])


def measure(clusters, layout: str, texts: dict[str, tuple[str, str]], options: argparse.Namespace, report: Report) -> None:
    heading, before, target = LAYOUTS[layout]
    for build, cluster in clusters.items():
        progress(f"{heading}, {build}")
        indexed(cluster, before)
    report.heading(f"tpch {layout}", f"TPC-H, tenant of scale factor {options.scale:g} among {len(SIZES)}: {heading}")
    hand, again, rls, admin = (connect(clusters[NOW], DATABASE, user) for user in (None, None, RLS, None))
    rls.execute("SELECT set_config('app.tenant', '1', false)")
    askers = {build: Asker(cluster, DATABASE, 1, [plane for plane, _ in texts.values()]) for build, cluster in clusters.items()}
    there = connect(clusters[BASELINE], DATABASE) if BASELINE in clusters else None
    tasks, alone, refused, differing = {}, {}, {}, []
    for name, (plane, by_hand) in texts.items():
        wanted = rows(hand, by_hand)
        try:
            answers = {build: asked_rows(asker, plane) for build, asker in askers.items()}
        except psycopg.Error as error:
            refused[name] = f"{error.sqlstate} {error.diag.message_primary}"
            continue
        for way, found in {RLS: rows(rls, plane), **answers}.items():
            if found != wanted:
                raise SystemExit(f"{name}: {way} answers other rows than by hand")
        tasks[name] = {
            HAND: lambda t=by_hand: hand.execute(t).fetchall(),
            AGAIN: lambda t=by_hand: again.execute(t).fetchall(),
            **({HAND_THERE: lambda t=by_hand: there.execute(t).fetchall()} if there else {}),
            **{build: lambda t=plane, asker=asker: asker.ask_text(t) for build, asker in askers.items()},
        }
        alone[name] = {HAND: tasks[name][HAND], RLS: lambda t=plane: rls.execute(t).fetchall()}
        by_plan = plans(admin, plane, by_hand)
        if by_plan[0] != by_plan[1]:
            differing.append(name)
            if options.plans:
                print(f"{name}, {heading}: the plan by hand, and that of ask", *by_plan[0], "--", *by_plan[1], sep="\n    ", file=sys.stderr)

    def refresh() -> None:
        for asker in askers.values():
            asker.refresh()

    progress(f"{len(tasks)} queries, {options.rounds} rounds")
    found = in_turn(tasks, options.rounds, before=refresh)
    classic = in_turn(alone, RLS_ROUNDS)
    for name, times in found.items():
        report.times(f"{name}{' *' if name in differing else ''}", times)
    if found:
        report.means("geometric mean", found, (NOW_HAND, target))
        heavy = {name: times for name, times in found.items() if times.ms(HAND) >= NOT_TINY_MS} or found
        worst = max(heavy, key=lambda name: heavy[name].ratio(NOW))
        report.row(f"the worst from {NOT_TINY_MS:g} ms on: {worst}", "", {}, {NOW_HAND: heavy[worst].ratio(NOW)}, (NOW_HAND, WORST_TARGET), again=heavy[worst].again)
        ratios = {name: times.ratio(RLS) for name, times in classic.items()}
        shown = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items() if ratio > WORST_TARGET)
        mean = overall(classic, RLS)
        report.remark(f"    row-level security alone / by hand: {mean:.3f} ({verdict(mean, target)}); above {WORST_TARGET:g}: {shown or 'none'}")
    report.remark(f"    * the plan differs from that by hand: {', '.join(differing) or 'none'}")
    for name, reason in refused.items():
        report.remark(f"    REFUSED {name}: {reason}")
    for connection in (hand, again, rls, admin, *([there] if there else []), *askers.values()):
        connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baseline", metavar="COMMIT", help="a commit whose build is measured beside this one")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--scale", type=float, default=0.2, help="scale factor of the largest tenant (0.2)")
    parser.add_argument("--only", nargs="+", metavar="Q", help="queries, such as Q1 Q18")
    parser.add_argument("--plans", action="store_true", help="print the plans that differ")
    parser.add_argument("--save", type=Path, help="a file for the figures as JSON, for docs/draw_charts.py")
    options = parser.parse_args()
    began = time.monotonic()
    texts = queries(options.scale)
    if options.only:
        texts = {name: texts[name] for name in options.only}
    settings = {"shared_buffers": "2GB", "work_mem": "64MB", "maintenance_work_mem": "512MB", "max_wal_size": "8GB", "jit": "off"}
    with started(settings, options.baseline) as clusters, tempfile.TemporaryDirectory(prefix="splitplane-tpch-") as folder:
        generate(Path(folder), options.scale)
        for build, cluster in clusters.items():
            progress(f"loading, {build}")
            load(cluster, Path(folder))
        report = Report(list(clusters), options.rounds)
        for layout in LAYOUTS:
            measure(clusters, layout, texts, options, report)
        version = clusters[NOW].psql("postgres", "SHOW server_version").strip()
    report.print(facts(version, options.rounds, options.baseline, began), options.save)


if __name__ == "__main__":
    main()
