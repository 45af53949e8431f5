"""Parallel plans: workers take part, and count the same rows as one process does.

A claim held in one backend's memory is not there in its workers; a function wrongly marked PARALLEL SAFE over it loses
rows without an error.
"""

import re
import threading
import time

import psycopg
import pytest
from splitplane_test.cluster import FORCED_PARALLEL

from pg_test.wire.harness import WANTS_WORKERS, Wire

ROWS = 300_000
SCHEMA = f"""
CREATE TABLE facts (tenant_id text NOT NULL, store_id int NOT NULL, amount int NOT NULL, note text NOT NULL);
INSERT INTO facts SELECT 'brand-' || chr(97 + n % 3), n % 7, n % 1000, 'CANARY-brand-' || chr(97 + n % 3) FROM generate_series(1, {ROWS}) n;
CREATE TABLE narrow_facts AS SELECT * FROM facts;
ALTER TABLE narrow_facts ALTER tenant_id SET NOT NULL, ALTER store_id SET NOT NULL;
CREATE INDEX ON narrow_facts (tenant_id, store_id);
SELECT splitplane.protect('facts', '{{"tenant_id": "tenant"}}');
SELECT splitplane.protect('narrow_facts', '{{"tenant_id": "tenant", "store_id": "stores"}}');
SELECT splitplane.admit('brand-a', claims => '{{"stores": [0, 2, 5]}}');
SELECT splitplane.admit('brand-b', claims => '{{"stores": [6]}}');
SELECT splitplane.admit('brand-c', claims => '{{"stores": []}}');
SELECT splitplane.admit('brand-a', 'manager', claims => jsonb_build_object('stores', (SELECT jsonb_agg(n) FROM generate_series(0, 5000) n WHERE n NOT IN (1, 4))));
"""
STORES = {"brand-a": [0, 2, 5], "brand-b": [6], "brand-c": []}
QUERIES = {
    "count": "SELECT count(*), sum(amount) FROM {}",
    "group": "SELECT store_id, count(*), sum(amount) FROM {} GROUP BY store_id ORDER BY store_id",
    "filter": "SELECT count(*), max(note) FROM {} WHERE amount % 7 = 3 AND note LIKE '%brand%'",
    "join": "SELECT count(*) FROM {0} AS a JOIN (SELECT DISTINCT store_id, amount FROM {0} WHERE amount < 20) AS b USING (store_id, amount)",
    "window": "SELECT sum(r) FROM (SELECT rank() OVER (PARTITION BY store_id ORDER BY amount) AS r FROM {} WHERE amount < 50) AS t",
    "sublink": "SELECT count(*) FROM {0} WHERE amount IN (SELECT max(amount) FROM {0} GROUP BY store_id)",
    "arms": "SELECT count(*), sum(n) FROM (SELECT amount AS n FROM {0} UNION ALL SELECT store_id FROM {0}) AS t",
    "scalar": "SELECT count(*) FROM {0} WHERE amount > (SELECT avg(amount) FROM {0})",
}


@pytest.fixture(scope="module")
def wide(cluster):
    """A database that wants every plan parallel and logs every plan that was run."""
    built = Wire.build(cluster, "wide", SCHEMA)
    built.run("VACUUM ANALYZE")
    for setting, value in WANTS_WORKERS.items():
        built.run(f"ALTER DATABASE wide SET {setting} = '{value}'")
    return built


def expected(wide, table, query, tenant):
    """The query on the tenant's rows, written by hand, by a superuser without parallelism."""
    stores = STORES[tenant] if table == "narrow_facts" else None
    with wide.admin() as admin:
        admin.execute("SET max_parallel_workers_per_gather = 0; SET auto_explain.log_min_duration = -1")
        admin.execute("CREATE TEMP TABLE own AS SELECT * FROM " + table + " WHERE tenant_id = %s AND (%s::int[] IS NULL OR store_id = ANY (%s))", (tenant, stores, stores))
        return [list(row) for row in admin.execute(query.format("own")).fetchall()]


@pytest.mark.parametrize("table", ["facts", "narrow_facts"])
@pytest.mark.parametrize("shape", QUERIES)
def test_parallel_answers_equal_the_hand_written_ones(wide, table, shape):
    query = QUERIES[shape].format(table)
    with wide.session() as session:
        for tenant in STORES:
            assert session.ask(query, tenant)["rows"] == expected(wide, table, QUERIES[shape], tenant), tenant


def plan_run(wide, query, tenant="brand-a", **signing):
    """The rows of a call and, from auto_explain's log, the plan that gave them."""
    log = len(wide.cluster.log_text())
    with wide.session() as session:
        rows = session.ask(query, tenant, **signing)["rows"]
    plans = [entry for entry in wide.cluster.log_text()[log:].split("Query Text: ") if entry.startswith("WITH ") and not entry.startswith("WITH RECURSIVE family")]
    assert len(plans) == 1, plans
    return rows, plans[0]


def test_own_queries_start_no_workers(wide):
    """What a session's first call reads of the catalog is read by itself, though this database wants workers for everything."""
    # What an earlier session has read would be taken otherwise.
    wide.run("ALTER TABLE facts ALTER note SET STATISTICS 50")
    log = len(wide.cluster.log_text())
    with wide.session() as session:
        assert session.ask(QUERIES["count"].format("facts"))["rows"]
        # The control: the session's own statement.
        session.execute("SELECT count(*) FROM pg_catalog.pg_class AS the_sessions_own")
    plans = wide.cluster.log_text()[log:].split("Query Text: ")[1:]
    of_call = [plan for plan in plans if plan.startswith("WITH facts AS")]
    of_session = [plan for plan in plans if "the_sessions_own" in plan]
    own = [plan for plan in plans if plan not in of_call and plan not in of_session]
    assert all("Gather" in plan for plan in of_call + of_session) and of_call and of_session
    assert len(own) > 5 and not [plan for plan in own if "Gather" in plan]


@pytest.mark.parametrize("shape", ["arms", "scalar"])
def test_workers_take_part_in_arms_and_sub_selects(wide, shape):
    """A fence with a sub-select of its own would leave these to the leader."""
    _, plan = plan_run(wide, QUERIES[shape].format("narrow_facts"))
    # From 17 on expressions refer to it by that name, too.
    assert len(re.findall(r"^\s*InitPlan", plan, re.MULTILINE)) == (shape == "scalar"), plan
    launched = [int(number) for number in re.findall(r"Workers Launched: (\d+)", plan)]
    assert launched and min(launched) > 0, plan


def test_claims_that_do_not_fit_run_without_workers(wide):
    """Workers would find no claims, and their fences no rows; the call runs in one process, and its answer is right."""
    rows, plan = plan_run(wide, QUERIES["count"].format("narrow_facts"), business="manager")
    assert rows == [list(wide.run("SELECT count(*), sum(amount) FROM narrow_facts WHERE tenant_id = 'brand-a' AND store_id NOT IN (1, 4)"))]
    assert "Workers" not in plan, plan
    # The control: the same tenant's short claims.
    assert "Workers Launched" in plan_run(wide, QUERIES["count"].format("narrow_facts"))[1]


def test_a_backend_that_ends_in_a_call_leaves_no_claims(wide):
    """Whoever gets its place finds none: the reader's own parallel statements see no row, also in their workers."""
    def rows_of_the_reader():
        with wide.admin() as admin:
            admin.execute(f"SET {FORCED_PARALLEL} = on; SET ROLE splitplane_reader")
            return admin.execute("SELECT count(*) FROM facts").fetchone()[0]

    for _ in range(5):
        with wide.session() as session:
            pid = session.connection.info.backend_pid
            ended = []

            def work(session=session, ended=ended):
                try:
                    session.ask("SELECT count(*) FROM facts AS a, facts AS b, facts AS c")
                except psycopg.OperationalError as error:
                    ended.append(error)

            thread = threading.Thread(target=work)
            thread.start()
            for _ in range(100):
                time.sleep(0.02)
                if wide.run("SELECT count(*) FROM pg_stat_activity WHERE leader_pid = %s", pid)[0]:
                    break
            wide.run("SELECT pg_terminate_backend(%s)", pid)
            thread.join()
        assert ended
        assert [rows_of_the_reader() for _ in range(4)] == [0] * 4


@pytest.mark.parametrize("table", ["facts", "narrow_facts"])
def test_workers_take_part(wide, table):
    """From auto_explain's log of the very run: workers were launched, and the rows they returned were counted."""
    log = len(wide.cluster.log_text())
    with wide.session() as session:
        count = session.value(f"SELECT count(*) FROM {table}")
        assert count == expected(wide, table, "SELECT count(*) FROM {}", "brand-a")[0][0]
    new = wide.cluster.log_text()[log:]
    launched = [int(number) for number in re.findall(r"Workers Launched: (\d+)", new)]
    planned = [int(number) for number in re.findall(r"Workers Planned: (\d+)", new)]
    assert planned and max(planned) > 0, "no parallel plan was made"
    assert launched and max(launched) > 0, f"{planned} workers were planned and none was launched"
    parallel = max((int(number) for number in re.findall(r"Parallel (?:Seq|Index Only|Index|Bitmap Heap) Scan.*?loops=(\d+)", new)), default=0)
    assert parallel > 1, "only the leader scanned"


def test_parallel_calls_of_several_tenants_at_once(wide):
    wanted = {tenant: expected(wide, "narrow_facts", QUERIES["group"], tenant) for tenant in STORES}
    failures = []

    def work(tenant):
        try:
            with wide.session() as session:
                for _ in range(15):
                    assert session.ask(QUERIES["group"].format("narrow_facts"), tenant)["rows"] == wanted[tenant]
        except BaseException as error:  # a thread's failure must reach the test
            failures.append((tenant, error))

    threads = [threading.Thread(target=work, args=(tenant,)) for tenant in list(STORES) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


def test_errors_of_workers_say_nothing_more(wide):
    """A worker's error arrives with CONTEXT 'parallel worker' and whatever detail it has."""
    with wide.session() as session:
        session.ask_refused("22P02", "SELECT count(*) FROM facts WHERE note::int > 0")
        session.ask_refused("22012", "SELECT sum(1 / (amount - amount)) FROM narrow_facts")
        assert session.value("SELECT count(*) FROM facts") == ROWS // 3


def test_forced_parallelism(wide):
    """debug mode: every plan runs in a worker, those of sub-selects and of the plane's own functions included."""
    role = wide.role(**{FORCED_PARALLEL: "on"})
    with wide.session(user=role) as session:
        for tenant in STORES:
            for table in ("facts", "narrow_facts"):
                assert session.ask(QUERIES["count"].format(table), tenant)["rows"] == expected(wide, table, QUERIES["count"], tenant)


@pytest.mark.parametrize("security", ["DEFINER", "INVOKER"])
def test_what_a_definer_says_in_a_worker_is_not_passed_on(wide, security):
    """The leader raises a worker's error again, as the reader. The control: the same function that runs as its caller."""
    name = f"stop_as_{security.lower()}"
    wide.run(f"""CREATE FUNCTION {name}(int) RETURNS int STABLE PARALLEL SAFE SECURITY {security} LANGUAGE plpgsql AS
        $$BEGIN RAISE EXCEPTION 'CANARY of a worker' USING ERRCODE = '45000'; END$$""")
    wide.run(f"SELECT splitplane.allow_function('{name}(int)')")
    # The workers read the rows, and they alone.
    wide.run("ALTER DATABASE wide SET parallel_leader_participation = off")
    log = len(wide.cluster.log_text())
    try:
        with wide.session() as session:
            error = session.ask_refused(("45000",), f"SELECT count(*) FROM facts WHERE {name}(amount) > 990")
    finally:
        wide.run("ALTER DATABASE wide RESET parallel_leader_participation")
        # While one that runs as its owner is allowed, the other's messages are hidden too.
        wide.run(f"SELECT splitplane.disallow_function('{name}(int)')")
    written = wide.cluster.log_text()[log:]
    ended = set(re.findall(r'"parallel worker" \(PID (\d+)\) exited with exit code 1', written))
    # The others are told to stop once one has failed.
    assert ended - set(re.findall(r"\[(\d+)\] FATAL:  terminating background worker", written)), "no worker raised it"
    general = "an error was raised in a parallel worker; the server log has the details"
    shown = general if security == "DEFINER" else "CANARY of a worker"
    assert error.diag.message_primary == shown
