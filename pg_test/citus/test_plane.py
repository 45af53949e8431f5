"""Tables of Citus in the plane: what is accepted, how each placement is fenced, and that nothing Citus does to shards opens them."""

import time

import psycopg
import pytest
from psycopg import sql

from pg_test.citus.nodes import KEY_FILE
from pg_test.citus.shop import Shop

TENANT = "'{\"tenant_id\": \"tenant\"}'"


@pytest.fixture(scope="module")
def shop(keyed):
    plane = Shop.on(
        keyed,
        "plane",
        "CREATE TABLE stores (tenant_id int, store_id int, city text, PRIMARY KEY (tenant_id, store_id))",
        "CREATE TABLE orders (tenant_id int, order_id int, store_id int, total int, PRIMARY KEY (tenant_id, order_id))",
        "CREATE TABLE menu (item_id int PRIMARY KEY, item text)",
        "SELECT create_distributed_table('stores', 'tenant_id')",
        "SELECT create_distributed_table('orders', 'tenant_id', colocate_with => 'stores')",
        "SELECT create_reference_table('menu')",
        "INSERT INTO stores SELECT t, s, 'city ' || t FROM generate_series(1, 9) AS t, generate_series(1, 3) AS s",
        # Tenant 1 has the totals 1 to 30; the others hold values that overflow and divide by zero.
        "INSERT INTO orders SELECT t, o, o % 3 + 1, CASE WHEN t = 1 THEN o WHEN o % 2 = 0 THEN 0 ELSE 2147483647 END"
        " FROM generate_series(1, 9) AS t, generate_series(1, 30) AS o",
        "INSERT INTO menu VALUES (1, 'tea'), (2, 'cake')",
        "ANALYZE",
    )
    assert plane.refused(f"SELECT splitplane.protect('stores', {TENANT})") == ("55000", "splitplane_reader is not set up for the nodes of Citus")
    plane.let_the_reader_in()
    plane.run(f"SELECT splitplane.protect('stores', {TENANT})")
    plane.run(f"SELECT splitplane.protect('orders', {TENANT})")
    plane.run("SELECT splitplane.share('menu')")
    return plane


@pytest.fixture
def mended(shop):
    """What a test does to shards is mended by a new registration."""
    yield shop
    shop.on_placements("orders", "DROP POLICY IF EXISTS open_door ON %s")
    shop.run("DROP POLICY IF EXISTS open_door ON orders")
    for table in ("stores", "orders"):
        shop.run(f"SELECT splitplane.protect('{table}', {TENANT})")
    shop.run("SELECT splitplane.share('menu')")
    assert shop.findings("critical") == []


SUM = "SELECT count(*), sum(total) FROM orders"
OWN = [[30, 465]]


def test_each_tenant_sees_its_own(shop):
    assert shop.answer(SUM) == OWN
    assert shop.answer("SELECT min(total), max(total), count(*) FROM orders", tenant="2") == [[0, 2147483647, 30]]
    assert shop.answer("SELECT city, count(*) FROM orders JOIN stores USING (store_id) GROUP BY 1") == [["city 1", 30]]
    assert shop.answer("SELECT city FROM stores CROSS JOIN menu WHERE store_id = 1 ORDER BY item", tenant="3") == [["city 3"], ["city 3"]]
    # A statement without parameters once ended a server with Citus.
    assert shop.answer("SELECT item FROM menu ORDER BY 1") == [["cake"], ["tea"]]
    assert shop.answer("SELECT 1 + 1") == [[2]]
    # The control.
    assert shop.run("SELECT count(*), count(DISTINCT tenant_id) FROM orders") == (270, 9)


def test_two_tenants_in_one_transaction(shop):
    with shop.connect(shop.caller, autocommit=False) as session:
        assert shop.answer(SUM, session=session) == OWN
        assert shop.answer("SELECT DISTINCT city FROM stores", "2", session) == [["city 2"]]
        assert shop.answer(SUM, session=session) == OWN
        session.rollback()


def test_no_error_of_another_tenants_row(shop):
    """The shard of a tenant holds rows of others; a condition that fails over them must not be run over them."""
    for condition in ("total + 1000 > 0", "1000 / total > 0", "(total * 2) % 7 < 9"):
        assert shop.answer(f"SELECT count(*) FROM orders WHERE {condition}") == [[30]]
    # The control: over all rows of a shard it fails.
    with pytest.raises(psycopg.Error):
        shop.run("SELECT count(*) FROM orders WHERE 1000 / total > 0")


@pytest.mark.parametrize("node", [0, 1, 2])
def test_outside_a_call_the_reader_sees_nothing(shop, keyed, node):
    shards = shop.admin_rows(
        "SELECT n.nodename, format('%s_%s', s.logicalrelid, s.shardid) FROM pg_dist_shard AS s"
        " JOIN pg_dist_placement AS p USING (shardid) JOIN pg_dist_node AS n USING (groupid)"
    )
    here = [shard for name, shard in shards if name == list(keyed)[node].socket_dir]
    # As Citus logs in, which then names shards alone, and as anybody else does.
    for name, tables in (("citus_internal gpid=10000000001", here), ("psql", ["orders", "stores", "menu"])):
        with keyed.connect(shop.database, "splitplane_reader", node, application_name=name) as reader:
            for value in (None, "forged", "1" * 2000, '{"tenant": "1"}'):
                if value is not None:
                    reader.execute(sql.SQL("SET splitplane.token = {}").format(sql.Literal(value)))
                for table in tables:
                    assert reader.execute(f"SELECT count(*) FROM public.{table}").fetchone() == (0,), table
    with keyed.connect(shop.database, node=node) as superuser:
        superuser.execute("SET ROLE splitplane_reader")
        for table in ("orders", "menu", *here):
            assert superuser.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


def test_fences_of_every_placement(shop):
    read = "SELECT json_agg(p.polname || ' ' || pg_get_expr(p.polqual, p.polrelid) ORDER BY p.polname)::text FROM pg_policy AS p WHERE p.polrelid = '%s'::regclass"
    others = "splitplane_others (CURRENT_USER <> 'splitplane_reader'::name)"
    for table, fence, placements in (("orders", "splitplane.in_scope(tenant_id, 'tenant'::text)", 4), ("menu", "splitplane.in_call()", 3)):
        found = shop.on_placements(table, read)
        assert len(found) == placements
        assert set(found) == {f'["{others}", "splitplane_read {fence}"]'}
        on = shop.on_placements(table, "SELECT relrowsecurity FROM pg_class WHERE oid = '%s'::regclass")
        assert set(on) == {"t"}


def test_a_fence_is_asked_once_for_each_row(shop, keyed):
    """The shard has it in a policy that permits, beside one for others than the reader, and the node adds it as one that restricts."""
    set_up = ("session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0")
    for worker in keyed.workers:
        for setting in set_up:
            worker.psql("postgres", f"ALTER SYSTEM SET {setting};\nSELECT pg_reload_conf();")
    try:
        time.sleep(0.5)
        before = [len(worker.log_text()) for worker in keyed.workers]
        assert shop.answer("SELECT count(*) FROM orders WHERE total > 3") == [[27]]
        logged = "".join(worker.log_text()[start:] for worker, start in zip(keyed.workers, before, strict=True))
    finally:
        for worker in keyed.workers:
            for setting in set_up:
                worker.psql("postgres", f"ALTER SYSTEM RESET {setting.split()[0]};\nSELECT pg_reload_conf();")
    conditions = [line for line in logged.splitlines() if "in_scope(" in line]
    assert len(conditions) == 1 and conditions[0].count("in_scope(") == 1, logged
    assert conditions[0].index("in_scope(") < conditions[0].index("total > 3"), "it comes before what is asked for"
    assert "CURRENT_USER" not in conditions[0]


def test_a_foreign_policy_on_shards_opens_nothing(mended):
    mended.on_placements("orders", "CREATE POLICY open_door ON %s USING (true)")
    assert mended.answer(SUM) == OWN
    assert mended.answer("SELECT count(*) FROM orders WHERE 1000 / total > 0") == [[30]]


def test_without_the_nodes_own_fence_a_foreign_policy_would_open(mended, keyed):
    """The control of the test before: on nodes without a cluster key the policies of the shard are all that there is."""
    mended.on_placements("orders", "CREATE POLICY open_door ON %s USING (true)")
    for worker in keyed.workers:
        (worker.data_dir / KEY_FILE).rename(worker.data_dir / "aside")
        worker.restart()
    try:
        seen = mended.on_placements("orders", "SELECT splitplane._canary('%s')")
        assert "t" in seen
        assert any("sees rows of it outside a call" in finding for _, finding in mended.findings("critical"))
    finally:
        for worker in keyed.workers:
            (worker.data_dir / "aside").rename(worker.data_dir / KEY_FILE)
            worker.restart()
    assert "t" not in mended.on_placements("orders", "SELECT splitplane._canary('%s')")


def test_shards_without_row_level_security_are_refused(mended):
    mended.on_placements("orders", "ALTER TABLE %s DISABLE ROW LEVEL SECURITY")
    state, message = mended.answer(SUM)
    assert state not in (None, "00000") and "orders_" not in message
    assert any("row-level security is switched off" in finding for _, finding in mended.findings("warning"))


def test_shards_without_the_policy_show_nothing(mended):
    mended.on_placements("orders", "DROP POLICY splitplane_read ON %s")
    assert mended.answer("SELECT count(*) FROM orders") == [[0]]
    assert any("splitplane_read is missing" in finding for _, finding in mended.findings("warning"))


def test_moved_and_split_shards_stay_fenced(mended, keyed):
    names = [worker.socket_dir for worker in keyed.workers]
    place = "SELECT nodename FROM citus_shards WHERE table_name = 'orders'::regclass AND shardid = get_shard_id_for_distribution_column('orders', 1)"
    before = mended.run(place)[0]
    after = next(name for name in names if name != before)
    move = "SELECT citus_move_shard_placement(get_shard_id_for_distribution_column('orders', 1), %s, 5432, %s, 5432, 'block_writes')"
    mended.run(move, before, after)
    assert mended.run(place)[0] == after
    assert mended.answer(SUM) == OWN
    assert mended.answer("SELECT count(*) FROM orders WHERE 1000 / total > 0") == [[30]]
    mended.run("SELECT isolate_tenant_to_new_shard('orders', 2, 'CASCADE', shard_transfer_mode => 'block_writes')")
    assert mended.answer("SELECT count(*) FROM orders", tenant="2") == [[30]]
    assert mended.answer(SUM) == OWN
    # On the coordinator.
    mended.run("SELECT citus_set_node_property(%s, 5432, 'shouldhaveshards', true)", keyed.coordinator.socket_dir)
    mended.run(move, after, keyed.coordinator.socket_dir)
    assert mended.answer(SUM) == OWN
    assert mended.answer("SELECT count(*) FROM orders WHERE 1000 / total > 0") == [[30]]
    assert mended.findings("critical") == []
    mended.run(move, keyed.coordinator.socket_dir, after)
    mended.run("SELECT citus_set_node_property(%s, 5432, 'shouldhaveshards', false)", keyed.coordinator.socket_dir)


def test_names_resolve_on_workers_as_here(mended, keyed):
    """A function of an admitted one's name in another schema is not run in its place."""
    mended.run("CREATE FUNCTION public.upper(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'taken' $$")
    assert mended.answer("SELECT DISTINCT upper(city) FROM stores") == [["CITY 1"]]
    mended.run("DROP FUNCTION public.upper(text)")


def test_a_call_ends_at_its_deadline(shop, keyed):
    before = [worker.log_text().count("canceling statement") for worker in keyed.workers]
    shop.set(splitplane__deadline="1s")
    state, _ = shop.answer("SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e, orders f")
    assert state == "57014"
    assert [worker.log_text().count("canceling statement") for worker in keyed.workers] != before
    shop.set(splitplane__deadline="30s")
    assert shop.answer(SUM) == OWN


def test_doctor_and_selftest_read_every_node(mended, keyed):
    assert mended.findings("critical") == [] and [f for f in mended.findings("warning") if f[0].startswith("node")] == []
    verdicts = mended.admin_rows("SELECT relation, shape, verdict, detail FROM splitplane.selftest()")
    assert [row for row in verdicts if row[2] not in ("pass", "inconclusive")] == []
    assert {row[0] for row in verdicts if row[1] == "placements"} == {"public.menu", "public.orders", "public.stores"}
    assert ("public.orders", "direct", "pass") in [row[:3] for row in verdicts]
    # A node with another key.
    worker = keyed.workers[0]
    file = worker.data_dir / KEY_FILE
    kept = file.read_text()
    file.write_text(kept.replace("first", "other").replace("5a", "6b"))
    worker.psql("postgres", "SELECT pg_reload_conf()")
    found = [finding for name, finding in mended.findings("warning") if name == f"node {worker.socket_dir}:5432"]
    assert found == ["It has no cluster key, or another one than the coordinator: calls see no row on it."]
    file.write_text(kept)
    worker.psql("postgres", "SELECT pg_reload_conf()")
    # One of another version, and one that is not there.
    version = "UPDATE pg_extension SET extversion = '%s' WHERE extname = 'splitplane'"
    before = worker.psql(mended.database, "SELECT extversion FROM pg_extension WHERE extname = 'splitplane'").strip()
    worker.psql(mended.database, version % "0.0.9")
    found = [finding for name, finding in mended.findings("warning") if name == f"node {worker.socket_dir}:5432"]
    assert f"Its splitplane is version 0.0.9, and that of the coordinator {before}." in found
    worker.psql(mended.database, version % before)
    worker._halt("fast")
    try:
        found = [finding for name, finding in mended.findings("warning") if name == f"node {worker.socket_dir}:5432"]
        assert [finding[:20] for finding in found] == ["It cannot be asked: "]
    finally:
        worker._launch()
    assert [f for f in mended.findings("warning") if f[0].startswith("node")] == []


def test_what_is_refused(shop):
    """With a cluster key, too."""
    for name, made, call, message in (
        ("spread", "SELECT create_distributed_table('spread', 'other')", f"protect('spread', {TENANT})",
         'public.spread is distributed by column "other", which the scope does not bind to claim "tenant"'),
        ("hashed", "SELECT create_distributed_table('hashed', 'tenant_id')", "share('hashed')",
         'public.hashed is distributed by column "tenant_id": only reference tables, and tables of the coordinator alone, can be the same for every tenant'),
        ("referred", "SELECT create_reference_table('referred')", f"protect('referred', {TENANT})",
         "public.referred is no table that Citus distributes by hash"),
        ("single", "SELECT create_distributed_table('single', NULL)", f"protect('single', {TENANT})",
         "public.single cannot be in the plane: Citus keeps it in one shard, as it does the tables of a distributed schema"),
        ("ranged", "SELECT create_distributed_table('ranged', 'tenant_id', 'range')", f"protect('ranged', {TENANT})",
         "public.ranged cannot be in the plane: Citus distributes it by range, and not by hash"),
        ("appended", "SELECT create_distributed_table('appended', 'tenant_id', 'append')", f"protect('appended', {TENANT})",
         "public.appended cannot be in the plane: Citus distributes it by append, and not by hash"),
        ("nobodys", "SELECT create_distributed_table('nobodys', 'tenant_id')", "protect('nobodys', '{\"tenant_id\": \"tenant or null\"}')",
         'public.nobodys is distributed by column "tenant_id", which the scope does not bind to claim "tenant"'),
    ):
        shop.run(f"CREATE TABLE {name} (tenant_id int, other int)")
        shop.run(made)
        assert shop.refused(f"SELECT splitplane.{call}") == ("0A000", message)
    shop.run("CREATE TABLE exact (tenant_id numeric NOT NULL)")
    shop.run("SELECT create_distributed_table('exact', 'tenant_id')")
    assert shop.refused(f"SELECT splitplane.protect('exact', {TENANT})")[0] == "0A000"
    shop.run("CREATE TABLE policed (tenant_id int NOT NULL)")
    shop.run("SELECT create_distributed_table('policed', 'tenant_id')")
    shop.run("CREATE POLICY mine ON policed USING (tenant_id > 0)")
    assert shop.refused(f"SELECT splitplane.protect('policed', {TENANT})") == (
        "0A000", "public.policed has policies of its own that apply to splitplane_reader: mine")
    with shop.admin() as admin:
        admin.execute("SET citus.enable_ddl_propagation = off")
        with pytest.raises(psycopg.Error) as error:
            admin.execute("SELECT splitplane.protect('hashed', '{\"tenant_id\": \"tenant\"}')")
        assert error.value.sqlstate == "55000"
    assert shop.refused("SELECT splitplane.arm_tripwire('orders')")[0] == "0A000"
    hidden = "0A000", "public.orders cannot be hidden: Citus keeps its rows, and does not keep security barriers"
    assert shop.refused(f"SELECT splitplane.protect('orders', {TENANT}, hidden => true)") == hidden


def test_no_links(shop):
    shop.run("CREATE TABLE parcels (tenant_id int, order_id int, FOREIGN KEY (tenant_id, order_id) REFERENCES orders)")
    expected = "0A000", "the rows of public.parcels would belong to those of a table that Citus keeps"
    shop.run("SELECT create_distributed_table('parcels', 'tenant_id')")
    assert shop.refused("SELECT splitplane.protect_through('parcels', 'orders')") == expected


def test_tables_of_another_group_are_warned_of(shop):
    shop.run("CREATE TABLE apart (tenant_id int NOT NULL)")
    shop.run("SELECT create_distributed_table('apart', 'tenant_id', colocate_with => 'none')")
    with shop.admin() as admin:
        heard = []
        admin.add_notice_handler(lambda diagnostic: heard.append(diagnostic.message_primary))
        admin.execute(f"SELECT splitplane.protect('apart', {TENANT})")
        assert heard == ["public.apart is not colocated with public.orders: a query of both is several tasks"]
        admin.execute("SELECT splitplane.unprotect('apart')")


def test_a_table_that_is_distributed_otherwise_shuts_the_plane(mended):
    mended.run("CREATE TABLE later (tenant_id int NOT NULL, n int)")
    mended.run("SELECT create_reference_table('later')")
    mended.run("SELECT splitplane.share('later')")
    assert mended.answer("SELECT count(*) FROM later") == [[0]]
    mended.run("SELECT alter_distributed_table('stores', distribution_column => 'store_id', colocate_with => 'none')")
    state = mended.answer(SUM)
    found = mended.findings("critical"), mended.findings("warning")
    assert state[0] == "55000" or any("was dropped" in finding for _, finding in found[1]), (state, found)
    mended.run("SELECT alter_distributed_table('stores', distribution_column => 'tenant_id', colocate_with => 'orders')")
    mended.run("SELECT splitplane.unprotect('later')")


def test_unprotect_takes_the_fences_from_every_placement(mended):
    mended.run("SELECT splitplane.unprotect('orders')")
    mended.run("SELECT splitplane.unprotect('menu')")
    for table in ("orders", "menu"):
        left = mended.on_placements(table, "SELECT count(*) FROM pg_policy WHERE polrelid = '%s'::regclass")
        on = mended.on_placements(table, "SELECT relrowsecurity FROM pg_class WHERE oid = '%s'::regclass")
        grants = mended.on_placements(table, "SELECT count(*) FROM pg_attribute WHERE attrelid = '%s'::regclass AND attacl::text LIKE '%%splitplane_reader%%'")
        assert (set(left), set(on), set(grants)) == ({"0"}, {"f"}, {"0"})
