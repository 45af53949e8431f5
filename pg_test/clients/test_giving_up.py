"""Giving up stops the statement in the server: a timeout, a task that is cancelled, Ctrl-C. The server's own deadline is a minute here."""

import asyncio
import os
import signal
import threading
import time

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from splitplane.psycopg import AsyncClient, Client
from splitplane_test.session import wait_until

from pg_test.clients.harness import BRAND_A, DRIVERS, ENDLESS, Asker, Recording
from pg_test.wire.harness import COUNT_SALES
from splitplane import Answer, CallTimeout, ConnectionFailed, DriverError, StatementCancelled

SECONDS = 0.35
# Within which the server must have stopped after the client gave up.
SOON = 2.0


@pytest.fixture(params=DRIVERS)
def patient_asker(request, wire, patient):
    with Asker(request.param, wire, patient, Recording(wire)) as opened:
        yield opened


def watched(asker) -> tuple[threading.Thread, list[bool]]:
    """Whether the statement was seen to run, which it must have been for its end to mean anything."""
    seen = []
    thread = threading.Thread(target=lambda: seen.append(wait_until(asker.is_running, 5, "the statement runs")))
    thread.start()
    return thread, seen


def test_a_timeout_stops_the_statement(patient_asker):
    thread, seen = watched(patient_asker)
    began = time.monotonic()
    with pytest.raises(CallTimeout) as over:
        patient_asker.ask(sql=ENDLESS, timeout=SECONDS)
    took = time.monotonic() - began
    thread.join()
    assert seen == [True] and SECONDS <= took < SECONDS + SOON and over.value.sqlstate is None
    wait_until(lambda: not patient_asker.is_running(), SOON, "the statement ends in the server")
    assert patient_asker.ask(sql=COUNT_SALES).rows == [(50,)], "the connection is usable, and no cancel is on its way"


def test_the_control_without_giving_up_it_goes_on(patient_asker, wire):
    """What the client's timeout ends would run until the server's deadline; a cancel from elsewhere is another error."""
    def cancel():
        wait_until(patient_asker.is_running, 5, "the statement runs")
        time.sleep(SECONDS + 0.1)
        assert patient_asker.is_running()
        wire.run("SELECT pg_cancel_backend(%s)", patient_asker.pid)

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(StatementCancelled) as cancelled:
        patient_asker.ask(sql=ENDLESS)
    thread.join()
    assert cancelled.value.sqlstate == "57014"


def test_a_cancelled_task_stops_the_statement(async_driver, wire, patient):
    with async_driver.another(Recording(wire), patient) as asker:

        async def given_up():
            task = asyncio.create_task(asker.client.ask(BRAND_A, sql=ENDLESS))
            await asyncio.to_thread(wait_until, asker.is_running, 5, "the statement runs")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asker.run(given_up())
        wait_until(lambda: not asker.is_running(), SOON, "the statement ends in the server")
        assert asker.ask(sql=COUNT_SALES).rows == [(50,)]


def test_a_callers_own_timeout_stops_the_statement(async_driver, wire, patient):
    with async_driver.another(Recording(wire), patient) as asker:

        async def given_up():
            async with asyncio.timeout(SECONDS):
                await asker.client.ask(BRAND_A, sql=ENDLESS)

        with pytest.raises(TimeoutError):
            asker.run(given_up())
        wait_until(lambda: not asker.is_running(), SOON, "the statement ends in the server")


def test_ctrl_c_stops_the_statement(wire, patient):
    with Asker("psycopg", wire, patient, Recording(wire)) as asker:

        def interrupt():
            wait_until(asker.is_running, 5, "the statement runs")
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            asker.ask(sql=ENDLESS)
        thread.join()
        wait_until(lambda: not asker.is_running(), SOON, "the statement ends in the server")
        # Where it came between two waits of the driver the connection is closed, and there is no other.
        if asker.connection.closed:
            with pytest.raises(ConnectionFailed):
                asker.ask(sql=COUNT_SALES)
        else:
            assert asker.ask(sql=COUNT_SALES).rows == [(50,)]


def test_a_server_that_no_cancel_reaches_is_not_waited_for(wire, patient, monkeypatch):
    """As behind a balancer, or on a network that is dead: the call ends, and does not say that the statement has."""
    monkeypatch.setattr("splitplane.psycopg.CANCEL_SECONDS", 0.5)
    monkeypatch.setattr(psycopg.Connection, "cancel_safe", lambda *_, **__: None)
    with Asker("psycopg", wire, patient, Recording(wire)) as asker:
        began = time.monotonic()
        with pytest.raises(CallTimeout, match="may go on") as given_up:
            asker.ask(sql=ENDLESS, timeout=SECONDS)
        assert not given_up.value.stopped and asker.connection.closed and time.monotonic() - began < SECONDS + 3
        assert asker.is_running(), "the control"
        wire.run("SELECT pg_terminate_backend(%s)", asker.pid)


def test_a_timeout_says_that_the_statement_is_stopped(wire, patient):
    with Asker("psycopg", wire, patient, Recording(wire)) as asker:
        with pytest.raises(CallTimeout, match="stopped in the server") as given_up:
            asker.ask(sql=ENDLESS, timeout=SECONDS)
        assert given_up.value.stopped


def test_an_answer_that_nests_too_deep_is_one_of_our_errors():
    deep = '{"outcome": "answered", "columns": [], "rows": [' + "[" * 100_000 + "]" * 100_000 + "]}"
    with pytest.raises(DriverError, match="nests deeper") as failed:
        Answer.of(deep)
    assert failed.value.__cause__ is None


class TimeLimit(Exception):
    """As task queues raise it, out of a signal's handler, in the middle of whatever is running."""


def test_an_exception_of_a_signal_handler_stops_the_statement(wire, patient):
    signer = Recording(wire)

    def over(*_):
        raise TimeLimit

    before = signal.signal(signal.SIGALRM, over)
    try:
        with Asker("psycopg", wire, patient, signer) as asker:
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            with pytest.raises(TimeLimit) as interrupted:
                asker.ask(sql=ENDLESS)
            wait_until(lambda: not asker.is_running(), SOON, "the statement ends in the server")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    frames = [frame.path.name for frame in interrupted.traceback]
    assert "cursor.py" not in frames, "the driver's frames lead to what was bound"


def test_a_timeout_in_the_callers_transaction(wire, patient):
    with psycopg.connect(wire.cluster.dsn(wire.database, patient)) as connection:
        connection.execute("SELECT 1")
        with pytest.raises(CallTimeout):
            Client(Recording(wire), connection).ask(BRAND_A, sql=ENDLESS, timeout=SECONDS)
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        connection.rollback()


def test_a_pool_without_a_free_connection_is_given_up(wire):
    with ConnectionPool(wire.cluster.dsn(wire.database, wire.caller), min_size=1, max_size=1) as pool:
        signer = Recording(wire)
        client = Client(signer, pool)
        assert client.ask(BRAND_A, sql=COUNT_SALES).rows == [(50,)]
        with pool.connection(), pytest.raises(CallTimeout, match="no connection"):
            client.ask(BRAND_A, sql=COUNT_SALES, timeout=0.3)
        assert len(signer.made) == 1, "nothing is signed before there is a connection to send it on"
        assert client.ask(BRAND_A, sql=COUNT_SALES).rows == [(50,)]


def test_an_asynchronous_pool(wire, patient):
    async def main():
        pool = AsyncConnectionPool(wire.cluster.dsn(wire.database, patient), min_size=1, max_size=1, open=False)
        async with pool:
            client = AsyncClient(Recording(wire), pool)
            with pytest.raises(CallTimeout, match="stopped in the server"):
                await client.ask(BRAND_A, sql=ENDLESS, timeout=SECONDS)
            async with pool.connection():
                with pytest.raises(CallTimeout, match="no connection"):
                    await client.ask(BRAND_A, sql=COUNT_SALES, timeout=0.3)
            assert (await client.ask(BRAND_A, sql=COUNT_SALES)).rows == [(50,)]

    asyncio.run(main())
