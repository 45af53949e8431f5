"""Who may call and read what: the administrator's grants and revocations live through the update, and through a dump of it.

What an extension's script grants counts as the extension's own, and pg_dump leaves it out: a grant that the update puts back
must not look like one of those, or a database that is restored years later lacks it.
"""

import os
import re
import shutil
from collections.abc import Iterator

import planes
import psycopg
import pytest
from catalogue import differences, snapshot
from planes import NOTES, PRINCIPALS, ask, criticals, program, truth, update
from splitplane_test.cluster import Cluster
from splitplane_test.plane import Plane

# What each role may call after plane.sql's grants and revocations, and read. By the update sign gets an argument and is another
# function; the others are the same.
EXPECTED = {
    ("signer", "sign"): True,
    ("team_lead", "sign"): True,
    ("administrator", "sign"): False,
    ("auditor", "sign"): False,
    ("app", "sign"): False,
    ("auditor", "describe"): True,
    ("administrator", "describe"): True,
    ("administrator", "validate"): False,
    ("administrator", "admit"): True,
    ("auditor", "admit"): False,
}
TABLES_READ = {("auditor", "principals"): True, ("auditor", "relations"): False, ("administrator", "metrics"): False, ("administrator", "relations"): True}


def signature(plane, name: str) -> str:
    return plane.run("SELECT p.oid::regprocedure::text FROM pg_proc AS p WHERE p.pronamespace = 'splitplane'::regnamespace AND p.proname = %s", name)[0]


def held(plane) -> tuple[dict, dict]:
    """What each role may do, by function and by table."""
    functions = {
        (role, name): plane.run("SELECT has_function_privilege(%s, %s, 'EXECUTE')", role, signature(plane, name))[0] for role, name in EXPECTED
    }
    tables = {(role, name): plane.run("SELECT has_table_privilege(%s, %s, 'SELECT')", role, f"splitplane.{name}")[0] for role, name in TABLES_READ}
    return functions, tables


def test_grants_are_those_of_before(earlier):
    assert held(earlier) == (EXPECTED, TABLES_READ), "the control: plane.sql granted and revoked this"
    update(earlier)
    assert signature(earlier, "sign").count(",") == 5, "the control: it is another function"
    assert held(earlier) == (EXPECTED, TABLES_READ)
    assert earlier.run("SELECT has_function_privilege('team_lead', %s, 'EXECUTE WITH GRANT OPTION')", signature(earlier, "sign")) == (True,)
    assert earlier.run("SELECT has_function_privilege('signer', %s, 'EXECUTE WITH GRANT OPTION')", signature(earlier, "sign")) == (False,)
    assert earlier.run("SELECT has_column_privilege('auditor', 'splitplane.keys', 'key_id', 'SELECT')") == (True,)
    with psycopg.connect(earlier.cluster.dsn(earlier.database, "signer"), autocommit=True) as signer:
        assert "authorization" in signer.execute("SELECT splitplane.sign(%s, '1', payload => 'p')", (planes.KEY,)).fetchone()[0]


def test_initial_privileges_are_the_extensions_own(upgraded):
    """Otherwise a dump would leave out what the administrator granted, or take back what he did not."""
    role = "splitplane_admin=X/postgres"
    for name in ("sign", "describe", "validate"):
        initial, now = upgraded.run(
            "SELECT i.initprivs::text[], p.proacl::text[] FROM pg_proc AS p JOIN pg_init_privs AS i ON i.objoid = p.oid WHERE p.oid = %s::regprocedure",
            signature(upgraded, name),
        )
        assert sorted(initial) == ["postgres=X/postgres", role]
        assert sorted(initial) != sorted(now), "the control: the administrator changed it"


def test_public_may_not_sign_unless_it_might(earlier):
    update(earlier)
    assert earlier.run("SELECT has_function_privilege('clerk', %s, 'EXECUTE')", signature(earlier, "sign")) == (False,)


def test_grant_to_public_lives_on(earlier):
    earlier.run("GRANT EXECUTE ON FUNCTION splitplane.sign TO PUBLIC")
    update(earlier)
    assert earlier.run("SELECT has_function_privilege('clerk', %s, 'EXECUTE')", signature(earlier, "sign")) == (True,)


# A dump of the upgraded database, and what is made of it.


@pytest.fixture(scope="module")
def dump(upgraded) -> Iterator[str]:
    upgraded.run("SELECT splitplane.declare_claim('devices')")
    upgraded.run("SELECT splitplane.define_view('counted', 'SELECT count(*) AS n FROM orders', 'All of them')")
    upgraded.run("CREATE EXTENSION citext")
    upgraded.run("SELECT splitplane.allow_extension('citext')")
    yield program(upgraded.cluster, "pg_dump", "-d", upgraded.database)
    upgraded.run("SELECT splitplane.disallow_extension('citext')")
    upgraded.run("DROP EXTENSION citext")
    upgraded.run("DELETE FROM splitplane.claims")
    upgraded.run("SELECT splitplane.undefine_view('counted')")


@pytest.fixture(scope="module")
def restored(tree, upgraded, dump):
    """The database on a server that never saw it: roles first, then the key file, before a key is used, then the dump."""
    globals_ = program(upgraded.cluster, "pg_dumpall", "--globals-only")
    with Cluster(tree=tree) as cluster:
        # The superuser is there already.
        cluster.psql("postgres", "\n".join(line for line in globals_.splitlines() if line != "CREATE ROLE postgres;"))
        source = upgraded.cluster.data_dir / "splitplane.key"
        target = shutil.copy2(source, cluster.data_dir / "splitplane.key")
        os.chown(target, source.stat().st_uid, source.stat().st_gid)
        cluster.createdb("restored")
        cluster.psql("restored", dump)
        yield Plane(cluster, "restored", upgraded.secret, upgraded.key_id)


def test_dump_holds_the_administrators_grants_and_not_the_extensions(dump):
    grants = [line for line in dump.splitlines() if line.startswith(("GRANT", "REVOKE")) and " splitplane." in line]
    of_sign = sorted(line for line in grants if "splitplane.sign(" in line)
    assert [line.split(" ON ")[0] + line.split(")")[-1] for line in of_sign] == [
        "GRANT ALL TO signer;",
        "GRANT ALL TO team_lead WITH GRANT OPTION;",
        "REVOKE ALL FROM splitplane_admin;",
    ]
    assert not [line for line in grants if "splitplane.admit(" in line or "splitplane.in_scope(" in line], grants


def test_restored_database_has_the_grants(restored):
    assert held(restored) == (EXPECTED, TABLES_READ)


def test_restored_database_is_the_same(restored, upgraded):
    """Everything but the conversations, which are not dumped, and what the doctor says of a restored table."""
    with restored.admin() as one, upgraded.admin() as other:
        lost = {"conversation", "turn", "finding", ("registration", "is unchanged")}
        found = differences(snapshot(other), snapshot(one), "upgraded database", "restored one", lost)
    # What an owner holds in any case is not dumped.
    owners = re.compile(r"""acl: '\["postgres=arwdDxtm?/postgres"\]' in the upgraded database, 'null' in the restored one$""")
    assert [line for line in found if not owners.search(line)] == []
    told = restored.admin_rows("SELECT severity, object FROM splitplane.doctor() WHERE finding LIKE '%%restored from a dump%%'")
    assert len(told) == len(planes.TABLES | planes.SHARED) and {severity for severity, _ in told} == {"info"}


def test_restored_views_can_be_read(restored):
    assert restored.admin_rows("SELECT v.name, v.columns, splitplane._view_problem(v.name) FROM splitplane.views AS v") == [
        ("counted", [{"name": "n", "type": "bigint", "modifier": -1}], None)
    ]
    assert "view counted -- All of them" in restored.admin_rows("SELECT splitplane.describe()")[0][0]


def test_restored_extensions_are_allowed(restored, upgraded):
    with restored.admin() as one, upgraded.admin() as other:
        allowed = [{key: value for key, value in snapshot(admin).items() if key[0] == "allowed extension"} for admin in (one, other)]
    assert allowed[0] == allowed[1] and ("allowed extension", "citext", "is allowed") in allowed[0]
    with restored.session() as session:
        assert session.value("SELECT count(*) FROM orders WHERE 'a'::citext = 'A'", "1", business="b", subject="s") is not None


def test_restored_claims_are_exclusive(restored):
    assert restored.admin_rows("SELECT claim, exclusive FROM splitplane.claims") == [("devices", True)]
    value = '{"devices": "{00000000-0000-4000-8000-00000000000%d}"}'
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="exclusive claim"):
        restored.run("SELECT splitplane.admit('3', claims => %s)", value % 1)
    restored.run("SELECT splitplane.admit('9', claims => %s)", value % 9)
    restored.run("DELETE FROM splitplane.principals WHERE tenant = '9'")


def test_restored_plane_answers_the_applications_role(restored):
    assert criticals(restored) == []
    planes.assert_isolated(restored)
    with psycopg.connect(restored.cluster.dsn("restored", "signer"), autocommit=True) as signer:
        assert "authorization" in signer.execute("SELECT splitplane.sign(%s, '1', payload => 'p')", (planes.KEY,)).fetchone()[0]


def test_dump_alone_can_sign_and_verify_nothing(dump, upgraded, fresh):
    """The control: it is the key file that made the keys of the restored database work. This server has one of its own."""
    cluster = fresh.cluster
    cluster.createdb("keyless")
    cluster.psql("keyless", dump)
    keyless = Plane(cluster, "keyless", upgraded.secret, upgraded.key_id)
    sql = NOTES.format("orders")
    with keyless.session() as session:
        session.ask_refused("28000", sql, "1", business="b", subject="s")
    assert "the sealed secret does not open" in cluster.log_text()
    # A key that is made there works: it was the key, and not the plane.
    secret = keyless.run("SELECT splitplane.create_key('AKHERE')")[0]
    with Plane(cluster, "keyless", secret, "AKHERE").session() as session, keyless.admin() as admin:
        assert ask(session, PRINCIPALS[0], sql) == truth(admin, PRINCIPALS[0], "orders")


def test_dump_of_the_version_before_is_closed_until_it_is_mended(earlier, restored):
    """CREATE EXTENSION in a dump names no version: the policies of the one before do not fit, some are not even made. Then ask
    refuses, and what the doctor says mends it. Whoever updates before he dumps is spared this."""
    cluster = restored.cluster
    cluster.createdb("of_before")
    program(cluster, "psql", "-Xq", "-d", "of_before", text=program(earlier.cluster, "pg_dump", "-d", earlier.database))
    plane = Plane(cluster, "of_before", earlier.secret, earlier.key_id)
    assert planes.version(plane) == planes.NOW
    with plane.session() as session:
        for name in planes.TABLES:
            session.ask_refused("55000", NOTES.format(name), "1", business="2026-11-01", subject="s")
    fixes = plane.admin_rows("SELECT DISTINCT fix FROM splitplane.doctor() WHERE severity = 'critical'")
    assert len(fixes) == len(planes.TABLES)
    for (fix,) in fixes:
        plane.run(fix)
    assert criticals(plane) == []
    planes.assert_isolated(plane)
    assert plane.admin_rows("SELECT polname FROM pg_policy WHERE polname = 'splitplane_scope'") == []
