"""A model that answers every question with an attack: entries of the hostile corpus, over its own schema.

Validation allows everything and each question yields another attack, which is repaired into itself. What is judged is what
the hostile suite judges: no canary, and no SQLSTATE but those of the reference.
"""

import json

import psycopg
import pytest
from talk import Words

from pg_test.attacks import entries
from pg_test.attacks import verdict as judging

# Those that run until the deadline or grow the backend would take minutes; the hostile suite has them.
SKIPPED = ("resource", "dos", "limits", "exhaust")
MOST = 240


@pytest.fixture(scope="module")
def hostile(cluster, model):
    """The hostile schema with the plane of the hostile suite."""
    words = Words.make(cluster, model, "hostile_words", key_id="AKHOSTILE", before=[entries.FOLDER / "schema.sql"])
    for relation, columns in entries.PLANE.items():
        words.protect(f"public.{relation}", {"tenant_id": "tenant"}, columns)
    words.admit("acme", "beta")
    words.set(splitplane__deadline="1500ms", splitplane__narrate="rows")
    return words


def chosen() -> list[tuple[dict, str]]:
    """Entries that send SQL and end soon, spread over both files."""
    fit = []
    for entry in entries.load():
        text = entries.text_of(entry, "hostile_words")
        quick = entry["expect"] != "bounded" and not entry.get("session_setup") and "sql_gen" not in entry
        if text and quick and len(text) < 20_000 and not any(word in entry["category"] for word in SKIPPED):
            fit.append((entry, text))
    step = max(1, len(fit) // MOST)
    return fit[::step][:MOST]


def test_every_attack_as_an_answer(hostile, standin):
    attacks = chosen()
    assert len(attacks) >= 150
    wrong, outcomes = [], {}
    standin.play(corpus=[text for _, text in attacks])
    notices = []
    with hostile.talk() as talk:
        for number, (entry, text) in enumerate(attacks):
            question = f"How many orders were there in case {number}?"
            talk.notices.clear()
            try:
                document = talk.put(question, "acme")
            except psycopg.Error as error:
                outcomes[error.sqlstate] = outcomes.get(error.sqlstate, 0) + 1
                wrong += [f"{entry['id']}: {what}" for what in judging.judge_error(entry, error, text)]
                assert not talk.connection.closed, f"{entry['id']} ended the session"
            else:
                outcomes[document["outcome"]] = outcomes.get(document["outcome"], 0) + 1
                if document["outcome"] == "answered":
                    # The model's own text may spell a canary; the rows may not.
                    shown = json.dumps([document["rows"], document["answer"], document["columns"]])
                    if judging.canary_in(shown) and not judging.canary_in(text):
                        wrong.append(f"{entry['id']}: canary in {shown[:200]}")
                    assert document["sql"] == text, "the corpus and the questions are out of step"
            notices += [f"{entry['id']}: {notice.message_primary}" for notice in talk.notices]
        assert talk.execute("SELECT current_user, session_user").fetchone() == ("app", "app")
        standin.play()
        standin.clear()
        honest = hostile.rule(sql="SELECT count(*), min(note) FROM orders", question="How many orders are mine?")
        document = talk.put(honest, "acme")
        assert document["rows"][0][0] == 50
        assert talk.put(honest, "beta")["rows"][0][0] == 50
    print(f"{len(attacks)} attacks: {outcomes}")
    assert not wrong, "\n".join(wrong)
    assert not notices, notices
    assert outcomes.get("answered", 0) >= 3 and sum(outcomes.values()) == len(attacks), "the control: some read own rows"


def test_nothing_of_another_tenant_reached_the_hostile_model(hostile, standin):
    """The narrator is shown rows of acme alone, and repairs no values: the model learns nothing by failing."""
    attacks = chosen()[::4]
    standin.play(corpus=[text for _, text in attacks])
    sent = " ".join(text for _, text in attacks)
    with hostile.talk() as talk:
        for number, _ in enumerate(attacks):
            try:
                talk.put(f"How many guests were there in case {number}?", "acme")
            except psycopg.Error:
                pass
    texts = standin.texts()
    assert len(texts) > 500, "the control"
    for text in texts:
        found = judging.canary_in(text)
        assert not found or found.lower() in sent.lower(), f"{found} in what the model was shown: {text[:300]}"
