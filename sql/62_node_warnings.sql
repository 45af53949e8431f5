-- Findings about the nodes of a cluster of Citus, of which doctor() on the coordinator asks each one. What is found
-- here shuts nothing: a node that is not as it should be refuses or shows no row.

-- What a node says of itself, for the coordinator.
CREATE FUNCTION splitplane._node_state() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
        'cluster', splitplane._cluster()::jsonb,
        'version', (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'splitplane'),
        'clock', extract(epoch FROM clock_timestamp()),
        'problems', coalesce((
            SELECT jsonb_agg(f.finding ORDER BY f.finding)
            FROM (SELECT p.finding FROM splitplane._server_problems() AS p WHERE p.severity = 'critical'
                  UNION ALL
                  SELECT r.finding FROM splitplane._reader_findings() AS r
                  UNION ALL
                  SELECT format('splitplane_reader lacks: %s', string_agg(n.remedy, ' '))
                  FROM splitplane._reader_on_nodes() AS n WHERE NOT n.held HAVING count(*) > 0) AS f), '[]'))
$$;
REVOKE ALL ON FUNCTION splitplane._node_state() FROM PUBLIC;

-- Whether the reader sees a row of a table outside a call. Not SECURITY DEFINER, which could not set the role.
CREATE FUNCTION splitplane._canary(shard regclass) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET role = 'splitplane_reader'
AS $$
DECLARE
    is_seen boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s)', shard) INTO is_seen;
    RETURN is_seen;
END
$$;
REVOKE ALL ON FUNCTION splitplane._canary(regclass) FROM PUBLIC;

-- The fences of a placement, which is a table of the node that is asked.
CREATE FUNCTION splitplane._placement_state(shard regclass) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    state jsonb;
    is_seen boolean;
BEGIN
    SELECT jsonb_build_object(
               'row_security', c.relrowsecurity,
               'fence', (SELECT pg_get_expr(p.polqual, p.polrelid) FROM pg_policy AS p
                         WHERE p.polrelid = c.oid AND p.polname = 'splitplane_read' AND p.polcmd = 'r'
                           AND p.polroles = ARRAY[to_regrole('splitplane_reader')::oid]),
               'others', (SELECT string_agg(quote_ident(p.polname), ', ' ORDER BY p.polname)
                          FROM pg_policy AS p
                          WHERE p.polrelid = c.oid AND p.polname <> 'splitplane_read' AND p.polcmd IN ('r', '*')
                            AND p.polroles && ARRAY[0, to_regrole('splitplane_reader')::oid]
                            AND pg_get_expr(p.polqual, p.polrelid)
                                <> '(CURRENT_USER <> ''splitplane_reader''::name)'))
      INTO state FROM pg_class AS c WHERE c.oid = shard;
    BEGIN
        is_seen := splitplane._canary(shard);
    EXCEPTION WHEN OTHERS THEN
        RETURN state || jsonb_build_object('refused', SQLERRM);
    END;
    RETURN state || jsonb_build_object('is_seen', is_seen);
END
$$;
REVOKE ALL ON FUNCTION splitplane._placement_state(regclass) FROM PUBLIC;

-- Every node with what it says, or with the error that it answers with. Nothing where this server is no coordinator.
CREATE FUNCTION splitplane._nodes() RETURNS TABLE (node text, state jsonb, problem text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF splitplane._cluster() IS NULL OR to_regclass('pg_catalog.pg_dist_node') IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE
        'SELECT pg_catalog.format(''%s:%s'', n.nodename, n.nodeport), '
        'CASE WHEN a.success THEN a.result::jsonb END, CASE WHEN NOT a.success THEN a.result END '
        'FROM pg_catalog.pg_dist_node AS n JOIN pg_catalog.run_command_on_all_nodes('
        '''SELECT splitplane._node_state()'', give_warning_for_connection_errors => true) AS a '
        'ON a.nodeid = n.nodeid WHERE pg_catalog.citus_is_coordinator() AND n.noderole = ''primary'' '
        'ORDER BY 1';
END
$$;
REVOKE ALL ON FUNCTION splitplane._nodes() FROM PUBLIC;

-- Every placement of the plane's tables with its fences, or of the one that is named.
CREATE FUNCTION splitplane._placements(only_of regclass DEFAULT NULL)
RETURNS TABLE (relation regclass, node text, shard bigint, state jsonb, problem text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    registered record;
BEGIN
    IF splitplane._cluster() IS NULL OR to_regclass('pg_catalog.pg_dist_node') IS NULL THEN
        RETURN;
    END IF;
    FOR registered IN
        SELECT r.relation, format('%I.%I', n.nspname, c.relname) AS qualified
        FROM splitplane.relations AS r JOIN splitplane._tables_of_citus() AS t ON t.relation = r.relation
        JOIN pg_class AS c ON c.oid = r.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE t.kind IS NOT NULL AND (only_of IS NULL OR r.relation = only_of)
        ORDER BY r.relation::text
    LOOP
        RETURN QUERY EXECUTE
            'SELECT $1, pg_catalog.format(''%s:%s'', a.nodename, a.nodeport), a.shardid, '
            'CASE WHEN a.success THEN a.result::jsonb END, CASE WHEN NOT a.success THEN a.result END '
            'FROM pg_catalog.run_command_on_placements($1, $2) AS a ORDER BY a.shardid, 2'
            USING registered.relation, 'SELECT splitplane._placement_state($shard$%s$shard$::pg_catalog.regclass)';
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane._placements(regclass) FROM PUBLIC;

CREATE FUNCTION splitplane._node_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
DECLARE
    own jsonb := splitplane._cluster()::jsonb;
    began double precision := extract(epoch FROM clock_timestamp());
    ended double precision;
    nodes jsonb;
BEGIN
    IF own IS NULL THEN
        RETURN;
    ELSIF own ->> 'problem' IS NOT NULL THEN
        RETURN QUERY SELECT 'warning', 'splitplane.cluster_key_file', format('Calls cross to no other node: %s.',
                                                                             own ->> 'problem'),
                            '-- put the file right on this server, and then: SELECT pg_reload_conf();';
    END IF;
    RETURN QUERY
        SELECT 'warning', r.relation::text,
               'It was shared before this server had a cluster key, and has no row-level security: calls that read it '
               'are refused.', splitplane._register_again(r.relation)
        FROM splitplane.relations AS r JOIN pg_class AS c ON c.oid = r.relation
        WHERE r.shared AND NOT r.saved ? 'node';
    nodes := (SELECT jsonb_agg(to_jsonb(n)) FROM splitplane._nodes() AS n);
    ended := extract(epoch FROM clock_timestamp());
    RETURN QUERY
        WITH node AS (
            SELECT n.value ->> 'node' AS name, n.value ->> 'problem' AS problem, n.value -> 'state' AS state
            FROM jsonb_array_elements(nodes) AS n
        )
        SELECT 'warning', 'node ' || n.name, f.finding, f.fix
        FROM node AS n
        CROSS JOIN LATERAL (
            SELECT format('It cannot be asked: %s', n.problem), '-- see to it that it answers, and has splitplane '
                   'in shared_preload_libraries, behind citus'
            WHERE n.problem IS NOT NULL
            UNION ALL
            SELECT format('Its splitplane is version %s, and that of the coordinator %s.', n.state ->> 'version',
                          e.extversion), '-- ALTER EXTENSION splitplane UPDATE; on every node'
            FROM pg_extension AS e
            WHERE e.extname = 'splitplane' AND n.problem IS NULL AND n.state ->> 'version' <> e.extversion
            UNION ALL
            SELECT 'It has no cluster key, or another one than the coordinator: calls see no row on it.',
                   '-- give it the coordinator''s cluster key file, and then run on it: SELECT pg_reload_conf();'
            WHERE n.problem IS NULL
              AND (n.state -> 'cluster' ->> 'cluster' IS DISTINCT FROM own ->> 'cluster'
                   OR n.state -> 'cluster' ->> 'problem' IS NOT NULL
                   OR (n.state -> 'cluster' -> 'keys' @> jsonb_build_array(own -> 'keys' -> 0)) IS NOT TRUE)
            UNION ALL
            SELECT format('Its clock differs from the coordinator''s by more than a second (%s s).',
                          round(d.seconds, 1)),
                   '-- run a time service on every node'
            FROM (SELECT greatest(began - (n.state ->> 'clock')::double precision,
                                  (n.state ->> 'clock')::double precision - ended)::numeric) AS d(seconds)
            WHERE d.seconds > 1
            UNION ALL
            SELECT p.finding, '-- repair it on that node; doctor() there says how'
            FROM jsonb_array_elements_text(n.state -> 'problems') AS p(finding)
        ) AS f(finding, fix);
    RETURN QUERY
        SELECT f.severity, p.relation::text, format('Shard %s on %s: %s.', p.shard, p.node, f.finding), f.fix
        FROM splitplane._placements() AS p JOIN splitplane.relations AS r ON r.relation = p.relation
        CROSS JOIN LATERAL (
            SELECT 'warning', 'it cannot be looked at: ' || p.problem, '-- see to it that the node answers'
            WHERE p.problem IS NOT NULL
            UNION ALL
            SELECT 'critical', 'splitplane_reader sees rows of it outside a call',
                   splitplane._register_again(p.relation)
            WHERE (p.state ->> 'is_seen')::boolean
            UNION ALL
            SELECT 'warning', 'row-level security is switched off, so calls that read it fail',
                   splitplane._register_again(p.relation)
            WHERE p.problem IS NULL AND NOT (p.state ->> 'row_security')::boolean
            UNION ALL
            SELECT 'warning',
                   'its policy splitplane_read is missing or not that of the table, so calls see no row of it',
                   splitplane._register_again(p.relation)
            WHERE p.problem IS NULL AND p.state ->> 'fence' IS DISTINCT FROM r.saved ->> 'read'
            UNION ALL
            SELECT 'warning', format('other policies apply to splitplane_reader: %s', p.state ->> 'others'),
                   '-- drop them on that node'
            WHERE p.state ->> 'others' IS NOT NULL
        ) AS f(severity, finding, fix);
END
$$;
REVOKE ALL ON FUNCTION splitplane._node_findings() FROM PUBLIC;
