"""Faults of the endpoint: which are tried again and how often, which end at once, and that a session survives them all."""

import os
import socket
import time

import pytest
from splitplane_test.session import memory_kb, wait_until
from talk import MODEL_STATES, Pending

# What is answered is tried again after seconds: once for each kind.
RETRIED = [
    ("throttle", {}, "validation"),
    ("refuse", {"status": 502}, "generation"),
    ("close", {}, "validation"),
    ("close", {}, "generation"),
    ("reset", {}, "generation"),
]
FINAL = [
    ("refuse", {"status": 400}),
    ("refuse", {"status": 403}),
    ("refuse", {"status": 404}),
    ("refuse", {"status": 409}),
    ("redirect", {}),
    ("malformed", {}),
    ("half_body", {}),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def steady(words):
    """One session for every fault: each must leave it fit for the next question."""
    with words.talk(splitplane__max_repairs="0") as talk:
        yield talk


@pytest.mark.parametrize(("fault", "options", "task"), RETRIED)
def test_transient_faults_are_tried_three_times(words, steady, standin, fault, options, task):
    standin.play(fault, task=task, times=2, **options)
    steady.count(words.rule())
    assert words.tasks().count(task) == 3
    standin.clear()
    standin.play(fault, task=task, **options)
    with words.unread(steady):
        error = steady.fails(MODEL_STATES, words.rule())
    assert words.tasks().count(task) == 3
    assert error.sqlstate == ("08006" if fault in ("close", "reset") else "38000")
    standin.play()
    steady.count(words.rule())


@pytest.mark.parametrize("task", ["validation", "generation"])
@pytest.mark.parametrize(("fault", "options"), FINAL)
def test_other_faults_are_final(words, steady, standin, fault, options, task):
    standin.play(fault, task=task, **options)
    with words.unread(steady):
        steady.fails(MODEL_STATES, words.rule())
    assert words.tasks().count(task) == 1


def test_retry_after_is_heeded_within_the_deadline(words, standin):
    with words.talk(splitplane__deadline="3s") as talk:
        standin.play("throttle", times=1, retry_after=1, task="generation")
        begun = time.monotonic()
        talk.count(words.rule())
        assert 1.0 <= time.monotonic() - begun < 2.5
        standin.play("throttle", times=1, retry_after=3600, task="generation")
        begun = time.monotonic()
        error = talk.fails("53400", words.rule())
        assert "429" in error.diag.message_primary and "in 3600 s" in error.diag.message_primary
        assert time.monotonic() - begun < 1.5, "a pause that the deadline would cut off is not begun"


def test_nothing_is_sent_for_a_client_that_is_gone(words, standin):
    """It goes away in the pause before the second try."""
    standin.play("throttle", retry_after=2)
    with words.talk() as talk:
        call = Pending(lambda: talk.put(words.rule()))
        wait_until(lambda: len(standin.requests) == 2, 10, "both sides are asked")
        with socket.socket(fileno=os.dup(talk.connection.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)
        call.join()
        time.sleep(2.5)
        assert sorted(words.tasks()) == ["generation", "validation"]
    with words.talk(splitplane__deadline="8s") as talk:
        talk.fails("38000", words.rule())
        assert words.tasks().count("validation") == 1 + 3, "the control"


def test_both_sides_fail(words, steady, standin):
    standin.play("close")
    steady.fails("08006", words.rule())
    standin.play()
    standin.play("throttle")
    steady.fails("38000", words.rule())
    standin.play()
    steady.count(words.rule())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nobody_listens(words, standin, scheme):
    with words.talk(splitplane__endpoint=f"{scheme}://127.0.0.1:{free_port()}") as talk:
        begun = time.monotonic()
        with words.unread(talk):
            error = talk.fails("08006", words.rule())
        assert "connecting" in error.diag.message_primary and time.monotonic() - begun < 3
    assert not standin.requests


def test_tls_where_there_is_none(words, standin):
    with words.talk(splitplane__endpoint=f"https://127.0.0.1:{standin.port}", splitplane__deadline="2s") as talk:
        talk.fails(("08006", "57014"), words.rule())
    assert not standin.requests


def test_name_that_does_not_exist(words, standin):
    with words.talk(splitplane__endpoint="https://no-such-host.invalid", splitplane__deadline="3s") as talk:
        error = talk.fails(("08006", "57014"), words.rule())
        assert "no-such-host" not in str(error)


def test_endpoint_that_comes_and_goes(words, steady, standin):
    """Idle connections that the endpoint closed meanwhile are not an error."""
    for _ in range(3):
        steady.count(words.rule())
        standin.play("close", times=2)
        steady.count(words.rule())


def test_connections_are_used_again(words, standin):
    with words.talk() as talk:
        talk.count(words.rule())
        standin.settle()
        before = standin.connections
        for _ in range(5):
            talk.count(words.rule())
            standin.settle()
        assert standin.connections == before


def test_large_replies_do_not_grow_the_backend(words, standin):
    with words.talk() as talk:
        talk.count(words.rule())
        before = memory_kb(talk.pid, "VmHWM")
        for chunked in (False, True):
            standin.play("huge", bytes=50_000_000, chunked=chunked)
            talk.fails("38000", words.rule())
        standin.play("depth_bomb", depth=200)
        talk.fails("38000", words.rule())
        standin.play()
        talk.count(words.rule())
        grown = memory_kb(talk.pid, "VmHWM") - before
    print(f"grown by {grown} kB at most")
    assert grown < 40_000


def test_faults_leave_no_trace_in_the_session(words, standin):
    with words.talk() as talk:
        talk.count(words.rule())
        before = talk.state(), talk.settings()
        for fault in ("close", "malformed", "throttle", "redirect"):
            standin.play(fault)
            talk.fails(MODEL_STATES, words.rule())
        standin.play()
        assert (talk.state(), talk.settings()) == before
        assert not talk.notices, talk.notices
        # The connection of the lost request is not read by the next one.
        for tenant in ("brand-a", "brand-b", "brand-c"):
            talk.count(words.rule(), tenant)
