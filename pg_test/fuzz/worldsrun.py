"""A run over the two worlds (worlds.py, pairs.py), its verdict, and its control: where the barrier of `trust` is missing, the worlds differ."""

from __future__ import annotations

import collections
import subprocess
import sys

import campaign
import nodes
import pairs
import report
import worlds
from asking import Call, Reply
from psycopg import errors
from serverlog import LogWatch
from splitplane_test.cluster import ROOT, Cluster
from splitplane_test.tally import Tally

from pg_test.attacks.world import SETTINGS

FINDINGS = ROOT / ".tools" / "log" / "fuzz-worlds.jsonl"
# The part of the bounded run: so many pairs, or what can be done of them in this time.
PAIRS, SECONDS, FEWEST = 16_000, 18.0, 2_000
# Of all pairs, those that must reach execution in both worlds; and of these, those with each node in a condition.
LEAST_REACHED, LEAST_OF_EACH = 0.8, 0.001
# Statements of a control; how many of them must differ where nothing is before them, and by how many kinds of error.
_CONTROLS, _LEAST_DIFFERENT, _LEAST_KINDS = 1_200, 8, 2
# What is taken away in each control, and what is left.
_ALL_OFF = "leaks,free,proof"
_CONTROLLED = {_ALL_OFF: "without barrier, free fence and proof", "free,proof": "with the barrier alone", "leaks,proof": "with the free fence alone"}


def main(options) -> int:
    """A long run, or one statement again."""
    checks = Tally()
    if options.off:
        _build()
    with _cluster(options.off) as cluster:
        made = worlds.make(cluster)
        if options.off:
            worlds.make_dear(cluster)
            worlds.take_away(cluster, options.off)
        plan = plan_of(made, options.seed, options.start)
        if options.only:
            return _run_only(plan, options.only)
        seconds = (options.minutes or 1e6) * 60
        _campaign(checks, cluster, plan, options.workers, options.pairs or sys.maxsize, seconds, 1)
    return checks.finish()


def bounded(checks: Tally, options) -> None:
    """The part of the suite's run, with its controls."""
    with _cluster() as cluster:
        plan = plan_of(worlds.make(cluster), options.seed)
        _campaign(checks, cluster, plan, options.workers, PAIRS, SECONDS, FEWEST)
    for name, wrong in controls(options.seed):
        checks.add(f"control: {name}", wrong)


def plan_of(made: worlds.Worlds, seed: int, start: int = 0) -> pairs.PairPlan:
    return pairs.PairPlan(made, worlds.scanned(made), seed, start)


def controls(seed: int):
    """(name, what is wrong): the same statements where fences are taken away, in the build that can."""
    yield "worlds: each way in which two outcomes can differ is told from the others", _comparisons()
    _build()
    with _cluster(_ALL_OFF) as cluster:
        plan = plan_of(worlds.make(cluster), seed)
        yield "worlds: a lost connection is noticed, and no pair is left out for it", _loss(cluster, plan)
        worlds.make_dear(cluster)
        for off, what in _CONTROLLED.items():
            worlds.take_away(cluster, off)
            found = pairs.Pairs(plan).run(range(_CONTROLS))
            kinds = {name: count for name, count in found.counts.most_common() if name.startswith("differ: ")}
            listed = "; ".join(f"{name[8:]}: {count}" for name, count in kinds.items())
            if off == _ALL_OFF:
                differing = sum(kinds.values())
                wrong = ["too few, or too much alike"] if differing < _LEAST_DIFFERENT or len(kinds) < _LEAST_KINDS else []
                yield f"{what}, the worlds differ over {differing} of {_CONTROLS} statements ({listed})", wrong
            else:
                yield f"{what}, they differ over none of these", [f"{name} {reason}"[:400] for name, reason, _ in found.findings]


def _loss(cluster: Cluster, plan: pairs.PairPlan) -> list[str]:
    worker = pairs.Pairs(plan)
    with cluster.connect() as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [worker.askers[1].pid])
    found = worker.run(range(60))
    return [f"{found.findings} {found.states.total()}"] if ["lost" in what for _, what, _ in found.findings] != [True] or found.states.total() != 60 else []


def _comparisons() -> list[str]:
    rows = [Reply(f'{{"rows": {rows}, "truncated": false}}', None, 0.0) for rows in ("[[1], [2]]", "[[2], [1]]", "[[1]]")]
    failed, other, late = (Reply(None, kind("told"), 0.0) for kind in (errors.DivisionByZero, errors.NumericValueOutOfRange, errors.QueryCanceled))
    expected = [
        (rows[0], rows[0], "equal"), (rows[0], rows[1], "order"), (rows[0], rows[2], "differs"), (rows[0], failed, "differs"), (failed, rows[0], "differs"),
        (failed, other, "differs"), (failed, failed, "equal"), (late, rows[0], "limit"), (failed, late, "limit"),
    ]  # fmt: skip
    found = [(first.state, second.state, pairs.compare(first, second), wanted) for first, second, wanted in expected]
    return [f"{one} and {two}: {verdict}, not {wanted}" for one, two, verdict, wanted in found if verdict != wanted]


def _build() -> None:
    subprocess.run([str(ROOT / "tools/install-extension.sh"), "--ablation"], check=True, stdout=subprocess.DEVNULL)


def _cluster(off: str = "") -> Cluster:
    settings = {**SETTINGS, "jit": "off"}
    if not off:
        return Cluster(settings=settings)
    from pg_test.ablation.bench import TestCluster

    return TestCluster(settings=settings)


def _campaign(checks: Tally, cluster: Cluster, plan: pairs.PairPlan, workers: int, count: int, seconds: float, fewest: int) -> None:
    checks.add("the two worlds differ in nothing but other tenants' rows", worlds.differences(plan.worlds))
    log, progress = LogWatch(cluster), report.Progress(FINDINGS, with_time=seconds > SECONDS)

    def look(made: list[campaign.Report]) -> None:
        log.read()
        progress.show(made)

    blocks = count // pairs.BLOCK + bool(count % pairs.BLOCK)
    made, took = campaign.run(plan, workers, blocks, seconds, look, pairs.work)
    look(made)
    total = Total(made)
    total.judge(checks, fewest)
    checks.add("worlds: the server did not crash", log.crashes())
    checks.add("worlds: its log holds no warning, and no internal error but PostgreSQL's own", log.warnings())
    if total.findings:
        print(f"all findings with their texts: {FINDINGS.relative_to(ROOT)}")
    print(total.text(plan, workers, took))


class Total:
    """All reports of a run, added up."""

    def __init__(self, made: list[pairs.PairReport]):
        # One of a worker that broke has no nodes.
        self.states: collections.Counter = sum((one.states for one in made), collections.Counter())
        self.counts: collections.Counter = sum((one.counts for one in made), collections.Counter())
        self.nodes: collections.Counter = sum((one.nodes for one in made if isinstance(one, pairs.PairReport)), collections.Counter())
        self.findings = [finding for one in made for finding in one.findings]

    @property
    def pairs(self) -> int:
        return self.states.total()

    @property
    def reached(self) -> int:
        return self.counts["reached execution in both"]

    def of(self, node: str, place: str = "") -> int:
        """Pairs that reached execution with this node in a condition over a table without an index on the tenant column."""
        return self.nodes[node, place, True]

    def judge(self, checks: Tally, fewest: int) -> None:
        findings = [f"{name} {what}" for name, what, _ in self.findings]
        checks.add(f"{self.pairs:,} pairs, {self.reached:,} of which reached execution, come to the same in both worlds", findings)
        checks.add(f"at least {fewest:,} pairs were sent", [] if self.pairs >= fewest else [f"only {self.pairs}"])
        share = self.reached / max(1, self.pairs)
        checks.add(f"at least {LEAST_REACHED:.0%} reach execution in both worlds", [] if share >= LEAST_REACHED else [f"only {share:.1%}"])
        unequal, compared = (self.counts[name] for name in ("of these unequal", "plans compared of pairs that came to the same"))
        checks.add(f"{compared:,} plans compared are equal in both worlds", [f"{unequal} are not"] if unequal else [])
        least = max(1, int(self.reached * LEAST_OF_EACH))
        rare = [f"{node}: {self.of(node)}" for node in nodes.NODES if self.of(node) < least]
        checks.add(f"each of {len(nodes.NODES)} nodes stood in a condition of at least {least:,} pairs that reached execution", rare)

    def text(self, plan: pairs.PairPlan, workers: int, took: float) -> str:
        lines = [
            f"{self.pairs:,} pairs, seed {plan.seed}, from {plan.start:,} to {plan.start + self.pairs - 1:,}, {workers} workers, {took:.0f} s,"
            f" {self.pairs / took:.0f} pairs/s;"
            f" {self.reached:,} ({self.reached / max(1, self.pairs):.1%}) reached execution in both worlds",
            "how they ended in the first: " + ", ".join(f"{state} {count:,}" for (_, state), count in self.states.most_common()),
            *(f"  {name}: {count:,}" for name, count in sorted(self.counts.items())),
            "pairs that reached execution, by nodes of conditions over tables without an index on the tenant column: all (WHERE, JOIN ON, HAVING)",
            *(f"  {node:<26}{self.of(node):>9,}  ({', '.join(f'{self.of(node, place):,}' for place in nodes.PLACES)})" for node in nodes.NODES),
        ]
        differences = sum("the worlds differ" in what for _, what, _ in self.findings)
        lines.append(f"differences: {differences}")
        if not self.findings:
            bound = 3 / max(1, self.reached)
            lines.append(f"no difference in {self.reached:,}: with 95 % confidence fewer than 1 in {self.reached // 3:,} (3/n = {bound:.1e})")
        return "\n".join(lines)


def _run_only(plan: pairs.PairPlan, which: str) -> int:
    """One statement again, with what came back in both worlds, and its nodes."""
    _, seed, number = which.split(":")
    plan.seed = int(seed)
    worker = pairs.Pairs(plan)
    text = plan.statement(int(number))
    print(f"{text}\n")
    for name, asker in zip((worlds.ONE, worlds.TWO), worker.sessions(), strict=True):
        reply = asker.one(Call("acme", "ask", text))
        print(f"{name}: {'CONNECTION LOST' if reply is None else reply.document or f'{reply.state} {reply.error}'}")
    found = worker.run(range(int(number), int(number) + 1))
    print(f"plans: { {True: 'equal', False: 'unequal', None: 'none'}[worker.same_plans(text)] }")
    print("nodes: " + ", ".join(f"{node} in {place}" for node, place, _ in sorted(found.nodes) if place))
    for _, what, _ in found.findings:
        print(f"FINDING {what}")
    print(f"{0 if found.findings else 1} passed, {len(found.findings)} failed")
    return 1 if found.findings else 0
