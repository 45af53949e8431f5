"""Contexts signed by botocore and then changed, or signed for something else: refused, all alike.

Every refusal is compared field by field with one reference refusal: a caller who can tell the causes apart can search
for keys, tenants and clocks one by one.
"""

import datetime
import hashlib
import json
import re
import time

import psycopg
import pytest
from splitplane_test.session import fingerprint, lowered, replaced

from pg_test.wire.harness import COUNT_SALES, SALES

NOW = datetime.datetime.now


@pytest.fixture(scope="module")
def reference(wire):
    """The wire message of the plainest refusal, an unknown key."""
    with wire.session() as session:
        context = wire.sign(COUNT_SALES, key=("AKNOBODY", "secret"))
        error = session.refused("28000", context, COUNT_SALES)
        assert error.diag.message_primary and "AKNOBODY" not in str(error)
        return fingerprint(error)


@pytest.fixture
def denied(session, reference):
    """Call with a context that must be refused exactly as the reference was."""

    def check(context, payload=COUNT_SALES, question=None, what=""):
        error = session.refused("28000", context, payload, question)
        assert fingerprint(error) == reference, f"{what} can be told from other causes: {error}"

    return check


# --- the payload rule --------------------------------------------------------------------------------------------------


def test_payload_is_the_question_if_there_is_one(wire, session):
    question = "How many sales?"
    # SQL beside a signed question needs no signature of its own: layer 3 confines it.
    document = session.call(wire.sign(question), COUNT_SALES, question)
    assert document["rows"] == [[SALES["brand-a"]]]
    session.refused("28000", wire.sign(COUNT_SALES), COUNT_SALES, question)
    session.refused("28000", wire.sign(question + COUNT_SALES), COUNT_SALES, question)
    session.refused("28000", wire.sign(question), question="How many sales? ")
    session.refused("28000", wire.sign(""), COUNT_SALES)


def test_question_alone_is_verified_before_the_missing_model_is_named(wire, session):
    session.refused("55000", wire.sign("How many?"), question="How many?")
    session.refused("28000", wire.sign("How few?"), question="How many?")


# --- what is refused, all alike ------------------------------------------------------------------------------------------


def test_rejects_every_changed_byte_of_the_payload(wire, session, denied):
    context = wire.sign(COUNT_SALES)
    for position in range(len(COUNT_SALES)):
        changed = COUNT_SALES[:position] + chr(ord(COUNT_SALES[position]) ^ 1) + COUNT_SALES[position + 1 :]
        denied(context, changed, what=f"payload byte {position}")
    for changed in (COUNT_SALES + " ", COUNT_SALES + ";", " " + COUNT_SALES, COUNT_SALES + "\n", COUNT_SALES[:-1], ""):
        denied(context, changed, what=f"payload {changed!r}")
    # The control, and that no failed attempt used the context up.
    assert session.call(context, COUNT_SALES)["row_count"] == 1


def test_rejects_payloads_in_another_normal_form(wire, session, denied):
    context = wire.sign("SELECT '\u00e9'")
    denied(context, "SELECT 'e\u0301'", what="normal form")
    assert session.call(context, "SELECT '\u00e9'")["row_count"] == 1


def test_rejects_every_changed_digit_of_the_signature(wire, session, denied):
    context = lowered(wire.sign(COUNT_SALES))
    head, signature = context["authorization"].rsplit("=", 1)
    assert len(signature) == 64
    for position in range(64):
        digit = "0" if signature[position] != "0" else "1"
        forged = signature[:position] + digit + signature[position + 1 :]
        denied(replaced(context, authorization=f"{head}={forged}"), what=f"signature digit {position}")
    for forged in ("", signature[:-1], signature + "0", signature[:32], "0" * 64, "g" * 64, signature[::-1], "é" * 64):
        denied(replaced(context, authorization=f"{head}={forged}"), what=f"signature {forged!r}")
    assert session.call(context, COUNT_SALES)["row_count"] == 1


def test_rejects_every_changed_header(wire, session, denied):
    context = lowered(wire.sign(COUNT_SALES, business="hq", subject="u-1", extra={"host": wire.audience}))
    stamp = datetime.datetime.strptime(context["x-amz-date"], "%Y%m%dT%H%M%SZ")
    changes = {
        "x-splitplane-tenant": ["brand-b", "BRAND-A", "*", "", "brand-a,brand-b", "brand-\u0430", "brand-a\n", "brand-a\u00a0"],
        "x-splitplane-business": ["hq2", "", "*", "franchise-7"],
        "x-splitplane-subject": ["u-2", "", "*"],
        "x-splitplane-nonce": ["0" * 32, "", context["x-splitplane-nonce"].upper() + "A"],
        "x-amz-date": [
            (stamp + datetime.timedelta(seconds=1)).strftime("%Y%m%dT%H%M%SZ"),
            context["x-amz-date"].lower(),
            context["x-amz-date"].replace("Z", "+0000"),
            stamp.isoformat() + "Z",
            "now",
            "infinity",
            "",
        ],
        "host": ["postgres", wire.audience + ".", wire.audience + ":443", "", "*"],
    }
    for name, values in changes.items():
        for value in values:
            denied({**context, name: value}, what=f"{name}: {value!r}")
    # Taken out altogether. `host` is not among them: a signer may leave it out of its header set.
    for name in ("x-splitplane-tenant", "x-splitplane-business", "x-splitplane-subject", "x-splitplane-nonce", "x-amz-date", "authorization"):
        denied({other: value for other, value in context.items() if other != name}, what=f"no {name}")
    assert session.call(context, COUNT_SALES)["row_count"] == 1


def test_rejects_every_changed_part_of_the_credential(wire, session, denied):
    context = lowered(wire.sign(COUNT_SALES))
    authorization = context["authorization"]
    day = context["x-amz-date"][:8]
    scope = f"{wire.key_id}/{day}/us-east-1/splitplane/aws4_request"
    assert scope in authorization
    forged_scopes = [
        f"AKOTHER/{day}/us-east-1/splitplane/aws4_request",
        f"{wire.key_id.lower()}/{day}/us-east-1/splitplane/aws4_request",
        f"/{day}/us-east-1/splitplane/aws4_request",
        f"{wire.key_id}/20200101/us-east-1/splitplane/aws4_request",
        f"{wire.key_id}/{day}/us-east-2/splitplane/aws4_request",
        f"{wire.key_id}/{day}//splitplane/aws4_request",
        f"{wire.key_id}/{day}/us-east-1/s3/aws4_request",
        f"{wire.key_id}/{day}/us-east-1/Splitplane/aws4_request",
        f"{wire.key_id}/{day}/us-east-1/splitplane/aws4",
        f"{wire.key_id}/{day}/us-east-1/splitplane/",
        f"{wire.key_id}/{day}/us-east-1/splitplane",
        f"{scope}/more",
        f"extra/{scope}",
        "",
    ]
    forged = [authorization.replace(scope, other) for other in forged_scopes]
    signed_headers = re.search(r"SignedHeaders=([^,]*)", authorization)[1]
    names = signed_headers.split(";")
    for position in range(len(names)):
        forged.append(authorization.replace(signed_headers, ";".join(names[:position] + names[position + 1 :])))
    for other in (";".join(reversed(names)), signed_headers.upper(), signed_headers + ";x-amz-date", "", "*", signed_headers + ";", "x" * 5000):
        forged.append(authorization.replace(f"SignedHeaders={signed_headers}", f"SignedHeaders={other}"))
    for algorithm in ("AWS4-HMAC-SHA512", "aws4-hmac-sha256", "AWS4-ECDSA-P256-SHA256", "AWS4-HMAC-SHA1", "none", ""):
        forged.append(authorization.replace("AWS4-HMAC-SHA256", algorithm, 1))
    parts = authorization.split(", ")
    forged += [", ".join(parts[:2]), ", ".join(parts[1:]), parts[0], "", "Bearer x", authorization + ", Signature=" + "0" * 64]
    forged += [parts[0] + ", " + authorization.split(" ", 1)[1], authorization + ","]
    for value in forged:
        denied(replaced(context, authorization=value), what=value)
    assert session.call(context, COUNT_SALES)["row_count"] == 1


@pytest.mark.parametrize("service", ["s3", "execute-api", "bedrock", "SPLITPLANE"])
def test_rejects_a_signature_made_for_another_service(wire, denied, monkeypatch, service):
    monkeypatch.setattr("splitplane_test.signing.SERVICE", service)
    denied(wire.sign(COUNT_SALES), what=service)


def test_rejects_a_signature_made_for_another_path(wire, denied, monkeypatch):
    for path in ("/", "/ask/", "/ASK", "/ask?x=1", "/other", "/ask%2f"):
        monkeypatch.setattr("splitplane_test.signing.PATH", path)
        denied(wire.sign(COUNT_SALES), what=path)


@pytest.mark.parametrize("name", ["x-splitplane-tenant", "x-splitplane-business", "x-splitplane-subject", "x-splitplane-nonce"])
def test_rejects_identity_headers_that_are_not_signed(wire, session, denied, name):
    """A valid signature over everything but one header says nothing about that header."""
    complete = lowered(wire.sign(COUNT_SALES, business="hq", subject="u-1"))
    partial = wire.sign(COUNT_SALES, business="hq", subject="u-1", extra={name: None})
    assert name not in partial["Authorization"], "the control: botocore did not sign it"
    denied({**partial, name: complete[name]}, what=f"{name} unsigned")
    if name in ("x-splitplane-tenant", "x-splitplane-nonce"):
        denied(partial, what=f"{name} absent")
    assert session.call(complete, COUNT_SALES)["row_count"] == 1


def test_rejects_unknown_identity_headers(wire, denied):
    denied(wire.sign(COUNT_SALES, extra={"x-splitplane-role": "admin"}), what="signed")
    context = wire.sign(COUNT_SALES)
    denied({**context, "x-splitplane-role": "admin"}, what="unsigned")
    denied({**context, "X-SplitPlane-": "x"}, what="empty name")


def test_rejects_a_header_smuggled_into_another_ones_value(wire, denied):
    context = lowered(wire.sign(COUNT_SALES, business="hq", subject="u-1"))
    nonce = context.pop("x-splitplane-nonce")
    context["x-splitplane-business"] += f"\nx-splitplane-nonce:{nonce}"
    denied(context, what="line feed in a value")


def test_rejects_two_spellings_of_one_header(wire, session, denied):
    context = lowered(wire.sign(COUNT_SALES))
    for name in list(context):
        for other in ("brand-b", context[name] + " ", context[name] + ",", [context[name].swapcase()]):
            denied({**context, name.title(): other}, what=f"{name} twice, different: {other}")
            denied({name.upper(): other, **context}, what=f"{name} twice, different: {other}")
    assert session.call(context, COUNT_SALES)["row_count"] == 1


@pytest.mark.parametrize("length", [0, 1, 15, 129, 4000])
def test_rejects_nonces_of_other_lengths(wire, denied, length):
    denied(wire.sign(COUNT_SALES, nonce="n" * length), what=f"{length} characters")


@pytest.mark.parametrize("marker", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", "0" * 64])
def test_rejects_payloads_that_the_signature_does_not_cover(wire, denied, marker):
    """botocore signs whatever X-Amz-Content-SHA256 says in place of the body's hash."""
    denied(wire.sign(COUNT_SALES, extra={"X-Amz-Content-SHA256": marker}), what=marker)


def test_rejects_the_hash_of_another_payload(wire, denied):
    other = hashlib.sha256(b"SELECT 1").hexdigest()
    denied(wire.sign("SELECT 1", extra={"X-Amz-Content-SHA256": other}), what="hash of another payload")


@pytest.mark.parametrize("seconds", [-86400 * 365, -86400, -3600, -310, 310, 3600, 86400, 86400 * 365])
def test_rejects_moments_beyond_the_skew(wire, denied, seconds):
    denied(wire.sign(COUNT_SALES, when=NOW(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)), what=f"{seconds} s")


@pytest.mark.parametrize("audience", ["postgres", "wire2", "wir", "wire.example.com", "localhost"])
def test_rejects_other_audiences(wire, denied, audience):
    denied(wire.sign(COUNT_SALES, audience=audience), what=audience)
    denied(wire.sign(COUNT_SALES, audience=audience, extra={"host": audience}), what=f"{audience}, listed")
    denied({**wire.sign(COUNT_SALES, audience=audience), "host": wire.audience}, what=f"{audience}, rewritten")


@pytest.mark.parametrize(
    "tenant",
    ["brand-z", "BRAND-A", "*", "", "%", "brand-_", "brand-a'--", "' OR '1'='1", "brand-a,brand-b", "brand-\u0430", "a" * 70, "{brand-a}", "NULL"],
)
def test_rejects_tenants_that_are_not_registered(wire, denied, tenant):
    """Signed by a key that may speak for every tenant: the registration alone refuses."""
    denied(wire.sign(COUNT_SALES, tenant=tenant), what=tenant)


# --- malformed arguments ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [None, "[]", "[{}]", '"text"', '"[]"', '"null"', '""', '"\\"{}\\""', "1", "1.5", "true", "false", "null"])
def test_rejects_contexts_that_are_no_object(session, context):
    session.refused("22023", context, COUNT_SALES)
    session.refused("22023", context, COUNT_SALES, function="ask_dry_run")


@pytest.mark.parametrize("value", [1.0, 1.5, -0.5, True, None, [], ["a", "a"], [1], [None], [["a"]], {}, {"a": "b"}])
def test_rejects_header_values_that_are_no_strings(wire, session, value):
    context = lowered(wire.sign(COUNT_SALES))
    for name in context:
        session.refused("22023", {**context, name: value}, COUNT_SALES)
    session.refused("22023", {**context, "x-other": value}, COUNT_SALES)


def test_rejects_calls_without_question_and_sql(wire, session):
    session.refused("22023", wire.sign(""))
    session.refused("22023", wire.sign(""), function="ask_dry_run")


def test_rejects_the_empty_context(denied):
    denied({}, what="empty object")


@pytest.mark.parametrize("padding", [{"x-padding": "x" * 2_000_000}, {f"x-{n}": "v" for n in range(20000)}], ids=["long", "many"])
def test_huge_contexts_cost_little(wire, session, padding):
    """Unsigned headers mean nothing: ignored or refused, but neither slow nor fatal, also without a valid signature."""
    started = time.monotonic()
    try:
        assert session.call({**wire.sign(COUNT_SALES), **padding}, COUNT_SALES)["rows"] == [[SALES["brand-a"]]]
    except psycopg.Error as error:
        assert error.sqlstate in ("28000", "22023", "54000"), error
    session.refused(("28000", "22023", "54000"), {**wire.sign(COUNT_SALES, key=("AKNOBODY", "x")), **padding}, COUNT_SALES)
    assert time.monotonic() - started < 5
    assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_huge_payload_is_refused_by_its_length(session):
    session.ask_refused("54001", "SELECT '" + "x" * 1_000_000 + "'")


def test_duplicate_json_keys_cannot_name_two_tenants(wire, session):
    """jsonb keeps the last of two equal keys; the signature is checked over what was kept."""
    signed = json.dumps(lowered(wire.sign(COUNT_SALES)))
    session.refused("28000", signed[:-1] + ', "x-splitplane-tenant": "brand-b"}', COUNT_SALES)
    kept = '{"x-splitplane-tenant": "brand-b", ' + signed[1:]
    assert session.call(kept, COUNT_SALES)["rows"] == [[SALES["brand-a"]]]


def test_refusals_say_nothing_in_notices(wire):
    with wire.session(options="-c client_min_messages=debug5") as session:
        session.refused("28000", wire.sign(COUNT_SALES, key=("AKNOBODY", "x")), COUNT_SALES)
        session.refused("28000", wire.sign(COUNT_SALES, tenant="brand-z"), COUNT_SALES)
        said = " ".join(notice.message_primary or "" for notice in session.notices)
        assert not re.search(r"AKNOBODY|brand-z|expired|nonce|signature", said, re.IGNORECASE), said


def test_callers_need_the_role(wire):
    with wire.admin() as admin:
        admin.execute("CREATE ROLE outsider LOGIN")
    try:
        with wire.session(user="outsider") as session:
            session.refused("42501", wire.sign(COUNT_SALES), COUNT_SALES)
    finally:
        wire.run("DROP ROLE outsider")


def test_reason_goes_to_the_log_and_no_secret_does(wire, session):
    """The caller reads one sentence for every cause; the DBA needs the cause, and nobody needs the signature."""
    causes = {
        "unknown key": wire.sign(COUNT_SALES, key=("AKNOBODY", "x")),
        "tenant": wire.sign(COUNT_SALES, tenant="brand-z"),
        "clock": wire.sign(COUNT_SALES, when=NOW(datetime.timezone.utc) + datetime.timedelta(hours=2)),
        "audience": wire.sign(COUNT_SALES, extra={"host": "elsewhere"}),
    }
    said = {}
    for cause, context in causes.items():
        before = len(wire.cluster.log_text())
        session.refused("28000", context, COUNT_SALES)
        # Without what differs between any two lines: time, process, query id.
        said[cause] = re.sub(r"\d+|[0-9a-f]{8,}", "", wire.cluster.log_text()[before:])
        assert said[cause].strip(), f"{cause}: nothing was logged"
    assert len(set(said.values())) == len(causes), f"the log does not tell the causes apart: {said}"
    whole = wire.cluster.log_text()
    assert wire.secret not in whole
    for context in causes.values():
        assert context["Authorization"].rsplit("=", 1)[1] not in whole, "a signature in the log is a usable context"
