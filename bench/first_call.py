"""The first call of a session on planes of few and many tables, and the memory that the backend has then.

Each round opens a session for each way; connecting is not counted. By hand it is the first query of a session as well, which fills the
caches of the catalog for the same two tables.
"""

from statistics import median
from time import perf_counter

from builds import NOW
from memory import PRIVATE
from rounds import AGAIN, HAND, in_turn
from session import CALLER, ask_text, connect, context
from splitplane_test.session import memory_kb
from table import NOW_HAND, Report, progress

TWO_TABLES = "SELECT count(*), max(b.id) FROM t1 a JOIN t2 b ON b.id = a.id"
BY_HAND = f"{TWO_TABLES} AND b.tenant_id = 1 WHERE a.tenant_id = 1"
TARGET = 3.0
TARGET_KB = 1024


class Sessions:
    """New sessions of one way: how long the first statement takes, and what the backend holds after it."""

    def __init__(self, cluster, dbname: str, user: str | None, run):
        self.cluster, self.dbname, self.user, self.run = cluster, dbname, user, run
        self.kilobytes: list[int] = []

    def first(self) -> float:
        with connect(self.cluster, self.dbname, self.user) as session:
            start = perf_counter()
            self.run(session)
            took = perf_counter() - start
            self.kilobytes.append(memory_kb(session.info.backend_pid, PRIVATE))
        return took


def measure(clusters, names: dict[int, str], rounds: int, report: Report) -> None:
    report.heading("first-call", "The first call of a session, over two tables, and the private memory after it beyond that of a backend by hand")
    for size, name in names.items():
        progress(f"first calls on a plane of {size} tables, {rounds} rounds")
        admins = {build: connect(cluster, name) for build, cluster in clusters.items()}
        signed: dict[str, str] = {}

        def sign() -> None:
            signed.update({build: context(admin, 1, TWO_TABLES) for build, admin in admins.items()})

        ways = {way: Sessions(clusters[NOW], name, None, lambda c: c.execute(BY_HAND).fetchall()) for way in (HAND, AGAIN)}
        for build, cluster in clusters.items():
            ways[build] = Sessions(cluster, name, CALLER, lambda c, build=build: ask_text(c, signed[build], TWO_TABLES))
        found = in_turn({size: {way: sessions.first for way, sessions in ways.items()}}, rounds, before=sign)[size]
        report.times(f"plane of {size:,} tables", found, "us", (NOW_HAND, TARGET))
        held = {way: median(sessions.kilobytes[1:]) for way, sessions in ways.items()}
        report.row("  private memory beyond by hand", "kB", {build: held[build] - held[HAND] for build in clusters}, target=(NOW, TARGET_KB))
        for admin in admins.values():
            admin.close()
