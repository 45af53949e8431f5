"""What docs/dba.md says of logical replication, changed types and dumps, on servers of their own."""

from __future__ import annotations

import re
import subprocess
import time

import pytest
from psycopg import sql as compose

from splitplane_test.cluster import MAJOR, ROOT, Cluster
from splitplane_test.session import refusal, wait_until

from pg_test.wire.harness import COUNT_SALES, SALES, Wire

LOGICAL = {"wal_level": "logical", "wal_retrieve_retry_interval": "200ms", "max_connections": "40"}


@pytest.fixture(scope="module")
def pair():
    """Two servers with the same plane, either of which may publish."""
    with Cluster(settings=LOGICAL) as first, Cluster(settings=LOGICAL) as second:
        yield Wire.build(first, "publisher"), Wire.build(second, "subscriber")


def connection_of(wire: Wire, user: str = "postgres") -> str:
    return wire.cluster.dsn(dbname=wire.database, user=user).replace("'", "''")


def critical(wire: Wire) -> list[tuple]:
    return wire.admin_rows("SELECT object, finding FROM splitplane.doctor() WHERE severity = 'critical'")


def logged(wire: Wire, text: str, since: int = 0) -> bool:
    return text in wire.cluster.log_text()[since:]


def test_fences_hold_over_replicated_rows(pair):
    publisher, subscriber = pair
    subscriber.run("TRUNCATE sales")
    publisher.run("CREATE PUBLICATION of_sales FOR TABLE sales")
    subscriber.run(f"CREATE SUBSCRIPTION of_sales CONNECTION '{connection_of(publisher)}' PUBLICATION of_sales")
    wait_until(lambda: subscriber.run(COUNT_SALES)[0] == sum(SALES.values()), 30, "the copy")
    with subscriber.session() as session:
        for tenant in SALES:
            assert session.value(COUNT_SALES, tenant) == SALES[tenant]
    assert not critical(publisher) and not critical(subscriber)

    # Who applies: not bound by row-level security, or nothing is applied. From 16 on that is the table's owner, who is not, and
    # a role that is no superuser gives a password.
    if int(MAJOR) >= 16:
        subscriber.run("ALTER SUBSCRIPTION of_sales SET (run_as_owner = true, password_required = false)")
    subscriber.run("CREATE ROLE applies LOGIN SUPERUSER")
    subscriber.run("ALTER SUBSCRIPTION of_sales OWNER TO applies")
    subscriber.run("GRANT ALL ON sales TO applies")
    subscriber.run("ALTER ROLE applies NOSUPERUSER")
    subscriber.run("ALTER SUBSCRIPTION of_sales DISABLE")
    wait_until(lambda: not subscriber.run("SELECT pid FROM pg_stat_subscription WHERE pid IS NOT NULL"), 10, "the worker ends")
    subscriber.run("ALTER SUBSCRIPTION of_sales ENABLE")
    publisher.run("INSERT INTO sales VALUES ('brand-a', 900001, 1, 1, 'CANARY-brand-a', now())")
    wait_until(lambda: logged(subscriber, "cannot replicate into relation with row-level security enabled"), 20, "the refusal")
    assert subscriber.run(COUNT_SALES)[0] == sum(SALES.values())
    subscriber.run("ALTER ROLE applies BYPASSRLS")
    wait_until(lambda: subscriber.run(COUNT_SALES)[0] == sum(SALES.values()) + 1, 20, "it goes on")
    subscriber.run("ALTER ROLE applies SUPERUSER")
    subscriber.run("DROP SUBSCRIPTION of_sales")


def test_stream_carries_every_tenant(pair):
    """A role with REPLICATION and nothing else. The control: with a query it sees no row at all."""
    publisher, _ = pair
    publisher.run("CREATE ROLE streams LOGIN REPLICATION")
    publisher.run("CREATE PUBLICATION streamed FOR TABLE sales")
    publisher.run("SELECT pg_create_logical_replication_slot('streamed', 'pgoutput')")
    publisher.run("INSERT INTO sales SELECT t, 900002, 1, 1, 'CANARY-' || t, now() FROM unnest(ARRAY['brand-a', 'brand-b']) AS t")
    with publisher.session("streams") as session:
        refusal(lambda: session.execute(COUNT_SALES), "42501", hint=True)
        # The test server does not wait for the disk at a commit, and only what is on it is decoded.
        wait_until(lambda: all(f"CANARY-{tenant}" in changes(session) for tenant in ("brand-a", "brand-b")), 10, "both tenants' changes")
    publisher.run("SELECT pg_drop_replication_slot('streamed')")


def changes(session) -> str:
    """What a subscriber would be sent."""
    rows = session.execute(
        "SELECT data FROM pg_logical_slot_peek_binary_changes('streamed', NULL, NULL, 'proto_version', '1', 'publication_names', 'streamed')"
    ).fetchall()
    return b"".join(bytes(data) for (data,) in rows).decode(errors="replace")


def test_publication_for_all_tables(pair):
    """It carries the plane's own tables: into a plane that is there it fails, into an empty one it brings no fence."""
    publisher, subscriber = pair
    publisher.run("CREATE PUBLICATION by_schema FOR TABLES IN SCHEMA public")
    publisher.run("CREATE PUBLICATION everything FOR ALL TABLES")
    carried = "SELECT count(*) FROM pg_publication_tables WHERE pubname = %s AND schemaname = 'splitplane'"
    assert publisher.run(carried, "by_schema") == (0,)
    assert publisher.run(carried, "everything")[0] > 0

    subscribe = f"CREATE SUBSCRIPTION all_of_it CONNECTION '{connection_of(publisher)}' PUBLICATION everything"
    synchronized = "SELECT srsubstate = 'r' FROM pg_subscription_rel WHERE srrelid = %s::regclass"
    subscriber.run("TRUNCATE sales, shops, visits, units, vault")
    subscriber.run(subscribe)
    wait_until(lambda: logged(subscriber, 'duplicate key value violates unique constraint "relations_pkey"'), 40, "the copy fails")
    wait_until(lambda: subscriber.run(synchronized, "sales")[0], 40, "other tables are copied")
    assert not critical(subscriber)
    detach(subscriber, "all_of_it")
    publisher.run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active AND slot_name = 'all_of_it'")

    subscriber.cluster.createdb("empty")
    empty = Wire(subscriber.cluster, "empty", "", "")
    with empty.admin() as admin:
        admin.execute("CREATE EXTENSION splitplane")
    restored(empty, dumped(publisher, "--schema-only", "-t", "public.*"), without=r"^CREATE POLICY|ENABLE ROW LEVEL SECURITY|^GRANT|^CREATE SCHEMA")
    empty.run(subscribe.replace("all_of_it", "into_empty"))
    wait_until(lambda: empty.run("SELECT count(*) FROM splitplane.relations")[0] > 0 and empty.run(COUNT_SALES)[0] > 0, 60, "the copy")
    found = critical(empty)
    assert any("Row-level security is switched off" in finding for _, finding in found), found
    wait_until(
        lambda: empty.run("SELECT count(*) FROM splitplane.principals")[0] > 0 and empty.run("SELECT count(*) FROM splitplane.keys")[0] > 0,
        60,
        "keys",
    )
    time.sleep(1.1)
    with empty.session() as session:
        context = publisher.sign(COUNT_SALES, audience="empty")
        # The publisher's key is sealed by the publisher's key file.
        session.refused(("28000", "55000"), context, COUNT_SALES)
    detach(empty, "into_empty")

    subscriber.cluster.createdb("bare")
    bare = Wire(subscriber.cluster, "bare", "", "")
    refusal(lambda: bare.run(subscribe.replace("all_of_it", "into_bare")), "3F000" if int(MAJOR) >= 17 else "42P01", hint=True)


def detach(wire: Wire, name: str) -> None:
    """Drop a subscription whose copy cannot end, without its slot."""
    for statement in (f"ALTER SUBSCRIPTION {name} DISABLE", f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)", f"DROP SUBSCRIPTION {name}"):
        wire.run(statement)


def tool(wire: Wire, program: str, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess:
    cluster = wire.cluster
    environment = {"PATH": "/usr/bin:/bin", "PGHOST": cluster.socket_dir, "PGPORT": str(cluster.port), "PGUSER": "postgres", "LC_ALL": "C.UTF-8"}
    return subprocess.run([str(cluster.bindir / program), *arguments], input=stdin, env=environment, capture_output=True, text=True, check=False)


def dumped(wire: Wire, *arguments: str) -> str:
    done = tool(wire, "pg_dump", *arguments, wire.database)
    assert done.returncode == 0, done.stderr
    return done.stdout


def restored(wire: Wire, text: str, without: str = r"^\b$") -> str:
    """Run a dump with psql, its lines that match left out; what it said of errors."""
    kept = "\n".join(line for line in text.splitlines() if not re.search(without, line))
    return tool(wire, "psql", "-Xq", "-d", wire.database, stdin=kept).stderr


@pytest.fixture(scope="module")
def bare():
    """A server on which splitplane cannot be created, since it is not preloaded."""
    with Cluster(settings={"shared_preload_libraries": ""}) as running:
        with running.connect() as admin:
            for role in ("app", "plain"):
                admin.execute(f"CREATE ROLE {role} LOGIN")
        yield running


def test_dump_restored_where_the_extension_is_missing(cluster, bare):
    source = Wire.build(cluster, "dumped")
    bare.createdb("missing")
    target = Wire(bare, "missing", "", "")
    with bare.connect() as admin:
        admin.execute("CREATE ROLE splitplane_reader")
    said = restored(target, dumped(source))
    assert "splitplane must be in shared_preload_libraries" in said and 'schema "splitplane" does not exist' in said, said
    with target.admin() as admin:
        admin.execute("GRANT SELECT ON sales TO plain")
        admin.execute("SET ROLE plain")
        assert admin.execute(COUNT_SALES).fetchone() == (sum(SALES.values()),), "other roles see what they saw"
        admin.execute("RESET ROLE")
        admin.execute("SET ROLE splitplane_reader")
        assert admin.execute(COUNT_SALES).fetchone() == (0,), "the reader sees nothing"
        admin.execute("RESET ROLE")
        policies = {name for (name,) in admin.execute("SELECT DISTINCT polname FROM pg_policy").fetchall()}
        assert policies == {"splitplane_closed", "splitplane_others"}


def test_extension_installed_after_such_a_restore(cluster):
    """The policies left over are in nobody's way: protect makes the table's fences whole."""
    source = Wire.build(cluster, "earlier")
    cluster.createdb("later")
    later = Wire(cluster, "later", "", "")
    restored(later, dumped(source), without=r"EXTENSION.* splitplane")
    later.run("CREATE EXTENSION splitplane")
    assert not critical(later)
    later.run("SELECT splitplane.admit('brand-a')")
    later.run("""SELECT splitplane.protect('sales', '{"tenant_id": "tenant"}')""")
    later.key_id, later.secret = "AKLATER", later.run("SELECT splitplane.create_key('AKLATER')")[0]
    assert not critical(later)
    with later.session() as session:
        assert session.value(COUNT_SALES) == SALES["brand-a"]
        session.ask_refused("42P01", "SELECT count(*) FROM visits")


LEFT_OUT = (
    r"EXTENSION - splitplane|COMMENT - EXTENSION splitplane|TABLE DATA splitplane |"
    r"POLICY .* (!splitplane_scope|splitplane_closed|splitplane_read) "
)


def test_list_of_docs_restores_without_an_error(cluster, bare, tmp_path_factory):
    source = Wire.build(cluster, "listed")
    assert LEFT_OUT in (ROOT / "docs/dba.md").read_text(), "docs/dba.md has another list"
    folder = tmp_path_factory.mktemp("dump")
    archive, listing = folder / "shop.dump", folder / "shop.list"
    assert tool(source, "pg_dump", "-Fc", "-f", str(archive), source.database).returncode == 0
    entries = tool(source, "pg_restore", "-l", str(archive)).stdout.splitlines()
    for name, kept, code in (("whole", entries, 1), ("part", [entry for entry in entries if not re.search(LEFT_OUT, entry)], 0)):
        listing.write_text("\n".join(kept) + "\n")
        bare.createdb(f"listed_{name}")
        target = Wire(bare, f"listed_{name}", "", "")
        done = tool(target, "pg_restore", "--exit-on-error", "--no-privileges", "-L", str(listing), "-d", target.database, str(archive))
        # The control: the whole list stops.
        assert done.returncode == code, (name, done.stderr)
    with target.admin() as admin:
        admin.execute("GRANT SELECT ON sales TO plain")
        admin.execute("SET ROLE plain")
        assert admin.execute(COUNT_SALES).fetchone() == (sum(SALES.values()),)


def test_changed_type_of_a_scope_column(own_wire):
    """PostgreSQL refuses it; out of the plane, changed and put back in one transaction, no call sees the table without its fence."""
    wire = own_wire
    refusal(lambda: wire.run("ALTER TABLE sales ALTER tenant_id TYPE varchar(40)"), "0A000", hint=True)
    with wire.session() as session, wire.admin() as admin:
        admin.execute("BEGIN")
        admin.execute("SELECT splitplane.unprotect('sales')")
        admin.execute("ALTER TABLE sales ALTER tenant_id TYPE varchar(40)")
        session.execute("SET lock_timeout = '300ms'")
        session.ask_refused(("55P03", "57014"), COUNT_SALES)
        admin.execute("""SELECT splitplane.protect('sales', '{"tenant_id": "tenant"}')""")
        admin.execute("COMMIT")
        for tenant in SALES:
            assert session.value(COUNT_SALES, tenant) == SALES[tenant]
    assert not critical(wire)
    # The control: any other column's type changes as it is.
    wire.run("ALTER TABLE sales ALTER amount TYPE bigint")
    with wire.session() as session:
        assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_dry_run_shows_the_plan_to_administrators_only(wire):
    """And the plan is that of the session: its planner settings count, as they do for a caller."""
    admin, caller = wire.role(), wire.role()
    wire.run(compose.SQL("GRANT splitplane_admin TO {}").format(compose.Identifier(admin)).as_string())
    with wire.session(admin) as session:
        for scan, other in (("Seq Scan", ("index", "indexonly", "bitmap")), ("Index", ("seq", "bitmap"))):
            session.execute("RESET ALL")
            for kind in other:
                session.execute(f"SET enable_{kind}scan = off")
            plan = session.call(wire.sign(COUNT_SALES), COUNT_SALES, function="ask_dry_run")["plan"]
            assert any(scan in line for line in plan), plan
    with wire.session(caller) as session:
        document = session.call(wire.sign(COUNT_SALES), COUNT_SALES, function="ask_dry_run")
        assert "relations" in document["proved"] and not document.get("plan"), document
