"""Workers that send the statements of a stream and judge what comes back.

A worker takes blocks of numbers, so that every number below a run's length is sent exactly once, whoever sends it. What else
is done with a statement hangs on its number alone, so that `--only` does the same with it again:

    every statement            sent as tenant acme; answer, error and notices judged
    one answer in 10           compared with the single-tenant database
    one error over data in 2   the single tenant's rows must be able to cause one
    one in 5, whatever it is   must come to the same where the other tenant's rows are deleted
    one in 40                  sent as tenant beta first, through the same session
    one in 40                  sent as a dry run, too
    one in 8                   if it holds hidden names: sent again with unknown ones, and the two errors compared
"""

from __future__ import annotations

import collections
import multiprocessing
import os
import queue
import signal
import sys
import time
from dataclasses import dataclass, field

import psycopg
import smith
from asking import QUESTION, Asker, Call, Hangs, Reply
from judge import is_documented, judge, judge_dry_run, judge_twins, same_outcome, twin
from oracle import EMPTIED, Oracle, names_database
from splitplane_test.session import memory_kb
from splitplane_test.signing import sign
from stream import Statement, Stream

from pg_test.attacks import fingerprint
from pg_test.attacks.verdict import canary_in, is_data_error
from pg_test.attacks.world import DATABASE

BLOCK = 250
_BATCH = 25
# A session's settings, cursors, channels and random seed are compared around one block in so many.
_SESSION_EVERY = 8
_RECOVER_S = 60


@dataclass
class Report:
    """What one block came to."""

    worker: int = 0
    states: collections.Counter = field(default_factory=collections.Counter)  # (kind, SQLSTATE or "rows")
    counts: collections.Counter = field(default_factory=collections.Counter)
    findings: list[tuple[str, str, str]] = field(default_factory=list)  # (seed:number, what, text)
    slowest: tuple[float, str] = (0.0, "")
    memory_kb: tuple[int, int] = (0, 0)  # pid, private memory


@dataclass
class Plan:
    """How to reach the servers and what to send; handed to every worker."""

    dsn_format: str
    keys: dict[str, tuple[str, str]]
    seed: int
    smith_dsn: str | None
    # One block in so many is sqlsmith's, which is slow at writing.
    smith_every: int = 12
    # The first number that is sent: a long run may be done in parts.
    start: int = 0

    def dsn(self, database: str, user: str) -> str:
        return self.dsn_format.format(database=database, user=user)

    def sign(self, tenant: str) -> dict[str, str]:
        key_id, secret = self.keys[tenant]
        return sign(key_id, secret, QUESTION, tenant, audience=DATABASE)


class Worker:
    def __init__(self, plan: Plan, number: int = 0):
        self.plan, self.number = plan, number
        self.stream = Stream(plan.seed)
        self.oracle = Oracle(lambda database: plan.dsn(database, "alone_app"))
        self.report = Report(number)
        self.blocks = 0
        self.connect()

    def connect(self) -> None:
        """New sessions; after a crash it waits until the server is back."""
        end = time.monotonic() + _RECOVER_S
        while True:
            try:
                self.asker, self.emptied = (
                    Asker(psycopg.connect(self.plan.dsn(database, "app"), autocommit=True, prepare_threshold=None), self.plan.sign)
                    for database in (DATABASE, EMPTIED)
                )
                return
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def run_block(self, statements: list[Statement]) -> Report:
        self.report = Report(self.number)
        watched = self.blocks % _SESSION_EVERY == 0
        self.blocks += 1
        before = fingerprint.session_state(self.asker.connection, False) if watched else None
        pid = self.asker.pid
        batches = [statements[start : start + _BATCH] for start in range(0, len(statements), _BATCH)]
        # The server works on one batch while the one before it is judged here.
        ready, done = None, None
        for batch in [*batches, None]:
            calls = None if batch is None else [self.calls(statement) for statement in batch]
            if ready is not None:
                done = (ready[0], self.receive(*ready))
            if calls is not None:
                self.asker.send([call for group in calls for call in group.values()])
            if done is not None:
                self.judge_batch(*done)
            ready, done = (None if batch is None else (batch, calls)), None
        if watched and pid == self.asker.pid:
            after = fingerprint.session_state(self.asker.connection, True)
            for change in fingerprint.session_changes(before, after, self.first_draw()):
                self.found(statements[0], f"within {len(statements)} statements from here: {change}")
            self.report.counts["session states compared"] += 1
        self.report.memory_kb = (self.asker.pid, _private_kb(self.asker.pid))
        return self.report

    def calls(self, statement: Statement) -> dict[str, Call]:
        """The calls made for one statement, in order."""
        number, _, text = statement
        made = {}
        if number % 40 == 7:
            made["beta"] = Call("beta", "ask", text)
        made["acme"] = Call("acme", "ask", text)
        if number % 40 == 27:
            made["dry"] = Call("acme", "ask_dry_run", text)
        if number % 8 == 1:
            other = twin(text)
            if other:
                made["twin"] = Call("acme", "ask", other)
        return made

    def receive(self, batch: list[Statement], calls: list[dict[str, Call]]) -> list[dict[str, Reply]]:
        """Replies by statement. A lost connection is pinned on a statement by sending those left one at a time."""
        flat = [(index, name, call) for index, group in enumerate(calls) for name, call in group.items()]
        replies: list[dict[str, Reply]] = [{} for _ in batch]
        try:
            got = self.asker.receive()
        except Hangs:
            got = []
            self.found(batch[0], f"no answer for a long time, within {len(batch)} statements from here")
            self.asker.connection.close()
        for (index, name, _), reply in zip(flat, got, strict=False):
            replies[index][name] = reply
        if len(got) < len(flat):
            self.found(batch[flat[len(got)][0]], "the connection was lost at or after this statement")
            self.connect()
            for index, name, call in flat[len(got) :]:
                self.alone(batch[index], call, replies[index], name)
        for notice in self.asker.notices:
            self.report.counts["notices"] += 1
            if canary_in(notice):
                self.found(batch[0], f"CANARY {canary_in(notice)} in a notice, within {len(batch)} statements from here: {notice[:300]}")
            elif "leak" in notice:
                self.found(batch[0], f"a warning within {len(batch)} statements from here: {notice[:300]}")
        self.asker.notices.clear()
        return replies

    def alone(self, statement: Statement, call: Call, replies: dict[str, Reply], name: str) -> None:
        try:
            reply = self.asker.one(call)
        except Hangs:
            self.found(statement, "does not answer by itself")
            self.asker.connection.close()
            reply = None
        if reply is None:
            self.found(statement, f"THE CONNECTION IS LOST over this call of {call.function} as {call.tenant}")
            self.connect()
        else:
            replies[name] = reply

    def judge_batch(self, batch: list[Statement], replies: list[dict[str, Reply]]) -> None:
        for statement, group in zip(batch, replies, strict=True):
            if "acme" in group:
                self.judge_statement(statement, group)

    def judge_statement(self, statement: Statement, group: dict[str, Reply]) -> None:
        number, kind, text = statement
        reply, counts = group["acme"], self.report.counts
        self.report.states[kind, reply.state] += 1
        counts["calls"] += len(group)
        if reply.seconds > self.report.slowest[0]:
            self.report.slowest = (reply.seconds, self.name(statement))
        wrong = judge(text, reply, self.oracle.carries)
        if (number % 10 == 3 and reply.error is None) or (number % 2 == 0 and is_data_error(reply.state)):
            what = "answers" if reply.error is None else "errors over data"
            verdict, why = self.oracle.judge(text, reply.document)
            if verdict == "differs" and reply.error is not None and self.without_others("acme", text, reply) == "equal":
                # Another plan met another row of acme's own first.
                verdict = "open"
            counts[f"{what} compared: {verdict}"] += 1
            if verdict == "differs":
                wrong.append(why)
        if number % 5 == 1:
            verdict = self.without_others("acme", text, reply)
            # With other rows in sight a plan may change after all, and with it the order of rows that nobody ordered.
            if verdict == "differs" and (reply.error is None or is_data_error(reply.state)) and self.oracle.judge(text, reply.document)[0] != "differs":
                verdict = "open"
            if verdict == "differs":
                wrong.append("hangs on the other tenant's rows: it comes to something else where they are deleted")
            counts[f"outcomes compared with those where the other tenant's rows are deleted: {verdict}"] += 1
        if "dry" in group:
            counts["dry runs"] += 1
            # What is left of a dry run beside the caller's text: the query as built, and claims.
            wrong += [f"dry run: {reason}" for reason in judge(text, group["dry"], lambda _, found: found in text) if "neither answered" not in reason]
            wrong += judge_dry_run(reply, group["dry"])
        if "twin" in group:
            counts["hidden names compared with unknown ones"] += 1
            wrong += judge_twins(reply, group["twin"])
        if "beta" in group:
            beta = group["beta"]
            counts["calls as beta"] += 1
            counts["of these, answered with a canary"] += beta.error is None and canary_in(beta.document) is not None
            if not is_documented(beta.state) and beta.error is not None:
                wrong.append(f"as beta: SQLSTATE {beta.state}: {beta.error}")
        for reason in dict.fromkeys(wrong):
            self.found(statement, reason)

    def without_others(self, tenant: str, text: str, reply: Reply) -> str:
        """Whether the same call comes to the same where all rows but acme's are deleted: `equal`, `differs` or, over a limit, `skipped`."""
        if names_database(text):
            return "skipped"
        other = self.emptied.one(Call(tenant, "ask", text))
        if other is None:
            self.connect()
            return "differs"
        self.emptied.notices.clear()
        return same_outcome(reply, other)

    def name(self, statement: Statement) -> str:
        return f"{'smith:' if statement.kind == 'sqlsmith' else ''}{self.plan.seed}:{statement.number}"

    def found(self, statement: Statement, what: str) -> None:
        self.report.findings.append((self.name(statement), what, statement.text))

    def first_draw(self) -> str:
        """What random() gives first after the seed that the session's state is taken with."""
        if not hasattr(self, "_first_draw"):
            with psycopg.connect(self.plan.dsn(DATABASE, "app"), autocommit=True) as probe:
                probe.execute("SELECT pg_catalog.setseed(0.25)")
                self._first_draw = probe.execute("SELECT pg_catalog.encode(pg_catalog.float8send(pg_catalog.random()), 'hex')").fetchone()[0]
        return self._first_draw

    def statements(self, block: int) -> list[Statement]:
        """Block n of a run: with sqlsmith, one in `smith_every` is its, and the others follow each other without a gap."""
        if self.plan.smith_dsn is None:
            return self.own(block)
        smiths, place = divmod(block, self.plan.smith_every)
        if place == self.plan.smith_every - 1:
            return smith.block(self.plan.smith_dsn, self.plan.seed, self.plan.start // BLOCK + smiths)
        return self.own(smiths * (self.plan.smith_every - 1) + place)

    def own(self, block: int) -> list[Statement]:
        first = self.plan.start + block * BLOCK
        return [self.stream.statement(number) for number in range(first, first + BLOCK)]


def _private_kb(pid: int) -> int:
    """A backend's own memory, without shared buffers, in kB."""
    try:
        return memory_kb(pid, "RssAnon")
    except OSError:
        return 0


def work(plan: Plan, number: int, next_block, last_block: int, stop, reports) -> None:
    """The main function of a worker's process."""
    # Ctrl-C is for the main process, which tells the workers through `stop`.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.set_int_max_str_digits(0)
    try:
        worker = Worker(plan, number)
        while not stop.is_set():
            with next_block.get_lock():
                block = next_block.value
                next_block.value += 1
            if block >= last_block:
                break
            statements = worker.statements(block)
            if statements:
                reports.put(worker.run_block(statements))
            if os.getppid() == 1:
                return
    except Exception as error:  # noqa: BLE001 - whatever it was, the run must say so and not pass
        report = Report(number)
        report.findings.append((f"{plan.seed}:-", f"worker {number} broke: {type(error).__name__}: {error}"[:600], ""))
        reports.put(report)
    reports.put(None)


def run(plan: Plan, workers: int, blocks: int, seconds: float, watch, target=work) -> tuple[list[Report], float]:
    """All reports of a run that ends after so many blocks or seconds, or at SIGUSR1; `watch(reports)` is called with each new batch.

    target: the main function of a worker's process, as `work`.
    """
    context = multiprocessing.get_context("spawn")
    next_block, stop, reports = context.Value("q", 0), context.Event(), context.Queue()
    signal.signal(signal.SIGUSR1, lambda *_: stop.set())
    started = time.monotonic()
    processes = [
        context.Process(target=target, args=(plan, number, next_block, blocks, stop, reports), daemon=True) for number in range(workers)
    ]
    for process in processes:
        process.start()
    made: list[Report] = []
    running = workers
    try:
        while running:
            if time.monotonic() - started > seconds:
                stop.set()
            try:
                report = reports.get(timeout=1.0)
            except queue.Empty:
                dead = [process for process in processes if process.exitcode not in (None, 0)]
                if dead:
                    made.append(Report(findings=[(f"{plan.seed}:-", f"a worker process ended with {dead[0].exitcode}", "")]))
                    break
                watch(made)
                continue
            if report is None:
                running -= 1
            else:
                made.append(report)
            watch(made)
    finally:
        stop.set()
        for process in processes:
            process.join(10)
            if process.is_alive():
                process.terminate()
    return made, time.monotonic() - started
