"""Every digit arrives: in answers, in typed rows, in data frames; and what has no place in a frame is refused, not rounded."""

import json
import math
from decimal import Decimal

import pandas
import polars
import pytest

from pg_test.clients.harness import Asker, Recording
from splitplane import DataFrameError, DriverError

LONG = Decimal("12345678901234567890.123456789012345678")  # 38 digits
WHOLE = Decimal("99999999999999999999999999999999999999")  # 38 digits
BIG = 2**53 + 1
# (SQL of one value, what it is in Python, its type for ask_rows)
VALUES = [
    (f"{LONG}::numeric", LONG, "numeric"),
    (f"{WHOLE}::numeric", WHOLE, "numeric"),
    ("1.50::numeric(10,2)", Decimal("1.50"), "numeric"),
    ("7::numeric", Decimal(7), "numeric"),
    (f"{BIG}::bigint", BIG, "bigint"),
    ("-9223372036854775807::bigint", -9223372036854775807, "bigint"),
    ("NULL::numeric", None, "numeric"),
    ("'Infinity'::numeric", Decimal("Infinity"), "numeric"),
    ("0.1::float8", 0.1, "float8"),
    ("'-Infinity'::float8", -math.inf, "float8"),
    (f"ARRAY[{LONG}, NULL]::numeric[]", [LONG, None], "numeric[]"),
    (f"ARRAY[{BIG}]::bigint[]", [BIG], "bigint[]"),
    ("(repeat('9', 5000))::numeric", Decimal("9" * 5000), "numeric"),
]


def exactly(value):
    """Value and type: 7, 7.0 and Decimal(7) are equal in Python."""
    return [exactly(item) for item in value] if isinstance(value, list) else (type(value), str(value))


def test_the_controls_lose_digits():
    assert float(LONG) != LONG and float(BIG) != BIG
    assert json.loads(f"[{LONG}]")[0] != LONG


@pytest.mark.parametrize("numbers", ["number", "text"])
def test_answers(asker, wire, numbers):
    with asker.another(Recording(wire), wire.role(splitplane__json_numbers=numbers)) as chosen:
        for sql, value, _ in VALUES:
            assert exactly(chosen.ask(sql=f"SELECT {sql} AS v").rows[0][0]) == exactly(value), sql
        (nan, also) = chosen.ask(sql="SELECT 'NaN'::numeric AS a, 'NaN'::float8 AS b").rows[0]
        assert isinstance(nan, Decimal) and nan.is_nan() and isinstance(also, float) and math.isnan(also)
        inside = chosen.ask(sql=f"SELECT jsonb_build_object('n', {LONG}::numeric, 'i', {BIG}) AS v").rows[0][0]
        assert exactly([inside["n"], inside["i"]]) == exactly([LONG, BIG])
        assert chosen.ask(sql="SELECT '1.50' AS a, ARRAY['2'] AS b").rows == [("1.50", ["2"])], "text stays text"


def test_typed_rows(asker):
    for sql, value, kind in VALUES:
        assert exactly(asker.ask_rows(sql=f"SELECT {sql} AS v", columns={"v": kind}).rows[0][0]) == exactly(value), sql
    (nan,) = asker.ask_rows(sql="SELECT 'NaN'::numeric AS v", columns={"v": "numeric"}).rows[0]
    assert isinstance(nan, Decimal) and nan.is_nan()
    text = asker.ask_rows(sql=f"SELECT jsonb_build_object('n', {LONG}::numeric) AS v", columns={"v": "jsonb"}).rows[0][0]
    assert str(LONG) in text, "json comes as its text"


def test_what_the_driver_cannot_read_is_an_error_of_its_own(wire):
    with Asker("psycopg", wire) as asker:
        with pytest.raises(DriverError, match="DataError"):
            asker.ask_rows(sql="SELECT 'infinity'::timestamptz AS v")
        assert asker.ask(sql="SELECT 'infinity'::timestamptz AS v").rows == [("infinity",)]


TABLE = f"""SELECT * FROM (VALUES
    ({LONG}::numeric, {BIG}::bigint, 0.5::numeric(5,2), 1.5::float8, 'x', true, timestamptz '2026-01-01 12:00+02', date '2026-01-01', jsonb '{{"n": 1.10}}'),
    (NULL, NULL, 1234567, NULL, NULL, NULL, NULL, NULL, NULL)) AS t(long, big, money, real, words, yes, at, day, doc)"""
COLUMNS = {
    "long": "numeric", "big": "bigint", "money": "decimal(12, 2)", "real": "float8", "words": "text", "yes": "bool",
    "at": "timestamptz", "day": "date", "doc": "jsonb",
}  # fmt: skip


def test_frames_of_polars(asker):
    frame = asker.ask_rows(sql=TABLE, columns=COLUMNS).to_polars()
    assert frame["long"].to_list() == [LONG, None] and frame["long"].dtype == polars.Decimal(38, 18)
    assert frame["big"].to_list() == [BIG, None] and frame["big"].dtype == polars.Int64
    assert frame["money"].to_list() == [Decimal("0.50"), Decimal("1234567.00")]
    assert [str(kind) for kind in frame.dtypes[3:]] == [
        "Float64", "String", "Boolean", "Datetime(time_unit='us', time_zone='UTC')", "Date", "String",
    ]  # fmt: skip
    assert frame["at"].to_list()[0].isoformat() == "2026-01-01T10:00:00+00:00"
    assert polars.DataFrame({"v": [float(LONG)]})["v"][0] != LONG, "the control: floating point loses digits"
    empty = asker.ask_rows(sql=f"{TABLE} WHERE big < 0", columns=COLUMNS).to_polars()
    assert len(empty) == 0 and empty.dtypes[1:] == frame.dtypes[1:], "an empty frame has the same types, but for a scale that no type names"
    listed = asker.ask_rows(sql=f"SELECT ARRAY[{LONG}, 1.5] AS v", columns={"v": "numeric[]"}).to_polars()
    assert listed["v"].to_list() == [[LONG, Decimal("1.5")]]


def test_frames_of_pandas(asker):
    frame = asker.ask_rows(sql=TABLE, columns=COLUMNS).to_pandas()
    assert list(frame["long"]) == [LONG, None] and frame["long"].dtype == object
    assert int(frame["big"][0]) == BIG and frame["big"].dtype == "Int64" and pandas.isna(frame["big"][1])
    assert str(sum(frame["money"])) == "1234567.50"
    assert str(frame["at"].dtype).startswith("datetime64[") and frame["yes"].dtype == "boolean"
    assert int(pandas.Series([BIG, None])[0]) != BIG, "the control: pandas takes integers with a NULL for floating point"
    assert list(asker.ask_rows(sql="SELECT 'NaN'::numeric AS v").to_pandas()["v"].map(str)) == ["NaN"]
    assert len(asker.ask_rows(sql=f"{TABLE} WHERE big < 0", columns=COLUMNS).to_pandas()) == 0


def test_what_a_frame_has_no_place_for_is_refused_or_text(asker):
    for sql, value in (("'NaN'::numeric", "NaN"), (f"{WHOLE}0::numeric", f"{WHOLE}0")):
        rows = asker.ask_rows(sql=f"SELECT {sql} AS v")
        with pytest.raises(DataFrameError, match="'v'"):
            rows.to_polars()
        assert rows.to_polars(numbers="text")["v"].to_list() == [value]
        assert rows.to_pandas(numbers="text")["v"].to_list() == [value]
    both = asker.ask_rows(sql=f"SELECT v FROM (VALUES ({WHOLE}::numeric), (0.1)) AS t(v)", columns={"v": "numeric"})
    with pytest.raises(DataFrameError, match="39 digits"):
        both.to_polars()
    assert list(both.to_pandas()["v"]) == [WHOLE, Decimal("0.1")]
