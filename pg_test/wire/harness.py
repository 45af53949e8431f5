"""What the wire tests share: a plane on a throwaway server, sessions of the calling role, and how a refusal must look.

These tests speak the wire protocol through psycopg, because what they check (fields of an error, notices, cancels,
closed sockets, two backends at once) is not visible to psql or from inside the server.
"""

from __future__ import annotations

import itertools
import json
import pathlib
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql as compose

from signing import sign

HERE = pathlib.Path(__file__).resolve().parent
TENANTS = ("brand-a", "brand-b", "brand-c")
# rows of `sales` by tenant, as schema.sql makes them
SALES = {"brand-a": 50, "brand-b": 60, "brand-c": 70}
COUNT_SALES = "SELECT count(*) FROM sales"

# Everything an error message can carry beside its severity, state and text. None of it may cross to the caller:
# each names an object, a query or a row. source_file, source_line and source_function are looked at separately.
SILENT_FIELDS = (
    "message_detail",
    "message_hint",
    "context",
    "internal_query",
    "internal_position",
    "schema_name",
    "table_name",
    "column_name",
    "datatype_name",
    "constraint_name",
)
# What two refusals of layer 1 are compared by: all of the wire message, the place in the source included, since a
# line number that differs by cause tells the cause.
COMPARED_FIELDS = SILENT_FIELDS + (
    "severity",
    "severity_nonlocalized",
    "sqlstate",
    "message_primary",
    "statement_position",
    "source_file",
    "source_line",
    "source_function",
)
# What a call must leave as it found it, cheap enough to look at after every call.
STATE = """SELECT current_user, session_user, current_setting('role'), current_setting('session_authorization'),
    current_setting('search_path'), current_setting('TimeZone'), current_setting('row_security'), current_setting('DateStyle'),
    current_setting('IntervalStyle'), current_setting('standard_conforming_strings'), current_setting('statement_timeout'),
    current_setting('work_mem'), current_setting('transaction_read_only'), current_setting('client_min_messages'),
    current_setting('lock_timeout'), current_setting('session_replication_role'), current_setting('bytea_output')"""

_names = itertools.count(1)


def install(connection) -> None:
    """Create the extension in the connected database."""
    connection.execute("CREATE EXTENSION splitplane")


def canaries(text: str, tenant: str) -> list[str]:
    """Return the canaries in `text` that are not the tenant's own."""
    return [found for found in re.findall(r"CANARY-[a-z]+(?:-[a-z])?", text) if found != f"CANARY-{tenant}"]


class Wire:
    """One database with a plane, on one server."""

    def __init__(self, cluster, database: str, secret: str, key_id: str):
        self.cluster, self.database, self.secret, self.key_id = cluster, database, secret, key_id
        self.audience = database

    @classmethod
    def build(cls, cluster, database: str = "wire", schema: str | None = None) -> "Wire":
        """Create the database, the plane of schema.sql (or the text given), the role `app` and a key of many uses."""
        cluster.createdb(database)
        with psycopg.connect(cluster.dsn(dbname=database), autocommit=True) as admin:
            install(admin)
            admin.execute(
                "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN CREATE ROLE app LOGIN; END IF; END $$"
            )
            admin.execute("GRANT splitplane_caller TO app")
            admin.execute(schema if schema is not None else (HERE / "schema.sql").read_text())
            secret = admin.execute("SELECT splitplane.create_key('AKWIRE')").fetchone()[0]
        settle()
        return cls(cluster, database, secret, "AKWIRE")

    @contextmanager
    def admin(self):
        """A superuser's connection in autocommit."""
        with psycopg.connect(self.cluster.dsn(dbname=self.database), autocommit=True) as connection:
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

    def role(self, **settings: str) -> str:
        """A new calling role whose sessions start with these settings; dots in names are written as two underscores."""
        name = f"app_{self.database}_{next(_names)}"
        with self.admin() as connection:
            connection.execute(compose.SQL("CREATE ROLE {} LOGIN IN ROLE splitplane_caller").format(compose.Identifier(name)))
            for setting, value in settings.items():
                connection.execute(
                    compose.SQL("ALTER ROLE {} SET {} = {}").format(
                        compose.Identifier(name),
                        compose.SQL(setting.replace("__", ".")),
                        compose.Literal(value),
                    )
                )
        return name

    @contextmanager
    def session(self, user: str = "app", autocommit: bool = True, **connect):
        """A session of a calling role."""
        with psycopg.connect(self.cluster.dsn(dbname=self.database, user=user), autocommit=autocommit, **connect) as connection:
            yield Session(self, connection)

    def sign(self, payload: str, tenant: str = "brand-a", business=None, subject=None, **more) -> dict[str, str]:
        more.setdefault("audience", self.audience)
        key_id, secret = more.pop("key", (self.key_id, self.secret))
        return sign(key_id, secret, payload, tenant, business, subject, **more)

    def import_key(self, key_id: str, secret: str, tenants=None, max_uses: int = 1, valid_for: str = "90 days"):
        self.run("SELECT splitplane.import_key(%s, %s, %s::text[], %s, %s::interval)", key_id, secret, tenants, max_uses, valid_for)
        return key_id, secret


@dataclass(frozen=True)
class Notice:
    """What a notice said. psycopg's own object is empty once the handler has returned, so its fields are copied in it."""

    severity: str | None
    severity_nonlocalized: str | None
    sqlstate: str | None
    message_primary: str | None
    message_detail: str | None
    message_hint: str | None
    context: str | None

    @classmethod
    def of(cls, diagnostic) -> "Notice":
        return cls(**{name: getattr(diagnostic, name) for name in cls.__dataclass_fields__})


class Session:
    """A connection of the calling role that keeps the notices it was sent."""

    def __init__(self, wire: Wire, connection):
        self.wire, self.connection = wire, connection
        self.notices: list[Notice] = []
        connection.add_notice_handler(lambda diagnostic: self.notices.append(Notice.of(diagnostic)))

    @property
    def pid(self) -> int:
        return self.connection.info.backend_pid

    def execute(self, statement, arguments=None):
        return self.connection.execute(statement, arguments)

    def call(self, context, sql=None, question=None, function="ask"):
        """Call an entry point with a context as it stands (a dict, JSON text or None)."""
        text = json.dumps(context) if isinstance(context, dict) else context
        statement = f"SELECT public.{function}(%s::jsonb, question => %s::text, sql => %s::text)"
        return self.connection.execute(statement, (text, question, sql)).fetchone()[0]

    def ask(self, sql: str, tenant: str = "brand-a", **signing) -> dict:
        """Sign the SQL for the tenant and ask; the document, which must hold nobody else's canary."""
        document = self.call(self.wire.sign(sql, tenant, **signing), sql)
        assert document["outcome"] == "answered", document
        assert document["row_count"] == len(document["rows"]), document
        leaked = canaries(json.dumps(document["rows"]), tenant)
        assert not leaked, f"{tenant} was shown {leaked} by {sql}"
        return document

    def value(self, sql: str, tenant: str = "brand-a", **signing):
        """The one value that the query answers with."""
        rows = self.ask(sql, tenant, **signing)["rows"]
        assert len(rows) == 1 and len(rows[0]) == 1, rows
        return rows[0][0]

    def refused(self, state, context, sql=None, question=None, function="ask", nested=False):
        """Call and expect a refusal with this SQLSTATE (or one of these); the error."""
        return refusal(lambda: self.call(context, sql, question, function), state, nested)

    def ask_refused(self, state, sql: str, tenant: str = "brand-a", **signing):
        """Sign and ask for something that must be refused; the error, without a foreign canary."""
        error = self.refused(state, self.wire.sign(sql, tenant, **signing), sql)
        assert not canaries(str(error), tenant), error
        return error

    def state(self) -> tuple:
        return self.execute(STATE).fetchone()

    def settings(self) -> dict[str, tuple]:
        """Every setting that the role can see, with where it came from."""
        rows = self.execute("SELECT name, setting, source FROM pg_settings").fetchall()
        return {name: (setting, source) for name, setting, source in rows}


def unclaimed(connection) -> None:
    """Nothing of a principal is left in this backend, which must be a superuser's.

    The functions that policies ask are looked at, and what they are for: the reader, outside of a call, sees no row.
    """
    assert connection.execute("SELECT splitplane.claim('tenant'), splitplane.claim_list('stores')").fetchone() == (None, None)
    connection.execute("SET ROLE splitplane_reader")
    try:
        assert connection.execute("SELECT count(*) FROM public.sales").fetchone() == (0,)
    finally:
        connection.execute("RESET ROLE")


def refusal(action, state, nested: bool = False, hint: bool = False):
    """Run `action`, which must raise with this SQLSTATE (or one of these) and say nothing beside its one sentence.

    nested: called from inside a function, where PL/pgSQL adds its own CONTEXT line.
    hint: the refusal is the server's own, over a statement of the caller's, and may hint and detail as it likes.
    """
    states = (state,) if isinstance(state, str) else tuple(state)
    try:
        answer = action()
    except psycopg.Error as error:
        assert error.sqlstate in states, f"{error.sqlstate} {error} where {states} was expected"
        for field in SILENT_FIELDS:
            if hint or (nested and field == "context"):
                continue
            assert getattr(error.diag, field) is None, f"{field} crossed to the caller: {getattr(error.diag, field)!r}"
        place = error.diag.source_file or ""
        assert not place.startswith("/"), f"a build path crossed to the caller: {place}"
        assert error.diag.severity_nonlocalized == "ERROR", error.diag.severity_nonlocalized
        return error
    raise AssertionError(f"answered {str(answer)[:300]} where {states} was expected")


def fingerprint(error) -> tuple:
    """Everything of an error that a client can see."""
    return tuple(getattr(error.diag, field) for field in COMPARED_FIELDS)


def lowered(context: dict) -> dict:
    return {name.lower(): value for name, value in context.items()}


def replaced(context: dict, **values) -> dict:
    """The context with lower-case names and some values changed; underscores stand for dashes, None takes one out."""
    changed = lowered(context)
    for name, value in values.items():
        changed.pop(name.replace("_", "-"), None)
        if value is not None:
            changed[name.replace("_", "-")] = value
    return changed


def settle() -> None:
    """Wait until a context signed now is not older than a server that has just started.

    x-amz-date counts whole seconds, and contexts dated before the start are refused.
    """
    time.sleep(1.1)


def wait_until(condition, seconds: float, what: str):
    """Poll until `condition()` is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def memory_kb(pid: int, field: str = "VmRSS") -> int:
    """A backend's memory in kB as the kernel counts it: VmRSS now, VmHWM at its highest, RssAnon its own."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)[1])
