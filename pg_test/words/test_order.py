"""Order: validation and generation run side by side, and nothing is executed before the question was allowed.

The witness of execution is a lock: the superuser holds `sales` exclusively, so that whoever begins to read it is seen
to wait for it, at the very moment.
"""

import contextlib
import time

import pytest
from talk import Pending, in_flight

WAITING = "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted AND relation = 'sales'::regclass"
TOUCHED = "SELECT count(*) FROM pg_locks WHERE pid = %s AND relation IN ('sales'::regclass, 'sales_pkey'::regclass)"


@contextlib.contextmanager
def kept_out(words):
    """Nobody else can read `sales`; reading it, or planning to, is seen as waiting."""
    with words.admin() as holder, holder.transaction():
        holder.execute("LOCK TABLE sales IN ACCESS EXCLUSIVE MODE")
        yield


def waits(words, talk, seconds: float) -> bool:
    """Whether the session is seen to wait for `sales` within the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if words.run(WAITING, talk.pid)[0]:
            return True
        time.sleep(0.01)
    return False


def test_validation_and_generation_overlap(words, talk, standin):
    talk.count(words.rule())
    standin.clear()
    standin.play(latency_ms={"validation": 400, "generation": 700})
    begun = time.monotonic()
    talk.count(words.rule())
    took = time.monotonic() - begun
    standin.settle()
    assert standin.overlaps == 1 and standin.most_at_once == 2
    print(f"400 ms of validation beside 700 ms of generation: {took * 1000:.0f} ms")
    assert 0.7 <= took < 1.05, "one after the other they would take 1.1 s"


def test_nothing_runs_before_the_verdict_however_late(words, talk, standin):
    standin.play(latency_ms={"validation": 1200})
    with kept_out(words):
        call = Pending(lambda: talk.count(words.rule()))
        in_flight(standin, 1)
        assert not waits(words, talk, 0.8) and not words.run(TOUCHED, talk.pid)[0]
        assert waits(words, talk, 3), "the control: once allowed, it reads"
    call.join()
    assert call.error is None


@pytest.mark.parametrize(("fault", "state"), [("hang", "57014"), ("close", "08006"), ("reset", "08006"), ("refuse", "53400")])
def test_nothing_runs_when_validation_hangs_or_dies(words, standin, fault, state):
    with words.talk(splitplane__deadline="1s") as talk, contextlib.ExitStack() as stack:
        # So that the session knows the plane: reading it would wait for the table as well.
        talk.count(words.rule())
        stack.enter_context(kept_out(words))
        standin.play(fault, task="validation")
        call = Pending(lambda: talk.fails(state, words.rule()))
        assert not waits(words, talk, 0.9)
        call.join()
        assert call.answer is not None, "it was refused as expected"


def test_no_is_said_without_waiting_for_what_was_written(words, talk, standin):
    standin.play(latency_ms={"generation": 5000})
    begun = time.monotonic()
    with words.unread(talk):
        talk.declined("refused", words.rule(verdict="reject", message="No."))
    assert time.monotonic() - begun < 2
    standin.settle(3)
    generation = next(record for record in standin.requests if record.task == "generation")
    assert generation.abandoned, "the request was given up"


@pytest.mark.parametrize("fault", ["close", "refuse", "malformed", "text_instead"])
def test_faults_of_writing_do_not_outrun_the_verdict(words, talk, standin, fault):
    standin.play(fault, task="generation")
    standin.play(latency_ms={"validation": 500})
    talk.declined("out_of_scope", words.rule(verdict="out_of_scope", message="Not here."))
    talk.fails(("38000", "08006"), words.rule())


def test_hung_generation_ends_at_the_deadline(words, standin):
    with words.talk(splitplane__deadline="700ms") as talk:
        standin.play("hang", task="generation")
        with words.unread(talk):
            talk.fails("57014", words.rule())
        standin.play()
        talk.count(words.rule())
