"""Fixtures of the tests of clients/python and of the guides. Run with the project's Python: `python -m pytest pg_test/clients`.

The world is that of the wire tests. What needs PgBouncer is skipped with `NOT RUN` where that cannot be fetched.
"""

import pytest
from splitplane_test.cluster import Cluster

from pg_test.clients.harness import ASYNC_DRIVERS, DRIVERS, KINDS, Asker
from pg_test.wire.harness import Wire


@pytest.fixture(scope="session")
def cluster():
    with Cluster() as running:
        yield running


@pytest.fixture(scope="session")
def wire(cluster):
    return Wire.build(cluster)


@pytest.fixture(scope="session")
def patient(wire):
    """A calling role whose statements would run for long: what ends them sooner is the client."""
    return wire.role(splitplane__deadline="60s")


def _asker(request, wire):
    with Asker(request.param, wire) as opened:
        yield opened


@pytest.fixture(params=KINDS)
def asker(request, wire):
    """A client over each driver, with and without codecs."""
    yield from _asker(request, wire)


@pytest.fixture(params=DRIVERS)
def driver(request, wire):
    """A client over each driver."""
    yield from _asker(request, wire)


@pytest.fixture(params=ASYNC_DRIVERS)
def async_driver(request, wire):
    """A client over each driver of asyncio."""
    yield from _asker(request, wire)
