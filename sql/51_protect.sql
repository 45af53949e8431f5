-- protect, share and unprotect: the fences around the plane's relations.

-- The policies that splitplane creates. PostgreSQL evaluates restrictive policies in the order of their names, so the
-- name of the scope's policy sorts before ordinary ones. The last is that of versions before 0.2.0.
CREATE FUNCTION splitplane._policy_names() RETURNS name[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY['!splitplane_scope', 'splitplane_closed', 'splitplane_read', 'splitplane_others',
                 'splitplane_scope']::name[]
$$;
REVOKE ALL ON FUNCTION splitplane._policy_names() FROM PUBLIC;

-- The policy that says what the reader may see: the only one of ours that says it on every node of a cluster.
CREATE FUNCTION splitplane._fence_name(saved jsonb) RETURNS name
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN saved ? 'node' THEN 'splitplane_read' ELSE '!splitplane_scope' END::name
$$;
REVOKE ALL ON FUNCTION splitplane._fence_name(jsonb) FROM PUBLIC;

-- One number for everything that fences a relation: owner, row-level security, grants, scope policy, the foreign keys
-- by which its rows belong to others, and the names, types and grants of its columns. While it is what it was when the
-- relation was registered, nothing else needs to be checked, which keeps the check of every new backend cheap. It also
-- changes for harmless reasons, such as privileges of other roles, and after a restore; then _reader_fingerprint()
-- decides.
CREATE VIEW splitplane._fences AS
    SELECT r.relation, r.saved,
           pg_catalog.hash_record_extended(
               ROW(c.relowner, c.relrowsecurity, c.relacl, r.shared, r.scope, r.columns, a.columns_hash,
                   p.polpermissive, p.polcmd, p.polroles, pg_catalog.hashtextextended(p.polqual::text, 0),
                   p.polwithcheck IS NULL, l.links_hash), 0)::text AS fingerprint
    FROM splitplane.relations AS r
    JOIN pg_catalog.pg_class AS c ON c.oid = r.relation
    -- As _fence_name, which would be called for each relation in each new session.
    LEFT JOIN pg_catalog.pg_policy AS p ON p.polrelid = r.relation AND p.polname
        = CASE WHEN r.saved ? 'node' THEN 'splitplane_read' ELSE '!splitplane_scope' END
    CROSS JOIN LATERAL (
        -- The number of the column is the seed, so that columns that swap names do not add up to the same sum.
        SELECT pg_catalog.sum(pg_catalog.hash_record_extended(
                   ROW(a.attname, a.attnum, a.atttypid, a.atttypmod, a.attcollation, a.attisdropped, a.attacl),
                   a.attnum)) AS columns_hash
        FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = r.relation
    ) AS a
    CROSS JOIN LATERAL (
        SELECT pg_catalog.sum(pg_catalog.hash_record_extended(l.*, l.link)) AS links_hash
        FROM splitplane._links AS l WHERE l.relation = r.relation
    ) AS l;
REVOKE ALL ON splitplane._fences FROM PUBLIC;

-- The privileges of an access control list that bear on the reader: its own and PUBLIC's, whoever granted them.
CREATE FUNCTION splitplane._reader_privileges(acl aclitem[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT string_agg(format('%s %s %s', CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE 'the reader' END,
                                 g.privilege_type, g.is_grantable), ','
                          ORDER BY g.grantee, g.privilege_type)
        FROM aclexplode(acl) AS g WHERE g.grantee IN (0, to_regrole('splitplane_reader')));
END
$$;
REVOKE ALL ON FUNCTION splitplane._reader_privileges(aclitem[]) FROM PUBLIC;

-- As the fingerprint of _fences, but of what bears on the reader alone, and without numbers that pg_upgrade or a
-- restore changes: roles and types by name, the policy as SQL, grants by privilege. Slower.
CREATE FUNCTION splitplane._reader_fingerprint(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        -- The columns of a plane have one list of privileges for all, as a rule.
        WITH lists AS MATERIALIZED (
            SELECT DISTINCT a.attacl AS acl FROM pg_attribute AS a
            WHERE a.attrelid = _reader_fingerprint.relation AND a.attacl IS NOT NULL
        ),
        privileges AS MATERIALIZED (
            SELECT l.acl, splitplane._reader_privileges(l.acl) AS privileges FROM lists AS l
        )
        SELECT hash_record_extended(
                   ROW(c.relowner = to_regrole('splitplane_reader'), c.relrowsecurity,
                       splitplane._reader_privileges(c.relacl), r.shared, r.scope, r.columns,
                       (SELECT sum(hash_record_extended(
                                   ROW(a.attname, a.attnum, format_type(a.atttypid, a.atttypmod),
                                       a.attcollation::regcollation::text, a.attisdropped, l.privileges), a.attnum))
                        FROM pg_attribute AS a LEFT JOIN privileges AS l ON l.acl = a.attacl
                        WHERE a.attrelid = r.relation),
                       p.polpermissive, p.polcmd, p.polroles = ARRAY[to_regrole('splitplane_reader')::oid],
                       pg_get_expr(p.polqual, p.polrelid), p.polwithcheck IS NULL,
                       (SELECT sum(hash_record_extended(
                                   ROW(l.parent::text, l.key, l.columns, l.parent_columns, l.membership, l.has_key,
                                       l.has_parent), l.link))
                        FROM splitplane._links AS l WHERE l.relation = r.relation)), 0)::text
        FROM splitplane.relations AS r
        JOIN pg_class AS c ON c.oid = r.relation
        LEFT JOIN pg_policy AS p ON p.polrelid = r.relation AND p.polname = splitplane._fence_name(r.saved)
        WHERE r.relation = _reader_fingerprint.relation);
END
$$;
REVOKE ALL ON FUNCTION splitplane._reader_fingerprint(regclass) FROM PUBLIC;

-- The table that column numbers belong to. load.sql and describe() have the same text.
CREATE FUNCTION splitplane._numbers_of(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT format('%s/%s', s.system_identifier, relation::oid) FROM pg_control_system() AS s);
END
$$;
REVOKE ALL ON FUNCTION splitplane._numbers_of(regclass) FROM PUBLIC;

-- The types of the scope columns as text, which survives a dump and restore where OIDs and column numbers do not.
CREATE FUNCTION splitplane._scope_types(relation regclass, scope jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT jsonb_object_agg(a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                   (SELECT 'nondeterministic' FROM pg_collation AS c
                    WHERE c.oid = a.attcollation AND NOT c.collisdeterministic)))
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND scope ? a.attname::text);
END
$$;
REVOKE ALL ON FUNCTION splitplane._scope_types(regclass, jsonb) FROM PUBLIC;

-- Grants the reader USAGE on a schema. True if it had that before the plane used the schema.
CREATE FUNCTION splitplane._use_schema(schema_name text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    had boolean;
BEGIN
    -- Another entry in the same schema has granted it already, and has saved the answer.
    SELECT (u.saved ->> 'schema_usage')::boolean INTO had
      FROM (SELECT r.saved FROM splitplane.relations AS r
            UNION ALL
            SELECT f.saved FROM splitplane.allowed_functions AS f
            UNION ALL
            SELECT e.saved FROM splitplane.allowed_extensions AS e) AS u
     WHERE u.saved ->> 'schema' = schema_name
     LIMIT 1;
    IF NOT FOUND THEN
        SELECT EXISTS (SELECT FROM aclexplode(n.nspacl) AS g
                       WHERE g.grantee = 'splitplane_reader'::regrole AND g.privilege_type = 'USAGE')
          INTO had FROM pg_namespace AS n WHERE n.nspname = schema_name;
    END IF;
    -- Not again where it is granted already: a change of a schema makes every session plan all its statements anew.
    IF schema_name <> 'pg_catalog'
       AND NOT EXISTS (SELECT FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS g
                       WHERE n.nspname = schema_name AND g.grantor = n.nspowner
                         AND g.grantee = 'splitplane_reader'::regrole AND g.privilege_type = 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO splitplane_reader', schema_name);
    END IF;
    RETURN had;
END
$$;
REVOKE ALL ON FUNCTION splitplane._use_schema(text) FROM PUBLIC;

-- Revokes it when no entry of the plane is left in the schema, unless the reader had it before. Call it after the row
-- has been deleted.
CREATE FUNCTION splitplane._leave_schema(schema_name text, had_usage boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF had_usage OR schema_name = 'pg_catalog'
       OR NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = schema_name)
       OR EXISTS (SELECT FROM splitplane.relations AS r WHERE r.saved ->> 'schema' = schema_name)
       OR EXISTS (SELECT FROM splitplane.allowed_functions AS f WHERE f.saved ->> 'schema' = schema_name)
       OR EXISTS (SELECT FROM splitplane.allowed_extensions AS e WHERE e.saved ->> 'schema' = schema_name) THEN
        RETURN;
    END IF;
    EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM splitplane_reader', schema_name);
END
$$;
REVOKE ALL ON FUNCTION splitplane._leave_schema(text, boolean) FROM PUBLIC;

-- The reader's own grants on a relation, as the statements that grant them again.
CREATE FUNCTION splitplane._reader_grants(relation regclass, qualified text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(s.statement), '[]')
        FROM (
            SELECT format('GRANT %s ON TABLE %s TO splitplane_reader', g.privilege_type, qualified)
            FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS g
            WHERE c.oid = relation AND g.grantee = 'splitplane_reader'::regrole
            UNION ALL
            SELECT format('GRANT %s (%I) ON TABLE %s TO splitplane_reader', g.privilege_type, a.attname, qualified)
            FROM pg_attribute AS a CROSS JOIN aclexplode(a.attacl) AS g
            WHERE a.attrelid = relation AND NOT a.attisdropped AND g.grantee = 'splitplane_reader'::regrole
        ) AS s(statement));
END
$$;
REVOKE ALL ON FUNCTION splitplane._reader_grants(regclass, text) FROM PUBLIC;

-- Restrictive policies that are not ours and bind others than the reader, as soon as row-level security is on.
CREATE FUNCTION splitplane._other_restrictions(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT string_agg(quote_ident(p.polname), ', ' ORDER BY p.polname)
        FROM pg_policy AS p
        WHERE p.polrelid = relation AND NOT p.polpermissive AND p.polname <> ALL (splitplane._policy_names())
          AND p.polroles <> ARRAY[to_regrole('splitplane_reader')::oid]);
END
$$;
REVOKE ALL ON FUNCTION splitplane._other_restrictions(regclass) FROM PUBLIC;

-- Those that PostgreSQL evaluates before the scope when the reader reads the relation. ask refuses to read it then.
CREATE FUNCTION splitplane._earlier_restrictions(relation regclass) RETURNS SETOF name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT p.polname
        FROM pg_policy AS p
        WHERE p.polrelid = relation AND NOT p.polpermissive AND p.polname < '!splitplane_scope'
          AND p.polroles && ARRAY[0, to_regrole('splitplane_reader')::oid] AND p.polcmd IN ('r', '*')
        ORDER BY p.polname;
END
$$;
REVOKE ALL ON FUNCTION splitplane._earlier_restrictions(regclass) FROM PUBLIC;

-- Those that hold back rows from the reader and are not made for it alone, with the statement that binds each to the
-- other roles that it is for: those that it names, and if it names all, every role that may use the table now. Advice
-- alone where PUBLIC may.
CREATE FUNCTION splitplane._binding_restrictions(relation regclass) RETURNS TABLE (name name, remedy text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH holders(holder) AS (
            SELECT g.grantee FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS g
            WHERE c.oid = relation AND g.grantee <> c.relowner
            UNION
            SELECT g.grantee FROM pg_attribute AS a CROSS JOIN aclexplode(a.attacl) AS g
            WHERE a.attrelid = relation AND a.attacl IS NOT NULL AND NOT a.attisdropped
            UNION
            -- An owner is bound only if that is forced.
            SELECT c.relowner FROM pg_class AS c WHERE c.oid = relation AND c.relforcerowsecurity
            UNION
            SELECT m.roleid FROM pg_auth_members AS m
            WHERE m.roleid IN (to_regrole('pg_read_all_data'), to_regrole('pg_write_all_data'))
        )
        SELECT p.polname,
               CASE WHEN 0 <> ALL (p.polroles) OR NOT EXISTS (SELECT FROM holders AS h WHERE h.holder = 0)
                    THEN format('ALTER POLICY %I ON %s TO %s;', p.polname, p.polrelid::regclass,
                                coalesce((SELECT string_agg(DISTINCT quote_ident(o.rolname), ', ')
                                          FROM pg_roles AS o
                                          -- The reader alone: applications and administrators read the table, too.
                                          WHERE o.rolname <> 'splitplane_reader'
                                            AND (o.oid = ANY (p.polroles)
                                                 OR 0 = ANY (p.polroles)
                                                    AND o.oid IN (SELECT h.holder FROM holders AS h))),
                                         quote_ident(pg_get_userbyid(c.relowner))))
                    ELSE format('-- ALTER POLICY %I ON %s TO ..; with the roles that it is for', p.polname,
                                p.polrelid::regclass) END
        FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
        WHERE p.polrelid = relation AND NOT p.polpermissive AND p.polname <> ALL (splitplane._policy_names())
          AND p.polroles && ARRAY[0, to_regrole('splitplane_reader')::oid]
          AND p.polroles <> ARRAY[to_regrole('splitplane_reader')::oid] AND p.polcmd IN ('r', '*');
END
$$;
REVOKE ALL ON FUNCTION splitplane._binding_restrictions(regclass) FROM PUBLIC;

CREATE FUNCTION splitplane._drop_policies(relation regclass, qualified text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    policy_name name;
BEGIN
    FOR policy_name IN
        SELECT p.polname FROM pg_policy AS p
        WHERE p.polrelid = relation AND p.polname = ANY (splitplane._policy_names())
    LOOP
        -- Citus passes it on, and a shard may have lost its own.
        EXECUTE format('DROP POLICY IF EXISTS %I ON %s', policy_name, qualified);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane._drop_policies(regclass, text) FROM PUBLIC;

-- Creates the policies of a registered relation that has none of them. Every policy that lets the reader see rows of a
-- protected table calls a function of the extension, and is dropped with it.
--   !splitplane_scope   what the reader may see; restrictive, so it holds besides every permissive policy
--   splitplane_read     without a permissive policy no row would be seen
--   splitplane_closed   lets the reader see no row while !splitplane_scope does not exist: after DROP EXTENSION ..
--                       CASCADE, or in a dump that was restored without the extension. It depends on nothing of ours.
--   splitplane_others   every other role goes on working as before
CREATE FUNCTION splitplane._make_policies(
    relation regclass, qualified text, shared boolean, condition text, had_row_security boolean)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT shared OR had_row_security THEN
        EXECUTE format('CREATE POLICY splitplane_read ON %s AS PERMISSIVE FOR SELECT TO splitplane_reader USING (%s)',
                       qualified, CASE WHEN shared THEN 'splitplane.in_call()' ELSE condition END);
    END IF;
    IF NOT shared THEN
        EXECUTE format('CREATE POLICY "!splitplane_scope" ON %s AS RESTRICTIVE FOR SELECT TO splitplane_reader '
                       'USING (%s)', qualified, condition);
        EXECUTE format('CREATE POLICY splitplane_closed ON %s AS RESTRICTIVE FOR ALL TO splitplane_reader '
                       'USING (EXISTS (SELECT FROM pg_catalog.pg_policy AS p '
                       'WHERE p.polrelid OPERATOR(pg_catalog.=) %L::pg_catalog.regclass '
                       'AND p.polname OPERATOR(pg_catalog.=) ''!splitplane_scope''))', qualified, qualified);
        IF NOT had_row_security THEN
            EXECUTE format('CREATE POLICY splitplane_others ON %s AS PERMISSIVE FOR ALL TO PUBLIC '
                           'USING (true) WITH CHECK (true)', qualified);
        END IF;
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', qualified);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._make_policies(regclass, text, boolean, text, boolean) FROM PUBLIC;

-- The policies' conditions as text, for doctor() to compare with: text survives a dump and restore.
CREATE FUNCTION splitplane._policy_texts(relation regclass) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'policy', max(pg_get_expr(p.polqual, p.polrelid)) FILTER (WHERE p.polname = '!splitplane_scope'),
            'read', max(pg_get_expr(p.polqual, p.polrelid)) FILTER (WHERE p.polname = 'splitplane_read'),
            -- Without the name of the table, which may be renamed.
            'closed', max(replace(pg_get_expr(p.polqual, p.polrelid), quote_literal(p.polrelid::regclass), 'itself'))
                      FILTER (WHERE p.polname = 'splitplane_closed'))
        FROM pg_policy AS p WHERE p.polrelid = relation);
END
$$;
REVOKE ALL ON FUNCTION splitplane._policy_texts(regclass) FROM PUBLIC;

-- The numbers of a relation's columns by the names that they have at the registration: a column keeps its number, and a
-- name may come to be another column's. A restore gives other numbers, so whose they are is kept with them.
CREATE FUNCTION splitplane._column_numbers(relation regclass, names text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT jsonb_build_object('numbers', coalesce(jsonb_object_agg(a.attname, a.attnum), '{}'),
                                  'numbers_of', splitplane._numbers_of(relation))
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname::text = ANY (names));
END
$$;
REVOKE ALL ON FUNCTION splitplane._column_numbers(regclass, text[]) FROM PUBLIC;

-- Restores a registered relation to what it was and deletes its registration.
CREATE FUNCTION splitplane._withdraw(relation regclass, qualified text, to_register boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    registered record;
    statement text;
    link splitplane.parents;
BEGIN
    SELECT r.shared, r.had_row_security, r.saved INTO STRICT registered
      FROM splitplane.relations AS r WHERE r.relation = _withdraw.relation;
    -- Where splitplane_others was dropped by hand and others decide in its place, row-level security must stay on.
    IF NOT registered.had_row_security AND (NOT registered.shared OR registered.saved ? 'node')
       AND (EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = 'splitplane_others')
            OR NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation AND p.polpermissive
                           AND p.polname <> ALL (splitplane._policy_names()))) THEN
        -- Without row-level security these policies would have no effect; with it and without splitplane_others they
        -- would let no role see a row. A relation that is registered again at once keeps both.
        IF NOT to_register AND splitplane._other_restrictions(relation) IS NOT NULL THEN
            RAISE EXCEPTION '% has got restrictive policies of its own since it was protected: %',
                qualified, splitplane._other_restrictions(relation)
                USING ERRCODE = '55000',
                      HINT = 'Drop them first, and make them again afterwards if they are meant to stay.';
        END IF;
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', qualified);
    END IF;
    PERFORM splitplane._drop_policies(relation, qualified);
    EXECUTE format('REVOKE ALL ON TABLE %s FROM splitplane_reader', qualified);
    FOR statement IN
        SELECT g.statement
        FROM jsonb_array_elements_text(registered.saved -> 'grants') WITH ORDINALITY AS g(statement, position)
        ORDER BY g.position
    LOOP
        EXECUTE statement;
    END LOOP;
    DELETE FROM splitplane.relations AS r WHERE r.relation = _withdraw.relation;
    FOR link IN DELETE FROM splitplane.parents AS p WHERE p.relation = _withdraw.relation RETURNING p.* LOOP
        PERFORM splitplane._grant_keys(link.parent, link.parent_columns);
    END LOOP;
    PERFORM splitplane._leave_schema(registered.saved ->> 'schema', (registered.saved ->> 'schema_usage')::boolean);
END
$$;
REVOKE ALL ON FUNCTION splitplane._withdraw(regclass, text, boolean) FROM PUBLIC;

-- Refuses to take the scope from a table whose rows say whose those of others are.
CREATE FUNCTION splitplane._refuse_parent(relation regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    children text;
BEGIN
    SELECT string_agg(DISTINCT p.relation::text, ', ') INTO children
      FROM splitplane.parents AS p JOIN pg_class AS c ON c.oid = p.relation WHERE p.parent = _refuse_parent.relation;
    IF children IS NOT NULL THEN
        RAISE EXCEPTION 'the rows of % say whose the rows of other tables are: %', relation, children
            USING ERRCODE = '2BP01', HINT = 'Take those out of the plane first, with splitplane.unprotect.';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._refuse_parent(regclass) FROM PUBLIC;

-- Registering again starts from the table as it was: nothing of an earlier registration remains, and `saved` stays
-- true. All of it is one transaction under an exclusive lock, so that no session sees the table unfenced in between.
CREATE FUNCTION splitplane._register(
    relation regclass, shared boolean, scope jsonb, columns text[], name text, private_columns text[],
    links splitplane.parents[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- Here and in what it calls: each registration adds policies, and a plan that was made while there were few would read
-- all of them each time.
SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    qualified text;
    plane_name text;
    plane_columns text[];
    hidden_from_models text[];
    no_longer text;
    condition text;
    had_row_security boolean;
    saved jsonb;
    schema_name text;
    left_behind boolean;
    node jsonb;
    earlier text;
    binding text;
    was_shared boolean;
    link splitplane.parents;
BEGIN
    PERFORM splitplane._check_isolation(CASE WHEN shared THEN 'share' ELSE 'protect' END);
    PERFORM splitplane._refuse_directory(relation, shared, scope, links);
    -- One registration at a time: entries of one schema share its grant.
    LOCK TABLE splitplane.relations, splitplane.allowed_functions IN SHARE ROW EXCLUSIVE MODE;
    -- The scope may rest on a claim that is exclusive.
    LOCK TABLE splitplane.claims IN ROW SHARE MODE;
    -- A dropped table has left its registration behind. Its plane name is free.
    -- NULL is what this function says of an OID without a relation: it looks into a cache.
    IF EXISTS (SELECT FROM splitplane.relations AS r WHERE pg_table_is_visible(r.relation) IS NULL) THEN
        DELETE FROM splitplane.relations AS r WHERE pg_table_is_visible(r.relation) IS NULL;
        DELETE FROM splitplane.parents AS p WHERE pg_table_is_visible(p.relation) IS NULL;
    END IF;
    qualified := splitplane._lock_relation(relation, true);
    PERFORM splitplane._follow_renames(relation);
    plane_columns := splitplane._plane_columns(relation, columns);
    IF columns IS NULL
       AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
                   AND a.attname <> ALL (plane_columns)) THEN
        PERFORM splitplane._leave_out(relation, scope);
    END IF;
    hidden_from_models := splitplane._private_columns(relation, plane_columns, private_columns);
    plane_name := splitplane._plane_name(relation, name);
    IF shared THEN
        PERFORM splitplane._refuse_parent(relation);
    ELSE
        condition := concat_ws(' AND ', splitplane._scope_condition(relation, scope, links IS NOT NULL),
                               splitplane._links_condition(links));
    END IF;
    node := splitplane._distribution(relation, shared, scope, links);
    -- Reported rather than kept: this call defines what is registered, as with columns.
    SELECT string_agg(quote_ident(p.name), ', ' ORDER BY p.name) INTO no_longer
      FROM splitplane.relations AS r CROSS JOIN LATERAL unnest(r.private_columns) AS p(name)
     WHERE r.relation = _register.relation AND p.name <> ALL (hidden_from_models)
       AND (p.name = ANY (plane_columns)
            -- One that is left out comes back with the next call, once its type is carried again.
            OR _register.columns IS NULL
               AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = _register.relation
                           AND a.attname = p.name AND a.attnum > 0 AND NOT a.attisdropped));
    IF no_longer IS NOT NULL THEN
        RAISE WARNING 'private no longer in %: %', qualified, no_longer
            USING HINT = 'Name private columns each time a table is registered.';
    END IF;
    SELECT r.shared INTO was_shared FROM splitplane.relations AS r WHERE r.relation = _register.relation;
    IF FOUND THEN
        PERFORM splitplane._withdraw(relation, qualified, NOT shared);
    END IF;
    INSERT INTO splitplane.parents SELECT l.* FROM unnest(links) AS l;

    SELECT c.relrowsecurity, n.nspname INTO had_row_security, schema_name
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation;
    -- DROP EXTENSION CASCADE without unprotect leaves policies and grants behind: they are ours, not the table's own.
    left_behind := EXISTS (SELECT FROM pg_policy AS p
                           WHERE p.polrelid = relation AND p.polname = ANY (splitplane._policy_names()));
    IF EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = 'splitplane_others') THEN
        had_row_security := false;
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', qualified);
    END IF;
    IF (NOT shared OR node IS NOT NULL) AND NOT had_row_security THEN
        IF (was_shared IS NOT FALSE OR shared) AND splitplane._other_restrictions(relation) IS NOT NULL THEN
            RAISE EXCEPTION '% has restrictive policies that are not in force: %',
                qualified, splitplane._other_restrictions(relation)
                USING ERRCODE = '55000',
                      HINT = 'Row-level security would be switched on, and they would begin to bind other roles. '
                             'Drop them, or enable row-level security yourself first.';
        END IF;
        IF EXISTS (SELECT FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS g
                   WHERE c.oid = relation AND g.privilege_type = 'INSERT' AND g.grantee <> c.relowner) THEN
            RAISE NOTICE 'row-level security is now enabled on %: only its owner and superusers can use COPY FROM, and '
                         'pg_dump must be run by one of them or by a role with BYPASSRLS', qualified;
        END IF;
    END IF;
    IF EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = relation) THEN
        RAISE NOTICE '% has partitions or children: queries on it use its own policies and grants, not theirs',
            qualified;
    END IF;

    saved := jsonb_build_object(
        'schema', schema_name, 'schema_usage', splitplane._use_schema(schema_name),
        'grants', CASE WHEN left_behind THEN '[]' ELSE splitplane._reader_grants(relation, qualified) END,
        'all_columns', columns IS NULL)
        -- A name that was not given goes with the table's.
        || CASE WHEN name IS NULL THEN '{"named_after_table": true}'::jsonb ELSE '{}' END
        || CASE WHEN node IS NOT NULL THEN jsonb_build_object('node', node) ELSE '{}' END;
    PERFORM splitplane._drop_policies(relation, qualified);
    EXECUTE format('REVOKE ALL ON TABLE %s FROM splitplane_reader', qualified);
    EXECUTE (SELECT format('GRANT SELECT (%s) ON TABLE %s TO splitplane_reader',
                           string_agg(DISTINCT quote_ident(w.name), ', '), qualified)
             FROM (SELECT unnest(plane_columns)
                   UNION ALL
                   SELECT jsonb_object_keys(CASE WHEN shared THEN '{}'::jsonb ELSE scope END)
                   UNION ALL
                   -- Where a foreign key is not as it was registered, the column that has the name may be another one.
                   SELECT unnest(CASE l.parent WHEN _register.relation THEN l.parent_columns ELSE l.columns END)
                   FROM splitplane._links AS l
                   WHERE _register.relation IN (l.relation, l.parent) AND l.has_key) AS w(name));
    IF node IS NULL THEN
        PERFORM splitplane._make_policies(relation, qualified, shared, condition, had_row_security);
    ELSE
        PERFORM splitplane._make_node_policies(relation, qualified, shared, condition, had_row_security);
    END IF;
    IF NOT shared THEN
        SELECT string_agg(quote_ident(e.name), ', ') INTO earlier
          FROM splitplane._earlier_restrictions(relation) AS e(name);
        IF earlier IS NOT NULL THEN
            RAISE WARNING '% has restrictive policies whose names sort before splitplane''s, '
                          'so ask refuses to read it: %', qualified, earlier
                USING HINT = 'PostgreSQL evaluates policies in the order of their names. Rename them: ALTER POLICY .. '
                             'RENAME TO ..; splitplane.doctor() gives the statements.';
        END IF;
        SELECT string_agg(quote_ident(o.name), ', ' ORDER BY o.name) INTO binding
          FROM splitplane._binding_restrictions(relation) AS o(name, remedy);
        IF binding IS NOT NULL THEN
            RAISE WARNING '% has restrictive policies of its own that bind splitplane_reader too, so answers may have '
                          'no rows: %', qualified, binding
                USING HINT = 'Bind them to the roles that they are for: splitplane.doctor() gives the statements.';
        END IF;
    END IF;

    INSERT INTO splitplane.relations (relation, name, shared, scope, columns, private_columns, had_row_security, saved)
    VALUES (_register.relation, plane_name, _register.shared, CASE WHEN shared THEN '{}' ELSE _register.scope END,
            plane_columns, hidden_from_models, had_row_security, saved);
    UPDATE splitplane.relations AS r
       SET saved = r.saved || splitplane._policy_texts(r.relation)
                   || splitplane._column_numbers(
                          r.relation,
                          r.columns || ARRAY(SELECT jsonb_object_keys(r.scope || splitplane._key_columns(r.relation))))
                   || jsonb_build_object('fingerprint', f.fingerprint,
                                         'reader_fingerprint', splitplane._reader_fingerprint(r.relation),
                                         'types', splitplane._scope_types(
                                             r.relation, r.scope || splitplane._key_columns(r.relation)))
      FROM splitplane._fences AS f
     WHERE r.relation = _register.relation AND f.relation = r.relation;
    FOREACH link IN ARRAY coalesce(links, '{}') LOOP
        PERFORM splitplane._grant_keys(link.parent);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane._register(regclass, boolean, jsonb, text[], text, text[], splitplane.parents[])
    FROM PUBLIC;

CREATE FUNCTION splitplane.protect(
    relation regclass, scope jsonb, columns text[] DEFAULT NULL, name text DEFAULT NULL,
    private_columns text[] DEFAULT NULL, hidden boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    was_hidden boolean := splitplane._is_hidden(relation);
BEGIN
    PERFORM splitplane._administration('protect', jsonb_build_object(
        'relation', protect.relation, 'scope', protect.scope, 'columns', protect.columns, 'name', protect.name,
        'private_columns', protect.private_columns, 'hidden', protect.hidden));
    PERFORM splitplane._register(relation, false, scope, columns, name, private_columns);
    PERFORM splitplane._hide(relation, hidden, was_hidden);
END
$$;
REVOKE ALL ON FUNCTION splitplane.protect(regclass, jsonb, text[], text, text[], boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.protect(regclass, jsonb, text[], text, text[], boolean) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.protect(regclass, jsonb, text[], text, text[], boolean) IS
    'Adds a table to the plane and binds its rows to claims: protect(''orders'', ''{"tenant_id": "tenant"}''). '
    'Call it again to change the registration.';

CREATE FUNCTION splitplane.share(
    relation regclass, columns text[] DEFAULT NULL, name text DEFAULT NULL, private_columns text[] DEFAULT NULL,
    hidden boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    was_hidden boolean := splitplane._is_hidden(relation);
BEGIN
    PERFORM splitplane._administration('share', jsonb_build_object(
        'relation', share.relation, 'columns', share.columns, 'name', share.name,
        'private_columns', share.private_columns, 'hidden', share.hidden));
    PERFORM splitplane._register(relation, true, NULL, columns, name, private_columns);
    PERFORM splitplane._hide(relation, hidden, was_hidden);
END
$$;
REVOKE ALL ON FUNCTION splitplane.share(regclass, text[], text, text[], boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.share(regclass, text[], text, text[], boolean) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.share(regclass, text[], text, text[], boolean) IS
    'Adds a table to the plane that is the same for every tenant.';

CREATE FUNCTION splitplane.unprotect(relation regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stale record;
BEGIN
    PERFORM splitplane._administration('unprotect', jsonb_build_object('relation', unprotect.relation));
    PERFORM splitplane._check_isolation('unprotect');
    LOCK TABLE splitplane.relations, splitplane.allowed_functions IN SHARE ROW EXCLUSIVE MODE;
    SELECT r.saved, EXISTS (SELECT FROM pg_class AS c WHERE c.oid = r.relation) AS lives INTO stale
      FROM splitplane.relations AS r WHERE r.relation = unprotect.relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is not in the plane', coalesce(relation::text, 'NULL') USING ERRCODE = '42704';
    END IF;
    IF stale.lives THEN
        PERFORM splitplane._refuse_parent(relation);
        PERFORM splitplane._withdraw(relation, splitplane._lock_relation(relation, false), false);
        IF EXISTS (SELECT FROM splitplane.directories AS d WHERE d.relation = unprotect.relation) THEN
            PERFORM splitplane._grant_partitions(relation, NULL);
        END IF;
    ELSE
        DELETE FROM splitplane.relations AS r WHERE r.relation = unprotect.relation;
        DELETE FROM splitplane.parents AS p WHERE p.relation = unprotect.relation;
        PERFORM splitplane._leave_schema(stale.saved ->> 'schema', (stale.saved ->> 'schema_usage')::boolean);
    END IF;
    DELETE FROM splitplane.directories AS d WHERE d.relation = unprotect.relation;
END
$$;
REVOKE ALL ON FUNCTION splitplane.unprotect(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.unprotect(regclass) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.unprotect(regclass) IS
    'Removes a table from the plane and restores its row-level security and grants.';
