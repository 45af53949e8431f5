"""Twelve analytic queries, four ways, interleaved.

Compared is what a client waits for, from sending the statement to holding Python objects: the hand-written filter,
classic row-level security and the gateway fetch typed rows; `ask` fetches one jsonb document with the same rows in it,
so its encoding, its transport and its decoding are counted against it. All contexts are signed before the clock starts.
No way uses prepared statements.
"""

import json
from decimal import Decimal
from random import Random
from statistics import median
from time import perf_counter

from gateway import rewrite
from queries import filled
from session import ask, connect, context
from table import Table, geometric_mean, progress, verdict

# `again` is `hand` once more: how far its ratio is from 1 is how far the machine's noise reaches.
WAYS = ["hand", "again", "rls", "ask", "gateway"]
SHOWN = ["hand", "rls", "ask", "gateway"]
TARGET = 1.05
LONG_MS = 5.0


class Runner:
    """One connection per way, each under the role that the way would have."""

    def __init__(self, cluster, dbname: str, tenant: int):
        self.tenant = tenant
        self.admin = connect(cluster, dbname)
        self.hand = connect(cluster, dbname)
        self.again = connect(cluster, dbname)
        self.rls = connect(cluster, dbname, "bench_rls")
        self.rls.execute("SELECT set_config('app.tenant', %s, false)", (str(tenant),))
        self.app = connect(cluster, dbname, "bench_app")
        self.proxy = connect(cluster, dbname)

    def run(self, way: str, query, signed: str) -> None:
        if way == "hand":
            self.hand.execute(query.hand).fetchall()
        elif way == "again":
            self.again.execute(query.hand).fetchall()
        elif way == "rls":
            self.rls.execute(query.plane).fetchall()
        elif way == "ask":
            ask(self.app, signed, query.plane)
        else:
            self.proxy.execute(rewrite(query.plane, self.tenant)).fetchall()

    def rows(self, connection, sql: str) -> list:
        """The rows of `sql` as PostgreSQL's own JSON, numbers exact."""
        found = connection.execute(f"SELECT row_to_json(q)::text FROM ({sql}) q").fetchall()
        return [list(json.loads(text, parse_float=Decimal, parse_int=Decimal).values()) for (text,) in found]

    def check(self, query) -> int:
        """All four ways give the same rows, or the bench stops: a fast wrong answer is not a result."""
        wanted = self.rows(self.hand, query.hand)
        text = self.app.execute(
            "SELECT ask(%s::jsonb, sql => %s)::text",
            (context(self.admin, self.tenant, query.plane), query.plane),
        ).fetchone()[0]
        document = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        answers = {
            "rls": self.rows(self.rls, query.plane),
            "ask": document["rows"],
            "gateway": self.rows(self.proxy, rewrite(query.plane, self.tenant)),
        }
        if document["truncated"]:
            raise SystemExit(f"{query.name}: ask cut the result")
        for way, rows in answers.items():
            if rows != wanted:
                raise SystemExit(f"{query.name}: {way} answers other rows than the hand-written filter")
        return len(wanted)


def measure(cluster, dbname: str, tenant: int, order: int, rounds: int, table: Table) -> None:
    runner = Runner(cluster, dbname, tenant)
    queries = filled(tenant, order)
    counts = [runner.check(q) for q in queries]
    shuffle = Random(7)
    times = {(q.name, way): [] for q in queries for way in WAYS}
    progress(f"comparing {len(queries)} queries, {len(SHOWN)} ways and a control, {rounds} rounds")
    for round_number in range(rounds + 1):
        signed = {q.name: context(runner.admin, tenant, q.plane) for q in queries}
        for query in queries:
            # In another order each time, so that no way always finds the caches that one certain other leaves.
            for way in shuffle.sample(WAYS, len(WAYS)):
                start = perf_counter()
                runner.run(way, query, signed[query.name])
                elapsed = (perf_counter() - start) * 1000
                # Round 0 warms every backend's caches.
                if round_number:
                    times[query.name, way].append(elapsed)

    ratios = {way: [] for way in WAYS}
    long_ratios = {way: [] for way in WAYS}
    for query, count in zip(queries, counts):
        medians = {way: median(times[query.name, way]) for way in WAYS}
        for way in WAYS:
            # Of one round each, so that a minute in which the machine is busy with something else falls on both sides.
            ratio = median(a / b for a, b in zip(times[query.name, way], times[query.name, "hand"]))
            ratios[way].append(ratio)
            if medians["hand"] > LONG_MS:
                long_ratios[way].append(ratio)
        cells = [f"{medians[way]:.2f}" for way in SHOWN]
        table.row(query.name, count, *cells, *(f"{ratios[way][-1]:.2f}" for way in WAYS[1:]))
    table.row("geometric mean, all", len(queries), "", "", "", "", *(f"{geometric_mean(ratios[w]):.3f}" for w in WAYS[1:]))
    if long_ratios["ask"]:
        means = {way: geometric_mean(long_ratios[way]) for way in WAYS[1:]}
        table.row(
            f"geometric mean, over {LONG_MS:g} ms",
            len(long_ratios["ask"]),
            "", "", "", "",
            *(f"{means[w]:.3f}" for w in WAYS[1:]),
            f"ask <= {TARGET}",
            verdict(means["ask"], TARGET),
        )
