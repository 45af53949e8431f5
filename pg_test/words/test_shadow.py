"""A second model beside the first: what it writes is compared and counted, and never reaches the answer."""

import json
import time

import pytest
from splitplane_test.session import wait_until
from talk import GOOD_SQL, MODEL, Pending

SHADOW = "us.amazon.nova-pro-v1:0"
BESIDE = {"splitplane__shadow_model": SHADOW, "splitplane__shadow_share": "1"}
ROWS = "SELECT purpose, result, calls, seconds FROM splitplane.stat_models WHERE model = %s AND calls > 0"


@pytest.fixture(autouse=True)
def from_the_start(words):
    words.run("SELECT splitplane.stat_reset()")


def figures(words) -> dict:
    return {(purpose, result): (calls, seconds) for purpose, result, calls, seconds in words.boss.execute(ROWS, (SHADOW,)).fetchall()}


def counted(words) -> dict:
    return {kind: calls for kind, (calls, _) in figures(words).items()}


def planted(words, sql, **more) -> str:
    """A question that the second model answers with this SQL, and the first with `GOOD_SQL`."""
    question = words.rule()
    words.standin.script.add([{"question": question, "model": SHADOW, "verdict": "allow", "sql": sql, **more}])
    return question


def asked(standin) -> dict:
    models = {}
    for record in standin.settle():
        models.setdefault(record.model, []).append(record.task)
    return {model: sorted(tasks) for model, tasks in models.items()}


@pytest.mark.parametrize(
    "sql,beside",
    [
        (GOOD_SQL, "agrees"),
        ("SELECT sum(1.0)::numeric AS n FROM sales", "agrees"),
        ("SELECT count(*) + 1 FROM sales", "differs"),
        ("SELECT count(*), 1 FROM sales", "differs"),
        ("SELECT secret FROM vault", "fails"),
        ("SELECT 1 / (amount - amount) FROM sales", "fails"),
        ("SELECT", "fails"),
        ("", "fails"),
    ],
)
def test_what_it_writes_is_compared(words, standin, sql, beside):
    with words.talk(**BESIDE) as talk:
        document = talk.count(planted(words, sql))
    assert document["sql"] == GOOD_SQL and document["usage"]["model_calls"] == 2
    assert SHADOW not in json.dumps(document) and "shadow" in document["timings_ms"]
    assert asked(standin) == {MODEL: ["generation", "validation"], SHADOW: ["generation"]}
    assert counted(words) == {("shadow", "ok"): 1, ("compare", beside): 1}
    assert figures(words)["compare", beside][1] > 0


@pytest.mark.parametrize("fault,options", [("close", {}), ("refuse", {"status": 400}), ("malformed", {})])
def test_its_faults_are_its_own(words, standin, fault, options):
    question = planted(words, GOOD_SQL, play={"fault": fault, **options})
    with words.talk(**BESIDE) as talk:
        talk.count(question)
    assert counted(words).get(("compare", "fails")) == 1


def test_it_is_not_waited_for_past_half_of_the_deadline(words, standin):
    question = planted(words, GOOD_SQL, play={"fault": "hang"})
    with words.talk(**BESIDE, splitplane__deadline="2s") as talk:
        began = time.monotonic()
        talk.count(question)
        assert 0.8 < time.monotonic() - began < 1.8
    assert counted(words) == {("shadow", "abandoned"): 1, ("compare", "skipped"): 1}


def test_its_sql_is_not_run_when_half_of_the_deadline_is_over(words, standin):
    standin.play(latency_ms={"validation": 1200})
    with words.talk(**BESIDE, splitplane__deadline="2s") as talk:
        talk.count(planted(words, GOOD_SQL))
    assert counted(words) == {("shadow", "ok"): 1, ("compare", "skipped"): 1}


def test_it_runs_at_the_same_time(words, standin):
    standin.play(latency_ms={"generation": 500, "validation": 500})
    with words.talk(**BESIDE) as talk:
        talk.count(words.rule())
        talk.connection.rollback()
        began = time.monotonic()
        talk.count(planted(words, GOOD_SQL))
        assert time.monotonic() - began < 0.95, "not one after the other"


def test_a_cancel_ends_both(words, standin):
    """Also while the second alone is waited for: the call is the caller's."""
    question = planted(words, GOOD_SQL, play={"fault": "hang"})
    with words.talk(**BESIDE) as talk:
        for task in ("validation", None):
            standin.clear()
            if task:
                standin.play("hang", task=task)
            call = Pending(lambda: talk.put(question))
            wait_until(lambda: sum(record.finished is None for record in standin.requests) == (2 if task else 1)
                       and len(standin.requests) >= (3 if task else 2), 10, "it waits")
            words.run("SELECT pg_cancel_backend(%s)", talk.pid)
            call.join()
            assert call.error is not None and call.error.sqlstate == "57014", (task, call.answer, call.error)
            standin.play()
        talk.count(words.rule())


def test_share(words, standin):
    with words.talk(**{**BESIDE, "splitplane__shadow_share": "0"}) as talk:
        talk.count(planted(words, GOOD_SQL))
    assert not counted(words)
    with words.talk(**{**BESIDE, "splitplane__shadow_share": "0.5"}) as talk:
        for _ in range(24):
            talk.count(planted(words, GOOD_SQL))
    # Outside of this once in some millions of runs.
    assert 1 <= counted(words)["compare", "agrees"] <= 23


def test_what_is_declined_or_needs_no_model_has_none(words, own, standin):
    with words.talk(**BESIDE) as talk:
        for _ in range(5):
            talk.declined("refused", words.rule(verdict="reject", message="No."))
        talk.say(words.rule(), sql="SELECT max(amount) FROM sales")
        wait_until(lambda: not any(purpose == "compare" for purpose, _ in counted(words)), 1, "nothing was compared")
    assert set(asked(standin).get(SHADOW, [])) <= {"generation"}


def test_rows_are_there_from_the_start(words):
    everything = "SELECT purpose, result FROM splitplane.stat_models WHERE model = %s"
    assert words.boss.execute(everything, (SHADOW,)).fetchall() == []
    words.boss.execute(f"SET splitplane.shadow_model = '{SHADOW}'")
    try:
        rows = words.boss.execute(everything, (SHADOW,)).fetchall()
        assert len(rows) == 7 + 4 and {purpose for purpose, _ in rows} == {"shadow", "compare"}
        assert {result for purpose, result in rows if purpose == "compare"} == {"agrees", "differs", "fails", "skipped"}
    finally:
        words.boss.execute("RESET splitplane.shadow_model")


def test_only_answers_that_are_compared_ask_it(words, standin):
    """The two other entry points compare nothing, so nothing is spent for them."""
    with words.talk(**BESIDE) as talk:
        talk.put(words.rule(), function="ask_dry_run")
        question = words.rule()
        rows = "SELECT * FROM ask_rows(%s::text::jsonb, %s) AS t(sales bigint)"
        assert len(talk.connection.execute(rows, (json.dumps(words.sign(question, "brand-a")), question)).fetchall()) == 1
    assert SHADOW not in asked(standin) and not counted(words)


def test_a_cancel_while_its_sql_runs_ends_the_call(words, standin):
    """By the caller: the second model's errors are its own, a cancel is not."""
    question = planted(words, "SELECT count(*) FROM sales a, sales b, sales c, sales d, sales e, sales f")
    with words.talk(**BESIDE, splitplane__deadline="20s") as talk:
        talk.execute("SET statement_timeout = '1500ms'")
        talk.fails("57014", question)
        talk.execute("RESET statement_timeout")
        talk.count(words.rule())


def test_many_rows_are_not_compared(words, standin):
    many = "SELECT n FROM generate_series(1, 1001) AS n"
    with words.talk(**BESIDE, splitplane__max_rows="5000") as talk:
        question = words.rule(sql=many)
        words.standin.script.add([{"question": question, "model": SHADOW, "verdict": "allow", "sql": many}])
        assert len(talk.say(question)["rows"]) == 1_001
    assert counted(words)["compare", "skipped"] == 1
