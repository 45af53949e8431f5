"""Calls of the database over an async driver: a call whose caller has gone is cancelled in the server, and its connection is kept.

No call is sent twice: a context is good for one use.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeVar

import anyio
import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from splitplane_mcp import refusals
from splitplane_mcp.config import Config, ConfigurationError
from splitplane_mcp.principal import Principal
from splitplane_mcp.refusals import Refused

log = logging.getLogger("splitplane_mcp.database")

WAIT_SECONDS = 3.0
"""For another call to end, and then for a connection."""
CANCEL_SECONDS = 10.0
"""For a cancelled statement to end."""
EXACT_INTEGERS = 2**53
PROBE = "SELECT 1"

T = TypeVar("T")
Connection = psycopg.AsyncConnection[tuple[Any, ...]]

# What the role must be and must not be; each is a sentence when it is wrong.
CHECKS = """
SELECT current_setting('splitplane.json_numbers', true) IS DISTINCT FROM 'text',
       (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles AS r WHERE r.rolname = current_user)
           OR pg_has_role(current_user, 'splitplane_admin', 'MEMBER'),
       NOT coalesce(has_function_privilege(to_regprocedure(%(ask)s), 'EXECUTE'), false),
       lower(%(audience)s) IS DISTINCT FROM
           lower(coalesce(nullif(current_setting('splitplane.audience', true), ''), current_database()))
"""
# By name, as text: where setup.sql was not run there is nothing to ask about.
SEEN = """
SELECT coalesce(has_function_privilege(to_regprocedure('splitplane_mcp.describe()'), 'EXECUTE'), false),
       coalesce(has_function_privilege(to_regprocedure('splitplane_mcp.verified_queries()'), 'EXECUTE'), false)
"""


class Database:
    """The database that is asked, through connections of one role."""

    def __init__(self, config: Config):
        self._config, self._signer = config, config.signer
        entry = sql.Identifier(config.schema, "ask"), sql.Identifier(config.schema, "ask_dry_run")
        self._ask = sql.SQL(
            "SELECT {}(%(context)s::text::jsonb, question => %(question)s::text, sql => %(sql)s::text, "
            "conversation => %(conversation)s::uuid)::text"
        ).format(entry[0])
        self._prove = sql.SQL("SELECT {}(%(context)s::text::jsonb, sql => %(sql)s::text)::text").format(entry[1])
        self._free = asyncio.Semaphore(config.connections)
        self._pool = AsyncConnectionPool(
            config.connection,
            min_size=1,
            max_size=config.connections,
            # A pooler between here and the server has no prepared statements of ours; libpq's own word for who calls.
            kwargs={"prepare_threshold": None, "fallback_application_name": "splitplane-mcp"},
            configure=self._checked,
            check=AsyncConnectionPool.check_connection,
            timeout=WAIT_SECONDS,
            # The pool waits twice as long after each attempt; a database that is back is to be found soon.
            reconnect_timeout=WAIT_SECONDS,
            open=False,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The pool, as long as the server runs."""
        await self._pool.open()
        try:
            yield
        finally:
            await self._pool.close()

    async def check(self) -> None:
        """Look once, before the server listens, whether the role is right. Raises ConfigurationError."""
        try:
            async with await psycopg.AsyncConnection.connect(self._config.connection, prepare_threshold=None) as connection:
                await self._checked(connection)
                describes, lists = await _row(connection, SEEN)
        except psycopg.Error as error:
            # libpq's sentence names the server, and never the password.
            raise ConfigurationError(f"the database cannot be used: {str(error).splitlines()[0]}") from None
        for tool, may in (("describe", describes), ("verified_queries", lists)):
            if tool in self._config.tools and not may:
                raise ConfigurationError(f"the role may not call splitplane_mcp.{tool}: run setup.sql, or take {tool} out of server.tools")

    async def _checked(self, connection: Connection) -> None:
        """Each new connection: settings and memberships may have changed since."""
        entry = f"{sql.Identifier(self._config.schema).as_string(connection)}.ask(jsonb,text,text,uuid)"
        numbers, powerful, cannot, other = await _row(connection, CHECKS, {"ask": entry, "audience": self._signer.audience})
        await connection.rollback()
        for wrong, sentence in (
            (numbers, "the role's splitplane.json_numbers is not text: ALTER ROLE .. SET splitplane.json_numbers = 'text'"),
            (powerful, "the role is a superuser, bypasses row-level security or is a splitplane_admin: take another"),
            (cannot, "the role may not call ask: GRANT splitplane_caller TO it, and see database.schema"),
            (other, "database.audience is not splitplane.audience of the database, which is the database's name where it is not set"),
        ):
            if wrong:
                log.error("%s", sentence)
                raise ConfigurationError(sentence)

    async def ask(self, principal: Principal, question: str | None, text: str | None, conversation: str | None) -> dict[str, Any]:
        """One signed call of `ask`; its document, with every digit of its numbers. Raises Refused."""

        async def call(connection: Connection) -> dict[str, Any]:
            signed = question if question is not None else text
            assert signed is not None
            values = {
                "context": self._signer.context(principal, signed, conversation),
                "question": question,
                "sql": text,
                "conversation": conversation,
            }
            return _document((await _row(connection, self._ask, values))[0])

        return await self._run(call, of_caller=True)

    async def describe(self, principal: Principal) -> str:
        """The plane as a model is shown it, to a principal that the database admits. Raises Refused."""

        async def call(connection: Connection) -> str:
            await self._admitted(connection, principal)
            return (await _row(connection, "SELECT splitplane_mcp.describe()"))[0]

        return await self._run(call)

    async def verified(self, principal: Principal) -> dict[str, Any]:
        """Questions and metrics that are answered without a model, likewise. Raises Refused."""

        async def call(connection: Connection) -> dict[str, Any]:
            await self._admitted(connection, principal)
            return (await _row(connection, "SELECT splitplane_mcp.verified_queries()"))[0]

        return await self._run(call)

    async def _admitted(self, connection: Connection, principal: Principal) -> None:
        """What is the same for every tenant is for principals of the database all the same."""
        await _row(connection, self._prove, {"context": self._signer.context(principal, PROBE), "sql": PROBE})

    async def _run(self, call: Callable[[Connection], Awaitable[T]], of_caller: bool = False) -> T:
        return await _to_the_end(self._within(call, of_caller))

    async def _within(self, call: Callable[[Connection], Awaitable[T]], of_caller: bool) -> T:
        """The call in a transaction of its own, within its time. As many at a time as there are connections."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise Refused(refusals.BUSY) from None
        try:
            async with asyncio.timeout(self._config.call_seconds), self._pool.connection() as connection:
                return await call(connection)
        except Refused:
            raise
        except TimeoutError:
            raise refusals.too_long(self._config.call_seconds) from None
        except Exception as error:
            told = refusals.of_database(error, of_caller)
            if told.sentence == refusals.INTERNAL:
                log.error("a call failed: %s", type(error).__name__)
            raise told from None
        finally:
            self._free.release()


async def _to_the_end(work: Any) -> Any:
    """Await the work; when the caller goes, cancel it once and wait until the server has stopped it.

    The SDK cancels by anyio, again at each await: the driver's own cancel would be interrupted and its connection thrown away.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            task.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait({task}, timeout=CANCEL_SECONDS)
        if task.done() and not task.cancelled():
            task.exception()
        raise


async def _row(connection: Connection, statement: Any, values: dict[str, Any] | None = None) -> tuple[Any, ...]:
    row = await (await connection.execute(statement, values)).fetchone()
    assert row is not None
    return row


def _document(text: str) -> dict[str, Any]:
    """The document with numbers that every client reads as they are; `json` columns have theirs as they stand."""
    try:
        return json.loads(text, parse_int=_integer, parse_float=_number)
    except RecursionError:
        raise Refused(refusals.TOO_DEEP) from None


def _integer(digits: str) -> int | str:
    # Python refuses to read integers of thousands of digits.
    return int(digits) if len(digits) < 17 and abs(int(digits)) <= EXACT_INTEGERS else digits


def _number(digits: str) -> float | str:
    number = float(digits)
    return number if Decimal(repr(number)) == Decimal(digits) else digits
