"""Many calls of alternating identities over the same connections: never a foreign row, never a trace in the session."""

import itertools
import queue
import random

import psycopg
from psycopg.types.json import Jsonb
from splitplane_test.session import Session, at_once, canaries

from pg_test.wire.harness import COUNT_SALES, SALES

THREADS, CALLS = 8, 200
OWN_ROWS = "SELECT note, amount FROM sales ORDER BY sale_id"
# One query for every stage that can end a call, with the SQLSTATE it ends in.
FAILING = {
    "verify": ("28000", None),
    "gate": ("42601", "SELECT FROM WHERE"),
    "gate-kind": ("0A000", "DELETE FROM sales"),
    "attach": ("42P01", "SELECT secret FROM vault"),
    "prove": ("42501", "SELECT pg_sleep(0)"),
    "analyse": ("42703", "SELECT nothing FROM sales"),
    "cost": ("53400", "SELECT count(*) FROM " + ", ".join(f"generate_series(1, 100000) AS g{n}" for n in range(5))),
    "run": ("22012", "SELECT amount / (amount - amount) FROM sales"),
    "run-late": ("22012", "SELECT 1 / (g - 900) FROM generate_series(1, 1000) AS g"),
    "own-data": ("22P02", "SELECT note::int FROM sales"),
    "cardinality": ("21000", "SELECT (SELECT note FROM sales)"),
}


def check_rows(document, tenant):
    assert document["row_count"] == SALES[tenant], document
    assert not canaries(str(document["rows"]), tenant)
    assert all(f"CANARY-{tenant} " in note for note, _ in document["rows"])


def failing_call(session, stage, tenant):
    """Run into one stage's refusal; its message must hold no other tenant's row."""
    state, query = FAILING[stage]
    query = query or COUNT_SALES
    key = {"key": ("AKNOBODY", "x")} if stage == "verify" else {}
    error = session.ask_refused(state, query, tenant, **key)
    assert not canaries(str(error), tenant), error


def test_each_failure_stage_is_reached(session):
    """The control of the tests below: every stage of FAILING really ends where its name says."""
    for stage in FAILING:
        failing_call(session, stage, "brand-a")


def test_alternating_identities_in_one_session(session):
    before = session.state()
    stages = itertools.cycle(FAILING)
    for turn in range(150):
        tenant = ("brand-a", "brand-b", "brand-c")[turn % 3]
        check_rows(session.ask(OWN_ROWS, tenant), tenant)
        assert session.state() == before
        failing_call(session, next(stages), ("brand-b", "brand-c", "brand-a")[turn % 3])
        assert session.state() == before


def test_wider_and_narrower_principals_alternate(session):
    """Same tenant, same statement text: only the list claim differs, and no plan or claim is carried over."""
    visits = "SELECT count(*), count(DISTINCT store_id) FROM visits"
    for _ in range(30):
        assert session.ask(visits)["rows"] == [[100, 4]]
        assert session.ask(visits, business="franchise-7")["rows"] == [[50, 2]]
        assert session.ask(visits, "brand-b")["rows"] == [[100, 4]]


def test_pooled_connections_under_load(wire):
    """8 threads of 200 calls over 5 connections that change hands between tenants after every call."""
    pool = queue.SimpleQueue()
    opened = [psycopg.connect(wire.cluster.dsn(dbname=wire.database, user="app"), autocommit=True) for _ in range(5)]
    sessions = [Session(wire, connection) for connection in opened]
    states = {id(session): session.state() for session in sessions}
    for session in sessions:
        pool.put(session)

    def work(number):
        chosen = random.Random(number)
        for turn in range(CALLS):
            tenant = ("brand-a", "brand-b")[(turn + number) % 2]
            session = pool.get()
            try:
                kind = chosen.random()
                if kind < 0.6:
                    check_rows(session.ask(OWN_ROWS, tenant), tenant)
                elif kind < 0.75:
                    statement = "SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t(note text, amount int)"
                    rows = session.execute(statement, (Jsonb(wire.sign(OWN_ROWS, tenant)), OWN_ROWS)).fetchall()
                    check_rows({"rows": rows, "row_count": len(rows)}, tenant)
                else:
                    failing_call(session, chosen.choice(list(FAILING)), tenant)
                assert session.state() == states[id(session)]
            finally:
                pool.put(session)

    at_once(work, THREADS)
    for connection in opened:
        connection.close()


def test_no_claim_survives_a_call(wire, session):
    """After a call, nothing in the session answers for the principal: neither the policy function nor the tables."""
    session.value(COUNT_SALES)
    for statement in (
        "SELECT splitplane.claim('tenant')",
        "SELECT splitplane.claim_list('stores')",
        "SELECT count(*) FROM sales",
        "SET ROLE splitplane_reader",
        "SET SESSION AUTHORIZATION splitplane_reader",
        "SELECT sealed FROM splitplane.keys",
        "SELECT splitplane.sign('AKWIRE', 'brand-b')",
        "SELECT splitplane.create_key('AKMINE')",
        "SELECT splitplane.admit('brand-z')",
    ):
        try:
            session.execute(statement)
        except psycopg.Error as error:
            assert error.sqlstate == "42501", f"{statement}: {error}"
        else:
            raise AssertionError(f"the caller may run {statement}")
    # As the reader itself, outside of a call: no claim, no row.
    with wire.admin() as admin:
        check = "SELECT count(*) FROM sales"
        admin.execute("SET ROLE splitplane_reader")
        try:
            assert admin.execute(check).fetchone() == (0,)
        except psycopg.Error as error:
            assert error.sqlstate in ("28000", "42501", "55000"), error
