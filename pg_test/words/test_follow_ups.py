"""Conversations: what the model is told of earlier turns, whose they are, and when they are forgotten."""

import json
import re
import time
import uuid

import pytest
from splitplane_test.session import refusal
from talk import GOOD_SQL, Pending, in_flight

KEPT = "SELECT count(*) FROM splitplane.conversation_turns WHERE conversation = %s"


def fresh() -> str:
    return str(uuid.uuid4())


def kept(own, conversation: str) -> int:
    return own.run(KEPT, conversation)[0]


def last(standin, task: str = "generation"):
    return next(record.asked for record in reversed(standin.settle()) if record.task == task)


def test_history_is_given_to_the_model(own, standin):
    conversation = fresh()
    with own.talk() as talk:
        first = own.rule(sql="SELECT note FROM sales WHERE sale_id < 4")
        document = talk.say(first, conversation=conversation)
        assert document["conversation"] == conversation and "CANARY-brand-a" in json.dumps(document["rows"]), "the control"
        second = own.rule(clarification="Which week?")
        talk.declined("clarify", second, conversation=conversation)
        talk.declined("refused", own.rule(verdict="reject", message="No."), conversation=conversation)
        talk.declined("out_of_scope", own.rule(verdict="out_of_scope", message="No."), conversation=conversation)
        talk.fails("42P01", own.rule(sql="SELECT secret FROM vault"), conversation=conversation)
        standin.clear()
        talk.count(own.rule(), conversation=conversation)
    for task in ("validation", "generation"):
        asked = last(standin, task)
        earlier = [piece.value for piece in asked.tags if piece.name == "earlier-question"]
        assert earlier == [first, second], (task, earlier)
    assert any("sale_id < 4" in text for text in last(standin).texts()), "the SQL is context for the next"
    assert not any("CANARY" in text for text in standin.texts()), "rows are not"
    assert kept(own, conversation) == 3
    stored = own.run("SELECT string_agg(t::text, ' ') FROM splitplane.conversation_turns AS t")[0]
    assert "CANARY" not in stored


def test_without_the_id_nothing_is_known(own, standin):
    conversation = fresh()
    with own.talk() as talk:
        first = own.rule()
        talk.count(first, conversation=conversation)
        standin.clear()
        talk.count(own.rule())
        talk.count(own.rule(), conversation=fresh())
    assert not any(first in text for text in standin.texts())


def test_only_the_last_eight_turns(own, standin):
    conversation = fresh()
    with own.talk() as talk:
        questions = [own.rule() for _ in range(10)]
        for question in questions:
            talk.count(question, conversation=conversation)
        standin.clear()
        talk.count(own.rule(), conversation=conversation)
    earlier = [piece.value for piece in last(standin).tags if piece.name == "earlier-question"]
    assert earlier == questions[2:]


def test_verified_answers_and_own_sql_are_turns_too(own, standin):
    own.run("SELECT splitplane.verify_query('all_units', 'All units?', 'SELECT unit FROM units')")
    conversation = fresh()
    with own.talk() as talk:
        talk.say("all units", conversation=conversation)
        talk.say(own.rule(), conversation=conversation, sql="SELECT max(amount) FROM sales")
        standin.clear()
        talk.count(own.rule(), conversation=conversation)
    text = last(standin).user
    assert "all units" in text and "SELECT unit FROM units" in text and "max(amount)" in text
    own.run("SELECT splitplane.unverify_query('all_units')")


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "brand-b"},
        {"business": "franchise-7"},
        {"business": "shop-1", "subject": "someone"},
        {"business": "shop-1"},
        {"subject": "someone"},
        {},
    ],
)
def test_conversation_of_another_principal(own, standin, other):
    """Each part of the principal counts; refused before any model is asked, in the same words."""
    own.run("SELECT splitplane.admit('brand-a', 'shop-1', 'ann', '{\"stores\": [1]}')")
    conversation = fresh()
    with own.talk() as talk:
        talk.count(own.rule(), business="shop-1", subject="ann", conversation=conversation)
        standin.clear()
        with own.unread(talk):
            error = talk.fails("42501", own.rule(), conversation=conversation, **other)
        assert error.diag.message_primary == "the conversation belongs to another principal"
        assert not standin.requests and kept(own, conversation) == 1
        talk.count(own.rule(), business="shop-1", subject="ann", conversation=conversation)


def test_conversation_taken_by_another_while_the_model_thinks(own, standin):
    """Two principals begin a conversation under one id: one of them gets it, the other an error and no turn."""
    conversation = fresh()
    standin.play(latency_ms={"generation": 600})
    with own.talk() as one, own.talk() as two:
        slow = Pending(lambda: one.count(own.rule(), "brand-a", conversation=conversation))
        in_flight(standin, 1)
        quick = own.rule(sql="SELECT 1")
        own.run("SELECT splitplane.verify_query('quick', %s, 'SELECT 1')", quick)
        two.say(quick, "brand-b", conversation=conversation)
        slow.join()
        assert slow.error is not None and slow.error.sqlstate == "42501"
        assert own.run("SELECT tenant FROM splitplane.conversations WHERE conversation = %s", conversation) == ("brand-b",)
        assert kept(own, conversation) == 1
    own.run("SELECT splitplane.unverify_query('quick')")


def test_rollback_forgets(own, standin):
    conversation = fresh()
    with own.talk(autocommit=False) as talk:
        first = own.rule()
        talk.count(first, conversation=conversation)
        talk.connection.rollback()
        standin.clear()
        talk.count(own.rule(), conversation=conversation)
        assert not any(first in text for text in standin.texts())
        talk.connection.commit()
    assert kept(own, conversation) == 1
    with own.talk() as talk:
        talk.count(own.rule(), "brand-b", conversation=(rolled := fresh()))
        with own.talk(autocommit=False) as other:
            never = fresh()
            other.count(own.rule(), conversation=never)
            other.connection.rollback()
        talk.count(own.rule(), "brand-b", conversation=never)
        assert kept(own, rolled) == 1 and kept(own, never) == 1


def test_failed_call_keeps_nothing(own, standin):
    conversation = fresh()
    with own.talk(splitplane__deadline="600ms") as talk:
        for fault in ("close", "malformed", "hang"):
            standin.play(fault, task="generation")
            talk.fails(("08006", "38000", "57014"), own.rule(), conversation=conversation)
        standin.play()
        talk.fails("42P01", own.rule(sql="SELECT secret FROM vault"), conversation=conversation)
    assert kept(own, conversation) == 0


def test_read_only_transaction(own, standin):
    with own.talk(autocommit=False) as talk:
        talk.connection.read_only = True
        talk.fails("55000", own.rule(), conversation=fresh())
        talk.connection.rollback()
        talk.count(own.rule())
        talk.connection.rollback()
    with own.talk(default_transaction_read_only="on") as talk:
        talk.fails("55000", own.rule(), conversation=fresh())
    assert len(standin.requests) == 2, "refused before any model was asked"


def test_retention(own, standin):
    conversation = fresh()
    with own.talk(splitplane__conversation_retention="1s") as talk:
        first = own.rule()
        talk.count(first, conversation=conversation)
        time.sleep(1.2)
        standin.clear()
        talk.count(own.rule(), conversation=conversation)
        assert not any(first in text for text in standin.texts())
        assert kept(own, conversation) == 1, "what is over is removed"
        abandoned = fresh()
        talk.count(own.rule(), "brand-b", conversation=abandoned)
        time.sleep(1.2)
        talk.count(own.rule(), conversation=fresh())
        assert own.run("SELECT count(*) FROM splitplane.conversations WHERE conversation = %s", abandoned) == (0,)
    with own.talk(splitplane__conversation_retention="0") as talk:
        talk.fails("55000", own.rule(), conversation=fresh())


def test_forget_conversations(own):
    forget = "SELECT splitplane.forget_conversations({})"
    own.run(forget.format(""))
    mine, theirs = fresh(), fresh()
    with own.talk() as talk:
        talk.count(own.rule(), "brand-a", conversation=mine)
        talk.count(own.rule(), "brand-b", conversation=theirs)
        assert own.run(forget.format("'brand-c'")) == (0,)
        assert own.run(forget.format("older_than => '1 hour'")) == (0,)
        assert own.run(forget.format("'brand-a'")) == (1,)
        assert kept(own, mine) == 0 and kept(own, theirs) == 1
        talk.count(own.rule(), "brand-b", conversation=mine)
        assert own.run(forget.format("")) == (2,)
        refusal(lambda: own.run(forget.format("older_than => NULL")), "22023", nested=True)
        refusal(lambda: talk.execute(forget.format("")), "42501", hint=True)
        for table in ("conversations", "conversation_turns"):
            refusal(lambda t=table: talk.execute(f"SELECT * FROM splitplane.{t}"), "42501", hint=True)
    own.boss.execute("SET ROLE splitplane_admin")
    try:
        assert own.run(forget.format("")) == (0,)
        refusal(lambda: own.run("SELECT count(*) FROM splitplane.conversation_turns"), "42501", hint=True)
    finally:
        own.boss.execute("RESET ROLE")


def test_conversation_without_a_question(own, standin):
    context = json.dumps(own.sign(GOOD_SQL))
    with own.talk() as talk:
        statement = "SELECT public.ask(%s::jsonb, sql => %s, conversation => %s::uuid)"
        refusal(lambda: talk.execute(statement, (context, GOOD_SQL, fresh())), "22023")
        for bad in ("", "x", "6f1c8e0e", fresh() + "0"):
            refusal(lambda b=bad: talk.put(own.rule(), conversation=b), "22P02", hint=True)
    assert not standin.requests


def test_conversation_must_be_signed(own, standin):
    """Whoever sits between signer and server cannot put a question behind other questions."""
    conversation = fresh()
    with own.talk() as talk:
        for signed in (None, fresh(), ""):
            with own.unread(talk):
                error = talk.fails("28000", own.rule(), conversation=conversation, context=own.sign(own.rule(), conversation=signed))
            assert error.diag.message_primary == "the signed context was refused"
        question = own.rule()
        unsigned = {**own.sign(question), "x-splitplane-conversation": conversation}
        talk.fails("28000", question, conversation=conversation, context=unsigned)
        assert not standin.requests and kept(own, conversation) == 0
        # In any spelling of the id; and a context may be used without the conversation that it is signed for.
        question = own.rule()
        talk.count(question, conversation=conversation, context=own.sign(question, conversation=conversation.upper()))
        question = own.rule()
        document = talk.count(question, context=own.sign(question, conversation=conversation))
        assert "conversation" not in document and kept(own, conversation) == 1
    # The same by the extension's own signer.
    row = own.run(
        "SELECT ask(splitplane.sign('AKWIRE', 'brand-a', payload => q, conversation => c), q, conversation => c::uuid) ->> 'outcome'"
        " FROM (VALUES (%s, %s)) AS v(q, c)", own.rule(), conversation
    )
    assert row == ("answered",)


def test_turns_of_one_principal_are_capped(own, standin):
    """The oldest go, over all conversations of the principal; nobody else's do."""
    mine, later, others = fresh(), fresh(), fresh()
    with own.talk(splitplane__max_conversation_turns="3") as talk:
        for _ in range(2):
            talk.count(own.rule(), "brand-b", conversation=others)
        for conversation in (mine, mine, later, later):
            talk.count(own.rule(), "brand-c", conversation=conversation)
        assert (kept(own, mine), kept(own, later), kept(own, others)) == (1, 2, 2)
        talk.count(own.rule(), "brand-c", conversation=later)
        assert (kept(own, mine), kept(own, later), kept(own, others)) == (0, 3, 2)
        assert own.run("SELECT count(*) FROM splitplane.conversations WHERE conversation = %s", mine) == (0,)


def test_plane_cannot_name_conversations(own, standin):
    """The tables of conversations are outside every plane, whatever the model writes."""
    with own.talk() as talk:
        for table in ("conversations", "conversation_turns", "splitplane.conversation_turns"):
            talk.fails("42P01", own.rule(sql=f"SELECT * FROM {table}"))


def test_nonces_of_tags_differ(own, standin):
    """Nobody can foresee a tag: each call has its own number."""
    with own.talk() as talk:
        for _ in range(3):
            talk.count(own.rule())
    seen = [set(re.findall(r"<question-([0-9a-f]+)>", record.asked.user)) for record in standin.settle()]
    assert all(len(numbers) == 1 for numbers in seen) and len(set().union(*seen)) == 3
