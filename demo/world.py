"""The demo's database on a throwaway server, the two people who ask it, and the model that puts words into SQL."""

from __future__ import annotations

import contextlib
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from splitplane_test.cluster import Cluster
from splitplane_test.plane import Plane
from splitplane_test.session import call

from model import RealModel, StandinModel
from pg_test.worlds import restaurant

DATABASE = "demo"
APP = "analytics_app"
GATEWAY = "text_gateway"
KEY_ID = "AKDEMO"
# What no answer to brand-a's people may hold: other brands, account numbers, e-mail addresses.
FOREIGN = re.compile(r"brand-[bc]|US00-|@")
# What no model may be shown; see World.foreign.
PERSONAL = re.compile(r"\w@\w|\+1-555-\d|\bID-\d{4}|US00-")
NEVER_SENT = """
    WITH named(tenant, value) AS (
        SELECT tenant_id, tenant_id FROM public.brands UNION ALL SELECT tenant_id, name FROM public.brands
        UNION ALL SELECT tenant_id, name FROM public.businesses UNION ALL SELECT tenant_id, name FROM public.stores
        UNION ALL SELECT tenant_id, name FROM public.menu_items)
    SELECT value FROM named WHERE tenant <> %(tenant)s EXCEPT SELECT value FROM named WHERE tenant = %(tenant)s
    UNION SELECT full_name FROM public.customers UNION SELECT full_name FROM public.employees
    UNION SELECT sum(total)::text FROM public.orders WHERE tenant_id <> %(tenant)s GROUP BY ROLLUP (tenant_id)
    UNION SELECT sum(total)::text FROM public.orders WHERE tenant_id <> %(tenant)s AND status = 'completed' GROUP BY ROLLUP (tenant_id)
    UNION SELECT sum(total)::text FROM public.orders UNION SELECT %(subject)s
    UNION SELECT sum(total)::text FROM public.orders WHERE status = 'completed'"""


@dataclass(frozen=True)
class Person:
    """Somebody who asks: a registered combination of tenant, business and subject."""

    title: str
    tenant: str
    business: str
    subject: str
    # The same rows, as a superuser would write the condition by hand.
    by_hand: str


MANAGER = Person("brand manager", "brand-a", "headquarters", "u-1001", "tenant_id = 'brand-a'")
FRANCHISEE = Person("franchisee Lakeside", "brand-a", "lakeside", "u-2002", "tenant_id = 'brand-a' AND store_id IN (17, 42)")


@dataclass(frozen=True)
class Refusal:
    """What a caller sees of an error: all of it."""

    sqlstate: str
    message: str
    more: str


class World:
    """Connections and calls on the loaded demo."""

    def __init__(self, plane: Plane, answering: StandinModel | RealModel):
        self.plane, self.cluster = plane, plane.cluster
        self.app = plane.connect(APP)
        self.superuser = plane.connect()
        self.model = answering
        self._never: list[str] | None = None

    def sign(self, sql: str, person: Person, **more) -> dict[str, str]:
        return self.plane.sign(sql, person.tenant, person.business, person.subject, **more)

    def call(self, context: dict, sql: str, function: str = "ask") -> dict | Refusal:
        """One call as the application's role."""
        return self._called(context, sql, function=function)

    def _called(self, context: dict, *arguments, **more) -> dict | Refusal:
        try:
            return call(self.app, context, *arguments, **more)
        except psycopg.Error as error:
            diag = error.diag
            more = " ".join(text for text in (diag.message_detail, diag.message_hint, diag.context) if text)
            return Refusal(error.sqlstate or "", diag.message_primary or str(error), more)

    def ask(self, sql: str, person: Person) -> dict | Refusal:
        return self.call(self.sign(sql, person), sql)

    def ask_in_words(self, question: str, person: Person, conversation: uuid.UUID | None = None) -> dict | Refusal:
        context = self.sign(question, person, conversation=str(conversation) if conversation else None)
        return self._called(context, question=question, conversation=conversation)

    def by_hand(self, sql: str) -> list[list]:
        """What the superuser's own query gives, in the form in which `ask` gives rows."""
        rows = self.superuser.execute(f"SELECT json_agg(row_to_json(x)) FROM ({sql}) AS x").fetchone()[0] or []
        return [list(row.values()) for row in rows]

    def without_splitplane(self, sql: str, person: Person) -> str:
        """What the common way of doing this leaks: the same text behind filtered CTEs, run by a role that reads the tables.

        Empty when it leaks nothing. In a transaction that is rolled back, with a short deadline.
        """
        relations = self.superuser.execute("SELECT name, relation::text, scope FROM splitplane.relations WHERE NOT shared ORDER BY name")
        ctes = []
        for name, table, scope in relations:
            column = next(column for column, claim in scope.items() if claim == "tenant")
            ctes.append(f'"{name}" AS (SELECT * FROM public.{table} WHERE "{column}" = \'{person.tenant}\')')
        with self.cluster.connect(DATABASE, GATEWAY, autocommit=False) as connection:
            connection.execute("SET LOCAL statement_timeout = '1s'")
            try:
                rows = connection.execute(f"WITH {', '.join(ctes)} {sql}", prepare=False).fetchmany(2)
            except psycopg.Error as error:
                rows = [error.diag.message_primary]
            connection.rollback()
        text = " ".join(str(row) for row in rows)
        return text[:150] + " ..." if FOREIGN.search(text) else ""

    def foreign(self, texts: list[str], own: Person) -> list[str]:
        """What of other tenants' rows, or of columns that nobody may send to a model, stands in the texts.

        Looked for: every name that only other brands' rows hold, every brand's revenue but the asker's, the asker's user id, all
        names of guests and staff, and anything of the form of an e-mail address, telephone number, national id or account number.
        """
        if self._never is None:
            self._never = [row[0] for row in self.superuser.execute(NEVER_SENT, {"tenant": own.tenant, "subject": own.subject})]
        found = [match[0] for text in texts for match in PERSONAL.finditer(text)]
        for value in self._never:
            whole = re.compile(rf"(?<!\w){re.escape(value)}(?!\w)")
            found += [value for text in texts if value in text and whole.search(text)]
        return found

    def last_reason(self) -> str:
        """Why the server refused, as its log has it; the caller is told one constant sentence."""
        lines = [line for line in self.cluster.log_text().splitlines() if "splitplane" in line and " LOG: " in line]
        return re.sub(r"^.* LOG:\s+", "", lines[-1]) if lines else ""


@contextlib.contextmanager
def running(scale: str, say, answering: StandinModel | RealModel) -> Iterator[World]:
    """Starts the server, loads the restaurant group, registers it, and makes a key."""
    began = time.monotonic()
    settings: dict[str, object] = {
        "shared_buffers": "256MB",
        # Parallel plans would be right too, but two plans side by side read better without.
        "max_parallel_workers_per_gather": 0,
        "jit": False,
        "splitplane.provider": "bedrock",
        "splitplane.model": answering.model,
        "splitplane.narrate": "aggregate",
    }
    if answering.is_scripted:
        # The last attack runs into the deadline, and nobody wants to wait for it.
        settings["splitplane.deadline"] = "5s"
    else:
        # A model takes seconds.
        settings["splitplane.deadline"] = "60s"
    with Cluster(settings, environment=answering.environment) as cluster:
        plane = Plane.install(
            cluster,
            DATABASE,
            key_id=KEY_ID,
            before=[*restaurant.TABLES, "VACUUM (ANALYZE)"],
            after=[restaurant.REGISTER],
            caller=APP,
            variables={"scale": scale},
            tenants=["brand-a", "brand-b", "brand-c"],
        )
        say(f"loaded in {time.monotonic() - began:.0f} s")
        plane.run(f"CREATE ROLE {GATEWAY} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {GATEWAY}")
        # Many uses, so that the shell may repeat a statement within one second.
        plane.create_key("AKSHELL", max_uses=1000)
        yield World(plane, answering)
