"""The world of the front tests: a front database with splitplane, and plain servers without it that play the managed service.

A data server listens on 127.0.0.1 with TLS and takes passwords alone, as a managed service does; nothing of splitplane is in it but
what the script made. Tenants 1 and 2 lie on the first server, 3 on the second.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from pathlib import Path

from splitplane_test.cluster import Cluster
from splitplane_test.plane import Plane
from splitplane_test.session import wait_until

SCRIPT = Path(__file__).resolve().parents[2] / "remote/splitplane_data_server.sql"
AUDIENCE = "data-eu"
PASSWORD = "of the front alone"
SCHEMA = """
CREATE TABLE orders (tenant_id int NOT NULL, order_id int NOT NULL, store_id int NOT NULL, total int NOT NULL, note text,
                     PRIMARY KEY (tenant_id, order_id));
CREATE TABLE stores (tenant_id int NOT NULL, store_id int NOT NULL, city text NOT NULL, PRIMARY KEY (tenant_id, store_id));
"""
ROWS = """
INSERT INTO orders SELECT t, i, i % 5, CASE WHEN t % 2 = 1 THEN i ELSE 1000000 + i END, 'of ' || t
  FROM unnest(:'tenants'::int[]) AS t, generate_series(1, 100) AS i;
INSERT INTO stores SELECT t, i, 'city ' || i FROM unnest(:'tenants'::int[]) AS t, generate_series(0, 4) AS i;
ANALYZE;
"""
# What another team makes on its data server, where nothing of splitplane is.
VIEWS = """
CREATE SCHEMA api;
CREATE VIEW api.orders WITH (security_barrier) AS SELECT tenant_id, order_id, store_id, total, note FROM public.orders;
CREATE VIEW api.stores WITH (security_barrier) AS SELECT * FROM public.stores WHERE city IS NOT NULL;
CREATE ROLE reporting LOGIN PASSWORD 'of the front alone';
GRANT USAGE ON SCHEMA api TO reporting;
GRANT SELECT ON ALL TABLES IN SCHEMA api TO reporting;
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class DataServer(Cluster):
    """A plain server that plays the managed service."""

    database = "shop"

    def __init__(self, tenants: list[int]):
        super().__init__({"shared_preload_libraries": "", "listen_addresses": "127.0.0.1", "ssl": True})
        self.port, self.tenants, self.secret = free_port(), tenants, ""

    def _configure(self, settings) -> None:
        """Also a certificate of its own, which the front takes for the root, and passwords for whoever comes by TCP."""
        files = [self.data_dir / "server.key", self.data_dir / "server.crt"]
        request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        subprocess.run(
            [*request, "-addext", "subjectAltName=DNS:localhost", "-keyout", files[0], "-out", files[1]],
            check=True,
            capture_output=True,
        )
        for file in files:
            file.chmod(0o600)
            if self._account:
                shutil.chown(file, self._account.pw_uid, self._account.pw_gid)
        self.root = self.base / "root.crt"
        shutil.copy(files[1], self.root)
        self.root.chmod(0o644)
        (self.data_dir / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
        super()._configure(settings)

    def fill(self, key_id: str = "KEY1") -> DataServer:
        self.createdb(self.database)
        self.psql(self.database, SCHEMA)
        self.psql(self.database, ROWS, variables={"tenants": f"{{{','.join(map(str, self.tenants))}}}"})
        self.psql(self.database, SCRIPT)
        self.psql(self.database, f"ALTER ROLE splitplane_front LOGIN PASSWORD '{PASSWORD}'")
        self.psql(
            self.database,
            "SELECT splitplane_remote.protect('orders', 'tenant_id'), splitplane_remote.protect('stores', 'tenant_id')",
        )
        self.secret = self.new_key(key_id)
        return self

    def new_key(self, key_id: str) -> str:
        return self.psql(self.database, f"SELECT splitplane_remote.create_key('{key_id}', '{AUDIENCE}')").strip()

    def run(self, statement: str) -> str:
        return self.psql(self.database, statement).strip()

    def fetched_by(self, role: str, call) -> list[str]:
        """The queries that were run for `role` while `call` was: those of cursors, not those that were explained for an estimate."""
        self.run(f"ALTER ROLE {role} SET log_statement = 'all'")
        try:
            before = len(self.log_text())
            call()
            return wait_until(lambda: re.findall(r"DECLARE c\d+ CURSOR FOR\s+(SELECT .*)", self.log_text()[before:]), 5, "the log")
        finally:
            self.run(f"ALTER ROLE {role} RESET log_statement")


# Tables of the front database, by tenant, and the columns of them that are in the plane.
DIRECTORIES = {
    "orders": "tenant_id int NOT NULL, order_id int NOT NULL, store_id int NOT NULL, total int NOT NULL, note text",
    "stores": "tenant_id int NOT NULL, store_id int NOT NULL, city text NOT NULL",
}
IN_THE_PLANE = {"orders": ["order_id", "store_id", "total", "note"], "stores": ["store_id", "city"]}


class Front(Plane):
    """The front database."""

    tenant = "1"

    @classmethod
    def build(cls, cluster, servers: dict[str, DataServer], database: str = "front") -> Front:
        front = cls.install(cluster, database, key_id="AKFRONT")
        with front.admin() as admin:
            admin.execute("CREATE EXTENSION postgres_fdw; CREATE EXTENSION splitplane_remote")
            for name, server in servers.items():
                front.connect_to(admin, name, server.port, server)
            for table, columns in DIRECTORIES.items():
                admin.execute(f"CREATE TABLE {table} ({columns}) PARTITION BY LIST (tenant_id)")
                for name, server in servers.items():
                    tenants = ",".join(map(str, server.tenants))
                    admin.execute(
                        f"CREATE FOREIGN TABLE {table}_{name} PARTITION OF {table} FOR VALUES IN ({tenants}) "
                        f"SERVER {name} OPTIONS (table_name '{table}')"
                    )
        front.protect_all()
        front.admit("1", "2", "3", "9")
        return front

    def reach(self, admin, name: str, port: int, server: DataServer, role: str, **options: str) -> None:
        """The foreign server and its user mapping. An option that is empty is left out."""
        chosen = {
            "host": "localhost",
            "hostaddr": "127.0.0.1",
            "port": str(port),
            "dbname": server.database,
            "sslmode": "verify-full",
            "sslrootcert": str(server.root),
            "connect_timeout": "5",
            "fetch_size": "1000",
            "use_remote_estimate": "true",
            **options,
        }
        listed = ", ".join(f"{option} '{value}'" for option, value in chosen.items() if value)
        admin.execute(f"CREATE SERVER {name} FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({listed})")
        admin.execute(f"CREATE USER MAPPING FOR splitplane_reader SERVER {name} OPTIONS (user '{role}', password '{PASSWORD}')")

    def connect_to(self, admin, name: str, port: int, server: DataServer, **options: str) -> None:
        self.reach(admin, name, port, server, "splitplane_front", **{"extensions": "splitplane_remote", **options})
        admin.execute("SELECT splitplane.use_data_server(%s, %s, %s, %s)", (name, AUDIENCE, "KEY1", server.secret))

    def protect_remote(self, table: str, columns: list[str]) -> None:
        self.run(
            'SELECT splitplane.protect_remote(%s::regclass, \'{"tenant_id": "tenant"}\', %s::text[])', table, columns
        )

    def protect_all(self) -> None:
        for table, columns in IN_THE_PLANE.items():
            self.protect_remote(table, columns)

    def rows(self, sql: str, tenant: str = "1"):
        """The rows of an answer, in a session of its own."""
        with self.session() as session:
            return session.ask(sql, tenant=tenant)["rows"]


class Unclaimed(Front):
    """A front database over a server that takes no claims, where views in the schema `api` are read."""

    @classmethod
    def build(cls, cluster, server: DataServer, form: str) -> Unclaimed:
        front = cls.install(cluster, f"front_{form}", key_id=f"AK{form.upper()}")
        with front.admin() as admin:
            admin.execute("CREATE EXTENSION postgres_fdw; CREATE EXTENSION splitplane_remote")
            front.reach(admin, "data", server.port, server, "reporting")
            admin.execute("SELECT splitplane.use_data_server('data', form => %s)", (form,))
            for table, columns in DIRECTORIES.items():
                admin.execute(f"CREATE TABLE {table} ({columns}) PARTITION BY LIST (tenant_id)")
                admin.execute(
                    f"CREATE FOREIGN TABLE {table}_data PARTITION OF {table} DEFAULT SERVER data "
                    f"OPTIONS (schema_name 'api', table_name '{table}')"
                )
        front.protect_all()
        front.admit("1", "2")
        return front
