"""Fixtures of the endurance and fault tests. Run with the project's Python: `python -m pytest pg_test/endurance`."""

import os
import pathlib
import subprocess
import sys

import pytest
from splitplane_test.cluster import Cluster, die_with_parent

from pg_test.wire.harness import Wire

HERE = pathlib.Path(__file__).resolve().parent
LONG = "test_endurance.py"


def pytest_collection_modifyitems(items):
    """The judgement of the endurance run comes last; the order is otherwise as it was."""
    items.sort(key=lambda item: item.path.name == LONG)


@pytest.fixture(scope="session", autouse=True)
def endurance(request):
    """The endurance run, started before the first fault and judged after the last: its server is its own, so they share only time."""
    if not any(item.path.name == LONG for item in request.session.items):
        yield None
        return
    chosen = {name: os.environ.get(f"ENDURANCE_{name.upper()}", value) for name, value in (("clients", "8"), ("seconds", "30"), ("seed", "20261124"))}
    command = [sys.executable, str(HERE / "run.py"), "--clients", chosen["clients"], "--minutes", str(float(chosen["seconds"]) / 60)]
    command += ["--seed", chosen["seed"], "--queries", "100", "--scale", "0.02"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=die_with_parent)
    try:
        yield process
    finally:
        # Told to go, not killed: it has a server to stop.
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope="session")
def cluster():
    """One server for all faults: those that it lives through, and those that it comes back from by itself."""
    with Cluster(settings={"max_connections": "60", "restart_after_crash": "on"}) as running:
        yield running


@pytest.fixture(scope="session")
def wire(cluster):
    return Wire.build(cluster, "faults")
