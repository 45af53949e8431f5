"""Fixtures of the tests on Citus. Run by `make test-citus CITUS_PG_CONFIG=FILE`."""

import os

import pytest

from pg_test.citus import nodes as servers


@pytest.fixture(scope="session")
def bindir():
    return servers.installation(os.environ["CITUS_PG_CONFIG"])


@pytest.fixture(scope="session")
def nodes(bindir):
    """One coordinator and two workers."""
    with servers.running(bindir) as started:
        yield started
