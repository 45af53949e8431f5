"""What the audit log costs a call: the same text on two servers that are alike but for it, asked in turn in one run.

With `required` each call waits for the disk: how long that takes is a matter of the disk, so that it is shown and has no target.
"""

import contextlib

from budgets import BY_HAND, SQL, load
from builds import NOW
from rounds import AGAIN, HAND, in_turn
from session import Asker, connect
from splitplane_test.cluster import Cluster
from table import Report, progress

MODES = {"off": "audit off", "on": "audit on", "required": "audit required"}
TARGET = 1.15


def measure(rounds: int, calls: int, report: Report) -> None:
    report.heading("audit", "A warm call with the audit log, and without")
    with contextlib.ExitStack() as stack:
        clusters = {}
        for mode in MODES:
            clusters[mode] = stack.enter_context(Cluster(settings={"splitplane.audit": mode, "splitplane.ledger_size": "1000000"}))
            load(clusters[mode], "audited", {})
        progress(f"warm calls with and without the audit log, {rounds} rounds of {calls}")
        askers = {mode: Asker(cluster, "audited", 1, [SQL]) for mode, cluster in clusters.items()}
        hands = {way: connect(clusters["off"], "audited") for way in (HAND, AGAIN)}
        ways = {way: lambda hand=hand: hand.execute(BY_HAND).fetchall() for way, hand in hands.items()}
        ways |= {MODES[mode]: lambda asker=asker: asker.ask(SQL) for mode, asker in askers.items()}

        def refresh() -> None:
            for asker in askers.values():
                asker.refresh()

        found = in_turn({SQL: ways}, rounds, before=refresh, calls=calls)[SQL]
        off = MODES["off"]
        report.row(off, "us", {HAND: found.us(HAND), NOW: found.us(off)}, again=found.again)
        for mode in ("on", "required"):
            way = MODES[mode]
            ratio, name = found.ratio(way, off), f"{mode} / off"
            target = (name, TARGET) if mode == "on" else None
            report.row(f"{way}, {ratio:.3f} times", "us", {NOW: found.us(way)}, {name: ratio}, target, again=found.again)
        for connection in (*hands.values(), *askers.values()):
            connection.close()
