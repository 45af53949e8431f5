-- The oracle of selftest: what it asks (shapes), as whom (principals), of which rows (samples and probes), and what
-- each statement should return, computed by the owner outside the plane from scope and claims.

-- The statements. Between braces stands a name of _selftest_names(), for which _selftest_fill() writes its text:
--   {table}      the relation as it can be named: by its plane name, or qualified if that is lost
--   {qualified}  its schema and name; {name} its plane name alone
--   {columns}    its plane columns; {counts} a count of each
--   {sample}     a condition on the rows that are compared
--   {probe}      a column that tells whose a row is; {values} some of its values, as rows of VALUES
-- `has_columns`: the answer has the plane columns, and `more` columns besides; else it has `more` columns.
CREATE FUNCTION splitplane._selftest_shapes(
    OUT shape text, OUT has_columns boolean, OUT more integer, OUT template text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
    ('direct',          true,  0, 'SELECT {columns} FROM {table} WHERE {sample}'),
    ('qualified',       true,  0, 'SELECT {columns} FROM {qualified} WHERE {sample}'),
    ('CTE',             true,  0, 'WITH {name} AS (SELECT * FROM {table}) '
                                  'SELECT {columns} FROM {name} WHERE {sample}'),
    ('UNION',           true,  0, 'SELECT {columns} FROM {table} WHERE {sample} '
                                  'UNION ALL SELECT {columns} FROM {table} WHERE {sample}'),
    ('IN',              false, 1, 'SELECT selftest.value FROM (VALUES {values}) AS selftest(value) '
                                  'WHERE selftest.value IN (SELECT {probe}::text FROM {table} WHERE {sample})'),
    ('scalar subquery', false, 2, 'SELECT selftest.value, (SELECT count(*) FROM {table} '
                                  'WHERE {sample} AND {probe}::text = selftest.value) '
                                  'FROM (VALUES {values}) AS selftest(value)'),
    ('LATERAL',         true,  1, 'SELECT selftest.value, selftest_found.* '
                                  'FROM (VALUES {values}) AS selftest(value) CROSS JOIN LATERAL '
                                  '(SELECT {columns} FROM {table} WHERE {sample} AND {probe}::text = selftest.value) '
                                  'AS selftest_found'),
    ('window',          true,  1, 'SELECT {columns}, count(*) OVER () FROM {table} WHERE {sample}'),
    ('aggregate',       false, 1, 'SELECT concat_ws('','', count(*), {counts}) FROM {table} WHERE {sample}'),
    ('set-returning',   true,  1, 'SELECT {columns}, generate_series(1, 2) FROM {table} WHERE {sample}'),
    ('EXISTS',          false, 1, 'SELECT selftest.value FROM (VALUES {values}) AS selftest(value) '
                                  'WHERE EXISTS (SELECT 1 FROM {table} '
                                  'WHERE {sample} AND {probe}::text = selftest.value)')
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_shapes() FROM PUBLIC;

-- A template with its names filled in, in one pass: braces within a filled-in text stay as they are.
CREATE FUNCTION splitplane._selftest_fill(template text, names jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(part.match[1] || coalesce(names ->> part.match[2], ''), '' ORDER BY part.place)
    FROM regexp_matches(template, '([^{]*)(?:\{([a-z]+)\})?', 'g') WITH ORDINALITY AS part(match, place)
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_fill(text, jsonb) FROM PUBLIC;

-- Runs one statement as one principal, through the stages of ask and without anyone's signature; if `opened`, it may
-- name hidden relations. For selftest alone.
CREATE FUNCTION splitplane._selftest_run(
    tenant text, business text, subject text, sql text, opened boolean DEFAULT false,
    OUT state text, OUT message text, OUT answer text)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 1
AS 'MODULE_PATHNAME', 'splitplane_2__selftest_run';
REVOKE ALL ON FUNCTION splitplane._selftest_run(text, text, text, text, boolean) FROM PUBLIC;

-- The claims of the enabled row that decides about an identity, by the look-up of ask; NULL if there is none.
CREATE FUNCTION splitplane._selftest_claims(tenant text, business text, subject text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN p.enabled THEN
        p.claims || jsonb_build_object('tenant', p.tenant, 'business', _selftest_claims.business,
                                       'subject', _selftest_claims.subject) END
    FROM splitplane.principals AS p
    WHERE p.tenant = _selftest_claims.tenant
      AND p.business IN (_selftest_claims.business, '*') AND p.subject IN (_selftest_claims.subject, '*')
    ORDER BY p.business = '*', p.subject = '*'
    LIMIT 1
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_claims(text, text, text) FROM PUBLIC;

-- Which rows of a relation belong to these claims, as a condition; NULL if a claim is missing. It is written
-- independently of the policies and the fences, since it is what they are compared with.
CREATE FUNCTION splitplane._selftest_own(relation regclass, scope jsonb, claims jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT CASE WHEN bool_and(w.value IS NOT NULL) THEN
        string_agg(CASE WHEN t.name = 'bytea' AND NOT splitplane._is_bytes(claims ->> c.claim)
                        -- What is no spelling of an id is nobody's.
                        THEN CASE WHEN s.value = 'tenant or null' THEN format('%I IS NULL', s.key) ELSE 'false' END
                        WHEN s.value = 'tenant or null'
                        THEN format('(%I OPERATOR(pg_catalog.=) %L::%s OR %1$I IS NULL)', s.key, claims ->> 'tenant',
                                    t.name)
                        WHEN s.value = ANY (splitplane._identity_claims())
                        THEN format('%I OPERATOR(pg_catalog.=) %L::%s', s.key, claims ->> s.value, t.name)
                        ELSE format('%I OPERATOR(pg_catalog.=) ANY (%L::%s[])', s.key, w.value, t.name) END,
                   ' AND ') END
    FROM jsonb_each_text(scope) AS s
    JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = s.key AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN LATERAL (SELECT format_type(splitplane._base_type(a.atttypid), -1)) AS t(name)
    CROSS JOIN LATERAL (SELECT replace(s.value, 'tenant or null', 'tenant')) AS c(claim)
    CROSS JOIN LATERAL (
        SELECT CASE jsonb_typeof(claims -> c.claim)
               WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(claims -> c.claim))
               ELSE ARRAY[claims ->> c.claim] END
        WHERE claims ? c.claim
    ) AS w(value)
    -- No condition, so that nothing can pass, if a scope column does not exist any more or there is none.
    HAVING count(*) = (SELECT count(*) FROM jsonb_object_keys(scope)) AND count(*) > 0
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_own(regclass, jsonb, jsonb) FROM PUBLIC;

-- The same of a relation whose rows belong to those of others: each key that is not NULL leads to a row of the parent
-- that belongs to these claims, and there is one. NULL if a claim is missing on the way.
CREATE FUNCTION splitplane._selftest_rows(relation regclass, scope jsonb, claims jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    condition text := splitplane._selftest_own(relation, scope, claims);
    link record;
    of_parent text;
    keys text;
    has_keys text[] := '{}';
BEGIN
    IF NOT EXISTS (SELECT FROM splitplane.parents AS p WHERE p.relation = _selftest_rows.relation)
       OR (scope <> '{}' AND condition IS NULL) THEN
        RETURN condition;
    END IF;
    FOR link IN
        SELECT p.parent, p.columns, p.parent_columns, r.scope,
               (SELECT format('%I.%I', n.nspname, c.relname)
                FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = p.parent) AS qualified
        FROM splitplane.parents AS p JOIN splitplane.relations AS r ON r.relation = p.parent
        WHERE p.relation = _selftest_rows.relation
    LOOP
        of_parent := splitplane._selftest_rows(link.parent, link.scope, claims);
        IF of_parent IS NULL THEN
            RETURN NULL;
        END IF;
        -- Rows of columns, also where it is one: a row with a NULL in it is not "IS NOT NULL".
        keys := (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.place)
                 FROM unnest(link.columns) WITH ORDINALITY AS c(name, place));
        has_keys := has_keys || format('ROW(%s) IS NOT NULL', keys);
        condition := concat_ws(' AND ', condition,
            format('((ROW(%s) IS NOT NULL) IS FALSE OR (%1$s) IN (SELECT %s FROM %s WHERE %s))', keys,
                   (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.place)
                    FROM unnest(link.parent_columns) WITH ORDINALITY AS c(name, place)),
                   link.qualified, of_parent));
    END LOOP;
    RETURN format('%s AND (%s)', condition, array_to_string(has_keys, ' OR '));
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_rows(regclass, jsonb, jsonb) FROM PUBLIC;

-- Who asks: for each tenant the enabled principal that may see most, as {"tenant", "business", "subject"}, with '*' for
-- any.
CREATE FUNCTION splitplane._selftest_principals(tenants text[]) RETURNS jsonb[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT jsonb_build_object('tenant', w.tenant, 'business', w.business, 'subject', w.subject)
        FROM (SELECT DISTINCT ON (p.tenant) p.tenant, p.business, p.subject
              FROM splitplane.principals AS p
              WHERE p.enabled AND (tenants IS NULL OR p.tenant = ANY (tenants))
              ORDER BY p.tenant, (SELECT count(*) FROM jsonb_object_keys(p.claims)) DESC,
                       octet_length(p.claims::text) DESC,
                       p.business = '*' DESC, p.subject = '*' DESC, p.business, p.subject) AS w
        ORDER BY w.tenant
        LIMIT CASE WHEN tenants IS NULL THEN 2 END)
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_principals(text[]) FROM PUBLIC;

-- The same principals with ids in place of '*': a business or subject from the relation's own rows if it is scoped by
-- one, else a made-up one. `own` is added: the condition of _selftest_own, NULL if the principal cannot ask here.
CREATE FUNCTION splitplane._selftest_identities(r splitplane.relations, qualified text, people jsonb[]) RETURNS jsonb[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person jsonb;
    part text;
    scope_column text;
    of_tenant text;
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
                SELECT splitplane._selftest_own(r.relation, jsonb_object_agg(s.key, s.value), person) INTO of_tenant
                  FROM jsonb_each_text(r.scope) AS s WHERE s.value IN ('tenant', 'tenant or null');
                EXECUTE format('SELECT %I::text FROM %s WHERE %s AND %1$I IS NOT NULL LIMIT 1',
                               scope_column, qualified, coalesce(of_tenant, 'true'))
                   INTO value;
            END IF;
            person := person || jsonb_build_object(part, coalesce(value, 'splitplane-selftest'));
        END LOOP;
        claims := splitplane._selftest_claims(person ->> 'tenant', person ->> 'business', person ->> 'subject');
        whole := whole || (person || jsonb_build_object('own',
            CASE WHEN claims IS NULL THEN NULL
                 WHEN r.shared THEN 'true'
                 ELSE splitplane._selftest_rows(r.relation, r.scope, claims) END));
    END LOOP;
    RETURN whole;
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_identities(splitplane.relations, text, jsonb[]) FROM PUBLIC;

-- Columns of the plane whose values can be written as literals and compared. With `indexed`, those that an index leads
-- to through scope columns alone, unique indexes first; else all of them, the tenant column first. Base types only: a
-- user-defined cast must not run with the owner's rights.
CREATE FUNCTION splitplane._selftest_columns(relation regclass, columns text[], scope jsonb, indexed boolean)
RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.attname::text
    FROM pg_attribute AS a
    CROSS JOIN LATERAL (SELECT splitplane._base_type(a.atttypid)) AS b(base)
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
      AND (EXISTS (SELECT FROM splitplane._scope_type(b.base) AS t WHERE t.takes_list)
           OR (indexed AND b.base = ANY ('{numeric,date,timestamp,timestamptz}'::regtype[])))
      AND (NOT indexed
           OR (i.is_unique IS NOT NULL AND (scope ->> a.attname::text IN ('tenant', 'tenant or null')) IS NOT TRUE))
    ORDER BY CASE WHEN indexed THEN i.is_unique
                  WHEN scope ->> a.attname::text IN ('tenant', 'tenant or null') THEN 1 ELSE 0 END DESC,
             a.attnum
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_columns(regclass, text[], jsonb, boolean) FROM PUBLIC;

-- Up to `most` of the values that a query returns, all if NULL: those that a statement of ask can have as literals.
CREATE FUNCTION splitplane._selftest_values(query text, most integer, OUT picked text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('SELECT ARRAY(SELECT s.v FROM (%s) AS s(v) WHERE s.v !~ %L AND length(s.v) < 200 '
                   'ORDER BY s.v COLLATE "C" LIMIT %L)', query, '[\\[:cntrl:]]', most) INTO picked;
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_values(text, integer) FROM PUBLIC;

-- A condition that leaves at most `most` rows of a relation, some of each owner's among them: `true` for a small table,
-- else a list of values of an indexed column; NULL if there is no such column. `others` is the condition on the rows
-- among which those of the owners are then sought: all rows, or those of all owners, so that the cost depends on the
-- sample and not on the table. Citus cannot count rows without a column.
CREATE FUNCTION splitplane._selftest_sample(
    r splitplane.relations, qualified text, owners text[], most integer, OUT condition text, OUT others text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rows_seen bigint;
    column_name text;
    values_each integer;
    owner_condition text;
    -- The rows that are everybody's, where there are any: some of them are in the sample, too.
    everybody text[] := ARRAY(SELECT format('%I IS NULL', s.key)
                              FROM jsonb_each_text(r.scope) AS s WHERE s.value = 'tenant or null');
    chosen text[];
BEGIN
    condition := 'true';
    others := 'true';
    EXECUTE format('SELECT count(*) FROM (SELECT 1 FROM %s LIMIT %s) AS s', qualified, most + 1) INTO rows_seen;
    IF rows_seen <= most THEN
        RETURN;
    END IF;
    others := (SELECT string_agg(format('(%s)', o.condition), ' OR ') FROM unnest(owners) AS o(condition));
    FOR column_name, values_each IN
        SELECT c.name, n.values_each
        FROM splitplane._selftest_columns(r.relation, r.columns, r.scope, true) WITH ORDINALITY AS c(name, place)
        CROSS JOIN (VALUES (20), (4), (1)) AS n(values_each)
        ORDER BY c.place, n.values_each DESC
    LOOP
        chosen := '{}';
        FOREACH owner_condition IN ARRAY owners || everybody LOOP
            chosen := chosen || splitplane._selftest_values(
                format('SELECT DISTINCT l.v FROM (SELECT %1$I::text FROM %2$s WHERE (%3$s) AND %1$I IS NOT NULL '
                       'LIMIT %4$s) AS l(v)', column_name, qualified, owner_condition, values_each), NULL);
        END LOOP;
        CONTINUE WHEN chosen = '{}';
        condition := format('%I IN (%s)', column_name,
                            (SELECT string_agg(DISTINCT quote_literal(c.v), ', ') FROM unnest(chosen) AS c(v)));
        EXECUTE format('SELECT count(*) FROM (SELECT 1 FROM %s WHERE (%s) AND (%s) LIMIT %s) AS s',
                       qualified, condition, others, most + 1) INTO rows_seen;
        IF rows_seen <= most THEN
            RETURN;
        END IF;
    END LOOP;
    condition := NULL;
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_sample(splitplane.relations, text, text[], integer) FROM PUBLIC;

-- A column, and values of it that occur in the sample among the rows of one owner alone.
CREATE FUNCTION splitplane._selftest_probes(
    r splitplane.relations, qualified text, owners text[], sample text, OUT column_name text, OUT probed text[])
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
            -- The rows of the other owners; with one owner, all rows that are not its own. Of a shared table, none.
            others := CASE WHEN r.shared THEN 'false' ELSE coalesce(
                (SELECT string_agg(format('(%s)', o.condition), ' OR ')
                 FROM unnest(owners) WITH ORDINALITY AS o(condition, place) WHERE o.place <> position),
                format('(%s) IS NOT TRUE', owners[position])) END;
            found := splitplane._selftest_values(
                format('SELECT %1$I::text FROM %2$s WHERE (%3$s) AND (%4$s) AND %1$I IS NOT NULL '
                       'EXCEPT SELECT %1$I::text FROM %2$s WHERE (%3$s) AND (%5$s)',
                       column_name, qualified, sample, owners[position], others), 5);
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

-- How a statement can name a relation.
CREATE FUNCTION splitplane._selftest_table(r splitplane.relations, qualified text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT CASE WHEN splitplane._has_lost_name(r.relation, r.name, r.saved) THEN qualified ELSE quote_ident(r.name) END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_table(splitplane.relations, text) FROM PUBLIC;

-- Functions by which an answer shows values of types that a table's columns have, by type; empty where there are none.
CREATE FUNCTION splitplane._selftest_shown_by(relation regclass) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM splitplane.allowed_extensions AS a JOIN splitplane._extension_list() AS l
                        ON l.extension = a.extension AND l.kind = 'answer') THEN
        RETURN '{}';
    END IF;
    RETURN (SELECT coalesce(jsonb_object_agg(p.proargtypes[0], x.object::regprocedure), '{}')
            FROM splitplane._extension_objects() AS x JOIN pg_proc AS p ON p.oid = x.object
            WHERE x.kind = 'answer'
              AND EXISTS (SELECT FROM pg_attribute AS a
                          WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
                            AND splitplane._base_type(a.atttypid) = p.proargtypes[0]));
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_shown_by(regclass) FROM PUBLIC;

-- A value as an answer has it.
CREATE FUNCTION splitplane._selftest_json(value anyelement, shown_by jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written text;
BEGIN
    IF value IS NULL OR NOT shown_by ? splitplane._base_type(pg_typeof(value))::text THEN
        RETURN to_json(value);
    END IF;
    EXECUTE format('SELECT %s($1)', (shown_by ->> splitplane._base_type(pg_typeof(value))::text)::regprocedure::regproc)
       INTO written USING value;
    RETURN to_json(written);
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_json(anyelement, jsonb) FROM PUBLIC;

-- What the placeholders of a shape stand for, for one relation, its sample and its probe; `place` besides: the table
-- itself, outside the plane; `opened`: the statements name a hidden relation.
CREATE FUNCTION splitplane._selftest_names(
    r splitplane.relations, schema_name text, qualified text, sample text, probe_column text, probed text[])
RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT jsonb_build_object(
        'opened', r.hidden, 'place', qualified, 'qualified', qualified, 'name', quote_ident(r.name),
        'table', splitplane._selftest_table(r, qualified),
        'columns', string_agg(quote_ident(c.name), ', ' ORDER BY c.place),
        'counts', string_agg(format('count(%I)', c.name), ', ' ORDER BY c.place),
        'sample', sample, 'probe', quote_ident(probe_column), 'shown_by', splitplane._selftest_shown_by(r.relation),
        'values', (SELECT string_agg(format('(%L)', p.value), ', ' ORDER BY p.place)
                   FROM unnest(probed) WITH ORDINALITY AS p(value, place)))
    FROM unnest(r.columns) WITH ORDINALITY AS c(name, place)
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_names(splitplane.relations, text, text, text, text, text[]) FROM PUBLIC;

-- The number of rows and a digest of what a shape should return: outside the plane, a CTE with the plane's name holds
-- the rows that `own` admits. Rows are written as in an answer of ask; their order does not matter.
CREATE FUNCTION splitplane._selftest_expected(
    names jsonb, own text, template text, width integer, OUT rows bigint, OUT digest numeric)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer_columns text := (SELECT string_agg('a' || n, ', ' ORDER BY n) FROM generate_series(1, width) AS n);
    as_json text := (SELECT string_agg(
                         format(CASE WHEN names -> 'shown_by' = '{}' THEN 'coalesce(to_json(a%s)::text, ''null'')'
                                     ELSE 'coalesce(splitplane._selftest_json(a%s, %L), ''null'')' END,
                                n, names -> 'shown_by'), ', ' ORDER BY n)
                     FROM generate_series(1, width) AS n);
BEGIN
    EXECUTE format('WITH %s AS MATERIALIZED (SELECT %s FROM %s WHERE (%s) AND (%s)) '
                   'SELECT count(*), '
                   'coalesce(sum(hashtextextended(''['' || array_to_string(ARRAY[%s], '','') || '']'', 0)), 0) '
                   'FROM (%s) AS answer(%s)',
                   names ->> 'name', names ->> 'columns', names ->> 'place', own, names ->> 'sample', as_json,
                   -- The CTE stands for the relation, by whatever name.
                   splitplane._selftest_fill(template, names || jsonb_build_object('qualified', names -> 'name',
                                                                                   'table', names -> 'name')),
                   answer_columns)
       INTO rows, digest;
END
$$;
REVOKE ALL ON FUNCTION splitplane._selftest_expected(jsonb, text, text, integer) FROM PUBLIC;
