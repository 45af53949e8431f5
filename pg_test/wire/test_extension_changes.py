"""An open session sees at once what changes about an allowed extension, from a state in which all was as it was read."""

import pytest
from splitplane_test.cluster import Cluster
from splitplane_test.plane import Plane

BEFORE = """CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext;
CREATE TABLE people (tenant_id text NOT NULL, name ext.citext, h ext.hstore, note text);
INSERT INTO people VALUES ('acme', 'Ann', 'a=>1', 'x'), ('acme', 'Bob', 'a=>1', 'y'), ('other', 'CANARY', 'b=>2', 'CANARY')"""
RAISES = "LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$ BEGIN RAISE 'ran over a value' USING ERRCODE = 'ZZ001'; END $$"
NAME = "SELECT name FROM people ORDER BY name LIMIT 1"
EQUAL = "SELECT count(*) FROM people WHERE name = 'ANN'"
JSON = "SELECT h FROM people ORDER BY note LIMIT 1"
EQ = "(ext.citext, ext.citext)"
NO_CAST = "ALTER EXTENSION hstore DROP CAST (ext.hstore AS jsonb); DROP CAST (ext.hstore AS jsonb);"

# What is asked, what another session does, how the open one refuses it then, and what puts it right.
CHANGES = {
    "a cast is another": (
        JSON,
        f"""{NO_CAST} CREATE FUNCTION public.evil(ext.hstore) RETURNS jsonb {RAISES};
            CREATE CAST (ext.hstore AS jsonb) WITH FUNCTION public.evil(ext.hstore)""",
        "42703",
        "DROP CAST (ext.hstore AS jsonb)",
    ),
    "a cast to JSON": (NAME, "CREATE CAST (ext.citext AS json) WITH INOUT", "42703", "DROP CAST (ext.citext AS json)"),
    "what prints": (
        NAME,
        "CREATE OR REPLACE FUNCTION ext.citextout(ext.citext) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'byteaout'",
        "42703",
        """CREATE OR REPLACE FUNCTION ext.citextout(ext.citext) RETURNS cstring
           LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'textout'""",
    ),
    "what compares": (
        NAME,
        f"CREATE OR REPLACE FUNCTION ext.citext_cmp{EQ} RETURNS int {RAISES}",
        "42703",
        f"""CREATE OR REPLACE FUNCTION ext.citext_cmp{EQ} RETURNS int
            LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/citext', 'citext_cmp'""",
    ),
    "an operator family": (
        NAME,
        "ALTER OPERATOR FAMILY ext.citext_ops USING hash ADD FUNCTION 1 (text, text) hashtext(text)",
        "42703",
        "ALTER OPERATOR FAMILY ext.citext_ops USING hash DROP FUNCTION 1 (text, text)",
    ),
    "an estimator": (
        EQUAL,
        f"""CREATE FUNCTION public.estimate(internal, oid, internal, int) RETURNS float8 STABLE STRICT LANGUAGE internal AS 'eqsel';
            ALTER OPERATOR ext.= {EQ} SET (RESTRICT = public.estimate)""",
        "42501",
        f"ALTER OPERATOR ext.= {EQ} SET (RESTRICT = eqsel)",
    ),
    "a member that is taken out": (
        EQUAL,
        f"ALTER EXTENSION citext DROP FUNCTION ext.citext_eq{EQ}",
        "42703",
        f"ALTER EXTENSION citext ADD FUNCTION ext.citext_eq{EQ}",
    ),
    "strictness": (
        EQUAL,
        f"ALTER FUNCTION ext.citext_eq{EQ} CALLED ON NULL INPUT",
        "42703",
        f"ALTER FUNCTION ext.citext_eq{EQ} STRICT",
    ),
}


@pytest.fixture(scope="module")
def plane():
    with Cluster() as cluster:
        plane = Plane.install(cluster, "changes", key_id="AKCHANGES", before=[BEFORE])
        plane.run("SELECT splitplane.allow_extension('citext'), splitplane.allow_extension('hstore')")
        plane.protect("people", {"tenant_id": "tenant"})
        plane.admit("acme")
        yield plane


@pytest.mark.parametrize("change", CHANGES)
def test_an_open_session_sees_it(plane, change):
    sql, done, state, undone = CHANGES[change]
    with plane.session() as session:
        before = session.value(sql, "acme")
        plane.run(done)
        try:
            session.ask_refused(state, sql, "acme")
        finally:
            plane.run(undone)
        # The cast that the extension made is not there again.
        if sql != JSON:
            assert session.value(sql, "acme") == before, "what is as it was read again is in the plane again"


def test_without_the_event_trigger_an_open_session_keeps_what_it_read(plane):
    """The control of the member that is taken out: nothing else tells of it. A session that begins later sees it."""
    sql, done, state, undone = CHANGES["a member that is taken out"]
    with plane.session() as session:
        before = session.value(sql, "acme")
        plane.run("ALTER EVENT TRIGGER splitplane_alter_extension DISABLE")
        plane.run(done)
        try:
            assert session.value(sql, "acme") == before
            with plane.session() as later:
                later.ask_refused(state, sql, "acme")
        finally:
            plane.run(undone)
            plane.run("ALTER EVENT TRIGGER splitplane_alter_extension ENABLE ALWAYS")
