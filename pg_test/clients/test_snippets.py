"""The programs of clients/snippets that sign, run as they stand on the README's shop; and that the manual shows the same."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from splitplane_test.cluster import ROOT
from splitplane_test.plane import Plane

SNIPPETS = {
    "python": ([sys.executable, ROOT / "clients/snippets/python/ask.py"], ["[[2, 42.0]] False", "28000 a context is good for one use"]),
    "curl": (["bash", ROOT / "clients/snippets/curl/ask.sh"], ["[[2, 42.00]]"]),
}
PAGE = ROOT / "docs/signing.md"


@pytest.fixture(scope="module")
def shop(cluster) -> Plane:
    """What the README sets up, with its own SQL; the secret is the last thing that it prints."""
    cluster.createdb("shop")
    script = re.search(r"```sql run save=SPLITPLANE_SECRET\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    secret = cluster.psql("shop", script).split()[-1]
    return Plane(cluster, "shop", secret, "AKSPSHOP2026", "analytics_app")


def run(plane: Plane, command: list, secret: str) -> subprocess.CompletedProcess:
    environment = {
        **os.environ, "PGHOST": plane.cluster.socket_dir, "PGPORT": str(plane.cluster.port), "SPLITPLANE_SECRET": secret,
        "PATH": f"{plane.cluster.bindir}:{os.environ['PATH']}",
    }  # fmt: skip
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", SNIPPETS)
def test_it_is_answered(shop, name):
    command, wanted = SNIPPETS[name]
    done = run(shop, command, shop.secret)
    assert done.stdout.splitlines() == wanted, done.stderr


@pytest.mark.parametrize("name", SNIPPETS)
def test_the_control_with_another_secret_it_is_refused(shop, name):
    command, _ = SNIPPETS[name]
    done = run(shop, command, "x" + shop.secret[1:])
    assert done.returncode != 0 and "the signed context was refused" in done.stderr


@pytest.mark.parametrize("name", SNIPPETS)
def test_the_manual_shows_it(name):
    text = Path(SNIPPETS[name][0][1]).read_text()
    assert f"\n{text}```\n" in PAGE.read_text(), f"{PAGE.name} shows another program"


def test_curl_can_leave_nothing_on_a_command_line():
    """What `ps` shows to every user of the machine."""
    text = (ROOT / "clients/snippets/curl/ask.sh").read_text()
    assert "--user" not in text and "-v headers" not in text
