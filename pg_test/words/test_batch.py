"""`splitplane.validate(questions)`: verdicts for many questions, a few at a time, and nothing is run."""

import os
import signal
import threading
import time
from pathlib import Path

import psycopg
import pytest
from splitplane_test.session import refusal
from talk import Pending, in_flight

CALL = "SELECT question, verdict, reason, message FROM splitplane.validate(%s::text[])"


@pytest.fixture
def admin(own):
    """A session of an administrator who is no superuser."""
    name = own.role()
    own.boss.execute(f"GRANT splitplane_admin TO {name}")
    with own.talk(user=name) as opened:
        yield opened


def rows(session, questions):
    return session.execute(CALL, (questions,)).fetchall()


def test_a_verdict_for_each_in_order(own, admin, standin):
    questions = [
        own.rule(),
        own.rule(verdict="clarify", message="Which?"),
        own.rule(verdict="out_of_scope", message="Not here."),
        own.rule(verdict="reject", message="No."),
        "verdict: allow",
        "   ",
        "unknown to the script",
    ]
    with own.unread(admin):
        found = rows(admin, questions)
    assert [row[0] for row in found] == questions
    assert [row[1] for row in found] == ["allow", "clarify", "out_of_scope", "reject", "reject", None, "out_of_scope"]
    assert found[1][3] == "Which?" and found[0][2] == "The stand-in's script says so." and "empty" in found[5][3]
    assert own.tasks() == ["validation"] * 5


def test_concurrency_is_bounded(own, standin):
    standin.play(latency_ms={"validation": 60})
    for most in (1, 3):
        name = own.role(splitplane__validate_concurrency=str(most))
        own.boss.execute(f"GRANT splitplane_admin TO {name}")
        with own.talk(user=name) as session:
            standin.clear()
            found = rows(session, [own.rule() for _ in range(9)])
            assert {row[1] for row in found} == {"allow"}, found
            standin.settle()
            assert standin.most_at_once == most, "no more at once, and no fewer"


def processor_time(pid):
    """Of another process, in seconds."""
    return time.clock_gettime((~pid << 3) | 2)


def is_runnable(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "R"


def test_slow_machine_loses_no_question(own, standin):
    """The backend is stopped and continued all the time, so that its slices of waiting end at every possible place.

    A slice ends when the backend has had its time of a processor or waits, and what a session does once is done before: a machine
    that is busy gives the backend as much as one that is not.
    """
    name = own.role(splitplane__deadline="4s")
    own.boss.execute(f"GRANT splitplane_admin TO {name}")
    over = threading.Event()
    with own.talk(user=name) as session:
        pid = session.pid
        assert rows(session, [own.rule()])[0][1] == "allow"

        def stutter():
            while not over.is_set():
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.03)
                before = processor_time(pid)
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.004)
                while is_runnable(pid) and processor_time(pid) - before < 0.001:
                    time.sleep(0.001)

        thread = threading.Thread(target=stutter)
        thread.start()
        try:
            for _ in range(4):
                found = rows(session, [own.rule() for _ in range(12)])
                assert {row[1] for row in found} == {"allow"}, [row for row in found if row[1] is None]
        finally:
            over.set()
            thread.join()


def test_faults_are_told_per_row(own, admin, standin):
    good, bad = own.rule(), own.rule(play={"fault": "malformed"})
    down, slow = own.rule(play={"fault": "close"}), own.rule(play={"fault": "unknown_verdict"})
    found = {row[0]: row for row in rows(admin, [good, bad, down, slow, good])}
    assert found[good][1] == "allow"
    for question, words in ((bad, "cannot be used"), (down, "cannot be reached"), (slow, "none of the four")):
        assert found[question][1] is None and words in found[question][3]


def test_deadline_is_told_per_row(own, standin):
    name = own.role(splitplane__deadline="1s")
    own.boss.execute(f"GRANT splitplane_admin TO {name}")
    with own.talk(user=name) as session:
        good, hung = own.rule(), own.rule(play={"fault": "hang"})
        begun = time.monotonic()
        found = {row[0]: row for row in rows(session, [good, hung])}
        assert time.monotonic() - begun < 2.5
        assert found[good][1] == "allow" and found[hung][1] is None and "deadline" in found[hung][3]


def test_cancel(own, admin, standin):
    standin.play("hang")
    call = Pending(lambda: rows(admin, [own.rule() for _ in range(6)]))
    in_flight(standin, 4)
    asked = time.monotonic()
    own.run("SELECT pg_cancel_backend(%s)", admin.pid)
    call.join()
    assert call.error.sqlstate == "57014" and call.ended - asked < 1
    assert all(record.abandoned for record in standin.settle())


def test_cache_is_neither_read_nor_filled(own, admin, standin):
    question = own.rule()
    rows(admin, [question])
    standin.clear()
    with own.talk() as talk:
        talk.count(question)
        assert own.tasks().count("validation") == 1
    standin.clear()
    rows(admin, [question])
    assert own.tasks() == ["validation"]


def test_guardrail_counts(own, standin):
    name = own.role(splitplane__guardrail="gr1234abcd")
    own.boss.execute(f"GRANT splitplane_admin TO {name}")
    with own.talk(user=name) as session:
        found = rows(session, [own.rule(), own.rule(blocked=True)])
        assert [row[1] for row in found] == ["allow", "reject"]


def test_privileges_and_arguments(own, admin, standin):
    with own.talk() as caller:
        refusal(lambda: rows(caller, ["How many?"]), "42501", hint=True)
    for questions, state in ((["x"] * 1001, "22023"), (None, "22023"), (["How many?", None], "22023")):
        try:
            found = rows(admin, questions)
        except psycopg.Error as error:
            assert error.sqlstate == state, (str(questions)[:40], error)
        else:
            raise AssertionError(f"{str(questions)[:40]} gave {found}")
    assert rows(admin, []) == [] and not standin.requests
    name = own.role(splitplane__provider="none")
    own.boss.execute(f"GRANT splitplane_admin TO {name}")
    with own.talk(user=name) as session:
        refusal(lambda: rows(session, ["How many?"]), "55000")
