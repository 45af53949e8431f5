"""Fixtures of the tests of audit logs without a server: the program, a copy of the sample, and what others read it with.

What cannot be had here is skipped with `NOT RUN` and its name, which is printed.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SAMPLE = HERE / "sample"
LOG = "00112233445566778899aabbccddeeff"
# Exit status of tools/audit-libraries.sh.
UNREACHABLE = 3


def pytest_report_teststatus(report):
    """Skipped tests by name, with the reason."""
    if report.skipped and isinstance(report.longrepr, tuple):
        return "skipped", "s", f"{report.nodeid} {report.longrepr[2].removeprefix('Skipped: ')}"
    return None


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.stats.get("skipped", []):
        terminalreporter.write_line(f"{report.nodeid}: {report.longrepr[2].removeprefix('Skipped: ')}")


@pytest.fixture(scope="session")
def program() -> Path:
    build = ["cargo", "build", "--quiet", "--locked", "--no-default-features", "--bin", "splitplane-audit"]
    subprocess.run(build, cwd=ROOT, check=True)
    target = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    folder = Path(target.split('"target_directory":"', 1)[1].split('"', 1)[0])
    return folder / "debug/splitplane-audit"


class Run:
    """What a run of the program gave."""

    def __init__(self, done: subprocess.CompletedProcess):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __repr__(self):
        return f"exit status {self.status}\n{self.out}\n{self.err}"


@pytest.fixture(scope="session")
def audit(program):
    """Runs the program."""

    def run(*arguments) -> Run:
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode in (0, 1, 2), done
        return Run(done)

    return run


@pytest.fixture
def sample(tmp_path) -> Path:
    """A copy of the sample, to be changed."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "sample"))


def library(name: str) -> Path:
    """A program that reads with libraries of others."""
    done = subprocess.run([ROOT / "tools/audit-libraries.sh", name], capture_output=True, text=True, check=False)
    if done.returncode == UNREACHABLE:
        pytest.skip(f"NOT RUN: {done.stderr.strip().splitlines()[-1].removeprefix('error: ')}")
    assert done.returncode == 0, done
    return ROOT / ".tools/audit" / {"python": "venv/bin/python", "go": "go/bin/go"}[name]
