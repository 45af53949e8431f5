"""sqlsmith as a second generator: it reads a catalog and writes statements that PostgreSQL's types allow, DML included.

It runs with --dry-run, so it sends nothing but look-ups. Its catalog is a copy of the single-tenant database, whose tables
are the plane's, with a pg_proc that shows only the functions of the allowlist: otherwise it would name a forbidden function
in nearly every statement. Blocks are numbered; a block is the same in every run of a seed.
"""

from __future__ import annotations

import re
import shutil
import subprocess

from splitplane_test.cluster import ROOT
from stream import Statement

from pg_test.attacks.world import ALONE

EYES = "smith_eyes"
BLOCK = 100
# With some seeds it tries for ever to write something that fits.
_PATIENCE_S = 60
_SAMPLE = re.compile(r"\btablesample\s+\w+\s*\([\d.]+\)\s*")
# information_schema is what --exclude-catalog leaves out of the tables; ahead of pg_catalog, its pg_proc is the one found.
_OPTIONS = "-c search_path=information_schema,pg_catalog,public"


def is_there() -> bool:
    return shutil.which("sqlsmith") is not None


def prepare(world) -> None:
    """The catalog it reads."""
    world.cluster.createdb(EYES, ALONE)
    allowed = (ROOT / "src/catalog/functions.sql").read_text(encoding="utf-8")
    with world.superuser(EYES) as connection:
        connection.execute(
            "CREATE VIEW information_schema.pg_proc AS SELECT p.* FROM pg_catalog.pg_proc p"
            f" WHERE p.oid IN (SELECT a.oid::oid FROM ({allowed}) AS a(kind, oid, name) WHERE a.kind <> 'type')"
        )


def block(dsn: str, seed: int, number: int) -> list[Statement]:
    """The statements of one block, none when it finds no end; of each three, one keeps its TABLESAMPLE, which is not admitted."""
    command = ["sqlsmith", "--dry-run", "--exclude-catalog", f"--seed={seed * 100_000 + number}", f"--max-queries={BLOCK}", f"--target={dsn}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return []
    texts = [text.strip() for text in re.split(r";\s*\n", done.stdout) if text.strip()]
    if len(texts) < BLOCK // 2:
        raise RuntimeError(f"sqlsmith wrote {len(texts)} statements: {done.stderr[-300:]}")
    texts = [text if index % 3 == 0 else _SAMPLE.sub("", text) for index, text in enumerate(texts)]
    return [Statement(number * BLOCK + index, "sqlsmith", text) for index, text in enumerate(texts)]


def dsn(cluster) -> str:
    # libpqxx takes it as it is; the role is the one that reads the single tenant's tables.
    return f"host={cluster.socket_dir} port={cluster.port} dbname={EYES} user=postgres options='{_OPTIONS}'"
