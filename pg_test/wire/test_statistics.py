"""Figures against what clients saw: many sessions at once, rollbacks, cancels, sessions that are ended, and a crash."""

import collections
import os
import random
import signal
import threading

import psycopg
import pytest
from psycopg.types.json import Jsonb
from splitplane_test.cluster import Cluster, settle
from splitplane_test.session import wait_until

from pg_test.wire.harness import COUNT_SALES, SALES, TENANTS, Wire

SESSIONS, CALLS = 16, 60
SLOW = "SELECT count(*) FROM generate_series(1, 100000000) AS g(n)"
# What each client does, how the call ends, and the SQLSTATE that the client sees.
KINDS = {
    "answered": (("answered", "none"), None, COUNT_SALES, {}),
    "vault": (("error", "unknown_relation"), "42P01", "SELECT * FROM vault", {}),
    "sleep": (("error", "outside_plane"), "42501", "SELECT pg_sleep(0)", {}),
    "division": (("error", "server"), "22012", "SELECT amount / (amount - amount) FROM sales", {}),
    "syntax": (("error", "syntax"), "42601", "SELECT FROM WHERE", {}),
    "stranger": (("error", "unknown_key"), "28000", COUNT_SALES, {"key": ("AKNOBODY", "x")}),
}


@pytest.fixture(scope="module")
def cluster():
    """A server of these tests' own: another module's has more databases by now than have a place."""
    with Cluster(settings={"max_connections": "60"}) as running:
        yield running


def calls(wire) -> collections.Counter:
    """What stat_calls counts, without the rows that are 0."""
    with wire.connect() as connection:
        rows = connection.execute("SELECT entry_point, outcome, reason, calls FROM splitplane.stat_calls").fetchall()
    return collections.Counter({(entry, outcome, reason): count for entry, outcome, reason, count in rows if count})


def total(wire, stage: str = "total") -> int:
    return wire.run("SELECT calls FROM splitplane.stat_stages WHERE stage = %s", stage)[0]


def grown(wire, before) -> dict:
    return dict(calls(wire) - before)


def test_counts_are_those_of_sixteen_clients(own_wire):
    """Each client keeps its own record; a tenth of the calls is rolled back, which takes nothing back."""
    before, seen, tenants, failures = calls(own_wire), collections.Counter(), collections.Counter(), []
    lock = threading.Lock()

    def client(number: int) -> None:
        chosen = random.Random(number)
        mine, asked = collections.Counter(), collections.Counter()
        try:
            with own_wire.session(autocommit=False) as session:
                for _ in range(CALLS):
                    (outcome, reason), state, sql, signing = KINDS[chosen.choice(list(KINDS))]
                    tenant = chosen.choice(TENANTS)
                    if state is None:
                        assert session.value(sql, tenant) == SALES[tenant]
                    else:
                        session.ask_refused(state, sql, tenant, **signing)
                    mine["ask", outcome, reason] += 1
                    if "key" not in signing:
                        asked[tenant] += 1
                    if state is None and chosen.random() < 0.9:
                        session.connection.commit()
                    else:
                        session.connection.rollback()
        except Exception as error:
            failures.append(error)
        with lock:
            seen.update(mine)
            tenants.update(asked)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    assert seen.total() == SESSIONS * CALLS
    assert grown(own_wire, before) == dict(seen)
    assert total(own_wire) == seen.total()
    with own_wire.connect() as connection:
        figures = connection.execute("SELECT tenant, calls, rows FROM splitplane.stat_tenants").fetchall()
    counted = {tenant: count for tenant, count, _ in figures}
    # Whom a stranger claims to be has no row.
    assert counted == {"*others": 0, **tenants}
    assert sum(rows for _, _, rows in figures) == seen["ask", "answered", "none"]
    buckets = "SELECT bool_and(b.counts[n] <= b.counts[n + 1]), max(b.calls) FROM splitplane.stat_stages AS b, generate_series(1, 17) AS n"
    assert own_wire.run(buckets) == (True, seen.total())


def test_rows_and_dry_runs_are_counted_apart(own_wire):
    before = calls(own_wire)
    with own_wire.session() as session:
        session.execute("SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t(n bigint)", (Jsonb(own_wire.sign(COUNT_SALES)), COUNT_SALES))
        session.call(own_wire.sign(COUNT_SALES), COUNT_SALES, function="ask_dry_run")
        with pytest.raises(psycopg.Error):
            session.execute("SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t(n uuid)", (Jsonb(own_wire.sign(COUNT_SALES)), COUNT_SALES))
    assert grown(own_wire, before) == {
        ("ask_rows", "answered", "none"): 1,
        ("ask_dry_run", "dry_run", "none"): 1,
        ("ask_rows", "error", "result_shape"): 1,
    }


@pytest.mark.parametrize("function", ["ask", "ask_rows"])
def test_stages_are_counted_of_each_function(own_wire, function):
    stages = ("verify", "gate", "attach", "prove", "plan", "run")
    before = {stage: total(own_wire, stage) for stage in stages}
    with own_wire.session() as session:
        columns = " AS t(n bigint)" if function == "ask_rows" else ""
        session.execute(f"SELECT * FROM {function}(%s::jsonb, sql => %s){columns}", (Jsonb(own_wire.sign(COUNT_SALES)), COUNT_SALES))
    assert {stage: total(own_wire, stage) - before[stage] for stage in stages} == dict.fromkeys(stages, 1)


def test_the_stage_that_was_cut_off_has_its_time(own_wire):
    """A statement that runs into its deadline has been in `run` for as long; one that the gate refuses has not."""

    def run() -> tuple:
        return own_wire.run("SELECT calls, seconds FROM splitplane.stat_stages WHERE stage = 'run'")

    before = run()
    with own_wire.session() as session:
        session.ask_refused("42601", "SELECT FROM WHERE")
        assert run() == before, "the control"
        session.execute("SET statement_timeout = '300ms'")
        session.refused("57014", own_wire.sign(SLOW), SLOW)
    calls_after, seconds_after = run()
    assert calls_after == before[0] + 1 and 0.2 < seconds_after - before[1] < 30


def running(wire, pid: int) -> None:
    wait_until(lambda: wire.run("SELECT state = 'active' FROM pg_stat_activity WHERE pid = %s", pid)[0], 10, "the call runs")


def slow(wire, seen: list):
    """A session in whose thread a long call runs."""
    opened = threading.Event()

    def ask() -> None:
        with wire.connect("app") as connection:
            seen.append(connection.info.backend_pid)
            opened.set()
            try:
                connection.execute("SELECT public.ask(%s::jsonb, sql => %s)", (Jsonb(wire.sign(SLOW)), SLOW))
            except psycopg.Error as error:
                seen.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert opened.wait(10)
    running(wire, seen[0])
    return thread


@pytest.mark.parametrize("ended_by,reason", [("pg_cancel_backend", "cancelled"), ("pg_terminate_backend", "terminated")])
def test_what_is_ended_from_outside_is_counted(own_wire, ended_by, reason):
    before, seen = calls(own_wire), []
    thread = slow(own_wire, seen)
    assert own_wire.run(f"SELECT {ended_by}(%s)", seen[0]) == (True,)
    thread.join(10)
    assert isinstance(seen[1], psycopg.Error)
    wait_until(lambda: grown(own_wire, before), 5, "the call is counted")
    assert grown(own_wire, before) == {("ask", "error", reason): 1}
    figures = own_wire.run("SELECT calls, errors FROM splitplane.stat_tenants WHERE tenant = %s", own_wire.tenant)
    assert figures == (1, 1)


def test_a_session_that_ends_between_calls_counts_nothing(own_wire):
    """The control of the one above: ending as such is no call."""
    before = calls(own_wire)
    with own_wire.session() as session:
        session.value(COUNT_SALES)
        own_wire.run("SELECT pg_terminate_backend(%s)", session.pid)
        with pytest.raises(psycopg.Error):
            session.execute("SELECT 1")
    assert grown(own_wire, before) == {("ask", "answered", "none"): 1}


def test_statement_timeout_is_counted(own_wire):
    before = calls(own_wire)
    with own_wire.session() as session:
        session.execute("SET statement_timeout = '200ms'")
        error = session.refused("57014", own_wire.sign(SLOW), SLOW)
        assert error is not None
    assert grown(own_wire, before) == {("ask", "error", "cancelled"): 1}


def test_each_database_counts_for_itself(cluster, own_wire):
    other = Wire.build(cluster, own_wire.database + "_other")
    with own_wire.session() as session:
        session.value(COUNT_SALES)
    assert calls(other) == collections.Counter()
    other.run("SELECT splitplane.stat_reset()")
    assert calls(own_wire)["ask", "answered", "none"] == 1
    with other.connect() as connection:
        assert [row[0] for row in connection.execute("SELECT tenant FROM splitplane.stat_tenants")] == ["*others"]
        assert {row[0] for row in connection.execute("SELECT datname FROM splitplane.stat_calls")} == {other.database}


@pytest.fixture
def small():
    """A server with places for 16 tenants, that restarts by itself after a crash."""
    with Cluster(settings={"splitplane.stat_tenants": "16", "restart_after_crash": "on", "max_connections": "60"}) as running:
        yield Wire.build(running, "small")


def test_full_table_of_tenants_and_a_crash(small):
    """Tenants that find no place are counted in one row. A crash begins all of it anew; so does a start."""
    tenants = [f"tenant-{number:02}" for number in range(20)]
    for tenant in tenants:
        small.admit(tenant)
    with small.session() as session:
        for tenant in tenants:
            for _ in range(2):
                session.ask("SELECT 1 AS one", tenant)
    rows = "SELECT coalesce(sum(calls) FILTER (WHERE tenant = '*others'), 0), count(*) FILTER (WHERE tenant <> '*others'), sum(calls) FROM splitplane.stat_tenants"
    others, named, everybody = small.run(rows)
    assert named == 16 and others == 8 and everybody == 40
    with small.session() as session:
        os.kill(session.pid, signal.SIGKILL)

    def counts():
        try:
            return (calls(small),)
        except psycopg.Error:
            return None

    (after,) = wait_until(counts, 30, "the server is there again")
    assert after == collections.Counter()
    settle()
    with small.session() as session:
        session.value(COUNT_SALES)
    assert small.run(rows) == (0, 1, 1)


def test_more_databases_than_places(small):
    """The database that finds no place has no figures, not false ones, and doctor() says so; a dropped one makes room."""
    names = [f"d{number:02}" for number in range(64)]
    small.cluster.createdb("template_of_many", "template0")
    small.cluster.psql("template_of_many", "CREATE EXTENSION splitplane")
    count = "SELECT count(*) FROM splitplane.stat_calls"
    missing = "SELECT count(*) FROM splitplane.doctor() WHERE object = 'splitplane.stat_calls'"
    # Each end of each entry point.
    whole = small.run(count)
    assert whole[0] > 100
    for name in names:
        small.cluster.psql("postgres", f"CREATE DATABASE {name} TEMPLATE template_of_many STRATEGY file_copy")
        small.cluster.psql(name, count)
    full = names[-1]
    assert small.run(count) == whole, "the first has its place"
    assert small.cluster.psql(full, count).strip() == "0"
    assert small.cluster.psql(full, missing).strip() == "1"
    small.cluster.psql("postgres", f"DROP DATABASE {names[0]}")
    assert small.cluster.psql(full, count).strip() == str(whole[0])
    assert small.cluster.psql(full, missing).strip() == "0"
