"""Fixtures of the tests of packages: `make test-packages`, or `python -m pytest pg_test/packages` as root.

A package is built once in a run, by the tools that a maintainer calls.
"""

import functools
import os
import subprocess
from pathlib import Path

import pytest
import roots

ROOT = roots.ROOT
# A package for what an older release has cannot be built on a newer one.
MAJORS = {
    release: major
    for release, (major, _) in roots.RELEASES.items()
    if roots.in_order(release) >= roots.in_order(roots.own_release())
}


def run(*command: str, **more) -> str:
    """A tool of the project; what it says goes with the error."""
    environment = {**os.environ, **more.pop("environment", {})}
    # What `make test-packages` hands on to a make below it would change what that does and prints.
    for name in ("SPLITPLANE_PG_MAJOR", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
        environment.pop(name, None)
    done = subprocess.run(command, cwd=more.pop("cwd", ROOT), capture_output=True, text=True, env=environment, **more)
    if done.returncode:
        raise AssertionError(
            f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        )
    return done.stdout


@functools.cache
def build(major: str) -> Path:
    """The package of a major, built from the tree as it is."""
    run("tools/package-setup.sh", major)
    last = run("tools/deb.sh", major).splitlines()[-1]
    return ROOT / last.split("  ", 1)[1]


@functools.cache
def epoch() -> str:
    return os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct").strip()


@pytest.fixture(params=sorted(set(MAJORS.values())))
def major(request) -> str:
    return request.param


@pytest.fixture
def package(major) -> Path:
    return build(major)
