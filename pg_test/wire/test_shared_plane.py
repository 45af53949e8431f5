"""A plane that one session has read is there for sessions to come, and for as long as it is what they would read themselves.

Every change below is made by a session that ends at once, while nobody else is connected: no message to another session's caches
could tell of it.
"""

import re
import threading

import psycopg
import pytest
from splitplane_test.cluster import Cluster
from splitplane_test.plane import numbered

from pg_test.wire.harness import Wire

SCHEMA = """
CREATE TYPE rank AS ENUM ('low', 'high');
CREATE TABLE stores (tenant_id text NOT NULL, store_id int PRIMARY KEY, city text, secret text, rank rank);
CREATE TABLE visits (tenant_id text NOT NULL, visit_id int PRIMARY KEY, store_id int NOT NULL REFERENCES stores, note text);
CREATE TABLE visit_items (item_id int PRIMARY KEY, visit_id int NOT NULL REFERENCES visits, label text);
INSERT INTO stores SELECT 'brand-' || t, ascii(t) * 10, 'city of brand-' || t, 'CANARY-brand-' || t || '-secret', 'low' FROM unnest('{a,b}'::text[]) t;
INSERT INTO visits SELECT tenant_id, store_id, store_id, 'CANARY-' || tenant_id FROM stores;
INSERT INTO visit_items SELECT visit_id, visit_id, note FROM visits;
CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.upper($1)';
SELECT splitplane.protect('stores', '{"tenant_id": "tenant"}', columns => '{store_id,city,secret,rank}');
SELECT splitplane.protect('visits', '{"tenant_id": "tenant"}');
SELECT splitplane.protect_through('visit_items', 'visits');
SELECT splitplane.allow_function('shout(text)');
SELECT splitplane.define_view('cities', 'SELECT city FROM stores');
SELECT splitplane.admit('brand-a'); SELECT splitplane.admit('brand-b');
"""
STORES = "SELECT city, secret, rank::text FROM stores"
VISITS = "SELECT note FROM visits"
ITEMS = "SELECT label FROM visit_items"
SHOUT = "SELECT shout(city) AS loud FROM stores"
VIEW = "SELECT city FROM cities"
ALL = [STORES, VISITS, ITEMS, SHOUT, VIEW]


@pytest.fixture(scope="module")
def server():
    """A server whose log says where a session has its plane from."""
    with Cluster(settings={"log_min_messages": "debug1", "max_prepared_transactions": "4", "max_connections": "60"}) as running:
        yield running


@pytest.fixture
def plane(server):
    """A database of the test's own whose plane other sessions can take."""
    built = Wire.build(server, numbered("shared"), SCHEMA)
    warm(built)
    return built


def warm(plane):
    """Sessions that read the plane until one takes it."""
    for _ in range(4):
        if source(plane) == "taken":
            return
    pytest.fail("no session takes the plane")


def source(plane, sql=VISITS):
    """Where a new session has its plane from."""
    mark = len(plane.cluster.log_text())
    with plane.session() as session:
        pid = session.connection.info.backend_pid
        session.ask(sql)
    lines = [line for line in plane.cluster.log_text()[mark:].splitlines() if f"[{pid}]" in line]
    found = re.findall(r"the plane (was taken from another session|is read from the catalog)", "\n".join(lines))
    return {"was taken from another session": "taken", "is read from the catalog": "read"}.get(found[0] if len(found) == 1 else "", found)


def outcome(plane, sql, tenant="brand-a"):
    """The rows that a new session gets, or the SQLSTATE."""
    with plane.session() as session:
        try:
            return session.ask(sql, tenant=tenant)["rows"]
        except psycopg.Error as error:
            return error.sqlstate


def test_a_new_session_takes_the_plane(plane):
    assert [source(plane, sql) for sql in ALL] == ["taken"] * len(ALL)
    assert outcome(plane, STORES) == [["city of brand-a", "CANARY-brand-a-secret", "low"]]
    assert outcome(plane, STORES, "brand-b") == [["city of brand-b", "CANARY-brand-b-secret", "low"]]
    assert outcome(plane, ITEMS) == [["CANARY-brand-a"]]


# What is changed, how it is put back, what is asked, and what comes then.
CHANGES = {
    "no row-level security": ("ALTER TABLE visits DISABLE ROW LEVEL SECURITY", "ALTER TABLE visits ENABLE ROW LEVEL SECURITY", VISITS, "55000"),
    "none of another table": ("ALTER TABLE visits DISABLE ROW LEVEL SECURITY", "ALTER TABLE visits ENABLE ROW LEVEL SECURITY", STORES, "55000"),
    "another policy": (
        "DROP POLICY \"!splitplane_scope\" ON visits",
        "SELECT splitplane.protect('visits', '{\"tenant_id\": \"tenant\"}')", STORES, "55000"),
    "a reader past row-level security": ("ALTER ROLE splitplane_reader BYPASSRLS", "ALTER ROLE splitplane_reader NOBYPASSRLS", VISITS, "55000"),
    "a reader in another role": (
        "CREATE ROLE {name}; GRANT {name} TO splitplane_reader", "REVOKE {name} FROM splitplane_reader; DROP ROLE {name}", VISITS, "55000"),
    "a column withdrawn": (
        "SELECT splitplane.protect('stores', '{\"tenant_id\": \"tenant\"}', columns => '{store_id,city,rank}')",
        "SELECT splitplane.protect('stores', '{\"tenant_id\": \"tenant\"}', columns => '{store_id,city,secret,rank}')", STORES, "42703"),
    "a table withdrawn": (
        "SELECT splitplane.unprotect('visit_items')", "SELECT splitplane.protect_through('visit_items', 'visits')", ITEMS, "42P01"),
    "a column renamed": ("ALTER TABLE stores RENAME secret TO hidden", "ALTER TABLE stores RENAME hidden TO secret", STORES, "42703"),
    "a function withdrawn": ("SELECT splitplane.disallow_function('shout(text)')", "SELECT splitplane.allow_function('shout(text)')", SHOUT, "42501"),
    "a function of another owner": (
        "CREATE ROLE {name}; ALTER FUNCTION shout(text) OWNER TO {name}", "ALTER FUNCTION shout(text) OWNER TO postgres; DROP ROLE {name}", SHOUT, "42501"),
    "a view withdrawn": ("SELECT splitplane.undefine_view('cities')", "SELECT splitplane.define_view('cities', 'SELECT city FROM stores')", VIEW, "42P01"),
    "a foreign key dropped": (
        "ALTER TABLE visit_items DROP CONSTRAINT visit_items_visit_id_fkey",
        "ALTER TABLE visit_items ADD FOREIGN KEY (visit_id) REFERENCES visits; SELECT splitplane.protect_through('visit_items', 'visits')",
        ITEMS, "55000"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_counts_at_once(plane, change):
    made, put_back, sql, expected = CHANGES[change]
    role = numbered("other_role")
    made, put_back = (part.replace("{name}", role) for part in (made, put_back))
    before = outcome(plane, sql)
    assert isinstance(before, list) and before
    plane.run(made)
    assert outcome(plane, sql) == expected
    plane.run(put_back)
    assert outcome(plane, sql) == before
    warm(plane)
    assert outcome(plane, sql) == before


def test_what_is_added_is_there_at_once(plane):
    plane.run("ALTER TYPE rank ADD VALUE 'highest'")
    plane.run("UPDATE stores SET rank = 'highest' WHERE tenant_id = 'brand-a'")
    assert outcome(plane, STORES) == [["city of brand-a", "CANARY-brand-a-secret", "highest"]]
    plane.run("ALTER TABLE visits ADD added text DEFAULT 'new'; SELECT splitplane.protect('visits', '{\"tenant_id\": \"tenant\"}')")
    assert outcome(plane, "SELECT added FROM visits") == [["new"]]
    plane.run("ALTER TABLE visits RENAME TO calls; SELECT splitplane.protect('calls', '{\"tenant_id\": \"tenant\"}')")
    assert outcome(plane, "SELECT note FROM calls") == [["CANARY-brand-a"]]


def test_settings_of_the_database_count_at_once(plane):
    """No cache of PostgreSQL's holds them, so no message tells of a change."""
    cost = "SELECT count(*) FROM visits AS a, visits AS b"
    assert outcome(plane, cost) == [[1]]
    plane.set(work_mem="64kB", splitplane__max_cost="0.01")
    assert outcome(plane, cost) == "53400"


def test_a_row_of_the_catalog_changed_by_hand(plane):
    """It tells nobody: the rows of the relations that a statement names are looked at."""
    plane.run("UPDATE pg_policy SET polqual = NULL WHERE polrelid = 'visits'::regclass AND polname = '!splitplane_scope'")
    assert outcome(plane, VISITS) == "55000"


def test_a_change_that_is_rolled_back(plane):
    with plane.connect(autocommit=False) as other:
        other.execute("ALTER TABLE stores DISABLE ROW LEVEL SECURITY")
        other.execute("SELECT splitplane.unprotect('visit_items')")
        other.rollback()
    assert source(plane) == "taken"
    assert outcome(plane, ITEMS) == [["CANARY-brand-a"]]


def test_a_change_that_is_under_way_is_not_shared(plane):
    """The session that makes it sees it; no other does before it is committed."""
    with plane.session(user=plane.cluster.superuser, autocommit=False) as own:
        own.execute("SELECT splitplane.unprotect('visit_items')")
        own.execute("SAVEPOINT before")
        with pytest.raises(psycopg.Error) as refused:
            own.ask(ITEMS)
        assert refused.value.sqlstate == "42P01"
        own.execute("ROLLBACK TO before")
        assert source(plane, STORES) == "taken"
        own.connection.commit()
    assert outcome(plane, ITEMS) == "42P01"


def test_a_prepared_change_counts_when_it_is_committed(plane):
    """Of another table than the one that is asked, so that no row that the session compares tells."""
    rows = [["city of brand-a", "CANARY-brand-a-secret", "low"]]

    def prepared(change):
        with plane.connect() as other:
            other.execute("BEGIN")
            other.execute(change)
            other.execute("PREPARE TRANSACTION 'fence'")

    prepared("ALTER TABLE visits DISABLE ROW LEVEL SECURITY")
    assert source(plane, STORES) == "taken"
    plane.run("COMMIT PREPARED 'fence'")
    assert outcome(plane, STORES) == "55000"
    prepared("ALTER TABLE visits ENABLE ROW LEVEL SECURITY")
    plane.run("COMMIT PREPARED 'fence'")
    assert outcome(plane, STORES) == rows
    warm(plane)


def test_a_database_that_takes_the_number_of_another(plane):
    """Its rows lie where those of the other did, but for a table that is not asked."""
    copy, number = numbered("shared_copy"), plane.run("SELECT oid::text FROM pg_database WHERE datname = current_database()")[0]
    with psycopg.connect(plane.cluster.dsn("postgres"), autocommit=True) as elsewhere:
        elsewhere.execute(f"CREATE DATABASE {copy} TEMPLATE {plane.database}")
        with psycopg.connect(plane.cluster.dsn(copy), autocommit=True) as changed:
            changed.execute("ALTER TABLE visits DISABLE ROW LEVEL SECURITY")
        warm(plane)
        assert source(plane, STORES) == "taken"
        elsewhere.execute(f"DROP DATABASE {plane.database} WITH (FORCE)")
        elsewhere.execute(f"CREATE DATABASE {plane.database} TEMPLATE {copy} OID {number}")
    assert outcome(plane, STORES) == "55000"


def test_other_databases_are_left_alone(server, plane):
    other = Wire.build(server, numbered("shared"), SCHEMA)
    warm(other)
    warm(plane)
    other.run("SELECT splitplane.unprotect('visit_items')")
    assert outcome(other, ITEMS) == "42P01"
    assert outcome(plane, ITEMS) == [["CANARY-brand-a"]]
    assert source(plane, STORES) == "taken"


def test_temporary_tables_and_statistics_change_nothing(plane):
    with plane.connect() as other:
        other.execute("CREATE TEMP TABLE t AS SELECT * FROM visits; CREATE INDEX ON t (visit_id); ANALYZE; DROP TABLE t")
        other.execute("CREATE TABLE elsewhere (a int); CREATE FUNCTION elsewhere() RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP FUNCTION elsewhere(); DROP TABLE elsewhere")
    warm(plane)
    assert outcome(plane, VISITS) == [["CANARY-brand-a"]]


def test_many_sessions_connect_while_the_plane_changes(plane):
    """A session that connects after the change was committed never sees what was withdrawn, and always what was put back."""
    faults, seen, stop = [], [], threading.Event()
    state = {"is_there": True, "changes": 0, "under_way": False}
    lock = threading.Lock()

    def asks():
        while not stop.is_set():
            with lock:
                is_there, changes = state["is_there"], state["changes"]
            # A row of another tenant is an error of `ask` here.
            got = outcome(plane, STORES)
            with lock:
                is_unchanged = state["changes"] == changes and not state["under_way"]
            if is_unchanged:
                seen.append(is_there)
                if got != ([["city of brand-a", "CANARY-brand-a-secret", "low"]] if is_there else "42703"):
                    faults.append((changes, is_there, got))

    def kept():
        try:
            asks()
        except BaseException as error:
            faults.append(repr(error))

    threads = [threading.Thread(target=kept) for _ in range(32)]
    for thread in threads:
        thread.start()
    for number in range(12):
        columns = "{store_id,city,rank}" if number % 2 == 0 else "{store_id,city,secret,rank}"
        with lock:
            state["under_way"] = True
        plane.run("SELECT splitplane.protect('stores', '{\"tenant_id\": \"tenant\"}', columns => %s)", columns)
        with lock:
            state.update(under_way=False, is_there=number % 2 == 1, changes=state["changes"] + 1)
        threading.Event().wait(0.5)
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert {True, False} == set(seen), "the control: both were asked"


def test_a_plane_with_extensions_is_read_by_each_session(plane):
    """What their libraries may do hangs on files, of which no transaction tells."""
    plane.run("CREATE EXTENSION citext; SELECT splitplane.allow_extension('citext')")
    assert [source(plane) for _ in range(3)] == ["read"] * 3
    plane.run("SELECT splitplane.disallow_extension('citext')")
    warm(plane)


def test_a_plane_beside_tables_of_an_earlier_one_is_read_by_each_session(plane):
    """A change of theirs can close the plane, and is not watched."""
    plane.run("CREATE TABLE left_behind (a int); CREATE POLICY \"!splitplane_scope\" ON left_behind USING (true)")
    assert [source(plane) for _ in range(3)] == ["read"] * 3
    plane.run("DROP TABLE left_behind")
    plane.run("SELECT splitplane.disallow_function('shout(text)')")
    warm(plane)


def test_built_in_functions_are_read_with_the_plane(plane):
    """Also by a session that has read them before, for the others."""
    sql = "SELECT initcap(city) AS city FROM stores"
    with plane.session() as session:
        assert session.ask(sql)["rows"] == [["City Of Brand-A"]]
        plane.run("ALTER FUNCTION pg_catalog.initcap(text) VOLATILE")
        session.ask_refused("42501", sql)
    assert outcome(plane, sql) == "42501"
    plane.run("ALTER FUNCTION pg_catalog.initcap(text) IMMUTABLE")
    assert outcome(plane, sql) == [["City Of Brand-A"]]


def test_a_standby_reads_the_plane_itself(plane):
    """Its changes are made elsewhere, where they are counted."""
    with plane.cluster.standby() as replica:
        there = Wire(replica, plane.database, plane.secret, plane.key_id)
        assert [source(there) for _ in range(3)] == ["read"] * 3
        plane.run("SELECT splitplane.unprotect('visit_items')")
        replica.catch_up()
        assert outcome(there, ITEMS) == "42P01"
        assert outcome(there, VISITS) == [["CANARY-brand-a"]]


@pytest.mark.parametrize("size", ["0", "1kB"])
def test_without_room_each_session_reads_it_itself(size):
    with Cluster(settings={"log_min_messages": "debug1", "splitplane.shared_plane_size": size}) as running:
        plane = Wire.build(running, "small", SCHEMA)
        assert [source(plane) for _ in range(4)] == ["read"] * 4
        assert outcome(plane, ITEMS) == [["CANARY-brand-a"]]
        warnings = plane.admin_rows("SELECT finding FROM splitplane.doctor() WHERE object = 'splitplane.shared_plane_size'")
        said = running.log_text().count("splitplane.shared_plane_size has no room")
        assert (len(warnings), said) == ((0, 0) if size == "0" else (1, 1))
