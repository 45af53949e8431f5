"""Tables whose rows belong to those of others, beside what only a client sees: workers, other sessions, cancels, crashes."""

import json
import re
import threading
import time
from pathlib import Path

import psycopg
import pytest
from splitplane_test.cluster import Cluster
from splitplane_test.plane import numbered
from splitplane_test.session import wait_until

from pg_test.wire.harness import WANTS_WORKERS, Wire

SCHEMA = """
CREATE TABLE orders (order_id int PRIMARY KEY, tenant_id text NOT NULL, label text NOT NULL);
CREATE TABLE lines (line_id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders ON DELETE CASCADE, item text NOT NULL, amount int NOT NULL);
CREATE TABLE marks (line_id bigint REFERENCES lines ON DELETE CASCADE, mark text NOT NULL);
CREATE INDEX ON orders (tenant_id);
CREATE INDEX ON lines (order_id);
CREATE INDEX ON marks (line_id);
INSERT INTO orders SELECT n, 'brand-' || chr(97 + n % 3), 'CANARY-brand-' || chr(97 + n % 3) FROM generate_series(1, 3000) n;
INSERT INTO lines SELECT n, 1 + n % 3000, 'CANARY-brand-' || chr(97 + (1 + n % 3000) % 3), n % 1000 FROM generate_series(1, 60000) n;
INSERT INTO marks SELECT n, 'CANARY-brand-' || chr(97 + (1 + n % 3000) % 3) FROM generate_series(1, 60000) n;
SELECT splitplane.protect('orders', '{"tenant_id": "tenant"}', ARRAY['order_id', 'label']);
SELECT splitplane.protect_through('lines', 'orders');
SELECT splitplane.protect_through('marks', 'lines');
SELECT splitplane.admit(t) FROM unnest(ARRAY['brand-a', 'brand-b', 'brand-c']) t;
"""
COUNT = "SELECT count(*) FROM lines"
# Each brand has 1,000 orders of 20 lines.
EACH = 20_000


@pytest.fixture
def parents(cluster):
    built = Wire.build(cluster, numbered("parents"), SCHEMA)
    built.run("VACUUM ANALYZE")
    return built


def slowed(plane, seconds: float, table: str = "orders") -> None:
    """Each row that the reader looks at takes its time."""
    plane.run(f"CREATE POLICY slow ON {table} AS RESTRICTIVE TO splitplane_reader USING (pg_sleep({seconds}) IS NOT NULL)")


def segments(cluster: Cluster) -> int:
    """How many segments of shared memory a server has that keeps them in files."""
    return len(list((Path(cluster.data_dir) / "pg_dynshmem").iterdir()))


# With the child that workers must have read.
QUERIES = {
    "SELECT count(*), sum(amount) FROM {lines}": "lines",
    "SELECT count(*), max(mark) FROM {marks}": "marks",
    "SELECT count(*) FROM {lines} l JOIN {marks} m USING (line_id) JOIN {orders} o USING (order_id)": "lines",
    "SELECT count(*), min(amount) FROM {lines} WHERE amount > (SELECT avg(length(mark)) FROM {marks})": "lines",
}
TABLES = ("orders", "lines", "marks")
OWN = (
    "CREATE TEMP TABLE own_orders AS SELECT order_id, label FROM orders WHERE tenant_id = %s",
    "CREATE TEMP TABLE own_lines AS SELECT l.* FROM lines l JOIN own_orders USING (order_id)",
    "CREATE TEMP TABLE own_marks AS SELECT m.* FROM marks m JOIN own_lines USING (line_id)",
)


@pytest.mark.parametrize("query", QUERIES)
def test_workers_find_the_keys(parents, query):
    """Without their leader's keys they would see no row. The control: they alone read the child, in the plan that was run."""
    for setting, value in {**WANTS_WORKERS, "parallel_leader_participation": "off"}.items():
        parents.run(f"ALTER DATABASE {parents.database} SET {setting} = '{value}'")
    sql = query.format(**{table: table for table in TABLES})
    for tenant in ("brand-a", "brand-b", "brand-c"):
        with parents.admin() as admin:
            admin.execute("SET max_parallel_workers_per_gather = 0; SET auto_explain.log_min_duration = -1")
            for statement in OWN:
                admin.execute(statement, (tenant,) if "%s" in statement else None)
            by_hand = query.format(**{table: f"own_{table}" for table in TABLES})
            wanted = [list(row) for row in admin.execute(by_hand).fetchall()]
        log = len(parents.cluster.log_text())
        with parents.session() as session:
            assert session.ask(sql, tenant)["rows"] == wanted, tenant
        # The statement's own plan: those that collect keys hold no text of a caller's.
        run = [entry for entry in parents.cluster.log_text()[log:].split("Query Text: ") if entry.startswith("WITH ") and sql in entry]
        assert len(run) == 1, run
        launched = [int(number) for number in re.findall(r"Workers Launched: (\d+)", run[0])]
        assert launched and min(launched) > 0, run[0]
        assert re.search(rf"Parallel (Seq|Index|Index Only|Bitmap Heap) Scan (using \w+ )?on {QUERIES[query]}\b", run[0]), run[0]
    assert parents.run("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'") == (0,)


def test_segments_of_keys_end_with_their_call():
    """With an answer, an error, a deadline and a backend that is ended. The control: while a call runs there are some."""
    with Cluster(settings={"dynamic_shared_memory_type": "mmap"}) as cluster:
        # The server's own, before anything else has some.
        own = segments(cluster)
        parents = Wire.build(cluster, "segments", SCHEMA)
        parents.run("VACUUM ANALYZE")
        _end_calls_in_each_way(parents, own)


def _end_calls_in_each_way(parents, own: int):
    for setting, value in WANTS_WORKERS.items():
        parents.run(f"ALTER DATABASE {parents.database} SET {setting} = '{value}'")
    slow = "SELECT count(*) FROM lines a, lines b WHERE a.amount + b.amount = -1"
    limited = parents.role(splitplane__deadline="300ms")

    def gone() -> None:
        wait_until(lambda: segments(parents.cluster) == own, 10, "the segments of sessions that ended are gone")

    # The observer's own statements have no workers, and so no segments.
    with parents.connect(options="-c max_parallel_workers_per_gather=0") as observer:
        # A session that reads the plane itself has types of rows that one that takes it has not, and PostgreSQL shares them with workers.
        for _ in range(3):
            with parents.session() as session:
                assert session.value(COUNT) == EACH
        gone()
        # PostgreSQL keeps some for a session whose statements had workers; a table without parents shows how many.
        with parents.session() as session:
            session.ask("SELECT count(*), max(label) FROM orders")
            kept = segments(parents.cluster)
        assert kept > own
        gone()
        with parents.session() as session:
            for _ in range(10):
                assert session.value(COUNT) == EACH
            assert segments(parents.cluster) == kept
            session.ask_refused("22012", "SELECT sum(1 / (amount - amount)) FROM lines")
            assert segments(parents.cluster) == kept
        gone()
        with parents.session(user=limited) as session:
            session.ask_refused("57014", slow)
            assert segments(parents.cluster) == kept
        gone()
        ended = []
        with parents.session() as session:

            def work():
                try:
                    session.ask(slow)
                except psycopg.OperationalError as error:
                    ended.append(error)

            thread = threading.Thread(target=work)
            thread.start()
            # The control: the keys, and what these workers share.
            wait_until(lambda: segments(parents.cluster) > kept + 1, 10, "a segment holds the keys")
            observer.execute("SELECT pg_terminate_backend(%s)", (session.pid,))
            thread.join()
        assert ended
        gone()


def test_calls_within_one_another(parents):
    """Two brands in one statement, rows of two calls read side by side, and a block that fails between them."""
    with parents.session() as session:
        contexts = {tenant: json.dumps(parents.sign(COUNT, tenant)) for tenant in ("brand-a", "brand-b")}
        both = "SELECT (ask(%s::jsonb, sql => %s) -> 'rows' -> 0 ->> 0)::int, (ask(%s::jsonb, sql => %s) -> 'rows' -> 0 ->> 0)::int"
        parents.run("DELETE FROM orders WHERE order_id = 1")
        assert session.execute(both, (contexts["brand-a"], COUNT, contexts["brand-b"], COUNT)).fetchone() == (EACH, EACH - 20)
        sql = "SELECT line_id, item FROM lines ORDER BY line_id LIMIT 900"
        contexts = {tenant: json.dumps(parents.sign(sql, tenant)) for tenant in ("brand-a", "brand-b")}
        side = (
            "SELECT count(*), min(a.item), min(b.item) FROM ask_rows(%s::jsonb, sql => %s) AS a(line_id int, item text)"
            " JOIN ask_rows(%s::jsonb, sql => %s) AS b(line_id int, item text) ON b.line_id = a.line_id + 1"
        )
        count, one, other = session.execute(side, (contexts["brand-a"], sql, contexts["brand-b"], sql)).fetchone()
        assert count > 0 and (one, other) == ("CANARY-brand-a", "CANARY-brand-b")
        session.execute(
            """CREATE FUNCTION pg_temp.twice(good jsonb, sql text, bad jsonb, wrong text) RETURNS text LANGUAGE plpgsql AS $$
            DECLARE found text;
            BEGIN
                BEGIN
                    PERFORM ask(bad, sql => wrong);
                EXCEPTION WHEN division_by_zero THEN
                    found := 'failed, then ';
                END;
                RETURN found || (ask(good, sql => sql) -> 'rows' -> 0 ->> 0);
            END $$"""
        )
        wrong = "SELECT sum(1 / (amount - amount)) FROM lines"
        arguments = (json.dumps(parents.sign(COUNT, "brand-b")), COUNT, json.dumps(parents.sign(wrong, "brand-a")), wrong)
        assert session.execute("SELECT pg_temp.twice(%s::jsonb, %s, %s::jsonb, %s)", arguments).fetchone() == (f"failed, then {EACH - 20}",)


def test_keys_and_rows_are_of_one_snapshot(parents):
    """While the keys are collected an order goes to another brand and gets a line of its: neither is shown, nor lost."""
    parents.run("DELETE FROM orders WHERE order_id > 30")
    parents.set(splitplane__deadline="60s")
    # Of 30 orders 10 are brand-a's, some six of which are looked at before and after the change.
    slowed(parents, 0.1)
    rows, changed = [], []
    with parents.session() as session:
        thread = threading.Thread(target=lambda: rows.append(session.ask("SELECT count(*), max(item) FROM lines")["rows"][0]))
        thread.start()
        wait_until(lambda: parents.run("SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'", session.pid)[0], 10, "keys are collected")
        with parents.admin() as other:
            other.execute("BEGIN")
            changed += other.execute("UPDATE orders SET tenant_id = 'brand-b' WHERE tenant_id = 'brand-a' RETURNING order_id").fetchall()
            other.execute("INSERT INTO lines SELECT 100000 + order_id, order_id, 'CANARY-brand-b', 1 FROM orders WHERE tenant_id = 'brand-b'")
            other.execute("COMMIT")
        assert thread.is_alive(), "the control: the call is not over"
        thread.join()
        assert rows == [[200, "CANARY-brand-a"]]
        assert len(changed) == 10
        parents.run("DROP POLICY slow ON orders")
        assert session.value(COUNT) == 0
        assert session.value(COUNT, "brand-b") == 20 * 20 + 20, "the control: they are brand-b's now"


def test_waiting_for_a_lock_is_before_the_snapshot(parents):
    """A table that is read is locked before the snapshot is taken, so what was committed while it waited is seen as a whole."""
    rows = []
    with parents.session() as session, parents.admin() as other:
        session.ask(COUNT)
        other.execute("BEGIN")
        other.execute("LOCK TABLE lines IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(target=lambda: rows.append(session.ask("SELECT count(*), count(DISTINCT item) FROM lines")["rows"][0]))
        thread.start()
        wait_until(lambda: parents.run("SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", session.pid)[0], 10, "the call waits")
        other.execute("UPDATE orders SET tenant_id = 'brand-b' WHERE order_id = 3")
        other.execute("UPDATE lines SET item = 'CANARY-brand-b' WHERE order_id = 3")
        other.execute("COMMIT")
        thread.join()
        assert rows == [[EACH - 20, 1]]


def test_what_changes_hands_is_seen_by_the_next_call(parents):
    """One session, three brands in turn: no keys are left from one call to the next."""
    with parents.session() as session:
        for tenant in ("brand-a", "brand-b", "brand-c", "brand-a"):
            assert session.value(COUNT, tenant) == EACH
            assert session.value("SELECT count(*) FROM marks", tenant) == EACH
        parents.run("UPDATE lines SET order_id = 3, item = 'CANARY-brand-a', amount = -1 WHERE order_id = 1")
        assert session.value(COUNT) == EACH + 20
        assert session.value(COUNT, "brand-b") == EACH - 20
        parents.run("DELETE FROM orders WHERE order_id = 3")
        assert session.value(COUNT) == EACH - 20
        # Without its keys, none: what is outside a call has none, in a warm backend either.
        with parents.admin() as admin:
            admin.execute("SET ROLE splitplane_reader")
            assert admin.execute("SELECT count(*) FROM lines").fetchone() == (0,)


@pytest.mark.parametrize(
    ("change", "query", "state"),
    [
        ("ALTER TABLE lines DROP CONSTRAINT lines_order_id_fkey", COUNT, "55000"),
        ("ALTER TABLE lines RENAME order_id TO of_order", COUNT, "55000"),
        ("ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE", COUNT, "55000"),
        ("ALTER TABLE lines DISABLE ROW LEVEL SECURITY", COUNT, "55000"),
        ("DROP TABLE orders CASCADE", COUNT, "55000"),
        ("DROP TABLE marks", "SELECT count(*) FROM marks", "42P01"),
        ("SELECT splitplane.unprotect('marks')", "SELECT count(*) FROM marks", "42P01"),
        ("REVOKE SELECT (order_id) ON orders FROM splitplane_reader", COUNT, ("42501", "55000")),
        ("DELETE FROM splitplane.parents WHERE relation = 'lines'::regclass", COUNT, "55000"),
        ("UPDATE splitplane.parents SET columns = ARRAY['line_id'] WHERE relation = 'lines'::regclass", COUNT, "55000"),
        ("UPDATE splitplane.parents SET link = 77 WHERE relation = 'lines'::regclass", COUNT, "55000"),
    ],
)
def test_change_is_followed_by_the_next_call(parents, change, query, state):
    with parents.session() as session:
        for _ in range(8):
            session.ask(query)
        parents.run(change)
        session.ask_refused(state, query)
    with parents.session() as session:
        session.ask_refused(state, query)


def test_cancels_and_deadlines_while_keys_are_collected(parents):
    """Each ends the call, and the next one is whole: neither half a set nor claims are left."""
    slowed(parents, 0.05)
    with parents.session(user=parents.role(splitplane__deadline="300ms")) as session:
        session.ask_refused("57014", COUNT)
    with parents.session(user=parents.role(statement_timeout="300ms")) as session:
        session.refused("57014", parents.sign(COUNT), COUNT)
    with parents.session() as session:
        def cancel():
            wait_until(lambda: parents.run("SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'", session.pid)[0], 10, "keys are collected")
            session.connection.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        session.ask_refused("57014", COUNT)
        thread.join()
        # Another brand in the same backend, and then the first again.
        parents.run("DROP POLICY slow ON orders")
        assert session.value(COUNT, "brand-c") == EACH
        assert session.value(COUNT) == EACH
    # Of a transaction that is rolled back to a savepoint, too. The call that is answered reads the plane anew.
    slowed(parents, 0.05)
    with parents.session(user=parents.role(splitplane__deadline="2s"), autocommit=False) as session:
        session.execute("SAVEPOINT one")
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.call(parents.sign(COUNT), COUNT)
        session.execute("ROLLBACK TO one")
        parents.run("DROP POLICY slow ON orders")
        assert session.value(COUNT) == EACH


def test_keys_are_bounded_by_the_memory_of_a_call(parents):
    """Text keys that need more than their part of splitplane.max_memory: refused, and nothing is lost."""
    parents.run("CREATE TABLE places (place text PRIMARY KEY, tenant_id text NOT NULL)")
    parents.run("INSERT INTO places SELECT repeat(md5(n::text), 4) || n, 'brand-' || chr(97 + n % 2) FROM generate_series(1, 80000) n")
    parents.run("CREATE TABLE visits (visit_id int PRIMARY KEY, place text NOT NULL REFERENCES places)")
    parents.run("INSERT INTO visits SELECT row_number() OVER (), place FROM places")
    parents.run("SELECT splitplane.protect('places', '{\"tenant_id\": \"tenant\"}', ARRAY['tenant_id'])")
    parents.run("SELECT splitplane.protect_through('visits', 'places', ARRAY['visit_id'])")
    query = "SELECT count(*) FROM visits"
    with parents.session(user=parents.role(splitplane__max_memory="16MB")) as session:
        session.ask_refused("53400", query)
        # Brand-c has no place, and the plane is as it was.
        assert session.value(query, "brand-c") == 0
        assert session.value(COUNT) == EACH
    with parents.session() as session:
        assert session.value(query) == 40_000


def test_a_backend_that_ends_while_it_collects_leaves_nothing(parents):
    slowed(parents, 0.05)
    ended = []
    with parents.session() as session:
        def work():
            try:
                session.ask(COUNT)
            except psycopg.OperationalError as error:
                ended.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        wait_until(lambda: parents.run("SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'", session.pid)[0], 10, "keys are collected")
        parents.run("SELECT pg_terminate_backend(%s)", session.pid)
        thread.join()
    assert ended
    parents.run("DROP POLICY slow ON orders")
    with parents.session() as session:
        assert session.value(COUNT) == EACH
    with parents.admin() as admin:
        admin.execute("SET ROLE splitplane_reader")
        assert admin.execute("SELECT count(*) FROM lines").fetchone() == (0,)


def test_administrators_at_once(parents):
    """Of two that register children of one parent at once, and one that takes the parent out, nobody breaks the plane."""
    parents.run("SELECT splitplane.unprotect('marks'), splitplane.unprotect('lines')")
    parents.run("CREATE TABLE notes (order_id int NOT NULL REFERENCES orders, note text)")
    parents.run("INSERT INTO notes VALUES (3, 'CANARY-brand-a'), (1, 'CANARY-brand-b')")
    outcomes = []

    def run(statement):
        try:
            parents.run(statement)
            outcomes.append("done")
        except psycopg.Error as error:
            outcomes.append(error.sqlstate)

    statements = ["SELECT splitplane.protect_through('lines', 'orders')", "SELECT splitplane.protect_through('notes', 'orders')", "SELECT splitplane.unprotect('orders')"]
    threads = [threading.Thread(target=run, args=(statement,)) for statement in statements * 3]
    for thread in threads:
        thread.start()
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert set(outcomes) <= {"done", "2BP01", "42704"}, outcomes
    assert parents.admin_rows("SELECT finding FROM splitplane.doctor() WHERE severity = 'critical'") == []
    registered = parents.admin_rows("SELECT relation::text FROM splitplane.relations")
    with parents.session() as session:
        for (table,) in registered:
            session.ask(f"SELECT * FROM {table} LIMIT 900")


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_it_is_registered_at_read_committed_alone(parents, level):
    with parents.admin() as admin:
        admin.execute(f"BEGIN ISOLATION LEVEL {level}")
        with pytest.raises(psycopg.errors.ActiveSqlTransaction):
            admin.execute("SELECT splitplane.protect_through('lines', 'orders')")
        admin.execute("ROLLBACK")


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_calls_at_every_level_see_its_snapshot(parents, level):
    """Above READ COMMITTED the keys are those of the transaction's snapshot, as its rows are."""
    with parents.session(autocommit=False) as session:
        session.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        assert session.value(COUNT) == EACH
        parents.run("UPDATE orders SET tenant_id = 'brand-b' WHERE order_id = 3")
        assert session.value(COUNT) == (EACH - 20 if level == "READ COMMITTED" else EACH)
        session.execute("ROLLBACK")
