"""The server goes down in the middle of calls, in three ways; each time it comes back answering rightly and believing nothing old.

Shared memory is new after each of these, and with it the ledger: so no context that was signed before is believed, whether it
was used or not.
"""

import random
import threading
import time

import psycopg
import pytest
from sound import ENDLESS, back, callers, kill, outcome, server_is_sound
from splitplane_test.cluster import ClusterError
from splitplane_test.session import Session, wait_until

from pg_test.wire.harness import COUNT_SALES, SALES

DOWN = {"57P01", "57P02", "57P03", "lost"}


def refused_since(wire, contexts: list, sql: str) -> None:
    with wire.session() as session:
        for context in contexts:
            assert outcome(session, context, sql) == "28000"


def test_killed_backend_in_the_middle_of_a_long_call(wire):
    """kill -9 of one of five; the postmaster ends the others and starts anew, without being started."""
    started = wire.run("SELECT pg_postmaster_start_time()")
    with wire.session() as session:
        used, unused = wire.sign(COUNT_SALES), wire.sign(COUNT_SALES)
        assert outcome(session, used) == "answered"
        with callers(wire, 5) as (sessions, contexts, outcomes):
            kill(sessions[2].pid)
            wait_until(lambda: len(outcomes) == 5, 20, "all calls have ended")
        assert set(outcomes) <= DOWN, outcomes
    back(wire)
    assert wire.run("SELECT pg_postmaster_start_time()") == started, "the control: it was not restarted from outside"
    assert "terminated by signal 9" in wire.cluster.log_text()
    refused_since(wire, [used, unused], COUNT_SALES)
    refused_since(wire, contexts, ENDLESS)
    server_is_sound(wire)


def test_killed_backend_at_random_points_of_short_calls(wire):
    """kill -9 wherever a short call happens to be: in the ledger, in a look-up, in the section. Nobody waits for a lock for ever."""
    chosen = random.Random(20261124)
    for _ in range(2):
        stop, wrong, calls = threading.Event(), [], []

        def ask_on(tenant: str) -> None:
            try:
                with psycopg.connect(wire.cluster.dsn(wire.database, "app"), autocommit=True) as connection:
                    session = Session(wire, connection)
                    while not stop.is_set():
                        if session.value(COUNT_SALES, tenant) != SALES[tenant]:
                            wrong.append(tenant)
                        calls.append(tenant)
            except psycopg.OperationalError:
                return
            except BaseException as error:  # a thread's failure must reach the test
                wrong.append(error)

        threads = [threading.Thread(target=ask_on, args=(tenant,)) for tenant in list(SALES) * 2]
        for thread in threads:
            thread.start()
        pids = wait_until(lambda: wire.admin_rows("SELECT pid FROM pg_stat_activity WHERE usename = 'app' AND state = 'active'"), 10, "calls run")
        time.sleep(0.1 + chosen.random() * 0.05)
        kill(chosen.choice(pids)[0])
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        stop.set()
        assert not wrong, wrong
        assert calls
        back(wire)
        server_is_sound(wire)


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_shutdown_and_restart_in_the_middle_of_calls(wire, mode):
    unused = wire.sign(COUNT_SALES)
    with callers(wire, 4) as (_, contexts, outcomes):
        wire.cluster.restart(mode)
        wait_until(lambda: len(outcomes) == 4, 20, "all calls have ended")
    assert set(outcomes) <= DOWN, outcomes
    back(wire)
    refused_since(wire, [unused], COUNT_SALES)
    refused_since(wire, contexts, ENDLESS)
    server_is_sound(wire)


def test_killed_postmaster_leaves_no_backend_behind_for_longer_than_the_deadline(wire):
    """A backend that computes does not see that its postmaster is gone; its call's deadline ends it, and the server can start."""
    role = wire.role(splitplane__deadline="2s")
    with callers(wire, 2, user=role) as (_, contexts, outcomes):
        died = time.monotonic()
        kill(wire.cluster.pid)
        wait_until(lambda: len(outcomes) == 2, 20, "the orphans have ended")
        assert time.monotonic() - died < 6
    assert set(outcomes) <= DOWN | {"57014"}, outcomes

    def starts() -> bool:
        try:
            wire.cluster.restart("immediate")
            return True
        except ClusterError as error:
            # The last orphan may still hold the old shared memory.
            assert "shared memory block" in str(error) or "lock file" in str(error), error
            return False

    wait_until(starts, 20, "the server starts again")
    refused_since(wire, contexts, ENDLESS)
    server_is_sound(wire)
