"""Replies of any other form than the one asked for: an error, never an answer, and nothing is executed.

Every behaviour of the stand-in is played for validation and for generation, in both forms. What is still a well-formed
reply, sent in an odd but honest manner, is answered.
"""

import pytest
from splitplane_test.standin import FAULTS
from talk import GOOD_SQL, MODEL_STATES

FORMS = ("tool", "native")
TASKS = ("validation", "generation")
# Honest however it is sent, or not of this task: answered.
HARMLESS = {"chunked", "content_type", "reasoning_beside", "unknown_action"}
# Text beside a forced call is what models do; beside native output it is a second text.
HARMLESS_AS_TOOL = {"text_beside"}
# These last until the deadline (test_waiting.py) or are tried again after pauses of seconds (test_faults.py).
ENDLESS = {"hang", "drip", "throttle", "refuse"}
STOP_REASONS = (
    "max_tokens",
    "stop_sequence",
    "guardrail_intervened",
    "content_filtered",
    "malformed_model_output",
    "malformed_tool_use",
    "model_context_window_exceeded",
    "refusal",
    "TOOL_USE",
    "",
    None,
)
FIELDS = {"validation": ("verdict", "reason", "message"), "generation": ("sql", "clarification")}


@pytest.fixture(scope="module", params=FORMS)
def held(request, words):
    """A session whose replies are held to one form, without repairs."""
    with words.talk(splitplane__structured_output=request.param, splitplane__max_repairs="0") as talk:
        talk.form = request.param
        yield talk


@pytest.fixture(params=TASKS)
def spoilt(request, words, held, standin):
    """A function that has one task's replies spoilt and the answer refused."""

    def play(fault, **options):
        standin.play()
        standin.play(fault, task=request.param, **options)
        with words.unread(held):
            error = held.fails(MODEL_STATES, words.rule())
        standin.play()
        return error

    play.task = request.param
    return play


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - ENDLESS))
def test_each_fault(words, held, standin, spoilt, fault):
    harmless = HARMLESS | (HARMLESS_AS_TOOL if held.form == "tool" else set())
    options = {"form": held.form} if fault == "reject_form" else {}
    if fault in harmless:
        # The guardrail's own fault means nothing here, and is played for nothing.
        if fault != "unknown_action":
            standin.play(fault, task=spoilt.task, **options)
        held.count(words.rule())
    else:
        spoilt(fault, **options)
    held.count(words.rule())


def test_list_of_faults_is_known():
    assert HARMLESS | HARMLESS_AS_TOOL | ENDLESS <= set(FAULTS)
    assert len(set(FAULTS) - HARMLESS - HARMLESS_AS_TOOL - ENDLESS) >= 22, "the control: the list is not empty"


def test_each_stop_reason(words, held, spoilt):
    # A call is one however the turn ends.
    other = () if held.form == "tool" else ("tool_use",)
    for reason in (*STOP_REASONS, *other):
        if reason is not None:
            spoilt("stop_reason", reason=reason or "unheard_of")


def test_each_field_missing_or_of_another_type(spoilt):
    for name in FIELDS[spoilt.task]:
        spoilt("missing_field", name=name)
        for value in (None, True, 0, 1.5, [], ["allow"], {}, {"text": "allow"}):
            spoilt("mistyped_field", name=name, value=value)
    for name in ("Verdict", "verdict ", "SQL", "", "answer", "__proto__"):
        spoilt("extra_field", name=name, value="allow")


@pytest.mark.parametrize("spoilt", ["validation"], indirect=True)
def test_words_that_are_nearly_a_verdict(spoilt):
    for word in ("Allow", "ALLOW", " allow", "allow ", "allow\n", "allowed", "allow\u200b", "\uff41llow", "", "true", "yes"):
        spoilt("set_field", name="verdict", value=word)
    for word in ("clarify", "out_of_scope", "reject"):
        spoilt("set_field", name="verdict", value=word)  # without a message there is nothing to tell
    spoilt("set_field", name="reason", value="x" * 2001)


@pytest.mark.parametrize("spoilt", ["generation"], indirect=True)
def test_writing_that_is_neither_or_both(spoilt):
    for name, value in (("sql", ""), ("sql", " \n\t"), ("clarification", "Which one?")):
        spoilt("set_field", name=name, value=value)


def test_object_in_the_wrong_place(spoilt):
    for place in ("wrapper", "fields"):
        spoilt("wrong_place", where=place)
    for text in ("allow", '{"verdict": "allow"}', GOOD_SQL, "null", "[]", '{"verdict": "allow", "reason": "ok", "message": ""} {}'):
        spoilt("text_instead", text=text)


def test_other_names_depths_and_roles(spoilt):
    for name in ("Record_verdict", "record_verdict_", "write_sql-", "tell_answer", "a"):
        spoilt("wrong_tool", name=name)
    for depth in (1, 2, 126, 127, 128, 129, 200):
        spoilt("depth_bomb", depth=depth)
    for role in ("user", "system", "Assistant", "tool", ""):
        spoilt("wrong_role", role=role)
    spoilt("duplicate_keys", top=True)


def test_statuses_that_are_not_200(words, held, spoilt, standin):
    for status in (201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 409, 418, 501, 599):
        error = spoilt("refuse", status=status)
        assert str(status) in error.diag.message_primary, error
    for status in (301, 302, 303, 307, 308):
        standin.clear()
        spoilt("redirect", status=status, location=f"{standin.url}/elsewhere")
        assert all(record.operation == "Converse" for record in standin.settle()), "the redirect was followed"
    error = spoilt("refuse", status=403, code="NoSuch\r\nCode<script>", message="CANARY-of-the-endpoint")
    assert "CANARY" not in str(error) and "script" not in str(error)


def test_fifty_megabytes_are_not_read(words, held, spoilt, standin):
    for chunked in (False, True):
        standin.clear()
        error = spoilt("huge", bytes=50_000_000, chunked=chunked)
        assert error.sqlstate == "38000" and "4 MiB" in error.diag.message_primary
        spoilt_ones = [record for record in standin.settle() if record.fault == "huge"]
        assert spoilt_ones and all(record.abandoned and record.sent < 20_000_000 for record in spoilt_ones)


def test_tool_form_and_native_form(words, held, standin):
    held.count(words.rule())
    assert {record.form for record in standin.settle()} == {held.form}


def test_fallback_between_forms_is_remembered(words, standin):
    """`auto` begins with a forced tool for this model, tries the other form once, and stays with what worked."""
    # What is learned is kept for an hour: a model that no other test speaks to.
    own = {"splitplane__model": "learner.fallback-v1:0"}
    with words.talk(**own) as talk:
        standin.play("reject_form", form="tool")
        talk.count(words.rule())
        forms = sorted(record.form for record in standin.settle())
        assert forms.count("native") == 2 and forms.count("tool") in (1, 2), forms
        standin.clear()
        talk.count(words.rule())
        assert [record.form for record in standin.settle()] == ["native", "native"]
        standin.play()
        standin.play("refuse", status=400)
        talk.fails("38000", words.rule())
    with words.talk(**own) as talk:
        standin.play()
        standin.clear()
        talk.count(words.rule())
        assert {record.form for record in standin.settle()} == {"native"}, "what one backend learned is another's, too"
    with words.talk() as talk:
        standin.clear()
        talk.count(words.rule())
        assert {record.form for record in standin.settle()} == {"tool"}, "the control: of another model nothing is known"
    with words.talk(**own, splitplane__structured_output="tool") as talk:
        standin.play("reject_form", form="tool")
        talk.fails("38000", words.rule())
