"""The results as tables, for the terminal and for docs/ablation.md."""

from __future__ import annotations

import itertools
from pathlib import Path

from pg_test.ablation.combinations import FENCES, Combination

BEGIN, END = "<!-- matrix: pg_test/ablation/run.py --markdown -->", "<!-- end of matrix -->"
# Order of the columns; those that hold nothing are left out.
CATEGORIES = ("tenant_isolation", "side_channel", "privilege", "integrity", "semantic", "control", "context_forgery")


def _cell(tally) -> str:
    """`rows / errors`, as counts of entries that a foreign canary came out of; bits count as errors."""
    errors = len(tally.errors) + len(tally.bits)
    return "0" if not tally.rows and not errors else f"**{len(tally.rows)} / {errors}**"


def singles(results: dict[Combination, object]) -> list[str]:
    lines = [
        "| off | run | answered | refused by | foreign in rows | in errors | bits in errors | answers changed | hidden columns | forged contexts let in |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for combination, tally in results.items():
        if combination.kind in ("none", "single", "control", "probe"):
            name = "all" if combination.off == FENCES else combination.name.replace("+", ", ")
            states = ", ".join(f"{state} {count}" for state, count in tally.states.most_common(4) if state != "rows")
            lines.append(
                f"| {name} | {tally.run} | {tally.answered} | {states} | {len(tally.rows)} | {len(tally.errors)} | {len(tally.bits)}"
                f" | {len(tally.changed)} | {len(tally.hidden)} | {len(tally.let_in)} |"
            )
    return lines


def pairs(results: dict[Combination, object]) -> list[str]:
    """Two fences off, one by row and one by column."""
    found = {frozenset(combination.off): tally for combination, tally in results.items() if combination.kind in ("single", "pair")}
    lines = ["| off | " + " | ".join(FENCES) + " |", "|---" * (len(FENCES) + 1) + "|"]
    for row in FENCES:
        cells = [_cell(found[frozenset({row, column})]) for column in FENCES[: FENCES.index(row) + 1]]
        lines.append(f"| {row} | " + " | ".join(cells + [""] * (len(FENCES) - len(cells))) + " |")
    return lines


def alone(results: dict[Combination, object]) -> list[str]:
    """One fence left, and none, by category of attack."""
    chosen = [(combination.left, tally) for combination, tally in results.items() if combination.kind == "alone"]
    chosen += [(combination.left, tally) for combination, tally in results.items() if combination.off == FENCES]
    shown = [name for name in CATEGORIES if any(name in tally.by_category for _, tally in chosen)]
    lines = ["| left | " + " | ".join(shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for name, tally in chosen:
        cells = []
        for category in shown:
            count = tally.by_category.get(category, {})
            if category == "context_forgery":
                cells.append(f"{count.get('let in', 0)} of {count.get('run', 0)} let in")
            else:
                leaks = f"{count.get('rows', 0)} / {count.get('errors', 0) + count.get('bits', 0)}"
                cells.append(f"{leaks} of {count.get('run', 0)}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def tables(results: dict[Combination, object], how: str) -> list[str]:
    """All of them with their captions."""
    return [
        how,
        "",
        "### One fence off",
        "",
        *singles(results),
        "",
        "### Two off: rows / errors that held a foreign value or bit",
        "",
        *pairs(results),
        "",
        "### One left: rows / errors that held a foreign value or bit, by category",
        "",
        *alone(results),
    ]


def through(results: dict[Combination, object]) -> list[str]:
    """By which entries something came out, for the terminal."""
    lines = []
    for combination, tally in results.items():
        seen = (("rows", tally.rows), ("errors", tally.errors), ("bits", tally.bits), ("changed", tally.changed), ("hidden", tally.hidden))
        for what, ids in seen:
            if ids:
                listed = " ".join(itertools.islice(ids, 14))
                lines.append(f"  {combination.kind:<8}{combination.name[:70]:<72}{what:<8}{len(ids):>4}  {listed}")
        if tally.broken:
            lines.append(f"  {combination.kind:<8}{combination.name[:70]:<72}broken  {len(tally.broken):>4}  {tally.broken[:2]}")
    return lines


def write(page: Path, lines: list[str]) -> None:
    """Puts the tables between the page's two marks."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    page.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}", encoding="utf-8")
