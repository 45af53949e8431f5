"""HAProxy in front of servers that answer for each other: one address, by turns, and an address for each by its name.

It comes from Debian's package, unpacked by tools/extras.sh.
"""

from __future__ import annotations

import platform
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from splitplane_test.cluster import ROOT, die_with_parent

FOLDER = ROOT / ".tools/haproxy"
SECONDS = 20
UNREACHABLE = 3


class Balancer:
    """`servers` by their names. `folder` of all is where the address for all is, that of a name where the server's own is."""

    def __init__(self, servers: dict[str, object]):
        self.servers = servers

    def __enter__(self) -> Balancer:
        done = subprocess.run([ROOT / "tools/extras.sh", "haproxy"], capture_output=True, text=True, check=False)
        if done.returncode == UNREACHABLE:
            pytest.skip("NOT RUN: HAProxy could not be fetched (tools/extras.sh)")
        assert done.returncode == 0, done.stderr
        self._temporary = TemporaryDirectory(prefix="balancer-")
        self.base = Path(self._temporary.name)
        lines = ["defaults", "    mode tcp", "    timeout connect 5s", "    timeout client 1m", "    timeout server 1m"]
        for name in ("all", *self.servers):
            (self.base / name).mkdir()
            behind = self.servers if name == "all" else {name: self.servers[name]}
            lines += [f"listen {name}", f"    bind {self.socket(name)}", "    balance roundrobin"]
            lines += [f"    server {each} {server.socket_dir}/.s.PGSQL.{server.port}" for each, server in behind.items()]
        (self.base / "haproxy.cfg").write_text("\n".join(lines) + "\n")
        self.process = subprocess.Popen(
            [FOLDER / "usr/sbin/haproxy", "-db", "-q", "-f", self.base / "haproxy.cfg"],
            env={"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": f"{FOLDER}/usr/lib/{platform.machine()}-linux-gnu"},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        end = time.monotonic() + SECONDS
        while not all(self.socket(name).exists() for name in ("all", *self.servers)):
            assert self.process.poll() is None and time.monotonic() < end, "HAProxy did not start"
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)
        self._temporary.cleanup()

    def socket(self, name: str) -> Path:
        return self.base / name / ".s.PGSQL.5432"

    def dsn(self, name: str, database: str, user: str) -> str:
        """Where a client finds the server of this name, or with `all` the next one."""
        return f"host={self.base / name} port=5432 dbname={database} user={user}"
