"""Calls that end early: the client gives up, time is over, the database goes, too many at a time."""

import asyncio
import time

import anyio
import pytest
from mcp import MCPError
from splitplane_test.session import wait_until

from pg_test.mcp.world import LEGACY, MODERN, ROLE, SLOW

NOT_AVAILABLE = "The database cannot be reached. Try again later."


@pytest.mark.parametrize("gives_up", ["cancels", "times out"])
def test_a_client_that_gives_up(server, setup, issuer, version, gives_up):
    """The statement ends in the server, its connection is kept for the next call, and the log has no more than a line of it."""
    active = f"SELECT pid FROM pg_stat_activity WHERE usename = '{ROLE}' AND state = 'active'"
    backends = []

    def look():
        backends.extend(wait_until(lambda: setup.plane.run(active), 10, "the statement runs"))

    async def give_up(client):
        with pytest.raises(MCPError):
            await client.call_tool("ask", {"sql": SLOW}, read_timeout_seconds=2)

    async def run():
        async with server.client(issuer.token(), version) as client:
            if gives_up == "times out":
                async with anyio.create_task_group() as group:
                    group.start_soon(give_up, client)
                    await anyio.to_thread.run_sync(look)
            else:
                async with anyio.create_task_group() as group:
                    group.start_soon(client.call_tool, "ask", {"sql": SLOW})
                    await anyio.to_thread.run_sync(look)
                    await anyio.sleep(0.3)
                    assert setup.running() == 1, "the control: it goes on while somebody waits for it"
                    group.cancel_scope.cancel()
            began = time.monotonic()
            await anyio.to_thread.run_sync(lambda: wait_until(lambda: setup.running() == 0, 5, "the statement has ended"))
            assert time.monotonic() - began < 2
            return await client.call_tool("ask", {"sql": "SELECT count(*) FROM sales"})

    assert asyncio.run(run()).structured_content["rows"] == [["50"]]
    assert setup.plane.run("SELECT state FROM pg_stat_activity WHERE pid = %s", backends[0]) == ("idle",), "it was thrown away"
    assert "Traceback" not in server.log()


def test_why_answers_are_streamed(setup, issuer):
    """The control of the one above: in the SDK's other response mode nobody hears at 2026-07-28 that the client has gone."""

    async def run():
        async with server.client(issuer.token(), MODERN) as client:
            with pytest.raises(MCPError):
                await client.call_tool("ask", {"sql": SLOW}, read_timeout_seconds=1)

    with setup.server(program=("-m", "pg_test.mcp.altered", "buffered"), database__call_seconds=4) as server:
        asyncio.run(run())
        time.sleep(1)
        assert setup.running() == 1
        wait_until(lambda: setup.running() == 0, 10, "the call's own time is over")


def test_too_long_and_too_many(setup, issuer):
    """One connection, and a call that holds it for all of its time."""

    async def run():
        async with server.client(issuer.token(), LEGACY) as client, anyio.create_task_group() as group:
            told = []

            async def ask_slowly():
                told.append(await client.call_tool("ask", {"sql": SLOW}))

            group.start_soon(ask_slowly)
            await anyio.to_thread.run_sync(lambda: wait_until(lambda: setup.running() == 1, 10, "the statement runs"))
            told.append(await client.call_tool("ask", {"sql": "SELECT count(*) FROM sales"}))
        assert setup.running() == 0
        return told

    with setup.server(database__call_seconds=4, database__connections=1) as server:
        busy, long = asyncio.run(run())
        assert busy.is_error and busy.content[0].text == "Too many calls are under way. Try again in a few seconds."
        assert long.is_error and long.content[0].text == "The call took longer than 4 s and was stopped. Ask for less."
        assert not server.call(issuer.token(), LEGACY, sql="SELECT count(*) FROM sales").is_error, "the connection is free again"


def test_a_database_that_goes_and_comes_back(setup, issuer):
    """Last in this file: the server of the other tests loses its connections as well, and has them again."""
    count = {"sql": "SELECT count(*) FROM sales"}
    calls = (("ask", count), ("describe", {}), ("verified_queries", {}))

    async def all_of_them():
        async with server.client(issuer.token(), MODERN) as modern, server.client(issuer.token(), LEGACY) as legacy:
            asked = [client.call_tool(tool, arguments) for client in (modern, legacy) for tool, arguments in calls]
            return await asyncio.gather(*asked)

    with setup.server(database__connections=8) as server:
        assert not any(result.is_error for result in asyncio.run(all_of_them()))
        setup.cluster._halt("fast")
        try:
            told = asyncio.run(all_of_them())
        finally:
            setup.cluster._launch()
        assert all(result.is_error for result in told)
        assert {result.content[0].text for result in told} == {NOT_AVAILABLE}
        wait_until(lambda: not server.call(issuer.token(), MODERN, **count).is_error, 20, "it answers again")
