#!/usr/bin/env python3
"""Runs other suites on a PostgreSQL with assertions, which tools/checked-server.sh builds from Debian's source.

    assertions.py [SUITE]...        by default all of SUITES

Green means more than that each suite passed: no server of theirs may have failed an assertion, found a block's guard
byte overwritten, or warned of a reference, snapshot or file that was never given back. pg_test/lib/cluster.py collects that
from the logs of all throwaway servers. Controls: a planted assertion and a planted write must show there.
The last line is `N passed, N failed`, of suites and controls.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from splitplane_test.cluster import MAJOR, Cluster
from splitplane_test.tally import UNREACHABLE, Tally, not_run

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / f".tools/pg{MAJOR}-checked"
PYTEST = ("-m", "pytest")
SUITES = {
    "pg": ("tools/run_pg_tests.py", "--checked"),
    "regress": ("pg_test/regress/run.py",),
    "analytics": ("pg_test/analytics/run.py",),
    "attacks": ("pg_test/attacks/run.py",),
    "wire": (*PYTEST, "pg_test/wire"),
    "words": (*PYTEST, "pg_test/words"),
    "sidechannels": (*PYTEST, "pg_test/sidechannels"),
}
# (function of the test build, what the log must then hold)
PLANTED = (("breaks_an_assertion", "TRAP: "), ("writes_past_a_block", "detected write past chunk end"))


def told(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def planted(name: str) -> None:
    with Cluster(tree=TREE.with_name(f"{TREE.name}-test")) as cluster:
        cluster.psql("postgres", "CREATE EXTENSION splitplane")
        try:
            with cluster.connect() as connection:
                connection.execute(f"SELECT planted.{name}()")
        except psycopg.OperationalError:
            # The postmaster restarts by itself; that it can be stopped afterwards is all that is wanted.
            time.sleep(2)


def main(chosen: list[str]) -> int:
    unknown = set(chosen) - SUITES.keys()
    if unknown:
        print(f"no such suite: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    fetched = subprocess.run([ROOT / "tools/checked-server.sh"]).returncode
    if fetched == UNREACHABLE:
        not_run("what the server with assertions is built from could not be fetched (tools/checked-server.sh)")
    if fetched:
        print(f"the server with assertions was not built: tools/checked-server.sh ended with status {fetched}")
        return 1
    # The suites get the library as it ships, which keeps their time limits; the suite `pg` and the planted mistakes the
    # debug build, whose own checks are on.
    for options in (("--checked",), ("--checked", "--debug", "--test")):
        subprocess.run([ROOT / "tools/install-extension.sh", *options], check=True)
    tally = Tally()
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "told"
        os.environ |= {"SPLITPLANE_TELLTALES": str(file), "SPLITPLANE_PG_TREE": str(TREE)}
        for name, sign in PLANTED:
            planted(name)
            seen = sign in told(file)
            file.unlink(missing_ok=True)
            tally.add(f"control: planted.{name}() is reported", "" if seen else "it is not")
        for name in chosen or SUITES:
            print(f"\n==== {name}, with assertions", flush=True)
            began = time.monotonic()
            status = subprocess.run([sys.executable, *SUITES[name]], cwd=ROOT).returncode
            story = told(file)
            file.unlink(missing_ok=True)
            print(story, end="")
            wrong = f"exit status {status}" if status else "a server of it went wrong" if story else ""
            tally.add(name, wrong, f"{time.monotonic() - began:.0f} s")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
