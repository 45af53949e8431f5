#!/usr/bin/env python3
"""Every keyword of PostgreSQL wherever a name may stand: ask() must read it as the server itself does.

    run.py [--only TEXT] [--show]

Each word of pg_get_keywords() is put, unquoted, into each of the places below. The server answers the statement itself, and the
plane is asked the same. Where the server has rows, the plane has the same rows under the same names; where it says 42601, so does
the plane; any other error of the server is a refusal of the plane that is no syntax error. The last line is `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import sys

from splitplane_test.cluster import Cluster
from splitplane_test.tally import Tally

# A derived table with the word as a column, and a table of the plane.
D = """(SELECT 'v'::text AS "{w}", 1 AS n) AS d"""
COLUMNS = [
    f"SELECT {{w}} FROM {D}",
    f"SELECT {{w}}, n FROM {D}",
    f"SELECT n, {{w}} || 'x' FROM {D}",
    f"SELECT DISTINCT {{w}} FROM {D}",
    f"SELECT DISTINCT ON ({{w}}) {{w}}, n FROM {D}",
    f"SELECT d.{{w}}, length(d.{{w}}) FROM {D}",
    f"SELECT length({{w}}), ({{w}}), ({{w}}, 1) = ('v', 1) FROM {D}",
    f"SELECT n FROM {D} WHERE {{w}} = 'v'",
    f"SELECT n FROM {D} WHERE {{w}} IN ('v', 'b') AND n = 1",
    f"SELECT n FROM {D} WHERE NOT {{w}} IN ('x') OR {{w}} IS NULL",
    f"SELECT n FROM {D} WHERE n = 1 AND {{w}} IS NOT NULL AND {{w}} LIKE 'v%' AND {{w}} BETWEEN 'a' AND {{w}}",
    f"SELECT n FROM {D} WHERE 'v' = {{w}}",
    f"SELECT n FROM {D} WHERE 'v' IN ({{w}})",
    f"SELECT n FROM {D} ORDER BY {{w}} DESC NULLS LAST, n",
    f"SELECT n FROM {D} ORDER BY n, {{w}}",
    f"SELECT count(*) FROM {D} GROUP BY {{w}} HAVING max({{w}}) = 'v' ORDER BY {{w}}",
    f"SELECT n, count(*) FROM {D} GROUP BY n, {{w}}",
    f"SELECT n FROM {D} GROUP BY ROLLUP (n, {{w}}) ORDER BY 1",
    f"SELECT n FROM {D} GROUP BY GROUPING SETS ((n), (n, {{w}})) ORDER BY 1",
    f"SELECT max({{w}}) FILTER (WHERE {{w}} = 'v'), string_agg({{w}}, ',' ORDER BY {{w}}) FROM {D}",
    f"SELECT count(*) OVER (PARTITION BY {{w}} ORDER BY {{w}} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM {D}",
    f"SELECT CASE {{w}} WHEN {{w}} THEN {{w}} ELSE {{w}} END FROM {D}",
    f"SELECT CASE WHEN {{w}} = 'v' THEN n END FROM {D}",
    f"SELECT {{w}}::text, CAST({{w}} AS varchar(9)) FROM {D}",
    f"SELECT {{w}} AS a, n FROM {D}",
    f"SELECT (SELECT {{w}}), EXISTS (SELECT {{w}}) FROM {D}",
    f"SELECT coalesce({{w}}, 'x'), nullif({{w}}, 'x'), greatest({{w}}, 'a'), ARRAY[{{w}}, 'x'], ROW({{w}}) IS NULL FROM {D}",
    f"SELECT substring({{w}} from 1 for 1), position('v' in {{w}}), trim(both from {{w}}), overlay({{w}} placing 'x' from 1) FROM {D}",
    f"SELECT (ARRAY['a', 'b'])[length({{w}})] FROM {D}",
    f"SELECT {{w}} COLLATE \"C\" FROM {D}",
    f"SELECT 1 FROM {D} JOIN (SELECT 'v'::text AS \"{{w}}\") AS e USING ({{w}})",
    f"SELECT 1 FROM {D} JOIN (SELECT 'v'::text AS \"{{w}}\") AS e ON d.{{w}} = e.{{w}} WHERE {{w}} IS NOT NULL",
    f"SELECT 1 FROM {D} LEFT JOIN t ON {{w}} = 'v' CROSS JOIN (SELECT 2) AS f",
    f"SELECT n FROM {D} LIMIT 1 OFFSET 0",
    f"SELECT {{w}} FROM {D} UNION ALL SELECT {{w}} FROM {D}",
    f"VALUES ((SELECT {{w}} FROM {D}))",
    f"SELECT x.a FROM {D}, LATERAL (SELECT {{w}} AS a) AS x",
    f"SELECT string_to_array({{w}}, ',') FROM {D}",
    f"SELECT n FROM {D} WHERE {{w}} = ANY (ARRAY['v']) AND {{w}} IS DISTINCT FROM 'x' AND {{w}} SIMILAR TO 'v'",
    f"SELECT n FROM {D} WHERE ({{w}} || 'x' LIKE 'v_' ESCAPE '!') IS NOT FALSE",
]
LABELS = [
    "SELECT 1 {w}",
    "SELECT 1 AS {w}",
    "SELECT 1 {w} FROM t",
    "SELECT n {w}, 2 FROM t",
    "SELECT t.n {w} FROM t WHERE true",
    "SELECT (1) {w} FROM t",
    "SELECT 'x' {w}, 2",
    "SELECT count(*) {w} FROM t",
    "SELECT 1::int {w} FROM t",
    "SELECT (ARRAY[1])[1] {w} FROM t",
    "SELECT DISTINCT 1 {w} FROM t",
    "SELECT n + 1 {w} FROM t GROUP BY n",
    "SELECT 1 {w} UNION SELECT 2 ORDER BY 1",
    "SELECT (SELECT 1 {w})",
    "SELECT CASE WHEN true THEN 1 END {w} FROM t ORDER BY 1",
    "SELECT NULL {w}, true b",
    "SELECT n = 1 {w} FROM t LIMIT 1",
    "SELECT date '2026-01-01' {w}",
    "SELECT interval '1 day' {w}",
    "SELECT a.{w} FROM (SELECT 1 {w}) AS a",
    "SELECT count(*) OVER () {w} FROM t",
]
TABLES = [
    "SELECT 1 FROM t {w}",
    "SELECT {w}.n FROM t {w}",
    "SELECT {w}.n FROM t AS {w} WHERE {w}.n = 1",
    "SELECT {w}.* FROM t {w} ORDER BY {w}.n",
    "SELECT {w}.a FROM (SELECT 1 AS a) {w}",
    "SELECT {w}.a FROM (VALUES (1)) {w} (a)",
    "SELECT {w}.a FROM (VALUES (1)) AS {w} (a) WHERE true",
    "SELECT 1 FROM t {w}, t b",
    "SELECT 1 FROM t a, t {w} WHERE a.n = {w}.n",
    "SELECT 1 FROM t a JOIN t {w} ON a.n = {w}.n",
    "SELECT 1 FROM t {w} JOIN t b ON b.n = {w}.n",
    "SELECT 1 FROM t a LEFT JOIN t {w} USING (n)",
    "SELECT 1 FROM t a CROSS JOIN t {w} WHERE true",
    "SELECT 1 FROM t a NATURAL JOIN t {w}",
    "SELECT 1 FROM (t a JOIN t b USING (n)) AS {w}",
    "SELECT {w}.x FROM generate_series(1, 2) {w} (x)",
    "SELECT {w} FROM generate_series(1, 2) AS {w}",
    "SELECT x.{w} FROM (VALUES (1)) AS x ({w})",
    "SELECT x.{w} FROM json_to_record('{{\"{w}\": 1}}') AS x ({w} int, b text)",
    "SELECT {w}.b FROM generate_series(1, 2) WITH ORDINALITY {w} (a, b)",
    "SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(1, 1)) {w} (a, b)",
    "WITH {w} AS (SELECT 1 AS a) SELECT a FROM {w}",
    "WITH {w} (a) AS (SELECT 1) SELECT {w}.a FROM {w} WHERE {w}.a = 1",
    "WITH a AS (SELECT 1 AS x), {w} AS MATERIALIZED (SELECT x FROM a) SELECT 1 FROM {w}, t",
    "WITH RECURSIVE {w} AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM {w} WHERE a < 3) SELECT a FROM {w} ORDER BY a",
    "WITH x ({w}) AS (SELECT 1) SELECT {w} FROM x",
    "WITH {w} AS (SELECT 1 AS a) TABLE {w}",
    "SELECT sum(1) OVER {w} FROM t WINDOW {w} AS (ORDER BY n)",
    "SELECT sum(1) OVER ({w} ORDER BY n) FROM t WINDOW {w} AS (PARTITION BY n)",
    "SELECT (r).{w} FROM (SELECT d AS r FROM (SELECT 1 AS \"{w}\") AS d) AS x",
]
CALLS = [
    "SELECT {w}(1)",
    "SELECT {w}('a', 'b') FROM t",
    "SELECT pg_catalog.{w}(1, 2)",
    "SELECT 1 FROM {w}(1) AS a",
    "SELECT 'a'::{w}",
    "SELECT CAST('a' AS {w})",
    "SELECT '{{}}'::{w}[]",
    "SELECT {w} 'a' FROM t",
    "SELECT 'a'::pg_catalog.{w}",
    "SELECT make_interval({w} => 1)",
    "SELECT 1 FROM {w}",
    "SELECT 1 FROM public.{w}",
    "SELECT extract({w} FROM date '2026-01-02')",
    "SELECT interval '1' {w}",
]
TEMPLATES = COLUMNS + LABELS + TABLES + CALLS
# Fewer would mean that the sweep has gone soft.
LEAST_ANSWERED = 25_000

SET_UP = """
CREATE EXTENSION splitplane;
CREATE TABLE t (tenant_id text NOT NULL, n int PRIMARY KEY);
INSERT INTO t VALUES ('a', 1);
SELECT splitplane.admit('a');
SELECT splitplane.create_key('AKGRAMMAR', max_uses => 1000000);
SELECT splitplane.protect('t', '{"tenant_id": "tenant"}', columns => '{n}');
-- What the table is to a server without the plane.
CREATE SCHEMA plain;
CREATE VIEW plain.t AS SELECT n FROM t;
CREATE FUNCTION plain.asked(q text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE answer jsonb;
BEGIN
    answer := ask(splitplane.sign('AKGRAMMAR', 'a', payload => q), sql => q);
    RETURN jsonb_build_object('names', (SELECT jsonb_agg(c ->> 'name') FROM jsonb_array_elements(answer -> 'columns') AS c), 'rows', answer -> 'rows');
EXCEPTION WHEN OTHERS THEN
    RETURN jsonb_build_object('state', sqlstate, 'message', sqlerrm);
END $$;
-- What the reader and its settings would see. The names come from a cursor over the statement alone.
CREATE FUNCTION plain.direct(q text) RETURNS jsonb LANGUAGE plpgsql SET search_path = plain, public AS $$
DECLARE answer jsonb;
BEGIN
    EXECUTE 'SELECT coalesce(jsonb_agg(to_jsonb(_x)), ''[]'') FROM (' || q || E'\n) AS _x' INTO answer;
    RETURN jsonb_build_object('rows', answer);
EXCEPTION WHEN OTHERS THEN
    RETURN jsonb_build_object('state', sqlstate, 'message', sqlerrm);
END $$;
"""

# What the server answers and the plane refuses for another reason than its grammar: facts of the session, whole rows of types
# outside the plane, XML, and functions and types that are not on the list.
REFUSED_STATES = {"42501", "0A000", "42P01", "22023", "42883", "42704", "42703", "42P02", "42804"}


def judge(direct: dict, asked: dict) -> str | None:
    """None when the plane read the statement as the server did, else what it did instead."""
    if "state" in asked and asked["state"] in ("XX000", "54001"):
        return f"{asked['state']} {asked['message']}"
    if "cannot read" in asked.get("message", "") and "rows" in direct:
        return asked["message"]
    if direct.get("state") == "42601":
        return None if asked.get("state") in ("42601", "0A000") else f"the server says {direct['message']}, the plane {asked}"
    if "state" in direct:
        return None if asked.get("state") not in (None, "42601") else f"the server says {direct}, the plane {asked}"
    if "state" in asked:
        return None if asked["state"] in REFUSED_STATES and asked["state"] != "42601" else f"{asked['state']} {asked['message']}"
    rows = [dict(zip(asked["names"] or [], row)) for row in asked["rows"]]
    return None if rows == direct["rows"] else f"{direct['rows']} on the server, {rows} in the plane"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT", help="only words that contain TEXT")
    parser.add_argument("--show", action="store_true", help="also what is refused for another reason")
    chosen = parser.parse_args()
    tally, answered, refusals = Tally(verbose=False), 0, {}
    query = "SELECT q, plain.direct(q), plain.asked(q) FROM unnest(%s::text[]) WITH ORDINALITY AS v (q, i) ORDER BY i"
    with Cluster({"splitplane.audience": "grammar", "splitplane.ledger_size": 262144}) as cluster:
        cluster.createdb("grammar")
        cluster.psql("grammar", SET_UP)
        with cluster.connect("grammar") as connection:
            words = [row[0] for row in connection.execute("SELECT word FROM pg_get_keywords() ORDER BY 1")]
            words = [word for word in words if chosen.only in word]
            if not words:
                parser.error(f"no keyword contains {chosen.only!r}")
            for word in words:
                texts = [template.format(w=word) for template in TEMPLATES]
                for text, direct, asked in connection.execute(query, [texts]):
                    answered += "rows" in asked
                    if tally.add(text, judge(direct, asked)) and "rows" in direct and "state" in asked:
                        refusals.setdefault(asked["state"] + " " + asked["message"].replace(word, "W"), set()).add(word)
    if chosen.show:
        for message, refused in sorted(refusals.items()):
            print(f"{len(refused):5} {message}: {' '.join(sorted(refused)[:12])}")
    if not chosen.only:
        enough = answered >= LEAST_ANSWERED
        tally.add("controls", None if enough else f"only {answered} statements were answered, {LEAST_ANSWERED} are wanted")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
