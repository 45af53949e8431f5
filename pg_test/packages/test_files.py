"""What is in a package: each file, what it depends on, the crates that are linked, and nothing of the machine that built it."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, epoch, run

CRATE = re.compile(rb"/registry/([A-Za-z0-9_-]+?)-(\d+\.\d+\.\d+[A-Za-z0-9.+-]*)/")
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]


@pytest.fixture
def unpacked(package, tmp_path) -> Path:
    run("dpkg-deb", "-R", str(package), str(tmp_path / "root"))
    return tmp_path / "root"


def fields(package: Path) -> dict[str, str]:
    said = run("dpkg-deb", "--field", str(package))
    return dict(line.split(": ", 1) for line in said.splitlines() if not line.startswith(" "))


def expected(major: str) -> set[str]:
    server, shared, documents = (
        f"usr/lib/postgresql/{major}/lib",
        f"usr/share/postgresql/{major}/extension",
        f"usr/share/doc/postgresql-{major}-splitplane",
    )
    pages = {
        str(path.relative_to(ROOT)) for ending in ("md", "svg", "sql") for path in (ROOT / "docs").glob(f"*.{ending}")
    }
    upgrades = {path.name for path in (ROOT / "sql").glob("splitplane--*--*.sql")}
    assert upgrades, "there is no upgrade script"
    # The extension that is sent, and the script for data servers.
    upgrades |= {path.name for path in (ROOT / "remote").iterdir()}
    return (
        {f"{server}/splitplane.so", f"{shared}/splitplane.control", f"{shared}/splitplane--{VERSION}.sql"}
        | {f"{shared}/{name}" for name in upgrades}
        | {f"{documents}/{name}" for name in pages}
        | {
            f"{documents}/{name}"
            for name in (
                "README.md",
                "SECURITY.md",
                "CONTRIBUTING.md",
                "changelog.gz",
                "changelog.Debian.gz",
                "copyright",
                "sbom.cdx.json",
            )
        }
    )


def test_files(package, major, unpacked):
    there = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    scripts = {f"DEBIAN/{name}" for name in ("control", "md5sums", "postinst", "prerm")}
    assert there - scripts == expected(major)
    assert scripts <= there


def test_owners_modes_and_times(package):
    listed = run("dpkg-deb", "--contents", str(package), environment={"TZ": "UTC"}).splitlines()
    day, clock = run("date", "-u", "-d", f"@{epoch()}", "+%Y-%m-%d %H:%M").split()
    for line in listed:
        mode, owner, _, date, time, name = line.split(None, 5)
        assert owner == "root/root", line
        assert mode == ("drwxr-xr-x" if name.endswith("/") else "-rw-r--r--"), line
        assert (date, time) == (day, clock), line
        assert not name.startswith("/"), line


def test_fields(package, major, unpacked):
    said = fields(package)
    assert said["Package"] == f"postgresql-{major}-splitplane"
    assert said["Version"].rpartition("-")[0] == VERSION
    floor = re.search(rf"postgresql-{major} \(>= ({major}\.\d+)\)", said["Depends"])[1]
    # The same number, as the library compares it: 150020.
    number = f"{major}0_{int(floor.split('.')[1]):03}"
    sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.rs"))
    assert re.search(rf"\b{number}\b", sources), "the floor of the package is that of the library"
    assert ("tzdata-legacy" in said.get("Recommends", "")) == (int(major) >= 17)
    listed = run("dpkg-query", "--version").splitlines()[0]
    assert listed
    # Sizes that apt shows before it installs.
    size = sum(-(-path.stat().st_size // 1024) for path in (unpacked / "usr").rglob("*") if path.is_file())
    assert abs(int(said["Installed-Size"]) - size) < 40


def symbols(library: Path, name: str) -> list[tuple[int, ...]]:
    said = run("readelf", "--version-info", "--wide", str(library))
    return sorted(
        tuple(int(part) for part in version.split(".")) for version in re.findall(rf"\b{name}_(\d+(?:\.\d+)+)", said)
    )


def test_depends_on_the_libraries_that_it_needs(package, major, unpacked):
    """libc6 as old as the symbols allow: what Debian 12 builds installs on Debian 12 and 13."""
    library = unpacked / f"usr/lib/postgresql/{major}/lib/splitplane.so"
    said = fields(package)["Depends"]
    for packaged, name in (("libc6", "GLIBC"), ("libgcc-s1", "GCC")):
        wanted = re.search(rf"\b{packaged} \(>= ([0-9.]+)\)", said)[1]
        assert tuple(int(part) for part in wanted.split(".")) == symbols(library, name)[-1]
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "--dynamic", "--wide", str(library))))
    assert needed <= {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def test_library_is_stripped(unpacked, major):
    sections = run("readelf", "--sections", "--wide", str(unpacked / f"usr/lib/postgresql/{major}/lib/splitplane.so"))
    assert ".debug_info" not in sections and ".symtab" not in sections


def test_control_file_names_the_library_alone(unpacked, major):
    """PostgreSQL 18 looks for `$libdir/NAME` in another way when it loads than when it creates."""
    extension = unpacked / f"usr/share/postgresql/{major}/extension"
    assert "module_pathname = 'splitplane'\n" in (extension / "splitplane.control").read_text()
    for script in extension.glob("*.sql"):
        assert not re.search(r"AS '\$libdir/splitplane'", script.read_text()), script.name


def bill(unpacked: Path, major: str) -> dict:
    return json.loads((unpacked / f"usr/share/doc/postgresql-{major}-splitplane/sbom.cdx.json").read_text())


def unnamed(library: bytes, components: list[dict]) -> set[str]:
    """Crates whose code a library tells to be in it, and that a bill of materials does not have."""
    named = {f"{component['name']}-{component['version']}" for component in components}
    # A version may be followed by more letters of a path: the longest that is named counts.
    found = {f"{name.decode()}-{version.decode()}" for name, version in CRATE.findall(library)}
    return {crate for crate in found if crate not in named}


def test_every_crate_that_is_linked_is_named(unpacked, major):
    library = (unpacked / f"usr/lib/postgresql/{major}/lib/splitplane.so").read_bytes()
    components = bill(unpacked, major)["components"]
    assert len({f"{name}-{version}" for name, version in CRATE.findall(library)}) > 20, (
        "the library tells what is in it"
    )
    assert unnamed(library, components) == set()
    without = [component for component in components if component["name"] != "sqlparser"]
    assert {crate.rpartition("-")[0] for crate in unnamed(library, without)} == {"sqlparser"}, "the control"


def test_bill_of_materials(unpacked, major):
    said = bill(unpacked, major)
    assert (said["bomFormat"], said["specVersion"]) == ("CycloneDX", "1.5")
    components = said["components"]
    names = {component["name"] for component in components}
    assert {"pgrx", "sqlparser", "rustls", "rust-std"} <= names
    # What only builds: bindings, procedural macros, tests.
    assert not names & {"bindgen", "pgrx-macros", "serde_derive", "cc", "proptest", "pgrx-tests"}
    assert all(component["licenses"][0]["expression"] for component in components)
    locked = (ROOT / "Cargo.lock").read_text()
    assert all(
        component["hashes"][0]["content"] in locked for component in components if component["name"] != "rust-std"
    )
    references = [component["bom-ref"] for component in components]
    assert len(set(references)) == len(references)
    known = {*references, said["metadata"]["component"]["bom-ref"]}
    for entry in said["dependencies"]:
        assert entry["ref"] in known and set(entry["dependsOn"]) <= known


def test_copyright_file(unpacked, major):
    text = (unpacked / f"usr/share/doc/postgresql-{major}-splitplane/copyright").read_text()
    paragraphs = text.strip().split("\n\n")
    assert paragraphs[0].startswith("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/")
    of_files = [paragraph for paragraph in paragraphs if paragraph.startswith("Files: ")]
    for component in bill(unpacked, major)["components"]:
        if component["name"] != "rust-std":
            assert f"\nFiles: crates/{component['name']}-{component['version']}/*\n" in text
    told = {
        paragraph.splitlines()[0].removeprefix("License: ")
        for paragraph in paragraphs
        if paragraph.startswith("License: ")
    }
    used = set()
    for paragraph in of_files:
        assert re.search(r"^Copyright: \S", paragraph, re.M), paragraph
        used.update(re.search(r"^License: (.*)", paragraph, re.M)[1].split(" and "))
    assert used == told, "each licence has its text, and none is there for nothing"


def of_this_machine(content: bytes) -> list[str]:
    """What tells of the machine that built a library."""
    home = str(Path.home())
    return [
        word for word in (str(ROOT), f"{home}/.cargo", f"{home}/.rustup", "registry/src/") if word.encode() in content
    ]


def test_nothing_of_the_machine(unpacked, major):
    for path in (path for path in unpacked.rglob("*") if path.is_file()):
        assert of_this_machine(path.read_bytes()) == [], path


# Texts of what is never shipped, and where they stand in the source.
SWITCHES = {"splitplane.ablate": "src/ablation.rs", "This build takes any minor release": "src/preflight.rs"}


@pytest.mark.parametrize(("text", "source"), SWITCHES.items())
def test_switches_of_tests_are_not_shipped(unpacked, major, text, source):
    assert text in (ROOT / source).read_text(), "the control: the text is that of the switch"
    assert text.encode() not in (unpacked / f"usr/lib/postgresql/{major}/lib/splitplane.so").read_bytes()


def test_maintainer_scripts_are_shell(unpacked):
    for script in ("postinst", "prerm"):
        assert subprocess.run(["sh", "-n", str(unpacked / "DEBIAN" / script)]).returncode == 0
        assert "@" not in re.sub(r"\$@", "", (unpacked / "DEBIAN" / script).read_text())


def test_unknown_major_is_refused():
    done = subprocess.run(["tools/deb.sh", "14"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: splitplane has no package for PostgreSQL 14")
