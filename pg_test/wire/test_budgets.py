"""Budgets over the wire: exactly the amount and never one more, whatever ends in between.

Each test has a database of its own; those that stop or kill a server have a server of their own.
"""

import contextlib
import os
import pathlib
import random
import re
import signal
import threading
import time

import psycopg
import pytest
from splitplane_test.cluster import Cluster
from splitplane_test.plane import numbered
from splitplane_test.session import wait_until

from pg_test.wire.harness import COUNT_SALES, SALES, Wire

CALLERS = 64
BUDGET_FILE = "splitplane.budgets"


def used(wire, measure="calls", tenant="brand-a"):
    """(used, reserved) of a budget."""
    found = wire.admin_rows("SELECT used, reserved FROM splitplane.budgets WHERE tenant = %s AND measure = %s", tenant, measure)
    return tuple(float(value) for value in found[0])


def attempt(session, wire, tenant="brand-a", sql=COUNT_SALES, **more):
    """'answered', or the SQLSTATE."""
    try:
        session.call(wire.sign(sql, tenant), sql, **more)
        return "answered"
    except psycopg.Error as error:
        return error.sqlstate


def set_budget(wire, tenant, measure, amount, period="1000 days"):
    wire.run("SELECT splitplane.set_budget(%s, %s, %s::numeric, %s)", tenant, measure, amount, period)


def callers(wire, each, count=CALLERS, tenant="brand-a"):
    """Outcomes of so many sessions at once, with `each` calls."""
    outcomes, ready = [], threading.Barrier(count)

    def run():
        with wire.session() as session:
            # What is slow at a first call is done before.
            attempt(session, wire, "brand-c")
            ready.wait(60)
            outcomes.extend([attempt(session, wire, tenant) for _ in range(each)])

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    return outcomes


@pytest.fixture(scope="module")
def many():
    """A server for 64 callers."""
    with Cluster(settings={"max_connections": str(CALLERS + 20), "splitplane.ledger_size": "262144"}) as running:
        yield running


@pytest.fixture
def wire(many):
    return Wire.build(many, numbered("budget"))


@pytest.mark.parametrize("amount", [1, 37, 150])
def test_sixty_four_callers_get_exactly_the_amount(wire, amount):
    set_budget(wire, "brand-a", "calls", amount)
    outcomes = callers(wire, 4)
    assert outcomes.count("answered") == amount
    assert outcomes.count("53400") == len(outcomes) - amount
    assert used(wire) == (amount, 0)
    wire.run("SELECT splitplane.clear_budget('brand-a', 'calls')")
    assert callers(wire, 4).count("answered") == 4 * CALLERS, "the control: without a budget all are answered"


def test_seconds_are_reserved_up_to_the_deadline_and_given_back(wire):
    """Reservations of 64 callers are never more than the budget; nothing stays reserved."""
    wire.set(**{"splitplane.deadline": "10s"})
    set_budget(wire, "brand-a", "run_seconds", 45)
    highest, done = [0.0], threading.Event()

    def watch():
        with wire.admin() as admin:
            while not done.is_set():
                row = admin.execute("SELECT used + reserved FROM splitplane.budgets WHERE tenant = 'brand-a'").fetchone()
                highest[0] = max(highest[0], float(row[0]))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    outcomes = callers(wire, 3, 16)
    done.set()
    watcher.join(10)
    assert set(outcomes) <= {"answered", "53400"} and "answered" in outcomes
    assert 10 <= highest[0] <= 45
    spent, reserved = used(wire, "run_seconds")
    assert reserved == 0 and 0 < spent < 45
    with wire.session() as session:
        assert attempt(session, wire) == "answered", "what was given back can be used"


def test_the_refusal_says_when_and_nothing_else(wire):
    set_budget(wire, "brand-a", "calls", 1)
    with wire.session() as session:
        assert attempt(session, wire) == "answered"
        context = wire.sign(COUNT_SALES)
        error = session.refused("53400", context, COUNT_SALES)
        assert re.fullmatch(r"the budget of calls is used up; try again in [\d,]+ seconds?", error.diag.message_primary)
        for function in ("ask_rows", "ask_dry_run"):
            with pytest.raises(psycopg.Error) as refused:
                session.call(wire.sign(COUNT_SALES), COUNT_SALES, function=function)
            assert refused.value.sqlstate in ("53400", "0A000")
        assert attempt(session, wire, "brand-b") == "answered", "another tenant's is another"
        # Layer 1 comes first, and uses nothing.
        session.refused("28000", context, COUNT_SALES)
        session.refused("28000", wire.sign(COUNT_SALES, key=(wire.key_id, "guessed")), COUNT_SALES)
    assert used(wire) == (1, 0)
    assert "budget, query_id" in wire.cluster.log_text(), "the log has the reason"


def test_what_layer_one_refuses_uses_nothing(wire):
    set_budget(wire, "*", "calls", 5)
    with wire.session() as session:
        for _ in range(20):
            session.refused("28000", wire.sign(COUNT_SALES, key=(wire.key_id, "guessed")), COUNT_SALES)
        assert used(wire) == (0, 0)
        for _ in range(5):
            assert attempt(session, wire) == "answered"
        assert attempt(session, wire) == "53400"


def test_a_rollback_gives_nothing_back(wire):
    set_budget(wire, "brand-a", "calls", 3)
    with wire.session(autocommit=False) as session:
        for _ in range(3):
            assert attempt(session, wire) == "answered"
            session.connection.rollback()
        assert attempt(session, wire) == "53400"
        session.connection.rollback()
    assert used(wire) == (3, 0)


def test_calls_that_fail_count_and_give_back_what_they_reserved(wire):
    set_budget(wire, "brand-a", "calls", 100)
    set_budget(wire, "brand-a", "run_seconds", 1000)
    with wire.session() as session:
        session.ask_refused("42P01", "SELECT * FROM vault")
        session.ask_refused("22012", "SELECT 1 / (amount - amount) FROM sales")
        assert session.call(wire.sign(COUNT_SALES), COUNT_SALES, function="ask_dry_run")
    assert used(wire) == (3, 0)
    spent, reserved = used(wire, "run_seconds")
    assert reserved == 0 and 0 < spent < 100


def test_changes_count_at_the_next_call_of_a_session_that_is_warm(wire):
    with wire.session() as session:
        assert attempt(session, wire) == "answered"
        set_budget(wire, "*", "calls", 2)
        assert [attempt(session, wire) for _ in range(3)] == ["answered", "answered", "53400"]
        set_budget(wire, "*", "calls", 3)
        assert [attempt(session, wire) for _ in range(2)] == ["answered", "53400"], "what is used goes on"
        set_budget(wire, "brand-a", "calls", 4)
        assert [attempt(session, wire) for _ in range(2)] == ["answered", "53400"], "its own goes before the default"
        assert attempt(session, wire, "brand-b") == "answered"
        set_budget(wire, "brand-a", "calls", 4, "999 days")
        assert attempt(session, wire) == "answered", "another period begins anew"
        set_budget(wire, "brand-a", "calls", 0)
        assert attempt(session, wire) == "53400"
        wire.run("SELECT splitplane.clear_budget('brand-a', 'calls')")
        wire.run("SELECT splitplane.clear_budget('*', 'calls')")
        assert [attempt(session, wire) for _ in range(9)] == ["answered"] * 9


def test_a_new_window_begins_anew(wire):
    """Windows of two seconds: in each exactly three, however often one asks."""
    set_budget(wire, "brand-a", "calls", 3, "2 seconds")
    answered, on_the_edge = {}, set()
    with wire.session() as session, wire.admin() as admin:
        attempt(session, wire, "brand-b")
        end = time.monotonic() + 7
        while time.monotonic() < end:
            before = admin.execute("SELECT floor(extract(epoch FROM clock_timestamp()) / 2)").fetchone()[0]
            outcome = attempt(session, wire)
            after = admin.execute("SELECT floor(extract(epoch FROM clock_timestamp()) / 2)").fetchone()[0]
            assert outcome in ("answered", "53400")
            if outcome == "answered" and before == after:
                answered[before] = answered.get(before, 0) + 1
            elif outcome == "answered":
                # Of one window or the next.
                on_the_edge.add(after)
    assert all(count <= 3 for count in answered.values()), answered
    assert sum(count + (window in on_the_edge) >= 3 for window, count in answered.items()) >= 2, (answered, on_the_edge)


def test_a_session_that_is_ended_gives_back_what_it_reserved(wire):
    wire.set(**{"splitplane.deadline": "60s"})
    set_budget(wire, "brand-a", "run_seconds", 1000)
    slow = "SELECT count(*) FROM sales a, sales b, sales c, sales d, sales e, sales f"
    for end in ("pg_terminate_backend", "pg_cancel_backend"):
        with wire.session() as session:
            thread = threading.Thread(target=attempt, args=(session, wire, "brand-a", slow), daemon=True)
            thread.start()
            wait_until(lambda: used(wire, "run_seconds")[1] == 60, 20, "it is reserved")
            time.sleep(0.3)
            wire.run(f"SELECT {end}(%s)", session.connection.info.backend_pid)
            thread.join(20)
        wait_until(lambda: used(wire, "run_seconds")[1] == 0, 20, "it is given back")
    assert 0.5 < used(wire, "run_seconds")[0] < 60


@contextlib.contextmanager
def server(**settings):
    """A server of the test's own, with a plane."""
    with Cluster(settings={"splitplane.ledger_size": "262144", **settings}) as running:
        yield Wire.build(running, numbered("budget"))


def under_load(wire, seconds, tenant="brand-a", count=4):
    """Calls by a few sessions until they are cut off; how many were answered, counted as each comes."""
    answered, stop = [0], threading.Event()
    lock = threading.Lock()

    def run():
        with contextlib.suppress(psycopg.Error), wire.session() as session:
            while not stop.is_set():
                session.call(wire.sign(COUNT_SALES, tenant), COUNT_SALES)
                with lock:
                    answered[0] += 1

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    return answered, stop, threads


@pytest.mark.parametrize("victim", ["backend", "postmaster"])
def test_a_crash_forgets_nothing_and_adds_at_most_a_hundredth(victim):
    amount, random_points = 10_000, random.Random(16)
    with server() as wire:
        set_budget(wire, "brand-a", "calls", amount)
        set_budget(wire, "brand-a", "run_seconds", 100_000)
        total = 0
        for _ in range(2):
            base = used(wire)[0]
            answered, stop, threads = under_load(wire, 0.5 + random_points.random())
            pid = int(wire.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1")[0])
            os.kill(pid if victim == "backend" else wire.cluster.pid, signal.SIGKILL)
            for thread in threads:
                thread.join(30)
            stop.set()
            if victim == "postmaster":
                wire.cluster.restart("immediate")
            wait_until(lambda: reachable(wire), 60, "the server is there again")
            after, reserved = used(wire)
            # A call that was cut off may have been counted.
            assert base + answered[0] <= after <= base + answered[0] + len(threads) + amount / 100, (base, answered[0], after)
            assert reserved == 0 and answered[0] > 5
            total += answered[0]
            time.sleep(1.1)
        assert used(wire)[0] >= total


def reachable(wire):
    try:
        return wire.run("SELECT NOT pg_is_in_recovery()")[0]
    except psycopg.Error:
        return False


def test_a_restart_goes_on_where_it_was():
    with server() as wire:
        set_budget(wire, "*", "calls", 5)
        with wire.session() as session:
            assert [attempt(session, wire) for _ in range(3)] == ["answered"] * 3
        wire.cluster.restart("fast")
        time.sleep(1.1)
        assert used(wire) == (3, 0)
        with wire.session() as session:
            assert [attempt(session, wire) for _ in range(3)] == ["answered", "answered", "53400"]


@pytest.mark.parametrize("damage", ["cut", "changed", "unreadable"])
def test_a_damaged_file_refuses_who_has_a_budget_until_it_is_moved_away(damage):
    with server() as wire:
        file = pathlib.Path(wire.run("SHOW data_directory")[0]) / BUDGET_FILE
        set_budget(wire, "brand-a", "calls", 5)
        with wire.session() as session:
            assert attempt(session, wire) == "answered"
        wire.cluster._halt("fast")
        text = file.read_text()
        assert oct(file.stat().st_mode & 0o777) == "0o600"
        if damage == "unreadable":
            file.unlink()
            file.mkdir()
        else:
            file.write_text(text[:-3] if damage == "cut" else text.replace("1", "0", 3))
        wire.cluster.restart("fast")
        time.sleep(1.1)
        with wire.session() as session:
            assert attempt(session, wire) == "55000"
            assert attempt(session, wire, "brand-b") == "answered", "who has none is answered"
            finding = wire.admin_rows("SELECT fix FROM splitplane.doctor() WHERE object = 'splitplane.budgets'")
            assert finding and "away" in finding[0][0]
            file.rename(file.with_suffix(".away"))
            assert [attempt(session, wire) for _ in range(6)] == ["answered"] * 5 + ["53400"]
        assert not wire.admin_rows("SELECT fix FROM splitplane.doctor() WHERE object = 'splitplane.budgets'")


def test_a_file_that_cannot_be_written_refuses():
    with server() as wire:
        temporary = pathlib.Path(wire.run("SHOW data_directory")[0]) / (BUDGET_FILE + ".tmp")
        set_budget(wire, "brand-a", "calls", 5)
        with wire.session() as session:
            assert attempt(session, wire) == "answered"
            temporary.mkdir()
            assert attempt(session, wire) == "55000"
            assert used(wire) == (1, 0), "what was refused is not used"
            temporary.rmdir()
            assert attempt(session, wire) == "answered"


def test_a_standby_counts_for_itself():
    with Cluster() as primary:
        wire = Wire.build(primary, "replicated")
        set_budget(wire, "brand-a", "calls", 3)
        with wire.session() as session:
            assert [attempt(session, wire) for _ in range(2)] == ["answered"] * 2
        with primary.standby() as standby:
            replica = Wire(standby, wire.database, wire.secret, wire.key_id)
            with replica.session() as session:
                assert [attempt(session, replica) for _ in range(4)] == ["answered"] * 3 + ["53400"]
            assert used(replica) == (3, 0) and used(wire) == (2, 0)
            set_budget(wire, "brand-a", "calls", 4)
            standby.catch_up()
            with replica.session() as session:
                assert [attempt(session, replica) for _ in range(2)] == ["answered", "53400"]


def test_no_slot_is_left():
    with server(**{"splitplane.budget_slots": "16"}) as wire:
        tenants = [f"tenant-{number}" for number in range(20)]
        wire.admit(*tenants)
        set_budget(wire, "*", "calls", 3)
        with wire.session() as session:
            outcomes = [attempt(session, wire, tenant) for tenant in tenants]
            assert outcomes == ["answered"] * 16 + ["53400"] * 4
            error = session.ask_refused("53400", COUNT_SALES, tenants[-1])
            assert "no further tenant" in error.diag.message_primary and "try again in" in error.diag.message_primary
            assert attempt(session, wire, tenants[0]) == "answered", "who has one goes on"
            set_budget(wire, "*", "calls", 3, "2 seconds")
            for tenant in tenants[:16]:
                attempt(session, wire, tenant)
            time.sleep(2.1)
            assert attempt(session, wire, tenants[-1]) == "answered", "a window that ended makes room"


def test_the_names_of_tenants_are_not_in_the_file(wire):
    set_budget(wire, "*", "calls", 3)
    with wire.session() as session:
        assert session.value(COUNT_SALES) == SALES["brand-a"]
    text = (pathlib.Path(wire.run("SHOW data_directory")[0]) / BUDGET_FILE).read_text()
    assert "brand" not in text and text.startswith("splitplane budgets 1 ")


def test_doctor_finds_a_budget_that_is_too_small(wire):
    def findings():
        return {row[0] for row in wire.admin_rows("SELECT object FROM splitplane.doctor() WHERE object LIKE 'budget of %'")}

    assert findings() == set()
    wire.set(**{"splitplane.deadline": "10s"})
    set_budget(wire, "brand-a", "run_seconds", 9)
    set_budget(wire, "*", "run_seconds", 10)
    set_budget(wire, "*", "calls", 0.5)
    with wire.session() as session:
        error = session.ask_refused("53400", COUNT_SALES)
        assert "administrator" in error.diag.message_primary
    assert findings() == {"budget of run_seconds of tenant brand-a", "budget of calls of tenant *"}
    said = wire.admin_rows("SELECT finding FROM splitplane.doctor() WHERE object = 'budget of calls of tenant *'")[0][0]
    assert said.startswith("It is smaller than what one call reserves") and said.endswith("calls that need it are refused (53400).")


def figures(wire):
    """What monitoring sees: the ratio by tenant, of calls."""
    return dict(wire.admin_rows("SELECT tenant, used_ratio FROM splitplane.stat_budgets WHERE measure = 'calls'"))


def test_figures_are_of_budgets_that_are_named_or_in_use(wire):
    set_budget(wire, "*", "calls", 4)
    set_budget(wire, "brand-b", "calls", 8)
    assert figures(wire) == {"brand-b": 0}
    listed = {row[0] for row in wire.admin_rows("SELECT tenant FROM splitplane.budgets WHERE measure = 'calls'")}
    assert listed >= {"*", *SALES}, "administrators see whoever has the default"
    with wire.session() as session:
        assert attempt(session, wire) == "answered"
        assert figures(wire) == {"brand-a": 0.25, "brand-b": 0}
        assert attempt(session, wire, "brand-b") == "answered"
        assert figures(wire) == {"brand-a": 0.25, "brand-b": 0.125}
        set_budget(wire, "*", "calls", 4, "999 days")
        assert figures(wire) == {"brand-b": 0.125}, "of a window that has just begun nothing is used"
        assert attempt(session, wire) == "answered"
    assert figures(wire) == {"brand-a": 0.25, "brand-b": 0.125}


def test_what_is_only_reserved_is_in_the_figures(wire):
    wire.set(**{"splitplane.deadline": "60s"})
    set_budget(wire, "*", "run_seconds", 100)
    ratio = "SELECT used_ratio FROM splitplane.stat_budgets WHERE (tenant, measure) = ('brand-a', 'run_seconds')"
    assert wire.admin_rows(ratio) == []
    slow = "SELECT count(*) FROM sales a, sales b, sales c, sales d, sales e, sales f"
    with wire.session() as session:
        thread = threading.Thread(target=attempt, args=(session, wire, "brand-a", slow), daemon=True)
        thread.start()
        wait_until(lambda: wire.admin_rows(ratio) == [(0.6,)], 20, "it is reserved")
        wire.run("SELECT pg_cancel_backend(%s)", session.connection.info.backend_pid)
        thread.join(20)
    wait_until(lambda: wire.admin_rows(ratio)[0][0] < 0.6, 20, "it is given back")


def test_a_tenant_that_was_shut_on_purpose_is_no_alarm(wire):
    set_budget(wire, "*", "calls", 0)
    set_budget(wire, "brand-a", "calls", 0)
    set_budget(wire, "brand-b", "calls", 2)
    with wire.session() as session:
        for tenant in ("brand-a", "brand-c"):
            assert attempt(session, wire, tenant) == "53400"
        assert attempt(session, wire, "brand-b") == "answered"
        assert figures(wire) == {"brand-a": 0, "brand-b": 0.5}
        set_budget(wire, "brand-b", "calls", 0)
        assert attempt(session, wire, "brand-b") == "53400"
    assert figures(wire) == {"brand-a": 0, "brand-b": 1}, "what was used before is more than nothing"


def test_the_view_shows_numbers_as_they_were_given(wire):
    set_budget(wire, "brand-a", "cost", "12.5")
    shown = wire.admin_rows("SELECT amount::text, period::text, used::text, reserved::text, resets_at > now() FROM splitplane.budgets")
    assert shown == [("12.5", "1000 days", "0", "0", True)]
