"""Fixtures of the suite `clients`: a plane that programs in several languages ask.

What cannot be had here is skipped as `NOT RUN` with its reason, which is printed at the end. Run with the project's Python:
`python -m pytest pg_test/clients_more`.
"""

import socket
from pathlib import Path

import pytest
from splitplane_test.cluster import Cluster
from toolchains import need

from splitplane_test.pooler import Pooler
from pg_test.wire.harness import Wire

WORLD = Path(__file__).resolve().parent / "world.sql"


def pytest_terminal_summary(terminalreporter):
    """Skipped tests by name, with the reason."""
    for report in terminalreporter.stats.get("skipped", []):
        terminalreporter.write_line(f"{report.nodeid}: {report.longrepr[2].removeprefix('Skipped: ')}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def secure(cluster: Cluster) -> Path:
    """TLS on loopback, and nothing else there, with a certificate of `localhost`; the certificate."""
    key, certificate = cluster.base / "server.key", cluster.base / "server.crt"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    cluster._as_server("/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, "-keyout", key, "-out", certificate)
    (cluster.data_dir / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 trust\n")
    cluster._configure({"ssl": "on", "ssl_key_file": key, "ssl_cert_file": certificate, "listen_addresses": "127.0.0.1"})
    cluster.restart()
    return certificate


@pytest.fixture(scope="session")
def plane():
    cluster = Cluster(settings={"splitplane.deadline": "30s"})
    cluster.port = free_port()
    with cluster:
        wire = Wire.build(cluster, "clients")
        cluster.psql("clients", WORLD)
        wire.certificate = secure(cluster)
        yield wire


@pytest.fixture(scope="session")
def pooler(plane):
    """PgBouncer in transaction mode."""
    need("pgbouncer")
    with Pooler(plane.cluster, plane.database, [plane.caller], size=4) as running:
        yield running
