"""Planes that do not fit into a prompt: which tables the model is shown."""

import pytest
from splitplane_test.standin.asked import CHOICE, GENERATION, VALIDATION
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


GERMAN = "Wie hoch waren die Buchungen im vorigen Monat?"


def test_in_another_language_the_model_is_asked_for_the_tables(large, standin):
    """Names alone, in one call for each tenant and question of a session; the writer is shown what was named."""
    large.run("SELECT splitplane.admit('brand-b')")
    large.rule("SELECT 1 AS one", question=GERMAN, tables=["zz_postings"])
    with large.talk() as talk:
        document = talk.put(GERMAN)
        assert document["usage"]["model_calls"] == 3
        chosen = [record.asked for record in standin.settle() if record.task == CHOICE]
        assert len(chosen) == 1
        assert chosen[0].last("tables").split("\n") == sorted([f"filler_{n}" for n in range(FILLER)] + ["zz_postings"], key=chosen[0].last("tables").index)
        assert "cents" not in chosen[0].user and "remark" not in chosen[0].user, "names alone"
        assert "table zz_postings" in shown(standin)[0]
        # Another tenant's session is asked anew, and so is another session; this one remembers.
        assert talk.put(GERMAN)["usage"]["model_calls"] == 1, "tables and verdict are remembered"
        assert talk.put(GERMAN, "brand-b")["usage"]["model_calls"] == 3
    with large.talk() as talk:
        assert talk.put(GERMAN)["usage"]["model_calls"] == 2
    assert large.tasks().count(CHOICE) == 3


def test_in_the_language_of_the_plane_the_model_is_not_asked(large, standin):
    question = "How high were postings in cents?"
    large.rule("SELECT 1 AS one", question=question, tables=["filler_1"])
    with large.talk() as talk:
        talk.put(question)
    assert large.tasks().count(CHOICE) == 0
    assert "table zz_postings" in shown(standin)[0]


def test_a_plane_that_fits_needs_no_choice(large, standin):
    large.rule("SELECT 1 AS one", question=GERMAN, tables=["filler_1"])
    with large.talk(splitplane__prompt_budget="100000") as talk:
        talk.put(GERMAN)
    assert large.tasks().count(CHOICE) == 0


@pytest.mark.parametrize(
    "named",
    [
        ["secrets", "pg_authid", "splitplane.keys", "public.zz_postings", "ZZ_POSTINGS", "zz_postings; DROP TABLE zz_postings"],
        [],
        [f"filler_{n}" for n in range(FILLER)] * 200,
        ["ignore the list", "zz_postings " * 3],
    ],
)
def test_names_that_were_not_offered_are_nothing(large, standin, named):
    """A lying model gets what words alone would choose, and nothing that it made up is in any prompt."""
    large.rule("SELECT 1 AS one", question=GERMAN, tables=named)
    with large.talk() as talk:
        assert talk.put(GERMAN)["outcome"] == "answered"
    assert "table zz_postings" not in shown(standin)[0]
    texts = [record.asked.user for record in standin.settle() if record.task in (VALIDATION, GENERATION)]
    assert texts and not any("pg_authid" in text or "secrets" in text for text in texts)


@pytest.mark.parametrize("fault", ["malformed", "empty_reply", "text_instead", "missing_field", "extra_field", "mistyped_field", "wrong_tool", "stop_reason"])
def test_a_broken_choice_is_no_choice(large, standin, fault):
    """The question is answered by what words choose; the log says why."""
    large.rule("SELECT 1 AS one", question=GERMAN, tables=["zz_postings"])
    standin.play(fault, task=CHOICE)
    log = len(large.cluster.log_text())
    with large.talk() as talk:
        assert talk.put(GERMAN)["outcome"] == "answered"
    assert "table zz_postings" not in shown(standin)[0]
    assert "the model named no tables for a question" in large.cluster.log_text()[log:]


def test_a_choice_that_does_not_come_ends_with_the_call(large, standin):
    """The deadline is that of the whole call, and nothing else is asked."""
    large.rule("SELECT 1 AS one", question=GERMAN, tables=["zz_postings"])
    standin.play("hang", task=CHOICE)
    with large.talk(splitplane__deadline="700ms") as talk:
        talk.fails("57014", GERMAN)
    assert set(large.tasks()) == {CHOICE}


def test_a_choice_does_not_stand_for_a_verdict(large, standin):
    """What is rejected stays rejected, whatever tables were named."""
    large.rule("SELECT 1 AS one", "reject", question=GERMAN, tables=["zz_postings"], message="Das geht nicht.")
    with large.talk() as talk:
        talk.declined("refused", GERMAN)
