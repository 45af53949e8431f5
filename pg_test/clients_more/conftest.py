"""Fixtures of the suite `clients`: a plane that programs in several languages ask.

What cannot be had here is skipped as `NOT RUN` with its reason, which is printed at the end. Run with the project's Python:
`python -m pytest pg_test/clients_more`.
"""

from pathlib import Path

import pytest
from splitplane_test.cluster import Cluster

from pg_test.wire.harness import Wire

WORLD = Path(__file__).resolve().parent / "world.sql"


def pytest_terminal_summary(terminalreporter):
    """Skipped tests by name, with the reason."""
    for report in terminalreporter.stats.get("skipped", []):
        terminalreporter.write_line(f"{report.nodeid}: {report.longrepr[2].removeprefix('Skipped: ')}")


@pytest.fixture(scope="session")
def plane():
    with Cluster(settings={"splitplane.deadline": "30s"}) as cluster:
        wire = Wire.build(cluster, "clients")
        cluster.psql("clients", WORLD)
        yield wire
