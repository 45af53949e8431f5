"""What a model is shown: never a row that `narrate` does not allow, never a private value, a hidden name or an identity.

One broad run over every path (answers, refusals, repairs after errors that quote values, follow-ups, verified queries,
the batch), and then everything textual in every request the stand-in received is searched.
"""

import itertools
import re

import psycopg
import pytest
from talk import GOOD_SQL, Words

# Over the plane of the wire tests: a private column, a hidden column and table, names that tell, and two key figures.
MORE = """
    CREATE TABLE guests (tenant_id text NOT NULL, guest_id int NOT NULL, email text NOT NULL, visits int NOT NULL,
                         hushed text NOT NULL, PRIMARY KEY (tenant_id, guest_id));
    INSERT INTO guests SELECT t, n, 'PRIVATE-' || t || '-' || n || '@mail', n, 'HUSHED-' || t
      FROM unnest(ARRAY['brand-a','brand-b','brand-c']) t, generate_series(1, 5) n;
    ALTER TABLE guests ADD COLUMN shout text GENERATED ALWAYS AS (upper(email)) STORED;
    CREATE TABLE hidden_ledger (tenant_id text NOT NULL, amount int);
    CREATE SCHEMA backroom;
    CREATE TABLE backroom.takings (n int);
    COMMENT ON TABLE guests IS 'People who came.';
    COMMENT ON COLUMN guests.hushed IS 'HUSHED-comment';
    COMMENT ON TABLE hidden_ledger IS 'HUSHED-table-comment';
    ANALYZE;
    SELECT splitplane.protect('guests', '{"tenant_id": "tenant"}', ARRAY['guest_id', 'email', 'visits', 'shout'],
                              private_columns => ARRAY['email', 'shout']);
    SELECT splitplane.admit('brand-a', 'business-of-a', 'subject-of-a', claims => '{"stores": [2, 3]}');
"""
PRIVATE = re.compile(r"PRIVATE-", re.IGNORECASE)
# Never, whatever the settings.
NEVER = {
    "another tenant's row": re.compile(r"CANARY-(brand-[bc]|vault)|PRIVATE-brand-[bc]"),
    "a tenant's id": re.compile(r"\bbrand-[abc]\b"),
    "a business or subject": re.compile(r"business-of-a|subject-of-a"),
    "a private value": PRIVATE,
    "a hidden value or comment": re.compile("HUSHED", re.IGNORECASE),
    "a hidden name": re.compile(r"\b(hushed|hidden_ledger|backroom|takings|vault|_fences|splitplane_reader|pg_policy)\b"),
    "a context": re.compile(r"x-splitplane|AWS4-HMAC|Signature=|AKIA|AKLEAKS"),
}
# Every shape in which a private column may be used: none of these results is told.
PRIVATE_SHAPES = [
    "SELECT email FROM guests ORDER BY guest_id",
    "SELECT shout FROM guests ORDER BY guest_id",
    "SELECT upper(email) AS a FROM guests",
    "SELECT max(email) AS a FROM guests",
    "SELECT count(*) AS a FROM guests WHERE email LIKE 'private-%' OR true",
    "SELECT string_agg(email, ',') AS a FROM guests",
    "SELECT array_agg(email) AS a FROM guests",
    "SELECT json_agg(g) AS a FROM guests g",
    "SELECT to_jsonb(g) AS a FROM guests g",
    "SELECT g::text AS a FROM guests g",
    "SELECT row(email, 1)::text AS a FROM guests",
    "SELECT guest_id, (SELECT email FROM guests i WHERE i.guest_id = o.guest_id) AS a FROM guests o",
    "WITH c AS (SELECT email AS plain FROM guests) SELECT plain FROM c",
    "WITH RECURSIVE c(e) AS (SELECT email FROM guests UNION SELECT e FROM c) SELECT e FROM c",
    "SELECT visits FROM guests ORDER BY email",
    "SELECT left(email, 9) AS a, count(*) AS b FROM guests GROUP BY 1",
    "SELECT visits FROM guests GROUP BY visits, email HAVING email > 'P'",
    "SELECT first_value(email) OVER (ORDER BY visits) AS a FROM guests",
    "SELECT count(*) AS a FROM guests a JOIN guests b USING (email)",
    "SELECT a.x FROM guests, LATERAL (SELECT email AS x) a",
    "SELECT email FROM guests UNION ALL SELECT note FROM sales",
    "SELECT CASE WHEN email > 'A' THEN visits ELSE 0 END AS a FROM guests",
    "SELECT count(*) FILTER (WHERE email IS NOT NULL) AS a FROM guests",
    "SELECT * FROM guests NATURAL JOIN units",
    "SELECT md5(email) AS a FROM guests",
    "SELECT length(email) AS a FROM guests",
]
# Errors that quote values: what the model is told of them is the SQLSTATE.
QUOTING = [
    "SELECT note::int FROM sales",
    "SELECT email::int FROM guests",
    "SELECT email::date FROM guests",
    "SELECT note::timestamptz FROM sales",
    "SELECT email::uuid FROM guests",
    "SELECT note::json FROM sales",
    "SELECT email::numeric FROM guests",
    "SELECT note::inet FROM sales",
    "SELECT ('{' || email || '}')::int[] FROM guests",
    "SELECT to_date(note, 'YYYY-MM-DD') FROM sales",
    "SELECT to_number(email, '999') + 1 / (visits - visits) FROM guests",
    "SELECT to_timestamp(email, 'YYYY') FROM guests",
    "SELECT note ~ ('(' || email) FROM sales, guests",
    "SELECT 1 / (amount - amount) FROM sales",
    "SELECT (SELECT email FROM guests)",
    "SELECT (amount * 100000000)::int FROM sales",
    "SELECT jsonb_path_query('{}', ('$.' || email || '(')::jsonpath) FROM guests",
    "SELECT substring(email FROM 1 FOR -1) FROM guests",
    "SELECT note::bit(3) FROM sales",
    "SELECT ('[' || email)::int4range FROM guests",
    "SELECT email::interval FROM guests",
    "SELECT decode(email, 'hex') FROM guests",
    "SELECT encode(note::bytea, email) FROM sales, guests",
    "SELECT date_trunc(email, now()) FROM guests",
    "SELECT extract(epoch FROM now()) FROM sales WHERE now() AT TIME ZONE note > now()",
    "SELECT to_char(now(), email)::int FROM guests",
    "SELECT set_byte('a', visits * 1000, 1) FROM guests",
    "SELECT email::regclass FROM guests",
    "SELECT lpad(email, 100000000) FROM guests",
    "SELECT email::xml FROM guests",
    "SELECT email::tsquery FROM guests",
    "SELECT tenant_id FROM guests",
    "SELECT hushed FROM guests",
    "SELECT secret FROM vault",
    "SELECT * FROM hidden_ledger",
    "SELECT n FROM backroom.takings",
]


@pytest.fixture(scope="module")
def leaky(cluster, model):
    made = Words.make(cluster, model, "leaks")
    made.boss.execute(MORE)
    return made


def ask(talk, question: str, **more):
    """The document or the error, whatever it is: what counts here is what the model was shown."""
    try:
        return talk.put(question, business="business-of-a", subject="subject-of-a", **more)
    except psycopg.Error as error:
        assert error.sqlstate != "XX000", error
        return error


def leaks(standin, but: str = "") -> list[str]:
    """Texts that a model was shown and should not have been; `but` is what the model itself wrote."""
    found = []
    for text, (what, pattern) in itertools.product(standin.texts(), NEVER.items()):
        for hit in pattern.finditer(text):
            if hit.group(0) not in but:
                found.append(f"{what}: {hit.group(0)} in {text[max(0, hit.start() - 80) : hit.end() + 40]!r}")
    return found


@pytest.mark.parametrize("narrate", ["off", "aggregate", "rows"])
def test_private_columns_are_never_told(leaky, standin, narrate):
    with leaky.talk(splitplane__narrate=narrate) as talk:
        for sql in PRIVATE_SHAPES:
            document = ask(talk, leaky.rule(sql=sql, answer="A: {0.0}"))
            assert document["outcome"] == "answered" and document["answer"] is None, (sql, document)
            assert document["row_count"] >= 1, sql
        assert "narration" not in leaky.tasks()
        assert not leaks(standin, " ".join(PRIVATE_SHAPES))
        # The control: beside them, what is not private is told as the setting says.
        public = ask(talk, leaky.rule(sql="SELECT count(*) AS n, max(visits) AS v FROM guests", answer="At most {0.1}."))
        assert public["answer"] == (None if narrate == "off" else "At most 5.")
        shown = ask(talk, leaky.rule(sql="SELECT visits + 9000 AS v FROM guests ORDER BY 1", answer="First {0.0}."))
        assert shown["answer"] == ("First 9001." if narrate == "rows" else None)


def test_rows_are_told_only_where_that_is_allowed(leaky, standin):
    """The detector is awake: with narrate = rows a note of the asker's own does reach the model, and is seen."""
    sql = "SELECT note FROM sales WHERE sale_id < 3"
    for narrate, seen in (("off", False), ("aggregate", False), ("rows", True)):
        standin.clear()
        with leaky.talk(splitplane__narrate=narrate) as talk:
            document = ask(talk, leaky.rule(sql=sql, answer="It is {0.0}."))
            assert document["row_count"] == 2
            assert (document["answer"] is not None) == seen
        assert any("CANARY-brand-a sale" in text for text in standin.texts()) == seen
        assert any("brand-a" in line for line in leaks(standin)) == seen


@pytest.mark.parametrize(
    ("narrate", "sql", "told"),
    [
        ("aggregate", "SELECT count(*) AS n FROM sales", True),
        ("aggregate", "SELECT store_id, sum(amount) AS n FROM sales GROUP BY store_id", True),
        ("aggregate", "SELECT note FROM (SELECT note, count(*) FROM sales GROUP BY note LIMIT 2) AS s", False),
        ("aggregate", "SELECT sale_id, count(*) AS n FROM sales GROUP BY sale_id LIMIT 21", False),
        ("aggregate", "SELECT string_agg(repeat(note, 3), '') AS n FROM sales", False),
        ("aggregate", "SELECT sum(amount) OVER () AS n FROM sales LIMIT 3", False),
        ("aggregate", "SELECT 1 AS n", False),
        ("rows", "SELECT amount FROM sales LIMIT 20", True),
        ("rows", "SELECT a.amount FROM sales a, sales b LIMIT 101", False),
        ("rows", "SELECT repeat(note, 20) AS n FROM sales", False),
        ("rows", "SELECT amount FROM sales WHERE false", True),
    ],
)
def test_which_results_are_told(leaky, standin, narrate, sql, told):
    with leaky.talk(splitplane__narrate=narrate) as talk:
        document = ask(talk, leaky.rule(sql=sql, answer="{rows} rows."))
        assert document["outcome"] == "answered", document
        assert (document["answer"] == f"{document['row_count']} rows.") == told, document["answer"]
        assert leaky.tasks().count("narration") == (1 if told else 0)


def test_narrator_that_fails_costs_the_words_only(leaky, standin):
    with leaky.talk(splitplane__narrate="rows") as talk:
        for fault in ("close", "malformed", "refuse", "extra_field", "text_instead"):
            standin.play(fault, task="narration")
            document = ask(talk, leaky.rule(answer="{0.0}"))
            assert document["answer"] is None and document["row_count"] == 1, fault


def test_repairs_after_errors_that_quote_values(leaky, standin):
    failed = 0
    with leaky.talk(splitplane__narrate="rows") as talk:
        for sql in QUOTING:
            document = ask(talk, leaky.rule(sql=[sql, GOOD_SQL]))
            if isinstance(document, dict):
                failed += document["sql"] == GOOD_SQL
    told = [record.asked.last("error") for record in standin.settle()]
    assert failed >= 25 and sum(error is not None for error in told) == failed, "the control: most of them fail"
    found = leaks(standin, " ".join(QUOTING))
    assert not found, "\n".join(found)
    for error in filter(None, told):
        assert not re.search("CANARY|PRIVATE|brand-", error, re.IGNORECASE), error


def test_broad_run_shows_a_model_nothing(leaky, standin):
    """Every outcome and entry point once, by every tenant, with a conversation; nothing is narrated."""
    leaky.run("SELECT splitplane.verify_query('v', 'Which are my best shops?', 'SELECT city FROM shops')")
    leaky.run("SELECT splitplane.define_metric('turnover', 'SELECT sum(amount) FROM sales', 'What was sold')")
    with leaky.talk() as talk:
        for tenant in ("brand-a", "brand-b", "brand-c"):
            talk.say("which are my best shops", tenant)
            talk.say("turnover", tenant)
            conversation = f"00000000-0000-0000-0000-00000000000{tenant[-1]}"
            for turn in range(3):
                talk.say(leaky.rule(sql="SELECT city FROM shops"), tenant, conversation=conversation)
                talk.say(leaky.rule(sql=f"SELECT note FROM sales LIMIT {turn + 1}"), tenant)
            talk.declined("clarify", leaky.rule(clarification="Which?"), tenant)
            talk.declined("refused", leaky.rule(verdict="reject", message="No."), tenant)
            talk.put(leaky.rule(), tenant, function="ask_dry_run")
            talk.fails("42P01", leaky.rule(sql="SELECT 1 FROM vaults"), tenant)
    leaky.boss.execute("SELECT * FROM splitplane.validate(ARRAY['How many?', 'Best shops?'])")
    texts = standin.texts()
    assert sum("table sales" in text for text in texts) > 20, "the control: planes are shown"
    assert not leaks(standin), "\n".join(leaks(standin))
    assert not any("CANARY" in text for text in texts)
    assert any("email" in text for text in texts), "a private column's name is shown, so that SQL can use it"
    leaky.run("SELECT splitplane.unverify_query('v'), splitplane.undefine_metric('turnover')")


@pytest.mark.parametrize("numbers", ["number", "text"])
def test_the_narrator_reads_numbers_whatever_the_document_has(leaky, standin, numbers):
    """splitplane.json_numbers concerns the document alone: the prompt is the same, and so is which results are told."""
    sql = "SELECT count(*) AS a, ARRAY[1.50, 2] AS b, '7' AS c FROM sales"
    question = leaky.rule(sql=sql, answer="{0.0}")
    with leaky.talk(splitplane__narrate="rows", splitplane__json_numbers=numbers) as talk:
        document = ask(talk, question)
    assert document["rows"] == ([[50, [1.5, 2], "7"]] if numbers == "number" else [["50", ["1.50", "2"], "7"]])
    assert leaky.tasks().count("narration") == 1
    assert any('[[50,[1.50,2],"7"]]' in text for text in standin.texts())
    assert not any('"50"' in text for text in standin.texts())


def test_quotes_do_not_keep_a_result_from_the_narrator(leaky, standin):
    """The bound on what is told is on the numbers, not on the quotes round them."""
    sql = "SELECT array_agg(g::bigint % 10) AS a FROM generate_series(1, {}) AS g"
    told = {}
    for numbers in ("number", "text"):
        with leaky.talk(splitplane__narrate="rows", splitplane__json_numbers=numbers) as talk:
            told[numbers] = [ask(talk, leaky.rule(sql=sql.format(count), answer="Told."))["answer"] for count in (8_000, 8_300)]
    assert told == {"number": ["Told.", None], "text": ["Told.", None]}
