"""Waiting for a model inside a backend: deadline, cancel, termination and a lost client end it, and meanwhile nothing is held.

Times are generous for loaded machines; the measured ones are printed (`pytest -s`).
"""

import contextlib
import os
import signal
import socket
import statistics
import time

import pytest
from splitplane_test.cluster import MAJOR
from splitplane_test.session import wait_until
from talk import Pending, hanging

from pg_test.wire.harness import SALES

TASKS = ("validation", "generation")
LOCKS = """SELECT l.mode, coalesce(n.nspname, l.locktype), coalesce(c.relname, '') FROM pg_locks AS l
    LEFT JOIN pg_class AS c ON c.oid = l.relation LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE l.pid = %s"""
ALIVE = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
# Every signal that PostgreSQL handles in a backend.
SIGNALS = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTERM", "SIGCHLD", "SIGURG", "SIGPIPE", "SIGFPE")


def abandoned(standin) -> None:
    """The stand-in sees that nobody waits for its answer any more."""
    standin.settle(3)
    assert any(record.abandoned for record in standin.requests)


@pytest.mark.parametrize("task", TASKS)
def test_deadline_ends_a_hang(words, standin, task):
    with words.talk(splitplane__deadline="1s") as talk:
        begun = time.monotonic()
        with hanging(words, talk, task) as call:
            call.join()
        took = time.monotonic() - begun
        print(f"deadline of 1 s: {took:.2f} s")
        assert call.error.sqlstate == "57014" and "splitplane.deadline" in str(call.error) and 0.95 <= took < 2
        abandoned(standin)
        talk.count(words.rule())
        assert talk.execute("SELECT pg_sleep(1.2), 7").fetchone()[1] == 7, "the deadline outlived its call"


@pytest.mark.parametrize("head", [False, True])
def test_deadline_ends_a_drip(words, standin, head):
    """A byte now and then is no reason to go on."""
    with words.talk(splitplane__deadline="600ms") as talk:
        standin.play("drip", interval_ms=50, head=head, task="validation")
        begun = time.monotonic()
        talk.fails("57014", words.rule())
        assert 0.55 <= time.monotonic() - begun < 1.6
        abandoned(standin)


def test_deadline_covers_all_calls_together(words, standin):
    """Each call is quick; the repairs together are not."""
    standin.play(latency_ms={"validation": 10, "generation": 450})
    with words.talk(splitplane__deadline="1s") as talk:
        begun = time.monotonic()
        talk.fails("57014", words.rule(sql=[f"SELECT nope{n} FROM sales" for n in range(3)]))
        assert 0.95 <= time.monotonic() - begun < 2


@pytest.mark.parametrize("task", TASKS)
def test_cancel(words, talk, standin, task):
    took = []
    for turn in range(5):
        with hanging(words, talk, task) as call:
            time.sleep(0.05 + 0.013 * turn)
            asked = time.monotonic()
            words.run("SELECT pg_cancel_backend(%s)", talk.pid)
            call.join()
        took.append(call.ended - asked)
        assert call.error.sqlstate == "57014" and "user request" in str(call.error)
        abandoned(standin)
        talk.count(words.rule(), "brand-b")
    print(f"{task}: cancel took {min(took) * 1000:.0f} ms at best, {statistics.median(took) * 1000:.0f} ms in the middle")
    assert statistics.median(took) < 0.4


def test_statement_timeout_counts_too(words, standin):
    with words.talk(statement_timeout="500ms") as talk, hanging(words, talk) as call:
        call.join()
        assert call.error.sqlstate == "57014" and "statement timeout" in str(call.error)
        abandoned(standin)


def test_terminate(words, standin):
    took = []
    for _ in range(3):
        with words.talk() as talk, hanging(words, talk) as call:
            pid, asked = talk.pid, time.monotonic()
            words.run("SELECT pg_terminate_backend(%s)", pid)
            wait_until(lambda pid=pid: not words.run(ALIVE, pid)[0], 3, "the backend is gone")
            took.append(time.monotonic() - asked)
            call.join()
            assert call.error.sqlstate == "57P01"
            abandoned(standin)
    print(f"termination took {statistics.median(took) * 1000:.0f} ms")
    assert statistics.median(took) < 0.6


def test_client_that_goes_away(words, standin):
    took = []
    for _ in range(3):
        with words.talk(splitplane__deadline="60s") as talk, hanging(words, talk) as call:
            pid, asked = talk.pid, time.monotonic()
            with socket.socket(fileno=os.dup(talk.connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)
            wait_until(lambda pid=pid: not words.run(ALIVE, pid)[0], 5, "the backend is gone")
            took.append(time.monotonic() - asked)
            call.join()
            abandoned(standin)
    print(f"a lost client is noticed within {statistics.median(took) * 1000:.0f} ms")
    assert statistics.median(took) < 0.8


def blocked_signals(task: str) -> int:
    with open(f"{task}/status", encoding="ascii") as status:
        return next(int(line.split()[1], 16) for line in status if line.startswith("SigBlk:"))


def test_no_other_thread_takes_a_signal(words, standin):
    """A host name is looked up on a thread of the library's own; that thread must leave every signal to the backend."""
    wanted = sum(1 << (getattr(signal, name) - 1) for name in SIGNALS)
    with words.talk(splitplane__endpoint=f"http://localhost:{standin.port}") as talk:
        before = blocked_signals(f"/proc/{talk.pid}")
        with hanging(words, talk) as call:
            tasks = [f"/proc/{talk.pid}/task/{number}" for number in os.listdir(f"/proc/{talk.pid}/task")]
            others = [task for task in tasks if not task.endswith(f"/{talk.pid}")]
            assert others, "the control: there is another thread"
            for task in others:
                assert blocked_signals(task) & wanted == wanted, f"{task} takes signals"
            words.run("SELECT pg_cancel_backend(%s)", talk.pid)
            call.join()
        talk.count(words.rule())
        assert blocked_signals(f"/proc/{talk.pid}") == before, "the backend itself takes them again"


def test_nothing_is_held_during_a_hang(words, talk, standin):
    talk.count(words.rule())
    with hanging(words, talk) as call:
        locks = words.boss.execute(LOCKS, (talk.pid,)).fetchall()
        xid, state = words.run("SELECT backend_xid, state FROM pg_stat_activity WHERE pid = %s", talk.pid)
        assert xid is None and state == "active"
        assert locks, "the control: the locks are seen"
        for mode, schema, relation in locks:
            if schema == "virtualxid":
                continue
            # What any query keeps of the tables that it read: only a rewrite or a drop of the configuration waits.
            assert mode == "AccessShareLock" and schema in ("splitplane", "pg_catalog"), (mode, schema, relation)
        with words.admin() as admin:
            admin.execute("SET lock_timeout = '2s'")
            admin.execute("ALTER TABLE sales ADD COLUMN extra int")
            admin.execute("ALTER TABLE sales DROP COLUMN extra")
            admin.execute("SELECT splitplane.admit('brand-d')")
            admin.execute("SELECT splitplane.expel('brand-d')")
            admin.execute("SELECT splitplane.verify_query('held', 'Is anything held?', 'SELECT 1')")
            admin.execute("SELECT splitplane.unverify_query('held')")
        words.run("SELECT pg_cancel_backend(%s)", talk.pid)
        call.join()


@pytest.mark.parametrize("read_only", [False, True])
def test_no_transaction_id_is_assigned(words, standin, read_only):
    assigned = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL, current_setting('transaction_read_only')"
    # An answer that is kept is written at the very end.
    with words.talk(autocommit=False, splitplane__rating_retention="0") as talk:
        talk.connection.read_only = read_only
        talk.count(words.rule())
        talk.count(words.rule(sql=["SELECT nope FROM sales", "SELECT count(*) FROM sales"]))
        talk.declined("clarify", words.rule(verdict="clarify", message="Which?"))
        assert talk.execute(assigned).fetchone() == (False, "on" if read_only else "off")
        talk.connection.rollback()
        if not read_only:
            talk.count(words.rule(), conversation="6f1c8e0e-5b0f-4c55-8f57-1d2b4a1f9a10")
            assert talk.execute(assigned).fetchone()[0] is True, "the control: a conversation is written down"
            talk.connection.rollback()


def test_cancel_leaves_the_transaction_to_the_caller(words, standin):
    """Inside a savepoint a cancelled question undoes nothing else."""
    with words.talk(autocommit=False) as talk:
        talk.execute("CREATE TEMP TABLE noted (n int)")
        talk.execute("INSERT INTO noted VALUES (1)")
        talk.execute("SAVEPOINT before")
        with hanging(words, talk) as call:
            words.run("SELECT pg_cancel_backend(%s)", talk.pid)
            call.join()
        talk.execute("ROLLBACK TO before")
        talk.count(words.rule())
        assert talk.execute("SELECT n FROM noted").fetchall() == [(1,)]
        talk.connection.rollback()


def test_cancels_at_once_end_no_server(words, standin):
    """The first request of a session is dropped before it is answered: its connection goes back into a pool that is new."""
    for _ in range(25):
        with words.talk() as talk, hanging(words, talk) as call:
            words.run("SELECT pg_cancel_backend(%s)", talk.pid)
            call.join()
            assert call.error.sqlstate == "57014", call.error


def test_many_sessions_wait_side_by_side(words, standin):
    """Backends that wait for a model do not wait for each other."""
    standin.play(latency_ms={"validation": 300, "generation": 500})
    with contextlib.ExitStack() as stack:
        talks = [stack.enter_context(words.talk()) for _ in range(6)]
        begun = time.monotonic()
        tenants = [list(SALES)[number % 3] for number in range(6)]
        calls = [Pending(lambda t=t, n=n: t.count(words.rule(), n)) for t, n in zip(talks, tenants, strict=True)]
        for call in calls:
            call.join()
            assert call.error is None and call.answer, call.error
        assert time.monotonic() - begun < 2.5 and standin.most_at_once >= 6


def test_other_sessions_see_what_a_call_waits_for(words, talk, standin):
    """In pg_stat_activity, from 17 on by a name of our own; between two slices it is nothing for a moment."""
    seen = "SELECT wait_event_type, wait_event FROM pg_stat_activity WHERE pid = %s"
    expected = ("Extension", "SplitplaneModel" if int(MAJOR) >= 17 else "Extension")
    wait_until(lambda: words.run(seen, talk.pid) == ("Client", "ClientRead"), 5, "it waits for its client")
    with hanging(words, talk) as call:
        events = [words.run(seen, talk.pid) for _ in range(60) if not time.sleep(0.005)]
        words.run("SELECT pg_cancel_backend(%s)", talk.pid)
        call.join()
    assert set(events) <= {expected, (None, None)} and events.count(expected) > 45, events
    if int(MAJOR) >= 17:
        assert words.run("SELECT type FROM pg_wait_events WHERE name = 'SplitplaneModel'") == ("Extension",)
    wait_until(lambda: words.run(seen, talk.pid) == ("Client", "ClientRead"), 5, "nothing is left of it")
    # The control: a call that asks no model does not show it.
    with words.talk(splitplane__deadline="5s") as busy:
        sql = "SELECT count(*) FROM sales, generate_series(1, 2000000000)"
        pending = Pending(lambda: busy.call(words.sign(sql), sql))
        wait_until(lambda: words.run("SELECT state FROM pg_stat_activity WHERE pid = %s", busy.pid) == ("active",), 5, "it runs")
        assert expected not in [words.run(seen, busy.pid) for _ in range(20) if not time.sleep(0.005)]
        words.run("SELECT pg_cancel_backend(%s)", busy.pid)
        pending.join()
