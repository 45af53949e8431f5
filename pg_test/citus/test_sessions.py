"""What ends a call ends its part on the node, a node that goes takes no other call along, and pooled sessions keep tenants apart."""

import collections
import contextlib
import queue
import random
import threading
import time

import psycopg
import pytest
from splitplane_test.session import Session, at_once, wait_until

from pg_test.citus.shop import Shop

TENANTS = [str(tenant) for tenant in range(1, 10)]
ORDERS = 400
TABLES = """
CREATE TABLE orders (tenant_id int NOT NULL, order_id int NOT NULL, note text NOT NULL, PRIMARY KEY (tenant_id, order_id));
CREATE TABLE rates (code text PRIMARY KEY);
SELECT create_distributed_table('orders', 'tenant_id'), create_reference_table('rates');
INSERT INTO orders SELECT t, o, 'own of ' || t FROM generate_series(1, 9) AS t, generate_series(1, 400) AS o;
INSERT INTO rates VALUES ('a'), ('b');
"""
REGISTER = """
SELECT splitplane.protect('orders', '{"tenant_id": "tenant"}');
SELECT splitplane.share('rates');
"""
OWN = "SELECT count(*), min(note), max(note) FROM orders"
# Some minutes, on one node.
HEAVY = "SELECT count(*) FROM orders a, orders b, orders c, orders d"
# Statements of calls that a node runs at this moment.
BUSY = """SELECT pid FROM pg_stat_activity WHERE usename = 'splitplane_reader' AND state = 'active' AND query LIKE '%%count%%orders%%'"""
FAILING = {
    "28000": None,
    "42601": "SELECT FROM WHERE",
    "0A000": "DELETE FROM orders",
    "42P01": "SELECT secret FROM vault",
    "42501": "SELECT pg_sleep(0)",
    "22012": "SELECT 1 / (order_id - 7) FROM orders",
    "22P02": "SELECT note::int FROM orders",
}


@pytest.fixture(scope="module")
def shop(keyed):
    shop = Shop.on(keyed, "sessions", TABLES)
    shop.let_the_reader_in()
    for statement in REGISTER.strip().splitlines():
        shop.run(statement)
    shop.set(splitplane__deadline="60s")
    return shop


def own(tenant: str) -> list:
    return [[ORDERS, f"own of {tenant}", f"own of {tenant}"]]


def working(shop) -> list[tuple[int, int]]:
    """(number of the worker, process) of what the workers do for calls at this moment."""
    found = []
    for number in range(1, len(shop.nodes.workers) + 1):
        with shop.nodes.connect(shop.database, node=number) as worker:
            found += [(number, pid) for (pid,) in worker.execute(BUSY)]
    return found


@contextlib.contextmanager
def busy(shop, session, tenant: str = "1", sql: str = HEAVY):
    """A call in a thread, from when a worker works on it; gives a list that will hold its error, and where it runs."""
    outcome = []

    def run():
        try:
            outcome.append(session.call(shop.sign(sql, tenant), sql))
        except psycopg.Error as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        (place,) = wait_until(lambda: working(shop), 10, "a worker works on it")
        assert not outcome, outcome
        yield outcome, place
    finally:
        thread.join(30)
    assert not thread.is_alive(), "the call did not end"


def told(error) -> str:
    """An error of a call, which names no shard, no node and nobody else's row."""
    assert isinstance(error, psycopg.Error), error
    text = str(error)
    for unwanted in ("orders_1", "/tmp/", "splitplane_reader", "citus", "own of", "worker"):
        assert unwanted not in text, text
    return error.sqlstate


@pytest.mark.parametrize("way", ["of another backend", "of the client", "by its own timeout", "at its deadline"])
def test_what_ends_a_call_ends_its_part_on_the_node(shop, way):
    role = shop.role(splitplane__deadline="3s" if way == "at its deadline" else "60s", statement_timeout="3s" if way == "by its own timeout" else "0")
    with shop.session(role) as session:
        before = session.state()
        with busy(shop, session) as (outcome, _):
            started = time.monotonic()
            if way == "of another backend":
                shop.run("SELECT pg_cancel_backend(%s::int)", session.pid)
            elif way == "of the client":
                session.connection.cancel_safe(timeout=5)
            wait_until(lambda: outcome, 10, "the call ends")
            took = time.monotonic() - started
            wait_until(lambda: not working(shop), 2, "the worker ends its part")
        assert told(outcome[0]) == "57014"
        assert took < (5 if "of" not in way else 2), f"{took:.2f} s"
        assert session.state() == before
        for tenant in ("1", "2"):
            assert session.ask(OWN, tenant)["rows"] == own(tenant)


def test_a_call_whose_session_is_ended(shop):
    """Nobody tells the node that the coordinator's process is gone, so the node ends by the time that the call had."""
    role = shop.role(splitplane__deadline="4s")
    with contextlib.suppress(psycopg.OperationalError), shop.session(role) as session, busy(shop, session) as (outcome, _):
        shop.run("SELECT pg_terminate_backend(%s::int)", session.pid)
        wait_until(lambda: outcome, 5, "the call ends")
        wait_until(lambda: not working(shop), 7, "the worker ends its part")
    assert shop.answer(OWN) == own("1")


def test_a_process_of_a_node_that_is_ended_during_a_call(shop):
    with shop.session() as session:
        before = session.state()
        with busy(shop, session) as (outcome, (number, pid)):
            with shop.nodes.connect(shop.database, node=number) as worker:
                worker.execute("SELECT pg_terminate_backend(%s::int)", (pid,))
            wait_until(lambda: outcome, 10, "the call ends")
        assert told(outcome[0]) == "57P01"
        assert session.state() == before
        for tenant in TENANTS:
            assert session.ask(OWN, tenant)["rows"] == own(tenant)


def test_a_node_that_dies_during_a_call(shop, keyed):
    """The call is refused, in the same session tenants of the other node are answered, and after its start those of this one."""
    with shop.session() as session:
        before = session.state()
        with busy(shop, session) as (outcome, (number, _)):
            worker = keyed.workers[number - 1]
            worker._halt("immediate")
            try:
                wait_until(lambda: outcome, 10, "the call ends")
                assert told(outcome[0]) in ("08006", "57P02")
                assert session.state() == before
                answered, refused = [], []
                for tenant in TENANTS:
                    try:
                        assert session.ask(OWN, tenant)["rows"] == own(tenant)
                        answered.append(tenant)
                    except psycopg.Error as error:
                        assert told(error) == "08006"
                        refused.append(tenant)
                assert answered and "1" in refused, (answered, refused)
            finally:
                worker._launch()
        for tenant in TENANTS:
            assert session.ask(OWN, tenant)["rows"] == own(tenant)


def failing_call(session, state: str, tenant: str) -> None:
    key = {"key": ("AKNOBODY", "x")} if state == "28000" else {}
    sql = FAILING[state] or OWN
    with pytest.raises(psycopg.Error) as error:
        session.call(session.plane.sign(sql, tenant, **key), sql)
    assert error.value.sqlstate == state
    others = [other for other in TENANTS if other != tenant]
    assert not any(f"own of {other}" in str(error.value) for other in others)


def test_pooled_sessions(shop):
    """8 threads of 40 calls over 5 sessions, which change hands between tenants after every call; some calls fail."""
    pool, seen = queue.SimpleQueue(), collections.Counter()
    opened = [shop.connect(shop.caller) for _ in range(5)]
    states = {}
    for connection in opened:
        session = Session(shop, connection)
        states[connection] = session.state()
        pool.put(session)

    def work(number):
        chosen = random.Random(number)
        for turn in range(40):
            tenant = TENANTS[(turn + number) % len(TENANTS)]
            session = pool.get()
            try:
                if chosen.random() < 0.7:
                    assert session.ask(OWN, tenant)["rows"] == own(tenant)
                    seen["answered"] += 1
                else:
                    failing_call(session, chosen.choice(list(FAILING)), tenant)
                    seen["failed"] += 1
                assert session.state() == states[session.connection]
            finally:
                pool.put(session)

    at_once(work, 8)
    for connection in opened:
        connection.close()
    assert min(seen["answered"], seen["failed"]) > 30, seen


def test_32_calls_at_once(shop):
    """Sessions of their own that start together, each call of another tenant than the one before; every one gets its own rows."""
    start, rows = threading.Barrier(32), collections.Counter()

    def work(number):
        with shop.session() as session:
            start.wait(60)
            for turn in range(6):
                tenant = TENANTS[(number + turn * 4) % len(TENANTS)]
                assert session.ask(OWN, tenant)["rows"] == own(tenant)
                listed = session.ask("SELECT note, order_id FROM orders ORDER BY order_id", tenant)["rows"]
                assert listed == [[f"own of {tenant}", order] for order in range(1, ORDERS + 1)]
                rows[tenant] += len(listed)

    at_once(work, 32)
    assert set(rows) == set(TENANTS) and sum(rows.values()) == 32 * 6 * ORDERS
    # The control: who asks past the plane sees everybody's.
    assert shop.run("SELECT count(*), count(DISTINCT note) FROM orders") == (9 * ORDERS, 9)


def test_late_cancels_hit_no_other_call(shop):
    """Cancels rain on a session: each call is answered whole or cancelled, and nothing is left on the nodes."""
    stop, seen = threading.Event(), collections.Counter()
    with shop.session() as session:
        before, pid = session.state(), session.pid

        def rain():
            with shop.admin() as admin:
                while not stop.is_set():
                    admin.execute("SELECT pg_cancel_backend(%s::int)", (pid,))
                    time.sleep(0.023)

        thread = threading.Thread(target=rain)
        thread.start()
        try:
            for turn in range(120):
                tenant = TENANTS[turn % len(TENANTS)]
                try:
                    assert session.ask(OWN, tenant)["rows"] == own(tenant)
                    seen["answered"] += 1
                except psycopg.Error as error:
                    assert told(error) == "57014"
                    seen["57014"] += 1
        finally:
            stop.set()
            thread.join()
        with contextlib.suppress(psycopg.Error):
            session.execute("SELECT pg_sleep(0.1)")
        assert session.state() == before
        assert session.ask(OWN, "3")["rows"] == own("3")
    assert seen["57014"] > 0, seen
    assert working(shop) == []
    print(dict(seen))
