"""What each tenant may be answered: a database for each that holds its rows alone, and the comparison with it.

Two worlds on one server, made by the suites that own them:

    hostile     pg_test/attacks: tenants acme and beta, with a database of acme's rows alone and one of beta's
    shared      pg_test/analytics over the demo's tables: four principals, a database of each one's rows alone
"""

from __future__ import annotations

import json
import re
import threading
from decimal import Decimal

import psycopg
from psycopg.types.string import TextLoader

from pg_test.analytics import run as analytics
from pg_test.analytics.corpus import Query, difference, load
from pg_test.attacks import alone
from pg_test.attacks import world as attacks
from pg_test.attacks.verdict import canary_in

KEY_ID = "AKENDURANCE"
# Principal of the shared database: tenant, business, the database of its rows alone, the stores it is confined to.
PRINCIPALS = [
    ("brand-a", "headquarters", "alone", None),
    ("brand-a", "lakeside", "alone_two", "17,42"),
    ("brand-b", "headquarters", "alone_b", None),
    ("brand-c", "headquarters", "alone_c", None),
]
LARGEST_ROWS, LARGEST_BYTES = 1000, 400_000
# What only acme's rows have; beta must not see it. Nor is it in any text that the corpora send.
_ACMES = re.compile(r"Ann Own|Abe Own|own pie|own tea|acme\.example|Acme (North|South)")


def foreign(tenant: str, text: str, sent: str) -> str | None:
    """A word of the other tenant of the hostile world in what a tenant was told, that it had not written itself."""
    if tenant == "acme":
        return canary_in(text) if not canary_in(sent) else None
    found = _ACMES.search(text)
    return found.group(0) if found and found.group(0) not in sent else None


class HostileTruth(alone.Alone):
    """The oracle of the hostile suite, for either tenant; one connection, one caller at a time."""

    def __init__(self, cluster, database: str):
        self.lock = threading.Lock()
        self.connection = cluster.connect(database, "alone_app", prepare_threshold=None)
        self.connection.adapters.register_loader("interval", TextLoader)
        self.connection.execute("SET timezone = 'UTC'; SET statement_timeout = '5s'; SET default_transaction_read_only = on")

    def differs(self, entry: dict, sql: str, document: dict) -> list[str]:
        with self.lock:
            return super().differs(entry, sql, document)


class Hostile:
    """The hostile suite's world for two askers."""

    def __init__(self, cluster):
        self.world = attacks.World(cluster)
        self.world.make_alone("beta", "beta_only")
        self.truth = {"acme": HostileTruth(cluster, attacks.ALONE), "beta": HostileTruth(cluster, "beta_only")}
        self.world.plane.set(splitplane__deadline="1s")

    def context(self, sql: str, tenant: str, **changes) -> dict:
        return self.world.context(sql, key=changes.pop("key", tenant), tenant=tenant, **changes)


class Honest:
    """The demo's shared database, and what each principal's answer to each query of the corpus is."""

    def __init__(self, cluster, scale: float):
        analytics.build(cluster, scale, with_plane=True)
        for tenant, _, database, _ in PRINCIPALS[2:]:
            cluster.createdb(database, template="shared")
            cluster.psql(database, analytics.KEEP_ONE_TENANT.replace("{tenant}", f"'{tenant}'").replace("{stores}", "NULL"))
        self.secret = cluster.psql("shared", f"SELECT splitplane.create_key('{KEY_ID}')").strip()
        self.queries: list[Query] = load()
        self.sessions = {database: (threading.Lock(), analytics.Session(cluster, database)) for *_, database, _ in PRINCIPALS}
        self.known: dict[tuple[str, str], object] = {}

    def expected(self, query: Query, database: str):
        """The result on the database of that principal alone; None where it is no use as a truth (an error, or too large)."""
        key = (query.id, database)
        if key not in self.known:
            lock, session = self.sessions[database]
            with lock:
                try:
                    result = analytics.run_plain(session, query.plain)
                    if len(result.rows) > LARGEST_ROWS or len(json.dumps(result.rows, default=str)) > LARGEST_BYTES:
                        result = None
                except psycopg.Error:
                    result = None
            self.known[key] = result
        return self.known[key]

    @staticmethod
    def difference(query: Query, expected, text: str) -> str | None:
        """What is wrong with a document, given as text."""
        document = json.loads(text, parse_float=Decimal)
        if document.get("outcome") != "answered" or document.get("truncated") is not False:
            return f"outcome {document.get('outcome')}, truncated {document.get('truncated')}"
        columns = document["columns"]
        got = analytics.Result([column["name"] for column in columns], [column["type"] for column in columns], document["rows"])
        return difference(expected, got, "ordered" in query.flags)
