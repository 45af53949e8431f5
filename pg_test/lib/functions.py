"""The crate's #[pg_test] functions. What error each must raise is known only to the source text, so it is read from there."""

from __future__ import annotations

import json
import re

from splitplane_test.cluster import ROOT

# The attribute, further attributes, then the function's name.
PG_TEST = re.compile(r"#\[pg_test(?:\((?P<arguments>.*?)\))?\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([a-z]+\))?\s+)?fn\s+(?P<name>\w+)", re.S)
ERROR = re.compile(r"error\s*=\s*(\"(?:[^\"\\]|\\.)*\")")


def expected_errors() -> dict[str, str | None]:
    """Every #[pg_test] of the crate with the message it must fail with, or None."""
    found: dict[str, str | None] = {}
    for source in sorted((ROOT / "src").rglob("*.rs")) + sorted((ROOT / "pg_test").rglob("*.rs")):
        for match in PG_TEST.finditer(source.read_text(encoding="utf-8")):
            error = ERROR.search(match["arguments"] or "")
            found[match["name"]] = json.loads(error[1]) if error else None
    return found
