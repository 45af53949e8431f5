"""Questions, with their model calls and their conversations, inside the statements that clients wrap around a call."""

import json
import uuid

import psycopg
import pytest
from splitplane_test.session import refusal

from pg_test.wire.harness import SALES

PROBES = {
    "LIMIT 0": "SELECT {ask} LIMIT 0",
    "EXPLAIN": "EXPLAIN SELECT {ask}",
    "PREPARE": "PREPARE p AS SELECT {ask}",
    "CREATE VIEW": "CREATE TEMP VIEW v AS SELECT {ask} AS a",
}
ANSWERS = {
    "COPY": ["COPY (SELECT {ask} -> 'rows') TO STDOUT"],
    "a held cursor": ["DECLARE c CURSOR WITH HOLD FOR SELECT {ask} -> 'rows'", "FETCH ALL FROM c"],
    "a scrollable cursor": ["BEGIN", "DECLARE c SCROLL CURSOR FOR SELECT {ask} -> 'rows'", "FETCH ALL FROM c", "FETCH PRIOR FROM c", "COMMIT"],
    "two members of one call": ["SELECT a -> 'rows', a -> 'columns' FROM (SELECT {ask} AS a) AS s"],
}


def asked(own, conversation):
    """A question that the stand-in knows, and the call of it with its context written in."""
    question = own.rule()
    context = json.dumps(own.sign(question, conversation=conversation))
    return question, context, f"public.ask('{context}'::jsonb, question => $q${question}$q$, conversation => '{conversation}')"


def kept(own, conversation):
    return own.run("SELECT count(*) FROM splitplane.conversation_turns WHERE conversation = %s", conversation)[0]


@pytest.mark.parametrize("name", PROBES)
def test_probe_asks_no_model(own, standin, name):
    conversation = str(uuid.uuid4())
    with own.talk() as talk:
        question, context, call = asked(own, conversation)
        standin.clear()
        talk.execute(PROBES[name].replace("{ask}", call))
        assert own.tasks() == [] and kept(own, conversation) == 0
        # The control: the context is good, and the call asks.
        document = talk.put(question, context=json.loads(context), conversation=conversation)
        assert document["rows"] == [[SALES["brand-a"]]] and sorted(own.tasks()) == ["generation", "validation"]


@pytest.mark.parametrize("name", ANSWERS)
def test_frame_asks_the_model_once(own, standin, name):
    conversation = str(uuid.uuid4())
    with own.talk() as talk:
        question, context, call = asked(own, conversation)
        standin.clear()
        shown = []
        for statement in ANSWERS[name]:
            text = statement.replace("{ask}", call)
            if text.startswith("COPY"):
                with talk.connection.cursor() as cursor, cursor.copy(text) as copied:
                    shown.append(b"".join(bytes(block) for block in copied).decode())
            else:
                cursor = talk.execute(text)
                shown += cursor.fetchall() if cursor.description else []
        assert f"[[{SALES['brand-a']}]]" in str(shown), shown
        assert sorted(own.tasks()) == ["generation", "validation"], own.tasks()
        # A turn that is written within a commit is part of it.
        assert kept(own, conversation) == 1
        talk.fails("28000", question, context=json.loads(context), conversation=conversation)


def test_held_cursor_over_a_question_that_fails(own, standin):
    """What the model wrote is refused within the commit: no turn is kept, and the transaction's own rows neither."""
    conversation = str(uuid.uuid4())
    with own.talk() as talk:
        question = own.rule(sql="SELECT secret FROM vault")
        context = json.dumps(own.sign(question, conversation=conversation))
        talk.execute("CREATE TEMP TABLE mine (i int)")
        talk.execute("BEGIN")
        talk.execute("INSERT INTO mine VALUES (1)")
        talk.execute(
            f"DECLARE c CURSOR WITH HOLD FOR SELECT public.ask('{context}'::jsonb, question => $q${question}$q$, conversation => '{conversation}')"
        )
        refusal(lambda: talk.execute("COMMIT"), "42P01")
        assert talk.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert talk.execute("SELECT count(*) FROM mine").fetchone() == (0,)
        assert kept(own, conversation) == 0
        talk.count(own.rule())
