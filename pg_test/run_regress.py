#!/usr/bin/env python3
"""Runs the SQL regression suites with the server's own pg_regress, in a throwaway cluster.

    python pg_test/run_regress.py [suite]...

Each file in pg_test/sql is one suite and has a database of its own, prepared by regress_schema.sql; what it prints must
be what pg_test/expected holds. What a run printed stays in .tools/log/regress/results, the differences in
.tools/log/regress/regression.diffs. The last line is `N passed, N failed`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tools"))

from cluster import MAJOR, SUPERUSER, Cluster, private_tree  # noqa: E402

PG_REGRESS = private_tree() / f"usr/lib/postgresql/{MAJOR}/lib/pgxs/src/test/regress/pg_regress"
OUTPUT = ROOT / ".tools/log/regress"
# One audience for all databases, so that the expected output does not name them.
SETTINGS = {"splitplane.audience": "regress", "max_prepared_transactions": 4}


def run(cluster: Cluster, suite: str) -> bool:
    cluster.createdb(suite)
    cluster.psql(suite, HERE / "regress_schema.sql")
    done = subprocess.run(
        [
            str(PG_REGRESS),
            "--use-existing",
            f"--inputdir={HERE}",
            f"--outputdir={OUTPUT / suite}",
            f"--bindir={cluster.bindir}",
            f"--host={cluster.socket_dir}",
            f"--port={cluster.port}",
            f"--user={SUPERUSER}",
            f"--dbname={suite}",
            suite,
        ],
        capture_output=True,
        text=True,
    )
    differences = OUTPUT / suite / "regression.diffs"
    if done.returncode != 0:
        shown = differences.read_text(errors="replace") if differences.exists() else ""
        print(shown or done.stdout + done.stderr)
    return done.returncode == 0


def main(chosen: list[str]) -> int:
    suites = chosen or sorted(path.stem for path in (HERE / "sql").glob("*.sql"))
    shutil.rmtree(OUTPUT, ignore_errors=True)
    failed = 0
    with Cluster(SETTINGS) as cluster:
        # A context dated before the server's start is refused, and its date has whole seconds.
        time.sleep(1.1)
        for suite in suites:
            (OUTPUT / suite).mkdir(parents=True)
            began = time.monotonic()
            passed = run(cluster, suite)
            failed += not passed
            print(f"{'ok' if passed else 'FAILED':6} {suite} ({time.monotonic() - began:.1f} s)", flush=True)
    print(f"{len(suites) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
