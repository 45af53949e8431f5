"""The databases of the side-channel tests: the wire tests' plane, and beside it what lies outside of every plane."""

import pathlib

from pg_test.wire.harness import SCHEMA, Wire

HERE = pathlib.Path(__file__).resolve().parent


def built(cluster, database: str) -> Wire:
    """Make a database of that name, with a plane, a role `app` and a key."""
    return Wire.build(cluster, database, SCHEMA.read_text() + (HERE / "schema.sql").read_text())


def copied(wire: Wire, database: str) -> Wire:
    """The same once more under another name; its audience is that name, its key is the same."""
    wire.cluster.createdb(database, template=wire.database)
    return Wire(wire.cluster, database, wire.secret, wire.key_id)
