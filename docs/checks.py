"""What must hold of every page besides its examples. docs/run_examples.py makes these checks at each run.

Of every page of the repository: its internal links lead to a file and a heading that exist, and the files that it names exist.
Of the pages of docs/SUMMARY.md also: no cell of a table is longer than one reads at a glance, picture and charts are what their scripts
draw, and the list of pages is complete. Of the reference: each function, setting, table, view, role and SQLSTATE has a heading, with
the signature, default and range that the server itself reports.

Each check gives a list of problems, empty when all is well. `planted` hands each check a page with the defect that it is there to
find, since a check that never finds anything would look the same.
"""

import json
import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import draw_charts
import draw_dashboard
import draw_layers

ROOT = Path(__file__).resolve().parent.parent
SUMMARY = "docs/SUMMARY.md"
REFERENCE = {
    "function": "docs/reference-functions.md",
    "setting": "docs/reference-settings.md",
    "object": "docs/reference-objects.md",
    "SQLSTATE": "docs/reference-sqlstates.md",
}
INDEX = "docs/reference.md"
LONGEST_CELL = 160

# Folders with pages of others, or made by a build.
NOT_OURS = {".git", ".tools", "target", "node_modules"}
# History names files as they were.
HISTORY = {"CHANGELOG.md"}
# Pages beside a program name its files from their own folder, and all others from the root.
BESIDE = ("findings/", "fuzz/", "pg_test/")
# Paths that may be named though no such file is there: a run of the fuzzers makes them.
ABSENT = {"fuzz/artifacts/gate/crash-", "fuzz/corpus"}

LINK = re.compile(r"(?<!\\)!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
PATH = re.compile(r"(?<![\w./~-])(?:src|sql|pg_test|tools|docs|demo|bench|findings|fuzz|\.ci)/[\w./*{},-]*(?:::\w+)*")
# A file that is named without a folder.
BARE = re.compile(r"`([\w-]+\.(?:c|dict|jsonl?|md|py|rs|sh|sql|svg|toml|tsv|txt)(?:::\w+)*)`")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")


def pages_in_order(root: Path = ROOT) -> list[str]:
    """The pages of SUMMARY.md, as paths from the repository's root: the order of the site and of the examples."""
    folder = (root / SUMMARY).parent
    found = []
    for target in LINK.findall((root / SUMMARY).read_text()):
        page = (folder / target).resolve().relative_to(root.resolve()).as_posix()
        if page not in found:
            found.append(page)
    return found


def every_page(root: Path = ROOT) -> list[str]:
    found = (page.relative_to(root) for page in root.rglob("*.md"))
    return sorted(page.as_posix() for page in found if not NOT_OURS & set(page.parts))


def without_fences(text: str) -> str:
    """The text with the lines of fenced blocks blanked, so that places stay."""
    found, fenced = [], False
    for line in text.splitlines():
        fence = line.lstrip().startswith("```")
        fenced = fenced != fence
        found.append("" if fenced or fence else line)
    return "\n".join(found) + "\n"


def masked(text: str) -> str:
    """The text with code blanked, every letter else in its place: what a link may be found in, also one that is broken over two lines."""
    found, fenced = [], False
    for line in text.splitlines(keepends=True):
        fence = line.lstrip().startswith("```")
        fenced = fenced != fence
        found.append(re.sub(r"[^\n]", " ", line) if fenced or fence else re.sub(r"`[^`\n]*`", lambda s: " " * len(s[0]), line))
    return "".join(found)


def prose(text: str) -> list[tuple[int, str]]:
    """Numbered lines outside fenced blocks."""
    return list(enumerate(without_fences(text).splitlines(), start=1))


def visible(markdown: str) -> str:
    """What a reader sees of a piece of a line: links without their targets, no marks."""
    shown = re.sub(r"!?\[((?:[^\]\[]|\[[^\]]*\])*)\]\([^)]*\)", r"\1", markdown)
    return re.sub(r"[`*]", "", shown).strip()


def headings(text: str) -> list[tuple[int, str]]:
    """Level and visible words of each heading."""
    found = (HEADING.match(line) for _, line in prose(text))
    return [(len(heading[1]), visible(heading[2])) for heading in found if heading]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and mdBook make them."""
    found: dict[str, int] = {}
    names = set()
    for _, words in headings(text):
        anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        count = found.get(anchor, 0)
        found[anchor] = count + 1
        names.add(f"{anchor}-{count}" if count else anchor)
    return names


def dead_links(root: Path, pages: Iterable[str]) -> list[str]:
    problems = []
    for page in pages:
        text = masked((root / page).read_text())
        for link in LINK.finditer(text):
            target = link[1]
            if re.match(r"[a-z]+:", target):
                continue
            where = f"{page}:{text.count(chr(10), 0, link.start()) + 1}"
            path, _, anchor = target.partition("#")
            file = (root / page).parent / path if path else root / page
            if not file.exists():
                problems.append(f"{where}: there is no {target}")
            elif anchor and anchor not in anchors(file.read_text()):
                problems.append(f"{where}: {path or page} has no heading #{anchor}")
    return problems


def braces(path: str) -> list[str]:
    """`a/{b,c}.sql` names two files."""
    group = re.search(r"\{([^{}]*)\}", path)
    if group is None:
        return [path]
    return [p for word in group[1].split(",") for p in braces(path[: group.start()] + word + path[group.end() :])]


def files_by_name(root: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in NOT_OURS]
        for name in names:
            found[name].append(Path(folder, name))
    return found


def missing_paths(root: Path, pages: Iterable[str], absent: set[str] = ABSENT) -> list[str]:
    """Files, folders and tests (`file.py::test_name`) that a page names and that are not there."""
    problems = []
    known = files_by_name(root)

    def note(page: str, number: int, path: str, names: list[str], there: list[Path]) -> None:
        if not there:
            problems.append(f"{page}:{number}: there is no {path}")
        elif names and not any(re.search(rf"\b{names[-1]}\b", file.read_text()) for file in there):
            problems.append(f"{page}:{number}: {path} has no {names[-1]}")

    for page in pages:
        own = (root / page).parent
        is_beside = page.startswith(BESIDE)
        for number, line in enumerate((root / page).read_text().splitlines(), start=1):
            for named in PATH.findall(line):
                path, *names = named.split("::")
                for one in braces(path.rstrip(".,")):
                    if one in absent or one.endswith("/..."):
                        continue
                    there = [file for base in ((root, own) if is_beside else (root,)) for file in (base.glob(one) if "*" in one else [base / one])]
                    note(page, number, one, names, [file for file in there if file.exists()])
            for named in BARE.findall(line):
                path, *names = named.split("::")
                note(page, number, path, names, [file for file in known[path] if not is_beside or file.is_relative_to(own)])
    return problems


def cells(line: str) -> list[str]:
    """The cells of a table's row; a `|` that is escaped or inside a code span divides nothing."""
    if not line.lstrip().startswith("|"):
        return []
    kept = re.sub(r"`[^`]*`", lambda span: span[0].replace("|", "\0"), line.strip().strip("|"))
    return [cell.replace("\0", "|") for cell in re.split(r"(?<!\\)\|", kept)]


def long_cells(root: Path, pages: Iterable[str]) -> list[str]:
    problems = []
    for page in pages:
        for number, line in prose((root / page).read_text()):
            for cell in cells(line):
                if len(visible(cell)) > LONGEST_CELL:
                    problems.append(f"{page}:{number}: a cell of {len(visible(cell))} characters: {visible(cell)[:40]}...")
    return problems


def stale_picture(file: Path = draw_layers.PICTURE) -> list[str]:
    return [] if draw_layers.is_current(file) else [f"{file.name} is not what docs/draw_layers.py draws"]


def stale_charts(folder: Path = draw_charts.FOLDER) -> list[str]:
    return [f"{name} is not what docs/draw_charts.py draws" for name in draw_charts.stale(folder)]


def stale_dashboard(file: Path = draw_dashboard.PICTURE) -> list[str]:
    return [] if draw_dashboard.is_current(file) else [f"{file.name} is not what docs/draw_dashboard.py draws"]


def unlisted_pages(root: Path) -> list[str]:
    there = {f"docs/{page.name}" for page in (root / "docs").glob("*.md")} - {SUMMARY}
    return [f"{SUMMARY} does not list {page}" for page in sorted(there - set(pages_in_order(root)))]


def sections(text: str) -> dict[str, str]:
    """The body of each heading's section, without those of headings below it."""
    found: dict[str, str] = {}
    current, fenced = "", False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        heading = None if fenced else HEADING.match(line)
        if heading:
            current = visible(heading[2])
            found[current] = ""
        elif current:
            found[current] += line + "\n"
    return found


def in_units(value: str, unit: str | None) -> str:
    """A setting's value as SHOW prints it, in the largest unit that loses nothing."""
    ladders = (
        (("ms", 1), ("s", 1000), ("min", 60), ("h", 60), ("d", 24)),
        (("B", 1), ("kB", 1024), ("MB", 1024), ("GB", 1024), ("TB", 1024)),
    )
    for ladder in ladders:
        names = [name for name, _ in ladder]
        if unit not in names:
            continue
        amount, place = int(value), names.index(unit)
        while amount and place + 1 < len(ladder) and amount % ladder[place + 1][1] == 0:
            amount, place = amount // ladder[place + 1][1], place + 1
        return f"{amount}{names[place]}" if amount else "0"
    return value


def setting_lines(row: tuple) -> list[str]:
    """The lines that the reference must have for a row of pg_settings."""
    _, kind, default, unit, least, most, words, context = row
    lines = [f"- Default: `{in_units(default, unit)}`" if default else "- Default: empty"]
    if words:
        lines.append("- Values: " + ", ".join(f"`{word}`" for word in words))
    elif kind in ("integer", "real"):
        lines.append(f"- Values: `{in_units(least, unit)}` to `{in_units(most, unit)}`")
    return lines + [f"- Context: `{context}`"]


def without_casts(arguments: str) -> str:
    return re.sub(r"::[a-z]+( with(out)? time zone)?(\[\])?", "", arguments)


SETTINGS = """SELECT name, vartype, boot_val, unit, min_val, max_val, enumvals, context
  FROM pg_settings WHERE name LIKE 'splitplane.%' ORDER BY name"""
# An underscore begins the names of what is not for use.
FUNCTIONS = """SELECT p.proname, n.nspname = 'splitplane' AS qualified, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
       coalesce(p.proargnames, '{}')
  FROM pg_depend AS d JOIN pg_proc AS p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
  JOIN pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'splitplane'
  JOIN pg_namespace AS n ON n.oid = p.pronamespace
 WHERE p.proname !~ '^_' ORDER BY p.proname"""
RELATIONS = """SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relnamespace = 'splitplane'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname !~ '^_' GROUP BY 1 ORDER BY 1"""
ROLES = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'splitplane%' ORDER BY 1"
POLICIES = "SELECT DISTINCT polname FROM pg_policy WHERE polname ~ '^!?splitplane_' ORDER BY 1"


def incomplete_reference(root: Path, rows: Callable[[str], list[tuple]], states: set[str]) -> list[str]:
    """What the server has and the reference has not, or has otherwise. `rows` runs a query; `states` are the SQLSTATEs of the source."""
    parts = {kind: sections((root / page).read_text()) for kind, page in REFERENCE.items()}
    problems = []

    def section(kind: str, name: str) -> str | None:
        body = parts[kind].get(name)
        if body is None:
            problems.append(f"{REFERENCE[kind]}: {kind} {name} has no heading")
        return body

    def wants(kind: str, name: str, body: str, wanted: Iterable[str]) -> None:
        flat = " ".join(body.split())
        problems.extend(f"{REFERENCE[kind]}: {name} lacks: {text}" for text in wanted if text not in flat)

    for name, qualified, arguments, result, names in rows(FUNCTIONS):
        # Those that only plans show stand with the other objects.
        kind = "object" if name in parts["object"] else "function"
        if (body := section(kind, name)) is not None:
            schema = "splitplane." if qualified else ""
            wants(kind, name, body, [f"{schema}{name}({without_casts(arguments)}) RETURNS {result}"])
            if kind == "function":
                wants(kind, name, body, [f"`{argument}`" for argument in names])
    for row in rows(SETTINGS):
        if (body := section("setting", row[0])) is not None:
            have = body.splitlines()
            problems.extend(f"{REFERENCE['setting']}: {row[0]} lacks: {line}" for line in setting_lines(row) if line not in have)
    for name, columns in rows(RELATIONS):
        if (body := section("object", name)) is not None:
            wants("object", name, body, [f"`{column}`" for column in columns])
    for (name,) in rows(ROLES) + rows(POLICIES):
        section("object", name)
    known = {word for title in parts["SQLSTATE"] for word in re.findall(r"\b[0-9A-Z]{5}\b", title)}
    problems.extend(f"{REFERENCE['SQLSTATE']}: SQLSTATE {state} has no heading" for state in sorted(states - known))
    return problems


def unindexed_functions(root: Path) -> list[str]:
    """Functions that have a heading, and no link from the reference's first page."""
    index = (root / INDEX).read_text()
    names = [title for _, title in headings((root / REFERENCE["function"]).read_text()) if re.fullmatch(r"[a-z_]+", title)]
    link = Path(REFERENCE["function"]).name
    return [f"{INDEX}: no link to {name}" for name in names if f"]({link}#{name})" not in index]


def sqlstates(root: Path) -> set[str]:
    """Those that the source raises by itself: the table in error.rs, and the administration functions."""
    found = set(re.findall(r"/// ([0-9A-Z]{5}):", (root / "src/error.rs").read_text()))
    if "28000" not in found:
        raise SystemExit("src/error.rs no longer says which SQLSTATE each of its states has, in the form `/// 28000: ...`")
    for script in (root / "sql").glob("[0-9]*.sql"):
        found |= set(re.findall(r"ERRCODE = '([0-9A-Z]{5})'", script.read_text()))
    return found


def of_pages() -> list[tuple[str, list[str]]]:
    """Each check that needs no server, by name, with its problems."""
    current = [page for page in every_page() if page not in HISTORY]
    # Pages beside a program are for those who have it before them, and may go into detail.
    read_at_a_glance = [page for page in pages_in_order() if page in current and not page.startswith(BESIDE)]
    return [
        ("internal links", dead_links(ROOT, every_page())),
        ("paths that pages name", missing_paths(ROOT, current)),
        ("long cells", long_cells(ROOT, read_at_a_glance)),
        ("the list of pages", unlisted_pages(ROOT)),
        ("the index of functions", unindexed_functions(ROOT)),
        ("the picture", stale_picture()),
        ("the dashboard", stale_dashboard()),
        ("charts", stale_charts()),
    ]


PLANTED = """# A page

## Some heading

[a](#some-heading), [b](page.md) and `[no](link.md)` are well, [c](other.md) and [d
over two lines](#no-heading) are not. src/there.rs and src/there.rs::works, src/{there,gone}.rs, src/there.rs::fails and tools/*.sh.
`there.rs`, `there.rs::works` and `beside.py` are well, `lost.rs` and `there.rs::breaks` are not.

| | |
|---|---|
| `a|b` | [short](with/a/long/target.md) |
| LONG | |
"""


# Of a page beside a program, whose own folder counts, and nobody else's.
PLANTED_BESIDE = """# A program

`beside.py`, src/near.rs, src/there.rs and fuzz/src/*.rs are well; `there.rs`, src/far.rs and fuzz/beside.py::runs are not.
"""


def planted(rows: Callable[[str], list[tuple]]) -> list[tuple[str, list[str]]]:
    """Each planted defect that its check does not find, and nothing more than it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "docs").mkdir()
        (root / "src").mkdir()
        (root / "src/there.rs").write_text("fn works() {}\n")
        (root / "fuzz/src").mkdir(parents=True)
        (root / "fuzz/src/near.rs").write_text("")
        (root / "fuzz/beside.py").write_text("def walks(): ...\n")
        (root / "fuzz/README.md").write_text(PLANTED_BESIDE)
        (root / "docs/layers.svg").write_text(draw_layers.picture().replace("</svg>", "<g/></svg>"))
        (root / "docs/dashboard.svg").write_text(draw_dashboard.picture().replace("</svg>", "<g/></svg>"))
        (root / "docs/speed").mkdir()
        (root / "docs/speed/bench.json").write_text(json.dumps({"figures": [{"section": "overhead", "name": "a call", "unit": "us", "now": 9.0}]}))
        (root / "docs/speed/forgotten.svg").write_text("<svg/>")
        (root / "docs/page.md").write_text(PLANTED.replace("LONG", "x" * (LONGEST_CELL + 1)))
        (root / "docs/forgotten.md").write_text("# Nobody lists me\n")
        (root / SUMMARY).write_text("[A page](page.md)\n")
        page = ["docs/page.md"]
        checked = [
            ("dead links", dead_links(root, page), ["other.md", "with/a/long/target.md", "#no-heading"]),
            ("missing paths", missing_paths(root, page, set()), ["src/gone.rs", "has no fails", "tools/*.sh", "lost.rs", "has no breaks"]),
            (
                "missing paths, beside a program",
                missing_paths(root, ["fuzz/README.md"], set()),
                ["there is no there.rs", "src/far.rs", "beside.py has no runs"],
            ),
            ("the picture", stale_picture(root / "docs/layers.svg"), ["layers.svg is not what"]),
            ("the picture, not there", stale_picture(root / "docs/none.svg"), ["none.svg is not what"]),
            ("the dashboard", stale_dashboard(root / "docs/dashboard.svg"), ["dashboard.svg is not what"]),
            ("charts", stale_charts(root / "docs/speed"), ["call.svg is not what", "forgotten.svg is not what"]),
            ("long cells", long_cells(root, page), ["161 characters"]),
            ("unlisted pages", unlisted_pages(root), ["docs/forgotten.md"]),
        ]
        (root / REFERENCE["function"]).write_text("# Functions\n\n## Some words\n\n### linked_one\n\n### forgotten_one\n")
        (root / INDEX).write_text("[linked_one](reference-functions.md#linked_one)\n")
        checked.append(("the index of functions", unindexed_functions(root), ["forgotten_one"]))
    lacking = incomplete_reference(ROOT, lambda query: altered(query, rows(query)), sqlstates(ROOT) | {"9ZZZZ"})
    checked.append(("the reference", lacking, ALTERED))
    return [
        (f"planted: {name}", [f"wanted one problem for each of {wanted}, got {found}"] if not finds(wanted, found) else [])
        for name, found, wanted in checked
    ]


def finds(wanted: list[str], found: list[str]) -> bool:
    return len(found) == len(wanted) and all(any(word in problem for problem in found) for word in wanted)


ALTERED = [
    "function planted_function has no heading",
    "setting splitplane.planted has no heading",
    "max_rows lacks: - Default: `7`",
    "ask_rows lacks: ask_rows(context jsonb, planted text)",
    "keys lacks: `planted_column`",
    "object planted_policy has no heading",
    "object splitplane_planted has no heading",
    "SQLSTATE 9ZZZZ has no heading",
]


def altered(query: str, rows: list[tuple]) -> list[tuple]:
    """What the server would report if something had been added or changed that nobody documented."""
    if query == FUNCTIONS:
        changed = [(*row[:2], "context jsonb, planted text", *row[3:]) if row[0] == "ask_rows" else row for row in rows]
        return [*changed, ("planted_function", True, "", "void", [])]
    if query == RELATIONS:
        return [(name, [*columns, "planted_column"] if name == "keys" else columns) for name, columns in rows]
    if query == POLICIES:
        return [*rows, ("planted_policy",)]
    if query == ROLES:
        return [*rows, ("splitplane_planted",)]
    if query == SETTINGS:
        changed = [(*row[:2], "7", *row[3:]) if row[0] == "splitplane.max_rows" else row for row in rows]
        return [*changed, ("splitplane.planted", "string", "", None, None, None, None, "superuser")]
    return rows
