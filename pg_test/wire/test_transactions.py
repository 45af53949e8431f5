"""Calls inside every shape of transaction, without writing and without leaving a mark in it."""

import pytest
from psycopg import sql as compose
from psycopg.types.json import Jsonb
from splitplane_test.session import Session, canaries, refusal

from pg_test.wire.harness import COUNT_SALES, SALES

ASK = "SELECT ask(%s::jsonb, sql => %s)"
NO_XID = "SELECT pg_current_xact_id_if_assigned()"
FAILING = "SELECT 1 / (amount - amount) FROM sales"


def test_read_only_transaction(wire):
    with wire.session(autocommit=False) as session:
        session.execute("SET TRANSACTION READ ONLY")
        assert session.value(COUNT_SALES) == SALES["brand-a"]
        assert session.execute("SHOW transaction_read_only").fetchone() == ("on",)


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "SERIALIZABLE READ ONLY DEFERRABLE"])
def test_no_transaction_id_is_assigned(wire, level):
    with wire.session(autocommit=False) as session:
        session.execute("SET TRANSACTION ISOLATION LEVEL " + level.replace(" READ ONLY DEFERRABLE", ", READ ONLY, DEFERRABLE"))
        for tenant in SALES:
            assert session.value(COUNT_SALES, tenant) == SALES[tenant]
            assert session.execute(NO_XID).fetchone() == (None,)
        session.execute("SAVEPOINT s")
        session.ask_refused("22012", FAILING)
        session.execute("ROLLBACK TO s")
        assert session.execute(NO_XID).fetchone() == (None,)
        session.execute("SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t(n bigint)", (Jsonb(wire.sign(COUNT_SALES)), COUNT_SALES))
        session.call(wire.sign(COUNT_SALES), COUNT_SALES, function="ask_dry_run")
        assert session.execute(NO_XID).fetchone() == (None,)


def test_caller_may_write_around_the_call(wire):
    """Read-only holds for the untrusted query, not for the transaction that it was asked in."""
    with wire.session(autocommit=False) as session:
        session.execute("CREATE TEMP TABLE mine (n bigint)")
        for tenant in SALES:
            session.execute("INSERT INTO mine SELECT %s", (session.value(COUNT_SALES, tenant),))
            assert session.execute("SHOW transaction_read_only").fetchone() == ("off",)
        assert session.execute("SELECT array_agg(n ORDER BY n) FROM mine").fetchone()[0] == sorted(SALES.values())
        session.connection.commit()


def test_statement_that_writes_may_hold_a_call(wire, session):
    session.execute("CREATE TEMP TABLE answers (document jsonb)")
    session.execute("INSERT INTO answers SELECT ask(%s::jsonb, sql => %s)", (Jsonb(wire.sign(COUNT_SALES)), COUNT_SALES))
    assert session.execute("SELECT document->'rows' FROM answers").fetchone() == ([[SALES["brand-a"]]],)


def test_error_leaves_the_usual_aborted_transaction(wire):
    with wire.session(autocommit=False) as session:
        session.ask_refused("22012", FAILING)
        refusal(lambda: session.execute("SELECT 1"), "25P02")
        session.connection.rollback()
        assert session.value(COUNT_SALES, "brand-c") == SALES["brand-c"]


def test_savepoints_and_failures_alternate(wire):
    with wire.session(autocommit=False) as session:
        before = session.state()
        for depth in range(20):
            session.execute(f"SAVEPOINT s{depth}")
            tenant = ("brand-a", "brand-b")[depth % 2]
            assert session.value(COUNT_SALES, tenant) == SALES[tenant]
            session.execute(f"SAVEPOINT inner{depth}")
            session.ask_refused("22012", FAILING, tenant)
            session.execute(f"ROLLBACK TO inner{depth}")
            assert session.state() == before
        assert session.value(COUNT_SALES) == SALES["brand-a"]
        session.connection.commit()
        assert session.state() == before


def test_plpgsql_exception_blocks(wire, session):
    """The handler runs as the caller again, and the next call in the block starts clean."""
    session.execute(
        """CREATE FUNCTION pg_temp.try_ask(context jsonb, query text) RETURNS text LANGUAGE plpgsql AS $$
        DECLARE answer jsonb; hint text; detail text; BEGIN
            answer := public.ask(context, sql => query);
            RETURN answer->'rows'->0->>0;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT, detail = PG_EXCEPTION_DETAIL;
            RETURN concat_ws('|', SQLSTATE, current_user, current_setting('search_path'), hint, detail);
        END $$"""
    )
    path = session.execute("SHOW search_path").fetchone()[0]

    def attempt(query, tenant="brand-a", **signing):
        context = wire.sign(query, tenant, **signing)
        return session.execute("SELECT pg_temp.try_ask(%s, %s)", (Jsonb(context), query)).fetchone()[0]

    for _ in range(5):
        assert attempt(COUNT_SALES) == str(SALES["brand-a"])
        # Nothing follows the search path: neither hint nor detail.
        assert attempt(FAILING, "brand-b") in (f"22012|app|{path}", f"22012|app|{path}||")
        assert attempt("SELECT * FROM vault").startswith(f"42P01|app|{path}")
        assert attempt(COUNT_SALES, key=("AKNOBODY", "x")).startswith(f"28000|app|{path}")
        assert attempt(COUNT_SALES, "brand-c") == str(SALES["brand-c"])


def test_calls_from_several_contexts_per_row(wire, session):
    """One statement, a call per row, a principal per call."""
    session.execute("CREATE TEMP TABLE asked (tenant text, context jsonb)")
    for tenant in list(SALES) * 3:
        session.execute("INSERT INTO asked VALUES (%s, %s)", (tenant, Jsonb(wire.sign("SELECT count(*), min(note) FROM sales", tenant))))
    rows = session.execute("SELECT tenant, ask(context, sql => 'SELECT count(*), min(note) FROM sales')->'rows'->0 FROM asked").fetchall()
    assert len(rows) == 9
    for tenant, (count, note) in rows:
        assert count == SALES[tenant] and not canaries(note, tenant)
    # A failing call among them ends the statement, and the session goes on.
    session.execute("UPDATE asked SET context = '{}' WHERE tenant = 'brand-b'")
    refusal(lambda: session.execute("SELECT ask(context, sql => 'SELECT 1') FROM asked"), "28000")
    assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_two_row_sources_in_one_join(wire, session):
    """Two ask_rows of different tenants are open side by side; each keeps its own rows."""
    query = "SELECT sale_id, note FROM sales"
    one, two = Jsonb(wire.sign(query, "brand-a")), Jsonb(wire.sign(query, "brand-b"))
    rows = session.execute(
        """SELECT a.note, b.note FROM ask_rows(%s::jsonb, sql => %s) AS a(id int, note text)
           JOIN ask_rows(%s::jsonb, sql => %s) AS b(id int, note text) USING (id)""",
        (one, query, two, query),
    ).fetchall()
    assert len(rows) == SALES["brand-a"]
    assert all(not canaries(first, "brand-a") and not canaries(second, "brand-b") for first, second in rows)


def test_limit_abandons_a_row_source_cleanly(wire, session):
    before = session.state()
    query = "SELECT note FROM sales"
    statement = "SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t(note text) LIMIT 3"
    for _ in range(10):
        assert len(session.execute(statement, (Jsonb(wire.sign(query)), query)).fetchall()) == 3
        assert session.state() == before
        assert session.value(COUNT_SALES, "brand-b") == SALES["brand-b"]


def test_cursor_over_rows_is_read_between_other_calls(wire):
    """A cursor stays open while other principals ask in the same transaction."""
    query = "SELECT note FROM sales ORDER BY sale_id"
    with wire.session(autocommit=False) as session:
        with session.connection.cursor(name="open_rows") as cursor:
            cursor.execute("SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t(note text)", (Jsonb(wire.sign(query)), query))
            seen = []
            while batch := cursor.fetchmany(7):
                seen += [note for (note,) in batch]
                assert session.value(COUNT_SALES, "brand-b") == SALES["brand-b"]
                session.execute("SAVEPOINT s")
                session.ask_refused("22012", FAILING, "brand-c")
                session.execute("ROLLBACK TO s")
        assert len(seen) == SALES["brand-a"] and not canaries(str(seen), "brand-a")


def test_cursor_over_a_call_outlives_its_transaction(wire):
    with wire.session(autocommit=False) as session:
        declare = compose.SQL("DECLARE held CURSOR WITH HOLD FOR SELECT * FROM ask_rows({}::jsonb, sql => {}) AS t(n bigint)")
        session.execute(declare.format(Jsonb(wire.sign(COUNT_SALES)), COUNT_SALES))
        session.connection.commit()
        assert session.execute("FETCH ALL FROM held").fetchall() == [(SALES["brand-a"],)]


def test_prepared_statement_serves_several_principals(wire, session):
    """A cached outer plan holds nothing of the principal that it was first run for."""
    for turn in range(20):
        tenant = ("brand-a", "brand-b", "brand-c")[turn % 3]
        row = session.connection.execute(ASK, (Jsonb(wire.sign(COUNT_SALES, tenant)), COUNT_SALES), prepare=True).fetchone()
        assert row[0]["rows"] == [[SALES[tenant]]]


def test_pipeline_and_several_statements_in_one_message(wire, session):
    contexts = [(tenant, wire.sign(COUNT_SALES, tenant)) for tenant in list(SALES) * 2]
    with session.connection.pipeline():
        cursors = [(tenant, session.execute(ASK, (Jsonb(context), COUNT_SALES))) for tenant, context in contexts]
    for tenant, cursor in cursors:
        assert cursor.fetchone()[0]["rows"] == [[SALES[tenant]]]


def test_do_block_with_commit(wire, session):
    """A procedure that commits between two calls."""
    contexts = [compose.Literal(Jsonb(wire.sign(COUNT_SALES, tenant))).as_string(session.connection) for tenant in ("brand-a", "brand-b")]
    session.execute("CREATE TEMP TABLE seen (document jsonb)")
    session.execute(
        f"""DO $$ BEGIN
            INSERT INTO seen SELECT public.ask({contexts[0]}, sql => '{COUNT_SALES}'); COMMIT;
            INSERT INTO seen SELECT public.ask({contexts[1]}, sql => '{COUNT_SALES}'); ROLLBACK;
        END $$"""
    )
    assert session.execute("SELECT document->'rows' FROM seen").fetchall() == [([[SALES["brand-a"]]],)]


def test_security_definer_wrapper_of_the_application(wire, session):
    """The application may wrap ask in its own function; the principal is the context's, not the function owner's."""
    with wire.admin() as admin:
        admin.execute(
            "CREATE OR REPLACE FUNCTION public.wrapped(context jsonb, query text) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$SELECT public.ask(context, sql => query)$$"
        )
        try:
            for tenant in SALES:
                row = session.execute("SELECT public.wrapped(%s, %s)", (Jsonb(wire.sign(COUNT_SALES, tenant)), COUNT_SALES)).fetchone()
                assert row[0]["rows"] == [[SALES[tenant]]]
        finally:
            admin.execute("DROP FUNCTION public.wrapped")


def test_superuser_sees_his_principals_rows_only(wire):
    """Row-level security does not bind superusers: the reader's identity must be in force for them too."""
    with wire.admin() as admin:
        session = Session(wire, admin)
        assert admin.execute(COUNT_SALES).fetchone()[0] == sum(SALES.values()), "the control"
        for tenant in SALES:
            assert session.value(COUNT_SALES, tenant) == SALES[tenant]
        session.ask_refused("42P01", "SELECT * FROM vault")
        assert admin.execute("SELECT current_user").fetchone() == ("postgres",)
