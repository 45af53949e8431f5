"""What Citus keeps elsewhere stays outside the plane: each of its kinds of tables, by each way of registering one."""

import psycopg
import pytest

from pg_test.citus.shop import Shop

DISTRIBUTED = "cannot be in the plane: Citus keeps its rows in shards, and this server has no cluster key"


@pytest.fixture(scope="module")
def shop(nodes):
    """A plane with one table that is the coordinator's own."""
    return Shop.on(
        nodes,
        "refusals",
        "CREATE TABLE notes (tenant_id int NOT NULL, note text)",
        "INSERT INTO notes VALUES (1, 'own'), (2, 'foreign')",
        "SELECT splitplane.protect('notes', '{\"tenant_id\": \"tenant\"}')",
    )


# How each kind of table is made; where one statement is not enough the second has a transaction of its own.
KINDS = {
    "hash-distributed": ["CREATE TABLE {t} (tenant_id int NOT NULL, total int)", "SELECT create_distributed_table('{t}', 'tenant_id')"],
    "single shard": ["CREATE TABLE {t} (tenant_id int NOT NULL, total int)", "SELECT create_distributed_table('{t}', NULL)"],
    "append": [
        "CREATE TABLE {t} (tenant_id int NOT NULL, total int)",
        "SELECT create_distributed_table('{t}', 'tenant_id', 'append')",
    ],
    "range": [
        "CREATE TABLE {t} (tenant_id int NOT NULL, total int)",
        "SELECT create_distributed_table('{t}', 'tenant_id', 'range')",
    ],
    "reference": ["CREATE TABLE {t} (tenant_id int NOT NULL, total int)", "SELECT create_reference_table('{t}')"],
    "local in metadata": [
        "CREATE TABLE {t} (tenant_id int NOT NULL, total int)",
        "SELECT citus_add_local_table_to_metadata('{t}')",
    ],
    "partitioned": [
        "CREATE TABLE {t} (tenant_id int NOT NULL, total int) PARTITION BY RANGE (total)",
        "CREATE TABLE {t}_low PARTITION OF {t} FOR VALUES FROM (0) TO (1000)",
        "SELECT create_distributed_table('{t}', 'tenant_id')",
    ],
    "columnar, distributed": [
        "CREATE EXTENSION citus_columnar",
        "CREATE TABLE {t} (tenant_id int NOT NULL, total int) USING columnar",
        "SELECT create_distributed_table('{t}', 'tenant_id')",
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_table_of_citus_is_registered(shop, kind):
    name = "kind_" + "".join(letter if letter.isalpha() else "_" for letter in kind)
    for statement in KINDS[kind]:
        shop.run(statement.format(t=name))
    expected = "0A000", f"public.{name} {DISTRIBUTED}"
    assert shop.refused(f"SELECT splitplane.protect('{name}', '{{\"tenant_id\": \"tenant\"}}')") == expected
    assert shop.refused(f"SELECT splitplane.share('{name}')") == expected
    assert shop.admin_rows("SELECT polname FROM pg_policy WHERE polrelid = %s::regclass", name) == []
    assert shop.findings("critical") == []
    assert shop.admin_rows("SELECT relation FROM splitplane.propose() WHERE relation = %s::regclass AND statement IS NOT NULL", name) == []
    # The control: the plane goes on answering beside it.
    assert shop.answer("SELECT note FROM notes") == [["own"]]


def test_no_child_of_a_distributed_table_is_registered(shop):
    shop.run("CREATE TABLE heads (tenant_id int, id int, PRIMARY KEY (tenant_id, id))")
    shop.run("CREATE TABLE bodies (tenant_id int, id int, head int, FOREIGN KEY (tenant_id, head) REFERENCES heads (tenant_id, id))")
    shop.run("SELECT create_distributed_table('heads', 'tenant_id')")
    shop.run("SELECT create_distributed_table('bodies', 'tenant_id')")
    expected = "0A000", f"public.bodies {DISTRIBUTED}"
    assert shop.refused("SELECT splitplane.protect_through('bodies', 'heads', columns => ARRAY['id'])") == expected


def test_schema_based_sharding(shop):
    shop.run("CREATE SCHEMA brand")
    shop.run("SELECT citus_schema_distribute('brand')")
    shop.run("CREATE TABLE brand.orders (tenant_id int NOT NULL, total int)")
    expected = "0A000", f"brand.orders {DISTRIBUTED}"
    assert shop.refused("SELECT splitplane.protect('brand.orders', '{\"tenant_id\": \"tenant\"}')") == expected


def test_without_propagation_of_ddl(shop):
    """With propagation off Citus lets every policy pass, and no shard has any."""
    shop.run("CREATE TABLE silent (tenant_id int NOT NULL, total int)")
    shop.run("SELECT create_distributed_table('silent', 'tenant_id')")
    with shop.admin() as admin:
        admin.execute("SET citus.enable_ddl_propagation = off")
        with pytest.raises(psycopg.Error) as error:
            admin.execute("SELECT splitplane.protect('silent', '{\"tenant_id\": \"tenant\"}')")
        assert (error.value.sqlstate, error.value.diag.message_primary) == ("0A000", f"public.silent {DISTRIBUTED}")
        # The control: a policy by hand is made without a word.
        admin.execute("CREATE POLICY by_hand ON silent AS RESTRICTIVE FOR SELECT USING (tenant_id = (SELECT 1))")
        admin.execute("DROP POLICY by_hand ON silent")


def test_a_fenced_table_is_not_distributed(shop):
    """Citus refuses the policies; with propagation off too, since it makes them on the shards itself."""
    shop.run("CREATE TABLE later (tenant_id int NOT NULL, total int)")
    shop.run("SELECT splitplane.protect('later', '{\"tenant_id\": \"tenant\"}')")
    for statement in ("SELECT create_distributed_table('later', 'tenant_id')", "SELECT citus_add_local_table_to_metadata('later')"):
        state, message = shop.refused(statement)
        assert state == "0A000" and message.startswith("cannot create policy")
    shop.run("SELECT splitplane.unprotect('later')")


def test_a_table_that_became_one_of_citus_shuts_the_plane(shop):
    """A shared table has no policy that Citus would refuse."""
    shop.run("CREATE TABLE menu (id int, item text)")
    shop.run("INSERT INTO menu VALUES (1, 'tea')")
    shop.run("SELECT splitplane.share('menu')")
    assert shop.answer("SELECT item FROM menu") == [["tea"]]
    shop.run("SELECT create_reference_table('menu')")
    assert shop.findings("critical") == [
        ("public.menu", "Row-level security of this server does not bind all of its rows: Citus keeps its rows in shards, and this server has no cluster key.")
    ]
    for sql in ("SELECT item FROM menu", "SELECT note FROM notes"):
        assert shop.answer(sql)[0] == "55000"
    shop.run("SELECT splitplane.unprotect('menu')")
    assert shop.findings("critical") == []
    assert shop.answer("SELECT note FROM notes") == [["own"]]


def test_a_call_beside_citus_runs_on_this_server_alone(shop, nodes):
    """Tables of this server's own are answered as ever, without parameters too: an empty list of them ended a server with Citus."""
    before = nodes.coordinator.pid, nodes.coordinator.log_text().count("terminated by signal")
    assert shop.answer("SELECT 1 + 1") == [[2]]
    assert shop.answer("SELECT count(*) FROM notes", tenant="2") == [[1]]
    assert (nodes.coordinator.pid, nodes.coordinator.log_text().count("terminated by signal")) == before
