"""The extension in one database of a throwaway server: the calling role, a key, and what is registered."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql as compose
from psycopg.types.json import Jsonb
from splitplane_test.session import Session
from splitplane_test.signing import sign

_names = itertools.count(1)


def numbered(prefix: str) -> str:
    """A name that no call has returned before."""
    return f"{prefix}{next(_names)}"


class Plane:
    """A database with splitplane in it, on one server, and the key that contexts are signed with."""

    # Whom `sign` and sessions ask for when nobody is named.
    tenant = ""

    def __init__(self, cluster, database: str, secret: str, key_id: str, caller: str = "app"):
        self.cluster, self.database, self.secret, self.key_id, self.caller = cluster, database, secret, key_id, caller
        self.audience = database

    @classmethod
    def install(
        cls,
        cluster,
        database: str,
        *,
        key_id: str,
        before: Iterable[Path | str] = (),
        after: Iterable[Path | str] = (),
        caller: str = "app",
        variables: Mapping[str, object] | None = None,
        **key: Any,
    ) -> Self:
        """Create the extension in a database, let a calling role ask, and create a key; the database and the role are made where missing.

        before     the application's own tables: scripts (a Path for psql, or SQL text) run before the extension is created
        after      what registers them, run when the calling role is there
        caller     the calling role
        variables  psql variables of the scripts that are files
        key        what `create_key` takes besides the id: tenants, max_uses, valid_for
        """
        plane = cls(cluster, database, "", key_id, caller)
        # As text that psql quotes: a name may hold capitals.
        if not cluster.psql("postgres", "SELECT 1 FROM pg_database WHERE datname = :'name'", variables={"name": database}):
            cluster.createdb(database)
        plane.load(before, variables)
        with plane.admin() as admin:
            admin.execute("CREATE EXTENSION splitplane")
            if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (caller,)).fetchone():
                admin.execute(compose.SQL("CREATE ROLE {} LOGIN").format(compose.Identifier(caller)))
            admin.execute(compose.SQL("GRANT splitplane_caller TO {}").format(compose.Identifier(caller)))
        plane.load(after, variables)
        plane.secret = plane.create_key(key_id, **key)[1]
        # A test may crash the server next.
        cluster.flush()
        return plane

    def load(self, scripts: Iterable[Path | str], variables: Mapping[str, object] | None = None) -> None:
        """Run scripts as superuser: files with psql, text as it stands."""
        for script in scripts:
            if isinstance(script, Path):
                self.cluster.psql(self.database, script, variables=variables)
            else:
                self.run(script)

    def connect(self, user: str | None = None, autocommit: bool = True, **options) -> psycopg.Connection:
        """A connection of a role, by default of a superuser."""
        return psycopg.connect(self.cluster.dsn(self.database, user or self.cluster.superuser), autocommit=autocommit, **options)

    @contextmanager
    def admin(self) -> Iterator[psycopg.Connection]:
        """A superuser's connection in autocommit."""
        with self.connect() as connection:
            yield connection

    def run(self, statement: str, *arguments):
        """Run one statement as superuser; the first row, if there is one."""
        with self.admin() as connection:
            cursor = connection.execute(statement, arguments or None)
            return cursor.fetchone() if cursor.description else None

    def admin_rows(self, statement: str, *arguments) -> list[tuple]:
        """Every row of one statement that is run as superuser."""
        with self.admin() as connection:
            return connection.execute(statement, arguments or None).fetchall()

    def set(self, **settings: object) -> None:
        """Settings of the database, for sessions to come; dots in names are written as two underscores."""
        with self.admin() as connection:
            for setting, value in settings.items():
                connection.execute(
                    compose.SQL("ALTER DATABASE {} SET {} = {}").format(
                        compose.Identifier(self.database), compose.SQL(setting.replace("__", ".")), compose.Literal(str(value))
                    )
                )

    def role(self, **settings: str) -> str:
        """A new calling role whose sessions start with these settings; dots in names are written as two underscores."""
        name = numbered(f"app_{self.database}_")
        with self.admin() as connection:
            connection.execute(compose.SQL("CREATE ROLE {} LOGIN IN ROLE splitplane_caller").format(compose.Identifier(name)))
            for setting, value in settings.items():
                connection.execute(
                    compose.SQL("ALTER ROLE {} SET {} = {}").format(
                        compose.Identifier(name), compose.SQL(setting.replace("__", ".")), compose.Literal(value)
                    )
                )
        return name

    @contextmanager
    def session(self, user: str | None = None, autocommit: bool = True, **connect) -> Iterator[Session]:
        """A session of a calling role."""
        with self.connect(user or self.caller, autocommit, **connect) as connection:
            yield Session(self, connection)

    def sign(self, payload: str, tenant: str | None = None, business=None, subject=None, **more) -> dict[str, str]:
        """A signed context; `key` is another key than the plane's own, as (id, secret)."""
        more.setdefault("audience", self.audience)
        key_id, secret = more.pop("key", (self.key_id, self.secret))
        return sign(key_id, secret, payload, self.tenant if tenant is None else tenant, business, subject, **more)

    def create_key(self, key_id: str, tenants=None, max_uses: int = 1, valid_for: str = "90 days") -> tuple[str, str]:
        """A new key, as (id, secret)."""
        made = self.run("SELECT splitplane.create_key(%s, %s::text[], %s, %s::interval)", key_id, tenants, max_uses, valid_for)
        return key_id, made[0]

    def import_key(self, key_id: str, secret: str, tenants=None, max_uses: int = 1, valid_for: str = "90 days") -> tuple[str, str]:
        self.run("SELECT splitplane.import_key(%s, %s, %s::text[], %s, %s::interval)", key_id, secret, tenants, max_uses, valid_for)
        return key_id, secret

    def protect(self, relation: str, scope: Mapping[str, str], columns: Iterable[str] | None = None) -> None:
        """Put a table into the plane: its scope by column, and the columns that untrusted SQL may name (None is all)."""
        listed = None if columns is None else list(columns)
        self.run("SELECT splitplane.protect(%s::regclass, %s, %s::text[])", relation, Jsonb(dict(scope)), listed)

    def admit(self, *tenants: str) -> None:
        for tenant in tenants:
            self.run("SELECT splitplane.admit(%s)", tenant)
