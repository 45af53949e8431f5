"""Resources run out in the middle of calls: memory by our cap and by the kernel, disk for temporary files and for the ledger.

Each time the call is refused, the session and the claims are right, and the next call is answered.
"""

import contextlib
import datetime
import json
import os
import subprocess
from pathlib import Path

import psycopg
import pytest
from sound import ledger_is_right, outcome, server_is_sound, session_is_sound
from splitplane_test.session import Session, memory_kb, wait_until

from pg_test.wire.harness import COUNT_SALES, SALES, unclaimed

MEGABYTE = 1024 * 1024
SORT = "SELECT count(DISTINCT md5(g::text)) FROM generate_series(1, 400000) AS g"
HUNGRY = {
    "aggregate": "SELECT length(string_agg(repeat(note, 500), '')) FROM sales, generate_series(1, 100)",
    "arrays": "SELECT cardinality(array_agg(g)) FROM generate_series(1, 4000000) AS g",
}
REFUSED = ("53400", "53200", "54000", "57014")


@pytest.mark.parametrize("shape", HUNGRY)
def test_memory_cap_leaves_session_claims_and_ledger_right(wire, shape):
    """The cap of the call. How far the peak may go is the wire tests' matter (test_caps.py); this is about afterwards."""
    with wire.admin() as admin:
        session = Session(wire, admin)
        session.execute("SET splitplane.max_memory = '16MB'; SET splitplane.deadline = '20s'")
        before = session.state()
        for tenant in SALES:
            context = wire.sign(HUNGRY[shape], tenant)
            assert outcome(session, context, HUNGRY[shape]) in REFUSED
            unclaimed(admin)
            assert session.state() == before
            assert outcome(session, context, HUNGRY[shape]) == "28000"
        session_is_sound(session, before)


def address_space(pid: int) -> int:
    return 1024 * memory_kb(pid, "VmSize")


def limit(wire, pid: int, size: int | None) -> None:
    """Set the soft limit on the address space of a backend: beyond it the kernel answers ENOMEM, as it does without overcommit."""
    wanted = "unlimited" if size is None else str(size)
    command = ["prlimit", "--pid", str(pid), f"--as={wanted}:"]
    # The kernel wants the caller to have all the ids of the process.
    done = subprocess.run(command, capture_output=True, text=True, **wire.cluster._credentials())
    if done.returncode != 0:
        pytest.skip(f"no limit can be set here: {done.stderr.strip()}")


@pytest.mark.parametrize("room", [0.25, 1, 3])
def test_enomem_from_the_kernel_in_the_servers_own_allocations(wire, room):
    """malloc fails in the middle of a sort: a refusal, no DETAIL with names of memory contexts, and the session lives."""
    with wire.admin() as admin:
        session = Session(wire, admin)
        session.value(COUNT_SALES)
        before = session.state()
        session.execute("SET splitplane.deadline = '30s'")
        for tenant in SALES:
            context = wire.sign(SORT, tenant)
            limit(wire, session.pid, address_space(session.pid) + int(room * MEGABYTE))
            try:
                error = None
                try:
                    session.call(context, SORT)
                except psycopg.Error as refused:
                    error = refused
            finally:
                limit(wire, session.pid, None)
            assert error is not None and error.sqlstate in ("53400", "53200"), f"the control: memory ran out, {error}"
            if error.sqlstate == "53400":
                assert not error.diag.message_detail and not error.diag.context
            unclaimed(admin)
            assert session.state() == before
            ledger_is_right(session, context, error.sqlstate, SORT)
        session_is_sound(session, before)


def test_enomem_from_the_kernel_in_our_own_allocations(wire):
    """An answer near the cap of one megabyte is gathered in Rust's memory. The kernel's ENOMEM there is a refusal, too."""
    wide = "SELECT repeat('x', 1000) FROM generate_series(1, 900)"
    ends = []
    with wire.session() as session:
        assert outcome(session, wire.sign(wide), wide) == "answered", "the control: with memory there is an answer"
    for function in ("ask", "ask_rows"):
        for room in range(0, 4096, 128):
            with contextlib.suppress(psycopg.OperationalError), wire.session() as session:
                session.value(COUNT_SALES)
                limit(wire, session.pid, address_space(session.pid) + room * 1024)
                context = wire.sign(wide)
                try:
                    if function == "ask":
                        session.call(context, wide)
                    else:
                        session.execute("SELECT * FROM ask_rows(%s, sql => %s) AS t(wide text)", (json.dumps(context), wide))
                    ends.append("answered")
                except psycopg.Error as error:
                    ends.append(error.sqlstate or "lost")
                limit(wire, session.pid, None)
                assert session.value(COUNT_SALES) == SALES["brand-a"]
    assert set(ends) <= {"answered", "53400", "53200"} and "53400" in ends, f"{ends}"
    server_is_sound(wire)


# As deep as PostgreSQL's own limit on the stack lets it be read, and a little deeper.
DEEP = "SELECT repeat('[', 20000)::json"
# Less than the two megabytes that PostgreSQL lets its stack grow to, more than the statement needs otherwise.
ROOM_KB = 1536


def test_no_room_for_the_stack_is_a_refusal(wire):
    """The kernel ends a process whose stack cannot grow. Ours is mapped in full before untrusted SQL runs."""
    with wire.session() as bystander:
        for warm in (True, False):
            with wire.session() as session:
                if warm:
                    session.value(COUNT_SALES)
                limit(wire, session.pid, address_space(session.pid) + 1024 * ROOM_KB)
                error = refused(session, DEEP)
                # A backend that has never answered finds no room for the stack, or for its caches, before anything runs.
                assert error in (("54001",) if warm else ("53400", "53200")), error
                limit(wire, session.pid, None)
                assert refused(session, DEEP) == "54001"
                assert session.value(COUNT_SALES) == SALES["brand-a"]
        with wire.admin() as admin:
            pid = admin.info.backend_pid
            before = memory_kb(pid, "VmStk")
            with pytest.raises(psycopg.errors.StatementTooComplex):
                admin.execute(DEEP)
            grown = memory_kb(pid, "VmStk") - before
            assert grown > ROOM_KB, f"the control: without a limit and outside of ask the stack grows by {grown} kB, which is more than there was room for"
        assert bystander.value(COUNT_SALES) == SALES["brand-a"]
    server_is_sound(wire)


def refused(session, sql: str) -> str:
    with pytest.raises(psycopg.Error) as ended:
        session.call(session.plane.sign(sql), sql)
    return ended.value.sqlstate


@contextlib.contextmanager
def small_disk(wire, size: str):
    """A disk of that size under the folder of temporary files; skipped where nothing may be mounted."""
    folder = Path(wire.cluster.data_dir) / "base" / "pgsql_tmp"
    account = wire.cluster._account
    if account is None:
        pytest.skip("only root can mount a small disk: the cap on temporary files stands for it")
    folder.mkdir(exist_ok=True)
    options = f"size={size},mode=0700,uid={account.pw_uid},gid={account.pw_gid}"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


SPILLS = "SELECT count(*) FROM (SELECT DISTINCT md5(g::text), g FROM generate_series(1, 200000) AS g) AS t"


def spilling(wire) -> str:
    return wire.role(work_mem="64kB", splitplane__deadline="20s")


def test_full_disk_under_temporary_files(wire):
    """No space left on device: the call ends, its files are gone, and what needs no disk is answered at once."""
    with small_disk(wire, "1m") as folder, wire.session(user=spilling(wire)) as session:
        before = session.state()
        for tenant in SALES:
            context = wire.sign(SPILLS, tenant)
            end = outcome(session, context, SPILLS)
            assert end == "53400", f"the control: the disk was full, {end}"
            assert list(folder.iterdir()) == []
            assert session.state() == before
            assert outcome(session, context, SPILLS) == "28000"
        session_is_sound(session, before)
    server_is_sound(wire)


def test_full_disk_names_no_file(wire):
    with small_disk(wire, "1m"), wire.session(user=spilling(wire)) as session:
        error = session.refused("53400", wire.sign(SPILLS), SPILLS)
        assert "pgsql_tmp" not in str(error) and str(session.pid) not in str(error)


def test_cap_on_temporary_files(wire):
    role = wire.role(work_mem="64kB", splitplane__max_temp_files="512kB")
    with wire.session(user=role) as session:
        before = session.state()
        for tenant in SALES:
            context = wire.sign(SPILLS, tenant)
            assert outcome(session, context, SPILLS) == "53400"
            assert session.state() == before
            assert outcome(session, context, SPILLS) == "28000"
        session_is_sound(session, before)
    server_is_sound(wire)


def test_ledger_that_cannot_be_kept_refuses_what_it_would_have_to_keep(wire):
    """The horizon on disk cannot be written (its file's place is taken): contexts of a clock ahead are refused, others answered."""
    blocked = Path(wire.cluster.data_dir) / "splitplane.horizon.tmp"
    ahead = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=200)
    blocked.mkdir()
    try:
        with wire.session() as session:
            context = wire.sign(COUNT_SALES, when=ahead)
            assert outcome(session, context) == "28000"
            assert session.value(COUNT_SALES) == SALES["brand-a"], "contexts that need no keeping are answered"
            blocked.rmdir()
            assert outcome(session, context) == "answered", "the control: it was not used, and now it can be kept"
            assert outcome(session, context) == "28000"
    finally:
        if blocked.exists():
            blocked.rmdir()
    server_is_sound(wire)


def test_all_connections_taken(wire):
    """More clients than slots: the rest are turned away by the server, and those inside are answered."""
    inside: list[psycopg.Connection] = []
    try:
        with pytest.raises(psycopg.OperationalError):
            for _ in range(70):
                inside.append(psycopg.connect(wire.cluster.dsn(wire.database, "app"), autocommit=True))
        assert len(inside) > 40, "the control"
        for number, connection in enumerate(inside[::4]):
            tenant = list(SALES)[number % 3]
            assert Session(wire, connection).value(COUNT_SALES, tenant) == SALES[tenant]
    finally:
        for connection in inside:
            connection.close()
    wait_until(lambda: wire.run("SELECT count(*) < 5 FROM pg_stat_activity WHERE usename = 'app'") == (True,), 10, "the slots are free")
    server_is_sound(wire)


def test_descriptors_of_the_server_are_not_used_up(wire):
    """Hundreds of calls, some of them spilling and failing: the backend's open files stay."""
    with wire.session(user=spilling(wire)) as session:
        session.value(SPILLS.replace("200000", "20000"))
        count = lambda: len(os.listdir(f"/proc/{session.pid}/fd"))  # noqa: E731
        before = count()
        for turn in range(300):
            tenant = list(SALES)[turn % 3]
            if turn % 10 == 0:
                session.value(SPILLS.replace("200000", "5000"), tenant)
            session.ask_refused("22012", "SELECT 1 / (amount - amount) FROM sales", tenant)
            assert session.value(COUNT_SALES, tenant) == SALES[tenant]
        assert count() <= before + 2
