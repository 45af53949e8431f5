-- Findings that break isolation. While there is one, ask refuses.

-- The statement that registers a relation: with a scope by protect, without one by share. Advice where no column is
-- left to name: a call that names none registers all, hidden ones among them, which only `all_columns` asks for. One
-- whose rows belong to those of others by protect_through, which keeps its other parents.
CREATE FUNCTION splitplane._registration(
    relation regclass, scope jsonb, columns text[], name text, private_columns text[],
    all_columns boolean DEFAULT false)
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN scope IS NULL
                THEN '-- call splitplane.protect with the columns that hold the scope now: the registered ones were '
                     'renamed or replaced'
                WHEN NOT all_columns AND cardinality(columns) > 0 IS NOT TRUE
                THEN format('-- its registered columns are gone, or others may have their names now: call '
                            'splitplane.%s with those that are to be in the plane, or: '
                            'SELECT splitplane.unprotect(%L);',
                            CASE WHEN scope = '{}' THEN 'share' ELSE 'protect' END, relation)
                WHEN EXISTS (SELECT FROM splitplane.relations AS r
                             WHERE r.relation = _registration.relation AND NOT r.shared)
                     AND (scope = '{}' OR EXISTS (SELECT FROM splitplane.parents AS p
                                                  WHERE p.relation = _registration.relation))
                THEN coalesce((SELECT format('SELECT splitplane.protect_through(%s);', concat_ws(', ',
                                             quote_literal(l.relation), quote_literal(l.parent),
                                             quote_literal(_registration.columns),
                                             'name => ' || quote_literal(_registration.name),
                                             CASE WHEN cardinality(_registration.private_columns) > 0 THEN
                                                 'private_columns => '
                                                 || quote_literal(_registration.private_columns) END,
                                             'key => ' || quote_literal(l.key),
                                             'scope => ' || quote_literal(nullif(_registration.scope, '{}')),
                                             CASE WHEN splitplane._is_hidden(l.relation) THEN 'hidden => true' END))
                               FROM (SELECT k.*, bool_and(k.has_parent AND (k.has_key
                                                                            OR splitplane._is_renamed(k.link))) OVER ()
                                                     AS is_whole
                                     FROM splitplane._links AS k WHERE k.relation = _registration.relation
                                     ORDER BY k.link LIMIT 1) AS l
                               WHERE l.is_whole),
                              '-- see to it that its parent is in the plane and the foreign key is as it was; if that '
                              'is not to be, call splitplane.unprotect and then splitplane.protect_through with '
                              'another key')
    ELSE format('SELECT splitplane.%s;', CASE WHEN scope = '{}' THEN 'share(' ELSE 'protect(' END
        || concat_ws(', ', quote_literal(relation), quote_literal(nullif(scope, '{}')),
                     CASE WHEN NOT all_columns THEN quote_literal(columns) END, 'name => ' || quote_literal(name),
                     CASE WHEN cardinality(private_columns) > 0
                          THEN 'private_columns => ' || quote_literal(private_columns) END,
                     CASE WHEN splitplane._is_hidden(relation) THEN 'hidden => true' END) || ')') END
$$;
REVOKE ALL ON FUNCTION splitplane._registration(regclass, jsonb, text[], text, text[], boolean) FROM PUBLIC;

-- Those of these columns that the reader has no SELECT of its own on.
CREATE FUNCTION splitplane._unread(relation regclass, names text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                 WHERE a.attrelid = relation AND a.attname::text = ANY (names) AND a.attnum > 0 AND NOT a.attisdropped
                   AND NOT EXISTS (SELECT FROM aclexplode(a.attacl) AS g
                                   WHERE g.grantee = to_regrole('splitplane_reader') AND g.privilege_type = 'SELECT'))
$$;
REVOKE ALL ON FUNCTION splitplane._unread(regclass, text[]) FROM PUBLIC;

-- A registration in the names of today. A column keeps its number, whatever it is called and whichever column has got
-- its name since. Where the numbers are of another table, as after a restore, a scope column that was renamed has its
-- new name in the policy, which depends on the column and not on its name. `scope` is NULL if nothing settles which
-- columns hold the scope: a wrong one would show a tenant the rows of others. `columns` is NULL if one of the names may
-- be another column's, which the plane hides: the reader may read the columns that were registered.
CREATE FUNCTION splitplane._today(
    relation regclass, policy name, saved jsonb,
    INOUT scope jsonb, INOUT columns text[], INOUT private_columns text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    numbers jsonb := CASE WHEN saved ->> 'numbers_of' = splitplane._numbers_of(relation) THEN saved -> 'numbers' END;
    present text[];
    held name;
    bound text[];
    condition text;
    lost text[];
    found text[];
BEGIN
    IF numbers IS NOT NULL THEN
        SELECT array_agg(a.attname::text ORDER BY n.position) INTO columns
          FROM unnest(columns) WITH ORDINALITY AS n(name, position) JOIN pg_attribute AS a
            ON a.attrelid = relation AND a.attnum = (numbers ->> n.name)::int2 AND NOT a.attisdropped;
        private_columns := ARRAY(SELECT a.attname::text FROM unnest(private_columns) AS n(name) JOIN pg_attribute AS a
                                     ON a.attrelid = relation AND a.attnum = (numbers ->> n.name)::int2
                                        AND NOT a.attisdropped);
        scope := (SELECT CASE WHEN count(*) = count(a.attname)
                              THEN coalesce(jsonb_object_agg(a.attname, s.value) FILTER (WHERE a.attname IS NOT NULL),
                                            '{}') END
                  FROM jsonb_each(scope) AS s LEFT JOIN pg_attribute AS a
                      ON a.attrelid = relation AND a.attnum = (numbers ->> s.key)::int2 AND NOT a.attisdropped);
        RETURN;
    END IF;
    -- In a dump of 0.1.0 the policy has the name that it had there.
    held := coalesce((SELECT p.polname FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = policy),
                     'splitplane_scope');
    -- Where the reader may read none of them, privileges were not restored at all, and tell nothing.
    IF cardinality(splitplane._unread(relation, columns)) > 0
       AND EXISTS (SELECT FROM pg_attribute AS a CROSS JOIN aclexplode(a.attacl) AS g
                   WHERE a.attrelid = relation AND a.attacl IS NOT NULL AND a.attnum > 0 AND NOT a.attisdropped
                     AND g.grantee = to_regrole('splitplane_reader') AND g.privilege_type = 'SELECT') THEN
        columns := NULL;
    END IF;
    present := ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND scope ? a.attname::text);
    SELECT array_agg(DISTINCT a.attname::text), max(pg_get_expr(p.polqual, p.polrelid)) INTO bound, condition
      FROM pg_policy AS p
      JOIN pg_depend AS d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
           AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.polrelid AND d.refobjsubid > 0
      JOIN pg_attribute AS a ON a.attrelid = p.polrelid AND a.attnum = d.refobjsubid AND NOT a.attisdropped
     WHERE p.polrelid = relation AND p.polname = held;
    -- Of a policy that is missing, or reads no column, there is nothing to learn. One that shows nothing was made
    -- because that was not settled.
    IF bound IS NULL THEN
        bound := CASE WHEN condition = 'false' OR EXISTS (SELECT FROM pg_policy AS p
                                                          WHERE p.polrelid = relation AND p.polname = held
                                                            AND pg_get_expr(p.polqual, p.polrelid) = 'false')
                      THEN '{}' ELSE present END;
    END IF;
    lost := ARRAY(SELECT s.name FROM jsonb_object_keys(scope) AS s(name) WHERE s.name <> ALL (bound));
    found := ARRAY(SELECT b.name FROM unnest(bound) AS b(name) WHERE NOT scope ? b.name);
    IF cardinality(lost) = 0 THEN
        -- Columns that have exchanged their names are all there, and the policy has each of them under another's.
        IF cardinality(bound) > 1 AND condition <> saved ->> 'policy' THEN
            scope := NULL;
        END IF;
        RETURN;
    END IF;
    IF cardinality(lost) = 1 AND cardinality(found) = 1 AND lost[1] <> ALL (present)
       AND replace(condition, quote_ident(found[1]), quote_ident(lost[1]))
           = replace(saved ->> 'policy', quote_ident(found[1]), quote_ident(lost[1])) THEN
        scope := scope - lost[1] || jsonb_build_object(found[1], scope -> lost[1]);
        columns := array_replace(columns, lost[1], found[1]);
        private_columns := array_replace(private_columns, lost[1], found[1]);
    ELSE
        scope := NULL;
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._today(regclass, name, jsonb, jsonb, text[], text[]) FROM PUBLIC;

-- The name that a registration gave, or NULL if the plane name is the table's own. Rows of 0.1.0, which a dump may
-- bring, do not say; a plane name that is the table's was most likely taken from it.
CREATE FUNCTION splitplane._given_name(relation regclass, name text, saved jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN saved ? 'named_after_table'
                  OR (NOT saved ? 'closed'
                      AND EXISTS (SELECT FROM pg_class AS c WHERE c.oid = relation AND c.relname = _given_name.name))
                THEN NULL ELSE name END
$$;
REVOKE ALL ON FUNCTION splitplane._given_name(regclass, text, jsonb) FROM PUBLIC;

-- The statement that registers a relation again as it is registered now, and so rebuilds its fences.
CREATE FUNCTION splitplane._register_again(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT splitplane._registration(r.relation, today.scope, kept.columns,
                                    splitplane._given_name(r.relation, r.name, r.saved), kept.private_columns)
    FROM splitplane.relations AS r
    CROSS JOIN LATERAL splitplane._today(r.relation, '!splitplane_scope', r.saved,
                                         r.scope, r.columns, r.private_columns) AS today
    CROSS JOIN LATERAL (
        -- Columns that do not exist any more, or are not carried, would be refused; NULL if none is left.
        SELECT array_agg(w.name ORDER BY w.position) AS columns,
               array_agg(w.name ORDER BY w.position)
                   FILTER (WHERE w.name = ANY (today.private_columns)) AS private_columns
        FROM unnest(today.columns) WITH ORDINALITY AS w(name, position)
        JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
        WHERE splitplane._type_is_safe(a.atttypid)
    ) AS kept
    WHERE r.relation = _register_again.relation
$$;
REVOKE ALL ON FUNCTION splitplane._register_again(regclass) FROM PUBLIC;

-- What an earlier installation left behind: tables outside the plane on which splitplane_reader has privileges, with
-- the statement that revokes them. `is_open` if policies of ours are on the table and none of them closes it: DROP
-- EXTENSION .. CASCADE of a version before 0.2.0 dropped the fence and left the rest.
CREATE FUNCTION splitplane._left_behind() RETURNS TABLE (relation regclass, is_open boolean, remedy text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.oid::regclass,
           EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = ANY (splitplane._policy_names()))
           AND NOT (c.relrowsecurity
                    AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid
                                AND (p.polname = 'splitplane_closed' AND NOT p.polpermissive
                                     -- That of nodes does not let the reader see a row.
                                     OR p.polname = 'splitplane_others'
                                        AND pg_get_expr(p.polqual, p.polrelid) <> 'true'))),
           format('REVOKE ALL ON TABLE %I.%I FROM splitplane_reader;', n.nspname, c.relname)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = c.oid)
      AND EXISTS (
          SELECT FROM aclexplode(c.relacl) AS g WHERE g.grantee = to_regrole('splitplane_reader')
          UNION ALL
          SELECT FROM pg_attribute AS a CROSS JOIN aclexplode(a.attacl) AS g
          WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL AND NOT a.attisdropped
            AND g.grantee = to_regrole('splitplane_reader'))
$$;
REVOKE ALL ON FUNCTION splitplane._left_behind() FROM PUBLIC;

-- What is wrong with the role that untrusted SQL runs as.
CREATE FUNCTION splitplane._reader_findings() RETURNS TABLE (finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'The role that untrusted SQL runs as does not exist.',
           '-- take every relation out with splitplane.unprotect, then drop and create the extension again'
    WHERE to_regrole('splitplane_reader') IS NULL
    UNION ALL
    SELECT format('The role that untrusted SQL runs as %s.', p.power),
           format('ALTER ROLE splitplane_reader %s;', p.remedy)
    FROM splitplane._role_powers('splitplane_reader') AS p
    WHERE p.is_critical AND p.held
    UNION ALL
    SELECT format('The role that untrusted SQL runs as is a member of %I.', m.role_name),
           format('REVOKE %I FROM splitplane_reader;', m.role_name)
    FROM splitplane._reader_memberships() AS m(role_name)
$$;
REVOKE ALL ON FUNCTION splitplane._reader_findings() FROM PUBLIC;

-- Allowed functions that were marked LEAKPROOF afterwards.
CREATE FUNCTION splitplane._leakproof_functions() RETURNS SETOF regprocedure
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.function
    FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function
    WHERE p.proleakproof AND p.oid >= 16384
$$;
REVOKE ALL ON FUNCTION splitplane._leakproof_functions() FROM PUBLIC;

-- One statement that runs others as the roles that it names with SET LOCAL ROLE, so that it does all of it or nothing,
-- and the session's role is then what it was, whether or not it fails. Advice if roles lack schemas: `missing` is what
-- gives them. Nothing for NULL.
CREATE FUNCTION splitplane._as_grantors(statements text, missing text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    body text := 'DECLARE before text := pg_catalog.current_setting(''role''); BEGIN ' || statements
                 || 'PERFORM pg_catalog.set_config(''role'', before, true); END';
BEGIN
    IF statements IS NULL THEN
        RETURN '';
    END IF;
    IF strpos(body, '$') = 0 THEN
        body := repeat('$', 2) || body || repeat('$', 2);
    ELSE
        body := quote_literal(body);
    END IF;
    RETURN concat('-- first ' || missing || '; and then: ', 'DO ', body, '; ');
END
$$;
REVOKE ALL ON FUNCTION splitplane._as_grantors(text, text) FROM PUBLIC;

-- The schemas that somebody must be able to use who names a function.
CREATE FUNCTION splitplane._function_schemas(function oid) RETURNS oid[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT p.pronamespace FROM pg_proc AS p WHERE p.oid = function
                 UNION
                 SELECT t.typnamespace FROM pg_proc AS p JOIN pg_type AS t ON t.oid = ANY (p.proargtypes)
                 WHERE p.oid = function)
$$;
REVOKE ALL ON FUNCTION splitplane._function_schemas(oid) FROM PUBLIC;

-- What roles that granted something lack to name it.
CREATE FUNCTION splitplane._missing_schemas(grantors oid[], schemas oid[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('GRANT USAGE ON SCHEMA %I TO %I', n.nspname, r.rolname), '; '
                      ORDER BY n.nspname, r.rolname)
    FROM pg_namespace AS n CROSS JOIN pg_roles AS r
    WHERE n.oid = ANY (schemas) AND r.oid = ANY (grantors) AND NOT has_schema_privilege(r.oid, n.oid, 'USAGE')
$$;
REVOKE ALL ON FUNCTION splitplane._missing_schemas(oid[], oid[]) FROM PUBLIC;

-- What revokes privileges that others than the owner of an object granted: REVOKE takes back what the one who runs it
-- has granted, and for a superuser that is the owner. `what` is in the words of REVOKE, without the grantees; `schemas`
-- are those of the names in it.
CREATE FUNCTION splitplane._revoked_by_others(
    what text, acl aclitem[], owner oid, grantees oid[], schemas oid[] DEFAULT '{}')
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT splitplane._as_grantors(
               string_agg(DISTINCT format('SET LOCAL ROLE %I; REVOKE %s FROM %s; ', pg_get_userbyid(g.grantor), what,
                                          splitplane._grantee(g.grantee)), ''),
               splitplane._missing_schemas(array_agg(g.grantor), schemas))
    FROM aclexplode(acl) AS g
    WHERE g.grantee = ANY (grantees) AND g.grantor <> owner
$$;
REVOKE ALL ON FUNCTION splitplane._revoked_by_others(text, aclitem[], oid, oid[], oid[]) FROM PUBLIC;

-- The same for a relation and its columns; by default of the reader's privileges. Each by its name: who may grant one
-- column, or what no column has, may not revoke ALL.
CREATE FUNCTION splitplane._grants_of_others(
    relation regclass, grantees oid[] DEFAULT ARRAY[to_regrole('splitplane_reader')::oid])
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT splitplane._as_grantors(
               string_agg(format('SET LOCAL ROLE %I; REVOKE %s ON %s %s FROM %s; ', pg_get_userbyid(g.grantor),
                                 g.privileges, CASE WHEN c.relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relation,
                                 splitplane._grantee(g.grantee)), ''
                          ORDER BY g.grantor, g.grantee, g.privileges),
               splitplane._missing_schemas(array_agg(g.grantor), array_agg(c.relnamespace)))
    FROM pg_class AS c
    CROSS JOIN LATERAL (
        SELECT t.grantor, t.grantee, string_agg(t.privilege_type, ', ' ORDER BY t.privilege_type)
        FROM aclexplode(c.relacl) AS t
        GROUP BY t.grantor, t.grantee
        UNION ALL
        SELECT t.grantor, t.grantee, string_agg(format('%s (%I)', t.privilege_type, a.attname), ', '
                                                ORDER BY a.attnum, t.privilege_type)
        FROM pg_attribute AS a CROSS JOIN aclexplode(a.attacl) AS t
        WHERE a.attrelid = relation AND a.attacl IS NOT NULL AND NOT a.attisdropped
        GROUP BY t.grantor, t.grantee
    ) AS g(grantor, grantee, privileges)
    WHERE c.oid = relation AND g.grantee = ANY (grantees) AND g.grantor <> c.relowner
$$;
REVOKE ALL ON FUNCTION splitplane._grants_of_others(regclass, oid[]) FROM PUBLIC;

-- Of the named relations, or of all if NULL.
CREATE FUNCTION splitplane._critical_findings(suspects regclass[] DEFAULT NULL)
RETURNS TABLE (object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    reader oid := to_regrole('splitplane_reader');
BEGIN
    RETURN QUERY SELECT 'role splitplane_reader', r.finding, r.fix FROM splitplane._reader_findings() AS r;
    RETURN QUERY
        SELECT splitplane._signature(f.function),
               'This allowed function has since been marked LEAKPROOF. PostgreSQL would evaluate it over the rows of '
               'every tenant, so ask does not call it any more.',
               format('ALTER FUNCTION %s NOT LEAKPROOF;', splitplane._signature(f.function))
        FROM splitplane._leakproof_functions() AS f(function);

    RETURN QUERY
        SELECT p.object, p.finding, p.fix FROM splitplane._server_problems() AS p WHERE p.severity = 'critical';
    -- Every comparison below would be with NULL.
    IF reader IS NULL THEN
        RETURN;
    END IF;

    -- A dropped relation has no row in pg_class and is harmless; another finding of doctor() reports it.
    RETURN QUERY
        WITH state AS (
            SELECT r.relation, r.shared, r.scope, r.columns, r.saved,
                   r.saved ->> 'numbers_of' = h.server || '/' || r.relation::oid AS is_numbered,
                   c.relowner, c.relrowsecurity, c.relacl,
                   r.saved ? 'node' AS on_nodes, splitplane._fence_name(r.saved) AS fence,
                   p.oid IS NULL AS unfenced, p.polpermissive, p.polcmd, p.polroles, p.polqual, p.polwithcheck
            FROM (SELECT s.system_identifier::text AS server FROM pg_control_system() AS s) AS h
            CROSS JOIN splitplane.relations AS r
            JOIN pg_class AS c ON c.oid = r.relation
            LEFT JOIN pg_policy AS p ON p.polrelid = r.relation AND p.polname = splitplane._fence_name(r.saved)
            WHERE suspects IS NULL OR r.relation = ANY (suspects)
        ),
        found AS (
            SELECT s.relation, 'It is owned by splitplane_reader, and row-level security does not apply to owners.',
                   format('ALTER TABLE %s OWNER TO CURRENT_USER;', s.relation)
            FROM state AS s WHERE s.relowner = reader
            UNION ALL
            SELECT s.relation, 'Row-level security is switched off.',
                   format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', s.relation)
            FROM state AS s WHERE (NOT s.shared OR s.on_nodes) AND NOT s.relrowsecurity
            UNION ALL
            SELECT s.relation, format('Its policy %s is missing.', s.fence), NULL
            FROM state AS s WHERE (NOT s.shared OR s.on_nodes) AND s.unfenced
            UNION ALL
            SELECT s.relation,
                   format('Its policy %s is not a %s policy FOR SELECT TO splitplane_reader alone.', s.fence,
                          CASE WHEN s.on_nodes THEN 'permissive' ELSE 'restrictive' END),
                   NULL
            FROM state AS s
            WHERE (NOT s.shared OR s.on_nodes) AND NOT s.unfenced
              AND (s.polpermissive <> s.on_nodes OR s.polcmd <> 'r' OR s.polroles <> ARRAY[reader]
                   OR s.polwithcheck IS NOT NULL)
            UNION ALL
            SELECT s.relation,
                   format('The condition of its policy %s, or the name or type of a scope column, '
                          'has changed since the relation was protected.', s.fence), NULL
            FROM state AS s
            WHERE (NOT s.shared OR s.on_nodes) AND NOT s.unfenced
              AND (pg_get_expr(s.polqual, s.relation)
                   IS DISTINCT FROM s.saved ->> CASE WHEN s.on_nodes THEN 'read' ELSE 'policy' END
                   OR splitplane._scope_types(s.relation, s.scope || splitplane._key_columns(s.relation))
                      IS DISTINCT FROM nullif(s.saved -> 'types', 'null'))
            UNION ALL
            SELECT s.relation,
                   format(CASE WHEN l.has_parent
                               THEN 'Foreign key %I, by which its rows belong to those of %s, was dropped or altered.'
                               ELSE 'Foreign key %I says that its rows belong to those of %s, which is not in the '
                                    'plane or is the same for every tenant.' END,
                          -- Of a table that was dropped nothing but a number is left.
                          l.key, coalesce(o.oid::regclass::text, 'a table that was dropped')), NULL
            FROM state AS s JOIN splitplane._links AS l ON l.relation = s.relation
            LEFT JOIN pg_class AS o ON o.oid = l.parent
            WHERE NOT (l.has_key AND l.has_parent)
            UNION ALL
            SELECT s.relation, 'It has neither a scope nor a parent, so nothing says whose its rows are.',
                   format('SELECT splitplane.unprotect(%L);', s.relation)
            FROM state AS s
            WHERE NOT s.shared AND s.scope = '{}'
              AND NOT EXISTS (SELECT FROM splitplane.parents AS p WHERE p.relation = s.relation)
            UNION ALL
            SELECT s.relation,
                   format('splitplane_reader has %s on the whole table.', string_agg(g.privilege_type, ', ')),
                   splitplane._grants_of_others(s.relation) || splitplane._register_again(s.relation)
            FROM state AS s CROSS JOIN aclexplode(s.relacl) AS g
            WHERE g.grantee = reader
            GROUP BY s.relation
            UNION ALL
            SELECT s.relation,
                   format('splitplane_reader has %s on column %I, which the plane does not grant.',
                          g.privilege_type, a.attname),
                   splitplane._grants_of_others(s.relation) || splitplane._register_again(s.relation)
            FROM state AS s
            JOIN pg_attribute AS a ON a.attrelid = s.relation
            CROSS JOIN aclexplode(a.attacl) AS g
            WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND g.grantee = reader
              AND NOT (g.privilege_type = 'SELECT' AND a.attnum > 0
                       AND CASE WHEN s.is_numbered
                                THEN EXISTS (SELECT FROM jsonb_each(s.saved -> 'numbers') AS n
                                             WHERE n.value = to_jsonb(a.attnum))
                                ELSE a.attname = ANY (s.columns)
                                     OR s.scope || splitplane._key_columns(s.relation) ? a.attname::text END)
        )
        SELECT f.relation::text, f.finding, coalesce(f.fix, splitplane._register_again(f.relation))
        FROM found AS f(relation, finding, fix);

    RETURN QUERY
        SELECT l.relation::text,
               'It is not in the plane, and splitplane_reader sees the rows of every tenant in it: '
               'an earlier installation was dropped with CASCADE.', l.remedy
        FROM splitplane._left_behind() AS l WHERE l.is_open;

    RETURN QUERY
        SELECT r.relation::text,
               format('Row-level security of this server does not bind all of its rows: %s.', k.reason),
               format('SELECT splitplane.unprotect(%L);', r.relation)
        FROM splitplane._kept_elsewhere() AS k JOIN splitplane.relations AS r ON r.relation = k.relation;
    RETURN QUERY
        SELECT m.relation::regclass::text, m.finding, splitplane._register_again(m.relation)
        FROM splitplane._moved_by_citus() AS m JOIN pg_class AS c ON c.oid = m.relation
        WHERE NOT EXISTS (SELECT FROM splitplane._kept_elsewhere() AS k WHERE k.relation = m.relation);
END
$$;
REVOKE ALL ON FUNCTION splitplane._critical_findings(regclass[]) FROM PUBLIC;

-- For ask: the first finding as text, or NULL if there is none. Every backend calls it when it loads the plane, so only
-- relations whose fingerprint differs are checked in detail.
CREATE FUNCTION splitplane._critical_finding() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    suspects regclass[] := (SELECT array_agg(f.relation) FROM splitplane._fences AS f
                            WHERE CASE WHEN f.fingerprint IS DISTINCT FROM f.saved ->> 'fingerprint'
                                       -- The planner would look at this first: it costs one call for each relation.
                                       THEN splitplane._reader_fingerprint(f.relation)
                                            IS DISTINCT FROM f.saved ->> 'reader_fingerprint' END);
BEGIN
    IF suspects IS NULL
       AND NOT EXISTS (SELECT FROM splitplane._reader_findings())
       -- Few tables outside the plane have policies of ours, and each of them is checked in detail.
       AND NOT EXISTS (SELECT FROM pg_policy AS p
                       WHERE p.polname = ANY (splitplane._policy_names())
                         AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = p.polrelid))
       AND NOT EXISTS (SELECT FROM splitplane._leakproof_functions())
       AND NOT EXISTS (SELECT FROM splitplane._kept_elsewhere() AS k
                       WHERE EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = k.relation))
       AND NOT EXISTS (SELECT FROM splitplane._moved_by_citus() AS m JOIN pg_class AS c ON c.oid = m.relation)
       AND NOT EXISTS (SELECT FROM splitplane._server_problems() AS p WHERE p.severity = 'critical') THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT f.object || ': ' || f.finding
            FROM splitplane._critical_findings(coalesce(suspects, '{}')) AS f LIMIT 1);
END
$$;
REVOKE ALL ON FUNCTION splitplane._critical_finding() FROM PUBLIC;
