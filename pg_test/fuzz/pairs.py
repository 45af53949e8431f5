"""Each statement in both worlds: what it comes to must be the same.

A worker takes blocks of numbers, so that every number below a run's length is sent exactly once, whoever sends it. Of what
reaches execution in both worlds, the nodes of its conditions are read from PostgreSQL and counted (nodes.py).
"""

from __future__ import annotations

import collections
import json
import os
import random
import re
import signal
import sys
import time
from dataclasses import dataclass, field

import psycopg
import shapes
from asking import Asker, Call, Hangs, Reply
from campaign import Report
from grammar import Grammar
from judge import is_over_rows, same_outcome
from nodes import Reader, Tables
from worlds import BARE, ONE, TWO, Worlds

BLOCK = 200
_BATCH = 40
# Of pairs that came to the same, one in so many has its plans compared.
_PLANS_EVERY = 50
_RECOVER_S = 60
# What is left of an answer without what is every call's own: the same bytes in both worlds.
_CALL = (
    "SELECT (public.{}($1::pg_catalog.jsonb, question => 'fuzz', sql => $2)"
    " OPERATOR(pg_catalog.-) '{{timings_ms,query_id,sql,usage}}'::pg_catalog.text[])::pg_catalog.text"
)
_LIMITS = {"57014", "53400", "53200"}
_COSTS = re.compile(r"\s+\(cost=.*?\)")
# A field of an anonymous row. Where the row has fewer fields, EXPLAIN reads past the end of its description.
_FIELD = re.compile(r"\.r\)\.f\d")


Pair = tuple[Reply, Reply]


@dataclass
class PairReport(Report):
    """What one block of pairs came to."""

    # Pairs that reached execution, by what their conditions hold: (node, place, whether over a table without an index on the
    # tenant column), and (node, "", True) for those that hold it over such a table in any place.
    nodes: collections.Counter = field(default_factory=collections.Counter)


@dataclass
class PairPlan:
    """Where to send what; handed to every worker."""

    worlds: Worlds
    tables: Tables
    seed: int
    # The first number that is sent: a long run may be done in parts.
    start: int = 0

    def statement(self, number: int) -> str:
        return Grammar(random.Random(f"{self.seed}:{number}"), 0.0, shapes.WORLDS).statement()


def compare(first: Reply, second: Reply) -> str:
    """`equal`, `limit` where a call met one on time or size, `order` where only the order of rows differs, or `differs`."""
    if first.state in _LIMITS or second.state in _LIMITS:
        return "limit"
    if first.document is None or second.document is None:
        return "equal" if first.state == second.state and same_outcome(first, second) == "equal" else "differs"
    if first.document == second.document:
        return "equal"
    one, two = json.loads(first.document, parse_float=str), json.loads(second.document, parse_float=str)
    same = [collections.Counter(json.dumps(row) for row in answer.pop("rows")) for answer in (one, two)]
    return "order" if same[0] == same[1] and one == two else "differs"


class Pairs:
    def __init__(self, plan: PairPlan, number: int = 0):
        self.plan, self.number = plan, number
        self.report = PairReport(number)
        # Sessions for single statements, and an administrator's, who is shown plans; made when they are needed.
        self.aside: tuple[Asker, ...] | None = None
        self.admins: tuple[Asker, ...] | None = None
        self.connect()

    def connect(self) -> None:
        """New sessions; after a crash it waits until the server is back."""
        worlds, end = self.plan.worlds, time.monotonic() + _RECOVER_S
        self.aside = self.admins = None
        while True:
            try:
                self.askers = self.sessions()
                self.reader = Reader(worlds.connect(BARE, "postgres"), self.plan.tables)
                return
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def sessions(self) -> tuple[Asker, ...]:
        worlds = self.plan.worlds
        return tuple(Asker(worlds.connect(database), worlds.sign, _CALL) for database in (ONE, TWO))

    def block(self, number: int) -> PairReport:
        """Statements from the start of a block to its end."""
        first = self.plan.start + number * BLOCK
        return self.run(range(first, first + BLOCK))

    def run(self, numbers: range) -> PairReport:
        self.report = PairReport(self.number)
        batches = [numbers[start : start + _BATCH] for start in range(0, len(numbers), _BATCH)]
        done = None
        for batch in batches:
            # The servers work on this batch while the one before it is judged here.
            texts = [self.plan.statement(number) for number in batch]
            is_sent = self.send(texts)
            if done:
                self.judge(*done)
            done = (batch, texts, self.receive(batch, texts, is_sent))
        self.judge(*done)
        return self.report

    def send(self, texts: list[str]) -> bool:
        """Whether both sessions were there to take them."""
        try:
            for asker in self.askers:
                asker.send([Call("acme", "ask", text) for text in texts])
        except psycopg.OperationalError:
            return False
        return True

    def receive(self, numbers: range, texts: list[str], is_sent: bool) -> list[Pair | None]:
        """Replies by statement. A lost connection is pinned on a statement by sending those left one at a time."""
        try:
            got = [asker.receive() for asker in self.askers] if is_sent else [[], []]
        except Hangs:
            got = [[], []]
            self.found(numbers[0], f"no answer for a long time, within {len(texts)} statements from here", texts[0])
        for asker in self.askers:
            asker.notices.clear()
        pairs: list[Pair | None] = list(zip(*got, strict=False))
        if len(pairs) < len(texts):
            self.found(numbers[len(pairs)], "a connection was lost at or after this statement", texts[len(pairs)])
            self.connect()
            pairs += [self.alone(number, text) for number, text in zip(numbers[len(pairs) :], texts[len(pairs) :], strict=True)]
        return pairs

    def alone(self, number: int, text: str) -> Pair | None:
        """A statement by itself, in sessions that have no other under way."""
        try:
            self.aside = self.aside or self.sessions()
            first, second = (asker.one(Call("acme", "ask", text)) for asker in self.aside)
        except (Hangs, psycopg.OperationalError):
            first = second = None
        if first is None or second is None:
            self.found(number, "THE CONNECTION IS LOST over this statement, or it does not answer", text)
            self.aside = None
            return None
        return first, second

    def judge(self, numbers: range, texts: list[str], pairs: list[Pair | None]) -> None:
        counts = self.report.counts
        try:
            analysed = self.reader.nodes(texts)
        except psycopg.OperationalError:
            # The server is down, which the statements under way will tell.
            analysed = [None] * len(texts)
        for number, text, pair, found in zip(numbers, texts, pairs, analysed, strict=True):
            if pair is None:
                continue
            self.report.states["pair", pair[0].state] += 1
            verdict = compare(*pair)
            if verdict in ("differs", "order"):
                verdict = self.look_again(number, text, verdict, pair)
            elif verdict == "equal" and number % _PLANS_EVERY == 0 and not _FIELD.search(text):
                same = self.same_plans(text)
                counts["plans compared of pairs that came to the same"] += same is not None
                counts["of these unequal"] += same is False
            counts[f"pairs: {verdict}"] += 1
            if verdict != "limit" and all(self.reached(reply, found is not None) for reply in pair):
                counts["reached execution in both"] += 1
                counts["of these answered in both"] += pair[0].error is None and pair[1].error is None
                if found is None:
                    counts["of these not analysed without the fences"] += 1
                else:
                    self.report.nodes.update(found)
                    self.report.nodes.update({(node, "", True) for node, _, is_unindexed in found if is_unindexed})

    @staticmethod
    def reached(reply: Reply, is_analysed: bool) -> bool:
        """Errors over rows may be over a text as well, such as a constant that cannot be converted: where it is not analysed."""
        return reply.error is None or (is_analysed and is_over_rows(reply.state))

    def look_again(self, number: int, text: str, verdict: str, pair: Pair) -> str:
        """A difference counts when the plans are equal, also when it is not there a second time."""
        plans = self.same_plans(text)
        if plans is False:
            return "the plans differ, and so do the outcomes"
        if verdict == "order":
            return "the same rows in another order"
        again = self.alone(number, text)
        how = "" if again is not None and compare(*again) == "differs" else ", but not a second time"
        what = " / ".join(f"{reply.state} {str(reply.error or (reply.document or '')[:200])[:200]}" for reply in pair)
        self.report.counts[f"differ: {pair[0].state} / {pair[1].state}"] += 1
        self.found(number, f"the worlds differ{how}{'' if plans else ', plans unknown'}: {what}", text)
        return "differs"

    def same_plans(self, text: str) -> bool | None:
        """Whether PostgreSQL plans a statement alike in both worlds; None when it is not planned."""
        worlds = self.plan.worlds
        try:
            self.admins = self.admins or tuple(Asker(worlds.connect(database, "postgres"), worlds.sign) for database in (ONE, TWO))
            replies = [asker.one(Call("acme", "ask_dry_run", text)) for asker in self.admins]
        except (Hangs, psycopg.OperationalError):
            self.admins = None
            return None
        if any(reply is None or reply.document is None for reply in replies):
            return None
        plans = [[_COSTS.sub("", line) for line in json.loads(reply.document).get("plan") or []] for reply in replies]
        return plans[0] == plans[1] if plans[0] else None

    def found(self, number: int, what: str, text: str) -> None:
        self.report.findings.append((f"worlds:{self.plan.seed}:{number}", what, text))


def work(plan: PairPlan, number: int, next_block, last_block: int, stop, reports) -> None:
    """The main function of a worker's process."""
    # Ctrl-C is for the main process, which tells the workers through `stop`.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.set_int_max_str_digits(0)
    try:
        pairs = Pairs(plan, number)
        while not stop.is_set():
            with next_block.get_lock():
                block = next_block.value
                next_block.value += 1
            if block >= last_block:
                break
            reports.put(pairs.block(block))
            if os.getppid() == 1:
                return
    except Exception as error:  # noqa: BLE001 - whatever it was, the run must say so and not pass
        report = PairReport(number)
        report.findings.append((f"worlds:{plan.seed}:-", f"worker {number} broke: {type(error).__name__}: {error}"[:600], ""))
        reports.put(report)
    reports.put(None)
