"""`make bench`: everything this project says about its speed, measured in one run and printed as one table.

    python bench/run.py [--baseline COMMIT] [--quick] [--rounds N] [--only SECTION..] [--save FILE]

With --baseline, that commit's build (tools/baseline.sh) stands on a server of its own with the same data, and each round calls both
builds and the query by hand twice, in shuffled order. The second by hand is the control: a row whose A/A is not within 0.99 and 1.01
does not count, and the output says so. It starts its own throwaway clusters (pg_test/lib/cluster.py) and needs the extension
installed (tools/install-extension.sh). OVER beside a target is a result, not an error: the exit status is 0 unless something is
wrong (an answer that differs, a call that fails). --quick takes a tenth of the data and of the calls, for trying the bench out.
"""

import argparse
import time
from pathlib import Path

import audit
import budgets
import compare
import conditions
import documents
import first_call
import growth
import memory
import overhead
import planes
import throughput
import words
from builds import NOW, started
from session import connect, install
from table import Report, facts, progress

HERE = Path(__file__).resolve().parent
DATABASE = "bench"
BIG_TENANT = 1
SECTIONS = ("queries", "overhead", "first-call", "documents", "throughput", "growth", "conditions", "budgets", "audit", "memory", "words")
FULL = {
    "orders": 1_000_000,
    "big_share": 10,
    "rounds": 40,
    "overhead_calls": 50,
    "throughput_queries": 120,
    "calls": 100_000,
    "growth_calls": 20,
    "growth_tenants": [10, 1_000, 100_000],
    "tables": [5, 200, 1_000],
}
QUICK = {
    "orders": 200_000,
    "big_share": 2,
    "rounds": 5,
    "overhead_calls": 20,
    "throughput_queries": 36,
    "calls": 10_000,
    "growth_calls": 20,
    "growth_tenants": [10, 1_000, 10_000],
    "tables": [5, 50, 200],
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baseline", metavar="COMMIT", help="a commit whose build is measured beside this one")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data and of the calls")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--save", type=Path, help="a file for the figures as JSON, for docs/draw_charts.py")
    parser.add_argument("--rounds", type=int, help="rounds of every section (40)")
    parser.add_argument("--orders", type=int, help="orders in all (1,000,000)")
    parser.add_argument("--tenants", type=int, default=300, help="tenants in the compared database")
    parser.add_argument("--big-share", type=int, help="tenant 1 holds one order in this many (10)")
    parser.add_argument("--overhead-calls", type=int, help="calls in each round for the fixed overhead (50)")
    parser.add_argument("--throughput-queries", type=int, help="queries of a slice for throughput (120)")
    parser.add_argument("--calls", type=int, help="calls for the memory test (100,000)")
    parser.add_argument("--growth-calls", type=int, help="calls per size and round for growth (20)")
    parser.add_argument("--growth-tenants", type=int, nargs="+", help="(10 1000 100000)")
    parser.add_argument("--tables", type=int, nargs="+", help="sizes of planes (5 200 1000)")
    parser.add_argument("--growth-kilobytes", type=int, nargs="+", default=[1, 15, 30, 60])
    options = parser.parse_args()
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def load(cluster, options: argparse.Namespace) -> None:
    cluster.createdb(DATABASE)
    with connect(cluster, DATABASE) as admin:
        for name in ("orders", "tenants", "big_share"):
            admin.execute("SELECT set_config(%s, %s, false)", (f"bench.{name}", str(getattr(options, name))))
        admin.execute((HERE / "schema.sql").read_text())
        plane = install(cluster, DATABASE)
        for relation in ("stores", "customers", "orders", "order_items"):
            plane.protect(relation, {"tenant_id": "tenant"})
        admin.execute("SELECT splitplane.admit(n::text) FROM generate_series(1, %s) n", (options.tenants,))
        admin.execute("VACUUM ANALYZE")
        admin.execute("CHECKPOINT")


def measured(clusters, options: argparse.Namespace, report: Report) -> None:
    """Each section that is wanted, over data that is the same for all builds."""

    def wanted(*sections: str) -> bool:
        return bool(set(sections) & set(options.only))

    order = (options.orders // 2) // options.big_share * options.big_share
    if wanted("queries", "overhead", "documents", "throughput", "growth", "memory"):
        for build, cluster in clusters.items():
            progress(f"{options.orders:,} orders of {options.tenants} tenants, {build}")
            load(cluster, options)
    if wanted("overhead"):
        overhead.measure(clusters, DATABASE, options.rounds, options.overhead_calls, report)
    if wanted("queries"):
        compare.measure(clusters, DATABASE, BIG_TENANT, order, options.rounds, report)
    if wanted("documents"):
        documents.measure(clusters, DATABASE, options.big_share, options.rounds, report)
    if wanted("throughput"):
        throughput.measure(clusters, DATABASE, BIG_TENANT, order, options.rounds, options.throughput_queries, report)
    if wanted("conditions"):
        conditions.measure(clusters, options.rounds, report)
    if wanted("budgets"):
        budgets.measure(clusters, options.rounds, options.overhead_calls, report)
    if wanted("audit"):
        audit.measure(options.rounds, options.overhead_calls, report)
    tables = planes.of_tables(clusters, options.tables) if wanted("first-call", "growth") else {}
    if wanted("first-call"):
        first_call.measure(clusters, tables, options.rounds, report)
    if wanted("growth"):
        tenants = planes.of_tenants(clusters, options.growth_tenants)
        growth.measure(clusters, {"tenants": tenants, "tables": tables}, options.rounds, options.growth_calls, report)
        growth.by_length(clusters, DATABASE, options.growth_kilobytes, options.rounds, report)
    if wanted("memory"):
        memory.measure(clusters, DATABASE, options.calls, report)


def main() -> None:
    options = arguments()
    began = time.monotonic()
    # Enough shared buffers for all data, so that memory is compared and not the disk; no JIT, whose compile time would
    # drown the differences; every way has the same settings.
    settings = {"shared_buffers": "1GB", "work_mem": "64MB", "maintenance_work_mem": "256MB", "max_wal_size": "4GB", "jit": "off",
                "max_connections": 400, "max_locks_per_transaction": 1024}
    in_words = None
    with started(settings, options.baseline) as clusters:
        version = clusters[NOW].psql("postgres", "SHOW server_version").strip()
        report = Report(list(clusters), options.rounds)
        if set(options.only) - {"words"}:
            measured(clusters, options, report)
    if "words" in options.only:
        in_words = words.measure(options.quick)
    said = facts(version, options.rounds, options.baseline, began)
    if report.figures:
        report.print(said, options.save)
    if in_words:
        in_words.print()


if __name__ == "__main__":
    main()
