"""Hostile SQL, mutated at random from a seed: the server never goes down and never shows a foreign row.

The seeds are of the kinds that two parsers are likely to read differently, or long and deep, by no more than our bounds.
The run is the same every time; WIRE_SEED chooses another, WIRE_MUTATIONS more of them.
"""

import os
import random
import re

import psycopg
from splitplane_test.session import canaries

from pg_test.wire.harness import COUNT_SALES, SALES

SEED = int(os.environ.get("WIRE_SEED", "20261122"))
MUTATIONS = int(os.environ.get("WIRE_MUTATIONS", "300"))

HOSTILE = [
    COUNT_SALES,
    "SELECT * FROM public.sales, vault",
    "WITH sales AS (SELECT * FROM public.sales) SELECT note FROM sales",
    "WITH RECURSIVE sales AS (SELECT * FROM sales UNION ALL SELECT * FROM public.sales) SELECT * FROM sales",
    "SELECT note FROM sales UNION ALL TABLE vault",
    "SELECT (SELECT secret FROM vault), query_to_xml('select * from vault', true, true, '')",
    "SELECT 1; DROP TABLE sales; --",
    "SELECT 'x\\'' || E'\\'; SELECT secret FROM vault --'",
    "SELECT $$a$$ || $x$ SELECT secret FROM vault $x$",
    "SELECT U&\"\\0073ecret\" FROM U&\"v\\0061ult\"",
    "SELECT /* /* nested */ secret */ 1 -- FROM vault\n FROM sales",
    "SELECT " + "(" * 60 + "1" + ")" * 60,
    "SELECT " + "1+" * 400 + "1",
    "SELECT " + " UNION SELECT ".join(["1"] * 60),
    "SELECT " + "-" * 1 + " -" * 200 + "1",
    "SELECT NOT " * 1 + "NOT " * 300 + "true",
    "SELECT '{1}'" + "::int[]" * 40,
    "SELECT CASE " + " ".join(f"WHEN {n}=1 THEN {n}" for n in range(80)) + " END",
    "SELECT ARRAY[" * 20 + "1" + "]" * 20,
    "SELECT pg_catalog.set_config('role', 'postgres', false), pg_sleep(0)",
    "SELECT lo_import('/etc/passwd'), pg_read_file('postgresql.conf')",
    "SELECT note::regclass, 'vault'::regclass, '1'::xid FROM sales",
    "SELECT ROW(s.*)::text, s, s.ctid, tableoid FROM sales s",
    "SELECT * FROM sales TABLESAMPLE SYSTEM (50) REPEATABLE (1)",
    "SELECT * FROM ONLY sales, ONLY (vault)",
    "SELECT * FROM sales FOR UPDATE OF sales NOWAIT",
    "SELECT secret INTO stolen FROM vault",
    "SELECT * FROM ROWS FROM (generate_series(1, 3), unnest('{a,b}'::text[])) WITH ORDINALITY AS t(a, b, n)",
    "SELECT * FROM json_to_recordset('[{\"a\": 1}]') AS t(a int, b text)",
    "SELECT x.* FROM sales s, LATERAL (SELECT s.note UNION SELECT secret FROM vault) x",
    "SELECT sum(amount) OVER w, rank() OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM sales WINDOW w AS (PARTITION BY store_id ORDER BY amount)",
    "SELECT store_id, sum(amount) FILTER (WHERE amount > 1), grouping(store_id) FROM sales GROUP BY GROUPING SETS ((store_id), ())",
    "SELECT percentile_cont(ARRAY[0.1, 0.9]) WITHIN GROUP (ORDER BY amount) FROM sales",
    "SELECT DISTINCT ON (store_id) store_id, note COLLATE \"C\" FROM sales ORDER BY store_id, amount USING >",
    "SELECT amount OPERATOR(pg_catalog.+) 1, - - amount, @ amount, amount !=- 1 FROM sales",
    "SELECT interval '1' year, date '2026-01-01' + 1, timestamp with time zone 'now', time '24:00', 1e400, 0x1F, 1_000",
    "SELECT $1, $2::text, :name, ?, @x, #y",
    "VALUES (1, DEFAULT), (2, (SELECT max(secret) FROM vault))",
    "EXPLAIN ANALYZE SELECT * FROM sales",
    "COPY vault TO STDOUT",
    "DO $$ BEGIN RAISE EXCEPTION '%', (SELECT secret FROM vault); END $$",
    "SELECT ask('{}', sql => 'SELECT 1'), splitplane.claim('tenant')",
    "SELECT xmlelement(name x, xmlattributes(note as y)), xmlparse(document '<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><x/>') FROM sales",
    "SELECT jsonb_path_query('{\"a\": [1]}', '$.**.a[*] ? (@ > $x)', '{\"x\": 0}'), '{}'::jsonb #>> '{a}'",
    "SELECT regexp_matches(repeat('a', 30), '(a*)*(a*)*b'), note ~* '(?i)x{1,255}' FROM sales",
    "SELECT count(*) FROM sales s1 NATURAL FULL JOIN sales s2 RIGHT JOIN shops USING (store_id) AS j ON true",
    "SELECT note FROM sales WHERE (store_id, amount) = ANY (SELECT 1, 2) OR EXISTS (TABLE vault) OR NOT (note) ISNULL",
    "SELECT extract(epoch FROM sold_at), sold_at AT TIME ZONE 'UTC', overlaps(sold_at, sold_at, sold_at, sold_at) FROM sales",
    "SELECT string_agg(DISTINCT note, ',' ORDER BY note) FROM sales GROUP BY ROLLUP (store_id), CUBE (amount) HAVING count(*) > 0",
    "(((SELECT 1)) ORDER BY 1 LIMIT ALL OFFSET 0 ROWS FETCH FIRST ROW WITH TIES)",
]
FRAGMENTS = [
    "", " ", "\n", "\t", ";", ";;", "--", "/*", "*/", "'", "''", "\"", "$$", "$a$", "\\", "E'", "U&'", "N'", "B'", "X'", "(", ")", "((", "[", "]", "{", ",", ".", "..",
    "::", ":", ":=", "=>", "*", "%", "@", "#", "?", "||", "<->", "!", "~", "^", "`", "0", "1e", "1.", "0x", "99999999999999999999", "NULL", "DEFAULT", "SELECT ", " FROM ",
    " UNION ", " TABLE ", "vault", "secret", "public.", "pg_catalog.", "pg_temp.", "splitplane.", " INTO ", " WITH ", " AS ", " ONLY ", " LATERAL ", " END ", " OR ", " COLLATE ",
    "\u00a0", "\u200b", "é", "🍜", "\u202e", "\ufeff", "\x01", "\x7f", "\x0c",
]  # fmt: skip


def mutate(chosen: random.Random) -> str:
    """One hostile text with one to six random changes."""
    text = chosen.choice(HOSTILE)
    for _ in range(chosen.randint(1, 6)):
        at = chosen.randint(0, len(text))
        kind = chosen.randrange(7)
        if kind == 0:
            text = text[:at] + chosen.choice(FRAGMENTS) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + chosen.randint(1, 8) :]
        elif kind == 2:
            other = chosen.choice(HOSTILE)
            text = text[:at] + other[chosen.randint(0, len(other)) :]
        elif kind == 3:
            text = text[:at] + chr(chosen.choice((chosen.randint(1, 127), chosen.randint(128, 0x2FFF)))) + text[at + 1 :]
        elif kind == 4:
            piece = text[at : at + chosen.randint(1, 40)]
            text = text[:at] + piece * chosen.randint(2, 60) + text[at:]
        elif kind == 5:
            words = re.split(r"(\s+)", text)
            chosen.shuffle(words)
            text = "".join(words)
        else:
            text = text[:at] + "(" + chosen.choice(HOSTILE) + ")" + text[at:]
    return text[:70000]


def test_hostile_texts_never_bring_the_server_down(wire):
    chosen = random.Random(SEED)
    started = wire.run("SELECT pg_postmaster_start_time()")
    log = len(wire.cluster.log_text())
    role = wire.role(splitplane__deadline="1s")
    outcomes = {}
    texts = HOSTILE + [mutate(chosen) for _ in range(MUTATIONS)]
    with wire.session(user=role) as session:
        before, pid = session.state(), session.pid
        for number, text in enumerate(texts):
            tenant = ("brand-a", "brand-b")[number % 2]
            try:
                document = session.call(wire.sign(text, tenant), text)
                outcome, said = document["outcome"], str(document["rows"])
            except psycopg.OperationalError as error:
                if error.sqlstate is None:
                    raise AssertionError(f"the connection was lost over text {number}: {text!r}") from error
                outcome, said = error.sqlstate, str(error)
            except psycopg.Error as error:
                outcome, said = error.sqlstate, str(error)
                assert not error.diag.message_detail and not error.diag.message_hint and not error.diag.context, f"{text!r}: {error}"
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            # A text may hold the word itself; then the answer may too.
            assert not [found for found in canaries(said, tenant) if found not in text], f"{text!r} showed {said[:300]}"
            assert not str(outcome).startswith(("XX", "58")), f"{text!r} ended in {outcome}: {said[:300]}"
            assert session.state() == before, f"{text!r} changed the session"
        assert session.pid == pid and session.value(COUNT_SALES) == SALES["brand-a"]
    assert wire.run("SELECT pg_postmaster_start_time()") == started
    new = wire.cluster.log_text()[log:]
    assert not re.search(r"terminated by signal|PANIC|crash of another server process|TRAP:", new)
    assert outcomes.get("answered", 0) >= 10 and len(outcomes) >= 5, f"the control: the mutations reach every stage, {outcomes}"


def test_same_seed_same_texts():
    assert [mutate(random.Random(7)) for _ in range(3)] == [mutate(random.Random(7)) for _ in range(3)]
