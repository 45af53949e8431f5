"""Writes signatures.json beside this file: calls to Bedrock signed by botocore, with the canonical request of each.

Run with a Python that has botocore. The clock is fixed, so a second run writes the same file.
"""

import datetime
import json
import pathlib
from unittest import mock

import botocore
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import percent_encode

SONNET = "anthropic.claude-sonnet-4-20250514-v1:0"
PROFILE = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
GUARDRAIL = "arn:aws:bedrock:us-east-1:123456789012:guardrail/gr1abc"
BODY = '{"messages":[{"role":"user","content":[{"text":"Zürich – 東京 🍜"}]}]}'


def converse(model_id):
    return f"/model/{percent_encode(model_id)}/converse"


def sign(name, path, *, host="bedrock-runtime.us-east-1.amazonaws.com", scheme="https", body=BODY, token=None, region="us-east-1",
         when="20261122T052401Z"):
    url = f"{scheme}://{host}{path}"
    request = AWSRequest(method="POST", url=url, data=body.encode(), headers={"Content-Type": "application/json"})
    key_id, secret = "AKIABOTOCORE", "not/a+real/secret="
    auth = SigV4Auth(Credentials(key_id, secret, token), "bedrock", region)
    moment = datetime.datetime.strptime(when, "%Y%m%dT%H%M%SZ")
    seen, original = {}, auth.canonical_request

    def canonical_request(signed):
        seen["canonical_request"] = original(signed)
        return seen["canonical_request"]

    auth.canonical_request = canonical_request
    with mock.patch("botocore.auth.get_current_datetime", return_value=moment):
        auth.add_auth(request)
    seconds = int(moment.replace(tzinfo=datetime.timezone.utc).timestamp())
    return {"name": name, "url": url, "key_id": key_id, "secret": secret, "token": token, "region": region, "seconds": seconds,
            "body": body, "headers": dict(request.headers), **seen}


def main():
    calls = [
        sign("model id with a colon, encoded", converse(SONNET)),
        sign("model id with a colon, as it is", f"/model/{SONNET}/converse"),
        sign("inference profile", converse("eu." + SONNET), host="bedrock-runtime.eu-central-1.amazonaws.com", region="eu-central-1"),
        sign("ARN", converse(PROFILE), host="bedrock-runtime.eu-central-1.amazonaws.com", region="eu-central-1"),
        sign("guardrail", "/guardrail/gr1abc/version/DRAFT/apply"),
        sign("guardrail by ARN", f"/guardrail/{percent_encode(GUARDRAIL)}/version/1/apply"),
        sign("session token", converse(SONNET), token="FwoGZXIvYXdzEXAMPLE//token+with/slashes=="),
        sign("empty body", converse(SONNET), body=""),
        sign("loopback port", converse(SONNET), host="127.0.0.1:8443", scheme="http"),
        sign("default port of the scheme", converse(SONNET), host="127.0.0.1:80", scheme="http"),
        sign("below a base path", "/proxy/bedrock" + converse(SONNET), host="vpce.example.internal"),
        sign("end of year", converse(SONNET), when="20271231T235959Z"),
    ]
    target = pathlib.Path(__file__).with_name("signatures.json")
    document = {"signer": f"botocore {botocore.__version__}", "calls": calls}
    target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
