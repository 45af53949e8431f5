"""Two builds of one commit in two folders give the same library and the same package."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from conftest import ROOT, build, epoch, run

# Longer than the checkout's own name, and kept: what changed since is built anew, in a folder of its own.
ELSEWHERE = ROOT / ".tools/elsewhere/a-folder-with-a-longer-name-than-the-checkout-has/splitplane"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def copied() -> None:
    """The tree as it is, without results of builds; the server and cargo-pgrx are those of the checkout."""
    ELSEWHERE.mkdir(parents=True, exist_ok=True)
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    there = {name for name in listed if name and (ROOT / name).is_file()}
    for path in sorted(ELSEWHERE.rglob("*")):
        name = str(path.relative_to(ELSEWHERE))
        if path.is_file() and name not in there and not name.startswith(("target/", ".tools/")):
            path.unlink()
    for name in sorted(there):
        source, copy = ROOT / name, ELSEWHERE / name
        # A file that did not change keeps its time, so that cargo builds what did.
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
        copy.chmod(source.stat().st_mode)
    (ELSEWHERE / ".tools").mkdir(exist_ok=True)
    for name in ("cargo", *(path.name for path in (ROOT / ".tools").glob("pg[0-9][0-9]"))):
        if not (ELSEWHERE / ".tools" / name).is_symlink():
            (ELSEWHERE / ".tools" / name).symlink_to(ROOT / ".tools" / name)


def test_two_builds():
    major = "15" if (ROOT / ".tools/pg15").exists() else "17"
    here = build(major)
    copied()
    # What the caller's environment has must not show, either.
    environment = {
        "SOURCE_DATE_EPOCH": epoch(),
        "RUSTFLAGS": "-C target-cpu=native",
        "CFLAGS": "-O1",
        "TZ": "Asia/Kolkata",
        "LC_ALL": "C.UTF-8",
    }
    run("bash", "-c", f"umask 077; tools/deb.sh {major}", cwd=ELSEWHERE, environment=environment)
    assert digest(ROOT / f"target/deb/stage/{major}/lib/splitplane.so") == digest(
        ELSEWHERE / f"target/deb/stage/{major}/lib/splitplane.so"
    )
    assert digest(here) == digest(ELSEWHERE / "target/deb" / here.name)


def test_flags_are_what_makes_them_the_same(tmp_path):
    """The control, in small: without the flags the name of the folder is in what both compilers make; with them it is not."""
    made = {}
    for name in ("one", "another-one"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "part.rs").write_text(
            '#[unsafe(no_mangle)]\npub extern "C-unwind" fn part(of: u32) -> u32 { [1, 2, 3][of as usize] }\n'
        )
        (folder / "part.c").write_text("const char *part(void) { return __FILE__; }\n")
        for kind, flags in (
            ("plain", ([], [])),
            ("mapped", ([f"--remap-path-prefix={folder}=/made"], [f"-ffile-prefix-map={folder}=/made"])),
        ):
            rust, c = folder / f"{kind}.rlib.o", folder / f"{kind}.c.o"
            run(
                "rustc",
                "--crate-type=lib",
                "--emit=obj",
                "--edition=2024",
                "-O",
                *flags[0],
                "-o",
                str(rust),
                str(folder / "part.rs"),
            )
            run("cc", "-c", "-O2", *flags[1], "-o", str(c), str(folder / "part.c"))
            for compiler, path in (("rust", rust), ("c", c)):
                made.setdefault((compiler, kind), []).append(path.read_bytes())
                assert (str(folder).encode() in path.read_bytes()) == (kind == "plain"), (compiler, kind)
    for compiler in ("rust", "c"):
        assert made[compiler, "plain"][0] != made[compiler, "plain"][1]
        assert made[compiler, "mapped"][0] == made[compiler, "mapped"][1]


def test_without_a_date_nothing_is_built(tmp_path):
    """Outside of a clone nothing says of when the package is."""
    for name in ("tools/common.sh", "tools/packages.sh", "tools/pg-major.sh", "Cargo.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    environment = {
        name: value for name, value in os.environ.items() if name not in ("SOURCE_DATE_EPOCH", "SPLITPLANE_PG_MAJOR")
    }
    done = subprocess.run(
        ["bash", "-c", "source tools/common.sh; source tools/packages.sh; package_epoch"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "SOURCE_DATE_EPOCH" in done.stderr
