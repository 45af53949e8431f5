"""Asking over each driver: own rows, one context a call, the exact text, typed errors, transactions."""

import uuid
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from splitplane.calls import Call
from splitplane.clients import described
from splitplane.psycopg import Client

from pg_test.clients.harness import BRAND_A, OneContext, OtherText, Recording, nonce
from pg_test.wire.harness import COUNT_SALES, SALES
from splitplane import (
    Answer,
    Column,
    ContextRefused,
    DriverError,
    InvalidArgument,
    LimitReached,
    NotAvailable,
    Principal,
    Signer,
    SplitplaneError,
    StatementRefused,
)

# What makes each typed error, over SQL of the caller's own.
REFUSED = [
    ("SELECT * FROM vault", StatementRefused, "42P01"),
    ("SELECT pg_sleep(1)", StatementRefused, "42501"),
    ("SELECT nothing FROM sales", StatementRefused, "42703"),
    ("DELETE FROM sales", StatementRefused, "0A000"),
    ("SELECT FROM WHERE", StatementRefused, "42601"),
    ("SELECT amount / (amount - amount) FROM sales", StatementRefused, "22012"),
]


def test_each_principal_is_answered_with_its_own_rows(asker):
    for tenant, count in SALES.items():
        answer = asker.run(asker.client.ask(Principal(tenant=tenant), sql=COUNT_SALES))
        assert (answer.outcome, answer.rows, answer.truncated) == ("answered", [(count,)], False)
    seen = "SELECT DISTINCT store_id FROM visits ORDER BY 1"
    assert [row[0] for row in asker.ask(sql=seen).rows] == [1, 2, 3, 4]
    franchise = Principal(tenant="brand-a", business="franchise-7")
    assert [row[0] for row in asker.run(asker.client.ask(franchise, sql=seen)).rows] == [2, 3]


def test_a_question_of_the_catalog_is_asked_in_words(asker, wire):
    question = "How many shops?"
    wire.run("SELECT splitplane.verify_query('shops', %s, 'SELECT count(*) FROM shops')", question)
    try:
        answer = asker.ask(question)
        assert (answer.rows, answer.document["source"], answer.sql) == ([(4,)], "verified_query", "SELECT count(*) FROM shops")
        conversation = uuid.uuid4()
        assert asker.ask(question, conversation=conversation).document["conversation"] == str(conversation)
        # Described first, with a context of its own; then the rows of the SQL that was told.
        assert asker.ask_rows(question).rows == [(4,)]
    finally:
        wire.run("SELECT splitplane.unverify_query('shops')")


def test_a_question_without_a_model_cannot_be_answered(asker):
    for ask in (asker.ask, asker.ask_rows):
        with pytest.raises(NotAvailable) as unanswered:
            ask("Which shop is the best?")
        assert unanswered.value.sqlstate == "55000"


def test_an_answer_that_asks_back_has_no_rows():
    """The document as `ask` gives it where the question is not clear."""
    answer = Answer.of('{"outcome": "clarify", "query_id": "x", "message": "Which year?", "usage": {"model_calls": 1}}')
    assert (answer.outcome, answer.message, answer.columns, answer.rows, answer.sql) == ("clarify", "Which year?", (), [], None)
    with pytest.raises(InvalidArgument, match="Which year"):
        described('{"outcome": "clarify", "message": "Which year?"}')


def test_each_call_has_a_context_of_its_own(asker):
    signer = Recording(asker.plane)
    client = asker.make(signer)
    for _ in range(7):
        asker.run(client.ask(BRAND_A, sql=COUNT_SALES))
    assert len({nonce(context) for context in signer.made}) == len(signer.made) == 7


def test_a_used_context_is_refused(asker):
    client = asker.make(OneContext(asker.plane))
    assert asker.run(client.ask(BRAND_A, sql=COUNT_SALES)).rows == [(50,)], "the control: the first use is answered"
    with pytest.raises(ContextRefused) as refusal:
        asker.run(client.ask(BRAND_A, sql=COUNT_SALES))
    assert refusal.value.sqlstate == "28000"
    assert asker.ask(sql=COUNT_SALES).rows == [(50,)], "the connection is usable"


def test_the_exact_text_is_signed(asker):
    signer = OtherText(asker.plane)
    with pytest.raises(ContextRefused):
        asker.run(asker.make(signer).ask(BRAND_A, sql=COUNT_SALES))
    assert len(signer.made) == 1, "a refused context is not tried again"
    for text in ("SELECT 'ß€東 \"''%s $1'\r\n\t-- end", "SELECT E'%%', '?', ':c', $$=>$$"):
        assert asker.ask(sql=text).sql is not None


def test_another_database_key_or_principal_is_refused(asker):
    plane = asker.plane
    for signer in (
        Signer(plane.key_id, plane.secret, "elsewhere"),
        Signer(plane.key_id, plane.secret[:-1] + "!", plane.audience),
        Signer("AKNOBODY", plane.secret, plane.audience),
    ):
        with pytest.raises(ContextRefused):
            asker.run(asker.make(signer).ask(BRAND_A, sql=COUNT_SALES))
    with pytest.raises(ContextRefused):
        asker.run(asker.client.ask(Principal(tenant="brand-z"), sql=COUNT_SALES))
    # The audience is compared without case.
    assert asker.run(asker.make(Signer(plane.key_id, plane.secret, plane.audience.upper())).ask(BRAND_A, sql=COUNT_SALES)).rows


def test_refusals_are_typed_and_leave_the_connection_usable(asker):
    for sql, kind, state in REFUSED:
        signer = Recording(asker.plane)
        with pytest.raises(kind) as refusal:
            asker.run(asker.make(signer).ask(BRAND_A, sql=sql))
        assert (refusal.value.sqlstate, len(signer.made)) == (state, 1), sql
        assert refusal.value.message and str(refusal.value).startswith(f"{state}: ")
    assert asker.ask(sql=COUNT_SALES).rows == [(50,)]


def test_limits_and_arguments(asker, wire):
    with asker.another(Recording(wire), wire.role(splitplane__max_rows="3")) as short:
        assert short.ask(sql="SELECT sale_id FROM sales").truncated
        with pytest.raises(LimitReached) as over:
            short.ask_rows(sql="SELECT sale_id FROM sales", columns={"id": "int"})
        assert (over.value.sqlstate, over.value.retry_after) == ("53400", None)
    with pytest.raises(InvalidArgument):
        asker.ask(" ")
    with pytest.raises(ValueError, match="question or SQL"):
        asker.ask()
    with pytest.raises((DriverError, SplitplaneError)):
        asker.ask(sql="SELECT '\0'")
    with pytest.raises(UnicodeEncodeError):
        asker.ask(sql="SELECT '\ud800'")
    assert asker.ask(sql=COUNT_SALES).rows == [(50,)]


def test_typed_rows(asker):
    sql = "SELECT 1 AS a, 'x' AS b, timestamptz '2026-01-01 00:00+00', jsonb '{\"n\": 1.10}', ARRAY[1, NULL], NULL::text"
    columns = {"a": "int", 'b"; --': "text", "at": "timestamp with time zone", "j": "jsonb", "list": "int[]", "none": "text"}
    row = (1, "x", datetime(2026, 1, 1, tzinfo=UTC), '{"n": 1.10}', [1, None], None)
    rows = asker.ask_rows(sql=sql, columns=columns)
    assert list(rows) == [row] and [column.name for column in rows.columns] == list(columns)
    with pytest.raises(StatementRefused) as mismatch:
        asker.ask_rows(sql=sql, columns={"a": "int"})
    assert mismatch.value.sqlstate == "42804"
    with pytest.raises(InvalidArgument, match="one name"):
        asker.ask_rows(sql="SELECT 1 AS a, 2 AS a")
    assert len(asker.ask_rows(sql="SELECT sale_id, note FROM sales ORDER BY 1")) == 50


@pytest.mark.parametrize("kind", ["int), (SELECT 1", "int; DROP TABLE sales", "text) AS t(a", "", "int -- ", 'x" int', "int\n", "a.b.c"])
def test_a_type_can_be_nothing_else(kind):
    with pytest.raises(ValueError, match="no name of a type"):
        Call("ask_rows", BRAND_A, None, "SELECT 1", columns=(Column("a", kind),))


@pytest.mark.parametrize("name", [
    "int", "numeric(10,2)", "numeric(10, 2)", "character varying(3)", "timestamp(3) with time zone", "double precision", "bit varying(4)",
    "int[][]", "public.mood", '"Odd type"[]', 'app."Odd type"', "timestamp without time zone",
])  # fmt: skip
def test_names_of_types(name):
    assert Call("ask_rows", BRAND_A, None, "SELECT 1", columns=(Column("a", name),))


def test_a_call_on_an_idle_connection_is_a_transaction_of_its_own(wire):
    with psycopg.connect(wire.cluster.dsn(wire.database, wire.caller)) as connection:
        client = Client(Recording(wire), connection)
        client.ask(BRAND_A, sql=COUNT_SALES)
        assert connection.info.transaction_status == TransactionStatus.IDLE
        connection.execute("SELECT 1")
        client.ask(BRAND_A, sql=COUNT_SALES)
        assert connection.info.transaction_status == TransactionStatus.INTRANS, "the caller's transaction goes on"
        connection.autocommit_is_untouched = connection.autocommit is False
        assert connection.autocommit_is_untouched


def test_principals_and_signers_that_cannot_be():
    for ids in ({"tenant": ""}, {"tenant": "a\nx-splitplane-tenant:b"}, {"tenant": "a", "subject": "b\x00"}, {"tenant": "a", "business": "\u200b"}):
        with pytest.raises(ValueError, match="principal"):
            Principal(**ids)
    for arguments in (("", "s", "shop"), ("k", "", "shop"), ("k", "s", ""), ("k", "s", "shop/x"), ("k", "s", "shop\n")):
        with pytest.raises(ValueError):
            Signer(*arguments)
