"""Proof that nothing changed: the caller's session, the server, and the write-ahead log, before and after one call.

Two cheap queries each time. The write-ahead log is the widest net: the suite's server has autovacuum off and one caller
at a time, so any record written during a call that is not the server's own housekeeping is an effect of that call.
"""

from __future__ import annotations

import json
import os
import time

import psycopg
from psycopg import sql
from splitplane_test.cluster import MAJOR, WHOLE_MAJORS
from splitplane_test.session import memory_kb

# Settings that no error-free `SHOW ALL` lists: placeholders that attacks set, and secrets they look for.
_PLACEHOLDERS = ("app.tenant", "app.current_tenant", "splitplane.hmac_key", "splitplane.tenant", "pwned.x", "my.var")
# Server housekeeping that a plain read may cause: page pruning, running-transactions snapshots, checkpoints, first-read
# hint bits on a page.
_HOUSEKEEPING = ("Standby/RUNNING_XACTS", "XLOG/CHECKPOINT", "Heap2/PRUNE", "XLOG/FPI_FOR_HINT")

# Files that the attacks try to make, and the one of the control, which no other run of this suite may mistake for its own.
FISH = f"splitplane-pwned-fish-{os.getpid()}"
_MARKERS = ("pwned", "pwned-copy", "pwned-lo", FISH)

_SERVER = """
SELECT jsonb_build_object(
  'sequences', (SELECT jsonb_object_agg(schemaname||'.'||sequencename, last_value) FROM pg_sequences),
  'classes', (SELECT count(*) FROM pg_class), 'types', (SELECT count(*) FROM pg_type),
  'functions', (SELECT count(*) FROM pg_proc), 'extensions', (SELECT count(*) FROM pg_extension),
  'large objects', (SELECT jsonb_agg(oid::int8 ORDER BY oid::int8) FROM pg_largeobject_metadata),
  'roles', (SELECT md5(string_agg(a::text, '|' ORDER BY a.oid)) FROM pg_authid a),
  'memberships', (SELECT md5(string_agg(m::text, '|' ORDER BY m.roleid, m.member)) FROM pg_auth_members m),
  'role settings', (SELECT jsonb_agg(s::text) FROM pg_db_role_setting s),
  'databases', (SELECT jsonb_agg(datname ORDER BY datname) FROM pg_database),
  'advisory locks', (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),
  'notification queue', pg_notification_queue_usage(),
  'prepared transactions', (SELECT count(*) FROM pg_prepared_xacts),
  'replication slots', (SELECT count(*) FROM pg_replication_slots),
  'started', pg_postmaster_start_time(), 'configured', pg_conf_load_time(),
  'next xid', pg_snapshot_xmax(pg_current_snapshot())::text,
  'files', (SELECT jsonb_agg(f ORDER BY f) FROM (SELECT pg_ls_dir('.') UNION ALL SELECT 'snapshot '||pg_ls_dir('pg_snapshots')
             UNION ALL SELECT '/tmp '||t FROM pg_ls_dir('/tmp') t WHERE t IN ({markers})) AS found(f)))::text,
  pg_current_wal_insert_lsn()::text
""".replace("{markers}", ", ".join(f"'{name}'" for name in _MARKERS))


class ServerWatch:
    """What a superuser beside the caller sees of the server."""

    def __init__(self, dsn: str):
        self.connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=0)
        available = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_walinspect')"
        self.reads_log = MAJOR in WHOLE_MAJORS or self.connection.execute(available).fetchone()[0]
        if self.reads_log:
            self.connection.execute("CREATE EXTENSION IF NOT EXISTS pg_walinspect")
        # Data that an attack might send to listeners.
        for channel in ("jobs", "pwned"):
            self.connection.execute(f"LISTEN {channel}")

    def close(self) -> None:
        self.connection.close()

    def state(self) -> tuple[str, str]:
        document, position = self.connection.execute(_SERVER).fetchone()
        return json.loads(document), position

    def changes(self, before, after) -> list[str]:
        wrong = _differences("server", before[0], after[0])
        if before[1] != after[1]:
            wrong += self._records_since(before[1])
        wrong += [f"notification {n.channel} {n.payload}" for n in self.connection.notifies(timeout=0)]
        return wrong

    def _records_since(self, position: str) -> list[str]:
        if not self.reads_log:
            return []
        # Only flushed log can be read. A commit of our own that writes flushes it; its records are left out by its xid.
        with self.connection.transaction():
            self.connection.execute("SET LOCAL synchronous_commit = on")
            own, _ = self.connection.execute(
                "SELECT pg_current_xact_id()::xid::text, pg_logical_emit_message(true, 'flush', '')::text"
            ).fetchone()
        records = self.connection.execute(
            "SELECT resource_manager||'/'||record_type, xid::text FROM pg_get_wal_records_info(%s, pg_current_wal_flush_lsn())",
            [position],
        ).fetchall()
        kinds = sorted({kind for kind, xid in records if xid != own and not kind.startswith(_HOUSEKEEPING)})
        return [f"wrote to the write-ahead log: {', '.join(kinds)}"] if kinds else []

    def backend(self, pid: int, by_itself: bool = True) -> list[str]:
        """What the caller's backend holds while its transaction is still open, after the call."""
        locks = self.connection.execute(
            "SELECT locktype||' '||mode FROM pg_locks WHERE pid = %s AND NOT (locktype = 'relation' AND mode = 'AccessShareLock')"
            " AND locktype <> 'virtualxid' AND mode <> 'SIReadLock'",
            [pid],
        ).fetchall()
        wrong = [f"holds lock {lock}" for (lock,) in locks]
        xid = self.connection.execute(
            "SELECT backend_xid::text FROM pg_stat_activity WHERE pid = %s AND backend_xid IS NOT NULL", [pid]
        ).fetchone()
        if xid:
            wrong.append(f"was given transaction id {xid[0]}")
        if not by_itself:
            return wrong
        # dblink and its like would come back to the server as a session of their own.
        younger = self.connection.execute(
            "SELECT count(*) FROM pg_stat_activity a, pg_stat_activity caller WHERE caller.pid = %s"
            " AND a.backend_type = 'client backend' AND a.backend_start > caller.backend_start",
            [pid],
        ).fetchone()[0]
        return wrong + ([f"{younger} sessions were opened"] if younger else [])

    def wait_gone(self, pid: int) -> None:
        """A session drops its temporary objects as it ends; the next fingerprint must not see that happen."""
        for _ in range(600):
            if not self.connection.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone():
                return
            time.sleep(0.01)

    def tables(self) -> str:
        """A hash over every row of every ordinary table outside the system schemas, but for the one that keeps answered questions."""
        names = self.connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r','m') AND relnamespace NOT IN"
            " (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_' OR nspname = 'information_schema')"
            " AND oid IS DISTINCT FROM to_regclass('splitplane.answers') ORDER BY 1"
        ).fetchall()
        query = " UNION ALL ".join(
            f"SELECT {sql.Literal(name).as_string()}, count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} t"
            for (name,) in names
        )
        return self.connection.execute(query).fetchall()


def session_state(connection, seed_draw: bool) -> dict:
    """What the caller itself can see of its session. Qualified throughout: the session's search_path may be hostile."""
    settings = {_text(row[0]): _text(row[1]) for row in connection.execute("SHOW ALL").fetchall()}
    listed = ", ".join(f"pg_catalog.current_setting('{name}', true)" for name in _PLACEHOLDERS)
    row = connection.execute(f"SELECT current_user, session_user, {listed}").fetchone()
    state = {"setting " + name: value for name, value in settings.items()}
    state |= dict(zip(["current_user", "session_user", *_PLACEHOLDERS], map(_text, row)))
    for name, query in (
        ("prepared statements", "SELECT p.name FROM pg_catalog.pg_prepared_statements p"),
        ("cursors", "SELECT c.name FROM pg_catalog.pg_cursors c WHERE c.is_holdable"),
        ("channels", "SELECT pg_catalog.pg_listening_channels()"),
    ):
        state[name] = sorted(_text(found[0]) for found in connection.execute(query).fetchall())
    # The seed is fixed before the call; the first draw after it tells whether the call moved it.
    if seed_draw:
        draw = "SELECT pg_catalog.encode(pg_catalog.float8send(pg_catalog.random()), 'hex')"
        state["random"] = _text(connection.execute(draw).fetchone()[0])
    else:
        connection.execute("SELECT pg_catalog.setseed(0.25)")
    return state


def _text(value) -> str | None:
    # Under client_encoding SQL_ASCII the driver leaves text as bytes.
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def session_changes(before: dict, after: dict, first_draw: str) -> list[str]:
    expected = dict(before, random=first_draw)
    # The first use of a language in a session loads it, and its settings with it, at their defaults.
    loaded = {name: value for name, value in after.items() if name.startswith("setting plpgsql.") and name not in before}
    return _differences("session", expected | loaded, after)


def _differences(where: str, before: dict, after: dict) -> list[str]:
    return [
        f"{where}: {name} was {before.get(name)!r}, is {after.get(name)!r}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def peak_memory_kb(pid: int) -> int:
    """The most memory the backend ever had in use, in kB (0 where /proc does not tell)."""
    try:
        return memory_kb(pid, "VmHWM")
    except OSError:
        return 0


def set_aside_peak(pid: int) -> None:
    """Start the peak anew (needs the right to write the process's clear_refs; harmless without)."""
    try:
        with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as refs:
            refs.write("5")
    except OSError:
        pass


def is_alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")
