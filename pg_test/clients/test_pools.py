"""Pools: connections that change hands between tenants, connections that died while idle, PgBouncer in transaction mode."""

import asyncio
import subprocess
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import psycopg
import pytest
from psycopg_pool import ConnectionPool
from splitplane.asyncpg import AsyncClient
from splitplane.psycopg import Client
from splitplane_test.cluster import ROOT
from splitplane_test.session import wait_until

from pg_test.clients.harness import BRAND_A, ENDLESS, Recording
from splitplane_test.pooler import PORT, Pooler
from pg_test.wire.harness import COUNT_SALES, SALES
from splitplane import CallTimeout, Principal

CALLS = 12
UNREACHABLE = 3


@pytest.fixture(scope="module")
def pgbouncer(wire):
    done = subprocess.run([ROOT / "tools/extras.sh"], capture_output=True, text=True, check=False)
    if done.returncode == UNREACHABLE:
        pytest.skip("NOT RUN: PgBouncer could not be fetched (tools/extras.sh)")
    assert done.returncode == 0, done
    with Pooler(wire.cluster, wire.database, [wire.caller], size=2) as running:
        yield running


def counts(client: Client) -> list[tuple[str, int]]:
    """Calls of all tenants at once, each with what it was answered."""

    def one(tenant: str) -> tuple[str, int]:
        return tenant, client.ask(Principal(tenant=tenant), sql=COUNT_SALES).rows[0][0]

    with ThreadPoolExecutor(6) as threads:
        return list(threads.map(one, list(SALES) * CALLS))


async def async_counts(client: AsyncClient) -> list[tuple[str, int]]:
    async def one(tenant: str) -> tuple[str, int]:
        return tenant, (await client.ask(Principal(tenant=tenant), sql=COUNT_SALES)).rows[0][0]

    return await asyncio.gather(*(one(tenant) for tenant in list(SALES) * CALLS))


def test_a_pool_of_psycopg(wire):
    signer = Recording(wire)
    with ConnectionPool(wire.cluster.dsn(wire.database, wire.caller), min_size=1, max_size=3) as pool:
        assert counts(Client(signer, pool)) == list(SALES.items()) * CALLS
    assert len(signer.made) == len(SALES) * CALLS, "nothing was tried again"


def test_a_pool_of_asyncpg(wire):
    async def main():
        where = {"host": wire.cluster.socket_dir, "port": wire.cluster.port, "database": wire.database, "user": wire.caller}
        async with asyncpg.create_pool(**where, min_size=1, max_size=3) as pool:
            return await async_counts(AsyncClient(Recording(wire), pool))

    assert asyncio.run(main()) == list(SALES.items()) * CALLS


def test_connections_that_died_while_idle(wire):
    signer = Recording(wire)
    dsn = wire.cluster.dsn(wire.database, wire.caller, application_name="idle")
    with ConnectionPool(dsn, min_size=2, max_size=2, check=ConnectionPool.check_connection) as pool:
        pool.wait()
        client = Client(signer, pool)
        ended = wire.admin_rows("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'idle'")
        assert len(ended) == 2, "the control: there were connections"
        for _ in range(3):
            assert client.ask(BRAND_A, sql=COUNT_SALES).rows == [(50,)]
    assert len(signer.made) == 3


def pooled(pgbouncer, **options) -> ConnectionPool:
    dsn = f"host={pgbouncer.folder} port={PORT} dbname={pgbouncer.database} user={pgbouncer.roles[0]}"
    return ConnectionPool(dsn, min_size=1, max_size=6, open=True, **options)


@pytest.mark.parametrize("options", [{"prepare_threshold": None}, {"prepare_threshold": 0}], ids=["as in the guide", "prepares at once"])
def test_pgbouncer_and_psycopg(wire, pgbouncer, options):
    """The client itself prepares nothing, whatever the connection would."""
    with pooled(pgbouncer, kwargs=options) as pool:
        assert counts(Client(Recording(wire), pool)) == list(SALES.items()) * CALLS


def test_the_control_statements_that_are_prepared_collide(pgbouncer):
    with pgbouncer.connect(pgbouncer.roles[0]) as one, pgbouncer.connect(pgbouncer.roles[0]) as other:
        one.prepare_threshold = other.prepare_threshold = 0
        with pytest.raises((psycopg.errors.DuplicatePreparedStatement, psycopg.errors.InvalidSqlStatementName)):
            for number in range(8):
                for connection in (one, other):
                    connection.execute(f"SELECT {number}")


def test_pgbouncer_and_asyncpg(wire, pgbouncer):
    async def main():
        where = {"host": str(pgbouncer.folder), "port": PORT, "database": wire.database, "user": wire.caller}
        async with asyncpg.create_pool(**where, min_size=1, max_size=6, statement_cache_size=0) as pool:
            return await async_counts(AsyncClient(Recording(wire), pool))

    assert asyncio.run(main()) == list(SALES.items()) * CALLS


def test_giving_up_through_pgbouncer(wire, pgbouncer):
    """The cancel is forwarded to the server connection that has the statement."""
    with pooled(pgbouncer) as pool:
        client = Client(Recording(wire), pool)
        running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT ask(%%' AND usename = %s"
        with ThreadPoolExecutor(1) as thread:
            seen = thread.submit(wait_until, lambda: wire.run(running, wire.caller) == (1,), 5, "the control: it runs")
            with pytest.raises(CallTimeout):
                client.ask(BRAND_A, sql=ENDLESS, timeout=0.8)
            assert seen.result()
        assert wire.run(running, wire.caller) == (0,)
        assert client.ask(BRAND_A, sql=COUNT_SALES).rows == [(50,)]
