"""PgBouncer in transaction mode: connections that change hands between tenants after every transaction.

Many clients share four server connections. Each call is answered as its own principal, whoever used the connection before,
however that call ended, and whatever was left in the session.
"""

import json
import random
import threading

import psycopg
import pytest
from psycopg.types.json import Jsonb
from splitplane_test.pooler import Pooler
from splitplane_test.session import Session, at_once, canaries, refusal, wait_until

from pg_test.wire.harness import COUNT_SALES, SALES

CLIENTS, CALLS, SERVERS = 12, 25, 4
NOTES = "SELECT note FROM sales ORDER BY sale_id"
FAILING = {
    "22012": "SELECT amount / (amount - amount) FROM sales",
    "42P01": "SELECT * FROM hidden_table",
    "42601": "SELECT FROM",
    "42501": "SELECT pg_sleep(0)",
    "0A000": "DELETE FROM sales",
}
# Made row by row: it runs into its deadline, and into no limit of memory or files before.
ENDLESS = "SELECT count(*) FROM (SELECT generate_series(1, 2000000000)) AS made"


@pytest.fixture(scope="module")
def pool(wire, stranger):
    with Pooler(wire.cluster, wire.database, ["app", stranger], SERVERS) as running:
        yield running


def answered(wire, connection, tenant: str) -> int:
    """One call and the server connection that served it."""
    pid, document = connection.execute("SELECT pg_backend_pid(), ask(%s::jsonb, sql => %s)", (Jsonb(wire.sign(NOTES, tenant)), NOTES)).fetchone()
    assert document["row_count"] == SALES[tenant] and not canaries(str(document["rows"]), tenant)
    return pid


def test_three_tenants_share_four_server_connections(wire, pool):
    """300 interleaved calls, a sixth of them failing, also inside transactions; each answered as its own tenant."""
    served: dict[int, set[str]] = {}
    lock = threading.Lock()

    def client(number: int) -> None:
        tenant, chosen = list(SALES)[number % 3], random.Random(number)
        with pool.connect("app") as connection:
            session = Session(wire, connection)
            for _ in range(CALLS):
                kind = chosen.random()
                if kind < 0.6:
                    pid = answered(wire, connection, tenant)
                    with lock:
                        served.setdefault(pid, set()).add(tenant)
                elif kind < 0.8:
                    state = chosen.choice(list(FAILING))
                    session.ask_refused(state, FAILING[state], tenant)
                else:
                    with connection.transaction():
                        answered(wire, connection, tenant)
                        with pytest.raises(psycopg.Error), connection.transaction():
                            session.ask(FAILING["22012"], tenant)
                        rows = connection.execute("SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t(note text)", (Jsonb(wire.sign(NOTES, tenant)), NOTES)).fetchall()
                        assert len(rows) == SALES[tenant] and not canaries(str(rows), tenant)

    at_once(client, CLIENTS)
    assert len(served) <= SERVERS
    assert any(len(tenants) == 3 for tenants in served.values()), f"the control: connections changed hands, {served}"


def test_a_used_context_is_used_for_every_server_connection(wire, pool):
    context = wire.sign(COUNT_SALES)
    outcomes = []

    def client(_: int) -> None:
        with pool.connect("app") as connection:
            try:
                Session(wire, connection).call(context, COUNT_SALES)
                outcomes.append("answered")
            except psycopg.Error as error:
                outcomes.append(error.sqlstate)

    at_once(client, 8)
    assert sorted(outcomes) == ["28000"] * 7 + ["answered"]


def test_what_a_client_leaves_in_the_session_does_not_reach_the_next(wire, pool):
    """Settings, a temporary table of a plane relation's name, a role and an open LISTEN on every server connection."""
    touched = set()

    def poison(_: int) -> None:
        with pool.connect("app") as connection:
            for statement in (
                "SET search_path = pg_temp, public",
                "SET TimeZone = 'America/New_York'",
                "SET row_security = off",
                "SET standard_conforming_strings = off",
                "LISTEN side",
                "DO $$BEGIN CREATE TEMP TABLE IF NOT EXISTS sales (note text, sale_id int); END$$",
            ):
                connection.execute(statement)

    for _ in range(4):
        at_once(poison, CLIENTS)

    def client(number: int) -> None:
        tenant = list(SALES)[number % 3]
        with pool.connect("app") as connection:
            for _ in range(10):
                statement = "SELECT pg_backend_pid(), current_setting('search_path'), public.ask(%s::jsonb, sql => %s)"
                pid, path, document = connection.execute(statement, (Jsonb(wire.sign(NOTES, tenant)), NOTES)).fetchone()
                assert document["row_count"] == SALES[tenant] and not canaries(str(document["rows"]), tenant)
                touched.add((pid, path))

    at_once(client, CLIENTS)
    assert any(path == "pg_temp, public" for _, path in touched), "the control: the settings were left behind"


def test_clients_that_vanish_in_the_middle_of_a_call(wire, pool):
    """The client closes its socket; PgBouncer drops the server connection, and the pool serves on."""

    def client(number: int) -> None:
        tenant = list(SALES)[number % 3]
        connection = pool.connect("app")
        parameters = [json.dumps(wire.sign(ENDLESS, tenant)).encode(), ENDLESS.encode()]
        connection.pgconn.send_query_params(b"SELECT ask($1::jsonb, sql => $2)", parameters)
        connection.pgconn.flush()
        wait_until(lambda: wire.run("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND state = 'active'")[0] > 0, 5, "the call runs")
        connection.close()
        with pool.connect("app") as other:
            answered(wire, other, list(SALES)[(number + 1) % 3])

    for number in range(3):
        client(number)


def test_roles_do_not_share_server_connections(wire, pool, stranger):
    pids = {}
    for role in ("app", stranger):
        with pool.connect(role) as connection:
            pids[role] = {answered(wire, connection, tenant) for tenant in list(SALES) * 4}
            assert connection.execute("SELECT current_user").fetchone() == (role,)
    assert not pids["app"] & pids[stranger]


def test_cancel_through_the_pool_hits_its_own_call(wire, pool):
    """A cancel request goes by PgBouncer to the connection that serves the client; the next tenant's call is not hit."""
    for tenant in SALES:
        with pool.connect("app") as connection:
            session = Session(wire, connection)
            timer = threading.Timer(0.3, connection.cancel_safe)
            timer.start()
            refusal(lambda: session.call(wire.sign(ENDLESS, tenant), ENDLESS), "57014")
            timer.join()
            assert session.value(COUNT_SALES, tenant) == SALES[tenant]
