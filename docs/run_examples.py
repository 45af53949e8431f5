"""Runs every example of README.md and docs/*.md on a throwaway cluster, in the order in which a reader meets them, which is
that of docs/SUMMARY.md. Then it checks the pages themselves: links, paths, tables, the picture, the reference (checks.py).

    python docs/run_examples.py [--verbose] [PAGE]...     README.md and these pages; by default all

A fenced block whose info string is `sql run`, `python run` or `sh run` is run; a `sql` or `python` block without `run` is a
failure, so that no example goes unchecked. A `sh` block without it is not: most of them install something. The pages share one cluster: a page may go on from what the README set up.
Words after `run`:

    user=NAME   run as this role (superuser when absent)
    db=NAME     in this database (shop when absent)
    save=NAME   hand the first value of the last result to later python blocks as environment variable NAME
    last        run after all pages (for what takes everything away again)

In SQL, comments after a statement say what it must give: `-- => a | b` one row, columns parted by ` | ` (a final `...`
stands for any rest), `-- => (no rows)` none, `-- error: 28000` that SQLSTATE. In Python and sh, `# => text` is one line printed. A statement without
such a comment must only succeed. A sh block runs in bash from the repository's root, as the superuser, with the server's own programs and a folder
`$SCRATCH` that lasts as long as the cluster; a command that fails ends it, and is a failure.

The last line is `N passed, N failed`; the exit status is 1 when anything failed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import checks
import psycopg
from splitplane_test.cluster import Cluster
from splitplane_test.standin import Script, Standin
from splitplane_test.tally import Tally

ROOT = Path(__file__).resolve().parent.parent

DATABASE = "shop"
# What the stand-in for a model answers: it stands where Amazon Bedrock would.
SCRIPT = ROOT / "docs" / "questions.json"
PROGRAM_SECONDS = 60


@dataclass
class Block:
    page: str
    line: int
    language: str
    words: list[str]
    text: str

    def option(self, name: str, default: str) -> str:
        for word in self.words:
            if word.startswith(name + "="):
                return word[len(name) + 1 :]
        return default


@dataclass
class Statement:
    line: int
    sql: str
    rows: list[str] = field(default_factory=list)
    error: str | None = None


def blocks(page: str) -> list[Block]:
    """The fenced sql and python blocks of one page, and those of sh that are marked to be run."""
    found, opened = [], None
    for number, line in enumerate((ROOT / page).read_text().splitlines(), start=1):
        if line.startswith("```") and opened is None:
            words = line[3:].split()
            opened = Block(page, number + 1, words[0] if words else "", words[1:], "")
        elif line.startswith("```"):
            if opened.language in ("sql", "python") or (opened.language == "sh" and "run" in opened.words):
                found.append(opened)
            opened = None
        elif opened is not None:
            opened.text += line + "\n"
    if opened is not None:
        raise SystemExit(f"{page}: a fenced block is not closed")
    return found


def statements(block: Block) -> list[Statement]:
    """The statements of an SQL block with what is expected of each.

    A statement ends with the line that ends in a semicolon outside dollar quotes, which is how the pages are written.
    """
    found: list[Statement] = []
    lines: list[str] = []
    start = block.line
    for number, line in enumerate(block.text.splitlines(), start=block.line):
        text = line.strip()
        if not lines and text.startswith(("-- => ", "-- error: ")) and found:
            if text.startswith("-- => "):
                found[-1].rows.append(text[len("-- => ") :])
            else:
                found[-1].error = text[len("-- error: ") :].split()[0]
        elif not lines and (not text or text.startswith("--")):
            continue
        else:
            if not lines:
                start = number
            lines.append(line)
            body = "\n".join(lines)
            # A remark may follow the semicolon on its line.
            code = line.split(" -- ")[0].rstrip()
            if code.endswith(";") and body.count("$$") % 2 == 0:
                found.append(Statement(start, body))
                lines = []
    if lines:
        raise SystemExit(f"{block.page}:{start}: a statement does not end with a semicolon")
    return found


def agrees(wanted: list[str], given: list[str]) -> bool:
    if wanted == ["(no rows)"]:
        return not given
    if len(wanted) != len(given):
        return False
    return all(
        got.startswith(want[:-3]) if want.endswith("...") else got.rstrip() == want.rstrip()
        for want, got in zip(wanted, given)
    )


class Run:
    """One pass over all pages: connections by role and database, saved values, and the score."""

    def __init__(self, cluster, verbose: bool, scratch: str):
        self.cluster = cluster
        self.scratch = scratch
        self.saved: dict[str, str] = {}
        self.tally = Tally(verbose)

    def check(self, name: str, problems: list[str]) -> None:
        """A check of the pages: one point, with all its problems."""
        self.tally.add(name, "\n        ".join(problems) or None)

    def reference(self) -> None:
        """The reference against the server, while the examples' tables are in the plane, and a planted defect for each check."""
        dsn = self.cluster.dsn(dbname=DATABASE, user=self.cluster.superuser)
        with psycopg.connect(dsn, autocommit=True) as connection:

            def rows(query: str) -> list[tuple]:
                return connection.execute(query).fetchall()

            self.check("the reference", checks.incomplete_reference(checks.ROOT, rows, checks.sqlstates(checks.ROOT)))
            for name, problems in checks.planted(rows):
                self.check(name, problems)

    def score(self, block: Block, line: int, problem: str | None) -> None:
        self.tally.add(f"{block.page}:{line}", problem)

    def block(self, block: Block) -> None:
        if "run" not in block.words:
            self.score(block, block.line, f"a {block.language} example that is not marked to be run")
        elif block.language == "sql":
            self.sql(block)
        elif block.language == "sh":
            self.program(block, ["bash", "-euo", "pipefail", "-c", block.text], ROOT, {
                "PATH": f"{self.cluster.bindir}:{os.environ['PATH']}",
                "PGUSER": self.cluster.superuser,
                "SCRATCH": self.scratch,
            })
        else:
            with tempfile.TemporaryDirectory() as folder:
                self.program(block, [sys.executable, "-c", block.text], folder, self.saved)

    def sql(self, block: Block) -> None:
        dsn = self.cluster.dsn(dbname=block.option("db", DATABASE), user=block.option("user", self.cluster.superuser))
        try:
            connection = psycopg.connect(dsn, autocommit=True)
        except psycopg.Error as error:
            self.score(block, block.line, f"no connection: {error}")
            return
        with connection:
            last = None
            for statement in statements(block):
                problem, last = self.statement(connection, statement)
                self.score(block, statement.line, problem)
            name = block.option("save", "")
            if name and last:
                self.saved[name] = last

    def statement(self, connection, statement: Statement) -> tuple[str | None, str | None]:
        """What was wrong with it, if anything, and the first value of its result."""
        try:
            result = connection.execute(statement.sql).pgresult
        except psycopg.Error as error:
            if statement.error == error.sqlstate:
                return None, None
            wanted = f"wanted {statement.error}, got" if statement.error else "got"
            return f"{wanted} {error.sqlstate}: {error}", None
        if statement.error:
            return f"wanted {statement.error}, but it succeeded", None
        given = [
            " | ".join((result.get_value(r, c) or b"").decode() for c in range(result.nfields))
            for r in range(result.ntuples)
        ]
        if statement.rows and not agrees(statement.rows, given):
            return f"wanted {statement.rows}, got {given}", None
        first = result.get_value(0, 0) if result.ntuples and result.nfields else None
        return None, first.decode() if first else None

    def program(self, block: Block, command: list[str], folder: Path | str, more: dict[str, str]) -> None:
        wanted = [
            line.strip()[len("# => ") :] for line in block.text.splitlines() if line.strip().startswith("# => ")
        ]
        # psycopg and psql read libpq's variables, so that the example itself need not know of a throwaway cluster.
        environment = {
            **os.environ,
            "PGHOST": str(self.cluster.socket_dir),
            "PGPORT": str(self.cluster.port),
            **more,
        }
        try:
            done = subprocess.run(
                command, env=environment, cwd=folder, capture_output=True, text=True, timeout=PROGRAM_SECONDS,
            )
        except subprocess.TimeoutExpired:
            self.score(block, block.line, f"no end after {PROGRAM_SECONDS} s")
            return
        if done.returncode:
            self.score(block, block.line, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it failed")
        elif wanted and not agrees(wanted, done.stdout.splitlines()):
            self.score(block, block.line, f"wanted {wanted}, got {done.stdout.splitlines()}")
        else:
            self.score(block, block.line, None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verbose", action="store_true", help="name the examples that pass, too")
    parser.add_argument("page", nargs="*", help="pages, by path or by name without the ending; README.md is run before them")
    options = parser.parse_args()
    in_order = checks.pages_in_order()
    pages = [page for page in in_order if not options.page or {page, Path(page).name, Path(page).stem} & set(options.page)]
    known = {name for page in in_order for name in (page, Path(page).name, Path(page).stem)}
    if unknown := sorted(set(options.page) - known):
        parser.error(f"no such page: {', '.join(unknown)}; there are {', '.join(in_order)}")
    # Every page goes on from what the README has set up.
    pages = list(dict.fromkeys([in_order[0], *pages]))
    with (
        tempfile.TemporaryDirectory() as scratch,
        Standin(**Script.load(SCRIPT)) as standin,
        Cluster(settings={}, environment=standin.environment()) as cluster,
    ):
        run = Run(cluster, options.verbose, scratch)
        for name, problems in checks.of_pages():
            run.check(name, problems)
        found = [block for page in pages for block in blocks(page)]
        for block in found:
            if "last" not in block.words:
                run.block(block)
        # The reference is checked while the tables of all pages are in the plane.
        if not options.page:
            run.reference()
        for block in found:
            if "last" in block.words:
                run.block(block)
    return run.tally.finish()


if __name__ == "__main__":
    sys.exit(main())
