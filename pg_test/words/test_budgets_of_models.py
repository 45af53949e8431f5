"""Budgets of what models cost: reserved before a model is asked, and afterwards exactly what the stand-in says it charged."""

import json
import time

import psycopg
import pytest
from splitplane_test.session import wait_until
from talk import GOOD_SQL, MODEL, Pending, in_flight

TENANT = "brand-a"


@pytest.fixture
def budgets(own):
    """A plane of which the budgets go away again."""
    yield own
    own.run("DELETE FROM splitplane.budget_limits")
    own.run("DELETE FROM splitplane.prices")


def set_budget(own, measure, amount, tenant=TENANT, period=None):
    """A period of its own for each test: what is used in one is not known in another."""
    set_budget.days += 1
    period = period or f"{set_budget.days} days"
    own.run("SELECT splitplane.set_budget(%s, %s, %s::numeric, %s)", tenant, measure, amount, period)


set_budget.days = 500


def used(own, measure):
    row = own.run("SELECT used, reserved FROM splitplane.budgets WHERE tenant = %s AND measure = %s", TENANT, measure)
    return float(row[0]), float(row[1])


def charged(standin):
    """(requests, tokens read, tokens written) that the stand-in has answered with."""
    replies = [record for record in standin.settle() if record.status == 200 and record.task]
    return len(replies)


def all_of_them(own):
    for measure, amount in (("calls", 1000), ("model_calls", 10_000), ("tokens", 100_000_000), ("cost", 1000)):
        set_budget(own, measure, amount)
    own.run("SELECT splitplane.set_price(%s, 3, 15)", MODEL)


def test_a_question_uses_what_the_stand_in_charged(budgets, standin):
    all_of_them(budgets)
    with budgets.talk() as talk:
        document = talk.count(budgets.rule())
    usage = document["usage"]
    assert usage["model_calls"] == charged(standin) == 2
    assert used(budgets, "calls") == (1, 0)
    assert used(budgets, "model_calls") == (2, 0)
    assert used(budgets, "tokens") == (usage["input_tokens"] + usage["output_tokens"], 0)
    cost = (3 * usage["input_tokens"] + 15 * usage["output_tokens"]) / 1e6
    spent, reserved = used(budgets, "cost")
    assert reserved == 0 and cost <= spent <= cost + 0.000002


def test_the_verdict_cache_saves_what_it_saves(budgets, standin):
    all_of_them(budgets)
    question = budgets.rule()
    with budgets.talk() as talk:
        first, second = talk.count(question)["usage"], talk.count(question)["usage"]
    assert (first["model_calls"], second["model_calls"]) == (2, 1)
    assert used(budgets, "calls") == (2, 0) and used(budgets, "model_calls") == (3, 0)
    tokens = sum(usage[kind] for usage in (first, second) for kind in ("input_tokens", "output_tokens"))
    assert used(budgets, "tokens") == (tokens, 0)


def test_a_verified_query_uses_a_call_and_no_model(budgets, standin):
    all_of_them(budgets)
    budgets.run("SELECT splitplane.verify_query('budgeted', 'How many sales were there in all?', %s)", GOOD_SQL)
    try:
        set_budget(budgets, "model_calls", 0)
        set_budget(budgets, "tokens", 0)
        with budgets.talk() as talk:
            assert talk.count("How many sales were there in all?")["source"] == "verified_query"
            assert charged(standin) == 0
            talk.fails("53400", budgets.rule())
        assert used(budgets, "calls") == (2, 0) and used(budgets, "tokens") == (0, 0)
    finally:
        budgets.run("SELECT splitplane.unverify_query('budgeted')")


@pytest.mark.parametrize("measure", ["calls", "model_calls", "tokens", "cost", "run_seconds"])
def test_over_a_budget_no_model_is_asked_and_nothing_is_read(budgets, standin, measure):
    all_of_them(budgets)
    set_budget(budgets, measure, 0.000001)
    question = budgets.rule()
    with budgets.talk() as talk:
        with budgets.unread(talk):
            for function in ("ask", "ask_dry_run"):
                error = talk.fails("53400", question, function=function)
                assert "budget of" in error.diag.message_primary
            assert not standin.settle(), "no request at all"
        budgets.run("SELECT splitplane.clear_budget(%s, %s)", TENANT, measure)
        assert talk.count(question), "the control"
        assert charged(standin) == 2


def test_sql_of_the_caller_needs_no_budget_of_models(budgets, standin):
    set_budget(budgets, "tokens", 0)
    with budgets.talk() as talk:
        assert talk.value(GOOD_SQL) == 50
    assert not standin.settle()


def test_a_cost_without_a_price_is_refused(budgets, standin):
    set_budget(budgets, "cost", 1000)
    question = budgets.rule()
    with budgets.talk() as talk:
        error = talk.fails("55000", question)
        assert "no price" in error.diag.message_primary and MODEL not in error.diag.message_primary
        assert not standin.settle()
        found = budgets.run("SELECT finding FROM splitplane.doctor() WHERE object LIKE 'budget of cost%'")
        said = "A model that splitplane asks has no price: questions that need a model are refused (55000)."
        assert found == (said,)
        budgets.run("SELECT splitplane.set_price(%s, 0.5, 1)", MODEL)
        assert talk.count(question)


def test_what_is_reserved_is_not_there_for_others(budgets, standin):
    """A second question is refused while the first is under way, and answered after it."""
    question, other = budgets.rule(), budgets.rule()
    needed = float(budgets.run("SELECT most / 1e6 FROM splitplane._budget_needs() WHERE measure = 'tokens'")[0])
    set_budget(budgets, "tokens", needed * 1.5)
    standin.play("hang", task="validation")
    with budgets.talk() as first, budgets.talk() as second:
        call = Pending(lambda: first.put(question))
        in_flight(standin, 1)
        error = second.fails("53400", other)
        assert "reserved by other calls; try again in" in error.diag.message_primary
        assert 0 < used(budgets, "tokens")[1] <= needed * 1.5
        standin.play()
        budgets.run("SELECT pg_cancel_backend(%s)", first.connection.info.backend_pid)
        assert call.join().error.sqlstate == "57014"
        spent, reserved = used(budgets, "tokens")
        assert reserved == 0 and spent > 500, "what was sent and not answered counts with the most that it may cost"
        wait_until(lambda: second.count(other), 10, "the second is answered")


@pytest.mark.parametrize("fault", ["close", "malformed", "unknown_verdict", "throttle"])
def test_nothing_stays_reserved_after_a_fault(budgets, standin, fault):
    all_of_them(budgets)
    standin.play(fault, task="validation")
    with budgets.talk() as talk:
        talk.fails(("38000", "08006"), budgets.rule())
    for measure in ("calls", "model_calls", "tokens", "cost"):
        assert used(budgets, measure)[1] == 0
    assert used(budgets, "calls")[0] == 1


@pytest.mark.parametrize("fault", ["text_instead", "stop_reason", "two_tools", "wrong_role"])
def test_replies_that_are_of_no_use_are_in_the_figures(budgets, standin, fault):
    """They are paid for. The control is a reply that broke off, of which nobody knows what it took."""
    figures = (
        "SELECT sum(input_tokens) + sum(output_tokens) FROM splitplane.stat_models WHERE purpose = 'validate'",
        "SELECT sum(input_tokens) + sum(output_tokens) FROM splitplane.stat_tenants WHERE tenant = 'brand-a'",
    )

    def grown(fault):
        before = [budgets.run(figure)[0] or 0 for figure in figures]
        standin.play(fault, task="validation")
        with budgets.talk() as talk:
            talk.fails(("38000", "08006"), budgets.rule())
        standin.play()
        return [budgets.run(figure)[0] - was for figure, was in zip(figures, before, strict=True)]

    assert grown("half_body")[0] == 0
    assert all(tokens > 0 for tokens in grown(fault)), fault


def test_repairs_are_charged(budgets, standin):
    all_of_them(budgets)
    question = budgets.rule(sql=["SELECT nothing FROM sales", GOOD_SQL])
    with budgets.talk() as talk:
        usage = talk.count(question)["usage"]
    assert usage["model_calls"] == 3
    assert used(budgets, "model_calls") == (3, 0)
    assert used(budgets, "tokens") == (usage["input_tokens"] + usage["output_tokens"], 0)


def test_administrators_do_not_count(budgets, standin):
    all_of_them(budgets)
    set_budget(budgets, "model_calls", 0, "*")
    question = budgets.rule()
    assert budgets.run("SELECT verdict FROM splitplane.validate(ARRAY[%s])", question) == ("allow",)
    assert used(budgets, "calls") == (0, 0) and used(budgets, "model_calls") == (0, 0)


def test_doctor_suggests_a_budget_where_a_model_has_none(budgets, standin):
    def suggested():
        return budgets.run("SELECT fix FROM splitplane.doctor() WHERE object = 'splitplane.budgets'")

    assert "set_budget" in suggested()[0]
    said = "A model is configured, and nothing limits what a tenant may spend on it."
    assert budgets.run("SELECT finding FROM splitplane.doctor() WHERE object = 'splitplane.budgets'") == (said,)
    set_budget(budgets, "tokens", 100_000_000, "*")
    assert suggested() is None
    set_budget(budgets, "tokens", 1000, "*")
    assert budgets.run("SELECT 1 FROM splitplane.doctor() WHERE object = 'budget of tokens of tenant *'")


def test_many_questions_at_once_never_use_more_than_there_is(budgets, standin):
    """Many at once against few model calls: what was used and reserved is never more, and what was answered fits."""
    needed = float(budgets.run("SELECT most / 1e6 FROM splitplane._budget_needs() WHERE measure = 'model_calls'")[0])
    amount = needed + 6
    set_budget(budgets, "model_calls", amount)
    questions = [budgets.rule() for _ in range(24)]

    def ask(question):
        with budgets.talk() as talk:
            try:
                return talk.put(question)["outcome"]
            except psycopg.Error as error:
                return error.sqlstate

    calls = [Pending(lambda question=question: ask(question)) for question in questions]
    deadline = time.monotonic() + 60
    while any(call.ended is None for call in calls) and time.monotonic() < deadline:
        assert sum(used(budgets, "model_calls")) <= amount
    outcomes = [call.join(60).answer for call in calls]
    assert set(outcomes) <= {"answered", "53400"} and "answered" in outcomes, json.dumps(outcomes)
    spent, reserved = used(budgets, "model_calls")
    assert reserved == 0 and spent == charged(standin) <= amount
