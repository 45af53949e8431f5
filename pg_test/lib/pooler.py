"""PgBouncer in front of a throwaway cluster, in transaction mode.

It comes from Debian's package, unpacked by tools/extras.sh; one that is installed on the machine serves as well. It runs as
the server's user, never as root, and ends with the `with` block, or with this process.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from .cluster import ROOT, Cluster, die_with_parent

EXTRAS = ROOT / ".tools" / "extras"
PORT = 6432
START_SECONDS = 20


class PgBouncer:
    """`size` server connections for each role, shared by whoever connects here."""

    def __init__(self, cluster: Cluster, database: str, size: int):
        self.cluster, self.database, self.size = cluster, database, size

    def users(self) -> str:
        """Who may connect, as PgBouncer's file of users has them."""
        raise NotImplementedError

    def listening(self) -> str:
        """Lines of the configuration: where it listens, and whom it lets in."""
        raise NotImplementedError

    def looked_at(self):
        """A connection, by which it is seen that it runs."""
        raise NotImplementedError

    @staticmethod
    def program() -> str:
        found = shutil.which("pgbouncer", path=f"{EXTRAS}/usr/sbin:/usr/sbin:/usr/bin:{os.environ.get('PATH', '')}")
        if not found:
            raise AssertionError("there is no PgBouncer: run tools/extras.sh")
        return found

    def __enter__(self):
        # Beside the server's sockets: a folder that its user may enter and that goes with the cluster.
        self.folder = Path(tempfile.mkdtemp(prefix="pooler-", dir=self.cluster.base))
        (self.folder / "users").write_text(self.users())
        (self.folder / "pgbouncer.ini").write_text(
            f"""[databases]
{self.database} = host={self.cluster.socket_dir} port={self.cluster.port} dbname={self.database}
[pgbouncer]
{self.listening()}
auth_file = {self.folder}/users
pool_mode = transaction
default_pool_size = {self.size}
max_client_conn = 200
logfile = {self.folder}/log
"""
        )
        account = self.cluster._account
        if account:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, account.pw_uid, account.pw_gid)
        libraries = f"{EXTRAS}/usr/lib/{platform.machine()}-linux-gnu"
        self.process = subprocess.Popen(
            [self.program(), "-q", str(self.folder / "pgbouncer.ini")],
            env={"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": libraries},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,
            **self.cluster._credentials(),
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.looked_at().close()
                return self
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise
                time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)


class Pooler(PgBouncer):
    """On a unix socket of its own, without passwords."""

    def __init__(self, cluster: Cluster, database: str, roles: list[str], size: int):
        super().__init__(cluster, database, size)
        self.roles = roles

    def users(self) -> str:
        return "".join(f'"{role}" ""\n' for role in self.roles)

    def listening(self) -> str:
        return f"listen_addr =\nlisten_port = {PORT}\nunix_socket_dir = {self.folder}\nauth_type = trust"

    def looked_at(self):
        return self.connect(self.roles[0])

    def connect(self, role: str, **more):
        """A client of the pool. Nothing is prepared: the next transaction may have another server connection."""
        more.setdefault("autocommit", True)
        where = f"host={self.folder} port={PORT} dbname={self.database} user={role}"
        return psycopg.connect(where, prepare_threshold=None, **more)
