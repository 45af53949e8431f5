#!/usr/bin/env python3
"""`make demo`: a restaurant group of three brands on one shared database, asked through splitplane, step by step.

    python demo/run.py             print the steps; the exit status says whether all went as it must
    python demo/run.py --shell     the same database with a psql prompt
    python demo/run.py --scale 0.1 with a tenth of the orders

With BEDROCK=1 and AWS credentials in the environment the questions in words go to the real Amazon Bedrock, else to a local
stand-in. MODEL names another model id or inference profile.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import words
from stage import WIDTH, Stage
from tries import TRIES, Try
from world import DATABASE, FRANCHISEE, MANAGER, Person, Refusal, World, running

from model import NoCredentials, at_hand

TOTALS = """SELECT count(DISTINCT store_id) AS stores, count(*) AS orders, sum(total) AS revenue
  FROM orders WHERE status = 'completed'"""
VOID_RATE = """SELECT s.name, round(100.0 * count(v.void_id) / count(*), 2) AS void_rate_percent
  FROM order_items AS i
  JOIN stores AS s ON s.store_id = i.store_id
  LEFT JOIN voids AS v ON v.order_id = i.order_id AND v.line_no = i.line_no
 GROUP BY s.store_id
 ORDER BY void_rate_percent DESC, s.name
 LIMIT 3"""
PLANNED = """SELECT s.city, count(*) AS orders, sum(o.total) AS revenue
  FROM orders AS o JOIN stores AS s ON s.store_id = o.store_id
 WHERE o.ordered_at >= '2026-06-01' AND o.ordered_at < '2026-07-01'
 GROUP BY s.city ORDER BY revenue DESC LIMIT 5"""


def shown(refusal: Refusal) -> str:
    return f"ERROR {refusal.sqlstate}: {refusal.message}"


def who_is_there(stage: Stage, world: World) -> None:
    counts = """SELECT b.tenant_id AS tenant, b.name, (SELECT count(*) FROM public.businesses x WHERE x.tenant_id = b.tenant_id) AS businesses,
        (SELECT count(*) FROM public.stores x WHERE x.tenant_id = b.tenant_id) AS stores,
        (SELECT count(*) FROM public.customers x WHERE x.tenant_id = b.tenant_id) AS customers,
        (SELECT count(*) FROM public.orders x WHERE x.tenant_id = b.tenant_id) AS orders FROM public.brands b ORDER BY 1"""
    cursor = world.superuser.execute(counts)
    stage.table([column.name for column in cursor.description], [list(row) for row in cursor])


def same_question_two_answers(stage: Stage, world: World, number: int) -> None:
    stage.step(number, "SQL of a model of your own: the same text, sent by two people, answered from the rows that are theirs")
    stage.sql(TOTALS)
    for person in (MANAGER, FRANCHISEE):
        print(f"\n  asked by the {person.title} ({person.tenant} / {person.business}):")
        answer = world.ask(TOTALS, person)
        if isinstance(answer, Refusal):
            stage.check(False, shown(answer))
            continue
        stage.table([column["name"] for column in answer["columns"]], answer["rows"])
        expected = world.by_hand(TOTALS.replace("FROM orders WHERE", f"FROM public.orders WHERE {person.by_hand} AND"))
        stage.check(answer["rows"] == expected, f"equals what a superuser gets with the filter written by hand ({person.by_hand})")
    print("\n  A question of the kind that models are asked: which stores had the highest void rate?")
    stage.sql(VOID_RATE)
    stage.say("`GROUP BY s.store_id` while selecting s.name: the real key is (tenant_id, store_id); the plane makes it work.", "  ")
    for person in (MANAGER, FRANCHISEE):
        print(f"\n  asked by the {person.title}:")
        answer = world.ask(VOID_RATE, person)
        if isinstance(answer, Refusal):
            stage.check(False, shown(answer))
        else:
            stage.table([column["name"] for column in answer["columns"]], answer["rows"])


def compromised_model(stage: Stage, world: World, number: int) -> None:
    stage.step(number, "The ten attacks one by one, as SQL sent with the brand manager's valid signature")
    foreign = world.superuser.execute("SELECT min(customer_id) FROM public.customers WHERE tenant_id = 'brand-b'").fetchone()[0]
    state = "SELECT count(*), sum(hashtext(o::text)::bigint) FROM public.orders AS o"
    before = world.superuser.execute(state).fetchone()
    for number, attempt in enumerate(TRIES, 1):
        sql, why, own_rows = (text.replace("{foreign_customer}", str(foreign)) for text in (attempt.sql, attempt.why, attempt.own_rows))
        print(f"\n  {number:2}. To {attempt.aim}:")
        stage.sql(sql)
        answer = world.ask(sql, MANAGER)
        judge(stage, world, attempt, answer, own_rows)
        stage.say(why, "      ")
        leaked = world.without_splitplane(sql, MANAGER)
        if leaked:
            stage.say(f"For comparison, a gateway that only puts filtered CTEs in front of the text: {leaked}", "      ")
    stage.check(world.superuser.execute(state).fetchone() == before, "after all ten, not one row of orders has changed")


def judge(stage: Stage, world: World, attempt: Try, answer: dict | Refusal, own_rows: str) -> None:
    indent = "      "
    if isinstance(answer, Refusal):
        stage.check(answer.sqlstate in attempt.refused and not answer.more, f"refused: {shown(answer)}", indent)
        return
    harmless = bool(own_rows) and answer["rows"] == world.by_hand(own_rows)
    stage.check(harmless, f"answered with the brand's own rows only: {answer['rows'][:3]}", indent)


def bad_contexts(stage: Stage, world: World, number: int) -> None:
    stage.step(number, "Contexts that must not be believed: one sentence to the caller, the reason in the server's log")
    sql = "SELECT count(*) FROM orders"
    used = world.sign(sql, MANAGER)
    first = world.call(used, sql)
    stage.check(not isinstance(first, Refusal), "a context signed by botocore just now is answered")
    tampered = {**world.sign(sql, MANAGER), "x-splitplane-tenant": "brand-b"}
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=10)
    nobody = Person("", "brand-a", "ghost-kitchens", "u-1", "")
    cases = [
        ("tampered: the tenant was changed after signing", tampered, sql),
        ("tampered: other SQL than was signed", world.sign(sql, MANAGER), "SELECT count(*) FROM stores"),
        ("expired: signed ten minutes ago", world.sign(sql, MANAGER, when=past), sql),
        ("replayed: the context that was answered above, once more", used, sql),
        ("unregistered: validly signed for a business that nobody admitted", world.sign(sql, nobody), sql),
        ("for another database", {**world.sign(sql, MANAGER), "host": "elsewhere"}, sql),
    ]
    sentences = set()
    for title, context, text in cases:
        print(f"\n  {title}")
        answer = world.call(context, text)
        refused = isinstance(answer, Refusal)
        stage.check(refused and answer.sqlstate == "28000" and not answer.more, shown(answer) if refused else f"answered {answer['rows']}", "      ")
        if refused:
            sentences.add(answer.message)
            print(f"      the log says: {world.last_reason()}")
    stage.check(len(sentences) == 1, "the caller was told the same sentence each time")


def plane_and_plan(stage: Stage, world: World, number: int) -> None:
    stage.step(number, "What runs: the plane SQL, and its plan beside that of the query written by hand")
    stage.sql(PLANNED)
    dry = world.call(world.sign(PLANNED, FRANCHISEE), PLANNED, "ask_dry_run")
    if isinstance(dry, Refusal):
        stage.check(False, shown(dry))
        return
    print("\n  ask_dry_run, for the franchisee. This text is for reading: what runs is the tree that was proved, never a text.")
    for name, value in dry.items():
        if name not in ("proved", "plane_sql", "parameters"):
            continue
        print(f"\n  {name}:")
        lines = value if isinstance(value, list) else [value]
        stage.sql("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    by_hand = PLANNED.replace("FROM orders AS o JOIN stores AS s ON", "FROM public.orders AS o JOIN public.stores AS s ON").replace(
        " WHERE ",
        " WHERE o.tenant_id = 'brand-a' AND o.store_id = ANY ('{17,42}') AND s.tenant_id = 'brand-a' AND s.store_id = ANY ('{17,42}')\n   AND ",
        1,
    )
    plan = [row[0] for row in world.superuser.execute(f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) {by_hand}")]
    print("\n  the plan of the hand-written query:")
    stage.sql("\n".join(plan))
    print("\n  the plan that ask ran (from auto_explain):")
    stage.sql(executed_plan(world, PLANNED, FRANCHISEE) or "(no plan was logged)")


def executed_plan(world: World, sql: str, person: Person) -> str:
    """The plan of the last statement that ran inside `ask`, as PostgreSQL's own auto_explain logged it."""
    with world.cluster.connect(DATABASE) as connection:
        connection.execute("LOAD 'auto_explain'")
        for setting in ("log_min_duration = 0", "log_nested_statements = on", "log_analyze = on", "log_timing = off"):
            connection.execute(f"SET auto_explain.{setting}")
        connection.execute("SELECT ask(%s, sql => %s)", (json.dumps(world.sign(sql, person)), sql))
    plans = re.findall(r"plan:\n((?:\t.*\n)+)", world.cluster.log_text())
    nested = [plan for plan in plans if "orders" in re.sub(r"(?s)Query Text:.*?\n(?=\t\S.*\(cost=)", "", plan)]
    if not nested:
        return ""
    lines = textwrap.dedent(nested[-1]).splitlines()
    first = next((number for number, line in enumerate(lines) if "(cost=" in line), 0)
    return "\n".join(lines[first:])


STEPS = [same_question_two_answers, compromised_model, bad_contexts, plane_and_plan]


def shell(world: World) -> int:
    """A psql prompt on the demo; everything is gone when it ends."""
    functions = "\n".join(
        f"""CREATE FUNCTION {name}(sql text) RETURNS jsonb LANGUAGE sql VOLATILE AS
            $$ SELECT ask(splitplane.sign('AKSHELL', '{person.tenant}', '{person.business}', '{person.subject}', sql), sql => sql) $$;"""
        for name, person in (("manager", MANAGER), ("franchisee", FRANCHISEE))
    )
    functions += f"""CREATE FUNCTION in_words(question text) RETURNS jsonb LANGUAGE sql VOLATILE AS
        $$ SELECT ask(splitplane.sign('AKSHELL', '{MANAGER.tenant}', '{MANAGER.business}', '{MANAGER.subject}', question), question) $$;"""
    world.cluster.psql(DATABASE, functions)
    startup = r"""
\set QUIET on
\pset pager off
\set q 'SELECT city, count(*) AS stores FROM stores GROUP BY city ORDER BY 2 DESC LIMIT 5'
\set manager 'SELECT r AS row FROM jsonb_array_elements(manager(:''q'') -> ''rows'') AS r'
\set franchisee 'SELECT r AS row FROM jsonb_array_elements(franchisee(:''q'') -> ''rows'') AS r'
\set plane 'SELECT ask_dry_run(splitplane.sign(''AKSHELL'', ''brand-a'', ''lakeside'', ''u-2002'', :''q''), sql => :''q'') ->> ''plane_sql'' AS plane_sql'
\set plan 'SELECT jsonb_array_elements_text(ask_dry_run(splitplane.sign(''AKSHELL'', ''brand-a'', ''lakeside'', ''u-2002'', :''q''), sql => :''q'') -> ''plan'') AS plan'
\set PROMPT1 'demo=%# '
\echo
\echo 'You are the superuser of a throwaway server; it goes when you leave with \\q.'
\echo '  :manager;      ask :q as the brand manager of brand-a, 200 stores'
\echo '  :franchisee;   ask :q as the franchisee, 2 stores'
\echo '  :plane;  :plan;   what ask makes of :q for the franchisee, and how it runs'
\echo '  \\set q ''SELECT ...''   another question;   SELECT manager(''SELECT ...'');   the whole document'
\echo '  SELECT in_words(''Best-selling dishes?'');   a question in words, as the brand manager; demo/questions.json has more'
\echo '  SELECT splitplane.describe();   SELECT * FROM splitplane.doctor();   \\dt'
\echo
\set QUIET off
"""
    with tempfile.TemporaryDirectory() as folder:
        rc = Path(folder) / "psqlrc"
        rc.write_text(startup)
        # Ctrl-C at the prompt cancels a query; it is psql's, not ours.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        command = [str(world.cluster.bindir / "psql"), "-d", world.cluster.dsn(DATABASE)]
        return subprocess.run(
            command,
            env={**os.environ, "PSQLRC": str(rc)},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description="The splitplane demo.")
    parser.add_argument("--shell", action="store_true", help="a psql prompt instead of the steps")
    parser.add_argument("--scale", default="1", help="share of the 200,000 orders (1)")
    options = parser.parse_args()
    stage = Stage()
    with at_hand() as answering:
        stage.say("A restaurant group: three brands share every table of one PostgreSQL database. Starting a throwaway server ...")
        with running(options.scale, stage.say, answering) as world:
            if options.shell:
                return shell(world)
            who_is_there(stage, world)
            for number, step in enumerate([*words.STEPS, *STEPS], 1):
                step(stage, world, number)
    print("\n" + "=" * WIDTH)
    if stage.wrong:
        print(f"{len(stage.wrong)} thing(s) did not go as they must:")
        for what in stage.wrong:
            stage.say(f"- {what}", "  ")
        return 1
    print("Everything went as it must. For a psql prompt on this database: make demo-shell")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NoCredentials as problem:
        sys.exit(str(problem))
