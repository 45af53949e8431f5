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

-- Whether a table's fences are as they were built must be asked before anything is changed: see the end.
UPDATE splitplane.relations AS r
   SET saved = r.saved || pg_catalog.jsonb_build_object('unchanged', f.fingerprint IS NOT DISTINCT FROM r.saved ->> 'fingerprint')
  FROM splitplane._fences AS f
 WHERE f.relation = r.relation;

-- @functions

CREATE INDEX principals_by_number ON splitplane.principals (splitplane._as_number(tenant));
CREATE INDEX principals_by_uuid ON splitplane.principals (splitplane._as_uuid(tenant));
CREATE INDEX ON splitplane.conversations (tenant, business, subject);
DROP FUNCTION splitplane._keep_turn(text, text, text, text, text, text, text);

-- The policies of every registered table anew: they call in_scope, bear the names of this version, and whatever lets the
-- reader see rows goes with the extension. A table whose fences were as they had been built counts as unchanged afterwards;
-- doctor() goes on naming what had been changed by hand.
DO $policies$
DECLARE
    entry record;
    condition text;
BEGIN
    FOR entry IN
        SELECT r.relation, r.shared, r.scope, r.had_row_security, pg_catalog.format('%I.%I', n.nspname, c.relname) AS qualified, c.relrowsecurity,
               (r.saved ->> 'unchanged')::boolean AS unchanged
        FROM splitplane.relations AS r
        JOIN pg_catalog.pg_class AS c ON c.oid = r.relation
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    LOOP
        EXECUTE pg_catalog.format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', entry.qualified);
        PERFORM splitplane._drop_policies(entry.relation, entry.qualified);
        -- A scope column that is gone leaves a table that shows the reader nothing.
        condition := CASE WHEN entry.shared THEN NULL ELSE coalesce(splitplane._scope_expression(entry.relation, entry.scope), 'false') END;
        PERFORM splitplane._make_policies(entry.relation, entry.qualified, entry.shared, condition, entry.had_row_security);
        -- Row-level security that was switched off by hand stays so, and a critical finding.
        IF NOT entry.shared AND NOT entry.relrowsecurity THEN
            EXECUTE pg_catalog.format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', entry.qualified);
        END IF;
        UPDATE splitplane.relations AS r
           SET saved = (r.saved - 'unchanged') || splitplane._policy_texts(r.relation)
                       || CASE WHEN entry.unchanged THEN pg_catalog.jsonb_build_object('fingerprint', f.fingerprint) ELSE '{}' END
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
