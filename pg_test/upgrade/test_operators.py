"""Whoever may create objects in the schema that the extension is installed into must not get them run by the superuser who
installs or updates it, nor built into what he installs.

PostgreSQL puts that schema into the search_path of an extension's script. Comparing an OID with a regclass, for instance, has no
operator of its own in pg_catalog: one that is made for just these two types is taken before those that fit after a conversion.
"""

import planes
import psycopg
import pytest

# Every comparison and concatenation of two such types for which pg_catalog has no operator of its own. It says so when it is called.
PLANT = """
SET search_path = pg_catalog;  -- or the planting itself would use them
DO $plant$
DECLARE
    types regtype[] := ARRAY['oid', 'regclass', 'regproc', 'regprocedure', 'regrole', 'regnamespace', 'regtype', 'name', 'text', 'varchar', '"char"',
                             'int2', 'int4', 'int8', 'boolean', 'jsonb', 'oid[]', 'regrole[]', 'name[]', 'text[]'];
    one regtype;
    other regtype;
    operator text;
BEGIN
    FOREACH one IN ARRAY types LOOP
        FOREACH other IN ARRAY types LOOP
            EXECUTE format('CREATE FUNCTION public.planted(one %s, other %s) RETURNS boolean LANGUAGE plpgsql AS '
                           '$$ BEGIN RAISE EXCEPTION ''an operator of a stranger ran as %%'', current_user USING ERRCODE = ''ZZ001''; END $$', one, other);
            FOREACH operator IN ARRAY ARRAY['=', '<>', '~', '||', '->>', '-'] LOOP
                IF NOT EXISTS (SELECT FROM pg_operator AS p WHERE p.oprname = operator AND p.oprleft = one AND p.oprright = other) THEN
                    EXECUTE format('CREATE OPERATOR public.%s (FUNCTION = public.planted, LEFTARG = %s, RIGHTARG = %s)', operator, one, other);
                END IF;
            END LOOP;
        END LOOP;
    END LOOP;
END
$plant$
"""
BUILT_IN = """
    SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0), pg_describe_object(d.refclassid, d.refobjid, 0) FROM pg_depend AS d
    WHERE d.refclassid IN ('pg_operator'::regclass, 'pg_proc'::regclass) AND d.refobjid >= 16384 AND d.deptype = 'n'
      AND pg_describe_object(d.refclassid, d.refobjid, 0) !~ 'function splitplane\\.' AND pg_describe_object(d.classid, d.objid, 0) ~ 'splitplane'
"""


@pytest.fixture
def planted(cluster):
    """Makes a database where a stranger may create objects in `public`, and did; with an extension of this version, if any."""

    def build(version: str | None):
        database = planes.new_database()
        cluster.createdb(database)
        if version:
            cluster.psql(database, f"CREATE EXTENSION splitplane VERSION '{version}'")
        cluster.psql(database, "GRANT CREATE ON SCHEMA public TO clerk")
        cluster.psql(database, PLANT, user="clerk")
        return cluster.connect(database)

    return build


def test_installing_runs_no_operator_of_others(planted):
    with planted(None) as admin:
        with pytest.raises(psycopg.Error, match="an operator of a stranger ran as postgres") as control:
            admin.execute("SELECT count(*) FROM pg_class WHERE oid = 'pg_class'::regclass")
        assert control.value.sqlstate == "ZZ001", "the control: they are taken where nothing is done against it"
        admin.execute("CREATE EXTENSION splitplane")
        assert admin.execute(BUILT_IN).fetchall() == []
        admin.execute("CREATE VIEW public.splitplane_like AS SELECT FROM pg_class WHERE oid = 'pg_class'::regclass")
        assert len(admin.execute(BUILT_IN).fetchall()) == 1, "the control: a view that has one"


def test_updating_runs_no_operator_of_others(planted):
    with planted(planes.BEFORE) as admin:
        admin.execute("CREATE TABLE plain (tenant_id text NOT NULL)")
        admin.execute("SELECT splitplane.protect('plain', '{\"tenant_id\": \"tenant\"}')")
        admin.execute(planes.UPDATE)
        assert admin.execute(BUILT_IN).fetchall() == []
        assert admin.execute("SELECT extversion FROM pg_extension WHERE extname = 'splitplane'").fetchone() == (planes.NOW,)
