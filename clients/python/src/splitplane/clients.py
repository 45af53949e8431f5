"""What the clients of all drivers share: the calls, and the loop that tries again."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from splitplane.answers import Answer
from splitplane.calls import Call, listed
from splitplane.errors import InvalidArgument, SplitplaneError
from splitplane.rows import Rows
from splitplane.signing import Principal, Signer
from splitplane.tries import Tries

SECONDS = 30.0
ATTEMPTS = 3

Fetched = list[tuple[Any, ...]]


class Described(NamedTuple):
    """What `ask_dry_run` tells of an answer."""

    columns: dict[str, str]
    sql: str


def described(text: str) -> Described:
    answer = Answer.of(text)
    if answer.outcome != "dry_run" or answer.sql is None:
        # As ask_rows itself refuses a question that is not answered.
        raise InvalidArgument(answer.message or "the question is not answered", "22023")
    columns = {column.name: column.type for column in answer.columns}
    if len(columns) < len(answer.columns):
        raise InvalidArgument("two columns of the answer have one name: name them in the SQL, or give columns")
    return Described(columns, answer.sql)


class BaseClient:
    """Settings of a client, and the making of calls."""

    def __init__(self, signer: Signer, *, timeout: float = SECONDS, attempts: int = ATTEMPTS) -> None:
        """
        timeout    seconds for a call with all its tries; then it is stopped in the server, too
        attempts   at most so many tries; `splitplane.tries` says of which errors
        """
        Tries(timeout, attempts)
        self._signer, self._timeout, self._attempts = signer, timeout, attempts

    def _tries(self, timeout: float | None) -> Tries:
        return Tries(self._timeout if timeout is None else timeout, self._attempts)


class SyncClient(BaseClient, ABC):
    """Calls that wait."""

    @abstractmethod
    def _attempt(self, call: Call, tries: Tries) -> Fetched | SplitplaneError:
        """One try with a fresh context: rows, or the error. It is returned, so that no driver's exception hangs on it."""

    def ask(
        self, principal: Principal, question: str | None = None, *, sql: str | None = None,
        conversation: UUID | None = None, timeout: float | None = None,
    ) -> Answer:  # fmt: skip
        """Answer a question, or the SQL that a model wrote. `timeout` is in seconds, for all tries together."""
        call = Call("ask", principal, question, sql, conversation)
        return Answer.of(self._run(call, self._tries(timeout))[0][0])

    def ask_rows(
        self, principal: Principal, question: str | None = None, *, sql: str | None = None,
        columns: Mapping[str, str] | None = None, timeout: float | None = None,
    ) -> Rows:  # fmt: skip
        """The same as typed rows; a result over a cap is LimitReached.

        `columns` are names and types of PostgreSQL, by place. Without them an `ask_dry_run` tells them first, with a context of
        its own: two calls.
        """
        tries = self._tries(timeout)
        if columns is None:
            columns, sql = described(self._run(Call("ask_dry_run", principal, question, sql), tries)[0][0])
        call = Call("ask_rows", principal, question, sql, columns=listed(columns))
        return Rows(call.columns, self._run(call, tries))

    def _run(self, call: Call, tries: Tries) -> Fetched:
        while True:
            outcome = self._attempt(call, tries)
            if not isinstance(outcome, SplitplaneError):
                return outcome
            pause = tries.pause(outcome)
            if pause is None:
                raise outcome
            time.sleep(pause)


class AsyncBaseClient(BaseClient, ABC):
    """Calls of asyncio. A task that is cancelled stops its statement in the server."""

    @abstractmethod
    async def _attempt(self, call: Call, tries: Tries) -> Fetched | SplitplaneError:
        """As that of SyncClient."""

    async def ask(
        self, principal: Principal, question: str | None = None, *, sql: str | None = None,
        conversation: UUID | None = None, timeout: float | None = None,
    ) -> Answer:  # fmt: skip
        """As SyncClient.ask."""
        call = Call("ask", principal, question, sql, conversation)
        return Answer.of((await self._run(call, self._tries(timeout)))[0][0])

    async def ask_rows(
        self, principal: Principal, question: str | None = None, *, sql: str | None = None,
        columns: Mapping[str, str] | None = None, timeout: float | None = None,
    ) -> Rows:  # fmt: skip
        """As SyncClient.ask_rows."""
        tries = self._tries(timeout)
        if columns is None:
            told = await self._run(Call("ask_dry_run", principal, question, sql), tries)
            columns, sql = described(told[0][0])
        call = Call("ask_rows", principal, question, sql, columns=listed(columns))
        return Rows(call.columns, await self._run(call, tries))

    async def _run(self, call: Call, tries: Tries) -> Fetched:
        while True:
            outcome = await self._attempt(call, tries)
            if not isinstance(outcome, SplitplaneError):
                return outcome
            pause = tries.pause(outcome)
            if pause is None:
                raise outcome
            await asyncio.sleep(pause)
