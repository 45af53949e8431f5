"""PgBouncer between the front database and a data server, in transaction mode, with TLS and a password as the server itself has them."""

from __future__ import annotations

import psycopg
from splitplane_test.pooler import PgBouncer

from pg_test.front.servers import PASSWORD, DataServer, free_port


class TransactionPooler(PgBouncer):
    def __init__(self, server: DataServer, size: int):
        super().__init__(server, server.database, size)
        self.port = free_port()

    def users(self) -> str:
        return f'"splitplane_front" "{PASSWORD}"\n'

    def listening(self) -> str:
        return f"""listen_addr = 127.0.0.1
listen_port = {self.port}
auth_type = md5
client_tls_sslmode = require
client_tls_key_file = {self.cluster.data_dir}/server.key
client_tls_cert_file = {self.cluster.data_dir}/server.crt
ignore_startup_parameters = extra_float_digits"""

    def looked_at(self):
        return self.connect()

    def connect(self):
        """A client of the pool, as the front's role."""
        where = f"host=127.0.0.1 port={self.port} dbname={self.database} user=splitplane_front sslmode=require"
        return psycopg.connect(where, password=PASSWORD, prepare_threshold=None, autocommit=True)
