"""clients/node: its tests in Node against a server, and its types."""

import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from toolchains import ROOT, need

from splitplane_test.pooler import PORT

PACKAGE = ROOT / "clients/node"
# A control: a file that no test is in would pass.
FEWEST = {"answers": 20, "errors": 10, "giving_up": 10, "pgbouncer": 1, "tls": 2}


def test_every_file_of_tests_is_run():
    assert {Path(file).name for file in PACKAGE.glob("test/*.test.js")} == {f"{name}.test.js" for name in FEWEST}


@pytest.mark.parametrize("name", FEWEST)
def test_in_node(plane, name, request):
    need("node")
    world = {
        "keyId": plane.key_id,
        "secret": plane.secret,
        "database": plane.database,
        "host": plane.cluster.socket_dir,
        "port": plane.cluster.port,
        "application": plane.caller,
        "administrator": plane.cluster.superuser,
        "tls": {"port": plane.cluster.port, "certificate": plane.certificate.read_text()},
    }
    if name == "pgbouncer":
        pooler = request.getfixturevalue("pooler")
        world["pooler"] = {"host": str(pooler.folder), "port": PORT}
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


def test_what_is_packed_is_enough(tmp_path):
    """What `npm pack` makes, beside its dependencies and without anything else of the checkout."""
    need("node")
    done = subprocess.run(["npm", "pack", "--pack-destination", tmp_path], cwd=PACKAGE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    modules = tmp_path / "node_modules"
    modules.mkdir()
    for there in (PACKAGE / "node_modules").iterdir():
        (modules / there.name).symlink_to(there)
    with tarfile.open(next(tmp_path.glob("*.tgz"))) as packed:
        names = packed.getnames()
        packed.extractall(tmp_path, filter="data")
    assert {name.split("/")[1] for name in names} == {"package.json", "README.md", "src", "types"}, names
    # A copy and no link: Node looks for dependencies from where a file is.
    (tmp_path / "package").rename(modules / "splitplane")
    shutil.copy(PACKAGE / "test/types.ts", tmp_path)
    shutil.copy(PACKAGE / "test/tsconfig.json", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    program = 'import * as all from "splitplane"; console.log(Object.keys(all).sort().join())'
    for command, output in (
        (["node", "--input-type=module", "--eval", program], "GivenUpError,Signer,SplitplaneError,ask,askRows"),
        ([PACKAGE / "node_modules/.bin/tsc", "--project", "tsconfig.json"], ""),
    ):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.strip()) == (0, output), done


@pytest.mark.parametrize("folder", ["clients/node", "clients/snippets/node"])
def test_lock_files_name_no_registry(folder):
    lock = (ROOT / folder / "package-lock.json").read_text()
    assert '"integrity"' in lock and "resolved" not in lock and "://" not in re.sub(r'"url": "[^"]*"', "", lock)
