"""The oracle: a database that holds tenant acme alone.

A canary shows only leaks that carry a value. A count over both tenants, an average, a true instead of a false carries
none; so every answer is compared with what the same text answers where no other tenant exists.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import json

import psycopg
from psycopg.types.string import TextLoader

from pg_test.attacks.world import ALONE

# Entries whose answer hangs on something else than rows: the moment, the role, the order that nothing asked for.
_NOT_COMPARED: frozenset[str] = frozenset()


class Alone:
    def __init__(self, world):
        self.connection = psycopg.connect(
            world.cluster.dsn(dbname=ALONE, user="alone_app"), autocommit=True, prepare_threshold=None
        )
        # Intervals as PostgreSQL writes them, which is how they stand in JSON.
        self.connection.adapters.register_loader("interval", TextLoader)
        self.connection.execute("SET timezone = 'UTC'; SET statement_timeout = '5s'; SET default_transaction_read_only = on")

    def answers(self, entry: dict, sql: str, state: str) -> list[str]:
        """An error over values that the same text does not raise where no other tenant has any."""
        if entry["id"] in _NOT_COMPARED or entry.get("compare") is False or state in entry.get("states", ()):
            return []
        try:
            self.connection.execute(sql).fetchall()
        except psycopg.Error:
            return []
        return [f"ended in {state}, though tenant acme alone is answered"]

    def differs(self, entry: dict, sql: str, document: dict) -> list[str]:
        """What differs between the plane's answer and the single-tenant database's."""
        if entry["id"] in _NOT_COMPARED or entry.get("compare") is False:
            return []
        try:
            rows = self.connection.execute(sql).fetchall()
        except psycopg.Error as error:
            if error.sqlstate is None:
                return []  # A value that the driver has no type for, such as an infinite date: nothing to compare.
            return [f"was answered, though tenant acme alone gives {error.sqlstate}: {error}"]
        mine = collections.Counter(_row(row) for row in document["rows"])
        theirs = collections.Counter(_row(row) for row in rows)
        if mine == theirs or (document.get("truncated") and not mine - theirs):
            return []
        return [
            f"differs from tenant acme alone: more {list((mine - theirs).items())[:3]}, less {list((theirs - mine).items())[:3]}"
        ]


def _row(row) -> str:
    return json.dumps([_value(value) for value in row], sort_keys=True, ensure_ascii=False)


def _value(value):
    """One spelling for a value, whether it came as JSON from the plane or typed from PostgreSQL."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float, decimal.Decimal)):
        return str(decimal.Decimal(str(value)).normalize())
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, dict):
        # A row becomes an object in JSON and a tuple here.
        return {name: _value(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(inner) for inner in value]
    return str(value)
