#!/usr/bin/env python3
"""The longest processor time that any admitted call takes between two looks for interrupts.

    run.py [--part N/M] [--only SUBSTRING] [--all]
    run.py --sql FILE       the statements of a file instead, one a line, each with its interval

Each function, operator, aggregate, cast and comparing node that the plane admits is called through `ask` with the largest
values that it takes: a step above is refused with 53400. A library of ours in the server (longest.c) measures, in
processor time, so that a busy machine does not matter.

Prints the longest interval per call, the longest first, and fails for one of more than 0.5 s and for a call that takes no
value at all. The control is a function that the plane does not admit, called outside of it. The last line is
`N passed, N failed`.
"""

from __future__ import annotations

import argparse
import json
import mmap
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
from calls import Call, every
from splitplane_test.cluster import Cluster
from splitplane_test.plane import Plane
from splitplane_test.tally import Tally
from values import SMALL, large

SOURCE = Path(__file__).with_name("longest.c")
LIMIT_S = 0.5
KEY = "AKINTERRUPTS"
TENANT = "one"
SETTINGS = {"splitplane.deadline": "60s", "splitplane.max_cost": 0, "work_mem": "64MB", "max_parallel_workers_per_gather": 0}
# The gate or the proof does not admit the call; PostgreSQL has no such function or operator for these types.
NOT_ADMITTED = {"42501", "0A000", "42804", "42P18", "42P22"}
# Classes of errors that are raised while a call is evaluated.
REACHED = ("22", "54", "21")
# Likewise, in a class that otherwise speaks of the statement.
SAID_AT_EVALUATION = ("invalid range bound flags", "invalid parameter list format", "syntax error at or near")
# A little under each bound of src/trust/cost.rs, for values that carry a header of their own.
SIZES = [int(k * 1_000) for k in (3_990, 1_000, 460, 250, 120, 62, 46, 31, 15, 7.8, 3.9, 1.9, 0.9, 0.4)]
VALUES = {size: large(size) for size in SIZES}


class Intervals:
    """The numbers that longest.c keeps."""

    PLACES = 65_536

    def __init__(self, folder: Path):
        self.file, self.library = folder / "intervals", folder / "longest.so"
        compile_it = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", self.library, SOURCE, "-ldl"]
        subprocess.run(compile_it, check=True)
        self.file.write_bytes(bytes(8 * self.PLACES))
        # The server may run as another user.
        for made, mode in ((folder, 0o755), (self.file, 0o666), (self.library, 0o755)):
            made.chmod(mode)
        with self.file.open("r+b") as opened:
            self._mapped = mmap.mmap(opened.fileno(), 0)

    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "LONGEST_INTERVALS": str(self.file)}

    def reset(self, pid: int) -> None:
        struct.pack_into("=q", self._mapped, 8 * (pid % self.PLACES), 0)

    def seconds(self, pid: int) -> float:
        return struct.unpack_from("=q", self._mapped, 8 * (pid % self.PLACES))[0] / 1e9


class Result(NamedTuple):
    state: str  # "rows" or an SQLSTATE
    seconds: float  # the longest interval


class Session:
    """One session of a calling role."""

    def __init__(self, plane: Plane, intervals: Intervals):
        self.plane, self.intervals = plane, intervals
        self.caller = plane.connect(plane.caller)
        self.pid = self.caller.info.backend_pid
        self.signed = 0.0
        self.context = ""
        # What the last refusal said.
        self.told = ""

    def run(self, sql: str) -> Result:
        if time.monotonic() - self.signed > 60:
            self.signed = time.monotonic()
            self.context = json.dumps(self.plane.sign("sweep", TENANT))
        self.intervals.reset(self.pid)
        try:
            self.caller.execute("SELECT ask(%s, question => 'sweep', sql => %s) IS NULL", (self.context, sql)).fetchone()
            state = "rows"
        except psycopg.Error as error:
            state = error.sqlstate or "none"
            self.told = f"{state} {error.diag.message_primary}"
        return Result(state, self.intervals.seconds(self.pid))


def written(call: Call, arguments: list[str], is_folded: bool) -> str:
    """The statement: with the values in a row of a subquery, or in the expression itself, for the planner to fold."""
    columns = ", ".join(f"{value} AS v{n}" for n, value in enumerate(arguments))
    # A text search configuration is a literal wherever it stands.
    own = SMALL["regconfig"]
    names = arguments if is_folded else [value if value == own else f"v{n}" for n, value in enumerate(arguments)]
    expression = call.template.format(*names)
    return call.query.format(expression=expression, source=f"(SELECT {columns} OFFSET 0) AS s")


class Finding(NamedTuple):
    seconds: float
    name: str
    what: str
    wrong: str = ""


class Sweep:
    def __init__(self, session: Session):
        self.session = session
        # Calls that the gate or the proof refuses whatever the values are.
        self.refused = 0

    def of(self, call: Call) -> Finding:
        """The longest interval of one call, over all shapes of its arguments."""
        worst = Finding(0.0, call.name, "")
        states: set[str] = set()
        is_reached = False
        for shapes, sizes in self._chosen(call):
            arguments = self._arguments(call, shapes, sizes)
            for is_folded in (False, True):
                result = self.session.run(written(call, arguments, is_folded))
                states.add(result.state)
                is_reached = is_reached or result.state == "rows" or result.state[:2] in REACHED or self._said_so(result.state)
                if result.seconds > worst.seconds:
                    what = " and ".join(f"{shape} of {size:,}" for shape, size in zip(shapes, sizes) if shape)
                    worst = Finding(result.seconds, call.name, f"{what}, {result.state}{', folded' if is_folded else ''}")
        if states <= NOT_ADMITTED | {"53400"} and states & NOT_ADMITTED:
            self.refused += 1
        elif " over " not in call.name and not is_reached:
            return worst._replace(wrong=f"never answered ({self.session.told})")
        return worst

    def _said_so(self, state: str) -> bool:
        return state == "42601" and self.session.told.removeprefix("42601 ").startswith(SAID_AT_EVALUATION)

    def _chosen(self, call: Call) -> Iterator[tuple[tuple[str | None, ...], list[int]]]:
        """Shapes and sizes to try: all arguments large, in each shape, and each alone."""
        if " over " in call.name:
            # Over many rows, each of them small.
            yield tuple(None for _ in call.types), [0 for _ in call.types]
            return
        known = [list(VALUES[SIZES[0]].get(kind, ())) for kind in call.types]
        first = tuple(shapes[0] if shapes else None for shapes in known)
        alone = [self._largest(call, first, n) if shapes else 0 for n, shapes in enumerate(known)]
        together = self._together(call, first, alone)
        for n in range(max(map(len, known), default=0)):
            yield tuple(shapes[n % len(shapes)] if shapes else None for shapes in known), together
        if sum(map(bool, known)) > 1:
            for n, shapes in enumerate(known):
                for shape in shapes[:3]:
                    yield (
                        tuple(shape if k == n else None for k in range(len(known))),
                        [size if k == n else 0 for k, size in enumerate(alone)],
                    )

    def _largest(self, call: Call, shapes: tuple[str | None, ...], n: int) -> int:
        """The largest size at which the argument `n` is taken while all others are small, by bisection."""
        low, high = 0, len(SIZES) - 1
        while low < high:
            middle = (low + high) // 2
            if self._is_taken(call, shapes, [SIZES[middle] if k == n else 0 for k in range(len(shapes))]):
                high = middle
            else:
                low = middle + 1
        return SIZES[low]

    def _together(self, call: Call, shapes: tuple[str | None, ...], sizes: list[int]) -> list[int]:
        """All as large as they may be together."""
        for most in SIZES:
            lower = [min(size, most) for size in sizes]
            if (lower != sizes or most == SIZES[0]) and self._is_taken(call, shapes, lower):
                return lower
        return [min(size, SIZES[-1]) for size in sizes]

    def _is_taken(self, call: Call, shapes: tuple[str | None, ...], sizes: list[int]) -> bool:
        return self.session.run(written(call, self._arguments(call, shapes, sizes), False)).state != "53400"

    def _arguments(self, call: Call, shapes: tuple[str | None, ...], sizes: list[int]) -> list[str]:
        small = [call.fitting.get(n, SMALL[kind]) for n, kind in enumerate(call.types)]
        chosen = zip(call.types, shapes, sizes, small)
        return [VALUES[size][kind][shape] if shape and size else own for kind, shape, size, own in chosen]


def control(cluster: Cluster, intervals: Intervals) -> str | None:
    """A statement that looks for no interrupt for longer than another, at sizes that the plane refuses: what is wrong with its measure, if anything."""
    with cluster.connect("interrupts") as admin:
        intervals.reset(admin.info.backend_pid)
        admin.execute("SELECT (SELECT array_agg(g) FROM generate_series(1, 10000) AS g) && (SELECT array_agg(-g) FROM generate_series(1, 25000) AS g)")
        measured = intervals.seconds(admin.info.backend_pid)
        intervals.reset(admin.info.backend_pid)
        admin.execute("SELECT count(*) FROM generate_series(1, 20000000)")
        heeding = intervals.seconds(admin.info.backend_pid)
    if measured < 5 * max(heeding, 0.01):
        return f"{measured:.3f} s for a long call, {heeding:.3f} s for one that looks for interrupts"
    print(f"control: {measured:.3f} s for a long call, {heeding:.3f} s for one that looks for interrupts")
    return None


def prepare(cluster: Cluster) -> tuple[list[Call], Plane]:
    """Every call to try, and the plane."""
    tables = "CREATE TABLE items (tenant_id text PRIMARY KEY)"
    plane = Plane.install(cluster, "interrupts", key_id=KEY, before=[tables], max_uses=2_000_000_000)
    plane.protect("items", {"tenant_id": "tenant"})
    plane.admit(TENANT)
    with plane.admin() as admin:
        return every(admin), plane


def alone(session: Session, statements: list[str]) -> int:
    """The interval of each statement, and what became of it."""
    results = [(session.run(sql), sql) for sql in statements if sql.strip()]
    for (state, seconds), sql in results:
        print(f"{seconds:8.3f} s  {state}  {sql if len(sql) <= 200 else f'{sql[:197]}...'}")
    return 1 if any(result.seconds > LIMIT_S for result, _ in results) else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default="1/1", help="the Nth of M parts of the calls")
    parser.add_argument("--only", default="", help="calls whose name holds this")
    parser.add_argument("--all", action="store_true", help="print every call, not only the longest")
    parser.add_argument("--sql", type=Path, help="a file of statements, one a line")
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="splitplane-interrupts-") as folder:
        intervals = Intervals(Path(folder))
        with Cluster(SETTINGS, environment=intervals.environment()) as cluster:
            calls, plane = prepare(cluster)
            session = Session(plane, intervals)
            if options.sql:
                return alone(session, options.sql.read_text().splitlines())
            sweep = Sweep(session)
            tally = Tally(verbose=False)
            tally.add("control", control(cluster, intervals))
            for call in [call for n, call in enumerate(calls) if n % parts == part - 1 and options.only in call.name]:
                findings.append(sweep.of(call))
                if findings[-1].seconds > LIMIT_S:
                    print(f"over: {findings[-1]}", flush=True)
    findings.sort(reverse=True)
    for seconds, name, what, _ in findings if options.all else findings[:40]:
        print(f"{seconds:8.3f} s  {name}  ({what})")
    if not findings:
        tally.add("calls", f"none is called {options.only}")
    for seconds, name, _, wrong in findings:
        over = f"{seconds:.3f} s without a look for interrupts" if seconds > LIMIT_S else ""
        tally.add(name, [reason for reason in (wrong, over) if reason])
    print(f"{sweep.refused} calls are admitted for no value")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
