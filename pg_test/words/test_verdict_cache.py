"""Remembered verdicts: a question that was allowed is not validated again, as long as nothing that the verdict rests on
has changed. The witness is how often the stand-in is asked to validate."""

import time

import pytest
from talk import GOOD_SQL, REJECTED


def validations(own) -> int:
    """Validations since the last look."""
    count = own.tasks().count("validation")
    own.standin.clear()
    return count


def known(own, talk, question: str, tenant: str = "brand-a", **more) -> bool:
    """Ask; whether the verdict was remembered."""
    own.standin.clear()
    talk.count(question, tenant, **more)
    return validations(own) == 0


def test_second_time_is_not_validated_in_any_backend(own, standin):
    question = own.rule()
    with own.talk() as one, own.talk() as two:
        assert not known(own, one, question)
        assert known(own, one, question)
        assert known(own, two, question), "the memory is shared"
        document = two.count(question)
        assert document["usage"]["model_calls"] == 1
    with own.talk() as three:
        assert known(own, three, question)
        assert known(own, three, question, sql=GOOD_SQL)


def test_other_tenants_and_other_words_are_other_questions(own, standin):
    question = own.rule()
    with own.talk() as talk:
        assert not known(own, talk, question)
        for tenant in ("brand-b", "brand-c"):
            assert not known(own, talk, question, tenant)
            assert known(own, talk, question, tenant)
        for spelling in (question + " ", question.upper(), question.replace("?", ""), question.replace(" ", "  ", 1)):
            standin.script.add([{"question": spelling, "verdict": "allow", "sql": GOOD_SQL}])
            assert not known(own, talk, spelling), spelling
        assert known(own, talk, question)


@pytest.mark.parametrize("verdict", REJECTED)
def test_refusals_are_not_remembered(own, standin, verdict):
    question = own.rule(verdict=verdict, message="No.")
    with own.talk() as talk:
        for _ in range(2):
            talk.declined(REJECTED[verdict], question)
            assert validations(own) == 1
        standin.script.add([{"question": question, "verdict": "allow", "sql": GOOD_SQL}])
        assert not known(own, talk, question)
        standin.script.add([{"question": question, "verdict": "reject", "message": "No.", "sql": GOOD_SQL}])
        assert known(own, talk, question), "the control: an allowed one is"


@pytest.mark.parametrize("fault", ["close", "malformed", "extra_field", "unknown_verdict", "stop_reason", "throttle"])
def test_faults_are_not_remembered(own, standin, fault):
    question = own.rule()
    with own.talk() as talk:
        standin.play(fault, task="validation")
        talk.fails(("38000", "08006"), question)
        standin.play()
        assert not known(own, talk, question)


def test_allowed_question_whose_sql_fails_is_remembered(own, standin):
    """The verdict is on the question; what became of the SQL is no part of it."""
    question = own.rule(sql="SELECT secret FROM vault")
    with own.talk() as talk:
        talk.fails("42P01", question)
        assert validations(own) == 1
        talk.fails("42P01", question)
        assert validations(own) == 0


CHANGES = {
    "comment on a column": ("COMMENT ON COLUMN sales.note IS 'what was said'", "COMMENT ON COLUMN sales.note IS NULL"),
    "comment on a table": ("COMMENT ON TABLE shops IS 'our shops'", "COMMENT ON TABLE shops IS NULL"),
    "table added": (
        "CREATE TABLE IF NOT EXISTS late (id int PRIMARY KEY); SELECT splitplane.share('late')",
        "SELECT splitplane.unprotect('late')",
    ),
    "column hidden": (
        "SELECT splitplane.protect('sales', '{\"tenant_id\": \"tenant\"}', ARRAY['sale_id', 'note'])",
        "SELECT splitplane.protect('sales', '{\"tenant_id\": \"tenant\"}')",
    ),
    "metric defined": (
        "SELECT splitplane.define_metric('profit', 'SELECT sum(amount) FROM sales', 'What is left')",
        "SELECT splitplane.undefine_metric('profit')",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_plane_is_validated_anew(own, standin, change):
    do, undo = CHANGES[change]
    question = own.rule()
    with own.talk() as talk:
        assert not known(own, talk, question)
        assert known(own, talk, question)
        own.boss.execute(do)
        try:
            assert not known(own, talk, question), "in a warm session"
            assert known(own, talk, question)
        finally:
            own.boss.execute(undo)
        talk.count(question)


@pytest.mark.parametrize(
    "settings",
    [
        {"splitplane__validator_model": "anthropic.claude-3-haiku-20240307-v1:0"},
        {"splitplane__model": "anthropic.claude-3-5-sonnet-20241022-v2:0"},
        {"splitplane__guardrail": "gr1234abcd"},
        {"splitplane__region": "us-east-1", "splitplane__endpoint": "http://127.0.0.1:{port}/"},
    ],
)
def test_other_model_is_asked_anew(own, standin, settings):
    question = own.rule()
    with own.talk() as talk:
        assert not known(own, talk, question) and known(own, talk, question)
    changed = {name: value.format(port=standin.port) for name, value in settings.items()}
    with own.talk(**changed) as talk:
        assert not known(own, talk, question) and known(own, talk, question)
    with own.talk() as talk:
        assert known(own, talk, question)


def test_history_is_part_of_the_question(own, standin):
    question = own.rule()
    conversation = "11111111-2222-3333-4444-555555555555"
    with own.talk() as talk:
        assert not known(own, talk, question)
        assert known(own, talk, question, conversation=conversation), "the first turn has no history"
        assert not known(own, talk, question, conversation=conversation)


def test_lifetime(own, standin):
    question = own.rule()
    with own.talk(splitplane__verdict_lifetime="1s") as talk:
        assert not known(own, talk, question)
        time.sleep(2.1)
        assert not known(own, talk, question)
    question = own.rule()
    with own.talk() as talk:
        assert not known(own, talk, question) and known(own, talk, question)
        time.sleep(1.1)
        with own.talk(splitplane__verdict_lifetime="1s") as hasty:
            assert not known(own, hasty, question), "a lifetime that was shortened counts at once"


def test_guardrail_stands_behind_a_remembered_verdict(own, standin):
    with own.talk(splitplane__guardrail="gr1234abcd") as talk:
        question = own.rule()
        assert not known(own, talk, question) and known(own, talk, question)
