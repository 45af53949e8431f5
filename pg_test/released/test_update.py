"""From the released version's own library to this one, in each order in which files, server and databases can be updated."""

import subprocess

import psycopg
import pytest
from splitplane_test.cluster import Cluster

from pg_test.upgrade import planes
from pg_test.upgrade.catalogue import differences, snapshot
from pg_test.upgrade.planes import ADVICE, BEFORE, NOTES, NOW, PRINCIPALS, ask, criticals, truth

COUNT = NOTES.format("orders")
QUESTION = "How many orders are there?"


def of(plane) -> dict:
    with plane.admin() as admin:
        return snapshot(admin)


def question(plane, principal):
    with plane.session() as session:
        context = plane.sign(QUESTION, principal.tenant, principal.business, principal.subject)
        return session.call(context, question=QUESTION)["rows"]


def symbols(library) -> str:
    return subprocess.run(
        ["nm", "-D", "--defined-only", str(library)], capture_output=True, text=True, check=True
    ).stdout


def assert_update_fails(plane) -> None:
    """42883 at the first symbol that the library lacks, and the database is as it was."""
    before = of(plane)
    with pytest.raises(
        psycopg.errors.UndefinedFunction, match=r'could not find function "splitplane_2_\w+" in file ".*splitplane.so"'
    ):
        plane.run(planes.UPDATE)
    assert differences(before, of(plane), "database before", "one after") == []
    assert len(before) > 3000 and planes.version(plane) == BEFORE
    planes.assert_isolated(plane, ("orders", "members", "odd"))


def test_released_version_answers(plane):
    """The control of all others: it is a plane that works, with the library that it was released with."""
    assert "splitplane_2_ask" not in symbols(plane.cluster.bindir.parent / "lib/splitplane.so")
    assert criticals(plane) == []
    planes.assert_isolated(plane)
    with plane.admin() as admin:
        assert question(plane, PRINCIPALS[0]) == [truth(admin, PRINCIPALS[0], "orders")[0][:1]]
    assert plane.run("SELECT count(*) FROM splitplane.tripwires") == (1,)


def test_update_before_the_library_is_replaced(plane, installation):
    installation.scripts(NOW)
    assert_update_fails(plane)


def test_update_before_the_server_is_restarted(plane, installation):
    """The file has the symbol, and the server runs the library that it was started with, in new sessions too."""
    installation.scripts(NOW)
    installation.new_library()
    assert "splitplane_2_ask" in symbols(installation.library), "the control: it is in the file that the message names"
    assert_update_fails(plane)


def test_update(plane, installation):
    installation.scripts(NOW)
    installation.new_library()
    plane.cluster.restart()
    with plane.session() as session:
        for principal in PRINCIPALS:
            context = plane.sign(COUNT, principal.tenant, principal.business, principal.subject)
            assert session.refused("55000", context, COUNT).diag.message_primary == ADVICE
    planes.update(plane)
    assert criticals(plane) == []

    with Cluster(tree=installation.top) as other:
        planes.make_ready(other)
        fresh = planes.build(other, "fresh", NOW)
        updated, made = of(plane), of(fresh)
        # The key's own secret opens with the key file that the released version made.
        assert differences(updated, made, "updated database", "fresh one") == []
        assert len(made) > 5000

    planes.assert_isolated(plane)
    with plane.session() as session, plane.admin() as admin:
        for principal in PRINCIPALS:
            assert question(plane, principal) == [truth(admin, principal, "orders")[0][:1]]
        assert ask(session, PRINCIPALS[0], NOTES.format("rates")) == truth(admin, PRINCIPALS[0], "rates")
    verdicts = plane.admin_rows("SELECT verdict, shape FROM splitplane.selftest()")
    assert not [row for row in verdicts if row[0] in ("FAIL", "error")] and ("pass", "tripwire") in verdicts
    # A new key and a new table, by this version's functions.
    plane.run("SELECT splitplane.revoke_key(%s)", planes.KEY)
    plane.secret, plane.key_id = plane.run("SELECT splitplane.create_key('AKUPDATED')")[0], "AKUPDATED"
    planes.assert_isolated(plane, ("orders",))


def test_library_of_before_under_new_sql(plane, installation):
    """Back to the old package after the update: every call fails, and none is answered."""
    installation.scripts(NOW)
    installation.new_library()
    plane.cluster.restart()
    planes.update(plane)
    installation.old_library()
    plane.cluster.restart()
    with plane.session() as session, pytest.raises(psycopg.errors.UndefinedFunction, match="splitplane_2_ask"):
        ask(session, PRINCIPALS[0], COUNT)
    with plane.connect("clerk") as clerk:
        assert clerk.execute("SELECT count(*) FROM orders").fetchone() > (48,), "the application does not notice"
    with plane.admin() as admin:
        admin.execute("SET ROLE splitplane_reader")
        with pytest.raises(psycopg.errors.UndefinedFunction):
            admin.execute("SELECT count(note) FROM orders")
