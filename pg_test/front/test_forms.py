"""Data servers that take no claims: the forms `barrier` and `materialized`, on a server where nothing of splitplane is.

Tenants 1 and 2 lie on it. The control of each test is that the rows of tenant 2 are there, and that a view of another kind, or the
table itself, shows them to a condition that raises an error over them.
"""

import psycopg
import pytest

from pg_test.ablation.bench import TREE, TestCluster
from pg_test.front.servers import ROWS, SCHEMA, VIEWS, DataServer, Unclaimed
from pg_test.front.test_answers import QUERIES
from pg_test.wire.audited import audited, lines

COUNT = "SELECT count(*) FROM orders"
# Over every row of tenant 2, and none of tenant 1, it raises an error.
OVERFLOW = "SELECT count(*) FROM orders WHERE (total * 3000) > 0"
TENANTS = ("1", "2")
FORMS = ("barrier", "materialized")


@pytest.fixture(scope="module")
def server():
    with DataServer([1, 2]) as running:
        running.createdb(running.database)
        running.psql(running.database, SCHEMA)
        running.psql(running.database, ROWS, variables={"tenants": "{1,2}"})
        running.psql(running.database, VIEWS)
        yield running


@pytest.fixture(scope="module", params=FORMS)
def front(request, cluster, server):
    return Unclaimed.build(cluster, server, request.param)


def form_of(front) -> str:
    return front.database.removeprefix("front_")


@pytest.mark.parametrize("sql", QUERIES)
def test_an_answer_is_the_tenants(front, oracle, sql):
    for tenant in TENANTS:
        assert front.rows(sql, tenant) == oracle(sql, int(tenant))


def test_the_hidden_rows_are_there(server):
    """The control: the role that the front database logs in as sees the rows of both tenants, and is asked for no claim."""
    assert server.run("SET ROLE reporting; SELECT tenant_id, count(*) FROM api.orders GROUP BY 1 ORDER BY 1").endswith(
        "1|100\n2|100"
    )


def test_a_condition_is_never_evaluated_over_other_rows(front, server):
    """Asked by hand, without the tenant's condition, it raises an error on the same server."""
    assert front.rows(OVERFLOW) == [[100]]
    with pytest.raises(Exception, match="out of range"):
        server.run(OVERFLOW)


def test_a_condition_as_cheap_as_the_tenants_waits(front, server):
    """`'ab' LIKE note` raises an error over a note that ends in a backslash, as all of tenant 2's do here. By hand, with the tenant's
    condition beside it, it fails over the table: the control.
    """
    server.run(r"UPDATE orders SET note = 'a\' WHERE tenant_id = 2")
    try:
        assert front.rows("SELECT count(*) FROM orders WHERE 'ab' LIKE note") == [[0]]
        by_hand = "SELECT count(*) FROM orders WHERE (('ab' LIKE note)) AND ((tenant_id = 1))"
        with pytest.raises(Exception, match="must not end with escape character"):
            server.run(f"SET enable_indexscan = off; SET enable_bitmapscan = off; {by_hand}")
        with front.session() as session:
            session.ask_refused("22025", "SELECT count(*) FROM orders WHERE 'ab' LIKE note", "2")
    finally:
        server.run("UPDATE orders SET note = 'of 2' WHERE tenant_id = 2")


def test_what_is_sent(front, server):
    """A security barrier view is asked for sums, a materialised fence for the tenant's rows alone. From the data server's own log."""
    sql = "SELECT sum(total) FROM orders WHERE total > 3"
    rows = []
    sent = server.fetched_by("reporting", lambda: rows.extend(front.rows(sql)))
    assert rows == [[sum(range(4, 101))]]
    (text,) = [text for text in sent if "FROM api.orders" in text]
    assert "((tenant_id = 1))" in text
    if form_of(front) == "barrier":
        assert "sum(total)" in text and "(total > 3)" in text
    else:
        assert "sum(" not in text and "total > 3" not in text


CHANGES = {
    "no barrier": ("ALTER VIEW api.orders RESET (security_barrier)", "ALTER VIEW api.orders SET (security_barrier)"),
    "made anew": (
        "CREATE OR REPLACE VIEW api.orders AS SELECT tenant_id, order_id, store_id, total, note FROM public.orders",
        "ALTER VIEW api.orders SET (security_barrier)",
    ),
    "with LIMIT": (
        "CREATE OR REPLACE VIEW api.orders WITH (security_barrier) AS "
        "SELECT tenant_id, order_id, store_id, total, note FROM public.orders LIMIT 1000000",
        "CREATE OR REPLACE VIEW api.orders WITH (security_barrier) AS SELECT tenant_id, order_id, store_id, total, note FROM public.orders",
    ),
    "a table in its place": (
        "ALTER VIEW api.orders RENAME TO kept; CREATE TABLE api.orders AS TABLE public.orders; GRANT SELECT ON api.orders TO reporting",
        "DROP TABLE api.orders; ALTER VIEW api.kept RENAME TO orders",
    ),
}
OF_EACH_FORM = {
    "a superuser": ("ALTER ROLE reporting SUPERUSER", "ALTER ROLE reporting NOSUPERUSER"),
    "past policies": ("ALTER ROLE reporting BYPASSRLS", "ALTER ROLE reporting NOBYPASSRLS"),
    "a member": ("GRANT pg_read_all_data TO reporting", "REVOKE pg_read_all_data FROM reporting"),
    "its owner": (
        f"ALTER VIEW api.orders OWNER TO reporting",
        "ALTER VIEW api.orders OWNER TO CURRENT_USER; GRANT SELECT ON api.orders TO reporting",
    ),
    "another type": (
        "ALTER VIEW api.orders RENAME TO kept; CREATE VIEW api.orders WITH (security_barrier) AS "
        "SELECT tenant_id::numeric, order_id, store_id, total, note FROM public.orders; GRANT SELECT ON api.orders TO reporting",
        "DROP VIEW api.orders; ALTER VIEW api.kept RENAME TO orders",
    ),
}


@pytest.mark.parametrize("name", [*CHANGES, *OF_EACH_FORM])
def test_a_change_there_is_seen_by_the_next_call(front, server, name):
    """A materialised fence does not rest on the view: it answers, and right. doctor() says what is refused."""
    change, back = {**CHANGES, **OF_EACH_FORM}[name]
    told = "SELECT object FROM splitplane.doctor() WHERE starts_with(finding, 'On its data server: ')"
    is_refused = name in OF_EACH_FORM or form_of(front) == "barrier"
    with front.session() as session:
        assert session.value(COUNT) == 100
        server.run(change)
        try:
            if is_refused:
                error = session.ask_refused("55000", COUNT)
                assert "api" not in str(error) and "localhost" not in str(error)
                assert "public.orders_data" in {
                    f"public.{o.removeprefix('public.')}" for (o,) in front.admin_rows(told)
                }
            else:
                assert session.value(COUNT) == 100
                assert session.value(OVERFLOW) == 100
                assert front.admin_rows(told) == []
        finally:
            server.run(back)
        assert session.value(COUNT) == 100
        assert front.admin_rows(told) == []


# What doctor() says of each form.
SAID = {
    "barrier": "It takes no claims: the tenant's condition in what is sent is the only fence of its rows, and security barrier views there keep other conditions behind it.",
    "materialized": "It takes no claims: the tenant's condition in what is sent is the only fence of its rows. All rows of the tenant are fetched, and everything else is computed here.",
}


def test_doctor_warns_each_time(front):
    said = front.admin_rows(
        "SELECT severity, finding FROM splitplane.doctor() WHERE object = 'data' AND severity <> 'info'"
    )
    assert [severity for severity, _ in said] == ["warning"]
    form = form_of(front)
    assert said[0][1] == SAID[form]
    front.run("ALTER SERVER data OPTIONS (ADD extensions 'splitplane_remote')")
    both = front.admin_rows("SELECT finding FROM splitplane.doctor() WHERE object = 'data' AND severity <> 'info'")
    assert sorted(both) == sorted([(SAID[form],), ("It has the option extensions: what that names is sent there.",)])
    front.run("ALTER SERVER data OPTIONS (DROP extensions)")


def test_selftest_goes_through_and_says_so(front):
    rows = front.admin_rows("SELECT shape, verdict, detail FROM splitplane.selftest(ARRAY['1', '2'])")
    assert rows and {verdict for _, verdict, _ in rows} == {"pass"}, rows
    seen = [detail for shape, _, detail in rows if shape == "data server"]
    assert seen and all(
        "takes no claims; 100 rows there of its own, and 100 of others" in s or "takes no claims; 5 rows" in s
        for s in seen
    )


def test_the_answer_says_so(front):
    with front.session() as session:
        assert session.ask(COUNT)["data_server"] == form_of(front)
        assert "data_server" not in session.ask("SELECT 1 AS one")
        dry = session.call(front.sign(COUNT), COUNT, function="ask_dry_run")
        assert dry["data_server"] == form_of(front) and dry["proved"]["row_level_security"] is False
        assert ("NOT MATERIALIZED" in dry["plane_sql"]) == (form_of(front) == "barrier")


def test_what_is_refused_still_is(front):
    with front.session() as session:
        session.ask_refused("42P01", "SELECT count(*) FROM orders_data")
        session.ask_refused("42P01", 'SELECT count(*) FROM splitplane_remote."data/pg_class"')
        session.ask_refused("42703", "SELECT tenant_id FROM orders")
        session.ask_refused("22012", "SELECT total / (total - 7) FROM orders")
        session.ask_refused("0A000", "SELECT 1 FROM orders FOR UPDATE")


def test_a_form_is_chosen_in_so_many_words(front):
    secret = "0" * 64
    for arguments, state in (
        ("'data'", "22023"),
        (f"'data', 'eu', 'KEY1', '{secret}', form => 'barrier'", "22023"),
        ("'data', form => 'none'", "22023"),
        ("'data', form => NULL", "22023"),
        ("'nowhere', form => 'barrier'", "42704"),
    ):
        with pytest.raises(psycopg.Error) as error:
            front.run(f"SELECT splitplane.use_data_server({arguments})")
        assert error.value.sqlstate == state, str(error.value)
    assert front.rows(COUNT) == [[100]]


def test_a_server_that_is_down_and_one_that_is_forgotten(front, server):
    with front.session() as session:
        assert session.value(COUNT) == 100
        server._halt("fast")
        try:
            session.ask_refused("08006", COUNT)
        finally:
            server._launch()
        assert session.value(COUNT) == 100
    front.run("CREATE SERVER spare FOREIGN DATA WRAPPER postgres_fdw")
    tables = (
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'splitplane_remote'::regnamespace AND relname LIKE 'spare%'"
    )
    front.run("SELECT splitplane.use_data_server('spare', form => 'barrier')")
    assert front.run(tables) == (7,)
    front.run("SELECT splitplane.use_data_server('spare', 'eu', 'KEY1', %s)", "0" * 64)
    assert front.run(tables) == (1,)
    front.run("SELECT splitplane.forget_data_server('spare')")
    assert front.run(tables) == (0,)
    front.run("DROP SERVER spare")


def test_the_audit_log_has_the_form(server):
    """Of calls that end with rows and with an error over rows; not of a statement that names no table."""
    with audited() as cluster:
        for form in FORMS:
            front = Unclaimed.build(cluster, server, form)
            with front.session() as session:
                assert session.value(COUNT) == 100
                session.ask_refused("22012", "SELECT 1 / (order_id - 7) FROM orders")
                assert session.value("SELECT 1") == 1
            calls = [entry for entry in lines(cluster) if entry["event"] == "call"][-3:]
            assert [(entry["outcome"], entry["details"].get("data_server")) for entry in calls] == [
                ("answered", form),
                ("error", form),
                ("answered", None),
            ]


@pytest.fixture(scope="module", params=FORMS)
def ablated(request, server):
    """A front database of the build whose fences can be taken away."""
    if not list(TREE.glob("usr/lib/postgresql/*/lib/splitplane.so")):
        pytest.skip("there is no build for ablation: run tools/install-extension.sh --ablation")
    with TestCluster(settings={"splitplane.deadline": "60s"}) as cluster:
        yield Unclaimed.build(cluster, server, request.param)


def test_the_proof_refuses_a_fence_that_lost_its_condition(ablated):
    """The condition is all that keeps tenants apart here: without the proof as well, the rows of both are counted."""
    with ablated.session() as session:
        assert session.value(COUNT) == 100
    with ablated.session(ablated.role(splitplane__ablate="filter_text")) as session:
        session.ask_refused("42501", COUNT)
    with ablated.session(ablated.role(splitplane__ablate="filter_text,proof")) as session:
        assert session.value(COUNT) == 200
