"""A plane of the version before, under the library of this one: closed until the update, and right after it."""

import json

import planes
import psycopg
import pytest
from planes import ADVICE, NOTES, PRINCIPALS, SHARED, TABLES, ask, criticals, truth, update

COUNT = NOTES.format("orders")


def test_plane_is_closed_until_the_update(earlier):
    with earlier.session() as session:
        for principal in PRINCIPALS:
            context = earlier.sign(COUNT, principal.tenant, principal.business, principal.subject)
            error = session.refused("55000", context, COUNT)
            assert error.diag.message_primary == ADVICE
        before = earlier.sign(COUNT, "1")
        assert session.refused("55000", before, COUNT, function="ask_dry_run").diag.message_primary == ADVICE
        [(object_, finding)] = criticals(earlier)
        assert object_ == "extension splitplane" and finding in ADVICE

        update(earlier)
        # The same session, which had tried before.
        with earlier.admin() as admin:
            assert ask(session, PRINCIPALS[0], COUNT) == truth(admin, PRINCIPALS[0], "orders")
    assert criticals(earlier) == []


def test_reader_sees_no_row_until_the_update(earlier):
    """Whoever becomes the reader while the policies are the old ones and the library is new."""
    with earlier.admin() as admin:
        admin.execute("SET ROLE splitplane_reader")
        for place, _ in TABLES.values():
            assert admin.execute(f"SELECT count(note) FROM {place}").fetchone() == (0,)
        admin.execute("RESET ROLE")
        for place, _ in TABLES.values():
            assert admin.execute(f"SELECT count(note) FROM {place}").fetchone() > (30,), "the control: there are rows"


def test_each_principal_sees_its_own_rows_and_no_other(upgraded):
    planes.assert_isolated(upgraded)


def test_rows_differ_between_principals(upgraded):
    """The control: an answer for somebody else would not pass for one's own."""
    with upgraded.admin() as admin:
        for name in TABLES:
            answers = [str(truth(admin, principal, name)) for principal in PRINCIPALS]
            assert len(set(answers)) == len(answers), f"{name} cannot tell {answers}"


def test_shared_tables_are_the_same_for_all(upgraded):
    with upgraded.session() as session, upgraded.admin() as admin:
        for name in SHARED:
            for principal in PRINCIPALS:
                assert ask(session, principal, NOTES.format(name)) == truth(admin, principal, name)


def test_questions_are_answered_without_a_model(upgraded):
    with upgraded.session() as session, upgraded.admin() as admin:
        for question in ("How many orders are there?", "orders in all", "orders volume", "volume of orders"):
            for principal in PRINCIPALS:
                context = upgraded.sign(question, principal.tenant, principal.business, principal.subject)
                document = session.call(context, question=question)
                assert document["rows"][0] == truth(admin, principal, "orders")[0][:1], document


def test_conversations_go_on(earlier):
    """The one of plane.sql belongs to a principal of tenant 1: he may go on with it, nobody else."""
    update(earlier)
    question, conversation = "How many orders are there?", "00000000-0000-4000-8000-00000000000c"
    turns = "SELECT count(*) FROM splitplane.conversation_turns"
    with earlier.session() as session:
        for tenant, business, turned in (("2", "2026-11-01", False), ("1", "2026-11-01", True)):
            before = earlier.run(turns)[0]
            context = earlier.sign(question, tenant, business, "", conversation=conversation)
            call = "SELECT public.ask(%s::jsonb, %s, conversation => %s)"
            if turned:
                session.execute(call, (json.dumps(context), question, conversation))
            else:
                with pytest.raises(psycopg.Error) as refusal:
                    session.execute(call, (json.dumps(context), question, conversation))
                assert refusal.value.sqlstate == "42501"
            assert earlier.run(turns)[0] == before + turned


def test_what_the_plane_hid_is_hidden(upgraded):
    with upgraded.session() as session:
        for hidden, state in (
            ("SELECT secret FROM orders", "42703"),
            ("SELECT tenant FROM ledgers", "42703"),
            ("SELECT note FROM vault", "42P01"),
            ("SELECT whisper(note) FROM orders", ("42883", "42501")),
        ):
            session.ask_refused(state, hidden, "1", business="b", subject="s")
        assert ask(session, PRINCIPALS[0], "SELECT shout('a') || count(random()) FROM rates") == [["A!2"]], "the control: what it had"
    assert upgraded.run("SELECT private_columns FROM splitplane.relations WHERE name = 'orders'") == (["customer_email"],)


def test_other_roles_work_as_before(upgraded):
    with psycopg.connect(upgraded.cluster.dsn(upgraded.database, "clerk"), autocommit=True) as clerk:
        count = "SELECT count(*) FROM orders"
        assert clerk.execute(count).fetchone() == upgraded.run(count) > (48,), "with the tripwire's row"
        clerk.execute("BEGIN")
        clerk.execute("INSERT INTO orders (tenant_id, order_id) VALUES ('2', 1000)")
        clerk.execute("ROLLBACK")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            clerk.execute("SELECT * FROM accounts")


def test_selftest_finds_nothing(upgraded):
    verdicts = upgraded.admin_rows("SELECT verdict, to_regclass(relation)::oid, shape, detail FROM splitplane.selftest()")
    assert [row for row in verdicts if row[0] in ("FAIL", "error")] == []
    for place, _ in TABLES.values():
        relation = upgraded.run("SELECT %s::regclass::oid", place)[0]
        assert [row for row in verdicts if row[:2] == ("pass", relation)], f"the control: {place} was tested"
    orders = upgraded.run("SELECT 'orders'::regclass::oid")[0]
    assert ("pass", orders, "tripwire") in [row[:3] for row in verdicts]


def test_policies_are_of_this_version(upgraded, earlier):
    expected = ["!splitplane_scope", "splitplane_closed", "splitplane_others", "splitplane_read"]
    names = "SELECT p.polname FROM pg_policy AS p WHERE p.polrelid = %s::regclass AND p.polname ~ 'splitplane' ORDER BY p.polname COLLATE \"C\""
    for name, (place, _) in TABLES.items():
        found = [row[0] for row in upgraded.admin_rows(names, place)]
        assert found == [policy for policy in expected if name != "reviews" or policy != "splitplane_others"], name
        scope = upgraded.run(
            "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = %s::regclass AND polname = '!splitplane_scope'", place
        )[0]
        assert "splitplane.in_scope(" in scope and "claim(" not in scope
        assert "splitplane_scope" in [row[0] for row in earlier.admin_rows(names, place)], "the control: it had the old one"


def test_unprotect_puts_back_what_was_there_before_either_version(earlier):
    update(earlier)
    earlier.run("SELECT splitplane.unprotect(relation) FROM splitplane.relations")
    assert earlier.admin_rows("SELECT polname FROM pg_policy ORDER BY polname") == [("own_notices",), ("published",)]
    assert earlier.admin_rows("SELECT relname FROM pg_class WHERE relrowsecurity ORDER BY relname") == [("notices",), ("reviews",)]
    granted = """SELECT c.oid::regclass::text, g.privilege_type FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS g
                  WHERE g.grantee = 'splitplane_reader'::regrole"""
    assert earlier.admin_rows(granted) == [("ledgers", "SELECT")]
