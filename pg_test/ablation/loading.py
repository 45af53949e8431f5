"""That a build with switches can be neither loaded where it does not belong nor packaged. Yields (name, what is wrong)."""

from __future__ import annotations

import subprocess
import tempfile

from splitplane_test.cluster import MAJOR, ClusterError, private_tree

from pg_test.ablation.bench import MARKER, ROOT, TREE, TestCluster

_REFUSED = "it loads in test clusters only"
_UNPACKAGED = "it cannot be optimised or packaged"
# Of src/preflight.rs.
_OLD_MINORS = "This build takes any minor release"


def checks():
    yield "it does not load without the marker", _starts(marked=False)
    yield "it does not load where the network is listened to", _starts(marked=True, settings={"listen_addresses": "127.0.0.1"})
    yield "a release profile with the feature does not compile, a debug one gets past that", _compiles()
    yield "the install script keeps it out of the project's own tree", _install_refuses()
    yield "an ordinary build holds no switches, this one does", _libraries(MARKER)
    if not (private_tree() / "old-minor").exists():
        yield "an ordinary build takes no old minors, this one does", _libraries(_OLD_MINORS)


def _starts(marked: bool, settings: dict | None = None) -> list[str]:
    """The one difference to the cluster that the suite itself runs on is the one given, so that one is the control."""
    try:
        with TestCluster(marked=marked, settings=settings):
            return ["the server started"]
    except ClusterError as error:
        text = str(error)
        return [] if _REFUSED in text else [f"the server did not start, but said: {text[-300:]}"]


def _compiles() -> list[str]:
    """The compiler alone, on the one file: the rest of it is missing there, but its own refusal is told or is not."""
    wrong = []
    for assertions, refused in (("no", True), ("yes", False)):
        # A folder and not /dev/null, in whose place a compiler that succeeds puts a file where it may.
        with tempfile.TemporaryDirectory() as folder:
            command = ["rustc", "--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "--out-dir", folder]
            command += ["--cfg", 'feature="ablation"', "-C", f"debug-assertions={assertions}", "src/ablation.rs"]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if (_UNPACKAGED in done.stderr.replace("\n", " ") and done.returncode != 0) != refused:
            wrong.append(f"debug-assertions={assertions}: {done.stderr[:300]}")
    return wrong


def _install_refuses() -> list[str]:
    command = ["tools/install-extension.sh", "--debug", "--features", "ablation"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return [] if done.returncode == 1 and "--ablation" in done.stderr else [done.stdout[-200:] + done.stderr[-200:]]


def _libraries(words: str) -> list[str]:
    """The words of a feature are in the library that has it, and not in the one that ships."""
    wrong = []
    for tree, has_them in ((private_tree(), False), (TREE, True)):
        library = tree / f"usr/lib/postgresql/{MAJOR}/lib/splitplane.so"
        if (words.encode() in library.read_bytes()) != has_them:
            wrong.append(f"{library}: that it holds {words!r} is not {has_them}")
    return wrong
