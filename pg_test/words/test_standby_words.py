"""A hot standby answers questions in words, keeps verdicts of its own, and refuses conversations."""

import pytest
from cluster import Cluster
from harness import settle
from talk import Words


@pytest.fixture(scope="module")
def replica(model):
    settings = {"splitplane.provider": "bedrock", "splitplane.region": model.region}
    with Cluster(settings=settings, environment=model.environment()) as primary:
        words = Words.make(primary, model, "replicated")
        words.run("SELECT splitplane.verify_query('units', 'Which units are there?', 'SELECT unit FROM units ORDER BY unit')")
        with primary.standby() as standby:
            settle()
            copy = Words(standby, words.database, words.secret, words.key_id)
            copy.standin = model
            yield copy


def test_standby_answers_in_words(replica, standin):
    with replica.talk() as talk:
        assert talk.execute("SELECT pg_is_in_recovery()").fetchone() == (True,), "the control"
        question = replica.rule()
        talk.count(question)
        talk.count(question)
        assert replica.tasks().count("validation") == 1, "the verdict is remembered in shared memory"
        talk.count(replica.rule(sql=["SELECT nope FROM sales", "SELECT count(*) FROM sales"]), "brand-b")
        talk.declined("clarify", replica.rule(verdict="clarify", message="Which?"))
        assert talk.say("which units are there")["source"] == "verified_query"
        talk.fails("55000", replica.rule(), conversation="6f1c8e0e-5b0f-4c55-8f57-1d2b4a1f9a11")
