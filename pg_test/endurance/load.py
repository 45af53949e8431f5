"""The endurance run: clients for a while, memory sampled beside them, and a report that says what was wrong.

What must hold: no answer differs from its tenant's truth, no call ends outside the table of SQLSTATEs, no backend that lives
from beginning to end grows, shared memory and the number of dynamic segments stay, and the server never restarts.
"""

from __future__ import annotations

import re
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from splitplane_test.cluster import Cluster
from splitplane_test.session import memory_kb
from traffic import Client, Traffic
from truth import Honest, Hostile

SETTINGS = {
    "max_connections": "300",
    "shared_buffers": "128MB",
    "jit": "off",
    # As files of the data directory: then those that are left over can be counted, and told from another server's.
    "dynamic_shared_memory_type": "mmap",
    "splitplane.clock_skew": "60s",
    "splitplane.max_memory": "64MB",
    "splitplane.ledger_size": "131072",
    "autovacuum": "on",
    "log_min_error_statement": "panic",
    "log_min_messages": "warning",
    "restart_after_crash": "on",
}
# A backend may keep what a large query made malloc fetch; a leak grows with every call.
MEDIAN_GROWTH_KB, LARGEST_GROWTH_KB = 3 * 1024, 48 * 1024
MOST_SLACK_BYTES = 256 * 1024
ONE_IN_RUDE = 8


@dataclass
class Report:
    """What a run came to."""

    clients: int
    seconds: float
    tally: object
    memory: dict[int, list[tuple[float, int]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def between(self, begin: float, end: float) -> dict[int, float]:
        """kB of each lasting backend, in the median over that part of the run (0 to 1)."""
        parts = {pid: [kb for at, kb in samples if begin <= at / self.seconds < end] for pid, samples in self.memory.items()}
        return {pid: statistics.median(part) for pid, part in parts.items() if part}

    def growth(self) -> list[int]:
        """kB by which each lasting backend grew in the second half of the run: its caches fill up in the first."""
        early, late = self.between(0.4, 0.6), self.between(0.85, 1.01)
        return [int(late[pid] - early[pid]) for pid in late if pid in early]

    def course(self) -> str:
        """The median backend at five moments."""
        moments = [self.between(at, at + 0.1) for at in (0.05, 0.25, 0.5, 0.7, 0.9)]
        return ", ".join(f"{statistics.median(moment.values()) / 1024:.1f}" for moment in moments if moment)


def shared_memory(connection) -> tuple:
    """What lies in the shared segment by name, and its whole size."""
    named = connection.execute("SELECT name, allocated_size FROM pg_shmem_allocations WHERE name <> '<anonymous>' ORDER BY 1, 2").fetchall()
    return (*named, connection.execute("SELECT sum(allocated_size) FROM pg_shmem_allocations").fetchone())


def anonymous(connection) -> int:
    """Bytes of the segment without a name: PostgreSQL's hash tables grow there, in the slack that it keeps for them."""
    return connection.execute("SELECT allocated_size FROM pg_shmem_allocations WHERE name = '<anonymous>'").fetchone()[0]


def segments(cluster) -> list[str]:
    folder = Path(cluster.data_dir) / "pg_dynshmem"
    return sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []


def run(clients: int, seconds: float, seed: int, queries: int | None, scale: float, say=print) -> Report:
    """Build both worlds, let the clients loose, and judge."""
    with Cluster(settings=SETTINGS) as cluster:
        began = time.monotonic()
        traffic = Traffic(cluster, Honest(cluster, scale), Hostile(cluster), queries, seed)
        say(f"two worlds in {time.monotonic() - began:.0f} s")
        with psycopg.connect(cluster.dsn(), autocommit=True) as watcher:
            unnamed = anonymous(watcher)
            before = shared_memory(watcher), segments(cluster), watcher.execute("SELECT pg_postmaster_start_time()").fetchone()
            report = Report(clients, seconds, traffic.tally)
            started = time.monotonic()
            crew = [Client(traffic, number, seed, started + seconds, rude=number % ONE_IN_RUDE == ONE_IN_RUDE - 1) for number in range(clients)]
            for client in crew:
                client.start()
            postmaster, told = [], 0.0
            while any(client.is_alive() for client in crew):
                time.sleep(min(2.0, seconds / 60))
                at = time.monotonic() - started
                if at // 60 > told:
                    told = at // 60
                    say(f"after {told:.0f} min: {sum(traffic.tally.calls.values())} calls, {traffic.tally.wrongs} wrong")
                postmaster.append(memory_kb(cluster.pid, "RssAnon"))
                for client in crew:
                    for pid in client.pids():
                        try:
                            report.memory.setdefault(pid, []).append((at, memory_kb(pid, "RssAnon")))
                        except OSError:
                            continue
            report.seconds = time.monotonic() - started
            judge(report, crew, cluster, watcher, before, unnamed, postmaster)
        return report


def judge(report: Report, crew: list[Client], cluster, watcher, before, unnamed: int, postmaster: list[int]) -> None:
    tally, problems = report.tally, report.problems
    problems += [f"{client.name} broke: {type(client.broken).__name__} {client.broken}" for client in crew if client.broken]
    problems += tally.wrong
    if tally.wrongs > len(tally.wrong):
        problems.append(f"{tally.wrongs - len(tally.wrong)} more like these")
    # The control: a run that asked too little, or compared too little, shows nothing.
    calls, ends = tally.calls, tally.ends
    if min(calls[kind] for kind in ("honest", "rows", "dry", "hostile", "keeping", "forged")) < 10 or tally.compared < 0.8 * sum(calls.values()):
        problems.append(f"too little was asked or compared: {dict(calls)}, {tally.compared} compared")
    if missing := {"answered", "28000", "42501", "42P01", "0A000"} - set(ends):
        problems.append(f"no call ended in {sorted(missing)}")
    if watcher.closed:
        problems.append("the server went down")
    else:
        after = shared_memory(watcher), segments(cluster), watcher.execute("SELECT pg_postmaster_start_time()").fetchone()
        for what, one, other in zip(("shared memory", "dynamic segments", "the server's start"), before, after, strict=True):
            if one != other:
                problems.append(f"{what} changed: {str(one)[:200]} to {str(other)[:200]}")
        if (slack := anonymous(watcher) - unnamed) > MOST_SLACK_BYTES:
            problems.append(f"shared memory without a name grew by {slack} bytes")
        left = watcher.execute("SELECT count(*) FROM pg_stat_activity WHERE usename IN ('app', 'analyst') AND state = 'active'").fetchone()[0]
        held = watcher.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' OR mode = 'AccessExclusiveLock'").fetchone()[0]
        if held:
            problems.append(f"{held} locks are left")
    found = re.findall(r".*(?:terminated by signal|PANIC|TRAP:|crash of another server process).*", cluster.log_text())
    problems += [f"the log says: {line}" for line in found[:5]]
    grown = report.growth()
    if not grown:
        problems.append("no backend lived long enough to be measured")
    elif statistics.median(grown) > MEDIAN_GROWTH_KB or max(grown) > LARGEST_GROWTH_KB:
        problems.append(f"backends grew by {statistics.median(grown):.0f} kB in the median and {max(grown)} kB at most")
    calls = sum(tally.calls.values())
    report.lines = [
        f"{calls} calls of {report.clients} clients in {report.seconds:.0f} s, {calls / report.seconds:.0f} a second; {tally.compared} held against a truth, or as refusals against their suite's verdict",
        "calls by kind: " + ", ".join(f"{kind} {count}" for kind, count in sorted(tally.calls.items())),
        "how they ended: " + ", ".join(f"{end} {count}" for end, count in tally.ends.most_common()),
        "median and slowest in ms: "
        + ", ".join(f"{kind} {1000 * statistics.median(taken):.0f} / {1000 * max(taken):.0f}" for kind, taken in sorted(tally.seconds.items())),
    ]
    if grown:
        ends = [samples[-1][1] for samples in report.memory.values()]
        report.lines += [
            f"{len(grown)} lasting backends: private memory {statistics.median(ends):.0f} kB at the end (median), {max(ends)} at most; "
            f"growth from the middle to the end {statistics.median(grown):+.0f} kB (median), {max(grown):+d} at most; MB over time: {report.course()}",
            f"postmaster {postmaster[0]} kB to {postmaster[-1]} kB; {len(segments(cluster))} dynamic segments; {left if not watcher.closed else '?'} calls still running",
        ]
