-- selftest: what the fences let through now, measured from outside. Each statement goes through the confined path as a
-- registered principal; what it should give is computed here by the owner, outside the plane, from scope and claims.

-- One statement as one principal, by the stages of ask and without a signature of anybody's. For selftest alone.
CREATE FUNCTION splitplane._selftest_run(tenant text, business text, subject text, sql text, OUT state text, OUT message text, OUT answer text) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 1
AS 'MODULE_PATHNAME', '_selftest_run_wrapper';
REVOKE ALL ON FUNCTION splitplane._selftest_run(text, text, text, text) FROM PUBLIC;

-- The claims of the enabled row that decides about an identity, as ask looks it up; NULL for none.
CREATE FUNCTION splitplane._selftest_claims(tenant text, business text, subject text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN p.enabled THEN p.claims || jsonb_build_object('tenant', p.tenant, 'business', _selftest_claims.business, 'subject', _selftest_claims.subject) END
    FROM splitplane.principals AS p
    WHERE p.tenant = _selftest_claims.tenant AND p.business IN (_selftest_claims.business, '*') AND p.subject IN (_selftest_claims.subject, '*')
    ORDER BY p.business = '*', p.subject = '*'
    LIMIT 1
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_claims(text, text, text) FROM PUBLIC;

-- Which rows of a relation belong to these claims, as a condition; NULL when a claim is missing. Written apart from the
-- policies and the fences on purpose: it is what they are compared with.
CREATE FUNCTION splitplane._selftest_own(relation regclass, scope jsonb, claims jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN bool_and(w.value IS NOT NULL)
                THEN string_agg(CASE WHEN s.value IN ('tenant', 'business', 'subject')
                                     THEN format('%I OPERATOR(pg_catalog.=) %L::%s', s.key, claims ->> s.value, t.name)
                                     ELSE format('%I OPERATOR(pg_catalog.=) ANY (%L::%s[])', s.key, w.value, t.name) END, ' AND ') END
    FROM jsonb_each_text(scope) AS s
    JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = s.key AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN LATERAL (SELECT format_type(splitplane._base_type(a.atttypid), -1)) AS t(name)
    CROSS JOIN LATERAL (
        SELECT CASE jsonb_typeof(claims -> s.value) WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(claims -> s.value))
                                                    ELSE ARRAY[claims ->> s.value] END
        WHERE claims ? s.value
    ) AS w(value)
    -- A scope column that is gone leaves no row here, and a scope without any is none.
    HAVING count(*) = (SELECT count(*) FROM jsonb_object_keys(scope)) AND count(*) > 0
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_own(regclass, jsonb, jsonb) FROM PUBLIC;

-- Columns of the plane whose values can be written as a literal and compared: with `indexed` those that an index leads to
-- through scope columns alone, unique indexes first; else all, the tenant column first. Base types only: a cast of
-- somebody's own must not run with the owner's rights.
CREATE FUNCTION splitplane._selftest_columns(relation regclass, columns text[], scope jsonb, indexed boolean) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.attname::text
    FROM pg_attribute AS a
    LEFT JOIN LATERAL (
        SELECT max(i.indisunique::int) AS is_unique
        FROM pg_index AS i
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
        WHERE i.indrelid = relation AND i.indisvalid AND i.indpred IS NULL AND k.attnum = a.attnum
          AND NOT EXISTS (SELECT FROM unnest(i.indkey) WITH ORDINALITY AS earlier(attnum, place)
                          LEFT JOIN pg_attribute AS e ON e.attrelid = relation AND e.attnum = earlier.attnum
                          WHERE earlier.place < k.place AND (e.attnum IS NULL OR NOT scope ? e.attname::text))
    ) AS i ON true
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (columns)
      AND (splitplane._base_type(a.atttypid) IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'text'::regtype, 'varchar'::regtype, 'uuid'::regtype)
           OR (indexed AND splitplane._base_type(a.atttypid) IN ('numeric'::regtype, 'date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)))
      AND (NOT indexed OR (i.is_unique IS NOT NULL AND scope ->> a.attname::text IS DISTINCT FROM 'tenant'))
    ORDER BY CASE WHEN indexed THEN i.is_unique WHEN scope ->> a.attname::text = 'tenant' THEN 1 ELSE 0 END DESC, a.attnum
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_columns(regclass, text[], jsonb, boolean) FROM PUBLIC;

-- A condition that leaves at most `most` rows of a relation, some of each owner's among them: `true` for a small table,
-- else a list of values of an indexed column; NULL when there is no such column. `others` says among which rows the owners'
-- are then looked for: all of them, or those of all owners, so that the cost depends on the sample and not on the table.
CREATE FUNCTION splitplane._selftest_sample(r splitplane.relations, qualified text, owners text[], most integer, OUT condition text, OUT others text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rows_seen bigint;
    column_name text;
    values_each integer;
    owner_condition text;
    found text[];
    chosen text[];
BEGIN
    condition := 'true';
    others := 'true';
    EXECUTE format('SELECT count(*) FROM (SELECT FROM %s LIMIT %s) AS s', qualified, most + 1) INTO rows_seen;
    IF rows_seen <= most THEN
        RETURN;
    END IF;
    others := (SELECT string_agg(format('(%s)', o.condition), ' OR ') FROM unnest(owners) AS o(condition));
    FOR column_name, values_each IN
        SELECT c.name, n.values_each
        FROM splitplane._selftest_columns(r.relation, r.columns, r.scope, true) WITH ORDINALITY AS c(name, place) CROSS JOIN (VALUES (20), (4), (1)) AS n(values_each)
        ORDER BY c.place, n.values_each DESC
    LOOP
        chosen := '{}';
        FOREACH owner_condition IN ARRAY owners LOOP
            EXECUTE format('SELECT ARRAY(SELECT DISTINCT s.v FROM (SELECT %1$I::text AS v FROM %2$s WHERE (%3$s) AND %1$I IS NOT NULL LIMIT %4$s) AS s WHERE s.v !~ %5$L AND length(s.v) < 200)',
                           column_name, qualified, owner_condition, values_each, '[\\[:cntrl:]]') INTO found;
            chosen := chosen || found;
        END LOOP;
        CONTINUE WHEN chosen = '{}';
        condition := format('%I IN (%s)', column_name, (SELECT string_agg(DISTINCT quote_literal(c.v), ', ') FROM unnest(chosen) AS c(v)));
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %s WHERE (%s) AND (%s) LIMIT %s) AS s', qualified, condition, others, most + 1) INTO rows_seen;
        IF rows_seen <= most THEN
            RETURN;
        END IF;
    END LOOP;
    condition := NULL;
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_sample(splitplane.relations, text, text[], integer) FROM PUBLIC;

-- How the plane is asked. {1} relation, {2} columns, {3} plane name, {4} probed column, {5} its probed values, {6} sample,
-- {7} counts of the columns: the numbers are format's. `more` is by how many columns the answer is wider or, where it has
-- none of the relation's own, how wide it is.
CREATE FUNCTION splitplane._selftest_shapes(OUT shape text, OUT has_columns boolean, OUT more integer, OUT template text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
    ('direct',          true,  0, 'SELECT %2$s FROM %1$s WHERE %6$s'),
    ('qualified',       true,  0, 'SELECT %2$s FROM %1$s WHERE %6$s'),
    ('CTE',             true,  0, 'WITH %3$s AS (SELECT * FROM %1$s) SELECT %2$s FROM %3$s WHERE %6$s'),
    ('UNION',           true,  0, 'SELECT %2$s FROM %1$s WHERE %6$s UNION ALL SELECT %2$s FROM %1$s WHERE %6$s'),
    ('IN',              false, 1, 'SELECT selftest.value FROM (VALUES %5$s) AS selftest(value) WHERE selftest.value IN (SELECT %4$s::text FROM %1$s WHERE %6$s)'),
    ('scalar subquery', false, 2, 'SELECT selftest.value, (SELECT count(*) FROM %1$s WHERE %6$s AND %4$s::text = selftest.value) FROM (VALUES %5$s) AS selftest(value)'),
    ('LATERAL',         true,  1, 'SELECT selftest.value, selftest_found.* FROM (VALUES %5$s) AS selftest(value) CROSS JOIN LATERAL '
                                  '(SELECT %2$s FROM %1$s WHERE %6$s AND %4$s::text = selftest.value) AS selftest_found'),
    ('window',          true,  1, 'SELECT %2$s, count(*) OVER () FROM %1$s WHERE %6$s'),
    ('aggregate',       false, 1, 'SELECT concat_ws('','', count(*), %7$s) FROM %1$s WHERE %6$s'),
    ('set-returning',   true,  1, 'SELECT %2$s, generate_series(1, 2) FROM %1$s WHERE %6$s'),
    ('EXISTS',          false, 1, 'SELECT selftest.value FROM (VALUES %5$s) AS selftest(value) WHERE EXISTS (SELECT 1 FROM %1$s WHERE %6$s AND %4$s::text = selftest.value)')
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_shapes() FROM PUBLIC;

-- Rows and digest of the shape over those rows of the table that `own` admits, outside the plane. Rows are written as the
-- answers of ask are; their order does not matter.
CREATE FUNCTION splitplane._selftest_expected(plane_name text, qualified text, columns text, own text, sample text, shape_sql text, width integer,
                                              OUT rows bigint, OUT digest numeric)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('WITH %1$I AS MATERIALIZED (SELECT %2$s FROM %3$s WHERE (%4$s) AND (%5$s)) SELECT count(*), coalesce(sum(hashtextextended(%6$s, 0)), 0) FROM (%7$s) AS answer(%8$s)',
                   plane_name, columns, qualified, own, sample,
                   (SELECT format('''['' || array_to_string(ARRAY[%s], '','') || '']''', string_agg(format('coalesce(to_json(a%s)::text, ''null'')', n), ', ' ORDER BY n))
                    FROM generate_series(1, width) AS n),
                   shape_sql, (SELECT string_agg('a' || n, ', ' ORDER BY n) FROM generate_series(1, width) AS n))
       INTO rows, digest;
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_expected(text, text, text, text, text, text, integer) FROM PUBLIC;

-- Whether every hidden column, and every system column, is refused as one that does not exist.
CREATE FUNCTION splitplane._selftest_hidden(r splitplane.relations, tenant text, business text, subject text, OUT verdict text, OUT detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    column_name text;
    ran record;
    tried integer := 0;
BEGIN
    FOR column_name IN
        SELECT a.attname FROM pg_attribute AS a
        WHERE a.attrelid = r.relation AND NOT a.attisdropped AND a.attname <> ALL (r.columns) AND (a.attnum > 0 OR a.attname IN ('ctid', 'tableoid', 'xmin'))
        ORDER BY a.attnum < 0, a.attnum
    LOOP
        SELECT * INTO STRICT ran FROM splitplane._selftest_run(tenant, business, subject, format('SELECT s.%I FROM %I AS s', column_name, r.name));
        tried := tried + 1;
        IF ran.state = '00000' THEN
            verdict := 'FAIL';
            detail := concat_ws(' ', detail, format('Column %I, which is not in the plane, was answered.', column_name));
        ELSIF ran.state <> '42703' THEN
            verdict := coalesce(verdict, 'error');
            detail := concat_ws(' ', detail, format('Column %I: %s %s', column_name, ran.state, ran.message));
        END IF;
    END LOOP;
    verdict := coalesce(verdict, 'pass');
    detail := coalesce(detail, format('%s hidden and system columns are refused as unknown', tried));
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_hidden(splitplane.relations, text, text, text) FROM PUBLIC;

-- Rows whose scope is NULL belong to nobody: no principal sees them, and no test can tell whose they should be.
CREATE FUNCTION splitplane._selftest_scope(r splitplane.relations, qualified text, OUT verdict text, OUT detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    column_name text;
    found boolean;
BEGIN
    FOR column_name IN
        SELECT a.attname FROM pg_attribute AS a
        WHERE a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped AND r.scope ? a.attname::text AND NOT a.attnotnull
        ORDER BY a.attnum
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I IS NULL)', qualified, column_name) INTO found;
        IF found THEN
            verdict := 'FAIL';
            detail := concat_ws(' ', detail, format('There are rows without a value in %I, which belong to nobody.', column_name));
        ELSE
            verdict := coalesce(verdict, 'inconclusive');
            detail := concat_ws(' ', detail, format('Nothing forbids rows without a value in %I; there is none now.', column_name));
        END IF;
    END LOOP;
    verdict := coalesce(verdict, 'pass');
    detail := coalesce(detail, 'every row has an owner');
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_scope(splitplane.relations, text) FROM PUBLIC;

-- Who asks: of each tenant the enabled principal that may see most. {"tenant", "business", "subject"} each, '*' where any will do.
CREATE FUNCTION splitplane._selftest_principals(tenants text[]) RETURNS jsonb[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT jsonb_build_object('tenant', w.tenant, 'business', w.business, 'subject', w.subject)
    FROM (SELECT DISTINCT ON (p.tenant) p.tenant, p.business, p.subject
          FROM splitplane.principals AS p
          WHERE p.enabled AND (tenants IS NULL OR p.tenant = ANY (tenants))
          ORDER BY p.tenant, (SELECT count(*) FROM jsonb_object_keys(p.claims)) DESC, octet_length(p.claims::text) DESC,
                   p.business = '*' DESC, p.subject = '*' DESC, p.business, p.subject) AS w
    ORDER BY w.tenant
    LIMIT CASE WHEN tenants IS NULL THEN 2 END)
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_principals(text[]) FROM PUBLIC;

-- The same principals with ids where any will do: a business or subject that the relation's own rows name, if it is scoped
-- by one, else a made-up one. Added: `claims`, and `own`, which is NULL when the principal cannot ask here.
CREATE FUNCTION splitplane._selftest_identities(r splitplane.relations, qualified text, people jsonb[]) RETURNS jsonb[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made text := 'splitplane-selftest';
    person jsonb;
    part text;
    scope_column text;
    value text;
    claims jsonb;
    whole jsonb[] := '{}';
BEGIN
    FOREACH person IN ARRAY people LOOP
        FOREACH part IN ARRAY ARRAY['business', 'subject'] LOOP
            CONTINUE WHEN person ->> part <> '*';
            value := NULL;
            SELECT s.key INTO scope_column FROM jsonb_each_text(r.scope) AS s WHERE s.value = part LIMIT 1;
            IF FOUND THEN
                EXECUTE format('SELECT %I::text FROM %s WHERE %s AND %1$I IS NOT NULL LIMIT 1', scope_column, qualified,
                               (SELECT splitplane._selftest_own(r.relation, jsonb_object_agg(s.key, s.value), person) FROM jsonb_each_text(r.scope) AS s WHERE s.value = 'tenant'))
                   INTO value;
            END IF;
            person := person || jsonb_build_object(part, coalesce(value, made));
        END LOOP;
        claims := splitplane._selftest_claims(person ->> 'tenant', person ->> 'business', person ->> 'subject');
        whole := whole || (person || jsonb_build_object('own', CASE WHEN claims IS NULL THEN NULL
                                                                    WHEN r.shared THEN 'true'
                                                                    ELSE splitplane._selftest_own(r.relation, r.scope, claims) END));
    END LOOP;
    RETURN whole;
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_identities(splitplane.relations, text, jsonb[]) FROM PUBLIC;

-- A column and values of it that tell the rows of the first from those of the others, in the sample: one owner's alone.
CREATE FUNCTION splitplane._selftest_probes(r splitplane.relations, qualified text, owners text[], sample text, OUT column_name text, OUT probed text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    position integer;
    found text[];
    others text;
BEGIN
    FOR column_name IN SELECT splitplane._selftest_columns(r.relation, r.columns, r.scope, false) LOOP
        probed := '{}';
        FOR position IN 1 .. cardinality(owners) LOOP
            others := coalesce((SELECT string_agg(format('(%s)', o.condition), ' OR ') FROM unnest(owners) WITH ORDINALITY AS o(condition, place) WHERE o.place <> position),
                               CASE WHEN r.shared THEN 'false' ELSE format('(%s) IS NOT TRUE', owners[position]) END);
            EXECUTE format('SELECT ARRAY(SELECT s.v FROM (SELECT %1$I::text AS v FROM %2$s WHERE (%4$s) AND (%3$s) AND %1$I IS NOT NULL EXCEPT SELECT %1$I::text FROM %2$s WHERE (%4$s) AND (%5$s)) AS s '
                           'WHERE s.v !~ %6$L AND length(s.v) < 200 ORDER BY s.v COLLATE "C" LIMIT 5)',
                           column_name, qualified, owners[position], sample, CASE WHEN r.shared THEN 'false' ELSE others END, '[\\[:cntrl:]]') INTO found;
            probed := probed || found;
            EXIT WHEN found = '{}';
        END LOOP;
        IF found <> '{}' THEN
            RETURN;
        END IF;
    END LOOP;
    column_name := NULL;
    probed := '{}';
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_probes(splitplane.relations, text, text[], text) FROM PUBLIC;

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
