"""SQL expressions for values of about a given size, several shapes for each type, and one small value of every type."""

from __future__ import annotations

DIGITS = 131_000  # most that a number holds before the point
POWER = 65_500  # bytes that those count as, stored or not
WORDS = 900_000  # bytes that tsvector and tsquery take at most
EMPTY = '"",'
NESTED = 1_500  # levels that PostgreSQL's stack limit allows


def large(size: int) -> dict[str, dict[str, str]]:
    """By type and shape. The statement builds each itself, so that its text stays short."""
    def rows(width: int) -> str:
        return f"generate_series(1, {max(1, size // width)}) AS g"

    def many(piece: str, width: int) -> str:
        # In two steps: a larger factor is refused where it stands.
        count = max(1, size // width)
        return f"repeat('{piece}', {count})" if count < 1_000 else f"repeat(repeat('{piece}', 1000), {count // 1_000})"

    hashes = "(SELECT string_agg(md5(g::text), '') FROM generate_series(1, 30) AS g)"
    nines = f"repeat('9', {min(size * 2, DIGITS)})"
    words = max(1, min(size, WORDS) // 24)
    depth = min(max(1, size // 2), NESTED)
    return {
        "text": {
            "one letter": many("a", 1),
            "words": many("ab ", 3),
            "hashes": f"repeat({hashes}, {max(1, size // 960)})",
            "letters": many("Éß ", 5),
            "wildcards": many("%a", 2),
        },
        "bytea": {"one letter": f"decode({many('61', 1)}, 'hex')"},
        "integer[]": {
            "equal": f"('{{' || {many('1,', 4)} || '1}}')::int[]",
            "rising": f"(SELECT array_agg(g) FROM {rows(4)})",
            "NULLs": f"('{{' || {many('NULL,', 4)} || '1}}')::int[]",
        },
        "text[]": {
            "hashes": f"(SELECT array_agg(md5(g::text)) FROM {rows(36)})",
            "empty": f"('{{' || {many(EMPTY, 8)} || '1}}')::text[]",
        },
        "numeric[]": {
            "equal": f"('{{' || {many('1,', 10)} || '1}}')::numeric[]",
            "powers": f"('{{' || {many('1e131000,', POWER)} || '1}}')::numeric[]",
        },
        "boolean[]": {"equal": f"('{{' || {many('t,', 1)} || 't}}')::bool[]"},
        "jsonb[]": {"objects": f"(SELECT array_agg(jsonb_build_object('k', g)) FROM {rows(40)})"},
        "record[]": {"rows": f"(SELECT array_agg(ROW(g, 'x')) FROM {rows(40)})"},
        "record": {"wide": f"(SELECT ROW({many('a', 1)}, {many('b', 2)}))"},
        "json": {
            "array": f"('[' || {many('1,', 2)} || '1]')::json",
            "object": f"(SELECT json_object_agg('k' || g, g) FROM {rows(16)})",
            "nested": f"(repeat('[', {depth}) || repeat(']', {depth}))::json",
        },
        "jsonb": {
            "array": f"('[' || {many('1,', 16)} || '1]')::jsonb",
            "object": f"(SELECT jsonb_object_agg('k' || g, g) FROM {rows(16)})",
            "powers": f"('[' || {many('1e131000,', POWER)} || '1]')::jsonb",
            "nested": f"(repeat('[', {depth}) || repeat(']', {depth}))::jsonb",
        },
        "tsvector": {"words": f"(SELECT array_to_tsvector(array_agg('k' || g)) FROM generate_series(1, {words}) AS g)"},
        "tsquery": {
            "words": f"(SELECT string_agg('k' || g, ' & ')::tsquery FROM generate_series(1, {words}) AS g)",
            "phrase": f"(SELECT string_agg('k' || g, ' <-> ')::tsquery FROM generate_series(1, {words}) AS g)",
        },
        "polygon": {"points": f"('(' || {many('(1,2),(3,1),', 32)} || '(0,0))')::polygon"},
        "path": {"points": f"('[' || {many('(1,2),(3,1),', 32)} || '(0,0)]')::path"},
        "numeric": {
            "nines": f"{nines}::numeric",
            "power": f"('1e{min(size * 2, DIGITS)}')::numeric",
            "near one": f"(1 + ('1e-{min(size * 2, 16_000)}')::numeric)",
            "fraction": f"('2.' || repeat('73', {min(size, 8_000)}))::numeric",
        },
        "bit varying": {"alternating": f"repeat({many('10', 1)}, 4)::varbit"},
        "int4multirange": {"ranges": f"(SELECT range_agg(int4range(g * 2, g * 2 + 1)) FROM {rows(16)})"},
        "nummultirange": {"ranges": f"(SELECT range_agg(numrange(g * 2, g * 2 + 1)) FROM {rows(40)})"},
        "numrange": {"nines": f"numrange(1, {nines}::numeric)"},
    }


SMALL = {
    "integer": "3", "bigint": "3::bigint", "smallint": "3::int2", "boolean": "true", "double precision": "1.5::float8",
    "real": "1.5::float4", "numeric": "3::numeric", "money": "1::money", "text": "'a'", "character varying": "'a'::varchar",
    "character": "'a'::bpchar", "name": "'a'::name", '"char"': "'a'::\"char\"", "bytea": "'a'::bytea",
    "date": "'2026-01-01'::date", "timestamp with time zone": "'2026-01-01 10:00+00'::timestamptz",
    "timestamp without time zone": "'2026-01-01'::timestamp", "interval": "'1 day'::interval",
    "time without time zone": "'10:00'::time", "time with time zone": "'10:00+00'::timetz", "point": "point(1, 2)",
    "box": "box(point(1, 2), point(3, 4))", "circle": "circle(point(1, 2), 3)", "lseg": "lseg(point(1, 2), point(3, 4))",
    "line": "'{1,2,3}'::line", "path": "'[(0,0),(1,1)]'::path", "polygon": "'((0,0),(1,1))'::polygon",
    "uuid": "'00000000-0000-4000-8000-000000000000'::uuid", "inet": "'10.0.0.1'::inet", "cidr": "'10.0.0.0/8'::cidr",
    "macaddr": "'08:00:2b:01:02:03'::macaddr", "macaddr8": "'08:00:2b:01:02:03:04:05'::macaddr8", "jsonpath": "'$.a'::jsonpath",
    "regconfig": "'english'", "bit": "B'101'", "bit varying": "B'101'::varbit", "json": "'{\"a\":1}'::json",
    "jsonb": "'{\"a\":1}'::jsonb", "tsvector": "'a'::tsvector", "tsquery": "'a'::tsquery", "record": "ROW(1, 'a')",
    "int4range": "int4range(1, 5)", "int8range": "int8range(1, 5)", "numrange": "numrange(1, 5)",
    "daterange": "daterange('2026-01-01', '2026-02-01')", "tsrange": "tsrange('2026-01-01', '2026-02-01')",
    "tstzrange": "tstzrange('2026-01-01+00', '2026-02-01+00')", "int4multirange": "'{[1,3)}'::int4multirange",
    "int8multirange": "'{[1,3)}'::int8multirange", "nummultirange": "'{[1,3)}'::nummultirange",
    "datemultirange": "'{}'::datemultirange", "tsmultirange": "'{}'::tsmultirange", "tstzmultirange": "'{}'::tstzmultirange",
    "integer[]": "'{1}'::int[]", "text[]": "'{a}'::text[]", "numeric[]": "'{1}'::numeric[]", "boolean[]": "'{t}'::bool[]",
    "jsonb[]": "ARRAY['{}'::jsonb]", "record[]": "ARRAY[ROW(1, 'x')]",
}  # fmt: skip

# What stands for a polymorphic type or one that has no large value of its own.
STANDS_FOR = {
    "character varying": ("text",), "character": ("text",), "anyarray": ("integer[]", "text[]", "numeric[]", "record[]"),
    "anycompatiblearray": ("integer[]", "text[]", "numeric[]", "record[]"),
    "anyelement": ("integer", "text", "numeric", "record"), "anycompatible": ("integer", "text", "numeric", "record"),
    "anynonarray": ("text",), "anycompatiblenonarray": ("text",), '"any"': ("text", "jsonb", "integer[]", "record"),
    "anyrange": ("numrange",), "anycompatiblerange": ("numrange",), "anymultirange": ("nummultirange",),
    "anycompatiblemultirange": ("nummultirange",), "bit": ("bit varying",),
}  # fmt: skip
