"""The README's five minutes, word for word, on a Debian without a compiler: installed by apt, asked, removed, nothing left."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import MAJORS, ROOT, build, run
from roots import Root

sys.path.insert(0, str(ROOT / "docs"))
import run_examples

SECTION = "## Five minutes"
WRITTEN_FOR = "17"


def examples(text: str) -> list[run_examples.Block]:
    """Every fenced block of the section, in order. One that is marked neither `install` nor `run` is a mistake."""
    section = text.split(f"\n{SECTION}\n", 1)[1].split("\n## ", 1)[0]
    found = []
    for language, words, body in re.findall(r"^```(\w*)([^\n]*)\n(.*?)^```$", section, re.M | re.S):
        assert (language, words.split()[0]) in (("sh", "install"), ("sql", "run")), f"{language} {words}"
        found.append(run_examples.Block("README.md", 0, language, words.split(), body))
    return found


@dataclass
class Followed:
    """A root folder in which the README was followed, and what happened."""

    root: Root
    major: str
    package: Path
    said: str = ""
    problems: list[str] = field(default_factory=list)
    answers: int = 0

    def install(self) -> None:
        self.root.run(f"apt-get install -y ./{self.package.name}")

    def remove(self) -> str:
        """What the removal warned of."""
        done = self.root.run(f"apt-get remove -y postgresql-{self.major}-splitplane")
        assert self.root.run(f"dpkg-query -W postgresql-{self.major}-splitplane", check=False).stdout == "", (
            "something of it is left"
        )
        return done.stdout + done.stderr

    def cluster(self, verb: str, name: str = "main", check: bool = True):
        return self.root.run(f"pg_ctlcluster {self.major} {name} {verb}", check)

    def preload(self, libraries: str | None) -> None:
        """By ALTER SYSTEM, in effect; None takes it back."""
        self.root.sql(
            f"ALTER SYSTEM SET shared_preload_libraries = {libraries}"
            if libraries
            else "ALTER SYSTEM RESET shared_preload_libraries"
        )
        self.cluster("restart")


def statement(followed: Followed, database: str, one: run_examples.Statement) -> None:
    done = followed.root.sql(one.sql, database, check=False)
    if done.returncode:
        followed.problems.append(f"{one.sql}: {done.stderr.strip()}")
    elif one.rows:
        followed.answers += 1
        given = done.stdout.splitlines()
        if not run_examples.agrees(one.rows, given):
            followed.problems.append(f"{one.sql}: wanted {one.rows}, got {given}")


def follow(followed: Followed) -> None:
    for block in examples((ROOT / "README.md").read_text().replace(WRITTEN_FOR, followed.major)):
        if block.language == "sql":
            for one in run_examples.statements(block):
                statement(followed, block.option("db", run_examples.DATABASE), one)
            continue
        for line in block.text.splitlines():
            # apt asks before it brings other packages; nobody is here to say yes.
            done = followed.root.run(line.replace("apt install", "apt install -y", 1), check=False)
            followed.said += done.stdout + done.stderr
            if done.returncode:
                followed.problems.append(f"{line}: {done.stderr.strip()}")
            # On a machine of its own the server's package starts a cluster; here nothing is started by packages.
            if line.startswith("apt install"):
                followed.cluster("start")


@pytest.fixture(scope="module", params=sorted(MAJORS))
def followed(request):
    with Root(request.param) as root:
        package = build(root.major)
        assert root.run("command -v cc gcc clang rustc make", check=False).stdout == "", "a compiler is there"
        shutil.copy(package, root.folder / "root")
        result = Followed(root, root.major, package)
        follow(result)
        yield result


@pytest.fixture
def preloaded(followed):
    """Installed, and preloaded by ALTER SYSTEM in the one cluster that is there, which is up."""
    yield followed
    root = followed.root
    # A cluster does not start without a library that it is to preload: the package comes first.
    followed.install()
    root.run(f"rm -f /etc/postgresql/{followed.major}/main/conf.d/*")
    if followed.cluster("status", check=False).returncode:
        followed.cluster("start")
    followed.preload("'splitplane'")


def test_readme(followed):
    assert followed.problems == []
    assert followed.answers >= 2


def test_what_the_package_says(followed):
    """The line, the restart, and that nothing was changed."""
    assert "ALTER SYSTEM SET shared_preload_libraries = 'splitplane';" in followed.said
    assert f"pg_ctlcluster {followed.major} main restart" in followed.said
    assert "no configuration was changed" in followed.said
    configured = followed.root.run(f"grep -rl splitplane /etc/postgresql /etc/postgresql-common", check=False).stdout
    assert configured == "", "of ours nothing is in a file of the configuration"


def test_libraries_are_found(followed):
    said = followed.root.run(f"ldd /usr/lib/postgresql/{followed.major}/lib/splitplane.so").stdout
    assert "not found" not in said and "libc.so.6" in said


def test_old_names_of_zones(followed):
    """On Debian 13 they are in a package of their own, which comes with ours."""
    assert (
        followed.root.sql("SELECT '2026-07-01 12:00 US/Eastern'::timestamptz AT TIME ZONE 'UTC'").stdout
        == "2026-07-01 16:00:00\n"
    )


def test_documents(followed):
    """Each page that the README leads to is there, below the folder that the package names."""
    folder = f"/usr/share/doc/postgresql-{followed.major}-splitplane"
    text = followed.root.run(f"cat {folder}/README.md").stdout
    for target in re.findall(r"\]\(([\w./-]+)[#)]", text):
        if target not in ("LICENSE", "CHANGELOG.md"):
            followed.root.run(f"test -f {folder}/{target}")


def test_removal_warns_of_a_cluster_that_preloads(preloaded):
    said = preloaded.remove()
    assert "WARNING: splitplane is removed" in said and f" {preloaded.major}/main" in said
    # That this is no idle warning:
    assert preloaded.cluster("restart", check=False).returncode != 0


def test_removal_warns_of_each_cluster_and_no_other(preloaded):
    """One by ALTER SYSTEM, one by a file of conf.d, one without: two are named."""
    major, root = preloaded.major, preloaded.root
    for name in ("second", "third"):
        root.run(f"pg_createcluster {major} {name}")
    try:
        root.run(
            f"echo \"shared_preload_libraries = 'pg_stat_statements, splitplane'  # both\" >/etc/postgresql/{major}/second/conf.d/ours.conf"
        )
        root.run(f"echo \"#shared_preload_libraries = 'splitplane'\" >/etc/postgresql/{major}/third/conf.d/ours.conf")
        said = preloaded.remove()
        assert f"names it in: {major}/main {major}/second\n" in said
    finally:
        for name in ("second", "third"):
            root.run(f"pg_dropcluster {major} {name}")
        # It leaves the file of conf.d, in a folder that is no cluster any more; and so the warning does not name it.
        assert root.run(f"cat /etc/postgresql/{major}/second/conf.d/ours.conf").stdout


def test_removal_warns_without_the_tools_of_clusters(preloaded):
    """Without pg_conftool the files are read."""
    root = preloaded.root
    root.run("mv /usr/bin/pg_conftool /usr/bin/pg_conftool.away")
    try:
        assert f"names it in: {preloaded.major}/main\n" in preloaded.remove()
        preloaded.install()
        preloaded.preload(None)
        assert "WARNING: splitplane" not in preloaded.remove(), "the control"
    finally:
        root.run("mv /usr/bin/pg_conftool.away /usr/bin/pg_conftool")


def test_removal_does_not_warn_without_the_line(preloaded):
    """The control."""
    preloaded.preload(None)
    assert "WARNING: splitplane" not in preloaded.remove()
    preloaded.cluster("restart")


@pytest.mark.parametrize("libraries", ["'splitplane_of_another'", "'auto_explain'"])
def test_removal_does_not_warn_of_another_library(preloaded, libraries):
    root = preloaded.root
    preloaded.preload(None)
    root.run(f'echo "shared_preload_libraries = {libraries}" >/etc/postgresql/{preloaded.major}/main/conf.d/ours.conf')
    assert "WARNING: splitplane" not in preloaded.remove()


def test_removal_leaves_nothing(preloaded):
    """Removed, installed and removed: after it the machine has the files that it had before."""
    preloaded.preload(None)
    preloaded.remove()
    before = preloaded.root.files()
    assert not [path for path in before if "splitplane" in path and not path.startswith("root/")]
    preloaded.install()
    there = preloaded.root.files() - before
    assert f"usr/lib/postgresql/{preloaded.major}/lib/splitplane.so" in there, "the control"
    preloaded.remove()
    assert preloaded.root.files() == before


def test_replacing_it_does_not_warn(preloaded, tmp_path):
    """A newer version: no warning, what is to be done, and the cluster starts with it."""
    folder = tmp_path / "root"
    run("dpkg-deb", "-R", str(preloaded.package), str(folder))
    control = folder / "DEBIAN/control"
    control.write_text(re.sub(r"^(Version: .*)$", r"\1+newer", control.read_text(), flags=re.M))
    run("dpkg-deb", "--root-owner-group", "-b", "-Znone", str(folder), str(preloaded.root.folder / "root/newer.deb"))
    done = preloaded.root.run("apt-get install -y ./newer.deb")
    said = done.stdout + done.stderr
    assert "WARNING: splitplane" not in said
    assert "ALTER EXTENSION splitplane UPDATE;" in said and "ALTER SYSTEM" not in said
    preloaded.cluster("restart")
    assert (
        preloaded.root.sql("SELECT count(*) FROM splitplane.doctor() WHERE severity = 'critical'", "shop").stdout
        == "0\n"
    )
    preloaded.remove()


def test_removed_while_a_file_cannot_be_read(preloaded):
    """The removal never fails for what the warning looks at."""
    root = preloaded.root
    root.run(
        f"mkdir -p /etc/postgresql/{preloaded.major}/broken && echo \"include 'nowhere.conf'\" >/etc/postgresql/{preloaded.major}/broken/postgresql.conf"
    )
    try:
        assert f"names it in: {preloaded.major}/main\n" in preloaded.remove()
    finally:
        root.run(f"rm -r /etc/postgresql/{preloaded.major}/broken")


def test_examples_are_read():
    """The control of the reader: a block that is not marked, and one of SQL with a wrong answer."""
    assert len(examples((ROOT / "README.md").read_text())) >= 4
    with pytest.raises(AssertionError):
        examples(f"\n{SECTION}\n\n```sh forgotten\ntrue\n```\n\n## Next\n")
    assert not run_examples.agrees(["[1]"], ["[2]"])
