"""Whether one call gets dearer with more tenants, more protected tables or longer SQL.

The sizes lie in databases of their own and are measured in turn, so that a slow minute of the machine falls on all of them alike.
"""

from statistics import median

import psycopg
from builds import NOW
from rounds import AGAIN, HAND, in_turn
from session import Asker, connect
from table import Report, progress

# Medians of equal work differ by some per cent on a busy machine; a cost that grew with the size would be many times that.
TARGET = 1.20
COUNT = "SELECT count(*) AS n FROM t1"


def measure(clusters, planes: dict[str, dict[int, str]], rounds: int, calls: int, report: Report) -> None:
    """planes  by what grows, the databases by size"""
    report.heading("growth", "Growth, one warm call (stage total)")
    for what, names in planes.items():
        progress(f"growth with {what}: {list(names)}")
        sizes = sorted(names)
        askers = {(build, size): Asker(cluster, names[size], 1, [COUNT]) for build, cluster in clusters.items() for size in sizes}
        # The smallest once more, as the control.
        askers[AGAIN] = Asker(clusters[NOW], names[sizes[0]], 1, [COUNT])

        def refresh() -> None:
            for asker in askers.values():
                asker.refresh()

        # All sizes are ways of one task, so that they lie side by side in each round.
        ways = {key: lambda asker=asker: median(total(asker) for _ in range(calls)) for key, asker in askers.items()}
        found = in_turn({what: ways}, rounds, before=refresh)[what]
        again = found.ratio(AGAIN, (NOW, sizes[0]))
        for size in sizes:
            report.row(f"{size:,} {what}", "us", {build: found.us((build, size)) for build in clusters}, again=again)
        grown = {build: found.ratio((build, sizes[-1]), (build, sizes[0])) for build in clusters}
        report.row(f"  {sizes[-1]:,} / {sizes[0]:,}", "", grown, target=(NOW, TARGET), again=again)
        for asker in askers.values():
            asker.close()


def total(asker: Asker) -> float:
    return asker.ask(COUNT)["timings_ms"]["total"] / 1000


def long_sql(kilobytes: int) -> str:
    """A report with as many filtered counts as make up the wanted length: the kind of long SQL that models write."""
    parts, length = [], 0
    while length < kilobytes * 1000 - 60:
        parts.append(f"count(*) FILTER (WHERE store_id = {len(parts) + 1}) AS c{len(parts) + 1}")
        length += len(parts[-1]) + 2
    return f"SELECT {', '.join(parts)} FROM stores"


def by_length(clusters, dbname: str, sizes: list[int], rounds: int, report: Report) -> None:
    """The same SQL by hand beside it: it grows as well."""
    progress(f"growth: SQL of {sizes} kB")
    texts = {size: long_sql(size) for size in sizes}
    askers = {build: Asker(cluster, dbname, 1, list(texts.values())) for build, cluster in clusters.items()}
    hand, again = connect(clusters[NOW], dbname), connect(clusters[NOW], dbname)
    tasks = {}
    for size, text in texts.items():
        by_hand = f"{text} WHERE tenant_id = 1"
        ways = {HAND: lambda t=by_hand: hand.execute(t).fetchall(), AGAIN: lambda t=by_hand: again.execute(t).fetchall()}
        for build, asker in askers.items():
            try:
                asker.ask(text)
            except psycopg.Error as error:
                report.remark(f"    {size} kB of SQL: {build} refuses with {error.sqlstate}")
                continue
            ways[build] = lambda t=text, asker=asker: asker.ask(t)
        tasks[size] = ways
    for size, times in in_turn(tasks, rounds, before=lambda: [asker.refresh() for asker in askers.values()]).items():
        report.times(f"{size} kB of SQL", times)
    for connection in (hand, again, *askers.values()):
        connection.close()
