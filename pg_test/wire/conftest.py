"""Fixtures of the wire tests. Run with the project's Python: `python -m pytest pg_test/wire`."""

import pytest
from splitplane_test.cluster import Cluster
from splitplane_test.plane import numbered

from pg_test.wire.harness import Wire


@pytest.fixture(scope="session")
def cluster():
    """One server for every test that neither stops it nor needs settings of its own.

    The cost gate is off by default, since it tells of statistics over all tenants; here it is on, to be tested.
    """
    with Cluster(settings={"max_connections": "60", "splitplane.max_cost": "1e8", "splitplane.ledger_size": "262144"}) as running:
        yield running


@pytest.fixture(scope="session")
def wire(cluster):
    """The plane that tests read and do not change."""
    return Wire.build(cluster)


@pytest.fixture
def session(wire):
    """A fresh session of the calling role."""
    with wire.session() as opened:
        yield opened


@pytest.fixture
def own_wire(cluster, request):
    """A database of the test's own, to change as it likes."""
    return Wire.build(cluster, numbered("own"))
