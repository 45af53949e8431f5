"""`make bench`: everything this project says about its speed, measured in one run and printed as one table.

    python bench/run.py [--quick] [--rounds N] [--orders N] [--tenants N] [--calls N]

It starts its own throwaway cluster (pg_test/lib/cluster.py), needs the extension installed there (tools/install-extension.sh)
and takes some sixteen minutes; --quick takes about four. OVER beside a target is a result, not an error: the exit status
is 0 unless something is wrong (an answer that differs, a call that fails).
"""

import argparse
import os
import platform
import time
from pathlib import Path

import compare
import growth
import memory
import overhead
import words
from session import connect, install
from splitplane_test.cluster import Cluster
from table import Table, progress

HERE = Path(__file__).resolve().parent
DATABASE = "bench"
BIG_TENANT = 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the data and of the calls")
    parser.add_argument("--orders", type=int, help="orders in all (1,000,000)")
    parser.add_argument("--tenants", type=int, default=300, help="tenants in the compared database")
    parser.add_argument("--big-share", type=int, help="tenant 1 holds one order in this many (10)")
    parser.add_argument("--rounds", type=int, help="rounds of the comparison (40)")
    parser.add_argument("--overhead-calls", type=int, help="calls for the fixed overhead (2,000)")
    parser.add_argument("--calls", type=int, help="calls for the memory test (100,000)")
    parser.add_argument("--growth-calls", type=int, help="calls per size for growth (500)")
    parser.add_argument("--growth-tenants", type=int, nargs="+", default=[10, 300, 10_000])
    parser.add_argument("--growth-tables", type=int, nargs="+", default=[5, 50, 500])
    parser.add_argument("--growth-kilobytes", type=int, nargs="+", default=[1, 15, 30, 60])
    options = parser.parse_args()
    full = {"orders": 1_000_000, "big_share": 10, "rounds": 40, "overhead_calls": 2_000, "calls": 100_000, "growth_calls": 500}
    quick = {"orders": 200_000, "big_share": 2, "rounds": 7, "overhead_calls": 1_000, "calls": 10_000, "growth_calls": 200}
    for name, value in (quick if options.quick else full).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def load(cluster, options: argparse.Namespace) -> None:
    progress(f"{options.orders} orders of {options.tenants} tenants")
    cluster.createdb(DATABASE)
    with connect(cluster, DATABASE) as admin:
        for name in ("orders", "tenants", "big_share"):
            admin.execute("SELECT set_config(%s, %s, false)", (f"bench.{name}", str(getattr(options, name))))
        admin.execute((HERE / "schema.sql").read_text())
        plane = install(cluster, DATABASE, "bench_app")
        for relation in ("stores", "customers", "orders", "order_items"):
            plane.protect(relation, {"tenant_id": "tenant"})
        admin.execute("SELECT splitplane.admit(n::text) FROM generate_series(1, %s) n", (options.tenants,))
        admin.execute("VACUUM ANALYZE")
        admin.execute("CHECKPOINT")


def main() -> None:
    options = arguments()
    started = time.monotonic()
    # Enough shared buffers for all data, so that memory is compared and not the disk; no JIT, whose compile time would
    # drown the differences; every way has the same settings.
    settings = {"shared_buffers": "1GB", "work_mem": "64MB", "maintenance_work_mem": "256MB", "max_wal_size": "4GB",
                "jit": "off", "fsync": "off", "timezone": "UTC"}
    with Cluster(settings=settings) as cluster:
        load(cluster, options)
        order = (options.orders // 2) // options.big_share * options.big_share
        with connect(cluster, DATABASE) as admin:
            version = admin.execute("SHOW server_version").fetchone()[0]
            share = admin.execute("SELECT count(*) FROM orders WHERE tenant_id = %s", (BIG_TENANT,)).fetchone()[0]
        table = Table(["", "rows", *compare.SHOWN, *(f"{w}/hand" for w in compare.WAYS[1:]), "target", "verdict"])
        table.heading(f"Milliseconds at the client, median of {options.rounds} interleaved rounds. hand, rls and gateway fetch typed rows, ask one jsonb document. Ratios: median of each round's own; again/hand is the noise.")
        compare.measure(cluster, DATABASE, BIG_TENANT, order, options.rounds, table)
        overhead.measure(cluster, DATABASE, options.overhead_calls, table)
        growth.measure(cluster, DATABASE, options.growth_tenants, options.growth_tables, options.growth_kilobytes, options.growth_calls, table)
        memory.measure(cluster, DATABASE, options.calls, table)
    words.measure(table, options.quick)
    print(f"splitplane bench: PostgreSQL {version}, {os.cpu_count()} cores ({platform.machine()}), {options.orders} orders of "
          f"{options.tenants} tenants, the asking tenant holds {share}; {time.monotonic() - started:.0f} s in all")
    table.print()


if __name__ == "__main__":
    main()
