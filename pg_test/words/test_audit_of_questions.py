"""The audit log of questions: an intent before the question leaves the server, then one entry of the call with what models used."""

import json
import os

import pytest
from splitplane_test.cluster import Cluster
from talk import MODEL, Words


@pytest.fixture(scope="module")
def audited(model):
    """A server whose log is required and keeps texts."""
    settings = {
        "splitplane.provider": "bedrock",
        "splitplane.model": MODEL,
        "splitplane.region": model.region,
        "splitplane.audit": "required",
        "splitplane.audit_text": "full",
    }
    with Cluster(settings=settings, autovacuum=False, environment=model.environment()) as running:
        yield Words.make(running, model, "audited")


def folder(words):
    top = words.cluster.data_dir / "splitplane_audit"
    return top / (top / "current").read_text().strip()


def entries(words):
    return [json.loads(line) for path in sorted(folder(words).glob("entries-*")) for line in path.read_bytes().splitlines()]


def test_an_intent_then_the_call(audited, standin):
    with audited.talk() as talk:
        document = talk.count(audited.rule())
    intent, call = entries(audited)[-2:]
    assert (intent["event"], call["event"]) == ("intent", "call")
    assert intent["query_id"] == call["query_id"] == document["query_id"]
    assert intent["tenant"] == "brand-a" and intent["verified"] and "outcome" not in intent
    assert (call["outcome"], call["source"], call["model_calls"]) == ("answered", "model", document["usage"]["model_calls"])
    assert (call["input_tokens"], call["output_tokens"]) == (document["usage"]["input_tokens"], document["usage"]["output_tokens"])
    assert call["tenant_previous"]["sequence"] == intent["sequence"]


def test_what_layer_two_declines(audited, standin):
    with audited.talk() as talk:
        talk.declined("clarify", audited.rule(verdict="clarify", message="which of them?"))
    call = entries(audited)[-1]
    assert (call["outcome"], call["rows"]) == ("clarify", 0) and call.get("reason") is None


def test_no_question_leaves_without_its_intent(audited, standin):
    """The file of entries cannot be written: the stand-in is asked nothing. Afterwards it is asked again, the control."""
    newest = max(folder(audited).glob("entries-*"))
    away = newest.with_suffix(".away")
    question = audited.rule()
    with audited.talk() as talk:
        newest.rename(away)
        newest.mkdir()
        try:
            talk.fails("55000", question)
            assert audited.tasks() == []
        finally:
            newest.rmdir()
            away.rename(newest)
        os.chmod(newest, 0o600)
        talk.count(question)
        assert audited.tasks() != []


def test_no_rows_leave_without_an_intent(audited, standin):
    """A verified question with other SQL needs no layer 2, and its rows are put into words all the same."""
    top = "Which shops sold most?"
    audited.run("SELECT splitplane.verify_query('top_shops', %s, 'SELECT max(amount) AS most FROM sales')", top)
    sql = "SELECT count(*) AS n FROM sales"
    newest = max(folder(audited).glob("entries-*"))
    away = newest.with_suffix(".away")
    with audited.talk(splitplane__narrate="rows") as talk:
        document = talk.say(top, sql=sql)
        assert document["source"] == "caller" and audited.tasks() != []
        intent, call = entries(audited)[-2:]
        assert (intent["event"], call["event"]) == ("intent", "call") and intent["query_id"] == document["query_id"]
    # A session that has not opened the file.
    with audited.talk(splitplane__narrate="rows") as talk:
        asked = len(audited.tasks())
        newest.rename(away)
        newest.mkdir()
        try:
            talk.fails("55000", top, sql=sql)
            assert len(audited.tasks()) == asked
        finally:
            newest.rmdir()
            away.rename(newest)
