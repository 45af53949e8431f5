"""The names of C functions: those of this interface are what the SQL names, and those of 0.1.0 are there and refuse or say nothing."""

import re
import subprocess

import planes
import psycopg
import pytest
from planes import ADVICE, BEFORE, ROOT, SQL
from splitplane_test.cluster import MAJOR, private_tree

(NUMBER,) = re.findall(
    r'interface_number \{\s*\(\) => \{\s*"(\d+)"', (ROOT / "src/pgx/functions/interface.rs").read_text(encoding="utf-8")
)
LIBRARY = private_tree() / f"usr/lib/postgresql/{MAJOR}/lib/splitplane.so"
C_FUNCTIONS = """
    SELECT p.proname, p.prosrc FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'splitplane') AND p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')"""
# Calls of 0.1.0's functions that answer, prove or sign.
REFUSED = (
    "SELECT public.ask('{}', sql => 'SELECT 1')",
    "SELECT public.ask_dry_run('{}', sql => 'SELECT 1')",
    "SELECT * FROM public.ask_rows('{}', sql => 'SELECT 1') AS t(a int)",
    f"SELECT splitplane.sign('{planes.KEY}', '1', payload => 'p')",
    "SELECT splitplane.validate(ARRAY['How many orders are there?'])",
    "SELECT splitplane.reopen()",
    "SELECT splitplane._prove('SELECT 1')",
    "SELECT splitplane._selftest_run('1', '', '', 'SELECT 1')",
    "SELECT splitplane.bounded('a'::text, 1)",
    "SELECT splitplane.counted('a'::text, 1)",
)


def exported() -> set[str]:
    """Functions that PostgreSQL finds in the library: those with a record of their version."""
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", str(LIBRARY)], capture_output=True, text=True, check=True
    ).stdout
    names = {line.split()[-1] for line in listed.splitlines()}
    return {name for name in names if f"pg_finfo_{name}" in names}


@pytest.mark.parametrize("which", ["fresh", "upgraded"])
def test_sql_names_the_symbols_of_this_interface(which, request):
    named = request.getfixturevalue(which).admin_rows(C_FUNCTIONS)
    assert len(named) > 30
    names = [name for name, _ in named]
    # Functions of one name for several types have an ending besides.
    ending = {name: r"(_\w+)?" if names.count(name) > 1 else "" for name in names}
    assert [pair for pair in named if not re.fullmatch(f"splitplane_{NUMBER}_{pair[0]}{ending[pair[0]]}", pair[1])] == []
    assert {symbol for symbol in exported() if re.match(r"splitplane_\d", symbol)} == {symbol for _, symbol in named}


def test_symbols_of_the_version_before_are_there():
    script = (SQL / f"splitplane--{BEFORE}.sql").read_text(encoding="utf-8")
    named = set(re.findall(r"AS 'MODULE_PATHNAME', '(\w+)'", script))
    assert len(named) == 19
    assert named - exported() == set()


def test_symbol_that_is_not_there_stops_a_script(fresh):
    """The control: what an update meets on a library that is too old."""
    with pytest.raises(psycopg.errors.UndefinedFunction, match="could not find function"):
        fresh.run(
            f"CREATE FUNCTION nothing() RETURNS int LANGUAGE c AS 'splitplane', 'splitplane_{int(NUMBER) + 1}_ask'"
        )


def test_functions_of_the_version_before_refuse(earlier):
    with earlier.admin() as admin:
        for call in REFUSED:
            with pytest.raises(psycopg.Error) as refusal:
                admin.execute(call)
            assert (refusal.value.sqlstate, refusal.value.diag.message_primary) == ("55000", ADVICE), call
        for call in (
            "claim('tenant')",
            "claim_list('stores')",
            "among('a'::text, '{a}'::text[])",
            "_normalise_question('A  b?')",
        ):
            assert admin.execute(f"SELECT splitplane.{call}").fetchone()[0] in (None, False, "a b"), call


def test_applications_do_not_notice_the_new_library(earlier):
    """Policies of 0.1.0 are on the application's tables; the roles that they are not for read and write as before."""
    with psycopg.connect(earlier.cluster.dsn(earlier.database, "clerk"), autocommit=True) as clerk:
        count = "SELECT count(*) FROM orders"
        assert clerk.execute(count).fetchone() == earlier.run(count) > (48,)
        clerk.execute("INSERT INTO orders (tenant_id, order_id) VALUES ('2', 1000)")
    assert earlier.run("DELETE FROM orders WHERE order_id = 1000 RETURNING order_id") == (1000,)
    # Whoever became the reader sees nothing: the control is that a superuser's session does.
    with earlier.admin() as admin:
        admin.execute("SET ROLE splitplane_reader")
        assert admin.execute("SELECT count(note) FROM orders").fetchone() == (0,)


def test_symbol_of_the_version_before_in_a_database_of_this_one(fresh):
    """Somebody's own function names it."""
    with fresh.admin() as admin:
        admin.execute("BEGIN")
        admin.execute(
            "CREATE FUNCTION asked(jsonb, text, text) RETURNS jsonb LANGUAGE c AS 'splitplane', 'ask_dry_run_wrapper'"
        )
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="an earlier version of splitplane"):
            admin.execute("SELECT asked('{}', NULL, 'SELECT 1')")
        admin.execute("ROLLBACK")
