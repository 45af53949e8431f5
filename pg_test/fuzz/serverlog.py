"""What the server writes to its log, read as it grows."""

from __future__ import annotations

import os
import re
from pathlib import Path

import smith
from splitplane_test.cluster import Cluster

# Lines of the server's log that are kept. Refusals write a line each, by the million.
_TELLING = re.compile(r"PANIC|FATAL|WARNING|TRAP|signal|terminat|reinitializ|leak|panick|internal error|XX000|could not be proved|out of memory")


class LogWatch:
    """Reads the server's log as it grows, keeps what is telling, and empties the file: it would fill the disk."""

    def __init__(self, cluster: Cluster):
        self.path = Path(cluster.base) / "data.log"
        self.kept: list[str] = []
        self.lines = 0
        self.rest = ""

    def read(self) -> None:
        # The server appends; what it writes between these two calls is lost, which a million lines can spare.
        text = self.path.read_text(errors="replace")
        os.truncate(self.path, 0)
        *lines, self.rest = (self.rest + text).split("\n")
        self.lines += len(lines)
        self.kept += [line for line in lines if _TELLING.search(line)]

    def proofs(self) -> int:
        """Refusals by the proof on the analysed tree, which should find nothing that an earlier stage has not refused."""
        return sum("could not be proved" in line for line in self.kept)

    def crashes(self) -> list[str]:
        return [line for line in self.kept if re.search(r"PANIC|TRAP|was terminated by signal|reinitializ", line)]

    def warnings(self) -> list[str]:
        # sqlsmith ends a transaction that it never began; the parser makes do with fewer digits of a second than were asked for. A
        # field that a row does not have is an internal error of PostgreSQL's, which the caller reads as a refusal. An internal error
        # has a line with its reason before the one that repeats what the caller read.
        expected = re.compile(
            rf"@{smith.EYES} |WARNING:  (INTERVAL|TIME|TIMESTAMP)\(\d+\)( WITH TIME ZONE)? precision reduced to maximum allowed"
            rf"|attribute number \d+ exceeds number of columns \d+|ERROR:  internal error; the server log has the details$"
        )
        return [line for line in self.kept if re.search(r"WARNING|panick|internal error|XX000", line) and not expected.search(line)]
