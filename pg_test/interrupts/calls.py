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
    p.provariadic = '"any"'::regtype, a.aggkind
  FROM pg_proc AS p LEFT JOIN pg_aggregate AS a ON a.aggfnoid = p.oid
 WHERE p.oid = ANY (%s) ORDER BY 1, 4"""


# A row of the arguments' values, and around it what an expression of each kind needs.
ONE_ROW = "SELECT ({expression}) IS NULL FROM {source}"
WHOLE = "SELECT {expression} FROM {source}"
SET = "SELECT count(*) FROM (SELECT {expression} FROM {source}) AS q"
THREE_ROWS = "SELECT ({expression}) IS NULL FROM (SELECT * FROM {source} CROSS JOIN generate_series(1, 3)) AS r"
MANY_ROWS = "SELECT {expression} IS NULL FROM (SELECT s.*, g FROM {source} CROSS JOIN generate_series(1, %s) AS g OFFSET 0) AS r"
# Just under what an aggregate that works at its end may read, and just over it.
ROWS = (499_000, 501_000)


class Call(NamedTuple):
    """One call: how it is named in the report, the expression, its arguments' types, and the query around it."""

    name: str
    template: str
    types: tuple[str, ...]
    query: str = ONE_ROW
    # Small values for some arguments, by position.
    fitting: dict[int, str] = {}


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


# Small values that a function takes in place of any text or number, by its name and the argument's position.
FITTING = {
    "encode": {1: "'hex'"}, "decode": {1: "'hex'"}, "normalize": {1: "'NFC'"}, "is_normalized": {1: "'NFC'"},
    "date_part": {0: "'day'"}, "date_trunc": {0: "'day'"}, "extract": {0: "'day'"}, "timezone": {0: "'UTC'"},
    "ts_headline": {2: "'MaxWords=35'", 3: "'MaxWords=35'"}, "format": {0: "'%s'"},
    "convert_to": {1: "'UTF8'"}, "convert_from": {1: "'UTF8'"}, "to_ascii": {1: "'LATIN1'"}, "numrange": {2: "'[)'"},
    "set_bit": {2: "0"}, "regexp_instr": {4: "0", 5: "'i'"}, "regexp_replace": {3: "'g'", 5: "'g'"},
    "regexp_split_to_array": {2: "'i'"}, "regexp_split_to_table": {2: "'i'"}, "regexp_substr": {4: "'i'"},
    "regexp_match": {2: "'i'"}, "regexp_matches": {2: "'g'"}, "regexp_like": {2: "'i'"}, "regexp_count": {3: "'i'"},
}  # fmt: skip

# Written by hand below: they want a column definition list.
NEED_COLUMNS = ("json_to_record", "json_to_recordset", "jsonb_to_record", "jsonb_to_recordset")

# What no signature tells how to write.
BY_HAND = [
    Call("format('%s %s')", "format('%s %s', {0}, {1})", ("text", "jsonb")),
    Call("json_build_object(text, jsonb)", "json_build_object({0}, 1, 'b', {1})", ("text", "jsonb")),
    Call("jsonb_build_object(text, jsonb)", "jsonb_build_object({0}, 1, 'b', {1})", ("text", "jsonb")),
    Call("json_object_agg(text, jsonb)", "json_object_agg({0}, {1})", ("text", "jsonb"), THREE_ROWS),
    Call("jsonb_object_agg(text, jsonb)", "jsonb_object_agg({0}, {1})", ("text", "jsonb"), THREE_ROWS),
    Call("json_to_record", "(SELECT count(a) FROM json_to_record({0}) AS r (a int, b text))", ("json",)),
    Call("jsonb_to_record", "(SELECT count(a) FROM jsonb_to_record({0}) AS r (a int, b jsonb))", ("jsonb",)),
    Call("jsonb_to_recordset", "(SELECT count(a) FROM jsonb_to_recordset({0}) AS r (a int, b jsonb))", ("jsonb",)),
    Call("LIKE ESCAPE", "({0} LIKE {1} ESCAPE '!')", ("text", "text")),
    Call("SIMILAR TO", "({0} SIMILAR TO {1})", ("text", "text")),
    Call("SUBSTRING SIMILAR", "substring({0} from {1} for '#')", ("text", "text")),
    Call("OVERLAY", "overlay({0} placing {1} from 3)", ("text", "text")),
    Call("subscript", "({0})[3]", ("integer[]",)),
    Call("slice", "({0})[3:400]", ("text[]",)),
    Call("ARRAY of arrays", "ARRAY[{0}, {0}]", ("integer[]",)),
    Call("string_agg(ORDER BY)", "string_agg({0}, {1} ORDER BY {0})", ("text", "text"), THREE_ROWS),
    Call("COLLATE C <", '({0} COLLATE "C" < {1} COLLATE "C")', ("text", "text")),
    # Each takes its time; together they take too long, so a cancel must be heeded between them.
    Call("translate, twelve times in one row", " + ".join(f"length(translate({{0}} || {n}, repeat('a', 500), ''))" for n in range(12)), ("text",)),
    Call("record = record", "(ROW({0}, {1}) = ROW({0}, {1}))", ("text", "numeric")),
    *(
        Call(f"{expression} over {rows:,} rows", expression, ("text",), MANY_ROWS % rows)
        for rows in ROWS
        for expression in (
            "jsonb_object_agg('k' || g, g)",
            "json_object_agg('k' || g, g)",
            "jsonb_agg('k' || g)",
            "range_agg(int4range(g * 7 % 999983, g * 7 % 999983 + 1))",
            "array_agg('k' || g ORDER BY md5(g::text))",
            "count(DISTINCT 'k' || g)",
            "percentile_disc(0.5) WITHIN GROUP (ORDER BY 'k' || g)",
            "string_agg('k' || g, ',')",
        )
    ),
    Call("unnest of two", "(SELECT count(*) FROM unnest({0}, {1}) AS u (a, b))", ("integer[]", "text[]")),
]


def signatures(connection) -> Iterator[Call]:
    """The admitted functions, aggregates and operators, as the server's catalog names them."""
    admitted = [int(row[1]) for row in connection.execute(ADMITTED.read_text()).fetchall() if row[0] != "type"]
    for name, kind, is_set, types, infix, prefix, is_any_variadic, aggregate in connection.execute(SIGNATURES, (admitted,)).fetchall():
        if kind == "a" and aggregate != "n" or name in NEED_COLUMNS:
            continue
        query = {"a": THREE_ROWS, "w": ONE_ROW}.get(kind, SET if is_set else ONE_ROW)
        end = " OVER ()" if kind == "w" else ""
        for filled in _filled(types):
            # No multirange has rows as elements.
            if "record" in filled and any("range" in kind for kind in filled):
                continue
            holes = [f"{{{n}}}" for n in range(len(filled))]
            yield Call(f"{name}({', '.join(filled)})", f'"{name}"({", ".join(holes)}){end}', filled, query, FITTING.get(name, {}))
            if kind == "a":
                for rows in ROWS:
                    yield Call(f"{name}({', '.join(filled)}) over {rows:,} rows", f'"{name}"({", ".join(holes)})', filled, MANY_ROWS % rows)
            if is_any_variadic:
                spread = (*filled[:-1], "text[]")
                yield Call(f"{name}(VARIADIC {', '.join(spread)})", f'"{name}"({", ".join([*holes[:-1], f"VARIADIC {holes[-1]}"])})', spread)
            for operator in (infix or "").split():
                yield Call(f"{filled[0]} {operator} {filled[-1]}", f"({{0}} {operator} {{1}})", filled)
                if not filled[-1].endswith("[]"):
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
    calls = [*BY_HAND, *signatures(connection), *casts(kinds)]
    for kind in kinds:
        calls += comparing(kind)
    return [call for call in calls if any(kind in kinds for kind in call.types) or " over " in call.name]
