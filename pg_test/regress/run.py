#!/usr/bin/env python3
"""Runs the SQL regression suites with the server's own pg_regress, in a throwaway cluster.

    python pg_test/regress/run.py [--accept] [FILE]...

Each file in sql/ has a database of its own, prepared by schema.sql; what it prints must be what expected/ holds. What a run
printed stays in .tools/log/regress/FILE/results, the differences in .tools/log/regress/FILE/regression.diffs. With --accept
what was printed becomes what is expected: read `git diff` before you commit it. The last line is `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from splitplane_test.cluster import MAJOR, ROOT, SUPERUSER, WHOLE_MAJORS, Cluster, private_tree
from splitplane_test.tally import Tally, not_run

HERE = Path(__file__).resolve().parent
PG_REGRESS = private_tree() / f"usr/lib/postgresql/{MAJOR}/lib/pgxs/src/test/regress/pg_regress"
OUTPUT = ROOT / ".tools/log" / ("" if MAJOR == "15" else f"pg{MAJOR}") / "regress"
# What other majors print otherwise is in files NAME_N.out, which pg_regress takes as well; N by major.
FIRST_MAJOR = "15"
NUMBERS = {"16": 4, "17": 1, "18": 2, "19": 3}
# What files need of a server, and how it tells that it has it.
NEEDED = {
    "columns_left_out": ("libxml", "SELECT setting LIKE '%with-libxml%' FROM pg_config() WHERE name = 'CONFIGURE'"),
    "grammar": ("ICU", "SELECT EXISTS (SELECT FROM pg_collation WHERE collname = 'de-x-icu')"),
    "renamed_tables": ("citext", "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'citext')"),
}
# One audience for all databases, so that the expected output does not name them.
SETTINGS = {"splitplane.audience": "regress", "max_prepared_transactions": 4}


def run(cluster: Cluster, file: str) -> str:
    """What was wrong with it: the differences, or what pg_regress said."""
    cluster.createdb(file)
    cluster.psql(file, HERE / "schema.sql")
    done = subprocess.run(
        [
            str(PG_REGRESS),
            "--use-existing",
            f"--inputdir={HERE}",
            f"--outputdir={OUTPUT / file}",
            f"--bindir={cluster.bindir}",
            f"--host={cluster.socket_dir}",
            f"--port={cluster.port}",
            f"--user={SUPERUSER}",
            f"--dbname={file}",
            file,
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        return ""
    differences = OUTPUT / file / "regression.diffs"
    shown = differences.read_text(errors="replace") if differences.exists() else ""
    return shown or done.stdout + done.stderr


def lacking(cluster: Cluster, file: str) -> str | None:
    """What this server has not that a file needs. Nothing on a major whose server is whole."""
    if MAJOR in WHOLE_MAJORS:
        return None
    if re.search(r"(?<!dis)allow_extension\(", (HERE / "sql" / f"{file}.sql").read_text()):
        return f"no list has the extensions' libraries of PostgreSQL {MAJOR}"
    lacks = cluster.psql("postgres", f"SELECT ({NEEDED[file][1]})").strip() != "t" if file in NEEDED else False
    return f"the server has no {NEEDED[file][0]}" if lacks else None


def accept(file: str) -> str:
    """Takes what the last run printed for what is expected: of another major beside the first one's, where it differs."""
    printed = OUTPUT / file / "results" / f"{file}.out"
    if not printed.exists():
        return "it printed nothing"
    expected = HERE / "expected" / printed.name
    if MAJOR != FIRST_MAJOR:
        other = expected.with_stem(f"{file}_{NUMBERS[MAJOR]}")
        other.unlink(missing_ok=True)
        if printed.read_bytes() == expected.read_bytes():
            return ""
        expected = other
    shutil.copyfile(printed, expected)
    return ""


def main() -> int:
    known = sorted(path.stem for path in (HERE / "sql").glob("*.sql"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="*", help="files of sql/, without the ending; by default all")
    parser.add_argument("--accept", action="store_true", help="what is printed becomes what is expected")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.file) - set(known))
    if unknown:
        parser.error(f"no such file: {', '.join(unknown)}; there are {', '.join(known)}")
    # What is expected of a file that has never run is nothing; pg_regress wants it to be there.
    for file in (chosen.file or known) if chosen.accept else ():
        (HERE / "expected" / f"{file}.out").touch()
    library = private_tree() / f"usr/lib/postgresql/{MAJOR}/lib/splitplane.so"
    if MAJOR in WHOLE_MAJORS and b"This build takes any minor release" in library.read_bytes():
        sys.exit("the library was built with old_minors, which is for servers below the floor alone")
    shutil.rmtree(OUTPUT, ignore_errors=True)
    tally = Tally()
    lacks = None
    with Cluster(SETTINGS) as cluster:
        for file in chosen.file or known:
            lacks = lacking(cluster, file)
            if lacks:
                print(f"NOT RUN {file}: {lacks}")
                continue
            (OUTPUT / file).mkdir(parents=True)
            began = time.monotonic()
            wrong = run(cluster, file)
            if wrong and chosen.accept:
                wrong = accept(file)
                print(f"taken as expected: {file}")
            tally.add(file, wrong, f"{time.monotonic() - began:.1f} s")
    if lacks and not tally.passed + tally.failed:
        not_run(lacks)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
