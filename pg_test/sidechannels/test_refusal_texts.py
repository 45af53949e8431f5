"""A refusal tells nothing but the name that the caller wrote.

Whatever lies outside the plane is refused in the bytes in which a name is refused that nothing has: relations, columns,
functions, types, operators, collations and schemas, in every place where they can stand, by all three entry points.
"""

import psycopg
import pytest
from splitplane_test.session import COMPARED_FIELDS, canaries, fingerprint, refusal

UNKNOWN = "unknown_thing"
RELATIONS = [
    "hidden_table", "hidden_parent", "hidden_part", "hidden_view", "hidden_matview", "hidden_sequence", "hidden_index",
    "hidden_foreign", "hidden_row", "vault", "pg_class", "pg_authid", "pg_stats", "letters",
]  # fmt: skip
RELATION_PLACES = {
    "from": "SELECT * FROM {}",
    "column": "SELECT secret FROM {}",
    "joined": "SELECT s.note FROM sales s JOIN {} v ON true",
    "using": "SELECT * FROM sales JOIN {} USING (sale_id)",
    "comma": "SELECT 1 FROM sales, {}",
    "subquery": "SELECT (SELECT count(*) FROM {})",
    "exists": "SELECT 1 FROM sales WHERE EXISTS (SELECT FROM {})",
    "in": "SELECT 1 FROM sales WHERE amount IN (SELECT id FROM {})",
    "cte": "WITH x AS (SELECT * FROM {}) SELECT * FROM x",
    "unused-cte": "WITH x AS (SELECT * FROM {}) SELECT 1",
    "recursive": "WITH RECURSIVE x AS (SELECT 1 AS n UNION SELECT n FROM x, {}) SELECT * FROM x",
    "union": "SELECT note FROM sales UNION ALL SELECT secret FROM {}",
    "table": "TABLE {}",
    "table-arm": "SELECT note FROM sales UNION TABLE {}",
    "lateral": "SELECT 1 FROM sales s, LATERAL (SELECT s.note FROM {}) x",
    "order-by": "SELECT 1 ORDER BY (SELECT count(*) FROM {})",
    "never-run": "SELECT CASE WHEN false THEN (SELECT count(*) FROM {}) END",
    "limit": "SELECT 1 LIMIT (SELECT count(*) FROM {})",
    "alias": "SELECT x.a FROM {} AS x(a)",
    "public": "SELECT * FROM public.{}",
    "quoted": 'SELECT * FROM "{}"',
    "other-schema": "SELECT * FROM hidden_schema.{}",
    "splitplane": "SELECT * FROM splitplane.{}",
    "catalog": "SELECT * FROM pg_catalog.{}",
    "unreferenced-from": "SELECT {}.secret FROM sales",
    "row-of": "SELECT {} FROM sales",
    "star-of": "SELECT {}.* FROM sales",
}
COLUMNS = ["holder", "iban", "tenant_id", "ctid", "xmin", "cmax", "tableoid", "closed_on", "hidden_of_row", "account_ids"]
COLUMN_PLACES = {
    "select": "SELECT {} FROM accounts",
    "dotted": "SELECT accounts.{} FROM accounts",
    "alias": "SELECT a.{} FROM accounts a",
    "where": "SELECT 1 FROM accounts WHERE {} IS NULL",
    "equal": "SELECT 1 FROM accounts WHERE {} = 'x'",
    "order-by": "SELECT 1 FROM accounts ORDER BY {}",
    "group-by": "SELECT 1 FROM accounts GROUP BY {}",
    "aggregate": "SELECT count({}) FROM accounts",
    "window": "SELECT rank() OVER (ORDER BY {}) FROM accounts",
    "using": "SELECT 1 FROM accounts a JOIN accounts b USING ({})",
    "on": "SELECT 1 FROM accounts a JOIN sales s ON a.{} = s.note",
    "correlated": "SELECT (SELECT a.{}) FROM accounts a",
    "cte": "WITH x AS (SELECT * FROM accounts) SELECT {} FROM x",
    "row-field": "SELECT (a).{} FROM accounts a",
    "quoted": 'SELECT "{}" FROM accounts',
    "renamed": "SELECT {} FROM accounts AS a(x, y)",
    "distinct-on": "SELECT DISTINCT ON ({}) 1 FROM accounts",
    "case": "SELECT CASE WHEN false THEN {} END FROM accounts",
    "qualified": "SELECT public.accounts.{} FROM accounts",
}
FUNCTIONS = [
    "hidden_function", "hidden_definer", "hidden_set", "hidden_of_row", "hidden_procedure", "hidden_aggregate", "ask", "ask_rows",
    "pg_sleep", "nextval", "pg_relation_size", "current_setting", "query_to_xml",
]  # fmt: skip
FUNCTION_PLACES = {
    "call": "SELECT {}(1)",
    "no-argument": "SELECT {}()",
    "many-arguments": "SELECT {}(1, 2, 3, 4, 5, 6)",
    "wrong-type": "SELECT {}(ARRAY[now()])",
    "named": "SELECT {}(a => 1)",
    "star": "SELECT {}(*)",
    "distinct": "SELECT {}(DISTINCT 1)",
    "variadic": "SELECT {}(VARIADIC ARRAY[1])",
    "over": "SELECT {}(1) OVER ()",
    "filter": "SELECT {}(1) FILTER (WHERE true)",
    "within": "SELECT {}(1) WITHIN GROUP (ORDER BY 1)",
    "from": "SELECT * FROM {}(1)",
    "rows-from": "SELECT * FROM ROWS FROM ({}(1), generate_series(1, 2)) t",
    "lateral": "SELECT 1 FROM accounts a, LATERAL {}(a.balance) x",
    "of-row": "SELECT {}(a) FROM accounts a",
    "where": "SELECT 1 FROM accounts WHERE {}(balance) = 1",
    "argument": "SELECT abs({}(1))",
    "never-run": "SELECT CASE WHEN false THEN {}(1) END",
    "limit": "SELECT 1 LIMIT {}(1)",
    "public": "SELECT public.{}(1)",
    "other-schema": "SELECT hidden_schema.{}(1)",
    "quoted": 'SELECT "{}"(1)',
}
TYPES = ["hidden_row", "hidden_enum", "hidden_domain", "hidden_range", "hidden_table", "accounts", "_hidden_enum", "regclass", "pg_lsn", "hidden_view"]
TYPE_PLACES = {
    "colons": "SELECT 'x'::{}",
    "cast": "SELECT CAST('x' AS {})",
    "literal": "SELECT {} 'x'",
    "null": "SELECT NULL::{}",
    "array": "SELECT '{{}}'::{}[]",
    "modifier": "SELECT 'x'::{}(3)",
    "of-column": "SELECT balance::{} FROM accounts",
    "never-run": "SELECT CASE WHEN false THEN 'x'::{} END",
    "definition": "SELECT * FROM json_to_record('{{}}') AS t(a {})",
    "public": "SELECT 'x'::public.{}",
    "quoted": "SELECT 'x'::\"{}\"",
}
ENTRY_POINTS = {
    "ask": "SELECT ask(%s::jsonb, sql => %s)",
    "ask_dry_run": "SELECT ask_dry_run(%s::jsonb, sql => %s)",
    "ask_rows": "SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t(a text)",
}
REFUSALS = ("42P01", "42703", "42501", "0A000", "42601")


def said(session, place: str, name: str, entry: str) -> tuple:
    """Everything that a client sees of the refusal, with the name that the caller wrote taken out."""
    sql = place.format(name)
    statement = ENTRY_POINTS[entry]
    error = refusal(lambda: session.execute(statement, (psycopg.types.json.Jsonb(session.plane.sign(sql)), sql)).fetchall(), REFUSALS)
    assert not canaries(str(error), "none"), error
    fields = dict(zip(COMPARED_FIELDS, fingerprint(error), strict=True))
    fields["message_primary"] = fields["message_primary"].replace(name, "<name>")
    return tuple(fields.items())


def refused_alike(session, places: dict, place: str, names: list[str]) -> None:
    """All names by `ask`; some of each list by the other two, which share all stages with it."""
    for entry in ENTRY_POINTS:
        # Some spellings mean something by themselves, whether the name exists or not.
        expected = {mark: said(session, places[place], mark + UNKNOWN, entry) for mark in ("", "_")}
        for name in names if entry == "ask" else names[:4]:
            mark = "_" if name.startswith("_") else ""
            assert said(session, places[place], name, entry) == expected[mark], f"{entry}: {places[place].format(name)}"


@pytest.mark.parametrize("place", RELATION_PLACES)
def test_relations_outside_the_plane_are_refused_alike(steady, place):
    refused_alike(steady, RELATION_PLACES, place, RELATIONS + ["open_table", "keys", "principals", "_fences"])


@pytest.mark.parametrize("place", COLUMN_PLACES)
def test_columns_outside_the_plane_are_refused_alike(steady, place):
    refused_alike(steady, COLUMN_PLACES, place, COLUMNS)


@pytest.mark.parametrize("place", FUNCTION_PLACES)
def test_functions_outside_the_plane_are_refused_alike(steady, place):
    refused_alike(steady, FUNCTION_PLACES, place, FUNCTIONS)


@pytest.mark.parametrize("place", TYPE_PLACES)
def test_types_outside_the_plane_are_refused_alike(steady, place):
    # The gate's grammar knows some of PostgreSQL's own type names as words: that tells of PostgreSQL, not of this database.
    names = [name for name in TYPES if place != "literal" or name not in ("regclass", "pg_lsn")]
    refused_alike(steady, TYPE_PLACES, place, names)


@pytest.mark.parametrize(
    ("place", "unknown", "existing"),
    [
        ("SELECT note {} 'x' FROM sales", "=-=", "==="),
        ("SELECT note OPERATOR(public.{}) 'x' FROM sales", "=-=", "==="),
        ("SELECT note OPERATOR(hidden_schema.{}) 'x' FROM sales", "=-=", "==="),
        ('SELECT note COLLATE "{}" FROM sales', "unknown_collation", "hidden_collation"),
        ('SELECT note COLLATE public."{}" FROM sales', "unknown_collation", "hidden_collation"),
        ("SELECT * FROM {}.open_table", "unknown_schema", "hidden_schema"),
        ("SELECT * FROM {}.unknown_thing", "unknown_schema", "hidden_schema"),
        ("SELECT {}.f(1)", "unknown_schema", "hidden_schema"),
        ("SELECT 'x'::{}.t", "unknown_schema", "hidden_schema"),
        ("SELECT * FROM {}.x.y", "unknown_database", "postgres"),
        ("SELECT '{}'::regclass", "unknown_thing", "hidden_table"),
        ("SELECT '{}'::regrole", "unknown_role", "postgres"),
        ("SELECT to_regclass('{}')", "unknown_thing", "hidden_table"),
        ("SELECT has_table_privilege('{}', 'select')", "unknown_thing", "hidden_table"),
        ("SELECT NULL::{}", "hidden_none", "hidden_enum"),
        ("SELECT 'x'::sales.{}%TYPE", "unknown", "note"),
        ("SELECT current_setting('{}')", "splitplane.unknown", "splitplane.key_file"),
    ],
)
def test_operators_collations_schemas_and_look_ups_are_refused_alike(steady, place, unknown, existing):
    for entry in ENTRY_POINTS:
        assert said(steady, place, existing, entry) == said(steady, place, unknown, entry)


@pytest.mark.parametrize(
    ("typo", "direct"),
    [
        ("SELECT holdr FROM accounts", "HINT"),
        ("SELECT accounts.balanc FROM accounts", "HINT"),
        ("SELECT acount_id FROM accounts", "HINT"),
        ("SELECT ibn FROM accounts a", "HINT"),
        ("SELECT hidden_function('x'::text)", "HINT"),
        ("SELECT balance || ARRAY['x'] FROM accounts", "HINT"),
        ("SELECT 1 FROM sales s WHERE sales.amount = 1", "HINT"),
        ("SELECT nullif(balance, now()) FROM accounts", "HINT"),
    ],
)
def test_hints_of_the_server_do_not_cross(wire, session, typo, direct):
    """The control is the same text without the plane: there PostgreSQL hints, and names hidden columns in it."""
    with wire.admin() as admin, pytest.raises(psycopg.Error) as raw:
        admin.execute(typo)
    if direct:
        assert raw.value.diag.message_hint, "the control: PostgreSQL hints at this"
    for function in ("ask", "ask_dry_run"):
        error = refusal(lambda: session.call(wire.sign(typo), typo, function=function), REFUSALS + ("42803", "42883"))
        for hidden in ("holder", "iban"):
            assert hidden not in str(error)


def test_the_control_without_the_plane_tells_hidden_from_unknown(wire, session):
    """All the objects exist, and the same names written by the same role outside of ask are refused in other bytes."""
    with wire.admin() as admin:
        missing = [name for name in RELATIONS if admin.execute("SELECT to_regclass(%s)", (name,)).fetchone() == (None,)]
        assert not missing
        assert admin.execute("SELECT count(*) FROM pg_proc WHERE proname LIKE 'hidden\\_%'").fetchone()[0] >= 6
        assert admin.execute("SELECT count(*) FROM pg_type WHERE typname = ANY (%s)", (TYPES,)).fetchone()[0] == len(TYPES)
        assert admin.execute("SELECT count(DISTINCT holder) FROM accounts").fetchone() == (15,)
    unknown = refusal(lambda: session.execute(f"SELECT * FROM {UNKNOWN}"), "42P01", hint=True)
    hidden = refusal(lambda: session.execute("SELECT * FROM hidden_table"), "42501", hint=True)
    assert unknown.sqlstate != hidden.sqlstate
    refusal(lambda: session.execute("SELECT nothing FROM accounts"), "42703", hint=True)
    refusal(lambda: session.execute("SELECT holder FROM accounts"), "42501", hint=True)
    assert session.execute("SELECT count(*) FROM hidden_schema.open_table").fetchone() == (0,), "readable, but for the plane"
    # What may be named is answered: the refusals above are not a plane that refuses everything.
    assert session.value("SELECT sum(balance) FROM accounts") == 150
