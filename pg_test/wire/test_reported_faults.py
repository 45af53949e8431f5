"""Faults that users of the same ground reported elsewhere, each as its smallest statement with the right value.

Every table has a row of tenant b, the canary. The control is the owner, who sees it.
"""

import json
import re

import psycopg
import pytest
from splitplane_test.plane import Plane, numbered

ASK, CHECK, OWNER = "ask", "check", "owner"


@pytest.fixture
def plane(cluster):
    plane = Plane.install(cluster, numbered("fault"), key_id="AKFAULT", tenants=["a", "b"])
    plane.admit("a", "b")
    return plane


def protected(table: str, columns: str, *rows: str) -> list[str]:
    values = ", ".join(f"('a', {row})" for row in rows[:-1])
    return [
        f"CREATE TABLE {table} (tenant_id text NOT NULL, {columns})",
        *([f"INSERT INTO {table} VALUES {values}"] if values else []),
        f"INSERT INTO {table} VALUES ('b', {rows[-1]})",
        f"SELECT splitplane.protect('{table}', '{{\"tenant_id\": \"tenant\"}}')",
    ]


# What is set up, and then steps: a question of tenant a's with its rows, or with what its error must be; or a query of the owner's.
CASES = {
    "an allowed function's type is dropped": (
        [
            "CREATE TYPE mood AS ENUM ('ok')",
            "CREATE FUNCTION label(mood) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1::text'",
            "SELECT splitplane.allow_function('label(mood)')",
            "DROP TYPE mood CASCADE",
        ],
        [
            (ASK, "SELECT 1", [[1]]),
            (CHECK, "SELECT count(*) > 0 FROM splitplane.doctor() WHERE finding LIKE '%does not exist any more%'", True),
            (CHECK, "SELECT length(splitplane.describe()) >= 0", True),
        ],
    ),
    "two tables are swapped by name": (
        [
            *protected("orders", "total int", "10", "66"),
            "CREATE TABLE orders_new (LIKE orders); INSERT INTO orders_new VALUES ('a', 777), ('b', 66)",
            "ALTER TABLE orders RENAME TO orders_old; ALTER TABLE orders_new RENAME TO orders",
        ],
        [
            (ASK, "SELECT total FROM public.orders", "42P01"),
            (ASK, "SELECT total FROM orders", "42P01"),
            (ASK, "SELECT total FROM public.orders_old", [[10]]),
            (CHECK, "SELECT string_agg(finding, ' ') LIKE '%orders_old%' FROM splitplane.doctor()", True),
        ],
    ),
    "grouping by the primary key gives arrays of json and point": (
        [
            *protected("s", "id int, docs json[], pts point[], PRIMARY KEY (tenant_id, id)", "1, ARRAY['{\"k\":1}']::json[], ARRAY[point(1,2)]", "1, '{}', '{}'"),
        ],
        [
            (ASK, "SELECT s.id, s.docs, count(*) FROM s GROUP BY s.tenant_id, s.id", [[1, [{"k": 1}], 1]]),
            (ASK, "SELECT s.id, s.pts FROM s GROUP BY s.tenant_id, s.id", [[1, ["(1,2)"]]]),
        ],
    ),
    "no name of another schema is said": (
        ["CREATE SCHEMA hidden; CREATE TYPE hidden.kind AS ENUM ('x')", *protected("k", "kind hidden.kind", "'x'", "'x'")],
        [(ASK, "SELECT kind = 'x'::text FROM k", "42501"), (ASK, "SELECT kind FROM k", [["x"]])],
    ),
    "a column is called as a keyword": (
        protected("plans", "interval text, amount int", "'month', 5", "'year', 66"),
        [(ASK, "SELECT interval FROM plans", [["month"]]), (ASK, "SELECT amount FROM plans WHERE interval IN ('month','year')", [[5]])],
    ),
    "literals have a type before them": (
        protected("p", "i int", "5", "66"),
        [
            (ASK, "SELECT inet '10.0.0.1'", [["10.0.0.1"]]),
            (ASK, "SELECT daterange '[2026-01-01,2026-02-01)' @> date '2026-01-05'", [[True]]),
        ],
    ),
    "text is searched for text": (protected("n", "note text", "'a fox'", "'another fox'"), [(ASK, "SELECT count(*) FROM n WHERE note @@ 'fox'", [[1]])]),
    "the tenant column is renamed, and the fix is run": (
        [*protected("k", "n int", "1", "66"), "ALTER TABLE k RENAME COLUMN tenant_id TO org_id"],
        [
            (ASK, "SELECT n FROM k", "55000"),
            (CHECK, "SELECT string_agg(fix, ' ') FROM splitplane.doctor() WHERE severity = 'critical'", re.compile("org_id")),
            ("fixes", "", None),
            (ASK, "SELECT n FROM k", [[1]]),
        ],
    ),
    "a text is cast to the enum of a column": (
        ["CREATE TYPE order_status AS ENUM ('new','paid')", *protected("o", "id int, status order_status", "1, 'paid'", "66, 'paid'")],
        [(ASK, "SELECT id FROM o WHERE status = 'paid'::order_status", [[1]])],
    ),
    "an allowed function raises an error": (
        [
            *protected("p", "i int", "5", "66"),
            "CREATE FUNCTION chk(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN IF $1 > 3 THEN RAISE EXCEPTION 'too many'; END IF; RETURN $1; END$$",
            "SELECT splitplane.allow_function('chk(int)')",
        ],
        [(ASK, "SELECT chk(i) FROM p", "P0001"), (ASK, "SELECT chk(i - 3) FROM p", [[2]])],
    ),
    "an allowed function raises SQLSTATEs that few know": (
        [
            "CREATE FUNCTION stop(code text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = code; END$$",
            "SELECT splitplane.allow_function('stop(text)')",
        ],
        [(ASK, f"SELECT stop('{state}')", state) for state in ("22ZZZ", "22P07", "45000", "P0001", "ZZ001")],
    ),
    "a column gets a type that is not carried": (
        ["CREATE EXTENSION citext", *protected("users", "id int, email text", "1, 'Ann@X.com'", "66, 'b'"), "ALTER TABLE users ALTER email TYPE citext"],
        [
            (ASK, "SELECT count(*) FROM users WHERE email = 'ann@x.com'", "42703"),
            (ASK, "SELECT id FROM users", [[1]]),
            (CHECK, "SELECT count(*) FROM splitplane.doctor() WHERE finding LIKE '%citext%'", 1),
        ],
    ),
    "the fences stay when the extension goes": (
        protected("f", "n int", "1", "66"),
        [
            (ASK, "SELECT n FROM f", [[1]]),
            (OWNER, "DROP EXTENSION splitplane CASCADE", None),
            (OWNER, "SET ROLE splitplane_reader", None),
            (CHECK, "SELECT count(*) FROM f", 0),
            (OWNER, "RESET ROLE", None),
            (CHECK, "SELECT count(*) FROM f", 2),
            (OWNER, "CREATE ROLE app_f; GRANT SELECT ON f TO app_f; SET ROLE app_f", None),
            (CHECK, "SELECT count(*) FROM f", 2),
            (OWNER, "RESET ROLE; REVOKE ALL ON f FROM app_f; DROP ROLE app_f", None),
        ],
    ),
}


def value(owner, query):
    try:
        return owner.execute(query).fetchone()[0]
    except psycopg.Error as error:
        return error.sqlstate


@pytest.mark.parametrize("case", CASES)
def test_reported_fault(plane, case):
    setup, steps = CASES[case]
    with plane.admin() as owner:
        for statement in setup:
            owner.execute(statement)
        for table in re.findall(r"CREATE TABLE (\w+) \(tenant_id", " ".join(setup)):
            assert value(owner, f"SELECT count(*) FROM {table} AS t WHERE to_jsonb(t)::text LIKE '%: \"b\"%'") > 0, "the control: tenant b has a row"
        for kind, text, right in steps:
            if kind == ASK:
                with plane.session() as session:
                    if isinstance(right, str):
                        error = session.ask_refused((right,), text, tenant="a")
                        assert "hidden" not in str(error) and "66" not in str(error), error
                    else:
                        answer = session.ask(text, tenant="a")
                        assert answer["rows"] == right and "66" not in json.dumps(answer["rows"])
            elif kind == CHECK:
                found = value(owner, text)
                assert right.search(found) if isinstance(right, re.Pattern) else found == right, f"{found!r} of {text}"
            elif kind == "fixes":
                for (fix,) in owner.execute("SELECT fix FROM splitplane.doctor()").fetchall():
                    if not fix.startswith("--"):
                        owner.execute(fix)
            else:
                owner.execute(text)
