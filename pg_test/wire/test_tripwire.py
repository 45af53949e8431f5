"""The tripwire over the life of a server: aborts, other backends, crashes, restarts, databases and standbys.

The touch is made by a function that an administrator allowed and that its owner's rights carry past row-level security:
the one leak that needs no test build. pg_test/backend/tripwire.rs takes splitplane's own fences away instead.
"""

import os
import signal
import time

import pytest
from splitplane_test.cluster import Cluster, settle

from pg_test.wire.harness import COUNT_SALES, SALES, Wire

LEAK = "SELECT leak()"
SHUT = "a tripwire was touched, and the plane is shut until an administrator reopens it"
ARM = """
    INSERT INTO sales SELECT (jsonb_populate_record(s, '{"tenant_id": "splitplane-tripwire"}')).* FROM sales AS s LIMIT 1;
    SELECT splitplane.arm_tripwire('sales');
    CREATE FUNCTION leak() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM public.sales';
    SELECT splitplane.allow_function('leak()');
"""


@pytest.fixture(scope="module")
def armed():
    """A server of its own, which is restarted and crashed; with a second database."""
    with Cluster() as cluster:
        wire = Wire.build(cluster, "armed")
        neighbour = Wire.build(cluster, "neighbour")
        wire.run(ARM)
        yield wire, neighbour


def answers(wire) -> None:
    settle()
    with wire.session() as session:
        assert session.value(COUNT_SALES) == SALES["brand-a"]


def is_shut(wire) -> None:
    settle()
    with wire.session() as session:
        assert session.ask_refused("55000", COUNT_SALES).diag.message_primary == SHUT


def reopen(wire) -> None:
    assert wire.run("SELECT splitplane.reopen()") == (True,)


def touch(wire) -> None:
    with wire.session() as session:
        assert session.ask_refused("55000", LEAK).diag.message_primary == SHUT


def file_of(wire):
    (oid,) = wire.run("SELECT oid FROM pg_database WHERE datname = current_database()")
    return wire.cluster.data_dir / f"splitplane.tripwire.{oid}"


def test_touch_shuts_every_backend_of_the_database_and_no_other(armed):
    wire, neighbour = armed
    answers(wire)
    answers(neighbour)
    with wire.session() as warm:
        assert warm.value(COUNT_SALES) == SALES["brand-a"]
        touch(wire)
        assert warm.ask_refused("55000", COUNT_SALES).diag.message_primary == SHUT
        answers(neighbour)
        log = wire.cluster.log_text()
        assert "TRIPWIRE: a statement of tenant brand-a read a reserved row in sales of database armed" in log
        assert file_of(wire).stat().st_mode & 0o777 == 0o600
        # An administrator of another database has not opened it.
        assert neighbour.run("SELECT splitplane.reopen()") == (False,)
        is_shut(wire)
        reopen(wire)
        assert warm.value(COUNT_SALES) == SALES["brand-a"]
    assert not file_of(wire).exists()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_restart_leaves_it_shut(armed, mode):
    wire, neighbour = armed
    answers(wire)
    touch(wire)
    wire.cluster.restart(mode)
    is_shut(wire)
    answers(neighbour)
    reopen(wire)
    wire.cluster.restart()
    answers(wire)


def test_crash_of_a_backend_leaves_it_shut(armed):
    """Shared memory is made anew, in the same postmaster."""
    wire, _ = armed
    touch(wire)
    with wire.session() as session:
        os.kill(session.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while True:
        try:
            is_shut(wire)
            break
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    reopen(wire)
    answers(wire)


def test_abort_leaves_it_shut(armed):
    wire, _ = armed
    with wire.session(autocommit=False) as session:
        session.execute("SAVEPOINT before")
        session.ask_refused("55000", LEAK)
        session.execute("ROLLBACK TO before")
        session.ask_refused("55000", COUNT_SALES)
        session.connection.rollback()
    is_shut(wire)
    reopen(wire)


def test_a_file_that_cannot_be_removed_keeps_it_shut(armed):
    """Whatever stands in the file's place counts as a touch, at the start and when the plane is to be reopened."""
    wire, _ = armed
    obstacle = file_of(wire)
    obstacle.mkdir()
    wire.cluster.restart()
    is_shut(wire)
    with pytest.raises(Exception) as refused:
        reopen(wire)
    assert refused.value.sqlstate == "55000"
    is_shut(wire)
    obstacle.rmdir()
    reopen(wire)
    answers(wire)


def test_the_file_of_an_earlier_version_shuts_every_database(armed):
    """Version 0.1.0 did not write down which database it was."""
    wire, neighbour = armed
    before = wire.cluster.data_dir / "splitplane.tripwire"
    before.write_text("1790000000 sales of database armed\n", encoding="utf-8")
    wire.cluster.restart()
    is_shut(wire)
    is_shut(neighbour)
    reopen(neighbour)
    answers(neighbour)
    answers(wire)
    assert not before.exists()


def test_standby_is_shut_for_itself():
    with Cluster() as primary:
        wire = Wire.build(primary, "replicated")
        wire.run(ARM)
        with primary.standby() as standby:
            replica = Wire(standby, wire.database, wire.secret, wire.key_id)
            answers(replica)
            touch(replica)
            is_shut(replica)
            answers(wire)
            standby.restart()
            is_shut(replica)
            reopen(replica)
            answers(replica)
