"""Values that a statement makes, a little over and a little under what a function, operator or comparison may read in one go.

What would run long without heeding a cancel is refused with 53400 before it starts. How long the largest admitted values take
is measured by pg_test/interrupts. What runs long and heeds a cancel is left to the deadline.
"""

import time

import pytest

LIMIT, FINE = "53400", "answered"


def text(size: int) -> str:
    return f"(SELECT string_agg('ab ', '') FROM generate_series(1, {size // 3}))"


def number(size: int) -> str:
    """A numeric of so many bytes, four digits in every two: zeros that are not stored count, since arithmetic works with them."""
    return f"'7e{size * 2}'::numeric"


def points(count: int) -> str:
    return f"repeat('(1,2),', {count}) || '(3,4)'"


# (what, SQL with {} for a value, under, over)
BOUNDS = [
    ("position", "SELECT position(repeat('b', 500) IN {})", text(60_000), text(70_000)),
    ("position, long needle", "SELECT position({} IN repeat('a', 40000))", text(1_900), text(2_200)),
    ("like", "SELECT {} LIKE '%' || repeat('b', 300) || '%'", text(60_000), text(70_000)),
    ("replace", "SELECT length(replace({}, repeat('q', 300), 'r'))", text(60_000), text(70_000)),
    ("multiplication", "SELECT scale({} * 7)", number(45_000), number(50_000)),
    ("division", "SELECT scale({} / 7)", number(45_000), number(50_000)),
    ("power", "SELECT scale({} ^ 1)", number(30_000), number(34_000)),
    ("greatest", "SELECT length(GREATEST({0}, {0} || 'a'))", text(1_000_000), text(1_100_000)),
    ("least of numbers", "SELECT scale(LEAST({0}, {0} + 1))", number(45_000), number(50_000)),
    ("is distinct from", "SELECT {0} IS DISTINCT FROM {0}", text(1_000_000), text(1_100_000)),
    ("nullif", "SELECT NULLIF({0}, {0})", text(1_000_000), text(1_100_000)),
    ("row comparison", "SELECT ROW({0}, 1) < ROW({0}, 2)", text(1_000_000), text(1_100_000)),
    ("row values", "SELECT ({0}, 1) IN (SELECT {0}, 2)", text(1_000_000), text(1_100_000)),
    ("sorting", "SELECT count(*) FROM (SELECT x FROM (VALUES ({0}), ({0})) AS v (x) ORDER BY x OFFSET 0) AS s", text(1_000_000), text(1_100_000)),
    ("distinct", "SELECT count(*) FROM (SELECT DISTINCT x FROM (VALUES ({0}), ({0})) AS v (x)) AS s", text(1_000_000), text(1_100_000)),
    ("same polygon", "SELECT ({0})::polygon ~= ({0})::polygon", points(450), points(600)),
    ("path distance", "SELECT ({0})::path <-> ({0})::path", points(450), points(600)),
    ("arrays in arrays", "SELECT string_to_array({0}, ' ') && string_to_array(replace({0}, 'b', 'c'), ' ')", text(12_000), text(12_700)),
    ("rank", "SELECT ts_rank(to_tsvector('simple', 'a'), to_tsquery('simple', {} || 'x'))", "repeat('x|', 400)", "repeat('x|', 3000)"),
    ("pattern, long text", "SELECT {} ~ 'b{{3}}c'", text(990_000), text(1_100_000)),
    ("long pattern", f"SELECT {{}} ~ '{'b' * 300}'", text(60_000), text(70_000)),
    ("pattern that looks around", "SELECT {} ~ 'b(?=c)'", text(7_800), text(8_600)),
    ("pattern made on the way", "SELECT {} ~ p FROM (VALUES ('b'), ('c')) AS v (p)", text(60_000), text(70_000)),
    ("length of a pattern made on the way", "SELECT 'abc' ~ {}", "repeat('b', 3900)", "repeat('b', 4200)"),
    ("replacing by pattern", "SELECT length(regexp_replace({}, 'b{{3}}', 'c', 'g'))", text(990_000), text(1_100_000)),
    ("splitting by pattern", "SELECT count(*) FROM regexp_split_to_table({}, ' +') AS t", text(300_000), text(1_100_000)),
    ("similar to", "SELECT {} SIMILAR TO '%b{{3}}%'", text(60_000), text(1_100_000)),
    ("one of several patterns", "SELECT {} ~ ANY (ARRAY['b{{3}}', 'c'])", text(31_000), text(36_000)),
    ("lists in a path of JSON", "SELECT jsonb_path_exists(jsonb_build_object('a', to_jsonb({})), '$.a ? (@ == \"b\")')", text(60_000), text(70_000)),
    ("marks that combine", "SELECT length(normalize({}))", text(7_800), text(8_600)),
    ("path of JSON", "SELECT jsonb_path_exists(to_jsonb({}), '$.a')", text(600_000), text(1_200_000)),
]


@pytest.mark.parametrize(("what", "sql", "under", "over"), BOUNDS, ids=[bound[0] for bound in BOUNDS])
def test_bounds(session, what, sql, under, over):
    session.ask(sql.format(under))
    session.ask_refused(LIMIT, sql.format(over))


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT 'abc' ~ '{'b' * 4_200}'",
        f"SELECT 'abc' ~ '{'(?=b)' * 5}'",
        "SELECT 'abc' ~ ANY (ARRAY['b(?=c)', 'c'])",
        "SELECT 'abc' ~ (p || '(?=c)') FROM (VALUES ('b')) AS v (p)",
        f"SELECT jsonb_path_exists('\"abc\"', '$ ? (@ like_regex \"{'b' * 4_200}\")')",
    ],
    ids=["too long", "looks around too often", "looks around in a list", "looks around, made on the way", "too long in a JSON path"],
)
def test_patterns_that_are_refused_before_anything_runs(session, sql):
    session.ask_refused(LIMIT, sql)


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT count(*) FROM sales WHERE note ~ '^CANARY'", None),
        ("SELECT count(*) FROM sales WHERE note ~* 'c(?=anary)'", None),
        ("SELECT substring('foobar' FROM 2 FOR 3)", "oob"),
        ("SELECT substring('foobar' FROM 'o(.)b')", "o"),
        ("SELECT regexp_replace('2026-11-28', '(\\d+)-(\\d+)', '\\2/\\1')", "11/2026-28"),
        ("SELECT 'store 12' SIMILAR TO 'store [0-9]+'", True),
        # How many digits follow the point differs between majors.
        ("SELECT trunc(3::numeric ^ 100)::text", "515377520732011331036461129765621272702107522001"),
        ("SELECT GREATEST(1.5, 2.25)", 2.25),
        ("SELECT NULLIF('a', 'b')", "a"),
    ],
)
def test_ordinary_calls_are_answered(session, sql, value):
    assert value is None and session.ask(sql)["row_count"] == 1 or session.value(sql) == value


GROUPED = "n || repeat('x', 9000)"


@pytest.mark.parametrize(
    "expression",
    [f"length({GROUPED})", f"position('q' IN {GROUPED})", f"({GROUPED} || 'y') IS NULL", f"upper({GROUPED}) = ''", GROUPED],
)
@pytest.mark.parametrize("grouping", ["ROLLUP", "CUBE"])
def test_large_values_that_are_grouped_by(wire, session, expression, grouping):
    """The value is measured as a key and once more where it is read; the row of totals has NULL in its place, as PostgreSQL has it."""
    sql = f"SELECT {expression}, count(*) FROM (VALUES ('a'), ('b')) AS v (n) GROUP BY {grouping} ({GROUPED}) ORDER BY 2, 1"
    with wire.admin() as admin:
        expected = [list(row) for row in admin.execute(sql).fetchall()]
    assert expected[-1][1] == 2
    assert session.ask(sql)["rows"] == expected


# What heeds a cancel between its rows, however long it takes in all.
LEFT_TO_THE_DEADLINE = {
    "min over records": "SELECT min(ROW(g, h)::text) FROM generate_series(1, 30000) AS g, generate_series(1, 30000) AS h",
    "moving frame": "SELECT count(m) FROM (SELECT max(g) OVER (ORDER BY g ROWS BETWEEN 20000 PRECEDING AND 20000 FOLLOWING) AS m FROM generate_series(1, 200000) AS g) AS t",
    "nested loop": "SELECT count(*) FROM generate_series(1, 100000) AS a (x) JOIN generate_series(1, 100000) AS b (y) ON x * y < 0",
}


@pytest.mark.parametrize("what", LEFT_TO_THE_DEADLINE)
def test_the_deadline_comes_in_time(wire, what):
    """A second, and one more for a slow machine."""
    role = wire.role(splitplane__deadline="1s")
    with wire.session(user=role) as session:
        started = time.monotonic()
        session.ask_refused(("57014", "53400"), LEFT_TO_THE_DEADLINE[what])
        assert time.monotonic() - started < 3
