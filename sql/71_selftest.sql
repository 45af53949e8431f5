-- selftest: what the fences let through now, measured from outside. Each statement goes through the confined path as a
-- registered principal; what it should give is told by the functions of 70_selftest_truth.sql.

-- One shape as one principal. The table may change while it is looked at: a difference counts only if the rows that it is
-- compared with are the same before and after.
CREATE FUNCTION splitplane._selftest_shape(person jsonb, plane_name text, qualified text, columns text, sample text, asked text, expected_sql text, width integer,
                                           counter text, OUT verdict text, OUT detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tenant text := person ->> 'tenant';
    own text := person ->> 'own';
    expected record;
    again record;
    unfenced record;
    seen record;
    ran record;
BEGIN
    verdict := 'inconclusive';
    IF own IS NULL THEN
        detail := format('%s may not ask this: it lacks a claim, or its row is disabled', tenant);
        RETURN;
    END IF;
    FOR attempt IN 1 .. 3 LOOP
        expected := splitplane._selftest_expected(plane_name, qualified, columns, own, sample, expected_sql, width);
        SELECT * INTO STRICT ran FROM splitplane._selftest_run(tenant, person ->> 'business', person ->> 'subject', asked);
        IF ran.state <> '00000' THEN
            -- The proof, or a closed plane: nothing came out, but a fence is missing.
            verdict := CASE WHEN ran.state = '55000' OR (ran.state = '42501' AND ran.message LIKE '%could not be proved%') THEN 'FAIL' ELSE 'error' END;
            detail := format('%s was refused: %s %s', tenant, ran.state, ran.message);
            RETURN;
        END IF;
        SELECT count(*) AS rows, coalesce(sum(hashtextextended(e.line::text, 0)), 0) AS digest INTO seen FROM json_array_elements(ran.answer::json) AS e(line);
        IF seen = expected THEN
            unfenced := splitplane._selftest_expected(plane_name, qualified, columns, counter, sample, expected_sql, width);
            IF expected = unfenced THEN
                detail := format('%s: no row of others is in sight that this could show', tenant);
            ELSIF own <> 'true' AND splitplane._selftest_is_empty(plane_name, qualified, own, sample) THEN
                detail := format('%s has no row of its own', tenant);
            ELSE
                verdict := 'pass';
                detail := format('%s sees its %s of %s', tenant, expected.rows, greatest(unfenced.rows, expected.rows));
            END IF;
            RETURN;
        END IF;
        again := splitplane._selftest_expected(plane_name, qualified, columns, own, sample, expected_sql, width);
        IF again = expected THEN
            verdict := 'FAIL';
            detail := format('%s sees %s rows that are not its own %s', tenant, seen.rows, expected.rows);
            RETURN;
        END IF;
    END LOOP;
    detail := format('%s: the rows change faster than they can be compared', tenant);
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_shape(jsonb, text, text, text, text, text, text, integer, text) FROM PUBLIC;

CREATE FUNCTION splitplane._selftest_is_empty(plane_name text, qualified text, own text, sample text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_empty boolean;
BEGIN
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s WHERE (%s) AND (%s))', qualified, own, sample) INTO is_empty;
    RETURN is_empty;
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_is_empty(text, text, text, text) FROM PUBLIC;

CREATE FUNCTION splitplane._selftest_worst(verdicts text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.verdict FROM unnest(verdicts) AS v(verdict) ORDER BY array_position(ARRAY['FAIL', 'error', 'inconclusive', 'pass'], v.verdict) LIMIT 1
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_worst(text[]) FROM PUBLIC;

CREATE FUNCTION splitplane._selftest_relation(r splitplane.relations, people jsonb[]) RETURNS TABLE (shape text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT integer := 500;
    began CONSTANT timestamptz := clock_timestamp();
    longest CONSTANT interval := '10 s';
    qualified text;
    schema_name text;
    unsafe text;
    identities jsonb[];
    owners text[];
    sample record;
    probe record;
    form record;
    person jsonb;
    one record;
    verdicts text[];
    details text[];
    columns text := (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.place) FROM unnest(r.columns) WITH ORDINALITY AS c(name, place));
    counts text := (SELECT string_agg(format('count(%I)', c.name), ', ' ORDER BY c.place) FROM unnest(r.columns) WITH ORDINALITY AS c(name, place));
BEGIN
    SELECT n.nspname, format('%I.%I', n.nspname, c.relname) INTO schema_name, qualified
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = r.relation;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'all', 'inconclusive', 'the table is gone';
        RETURN;
    END IF;
    -- Below, values are printed with the owner's rights. Whoever owns an enum can give it a cast to JSON of his own.
    SELECT string_agg(quote_ident(c.name), ', ') INTO unsafe
      FROM (SELECT unnest(r.columns) UNION SELECT jsonb_object_keys(r.scope)) AS c(name)
      LEFT JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped
     WHERE a.attnum IS NULL OR NOT splitplane._type_is_safe(a.atttypid);
    IF unsafe IS NOT NULL THEN
        RETURN QUERY SELECT 'all', 'FAIL', format('Columns are gone, or have types that the plane does not carry: %s.', unsafe);
        RETURN;
    END IF;

    identities := splitplane._selftest_identities(r, qualified, people);
    IF NOT r.shared THEN
        RETURN QUERY SELECT 'scope columns', s.verdict, s.detail FROM splitplane._selftest_scope(r, qualified) AS s;
    END IF;
    RETURN QUERY SELECT 'hidden columns', h.verdict, h.detail
                 FROM splitplane._selftest_hidden(r, identities[1] ->> 'tenant', identities[1] ->> 'business', identities[1] ->> 'subject') AS h;

    RETURN QUERY SELECT 'tripwire', s.verdict, s.detail FROM splitplane.tripwires AS t, splitplane._tripwire_state(t.relation) AS s WHERE t.relation = r.relation;

    owners := ARRAY(SELECT DISTINCT i.person ->> 'own' FROM unnest(identities) AS i(person) WHERE i.person ->> 'own' IS NOT NULL);
    sample := splitplane._selftest_sample(r, qualified, owners, most);
    IF sample.condition IS NULL THEN
        RETURN QUERY SELECT 'all', 'inconclusive', format('more than %s rows, and no index of the plane leads to fewer', most);
        RETURN;
    END IF;
    probe := splitplane._selftest_probes(r, qualified, owners, sample.condition);

    FOR form IN SELECT * FROM splitplane._selftest_shapes() LOOP
        verdicts := '{}';
        details := '{}';
        IF probe.column_name IS NULL AND strpos(form.template, '%4$s') > 0 THEN
            verdicts := '{inconclusive}';
            details := ARRAY['no column of the plane tells the rows of one from those of the other'];
        ELSIF clock_timestamp() > began + longest THEN
            verdicts := '{inconclusive}';
            details := ARRAY[format('not run: the %s for one table are used up', longest)];
        ELSE
            FOREACH person IN ARRAY identities LOOP
                SELECT s.verdict, s.detail INTO one
                  FROM (SELECT format(form.template, quote_ident(r.name), columns, quote_ident(r.name), quote_ident(probe.column_name), v.list, sample.condition, counts) AS plain,
                               format(form.template, format('%I.%I', schema_name, r.name), columns, quote_ident(r.name), quote_ident(probe.column_name), v.list, sample.condition, counts) AS by_schema
                        FROM (SELECT string_agg(format('(%L)', p.value), ', ') FROM unnest(probe.probed) AS p(value)) AS v(list)) AS q
                  CROSS JOIN LATERAL splitplane._selftest_shape(person, r.name, qualified, columns, sample.condition,
                      CASE WHEN form.shape = 'qualified' THEN q.by_schema ELSE q.plain END, q.plain,
                      form.more + CASE WHEN form.has_columns THEN cardinality(r.columns) ELSE 0 END,
                      CASE WHEN r.shared THEN 'false' ELSE sample.others END) AS s;
                verdicts := verdicts || one.verdict;
                details := details || one.detail;
            END LOOP;
            IF cardinality(identities) < 2 THEN
                verdicts := verdicts || 'inconclusive'::text;
                details := details || 'one principal alone cannot be compared'::text;
            END IF;
        END IF;
        RETURN QUERY SELECT form.shape, splitplane._selftest_worst(verdicts), array_to_string(details, '; ');
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_relation(splitplane.relations, jsonb[]) FROM PUBLIC;

-- Settings in which values are printed are those of the confined section. Rows are read past row-level security or not at
-- all: under row_security = off PostgreSQL refuses rather than filters.
CREATE FUNCTION splitplane.selftest(tenants text[] DEFAULT NULL) RETURNS TABLE (relation text, shape text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET "DateStyle" = 'ISO, MDY' SET "IntervalStyle" = postgres SET extra_float_digits = 1
SET bytea_output = hex SET "TimeZone" = 'UTC' SET lc_monetary = 'C' SET lc_numeric = 'C' SET standard_conforming_strings = on
AS $$
DECLARE
    people jsonb[] := splitplane._selftest_principals(tenants);
    missing text;
    closed boolean;
    registered splitplane.relations;
    ran record;
BEGIN
    SELECT string_agg(DISTINCT quote_literal(t.tenant), ', ') INTO missing
      FROM unnest(tenants) AS t(tenant) WHERE NOT EXISTS (SELECT FROM unnest(people) AS p(person) WHERE p.person ->> 'tenant' = t.tenant);
    IF missing IS NOT NULL OR tenants = '{}' OR array_position(tenants, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'no principal is admitted for tenant %', coalesce(missing, 'NULL') USING ERRCODE = '42704';
    END IF;
    PERFORM set_config('TimeZone', current_setting('splitplane.time_zone'), true);

    -- ask is closed by these, and so would be every statement below.
    RETURN QUERY SELECT f.object, 'doctor', 'FAIL', f.finding FROM splitplane._critical_findings() AS f;
    closed := FOUND;
    IF NOT closed THEN
        PERFORM set_config('lc_monetary', splitplane._configured('lc_monetary'), true);
        RETURN QUERY SELECT NULL::text, 'doctor', 'pass', 'no finding that breaks isolation';
    END IF;
    IF NOT closed AND cardinality(people) > 0 THEN
        SELECT * INTO STRICT ran FROM splitplane._selftest_run(people[1] ->> 'tenant', replace(people[1] ->> 'business', '*', 'splitplane-selftest'),
                                                               replace(people[1] ->> 'subject', '*', 'splitplane-selftest'), 'SELECT key_id FROM splitplane.keys');
        RETURN QUERY SELECT NULL::text, 'outside', CASE ran.state WHEN '42P01' THEN 'pass' WHEN '00000' THEN 'FAIL' ELSE 'error' END,
                            concat_ws(' ', 'a table outside the plane:', ran.state, ran.message);
    END IF;

    FOR registered IN SELECT * FROM splitplane.relations AS r ORDER BY r.relation::text LOOP
        IF closed THEN
            RETURN QUERY SELECT registered.relation::text, 'all', 'inconclusive', 'not run: the plane is closed';
        ELSIF cardinality(people) = 0 THEN
            RETURN QUERY SELECT registered.relation::text, 'all', 'inconclusive', 'not run: no principal is admitted';
        ELSE
            BEGIN
                RETURN QUERY SELECT registered.relation::text, s.shape, s.verdict, s.detail FROM splitplane._selftest_relation(registered, people) AS s;
            EXCEPTION WHEN OTHERS THEN
                RETURN QUERY SELECT registered.relation::text, 'all', 'error', format('%s %s', SQLSTATE, SQLERRM);
            END;
        END IF;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane.selftest(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.selftest(text[]) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.selftest(text[]) IS
    'Asks every table of the plane in every shape as two tenants and compares what each sees with its own rows; changes nothing.';
