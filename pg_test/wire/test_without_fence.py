"""What the reader sees where the fences are gone: in a dump that was restored without the extension, or by an owner who may not use
its schema, and on a server that lost the line in shared_preload_libraries. Nothing, each time. DROP EXTENSION .. CASCADE is in
pg_test/regress/sql/without_extension.sql.
"""

import os
import re
import subprocess

import psycopg
import pytest
from splitplane_test.cluster import Cluster

from pg_test.wire.harness import COUNT_SALES, SALES, Wire

READER_SEES = "SELECT count(*) FROM sales"


@pytest.fixture(scope="module")
def fenced():
    with Cluster() as running:
        yield Wire.build(running, "fenced")


@pytest.fixture(scope="module")
def dump(fenced):
    command = [str(fenced.cluster.bindir / "pg_dump"), "--no-owner", "-d", fenced.cluster.dsn(dbname="fenced")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def seen(cluster, database: str, role: str) -> int:
    """How many rows of sales a role sees, of those that a superuser sees."""
    with psycopg.connect(cluster.dsn(dbname=database), autocommit=True) as admin:
        assert admin.execute(READER_SEES).fetchone() == (sum(SALES.values()),), "the control: the rows are there"
        admin.execute(f"SET ROLE {role}")
        return admin.execute(READER_SEES).fetchone()[0]


def policies(cluster, database: str) -> set[str]:
    with psycopg.connect(cluster.dsn(dbname=database), autocommit=True) as admin:
        return {name for (name,) in admin.execute("SELECT polname FROM pg_policy WHERE polrelid = 'sales'::regclass").fetchall()}


def restored(cluster, database: str, dump: str, user: str) -> None:
    """As psql restores by default: it goes on after each error, and ends with success."""
    cluster.psql(database, "\\set ON_ERROR_STOP off\n" + dump, user=user)


def assert_only_closed_keeps_the_reader_out(cluster, database: str) -> None:
    assert policies(cluster, database) == {"splitplane_closed", "splitplane_others"}
    assert seen(cluster, database, "splitplane_reader") == 0
    with psycopg.connect(cluster.dsn(dbname=database), autocommit=True) as admin:
        admin.execute("DROP POLICY splitplane_closed ON sales")
    assert seen(cluster, database, "splitplane_reader") == sum(SALES.values()), "the control: it is this policy that closes the table"


def test_dump_restored_without_the_extension(fenced, dump):
    cluster = fenced.cluster
    cluster.createdb("bare")
    without = re.sub(r"^(CREATE|COMMENT ON) EXTENSION .*?splitplane.*?;$", "", dump, flags=re.M)
    assert without != dump
    restored(cluster, "bare", without, "postgres")
    assert_only_closed_keeps_the_reader_out(cluster, "bare")


def test_dump_restored_by_an_owner_without_usage_of_our_schema(fenced, dump):
    cluster = fenced.cluster
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute("CREATE ROLE keeper LOGIN")
        admin.execute("CREATE DATABASE kept OWNER keeper")
    with psycopg.connect(cluster.dsn(dbname="kept"), autocommit=True) as admin:
        admin.execute("CREATE EXTENSION splitplane")
        assert admin.execute("SELECT has_schema_privilege('keeper', 'splitplane', 'USAGE')").fetchone() == (False,)
    restored(cluster, "kept", dump, "keeper")
    assert_only_closed_keeps_the_reader_out(cluster, "kept")


def test_server_that_lost_the_line_of_the_library(fenced):
    """The last: the server is another one afterwards."""
    with fenced.session() as session:
        assert session.value(COUNT_SALES) == SALES["brand-a"], "the control: before, it answers"
    with open(fenced.cluster.data_dir / "postgresql.conf", "a") as configuration:
        configuration.write("\nshared_preload_libraries = ''\n")
    fenced.cluster.restart()
    # The fence's function loads the library, finds none of its shared memory, and refuses.
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        seen(fenced.cluster, "fenced", "splitplane_reader")
    with fenced.session() as session:
        session.ask_refused("55000", COUNT_SALES)
    # Everybody else works as before.
    with psycopg.connect(fenced.cluster.dsn(dbname="fenced"), autocommit=True) as admin:
        admin.execute("CREATE ROLE reporter; GRANT SELECT ON sales TO reporter")
        admin.execute("ALTER EXTENSION plpgsql UPDATE")
    assert seen(fenced.cluster, "fenced", "reporter") == sum(SALES.values())
