"""What a data server takes: a token of one of its keys, whole, in time. A hostile party sets the setting by hand."""

import hashlib
import hmac
import time

import psycopg
import pytest

from pg_test.front.servers import AUDIENCE, PASSWORD


def token(secret: str, tenant: str, *, seconds: float = 30, key: str = "KEY1", audience: str = AUDIENCE) -> str:
    """As the front makes it."""
    expires, named = str(int((time.time() + seconds) * 1000)), tenant.encode().hex()
    signed = "\n".join(["splitplane1", audience, key, expires, named])
    return ".".join(
        ["splitplane1", key, expires, named, hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()]
    )


@pytest.fixture
def server(servers):
    return servers["one"]


@pytest.fixture
def role(server):
    """Whoever holds the password of the front's role, with any SQL."""
    where = f"host=localhost hostaddr=127.0.0.1 port={server.port} dbname={server.database} user=splitplane_front sslmode=require"
    with psycopg.connect(where, password=PASSWORD, autocommit=True) as connection:
        yield connection


def seen(role, setting: str) -> int:
    with role.transaction(force_rollback=True):
        role.execute("SELECT set_config('splitplane_remote.token', %s, true)", (setting,))
        return role.execute("SELECT count(*) FROM public.orders").fetchone()[0]


def test_a_setting_made_by_hand_shows_rows_by_a_good_token_alone(role, server):
    good = token(server.secret, "1")
    assert seen(role, good) == 100
    head, _, mac = good.rpartition(".")
    parts = good.split(".")
    for bad in [
        "",
        "1",
        "tenant 1",
        head,
        good[:-1],
        good + "0",
        good.upper(),
        f"{head}.{'0' * 64}",
        # Another tenant, another moment, another key's name under the same MAC.
        ".".join([*parts[:3], b"2".hex(), mac]),
        ".".join([*parts[:2], str(int(parts[2]) + 1000), *parts[3:]]),
        ".".join([parts[0], "KEY2", *parts[2:]]),
        token("0" * 64, "1"),
        token(server.secret, "1", audience="data-us"),
        token(server.secret, "1", key="KEY9"),
        # A stale one, and one that would last.
        token(server.secret, "1", seconds=-1),
        token(server.secret, "1", seconds=24 * 3600),
        good + "\n",
        " " + good,
    ]:
        assert seen(role, bad) == 0, bad
        with pytest.raises(psycopg.Error) as refused:
            role.execute("SELECT splitplane_remote.remote_claim('', %s)", (bad,))
        assert refused.value.sqlstate == "28000", bad


def test_a_token_ends_while_it_is_held(role, server):
    """The policy looks at the moment again, once a scan."""
    with role.transaction(force_rollback=True):
        role.execute(
            "SELECT set_config('splitplane_remote.token', %s, true)", (token(server.secret, "1", seconds=0.7),)
        )
        assert role.execute("SELECT count(*) FROM public.orders").fetchone() == (100,)
        time.sleep(0.8)
        assert role.execute("SELECT count(*) FROM public.orders").fetchone() == (0,)


def test_the_role_reads_protected_tables_alone(role, server):
    server.run("CREATE TABLE IF NOT EXISTS salaries (tenant_id int, amount int)")
    for statement, state in [
        ("SELECT * FROM splitplane_remote.keys", "42501"),
        ("SELECT * FROM public.salaries", "42501"),
        ("SELECT * FROM splitplane_remote.read_token('x')", "42501"),
        ("SELECT splitplane_remote.create_key('KEYX', 'x')", "42501"),
        ("SELECT splitplane_remote.protect('public.salaries', 'tenant_id')", "42501"),
        ("BEGIN READ WRITE; UPDATE public.orders SET total = 1", "42501"),
        ("SET default_transaction_read_only = off; CREATE TABLE public.mine (a int)", "42501"),
        ("BEGIN READ WRITE; ALTER TABLE public.orders DISABLE ROW LEVEL SECURITY", "42501"),
        ("SET ROLE postgres", "42501"),
        ("UPDATE public.orders SET total = 1", "25006"),
        ("CREATE TEMP TABLE t (a int)", "25006"),
    ]:
        with pytest.raises(psycopg.Error) as refused:
            for part in statement.split("; "):
                role.execute(part)
        assert refused.value.sqlstate == state, (statement, refused.value.sqlstate, str(refused.value))
        role.execute("ROLLBACK")
        role.execute("RESET ALL")


def test_a_claim_in_a_savepoint_ends_with_it(role, server):
    with role.transaction(force_rollback=True):
        role.execute("SELECT splitplane_remote.remote_claim('', %s)", (token(server.secret, "1"),))
        role.execute("SAVEPOINT s")
        role.execute("SELECT splitplane_remote.remote_claim('', %s)", (token(server.secret, "2"),))
        assert role.execute("SELECT min(total) FROM public.orders").fetchone() == (1000001,)
        role.execute("ROLLBACK TO SAVEPOINT s")
        assert role.execute("SELECT min(total) FROM public.orders").fetchone() == (1,)
    assert role.execute("SELECT count(*) FROM public.orders").fetchone() == (0,)


def test_a_key_is_changed_without_a_call_refused(front, server):
    """The new one is made on the data server first, which then knows both; the old one goes last."""
    with front.session() as session:
        count = "SELECT count(*) FROM orders"
        secret = server.new_key("KEY2")
        assert session.value(count) == 100
        front.run("SELECT splitplane.use_data_server('one', %s, 'KEY2', %s)", AUDIENCE, secret)
        assert session.value(count) == 100
        server.run("SELECT splitplane_remote.drop_key('KEY1')")
        assert session.value(count) == 100
        # A front that still has the old one is refused.
        front.run("SELECT splitplane.use_data_server('one', %s, 'KEY1', %s)", AUDIENCE, server.secret)
        session.ask_refused("55000", count)
        server.secret = server.new_key("KEY1")
        front.run("SELECT splitplane.use_data_server('one', %s, 'KEY1', %s)", AUDIENCE, server.secret)
        assert session.value(count) == 100


def test_a_secret_is_in_no_table_as_it_is(front, server):
    row = front.run(
        "SELECT data_servers::text, encode(sealed, 'escape') FROM splitplane.data_servers WHERE server = 'one'"
    )
    assert server.secret not in row[0] + row[1]
    assert server.secret not in server.run("SELECT keys::text FROM splitplane_remote.keys")
