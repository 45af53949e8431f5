"""A hot standby that is promoted while it answers: no wrong answer, no used context good again, and changes reach warm sessions."""

import threading
import time

import psycopg
import pytest
from sound import ENDLESS, outcome, server_is_sound
from splitplane_test.cluster import Cluster
from splitplane_test.session import Session, wait_until

from pg_test.wire.harness import COUNT_SALES, SALES, Wire


@pytest.fixture(scope="module")
def pair():
    """A primary and a standby with an audience of its own, as the manual has it."""
    with Cluster(settings={"max_connections": "60"}) as primary:
        wire = Wire.build(primary, "promoted")
        wire.import_key("AKSTANDBY", "a-secret-for-both-a-secret")
        with primary.standby() as standby:
            standby.psql("postgres", "ALTER SYSTEM SET splitplane.audience = 'standby-1'")
            standby.psql("postgres", "ALTER SYSTEM SET max_standby_streaming_delay = '300ms'")
            standby.psql("postgres", "SELECT pg_reload_conf()")
            replica = Wire(standby, wire.database, wire.secret, wire.key_id)
            replica.audience = "standby-1"
            yield wire, replica


def test_contexts_of_the_primary_are_not_good_on_a_standby_with_its_own_audience(pair):
    wire, replica = pair
    with wire.session() as first, replica.session() as second:
        context, other = wire.sign(COUNT_SALES), replica.sign(COUNT_SALES)
        assert outcome(second, context) == "28000"
        assert outcome(first, other) == "28000"
        assert outcome(first, context) == outcome(second, other) == "answered", "the control: each where it was signed for"
        assert outcome(second, other) == "28000"


def test_recovery_conflict_ends_the_session_and_nothing_else(pair):
    """The primary locks a relation that a call on the standby reads; after its delay the standby gives way to recovery.

    A call runs in a subtransaction, and PostgreSQL then ends the session, where it would end the statement alone otherwise.
    """
    wire, replica = pair
    ends = []
    connection = psycopg.connect(replica.cluster.dsn(replica.database, "app"), autocommit=True)
    session, context = Session(replica, connection), replica.sign(ENDLESS)
    thread = threading.Thread(target=lambda: ends.append(outcome(session, context, ENDLESS)))
    thread.start()
    wait_until(lambda: replica.run("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'", session.pid), 5, "the call runs")
    time.sleep(0.3)
    with wire.admin() as admin, admin.transaction():
        admin.execute("LOCK TABLE sales IN ACCESS EXCLUSIVE MODE")
    replica.cluster.catch_up()
    thread.join(20)
    assert ends == ["40001"] and connection.broken
    with replica.session() as other:
        assert outcome(other, context, ENDLESS) == "28000"
        for tenant in SALES:
            assert other.value(COUNT_SALES, tenant) == SALES[tenant]


def test_promotion_in_the_middle_of_traffic(pair):
    """The primary dies, the standby is promoted under six callers; it then takes over reading, writing and revoking."""
    wire, replica = pair
    stop, wrong, answered, used = threading.Event(), [], {"before": 0, "after": 0}, []
    promoted = threading.Event()

    def ask_on(number: int) -> None:
        try:
            with psycopg.connect(replica.cluster.dsn(replica.database, "app"), autocommit=True) as connection:
                session = Session(replica, connection)
                while not stop.is_set():
                    tenant = list(SALES)[number % 3]
                    context, after = replica.sign(COUNT_SALES, tenant), promoted.is_set()
                    if session.call(context, COUNT_SALES)["rows"] != [[SALES[tenant]]]:
                        wrong.append(tenant)
                    answered["after" if after else "before"] += 1
                    used.append(context)
                    del used[:-50]
                    session.ask_refused("22012", "SELECT 1 / (amount - amount) FROM sales", tenant)
        except BaseException as error:  # a thread's failure must reach the test
            wrong.append(error)

    with replica.session() as warm, replica.session() as long:
        key = ("AKSTANDBY", "a-secret-for-both-a-secret")
        assert warm.value(COUNT_SALES, key=key) == SALES["brand-a"]
        threads = [threading.Thread(target=ask_on, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        slow = "SELECT count(*) FROM generate_series(1, 8000000)"
        crossing = []
        across = threading.Thread(target=lambda: crossing.append(outcome(long, replica.sign(slow), slow)))
        time.sleep(0.5)
        across.start()
        wire.cluster._halt("immediate")
        assert replica.run("SELECT pg_promote(true, 30)") == (True,)
        promoted.set()
        time.sleep(0.7)
        stop.set()
        for thread in [*threads, across]:
            thread.join(30)
        assert not wrong, wrong[0]
        assert min(answered.values()) > 20, f"the control: callers on both sides, {answered}"
        assert crossing == ["answered"], "a call that was running was answered"
        assert replica.run("SELECT pg_is_in_recovery()") == (False,)
        # The ledger went through: shared memory is the same.
        assert {outcome(warm, context) for context in used} == {"28000"}
        # What is changed now is changed here, for a session that was warm before.
        replica.run("SELECT splitplane.revoke_key('AKSTANDBY')")
        warm.ask_refused("28000", COUNT_SALES, key=key)
        replica.run("SELECT splitplane.admit('brand-d')")
        assert warm.value(COUNT_SALES, "brand-d") == 0
        replica.run("INSERT INTO sales VALUES ('brand-d', 1, 1, 1, 'CANARY-brand-d', now())")
        assert warm.value(COUNT_SALES, "brand-d") == 1
        assert warm.value(COUNT_SALES) == SALES["brand-a"]
    server_is_sound(replica)
