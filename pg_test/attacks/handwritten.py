"""Attacks on the identity that one SQL text cannot say: replay, several calls, several keys, shapes of the context."""

from __future__ import annotations

import concurrent.futures
import datetime
import secrets
import time

import psycopg
from psycopg.types.json import Jsonb
from splitplane_test.cluster import FORCED_PARALLEL, Cluster

from pg_test.attacks import forging
from pg_test.attacks.contexts import OWN, answered, refused
from pg_test.attacks.verdict import canary_in
from pg_test.attacks.world import DATABASE, World, ask

SQL = forging.SQL


def replay_after_rollback(suite) -> list[str]:
    context = suite.world.context(SQL)
    with suite.world.caller() as connection:
        connection.execute("BEGIN")
        wrong = answered(suite, context, connection=connection)
        connection.execute("ROLLBACK")
        wrong += refused(suite, context, SQL, connection=connection)
        # A savepoint is the smaller rollback.
        context = suite.world.context(SQL)
        connection.execute("BEGIN; SAVEPOINT s")
        wrong += answered(suite, context, connection=connection)
        connection.execute("ROLLBACK TO s")
        connection.execute("COMMIT")
    return wrong + refused(suite, context, SQL)


def ledger_flood(suite) -> list[str]:
    """A small ledger, filled: it refuses new contexts and still knows the oldest."""
    size, wrong = 64, []
    with Cluster(settings={"splitplane.ledger_size": size}) as cluster:
        small = World(cluster)
        suite_of_small = type("Small", (), {"world": small, "states": suite.states})()
        first = small.context(SQL)
        with small.caller() as connection:
            wrong += answered(suite_of_small, first, connection=connection)
            full = None
            for used in range(size * 8):
                try:
                    ask(connection, small.context(SQL), SQL)
                except psycopg.Error as error:
                    full = (used, error)
                    break
            if full is None:
                wrong.append(f"{size * 8} contexts fitted a ledger of {size}")
            elif full[1].sqlstate not in ("28000", "53400"):
                wrong.append(f"a full ledger refuses with {full[1].sqlstate}: {full[1]}")
            wrong += refused(suite_of_small, first, SQL, states=("28000", "53400"), connection=connection)
            # A flood of contexts that fail the signature must not fill anything.
        # A restart empties shared memory; what was used before it must stay used.
        cluster.restart()
        wrong += refused(suite_of_small, first, SQL)
        wrong += answered(suite_of_small, small.context(SQL))
        with small.caller() as connection:
            for _ in range(size * 2):
                wrong += refused(suite_of_small, forging.forge(small.keys, DATABASE, SQL, {"signature": "0" * 64}), SQL, connection=connection)
            wrong += answered(suite_of_small, small.context(SQL), connection=connection)
    return wrong


def one_winner_of_many(suite) -> list[str]:
    """One context from many backends at the same time: exactly one is answered."""
    wrong = []
    for _ in range(5):
        context = suite.world.context(SQL)

        def attempt(_number, context=context):
            with suite.world.caller() as connection:
                try:
                    ask(connection, context, SQL)
                    return "rows"
                except psycopg.Error as error:
                    return error.sqlstate

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            ends = list(pool.map(attempt, range(8)))
        if sorted(ends) != ["28000"] * 7 + ["rows"]:
            wrong.append(f"eight uses of one context ended {ends}")
    return wrong


def secrets_kept(suite) -> list[str]:
    """No key's secret in the log, in a setting, in a table; and no setting to put one into."""
    wrong = []
    with suite.world.superuser() as connection:
        for statement in ("ALTER SYSTEM SET splitplane.hmac_key = 'x'", "SET splitplane.hmac_key = 'x'"):
            try:
                connection.execute(statement)
                wrong.append(f"accepted: {statement}")
                connection.execute("ALTER SYSTEM RESET ALL")
            except psycopg.Error:
                pass
        dump = connection.execute("SELECT string_agg(k::text, ' ') FROM splitplane.keys k").fetchone()[0]
        settings = connection.execute("SELECT string_agg(name || setting, ' ') FROM pg_settings").fetchone()[0]
        log = suite.world.cluster.log_text()
        for name, (_, secret) in suite.world.keys.items():
            for place, text in (("splitplane.keys", dump), ("a setting", settings), ("the server log", log)):
                if secret in text or secret.encode().hex() in text:
                    wrong.append(f"the secret of key {name} lies in {place}")
    with suite.world.caller() as connection:
        wrong += refused(suite, suite.world.context("SELECT current_setting('splitplane.hmac_key', true)"),
                         "SELECT current_setting('splitplane.hmac_key', true)", states=("42501",), connection=connection)
    return wrong


def no_other_way_in(suite) -> list[str]:
    """The application role has the entry points and nothing else: no claim function, no table, no bare tenant. `rate` is one of them, and rates
    nothing where nobody has asked."""
    wrong = []
    with suite.world.superuser() as connection:
        open_functions = connection.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass"
            " AND d.deptype = 'e' JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'splitplane'"
            " WHERE has_function_privilege('app', p.oid, 'EXECUTE') AND p.proname NOT IN ('ask','ask_rows','ask_dry_run','rate')"
        ).fetchall()
        wrong += [f"app may execute {name}" for (name,) in open_functions]
        open_tables = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE (n.nspname = 'splitplane' OR c.relname = 'secrets') AND c.relkind IN ('r','v','m','S')"
            " AND (has_table_privilege('app', c.oid, 'SELECT') OR has_table_privilege('splitplane_reader', c.oid, 'SELECT'))"
        ).fetchall()
        wrong += [f"app or splitplane_reader may read {name}" for (name,) in open_tables]
    attempts = (
        "SELECT splitplane.sp_run('beta', 'SELECT note FROM orders', 0)",
        "SELECT splitplane.claim('tenant')",
        "SELECT splitplane.rate(gen_random_uuid(), true)",
        "SELECT splitplane.rate(gen_random_uuid(), true, context => '{\"tenant\": \"beta\"}')",
        "SELECT * FROM splitplane.keys",
        "SELECT splitplane.sign('AKSPBETA', 'beta')",
        "SELECT splitplane.create_key('mine')",
        "SELECT splitplane.admit('beta')",
        "SELECT splitplane.unprotect('public.orders')",
        "SELECT note FROM public.orders",
        "SET ROLE splitplane_reader",
        "SET ROLE splitplane_admin",
        "SET splitplane.max_rows = 1000000",
        "SET splitplane.deadline = 0",
        "SET splitplane.audience = 'other'",
    )
    with suite.world.caller() as connection:
        for statement in attempts:
            try:
                connection.execute(statement)
                wrong.append(f"app could run: {statement}")
            except psycopg.Error:
                pass
    for context in ('{"tenant": "beta"}', '{"x-splitplane-tenant": "beta"}', '"beta"', "{}", "[]", "null", "1"):
        wrong += [f"{context}: {reason}" for reason in refused(suite, context, SQL, states=("28000", "22023"))]
    with suite.world.superuser() as connection:
        # Policies bind splitplane_reader itself: without a verified call it sees nothing.
        connection.execute("SET ROLE splitplane_reader")
        for relation in ("orders", "customers"):
            try:
                rows = connection.execute(f"SELECT count(*) FROM public.{relation}").fetchone()[0]
                if rows:
                    wrong.append(f"splitplane_reader outside a call sees {rows} rows of {relation}")
            except psycopg.Error:
                pass
    return wrong


def parallel_plans(suite) -> list[str]:
    """The count of a large table in parallel workers is the tenant's own, to the row."""
    wrong = []
    with suite.world.superuser() as connection:
        connection.execute(
            "CREATE TABLE wide (id int PRIMARY KEY, tenant_id text NOT NULL, v int);"
            "INSERT INTO wide SELECT g, CASE WHEN g % 3 = 0 THEN 'acme' ELSE 'beta' END, g FROM generate_series(1, 30000) g;"
            "CREATE INDEX ON wide (tenant_id); ANALYZE wide; ALTER TABLE wide SET (parallel_workers = 2)"
        )
        try:
            connection.execute("SELECT splitplane.protect('wide', '{\"tenant_id\": \"tenant\"}')")
            with suite.world.caller() as caller:
                caller.execute(
                    "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;"
                    f"SET min_parallel_index_scan_size = 0; SET {FORCED_PARALLEL} = on"
                )
                for _ in range(3):
                    sql = "SELECT count(*), sum(v) FROM wide"
                    wrong += answered(suite, suite.world.context(sql), sql, [[10000, 150015000]], caller)
        finally:
            connection.execute("SELECT splitplane.unprotect('wide'); DROP TABLE wide")
    return wrong


def hundred_megabytes(suite) -> list[str]:
    """Refused for its size, before its signature is looked at, in about the time that the server takes to receive it."""
    sql = "SELECT 1 /*" + "x" * 100_000_000 + "*/"
    context = forging.forge(suite.world.keys, DATABASE, "SELECT 1", {"signature": "0" * 64})
    with suite.world.caller() as connection:
        began = time.monotonic()
        connection.execute("SELECT pg_catalog.octet_length(%s)", [sql])
        received = time.monotonic() - began
    began = time.monotonic()
    wrong = refused(suite, context, sql, states=("54001",))
    took = time.monotonic() - began
    # The control: it is the signature that a text of sound length is refused for.
    wrong += refused(suite, context, "SELECT 1", states=("28000",))
    if took > 2 * received + 1:
        wrong.append(f"took {took:.1f} s, where {received:.1f} s are needed to receive it")
    return wrong


def second_text_of_a_signed_one(suite) -> list[str]:
    """A context signs one text. With another it is refused, also when the first was never asked."""
    other = "SELECT note FROM orders"
    wrong = refused(suite, suite.world.context(SQL), other)
    context = suite.world.context(SQL)
    with suite.world.caller() as connection:
        wrong += answered(suite, context, connection=connection)
        wrong += refused(suite, context, other, connection=connection)
        # Two statements in one text sent to `ask` are refused as SQL; two calls in one statement are two uses.
        context = suite.world.context(SQL)
        try:
            connection.execute("SELECT public.ask(c, sql => s) FROM (VALUES (%s, %s), (%s, %s)) v(c, s)", [Jsonb(context), SQL, Jsonb(context), SQL])
            wrong.append("one context was used twice in one statement")
        except psycopg.Error as error:
            if error.sqlstate != "28000":
                wrong.append(f"twice in one statement: {error.sqlstate} {error}")
        # Beside a signed question the SQL is unsigned by design: whatever it does, it stays inside.
        context = suite.world.context("how many orders?")
        try:
            row = connection.execute(
                "SELECT public.ask(%s, %s, %s)", [Jsonb(context), "how many orders?", "SELECT count(*) FROM orders"]
            ).fetchone()[0]
            if row.get("rows") not in (OWN, None):
                wrong.append(f"with a question: {row}")
        except psycopg.Error as error:
            if error.sqlstate not in ("55000", "08006", "38000"):
                wrong.append(f"with a question: {error.sqlstate} {error}")
    return wrong


def old_and_early(suite) -> list[str]:
    """The window of time, at its edges, in both directions; both signers."""
    now, wrong = datetime.datetime.now(datetime.UTC), []
    for seconds in (-86400, -3600, -400, 400, 3600, 86400):
        when = now + datetime.timedelta(seconds=seconds)
        wrong += [f"{seconds} s: {r}" for r in refused(suite, suite.world.context(SQL, when=when), SQL)]
    return wrong + answered(suite, suite.world.context(SQL, when=now + datetime.timedelta(seconds=200)))


def keys_that_ended(suite) -> list[str]:
    """Revoked, run out, unknown: told apart by nobody."""
    wrong = []
    for key in ("revoked", "brief", "unknown"):
        wrong += [f"key {key}: {reason}" for reason in refused(suite, suite.world.context(SQL, key=key), SQL)]
    return wrong


def nonces(suite) -> list[str]:
    """A nonce is there, 16 to 128 characters, and is signed."""
    wrong = []
    for nonce in ("", "short", "x" * 15, "x" * 129, "x" * 100000, None):
        context = forging.forge(suite.world.keys, DATABASE, SQL, {"nonce": nonce})
        # One so long is refused for its length, before anything is verified.
        states = ("28000", "22023") if nonce and len(nonce) > 1000 else ("28000",)
        wrong += [f"nonce of {len(nonce or '')}: {r}" for r in refused(suite, context, SQL, states=states)]
    moved = forging.forge(suite.world.keys, DATABASE, SQL, {"set": {"x-splitplane-nonce": secrets.token_hex(16)}})
    return wrong + refused(suite, moved, SQL) + answered(suite, forging.forge(suite.world.keys, DATABASE, SQL, {"nonce": "x" * 16}))


def principals(suite) -> list[str]:
    """A signature proves who speaks, the registration who may: combinations that were never admitted are refused."""
    wrong = []
    for tenant, business, subject in (
        ("gamma", "", ""),
        ("gamma", "north", ""),
        ("gamma", "north", "u-2"),
        ("gamma", "south", "u-1"),
        ("gamma", "*", "*"),
        ("acme", "closed", "u-9"),
        ("tenant", "acme", "beta"),
    ):
        context = suite.world.context(SQL, key="any", tenant=tenant, business=business, subject=subject)
        wrong += [f"{tenant}/{business}/{subject}: {reason}" for reason in refused(suite, context, SQL)]
    # An admitted tenant without rows is answered, with nothing.
    wrong += answered(suite, suite.world.context(SQL, key="any", tenant="gamma", business="north", subject="u-1"), rows=[[0]])
    return wrong + answered(suite, suite.world.context(SQL, key="any"))


def between_tenants_in_one_session(suite) -> list[str]:
    """A pooled session serves acme, beta, an error, a refusal, acme: each sees its own, nothing stays behind."""
    wrong = []
    total = "SELECT sum(total_cents), min(note) FROM orders"
    with suite.world.caller() as connection:
        for _ in range(4):
            wrong += answered(suite, suite.world.context(total), total, [[51275, "note 1"]], connection)
            beta = ask(connection, suite.world.context(total, key="beta", tenant="beta"), total)
            if beta["rows"] != [[385001275, "CANARY-B note 1"]]:
                wrong.append(f"beta is answered {beta['rows']}")
            for sql in ("SELECT 1/(total_cents-7700001) FROM orders", "SELECT nothing FROM orders"):
                try:
                    ask(connection, suite.world.context(sql, key="beta", tenant="beta"), sql)
                    wrong.append(f"no error: {sql}")
                except psycopg.Error as error:
                    if canary_in(str(error)) and error.sqlstate != "22012":
                        wrong.append(str(error))
            wrong += refused(suite, forging.forge(suite.world.keys, DATABASE, total, {"signature": "0" * 64}), total, connection=connection)
            # The plan of one tenant must not serve the next, nor an open cursor.
            connection.execute("SET plan_cache_mode = force_generic_plan")
    return wrong


def allowed_extensions(suite) -> list[str]:
    """Extensions in a schema where others create objects: no function of theirs runs, no setting of the session counts, no error tells."""
    wrong = []
    planted = """
        CREATE TABLE named (tenant_id text NOT NULL, name citext, note text);
        INSERT INTO named VALUES ('acme', 'Ann', 'word'), ('acme', 'BOB', 'wordage'), ('beta', 'CANARY-B name', 'CANARY-B note');
        CREATE INDEX ON named USING gist (note gist_trgm_ops);
        CREATE FUNCTION theft(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'CANARY-B ran over %', $1; END $$;
        CREATE DOMAIN trap AS text CHECK (theft(VALUE) IS NULL);
        CREATE TYPE trapped AS (x trap);
        CREATE FUNCTION similarity(text, varchar) RETURNS real LANGUAGE sql COST 0.0001 AS 'SELECT theft($1)::real';
        CREATE FUNCTION similarity(text, int, trapped) RETURNS real LANGUAGE sql AS 'SELECT 1::real';
        CREATE FUNCTION show_trgm(citext) RETURNS text LANGUAGE sql COST 0.0001 AS 'SELECT theft($1::text)';
        CREATE FUNCTION same(citext, varchar) RETURNS boolean LANGUAGE sql COST 0.0001 AS 'SELECT theft($1::text) IS NULL';
        CREATE OPERATOR % (FUNCTION = same, LEFTARG = citext, RIGHTARG = varchar);
        CREATE OPERATOR === (FUNCTION = citext_ne, LEFTARG = citext, RIGHTARG = citext);
    """
    forget = """
        SELECT splitplane.unprotect('named'); DROP TABLE named; DROP OPERATOR % (citext, varchar); DROP OPERATOR === (citext, citext);
        DROP FUNCTION same(citext, varchar), show_trgm(citext), similarity(text, int, trapped), similarity(text, varchar);
        DROP TYPE trapped; DROP DOMAIN trap; DROP FUNCTION theft(text);
        SELECT splitplane.disallow_extension(e) FROM unnest(ARRAY['citext', 'pg_trgm']) AS e;
    """
    with suite.world.superuser() as connection:
        connection.execute(planted)
        connection.execute("SELECT splitplane.allow_extension(e) FROM unnest(ARRAY['citext', 'pg_trgm']::name[]) AS e")
        connection.execute("SELECT splitplane.protect('named', '{\"tenant_id\": \"tenant\"}')")
        try:
            with suite.world.caller() as caller:
                caller.execute("SET pg_trgm.similarity_threshold = 0.95; SET search_path = public")
                for sql, rows in [
                    ("SELECT name FROM named WHERE name = 'ANN'", [["Ann"]]),
                    ("SELECT count(*) FROM named WHERE note % 'word'::text", [[2]]),
                    ("SELECT note FROM named ORDER BY note <-> 'CANARY-B note' LIMIT 3", [["word"], ["wordage"]]),
                    ("SELECT count(*) FROM named WHERE name = 'canary-b NAME'", [[0]]),
                    ("SELECT max(name) FROM named", [["BOB"]]),
                ]:
                    wrong += answered(suite, suite.world.context(sql), sql, rows, caller)
                for sql in [
                    "SELECT similarity(note, 'x'::varchar) FROM named",
                    "SELECT similarity(note, 1, '(x)') FROM named",
                    "SELECT public.similarity(note, 1, '(x)') FROM named",
                    "SELECT show_trgm(name) FROM named",
                    "SELECT name % 'x'::varchar FROM named",
                    "SELECT name OPERATOR(public.%) 'x'::varchar FROM named",
                    "SELECT name === name FROM named",
                    "SELECT theft(note) FROM named",
                    "SELECT '(x)'::trapped",
                    "SELECT 'x'::public.trap",
                    "SELECT set_limit(0.1)",
                    "SELECT 'a=>1'::hstore",
                    "SELECT note FROM named WHERE note = '' OR 'a=>1' @> hstore('a', note)",
                ]:
                    wrong += refused(suite, suite.world.context(sql), sql, states=("42501",), connection=caller)
                # It fails over beta's row, which only beta is told.
                sql = "SELECT count(*) FROM named WHERE 'x' ~ regexp_replace(name, 'canary.*', '[')"
                wrong += answered(suite, suite.world.context(sql), sql, [[0]], caller)
                wrong += refused(suite, suite.world.context(sql, key="beta", tenant="beta"), sql, states=("2201B",), connection=caller)
                kept = caller.execute("SHOW pg_trgm.similarity_threshold").fetchone()
                if kept != ("0.95",):
                    wrong.append(f"the session's own setting is {kept}")
        finally:
            connection.execute(forget)
    return wrong


# Attack id -> its test. The CF ids are the catalogue's whose context is a story, the OWN ids those of own.jsonl.
TESTS = {
    "CF-061": replay_after_rollback,
    "CF-063": ledger_flood,
    "CF-105": secrets_kept,
    "CF-107": no_other_way_in,
    "CF-112": parallel_plans,
    "CF-118": hundred_megabytes,
    "CF-119": second_text_of_a_signed_one,
    "OWN-CF-001": one_winner_of_many,
    "OWN-CF-002": old_and_early,
    "OWN-CF-003": keys_that_ended,
    "OWN-CF-004": nonces,
    "OWN-CF-005": principals,
    "OWN-CF-006": between_tenants_in_one_session,
    "OWN-CF-090": allowed_extensions,
}
# Those that need extensions which are on a list.
OF_LISTS = ("OWN-CF-090",)
