-- The self-test of tables that data servers keep.

-- For selftest: what is seen of a table that data servers keep. What the other rows are cannot be asked from here.
CREATE FUNCTION splitplane._selftest_directory(r splitplane.relations, people jsonb[])
RETURNS TABLE (shape text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    person jsonb;
    tenant text;
    column_name text := (SELECT d.tenant_column FROM splitplane.directories AS d WHERE d.relation = r.relation);
    seen record;
    ran record;
    tenants integer := 0;
BEGIN
    FOREACH person IN ARRAY people LOOP
        tenant := person ->> 'tenant';
        shape := 'data server';
        BEGIN
            SELECT s.unclaimed, s.own, s.others INTO seen
              FROM splitplane._data_server_seen(r.relation, column_name, tenant) AS s;
            tenants := tenants + (seen.own > 0)::integer;
            verdict := CASE WHEN seen.unclaimed IS NULL AND (seen.own = 0 OR seen.others = 0) THEN 'inconclusive'
                            WHEN seen.unclaimed IS NULL THEN 'pass'
                            WHEN seen.unclaimed > 0 OR seen.others > 0 THEN 'FAIL'
                            WHEN seen.own = 0 THEN 'inconclusive' ELSE 'pass' END;
            detail := CASE WHEN seen.unclaimed IS NULL
                THEN format('%s: its data server takes no claims; %s rows there of its own, and %s of others that the '
                            'condition in what is sent alone hides', tenant, seen.own, seen.others)
                ELSE format('%s: %s rows without a claim, with its claim %s of its own and %s of others', tenant,
                            seen.unclaimed, seen.own, seen.others) END;
            RETURN NEXT;
            SELECT * INTO STRICT ran
              FROM splitplane._selftest_run(tenant, replace(person ->> 'business', '*', 'splitplane-selftest'),
                                            replace(person ->> 'subject', '*', 'splitplane-selftest'),
                                            format('SELECT count(*) FROM %I', r.name), r.hidden);
            shape := 'own rows';
            verdict := CASE WHEN ran.state <> '00000' THEN 'error'
                            WHEN ran.answer IS DISTINCT FROM format('[[%s]]', seen.own) THEN 'FAIL'
                            WHEN seen.own = 0 THEN 'inconclusive' ELSE 'pass' END;
            detail := format('%s: %s, of %s', tenant, coalesce(ran.answer, ran.state || ' ' || ran.message), seen.own);
            RETURN NEXT;
        EXCEPTION WHEN OTHERS THEN
            verdict := 'error';
            detail := format('%s: %s %s', tenant, SQLSTATE, SQLERRM);
            RETURN NEXT;
        END;
    END LOOP;
    IF tenants < 2 THEN
        RETURN QUERY SELECT 'data server', 'inconclusive', 'fewer than two tenants with rows cannot be compared';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_directory(splitplane.relations, jsonb[]) FROM PUBLIC;
