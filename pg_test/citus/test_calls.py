"""What a call leaves behind on the nodes, which limits hold there, and what somebody finds who comes to a node without one."""

import re
import time

import pytest

from pg_test.citus.shop import Shop

TABLES = """
CREATE TABLE orders (tenant_id int NOT NULL, order_id int NOT NULL, total int NOT NULL, PRIMARY KEY (tenant_id, order_id));
CREATE TABLE rates (code text PRIMARY KEY, rate int NOT NULL);
SELECT create_distributed_table('orders', 'tenant_id'), create_reference_table('rates');
INSERT INTO orders SELECT t, o, o * 10 + t FROM generate_series(1, 9) AS t, generate_series(1, 400) AS o;
INSERT INTO rates VALUES ('a', 1), ('b', 2);
"""
REGISTER = """
SELECT splitplane.protect('orders', '{"tenant_id": "tenant"}');
SELECT splitplane.share('rates');
"""
ROWS = [[400, 11, 4001]]
LOOK = "SELECT count(*), min(total), max(total) FROM orders"
PINNED = ("TimeZone", "DateStyle", "search_path", "statement_timeout", "transaction_read_only", "work_mem", "client_min_messages", "row_security")


@pytest.fixture(scope="module")
def shop(keyed):
    shop = Shop.on(keyed, "calls", TABLES)
    shop.let_the_reader_in()
    for statement in REGISTER.strip().splitlines():
        shop.run(statement)
    return shop


def settings(session):
    return [session.execute("SELECT current_setting(%s)", (name,)).fetchone()[0] for name in PINNED]


def as_reader(session, statement):
    """In this session, as the reader and outside of a call: what the reader's sessions on the nodes still give."""
    session.execute("SET LOCAL ROLE splitplane_reader")
    try:
        return session.execute(statement).fetchone()[0]
    finally:
        session.execute("RESET ROLE")


def test_after_a_call_in_an_open_transaction_nothing_is_seen_and_nothing_has_changed(shop):
    with shop.connect("postgres", autocommit=False) as session:
        session.execute("SET TimeZone = 'Asia/Tokyo'; SET work_mem = '7MB'; SET statement_timeout = '50s'")
        before = settings(session)
        for tenant, least in (("1", 11), ("2", 12), ("1", 11)):
            assert shop.answer(LOOK, tenant, session)[0][:2] == [400, least]
            assert settings(session) == before
            assert session.execute("SELECT current_user").fetchone() == ("postgres",)
            for statement in ("SELECT count(*) FROM public.orders", "SELECT count(*) FROM public.orders WHERE tenant_id = 1", "SELECT count(*) FROM public.rates"):
                assert as_reader(session, statement) == 0, statement
        assert session.execute("SELECT count(*) FROM orders").fetchone() == (3_600,), "the control"
        session.execute("INSERT INTO rates VALUES ('z', 1)")
        session.rollback()


def test_after_a_call_that_failed_likewise(shop):
    with shop.connect("postgres", autocommit=False) as session:
        before = settings(session)
        session.execute("SAVEPOINT before")
        assert shop.answer("SELECT 1 / (order_id - 7) FROM orders", session=session)[0] == "22012"
        session.execute("ROLLBACK TO before")
        assert settings(session) == before
        assert as_reader(session, "SELECT count(*) FROM public.orders WHERE tenant_id = 1") == 0
        assert shop.answer(LOOK, session=session) == ROWS


def test_calls_leave_nothing_open(shop, keyed):
    """What is left of a subtransaction that is released is named in the log."""
    with shop.connect("postgres") as session:
        for _ in range(3):
            assert shop.answer(LOOK, session=session) == ROWS
            assert shop.answer("SELECT code FROM rates ORDER BY code", session=session) == [["a"], ["b"]]
            assert shop.answer("SELECT order_id FROM orders ORDER BY order_id LIMIT 1", session=session) == [[1]]
    for node in keyed:
        assert not re.search("was not closed|leak|TRAP", node.log_text())


def test_the_answer_is_cut_on_the_nodes(shop):
    with shop.connect("postgres") as session:
        session.execute("SET splitplane.max_rows = 3")
        started = time.monotonic()
        assert shop.answer("SELECT a.order_id FROM orders a, orders b, orders c", session=session) == [[1]] * 3
        assert time.monotonic() - started < 5
        assert shop.answer("SELECT order_id FROM orders ORDER BY order_id DESC", session=session) == [[400], [399], [398]]


@pytest.mark.parametrize(
    "setting, query, state",
    [
        ("splitplane.max_memory = '32MB'", "SELECT length(string_agg(repeat('x', 1000), '')) FROM orders a, orders b", "53400"),
        ("splitplane.max_temp_files = '2MB'", "SELECT count(*) FROM (SELECT DISTINCT a.order_id, b.order_id, c.order_id FROM orders a, orders b, orders c WHERE c.order_id < 20) AS x", "53400"),
        ("splitplane.deadline = '1500ms'", "SELECT count(*) FROM orders a, orders b, orders c", "57014"),
    ],
)
def test_limits_of_a_call_hold_on_the_nodes(shop, keyed, setting, query, state):
    with shop.connect("postgres") as session:
        session.execute(f"SET {setting}")
        assert shop.answer(query, session=session)[0] == state
        session.execute("RESET ALL")
        assert shop.answer(LOOK, session=session) == ROWS


@pytest.mark.parametrize(
    "setting",
    [
        "citus.limit_clause_row_fetch_count = 1",
        "citus.count_distinct_error_rate = 0.5",
        "citus.subquery_pushdown = on",
        "citus.enable_router_execution = off",
        "citus.propagate_set_commands = 'none'",
        "citus.log_remote_commands = on",
        "citus.enable_fast_path_router_planner = off",
        "citus.coordinator_aggregation_strategy = 'disabled'",
    ],
)
def test_settings_of_citus_change_no_answer(shop, setting):
    query = "SELECT count(DISTINCT order_id), max(total) FROM (SELECT * FROM orders ORDER BY total DESC LIMIT 2) AS best"
    with shop.connect(shop.caller) as session:
        session.execute(f"SET {setting}")
        assert shop.answer(query, session=session) == [[2, 4001]]


def test_a_function_that_runs_as_its_owner_is_refused_on_nodes(shop, keyed):
    shop.run("CREATE FUNCTION whose(tenant int) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::bigint'")
    shop.run("SELECT splitplane.allow_function('whose(int)')")
    state, message = shop.answer("SELECT whose(order_id) FROM orders")
    assert state == "42501", message


def test_local_and_distributed_tables_do_not_mix(shop):
    shop.run("CREATE TABLE here (tenant_id int NOT NULL, one int)")
    shop.run("""SELECT splitplane.protect('here', '{"tenant_id": "tenant"}')""")
    assert shop.answer("SELECT count(*) FROM here") == [[0]]
    state, message = shop.answer("SELECT count(*) FROM here, orders")
    assert state == "0A000" and "this server" in message


def test_a_key_that_a_worker_does_not_have(shop, keyed):
    worker = keyed.workers[0]
    file = worker.data_dir / "splitplane_cluster.key"
    text = file.read_text()
    answers = lambda: [shop.answer(LOOK, str(tenant))[0][0] for tenant in range(1, 10)]  # noqa: E731
    assert answers() == [400] * 9, "the control"
    try:
        file.write_text(text.replace("5a", "5b"))
        worker.psql("postgres", "SELECT pg_reload_conf()")
        time.sleep(1)
        found = set(answers())
        assert found <= {0, 400} and 0 in found
    finally:
        file.write_text(text)
        worker.psql("postgres", "SELECT pg_reload_conf()")
        time.sleep(1)
    assert answers() == [400] * 9


def test_without_a_key_here_no_call_leaves(shop, keyed):
    file = keyed.coordinator.data_dir / "splitplane_cluster.key"
    text = file.read_text()
    try:
        file.write_text("cluster test\n")
        keyed.coordinator.psql("postgres", "SELECT pg_reload_conf()")
        time.sleep(1)
        assert shop.answer(LOOK)[0] == "55000"
    finally:
        file.write_text(text)
        keyed.coordinator.psql("postgres", "SELECT pg_reload_conf()")
        time.sleep(1)
    assert shop.answer(LOOK) == ROWS
