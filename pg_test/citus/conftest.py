"""Fixtures of the tests on Citus. Run by `make test-citus CITUS_PG_CONFIG=FILE`."""

import os

import pytest

from pg_test.citus import nodes as servers
from pg_test.citus.shop import CLUSTER_KEY


@pytest.fixture(scope="session")
def bindir():
    return servers.installation(os.environ["CITUS_PG_CONFIG"])


@pytest.fixture(scope="module")
def nodes(bindir):
    """One coordinator and two workers, without a cluster key."""
    with servers.running(bindir) as started:
        yield started


@pytest.fixture(scope="module")
def keyed(bindir):
    """One coordinator and two workers that calls may cross."""
    with servers.running(bindir) as started:
        started.give_keys(CLUSTER_KEY)
        yield started
