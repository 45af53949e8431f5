"""What one `ask(sql)` costs beside the query itself: at the client beyond the same query by hand, and by stage.

A text that this backend has not seen is told from one that it has proved before by a column's alias alone, so that plan and rows are
the same.
"""

from itertools import count
from statistics import median

from builds import BASELINE, NOW
from rounds import AGAIN, HAND, in_turn, timed
from session import Asker, ask, connect, contexts
from table import NOW_BASELINE, Report, progress

STAGES = ["verify", "gate", "attach", "prove", "plan", "run", "encode", "total"]
# {a} is the alias.
SHAPES = {
    "one table": (
        "SELECT city AS {a} FROM stores WHERE store_id = 1",
        "SELECT city AS {a} FROM stores WHERE tenant_id = 1 AND store_id = 1",
    ),
    "three tables": (
        "SELECT s.city, c.segment, sum(o.total) AS {a} FROM orders o JOIN stores s USING (store_id) JOIN customers c USING (customer_id)"
        " WHERE o.order_id = 20 GROUP BY 1, 2",
        "SELECT s.city, c.segment, sum(o.total) AS {a} FROM orders o JOIN stores s ON s.tenant_id = 1 AND s.store_id = o.store_id"
        " JOIN customers c ON c.tenant_id = 1 AND c.customer_id = o.customer_id WHERE o.tenant_id = 1 AND o.order_id = 20 GROUP BY 1, 2",
    ),
}
TARGETS = {"fresh": 0.6, "proved": 0.4}
WHAT = {"fresh": "a text that is new to the backend", "proved": "a text that it has proved before"}


class Texts:
    """Texts of one shape that no backend has seen, with contexts that were signed before the clock starts."""

    def __init__(self, plane: str, askers: dict[str, Asker], calls: int):
        self.plane, self.askers, self.calls, self.numbers = plane, askers, calls, count()
        self.waiting: dict[str, list[tuple[str, str]]] = {}

    def refill(self) -> None:
        texts = [self.plane.format(a=f"a{next(self.numbers)}") for _ in range(self.calls)]
        for build, asker in self.askers.items():
            self.waiting[build] = list(zip(texts, contexts(asker.admin, asker.tenant, texts)))


def measure(clusters, dbname: str, rounds: int, calls: int, report: Report) -> None:
    report.heading("overhead", "A warm call beyond the same query by hand, at the client")
    stages: dict[tuple[str, str], list[dict]] = {}
    for shape, (plane, by_hand) in SHAPES.items():
        progress(f"warm calls over {shape}, {rounds} rounds of {calls}")
        proved, hand_text = plane.format(a="answer"), by_hand.format(a="answer")
        askers = {build: Asker(cluster, dbname, 1, [proved]) for build, cluster in clusters.items()}
        hand, again = connect(clusters[NOW], dbname), connect(clusters[NOW], dbname)
        texts = Texts(plane, askers, calls)
        ways = {HAND: in_a_row(calls, lambda: hand.execute(hand_text).fetchall()), AGAIN: in_a_row(calls, lambda: again.execute(hand_text).fetchall())}
        for build, asker in askers.items():
            # In one session, as an application has it: nothing that the fresh texts leave behind is free of charge.
            ways[f"proved {build}"] = in_a_row(calls, lambda asker=asker: asker.ask(proved))
            ways[f"fresh {build}"] = in_a_row(calls, lambda asker=asker, build=build: fresh(asker, texts.waiting[build]))

        def refresh() -> None:
            texts.refill()
            for asker in askers.values():
                asker.refresh()

        found = in_turn({shape: ways}, rounds, before=refresh)[shape]
        for kind, target in TARGETS.items():
            beyond = {build: found.us(f"{kind} {build}") - found.us(HAND) for build in clusters}
            ratios = {NOW_BASELINE: found.ratio(f"{kind} {NOW}", f"{kind} {BASELINE}", less=HAND)} if BASELINE in clusters else {}
            report.row(f"{shape}, {WHAT[kind]}", "us", {HAND: found.us(HAND)} | beyond, ratios, (NOW_BASELINE, target), again=found.again)
            by_stage(askers, texts, kind, proved, calls, stages)
        for connection in (hand, again, *askers.values()):
            connection.close()
    report.heading("stages", f"Stages of those calls as the documents say them, p50; {next(iter(SHAPES))}")
    for kind in TARGETS:
        for stage in STAGES:
            values = {build: median(d.get(stage, 0.0) for d in stages[kind, build]) * 1000 for build in clusters}
            if any(values.values()):
                ratios = {NOW_BASELINE: values[NOW] / values[BASELINE]} if values.get(BASELINE) else {}
                report.row(f"{kind}: {stage}", "us", values, ratios)


def in_a_row(calls: int, call):
    """A way of many calls in a row, which times itself: the median of them."""
    return lambda: median(timed(call) for _ in range(calls))


def fresh(asker: Asker, waiting: list[tuple[str, str]]) -> None:
    text, signed = waiting.pop()
    ask(asker.app, signed, text)


def by_stage(askers: dict[str, Asker], texts: Texts, kind: str, proved: str, calls: int, stages: dict) -> None:
    """What the documents say, for the first shape."""
    texts.refill()
    for build, asker in askers.items():
        if (kind, build) in stages:
            continue
        asker.refresh()
        pairs = texts.waiting[build] if kind == "fresh" else [(proved, asker.signed[proved])] * calls
        stages[kind, build] = [ask(asker.app, signed, text)["timings_ms"] for text, signed in pairs]
