"""A statement that a session has proved is used again only where proving it anew would come to the same.

What is changed below is changed by another session that ends at once, between two calls of a session that had the statement kept: what
comes then is what a session gets that knows nothing.
"""

import re
import threading
import time

import psycopg
import pytest
from splitplane_test.plane import numbered

from pg_test.wire.harness import Wire
from pg_test.wire.proved import AGAIN, NORTH, PARTS, SCHEMA, SHOUT, STORES, VIEW, VISITS, asked, cold, logging_server, outcome, warm


@pytest.fixture(scope="module")
def server():
    with logging_server() as running:
        yield running


@pytest.fixture(scope="module")
def plane(server):
    """One database, which no test changes."""
    return Wire.build(server, numbered("proved"), SCHEMA)


@pytest.fixture
def own(server):
    """A database of the test's own."""
    return Wire.build(server, numbered("proved"), SCHEMA)


def test_a_claim_that_changes_counts_at_once(own):
    with own.session() as session:
        warm(session, PARTS)
        own.run("SELECT splitplane.admit('brand-a', '*', '*', '{\"shops\": [\"3\"]}')")
        assert outcome(session, PARTS) == [["CANARY-brand-a 3"]]
        own.run("SELECT splitplane.admit('brand-a', '*', '*', '{\"shops\": [\"1\", \"2\"]}')")
        assert outcome(session, PARTS) == [["CANARY-brand-a 1"], ["CANARY-brand-a 2"]]
        own.run("SELECT splitplane.expel('brand-a', '*', '*')")
        assert outcome(session, PARTS)[0] == "28000"
        own.run("SELECT splitplane.admit('brand-a', '*', '*', '{\"shops\": [\"1\", \"2\"]}')")
        assert outcome(session, PARTS) == [["CANARY-brand-a 1"], ["CANARY-brand-a 2"]]


PROTECT_VISITS = "SELECT splitplane.protect('visits', '{\"tenant_id\": \"tenant\", \"region\": \"business\", \"clerk\": \"subject\"}')"
SHARE_DAYS = "SELECT splitplane.share('days')"
SWAP = "ALTER TABLE stores RENAME city TO x; ALTER TABLE stores RENAME secret TO city; ALTER TABLE stores RENAME x TO secret"
SHOUTS = "CREATE OR REPLACE FUNCTION shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.upper($1)'; SELECT splitplane.allow_function('shout(text)')"
PROTECT_STORES = "SELECT splitplane.protect('stores', '{\"tenant_id\": \"tenant\"}', columns => '{store_id,city,secret,rank,opened,label}')"
RANKED = "SELECT city FROM stores WHERE rank = 'low'"
# What is changed, how it is put back, and what is asked.
CHANGES = {
    "a column of another type": ("ALTER TABLE stores ALTER store_id TYPE bigint", "ALTER TABLE stores ALTER store_id TYPE int", "SELECT pg_typeof(store_id)::text FROM stores"),
    "a column renamed": ("ALTER TABLE stores RENAME secret TO hidden", "ALTER TABLE stores RENAME hidden TO secret", STORES),
    "two columns that change names": (SWAP, SWAP, STORES),
    "a column dropped": ("ALTER TABLE days DROP name", "ALTER TABLE days ADD name text; " + SHARE_DAYS, "SELECT name FROM days ORDER BY day"),
    "a column made again": (
        "ALTER TABLE days DROP name; ALTER TABLE days ADD name text DEFAULT 'new'; " + SHARE_DAYS, "SELECT 1", "SELECT name FROM days ORDER BY day"),
    "a column added": ("ALTER TABLE days ADD added int; " + SHARE_DAYS, "ALTER TABLE days DROP added; " + SHARE_DAYS, "SELECT * FROM days ORDER BY day"),
    "a table dropped": ("DROP TABLE days", "CREATE TABLE days (day date); " + SHARE_DAYS, "SELECT day FROM days"),
    "another table of its name": (
        "SELECT splitplane.unprotect('days'); ALTER TABLE days RENAME TO old_days; CREATE TABLE days (name text, day text); INSERT INTO days VALUES ('new', 'a day'); " + SHARE_DAYS,
        "SELECT 1", "SELECT day FROM days ORDER BY day"),
    "a column withdrawn": ("SELECT splitplane.protect('stores', '{\"tenant_id\": \"tenant\"}', columns => '{store_id,city,rank}')", PROTECT_STORES, STORES),
    "a wider scope": ("SELECT splitplane.protect('visits', '{\"tenant_id\": \"tenant\"}')", PROTECT_VISITS, VISITS),
    "a table withdrawn": ("SELECT splitplane.unprotect('cards')", "SELECT splitplane.protect('cards', '{\"tenant_id\": \"tenant\"}')", "SELECT number FROM cards"),
    "a table hidden": (
        "SELECT splitplane.protect('cards', '{\"tenant_id\": \"tenant\"}', hidden => true)", "SELECT splitplane.protect('cards', '{\"tenant_id\": \"tenant\"}')",
        "SELECT number FROM cards"),
    "no row-level security": ("ALTER TABLE visits DISABLE ROW LEVEL SECURITY", "ALTER TABLE visits ENABLE ROW LEVEL SECURITY", VISITS),
    "no policy": ("DROP POLICY \"!splitplane_scope\" ON visits", PROTECT_VISITS, VISITS),
    "another policy": ("ALTER POLICY \"!splitplane_scope\" ON visits USING (true)", PROTECT_VISITS, VISITS),
    "a policy of the table's own": ("CREATE POLICY mine ON visits AS RESTRICTIVE USING (false)", "DROP POLICY mine ON visits", VISITS),
    "a right taken away": ("REVOKE SELECT ON visits FROM splitplane_reader", PROTECT_VISITS, VISITS),
    "a reader past row-level security": ("ALTER ROLE splitplane_reader BYPASSRLS", "ALTER ROLE splitplane_reader NOBYPASSRLS", VISITS),
    "a reader in another role": ("CREATE ROLE {name}; GRANT {name} TO splitplane_reader", "REVOKE {name} FROM splitplane_reader; DROP ROLE {name}", VISITS),
    "a function replaced": ("CREATE OR REPLACE FUNCTION shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT $1 || '!'$$", SHOUTS, SHOUT),
    "a function of another owner": (
        "CREATE ROLE {name}; ALTER FUNCTION shout(text) OWNER TO {name}", "ALTER FUNCTION shout(text) OWNER TO postgres; DROP ROLE {name}", SHOUT),
    "a function that leaks nothing, it says": ("ALTER FUNCTION shout(text) LEAKPROOF", "ALTER FUNCTION shout(text) NOT LEAKPROOF", SHOUT),
    "a function withdrawn": ("SELECT splitplane.disallow_function('shout(text)')", "SELECT splitplane.allow_function('shout(text)')", SHOUT),
    "a function dropped": ("DROP FUNCTION shout(text)", SHOUTS, SHOUT),
    "a built-in function": ("ALTER FUNCTION pg_catalog.initcap(text) VOLATILE", "ALTER FUNCTION pg_catalog.initcap(text) IMMUTABLE", "SELECT initcap(city) FROM stores"),
    "a view withdrawn": ("SELECT splitplane.undefine_view('cities')", "SELECT splitplane.define_view('cities', 'SELECT city FROM stores')", VIEW),
    "a view defined anew": (
        "SELECT splitplane.define_view('cities', $$SELECT 'x' || city AS city FROM stores$$)", "SELECT splitplane.define_view('cities', 'SELECT city FROM stores')", VIEW),
    "a value of an enum renamed": ("ALTER TYPE rank RENAME VALUE 'low' TO 'least'", "ALTER TYPE rank RENAME VALUE 'least' TO 'low'", RANKED),
    "values of an enum that change names": (
        "ALTER TYPE rank RENAME VALUE 'low' TO 'x'; ALTER TYPE rank RENAME VALUE 'high' TO 'low'",
        "ALTER TYPE rank RENAME VALUE 'low' TO 'high'; ALTER TYPE rank RENAME VALUE 'x' TO 'low'", RANKED),
    "a primary key dropped": (
        "ALTER TABLE parts DROP CONSTRAINT parts_pkey", "ALTER TABLE parts ADD PRIMARY KEY (part_id)", "SELECT note FROM parts GROUP BY part_id ORDER BY note"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_another_session(own, change):
    made, put_back, sql = CHANGES[change]
    role = numbered("proved_role")
    made, put_back = (part.replace("{name}", role) for part in (made, put_back))
    with own.session() as session:
        before = warm(session, sql)
        assert isinstance(before, list) and before
        try:
            own.run(made)
            got, known = asked(session, sql)
            assert not known and got == cold(own, sql)
            assert got != before, "the control: it is another answer"
        finally:
            own.run(put_back)
        assert outcome(session, sql) == cold(own, sql)


def test_changes_between_the_calls_of_one_transaction(own):
    """The tables are locked to its end, but functions are not; and what it has kept itself is compared all the same."""
    with own.session(autocommit=False) as session:
        assert warm(session, SHOUT) == [["CITY OF BRAND-A"]]
        own.run("SELECT splitplane.disallow_function('shout(text)')")
        assert asked(session, SHOUT)[0][0] == "42501"
        session.connection.rollback()
        own.run("SELECT splitplane.allow_function('shout(text)')")
        assert outcome(session, SHOUT) == [["CITY OF BRAND-A"]]


@pytest.mark.parametrize("change", ["another policy", "a column of another type", "two columns that change names", "a column withdrawn", "a value of an enum renamed"])
def test_a_change_that_was_waited_for(own, change):
    """It is under way when the call begins, which finds the statement and waits for its table: then it looks again."""
    made, put_back, sql = CHANGES[change]
    with own.session() as session, own.connect(autocommit=False) as other:
        before = warm(session, sql)
        # Whatever it changes, it holds the tables.
        other.execute("LOCK TABLE stores, visits IN ACCESS EXCLUSIVE MODE")
        other.execute(made)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(asked(session, sql)))
        thread.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s"
        end = time.monotonic() + 20
        while own.run(waiting, session.pid)[0] == 0 and time.monotonic() < end:
            time.sleep(0.01)
        assert own.run(waiting, session.pid)[0] == 1 and not answers, "the control: it waits"
        other.commit()
        thread.join()
        try:
            [(got, known)] = answers
            assert not known
            assert got != before
            assert outcome(session, sql) == cold(own, sql)
        finally:
            own.run(put_back)


def test_a_transaction_that_has_changed_something_itself(own):
    with own.session(user=own.cluster.superuser, autocommit=False) as session:
        rows = warm(session, STORES)
        session.execute("ALTER TABLE days ADD own int")
        assert [asked(session, STORES) for _ in range(3)] == [(rows, False)] * 3, "nothing is found and nothing kept"
        session.execute("SELECT splitplane.protect('stores', '{\"tenant_id\": \"tenant\"}', columns => '{store_id,city,rank}')")
        session.execute("SAVEPOINT before")
        assert outcome(session, STORES)[0] == "42703"
        session.execute("ROLLBACK TO before")
        session.connection.rollback()
        assert warm(session, STORES) == rows
        session.connection.rollback()


def test_a_view_over_hidden_relations(own):
    protect = "SELECT splitplane.protect('cards', '{\"tenant_id\": \"tenant\"}', hidden => true)"
    own.run(protect)
    own.run("SELECT splitplane.define_view('numbers', 'SELECT left(number, 4) AS start FROM cards')")
    sql = "SELECT start FROM numbers"
    with own.session() as session:
        assert warm(session, sql) == [["4000"]] == warm(session, sql, "brand-b")
        own.run("ALTER POLICY \"!splitplane_scope\" ON cards USING (true)")
        got = asked(session, sql)
        assert got == (cold(own, sql), False) and got[0][0] == "55000"
        own.run(protect)
        assert outcome(session, sql) == [["4000"]]


def test_a_standby(own):
    """Changes are made elsewhere, and told by what is replayed."""
    with own.cluster.standby() as replica:
        there = Wire(replica, own.database, own.secret, own.key_id)
        with there.session() as session:
            before = warm(session, SHOUT)
            own.run("SELECT splitplane.disallow_function('shout(text)')")
            replica.catch_up()
            assert outcome(session, SHOUT)[0] == "42501"
            own.run("SELECT splitplane.allow_function('shout(text)')")
            replica.catch_up()
            assert outcome(session, SHOUT) == before
            rows = warm(session, STORES)
            own.run("ALTER TABLE stores RENAME city TO x; ALTER TABLE stores RENAME secret TO city; ALTER TABLE stores RENAME x TO secret")
            replica.catch_up()
            assert outcome(session, STORES) != rows
            own.run("ALTER TABLE stores RENAME city TO x; ALTER TABLE stores RENAME secret TO city; ALTER TABLE stores RENAME x TO secret")


def test_an_extension(server):
    plane = Wire.build(server, numbered("proved"), SCHEMA)
    plane.run(
        "CREATE EXTENSION citext; CREATE TABLE words (tenant_id text NOT NULL, word citext);"
        "INSERT INTO words VALUES ('brand-a', 'Ann'), ('brand-b', 'bob'); SELECT splitplane.allow_extension('citext');"
        "SELECT splitplane.protect('words', '{\"tenant_id\": \"tenant\"}')"
    )
    by_column = "SELECT a.word::text AS word FROM words AS a JOIN words AS b ON a.word = b.word"
    by_text = "SELECT word::text AS word FROM words WHERE word = 'ANN'"
    with plane.session() as session:
        assert warm(session, by_column) == [["Ann"]]
        assert [asked(session, by_text) for _ in range(3)] == [([["Ann"]], False)] * 3, "a text that an extension has read"
        for made, put_back in (
            ("SELECT splitplane.disallow_extension('citext')", "SELECT splitplane.allow_extension('citext')"),
            ("CREATE FUNCTION eq(citext, citext) RETURNS bool LANGUAGE sql AS 'SELECT true'; DROP OPERATOR FAMILY IF EXISTS nothing USING btree", "DROP FUNCTION eq(citext, citext)"),
        ):
            warm_again = [asked(session, by_column) for _ in range(3)]
            assert warm_again[-1] == ([["Ann"]], True)
            plane.run(made)
            assert asked(session, by_column) == (cold(plane, by_column), False)
            plane.run(put_back)


def test_temporary_tables_elsewhere_cost_no_more_than_the_proof(own):
    """Each tells of types, whichever: what was kept is proved anew, with the same rows."""
    with own.session() as session:
        rows = warm(session, STORES)
        own.run("CREATE TEMP TABLE t (a int)")
        assert asked(session, STORES) == (rows, False)
        assert [asked(session, STORES)] == [(rows, True)]


def test_many_sessions_while_the_plane_changes(own):
    """No call that begins after a change gets what was before it."""
    faults, seen, stop = [], [], threading.Event()
    state = {"columns": 3, "changes": 0, "under_way": False}
    lock = threading.Lock()
    wanted = {3: [["city of brand-a", "CANARY-brand-a-secret", "low"]], 2: "42703"}

    def asks():
        with own.session() as session:
            while not stop.is_set():
                with lock:
                    columns, changes, was_quiet = state["columns"], state["changes"], not state["under_way"]
                try:
                    got = session.ask(STORES, tenant="brand-a", **NORTH)["rows"]
                except psycopg.Error as error:
                    got = error.sqlstate
                with lock:
                    is_unchanged = was_quiet and state["changes"] == changes and not state["under_way"]
                if is_unchanged:
                    seen.append(columns)
                    if got != wanted[columns]:
                        faults.append((changes, columns, got))

    def kept():
        try:
            asks()
        except BaseException as error:
            faults.append(repr(error))

    mark = len(own.cluster.log_text())
    threads = [threading.Thread(target=kept) for _ in range(6)]
    for thread in threads:
        thread.start()
    for number in range(10):
        columns = "{store_id,city,rank}" if number % 2 == 0 else "{store_id,city,secret,rank,opened,label}"
        with lock:
            state["under_way"] = True
        own.run("SELECT splitplane.protect('stores', '{\"tenant_id\": \"tenant\"}', columns => %s)", columns)
        with lock:
            state.update(under_way=False, columns=2 if number % 2 == 0 else 3, changes=state["changes"] + 1)
        time.sleep(0.4)
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert {2, 3} == set(seen)
    assert len(re.findall(AGAIN, own.cluster.log_text()[mark:])) > 50, "the control: statements were used again"
