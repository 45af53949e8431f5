"""Fixtures of the upgrade tests. Run with the project's Python: `python -m pytest pg_test/upgrade`."""

import pathlib
import shutil
import tempfile

import planes
import pytest
from splitplane_test.cluster import MAJOR, Cluster, private_tree


@pytest.fixture(scope="session")
def tree():
    """A copy of the project's PostgreSQL that offers the released version as well, which an installation does not."""
    with tempfile.TemporaryDirectory(prefix="splitplane-upgrade-", dir="/tmp") as folder:
        top = pathlib.Path(folder)
        # Servers run as another user when we are root.
        top.chmod(0o755)
        shutil.copytree(private_tree(), top, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("bitcode", "include", "pgxs", "man"))
        extensions = top / f"usr/share/postgresql/{MAJOR}/extension"
        for script in (f"splitplane--{planes.BEFORE}.sql", f"splitplane--{planes.BEFORE}--{planes.NOW}.sql"):
            shutil.copyfile(planes.SQL / script, extensions / script)
        yield top


@pytest.fixture(scope="session")
def cluster(tree):
    """The server that held the earlier version when the library was replaced."""
    with Cluster(tree=tree) as running:
        planes.make_ready(running)
        yield running


@pytest.fixture(scope="session")
def other_cluster(tree):
    """A server that never knew the earlier version."""
    with Cluster(tree=tree) as running:
        planes.make_ready(running)
        yield running


@pytest.fixture(scope="session")
def pristine(cluster):
    """A plane of the earlier version, that nobody connects to: others are copied from it."""
    return planes.build(cluster, "pristine", planes.BEFORE)


@pytest.fixture
def earlier(pristine):
    """A plane of the earlier version of the test's own. It goes with the test: so many would take long to write to disk."""
    plane = planes.copied(pristine)
    yield plane
    plane.cluster.psql("postgres", f"DROP DATABASE {plane.database} WITH (FORCE)")


@pytest.fixture(scope="session")
def upgraded(pristine):
    """The same after ALTER EXTENSION UPDATE, to be read and not changed."""
    plane = planes.copied(pristine)
    planes.update(plane)
    return plane


@pytest.fixture(scope="session")
def fresh(other_cluster):
    """A plane made by the same calls with this version from the start, to be read and not changed."""
    return planes.build(other_cluster, "fresh", planes.NOW)
