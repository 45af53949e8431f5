#!/usr/bin/env python3
"""Endurance: many clients, honest and hostile, for as long as you like; every answer held against its tenant's truth.

    run.py [--clients 64] [--minutes 10] [--seed N] [--queries N] [--scale 0.05]

Prints what was called, how it ended, what memory did, and what was wrong. Exit status 1 if anything was.
"""

from __future__ import annotations

import argparse
import functools
import sys

import load
from splitplane_test.tally import Tally


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--clients", type=int, default=64)
    arguments.add_argument("--minutes", type=float, default=10.0)
    arguments.add_argument("--seed", type=int, default=20261124)
    arguments.add_argument("--queries", type=int, default=None, help="so many queries of the analytics corpus; all by default")
    arguments.add_argument("--scale", type=float, default=0.05, help="size of the demo's data, 1 is 200,000 orders")
    given = arguments.parse_args()
    # Answers hold numbers of any length.
    sys.set_int_max_str_digits(0)
    # Told at once, so that a run that is cut short has said something.
    say = functools.partial(print, flush=True)
    report = load.run(given.clients, 60 * given.minutes, given.seed, given.queries, given.scale, say)
    print(f"seed {given.seed}")
    print("\n".join(report.lines))
    tally = Tally()
    for problem in report.problems:
        tally.add("endurance", problem)
    # What is counted as passed are calls, each of which was judged while it ran.
    tally.passed = sum(report.tally.calls.values()) - report.tally.wrongs
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
