"""The scripts themselves: released ones never change, and those of this version are what the fragments and a build give."""

import hashlib
import importlib.util
import re
import subprocess
import sys

import planes
import pytest
from planes import BEFORE, NOW, ROOT, SQL
from splitplane_test.cluster import MAJOR, private_tree

# A tool, in no package.
SPECIFICATION = importlib.util.spec_from_file_location("upgrade_script", ROOT / "tools/upgrade_script.py")
upgrade_script = importlib.util.module_from_spec(SPECIFICATION)
SPECIFICATION.loader.exec_module(upgrade_script)

VERSIONS = [line.split() for line in (SQL / "versions").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def git(*arguments: str) -> str | None:
    """What git says, or nothing where this is no clone, or a shallow one."""
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def test_upgrade_script_is_what_the_fragments_give():
    checked = subprocess.run([sys.executable, str(ROOT / "tools/upgrade_script.py"), "--check"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_check_notices_a_change(tmp_path):
    """The control: one function more in a fragment, and the script is not what would be written."""
    for part in ("tools/upgrade_script.py", "src/install.rs", "Cargo.toml", "sql/versions", *(str(path.relative_to(ROOT)) for path in SQL.rglob("*.sql"))):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / part).write_bytes((ROOT / part).read_bytes())
    check = [sys.executable, str(tmp_path / "tools/upgrade_script.py"), "--check"]
    assert subprocess.run(check, capture_output=True).returncode == 0
    with open(tmp_path / "sql/30_keys.sql", "a", encoding="utf-8") as fragment:
        fragment.write("CREATE FUNCTION splitplane._one_more() RETURNS int LANGUAGE sql RETURN 1;\n")
    checked = subprocess.run(check, capture_output=True, text=True)
    assert checked.returncode == 1
    assert len(checked.stdout.splitlines()) == 2, "the install script and the upgrade script"


def test_script_of_a_released_version_is_not_written(tmp_path):
    """Nobody can forget to raise the version: once it stands in sql/versions, the tool stops."""
    for part in ("tools/upgrade_script.py", "src/install.rs", "Cargo.toml", "sql/versions", *(str(path.relative_to(ROOT)) for path in SQL.rglob("*.sql"))):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / part).write_bytes((ROOT / part).read_bytes())
    with open(tmp_path / "sql/versions", "a", encoding="utf-8") as versions:
        versions.write(f"{NOW} {'0' * 40} {'0' * 64}\n")
    done = subprocess.run([sys.executable, str(tmp_path / "tools/upgrade_script.py")], capture_output=True, text=True)
    assert done.returncode == 1 and f"version {NOW} is released" in done.stderr


def changed(folder) -> list[str]:
    """Released versions whose script in that folder is not the one whose checksum sql/versions holds."""
    scripts = {version: (folder / f"splitplane--{version}.sql").read_bytes() for version, _, _ in VERSIONS}
    return [version for version, _, digest in VERSIONS if hashlib.sha256(scripts[version]).hexdigest() != digest]


def test_released_scripts_never_change(tmp_path):
    """Databases in use hold what these created; the upgrade script is written for exactly them."""
    assert BEFORE in [version for version, _, _ in VERSIONS]
    assert changed(SQL) == []
    for version, _, _ in VERSIONS:
        (tmp_path / f"splitplane--{version}.sql").write_bytes((SQL / f"splitplane--{version}.sql").read_bytes() + b"\n")
    assert changed(tmp_path) == [version for version, _, _ in VERSIONS], "the control: a blank line more"


@pytest.mark.parametrize(("version", "commit"), [entry[:2] for entry in VERSIONS])
def test_released_script_is_of_its_commit(version, commit):
    """Every fragment of that commit stands in it, word for word."""
    order = git("show", f"{commit}:src/install.rs")
    if order is None:
        pytest.skip(f"commit {commit} is not in this clone")
    script = (SQL / f"splitplane--{version}.sql").read_text(encoding="utf-8")
    fragments = re.findall(r'extension_sql_file!\("\.\./(sql/[^"]+)"', order)
    assert len(fragments) > 10
    for fragment in fragments:
        assert git("show", f"{commit}:{fragment}").strip() in script, f"{fragment} of {commit}"


def test_every_released_script_has_its_checksum():
    """A script is either released and frozen, or that of the version being developed, or an upgrade."""
    committed = {path.stem.split("--")[1] for path in SQL.glob("splitplane--*.sql") if path.stem.count("--") == 1}
    assert committed == {version for version, _, _ in VERSIONS} | {NOW}


def test_fragments_are_listed_in_the_order_of_their_numbers():
    """One order: the list in src/install.rs. The numbers of the files, which a reader sees, must not say another."""
    listed = [file for file, _ in upgrade_script.order()]
    assert listed == sorted(path.name for path in SQL.glob("[0-9]*.sql"))


def test_lines_have_at_most_120_columns():
    by_hand = [*SQL.glob("[0-9]*.sql"), *(SQL / "upgrades").glob("*.sql")]
    assert len(by_hand) > 15
    long = [
        f"{path.name}:{number}"
        for path in by_hand
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 120
    ]
    assert long == []


def installed_script() -> str:
    path = private_tree() / f"usr/share/postgresql/{MAJOR}/extension/splitplane--{NOW}.sql"
    return path.read_text(encoding="utf-8")


def test_installed_script_is_of_these_fragments():
    """A fresh database is what upgraded ones are compared with; an old build would make it something else."""
    script = installed_script()
    stale = [path.name for path in sorted(SQL.glob("[0-9]*.sql")) if path.read_text(encoding="utf-8").strip() not in script]
    assert stale == [], "run tools/install-extension.sh"


def test_committed_script_is_what_a_build_generates():
    """Only what names places in the Rust sources is left out of the committed one."""
    generated = installed_script()
    committed = (SQL / f"splitplane--{NOW}.sql").read_text(encoding="utf-8")
    assert upgrade_script.without_places(generated) == committed, "run tools/upgrade_script.py, then tools/install-extension.sh"
    dropped = set(generated.splitlines()) - set(committed.splitlines())
    assert all(line.startswith("-- ") for line in dropped), "the control: nothing that is run is left out"


def test_one_update_leads_to_this_version(upgraded, earlier):
    paths = earlier.admin_rows("SELECT source, target, path FROM pg_extension_update_paths('splitplane') WHERE path IS NOT NULL")
    assert (BEFORE, NOW, f"{BEFORE}--{NOW}") in paths
    assert planes.version(earlier) == BEFORE and planes.version(upgraded) == NOW


def test_every_function_of_the_library_is_made_anew():
    """How the control file of the earlier version named the library is built into its functions; this one names it otherwise."""

    def symbols(name: str) -> set[str]:
        return set(re.findall(r"AS 'MODULE_PATHNAME', '(\w+)'", (SQL / name).read_text(encoding="utf-8")))

    assert len(symbols(f"splitplane--{NOW}.sql")) > 20
    assert symbols(f"splitplane--{NOW}.sql") == symbols(f"splitplane--{BEFORE}--{NOW}.sql")
