-- The runner of selftest: what the fences let through now, measured from outside. Each statement takes the confined
-- path as a registered principal, and its answer is compared with that of the oracle (70_selftest_truth.sql).

-- One shape as one principal. The table may change during the test: a difference counts only if the rows that the
-- answer is compared with are the same before and after. `counter` is the condition on the rows that would be seen
-- without the fence: the right answer proves something only if these rows give another one.
CREATE FUNCTION splitplane._selftest_shape(
    person jsonb, names jsonb, template text, width integer, counter text, OUT verdict text, OUT detail text)
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
        expected := splitplane._selftest_expected(names, own, template, width);
        SELECT * INTO STRICT ran
          FROM splitplane._selftest_run(tenant, person ->> 'business', person ->> 'subject',
                                        splitplane._selftest_fill(template, names), (names ->> 'opened')::boolean);
        IF ran.state <> '00000' THEN
            -- The proof refused, or the plane is closed: nothing was returned, but a fence is missing.
            verdict := CASE WHEN ran.state = '55000'
                              OR (ran.state = '42501' AND ran.message LIKE '%could not be proved%') THEN 'FAIL'
                            ELSE 'error' END;
            detail := format('%s was refused: %s %s', tenant, ran.state, ran.message);
            RETURN;
        END IF;
        SELECT count(*) AS rows, coalesce(sum(hashtextextended(e.line::text, 0)), 0) AS digest INTO seen
          FROM json_array_elements(ran.answer::json) AS e(line);
        IF seen = expected THEN
            unfenced := splitplane._selftest_expected(names, counter, template, width);
            IF expected = unfenced THEN
                detail := format('%s: no row of another tenant in the sample would show a difference', tenant);
            ELSIF own <> 'true' AND splitplane._selftest_is_empty(names, own) THEN
                detail := format('%s has no row of its own', tenant);
            ELSE
                verdict := 'pass';
                detail := format('%s sees its %s of %s', tenant, expected.rows, greatest(unfenced.rows, expected.rows));
            END IF;
            RETURN;
        END IF;
        again := splitplane._selftest_expected(names, own, template, width);
        IF again = expected THEN
            verdict := 'FAIL';
            detail := format(CASE WHEN seen.rows = expected.rows THEN '%s sees %s rows that are not its own %s'
                                  ELSE '%s sees %s rows instead of its own %s' END, tenant, seen.rows, expected.rows);
            RETURN;
        END IF;
    END LOOP;
    detail := format('%s: the rows change too fast to be compared', tenant);
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_shape(jsonb, jsonb, text, integer, text) FROM PUBLIC;

CREATE FUNCTION splitplane._selftest_is_empty(names jsonb, own text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_empty boolean;
BEGIN
    EXECUTE format('SELECT NOT EXISTS (SELECT 1 FROM %s WHERE (%s) AND (%s))', names ->> 'place', own,
                   names ->> 'sample')
       INTO is_empty;
    RETURN is_empty;
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_is_empty(jsonb, text) FROM PUBLIC;

CREATE FUNCTION splitplane._selftest_worst(verdicts text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.verdict FROM unnest(verdicts) AS v(verdict)
    ORDER BY array_position(ARRAY['FAIL', 'error', 'inconclusive', 'pass'], v.verdict) LIMIT 1
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_worst(text[]) FROM PUBLIC;

-- Whether every hidden column, and every system column, is refused as one that does not exist.
CREATE FUNCTION splitplane._selftest_hidden(
    r splitplane.relations, qualified text, tenant text, business text, subject text, until timestamptz,
    OUT verdict text, OUT detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    column_name text;
    ran record;
    tried integer := 0;
    is_cut boolean := false;
BEGIN
    FOR column_name IN
        SELECT a.attname FROM pg_attribute AS a
        WHERE a.attrelid = r.relation AND NOT a.attisdropped AND a.attname <> ALL (r.columns)
          AND (a.attnum > 0 OR a.attname IN ('ctid', 'tableoid', 'xmin'))
        ORDER BY a.attnum < 0, a.attnum
    LOOP
        is_cut := clock_timestamp() > until;
        EXIT WHEN is_cut;
        SELECT * INTO STRICT ran
          FROM splitplane._selftest_run(tenant, business, subject,
                                        format('SELECT s.%I FROM %s AS s', column_name,
                                               splitplane._selftest_table(r, qualified)), r.hidden);
        tried := tried + 1;
        IF ran.state = '00000' THEN
            verdict := 'FAIL';
            detail := concat_ws(' ', detail,
                                format('Column %I, which is not in the plane, was answered.', column_name));
        ELSIF ran.state <> '42703' THEN
            verdict := coalesce(verdict, 'error');
            detail := concat_ws(' ', detail, format('Column %I: %s %s', column_name, ran.state, ran.message));
        END IF;
    END LOOP;
    IF is_cut THEN
        verdict := coalesce(verdict, 'inconclusive');
        detail := concat_ws(' ', detail, format('%s hidden and system columns were tried, then the time was used up.',
                                                tried));
    END IF;
    verdict := coalesce(verdict, 'pass');
    detail := coalesce(detail, format('%s hidden and system columns are refused as unknown', tried));
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_hidden(splitplane.relations, text, text, text, text, timestamptz)
    FROM PUBLIC;

-- Rows whose scope is NULL belong to no principal: none sees them, and no test can decide whose they should be. Unless
-- the scope says that they are everybody's: then every answer is compared with them.
CREATE FUNCTION splitplane._selftest_scope(
    r splitplane.relations, qualified text, OUT verdict text, OUT detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    column_name text;
    is_everybodys boolean;
    found boolean;
    has_key text;
BEGIN
    FOR column_name, is_everybodys IN
        SELECT a.attname, r.scope ->> a.attname::text = 'tenant or null' FROM pg_attribute AS a
        WHERE a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped
          AND r.scope ? a.attname::text AND NOT a.attnotnull
        ORDER BY a.attnum
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s WHERE %I IS NULL)', qualified, column_name) INTO found;
        IF is_everybodys THEN
            detail := concat_ws(' ', detail,
                                format(CASE WHEN found THEN 'The rows with NULL in %I are everybody''s.'
                                            ELSE 'Rows with NULL in %I would be everybody''s: there is none now.' END,
                                       column_name));
        ELSIF found THEN
            verdict := 'FAIL';
            detail := concat_ws(' ', detail,
                                format('There are rows with NULL in %I, which belong to no principal.', column_name));
        ELSE
            verdict := coalesce(verdict, 'inconclusive');
            detail := concat_ws(' ', detail,
                                format('No row has NULL in %I now, but nothing prevents it.', column_name));
        END IF;
    END LOOP;
    -- A row without any key has no parent.
    SELECT string_agg(format('ROW(%s) IS NOT NULL', k.keys), ' OR '), string_agg(k.keys, ', ')
      INTO has_key, column_name
      FROM (SELECT (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.place)
                    FROM unnest(p.columns) WITH ORDINALITY AS c(name, place)) AS keys
            FROM splitplane.parents AS p WHERE p.relation = r.relation) AS k;
    IF has_key IS NOT NULL THEN
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s WHERE (%s) IS NOT TRUE)', qualified, has_key) INTO found;
        IF found THEN
            verdict := 'FAIL';
            detail := concat_ws(' ', detail, format('There are rows with NULL in %s, which belong to no principal.',
                                                    column_name));
        END IF;
    END IF;
    verdict := coalesce(verdict, 'pass');
    detail := coalesce(detail, 'every row has an owner');
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_scope(splitplane.relations, text) FROM PUBLIC;

-- What a view shows is what its text gives over tables that are compared themselves: both are asked, as each principal.
-- That says something only if the principals have different rows.
CREATE FUNCTION splitplane._selftest_view(
    name text, sql text, people jsonb[], until timestamptz, OUT verdict text, OUT detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person jsonb;
    statements text[] := ARRAY[format('SELECT * FROM %I', name), sql];
    details text[] := '{}';
    found text[];
    digest text;
    ran record;
    all_of_them text[] := '{}';
BEGIN
    FOREACH person IN ARRAY people LOOP
        FOR attempt IN 1 .. 3 LOOP
            found := '{}';
            -- The text twice: it may give something else each time.
            FOREACH sql IN ARRAY statements || statements[2] LOOP
                IF clock_timestamp() > until THEN
                    verdict := 'inconclusive';
                    detail := 'not run to the end: the time of the call is used up';
                    RETURN;
                END IF;
                SELECT * INTO STRICT ran
                  FROM splitplane._selftest_run(person ->> 'tenant',
                                                replace(person ->> 'business', '*', 'splitplane-selftest'),
                                                replace(person ->> 'subject', '*', 'splitplane-selftest'), sql,
                                                cardinality(found) > 0);
                IF ran.state <> '00000' THEN
                    verdict := CASE WHEN ran.state = '42501' AND ran.message LIKE '%could not be proved%' THEN 'FAIL'
                                    WHEN ran.state = '53400' THEN 'inconclusive' ELSE 'error' END;
                    detail := format('read as %s: %s %s', person ->> 'tenant', ran.state, ran.message);
                    RETURN;
                END IF;
                SELECT format('%s %s', count(*), coalesce(sum(hashtextextended(e.line::text, 0)), 0)) INTO digest
                  FROM json_array_elements(ran.answer::json) AS e(line);
                found := found || digest;
            END LOOP;
            EXIT WHEN found[1] = found[2];
        END LOOP;
        IF found[2] <> found[3] THEN
            verdict := 'inconclusive';
            detail := format('%s: what it gives changes from one time to the next', person ->> 'tenant');
            RETURN;
        ELSIF found[1] <> found[2] THEN
            verdict := 'FAIL';
            detail := format('%s sees %s rows, other than the %s that its text gives', person ->> 'tenant',
                             split_part(found[1], ' ', 1), split_part(found[2], ' ', 1));
            RETURN;
        END IF;
        details := details || format('%s sees the %s rows that its text gives', person ->> 'tenant',
                                     split_part(found[1], ' ', 1));
        all_of_them := all_of_them || found[1];
    END LOOP;
    IF cardinality(people) < 2 THEN
        verdict := 'inconclusive';
        details := details || 'one principal alone cannot be compared'::text;
    ELSIF (SELECT count(DISTINCT a.digest) FROM unnest(all_of_them) AS a(digest)) < 2 THEN
        verdict := 'inconclusive';
        details := details || 'they see the same, so that a leak would not show'::text;
    ELSE
        verdict := 'pass';
    END IF;
    detail := array_to_string(details, '; ');
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_view(text, text, jsonb[], timestamptz) FROM PUBLIC;

-- Everything about one relation: scope, hidden columns, tripwire, then every shape as every principal, until the time
-- of the call or that of one table is used up.
CREATE FUNCTION splitplane._selftest_relation(r splitplane.relations, people jsonb[], until timestamptz)
RETURNS TABLE (shape text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT integer := 500;
    began CONSTANT timestamptz := clock_timestamp();
    longest CONSTANT interval := '10 s';
    ends CONSTANT timestamptz := least(began + longest, until);
    schema_name text;
    qualified text;
    unsafe text;
    identities jsonb[];
    owners text[];
    sample record;
    probe record;
    names jsonb;
    form record;
    person jsonb;
    one record;
    verdicts text[];
    details text[];
BEGIN
    SELECT n.nspname, format('%I.%I', n.nspname, c.relname) INTO schema_name, qualified
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = r.relation;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'all', 'inconclusive', 'the table was dropped';
        RETURN;
    END IF;
    -- Below, values are printed with the owner's rights, and the owner of an enum can give it a cast to JSON.
    SELECT string_agg(quote_ident(c.name), ', ') INTO unsafe
      FROM (SELECT unnest(r.columns) UNION SELECT jsonb_object_keys(r.scope)) AS c(name)
      LEFT JOIN pg_attribute AS a
          ON a.attrelid = r.relation AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped
     WHERE a.attnum IS NULL OR NOT splitplane._type_is_safe(a.atttypid);
    IF unsafe IS NOT NULL THEN
        RETURN QUERY
            SELECT 'all', 'FAIL',
                   format('These columns do not exist or have a type that the plane does not support: %s.', unsafe);
        RETURN;
    END IF;

    identities := splitplane._selftest_identities(r, qualified, people);
    IF NOT r.shared THEN
        RETURN QUERY SELECT 'scope columns', s.verdict, s.detail FROM splitplane._selftest_scope(r, qualified) AS s;
    END IF;
    person := identities[1];
    -- No statement can name it but those below, which are let in.
    IF r.hidden THEN
        RETURN QUERY
            SELECT 'hidden relation',
                   CASE ran.state WHEN '42P01' THEN 'pass' WHEN '00000' THEN 'FAIL' ELSE 'error' END,
                   concat_ws(' ', 'named by a statement:', ran.state, ran.message)
            FROM unnest(ARRAY[quote_ident(r.name), qualified]) AS n(place)
            CROSS JOIN LATERAL splitplane._selftest_run(person ->> 'tenant', person ->> 'business',
                                                        person ->> 'subject', 'SELECT 1 FROM ' || n.place) AS ran;
    END IF;
    RETURN QUERY
        SELECT 'hidden columns', h.verdict, h.detail
        FROM splitplane._selftest_hidden(r, qualified, person ->> 'tenant', person ->> 'business',
                                         person ->> 'subject', ends) AS h;
    RETURN QUERY
        SELECT 'tripwire', s.verdict, s.detail
        FROM splitplane.tripwires AS t, splitplane._tripwire_state(t.relation) AS s WHERE t.relation = r.relation;

    owners := ARRAY(SELECT DISTINCT i.person ->> 'own' FROM unnest(identities) AS i(person)
                    WHERE i.person ->> 'own' IS NOT NULL);
    sample := splitplane._selftest_sample(r, qualified, owners, most);
    IF sample.condition IS NULL THEN
        RETURN QUERY SELECT 'all', 'inconclusive',
                            format('more than %s rows, and no index of the plane leads to fewer', most);
        RETURN;
    END IF;
    probe := splitplane._selftest_probes(r, qualified, owners, sample.condition);
    names := splitplane._selftest_names(r, schema_name, qualified, sample.condition, probe.column_name, probe.probed);

    FOR form IN SELECT * FROM splitplane._selftest_shapes() LOOP
        verdicts := '{}';
        details := '{}';
        IF probe.column_name IS NULL AND strpos(form.template, '{probe}') > 0 THEN
            verdicts := '{inconclusive}';
            details := ARRAY['no column of the plane distinguishes the rows of one from those of the other'];
        ELSIF clock_timestamp() > ends THEN
            verdicts := '{inconclusive}';
            details := ARRAY[CASE ends WHEN until THEN 'not run: the time of the call is used up'
                                  ELSE format('not run: the %s for one table are used up', longest) END];
        ELSE
            FOREACH person IN ARRAY identities LOOP
                one := splitplane._selftest_shape(
                    person, names, form.template,
                    form.more + CASE WHEN form.has_columns THEN cardinality(r.columns) ELSE 0 END,
                    CASE WHEN r.shared THEN 'false' ELSE sample.others END);
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
REVOKE ALL ON FUNCTION splitplane._selftest_relation(splitplane.relations, jsonb[], timestamptz) FROM PUBLIC;

-- The settings that decide how values are printed have the values of the confined section. Rows are read without
-- row-level security or not at all: with row_security = off PostgreSQL raises an error rather than filter rows.
-- What the reader sees of a table's placements outside a call, on the nodes themselves; no row for a table of this
-- server alone.
CREATE FUNCTION splitplane._selftest_placements(registered splitplane.relations)
RETURNS TABLE (shape text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT 'placements',
               CASE WHEN bool_or((p.state ->> 'is_seen')::boolean) THEN 'FAIL'
                    WHEN bool_or(w.wrong IS NOT NULL) THEN 'error' ELSE 'pass' END,
               coalesce(min(w.wrong), format('%s placements show splitplane_reader no row outside a call', count(*)))
        FROM splitplane._placements(registered.relation) AS p
        LEFT JOIN LATERAL (
            SELECT format('shard %s on %s: %s', p.shard, p.node,
                          CASE WHEN p.problem IS NOT NULL THEN p.problem
                               WHEN (p.state ->> 'is_seen')::boolean THEN 'rows are seen outside a call'
                               WHEN NOT (p.state ->> 'row_security')::boolean THEN 'row-level security is off'
                               WHEN p.state ->> 'fence' IS DISTINCT FROM registered.saved ->> 'read'
                               THEN 'its policy is not that of the table'
                               ELSE p.state ->> 'refused' END)
            WHERE p.problem IS NOT NULL OR (p.state ->> 'is_seen')::boolean OR p.state ? 'refused'
               OR NOT (p.state ->> 'row_security')::boolean
               OR p.state ->> 'fence' IS DISTINCT FROM registered.saved ->> 'read'
        ) AS w(wrong) ON true
        HAVING count(*) > 0;
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_placements(splitplane.relations) FROM PUBLIC;

CREATE FUNCTION splitplane.selftest(
    tenants text[] DEFAULT NULL, relations regclass[] DEFAULT NULL, seconds integer DEFAULT 300)
RETURNS TABLE (relation text, shape text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
SET "DateStyle" = 'ISO, MDY' SET "IntervalStyle" = postgres SET extra_float_digits = 1 SET bytea_output = hex
SET "TimeZone" = 'UTC' SET lc_monetary = 'C' SET lc_numeric = 'C' SET standard_conforming_strings = on
AS $$
DECLARE
    people jsonb[] := splitplane._selftest_principals(tenants);
    missing text;
    closed boolean;
    registered splitplane.relations;
    ran record;
    view record;
    stranger regclass;
    until timestamptz;
BEGIN
    IF seconds IS NULL OR seconds < 1 THEN
        RAISE EXCEPTION 'seconds must be 1 or more' USING ERRCODE = '22023';
    END IF;
    SELECT n.relation INTO stranger FROM unnest(relations) AS n(relation)
     WHERE n.relation NOT IN (SELECT r.relation FROM splitplane.relations AS r) OR n.relation IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is not in the plane', coalesce(stranger::text, 'NULL') USING ERRCODE = '42704';
    END IF;
    until := clock_timestamp() + make_interval(secs => seconds);
    SELECT string_agg(DISTINCT quote_literal(t.tenant), ', ') INTO missing
      FROM unnest(tenants) AS t(tenant)
     WHERE NOT EXISTS (SELECT FROM unnest(people) AS p(person) WHERE p.person ->> 'tenant' = t.tenant);
    IF missing IS NOT NULL OR tenants = '{}' OR array_position(tenants, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'no principal is admitted for tenant %', coalesce(missing, 'NULL') USING ERRCODE = '42704';
    END IF;
    PERFORM set_config('TimeZone', current_setting('splitplane.time_zone'), true);

    -- With one of these ask refuses, and so would every statement below.
    RETURN QUERY SELECT f.object, 'doctor', 'FAIL', f.finding FROM splitplane._critical_findings() AS f;
    closed := FOUND;
    IF NOT closed THEN
        PERFORM set_config('lc_monetary', splitplane._configured('lc_monetary'), true);
        RETURN QUERY SELECT NULL::text, 'doctor', 'pass', 'no finding that breaks isolation';
    END IF;
    IF NOT closed AND cardinality(people) > 0 THEN
        SELECT * INTO STRICT ran
          FROM splitplane._selftest_run(people[1] ->> 'tenant',
                                        replace(people[1] ->> 'business', '*', 'splitplane-selftest'),
                                        replace(people[1] ->> 'subject', '*', 'splitplane-selftest'),
                                        'SELECT key_id FROM splitplane.keys');
        RETURN QUERY SELECT NULL::text, 'outside',
                            CASE ran.state WHEN '42P01' THEN 'pass' WHEN '00000' THEN 'FAIL' ELSE 'error' END,
                            concat_ws(' ', 'a table outside the plane:', ran.state, ran.message);
    END IF;

    IF NOT closed AND cardinality(people) > 0 AND coalesce(relations, '{}') = '{}' THEN
        FOR view IN SELECT v.name, v.sql FROM splitplane.views AS v ORDER BY v.name LOOP
            IF clock_timestamp() > until THEN
                RETURN QUERY SELECT format('view %s', view.name), 'view', 'inconclusive',
                                    format('not run: the %s seconds of the call are used up; give more, and '
                                           '"relations" as ''{}'' for the views alone', seconds);
            ELSE
                BEGIN
                    RETURN QUERY SELECT format('view %s', view.name), 'view', w.verdict, w.detail
                                 FROM splitplane._selftest_view(view.name, view.sql, people, until) AS w;
                EXCEPTION WHEN OTHERS THEN
                    RETURN QUERY SELECT format('view %s', view.name), 'view', 'error',
                                        format('%s %s', SQLSTATE, SQLERRM);
                END;
            END IF;
        END LOOP;
    END IF;

    FOR registered IN
        SELECT r.* FROM splitplane.relations AS r
        WHERE selftest.relations IS NULL OR r.relation = ANY (selftest.relations)
        ORDER BY r.relation::text
    LOOP
        IF closed THEN
            RETURN QUERY SELECT registered.relation::text, 'all', 'inconclusive', 'not run: the plane is closed';
        ELSIF cardinality(people) = 0 THEN
            RETURN QUERY SELECT registered.relation::text, 'all', 'inconclusive', 'not run: no principal is admitted';
        ELSIF EXISTS (SELECT FROM splitplane.directories AS d WHERE d.relation = registered.relation) THEN
            RETURN QUERY SELECT registered.relation::text, s.shape, s.verdict, s.detail
                         FROM splitplane._selftest_directory(registered, people) AS s;
        ELSIF clock_timestamp() > until THEN
            RETURN QUERY SELECT registered.relation::text, 'all', 'inconclusive',
                                format('not run: the %s seconds of the call are used up; name it as argument '
                                       '"relations" of another', seconds);
        ELSE
            BEGIN
                RETURN QUERY SELECT registered.relation::text, p.shape, p.verdict, p.detail
                             FROM splitplane._selftest_placements(registered) AS p;
                RETURN QUERY SELECT registered.relation::text, s.shape, s.verdict, s.detail
                             FROM splitplane._selftest_relation(registered, people, until) AS s;
            EXCEPTION WHEN OTHERS THEN
                RETURN QUERY SELECT registered.relation::text, 'all', 'error', format('%s %s', SQLSTATE, SQLERRM);
            END;
        END IF;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane.selftest(text[], regclass[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.selftest(text[], regclass[], integer) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.selftest(text[], regclass[], integer) IS
    'Queries every table of the plane in every shape as two tenants and compares what each sees with its own rows. '
    'Changes nothing.';
