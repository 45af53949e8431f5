"""Contexts signed by botocore that must be accepted, in every form in which an SDK may hand them over."""

import datetime
import hashlib
import json

import psycopg
import pytest
from splitplane_test.session import lowered, replaced

from pg_test.wire.harness import COUNT_SALES, SALES, Wire

NOW = datetime.datetime.now


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-southeast-2", "cn-north-1", "us-gov-west-1", "local"])
def test_accepts_a_context_of_any_region(session, region):
    assert session.value(COUNT_SALES, region=region) == SALES["brand-a"]


@pytest.mark.parametrize(
    "payload",
    [
        "SELECT 'Größe, 東京, עברית, 🍜'",
        "SELECT 'e\u0301' || '\u00e9'",
        "SELECT '%'  ||  'two  spaces'\n\t-- a comment\r\n",
        "SELECT '\\' || '\"' || E'\\n'",
        "SELECT " + "1 + " * 50 + "1",
        "SELECT '" + "x" * 30000 + "'",
    ],
    ids=["unicode", "normal-forms", "white-space", "escapes", "sum", "long"],
)
def test_accepts_payloads_as_they_stand(session, payload):
    assert session.ask(payload)["row_count"] == 1


def test_accepts_every_header_name_case(wire, session):
    for spell in (str.lower, str.upper, str.title, str.swapcase):
        context = {spell(name): value for name, value in wire.sign(COUNT_SALES).items()}
        assert session.call(context, COUNT_SALES)["rows"] == [[SALES["brand-a"]]], spell


def test_accepts_host_present_or_absent(wire, session):
    signed = wire.sign(COUNT_SALES)
    assert "host" not in lowered(signed), "the control: botocore signs host without listing it"
    assert session.call(signed, COUNT_SALES)["row_count"] == 1
    assert session.call(wire.sign(COUNT_SALES, extra={"host": wire.audience}), COUNT_SALES)["row_count"] == 1
    # The same bytes with the header written in afterwards: one signature, so two uses of one context.
    signed = wire.sign(COUNT_SALES)
    assert session.call(replaced(signed, host=wire.audience), COUNT_SALES)["row_count"] == 1
    session.refused("28000", signed, COUNT_SALES)


def test_accepts_absent_and_empty_business_and_subject(wire, session):
    for business in (None, "", "anything"):
        for subject in (None, "", "u-17"):
            assert session.value(COUNT_SALES, business=business, subject=subject) == SALES["brand-a"]


def test_accepts_other_headers_that_sdks_send(wire, session):
    extra = {"Content-Type": "application/json", "User-Agent": "aws-sdk/1", "Accept": "*/*", "amz-sdk-invocation-id": "1"}
    context = wire.sign(COUNT_SALES, extra=extra)
    assert session.call(context, COUNT_SALES)["row_count"] == 1
    # A transport may add headers after signing.
    context = wire.sign(COUNT_SALES)
    context["Content-Length"] = "26"
    assert session.call(context, COUNT_SALES)["row_count"] == 1


def test_accepts_a_moment_ahead_within_the_skew(wire, session):
    context = wire.sign(COUNT_SALES, when=NOW(datetime.timezone.utc) + datetime.timedelta(seconds=240))
    assert session.call(context, COUNT_SALES)["row_count"] == 1


@pytest.mark.parametrize("length", [16, 17, 127, 128])
def test_accepts_nonces_of_every_admitted_length(session, length):
    assert session.value(COUNT_SALES, nonce="n" * length) == SALES["brand-a"]


def test_most_specific_principal_decides(session):
    counted = "SELECT count(*) FROM visits"
    assert session.value(counted) == 100
    assert session.value(counted, business="franchise-7") == 50
    assert session.value(counted, business="franchise-7", subject="u-1") == 50
    assert session.value(counted, business="Franchise-7") == 100, "another business, admitted by the wider row"


def test_database_name_in_capitals_is_an_audience_in_lower_case(cluster):
    """Most signers lower-case the host of a URL, and some do not: it is compared without case."""
    capital = Wire.build(cluster, "WireCapitals")
    with capital.session() as session:
        assert session.value(COUNT_SALES) == SALES["brand-a"]
        assert session.value(COUNT_SALES, extra={"host": "wirecapitals"}) == SALES["brand-a"]
        for host in ("WireCapitals", "WIRECAPITALS"):
            assert session.value(COUNT_SALES, extra={"host": host}) == SALES["brand-a"]
        session.ask_refused("28000", COUNT_SALES, extra={"host": "WireCapital"})
        capital.run("ALTER DATABASE \"WireCapitals\" SET splitplane.audience = 'another-name'")
    capital.audience = "another-name"
    with capital.session() as session:
        assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_accepts_a_declared_hash_that_agrees(session):
    declared = hashlib.sha256(COUNT_SALES.encode()).hexdigest()
    assert session.value(COUNT_SALES, extra={"X-Amz-Content-SHA256": declared}) == SALES["brand-a"]


def test_all_entry_points_verify(wire, session):
    for function in ("ask", "ask_dry_run"):
        assert session.call(wire.sign(COUNT_SALES), COUNT_SALES, function=function)
        session.refused("28000", wire.sign(COUNT_SALES, key=("AKNOBODY", "x")), COUNT_SALES, function=function)
    statement = "SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t(n bigint)"
    assert session.execute(statement, (json.dumps(wire.sign(COUNT_SALES)), COUNT_SALES)).fetchall() == [(SALES["brand-a"],)]
    with pytest.raises(psycopg.Error) as refused:
        session.execute(statement, (json.dumps(wire.sign("SELECT 1")), COUNT_SALES))
    assert refused.value.sqlstate == "28000"
