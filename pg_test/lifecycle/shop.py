"""The shop of world.sql: how it is made, what it must answer, and when its doctor has nothing to say."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

from splitplane_test.plane import Plane

HERE = pathlib.Path(__file__).resolve().parent
KEY = "AKLIFECYCLE"
ROLES = ("app", "signer", "clerk", "shop_owner", "backup")
# What each tenant must be answered, counted by hand: every third order is a tenant's, so are its lines, and of the visits those in
# his own stores.
ANSWERS = {
    "SELECT count(*), sum(amount) FROM orders": {"a": [10, 165], "b": [10, 145]},
    "SELECT count(*), min(what) FROM lines": {"a": [30, "thing 11"], "b": [30, "thing 12"]},
    "SELECT count(*) FROM visits": {"a": [4], "b": [2]},
    "SELECT count(*), min(shout(currency)) FROM rates": {"a": [2, "CHF"], "b": [2, "CHF"]},
    "SELECT count(*), sum(amount) FROM large_orders": {"a": [5, 75], "b": [5, 65]},
}
QUESTIONS = {"How many orders are there?": {"a": [10], "b": [10]}, "turnover": {"a": [165], "b": [145]}}
# All that the doctor has to say: of what world.sql granted on a function of ours, and a dump must carry.
GRANTED = (
    "warning",
    "splitplane.sign(text, text, text, text, text, text)",
    "signer may execute it, which splitplane did not grant.",
)
# Columns of a table that is new in this database have other numbers than those that were registered.
RENUMBERED = "restored from a dump"


def prepare(cluster, databases=()) -> None:
    """The roles, and empty databases that belong to the shop's owner."""
    for role in ROLES:
        cluster.psql("postgres", f"CREATE ROLE {role} LOGIN")
    for database in databases:
        cluster.psql("postgres", f"CREATE DATABASE {database} TEMPLATE template0 OWNER shop_owner")


def build(cluster, database: str = "shop") -> Plane:
    cluster.psql("postgres", f"CREATE DATABASE {database} TEMPLATE template0 OWNER shop_owner")
    cluster.psql(database, "CREATE EXTENSION splitplane")
    cluster.psql(database, HERE / "world.sql")
    plane = Plane(cluster, database, "", KEY)
    plane.secret = plane.create_key(KEY)[1]
    cluster.flush()
    return plane


def of(plane: Plane, cluster, database: str) -> Plane:
    """The same plane in another database, with the same key."""
    return Plane(cluster, database, plane.secret, plane.key_id)


def copy_key_file(source, target) -> None:
    """As an administrator does: into the other data directory, with owner and mode."""
    file, status = target.data_dir / "splitplane.key", (source.data_dir / "splitplane.key").stat()
    shutil.copy2(source.data_dir / "splitplane.key", file)
    os.chown(file, status.st_uid, status.st_gid)


def findings(plane: Plane) -> list[tuple]:
    return plane.admin_rows("SELECT severity, object, finding, fix FROM splitplane.doctor()")


def settle(plane: Plane) -> list[str]:
    """Runs what the doctor says of tables that were restored; which they were."""
    renumbered = [
        (object_, fix)
        for severity, object_, finding, fix in findings(plane)
        if RENUMBERED in finding and severity == "info"
    ]
    for _, fix in renumbered:
        plane.run(fix)
    return sorted(object_ for object_, _ in renumbered)


def assert_sound(plane: Plane) -> None:
    """Right answers to each tenant, from a session of the application's role, and a doctor with nothing new to say."""
    assert [row[:3] for row in findings(plane)] == [GRANTED]
    with plane.session() as session:
        for sql, answers in ANSWERS.items():
            for tenant, row in answers.items():
                assert session.call(plane.sign(sql, tenant), sql)["rows"] == [row], (sql, tenant)
        for question, answers in QUESTIONS.items():
            for tenant, row in answers.items():
                document = session.call(plane.sign(question, tenant), question=question)
                assert document["rows"] == [row], (question, tenant)
        session.ask_refused("42P01", "SELECT * FROM tenants", "a")
    verdicts = plane.admin_rows("SELECT verdict, relation, shape, detail FROM splitplane.selftest()")
    assert [row for row in verdicts if row[0] in ("FAIL", "error")] == []
    assert [row for row in verdicts if row[0] == "pass"], "the control: something was tested"
    with plane.connect("clerk") as clerk:
        assert clerk.execute("SELECT count(*) FROM orders").fetchone() == (31,), "with the tripwire's row"


def run(
    cluster, program: str, *arguments: str, user: str | None = None, check: bool = True
) -> subprocess.CompletedProcess:
    """One of PostgreSQL's client programs, as a user of the server."""
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "PGHOST": cluster.socket_dir,
        "PGPORT": str(cluster.port),
        "PGUSER": user or cluster.superuser,
    }
    done = subprocess.run([str(cluster.bindir / program), *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 or not check, done.stderr
    return done
