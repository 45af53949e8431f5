"""Planes of the version before and of this one: how they are made, and what each principal must see in them.

The upgrade needs a plane of its own in each version, so that it is made here by SQL of that version.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from splitplane_test.plane import Plane, numbered

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SQL = ROOT / "sql"
BEFORE = "0.1.0"
NOW = re.search(r'^version = "([^"]+)"', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), re.M)[1]

KEY = "AKUPGRADE"
ROLES = ("app", "signer", "team_lead", "administrator", "auditor", "clerk", "shop_owner")
UPDATE = "ALTER EXTENSION splitplane UPDATE"
# The doctor and the refusal both say it; with another sentence nobody would know what to do.
ADVICE = (
    f"The library of this server is splitplane {NOW}, the objects in this database are of version {BEFORE}. "
    "Run ALTER EXTENSION splitplane UPDATE"
)


@dataclass(frozen=True)
class Principal:
    tenant: str
    business: str
    subject: str


PRINCIPALS = (
    Principal("1", "2026-11-01", "00000000-0000-4000-8000-000000000001"),
    Principal("2", "2026-11-02", "00000000-0000-4000-8000-000000000002"),
    Principal("3", "2026-11-02", "00000000-0000-4000-8000-000000000003"),
)
OWN = "tenant::text = %(tenant)s"
# Each protected table by its plane name: where it lies, and which rows are a principal's own, in words that have nothing to
# do with splitplane's. The claims are those of plane.sql.
TABLES = {
    "orders": ("orders", "tenant_id = %(tenant)s"),
    "branches": ("branches", OWN),
    "visits": ("visits", OWN),
    "shifts": ("shifts", OWN),
    "accounts": ("accounts", OWN),
    "ledgers": ("ledgers", OWN),
    "plans": ("plans", OWN),
    "badges": ("badges", OWN),
    "members": ("members", f"{OWN} AND member::text = %(subject)s"),
    "days": ("days", f"{OWN} AND day::text = %(business)s"),
    "stores": ("stores", "(tenant, store_id) IN (('1', 1), ('1', 2), ('2', 3), ('3', 0), ('3', 1), ('3', 2), ('3', 3)) AND tenant = %(tenant)s"),
    "tickets": ("tickets", "(tenant, team) IN (('1', 'red'), ('1', 'blue'), ('2', 'blue')) AND tenant = %(tenant)s"),
    "devices": ("devices", "(tenant, right(device::text, 1)) IN (('1', '1'), ('2', '2'), ('2', '3')) AND tenant = %(tenant)s"),
    "odd": ('"Odd Schema"."Odd ""Table"""', '"Tenant ""Id""" = %(tenant)s'),
    "events": ("events", OWN),
    "reviews": ("reviews", OWN),
}
SHARED = {"rates": ("rates", "true"), "notices": ("notices", "true")}
NOTES = "SELECT count(*), string_agg(note, ', ' ORDER BY note) FROM {}"
# Questions that need no model, each with the function that registers it; they count orders.
QUERIES = (
    ("verify_query", "orders_counted", "How many orders are there?", "SELECT count(*) FROM orders", "{how many orders,orders in all}"),
    ("define_metric", "orders volume", "SELECT count(*) AS volume FROM orders", "How much was sold", "{volume of orders}"),
)


def make_ready(cluster) -> None:
    """The roles of plane.sql."""
    for role in ROLES:
        cluster.psql("postgres", f"CREATE ROLE {role} LOGIN")
    # Another superuser than the one that installs.
    cluster.psql("postgres", "CREATE ROLE dba LOGIN SUPERUSER")


def build(cluster, database: str, version: str, schema: str = "public", prepare: str = "", library: str = NOW) -> Plane:
    """A database with the tables and a plane of this version that was made by its own functions, on a server with a library of that one."""
    cluster.createdb(database)
    cluster.psql(database, HERE / "tables.sql")
    cluster.psql(database, prepare)
    cluster.psql(database, f"CREATE EXTENSION splitplane SCHEMA {schema} VERSION '{version}'")
    cluster.psql(database, HERE / "plane.sql")
    with psycopg.connect(cluster.dsn(database), autocommit=True) as admin:
        with _proof_of(version, library, admin):
            for function, *arguments in QUERIES:
                admin.execute(f"SELECT splitplane.{function}(%s, %s, %s, %s::text[])", arguments)
        secret = admin.execute("SELECT splitplane.create_key(%s)", (KEY,)).fetchone()[0]
    return Plane(cluster, database, secret, KEY)


@contextmanager
def _proof_of(version: str, library: str, admin):
    """The library of this version proves nothing in a database of an earlier one. What that version's own would have let
    through is let through, while its queries are registered; then its function is put back."""
    if version == library:
        yield
        return
    definition = admin.execute("SELECT pg_get_functiondef('splitplane._prove(text)'::regprocedure)").fetchone()[0]
    admin.execute("CREATE OR REPLACE FUNCTION splitplane._prove(sql text) RETURNS void LANGUAGE sql CALLED ON NULL INPUT COST 10000 AS ''")
    yield
    admin.execute(definition)


def new_database() -> str:
    """A name that no database has."""
    return numbered("own")


def copied(plane: Plane) -> Plane:
    """A copy of a plane that nobody is connected to."""
    database = new_database()
    # As files: through the log, PostgreSQL's default, the copies of one run are half a gigabyte of it.
    plane.cluster.psql("postgres", f"CREATE DATABASE {database} TEMPLATE {plane.database} STRATEGY file_copy")
    return Plane(plane.cluster, database, plane.secret, plane.key_id)


def program(cluster, name: str, *arguments: str, text: str | None = None) -> str:
    """Runs one of PostgreSQL's client programs on the cluster, with the text as its input; what it printed."""
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "PGHOST": cluster.socket_dir, "PGPORT": str(cluster.port), "PGUSER": cluster.superuser}
    done = subprocess.run([str(cluster.bindir / name), *arguments], input=text, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def update(plane: Plane) -> None:
    plane.run(UPDATE)
    assert version(plane) == NOW


def ask(session, principal: Principal, sql: str):
    """What the principal is answered, as a list of rows."""
    context = session.plane.sign(sql, principal.tenant, principal.business, principal.subject)
    document = session.call(context, sql)
    assert document["outcome"] == "answered", document
    return document["rows"]


def truth(admin, principal: Principal, name: str) -> list:
    """What the principal must be answered to NOTES, by the count of a superuser's connection."""
    place, condition = (TABLES | SHARED)[name]
    return [list(admin.execute(f"{NOTES.format(place)} WHERE {condition}", vars(principal)).fetchone())]


def criticals(plane: Plane) -> list[tuple[str, str]]:
    """What the doctor says that breaks isolation: object and finding."""
    return plane.admin_rows("SELECT object, finding FROM splitplane.doctor() WHERE severity = 'critical' ORDER BY object, finding")


def version(plane: Plane) -> str:
    return plane.run("SELECT extversion FROM pg_extension WHERE extname = 'splitplane'")[0]


def assert_isolated(plane: Plane, tables=tuple(TABLES)) -> None:
    """Every principal is answered with his own rows, all of them and no other's, through the application's role."""
    with plane.session() as session, plane.admin() as admin:
        for name in tables:
            total = admin.execute(f"SELECT count(*) FROM {TABLES[name][0]}").fetchone()[0]
            for principal in PRINCIPALS:
                expected = truth(admin, principal, name)
                assert ask(session, principal, NOTES.format(name)) == expected, f"{principal} in {name}"
                assert expected[0][0] < total, f"the control: {name} has rows that {principal} must not see"
