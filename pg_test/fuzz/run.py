#!/usr/bin/env python3
"""Generated SQL through `ask` on a live server: no foreign canary, no undocumented error, no crash, the right rows.

    run.py                                  bounded, with a fixed seed: what `make test` runs
    run.py --minutes M | --statements N     a longer run; with both, whichever ends first
           [--seed S] [--workers W]         SIGUSR1 ends it early, with its figures
           [--start N]                      go on from statement N of that seed, where a part of the run has ended
    run.py --only SEED:NUMBER               one statement again, with all that came back (smith:SEED:NUMBER for sqlsmith's)
    run.py --worlds --pairs N [--minutes M] each statement in two worlds that differ in other tenants' rows alone; with --seed,
           [--off FENCE,..]                 --workers and --start as above; --off: with these fences taken away, in the build of
                                            pg_test/ablation
    run.py --only worlds:SEED:NUMBER        one of those again

README.md beside this file tells what is generated and what is checked. The last line is `N passed, N failed`; exit 1 on failure.
"""

from __future__ import annotations

import argparse
import re
import sys

import campaign
import oracle
import report
import selfcheck
import smith
import worldsrun
from serverlog import LogWatch
from splitplane_test.cluster import ROOT, Cluster
from splitplane_test.tally import Tally, not_run

from pg_test.attacks import fingerprint
from pg_test.attacks.world import DATABASE, NAIVE, SETTINGS, World

SEED = 4
# The bounded run: so many statements, or what can be done of them in this time.
STATEMENTS, SECONDS, FEWEST = 16_500, 25.0, 3_000
FINDINGS = ROOT / ".tools" / "log" / "fuzz-findings.jsonl"
# Answers are cut and slow statements stopped early, so that one statement does not take the time of a thousand.
LIMITS = {"splitplane__deadline": "80", "splitplane__max_rows": "200", "splitplane__max_bytes": "64kB", "log_error_verbosity": "terse"}


def make_world(cluster: Cluster, with_smith: bool) -> World:
    world = World(cluster)
    for name, tenant in (("fuzz", "acme"), ("fuzzbeta", "beta")):
        world.keys[name] = world.plane.create_key("AKSP" + name.upper(), [tenant], 2_000_000_000)
    world.plane.set(**LIMITS)
    oracle.prepare(world, NAIVE)
    if with_smith:
        smith.prepare(world)
    return world


def plan_of(world: World, seed: int, with_smith: bool) -> campaign.Plan:
    cluster = world.cluster
    return campaign.Plan(
        dsn_format=f"host={cluster.socket_dir} port={cluster.port} dbname={{database}} user={{user}}",
        keys={"acme": world.keys["fuzz"], "beta": world.keys["fuzzbeta"]},
        seed=seed,
        smith_dsn=smith.dsn(cluster) if with_smith else None,
    )


def run_only(world: World, plan: campaign.Plan, which: str) -> int:
    """One statement again, the judgement on it and all that came back."""
    *kind, seed, number = which.split(":")
    plan.seed = int(seed)
    worker = campaign.Worker(plan)
    if kind:
        block, index = divmod(int(number), smith.BLOCK)
        statement = smith.block(smith.dsn(world.cluster), plan.seed, block)[index]
    else:
        statement = worker.stream.statement(int(number))
    print(f"{statement.kind}\n{statement.text}\n")
    for name, call in worker.calls(statement).items():
        reply = worker.asker.one(call)
        print(f"{name}: {'CONNECTION LOST' if reply is None else reply.document or f'{reply.state} {reply.error}'}")
        if reply is None:
            worker.connect()
    found = worker.run_block([statement]).findings
    plain = worker.oracle.alone.answer(statement.text)
    print(f"tenant alone: {plain.state} {plain.error or plain.lines[:20]}")
    for _, what, _ in found:
        print(f"FINDING {what}")
    print(f"{0 if found else 1} passed, {len(found)} failed")
    return 1 if found else 0


def chosen(arguments: argparse.ArgumentParser):
    arguments.add_argument("--statements", type=int, help="end after so many statements")
    arguments.add_argument("--minutes", type=float, help="end after so many minutes")
    arguments.add_argument("--seed", type=int, default=SEED)
    arguments.add_argument("--start", type=int, default=0, metavar="N", help="go on from statement N")
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--only", metavar="SEED:NUMBER")
    arguments.add_argument("--worlds", action="store_true", help="two worlds that differ in other tenants' rows")
    arguments.add_argument("--pairs", type=int, help="end after so many statements in both worlds")
    arguments.add_argument("--off", default="", metavar="FENCE[,FENCE..]", help="fences to take away from both worlds")
    options = arguments.parse_args()
    if options.only and not re.fullmatch(r"(?:(?:smith|worlds):)?\d+:\d+", options.only):
        arguments.error(f"a statement is called SEED:NUMBER, smith:SEED:NUMBER or worlds:SEED:NUMBER, not {options.only}")
    return options


def main() -> int:
    sys.set_int_max_str_digits(0)
    options = chosen(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    if options.worlds or (options.only or "").startswith("worlds:"):
        return worldsrun.main(options)
    bounded = options.statements is None and options.minutes is None and not options.only
    statements = STATEMENTS if bounded else options.statements or sys.maxsize
    seconds = SECONDS if bounded else (options.minutes or 1e6) * 60
    with_smith = smith.is_there()
    if not with_smith and bounded:
        not_run("sqlsmith is not installed (Debian package sqlsmith)")
    if not with_smith:
        print("sqlsmith is not installed (Debian package sqlsmith): its part is left out")
    checks = Tally()
    # What answered a question would be kept, and nothing is to be written here.
    with Cluster(settings={**SETTINGS, "jit": "off", "splitplane.rating_retention": "0"}) as cluster:
        world = make_world(cluster, with_smith)
        plan = plan_of(world, options.seed, with_smith)
        plan.smith_every, plan.start = 12 if bounded else 24, options.start
        if options.only:
            return run_only(world, plan, options.only)
        watch = fingerprint.ServerWatch(cluster.dsn(dbname=DATABASE))
        state, tables = watch.state(), watch.tables()
        log, progress = LogWatch(cluster), report.Progress(FINDINGS, with_time=not bounded)

        def look(made: list[campaign.Report]) -> None:
            log.read()
            progress.show(made)

        blocks = statements // campaign.BLOCK + bool(statements % campaign.BLOCK)
        made, took = campaign.run(plan, options.workers, blocks, seconds, look)
        look(made)
        total = report.Total(made)
        report.judge(checks, total, log, fewest=FEWEST if bounded else 1)
        checks.add("the server is as it was: no row, setting, file, lock, transaction id or log record changed", watch.changes(state, watch.state()) + ([] if watch.tables() == tables else ["rows of some table changed"]))
        if bounded:
            checks.add("sqlsmith is there", [] if with_smith else ["the bounded run needs the Debian package `sqlsmith`"])
        for name, wrong in selfcheck.run(world, plan):
            checks.add(f"control: {name}", wrong)
        if total.findings:
            print(f"all findings with their texts: {FINDINGS.relative_to(ROOT)}")
    if bounded:
        worldsrun.bounded(checks, options)
    print(total.text(options, took))
    print(f"the server wrote {log.lines:,} lines to its log; the proof refused {log.proofs():,} statements that had come so far")
    return checks.finish()


if __name__ == "__main__":
    # A run of many minutes should be seen while it is under way.
    sys.stdout.reconfigure(line_buffering=True)
    sys.exit(main())
