"""Controls: that the statements attack, that the canaries are there to be found, and that each check can fail.

The same statements run where a fence is missing: through the naive prefix wrapper, and bare, as a role that reads both
tenants' tables. The same functions that judge `ask` must then find what is wrong.
"""

from __future__ import annotations

import collections
import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import smith
import vocabulary as words
from asking import Call, Reply
from campaign import Plan, Worker
from grammar import Grammar
from judge import is_documented, judge, judge_twins, twin
from nodes import NODES, Reader, Tables
from oracle import Plain
from stream import Statement, Stream

from pg_test.attacks.entries import PLANE
from pg_test.attacks.naive import wrap
from pg_test.attacks.verdict import canary_in, is_data_error, judge_error
from pg_test.attacks.world import ALONE, NAIVE, World

_SAMPLE = 1200
# Honest statements of which each node of a condition is to be in one.
_ANALYSED = 5000


def run(world: World, plan: Plan) -> Iterator[tuple[str, list[str]]]:
    """(name, what is wrong) for each control."""
    yield "the generator's tables and columns are the plane's", vocabulary_fits()
    yield "a seed writes the same statements in another process", same_again(plan.seed)
    statements = [Stream(plan.seed).statement(number) for number in range(_SAMPLE)]
    if plan.smith_dsn:
        yield "and so does sqlsmith", smith_writes_the_same(plan)
    yield f"{len(NODES)} nodes stand in conditions over plane tables, each in some of {_ANALYSED} honest statements", nodes_are_made(plan)
    yield from unfenced(plan, statements)
    yield "where the other tenant's rows are deleted, that tenant's outcomes differ and are seen to", emptied_is_empty(plan, statements[:300])
    yield "a lost connection is pinned on its statement", loss_is_seen(world, plan)
    yield "an internal error, a HINT, a notice with a canary and hidden values are seen", bad_replies_are_seen(plan)


def vocabulary_fits() -> list[str]:
    mine = {table: [name for name, _ in columns] for table, columns in words.TABLES.items()}
    return [] if mine == PLANE else [f"{table}: {mine.get(table)} / {PLANE.get(table)}" for table in mine.keys() | PLANE if mine.get(table) != PLANE.get(table)]


# What counts as a node of a condition: none beside conditions, none that reads no plane table, none above a LIMIT.
_READ = [
    ("SELECT CASE qty WHEN 1 THEN 2 END FROM order_items WHERE qty = 3 ORDER BY COALESCE(qty, 1)", {"VAR", "CONST", "OPEXPR"}),
    ("SELECT 1 FROM orders, generate_series(1, 3) AS g WHERE (g > 1) IS TRUE", set()),
    ("SELECT 1 FROM (SELECT qty FROM order_items LIMIT 1) AS q WHERE q.qty = 1", set()),
    ("SELECT 1 FROM (SELECT qty FROM order_items) AS q WHERE q.qty IS NULL", {"VAR", "NULLTEST"}),
    ("SELECT 1 FROM orders JOIN stores USING (store_id)", {"VAR", "OPEXPR"}),
    ("SELECT status FROM orders GROUP BY status HAVING count(*) > 1 AND status IS NULL", {"VAR", "NULLTEST", "BOOLEXPR and", "AGGREF", "CONST"}),
    ("SELECT 1 FROM orders WHERE EXISTS (SELECT count(*) FROM stores WHERE city IS NULL)", {"VAR", "NULLTEST", "SUBLINK exists"}),
]  # fmt: skip


def nodes_are_made(plan: Plan) -> list[str]:
    """Each node that an admitted SELECT can hold, as PostgreSQL itself analyses it where the tables are the plane's."""
    made: set[str] = set()
    with psycopg.connect(plan.dsn(ALONE, "postgres"), autocommit=True, prepare_threshold=None) as connection:
        tables = {oid for (oid,) in connection.execute("SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'").fetchall()}
        reader = Reader(connection, Tables(tables))
        for start in range(0, _ANALYSED, 50):
            texts = [Grammar(random.Random(f"{plan.seed}:{number}")).statement() for number in range(start, start + 50)]
            made.update(node for found in reader.nodes(texts) for node, _, _ in found or ())
        read = [{node for node, _, _ in found or ()} for found in reader.nodes([text for text, _ in _READ])]
        wrong = [f"{text}: {sorted(found)}, not {sorted(wanted)}" for (text, wanted), found in zip(_READ, read, strict=True) if found != wanted]
    return wrong + [f"{node} was never made" for node in NODES if node not in made]


def digest(seed: int) -> str:
    stream = Stream(seed)
    return hashlib.sha256("\n".join(stream.statement(number).text for number in range(400)).encode()).hexdigest()


def same_again(seed: int) -> list[str]:
    code = f"import selfcheck; print(selfcheck.digest({seed}))"
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, env=environment, capture_output=True, text=True)
    return [] if done.stdout.strip() == digest(seed) else [f"{done.stdout.strip()} is not {digest(seed)} {done.stderr[-200:]}"]


def smith_writes_the_same(plan: Plan) -> list[str]:
    first, second = (smith.block(plan.smith_dsn, plan.seed, 0) for _ in range(2))
    return [] if first == second else ["a block differs from itself"]


def unfenced(plan: Plan, statements: list[Statement]) -> Iterator[tuple[str, list[str]]]:
    """What the same statements give without splitplane, judged by the same functions."""
    bare = Plain(plan.dsn(NAIVE, "naive_app"))
    worker = Worker(plan)
    found = {"bare": 0, "other rows": 0, "wrapped": 0, "differs": 0, "errors differ": 0, "twins": 0}
    answered = 0
    for statement in statements:
        answer = bare.answer(statement.text)
        document = None if answer.error is not None else '{"outcome": "answered", "truncated": false, "rows": [' + ",".join(answer.lines) + "]}"
        reply = Reply(document, answer.error, 0.0)
        carried = any("CANARY" in reason for reason in judge(statement.text, reply, worker.oracle.carries))
        found["bare"] += carried
        answered += document is not None
        found["other rows"] += document is not None and not carried and not worker.oracle.first_look(statement.text, document)
        if document is not None and not carried and found["differs"] < 20:
            found["differs"] += worker.oracle.judge(statement.text, document)[0] == "differs"
        elif is_data_error(reply.state) and found["errors differ"] < 5:
            found["errors differ"] += worker.oracle.judge(statement.text, None)[0] == "differs"
        wrapped = bare.answer(wrap(statement.text))
        shown = " ".join(wrapped.lines or []) + str(wrapped.error or "")
        found["wrapped"] += canary_in(shown) is not None and canary_in(statement.text) is None
        other = twin(statement.text)
        if other and found["twins"] < 20:
            second = bare.answer(other)
            found["twins"] += bool(judge_twins(Reply(None if answer.error else "", answer.error, 0), Reply(None if second.error else "", second.error, 0)))
    for name, least, what in (
        ("bare", 60, f"without any fence {answered} are answered, and canaries are found"),
        ("other rows", 60, "without any fence, answers without a canary have rows that are not tenant acme's alone"),
        ("differs", 20, "such answers count as findings, at least the first 20"),
        ("errors differ", 1, "so do errors that only the other tenant's rows can cause"),
        ("twins", 20, "without any fence, hidden names are told apart from unknown ones"),
        ("wrapped", 5, "through the naive prefix wrapper, canaries get out and are found"),
    ):
        yield f"{what} ({found[name]} of {len(statements)})", [] if found[name] >= least else [f"{found[name]}, not {least}"]


def emptied_is_empty(plan: Plan, statements: list[Statement]) -> list[str]:
    """acme's outcomes are equal there whatever happens to beta's rows; beta's own must not be."""
    worker = Worker(plan)
    seen: collections.Counter[str] = collections.Counter()
    for statement in statements:
        reply = worker.asker.one(Call("beta", "ask", statement.text))
        if reply is not None and reply.error is None:
            seen[worker.without_others("beta", statement.text, reply)] += 1
    return [] if seen["differs"] >= 20 else [f"only {seen['differs']} of {seen.total()} answers to beta differ"]


def loss_is_seen(world: World, plan: Plan) -> list[str]:
    """A backend is ended in the middle of a batch; by itself no statement of it does any harm."""
    worker = Worker(plan)
    statements = [worker.stream.statement(number) for number in range(10)]
    calls = [worker.calls(statement) for statement in statements]
    with world.superuser() as dba:
        dba.execute("SELECT pg_terminate_backend(%s, 5000)", [worker.asker.pid])
    try:
        worker.asker.send([call for group in calls for call in group.values()])
    except psycopg.OperationalError:
        pass
    worker.asker._waiting = len(calls)
    replies = worker.receive(statements, calls)
    wrong = [] if any("connection was lost" in what for _, what, _ in worker.report.findings) else ["the loss was not seen"]
    if any("LOST over this call" in what for _, what, _ in worker.report.findings):
        wrong.append("a harmless statement was blamed")
    return wrong + ([] if all("acme" in group for group in replies) else ["the statements left were not sent again"])


def bad_replies_are_seen(plan: Plan) -> list[str]:
    wrong = []
    if is_documented("XX000") or not is_documented("42501"):
        wrong.append("XX000 counts as documented, or 42501 does not")
    for value in ("111-11-1111", "+44 2", "CANARY-B city", "secret-canary", "7700011"):
        reply = Reply('{"outcome": "answered", "rows": [["' + value + '"]], "sql": ""}', None, 0.0)
        if not judge("SELECT 1", reply, lambda text, found: False):
            wrong.append(f"{value} in an answer goes unseen")
    with psycopg.connect(plan.dsn(NAIVE, "naive_app"), autocommit=True) as connection:
        seen = []
        connection.add_notice_handler(lambda diagnostic: seen.append(diagnostic.message_primary))
        connection.execute("SELECT count(*) FROM customers WHERE leak(full_name)")
        if not any(canary_in(text) for text in seen):
            wrong.append("a notice with a canary goes unseen")
        try:
            connection.execute("SELECT nota FROM orders")
            wrong.append("a control statement went through")
        except psycopg.Error as error:
            if not any("HINT" in reason for reason in judge_error({"expect": "bounded"}, error, "")):
                wrong.append("a HINT goes unseen")
    return wrong
