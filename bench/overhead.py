"""What one `ask(sql)` costs beside the query itself, by stage, from the document's own timings."""

from statistics import median
from time import perf_counter

from session import ask, connect, context
from table import Table, percentile, progress, verdict

STAGES = ["verify", "gate", "attach", "prove", "plan", "run", "encode", "total"]
TARGET_US = 300
TRIVIAL = "SELECT city FROM stores WHERE store_id = 1"
TRIVIAL_HAND = "SELECT city FROM stores WHERE tenant_id = 1 AND store_id = 1"


def measure(cluster, dbname: str, calls: int, table: Table) -> None:
    admin, hand, app = connect(cluster, dbname), connect(cluster, dbname), connect(cluster, dbname, "bench_app")
    progress(f"fixed overhead over {calls} calls")
    stages = {stage: [] for stage in STAGES}
    seen, plain, empty = [], [], []
    for number in range(calls + 100):
        if number % 1000 == 0:
            signed = context(admin, 1, TRIVIAL)
        start = perf_counter()
        document = ask(app, signed, TRIVIAL)
        asked = perf_counter()
        hand.execute(TRIVIAL_HAND).fetchall()
        written = perf_counter()
        hand.execute("SELECT 1").fetchall()
        done = perf_counter()
        # The first hundred warm the backend: its plane, its allowlists and its catalog cache.
        if number < 100:
            continue
        for stage in STAGES:
            if stage in document["timings_ms"]:
                stages[stage].append(document["timings_ms"][stage] * 1000)
        seen.append((asked - start) * 1e6)
        plain.append((written - asked) * 1e6)
        empty.append((done - written) * 1e6)

    table.heading(f"Fixed overhead of one ask(sql), microseconds, {calls} warm calls of: {TRIVIAL}      p50, p95")
    for stage in STAGES:
        if not stages[stage]:
            table.row(f"stage {stage}", "", "not reported")
            continue
        cells = [f"stage {stage}", "", f"{median(stages[stage]):.1f}", f"{percentile(stages[stage], 0.95):.1f}"]
        table.row(*cells)
    table.row("client: ask", "", f"{median(seen):.1f}", f"{percentile(seen, 0.95):.1f}")
    table.row("client: same query by hand", "", f"{median(plain):.1f}", f"{percentile(plain, 0.95):.1f}")
    table.row("client: SELECT 1", "", f"{median(empty):.1f}", f"{percentile(empty, 0.95):.1f}")
    # The target is the server's own sum of stages. What the client waits beyond the same query by hand is shown beside it: it
    # also counts the longer statement, the context as a parameter, the jsonb result and its decoding in Python.
    total = median(stages["total"]) if stages["total"] else 0.0
    added = median(a - p for a, p in zip(seen, plain))
    table.row("overhead: all stages", "", f"{total:.1f}", *[""] * 7, f"<= {TARGET_US} us", verdict(total, TARGET_US))
    table.row("overhead: at the client, beyond by hand", "", f"{added:.1f}")
