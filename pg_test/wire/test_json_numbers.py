"""splitplane.json_numbers: which numbers of a document are text, which are not, and that nothing else changes."""

import json
from decimal import Decimal

import pytest
from harness import refusal
from psycopg.types.json import set_json_loads

# (SQL of one value, its JSON as number, its JSON as text)
WIDE = [
    ("9007199254740993::bigint", "9007199254740993", '"9007199254740993"'),
    ("(-9223372036854775807)::bigint", "-9223372036854775807", '"-9223372036854775807"'),
    ("count(*)", "1", '"1"'),
    ("sum(1::bigint)", "1", '"1"'),
    ("12345678901234567890.12345678901234567890", "12345678901234567890.12345678901234567890", '"12345678901234567890.12345678901234567890"'),
    ("1.50::numeric(10,2)", "1.50", '"1.50"'),
    ("'NaN'::numeric", '"NaN"', '"NaN"'),
    ("'-Infinity'::numeric", '"-Infinity"', '"-Infinity"'),
    ("NULL::bigint", "null", "null"),
    ("ARRAY[1,NULL,9007199254740993]::bigint[]", "[1, null, 9007199254740993]", '["1", null, "9007199254740993"]'),
    ("ARRAY[[1,2],[3,NULL]]::bigint[]", "[[1, 2], [3, null]]", '[["1", "2"], ["3", null]]'),
    ("ARRAY[0.10,'NaN',NULL]::numeric[]", '[0.10, "NaN", null]', '["0.10", "NaN", null]'),
    ("'{}'::bigint[]", "[]", "[]"),
    ("array_agg(7::numeric)", "[7]", '["7"]'),
]
# Of other types: the same in both.
OTHERS = [
    "1::smallint", "2147483647", "0.1::real", "1e300::double precision", "'NaN'::double precision", "ARRAY[1,2]", "ARRAY[0.5]::double precision[]",
    "true", "'17'::text", "ARRAY['17','18']", "NULL", "date '2026-01-01'", "int8range(1,5)", "numrange(0.5,1.5)", "'[1,2]'::jsonb", "'{\"a\": 9007199254740993}'::json",
    "jsonb_build_object('n', 9007199254740993, 's', '5')", "to_jsonb(1.50)", "json_agg(9007199254740993)", "ROW(9007199254740993, 'a', 1.5)", "ARRAY[ROW(1::bigint)]",
]


@pytest.fixture(scope="module")
def as_text(wire):
    return wire.role(splitplane__json_numbers="text")


def rows_text(session, sql: str, **more) -> str:
    """The rows as the document has them, before a client reads its numbers."""
    statement = "SELECT ask(%s::text::jsonb, sql => %s) -> 'rows'"
    set_json_loads(lambda text: text.decode() if isinstance(text, bytes) else text, session.connection)
    try:
        return session.execute(statement, (json.dumps(session.wire.sign(sql, **more)), sql)).fetchone()[0]
    finally:
        set_json_loads(json.loads, session.connection)


def test_wide_numbers_are_text_where_the_role_has_it_so(wire, session, as_text):
    with wire.session(user=as_text) as text:
        for value, number, quoted in WIDE:
            sql = f"SELECT {value} AS v"
            assert rows_text(session, sql) == f"[[{number}]]", value
            assert rows_text(text, sql) == f"[[{quoted}]]", value


def test_every_other_type_is_the_same(wire, session, as_text):
    with wire.session(user=as_text) as text:
        for value in OTHERS:
            sql = f"SELECT {value} AS v, 7::bigint AS w, '8' AS x"
            plain = rows_text(session, sql)
            assert plain.endswith(', 7, "8"]]'), plain
            assert rows_text(text, sql) == plain.removesuffix(', 7, "8"]]') + ', "7", "8"]]', value


def test_the_types_say_which(wire, as_text):
    sql = "SELECT count(*) AS a, 1.5 AS b, ARRAY[1::bigint] AS c, ARRAY[1.5] AS d, 1 AS e, '{}'::jsonb AS f"
    with wire.session(user=as_text) as session:
        document = session.ask(sql)
    wide = [type_of["type"] in ("bigint", "numeric", "bigint[]", "numeric[]") for type_of in document["columns"]]
    assert wide == [True, True, True, True, False, False]
    assert document["rows"] == [["1", "1.5", ["1"], ["1.5"], 1, {}]]


def test_domains_count_as_what_they_are_over(own_wire):
    own_wire.run("CREATE DOMAIN order_no AS bigint; CREATE DOMAIN order_nos AS bigint[]; CREATE DOMAIN short_no AS int")
    own_wire.run("CREATE TABLE d (tenant_id text NOT NULL, a order_no, b order_nos, c order_no[], d short_no)")
    own_wire.run("INSERT INTO d VALUES ('brand-a', 9007199254740993, '{1,2}', '{3,4}', 5); SELECT splitplane.protect('d', '{\"tenant_id\": \"tenant\"}')")
    with own_wire.session(user=own_wire.role(splitplane__json_numbers="text")) as session:
        assert rows_text(session, "SELECT a, b, c, d FROM d") == '[["9007199254740993", ["1", "2"], ["3", "4"], 5]]'
    with own_wire.session() as session:
        assert rows_text(session, "SELECT a, b, c, d FROM d") == "[[9007199254740993, [1, 2], [3, 4], 5]]"


def test_quotes_count_against_the_bytes(wire):
    """The cap is on the document as it is sent."""
    sql = "SELECT array_agg(g::bigint % 10) FROM generate_series(1, 700) AS g"
    for numbers, cut in (("number", False), ("text", True)):
        with wire.session(user=wire.role(splitplane__json_numbers=numbers, splitplane__max_bytes="2kB")) as session:
            document = session.ask(sql)
            assert (document["truncated"], document["row_count"]) == (cut, 0 if cut else 1), numbers


def test_ask_rows_and_dry_runs_do_not_change(wire, as_text):
    sql = "SELECT count(*), 1.5"
    with wire.session(user=as_text) as session:
        statement = "SELECT pg_typeof(n)::text, n, m FROM ask_rows(%s::text::jsonb, sql => %s) AS t(n bigint, m numeric)"
        assert session.execute(statement, (json.dumps(wire.sign(sql)), sql)).fetchall() == [("bigint", 1, Decimal("1.5"))]
        assert session.call(wire.sign(sql), sql, function="ask_dry_run")["columns"] == [
            {"name": "count", "type": "bigint"},
            {"name": "?column?", "type": "numeric"},
        ]


def test_only_an_administrator_chooses(wire, session, as_text):
    refusal(lambda: session.execute("SET splitplane.json_numbers = 'text'"), ("42501", "55P02"))
    with wire.session(user=as_text) as text:
        refusal(lambda: text.execute("SET splitplane.json_numbers = 'number'"), ("42501", "55P02"))
    refusal(lambda: wire.run("SET splitplane.json_numbers = 'float'"), "22023", hint=True)
