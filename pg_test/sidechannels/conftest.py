"""Fixtures of the side-channel tests. Run with the project's Python: `python -m pytest pg_test/sidechannels`.

The plane is the wire tests' own (pg_test/wire/harness.py), with what lies outside of it besides.
"""

import pytest
from planes import built, copied
from splitplane_test.cluster import Cluster
from splitplane_test.plane import numbered

# What a DBA may well have beside splitplane, and what watches nested statements: both must be told nothing by a call.
SETTINGS = {
    "shared_preload_libraries": "splitplane, pg_stat_statements, auto_explain",
    "max_connections": "60",
    "max_prepared_transactions": "2",
    "track_io_timing": "on",
}


@pytest.fixture(scope="session")
def cluster():
    with Cluster(settings=SETTINGS) as running:
        yield running


@pytest.fixture(scope="session")
def pristine(cluster):
    """A database that nobody connects to: others are copied from it."""
    return built(cluster, "pristine")


@pytest.fixture(scope="session")
def wire(pristine):
    """The plane that tests read and do not change."""
    return copied(pristine, "side")


@pytest.fixture(scope="session")
def stranger(wire):
    """Another application's role: a caller too, and no member of anything that `app` is."""
    return wire.role()


@pytest.fixture
def session(wire):
    """A fresh session of the calling role."""
    with wire.session() as opened:
        yield opened


@pytest.fixture(scope="module")
def steady(wire):
    """A session that the tests of a module share, for what is refused and leaves nothing."""
    with wire.session() as opened:
        yield opened


@pytest.fixture
def own_wire(pristine):
    """A database of the test's own, to change as it likes."""
    return copied(pristine, numbered("own"))
