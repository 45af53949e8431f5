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
