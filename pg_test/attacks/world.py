"""The world the attacks run in: one throwaway server, the hostile schema twice, and the plane.

    hostile     schema.sql under the extension: where the attacks run, and `{db}`
    naive       the same schema without the extension: what the prefix wrapper is shown to leak from
    acme_only   what tenant acme has, and nothing else: the plane's columns of acme's rows as plain tables. Whatever the
                plane answers must be what this database answers.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from cluster import Cluster
from signing import sign

from entries import FOLDER, PLANE

DATABASE, NAIVE, ALONE = "hostile", "naive", "acme_only"
DEADLINE_MS = 1000
# Autovacuum and checkpoints would write to the log that the fingerprint reads.
SETTINGS = {
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "4GB",
    "max_connections": "40",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_statement": "ddl",
}


class World:
    def __init__(self, cluster: Cluster, with_extension: bool = True):
        self.cluster = cluster
        self.keys: dict[str, tuple[str, str]] = {}
        schema = FOLDER / "schema.sql"
        cluster.createdb(NAIVE)
        cluster.psql(NAIVE, schema)
        self._make_acme_only()
        if with_extension:
            cluster.createdb(DATABASE)
            cluster.psql(DATABASE, schema)
            self._install()
        for name in (NAIVE, ALONE, *([DATABASE] if with_extension else [])):
            with self.superuser(name) as connection:
                # Reading a page for the first time writes hint bits; freezing leaves nothing for a read to write.
                connection.execute("VACUUM (FREEZE, ANALYZE)")

    def superuser(self, database: str = DATABASE):
        return psycopg.connect(self.cluster.dsn(dbname=database), autocommit=True)

    def caller(self, database: str = DATABASE, user: str = "app"):
        """A session of the application role. No statement is ever prepared behind the test's back."""
        return psycopg.connect(self.cluster.dsn(dbname=database, user=user), autocommit=True, prepare_threshold=None)

    def context(self, payload: str, **changes) -> dict:
        key_id, secret = self.keys[changes.pop("key", "acme")]
        changes.setdefault("audience", DATABASE)
        return sign(key_id, secret, payload, changes.pop("tenant", "acme"), **changes)

    def protect(self, connection, relation: str) -> None:
        connection.execute(
            "SELECT splitplane.protect(%s::regclass, %s, %s)",
            [f"public.{relation}", Jsonb({"tenant_id": "tenant"}), PLANE[relation]],
        )

    def _make_acme_only(self) -> None:
        self.cluster.createdb(ALONE)
        with self.superuser(NAIVE) as source, self.superuser(ALONE) as target:
            target.execute("CREATE ROLE alone_app LOGIN")
            for table, columns in PLANE.items():
                listed = ", ".join(columns)
                kinds = dict(
                    source.execute(
                        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0",
                        [table],
                    ).fetchall()
                )
                keyed = source.execute(
                    "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
                    " WHERE i.indisprimary AND i.indrelid = %s::regclass",
                    [table],
                ).fetchone()
                made = [f"{name} {kinds[name]}" for name in columns]
                if keyed:
                    made.append(f"PRIMARY KEY ({keyed[0]})")
                target.execute(f"CREATE TABLE {table} ({', '.join(made)})")
                with (
                    source.cursor().copy(f"COPY (SELECT {listed} FROM {table} WHERE tenant_id = 'acme') TO STDOUT") as out,
                    target.cursor().copy(f"COPY {table} FROM STDIN") as into,
                ):
                    for block in out:
                        into.write(block)
                target.execute(f"GRANT SELECT ON {table} TO alone_app")

    def _install(self) -> None:
        with self.superuser() as connection:
            connection.execute("CREATE EXTENSION splitplane")
            connection.execute("GRANT splitplane_caller TO app")
            for relation in PLANE:
                self.protect(connection, relation)
            for name, tenants, uses in (
                ("acme", ["acme"], 1),
                ("beta", ["beta"], 1),
                ("any", None, 1),
                ("many", ["acme"], 1000000),
                ("revoked", None, 1),
                ("brief", ["acme"], 1),
            ):
                key_id = "AKSP" + name.upper()
                secret = connection.execute(
                    "SELECT splitplane.create_key(%s, %s, %s, %s)",
                    [key_id, tenants, uses, "1 second" if name == "brief" else "90 days"],
                ).fetchone()[0]
                self.keys[name] = (key_id, secret)
            connection.execute("SELECT splitplane.revoke_key(%s)", [self.keys["revoked"][0]])
            # A key that signs well but was never made here.
            self.keys["unknown"] = ("AKSPUNKNOWN", secrets.token_urlsafe(40))
            for tenant in ("acme", "beta"):
                connection.execute("SELECT splitplane.admit(%s)", [tenant])
            # An exact principal beside the wildcard, and one that was put out.
            connection.execute("SELECT splitplane.admit('gamma', 'north', 'u-1')")
            connection.execute("SELECT splitplane.expel('acme', 'closed', 'u-9')")
            connection.execute(f"ALTER DATABASE {DATABASE} SET splitplane.deadline = {DEADLINE_MS}")
        # A context of the second in which the server started is older than the server; two keys run out meanwhile.
        time.sleep(1.1)


def ask(connection, context, sql: str | None, function: str = "ask") -> dict:
    """One call as an application makes it. `context` is a dict, or text that is sent as JSON as it stands."""
    # Sent and fetched as text: an answer may be JSON that the driver's own decoder cannot take.
    sent = context if isinstance(context, str) else json.dumps(context)
    row = connection.execute(
        f"SELECT (public.{function}(%s::pg_catalog.jsonb, sql => %s))::pg_catalog.text", [sent, sql]
    ).fetchone()
    text = row[0].decode("utf-8", "replace") if isinstance(row[0], bytes) else row[0]
    try:
        return json.loads(text)
    except RecursionError:
        return {"outcome": "answered", "rows": [], "too deep to decode": text}
