"""What other sessions and the client see of a running call: activity views, statement statistics, locks, temporary files, messages.

These views are PostgreSQL's own and open to every role; what they show of a call is written down in docs/side-channels.md
and held here, so that a change in it does not go unnoticed. The SQL of a call can read none of them (test_estimates.py).
"""

import contextlib
import json
import re
import threading
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb
from splitplane_test.session import canaries, wait_until

from pg_test.wire.harness import COUNT_SALES, SALES

SPILLS = "SELECT count(*) FROM (SELECT DISTINCT md5(g::text), g FROM generate_series(1, 150000) AS g) AS t"
# Sorts, writes its runs to disk, and fails when the last row is read.
SPILLS_AND_FAILS = "SELECT sum(1 / (g - 150000)) FROM (SELECT g, md5(g::text) AS m FROM generate_series(1, 150000) AS g ORDER BY m OFFSET 0) AS t"
# Made row by row: it runs into its deadline, and into no limit of memory or files before.
ENDLESS = "SELECT count(*) FROM (SELECT generate_series(1, 2000000000)) AS made"
VISIBLE = "SELECT query, state, wait_event, backend_xmin, client_addr, usename FROM pg_stat_activity WHERE pid = %s"


@pytest.fixture(scope="module")
def patient(wire):
    """Time to look at them, and parallel plans whatever the size: of the settings for plans only the server's and the database's count."""
    role = wire.role(splitplane__deadline="20s")
    parallel = {
        "max_parallel_workers_per_gather": 2,
        "parallel_setup_cost": 0,
        "parallel_tuple_cost": 0,
        "min_parallel_table_scan_size": 0,
    }
    for name, value in parallel.items():
        wire.run(f"ALTER DATABASE {wire.database} SET {name} = {value}")
    wire.run("CREATE TABLE wide_rows AS SELECT 'brand-' || chr(97 + n % 3) AS tenant_id, 'CANARY-brand-' || chr(97 + n % 3) AS note FROM generate_series(1, 60000) n")
    wire.run("ALTER TABLE wide_rows ALTER tenant_id SET NOT NULL; ANALYZE wide_rows")
    wire.run("SELECT splitplane.protect('wide_rows', '{\"tenant_id\": \"tenant\"}')")
    yield role
    # Other modules count what their own sessions read.
    for name in parallel:
        wire.run(f"ALTER DATABASE {wire.database} RESET {name}")


@contextlib.contextmanager
def running(session, call):
    """`call` runs in a thread until the block is left; then it is cancelled. Gives the moment to look."""
    ended = []

    def run():
        try:
            ended.append(call())
        except psycopg.Error as error:
            ended.append(error.sqlstate)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_until(lambda: session.plane.run("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'", session.pid), 5, "the call runs")
        time.sleep(0.3)
        assert not ended, "the control: the call is still running"
        yield
    finally:
        session.plane.run("SELECT pg_cancel_backend(%s)", session.pid)
        thread.join(20)
    assert ended == ["57014"]


def test_bound_parameters_keep_the_context_out_of_the_activity_view(wire, stranger, patient):
    """The same role sees the statement, not its parameters; another role sees neither."""
    with wire.session(user=patient) as session, wire.session(user=patient) as same, wire.session(user=stranger) as other:
        context = wire.sign(ENDLESS)
        with running(session, lambda: session.call(context, ENDLESS)):
            query, state = same.execute(VISIBLE, (session.pid,)).fetchone()[:2]
            assert state == "active" and "ask(" in query
            assert "Signature" not in query and ENDLESS not in query
            assert other.execute(VISIBLE, (session.pid,)).fetchone()[:3] == ("<insufficient privilege>", None, None)
        # The last statement stays visible after it has ended.
        assert "Signature" not in same.execute(VISIBLE, (session.pid,)).fetchone()[0]


def test_literals_show_the_context_to_the_same_role_and_it_is_spent(wire, stranger, patient):
    """Open, and shown: a context written into the statement can be read by the role's other sessions. By then it is used."""
    with wire.session(user=patient) as session, wire.session(user=patient) as same, wire.session(user=stranger) as other:
        context = json.dumps(wire.sign(ENDLESS))
        with running(session, lambda: session.execute(f"SELECT ask('{context}', sql => '{ENDLESS}')")):
            query = same.execute(VISIBLE, (session.pid,)).fetchone()[0]
            assert "Signature=" in query and ENDLESS in query, "the channel that the documents describe was not found"
            stolen = re.search(r"\{.*?\}", query).group(0)
            same.refused("28000", stolen, ENDLESS)
            assert "Signature" not in other.execute(VISIBLE, (session.pid,)).fetchone()[0]


def test_parallel_workers_show_the_text_and_no_value_of_a_claim(wire, stranger, patient):
    """A worker's row in the activity view has the query as built: the model's text and the plane's names, $1 for the claims."""
    sql = "SELECT count(*) FROM wide_rows WHERE repeat(md5(note), 4000) LIKE '%zzz%'"
    workers = "SELECT query FROM pg_stat_activity WHERE leader_pid = %s"
    with wire.session(user=patient) as session, wire.session(user=patient) as same, wire.session(user=stranger) as other:
        with running(session, lambda: session.ask(sql, "brand-b")):
            seen = wait_until(lambda: same.execute(workers, (session.pid,)).fetchall(), 5, "workers run")
            text = " ".join(query for (query,) in seen)
            assert "wide_rows" in text and "$1" in text, "the control: it is the query as built"
            assert not canaries(text, "none") and "brand-b" not in text and "claim" not in text and "Signature" not in text
            # To another role the workers do not even say whose they are.
            assert other.execute(workers, (session.pid,)).fetchall() == []
            with wire.admin() as admin:
                pids = [pid for (pid,) in admin.execute("SELECT pid FROM pg_stat_activity WHERE leader_pid = %s", (session.pid,)).fetchall()]
            for pid in pids:
                row = other.execute(VISIBLE, (pid,)).fetchone()
                assert row is None or row[0] == "<insufficient privilege>"


def test_locks_show_relations_to_everybody_and_no_rows(wire, stranger, patient):
    """Open, and shown: pg_locks tells every role which relations a running call reads. It has no row, value or text."""
    sql = COUNT_SALES + ", generate_series(1, 2000000000)"
    with wire.session(user=patient) as session, wire.session(user=stranger) as other:
        with running(session, lambda: session.call(wire.sign(sql), sql)):
            rows = other.execute("SELECT relation::regclass::text, mode, locktype FROM pg_locks WHERE pid = %s", (session.pid,)).fetchall()
            assert ("sales", "AccessShareLock", "relation") in rows
            assert not canaries(str(rows), "none")
            assert {mode for _, mode, kind in rows if kind == "relation"} == {"AccessShareLock"}
            assert {kind for _, _, kind in rows} <= {"relation", "virtualxid"}


def test_statement_statistics_hold_nothing_of_the_confined_query(wire, stranger):
    """pg_stat_statements, tracking nested statements too: the caller's own text, normalised, and nothing of the model's."""
    wire.run("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    wire.run("SELECT pg_stat_statements_reset()")
    marked = "SELECT count(*) FROM sales WHERE note <> 'CANARY-in-the-text'"
    role = wire.role(pg_stat_statements__track="all", pg_stat_statements__track_planning="on")
    with wire.session(user=role) as session, wire.session(user=stranger) as other, wire.admin() as admin:
        for tenant in SALES:
            assert session.value(marked, tenant) == SALES[tenant]
        context = json.dumps(wire.sign(marked))
        session.execute(f"SELECT ask('{context}', sql => $q${marked}$q$)", None)
        session.execute("SELECT count(*) FROM letters WHERE query = 'CANARY-control'")
        everything = admin.execute("SELECT query, userid::regrole::text FROM pg_stat_statements").fetchall()
        own = " ".join(query for (query,) in session.execute("SELECT query FROM pg_stat_statements").fetchall())
        foreign = " ".join(query for (query,) in other.execute("SELECT query FROM pg_stat_statements").fetchall())
    assert any("letters" in query for query, _ in everything), "the control: the module records"
    assert "splitplane_reader" not in {user for _, user in everything}
    text = " ".join(query for query, _ in everything)
    for word in ("CANARY", "Signature", "NOT MATERIALIZED", "FROM sales"):
        assert word not in text, f"{word} in the statistics"
    assert "ask($1" in own.replace("ask( $1", "ask($1")
    assert "ask(" not in foreign


def temporary_files(wire) -> list[str]:
    folder = Path(wire.cluster.data_dir) / "base" / "pgsql_tmp"
    return sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("sql", [SPILLS, SPILLS_AND_FAILS, SPILLS.replace("150000", "9000000")], ids=["answered", "failed", "deadline"])
def test_temporary_files_are_gone_after_the_call(wire, sql):
    role = wire.role(work_mem="64kB", splitplane__deadline="1500ms")
    with wire.session(user=role) as session:
        used = "SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()"
        before = wire.run(used)[0]
        with contextlib.suppress(psycopg.Error):
            session.call(wire.sign(sql), sql)
        assert temporary_files(wire) == []
        session.ask_refused("42501", "SELECT pg_ls_tmpdir()")
        session.ask_refused("42501", "SELECT pg_ls_dir('base/pgsql_tmp')")
        # The counter is one of the whole database and open to every role, but reaches the view when the session ends.
        session.value(COUNT_SALES)
    wait_until(lambda: wire.run(used)[0] > before, 10, "the control: files were written")


@pytest.mark.parametrize("sql", [SPILLS, SPILLS_AND_FAILS, SPILLS.replace("150000", "9000000")], ids=["answered", "failed", "deadline"])
def test_the_log_of_temporary_files_does_not_reach_the_client(wire, sql):
    """With log_temp_files on, the server says path and size of each file when it is closed: also one closed by an error."""
    role = wire.role(work_mem="64kB", log_temp_files="0", splitplane__deadline="1500ms")
    with wire.session(user=role, options="-c client_min_messages=log") as session:
        session.execute("SET work_mem = '64kB'")
        session.execute(SPILLS)
        assert any("temporary file" in notice.message_primary for notice in session.notices), "the control: the caller's own are told"
        session.notices.clear()
        with contextlib.suppress(psycopg.Error):
            session.call(wire.sign(sql), sql)
        assert [notice.message_primary for notice in session.notices] == []


WATCHING = {
    "auto_explain": "-c client_min_messages=log",
    "trees": "-c client_min_messages=log -c debug_print_parse=on -c debug_print_rewritten=on -c debug_print_plan=on",
    "trace_sort": "-c client_min_messages=log -c trace_sort=on",
    "debug5": "-c client_min_messages=debug5",
}
NESTED = {"auto_explain__log_min_duration": "0", "auto_explain__log_nested_statements": "on", "auto_explain__log_analyze": "on", "auto_explain__log_triggers": "on"}
SORTS = "SELECT note FROM sales ORDER BY note DESC"


@pytest.mark.parametrize("kind", WATCHING)
def test_messages_about_the_confined_query_do_not_reach_the_client(wire, kind):
    """Plans, trees and sorts are reported at levels that the client may ask for: none of the confined query's arrives."""
    role = wire.role(**NESTED) if kind == "auto_explain" else wire.role()
    oids = [str(oid) for (oid,) in wire.admin_rows("SELECT relation::oid::int FROM splitplane.relations")]
    with wire.session(user=role, options=WATCHING[kind]) as session:
        session.execute("SELECT count(*) FROM (SELECT g FROM generate_series(1, 99) g ORDER BY md5(g::text)) t")
        assert session.notices, "the control: messages about the caller's own statement arrive"
        # The extension's own look-ups are another matter (below); those of the plane are made once.
        session.value(COUNT_SALES)
        session.notices.clear()
        for sql in (SORTS, "SELECT 1 / (amount - amount) FROM sales", "SELECT note FROM hidden_table", "SELECT nothing FROM sales"):
            with contextlib.suppress(psycopg.Error):
                session.call(wire.sign(sql, "brand-b"), sql)
        said = " ".join(f"{n.message_primary} {n.message_detail} {n.message_hint} {n.context}" for n in session.notices)
        assert not canaries(said, "none"), "a row"
        for word in ("on sales", "public.sales", "One-Time Filter", "NOT MATERIALIZED", "tuple sort", "quicksort"):
            assert word not in said, word
        # An analysed tree names its relations by number.
        assert not set(re.findall(r":relid (\d+)", said)) & set(oids)


@pytest.mark.parametrize("kind", ["auto_explain", "trees"])
def test_messages_about_the_extensions_own_queries_do_not_reach_the_client(wire, kind):
    """Keys, principals and fences are looked up by queries of the extension's own; their plans and trees are nobody's business."""
    role = wire.role(**NESTED) if kind == "auto_explain" else wire.role()
    with wire.session(user=role, options=WATCHING[kind]) as session:
        session.value(COUNT_SALES)
        said = " ".join(f"{n.message_primary} {n.message_detail}" for n in session.notices)
        assert "splitplane.keys" not in said and "sealed" not in said
        tables = [str(oid) for (oid,) in wire.admin_rows("SELECT oid::int FROM pg_class WHERE relnamespace = 'splitplane'::regnamespace")]
        assert not set(re.findall(r":relid (\d+)", said)) & set(tables)


def test_prepared_statements_cursors_and_prepared_transactions_show_nothing(wire, stranger):
    """A call leaves no portal and no prepared statement, also none that a prepared transaction would keep."""
    with wire.session(autocommit=False) as session, wire.session(user=stranger) as other:
        session.connection.prepare_threshold = None
        session.value(COUNT_SALES)
        assert session.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
        assert session.execute("SELECT count(*) FROM pg_cursors WHERE name <> ''").fetchone() == (0,)
        with contextlib.suppress(psycopg.Error):
            session.ask("SELECT 1 / 0")
        session.connection.rollback()
        session.value(COUNT_SALES, "brand-b")
        session.connection.commit()
        session.connection.autocommit = True
        session.execute("BEGIN")
        session.execute("INSERT INTO letters VALUES (99, NULL, NULL, NULL)")
        session.value(COUNT_SALES, "brand-b")
        session.execute("PREPARE TRANSACTION 'side'")
        assert session.value(COUNT_SALES) == SALES["brand-a"]
        assert [name for (name,) in other.execute("SELECT gid FROM pg_prepared_xacts").fetchall()] == ["side"]
        session.execute("ROLLBACK PREPARED 'side'")
        assert session.value(COUNT_SALES, "brand-c") == SALES["brand-c"]
        with pytest.raises(psycopg.Error):
            session.execute("FETCH ALL FROM \"\"")
        session.execute("SELECT count(ask(%s::jsonb, sql => %s))", (Jsonb(wire.sign(COUNT_SALES)), COUNT_SALES))
