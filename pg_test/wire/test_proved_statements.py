"""Which statements a session keeps once they are proved, and for whom it finds them again. The server's log says of each call whether
it did.
"""

import json

import psycopg
import pytest
from splitplane_test.plane import numbered
from splitplane_test.session import call

from pg_test.wire.harness import Wire
from pg_test.wire.proved import AGAIN, NORTH, PARTS, SCHEMA, SHOUT, SOUTH, STORES, VIEW, VISITS, asked, cold, is_known, logging_server, outcome, warm


@pytest.fixture(scope="module")
def server():
    with logging_server() as running:
        yield running


@pytest.fixture(scope="module")
def plane(server):
    """One database, which no test changes."""
    return Wire.build(server, numbered("proved"), SCHEMA)


@pytest.fixture
def own(server):
    """A database of the test's own."""
    return Wire.build(server, numbered("proved"), SCHEMA)


def test_a_statement_is_kept_when_it_comes_for_the_second_time(plane):
    with plane.session() as session:
        for sql in (STORES, VISITS, PARTS, SHOUT, VIEW):
            assert [is_known(session, sql) for _ in range(3)] == [False, False, True]
            assert outcome(session, sql) == cold(plane, sql) != []


def test_the_document_is_the_same(plane):
    """But for what is each call's own. The dry run shows the same SQL, parameters, facts and columns."""
    def documents(session, function):
        found = session.call(plane.sign(PARTS, "brand-a", **NORTH), PARTS, function=function)
        return {name: value for name, value in found.items() if name not in ("query_id", "timings_ms")}

    with plane.session() as session:
        first = [documents(session, function) for function in ("ask", "ask_dry_run")]
        warm_up = is_known(session, PARTS)
        assert warm_up and [documents(session, function) for function in ("ask", "ask_dry_run")] == first


@pytest.mark.parametrize("sql", [STORES, VISITS, PARTS, SHOUT, VIEW])
def test_what_it_is_compared_by(plane, sql):
    """One thing at a time differs from what was kept: the text, the tenant, the settings that are pinned."""
    with plane.session() as session:
        warm(session, sql)
        for text in (sql + " ", sql + "\n", sql.replace("SELECT", "select"), f"{sql} -- again"):
            assert asked(session, text) == (outcome(session, sql), False), text
        assert is_known(session, sql)
        other = asked(session, sql, "brand-b")
        assert other == (cold(plane, sql, "brand-b"), False), "another tenant's is not found"
        assert [is_known(session, sql, "brand-b") for _ in range(2)] == [False, True]
        assert is_known(session, sql), "that of the first tenant is still there"


def test_settings_that_are_pinned(plane):
    """Each has been read by the analysis of some statement."""
    sql = "SELECT (timestamptz '2026-07-01 12:00')::text AS noon FROM stores"
    with plane.session(user=plane.cluster.superuser) as session:
        for zone, wanted in (("UTC", "+00"), ("Asia/Tokyo", "+09"), ("America/New_York", "-04")):
            session.execute(f"SET splitplane.time_zone = '{zone}'")
            assert warm(session, sql) == [[f"2026-07-01 12:00:00{wanted}"]], zone
        session.execute("SET splitplane.max_memory = '300MB'")
        assert not is_known(session, sql)


def test_column_types_that_are_asked_for(plane):
    sql = "SELECT store_id AS n FROM stores"

    def rows(session, types):
        log = session.plane.cluster.log_text
        mark = len(log())
        statement = f"SELECT * FROM ask_rows(%s::jsonb, sql => %s) AS t({types})"
        try:
            got = [list(row) for row in session.execute(statement, [json.dumps(plane.sign(sql, "brand-a", **NORTH)), sql]).fetchall()]
        except psycopg.Error as error:
            got = error.sqlstate
        lines = [line for line in log()[mark:].splitlines() if f"[{session.pid}]" in line]
        return got, any(AGAIN in line for line in lines)

    with plane.session() as session:
        number = warm(session, sql)[0][0]
        assert [rows(session, "n int") for _ in range(2)] == [([[number]], False), ([[number]], True)]
        assert [rows(session, "n text") for _ in range(2)] == [([[str(number)]], False), ([[str(number)]], True)]
        assert rows(session, "n varchar(1)")[1] is False
        assert rows(session, "n int, m int")[1] is False
        assert rows(session, "n int") == ([[number]], True)
        assert is_known(session, sql)
        assert [rows(session, "n short")[1] for _ in range(3)] == [False] * 3, "a type of someone's"


def test_principals_of_one_tenant_share_it_and_see_their_own_rows(plane):
    with plane.session() as session:
        warm(session, VISITS, **NORTH)
        assert asked(session, VISITS, **SOUTH) == ([["CANARY-brand-a south bob"]], True)
        assert asked(session, VISITS, **NORTH) == ([["CANARY-brand-a north ann"]], True)
        assert asked(session, VISITS, business="nowhere", subject="ann") == ([], True)
        two = [["CANARY-brand-a 1"], ["CANARY-brand-a 2"]]
        assert warm(session, PARTS, **NORTH) == two
        assert asked(session, PARTS, **SOUTH) == (two[1:], True), "a shorter list"
        assert asked(session, PARTS, **NORTH) == (two, True)


def test_claims_that_are_one_parameter(plane):
    """Equal values of one type are one parameter: then the fences have other numbers, and the tree is not theirs."""
    same = {"business": "brand-a", "subject": "ann"}
    with plane.session() as session:
        warm(session, VISITS, **NORTH)
        assert asked(session, VISITS, **same) == ([["CANARY-brand-a brand-a ann"]], False)
        assert asked(session, VISITS, **same) == ([["CANARY-brand-a brand-a ann"]], True)
        assert asked(session, VISITS, **NORTH) == ([["CANARY-brand-a north ann"]], False)
        assert asked(session, VISITS, **NORTH) == ([["CANARY-brand-a north ann"]], True)


# Constants that another moment reads otherwise, where they may stand and how they may be spelled.
OF_THE_MOMENT = [
    "SELECT name FROM days WHERE day = 'today'",
    "SELECT name FROM days WHERE day = date 'TODAY'",
    "SELECT name FROM days WHERE day = 'tomorrow'::date",
    "SELECT name FROM days WHERE day = CAST('yesterday' AS date)",
    "SELECT name FROM days WHERE day = ' ToDay '",
    "SELECT name FROM days WHERE day = E'to\\x64ay'",
    "SELECT name FROM days WHERE day = $x$today$x$",
    "SELECT name FROM days WHERE day = 'to'\n'day'",
    "SELECT name FROM days WHERE day = ANY ('{today,2020-01-01}')",
    "SELECT name FROM days WHERE day = ANY ('{to\\day}'::date[])",
    "SELECT name FROM days WHERE day IN ('2020-01-01', 'today')",
    "SELECT name FROM days WHERE day BETWEEN '2020-01-01' AND 'today' ORDER BY day DESC LIMIT 1",
    "SELECT name FROM days WHERE day <@ daterange '[today,tomorrow)'",
    "SELECT name FROM days WHERE day <@ '[t\"oda\"y,to\\morrow)'::daterange",
    "SELECT name FROM days WHERE day <@ '{[today,tomorrow)}'::datemultirange",
    "SELECT name FROM days WHERE moment::date = timestamp 'today'",
    "SELECT name FROM days WHERE moment > 'today'::timestamptz AND moment < 'tomorrow'::timestamptz",
    "SELECT name FROM days WHERE moment - 'now'::timestamptz BETWEEN interval '-1 hour' AND interval '1 hour'",
    "SELECT 'today'::date = current_date AS is_so FROM days LIMIT 1",
    "SELECT CASE WHEN day >= 'today' THEN 'later' ELSE 'before' END AS w, count(*) FROM days GROUP BY 1 ORDER BY 1",
    "SELECT count(*) FILTER (WHERE day < 'today') AS n FROM days",
    "SELECT n FROM (VALUES (date 'today')) AS v(n)",
    "WITH w AS (SELECT date 'today' AS d) SELECT name FROM days JOIN w ON day = d",
    "SELECT (SELECT max(name) FROM days AS i WHERE i.day = 'today') AS name FROM days LIMIT 1",
    "SELECT 'now'::time < 'allballs'::time AS is_so",
    "SELECT '10:00'::timetz AS hour",
    "SELECT sum(1) OVER (ORDER BY day RANGE BETWEEN interval '1 day' PRECEDING AND CURRENT ROW) FROM days WHERE day = 'today'",
    # The CHECK of the domain has run when the array was read.
    "SELECT name FROM days WHERE day = ANY ('{2199-01-01,2199-01-02}'::upcoming[])",
    "SELECT '{2199-01-01}'::upcoming[] IS NULL AS n FROM days LIMIT 1",
    "SELECT cardinality('{a,b}'::short[]) AS n",
]
# The same at any moment: of texts, or of functions that run each time.
LASTING = [
    "SELECT name FROM days WHERE day = current_date",
    "SELECT name FROM days WHERE day = now()::date AND name <> 'unknown snow'",
    "SELECT name FROM days WHERE day >= date '2026-01-01' AND day < '2126-01-01' ORDER BY day",
    "SELECT name FROM days WHERE day >= current_date - interval '2 days' ORDER BY day",
    "SELECT name FROM days WHERE moment > timestamptz '2026-01-01 10:00:00+02' ORDER BY day",
    "SELECT name FROM days WHERE day = ANY ('{2026-01-01,2026-12-31}') ORDER BY day",
    "SELECT name FROM days WHERE day <@ daterange '[2020-01-01,2100-01-01)' ORDER BY day",
    "SELECT name FROM days WHERE day = 'Jan 5, 2026' OR day = 'infinity' OR day = 'epoch'",
    "SELECT city FROM stores WHERE rank = 'low' AND store_id = ANY ('{971,972}') AND city LIKE '%a'",
    "SELECT 'today' AS word, name FROM days WHERE day = 'today'::text::date",
    "SELECT name FROM days WHERE day = ('to' || 'day')::date",
    "SELECT to_char(day, 'YYYY') AS year, count(*) FROM days GROUP BY 1 ORDER BY 1",
    # The CHECK of the domain runs at each call.
    "SELECT name FROM days WHERE day < '2199-01-01'::upcoming ORDER BY day",
]


@pytest.mark.parametrize("sql", OF_THE_MOMENT)
def test_a_statement_with_a_constant_of_the_moment_is_not_kept(plane, sql):
    with plane.session() as session:
        seen = [asked(session, sql) for _ in range(4)]
        assert [known for _, known in seen] == [False] * 4
        assert isinstance(seen[0][0], list), f"the control: it is answered, {seen[0]}"


@pytest.mark.parametrize("sql", LASTING)
def test_a_statement_without_one_is(plane, sql):
    with plane.session() as session:
        assert isinstance(warm(session, sql), list)


def test_keys_of_parents_are_collected_at_each_call(plane):
    sql = "SELECT label FROM visit_items"
    with plane.session() as session:
        assert [asked(session, sql) for _ in range(4)] == [([["CANARY-brand-a north ann"]], False)] * 4


CONTEXTS = "SELECT count(*), coalesce(sum(total_bytes), 0)::bigint FROM pg_backend_memory_contexts WHERE name = 'splitplane proved statement'"


def test_what_is_kept_is_bounded(own):
    with own.session(user=own.cluster.superuser) as session:
        assert session.execute(CONTEXTS).fetchone() == (0, 0)
        first = "SELECT city AS n0 FROM stores"
        warm(session, first)
        assert session.execute(CONTEXTS).fetchone()[0] == 1, "the control"
        for number in range(1, 32):
            for _ in range(2):
                session.ask(f"SELECT city AS n{number} FROM stores", **NORTH)
        assert session.execute(CONTEXTS).fetchone()[0] == 32 and is_known(session, first)
        for number in range(32, 63):
            for _ in range(2):
                session.ask(f"SELECT city AS n{number} FROM stores", **NORTH)
        assert session.execute(CONTEXTS).fetchone()[0] == 32
        assert is_known(session, first), "what was used last is the last to go"
        large = " UNION ALL ".join(["SELECT s.city, t.secret, u.rank::text FROM stores s, stores t, stores u"] * 12)
        for number in range(40):
            for _ in range(2):
                session.ask(f"SELECT city AS n{number} FROM ({large}) AS x LIMIT 1", **NORTH)
            count, size = session.execute(CONTEXTS).fetchone()
            assert count <= 32 and size <= 1024 * 1024
        assert 1 < count < 32, "the control: bytes, and not their number, are the bound"
        own.run("ALTER TABLE days ADD gone int; ALTER TABLE days DROP gone")
        session.ask("SELECT 1", **NORTH)
        session.ask("SELECT 1", **NORTH)
        assert session.execute(CONTEXTS).fetchone()[0] <= 1, "what does not hold any more is freed"


def test_a_tenant_gives_up_its_own_statements_first(own):
    """What one tenant does in a session drops nothing of another's that has kept a few."""
    with own.session() as session:
        warm(session, STORES, "brand-b")
        first = "SELECT city AS n0 FROM stores"
        for number in range(40):
            for _ in range(2):
                session.ask(f"SELECT city AS n{number} FROM stores", **NORTH)
        assert is_known(session, STORES, "brand-b")
        assert not is_known(session, first), "the control: the places were full"


def test_skeletons_are_kept_for_all_and_hold_nothing_of_a_tenant(own):
    """Statements of the same tables share one, whoever asks; it is found again for another tenant, who sees that tenant's own rows."""
    count = CONTEXTS.replace("proved statement", "skeleton")

    def ask(number, tenant):
        sql = f"SELECT note AS n{number} FROM visits"
        assert outcome(session, sql, tenant) == cold(own, sql, tenant)

    with own.session(user=own.cluster.superuser) as session:
        ask(0, "brand-a")
        kept = session.execute(count).fetchone()[0]
        assert kept > 0
        for number, tenant in enumerate(("brand-b", "brand-a", "brand-b"), start=1):
            ask(number, tenant)
        assert session.execute(count).fetchone()[0] == kept
        session.ask("SELECT v.note, s.city FROM visits v, stores s", **NORTH)
        assert session.execute(count).fetchone()[0] > kept, "the control: other tables are another one"


def test_an_error_over_rows_is_the_same_each_time(plane):
    """What it says hangs on how far the statement has come."""
    sql = "SELECT 1 / (store_id - store_id) AS n FROM stores"
    with plane.session() as session:
        errors = [session.ask_refused("22012", sql, "brand-a", **NORTH) for _ in range(4)]
        assert len({str(error) for error in errors}) == 1
        assert is_known(session, sql)
        cast = "SELECT city::int AS n FROM stores"
        said = [str(session.ask_refused("22P02", cast, "brand-a", **NORTH)) for _ in range(4)]
        assert len(set(said)) == 1
        assert is_known(session, cast)


def test_the_rows_of_a_call_that_was_kept_are_nobody_elses(plane):
    """All tenants and principals in one session, in turn, over statements that are kept."""
    with plane.session() as session:
        for sql in (STORES, VISITS, PARTS, VIEW):
            for tenant in ("brand-a", "brand-b"):
                warm(session, sql, tenant)
        for _ in range(3):
            for sql in (STORES, VISITS, PARTS, VIEW):
                for tenant in ("brand-a", "brand-b"):
                    got, known = asked(session, sql, tenant)
                    assert known and got == cold(plane, sql, tenant)


def test_a_context_is_needed_each_time(plane):
    with plane.session() as session:
        warm(session, STORES)
        signed = plane.sign(STORES, "brand-a", **NORTH)
        session.call(signed, STORES)
        for context in (signed, None, {}, plane.sign(STORES + " ", "brand-a", **NORTH), plane.sign(STORES, "brand-z", **NORTH)):
            with pytest.raises(psycopg.Error) as refused:
                call(session.connection, context, STORES)
            assert refused.value.sqlstate == ("22023" if context is None else "28000")
