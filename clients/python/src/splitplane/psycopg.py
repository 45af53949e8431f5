"""Clients over psycopg 3.

The source of connections is one connection, or a pool of psycopg_pool. A call on an idle connection is a transaction of its
own; on one with an open transaction it is part of that, and is not tried again. No statement is prepared, so that PgBouncer
in transaction mode is no obstacle.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from typing import Any, Protocol

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from splitplane.calls import Call
from splitplane.clients import ATTEMPTS, SECONDS, AsyncBaseClient, Fetched, SyncClient
from splitplane.errors import ConnectionFailed, DriverError, SplitplaneError, is_down, of_server
from splitplane.signing import Signer
from splitplane.tries import Tries, out_of_time

PLACEHOLDERS = ("%s",) * 4
# A cancel can pass a statement that is not there yet: it is sent until the call has ended.
CANCEL_AGAIN_SECONDS = 0.25
CANCEL_SECONDS = 5.0
# A pool that waited for a connection until the end gives up about then.
TOO_LITTLE_SECONDS = 0.05


class Pool(Protocol):
    """psycopg_pool.ConnectionPool, as far as it is used."""

    def connection(self, timeout: float | None = None) -> AbstractContextManager[psycopg.Connection[Any]]: ...


class AsyncPool(Protocol):
    """psycopg_pool.AsyncConnectionPool, likewise."""

    def connection(self, timeout: float | None = None) -> AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]: ...


class Progress:
    """How far a try has come."""

    sent = False
    lost = False
    out_of_time = False


class Client(SyncClient):
    """Asks over psycopg."""

    def __init__(
        self, signer: Signer, source: psycopg.Connection[Any] | Pool, *,
        timeout: float = SECONDS, attempts: int = ATTEMPTS,
    ) -> None:  # fmt: skip
        super().__init__(signer, timeout=timeout, attempts=attempts)
        self._source = source

    @contextmanager
    def _connection(self, tries: Tries) -> Iterator[psycopg.Connection[Any]]:
        if isinstance(self._source, psycopg.Connection):
            yield self._source
        else:
            with self._source.connection(timeout=tries.left()) as connection:
                yield connection

    def _attempt(self, call: Call, tries: Tries) -> Fetched | SplitplaneError:
        progress = Progress()
        try:
            with self._connection(tries) as connection, given_up(connection, tries, progress):
                try:
                    with transaction(connection, tries):
                        cursor = psycopg.Cursor(connection, row_factory=tuple_row)
                        statement, context = call.statement(PLACEHOLDERS).encode(), call.signed(self._signer)
                        progress.sent = not connection.closed
                        return cursor.execute(statement, call.arguments(context), prepare=False).fetchall()
                finally:
                    progress.lost = connection.closed
                    tries.is_last |= progress.lost and connection is self._source
        except psycopg.Error as error:
            failure = of_driver(error, progress, tries)
        except BaseException as stop:
            raise without_frames(stop, progress) from None
        return failure


class AsyncClient(AsyncBaseClient):
    """Asks over psycopg with asyncio."""

    def __init__(
        self, signer: Signer, source: psycopg.AsyncConnection[Any] | AsyncPool, *,
        timeout: float = SECONDS, attempts: int = ATTEMPTS,
    ) -> None:  # fmt: skip
        super().__init__(signer, timeout=timeout, attempts=attempts)
        self._source = source

    @asynccontextmanager
    async def _connection(self, tries: Tries) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        if isinstance(self._source, psycopg.AsyncConnection):
            yield self._source
        else:
            async with self._source.connection(timeout=tries.left()) as connection:
                yield connection

    async def _attempt(self, call: Call, tries: Tries) -> Fetched | SplitplaneError:
        progress = Progress()
        try:
            async with self._connection(tries) as connection:
                try:
                    # psycopg stops the statement in the server when its task is cancelled, as this timeout does.
                    async with asyncio.timeout(tries.left()), async_transaction(connection, tries):
                        cursor = psycopg.AsyncCursor(connection, row_factory=tuple_row)
                        statement, context = call.statement(PLACEHOLDERS).encode(), call.signed(self._signer)
                        progress.sent = not connection.closed
                        await cursor.execute(statement, call.arguments(context), prepare=False)
                        return await cursor.fetchall()
                finally:
                    progress.lost = connection.closed
                    tries.is_last |= progress.lost and connection is self._source
        except TimeoutError:
            # psycopg closes a connection on which no cancel got through.
            failure: SplitplaneError = out_of_time(progress.sent, not progress.lost)
        except psycopg.Error as error:
            failure = of_driver(error, progress, tries)
        except BaseException as stop:
            raise without_frames(stop, progress) from None
        return failure


@contextmanager
def given_up(connection: psycopg.Connection[Any], tries: Tries, progress: Progress) -> Iterator[None]:
    """Stops what runs on the connection in the server when the time is over, or when the caller is interrupted.

    It returns when no cancel is under way any more, so that none meets a later statement.
    """
    ended = threading.Event()

    def watch() -> None:
        if ended.wait(tries.left()):
            return
        progress.out_of_time = True
        end = time.monotonic() + CANCEL_SECONDS
        while not ended.is_set():
            left = end - time.monotonic()
            if left <= 0:
                cut(connection)
                return
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=left)
            ended.wait(CANCEL_AGAIN_SECONDS)

    watcher = threading.Thread(target=watch, name="splitplane-timeout", daemon=True)
    watcher.start()
    try:
        yield
    except psycopg.Error:
        raise
    except BaseException:
        # psycopg has done so for Ctrl-C and an exit, not for what else a signal's handler may raise.
        if connection.info.transaction_status == TransactionStatus.ACTIVE:
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=CANCEL_SECONDS)
            # Nobody reads the rest of what it answers: a later statement would be refused, or be given this one's answer.
            connection.close()
        raise
    finally:
        ended.set()
        watcher.join()


def cut(connection: psycopg.Connection[Any]) -> None:
    """Ends the wait for a server that no cancel reaches. The connection is lost with it."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as network:
        network.shutdown(socket.SHUT_RDWR)


def begins(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any], tries: Tries) -> bool:
    """Whether the call has to begin a transaction: not where the caller has begun one, nor in autocommit."""
    if connection.closed:
        # A pool has others.
        return False
    tries.is_last = connection.info.transaction_status != TransactionStatus.IDLE
    return not connection.autocommit and not tries.is_last


@contextmanager
def transaction(connection: psycopg.Connection[Any], tries: Tries) -> Iterator[None]:
    """A transaction of the call's own, where it needs one."""
    if begins(connection, tries):
        with connection.transaction():
            yield
    else:
        yield


@asynccontextmanager
async def async_transaction(connection: psycopg.AsyncConnection[Any], tries: Tries) -> AsyncIterator[None]:
    """As `transaction`."""
    if begins(connection, tries):
        async with connection.transaction():
            yield
    else:
        yield


def without_frames(stop: BaseException, progress: Progress) -> BaseException:
    """What interrupted a call, without the driver's frames, whose variables are the values that were bound."""
    return stop.with_traceback(None) if progress.sent else stop


def of_driver(error: psycopg.Error, progress: Progress, tries: Tries) -> SplitplaneError:
    """Our error for psycopg's, of which only the server's SQLSTATE and sentence are taken."""
    state = error.sqlstate
    if progress.out_of_time or (not progress.sent and tries.left() < TOO_LITTLE_SECONDS):
        return out_of_time(progress.sent, not progress.lost)
    # What has an SQLSTATE and left the connection open is the server's answer to the statement.
    is_answer = progress.sent and not progress.lost
    if not is_answer and (isinstance(error, psycopg.OperationalError) or is_down(state)):
        return ConnectionFailed(f"the connection failed ({type(error).__name__})", state, sent=progress.sent)
    if state is not None and error.diag.message_primary is not None:
        return of_server(state, error.diag.message_primary)
    return DriverError(f"psycopg could not make the call or read its answer ({type(error).__name__})", state)
