"""Every call that the plane admits: functions, operators, aggregates, window functions, casts, and each node that compares.

A call is a template with `{0}`, `{1}` .. for its arguments and the types of these. Polymorphic arguments are filled in
with types that fit together.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from values import SMALL, STANDS_FOR, large

ROOT = Path(__file__).resolve().parents[2]
ADMITTED = ROOT / "src/catalog/functions.sql"
SIGNATURES = """SELECT p.proname, p.prokind, p.proretset,
    array(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS u (t, n) ORDER BY n),
    (SELECT string_agg(DISTINCT o.oprname, ' ') FROM pg_operator AS o WHERE o.oprcode = p.oid AND o.oprleft <> 0),
    (SELECT string_agg(DISTINCT o.oprname, ' ') FROM pg_operator AS o WHERE o.oprcode = p.oid AND o.oprleft = 0),
    p.provariadic <> 0, a.aggkind
  FROM pg_proc AS p LEFT JOIN pg_aggregate AS a ON a.aggfnoid = p.oid
 WHERE p.oid = ANY (%s) ORDER BY 1, 4"""


# A row of the arguments' values, and around it what an expression of each kind needs.
ONE_ROW = "SELECT ({expression}) IS NULL FROM {source}"
WHOLE = "SELECT {expression} FROM {source}"
SET = "SELECT count(*) FROM (SELECT {expression} FROM {source}) AS q"
THREE_ROWS = "SELECT ({expression}) IS NULL FROM (SELECT * FROM {source} CROSS JOIN generate_series(1, 3)) AS r"


class Call(NamedTuple):
    """One call: how it is named in the report, the expression, its arguments' types, and the query around it."""

    name: str
    template: str
    types: tuple[str, ...]
    query: str = ONE_ROW


def comparing(kind: str) -> Iterator[Call]:
    """The nodes that call the comparison functions of a type themselves, with no operator's name in between."""
    forms = {
        "IS DISTINCT FROM": "{0} IS DISTINCT FROM {1}",
        "NULLIF": "NULLIF({0}, {1})",
        "GREATEST": "GREATEST({0}, {1})",
        "CASE": "CASE {0} WHEN {1} THEN 1 END",
        "rows <": "(ROW({0}, 1) < ROW({1}, 2))",
        "rows =": "(ROW({0}, 1) = ROW({1}, 2))",
        "IN": "({0} IN ({1}, {1}))",
        "ANY": "({0} = ANY (ARRAY[{1}, {1}]))",
        "< ALL": "({0} < ALL (ARRAY[{1}, {1}]))",
        "BETWEEN": "({0} BETWEEN {1} AND {1})",
        "IN (SELECT)": "({0} IN (SELECT {1}))",
        "< ANY (SELECT)": "({0} < ANY (SELECT {1}))",
    }
    for name, template in forms.items():
        yield Call(f"{name}, {kind}", template, (kind, kind))
    rows = f"SELECT count(*) FROM (SELECT {{expression}} FROM ({THREE_ROWS.partition('FROM (')[2].removesuffix(') AS r')}) AS r %s) AS q"
    for name, expression, end in (
        ("ORDER BY", "{0} AS x", "ORDER BY 1"),
        ("GROUP BY", "{0} AS x", "GROUP BY 1"),
        ("DISTINCT", "DISTINCT {0} AS x", ""),
        ("UNION", "{0} AS x", "UNION SELECT NULL"),
        ("window", "rank() OVER (ORDER BY {0}) AS x", ""),
    ):
        yield Call(f"{name}, {kind}", expression, (kind,), rows % end)
    for name, expression in (
        ("min", "min({0})"),
        ("count(DISTINCT)", "count(DISTINCT {0})"),
        ("mode", "mode() WITHIN GROUP (ORDER BY {0})"),
        ("percentile_disc", "percentile_disc(0.5) WITHIN GROUP (ORDER BY {0})"),
        ("array_agg(ORDER BY)", "array_agg({0} ORDER BY {0})"),
    ):
        yield Call(f"{name}, {kind}", expression, (kind,), THREE_ROWS)


def casts(kinds: list[str]) -> Iterator[Call]:
    """To text and back, and from text to each type."""
    for kind in kinds:
        yield Call(f"{kind} AS text", "{0}::text", (kind,))
        yield Call(f"text AS {kind}", "{0}::text::" + kind.replace("record", "text"), (kind,))
        yield Call(f"answer, {kind}", "{0}", (kind,), WHOLE)
    for kind in sorted(SMALL):
        if not kind.startswith("record"):
            yield Call(f"any text AS {kind}", "{0}::" + kind, ("text",))


def signatures(connection) -> Iterator[Call]:
    """The admitted functions, aggregates and operators, as the server's catalog names them."""
    admitted = [int(row[1]) for row in connection.execute(ADMITTED.read_text()).fetchall() if row[0] != "type"]
    for name, kind, is_set, types, infix, prefix, is_variadic, aggregate in connection.execute(SIGNATURES, (admitted,)).fetchall():
        for filled in _filled(types):
            holes = [f"{{{n}}}" for n in range(len(filled))]
            if is_variadic and holes:
                variadic = [*holes[:-1], f"VARIADIC {holes[-1]}"]
                spread = tuple("text[]" if t == '"any"' and n == len(filled) - 1 else t for n, t in enumerate(filled))
                yield Call(f"{name}(VARIADIC {', '.join(filled)})", f'"{name}"({", ".join(variadic)})', spread)
            listed = f"{name}({', '.join(filled)})"
            called = f'"{name}"({", ".join(holes)})'
            if kind == "a" and aggregate != "n":
                continue
            if kind == "a":
                yield Call(listed, called, filled, THREE_ROWS)
            elif kind == "w":
                yield Call(listed, f"{called} OVER ()", filled)
            elif is_set:
                yield Call(listed, called, filled, SET)
            else:
                yield Call(listed, called, filled)
            for operator in (infix or "").split():
                yield Call(f"{filled[0]} {operator} {filled[-1]}", f"({{0}} {operator} {{1}})", filled)
                listed = f"({{0}} {operator} ANY (ARRAY[{{1}}, {{1}}]))"
                yield Call(f"{filled[0]} {operator} ANY {filled[-1]}", listed, filled)
            for operator in (prefix or "").split():
                yield Call(f"{operator} {filled[0]}", f"({operator} {{0}})", filled)


def _filled(types: list[str]) -> Iterator[tuple[str, ...]]:
    """The argument types with polymorphic ones replaced, all by the same choice; nothing for types without a value."""
    choices = max((len(STANDS_FOR.get(kind, (kind,))) for kind in types), default=0)
    for choice in range(choices):
        filled = []
        for kind in types:
            options = STANDS_FOR.get(kind, (kind,))
            filled.append(options[choice % len(options)])
        if all(kind in SMALL for kind in filled):
            yield tuple(filled)


def every(connection) -> list[Call]:
    """All of them that take something of variable length."""
    kinds = [kind for kind, shapes in large(1).items() if shapes]
    calls = [*signatures(connection), *casts(kinds)]
    for kind in kinds:
        calls += comparing(kind)
    return [call for call in calls if any(kind in kinds for kind in call.types)]
