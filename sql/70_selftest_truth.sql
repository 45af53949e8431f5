-- What selftest holds the plane against: the principals that it asks as, the samples that it takes of a table, the shapes of its
-- statements, and what each should give, computed by the owner outside the plane from scope and claims.

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
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
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
