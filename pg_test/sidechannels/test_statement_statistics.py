"""splitplane.track_statements: what pg_stat_statements keeps of the confined statement, in either setting, also when it is reset or
has no entry while the statement runs: then it stores the text that the statement comes with as it is.
"""

import re
import threading
import time
from contextlib import contextmanager

import pytest
from planes import copied
from splitplane_test.cluster import MAJOR
from splitplane_test.plane import numbered
from splitplane_test.session import wait_until

from pg_test.wire.harness import COUNT_SALES, SALES

OURS = re.compile(r'^/\* splitplane \*/ SELECT over [a-z_]+(?:, [a-z_]+)* \(fingerprint [0-9a-f]{16}\)$')
# Everything of a text that its writer chooses, with a mark in it. The number is one that no row has.
MARK = re.compile("canary|918273", re.IGNORECASE)
TEXTS = {
    "literal": "SELECT count(*) FROM sales WHERE note <> 'CANARY-literal'",
    "dollar quotes": "SELECT count(*) FROM sales WHERE note <> $CANARY$CANARY-dollar$CANARY$",
    "number": "SELECT count(*) FROM sales WHERE amount <> 918273645",
    "limit": "SELECT count(*) FROM (SELECT 1 FROM sales LIMIT 918273) AS t",
    "comment in front": "/* CANARY-front */ SELECT count(*) FROM sales",
    "comment within": "SELECT /* CANARY-within */ count(*) FROM sales",
    "comment behind": "SELECT count(*) FROM sales -- CANARY-behind",
    "alias of a column": "SELECT count(*) AS canary_column FROM sales",
    "alias of a table": "SELECT count(canary_table.amount) FROM sales AS canary_table",
    "quoted alias": 'SELECT count("CANARY table".amount) AS "CANARY ""column""" FROM sales AS "CANARY table"',
    "common table expression": 'WITH "CANARY cte" AS (SELECT amount AS "CANARY amount" FROM sales) SELECT count("CANARY amount") FROM "CANARY cte"',
    "window": 'SELECT DISTINCT count(*) OVER "CANARY window" FROM sales WINDOW "CANARY window" AS (PARTITION BY 1)',
    "list of columns": "SELECT count(t.canary_one) FROM (SELECT amount, note FROM sales) AS t(canary_one, canary_two)",
}
SLOW = "SELECT count(*) FROM sales AS canary_sales, generate_series(1, 300000) AS canary_series WHERE note <> 'CANARY-literal' /* CANARY-comment */"


@pytest.fixture(scope="module")
def statistics(wire):
    wire.run("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    wire.run("GRANT EXECUTE ON FUNCTION pg_stat_statements_reset TO PUBLIC")
    return wire


def role(wire, setting: str, track: str = "all", **more: str) -> str:
    settings = {"pg_stat_statements__track": track, "pg_stat_statements__track_planning": "on", "splitplane__deadline": "60s", **more}
    return wire.role(splitplane__track_statements=setting, **settings)


def reset(wire) -> None:
    wire.run("SELECT pg_stat_statements_reset()")


def of_reader(wire) -> list[tuple]:
    """(text, calls, plans, rows, whether it took time) of the reader's entries."""
    return wire.admin_rows(
        "SELECT query, calls, plans, rows, total_exec_time > 0 AND total_plan_time > 0 FROM pg_stat_statements"
        " WHERE userid = 'splitplane_reader'::regrole ORDER BY query"
    )


def all_texts(wire) -> str:
    return "\n".join(text for (text,) in wire.admin_rows("SELECT query FROM pg_stat_statements WHERE query NOT LIKE %s", "%pg_stat_statements%"))


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("setting", ["off", "on"])
def test_nothing_of_a_text_is_kept(statistics, setting, text):
    wire = statistics
    with wire.session(user=role(wire, setting)) as session:
        session.value(COUNT_SALES)
        reset(wire)
        assert session.value(TEXTS[text]) == SALES["brand-a"]
        kept, everything = of_reader(wire), all_texts(wire)
    assert not MARK.search(everything), everything
    if setting == "off":
        assert kept == []
    else:
        assert len(kept) == 1 and OURS.match(kept[0][0]) and kept[0][1:] == (1, 1, 1, True), kept
        assert "over sales (" in kept[0][0]


@contextmanager
def resets(wire):
    """The module is read and reset all the time, so that no entry is there for long. Gives the texts that were read."""
    ended, seen = threading.Event(), []
    reset(wire)

    def run():
        with wire.admin() as admin:
            while not ended.is_set():
                texts = admin.execute("SELECT query FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'").fetchall()
                seen.append(" ".join(text for (text,) in texts))
                admin.execute("SELECT pg_stat_statements_reset()")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join(20)


def reset_while(wire, session, call):
    """Reset once, in the middle of the call."""
    done = []
    thread = threading.Thread(target=lambda: done.append(call()))
    thread.start()
    active = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
    wait_until(lambda: wire.run(active, session.pid), 10, "the call runs")
    time.sleep(0.3)
    assert not done, "the control: the call is still running"
    reset(wire)
    thread.join(60)
    return done[0]


@pytest.mark.parametrize("setting", ["off", "on"])
def test_a_reset_in_between_brings_no_text_to_light(statistics, setting):
    wire = statistics
    with wire.session(user=role(wire, setting)) as session:
        session.value(COUNT_SALES)
        reset(wire)
        assert reset_while(wire, session, lambda: session.value(SLOW)) == SALES["brand-a"] * 300_000
        kept, everything = of_reader(wire), all_texts(wire)
    assert not MARK.search(everything), everything
    if setting == "on":
        assert [(bool(OURS.match(text)), calls) for text, calls, *_ in kept] == [(True, 1)], kept
    else:
        assert kept == []


def test_the_control_the_module_keeps_such_a_text_as_it_is(statistics):
    """The same statement by hand, with the same reset: literal, alias and comment are there for who may read texts."""
    wire = statistics
    with wire.session(user="postgres") as session:
        reset(wire)
        reset_while(wire, session, lambda: session.execute(SLOW, None).fetchone())
        everything = all_texts(wire)
    assert "'CANARY-literal'" in everything and "canary_series" in everything and "CANARY-comment" in everything, everything


@pytest.mark.parametrize("setting", ["off", "on"])
def test_resets_all_the_time(statistics, setting):
    wire = statistics
    with wire.session(user=role(wire, setting)) as session, resets(wire) as seen:
        for text in TEXTS.values():
            for tenant in SALES:
                assert session.value(text, tenant) == SALES[tenant]
    everything = "\n".join(seen)
    assert len(seen) > 50 and ("/* splitplane */" in everything) == (setting == "on"), "the control: it is read in between"
    assert not MARK.search(everything), everything


def test_statements_are_counted_by_their_shape(statistics):
    """Whatever the values, names and tenants; and another statement is another one."""
    wire = statistics
    with wire.session(user=role(wire, "on")) as session:
        reset(wire)
        for tenant in SALES:
            for value, alias in (("x", "s"), ("CANARY-y", '"CANARY alias"')):
                session.value(f"SELECT count({alias}.amount) FROM sales AS {alias} WHERE note <> '{value}'", tenant)
        session.value("SELECT sum(s.amount) FROM sales AS s WHERE note <> 'x'")
        session.ask("SELECT s.note FROM sales s JOIN shops USING (store_id) LIMIT 7")
        session.value("SELECT 1")
        kept = of_reader(wire)
    assert all(OURS.match(text) for text, *_ in kept), kept
    assert sorted((text.partition(" (")[0].removeprefix("/* splitplane */ SELECT over "), calls, rows) for text, calls, _, rows, _ in kept) == [
        ("nothing", 1, 1),
        ("sales", 1, 1),
        ("sales", 6, 6),
        ("sales, shops", 1, 7),
    ]


@pytest.mark.parametrize(("track", "is_counted"), [("top", True), ("all", True), ("none", False)])
def test_the_module_need_not_count_nested_statements(statistics, track, is_counted):
    """Calls are counted by the default of pg_stat_statements.track, and not where an administrator wants none; dry runs never."""
    wire = statistics
    with wire.session(user=role(wire, "on", track)) as session:
        session.value(COUNT_SALES)
        reset(wire)
        session.call(wire.sign(COUNT_SALES), COUNT_SALES, function="ask_dry_run")
        assert [row for row in of_reader(wire) if row[1] > 0] == []
        reset(wire)
        session.value(COUNT_SALES)
        assert [calls for _, calls, *_ in of_reader(wire)] == ([1] if is_counted else [])
        assert session.execute("SHOW pg_stat_statements.track").fetchone() == (track,)


def test_dry_runs_of_administrators_are_not_counted(statistics):
    wire = statistics
    administrator = role(wire, "on", "all")
    wire.run(f"GRANT splitplane_admin TO {administrator}")
    with wire.session(user=administrator) as session:
        reset(wire)
        assert session.call(wire.sign(COUNT_SALES), COUNT_SALES, function="ask_dry_run")["plan"]
        assert [row for row in of_reader(wire) if row[1] > 0] == []


def test_who_reads_the_texts(statistics, stranger):
    """Other roles see that somebody's statement was counted and no text; members of pg_read_all_stats see ours."""
    wire = statistics
    caller, watcher = role(wire, "on"), wire.role()
    wire.run(f"GRANT pg_monitor TO {watcher}")
    with wire.session(user=caller) as session, wire.session(user=stranger) as other, wire.session(user=watcher) as monitor:
        reset(wire)
        session.value(TEXTS["literal"])
        query = "SELECT query, queryid IS NULL FROM pg_stat_statements WHERE userid = 'splitplane_reader'::regrole"
        for role_without in (session, other):
            assert role_without.execute(query).fetchall() == [("<insufficient privilege>", True)]
        ((text, is_hidden),) = monitor.execute(query).fetchall()
        assert OURS.match(text) and not is_hidden


def test_only_a_superuser_switches_it(statistics, session):
    with pytest.raises(Exception, match="permission denied to set parameter"):
        session.execute("SET splitplane.track_statements = on")
    assert session.execute("SHOW splitplane.track_statements").fetchone() == ("off",)


@pytest.mark.parametrize("setting", ["off", "on"])
def test_plans_in_the_server_log_come_with_the_same_text(statistics, setting):
    """With it on, auto_explain has our text in the place of the query."""
    wire = statistics
    plans = {"auto_explain__log_min_duration": "0", "auto_explain__log_nested_statements": "on"}
    if int(MAJOR) >= 16:
        # The call's own statement has the text in its parameters.
        plans["auto_explain__log_parameter_max_length"] = "0"
    with wire.session(user=role(wire, setting, **plans)) as session:
        session.value(COUNT_SALES)
        since = len(wire.cluster.log_text())
        session.value(TEXTS["comment within"])
        log = wire.cluster.log_text()[since:]
    assert "Query Text: WITH" in log or "Query Text: /* splitplane */" in log, log
    assert ("Query Text: /* splitplane */ SELECT over sales (" in log) == (setting == "on")
    assert ("CANARY-within" in log) == (setting == "off"), log


@pytest.mark.parametrize("setting", ["off", "on"])
def test_parallel_workers_show_the_same_text(pristine, setting):
    wire = copied(pristine, numbered("workers"))
    for name in ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"):
        wire.run(f"ALTER DATABASE {wire.database} SET {name} = 0")
    wire.run("CREATE TABLE wide AS SELECT 'brand-' || chr(97 + n % 3) AS tenant_id, repeat(md5(n::text), 3) AS note FROM generate_series(1, 60000) n")
    wire.run("ALTER TABLE wide ALTER tenant_id SET NOT NULL; ANALYZE wide")
    wire.run("SELECT splitplane.protect('wide', '{\"tenant_id\": \"tenant\"}')")
    sql = "SELECT count(*) FROM wide AS canary_wide WHERE repeat(md5(note), 4000) LIKE '%CANARY%'"
    workers = "SELECT query FROM pg_stat_activity WHERE leader_pid = %s AND query <> ''"
    with wire.session(user=role(wire, setting)) as session:
        thread = threading.Thread(target=lambda: session.call(wire.sign(sql), sql))
        thread.start()
        seen = wait_until(lambda: wire.admin_rows(workers, session.pid), 20, "workers run")
        thread.join(60)
    text = " ".join(query for (query,) in seen)
    if setting == "on":
        assert "/* splitplane */ SELECT over wide (" in text and not MARK.search(text), text
    else:
        assert MARK.search(text), text
