"""Fences that somebody has changed by hand before the update: it neither opens anything by them, nor blesses them.

What the version before would have closed the plane for stays closed. What its administrator may do, such as taking the policy for
other roles away to write his own, stays as he left it.
"""

import planes
import psycopg
import pytest
from planes import NOTES, PRINCIPALS, TABLES, ask, criticals, truth, update

COUNT = NOTES.format("orders")
# How the fence of `orders` was changed, and the words of the finding that must name it afterwards.
TAMPERED = {
    "policy lets everything through": ("ALTER POLICY splitplane_scope ON orders USING (true)", "condition of its policy"),
    "policy compares with another claim": ("ALTER POLICY splitplane_scope ON orders USING (tenant_id = splitplane.claim('business'))", "condition of its policy"),
    "policy is gone": ("DROP POLICY splitplane_scope ON orders", "condition of its policy"),
    "policy was made anew, permissive": (
        "DROP POLICY splitplane_scope ON orders; CREATE POLICY splitplane_scope ON orders FOR SELECT TO splitplane_reader USING (true)",
        "condition of its policy",
    ),
    "policy is for another role": ("ALTER POLICY splitplane_scope ON orders TO clerk", "condition of its policy"),
    "policy is for all roles": ("ALTER POLICY splitplane_scope ON orders TO PUBLIC", "condition of its policy"),
    "policy of this version's name lets everything through": (
        """ALTER POLICY splitplane_scope ON orders USING (true); CREATE POLICY "!splitplane_scope" ON orders USING (true);
           CREATE POLICY splitplane_closed ON orders USING (true)""",
        "condition of its policy",
    ),
    "row-level security is off": ("ALTER TABLE orders DISABLE ROW LEVEL SECURITY", "Row-level security is switched off"),
    "reader owns the table": ("ALTER TABLE orders OWNER TO splitplane_reader", "owned by splitplane_reader"),
    "reader may read the whole table": ("GRANT SELECT ON orders TO splitplane_reader", "SELECT on the whole table"),
    "reader may read a hidden column": ("GRANT SELECT (secret) ON orders TO splitplane_reader", "SELECT on column secret"),
    "scope column has another name": ("ALTER TABLE orders RENAME tenant_id TO was_tenant", "name or type of a scope column"),
    "another column has the scope column's name": (
        "ALTER TABLE orders RENAME tenant_id TO was_tenant; ALTER TABLE orders ADD tenant_id varchar(9) NOT NULL DEFAULT '1'",
        "name or type of a scope column",
    ),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_tampered_fence_is_still_found(earlier, case, monkeypatch):
    change, finding = TAMPERED[case]
    earlier.run(change)
    assert "public.orders" in {row[0] for row in criticals(earlier)}, "the control: the version before finds it"

    update(earlier)
    found = criticals(earlier)
    assert {row[0] for row in found} == {"public.orders"}
    assert any(finding in row[1] for row in found), found
    with earlier.session() as session:
        # Any query: the plane is closed, not only this table.
        for sql in (COUNT, NOTES.format("visits")):
            session.ask_refused("55000", sql, "1", business="b", subject="s")

    # Each finding has the statement that fixes it, and those are all. A scope column that was renamed is found by its number:
    # by the name, the plane would be bound to another column, and show the rows of others.
    fixes = [fix for (fix,) in earlier.admin_rows("SELECT DISTINCT fix FROM splitplane.doctor() WHERE severity = 'critical'")]
    if case.startswith("another column"):
        # The version before kept no numbers: nothing says which of the two it was, and no statement is offered.
        assert [fix[:2] for fix in fixes] == ["--"], fixes
        fixes = ["""SELECT splitplane.protect('orders', '{"was_tenant": "tenant"}', '{order_id,note,customer_email}')"""]
    for fix in fixes:
        earlier.run(fix)
    assert criticals(earlier) == []
    scope = "was_tenant" if "scope column" in case else "tenant_id"
    assert earlier.admin_rows("SELECT scope ? %s FROM splitplane.relations WHERE relation = 'public.orders'::regclass", scope) == [(True,)]
    place, condition = TABLES["orders"]
    monkeypatch.setitem(TABLES, "orders", (place, condition.replace("tenant_id", scope)))
    planes.assert_isolated(earlier, ("orders", "visits"))


def test_scope_columns_that_exchanged_names_are_not_taken_for_each_other(earlier, monkeypatch):
    """Both names are there, and a statement in those names would bind each column to the other's claim."""
    earlier.run("SELECT splitplane.admit('1', claims => '{\"stores\": [1, 2], \"teams\": [\"red\", \"blue\", \"2\"], \"devices\": []}')")
    earlier.run("INSERT INTO tickets (tenant, team, note) VALUES ('2', '1', 'CANARY')")
    earlier.run("ALTER TABLE tickets RENAME tenant TO x; ALTER TABLE tickets RENAME team TO tenant; ALTER TABLE tickets RENAME x TO team")
    assert "public.tickets" in {row[0] for row in criticals(earlier)}, "the control: the version before finds it"
    update(earlier)
    assert {row[0] for row in criticals(earlier)} == {"public.tickets"}
    fixes = [fix for (fix,) in earlier.admin_rows("SELECT DISTINCT fix FROM splitplane.doctor() WHERE object = 'public.tickets' AND severity = 'critical'")]
    assert all(fix.startswith("--") for fix in fixes), fixes
    sql = NOTES.format("tickets")
    with earlier.session() as session, earlier.admin() as admin:
        session.ask_refused("55000", sql, "1", business="b", subject="s")
        admin.execute("SET ROLE splitplane_reader")
        assert admin.execute("SELECT count(note) FROM tickets").fetchone() == (0,), "it shows the reader rows outside of a call"
        admin.execute("RESET ROLE")
        # The control: what the names of the registration would have shown.
        protect = "SELECT splitplane.protect('tickets', %s)"
        admin.execute(protect, ('{"tenant": "tenant", "team": "teams"}',))
        assert ask(session, PRINCIPALS[0], sql) == [[1, "CANARY"]]
        admin.execute(protect, ('{"team": "tenant", "tenant": "teams"}',))
    assert criticals(earlier) == []
    monkeypatch.setitem(TABLES, "tickets", ("tickets", "(team, tenant) IN (('1', 'red'), ('1', 'blue'), ('2', 'blue')) AND team = %(tenant)s"))
    planes.assert_isolated(earlier, ("tickets", "visits"))


def test_hidden_column_that_took_a_name_of_the_plane_does_not_get_into_it(earlier):
    """The version before kept no numbers; the privileges of the reader say which column was registered."""
    earlier.run("ALTER TABLE orders RENAME note TO x; ALTER TABLE orders RENAME secret TO note; ALTER TABLE orders RENAME x TO secret")
    assert "public.orders" in {row[0] for row in criticals(earlier)}, "the control: the version before finds it"
    update(earlier)
    assert {row[0] for row in criticals(earlier)} == {"public.orders"}
    with earlier.session() as session, earlier.admin() as admin:
        session.ask_refused("55000", "SELECT min(note) FROM orders", "1", business="b", subject="s")
        for (fix,) in earlier.admin_rows("SELECT DISTINCT fix FROM splitplane.doctor() WHERE object = 'public.orders' AND fix LIKE 'SELECT%%'"):
            admin.execute(fix)
        assert criticals(earlier) == []
        for column in ("note", "secret"):
            session.ask_refused("42703", f"SELECT min({column}) FROM orders", "1", business="b", subject="s")
        assert ask(session, PRINCIPALS[0], "SELECT min(order_id) FROM orders") == [[1]]
        # The control: by its name it would have been registered.
        admin.execute("""SELECT splitplane.protect('orders', '{"tenant_id": "tenant"}', ARRAY['order_id', 'note'])""")
        assert ask(session, PRINCIPALS[0], "SELECT min(note) FROM orders") == [["secret of row 1 of tenant 1"]]


def test_plane_that_nobody_changed_is_not_found(earlier):
    """The control of the findings above."""
    update(earlier)
    assert criticals(earlier) == []
    assert earlier.admin_rows("SELECT name FROM splitplane.relations WHERE saved ?| ARRAY['unchanged', 'tampered']") == []


def test_tampering_with_one_table_leaves_the_others_sound(earlier):
    """The fences of the others are this version's, and hold while the plane is closed."""
    earlier.run(TAMPERED["policy lets everything through"][0])
    update(earlier)
    fences = "SELECT r.name FROM splitplane.relations AS r JOIN splitplane._fences AS f ON f.relation = r.relation WHERE f.fingerprint <> r.saved ->> 'fingerprint'"
    assert earlier.admin_rows(fences) == [("orders",)]
    with earlier.admin() as admin:
        admin.execute("SET ROLE splitplane_reader")
        for place, _ in TABLES.values():
            assert admin.execute(f"SELECT count(note) FROM {place}").fetchone() == (0,), f"{place} shows the reader rows outside of a call"


def test_harmless_change_is_no_finding(earlier):
    """A column more changes the fingerprint and opens nothing: the plane is open, and told to be looked at the long way."""
    earlier.run("ALTER TABLE orders ADD extra int")
    update(earlier)
    assert criticals(earlier) == []
    told = earlier.admin_rows("SELECT severity FROM splitplane.doctor() WHERE object = 'public.orders' AND finding LIKE 'It was altered since%%'")
    assert told == [("info",)]
    planes.assert_isolated(earlier, ("orders",))


def test_policies_of_the_tables_own_go_on_deciding(earlier):
    """Who took splitplane_others away has his own policies for other roles. The update must not show those roles every row."""
    earlier.run("CREATE POLICY clerks ON orders TO clerk USING (tenant_id = '1')")
    earlier.run("DROP POLICY splitplane_others ON orders")
    count = "SELECT count(*) FROM orders"
    with psycopg.connect(earlier.cluster.dsn(earlier.database, "clerk"), autocommit=True) as clerk:
        before = clerk.execute(count).fetchone()
        assert before < earlier.run(count), "the control: there is more than clerks may see"
        update(earlier)
        assert clerk.execute(count).fetchone() == before
    assert criticals(earlier) == []
    planes.assert_isolated(earlier, ("orders",))


@pytest.mark.parametrize("table", ["orders", "notices"])
def test_missing_permissive_policy_stays_missing(earlier, table):
    """Fewer rows rather than more: whoever took splitplane_read away may have meant it. The doctor says so as before."""
    earlier.run(f"DROP POLICY splitplane_read ON {table}")
    update(earlier)
    assert criticals(earlier) == []
    with earlier.session() as session, earlier.admin() as admin:
        rows = ask(session, PRINCIPALS[0], NOTES.format(table))
        # splitplane_others lets the reader see what its scope allows; without any policy nothing is seen.
        assert rows == (truth(admin, PRINCIPALS[0], table) if table == "orders" else [[0, None]])
    assert earlier.admin_rows("SELECT severity FROM splitplane.doctor() WHERE object = %s AND finding LIKE '%%splitplane_read is missing%%'", f"public.{table}") == [("warning",)]


def test_table_that_is_gone_is_passed_over(earlier):
    earlier.run("DROP TABLE orders CASCADE")
    update(earlier)
    assert criticals(earlier) == []
    assert ("orders", "Its table was dropped.") in earlier.admin_rows("SELECT object, finding FROM splitplane.doctor()")
    planes.assert_isolated(earlier, ("visits",))


def test_tenants_that_are_one_value_are_told(earlier):
    """The version before admitted them; each has its rows where the tenant is a text, and the doctor says where it is not."""
    earlier.run("SELECT splitplane.admit('01', claims => '{\"stores\": [], \"teams\": [], \"devices\": []}')")
    update(earlier)
    assert criticals(earlier) == []
    assert [row[0] for row in earlier.admin_rows("SELECT object FROM splitplane.doctor() WHERE finding LIKE '%%same value as tenant%%'")] == ["tenant 01"]
