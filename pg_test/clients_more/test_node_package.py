"""clients/node: its tests in Node against a server, and its types."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from toolchains import ROOT, need

PACKAGE = ROOT / "clients/node"
# A control: a file that no test is in would pass.
FEWEST = {"answers": 20, "errors": 10, "giving_up": 10}


def test_every_file_of_tests_is_run():
    assert {Path(file).name for file in PACKAGE.glob("test/*.test.js")} == {f"{name}.test.js" for name in FEWEST}


@pytest.mark.parametrize("name", FEWEST)
def test_in_node(plane, name):
    need("node")
    world = {
        "keyId": plane.key_id,
        "secret": plane.secret,
        "database": plane.database,
        "host": plane.cluster.socket_dir,
        "port": plane.cluster.port,
        "application": plane.caller,
        "administrator": plane.cluster.superuser,
    }
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", f"test/{name}.test.js"],
        cwd=PACKAGE,
        env={**os.environ, "SPLITPLANE_TEST": json.dumps(world)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = int(re.search(r"^# pass (\d+)$", done.stdout, re.M)[1])
    assert passed >= FEWEST[name] and re.search(r"^# skipped 0$", done.stdout, re.M), done.stdout


def test_types():
    """The sources fit their types, and a program in TypeScript compiles where it should and not where it should not."""
    need("node")
    for command in (["npm", "run", "--silent", "prepare"], ["npm", "run", "--silent", "check"]):
        done = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def test_types_find_mistakes(tmp_path):
    """The control: the compiler reads these files."""
    need("node")
    program = PACKAGE / "test/planted.ts"
    program.write_text('import { Signer } from "splitplane";\nnew Signer({ keyId: 7 });\n')
    try:
        done = subprocess.run(
            ["npx", "--no-install", "tsc", "--ignoreConfig", "--noEmit", "--strict", "--module", "nodenext", "test/planted.ts"],
            cwd=PACKAGE,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        program.unlink()
    assert done.returncode != 0 and "planted.ts(2" in done.stdout, done
