"""Whose token is taken, and for whom: each refusal stands beside the same request with a good token."""

import json
import time
import urllib.request

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from pg_test.mcp.world import AUDIENCE, INITIALIZE, ISSUER, forged

COUNT_A, COUNT_B = [["50"]], [["60"]]
HOUR = 3600


def bad_tokens(issuer) -> dict[str, tuple[str, str]]:
    """What is wrong, the token, and the reason in the log: a token that is refused for another reason would prove nothing."""
    past = int(time.time()) - 5
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    good = issuer.token()
    return {
        "no token": ("nonsense", "DecodeError"),
        "expired": (issuer.token(exp=past), "ExpiredSignatureError"),
        "without expiry": (issuer.token(exp=None), "MissingRequiredClaimError"),
        "without subject": (issuer.token(sub=None), "MissingRequiredClaimError"),
        "an empty subject": (issuer.token(sub=""), "claim sub is no id that splitplane takes"),
        "a subject that is no text": (issuer.token(sub=7), "InvalidSubjectError"),
        "a subject that splitplane takes for anyone": (issuer.token(sub="*"), "claim sub is no id that splitplane takes"),
        "a subject with an invisible letter": (issuer.token(sub="u\u200b1"), "claim sub is no id that splitplane takes"),
        "without audience": (issuer.token(aud=None), "MissingRequiredClaimError"),
        "for another audience": (issuer.token(aud="https://other.test/mcp"), "InvalidAudienceError"),
        "for a longer audience": (issuer.token(aud=AUDIENCE + "/more"), "InvalidAudienceError"),
        "without issuer": (issuer.token(iss=None), "MissingRequiredClaimError"),
        "of another issuer": (issuer.token(iss="https://other.test/"), "InvalidIssuerError"),
        "not valid yet": (issuer.token(nbf=int(time.time()) + HOUR), "ImmatureSignatureError"),
        "a tenant outside the mapping": (issuer.token("org-d"), "the tenant of claim org.id is not in [tenants]"),
        "the tenant's name in the database": (issuer.token("brand-a"), "the tenant of claim org.id is not in [tenants]"),
        "without tenant": (issuer.token(org=None), "there is no claim org.id"),
        "a list of tenants": (issuer.token(org={"id": ["org-a", "org-b"]}), "claim org.id is no id that splitplane takes"),
        "signed with another key": (issuer.token(key=other), "InvalidSignatureError"),
        "a key that is too short": (issuer.token(key=issuer.short, kid="short"), "InvalidKeyError"),
        "an unknown key": (issuer.token(kid="other"), "no key of the issuer has the token's key id"),
        "without a key's id, of three": (issuer.token(kid=None), "no key of the issuer has the token's key id"),
        "an algorithm that is not named": (issuer.token(algorithm="RS512"), "InvalidAlgorithmError"),
        "a key of another kind": (issuer.token(kid="ec", key=issuer.rsa, algorithm="RS256"), "the key is not of the algorithm's kind"),
        "an altered claim": (".".join([good.split(".")[0], issuer.token("org-b").split(".")[1], good.split(".")[2]]), "InvalidSignatureError"),
        "no signature": (forged(issuer, "none"), "InvalidAlgorithmError"),
        "a public key as a shared one": (forged(issuer, "HS256"), "InvalidAlgorithmError"),
    }


def test_good_tokens(server, issuer):
    """The control of all below, and further spellings that are good."""
    for token in (
        issuer.token(),
        issuer.token(kid="ec", algorithm="ES256"),
        issuer.token(aud=["https://other.test/", AUDIENCE]),
        issuer.token(subject="u-2", extra={"tenant": "org-b"}),
    ):
        assert server.ask_plainly(token).rows() == COUNT_A
    assert server.ask_plainly(issuer.token("org-b")).rows() == COUNT_B


def test_bad_tokens_get_401(server, issuer):
    """By a plain client, at 2026-07-28, and on a session of 2025-11-25 that a good token has opened."""
    session = server.session(issuer.token())
    assert server.in_session(session, issuer.token()).rows() == COUNT_A, "the control"
    for what, (token, reason) in {**bad_tokens(issuer), "none at all": (None, None)}.items():
        before = len(server.log())
        for reply in (server.ask_plainly(token), server.in_session(session, token), server.post(INITIALIZE, token)):
            assert reply.status == 401, (what, reply)
            challenge = {name.lower(): value for name, value in reply.headers.items()}["www-authenticate"]
            assert challenge.startswith("Bearer ") and "resource_metadata=" in challenge
            assert "brand" not in reply.body and "org" not in reply.body and "CANARY" not in reply.body
        said = [line.partition("token refused: ")[2] for line in server.log()[before:].splitlines()]
        assert said == ([] if reason is None else 3 * [reason]), (what, said)
    assert server.in_session(session, issuer.token()).rows() == COUNT_A, "the session is as it was"


def test_another_principals_token_on_an_old_session(server, issuer):
    """Tied to the whole principal: one subject in two tenants, with one client, are two."""
    session = server.session(issuer.token("org-a", "same"))
    for other in (issuer.token("org-b", "same"), issuer.token("org-a", "other")):
        reply = server.in_session(session, other)
        assert reply.status == 404 and "CANARY" not in reply.body and "50" not in reply.body, reply
    assert server.in_session(session, issuer.token("org-a", "same", jti="2")).rows() == COUNT_A, "a renewed token of the principal"


def test_the_token_of_the_request_decides_also_without_the_tie(setup, issuer):
    """The control of the one above: with the tie taken away the other gets in, and is answered as whom it is."""
    with setup.server(program=("-m", "pg_test.mcp.altered", "untied")) as untied:
        session = untied.session(issuer.token("org-a", "same"))
        assert untied.in_session(session, issuer.token("org-a", "same")).rows() == COUNT_A
        assert untied.in_session(session, issuer.token("org-b", "other")).rows() == COUNT_B


def test_an_expired_token_on_its_own_session(server, issuer):
    token = issuer.token(exp=int(time.time()) + 2)
    session = server.session(token)
    assert server.in_session(session, token).rows() == COUNT_A
    time.sleep(3.1)
    assert server.in_session(session, token).status == 401


def test_resource_metadata(server):
    url = f"http://127.0.0.1:{server.port}/.well-known/oauth-protected-resource/mcp"
    with urllib.request.urlopen(url, timeout=10) as answer:
        document = json.load(answer)
    assert document["resource"] == AUDIENCE and document["authorization_servers"] == [ISSUER]


def test_hosts_origins_and_scopes(server, issuer, setup):
    good = issuer.token(scope="openid analytics")
    assert server.ask_plainly(good, host="mcp.test").rows() == COUNT_A, "the host of server.url"
    assert server.ask_plainly(good, host="evil.test").status == 421
    assert server.ask_plainly(good, origin="https://evil.test").status == 403
    changed = {"server__allowed_hosts": ["inside.test:*"], "server__allowed_origins": ["https://chat.test"]}
    with setup.server(**changed, token__scopes=["analytics"]) as behind:
        from_there = {"host": "inside.test:8100", "origin": "https://chat.test"}
        for token in (good, issuer.token(scp=["analytics"])):
            assert behind.ask_plainly(token, **from_there).rows() == COUNT_A
        assert behind.ask_plainly(good, host="mcp.test").status == 421
        for token in (issuer.token(), issuer.token(scope="other")):
            assert behind.ask_plainly(token, **from_there).status == 403


def test_keys_that_change(setup):
    """A new key in the file is taken at once, and one that is gone is not."""
    from pg_test.mcp.world import Issuer

    second = Issuer()
    with setup.server() as server:
        assert server.ask_plainly(setup.issuer.token()).rows() == COUNT_A and server.ask_plainly(second.token()).status == 401
        (server.folder / "jwks.json").write_text(json.dumps(second.jwks()))
        assert server.ask_plainly(second.token()).rows() == COUNT_A and server.ask_plainly(setup.issuer.token()).status == 401
        (server.folder / "jwks.json").unlink()
        assert server.ask_plainly(second.token()).status == 401, "keys that cannot be read are none"


def test_keys_of_a_url(setup, issuer, tmp_path):
    """Fetched at start, and again for a key id that is new, but not for each of them."""
    import http.server
    import threading

    served, fetched = {"keys": issuer.jwks()["keys"][:1]}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            fetched.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(served).encode())

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{site.server_address[1]}/jwks"
        hasty = ("-m", "pg_test.mcp.altered", "hasty")
        with setup.server(program=hasty, token__jwks_file=None, token__jwks_url=url) as server:
            assert server.ask_plainly(issuer.token()).rows() == COUNT_A and len(fetched) == 1
            time.sleep(0.6)
            assert server.ask_plainly(issuer.token(kid="ec", algorithm="ES256")).status == 401, "the control: it is not there"
            served["keys"] = issuer.jwks()["keys"]
            before = len(fetched)
            time.sleep(0.6)
            assert server.ask_plainly(issuer.token(kid="ec", algorithm="ES256")).rows() == COUNT_A
            assert len(fetched) == before + 1
        # And as it ships.
        fetched.clear()
        with setup.server(token__jwks_file=None, token__jwks_url=url) as server:
            for _ in range(5):
                assert server.ask_plainly(issuer.token(kid="unknown")).status == 401
            assert server.ask_plainly(issuer.token()).rows() == COUNT_A and len(fetched) <= 2, fetched
        site.shutdown()


def test_a_token_is_no_secret_of_ours(issuer):
    """The control of the forged ones: the same bytes verify where a library is told to take them."""
    assert jwt.decode(forged(issuer, "none"), options={"verify_signature": False})["iss"] == ISSUER
