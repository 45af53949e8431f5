"""Root folders of Debian releases: a machine of its own for apt, in which nothing is compiled and no service is started.

    python pg_test/packages/roots.py [RELEASE]...      makes them; exit status 77, with the reason as last line, where that is impossible

A folder is made once by debootstrap, with the package lists and the packages that the tests install in it, and kept as an archive in
.tools/roots. A test unpacks it, and its commands run in namespaces of their own: when the test is over, so are its servers.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".tools/roots"
# The majors that these releases have as packages, and what else a test installs there.
RELEASES = {"bookworm": ("15", ()), "trixie": ("17", ("tzdata-legacy",))}
# Security updates come often; an archive that is older is made anew.
DAYS = 14
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


class Unreachable(Exception):
    """A root folder cannot be had here, for a reason that is none of the project's."""


def own_release() -> str:
    found = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.M)
    return found[1] if found else ""


def in_order(release: str) -> int:
    """Debian's releases from the oldest to the newest; another is none of them."""
    order = ["bookworm", "trixie", "forky"]
    return order.index(release) if release in order else len(order)


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def sources(release: str) -> tuple[str, dict[str, str]]:
    """The mirror and the package sources: the machine's own, of another release."""
    own = own_release()
    rows = said("apt-get", "indextargets", "--format", "$(SITE) $(CODENAME)", "Created-By: Packages").splitlines()
    mirrors = [row.split()[0] for row in rows if row.split()[1:] == [own]]
    files = {}
    for path in (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d/debian.sources")):
        if path.exists() and mirrors:
            files[path.name] = re.sub(rf"\b{own}\b", release, path.read_text())
    if not files:
        mirrors = ["http://deb.debian.org/debian"]
        files = {
            "sources.list": f"deb {mirrors[0]} {release} main\n"
            f"deb {mirrors[0]} {release}-updates main\n"
            f"deb http://security.debian.org/debian-security {release}-security main\n"
        }
    return mirrors[0], files


def make(release: str) -> None:
    """An archive of a fresh root folder in .tools/roots."""
    major, others = RELEASES[release]
    mirror, files = sources(release)
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="making-", dir=KEPT) as scratch:
        folder = Path(scratch, "root")
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", "--include=ca-certificates", release, str(folder), mirror],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise Unreachable(
                f"debootstrap cannot make a root folder of {release}: {(done.stdout + done.stderr).strip().splitlines()[-1:]}"
            )
        for path in ("etc/apt/sources.list", "etc/apt/sources.list.d/debian.sources"):
            (folder / path).unlink(missing_ok=True)
        for name, text in files.items():
            (folder / ("etc/apt" if name == "sources.list" else "etc/apt/sources.list.d") / name).write_text(text)
        # How this machine reaches the archive: proxies, certificates, a clock that is not the archive's.
        settings = [
            line
            for line in said("apt-config", "dump").splitlines()
            if re.match(r"Acquire::(https?|Check|Retries)", line)
        ]
        (folder / "etc/apt/apt.conf.d/50machine").write_text("\n".join(settings) + "\n")
        shutil.copyfile("/etc/resolv.conf", folder / "etc/resolv.conf")
        # A server's package would start it; what a root folder starts, nobody stops.
        (folder / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (folder / "usr/sbin/policy-rc.d").chmod(0o755)
        wanted = " ".join([f"postgresql-{major}", *others])
        done = subprocess.run(
            [
                "chroot",
                str(folder),
                "sh",
                "-c",
                f"apt-get update -qq && apt-get install -qq -y --download-only {wanted}",
            ],
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
        )
        if done.returncode:
            raise Unreachable(f"the packages of {release} cannot be fetched: {done.stderr.strip().splitlines()[-1:]}")
        subprocess.run(["tar", "-C", str(folder), "-cf", f"{scratch}/made.tar", "."], check=True)
        os.replace(f"{scratch}/made.tar", KEPT / f"{release}.tar")


def is_kept(release: str) -> bool:
    archive = KEPT / f"{release}.tar"
    return archive.exists() and archive.stat().st_mtime > time.time() - DAYS * 86400


class Root:
    """A root folder in which commands are run, until it is left."""

    def __init__(self, release: str):
        self.release = release
        self.major = RELEASES[release][0]

    def __enter__(self) -> Root:
        # Not below /tmp's own rules for temporary folders, whose parents others may not enter: a server runs as another user.
        self.scratch = tempfile.TemporaryDirectory(prefix="splitplane-root-", dir="/tmp")
        os.chmod(self.scratch.name, 0o755)
        self.folder = Path(self.scratch.name, "root")
        self.folder.mkdir()
        subprocess.run(["tar", "-C", str(self.folder), "-xf", str(KEPT / f"{self.release}.tar")], check=True)
        # The first process of its namespace: with it every other one ends, and the mount is gone.
        self.outer = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--ipc",
                "--pid",
                "--fork",
                "--kill-child",
                f"--mount-proc={self.folder}/proc",
                "--",
                "chroot",
                str(self.folder),
                "sh",
                "-c",
                "echo up; exec sleep infinity",
            ],
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        if self.outer.stdout.readline() != "up\n":
            self.outer.wait()
            self.scratch.cleanup()
            raise Unreachable("this machine lets nobody make namespaces and mount /proc in them")
        self.first = Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children").read_text().split()[0]
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["kill", "-KILL", self.first], check=False)
        self.outer.wait()
        self.scratch.cleanup()

    def run(self, command: str, check: bool = True, given: str | None = None) -> subprocess.CompletedProcess:
        """A command of a shell in it, as root, in root's folder; what it says goes with the error."""
        done = subprocess.run(
            [
                "nsenter",
                "--target",
                self.first,
                "--mount",
                "--ipc",
                "--pid",
                "--",
                "chroot",
                str(self.folder),
                "sh",
                "-c",
                f"cd /root && {command}",
            ],
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            input=given,
            timeout=600,
        )
        if check and done.returncode:
            raise AssertionError(f"{command}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def sql(self, text: str, database: str = "postgres", check: bool = True) -> subprocess.CompletedProcess:
        """SQL as the superuser, one row a line, columns parted as in the manual's examples."""
        return self.run(f"su postgres -c \"psql -XAtq -F ' | ' -v ON_ERROR_STOP=1 -d {database}\"", check, text)

    def files(self) -> set[str]:
        """Every file and folder but those that the kernel makes, apt's own records, and what a running server writes."""
        found = set()
        for folder, folders, names in os.walk(self.folder):
            inside = Path(folder).relative_to(self.folder)
            folders[:] = [name for name in folders if str(inside / name) not in NOT_COMPARED]
            found.update(str(inside / name) for name in (*folders, *names))
        return found


NOT_COMPARED = {"proc", "sys", "dev", "tmp", "run", "var/lib/postgresql", "var/log", "var/cache", "var/lib/apt"}


def prepare(releases: list[str]) -> None:
    """Raises Unreachable where a root folder cannot be had."""
    if os.geteuid() != 0:
        raise Unreachable("root folders need root")
    for program in ("debootstrap", "unshare", "nsenter", "chroot", "tar", "apt-get"):
        if shutil.which(program) is None:
            hint = ": run apt install debootstrap" if program == "debootstrap" else ""
            raise Unreachable(f"there is no {program}{hint}")
    if subprocess.run(["unshare", "--mount", "--ipc", "--pid", "--fork", "true"], capture_output=True).returncode:
        raise Unreachable("this machine lets nobody make namespaces")
    for release in releases:
        if not is_kept(release):
            make(release)


if __name__ == "__main__":
    from splitplane_test.tally import not_run

    try:
        prepare(sys.argv[1:] or list(RELEASES))
    except Unreachable as reason:
        not_run(str(reason))
