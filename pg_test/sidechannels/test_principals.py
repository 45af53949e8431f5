"""One session, many principals: no plan, cursor, role or claim of one call is met by the next.

What a session keeps between calls is kept on purpose here: prepared statements with generic plans, plans inside
functions, open cursors, savepoints, exception handlers. Each call must still be its own principal's.
"""

import contextlib
import itertools
import threading

import psycopg
import pytest
from psycopg import sql as compose
from psycopg.types.json import Jsonb
from splitplane_test.session import Session, canaries, refusal, wait_until

from pg_test.wire.harness import COUNT_SALES, SALES, unclaimed

NOTES = "SELECT sale_id, note FROM sales ORDER BY sale_id"
# Made row by row: it runs into its deadline, and into no limit of memory or files before.
ENDLESS = "SELECT count(*) FROM (SELECT generate_series(1, 2000000000)) AS made"
# A statement for each stage that can end a call, and how it ends.
ENDINGS = {
    "28000": None,
    "42601": "SELECT FROM WHERE",
    "0A000": "DELETE FROM sales",
    "42P01": "SELECT * FROM hidden_table",
    "42703": "SELECT holder FROM accounts",
    "42501": "SELECT pg_sleep(0)",
    "22012": "SELECT amount / (amount - amount) FROM sales",
    "21000": "SELECT (SELECT note FROM sales)",
    "57014": ENDLESS,
    "53400": "SELECT length(repeat(note, 100001)) FROM sales",
    "54001": "SELECT " + "(" * 400 + "1" + ")" * 400,
}


@pytest.fixture(scope="module")
def hasty(wire):
    return wire.role(splitplane__deadline="150ms", splitplane__max_memory="32MB")


def literal(connection, context: dict) -> str:
    return compose.Literal(Jsonb(context)).as_string(connection)


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan", "force_custom_plan"])
def test_prepared_calls_alternate_between_tenants(wire, session, mode):
    """PREPARE on every entry point; after five executions the server thinks of a generic plan, here it is forced to."""
    session.execute(f"SET plan_cache_mode = {mode}")
    session.execute("PREPARE one(jsonb, text) AS SELECT ask($1, sql => $2) -> 'rows'")
    session.execute("PREPARE many(jsonb, text) AS SELECT note FROM ask_rows($1, sql => $2) AS t(sale_id int, note text)")
    session.execute("PREPARE dry(jsonb, text) AS SELECT ask_dry_run($1, sql => $2) -> 'parameters' -> 0 ->> 'value'")
    for tenant in list(SALES) * 5:
        execute = lambda name, sql: session.execute(f"EXECUTE {name}({literal(session.connection, wire.sign(sql, tenant))}, '{sql}')").fetchall()  # noqa: B023, E731
        assert execute("one", COUNT_SALES) == [([[SALES[tenant]]],)]
        notes = execute("many", NOTES)
        assert len(notes) == SALES[tenant] and not canaries(str(notes), tenant)
        assert execute("dry", COUNT_SALES) == [(tenant,)]
    assert session.execute("SELECT sum(generic_plans + custom_plans) FROM pg_prepared_statements").fetchone()[0] >= 45, "the control"


def test_driver_prepared_and_binary_results(wire, session):
    """The driver's own prepared statements, text and binary; the plan under them is one for all tenants."""
    statement = "SELECT sale_id, note FROM ask_rows(%s::jsonb, sql => %s) AS t(sale_id int, note text)"
    for turn, tenant in enumerate(list(SALES) * 6):
        cursor = session.connection.cursor(binary=bool(turn % 2))
        rows = cursor.execute(statement, (Jsonb(wire.sign(NOTES, tenant)), NOTES), prepare=True).fetchall()
        assert [sale for sale, _ in rows] == list(range(1, SALES[tenant] + 1)) and not canaries(str(rows), tenant)
    assert session.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()[0] >= 1, "the control"


def test_plans_kept_inside_functions(wire, session):
    """PL/pgSQL and SQL functions keep the plan of the statement that calls ask, over principals."""
    session.execute(
        """CREATE FUNCTION pg_temp.kept(c jsonb, q text) RETURNS jsonb LANGUAGE plpgsql AS $$
            DECLARE d jsonb; BEGIN SELECT ask(c, sql => q) INTO d; RETURN d -> 'rows'; END $$;
        CREATE FUNCTION pg_temp.summed(c jsonb, q text) RETURNS bigint LANGUAGE plpgsql AS $$
            DECLARE r record; total bigint := 0; BEGIN
            FOR r IN SELECT * FROM ask_rows(c, sql => q) AS t(sale_id int, note text) LOOP total := total + 1; END LOOP;
            RETURN total; END $$;
        CREATE FUNCTION pg_temp.dynamic(c jsonb, q text) RETURNS jsonb LANGUAGE plpgsql AS $$
            DECLARE d jsonb; BEGIN EXECUTE 'SELECT ask($1, sql => $2) -> ''rows''' INTO d USING c, q; RETURN d; END $$;
        CREATE FUNCTION pg_temp.plain(c jsonb, q text) RETURNS jsonb LANGUAGE sql AS $$SELECT ask(c, sql => q) -> 'rows'$$"""
    )
    for tenant in list(SALES) * 8:
        for name in ("kept", "dynamic", "plain"):
            row = session.execute(f"SELECT pg_temp.{name}(%s, %s)", (Jsonb(wire.sign(COUNT_SALES, tenant)), COUNT_SALES)).fetchone()
            assert row == ([[SALES[tenant]]],), name
        row = session.execute("SELECT pg_temp.summed(%s, %s)", (Jsonb(wire.sign(NOTES, tenant)), NOTES)).fetchone()
        assert row == (SALES[tenant],)


def test_cursors_of_three_tenants_are_read_in_turns(wire):
    """Scrollable, one for each tenant, read forwards and back while the others call and fail in between."""
    with wire.session(autocommit=False) as session:
        cursors = {}
        for tenant in SALES:
            cursors[tenant] = session.connection.cursor(name=f"of {tenant}", scrollable=True)
            cursors[tenant].execute("SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t(sale_id int, note text)", (Jsonb(wire.sign(NOTES, tenant)), NOTES))
        seen = {tenant: [] for tenant in SALES}
        for number, tenant in enumerate(list(SALES) * 6):
            seen[tenant] += cursors[tenant].fetchmany(10)
            other = list(SALES)[(number + 1) % 3]
            assert session.value(COUNT_SALES, other) == SALES[other]
            session.execute("SAVEPOINT s")
            session.ask_refused("22012", ENDINGS["22012"], other)
            session.execute("ROLLBACK TO s")
        for tenant, rows in seen.items():
            assert len(rows) == min(60, SALES[tenant]) and not canaries(str(rows), tenant)
            cursors[tenant].scroll(0, mode="absolute")
            assert len(cursors[tenant].fetchall()) == SALES[tenant]


def test_held_cursors_and_references_outlive_their_call(wire):
    """WITH HOLD is filled at commit, after another principal's call; a refcursor is read by another statement."""
    with wire.session(autocommit=False) as session:
        session.execute(
            """CREATE FUNCTION pg_temp.opened(c jsonb, q text) RETURNS refcursor LANGUAGE plpgsql AS $$
            DECLARE r refcursor; BEGIN OPEN r FOR SELECT note FROM ask_rows(c, sql => q) AS t(sale_id int, note text); RETURN r; END $$"""
        )
        for first, second in itertools.permutations(SALES, 2):
            quoted = compose.SQL("DECLARE held SCROLL CURSOR WITH HOLD FOR SELECT note FROM ask_rows({}, sql => {}) AS t(sale_id int, note text)")
            session.execute(quoted.format(Jsonb(wire.sign(NOTES, first)), NOTES))
            reference = session.execute("SELECT pg_temp.opened(%s, %s)", (Jsonb(wire.sign(NOTES, second)), NOTES)).fetchone()[0]
            assert session.value(COUNT_SALES, "brand-c") == SALES["brand-c"]
            rows = session.execute(compose.SQL("FETCH ALL FROM {}").format(compose.Identifier(reference))).fetchall()
            assert len(rows) == SALES[second] and not canaries(str(rows), second)
            session.connection.commit()
            assert session.value(COUNT_SALES, second) == SALES[second]
            rows = session.execute("FETCH ALL FROM held").fetchall()
            assert len(rows) == SALES[first] and not canaries(str(rows), first)
            session.execute("CLOSE held")


def test_cursor_of_a_rolled_back_savepoint_is_gone(wire):
    with wire.session(autocommit=False) as session:
        session.execute("SAVEPOINT s")
        declare = compose.SQL("DECLARE gone CURSOR FOR SELECT note FROM ask_rows({}, sql => {}) AS t(sale_id int, note text)")
        session.execute(declare.format(Jsonb(wire.sign(NOTES)), NOTES))
        assert session.execute("FETCH 1 FROM gone").fetchall()
        session.execute("ROLLBACK TO s")
        with pytest.raises(psycopg.errors.InvalidCursorName):
            session.execute("FETCH 1 FROM gone")
        session.connection.rollback()
        assert session.value(COUNT_SALES, "brand-b") == SALES["brand-b"]


CAUGHT = """CREATE FUNCTION pg_temp.caught(first jsonb, failing text, second jsonb, good text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text := 'answered'; told text; rows jsonb; BEGIN
    BEGIN
        PERFORM public.ask(first, sql => failing);
    EXCEPTION WHEN query_canceled OR others THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, told = PG_EXCEPTION_DETAIL;
        IF told <> '' THEN state := told; END IF;
        GET STACKED DIAGNOSTICS told = PG_EXCEPTION_HINT;
        IF told <> '' THEN state := told; END IF;
        state := state || ' ' || current_user || ' ' || current_setting('transaction_read_only');
    END;
    rows := public.ask(second, sql => good) -> 'rows';
    RETURN state || ' ' || (rows -> 0 ->> 0);
END $$"""


@pytest.mark.parametrize("state", ENDINGS)
def test_handlers_catch_every_ending_and_the_next_principal_is_right(wire, hasty, state):
    """PL/pgSQL BEGIN .. EXCEPTION: the handler is the caller again, and a call of another tenant in the same function is its own."""
    failing = ENDINGS[state] or COUNT_SALES
    with wire.session(user=hasty) as session:
        session.execute(CAUGHT)
        # The first call of a session reads the plane, which beside other work may take longer than this deadline.
        with contextlib.suppress(psycopg.errors.QueryCanceled):
            session.value(COUNT_SALES, next(iter(SALES)))
        before = session.state()
        for first, second in itertools.permutations(SALES, 2):
            context = {} if ENDINGS[state] is None else wire.sign(failing, first)
            arguments = (Jsonb(context), failing, Jsonb(wire.sign(COUNT_SALES, second)), COUNT_SALES)
            assert session.execute("SELECT pg_temp.caught(%s, %s, %s, %s)", arguments).fetchone() == (f"{state} {hasty} off {SALES[second]}",)
            assert session.state() == before
            assert session.value(COUNT_SALES, first) == SALES[first]


@pytest.mark.parametrize("how", ["cancel", "statement_timeout"])
def test_handlers_catch_cancels_of_others_and_the_next_principal_is_right(wire, how):
    """A cancel that arrives in the middle of the confined query, caught by the caller; in a superuser's session, to look inside."""
    with wire.admin() as admin, wire.admin() as second:
        session = Session(wire, admin)
        session.execute("SET splitplane.deadline = '20s'")
        session.execute(CAUGHT)
        for first, other in itertools.permutations(SALES, 2):
            arguments = (Jsonb(wire.sign(ENDLESS, first)), ENDLESS, Jsonb(wire.sign(COUNT_SALES, other)), COUNT_SALES)
            canceller = threading.Timer(0.1, second.execute, ("SELECT pg_cancel_backend(%s)", (session.pid,)))
            if how == "cancel":
                canceller.start()
            else:
                session.execute("SET statement_timeout = '100ms'")
            row = session.execute("SELECT pg_temp.caught(%s, %s, %s, %s)", arguments).fetchone()
            if how == "cancel":
                canceller.join()
            session.execute("RESET statement_timeout")
            assert row == (f"57014 postgres off {SALES[other]}",)
            unclaimed(admin)


def test_failures_of_every_stage_leave_no_claim(wire):
    """After each ending, in the very backend: no claim, no row for the reader, the superuser's own role and settings."""
    with wire.admin() as admin:
        session = Session(wire, admin)
        session.execute("SET splitplane.deadline = '150ms'; SET splitplane.max_memory = '32MB'")
        before = session.state()
        for tenant in SALES:
            for state, failing in ENDINGS.items():
                if failing is None:
                    session.refused(state, {}, COUNT_SALES)
                else:
                    session.ask_refused(state, failing, tenant)
                unclaimed(admin)
                assert session.state() == before
            assert session.value(COUNT_SALES, tenant) == SALES[tenant], "the control: within a call there is a claim"
            unclaimed(admin)


def test_savepoints_thirty_deep_with_a_principal_each(wire):
    """Released and rolled back in disorder; the claims of a level are never those of the level around it."""
    with wire.session(autocommit=False) as session:
        for depth in range(30):
            session.execute(f"SAVEPOINT s{depth}")
            tenant = list(SALES)[depth % 3]
            assert session.value(COUNT_SALES, tenant) == SALES[tenant]
        for depth in reversed(range(30)):
            tenant = list(SALES)[(depth + 1) % 3]
            if depth % 2:
                session.execute(f"ROLLBACK TO s{depth}")
            else:
                session.execute(f"RELEASE s{depth}")
            assert session.value(COUNT_SALES, tenant) == SALES[tenant]
        session.connection.commit()


def test_role_changes_between_calls(wire):
    """SET ROLE and SET SESSION AUTHORIZATION are the caller's; a call neither follows from them nor changes them."""
    role = wire.role()
    with wire.admin() as admin:
        session = Session(wire, admin)
        for number, change in enumerate((f"SET ROLE {role}", "SET ROLE app", "RESET ROLE", f"SET SESSION AUTHORIZATION {role}", "RESET SESSION AUTHORIZATION") * 3):
            session.execute(change)
            tenant, before = list(SALES)[number % 3], session.state()
            assert session.value(COUNT_SALES, tenant) == SALES[tenant]
            session.ask_refused("42P01", "SELECT * FROM hidden_table", tenant)
            assert session.state() == before
        unclaimed(admin)
        # No way from a call's role into the session's, or back.
        session.execute(f"SET SESSION AUTHORIZATION {role}")
        refusal(lambda: session.execute("SET ROLE splitplane_reader"), "42501", hint=True)
        refusal(lambda: session.execute("SELECT count(*) FROM sales"), "42501", hint=True)


def test_two_tenants_share_a_warm_backend_after_ddl(wire, session):
    """An invalidation between two principals' calls: what is planned anew is planned for the one who asks."""
    plan = "SELECT s.note FROM sales s JOIN shops h USING (store_id) WHERE s.amount > 0 ORDER BY s.sale_id"
    for turn, tenant in enumerate(list(SALES) * 4):
        if turn % 2:
            wire.run("CREATE INDEX side_index ON sales (amount)")
        else:
            wire.run("DROP INDEX IF EXISTS side_index")
        assert session.ask(plan, tenant)["row_count"] == SALES[tenant]


def test_a_cancel_that_comes_late_is_the_callers(wire):
    """A cancel sent when the call is over must not be swallowed: it hits the statement that then runs, and harms no later call."""
    with wire.session() as session, wire.admin() as admin:
        assert session.value(COUNT_SALES) == SALES["brand-a"]
        timer = threading.Timer(0.1, admin.execute, ("SELECT pg_cancel_backend(%s)", (session.pid,)))
        timer.start()
        refusal(lambda: session.execute("SELECT pg_sleep(5)"), "57014")
        timer.join()
        assert wait_until(lambda: session.value(COUNT_SALES, "brand-b") == SALES["brand-b"], 5, "the next call")
