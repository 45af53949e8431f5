"""A pooler in transaction mode between the front database and a data server: each call is one transaction, and so one server session."""

import threading

import pytest

from pg_test.front.pooler import TransactionPooler
from pg_test.front.servers import Front


@pytest.fixture(scope="module")
def pooled(cluster, servers):
    """A front database of its own, whose first data server is behind a pooler with two server connections."""
    with TransactionPooler(servers["one"], 2) as pooler:
        front = Front.build(cluster, servers, "pooled")
        front.run(f"ALTER SERVER one OPTIONS (SET port '{pooler.port}')")
        yield front, pooler


def test_calls_of_two_tenants_through_two_server_connections(pooled):
    front, pooler = pooled
    wrong: list[object] = []

    def ask(tenant: str, lowest: int) -> None:
        with front.session() as session:
            for number in range(12):
                rows = session.ask(f"SELECT count(*), min(total), {number} AS n FROM orders", tenant)["rows"]
                if rows != [[100, lowest, number]]:
                    wrong.append((tenant, rows))

    threads = [threading.Thread(target=ask, args=arguments) for arguments in (("1", 1), ("2", 1000001)) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    # What is left in the pool's sessions: nothing that a client who comes next would see a row by.
    for _ in range(4):
        with pooler.connect() as client:
            assert client.execute("SELECT count(*) FROM public.orders").fetchone() == (0,)


def test_a_call_through_the_pool_runs_with_the_roles_settings(pooled):
    """postgres_fdw's own SET commands may have gone to another session."""
    front, pooler = pooled
    with pooler.connect() as client:
        shown = [
            client.execute(f"SHOW {name}").fetchone()[0]
            for name in ("search_path", "TimeZone", "default_transaction_read_only")
        ]
    assert shown == ["pg_catalog", "GMT", "on"]
    assert front.rows("SELECT count(*) FROM orders") == [[100]]
