"""Connections, the key and the contexts that the measurements share."""

import json

import psycopg
from splitplane_test.plane import Plane

KEY_ID = "AKSPBENCH"
# A context may be used this often, so that measuring one call does not measure signing it.
MAX_USES = 1_000_000


def connect(cluster, dbname: str, user: str | None = None) -> psycopg.Connection:
    """An autocommit connection that never prepares: every way parses and plans its SQL at every call, as one-off SQL of a
    model is parsed and planned."""
    connection = psycopg.connect(cluster.dsn(dbname=dbname, user=user or cluster.superuser), autocommit=True)
    connection.prepare_threshold = None
    return connection


def install(cluster, database: str, caller: str) -> Plane:
    """The extension, one key and the caller's role in that database."""
    return Plane.install(cluster, database, key_id=KEY_ID, caller=caller, max_uses=MAX_USES)


def context(admin: psycopg.Connection, tenant: int, sql: str) -> str:
    """A signed context for `sql`, as the text that a client would pass. Good for five minutes: sign one per round."""
    signed = admin.execute(
        "SELECT splitplane.sign(%s, tenant => %s, payload => %s)", (KEY_ID, str(tenant), sql)
    ).fetchone()[0]
    return json.dumps(signed)


def ask(connection: psycopg.Connection, signed: str, sql: str) -> dict:
    return connection.execute("SELECT ask(%s::jsonb, sql => %s)", (signed, sql)).fetchone()[0]
