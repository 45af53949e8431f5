"""The server log has one line for each refusal, whatever refused, and nobody can write a second one or another's into it."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid

import psycopg
import pytest
from splitplane_test.session import lowered, replaced, wait_until

from pg_test.wire.harness import COUNT_SALES
from pg_test.wire.lines import FIELDS, length, one_line, refused_lines, sha256

ENDLESS = "SELECT count(*) FROM (SELECT generate_series(1, 2000000000)) AS made"


def error_of(action) -> psycopg.Error:
    try:
        action()
    except psycopg.Error as error:
        return error
    raise AssertionError("it was answered")


STATEMENTS = {
    "unknown_relation": ("SELECT * FROM vault", "42P01"),
    "outside_plane": ("SELECT pg_sleep(1) FROM sales", "42501"),
    "not_admitted": ("DELETE FROM sales", "0A000"),
    "syntax": ("SELECT FROM FROM sales", "42601"),
    "too_complex": ("SELECT " + "(" * 60 + "1" + ")" * 60, "54001"),
    "server, of the text": ("SELECT 'x'::int FROM sales", "22P02"),
    "server, of the rows": ("SELECT 1 / (amount - amount) FROM sales", "22012"),
    "server, of a name": ("SELECT nothing FROM sales", "42703"),
}


@pytest.mark.parametrize("case", STATEMENTS)
@pytest.mark.parametrize("function", ["ask", "ask_dry_run"])
def test_layer_three_and_errors_of_postgresql(wire, session, case, function):
    sql, state = STATEMENTS[case]
    if function == "ask_dry_run" and case == "server, of the rows":
        pytest.skip("a dry run reads no row")
    since = length(wire)
    error = error_of(lambda: session.call(wire.sign(sql, "brand-b"), sql, function=function))
    fields = one_line(wire, since)
    assert error.sqlstate == state == fields["state"]
    assert fields["reason"] == case.split(",")[0]
    assert fields["who"] == 'tenant "brand-b"'
    assert (fields["what"], fields["hash"]) == ("SQL", sha256(sql))


def test_every_line_has_a_number_of_its_own(wire, session):
    since = length(wire)
    for _ in range(20):
        session.ask_refused("42P01", "SELECT * FROM vault")
    numbers = {FIELDS.search(line)["query_id"] for line in refused_lines(wire, since)}
    assert len(numbers) == 20 and all(uuid.UUID(number).version == 4 for number in numbers)


def contexts(wire) -> dict[str, tuple]:
    """What layer 1 refuses: (context, SQLSTATE, reason, who)."""
    sign, claimed = lambda **more: wire.sign(COUNT_SALES, **more), 'tenant claimed to be "brand-a"'
    spent = sign()
    with wire.session() as session:
        session.call(spent, COUNT_SALES)
    other = 'tenant claimed to be "brand-b"'
    return {
        "signature": (sign(key=(wire.key_id, "another secret")), "28000", "signature", claimed),
        "another tenant": (replaced(sign(), x_splitplane_tenant="brand-b"), "28000", "signature", other),
        "unknown key": (wire.sign(COUNT_SALES, key=("AKNOBODY", "secret")), "28000", "unknown_key", claimed),
        "replayed": (spent, "28000", "replayed", claimed),
        "audience": (replaced(sign(), host="elsewhere"), "28000", "audience", claimed),
        "another text": (wire.sign("SELECT 1"), "28000", "signature", claimed),
        "no principal": (wire.sign(COUNT_SALES, "brand-x"), "28000", "unknown_principal", 'tenant claimed to be "brand-x"'),
        "not signed": (replaced(sign(), x_splitplane_subject="somebody"), "28000", "headers", claimed),
        "no headers": ({}, "28000", "headers", "no tenant"),
        "no nonce": (replaced(sign(), x_splitplane_nonce=None), "28000", "headers", claimed),
        "no object": ("[1]", "22023", "malformed_context", "no tenant"),
    }


CONTEXTS = (
    "signature",
    "another tenant",
    "unknown key",
    "replayed",
    "audience",
    "another text",
    "no principal",
    "not signed",
    "no headers",
    "no nonce",
    "no object",
)


@pytest.mark.parametrize("case", CONTEXTS)
def test_layer_one(wire, session, case):
    """Who asks is what the context claims, and is said to be no more than that."""
    context, state, reason, who = contexts(wire)[case]
    since = length(wire)
    error = session.refused(state, context, COUNT_SALES)
    fields = one_line(wire, since)
    assert (fields["state"], fields["reason"], fields["who"]) == (state, reason, who)
    assert (fields["what"], fields["hash"]) == ("SQL", sha256(COUNT_SALES))
    assert state != "28000" or str(error) == "the signed context was refused", "the caller is not told"


def test_arguments(wire, session):
    since = length(wire)
    session.refused("22023", None, COUNT_SALES)
    fields = one_line(wire, since)
    assert (fields["state"], fields["reason"], fields["who"]) == ("22023", "argument", "no tenant")
    assert fields["hash"] == sha256(COUNT_SALES)
    # Too long a text is refused before it is read.
    since, sql = length(wire), "SELECT '" + "x" * 70_000 + "'"
    session.refused("54001", wire.sign(sql), sql)
    fields = one_line(wire, since)
    assert (fields["state"], fields["reason"], fields["what"]) == ("54001", "too_complex", None)


def test_rows(wire):
    role = wire.role(splitplane__max_rows="5")
    sql = "SELECT sale_id FROM sales"
    with wire.session(role) as session:
        for columns, state, reason in (("sale_id int", "53400", "limit"), ("a int, b int", "42804", "result_shape")):
            since = length(wire)
            context = json.dumps(wire.sign(sql))
            call = f"SELECT * FROM ask_rows(%s::text::jsonb, sql => %s) AS t({columns})"
            assert error_of(lambda context=context, call=call: session.execute(call, (context, sql))).sqlstate == state
            fields = one_line(wire, since)
            assert (fields["state"], fields["reason"]) == (state, reason)


@pytest.mark.parametrize("how", ["cancel", "statement_timeout", "deadline"])
def test_cancels(wire, how):
    settings = {"deadline": {"splitplane__deadline": "300ms"}, "statement_timeout": {"statement_timeout": "300ms"}}.get(how, {})
    role = wire.role(**{"splitplane__deadline": "30s", **settings})
    with wire.session(role) as session:
        since = length(wire)
        if how == "cancel":
            threading.Timer(0.5, lambda: wire.run("SELECT pg_cancel_backend(%s)", session.pid)).start()
        session.refused("57014", wire.sign(ENDLESS), ENDLESS)
        fields = one_line(wire, since)
        assert (fields["state"], fields["reason"], fields["who"]) == ("57014", "cancelled", 'tenant "brand-a"')
        assert fields["hash"] == sha256(ENDLESS)


def test_an_error_that_a_function_catches_has_its_line(wire, session):
    """And one that is thrown on has no second one."""
    since = length(wire)
    context = json.dumps(wire.sign("SELECT * FROM vault")).replace("'", "''")
    caught = f"""DO $$ BEGIN
        PERFORM public.ask('{context}', sql => 'SELECT * FROM vault');
    EXCEPTION WHEN undefined_table THEN RAISE EXCEPTION 'again' USING ERRCODE = 'P0001'; END $$"""
    assert error_of(lambda: session.execute(caught)).sqlstate == "P0001"
    assert one_line(wire, since)["state"] == "42P01"


def test_what_is_answered_has_no_line(wire, session):
    since = length(wire)
    session.value(COUNT_SALES)
    assert refused_lines(wire, since) == []


FORGED = 'LOG:  splitplane: refused (nothing); 00000, proof, query_id 00000000-0000-4000-8000-000000000000, tenant "brand-c", SQL sha256:' + "0" * 64
BREAKS = {"line feed": "\n", "carriage return": "\r", "both": "\r\n", "vertical tab": "\v", "form feed": "\f", "next line": "\x85", "escape": "\x1b[2K"}


@pytest.mark.parametrize("how", BREAKS)
def test_a_name_cannot_begin_a_line(wire, session, how):
    """The name of a relation is quoted in the message; what would end the line, or hide it on a terminal, is a blank there."""
    forged = f"2026-01-01 00:00:00.000 UTC [1] app@wire {FORGED}"
    sql = f'SELECT * FROM "x{BREAKS[how]}{forged[:60]}"'
    since = length(wire)
    error = error_of(lambda: session.call(wire.sign(sql), sql))
    fields = one_line(wire, since)
    assert (fields["state"], fields["who"], fields["hash"]) == (error.sqlstate, 'tenant "brand-a"', sha256(sql))
    line = refused_lines(wire, since)[0]
    assert not any(unwanted in line for unwanted in "\r\v\f\x85\x1b")


def test_the_fields_at_the_end_are_ours(wire, session):
    """A name that looks like the fields comes before them, and an id that is claimed stands in quotes that it cannot end."""
    fields = FORGED[FORGED.index("; ") :]
    sql = f'SELECT "{fields[:60]}" FROM sales'
    since = length(wire)
    error = error_of(lambda: session.call(wire.sign(sql), sql))
    found = one_line(wire, since)
    assert (found["state"], found["who"], found["hash"]) == (error.sqlstate, 'tenant "brand-a"', sha256(sql))

    since = length(wire)
    context = replaced(wire.sign(COUNT_SALES), x_splitplane_tenant=f'brand-a"{fields}, tenant "brand-b')
    session.refused("28000", context, COUNT_SALES)
    found = one_line(wire, since)
    assert found["state"] == "28000" and found["hash"] == sha256(COUNT_SALES)
    assert found["who"].startswith('tenant claimed to be "brand-a\\"; 00000') and found["who"].endswith('\\"brand-b"')


@pytest.mark.parametrize("separator", ["\n", "\u2028", "\x00", "\x7f"])
def test_an_id_cannot_begin_a_line(wire, session, separator):
    context = replaced(wire.sign(COUNT_SALES), x_splitplane_tenant=f"brand-a{separator}{FORGED}")
    if separator == "\x00":
        # jsonb cannot hold it.
        assert error_of(lambda: session.call(context, COUNT_SALES)).sqlstate == "22P05"
        return
    since = length(wire)
    session.refused("28000", context, COUNT_SALES)
    assert one_line(wire, since)["state"] == "28000"
    assert separator not in refused_lines(wire, since)[0].removesuffix("\n")


def test_no_secret_stands_in_a_line(wire, session):
    """Neither what signs, nor what was signed, nor the text that was asked."""
    since = length(wire)
    marked = "SELECT 'CANARY-literal' FROM vault"
    context = wire.sign(marked)
    session.refused("42P01", context, marked)
    session.refused("28000", context, marked)
    wrong = wire.sign(marked, key=(wire.key_id, "CANARY-wrong-secret"))
    session.refused("28000", wrong, marked)
    lines = refused_lines(wire, since)
    assert len(lines) == 3
    signatures = [re.search(r"Signature=([0-9a-f]{64})", lowered(each)["authorization"])[1] for each in (context, wrong)]
    for secret in (wire.secret, "CANARY", *signatures, lowered(context)["x-splitplane-nonce"]):
        assert not any(secret in line for line in lines), secret


def test_a_session_that_is_ended_has_at_most_one_line(wire):
    role = wire.role(splitplane__deadline="30s")
    with wire.session(role) as session:
        since = length(wire)
        threading.Timer(0.5, lambda: wire.run("SELECT pg_terminate_backend(%s)", session.pid)).start()
        error = error_of(lambda: session.call(wire.sign(ENDLESS), ENDLESS))
        assert error.sqlstate == "57P01"
    wait_until(lambda: "terminating connection due to administrator command" in wire.cluster.log_text()[since:], 5, "it is said")
    time.sleep(0.1)
    assert len(refused_lines(wire, since)) <= 1
