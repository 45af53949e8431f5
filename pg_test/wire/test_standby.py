"""A hot standby answers as the primary does: verification, policies and the run write nothing."""

import psycopg
import pytest
from splitplane_test.cluster import Cluster

from pg_test.wire.harness import COUNT_SALES, SALES, Wire


@pytest.fixture(scope="module")
def pair():
    """A primary with a plane and a standby of it, both as Wire."""
    with Cluster() as primary:
        wire = Wire.build(primary, "replicated")
        with primary.standby() as standby:
            yield wire, Wire(standby, wire.database, wire.secret, wire.key_id)


def test_standby_answers(pair):
    _, replica = pair
    with replica.session() as session:
        assert session.execute("SELECT pg_is_in_recovery()").fetchone() == (True,), "the control"
        for tenant in SALES:
            assert session.value(COUNT_SALES, tenant) == SALES[tenant]
        assert session.value("SELECT count(*) FROM visits", business="franchise-7") == 50
        assert session.call(replica.sign(COUNT_SALES), COUNT_SALES, function="ask_dry_run")
        session.ask_refused("22012", "SELECT 1 / (amount - amount) FROM sales")
        session.ask_refused("42P01", "SELECT * FROM vault")
        session.ask_refused("28000", COUNT_SALES, key=("AKNOBODY", "x"))
        context = replica.sign(COUNT_SALES)
        session.call(context, COUNT_SALES)
        session.refused("28000", context, COUNT_SALES)


def test_revocation_reaches_the_standby(pair):
    """The primary's invalidation arrives by replay, in a session of the standby that is already warm."""
    wire, replica = pair
    key = wire.import_key("AKSTANDBY", "a-secret-for-both-a-secret")
    replica.cluster.catch_up()
    with replica.session() as session:
        assert session.value(COUNT_SALES, key=key) == SALES["brand-a"]
        wire.run("SELECT splitplane.revoke_key('AKSTANDBY')")
        replica.cluster.catch_up()
        session.ask_refused("28000", COUNT_SALES, key=key)
        assert session.value(COUNT_SALES) == SALES["brand-a"], "the control"
        wire.run("ALTER TABLE visits ADD COLUMN remark text DEFAULT 'CANARY-none'")
        wire.run("DROP TABLE units")
        replica.cluster.catch_up()
        session.ask_refused("42P01", "SELECT * FROM units")
        assert session.value("SELECT count(*) FROM visits") == 100


def test_cache_of_an_open_transaction_on_the_standby(pair):
    wire, replica = pair
    key = wire.import_key("AKSNAPSHOT", "a-secret-for-both-a-secret")
    replica.cluster.catch_up()
    with replica.session(autocommit=False) as session:
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert session.value(COUNT_SALES, key=key) == SALES["brand-a"]
        wire.run("SELECT splitplane.revoke_key('AKSNAPSHOT')")
        replica.cluster.catch_up()
        session.ask_refused("28000", COUNT_SALES, key=key)


def test_administration_is_refused_on_the_standby(pair):
    _, replica = pair
    with pytest.raises(psycopg.Error) as refused:
        replica.run("SELECT splitplane.admit('brand-z')")
    assert refused.value.sqlstate == "25006"


def test_no_rating_on_the_standby(pair):
    """Nothing can be kept there: answers are given, ratings refused."""
    _, replica = pair
    some = "00000000-0000-4000-8000-000000000000"
    for statement in (f"SELECT splitplane.rate('{some}', true)", f"SELECT splitplane.promote('{some}', 'x')"):
        with pytest.raises(psycopg.Error) as refused:
            replica.run(statement)
        assert refused.value.sqlstate == "55000", refused.value
