"""Fixtures of the tests of clients/mcp. Run with the environment of tools/mcp-setup.sh: `.tools/mcp/bin/python -m pytest pg_test/mcp`."""

import pytest
from splitplane_test.cluster import Cluster
from splitplane_test.standin import Standin

from pg_test.mcp.world import VERSIONS, Issuer, Setup


@pytest.fixture(scope="session")
def issuer():
    return Issuer()


@pytest.fixture(scope="session")
def model():
    """A stand-in for a model, for `clarify`."""
    with Standin() as running:
        yield running


@pytest.fixture(scope="session")
def setup(issuer, model):
    settings = {
        "splitplane.provider": "bedrock",
        "splitplane.model": "us.anthropic.claude-sonnet-4-20250514-v1:0",
        "splitplane.region": model.region,
        "splitplane.deadline": "60s",
    }
    with Cluster(settings=settings, environment=model.environment()) as cluster:
        yield Setup(cluster, issuer)


@pytest.fixture(scope="session")
def server(setup):
    """One server for every test that needs no configuration of its own."""
    with setup.server() as running:
        yield running


@pytest.fixture(params=VERSIONS)
def version(request):
    """Both versions of the protocol."""
    return request.param
