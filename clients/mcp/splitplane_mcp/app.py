"""The HTTP application: the SDK's server in its default response mode, the only one in which a client that gives up is heard in
both versions of the protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp.server import Server
from mcp.server.auth.settings import AuthSettings
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl
from starlette.applications import Starlette

from splitplane_mcp.config import Config
from splitplane_mcp.database import Database
from splitplane_mcp.tokens import KeySet, Verifier
from splitplane_mcp.tools import INSTRUCTIONS, Tools

MAX_BODY_BYTES = 1 << 20
"""Longer than any question or SQL that splitplane looks at."""


def build(config: Config, keys: KeySet, database: Database) -> Starlette:
    """The application, which opens the database's connections when it starts and closes them when it ends."""

    @asynccontextmanager
    async def lifespan(_: Server[None]) -> AsyncIterator[None]:
        async with database.opened():
            yield

    tools = Tools(database, config.tools)
    server = Server(
        "splitplane", version="0.2.0", instructions=INSTRUCTIONS, lifespan=lifespan, on_list_tools=tools.list, on_call_tool=tools.call
    )
    return server.streamable_http_app(
        streamable_http_path=config.path,
        # Named, so that they are checked whatever address the server listens on.
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True, allowed_hosts=list(config.allowed_hosts), allowed_origins=list(config.allowed_origins)
        ),
        max_request_body_size=MAX_BODY_BYTES,
        auth=AuthSettings(
            issuer_url=AnyHttpUrl(config.tokens.issuer),
            resource_server_url=AnyHttpUrl(config.url),
            required_scopes=list(config.tokens.scopes) or None,
            # The verifier checks it itself: an audience need not be a URL.
            validate_token_resource=False,
        ),
        token_verifier=Verifier(config.tokens, config.identity, keys),
    )
