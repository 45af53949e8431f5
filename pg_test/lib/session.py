"""One call as an application makes it, a session of the calling role, and how a refusal must look.

The driver is psycopg: what is checked here (fields of an error, notices, closed sockets) is not visible to psql or from
inside the server.
"""

from __future__ import annotations

import json
import pathlib
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

# Everything an error message can carry besides its severity, state and text. None of it may cross to the caller:
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
# line number that differs by cause shows the cause.
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


def decode(text: str | bytes | None, **options) -> Any:
    """A document as `ask` gives it; `options` are those of json.loads. One that nests too deep for Python stays text."""
    if text is None:
        return None
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    try:
        return json.loads(text, **options)
    except RecursionError:
        return {"outcome": "answered", "rows": [], "too deep to decode": text}


def call(
    connection,
    context: Mapping[str, str] | str | None,
    sql: str | None = None,
    question: str | None = None,
    function: str = "ask",
    conversation: object = None,
    **options,
) -> Any:
    """Calls an entry point with a signed context (a dict, JSON text or None); the decoded document.

    Sent and fetched as text: an answer may be JSON that the driver's own decoder cannot take. Qualified down to the
    types, because some sessions have a hostile search_path.
    """
    sent = json.dumps(context) if isinstance(context, Mapping) else context
    arguments = [sent, question, sql]
    more = ""
    if conversation is not None:
        arguments.append(str(conversation))
        more = ", conversation => %s::pg_catalog.uuid"
    named = f"%s::pg_catalog.jsonb, question => %s::pg_catalog.text, sql => %s::pg_catalog.text{more}"
    row = connection.execute(f"SELECT (public.{function}({named}))::pg_catalog.text", arguments).fetchone()
    return decode(row[0], **options)


def canaries(text: str, tenant: str) -> list[str]:
    """Return the canaries in `text` that are not the tenant's own."""
    return [found for found in re.findall(r"CANARY-[a-z]+(?:-[a-z])?", text) if found != f"CANARY-{tenant}"]


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
    def of(cls, diagnostic) -> Notice:
        return cls(**{name: getattr(diagnostic, name) for name in cls.__dataclass_fields__})


class Session:
    """A connection of the calling role that keeps the notices it was sent."""

    def __init__(self, plane, connection):
        self.plane, self.connection = plane, connection
        self.notices: list[Notice] = []
        connection.add_notice_handler(lambda diagnostic: self.notices.append(Notice.of(diagnostic)))

    @property
    def pid(self) -> int:
        return self.connection.info.backend_pid

    def execute(self, statement, arguments=None):
        return self.connection.execute(statement, arguments)

    def call(self, context, sql=None, question=None, function="ask"):
        """Call an entry point with a context as it stands (a dict, JSON text or None)."""
        return call(self.connection, context, sql, question, function)

    def ask(self, sql: str, tenant: str | None = None, **signing) -> dict:
        """Sign the SQL for the tenant and ask; the document, which must hold nobody else's canary."""
        tenant = self.plane.tenant if tenant is None else tenant
        document = self.call(self.plane.sign(sql, tenant, **signing), sql)
        assert document["outcome"] == "answered", document
        assert document["row_count"] == len(document["rows"]), document
        leaked = canaries(json.dumps(document["rows"]), tenant)
        assert not leaked, f"{tenant} was shown {leaked} by {sql}"
        return document

    def value(self, sql: str, tenant: str | None = None, **signing):
        """The one value that the query answers with."""
        rows = self.ask(sql, tenant, **signing)["rows"]
        assert len(rows) == 1 and len(rows[0]) == 1, rows
        return rows[0][0]

    def refused(self, state, context, sql=None, question=None, function="ask", nested=False):
        """Call and expect a refusal with this SQLSTATE (or one of these); the error."""
        return refusal(lambda: self.call(context, sql, question, function), state, nested)

    def ask_refused(self, state, sql: str, tenant: str | None = None, **signing):
        """Sign and ask for something that must be refused; the error, without a foreign canary."""
        tenant = self.plane.tenant if tenant is None else tenant
        error = self.refused(state, self.plane.sign(sql, tenant, **signing), sql)
        assert not canaries(str(error), tenant), error
        return error

    def state(self) -> tuple:
        return self.execute(STATE).fetchone()

    def settings(self) -> dict[str, tuple]:
        """Every setting that the role can see, with where it came from."""
        rows = self.execute("SELECT name, setting, source FROM pg_settings").fetchall()
        return {name: (setting, source) for name, setting, source in rows}


def refusal(action: Callable[[], object], state, nested: bool = False, hint: bool = False):
    """Run `action`, which must raise with this SQLSTATE (or one of these) and say nothing besides its one sentence.

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


def wait_until(condition: Callable[[], Any], seconds: float, what: str):
    """Poll until `condition()` is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def memory_kb(pid: int, field: str = "VmRSS") -> int:
    """A backend's memory in kB as the kernel counts it: VmRSS now, VmHWM at its highest, RssAnon its own, VmSize its address space.

    One that has ended is an OSError, also while the kernel still has its entry, which then says nothing of memory.
    """
    found = re.search(rf"^{field}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    if found is None:
        raise ProcessLookupError(f"process {pid} has no {field}")
    return int(found[1])


def at_once(work, count: int) -> None:
    """Run `work(number)` in threads; the first failure is the test's."""
    failures = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:  # a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
