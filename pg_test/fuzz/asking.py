"""Calls of `ask` through libpq's pipeline: many statements are under way at once, each in a transaction of its own.

The context is signed for one constant question, and the SQL goes beside it unsigned, as a caller may: so one signature
serves all calls of a minute, and the ledger of used contexts does not fill. Everything that comes back is kept: the text of
the answer, the whole error, and the notices.
"""

from __future__ import annotations

import json
import select
import time
from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from psycopg import errors, pq

QUESTION = "fuzz"
# Contexts are signed anew before they are this old.
_FRESH_S = 60.0
# A call that gives no sign of life for so long hangs: the deadline of these databases is a fraction of a second.
SILENT_S = 30.0
_CALL = "SELECT (public.{}($1::pg_catalog.jsonb, question => 'fuzz', sql => $2))::pg_catalog.text"


class Call(NamedTuple):
    """One call: as whom, by which entry point, with what SQL."""

    tenant: str
    function: str
    text: str


class Reply(NamedTuple):
    """What a call came to: `document` is the JSON text of the answer, None when it was an error."""

    document: str | None
    error: psycopg.Error | None
    seconds: float

    @property
    def state(self) -> str:
        return "rows" if self.error is None else self.error.sqlstate or "none"


class Hangs(Exception):
    """The server did not answer in time; it may be anywhere in the call."""


class Asker:
    """One session of the application's role."""

    def __init__(self, connection: psycopg.Connection, sign, call: str = _CALL):
        """sign(tenant): the context of a call, as a dict; call: the statement that makes it, with a place for the function."""
        self.connection, self._sign = connection, sign
        self.notices: list[str] = []
        connection.add_notice_handler(self._notice)
        self._contexts: dict[str, tuple[float, bytes]] = {}
        self._waiting = 0
        for name in ("ask", "ask_dry_run"):
            connection.pgconn.prepare(name.encode(), call.format(name).encode())

    @property
    def pid(self) -> int:
        return self.connection.info.backend_pid

    def send(self, calls: Sequence[Call]) -> None:
        """Puts calls on their way; `receive` must follow before the next ones."""
        libpq = self.connection.pgconn
        libpq.enter_pipeline_mode()
        for call in calls:
            libpq.send_query_prepared(call.function.encode(), [self._context(call.tenant), call.text.encode()])
            libpq.pipeline_sync()
        self._waiting = len(calls)

    def receive(self) -> list[Reply]:
        """What the calls came to, in their order; shorter than what was sent when the connection was lost."""
        libpq = self.connection.pgconn
        replies: list[Reply] = []
        last = time.monotonic()
        while len(replies) < self._waiting:
            result = self._result(libpq)
            if result is None or libpq.status == pq.ConnStatus.BAD:
                break
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                continue
            now = time.monotonic()
            replies.append(_reply(result, now - last))
            last = now
            self._result(libpq)  # the end of this query's results
        else:
            self._result(libpq)  # the last sync
            libpq.exit_pipeline_mode()
        self._waiting = 0
        return replies

    def one(self, call: Call) -> Reply | None:
        """One call by itself; None when the connection was lost over it."""
        self.send([call])
        return next(iter(self.receive()), None)

    def _result(self, libpq) -> pq.PGresult | None:
        end = time.monotonic() + SILENT_S
        try:
            while libpq.is_busy():
                if not select.select([libpq.socket], [], [], max(0.0, end - time.monotonic()))[0]:
                    raise Hangs
                libpq.consume_input()
            return libpq.get_result()
        except psycopg.OperationalError:
            return None

    def _context(self, tenant: str) -> bytes:
        made, context = self._contexts.get(tenant, (0.0, b""))
        if time.monotonic() - made > _FRESH_S or not context:
            context = json.dumps(self._sign(tenant)).encode()
            self._contexts[tenant] = (time.monotonic(), context)
        return context

    def _notice(self, diagnostic) -> None:
        self.notices.append(" ".join(filter(None, (diagnostic.message_primary, diagnostic.message_detail, diagnostic.context))))


def _reply(result: pq.PGresult, seconds: float) -> Reply:
    if result.status == pq.ExecStatus.TUPLES_OK:
        value = result.get_value(0, 0)
        return Reply((value or b"null").decode("utf-8", "replace"), None, seconds)
    return Reply(None, errors.error_from_result(result), seconds)
