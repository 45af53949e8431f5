"""Sessions that a hostile or careless caller prepared: settings, temporary objects, verbosity.

The caller owns its session and may set and create in it what it likes. None of that may reach the query of a principal,
and all of it must be as it was afterwards.
"""

import json
import re

import psycopg
import pytest
from splitplane_test.cluster import FORCED_PARALLEL
from splitplane_test.session import canaries

from pg_test.wire.harness import COUNT_SALES, SALES

# Answers that depend on settings when nothing pins them.
MEANING = """SELECT timestamptz '2026-07-01 12:00+00', (timestamptz '2026-07-01 12:00+00')::date, interval '1 day 2 hours',
    date '2026-02-03'::text, to_char(timestamptz '2026-07-01 23:30+00', 'YYYY-MM-DD HH24 TZ'), 'a\\b', '\\x41'::bytea::text,
    1.0::float8 / 3, 123456.789::numeric::text, extract(dow from timestamptz '2026-07-01 23:30+00'), '1,5' < '1.5',
    timestamptz '2020-01-01 10:00 EST', quote_ident('a'), format('%I', 'a'), E'it\\'s'"""

SETTINGS = {
    "search_path": ["pg_temp, public", "''", "public, pg_temp, pg_catalog", "splitplane, public"],
    "standard_conforming_strings": ["off"],
    "escape_string_warning": ["off"],
    "backslash_quote": ["off", "safe_encoding"],
    "DateStyle": ["'SQL, DMY'", "German"],
    "IntervalStyle": ["sql_standard", "iso_8601"],
    "TimeZone": ["'Pacific/Kiritimati'", "'America/New_York'"],
    "row_security": ["off"],
    "lc_messages": ["'C'"],
    "lc_monetary": ["'C'"],
    "lc_numeric": ["'C'"],
    "lc_time": ["'C'"],
    "extra_float_digits": ["-15", "3"],
    "bytea_output": ["escape"],
    "xmloption": ["document"],
    "xmlbinary": ["hex"],
    "array_nulls": ["off"],
    "transform_null_equals": ["on"],
    "quote_all_identifiers": ["on"],
    "plan_cache_mode": ["force_generic_plan", "force_custom_plan"],
    "constraint_exclusion": ["on"],
    "enable_seqscan": ["off"],
    "enable_hashjoin": ["off"],
    "enable_sort": ["off"],
    "geqo_threshold": ["2"],
    "geqo_seed": ["0.7"],
    "join_collapse_limit": ["1"],
    "from_collapse_limit": ["1"],
    "jit": ["on"],
    "jit_above_cost": ["0"],
    FORCED_PARALLEL: ["on", "regress"],
    "work_mem": ["'64kB'"],
    "hash_mem_multiplier": ["1000"],
    "temp_buffers": ["100"],
    "default_transaction_isolation": ["serializable"],
    "default_transaction_read_only": ["on"],
    "statement_timeout": ["'60s'"],
    "lock_timeout": ["'60s'"],
    "client_encoding": ["'UTF8'"],
    "check_function_bodies": ["off"],
    "default_toast_compression": ["'pglz'"],
    "default_table_access_method": ["heap"],
    "gin_fuzzy_search_limit": ["1"],
    "timezone_abbreviations": ["'Australia'"],
    "trace_sort": ["on"],
    "synchronize_seqscans": ["off"],
    "restrict_nonsystem_relation_kind": ["view"],
    "seq_page_cost": ["0"],
    "cpu_tuple_cost": ["1000"],
    "effective_cache_size": ["'8kB'"],
    "max_parallel_workers": ["0", "64"],
    "min_parallel_table_scan_size": ["0"],
    "geqo": ["off"],
    "geqo_generations": ["2147483647"],
    "temp_tablespaces": ["''"],
    "operator_precedence_warning": ["on"],
    "client_min_messages": ["debug5"],
    "debug_print_plan": ["on"],
    "debug_print_parse": ["on"],
    "debug_print_rewritten": ["on"],
    "log_statement_stats": ["on"],
    "log_min_messages": ["debug5"],
    "session_replication_role": ["replica"],
    "local_preload_libraries": ["''"],
    "dynamic_library_path": ["'/tmp'"],
    "application_name": ["'CANARY-brand-b'"],
}

# Everything a caller can plant in pg_temp that could be found before the real thing. Each is made where it can be made.
TEMPORARY = [
    "CREATE TEMP TABLE sales (tenant_id text, sale_id int, store_id int, amount int, note text, sold_at timestamptz)",
    "INSERT INTO pg_temp.sales VALUES ('brand-a', 1, 1, 1, 'PLANTED', now())",
    "CREATE TEMP VIEW shops AS SELECT 'brand-a'::text AS tenant_id, 1 AS store_id, 'PLANTED'::text AS city",
    "CREATE TEMP TABLE pg_class (oid oid, relname name)",
    "CREATE TEMP TABLE pg_policy (oid oid)",
    "CREATE TEMP TABLE keys (key_id text, sealed bytea)",
    "CREATE TEMP TABLE principals (tenant text, business text, subject text, claims jsonb, enabled boolean)",
    "CREATE TEMP TABLE relations (relation regclass)",
    "CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (VALUE IS NULL OR false)",
    "CREATE DOMAIN pg_temp.int4 AS pg_catalog.int4 CHECK (VALUE < 0)",
    "CREATE DOMAIN pg_temp.jsonb AS pg_catalog.jsonb CHECK (false)",
    "CREATE DOMAIN pg_temp.regclass AS pg_catalog.regclass CHECK (false)",
    "CREATE TYPE pg_temp.uuid AS ENUM ('PLANTED')",
    "CREATE FUNCTION pg_temp.count(\"any\") RETURNS bigint LANGUAGE internal AS 'int8inc_any'",
    "CREATE FUNCTION pg_temp.lower(pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql AS $$SELECT 'PLANTED'::pg_catalog.text$$",
    "CREATE FUNCTION pg_temp.claim(pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql AS $$SELECT 'brand-b'::pg_catalog.text$$",
    "CREATE FUNCTION pg_temp.among(anyelement, anyarray) RETURNS boolean LANGUAGE sql AS $$SELECT true$$",
    "CREATE FUNCTION pg_temp.yes(pg_catalog.text, pg_catalog.text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'PLANTED %', $1; RETURN true; END$$",
    "CREATE OPERATOR pg_temp.= (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = pg_temp.yes)",
    "CREATE OPERATOR pg_temp.< (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = pg_temp.yes)",
    "CREATE CAST (pg_catalog.text AS pg_catalog.int4) WITH INOUT AS IMPLICIT",
    "CREATE AGGREGATE pg_temp.sum(pg_catalog.int4) (SFUNC = int4pl, STYPE = pg_catalog.int4, INITCOND = '777')",
    "CREATE COLLATION pg_temp.\"C\" (PROVIDER = libc, LOCALE = 'C')",
    "CREATE FUNCTION pg_temp.ask(pg_catalog.jsonb) RETURNS pg_catalog.jsonb LANGUAGE sql AS $$SELECT '{}'::pg_catalog.jsonb$$",
]
RAW = "SELECT pg_catalog.count(*), pg_catalog.min(note), pg_catalog.sum(amount) FROM sales WHERE note = note AND lower('X') = 'x'"
PLAIN = "SELECT count(*), min(note), sum(amount) FROM sales WHERE note = note AND lower('X') = 'x'"


def raw_call(session, sql, tenant="brand-a"):
    """Call in a session whose own names cannot be trusted."""
    context = json.dumps(session.plane.sign(sql, tenant))
    statement = "SELECT public.ask(%s::pg_catalog.jsonb, NULL::pg_catalog.text, %s::pg_catalog.text)"
    return session.execute(statement, (context, sql)).fetchone()[0]


@pytest.fixture(scope="module")
def clean(wire):
    """What the queries answer in a session that nobody touched."""
    with wire.session() as session:
        return session.ask(MEANING)["rows"], session.ask(PLAIN)["rows"]


@pytest.mark.parametrize(("setting", "value"), [(name, value) for name, values in SETTINGS.items() for value in values])
def test_setting_changes_neither_answer_nor_is_changed(wire, clean, setting, value):
    with wire.session() as session:
        try:
            session.execute(f"SET {setting} = {value}")
        except psycopg.Error as error:
            assert error.sqlstate in ("42501", "42704", "22023", "55P02"), error
            pytest.skip(f"the caller cannot set {setting}: {error.sqlstate}")
        before, state = session.settings(), session.state()
        for tenant in ("brand-a", "brand-b"):
            assert raw_call(session, COUNT_SALES, tenant)["rows"] == [[SALES[tenant]]]
        assert raw_call(session, MEANING)["rows"] == clean[0]
        assert raw_call(session, PLAIN)["rows"] == clean[1]
        session.ask_refused("22P02", "SELECT note::int FROM sales")
        assert session.state() == state
        after = session.settings()
        # Those that a library brings when it is loaded are new, not changed.
        changed = {name: (before[name], after.get(name)) for name in before if after.get(name) != before[name]}
        assert not changed


def test_every_setting_is_as_before_also_inside_a_transaction(wire):
    with wire.session(autocommit=False) as session:
        session.execute("SET LOCAL TimeZone = 'America/New_York'; SET LOCAL search_path = ''; SET work_mem = '2MB'")
        before = session.settings()
        for query, state in ((COUNT_SALES, None), ("SELECT 1/0", "22012"), ("SELECT * FROM vault", "42P01"), ("SELECT pg_sleep(1)", "42501")):
            session.execute("SAVEPOINT s")
            context = json.dumps(session.plane.sign(query))
            try:
                session.execute("SELECT public.ask(%s::jsonb, sql => %s)", (context, query))
            except psycopg.Error as error:
                assert error.sqlstate == state, error
                session.execute("ROLLBACK TO s")
            after = session.settings()
            assert {name: after.get(name) for name in before} == before, query
        session.connection.rollback()


@pytest.mark.parametrize("path", ["pg_temp, pg_catalog, public", "pg_catalog, public, pg_temp", "public"])
def test_temporary_objects_capture_nothing(wire, clean, path):
    with wire.session() as session:
        made = 0
        for statement in TEMPORARY:
            try:
                session.execute(statement)
                made += 1
            except psycopg.Error as error:
                assert error.sqlstate in ("42501", "42P13", "42704", "42883", "42P16", "42710", "0A000", "42622", "42602", "22023"), f"{statement}: {error}"
        assert made >= 15, "the control: the traps were set"
        session.execute(f"SET search_path = {path}")
        if path.startswith("pg_temp"):
            planted = session.execute("SELECT note FROM sales").fetchone()
            assert planted == ("PLANTED",), "the control: the name without a plane means the planted table"
        session.notices.clear()
        for tenant in ("brand-a", "brand-b"):
            assert raw_call(session, COUNT_SALES, tenant)["rows"] == [[SALES[tenant]]]
        assert raw_call(session, PLAIN)["rows"] == clean[1]
        assert raw_call(session, RAW)["rows"] == clean[1]
        assert "PLANTED" not in json.dumps(raw_call(session, "SELECT city FROM shops")["rows"])
        for query in (
            "SELECT * FROM pg_temp.sales",
            "SELECT * FROM keys",
            "SELECT pg_temp.lower('x')",
            "SELECT 1 OPERATOR(pg_temp.=) 2",
            "SELECT 'x'::pg_temp.text",
            "SELECT 'PLANTED'::pg_temp.uuid",
            "SELECT sum(amount) OVER (ORDER BY note COLLATE pg_temp.\"C\") FROM sales",
        ):
            context = json.dumps(session.plane.sign(query))
            with pytest.raises(psycopg.Error) as refused:
                session.execute("SELECT public.ask(%s::pg_catalog.jsonb, NULL::pg_catalog.text, %s::pg_catalog.text)", (context, query))
            assert refused.value.sqlstate in ("42501", "42P01", "0A000", "42883", "42704"), f"{query}: {refused.value}"
        assert not [notice for notice in session.notices if "PLANTED" in (notice.message_primary or "")]


@pytest.mark.parametrize("level", ["debug5", "debug1", "log", "notice"])
def test_messages_carry_no_row_and_no_query(wire, level):
    """At debug5 the server sends every client message it has: none may hold a row, a policy, a detail or a plan."""
    with wire.session(options=f"-c client_min_messages={level}") as session:
        for tenant in ("brand-a", "brand-b"):
            session.ask("SELECT note FROM sales ORDER BY note DESC", tenant)
            session.ask_refused("22P02", "SELECT note::int FROM sales", tenant)
            session.ask_refused("42P01", "SELECT * FROM vault", tenant)
            session.ask_refused("42703", "SELECT tenant FROM sales", tenant)
            session.ask_refused("28000", COUNT_SALES, tenant, key=("AKNOBODY", "x"))
        for notice in session.notices:
            said = " ".join(str(part) for part in (notice.message_primary, notice.message_detail, notice.message_hint, notice.context) if part)
            assert not canaries(said, "none"), said
            assert not re.search(r"AKNOBODY|vault|splitplane\.claim|brand-[abc]|CommonTableExpr|:qual|RANGETBLENTRY", said), said


def test_debug_trees_do_not_reach_the_client(wire):
    """debug_print_plan and its family send trees as LOG; a caller that wants LOG must not get the plane's."""
    options = "-c client_min_messages=log -c debug_print_plan=on -c debug_print_rewritten=on -c debug_print_parse=on"
    with wire.session(options=options) as session:
        session.execute("SELECT 1")
        assert session.notices, "the control: the caller's own trees do arrive"
        context = json.dumps(wire.sign(COUNT_SALES, "brand-b"))
        session.notices.clear()
        assert session.call(context, COUNT_SALES)["rows"] == [[SALES["brand-b"]]]
        said = " ".join(f"{notice.message_primary} {notice.message_detail}" for notice in session.notices)
        plane = {str(oid) for (oid,) in wire.admin_rows("SELECT relation::oid::int FROM splitplane.relations")}
        assert not plane & set(re.findall(r":relid (\d+)", said)), "a tree of the confined query"


def test_own_data_errors_show_own_data_only(wire, session):
    """PostgreSQL's own text for errors over the principal's own rows: it quotes a value, which must be his."""
    for tenant in SALES:
        error = session.ask_refused("22P02", "SELECT note::int FROM sales", tenant)
        assert f"CANARY-{tenant}" in error.diag.message_primary, "the control: the message quotes a row"
        # Cheap predicates that would run before the tenant's filter if row-level security did not hold them back.
        session.ask_refused("22P02", "SELECT count(*) FROM sales WHERE note::int > 0", tenant)
        for query in ("SELECT count(*) FROM sales WHERE 1 / (amount - 215) < 5", "SELECT count(*) FROM sales WHERE (amount * 10000000)::int2 > 0"):
            try:
                session.ask(query, tenant)
            except psycopg.Error as error:
                assert error.sqlstate in ("22012", "22003") and not canaries(str(error), tenant), error


def test_foreign_rows_cause_no_error(wire, session):
    """Amount 215 exists for brand-b alone: dividing by the distance to it must succeed for brand-a."""
    query = "SELECT count(*) FROM sales WHERE 1000 / (amount - 215) IS NOT NULL"
    assert session.value(query, "brand-a") == SALES["brand-a"]
    session.ask_refused("22012", query, "brand-b")


def test_listening_locks_and_sequences_are_untouched(wire, session):
    session.execute("LISTEN wires")
    session.execute("SELECT pg_advisory_lock(7)")
    locks = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'"
    for _ in range(5):
        session.value(COUNT_SALES)
        session.ask_refused(("42501", "0A000"), "SELECT pg_notify('wires', 'x')")
        session.ask_refused("42501", "SELECT pg_advisory_unlock_all()")
    assert session.execute(locks).fetchone() == (1,)
    assert session.execute("SELECT array_agg(c) FROM pg_listening_channels() AS c").fetchone() == (["wires"],)
    assert not list(session.connection.notifies(timeout=0.2))


def test_discard_all_between_calls(wire, session):
    # Prepared statements are discarded too, so psycopg must not prepare any.
    session.connection.prepare_threshold = None
    for tenant in list(SALES) * 3:
        assert session.value(COUNT_SALES, tenant) == SALES[tenant]
        session.execute("DISCARD ALL")
        assert session.value(COUNT_SALES, tenant) == SALES[tenant]


def test_own_queries_are_not_compiled(wire):
    """What a session's first call reads of the catalog is not compiled either, whatever the session wants."""
    if wire.run("SELECT pg_jit_available()") != (True,):
        pytest.skip("this server compiles nothing")
    with wire.session(user=wire.role(log_min_messages="debug1")) as session:
        session.execute("SET jit = on; SET jit_above_cost = 0")
        before = len(wire.cluster.log_text())
        assert session.value(COUNT_SALES) == SALES["brand-a"]
        # The control is the one that the server tells of: the session's own statement, which calls ask.
        assert wire.cluster.log_text()[before:].count("time to inline") == 1
        assert session.execute("SHOW jit").fetchone() == ("on",)
