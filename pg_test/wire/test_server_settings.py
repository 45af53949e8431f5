"""Settings whose right value only the administrator knows, and settings by which one session shows in another's answer."""

import contextlib

import psycopg
import pytest
from splitplane_test.cluster import Cluster

from pg_test.wire.harness import Wire

STEMMED = "SELECT to_tsvector('The stores were running')::text"
ENGLISH, SIMPLE = "'run':4 'store':2", "'running':4 'stores':2 'the':1 'were':3"


@pytest.fixture(scope="module")
def own():
    """A server whose configuration says `simple`."""
    with Cluster({"default_text_search_config": "pg_catalog.simple", "shared_buffers": "1MB", "splitplane.max_cost": "100000"}) as cluster:
        yield Wire.build(cluster, "settings")


@contextlib.contextmanager
def database_setting(wire, setting, value):
    wire.run(f'ALTER DATABASE "{wire.database}" SET {setting} = {value}')
    try:
        yield
    finally:
        wire.run(f'ALTER DATABASE "{wire.database}" RESET {setting}')


def test_the_configuration_file_decides_and_not_the_client_or_the_role(own):
    with own.session() as session:
        assert session.value(STEMMED) == SIMPLE
        session.execute("SET default_text_search_config = 'pg_catalog.english'")
        assert session.execute(STEMMED).fetchone() == (ENGLISH,), "the control: it does matter to the session"
        assert session.value(STEMMED) == SIMPLE
    with own.session(options="-c default_text_search_config=pg_catalog.english") as session:
        assert session.execute(STEMMED).fetchone() == (ENGLISH,), "the control"
        assert session.value(STEMMED) == SIMPLE
        session.execute("RESET default_text_search_config")
        assert session.value(STEMMED) == SIMPLE
    with own.session(user=own.role(default_text_search_config="pg_catalog.english")) as session:
        assert session.execute(STEMMED).fetchone() == (ENGLISH,), "the control"
        assert session.value(STEMMED) == SIMPLE


def test_alter_database_decides_over_the_file(own):
    with database_setting(own, "default_text_search_config", "'pg_catalog.english'"):
        with own.session() as session:
            assert session.value(STEMMED) == ENGLISH
        # Also where the client or the role takes its place in the session.
        with own.session(options="-c default_text_search_config=pg_catalog.simple") as session:
            assert session.execute(STEMMED).fetchone() == (SIMPLE,), "the control"
            assert session.value(STEMMED) == ENGLISH
        with own.session(user=own.role(default_text_search_config="pg_catalog.simple")) as session:
            assert session.value(STEMMED) == ENGLISH
    with own.session() as session:
        assert session.value(STEMMED) == SIMPLE


def test_a_reload_of_the_configuration_is_seen(own):
    with own.session() as session:
        assert session.value(STEMMED) == SIMPLE
        own.run("ALTER SYSTEM SET default_text_search_config = 'pg_catalog.english'")
        own.run("SELECT pg_reload_conf()")
        try:
            for _ in range(50):
                if session.value(STEMMED) == ENGLISH:
                    break
                session.execute("SELECT pg_sleep(0.1)")
            assert session.value(STEMMED) == ENGLISH
        finally:
            own.run("ALTER SYSTEM RESET default_text_search_config")
            own.run("SELECT pg_reload_conf()")


@pytest.fixture(scope="module")
def large(own):
    """A table of several buffers of shared memory, for tenants brand-a and brand-b, without an index on the tenant."""
    own.run("CREATE TABLE public.large (tenant_id text NOT NULL, id int NOT NULL, filler text NOT NULL)")
    own.run("INSERT INTO large SELECT CASE WHEN n % 2 = 0 THEN 'brand-a' ELSE 'brand-b' END, n, repeat('x', 400) FROM generate_series(1, 20000) AS n")
    own.run("ANALYZE large")
    own.run("SELECT splitplane.protect('large', '{\"tenant_id\": \"tenant\"}')")
    return own


FIRST = "SELECT id FROM large LIMIT 2"


def read_part(wire, synchronized: bool):
    """Another session reads the table to about its middle, which tells later scans of it where to start."""
    with wire.admin() as other:
        other.execute(f"SET synchronize_seqscans = {'on' if synchronized else 'off'}")
        other.execute("BEGIN")
        other.execute("DECLARE c CURSOR FOR SELECT id FROM large")
        other.execute("MOVE 9000 FROM c")
        other.execute("COMMIT")


def test_where_a_scan_starts_tells_nothing_of_other_sessions(large):
    with large.session() as session, large.admin() as admin:
        def direct():
            return [row[0] for row in admin.execute("SELECT id FROM large WHERE tenant_id = 'brand-a' LIMIT 2").fetchall()]

        before = session.ask(FIRST)["rows"]
        read_part(large, True)
        assert direct() != [row[0] for row in before], "the control: outside of ask the start has moved"
        assert session.ask(FIRST)["rows"] == before == [[2], [4]]


def test_a_call_leaves_no_place_for_others_to_start_at(large):
    with large.session() as session, large.admin() as admin:
        # Where the last scan that reported its place has got to.
        read_part(large, True)
        start = admin.execute("SELECT id FROM large LIMIT 1").fetchone()
        assert start != (1,), "the control"
        with pytest.raises(psycopg.Error) as stopped:
            session.ask("SELECT sum(1 / (id - 4000)) FROM large")
        assert stopped.value.sqlstate == "22012", "a scan that ends at row 4,000"
        assert admin.execute("SELECT id FROM large LIMIT 1").fetchone() == start


def test_a_cheap_page_does_not_pass_a_dear_plan(large):
    sql = "SELECT count(*) FROM large AS a, large AS b WHERE a.id < b.id"
    with large.session() as session:
        session.ask_refused("53400", sql)
        for setting in ("seq_page_cost", "cpu_tuple_cost", "cpu_operator_cost", "random_page_cost", "cpu_index_tuple_cost"):
            session.execute(f"SET {setting} = 0")
        session.execute("SET recursive_worktable_factor = 0.001")
        plan = session.execute("EXPLAIN (FORMAT json) SELECT count(*) FROM pg_class AS a, pg_class AS b WHERE a.oid < b.oid").fetchone()[0]
        assert plan[0]["Plan"]["Total Cost"] == 0, "the control: to the session it costs nothing"
        session.ask_refused("53400", sql)


def test_an_error_that_ends_the_session_says_no_more_than_any_other(own):
    """exit_on_error makes the first ERROR a FATAL one: that must be ours, not PostgreSQL's with its HINT."""
    with pytest.raises(psycopg.Error) as lost, own.session() as session:
        session.execute("SET exit_on_error = on")
        assert session.value("SELECT 1") == 1
        session.ask("SELECT amonut FROM sales")
    assert lost.value.diag.severity == "FATAL", "the control"
    assert str(lost.value) == 'column "amonut" does not exist'


def test_a_gin_scan_is_exact(own):
    own.run("CREATE TABLE public.tagged (id int PRIMARY KEY, tags int[] NOT NULL)")
    own.run("INSERT INTO tagged SELECT n, ARRAY[1, n % 5] FROM generate_series(1, 20000) AS n")
    own.run("CREATE INDEX ON tagged USING gin (tags)")
    own.run("VACUUM ANALYZE tagged")
    own.run("SELECT splitplane.share('tagged')")
    with own.session() as session:
        session.execute("SET gin_fuzzy_search_limit = 1")
        session.execute("SET enable_seqscan = off")
        assert session.value("SELECT count(*) FROM tagged WHERE tags @> ARRAY[1]") == 20000
    with own.admin() as admin:
        admin.execute("SET gin_fuzzy_search_limit = 1")
        admin.execute("SET enable_seqscan = off")
        assert admin.execute("SELECT count(*) FROM tagged WHERE tags @> ARRAY[1]").fetchone()[0] < 20000, "the control"


def test_quoting_every_name_does_not_close_the_plane(own):
    own.run("CREATE TYPE public.kind AS ENUM ('x')")
    own.run("CREATE TABLE public.kinds (kind public.kind NOT NULL, n int)")
    own.run("INSERT INTO kinds VALUES ('x', 1)")
    own.run("SELECT splitplane.admit('x')")
    own.run("SELECT splitplane.protect('kinds', '{\"kind\": \"tenant\"}')")
    with own.session() as session:
        session.execute("SET quote_all_identifiers = on")
        assert session.value("SELECT count(*) FROM sales") == 50
        own.run("ALTER TABLE kinds ADD COLUMN m int")
        assert session.value("SELECT count(*) FROM sales") == 50
    with own.admin() as admin:
        admin.execute("SET quote_all_identifiers = on")
        assert admin.execute("SELECT count(*) FROM splitplane.doctor() WHERE severity = 'critical'").fetchone() == (0,)
    own.run("SELECT splitplane.unprotect('kinds')")
    own.run("SELECT splitplane.expel('x')")
