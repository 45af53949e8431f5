"""Fixtures of the tests of the released version. Run with the project's Python: `python -m pytest pg_test/released`."""

import os
import pathlib
import shutil
import tempfile
from dataclasses import dataclass

import pytest
from splitplane_test.cluster import MAJOR, ROOT, Cluster, private_tree

from pg_test.upgrade import planes

RELEASE = ROOT / ".tools/releases" / planes.BEFORE


@dataclass
class Installation:
    """PostgreSQL with splitplane's files in it, of which each can be taken from the released version or from this one."""

    top: pathlib.Path

    @property
    def library(self) -> pathlib.Path:
        return self.top / f"usr/lib/postgresql/{MAJOR}/lib/splitplane.so"

    @property
    def extensions(self) -> pathlib.Path:
        return self.top / f"usr/share/postgresql/{MAJOR}/extension"

    def take(self, source: pathlib.Path, target: pathlib.Path) -> None:
        """As dpkg does: a new file in the place of the old one, which a running server has open."""
        beside = target.with_name(target.name + ".new")
        shutil.copyfile(source, beside)
        os.replace(beside, target)

    def scripts(self, version: str) -> None:
        for script in self.extensions.glob("splitplane*"):
            script.unlink()
        if version == planes.BEFORE:
            self.take(RELEASE / "splitplane.control", self.extensions / "splitplane.control")
            self.take(RELEASE / f"splitplane--{version}.sql", self.extensions / f"splitplane--{version}.sql")
            return
        ours = private_tree() / f"usr/share/postgresql/{MAJOR}/extension"
        for script in ours.glob("splitplane*"):
            self.take(script, self.extensions / script.name)

    def new_library(self) -> None:
        self.take(private_tree() / f"usr/lib/postgresql/{MAJOR}/lib/splitplane.so", self.library)

    def old_library(self) -> None:
        self.take(RELEASE / "splitplane.so", self.library)


@pytest.fixture
def installation():
    """The released version as it was installed."""
    if not (RELEASE / "splitplane.so").exists():
        pytest.fail(f"splitplane {planes.BEFORE} is not built: run make test-released")
    with tempfile.TemporaryDirectory(prefix="splitplane-released-", dir="/tmp") as folder:
        top = pathlib.Path(folder)
        # Servers run as another user when we are root.
        top.chmod(0o755)
        shutil.copytree(
            private_tree(),
            top,
            symlinks=True,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("bitcode", "include", "pgxs", "man"),
        )
        made = Installation(top)
        made.old_library()
        made.scripts(planes.BEFORE)
        yield made


@pytest.fixture
def cluster(installation):
    with Cluster(tree=installation.top) as running:
        planes.make_ready(running)
        yield running


@pytest.fixture
def plane(cluster):
    """A plane that the released version made: keys, principals, tables, verified queries, and an armed tripwire."""
    return planes.build(cluster, "shop", planes.BEFORE, library=planes.BEFORE)
