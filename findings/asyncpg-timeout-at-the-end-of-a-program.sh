#!/usr/bin/env bash
# asyncpg: a statement that is given up at the end of a program goes on in the server.
#
# Version: asyncpg 0.32.0 and psycopg 3.3.9 (binary) on Python 3.11; PostgreSQL 15 of Debian 12.
#
# Behaviour: when a wait for a statement is cancelled, by asyncio.wait_for for instance, asyncpg asks the server in a task of its own to stop
# the statement. In a program whose event loop ends right then, as that of asyncio.run does when its coroutine returns, the request is never sent: the
# statement runs to its end in a backend whose client is gone. If the loop goes on for a moment it is sent (the first
# control). psycopg has sent it before the caller sees the error (the second control).
#
# Output seen:
#   asyncpg, the loop ends: still running
#   asyncpg, the loop goes on: stopped
#   psycopg, the loop ends: stopped
# shellcheck source=tools/finding-server.sh
source "$(dirname "${BASH_SOURCE[0]}")/../tools/finding-server.sh"

start_server
python_with 'asyncpg==0.32.0' 'psycopg[binary]==3.3.9'
cat >"$FOLDER/given_up.py" <<'P'
import asyncio
import sys

import asyncpg
import psycopg


async def main(driver, more, url):
    connect = asyncpg.connect if driver == "asyncpg" else psycopg.AsyncConnection.connect
    connection = await connect(url)
    try:
        await asyncio.wait_for(connection.execute("SELECT pg_sleep(8)"), 0.5)
    except asyncio.TimeoutError:
        await asyncio.sleep(float(more))


asyncio.run(main(*sys.argv[1:]))
P
# Run as a program that nobody waits for any more: what it says at its end is not looked at.
after() {
    "$FOLDER/python/bin/python" "$FOLDER/given_up.py" "$1" "$2" "$URL" >/dev/null 2>&1 || true
    sleep 1
    sql -c "SELECT CASE WHEN EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(8)%' AND state = 'active'
                                     AND pid <> pg_backend_pid()) THEN 'still running' ELSE 'stopped' END"
    sql -c "SELECT FROM pg_stat_activity AS a, pg_terminate_backend(a.pid) WHERE a.query LIKE '%pg_sleep(8)%' AND a.pid <> pg_backend_pid()"
}
seen="asyncpg, the loop ends: $(after asyncpg 0 | head -1)
asyncpg, the loop goes on: $(after asyncpg 0.5 | head -1)
psycopg, the loop ends: $(after psycopg 0 | head -1)"
expect "a timeout at the end of a program" "asyncpg, the loop ends: still running
asyncpg, the loop goes on: stopped
psycopg, the loop ends: stopped" "$seen"
