"""Whether one backend's memory stays flat over many calls, answered and refused ones mixed."""

import psycopg
from session import ask, connect, context
from splitplane_test.session import memory_kb
from table import Table, progress, verdict

# Pages that only the backend has. VmRSS also counts shared buffers, which grow as the backend first touches them.
PRIVATE, RESIDENT = "RssAnon", "VmRSS"
TARGET_KB = 1024
ANSWERED = [
    "SELECT city FROM stores WHERE store_id = 1",
    "SELECT region, count(*) AS stores FROM stores GROUP BY region ORDER BY region",
    "SELECT s.city, c.segment FROM stores s CROSS JOIN (SELECT DISTINCT segment FROM customers) c ORDER BY 1, 2",
]
REFUSED = "SELECT pg_read_file('/etc/hostname') FROM stores"
SIGN_EVERY = 10_000


def measure(cluster, dbname: str, calls: int, table: Table) -> None:
    progress(f"memory over {calls} calls")
    admin, app = connect(cluster, dbname), connect(cluster, dbname, "bench_app")
    pid = app.info.backend_pid
    marks = sorted({max(1, calls // 10), calls // 4, calls // 2, calls})
    samples = []
    for number in range(1, calls + 1):
        if number % SIGN_EVERY == 1:
            signed = {sql: context(admin, 1, sql) for sql in [*ANSWERED, REFUSED]}
        # Errors leak where answers do not, so one call in twenty is refused.
        if number % 20 == 0:
            try:
                ask(app, signed[REFUSED], REFUSED)
            except psycopg.Error as error:
                if error.sqlstate != "42501":
                    raise
            else:
                raise SystemExit("the hostile call was answered")
        else:
            sql = ANSWERED[number % len(ANSWERED)]
            ask(app, signed[sql], sql)
        if number in marks:
            samples.append((number, memory_kb(pid, PRIVATE), memory_kb(pid, RESIDENT)))

    table.heading(f"Memory of one backend over {calls} calls (one in twenty refused), kB: {PRIVATE} / {RESIDENT}")
    grown = samples[-1][1] - samples[0][1]
    shown = [f"{n}: {private}/{whole}" for n, private, whole in samples]
    table.row("after calls", "", *shown, *[""] * (8 - len(shown)), f"growth <= {TARGET_KB} kB", f"{grown} {verdict(grown, TARGET_KB)}")
