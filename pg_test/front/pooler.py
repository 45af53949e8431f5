"""PgBouncer between the front database and a data server, in transaction mode, with TLS and a password as the server itself has them."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from splitplane_test.cluster import die_with_parent

from pg_test.front.servers import PASSWORD, DataServer, free_port
from pg_test.sidechannels.pooler import EXTRAS, START_SECONDS, Pooler


class TransactionPooler:
    def __init__(self, server: DataServer, size: int):
        self.server, self.size, self.port = server, size, free_port()

    def __enter__(self) -> TransactionPooler:
        folder = Path(tempfile.mkdtemp(prefix="pooler-", dir=self.server.base))
        (folder / "users").write_text(f'"splitplane_front" "{PASSWORD}"\n')
        (folder / "pgbouncer.ini").write_text(
            f"""[databases]
{self.server.database} = host={self.server.socket_dir} port={self.server.port} dbname={self.server.database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
auth_type = md5
auth_file = {folder}/users
client_tls_sslmode = require
client_tls_key_file = {self.server.data_dir}/server.key
client_tls_cert_file = {self.server.data_dir}/server.crt
pool_mode = transaction
default_pool_size = {self.size}
ignore_startup_parameters = extra_float_digits
logfile = {folder}/log
"""
        )
        account = self.server._account
        if account:
            for path in (folder, *folder.iterdir()):
                os.chown(path, account.pw_uid, account.pw_gid)
        self.process = subprocess.Popen(
            [Pooler.program(), "-q", str(folder / "pgbouncer.ini")],
            env={"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": f"{EXTRAS}/usr/lib/{platform.machine()}-linux-gnu"},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,
            **self.server._credentials(),
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.connect().close()
                return self
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise
                time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)

    def connect(self):
        """A client of the pool, as the front's role."""
        where = f"host=127.0.0.1 port={self.port} dbname={self.server.database} user=splitplane_front sslmode=require"
        return psycopg.connect(where, password=PASSWORD, prepare_threshold=None, autocommit=True)
