#!/usr/bin/env python3
"""Runs the crate's #[pg_test] functions inside a throwaway server; the last line is `N passed, N failed`.

`cargo pgrx test` would do it over TCP, needs sudo when started by root and installs test code where the other suites look.
Here the debug build with the feature pg_test goes into a PostgreSQL tree of its own, and each function is called in a
transaction that is rolled back.

    python tools/run_pg_tests.py [--checked] [NAME]...      functions whose name contains NAME; by default all
"""

from __future__ import annotations

import argparse
import subprocess
import sys

import psycopg
from splitplane_test.cluster import MAJOR, ROOT, WHOLE_MAJORS, Cluster
from splitplane_test.functions import expected_errors
from splitplane_test.tally import Tally

TREES = ROOT / ".tools"


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


# What is said of an extension that is not there or is on no list, and of XML where the server was built without.
LACKING = ("is not available", "its library is none that was read", "unsupported XML feature")


def is_lacking(problem: str | None) -> bool:
    return MAJOR not in WHOLE_MAJORS and problem is not None and any(words in problem for words in LACKING)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help="functions whose name contains this; by default all")
    parser.add_argument("--checked", action="store_true", help="on the server with assertions, which tools/checked-server.sh makes")
    options = parser.parse_args()
    checked = ["--checked"] if options.checked else []
    tree = TREES / f"pg{MAJOR}{'-checked' if options.checked else ''}-test"
    tests = expected_errors()

    def is_chosen(function: str) -> bool:
        return not options.name or any(part in function for part in options.name)

    if not any(map(is_chosen, tests)):
        parser.error(f"no #[pg_test] function is called {' or '.join(options.name)}")
    subprocess.run([ROOT / "tools/install-extension.sh", "--debug", "--test", *checked], check=True)
    tally = Tally()
    # The smallest ledger, so that a test can fill it.
    with Cluster({"splitplane.ledger_size": 64}, tree=tree) as cluster:
        cluster.createdb("pg_tests")
        cluster.psql("pg_tests", "CREATE EXTENSION splitplane")
        there = "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'tests'::regnamespace"
        built = set(cluster.psql("pg_tests", there).split())
        for name in filter(is_chosen, sorted(built | tests.keys())):
            if name not in built:
                problem = "it is in the source and not in the build"
            elif name not in tests:
                problem = "it is in the build and was not found in the source"
            else:
                problem = run_one(cluster, name, tests[name])
            if is_lacking(problem):
                print(f"NOT RUN {name}: {problem}")
                continue
            tally.add(name, problem)
        if tally.failed:
            print(cluster.log_text()[-6000:])
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
