"""Read replicas of a front database: they answer over data servers as the primary does, and each has a ledger of its own.

Servers behind one address have one audience, so that a context is good once on each of them.
"""

import psycopg
import pytest
from splitplane_test.session import call

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
