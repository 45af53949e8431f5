"""Planes that do not fit into a prompt: which tables the model is shown."""

import pytest
from splitplane_test.standin.asked import GENERATION
from talk import Words

FILLER = 40


@pytest.fixture
def large(cluster, model):
    """A plane of its own with more tables than fit, one of which no question names in its own words."""
    tables = [f"CREATE TABLE filler_{n} (tenant text NOT NULL, amount int, remark text)" for n in range(FILLER)]
    tables.append("CREATE TABLE zz_postings (tenant text NOT NULL, cents bigint)")
    names = [f"filler_{n}" for n in range(FILLER)] + ["zz_postings"]
    made = Words.make(
        cluster,
        model,
        "large",
        key_id="AKLARGE",
        before=tables,
        after=[f"SELECT splitplane.protect('{name}', '{{\"tenant\": \"tenant\"}}')" for name in names] + ["SELECT splitplane.admit('brand-a')"],
    )
    made.set(splitplane__prompt_budget=500)
    yield made
    made.boss.close()
    cluster.psql("postgres", "DROP DATABASE large WITH (FORCE)")


def shown(standin) -> list[str]:
    """The plane as each writer was shown it so far."""
    return [record.asked.last("plane") for record in standin.settle() if record.task == GENERATION]


def test_tables_of_a_metric_are_shown_by_its_synonyms(large, standin):
    question = "How high was our turnover in filler remarks?"
    large.rule("SELECT 1 AS one", question=question)
    with large.talk() as talk:
        talk.put(question)
    assert len(shown(standin)) == 1
    assert "table zz_postings" not in shown(standin)[0], "the control: no word leads there"
    large.run("SELECT splitplane.define_metric('revenue', 'SELECT sum(cents) AS cents FROM zz_postings', 'What was posted', ARRAY['our turnover'])")
    with large.talk() as talk:
        talk.put(question)
    assert len(shown(standin)) == 2
    assert "table zz_postings" in shown(standin)[1]
