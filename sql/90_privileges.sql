-- Must be last: revokes what ALTER DEFAULT PRIVILEGES of the installing superuser has granted here to other roles.
DO $privileges$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT 'TABLE ' || c.oid::pg_catalog.regclass AS object, g.grantee
        FROM pg_catalog.pg_class AS c CROSS JOIN pg_catalog.aclexplode(c.relacl) AS g
        WHERE c.relnamespace = 'splitplane'::pg_catalog.regnamespace AND c.relkind IN ('r', 'v')
          AND g.grantee <> c.relowner
        UNION
        SELECT 'FUNCTION ' || p.oid::pg_catalog.regprocedure, g.grantee
        FROM pg_catalog.pg_proc AS p CROSS JOIN pg_catalog.aclexplode(p.proacl) AS g
        WHERE g.grantee <> p.proowner
          AND (p.pronamespace = 'splitplane'::pg_catalog.regnamespace
               OR p.oid IN ('@extschema@.ask(jsonb, text, text, uuid)'::pg_catalog.regprocedure,
                            '@extschema@.ask_rows(jsonb, text, text)'::pg_catalog.regprocedure,
                            '@extschema@.ask_dry_run(jsonb, text, text)'::pg_catalog.regprocedure))
        UNION
        SELECT 'SCHEMA splitplane', g.grantee
        FROM pg_catalog.pg_namespace AS n CROSS JOIN pg_catalog.aclexplode(n.nspacl) AS g
        WHERE n.nspname = 'splitplane' AND g.grantee <> n.nspowner
    LOOP
        IF pg_catalog.pg_get_userbyid(given.grantee) <> ALL (splitplane._own_roles())
           AND NOT (given.grantee OPERATOR(pg_catalog.=) 'pg_monitor'::pg_catalog.regrole
                    AND given.object OPERATOR(pg_catalog.~)
                        '^(SCHEMA splitplane$|TABLE splitplane[.]stat_|FUNCTION splitplane[.]_stat_)') THEN
            EXECUTE pg_catalog.format('REVOKE ALL ON %s FROM %s', given.object, splitplane._grantee(given.grantee));
        END IF;
    END LOOP;
END
$privileges$;

-- What an earlier installation in this database has left to the reader, before a new plane is built on it.
DO $left_behind$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT l.relation, l.is_open, l.remedy FROM splitplane._left_behind() AS l ORDER BY l.relation::text
    LOOP
        RAISE WARNING 'splitplane_reader may read %, which is not in the plane%', found.relation,
            CASE WHEN found.is_open THEN ', and nothing hides rows of other tenants from it' ELSE '' END
            USING HINT = pg_catalog.format('An earlier installation left this behind. If the table is not to be '
                                           'protected again: %s', found.remedy);
    END LOOP;
END
$left_behind$;
