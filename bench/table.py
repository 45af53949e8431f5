"""Tables in plain text, the only output of the bench besides progress lines on standard error, and their figures as JSON."""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import geometric_mean

from builds import BASELINE, NOW
from rounds import AGAIN, ENOUGH_ROUNDS, HAND, HAND_THERE, QUIET, Times, quiet
from splitplane_test.cluster import ROOT


def progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def verdict(value: float, target: float, at_least: bool = False) -> str:
    return "PASS" if (value >= target if at_least else value <= target) else "OVER"


class Table:
    """Rows of text, aligned on print; a string alone is a heading across the table."""

    def __init__(self, columns: list[str]):
        self.columns = columns
        self.rows: list[list[str] | tuple[str] | str] = []

    def heading(self, text: str) -> None:
        self.rows.append(text)

    def remark(self, text: str) -> None:
        """A line of text below a row, without rules around it."""
        self.rows.append((text,))

    def row(self, *cells: object) -> None:
        texts = [str(c) for c in cells]
        self.rows.append(texts + [""] * (len(self.columns) - len(texts)))

    def print(self) -> None:
        lined = [self.columns] + [r for r in self.rows if isinstance(r, list)]
        widths = [max(len(r[i]) for r in lined) for i in range(len(self.columns))]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))

        def line(cells: list[str]) -> str:
            first, rest = cells[0].ljust(widths[0]), [c.rjust(w) for c, w in zip(cells[1:], widths[1:])]
            return "  ".join([first, *rest]).rstrip()

        print(rule)
        print(line(self.columns))
        for row in self.rows:
            if isinstance(row, str):
                print(rule)
                print(row)
            elif isinstance(row, tuple):
                print(row[0])
            else:
                print(line(row))
        print(rule)


NOW_HAND, BASELINE_HAND, NOW_BASELINE = "now / by hand", "baseline / by hand", "now / baseline"


def ratio(times: Times, of: str, to: str) -> float:
    """Of two ways; the baseline beside the query by hand on its own server, where that was timed."""
    if BASELINE not in (of, to) or HAND_THERE not in times.seconds:
        return times.ratio(of, to)
    there = times.ratio(BASELINE, HAND_THERE)
    return there if to == HAND else times.ratio(of) / there


class Report:
    """The table of builds: what each takes, in a unit, and their ratios. What one number is held to is one of the ratios or the
    number itself; the row's A/A says whether it counts."""

    RATIOS = {NOW_HAND: (NOW, HAND), BASELINE_HAND: (BASELINE, HAND), NOW_BASELINE: (NOW, BASELINE)}

    def __init__(self, builds: list[str], rounds: int):
        self.builds, self.rounds = builds, rounds
        shown = [name for name, (of, to) in self.RATIOS.items() if of in builds and (to == HAND or to in builds)]
        self.ratios = shown
        self.table = Table(["", "unit", "by hand", *builds, *shown, "target", "verdict", "A/A"])
        self.figures: list[dict] = []
        self.section = ""

    def heading(self, section: str, text: str) -> None:
        """`section` is the name by which charts find the rows that follow."""
        self.section = section
        self.table.heading(text)

    def remark(self, text: str) -> None:
        self.table.remark(text)

    def row(
        self,
        name: str,
        unit: str = "",
        values: dict[str, float | None] | None = None,
        ratios: dict[str, float] | None = None,
        target: tuple[str, float] | None = None,
        at_least: bool = False,
        again: float | None = None,
    ) -> None:
        """values by `hand` and build; ratios, also of what has no value; the target of a ratio, or of the build `now`."""
        values, ratios = values or {}, ratios or {}
        held = said = ""
        if target and (target[0] in ratios or target[0] in values):
            of, bound = target
            held = f"{of if of != NOW else 'now'} {'>=' if at_least else '<='} {bound:g}"
            said = verdict((ratios | values)[of], bound, at_least)
            if again is not None and not quiet(again):
                said = f"({said}) noise"
        cells = [number(values.get(way)) for way in (HAND, *self.builds)]
        cells += [f"{ratios[name]:.3f}" if name in ratios else "" for name in self.ratios]
        self.table.row(name, unit, *cells, held, said, "" if again is None else f"{again:.3f}")
        self.figures.append(
            {
                "section": self.section,
                "name": name,
                "unit": unit,
                **{way: rounded(value) for way, value in values.items() if value is not None},
                **{ratio: rounded(value) for ratio, value in ratios.items()},
                **({"target": list(target)} if held else {}),
                **({"A/A": rounded(again), "counts": quiet(again) and self.rounds >= ENOUGH_ROUNDS} if again is not None else {}),
            }
        )

    def times(self, name: str, times: Times, unit: str = "ms", target: tuple[str, float] | None = None) -> None:
        """A row of what was called in turn."""
        scaled = times.us if unit == "us" else times.ms
        values = {way: scaled(way) for way in (HAND, *self.builds) if way in times.seconds}
        ratios = {name: ratio(times, *pair) for name, pair in self.RATIOS.items() if not {*pair} - {*times.seconds}}
        self.row(name, unit, values, ratios, target, again=times.again if AGAIN in times.seconds else None)

    def means(self, name: str, of: dict, target: tuple[str, float] | None = None) -> None:
        """A row of the geometric means over several tasks."""
        if not of:
            return
        some = next(iter(of.values())).seconds
        means = {
            name: geometric_mean(ratio(times, *pair) for times in of.values())
            for name, pair in self.RATIOS.items()
            if not {*pair} - {*some}
        }
        self.row(name, "", {}, means, target, again=geometric_mean(times.again for times in of.values()))

    def noisy(self) -> list[str]:
        """The rows with a target whose A/A is too far from 1."""
        return [f"{f['name'].strip()} ({f['A/A']:g})" for f in self.figures if "target" in f and "A/A" in f and not quiet(f["A/A"])]

    def print(self, facts: dict, save: Path | None) -> None:
        print("splitplane bench: " + ", ".join(f"{name} {value}" for name, value in facts.items()))
        self.table.print()
        noisy = self.noisy()
        if self.rounds < ENOUGH_ROUNDS:
            print(f"DOES NOT COUNT: {self.rounds} rounds, and {ENOUGH_ROUNDS} are wanted")
        if noisy:
            print(f"DOES NOT COUNT, by hand against by hand is not within {QUIET[0]} and {QUIET[1]}: {'; '.join(noisy)}")
        if self.rounds >= ENOUGH_ROUNDS and not noisy:
            print(f"counts: by hand against by hand is within {QUIET[0]} and {QUIET[1]} in every row with a target")
        if save:
            save.parent.mkdir(parents=True, exist_ok=True)
            save.write_text(json.dumps({"facts": facts, "figures": self.figures}, indent=1) + "\n")


def number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def rounded(value: float) -> float:
    return float(f"{value:.4g}")


def facts(version: str, rounds: int, baseline: str | None, began: float) -> dict[str, object]:
    """What a reader must know of a run, without the names of machines."""

    def commit(name: str) -> str:
        return subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=9", name], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    found: dict[str, object] = {
        "PostgreSQL": version,
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "rounds": rounds,
        "build": commit("HEAD"),
    }
    if baseline:
        found["baseline"] = commit(baseline)
    return found | {"seconds": round(time.monotonic() - began)}


__all__ = ["BASELINE_HAND", "NOW_BASELINE", "NOW_HAND", "Report", "Table", "facts", "geometric_mean", "percentile", "progress", "verdict"]
