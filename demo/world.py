"""The demo's database on a throwaway server, and the two people who ask it."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))

from cluster import Cluster  # noqa: E402
from signing import sign  # noqa: E402

DATABASE = "demo"
APP = "analytics_app"
GATEWAY = "text_gateway"
KEY_ID = "AKDEMO"
# What no answer to brand-a's people may hold: other brands, account numbers, e-mail addresses.
FOREIGN = re.compile(r"brand-[bc]|US00-|@")


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

    def __init__(self, cluster: Cluster, secret: str):
        self.cluster = cluster
        self.secret = secret
        self.app = cluster.connect(DATABASE, APP)
        self.superuser = cluster.connect(DATABASE)

    def sign(self, sql: str, person: Person, **more) -> dict[str, str]:
        return sign(KEY_ID, self.secret, sql, person.tenant, person.business, person.subject, audience=DATABASE, **more)

    def call(self, context: dict, sql: str, function: str = "ask") -> dict | Refusal:
        """One call as the application's role."""
        try:
            return self.app.execute(f"SELECT {function}(%s, sql => %s)", (json.dumps(context), sql)).fetchone()[0]
        except psycopg.Error as error:
            diag = error.diag
            more = " ".join(text for text in (diag.message_detail, diag.message_hint, diag.context) if text)
            return Refusal(error.sqlstate or "", diag.message_primary or str(error), more)

    def ask(self, sql: str, person: Person) -> dict | Refusal:
        return self.call(self.sign(sql, person), sql)

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

    def last_reason(self) -> str:
        """Why the server refused, as its log has it; the caller is told one constant sentence."""
        lines = [line for line in self.cluster.log_text().splitlines() if "splitplane" in line and " LOG: " in line]
        return re.sub(r"^.* LOG:\s+", "", lines[-1]) if lines else ""


@contextlib.contextmanager
def running(scale: str, say) -> Iterator[World]:
    """Starts the server, loads the restaurant group, registers it, and makes a key."""
    began = time.monotonic()
    # Parallel plans would be right too, but two plans side by side read better without.
    with Cluster({"shared_buffers": "256MB", "max_parallel_workers_per_gather": 0, "jit": False}) as cluster:
        cluster.createdb(DATABASE)
        cluster.psql(DATABASE, HERE / "schema.sql")
        cluster.psql(DATABASE, HERE / "generate.sql", variables={"scale": scale})
        cluster.psql(DATABASE, "VACUUM (ANALYZE)")
        say(f"loaded in {time.monotonic() - began:.0f} s")
        cluster.psql(DATABASE, "CREATE EXTENSION splitplane")
        cluster.psql(DATABASE, HERE / "register.sql")
        cluster.psql(DATABASE, f"CREATE ROLE {APP} LOGIN; GRANT splitplane_caller TO {APP}")
        cluster.psql(DATABASE, f"CREATE ROLE {GATEWAY} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {GATEWAY}")
        # Many uses, so that the shell may repeat a statement within one second.
        secret = cluster.psql(DATABASE, f"SELECT splitplane.create_key('{KEY_ID}', tenants => ARRAY['brand-a', 'brand-b', 'brand-c'])").strip()
        cluster.psql(DATABASE, "SELECT splitplane.create_key('AKSHELL', max_uses => 1000)")
        # A context's date has whole seconds and must not lie before the server's start.
        time.sleep(1.1)
        yield World(cluster, secret)
