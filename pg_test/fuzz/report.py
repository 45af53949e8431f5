"""What a run came to: totals, verdicts, and the figures that documents quote."""

from __future__ import annotations

import collections
import json
import time
from pathlib import Path

from judge import is_documented
from splitplane_test.tally import Tally

# Below this share of answers the generator would be too blunt: refusals prove little.
LEAST_ANSWERED = 0.15
# How much of what is compared must come out equal; the rest has several right answers.
LEAST_EQUAL = 0.5
# What a session may grow by between its first blocks and its last, in kB: caches fill, fragments stay.
MOST_GROWTH_KB = 32 * 1024


class Progress:
    """Findings as they come, and in a long run a line a minute."""

    def __init__(self, findings: Path, with_time: bool):
        self.path, self.with_time = findings, with_time
        self.started = self.said = time.monotonic()
        self.statements = self.reports = self.findings = 0
        findings.parent.mkdir(parents=True, exist_ok=True)
        findings.unlink(missing_ok=True)

    def show(self, made: list) -> None:
        """made: all reports so far; those that are new are looked at."""
        for report in made[self.reports :]:
            self.statements += sum(report.states.values())
            for name, what, text in report.findings:
                self.findings += 1
                print(f"FINDING {name} {what}" if self.findings <= 50 else f"FINDING {name}")
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([name, what, text], ensure_ascii=False) + "\n")
        self.reports = len(made)
        now = time.monotonic()
        if self.with_time and now - self.said > 60:
            self.said = now
            took = now - self.started
            print(f"{took / 60:.0f} min: {self.statements:,} statements, {self.statements / took:.0f}/s, {self.findings} findings")


class Total:
    """All reports of a run, added up."""

    def __init__(self, made: list):
        self.states: collections.Counter = sum((report.states for report in made), collections.Counter())
        self.counts: collections.Counter = sum((report.counts for report in made), collections.Counter())
        self.findings = [finding for report in made for finding in report.findings]
        self.slowest = max((report.slowest for report in made), default=(0.0, ""))
        self.memory: dict[int, list[int]] = collections.defaultdict(list)
        for report in made:
            pid, kilobytes = report.memory_kb
            if pid:
                self.memory[pid].append(kilobytes)

    @property
    def statements(self) -> int:
        return sum(self.states.values())

    def answered(self, kind: str | None = None) -> int:
        return sum(count for (one, state), count in self.states.items() if state == "rows" and kind in (None, one))

    def of_kind(self, kind: str) -> int:
        return sum(count for (one, _), count in self.states.items() if one == kind)

    def by_state(self) -> collections.Counter:
        found: collections.Counter = collections.Counter()
        for (_, state), count in self.states.items():
            found[state] += count
        return found

    def text(self, options, took: float) -> str:
        number = self.statements or 1
        own = number - self.of_kind("sqlsmith")
        lines = [
            f"{self.statements:,} statements, seed {options.seed}, the grammar's from {options.start:,} to {options.start + own - 1:,}, {options.workers} workers, {took:.0f} s, {self.statements / took:.0f} statements/s; {self.counts['calls']:,} calls",
            f"answered: {self.answered():,} ({self.answered() / number:.1%})",
        ]
        for kind in sorted({one for one, _ in self.states}):
            lines.append(f"  {kind:<9} {self.of_kind(kind):>9,} of which answered {self.answered(kind) / self.of_kind(kind):.1%}")
        lines.append("how they ended: " + ", ".join(f"{state} {count:,}" for state, count in self.by_state().most_common()))
        lines += [f"  {name}: {count:,}" for name, count in sorted(self.counts.items()) if name != "calls"]
        lines.append(f"slowest: {self.slowest[0]:.1f} s ({self.slowest[1]})")
        for pid, sizes in self.memory.items():
            steps = [f"{sizes[step * (len(sizes) - 1) // 8] / 1024:.1f}" for step in range(9)]
            lines.append(f"session {pid}, memory of its own over {len(sizes)} blocks: {' '.join(steps)} MB")
        if not self.findings:
            lines.append(f"no finding in {self.statements:,}: with 95 % confidence fewer than 1 in {number // 3:,} (3/n = {3 / number:.1e})")
            lines.append(f"no foreign row in {self.answered():,} answers: fewer than 1 in {self.answered() // 3:,} (3/n = {3 / max(1, self.answered()):.1e})")
        return "\n".join(lines)


def judge(checks: Tally, total: Total, log, fewest: int) -> None:
    """Holds a run to what is promised."""
    findings = [f"{name} {what}" for name, what, _ in total.findings]
    canaries = [finding for finding in findings if "CANARY" in finding]
    differences = [finding for finding in findings if "alone" in finding or "hangs on" in finding]
    rest = [finding for finding in findings if finding not in canaries and finding not in differences]
    checks.add(f"no foreign canary in {total.answered():,} answers, {total.statements - total.answered():,} errors and all notices", canaries)
    compared = {name: count for name, count in total.counts.items() if " compared" in name and "skipped" not in name and "hidden" not in name and "session" not in name}
    checks.add(f"{sum(compared.values()):,} outcomes compared are what they are without the other tenant's rows", differences)
    checks.add("every error is documented and bare, hidden names are like unknown ones, dry runs refuse alike, no session is lost or changed", rest)
    unknown = {state: count for state, count in total.by_state().items() if state != "rows" and not is_documented(state)}
    checks.add("every SQLSTATE is in the set", [f"{state} {count} times" for state, count in unknown.items()])
    checks.add("the server did not crash", log.crashes())
    checks.add("the server's log holds no warning and no internal error", log.warnings())
    checks.add(f"at least {fewest:,} statements were sent", [] if total.statements >= fewest else [f"only {total.statements}"])
    share = total.answered() / max(1, total.statements)
    checks.add(f"at least {LEAST_ANSWERED:.0%} are answered", [] if share >= LEAST_ANSWERED else [f"only {share:.1%}"])
    equal = total.counts["answers compared: equal"] / max(1, sum(count for name, count in total.counts.items() if name.startswith("answers")))
    checks.add(f"at least {LEAST_EQUAL:.0%} of the answers compared have one right answer", [] if equal >= LEAST_EQUAL else [f"only {equal:.1%}"])
    seen = total.counts["of these, answered with a canary"]
    checks.add("control: tenant beta is shown its canaries through the same sessions", [] if seen >= 5 else [f"in {seen} answers"])
    growth = [
        f"session {pid} grew from {sizes[len(sizes) // 5] // 1024} MB to {sizes[-1] // 1024} MB"
        for pid, sizes in total.memory.items()
        if len(sizes) >= 10 and sizes[-1] - sizes[len(sizes) // 5] > MOST_GROWTH_KB
    ]
    checks.add("no session's memory keeps growing", growth)
