-- Whether a table's fences are as they were built must be asked before anything is changed: see the end.
UPDATE splitplane.relations AS r
   SET saved = r.saved || pg_catalog.jsonb_build_object('unchanged', f.fingerprint IS NOT DISTINCT FROM r.saved ->> 'fingerprint')
  FROM splitplane._fences AS f
 WHERE f.relation = r.relation;

-- @functions

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

DROP FUNCTION splitplane.among(anyelement, anyarray);
DROP FUNCTION splitplane.among_support(internal);
