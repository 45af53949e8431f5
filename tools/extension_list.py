#!/usr/bin/env python3
"""Writes what an extension has, as lines of the lists in sql/: for whoever reads a new extension or a new build of one.

    .tools/venv/bin/python tools/extension_list.py EXTENSION CONNINFO

The database has the extension and splitplane. Each object that is on the list and as it was read keeps its bound; of the others
`?` stands for what has to be measured (pg_test/interrupts) before the line may be taken. Take no line of what was not read: see
"Adding the list of an extension" in CONTRIBUTING.md.
"""

from __future__ import annotations

import sys

import psycopg

OBJECTS = """
WITH routines AS (SELECT * FROM splitplane._extension_routines(%(extension)s)),
members AS (
    SELECT d.classid, d.objid FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = %(extension)s
),
-- What PostgreSQL calls for types and aggregates, and statements do not.
inner_functions AS (
    SELECT u.id FROM members AS m JOIN pg_type AS t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
    CROSS JOIN unnest(ARRAY[t.typinput, t.typoutput, t.typmodin, t.typmodout, t.typsubscript]::oid[]) AS u(id)
    UNION
    SELECT p.amproc FROM members AS m JOIN pg_opclass AS k ON m.classid = 'pg_opclass'::regclass AND k.oid = m.objid
    JOIN pg_am AS a ON a.oid = k.opcmethod AND a.amname = 'btree' JOIN pg_amproc AS p ON p.amprocfamily = k.opcfamily AND p.amprocnum = 2
    UNION
    SELECT u.id FROM routines AS r JOIN pg_aggregate AS g ON g.aggfnoid = r.routine
    CROSS JOIN unnest(ARRAY[g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggserialfn, g.aggdeserialfn]::oid[]) AS u(id)
    JOIN routines AS i ON i.routine = u.id AND i.signature || i.body LIKE '%%internal%%'
),
estimators AS (
    SELECT u.id FROM members AS m JOIN pg_operator AS o ON m.classid = 'pg_operator'::regclass AND o.oid = m.objid
    CROSS JOIN unnest(ARRAY[o.oprrest, o.oprjoin]::oid[]) AS u(id)
)
SELECT 1, 'type', t.typname::text, concat_ws(' ',
           (SELECT string_agg(r.signature, ' ' ORDER BY u.place)
            FROM unnest(ARRAY[t.typinput, t.typoutput, t.typmodin, t.typmodout, t.typsubscript]::oid[]) WITH ORDINALITY AS u(id, place)
            JOIN routines AS r ON r.routine = u.id),
           (SELECT string_agg(a.amname, ' ' ORDER BY a.amname)
            FROM pg_opclass AS k JOIN pg_am AS a ON a.oid = k.opcmethod AND a.amname IN ('btree', 'hash')
            WHERE k.opcintype = t.oid AND k.opcdefault))
FROM members AS m JOIN pg_type AS t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
UNION ALL
SELECT CASE WHEN k.kind = 'aggregate' THEN 3 WHEN k.kind IN ('io', 'estimator') THEN 2 ELSE 4 END, k.kind, r.signature,
       CASE k.kind WHEN 'aggregate' THEN (
           SELECT string_agg(u.part || coalesce(i.signature, u.id::regproc::text), ' ' ORDER BY u.place)
           FROM pg_aggregate AS g CROSS JOIN LATERAL (VALUES (1, '', g.aggtransfn::oid), (2, 'final ', g.aggfinalfn),
               (3, 'combine ', nullif(g.aggcombinefn::oid, g.aggtransfn)), (4, 'serial ', g.aggserialfn), (5, 'deserial ', g.aggdeserialfn)
           ) AS u(place, part, id) LEFT JOIN routines AS i ON i.routine = u.id
           WHERE g.aggfnoid = r.routine AND u.id <> 0)
       ELSE r.body END
FROM routines AS r CROSS JOIN LATERAL (SELECT CASE
    WHEN r.kind = 'a' THEN 'aggregate' WHEN r.routine IN (SELECT id FROM inner_functions) THEN 'io'
    WHEN r.routine IN (SELECT id FROM estimators) THEN 'estimator' ELSE 'function' END) AS k(kind)
WHERE k.kind <> 'function' OR r.signature || r.body NOT LIKE '%%internal%%' AND r.signature || r.body NOT LIKE '%%cstring%%'
UNION ALL
SELECT 5, 'operator', o.oprname || '(' || coalesce(a.typname, '') || ',' || b.typname || ')', r.signature
FROM members AS m JOIN pg_operator AS o ON m.classid = 'pg_operator'::regclass AND o.oid = m.objid
LEFT JOIN pg_type AS a ON a.oid = o.oprleft JOIN pg_type AS b ON b.oid = o.oprright JOIN routines AS r ON r.routine = o.oprcode
UNION ALL
SELECT 6, 'cast', a.typname || ',' || b.typname, coalesce(r.signature, '')
FROM members AS m JOIN pg_cast AS c ON m.classid = 'pg_cast'::regclass AND c.oid = m.objid
JOIN pg_type AS a ON a.oid = c.castsource JOIN pg_type AS b ON b.oid = c.casttarget LEFT JOIN routines AS r ON r.routine = c.castfunc
WHERE c.castmethod <> 'i'
ORDER BY 1, 3
"""

BOUNDS = "SELECT kind, object, bound FROM splitplane._extension_list() WHERE extension = %(extension)s"

LONGEST_LINE = 120


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def lines(extension: str, connection: psycopg.Connection) -> list[str]:
    """One for each object; two where one would be too long."""
    known = {(kind, name): bound for kind, name, bound in connection.execute(BOUNDS, {"extension": extension})}
    written = []
    for _, kind, name, body in connection.execute(OBJECTS, {"extension": extension}):
        bound = known.get((kind, name), "?" if kind in ("type", "function", "aggregate") else "")
        parts = [quoted(kind), quoted(name), quoted(body), quoted(bound)]
        line = f"        ({', '.join(parts)})"
        if len(line) >= LONGEST_LINE:
            line = f"        ({', '.join(parts[:2])},\n         {', '.join(parts[2:])})"
        written.append(line)
    return written


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with psycopg.connect(sys.argv[2]) as connection:
        connection.execute("SET search_path = pg_catalog")
        print(",\n".join(lines(sys.argv[1], connection)))


if __name__ == "__main__":
    main()
