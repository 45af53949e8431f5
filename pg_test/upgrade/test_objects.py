"""After the update a database holds what CREATE EXTENSION of this version and the same calls would have made there."""

import planes
import pytest
from catalogue import differences, snapshot

# What an administrator may have said once and for all, with the schema that he chose and a superuser of his own. Whoever
# updates need not be who installed it, and his session may be set up as he likes.
PREPARED = """
    CREATE SCHEMA tools;
    ALTER DEFAULT PRIVILEGES FOR ROLE postgres, dba GRANT EXECUTE ON FUNCTIONS TO auditor;
    ALTER DEFAULT PRIVILEGES FOR ROLE postgres, dba GRANT SELECT ON TABLES TO auditor;
"""
SETTINGS = """
    SET search_path = tools; SET quote_all_identifiers = on; SET standard_conforming_strings = off; SET escape_string_warning = off;
    SET row_security = off; SET default_transaction_isolation = serializable; SET plpgsql.variable_conflict = use_variable
"""
# What two clusters do not have in common when the planes in them are the same.
SURROUNDINGS = {"role", "membership"}


def of(plane):
    with plane.admin() as admin:
        return snapshot(admin)


@pytest.fixture(scope="module")
def of_upgraded(upgraded):
    return of(upgraded)


def test_upgraded_database_equals_a_fresh_one(of_upgraded, fresh):
    assert differences(of_upgraded, of(fresh), "upgraded database", "fresh one") == []
    assert len(of_upgraded) > 5000, "the control: there is something to compare"


def test_upgraded_fingerprints_are_the_present_ones(upgraded):
    present = "(SELECT f.fingerprint FROM splitplane._fences AS f WHERE f.relation = r.relation)"
    counts = upgraded.run(f"""SELECT count(*), count(*) FILTER (WHERE r.saved ->> 'fingerprint' = {present}),
                                     count(*) FILTER (WHERE r.saved ->> 'reader_fingerprint' = splitplane._reader_fingerprint(r.relation)),
                                     count(*) FILTER (WHERE r.saved ->> 'numbers_of' = splitplane._numbers_of(r.relation))
                              FROM splitplane.relations AS r""")
    assert counts[0] > 0 and set(counts) == {counts[0]}


def test_upgraded_extension_without_a_plane_equals_a_fresh_one(cluster, other_cluster):
    seen = []
    for server, version in ((cluster, planes.BEFORE), (other_cluster, planes.NOW)):
        server.createdb("empty")
        server.psql("empty", f"CREATE EXTENSION splitplane VERSION '{version}'; ALTER EXTENSION splitplane UPDATE")
        with server.connect("empty") as admin:
            seen.append(snapshot(admin))
    assert differences(*seen, "upgraded database", "fresh one", SURROUNDINGS) == []


def test_update_by_another_superuser_in_another_schema(cluster, other_cluster):
    """Owners, and what default privileges would have given away, are as if it had been installed anew."""
    old = planes.build(cluster, "elsewhere", planes.BEFORE, "tools", PREPARED)
    new = planes.build(other_cluster, "elsewhere", planes.NOW, "tools", PREPARED)
    with cluster.connect(old.database, "dba") as dba:
        for setting in SETTINGS.split(";"):
            dba.execute(setting)
        dba.execute(planes.UPDATE)
        assert dba.execute("SELECT current_user, current_setting('role'), current_setting('search_path')").fetchone() == ("dba", "none", "tools")
    assert differences(of(old), of(new), "upgraded database", "fresh one", SURROUNDINGS) == []
    given = "SELECT count(*) FROM pg_proc WHERE has_function_privilege('auditor', oid, 'EXECUTE') AND pronamespace = {}::regnamespace"
    assert new.run(given.format("'splitplane'")) == (1,), "describe, by a grant of the administrator's"
    new.run("CREATE FUNCTION tools.any() RETURNS int LANGUAGE sql RETURN 1")
    new.run("REVOKE EXECUTE ON FUNCTION tools.any FROM PUBLIC")
    assert new.run(given.format("'tools'")) == (1,), "the control: default privileges give something"


# Each a difference that a forgotten line of the script could make, and the beginning of the line that must tell of it.
PLANTED = [
    ("COMMENT ON FUNCTION splitplane.sign IS NULL", "function splitplane.sign(text,text,text,text,text,text), comment: "),
    ("COMMENT ON TABLE splitplane.keys IS NULL", "relation splitplane.keys, comment: "),
    ("ALTER FUNCTION splitplane.claim(text) PARALLEL RESTRICTED", "function splitplane.claim(text), proparallel: 's' in the"),
    ("ALTER FUNCTION splitplane.in_scope(anyelement, text) NOT LEAKPROOF", "function splitplane.in_scope(anyelement,text), proleakproof: "),
    ("ALTER FUNCTION splitplane.in_scope(anyelement, text) COST 2", "function splitplane.in_scope(anyelement,text), procost: "),
    ("ALTER FUNCTION splitplane._signature(regprocedure) VOLATILE", "function splitplane._signature(regprocedure), provolatile: "),
    ("ALTER FUNCTION splitplane.admit SECURITY INVOKER", "function splitplane.admit(text,text,text,jsonb), prosecdef: "),
    ("ALTER FUNCTION splitplane._scope_types RESET quote_all_identifiers", "function splitplane._scope_types(regclass,jsonb), proconfig: "),
    ("ALTER FUNCTION splitplane.pattern(anyelement) OWNER TO shop_owner", "function splitplane.pattern(anyelement), proowner: "),
    ("CREATE OR REPLACE FUNCTION splitplane._policy_names() RETURNS name[] LANGUAGE sql AS 'SELECT NULL::name[]'", "function splitplane._policy_names(), prosrc: "),
    ("GRANT EXECUTE ON FUNCTION splitplane._configured TO PUBLIC", "function splitplane._configured(text), acl: "),
    ("REVOKE EXECUTE ON FUNCTION splitplane.sign FROM signer", "function splitplane.sign(text,text,text,text,text,text), acl: "),
    ("DELETE FROM pg_init_privs WHERE objoid = 'splitplane.sign'::regproc", "initial privileges function splitplane.sign("),
    ("UPDATE pg_extension SET extcondition[1] = 'WHERE false' WHERE extname = 'splitplane'", "extension extension splitplane, dumped: "),
    ("ALTER EXTENSION splitplane DROP FUNCTION splitplane.zone(text)", "member function splitplane.zone("),
    ("DROP INDEX splitplane.principals_by_uuid", "relation splitplane.principals_by_uuid, "),
    ("ALTER TABLE splitplane.principals ALTER claims DROP NOT NULL", "column splitplane.principals.claims, attnotnull: "),
    ("ALTER TABLE splitplane.keys DROP CONSTRAINT keys_max_uses_check", "constraint keys_max_uses_check of splitplane.keys, "),
    ("ALTER TABLE splitplane.relations DISABLE TRIGGER config_changed", "trigger config_changed of splitplane.relations, enabled: "),
    ("CREATE OR REPLACE VIEW splitplane._asked AS SELECT 'query' AS kind, ''::text AS name, ''::text AS text", "relation splitplane._asked, view: "),
    ("GRANT SELECT ON splitplane.conversations TO auditor", "relation splitplane.conversations, acl: "),
    ("CREATE TYPE splitplane.forgotten AS (a int)", "type splitplane.forgotten, "),
    ("ALTER POLICY splitplane_closed ON orders USING (true)", "policy splitplane_closed of public.orders, using: "),
    ('ALTER POLICY "!splitplane_scope" ON visits TO PUBLIC', "policy !splitplane_scope of public.visits, roles: "),
    ("CREATE POLICY splitplane_scope ON orders AS RESTRICTIVE USING (true)", "policy splitplane_scope of public.orders, "),
    ("ALTER TABLE orders DISABLE ROW LEVEL SECURITY", "relation public.orders, row security: "),
    ("GRANT SELECT (secret) ON orders TO splitplane_reader", "column public.orders.secret, acl: "),
    ("REVOKE USAGE ON SCHEMA public FROM splitplane_reader", "schema public, acl: "),
    ("GRANT clerk TO splitplane_reader", "membership splitplane_reader in clerk, "),
    ("ALTER ROLE splitplane_admin CREATEDB", "role splitplane_admin, rolcreatedb: "),
    ("UPDATE splitplane.relations SET saved = saved - 'closed' WHERE name = 'orders'", "registration orders, closed: "),
    ("UPDATE splitplane.relations SET saved = saved || '{\"fingerprint\": \"1\"}' WHERE name = 'orders'", "registration orders, is unchanged: "),
    ("UPDATE splitplane.metrics SET sql = 'SELECT 1'", "metric orders volume, sql: "),
    ("DELETE FROM splitplane.tripwires", "tripwire public.orders, "),
    ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO auditor", "default privileges r of postgres, "),
]


def test_planted_differences_are_told(upgraded, of_upgraded):
    """The control of the comparison: it sees each kind of difference, and says which it is."""
    with upgraded.admin() as admin:
        admin.execute("SET allow_system_table_mods = on")
        admin.execute("BEGIN")
        for change, _ in PLANTED:
            admin.execute(change)
        found = differences(of_upgraded, snapshot(admin), "upgraded database", "changed one")
        admin.execute("ROLLBACK")
        untold = [expected for _, expected in PLANTED if not any(line.startswith(expected) for line in found)]
        assert untold == [], found
        assert differences(of_upgraded, snapshot(admin), "upgraded database", "same one") == []
