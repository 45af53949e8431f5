"""What must hold after every fault, whatever it was: asked of the server, and where it lives on, of the very session."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from splitplane_test.cluster import settle
from splitplane_test.session import Session, wait_until

from pg_test.wire.harness import COUNT_SALES, SALES, Wire, unclaimed

# Rows that are made one at a time: in FROM they would be kept in a temporary file, and its limit may come before the deadline.
ENDLESS = "SELECT count(*) FROM (SELECT generate_series(1, 2000000000) FROM sales) AS made"


def outcome(session: Session, context, sql: str = COUNT_SALES) -> str:
    """'answered', the SQLSTATE of the refusal, or 'lost'."""
    try:
        session.call(context, sql)
        return "answered"
    except psycopg.Error as error:
        return error.sqlstate or "lost"


def ledger_is_right(session: Session, context, first: str, sql: str = COUNT_SALES) -> None:
    """A context whose first call ended as `first` is good for one use in all.

    An answer has used it. A call that was ended from outside may have been ended before its context was counted; then it is
    good once more, and not twice.
    """
    second = outcome(session, context, sql)
    assert second == "28000" if first == "answered" else second in ("28000", "answered"), f"{first}, then {second}"
    assert outcome(session, context, sql) == "28000"


def session_is_sound(session: Session, state: tuple) -> None:
    """The session goes on as if nothing had been; `state` is what Session.state() was before."""
    assert session.state() == state
    for tenant in SALES:
        assert session.value(COUNT_SALES, tenant) == SALES[tenant]
    session.ask_refused("42P01", "SELECT * FROM vault")
    assert session.state() == state


def server_is_sound(wire: Wire) -> None:
    """New sessions are answered rightly, nobody's claims or files are left, and the doctor has nothing critical to say."""
    with wire.session() as session:
        session_is_sound(session, session.state())
    with wire.admin() as admin:
        superuser = Session(wire, admin)
        assert superuser.value(COUNT_SALES, "brand-b") == SALES["brand-b"]
        unclaimed(admin)
        assert admin.execute("SELECT count(*) FROM splitplane.doctor() WHERE severity = 'critical'").fetchone() == (0,)
    folder = Path(wire.cluster.data_dir) / "base" / "pgsql_tmp"
    wait_until(lambda: not (folder.exists() and list(folder.iterdir())), 5, "temporary files are gone")


def kill(pid: int) -> None:
    """SIGKILL to a process of the server."""
    try:
        os.kill(pid, signal.SIGKILL)
    except PermissionError:
        pytest.skip("may not signal the server's processes")


def back(wire: Wire, seconds: float = 30) -> None:
    """Returns when the server accepts sessions again, and contexts signed from now on are younger than it."""

    def accepts():
        try:
            return wire.run("SELECT 1")
        except psycopg.OperationalError:
            return None

    wait_until(accepts, seconds, "the server comes back")
    settle()


@contextmanager
def callers(wire: Wire, count: int, sql: str = ENDLESS, user: str = "app"):
    """`count` sessions in the middle of a call each; gives (sessions, contexts, outcomes). Sessions are closed at the end."""
    connections = [psycopg.connect(wire.cluster.dsn(wire.database, user), autocommit=True) for _ in range(count)]
    sessions = [Session(wire, connection) for connection in connections]
    contexts = [wire.sign(sql, list(SALES)[number % 3]) for number in range(count)]
    outcomes: list[str] = []

    def call(number: int) -> None:
        outcomes.append(outcome(sessions[number], contexts[number], sql))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    pids = [session.pid for session in sessions]
    active = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY (%s) AND state = 'active'"
    wait_until(lambda: wire.run(active, pids)[0] == count, 10, "all calls run")
    time.sleep(0.2)
    try:
        yield sessions, contexts, outcomes
    finally:
        for thread in threads:
            thread.join(30)
        for connection in connections:
            connection.close()
