"""Connections, the key and the contexts that the measurements share."""

import json
import time
from decimal import Decimal

import psycopg
from splitplane_test.plane import Plane

KEY_ID = "AKSPBENCH"
CALLER = "bench_app"
# A context may be used this often, so that measuring one call does not measure signing it.
MAX_USES = 1_000_000
# A context is good for five minutes.
SIGN_EVERY_SECONDS = 120


def connect(cluster, dbname: str, user: str | None = None) -> psycopg.Connection:
    """An autocommit connection that never prepares: every way parses and plans its SQL at every call, as one-off SQL of a
    model is parsed and planned."""
    connection = psycopg.connect(cluster.dsn(dbname=dbname, user=user or cluster.superuser), autocommit=True)
    connection.prepare_threshold = None
    return connection


def install(cluster, database: str, caller: str = CALLER) -> Plane:
    """The extension, one key and the caller's role in that database."""
    return Plane.install(cluster, database, key_id=KEY_ID, caller=caller, max_uses=MAX_USES)


def contexts(admin: psycopg.Connection, tenant: int, texts: list[str]) -> list[str]:
    """A signed context for each text, as the text that a client would pass. Good for five minutes: sign one per round."""
    signed = admin.execute(
        "SELECT splitplane.sign(%s, tenant => %s, payload => t)::text FROM unnest(%s::text[]) WITH ORDINALITY AS u(t, n) ORDER BY n",
        (KEY_ID, str(tenant), texts),
    ).fetchall()
    return [text for (text,) in signed]


def context(admin: psycopg.Connection, tenant: int, sql: str) -> str:
    return contexts(admin, tenant, [sql])[0]


def ask(connection: psycopg.Connection, signed: str, sql: str) -> dict:
    return connection.execute("SELECT ask(%s::jsonb, sql => %s)", (signed, sql)).fetchone()[0]


def ask_text(connection: psycopg.Connection, signed: str, sql: str) -> str:
    """The document as it comes over the wire, for where decoding it would measure Python."""
    return connection.execute("SELECT ask(%s::jsonb, sql => %s)::text", (signed, sql)).fetchone()[0]


class Asker:
    """A session of the calling role, and a context for each of its texts, which is signed anew in good time."""

    def __init__(self, cluster, dbname: str, tenant: int, texts: list[str]):
        self.admin, self.app = connect(cluster, dbname), connect(cluster, dbname, CALLER)
        self.tenant, self.texts = tenant, texts
        self.signed: dict[str, str] = {}
        self._signed_at = 0.0
        self.refresh()

    def refresh(self) -> None:
        if not self.signed or time.monotonic() - self._signed_at > SIGN_EVERY_SECONDS:
            self.signed = dict(zip(self.texts, contexts(self.admin, self.tenant, self.texts)))
            self._signed_at = time.monotonic()

    def ask(self, sql: str) -> dict:
        return ask(self.app, self.signed[sql], sql)

    def ask_text(self, sql: str) -> str:
        return ask_text(self.app, self.signed[sql], sql)

    def close(self) -> None:
        self.admin.close()
        self.app.close()


def exact(text: str) -> dict:
    """A document with its numbers exact."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)
