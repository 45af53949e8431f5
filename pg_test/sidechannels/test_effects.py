"""Channels through shared state: sequences, locks, notifications, settings, transaction ids, the log.

Each text is refused, and somebody else who watches the channel sees nothing of it. The control runs the same effect
outside of ask, as the same role, and the watcher sees it.
"""

import contextlib

import pytest

REFUSED = ("42501", "42P01", "42703", "0A000", "42601")
SEQUENCES = [
    "SELECT nextval('hidden_sequence')",
    "SELECT pg_catalog.nextval('public.hidden_sequence'::regclass)",
    "SELECT currval('hidden_sequence')",
    "SELECT lastval()",
    "SELECT setval('hidden_sequence', 1)",
    "SELECT last_value FROM hidden_sequence",
    "SELECT last_value FROM public.hidden_sequence",
    "SELECT last_value FROM pg_sequences",
    "SELECT pg_sequence_last_value('hidden_sequence')",
    "SELECT pg_sequence_parameters(1)",
    "SELECT pg_get_serial_sequence('sales', 'sale_id')",
    "SELECT * FROM generate_series(1, nextval('hidden_sequence'))",
    "SELECT CASE WHEN nextval('hidden_sequence') > 0 THEN 1 END",
]
LOCKS = [
    *(f"SELECT {name}(7)" for name in (
        "pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared", "pg_advisory_xact_lock",
        "pg_advisory_xact_lock_shared", "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared", "pg_advisory_unlock",
    )),
    "SELECT pg_try_advisory_lock(1, 2)",
    "SELECT pg_advisory_unlock_all()",
    "SELECT count(*) FROM sales WHERE pg_try_advisory_lock(amount)",
    "SELECT * FROM pg_locks",
    "SELECT * FROM sales FOR UPDATE",
    "SELECT * FROM sales FOR KEY SHARE SKIP LOCKED",
    "LOCK TABLE sales",
]  # fmt: skip
SIGNALS = [
    "LISTEN side",
    "UNLISTEN *",
    "NOTIFY side, 'x'",
    "SELECT pg_notify('side', 'x')",
    "SELECT pg_listening_channels()",
    "SELECT pg_notification_queue_usage()",
    "SELECT pg_cancel_backend(1)",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_log_backend_memory_contexts(1)",
    "SELECT pg_logical_emit_message(false, 'side', 'x')",
    "SELECT pg_export_snapshot()",
    "SELECT pg_current_xact_id()",
    "SELECT txid_current()",
    "SELECT pg_switch_wal()",
    "SELECT lo_create(0)",
    "SELECT set_config('application_name', 'side', false)",
    "SELECT set_config('work_mem', '1GB', true)",
    "SELECT setseed(0.5)",
    "SET application_name = 'side'",
    "SELECT pg_stat_reset()",
    "SELECT pg_stat_statements_reset()",
    "SELECT pg_reload_conf()",
    "SELECT pg_sleep(0)",
    "SELECT dblink('', 'SELECT 1')",
    "CREATE TEMP TABLE side (a int)",
    "DO $$ BEGIN PERFORM 1; END $$",
    "CALL hidden_procedure(1)",
    "COPY sales TO '/tmp/side'",
    "VACUUM sales",
    "CHECKPOINT",
    "BEGIN",
    "COMMIT",
    "SAVEPOINT s",
    "DISCARD ALL",
]


class Watcher:
    """A superuser's session that looks at every channel from outside."""

    def __init__(self, connection, pid: int):
        self.connection, self.pid = connection, pid
        connection.execute("LISTEN side")

    def heard(self) -> list[str]:
        return [note.payload for note in self.connection.notifies(timeout=0)]

    def look(self) -> dict:
        one = lambda sql: self.connection.execute(sql, (self.pid,) if "%s" in sql else None).fetchone()  # noqa: E731
        return {
            "sequence": one("SELECT last_value, is_called FROM hidden_sequence"),
            "locks": one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = %s"),
            "row locks": one("SELECT count(*) FROM pg_locks WHERE pid = %s AND mode NOT IN ('AccessShareLock', 'ExclusiveLock')"),
            "large objects": one("SELECT count(*) FROM pg_largeobject_metadata"),
            "name": one("SELECT application_name FROM pg_stat_activity WHERE pid = %s"),
            "temporary": one("SELECT count(*) FROM pg_class WHERE relpersistence = 't'"),
            "heard": self.heard(),
        }


@pytest.fixture(scope="module")
def watcher(wire, steady):
    with wire.admin() as admin:
        yield Watcher(admin, steady.pid)


@pytest.mark.parametrize("sql", SEQUENCES + LOCKS + SIGNALS)
def test_effect_is_refused_and_leaves_nothing(wire, steady, watcher, sql):
    """Looked at while the caller's transaction is still open, and after it was committed."""
    before, state, settings = watcher.look(), steady.state(), steady.execute("SHOW application_name").fetchone()
    with steady.connection.transaction():
        for function in ("ask", "ask_dry_run"):
            with contextlib.suppress(_Rollback), steady.connection.transaction():
                steady.refused(REFUSED, wire.sign(sql), sql, function=function)
                raise _Rollback
        assert watcher.look() == before
        assert steady.execute("SELECT pg_current_xact_id_if_assigned()").fetchone() == (None,)
    assert watcher.look() == before
    assert steady.state() == state and steady.execute("SHOW application_name").fetchone() == settings
    assert steady.value("SELECT 1") == 1


class _Rollback(Exception):
    """Rolls a savepoint back."""


def test_the_control_the_watcher_sees_each_effect(wire, steady, watcher):
    wire.run("GRANT USAGE ON SEQUENCE hidden_sequence TO app")
    try:
        before = watcher.look()
        steady.execute("SELECT nextval('hidden_sequence'), pg_advisory_lock(7), pg_notify('side', 'x'), lo_create(0)")
        steady.execute("CREATE TEMP TABLE side (a int)")
        steady.execute("SET application_name = 'side'")
        with steady.connection.transaction():
            steady.execute("LOCK TABLE letters IN SHARE UPDATE EXCLUSIVE MODE")
            after = watcher.look()
        assert [name for name in before if before[name] == after[name]] == []
        with steady.connection.transaction():
            steady.execute("SELECT pg_current_xact_id()")
            assert steady.execute("SELECT pg_current_xact_id_if_assigned()").fetchone() != (None,)
    finally:
        steady.execute("SELECT lo_unlink(oid), pg_advisory_unlock_all() FROM pg_largeobject_metadata")
        steady.execute("DROP TABLE IF EXISTS side; RESET application_name")
        wire.run("REVOKE USAGE ON SEQUENCE hidden_sequence FROM app")
        wire.run("SELECT setval('hidden_sequence', 4711, false)")


def test_two_tenants_cannot_meet_through_a_lock_of_the_caller(wire, session):
    """The caller's own advisory lock, sequence and channel are there before, during and after calls of two tenants."""
    session.execute("SELECT pg_advisory_lock(11)")
    session.execute("LISTEN side")
    for tenant in ("brand-a", "brand-b"):
        for sql in ("SELECT pg_advisory_unlock(11)", "SELECT pg_try_advisory_lock(11)", "SELECT pg_notify('side', 'x')", "UNLISTEN side"):
            session.ask_refused(REFUSED, sql, tenant)
    assert session.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()").fetchone() == (1,)
    assert session.execute("SELECT array_agg(c) FROM pg_listening_channels() c").fetchone() == (["side"],)
    assert list(session.connection.notifies(timeout=0.1)) == []
