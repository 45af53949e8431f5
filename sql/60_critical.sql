-- Findings that break isolation. While one is open, ask refuses.

-- The end of an argument list that registers these columns as private; nothing for none.
CREATE FUNCTION splitplane._private_argument(private_columns text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN cardinality(private_columns) > 0 THEN format(', private_columns => %L', private_columns) ELSE '' END
$$;
REVOKE ALL ON FUNCTION splitplane._private_argument(text[]) FROM PUBLIC;

-- The statement that registers a relation again as it is registered now, building its fences anew.
CREATE FUNCTION splitplane._register_again(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN r.shared
        THEN format('SELECT splitplane.share(%L, %L, %L%s);', r.relation, kept.columns, r.name, splitplane._private_argument(kept.private_columns))
        ELSE format('SELECT splitplane.protect(%L, %L, %L, %L%s);', r.relation, r.scope, kept.columns, r.name, splitplane._private_argument(kept.private_columns)) END
    FROM splitplane.relations AS r
    CROSS JOIN LATERAL (
        -- Columns that are gone would be refused; NULL (all) if none is left.
        SELECT array_agg(w.name ORDER BY w.position) AS columns,
               array_agg(w.name ORDER BY w.position) FILTER (WHERE w.name = ANY (r.private_columns)) AS private_columns
        FROM unnest(r.columns) WITH ORDINALITY AS w(name, position)
        JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
    ) AS kept
    WHERE r.relation = _register_again.relation
$$;
REVOKE ALL ON FUNCTION splitplane._register_again(regclass) FROM PUBLIC;

-- What an earlier installation left behind: tables outside the plane that splitplane_reader was granted, with the statement
-- that takes it back. `is_open` when policies of ours are on it and none of them closes it: DROP EXTENSION .. CASCADE of a
-- version before 0.2.0 took the fence and left the rest.
CREATE FUNCTION splitplane._left_behind() RETURNS TABLE (relation regclass, is_open boolean, remedy text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.oid::regclass,
           EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = ANY (splitplane._policy_names()))
               AND NOT (c.relrowsecurity AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = 'splitplane_closed' AND NOT p.polpermissive)),
           format('REVOKE ALL ON TABLE %I.%I FROM splitplane_reader;', n.nspname, c.relname)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = c.oid)
      AND EXISTS (
          SELECT FROM aclexplode(c.relacl) AS g WHERE g.grantee = to_regrole('splitplane_reader')
          UNION ALL
          SELECT FROM pg_attribute AS a CROSS JOIN aclexplode(a.attacl) AS g
          WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL AND NOT a.attisdropped AND g.grantee = to_regrole('splitplane_reader'))
$$;
REVOKE ALL ON FUNCTION splitplane._left_behind() FROM PUBLIC;

-- Of the relations named, or of all for NULL.
CREATE FUNCTION splitplane._critical_findings(suspects regclass[] DEFAULT NULL) RETURNS TABLE (object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    -- NULL when the role is gone; every comparison with it must then still find something wrong.
    reader oid := (SELECT a.oid FROM pg_authid AS a WHERE a.rolname = 'splitplane_reader');
BEGIN
    IF reader IS NULL THEN
        RETURN QUERY SELECT 'role splitplane_reader', 'The role that untrusted SQL runs as does not exist.',
                            'Take every relation out with splitplane.unprotect, then drop and create the extension again.';
        RETURN;
    END IF;

    RETURN QUERY
        SELECT 'role splitplane_reader', format('The role that untrusted SQL runs as is %s.', p.power), format('ALTER ROLE splitplane_reader %s;', p.remedy)
        FROM pg_authid AS a
        CROSS JOIN LATERAL (VALUES (a.rolsuper, 'a superuser', 'NOSUPERUSER'), (a.rolbypassrls, 'exempt from row-level security', 'NOBYPASSRLS'),
                                   (a.rolcreaterole, 'able to grant itself roles', 'NOCREATEROLE'), (a.rolreplication, 'able to replicate', 'NOREPLICATION')) AS p(held, power, remedy)
        WHERE a.oid = reader AND p.held
        UNION ALL
        SELECT 'role splitplane_reader', format('The role that untrusted SQL runs as is a member of %I.', pg_get_userbyid(m.roleid)),
               format('REVOKE %I FROM splitplane_reader;', pg_get_userbyid(m.roleid))
        FROM pg_auth_members AS m
        WHERE m.member = reader;

    -- A dropped relation has no row in pg_class and is no danger; doctor() lists it elsewhere.
    RETURN QUERY
        WITH state AS (
            SELECT r.relation, r.shared, r.scope, r.columns, r.saved, c.relowner, c.relrowsecurity, c.relacl,
                   p.oid IS NULL AS unfenced, p.polpermissive, p.polcmd, p.polroles, p.polqual, p.polwithcheck
            FROM splitplane.relations AS r
            JOIN pg_class AS c ON c.oid = r.relation
            LEFT JOIN pg_policy AS p ON p.polrelid = r.relation AND p.polname = '!splitplane_scope'
            WHERE suspects IS NULL OR r.relation = ANY (suspects)
        ),
        found AS (
            SELECT s.relation, 'It is owned by splitplane_reader, which row-level security does not bind as an owner.' AS finding,
                   format('ALTER TABLE %s OWNER TO CURRENT_USER;', s.relation) AS fix
            FROM state AS s WHERE s.relowner = reader
            UNION ALL
            SELECT s.relation, 'Row-level security is switched off.', format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', s.relation)
            FROM state AS s WHERE NOT s.shared AND NOT s.relrowsecurity
            UNION ALL
            SELECT s.relation, 'Its policy !splitplane_scope is missing.', NULL
            FROM state AS s WHERE NOT s.shared AND s.unfenced
            UNION ALL
            SELECT s.relation, 'Its policy !splitplane_scope is not a restrictive one for SELECT by splitplane_reader alone.', NULL
            FROM state AS s WHERE NOT s.shared AND NOT s.unfenced
                              AND (s.polpermissive OR s.polcmd <> 'r' OR s.polroles <> ARRAY[reader] OR s.polwithcheck IS NOT NULL)
            UNION ALL
            SELECT s.relation, 'The condition of its policy !splitplane_scope, or the name or type of a scope column, is not what it was when the relation was protected.', NULL
            FROM state AS s
            WHERE NOT s.shared AND NOT s.unfenced
              AND (pg_get_expr(s.polqual, s.relation) IS DISTINCT FROM s.saved ->> 'policy'
                   OR splitplane._scope_types(s.relation, s.scope) IS DISTINCT FROM nullif(s.saved -> 'types', 'null'))
            UNION ALL
            SELECT s.relation, format('splitplane_reader holds %s on the whole table.', string_agg(g.privilege_type, ', ')), NULL
            FROM state AS s CROSS JOIN aclexplode(s.relacl) AS g
            WHERE g.grantee = reader
            GROUP BY s.relation
            UNION ALL
            SELECT s.relation, format('splitplane_reader holds %s on column %I, which the plane does not give it.', g.privilege_type, a.attname), NULL
            FROM state AS s
            JOIN pg_attribute AS a ON a.attrelid = s.relation
            CROSS JOIN aclexplode(a.attacl) AS g
            WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND g.grantee = reader
              AND NOT (g.privilege_type = 'SELECT' AND a.attnum > 0 AND (a.attname = ANY (s.columns) OR s.scope ? a.attname::text))
        )
        SELECT f.relation::text, f.finding, coalesce(f.fix, splitplane._register_again(f.relation)) FROM found AS f;

    RETURN QUERY
        SELECT splitplane._signature(f.function), 'This allowed function has been marked LEAKPROOF since: PostgreSQL would evaluate it over the rows of every tenant. It is not called any more.',
               format('ALTER FUNCTION %s NOT LEAKPROOF;', splitplane._signature(f.function))
        FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function
        WHERE p.proleakproof AND p.oid >= 16384;

    RETURN QUERY
        SELECT l.relation::text, 'It is not in the plane, and splitplane_reader sees every tenant''s rows of it: an earlier installation was dropped with CASCADE.', l.remedy
        FROM splitplane._left_behind() AS l WHERE l.is_open;

    RETURN QUERY SELECT p.object, p.finding, p.fix FROM splitplane._server_problems() AS p WHERE p.severity = 'critical';
END
$$;
REVOKE ALL ON FUNCTION splitplane._critical_findings(regclass[]) FROM PUBLIC;

-- For ask: the first finding in words, or NULL when isolation stands. Every backend asks when it loads the plane, so this
-- looks closely only where a fingerprint differs.
CREATE FUNCTION splitplane._critical_finding() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    suspects regclass[] := (SELECT array_agg(f.relation) FROM splitplane._fences AS f WHERE f.fingerprint IS DISTINCT FROM f.saved ->> 'fingerprint');
    reader_is_sound boolean := EXISTS (
        SELECT FROM pg_authid AS a
        WHERE a.rolname = 'splitplane_reader' AND NOT (a.rolsuper OR a.rolbypassrls OR a.rolcreaterole OR a.rolreplication)
          AND NOT EXISTS (SELECT FROM pg_auth_members AS m WHERE m.member = a.oid));
BEGIN
    IF suspects IS NULL AND reader_is_sound
       -- Few tables have policies of ours without being in the plane, and each of those is looked at more closely.
       AND NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polname = ANY (splitplane._policy_names()) AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = p.polrelid))
       AND NOT EXISTS (SELECT FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function WHERE p.proleakproof AND p.oid >= 16384)
       AND NOT EXISTS (SELECT FROM splitplane._server_problems() AS p WHERE p.severity = 'critical') THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT f.object || ': ' || f.finding FROM splitplane._critical_findings(coalesce(suspects, '{}')) AS f LIMIT 1);
END
$$;
REVOKE ALL ON FUNCTION splitplane._critical_finding() FROM PUBLIC;
