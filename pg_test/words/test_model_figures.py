"""Figures of model calls, by what they were for and what came of them."""

import collections

import pytest
from splitplane_test.session import wait_until
from talk import MODEL, MODEL_STATES, hanging

ROWS = "SELECT purpose, result, calls, seconds, input_tokens, output_tokens FROM splitplane.stat_models WHERE model = %s"


@pytest.fixture(autouse=True)
def from_the_start(words):
    words.run("SELECT splitplane.stat_reset()")


def figures(words) -> dict:
    return {(purpose, result): rest for purpose, result, *rest in words.boss.execute(ROWS, (MODEL,)).fetchall()}


def counted(words) -> dict:
    return {kind: calls for kind, (calls, *_) in figures(words).items() if calls}


def test_every_row_of_the_configured_model_is_there_with_0(words):
    rows = figures(words)
    assert len(rows) == 4 * 7 and all(values == [0, 0.0, 0, 0] for values in rows.values())


def test_a_question_counts_what_the_stand_in_was_asked(words, talk, standin):
    talk.count(words.rule())
    tasks = collections.Counter(words.tasks())
    assert counted(words) == {("validate", "ok"): tasks["validation"], ("write", "ok"): tasks["generation"]} == {("validate", "ok"): 1, ("write", "ok"): 1}
    rows = figures(words)
    assert rows["write", "ok"][1] > 0
    tokens = sum(values[2] + values[3] for values in rows.values())
    tenant = words.run("SELECT model_calls, input_tokens + output_tokens FROM splitplane.stat_tenants WHERE tenant = 'brand-a'")
    assert tenant == (2, tokens) and tokens > 0


@pytest.mark.parametrize(
    "fault,options,result",
    [("close", {}, "unreachable"), ("refuse", {"status": 403}, "refused"), ("malformed", {}, "unusable")],
)
def test_faults_count_by_kind(words, talk, standin, fault, options, result):
    standin.play(fault, task="validation", **options)
    talk.fails(MODEL_STATES, words.rule())
    found = counted(words)
    assert found.get(("validate", result)) == 1, found
    # What was being written meanwhile was asked for as well.
    assert sum(calls for (purpose, _), calls in found.items() if purpose == "write") == 1, found


def test_a_call_that_is_cancelled_is_abandoned(words, talk, standin):
    with hanging(words, talk, "validation") as call:
        words.run("SELECT pg_cancel_backend(%s)", talk.pid)
        call.join()
    wait_until(lambda: counted(words), 5, "it is counted")
    assert counted(words)["validate", "abandoned"] == 1
