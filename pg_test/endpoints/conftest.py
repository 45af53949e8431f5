"""Fixtures of the suite endpoints: a server with the demo's plane, and programs that answer for a model.

Run with the project's Python: `python -m pytest pg_test/endpoints`. A program or weights that could not be had (tools/endpoint-tools.sh) are
NOT RUN by name; all that is asked of them is skipped with that reason.
"""

import pytest
from asking import CORE, Asking
from splitplane_test.cluster import Cluster


# Each question is asked of each endpoint, so that no verdict may be remembered.
SETTINGS = {"jit": "off", "max_connections": "60", "splitplane.verdict_cache_size": "0"}


@pytest.fixture(scope="session")
def plane():
    with Cluster(SETTINGS) as cluster:
        yield Asking.make(cluster, CORE)


@pytest.fixture(scope="session")
def unvalidated():
    """A second server, whose questions need no verdict."""
    with Cluster({**SETTINGS, "splitplane.validation": "off"}) as cluster:
        yield Asking.make(cluster, CORE)


def pytest_terminal_summary(terminalreporter):
    """What was not run, by name and reason, in the place that is read."""
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {reason.removeprefix('Skipped: ')}")
