"""A coordinator and its workers, on servers of an installation that has Citus.

CITUS_PG_CONFIG names the pg_config of that installation. It is copied, and splitplane's files of the same major are put into the
copy, so that what is given stays as it is. Nodes are joined over unix sockets: a node's name is the folder of its socket.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from splitplane_test.cluster import MAJOR, Cluster, private_tree

# What operations.md says of the role, as one statement: it is the cluster's, and travels.
LET_THE_READER_IN = """DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN SELECT r.remedy FROM splitplane._reader_on_nodes() AS r WHERE NOT r.held LOOP
        EXECUTE statement;
    END LOOP;
END $$"""
KEY_FILE = "splitplane_cluster.key"
SETTINGS = {
    # Citus ends the server unless it comes first.
    "shared_preload_libraries": "citus,splitplane",
    # Over unix sockets there is no TLS.
    "citus.node_conninfo": "sslmode=prefer",
    "citus.shard_count": "4",
    # Both look after other servers in the background, and keep a test's database from being dropped.
    "citus.distributed_deadlock_detection_factor": "-1",
    "citus.enable_statistics_collection": False,
    "citus.recover_2pc_interval": "-1",
    "citus.defer_shard_delete_interval": "-1",
    "citus.background_task_queue_interval": "-1",
    "max_connections": "100",
    "max_prepared_transactions": "50",
}


def _named(pg_config: str, what: str) -> Path:
    return Path(subprocess.run([pg_config, f"--{what}"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


def installation(pg_config: str, tree: Path | None = None) -> Path:
    """The folder of the programs of a copy, in which splitplane is installed; gone when this process ends. `tree` has another build."""
    bindir, library, share = (_named(pg_config, what) for what in ("bindir", "pkglibdir", "sharedir"))
    top = Path(os.path.commonpath([bindir, library, share]))
    copy = Path(tempfile.mkdtemp(prefix="splitplane-citus-", dir="/tmp"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)
    # A server looks for its files where they are to be found from its programs, so these three keep their places to each other.
    sources = sorted({bindir, library, share}, key=lambda folder: len(folder.parts))
    for source in sources:
        target = copy / source.relative_to(top)
        if not target.exists():
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("bitcode", "pgxs", "man", "locale"))
    ours = tree or private_tree()
    shutil.copy(ours / f"usr/lib/postgresql/{MAJOR}/lib/splitplane.so", copy / library.relative_to(top))
    extensions = copy / share.relative_to(top) / "extension"
    for name in (ours / f"usr/share/postgresql/{MAJOR}/extension").glob("splitplane*"):
        shutil.copy(name, extensions)
    return copy / bindir.relative_to(top)


@dataclass
class Nodes:
    """Servers that are running, the coordinator first."""

    coordinator: Cluster
    workers: list[Cluster]

    def __iter__(self) -> Iterator[Cluster]:
        return iter([self.coordinator, *self.workers])

    def give_keys(self, key: str) -> None:
        """The same cluster key file on every node."""
        for node in self:
            file = node.data_dir / KEY_FILE
            file.write_text(key)
            file.chmod(0o600)
            owner = node.data_dir.stat()
            os.chown(file, owner.st_uid, owner.st_gid)
            node.psql("postgres", "SELECT pg_reload_conf()")

    def join(self, database: str) -> None:
        """Makes a database of this name on every node, and one cluster of them."""
        for node in self:
            node.createdb(database)
            node.psql(database, "CREATE EXTENSION citus")
        self.coordinator.psql(database, f"SELECT citus_set_coordinator_host('{self.coordinator.socket_dir}', {self.coordinator.port})")
        for worker in self.workers:
            self.coordinator.psql(database, f"SELECT citus_add_node('{worker.socket_dir}', {worker.port})")

    def connect(self, database: str, user: str = "postgres", node: int = 0, **more) -> psycopg.Connection:
        """A session on the coordinator, or on the worker of this number from 1 on."""
        return list(self)[node].connect(database, user, **more)


@contextlib.contextmanager
def running(bindir: Path, workers: int = 2, kind: type[Cluster] = Cluster, **settings: object) -> Iterator[Nodes]:
    with contextlib.ExitStack() as servers:
        started = [servers.enter_context(kind({**SETTINGS, **settings}, bindir=bindir)) for _ in range(1 + workers)]
        for server in started:
            # By which a node finds itself.
            server.psql("postgres", f"ALTER SYSTEM SET citus.local_hostname = '{server.socket_dir}'")
            server.psql("postgres", "SELECT pg_reload_conf()")
        yield Nodes(started[0], started[1:])
