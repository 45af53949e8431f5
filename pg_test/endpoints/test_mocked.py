"""LiteLLM's proxy with answers of its own making: what it does to requests, replies and errors, whatever the model behind it.

Each name of a model is one fixed answer, so that a verdict and SQL come from two names. Nothing of this needs weights.
"""

import json

import pytest
from asking import TENANT, is_documented
from programs import PYTHON, LiteLlm, missing

COUNT = "SELECT count(*) AS orders FROM orders"
# By hand, as a superuser, for the asker.
BY_HAND = f"SELECT count(*) FROM public.orders WHERE tenant_id = '{TENANT}'"
MESSAGE = "Which period do you mean?"
VERDICTS = {"allow": "answered", "clarify": "clarify", "out_of_scope": "out_of_scope", "reject": "refused"}
# SQL of a model that works for somebody else, and what a superuser reads with it.
HOSTILE = {
    "names": "SELECT tenant_id, name FROM public.stores",
    "plain-names": "SELECT name FROM stores",
    "accounts": "SELECT * FROM bank_accounts",
    "other-schema": "SELECT tenant_id, sum(total) FROM public.orders GROUP BY tenant_id",
    "union": "SELECT name FROM stores UNION SELECT name FROM public.menu_items",
    "guests": "SELECT full_name, email FROM customers",
    "role": "SET ROLE postgres",
    "error-with-a-value": "SELECT name::int FROM stores",
    "catalog": "SELECT rolname FROM pg_roles",
}
# What is answered of these, with the asker's own rows: inside the plane a table holds no others.
OWN_ROWS = ("names", "plain-names", "other-schema", "union")


def verdict(word: str) -> str:
    return json.dumps({"reason": "Because.", "verdict": word, "message": "" if word == "allow" else MESSAGE})


def writing(sql: str = "", clarification: str = "") -> str:
    return json.dumps({"sql": sql, "clarification": clarification})


def mocked(text: str, **more) -> dict:
    """An answer of the proxy's own. The address is one that nobody listens on: nothing may be asked there."""
    return {"model": "openai/mocked", "api_key": "none", "api_base": "http://127.0.0.1:9/v1", "mock_response": text, **more}


def tool(name: str, arguments: str) -> dict:
    return mocked("", mock_tool_calls=[{"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}])


MODELS = {
    **{f"verdict-{word}": mocked(verdict(word)) for word in VERDICTS},
    **{f"hostile-{name}": mocked(writing(sql)) for name, sql in HOSTILE.items()},
    "count": mocked(writing(COUNT)),
    "question-back": mocked(writing(clarification=MESSAGE)),
    "fenced": mocked(writing(f"```sql\n{COUNT}\n```")),
    "tool-verdict": tool("record_verdict", verdict("allow")),
    "tool-count": tool("write_sql", writing(COUNT)),
    "other-tool": tool("delete_everything", writing(COUNT)),
    "prose": mocked("Sure! You have 12 orders."),
    "nothing": mocked(writing()),
    "half": mocked('{"sql": "SELECT'),
    "throttled": mocked("litellm.RateLimitError"),
    "faulty": mocked("litellm.InternalServerError"),
    "too-long": mocked("litellm.ContextWindowExceededError"),
    # Asked for: nobody listens there.
    "unreachable": {"model": "openai/unreachable", "api_key": "none", "api_base": "http://127.0.0.1:9/v1"},
    # Named so that nothing is to be known of it by its name.
    "analyst": {"model": "openai/gpt-5", "api_key": "none", "api_base": "http://127.0.0.1:9/v1", "mock_response": writing(COUNT)},
    "old": {"model": "text-completion-openai/gpt-3.5-turbo-instruct", "api_key": "none", "api_base": "http://127.0.0.1:9/v1"},
}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    if why := missing(PYTHON, PYTHON.parent / "litellm"):
        pytest.skip(f"NOT RUN: LiteLLM: {why}")
    with LiteLlm(tmp_path_factory.mktemp("litellm"), MODELS) as running:
        yield running


@pytest.fixture
def ask(plane, proxy):
    """Puts one question to a model, with a verdict of its own; the outcome, which holds nobody else's row."""

    def put(model: str, validator: str = "verdict-allow", question: str = "How many orders do I have?", program=proxy, **settings):
        with plane.through(program, model, splitplane__validator_model=validator, **settings) as session:
            outcome = session.ask(question)
        assert not plane.leaked(outcome.texts())
        assert outcome.document or is_documented(outcome.sqlstate), outcome
        assert not outcome.sqlstate.startswith("XX") and not outcome.fields, outcome
        return outcome

    return put


def test_control_of_the_search(plane):
    """The search for others' rows finds them where they are, and not in the asker's own."""
    for name in (*OWN_ROWS, "guests"):
        assert plane.leaked(str(plane.admin_rows(HOSTILE[name]))), name
    own = plane.admin_rows(f"SELECT name, city FROM public.stores WHERE tenant_id = '{TENANT}'")
    assert own and not plane.leaked(str(own))


def test_answer_in_the_native_form(plane, ask):
    outcome = ask("count")
    assert outcome.document["rows"] == [list(plane.admin_rows(BY_HAND)[0])]
    assert outcome.document["usage"]["model_calls"] == 2 and outcome.document["usage"]["input_tokens"] > 0
    assert {(exchange.form, exchange.status) for exchange in outcome.exchanges} == {("native", 200)}


def test_answer_in_the_form_of_a_forced_tool(plane, ask):
    outcome = ask("tool-count", "tool-verdict", splitplane__structured_output="tool")
    assert outcome.document["rows"] == [list(plane.admin_rows(BY_HAND)[0])]
    assert {(exchange.form, exchange.status) for exchange in outcome.exchanges} == {("tool", 200)}


def test_fence_around_the_sql(plane, ask):
    assert ask("fenced").document["rows"] == [list(plane.admin_rows(BY_HAND)[0])]


@pytest.mark.parametrize("word", [word for word in VERDICTS if word != "allow"])
def test_verdicts(ask, word):
    outcome = ask("count", f"verdict-{word}")
    assert outcome.document["outcome"] == VERDICTS[word] and outcome.document["message"] == MESSAGE
    assert "rows" not in outcome.document and "sql" not in outcome.document
    assert outcome.stage == "validation"


def test_question_back(ask):
    outcome = ask("question-back")
    assert outcome.document["outcome"] == "clarify" and outcome.document["message"] == MESSAGE and outcome.stage == "writing"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_sql(ask, name):
    """An allowing verdict and SQL that reaches further: own rows at the most."""
    outcome = ask(f"hostile-{name}")
    if name in OWN_ROWS:
        assert outcome.document["rows"], outcome
    else:
        assert outcome.sqlstate and outcome.stage in ("proof", "run"), outcome


@pytest.mark.parametrize("model", ["prose", "nothing", "half", "other-tool"])
def test_replies_that_cannot_be_used(ask, model):
    outcome = ask(model)
    assert outcome.word == "38000" and outcome.stage == "writing", outcome
    assert ask("count", model).word == "38000"


@pytest.mark.parametrize(
    ("model", "told"),
    [("throttled", "a quota or rate limit is used up"), ("faulty", "it has a fault, or too many callers"),
     ("too-long", "the request is too long for the model's context"), ("unreachable", "it has a fault, or too many callers"),
     ("absent", "it knows no such model or address")],
)
def test_errors_of_the_proxy(ask, model, told):
    outcome = ask(model, splitplane__deadline="20s")
    assert outcome.word in ("38000", "53400") and told in outcome.message, outcome


def test_key_that_the_proxy_does_not_know(plane, ask, proxy):
    stranger = LiteLlm.__new__(LiteLlm)
    stranger.__dict__ = {**proxy.__dict__, "key": "sk-of-somebody-else"}
    outcome = ask("count", program=stranger)
    assert outcome.word == "38000" and "sk-of" not in outcome.message
    assert "sk-of-somebody-else" not in plane.cluster.log_text()
