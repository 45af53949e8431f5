"""Servers of their own: a hot standby that answers in words, and a server that is shut down while a question hangs.

Their verdict cache is small, so that it is seen to be bounded.
"""

import pytest
from splitplane_test.cluster import Cluster
from talk import MODEL, Words, hanging


@pytest.fixture(scope="module")
def primary(model):
    settings = {
        "splitplane.provider": "bedrock",
        "splitplane.model": MODEL,
        "splitplane.region": model.region,
        "splitplane.verdict_cache_size": "8",
        "splitplane.deadline": "30s",
    }
    with Cluster(settings=settings, environment=model.environment()) as cluster:
        words = Words.make(cluster, model, "servers")
        words.run("SELECT splitplane.verify_query('units', 'Which units are there?', 'SELECT unit FROM units ORDER BY unit')")
        yield words


def is_remembered(words, talk, question: str) -> bool:
    words.standin.clear()
    talk.count(question)
    return "validation" not in words.tasks()


def test_standby_answers_in_words(primary, standin):
    with primary.cluster.standby() as standby:
        replica = Words(standby, primary.database, primary.secret, primary.key_id)
        replica.standin = standin
        with replica.talk() as talk:
            assert talk.execute("SELECT pg_is_in_recovery()").fetchone() == (True,), "the control"
            question = replica.rule()
            assert not is_remembered(replica, talk, question)
            assert is_remembered(replica, talk, question)
            with replica.connect() as boss:
                assert [ok for (ok,) in boss.execute("SELECT ok FROM splitplane.check_model()").fetchall()] == [True] * 3
                found = boss.execute("SELECT finding FROM splitplane.doctor() WHERE object = 'splitplane.model'").fetchone()
                assert found[0].endswith("all models answered."), found
            talk.count(replica.rule(sql=["SELECT nope FROM sales", "SELECT count(*) FROM sales"]), "brand-b")
            talk.declined("clarify", replica.rule(verdict="clarify", message="Which?"))
            assert talk.say("which units are there")["source"] == "verified_query"
            standin.clear()
            talk.fails("55000", replica.rule(), conversation="6f1c8e0e-5b0f-4c55-8f57-1d2b4a1f9a11")
            assert not standin.requests


def test_small_cache_and_fast_shutdown(primary, standin):
    with primary.talk() as talk:
        questions = [primary.rule() for _ in range(20)]
        assert not any(is_remembered(primary, talk, question) for question in questions)
        assert is_remembered(primary, talk, questions[-1]), "the control"
        assert not is_remembered(primary, talk, questions[0]), "full, it forgets the older ones"
        assert is_remembered(primary, talk, questions[0])
        with hanging(primary, talk) as call:
            primary.cluster.restart("fast")
            call.join()
            assert call.error.sqlstate == "57P01", "a shutdown does not wait for a model"
    primary.boss.close()
    with primary.talk() as talk:
        assert not is_remembered(primary, talk, questions[0]), "a restart forgets"
    log = primary.cluster.log_text()
    assert "terminated by signal" not in log and "PANIC" not in log and "not properly shut down" not in log
