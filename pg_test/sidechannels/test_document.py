"""docs/side-channels.md names a test in every row, and every test that it names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "side-channels.md"
# `file.py::test` or, for a whole file, `file.py` (all); `::test` goes on with the file named before it.
REFERENCE = re.compile(r"`(?P<file>[\w/]+\.py)?(?:::(?P<test>test_\w+))?`(?P<whole> \(all\))?")


def rows() -> list[tuple[str, str]]:
    """Section and text of every row of every table."""
    found, section = [], ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line
        elif line.startswith("|") and not re.match(r"\|[-| ]+\|$|\| (channel|fault) \|", line):
            found.append((section, line))
    return found


def references(section: str, row: str) -> list[tuple[Path, str | None]]:
    folder = ROOT / "pg_test" / ("endurance" if "faults" in section else "sidechannels")
    found, file = [], None
    for match in REFERENCE.finditer(row):
        if match["file"]:
            file = ROOT / match["file"] if "/" in match["file"] else folder / match["file"]
        if match["test"] or (match["file"] and match["whole"]):
            found.append((file, match["test"]))
    return found


def names_in(file: Path) -> set[str]:
    return {node.name for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize(("section", "row"), rows(), ids=lambda text: text[:40])
def test_every_row_names_tests_that_exist(section, row):
    named = references(section, row)
    assert named, "no test is named"
    for file, test in named:
        assert file.exists(), file
        assert names_in(file), file
        if test:
            assert test in names_in(file), f"{test} in {file.name}"


def test_every_test_here_is_named_in_the_page():
    """A channel that is tested and not documented is a channel that nobody weighs."""
    page = PAGE.read_text(encoding="utf-8")
    whole = {match["file"] for match in REFERENCE.finditer(page) if match["file"] and match["whole"]}
    files = [file for folder in ("sidechannels", "endurance") for file in sorted((ROOT / "pg_test" / folder).glob("test_*.py"))]
    files = [file for file in files if file.name not in whole and file != Path(__file__).resolve()]
    missing = [f"{file.name}::{test}" for file in files for test in sorted(names_in(file)) if test not in page and "control" not in test]
    assert not missing
