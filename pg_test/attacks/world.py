"""The world the attacks run in: one throwaway server, the hostile schema twice, and the plane.

    hostile     schema.sql under the extension: where the attacks run, and `{db}`
    naive       the same schema without the extension: what the prefix wrapper is shown to leak from
    acme_only   what tenant acme has, and nothing else: the plane's columns of acme's rows as plain tables. Whatever the
                plane answers must be what this database answers.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import psycopg
from splitplane_test.cluster import Cluster
from splitplane_test.plane import Plane
from splitplane_test.session import call, wait_until
from splitplane_test.signing import sign

from pg_test.attacks.entries import CHILDREN, FOLDER, HIDDEN, HIDDEN_ROWS, PLANE, SCOPED, VIEWS

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
        cluster.psql("postgres", "CREATE ROLE alone_app LOGIN")
        self.make_alone("acme", ALONE)
        if with_extension:
            self.plane = self._install(schema)
            self._register()
        for name in (NAIVE, ALONE, *([DATABASE] if with_extension else [])):
            with self.superuser(name) as connection:
                # Reading a page for the first time writes hint bits; freezing leaves nothing for a read to write.
                connection.execute("VACUUM (FREEZE, ANALYZE)")

    def _install(self, schema: Path) -> Plane:
        return Plane.install(self.cluster, DATABASE, key_id="AKSPACME", before=[schema], tenants=["acme"])

    def superuser(self, database: str = DATABASE):
        return self.cluster.connect(database)

    def caller(self, database: str = DATABASE, user: str = "app"):
        """A session of the application role. No statement is ever prepared behind the test's back."""
        return psycopg.connect(self.cluster.dsn(dbname=database, user=user), autocommit=True, prepare_threshold=None)

    def context(self, payload: str, **changes) -> dict:
        key_id, secret = self.keys[changes.pop("key", "acme")]
        changes.setdefault("audience", DATABASE)
        return sign(key_id, secret, payload, changes.pop("tenant", "acme"), **changes)

    def protect(self, relation: str) -> None:
        self.plane.protect(f"public.{relation}", {"tenant_id": "tenant"}, PLANE[relation])

    def make_alone(self, tenant: str, database: str) -> None:
        """A database that holds the plane's columns of one tenant's rows as plain tables, and nothing else."""
        self.cluster.createdb(database)
        with self.superuser(NAIVE) as source, self.superuser(database) as target:
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
                    source.cursor().copy(f"COPY (SELECT {listed} FROM {table} WHERE tenant_id = '{tenant}') TO STDOUT") as out,
                    target.cursor().copy(f"COPY {table} FROM STDIN") as into,
                ):
                    for block in out:
                        into.write(block)
                target.execute(f"GRANT SELECT ON {table} TO alone_app")
            target.execute(f"{HIDDEN} {HIDDEN_ROWS}; DELETE FROM public.wallets WHERE tenant_id <> '{tenant}'")
            for table, (made, scope, _, foreign) in SCOPED.items():
                target.execute(f"{made}; DELETE FROM {table} WHERE {foreign.format(tenant=tenant)}; ALTER TABLE {table} DROP COLUMN {next(iter(scope))}")
                target.execute(f"GRANT SELECT ON {table} TO alone_app")
            for table, child in CHILDREN.items():
                target.execute(f"{child.made}; DELETE FROM {table} WHERE {child.foreign.format(tenant=tenant)}")
                listed = target.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", [table]).fetchall()
                for (column,) in listed:
                    if column not in child.columns:
                        target.execute(f"ALTER TABLE {table} DROP COLUMN {column} CASCADE")
                if not child.is_hidden:
                    target.execute(f"GRANT SELECT ON {table} TO alone_app")
            for view, query in VIEWS.items():
                target.execute(f"CREATE VIEW {view} WITH (security_barrier) AS {query}; GRANT SELECT ON {view} TO alone_app")

    def children(self) -> dict:
        """The tables of the plane whose rows belong to those of others, and the parents that are made for them."""
        return CHILDREN

    def _register_children(self) -> None:
        # What it warns of, rows that are nobody's, is wanted here.
        quiet = "set_config('log_min_messages', 'error', false)"
        for table, child in self.children().items():
            self.plane.run(child.made)
            self.plane.run(child.keys)
            if child.protect:
                self.plane.protect(f"public.{table}", {"tenant_id": "tenant"}, list(child.protect))
            for parent in child.through:
                call = f"SELECT {quiet}, splitplane.protect_through(%s::regclass, %s::regclass, %s, hidden => %s)"
                self.plane.run(call, f"public.{table}", f"public.{parent}", list(child.columns), child.is_hidden)

    def _register_tables(self) -> None:
        for relation in PLANE:
            self.protect(relation)
        self.plane.run(f"{HIDDEN} {HIDDEN_ROWS}")
        self._register_hidden()
        self._register_children()
        for view, query in VIEWS.items():
            self.plane.run("SELECT splitplane.define_view(%s, %s)", view, query)

    def _register_hidden(self) -> None:
        self.plane.run("SELECT splitplane.protect('public.wallets', '{\"tenant_id\": \"tenant\"}', ARRAY['wallet_id', 'iban'], hidden => true)")

    def _register(self) -> None:
        self._register_tables()
        self.keys["acme"] = (self.plane.key_id, self.plane.secret)
        for name, tenants, uses in (("beta", ["beta"], 1), ("any", None, 1), ("many", ["acme"], 1000000), ("revoked", None, 1)):
            self.keys[name] = self.plane.create_key("AKSP" + name.upper(), tenants, uses)
        # It has ended when a call uses it: nobody does before this returns.
        self.keys["brief"] = self.plane.create_key("AKSPBRIEF", ["acme"], valid_for="1 second")
        self.plane.run("SELECT splitplane.revoke_key(%s)", self.keys["revoked"][0])
        # A key that signs well but was never made here.
        self.keys["unknown"] = ("AKSPUNKNOWN", secrets.token_urlsafe(40))
        self.plane.admit("acme", "beta")
        for tenant, projects in (("acme", [1, 2]), ("beta", [3])):
            self.plane.run("SELECT splitplane.admit(%s, claims => %s::jsonb)", tenant, json.dumps({"projects": projects}))
        self.plane.run("SELECT splitplane.declare_claim('projects')")
        for table, (made, scope, columns, _) in SCOPED.items():
            self.plane.run(made)
            # It warns of rows of everybody, and the server's log is to hold no warning.
            quiet = "set_config('log_min_messages', 'error', false)"
            self.plane.run(f"SELECT {quiet}, splitplane.protect(%s::regclass, %s::jsonb, %s)", f"public.{table}", json.dumps(scope), columns)
        # An exact principal besides the wildcard, and one that was put out.
        self.plane.run("SELECT splitplane.admit('gamma', 'north', 'u-1')")
        self.plane.run("SELECT splitplane.expel('acme', 'closed', 'u-9')")
        self.plane.set(splitplane__deadline=DEADLINE_MS)
        ended = "SELECT 1 FROM splitplane.keys WHERE key_id = 'AKSPBRIEF' AND not_after < clock_timestamp()"
        wait_until(lambda: self.plane.run(ended), 10, "the brief key has ended")


def ask(connection, context, sql: str | None, function: str = "ask") -> dict:
    """One call as an application makes it. `context` is a dict, or text that is sent as JSON as it stands."""
    return call(connection, context, sql, function=function)
