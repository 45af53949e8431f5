"""The tools: what they take, and what they give.

Their arguments are checked here: the SDK would drop one that is not declared, and a call that names a tenant must be refused, not
answered as if it had not. No argument says who asks.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import mcp_types as types
from mcp.server import ServerRequestContext
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.shared.exceptions import MCPError

from splitplane_mcp import refusals
from splitplane_mcp.database import Database
from splitplane_mcp.principal import Principal
from splitplane_mcp.refusals import Refused
from splitplane_mcp.tokens import VerifiedToken

log = logging.getLogger("splitplane_mcp.tools")

PROGRESS_SECONDS = 5.0
"""Between two notes to a client that asked for progress: proxies cut connections that say nothing."""

INSTRUCTIONS = (
    "Answers questions about the data that the signed-in user may see, and nothing else. Call describe for the tables, then ask "
    "with a question in words or with SQL. Who asks is read from the access token; no argument names a tenant or a user."
)
_TEXT = {"type": "string", "minLength": 1}
_READS = types.ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)


def _schema(properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False, **more}


DECLARED = {
    "ask": types.Tool(
        name="ask",
        title="Ask the database",
        description=(
            "Answers a question in words, or one SELECT over the tables that describe shows, from the rows that the signed-in "
            "user may see. The SQL needs no condition for the tenant. Outcomes: answered, with columns and rows (bigint and numeric "
            "are texts, with every digit); clarify, with a question back to the user; out_of_scope and refused, with the reason."
        ),
        input_schema=_schema(
            {
                "question": _TEXT | {"description": "A question in words."},
                "sql": _TEXT | {"description": "One SELECT statement of PostgreSQL."},
                "conversation": {
                    "type": "string",
                    "format": "uuid",
                    "description": "The conversation that an earlier answer named, for a follow-up question, or a new UUID. With a question only.",
                },
            },
            anyOf=[{"required": ["question"]}, {"required": ["sql"]}],
        ),
        annotations=types.ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=True),
    ),
    "describe": types.Tool(
        name="describe",
        title="Describe the tables",
        description="The tables, columns and functions that SQL for ask may name, with their types, keys and comments. Takes no arguments.",
        input_schema=_schema({}),
        annotations=_READS,
    ),
    "verified_queries": types.Tool(
        name="verified_queries",
        title="List verified questions",
        description=(
            "Questions and metrics that the database's administrators have verified. Asked in these words, ask answers them "
            "without a model. Takes no arguments."
        ),
        input_schema=_schema({}),
        annotations=_READS,
    ),
}
UNDECLARED = {
    "ask": "ask takes question, sql and conversation, and nothing else. Who asks is read from the access token.",
    "describe": "describe takes no arguments. Who asks is read from the access token.",
    "verified_queries": "verified_queries takes no arguments. Who asks is read from the access token.",
}

Request = ServerRequestContext[Any, Any]


@dataclass(frozen=True)
class Tools:
    """The handlers of tools/list and tools/call."""

    database: Database
    offered: tuple[str, ...]

    async def list(self, request: Request, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[DECLARED[name] for name in self.offered])

    async def call(self, request: Request, params: types.CallToolRequestParams) -> types.CallToolResult:
        """An answer, also clarify, is a result; a refusal is a result with isError and one sentence, which a model can read."""
        name = params.name
        if name not in self.offered:
            raise MCPError(code=types.INVALID_PARAMS, message="There is no such tool.")
        principal = principal_of(request)
        began = time.monotonic()
        document: dict[str, Any] = {}
        refused: Refused | None = None
        try:
            document = await self._with_progress(request, self._tool(name, principal, params.arguments or {}))
        except Refused as error:
            refused = error
        except Exception as error:
            log.error("%s failed: %s", name, type(error).__name__)
            refused = Refused(refusals.INTERNAL)
        log.info(
            "%s tenant=%s outcome=%s sqlstate=%s query_id=%s ms=%d",
            name,
            json.dumps(principal.tenant),
            "error" if refused else document.get("outcome", "answered"),
            refused.sqlstate if refused else None,
            document.get("query_id"),
            1000 * (time.monotonic() - began),
        )
        return _refusal(refused) if refused else _result(document)

    def _tool(self, name: str, principal: Principal, arguments: Mapping[str, Any]) -> Callable[[], Awaitable[dict[str, Any]]]:
        """The work of a call whose arguments are as declared. Raises Refused."""
        if not set(arguments) <= set(DECLARED[name].input_schema["properties"]):
            raise Refused(UNDECLARED[name])
        if name == "describe":
            return lambda: self._describe(principal)
        if name == "verified_queries":
            return lambda: self.database.verified(principal)
        question, text, conversation = (_text(arguments, key) for key in ("question", "sql", "conversation"))
        if question is None and text is None:
            raise Refused("ask needs a question or sql.")
        if conversation is not None:
            if question is None:
                raise Refused("A conversation goes with a question.")
            try:
                conversation = str(uuid.UUID(conversation))
            except ValueError:
                raise Refused("The conversation is not a UUID.") from None
        return lambda: self.database.ask(principal, question, text, conversation)

    async def _describe(self, principal: Principal) -> dict[str, Any]:
        return {"plane": await self.database.describe(principal)}

    async def _with_progress(self, request: Request, work: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """The SDK sends a note only where the client asked for progress."""
        answer: dict[str, Any] = {}
        refused: Refused | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(_tell, request)
            try:
                answer = await work()
            except Refused as error:
                refused = error
            group.cancel_scope.cancel()
        if refused is not None:
            raise refused
        return answer


async def _tell(request: Request) -> None:
    """Notes on the way. One that cannot be sent ends them, not the call."""
    seconds = 0.0
    try:
        while True:
            await request.session.report_progress(seconds, None, "The database is working on it.")
            await anyio.sleep(PROGRESS_SECONDS)
            seconds += PROGRESS_SECONDS
    except Exception as error:
        log.info("no more progress: %s", type(error).__name__)


def principal_of(request: Request) -> Principal:
    """Whom the HTTP request in hand is for: its own token was verified, whatever session it names."""
    user = request.request.scope.get("user") if request.request is not None else None
    if not isinstance(user, AuthenticatedUser) or not isinstance(user.access_token, VerifiedToken):
        raise MCPError(code=types.INVALID_REQUEST, message="The request has no access token.")
    return user.access_token.principal


def _text(arguments: Mapping[str, Any], key: str) -> str | None:
    value = arguments.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise Refused(f"The argument {key} is not a text, or empty.")
    # JSON can spell both; neither can be signed or sent.
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Refused(f"The argument {key} holds a character that no text in the database can hold.")
    return value


def _result(document: dict[str, Any]) -> types.CallToolResult:
    """As text and as structure: models read the one, programs the other."""
    text = json.dumps(document, ensure_ascii=False)
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], structured_content=document)


def _refusal(refused: Refused) -> types.CallToolResult:
    document = {"outcome": "error", "sqlstate": refused.sqlstate, "message": refused.sentence}
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=refused.sentence)], structured_content=document, is_error=True
    )
