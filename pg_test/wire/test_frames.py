"""Statements that a client wraps around a call: how often the call runs in each, and what is read of it.

A context is good for one call, so a frame that runs the call twice has its answer refused, and a probe that runs it has
spent the context before the question is asked. How often a call ran is read off the ledger: the key admits several uses
of a context, and those that are left are counted by using them up.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time

import psycopg
import pytest

from splitplane_test.session import canaries, refusal, wait_until
from test_deadline import HEAVY

from pg_test.wire.harness import COUNT_SALES, SALES, Wire, unclaimed

USES = 6
# Three rows of the asker's own.
QUERY = "SELECT note FROM sales WHERE sale_id <= 3 ORDER BY sale_id"
NOTES = [f"CANARY-brand-a sale {number}" for number in (1, 2, 3)]


@pytest.fixture(scope="module")
def framed(cluster):
    """A database of this file's own: it makes tables and views, and a foreign server."""
    built = Wire.build(cluster, "frames")
    built.many = ("AKMANY", built.run("SELECT splitplane.create_key('AKMANY', max_uses => %s)", USES)[0])
    built.run("CREATE SCHEMA held AUTHORIZATION app")
    return built


class Frame:
    """A session and one context of several uses, to be written into statements as `{ask}` and `{rows}`."""

    def __init__(self, wire: Wire, session, key, query: str = QUERY):
        self.session, self.query = session, query
        self.context = json.dumps(wire.sign(query, key=key))
        arguments = f"'{self.context}'::jsonb, sql => $q${query}$q$"
        self.words = {
            "{ask}": f"public.ask({arguments})",
            "{rows}": f"public.ask_rows({arguments}) AS t(note text)",
            "{arguments}": arguments,
        }

    def text(self, statement: str) -> str:
        for word, written in self.words.items():
            statement = statement.replace(word, written)
        return statement

    def run(self, statement: str) -> list[tuple]:
        """The rows of one statement; of a COPY, one row with the text of each line."""
        text = self.text(statement)
        if text.startswith("COPY"):
            with self.session.connection.cursor() as cursor, cursor.copy(text) as copied:
                return [(b"".join(bytes(block) for block in copied).decode(errors="replace"),)]
        cursor = self.session.execute(text)
        return cursor.fetchall() if cursor.description else []

    def times_run(self) -> int:
        """How often the context was used: the uses that it had, less those that are left."""
        for left in range(USES + 1):
            try:
                self.session.call(self.context, self.query)
            except psycopg.errors.InvalidAuthorizationSpecification:
                return USES - left
        raise AssertionError(f"the context was good for more than {USES} uses")


def frame(wire: Wire, session, query: str = QUERY) -> Frame:
    return Frame(wire, session, wire.many, query)


# What does not run the call. The control of each is the same call without the probe, in the same session: it is answered.
PROBES = {
    "LIMIT 0": ["SELECT {ask} LIMIT 0"],
    "LIMIT 0 around": ["SELECT * FROM (SELECT {ask} AS a) AS s LIMIT 0"],
    "LIMIT 0 of rows": ["SELECT * FROM {rows} LIMIT 0"],
    "LIMIT 0 of sorted rows": ["SELECT * FROM (SELECT * FROM {rows}) AS s ORDER BY 1 LIMIT 0"],
    "FETCH FIRST 0": ["SELECT {ask} FETCH FIRST 0 ROWS ONLY"],
    "WHERE 1 = 0": ["SELECT * FROM (SELECT {ask} AS a) AS s WHERE 1 = 0"],
    "WHERE 1 = 0 of rows": ["SELECT * FROM (SELECT * FROM {rows}) AS s WHERE 1 = 0"],
    "PREPARE": ["PREPARE p AS SELECT {ask}"],
    "PREPARE of rows": ["PREPARE p AS SELECT * FROM {rows}"],
    "EXPLAIN": ["EXPLAIN SELECT {ask}"],
    "EXPLAIN VERBOSE of rows": ["EXPLAIN (VERBOSE, SETTINGS) SELECT * FROM {rows}"],
    "EXPLAIN EXECUTE": ["PREPARE p AS SELECT {ask}", "EXPLAIN EXECUTE p"],
    "EXPLAIN CREATE TABLE AS": ["EXPLAIN CREATE TEMP TABLE x AS SELECT {ask} AS a"],
    "EXPLAIN DECLARE": ["EXPLAIN DECLARE c CURSOR FOR SELECT {ask}"],
    "CREATE VIEW": ["CREATE TEMP VIEW v AS SELECT {ask} AS a"],
    "CREATE VIEW of rows": ["CREATE TEMP VIEW v AS SELECT * FROM {rows}"],
    "CREATE OR REPLACE VIEW": [
        "CREATE TEMP VIEW v AS SELECT {ask} AS a",
        "CREATE OR REPLACE TEMP VIEW v AS SELECT {ask} AS a, 1 AS one",
    ],
    "a view under LIMIT 0": ["CREATE TEMP VIEW v AS SELECT {ask} AS a", "SELECT * FROM v LIMIT 0"],
    "CREATE TABLE AS, WITH NO DATA": ["CREATE TEMP TABLE x AS SELECT * FROM {rows} WITH NO DATA"],
    "materialized view, WITH NO DATA": [
        "CREATE MATERIALIZED VIEW held.m AS SELECT {ask} AS a WITH NO DATA",
        "DROP MATERIALIZED VIEW held.m",
    ],
    "CREATE FUNCTION": ["CREATE FUNCTION pg_temp.f() RETURNS jsonb LANGUAGE sql AS $f$SELECT {ask}$f$"],
    "CREATE FUNCTION with a parsed body": ["CREATE FUNCTION pg_temp.f() RETURNS jsonb LANGUAGE sql RETURN {ask}"],
    "DECLARE": ["BEGIN", "DECLARE c CURSOR FOR SELECT {ask}", "CLOSE c", "COMMIT"],
    "DECLARE, FETCH 0": ["BEGIN", "DECLARE c CURSOR FOR SELECT * FROM {rows}", "FETCH 0 FROM c", "COMMIT"],
    "DECLARE WITH HOLD, closed before the commit": ["BEGIN", "DECLARE c CURSOR WITH HOLD FOR SELECT {ask}", "CLOSE c", "COMMIT"],
    "DECLARE WITH HOLD, rolled back": ["BEGIN", "DECLARE c CURSOR WITH HOLD FOR SELECT {ask}", "ROLLBACK"],
    "EXISTS": ["SELECT EXISTS (SELECT {ask})"],
    "an unused CTE": ["WITH a AS (SELECT {ask}) SELECT 1"],
    "a LEFT JOIN of nothing": ["SELECT * FROM (SELECT 1 WHERE false) AS o LEFT JOIN (SELECT * FROM {rows}) AS s ON true"],
    "a CASE that is not taken": ["SELECT CASE WHEN random() < 0 THEN {ask} END"],
    "a COALESCE that is not reached": ["SELECT coalesce(to_jsonb(random()), {ask})"],
}

# What runs the call once, however often its answer is read; the last statement must give the notes.
ONCE = {
    "SELECT": ["SELECT {ask} -> 'rows'"],
    "COPY": ["COPY (SELECT {ask} -> 'rows') TO STDOUT"],
    "COPY of rows": ["COPY (SELECT * FROM {rows}) TO STDOUT"],
    "COPY csv": ["COPY (SELECT * FROM {rows}) TO STDOUT (FORMAT csv, HEADER)"],
    "COPY binary": ["COPY (SELECT * FROM {rows}) TO STDOUT (FORMAT binary)"],
    "LIMIT NULL": ["SELECT {ask} -> 'rows' LIMIT NULL"],
    "PREPARE, EXECUTE": ["PREPARE p AS SELECT {ask} -> 'rows'", "EXPLAIN EXECUTE p", "EXECUTE p"],
    "CREATE VIEW, read": ["CREATE TEMP VIEW v AS SELECT * FROM {rows}", "SELECT * FROM v"],
    "CREATE TABLE AS": ["CREATE TEMP TABLE x AS SELECT * FROM {rows}", "SELECT * FROM x", "SELECT * FROM x"],
    "SELECT INTO": ["SELECT {ask} -> 'rows' AS r INTO TEMP x", "SELECT r FROM x"],
    "CREATE TABLE AS EXECUTE": ["PREPARE p AS SELECT {ask} -> 'rows' AS r", "CREATE TEMP TABLE x AS EXECUTE p", "SELECT r FROM x"],
    "materialized view": [
        "DROP MATERIALIZED VIEW IF EXISTS held.m",
        "CREATE MATERIALIZED VIEW held.m AS SELECT * FROM {rows}",
        "SELECT * FROM held.m",
    ],
    "INSERT RETURNING": ["CREATE TEMP TABLE x (r jsonb)", "INSERT INTO x VALUES ({ask}) RETURNING r -> 'rows'"],
    "UPDATE FROM": [
        "CREATE TEMP TABLE x (r jsonb)",
        "INSERT INTO x VALUES ('1'), ('2')",
        "UPDATE x SET r = s.a -> 'rows' FROM (SELECT {ask} AS a) AS s RETURNING r",
    ],
    "two members of one call in a subselect": ["SELECT a -> 'rows', a -> 'columns' FROM (SELECT {ask} AS a) AS s"],
    "two members of one call in FROM": ["SELECT a -> 'rows', a -> 'columns' FROM {ask} AS a"],
    "a CTE read twice": ["WITH a AS (SELECT {ask} AS a) SELECT x.a -> 'rows', y.a -> 'columns' FROM a AS x, a AS y"],
    "a CTE that may be inlined": ["WITH a AS NOT MATERIALIZED (SELECT {ask} AS a) SELECT x.a -> 'rows', y.a FROM a AS x, a AS y"],
    "rows joined with themselves": ["WITH a AS (SELECT * FROM {rows}) SELECT x.note FROM a AS x JOIN a AS y USING (note) ORDER BY 1"],
    "an uncorrelated subselect over three rows": ["SELECT (SELECT {ask}) -> 'rows' FROM generate_series(1, 3)"],
    "a join with three rows": ["SELECT a -> 'rows' FROM generate_series(1, 3), (SELECT {ask} AS a) AS s"],
    "rows in a nested loop": [
        "SET enable_hashjoin = off",
        "SET enable_mergejoin = off",
        "SELECT note FROM generate_series(1, 2) AS g(i) JOIN {rows} ON note >= g.i::text ORDER BY 1",
    ],
    "elements": ["SELECT e FROM jsonb_array_elements({ask} -> 'rows') AS e"],
    "ROWS FROM": ["SELECT * FROM ROWS FROM (public.ask_rows({arguments}) AS (note text), generate_series(1, 2)) WITH ORDINALITY"],
    "a cursor": ["BEGIN", "DECLARE c CURSOR FOR SELECT * FROM {rows}", "FETCH ALL FROM c"],
    "a cursor fetched row by row": [
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT * FROM {rows}",
        "FETCH 1 FROM c",
        "MOVE 1 FROM c",
        "MOVE BACKWARD ALL FROM c",
        "FETCH ALL FROM c",
    ],
    "SCROLL": ["BEGIN", "DECLARE c SCROLL CURSOR FOR SELECT {ask} -> 'rows'", "FETCH ALL FROM c", "MOVE BACKWARD ALL FROM c", "FETCH ALL FROM c"],
    "SCROLL over rows": [
        "BEGIN",
        "DECLARE c SCROLL CURSOR FOR SELECT * FROM {rows}",
        "FETCH LAST FROM c",
        "FETCH ABSOLUTE 2 FROM c",
        "MOVE ABSOLUTE 0 FROM c",
        "FETCH ALL FROM c",
    ],
    "SCROLL over a call in FROM": [
        "BEGIN",
        "DECLARE c SCROLL CURSOR FOR SELECT a -> 'rows' FROM {ask} AS a",
        "FETCH ALL FROM c",
        "MOVE BACKWARD ALL FROM c",
        "FETCH ALL FROM c",
    ],
    "WITH HOLD": ["DECLARE c CURSOR WITH HOLD FOR SELECT {ask} -> 'rows'", "FETCH ALL FROM c"],
    "WITH HOLD over rows": [
        "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM {rows}",
        "FETCH ALL FROM c",
        "MOVE BACKWARD ALL FROM c",
        "FETCH ALL FROM c",
    ],
    "SCROLL WITH HOLD": [
        "DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT {ask} -> 'rows'",
        "FETCH ALL FROM c",
        "MOVE BACKWARD ALL FROM c",
        "FETCH ALL FROM c",
    ],
    "WITH HOLD, fetched before the commit": [
        "BEGIN",
        "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM {rows}",
        "FETCH 1 FROM c",
        "COMMIT",
        "MOVE ABSOLUTE 0 FROM c",
        "FETCH ALL FROM c",
    ],
    "a savepoint released under a cursor": [
        "BEGIN",
        "SAVEPOINT s",
        "DECLARE c CURSOR FOR SELECT * FROM {rows}",
        "FETCH 1 FROM c",
        "RELEASE s",
        "MOVE ABSOLUTE 0 FROM c",
        "FETCH ALL FROM c",
    ],
    "a loop that commits": [
        "CREATE TEMP TABLE x (note text)",
        "DO $do$ DECLARE r record; BEGIN FOR r IN SELECT * FROM {rows} LOOP INSERT INTO x VALUES (r.note); COMMIT; END LOOP; END $do$",
        "SELECT note FROM x",
    ],
}

# What runs the call more than once, and how often. With a context of one use each of them is refused.
AGAIN = {
    "two members, two calls": (2, ["SELECT {ask} -> 'rows', {ask} -> 'columns'"]),
    "a call for each row": (3, ["SELECT {ask} FROM generate_series(1, 3)"]),
    "a correlated subselect": (3, ["SELECT (SELECT {ask} WHERE i > 0) FROM generate_series(1, 3) AS g(i)"]),
    "BETWEEN": (2, ["SELECT {ask} BETWEEN '{}' AND '[]'"]),
    "count first": (2, ["SELECT count(*) FROM (SELECT {ask} AS a) AS s", "SELECT {ask}"]),
    "count of rows first": (2, ["SELECT count(*) FROM (SELECT * FROM {rows}) AS s", "SELECT * FROM {rows}"]),
    "LIMIT 1 first": (2, ["SELECT * FROM {rows} LIMIT 1", "SELECT * FROM {rows}"]),
    "EXPLAIN ANALYZE first": (2, ["EXPLAIN ANALYZE SELECT {ask}", "SELECT {ask}"]),
    "a view read twice": (2, ["CREATE TEMP VIEW v AS SELECT {ask} AS a", "SELECT * FROM v", "SELECT * FROM v"]),
    "a view joined with itself": (2, ["CREATE TEMP VIEW v AS SELECT {ask} AS a", "SELECT * FROM v AS x, v AS y"]),
    "a view of which another column is read": (2, ["CREATE TEMP VIEW v AS SELECT {ask} AS a, 1 AS one", "SELECT one FROM v", "SELECT one FROM v"]),
    "a prepared statement executed twice": (2, ["PREPARE p AS SELECT {ask}", "EXECUTE p", "EXECUTE p"]),
    "a materialized view refreshed": (2, [
        "DROP MATERIALIZED VIEW IF EXISTS held.n",
        "CREATE MATERIALIZED VIEW held.n AS SELECT {ask} AS a",
        "REFRESH MATERIALIZED VIEW held.n",
    ]),
    # PostgreSQL takes a scan for one that can be read backwards, whatever its select list calls.
    "a select list over a scan, read backwards": (2, [
        "BEGIN", "DECLARE c CURSOR FOR SELECT {ask} FROM generate_series(1, 1)", "FETCH ALL FROM c", "MOVE BACKWARD ALL FROM c", "FETCH ALL FROM c",
    ]),
    "a select list over a scan, SCROLL": (2, [
        "BEGIN", "DECLARE c SCROLL CURSOR FOR SELECT {ask} FROM generate_series(1, 1)", "FETCH ALL FROM c", "MOVE BACKWARD ALL FROM c", "FETCH ALL FROM c",
    ]),
    # At the commit a scrollable cursor is read again from its start.
    "a select list over a scan, WITH HOLD, fetched before the commit": (2, [
        "BEGIN", "DECLARE c CURSOR WITH HOLD FOR SELECT {ask} FROM generate_series(1, 1)", "FETCH ALL FROM c", "COMMIT",
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBES)
def test_does_not_spend_the_context(framed, name):
    with framed.session() as session:
        tried = frame(framed, session)
        for statement in PROBES[name]:
            tried.run(statement)
        assert tried.times_run() == 0, name
        assert session.value(COUNT_SALES) == SALES["brand-a"]


@pytest.mark.parametrize("name", ONCE)
def test_runs_the_call_once(framed, name):
    with framed.session() as session:
        tried = frame(framed, session)
        for statement in ONCE[name]:
            shown = tried.run(statement)
        text = str(shown)
        assert all(note in text for note in NOTES) and not canaries(text, "brand-a"), (name, shown)
        if session.connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            session.execute("COMMIT")
        assert tried.times_run() == 1, name


@pytest.mark.parametrize("name", AGAIN)
def test_runs_the_call_again(framed, name):
    """The control of the counting: it sees more than one. And a context of one use is refused there, by whatever statement comes to be second."""
    times, statements = AGAIN[name]
    with framed.session() as session:
        tried = frame(framed, session)
        for statement in statements:
            tried.run(statement)
        if session.connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            session.execute("COMMIT")
        assert tried.times_run() == times, name
    with framed.session() as session:
        tried = Frame(framed, session, (framed.key_id, framed.secret))

        def run():
            for statement in statements:
                tried.run(statement)

        refusal(run, "28000")
        session.connection.rollback()
        assert session.value(COUNT_SALES, "brand-b") == SALES["brand-b"]


WRAPPERS = {
    "sql": "LANGUAGE sql {volatility} AS $w$SELECT public.ask($1, sql => $2)$w$",
    "plpgsql": "LANGUAGE plpgsql {volatility} AS $w$BEGIN RETURN public.ask($1, sql => $2); END$w$",
}
# A wrapper of the application's own: what EXPLAIN of a condition runs, and how often a subselect read twice does. A function
# that is not marked VOLATILE is called by the planner, and once for each place where its column is named.
VOLATILITIES = {"VOLATILE": (0, 1), "STABLE": (1, 2), "IMMUTABLE": (1, 2)}


@pytest.mark.parametrize("language", WRAPPERS)
@pytest.mark.parametrize("volatility", VOLATILITIES)
def test_wrapper_function_must_be_volatile(framed, language, volatility):
    explained, read_twice = VOLATILITIES[volatility]
    with framed.session() as session:
        session.execute("CREATE FUNCTION pg_temp.w(jsonb, text) RETURNS jsonb " + WRAPPERS[language].format(volatility=volatility))
        tried = frame(framed, session)
        called = f"pg_temp.w('{tried.context}'::jsonb, $q${tried.query}$q$)"
        session.execute(f"EXPLAIN SELECT FROM pg_class WHERE relname = {called}::text")
        assert tried.times_run() == explained
        tried = frame(framed, session)
        called = f"pg_temp.w('{tried.context}'::jsonb, $q${tried.query}$q$)"
        rows = session.execute(f"WITH a AS (SELECT {called} AS a) SELECT a -> 'rows', a -> 'columns' FROM a").fetchall()
        assert rows[0][0] == [[note] for note in NOTES]
        assert tried.times_run() == read_twice


def test_held_cursor_is_refused_within_the_commit(framed):
    """The refusal is that of the COMMIT, and the whole transaction is rolled back with it."""
    with framed.session() as session:
        session.execute("CREATE TEMP TABLE mine (i int)")
        declare = f"DECLARE c CURSOR WITH HOLD FOR SELECT ask('{json.dumps(framed.sign('SELECT 1'))}'::jsonb, sql => 'SELECT 2')"
        session.execute("BEGIN")
        session.execute("INSERT INTO mine VALUES (1)")
        session.execute(declare)
        refusal(lambda: session.execute("COMMIT"), "28000")
        assert session.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert session.execute("SELECT count(*) FROM mine").fetchone() == (0,)
        # In autocommit it is DECLARE's own.
        refusal(lambda: session.execute(declare), "28000")
        assert session.execute("SELECT count(*) FROM pg_cursors").fetchone() == (0,)
        # The control: the same with a good context is committed.
        good = frame(framed, session)
        session.execute("BEGIN")
        session.execute("INSERT INTO mine VALUES (1)")
        good.run("DECLARE c CURSOR WITH HOLD FOR SELECT * FROM {rows}")
        session.execute("COMMIT")
        assert session.execute("FETCH ALL FROM c").fetchall() == [(note,) for note in NOTES]
        assert session.execute("SELECT count(*) FROM mine").fetchone() == (1,)


def test_held_cursor_sees_the_rows_of_the_commit(framed):
    """The call runs at the commit, and so sees what the transaction did after DECLARE. Nothing of its principal is left."""
    with framed.admin() as admin:
        context = json.dumps(framed.sign(COUNT_SALES))
        admin.execute("BEGIN")
        admin.execute(f"DECLARE c CURSOR WITH HOLD FOR SELECT ask('{context}'::jsonb, sql => '{COUNT_SALES}') -> 'rows'")
        admin.execute("INSERT INTO sales SELECT 'brand-a', 900000, 1, 1, 'CANARY-brand-a', now()")
        admin.execute("COMMIT")
        assert admin.execute("FETCH ALL FROM c").fetchall() == [([[SALES["brand-a"] + 1]],)]
        admin.execute("DELETE FROM sales WHERE sale_id = 900000")
        unclaimed(admin)


def held_refusal(session, query, act=lambda pid: None):
    """Declare a held cursor over a heavy call in autocommit: SQLSTATE and seconds of what ends it."""
    context = json.dumps(session.plane.sign(query))
    started = time.monotonic()
    thread = threading.Thread(target=act, args=(session.pid,))
    thread.start()
    error = refusal(lambda: session.execute(f"DECLARE heavy CURSOR WITH HOLD FOR SELECT ask('{context}'::jsonb, sql => $q${query}$q$)"), "57014")
    thread.join()
    return error, time.monotonic() - started


def test_held_cursor_is_bounded_by_the_deadline_and_cancels(framed):
    """PostgreSQL switches statement_timeout off before it commits. The deadline of splitplane holds, and so does a cancel."""
    hasty = framed.role(splitplane__deadline="500ms", splitplane__max_cost="0", statement_timeout="100ms")
    with framed.session(hasty) as session:
        _, seconds = held_refusal(session, HEAVY["series"])
        assert 0.4 < seconds < 3, seconds
        # The control: without HOLD the call runs in a statement of its own, and that has the timeout.
        context = json.dumps(framed.sign(HEAVY["series"]))
        started = time.monotonic()
        refusal(lambda: session.call(context, HEAVY["series"]), "57014")
        assert time.monotonic() - started < 0.4
    patient = framed.role(splitplane__deadline="30s", splitplane__max_cost="0")
    with framed.session(patient) as session:

        def cancel(pid):
            wait_until(lambda: framed.run("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'", pid), 5, "the call runs")
            time.sleep(0.3)
            framed.run("SELECT pg_cancel_backend(%s)", pid)

        _, seconds = held_refusal(session, HEAVY["series"], cancel)
        assert seconds < 10, seconds
        assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_prepared_transaction_after_a_call(framed):
    """A transaction that has asked may be prepared; one that has a held cursor over a call may not, and has not run it."""
    with framed.session() as session:
        tried = frame(framed, session)
        session.execute("BEGIN")
        tried.run("DECLARE c CURSOR WITH HOLD FOR SELECT {ask}")
        # 55000 where max_prepared_transactions is 0, as it is by default.
        refusal(lambda: session.execute("PREPARE TRANSACTION 'frames'"), ("0A000", "55000"), hint=True)
        session.connection.rollback()
        assert tried.times_run() == 0


def test_wrong_column_list_costs_a_use_and_a_missing_one_does_not(framed):
    with framed.session() as session:
        tried = frame(framed, session)
        refusal(lambda: tried.run("SELECT public.ask_rows({arguments})"), "0A000")
        refusal(lambda: tried.run("SELECT * FROM public.ask_rows({arguments})"), "42601", hint=True)
        assert tried.times_run() == 0
        tried = frame(framed, session)
        refusal(lambda: tried.run("SELECT * FROM public.ask_rows({arguments}) AS t(note int)"), "42804")
        assert tried.times_run() == 1


def test_calls_through_another_server(framed):
    """dblink and postgres_fdw, whose estimates are an EXPLAIN of the remote query: one execution each."""
    with framed.admin() as admin:
        admin.execute("CREATE EXTENSION dblink")
        admin.execute("CREATE EXTENSION postgres_fdw")
        admin.execute(
            f"CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{framed.cluster.socket_dir}', port '{framed.cluster.port}', "
            f"dbname '{framed.database}', use_remote_estimate 'true')"
        )
        admin.execute("CREATE USER MAPPING FOR PUBLIC SERVER here OPTIONS (user 'app', password_required 'false')")
        with framed.session() as session:
            tried = frame(framed, session)
            tried.run("CREATE VIEW held.remote AS SELECT * FROM {rows}")
            admin.execute("CREATE FOREIGN TABLE remote (note text) SERVER here OPTIONS (schema_name 'held', table_name 'remote')")
            admin.execute("EXPLAIN SELECT * FROM remote")
            assert admin.execute("SELECT note FROM remote ORDER BY 1").fetchall() == [(note,) for note in NOTES]
            assert tried.times_run() == 1
            tried = frame(framed, session)
            dsn = framed.cluster.dsn(dbname=framed.database, user="app")
            remote = admin.execute("SELECT * FROM dblink(%s, %s) AS t(note text)", (dsn, tried.text("SELECT * FROM {rows}")))
            assert remote.fetchall() == [(note,) for note in NOTES]
            assert tried.times_run() == 1


class Raw:
    """The extended protocol, message by message: psycopg does not ask for a part of a portal's rows."""

    def __init__(self, wire: Wire):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(f"{wire.cluster.socket_dir}/.s.PGSQL.{wire.cluster.port}")
        self.stream = self.socket.makefile("rb")
        start = struct.pack("!i", 196608) + b"".join(word.encode() + b"\0" for word in ("user", "app", "database", wire.database, ""))
        self.socket.sendall(struct.pack("!i", len(start) + 4) + start)
        self.read("Z")

    def send(self, kind: str, *parts) -> None:
        body = b"".join(part.encode() + b"\0" if isinstance(part, str) else part for part in parts)
        self.socket.sendall(kind.encode() + struct.pack("!i", len(body) + 4) + body)

    def read(self, until: str) -> list[tuple[str, bytes]]:
        """The messages up to one of these kinds."""
        found = []
        while not found or found[-1][0] not in until:
            head = self.stream.read(5)
            found.append((head[:1].decode(), self.stream.read(struct.unpack("!i", head[1:])[0] - 4)))
        return found

    def query(self, text: str) -> None:
        self.send("Q", text)
        self.read("Z")


@pytest.mark.parametrize("statement", ["SELECT * FROM {rows}", "SELECT {ask} -> 'rows' FROM generate_series(1, 1)"])
def test_portals_fetched_in_parts(framed, statement):
    """Parse, Bind and Describe do not run the call; a fetch size (JDBC, asyncpg's cursors) reads one execution in parts."""
    with framed.session() as session:
        tried = frame(framed, session)
        raw = Raw(framed)
        bind = ("p", "s", struct.pack("!hhh", 0, 0, 0))
        raw.send("P", "s", tried.text(statement), struct.pack("!h", 0))
        raw.send("D", b"S", "s")
        raw.send("B", *bind)
        raw.send("D", b"P", "p")
        raw.send("S")
        assert [kind for kind, _ in raw.read("Z")] == ["1", "t", "T", "2", "T", "Z"]
        raw.query("BEGIN")
        raw.send("B", *bind)
        seen = b""
        for _ in range(4):
            raw.send("E", "p", struct.pack("!i", 1))
            raw.send("H")
            messages = raw.read("sCE")
            assert messages[-1][0] != "E", messages
            seen += b"".join(body for kind, body in messages if kind == "D")
        raw.send("S")
        raw.read("Z")
        raw.query("COMMIT")
        raw.socket.close()
        assert all(seen.count(note.encode()) == 1 for note in NOTES), seen
        assert tried.times_run() == 1
