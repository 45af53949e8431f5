"""A small plane on a coordinator, and how a test asks it."""

from __future__ import annotations

import psycopg
from splitplane_test.plane import Plane

from pg_test.citus.nodes import LET_THE_READER_IN, Nodes

# The key file of a cluster, as operations.md has it made.
CLUSTER_KEY = "cluster test\nkey first " + "5a" * 32 + "\n"


class Shop(Plane):
    """Tenants 1 to 9, each with rows of its own."""

    nodes: Nodes

    @classmethod
    def on(cls, nodes: Nodes, database: str, *scripts: str) -> Shop:
        nodes.join(database)
        plane = cls.install(
            nodes.coordinator,
            database,
            key_id="AK" + database.upper(),
            after=[*scripts, *(f"SELECT splitplane.admit('{tenant}')" for tenant in range(1, 10))],
        )
        plane.nodes = nodes
        return plane

    def let_the_reader_in(self) -> None:
        self.run(LET_THE_READER_IN)

    def answer(self, sql: str, tenant: str = "1", session: psycopg.Connection | None = None):
        """The rows of a call, or the SQLSTATE and the message that it is refused with."""
        context = self.run("SELECT splitplane.sign(%s, %s, payload => %s)::text", self.key_id, tenant, sql)[0]
        asking = session or self.connect(self.caller)
        try:
            return asking.execute("SELECT ask(%s, sql => %s) -> 'rows'", (context, sql)).fetchone()[0]
        except psycopg.Error as refused:
            return refused.sqlstate, refused.diag.message_primary
        finally:
            if session is None:
                asking.close()

    def findings(self, severity: str) -> list[tuple]:
        return self.admin_rows("SELECT object, finding FROM splitplane.doctor() WHERE severity = %s", severity)

    def refused(self, statement: str) -> tuple[str, str]:
        """The SQLSTATE and message of a statement that must fail."""
        with self.admin() as admin:
            try:
                admin.execute(statement)
            except psycopg.Error as error:
                return error.sqlstate, error.diag.message_primary
        raise AssertionError(f"it was not refused: {statement}")

    def on_placements(self, table: str, command: str) -> list[tuple]:
        """A command on each shard of a table, in which %s stands for the shard; what each gave."""
        rows = self.admin_rows("SELECT success, result FROM run_command_on_placements(%s, %s)", table, command)
        assert all(success for success, _ in rows), rows
        return [result for _, result in rows]
