"""What is tried again, each time with another nonce, and what is not."""

import asyncio
import threading
import time

import asyncpg
import pytest
from splitplane.asyncpg import AsyncClient
from splitplane.tries import Tries
from splitplane_test.session import wait_until

from pg_test.clients.harness import BRAND_A, ENDLESS, OneContext, Recording, nonce
from pg_test.wire.harness import COUNT_SALES
from splitplane import (
    CallTimeout,
    Conflict,
    ConnectionFailed,
    ContextRefused,
    LimitReached,
    ModelFailed,
    NotAvailable,
    Principal,
    SplitplaneError,
    StatementCancelled,
    StatementRefused,
)

LOCK = "LOCK TABLE shops IN ACCESS EXCLUSIVE MODE"
COUNT_SHOPS = "SELECT count(*) FROM shops"


@pytest.fixture(scope="module")
def hasty(wire):
    """A calling role that does not wait for locks."""
    return wire.role(lock_timeout="50ms")


@pytest.fixture
def blocker(wire):
    """Another session, which a test lets lock a table."""
    with wire.connect(autocommit=False) as connection:
        # The plane is read by this cluster's sessions before anything is locked.
        yield connection
        connection.rollback()


def test_a_conflict_is_tried_again_with_another_nonce(driver, wire, hasty, blocker):
    def before(number):
        if number == 3:
            blocker.rollback()

    signer = Recording(wire, before)
    with driver.another(signer, hasty) as fresh:
        blocker.execute(LOCK)
        assert fresh.ask(sql=COUNT_SHOPS).rows == [(4,)]
    assert len(signer.made) == 3 and len({nonce(context) for context in signer.made}) == 3


def test_the_control_a_retry_with_the_same_context_is_refused(driver, wire, hasty, blocker):
    class Releasing(OneContext):
        def sign(self, *arguments, **options):
            if self.made:
                blocker.rollback()
            return super().sign(*arguments, **options)

    with driver.another(Releasing(wire), hasty) as fresh:
        blocker.execute(LOCK)
        with pytest.raises(ContextRefused):
            fresh.ask(sql=COUNT_SHOPS)


def test_attempts_end(driver, wire, hasty, blocker):
    blocker.execute(LOCK)
    for attempts in (1, 2):
        signer = Recording(wire)
        with driver.another(signer, hasty, attempts=attempts) as fresh, pytest.raises(Conflict) as conflict:
            fresh.ask(sql=COUNT_SHOPS)
        assert (conflict.value.sqlstate, len(signer.made)) == ("55P03", attempts)


def test_a_conflict_in_the_callers_transaction_is_not_tried_again(driver, wire, hasty, blocker):
    signer = Recording(wire)
    with driver.another(signer, hasty) as fresh:
        fresh.run(fresh.connection.execute("BEGIN"))
        blocker.execute(LOCK)
        with pytest.raises(Conflict):
            fresh.ask(sql=COUNT_SHOPS)
        fresh.run(fresh.connection.execute("ROLLBACK"))
    assert len(signer.made) == 1


@pytest.mark.parametrize("driver", ["asyncpg"], indirect=True)
def test_a_budget_is_waited_for_within_the_time(driver, wire):
    tenant = "brand-c"
    wire.run("SELECT splitplane.set_budget(%s, 'calls', 1, '1 second')", tenant)
    try:
        signer = Recording(wire)
        client = driver.make(signer)
        # To the beginning of a window, so that both calls fall into one.
        time.sleep(1.05 - time.time() % 1)
        for _ in range(2):
            assert driver.run(client.ask(Principal(tenant=tenant), sql=COUNT_SALES)).rows == [(70,)]
        assert len({nonce(context) for context in signer.made}) == len(signer.made) == 3
        with pytest.raises(LimitReached) as over:
            driver.run(client.ask(Principal(tenant=tenant), sql=COUNT_SALES, timeout=0.8))
        assert over.value.retry_after == 1 and len(signer.made) == 4, "the second is over the time that is left"
    finally:
        wire.run("SELECT splitplane.clear_budget(%s, 'calls')", tenant)


def test_a_lost_connection_is_not_tried_again_once_the_call_was_sent(driver, wire, patient):
    signer = Recording(wire)
    with driver.another(signer, patient) as fresh:
        pid = fresh.pid

        def end():
            wait_until(fresh.is_running, 5, "the statement runs")
            wire.run("SELECT pg_terminate_backend(%s)", pid)

        thread = threading.Thread(target=end)
        thread.start()
        with pytest.raises(ConnectionFailed) as lost:
            fresh.ask(sql=ENDLESS)
        thread.join()
        assert lost.value.sent and len(signer.made) == 1
        with pytest.raises(ConnectionFailed) as closed:
            fresh.ask(sql=COUNT_SALES)
        assert not closed.value.sent and len(signer.made) == 2, "nothing was sent, and there is no other connection to try"


def test_a_connection_that_cannot_be_had_is_tried_again(wire, tmp_path):
    """Nothing was sent, and nothing signed."""
    attempts = []

    class Counting(AsyncClient):
        async def _attempt(self, call, tries):
            attempts.append(tries.left())
            return await super()._attempt(call, tries)

    async def main():
        signer = Recording(wire)
        pool = asyncpg.create_pool(host=str(tmp_path), port=5432, user="app", database="wire", min_size=0, max_size=1)
        # A pool with no connection to begin with opens without one.
        await pool
        with pytest.raises(ConnectionFailed) as failed:
            await Counting(signer, pool).ask(BRAND_A, sql=COUNT_SALES, timeout=5)
        assert not failed.value.sent and not signer.made
        await pool.close()

    asyncio.run(main())
    assert len(attempts) == 3 and attempts == sorted(attempts, reverse=True)


@pytest.mark.parametrize(("error", "again"), [
    (Conflict("x", "40001"), True), (Conflict("x", "40P01"), True), (Conflict("x", "55P03"), True),
    (ConnectionFailed("x", sent=False), True), (ConnectionFailed("x", sent=True), False),
    (LimitReached("try again in 1 second", "53400"), True), (LimitReached("try again in 1,200 seconds", "53400"), False),
    (LimitReached("more than splitplane.max_rows", "53400"), False), (ContextRefused("x", "28000"), False),
    (StatementRefused("x", "42601"), False), (StatementCancelled("x", "57014"), False), (CallTimeout("x"), False),
    (ModelFailed("x", "08006"), False), (NotAvailable("x", "55000"), False), (SplitplaneError("x", "XX000"), False),
])  # fmt: skip
def test_which_errors_are_tried_again(error, again):
    assert (Tries(10, 2).pause(error) is not None) == again
    assert Tries(10, 1).pause(error) is None
    within = Tries(10, 2)
    within.is_last = True
    assert within.pause(error) is None


def test_seconds_of_a_budget():
    assert LimitReached("the budget of calls is used up; try again in 86,400 seconds").retry_after == 86400
    no_room = "the model endpoint gives no answer now, and the next try, in 40 s, would be after splitplane.deadline (HTTP 429, throttled)"
    assert LimitReached(no_room).retry_after == 40
    assert LimitReached("over splitplane.max_rows, in 3 statements").retry_after is None
    for seconds, attempts in ((0, 1), (1, 0), (-1, 1)):
        with pytest.raises(ValueError):
            Tries(seconds, attempts)
