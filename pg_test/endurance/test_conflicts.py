"""Conflicts that the server ends in its own words: lock timeouts, deadlocks, serialization failures, recovery.

These are no defects, and an application is expected to try again when it reads their SQLSTATE. Whatever the SQLSTATE, the
session, the claims and the ledger are right afterwards.
"""

import threading
import time

import pytest
from sound import ledger_is_right, outcome, server_is_sound, session_is_sound
from splitplane_test.session import Session

from pg_test.wire.harness import COUNT_SALES, SALES, unclaimed


def lock_timeout(wire) -> str:
    """The relation is locked elsewhere for longer than the caller's lock_timeout."""
    with wire.admin() as holder, wire.admin() as admin:
        session = Session(wire, admin)
        before = session.state()
        context = wire.sign(COUNT_SALES)
        with holder.transaction():
            holder.execute("LOCK TABLE sales IN ACCESS EXCLUSIVE MODE")
            session.execute("SET lock_timeout = '100ms'")
            end = outcome(session, context)
            session.execute("RESET lock_timeout")
        unclaimed(admin)
        ledger_is_right(session, context, end)
        session_is_sound(session, before)
    return end


def deadlock(wire) -> str:
    """The caller holds a lock that another waits for, whose lock the call waits for; the caller is the one who is chosen."""
    with wire.admin() as other, wire.admin() as admin:
        session = Session(wire, admin)
        before = session.state()
        context = wire.sign(COUNT_SALES)
        session.execute("SET deadlock_timeout = '600ms'; SET splitplane.deadline = '20s'")
        other.execute("SET deadlock_timeout = '60s'")
        other.execute("BEGIN; LOCK TABLE sales IN ACCESS EXCLUSIVE MODE")
        session.execute("BEGIN; LOCK TABLE visits IN ACCESS EXCLUSIVE MODE")
        waiting = threading.Thread(target=lambda: other.execute("LOCK TABLE visits IN ACCESS EXCLUSIVE MODE"))
        waiting.start()
        time.sleep(0.1)
        end = outcome(session, context)
        session.execute("ROLLBACK")
        waiting.join()
        other.execute("ROLLBACK")
        unclaimed(admin)
        ledger_is_right(session, context, end)
        session_is_sound(session, before)
    return end


def serialization(wire) -> str:
    """Two serializable transactions that each read what the other wrote; the call is what the second does next."""
    wire.run("CREATE TABLE IF NOT EXISTS counters AS SELECT 1 AS n UNION ALL SELECT 2")
    with wire.admin() as one, wire.admin() as two:
        session = Session(wire, one)
        before = session.state()
        context = wire.sign(COUNT_SALES)
        for connection in (one, two):
            connection.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
            connection.execute("SELECT * FROM counters")
        one.execute("UPDATE counters SET n = n WHERE n = 1")
        two.execute("UPDATE counters SET n = n WHERE n = 2")
        two.execute("COMMIT")
        end = outcome(session, context)
        one.execute("ROLLBACK")
        unclaimed(one)
        ledger_is_right(session, context, end)
        session_is_sound(session, before)
    return end


CONFLICTS = {lock_timeout: "55P03", deadlock: "40P01", serialization: "40001"}


@pytest.mark.parametrize("conflict", CONFLICTS, ids=lambda conflict: conflict.__name__)
def test_conflict_leaves_session_claims_and_ledger_right(wire, conflict):
    end = conflict(wire)
    assert end == CONFLICTS[conflict], f"the control: the conflict came about, {end}"
    server_is_sound(wire)


@pytest.mark.parametrize("conflict", CONFLICTS, ids=lambda conflict: conflict.__name__)
def test_conflict_is_told_as_one(wire, conflict):
    assert conflict(wire) == CONFLICTS[conflict]


def test_lock_held_elsewhere_is_waited_for_and_then_answered(wire):
    """No conflict at all: the lock goes before any timeout, and the call counts every row."""
    with wire.admin() as holder, wire.session() as session:
        holder.execute("BEGIN; LOCK TABLE sales IN ACCESS EXCLUSIVE MODE")
        timer = threading.Timer(0.3, holder.execute, ("COMMIT",))
        timer.start()
        assert session.value(COUNT_SALES, "brand-b") == SALES["brand-b"]
        timer.join()
