"""The token by which a call's claims reach the servers of a cluster, and the fences that these add by themselves.

Neither needs Citus: a server with a cluster key that is asked as Citus would ask it. One without such a key knows no token.
"""

import base64
import hashlib
import hmac
import os
import struct
import time
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest
from splitplane_test.cluster import Cluster

from pg_test.wire.harness import COUNT_SALES, SALES, WANTS_WORKERS, Wire

KEYS = {"one": "11" * 32, "two": "22" * 32, "three": "33" * 32}
READER = "splitplane_reader"
OF_CITUS = "citus_internal gpid=10000000001"
SEEN = "SELECT count(*) FROM public.sales"
FENCE = "splitplane.in_scope(tenant_id, 'tenant')"
MADE = f"CREATE POLICY splitplane_read ON shard FOR SELECT TO {READER} USING ({FENCE})"
BACK = f"ALTER POLICY splitplane_read ON shard USING ({FENCE})"
# What the policies hide: rows of all brands.
ALL = sum(SALES.values())


def token(database, tenant="brand-a", key="one", seconds=30, cluster="shop", memory=100_000, secret=None):
    expires = int((time.time() + seconds) * 1_000_000)
    claims = f'{{"memory":{memory},"temporary_files":1000,"claims":{{"tenant":"{tenant}"}}}}'.encode()
    fields = [
        b"splitplane cluster token",
        b"2",
        cluster.encode(),
        key.encode(),
        database.encode(),
        struct.pack(">q", expires),
        claims,
    ]
    text = b"".join(struct.pack(">Q", len(field)) + field for field in fields)
    mac = hmac.digest(bytes.fromhex(secret or KEYS[key]), text, hashlib.sha256)
    letters = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (claims, mac)]
    return f"2.{key}.{expires}.{letters[0]}.{letters[1]}"


def give_keys(cluster, text):
    file = cluster.data_dir / "splitplane_cluster.key"
    file.touch(mode=0o600)
    owner = cluster.data_dir.stat()
    os.chown(file, owner.st_uid, owner.st_gid)
    file.write_text(text)
    cluster.psql("postgres", "SELECT pg_reload_conf()")


def as_reader(wire, value="", name=OF_CITUS, **more):
    """A session of the reader with that token."""
    session = wire.cluster.connect(wire.database, READER, application_name=name, **more)
    if value:
        session.execute(f"SET splitplane.token = '{value}'")
    return session


def seen(wire, value="", table="sales", **more):
    with as_reader(wire, value, **more) as session:
        return session.execute(f"SELECT count(*) FROM public.{table}").fetchone()[0]


@pytest.fixture(scope="module")
def node():
    """A node: a server with a cluster key, whose reader may log in."""
    with Cluster({**WANTS_WORKERS, "shared_buffers": "1MB"}) as cluster:
        give_keys(cluster, f"cluster shop\nkey one {KEYS['one']}\nkey two {KEYS['two']}\n")
        wire = Wire.build(cluster, "node")
        cluster.psql(wire.database, f"ALTER ROLE {READER} LOGIN")
        yield wire


@pytest.fixture(scope="module")
def home():
    """The same without a key."""
    with Cluster({"shared_buffers": "1MB"}) as cluster:
        wire = Wire.build(cluster, "node")
        cluster.psql(wire.database, f"ALTER ROLE {READER} LOGIN")
        yield wire


@contextmanager
def altered(wire, change, back):
    wire.cluster.psql(wire.database, change)
    try:
        yield
    finally:
        wire.cluster.psql(wire.database, back)


def test_a_genuine_token_shows_the_rows_of_its_tenant(node):
    for tenant, rows in SALES.items():
        assert seen(node, token(node.database, tenant)) == rows
    assert seen(node, token(node.database, key="two")) == SALES["brand-a"], "both keys are valid"
    assert seen(node) == 0
    with as_reader(node) as session:
        for tenant, rows in SALES.items():
            session.execute(f"SET splitplane.token = '{token(node.database, tenant)}'")
            assert session.execute(SEEN).fetchone() == (rows,)
        session.execute("RESET splitplane.token")
        assert session.execute(SEEN).fetchone() == (0,)


def test_no_other_token_shows_a_row(node):
    ours = token(node.database)
    wrong = [
        token("other"),
        token(node.database, cluster="shops"),
        token(node.database, seconds=-1),
        token(node.database, seconds=4_000),
        token(node.database, key="three"),
        token(node.database, secret=KEYS["two"]),
        ours.replace("2.one", "2.two"),
        ours[:-1],
        ours + "A",
        ours.replace("2.one", "1.one"),
        "made up",
        "a" * 70_000,
    ]
    assert [seen(node, text) for text in wrong] == [0] * len(wrong)
    assert seen(node, ours) == SALES["brand-a"], "the control"


def test_a_token_ends_when_its_time_has_come(node):
    with as_reader(node, token(node.database, seconds=3)) as session:
        session.autocommit = False
        assert session.execute(SEEN).fetchone() == (SALES["brand-a"],)
        time.sleep(3.2)
        assert session.execute(SEEN).fetchone() == (0,), "also within the transaction"


def test_a_token_ends_with_the_savepoint_that_it_was_set_in(node):
    """As Citus sets it: the coordinator releases the savepoint at the end of a call, and sends nothing else."""
    with as_reader(node, autocommit=False) as session:
        count = lambda: session.execute(SEEN).fetchone()[0]  # noqa: E731
        for tenant in ("brand-a", "brand-b"):
            session.execute("SAVEPOINT of_the_call")
            session.execute(f"SET LOCAL splitplane.token = '{token(node.database, tenant)}'")
            assert count() == SALES[tenant], "the control"
            # What a statement of the call opens and ends in it.
            session.execute("SAVEPOINT within")
            session.execute("RELEASE SAVEPOINT within")
            assert count() == SALES[tenant]
            session.execute("SAVEPOINT within")
            session.execute("ROLLBACK TO SAVEPOINT within")
            assert count() == SALES[tenant]
            session.execute("RELEASE SAVEPOINT of_the_call")
            assert count() == 0
        # A call that fails is rolled back: no token of one before it comes back.
        session.execute("SAVEPOINT of_the_call")
        session.execute(f"SET LOCAL splitplane.token = '{token(node.database, 'brand-a')}'")
        assert count() == SALES["brand-a"]
        session.execute("ROLLBACK TO SAVEPOINT of_the_call")
        assert count() == 0
        session.execute("RELEASE SAVEPOINT of_the_call")
        assert count() == 0
        session.rollback()


def test_only_sessions_that_the_reader_opened_by_the_name_of_citus(node):
    text = token(node.database)
    assert seen(node, text) == SALES["brand-a"], "the control"
    assert seen(node, text, name="psql") == 0
    assert seen(node, text, name="citus_run_command gpid=1") == 0
    with node.cluster.connect(node.database, application_name=OF_CITUS) as session:
        session.execute(f"SET splitplane.token = '{text}'")
        assert session.execute("SELECT splitplane.claim('tenant')").fetchone() == (None,)
        session.execute(f"SET ROLE {READER}")
        assert session.execute(SEEN).fetchone() == (0,)


def test_a_call_holds_its_own_claims_whatever_the_token_says(node):
    other = token(node.database, "brand-b")
    with node.session(application_name=OF_CITUS) as session:
        session.execute(f"SET splitplane.token = '{other}'")
        assert session.value(COUNT_SALES) == SALES["brand-a"]
    with node.session(application_name=OF_CITUS, options=f"-c splitplane.token={other}") as session:
        assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_parallel_workers_of_a_node_find_the_token(node):
    node.cluster.psql(node.database, "ALTER TABLE sales SET (parallel_workers = 2)")
    with as_reader(node, token(node.database)) as session:
        assert "Gather" in str(session.execute(f"EXPLAIN {SEEN}").fetchall())
        session.execute(
            "SET debug_parallel_query = on" if session.info.server_version >= 160000 else "SET force_parallel_mode = on"
        )
        assert session.execute(SEEN).fetchone() == (SALES["brand-a"],)
        session.execute("SET parallel_leader_participation = off")
        assert session.execute(SEEN).fetchone() == (SALES["brand-a"],)


def test_the_fence_holds_whatever_other_policies_say(node):
    """As on a shard: what was restrictive is permissive there, and another policy opens the table."""
    text = token(node.database)
    open_door = ("CREATE POLICY open_door ON shard USING (true)", "DROP POLICY open_door ON shard")
    node.cluster.psql(
        node.database,
        "CREATE TABLE shard (LIKE sales); INSERT INTO shard SELECT * FROM sales; ALTER TABLE shard ENABLE ROW LEVEL SECURITY",
    )
    node.cluster.psql(node.database, f"GRANT SELECT ON shard TO {READER}; {MADE}")
    shown = partial(seen, node, table="shard")
    with altered(node, *open_door):
        assert shown(text) == SALES["brand-a"]
        assert shown() == 0
        with node.cluster.connect(node.database) as session:
            session.execute(f"SET ROLE {READER}")
            assert session.execute("SELECT count(*) FROM public.shard").fetchone() == (0,), "the current user counts"
        for condition in ("true", "splitplane.in_scope(1, 'tenant') OR true", "splitplane.claim('tenant') IS NOT NULL"):
            with altered(node, f"ALTER POLICY splitplane_read ON shard USING ({condition})", BACK):
                assert shown(text) == 0, condition
        with altered(node, "DROP POLICY splitplane_read ON shard", MADE):
            assert shown(text) == 0
        with without_key(node):
            assert shown() == ALL, "the control: without the fence of the node every row is seen"


@contextmanager
def without_key(wire):
    file = wire.cluster.data_dir / "splitplane_cluster.key"
    file.rename(file.with_suffix(".away"))
    wire.cluster.psql("postgres", "SELECT pg_reload_conf()")
    time.sleep(0.5)
    try:
        yield
    finally:
        file.with_suffix(".away").rename(file)
        wire.cluster.psql("postgres", "SELECT pg_reload_conf()")
        time.sleep(0.5)


def test_what_has_no_row_level_security_is_refused(node):
    node.cluster.psql(node.database, f"CREATE TABLE bare AS SELECT 1 AS one; GRANT SELECT ON bare TO {READER}")
    with as_reader(node, token(node.database)) as session, pytest.raises(psycopg.Error) as error:
        session.execute("SELECT * FROM public.bare")
    assert error.value.sqlstate == "55000" and "no row-level security" in str(error.value)
    with as_reader(node, token(node.database)) as session:
        assert session.execute("SELECT count(*) > 0 FROM pg_catalog.pg_class").fetchone() == (True,)
    node.cluster.psql(
        node.database, "ALTER TABLE bare ENABLE ROW LEVEL SECURITY; CREATE POLICY open_door ON bare USING (true)"
    )
    with as_reader(node, token(node.database)) as session:
        assert session.execute("SELECT count(*) FROM public.bare").fetchone() == (0,)
    with altered(node, f"ALTER ROLE {READER} BYPASSRLS", f"ALTER ROLE {READER} NOBYPASSRLS"):
        with as_reader(node, token(node.database)) as session, pytest.raises(psycopg.Error) as error:
            session.execute("SELECT * FROM public.bare")
        assert error.value.sqlstate == "55000"
    with without_key(node), as_reader(node) as session:
        assert session.execute("SELECT count(*) FROM public.bare").fetchone() == (1,), "the control"


def test_no_index_computes_an_order_over_rows_that_the_fence_hides(node):
    node.cluster.psql(node.database, f"CREATE TABLE places (tenant_id text, at point); CREATE INDEX ON places USING gist (at); GRANT SELECT ON places TO {READER}")
    node.cluster.psql(node.database, f"ALTER TABLE places ENABLE ROW LEVEL SECURITY; {MADE.replace('ON shard', 'ON places')}")
    query = "SELECT at FROM public.places ORDER BY at OPERATOR(pg_catalog.<->) '(0,0)' LIMIT 1"
    # As a call has it: compiling would need more memory than it may have.
    unlike = "SET enable_seqscan = off; SET max_parallel_workers_per_gather = 0; SET jit = off"
    with as_reader(node, token(node.database)) as session:
        session.execute(unlike)
        assert "Order By" not in str(session.execute(f"EXPLAIN {query}").fetchall()), "with claims it is not planned"
        assert session.execute(query).fetchall() == []
    with as_reader(node) as session, pytest.raises(psycopg.errors.FeatureNotSupported):
        session.execute(unlike)
        session.execute(query)
    with without_key(node), as_reader(node) as session:
        session.execute(unlike)
        assert "Order By" in str(session.execute(f"EXPLAIN {query}").fetchall()), "the control"


def test_limits_of_the_call_hold_and_end(node):
    with as_reader(node) as session:
        session.autocommit = False
        session.execute(f"SET LOCAL splitplane.token = '{token(node.database, memory=20_000)}'")
        assert session.execute(SEEN).fetchone() == (SALES["brand-a"],)
        assert session.execute("SHOW temp_file_limit").fetchone() == ("1000kB",)
        with pytest.raises(psycopg.Error) as error:
            session.execute(
                f"SELECT length(string_agg(repeat('x', 1000000), '')), ({SEEN}) FROM pg_catalog.generate_series(1, 200)"
            )
        assert error.value.sqlstate == "53200"
        session.rollback()
        assert session.execute("SHOW temp_file_limit").fetchone() != ("1000kB",)
        assert session.execute(
            "SELECT length(string_agg(repeat('x', 1000000), '')) FROM pg_catalog.generate_series(1, 200)"
        ).fetchone() == (200_000_000,)


def test_at_home_the_setting_is_without_effect(home):
    text = token(home.database)
    assert seen(home, text) == 0
    assert seen(home, text, options=f"-c splitplane.token={text}") == 0
    with altered(
        home, f"ALTER ROLE {READER} SET splitplane.token = '{text}'", f"ALTER ROLE {READER} RESET splitplane.token"
    ):
        assert seen(home) == 0
    with home.cluster.connect(home.database, application_name=OF_CITUS) as session:
        session.execute(f"SET splitplane.token = '{text}'")
        assert session.execute("SELECT splitplane.claim('tenant'), splitplane.claim_list('stores')").fetchone() == (
            None,
            None,
        )
    for more in ({}, {"options": f"-c splitplane.token={token(home.database, 'brand-b')}"}):
        with home.session(application_name=OF_CITUS, **more) as session:
            session.execute(f"SET splitplane.token = '{token(home.database, 'brand-b')}'")
            assert session.value(COUNT_SALES) == SALES["brand-a"]


@pytest.mark.parametrize("place", ["home", "node"])
def test_the_setting_is_not_shown(place, request):
    wire = request.getfixturevalue(place)
    with as_reader(wire, token(wire.database)) as session:
        for statement in ("SHOW splitplane.token", "SELECT pg_catalog.current_setting('splitplane.token')"):
            with pytest.raises(psycopg.Error) as error:
                session.execute(statement)
            assert error.value.sqlstate == "42501"
        assert session.execute(
            "SELECT count(*) FROM pg_catalog.pg_settings WHERE name = 'splitplane.token'"
        ).fetchone() == (0,)
    with wire.cluster.connect(wire.database, autocommit=True) as boss, pytest.raises(psycopg.Error):
        boss.execute("ALTER SYSTEM SET splitplane.token = 'x'")


def test_a_key_file_that_cannot_be_read_shows_nothing_and_keeps_the_fences(node):
    whole = (node.cluster.data_dir / "splitplane_cluster.key").read_text()
    text = token(node.database)
    for broken in ("", "cluster shop\n", whole + whole, whole.replace("key one", "key")):
        give_keys(node.cluster, broken)
        time.sleep(0.5)
        assert seen(node, text) == 0
    give_keys(node.cluster, whole)
    file = node.cluster.data_dir / "splitplane_cluster.key"
    file.chmod(0o640)
    node.cluster.psql("postgres", "SELECT pg_reload_conf()")
    time.sleep(0.5)
    assert seen(node, text) == 0
    file.chmod(0o600)
    node.cluster.psql("postgres", "SELECT pg_reload_conf()")
    time.sleep(0.5)
    give_keys(node.cluster, f"cluster shop\nkey two {KEYS['two']}\n")
    time.sleep(0.5)
    assert seen(node, text) == 0, "a key that is not there any more"
    give_keys(node.cluster, whole)


def test_doctor_of_a_node(node):
    """What it says of this server alone; of other nodes in pg_test/citus."""

    def found(said: str) -> list[tuple[str, str]]:
        rows = node.admin_rows("SELECT object, finding, fix FROM splitplane.doctor() WHERE severity = 'warning'")
        return [(name, fix) for name, finding, fix in rows if finding.startswith(said)]

    shared = "It was shared before this server had a cluster key, and has no row-level security: calls that read it are refused."
    unusable = "Calls cross to no other node: "
    with node.admin() as admin:
        admin.execute("CREATE TABLE public.rates (n int)")
        with without_key(node):
            admin.execute("SELECT splitplane.share('public.rates')")
            assert found(shared) == []
        [(name, fix)] = found(shared)
        assert name.removeprefix("public.") == "rates"
        admin.execute(fix)
        assert found(shared) == []
        admin.execute("SELECT splitplane.unprotect('public.rates'); DROP TABLE public.rates")
    assert found(unusable) == []
    whole = (node.cluster.data_dir / "splitplane_cluster.key").read_text()
    give_keys(node.cluster, "cluster shop\n")
    time.sleep(0.5)
    assert found(unusable) == [("splitplane.cluster_key_file", "-- put the file right on this server, and then: SELECT pg_reload_conf();")]
    give_keys(node.cluster, whole)
    time.sleep(0.5)
    assert found(unusable) == []
