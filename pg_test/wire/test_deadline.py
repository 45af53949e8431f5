"""Time: our own deadline, the server's timeouts, cancels and closed sockets; and that none of them hits the next statement."""

import contextlib
import os
import socket
import threading
import time

import psycopg
import pytest
from splitplane_test.session import refusal, wait_until

from pg_test.wire.harness import COUNT_SALES, SALES

HEAVY = {
    "series": "SELECT count(*) FROM generate_series(1, 100000) AS a, generate_series(1, 100000) AS b",
    "one-series": "SELECT count(*) FROM generate_series(1, 2000000000)",
    "recursion": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n % 1000 + 1 FROM r) SELECT count(*) FROM r",
    "sort": "SELECT count(DISTINCT md5((a + b)::text)) FROM generate_series(1, 20000) AS a, generate_series(1, 20000) AS b",
    "self-join": "SELECT count(*) FROM " + ", ".join(f"sales s{n}" for n in range(7)),
    # Back references make PostgreSQL's engine backtrack; an odd length fails only after everything was tried.
    "regex": r"SELECT repeat('a', 401) ~ '^(a*)(a*)(a*)(a*)\1\2\3\4$'",
    "numeric": "SELECT count(*) FROM generate_series(1, 100000) AS g WHERE (9.99 ^ (g % 1000 + 3000)) > 1",
    "long-rows": "SELECT max(length(repeat(md5(g::text), 1000))) FROM generate_series(1, 100000000) AS g",
}
# A deadline of half a second, no cost gate in front of it.
DEADLINE = {"splitplane__deadline": "500ms", "splitplane__max_cost": "0"}


@pytest.fixture(scope="module")
def hasty(wire):
    return wire.role(**DEADLINE)


@pytest.fixture(scope="module")
def patient(wire):
    """Long deadline, no cost gate: for what ends a call from outside."""
    return wire.role(splitplane__deadline="30s", splitplane__max_cost="0")


def alive(wire, pid) -> bool:
    return bool(wire.run("SELECT 1 FROM pg_stat_activity WHERE pid = %s", pid))


@contextlib.contextmanager
def busy(session, sql):
    """Run a call in a thread until it is seen to execute; gives a list that will hold its error."""
    outcome = []

    def run():
        try:
            session.call(session.plane.sign(sql), sql)
            outcome.append(None)
        except psycopg.Error as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    pid = session.pid
    thread.start()
    wait_until(lambda: session.plane.run("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'", pid), 5, "the call runs")
    time.sleep(0.3)
    assert not outcome, f"the control: the query is too quick to be interrupted, {outcome}"
    yield outcome
    thread.join(20)
    assert not thread.is_alive(), "the call did not end"


@pytest.mark.parametrize("shape", HEAVY)
def test_deadline_ends_heavy_queries(wire, hasty, shape):
    with wire.session(user=hasty) as session:
        before = session.state()
        started = time.monotonic()
        error = session.ask_refused(("57014", "53400", "54000", "53200", "2201B"), HEAVY[shape])
        took = time.monotonic() - started
        assert took < 2.5, f"{took:.2f} s"
        if shape in ("series", "one-series", "recursion"):
            assert error.sqlstate == "57014" and took > 0.4, "the deadline itself, not another limit"
        assert session.state() == before
        assert session.value(COUNT_SALES) == SALES["brand-a"]
        assert session.execute("SELECT pg_sleep(0.7)").fetchone(), "the deadline outlived its call"


def test_deadline_holds_in_rows_and_in_transactions(wire, hasty):
    with wire.session(user=hasty, autocommit=False) as session:
        session.execute("SAVEPOINT s")
        session.ask_refused("57014", HEAVY["series"])
        session.execute("ROLLBACK TO s")
        context = wire.sign(HEAVY["series"])
        error = refusal(
            lambda: session.execute(
                "SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t(n bigint)", (psycopg.types.json.Jsonb(context), HEAVY["series"])
            ).fetchall(),
            "57014",
        )
        assert not error.diag.context
        session.execute("ROLLBACK TO s")
        assert session.execute("SELECT pg_sleep(0.7)").fetchone()
        assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_deadline_covers_reading_the_plane(own_wire):
    """Whoever changes a table for long keeps others from reading the plane, if it has changed; they wait no longer than they may."""
    query = "SELECT 7"
    with own_wire.session(user=own_wire.role(**DEADLINE)) as session, own_wire.admin() as holder:
        session.value(query)
        holder.execute("ALTER TABLE sales ADD COLUMN extra int")
        with holder.transaction():
            holder.execute("LOCK TABLE sales IN ACCESS EXCLUSIVE MODE")
            started = time.monotonic()
            error = session.ask_refused("57014", query)
            assert 0.5 < time.monotonic() - started < 2.5
            assert error.diag.message_primary == "the call took longer than splitplane.deadline allows"
            assert session.execute("SELECT pg_sleep(0.7)").fetchone(), "the deadline outlived its call"
        assert session.value(query) == 7


def test_each_call_of_a_statement_has_its_own_deadline(wire, hasty):
    """Two calls of 300 ms each are under a deadline of 500 ms each, and 200 ms later neither timer is left."""
    with wire.session(user=hasty) as session:
        rows = 100_000
        while True:
            query = f"SELECT count(*) FROM generate_series(1, {rows})"
            started = time.monotonic()
            session.value(query)
            if time.monotonic() - started > 0.2:
                break
            rows *= 2
        statement = "SELECT ask(%s::jsonb, sql => %s), ask(%s::jsonb, sql => %s)"
        first, second = (psycopg.types.json.Jsonb(wire.sign(query)) for _ in range(2))
        answered = session.execute(statement, (first, query, second, query)).fetchone()
        assert [document["rows"] for document in answered] == [[[rows]], [[rows]]]


def test_smaller_statement_timeout_is_honoured(wire):
    role = wire.role(splitplane__deadline="20s", splitplane__max_cost="0", statement_timeout="400ms")
    with wire.session(user=role) as session:
        started = time.monotonic()
        session.ask_refused("57014", HEAVY["series"])
        assert 0.3 < time.monotonic() - started < 1.8
        assert session.execute("SHOW statement_timeout").fetchone() == ("400ms",)
        error = refusal(lambda: session.execute("SELECT pg_sleep(2)"), "57014")
        assert error.diag.message_primary == "canceling statement due to statement timeout", "the caller's own timeout is as it was"
        assert session.value(COUNT_SALES) == SALES["brand-a"]


@pytest.mark.parametrize("setting", ["idle_in_transaction_session_timeout", "lock_timeout"])
def test_other_timeouts_are_left_alone(wire, setting):
    role = wire.role(**{setting: "900ms", "splitplane__deadline": "300ms"})
    with wire.session(user=role) as session:
        session.value(COUNT_SALES)
        assert session.execute(f"SHOW {setting}").fetchone() == ("900ms",)


@pytest.mark.parametrize("shape", ["series", "recursion", "sort", "regex"])
def test_cancel_from_another_backend_ends_the_call(wire, patient, shape):
    with wire.session(user=patient) as session:
        before = session.state()
        with busy(session, HEAVY[shape]) as outcome:
            started = time.monotonic()
            assert wire.run("SELECT pg_cancel_backend(%s)", session.pid) == (True,)
            wait_until(lambda: outcome, 5, "the cancelled call ends")
            took = time.monotonic() - started
        assert took < 1, f"{took:.2f} s"
        assert outcome[0] is not None and outcome[0].sqlstate == "57014", outcome
        assert session.state() == before
        assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_cancel_request_of_the_client_ends_the_call(wire, patient):
    with wire.session(user=patient) as session:
        with busy(session, HEAVY["series"]) as outcome:
            session.connection.cancel_safe(timeout=5)
        assert outcome[0] is not None and outcome[0].sqlstate == "57014"
        assert session.value(COUNT_SALES, "brand-b") == SALES["brand-b"]


def test_terminated_backend_ends_and_harms_nobody(wire, patient):
    with wire.session() as other:
        other.value(COUNT_SALES)
        with contextlib.suppress(psycopg.OperationalError), wire.session(user=patient) as session:
            pid = session.pid
            with busy(session, HEAVY["series"]) as outcome:
                assert wire.run("SELECT pg_terminate_backend(%s)", pid) == (True,)
                wait_until(lambda: not alive(wire, pid), 5, "the backend ends")
            assert outcome[0] is not None and outcome[0].sqlstate in ("57P01", None), outcome
        assert other.value(COUNT_SALES) == SALES["brand-a"], "another session lives on: no crash restart"


@pytest.mark.parametrize(
    "settings",
    [{"client_connection_check_interval": "200ms", "splitplane__deadline": "60s"}, {"splitplane__deadline": "2s"}],
    ids=["by-the-connection-check", "by-the-deadline"],
)
def test_closed_socket_ends_the_backend(wire, settings):
    role = wire.role(splitplane__max_cost="0", **settings)
    with contextlib.suppress(psycopg.OperationalError), wire.session(user=role) as session:
        pid = session.pid
        with busy(session, HEAVY["series"]) as outcome:
            with socket.socket(fileno=os.dup(session.connection.fileno())) as wire_socket:
                wire_socket.shutdown(socket.SHUT_RDWR)
            wait_until(lambda: not alive(wire, pid), 6, "the backend of a closed socket ends")
        assert outcome[0] is not None
    assert wire.run("SELECT 1") == (1,)


def test_late_deadline_never_hits_the_next_statement(wire):
    """200 calls that take about as long as their deadline: whichever wins, the next statement is not cancelled."""
    role = wire.role(splitplane__deadline="30ms", splitplane__max_cost="0")
    outcomes = {"answered": 0, "57014": 0}
    rows = 20_000
    with wire.session(user=role) as session:
        for turn in range(200):
            query = f"SELECT count(*) FROM generate_series(1, {rows})"
            try:
                session.call(wire.sign(query), query)
                outcomes["answered"] += 1
                rows = int(rows * 1.15)
            except psycopg.Error as error:
                assert error.sqlstate == "57014", f"call {turn}: {error}"
                outcomes["57014"] += 1
                rows = max(1000, int(rows * 0.85))
            # Long enough to still be running when a timer that was left armed goes off.
            assert session.execute("SELECT pg_sleep(0.035), 7").fetchone()[1] == 7, f"after call {turn}"
    assert min(outcomes.values()) >= 10, f"the control: both ends must be seen, {outcomes}"


def test_late_cancel_never_hits_the_next_call(wire):
    """Cancels rain on a session between and during calls: each statement is answered or cancelled, never half of both."""
    stop = threading.Event()
    seen = {"answered": 0, "57014": 0}
    with wire.session() as session:
        before, pid = session.state(), session.pid

        def rain():
            with wire.admin() as admin:
                while not stop.is_set():
                    admin.execute("SELECT pg_cancel_backend(%s)", (pid,))
                    time.sleep(0.007)

        thread = threading.Thread(target=rain)
        thread.start()
        try:
            query = "SELECT count(*), min(note), max(note) FROM sales, generate_series(1, 60) AS g"
            for turn in range(150):
                tenant = ("brand-a", "brand-b")[turn % 2]
                try:
                    document = session.ask(query, tenant)
                    assert document["rows"][0][0] == 60 * SALES[tenant]
                    seen["answered"] += 1
                except psycopg.Error as error:
                    assert error.sqlstate == "57014", error
                    seen["57014"] += 1
        finally:
            stop.set()
            thread.join()
        wait_until(lambda: _quiet(session), 5, "the last cancel has arrived")
        assert session.state() == before
        assert session.value(COUNT_SALES) == SALES["brand-a"]
    assert seen["57014"] > 0, f"the control: {seen}"


def _quiet(session) -> bool:
    try:
        session.execute("SELECT pg_sleep(0.05)")
        return True
    except psycopg.Error as error:
        assert error.sqlstate == "57014"
        return False
