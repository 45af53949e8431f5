"""What is learned from an endpoint that refuses, in shared memory; and the settings of requests."""

import json

import pytest
from talk import MODEL

TEMPERATURE = "The model returned the following errors: `temperature` is deprecated for this model."


def lessons_of(words) -> list[str]:
    return [line for line in words.cluster.log_text().splitlines() if " for an hour: " in line]


@pytest.fixture
def settings(request):
    """A model that no other test speaks to: what is learned of one is kept for an hour."""
    name = request.node.name.removeprefix("test_").replace("_", "-")
    return {"splitplane__model": f"learner.{name}-v1:0"}


def test_a_lesson_is_shared_and_logged(words, standin, settings):
    with words.talk(**settings) as talk:
        standin.play("reject_form", form="tool")
        document = talk.count(words.rule())
        assert document["usage"]["model_calls"] == 2, "what was refused is no call"
        assert [record.form for record in standin.settle()].count("tool") == 2, "the control: it was refused first"
        assert [record.form for record in standin.settle()].count("native") == 2
    told = [line for line in lessons_of(words) if settings["splitplane__model"] in line]
    assert len(told) == 2 and any("to validate" in line for line in told) and any("to write" in line for line in told), told
    standin.clear()
    with words.talk(**settings) as other:
        other.count(words.rule(), "brand-b")
    assert {record.form for record in standin.settle()} == {"native"}, "another session knows"


def test_a_temperature_is_left_out(words, standin, settings):
    def temperatures():
        bodies = [json.loads(record.body) for record in standin.settle() if record.task == "generation"]
        return ["temperature" in body["inferenceConfig"] for body in bodies]

    with words.talk(**settings) as talk:
        standin.play("refuse", status=400, code="ValidationException", message=TEMPERATURE, task="generation", times=1)
        talk.count(words.rule())
        assert temperatures() == [True, False]
        standin.clear()
        talk.count(words.rule())
        assert temperatures() == [False]


def test_nothing_is_kept_where_the_second_request_fails(words, standin, settings):
    with words.talk(**settings) as talk:
        for _ in range(2):
            standin.clear()
            standin.play("refuse", status=400, code="ValidationException", message=TEMPERATURE, task="generation")
            with words.unread(talk):
                talk.fails("38000", words.rule())
            bodies = [json.loads(record.body) for record in standin.settle() if record.task == "generation"]
            assert ["temperature" in body["inferenceConfig"] for body in bodies] == [True, False]
    assert not [line for line in lessons_of(words) if settings["splitplane__model"] in line]


def test_words_in_the_place_of_the_forced_call(words, standin, settings):
    with words.talk(**settings) as talk:
        standin.play("text_instead", form="tool", task="generation")
        standin.play("stop_reason", form="tool", task="validation", reason="end_turn")
        document = talk.count(words.rule())
        assert document["usage"]["model_calls"] == 3, "the reply in words is paid for"
        standin.clear()
        assert talk.count(words.rule())["usage"]["model_calls"] == 2
        assert [(record.task, record.form) for record in standin.settle() if record.task == "generation"] == [("generation", "native")]


def test_sql_and_a_question_back_are_asked_for_again(words, standin):
    with words.talk(splitplane__max_repairs="1") as talk:
        standin.play("set_field", name="clarification", value="Which one?", task="generation", times=1)
        question = words.rule()
        assert talk.count(question)["usage"]["model_calls"] == 3
        last = standin.settle()[-1].asked.user
        assert "fill in exactly one of them" in last, "the model is told why"
        standin.play("set_field", name="clarification", value="Which one?", task="generation")
        with words.unread(talk):
            error = talk.fails("38000", words.rule())
        assert "both SQL and a clarification" in str(error)
    with words.talk(splitplane__max_repairs="0") as talk:
        with words.unread(talk):
            talk.fails("38000", words.rule())


def test_a_declined_question_is_not_asked_for_again(words, talk, standin):
    """What was written beside a verdict that says no is dropped unread, in whatever shape."""
    standin.play("set_field", name="clarification", value="Which one?", task="generation")
    # So that both are there before the verdict is.
    standin.play(latency_ms={"validation": 300})
    with words.unread(talk):
        talk.declined("refused", words.rule(verdict="reject", message="No."))
    assert words.tasks().count("generation") == 1


def test_settings_of_requests(words, standin):
    """The stand-in checks every request by Amazon's own service model."""
    more = {
        "splitplane__max_verdict_tokens": "321",
        "splitplane__max_sql_tokens": "4321",
        "splitplane__reasoning_effort": "low",
        "splitplane__service_tier": "flex",
        "splitplane__request_fields": '{"top_k": 5}',
    }
    with words.talk(**more) as talk:
        talk.count(words.rule())
        bodies = {record.task: json.loads(record.body) for record in standin.settle()}
    assert {task: body["inferenceConfig"]["maxTokens"] for task, body in bodies.items()} == {"validation": 321, "generation": 4321}
    for body in bodies.values():
        assert body["outputConfig"]["effort"] == "low" and body["serviceTier"] == {"type": "flex"}
        assert body["additionalModelRequestFields"] == {"top_k": 5}


@pytest.mark.parametrize("fields", ['{"messages": []}', '{"model": "x"}', '{"tools": []}', "[]", "{", '{"a": 1, "a": 2}'])
def test_fields_that_are_refused(words, standin, fields):
    with words.talk(splitplane__request_fields=fields) as talk, words.unread(talk):
        assert "splitplane.request_fields" in str(talk.fails("38000", words.rule()))
    assert not standin.requests


def test_one_call_after_the_other(words, standin):
    standin.play(latency_ms={"validation": 300})
    with words.talk(splitplane__sequential_model_calls="on") as talk:
        talk.count(words.rule())
        assert words.tasks() == ["validation", "generation"]
        standin.clear()
        talk.declined("refused", words.rule(verdict="reject", message="No."))
        assert words.tasks() == ["validation"], "a question that is declined costs no generation"
    with words.talk() as talk:
        standin.clear()
        talk.declined("refused", words.rule(verdict="reject", message="No."))
        assert sorted(words.tasks()) == ["generation", "validation"], "the control"


CHECK = "SELECT purpose, ok, detail FROM splitplane.check_model()"
DOCTOR = "SELECT severity, finding FROM splitplane.doctor() WHERE object = 'splitplane.model' AND finding LIKE 'splitplane.check_model%'"
CALLS = "SELECT purpose, sum(calls) FROM splitplane.stat_models WHERE model = %s AND result = %s AND calls > 0 GROUP BY 1 ORDER BY 1"


def test_check_model(words, standin):
    own = {"splitplane__guardrail": "gr1234abcd", "splitplane__guardrail_version": "1"}
    with words.admin() as admin:
        for name, value in own.items():
            admin.execute(f"SET {name.replace('__', '.')} = '{value}'")
        severity, finding = admin.execute(DOCTOR).fetchone()
        assert severity == "info" and "has not been run here" in finding
        words.run("SELECT splitplane.stat_reset()")
        rows = admin.execute(CHECK).fetchall()
        assert [(purpose, ok) for purpose, ok, _ in rows] == [(name, True) for name in ("validate", "write", "narrate", "guardrail")], rows
        tasks = sorted(words.tasks())
        assert len(tasks) == 4 and "narration" in tasks, tasks
        sent = " ".join(text for record in standin.requests for text in record.texts())
        assert "TABLE orders" in sent and "sales" not in sent, "nothing of the plane is sent"
        assert words.boss.execute(CALLS, (MODEL, "ok")).fetchall() == [("narrate", 1), ("validate", 1), ("write", 1)]
        standin.clear()
        severity, finding = admin.execute(DOCTOR).fetchone()
        assert severity == "info" and finding.endswith("all models answered."), finding
        assert not standin.requests, "doctor() calls none"
        standin.play("refuse", status=403, code="AccessDeniedException", message="User 111122223333 is not authorized.", task="generation")
        rows = {purpose: (ok, detail) for purpose, ok, detail in admin.execute(CHECK).fetchall()}
        assert [ok for ok, _ in rows.values()] == [True, False, True, True]
        assert "111122223333 is not authorized" in rows["write"][1] and "AccessDeniedException" in rows["write"][1]
        severity, finding = admin.execute(DOCTOR).fetchone()
        assert severity == "warning" and "write (" in finding and "validate (" not in finding
        admin.execute("SET splitplane.reasoning_effort = 'low'")
        severity, finding = admin.execute(DOCTOR).fetchone()
        assert severity == "info" and "other settings" in finding
        standin.play()
        admin.execute("SET splitplane.shadow_model = 'us.anthropic.claude-haiku-5-5'")
        rows = admin.execute(CHECK).fetchall()
        assert [(purpose, ok) for purpose, ok, _ in rows][3] == ("shadow", True) and len(rows) == 5, rows
        assert words.boss.execute(CALLS, ("us.anthropic.claude-haiku-5-5", "ok")).fetchall() == [("shadow", 1)]
        assert admin.execute(DOCTOR).fetchone()[1].endswith("all models answered.")
        admin.execute("SET splitplane.shadow_model = ''")
        assert "other settings" in admin.execute(DOCTOR).fetchone()[1]
        admin.execute("SET splitplane.api_key_file = '/absent'")
        rows = admin.execute(CHECK).fetchall()
        assert len(rows) == 4 and not any(ok for _, ok, _ in rows), rows
        admin.execute("SET splitplane.provider = 'none'")
        with pytest.raises(Exception, match="no model is configured"):
            admin.execute(CHECK)


def test_check_model_is_for_administrators(talk):
    with pytest.raises(Exception, match="permission denied"):
        talk.execute(CHECK)


def test_a_check_that_hangs_ends_at_the_deadline(words, standin):
    with words.admin() as admin:
        admin.execute("SET splitplane.deadline = '700ms'")
        standin.play("hang", task="validation")
        rows = {purpose: (ok, detail) for purpose, ok, detail in admin.execute(CHECK).fetchall()}
        assert not rows["validate"][0] and "splitplane.deadline" in rows["validate"][1] and rows["write"][0]
