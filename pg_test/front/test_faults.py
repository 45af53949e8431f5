"""Data servers that cannot be reached, connections that drop, and what callers are told of it: one sentence, and no name."""

import threading
import time

import pytest
from splitplane_test.session import wait_until

from pg_test.front.servers import PASSWORD

COUNT = "SELECT count(*) FROM orders"
UNREACHABLE = "the data server cannot be reached; the server log has the details"


def unreachable(session, sql: str = COUNT) -> None:
    error = session.ask_refused("08006", sql)
    assert error.diag.message_primary == UNREACHABLE, error.diag.message_primary


@pytest.fixture
def server(servers):
    return servers["one"]


def test_a_dropped_connection_is_opened_anew(front, server):
    with front.session() as session:
        assert session.value(COUNT) == 100
        server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'splitplane_front'")
        assert session.value(COUNT) == 100


def test_a_connection_that_drops_in_a_call(front, server):
    with front.session() as session:
        long = "SELECT count(*) FROM orders a, orders b, orders c, orders d WHERE a.total + b.total + c.total + d.total < 0"
        told: list[object] = []

        def ask() -> None:
            try:
                told.append(session.ask(long))
            except Exception as error:
                told.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        running = "FROM pg_stat_activity WHERE usename = 'splitplane_front' AND state = 'active'"
        wait_until(
            lambda: server.run(f"SELECT count(*) {running} AND query LIKE 'FETCH%'") == "1", 10, "the statement there"
        )
        time.sleep(0.3)
        server.run(f"SELECT pg_terminate_backend(pid) {running}")
        asking.join()
        assert getattr(told[0], "sqlstate", told[0]) == "08006" and UNREACHABLE in str(told[0])
        assert session.value(COUNT) == 100


def test_a_deadline_ends_the_statement_there(front, server):
    front.set(splitplane__deadline="1500ms")
    try:
        with front.session() as session:
            began = time.monotonic()
            session.ask_refused(
                "57014",
                "SELECT count(*) FROM orders a, orders b, orders c, orders d WHERE a.total + b.total + c.total + d.total < 0",
            )
            assert time.monotonic() - began < 5
            wait_until(
                lambda: (
                    server.run(
                        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'splitplane_front' AND state = 'active'"
                    )
                    == "0"
                ),
                5,
                "nothing runs there any more",
            )
            assert session.value(COUNT) == 100
    finally:
        front.run('ALTER DATABASE "front" RESET splitplane.deadline')


def test_a_server_that_is_down(front, server):
    with front.session() as session:
        assert session.value(COUNT) == 100
        server._halt("fast")
        try:
            unreachable(session)
            with front.session() as fresh:
                unreachable(fresh)
                # Tenants of other servers are answered.
                assert fresh.value(COUNT, "3") == 100
            assert any(
                "cannot be reached" in finding or "could not connect" in finding
                for (finding,) in front.admin_rows("SELECT finding FROM splitplane.doctor()")
            )
        finally:
            server._launch()
        assert session.value(COUNT) == 100


@pytest.mark.parametrize(
    ("change", "back"),
    [
        (
            "ALTER USER MAPPING FOR splitplane_reader SERVER one OPTIONS (SET password 'x')",
            f"ALTER USER MAPPING FOR splitplane_reader SERVER one OPTIONS (SET password '{PASSWORD}')",
        ),
        (
            "ALTER USER MAPPING FOR splitplane_reader SERVER one OPTIONS (DROP password)",
            f"ALTER USER MAPPING FOR splitplane_reader SERVER one OPTIONS (ADD password '{PASSWORD}')",
        ),
        (
            "DROP USER MAPPING FOR splitplane_reader SERVER one",
            f"CREATE USER MAPPING FOR splitplane_reader SERVER one OPTIONS (user 'splitplane_front', password '{PASSWORD}')",
        ),
        ("ALTER SERVER one OPTIONS (SET host 'other')", "ALTER SERVER one OPTIONS (SET host 'localhost')"),
        ("ALTER SERVER one OPTIONS (SET dbname 'nowhere')", "ALTER SERVER one OPTIONS (SET dbname 'shop')"),
    ],
)
def test_what_keeps_the_front_from_logging_in(front, change, back):
    """A wrong password and none, no mapping, a name that the certificate does not have, a database that is not there."""
    with front.session() as session:
        front.run(change)
        try:
            unreachable(session)
        finally:
            front.run(back)
        assert session.value(COUNT) == 100


def test_a_server_whose_options_do_not_send_the_claim_is_not_asked(front):
    """Without the option the call would be made here, where the function only raises an error."""
    with front.session() as session:
        front.run("ALTER SERVER one OPTIONS (DROP extensions)")
        try:
            session.ask_refused("55000", COUNT)
        finally:
            front.run("ALTER SERVER one OPTIONS (ADD extensions 'splitplane_remote')")
        assert session.value(COUNT) == 100


def test_errors_over_the_callers_own_rows_are_said_as_at_home(front):
    with front.session() as session:
        error = session.ask_refused("22012", "SELECT total / (total - 7) FROM orders")
        assert error.diag.message_primary == "division by zero"
        error = session.ask_refused("22003", "SELECT count(*) FROM orders WHERE total * 2000000000 > 0")
        assert "one" not in str(error) and "public." not in str(error)


def test_the_log_names_the_server_and_the_caller_is_told_nothing(front, cluster):
    with front.session() as session:
        front.run("ALTER SERVER one OPTIONS (SET dbname 'nowhere')")
        try:
            before = len(cluster.log_text())
            unreachable(session)
            assert 'could not connect to server "one"' in cluster.log_text()[before:]
        finally:
            front.run("ALTER SERVER one OPTIONS (SET dbname 'shop')")
