"""Controls: that the attacks attack, that the canaries are there to be found, and that a broken fence stops the service."""

from __future__ import annotations

import json

import psycopg
from splitplane_test.cluster import MAJOR, WHOLE_MAJORS

from pg_test.attacks import fingerprint
from pg_test.attacks.contexts import answered
from pg_test.attacks.entries import CHILDREN, SCOPED, load, text_of
from pg_test.attacks.naive import LEAKS, wrap
from pg_test.attacks.verdict import canary_in
from pg_test.attacks.world import NAIVE, ask

# What PostgreSQL says of a function of an extension that is not there, and of XML where it was built without.
LACKING = ("42883", "0A000")
# It names every relation that a breach below is about.
HONEST = "SELECT count(*) FROM orders LEFT JOIN customers USING (customer_id)"


def run(suite):
    """Yield (name, what is wrong) for each control."""
    yield f"the naive prefix wrapper leaks on {len(LEAKS)} named entries", naive_leaks(suite)
    yield "the honest entries of the catalogue are answered with rows", honest_entries(suite)
    yield "the canary rows are there for a superuser", canaries_exist(suite)
    yield "the caller and tenant beta see their own, so the canaries are not merely hidden", beta_sees_its_own(suite)
    yield "foreign rows of other scopes raise errors without a fence, and the suite would say so", foreign_rows_raise(suite)
    yield "a fingerprint sees a changed setting, lock, listener, sequence, file and log record", fingerprint_sees(suite)
    for title, breach, mend in BREACHES:
        yield f"ask refuses while {title}, and answers when that is mended", breach_refuses(suite, breach, mend)


def naive_leaks(suite) -> list[str]:
    by_id = {entry["id"]: entry for entry in load()}
    wrong = [] if len(LEAKS) >= 15 else [f"only {len(LEAKS)} entries are named"]
    for name in LEAKS:
        entry = by_id[name]
        seen: list[str] = []
        with suite.world.caller(NAIVE, "naive_app") as connection:
            connection.add_notice_handler(lambda diagnostics, seen=seen: seen.append(diagnostics.message_primary))
            try:
                if "session_setup" in entry:
                    connection.execute(entry["session_setup"])
                connection.execute("BEGIN; SET LOCAL statement_timeout = 5000")
                cursor = connection.execute(wrap(text_of(entry, NAIVE)))
                # Of stacked statements the last one's rows are what the wrapper hands on.
                while cursor.nextset():
                    pass
                seen.append(json.dumps(cursor.fetchall() if cursor.description else [], default=str))
            except psycopg.Error as error:
                if MAJOR not in WHOLE_MAJORS and error.sqlstate in LACKING:
                    continue
                seen.append(str(error))
        if not any(canary_in(text) for text in seen):
            wrong.append(f"{name} leaks nothing through the wrapper: {seen[-1][:150]}")
    return wrong


def honest_entries(suite) -> list[str]:
    wrong = []
    for entry in load():
        if entry["category"] == "control":
            sql = text_of(entry, suite.database)
            with suite.world.caller() as connection:
                try:
                    document = ask(connection, suite.world.context(sql), sql)
                    if not document["rows"]:
                        wrong.append(f"{entry['id']} is answered without rows")
                    wrong += [f"{entry['id']} {reason}" for reason in suite.alone.differs(entry, sql, document)]
                except psycopg.Error as error:
                    wrong.append(f"{entry['id']} is refused: {error.sqlstate} {error}")
    return wrong


def canaries_exist(suite) -> list[str]:
    wrong = []
    with suite.world.superuser() as connection:
        for table in ("tenants", "stores", "customers", "menu_items", "orders", "events", "inventory", "inventory_archive", "secrets", *SCOPED, *CHILDREN):
            rows = connection.execute(f"SELECT string_agg(t::text, ' ') FROM public.{table} t").fetchone()[0]
            if not canary_in(rows):
                wrong.append(f"no canary in {table}")
        items = connection.execute("SELECT string_agg(t::text, ' ') FROM public.order_items t").fetchone()[0]
        if not canary_in(items):
            wrong.append("no canary amount in order_items")
    return wrong


def foreign_rows_raise(suite) -> list[str]:
    wrong = []
    for entry in load():
        if entry["category"] == "side_channel" and any(f"FROM {table} " in f"{entry['sql']} " for table in (*SCOPED, *CHILDREN)):
            with suite.world.superuser() as connection:
                try:
                    connection.execute(entry["sql"]).fetchall()
                    wrong.append(f"{entry['id']} is answered over all rows")
                except psycopg.Error as error:
                    if not suite.alone.answers(entry, entry["sql"], error.sqlstate):
                        wrong.append(f"{entry['id']} would pass with {error.sqlstate}")
    return wrong


def beta_sees_its_own(suite) -> list[str]:
    sql = "SELECT note, total_cents FROM orders ORDER BY order_id LIMIT 1"
    wrong = answered(suite, suite.world.context(sql), sql, [["note 1", 1001]])
    return wrong + answered(suite, suite.world.context(sql, key="beta", tenant="beta"), sql, [["CANARY-B note 1", 7700001]])


def fingerprint_sees(suite) -> list[str]:
    """The nets hold a fish each: what they are to notice is done on purpose, by a role that may."""
    wrong = []
    for statement, sign in (
        ("SET work_mem = '5MB'", "work_mem"),
        ("SET app.tenant = 'beta'", "app.tenant"),
        ("SELECT setseed(0.5)", "random"),
        ("LISTEN pwned", "channels"),
        ("PREPARE fish AS SELECT 1", "prepared statements"),
        ("SELECT nextval('order_id_seq')", "sequences"),
        ("SELECT pg_logical_emit_message(false, 'p', 'x')", "write-ahead log"),
        ("SELECT txid_current()", "next xid"),
        ("SELECT pg_notify('pwned', 'x')", "notification"),
        ("SELECT pg_advisory_lock(4242)", "holds lock"),
        ("CREATE TEMP TABLE fish (x int)", "classes"),
        (f"COPY (SELECT 1) TO '/tmp/{fingerprint.FISH}'", "files"),
    ):
        if sign == "write-ahead log" and not suite.watch.reads_log:
            continue
        connection = suite.world.superuser()
        try:
            server, session = suite.watch.state(), fingerprint.session_state(connection, False)
            connection.execute(statement)
            found = suite.watch.backend(connection.info.backend_pid)
            found += fingerprint.session_changes(session, fingerprint.session_state(connection, True), suite.first_draw)
            found += suite.watch.changes(server, suite.watch.state())
            if not any(sign in reason for reason in found):
                wrong.append(f"{statement} went unnoticed: {found}")
        finally:
            pid = connection.info.backend_pid
            connection.close()
            suite.watch.wait_gone(pid)
    with suite.world.superuser() as connection:
        connection.execute(f"COPY (SELECT 1) TO PROGRAM 'rm -f /tmp/{fingerprint.FISH}'")
    list(suite.watch.connection.notifies(timeout=0))
    return wrong


# What a DBA might do to the fences: (what is then so, the statement, the statement that undoes it besides protecting again).
BREACHES = (
    ("the policy is dropped", "DROP POLICY \"!splitplane_scope\" ON public.orders", ""),
    ("the policy lets every row pass", "ALTER POLICY \"!splitplane_scope\" ON public.orders USING (true)", ""),
    ("row-level security is off", "ALTER TABLE public.orders DISABLE ROW LEVEL SECURITY", "ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY"),
    (
        "the foreign key of a child is dropped",
        "ALTER TABLE public.payments DROP CONSTRAINT payments_order_id_fkey",
        "ALTER TABLE public.payments ADD CONSTRAINT payments_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders",
    ),
    (
        "the policy of a child asks for another key",
        "ALTER POLICY \"!splitplane_scope\" ON public.payments USING (splitplane.in_parent('1:1', payment_id))",
        "SELECT splitplane.protect_through('public.payments', 'public.orders', ARRAY['payment_id', 'order_id', 'method', 'cents'])",
    ),
    (
        "a parent is taken out by hand",
        "UPDATE splitplane.relations SET shared = true, scope = '{}' WHERE relation = 'public.shelves'::regclass",
        "UPDATE splitplane.relations SET shared = false, scope = '{\"tenant_id\": \"tenant\"}' WHERE relation = 'public.shelves'::regclass",
    ),
    ("the reader bypasses row-level security", "ALTER ROLE splitplane_reader BYPASSRLS", "ALTER ROLE splitplane_reader NOBYPASSRLS"),
    ("the reader owns a table", "ALTER TABLE public.orders OWNER TO splitplane_reader", "ALTER TABLE public.orders OWNER TO postgres"),
    ("the reader may read a hidden column", "GRANT SELECT (ssn) ON public.customers TO splitplane_reader", "REVOKE SELECT (ssn) ON public.customers FROM splitplane_reader"),
    ("the reader is a member of a role", "GRANT pg_read_all_data TO splitplane_reader", "REVOKE pg_read_all_data FROM splitplane_reader"),
)


def breach_refuses(suite, breach: str, mend: str) -> list[str]:
    """A warm session and a new one: both must notice, for the fence may fall while sessions are open."""
    wrong = []
    with suite.world.superuser() as dba, suite.world.caller() as warm:
        wrong += answered(suite, suite.world.context(HONEST), HONEST, connection=warm)
        try:
            dba.execute(breach)
        except psycopg.Error as error:
            return [*wrong, f"could not break the fence: {error}"]
        try:
            for name, connection in (("warm", warm), ("new", suite.world.caller())):
                try:
                    document = ask(connection, suite.world.context(HONEST), HONEST)
                    wrong.append(f"a {name} session is answered {document.get('rows')}")
                except psycopg.Error as error:
                    if error.sqlstate != "55000":
                        wrong.append(f"a {name} session is refused with {error.sqlstate}, not 55000: {error}")
                if connection is not warm:
                    connection.close()
            if not dba.execute("SELECT 1 FROM splitplane.doctor() WHERE fix <> ''").fetchone():
                wrong.append("doctor has nothing to say")
        finally:
            if mend:
                dba.execute(mend)
            suite.world.protect("orders")
        wrong += answered(suite, suite.world.context(HONEST), HONEST, connection=warm)
        with suite.world.caller() as connection:
            wrong += answered(suite, suite.world.context(HONEST), HONEST, connection=connection)
    return wrong
