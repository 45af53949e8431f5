"""Any OpenAI-compatible endpoint: the same stages over another wire format, with and without a key."""

import os
import pathlib

import pytest
from talk import GOOD_SQL, MODEL_STATES, REJECTED

FAULTS = [
    ("refuse", {"status": 404}),
    ("malformed", {}),
    ("non_utf8", {}),
    ("empty_body", {}),
    ("half_body", {}),
    ("close", {}),
    ("redirect", {}),
    ("huge", {}),
    ("duplicate_keys", {}),
    ("depth_bomb", {}),
    ("wrong_tool", {}),
    ("two_tools", {}),
    ("text_instead", {}),
    ("stop_reason", {"reason": "length"}),
    ("stop_reason", {"reason": "content_filter"}),
    ("extra_field", {}),
    ("missing_field", {}),
    ("mistyped_field", {}),
    ("empty_reply", {}),
    ("wrong_role", {}),
    ("wrong_place", {"where": "wrapper"}),
    ("wrong_place", {"where": "fields"}),
]


@pytest.fixture(scope="module")
def settings(model):
    return {"splitplane__provider": "openai", "splitplane__endpoint": model.openai_url, "splitplane__model": "llama-3.3-70b"}


@pytest.fixture
def open_door(standin):
    """The stand-in as a local server that asks for no key."""
    standin.allow_unsigned = True
    yield
    standin.allow_unsigned = False


@pytest.fixture(scope="module")
def key_file(words, model):
    """A file with the bearer key that only the server's user may read."""
    path = pathlib.Path(words.cluster.base) / "openai-key"
    path.write_text(model.bearer + "\n")
    path.chmod(0o600)
    owner = os.stat(words.cluster.data_dir)
    os.chown(path, owner.st_uid, owner.st_gid)
    return str(path)


def test_with_a_key(words, standin, settings, key_file):
    with words.talk(**settings, splitplane__api_key_file=key_file) as talk:
        document = talk.count(words.rule())
        assert document["source"] == "model" and document["usage"]["model_calls"] == 2
        assert document["usage"]["output_tokens"] > 0
    assert {record.authentication for record in standin.settle()} == {"bearer"}
    assert {record.operation for record in standin.requests} == {"chat"}
    assert {record.model for record in standin.requests} == {"llama-3.3-70b"}


def test_without_a_key(words, standin, settings, open_door):
    """No key is sent, not even the AWS ones that the environment holds."""
    with words.talk(**settings) as talk:
        talk.count(words.rule())
    assert {record.authentication for record in standin.settle()} == {"none"}


def test_without_a_key_where_one_is_needed(words, standin, settings):
    with words.talk(**settings) as talk, words.unread(talk):
        assert "401" in str(talk.fails("38000", words.rule()))


@pytest.mark.parametrize("verdict", REJECTED)
def test_verdicts(words, standin, settings, open_door, verdict):
    with words.talk(**settings) as talk, words.unread(talk):
        talk.declined(REJECTED[verdict], words.rule(verdict=verdict, message="No."))


@pytest.mark.parametrize("form", ["tool", "native", "json_object"])
def test_repairs_narration_and_follow_ups(words, standin, settings, open_door, form):
    more = {"splitplane__narrate": "rows", "splitplane__structured_output": form}
    conversation = f"22222222-0000-0000-0000-00000000000{len(form) % 10}"
    with words.talk(**settings, **more) as talk:
        first = words.rule(sql=["SELECT nope FROM sales", GOOD_SQL], answer="There were {0.0}.")
        document = talk.count(first, conversation=conversation)
        assert document["answer"] == "There were 50." and document["usage"]["model_calls"] == 4
        talk.count(words.rule(), conversation=conversation)
    assert first in standin.settle()[-2].asked.user
    assert {record.form for record in standin.requests} == {form}


@pytest.mark.parametrize("form", ["tool", "native", "json_object"])
@pytest.mark.parametrize("task", ["validation", "generation"])
def test_malformed_replies(words, standin, settings, open_door, form, task):
    with words.talk(**settings, splitplane__structured_output=form) as talk:
        for fault, options in FAULTS:
            if fault == "two_tools" and form != "tool":
                continue
            standin.play(fault, task=task, **options)
            with words.unread(talk):
                talk.fails(MODEL_STATES, words.rule())
            standin.play()
        talk.count(words.rule())


def test_fallback_between_forms(words, standin, settings, open_door):
    with words.talk(**settings) as talk:
        talk.count(words.rule())
        first = standin.settle()[0].form
    other = {"tool": "native", "native": "tool"}[first]
    with words.talk(**settings) as talk:
        standin.play("reject_form", form=first)
        talk.count(words.rule())
        standin.clear()
        talk.count(words.rule())
        assert {record.form for record in standin.settle()} == {other}


def test_an_object_where_the_endpoint_names_it(words, standin, settings, open_door):
    """A server that knows the type alone is asked so, and by a tool where it takes no notice of the schema or refuses it."""
    forms = {"json_object": [], "tool": [("reject_form", {"form": "json_object"})]}
    for form, more in forms.items():
        standin.play("reject_form", form="native", takes="json_object")
        for fault, options in more:
            standin.play(fault, **options)
        with words.talk(**{**settings, "splitplane__model": f"llama-named-{form}"}) as talk:
            talk.count(words.rule())
            before = len(standin.settle())
            talk.count(words.rule())
        assert {record.form for record in standin.settle()[before:]} == {form}
        standin.play()


def test_an_object_of_another_shape(words, standin, settings, open_door):
    """Where the form is configured, an object that the schema does not allow is no reply; else a tool is called."""
    for fault, options in (("extra_field", {}), ("missing_field", {})):
        standin.play(fault, form="json_object", **options)
        with words.talk(**settings, splitplane__structured_output="json_object") as talk, words.unread(talk):
            assert "another shape" in str(talk.fails("38000", words.rule()))
        standin.play("reject_form", form="native", takes="json_object")
        with words.talk(**{**settings, "splitplane__model": f"llama-{fault}"}) as talk:
            talk.count(words.rule())
        standin.play()


def test_hang_and_deadline(words, standin, settings, open_door):
    with words.talk(**settings, splitplane__deadline="700ms") as talk:
        for task in ("validation", "generation"):
            standin.play("hang", task=task)
            talk.fails("57014", words.rule())
            standin.play()
        assert all(record.finished for record in standin.settle(3))
        talk.count(words.rule())


def test_settings_that_do_not_fit(words, standin, settings):
    for changed in (
        {"splitplane__guardrail": "gr1234abcd"},
        {"splitplane__endpoint": "http://example.com/v1"},
        {"splitplane__api_key_file": "/absent"},
    ):
        with words.talk(**{**settings, **changed}) as talk, words.unread(talk):
            talk.fails("38000", words.rule())
    assert not standin.requests
