"""META.json by the rules of https://pgxn.org/spec/ (version 1.0.0), and what `pgxn install` runs: make all, make install."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from pathlib import Path

import pytest
from conftest import MAJORS, ROOT, run

# A name: two characters or more, none of which a URL or a file cannot have.
TERM = re.compile(r"[^\s/\\\x00-\x1f]{2,}")
SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
RANGE = re.compile(
    rf"(?:0|(?:(?:==|!=|>=|<=|>|<)\s*)?{SEMVER.pattern}(?:\s*,\s*(?:==|!=|>=|<=|>|<)\s*{SEMVER.pattern})*)"
)
LICENCES = {
    "agpl_3", "apache_1_1", "apache_2_0", "artistic_1", "artistic_2", "bsd", "freebsd", "gfdl_1_2", "gfdl_1_3", "gpl_1", "gpl_2", "gpl_3",
    "lgpl_2_1", "lgpl_3_0", "mit", "mozilla_1_0", "mozilla_1_1", "openssl", "perl_5", "postgresql", "qpl_1_0", "ssleay", "sun", "zlib",
    "open_source", "restricted", "unrestricted", "unknown",
}  # fmt: skip
REQUIRED = {"name", "version", "abstract", "maintainer", "license", "provides", "meta-spec"}
ALLOWED = REQUIRED | {
    "description",
    "generated_by",
    "tags",
    "no_index",
    "prereqs",
    "release_status",
    "resources",
    "date",
}
PHASES = {"configure", "build", "test", "runtime", "develop"}
RELATIONS = {"requires", "recommends", "suggests", "conflicts"}


def problems(meta: dict, root: Path) -> list[str]:
    """What the specification does not allow, and files that are not there."""
    found = [f"{key} is missing" for key in sorted(REQUIRED - meta.keys())]
    found += [f"{key} is unknown" for key in sorted(meta.keys() - ALLOWED) if not key.lower().startswith("x_")]
    if found:
        return found

    def must(holds: object, what: str) -> None:
        if not holds:
            found.append(what)

    def text(value: object) -> bool:
        return isinstance(value, str) and bool(value.strip())

    must(TERM.fullmatch(meta["name"]), "name")
    must(SEMVER.fullmatch(meta["version"]), "version")
    must(text(meta["abstract"]), "abstract")
    maintainers = meta["maintainer"] if isinstance(meta["maintainer"], list) else [meta["maintainer"]]
    must(maintainers and all(text(one) for one in maintainers), "maintainer")
    licence = meta["license"]
    must(
        licence in LICENCES
        if isinstance(licence, str)
        else bool(licence) and (isinstance(licence, dict) or set(licence) <= LICENCES),
        "license",
    )
    must(meta.get("release_status", "stable") in ("stable", "testing", "unstable"), "release_status")
    must(
        meta["meta-spec"].get("version") == "1.0.0"
        and meta["meta-spec"].get("url", "https://pgxn.org/meta/spec.txt").startswith("http"),
        "meta-spec",
    )
    must(all(text(tag) and len(tag) < 256 and "/" not in tag for tag in meta.get("tags", [])), "tags")
    must(meta["provides"], "provides")
    for name, extension in meta["provides"].items():
        must(TERM.fullmatch(name), f"provides: {name}")
        must(extension.keys() <= {"file", "version", "abstract", "docfile"}, f"provides {name}: a key that is unknown")
        must(SEMVER.fullmatch(extension.get("version", "")), f"provides {name}: version")
        must(extension.get("file") and (root / extension["file"]).is_file(), f"provides {name}: file")
        must("docfile" not in extension or (root / extension["docfile"]).is_file(), f"provides {name}: docfile")
    for phase, relations in meta.get("prereqs", {}).items():
        must(phase in PHASES, f"prereqs: {phase}")
        for relation, wanted in relations.items():
            must(relation in RELATIONS, f"prereqs: {relation}")
            for name, version in wanted.items():
                must(RANGE.fullmatch(str(version)), f"prereqs: {name} {version}")
    return found


META = json.loads((ROOT / "META.json").read_text())


def test_meta_follows_the_specification():
    assert problems(META, ROOT) == []


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda meta: meta.pop("license"), "license is missing"),
        (lambda meta: meta.update(license="Apache-2.0"), "license"),
        (lambda meta: meta.update(version="0.2"), "version"),
        (lambda meta: meta.update(licence="mit"), "licence is unknown"),
        (lambda meta: meta["provides"]["splitplane"].update(file="sql/none.sql"), "provides splitplane: file"),
        (lambda meta: meta["provides"]["splitplane"].pop("version"), "provides splitplane: version"),
        (lambda meta: meta["prereqs"]["runtime"]["requires"].update(PostgreSQL="15"), "prereqs: PostgreSQL 15"),
        (lambda meta: meta["meta-spec"].update(version="2.0.0"), "meta-spec"),
        (lambda meta: meta.update(release_status="done"), "release_status"),
    ],
)
def test_meta_that_does_not(change, wanted):
    """The control: each of these is a defect that the rules find."""
    changed = copy.deepcopy(META)
    change(changed)
    assert problems(changed, ROOT) == [wanted]


def test_meta_says_what_the_project_says():
    cargo = (ROOT / "Cargo.toml").read_text()
    version = re.search(r'^version = "(.*)"', cargo, re.M)[1]
    assert META["version"] == version == META["provides"]["splitplane"]["version"]
    assert META["provides"]["splitplane"]["file"] == f"sql/splitplane--{version}.sql"
    assert META["abstract"] == re.search(r'^description = "(.*)"', cargo, re.M)[1]


def config() -> tuple[str, Path]:
    major = "15" if "15" in MAJORS.values() else "17"
    return major, ROOT / f".tools/pg{major}/usr/lib/postgresql/{major}/bin/pg_config"


def test_make_all_and_install(tmp_path):
    """What `pgxn install` runs, below DESTDIR: the same files as in the package, where pg_config says."""
    major, program = config()
    run("tools/package-setup.sh", major)
    run("make", f"PG_CONFIG={program}", "all")
    run("make", f"PG_CONFIG={program}", "install", f"DESTDIR={tmp_path}")
    server, shared = (
        Path(run(str(program), option).strip()).relative_to("/") for option in ("--pkglibdir", "--sharedir")
    )
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert f"{server}/splitplane.so" in there and f"{shared}/extension/splitplane.control" in there
    binaries = str(Path(run(str(program), "--bindir").strip()).relative_to("/"))
    assert f"{binaries}/splitplane-audit" in there
    assert {Path(name).suffix for name in there} == {"", ".so", ".control", ".sql"}
    for name in there:
        assert (tmp_path / name).stat().st_mode & 0o777 == (0o755 if name.startswith(binaries) else 0o644)
        assert not Path(name).name.startswith("."), "nothing half in"


def test_install_before_all_is_refused(tmp_path):
    major, program = config()
    done = subprocess.run(
        ["tools/install-stage.sh", str(program), str(tmp_path / "none"), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stderr.startswith("error: nothing is built")
    stage = tmp_path / "stage"
    stage.mkdir()
    (stage / "major").write_text("14\n")
    done = subprocess.run(
        ["tools/install-stage.sh", str(program), str(stage), str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1 and f"what is built is for PostgreSQL 14, and {program} is of {major}" in done.stderr


def test_make_without_a_target_is_help():
    assert run("make").startswith("make test ")


def test_what_is_no_pg_config_is_refused(tmp_path):
    done = subprocess.run(["make", "PG_CONFIG=/bin/true", "all"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode and "does not tell a version of PostgreSQL" in done.stderr
