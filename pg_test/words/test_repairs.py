"""Repairs: SQL of the model's own that is refused or fails goes back to it, with an error without values, and not for ever."""

import pytest
from talk import GOOD_SQL

from pg_test.wire.harness import SALES

WRONG = "SELECT nope FROM sales"
WORSE = "SELECT nope_either FROM sales"


def rounds(words) -> int:
    """How often SQL was written."""
    return words.tasks().count("generation")


def errors(standin) -> list:
    """The errors that the model was told."""
    return [found for record in standin.settle() if (found := record.asked.last("error")) is not None]


def test_wrong_column_then_right(words, talk, standin):
    document = talk.count(words.rule(sql=[WRONG, GOOD_SQL]))
    assert document["sql"] == GOOD_SQL and document["usage"]["model_calls"] == 3
    assert rounds(words) == 2 and words.tasks().count("validation") == 1
    repair = standin.requests[-1].asked
    assert repair.last("failed-sql") == WRONG and repair.last("error") == 'column "nope" does not exist'


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELEC 1", None),
        ("SELECT count(*) FROM vault", 'relation "vault" is not in the plane'),
        ("SELECT count(*) FROM sales \\g", 'syntax error at or near "\\"'),
        ("SELECT Note FROM sales WHERE \"Amount\" > 1", 'column "Amount" does not exist; the plane has amount'),
        ("SELECT pg_sleep(10)", 'function "pg_sleep" is not in the plane'),
        ("DELETE FROM sales", "statement kind DELETE is not admitted"),
        ("SELECT 1; SELECT 2", None),
        ("SELECT 'x'::oid::regclass", None),
        ("SELECT count(*) FROM sales WHERE note = $1", None),
        ("SELECT 1 / (amount - amount) FROM sales", "division by zero (22012)"),
        ("SELECT (SELECT note FROM sales)", "a subquery used as one value gives more than one row (21000)"),
        ("SELECT note::int FROM sales", "a value cannot be converted to the type asked for (22P02)"),
        ("SELECT (amount * 100000000)::int FROM sales", None),
    ],
)
def test_what_is_repaired_and_what_the_model_is_told(words, talk, standin, sql, told):
    document = talk.count(words.rule(sql=[sql, GOOD_SQL]))
    assert document["sql"] == GOOD_SQL
    (error,) = errors(standin)
    assert "CANARY" not in error and "brand-" not in error
    if told is not None:
        assert error == told


def test_same_sql_again_stops(words, talk, standin):
    talk.fails("42703", words.rule(sql=[WRONG]))
    assert rounds(words) == 2, "asked once more, and given the same"
    for variant in (WRONG + ";", WRONG + " ;\n"):
        standin.clear()
        talk.fails("42703", words.rule(sql=[WRONG, variant, GOOD_SQL]))
        assert rounds(words) == 2, variant


@pytest.mark.parametrize("most", [0, 1, 2, 5])
def test_max_repairs(words, standin, most):
    with words.talk(splitplane__max_repairs=str(most)) as talk:
        attempts = [f"SELECT nope{number} FROM sales" for number in range(most + 1)]
        talk.count(words.rule(sql=[*attempts[:most], GOOD_SQL]))
        assert rounds(words) == most + 1
        standin.clear()
        error = talk.fails("42703", words.rule(sql=[*attempts, GOOD_SQL]))
        assert rounds(words) == most + 1
        assert f"nope{most}" in str(error), "the caller sees the last error"


def test_last_error_is_what_the_caller_sees(words, talk):
    talk.fails("42P01", words.rule(sql=[WRONG, "SELECT 1 / (amount - amount) FROM sales", "SELECT secret FROM vault"]))
    talk.fails("22012", words.rule(sql=[WRONG, "SELECT secret FROM vault", "SELECT 1 / (amount - amount) FROM sales"]))


def test_repair_into_a_clarification(words, talk, standin):
    """The second time the model asks back: what it says then is the answer."""
    question = words.rule(sql=[WRONG])
    original = standin.script.value

    def asks_back(asked):
        if asked.last("failed-sql") is not None:
            return {"sql": "", "clarification": "Which column is meant?"}
        return original(asked)

    standin.script.value = asks_back
    try:
        with words.unread(talk):
            document = talk.declined("clarify", question)
    finally:
        standin.script.value = original
    assert document["message"] == "Which column is meant?" and rounds(words) == 2


@pytest.mark.parametrize("fault", ["close", "refuse", "malformed", "wrong_tool", "extra_field"])
def test_fault_during_a_repair(words, talk, standin, fault):
    """The first round is fine; what comes of the second is an error, never an answer of the first."""
    standin.play(fault, task="generation")
    question = words.rule(sql=[WRONG, GOOD_SQL])
    original = standin.stage.take
    standin.stage.take = lambda asked, of_rule=(): original(asked, of_rule) if asked.last("failed-sql") else None
    try:
        with words.unread(talk):
            talk.fails(("38000", "08006"), question)
    finally:
        standin.stage.take = original
    standin.play()
    talk.count(words.rule(sql=[WORSE, GOOD_SQL]), "brand-b")


def test_sql_of_the_caller_is_not_repaired(words, talk):
    talk.fails("42703", words.rule(), sql=WRONG)
    assert words.tasks() == ["validation"]


def test_what_no_other_sql_would_mend_is_not_repaired(words, standin):
    with words.talk(splitplane__deadline="1s", splitplane__max_cost="0") as talk:
        talk.fails("57014", words.rule(sql=["SELECT count(*) FROM generate_series(1, 2000000000)", GOOD_SQL]))
        assert rounds(words) == 1
    with words.talk(splitplane__max_rows="5") as talk:
        document = talk.say(words.rule(sql="SELECT note FROM sales"))
        assert document["truncated"] and document["row_count"] == 5 < SALES["brand-a"]


def test_repairs_see_a_plane_that_was_changed_meanwhile(own, standin):
    """Between two rounds a table leaves the plane: the second round runs against the new plane."""
    with own.talk() as talk:
        question = own.rule(sql=[WRONG, "SELECT count(*) FROM units"])
        original = standin.script.value

        def meanwhile(asked):
            if asked.last("failed-sql") == WRONG:
                own.run("SELECT splitplane.unprotect('units')")
            return original(asked)

        standin.script.value = meanwhile
        try:
            talk.fails("42P01", question)
        finally:
            standin.script.value = original
            own.run("SELECT splitplane.share('units')")
        talk.say(own.rule(sql="SELECT count(*) FROM units"))


def test_no_schema_of_a_type_enters_a_prompt(own, standin):
    """Enums and domains go by their bare names, in the description of the plane and in the errors that are told."""
    own.run("CREATE SCHEMA backstage; CREATE TYPE backstage.mood AS ENUM ('calm', 'cross')")
    own.run("CREATE TABLE moods (tenant_id text NOT NULL, mood backstage.mood); INSERT INTO moods VALUES ('brand-a', 'calm')")
    own.run("SELECT splitplane.protect('moods', '{\"tenant_id\": \"tenant\"}')")
    with own.talk() as talk:
        document = talk.say(own.rule(sql=["SELECT mood = 'calm'::text FROM moods", "SELECT mood = 'calm'::mood FROM moods"]))
    assert document["rows"] == [[True]]
    assert errors(standin) == ["operator does not exist: mood = text"]
    sent = [str(vars(record.asked)) for record in standin.settle()]
    assert any("mood mood enum ('calm', 'cross')" in text for text in sent), "the control: the type is described"
    assert not any("backstage" in text for text in sent)
