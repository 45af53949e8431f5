#!/usr/bin/env python3
"""Honest analytics must pass: what a tenant gets through ask() is what the plain query gives on a database that holds that tenant alone.

    run.py [--only TEXT] [--scale 0.05]     everything, with the extension
    run.py --corpus-only                    the corpus itself, on a server without the extension

One database, `shared`, holds three brands and the plane. `alone` holds the rows of brand-a, `alone_two` those of brand-a's stores 17 and 42.
Each query is asked by the brand manager (compared with `alone`) and by the franchisee (compared with `alone_two`), through ask and through ask_rows.

The comparison is kept awake by controls: the same query, run as superuser on `shared`, has to give something else than the tenant's result
unless it is marked `same`; and the two principals' results have to differ for most queries.
"""

from __future__ import annotations

import argparse
import sys
import time
from decimal import Decimal

import psycopg
from splitplane_test.cluster import Cluster
from splitplane_test.plane import Plane
from splitplane_test.session import decode as as_document
from splitplane_test.tally import Tally

from pg_test.analytics.corpus import Query, Result, difference, load, type_name
from pg_test.worlds import restaurant

TENANT = "brand-a"
STORES = (17, 42)
PRINCIPALS = {"brand manager": ("headquarters", "alone"), "franchisee": ("lakeside", "alone_two")}
KEY_ID = "AKANALYTICSCORPUS"
MAX_ROWS = 1000
# Fewer controls than this would mean that the corpus, or the data, has gone soft.
LEAST_CONTROLS = 250
LEAST_SCOPED_DIFFERENCES = 200

KEEP_ONE_TENANT = """
DO $$
DECLARE
    target record;
BEGIN
    -- Foreign keys hold by construction; checking them for every deleted row is only slow.
    SET LOCAL session_replication_role = replica;
    FOR target IN
        SELECT c.oid::regclass AS relation, t.attname AS tenant_column, s.attname AS store_column
        FROM pg_class c
        JOIN pg_attribute t ON t.attrelid = c.oid AND t.attname IN ('tenant_id', 'tenantId')
        LEFT JOIN pg_attribute s ON s.attrelid = c.oid AND s.attname IN ('store_id', 'storeId', 'home_store_id')
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    LOOP
        EXECUTE format('DELETE FROM %s WHERE %I <> %L', target.relation, target.tenant_column, {tenant});
        IF target.store_column IS NOT NULL AND {stores} IS NOT NULL THEN
            EXECUTE format('DELETE FROM %s WHERE NOT %I = ANY (%L::int[])', target.relation, target.store_column, {stores});
        END IF;
    END LOOP;
END $$;
ANALYZE;
"""


class Session:
    """A connection that comes back after the server has gone: one crash is one failed query, not the end of the run."""

    def __init__(self, cluster: Cluster, dbname: str, user: str = "postgres"):
        self._dsn = cluster.dsn(dbname, user)
        self._connection: psycopg.Connection | None = None

    def connection(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            for attempt in range(40):
                try:
                    self._connection = psycopg.connect(self._dsn, autocommit=True, options="-c TimeZone=UTC -c search_path=public")
                    break
                except psycopg.OperationalError:
                    if attempt == 39:
                        raise
                    time.sleep(0.25)
        return self._connection

    def rows(self, sql: str, parameters: tuple | None = None) -> list[tuple]:
        return self.connection().execute(sql, parameters).fetchall()


def decode(text: str) -> object:
    return as_document(text, parse_float=Decimal)


def run_plain(session: Session, sql: str) -> Result:
    """The query itself, its values as PostgreSQL's own to_jsonb gives them."""
    description = session.connection().execute(f"SELECT * FROM (\n{sql}\n) AS q LIMIT 0").description
    # The modifier -1 gives names that mean the type without any modifier: "bit" where plain bit would mean bit(1).
    types = [row[0] for row in session.rows("SELECT format_type(t, -1) FROM unnest(%s::oid[]) WITH ORDINALITY AS u(t, n) ORDER BY n", ([c.type_code for c in description],))]
    columns = ", ".join(f"c{i}" for i in range(len(description)))
    rows = session.rows(f"SELECT jsonb_build_array({columns})::text FROM (\n{sql}\n) AS q({columns})")
    return Result([c.name for c in description], types, [decode(row[0]) for row in rows])


class Asker:
    """The shared database, seen through the extension as one application role."""

    def __init__(self, cluster: Cluster):
        self._signer = Session(cluster, "shared")
        self._caller = Session(cluster, "shared", "analyst")

    def _context(self, business: str, payload: str) -> str:
        return self._signer.rows("SELECT splitplane.sign(%s, %s, %s, 'corpus', %s)::text", (KEY_ID, TENANT, business, payload))[0][0]

    def ask(self, business: str, sql: str) -> Result:
        document = decode(self._caller.rows("SELECT ask(%s::jsonb, sql => %s)::text", (self._context(business, sql), sql))[0][0])
        if document.get("outcome") != "answered" or document.get("truncated") is not False or document.get("row_count") != len(document["rows"]):
            raise AssertionError(f"the document is wrong: { {k: v for k, v in document.items() if k not in ('rows', 'sql')} }")
        columns = document["columns"]
        return Result([c["name"] for c in columns], [c["type"] for c in columns], document["rows"])

    def ask_rows(self, business: str, sql: str, shape: Result) -> Result:
        """The same through ask_rows, whose caller has to name the columns' types."""
        columns = ", ".join(f"c{i}" for i in range(len(shape.types)))
        definition = ", ".join(f"c{i} {kind}" for i, kind in enumerate(shape.types))
        rows = self._caller.rows(
            f"SELECT jsonb_build_array({columns})::text FROM ask_rows(%s::jsonb, sql => %s) AS t({definition})", (self._context(business, sql), sql)
        )
        return Result(shape.names, shape.types, [decode(row[0]) for row in rows])


def one_line(problem: Exception) -> str:
    if isinstance(problem, psycopg.Error):
        message = problem.diag.message_primary or str(problem).strip()
        return f"{problem.sqlstate or 'connection lost'} {message}"
    return f"{type(problem).__name__}: {problem}"


def build(cluster: Cluster, scale: float, with_plane: bool) -> None:
    cluster.createdb("shared")
    for script in restaurant.TABLES:
        cluster.psql("shared", script, variables={"scale": scale})
    for name, stores in (("alone", "NULL"), ("alone_two", f"'{{{','.join(map(str, STORES))}}}'")):
        cluster.createdb(name, template="shared")
        cluster.psql(name, KEEP_ONE_TENANT.replace("{tenant}", f"'{TENANT}'").replace("{stores}", stores))
    if with_plane:
        Plane.install(cluster, "shared", key_id=KEY_ID, after=[restaurant.REGISTER], caller="analyst", tenants=[TENANT])


def check_corpus(cluster: Cluster, queries: list[Query], tally: Tally, whole: bool) -> dict[tuple[str, str], Result]:
    """Runs every query on plain PostgreSQL: the expected results, and whether they could tell a leak from an answer."""
    alone = {database: Session(cluster, database) for _, database in PRINCIPALS.values()}
    shared = Session(cluster, "shared")
    expected: dict[tuple[str, str], Result] = {}
    controls = scoped = 0
    for query in queries:
        ordered = "ordered" in query.flags
        try:
            for database, session in alone.items():
                expected[query.id, database] = run_plain(session, query.plain)
        except psycopg.Error as problem:
            tally.add(f"{query.id}, plain", one_line(problem))
            continue
        own = expected[query.id, "alone"]
        problem = None
        if not own.rows and "empty" not in query.flags:
            problem = "no rows, so it shows nothing"
        elif len(own.rows) > MAX_ROWS:
            problem = f"{len(own.rows)} rows, more than ask gives"
        if "same" not in query.flags:
            try:
                leaked = difference(own, run_plain(shared, query.plain), ordered) is not None
            except psycopg.Error:
                leaked = True
            controls += leaked
            scoped += difference(own, expected[query.id, "alone_two"], ordered) is not None
            if not leaked and problem is None:
                problem = "every tenant's rows give the same result, so it cannot show a leak"
        tally.add(f"{query.id}, plain", problem)
    print(f"{len(queries)} queries; {controls} give another result over all tenants, {scoped} another one for the two stores")
    if whole:
        tally.add("controls", None if controls >= LEAST_CONTROLS else f"only {controls} queries could show a leak, {LEAST_CONTROLS} are wanted")
        enough = scoped >= LEAST_SCOPED_DIFFERENCES
        tally.add("scope controls", None if enough else f"only {scoped} queries tell the two principals apart, {LEAST_SCOPED_DIFFERENCES} are wanted")
    return expected


def check_plane(cluster: Cluster, queries: list[Query], expected: dict[tuple[str, str], Result], tally: Tally) -> None:
    plane = Asker(cluster)
    for query in queries:
        for principal, (business, database) in PRINCIPALS.items():
            wanted = expected.get((query.id, database))
            if wanted is None:
                continue
            problem = None
            try:
                problem = difference(wanted, plane.ask(business, query.sql), "ordered" in query.flags)
                # A bare record cannot be named in a column definition list.
                if problem is None and "record" not in map(type_name, wanted.types):
                    problem = difference(wanted, plane.ask_rows(business, query.sql, wanted), "ordered" in query.flags)
                    problem = problem and f"through ask_rows: {problem}"
            except (psycopg.Error, AssertionError, KeyError, TypeError) as failure:
                problem = one_line(failure)
            tally.add(f"{query.id}, {principal}", problem)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus-only", action="store_true", help="check the corpus on plain PostgreSQL, without the extension")
    parser.add_argument("--only", default="", metavar="TEXT", help="only queries whose id or category contains TEXT")
    parser.add_argument("--scale", type=float, default=0.05, help="size of the demo data, 1 is 200,000 orders")
    chosen = parser.parse_args()
    everything = load()
    queries = [query for query in everything if chosen.only in query.id or chosen.only in query.category]
    if not queries:
        parser.error(f"no query has {chosen.only!r} in its id or category")
    tally = Tally(verbose=False)
    settings = {"shared_preload_libraries": ""} if chosen.corpus_only else {}
    with Cluster(settings) as cluster:
        build(cluster, chosen.scale, with_plane=not chosen.corpus_only)
        expected = check_corpus(cluster, queries, tally, whole=queries == everything)
        if not chosen.corpus_only:
            check_plane(cluster, queries, expected, tally)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
