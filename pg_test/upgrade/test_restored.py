"""Names that were changed before a dump, and what a restored plane takes for its columns.

A restore gives other column numbers, so that columns go by their names again. What else the dump holds says that a name is another
column's: the policy of the scope, which is written with the names of that day, and the columns that the reader may read.
"""

import planes
import psycopg
import pytest
from planes import NOTES, PRINCIPALS, TABLES, ask, criticals, program
from splitplane_test.plane import Plane

EXCHANGE = "ALTER TABLE {0} RENAME {1} TO x; ALTER TABLE {0} RENAME {2} TO {1}; ALTER TABLE {0} RENAME x TO {2}"
FIXES = "SELECT DISTINCT fix FROM splitplane.doctor() WHERE object = %s AND severity = 'critical'"


@pytest.fixture
def own(fresh):
    """A plane of this version of the test's own."""
    plane = planes.copied(fresh)
    yield plane
    plane.cluster.psql("postgres", f"DROP DATABASE {plane.database} WITH (FORCE)")


@pytest.fixture
def restore(own):
    """Restores it into another database of the server, where the roles and the key file are."""
    made = []

    def restored(*options: str) -> Plane:
        database = planes.new_database()
        own.cluster.createdb(database)
        own.cluster.psql(database, program(own.cluster, "pg_dump", "-d", own.database, *options))
        made.append(database)
        return Plane(own.cluster, database, own.secret, own.key_id)

    yield restored
    for database in made:
        own.cluster.psql("postgres", f"DROP DATABASE {database} WITH (FORCE)")


def test_scope_columns_that_exchanged_names(own, restore, monkeypatch):
    own.run("SELECT splitplane.admit('1', claims => '{\"stores\": [1, 2], \"teams\": [\"red\", \"blue\", \"2\"], \"devices\": []}')")
    own.run("INSERT INTO tickets (tenant, team, note) VALUES ('2', '1', 'CANARY')")
    own.run(EXCHANGE.format("tickets", "tenant", "team"))
    assert own.run(FIXES, "public.tickets")[0].startswith("SELECT splitplane.protect('public.tickets', '{\"team\": \"tenant\", \"tenant\": \"teams\"}'"), (
        "the control: before the dump the numbers tell"
    )
    restored = restore()
    assert {row[0] for row in criticals(restored)} == {"public.tickets"}
    assert [fix[:2] for (fix,) in restored.admin_rows(FIXES, "public.tickets")] == ["--"]
    sql = NOTES.format("tickets")
    with restored.session() as session:
        session.ask_refused("55000", sql, "1", business="b", subject="s")
        # The control: what the names of the registration would have shown.
        restored.run("SELECT splitplane.protect('tickets', %s)", '{"tenant": "tenant", "team": "teams"}')
        assert ask(session, PRINCIPALS[0], sql) == [[1, "CANARY"]]
        restored.run("SELECT splitplane.protect('tickets', %s)", '{"team": "tenant", "tenant": "teams"}')
    assert criticals(restored) == []
    monkeypatch.setitem(TABLES, "tickets", ("tickets", "(team, tenant) IN (('1', 'red'), ('1', 'blue'), ('2', 'blue')) AND team = %(tenant)s"))
    planes.assert_isolated(restored, ("tickets",))


def test_scope_columns_that_exchanged_names_in_a_dump_of_the_version_before(earlier):
    """It is restored without an update, so that the policy of that version is all that says which column is which."""
    earlier.run("CREATE TABLE desks (tenant text NOT NULL, desk text NOT NULL, note text)")
    earlier.run("INSERT INTO desks VALUES ('1', '2', 'own'), ('2', '1', 'CANARY')")
    earlier.run("""SELECT splitplane.protect('desks', '{"tenant": "tenant", "desk": "business"}')""")
    earlier.run(EXCHANGE.format("desks", "tenant", "desk"))
    database = planes.new_database()
    earlier.cluster.createdb(database)
    # Some policies of the version before cannot be made here, as test_grants.py has it.
    program(earlier.cluster, "psql", "-Xq", "-d", database, text=program(earlier.cluster, "pg_dump", "-d", earlier.database))
    restored = Plane(earlier.cluster, database, earlier.secret, earlier.key_id)
    assert planes.version(restored) == planes.NOW
    fixes = dict(restored.admin_rows("SELECT object, min(fix) FROM splitplane.doctor() WHERE severity = 'critical' GROUP BY object"))
    assert fixes.pop("public.desks").startswith("--")
    assert not any(fix.startswith("--") for fix in fixes.values()), "the control: where nothing was exchanged there is a statement"
    for fix in fixes.values():
        restored.run(fix)
    desks = planes.Principal("1", "2", "s")
    with restored.session() as session:
        session.ask_refused("55000", NOTES.format("desks"), "1", business="2", subject="s")
        # The control: what the names of the registration would have shown.
        restored.run("SELECT splitplane.protect('desks', %s)", '{"tenant": "tenant", "desk": "business"}')
        assert ask(session, desks, NOTES.format("desks")) == [[1, "CANARY"]]
        restored.run("SELECT splitplane.protect('desks', %s)", '{"desk": "tenant", "tenant": "business"}')
        assert ask(session, desks, NOTES.format("desks")) == [[1, "own"]]
    assert criticals(restored) == []
    restored.cluster.psql("postgres", f"DROP DATABASE {database} WITH (FORCE)")


PROTECT = "SELECT DISTINCT fix FROM splitplane.doctor() WHERE object = 'public.orders' AND fix LIKE '%%protect%%'"
SECRET = "SELECT min(note) FROM orders"
REGISTERED = """SELECT splitplane.protect('public.orders', '{"tenant_id": "tenant"}', ARRAY['order_id', 'note', 'customer_email'])"""


def test_hidden_column_that_exchanged_names_with_one_of_the_plane(own, restore):
    own.run(EXCHANGE.format("orders", "note", "secret"))
    assert "'{order_id,secret,customer_email}'" in own.run(PROTECT)[0], "the control: before the dump the numbers tell"
    restored = restore()
    assert {row[0] for row in criticals(restored)} == {"public.orders"}
    fixes = restored.admin_rows(PROTECT)
    assert [fix[:2] for (fix,) in fixes] == ["--"], fixes
    with restored.session() as session, restored.admin() as admin:
        session.ask_refused("55000", SECRET, "1", business="b", subject="s")
        admin.execute("SET ROLE splitplane_reader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            admin.execute(SECRET)
        admin.execute("RESET ROLE")
        # The control: what the names of the registration would have shown.
        admin.execute(REGISTERED)
        assert ask(session, PRINCIPALS[0], SECRET) == [["secret of row 1 of tenant 1"]]
        admin.execute(REGISTERED.replace("'note'", "'secret'"))
        session.ask_refused("42703", SECRET, "1", business="b", subject="s")
    assert criticals(restored) == []


def test_hidden_column_that_took_the_name_of_one_that_was_dropped(own, restore):
    """Nothing is open: the reader may not read the column. Nor is it one of the plane, and no statement makes it one."""
    own.run("ALTER TABLE orders DROP note; ALTER TABLE orders RENAME secret TO note")
    restored = restore()
    assert criticals(restored) == []
    table = restored.run("SELECT splitplane.describe()")[0].split("table orders")[1].split("table ")[0]
    assert "order_id" in table and "note" not in table
    with restored.session() as session:
        session.ask_refused("42703", SECRET, "1", business="b", subject="s")
        assert ask(session, PRINCIPALS[0], "SELECT min(order_id) FROM orders") == [[1]]
    assert [fix[:2] for (fix,) in restored.admin_rows(PROTECT)] == ["--"]
    assert restored.run("SELECT count(*) FROM splitplane.doctor() WHERE object = 'public.orders' AND finding LIKE '%%may not read note%%'") == (1,)


def test_dump_without_privileges_is_mended_by_name(own, restore):
    """The control of the two above: where the reader may read nothing, that says nothing of names."""
    restored = restore("--no-privileges")
    fixes = [fix for (fix,) in restored.admin_rows("SELECT DISTINCT fix FROM splitplane.doctor() WHERE fix ~ '^SELECT splitplane.(protect|share)'")]
    assert len(fixes) == len(TABLES | planes.SHARED) and not any(fix.startswith("--") for fix in fixes), fixes
    for fix in fixes:
        restored.run(fix)
    assert criticals(restored) == []
    planes.assert_isolated(restored)


CHILDREN = """
CREATE TABLE bills (bill_id int PRIMARY KEY, tenant text NOT NULL, note text);
CREATE TABLE bill_lines (line_id int PRIMARY KEY, bill int NOT NULL REFERENCES bills, gift int NOT NULL REFERENCES bills, note text);
CREATE TABLE bill_marks (line bigint NOT NULL REFERENCES bill_lines, note text);
INSERT INTO bills VALUES (1, '1', 'own'), (2, '2', 'CANARY');
INSERT INTO bill_lines VALUES (10, 1, 2, 'own line'), (20, 2, 1, 'CANARY line');
INSERT INTO bill_marks VALUES (10, 'own mark'), (20, 'CANARY mark');
SELECT splitplane.protect('bills', '{"tenant": "tenant"}', ARRAY['note']);
SELECT splitplane.protect_through('bill_lines', 'bills', ARRAY['note'], key => 'bill_lines_bill_fkey');
SELECT splitplane.protect_through('bill_marks', 'bill_lines', ARRAY['note']);
"""
ASKED = {"bill_lines": [[1, "own line"]], "bill_marks": [[1, "own mark"]]}


def test_rows_of_parents(own, restore):
    """In a restored database as before, once what a dump without privileges lacks is granted."""
    own.run(CHILDREN)
    for plane in (own, restore(), restore("--no-owner", "--no-privileges")):
        mended = [row[0] for row in plane.admin_rows("SELECT DISTINCT fix FROM splitplane.doctor() WHERE object LIKE 'public.bill%' AND severity <> 'info' AND fix LIKE 'SELECT%'")]
        for fix in mended:
            plane.run(fix)
        assert criticals(plane) == []
        with plane.session() as session:
            for table, rows in ASKED.items():
                assert ask(session, PRINCIPALS[0], NOTES.format(table)) == rows, table
    # The control: by the other key the row is another tenant's.
    own.run("SELECT splitplane.unprotect('bill_marks'), splitplane.unprotect('bill_lines')")
    own.run("SELECT splitplane.protect_through('bill_lines', 'bills', ARRAY['note'], key => 'bill_lines_gift_fkey')")
    with own.session() as session:
        assert ask(session, PRINCIPALS[0], NOTES.format("bill_lines")) == [[1, "CANARY line"]]


def test_key_columns_that_exchanged_names(own, restore):
    """The foreign key joins the columns that it joined, by other names. Before the dump the numbers tell; after it nothing does."""
    own.run(CHILDREN)
    own.run(EXCHANGE.format("bill_lines", "bill", "gift"))
    fix = own.run(FIXES, "public.bill_lines")[0]
    assert fix.startswith("SELECT splitplane.protect_through('public.bill_lines'"), "the control: before the dump the numbers tell"
    restored = restore()
    assert "public.bill_lines" in {row[0] for row in criticals(restored)}
    with restored.session() as session:
        session.ask_refused("55000", NOTES.format("bill_lines"), "1", business="b", subject="s")
    own.run(fix)
    with own.session() as session:
        assert ask(session, PRINCIPALS[0], NOTES.format("bill_lines")) == ASKED["bill_lines"]


def test_rows_of_parents_after_an_upgrade(upgraded):
    """An installation that was upgraded takes them as a new one does."""
    plane = planes.copied(upgraded)
    plane.run(CHILDREN)
    assert not {row[0] for row in criticals(plane)} & {"public.bills", "public.bill_lines", "public.bill_marks"}
    with plane.session() as session:
        for table, rows in ASKED.items():
            assert ask(session, PRINCIPALS[0], NOTES.format(table)) == rows, table
    plane.cluster.psql("postgres", f"DROP DATABASE {plane.database} WITH (FORCE)")
