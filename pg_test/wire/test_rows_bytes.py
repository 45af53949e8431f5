"""splitplane.max_bytes of ask_rows: what the caller reads counts, not what compression has made of it."""

import json

import psycopg
import pytest
from harness import Wire

LIMIT = 64 * 1024
MANY = "CREATE TABLE texts (tenant_id text NOT NULL, id int, body text, docs text[], doc jsonb, raw bytea)"


@pytest.fixture(scope="module")
def packed(cluster):
    """Values that compress to a hundredth: in line, and out of line compressed and not."""
    made = Wire.build(cluster, "packed")
    made.run(MANY)
    made.run("ALTER TABLE texts ALTER docs SET STORAGE MAIN")
    made.run(
        """INSERT INTO texts SELECT 'brand-a', n, repeat('x', size), ARRAY[repeat('y', size)], jsonb_build_object('a', repeat('z', size)),
           repeat('w', size)::bytea FROM (VALUES (1, 40000), (2, 70000), (3, 3000000)) AS v(n, size)"""
    )
    made.run("SELECT splitplane.protect('texts', '{\"tenant_id\": \"tenant\"}')")
    sizes = made.run("SELECT max(pg_column_size(body)), max(pg_column_size(docs)) FROM texts WHERE id = 2")
    assert max(sizes) < 5000, "the control: they are compressed"
    return made


def rows(wire, sql: str, columns: str, max_bytes: str = "64kB"):
    """The rows, or the SQLSTATE."""
    with wire.session(user=wire.role(splitplane__max_bytes=max_bytes)) as session:
        statement = f"SELECT * FROM ask_rows(%s::text::jsonb, sql => %s) AS t({columns})"
        try:
            return session.execute(statement, (json.dumps(wire.sign(sql)), sql)).fetchall()
        except psycopg.Error as error:
            return error.sqlstate


@pytest.mark.parametrize(("column", "kind"), [("body", "text"), ("docs", "text[]"), ("doc", "jsonb"), ("raw", "bytea")])
def test_a_compressed_value_counts_unpacked(packed, column, kind):
    sql = f"SELECT {column} FROM texts WHERE id = {{}}"
    assert len(rows(packed, sql.format(1), f"v {kind}")) == 1
    for number in (2, 3):
        assert rows(packed, sql.format(number), f"v {kind}") == "53400"
    assert len(rows(packed, sql.format(2), f"v {kind}", "128kB")) == 1
    # Together they are over it.
    assert rows(packed, f"SELECT {column} FROM texts WHERE id < 3", f"v {kind}", "96kB") == "53400"
    assert len(rows(packed, f"SELECT {column} FROM texts WHERE id < 3", f"v {kind}", "128kB")) == 2


# ROW(..) unpacks its columns; the row of a subquery has them as they were stored.
KEPT = "(SELECT id, body FROM texts WHERE id = {} OFFSET 0) AS x"


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        (f"SELECT x FROM {KEPT}", "record"),
        (f"SELECT array_agg(x) FROM {KEPT}", "record[]"),
        (f"SELECT ARRAY[x, NULL, x] FROM {KEPT}", "record[]"),
        (f"SELECT ROW(1, x) FROM {KEPT}", "record"),
        (f"SELECT ROW(1, ARRAY[ROW(x)]) FROM {KEPT}", "record"),
        ("WITH x AS MATERIALIZED (SELECT id, body FROM texts WHERE id = {}) SELECT x FROM x", "record"),
        ("SELECT (SELECT x FROM (SELECT id, body FROM texts WHERE id = {} LIMIT 1) AS x)", "record"),
        ("SELECT ROW(id, body) FROM texts WHERE id = {}", "record"),
        ("SELECT t FROM texts AS t WHERE id = {}", "record"),
    ],
)
def test_values_within_rows_count_unpacked(packed, sql, kind):
    counted = f"SELECT pg_column_size(v) FROM ask_rows(%s::text::jsonb, sql => %s) AS t(v {kind})"
    for number, most, answered in ((1, "256kB", True), (2, "64kB", False), (3, "256kB", False)):
        with packed.session(user=packed.role(splitplane__max_bytes=most)) as session:
            text = sql.format(number)
            try:
                found = len(session.execute(counted, (json.dumps(packed.sign(text)), text)).fetchall()) == 1
            except psycopg.Error as error:
                assert error.sqlstate == "53400", error
                found = False
            assert found is answered, (text, most)


def test_the_count_is_that_of_the_unpacked_row(packed):
    """At the edge: what `ask_rows` admits is the size of the tuple with its value unpacked, give or take its header."""
    with packed.admin() as admin:
        for size in (LIMIT - 100, LIMIT + 100):
            admin.execute("UPDATE texts SET body = repeat('x', %s) WHERE id = 1", (size,))
            found = rows(packed, "SELECT body FROM texts WHERE id = 1", "v text")
            assert (found == "53400") is (size > LIMIT), (size, found if isinstance(found, str) else len(found))
        admin.execute("UPDATE texts SET body = repeat('x', 40000) WHERE id = 1")


def test_what_is_not_compressed_counts_as_before(packed):
    """Many small values and values that do not compress: the tuple's own size."""
    small = "SELECT g, md5(g::text) || md5('x') FROM generate_series(1, {}) AS g"
    assert len(rows(packed, small.format(680), "g int, m text")) == 680
    assert rows(packed, small.format(730), "g int, m text") == "53400"
    noise = "SELECT string_agg(md5(g::text), '') FROM generate_series(1, {}) AS g"
    assert len(rows(packed, noise.format(2000), "m text")) == 1
    assert rows(packed, noise.format(2100), "m text") == "53400"
