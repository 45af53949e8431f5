"""Feedback: which answers are kept, who may rate them, and what becomes of them."""

import json
import time
import uuid

import pytest
from splitplane_test.session import refusal

KEPT = "SELECT count(*) FROM splitplane.answers WHERE query_id = %s"
RATE = "SELECT splitplane.rate(%s::uuid, %s, %s)"
SIGNED = "SELECT splitplane.rate(%s::uuid, %s, %s, %s::text::jsonb)"


def kept(own, query_id: str) -> int:
    return own.run(KEPT, query_id)[0]


def rating(own, query_id: str):
    return own.run("SELECT tenant, question, sql, good, note FROM splitplane.ratings WHERE query_id = %s", query_id)


def signed(own, query_id: str, tenant: str = "brand-a", **more) -> str:
    return json.dumps(own.sign(query_id, tenant, **more))


def test_answer_is_kept_and_rated(own, standin):
    with own.talk() as talk:
        question = own.rule(sql="SELECT note FROM sales WHERE sale_id < 4")
        document = talk.say(question)
        assert "CANARY-brand-a" in json.dumps(document["rows"]), "the control"
        query_id = document["query_id"]
        assert kept(own, query_id) == 1 and rating(own, query_id) is None
        talk.execute(RATE, (query_id, True, "as I expected"))
        assert rating(own, query_id) == ("brand-a", question, "SELECT note FROM sales WHERE sale_id < 4", True, "as I expected")
        error = refusal(lambda: talk.execute(RATE, (query_id, False, None)), "42710")
        assert error.diag.message_primary == "the answer has been rated already"
        assert rating(own, query_id)[3:] == (True, "as I expected")
    assert "CANARY" not in own.run("SELECT string_agg(a::text, ' ') FROM splitplane.answers AS a")[0], "no row of an answer"


def test_what_is_kept(own, standin):
    """Answered questions, whoever wrote the SQL; nothing else."""
    own.run("SELECT splitplane.verify_query('rated_units', 'Rated units?', 'SELECT unit FROM units')")
    with own.talk() as talk:
        verified = talk.say("rated units")
        outside = talk.say(own.rule(), sql="SELECT max(amount) FROM sales")
        sources = "SELECT source, sql FROM splitplane.answers WHERE query_id = %s"
        assert own.run(sources, verified["query_id"]) == ("verified_query", "SELECT unit FROM units")
        assert own.run(sources, outside["query_id"]) == ("caller", "SELECT max(amount) FROM sales")
        others = [
            talk.declined("clarify", own.rule(clarification="Which week?")),
            talk.declined("refused", own.rule(verdict="reject", message="No.")),
            talk.put(own.rule(), function="ask_dry_run"),
        ]
        assert [kept(own, document["query_id"]) for document in others] == [0, 0, 0]
        before = own.run("SELECT count(*) FROM splitplane.answers")
        talk.fails("42P01", own.rule(sql="SELECT secret FROM vault"))
        assert own.run("SELECT count(*) FROM splitplane.answers") == before
    own.run("SELECT splitplane.unverify_query('rated_units')")


def test_answer_of_another_principal(own, standin):
    """In the words for one that is not there, whoever asked last, and whatever the context is signed for."""
    own.run("SELECT splitplane.admit('brand-a', 'shop-1', 'ann', '{\"stores\": [1]}')")
    with own.talk() as talk, own.talk() as stranger:
        mine = talk.count(own.rule())["query_id"]
        for tenant, more in (("brand-b", {}), ("brand-a", {"business": "shop-1", "subject": "ann"}), ("brand-a", {"subject": "x"})):
            stranger.say(own.rule(), tenant, **more)
            for rate, arguments in ((RATE, ()), (SIGNED, (signed(own, mine, tenant, **more),))):
                error = refusal(lambda r=rate, a=arguments: stranger.execute(r, (mine, False, None, *a)), "42704")
                assert error.diag.message_primary == "no answer of this principal is kept with this query_id"
                missing = str(uuid.uuid4())
                arguments = (signed(own, missing, tenant, **more),) if arguments else ()
                same = refusal(lambda r=rate, m=missing, a=arguments: stranger.execute(r, (m, False, None, *a)), "42704")
                assert same.diag.message_primary == error.diag.message_primary
        assert rating(own, mine) is None
        stranger.count(own.rule(), "brand-a")
        stranger.execute(RATE, (mine, True, None))
        assert rating(own, mine)[3] is True, "the control: the same principal in another session"


def test_context_is_that_of_the_rating(own, standin):
    """Behind a pool the session may have served anybody: a context says who rates."""
    with own.talk() as talk, own.talk() as pooled:
        mine, other = talk.count(own.rule())["query_id"], talk.count(own.rule())["query_id"]
        error = refusal(lambda: pooled.execute(RATE, (mine, True, None)), "28000")
        assert "give a context" in error.diag.message_primary
        for wrong in (signed(own, other), signed(own, "brand-a"), json.dumps({**own.sign(mine), "x-splitplane-tenant": "brand-b"})):
            error = refusal(lambda w=wrong: pooled.execute(SIGNED, (mine, True, None, w)), "28000")
            assert error.diag.message_primary == "the signed context was refused"
        refusal(lambda: pooled.execute(SIGNED, (mine, True, None, "[]")), "22023")
        assert rating(own, mine) is None
        pooled.execute(RATE.replace("%s)", "%s, %s::text::jsonb)"), (mine, False, "no", once := signed(own, mine)))
        assert rating(own, mine)[3:] == (False, "no")
        refusal(lambda: pooled.execute(SIGNED, (mine, True, None, once)), "28000")
        # Whom a refused context names is nobody.
        assert kept(own, other) == 1
        pooled.execute(SIGNED, (other, True, None, signed(own, other)))


def test_arguments(own, standin):
    with own.talk() as talk:
        mine = talk.count(own.rule())["query_id"]
        for arguments in ((None, True, None), (mine, None, None), (mine, True, "x" * 1001)):
            refusal(lambda a=arguments: talk.execute(RATE, a), "22023")
        talk.execute(RATE, (mine, True, "é" * 1000))
        assert rating(own, mine)[4] == "é" * 1000
        for statement in ("TABLE splitplane.answers", "TABLE splitplane.ratings", "SELECT splitplane.forget_answers()",
                          "SELECT splitplane.promote(NULL, 'x')", "SELECT splitplane._rate('', '', '', '', '', '', '')"):
            refusal(lambda s=statement: talk.execute(s), "42501", hint=True)
        for table in ("answers", "splitplane.answers", "splitplane.ratings"):
            talk.fails("42P01", own.rule(sql=f"SELECT * FROM {table}"))


def test_rollback_and_read_only(own, standin):
    with own.talk(autocommit=False) as talk:
        rolled = talk.count(own.rule())["query_id"]
        talk.connection.rollback()
        refusal(lambda: talk.execute(RATE, (rolled, True, None)), "42704")
        talk.connection.rollback()
        mine = talk.count(own.rule())["query_id"]
        talk.execute(RATE, (mine, True, None))
        talk.connection.rollback()
        assert kept(own, mine) == 0
        mine = talk.count(own.rule())["query_id"]
        talk.connection.commit()
        talk.connection.read_only = True
        unkept = talk.count(own.rule())["query_id"]
        refusal(lambda: talk.execute(RATE, (mine, True, None)), "55000")
        talk.connection.rollback()
        assert (kept(own, unkept), kept(own, mine)) == (0, 1)
    own.boss.execute("BEGIN READ ONLY")
    try:
        refusal(lambda: own.run("SELECT splitplane.promote(%s::uuid, 'x')", mine), "55000", nested=True)
    finally:
        own.boss.execute("ROLLBACK")


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_old_answers_are_no_fault_of_others(own, standin, level):
    """Calls that would delete the same old rows do not fail because of one another."""
    own.run("SELECT splitplane.forget_answers()")
    with own.talk(splitplane__rating_retention="1s") as one, own.talk(splitplane__rating_retention="1s") as two:
        old = one.count(own.rule())["query_id"]
        time.sleep(1.2)
        one.execute(f"BEGIN ISOLATION LEVEL {level}")
        one.execute("SELECT 1")
        two.count(own.rule())
        assert kept(own, old) == 0, "the control: the other call deleted it"
        one.count(own.rule())
        one.execute("COMMIT")


def test_a_follow_up_is_not_promoted(own, standin):
    """Alone it means something else, and it would be answered so in everybody's conversations."""
    conversation = str(uuid.uuid4())
    with own.talk() as talk:
        first = talk.count(own.rule(), conversation=conversation)
        later = talk.count(own.rule(), conversation=conversation)
    error = refusal(lambda: own.run("SELECT splitplane.promote(%s, 'follow_up')", later["query_id"]), "22023", hint=True)
    assert "after others" in error.diag.message_primary
    own.run("SELECT splitplane.promote(%s, 'first')", first["query_id"])
    own.run("SELECT splitplane.unverify_query('first')")


def test_who_may_not_ask_any_more_rates_nothing(own, standin):
    with own.talk() as talk:
        document = talk.count(own.rule())
        own.run("UPDATE splitplane.principals SET enabled = false WHERE tenant = 'brand-a'")
        try:
            error = refusal(lambda: talk.execute(RATE, (document["query_id"], True, None)), "28000")
            assert error.diag.message_primary == "the signed context was refused"
        finally:
            own.run("UPDATE splitplane.principals SET enabled = true WHERE tenant = 'brand-a'")
        talk.execute(RATE, (document["query_id"], True, None))


def test_retention(own, standin):
    own.run("SELECT splitplane.forget_answers()")
    with own.talk(splitplane__rating_retention="1s") as talk:
        old, rated = talk.count(own.rule())["query_id"], talk.count(own.rule())["query_id"]
        talk.execute(RATE, (rated, True, None))
        time.sleep(1.2)
        refusal(lambda: talk.execute(RATE, (old, True, None)), "42704")
        assert kept(own, old) == 1, "the control: it is still there"
        talk.count(own.rule())
        assert (kept(own, old), kept(own, rated)) == (0, 0)
    with own.talk(splitplane__rating_retention="0") as talk:
        none = talk.count(own.rule())["query_id"]
        assert kept(own, none) == 0
        refusal(lambda: talk.execute(RATE, (none, True, None)), "42704")


def test_promote(own, standin):
    promote = "SELECT splitplane.promote(%s::uuid, %s)"
    with own.talk() as talk:
        question = own.rule(sql="SELECT count(*) AS promoted FROM sales")
        mine = talk.say(question)["query_id"]
        refusal(lambda: talk.execute(promote, (mine, "mine")), "42501", hint=True)
        refusal(lambda: own.run(promote, str(uuid.uuid4()), "mine"), "42704", nested=True)
        refusal(lambda: own.run(promote, mine, "no/name"), "22023", nested=True)
        own.run(promote, mine, "promoted")
        assert own.run("SELECT question, sql FROM splitplane.verified_queries WHERE name = 'promoted'") == (
            question, "SELECT count(*) AS promoted FROM sales")
        standin.clear()
        document = talk.say(question)
        assert document["source"] == "verified_query" and not standin.requests
        # The words are taken, and a truth is not replaced.
        refusal(lambda: own.run(promote, mine, "twice"), "42710", nested=True, hint=True)
        refusal(lambda: own.run(promote, document["query_id"], "promoted"), "42710", nested=True, hint=True)
        own.run("SELECT splitplane.unverify_query('promoted')")
        # What the plane does not admit any more is proved to be so.
        stale = talk.say(own.rule(sql="SELECT unit FROM units"))["query_id"]
        own.run("UPDATE splitplane.answers SET sql = 'SELECT secret FROM vault' WHERE query_id = %s", stale)
        refusal(lambda: own.run(promote, stale, "stale"), "42P01", nested=True)


def test_forget_answers(own, standin):
    forget = "SELECT splitplane.forget_answers({})"
    own.run(forget.format(""))
    with own.talk() as talk:
        mine, theirs = talk.count(own.rule())["query_id"], talk.count(own.rule(), "brand-b")["query_id"]
        talk.execute(RATE, (theirs, True, "by name"))
        assert own.run(forget.format("'brand-c'")) == (0,)
        assert own.run(forget.format("older_than => '1 hour'")) == (0,)
        assert own.run(forget.format("'brand-b'")) == (1,)
        assert (kept(own, mine), kept(own, theirs)) == (1, 0) and rating(own, theirs) is None
        refusal(lambda: own.run(forget.format("older_than => NULL")), "22023", nested=True)
        assert own.run(forget.format("")) == (1,)
    own.boss.execute("SET ROLE splitplane_admin")
    try:
        assert own.run("SELECT count(*) FROM splitplane.ratings") == (0,)
        refusal(lambda: own.run("SELECT count(*) FROM splitplane.answers"), "42501", hint=True)
    finally:
        own.boss.execute("RESET ROLE")
