"""Fixtures of the tests of questions in words. Run with the project's Python: `python -m pytest pg_test/words`."""

import urllib.request

import pytest
from splitplane_test.cluster import Cluster
from splitplane_test.standin import Standin
from talk import MODEL, Words


@pytest.fixture(scope="session")
def model():
    """One stand-in for every test: it speaks Bedrock's wire format and plays a script."""
    with Standin() as running:
        yield running


@pytest.fixture(scope="session")
def cluster(model):
    """One server for every test that neither stops it nor needs an environment of its own.

    Autovacuum is off because tests count scans.
    """
    settings = {"max_connections": "60", "splitplane.provider": "bedrock", "splitplane.model": MODEL, "splitplane.region": model.region}
    with Cluster(settings=settings, autovacuum=False, environment=model.environment()) as running:
        yield running


@pytest.fixture(scope="session")
def words(cluster, model):
    """The plane that tests read and do not change."""
    return Words.make(cluster, model, "words")


@pytest.fixture(autouse=True)
def standin(model):
    """The stand-in, well-behaved, without rules and with an empty record."""
    model.play()
    model.script.replace([])
    model.clear()
    yield model
    # What a test left behind, hanging or not read yet, must not be counted in the next: connections are served in turn.
    model.play()
    for _ in range(2):
        urllib.request.urlopen(f"{model.url}/standin/state", timeout=10).read()
    model.settle(10)


@pytest.fixture
def talk(words):
    """A fresh session of the calling role."""
    with words.talk() as opened:
        yield opened


@pytest.fixture(scope="session")
def own(cluster, model):
    """A second database, for tests that change the plane or register something, and put it back."""
    return Words.make(cluster, model, "changing")
