"""What the server looks at before it listens, and what it writes down."""

import asyncio
import datetime
import json
import re
import ssl
import subprocess
import sys
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from pg_test.mcp.world import INITIALIZE, ISSUER, LEGACY, MODERN, MODERN_HEADERS, ROLE, environment
from splitplane_mcp.config import ConfigurationError, load
from splitplane_mcp.database import Database
from splitplane_mcp.tokens import KeySet

WRONG = {
    "there is no table [more]": {"more": {"a": "b"}},
    "there is no server.hots": {"server__hots": "x"},
    "server.url is missing": {"server__url": None},
    "server.url is not https": {"server__url": "http://mcp.test/mcp"},
    "server.url has a path, such as /mcp, and nothing after it": {"server__url": "https://mcp.test/"},
    "server.listen is open to other machines without TLS": {"server__listen": "0.0.0.0:8100"},
    "server.listen is not of the form ADDRESS:PORT": {"server__listen": "8100"},
    "server.tools names some of": {"server__tools": ["ask", "drop"]},
    "token.algorithms is missing": {"token__algorithms": None},
    "token.algorithms names an algorithm that is none of": {"token__algorithms": ["RS256", "HS256"]},
    "token.algorithms is empty": {"token__algorithms": []},
    "token.issuer is missing": {"token__issuer": None},
    "one of token.jwks_file and token.jwks_url is set": {"token__jwks_url": ISSUER},
    "token.jwks_url is not https": {"token__jwks_file": None, "token__jwks_url": "http://issuer.test/keys"},
    "identity.tenant is missing": {"identity__tenant": None},
    "[tenants] is missing or empty": {"tenants": {}},
    "[tenants] has an id that splitplane does not take": {"tenants": {"org-a": "*"}},
    "database.connection holds a password": {"database__connection": "dbname=shop password=hush"},
    "database.connection names no dbname": {"database__connection": "host=db"},
    "database.key_id is missing": {"database__key_id": None},
    "there is no secret": {"database__secret_file": None},
    "database.connections is not a number from 1 to 1000": {"database__connections": 0},
    "the table [identity] is missing": {"identity": None},
}


@pytest.mark.parametrize("sentence, changed", WRONG.items())
def test_a_configuration_that_is_refused(setup, tmp_path, sentence, changed):
    with pytest.raises(ConfigurationError) as error:
        load(setup.write(tmp_path, 8100, **changed), {})
    assert str(error.value).startswith(sentence) and "\n" not in str(error.value)
    assert "hush" not in str(error.value) and setup.secret not in str(error.value)


def test_configurations_that_are_taken(setup, tmp_path):
    """The control of those above."""
    assert load(setup.write(tmp_path, 8100), {}).signer.secret == setup.secret
    taken = load(setup.write(tmp_path, 8100, database__secret_file=None), {"SPLITPLANE_SECRET": "s"})
    assert taken.signer.secret == "s" and "'s'" not in repr(taken)
    assert load(setup.write(tmp_path, 8100, server__listen="0.0.0.0:8100", server__plain_http=True), {}).host == "0.0.0.0"
    file = setup.write(tmp_path, 8100)
    (tmp_path / "secret").chmod(0o640)
    with pytest.raises(ConfigurationError, match="may be read by others"):
        load(file, {})


def problem(file) -> str | None:
    """What keeps the server from starting with this configuration."""

    async def run():
        config = load(file, {})
        await KeySet(config.tokens.keys_file, config.tokens.keys_url).start()
        await Database(config).check()

    try:
        return asyncio.run(run())
    except ConfigurationError as error:
        return str(error)


def test_the_database_is_looked_at(setup, tmp_path):
    """Each with the same role put right again after it."""
    file = setup.write(tmp_path, 8100)
    assert problem(file) is None, "the control"
    for wrong, right, told in (
        (f"ALTER ROLE {ROLE} RESET splitplane.json_numbers", f"ALTER ROLE {ROLE} SET splitplane.json_numbers = 'text'", "json_numbers"),
        (f"GRANT splitplane_admin TO {ROLE}", f"REVOKE splitplane_admin FROM {ROLE}", "take another"),
        (f"ALTER ROLE {ROLE} BYPASSRLS", f"ALTER ROLE {ROLE} NOBYPASSRLS", "take another"),
        (f"REVOKE splitplane_caller FROM {ROLE}", f"GRANT splitplane_caller TO {ROLE}", "may not call ask"),
        (
            f"REVOKE EXECUTE ON FUNCTION splitplane_mcp.describe() FROM {ROLE}",
            f"GRANT EXECUTE ON FUNCTION splitplane_mcp.describe() TO {ROLE}",
            "may not call splitplane_mcp.describe",
        ),
    ):
        setup.plane.run(wrong)
        try:
            assert told in (problem(file) or "")
        finally:
            setup.plane.run(right)
    assert "database.audience is not" in problem(setup.write(tmp_path, 8100, database__audience="other.test"))
    assert "the database cannot be used" in problem(setup.write(tmp_path, 8100, database__connection=f"host={tmp_path} dbname=shop"))
    assert "cannot be read" in problem(setup.write(tmp_path, 8100, token__jwks_file=str(tmp_path / "none.json")))
    file = setup.write(tmp_path, 8100)
    (tmp_path / "jwks.json").write_text('{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"}]}')
    assert problem(file) == "the issuer's keys hold a private or a shared key"
    unknown = {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "new"}
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [unknown]}))
    assert problem(file) == "the issuer's keys hold none of a known kind"
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [unknown, *setup.issuer.jwks()["keys"]]}))
    assert problem(file) is None


def test_the_program_says_what_is_wrong(setup, tmp_path):
    """One sentence and status 2, before it listens."""
    for changed, status, said in (
        ({}, 0, "splitplane-mcp: ready to serve\n"),
        ({"database__schema": "none"}, 2, "splitplane-mcp: the role may not call ask: GRANT splitplane_caller TO it, and see database.schema\n"),
    ):
        command = [sys.executable, "-m", "splitplane_mcp", "--config", str(setup.write(tmp_path, 8100, **changed)), "--check"]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
        assert (done.returncode, (done.stdout + done.stderr).splitlines(keepends=True)[-1]) == (status, said)


def test_tls(setup, issuer, tmp_path):
    """The server's own certificate, without a proxy."""
    key = issuer.ec
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + datetime.timedelta(hours=1))
    certificate = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False).sign(key, hashes.SHA256())
    (tmp_path / "certificate").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key").write_bytes(pem)
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(ConfigurationError, match="may be read by others"):
        load(setup.write(tmp_path, 8100, server__certificate=str(tmp_path / "certificate"), server__certificate_key=str(tmp_path / "key")))
    (tmp_path / "key").chmod(0o600)
    trust = ssl.create_default_context(cafile=tmp_path / "certificate")
    with setup.server(server__certificate=str(tmp_path / "certificate"), server__certificate_key=str(tmp_path / "key")) as server:
        url = f"https://localhost:{server.port}/.well-known/oauth-protected-resource/mcp"
        with urllib.request.urlopen(url, timeout=10, context=trust) as answer:
            assert answer.status == 200


def test_doctor_has_nothing_against_the_role(setup):
    """The grants that the tools need are no finding."""
    of_it = "SELECT object, finding FROM splitplane.doctor() AS d WHERE d::text LIKE %s"
    assert setup.plane.admin_rows(of_it, "%mcp%") == []
    setup.plane.run(f"GRANT EXECUTE ON FUNCTION splitplane.describe() TO {ROLE}")
    try:
        assert len(setup.plane.admin_rows(of_it, f"%{ROLE}%")) == 1, "the control"
    finally:
        setup.plane.run(f"REVOKE EXECUTE ON FUNCTION splitplane.describe() FROM {ROLE}")


def test_the_log_holds_no_secret(setup, issuer):
    """After answers, refusals and errors of every kind; the control: who was answered and why another was not are there."""
    with setup.server() as server:
        session = server.session(issuer.token("org-a"))
        tokens = [issuer.token("org-a"), issuer.token("org-b"), issuer.token("org-d"), issuer.token(exp=1)]
        for version in (MODERN, LEGACY):
            server.call(tokens[0], version, sql="SELECT 'hush' AS word")
            server.call(tokens[1], version, sql="SELECT hush FROM vault")
            server.call(tokens[0], version, sql="SELECT 1", tenant="hush")
            server.call(tokens[0], version, "describe")
        for token in (*tokens, "hush"):
            server.ask_plainly(token)
            server.post(INITIALIZE, token)
        server.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "hush"}}, tokens[0])
        for params in ({"name": "ask", "arguments": "hush"}, {"name": ["hush"]}, "hush", {"name": "ask", "arguments": {"sql": {"hush": 1}}}):
            server.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, tokens[0], **MODERN_HEADERS)
            server.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, tokens[0], mcp_session_id=session)
        log = server.log()
    assert 'ask tenant="brand-a" outcome=answered sqlstate=None query_id=' in log
    assert "sqlstate=42P01" in log and "token refused: ExpiredSignatureError" in log
    assert "token refused: the tenant of claim org.id is not in [tenants]" in log
    assert setup.secret not in log and "AWS4-HMAC" not in log and "hush" not in log and "SELECT" not in log
    for token in tokens:
        assert not any(part in log for part in token.split("."))
    assert not re.search(r"eyJ[A-Za-z0-9_-]{10}", log) and "Traceback" not in log
