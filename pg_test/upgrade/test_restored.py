"""Names that were changed before a dump, and what a restored plane takes for its columns.

A restore gives other column numbers, so that columns go by their names again. What else the dump holds says that a name is another
column's: the policy of the scope, which is written with the names of that day, and the columns that the reader may read.
"""

import planes
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

    def restored() -> Plane:
        database = planes.new_database()
        own.cluster.createdb(database)
        own.cluster.psql(database, program(own.cluster, "pg_dump", "-d", own.database))
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
