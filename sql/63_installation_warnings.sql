-- Findings about the installation itself: what makes every call fail, and who may do more than the plane needs.

-- The privileges that the extension grants on its own objects, each in the words of GRANT. What begins with an
-- underscore serves the functions that run as the owner, as do two more; of those, administrators need two to
-- read views, and they and monitoring need those of the figures.
CREATE FUNCTION splitplane._own_privileges() RETURNS TABLE (object text, privilege text, role_name name, held boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT 'FUNCTION ' || splitplane._signature(p.oid), 'EXECUTE', w.role_name,
           has_function_privilege(w.role_name, p.oid, 'EXECUTE')
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    CROSS JOIN LATERAL (
        SELECT CASE WHEN p.proname IN ('ask', 'ask_rows', 'ask_dry_run', 'rate') THEN 'splitplane_caller'
                    WHEN p.proname IN ('in_scope', 'in_parent', 'has_parent', 'in_call', 'claim', 'claim_list',
                                       'bounded', 'counted', 'pattern', 'zone', 'dated', 'kept', 'behind', 'drawn',
                                       'beside', 'moved')
                           OR p.proname ~ '^(numeric|enum)_(equal|less|less_equal|greater|greater_equal)$'
                           OR p.proname ~ ('^(date|timestamp|timestamptz)_'
                                           '(at_least|at_most|equal_to|first|last|before|after)$')
                         THEN 'splitplane_reader'
                    ELSE 'splitplane_admin' END::name
    ) AS w(role_name)
    WHERE p.oid IN (SELECT splitplane._members('pg_proc')) AND to_regrole(w.role_name) IS NOT NULL
      AND (p.proname NOT LIKE '\_%' OR p.proname IN ('_procedure', '_budgets') OR p.proname LIKE '\_stat\_%')
      AND p.proname NOT IN ('in_scope_support', 'has_parent_support', 'beside_support', 'comparison_support', 'keep')
    UNION ALL
    SELECT 'FUNCTION ' || splitplane._signature(p.oid), 'EXECUTE', 'pg_monitor',
           has_function_privilege('pg_monitor', p.oid, 'EXECUTE')
    FROM pg_proc AS p WHERE p.oid IN (SELECT splitplane._members('pg_proc')) AND p.proname LIKE '\_stat\_%'
    UNION ALL
    SELECT 'TABLE ' || c.oid::regclass, 'SELECT', o.name, has_table_privilege(o.name, c.oid, 'SELECT')
    FROM pg_class AS c CROSS JOIN unnest(ARRAY['splitplane_admin', 'pg_monitor']::name[]) AS o(name)
    WHERE c.relnamespace = 'splitplane'::regnamespace AND to_regrole(o.name) IS NOT NULL
      AND (c.relname LIKE 'stat\_%'
           OR o.name = 'splitplane_admin'
              AND c.relname IN ('allowed_extensions', 'allowed_functions', 'budget_limits', 'budgets', 'claims',
                                'directories', 'evaluations', 'functions', 'metrics', 'parents', 'prices',
                                'principals', 'ratings', 'relations', 'tripwires', 'verified_queries', 'views'))
    UNION ALL
    -- Where the application's own roles may use the schema, they do not need the caller's privilege.
    SELECT format('SCHEMA %I', n.nspname), 'USAGE', 'splitplane_caller', false
    FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
    WHERE e.extname = 'splitplane' AND to_regrole('splitplane_caller') IS NOT NULL
      AND NOT has_schema_privilege('splitplane_caller', n.oid, 'USAGE')
      AND NOT EXISTS (SELECT FROM pg_auth_members AS m
                      WHERE m.roleid = to_regrole('splitplane_caller')
                        AND has_schema_privilege(m.member, n.oid, 'USAGE'))
    UNION ALL
    SELECT 'SCHEMA splitplane', 'USAGE', o.name, has_schema_privilege(o.name, 'splitplane', 'USAGE')
    FROM unnest(ARRAY['splitplane_reader', 'splitplane_caller', 'splitplane_admin', 'pg_monitor']::name[]) AS o(name)
    WHERE to_regrole(o.name) IS NOT NULL
$$;
REVOKE ALL ON FUNCTION splitplane._own_privileges() FROM PUBLIC;

-- What the reader may use besides relations of the plane, allowed functions, extensions, schemas, and splitplane's own:
-- objects of this database and of the server, in the words of REVOKE, with who granted what. Relations have a finding
-- of their own.
CREATE FUNCTION splitplane._reader_extras()
RETURNS TABLE (object text, remedy text, acl aclitem[], owner oid, schemas oid[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT pg_describe_object(d.classid, d.objid, 0),
           CASE d.classid
               WHEN 'pg_proc'::regclass THEN 'ROUTINE ' || splitplane._signature(d.objid)
               WHEN 'pg_namespace'::regclass THEN 'SCHEMA ' || d.objid::regnamespace
               WHEN 'pg_database'::regclass
                   THEN format('DATABASE %I', (SELECT b.datname FROM pg_database AS b WHERE b.oid = d.objid))
               WHEN 'pg_type'::regclass THEN 'TYPE ' || d.objid::regtype
               WHEN 'pg_language'::regclass
                   THEN format('LANGUAGE %I', (SELECT l.lanname FROM pg_language AS l WHERE l.oid = d.objid))
               WHEN 'pg_foreign_server'::regclass
                   THEN format('FOREIGN SERVER %I',
                               (SELECT s.srvname FROM pg_foreign_server AS s WHERE s.oid = d.objid))
               WHEN 'pg_foreign_data_wrapper'::regclass
                   THEN format('FOREIGN DATA WRAPPER %I',
                               (SELECT f.fdwname FROM pg_foreign_data_wrapper AS f WHERE f.oid = d.objid))
               WHEN 'pg_tablespace'::regclass
                   THEN format('TABLESPACE %I', (SELECT t.spcname FROM pg_tablespace AS t WHERE t.oid = d.objid))
               WHEN 'pg_parameter_acl'::regclass
                   THEN 'PARAMETER ' || (SELECT a.parname FROM pg_parameter_acl AS a WHERE a.oid = d.objid)
           END,
           o.acl, o.owner,
           CASE d.classid WHEN 'pg_proc'::regclass THEN splitplane._function_schemas(d.objid)
                          WHEN 'pg_type'::regclass
                          THEN ARRAY(SELECT t.typnamespace FROM pg_type AS t WHERE t.oid = d.objid) END
    FROM pg_shdepend AS d
    LEFT JOIN LATERAL (
        SELECT p.proacl, p.proowner FROM pg_proc AS p WHERE d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        UNION ALL
        SELECT n.nspacl, n.nspowner FROM pg_namespace AS n
        WHERE d.classid = 'pg_namespace'::regclass AND n.oid = d.objid
        UNION ALL
        SELECT b.datacl, b.datdba FROM pg_database AS b WHERE d.classid = 'pg_database'::regclass AND b.oid = d.objid
        UNION ALL
        SELECT t.typacl, t.typowner FROM pg_type AS t WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid
        UNION ALL
        SELECT l.lanacl, l.lanowner FROM pg_language AS l
        WHERE d.classid = 'pg_language'::regclass AND l.oid = d.objid
        UNION ALL
        SELECT s.srvacl, s.srvowner FROM pg_foreign_server AS s
        WHERE d.classid = 'pg_foreign_server'::regclass AND s.oid = d.objid
        UNION ALL
        SELECT w.fdwacl, w.fdwowner FROM pg_foreign_data_wrapper AS w
        WHERE d.classid = 'pg_foreign_data_wrapper'::regclass AND w.oid = d.objid
        UNION ALL
        SELECT t.spcacl, t.spcowner FROM pg_tablespace AS t
        WHERE d.classid = 'pg_tablespace'::regclass AND t.oid = d.objid
        UNION ALL
        -- They have no owner; the superuser of initdb stands for it.
        SELECT a.paracl, 10 FROM pg_parameter_acl AS a
        WHERE d.classid = 'pg_parameter_acl'::regclass AND a.oid = d.objid
    ) AS o(acl, owner) ON true
    WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = to_regrole('splitplane_reader') AND d.deptype = 'a'
      AND d.dbid IN (0, (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database()))
      AND d.classid NOT IN ('pg_class'::regclass, 'pg_largeobject'::regclass, 'pg_default_acl'::regclass)
      AND NOT (d.classid = 'pg_proc'::regclass
               AND (splitplane._is_ours('pg_proc', d.objid)
                    OR EXISTS (SELECT FROM pg_depend AS m JOIN pg_extension AS e ON e.oid = m.refobjid
                               WHERE m.classid = 'pg_proc'::regclass AND m.objid = d.objid AND m.deptype = 'e'
                                 AND m.refclassid = 'pg_extension'::regclass AND e.extname = 'splitplane_remote')
                    OR EXISTS (SELECT FROM splitplane.functions AS f WHERE f.function = d.objid)
                    -- doctor() says to grant it where PUBLIC has it no more, and disallow_extension revokes it.
                    OR EXISTS (SELECT FROM splitplane.allowed_extensions AS a
                               CROSS JOIN LATERAL splitplane._listed_objects(a.extension) AS l
                               WHERE l.kind IN ('function', 'aggregate') AND l.is_as_read AND l.object = d.objid)))
      AND NOT (d.classid = 'pg_namespace'::regclass
               AND (d.objid::regnamespace::text IN ('splitplane', 'splitplane_remote')
                    OR EXISTS (SELECT FROM splitplane.relations AS r JOIN pg_class AS c ON c.oid = r.relation
                               WHERE c.relnamespace = d.objid)
                    OR EXISTS (SELECT FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function
                               WHERE p.pronamespace = d.objid)
                    OR EXISTS (SELECT FROM splitplane.allowed_extensions AS a
                               WHERE a.saved ->> 'schema' = (SELECT n.nspname FROM pg_namespace AS n
                                                             WHERE n.oid = d.objid))))
$$;
REVOKE ALL ON FUNCTION splitplane._reader_extras() FROM PUBLIC;

CREATE FUNCTION splitplane._installation_findings()
RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    -- What makes calls fail.
    SELECT 'warning', 'extension splitplane',
           format('Its owner %I is not a superuser, so it cannot reliably fence tables or read its own configuration.',
                  pg_get_userbyid(e.extowner)),
           format('ALTER ROLE %I SUPERUSER;', pg_get_userbyid(e.extowner))
    FROM pg_extension AS e JOIN pg_roles AS a ON a.oid = e.extowner
    WHERE e.extname = 'splitplane' AND NOT a.rolsuper
    UNION ALL
    -- Who owns a table may rewrite registrations, and who owns a function decides what it may do.
    SELECT 'warning', o.object,
           format('It belongs to %I, which is no superuser, and not to the owner of the extension, %I.',
                  pg_get_userbyid(o.owner), pg_get_userbyid(e.extowner)),
           format('ALTER %s OWNER TO %I;', o.object, pg_get_userbyid(e.extowner))
    FROM pg_extension AS e
    CROSS JOIN LATERAL (
        SELECT 'SCHEMA splitplane', n.nspowner FROM pg_namespace AS n WHERE n.nspname = 'splitplane'
        UNION ALL
        SELECT CASE c.relkind WHEN 'v' THEN 'VIEW ' ELSE 'TABLE ' END || c.oid::regclass, c.relowner
        FROM pg_class AS c WHERE c.relkind IN ('r', 'v') AND c.oid IN (SELECT splitplane._members('pg_class'))
        UNION ALL
        SELECT CASE p.prokind WHEN 'a' THEN 'AGGREGATE ' ELSE 'FUNCTION ' END || splitplane._signature(p.oid),
               p.proowner
        FROM pg_proc AS p WHERE p.oid IN (SELECT splitplane._members('pg_proc'))
    ) AS o(object, owner)
    JOIN pg_roles AS a ON a.oid = o.owner
    WHERE e.extname = 'splitplane' AND NOT a.rolsuper AND o.owner <> e.extowner
    UNION ALL
    SELECT 'warning', 'extension splitplane', format('Its function %s does not exist any more.', f.name),
           '-- take the tables out with splitplane.unprotect, then drop and create the extension again'
    FROM unnest(ARRAY['ask', 'ask_rows', 'ask_dry_run']) AS f(name)
    WHERE NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.proname = f.name
                      AND p.oid IN (SELECT splitplane._members('pg_proc')))
    UNION ALL
    SELECT 'warning', lower(split_part(p.object, ' ', 1)) || substr(p.object, strpos(p.object, ' ')),
           format('%I lacks %s on it, which splitplane grants: %s.', p.role_name, p.privilege,
                  CASE p.role_name WHEN 'splitplane_reader' THEN 'calls of ask fail'
                                   WHEN 'splitplane_caller' THEN 'applications cannot call it'
                                   WHEN 'pg_monitor' THEN 'monitoring cannot read the figures'
                                   ELSE 'administrators cannot use it' END),
           -- Privileges may have been revoked on purpose: that of ask is, when something is wrong. The reader's cannot
           -- have been, since no call works without them.
           format('%sGRANT %s ON %s TO %I;',
                  CASE WHEN p.role_name <> 'splitplane_reader' THEN '-- if it was not revoked on purpose: ' END,
                  p.privilege, p.object, p.role_name)
    FROM splitplane._own_privileges() AS p
    WHERE NOT p.held
    UNION ALL
    SELECT 'warning', 'splitplane.key_file',
           format('Signing keys cannot be opened, so new sessions refuse contexts that are signed with them (28000): '
                  '%s. This concerns %s keys, first %s.', (array_agg(s.problem ORDER BY s.key_id))[1], count(*),
                  min(s.key_id)),
           '-- put the key file of the server that made the keys back, owned by the server''s user with mode 0600; or '
           'revoke the keys (revoke_key) and create others (create_key)'
    FROM (SELECT k.key_id, splitplane._key_problem(k.key_id, k.sealed) AS problem
          FROM splitplane.keys AS k
          WHERE k.revoked_at IS NULL AND k.not_after > now()) AS s
    WHERE s.problem IS NOT NULL
    HAVING count(*) > 0
    UNION ALL
    -- Roles.
    SELECT 'warning', format('role %I', o.name), format('It %s, which it does not need.', p.power),
           format('ALTER ROLE %I %s;', o.name, p.remedy)
    FROM unnest(splitplane._own_roles()) AS o(name) CROSS JOIN LATERAL splitplane._role_powers(o.name) AS p
    WHERE p.held AND NOT (o.name = 'splitplane_reader' AND p.is_critical)
    UNION ALL
    SELECT 'info', format('role %I', pg_get_userbyid(m.member)),
           'It is a member of splitplane_admin: it may register tables, make keys and sign as every tenant.',
           format('-- REVOKE splitplane_admin FROM %I; if it should not', pg_get_userbyid(m.member))
    FROM pg_auth_members AS m JOIN pg_roles AS a ON a.oid = m.member
    WHERE m.roleid = to_regrole('splitplane_admin') AND NOT a.rolsuper
    UNION ALL
    SELECT 'warning', x.object, 'splitplane_reader has privileges on it that splitplane did not grant.',
           CASE WHEN x.remedy IS NULL THEN '-- revoke them'
                ELSE splitplane._revoked_by_others('ALL ON ' || x.remedy, x.acl, x.owner,
                                                   ARRAY[to_regrole('splitplane_reader')::oid], x.schemas)
                     || format('REVOKE ALL ON %s FROM splitplane_reader;', x.remedy) END
    FROM splitplane._reader_extras() AS x
    UNION ALL
    SELECT 'warning', splitplane._signature(p.oid),
           format('%s may execute it, which splitplane did not grant.', splitplane._grantee(g.grantee)),
           splitplane._revoked_by_others('ALL ON FUNCTION ' || splitplane._signature(p.oid), p.proacl, p.proowner,
                                         ARRAY[g.grantee], splitplane._function_schemas(p.oid))
           || format('REVOKE ALL ON FUNCTION %s FROM %s;', splitplane._signature(p.oid), splitplane._grantee(g.grantee))
    FROM pg_proc AS p CROSS JOIN LATERAL aclexplode(p.proacl) AS g
    WHERE p.pronamespace = 'splitplane'::regnamespace AND p.oid IN (SELECT splitplane._members('pg_proc'))
      AND g.grantee <> p.proowner AND to_regrole('splitplane_reader') IS NOT NULL
      AND NOT EXISTS (SELECT FROM splitplane._own_privileges() AS o
                      WHERE o.object = 'FUNCTION ' || splitplane._signature(p.oid)
                        AND o.role_name = pg_get_userbyid(g.grantee))
    UNION ALL
    -- What is created from now on. Every function is PUBLIC's unless that was changed, which is no finding.
    SELECT 'warning', pg_describe_object('pg_default_acl'::regclass, d.oid, 0),
           format('%s will have %s on what %I creates.', splitplane._grantee(g.grantee),
                  string_agg(DISTINCT g.privilege_type, ', '), pg_get_userbyid(d.defaclrole)),
           format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE ALL ON %s FROM %s;', pg_get_userbyid(d.defaclrole),
                  (SELECT format(' IN SCHEMA %I', n.nspname) FROM pg_namespace AS n WHERE n.oid = d.defaclnamespace),
                  CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES'
                                       WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END,
                  splitplane._grantee(g.grantee))
    FROM pg_default_acl AS d CROSS JOIN aclexplode(d.defaclacl) AS g
    WHERE g.grantee = to_regrole('splitplane_reader') OR g.grantee = 0 AND d.defaclobjtype IN ('r', 'S', 'L')
    GROUP BY d.oid, d.defaclrole, d.defaclnamespace, d.defaclobjtype, g.grantee
    UNION ALL
    -- Subscribers get sealed secrets, principals and conversations.
    SELECT 'warning', format('publication %I', t.pubname),
           format('It publishes tables of splitplane: %s.', string_agg(t.tablename, ', ' ORDER BY t.tablename)),
           CASE WHEN p.puballtables
                THEN format('-- DROP PUBLICATION %I; and make it again FOR TABLES IN SCHEMA .. or FOR TABLE .., '
                            'without schema splitplane', t.pubname)
                WHEN EXISTS (SELECT FROM pg_publication_namespace AS n
                             WHERE n.pnpubid = p.oid AND n.pnnspid = 'splitplane'::regnamespace)
                THEN format('ALTER PUBLICATION %I DROP TABLES IN SCHEMA splitplane;', t.pubname)
                ELSE format('ALTER PUBLICATION %I DROP TABLE %s;', t.pubname,
                            string_agg(format('%I.%I', t.schemaname, t.tablename), ', ' ORDER BY t.tablename)) END
    FROM pg_publication_tables AS t JOIN pg_publication AS p ON p.pubname = t.pubname
    WHERE t.schemaname = 'splitplane'
    GROUP BY t.pubname, p.oid, p.puballtables
$$;
REVOKE ALL ON FUNCTION splitplane._installation_findings() FROM PUBLIC;
