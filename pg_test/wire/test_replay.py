"""The replay ledger: a context is used once, whoever uses it, whatever becomes of the transaction."""

import threading
import time

import psycopg
import pytest
from splitplane_test.session import fingerprint

from pg_test.wire.harness import COUNT_SALES, SALES, Wire

ROUNDS = 50


def attempt(session, context, payload=COUNT_SALES) -> str:
    """Call; 'answered', or the SQLSTATE of the refusal."""
    try:
        session.call(context, payload)
        return "answered"
    except psycopg.Error as error:
        return error.sqlstate


@pytest.mark.parametrize("backends", [2, 6])
def test_exactly_one_of_two_backends_wins(wire, backends):
    barrier = threading.Barrier(backends)
    contexts = [wire.sign(COUNT_SALES) for _ in range(ROUNDS)]
    outcomes = [[None] * backends for _ in range(ROUNDS)]

    def backend(number):
        with wire.session() as session:
            session.value(COUNT_SALES)
            for turn, context in enumerate(contexts):
                barrier.wait(30)
                outcomes[turn][number] = attempt(session, context)

    threads = [threading.Thread(target=backend, args=(number,)) for number in range(backends)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for turn, outcome in enumerate(outcomes):
        assert sorted(outcome) == sorted(["answered"] + ["28000"] * (backends - 1)), f"round {turn}: {outcome}"


def test_three_uses_are_three_among_eight_backends(own_wire):
    key = own_wire.import_key("AKTHREE", "three-uses-three-uses-three", max_uses=3)
    barrier, lock, outcomes = threading.Barrier(8), threading.Lock(), []
    context = own_wire.sign(COUNT_SALES, key=key)

    def backend():
        with own_wire.session() as session:
            session.value(COUNT_SALES)
            barrier.wait(30)
            outcome = attempt(session, context)
            with lock:
                outcomes.append(outcome)

    threads = [threading.Thread(target=backend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["28000"] * 5 + ["answered"] * 3


def test_used_after_rollback(wire):
    with wire.session(autocommit=False) as session:
        context = wire.sign(COUNT_SALES)
        assert session.call(context, COUNT_SALES)["rows"] == [[SALES["brand-a"]]]
        session.connection.rollback()
        assert attempt(session, context) == "28000"
        session.connection.rollback()
        assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_used_after_savepoint_rollback(wire):
    with wire.session(autocommit=False) as session:
        context = wire.sign(COUNT_SALES)
        session.execute("SAVEPOINT s")
        assert session.call(context, COUNT_SALES)["row_count"] == 1
        session.execute("ROLLBACK TO s")
        assert attempt(session, context) == "28000"
        session.execute("ROLLBACK TO s")
        session.connection.rollback()
    with wire.session() as other:
        assert attempt(other, context) == "28000"


def test_used_after_an_error_of_its_own_query(wire, session):
    """A verified context is spent by its first use even if the SQL fails: an error is an answer too."""
    failing = "SELECT 1 / 0"
    context = wire.sign(failing)
    session.refused("22012", context, failing)
    session.refused("28000", context, failing)
    refused = "SELECT pg_sleep(1)"
    context = wire.sign(refused)
    session.refused("42501", context, refused)
    session.refused("28000", context, refused)


def test_used_after_the_backend_that_used_it_is_gone(wire):
    context = wire.sign(COUNT_SALES)
    with wire.session() as first:
        first.call(context, COUNT_SALES)
    with wire.session() as second:
        assert attempt(second, context) == "28000"


def test_used_by_a_dry_run_or_rows(wire, session):
    """One ledger for all entry points."""
    context = wire.sign(COUNT_SALES)
    session.call(context, COUNT_SALES, function="ask_dry_run")
    assert attempt(session, context) == "28000"


def test_respelled_contexts_are_no_new_contexts(wire, session):
    """Everything that canonicalises to the same signed bytes has the same signature and the same use."""
    context = {name.lower(): value for name, value in wire.sign(COUNT_SALES).items()}
    assert session.call(context, COUNT_SALES)["row_count"] == 1
    head, signature = context["authorization"].rsplit("=", 1)
    respelled = [
        context,
        {name.upper(): value for name, value in context.items()},
        dict(reversed(context.items())),
        {**context, "host": wire.audience},
        {**context, "x-unsigned": "something"},
        {**context, "x-splitplane-tenant": " brand-a "},
        {**context, "x-splitplane-tenant": "brand-a\t"},
        {**context, "x-splitplane-business": ""},
        {**context, "authorization": f"{head}={signature.upper()}"},
        {**context, "authorization": f"{head}= {signature} "},
        {**context, "authorization": context["authorization"].replace(", ", ",")},
        {**context, "authorization": context["authorization"].replace(", ", ",  ")},
        {**context, "authorization": " " + context["authorization"]},
        {**context, "authorization": context["authorization"].replace("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256  ")},
        {**context, "authorization": context["authorization"] + ","},
    ]
    for variant in respelled:
        assert attempt(session, variant) == "28000", variant


def test_respelled_values_grant_nothing_else(wire, session):
    """SigV4 trims and collapses blanks before it signs. A fresh context so respelled is its own tenant's or refused."""
    for blank in (" ", "  ", "\t"):
        context = {name.lower(): value for name, value in wire.sign(COUNT_SALES).items()}
        context["x-splitplane-tenant"] = blank + "brand-a" + blank
        try:
            assert session.call(context, COUNT_SALES)["rows"] == [[SALES["brand-a"]]]
        except psycopg.Error as error:
            assert error.sqlstate == "28000"


def test_failed_attempts_do_not_spend_a_context(wire, session):
    """A thief who holds a context without its payload cannot burn it for its owner."""
    context = wire.sign(COUNT_SALES)
    for _ in range(5):
        assert attempt(session, context, "SELECT 2") == "28000"
    assert attempt(session, context) == "answered"


def test_databases_share_one_ledger(cluster):
    """Two databases of one server with the same audience and key: a context is used once among them."""
    first, second = Wire.build(cluster, "ledger_one"), Wire.build(cluster, "ledger_two")
    for database in (first, second):
        database.run(f"ALTER DATABASE {database.database} SET splitplane.audience = 'shared-name'")
        database.audience = "shared-name"
    key = first.import_key("AKSAME", "one-secret-for-two-databases")
    second.import_key(*key)
    with first.session() as one, second.session() as two:
        assert two.value(COUNT_SALES, key=key) == SALES["brand-a"], "the control"
        context = first.sign(COUNT_SALES, key=key)
        assert attempt(one, context) == "answered"
        assert attempt(two, context) == "28000"


def test_contexts_of_one_database_are_refused_by_its_neighbour(cluster, wire):
    neighbour = Wire.build(cluster, "neighbour")
    key = wire.import_key("AKBOTH", "one-secret-for-two-databases")
    neighbour.import_key(*key)
    with neighbour.session() as session, wire.session() as home:
        context = wire.sign(COUNT_SALES, key=key)
        assert attempt(session, context) == "28000"
        assert attempt(home, context) == "answered", "the control"
        assert session.value(COUNT_SALES, key=key) == SALES["brand-a"]


def test_refused_replay_looks_like_every_other_refusal(wire, session):
    context = wire.sign(COUNT_SALES)
    session.call(context, COUNT_SALES)
    replayed = session.refused("28000", context, COUNT_SALES)
    unknown = session.ask_refused("28000", COUNT_SALES, key=("AKNOBODY", "x"))
    assert fingerprint(replayed) == fingerprint(unknown)


def test_longer_skew_elsewhere_does_not_revive_a_context(wire):
    """splitplane.clock_skew may differ by role: what a strict session forgets, a lenient one must still refuse."""
    strict, lenient = wire.role(splitplane__clock_skew="2s"), wire.role(splitplane__clock_skew="300s")
    with wire.session(user=strict) as first, wire.session(user=lenient) as second:
        used = wire.sign(COUNT_SALES)
        assert attempt(first, used) == "answered"
        time.sleep(2)
        # Dated after the used one: a ledger may refuse everything as old as what it has forgotten.
        unused = wire.sign(COUNT_SALES)
        time.sleep(4)
        # Enough new entries that a ledger which evicts when it is asked has had its occasion.
        for _ in range(200):
            assert attempt(first, wire.sign(COUNT_SALES)) == "answered"
        assert attempt(first, unused) == "28000", "expired here"
        assert attempt(second, unused) == "answered", "the control: not used, and valid there"
        assert attempt(second, used) == "28000"
