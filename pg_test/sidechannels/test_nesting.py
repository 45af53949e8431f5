"""A call inside other things: functions, views, triggers, policies, parallel queries, procedures, and inside another call.

Around a call there may be anything that SQL has; each call in it is its own principal's, and what it stands in is not.
Inside a call there may be no call: neither written by the model nor reached through a function that a DBA allowed.
"""

import itertools
import json

import psycopg
import pytest
from planes import copied
from psycopg import sql as compose
from psycopg.types.json import Jsonb
from splitplane_test.cluster import FORCED_PARALLEL
from splitplane_test.session import Session, canaries, refusal

from pg_test.wire.harness import COUNT_SALES, SALES, unclaimed

TENANTS = list(SALES)
PAIRS = "SELECT min(note), count(*) FROM sales"


def write(session, count: int = 6, query: str = COUNT_SALES) -> None:
    """Rows of `letters`: a context and its text for the tenants in turn."""
    session.execute("DELETE FROM letters")
    for number in range(count):
        tenant = TENANTS[number % 3]
        session.execute("INSERT INTO letters VALUES (%s, %s, %s, %s)", (number, tenant, Jsonb(session.plane.sign(query, tenant)), query))


def right(rows) -> bool:
    """Pairs of a tenant and what it was answered."""
    rows = list(rows)
    return len(rows) > 0 and all(count == SALES[tenant] for tenant, count in rows)


WRAPPERS = {
    "sql": "LANGUAGE sql AS $$SELECT (public.ask(c, sql => q) -> 'rows' -> 0 ->> 0)::int$$",
    "sql-stable": "LANGUAGE sql STABLE AS $$SELECT (public.ask(c, sql => q) -> 'rows' -> 0 ->> 0)::int$$",
    "sql-body": "LANGUAGE sql BEGIN ATOMIC SELECT (public.ask(c, sql => q) -> 'rows' -> 0 ->> 0)::int; END",
    "sql-statements": "LANGUAGE sql AS $$SELECT 1; SELECT (public.ask(c, sql => q) -> 'rows' -> 0 ->> 0)::int$$",
    "plpgsql": "LANGUAGE plpgsql AS $$BEGIN RETURN (public.ask(c, sql => q) -> 'rows' -> 0 ->> 0)::int; END$$",
    "plpgsql-stable": "LANGUAGE plpgsql STABLE AS $$BEGIN RETURN (public.ask(c, sql => q) -> 'rows' -> 0 ->> 0)::int; END$$",
    "plpgsql-rows": "LANGUAGE plpgsql AS $$BEGIN RETURN n FROM ask_rows(c, sql => q) AS t(n int); END$$",
    "settings": "LANGUAGE plpgsql SET search_path = '' SET work_mem = '1MB' AS $$BEGIN RETURN (public.ask(c, sql => q) -> 'rows' -> 0 ->> 0)::int; END$$",
}


@pytest.mark.parametrize("kind", WRAPPERS)
def test_functions_of_the_caller(wire, session, kind):
    session.execute(f"CREATE FUNCTION pg_temp.wrapped(c jsonb, q text) RETURNS int {WRAPPERS[kind]}")
    write(session, 9)
    assert right(session.execute("SELECT tenant, pg_temp.wrapped(context, query) FROM letters").fetchall())
    write(session, 9)
    assert right(session.execute("SELECT l.tenant, x FROM letters l, LATERAL pg_temp.wrapped(context, query) x").fetchall())
    assert session.value(COUNT_SALES, "brand-b") == SALES["brand-b"]


PLACES = {
    "target list": "SELECT tenant, (ask(context, sql => query) -> 'rows' -> 0 ->> 0)::int FROM letters",
    "subquery": "SELECT tenant, (SELECT (ask(context, sql => query) -> 'rows' -> 0 ->> 0)::int) FROM letters",
    "lateral rows": "SELECT l.tenant, t.n FROM letters l, LATERAL ask_rows(l.context, sql => l.query) AS t(n int)",
    "cte": "WITH x AS MATERIALIZED (SELECT tenant, ask(context, sql => query) AS d FROM letters) SELECT tenant, (d -> 'rows' -> 0 ->> 0)::int FROM x",
    "sorted": "SELECT tenant, (d -> 'rows' -> 0 ->> 0)::int FROM (SELECT tenant, ask(context, sql => query) AS d FROM letters OFFSET 0) x ORDER BY d -> 'rows'",
    "aggregate": "SELECT tenant, max((ask(context, sql => query) -> 'rows' -> 0 ->> 0)::int) FROM letters GROUP BY tenant",
    "window": "SELECT tenant, first_value((ask(context, sql => query) -> 'rows' -> 0 ->> 0)::int) OVER (PARTITION BY id) FROM letters",
    "union": "SELECT tenant, (ask(context, sql => query) -> 'rows' -> 0 ->> 0)::int FROM letters WHERE id < 3 UNION ALL SELECT tenant, (ask(context, sql => query) -> 'rows' -> 0 ->> 0)::int FROM letters WHERE id >= 3",
    "returning": "UPDATE letters SET query = query RETURNING tenant, (ask(context, sql => query) -> 'rows' -> 0 ->> 0)::int",
    "written": "WITH x AS (INSERT INTO letters SELECT id + 100, tenant, ask(context, sql => query), 'x' FROM letters RETURNING *) SELECT tenant, (context -> 'rows' -> 0 ->> 0)::int FROM x",
    "in a join": "SELECT a.tenant, (ask(a.context, sql => a.query) -> 'rows' -> 0 ->> 0)::int FROM letters a JOIN letters b USING (id)",
    "recursive cte": "WITH RECURSIVE r AS (SELECT 0 AS i, NULL::text AS t, NULL::int AS n UNION ALL SELECT i + 1, tenant, (ask(context, sql => query) -> 'rows' -> 0 ->> 0)::int FROM r JOIN letters ON id = i) SELECT t, n FROM r WHERE i > 0",
}


@pytest.mark.parametrize("place", PLACES)
def test_places_of_one_statement(session, place):
    """A call for each row, a principal for each call."""
    write(session)
    assert right(session.execute(PLACES[place]).fetchall())


def test_copy_create_table_as_and_views(wire, session):
    write(session)
    with session.connection.cursor().copy("COPY (SELECT tenant, (ask(context, sql => query) -> 'rows' -> 0 ->> 0)::int FROM letters) TO STDOUT") as copy:
        copy.set_types(["text", "int4"])
        assert right(copy.rows())
    write(session)
    session.execute("CREATE TEMP TABLE made AS SELECT tenant, (ask(context, sql => query) -> 'rows' -> 0 ->> 0)::int AS n FROM letters")
    assert right(session.execute("SELECT tenant, n FROM made").fetchall())
    for options in ("", "WITH (security_barrier)", "WITH (security_invoker)"):
        write(session)
        session.execute(f"CREATE TEMP VIEW answers {options} AS SELECT tenant, (ask(context, sql => query) -> 'rows' -> 0 ->> 0)::int AS n FROM letters")
        assert right(session.execute("SELECT tenant, n FROM answers").fetchall())
        # The same view again meets used contexts: the ledger is not the view's.
        refusal(lambda: session.execute("SELECT tenant, n FROM answers").fetchall(), "28000")
        session.execute("DROP VIEW answers")


def test_triggers(wire, session):
    """Row, statement and deferred constraint triggers: at the statement, after it, and at COMMIT."""
    session.execute(
        """CREATE TEMP TABLE inbox (id int, tenant text, context jsonb, query text, n int);
        CREATE TEMP TABLE outbox (tenant text, n int);
        CREATE FUNCTION pg_temp.before_row() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
            NEW.n := (public.ask(NEW.context, sql => NEW.query) -> 'rows' -> 0 ->> 0)::int; RETURN NEW; END$$;
        CREATE FUNCTION pg_temp.after_row() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
            INSERT INTO outbox VALUES (NEW.tenant, (public.ask(NEW.context, sql => NEW.query) -> 'rows' -> 0 ->> 0)::int); RETURN NULL; END$$;
        CREATE FUNCTION pg_temp.after_statement() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
            INSERT INTO outbox SELECT tenant, (public.ask(context, sql => query) -> 'rows' -> 0 ->> 0)::int FROM fresh; RETURN NULL; END$$;"""
    )
    insert = "INSERT INTO inbox SELECT id, tenant, context, query FROM letters"
    for made, table in (
        ("CREATE TRIGGER t BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION pg_temp.before_row()", "inbox"),
        ("CREATE TRIGGER t AFTER INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION pg_temp.after_row()", "outbox"),
        ("CREATE TRIGGER t AFTER INSERT ON inbox REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.after_statement()", "outbox"),
        ("CREATE CONSTRAINT TRIGGER t AFTER INSERT ON inbox DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.after_row()", "outbox"),
    ):
        session.execute("TRUNCATE inbox, outbox")
        session.execute(made)
        write(session)
        with session.connection.transaction():
            session.execute(insert)
            assert session.value(COUNT_SALES, "brand-c") == SALES["brand-c"]
        assert right(session.execute(f"SELECT tenant, n FROM {table}").fetchall()), made
        # A refusal inside the trigger takes the whole statement, or at COMMIT the transaction, with it.
        session.execute("TRUNCATE inbox, outbox")
        refusal(lambda: session.execute(insert), "28000", nested=True)
        assert session.execute("SELECT count(*) FROM inbox").fetchone() == (0,)
        session.execute("DROP TRIGGER t ON inbox")


def test_defaults_checks_and_policies_of_the_caller(wire, session):
    """Expressions that PostgreSQL evaluates on its own account; where it asks for immutable ones, ask is refused as volatile."""
    session.execute(
        """CREATE FUNCTION pg_temp.rows_of(c jsonb, q text) RETURNS int LANGUAGE plpgsql AS $$BEGIN
            RETURN (public.ask(c, sql => q) -> 'rows' -> 0 ->> 0)::int; END$$;
        CREATE TEMP TABLE checked (tenant text, context jsonb, query text, CHECK (pg_temp.rows_of(context, query) >= 50))"""
    )
    write(session, 3)
    session.execute("INSERT INTO checked SELECT tenant, context, query FROM letters")
    assert session.execute("SELECT count(*) FROM checked").fetchone() == (3,)
    for statement in (
        "CREATE INDEX ON checked ((ask(context, sql => query)))",
        "CREATE TEMP TABLE generated (c jsonb, q text, n jsonb GENERATED ALWAYS AS (ask(c, sql => q)) STORED)",
        "CREATE TEMP TABLE partitioned (c jsonb) PARTITION BY RANGE ((ask(c, sql => 'SELECT 1')))",
    ):
        refusal(lambda: session.execute(statement), ("42P17", "42501"), hint=True)
    write(session, 3)
    session.execute("CREATE TEMP TABLE guarded AS SELECT * FROM letters")
    session.execute("ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; ALTER TABLE guarded FORCE ROW LEVEL SECURITY")
    session.execute("CREATE POLICY p ON guarded USING (pg_temp.rows_of(context, query) > 55)")
    assert session.execute("SELECT tenant FROM guarded ORDER BY id").fetchall() == [("brand-b",), ("brand-c",)]


def test_do_blocks_and_procedures_that_end_transactions(wire, session):
    """COMMIT and ROLLBACK between and after calls, in loops over a call's rows, and the ledger after them."""
    session.execute(
        """CREATE TEMP TABLE seen (tenant text, n int);
        CREATE PROCEDURE pg_temp.walk() LANGUAGE plpgsql AS $$DECLARE l record; r record; turn int := 0; BEGIN
            FOR l IN SELECT * FROM letters ORDER BY id LOOP
                turn := turn + 1;
                FOR r IN SELECT * FROM public.ask_rows(l.context, sql => l.query) AS t(n int) LOOP
                    INSERT INTO seen VALUES (l.tenant, r.n);
                    COMMIT;
                END LOOP;
                INSERT INTO seen VALUES ('rolled back', 0);
                ROLLBACK;
            END LOOP;
        END$$"""
    )
    write(session, 6)
    session.execute("CALL pg_temp.walk()")
    rows = session.execute("SELECT tenant, n FROM seen").fetchall()
    assert len(rows) == 6 and right(rows)
    assert session.execute("SELECT count(*) FROM letters").fetchone() == (6,)
    # All are used, also those whose transaction was rolled back.
    for context, query in session.execute("SELECT context, query FROM letters").fetchall():
        session.refused("28000", context, query)
    write(session, 3)
    session.execute(
        """DO $$DECLARE l record; n int; BEGIN
            FOR l IN SELECT * FROM letters ORDER BY id LOOP
                n := (public.ask(l.context, sql => l.query) -> 'rows' -> 0 ->> 0)::int;
                ROLLBACK;
                BEGIN
                    PERFORM public.ask(l.context, sql => l.query);
                    RAISE 'a context was used twice';
                EXCEPTION WHEN invalid_authorization_specification THEN NULL;
                END;
                INSERT INTO seen VALUES (l.tenant, n);
                COMMIT;
            END LOOP;
        END$$"""
    )
    rows = session.execute("SELECT tenant, n FROM seen").fetchall()
    assert len(rows) == 9 and right(rows)
    assert session.value(COUNT_SALES, "brand-c") == SALES["brand-c"]


def test_event_triggers_of_the_dba(own_wire):
    """The call runs inside the caller's DDL, whose own search path and role it neither takes nor changes."""
    wire = own_wire
    with wire.session() as session, wire.admin() as admin:
        write(session, 3)
        admin.execute(
            """CREATE TABLE seen (tenant text, n int);
            CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN
                INSERT INTO public.seen SELECT tenant, (public.ask(context, sql => query) -> 'rows' -> 0 ->> 0)::int FROM public.letters; END$$;
            CREATE EVENT TRIGGER e ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION noted()"""
        )
        session.execute("CREATE TEMP TABLE made (a int)")
        assert right(admin.execute("SELECT tenant, n FROM seen").fetchall())
        assert session.value(COUNT_SALES, "brand-b") == SALES["brand-b"]


INNER = [
    "SELECT ask('{}', sql => 'SELECT 1')",
    "SELECT public.ask('{}', sql => 'SELECT 1')",
    "SELECT ask_dry_run('{}', sql => 'SELECT 1')",
    "SELECT * FROM ask_rows('{}', sql => 'SELECT 1') AS t(n int)",
    "SELECT count(*) FROM sales WHERE ask('{}', sql => note) IS NULL",
    "SELECT splitplane.claim('tenant')",
    "SELECT splitplane.claim_list('stores')",
    "SELECT splitplane.sign('AKWIRE', 'brand-b')",
    "SELECT splitplane.doctor()",
    "SELECT splitplane.describe()",
    "SELECT CASE WHEN false THEN ask('{}', sql => 'SELECT 1') END",
]


@pytest.mark.parametrize("sql", INNER)
def test_ask_written_inside_ask_is_refused(steady, sql):
    steady.ask_refused("42501", sql)
    steady.refused("42501", steady.plane.sign(sql), sql, function="ask_dry_run")
    assert steady.value(COUNT_SALES) == SALES["brand-a"]


ALLOWED = {
    "definer": ("LANGUAGE plpgsql SECURITY DEFINER", "BEGIN RETURN (public.ask(c::jsonb, sql => q) -> 'rows')::text; END", None),
    "definer-catches": (
        "LANGUAGE plpgsql SECURITY DEFINER",
        "BEGIN RETURN (public.ask(c::jsonb, sql => q) -> 'rows')::text; EXCEPTION WHEN others THEN RETURN SQLSTATE; END",
        "55000",
    ),
    "definer-rows": (
        "LANGUAGE plpgsql SECURITY DEFINER",
        "BEGIN RETURN (SELECT min(n) FROM public.ask_rows(c::jsonb, sql => q) AS t(n text)); EXCEPTION WHEN others THEN RETURN SQLSTATE; END",
        "55000",
    ),
    "definer-dry": (
        "LANGUAGE plpgsql SECURITY DEFINER",
        "BEGIN RETURN public.ask_dry_run(c::jsonb, sql => q)::text; EXCEPTION WHEN others THEN RETURN SQLSTATE; END",
        "55000",
    ),
    "definer-sql": ("LANGUAGE sql SECURITY DEFINER", "SELECT (public.ask(c::jsonb, sql => q) -> 'rows')::text", None),
    "invoker": (
        "LANGUAGE plpgsql",
        "BEGIN RETURN (public.ask(c::jsonb, sql => q) -> 'rows')::text; EXCEPTION WHEN others THEN RETURN SQLSTATE; END",
        "42501",
    ),
}


@pytest.fixture(scope="module")
def allowing(pristine):
    """A database whose DBA allowed functions that ask."""
    wire = copied(pristine, "allowing")
    for kind, (head, body, _) in ALLOWED.items():
        name = f"inner_{kind.replace('-', '_')}"
        wire.run(f"CREATE FUNCTION {name}(c text, q text) RETURNS text {head} STABLE AS $${body}$$")
        wire.run(f"SELECT splitplane.allow_function('{name}(text, text)')")
    return wire


@pytest.mark.parametrize("kind", ALLOWED)
def test_ask_reached_through_an_allowed_function_is_refused(allowing, kind):
    """A DBA allowed a function that itself asks, with another tenant's valid context in the model's hand.

    The inner call is refused, and the outer one goes on as its own principal: the rows read before, beside and after the
    inner refusal are the outer tenant's.
    """
    wire, caught = allowing, ALLOWED[kind][2]
    with wire.session() as session, wire.admin() as admin:
        for outer, inner in itertools.permutations(TENANTS, 2):
            context = compose.Literal(json.dumps(wire.sign(COUNT_SALES, inner))).as_string(session.connection)
            call = f"inner_{kind.replace('-', '_')}({context}, '{COUNT_SALES}')"
            sql = f"SELECT note, {call} AS said, (SELECT count(*) FROM sales) FROM sales ORDER BY sale_id"
            if caught is None:
                error = session.refused(("55000", "XX000", "28000"), wire.sign(sql, outer), sql)
                assert not canaries(str(error), outer)
            else:
                rows = session.ask(sql, outer)["rows"]
                assert len(rows) == SALES[outer] and {count for _, _, count in rows} == {SALES[outer]}
                # The first inner call spends the context, so the later ones are refused by identity.
                assert {said for _, said, _ in rows} <= {caught, "28000"}
            assert session.value(COUNT_SALES, inner) == SALES[inner]
        superuser = Session(wire, admin)
        if caught is not None:
            superuser.ask(sql, outer)
        unclaimed(admin)


def test_ask_inside_a_policy_of_a_plane_relation_is_refused(own_wire):
    """A DBA's own policy on a plane relation asks: the inner call is refused, so nothing is answered."""
    wire = own_wire
    wire.run("CREATE FUNCTION asks() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER STABLE AS $$BEGIN PERFORM public.ask('{}', sql => 'SELECT 1'); RETURN true; END$$")
    wire.run("CREATE POLICY nosy ON sales AS RESTRICTIVE FOR SELECT TO splitplane_reader USING (asks())")
    with wire.session() as session:
        session.ask_refused(("28000", "42501", "55000", "XX000"), COUNT_SALES)
        assert session.value("SELECT count(*) FROM shops", "brand-b") == 4, "the control: other relations are answered"


def test_parallel_workers_do_not_ask(wire, session):
    """ask is parallel unsafe. A wrapper that lies about it is refused in the worker, spends nothing, and harms no later call."""
    assert wire.run("SELECT string_agg(DISTINCT proparallel::text, '') FROM pg_proc WHERE proname IN ('ask', 'ask_rows', 'ask_dry_run')") == ("u",)
    session.execute("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0")
    wire.run("CREATE FUNCTION lying(c jsonb, q text) RETURNS jsonb LANGUAGE plpgsql PARALLEL SAFE STABLE AS $$BEGIN RETURN public.ask(c, sql => q); END$$")
    wire.run("CREATE TABLE many_rows AS SELECT g FROM generate_series(1, 50000) g; GRANT SELECT ON many_rows TO PUBLIC; ANALYZE many_rows")
    wire.run("ALTER TABLE many_rows SET (parallel_workers = 2)")
    try:
        honest = "EXPLAIN SELECT count(ask('{}', sql => 'x')) FROM many_rows"
        assert "Gather" not in str(session.execute(honest).fetchall())
        lying = "SELECT max(lying({}, {}) ->> 'outcome') FROM many_rows WHERE g = 40000"
        for mode in ("off", "on", "regress"):
            session.execute(f"SET {FORCED_PARALLEL} = {mode}")
            for tenant in TENANTS:
                context = wire.sign(COUNT_SALES, tenant)
                statement = compose.SQL(lying).format(Jsonb(context), COUNT_SALES)
                assert "Gather" in str(session.execute(compose.SQL("EXPLAIN ") + statement).fetchall()), "the control: a parallel plan"
                try:
                    answered = session.execute(statement).fetchone()[0]
                except psycopg.Error as error:
                    assert error.sqlstate == "55000", error
                    assert not error.diag.message_detail and not error.diag.message_hint
                    assert session.call(context, COUNT_SALES)["rows"] == [[SALES[tenant]]], "the context was not spent"
                else:
                    assert answered == "answered", "the leader took the row"
                assert session.value(COUNT_SALES, tenant) == SALES[tenant]
    finally:
        wire.run("DROP FUNCTION lying; DROP TABLE many_rows")
