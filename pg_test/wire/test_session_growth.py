"""A session that has grown beyond splitplane.max_session_growth answers, goes on to the end of its transaction, and ends."""

import json

import psycopg
import pytest
from psycopg import sql
from splitplane_test.session import wait_until

from pg_test.wire.harness import COUNT_SALES, SALES

# Kept until the session ends, 20 kB apiece: what an application does by itself, outside of the plane.
GROW = "SELECT count(now() AT TIME ZONE ('AB' || chr(65 + g / 260) || chr(65 + g / 10 % 26) || '+' || g % 10)) FROM generate_series(1, 2000) AS g"
ALIVE = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"


@pytest.fixture
def small(wire):
    return wire.role(splitplane__max_session_growth="24MB")


def ends(wire, session):
    wait_until(lambda: wire.run(ALIVE, session.pid)[0] == 0, 10, "the session ends")
    with pytest.raises(psycopg.OperationalError):
        session.execute("SELECT 1")


def asked(session):
    return session.value(COUNT_SALES) == SALES["brand-a"]


def test_ends_when_idle(wire, small):
    with wire.session(user=small) as session:
        assert asked(session) and asked(session)
        session.execute(GROW)
        assert wire.run(ALIVE, session.pid)[0] == 1, "nothing but a call looks"
        assert asked(session), "the call itself is answered"
        ends(wire, session)


def test_refused_calls_count_too(wire, small):
    with wire.session(user=small) as session:
        assert asked(session)
        session.execute(GROW)
        session.ask_refused("42P01", "SELECT * FROM vault")
        ends(wire, session)


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK"])
def test_the_transaction_goes_on_to_its_end(wire, small, ending):
    wire.run("DROP TABLE IF EXISTS written; CREATE TABLE written (n int); GRANT INSERT, SELECT ON written TO PUBLIC")
    with wire.session(user=small) as session:
        session.execute("BEGIN")
        assert asked(session)
        session.execute(GROW)
        for number in range(5):
            assert asked(session)
            session.execute("INSERT INTO written VALUES (%s)", (number,))
        session.execute("SAVEPOINT s")
        session.ask_refused("42P01", "SELECT * FROM vault")
        session.execute("ROLLBACK TO s")
        assert asked(session)
        assert session.execute("SELECT count(*) FROM written").fetchone() == (5,)
        session.execute(ending)
        ends(wire, session)
    assert wire.run("SELECT count(*) FROM written")[0] == (5 if ending == "COMMIT" else 0)


def test_a_procedure_goes_on_to_its_end(wire, small):
    """COMMIT inside DO ends a transaction, but not the caller's work."""
    wire.run("DROP TABLE IF EXISTS steps; CREATE TABLE steps (n int); GRANT INSERT ON steps TO PUBLIC")
    with wire.session(user=small) as session:
        assert asked(session)
        session.execute(GROW)
        body = sql.SQL(
            "DO $do$ BEGIN PERFORM ask({}::jsonb, sql => {}); INSERT INTO steps VALUES (1); COMMIT;"
            " INSERT INTO steps VALUES (2); COMMIT; INSERT INTO steps VALUES (3); END $do$"
        )
        body = body.format(sql.Literal(json.dumps(wire.sign(COUNT_SALES))), sql.Literal(COUNT_SALES))
        session.execute(body.as_string(session.connection))
        ends(wire, session)
    assert wire.run("SELECT count(*) FROM steps")[0] == 3


def test_zero_is_off(wire):
    never = wire.role(splitplane__max_session_growth="0")
    with wire.session(user=never) as session:
        assert asked(session)
        session.execute(GROW)
        for _ in range(3):
            assert asked(session)
        assert session.execute("SELECT 1").fetchone() == (1,), "the control: it is the limit that ends a session"


def test_one_line_is_logged(wire, cluster, small):
    before = cluster.log_text().count("max_session_growth")
    with wire.session(user=small) as session:
        session.execute("BEGIN")
        assert asked(session)
        session.execute(GROW)
        for _ in range(3):
            assert asked(session)
        session.execute("COMMIT")
        ends(wire, session)
    assert cluster.log_text().count("max_session_growth") == before + 1
