"""Debian's pg_upgradecluster from 15 to 17, both with the package: which preload line comes along, and what the tool does not say."""

from __future__ import annotations

import shutil

import pytest
from conftest import ROOT, build
from roots import Root, own_release, sources

WORLD = (ROOT / "pg_test/lifecycle/world.sql").read_text(encoding="utf-8")
ASK = "SELECT ask(splitplane.sign('AKCLUSTER', '{}', payload => q), sql => q) -> 'rows' FROM (VALUES ('SELECT count(*) FROM orders')) AS v(q)"
CLOSED = "SET ROLE splitplane_reader; SELECT count(tenant) FROM orders"
FINDINGS = "SELECT object FROM splitplane.doctor() WHERE severity = 'critical' OR finding LIKE '%restored from a dump%'"


@pytest.fixture
def root():
    """Debian 13 with the server of Debian 12 beside its own, and a cluster of it with a plane."""
    if own_release() != "bookworm":
        pytest.skip("the package of PostgreSQL 15 is built on Debian 12")
    with Root("trixie") as root:
        for name, text in sources("bookworm")[1].items():
            name = f"older-{name}" if name.endswith(".sources") else "older.list"
            (root.folder / "etc/apt/sources.list.d" / name).write_text(text)
        (root.folder / "etc/apt/preferences.d/older").write_text(
            "Package: *\nPin: release n=bookworm*\nPin-Priority: 100\n"
        )
        done = root.run("apt-get update -qq && apt-get install -qq -y postgresql-17 postgresql-15", check=False)
        if done.returncode:
            pytest.skip(f"the servers of both releases cannot be installed: {done.stderr.strip()[-300:]}")
        for major in ("15", "17"):
            package = build(major)
            shutil.copy(package, root.folder / "root")
            root.run(f"apt-get install -qq -y ./{package.name}")
        # Only one of the older server is to be there, on the port that programs take.
        root.run("for major in 15 17; do pg_dropcluster --stop $major main; done", check=False)
        root.run("pg_createcluster 15 main")
        yield root


def with_plane(root: Root, preload: str) -> None:
    """The shop of the lifecycle tests, in the cluster of 15."""
    root.run(preload)
    root.run("pg_ctlcluster 15 main restart")
    for role in ("app", "signer", "clerk", "shop_owner"):
        root.sql(f"CREATE ROLE {role} LOGIN")
    root.sql("CREATE DATABASE shop TEMPLATE template0 OWNER shop_owner")
    root.sql("CREATE EXTENSION splitplane", "shop")
    root.sql(WORLD, "shop")
    root.sql("SELECT splitplane.create_key('AKCLUSTER')", "shop")
    assert root.sql(ASK.format("a"), "shop").stdout == "[[10]]\n"


def test_preloaded_by_alter_system(root):
    """The line comes along: right answers, once the key file is copied and the tables are registered again."""
    with_plane(
        root,
        'pg_ctlcluster 15 main start; su postgres -c "psql -qc \\"ALTER SYSTEM SET shared_preload_libraries = \'splitplane\'\\""',
    )
    root.run("pg_upgradecluster 15 main")
    assert root.sql("SHOW server_version_num").stdout.startswith("17")
    root.run("cp -p /var/lib/postgresql/15/main/splitplane.key /var/lib/postgresql/17/main/")
    for fix in root.sql(
        "SELECT DISTINCT fix FROM splitplane.doctor() WHERE finding LIKE '%restored from a dump%'", "shop"
    ).stdout.splitlines():
        root.sql(fix, "shop")
    assert root.sql(FINDINGS, "shop").stdout == ""
    assert root.sql(ASK.format("a"), "shop").stdout == root.sql(ASK.format("b"), "shop").stdout == "[[10]]\n"
    assert root.sql(CLOSED, "shop").stdout == "0\n"


def test_preloaded_by_conf_d(root):
    """The control, and what the manual warns of: the line stays behind, the extension is not made, and the tool calls it a success."""
    with_plane(root, "echo \"shared_preload_libraries = 'splitplane'\" >/etc/postgresql/15/main/conf.d/splitplane.conf")
    done = root.run("pg_upgradecluster 15 main", check=False)
    assert done.returncode == 0 and "Success" in done.stdout + done.stderr
    assert root.sql("SHOW server_version_num").stdout.startswith("17")
    assert root.sql("SELECT count(*) FROM pg_extension WHERE extname = 'splitplane'", "shop").stdout == "0\n"
