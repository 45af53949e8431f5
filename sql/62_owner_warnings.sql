-- Findings about claims that say whose rows are, where a table of the plane says it too: of tasks bound to the claim
-- `projects`, the table of the projects with its tenant column.

CREATE FUNCTION splitplane._owner_tables()
RETURNS TABLE (relation regclass, column_name text, claim text, key name, parent regclass, parent_column text,
               key_type oid, tenant_column text, tenant_type oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.relation, s.key, s.value, f.key, t.relation, f.parent_columns[1], splitplane._base_type(a.atttypid),
           t.column_name, t.base
    FROM splitplane._bound_by_claims() AS b
    JOIN splitplane.relations AS r ON r.relation = b.relation
    CROSS JOIN LATERAL jsonb_each_text(r.scope) AS s
    JOIN splitplane._tenant_columns() AS t
        ON EXISTS (SELECT FROM pg_constraint AS c
                   WHERE c.contype = 'f' AND c.conrelid = r.relation AND c.confrelid = t.relation)
    CROSS JOIN LATERAL splitplane._foreign_keys(r.relation, t.relation) AS f
    JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attname = f.parent_columns[1] AND NOT a.attisdropped
    WHERE s.value = ANY (b.exclusive) AND NOT f.membership AND f.problem IS NULL AND f.columns = ARRAY[s.key]
$$;
REVOKE ALL ON FUNCTION splitplane._owner_tables() FROM PUBLIC;

CREATE FUNCTION splitplane._owner_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
    place record;
    wrong record;
BEGIN
    FOR place IN
        SELECT o.*, format('%I.%I', n.nspname, c.relname) AS qualified,
               -- As the column's type would read the value of the claim; NULL for what is no value of it.
               CASE WHEN o.key_type IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
                    THEN 'CASE WHEN splitplane._as_number(v.value) BETWEEN -9223372036854775808 AND '
                         '9223372036854775807 THEN splitplane._as_number(v.value)::bigint END'
                    WHEN o.key_type = 'uuid'::regtype THEN 'splitplane._as_uuid(v.value)'
                    WHEN o.key_type IN ('text'::regtype, 'varchar'::regtype) THEN 'v.value' END AS held
        FROM splitplane._owner_tables() AS o
        JOIN pg_class AS c ON c.oid = o.parent
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        ORDER BY o.relation::text, o.parent::text, o.key
    LOOP
        severity := 'info';
        object := place.relation::text;
        -- The claim stays as a further scope: it may also say who of a tenant sees which rows.
        finding := format('Its foreign key %I leads to %s, whose column %I holds the tenant: by protect_through its '
                          'rows would belong to those there, too, and no value of claim %s could show them to another '
                          'tenant.',
                          place.key, place.parent, place.tenant_column, place.claim);
        fix := (SELECT format('SELECT splitplane.protect_through(%s);', concat_ws(', ',
                              quote_literal(r.relation), quote_literal(place.parent), quote_literal(r.columns),
                              'name => ' || quote_literal(splitplane._given_name(r.relation, r.name, r.saved)),
                              CASE WHEN cardinality(r.private_columns) > 0
                                   THEN 'private_columns => ' || quote_literal(r.private_columns) END,
                              'key => ' || quote_literal(place.key),
                              'scope => ' || quote_literal(r.scope),
                              CASE WHEN splitplane._is_hidden(r.relation) THEN 'hidden => true' END))
                FROM splitplane.relations AS r WHERE r.relation = place.relation);
        RETURN NEXT;
        CONTINUE WHEN place.held IS NULL;
        EXECUTE format(
            'SELECT p.tenant, p.business, p.subject, v.value, x.%1$I::text AS owner, count(*) OVER () AS many,
                    p.claims || jsonb_build_object(%2$L, (
                        SELECT coalesce(jsonb_agg(o.value), ''[]'')
                        FROM splitplane._claim_values(p.claims -> %2$L) AS o(value)
                        WHERE NOT splitplane._value_keys(%2$L, o.value) && splitplane._value_keys(%2$L, v.value)
                    )) AS claims
             FROM splitplane.principals AS p
             CROSS JOIN LATERAL splitplane._claim_values(p.claims -> %2$L) AS v(value)
             JOIN %3$s AS x ON x.%4$I OPERATOR(pg_catalog.=) %5$s
             WHERE p.enabled AND p.claims ? %2$L
               AND x.%1$I IS NOT NULL AND NOT splitplane._is_same_value(%6$s, x.%1$I::text, p.tenant)
             ORDER BY p.tenant, p.business, p.subject, v.value
             LIMIT 1',
            place.tenant_column, place.claim, place.qualified, place.parent_column, place.held, place.tenant_type)
            INTO wrong;
        IF wrong.tenant IS NOT NULL THEN
            severity := 'warning';
            object := format('claim %s', place.claim);
            finding := format('Tenant %L holds its value %L, whose row in %s belongs to %L: it sees the rows of that '
                              'tenant in %s. Such values: %s.', wrong.tenant, wrong.value, place.parent, wrong.owner,
                              place.relation, wrong.many);
            fix := format('SELECT splitplane.admit(%L, %L, %L, %L);', wrong.tenant, wrong.business, wrong.subject,
                          wrong.claims);
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane._owner_findings() FROM PUBLIC;
