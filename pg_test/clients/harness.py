"""One way to drive the client of each driver, and signers that do what a test needs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import asyncpg
import psycopg
from splitplane.asyncpg import AsyncClient as OverAsyncpg
from splitplane.psycopg import AsyncClient as OverAsyncPsycopg
from splitplane.psycopg import Client

from splitplane import Principal, SignedContext, Signer

ASYNC_DRIVERS = ("psycopg-async", "asyncpg")
DRIVERS = ("psycopg", *ASYNC_DRIVERS)
# What reads and writes values is tried with a codec for json and jsonb on the connection, too.
KINDS = (*DRIVERS, "asyncpg-codec")
BRAND_A = Principal(tenant="brand-a")
ENDLESS = "SELECT count(*) FROM (SELECT generate_series(1, 2000000000)) AS made"


def nonce(context: SignedContext) -> str:
    headers = {name.lower(): value for name, value in json.loads(context.reveal()).items()}
    return headers["x-splitplane-nonce"]


class Recording(Signer):
    """A signer that remembers what it signed, and calls `before(number)` before the signature of that number, from 1."""

    def __init__(self, plane, before: Callable[[int], None] = lambda number: None) -> None:
        super().__init__(plane.key_id, plane.secret, plane.audience)
        self.made: list[SignedContext] = []
        self._before = before

    def sign(self, principal, text, *, conversation=None):
        self._before(len(self.made) + 1)
        self.made.append(super().sign(principal, text, conversation=conversation))
        return self.made[-1]


class OneContext(Recording):
    """Signs once, and hands the same context out ever after."""

    def sign(self, principal, text, *, conversation=None):
        return self.made[0] if self.made else super().sign(principal, text, conversation=conversation)


class OtherText(Recording):
    """Signs another text than the one that is asked."""

    def sign(self, principal, text, *, conversation=None):
        return super().sign(principal, text + " ", conversation=conversation)


class Asker:
    """A connection over one driver with a client on it, called the same way whether it is asynchronous or not."""

    def __init__(self, kind: str, plane, user: str | None = None, signer: Signer | None = None, **options: Any) -> None:
        self.kind, self.plane = kind, plane
        self._user = user or plane.caller
        self._signer = signer or Signer(plane.key_id, plane.secret, plane.audience)
        self._options = options
        self._runner: asyncio.Runner | None = None

    def __enter__(self) -> Asker:
        self._admin = self.plane.connect()
        if self.kind == "psycopg":
            self.connection = psycopg.connect(self.plane.cluster.dsn(self.plane.database, self._user))
        else:
            self._runner = asyncio.Runner()
            self.connection = self.run(self._connect())
        # A connection that was closed does not say it any more.
        self.pid = self.connection.get_server_pid() if "asyncpg" in self.kind else self.connection.info.backend_pid
        self.client = self.make(self._signer, **self._options)
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()
        closed = self.connection.close()
        if self._runner is not None:
            if closed is not None:
                self.run(closed)
            self._runner.close()

    async def _connect(self):
        if self.kind == "psycopg-async":
            return await psycopg.AsyncConnection.connect(self.plane.cluster.dsn(self.plane.database, self._user))
        cluster = self.plane.cluster
        connection = await asyncpg.connect(
            host=cluster.socket_dir, port=cluster.port, database=self.plane.database, user=self._user
        )
        if self.kind == "asyncpg-codec":
            for name in ("json", "jsonb"):
                await connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        return connection

    def make(self, signer: Signer, **options: Any):
        """A client with another signer on the same connection."""
        kind = {"psycopg": Client, "psycopg-async": OverAsyncPsycopg}.get(self.kind, OverAsyncpg)
        return kind(signer, self.connection, **options)

    def another(self, signer: Signer, user: str | None = None, **options: Any) -> Asker:
        """A client over the same driver, on a connection of its own."""
        return Asker(self.kind, self.plane, user, signer, **options)

    def run(self, action):
        """The result of a coroutine, or of what was no coroutine in the first place."""
        return self._runner.run(action) if asyncio.iscoroutine(action) else action

    def ask(self, *arguments, **options):
        return self.run(self.client.ask(BRAND_A, *arguments, **options))

    def ask_rows(self, *arguments, **options):
        return self.run(self.client.ask_rows(BRAND_A, *arguments, **options))

    def is_running(self) -> bool:
        """Whether the server executes a statement of this connection."""
        return self._admin.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", (self.pid,)).fetchone() == ("active",)
