-- Findings about the plane's relations that do not break isolation by themselves.

CREATE FUNCTION splitplane._relation_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    WITH plane AS MATERIALIZED (
        SELECT r.relation, splitplane._given_name(r.relation, r.name, r.saved) AS given_name,
               r.shared, today.scope, today.columns, today.private_columns, r.had_row_security, r.saved,
               r.columns AS registered, r.private_columns AS registered_private,
               CASE WHEN r.saved ->> 'numbers_of' = h.server || '/' || r.relation::oid
                    THEN r.saved -> 'numbers' END AS numbers,
               splitplane._policy_texts(r.relation) AS texts,
               c.relkind, c.relpages, c.relnamespace, c.relrowsecurity, c.relispartition, c.relacl
        FROM (SELECT s.system_identifier::text AS server FROM pg_control_system() AS s) AS h
        CROSS JOIN splitplane.relations AS r
        JOIN pg_class AS c ON c.oid = r.relation
        CROSS JOIN LATERAL (
            -- Each column of the registration has its name still, as of nearly every table: that is the names of today.
            SELECT (r.saved ->> 'numbers_of' = h.server || '/' || r.relation::oid) IS TRUE
                   AND NOT EXISTS (
                       SELECT FROM unnest(r.columns || ARRAY(SELECT jsonb_object_keys(r.scope))) AS n(name)
                       LEFT JOIN pg_attribute AS a
                           ON a.attrelid = r.relation AND a.attnum = (r.saved -> 'numbers' ->> n.name)::int2
                              AND a.attname = n.name AND NOT a.attisdropped
                       WHERE a.attnum IS NULL)
            OFFSET 0
        ) AS same(names)
        CROSS JOIN LATERAL (
            SELECT r.scope, r.columns, r.private_columns WHERE same.names
            UNION ALL
            SELECT t.scope, t.columns, t.private_columns
            FROM splitplane._today(r.relation, '!splitplane_scope', r.saved,
                                   r.scope, r.columns, r.private_columns) AS t
            WHERE NOT same.names
        ) AS today
    ),
    types AS MATERIALIZED (
        SELECT DISTINCT a.atttypid AS oid FROM plane AS p JOIN pg_attribute AS a ON a.attrelid = p.relation
        WHERE a.attnum > 0 AND NOT a.attisdropped
    ),
    unsafe_types AS MATERIALIZED (
        SELECT t.oid FROM types AS t WHERE NOT splitplane._type_is_safe(t.oid)
    ),
    scope_columns AS (
        SELECT p.relation, p.relkind, p.relpages, s.key AS column_name, b.claim, b.or_null, a.attnum, a.attnotnull,
               splitplane._base_type(a.atttypid) AS base
        FROM plane AS p
        CROSS JOIN LATERAL jsonb_each_text(p.scope) AS s
        CROSS JOIN LATERAL splitplane._binding(s.value) AS b
        JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attname = s.key AND a.attnum > 0 AND NOT a.attisdropped
    ),
    -- Columns that are unique in their table by themselves.
    keys AS (
        SELECT i.indrelid AS relation, i.indkey[0] AS attnum FROM pg_index AS i
        WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1
    ),
    -- Shared relations with a column that binds other tables to a tenant. Not one that is a key of the shared table by
    -- itself: no tenant has two such rows. Nor one that is bound in the tenants' own table alone, where it is the key.
    suspects AS (
        SELECT p.relation, a.attname
        FROM plane AS p JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped
        WHERE p.shared
          AND EXISTS (SELECT FROM scope_columns AS s
                      WHERE s.column_name = a.attname AND s.claim = 'tenant'
                        AND NOT EXISTS (SELECT FROM keys AS k WHERE k.relation = s.relation AND k.attnum = s.attnum))
          AND NOT EXISTS (SELECT FROM keys AS k WHERE k.relation = p.relation AND k.attnum = a.attnum)
    )
    -- The table and its columns.
    SELECT 'warning', r.name, 'Its table was dropped.',
           format('SELECT splitplane.unprotect(%s::pg_catalog.regclass);', r.relation::oid)
    FROM splitplane.relations AS r
    WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = r.relation)
    UNION ALL
    SELECT 'warning', r.relation::text,
           format('It was renamed or moved: its plane name %I was that of the table, which is now %s. The plane name '
                  'is refused until the table is registered again or taken out of the plane.', r.name, r.relation),
           -- Another table that has lost its name may hold the one of today, and a third that one's: then all of them
           -- are taken out and registered again.
           CASE WHEN EXISTS (SELECT FROM splitplane.relations AS h
                             WHERE h.name = c.relname AND h.relation <> r.relation
                               AND splitplane._has_lost_name(h.relation, h.name, h.saved))
                -- Where one of them cannot be, that alone: none is taken out and left out.
                THEN (SELECT coalesce(
                                 min(format('-- first %s: %s', l.relation, substr(a.again, 4)))
                                     FILTER (WHERE a.again LIKE '--%'),
                                 string_agg(format('SELECT splitplane.unprotect(%L);', l.relation), ' '
                                            ORDER BY l.relation)
                                 || ' ' || string_agg(a.again, ' ' ORDER BY l.relation))
                      FROM splitplane.relations AS l
                      CROSS JOIN LATERAL splitplane._register_again(l.relation) AS a(again)
                      WHERE splitplane._has_lost_name(l.relation, l.name, l.saved))
                ELSE splitplane._register_again(r.relation) END
           || format(' -- or: SELECT splitplane.unprotect(%L);', r.relation)
    FROM splitplane.relations AS r
    JOIN pg_class AS c ON c.oid = r.relation
    WHERE splitplane._has_lost_name(r.relation, r.name, r.saved)
    UNION ALL
    SELECT 'warning', p.relation::text,
           CASE WHEN b.attname IS NOT NULL
                THEN format('Column %I of the plane is called %I now, and is out of it until the table is registered '
                            'again.', w.name, b.attname)
                ELSE format(CASE WHEN w.name = ANY (p.registered_private)
                                 THEN 'Private column %I does not exist any more. If it was renamed, name it as '
                                      'private again.'
                                 ELSE 'Column %I of the plane does not exist any more.' END, w.name) END,
           splitplane._register_again(p.relation)
    FROM plane AS p CROSS JOIN LATERAL unnest(p.registered) AS w(name)
    LEFT JOIN pg_attribute AS b
        ON b.attrelid = p.relation AND b.attnum = (p.numbers ->> w.name)::int2 AND NOT b.attisdropped
    WHERE CASE WHEN p.numbers IS NOT NULL THEN b.attname IS DISTINCT FROM w.name
               ELSE NOT EXISTS (SELECT FROM pg_attribute AS a
                                WHERE a.attrelid = p.relation AND a.attname = w.name AND a.attnum > 0
                                  AND NOT a.attisdropped) END
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('Column %I now has type %s, which the plane does not support.', a.attname,
                  format_type(a.atttypid, a.atttypmod)),
           splitplane._register_again(p.relation)
    FROM plane AS p
    JOIN pg_attribute AS a
        ON a.attrelid = p.relation AND a.attname = ANY (p.columns) AND a.attnum > 0 AND NOT a.attisdropped
    WHERE a.atttypid IN (SELECT u.oid FROM unsafe_types AS u)
    UNION ALL
    SELECT 'info', p.relation::text,
           format('Column %I is not in the plane: it was added after the table was registered, or its type was not '
                  'carried then.', a.attname),
           splitplane._registration(p.relation, p.scope, NULL, p.given_name, p.private_columns, true)
    FROM plane AS p JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped
    WHERE (p.saved ->> 'all_columns')::boolean AND a.attname <> ALL (p.columns)
      -- One that the plane does not carry was left out, and would be again.
      AND a.atttypid NOT IN (SELECT u.oid FROM unsafe_types AS u)
      -- It may be a private column that was renamed, or one whose type is not carried any more, which have findings of
      -- their own that come first: to register all columns would forget that they are private.
      AND NOT EXISTS (SELECT FROM unnest(p.private_columns) AS w(name)
                      WHERE NOT EXISTS (SELECT FROM pg_attribute AS b
                                        WHERE b.attrelid = p.relation AND b.attname = w.name
                                          AND b.attnum > 0 AND NOT b.attisdropped
                                          AND splitplane._type_is_safe(b.atttypid)))
      -- Whether it is shared at all is to be settled first.
      AND p.relation NOT IN (SELECT u.relation FROM suspects AS u)
    UNION ALL
    SELECT 'info', p.relation::text,
           'It was altered since it was registered, or restored from a dump. Its fences hold, but every new session '
           'checks them in detail, which is slower.',
           splitplane._register_again(p.relation)
    FROM plane AS p JOIN splitplane._fences AS f ON f.relation = p.relation
    WHERE (CASE WHEN f.fingerprint IS DISTINCT FROM p.saved ->> 'fingerprint'
                THEN splitplane._reader_fingerprint(p.relation) IS DISTINCT FROM p.saved ->> 'reader_fingerprint' END
           -- After a restore and pg_upgrade its columns go by their names until it is registered again.
           OR splitplane._numbers_of(p.relation) IS DISTINCT FROM p.saved ->> 'numbers_of')
      AND NOT EXISTS (SELECT FROM splitplane._critical_findings(ARRAY[p.relation]))
      AND p.relation NOT IN (SELECT u.relation FROM suspects AS u)
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('splitplane_reader may not read %s, so queries on the relation fail.',
                  string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)),
           splitplane._register_again(p.relation)
    FROM plane AS p
    JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped
         AND (a.attname = ANY (coalesce(p.columns, p.registered))
              OR p.scope || splitplane._key_columns(p.relation) ? a.attname::text)
    WHERE NOT has_column_privilege('splitplane_reader', p.relation, a.attnum, 'SELECT')
       OR NOT has_schema_privilege('splitplane_reader', p.relnamespace, 'USAGE')
    GROUP BY p.relation
    UNION ALL
    -- Its policies.
    SELECT 'warning', p.relation::text,
           'Row-level security is enabled and its policy splitplane_read is missing, so queries may see no rows of it.',
           splitplane._register_again(p.relation)
    FROM plane AS p
    WHERE p.relrowsecurity AND NOT p.saved ? 'node'
      AND NOT EXISTS (SELECT FROM pg_policy AS y
                      WHERE y.polrelid = p.relation AND y.polname = 'splitplane_read' AND y.polpermissive
                        AND y.polroles = ARRAY[to_regrole('splitplane_reader')::oid])
    UNION ALL
    SELECT 'warning', p.relation::text,
           'The condition of its policy splitplane_read is not the one that it was made with, so queries may see no '
           'rows of it.', splitplane._register_again(p.relation)
    FROM plane AS p
    JOIN pg_policy AS y ON y.polrelid = p.relation AND y.polname = 'splitplane_read' AND y.polpermissive
         AND y.polroles = ARRAY[to_regrole('splitplane_reader')::oid]
    WHERE p.saved ? 'read' AND p.texts -> 'read' <> p.saved -> 'read'
      -- The condition has the names of the scope's columns: where those have changed is a finding of its own.
      AND NOT EXISTS (SELECT FROM splitplane._critical_findings(ARRAY[p.relation]))
    UNION ALL
    SELECT 'warning', p.relation::text,
           'Its policy splitplane_closed is missing: if the extension were dropped, splitplane_reader would see the '
           'rows of every tenant.',
           splitplane._register_again(p.relation)
    FROM plane AS p
    WHERE NOT p.shared AND NOT p.saved ? 'node'
      AND NOT EXISTS (SELECT FROM pg_policy AS y
                      WHERE y.polrelid = p.relation AND y.polname = 'splitplane_closed' AND NOT y.polpermissive
                        AND y.polroles = ARRAY[to_regrole('splitplane_reader')::oid]
                        AND p.texts ->> 'closed' = p.saved ->> 'closed')
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('Its own restrictive policy %I is evaluated before splitplane''s, so queries on the relation are '
                  'refused. PostgreSQL evaluates policies in the order of their names.', y.name),
           format('ALTER POLICY %I ON %s RENAME TO %I;', y.name, p.relation,
                  -- With the policy's number where the name is taken, or would be by another.
                  concat('own_', ltrim(y.name, E' !"\t'),
                         (SELECT '_' || o.oid FROM pg_policy AS o
                          WHERE o.polrelid = p.relation AND o.polname = y.name
                            AND EXISTS (SELECT FROM pg_policy AS q
                                        WHERE q.polrelid = p.relation AND q.oid <> o.oid
                                          AND 'own_' || ltrim(y.name, E' !"\t')
                                              IN (q.polname, 'own_' || ltrim(q.polname, E' !"\t'))))))
    FROM plane AS p CROSS JOIN LATERAL splitplane._earlier_restrictions(p.relation) AS y(name)
    WHERE NOT p.shared
    UNION ALL
    SELECT 'warning', p.relation::text,
           'Its policy splitplane_others is missing: roles other than its owner see no rows, or fewer than before it '
           'was protected.',
           CASE WHEN EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = p.relation AND y.polpermissive
                             AND y.polname <> ALL (splitplane._policy_names()))
                THEN format('UPDATE splitplane.relations SET had_row_security = true '
                            'WHERE relation = %L::pg_catalog.regclass;', p.relation)
                ELSE splitplane._register_again(p.relation) END
    FROM plane AS p
    WHERE (NOT p.shared OR p.saved ? 'node') AND NOT p.had_row_security AND p.relrowsecurity
      AND NOT EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = p.relation AND y.polname = 'splitplane_others')
    UNION ALL
    SELECT 'warning', p.relation::text,
           CASE WHEN p.had_row_security
                THEN 'A policy splitplane_others lets other roles see rows that its own policies would hide from them. '
                     'splitplane makes none where a table had row-level security of its own.'
                ELSE 'Its policy splitplane_others is not as it was made: other roles see fewer rows than before the '
                     'table was protected.' END,
           CASE WHEN p.had_row_security THEN format('DROP POLICY splitplane_others ON %s;', p.relation)
                ELSE splitplane._register_again(p.relation) END
    FROM plane AS p JOIN pg_policy AS y ON y.polrelid = p.relation AND y.polname = 'splitplane_others'
    WHERE (NOT p.shared OR p.saved ? 'node')
      AND (p.had_row_security OR NOT y.polpermissive OR y.polcmd <> '*' OR y.polroles <> '{0}'
           OR pg_get_expr(y.polqual, y.polrelid)
              IS DISTINCT FROM CASE WHEN p.saved ? 'node' THEN '(CURRENT_USER <> ''splitplane_reader''::name)'
                                    ELSE 'true' END
           OR pg_get_expr(y.polwithcheck, y.polrelid) IS DISTINCT FROM 'true')
    UNION ALL
    SELECT CASE WHEN y.polroles && ARRAY[0, to_regrole('splitplane_reader')::oid] THEN 'warning' ELSE 'info' END,
           p.relation::text,
           format('Its own permissive policy %I has no effect, since splitplane_others lets every role work as before '
                  'the table was protected.', y.polname),
           -- What is not meant to bind the reader changes nothing in the plane; the fix would change what others see.
           format('%sUPDATE splitplane.relations SET had_row_security = true WHERE relation = %L::pg_catalog.regclass; '
                  'DROP POLICY splitplane_others ON %s;',
                  CASE WHEN y.polroles && ARRAY[0, to_regrole('splitplane_reader')::oid] THEN ''
                       ELSE '-- if it should have one: ' END, p.relation, p.relation)
    FROM plane AS p
    JOIN pg_policy AS y
        ON y.polrelid = p.relation AND y.polpermissive AND y.polname <> ALL (splitplane._policy_names())
    WHERE (NOT p.shared OR p.saved ? 'node') AND NOT p.had_row_security
      AND y.polroles <> ARRAY[to_regrole('splitplane_reader')::oid]
      AND EXISTS (SELECT FROM pg_policy AS o WHERE o.polrelid = p.relation AND o.polname = 'splitplane_others')
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('Its own restrictive policy %I applies to splitplane_reader too: answers may have fewer rows or '
                  'none, and queries fail if the policy needs privileges that the reader lacks.', y.name),
           y.remedy
    FROM plane AS p CROSS JOIN LATERAL splitplane._binding_restrictions(p.relation) AS y
    -- One that is evaluated too early has a finding of its own, which comes first.
    WHERE (p.shared OR y.name <> ALL (ARRAY(SELECT splitplane._earlier_restrictions(p.relation))))
      AND p.relation IN (SELECT o.polrelid FROM pg_policy AS o
                         WHERE NOT o.polpermissive AND o.polname <> ALL (splitplane._policy_names()))
    UNION ALL
    SELECT CASE WHEN t.is_ours THEN 'warning' ELSE 'info' END, p.relation::text,
           format(CASE WHEN t.is_ours THEN 'Its policy %I is one of splitplane''s under another name.'
                       ELSE 'Its own restrictive policy %I narrows what splitplane_reader sees, as it says.' END,
                  y.polname),
           format(CASE WHEN t.is_ours THEN 'DROP POLICY %I ON %s;'
                       ELSE '-- DROP POLICY %I ON %s; if answers are to have those rows' END, y.polname, p.relation)
    FROM plane AS p
    JOIN pg_policy AS y
        ON y.polrelid = p.relation AND NOT y.polpermissive AND y.polname <> ALL (splitplane._policy_names())
    CROSS JOIN LATERAL (
        SELECT coalesce(replace(pg_get_expr(y.polqual, y.polrelid), quote_literal(p.relation), 'itself')
                        IN (p.saved ->> 'policy', p.saved ->> 'closed'), false)
    ) AS t(is_ours)
    WHERE y.polroles = ARRAY[to_regrole('splitplane_reader')::oid] AND y.polcmd IN ('r', '*')
    UNION ALL
    -- What PUBLIC may read.
    SELECT 'warning', p.relation::text,
           'PUBLIC may read all its columns, so splitplane_reader''s column grants hide none of them.',
           splitplane._grants_of_others(p.relation, ARRAY[0::oid])
           || format('REVOKE SELECT ON %s FROM PUBLIC;', p.relation)
    FROM plane AS p CROSS JOIN aclexplode(p.relacl) AS g
    WHERE g.grantee = 0 AND g.privilege_type = 'SELECT'
      AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped
                  AND a.attname <> ALL (p.columns) AND NOT p.scope ? a.attname::text)
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('PUBLIC may read column %I, which the plane hides from splitplane_reader.', a.attname),
           splitplane._grants_of_others(p.relation, ARRAY[0::oid])
           || format('REVOKE SELECT (%I) ON %s FROM PUBLIC;', a.attname, p.relation)
    FROM plane AS p
    JOIN pg_attribute AS a
        ON a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attacl IS NOT NULL
    CROSS JOIN aclexplode(a.attacl) AS g
    WHERE g.grantee = 0 AND g.privilege_type = 'SELECT'
      AND a.attname <> ALL (p.columns) AND NOT p.scope ? a.attname::text
    UNION ALL
    -- Its scope.
    SELECT 'warning', p.relation::text,
           format('It is shared, that is, the same for every tenant, but it has column %I, which binds other tables to '
                  'a tenant.', u.attname),
           splitplane._registration(p.relation, jsonb_build_object(u.attname, 'tenant'), p.columns, p.given_name,
                                    p.private_columns)
    FROM plane AS p JOIN suspects AS u ON u.relation = p.relation
    UNION ALL
    -- Under row-level security a condition that is not leakproof cannot use its own index before the tenant's.
    SELECT CASE WHEN s.relpages > 100 OR s.relkind = 'p' THEN 'warning' ELSE 'info' END, s.relation::text,
           format('No index starts with tenant column %I.', s.column_name),
           format('CREATE INDEX %sON %s (%I);', CASE WHEN s.relkind = 'p' THEN '' ELSE 'CONCURRENTLY ' END,
                  s.relation, s.column_name)
    FROM scope_columns AS s
    WHERE s.claim = 'tenant'
      AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = s.relation AND i.indisvalid AND i.indpred IS NULL
                      AND i.indkey[0] = s.attnum)
      -- Partitioning by the tenant itself serves as well as an index.
      AND NOT EXISTS (SELECT FROM pg_partitioned_table AS t
                      WHERE t.partrelid = s.relation AND t.partstrat = 'l' AND t.partattrs[0] = s.attnum)
    UNION ALL
    SELECT 'warning', s.relation::text,
           format('Tenant column %I may be NULL. Such rows belong to no tenant and are never seen.', s.column_name),
           format('-- delete or assign such rows, then: ALTER TABLE %s ALTER COLUMN %I SET NOT NULL;', s.relation,
                  s.column_name)
    FROM scope_columns AS s
    WHERE s.claim = 'tenant' AND NOT s.attnotnull AND NOT s.or_null
    UNION ALL
    SELECT 'warning', s.relation::text,
           format('Scope column %I has type %s, whose equality is not leakproof: estimates do not see which tenants '
                  'have many rows.', s.column_name, format_type(s.base, -1)),
           format(CASE WHEN a.again LIKE '--%' THEN '%4$s'
                       ELSE 'SELECT splitplane.unprotect(%1$L); ALTER TABLE %1$s ALTER COLUMN %2$I TYPE %3$s; %4$s' END,
                  s.relation, s.column_name, CASE WHEN s.base = 'numeric'::regtype THEN 'bigint' ELSE 'text' END,
                  a.again)
    FROM scope_columns AS s CROSS JOIN LATERAL splitplane._register_again(s.relation) AS a(again)
    WHERE NOT splitplane._equality_is_leakproof(s.base)
    UNION ALL
    SELECT 'warning', p.relation::text,
           'It has become a partition: a query on its partitioned table does not use its policies.',
           format('SELECT splitplane.unprotect(%L);', p.relation)
    FROM plane AS p
    WHERE p.relispartition
$$;
REVOKE ALL ON FUNCTION splitplane._relation_findings() FROM PUBLIC;

-- Ways around a protected relation: views and materialized views over it, and its partitions and children.
CREATE FUNCTION splitplane._bypass_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE family(relation, ancestor, is_child) AS (
        SELECT r.relation::oid, r.relation, false FROM splitplane.relations AS r WHERE NOT r.shared
        UNION
        SELECT i.inhrelid, f.ancestor, true FROM family AS f JOIN pg_inherits AS i ON i.inhparent = f.relation
    ),
    dependants(relation, ancestor) AS (
        SELECT f.relation, f.ancestor FROM family AS f
        UNION
        SELECT w.ev_class, s.ancestor
        FROM dependants AS s
        JOIN pg_depend AS d
            ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.relation AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite AS w ON w.oid = d.objid
        WHERE w.ev_class <> s.relation
    ),
    -- Relations that the reader may read, by its own grants or by PUBLIC's.
    readable AS (
        SELECT c.oid, c.relkind, c.reloptions
        FROM pg_class AS c
        WHERE c.relkind IN ('v', 'm', 'r', 'p', 'f') AND has_any_column_privilege('splitplane_reader', c.oid, 'SELECT')
    )
    SELECT 'warning', c.oid::regclass::text,
           format('%s over %s shows the rows of every tenant, and splitplane_reader (by itself or by PUBLIC) may read '
                  'it.',
                  CASE WHEN c.relkind = 'm' THEN 'This materialized view' ELSE 'This view without security_invoker' END,
                  string_agg(s.ancestor::text, ', ' ORDER BY s.ancestor::text)),
           CASE WHEN c.relkind = 'v' THEN format('ALTER VIEW %s SET (security_invoker = true);', c.oid::regclass)
                ELSE splitplane._grants_of_others(c.oid, ARRAY[0, to_regrole('splitplane_reader')::oid])
                     || format('REVOKE ALL ON %s FROM PUBLIC, splitplane_reader;', c.oid::regclass) END
    FROM dependants AS s JOIN readable AS c ON c.oid = s.relation
    WHERE c.relkind = 'm'
       OR (c.relkind = 'v'
           AND NOT coalesce((SELECT lower(o.option_value) IN ('true', 'on', 'yes', '1')
                             FROM pg_options_to_table(c.reloptions) AS o
                             WHERE o.option_name = 'security_invoker'), false))
    GROUP BY c.oid, c.relkind
    UNION ALL
    SELECT 'warning', c.oid::regclass::text,
           format('It is a partition or child of %s, whose policies do not apply when it is read directly, and '
                  'splitplane_reader (by itself or by PUBLIC) may read it.', f.ancestor),
           splitplane._grants_of_others(c.oid, ARRAY[0, to_regrole('splitplane_reader')::oid])
           || format('REVOKE ALL ON %s FROM PUBLIC, splitplane_reader;', c.oid::regclass)
    FROM family AS f JOIN readable AS c ON c.oid = f.relation
    WHERE f.is_child AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = c.oid)
      -- The fences are on their data servers.
      AND NOT EXISTS (SELECT FROM splitplane.directories AS d WHERE d.relation = f.ancestor)
$$;
REVOKE ALL ON FUNCTION splitplane._bypass_findings() FROM PUBLIC;

-- All findings. A check that fails is a finding itself, so that one broken object does not hide the others. Without the
-- reader most checks have nothing to look at; that it is missing is a finding of its own.
CREATE FUNCTION splitplane._findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
-- Compiling these queries would take seconds, and running them takes milliseconds.
SET jit = off
AS $$
DECLARE
    part text;
BEGIN
    FOREACH part IN ARRAY ARRAY['_critical_findings', '_server_problems', '_relation_findings', '_parent_findings',
                                '_bypass_findings', '_role_findings', '_installation_findings',
                                '_function_findings', '_extension_findings', '_identity_findings',
                                '_owner_findings', '_question_findings', '_view_findings', '_search_findings',
                                '_audit_findings', '_budget_findings', '_node_findings',
                                '_directory_findings']
    LOOP
        BEGIN
            IF part = '_critical_findings' THEN
                RETURN QUERY SELECT 'critical', c.object, c.finding, c.fix FROM splitplane._critical_findings() AS c;
            ELSIF part = '_server_problems' THEN
                RETURN QUERY SELECT p.severity, p.object, p.finding, p.fix
                             FROM splitplane._server_problems() AS p WHERE p.severity <> 'critical';
            ELSE
                RETURN QUERY EXECUTE format('SELECT f.severity, f.object, f.finding, f.fix FROM splitplane.%I() AS f',
                                            part);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            IF part = '_critical_findings' OR to_regrole('splitplane_reader') IS NOT NULL THEN
                RETURN QUERY SELECT CASE part WHEN '_critical_findings' THEN 'critical' ELSE 'warning' END,
                                    'doctor',
                                    format('Some checks could not be made: %s (%s).', SQLERRM, SQLSTATE),
                                    '-- repair or drop the object that the message names, then run doctor() again';
            END IF;
        END;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane._findings() FROM PUBLIC;

CREATE FUNCTION splitplane.doctor() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.severity, f.object, f.finding, f.fix
    FROM splitplane._findings() AS f
    ORDER BY CASE f.severity WHEN 'critical' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END, f.object, f.finding
$$;
REVOKE ALL ON FUNCTION splitplane.doctor() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.doctor() TO splitplane_admin;
COMMENT ON FUNCTION splitplane.doctor() IS
    'What is wrong with the plane; each finding has the SQL that fixes it. ask refuses while there is a critical one.';
