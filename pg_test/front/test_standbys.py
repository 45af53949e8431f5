"""Read replicas of a front database: they answer over data servers as the primary does, and each has a ledger of its own.

Servers behind one address have one audience, so that a context is good once on each of them.
"""

import psycopg
import pytest
from splitplane_test.session import call

from pg_test.front.balancer import Balancer
from pg_test.front.servers import Front

COUNT = "SELECT count(*), min(total) FROM orders"


def test_a_context_is_good_once_on_each_of_two_standbys(cluster, servers):
    front = Front.build(cluster, servers, "replicated")
    with cluster.standby() as first, cluster.standby() as second:
        context, other = front.sign(COUNT, "1"), front.sign(COUNT, "2")
        for replica in (first, second):
            with psycopg.connect(replica.dsn(front.database, front.caller), autocommit=True) as connection:
                assert call(connection, context, COUNT)["rows"] == [[100, 1]]
                with pytest.raises(psycopg.Error) as again:
                    call(connection, context, COUNT)
                assert again.value.sqlstate == "28000"
                assert call(connection, other, COUNT)["rows"] == [[100, 1000001]]
        with psycopg.connect(cluster.dsn(front.database, front.caller), autocommit=True) as connection:
            assert call(connection, context, COUNT)["rows"] == [[100, 1]]


def outcomes(balancer, front, where: str, context, times: int) -> list[str]:
    """How calls with one context end that come one after the other to an address: `answered`, or the SQLSTATE."""
    ends = []
    for _ in range(times):
        with psycopg.connect(balancer.dsn(where, front.database, front.caller), autocommit=True) as connection:
            try:
                assert call(connection, context, COUNT)["rows"] == [[100, 1]]
                ends.append("answered")
            except psycopg.Error as error:
                ends.append(error.sqlstate)
    return ends


def test_behind_one_address_a_context_is_good_once_on_each(cluster, servers):
    """Two standbys behind HAProxy, with one audience: two answers. With an audience for each, one, at the server that is named."""
    front = Front.build(cluster, servers, "balanced")
    with cluster.standby() as first, cluster.standby() as second, Balancer({"first": first, "second": second}) as balancer:
        assert outcomes(balancer, front, "all", front.sign(COUNT, "1"), 4) == ["answered", "answered", "28000", "28000"]
        # By its name it is one server, whose uses are counted there, also for the address of all.
        context = front.sign(COUNT, "1")
        assert outcomes(balancer, front, "first", context, 2) == ["answered", "28000"]
        assert sorted(outcomes(balancer, front, "all", context, 4)) == ["28000", "28000", "28000", "answered"]
        for name, server in (("first", first), ("second", second)):
            server.psql("postgres", f"ALTER SYSTEM SET splitplane.audience = 'shop-{name}'")
            server.psql("postgres", "SELECT pg_reload_conf()")
        context = front.sign(COUNT, "1", audience="shop-second")
        for name in ("first", "second"):
            with psycopg.connect(balancer.dsn(name, front.database, front.caller), autocommit=True) as connection:
                front_audience = connection.execute("SHOW splitplane.audience").fetchone()
                assert front_audience == (f"shop-{name}",), "the control: the configuration was read"
        assert outcomes(balancer, front, "first", context, 1) == ["28000"]
        assert outcomes(balancer, front, "second", context, 2) == ["answered", "28000"]
        assert outcomes(balancer, front, "all", context, 2) == ["28000", "28000"]
