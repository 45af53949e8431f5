"""Writes botocore.json beside this file: contexts signed by botocore, with what it signed at each step.

Run with a Python that has botocore. The clock is fixed, so a second run writes the same file.
"""

import datetime
import hashlib
import json
import pathlib
from unittest import mock

import botocore
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NONCE = "3f0c9a2e-5d7b-4c1e-9f00-1234567890ab"
QUESTION = "Which stores had the highest void rate last week?"


def identity(tenant="brand-a", business="chicago", subject="u-17", nonce=NONCE):
    headers = {"x-splitplane-tenant": tenant, "x-splitplane-nonce": nonce}
    if business is not None:
        headers["x-splitplane-business"] = business
    if subject is not None:
        headers["x-splitplane-subject"] = subject
    return headers


def digest(payload):
    return hashlib.sha256(payload.encode()).hexdigest()


def sign(name, payload, headers, *, method="POST", url="https://analytics/ask", service="splitplane", key_id="AKSPBOTOCORE",
         secret="not/a+real/secret=", token=None, region="us-east-1", when="20261122T052401Z", disable_payload=False):
    request = AWSRequest(method=method, url=url, data=payload, headers=headers)
    if disable_payload:
        request.context["payload_signing_enabled"] = False
    auth = SigV4Auth(Credentials(key_id, secret, token), service, region)
    moment = datetime.datetime.strptime(when, "%Y%m%dT%H%M%SZ")
    seen = {}
    original_request, original_string = auth.canonical_request, auth.string_to_sign

    def canonical_request(signed):
        seen["canonical_request"] = original_request(signed)
        return seen["canonical_request"]

    def string_to_sign(signed, canonical):
        seen["string_to_sign"] = original_string(signed, canonical)
        return seen["string_to_sign"]

    auth.canonical_request, auth.string_to_sign = canonical_request, string_to_sign
    with mock.patch("botocore.auth.get_current_datetime", return_value=moment):
        auth.add_auth(request)
    seconds = int(moment.replace(tzinfo=datetime.timezone.utc).timestamp())
    return {"name": name, "method": method, "url": url, "service": service, "key_id": key_id, "secret": secret, "region": region,
            "timestamp": when, "seconds": seconds, "payload": payload, "headers": dict(request.headers), **seen}


def main():
    extra = {"Content-Type": "application/json; charset=utf-8", "X-My-Trace": "  one   two    three ", "X-Empty": "",
             "User-Agent": "analyst/1.0  (test)"}
    contexts = [
        sign("plain question", QUESTION, identity()),
        sign("empty payload", "", identity()),
        sign("unicode payload", "SELECT 'Zürich – 東京 🍜', \"naïve\"\r\n  FROM orders -- ½\t", identity()),
        sign("unicode identity", QUESTION, identity("brändi", "東京", "Ann O'Hara, Ops")),
        sign("tenant alone", QUESTION, identity(business=None, subject=None)),
        sign("empty business and subject", QUESTION, identity(business="", subject="")),
        sign("blanks in values, an empty value, an unsigned header", QUESTION, {**identity(business="Chicago North"), **extra}),
        sign("names in mixed case", QUESTION, {"X-SplitPlane-Tenant": "brand-a", "X-SPLITPLANE-NONCE": NONCE}),
        sign("host given", QUESTION, {**identity(), "Host": "analytics"}),
        sign("session token", QUESTION, identity(), token="FwoGZXIvYXdzEXAMPLE//token=="),
        sign("content hash given", QUESTION, {**identity(), "X-Amz-Content-SHA256": digest(QUESTION)}),
        sign("content hash of another payload", QUESTION, {**identity(), "X-Amz-Content-SHA256": digest("another")}),
        sign("another region", QUESTION, identity(), region="eu-central-1"),
        sign("long secret", QUESTION, identity(), secret="s" * 200),
        sign("long payload", "SELECT 1 -- " + "x" * 4000, identity()),
        sign("end of year", QUESTION, identity(), when="20271231T235959Z"),
        sign("port of another service", QUESTION, identity(), url="https://analytics:8443/ask"),
        sign("another path", QUESTION, identity(), url="https://analytics/admin"),
        sign("a query", QUESTION, identity(), url="https://analytics/ask?x=1"),
        sign("another method", QUESTION, identity(), method="PUT"),
        sign("another service", QUESTION, identity(), service="s3"),
        sign("unsigned payload", QUESTION, identity(), disable_payload=True),
        sign("date header instead of x-amz-date", QUESTION, {**identity(), "Date": "Sun, 22 Nov 2026 05:24:01 GMT"}),
    ]
    refused = {"port of another service", "another path", "a query", "another method", "another service", "unsigned payload",
               "date header instead of x-amz-date", "content hash of another payload"}
    for context in contexts:
        context["verifies"] = context["name"] not in refused
    example = {"key_id": "AKIDEXAMPLE", "secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "service": "service",
               "when": "20150830T123600Z"}
    root = "https://example.amazonaws.com/"
    arithmetic = [
        sign("get-vanilla", "", {}, method="GET", url=root, **example),
        sign("post-vanilla", "", {}, url=root, **example),
        sign("get-header-value-trim", "", {"My-Header1": " value1", "My-Header2": "\"a   b   c\""}, method="GET", url=root, **example),
        sign("post-header-key-sort", "", {"My-Header1": "value1"}, url=root, **example),
        sign("post-header-value-case", "", {"My-Header1": "VALUE1"}, url=root, **example),
        sign("post-x-www-form-urlencoded", "Param1=value1",
             {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": "13",
              "x-amz-content-sha256": digest("Param1=value1")}, url=root, **example),
        sign("get-vanilla-query", "", {}, method="GET", url=root + "?Param1=value1", **example),
        sign("get-unreserved", "", {}, method="GET", url=root + "-._~0123456789", **example),
    ]
    target = pathlib.Path(__file__).with_name("botocore.json")
    document = {"signer": f"botocore {botocore.__version__}", "contexts": contexts, "arithmetic": arithmetic}
    target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
