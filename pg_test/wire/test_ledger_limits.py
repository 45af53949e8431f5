"""The ledger when it is full, when the server restarts, and when a backend's death wipes shared memory.

Each test has a server of its own, since it fills, stops or kills it.
"""

import datetime
import os
import signal
import time

import psycopg
import pytest
from splitplane_test.cluster import Cluster, settle
from splitplane_test.session import wait_until

from pg_test.wire.harness import COUNT_SALES, SALES, Wire

LEDGER = 64
SKEW = 8
# The ledger holds a signature until no verifier could accept it: the context's date plus the skew, whole seconds up.
GONE = SKEW + 3


def attempt(session, context):
    try:
        session.call(context, COUNT_SALES)
        return "answered"
    except psycopg.Error as error:
        return error.sqlstate


@pytest.fixture(scope="module")
def small():
    """A server whose ledger holds 64 contexts of some eight seconds."""
    with Cluster(settings={"splitplane.ledger_size": str(LEDGER), "splitplane.clock_skew": f"{SKEW}s"}) as running:
        yield Wire.build(running, "small")


def fill(session, wire, **signing):
    """Use contexts until one is refused; those used, and the refusal's SQLSTATE."""
    used = []
    for _ in range(LEDGER * 4):
        context = wire.sign(COUNT_SALES, **signing)
        outcome = attempt(session, context)
        if outcome != "answered":
            return used, outcome
        used.append(context)
    raise AssertionError(f"{LEDGER * 4} contexts fitted into a ledger of {LEDGER}")


def test_full_ledger_refuses_and_recovers_by_expiry_alone(small):
    with small.session() as session, small.session() as other:
        used, refusal = fill(session, small)
        assert refusal in ("28000", "53400")
        assert LEDGER // 2 <= len(used) <= LEDGER
        # Nothing makes room: not trying, not replaying, not another backend, not an error.
        for _ in range(20):
            assert attempt(session, small.sign(COUNT_SALES)) == refusal
            assert attempt(other, small.sign(COUNT_SALES, tenant="brand-b")) == refusal
        for context in used:
            assert attempt(other, context) == "28000", "a replay is still known for what it is"
        time.sleep(GONE)
        assert session.value(COUNT_SALES) == SALES["brand-a"]
        for context in used:
            assert attempt(session, context) == "28000"


def test_future_contexts_are_kept_until_they_cannot_return(small):
    """A context dated ahead stays valid longer than the skew after its use; evicted by its use, it would serve twice."""
    time.sleep(GONE)
    ahead = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=SKEW - 2)
    used, unused = small.sign(COUNT_SALES, when=ahead), small.sign(COUNT_SALES, when=ahead)
    with small.session() as session:
        assert attempt(session, used) == "answered"
        time.sleep(SKEW + 1)
        assert attempt(session, unused) == "answered", "the control: still valid by its date"
        fill(session, small)
        assert attempt(session, used) == "28000"


def test_refused_contexts_take_no_place(small):
    """Garbage must not fill the ledger: only what a key has signed is entered."""
    time.sleep(GONE)
    with small.session() as session:
        for _ in range(LEDGER * 3):
            assert attempt(session, small.sign(COUNT_SALES, key=(small.key_id, "guessed"))) == "28000"
            assert attempt(session, small.sign(COUNT_SALES, audience="elsewhere")) == "28000"
        used, _ = fill(session, small)
        assert len(used) >= LEDGER // 2


def test_contexts_older_than_the_server_are_refused_after_a_restart():
    with Cluster() as running:
        wire = Wire.build(running, "restarted")
        with wire.session() as session:
            used, unused = wire.sign(COUNT_SALES), wire.sign(COUNT_SALES)
            assert attempt(session, used) == "answered"
        settle()
        running.restart("fast")
        with wire.session() as session:
            assert attempt(session, used) == "28000"
            assert attempt(session, unused) == "28000", "a restart forgets who used what, so nothing older is believed"
            assert session.value(COUNT_SALES) == SALES["brand-a"]


def ahead(seconds: int) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)


def test_contexts_of_a_clock_that_runs_ahead_are_not_good_again_after_a_restart():
    """Such a context is dated after the restart that follows its use: only what was kept on disk can refuse it."""
    with Cluster() as running:
        wire = Wire.build(running, "ahead")
        with wire.session() as session:
            used, later = wire.sign(COUNT_SALES, when=ahead(60)), wire.sign(COUNT_SALES, when=ahead(240))
            assert attempt(session, used) == "answered"
        running.restart("immediate")
        with wire.session() as session:
            assert attempt(session, used) == "28000"
            assert attempt(session, later) == "answered", "the control: dated after everything that was ever used"
            assert attempt(session, later) == "28000"


def test_a_clock_that_runs_ahead_shuts_out_nobody_else_after_a_restart():
    """What is kept on disk binds the key whose context was dated ahead; other keys and databases sign on."""
    with Cluster() as running:
        wire = Wire.build(running, "mine")
        neighbour = Wire.build(running, "theirs")
        other = wire.import_key("AKOTHER", "0123456789abcdef0123")
        with wire.session() as session:
            assert attempt(session, wire.sign(COUNT_SALES, when=ahead(120))) == "answered"
        running.restart("fast")
        with wire.session() as session, neighbour.session() as next_door:
            assert attempt(session, wire.sign(COUNT_SALES)) == "28000"
            assert attempt(session, wire.sign(COUNT_SALES, key=other)) == "answered"
            # The same key id in another database is another key.
            assert attempt(next_door, neighbour.sign(COUNT_SALES)) == "answered"
            assert attempt(session, wire.sign(COUNT_SALES, when=ahead(240))) == "answered"


def test_the_horizon_of_an_earlier_version_binds_every_key():
    """Version 0.1.0 wrote one date for all."""
    with Cluster() as running:
        wire = Wire.build(running, "before")
        (running.data_dir / "splitplane.horizon").write_text(f"{int(time.time()) + 60}\n", encoding="ascii")
        running.restart("fast")
        with wire.session() as session:
            assert attempt(session, wire.sign(COUNT_SALES, when=ahead(30))) == "28000"
            assert attempt(session, wire.sign(COUNT_SALES, when=ahead(90))) == "answered"


@pytest.mark.parametrize("text", ["", "0123 1790000000\n"])
def test_a_horizon_that_cannot_be_read_refuses_everyone(text):
    with Cluster() as running:
        wire = Wire.build(running, "damaged")
        (running.data_dir / "splitplane.horizon").write_text(text, encoding="ascii")
        running.restart("fast")
        with wire.session() as session:
            assert attempt(session, wire.sign(COUNT_SALES)) == "28000"


def test_one_key_cannot_fill_the_ledger_against_another(small):
    """Above half, each key is held to its share."""
    time.sleep(GONE)
    other = small.import_key("AKMODEST", "0123456789abcdef0123")
    with small.session() as session:
        for _ in range(LEDGER // 2):
            assert attempt(session, small.sign(COUNT_SALES)) == "answered"
        assert attempt(session, small.sign(COUNT_SALES, key=other)) == "answered"
        assert attempt(session, small.sign(COUNT_SALES)) == "28000", "the greedy key has its share"
        for _ in range(LEDGER // 2 - 1):
            assert attempt(session, small.sign(COUNT_SALES, key=other)) == "answered"


def test_a_server_that_just_started_answers_at_once():
    """The second in which it started is waited out before it accepts anybody, so nobody signs for that second."""
    with Cluster() as running:
        wire = Wire.build(running, "started")
        for _ in range(3):
            running.restart("fast")
            with wire.session() as session:
                assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_contexts_used_before_a_crash_are_refused_after_it():
    """A backend that is killed makes the postmaster reset shared memory, ledger included, while its own start time stays."""
    with Cluster(settings={"restart_after_crash": "on"}) as running:
        wire = Wire.build(running, "crashed")
        with wire.session() as session:
            used, unused = wire.sign(COUNT_SALES), wire.sign(COUNT_SALES)
            assert attempt(session, used) == "answered"
        started = wire.run("SELECT pg_postmaster_start_time()")
        settle()
        with wire.session() as victim:
            try:
                os.kill(victim.pid, signal.SIGKILL)
            except PermissionError:
                pytest.skip("may not signal the server's processes")
            with pytest.raises(psycopg.OperationalError):
                for _ in range(50):
                    victim.execute("SELECT 1")
                    time.sleep(0.1)

        def back():
            try:
                return wire.run("SELECT pg_postmaster_start_time()")
            except psycopg.OperationalError:
                return None

        assert wait_until(back, 30, "the server comes back") == started, "the control: the postmaster never went"
        with wire.session() as session:
            assert attempt(session, used) == "28000"
            assert attempt(session, unused) == "28000"
            settle()
            assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_without_preloading_nothing_is_answered():
    """There is no ledger in a library that was loaded late: 55000, before anything else is looked at."""
    with Cluster(settings={"shared_preload_libraries": ""}) as running:
        running.createdb("late")
        with psycopg.connect(running.dsn(dbname="late"), autocommit=True) as admin:
            try:
                admin.execute("CREATE EXTENSION splitplane")
            except psycopg.Error as error:
                assert error.sqlstate == "55000", error
                return
            for argument in ("{}", "[]"):
                with pytest.raises(psycopg.Error) as refused:
                    admin.execute("SELECT ask(%s::jsonb, sql => 'SELECT 1')", (argument,))
                assert refused.value.sqlstate == "55000", refused.value
