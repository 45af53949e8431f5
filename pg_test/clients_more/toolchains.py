"""Programs and libraries of other languages, as tools/client-tools.sh brings them."""

import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Exit status of these tools where something cannot be fetched.
UNREACHABLE = 3


@cache
def missing(language: str) -> str | None:
    """Why a language, or PgBouncer, cannot be had here, or None."""
    tool = ["tools/extras.sh"] if language == "pgbouncer" else ["tools/client-tools.sh", language]
    done = subprocess.run(tool, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, UNREACHABLE), f"{done.stdout}\n{done.stderr}"
    return done.stderr.strip().splitlines()[-1].removeprefix("error: ") if done.returncode else None


def need(language: str) -> None:
    """Returns when a language is there; else the test is NOT RUN, with the reason."""
    reason = missing(language)
    if reason:
        pytest.skip(f"NOT RUN: {reason}")
