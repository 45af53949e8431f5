"""The signed context of one call of the database, by botocore's signer."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from splitplane_mcp.principal import Principal

SERVICE = "splitplane"
REGION = "us-east-1"
"""Part of the signature; splitplane takes any."""


@dataclass(frozen=True)
class Signer:
    """A splitplane key, and the database that contexts are signed for.

    audience   the setting splitplane.audience, by default the database's name
    """

    key_id: str
    secret: str = field(repr=False)
    audience: str

    def context(self, principal: Principal, text: str, conversation: str | None = None) -> str:
        """A context that is good for one call, as JSON.

        text           the question if there is one, else the SQL
        conversation   a UUID as the call names it, or None
        """
        headers = {
            "host": self.audience,
            "x-splitplane-tenant": principal.tenant,
            "x-splitplane-business": principal.business,
            "x-splitplane-subject": principal.subject,
            "x-splitplane-nonce": secrets.token_hex(16),
        }
        if conversation is not None:
            headers["x-splitplane-conversation"] = conversation
        request = AWSRequest(method="POST", url=f"https://{self.audience}/ask", headers=headers, data=text.encode())
        SigV4Auth(Credentials(self.key_id, self.secret), SERVICE, REGION).add_auth(request)
        return json.dumps(dict(request.headers))
