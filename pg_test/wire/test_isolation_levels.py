"""What two administrators do at once, at each isolation level: what must not be held by two is not.

Admitting and registering look first at what others have, under a lock. At REPEATABLE READ and SERIALIZABLE the rows that are seen are
those of before the lock, and SERIALIZABLE detects only what other SERIALIZABLE transactions do; so both are refused.
"""

import psycopg
import pytest

LEVELS = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]
PREPARED = """
    SELECT splitplane.admit('brand-a', claims => '{"stores": [], "projects": [1]}');
    SELECT splitplane.admit('brand-b', claims => '{"stores": [], "projects": [2]}');
    CREATE TABLE tasks (project_id int NOT NULL, title text NOT NULL);
    CREATE TABLE counted (tenant int NOT NULL, note text);
    INSERT INTO counted VALUES (2, 'two');
    SELECT splitplane.protect('counted', '{"tenant": "tenant"}');
    CREATE TABLE notes (note text);
    SELECT splitplane.define_view('lower', 'SELECT 1 AS one');
"""
# What each must not do after what another has committed, and how that is seen: what others did, the call, what must be false.
TOGETHER = """SELECT count(DISTINCT tenant) > 1 FROM splitplane.principals WHERE enabled AND claims -> 'projects' @> '[3]'"""
CASES = {
    "admit a value of an exclusive claim": (
        """SELECT splitplane.declare_claim('projects'); SELECT splitplane.admit('brand-b', claims => '{"stores": [], "projects": [3]}')""",
        """SELECT splitplane.admit('brand-a', claims => '{"stores": [], "projects": [3]}')""",
        TOGETHER,
    ),
    "declare a claim exclusive": (
        """SELECT splitplane.admit('brand-b', claims => '{"stores": [], "projects": [1]}')""",
        "SELECT splitplane.declare_claim('projects')",
        "SELECT exclusive FROM splitplane.claims WHERE claim = 'projects'",
    ),
    "protect by a claim": (
        "SELECT splitplane.declare_claim('projects', false)",
        """SELECT splitplane.protect('tasks', '{"project_id": "projects"}')""",
        "SELECT true FROM splitplane.relations WHERE relation = 'tasks'::regclass",
    ),
    "admit another spelling": (
        "SELECT splitplane.admit('2')",
        "SELECT splitplane.admit('02')",
        "SELECT count(*) > 1 FROM splitplane.principals WHERE tenant IN ('2', '02') AND enabled",
    ),
    "arm a tripwire": (
        "SELECT splitplane.admit('2')",
        "SELECT splitplane.arm_tripwire('counted', '2')",
        "SELECT true FROM splitplane.tripwires",
    ),
    "expel a tenant": (
        """SELECT splitplane.admit('brand-c', 'late', claims => '{"stores": []}')""",
        "SELECT splitplane.expel('brand-c')",
        "SELECT true FROM splitplane.principals WHERE tenant = 'brand-c' AND enabled",
    ),
    "define a view": (
        "SELECT splitplane.share('notes')",
        "SELECT splitplane.define_view('notes', 'SELECT 1 AS one')",
        "SELECT true FROM splitplane.views JOIN splitplane.relations USING (name)",
    ),
    "register a table": (
        "SELECT splitplane.define_view('notes', 'SELECT 1 AS one')",
        "SELECT splitplane.share('notes')",
        "SELECT true FROM splitplane.views JOIN splitplane.relations USING (name)",
    ),
    "take out a view": (
        "SELECT splitplane.define_view('upper', 'SELECT one FROM lower')",
        "SELECT splitplane.undefine_view('lower')",
        "SELECT count(*) = 1 FROM splitplane.views WHERE name IN ('lower', 'upper')",
    ),
}
# What ends a use of a schema or begins one, after what it needs: another has begun to use the schema, and must keep it.
SCHEMA = """
    CREATE SCHEMA depot;
    CREATE TABLE depot.one (tenant_id text NOT NULL);
    CREATE TABLE depot.two (tenant_id text NOT NULL);
    CREATE FUNCTION depot.three() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 3';
    CREATE EXTENSION citext SCHEMA depot;
"""
USES = {
    "unprotect": ("""SELECT splitplane.protect('depot.one', '{"tenant_id": "tenant"}')""", "SELECT splitplane.unprotect('depot.one')"),
    "allow_function": ("SELECT", "SELECT splitplane.allow_function('depot.three()')"),
    "disallow_function": ("SELECT splitplane.allow_function('depot.three()')", "SELECT splitplane.disallow_function('depot.three()')"),
    "allow_extension": ("SELECT", "SELECT splitplane.allow_extension('citext')"),
    "disallow_extension": ("SELECT splitplane.allow_extension('citext')", "SELECT splitplane.disallow_extension('citext')"),
}
# What is said at READ COMMITTED, where it is not 22023.
STATES = {"define a view": "42710", "register a table": "42710", "take out a view": "2BP01"}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", CASES)
def test_what_others_have_committed_counts(own_wire, case, level):
    others, call, held = CASES[case]
    own_wire.run(PREPARED)
    if case == "protect by a claim":
        own_wire.run("SELECT splitplane.declare_claim('projects')")
    with psycopg.connect(own_wire.cluster.dsn(own_wire.database)) as connection:
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        connection.execute("SELECT count(*) FROM splitplane.principals")
        own_wire.run(others)
        if level == "READ COMMITTED" and case == "expel a tenant":
            connection.execute(call)
        else:
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(call)
            assert caught.value.sqlstate == (STATES.get(case, "22023") if level == "READ COMMITTED" else "25001"), caught.value
            connection.rollback()
        connection.commit()
    if level == "READ COMMITTED" or case != "expel a tenant":
        assert own_wire.run(held) in (None, (False,)), "it is held by two"
    # The control: at this level it is possible, where nobody stands in the way.
    if level == "READ COMMITTED":
        own_wire.run("DELETE FROM splitplane.principals WHERE tenant IN ('brand-b', '2', 'brand-c')")
        own_wire.run("UPDATE splitplane.claims SET exclusive = true")
        own_wire.run("SELECT splitplane.admit('brand-c')")
        own_wire.run("INSERT INTO counted VALUES (7, 'reserved')")
        own_wire.run("SELECT splitplane.undefine_view(name) FROM splitplane.views WHERE name IN ('notes', 'upper')")
        own_wire.run("SELECT splitplane.unprotect(relation) FROM splitplane.relations WHERE name = 'notes'")
        own_wire.run(call.replace("'2'", "'7'"))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("function", USES)
def test_schema_that_others_use_is_kept(own_wire, function, level):
    needed, call = USES[function]
    usage = "SELECT has_schema_privilege('splitplane_reader', 'depot', 'USAGE')"
    own_wire.run(SCHEMA)
    assert own_wire.run(usage) == (False,), "the control: nothing uses it"
    own_wire.run(needed)
    with psycopg.connect(own_wire.cluster.dsn(own_wire.database)) as connection:
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        connection.execute("SELECT count(*) FROM splitplane.relations")
        own_wire.run("""SELECT splitplane.protect('depot.two', '{"tenant_id": "tenant"}')""")
        if level == "READ COMMITTED":
            connection.execute(call)
        else:
            with pytest.raises(psycopg.errors.lookup("25001"), match=f"splitplane.{function} can be called at isolation level READ COMMITTED only"):
                connection.execute(call)
            connection.rollback()
    assert own_wire.run(usage) == (True,)


def test_default_isolation_level_counts(own_wire):
    with psycopg.connect(own_wire.cluster.dsn(own_wire.database, options="-c default_transaction_isolation=serializable"), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.lookup("25001"), match="READ COMMITTED"):
            connection.execute("SELECT splitplane.admit('brand-z')")
        connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        connection.execute("SELECT splitplane.admit('brand-z')")
        connection.execute("COMMIT")
    assert own_wire.run("SELECT enabled FROM splitplane.principals WHERE tenant = 'brand-z'") == (True,)
