"""Servers with an audit log, and what lies in its files, for the tests of it."""

import json
import time
from pathlib import Path

from splitplane_test.cluster import Cluster

from pg_test.wire.harness import COUNT_SALES

ENTRIES = "SELECT sequence, event, tenant, outcome, sqlstate, reason, question, sql, relations, rows, bytes, answer, query_id FROM splitplane.audit() ORDER BY sequence"


def audited(mode="on", **more):
    settings = {"splitplane.audit": mode, "splitplane.audit_text": "full", "max_connections": "90"}
    return Cluster(settings={**settings, **{f"splitplane.{name}": value for name, value in more.items()}})


def folder(cluster):
    """The folder of the log that the server writes to."""
    top = cluster.data_dir / "splitplane_audit"
    return top / (top / "current").read_text().strip()


def newest(cluster, kind="entries"):
    return max(folder(cluster).glob(f"{kind}-*.jsonl"))


def lines(cluster):
    """The entries as they lie in the files, by sequence."""
    text = b"".join(path.read_bytes() for path in sorted(folder(cluster).glob("entries-*.jsonl")))
    return [json.loads(line) for line in text.splitlines()]


def last(plane, count=1):
    rows = plane.admin_rows(ENTRIES)[-count:]
    names = "sequence event tenant outcome sqlstate reason question sql relations rows bytes answer query_id".split()
    return [dict(zip(names, row, strict=True)) for row in rows]


def problems(plane, checkpoint=None):
    found = plane.admin_rows("SELECT severity, finding FROM splitplane.verify_audit(%s)", checkpoint)
    return [row for row in found if row[0] != "info"]


def checkpoint(plane):
    return plane.admin_rows("SELECT splitplane.audit_checkpoint()")[0][0]


def reconfigure(cluster, plane, **settings):
    """Changes settings as a DBA does, and waits until sessions have them."""
    with cluster.connect() as admin:
        for name, value in settings.items():
            admin.execute(f"ALTER SYSTEM SET splitplane.{name} = '{value}'")
        admin.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 10
    for name, value in settings.items():
        while plane.admin_rows(f"SELECT current_setting('splitplane.{name}')") != [(value,)]:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def ask_once(plane, tenant="brand-a"):
    with plane.session() as session:
        return session.call(plane.sign(COUNT_SALES, tenant), COUNT_SALES)


def days_later(cluster, days):
    """Starts the server anew with its clock so many days ahead; what the file system says of times stays."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    cluster._halt("fast")
    clock = {"LD_PRELOAD": library, "FAKETIME": f"+{days}d", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    cluster.launcher = ["env", *(f"{name}={value}" for name, value in clock.items())]
    cluster._launch()
    cluster.launcher = ()


def of_event(cluster, event):
    return [entry for entry in lines(cluster) if entry["event"] == event]
