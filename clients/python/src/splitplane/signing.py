"""Signs a context: who asks, and for which text, for one call.

A context is good once and for some minutes, for one database and for exactly the text that was signed. `SignedContext` and
`Signer` show nothing of themselves in a repr, a traceback or a log line; `SignedContext.reveal` gives the text for a driver.
botocore's logger `botocore.auth` writes what it signs at level DEBUG: leave that level off.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from uuid import UUID

from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]

SERVICE = "splitplane"
NONCE_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks. Take it from your authenticated session, never from a model, a tool's arguments or a request's body."""

    tenant: str
    business: str = ""
    subject: str = ""

    def __post_init__(self) -> None:
        if not self.tenant:
            raise ValueError("a principal has a tenant")
        # The server has further rules for ids; these could not be signed at all.
        if not all(value.isprintable() for value in (self.tenant, self.business, self.subject)):
            raise ValueError("an id of a principal holds a control character or another that is not printable")


class SignedContext:
    """A signed context, for one call."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The JSON text, to be bound to `$1::text::jsonb`."""
        return self._text

    def __repr__(self) -> str:
        return "<signed context>"


class Signer:
    """Signs with one key for one database.

    key_id, secret   what `splitplane.create_key` gave
    audience         the database's `splitplane.audience`, by default its name
    region           any; it is part of the signature and means nothing
    """

    __slots__ = ("_audience", "_credentials", "_key_id", "_region")

    def __init__(self, key_id: str, secret: str, audience: str, *, region: str = "us-east-1") -> None:
        if not key_id or not secret:
            raise ValueError("a signer needs the id and the secret of a key")
        if not audience or not audience.isprintable() or set(audience) & set("/?#@ "):
            raise ValueError("the audience is a host name: splitplane.audience, by default the database's name")
        self._credentials = Credentials(key_id, secret)
        self._key_id, self._audience, self._region = key_id, audience, region

    def sign(self, principal: Principal, text: str, *, conversation: UUID | None = None) -> SignedContext:
        """A fresh context for this text: the question if there is one, else the SQL.

        ValueError: the text cannot be written in UTF-8.
        """
        headers = {
            # Signed with the others, so that a context for another database is told from one with a wrong secret.
            "host": self._audience,
            "x-splitplane-tenant": principal.tenant,
            "x-splitplane-business": principal.business,
            "x-splitplane-subject": principal.subject,
            "x-splitplane-conversation": str(conversation) if conversation else "",
            "x-splitplane-nonce": secrets.token_hex(NONCE_BYTES),
        }
        request = AWSRequest(
            method="POST",
            url=f"https://{self._audience}/ask",
            data=text.encode(),
            headers={name: value for name, value in headers.items() if value},
        )
        SigV4Auth(self._credentials, SERVICE, self._region).add_auth(request)
        return SignedContext(json.dumps(dict(request.headers)))

    def __repr__(self) -> str:
        return f"<signer with key {self._key_id} for {self._audience}>"

    def __reduce__(self) -> str:
        raise TypeError("a signer holds a secret and cannot be pickled")
