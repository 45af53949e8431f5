"""Fixtures of the monitoring suite: a server with figures, both exporters with the files of monitoring/, and Prometheus.

Programs are Debian's, unpacked by tools/monitoring-tools.sh. Run with the project's Python: `python -m pytest pg_test/monitoring`.
"""

import pytest
from live import Live, Programs
from splitplane_test.cluster import Cluster

from pg_test.wire.harness import COUNT_SALES, Wire

MODEL = "figures-model"


@pytest.fixture(scope="session")
def programs():
    return Programs()


@pytest.fixture(scope="session")
def plane():
    """A plane that was used: answers, refusals of several kinds, two tenants. Its model cannot be reached."""
    settings = {
        "splitplane.provider": "openai",
        "splitplane.model": MODEL,
        "splitplane.endpoint": "http://127.0.0.1:9/v1",
        "splitplane.deadline": "20s",
    }
    with Cluster(settings=settings, environment={"OPENAI_API_KEY": "none"}) as cluster:
        wire = Wire.build(cluster, "figures")
        cluster.psql("postgres", "CREATE ROLE prometheus LOGIN IN ROLE pg_monitor")
        wire.run("SELECT splitplane.set_budget('brand-a', 'calls', 100, '1 day')")
        with wire.session() as session:
            for tenant in ("brand-a", "brand-a", "brand-b"):
                session.value(COUNT_SALES, tenant)
            session.ask_refused("42P01", "SELECT * FROM vault")
            session.ask_refused("28000", COUNT_SALES, key=("AKNOBODY", "x"))
            session.refused(("08006", "38000"), wire.sign("How many?"), question="How many?")
        yield wire


@pytest.fixture(scope="session")
def live(programs, plane, tmp_path_factory):
    with Live(programs, plane, tmp_path_factory.mktemp("monitoring")) as running:
        yield running
