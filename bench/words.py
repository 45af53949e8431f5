"""What questions in words cost beside the models themselves: latency, deterministic paths, memory, connections, cancels.

    python bench/words.py [--quick]

The model is pg_test/lib/standin, which waits as long as it is told to; the plane is the demo's, 17 tables with comments, of some
3,000 tokens. Two servers stand side by side, one with validation and one without, both without a verdict cache; a third has
the cache. `make bench` prints the same rows below its table.
"""

import argparse
import contextlib
import json
import threading
import time
from random import Random
from statistics import median
from time import perf_counter

import psycopg
from memory import PRIVATE, TARGET_KB
from session import connect
from splitplane_test.cluster import Cluster
from splitplane_test.plane import Plane
from splitplane_test.session import memory_kb
from splitplane_test.standin import Standin
from table import Table, percentile, progress, verdict

from pg_test.worlds import restaurant

DATABASE = "words"
CALLER = "words_app"
KEY_ID = "AKSPWORDS"
# The longest that a measurement uses one context; it is good for five minutes.
SIGN_EVERY_SECONDS = 120

# Hardly any work for the server, so that the query's own time does not hide what is measured.
QUESTION = "Where is store 17?"
SQL = "SELECT city, state FROM stores WHERE store_id = 17"
VERIFIED = "Turnover?"
FAILING = "Which orders fail?"
RULES = [
    {"question": QUESTION, "verdict": "allow", "sql": SQL},
    {"question": FAILING, "verdict": "allow", "sql": ["SELECT nothing FROM orders", "SELECT nothing_either FROM orders"]},
    {"pattern": r"^Where is store \d+ of my list\?", "verdict": "allow", "sql": SQL},
]
LATENCY_MS = {"validation": 75, "generation": 800}
STAGES = ["verify", "understand", "gate", "attach", "prove", "plan", "run", "encode", "narrate", "total"]
QUERY_STAGES = ("plan", "run")

ADDED_TARGET_MS = 5.0
PATH_TARGET_MS = 2.0
# Validation and generation at the same time: what is beyond was not used again.
CONNECTION_TARGET = 2
CANCEL_TARGET_MS = 100.0
REFUSED_EVERY = 20


class Server:
    """One server with the demo's plane, and a session of the calling role."""

    def __init__(self, stack: contextlib.ExitStack, standin: Standin, **settings: object):
        named = {f"splitplane.{name}": value for name, value in settings.items()}
        # Any model's name will do for the stand-in.
        model = {"splitplane.provider": "bedrock", "splitplane.model": "global.anthropic.claude-sonnet-5-5"}
        fixed = {"jit": "off", "shared_buffers": "256MB", "splitplane.ledger_size": 100_000, **model}
        cluster = stack.enter_context(Cluster({**fixed, **named}, environment=standin.environment()))
        self.plane = Plane.install(
            cluster,
            DATABASE,
            key_id=KEY_ID,
            before=restaurant.TABLES,
            after=[restaurant.REGISTER, "VACUUM (ANALYZE)"],
            caller=CALLER,
            variables={"scale": 0.05},
            max_uses=1_000_000,
        )
        self.cluster = cluster
        self.admin, self.app = connect(cluster, DATABASE), connect(cluster, DATABASE, CALLER)
        self._signed: dict[str, tuple[float, str]] = {}

    def context(self, question: str) -> str:
        """A signed context, used again for a while, so that signing is not measured."""
        made, signed = self._signed.get(question, (0.0, ""))
        if not signed or time.monotonic() - made > SIGN_EVERY_SECONDS:
            signed = self.fresh_context(question)
            self._signed[question] = (time.monotonic(), signed)
        return signed

    def fresh_context(self, question: str) -> str:
        return json.dumps(self.plane.sign(question, "brand-a", "headquarters", "u-1"))

    def ask(self, question: str, sql: str | None = None, signed: str | None = None) -> dict:
        document = self.app.execute("SELECT ask(%s::jsonb, %s, sql => %s)", (signed or self.context(question), question, sql)).fetchone()[0]
        if document["outcome"] != "answered":
            raise SystemExit(f"{question}: {document}")
        return document


def measure(quick: bool) -> Table:
    """Milliseconds, unless something else is said."""
    table = Table(["", "calls", "p50", "p95", "target", "verdict"])
    with contextlib.ExitStack() as stack:
        standin = stack.enter_context(Standin(RULES, keep=2))
        progress("three servers for questions in words")
        validated = Server(stack, standin, validation="required", verdict_cache_size=0)
        plain = Server(stack, standin, validation="off", verdict_cache_size=0)
        cached = Server(stack, standin)
        table.heading(f"Questions in words against a stand-in, milliseconds (validation takes it {LATENCY_MS['validation']}, generation {LATENCY_MS['generation']})")
        added_by_validation(table, standin, validated, plain, 15 if quick else 50)
        deterministic_paths(table, cached, 300 if quick else 2_000)
        memory_and_connections(table, standin, cached, 1_000 if quick else 10_000)
        cancels(table, standin, validated, 20)
    return table


def spread(values: list[float]) -> tuple[str, str]:
    return f"{median(values):.2f}", f"{percentile(values, 0.95):.2f}"


def added_by_validation(table: Table, standin: Standin, validated: Server, plain: Server, pairs: int) -> None:
    """The same question on both servers in turn, and the differences of each round; once more without, to see the noise."""
    progress(f"latency added by validation, {pairs} rounds")
    shuffle, servers = Random(7), {"required": validated, "off": plain, "off, again": plain}
    seen: dict[str, list[float]] = {name: [] for name in servers}
    read: dict[str, list[float]] = {name: [] for name in servers}
    for server in servers.values():
        for _ in range(5):
            server.ask(QUESTION)
    standin.play(latency_ms=LATENCY_MS)
    for _ in range(pairs):
        for name in shuffle.sample(sorted(servers), len(servers)):
            server = servers[name]
            signed = server.context(QUESTION)
            standin.clear()
            start = perf_counter()
            document = server.ask(QUESTION, signed=signed)
            seen[name].append((perf_counter() - start) * 1000)
            # Linux has one monotonic clock for both.
            read[name].extend((record.arrived - start) * 1000 for record in standin.requests if record.task == "generation")
            wanted = 2 if name == "required" else 1
            if document["usage"]["model_calls"] != wanted:
                raise SystemExit(f"validation {name}: {document['usage']}")
    standin.play()
    for name in ("required", "off"):
        table.row(f"question, validation {name}", pairs, *spread(seen[name]))
    added = [a - b for a, b in zip(seen["required"], seen["off"])]
    table.row("  added by validation", pairs, *spread(added), f"<= {ADDED_TARGET_MS:g}", verdict(median(added), ADDED_TARGET_MS))
    later = [a - b for a, b in zip(read["required"], read["off"])]
    table.row("  of it until the generation's request is read", pairs, *spread(later))
    table.remark("    (the stand-in reads two requests at once in one Python process; sending both takes the backend some 0.1 ms)")
    table.row("  noise: off, again", pairs, *spread([a - b for a, b in zip(seen["off, again"], seen["off"])]))


def deterministic_paths(table: Table, server: Server, calls: int) -> None:
    """A question with SQL whose verdict is remembered, and a metric: neither asks a model anything."""
    progress(f"cached and verified paths, {calls} calls each")
    paths = {"cached verdict, SQL given": (QUESTION, SQL), "verified query": (VERIFIED, None)}
    stages: dict[str, dict[str, list[float]]] = {name: {stage: [] for stage in STAGES} for name in paths}
    beside: dict[str, list[float]] = {name: [] for name in paths}
    for number in range(calls + 50):
        for name, (question, sql) in paths.items():
            document = server.ask(question, sql)
            # The first calls warm the backend and bring the verdict.
            if number < 50:
                continue
            if document["usage"]["model_calls"]:
                raise SystemExit(f"{name}: a model was asked")
            spent = document["timings_ms"]
            for stage in STAGES:
                stages[name][stage].append(spent.get(stage, 0.0))
            beside[name].append(spent["total"] - sum(spent[stage] for stage in QUERY_STAGES))
    for name in paths:
        table.row(f"{name}: all but the query", calls, *spread(beside[name]), f"<= {PATH_TARGET_MS:g}", verdict(median(beside[name]), PATH_TARGET_MS))
        shown = [f"{stage} {median(values):.2f}" for stage, values in stages[name].items() if any(values)]
        table.remark(f"    p50 by stage: {', '.join(shown)}")


def memory_and_connections(table: Table, standin: Standin, server: Server, calls: int) -> None:
    """Distinct questions on a new backend: each is validated, written, remembered and, now and then, forgotten; one in twenty
    ends in an error after two repairs."""
    progress(f"memory over {calls} questions")
    server.app.close()
    server.app = connect(server.cluster, DATABASE, CALLER)
    pid = server.app.info.backend_pid
    before = standin.connections
    marks = sorted({calls // 10, calls // 4, calls // 2, calls})
    samples = []
    for number in range(1, calls + 1):
        if number % REFUSED_EVERY == 0:
            with contextlib.suppress(psycopg.errors.UndefinedColumn):
                server.ask(FAILING)
                raise SystemExit("the SQL that must fail was answered")
        else:
            question = f"Where is store {number} of my list?"
            server.ask(question, signed=server.fresh_context(question))
        if number in marks:
            samples.append((number, memory_kb(pid, PRIVATE)))
    opened = standin.connections - before
    grown = samples[-1][1] - samples[0][1]
    shown = ", ".join(f"{number}: {kilobytes}" for number, kilobytes in samples)
    table.row(f"growth of {PRIVATE}, kB", calls, grown, "", f"<= {TARGET_KB}", verdict(grown, TARGET_KB))
    table.remark(f"    after calls, kB: {shown}")
    table.row("connections to the model", calls, opened, "", f"<= {CONNECTION_TARGET}", verdict(opened, CONNECTION_TARGET))


def cancels(table: Table, standin: Standin, server: Server, times: int) -> None:
    """From pg_cancel_backend to the error at the client, while the model hangs."""
    progress(f"{times} cancels")
    standin.play("hang")
    took = []
    for number in range(times):
        result: dict[str, object] = {}

        def call() -> None:
            try:
                server.ask(QUESTION)
            except psycopg.Error as error:
                result.update(state=error.sqlstate, at=perf_counter())

        thread = threading.Thread(target=call)
        thread.start()
        deadline = time.monotonic() + 5
        while standin.in_flight < 2 and time.monotonic() < deadline:
            time.sleep(0.005)
        # Spread over the slices in which the backend waits.
        time.sleep(0.02 + 0.013 * (number % 8))
        start = perf_counter()
        server.admin.execute("SELECT pg_cancel_backend(%s)", (server.app.info.backend_pid,))
        thread.join()
        if result.get("state") != "57014":
            raise SystemExit(f"a cancelled question ended with {result}")
        took.append((result["at"] - start) * 1000)
        while standin.in_flight:
            time.sleep(0.005)
    standin.play()
    table.row("cancel while the model hangs", times, *spread(took), f"p95 <= {CANCEL_TARGET_MS:g}", verdict(percentile(took, 0.95), CANCEL_TARGET_MS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the calls")
    options = parser.parse_args()
    measure(options.quick).print()


if __name__ == "__main__":
    main()
