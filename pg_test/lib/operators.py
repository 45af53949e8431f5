"""Operators whose catalog entries lie: the planner takes commutators, negators, hashes and orders at their word.

`lies` compares what pg_operator and the operator classes say of operators with what they answer over values. An extension with one
such operator gives wrong rows by some plans and right ones by others, so none of its operators may be on the list of
sql/45_extension_lists.sql.
"""

from __future__ import annotations

import psycopg

# Values of each type: equal ones of different spelling, neighbours, empty ones, and some of different length and dimension.
VALUES: dict[str, list[str]] = {
    "citext": ["", "a", "A", "b", "B", "ab", "AB", "a ", "ä", "Ä", "Zz", "_"],
    "text": ["", "a", "A", "b", "word", "two words", "Words", "wordage", "a.b"],
    "_text": ["{}", "{a}", "{a,b}", "{b,a}", "{NULL}"],
    "hstore": ["", "a=>1", '"a"=>"1"', "a=>NULL", "a=>2", "b=>1", "a=>1,b=>2", "b=>2, a=>1", "aa=>1"],
    "ltree": ["", "a", "A", "a.b", "a.B", "a.b.c", "b", "aa", "a.bb"],
    "_ltree": ["{}", "{a}", "{a.b,b}", "{a.b.c,a}"],
    "lquery": ["a", "*", "a.*", "*.b", "!a", "a@"],
    "_lquery": ["{a}", "{*.b,a}"],
    "ltxtquery": ["a", "a & b", "!a", "b@ | aa"],
    "cube": ["(1)", "(1),(1)", "(1,0)", "(0)", "(0,0)", "(0),(2)", "(2),(0)", "(1,2),(3,4)", "(3,4),(1,2)", "(-1)", "(0,0,0)", "(1e10)"],
    "point": ["(0,0)", "(1,1)", "(0,90)"],
    "int4": ["0", "1", "2", "-1"],
    "_int4": ["{}", "{1}", "{1,2}", "{2,1}", "{1,1}", "{3}"],
    "ip4": ["0.0.0.0", "10.0.0.1", "10.0.0.2", "192.168.0.0", "255.255.255.255"],
    "ip4r": ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.1", "10.0.0.1-10.0.0.9", "255.255.255.255"],
    "ip6": ["::", "::1", "fe80::1", "2001:db8::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    "ip6r": ["::/0", "2001:db8::/32", "2001:db8::/48", "::1", "::1-::9", "fe80::/10"],
    "ipaddress": ["0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "::1", "fe80::1"],
    "iprange": ["-", "0.0.0.0/0", "10.0.0.0/8", "10.0.0.1", "10.0.0.1-10.0.0.9", "::/0", "2001:db8::/32", "::1"],
    "int8": ["0", "1", "-1", "5", "4294967295"],
    "numeric": ["0", "1", "-1", "256", "4294967295"],
    "hll": [r"\x118b7f", r"\x128b7f8895a3f5af28cafe", r"\x128b7f8895a3f5af28cafeda0ce907e4355b60", r"\x138b406c01"],
    "hll_hashval": ["0", "1", "-1", "8895504153599201334"],
    "geometry": [
        "POINT EMPTY",
        "POINT(1 2)",
        "POINT Z (1 2 3)",
        "SRID=4326;POINT(1 2)",
        "LINESTRING(0 0,1 1,2 0)",
        "LINESTRING(2 0,1 1,0 0)",
        "POLYGON((0 0,0 4,4 4,4 0,0 0))",
        "POLYGON((0 4,4 4,4 0,0 0,0 4))",
        "POLYGON((0 0,0 4,4 4,4 0,0 0),(1 1,1 2,2 2,2 1,1 1))",
        "MULTIPOINT((1 1),(2 2))",
        "GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))",
        "CIRCULARSTRING(0 0,1 1,2 0)",
    ],
    "geography": ["POINT(1 2)", "POINT(-179 10)", "LINESTRING(0 0,10 10)", "POLYGON((0 0,0 4,4 4,4 0,0 0))", "POINT EMPTY"],
}

OPERATORS = """
SELECT o.oid, o.oid::regoperator::text AS name, o.oprname, n.nspname, l.typname AS left, r.typname AS right, o.oprresult = 'boolean'::regtype AS tests,
       o.oprcanhash, o.oprcanmerge, o.oprcom, o.oprnegate,
       (SELECT p.amproc::oid::regproc::text FROM pg_amop a JOIN pg_opfamily f ON f.oid = a.amopfamily JOIN pg_amproc p ON p.amprocfamily = f.oid
         WHERE a.amopopr = o.oid AND f.opfmethod = (SELECT oid FROM pg_am WHERE amname = 'hash') AND p.amprocnum = 1
           AND p.amproclefttype = o.oprleft AND p.amprocrighttype = o.oprleft LIMIT 1) AS hash,
       (SELECT p.amproc::oid::regproc::text FROM pg_amop a JOIN pg_opfamily f ON f.oid = a.amopfamily JOIN pg_amproc p ON p.amprocfamily = f.oid
         WHERE a.amopopr = o.oid AND f.opfmethod = (SELECT oid FROM pg_am WHERE amname = 'btree') AND p.amprocnum = 1
           AND p.amproclefttype = o.oprleft AND p.amprocrighttype = o.oprright LIMIT 1) AS compare,
       (SELECT a.amopstrategy FROM pg_amop a JOIN pg_opfamily f ON f.oid = a.amopfamily
         WHERE a.amopopr = o.oid AND f.opfmethod = (SELECT oid FROM pg_am WHERE amname = 'btree') LIMIT 1) AS strategy
FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace LEFT JOIN pg_type l ON l.oid = o.oprleft JOIN pg_type r ON r.oid = o.oprright
WHERE o.oid = ANY (%s) ORDER BY 2
"""

STRATEGIES = {1: "<", 2: "<=", 3: "=", 4: ">=", 5: ">"}


def members(connection: psycopg.Connection, extension: str) -> list[int]:
    """Operators of an extension."""
    sql = """SELECT d.objid FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
             WHERE e.extname = %s AND d.deptype = 'e' AND d.classid = 'pg_operator'::regclass"""
    return [row[0] for row in connection.execute(sql, [extension])]


def _pairs(left: str, right: str) -> str:
    """A FROM item of all pairs of values of two types, as columns a and b."""

    def values(name: str, column: str) -> str:
        texts = ", ".join("'" + text.replace("'", "''") + "'" for text in VALUES[name])
        typename = f"{name[1:]}[]" if name.startswith("_") else name
        return f"(SELECT v::{typename} AS {column} FROM unnest(ARRAY[{texts}]) AS v) AS of_{column}"

    return f"{values(left, 'a')}, {values(right, 'b')}"


def lies(connection: psycopg.Connection, operators: list[int]) -> tuple[list[str], int]:
    """(what is wrong, how many statements of the catalog were compared). The types' schemas must be on the path.

    Raises KeyError for an operator over a type that VALUES has nothing of, since it would not have been looked at.
    """
    wrong: list[str] = []
    compared = 0
    with connection.cursor(row_factory=psycopg.rows.namedtuple_row) as cursor:
        rows = cursor.execute(OPERATORS, [operators]).fetchall()

    def name_of(oid: int) -> str:
        found = connection.execute(
            "SELECT format('OPERATOR(%%I.%%s)', n.nspname, o.oprname) FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid = %s",
            [oid],
        ).fetchone()
        assert found
        return found[0]

    def compare(says: str, condition: str, pairs: str) -> None:
        nonlocal compared
        compared += 1
        counted = connection.execute(f"SELECT count(*), min(format('%s and %s', a, b)) FROM {pairs} WHERE ({condition}) IS FALSE").fetchone()
        if counted and counted[0]:
            wrong.append(f"{says}: not over {counted[1]}, and {counted[0] - 1} pairs more")

    for row in rows:
        if row.left is None or not row.tests:
            continue
        pairs, own = _pairs(row.left, row.right), name_of(row.oid)
        if row.oprcom:
            compare(f"{row.name} commutes", f"(a {own} b) = (b {name_of(row.oprcom)} a)", pairs)
        if row.oprnegate:
            compare(f"{row.name} has a negator", f"(a {own} b) = NOT (a {name_of(row.oprnegate)} b)", pairs)
        if row.oprcanhash:
            compared += 1
            if row.hash is None:
                wrong.append(f"{row.name} hashes: there is no hash function")
            else:
                compare(f"{row.name} hashes", f"NOT (a {own} b) OR {row.hash}(a) = {row.hash}(b)", pairs)
        if row.oprcanmerge and row.compare is None:
            wrong.append(f"{row.name} merges: there is no order")
        if row.compare is not None:
            sign = f"{row.compare}(a, b) {STRATEGIES[row.strategy]} 0"
            compare(f"{row.name} agrees with the order", f"(a {own} b) = ({sign})", pairs)
            compare(f"{row.compare} is antisymmetric", f"sign({row.compare}(a, b)) = -sign({row.compare}(b, a))", pairs)
            third = _pairs(row.left, row.left).split(", (SELECT v::")[0].replace("AS a FROM", "AS c FROM").replace("AS of_a", "AS of_c")
            transitive = f"NOT ({row.compare}(a, b) <= 0 AND {row.compare}(b, c) <= 0) OR {row.compare}(a, c) <= 0"
            compare(f"{row.compare} is transitive", transitive, f"{pairs}, {third}")
    return wrong, compared
