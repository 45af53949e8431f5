"""Fixtures of the lifecycle tests. Run with the project's Python: `python -m pytest pg_test/lifecycle`."""

import pytest

pytest.register_assert_rewrite("shop")

import shop  # noqa: E402
from splitplane_test.cluster import ROOT, Cluster, private_tree  # noqa: E402

LATER = "17"


@pytest.fixture(scope="session")
def cluster():
    with Cluster() as running:
        shop.prepare(running)
        yield running


@pytest.fixture(scope="session")
def plane(cluster):
    """The shop on the first major, to be read and dumped and not changed."""
    return shop.build(cluster)


@pytest.fixture(scope="session")
def later_tree():
    """PostgreSQL 17 with the extension built for it; the suite's program has made it (tools/run-suites.sh)."""
    tree = ROOT / ".tools" / f"pg{LATER}"
    if private_tree(LATER) != tree or not (tree / f"usr/lib/postgresql/{LATER}/lib/splitplane.so").exists():
        pytest.fail("PostgreSQL 17 with splitplane is not there: run make test-lifecycle")
    return tree


@pytest.fixture(scope="session")
def later(later_tree):
    """A server of the later major."""
    with Cluster(tree=later_tree, major=LATER) as running:
        shop.prepare(running)
        yield running
