"""What signers and drivers hand over: values in three forms, names in two spellings, the object in a string, headers left out.

botocore signs; what is changed afterwards is the form alone, as other SDKs and drivers change it.
"""

import json
import re

import psycopg
import pytest
from splitplane_test.session import lowered, refusal

from pg_test.wire.harness import COUNT_SALES, SALES, Wire

OWN = [[SALES["brand-a"]]]


def log_of(wire, action) -> str:
    """What the server log says of one refusal."""
    before = len(wire.cluster.log_text())
    action()
    return wire.cluster.log_text()[before:]


# --- values ------------------------------------------------------------------------------------------------------------


def test_accepts_lists_of_one_string(wire, session):
    """Go's http.Header and Java's headers() give a list for each name."""
    context = {name: [value] for name, value in wire.sign(COUNT_SALES, business="hq").items()}
    assert session.call(context, COUNT_SALES)["rows"] == OWN
    mixed = {name: [value] if number % 2 else value for number, (name, value) in enumerate(wire.sign(COUNT_SALES).items())}
    assert session.call(mixed, COUNT_SALES)["rows"] == OWN


@pytest.mark.parametrize("digits", ["42", "0", "9007199254740993", "123456789012345678901234567890"])
def test_takes_an_integer_as_its_digits(wire, session, digits):
    """npm aws4 gives Content-Length as a number; an id may be one in a caller's own JSON."""
    signed = lowered(wire.sign(COUNT_SALES, subject=digits, extra={"Content-Length": digits}))
    context = {**signed, "x-splitplane-subject": int(digits), "content-length": int(digits)}
    assert session.call(context, COUNT_SALES)["rows"] == OWN
    session.refused("28000", {**context, "x-splitplane-subject": int(digits) + 1}, COUNT_SALES)


def test_a_value_in_another_form_is_the_value_that_was_signed(wire, session):
    signed = lowered(wire.sign(COUNT_SALES, subject="42"))
    for value in (43, ["43"], -42, "042"):
        session.refused("28000", {**signed, "x-splitplane-subject": value}, COUNT_SALES)
    for value in (42.0, 42.5, [42], ["42", "42"], [], None, True, {"42": "42"}):
        session.refused("22023", {**signed, "x-splitplane-subject": value}, COUNT_SALES)
    assert session.call({**signed, "x-splitplane-subject": ["42"]}, COUNT_SALES)["rows"] == OWN


# --- names -------------------------------------------------------------------------------------------------------------


def test_two_spellings_with_equal_values_are_one_header(wire, session):
    """Ruby's signer adds `host` to the `Host` that its caller gave, JavaScript's `User-Agent` to `user-agent`."""
    signed = wire.sign(COUNT_SALES, subject="u-1", extra={"host": wire.audience, "User-Agent": "x"})
    doubled = {**signed, **{name.upper(): value for name, value in signed.items()}, **{name.title(): [value] for name, value in signed.items()}}
    assert len({name.lower() for name in doubled}) < len(doubled)
    assert session.call(doubled, COUNT_SALES)["rows"] == OWN


# --- the object in a string -------------------------------------------------------------------------------------------


def test_accepts_one_level_of_string(wire, session):
    """asyncpg with a codec, postgres.js and SQLAlchemy's cast encode the text once more."""
    signed = wire.sign(COUNT_SALES)
    assert session.call(json.dumps(json.dumps(signed)), COUNT_SALES)["rows"] == OWN
    signed = json.dumps(wire.sign(COUNT_SALES))
    session.refused("22023", json.dumps(json.dumps(signed)), COUNT_SALES)
    assert session.call(json.dumps(signed), COUNT_SALES)["rows"] == OWN, "a malformed argument has not used it up"


def test_all_entry_points_accept_a_string(wire, session):
    assert session.call(json.dumps(json.dumps(wire.sign(COUNT_SALES))), COUNT_SALES, function="ask_dry_run")["outcome"] == "dry_run"
    statement = "SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t(n bigint)"
    text = json.dumps(json.dumps(wire.sign(COUNT_SALES)))
    assert session.execute(statement, (text, COUNT_SALES)).fetchall() == [(SALES["brand-a"],)]


def test_a_name_twice_in_a_string_is_refused(wire, session):
    """No jsonb has dropped the first of two there: the signer may have seen either."""
    signed = json.dumps(lowered(wire.sign(COUNT_SALES)))
    for text in ('{"x-splitplane-tenant": "brand-b", ' + signed[1:], signed[:-1] + ', "x-splitplane-tenant": "brand-b"}'):
        session.refused("28000", json.dumps(text), COUNT_SALES)
    assert session.call(json.dumps(signed), COUNT_SALES)["rows"] == OWN


@pytest.mark.parametrize("function", ["ask", "ask_dry_run"])
def test_null_names_the_cure(session, function):
    """ruby-pg passes NULL for a Hash."""
    error = session.refused("22023", None, COUNT_SALES, function=function)
    assert "$1::text::jsonb" in error.diag.message_primary


def test_the_form_that_works_everywhere(wire, session):
    """What the documents advise: one JSON text, bound to $1::text::jsonb."""
    statement = "SELECT ask(%s::text::jsonb, sql => %s)"
    assert session.execute(statement, (json.dumps(wire.sign(COUNT_SALES)), COUNT_SALES)).fetchone()[0]["rows"] == OWN


# --- headers that signers leave out -----------------------------------------------------------------------------------


def test_a_signed_content_length_that_is_absent_is_the_payloads(wire, session):
    """Go's SDK v2 signs it from the request and never writes it to the header set. Bytes count, not characters."""
    for sql in (COUNT_SALES, COUNT_SALES + " -- Größe 東京"):
        length = str(len(sql.encode()))
        context = wire.sign(sql, extra={"Content-Length": length})
        assert "content-length" in context["Authorization"], "the control: it is signed"
        del context["Content-Length"]
        assert session.call(context, sql)["rows"] == OWN
    for length in ("0", str(len(COUNT_SALES) + 1), "0" + str(len(COUNT_SALES)), ""):
        context = wire.sign(COUNT_SALES, extra={"Content-Length": length})
        del context["Content-Length"]
        session.refused("28000", context, COUNT_SALES)


def test_host_in_any_case_where_it_is_not_handed_over(cluster):
    """Go's and Rust's signers sign the URL's host as it was written, and keep it to themselves."""
    capital = Wire.build(cluster, "WireCase")
    with capital.session() as session:
        for host in ("WireCase", "wirecase"):
            context = lowered(capital.sign(COUNT_SALES, extra={"host": host}))
            del context["host"]
            assert session.call(context, COUNT_SALES)["rows"] == OWN, host
        context = lowered(capital.sign(COUNT_SALES, extra={"host": "wirecas"}))
        del context["host"]
        session.refused("28000", context, COUNT_SALES)
        # Signed as the URL has it, and handed over as the caller wrote it; but no third spelling was signed.
        context = lowered(capital.sign(COUNT_SALES, extra={"host": "wirecase"}))
        assert session.call({**context, "host": "WireCase"}, COUNT_SALES)["rows"] == OWN
        context = lowered(capital.sign(COUNT_SALES, extra={"host": "wIREcASE"}))
        session.refused("28000", {**context, "host": "WireCase"}, COUNT_SALES)


# --- the log ------------------------------------------------------------------------------------------------------------


def test_the_log_names_the_header(wire, session):
    def reason(context):
        return log_of(wire, lambda: session.refused("28000", context, COUNT_SALES))

    complete = lowered(wire.sign(COUNT_SALES, subject="u-1", extra={"content-type": "text/plain", "host": wire.audience}))
    for name in ("x-splitplane-tenant", "x-splitplane-nonce", "x-amz-date", "authorization"):
        assert f"header {name} is missing" in reason({other: value for other, value in complete.items() if other != name})
    for name in ("content-type", "x-splitplane-subject"):
        without = {other: value for other, value in complete.items() if other != name}
        assert f"header {name} is signed and missing in the context" in reason(without)
    for name in ("host", "x-splitplane-tenant", "x-splitplane-subject"):
        names = re.search("SignedHeaders=([^,]*)", complete["authorization"])[1]
        fewer = ";".join(part for part in names.split(";") if part != name)
        unsigned = {**complete, "authorization": complete["authorization"].replace(names, fewer)}
        assert f"header {name} is not signed" in reason(unsigned)
    assert "header x-splitplane-subject is given twice" in reason({**complete, "X-Splitplane-Subject": "u-2"})
    assert "unknown header x-splitplane-role" in reason({**complete, "x-splitplane-role": "admin"})
    assert session.call(complete, COUNT_SALES)["rows"] == OWN


@pytest.mark.parametrize(("attribute", "value"), [("PATH", "/"), ("PATH", "/ask/"), ("SERVICE", None)])
def test_the_log_names_the_request_that_was_expected(wire, session, monkeypatch, attribute, value):
    if value:
        monkeypatch.setattr(f"splitplane_test.signing.{attribute}", value)
    context = wire.sign(COUNT_SALES) if value else wire.sign("SELECT 2")
    reason = log_of(wire, lambda: session.refused("28000", context, COUNT_SALES))
    assert f"the signature does not match POST https://{wire.audience}/ask" in reason
    reason = log_of(wire, lambda: session.refused("28000", wire.sign(COUNT_SALES, extra={"host": "localhost"}), COUNT_SALES))
    assert f"expected POST https://{wire.audience}/ask" in reason and "localhost" not in reason.split("STATEMENT")[0]


# --- ids ----------------------------------------------------------------------------------------------------------------

GOOD_IDS = ["a", "O'Hara", "Zoe O'Hara", "Łukasz 東京", "CN=Ann,OU=Ops", "x" * 256, "é" * 128]
BAD_IDS = ["x" * 257, "é" * 129, " a", "a ", "a  b", "a\tb", "a\nb", "a\u00a0b", "a\u3000b", "a\u200bb", "\u202ea", "\ufeffa", "a\u007f", "a\u0085", "a*", "**"]


def verdicts(own_wire, part: str, value: str) -> dict[str, bool]:
    """Who takes the value: `admit`, `sign`, and the verifier of a context that botocore signed."""
    ids = {"tenant": "brand-a", "business": "", "subject": "", part: value}

    def taken(action) -> bool:
        try:
            action()
        except psycopg.Error as error:
            assert error.sqlstate in ("22023", "28000"), error
            return False
        return True

    with own_wire.admin() as admin:
        statement = "SELECT splitplane.admit(%s, %s, %s)"
        arguments = (ids["tenant"], ids["business"] or "*", ids["subject"] or "*")
        found = {"admit": taken(lambda: admin.execute(statement, arguments))}
        statement = "SELECT splitplane.sign('AKWIRE', %(tenant)s, %(business)s, %(subject)s, 'SELECT 1')"
        found["sign"] = taken(lambda: admin.execute(statement, ids))
    with own_wire.session() as session:
        context = own_wire.sign("SELECT 1", **ids)
        found["verifier"] = taken(lambda: session.call(context, "SELECT 1"))
    return found


@pytest.mark.parametrize("part", ["tenant", "business", "subject"])
def test_one_rule_for_ids_in_sign_admit_and_the_verifier(own_wire, part):
    for value in GOOD_IDS:
        found = verdicts(own_wire, part, value)
        assert all(found.values()), (value, found)
    for value in BAD_IDS:
        found = verdicts(own_wire, part, value)
        assert not any(found.values()), (value, found)


def test_sign_refuses_what_no_context_may_hold(own_wire):
    with own_wire.admin() as admin:
        for arguments, word in [
            ("'AKWIRE', ''", "x-splitplane-tenant is empty"),
            ("'AKWIRE', '*'", "x-splitplane-tenant holds '*'"),
            ("'AKWIRE', 'brand-a', subject => '*'", "x-splitplane-subject holds '*'"),
            ("'AKWIRE', 'brand-a', subject => 'Zoe  O''Hara'", "two in a row"),
            ("'AKWIRE', 'brand-a', business => E'a\\nb'", "control character"),
            ("'AKWIRE', 'brand-a', conversation => 'mine'", "not a UUID"),
        ]:
            error = refusal(lambda given=arguments: admin.execute(f"SELECT splitplane.sign({given})"), "22023", hint=True)
            assert word in error.diag.message_primary, error
        assert admin.execute("SELECT splitplane.sign('AKWIRE', 'brand-a') ->> 'x-splitplane-tenant'").fetchone() == ("brand-a",)
        # `*` alone is any in the register.
        admin.execute("SELECT splitplane.admit('brand-a', '*', '*')")
        for tenants in (["a  b"], ["*"], ["x" * 257]):
            statement = "SELECT splitplane.create_key('AKOTHER', %s)"
            refusal(lambda given=tenants, run=statement: admin.execute(run, (given,)), "22023", nested=True, hint=True)


def test_import_key_has_the_defaults_of_create_key(own_wire):
    secret = "0123456789abcdef-imported"
    own_wire.run("SELECT splitplane.import_key('AKBROUGHT', %s)", secret)
    own_wire.run("SELECT splitplane.create_key('AKMADE')")
    shown = "SELECT tenants, max_uses, not_after - not_before FROM splitplane.keys WHERE key_id = %s"
    assert own_wire.run(shown, "AKBROUGHT") == own_wire.run(shown, "AKMADE")
    with own_wire.session() as session:
        context = own_wire.sign(COUNT_SALES, key=("AKBROUGHT", secret))
        assert session.call(context, COUNT_SALES)["rows"] == OWN
        session.refused("28000", context, COUNT_SALES)
