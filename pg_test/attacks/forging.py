"""Contexts with exactly one defect.

A forged context is only a test if all else about it is right: a wrong signature is refused whatever the tenant says.
So everything is signed anew here, with a true key, after the twist is applied; only where the signature itself is the
twist is it left wrong. This is a second, small SigV4 signer on purpose: botocore cannot be talked into these defects.

The catalogue's context entries were written for another product. Its header names are read as ours:

    x-sp-tenant            x-splitplane-tenant
    x-sp-nonce             x-splitplane-nonce
    x-sp-database          host (the audience)
    host: db1              host (the audience)
    x-amz-content-sha256   the same; ours takes it from the payload when it is not there
    AKACME, AKBETA         the keys `acme` and `beta` of this suite, each allowed for its own tenant
    {"claims": {"tenant": t}}    x-splitplane-tenant: t
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import secrets

SQL = "SELECT count(*) FROM orders"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _header_text(value) -> str:
    return " ".join(value.split()) if isinstance(value, str) else str(value)


def forge(keys: dict[str, tuple[str, str]], audience: str, payload: str, twist: dict) -> dict:
    """Sign `payload` as tenant acme with key `acme`, with `twist` applied. Fields of a twist:

    before signing  tenant, business, subject, nonce (None leaves the header out), extra {name: value},
                    audience, date (text of x-amz-date), offset (seconds from now), content_sha256, signs (other payload)
    what signs      key (its name here), key_id, secret, service, region, terminator, scope_date, algorithm, method, path,
                    query, unsigned [names left out of SignedHeaders]
    after signing   set {name: value}, drop [names], rename {old: new}, signature, authorization (format text)
    """
    now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=twist.get("offset", 0))
    date = twist.get("date", now.strftime("%Y%m%dT%H%M%SZ")).replace("{today}", now.strftime("%Y%m%d"))
    scope_date = twist.get("scope_date", date[:8] if date[:8].isdigit() else now.strftime("%Y%m%d"))
    if scope_date == "yesterday":
        scope_date = (now - datetime.timedelta(days=1)).strftime("%Y%m%d")
    headers = {
        "host": twist.get("audience", audience),
        "x-amz-date": date,
        "x-splitplane-tenant": twist.get("tenant", "acme"),
        "x-splitplane-business": twist.get("business", ""),
        "x-splitplane-subject": twist.get("subject", ""),
        "x-splitplane-nonce": twist.get("nonce", secrets.token_hex(16)),
    }
    headers.update(twist.get("extra", {}))
    if "content_sha256" in twist:
        headers["x-amz-content-sha256"] = twist["content_sha256"]
    headers = {name: value for name, value in headers.items() if value is not None}
    signed = sorted(name for name in headers if name not in twist.get("unsigned", []))
    payload_hash = twist.get("content_sha256") or hashlib.sha256(twist.get("signs", payload).encode()).hexdigest()
    canonical = "\n".join(
        [twist.get("method", "POST"), twist.get("path", "/ask"), twist.get("query", "")]
        + [f"{name.lower()}:{_header_text(headers[name])}" for name in signed]
        + ["", ";".join(signed), payload_hash]
    )
    key_id, secret = keys[twist.get("key", "acme")]
    key_id, secret = twist.get("key_id", key_id).replace("{acme}", keys["acme"][0]), twist.get("secret", secret)
    region, service = twist.get("region", "us-east-1"), twist.get("service", "splitplane")
    terminator, algorithm = twist.get("terminator", "aws4_request"), twist.get("algorithm", "AWS4-HMAC-SHA256")
    scope = f"{scope_date}/{region}/{service}/{terminator}"
    signing_key = _hmac(_hmac(_hmac(_hmac(b"AWS4" + secret.encode(), scope_date), region), service), terminator)
    to_sign = "\n".join([algorithm, date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = _hmac(signing_key, to_sign).hex()
    if "signature" in twist:
        signature = twist["signature"].replace("{signature}", signature).replace("{SIGNATURE}", signature.upper())
    form = twist.get("authorization", "{algorithm} Credential={key_id}/{scope}, SignedHeaders={signed}, Signature={signature}")
    headers["authorization"] = form.format(
        algorithm=algorithm, key_id=key_id, scope=scope, signed=";".join(signed), signature=signature
    )
    headers.update(twist.get("set", {}))
    for name in twist.get("drop", []):
        headers.pop(name, None)
    for old, new in twist.get("rename", {}).items():
        headers[new] = headers.pop(old)
    return headers


# Catalogue id -> the twists that carry its title over. Each is asked by itself and each must be refused.
TRANSLATION: dict[str, list[dict]] = {
    "CF-002": [{"tenant": "beta", "signature": ""}, {"signature": ""}],
    "CF-006": [{"algorithm": "AWS4-HMAC-MD5"}, {"algorithm": "AWS4-HMAC-SHA1"}, {"algorithm": "none"}, {"algorithm": "AWS4-ECDSA-P256-SHA256"}],
    "CF-009": [{"set": {"Authorization": "x"}}, {"set": {"AUTHORIZATION": "x", "x-splitplane-tenant": "beta"}}],
    "CF-013": [
        {"content_sha256": "UNSIGNED-PAYLOAD"},
        {"content_sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
        {"content_sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
    ],
    "CF-015": [
        {"signs": ""},
        {"content_sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    ],
    "CF-016": [
        {"sql": "SELECT 'a'\r\nFROM orders", "signs": "SELECT 'a'\nFROM orders"},
        {"sql": "SELECT 'e\u0301' FROM orders", "signs": "SELECT '\u00e9' FROM orders"},
        {"sql": "SELECT count(*) FROM orders ", "signs": "SELECT count(*) FROM orders"},
    ],
    "CF-017": [{"tenant": "beta", "unsigned": ["x-splitplane-tenant"]}, {"unsigned": ["x-splitplane-tenant"]}],
    "CF-019": [{"unsigned": ["x-amz-date"]}],
    "CF-024": [{"set": {"x_splitplane_tenant": "beta"}}, {"set": {"X_SPLITPLANE_TENANT": "beta"}}],
    "CF-026": [{"set": {"x\u2011splitplane\u2011tenant": "beta"}}],
    "CF-029": [{"tenant": "acme\n beta"}, {"tenant": "acme\r\n beta"}],
    "CF-033": [
        {"tenant": "beta", "key_id": "AKSPNOPE", "secret": ""},
        {"tenant": "beta", "key_id": "", "secret": ""},
    ],
    "CF-035": [{"key_id": "AKSPBETA"}, {"key": "beta"}, {"key": "beta", "tenant": "acme", "business": "beta"}],
    "CF-038": [
        {"key_id": "x' UNION SELECT 'beta','known-secret' --", "secret": "known-secret", "tenant": "beta"},
        {"key_id": "AKSPACME' --"},
    ],
    "CF-039": [{"key_id": "akspacme"}, {"key_id": "AKSPACME "}, {"key_id": " AKSPACME"}],
    "CF-040": [{"scope_date": "yesterday"}],
    "CF-041": [{"service": "s3"}, {"service": "execute-api", "region": "local"}, {"terminator": "aws4_request2"}],
    "CF-049": [{"date": "{today}T115960Z"}, {"date": "{today}T235960Z"}],
    "CF-050": [{"date": "{today}T120000+0000"}, {"date": "{today}T120000z"}, {"date": "{today}t120000Z"}],
    "CF-052": [{"date": "infinity"}, {"date": "now"}, {"date": "today"}, {"date": ""}],
    "CF-058": [{"audience": "other"}],
    "CF-067": [{"key": "any", "tenant": "1 OR 1=1"}],
    "CF-068": [{"key": "any", "tenant": "acme' OR '1'='1"}],
    "CF-071": [{"key": "any", "tenant": ""}],
    "CF-072": [{"key": "any", "tenant": " "}, {"key": "any", "tenant": "\t"}],
    "CF-078": [{"key": "any", "tenant": 1.0}],
    "CF-079": [{"key": "any", "tenant": 9007199254740993}],
    "CF-081": [{"key": "any", "tenant": "*"}, {"key": "any", "tenant": "%"}],
    "CF-083": [{"key": "any", "tenant": "acme,beta"}, {"key": "any", "tenant": "beta,acme"}],
    "CF-084": [{"key": "any", "tenant": "ACME"}],
    "CF-086": [{"key": "any", "tenant": "\u0430cme"}],
    "CF-092": [{"key": "any", "tenant": "a" * 70}, {"key": "any", "tenant": "acme" + " " * 60 + "beta"}],
    "CF-094": [{"key": "any", "tenant": "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}"}],
    "CF-095": [{"key": "any", "tenant": " +007"}],
    "CF-096": [{"key": "any", "tenant": "system"}, {"key": "any", "tenant": "postgres"}],
    "CF-097": [{"key": "any", "tenant": "nosuch-tenant"}],
    # jsonb keeps the last of two equal names: beta comes last, so that beta is what the server is told.
    "CF-098": [
        {"raw": '{"tenant":"acme","tenant":"beta"}'},
        {
            "raw": '{"host":"<host>","x-amz-date":"<x-amz-date>","x-splitplane-business":"","x-splitplane-subject":"",'
            '"x-splitplane-nonce":"<x-splitplane-nonce>","authorization":"<authorization>",'
            '"x-splitplane-tenant":"acme","x-splitplane-tenant":"beta"}'
        },
    ],
    # The signature is right and speaks for acme: what is wrong is that the text is no SQL.
    "CF-100": [{"states": ["42601"]}],
    "CF-117": [{"audience": "staging"}, {"audience": "HOSTILE.example"}],
    "CF-115": [
        {"path": "/query%2f..%2fadmin"},
        {"path": "/%61sk"},
        {"path": "//ask"},
        {"path": "/ask/"},
        {"path": "/"},
        {"query": "x=1"},
        {"method": "GET"},
    ],
}
