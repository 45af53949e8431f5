"""Answers over tables that data servers keep: right, where the rows are, and of the tenant alone, by each of the fences."""

import pytest

from pg_test.front.servers import AUDIENCE

QUERIES = [
    "SELECT count(*), sum(total) FROM orders",
    "SELECT total FROM orders WHERE order_id = 7",
    "SELECT city, sum(total) FROM orders JOIN stores USING (store_id) GROUP BY city ORDER BY city",
    "SELECT city, (SELECT count(*) FROM orders o WHERE o.store_id = s.store_id) FROM stores s ORDER BY 1",
    "SELECT store_id, count(*) FROM orders GROUP BY store_id HAVING count(*) > 3 ORDER BY 1",
    "SELECT order_id, rank() OVER (ORDER BY total DESC) FROM orders ORDER BY 1 LIMIT 5",
    "SELECT order_id FROM orders EXCEPT SELECT store_id FROM stores ORDER BY 1 LIMIT 3",
    "SELECT s.city, o.order_id FROM stores s LEFT JOIN orders o ON o.store_id = s.store_id AND o.order_id < 3 ORDER BY 1, 2",
    "SELECT count(*) FROM orders a FULL JOIN orders b ON a.order_id = b.order_id + 1",
    "SELECT city FROM stores WHERE EXISTS (SELECT 1 FROM orders o WHERE o.store_id = stores.store_id AND total > 98) ORDER BY 1",
    "WITH big AS MATERIALIZED (SELECT * FROM orders WHERE order_id > 90) SELECT count(*) FROM big a JOIN big b ON a.order_id < b.order_id",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n, (SELECT count(*) FROM orders WHERE order_id <= n) FROM r",
    "SELECT note, count(*) FROM orders WHERE note LIKE 'of%' GROUP BY note",
    "SELECT string_agg(city, ',' ORDER BY city) FROM stores",
    "SELECT DISTINCT ON (store_id) store_id, order_id FROM orders ORDER BY store_id, order_id DESC",
    "SELECT count(*) FROM orders, stores",
    "SELECT count(*) FROM generate_series(1, 3) g JOIN orders ON order_id = g",
]


@pytest.mark.parametrize("sql", QUERIES)
def test_an_answer_is_the_tenants(front, oracle, sql):
    for tenant in (1, 2, 3):
        assert front.rows(sql, str(tenant)) == oracle(sql, tenant)


def test_joins_and_aggregates_run_where_the_rows_are(front, servers):
    """Read from the data server's own log."""
    sql = "SELECT sum(total) FROM orders JOIN stores USING (store_id)"
    sent = servers["one"].fetched_by("splitplane_front", lambda: front.rows(sql))
    assert any("INNER JOIN public.stores" in text and "sum(" in text for text in sent), sent


def test_the_hidden_rows_are_there(servers):
    """The control of every test here: on the server of tenant 1 lie the rows of tenant 2, in the same table."""
    assert servers["one"].run("SELECT tenant_id, count(*) FROM orders GROUP BY 1 ORDER BY 1") == "1|100\n2|100"


def oracle_of_order(front) -> str:
    """A condition that raises an error over every row of tenant 2 and none of tenant 1, and is cheaper than any other."""
    return "SELECT count(*) FROM orders WHERE (total * 3000) > 0"


def test_a_condition_is_never_evaluated_over_other_rows(front, servers):
    """The search by halves of an expression that overflows: asked by hand, without the fence, it fails on the same server."""
    sql = oracle_of_order(front)
    assert front.rows(sql) == [[100]]
    with pytest.raises(Exception, match="out of range"):
        servers["one"].run(sql)


def test_the_servers_policy_alone_hides_other_rows(front, servers):
    """Without the front's condition: as the reader, with the claim presented as ask does."""
    row = front.run("SELECT * FROM splitplane._data_server_seen('orders'::regclass, 'tenant_id', '1')")
    assert row == (0, 100, 0)


def test_the_fronts_condition_alone_hides_other_rows(front, servers):
    """With a policy on the data server that lets everything through the fence in what is sent holds; ask refuses to rest on it alone."""
    server = servers["one"]
    assert front.rows("SELECT count(*) FROM orders") == [[100]]
    fence = "tenant_id = (SELECT splitplane_remote.tenant()::integer)"
    server.run('ALTER POLICY "!splitplane_fence" ON orders USING (true)')
    try:
        row = front.run("SELECT * FROM splitplane._data_server_seen('orders'::regclass, 'tenant_id', '1')")
        assert row == (200, 100, 100)
        with front.session() as session:
            error = session.ask_refused("55000", "SELECT count(*) FROM orders")
            assert "data server" in str(error) and "localhost" not in str(error)
        assert any("policy" in finding for (finding,) in front.admin_rows("SELECT finding FROM splitplane.doctor()"))
        assert any(
            verdict == "FAIL"
            for (verdict,) in front.admin_rows("SELECT verdict FROM splitplane.selftest(ARRAY['1', '2'])")
        )
    finally:
        server.run(f'ALTER POLICY "!splitplane_fence" ON orders USING ({fence})')
    assert front.rows("SELECT count(*) FROM orders") == [[100]]


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("ALTER TABLE orders DISABLE ROW LEVEL SECURITY", "ALTER TABLE orders ENABLE ROW LEVEL SECURITY"),
        (
            'DROP POLICY "!splitplane_fence" ON orders',
            "SELECT splitplane_remote.protect('orders', 'tenant_id')",
        ),
        ("ALTER ROLE splitplane_front BYPASSRLS", "ALTER ROLE splitplane_front NOBYPASSRLS"),
        ("GRANT pg_read_all_data TO splitplane_front", "REVOKE pg_read_all_data FROM splitplane_front"),
        (
            "GRANT SELECT ON splitplane_remote.keys TO splitplane_front",
            "REVOKE ALL ON splitplane_remote.keys FROM splitplane_front",
        ),
        ("ALTER ROLE splitplane_front RESET search_path", "ALTER ROLE splitplane_front SET search_path = pg_catalog"),
        (
            "ALTER FUNCTION splitplane_remote.tenant() SECURITY INVOKER",
            "ALTER FUNCTION splitplane_remote.tenant() SECURITY DEFINER",
        ),
    ],
)
def test_a_change_of_the_data_servers_fences_is_seen_by_the_next_call(front, servers, change, back):
    server = servers["one"]
    with front.session() as session:
        assert session.value("SELECT count(*) FROM orders") == 100
        server.run(change)
        try:
            session.ask_refused("55000", "SELECT count(*) FROM orders")
        finally:
            server.run(back)
        assert session.value("SELECT count(*) FROM orders") == 100


def test_a_policy_that_opens_the_table_opens_nothing(front, servers):
    server = servers["one"]
    server.run("CREATE POLICY open_door ON orders TO public USING (true)")
    try:
        assert front.rows("SELECT count(*), min(order_id), max(total) FROM orders") == [[100, 1, 100]]
        assert front.run("SELECT * FROM splitplane._data_server_seen('orders'::regclass, 'tenant_id', '1')") == (
            0,
            100,
            0,
        )
    finally:
        server.run("DROP POLICY open_door ON orders")


def test_two_tenants_in_one_transaction_each_see_their_own(front):
    with front.session(autocommit=False) as session:
        for tenant, lowest in (("1", 1), ("2", 1000001), ("1", 1)):
            assert session.value("SELECT min(total) FROM orders", tenant) == lowest
        # The claim is gone with the savepoint: in the same transaction, on the same connection, the reader sees nothing.
    with front.admin() as admin:
        admin.execute("BEGIN; SET ROLE splitplane_reader")
        assert admin.execute("SELECT count(*) FROM orders_one").fetchone() == (0,)
        admin.execute("ROLLBACK")


def test_a_tenant_without_a_partition_and_two_servers_at_once_are_refused(front):
    with front.session() as session:
        session.ask_refused("55000", "SELECT count(*) FROM orders", "9")
    front.run(
        "CREATE FOREIGN TABLE IF NOT EXISTS spare (tenant_id int NOT NULL) SERVER two OPTIONS (table_name 'orders')"
    )
    front.run("CREATE TABLE mixed (tenant_id int NOT NULL, order_id int NOT NULL) PARTITION BY LIST (tenant_id)")
    front.run(
        "CREATE FOREIGN TABLE mixed_two PARTITION OF mixed FOR VALUES IN (1) SERVER two OPTIONS (table_name 'orders')"
    )
    front.protect_remote("mixed", ["order_id"])
    try:
        with front.session() as session:
            assert session.value("SELECT count(*) FROM mixed") == 0
            session.ask_refused("0A000", "SELECT count(*) FROM mixed JOIN orders USING (order_id)")
    finally:
        front.run("SELECT splitplane.unprotect('mixed')")
        front.run("DROP TABLE mixed")


def test_self_test_and_doctor_go_through(front):
    rows = front.admin_rows("SELECT relation, shape, verdict, detail FROM splitplane.selftest(ARRAY['1', '2', '3'])")
    assert {verdict for _, _, verdict, _ in rows} == {"pass"}, rows
    assert {shape for relation, shape, _, _ in rows if relation == "public.orders"} == {"data server", "own rows"}
    assert front.admin_rows("SELECT * FROM splitplane.doctor() WHERE severity <> 'info'") == []


def test_the_audience_is_part_of_the_token(front, servers):
    """A token for other data servers is refused, whatever else is right."""
    front.run("SELECT splitplane.use_data_server('one', 'data-us', 'KEY1', %s)", servers["one"].secret)
    try:
        with front.session() as session:
            session.ask_refused("55000", "SELECT count(*) FROM orders")
    finally:
        front.run("SELECT splitplane.use_data_server('one', %s, 'KEY1', %s)", AUDIENCE, servers["one"].secret)
    assert front.rows("SELECT count(*) FROM orders") == [[100]]
