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
from sound import ENDLESS, callers, ledger_is_right, outcome, server_is_sound, session_is_sound
from splitplane_test.session import Session, wait_until

from pg_test.wire.harness import COUNT_SALES, SALES, unclaimed

SEED = int(os.environ.get("FAULT_SEED", "20261124"))
# Long enough that its run is most of it: all rows of a tenant, joined and sorted.
WORK = "SELECT count(DISTINCT md5(a.note || b.note)) FROM sales a, sales b"
TRUTH = {tenant: count * count for tenant, count in SALES.items()}


class Striker(threading.Thread):
    """Ends the call of a backend over a connection that is already there, and says when it has."""

    def __init__(self, wire, function: str = "pg_cancel_backend"):
        super().__init__()
        self.wire, self.function = wire, function
        self.orders, self.done = queue.SimpleQueue(), queue.SimpleQueue()

    def run(self) -> None:
        with self.wire.admin() as admin:
            admin.execute("SELECT 1")
            while (order := self.orders.get()) is not None:
                delay, pid = order
                time.sleep(delay)
                admin.execute(f"SELECT {self.function}(%s)", (pid,))
                self.done.put(True)

    def __enter__(self) -> "Striker":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.orders.put(None)
        self.join()


def typical(session) -> float:
    """Median seconds of a call that nobody ends."""
    taken = []
    for _ in range(15):
        started = time.perf_counter()
        session.value(WORK)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


class Points:
    """Moments of a call, in seconds from its start: at random, but every tenth in its middle and every tenth well after its end.

    Those two see to it that both ends are met on a machine whose speed changes under the test; a control asks for half of them.
    """

    def __init__(self, session):
        self.chosen, self.usual, self.drawn = random.Random(SEED), typical(session), 0

    def draw(self) -> float:
        self.drawn += 1
        share = self.chosen.uniform(0, 1.5)
        return self.usual * {3: 0.4, 7: 5.0}.get(self.drawn % 10, share)

    def assert_both_ends(self, *counts: int) -> None:
        assert min(counts) >= self.drawn // 20, f"the control: both ends must be seen, {counts} of {self.drawn}"


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
    ends = {"answered": 0, "57014": 0}
    with wire.admin() as admin, Striker(wire) as canceller:
        session = Session(wire, admin)
        before, points = session.state(), Points(session)
        for turn in range(200):
            tenant = list(SALES)[turn % 3]
            context = wire.sign(WORK, tenant)
            canceller.orders.put((points.draw(), session.pid))
            end = ended_or_right(session, tenant, context)
            ends[end] += 1
            canceller.done.get()
            wait_until(lambda: quiet(session), 5, "the cancel has arrived")
            unclaimed(admin)
            assert session.state() == before
            ledger_is_right(session, context, end, WORK)
        session_is_sound(session, before)
    points.assert_both_ends(*ends.values())


@pytest.mark.parametrize("setting", ["statement_timeout", "splitplane.deadline"])
def test_timeouts_at_a_hundred_random_points(wire, setting):
    ends = {"answered": 0, "57014": 0}
    with wire.admin() as admin:
        session = Session(wire, admin)
        before, points = session.state(), Points(session)
        for turn in range(100):
            tenant = list(SALES)[turn % 3]
            context = wire.sign(WORK, tenant)
            session.execute(f"SET {setting} = '{max(1, round(1000 * points.draw()))}ms'")
            end = ended_or_right(session, tenant, context)
            # Not a statement that could itself run into the timeout.
            wait_until(lambda: quiet_reset(session, setting), 5, "the setting is reset")
            ends[end] += 1
            unclaimed(admin)
            assert session.state() == before
            ledger_is_right(session, context, end, WORK)
        session_is_sound(session, before)
    points.assert_both_ends(*ends.values())


def quiet_reset(session, setting: str) -> bool:
    try:
        session.execute(f"RESET {setting}")
        return True
    except psycopg.Error as error:
        assert error.sqlstate == "57014", error
        return False


def test_terminated_at_thirty_random_points(wire):
    """pg_terminate_backend: the session is gone, the server is not, and the next session is answered."""
    ends = {}
    with wire.session() as steady, Striker(wire, "pg_terminate_backend") as terminator:
        points = Points(steady)
        for turn in range(30):
            tenant = list(SALES)[turn % 3]
            context = wire.sign(WORK, tenant)
            connection = psycopg.connect(wire.cluster.dsn(wire.database, "app"), autocommit=True)
            session = Session(wire, connection)
            session.value(COUNT_SALES, tenant)
            terminator.orders.put((points.draw(), session.pid))
            end = outcome(session, context, WORK)
            terminator.done.get()
            connection.close()
            assert end in ("answered", "57P01", "lost"), end
            ends[end] = ends.get(end, 0) + 1
            ledger_is_right(steady, context, end, WORK)
            assert steady.value(COUNT_SALES, tenant) == SALES[tenant]
    points.assert_both_ends(ends.get("answered", 0), ends.get("57P01", 0) + ends.get("lost", 0))
    server_is_sound(wire)


def test_sockets_closed_at_forty_random_points(wire):
    """The client hangs up: the backend ends at the latest with its call, and its context was used or not, never twice."""
    chosen = random.Random(SEED)
    role = wire.role(splitplane__deadline="2s", client_connection_check_interval="50ms")
    with wire.session() as steady:
        points, pids = Points(steady), []
        for turn in range(40):
            tenant, sql = list(SALES)[turn % 3], chosen.choice([WORK, ENDLESS])
            context = wire.sign(sql, tenant)
            connection = psycopg.connect(wire.cluster.dsn(wire.database, role), autocommit=True)
            pids.append(connection.info.backend_pid)
            thread = threading.Thread(target=outcome, args=(Session(wire, connection), context, sql))
            thread.start()
            time.sleep(points.draw())
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
