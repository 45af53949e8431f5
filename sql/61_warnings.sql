-- Findings that do not break isolation by themselves: the plane is slower, shows fewer rows or is less well fenced than
-- it should be. One function per subject; doctor() puts them together.

-- The reader, the callers and what else a role may access.
CREATE FUNCTION splitplane._role_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'warning', format('role %I', pg_get_userbyid(m.member)),
           'It is a member of splitplane_reader, so the plane''s policies apply to its own queries on protected '
           'tables.',
           format('REVOKE splitplane_reader FROM %I;', pg_get_userbyid(m.member))
    FROM pg_auth_members AS m
    JOIN pg_roles AS a ON a.oid = m.member
    WHERE m.roleid = to_regrole('splitplane_reader') AND NOT a.rolsuper
    UNION ALL
    SELECT 'warning', pg_describe_object(d.classid, d.objid, d.objsubid),
           'It is owned by splitplane_reader, which should own nothing.',
           'REASSIGN OWNED BY splitplane_reader TO CURRENT_USER;'
    FROM splitplane._reader_possessions() AS d
    WHERE d.dbid = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database())
      AND NOT EXISTS (SELECT FROM splitplane.relations AS r
                      WHERE d.classid = 'pg_class'::regclass AND r.relation = d.objid)
    UNION ALL
    -- By its own grants or by PUBLIC's. The proof refuses such relations, but it is then the only fence.
    SELECT 'warning', c.oid::regclass::text,
           format('%s has %s on it, and it is not in the plane.', splitplane._grantee(g.grantee),
                  string_agg(DISTINCT g.privilege_type, ', ')),
           splitplane._grants_of_others(c.oid, ARRAY[g.grantee])
           || format('REVOKE ALL ON %s%s FROM %s;', CASE WHEN c.relkind = 'S' THEN 'SEQUENCE ' END, c.oid::regclass,
                     splitplane._grantee(g.grantee))
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT a.grantee, a.privilege_type FROM aclexplode(c.relacl) AS a
        UNION ALL
        SELECT a.grantee, a.privilege_type FROM pg_attribute AS t CROSS JOIN aclexplode(t.attacl) AS a
        WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL AND NOT t.attisdropped
    ) AS g
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp%'
      AND (g.grantee = to_regrole('splitplane_reader')
           OR (g.grantee = 0 AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
               AND g.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
               AND has_schema_privilege('splitplane_reader', n.oid, 'USAGE')
               -- Views of other extensions (pg_stat_statements, for example) are granted to PUBLIC on purpose.
               AND NOT EXISTS (SELECT FROM pg_depend AS d
                               WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')))
      AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = c.oid)
      -- Functions of an allowed extension read it.
      AND NOT (g.privilege_type = 'SELECT' AND splitplane._is_table_of_extension(c.oid))
      AND NOT (g.grantee <> 0 AND g.privilege_type = 'SELECT' AND c.relkind = 'f'
               AND splitplane._is_of_data_server(c.oid))
      AND NOT (g.grantee <> 0
               AND EXISTS (SELECT FROM splitplane._left_behind() AS l WHERE l.relation = c.oid AND l.is_open))
    GROUP BY c.oid, c.relkind, g.grantee
    UNION ALL
    SELECT 'warning', format('schema %I', n.nspname), 'splitplane_reader may create objects in it.',
           splitplane._revoked_by_others(format('CREATE ON SCHEMA %I', n.nspname), n.nspacl, n.nspowner,
                                         ARRAY[0, to_regrole('splitplane_reader')::oid])
           || format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, splitplane_reader;', n.nspname)
    FROM pg_namespace AS n
    WHERE has_schema_privilege('splitplane_reader', n.oid, 'CREATE')
      AND n.nspname NOT LIKE 'pg\_temp%' AND n.nspname NOT LIKE 'pg\_toast%'
    UNION ALL
    SELECT 'warning', p.oid::regprocedure::text,
           'splitplane_reader may execute it, and it runs with its owner''s rights (SECURITY DEFINER), to which the '
           'plane''s row-level security does not apply.',
           splitplane._revoked_by_others('EXECUTE ON FUNCTION ' || splitplane._signature(p.oid), p.proacl, p.proowner,
                                         ARRAY[0, to_regrole('splitplane_reader')::oid],
                                         splitplane._function_schemas(p.oid))
           || format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC, splitplane_reader;', splitplane._signature(p.oid))
    FROM pg_proc AS p
    WHERE p.prosecdef AND p.prokind <> 'p'
      AND has_function_privilege('splitplane_reader', p.oid, 'EXECUTE')
      AND has_schema_privilege('splitplane_reader', p.pronamespace, 'USAGE')
    UNION ALL
    -- They have no policies: only the allowlists of functions and types keep a query away from them.
    SELECT 'warning', 'large objects',
           format('%s may read or write %s of them, and row-level security does not apply to large objects.',
                  g.holder, count(*)),
           array_to_string((array_agg(g.of_others ORDER BY g.oid))[:100], '')
           || format('REVOKE ALL ON LARGE OBJECT %s FROM %s;',
                     array_to_string((array_agg(g.oid ORDER BY g.oid))[:100], ', '), g.holder)
    FROM (
        SELECT l.oid, splitplane._grantee(a.grantee) AS holder,
               coalesce(max(splitplane._revoked_by_others('ALL ON LARGE OBJECT ' || l.oid, l.lomacl, l.lomowner,
                                                          ARRAY[a.grantee]))
                            FILTER (WHERE a.grantor <> l.lomowner), '') AS of_others
        FROM pg_largeobject_metadata AS l CROSS JOIN aclexplode(l.lomacl) AS a
        WHERE a.grantee IN (0, to_regrole('splitplane_reader'))
        GROUP BY l.oid, a.grantee
    ) AS g
    GROUP BY g.holder
    UNION ALL
    SELECT 'warning', 'large objects', 'lo_compat_privileges is on: every role may read and write all of them.',
           'ALTER SYSTEM SET lo_compat_privileges = off; SELECT pg_reload_conf();'
    WHERE current_setting('lo_compat_privileges')::boolean
    UNION ALL
    SELECT 'warning', p.oid::regprocedure::text,
           'PUBLIC may execute it: every role of the database can present a context.',
           splitplane._revoked_by_others('EXECUTE ON FUNCTION ' || splitplane._signature(p.oid), p.proacl, p.proowner,
                                         ARRAY[0::oid], splitplane._function_schemas(p.oid))
           || format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC;', splitplane._signature(p.oid))
    FROM pg_extension AS e
    JOIN pg_proc AS p ON p.pronamespace = e.extnamespace AND p.proname IN ('ask', 'ask_rows', 'ask_dry_run')
    CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS g
    WHERE e.extname = 'splitplane' AND g.grantee = 0
    UNION ALL
    SELECT 'warning', c.oid::regclass::text,
           format('%s has %s on a configuration table of the extension.', splitplane._grantee(g.grantee),
                  g.privilege_type),
           splitplane._grants_of_others(c.oid, ARRAY[g.grantee])
           || format('REVOKE %s ON %s FROM %s;', g.privilege_type, c.oid::regclass, splitplane._grantee(g.grantee))
    FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS g
    WHERE c.relnamespace = 'splitplane'::regnamespace AND c.relkind IN ('r', 'v')
      AND g.grantee NOT IN (c.relowner, to_regrole('splitplane_reader'))
      AND NOT (g.grantee = to_regrole('splitplane_admin') AND g.privilege_type = 'SELECT')
      AND NOT (g.grantee = 'pg_monitor'::regrole AND g.privilege_type = 'SELECT' AND c.relname LIKE 'stat\_%')
$$;
REVOKE ALL ON FUNCTION splitplane._role_findings() FROM PUBLIC;

-- Allowed functions.
CREATE FUNCTION splitplane._function_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'warning', f.signature,
           'This allowed function does not exist any more, or has another owner now. It is not in the plane.',
           format('DELETE FROM splitplane.allowed_functions WHERE signature = %L;', f.signature)
    FROM splitplane.allowed_functions AS f
    WHERE NOT EXISTS (SELECT FROM pg_proc AS p
                      WHERE p.oid = splitplane._procedure(f.signature)
                        AND pg_get_userbyid(p.proowner) = f.saved ->> 'owner')
    UNION ALL
    SELECT 'warning', f.signature,
           'This allowed function has a support function now, which may put something else in the place of a call '
           'after the proof. It is not in the plane.',
           format('SELECT splitplane.disallow_function(%L);', f.signature)
    FROM splitplane.allowed_functions AS f JOIN pg_proc AS p ON p.oid = splitplane._procedure(f.signature)
    WHERE pg_get_userbyid(p.proowner) = f.saved ->> 'owner'
      AND NOT EXISTS (SELECT FROM splitplane.functions AS a WHERE a.function = p.oid)
    UNION ALL
    SELECT 'warning', splitplane._signature(f.function),
           'This function has become SECURITY DEFINER since it was allowed: it runs with its owner''s rights.',
           format('SELECT splitplane.disallow_function(%L);', splitplane._signature(f.function))
    FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function
    WHERE p.prosecdef AND NOT (f.saved ->> 'security_definer')::boolean
    UNION ALL
    SELECT 'warning', splitplane._signature(f.function),
           'splitplane_reader may not execute this allowed function, so queries that call it fail.',
           format('SELECT splitplane.disallow_function(%1$L); SELECT splitplane.allow_function(%1$L);',
                  splitplane._signature(f.function))
    FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function
    WHERE NOT (has_function_privilege('splitplane_reader', p.oid, 'EXECUTE')
               AND has_schema_privilege('splitplane_reader', p.pronamespace, 'USAGE'))
$$;
REVOKE ALL ON FUNCTION splitplane._function_findings() FROM PUBLIC;

-- Allowed extensions, and what others have put beside them.
CREATE FUNCTION splitplane._extension_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    WITH allowed AS MATERIALIZED (
        SELECT a.extension, e.extnamespace, splitplane._extension_problem(a.extension) AS problem
        FROM splitplane.allowed_extensions AS a LEFT JOIN pg_extension AS e ON e.extname = a.extension
    ),
    listed AS MATERIALIZED (
        SELECT a.extension, a.problem, l.*
        FROM allowed AS a CROSS JOIN LATERAL splitplane._listed_objects(a.extension) AS l
    ),
    members AS MATERIALIZED (
        SELECT d.classid, d.objid
        FROM allowed AS a
        JOIN pg_extension AS e ON e.extname = a.extension
        JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
    ),
    names AS MATERIALIZED (
        SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'pg_catalog'::regnamespace
        UNION
        SELECT l.name FROM listed AS l WHERE l.kind IN ('function', 'aggregate')
    ),
    -- Analysis looks for names in the schemas of allowed extensions behind pg_catalog. Another role's function may fit
    -- a call better, and an operator its operands.
    beside AS MATERIALIZED (
        SELECT DISTINCT ON (o.catalog, o.object) o.catalog, o.object, o.extension, x.extname AS member_of
        FROM (
            SELECT a.extension, 'pg_proc'::regclass, p.oid FROM allowed AS a JOIN pg_proc AS p
                 ON p.pronamespace = a.extnamespace
            WHERE p.proname IN (SELECT n.proname FROM names AS n) AND NOT splitplane._is_ours('pg_proc', p.oid)
              AND p.oid NOT IN (SELECT f.function FROM splitplane.functions AS f)
            UNION ALL
            SELECT a.extension, 'pg_operator', o.oid FROM allowed AS a JOIN pg_operator AS o
                 ON o.oprnamespace = a.extnamespace
            UNION ALL
            SELECT l.extension, 'pg_cast', c.oid FROM listed AS l JOIN pg_cast AS c
                 ON l.kind = 'type' AND l.object IN (c.castsource, c.casttarget)
        ) AS o(extension, catalog, object)
        LEFT JOIN (pg_depend AS d JOIN pg_extension AS x
                   ON d.refclassid = 'pg_extension'::regclass AND x.oid = d.refobjid AND d.deptype = 'e')
             ON d.classid = o.catalog AND d.objid = o.object
        WHERE o.object >= 16384
          -- Members of allowed extensions that are on no list were left out by us, and their operands are as well.
          AND (o.catalog::oid, o.object) NOT IN (SELECT m.classid, m.objid FROM members AS m)
        ORDER BY o.catalog, o.object, o.extension
    )
    SELECT 'warning', format('extension %I', a.extension), a.problem,
           format('SELECT splitplane.disallow_extension(%L); -- or bring back what was there', a.extension)
    FROM allowed AS a WHERE a.problem IS NOT NULL
    UNION ALL
    SELECT 'warning', pg_describe_object(l.catalog, l.object, 0),
           format('It is on the list of extension %I and is not as it was read, so it is not in the plane.',
                  l.extension),
           format('-- make it again as CREATE EXTENSION %I makes it', l.extension)
    FROM listed AS l WHERE NOT l.is_as_read AND l.kind <> 'estimator'
    UNION ALL
    SELECT 'warning', format('extension %I', a.extension),
           format('It has moved to schema %I, or splitplane_reader may not use that, so nothing of it is in the plane.',
                  n.nspname),
           format('SELECT splitplane.allow_extension(%L);', a.extension)
    FROM allowed AS a JOIN pg_namespace AS n ON n.oid = a.extnamespace
    WHERE a.problem IS NULL AND splitplane._is_out_of_sight(a.extension)
    UNION ALL
    SELECT 'warning', format('extension %I', l.extension),
           format('splitplane_reader may not execute %s functions of its list, first %s.', count(*),
                  min(splitplane._signature(l.object))),
           string_agg(format('GRANT EXECUTE ON FUNCTION %s TO splitplane_reader;', splitplane._signature(l.object)),
                      ' ' ORDER BY splitplane._signature(l.object))
    FROM listed AS l
    WHERE l.problem IS NULL AND l.is_as_read AND l.kind IN ('function', 'aggregate')
      AND NOT has_function_privilege('splitplane_reader', l.object, 'EXECUTE')
    GROUP BY l.extension
    UNION ALL
    SELECT 'warning', format('extension %I', l.extension),
           format('splitplane_reader may not read table %s, which functions of its list read.', l.object::regclass),
           format('GRANT SELECT ON TABLE %s TO splitplane_reader;', l.object::regclass)
    FROM listed AS l
    WHERE l.problem IS NULL AND l.is_as_read AND l.kind = 'table'
      AND NOT has_table_privilege('splitplane_reader', l.object, 'SELECT')
    UNION ALL
    SELECT 'warning', pg_describe_object(b.catalog, b.object, 0),
           'It is none of an allowed extension''s own, and lies in its schema or converts its types: statements that '
           'come to mean it are refused.',
           format('-- move it to another schema or drop it, or move extension %I', b.extension)
    FROM beside AS b WHERE b.member_of IS NULL
    UNION ALL
    SELECT 'warning', format('extension %I', b.member_of),
           format('%s objects of it lie in the schema of extension %I or convert its types: statements that come to '
                  'mean one of them are refused.', count(*), b.extension),
           CASE WHEN EXISTS (SELECT FROM splitplane._read_libraries() AS l WHERE l.extension = b.member_of)
                THEN format('-- SELECT splitplane.allow_extension(%L), or move one of them', b.member_of)
                ELSE '-- move one of them to another schema' END
    FROM beside AS b WHERE b.member_of IS NOT NULL
    GROUP BY b.member_of, b.extension
$$;
REVOKE ALL ON FUNCTION splitplane._extension_findings() FROM PUBLIC;

-- Keys and principals.
CREATE FUNCTION splitplane._identity_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'warning', format('key %s', k.key_id),
           format('It expires at %s.', to_char(k.not_after AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')),
           format('SELECT splitplane.create_key(%L, %L, %s);', left(k.key_id, 55) || to_char(k.not_after, '-YYYYMM'),
                  k.tenants, k.max_uses)
    FROM splitplane.keys AS k
    WHERE k.revoked_at IS NULL AND k.not_after > now() AND k.not_after <= now() + interval '14 days'
    UNION ALL
    -- One line for each claim, with one principal as an example: a claim is usually forgotten for all of them.
    SELECT 'warning', format('claim %s', n.claim),
           format('%s principals lack it, first tenant %L, business %L, subject %L: they are refused on %s.',
                  count(*), (array_agg(p.tenant ORDER BY p.tenant, p.business, p.subject))[1],
                  (array_agg(p.business ORDER BY p.tenant, p.business, p.subject))[1],
                  (array_agg(p.subject ORDER BY p.tenant, p.business, p.subject))[1], n.names),
           -- admit refuses a second spelling of a tenant, which has a finding of its own.
           coalesce((array_agg(format('SELECT splitplane.admit(%L, %L, %L, %L);', p.tenant, p.business, p.subject,
                                      p.claims || jsonb_build_object(n.claim, '[]'::jsonb))
                               ORDER BY p.tenant, p.business, p.subject)
                     FILTER (WHERE NOT EXISTS (SELECT FROM splitplane._same_tenants(p.tenant))))[1],
                    '-- expel one of the spellings of the tenant first')
    FROM splitplane.principals AS p
    JOIN (
        SELECT s.value AS claim, string_agg(DISTINCT r.name, ', ') AS names
        FROM splitplane.relations AS r CROSS JOIN LATERAL jsonb_each_text(r.scope) AS s
        WHERE (splitplane._binding(s.value)).claim <> ALL (splitplane._identity_claims())
        GROUP BY s.value
    ) AS n ON NOT p.claims ? n.claim
    WHERE p.enabled
    GROUP BY n.claim, n.names
    UNION ALL
    SELECT 'warning', format('claim %s', s.claim),
           format('It is exclusive, and tenants %L and %L both hold its value %L: each sees the rows of the other.',
                  s.tenant, s.other, s.value),
           p.statements || ' -- or the other tenant'
    FROM splitplane._shared_values(ARRAY(SELECT c.claim FROM splitplane.claims AS c WHERE c.exclusive)) AS s
    CROSS JOIN LATERAL (
        SELECT string_agg(format('SELECT splitplane.admit(%L, %L, %L, %L);', q.tenant, q.business, q.subject,
                                 splitplane._unshared_claims(q.tenant, q.claims)), ' ' ORDER BY q.business, q.subject)
        FROM splitplane.principals AS q
        WHERE q.tenant = s.other AND q.enabled
          AND EXISTS (SELECT FROM splitplane._claim_values(q.claims -> s.claim) AS v(value)
                      WHERE splitplane._value_keys(s.claim, v.value) && splitplane._value_keys(s.claim, s.value))
    ) AS p(statements)
    UNION ALL
    SELECT 'warning', b.relation::text,
           format('It is bound by %s and not by the tenant, and nothing keeps two tenants from holding one value of '
                  'it.', array_to_string(b.claims, ', ')),
           format('SELECT splitplane.declare_claim(%L);',
                  (SELECT c.name FROM unnest(b.claims) AS c(name)
                   WHERE c.name <> ALL (splitplane._identity_claims()) ORDER BY c.name LIMIT 1))
    FROM splitplane._bound_by_claims() AS b
    WHERE b.exclusive IS NULL AND NOT b.claims <@ splitplane._identity_claims()
    UNION ALL
    SELECT 'warning', format('tenant %s', p.tenant),
           format('It is no id for column %I of %s, which has type bytea: no row there is its own.', c.column_name,
                  c.relation),
           -- Other tables may have rows of its own, which it would lose.
           format('-- SELECT splitplane.expel(%L); -- and admit it as \x and lower-case hexadecimal digits, if it has '
                  'rows there', p.tenant)
    FROM (SELECT DISTINCT e.tenant FROM splitplane.principals AS e WHERE e.enabled) AS p
    CROSS JOIN (SELECT t.relation, t.column_name FROM splitplane._tenant_columns() AS t
                WHERE t.base = 'bytea'::regtype ORDER BY t.relation::text LIMIT 1) AS c
    WHERE NOT splitplane._is_bytes(p.tenant)
    UNION ALL
    SELECT 'warning', format('tenant %s', t.tenant),
           format('It is the same value as tenant %L in column %I of %s: each sees the rows of the other.',
                  t.other, t.column_name, t.relation),
           format('SELECT splitplane.expel(%L); -- or the other one', t.tenant)
    FROM (
        -- One line for each pair.
        SELECT DISTINCT ON (k.tenant, k.other) k.tenant, k.other, c.relation, c.column_name
        FROM (
            SELECT a.tenant, b.tenant AS other FROM splitplane.principals AS a JOIN splitplane.principals AS b
                ON splitplane._as_number(a.tenant) = splitplane._as_number(b.tenant)
            WHERE a.tenant < b.tenant AND a.enabled AND b.enabled
            UNION
            SELECT a.tenant, b.tenant FROM splitplane.principals AS a JOIN splitplane.principals AS b
                ON splitplane._as_uuid(a.tenant) = splitplane._as_uuid(b.tenant)
            WHERE a.tenant < b.tenant AND a.enabled AND b.enabled
        ) AS k
        JOIN splitplane._tenant_columns() AS c ON splitplane._is_same_value(c.base, k.tenant, k.other)
        ORDER BY k.tenant, k.other, c.relation::text
    ) AS t
$$;
REVOKE ALL ON FUNCTION splitplane._identity_findings() FROM PUBLIC;

-- Verified queries and metrics whose SQL would be refused now. Not while the plane is closed: then all of them are.
CREATE FUNCTION splitplane._question_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entry record;
BEGIN
    IF splitplane._critical_finding() IS NOT NULL THEN
        RETURN;
    END IF;
    FOR entry IN
        SELECT 'verified query' AS kind, q.name, q.sql, 'unverify_query' AS remedy FROM splitplane.verified_queries AS q
        UNION ALL
        SELECT 'metric', m.name, m.sql, 'undefine_metric' FROM splitplane.metrics AS m
        ORDER BY 1, 2
    LOOP
        BEGIN
            PERFORM splitplane._prove(entry.sql);
        EXCEPTION WHEN OTHERS THEN
            severity := 'warning';
            object := format('%s %s', entry.kind, entry.name);
            finding := format('Its SQL is refused now (%s): %s.', SQLSTATE, SQLERRM);
            -- What refuses it may be mended by another fix of the same run.
            fix := format('-- correct it, or take it out: SELECT splitplane.%s(%L);', entry.remedy, entry.name);
            RETURN NEXT;
        END;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane._question_findings() FROM PUBLIC;
