"""The scripts themselves: what is released never changes, and what is to be released is what is written from the fragments."""

import hashlib
import re
import subprocess
import sys

import planes
import pytest
from planes import BEFORE, NOW, ROOT, SQL
from splitplane_test.cluster import MAJOR, private_tree

# Databases in use hold what these made; the upgrade script is written for exactly them.
RELEASED = {"0.1.0": "45d697fb91fcb11303433c8f847a084862734ae814089d1b65d187f56d122644"}
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
    for part in ("tools/upgrade_script.py", "src/install.rs", "Cargo.toml", *(str(path.relative_to(ROOT)) for path in SQL.rglob("*.sql"))):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / part).write_bytes((ROOT / part).read_bytes())
    check = [sys.executable, str(tmp_path / "tools/upgrade_script.py"), "--check"]
    assert subprocess.run(check, capture_output=True).returncode == 0
    with open(tmp_path / "sql/30_keys.sql", "a", encoding="utf-8") as fragment:
        fragment.write("CREATE FUNCTION splitplane._one_more() RETURNS int LANGUAGE sql RETURN 1;\n")
    assert subprocess.run(check, capture_output=True).returncode == 1


def test_released_scripts_never_change():
    assert [version for version, _ in VERSIONS] == list(RELEASED)
    for version, digest in RELEASED.items():
        assert hashlib.sha256((SQL / f"splitplane--{version}.sql").read_bytes()).hexdigest() == digest, f"the script of {version} is not the one released"


@pytest.mark.parametrize(("version", "commit"), VERSIONS)
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


def test_installed_script_is_of_these_fragments():
    """A fresh database is what upgraded ones are compared with; an old build would make it something else."""
    installed = private_tree() / f"usr/share/postgresql/{MAJOR}/extension/splitplane--{NOW}.sql"
    script = installed.read_text(encoding="utf-8")
    stale = [path.name for path in sorted(SQL.glob("[0-9]*.sql")) if path.read_text(encoding="utf-8").strip() not in script]
    assert stale == [], "run tools/install-extension.sh"


def test_one_update_leads_to_this_version(upgraded, earlier):
    paths = earlier.admin_rows("SELECT source, target, path FROM pg_extension_update_paths('splitplane') WHERE path IS NOT NULL")
    assert (BEFORE, NOW, f"{BEFORE}--{NOW}") in paths
    assert planes.version(earlier) == BEFORE and planes.version(upgraded) == NOW
