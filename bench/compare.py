"""Analytic queries by hand, through `ask` of each build, by classic row-level security and by the gateway, in turn.

Compared is what a client waits for, from sending the statement to holding Python objects: by hand, row-level security and the
gateway fetch typed rows; `ask` fetches one jsonb document with the same rows in it, so its encoding, its transport and its
decoding are counted against it. All contexts are signed before the clock starts. No way uses prepared statements.
"""

import json
from decimal import Decimal

from builds import BASELINE, NOW
from gateway import rewrite
from queries import filled
from rounds import AGAIN, HAND, HAND_THERE, in_turn
from session import Asker, connect, exact
from table import NOW_HAND, Report, geometric_mean, progress

RLS, GATEWAY = "row-level security", "gateway"
TARGET = 1.05
# Queries of these milliseconds by hand say what a call costs beside real work.
WEIGHTY_MS = (30.0, 90.0)
WEIGHTY_TARGET, WORST_TARGET = 1.02, 1.06


def rows(connection, sql: str) -> list:
    """The rows of `sql` as PostgreSQL's own JSON, numbers exact."""
    found = connection.execute(f"SELECT row_to_json(q)::text FROM ({sql}) q").fetchall()
    return [list(json.loads(text, parse_float=Decimal, parse_int=Decimal).values()) for (text,) in found]


def check(query, hand, others: dict[str, list], askers: dict[str, Asker]) -> None:
    """All ways give the same rows, or the bench stops: a fast wrong answer is not a result."""
    wanted = rows(hand, query.hand)
    answers = dict(others)
    for build, asker in askers.items():
        document = exact(asker.ask_text(query.plane))
        if document["truncated"]:
            raise SystemExit(f"{query.name}: ask cut the result")
        answers[build] = document["rows"]
    for way, found in answers.items():
        if found != wanted:
            raise SystemExit(f"{query.name}: {way} answers other rows than the hand-written filter")


def measure(clusters, dbname: str, tenant: int, order: int, rounds: int, report: Report) -> None:
    queries = filled(tenant, order)
    askers = {build: Asker(cluster, dbname, tenant, [q.plane for q in queries]) for build, cluster in clusters.items()}
    now = clusters[NOW]
    hand, again, proxy = (connect(now, dbname) for _ in range(3))
    rls = connect(now, dbname, "bench_rls")
    rls.execute("SELECT set_config('app.tenant', %s, false)", (str(tenant),))
    there = connect(clusters[BASELINE], dbname) if BASELINE in clusters else None
    tasks = {}
    for query in queries:
        check(query, hand, {RLS: rows(rls, query.plane), GATEWAY: rows(proxy, rewrite(query.plane, tenant))}, askers)
        tasks[query.name] = {
            HAND: lambda q=query: hand.execute(q.hand).fetchall(),
            AGAIN: lambda q=query: again.execute(q.hand).fetchall(),
            **({HAND_THERE: lambda q=query: there.execute(q.hand).fetchall()} if there else {}),
            **{build: lambda q=query, asker=asker: asker.ask(q.plane) for build, asker in askers.items()},
            RLS: lambda q=query: rls.execute(q.plane).fetchall(),
            GATEWAY: lambda q=query: proxy.execute(rewrite(q.plane, tenant)).fetchall(),
        }
    progress(f"{len(queries)} analytic queries, {rounds} rounds")

    def refresh() -> None:
        for asker in askers.values():
            asker.refresh()

    found = in_turn(tasks, rounds, before=refresh)
    report.heading("queries", "Analytic queries, what the client waits for: by hand typed rows, by ask one jsonb document, decoded")
    for name, times in found.items():
        report.times(name, times)
    report.means("geometric mean, all", found, (NOW_HAND, TARGET))
    weighty = {name: times for name, times in found.items() if WEIGHTY_MS[0] <= times.ms(HAND) <= WEIGHTY_MS[1]}
    span = f"{WEIGHTY_MS[0]:g} to {WEIGHTY_MS[1]:g} ms by hand"
    if weighty:
        report.means(f"geometric mean of the {len(weighty)} of {span}", weighty, (NOW_HAND, WEIGHTY_TARGET))
        worst = max(weighty, key=lambda name: weighty[name].ratio(NOW))
        report.row(
            f"  the worst of them: {worst}", "", {}, {NOW_HAND: weighty[worst].ratio(NOW)}, (NOW_HAND, WORST_TARGET), again=weighty[worst].again
        )
    else:
        report.remark(f"    no query takes {span} here: give it more --orders")
    for way in (RLS, GATEWAY):
        mean = geometric_mean(times.ratio(way) for times in found.values())
        report.remark(f"    {way} / by hand, geometric mean of all: {mean:.3f}")
    for connection in (hand, again, proxy, rls, *askers.values()):
        connection.close()
