"""What a suite found: a line for each check, and at the end `N passed, N failed`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import NoReturn

# The exit status of a suite that could not run at all; tools/run-suites.sh prints it as NOT RUN, with the last line as the
# reason. It is the number that automake and Meson have for this.
NOT_RUN = 77
# The exit status of a shell tool whose files no registry gives (tools/common.sh). Any other is a defect of the tool.
UNREACHABLE = 3
SHOWN = 12


def not_run(reason: str) -> NoReturn:
    """End a suite that cannot run here: a tool or the network is missing. A reason is never a pass."""
    print(reason, flush=True)
    sys.exit(NOT_RUN)


class Tally:
    """Counts checks, and prints them as they are made: all of them, or only those that failed."""

    def __init__(self, verbose: bool = True, shown: int = SHOWN):
        self.verbose, self.shown = verbose, shown
        self.passed = self.failed = 0

    def add(self, name: str, wrong: str | Iterable[str] | None = None, note: str = "") -> bool:
        """One check. `wrong` says what was wrong with it: a text, or several, or nothing. Returns whether it passed."""
        reasons = [wrong] if isinstance(wrong, str) and wrong else list(dict.fromkeys(wrong or ()))
        if reasons:
            self.failed += 1
        else:
            self.passed += 1
        if reasons or self.verbose:
            print(f"{'FAILED' if reasons else 'ok':6} {name}{f' ({note})' if note else ''}", flush=True)
        for reason in reasons[: self.shown]:
            print(f"       {reason}", flush=True)
        if len(reasons) > self.shown:
            print(f"       and {len(reasons) - self.shown} more", flush=True)
        return not reasons

    def take(self, found: Iterable[tuple[str, str | Iterable[str] | None]]) -> None:
        """Several, each as (name, what was wrong)."""
        for name, wrong in found:
            self.add(name, wrong)

    def finish(self) -> int:
        """Print the last line; the exit status. A suite that checked nothing has failed."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 0 if self.passed and not self.failed else 1
