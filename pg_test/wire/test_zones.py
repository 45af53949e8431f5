"""Texts that name a time zone: PostgreSQL keeps whatever it once took for one until the session ends, some 20 kB apiece.

Names of pg_timezone_names in any case and fixed offsets are read, whether the statement spells them out, makes them or finds
them in a column. Every other spelling is 22023, and a session's memory stays as it was.
"""

import pytest
from splitplane_test.session import memory_kb

# A zone by rule, as POSIX writes it; one for each number.
RULE = "'AB' || chr(65 + g / 26 % 26) || chr(65 + g % 26) || '+' || g % 10"
NOON = "timestamptz '2026-07-01 12:00:00+00'"


@pytest.fixture(scope="module", autouse=True)
def visits(wire):
    wire.run("CREATE TABLE branches (tenant_id text NOT NULL, name text, tz text, opened text, sku text, hours text[], at timestamptz)")
    wire.run(
        "INSERT INTO branches VALUES ('brand-a', 'Leeds', 'Europe/London', '2026-07-01 12:00 Europe/London', 'INV-77', '{10:00,22:00}', '2026-07-01 12:00+00'),"
        "('brand-a', 'York', 'ABC+3', '2026-07-01 12:00 ABC+3', 'Model-X5 2024', '{10:00 ABC+3}', '2026-07-01 12:00+00'),"
        "('brand-b', 'Kyiv', 'DEF+4', '2026-07-01 12:00 DEF+4', 'x', '{}', '2026-07-01 12:00+00')"
    )
    wire.run("SELECT splitplane.protect('branches', '{\"tenant_id\": \"tenant\"}')")


ANSWERED = {
    # Zones that the statement names.
    f"SELECT {NOON} AT TIME ZONE 'Europe/Berlin'": "2026-07-01T14:00:00",
    f"SELECT {NOON} AT TIME ZONE 'europe/berlin'": "2026-07-01T14:00:00",
    f"SELECT {NOON} AT TIME ZONE 'UTC'": "2026-07-01T12:00:00",
    f"SELECT {NOON} AT TIME ZONE '+02'": "2026-07-01T10:00:00",
    f"SELECT {NOON} AT TIME ZONE '-05:30'": "2026-07-01T17:30:00",
    f"SELECT {NOON} AT TIME ZONE interval '2 hours'": "2026-07-01T14:00:00",
    f"SELECT {NOON} AT TIME ZONE NULL::text": None,
    "SELECT date_trunc('day', timestamptz '2026-07-01 23:00+00', 'Asia/Tokyo') = timestamptz '2026-07-01 15:00+00'": True,
    "SELECT make_timestamptz(2026, 7, 1, 14, 0, 0, 'Europe/Berlin') = timestamptz '2026-07-01 12:00+00'": True,
    "SELECT make_timestamptz(timezone => 'Europe/Berlin', year => 2026, month => 7, mday => 1, hour => 14, min => 0, sec => 0)"
    " = timestamptz '2026-07-01 12:00+00'": True,
    # Made while the statement runs, and out of columns.
    f"SELECT {NOON} AT TIME ZONE ('Europe/' || city) FROM (VALUES ('Berlin')) AS v (city)": "2026-07-01T14:00:00",
    "SELECT at AT TIME ZONE tz FROM branches WHERE name = 'Leeds'": "2026-07-01T13:00:00",
    "SELECT opened::timestamptz = at - interval '1 hour' FROM branches WHERE name = 'Leeds'": True,
    "SELECT hours::time[] = ARRAY['10:00', '22:00']::time[] FROM branches WHERE name = 'Leeds'": True,
    # Dates and times of all sorts.
    "SELECT timestamptz '2026-07-01 12:00 Europe/Berlin' = timestamptz '2026-07-01 10:00+00'": True,
    "SELECT timestamptz '2026-07-01T12:00:00.5Z' = timestamptz '2026-07-01 12:00:00.5+00'": True,
    "SELECT timestamptz 'Jul 1, 2026 12:00 PM UTC' = timestamptz '2026-07-01 12:00+00'": True,
    "SELECT timestamptz '2026-07-01 12:00 PST' = timestamptz '2026-07-01 20:00+00'": True,
    "SELECT date 'Feb-7-1997' = date '1997-02-07'": True,
    "SELECT date '7-Feb-1997' = date '1997-02-07'": True,
    "SELECT date 'J2450487' = date '1997-02-07'": True,
    "SELECT timestamp 'Feb-7-1997 15:23' = timestamp '1997-02-07 15:23'": True,
    "SELECT time '10:00' < '11:30'": True,
    "SELECT '[2026-01-01,2026-02-01)'::daterange @> date '2026-01-15'": True,
    "SELECT '{2026-01-01,2026-Feb-01}'::date[] @> ARRAY[date '2026-02-01']": True,
    "SELECT count(*) FROM json_to_recordset('[{\"d\": \"2026-01-01\", \"l\": \"a-1\"}, {\"d\": \"2026-01-02\"}]') AS r (d date)": 2,
    # Texts that are none, digits and years in them or not.
    "SELECT count(*) FROM branches WHERE sku IN ('INV-77', 'Model-X5 2024')": 2,
    "SELECT count(*) FROM branches WHERE sku = 'Order 2026-01-01'": 0,
    "SELECT count(*) FROM branches WHERE sku = 'Order of 2026-01-01 A77'": 0,
    "SELECT jsonb_path_exists('{\"o\": [{\"d\": \"2026-01-01\", \"s\": \"s1\"}]}', '$.o[*] ? (@.d == \"2026-01-01\" && @.s == \"s1\")')": True,
    "SELECT to_char(4567.5, 'FM999,999,990.00')": "4,567.50",
    "SELECT to_char(timestamp '2026-07-01 09:05', 'FMHH24:MI DD.MM.YYYY')": "9:05 01.07.2026",
    "SELECT '{\"sku\": \"A77\", \"on\": \"2026-01-01\"}'::jsonb ->> 'sku'": "A77",
    "SELECT '[\"A77\", 20260101, 3]'::jsonb ->> 0": "A77",
}

REFUSED = [
    f"SELECT {NOON} AT TIME ZONE 'ABC+3'",
    f"SELECT {NOON} AT TIME ZONE 'EST5EDT4'",
    f"SELECT {NOON} AT TIME ZONE 'localtime'",
    f"SELECT {NOON} AT TIME ZONE 'posixrules'",
    f"SELECT {NOON} AT TIME ZONE 'Factory'",
    f"SELECT {NOON} AT TIME ZONE 'posix/Europe/Berlin'",
    f"SELECT {NOON} AT TIME ZONE 'right/Europe/Berlin'",
    f"SELECT {NOON} AT TIME ZONE '../../zones'",
    f"SELECT {NOON} AT TIME ZONE ''",
    f"SELECT {NOON} AT TIME ZONE 'Europe'",
    f"SELECT {NOON} AT TIME ZONE '+02:07'",
    f"SELECT timezone('ABC+3', {NOON})",
    "SELECT timetz '12:00+00' AT TIME ZONE 'ABC+3'",
    "SELECT timestamp '2026-07-01 12:00' AT TIME ZONE 'ABC+3'",
    f"SELECT date_trunc('day', {NOON}, 'ABC+3')",
    "SELECT make_timestamptz(2026, 7, 1, 14, 0, 0, 'ABC+3')",
    "SELECT make_timestamptz(timezone => 'ABC+3', year => 2026, month => 7, mday => 1, hour => 14, min => 0, sec => 0)",
    f"SELECT {NOON} AT TIME ZONE (a || '+3') FROM (VALUES ('ABC')) AS v (a)",
    "SELECT at AT TIME ZONE tz FROM branches WHERE name = 'York'",
    "SELECT opened::timestamptz FROM branches WHERE name = 'York'",
    "SELECT opened::timestamptz::text::timestamptz FROM branches WHERE name = 'York'",
    "SELECT hours::timetz[] FROM branches WHERE name = 'York'",
    "SELECT timestamptz '2026-07-01 12:00 ABC+3'",
    "SELECT '2026-07-01 12:00 ABC+3'::timestamptz",
    "SELECT '2026-07-01 12:00 ABC+3'::timestamp",
    "SELECT '2026-07-01 ABC+3'::date",
    "SELECT timetz 'ABC+3 10:00'",
    "SELECT timetz 'ABC+3 1030'",
    "SELECT timetz '10:00 ABC+3'",
    f"SELECT {NOON} > '2026-07-01 12:00 ABC+3'",
    f"SELECT {NOON} IN ('2026-07-01 12:00', '20260701 120000 ABC+3')",
    f"SELECT {NOON} = ANY ('{{2026-07-01 12:00 ABC+3}}')",
    "SELECT '[2026-07-01 12:00 ABC+3,2026-08-01)'::tstzrange",
    "SELECT '{\"2026-07-01 12:00 ABC+3\"}'::timestamptz[]",
    "SELECT d FROM json_to_recordset('[{\"d\": \"2026-01-01 10:00 ABC+3\"}]') AS r (d timestamptz)",
    "SELECT d FROM jsonb_to_record('{\"d\": \"2026-01-01 10:00 ABC+3\"}') AS r (d timestamptz)",
    f"SELECT count({NOON} AT TIME ZONE ({RULE})) FROM generate_series(1, 5000) AS g",
    f"SELECT count(('2026-01-01 ' || {RULE})::timestamptz) FROM generate_series(1, 5000) AS g",
    f"SELECT count(('10:00 ' || {RULE})::timetz) FROM generate_series(1, 5000) AS g",
    f"SELECT count(ARRAY['10:00 ' || {RULE}]::timetz[]) FROM generate_series(1, 5000) AS g",
]


@pytest.mark.parametrize("sql", ANSWERED)
def test_zones_that_are_read(session, sql):
    assert session.value(sql) == ANSWERED[sql]


@pytest.mark.parametrize("sql", REFUSED)
def test_other_spellings_are_refused(session, sql):
    session.ask_refused("22023", sql)


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT generate_series({NOON}, {NOON}, interval '1 day', 'ABC+3')",
        f"SELECT date_add({NOON}, interval '1 day', 'ABC+3')",
        f"SELECT date_subtract({NOON}, interval '1 day', 'ABC+3')",
    ],
)
def test_functions_of_later_majors(wire, session, sql):
    major = int(wire.run("SELECT current_setting('server_version_num')::int / 10000")[0])
    session.ask_refused("22023" if major >= 16 else ("42883", "42501"), sql)


def test_json_paths_read_offsets_only(session):
    """A path's datetime() reads fixed forms with offsets; a zone's name is no part of any."""
    path = "SELECT jsonb_path_exists_tz('\"{}\"', '$.datetime() < \"2027-01-01\".datetime()')"
    assert session.value(path.format("2026-07-01T12:00:00+02")) is True
    session.ask_refused("22023", path.format("2026-07-01 12:00:00 ABC+3"))
    made = "SELECT jsonb_path_match_tz(to_jsonb('2026-07-01 12:00:00 ' || zone), '$.datetime() < \"2027-01-01\".datetime()') FROM (VALUES ('{}')) AS v (zone)"
    assert session.value(made.format("+02")) is True
    assert session.value(made.format("ABC+3")) is None


def test_many_texts_that_might_be_times(session):
    """A literal such as 'Model-X5 2024' names a zone if it is compared with a time: a few are let by, and no more."""
    listed = ", ".join(f"'Model-X{number} 2024'" for number in range(10))
    assert session.value(f"SELECT count(*) FROM branches WHERE sku IN ({listed})") == 1
    many = ", ".join(f"'Model-X{number} 2024'" for number in range(100))
    session.ask_refused("22023", f"SELECT count(*) FROM branches WHERE sku IN ({many})")


def test_memory_stays(wire):
    """Each of these would leave its zones behind. The control: outside of the plane they do."""
    names = [f"ABC{chr(65 + number // 26 % 26)}{chr(65 + number % 26)}+{number % 10}" for number in range(600)]
    with wire.session() as session:
        def all_of_them():
            for sql in REFUSED:
                session.ask_refused("22023", sql)
            for start in range(0, 600, 50):
                listed = ", ".join(f"'2026-01-01 10:00 {name}'" for name in names[start : start + 50])
                session.ask_refused("22023", f"SELECT count(*) FROM branches WHERE at IN ({listed})")

        all_of_them()
        before = memory_kb(session.pid, "RssAnon")
        for _ in range(5):
            all_of_them()
        assert memory_kb(session.pid, "RssAnon") - before < 1024
        for name in names:
            session.execute(f"SELECT now() AT TIME ZONE '{name}'")
        assert memory_kb(session.pid, "RssAnon") - before > 4 * 1024, "the control: they are kept otherwise"
