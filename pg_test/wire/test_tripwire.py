"""The tripwire over the life of a server: aborts, other backends, crashes, restarts, databases and standbys.

The touch is made by a function that an administrator allowed and that its owner's rights carry past row-level security:
the one leak that needs no test build. pg_test/backend/tripwire.rs takes splitplane's own fences away instead.
"""

import os
import signal
import time

import pytest
from cluster import Cluster

from harness import COUNT_SALES, SALES, Wire, settle

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
    """A server of its own, since a touch shuts all of it; with a second database."""
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


def test_touch_shuts_every_backend_and_every_database(armed):
    wire, neighbour = armed
    answers(wire)
    answers(neighbour)
    with wire.session() as warm:
        assert warm.value(COUNT_SALES) == SALES["brand-a"]
        touch(wire)
        assert warm.ask_refused("55000", COUNT_SALES).diag.message_primary == SHUT
        is_shut(neighbour)
        log = wire.cluster.log_text()
        assert "TRIPWIRE: a statement of tenant brand-a read a reserved row in sales of database armed" in log
        assert (wire.cluster.data_dir / "splitplane.tripwire").stat().st_mode & 0o777 == 0o600
        reopen(neighbour)
        assert warm.value(COUNT_SALES) == SALES["brand-a"]
    assert not (wire.cluster.data_dir / "splitplane.tripwire").exists()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_restart_leaves_it_shut(armed, mode):
    wire, _ = armed
    answers(wire)
    touch(wire)
    wire.cluster.restart(mode)
    is_shut(wire)
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
    obstacle = wire.cluster.data_dir / "splitplane.tripwire"
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
