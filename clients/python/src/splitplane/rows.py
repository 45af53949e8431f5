"""Typed rows of `ask_rows`, and data frames of them in which no number goes through floating point."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from splitplane.errors import DataFrameError

if TYPE_CHECKING:
    import pandas
    import polars

# Decimals of Arrow, and so of polars.
DECIMAL_DIGITS = 38
SYNONYMS = {
    "int2": "smallint", "int": "integer", "int4": "integer", "int8": "bigint", "decimal": "numeric", "float4": "real",
    "float8": "double precision", "bool": "boolean", "varchar": "text", "character varying": "text", "char": "text",
    "character": "text", "timestamptz": "timestamp with time zone", "timestamp without time zone": "timestamp",
}  # fmt: skip
# Types of pandas that know NULL: without them a column of integers with a NULL becomes float64.
PANDAS = {"smallint": "Int16", "integer": "Int32", "bigint": "Int64", "boolean": "boolean"}
FLOATS = {"real": "float32", "double precision": "float64"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result: its name, and its type in PostgreSQL's words."""

    name: str
    type: str

    @property
    def base(self) -> str:
        """The type without length and synonyms: `numeric` for `decimal(10, 2)`."""
        short = re.sub(r" ?\([\d, ]*\)", "", self.type.lower())
        brackets = "[]" if short.endswith("[]") else ""
        name = short.rstrip("[]")
        return SYNONYMS.get(name, name) + brackets


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of `ask_rows`, as the driver reads their types: `numeric` is Decimal. `json` and `jsonb` are their text."""

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    def to_polars(self, *, numbers: Literal["decimal", "text"] = "decimal") -> polars.DataFrame:
        """A polars frame. `numeric` becomes `Decimal(38, scale)` with the longest scale of its column.

        DataFrameError: a column's digits are more than 38, or it holds NaN or an infinity, which such a type does not
        have; `numbers="text"` makes strings of `numeric`.
        """
        import polars

        return polars.DataFrame([self._series(place, column, numbers) for place, column in enumerate(self.columns)])

    def to_pandas(self, *, numbers: Literal["decimal", "text"] = "decimal") -> pandas.DataFrame:
        """A pandas frame. `numeric` becomes Decimal objects, or strings with `numbers="text"`; integers become types with NULL.

        In `real` and `double precision` NULL is NaN, as pandas has it.
        """
        import pandas

        series = {}
        for place, column in enumerate(self.columns):
            if column.name in series:
                raise DataFrameError(f"two columns are called {column.name!r}")
            values = self._values(place, column, numbers)
            if column.base in PANDAS or column.base in FLOATS:
                series[column.name] = pandas.Series(values, dtype=PANDAS.get(column.base) or FLOATS[column.base])
            elif column.base.startswith("timestamp"):
                series[column.name] = pandas.Series(values)
            else:
                series[column.name] = pandas.Series(values, dtype="object")
        return pandas.DataFrame(series)

    def _values(self, place: int, column: Column, numbers: str) -> list[Any]:
        values = [row[place] for row in self.rows]
        if column.base == "numeric" and numbers == "text":
            return [None if value is None else f"{value:f}" for value in values]
        if column.base == "timestamp with time zone":
            return [value.astimezone(UTC) if isinstance(value, datetime) else value for value in values]
        return [str(value) if column.base == "uuid" and value is not None else value for value in values]

    def _series(self, place: int, column: Column, numbers: str) -> polars.Series:
        import polars

        values = self._values(place, column, numbers)
        kinds: dict[str, Any] = {
            "smallint": polars.Int16, "integer": polars.Int32, "bigint": polars.Int64, "real": polars.Float32,
            "double precision": polars.Float64, "boolean": polars.Boolean, "text": polars.String, "uuid": polars.String,
            "json": polars.String, "jsonb": polars.String, "date": polars.Date, "timestamp": polars.Datetime("us"),
            "timestamp with time zone": polars.Datetime("us", "UTC"),
        }  # fmt: skip
        kind = kinds.get(column.base)
        if column.base == "numeric":
            kind = polars.String if numbers == "text" else polars.Decimal(DECIMAL_DIGITS, _scale(column, values))
        elif column.base == "numeric[]":
            items = [item for value in values for item in value or ()]
            kind = polars.List(polars.Decimal(DECIMAL_DIGITS, _scale(column, items)))
        return polars.Series(column.name, values, dtype=kind)


def _scale(column: Column, values: list[Decimal | None]) -> int:
    """The scale of the column's type, or a longer one that all its values have room in."""
    declared = re.search(r"\(\d+, ?(\d+)\)", column.type)
    scale, whole = int(declared[1]) if declared else 0, 0
    for value in values:
        if value is None:
            continue
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int):
            raise DataFrameError(f'column {column.name!r} holds {value}, which no decimal is: numbers="text" keeps it')
        scale = max(scale, -exponent)
        whole = max(whole, value.adjusted() + 1)
    if whole + scale > DECIMAL_DIGITS:
        needed = f"needs {whole + scale} digits, decimals have {DECIMAL_DIGITS}"
        raise DataFrameError(f'column {column.name!r} {needed}: numbers="text" keeps them')
    return scale
