-- In the schema that the extension was installed into others may have made operators, which must not be taken for PostgreSQL's.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL quote_all_identifiers = off;

-- What is made here belongs to whom the rest belongs, whichever superuser updates.
SELECT pg_catalog.set_config('role', r.rolname, true)
  FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_roles AS r ON r.oid = e.extowner
 WHERE e.extname = 'splitplane' AND r.rolsuper AND r.rolname <> CURRENT_USER;

-- A function that gets an argument is a new function: the old one steps aside, and hands over who may call it below. Where
-- objects depend on it the update stops before anything is changed; CASCADE would take them along.
DO $dependents$
DECLARE
    changed regprocedure;
    dependents text;
BEGIN
    FOREACH changed IN ARRAY ARRAY['splitplane.sign(text,text,text,text,text)']::pg_catalog.regprocedure[] LOOP
        SELECT pg_catalog.string_agg(DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), ', ') INTO dependents
          FROM pg_catalog.pg_depend AS d
         WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.refobjid = changed AND d.deptype <> 'e';
        IF dependents IS NOT NULL THEN
            RAISE EXCEPTION 'function % gets an argument, and objects depend on it: %', changed, dependents
                USING ERRCODE = '2BP01', HINT = 'Drop them, run ALTER EXTENSION splitplane UPDATE again, and create them anew.';
        END IF;
    END LOOP;
END
$dependents$;
ALTER FUNCTION splitplane.sign(text, text, text, text, text) RENAME TO _sign_before;

-- Whether a table's fences are as they were built, and its policy as it was made, must be asked before anything is changed: see
-- the end.
UPDATE splitplane.relations AS r
   SET saved = r.saved || pg_catalog.jsonb_build_object(
           'unchanged', f.fingerprint IS NOT DISTINCT FROM r.saved ->> 'fingerprint',
           'tampered', NOT r.shared AND (p.oid IS NULL OR p.polpermissive OR p.polcmd <> 'r' OR p.polwithcheck IS NOT NULL
                                         OR p.polroles IS DISTINCT FROM ARRAY[pg_catalog.to_regrole('splitplane_reader')::oid]
                                         OR pg_catalog.pg_get_expr(p.polqual, p.polrelid) IS DISTINCT FROM r.saved ->> 'policy'))
  FROM splitplane._fences AS f LEFT JOIN pg_catalog.pg_policy AS p ON p.polrelid = f.relation AND p.polname = 'splitplane_scope'
 WHERE f.relation = r.relation;

-- @functions

-- New functions are nobody's to whom ALTER DEFAULT PRIVILEGES would give them, as in 90_privileges.sql. What this database granted
-- by itself is not among the initial privileges of the extension, and stays.
DO $privileges$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT p.oid::regprocedure AS function, g.grantee
        FROM pg_init_privs AS i JOIN pg_proc AS p ON p.oid = i.objoid CROSS JOIN aclexplode(i.initprivs) AS g
        WHERE i.classoid = 'pg_proc'::regclass AND p.pronamespace = 'splitplane'::regnamespace AND g.grantee <> p.proowner
          AND g.grantee <> ALL (ARRAY['splitplane_reader', 'splitplane_caller', 'splitplane_admin']::regrole[]::oid[])
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', given.function,
                       CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(given.grantee)) END);
    END LOOP;
END
$privileges$;

CREATE INDEX principals_by_number ON splitplane.principals (splitplane._as_number(tenant));
CREATE INDEX principals_by_uuid ON splitplane.principals (splitplane._as_uuid(tenant));
CREATE INDEX ON splitplane.conversations (tenant, business, subject);
DROP FUNCTION splitplane._keep_turn(text, text, text, text, text, text, text);

-- The policies of every registered table anew: they call in_scope, bear the names of this version, and whatever lets the
-- reader see rows goes with the extension. A table whose fences were as they had been built counts as unchanged afterwards.
-- What had been changed by hand is not blessed: where the policy had been, the text that it was made with stays, and doctor()
-- goes on finding that the policy has another, until the table is protected again. What had been taken away, so that policies
-- of the table's own decide, does not come back.
DO $policies$
DECLARE
    entry record;
    condition text;
BEGIN
    FOR entry IN
        SELECT r.relation, r.shared, r.scope, r.had_row_security, r.saved, pg_catalog.format('%I.%I', n.nspname, c.relname) AS qualified, c.relrowsecurity,
               EXISTS (SELECT FROM pg_catalog.pg_policy AS p WHERE p.polrelid = r.relation AND p.polname = 'splitplane_read') AS had_read,
               EXISTS (SELECT FROM pg_catalog.pg_policy AS p WHERE p.polrelid = r.relation AND p.polname = 'splitplane_others') AS had_others
        FROM splitplane.relations AS r
        JOIN pg_catalog.pg_class AS c ON c.oid = r.relation
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    LOOP
        EXECUTE pg_catalog.format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', entry.qualified);
        PERFORM splitplane._drop_policies(entry.relation, entry.qualified);
        -- A scope column that is gone leaves a table that shows the reader nothing.
        condition := CASE WHEN entry.shared THEN NULL ELSE coalesce(splitplane._scope_expression(entry.relation, entry.scope), 'false') END;
        PERFORM splitplane._make_policies(entry.relation, entry.qualified, entry.shared, condition,
                                          CASE WHEN entry.shared THEN entry.had_read ELSE NOT entry.had_others END);
        IF NOT entry.shared AND NOT entry.had_read THEN
            EXECUTE pg_catalog.format('DROP POLICY splitplane_read ON %s', entry.qualified);
        END IF;
        -- Row-level security that was switched off by hand stays so, and a critical finding.
        IF NOT entry.shared AND NOT entry.relrowsecurity THEN
            EXECUTE pg_catalog.format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', entry.qualified);
        END IF;
        UPDATE splitplane.relations AS r
           SET saved = entry.saved - ARRAY['unchanged', 'tampered'] || splitplane._policy_texts(r.relation)
                       || CASE WHEN (entry.saved ->> 'tampered')::boolean THEN pg_catalog.jsonb_build_object('policy', entry.saved -> 'policy') ELSE '{}' END
                       || CASE WHEN (entry.saved ->> 'unchanged')::boolean THEN pg_catalog.jsonb_build_object('fingerprint', f.fingerprint) ELSE '{}' END
          FROM splitplane._fences AS f
         WHERE r.relation = entry.relation AND f.relation = r.relation;
    END LOOP;
END
$policies$;

-- Who may call a function that took the place of another. What an extension's script grants counts as granted by the
-- extension and is left out of every later dump, so what this database had granted is put back, and what counts as the
-- extension's own is set to what the new function was created with.
CREATE FUNCTION splitplane._hand_over(before regprocedure, after regprocedure) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own aclitem[] := (SELECT i.initprivs FROM pg_init_privs AS i WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = after AND i.objsubid = 0);
    old_acl aclitem[] := (SELECT coalesce(p.proacl, acldefault('f', p.proowner)) FROM pg_proc AS p WHERE p.oid = before);
    new_acl aclitem[] := (SELECT coalesce(p.proacl, acldefault('f', p.proowner)) FROM pg_proc AS p WHERE p.oid = after);
    entry record;
BEGIN
    FOR entry IN
        (SELECT 'REVOKE' AS verb, g.grantee, g.is_grantable FROM aclexplode(new_acl) AS g EXCEPT SELECT 'REVOKE', g.grantee, g.is_grantable FROM aclexplode(old_acl) AS g)
        UNION ALL
        (SELECT 'GRANT', g.grantee, g.is_grantable FROM aclexplode(old_acl) AS g EXCEPT SELECT 'GRANT', g.grantee, g.is_grantable FROM aclexplode(new_acl) AS g)
    LOOP
        EXECUTE format('%s EXECUTE ON FUNCTION %s %s %s%s', entry.verb, after, CASE entry.verb WHEN 'GRANT' THEN 'TO' ELSE 'FROM' END,
                       CASE entry.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(entry.grantee)) END,
                       CASE WHEN entry.verb = 'GRANT' AND entry.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    PERFORM set_config('allow_system_table_mods', 'on', true);
    UPDATE pg_init_privs AS i SET initprivs = own WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = after AND i.objsubid = 0;
    PERFORM set_config('allow_system_table_mods', 'off', true);
END
$$;
SELECT splitplane._hand_over('splitplane._sign_before(text,text,text,text,text)', 'splitplane.sign(text,text,text,text,text,text)');
DROP FUNCTION splitplane._sign_before(text, text, text, text, text);
DROP FUNCTION splitplane._hand_over(regprocedure, regprocedure);

DROP FUNCTION splitplane.among(anyelement, anyarray);
DROP FUNCTION splitplane.among_support(internal);
