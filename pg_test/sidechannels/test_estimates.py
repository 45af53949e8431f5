"""Volumes and estimates over all tenants: no document, refusal or function of a call carries one.

The strongest check is a difference: everything that a principal can be shown is recorded, another tenant grows a
thousandfold and the server is told so by ANALYZE, and all of it is shown again in the same bytes.
"""

import json
import statistics

import psycopg
import pytest
from psycopg.types.json import Jsonb
from splitplane_test.session import refusal

from pg_test.wire.harness import SALES

EXPLAINS = [
    "EXPLAIN SELECT * FROM sales",
    "EXPLAIN ANALYZE SELECT * FROM sales",
    "EXPLAIN (VERBOSE, COSTS ON, FORMAT JSON) SELECT * FROM sales",
    "EXPLAIN (ANALYZE, BUFFERS) SELECT count(*) FROM sales",
    "(EXPLAIN SELECT 1)",
    "WITH x AS (EXPLAIN SELECT * FROM sales) SELECT * FROM x",
    "SELECT * FROM (EXPLAIN SELECT * FROM sales) AS x",
    "EXPLAIN EXECUTE nothing",
    "DESCRIBE sales",
    "ANALYZE sales",
    "SHOW TABLES",
    "PREPARE p AS SELECT * FROM sales",
    "DECLARE c CURSOR FOR SELECT * FROM sales",
]
# Everything in PostgreSQL that tells how large something is, how it was read, or what values it has.
VOLUMES = [
    "SELECT reltuples FROM pg_class WHERE relname = 'sales'",
    "SELECT reltuples FROM pg_catalog.pg_class",
    "SELECT * FROM pg_stats WHERE tablename = 'sales'",
    "SELECT stavalues1 FROM pg_statistic",
    "SELECT * FROM pg_stats_ext",
    "SELECT n_live_tup FROM pg_stat_user_tables",
    "SELECT n_live_tup FROM pg_stat_all_tables",
    "SELECT seq_tup_read FROM pg_stat_xact_user_tables",
    "SELECT heap_blks_read FROM pg_statio_user_tables",
    "SELECT * FROM pg_stat_database",
    "SELECT * FROM pg_stat_activity",
    "SELECT * FROM pg_stat_statements",
    "SELECT * FROM pg_locks",
    "SELECT * FROM pg_sequences",
    "SELECT * FROM pg_buffercache",
    "SELECT * FROM information_schema.tables",
    "SELECT pg_relation_size('sales')",
    "SELECT pg_total_relation_size('sales')",
    "SELECT pg_table_size('sales')",
    "SELECT pg_indexes_size('sales')",
    "SELECT pg_database_size('side')",
    "SELECT pg_tablespace_size('pg_default')",
    "SELECT pg_relation_filepath('sales')",
    "SELECT pg_stat_get_live_tuples(1)",
    "SELECT pg_stat_get_tuples_returned(1)",
    "SELECT pg_stat_get_xact_tuples_returned(1)",
    "SELECT pg_stat_get_numscans(1)",
    "SELECT pg_stat_get_db_tuples_returned(1)",
    "SELECT pg_stat_get_db_temp_bytes(1)",
    "SELECT pg_stat_get_backend_activity(1)",
    "SELECT pg_stat_get_activity(1)",
    "SELECT pg_ls_tmpdir()",
    "SELECT pg_current_wal_lsn()",
    "SELECT pg_current_snapshot()",
    "SELECT txid_current_snapshot()",
    "SELECT pg_backend_pid()",
    "SELECT pg_blocking_pids(1)",
    "SELECT ctid FROM sales",
    "SELECT xmin FROM sales",
    "SELECT * FROM sales TABLESAMPLE SYSTEM (1)",
    "SELECT row_estimate('sales')",
]
TELLING = [
    "SELECT count(*) FROM sales",
    "SELECT note FROM sales ORDER BY sale_id",
    "SELECT s.note, h.city FROM sales s JOIN shops h USING (store_id) ORDER BY s.sale_id",
    "SELECT store_id, sum(amount) FROM sales WHERE amount > 150 GROUP BY store_id ORDER BY 1",
    "SELECT max(sale_id), min(note) FROM sales WHERE note LIKE '%1%'",
    "SELECT * FROM hidden_table",
    "SELECT nothing FROM sales",
    "SELECT 1 / (amount - amount) FROM sales",
]
REFUSED = ("42501", "42P01", "42703", "0A000", "42601")


@pytest.mark.parametrize("sql", EXPLAINS)
def test_explain_as_untrusted_sql_is_refused(steady, sql):
    steady.ask_refused(("0A000", "42601"), sql)
    refusal(lambda: steady.call(steady.plane.sign(sql), sql, function="ask_dry_run"), ("0A000", "42601"))


@pytest.mark.parametrize("sql", VOLUMES)
def test_volumes_are_refused(steady, sql):
    steady.ask_refused(REFUSED, sql)
    refusal(lambda: steady.call(steady.plane.sign(sql), sql, function="ask_dry_run"), REFUSED)


def test_the_control_volumes_exist(wire):
    """What the refused texts ask for is there, over all tenants, for who may ask PostgreSQL itself."""
    with wire.admin() as admin:
        everyone = sum(SALES.values())
        assert admin.execute("SELECT reltuples FROM pg_class WHERE relname = 'sales'").fetchone() == (everyone,)
        assert admin.execute("SELECT pg_relation_size('sales')").fetchone()[0] > 0
        values = admin.execute("SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'sales' AND attname = 'tenant_id'").fetchone()[0]
        assert "brand-b" in values
        plan = admin.execute("EXPLAIN SELECT * FROM sales").fetchone()[0]
        assert f"rows={everyone}" in plan


def shown(wire, session) -> list:
    """All that a principal can be shown of these texts: answers, dry runs and errors, without ids and times."""
    seen = []
    for sql in TELLING:
        for function in ("ask", "ask_dry_run"):
            try:
                document = session.call(wire.sign(sql), sql, function=function)
                for name in ("query_id", "timings_ms"):
                    document.pop(name)
                seen.append(json.dumps(document, sort_keys=True))
            except psycopg.Error as error:
                seen.append((error.sqlstate, error.diag.message_primary, error.diag.message_detail, error.diag.message_hint))
    return seen


def plan(wire, session, sql: str) -> str:
    return "\n".join(session.call(wire.sign(sql), sql, function="ask_dry_run").get("plan") or [])


def test_another_tenants_growth_shows_nowhere(own_wire):
    """brand-b grows from 60 to 60,000 rows; all that brand-a can be shown stays as it was, and the planner's view does not."""
    wire = own_wire
    with wire.session() as session, wire.admin() as admin:
        administrator = type(session)(wire, admin)
        before, plan_before = shown(wire, session), plan(wire, administrator, "SELECT note FROM sales")
        wire.run(
            """INSERT INTO sales SELECT 'brand-b', n, 1 + n % 4, n, 'CANARY-brand-b sale ' || n, now()
               FROM generate_series(1000, 61000) n"""
        )
        wire.run("ANALYZE")
        after, plan_after = shown(wire, session), plan(wire, administrator, "SELECT note FROM sales")
        assert admin.execute("SELECT reltuples FROM pg_class WHERE relname = 'sales'").fetchone()[0] > 60_000, "the control"
        assert plan_before and plan_after and plan_before != plan_after, "the control: the planner saw it"
    assert after == before


def test_dry_run_shows_the_plan_to_administrators_only(wire, session):
    sql = "SELECT note FROM sales"
    document = session.call(wire.sign(sql), sql, function="ask_dry_run")
    assert document.get("plan") is None
    assert not any(word in json.dumps(document) for word in ("cost=", "rows=", "width=", "Seq Scan", "Index"))
    assert wire.run("SELECT splitplane.sign('AKWIRE', 'brand-a') IS NOT NULL") == (True,)
    with wire.admin() as admin:
        assert "rows=" in plan(wire, type(session)(wire, admin), sql), "the control: an administrator is shown it"
    # Membership is the session's own, not that of a role it was set to or of the function's owner.
    officer = wire.role()
    wire.run(f"GRANT splitplane_admin TO {officer}")
    with wire.session(user=officer) as other:
        assert "rows=" in plan(wire, other, sql), "the control: so is a member of splitplane_admin"


def test_explain_of_a_call_shows_no_inner_plan(wire, session):
    """The caller may explain its own statement. It sees one Result node, whatever the call did."""
    for options in ("ANALYZE, BUFFERS, VERBOSE, SETTINGS, WAL", "ANALYZE, FORMAT JSON, BUFFERS", "VERBOSE"):
        sql = "SELECT s.note FROM sales s JOIN shops USING (store_id)"
        rows = session.execute(f"EXPLAIN ({options}) SELECT ask(%s::jsonb, sql => %s)", (Jsonb(wire.sign(sql)), sql)).fetchall()
        text = json.dumps(rows, default=str)
        assert "Result" in text
        assert not any(word in text for word in ("Scan", "Join", "Filter", "splitplane_reader", "claim"))
        rows = session.execute(f"EXPLAIN ({options}) SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t(note text)", (Jsonb(wire.sign(sql)), sql)).fetchall()
        text = json.dumps(rows, default=str).replace("Function Scan", "")
        assert not any(word in text for word in ("Scan", "Join", "Filter", "claim"))


def test_statistics_are_closed_to_the_application_but_sizes_are_not(wire, session):
    """What stays open, so that the documents do not claim more: catalogs that every role of the database may read."""
    assert session.execute("SELECT count(*) FROM pg_stats WHERE tablename IN ('sales', 'accounts')").fetchone() == (0,)
    assert wire.run("SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'sales'") == (True,), "the control"
    everyone = sum(SALES.values())
    assert session.execute("SELECT reltuples FROM pg_class WHERE relname = 'sales'").fetchone() == (everyone,)
    assert session.execute("SELECT pg_relation_size('sales') > 0").fetchone() == (True,)
    # Its own session's counters tell how many rows of all tenants a call has read.
    with session.connection.transaction():
        session.value("SELECT count(*) FROM sales")
        read = session.execute("SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'sales'").fetchone()[0]
        assert read >= SALES["brand-a"]


def test_time_of_an_answer_follows_the_shared_table(own_wire):
    """Open, and shown: without an index that starts with the tenant, brand-a waits longer for its rows once brand-b has many.

    The document itself says so in `timings_ms`, which tells no more than a clock beside the call.
    """
    wire = own_wire
    wire.run("CREATE TABLE scans AS SELECT 'brand-a'::text AS tenant_id, n FROM generate_series(1, 100) n")
    wire.run("ALTER TABLE scans ALTER tenant_id SET NOT NULL; ANALYZE scans; SELECT splitplane.protect('scans', '{\"tenant_id\": \"tenant\"}')")
    sql = "SELECT count(*) FROM scans"

    def milliseconds(session) -> float:
        return statistics.median(session.ask(sql)["timings_ms"]["run"] for _ in range(15))

    with wire.session() as session:
        before = milliseconds(session)
        wire.run("INSERT INTO scans SELECT 'brand-b', n FROM generate_series(1, 200000) n")
        wire.run("VACUUM ANALYZE scans")
        assert milliseconds(session) > 3 * before, "the channel that the documents describe was not found: close the note on it"
        # The remedy that the doctor names.
        assert wire.run("SELECT count(*) FROM splitplane.doctor() WHERE object ~ 'scans' AND finding ~ 'index'")[0] >= 1
        wire.run("CREATE INDEX ON scans (tenant_id)")
        wire.run("VACUUM ANALYZE scans")
        assert milliseconds(session) < 3 * before + 1


def test_order_without_order_by_follows_the_plan(own_wire):
    """Open, and shown: brand-a's rows are the same, but come in another order once brand-b has grown. ORDER BY closes it."""
    wire = own_wire
    wire.run("CREATE TABLE visits_of AS SELECT 'brand-a'::text AS tenant_id, 100 - n AS n FROM generate_series(1, 99) n")
    wire.run("ALTER TABLE visits_of ALTER tenant_id SET NOT NULL; CREATE INDEX ON visits_of (tenant_id, n); ANALYZE visits_of")
    wire.run("SELECT splitplane.protect('visits_of', '{\"tenant_id\": \"tenant\"}')")
    with wire.session() as session:
        loose, strict = "SELECT n FROM visits_of", "SELECT n FROM visits_of ORDER BY n"
        before = session.ask(loose)["rows"], session.ask(strict)["rows"]
        wire.run("INSERT INTO visits_of SELECT 'brand-b', n FROM generate_series(1, 60000) n")
        wire.run("VACUUM ANALYZE visits_of")
        after = session.ask(loose)["rows"], session.ask(strict)["rows"]
    assert sorted(after[0]) == sorted(before[0]) and after[1] == before[1]
    assert after[0] != before[0], "the channel that the documents describe was not found: close the note on it"


def test_cost_gate_is_off_by_default_because_it_tells_of_statistics(own_wire):
    """With it on, whether a statement is refused tells which values are common in another tenant's rows: shown, not closed."""
    wire = own_wire
    assert wire.run("SHOW splitplane.max_cost") == ("0",)
    wire.run("INSERT INTO sales SELECT 'brand-b', n, 1, 7777, 'CANARY-brand-b', now() FROM generate_series(1000, 21000) n")
    wire.run("CREATE INDEX ON sales (amount); ANALYZE sales")
    common, rare = (f"SELECT count(*) FROM sales a JOIN sales b USING (store_id) WHERE a.amount = {value}" for value in (7777, 7778))
    with wire.session() as session:
        assert session.value(common) == session.value(rare) == 0, "nothing is told without the gate"
    for limit in (100, 200, 400, 800, 1600, 3200, 6400):
        with wire.session(user=wire.role(splitplane__max_cost=str(limit))) as session:
            ends = []
            for sql in (common, rare):
                try:
                    ends.append(session.value(sql))
                except psycopg.Error as error:
                    ends.append(error.sqlstate)
            if ends == ["53400", 0]:
                return
    raise AssertionError("the channel that the documents describe was not found: close the note on it")
