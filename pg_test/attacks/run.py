#!/usr/bin/env python3
"""Run every attack of catalogue.jsonl and own.jsonl against the extension; each is a test of its own.

    run.py [--only ID] [--category CATEGORY] [--against naive] [--warm] [--verbose]

What a test asserts is told in README.md beside this file. The last line is `N passed, N failed`; exit 1 on failure.
`--warm` sends each text twice before the call that is judged, in the same session, so that it is one that the session has proved.
`--against naive` runs the same entries through the naive prefix wrapper instead, to see what the suite can see.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import json
import os
import signal
import sys
import threading
import time

import psycopg
from splitplane_test.cluster import MAJOR, WHOLE_MAJORS, Cluster
from splitplane_test.tally import Tally

from pg_test.attacks import alone, contexts, controls, fingerprint, forging, handwritten
from pg_test.attacks.entries import load, may_answer_own_rows, text_of
from pg_test.attacks.naive import wrap
from pg_test.attacks.verdict import canary_in, is_data_error, judge_error
from pg_test.attacks.world import DATABASE, DEADLINE_MS, NAIVE, SETTINGS, World, ask

# Beside the deadline: what a call may take to be refused, and what a slow machine adds.
GRACE_S = 3.0
WATCHDOG_S = 20.0
# splitplane.max_memory is 256 MB. The rest is the backend itself and shared buffers it has touched.
PEAK_MEMORY_KB = 768 * 1024


class Outcome:
    """What one call came to."""

    def __init__(self):
        self.document: dict | None = None
        self.error: psycopg.Error | None = None
        self.seconds = 0.0

    @property
    def state(self) -> str:
        if self.error is not None:
            return self.error.sqlstate or "no SQLSTATE"
        return "rows"


class Suite:
    def __init__(self, world: World, against_naive: bool, is_warm: bool = False):
        self.world, self.is_warm = world, is_warm
        self.naive = against_naive
        self.database = NAIVE if against_naive else DATABASE
        self.watch = fingerprint.ServerWatch(world.cluster.dsn(dbname=self.database))
        self.alone = alone.Alone(world)
        self.states: collections.Counter[str] = collections.Counter()
        self.slowest: list[tuple[float, str]] = []
        with world.superuser() if not against_naive else world.superuser(NAIVE) as probe:
            probe.execute("SELECT setseed(0.25)")
            self.first_draw = probe.execute("SELECT encode(float8send(random()), 'hex')").fetchone()[0]
        self.handwritten = handwritten.TESTS

    def run(self, entry: dict) -> list[str]:
        """Run one entry; what is wrong, or an empty list. An accident of the test itself is a failure, not an end."""
        try:
            return self.run_any(entry)
        except Exception as error:
            if isinstance(error, psycopg.OperationalError):
                self.recover()
            return [f"the test broke: {type(error).__name__} {error}"[:500]]

    def run_any(self, entry: dict) -> list[str]:
        if entry["id"] in self.handwritten:
            return self.handwritten[entry["id"]](self)
        twists = forging.TRANSLATION.get(entry["id"])
        if twists is None and entry["category"] == "context_forgery":
            twists = contexts.twists_of(entry)
        if twists is not None:
            return contexts.refuse_contexts(self, entry, twists)
        return self.run_sql(entry)

    def run_exhausting(self, entries: list[dict]) -> list[list[str]]:
        """Entries that only burn time, two at once; what the server shows is then compared once, around all of them."""
        server = self.watch.state()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(self.run_beside_another, entries))
        results[-1] += self.watch.changes(server, self.watch.state())
        return results

    def run_beside_another(self, entry: dict) -> list[str]:
        try:
            return self.run_sql(entry, by_itself=False)
        except Exception as error:
            return [f"the test broke: {type(error).__name__} {error}"[:500]]

    def run_sql(self, entry: dict, by_itself: bool = True) -> list[str]:
        sql = text_of(entry, self.database)
        connection = self.world.caller(self.database, "naive_app" if self.naive else "app")
        notices: list[str] = []
        connection.add_notice_handler(lambda d: notices.append(" ".join(filter(None, [d.message_primary, d.message_detail, d.context]))))
        pid = connection.info.backend_pid
        server = None
        outcome = Outcome()
        try:
            if "session_setup" in entry:
                connection.execute(entry["session_setup"])
            fingerprint.set_aside_peak(pid)
            server = self.watch.state() if by_itself else None
            session = fingerprint.session_state(connection, seed_draw=False)
            connection.execute("BEGIN")
            connection.execute("SAVEPOINT before_the_call")
            if self.is_warm and entry["expect"] != "bounded":
                for _ in range(2):
                    if self.call(connection, sql).error is not None:
                        connection.execute("ROLLBACK TO SAVEPOINT before_the_call")
            outcome = self.call(connection, sql)
            wrong = self.judge(entry, sql, outcome, notices)
            wrong += self.after_the_call(connection, pid, outcome, by_itself)
            if not self.naive:
                wrong += fingerprint.session_changes(session, fingerprint.session_state(connection, True), self.first_draw)
                if entry["expect"] != "bounded":
                    wrong += self.dry_run(entry, sql, connection, outcome)
            # Before the session ends: as it ends it drops what `session_setup` made.
            if by_itself:
                wrong += self.watch.changes(server, self.watch.state())
        except psycopg.Error as error:
            wrong = [f"the session broke: {error.sqlstate} {error}"]
        finally:
            connection.close()
        try:
            self.watch.wait_gone(pid)
        except psycopg.OperationalError as error:
            wrong.append(f"THE SERVER WENT DOWN: {error}")
            self.recover()
        if not self.naive:
            self.states[outcome.state] += 1
        return wrong

    def call(self, connection, sql: str) -> Outcome:
        outcome = Outcome()
        context = {} if self.naive else self.world.context(sql)
        # A backend that hears no cancel is killed, so that the suite ends and says so.
        watchdog = threading.Timer(WATCHDOG_S, os.kill, (connection.info.backend_pid, signal.SIGKILL))
        watchdog.start()
        started = time.monotonic()
        try:
            if self.naive:
                connection.execute("SET LOCAL statement_timeout = 1000")
                cursor = connection.execute(wrap(sql))
                rows = cursor.fetchall() if cursor.description else []
                outcome.document = {"outcome": "answered", "rows": [list(row) for row in rows], "columns": []}
            else:
                outcome.document = ask(connection, context, sql)
        except psycopg.Error as error:
            outcome.error = error
        except RecursionError:
            outcome.document = {"outcome": "answered", "rows": []}
        finally:
            watchdog.cancel()
        outcome.seconds = time.monotonic() - started
        return outcome

    def judge(self, entry: dict, sql: str, outcome: Outcome, notices: list[str]) -> list[str]:
        wrong = []
        expect = entry["expect"]
        if outcome.error is not None:
            wrong += judge_error(entry, outcome.error, sql)
            if not self.naive and expect == "own_rows_only" and is_data_error(outcome.state):
                wrong += self.alone.answers(entry, sql, outcome.state)
            if "rows" in entry:
                wrong.append(f"should have answered {entry['rows']}, was refused: {outcome.state} {outcome.error}")
        else:
            document = {name: value for name, value in outcome.document.items() if name not in ("sql",)}
            carried = canary_in(json.dumps(document, ensure_ascii=False, default=str))
            if carried:
                wrong.append(f"CANARY {carried} in the answer")
            if document.get("outcome") != "answered":
                wrong.append(f"outcome is {document.get('outcome')!r}")
            elif expect == "reject" and not may_answer_own_rows(sql):
                wrong.append(f"was answered: {json.dumps(document.get('rows'), default=str)[:200]}")
            elif "rows" in entry and document["rows"] != entry["rows"]:
                wrong.append(f"rows are {document['rows']}, not {entry['rows']}")
            elif not self.naive and expect != "bounded":
                wrong += self.alone.differs(entry, sql, document)
        if not self.naive and outcome.state == "XX000":
            wrong.append(f"an internal error: {outcome.error}")
        if not self.naive and "refused" in entry and outcome.state not in entry["refused"]:
            wrong.append(f"its bound did not stop it: it ended in {outcome.state}, not {' or '.join(entry['refused'])}")
        for notice in notices:
            if canary_in(notice):
                wrong.append(f"CANARY {canary_in(notice)} in a notice: {notice[:200]}")
        if outcome.seconds > DEADLINE_MS / 1000 + GRACE_S:
            wrong.append(f"took {outcome.seconds:.1f} s")
        self.slowest.append((outcome.seconds, entry["id"]))
        return wrong

    def after_the_call(self, connection, pid: int, outcome: Outcome, by_itself: bool) -> list[str]:
        """What the open transaction holds, then its end. It is committed: an effect that waits for COMMIT must show."""
        peak = fingerprint.peak_memory_kb(pid)
        wrong = [] if self.naive else self.watch.backend(pid, by_itself)
        if peak > PEAK_MEMORY_KB:
            wrong.append(f"the backend grew to {peak // 1024} MB")
        if connection.closed or connection.broken:
            return wrong + ["the backend died"]
        if outcome.error is not None:
            connection.execute("ROLLBACK TO SAVEPOINT before_the_call")
        if self.naive:
            connection.execute("ROLLBACK")
            return wrong
        xid = connection.execute("SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text").fetchone()[0]
        if xid:
            wrong.append(f"a transaction id was assigned: {xid}")
        connection.execute("COMMIT")
        return wrong

    def dry_run(self, entry: dict, sql: str, connection, outcome: Outcome) -> list[str]:
        """The dry run plans, and planning folds constants: it must refuse and hide just as the run does."""
        wrong = []
        try:
            document = ask(connection, self.world.context(sql), sql, "ask_dry_run")
        except psycopg.Error as error:
            wrong += [f"dry run: {found}" for found in judge_error(entry, error, sql)]
            if outcome.error is None:
                wrong.append(f"dry run refuses what is answered: {error}")
            return wrong
        carried = canary_in(json.dumps(document, ensure_ascii=False))
        if carried and not canary_in(sql):
            wrong.append(f"CANARY {carried} in the dry run")
        if entry["expect"] == "reject" and outcome.error is not None and not may_answer_own_rows(sql):
            wrong.append("dry run passes what is refused")
        return wrong

    def recover(self) -> None:
        """After a crash the server restarts by itself; our own connections have to be made anew."""
        for _ in range(100):
            try:
                self.watch = fingerprint.ServerWatch(self.world.cluster.dsn(dbname=self.database))
                self.alone = alone.Alone(self.world)
                return
            except psycopg.OperationalError:
                time.sleep(0.2)


def chosen(entries: list[dict], options) -> list[dict]:
    if options.against:
        # The wrapper has no contexts to forge.
        entries = [entry for entry in entries if entry["category"] != "context_forgery"]
    if options.only:
        entries = [entry for entry in entries if entry["id"] == options.only]
    if options.category:
        entries = [entry for entry in entries if entry["category"] == options.category]
    return entries


def main() -> int:
    # Answers hold numbers of any length.
    sys.set_int_max_str_digits(0)
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--only", metavar="ID")
    arguments.add_argument("--category")
    arguments.add_argument("--against", choices=["naive"], help="run the entries through the naive prefix wrapper")
    arguments.add_argument("--warm", action="store_true", help="judge the third call of each text in one session")
    arguments.add_argument("--verbose", action="store_true", help="print every entry with its outcome")
    options = arguments.parse_args()
    entries = chosen(load(), options)
    if not entries:
        arguments.error("no entry of that id or category")
    if MAJOR not in WHOLE_MAJORS:
        for name in handwritten.OF_LISTS:
            print(f"NOT RUN {name}: no list has the extensions' libraries of PostgreSQL {MAJOR}")
        entries = [entry for entry in entries if entry["id"] not in handwritten.OF_LISTS]
    if int(MAJOR) >= 19:
        old = [entry for entry in entries if "standard_conforming_strings" in entry.get("session_setup", "")]
        for entry in old:
            print(f"NOT RUN {entry['id']}: since 19 the setting cannot be off")
        entries = [entry for entry in entries if entry not in old]

    started = time.monotonic()
    # Of a leak every reason is shown.
    tally = Tally(options.verbose, shown=sys.maxsize)
    passed: collections.Counter[str] = collections.Counter()
    failed: collections.Counter[str] = collections.Counter()

    def count(category: str, name: str, wrong: list[str]) -> None:
        (passed if tally.add(name, wrong) else failed)[category] += 1

    with Cluster(settings=SETTINGS) as cluster:
        world = World(cluster, with_extension=options.against is None)
        suite = Suite(world, options.against == "naive", options.warm)
        by_category: dict[str, list[dict]] = collections.defaultdict(list)
        for entry in entries:
            by_category[entry["category"]].append(entry)
        for category, group in by_category.items():
            tables = suite.watch.tables()
            burning = [entry for entry in group if category == "dos"]
            results = suite.run_exhausting(burning) if burning else map(suite.run, group)
            for entry, wrong in zip(group, results, strict=True):
                count(category, f"{entry['id']} ({entry['title']}, expected {entry['expect']})", wrong)
            if suite.watch.tables() != tables:
                count(category, f"tables after {category}", ["rows of some table changed"])
        if not options.only and not options.category and options.against is None:
            tally.verbose = True
            for name, wrong in controls.run(suite):
                count("controls", f"control: {name}", wrong)

    print(f"\n{'category':<20}{'passed':>8}{'failed':>8}")
    for category in sorted(passed.keys() | failed.keys()):
        print(f"{category:<20}{passed[category]:>8}{failed[category]:>8}")
    print("\nhow the calls ended: " + ", ".join(f"{state} {count}" for state, count in suite.states.most_common()))
    print("slowest: " + ", ".join(f"{name} {seconds:.1f} s" for seconds, name in sorted(suite.slowest, reverse=True)[:8]))
    print(f"{time.monotonic() - started:.0f} s in all")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
