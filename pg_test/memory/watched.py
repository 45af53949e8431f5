"""A throwaway cluster whose server runs under Valgrind, and what Valgrind said about it.

The server is the one with assertions that tools/checked-server.sh builds. It tells Valgrind of every block of its memory
contexts, so that a look at a freed tree is seen, which with PostgreSQL's usual builds it is not: there Valgrind knows
only the large pieces that contexts take from malloc.
"""

from __future__ import annotations

import collections
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from splitplane_test.cluster import MAJOR, Cluster

ROOT = Path(__file__).resolve().parents[2]
SERVER_TREE = ROOT / f".tools/pg{MAJOR}-checked"
# With the #[pg_test] functions and the planted mistakes.
TREE = ROOT / f".tools/pg{MAJOR}-checked-test"
BEGIN, END = "VALGRINDERROR-BEGIN", "VALGRINDERROR-END"
_LINE = re.compile(r"^(?:==|\*\*)(\d+)(?:==|\*\*) ?(.*)$")
_FRAME = re.compile(r"^\s*(?:at|by) 0x[0-9A-F]+: (.*)$")


@dataclass(frozen=True)
class Report:
    """One error that Valgrind found in one process."""

    pid: int
    lines: tuple[str, ...]

    @property
    def title(self) -> str:
        return self.lines[0] if self.lines else ""

    @property
    def frames(self) -> tuple[str, ...]:
        return tuple(match[1] for match in map(_FRAME.match, self.lines) if match)

    def __str__(self) -> str:
        return "\n".join(f"    {line}" for line in self.lines[:40])


class WatchedCluster(Cluster):
    """Started as any other cluster; from `watch()` on its server runs under Valgrind."""

    def __init__(self, settings: dict | None = None):
        super().__init__(settings=settings, tree=TREE)
        # Every process writes here as the server's user.
        self._logs = Path(tempfile.mkdtemp(prefix="splitplane-valgrind-", dir="/tmp"))
        self._logs.chmod(0o777)

    def watch(self) -> None:
        self.launcher = [
            *("/usr/bin/valgrind", "--quiet", "--leak-check=no", "--num-callers=40", "--error-limit=no"),
            *("--trace-children=yes", "--child-silent-after-fork=no", f"--error-markers={BEGIN},{END}"),
            *(f"--suppressions={SERVER_TREE / 'valgrind.supp'}", f"--suppressions={Path(__file__).parent / 'valgrind.supp'}"),
            f"--log-file={self._logs}/%p.log",
        ]
        self.start_seconds = 300
        self.restart()

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self._logs, ignore_errors=True)

    def is_watched(self, pid: int) -> bool:
        """Whether that process of the server is run by Valgrind at all."""
        return "valgrind" in os.readlink(f"/proc/{pid}/exe") or "memcheck" in os.readlink(f"/proc/{pid}/exe")

    def reports(self) -> list[Report]:
        """Everything that Valgrind has found until now, in every process. A crash is a report too."""
        found: list[Report] = []
        for file in sorted(self._logs.glob("*.log")):
            within: dict[int, list[str] | None] = collections.defaultdict(lambda: None)
            for line in file.read_text(errors="replace").splitlines():
                match = _LINE.match(line)
                if not match:
                    continue
                pid, text = int(match[1]), match[2]
                if text.startswith(BEGIN):
                    within[pid] = []
                elif text.startswith(END):
                    found.append(Report(pid, tuple(within[pid] or ())))
                    within[pid] = None
                elif within[pid] is not None:
                    within[pid].append(text)
                elif "Process terminating" in text:
                    found.append(Report(pid, (text,)))
        return found


def grouped(reports: list[Report]) -> list[tuple[Report, int]]:
    """One of each kind, by its title and innermost frames, with how often it came."""
    counted: collections.Counter[tuple] = collections.Counter()
    first: dict[tuple, Report] = {}
    for report in reports:
        key = (re.sub(r"0x[0-9A-F]+", "0x", report.title), report.frames[:6])
        counted[key] += 1
        first.setdefault(key, report)
    return [(first[key], count) for key, count in counted.most_common()]
