#!/usr/bin/env python3
"""Runs the crate's #[pg_test] functions inside a throwaway server; the last line is `N passed, N failed`.

`cargo pgrx test` would do it over TCP, needs sudo when started by root and installs test code where the other suites look.
Here the debug build with the feature pg_test goes into a PostgreSQL tree of its own, and each function is called in a
transaction that is rolled back. `#[pg_test(error = "...")]` is known only to the source text, so it is read from there.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import psycopg

from cluster import MAJOR, ROOT, Cluster

TREES = ROOT / ".tools"
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


def run_one(cluster: Cluster, name: str, expected: str | None) -> str | None:
    """None when the test does what it should, else what it did instead."""
    try:
        with cluster.connect("pg_tests", autocommit=False) as connection:
            connection.execute(f'SELECT tests."{name}"()')
            connection.rollback()
    except psycopg.Error as error:
        message = error.diag.message_primary or str(error)
        return None if message == expected else f"{error.sqlstate}: {message}"
    return None if expected is None else f"no error, where this was expected: {expected}"


def main(arguments: list[str]) -> int:
    """With --checked on the server with assertions, which tools/checked-server.sh makes."""
    checked = arguments == ["--checked"]
    tree = TREES / f"pg{MAJOR}{'-checked' if checked else ''}-test"
    tests = expected_errors()
    if not tests:
        print("0 passed, 0 failed")
        return 0
    subprocess.run([ROOT / "tools/install-extension.sh", "--debug", "--test", *arguments], check=True)
    failures = 0
    # The smallest ledger, so that a test can fill it.
    with Cluster({"splitplane.ledger_size": 64}, tree=tree) as cluster:
        cluster.createdb("pg_tests")
        cluster.psql("pg_tests", "CREATE EXTENSION splitplane")
        there = "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'tests'::regnamespace"
        built = set(cluster.psql("pg_tests", there).split())
        for name in sorted(built | tests.keys()):
            if name not in built:
                problem = "it is in the source and not in the build"
            elif name not in tests:
                problem = "it is in the build and was not found in the source"
            else:
                problem = run_one(cluster, name, tests[name])
            failures += problem is not None
            print(f"{'FAILED' if problem else 'ok':6} {name}{': ' + problem if problem else ''}", flush=True)
        if failures:
            print(cluster.log_text()[-6000:])
    print(f"{len(built | tests.keys()) - failures} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
