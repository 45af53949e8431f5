"""Calls that are ended from outside at random points, by the hundred; the session, the claims and the ledger are right each time.

The points are drawn from a seed, and spread over the whole of a call: some calls end before their context is counted, some in a
look-up, in the parser, in the planner, in the run, and some are over. FAULT_SEED chooses others.
"""

import os
import queue
import random
import socket
import statistics
import threading
import time

import psycopg
import pytest

from harness import COUNT_SALES, SALES, Session, unclaimed, wait_until
from sound import ENDLESS, callers, ledger_is_right, outcome, server_is_sound, session_is_sound

SEED = int(os.environ.get("FAULT_SEED", "20261124"))
# Long enough that its run is most of it: all rows of a tenant, joined and sorted.
WORK = "SELECT count(DISTINCT md5(a.note || b.note)) FROM sales a, sales b"
TRUTH = {tenant: count * count for tenant, count in SALES.items()}


class Canceller(threading.Thread):
    """Cancels a backend when it is told to, after the delay that it is told, and says when it has."""

    def __init__(self, wire, pid: int):
        super().__init__()
        self.wire, self.pid, self.orders, self.done = wire, pid, queue.SimpleQueue(), queue.SimpleQueue()
        self.start()

    def run(self) -> None:
        with self.wire.admin() as admin:
            admin.execute("SELECT 1")
            while (delay := self.orders.get()) is not None:
                time.sleep(delay)
                admin.execute("SELECT pg_cancel_backend(%s)", (self.pid,))
                self.done.put(True)


def typical(session) -> float:
    """Median seconds of a call that nobody ends."""
    taken = []
    for _ in range(15):
        started = time.perf_counter()
        session.value(WORK)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def quiet(session) -> bool:
    """Whether the last cancel has arrived: it may hit a statement that comes after the call."""
    try:
        session.execute("SELECT 1")
        session.execute("SELECT pg_sleep(0.001)")
        return True
    except psycopg.Error as error:
        assert error.sqlstate == "57014", error
        return False


def ended_or_right(session, tenant: str, context) -> str:
    try:
        document = session.call(context, WORK)
    except psycopg.Error as error:
        assert error.sqlstate == "57014", f"{error.sqlstate} {error}"
        assert not error.diag.message_detail and not error.diag.context
        return "57014"
    assert document["rows"] == [[TRUTH[tenant]]]
    return "answered"


def test_cancels_at_two_hundred_random_points(wire):
    """In a superuser's session, so that the backend itself can be asked whether a claim is left."""
    chosen, ends = random.Random(SEED), {"answered": 0, "57014": 0}
    with wire.admin() as admin:
        session = Session(wire, admin)
        before, usual = session.state(), typical(session)
        canceller = Canceller(wire, session.pid)
        try:
            for turn in range(200):
                tenant = list(SALES)[turn % 3]
                context = wire.sign(WORK, tenant)
                canceller.orders.put(chosen.uniform(0, 1.5 * usual))
                end = ended_or_right(session, tenant, context)
                ends[end] += 1
                canceller.done.get()
                wait_until(lambda: quiet(session), 5, "the cancel has arrived")
                unclaimed(admin)
                assert session.state() == before
                ledger_is_right(session, context, end, WORK)
        finally:
            canceller.orders.put(None)
            canceller.join()
        session_is_sound(session, before)
    assert min(ends.values()) >= 20, f"the control: both ends must be seen, {ends}"


@pytest.mark.parametrize("setting", ["statement_timeout", "splitplane.deadline"])
def test_timeouts_at_a_hundred_random_points(wire, setting):
    chosen, ends = random.Random(SEED), {"answered": 0, "57014": 0}
    with wire.admin() as admin:
        session = Session(wire, admin)
        before, usual = session.state(), typical(session)
        for turn in range(100):
            tenant = list(SALES)[turn % 3]
            context = wire.sign(WORK, tenant)
            session.execute(f"SET {setting} = '{max(1, round(1000 * chosen.uniform(0, 1.6 * usual)))}ms'")
            end = ended_or_right(session, tenant, context)
            # Not a statement that could itself run into the timeout.
            wait_until(lambda: quiet_reset(session, setting), 5, "the setting is reset")
            ends[end] += 1
            unclaimed(admin)
            assert session.state() == before
            ledger_is_right(session, context, end, WORK)
        session_is_sound(session, before)
    assert min(ends.values()) >= 10, f"the control: both ends must be seen, {ends}"


def quiet_reset(session, setting: str) -> bool:
    try:
        session.execute(f"RESET {setting}")
        return True
    except psycopg.Error as error:
        assert error.sqlstate == "57014", error
        return False


def test_terminated_at_thirty_random_points(wire):
    """pg_terminate_backend: the session is gone, the server is not, and the next session is answered."""
    chosen, ends = random.Random(SEED), {}
    started = wire.run("SELECT pg_postmaster_start_time()")
    with wire.session() as steady:
        usual = typical(steady)
        for turn in range(30):
            tenant = list(SALES)[turn % 3]
            context = wire.sign(WORK, tenant)
            connection = psycopg.connect(wire.cluster.dsn(wire.database, "app"), autocommit=True)
            session = Session(wire, connection)
            session.value(COUNT_SALES, tenant)
            timer = threading.Timer(chosen.uniform(0, 1.5 * usual), wire.run, ("SELECT pg_terminate_backend(%s)", session.pid))
            timer.start()
            end = outcome(session, context, WORK)
            timer.join()
            connection.close()
            assert end in ("answered", "57P01", "lost"), end
            ends[end] = ends.get(end, 0) + 1
            ledger_is_right(steady, context, end, WORK)
            assert steady.value(COUNT_SALES, tenant) == SALES[tenant]
    assert len(ends) > 1, f"the control: {ends}"
    assert wire.run("SELECT pg_postmaster_start_time()") == started
    server_is_sound(wire)


def test_sockets_closed_at_forty_random_points(wire):
    """The client hangs up: the backend ends at the latest with its call, and its context was used or not, never twice."""
    chosen = random.Random(SEED)
    role = wire.role(splitplane__deadline="2s", client_connection_check_interval="50ms")
    with wire.session() as steady:
        usual, pids = typical(steady), []
        for turn in range(40):
            tenant, sql = list(SALES)[turn % 3], chosen.choice([WORK, ENDLESS])
            context = wire.sign(sql, tenant)
            connection = psycopg.connect(wire.cluster.dsn(wire.database, role), autocommit=True)
            pids.append(connection.info.backend_pid)
            thread = threading.Thread(target=outcome, args=(Session(wire, connection), context, sql))
            thread.start()
            time.sleep(chosen.uniform(0, 1.5 * usual))
            with socket.socket(fileno=os.dup(connection.fileno())) as wire_socket:
                wire_socket.shutdown(socket.SHUT_RDWR)
            thread.join()
            connection.close()
            if sql == WORK:
                # A call in flight may count its context later than we ask: then ours is the second, or the other way round.
                assert outcome(steady, context, sql) in ("28000", "answered")
                assert outcome(steady, context, sql) == "28000"
        wait_until(lambda: wire.run("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY (%s)", pids) == (0,), 10, "all have ended")
    server_is_sound(wire)


def test_cancel_of_many_at_once(wire):
    """Eight calls, cancelled in one breath: eight refusals, and no context of them is good again."""
    with callers(wire, 8) as (sessions, contexts, outcomes):
        assert all(done for (done,) in wire.admin_rows("SELECT pg_cancel_backend(pid) FROM unnest(%s::int[]) pid", [s.pid for s in sessions]))
        wait_until(lambda: len(outcomes) == 8, 10, "all calls have ended")
        assert outcomes == ["57014"] * 8
        for session, context in zip(sessions, contexts, strict=True):
            assert outcome(session, context, ENDLESS) == "28000"
            assert session.value(COUNT_SALES, "brand-c") == SALES["brand-c"]
    server_is_sound(wire)


def test_idle_timeouts_of_the_caller(wire):
    """They run between calls, not in one: calls that together outlast the timeout are answered, the idle session is ended."""
    slow = "SELECT count(*) FROM generate_series(1, 5000000)"
    opened = []
    try:
        for setting in ("idle_in_transaction_session_timeout", "idle_session_timeout"):
            role = wire.role(**{setting: "600ms"})
            connection = psycopg.connect(wire.cluster.dsn(wire.database, role), autocommit=setting == "idle_session_timeout")
            opened.append(connection)
            session, started = Session(wire, connection), time.monotonic()
            while time.monotonic() - started < 0.8:
                assert session.value(slow) == 5000000
        time.sleep(1.0)
        for connection in opened:
            with pytest.raises(psycopg.Error) as ended:
                connection.execute("SELECT 1")
            assert ended.value.sqlstate in ("25P03", "57P05", None)
    finally:
        for connection in opened:
            connection.close()
    server_is_sound(wire)
