"""A client over asyncpg.

The source of connections is one connection, or a pool. A call outside of a transaction is a statement of its own; inside one
of the caller's it is part of that, and is not tried again. It does not matter whether the connection has a codec for json or
jsonb: contexts and documents go as text.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from splitplane.calls import Call
from splitplane.clients import ATTEMPTS, SECONDS, AsyncBaseClient, Fetched
from splitplane.errors import ConnectionFailed, DriverError, SplitplaneError, is_down, of_server
from splitplane.signing import Signer
from splitplane.tries import Tries, out_of_time

if TYPE_CHECKING:
    from asyncpg.pool import Pool, PoolConnectionProxy

PLACEHOLDERS = ("$1", "$2", "$3", "$4")
CANCEL_SECONDS = 5.0


class AsyncClient(AsyncBaseClient):
    """Asks over asyncpg."""

    def __init__(
        self, signer: Signer, source: asyncpg.Connection[Any] | PoolConnectionProxy[Any] | Pool[Any], *,
        timeout: float = SECONDS, attempts: int = ATTEMPTS,
    ) -> None:  # fmt: skip
        super().__init__(signer, timeout=timeout, attempts=attempts)
        self._source = source

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        if isinstance(self._source, asyncpg.Pool):
            async with self._source.acquire() as connection:
                yield connection
        else:
            yield self._source

    async def _attempt(self, call: Call, tries: Tries) -> Fetched | SplitplaneError:
        sent = lost = False
        is_stopped = True
        try:
            # asyncpg stops the statement in the server when its task is cancelled, which is how this timeout ends it.
            async with asyncio.timeout(tries.left()), self._connection() as connection:
                tries.is_last = not connection.is_closed() and connection.is_in_transaction()
                context = call.signed(self._signer)
                sent = not connection.is_closed()
                try:
                    fetched = await connection.fetch(call.statement(PLACEHOLDERS), *call.arguments(context))
                    return [tuple(record) for record in fetched]
                except asyncio.CancelledError:
                    is_stopped = await stopped(connection)
                    if not is_stopped:
                        connection.terminate()
                    raise
                finally:
                    lost = connection.is_closed()
                    tries.is_last |= lost and connection is self._source
        except TimeoutError:
            failure: SplitplaneError = out_of_time(sent, is_stopped)
        except asyncpg.PostgresError as error:
            failure = of_server_or_connection(error.sqlstate, str(error.args[0] if error.args else ""), sent, lost)
        except (asyncpg.InterfaceError, OSError) as error:
            failure = of_driver(error, sent, lost)
        except BaseException as stop:
            # Of asyncpg's frames the variables are the values that were bound.
            raise (stop.with_traceback(None) if sent else stop) from None
        return failure


async def stopped(connection: Any) -> bool:
    """Waits until the cancel that asyncpg sends in a task of its own is done: the loop may end with the caller. False if it
    did not get through."""
    try:
        async with asyncio.timeout(CANCEL_SECONDS):
            # Whatever comes next on a connection waits for the cancel.
            await connection.execute("SELECT 1")
    except asyncpg.PostgresError:
        # The server has answered, as it does in a transaction that the cancel has ended.
        return True
    except (TimeoutError, asyncpg.InterfaceError, OSError):
        return False
    return True


def of_server_or_connection(sqlstate: str | None, message: str, sent: bool, lost: bool) -> SplitplaneError:
    """Our error for one with an SQLSTATE: the server's own, or asyncpg's for a connection that broke."""
    if sqlstate is None or ((lost or not sent) and is_down(sqlstate)):
        return ConnectionFailed("the connection failed", sqlstate, sent=sent)
    return of_server(sqlstate, message)


def of_driver(error: Exception, sent: bool, lost: bool) -> SplitplaneError:
    """Our error for asyncpg's own, of which only the name is taken: its text can quote what was bound."""
    if lost or not sent or isinstance(error, OSError):
        return ConnectionFailed(f"the connection failed ({type(error).__name__})", sent=sent)
    return DriverError(f"asyncpg could not make the call or read its answer ({type(error).__name__})")
