"""What administrators do between two calls reaches the next call of a session that is already warm."""

import threading
import time

import psycopg
import pytest
from splitplane_test.session import canaries, wait_until

from pg_test.wire.harness import COUNT_SALES, SALES

NOTES = "SELECT note FROM sales ORDER BY sale_id LIMIT 1"


@pytest.fixture
def plane(own_wire):
    return own_wire


@pytest.fixture
def warm(plane):
    """A session whose caches and plans know the plane as it was."""
    with plane.session() as session:
        for _ in range(8):
            assert session.value(COUNT_SALES) == SALES["brand-a"]
            session.ask("SELECT * FROM sales")
            session.value("SELECT count(*) FROM visits")
        yield session


def test_dropped_table_is_gone(plane, warm):
    plane.run("DROP TABLE sales CASCADE")
    warm.ask_refused("42P01", COUNT_SALES)
    assert warm.value("SELECT count(*) FROM shops") == 4, "the rest of the plane lives on"


def test_table_made_again_is_not_in_the_plane(plane, warm):
    """Same name, new table, no policy: the registration was of the old one."""
    plane.run("DROP TABLE sales CASCADE")
    plane.run("CREATE TABLE sales AS SELECT 'brand-b'::text AS tenant_id, 'CANARY-brand-b planted'::text AS note")
    warm.ask_refused("42P01", COUNT_SALES)
    plane.run("GRANT SELECT ON sales TO splitplane_reader, PUBLIC")
    warm.ask_refused(("42P01", "55000"), COUNT_SALES)
    plane.run("SELECT splitplane.protect('sales', '{\"tenant_id\": \"tenant\"}')")
    assert warm.value(COUNT_SALES) == 0
    assert warm.value(COUNT_SALES, "brand-b") == 1


def test_table_renamed_or_moved_keeps_its_plane_name_or_is_refused(plane, warm):
    """The registration is by OID. Whatever the name becomes, another table of the old name is never read."""
    plane.run("ALTER TABLE sales RENAME TO sales_old")
    plane.run("CREATE TABLE sales AS SELECT 'brand-a'::text AS tenant_id, 'CANARY-vault'::text AS note")
    plane.run("GRANT SELECT ON sales TO splitplane_reader")
    try:
        assert warm.value(COUNT_SALES) == SALES["brand-a"]
        assert "CANARY-brand-a" in warm.value(NOTES)
    except psycopg.Error as error:
        assert error.sqlstate in ("42P01", "55000"), error


@pytest.mark.parametrize(
    ("change", "query", "state"),
    [
        ("ALTER TABLE sales DROP COLUMN note", NOTES, "42703"),
        ("ALTER TABLE sales RENAME note TO remark", NOTES, ("42703", "55000")),
        ("ALTER TABLE sales DROP COLUMN tenant_id CASCADE", COUNT_SALES, ("55000", "42P01")),
        ("SELECT splitplane.unprotect('sales')", COUNT_SALES, "42P01"),
        ("SELECT splitplane.unprotect('units')", "SELECT * FROM units", "42P01"),
        ("ALTER TABLE sales DISABLE ROW LEVEL SECURITY", COUNT_SALES, "55000"),
        ("ALTER ROLE splitplane_reader BYPASSRLS", COUNT_SALES, "55000"),
        ("ALTER TABLE sales OWNER TO splitplane_reader", COUNT_SALES, "55000"),
        ("ALTER ROLE splitplane_reader SUPERUSER", COUNT_SALES, "55000"),
        ("GRANT pg_read_all_data TO splitplane_reader", COUNT_SALES, "55000"),
        ("CREATE POLICY everything ON sales TO splitplane_reader USING (true)", COUNT_SALES, ("55000", None)),
        ("REVOKE ALL ON sales FROM splitplane_reader", COUNT_SALES, ("42501", "55000")),
        ("GRANT USAGE ON SCHEMA public TO app; REVOKE USAGE ON SCHEMA public FROM PUBLIC, splitplane_reader", COUNT_SALES, ("42501", "55000", None)),
    ],
)
def test_change_is_followed_by_the_next_call(plane, warm, change, query, state):
    """state None: still answered, with own rows only (Session.ask looks at each canary)."""
    states = state if isinstance(state, tuple) else (state,)
    plane.run(change)
    try:
        for tenant in ("brand-a", "brand-b"):
            try:
                document = warm.ask(query, tenant)
                assert None in states, f"{change}: answered {str(document)[:200]}"
                assert document["rows"] == [[SALES[tenant]]]
            except psycopg.Error as error:
                assert error.sqlstate in states, f"{change}: {error.sqlstate} {error}"
                assert not error.diag.message_detail and not error.diag.message_hint
    finally:
        # Roles belong to the whole server and outlive this test's database.
        plane.run("ALTER ROLE splitplane_reader NOBYPASSRLS NOSUPERUSER")
        plane.run("REVOKE pg_read_all_data FROM splitplane_reader")
        plane.run("DO $$ BEGIN IF to_regclass('sales') IS NOT NULL THEN ALTER TABLE sales OWNER TO postgres; END IF; END $$")


def test_isolation_is_back_once_the_finding_is_mended(plane, warm):
    plane.run("ALTER TABLE sales DISABLE ROW LEVEL SECURITY")
    warm.ask_refused("55000", COUNT_SALES)
    plane.run("ALTER TABLE sales ENABLE ROW LEVEL SECURITY")
    assert warm.value(COUNT_SALES) == SALES["brand-a"]


def test_dropped_or_altered_policies_stop_the_plane(plane, warm):
    with plane.admin() as admin:
        policies = admin.execute(
            "SELECT polname FROM pg_policy WHERE polrelid = 'sales'::regclass AND NOT polpermissive"
        ).fetchall()
        assert policies, "the control: protect made a restrictive policy"
        for change in ('ALTER POLICY "{}" ON sales USING (true)', 'ALTER POLICY "{}" ON sales TO PUBLIC', 'DROP POLICY "{}" ON sales'):
            admin.execute(change.format(policies[0][0]))
            for tenant in ("brand-a", "brand-b"):
                error = warm.ask_refused("55000", COUNT_SALES, tenant)
                assert not canaries(str(error), tenant)
        # Protecting again mends it.
        admin.execute("SELECT splitplane.protect('sales', '{\"tenant_id\": \"tenant\"}')")
    assert warm.value(COUNT_SALES) == SALES["brand-a"]


def test_added_column_is_there_only_if_the_plane_has_all(plane, warm):
    plane.run("SELECT splitplane.protect('shops', '{\"tenant_id\": \"tenant\"}', columns => ARRAY['store_id', 'city'])")
    plane.run("ALTER TABLE shops ADD COLUMN rent int DEFAULT 7")
    plane.run("ALTER TABLE sales ADD COLUMN margin int DEFAULT 7")
    warm.ask_refused("42703", "SELECT rent FROM shops")
    assert warm.value("SELECT count(*) FROM shops WHERE city LIKE '%city%'") == 4
    # All columns were registered: a new one is there, or absent until protect is called again; never an internal error.
    try:
        assert warm.value("SELECT max(margin) FROM sales") == 7
    except psycopg.Error as error:
        assert error.sqlstate in ("42703", "42501", "55000"), error
    plane.run("SELECT splitplane.protect('sales', '{\"tenant_id\": \"tenant\"}')")
    assert warm.value("SELECT max(margin) FROM sales") == 7


def test_changed_column_type_is_followed(plane, warm):
    plane.run("ALTER TABLE sales ALTER amount TYPE text USING 'now ' || amount")
    assert warm.value("SELECT min(amount) FROM sales WHERE sale_id = 1") == "now 101"


def test_function_list_is_followed(plane, warm):
    plane.run("CREATE FUNCTION public.twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * n'")
    query = "SELECT twice(21)"
    warm.ask_refused("42501", query)
    plane.run("SELECT splitplane.allow_function('public.twice(int)')")
    assert warm.value(query) == 42
    plane.run("SELECT splitplane.disallow_function('public.twice(int)')")
    warm.ask_refused("42501", query)
    plane.run("SELECT splitplane.allow_function('public.twice(int)')")
    plane.run("DROP FUNCTION public.twice(int)")
    warm.ask_refused("42501", query)


def test_allowed_function_that_is_replaced_gains_nothing(plane, warm):
    """The DBA allowed a pure function; its owner makes it a reader of the vault. It runs as the reader, who may not."""
    plane.run("CREATE FUNCTION public.peek() RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'pure'::text$$")
    plane.run("SELECT splitplane.allow_function('public.peek()')")
    assert warm.value("SELECT peek()") == "pure"
    plane.run("CREATE OR REPLACE FUNCTION public.peek() RETURNS text LANGUAGE sql STABLE AS $$SELECT secret FROM public.vault$$")
    error = warm.ask_refused(("42501", "55000", "42P01"), "SELECT peek()")
    assert "CANARY" not in str(error)


def test_protection_changes_are_followed(plane, warm):
    """A list scope is put on a relation that had none: the next call of the franchisee sees two stores."""
    assert warm.value(COUNT_SALES, business="franchise-7") == SALES["brand-a"]
    plane.run("SELECT splitplane.protect('sales', '{\"tenant_id\": \"tenant\", \"store_id\": \"stores\"}')")
    narrowed = warm.value(COUNT_SALES, business="franchise-7")
    assert 0 < narrowed < SALES["brand-a"]
    assert warm.value("SELECT count(*) FROM sales WHERE store_id NOT IN (2, 3)", business="franchise-7") == 0
    assert warm.value(COUNT_SALES) == SALES["brand-a"]


def test_uncommitted_changes_are_not_followed_and_block_nothing_for_long(plane, warm):
    with psycopg.connect(plane.cluster.dsn(dbname=plane.database)) as admin:
        admin.execute("SELECT splitplane.revoke_key('AKWIRE')")
        assert warm.value(COUNT_SALES) == SALES["brand-a"]
        admin.rollback()
    assert warm.value(COUNT_SALES) == SALES["brand-a"]


def test_locked_table_is_waited_for_within_the_deadline(plane):
    """ACCESS EXCLUSIVE held elsewhere: the call waits, its own deadline ends it, and the admin is not disturbed."""
    role = plane.role(splitplane__deadline="700ms")
    with plane.session(user=role) as session, psycopg.connect(plane.cluster.dsn(dbname=plane.database)) as admin:
        assert session.value(COUNT_SALES) == SALES["brand-a"]
        admin.execute("LOCK TABLE sales IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        session.ask_refused(("57014", "55P03"), COUNT_SALES)
        assert time.monotonic() - started < 3
        admin.rollback()
        assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_rows_are_all_seen_after_waiting_for_a_rewrite(plane):
    """A table that is rewritten looks empty to older snapshots: the snapshot must be taken after the lock was got.

    A plain SELECT that waits for the same lock is the control; it takes its snapshot after analysis has locked the table.
    """
    answers = {}

    def waiting(name, action):
        thread = threading.Thread(target=lambda: answers.update({name: action()}))
        thread.start()
        return thread

    with plane.session() as session, plane.admin() as plain, psycopg.connect(plane.cluster.dsn(dbname=plane.database)) as admin:
        assert session.value(COUNT_SALES) == SALES["brand-a"]
        plain.prepare_threshold = None
        admin.execute("ALTER TABLE sales ALTER amount TYPE bigint")
        threads = [
            waiting("ask", lambda: session.value(COUNT_SALES)),
            waiting("plain", lambda: plain.execute(COUNT_SALES + " WHERE tenant_id = 'brand-a'").fetchone()[0]),
        ]
        blocked = "SELECT count(*) = 2 FROM pg_locks WHERE NOT granted"
        wait_until(lambda: plane.run(blocked)[0], 5, "both wait for the lock")
        admin.commit()
        for thread in threads:
            thread.join()
    assert answers["plain"] == SALES["brand-a"], "the control"
    assert answers["ask"] == SALES["brand-a"]


def test_concurrent_alter_table_while_asking(plane):
    """Columns come and go, policies are rewritten and the table is repacked under the feet of four callers."""
    stop, failures, answered = threading.Event(), [], [0]

    def caller(number):
        tenant = ("brand-a", "brand-b")[number % 2]
        try:
            with plane.session() as session:
                while not stop.is_set():
                    try:
                        document = session.ask("SELECT * FROM sales", tenant)
                        assert document["row_count"] == SALES[tenant]
                        answered[0] += 1
                    except psycopg.Error as error:
                        # A column may go between analysis and plan, a lock may deadlock with the DDL; nothing internal.
                        assert error.sqlstate in ("42703", "42P01", "55000", "40P01", "42501"), f"{error.sqlstate} {error}"
                        assert not canaries(str(error), tenant)
        except BaseException as error:  # a thread's failure must reach the test
            failures.append(error)

    callers = [threading.Thread(target=caller, args=(number,)) for number in range(4)]
    for thread in callers:
        thread.start()
    with plane.admin() as admin:
        for turn in range(40):
            for statement in (
                f"ALTER TABLE sales ADD COLUMN extra{turn} text DEFAULT 'x'",
                f"ALTER TABLE sales DROP COLUMN extra{turn}",
                "SELECT splitplane.protect('sales', '{\"tenant_id\": \"tenant\"}')",
                "ALTER TABLE sales ALTER amount TYPE bigint" if turn % 2 else "ALTER TABLE sales ALTER amount TYPE int",
                "VACUUM FULL sales" if turn % 10 == 0 else "ANALYZE sales",
            ):
                try:
                    admin.execute(statement)
                except psycopg.errors.DeadlockDetected:
                    pass
    stop.set()
    for thread in callers:
        thread.join()
    assert not failures, failures[0]
    assert answered[0] > 20, "the control: callers were answered all the while"
    with plane.session() as session:
        assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_extension_dropped_under_a_warm_session(plane, warm):
    plane.run("DROP EXTENSION splitplane CASCADE")
    with pytest.raises(psycopg.Error) as refused:
        warm.call(plane.sign(COUNT_SALES), COUNT_SALES)
    assert refused.value.sqlstate in ("42883", "42704", "3F000"), refused.value
    # The application's tables are its own again, and what is left of the fences names no function of ours and lets no reader in.
    assert plane.run("SELECT count(*) FROM sales")[0] == sum(SALES.values())
    assert not plane.run("SELECT 1 FROM pg_policy WHERE polrelid = 'sales'::regclass AND pg_get_expr(polqual, polrelid) LIKE '%splitplane.%'")
    with plane.admin() as admin:
        admin.execute("SET ROLE splitplane_reader")
        assert admin.execute("SELECT count(*) FROM sales").fetchone() == (0,)


def test_extension_made_again_in_a_warm_session(plane, warm):
    """All OIDs of the extension are new; what the session cached of the old ones must not be used."""
    plane.run("DROP EXTENSION splitplane CASCADE")
    with plane.admin() as admin:
        admin.execute("CREATE EXTENSION splitplane")
        admin.execute("SELECT splitplane.protect('sales', '{\"tenant_id\": \"tenant\"}')")
        admin.execute("SELECT splitplane.admit('brand-b')")
        key = ("AKAGAIN", admin.execute("SELECT splitplane.create_key('AKAGAIN')").fetchone()[0])
    warm.ask_refused("28000", COUNT_SALES)
    warm.ask_refused("28000", COUNT_SALES, "brand-a", key=key)
    assert warm.value(COUNT_SALES, "brand-b", key=key) == SALES["brand-b"]
    warm.ask_refused("42P01", "SELECT count(*) FROM visits", "brand-b", key=key)
