"""Databases with few and many protected tables, and with few and many tenants, in each build."""

from random import Random

from session import connect, install
from table import progress

TYPES = ("text", "integer", "numeric(10,2)", "timestamptz", "date", "boolean", "varchar(80)", "jsonb", "uuid", "bigint")
ROWS_PER_TENANT = 10


def tables(number: int) -> list[str]:
    """Statements for tables of 6 to 20 columns with comments, an index on the tenant, and keys to tables made before; always the same."""
    random = Random(3)
    statements: list[str] = []
    for place in range(1, number + 1):
        columns = ["tenant_id bigint NOT NULL", "id bigint NOT NULL"]
        columns += [f"c{n} {random.choice(TYPES)}" for n in range(random.randint(4, 16))]
        keys = ["PRIMARY KEY (tenant_id, id)"]
        for key in range(random.randint(0, 3) if place > 5 else 0):
            columns.append(f"p{key}_id bigint")
            keys.append(f"FOREIGN KEY (tenant_id, p{key}_id) REFERENCES t{random.randint(max(1, place - 200), place - 1)}")
        statements.append(f"CREATE TABLE t{place} ({', '.join(columns + keys)})")
        statements.append(f"COMMENT ON TABLE t{place} IS 'Table number {place} of an application'")
    # Something to see, and to be hidden, in the first ones.
    statements += [f"INSERT INTO t{n} (tenant_id, id) SELECT t, i FROM generate_series(1, 3) t, generate_series(1, 5) i" for n in range(1, min(5, number) + 1)]
    return statements


def protected(admin, number: int) -> None:
    for place in range(1, number + 1):
        admin.execute(f"SELECT splitplane.protect('t{place}', '{{\"tenant_id\": \"tenant\"}}')")


def made(clusters, kind: str, sizes: list[int], fill) -> dict[int, str]:
    """A database for each size, in each build, that `fill` puts tables and tenants into; the names."""
    names = {size: f"{kind}_{size}" for size in sizes}
    for size, name in names.items():
        for build, cluster in clusters.items():
            progress(f"a plane of {size} {kind}, {build}")
            cluster.createdb(name)
            install(cluster, name)
            with connect(cluster, name) as admin:
                fill(admin, size)
                admin.execute("VACUUM ANALYZE")
    return names


def of_tables(clusters, sizes: list[int]) -> dict[int, str]:
    """A database for each number of tables."""

    def fill(admin, size: int) -> None:
        for statement in tables(size):
            admin.execute(statement)
        protected(admin, size)
        admin.execute("SELECT splitplane.admit(n::text) FROM generate_series(1, 3) n")

    return made(clusters, "tables", sizes, fill)


def of_tenants(clusters, sizes: list[int]) -> dict[int, str]:
    """A database for each number of tenants, with one table of so many rows for each of them."""

    def fill(admin, size: int) -> None:
        admin.execute("CREATE TABLE t1 (tenant_id bigint, id bigint, value int, PRIMARY KEY (tenant_id, id))")
        admin.execute(f"INSERT INTO t1 SELECT t, i, t + i FROM generate_series(1, {size}) t, generate_series(1, {ROWS_PER_TENANT}) i")
        protected(admin, 1)
        admin.execute("SELECT splitplane.admit(n::text) FROM generate_series(1, %s) n", (size,))

    return made(clusters, "tenants", sizes, fill)
