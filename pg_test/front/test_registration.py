"""What can be a directory of data servers, what becomes of it, and who is told."""

import psycopg
import pytest

from pg_test.front.servers import AUDIENCE

COUNT = "SELECT count(*) FROM orders"
SCOPE = '{"tenant_id": "tenant"}'


def refused(front, statement: str, state: str) -> str:
    with pytest.raises(psycopg.Error) as error:
        front.run(statement)
    assert error.value.sqlstate == state, str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("CREATE TABLE odd (tenant_id int, a int)", "not partitioned by LIST"),
        ("CREATE TABLE odd (tenant_id int, a int) PARTITION BY RANGE (tenant_id)", "not partitioned by LIST"),
        ("CREATE TABLE odd (tenant_id int, a int) PARTITION BY LIST (a)", "not partitioned by LIST"),
        ("CREATE TABLE odd (tenant_id numeric, a int) PARTITION BY LIST (tenant_id)", "has type numeric"),
        ('CREATE TABLE odd (tenant_id text, a int) PARTITION BY LIST (tenant_id COLLATE "en-x-icu")', "another order"),
        (
            "CREATE TABLE odd (tenant_id int, a int) PARTITION BY LIST (tenant_id); CREATE TABLE odd_1 PARTITION OF odd FOR VALUES IN (1)",
            "not a foreign table",
        ),
        (
            "CREATE TABLE odd (tenant_id int, a int) PARTITION BY LIST (tenant_id); CREATE SERVER IF NOT EXISTS unknown FOREIGN DATA WRAPPER postgres_fdw;"
            "CREATE FOREIGN TABLE odd_1 PARTITION OF odd FOR VALUES IN (1) SERVER unknown",
            "use_data_server",
        ),
    ],
)
def test_a_table_that_cannot_be_a_directory(front, table, words):
    with front.admin() as admin:
        for statement in table.split("; "):
            admin.execute(statement)
    try:
        assert words in refused(front, f"SELECT splitplane.protect_remote('odd', '{SCOPE}')", "0A000")
    finally:
        front.run("DROP TABLE odd")


def test_a_scope_other_than_the_tenant(front):
    for scope in (
        '{"tenant_id": "tenant or null"}',
        '{"tenant_id": "business"}',
        '{"tenant_id": "tenant", "store_id": "stores"}',
        "{}",
    ):
        refused(front, f"SELECT splitplane.protect_remote('orders', '{scope}')", "0A000")


def test_a_directory_is_nothing_else(front):
    for statement in (
        "SELECT splitplane.share('orders')",
        'SELECT splitplane.protect(\'orders\', \'{"tenant_id": "tenant", "store_id": "stores"}\')',
        "SELECT splitplane.arm_tripwire('orders', '77')",
        "SELECT splitplane.forget_data_server('one')",
    ):
        with pytest.raises(psycopg.Error) as error:
            front.run(statement)
        assert error.value.sqlstate in ("0A000", "2BP01"), str(error.value)
    assert front.rows(COUNT) == [[100]]


def test_a_partition_that_is_attached_later(front, servers):
    """It is refused until the table is registered again, and doctor says so."""
    front.run(
        "CREATE FOREIGN TABLE orders_new PARTITION OF orders FOR VALUES IN (9) SERVER two OPTIONS (table_name 'orders')"
    )
    try:
        with front.session() as session:
            session.ask_refused(("42501", "55000"), COUNT, "9")
            assert session.value(COUNT) == 100
        assert ("public.orders_new",) in front.admin_rows(
            "SELECT object FROM splitplane.doctor() WHERE severity = 'warning'"
        )
        front.protect_remote("orders", ["order_id", "store_id", "total", "note"])
        assert front.rows(COUNT, "9") == [[0]]
        assert front.admin_rows("SELECT object FROM splitplane.doctor() WHERE severity <> 'info'") == []
    finally:
        front.run("DROP FOREIGN TABLE orders_new")
    assert front.rows(COUNT) == [[100]]


def test_columns_left_out_cannot_be_read(front):
    front.protect_remote("orders", ["order_id", "total"])
    try:
        with front.session() as session:
            assert session.value(COUNT) == 100
            session.ask_refused("42703", "SELECT note FROM orders")
            session.ask_refused("42703", "SELECT tenant_id FROM orders")
        grants = "SELECT has_column_privilege('splitplane_reader', 'orders_one', c, 'SELECT') FROM unnest(ARRAY['note', 'total']) AS c"
        assert front.admin_rows(grants) == [(False,), (True,)]
    finally:
        front.protect_remote("orders", ["order_id", "store_id", "total", "note"])


def test_it_leaves_as_it_came(front):
    front.run("SELECT splitplane.unprotect('stores')")
    try:
        assert front.run("SELECT has_any_column_privilege('splitplane_reader', 'stores_one', 'SELECT')") == (False,)
        assert front.run("SELECT count(*) FROM splitplane.directories WHERE relation = 'stores'::regclass") == (0,)
        with front.session() as session:
            session.ask_refused("42P01", "SELECT count(*) FROM stores")
        # Without its registration it is one of the tables that this server cannot protect.
        refused(front, f"SELECT splitplane.protect('stores', '{SCOPE}')", "0A000")
    finally:
        front.protect_remote("stores", ["store_id", "city"])
    assert front.rows("SELECT count(*) FROM stores") == [[5]]


def test_views_and_verified_queries_over_a_directory(front):
    front.run("SELECT splitplane.define_view('big_orders', 'SELECT order_id, total FROM orders WHERE total > 90')")
    try:
        assert front.rows("SELECT count(*) FROM big_orders") == [[10]]
        assert front.rows("SELECT count(*) FROM big_orders b JOIN stores s ON s.store_id = b.order_id % 5", "2") == [
            [100]
        ]
    finally:
        front.run("SELECT splitplane.undefine_view('big_orders')")


def test_a_hidden_directory_is_read_through_a_view(front):
    front.run(f"SELECT splitplane.protect_remote('orders', '{SCOPE}', hidden => true)")
    try:
        front.run(
            "SELECT splitplane.define_view('order_totals', 'SELECT store_id, sum(total) AS total FROM orders GROUP BY store_id')"
        )
        with front.session() as session:
            session.ask_refused("42P01", COUNT)
            assert session.value("SELECT sum(total) FROM order_totals") == 5050
        front.run("SELECT splitplane.undefine_view('order_totals')")
    finally:
        front.protect_remote("orders", ["order_id", "store_id", "total", "note"])


def test_tables_of_this_server_beside_those_of_a_data_server(front):
    front.run("CREATE TABLE goals (tenant_id int, goal int)")
    front.run("INSERT INTO goals VALUES (1, 10), (2, 20)")
    front.protect("goals", {"tenant_id": "tenant"}, ["goal"])
    try:
        assert front.rows("SELECT count(*), max(goal) FROM orders, goals WHERE total > goal") == [[90, 10]]
    finally:
        front.run("SELECT splitplane.unprotect('goals')")
        front.run("DROP TABLE goals")


def test_the_plan_and_the_sql_can_be_seen_before_a_call(front):
    """Nothing is asked of the data server then."""
    with front.session() as session:
        document = session.call(front.sign(COUNT), COUNT, function="ask_dry_run")
        assert document["plane_sql"].count("public.orders_one") == 1


def test_the_same_text_again_and_again(front):
    """Statements over data servers are proved anew each time."""
    with front.session() as session:
        for _ in range(4):
            assert session.value(COUNT) == 100
        assert session.value("SELECT min(total) FROM orders", "2") == 1000001


def test_use_data_server_wants_what_create_key_has_shown(front):
    refused(front, f"SELECT splitplane.use_data_server('one', '{AUDIENCE}', 'KEY1', 'short')", "22023")
    refused(front, f"SELECT splitplane.use_data_server('nowhere', '{AUDIENCE}', 'KEY1', '{'0' * 64}')", "42704")
