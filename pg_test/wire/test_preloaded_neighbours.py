"""pg_stat_statements, auto_explain, pgaudit and pg_qualstats beside splitplane, preloaded before it and behind it.

What they keep of a call is read by every kind of role: nothing of one tenant's values may become readable to a role that could not
read it before. Each test has its control: of the same statement by hand it is there.
"""

from __future__ import annotations

import contextlib
import json

import psycopg
import pytest
from splitplane_test.cluster import MAJOR, WHOLE_MAJORS, Cluster, private_tree
from splitplane_test.session import canaries, wait_until

from pg_test.wire.harness import SALES, Wire

NEIGHBOURS = ("pg_stat_statements", "auto_explain", "pgaudit", "pg_qualstats")
LIBRARIES = private_tree() / f"usr/lib/postgresql/{MAJOR}/lib"
MISSING = [name for name in NEIGHBOURS if not (LIBRARIES / f"{name}.so").exists()]
# All that they can be told to keep and to log.
SETTINGS = {
    "max_connections": "60",
    "pg_stat_statements.track": "all",
    "pg_stat_statements.track_planning": "on",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_verbose": "on",
    "auto_explain.log_buffers": "on",
    "pgaudit.log": "all",
    "pgaudit.log_parameter": "on",
    "pgaudit.log_relation": "on",
    # Until the plane is made: what it keeps of texts is not forgotten at a reset.
    "pg_qualstats.enabled": "off",
    "pg_qualstats.track_constants": "on",
    "pg_qualstats.sample_rate": "1",
    "pg_qualstats.resolve_oids": "off",
}
if int(MAJOR) >= 16:
    SETTINGS["auto_explain.log_parameter_max_length"] = "-1"
ORDERS = {"before": (*NEIGHBOURS, "splitplane"), "behind": ("splitplane", *reversed(NEIGHBOURS))}
# A value in the text, one of a row, and the tenant's id, each of which pg_qualstats would keep.
MARKED = "SELECT count(*) FROM sales WHERE note <> 'CANARY-literal' AND note LIKE 'CANARY-%' AND amount <> 918273"
BY_HAND = "SELECT count(*) FROM sales WHERE tenant_id = 'brand-c' AND note <> 'by hand 4711'"
VIEWS = (
    "SELECT * FROM pg_stat_statements",
    "SELECT * FROM pg_stat_activity",
    "SELECT * FROM pg_qualstats",
    "SELECT * FROM pg_qualstats_all",
    "SELECT * FROM pg_qualstats_pretty",
    "SELECT * FROM pg_qualstats_by_query",
    "SELECT * FROM pg_qualstats()",
    "SELECT * FROM pg_qualstats_names()",
    "SELECT * FROM pg_qualstats_example_queries()",
)

pytestmark = pytest.mark.skipif(bool(MISSING) and MAJOR not in WHOLE_MAJORS, reason=f"no packages of {MISSING} for this major")


@pytest.fixture(scope="module", params=ORDERS)
def beside(request):
    with Cluster(settings={"shared_preload_libraries": ", ".join(ORDERS[request.param]), **SETTINGS}) as running:
        wire = Wire.build(running, "beside")
        for extension in ("pg_stat_statements", "pg_qualstats"):
            wire.run(f"CREATE EXTENSION {extension}")
        wire.run("ALTER SYSTEM SET pg_qualstats.enabled = on")
        wire.run("SELECT pg_reload_conf()")
        wait_until(lambda: wire.run("SHOW pg_qualstats.enabled") == ("on",), 5, "it watches")
        yield wire


def forget(wire) -> None:
    wire.run("SELECT pg_stat_statements_reset()")
    wire.run("SELECT pg_qualstats_reset()")


def kept(session) -> str:
    """All that a role can read of what the modules keep."""
    seen = []
    for view in VIEWS:
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            seen.append(json.dumps(session.execute(view).fetchall(), default=str))
    return "\n".join(seen)


@pytest.fixture(scope="module")
def watchers(beside):
    """The application's role itself, another application's, and those that watch."""
    roles = {"the application": "app", "another application": beside.role()}
    for group in ("pg_monitor", "pg_read_all_stats"):
        roles[group] = beside.role()
        beside.run(f"GRANT {group} TO {roles[group]}")
    return roles


def marks(text: str) -> list[str]:
    return [mark for mark in ("CANARY", "918273", "brand-a", "brand-b", "Signature") if mark in text]


@pytest.mark.parametrize("setting", ["off", "on"])
@pytest.mark.parametrize("watcher", ["the application", "another application", "pg_monitor", "pg_read_all_stats"])
def test_no_role_reads_a_value_of_a_call(beside, watchers, setting, watcher):
    """Neither of the text, nor of a row, nor of a claim, nor of the extension's own look-ups."""
    caller = beside.role(splitplane__track_statements=setting)
    with beside.session(caller) as session, beside.session(watchers[watcher]) as looking:
        forget(beside)
        for tenant in ("brand-a", "brand-b"):
            assert session.value(MARKED, tenant) == SALES[tenant]
            session.ask_refused("42P01", "SELECT * FROM vault WHERE secret = 'CANARY-literal'", tenant)
        text = kept(looking)
    assert marks(text) == [], text
    assert "pg_stat_activity" in text, "the control: the views are read"


def test_the_control_pg_qualstats_shows_values_to_everybody(beside, watchers):
    """Of a statement by hand. Its documentation says whom to keep from it; docs/dba.md does too."""
    with beside.session(watchers["another application"]) as looking:
        forget(beside)
        beside.run(BY_HAND)
        text = kept(looking)
    assert "by hand 4711" in text and "brand-c" in text, text


def test_a_call_leaves_pg_qualstats_as_it_was(beside):
    """The caller's own statements around a call are sampled as before, and what the module is told stays the session's."""
    with beside.session() as session:
        forget(beside)
        assert session.execute("SHOW pg_qualstats.enabled").fetchone() == ("on",)
        session.value(MARKED)
        assert session.execute("SHOW pg_qualstats.enabled").fetchone() == ("on",)
        session.ask_refused("22012", "SELECT 1 / (amount - amount) FROM sales")
        assert session.execute("SHOW pg_qualstats.enabled").fetchone() == ("on",)


def test_the_client_is_told_nothing(beside):
    """Plans, audit lines and parameters are for the server log, whatever level the client asks for."""
    for options in ("-c client_min_messages=log", "-c client_min_messages=debug5"):
        with beside.session(options=options) as session:
            session.value(MARKED)
            session.notices.clear()
            for tenant in ("brand-a", "brand-b"):
                session.value(MARKED, tenant)
                session.ask_refused("22012", "SELECT 1 / (amount - amount) FROM sales", tenant)
            said = " ".join(str(notice) for notice in session.notices)
            # auto_explain tells the caller of the caller's own statement around the call: its plan is one Result.
            assert "ask" in said and "Result" in said, "the control: they do tell the client what it asks for"
            for word in ("Scan", "Join", "Aggregate", "AUDIT", "splitplane.keys", "NOT MATERIALIZED"):
                assert word not in said, (word, said)
            assert not canaries(said.replace("CANARY-literal", "").replace("CANARY-%", ""), "none"), said


def test_the_server_log_holds_no_row(beside):
    """What an administrator switched on is there: texts, plans and parameters; never a row of a table."""
    since = len(beside.cluster.log_text())
    with beside.session() as session:
        rows = session.ask("SELECT note FROM sales ORDER BY sale_id LIMIT 3")["rows"]
        session.value(MARKED, "brand-b")
    log = beside.cluster.log_text()[since:]
    assert "AUDIT: SESSION" in log and "Query Text:" in log and "CANARY-literal" in log, "the control: they log"
    assert all(value not in log for (value,) in rows)
    assert not canaries(log.replace("CANARY-literal", "").replace("CANARY-%", ""), "none"), "a row"


def test_answers_are_the_same(beside):
    with beside.session() as session:
        for tenant, count in SALES.items():
            assert session.value("SELECT count(*) FROM sales", tenant) == count
            assert session.value(MARKED, tenant) == count
    assert beside.admin_rows("SELECT object, finding FROM splitplane.doctor() WHERE severity = 'critical'") == []
