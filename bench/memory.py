"""Whether one backend's memory stays flat over many calls, answered and refused ones mixed."""

import psycopg
from builds import NOW
from session import CALLER, ask, connect, context
from splitplane_test.session import memory_kb
from table import Report, progress

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


def measure(clusters, dbname: str, calls: int, report: Report) -> None:
    """Of this checkout's build alone."""
    progress(f"memory over {calls} calls")
    cluster = clusters[NOW]
    admin, app = connect(cluster, dbname), connect(cluster, dbname, CALLER)
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

    report.heading("memory", f"Memory of one backend over {calls:,} calls, one in twenty refused")
    report.row(f"growth of {PRIVATE} from call {marks[0]:,} on", "kB", {NOW: samples[-1][1] - samples[0][1]}, target=(NOW, TARGET_KB))
    report.remark(f"    after calls, kB of {PRIVATE} / {RESIDENT}: {', '.join(f'{n}: {own}/{whole}' for n, own, whole in samples)}")
    admin.close()
    app.close()
