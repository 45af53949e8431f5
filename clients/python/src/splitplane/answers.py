"""The document of `ask`, with its values read by the types of their columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from splitplane.errors import DriverError
from splitplane.rows import Column

# Longer integers are not read as int, whose limit of digits would make them an error (sys.set_int_max_str_digits).
INT_DIGITS = 4000


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= INT_DIGITS else Decimal(text)


def _float(value: Any) -> float:
    return float(value)


def _decimal(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(value)


# NaN and infinities are strings in JSON, and with splitplane.json_numbers = text so are bigint and numeric.
READERS: Mapping[str, Callable[[Any], Any]] = {
    "bigint": int,
    "numeric": _decimal,
    "real": _float,
    "double precision": _float,
}


def _read(value: Any, reader: Callable[[Any], Any]) -> Any:
    if value is None:
        return None
    return [_read(item, reader) for item in value] if isinstance(value, list) else reader(value)


def _row(row: list[Any], readers: list[Callable[[Any], Any] | None]) -> tuple[Any, ...]:
    return tuple(value if reader is None else _read(value, reader) for value, reader in zip(row, readers, strict=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """What `ask` answered.

    outcome     `answered`; or `clarify`, `out_of_scope`, `refused`, then with `message` and without columns and rows
    columns     names and types
    rows        a tuple a row; `numeric` is Decimal, `bigint` int, `double precision` float; dates, times and all else as JSON
                has them. Numbers inside `json` and `jsonb` are int and Decimal
    truncated   whether a cap on rows or bytes cut the result
    document    all of it, as the manual describes it under `ask`
    """

    outcome: str
    message: str | None
    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    truncated: bool
    sql: str | None
    document: Mapping[str, Any]

    @classmethod
    def of(cls, text: str) -> Answer:
        """The answer in a document's text."""
        try:
            document = json.loads(text, parse_float=Decimal, parse_int=_integer)
        except RecursionError:
            raise DriverError("the answer nests deeper than Python reads: select single values of it") from None
        columns = tuple(Column(column["name"], column["type"]) for column in document.get("columns") or ())
        readers = [READERS.get(column.type.removesuffix("[]")) for column in columns]
        return cls(
            outcome=document["outcome"],
            message=document.get("message"),
            columns=columns,
            rows=[_row(row, readers) for row in document.get("rows") or ()],
            truncated=bool(document.get("truncated")),
            sql=document.get("sql"),
            document=document,
        )
