"""What a plane of a thousand tables costs its administrator: protect, doctor(), describe(), the self-test.

    python bench/many_tables.py [--tables N] [--rounds N] [--baseline COMMIT]

With --baseline, a second server runs the build of that commit, and both are measured in turn. The times are seconds at the client;
every round makes its plane anew.
"""

import argparse
from statistics import median
from time import perf_counter

import planes
from builds import BASELINE, NOW, started
from session import connect
from table import Table, progress, verdict

TARGET = 0.40
# Seconds, of which the self-test may also use ten for each table alone.
SELFTEST_TARGET = 120
MEASURED = ("protect, all tables", "doctor()", "describe()", "the check before the first call of a session", "self-test, two tenants")


def timed(connection, statement: str, calls: int = 3) -> tuple[float, object]:
    """The median of calls in one session, the first of which warms its caches."""
    seconds = []
    for _ in range(calls):
        start = perf_counter()
        found = connection.execute(statement).fetchone()
        seconds.append(perf_counter() - start)
    return median(seconds), found[0]


def one_round(cluster, tables: int, name: str, selftest: bool) -> tuple[list[float], list[object]]:
    """Seconds of each of MEASURED, and what doctor() and describe() said."""
    cluster.createdb(name, "many")
    with connect(cluster, name) as admin:
        start = perf_counter()
        planes.protected(admin, tables)
        seconds = [perf_counter() - start]
        admin.execute("VACUUM ANALYZE")
    said = []
    for statement in (
        "SELECT coalesce(string_agg(d::text, E'\\n'), '') FROM splitplane.doctor() AS d",
        "SELECT splitplane.describe()",
        "SELECT splitplane._critical_finding()",
    ):
        with connect(cluster, name) as admin:
            took, text = timed(admin, statement)
        seconds.append(took)
        said.append(text)
    with connect(cluster, name) as admin:
        seconds.append(timed(admin, "SELECT count(*) FROM splitplane.selftest()", 1)[0] if selftest else 0.0)
    cluster.psql("postgres", f"DROP DATABASE {name} WITH (FORCE)")
    return seconds, said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=1118)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--baseline", metavar="COMMIT", help="a commit whose build is measured beside this one")
    options = parser.parse_args()
    with started({"max_locks_per_transaction": 1024, "shared_buffers": "256MB"}, options.baseline) as clusters:
        for cluster in clusters.values():
            cluster.createdb("many")
            with connect(cluster, "many") as admin:
                for statement in planes.tables(options.tables):
                    admin.execute(statement)
                admin.execute("CREATE EXTENSION splitplane")
                admin.execute("SELECT splitplane.admit(n::text) FROM generate_series(1, 3) n")
                admin.execute("VACUUM ANALYZE")
        seconds: dict[str, list[list[float]]] = {build: [] for build in clusters}
        for number in range(options.rounds):
            said = {}
            for build, cluster in clusters.items():
                progress(f"round {number + 1} of {options.rounds}, {build}")
                took, said[build] = one_round(cluster, options.tables, f"many_{number}", number == 0)
                seconds[build].append(took)
            if len({tuple(texts) for texts in said.values()}) > 1:
                raise SystemExit("the two builds say different things of one plane")
        table = Table([f"{options.tables} tables, seconds, median of {options.rounds}", *clusters, "ratio", "target", "verdict"])
        for place, what in enumerate(MEASURED):
            rounds = slice(0, 1) if place == len(MEASURED) - 1 else slice(None)
            times = {build: [took[place] for took in seconds[build][rounds]] for build in clusters}
            cells = [f"{median(times[build]):.2f}" for build in clusters]
            if place == len(MEASURED) - 1:
                table.row(what, *cells, "", f"<= {SELFTEST_TARGET} s", verdict(median(times[NOW]), SELFTEST_TARGET))
            elif BASELINE in clusters:
                ratio = median(now / before for now, before in zip(times[NOW], times[BASELINE]))
                table.row(what, *cells, f"{ratio:.2f}", f"<= {TARGET}", verdict(ratio, TARGET))
            else:
                table.row(what, *cells)
        table.print()


if __name__ == "__main__":
    main()
