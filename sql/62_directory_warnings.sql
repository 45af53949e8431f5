-- Findings about data servers and the tables that they keep.

-- What is wrong with a foreign server, before it is asked anything.
CREATE FUNCTION splitplane._data_server_findings(server text)
RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
DECLARE
    foreign_server record;
    options jsonb;
    mappings jsonb;
    form text := (SELECT d.form FROM splitplane.data_servers AS d WHERE d.server = _data_server_findings.server);
BEGIN
    object := server;
    severity := 'warning';
    SELECT s.oid, s.srvoptions, s.srvacl, s.srvowner, w.fdwname INTO foreign_server
      FROM pg_foreign_server AS s JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
     WHERE s.srvname = _data_server_findings.server;
    IF NOT FOUND OR foreign_server.fdwname <> 'postgres_fdw' THEN
        finding := 'There is no foreign server of postgres_fdw of this name.';
        fix := format('SELECT splitplane.forget_data_server(%L);', server);
        RETURN NEXT;
        RETURN;
    END IF;
    options := (SELECT coalesce(jsonb_object_agg(o.option_name, o.option_value), '{}')
                  FROM pg_options_to_table(foreign_server.srvoptions) AS o);
    mappings := (SELECT coalesce(jsonb_object_agg(CASE u.umuser WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(u.umuser) END,
                                                  (SELECT coalesce(jsonb_object_agg(o.option_name, true), '{}')
                                                     FROM pg_options_to_table(u.umoptions) AS o)), '{}')
                   FROM pg_user_mapping AS u WHERE u.umserver = foreign_server.oid);
    IF form <> 'claimed' THEN
        finding := CASE form
            WHEN 'barrier' THEN 'It takes no claims: the tenant''s condition in what is sent is the only fence of its '
                                'rows, and security barrier views there keep other conditions behind it.'
            ELSE 'It takes no claims: the tenant''s condition in what is sent is the only fence of its rows. All rows '
                 'of the tenant are fetched, and everything else is computed here.' END;
        fix := format('-- there: run the script splitplane_data_server.sql; here: SELECT '
                      'splitplane.use_data_server(%L, audience, key_id, secret);', server);
        RETURN NEXT;
        IF options ? 'extensions' THEN
            finding := 'It has the option extensions: what that names is sent there.';
            fix := format('ALTER SERVER %I OPTIONS (DROP extensions);', server);
            RETURN NEXT;
        END IF;
    ELSIF options ->> 'extensions' IS DISTINCT FROM 'splitplane_remote' THEN
        finding := 'Its option extensions must name splitplane_remote and nothing else: what it names is sent there.';
        fix := format('ALTER SERVER %I OPTIONS (%s extensions ''splitplane_remote'');', server,
                      CASE WHEN options ? 'extensions' THEN 'SET' ELSE 'ADD' END);
        RETURN NEXT;
    END IF;
    IF NOT mappings ? 'splitplane_reader' THEN
        finding := 'There is no user mapping of splitplane_reader, as which statements are run.';
        fix := format('-- CREATE USER MAPPING FOR splitplane_reader SERVER %I OPTIONS '
                      '(user ''splitplane_front'', password ''..'');', server);
        RETURN NEXT;
    ELSIF NOT mappings -> 'splitplane_reader' ? 'password' AND NOT mappings -> 'splitplane_reader' ? 'sslcert' THEN
        finding := 'The user mapping of splitplane_reader has neither a password nor a certificate.';
        fix := format('-- ALTER USER MAPPING FOR splitplane_reader SERVER %I OPTIONS (ADD password ''..'');', server);
        RETURN NEXT;
    END IF;
    IF mappings ? 'PUBLIC' THEN
        finding := 'It has a user mapping for PUBLIC: every role of this database logs in there.';
        fix := format('DROP USER MAPPING FOR PUBLIC SERVER %I;', server);
        RETURN NEXT;
    END IF;
    IF has_server_privilege('splitplane_reader', foreign_server.oid, 'USAGE') THEN
        finding := 'splitplane_reader (by itself or by PUBLIC) may use it, and so make foreign tables.';
        fix := format('REVOKE USAGE ON FOREIGN SERVER %I FROM PUBLIC, splitplane_reader;', server);
        RETURN NEXT;
    END IF;
    IF options ->> 'sslmode' IS DISTINCT FROM 'verify-full' AND left(coalesce(options ->> 'host', '/'), 1) <> '/' THEN
        finding := 'Its connections need not be encrypted, or to the server that is meant: sslmode is not verify-full.';
        fix := format('ALTER SERVER %I OPTIONS (%s sslmode ''verify-full'');', server,
                      CASE WHEN options ? 'sslmode' THEN 'SET' ELSE 'ADD' END);
        RETURN NEXT;
    END IF;
    severity := 'info';
    IF form <> 'materialized' AND coalesce(options ->> 'use_remote_estimate', 'false') NOT IN ('true', 'on', '1') THEN
        finding := 'This server does not know how many rows it has, and fetches rows that could be counted or summed '
                   'there.';
        fix := format('ALTER SERVER %I OPTIONS (%s use_remote_estimate ''true'');', server,
                      CASE WHEN options ? 'use_remote_estimate' THEN 'SET' ELSE 'ADD' END);
        RETURN NEXT;
    END IF;
    IF NOT options ? 'connect_timeout' AND left(coalesce(options ->> 'host', '/'), 1) <> '/' THEN
        finding := 'It has no connect_timeout: a call waits for a server that does not answer, past its deadline.';
        fix := format('ALTER SERVER %I OPTIONS (ADD connect_timeout ''5'');', server);
        RETURN NEXT;
    END IF;
    IF coalesce((options ->> 'fetch_size')::bigint, 100) < 1000 THEN
        finding := 'Rows come in groups of fewer than 1000, each for a message and its answer.';
        fix := format('ALTER SERVER %I OPTIONS (%s fetch_size ''10000'');', server,
                      CASE WHEN options ? 'fetch_size' THEN 'SET' ELSE 'ADD' END);
        RETURN NEXT;
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._data_server_findings(text) FROM PUBLIC;

-- For doctor: each directory, each data server, and one table of each directory on each data server that is asked how
-- its fences are.
CREATE FUNCTION splitplane._directory_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT FROM splitplane.data_servers) AND NOT EXISTS (SELECT FROM splitplane.directories) THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT f.severity, f.object, f.finding, f.fix
        FROM splitplane.data_servers AS d CROSS JOIN LATERAL splitplane._data_server_findings(d.server) AS f;
    RETURN QUERY
        SELECT 'warning', d.relation::text,
               format('Data servers keep its rows, and %s: calls that need it are refused.', p),
               format('-- mend that, then call splitplane.protect_remote(%L, ..) again', d.relation)
        FROM splitplane.directories AS d JOIN splitplane.relations AS r ON r.relation = d.relation
        CROSS JOIN LATERAL splitplane._directory_problems(d.relation, d.tenant_column) AS p;
    RETURN QUERY
        SELECT 'warning', i.inhrelid::regclass::text,
               format('It is a partition of %s that splitplane_reader may not read as the plane has it: calls of its '
                      'tenants are refused.', d.relation),
               format('-- call splitplane.protect_remote(%L, ..) again', d.relation)
        FROM splitplane.directories AS d JOIN splitplane.relations AS r ON r.relation = d.relation
        JOIN pg_inherits AS i ON i.inhparent = d.relation
        WHERE EXISTS (SELECT FROM unnest(r.columns || d.tenant_column) AS c(name)
                      JOIN pg_attribute AS a ON a.attrelid = i.inhrelid AND a.attname = c.name AND NOT a.attisdropped
                      WHERE NOT has_column_privilege('splitplane_reader', i.inhrelid, a.attnum, 'SELECT'));
    RETURN QUERY
        SELECT 'warning', i.inhrelid::regclass::text,
               'ANALYZE has put values of all tenants into this database, by which statements of each are planned.',
               '-- make the foreign table anew, and leave estimates to the option use_remote_estimate'
        FROM splitplane.directories AS d JOIN splitplane.relations AS r ON r.relation = d.relation
        JOIN pg_inherits AS i ON i.inhparent = d.relation
        WHERE EXISTS (SELECT FROM pg_statistic AS s WHERE s.starelid = i.inhrelid);
    RETURN QUERY
        SELECT 'warning', l.leaf::regclass::text, format('On its data server: %s.', l.problem),
               CASE l.form
                   WHEN 'claimed' THEN
                       '-- there: run the script splitplane_data_server.sql, or SELECT splitplane_remote.protect(..)'
                   WHEN 'barrier' THEN '-- there: CREATE VIEW .. WITH (security_barrier) AS SELECT .. FROM ..'
                   ELSE '-- mend that there' END
        FROM (SELECT i.inhrelid AS leaf, splitplane._data_server_problem(i.inhrelid, d.tenant_column) AS problem,
                     (SELECT k.form FROM splitplane.data_servers AS k
                        JOIN pg_foreign_server AS s ON s.srvname = k.server
                       WHERE s.oid = t.ftserver) AS form
              FROM splitplane.directories AS d JOIN splitplane.relations AS r ON r.relation = d.relation
              JOIN pg_inherits AS i ON i.inhparent = d.relation
              JOIN pg_foreign_table AS t ON t.ftrelid = i.inhrelid) AS l
        WHERE l.problem IS NOT NULL;
END
$$;
REVOKE ALL ON FUNCTION splitplane._directory_findings() FROM PUBLIC;
