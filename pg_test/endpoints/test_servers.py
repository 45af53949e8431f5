"""Small real models behind llama.cpp's server, llama-cpp-python's, and LiteLLM's proxy in front of both, asked by the extension.

What such a model writes is seldom right, and that is the point: whatever it writes, a call ends in own rows, a question back or a documented
refusal. Deadlines are short, since a small model may write without an end.
"""

import json
from statistics import median

import pytest
from asking import is_documented
from programs import LLAMA_SERVER, PYTHON, WEIGHTS, LiteLlm, LlamaCpp, LlamaCppPython, missing
from splitplane_test.cluster import ROOT
from splitplane_test.standin.asked import GENERATION, VALIDATION

SMALL = WEIGHTS["SmolLM2-135M-Instruct Q4_1"]
BASE = WEIGHTS["gemma-3-270m Q4_K_M"]
BINDING = PYTHON.parent.parent / "binding.installed"
# Two cores that do nothing else take some 10 s for a call. A small model may write without an end, and is cut off.
SHORT = {"splitplane__deadline": "300s", "splitplane__max_verdict_tokens": "200", "splitplane__max_sql_tokens": "200"}
QUESTIONS = [rule["question"] for rule in json.loads((ROOT / "demo/questions.json").read_text())["rules"]]
STACKS = ("llama.cpp", "llama-cpp-python", "LiteLLM, llama.cpp", "LiteLLM, llama-cpp-python")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="module")
def llama(folder):
    if why := missing(LLAMA_SERVER, SMALL):
        pytest.skip(f"NOT RUN: llama.cpp: {why}")
    with LlamaCpp(folder, SMALL) as running:
        yield running


@pytest.fixture(scope="module")
def python(folder):
    if why := missing(PYTHON, BINDING, SMALL):
        pytest.skip(f"NOT RUN: llama-cpp-python: {why}")
    with LlamaCppPython(folder, SMALL) as running:
        yield running


@pytest.fixture(scope="module")
def stack(request, folder):
    """One of STACKS: the program that is asked, and its name for the model."""

    def of(name: str):
        front, _, behind = name.rpartition(", ")
        program = request.getfixturevalue("llama" if behind == "llama.cpp" else "python")
        if not front:
            return program, "small"
        proxy = request.getfixturevalue("proxy")
        return proxy, behind

    return of


@pytest.fixture(scope="module")
def proxy(request, folder):
    if why := missing(PYTHON, PYTHON.parent / "litellm"):
        pytest.skip(f"NOT RUN: LiteLLM: {why}")
    models = {name: LiteLlm.front(request.getfixturevalue(fixture)) for name, fixture in (("llama.cpp", "llama"), ("llama-cpp-python", "python"))}
    with LiteLlm(folder, models) as running:
        yield running


def ended_well(plane, outcome) -> None:
    """Rows of the asker's own, a message, or a refusal that the reference has."""
    leaked = plane.leaked(outcome.texts())
    assert not leaked, f"{outcome.question}: {leaked}"
    assert outcome.document or is_documented(outcome.sqlstate), outcome
    assert not outcome.sqlstate.startswith("XX") and not outcome.fields, outcome


@pytest.mark.parametrize("form", ["tool", "native", "json_object"])
@pytest.mark.parametrize("name", STACKS)
def test_call_in_a_form_that_was_set(plane, stack, name, form):
    """Whether the server has the form or not."""
    program, model = stack(name)
    with plane.through(program, model, splitplane__structured_output=form, **SHORT) as session:
        ended_well(plane, session.ask(QUESTIONS[0]))


@pytest.mark.parametrize("name", STACKS)
def test_a_form_is_found(plane, stack, name):
    """Without any setting but endpoint, model and key there are verdicts of the form that was asked for."""
    program, model = stack(name)
    with plane.through(program, model, **SHORT) as session:
        outcomes = [session.ask(question) for question in QUESTIONS[:2]]
    for outcome in outcomes:
        ended_well(plane, outcome)
    assert any(outcome.verdict in ("allow", "clarify", "out_of_scope", "reject") for outcome in outcomes), [
        (exchange.form, exchange.status, exchange.text[:500]) for outcome in outcomes for exchange in outcome.of(VALIDATION)
    ]


def test_another_key_is_refused(plane, llama):
    stranger = LlamaCpp.__new__(LlamaCpp)
    stranger.__dict__ = {**llama.__dict__, "key": "sk-of-somebody-else"}
    with plane.through(stranger) as session:
        outcome = session.ask(QUESTIONS[0])
    ended_well(plane, outcome)
    assert outcome.sqlstate == "38000" and "the credentials are not accepted" in outcome.message


def test_plane_longer_than_the_context(plane, folder):
    if why := missing(LLAMA_SERVER, SMALL):
        pytest.skip(f"NOT RUN: llama.cpp: {why}")
    with LlamaCpp(folder, SMALL, more=("--ctx-size", "2048")) as running, plane.through(running) as session:
        outcome = session.ask(QUESTIONS[0])
    ended_well(plane, outcome)
    assert outcome.sqlstate == "38000" and "too long" in outcome.message


def test_endpoint_that_ends(plane, folder):
    """The server is stopped between two questions."""
    if why := missing(LLAMA_SERVER, SMALL):
        pytest.skip(f"NOT RUN: llama.cpp: {why}")
    with LlamaCpp(folder, SMALL) as running, plane.through(running, splitplane__deadline="20s") as session:
        running.stop()
        outcome = session.ask(QUESTIONS[0])
    ended_well(plane, outcome)
    assert outcome.sqlstate in ("08006", "57014", "53400")


def test_a_model_that_was_not_taught_to_talk(plane, folder):
    if why := missing(LLAMA_SERVER, BASE):
        pytest.skip(f"NOT RUN: gemma-3-270m: {why}")
    with LlamaCpp(folder, BASE) as running, plane.through(running, **SHORT) as session:
        for question in QUESTIONS[:2]:
            ended_well(plane, session.ask(question))


@pytest.mark.parametrize("name", STACKS)
def test_sql_of_a_small_model(unvalidated, stack, name):
    """Without a verdict, which such a model seldom gives, its SQL is proved and run. What of it passes is own rows.

    Some replies never end and are cut off: of three questions one at least has a whole one.
    """
    program, model = stack(name)
    outcomes = []
    with unvalidated.through(program, model, **SHORT) as session:
        for question in QUESTIONS[:3]:
            outcomes.append(session.ask(question))
            ended_well(unvalidated, outcomes[-1])
    assert any(exchange.said is not None for outcome in outcomes for exchange in outcome.of(GENERATION)), outcomes


def cached_share(outcomes, task: str) -> float:
    """Tokens of prompts that the server had already, of all; from the second call of the task on."""
    later = [exchange for outcome in outcomes for exchange in outcome.exchanges if exchange.task == task and exchange.status == 200][1:]
    assert later, f"{task} was called once at the most"
    return sum(exchange.cached_tokens for exchange in later) / sum(exchange.prompt_tokens for exchange in later)


@pytest.fixture(scope="module")
def in_a_row(plane, folder):
    """Different questions one after the other, to a server that keeps prompts, and to its twin that keeps none: outcomes of both."""
    if why := missing(LLAMA_SERVER, SMALL):
        pytest.skip(f"NOT RUN: llama.cpp: {why}")

    def asked(count: int, *more: str):
        with LlamaCpp(folder, SMALL, more=more) as running, plane.through(running, **SHORT) as session:
            return [session.ask(question) for question in QUESTIONS[:count]]

    return asked(4), asked(3, "--no-cache-prompt")


def test_prompts_are_cached(in_a_row):
    """What is the same for all questions comes first: by llama.cpp's count four fifths of each prompt are there already."""
    cached, control = in_a_row
    assert cached_share(control, VALIDATION) == 0, "the control: that server keeps none"
    assert cached_share(cached, VALIDATION) >= 0.8


def test_prompts_of_sql_are_cached(unvalidated, folder):
    """The same of SQL, without a verdict, which would end the wait for it."""
    if why := missing(LLAMA_SERVER, SMALL):
        pytest.skip(f"NOT RUN: llama.cpp: {why}")
    with LlamaCpp(folder, SMALL) as running, unvalidated.through(running, **SHORT) as session:
        outcomes = [session.ask(question) for question in QUESTIONS[:3]]
    assert cached_share(outcomes, GENERATION) >= 0.8


def test_time_to_a_verdict(in_a_row):
    """A verdict that need not read the plane again comes in half the time at the most."""
    cached, control = (median(outcome.verdict_seconds for outcome in outcomes[1:]) for outcomes in in_a_row)
    assert cached <= 0.5 * control, (cached, control)
