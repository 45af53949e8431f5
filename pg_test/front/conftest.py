"""Fixtures of the front tests. Run with the project's Python: `python -m pytest pg_test/front`."""

import pytest
from splitplane_test.cluster import Cluster

from pg_test.front.servers import DataServer, Front


@pytest.fixture(scope="session")
def cluster():
    with Cluster({"splitplane.deadline": "20s"}) as running:
        yield running


@pytest.fixture(scope="session")
def servers():
    with DataServer([1, 2]) as first, DataServer([3]) as second:
        yield {"one": first.fill(), "two": second.fill()}


@pytest.fixture(scope="session")
def front(cluster, servers):
    return Front.build(cluster, servers)


@pytest.fixture(scope="session")
def oracle(cluster):
    """The same tables on one server, with the rows of one tenant alone."""
    cluster.createdb("truth")
    for tenant in (1, 2, 3):
        cluster.psql(
            "truth",
            f"""CREATE SCHEMA t{tenant}; SET search_path = t{tenant};
            CREATE TABLE orders AS SELECT i AS order_id, i % 5 AS store_id, CASE WHEN {tenant} % 2 = 1 THEN i ELSE 1000000 + i END AS total,
                'of {tenant}' AS note FROM generate_series(1, 100) AS i;
            CREATE TABLE stores AS SELECT i AS store_id, 'city ' || i AS city FROM generate_series(0, 4) AS i;""",
        )
    return lambda sql, tenant: [
        list(row) for row in cluster.connect("truth", options=f"-c search_path=t{tenant}").execute(sql).fetchall()
    ]
