"""Sign a splitplane context with botocore, an AWS SDK that knows nothing of splitplane.

The context that `ask` takes is the header set of a SigV4-signed request `POST https://{audience}/ask` whose body is
the text asked and whose service is `splitplane`. Any AWS SDK's signer makes it; this module uses botocore's, unchanged,
so that every test that goes through it also proves that an independent signer agrees with the verifier.

    from splitplane_test.signing import sign
    context = sign("AKSP...", secret, "SELECT count(*) FROM orders", "brand-a", audience="analytics")
    cursor.execute("SELECT ask(%s::text::jsonb, sql => %s)", (json.dumps(context), "SELECT count(*) FROM orders"))

On the command line the secret is read from SPLITPLANE_SECRET, never from an argument that `ps` would show:

    SPLITPLANE_SECRET=... python -m splitplane_test.signing --key-id AKSP... --tenant brand-a --audience analytics 'SELECT 1'
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import secrets
from collections.abc import Mapping

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SERVICE = "splitplane"
PATH = "/ask"
# The region is part of the credential scope and taken as signed; every signer wants one.
DEFAULT_REGION = "us-east-1"


class _SignedAt(SigV4Auth):
    """botocore's signer with the moment given, for contexts of the past and of the future.

    botocore reads the clock inside `add_auth` and offers no argument for it. Everything that is signed and how it is
    signed stays botocore's own.
    """

    def __init__(self, credentials, service_name, region_name, when: datetime.datetime):
        super().__init__(credentials, service_name, region_name)
        self._when = when

    def add_auth(self, request):
        request.context["timestamp"] = self._when.strftime(SIGV4_TIMESTAMP)
        self._modify_request_before_signing(request)
        string_to_sign = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(string_to_sign, request))


def sign(
    key_id: str,
    secret: str,
    payload: str | bytes,
    tenant: str,
    business: str | None = "",
    subject: str | None = "",
    audience: str = "postgres",
    nonce: str | None = None,
    when: datetime.datetime | None = None,
    region: str = DEFAULT_REGION,
    extra: Mapping[str, str] | None = None,
    conversation: str | None = None,
) -> dict[str, str]:
    """Return the signed headers as the dict that `ask` takes as its context.

    payload   the question if one is asked, else the SQL text, byte for byte
    business, subject   None leaves the header out; '' sends and signs it empty
    conversation   the conversation that `ask` is given, if one is; None leaves the header out
    audience  the setting splitplane.audience of the database, by default the database's name
    nonce     a fresh random one when None; give one to ask for the same use twice
    when      the moment to sign for (a naive value is UTC); the clock when None
    extra     more headers to sign, also to replace one of ours; botocore adds `host` to what is signed, but not to
              the result, unless it is given here
    """
    headers = {
        "x-splitplane-tenant": tenant,
        "x-splitplane-business": business,
        "x-splitplane-subject": subject,
        "x-splitplane-conversation": conversation,
        "x-splitplane-nonce": nonce if nonce is not None else secrets.token_hex(16),
    }
    headers.update(extra or {})
    headers = {name: value for name, value in headers.items() if value is not None}
    body = payload.encode() if isinstance(payload, str) else payload
    request = AWSRequest(method="POST", url=f"https://{audience}{PATH}", headers=headers, data=body)
    credentials = Credentials(key_id, secret)
    if when is None:
        signer = SigV4Auth(credentials, SERVICE, region)
    else:
        moment = when if when.tzinfo is None else when.astimezone(datetime.timezone.utc)
        signer = _SignedAt(credentials, SERVICE, region, moment)
    signer.add_auth(request)
    return dict(request.headers)


def main() -> None:
    arguments = argparse.ArgumentParser(description="Print a signed splitplane context as JSON.")
    arguments.add_argument("payload", help="the question, or the SQL when there is no question")
    arguments.add_argument("--key-id", required=True)
    arguments.add_argument("--tenant", required=True)
    arguments.add_argument("--business", default="")
    arguments.add_argument("--subject", default="")
    arguments.add_argument("--audience", default="postgres", help="splitplane.audience, by default the database's name")
    arguments.add_argument("--region", default=DEFAULT_REGION)
    given = arguments.parse_args()
    secret = os.environ.get("SPLITPLANE_SECRET")
    if not secret:
        arguments.error("set SPLITPLANE_SECRET to the key's secret")
    context = sign(
        given.key_id,
        secret,
        given.payload,
        given.tenant,
        given.business,
        given.subject,
        audience=given.audience,
        region=given.region,
    )
    print(json.dumps(context))


if __name__ == "__main__":
    main()
