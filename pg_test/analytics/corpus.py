"""Reads the corpus and compares results.

A corpus file is SQL in which every query is introduced by a marker line of its own:

    --@ <id> [ordered] [empty] [same]
    <the query as a model wrote it: with comments, with or without semicolon>
    --@plain
    <only where PostgreSQL itself refuses the first form: the form to run on the database of one tenant>

The marker lines are not part of the query. The file's name is the category. Flags:

    ordered   the ORDER BY is total: rows are compared in order, otherwise as a multiset
    empty     no rows is the right answer (any other query has to return at least one)
    same      no tenant data in the result: it may be the same on the shared database (for any other query it must differ there)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "corpus"
FLAGS = {"ordered", "empty", "same"}
TOLERANCE = Decimal("1e-9")
# Sums of floating point numbers depend on the order of the rows; everything else is exact.
INEXACT = re.compile(r"^(double precision|real|json|jsonb|record)(\[\])?$")


@dataclass
class Query:
    id: str
    category: str
    flags: set[str]
    sql: str
    plain_sql: str | None = None

    @property
    def plain(self) -> str:
        """The form for a database that has no plane, ready to stand in parentheses."""
        return without_semicolon(self.plain_sql or self.sql)


@dataclass
class Result:
    names: list[str]
    types: list[str]
    rows: list[list] = field(default_factory=list)


def load(folder: Path = FOLDER) -> list[Query]:
    queries: list[Query] = []
    for path in sorted(folder.glob("*.sql")):
        category = path.stem.split("_", 1)[1]
        lines: list[str] = []
        plain: list[str] | None = None
        header: list[str] | None = None

        def finish() -> None:
            if header is None:
                return
            flags = set(header[1:])
            if unknown := flags - FLAGS:
                raise ValueError(f"{path.name}: {header[0]}: unknown flags {unknown}")
            plain_sql = "\n".join(plain).strip() if plain is not None else None
            queries.append(Query(header[0], category, flags, "\n".join(lines).strip("\n"), plain_sql))

        for line in path.read_text(encoding="utf-8").split("\n"):
            if line.startswith("--@ "):
                finish()
                header, lines, plain = line.removeprefix("--@ ").split(), [], None
            elif line.strip() == "--@plain":
                plain = []
            else:
                (lines if plain is None else plain).append(line)
        finish()
    ids = [query.id for query in queries]
    if twice := {i for i in ids if ids.count(i) > 1}:
        raise ValueError(f"ids used twice: {twice}")
    return queries


def without_semicolon(sql: str) -> str:
    """Drops a final semicolon and what follows it, which can only be space and comments."""
    return re.sub(r";\s*(--[^\n]*\s*|/\*.*?\*/\s*)*$", "", sql, flags=re.DOTALL)


def type_name(name: str) -> str:
    """A type's name without modifier, and without the schema that a search_path may or may not show."""
    bare = re.sub(r"\([\d,]+\)", "", name).removeprefix("public.").strip()
    # format_type prints these two in another way when it is given the modifier -1 instead of none.
    bare = {'"bit"': "bit", "bpchar": "character"}.get(bare, bare)
    return "interval" if bare.startswith("interval ") else bare


def difference(expected: Result, got: Result, ordered: bool) -> str | None:
    """None when both are the same; otherwise what differs, in one sentence."""
    if expected.names != got.names:
        return f"columns are named {got.names}, expected {expected.names}"
    types = [type_name(t) for t in expected.types], [type_name(t) for t in got.types]
    if types[0] != types[1]:
        return f"columns have the types {types[1]}, expected {types[0]}"
    if len(expected.rows) != len(got.rows):
        return f"{len(got.rows)} rows, expected {len(expected.rows)}"
    exact = [INEXACT.match(t) is None for t in types[0]]
    left, right = expected.rows, got.rows
    if not ordered:
        left, right = sorted(left, key=_sort_key), sorted(right, key=_sort_key)
    for number, (one, other) in enumerate(zip(left, right, strict=True)):
        if not _same_row(one, other, exact):
            if not ordered and _same_multiset(left, right, exact):
                return None
            return f"row {number}: {_short(other)}, expected {_short(one)}"
    return None


def _same_multiset(left: list[list], right: list[list], exact: list[bool]) -> bool:
    """Rounding can put near-equal rows in another order; then each row has to find its own partner."""
    remaining = list(right)
    for row in left:
        partner = next((i for i, other in enumerate(remaining) if _same_row(row, other, exact)), None)
        if partner is None:
            return False
        remaining.pop(partner)
    return True


def _same_row(left: list, right: list, exact: list[bool]) -> bool:
    return len(left) == len(right) and all(_same(a, b, e) for a, b, e in zip(left, right, exact, strict=True))


def _same(left: object, right: object, exact: bool) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, Decimal)) and isinstance(right, (int, Decimal)):
        if left == right:
            return True
        return not exact and abs(Decimal(left) - Decimal(right)) <= TOLERANCE * max(abs(left), abs(right))
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_same(a, b, exact) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[k], right[k], exact) for k in left)
    return type(left) is type(right) and left == right


def _sort_key(value: object) -> str:
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return f"{Decimal(value):+.7e}"
    if isinstance(value, list):
        return "[" + "\x01".join(map(_sort_key, value)) + "]"
    if isinstance(value, dict):
        return "{" + "\x01".join(f"{k}:{_sort_key(v)}" for k, v in sorted(value.items())) + "}"
    return repr(value)


def _short(row: list) -> str:
    text = ", ".join(str(value) for value in row)
    return text if len(text) <= 160 else text[:157] + "..."
