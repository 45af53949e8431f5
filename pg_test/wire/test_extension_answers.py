"""Each object of the lists of extensions means in an answer of `ask` what it means in the database.

Every function, aggregate, operator and cast is called over columns of each of its types, in the plane and outside of it.
"""

from __future__ import annotations

import itertools
import json

import psycopg
import pytest
from psycopg.types.json import Jsonb
from splitplane_test.cluster import Cluster
from splitplane_test.operators import VALUES

from pg_test.wire.harness import Wire

# Besides those that operators are compared over.
MORE_VALUES = {
    "bool": ["true", "false"],
    "bytea": [r"\x01020304", r"\x" + "00" * 15 + "01"],
    "varbit": ["1010", "1" * 32, "1" * 128],
    "bit": ["1" * 32],
    "int2": ["1", "-1"],
    "bpchar": ["a", "B "],
    "varchar": ["a", "10.0.0.1"],
    "cidr": ["10.0.0.0/8", "2001:db8::/32"],
    "inet": ["10.0.0.1", "::1"],
    "float8": ["0.5", "1", "0", "-2.5"],
    "_float8": ["{0.25,0.5}", "{1}"],
    "uuid": ["6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
    "box2d": ["BOX(0 0,1 1)", "BOX(2 2,3 3)"],
    "box3d": ["BOX3D(0 0 0,1 1 1)", "BOX3D(2 2 2,3 3 3)"],
    "tdigest": [
        "flags 1 count 3 compression 10 centroids 3 (1.0, 1) (2.0, 1) (3.0, 1)",
        "flags 1 count 30 compression 10 centroids 3 (1.0, 10) (2.0, 10) (3.0, 10)",
    ],
    "internal": [],
}
# Beside those that operators are compared over.
# Coordinate systems, and what hll(11, 5, -1, 1) is as a modifier.
NUMBERS = ["3857", "4326", "12031"]
TEXTS = ["i", "10.0.0.1", "POINT(1 2)", "sha256", "a", "::1", "10.0.0.0/8"]

EXTENSIONS = {
    "citext": (), "hstore": (), "ltree": (), "pg_trgm": (), "unaccent": (), "fuzzystrmatch": (), "intarray": (), "cube": (),
    "earthdistance": (), "uuid-ossp": (), "pgcrypto": (), "ip4r": (), "hll": (), "tdigest": (), "postgis": (),
}  # fmt: skip
# What no column has: bit strings of another length.
ARGUMENTS = {name: ["repeat('1', 128)::bit(128)"] for name in ("ip6(bit)", "bit,ip6")}
# Values that go together in one aggregate, by the number of the row.
TOGETHER = {"postgis": (1, 4, 5, 6), "hll": (0, 1, 2)}
# How many tuples of values each is called with.
TUPLES = 14


def values(name: str) -> list[str]:
    if name == "text":
        return [*TEXTS, *VALUES["text"]]
    if name == "int4":
        return [*VALUES["int4"], *NUMBERS]
    return VALUES.get(name) or MORE_VALUES[name]


def spelled(name: str) -> str:
    if name == "bit":
        return "bit(32)"
    return f"{name[1:]}[]" if name.startswith("_") else name


@pytest.fixture(scope="module")
def cluster():
    with Cluster() as running:
        yield running


def built(cluster: Cluster, extension: str) -> tuple[Wire, list[tuple[str, str]]]:
    """A database with the extension and a table that has a column of each type that its list's objects take; those objects."""
    wire = Wire.build(
        cluster,
        "answers_" + extension.replace("-", "_"),
        f"""CREATE EXTENSION "{extension}" CASCADE;
            SELECT splitplane.allow_extension(extname) FROM pg_extension WHERE extname IN ('cube', '{extension}');
            SELECT splitplane.admit('brand-a'), splitplane.admit('brand-b')""",
    )
    with wire.admin() as admin:
        listed = admin.execute(
            "SELECT kind, listed FROM splitplane._listed_objects(%s) WHERE kind IN ('function', 'aggregate', 'operator', 'cast') ORDER BY 1, 2",
            (extension,),
        ).fetchall()
        types = sorted({name for kind, listed_name in listed for name in taken(kind, listed_name)})
        columns = ", ".join(f'"{name}" {spelled(name)}' for name in types)
        admin.execute(f"CREATE TABLE vals (tenant_id text NOT NULL, k int NOT NULL, {columns}, PRIMARY KEY (tenant_id, k))")
        for k in range(max(len(values(name)) for name in types)):
            row = [values(name)[k % len(values(name))] for name in types]
            places = ", ".join(f"%s::{spelled(name)}" for name in types)
            for tenant in ("brand-a", "brand-b"):
                admin.execute(f"INSERT INTO vals VALUES (%s, %s, {places})", (tenant, k, *row))
        admin.execute("""SELECT splitplane.protect('vals', '{"tenant_id": "tenant"}')""")
    return wire, listed


def taken(kind: str, listed: str) -> list[str]:
    """Names of the types that an object takes."""
    if kind == "cast":
        return [listed.split(",", maxsplit=1)[0]]
    inside = listed.rpartition("(")[2].rstrip(")")
    return [name for name in inside.split(",") if name]


def expression(kind: str, listed: str, arguments: list[str]) -> str:
    name = listed.rpartition("(")[0]
    if kind == "cast":
        return f"{arguments[0]}::{spelled(listed.split(',')[1])}"
    if kind == "operator" and len(arguments) == 1:
        return f"{name} {arguments[0]}"
    if kind == "operator":
        return f"{arguments[0]} {name} {arguments[1]}"
    return f"{name}({', '.join(arguments)})"


def statement(extension: str, kind: str, listed: str, indexes: tuple[int, ...], is_set: bool) -> str:
    """One call over one tuple of values, as text."""
    names = taken(kind, listed)
    arguments = ARGUMENTS.get(listed) or [f'v{place}."{name}"' for place, name in enumerate(names)]
    sources = ", ".join(f"vals v{place}" for place in range(len(names)))
    conditions = [f"v{place}.k = {k}" for place, k in enumerate(indexes)]
    if kind == "aggregate":
        conditions[0] = f"v0.k IN {TOGETHER.get(extension, (0, 1, 2, 3))}"
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    call = expression(kind, listed, arguments)
    if is_set:
        joined = f"{sources}, " if sources else ""
        return f"SELECT string_agg(called::text, ' ' ORDER BY called::text) FROM {joined}{call} AS called{where}"
    return f"SELECT ({call})::text" + (f" FROM {sources}{where}" if sources else "")


def tuples(kind: str, listed: str) -> list[tuple[int, ...]]:
    names = taken(kind, listed)
    sizes = [len(values(name)) for name in names]
    every = list(itertools.product(*(range(size) for size in sizes)))
    # Spread over all of them; the rest until one is answered.
    step = max(1, len(every) // TUPLES) | 1
    spread = every[::step]
    return [*spread, *(chosen for chosen in every if chosen not in spread)]


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_each_object_answers_as_in_the_database(cluster, extension):
    wire, listed = built(cluster, extension)
    wrong, compared, raised = [], 0, 0
    with wire.admin() as own, wire.session() as session:
        own.execute("SET search_path = pg_catalog, public")
        own.execute("CREATE TEMP VIEW vals AS SELECT * FROM public.vals WHERE tenant_id = 'brand-a'")
        own.execute("SET search_path = pg_catalog, pg_temp, public; SET bytea_output = hex")
        sets = {
            row[0]
            for row in own.execute(
                "SELECT r.signature FROM splitplane._extension_routines(%s) AS r JOIN pg_proc AS p ON p.oid = r.routine WHERE p.proretset", (extension,)
            )
        }
        for kind, name in listed:
            answered = 0
            for count, indexes in enumerate(tuples(kind, name)):
                if count >= TUPLES and answered:
                    break
                sql = statement(extension, kind, name, indexes, name in sets)
                try:
                    wanted = own.execute(sql.replace("%", "%%"), ()).fetchall()
                except psycopg.Error as error:
                    raised += 1
                    state = refused(wire, session, sql)
                    # An internal error of a library becomes one about the value.
                    if state != error.sqlstate and not (error.sqlstate == "XX000" and state in ("22023", "22P02")):
                        wrong.append(f"{sql}: {error.sqlstate} {error}, and here {state}")
                    continue
                try:
                    got = session.ask(sql)["rows"]
                except psycopg.Error as error:
                    wrong.append(f"{sql}: {wanted}, and here {error.sqlstate} {error}")
                    continue
                compared += 1
                answered += 1
                if got != [list(row) for row in wanted]:
                    wrong.append(f"{sql}: {wanted}, and here {got}")
            if not answered:
                wrong.append(f"{kind} {name}: raised over all values")
    assert wrong == [], "\n".join(wrong[:20])
    assert compared >= len(listed)


SKETCH = "SELECT hll_add_agg(hll_hash_integer(\"int4\"), 11, 5, 64, 1) FROM vals"
COUNT = SKETCH.replace("SELECT hll_add_agg", "SELECT hll_cardinality(hll_add_agg").replace(" FROM", ") FROM")


def test_what_the_application_set_before_changes_no_count(cluster):
    """hll keeps numbers for the session that no setting shows. Those that calls give themselves are the ones that count."""
    wire = Wire.build(
        cluster,
        "kept_numbers",
        """CREATE EXTENSION hll; SELECT splitplane.allow_extension('hll'), splitplane.admit('brand-a');
           CREATE TABLE vals (tenant_id text NOT NULL, int4 int NOT NULL);
           INSERT INTO vals SELECT 'brand-a', n FROM generate_series(1, 400) AS n;
           SELECT splitplane.protect('vals', '{"tenant_id": "tenant"}')""",
    )

    def answers(*before: str) -> tuple[object, object]:
        with wire.session() as session:
            for statement in before:
                session.execute(statement)
            return session.value(SKETCH), session.value(COUNT)

    plain = answers()
    assert answers("SELECT hll_set_defaults(5, 4, 64, 0)") == plain
    sparse = answers("SELECT hll_set_max_sparse(0)")
    assert sparse[1] == plain[1]
    assert sparse[0] != plain[0], "how a sketch is written does depend on it, which the reference says"


def refused(wire: Wire, session, sql: str) -> str | None:
    try:
        session.execute("SELECT ask(%s, sql => %s)", (Jsonb(wire.sign(sql)), sql))
    except psycopg.Error as error:
        return error.sqlstate
    return json.dumps("answered")
