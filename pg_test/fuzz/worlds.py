"""Two databases that differ in nothing but rows of other tenants: what `ask` comes to must be the same in both.

    world_one, world_two   worlds.sql under the extension: the rows of acme, who asks, and beta's of the one kind or the other
    world_bare             the plane's tables and columns without rows and without the extension, where PostgreSQL tells what
                           an analysed tree holds

Both have the statistics of the first, which are copied with the database, and tables of the same number of rows and pages:
so PostgreSQL plans a statement alike in both. Only `visits` has an index on the tenant column; an index scan on it never
meets the rows of others, and would hide what a scan of the table shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import psycopg
import shapes
from asking import QUESTION
from nodes import Tables
from splitplane_test.plane import Plane
from splitplane_test.signing import sign

ONE, TWO, BARE = "world_one", "world_two", "world_bare"
AUDIENCE, USER, KEY_ID = "worlds", "worlds_app", "AKSPWORLDS"
TABLES = list(shapes.WORLDS_TABLES)
# Answers are cut and slow statements stopped early, so that one statement does not take the time of a thousand.
_SETTINGS = {
    "splitplane.audience": AUDIENCE,
    "splitplane.deadline": "150",
    "splitplane.max_rows": "200",
    "splitplane.max_bytes": "64kB",
    "log_error_verbosity": "terse",
    # Workers take longer to start than these statements to run.
    "max_parallel_workers_per_gather": "0",
}
_SIZES = (
    "SELECT c.oid::regclass::text, c.relpages, c.reltuples, c.relallvisible, pg_relation_size(c.oid)"
    " FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i', 'p') ORDER BY 1"
)

_STATISTICS = (
    "SELECT (SELECT md5(string_agg(s::text, '|' ORDER BY s.starelid, s.staattnum, s.stainherit)) FROM pg_statistic s WHERE starelid >= 16384),"
    " (SELECT count(*) FROM pg_statistic_ext_data)"
)
_ROWS = "SELECT string_agg(t::text, '|'), count(*) FROM public.{} t WHERE tenant_id {} 'acme'"


class Worlds(NamedTuple):
    """How to reach them; handed to every worker."""

    dsn_format: str
    secret: str

    def connect(self, database: str, user: str = USER) -> psycopg.Connection:
        """A session in which no statement is prepared behind the caller's back."""
        return psycopg.connect(self.dsn_format.format(database=database, user=user), autocommit=True, prepare_threshold=None)

    def sign(self, tenant: str) -> dict[str, str]:
        return sign(KEY_ID, self.secret, QUESTION, tenant, audience=AUDIENCE)


def make(cluster) -> Worlds:
    """Makes all three."""
    tables = Path(__file__).parent / "worlds.sql"
    plane = Plane.install(cluster, ONE, key_id=KEY_ID, before=[tables], caller=USER, tenants=["acme"], max_uses=2_000_000_000)
    for table, columns in shapes.WORLDS_TABLES.items():
        plane.protect(f"public.{table}", {"tenant_id": "tenant"}, [name for name, _ in columns])
    plane.admit("acme")
    with cluster.connect(ONE) as admin:
        admin.execute("CALL made.fill(false)")
        admin.execute("VACUUM (FREEZE, ANALYZE)")
    cluster.createdb(TWO, ONE)
    cluster.createdb(BARE, ONE)
    _fill_second(cluster)
    _make_bare(cluster)
    with cluster.connect() as admin:
        for name, value in _SETTINGS.items():
            for database in (ONE, TWO):
                admin.execute(f"ALTER DATABASE {database} SET {name} = '{value}'")
    return Worlds(f"host={cluster.socket_dir} port={cluster.port} dbname={{database}} user={{user}}", plane.secret)


def take_away(cluster, off: str) -> None:
    """Takes fences away from both worlds, for sessions to come, in a build that can."""
    if off:
        with cluster.connect() as admin:
            for database in (ONE, TWO):
                admin.execute(f"ALTER DATABASE {database} SET splitplane.ablate = '{off}'")


def make_dear(cluster) -> None:
    """Makes the row-level security condition too dear to be evaluated first but for its claim to be free.

    Without that claim it then comes behind all that PostgreSQL trusts, and so behind all that the barrier of `trust` is there for.
    """
    for database in (ONE, TWO):
        with cluster.connect(database) as admin:
            admin.execute("ALTER FUNCTION splitplane.in_scope(anyelement, text) COST 20")


def _fill_second(cluster) -> None:
    """Other rows under the statistics of the first world."""
    with cluster.connect(ONE) as one, cluster.connect(TWO) as two:
        two.execute("CALL made.fill(true)")
        # Not ANALYZE: pg_statistic stays what it was. VACUUM counts rows and pages anew, whatever they are.
        two.execute("VACUUM (FREEZE)")
        sizes = one.execute(_SIZES).fetchall()
        with two.transaction():
            two.execute("SET LOCAL allow_system_table_mods = on")
            for name, pages, rows, visible, _ in sizes:
                two.execute("UPDATE pg_class SET relpages = %s, reltuples = %s, relallvisible = %s WHERE oid = %s::regclass", [pages, rows, visible, name])


def differences(worlds: Worlds) -> list[str]:
    """What a planner could tell the two worlds apart by, or a caller: statistics, sizes, own rows; and whether they differ at all."""
    wrong = []
    with worlds.connect(ONE, "postgres") as one, worlds.connect(TWO, "postgres") as two:
        both = (one, two)
        if len({world.execute(_STATISTICS).fetchone() for world in both}) > 1:
            wrong.append("the statistics differ")
        sizes = [world.execute(_SIZES).fetchall() for world in both]
        wrong += [f"{first} is not {second}" for first, second in zip(*sizes, strict=True) if first != second]
        for table in TABLES:
            own, others = ([world.execute(_ROWS.format(table, operator)).fetchone() for world in both] for operator in ("=", "<>"))
            if own[0] != own[1]:
                wrong.append(f"own rows of {table} differ")
            if others[0] == others[1] or others[0][1] != others[1][1]:
                wrong.append(f"the others' rows of {table} do not differ, or not in their values alone")
    return wrong


def _make_bare(cluster) -> None:
    with cluster.connect(BARE) as admin:
        admin.execute("DROP EXTENSION splitplane CASCADE; DROP SCHEMA made CASCADE")
        for table in TABLES:
            admin.execute(f"TRUNCATE public.{table}; ALTER TABLE public.{table} DROP COLUMN tenant_id, DROP COLUMN pad")


def scanned(worlds: Worlds) -> Tables:
    """The plane's tables by OID, as the bare database has them, too."""
    with worlds.connect(ONE, "postgres") as admin:
        found = admin.execute(
            "SELECT c.oid, EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
            " WHERE i.indrelid = c.oid AND a.attname = 'tenant_id') FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%s)",
            [TABLES],
        ).fetchall()
    return Tables({oid for oid, _ in found}, {oid for oid, is_indexed in found if not is_indexed})
