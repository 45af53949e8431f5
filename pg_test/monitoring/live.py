"""Both exporters and Prometheus on ports of their own, with the files of monitoring/ as they are but for ports and intervals."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from splitplane_test.cluster import ROOT, die_with_parent
from splitplane_test.session import wait_until

MONITORING = ROOT / "monitoring"
EXPORTERS = ("splitplane-postgres-exporter", "splitplane-sql-exporter")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Programs:
    """Where the programs are; which of them are there is said by tools/monitoring-tools.sh."""

    def __init__(self) -> None:
        self.folder = ROOT / ".tools/monitoring/usr/bin"

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def promtool(self, *arguments) -> subprocess.CompletedProcess:
        return subprocess.run([self.path("promtool"), *map(str, arguments)], capture_output=True, text=True)


class Live:
    def __init__(self, programs: Programs, plane, folder: Path):
        self.programs, self.plane, self.folder = programs, plane, folder
        self.processes: list[subprocess.Popen] = []
        self.ports = {name: free_port() for name in (*EXPORTERS, "prometheus")}

    def __enter__(self) -> Live:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def _run(self, program: str, *arguments: str, **environment: str) -> None:
        with open(self.folder / f"{program}.log", "wb") as log:
            started = subprocess.Popen(
                [self.programs.path(program), *arguments],
                cwd=self.folder,
                env={"PATH": "/usr/bin:/bin", **environment},
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )
        self.processes.append(started)

    def log(self, program: str) -> str:
        return (self.folder / f"{program}.log").read_text(errors="replace")

    def url(self) -> str:
        """Of the database, by its socket."""
        host = urllib.parse.quote(self.plane.cluster.socket_dir, safe="")
        return f"postgres://prometheus@/{self.plane.database}?host={host}&port={self.plane.cluster.port}&sslmode=disable"

    def _start(self) -> None:
        postgres, sql, prometheus = (self.ports[name] for name in (*EXPORTERS, "prometheus"))
        self._run(
            "prometheus-postgres-exporter",
            f"--extend.query-path={MONITORING / 'postgres-exporter.yml'}",
            f"--web.listen-address=127.0.0.1:{postgres}",
            DATA_SOURCE_NAME=self.url(),
        )
        # Its intervals are those of a server that is watched for years.
        text = (MONITORING / "sql-exporter.yml").read_text()
        quick = self.folder / "sql-exporter.yml"
        quick.write_text(re.sub(r"interval: \w+", "interval: 1s", text))
        self._run("prometheus-sql-exporter", f"-config.file={quick}", f"-web.listen-address=127.0.0.1:{sql}", SPLITPLANE_URL=self.url())
        text = (MONITORING / "prometheus.yml").read_text()
        for known, own in (("localhost:9187", f"127.0.0.1:{postgres}"), ("localhost:9237", f"127.0.0.1:{sql}")):
            assert text.count(known) == 1
            text = text.replace(known, own)
        text = re.sub(r"_interval: 15s", "_interval: 1s", text).replace("- rules.yml", f"- {MONITORING / 'rules.yml'}")
        (self.folder / "prometheus.yml").write_text(text)
        self._run(
            "prometheus",
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{prometheus}",
        )
        for job in EXPORTERS:
            wait_until(lambda job=job: self.values(f'splitplane_doctor_findings{{job="{job}"}}'), 40, f"{job} is scraped")

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()

    def api(self, path: str, **arguments: str):
        query = urllib.parse.urlencode(arguments)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['prometheus']}/api/v1/{path}?{query}", timeout=10) as reply:
                return json.load(reply)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                raise urllib.error.URLError("it is starting") from error
            raise AssertionError(f"{arguments}: {error.read().decode()}") from error

    def values(self, expression: str) -> list[tuple[dict, float]]:
        """Labels and value of each series."""
        try:
            return [(found["metric"], float(found["value"][1])) for found in self.api("query", query=expression)["result"]]
        except urllib.error.URLError:
            return []

    def page(self, job: str) -> str:
        """What the exporter itself shows."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[job]}/metrics", timeout=30) as reply:
            return reply.read().decode()

    def names(self, job: str) -> set[str]:
        """Metrics of ours that Prometheus has from an exporter."""
        return {labels["__name__"] for labels, _ in self.values(f'{{job="{job}", __name__=~"splitplane_.+"}}')}

    def fresh(self) -> None:
        """Wait until both have been read after now."""
        now = time.time()
        for job in EXPORTERS:
            wait_until(lambda job=job: self.values(f'timestamp(up{{job="{job}"}}) > {now + 1}'), 20, f"{job} is scraped again")
