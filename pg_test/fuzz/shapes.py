"""The words of conditions: expressions that PostgreSQL's planner may take for leakproof, by type, and tests over them.

A condition is written from inside out by conditions.py: a test of `TESTS`, over values of `SHAPED`, over columns of one
relation. No entry is a condition by itself. The types are those of vocabulary.py and, in braces as there,

    ints        arrays of integers, of any number of dimensions
    vc vcs      character varying and character, and arrays of the former
    small big   smallint, bigint
    raw         bytea
    circ seg    circle, lseg
    ctxt        text with a collation of its own
    any         a value of any type, whose NULL test computes nothing beside it
    field       a field of an anonymous row
    row         a row of a relation in FROM
"""

from __future__ import annotations

from typing import NamedTuple

import vocabulary as words

Columns = list[tuple[str, str]]


class Style(NamedTuple):
    """What a grammar writes over, and how much of it is conditions."""

    tables: dict[str, Columns]
    # Names of tables, those that are to be read more often several times.
    favoured: list[str]
    types: list[str]
    # The chance that a condition in WHERE, ON and HAVING is one of conditions.py, and that there is one at all in each.
    conditions: float = 0.3
    filtered: float = 0.55
    joined: float = 0.35
    having: float = 0.4
    grouped: float = 0.25
    # UNIONs of anonymous rows, among what stands in FROM.
    united: float = 0.03
    # Of the joins that would multiply rows, those that do.
    crossing: float = 1.0
    # WITH before the outermost query.
    named: float = 0.3
    # Spellings that the gate does not admit, among constants of text.
    odd: float = 0.04
    # Columns without their relation's name.
    bare: float = 0.15
    # Whether a UNION's rows may have fewer fields in one arm than in the first: PostgreSQL has an internal error for that.
    ragged: bool = False
    # How much is written at most.
    most: int = 110


ATTACKED = Style(words.TABLES, words.FAVOURED, [*words.TYPES, "ints", "vc", "ctxt", "rec"])
# The plane of worlds.sql: table -> columns by type, without what the plane hides.
WORLDS_TABLES: dict[str, Columns] = {
    "parcels": [
        ("parcel_id", "int"), ("depot_id", "int"), ("sender", "text"), ("label", "vc"), ("code", "vc"), ("note", "ctxt"), ("mirror", "ctxt"), ("grams", "int"), ("floor", "small"),
        ("serial", "big"), ("weight", "num"), ("ratio", "flt"), ("fragile", "bool"), ("sizes", "ints"), ("codes", "ints"), ("tags", "arr"), ("marks", "vcs"), ("sent", "date"),
        ("at", "ts"), ("took", "iv"), ("doc", "json"), ("raw", "raw"), ("zone", "circ"), ("leg", "seg"),
    ],
    "depots": [("depot_id", "int"), ("name", "ctxt"), ("town", "ctxt"), ("slots", "ints"), ("lanes", "ints"), ("site", "circ"), ("opened", "date"), ("prefs", "json")],
    "readings": [
        ("reading_id", "int"), ("parcel_id", "int"), ("kind", "vc"), ("value", "num"), ("level", "int"), ("grid", "ints"), ("more", "ints"), ("words", "arr"), ("note", "ctxt"),
        ("mirror", "ctxt"), ("ok", "bool"), ("at", "ts"),
    ],
    "visits": [("visit_id", "int"), ("depot_id", "int"), ("parcel_id", "int"), ("who", "text"), ("hits", "ints"), ("seen", "date")],
}  # fmt: skip
WORLDS = Style(
    WORLDS_TABLES,
    ["parcels", "parcels", "parcels", "parcels", "readings", "readings", "readings", "depots", "depots", "visits"],
    ["int", "int", "int", "text", "text", "bool", "num", "ts", "ints", "ints", "arr", "vc", "ctxt", "rec", "json", "date", "flt"],
    conditions=0.85, filtered=0.92, joined=0.7, having=0.7, grouped=0.2, united=0.14, crossing=0.25, named=0.08, odd=0.0, bare=0.03, ragged=True, most=40,
)  # fmt: skip

# What stands for a column of a type where no relation has one.
DERIVED: dict[str, list[str]] = {
    "ints": ["ARRAY[{int}, {int}]", "ARRAY[{int}]"],
    "vc": ["({text})::varchar(12)", "({text})::char(6)"],
    "vcs": ["({arr})::varchar(9)[]"],
    "arr": ["ARRAY[{text}, {text}]"],
    "small": ["({int} % 100)::int2"],
    "big": ["({int})::int8"],
    "num": ["({int})::numeric"],
    "flt": ["({int})::float8"],
    "bool": ["{int} > 3", "{text} = 'paid'", "{int} IS NULL", "{text} IS NOT NULL", "{ints} IS NULL"],
    "raw": ["convert_to({text}, 'UTF8')"],
    "circ": ["circle(point({int}, 1), 2)"],
    "seg": ["lseg(point({int}, 0), point(1, 1))"],
    "ctxt": ["{text}"],
    "date": ["make_date(2026, 1, 1 + ({int})::int % 28)"],
    "iv": ["make_interval(days => ({int})::int)"],
}
# A CASE's operand of one type and the values that it is compared with: equal types, and those that one side is cast for.
_OPERANDS = [
    ("int", "int"), ("int", "num"), ("small", "num"), ("big", "num"), ("int", "flt"), ("small", "int"), ("int", "big"), ("num", "num"), ("num", "flt"), ("text", "text"),
    ("vc", "text"), ("text", "vc"), ("date", "ts"), ("ts", "date"), ("date", "date"), ("flt", "num"), ("raw", "raw"), ("bool", "bool"), ("circ", "circ"), ("ctxt", "ctxt"),
    ("ints", "ints"), ("iv", "iv"),
]  # fmt: skip
_CASES = [f"CASE {{{operand}}} WHEN {{{value}}} THEN {{{{0}}}} ELSE {{{{1}}}} END" for operand, value in _OPERANDS]
_CASES += [f"CASE {{{operand}}} WHEN {{{value}}} THEN {{{{0}}}} WHEN {{{value}}} THEN {{{{1}}}} END" for operand, value in _OPERANDS]


def _cases(kind: str, other: str | None = None) -> list[str]:
    """CASE over operands of every type, with results of this one."""
    return [case.replace("{{0}}", f"{{{kind}}}").replace("{{1}}", f"{{{other or kind}}}") for case in _CASES]


# Values that are made of columns of their type and of others. What stands in a list several times is written more often.
_SHAPED: dict[str, list[str]] = {
    "ints": [
        *["ARRAY[{ints}, {ints}]", "CASE WHEN {bool} THEN {ints} ELSE {ints} END"] * 12, *["ARRAY[{ints}, {ints}, {ints}]", "ARRAY[ARRAY[{int}, {int}], {ints}]"] * 5,
        *["ARRAY[{int}, {int}]", "ARRAY[[{int}, {int}], [{int}, {int}]]", "CASE WHEN {bool} THEN ARRAY[{int}] ELSE {ints} END", "CASE WHEN {bool} THEN {ints} END"] * 2,
        "({ints})[1:2]", "({ints})[{int}:]", "({ints})[1:1][1:1]", "({ints})::int8[]::int[]", "({ints})::int2[]::int[]", "({ints})::numeric[]::int[]", *["ARRAY[{int}, {int}]::int4[]::int2[]"] * 6, "({ints})::int4[]::int2[]", "COALESCE({ints}, {ints})",
        "NULLIF({ints}, {ints})", "GREATEST({ints}, {ints})", "ARRAY[{small}, {int}]",
    ],
    "arr": [
        *["ARRAY[{arr}, {arr}]", "ARRAY[{arr}, {vcs}]", "CASE WHEN {bool} THEN {arr} ELSE {arr} END"] * 4, *["ARRAY[ARRAY[{text}, {text}], {arr}]", "ARRAY[{arr}, {vcs}]", "ARRAY[{text}, {vc}]"] * 2,
        "({vcs})::text[]", "({ints})::text[]", "({arr})[1:1]", "({arr})[:2]", "CASE WHEN {bool} THEN ARRAY[{text}] ELSE {arr} END", "({arr})::varchar(3)[]::text[]",
        "COALESCE({arr}, {vcs})",
    ],
    "vcs": ["ARRAY[{vc}, {vc}]", "ARRAY[{vcs}, {vcs}]", "({arr})::varchar[]", "({arr})::varchar(2)[]", "CASE WHEN {bool} THEN {vcs} ELSE {vcs} END", "({vcs})[1:2]", "({ints})::varchar[]"],
    "int": [
        "({ints})[1]", "({ints})[{int}]", "({ints})[1][2]", "LEAST({int}, {int})", "GREATEST({int}, {small})", "COALESCE({int}, {int})", "NULLIF({int}, {num})",
        "CASE WHEN {bool} THEN {int} ELSE {int} END", "cardinality({ints})", "({small})::int", "{field}",
    ],
    "num": ["({int})::numeric", "({big})::numeric", "({small})::numeric", "CASE WHEN {bool} THEN {num} ELSE {int} END", "GREATEST({num}, {int})"],
    "flt": ["({int})::float8", "({small})::float8", "LEAST({flt}, {flt})", "CASE WHEN {bool} THEN {flt} END"],
    "text": [
        "({vc})::text", "({arr})[1]", "({vcs})[1]", "md5({text})", "md5({raw})", "({text})::name::text", "CASE WHEN {bool} THEN {text} ELSE {vc} END", "GREATEST({text}, {vc})",
        "NULLIF({text}, {vc})", "COALESCE({text}, {vc})", "({json} ->> 'who')", "({int})::text",
    ],
    "vc": ["({text})::varchar(12)", "({text})::varchar", "CASE WHEN {bool} THEN {vc} ELSE {vc} END", "({vcs})[1]", "({text})::char(4)"],
    "bool": [
        *["CASE WHEN {bool} THEN {bool} ELSE {bool} END", "NOT ({bool})", "({any}) IS NULL", "({any}) IS NOT NULL"] * 3, *["starts_with({text}, {text})", "{text} ^@ {text}"] * 2,
        "{circ} = {circ}", "{circ} < {circ}", "{seg} < {seg}", "{seg} >= {seg}", "{int} > {int}", "{text} = {text}", "{ctxt} < {ctxt}", "({bool} AND {bool})", "({bool} OR {bool})",
        "({bool}) IS TRUE", "{int} = ANY ({ints})",
    ],
    "raw": ["sha256({raw})", "sha512({raw})", "({text})::bytea", "CASE WHEN {bool} THEN {raw} ELSE {raw} END"],
    "circ": ["CASE WHEN {bool} THEN {circ} ELSE {circ} END", "COALESCE({circ}, {circ})"],
    "seg": ["CASE WHEN {bool} THEN {seg} ELSE {seg} END"],
    "small": ["({int})::int2", "LEAST({small}, {small})"],
    "big": ["({int})::int8", "({small})::int8", "GREATEST({big}, {int})"],
    "ctxt": ["CASE WHEN {bool} THEN {ctxt} ELSE {ctxt} END", "COALESCE({ctxt}, {ctxt})"],
    "json": ["({json})['who']", "({json})['a'][0]", "({json} -> 'a')", "COALESCE({json}, {json})"],
    "date": ["CASE WHEN {bool} THEN {date} ELSE {date} END", "({ts})::date", "LEAST({date}, {date})", "make_date(year => ({int})::int, month => 1, day => 2)"],
    "ts": ["CASE WHEN {bool} THEN {ts} END", "GREATEST({ts}, {ts})", "({date})::timestamptz"],
    "iv": ["make_interval(days => ({int})::int)", "make_interval(hours => ({int})::int, mins => 5)", "GREATEST({iv}, {iv})", "NULLIF({iv}, {iv})"],
}  # fmt: skip
# A third of what there is for each of these is a CASE over an operand.
_CASED = {kind: _cases(kind, "vc" if kind == "text" else None) for kind in ("ints", "int", "text", "bool", "num", "arr")}
SHAPED = {kind: many + [case for number, case in enumerate(_CASED.get(kind, [])) if number % max(1, 2 * len(_CASED[kind]) // len(many)) == 0] for kind, many in _SHAPED.items()}

# What `any` stands for.
ANY = [*["ints"] * 16, *["arr"] * 6, *["vcs"] * 2, *["field"] * 8, *["bool"] * 3, "row", "row", "int", "text", "vc", "num", "raw", "circ", "seg", "ctxt", "json", "date", "ts", "flt", "big", "iv"]

TESTS = [
    *["({any}) IS NULL", "({any}) IS NOT NULL"] * 14,
    *["{bool}", "({bool}) IS TRUE", "({bool}) IS NOT TRUE", "({bool}) IS NOT FALSE", "({bool}) IS UNKNOWN", "NOT ({bool})"] * 2,
    *["({any}, {any}) IS NULL", "ROW({any}, {any}) IS NOT NULL", "ROW({any}) IS NOT NULL"] * 2,
    *["{ctxt} < {ctxt}", "{ctxt} = {ctxt}", "{ctxt} IS DISTINCT FROM {ctxt}", "{ctxt} = ANY (ARRAY[{ctxt}, {ctxt}])", "GREATEST({ctxt}, {ctxt}) IS NULL", "NULLIF({ctxt}, {ctxt}) IS NULL"] * 2,
    "({ctxt}, {int}) < ({ctxt}, {int})", "{ctxt} < ({ctxt}) COLLATE \"C\"", "{text} > ({text}) COLLATE \"POSIX\"", "({ctxt} COLLATE \"C\") IS NOT NULL", "{ctxt} IN ({ctxt}, {text})",
    "{int} = {big}", "{int} < {small}", "{text} = {vc}", "{vc} > {vc}", "{date} < {ts}", "{date} >= {date}", "{ts} > {ts}", "{num} = {int}", "{flt} < {flt}", "{raw} = {raw}", "{seg} = {seg}",
    "{circ} >= {circ}", "{seg} < {seg}", "starts_with({text}, {vc})", "{text} ^@ {text}", "md5({text}) = {text}", "{iv} > {iv}", "{ints} = {ints}", "{arr} && {arr}", "({bool}) = ({bool})",
    "{int} = ANY ({ints})", "{int} <> ALL ({ints})", "{small} = ANY ({ints})", "{text} = ANY ({arr})", "{vc} = ANY ({vcs})", "{text} <> ALL ({arr})", "{text} IN ({text}, {vc}, 'x')",
    "{int} NOT IN ({int}, {int}, 7)", "{int} BETWEEN {int} AND {int}",
    *["({int}, {text}) < ({int}, {text})", "({int}, {date}, {vc}) >= ({big}, {date}, {text})", "({text}, {int}) = ({vc}, {int})", "({int}, {int}) IN (({int}, {int}), (1, 2))"] * 2,
    *["NULLIF({text}, {vc}) IS NULL", "NULLIF({int}, {num}) IS NOT NULL", "{int} IS DISTINCT FROM {num}", "{text} IS NOT DISTINCT FROM {vc}", "{ints} IS DISTINCT FROM {ints}"] * 2,
    *["COALESCE({bool}, {bool})", "COALESCE({ints}, {ints}) IS NULL", "LEAST({int}, {int}) > {int}", "GREATEST({ints}, {ints}) IS NULL"],
    *["{date} < CURRENT_DATE", "{ts} < CURRENT_TIMESTAMP", "(CASE WHEN {bool} THEN LOCALTIMESTAMP END) IS NULL", "({date}, CURRENT_DATE) IS NOT NULL"],
    *["make_interval(days => ({int})::int) > {iv}", "make_date(day => 1, year => ({int})::int, month => 2) IS NULL"] * 2,
    *["({ints})[1:2] IS NULL", "({json})['who'] IS NULL", "({ints})[{int}] = {int}", "({json})['a'][1] = {json}", "({arr})[1:{int}] IS NOT NULL"],
    *["({row}) IS NOT NULL", "({row}) IS NULL"] * 2,
]  # fmt: skip
# Sub-selects of every kind as conditions: {select:..} writes one with these output columns.
SUBLINKS = [
    "EXISTS ({select:int})", "NOT EXISTS ({select:any})", "{int} IN ({select:int})", "{int} NOT IN ({select:int})", "{int} > ALL ({select:int})", "{text} <> ALL ({select:text})",
    "{vc} = ANY ({select:text})", "({int}, {text}) IN ({select:int,text})", "({int}, {int}) <> ALL ({select:int,int})", "({int}, {date}) < ({one:int,date})", "({int}, {text}) = ({one:int,text})",
    "({one:ints}) IS NOT NULL", "({one:int}) > {int}", "(ARRAY({select:ints})) IS NOT NULL", "ARRAY[ARRAY({select:int}), {ints}] IS NULL", "{int} = ANY (ARRAY({select:int}))", "{int} < ({window})",
    "{int} IN ({windows})",
]  # fmt: skip
