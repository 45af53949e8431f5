#!/usr/bin/env python3
"""Coverage-guided fuzzing of the pure code: no panic, no stack overflow, no unbounded memory or time, and the properties of each target.

    run.py                            bounded, with a fixed seed: what `make test` runs
    run.py --seconds S | --minutes M  S seconds for each target, or M minutes for all of them together
           [--seed S] [--targets a,b]
    run.py --asan                     with AddressSanitizer, by the switch that lets a stable compiler use unstable options
    run.py --only TARGET FILE         one input again

A run with --seconds or --minutes keeps what it learns in corpus/ and starts from it; the bounded one starts from the seeds
alone (seeds.py). README.md beside this file tells what each target checks. The last line is `N passed, N failed`; exit 1
on failure.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import seeds
from splitplane_test.tally import Tally

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = ROOT / "target" / "fuzz"
SEED = 4
# The bounded run, for each target.
SECONDS = 4
# What cargo-fuzz passes, less the sanitizer, and with debug assertions by the profile. None of it needs a nightly compiler.
COVERAGE = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
]
# Wall clock of one unit and memory of the process; src/watch.rs has the closer bounds.
LIMITS = ["-timeout=10", "-rss_limit_mb=1024", "-malloc_limit_mb=512"]
# PostgreSQL's max_stack_depth is 2 MB of a backend's 8 by default, so a call deep inside others finds at least 6 MB, and the
# pure code must do with a third of that. A sanitizer's frames are several times as large.
STACK_KIB, STACK_KIB_ASAN = 2_048, 16_384


@dataclass
class Target:
    name: str
    longest: int  # bytes of a unit
    dictionary: str
    # Some 70 % of the places that the seeds alone reach; fewer mean that they no longer get past the first refusals.
    fewest_places: int


TARGETS = [
    Target("identity", 40_000, "json", 1_500),
    Target("gate", 70_000, "sql", 5_000),
    Target("rewrite", 70_000, "sql", 5_000),
    Target("model", 70_000, "json", 2_000),
    Target("question", 20_000, "sql", 1_800),
]
# What is planted, and how libFuzzer must name it.
CONTROLS = {
    "panic": r"deadly signal",
    "overflow": r"deadly signal",
    "recursion": r"deadly signal|stack-overflow",
    "allocation": r"bytes of heap",
    "growth": r"deadly signal|out-of-memory",
    "slow": r"of processor time",
    "hang": r"timeout",
}


class Fuzzer:
    """The built targets, and one run of one of them."""

    def __init__(self, asan: bool):
        self.asan = asan
        host = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
        self.triple = re.search(r"^host: (.*)$", host, re.MULTILINE)[1]
        self.place = BUILD.with_name("fuzz-asan") if asan else BUILD

    def build(self) -> None:
        flags = COVERAGE + (["-Zsanitizer=address"] if self.asan else [])
        environment = {name: value for name, value in os.environ.items() if name not in ("RUSTFLAGS", "CARGO_TARGET_DIR")}
        environment["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(flags)
        if self.asan:
            environment["RUSTC_BOOTSTRAP"] = "1"
        command = ["cargo", "build", "--release", "--quiet", "--locked", "--bins", "--target", self.triple]
        command += ["--manifest-path", str(HERE / "Cargo.toml"), "--target-dir", str(self.place)]
        subprocess.run(command, check=True, env=environment, cwd=ROOT)

    def run(self, target: str, arguments: list[str], plant: str = "", seconds: float = 0) -> subprocess.CompletedProcess:
        """Ends itself; the time-out is for a fuzzer that does not."""
        stack = STACK_KIB_ASAN if self.asan else STACK_KIB
        environment = os.environ | {"SPLITPLANE_FUZZ_STACK_KIB": str(stack), "SPLITPLANE_FUZZ_PLANT": plant, "RUST_BACKTRACE": "0"}
        binary = self.place / self.triple / "release" / target
        command = [str(binary), *LIMITS, "-print_final_stats=1", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
        with subprocess.Popen(command, env=environment, cwd=ROOT, **pipes) as process:
            try:
                output, _ = process.communicate(timeout=3 * seconds + 300)
            except subprocess.TimeoutExpired:
                process.kill()
                output, _ = process.communicate()
                output += "\nthe fuzzer itself did not end"
            except BaseException:
                process.send_signal(signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(command, process.returncode, output)


def figure(output: str, pattern: str) -> int:
    found = re.findall(pattern, output)
    return int(found[-1]) if found else 0


def fuzz(fuzzer: Fuzzer, checks: Tally, target: Target, seconds: int, seed: int, folder: Path, kept: Path | None) -> None:
    artifacts = HERE / "artifacts" / target.name
    artifacts.mkdir(parents=True, exist_ok=True)
    learned = kept / target.name if kept else folder / "learned" / target.name
    learned.mkdir(parents=True, exist_ok=True)
    arguments = [f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={target.longest}"]
    arguments += [f"-dict={HERE / 'dictionaries' / target.dictionary}.dict", f"-artifact_prefix={artifacts}/"]
    done = fuzzer.run(target.name, [*arguments, str(learned), str(folder / "seeds" / target.name)], seconds=seconds)
    runs = figure(done.stdout, r"stat::number_of_executed_units: +(\d+)")
    places, features = figure(done.stdout, r"cov: (\d+)"), figure(done.stdout, r"ft: (\d+)")
    memory = figure(done.stdout, r"stat::peak_rss_mb: +(\d+)")
    told = f"{target.name}: {runs:,} executions, {places:,} places and {features:,} features covered, {memory} MB"
    wrong = ""
    if done.returncode:
        unit = re.search(r"Test unit written to (\S+)", done.stdout)
        again = f"fuzz/run.py --only {target.name} {Path(unit[1]).relative_to(ROOT)}" if unit else "no input was kept"
        telling = [line for line in done.stdout.splitlines() if re.search(r"panicked|SUMMARY|ERROR|bytes of|processor time|did not end", line)]
        around = done.stdout.splitlines()
        after = [around[index + 1] for index, line in enumerate(around[:-1]) if "panicked at" in line]
        wrong = "\n       ".join([f"FINDING, again with: {again}", *telling[:6], *after[:2]])
    elif places < target.fewest_places:
        wrong = f"fewer than {target.fewest_places:,} places: the seeds do not get in"
    elif not runs:
        wrong = "nothing was run"
    checks.add(f"{told}, {1 if done.returncode else 0} findings", wrong)


def controls(fuzzer: Fuzzer, checks: Tally, chosen: list[Target], folder: Path) -> None:
    """What is planted must be found: misbehaviour behind a word that only traced comparisons lead to, and a broken answer in each chosen target."""
    trash = f"-artifact_prefix={folder}/"
    half = folder / "half"
    half.mkdir()
    (half / "word").write_bytes(b"plan....")
    for plant, named in CONTROLS.items():
        found, done = False, None
        # Chance has a part in it, so there is a second try and a third.
        for attempt in (1, 2, 3):
            arguments = ["-runs=1000000", "-max_total_time=60", "-max_len=64", "-use_value_profile=1", f"-seed={attempt}", trash]
            # The slow one must be told by its own clock, on a busy machine too.
            arguments += {"hang": ["-timeout=2"], "slow": ["-timeout=200"]}.get(plant, [])
            done = fuzzer.run("control", [*arguments, str(half)], plant, 60)
            kept = re.search(r"Test unit written to (\S+)", done.stdout)
            holds = kept is not None and Path(kept[1]).read_bytes().startswith(b"plane it")
            if found := bool(done.returncode and re.search(named, done.stdout) and holds):
                break
        checks.add(f"control: planted {plant} is found, with its input", "" if found else f"exit {done.returncode}: {done.stdout[-600:]}")
    done = fuzzer.run("control", ["-runs=100000", "-max_len=64", "-seed=1", trash], "", 60)
    checks.add("control: with nothing planted nothing is found", "" if done.returncode == 0 else done.stdout[-600:])
    for target in chosen:
        arguments = ["-max_total_time=60", "-seed=1", f"-max_len={target.longest}", trash, str(folder / "seeds" / target.name)]
        done = fuzzer.run(target.name, arguments, target.name, 60)
        found = done.returncode and re.search(r"panicked at fuzz_targets/", done.stdout)
        checks.add(f"control: a broken answer of {target.name} is found", "" if found else f"exit {done.returncode}: {done.stdout[-600:]}")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=int, help="for each target")
    arguments.add_argument("--minutes", type=float, help="for all targets together")
    arguments.add_argument("--seed", type=int, default=SEED)
    arguments.add_argument("--targets", help="these only, with commas between")
    arguments.add_argument("--asan", action="store_true")
    arguments.add_argument("--only", nargs=2, metavar=("TARGET", "FILE"))
    options = arguments.parse_args()
    names = options.targets.split(",") if options.targets else [target.name for target in TARGETS]
    chosen = [target for target in TARGETS if target.name in names]
    if len(chosen) != len(names):
        arguments.error(f"the targets are {', '.join(target.name for target in TARGETS)}")
    fuzzer, checks = Fuzzer(options.asan), Tally()
    fuzzer.build()
    if options.only:
        target, file = options.only
        done = fuzzer.run(target, [file])
        print(done.stdout)
        return 1 if done.returncode else 0
    bounded = options.seconds is None and options.minutes is None
    seconds = options.seconds or (max(1, round(options.minutes * 60 / len(chosen))) if options.minutes else SECONDS)
    folder = Path(tempfile.mkdtemp(prefix="splitplane-fuzz-"))
    try:
        counts = seeds.write(folder / "seeds")
        print(f"seed {options.seed}, {seconds} s for each target, from {sum(counts[name] for name in names):,} seeds")
        for target in chosen:
            fuzz(fuzzer, checks, target, seconds, options.seed, folder, None if bounded else HERE / "corpus")
        controls(fuzzer, checks, chosen, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return checks.finish()


if __name__ == "__main__":
    # A run of many minutes should be seen while it is under way.
    sys.stdout.reconfigure(line_buffering=True)
    sys.exit(main())
