"""The audit log names the node that a call's plan ran on, where the plan says it."""

import pytest

from pg_test.citus import nodes as servers
from pg_test.citus.shop import CLUSTER_KEY, Shop
from pg_test.wire.audited import lines, problems

TABLES = """
CREATE TABLE orders (tenant_id int NOT NULL, order_id int NOT NULL, PRIMARY KEY (tenant_id, order_id));
CREATE TABLE rates (code text PRIMARY KEY);
SELECT create_distributed_table('orders', 'tenant_id'), create_reference_table('rates');
INSERT INTO orders SELECT t, o FROM generate_series(1, 9) AS t, generate_series(1, 30) AS o;
INSERT INTO rates VALUES ('a');
"""
REGISTER = """
SELECT splitplane.protect('orders', '{"tenant_id": "tenant"}');
SELECT splitplane.share('rates');
"""
COUNT = "SELECT count(*) FROM orders"
PLACE = """SELECT n.nodename || ':' || n.nodeport, s.shardid FROM pg_dist_placement AS p JOIN pg_dist_node AS n USING (groupid)
    JOIN (SELECT get_shard_id_for_distribution_column('orders', %s::int) AS shardid) AS s USING (shardid)"""


@pytest.fixture(scope="module")
def shop(bindir):
    with servers.running(bindir, **{"splitplane.audit": "on", "log_statement": "all"}) as nodes:
        nodes.give_keys(CLUSTER_KEY)
        shop = Shop.on(nodes, "audited", TABLES)
        shop.let_the_reader_in()
        for statement in REGISTER.strip().splitlines():
            shop.run(statement)
        yield shop
        assert problems(shop) == []


def named(shop) -> list[str] | None:
    """What the entry of the last call says."""
    entry = [entry for entry in lines(shop.nodes.coordinator) if entry["event"] == "call"][-1]
    return entry["details"].get("nodes")


def test_the_node_that_ran_it(shop):
    seen = set()
    for tenant in range(1, 10):
        place, shard = shop.run(PLACE, tenant)
        asked = f'FROM public.orders_{shard} '
        before = [worker.log_text().count(asked) for worker in shop.nodes.workers]
        assert shop.answer(COUNT, str(tenant)) == [[30]]
        assert named(shop) == [place]
        # As the log of that node has it, and that of no other.
        ran = [f"{worker.socket_dir}:5432" for worker, count in zip(shop.nodes.workers, before, strict=True) if worker.log_text().count(asked) > count]
        assert ran == [place]
        seen.add(place)
    assert len(seen) == 2, "the control: tenants are on both"


def test_by_every_entry_point_that_runs(shop):
    place, _ = shop.run(PLACE, 3)
    for statement in ("SELECT * FROM ask_rows(%s, sql => %s) AS t(n bigint)", "SELECT ask(%s, sql => %s)"):
        context = shop.run("SELECT splitplane.sign(%s, '3', payload => %s)::text", shop.key_id, COUNT)[0]
        with shop.connect(shop.caller) as session:
            session.execute(statement, (context, COUNT)).fetchall()
        assert named(shop) == [place]
    assert shop.answer("SELECT 1 / (order_id - 7) FROM orders", "3")[0] == "22012"
    assert named(shop) == [place], "a call that failed while it ran"


def test_where_the_plan_does_not_say_it(shop):
    """Every node has a reference table: Citus chooses when the plan runs. And some statements run on none."""
    for sql, rows in (("SELECT code FROM rates", [["a"]]), ("SELECT 1 + 1", [[2]])):
        assert shop.answer(sql) == rows
        assert named(shop) is None
    assert shop.answer("SELECT pg_sleep(0)")[0] == "42501"
    assert named(shop) is None
    assert shop.answer("SELECT count(*) FROM orders, rates") == [[30]]
    assert named(shop) == [shop.run(PLACE, 1)[0]]


def test_after_a_shard_has_moved(shop):
    before, shard = shop.run(PLACE, 1)
    after = next(worker for worker in shop.nodes.workers if f"{worker.socket_dir}:5432" != before)
    move = "SELECT citus_move_shard_placement(%s, %s, 5432, %s, 5432, 'block_writes')"
    shop.run(move, shard, before.removesuffix(":5432"), after.socket_dir)
    assert shop.answer(COUNT) == [[30]]
    assert named(shop) == [f"{after.socket_dir}:5432"]
