"""Connections, the key and the contexts that the measurements share."""

import json

import psycopg

KEY_ID = "AKSPBENCH"
# A context may be used this often, so that measuring one call does not measure signing it.
MAX_USES = 1_000_000


def connect(cluster, dbname: str, user: str | None = None) -> psycopg.Connection:
    """An autocommit connection that never prepares: every way parses and plans its SQL at every call, as one-off SQL of a
    model is parsed and planned."""
    connection = psycopg.connect(cluster.dsn(dbname=dbname, user=user or cluster.superuser), autocommit=True)
    connection.prepare_threshold = None
    return connection


def install(admin: psycopg.Connection, caller: str) -> None:
    """The extension, one key and the caller's role in the database of `admin`."""
    admin.execute("CREATE EXTENSION splitplane")
    admin.execute("SELECT splitplane.create_key(%s, max_uses => %s)", (KEY_ID, MAX_USES))
    if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (caller,)).fetchone():
        admin.execute(f"CREATE ROLE {caller} LOGIN")
    admin.execute(f"GRANT splitplane_caller TO {caller}")


def context(admin: psycopg.Connection, tenant: int, sql: str) -> str:
    """A signed context for `sql`, as the text that a client would pass. Good for five minutes: sign one per round."""
    signed = admin.execute(
        "SELECT splitplane.sign(%s, tenant => %s, payload => %s)", (KEY_ID, str(tenant), sql)
    ).fetchone()[0]
    return json.dumps(signed)


def ask(connection: psycopg.Connection, signed: str, sql: str) -> dict:
    return connection.execute("SELECT ask(%s::jsonb, sql => %s)", (signed, sql)).fetchone()[0]
