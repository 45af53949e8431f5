#!/usr/bin/env python3
"""Writes the upgrade script of the version that is being worked on; with --check it only says whether that would change it.

    python tools/upgrade_script.py [--check]

sql/upgrades/FROM--TO.sql is written by hand: what is dropped and altered, what is done to data and policies. The line
`-- @functions` in it stands for every function and view of the install fragments that FROM's script lacks or has
otherwise, with the statements about it (REVOKE, GRANT, COMMENT). So a function stands in one place only. The result,
sql/splitplane--FROM--TO.sql, is committed: it is what ALTER EXTENSION UPDATE runs.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SQL = ROOT / "sql"
MARKER = "-- @functions\n"
HEADER = "-- Written by tools/upgrade_script.py from sql/upgrades/{name} and the install fragments; edit those.\n"
_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|(\$[A-Za-z_]*\$).*?\1|;", re.S)
_OBJECT = re.compile(r"(?:CREATE (?:OR REPLACE )?|REVOKE .*? ON |GRANT .*? ON |COMMENT ON )(FUNCTION|AGGREGATE|VIEW) ([^\s(]+)\s*(\([^)]*\))?", re.S)


def statements(text: str) -> list[tuple[str, str]]:
    """(comments before it, statement without its semicolon), in order."""
    found, start = [], 0
    for token in _TOKEN.finditer(text):
        if token[0] != ";":
            continue
        piece = text[start : token.start()]
        start = token.end()
        body = piece
        while True:
            body = body.lstrip()
            if body.startswith("--"):
                body = body.partition("\n")[2]
            elif body.startswith("/*"):
                body = body.partition("*/")[2]
            else:
                break
        comments = piece[: len(piece) - len(body)].strip() if body else ""
        if body:
            found.append((comments, body.rstrip()))
    return found


def types(arguments: str | None) -> str:
    """The types of an argument list, with or without names and defaults, as one text."""
    if arguments is None:
        return ""
    kept = []
    for argument in arguments.strip("()").split(","):
        words = re.sub(r"\s+DEFAULT\s.*", "", argument.strip(), flags=re.S).split()
        if words and words[0] == "OUT":
            continue
        kept.append(words[-1].replace("integer", "int") if words else "")
    return ",".join(word for word in kept if word)


def subject(statement: str) -> tuple[str, str, str] | None:
    """What a statement about a function, aggregate or view is about."""
    match = _OBJECT.match(statement)
    if not match or re.match(r"(REVOKE|GRANT) [^;]* ON TABLE", statement):
        return None
    kind, name, arguments = match.groups()
    return kind, name, types(arguments) if kind != "VIEW" else ""


def fragments() -> str:
    order = re.findall(r'extension_sql_file!\("\.\./sql/([^"]+)"', (ROOT / "src/install.rs").read_text(encoding="utf-8"))
    return "\n".join((SQL / name).read_text(encoding="utf-8") for name in order)


def changed(old: str, new: str) -> str:
    """Every statement about a function or view that `old` lacks; a definition that changed replaces the other.

    Views are made anew in any case: what was in the search_path of an earlier installation is built into them.
    """
    known: dict[tuple[str, str, str], set[str]] = {}
    for _, statement in statements(old):
        about = subject(statement)
        if about:
            known.setdefault(about, set()).add(statement)
    written = []
    for comments, statement in statements(new):
        about = subject(statement)
        is_view = statement.startswith("CREATE VIEW")
        if about is None or statement in known.get(about, set()) and not is_view:
            continue
        if about in known:
            statement = re.sub(r"^CREATE (FUNCTION|AGGREGATE|VIEW)", r"CREATE OR REPLACE \1", statement)
        written.append((f"{comments}\n" if comments else "") + statement + ";\n")
    return "\n".join(written)


def scripts() -> dict[Path, str]:
    """Path and text of the upgrade script to the version being worked on."""
    version = re.search(r'^version = "([^"]+)"', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), re.M)[1]
    result = {}
    for source in sorted((SQL / "upgrades").glob(f"*--{version}.sql")):
        before = source.stem.split("--")[0]
        by_hand = source.read_text(encoding="utf-8")
        if by_hand.count(MARKER) != 1:
            raise SystemExit(f"{source.name} has not exactly one line `{MARKER.strip()}`")
        old = (SQL / f"splitplane--{before}.sql").read_text(encoding="utf-8")
        text = HEADER.format(name=source.name) + by_hand.replace(MARKER, changed(old, fragments()))
        result[SQL / f"splitplane--{source.stem}.sql"] = text
    if not result:
        raise SystemExit(f"sql/upgrades has no script to version {version}")
    return result


def main(arguments: list[str]) -> int:
    stale = [(path, text) for path, text in scripts().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path, text in stale:
        if "--check" in arguments:
            print(f"{path.name} is not what tools/upgrade_script.py writes: run it and commit the result")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote sql/{path.name}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
