#!/usr/bin/env python3
"""Runs the walks over PostgreSQL's trees under Valgrind: the hostile corpus, the honest one and the #[pg_test] functions.

    run.py [--every N] [--only NAME] [--verbose]      every Nth text of the corpora; 1 is all of them

Whatever a text comes to, no process of the server may read or write memory that is not its own, jump by memory that was
never written, or die. Answers are not compared here, other suites do that; no canary may be in one all the same.
Controls: mistakes planted in the test build (pg_test/backend/planted.rs), each in a process of its own, must be reported.
The last line is `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import watched
from splitplane_test.functions import expected_errors
from splitplane_test.plane import Plane
from splitplane_test.tally import UNREACHABLE, Tally, not_run

from pg_test.analytics import corpus
from pg_test.attacks.entries import load as load_attacks
from pg_test.attacks.entries import text_of
from pg_test.attacks.verdict import canary_in
from pg_test.attacks.world import DATABASE, World, ask
from pg_test.attacks.world import SETTINGS as ATTACK_SETTINGS
from pg_test.worlds import restaurant

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TESTS_DATABASE, ANALYTICS_DATABASE = "pg_tests", "shared"
ANALYST, TENANT, KEY_ID = "analyst", "brand-a", "AKMEMORY"
# 1,000 orders: the trees are the same over any number of rows, and Valgrind takes thirty times as long over each.
SCALE = 0.005
SETTINGS = {
    **ATTACK_SETTINGS,
    "splitplane.deadline": "60s",
    "splitplane.ledger_size": 4096,
    # Valgrind's own memory counts as the backend's.
    "splitplane.max_memory": "2000000kB",
    # A backend that the postmaster gives up on while Valgrind still starts it would look like a crash.
    "authentication_timeout": "600s",
}
DEADLINE_OF_EXHAUSTING = "2s"
WORKERS = 2
# (function, what Valgrind calls it, a function that must be among its frames)
PLANTED = (
    ("walks_a_freed_tree", "Invalid read", "walks_a_freed_tree"),
    ("reads_past_a_block", "Invalid read", "reads_past_a_block"),
    ("writes_past_a_block", "Invalid write", "writes_past_a_block"),
    ("decides_by_chance", "depends on uninitialised", "decides_by_chance"),
    ("reads_a_freed_box", "Invalid read", "reads_a_freed_box"),
)


class Callers:
    """One session for each worker and role; one that broke, or that an entry has poisoned, is left behind."""

    def __init__(self, cluster: watched.WatchedCluster):
        self._cluster = cluster
        self._own = threading.local()

    def session(self, database: str, user: str) -> psycopg.Connection:
        kept = self._own.__dict__.setdefault("kept", {})
        if (database, user) not in kept or kept[database, user].closed:
            kept[database, user] = self.fresh(database, user)
        return kept[database, user]

    def fresh(self, database: str, user: str) -> psycopg.Connection:
        for attempt in range(60):
            try:
                dsn = self._cluster.dsn(dbname=database, user=user)
                return psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
            except psycopg.OperationalError:
                if attempt == 59:
                    raise
                time.sleep(1)
        raise AssertionError("not reached")


class Suite:
    def __init__(self, cluster: watched.WatchedCluster, world: World, plane: Plane):
        self.cluster = cluster
        self.world = world
        self.plane = plane
        self.callers = Callers(cluster)
        self.states: collections.Counter[str] = collections.Counter()
        self.tally = Tally(verbose=False)

    def state_of(self, connection: psycopg.Connection, call) -> tuple[str, dict | None]:
        try:
            return "rows", call()
        except psycopg.Error as error:
            return (error.sqlstate or "connection lost") if not connection.closed else "connection lost", None

    def attack(self, entry: dict) -> str | None:
        """One entry through `ask` and `ask_dry_run`."""
        sql = text_of(entry, DATABASE)
        own = "session_setup" in entry
        connection = (self.callers.fresh if own else self.callers.session)(DATABASE, "app")
        try:
            if own:
                connection.execute(entry["session_setup"])
            if entry["category"] == "dos":
                connection.execute(f"SET statement_timeout = '{DEADLINE_OF_EXHAUSTING}'")
            for function in ("ask", "ask_dry_run"):
                context = self.world.context(sql)
                state, document = self.state_of(connection, lambda: ask(connection, context, sql, function))
                self.states[state] += 1
                if state == "connection lost":
                    return f"{function}: connection lost"
                # The dry run shows the caller's own text.
                answer = json.dumps({k: v for k, v in (document or {}).items() if k != "sql"}, default=str)
                if function == "ask" and canary_in(answer):
                    return f"CANARY {canary_in(answer)}"
            if entry["category"] == "dos":
                connection.execute("RESET statement_timeout")
            return None
        finally:
            if own:
                connection.close()

    def analyse(self, query: corpus.Query) -> str | None:
        """One honest query through `ask` and `ask_rows`."""
        connection = self.callers.session(ANALYTICS_DATABASE, ANALYST)
        context = lambda: self.sign(query.sql)
        state, document = self.state_of(connection, lambda: ask(connection, context(), query.sql))
        self.states[state] += 1
        if document is None:
            return f"ended with {state}"
        columns = ", ".join(f"c{n} {column['type']}" for n, column in enumerate(document["columns"]))
        if "record" in columns:
            return None
        rows = f"SELECT count(*) FROM ask_rows(%s::jsonb, sql => %s) AS t({columns})"
        state, counted = self.state_of(connection, lambda: connection.execute(rows, [json.dumps(context()), query.sql]).fetchone())
        self.states[state] += 1
        if counted is None:
            return f"ask_rows ended with {state}"
        return None if counted[0] == document["row_count"] else f"ask_rows gives {counted[0]} rows, ask {document['row_count']}"

    def sign(self, payload: str) -> dict:
        return self.plane.sign(payload, TENANT, business="headquarters", subject="corpus")

    def test_function(self, name: str, expected: str | None) -> str | None:
        """One #[pg_test] function. Some measure time; what they find is for the suite `pg` to judge."""
        connection = self.callers.fresh(TESTS_DATABASE, "postgres")
        try:
            connection.autocommit = False
            state, _ = self.state_of(connection, lambda: connection.execute(f'SELECT tests."{name}"()').fetchone())
            self.states[f"{'as expected' if (state != 'rows') == (expected is not None) else state} (tests)"] += 1
            return "connection lost" if state == "connection lost" else None
        finally:
            connection.close()

    def plant(self, name: str, title: str, frame: str) -> tuple[int, str | None]:
        connection = self.callers.fresh(TESTS_DATABASE, "postgres")
        pid = connection.info.backend_pid
        if not self.cluster.is_watched(pid):
            return pid, "the backend does not run under Valgrind"
        self.state_of(connection, lambda: connection.execute(f"SELECT planted.{name}()").fetchone())
        connection.close()
        time.sleep(1)
        own = [report for report in self.cluster.reports() if report.pid == pid]
        if any(title in report.title and any(frame in one for one in report.frames) for report in own):
            return pid, None
        return pid, f"not reported; Valgrind said {[report.title for report in own]}"

    def run_all(self, what: str, items: list, call, name_of) -> None:
        started = time.monotonic()
        before = self.tally.failed
        pool = concurrent.futures.ThreadPoolExecutor(WORKERS)
        try:
            for item, problem in zip(items, pool.map(call, items), strict=True):
                self.tally.add(f"{what} {name_of(item)}", problem)
        finally:
            # Whoever ends the run early does not wait for all that was still to come.
            pool.shutdown(cancel_futures=True)
        print(f"{what}: {len(items)} in {time.monotonic() - started:.0f} s, {self.tally.failed - before} failed", flush=True)

    def controls(self) -> set[int]:
        pids = set()
        for name, title, frame in PLANTED:
            pid, problem = self.plant(name, title, frame)
            pids.add(pid)
            self.tally.add(f"control: planted.{name}() is reported", problem)
        return pids


def build(cluster: watched.WatchedCluster) -> tuple[World, Plane]:
    """The three databases, made while the server still runs at full speed."""
    world = World(cluster)
    cluster.psql("postgres", f"ALTER DATABASE {DATABASE} RESET splitplane.deadline")
    plane = Plane.install(
        cluster,
        ANALYTICS_DATABASE,
        key_id=KEY_ID,
        before=restaurant.TABLES,
        after=[restaurant.REGISTER, "ANALYZE"],
        caller=ANALYST,
        variables={"scale": SCALE},
        tenants=[TENANT],
    )
    cluster.createdb(TESTS_DATABASE)
    cluster.psql(TESTS_DATABASE, "CREATE EXTENSION splitplane")
    return world, plane


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth text of the corpora")
    parser.add_argument("--only", default="", metavar="NAME", help="attacks, queries and test functions whose name holds this")
    parser.add_argument("--verbose", action="store_true", help="print how the calls ended")
    chosen = parser.parse_args()
    attacks = [entry for entry in load_attacks() if text_of(entry, DATABASE) is not None and chosen.only in entry["id"]][:: chosen.every]
    queries = [query for query in corpus.load() if chosen.only in query.id][:: chosen.every]
    tests = [test for test in sorted(expected_errors().items()) if chosen.only in test[0]][:: chosen.every]
    if not attacks and not queries and not tests:
        parser.error(f"no text of the corpora and no test function is called {chosen.only}")
    fetched = subprocess.run([ROOT / "tools/checked-server.sh"]).returncode
    if fetched == UNREACHABLE:
        not_run("what the server with assertions is built from could not be fetched (tools/checked-server.sh)")
    if fetched:
        print(f"the server with assertions was not built: tools/checked-server.sh ended with status {fetched}")
        return 1
    subprocess.run([ROOT / "tools/install-extension.sh", "--debug", "--test", "--checked"], check=True)
    with watched.WatchedCluster(SETTINGS) as cluster:
        world, plane = build(cluster)
        cluster.watch()
        suite = Suite(cluster, world, plane)
        planted = suite.controls()
        suite.run_all("attacks", attacks, suite.attack, lambda entry: entry["id"])
        suite.run_all("queries", queries, suite.analyse, lambda query: query.id)
        suite.run_all("test functions", tests, lambda test: suite.test_function(*test), lambda test: test[0])
        # Calls that all end before the walk would show nothing.
        walked = suite.states["rows"] + suite.states["42501"]
        if not chosen.only:
            suite.tally.add("control of the corpora", None if walked > len(attacks) / 4 else f"only {walked} calls reached the walk")
        print("how the calls ended: " + ", ".join(f"{state} {count}" for state, count in suite.states.most_common()))
        cluster.restart()
        reports = [report for report in cluster.reports() if report.pid not in planted]
        for report, count in watched.grouped(reports):
            print(f"FAILED: Valgrind, {count} times:\n{report}")
        suite.tally.add("Valgrind", f"{len(reports)} reports" if reports else None)
    return suite.tally.finish()


if __name__ == "__main__":
    sys.exit(main())
