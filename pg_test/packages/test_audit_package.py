"""The package of splitplane-audit: what is in it, and that it runs without PostgreSQL. Built from the tree as it is."""

import re

import pytest
from conftest import ROOT, run
from test_files import CRATE, fields, of_this_machine

SAMPLE = ROOT / "pg_test/audit/sample"
DOCUMENTS = "usr/share/doc/splitplane-audit"


@pytest.fixture(scope="module")
def package():
    return ROOT / run("tools/audit-deb.sh").splitlines()[-1].split("  ", 1)[1]


@pytest.fixture(scope="module")
def unpacked(package, tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    run("dpkg-deb", "--raw-extract", str(package), str(folder))
    return folder


def test_files(unpacked):
    there = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    names = ("audit.md", "changelog.gz", "changelog.Debian.gz", "copyright", "sbom.cdx.json")
    assert there == {"usr/bin/splitplane-audit", "DEBIAN/control", "DEBIAN/md5sums", *(f"{DOCUMENTS}/{name}" for name in names)}
    assert (unpacked / "usr/bin/splitplane-audit").stat().st_mode & 0o777 == 0o755


def test_depends_on_no_postgresql(package):
    said = fields(package)["Depends"]
    assert re.fullmatch(r"libgcc-s1 \(>= [0-9.]+\), libc6 \(>= [0-9.]+\)", said)


def test_it_verifies(unpacked):
    program = unpacked / "usr/bin/splitplane-audit"
    said = run(str(program), "verify", str(SAMPLE), "--key", str(SAMPLE / "key"), "--checkpoint", str(SAMPLE / "checkpoint"))
    assert "sound" in said


def test_every_crate_is_named(unpacked):
    """The bill of materials may name more: what a build without a server depends on."""
    found = CRATE.findall((unpacked / "usr/bin/splitplane-audit").read_bytes())
    bill = (unpacked / DOCUMENTS / "sbom.cdx.json").read_text()
    assert found, "the program tells what is in it"
    for name, version in found:
        assert f"pkg:cargo/{name.decode()}@{version.decode()}" in bill


def test_nothing_of_the_machine(unpacked):
    for path in (path for path in unpacked.rglob("*") if path.is_file()):
        assert of_this_machine(path.read_bytes()) == [], path
