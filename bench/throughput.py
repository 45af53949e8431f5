"""Analytic queries by many clients at once: how many a second, through `ask` and by hand.

The sessions stay open, so that the first call of each is not measured. A slice is a fixed number of queries that idle clients take from
one queue, the same ones in the same order for each way; slices of the ways follow each other in shuffled order.
"""

import threading
from queue import Empty, SimpleQueue
from random import Random
from time import perf_counter

from builds import BASELINE, NOW
from queries import filled
from rounds import AGAIN, HAND, in_turn
from session import CALLER, ask_text, connect, contexts
from table import BASELINE_HAND, NOW_HAND, Report, progress

TARGETS = {8: 0.97, 64: 0.95}


class Clients:
    """So many sessions, each with a thread while a slice runs."""

    def __init__(self, cluster, dbname: str, user: str | None, number: int, run):
        self.sessions = [connect(cluster, dbname, user) for _ in range(number)]
        self.run = run

    def slice(self, texts: list[str]) -> float:
        """The seconds from the first query to the end of the last."""
        queue: SimpleQueue[str] = SimpleQueue()
        failures: list[BaseException] = []
        for text in texts:
            queue.put(text)

        def work(session) -> None:
            try:
                while not failures:
                    self.run(session, queue.get_nowait())
            except Empty:
                return
            except BaseException as error:  # a thread's failure must reach the bench
                failures.append(error)

        threads = [threading.Thread(target=work, args=(session,)) for session in self.sessions]
        start = perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return perf_counter() - start

    def warm(self, texts: list[str]) -> None:
        """Each session runs each text once."""
        for session in self.sessions:
            for text in texts:
                self.run(session, text)

    def close(self) -> None:
        for session in self.sessions:
            session.close()


def measure(clusters, dbname: str, tenant: int, order: int, rounds: int, queries: int, report: Report) -> None:
    report.heading("throughput", "Analytic queries by many clients, queries a second")
    pairs = filled(tenant, order)
    planes, hands = [q.plane for q in pairs], [q.hand for q in pairs]
    admins = {build: connect(cluster, dbname) for build, cluster in clusters.items()}
    signed: dict[tuple[str, str], str] = {}

    def sign() -> None:
        for build, admin in admins.items():
            signed.update({(build, text): context for text, context in zip(planes, contexts(admin, tenant, planes))})

    for number, target in TARGETS.items():
        progress(f"{number} clients, {rounds} rounds of {queries} queries")
        ways = {way: Clients(clusters[NOW], dbname, None, number, lambda c, text: c.execute(text).fetchall()) for way in (HAND, AGAIN)}
        for build, cluster in clusters.items():
            ways[build] = Clients(cluster, dbname, CALLER, number, lambda c, text, build=build: ask_text(c, signed[build, text], text))
        order_of = Random(7).choices(range(len(pairs)), k=max(queries, 2 * number))
        sign()
        for way, clients in ways.items():
            clients.warm(hands if way in (HAND, AGAIN) else planes)
        tasks = {
            way: lambda way=way, clients=clients: clients.slice([(hands if way in (HAND, AGAIN) else planes)[n] for n in order_of])
            for way, clients in ways.items()
        }
        found = in_turn({number: tasks}, rounds, before=sign)[number]
        values = {way: len(order_of) * 1000 / found.ms(way) for way in (HAND, *clusters)}
        # Of rates: by hand's seconds over those of ask.
        ratios = {NOW_HAND: found.ratio(HAND, NOW)} | ({BASELINE_HAND: found.ratio(HAND, BASELINE)} if BASELINE in clusters else {})
        report.row(f"{number} clients", "/s", values, ratios, (NOW_HAND, target), at_least=True, again=found.again)
        for clients in ways.values():
            clients.close()
    for admin in admins.values():
        admin.close()
