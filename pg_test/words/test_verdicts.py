"""Verdicts: what each of the four does, and that no other text or person can give one."""

import pytest
from talk import GOOD_SQL, REJECTED


def test_answers_what_is_allowed(words, talk, standin):
    question = words.rule()
    before = words.scans(talk)
    document = talk.count(question)
    assert words.scans(talk) > before, "the control: an answer is seen by the witness of execution"
    assert (document["sql"], document["source"], document["answer"]) == (GOOD_SQL, "model", None)
    assert document["usage"]["model_calls"] == 2 and document["usage"]["input_tokens"] > 100
    assert sorted(words.tasks()) == ["generation", "validation"]


@pytest.mark.parametrize("verdict", REJECTED)
def test_hands_on_the_message_and_runs_nothing(words, talk, verdict):
    question = words.rule(verdict=verdict, message="Which week is meant?", reason="Several readings.")
    with words.unread(talk):
        document = talk.declined(REJECTED[verdict], question)
    assert set(document) == {"outcome", "query_id", "message", "conversation", "usage", "timings_ms"}, document
    assert document["message"] == "Which week is meant?" and "Several" not in str(document)
