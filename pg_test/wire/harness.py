"""The world of the wire tests, which the suites sidechannels, words and endurance ask as well: three brands.

These tests speak the wire protocol through psycopg, because what they check (fields of an error, notices, cancels,
closed sockets, two backends at once) is not visible to psql or from inside the server.
"""

from __future__ import annotations

import pathlib

from splitplane_test.plane import Plane

SCHEMA = pathlib.Path(__file__).resolve().parent / "schema.sql"
TENANTS = ("brand-a", "brand-b", "brand-c")
# rows of `sales` by tenant, as schema.sql makes them
SALES = {"brand-a": 50, "brand-b": 60, "brand-c": 70}
COUNT_SALES = "SELECT count(*) FROM sales"
# Settings under which every plan is parallel that can be, and auto_explain logs each that was run.
WANTS_WORKERS = {
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
    "min_parallel_table_scan_size": "0",
    "min_parallel_index_scan_size": "0",
    "max_parallel_workers_per_gather": "4",
    "splitplane.deadline": "60s",
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "log_min_messages": "log",
}


class Wire(Plane):
    """One database with the plane of schema.sql, on one server."""

    tenant = "brand-a"

    @classmethod
    def build(cls, cluster, database: str = "wire", schema: str | None = None) -> Wire:
        """Create the database, the plane of schema.sql (or the text given), the role `app` and a key."""
        return cls.install(cluster, database, key_id="AKWIRE", after=[schema if schema is not None else SCHEMA.read_text()])


def unclaimed(connection) -> None:
    """Nothing of a principal is left in this backend, which must be a superuser's.

    The functions that policies ask are looked at, and what they are for: the reader, outside of a call, sees no row.
    """
    assert connection.execute("SELECT splitplane.claim('tenant'), splitplane.claim_list('stores')").fetchone() == (None, None)
    connection.execute("SET ROLE splitplane_reader")
    try:
        assert connection.execute("SELECT count(*) FROM public.sales").fetchone() == (0,)
    finally:
        connection.execute("RESET ROLE")
