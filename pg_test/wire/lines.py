"""The lines of refusals in the server log, as docs/operations.md describes them."""

from __future__ import annotations

import hashlib
import re

# The fields that are ours stand at the end: what comes before may quote the caller. docs/operations.md says so.
FIELDS = re.compile(
    r"; (?P<state>[0-9A-Z]{5}), (?P<reason>[a-z_]+), query_id (?P<query_id>[0-9a-f-]{36}), "
    r'(?P<who>no tenant|tenant (?:claimed to be )?"(?:[^"\\]|\\.)*")(?:, (?P<what>SQL|question) sha256:(?P<hash>[0-9a-f]{64}))?$'
)


def refused_lines(wire, since: int) -> list[str]:
    """What the log says of refusals since then; each is a line of its own, with the prefix of the server."""
    return [line for line in wire.cluster.log_text()[since:].splitlines() if "splitplane: refused (" in line]


def length(wire) -> int:
    return len(wire.cluster.log_text())


def one_line(wire, since: int) -> dict[str, str]:
    """The fields of the only line of a refusal since then."""
    lines = refused_lines(wire, since)
    assert len(lines) == 1, lines
    assert re.match(r"\d{4}-\d\d-\d\d [0-9:.]+ UTC \[\d+\] \S+@\S+ LOG:  splitplane: refused \(", lines[0]), lines[0]
    fields = FIELDS.search(lines[0])
    assert fields, lines[0]
    return fields.groupdict()


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
