"""Memory stays flat over thousands of calls. Counts and kilobytes, no times."""

import psycopg
import pytest
from psycopg.types.json import Jsonb
from splitplane_test.session import memory_kb

from pg_test.wire.harness import COUNT_SALES, SALES

WARM_UP, CALLS = 600, 3000
ALLOWED_KB = 8 * 1024


def answered(session, turn):
    tenant = ("brand-a", "brand-b", "brand-c")[turn % 3]
    assert session.value(COUNT_SALES, tenant) == SALES[tenant]


def texts_that_differ(session, turn):
    """Nothing may be kept by the text of a query: an attacker writes as many as he likes."""
    assert session.value(f"SELECT {turn} + count(*) AS column_{turn} FROM sales AS s{turn} WHERE note <> 'text {turn}'") == turn + SALES["brand-a"]


def refused(session, turn):
    query, state = (
        ("SELECT 1 / (amount - amount) FROM sales", "22012"),
        ("SELECT FROM WHERE", "42601"),
        (f"SELECT * FROM vault{turn}", "42P01"),
        (f"SELECT no_such_function_{turn}(1)", "42501"),
        (f"SELECT nothing_{turn} FROM sales", "42703"),
    )[turn % 5]
    session.ask_refused(state, query)


def forged(session, turn):
    """Contexts that no key signed: nothing may be kept by nonce, key id, tenant or subject."""
    session.ask_refused("28000", COUNT_SALES, key=(f"AKFORGED{turn}", "x"), subject=f"u-{turn}")
    assert session.value("SELECT 1", subject=f"u-{turn}", business=f"b-{turn}") == 1


def rows(session, turn):
    query = "SELECT note, amount FROM sales"
    statement = "SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t(note text, amount int)"
    assert len(session.execute(statement, (Jsonb(session.plane.sign(query)), query)).fetchall()) == SALES["brand-a"]


def dry_runs(session, turn):
    assert session.call(session.plane.sign(COUNT_SALES), COUNT_SALES, function="ask_dry_run")


@pytest.mark.parametrize("kind", [answered, texts_that_differ, refused, forged, rows, dry_runs], ids=lambda kind: kind.__name__)
def test_backend_does_not_grow(wire, kind):
    with wire.session() as session:
        for turn in range(WARM_UP):
            kind(session, turn)
        before = memory_kb(session.pid, "RssAnon")
        for turn in range(WARM_UP, WARM_UP + CALLS):
            kind(session, turn)
        grown = memory_kb(session.pid, "RssAnon") - before
        assert grown < ALLOWED_KB, f"{grown} kB after {CALLS} calls"


def test_backend_does_not_grow_inside_one_transaction(wire):
    """Nothing is freed at a transaction's end that could have been freed at the call's."""
    with wire.session(autocommit=False) as session:
        for turn in range(200):
            answered(session, turn)
        before = memory_kb(session.pid, "RssAnon")
        for turn in range(1000):
            answered(session, turn)
            if turn % 5 == 0:
                session.execute("SAVEPOINT s")
                refused(session, turn)
                session.execute("ROLLBACK TO s")
        grown = memory_kb(session.pid, "RssAnon") - before
        assert grown < ALLOWED_KB, f"{grown} kB"


def test_one_statement_of_many_calls_does_not_grow(wire, session):
    """1,500 calls in one statement, again and again: what the first needed is enough for the others."""
    session.execute("CREATE TEMP TABLE contexts (context jsonb)")
    query = "SELECT note FROM sales"

    def fill(count):
        session.execute("TRUNCATE contexts")
        with session.connection.cursor().copy("COPY contexts FROM STDIN") as copy:
            for _ in range(count):
                copy.write_row((Jsonb(wire.sign(query)),))
        statement = "SELECT count(ask(context, sql => %s)) FROM contexts"
        assert session.execute(statement, (query,)).fetchone() == (count,)

    fill(1500)
    before = memory_kb(session.pid, "RssAnon")
    fill(1500)
    fill(1500)
    grown = memory_kb(session.pid, "RssAnon") - before
    assert grown < ALLOWED_KB, f"{grown} kB"


def test_ended_sessions_leave_nothing(wire):
    """After many short sessions, the shared state still serves and no backend is left."""
    for turn in range(60):
        with wire.session() as session:
            answered(session, turn)
    with pytest.raises(psycopg.Error):
        with wire.session() as session:
            session.call({}, COUNT_SALES)
    assert wire.run("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'")[0] <= 2
