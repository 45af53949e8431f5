"""propose() over the schemas of pg_test/propose: nine proposals of ten are right, and none shows more than it should.

A proposal that is not what a person expects shows more, unless it is none at all or the table was to be shared.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from planes import ROOT, new_database

SCHEMAS = sorted((ROOT / "pg_test/propose/schemas").glob("*.txt"))
TYPES = {"t": "text", "n": "numeric", "i": "integer", "ts": "timestamptz", "d": "date", "b": "boolean", "j": "jsonb", "u": "uuid"}
RIGHT = 0.9
MOST_TABLES = 40


@dataclass(frozen=True)
class Expected:
    table: str
    verb: str
    of: str
    without: frozenset[str]


def words(text: str) -> tuple[str, str, str, set[str]]:
    """Of a column as it is noted: its name, its type or none, what it references or nothing, and its marks."""
    name, *more = re.sub(r"[!^]", "", text).split()
    name, _, target = name.partition(">")
    table, _, key = target.partition(".")
    kind = next((word for word in more if word != "pk"), "bigint")
    marks = set(re.findall(r"[!^]", text)) | ({"pk"} & set(more))
    return name, "" if target else TYPES.get(kind, kind), f"{table}.{key or 'id'}" if target else "", marks


def read(path: Path) -> tuple[list[str], list[Expected]]:
    """The statements that make a schema, and what is expected of each table."""
    lines = [[part.strip() for part in line.split("|")] for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    types = {f"{table}.{name}": kind or target for table, _, columns in lines for name, kind, target, _ in map(words, columns.partition(";")[0].split(","))}
    made, constraints, expected = [], [], []
    for table, expectation, columns in lines:
        verb, of, without = re.fullmatch(r"(protect|through|share|none)(?: (?!without)(\S+))?(?: columns)?(?: without (.+))?", expectation).groups()
        expected.append(Expected(table, verb, of or "", frozenset(re.split(r",\s*", without or "")) - {""}))
        if columns.startswith("PARTITION OF"):
            made.append(f"CREATE TABLE {table} {columns}")
            continue
        listed, *rest = (part.strip() for part in columns.split(";"))
        body = []
        for name, kind, target, marks in map(words, listed.split(",")):
            if target:
                # References come last, whichever table is made first.
                other, _, key = target.partition(".")
                cascade = " ON DELETE CASCADE" if "^" in marks else ""
                constraints.append(f"ALTER TABLE {table} ADD FOREIGN KEY ({name}) REFERENCES {other} ({key}){cascade}")
            while target:
                kind, target = types[target], types[target] if "." in types[target] else ""
            body.append(f"{name} {kind}" + (" PRIMARY KEY" if "pk" in marks else "") + (" NOT NULL" if "!" in marks else ""))
        constraints += [f"ALTER TABLE {table} ADD {part}" for part in rest if part.startswith("FOREIGN")]
        constraints += [f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY" for part in rest if part == "ROW SECURITY"]
        constraints += [f"CREATE POLICY own ON {table} {part.removeprefix('POLICY')}" for part in rest if part.startswith("POLICY")]
        body += [part for part in rest if part.startswith("PRIMARY")]
        partition = "".join(f" {part}" for part in rest if part.startswith("PARTITION"))
        made.append(f"CREATE TABLE {table} ({', '.join(body)}){partition}")
    return made + constraints, expected


def judge(expected: Expected, statement: str | None, reason: str, columns: list[str]) -> str:
    """right, none (nothing is proposed), less (not what is expected, and shows less), or more."""
    if statement is None:
        # No statement follows foreign keys. That whose the rows are was found is what counts.
        owners = re.search(r"which a scope needs\. Its rows (?:may )?belong to (?:rows of|every tenant with a membership in) (.+)\.$", reason)
        if expected.verb != "through":
            return "right" if expected.verb == "none" and not owners else "none"
        parents = set(re.findall(r"public\.(\S+) \(foreign key", owners[1])) if owners else set()
        right = parents == set(expected.of.split("+")) or (parents and parents <= set(expected.of.split("/")) and "/" in expected.of)
        return "right" if right else "none"
    call = re.fullmatch(r"SELECT splitplane\.(protect|share)\('([^']+)'(?:, '([^']+)')?(?:, columns => '\{([^']*)\}')?\);", statement)
    # What is not understood here is not right.
    assert call, statement
    verb, table, scope, listed = call.groups()
    assert table == f"public.{expected.table}", statement
    if expected.verb == "share" and verb != "share":
        return "less"
    if (listed.split(",") if listed else columns) != [name for name in columns if name not in expected.without]:
        return "more"
    if expected.verb == "share":
        return "right"
    right = (expected.verb, verb, scope) == ("protect", "protect", f'{{"{expected.of}": "tenant"}}')
    return "right" if right else "more"


@pytest.fixture(scope="module")
def judged(cluster):
    """Of each schema: the database, and each table with what was expected, proposed, and how that is judged."""
    found = {}
    for path in SCHEMAS:
        database = new_database()
        cluster.createdb(database)
        statements, expected = read(path)
        with cluster.connect(database) as admin:
            for statement in statements:
                admin.execute(statement)
            admin.execute("CREATE EXTENSION splitplane")
            proposals = {
                name: (statement, reason)
                for name, statement, reason in admin.execute("SELECT relation::text, statement, reason FROM splitplane.propose()").fetchall()
            }
            assert sorted(proposals) == sorted(entry.table for entry in expected), "a line for each table"
            columns = dict(
                admin.execute(
                    "SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
                    " WHERE a.attnum > 0 AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') GROUP BY c.oid, c.relname"
                ).fetchall()
            )
        found[path.stem] = (database, [(e, *proposals[e.table], judge(e, *proposals[e.table], columns[e.table])) for e in expected])
    yield found
    for database, _ in found.values():
        cluster.psql("postgres", f"DROP DATABASE {database} WITH (FORCE)")


def test_nine_proposals_of_ten_are_right_and_none_shows_more(judged, capsys):
    lines, wrong, right, all_tables = [], [], 0, 0
    for name, (_, tables) in judged.items():
        counts = {verdict: sum(table[3] == verdict for table in tables) for verdict in ("right", "none", "less", "more")}
        lines.append(f"{name}: {len(tables)} tables, " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
        wrong += [f"{name}.{e.table}: expected {e.verb} {e.of}, got {statement} ({reason})" for e, statement, reason, verdict in tables if verdict != "right"]
        right += counts["right"]
        all_tables += len(tables)
    with capsys.disabled():
        print("\n" + "\n".join([*lines, f"{right} of {all_tables} right", *wrong]))
    more = [(name, table) for name, (_, tables) in judged.items() for table in tables if table[3] == "more"]
    assert more == []
    assert right >= RIGHT * all_tables
    for name, (_, tables) in judged.items():
        assert len(tables) >= MOST_TABLES, name
        assert sum(table[3] == "right" for table in tables) >= RIGHT * len(tables), name


SHARE = "SELECT splitplane.share('public.tags');"
PROTECT = "SELECT splitplane.protect('public.tags', '{\"id\": \"tenant\"}');"
KNOWN = "It has no tenant column, which a scope needs. Its rows belong to rows of public.%s (foreign key k)."


@pytest.mark.parametrize(
    ("expected", "statement", "reason", "verdict"),
    [
        (Expected("tags", "none", "", frozenset()), SHARE, "", "more"),
        (Expected("tags", "none", "", frozenset()), None, "", "right"),
        (Expected("tags", "none", "", frozenset()), None, KNOWN % "a", "none"),
        (Expected("tags", "none", "", frozenset()), None, "Its rows belong to rows of public.a, who may be of several tenants.", "right"),
        (Expected("tags", "share", "", frozenset()), None, "", "none"),
        (Expected("tags", "share", "", frozenset()), PROTECT, "", "less"),
        (Expected("tags", "protect", "id", frozenset()), PROTECT, "", "right"),
        (Expected("tags", "protect", "id", frozenset()), PROTECT.replace('tenant"', 'tenant or null"'), "", "more"),
        (Expected("tags", "protect", "id", frozenset({"pin"})), PROTECT, "", "more"),
        (Expected("tags", "protect", "id", frozenset()), None, KNOWN % "a", "none"),
        (Expected("tags", "through", "a", frozenset()), SHARE, "", "more"),
        (Expected("tags", "through", "a", frozenset()), PROTECT, "", "more"),
        (Expected("tags", "through", "a", frozenset()), None, "Nothing says whose its rows are.", "none"),
        (Expected("tags", "through", "a+b", frozenset()), None, KNOWN % "a", "none"),
        (Expected("tags", "through", "a+b", frozenset()), None, KNOWN % "a (foreign key j), public.b", "right"),
        (Expected("tags", "through", "a/b", frozenset()), None, KNOWN % "b", "right"),
        (Expected("tags", "through", "a/b", frozenset()), None, KNOWN % "c", "none"),
    ],
)
def test_the_judge_tells_them_apart(expected, statement, reason, verdict):
    """The control: what shows more is called so."""
    assert judge(expected, statement, reason, ["id", "name", "pin"]) == verdict


def test_every_line_has_a_reason(judged):
    for _, tables in judged.values():
        assert all(reason for _, _, reason, _ in tables)


def test_what_is_proposed_runs_in_its_order(cluster, judged):
    """Each statement can be run as it stands, and then nothing is left to propose for its table."""
    for database, _ in judged.values():
        with cluster.connect(database) as admin:
            for name, statement in admin.execute("SELECT relation::text, statement FROM splitplane.propose() WHERE statement IS NOT NULL").fetchall():
                admin.execute(statement)
                again = admin.execute("SELECT statement, reason FROM splitplane.propose() WHERE relation = %s::text::regclass", (name,)).fetchone()
                assert again == (None, "It is in the plane."), name
            findings = admin.execute("SELECT * FROM splitplane.doctor() WHERE severity = 'critical'").fetchall()
            assert findings == []
