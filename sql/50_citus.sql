-- Tables that Citus keeps on several servers: what they must be like to be in the plane, and their fences.

-- The tables that Citus knows, and how it spreads their rows: by `hash`, `range` or `append` of a column, as
-- `one shard` (tables of a distributed schema, too), as a `reference` table with a copy on every node, or `local` to
-- the coordinator. NULL where it cannot be told. Costs nothing without Citus.
CREATE FUNCTION splitplane._tables_of_citus()
RETURNS TABLE (relation oid, kind text, column_name text, colocation text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN
        RETURN;
    ELSIF NOT EXISTS (SELECT FROM pg_extension AS e JOIN pg_depend AS d
                          ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
                      WHERE e.extname = 'citus' AND d.classid = 'pg_class'::regclass
                        AND d.objid = to_regclass('pg_catalog.pg_dist_partition')) THEN
        RETURN QUERY EXECUTE 'SELECT d.logicalrelid::oid, NULL::text, NULL::text, NULL::text '
                             'FROM pg_catalog.pg_dist_partition AS d';
        RETURN;
    END IF;
    RETURN QUERY EXECUTE
        'SELECT d.logicalrelid::oid, '
        'CASE d.partmethod WHEN ''h'' THEN ''hash'' WHEN ''r'' THEN ''range'' WHEN ''a'' THEN ''append'' '
        'WHEN ''n'' THEN CASE WHEN d.repmodel = ''t'' THEN ''reference'' WHEN d.colocationid = 0 THEN ''local'' '
        'ELSE ''one shard'' END END, '
        'pg_catalog.column_to_column_name(d.logicalrelid, d.partkey), d.colocationid::text '
        'FROM pg_catalog.pg_dist_partition AS d';
END
$$;
REVOKE ALL ON FUNCTION splitplane._tables_of_citus() FROM PUBLIC;

-- Why the fences of this server do not hold on others; NULL where they do.
CREATE FUNCTION splitplane._cluster_problem() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN c.state IS NULL THEN 'this server has no cluster key' ELSE c.state ->> 'problem' END
    FROM (SELECT splitplane._cluster()::jsonb) AS c(state)
$$;
REVOKE ALL ON FUNCTION splitplane._cluster_problem() FROM PUBLIC;

-- Why a table of Citus cannot be in the plane, whatever its scope is.
CREATE FUNCTION splitplane._kept_by_citus() RETURNS TABLE (relation oid, reason text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    problem text;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN
        RETURN;
    END IF;
    problem := splitplane._cluster_problem();
    RETURN QUERY
        SELECT t.relation, r.reason
        FROM splitplane._tables_of_citus() AS t
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN problem IS NOT NULL OR t.kind IS NULL
                    THEN concat_ws(', and ', 'Citus keeps its rows in shards', problem)
                WHEN t.kind IN ('range', 'append') THEN format('Citus distributes it by %s, and not by hash', t.kind)
                WHEN t.kind = 'one shard'
                    THEN 'Citus keeps it in one shard, as it does the tables of a distributed schema'
                WHEN EXISTS (SELECT FROM pg_class AS c JOIN pg_am AS a ON a.oid = c.relam
                             WHERE a.amname <> 'heap'
                               AND (c.oid = t.relation
                                    OR c.oid IN (SELECT p.relid FROM pg_partition_tree(t.relation) AS p)))
                    THEN 'its rows, or those of a partition, are stored by another access method than heap' END
        ) AS r(reason)
        WHERE r.reason IS NOT NULL;
END
$$;
REVOKE ALL ON FUNCTION splitplane._kept_by_citus() FROM PUBLIC;

-- Tables of the plane that Citus spreads otherwise than when they were registered: their fences are those of another
-- kind of table.
CREATE FUNCTION splitplane._moved_by_citus() RETURNS TABLE (relation oid, finding text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.relation::oid,
           CASE WHEN t.relation IS NULL THEN 'Citus does not keep it any more.'
                WHEN r.saved ? 'node' THEN 'Citus spreads its rows otherwise than when it was registered.'
                ELSE 'Citus keeps it now, and has not when it was registered.' END
    FROM splitplane.relations AS r LEFT JOIN splitplane._tables_of_citus() AS t ON t.relation = r.relation
    WHERE coalesce(t.kind, 'own') <> coalesce(r.saved -> 'node' ->> 'kind', 'own')
       OR t.column_name IS DISTINCT FROM r.saved -> 'node' ->> 'column'
$$;
REVOKE ALL ON FUNCTION splitplane._moved_by_citus() FROM PUBLIC;

-- What else the reader must be like on every node: Citus logs in to other nodes as the role of the session. The
-- settings hold where one that travels with a call is missing.
CREATE FUNCTION splitplane._reader_on_nodes() RETURNS TABLE (remedy text, held boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.remedy, CASE WHEN s.setting IS NULL THEN r.rolcanlogin
                          ELSE EXISTS (SELECT FROM pg_db_role_setting AS d
                                       WHERE d.setrole = r.oid AND d.setdatabase = 0
                                         AND s.setting = ANY (d.setconfig)) END
    FROM pg_roles AS r
    CROSS JOIN (VALUES
        ('ALTER ROLE splitplane_reader LOGIN;', NULL),
        ('ALTER ROLE splitplane_reader SET search_path = pg_catalog, pg_temp;', 'search_path=pg_catalog, pg_temp'),
        ('ALTER ROLE splitplane_reader SET default_transaction_read_only = on;', 'default_transaction_read_only=on'),
        ('ALTER ROLE splitplane_reader SET lc_messages = ''C'';', 'lc_messages=C')
    ) AS s(remedy, setting)
    WHERE r.rolname = 'splitplane_reader'
$$;
REVOKE ALL ON FUNCTION splitplane._reader_on_nodes() FROM PUBLIC;

-- Refuses what Citus cannot keep behind a fence, and says how a table is fenced: NULL for a table of this server alone,
-- with the policies of a single server; else the kind and the column that its rows are spread by. A table that is the
-- same for every tenant has a fence on each node, also where it is this server's own.
CREATE FUNCTION splitplane._distribution(
    relation regclass, shared boolean, scope jsonb, links splitplane.parents[])
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    spread record;
    key_type oid;
    missing text;
    own_policies text;
    elsewhere text;
BEGIN
    IF EXISTS (SELECT FROM unnest(links) AS l JOIN splitplane._tables_of_citus() AS t ON t.relation = l.parent) THEN
        RAISE EXCEPTION 'the rows of % would belong to those of a table that Citus keeps', relation
            USING ERRCODE = '0A000', HINT = 'Give it a tenant column of its own, and call splitplane.protect.';
    END IF;
    SELECT t.kind, t.column_name, t.colocation INTO spread
      FROM splitplane._tables_of_citus() AS t WHERE t.relation = _distribution.relation;
    IF NOT FOUND THEN
        RETURN CASE WHEN shared AND splitplane._cluster() IS NOT NULL THEN '{"kind": "own"}'::jsonb END;
    END IF;
    IF current_setting('citus.enable_ddl_propagation')::boolean IS NOT TRUE THEN
        RAISE EXCEPTION 'citus.enable_ddl_propagation is off: the shards of % would get no fences', relation
            USING ERRCODE = '55000', HINT = 'SET citus.enable_ddl_propagation = on;';
    END IF;
    SELECT string_agg(o.remedy, ' ') INTO missing FROM splitplane._reader_on_nodes() AS o WHERE NOT o.held;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'splitplane_reader is not set up for the nodes of Citus' USING ERRCODE = '55000',
            HINT = 'Let it log in from the coordinator alone (pg_hba.conf of every node), and then: ' || missing;
    END IF;
    IF shared AND spread.kind = 'hash' THEN
        RAISE EXCEPTION '% is distributed by column "%": only reference tables, and tables of the coordinator alone, '
                        'can be the same for every tenant', relation, spread.column_name USING ERRCODE = '0A000';
    ELSIF NOT shared AND spread.kind <> 'hash' THEN
        RAISE EXCEPTION '% is no table that Citus distributes by hash', relation
            USING ERRCODE = '0A000',
                  HINT = 'Distribute it by its tenant column, with create_distributed_table, or, if it is the same for '
                         'every tenant, use splitplane.share.';
    ELSIF links IS NOT NULL THEN
        RAISE EXCEPTION 'the rows of % cannot belong to those of another table: Citus keeps them', relation
            USING ERRCODE = '0A000', HINT = 'Give it a tenant column of its own, and call splitplane.protect.';
    END IF;
    IF NOT shared THEN
        IF scope ->> spread.column_name IS DISTINCT FROM 'tenant' THEN
            RAISE EXCEPTION '% is distributed by column "%", which the scope does not bind to claim "tenant"',
                relation, spread.column_name
                USING ERRCODE = '0A000', HINT = 'A query of one tenant must be one of one shard.';
        ELSIF EXISTS (SELECT FROM jsonb_each_text(scope) AS s WHERE s.value = 'tenant or null') THEN
            RAISE EXCEPTION 'scope of % has rows of everybody, and Citus keeps them in other shards than a tenant''s',
                relation USING ERRCODE = '0A000';
        END IF;
        SELECT a.atttypid INTO key_type FROM pg_attribute AS a
         WHERE a.attrelid = relation AND a.attname = spread.column_name AND NOT a.attisdropped;
        IF splitplane._base_type(key_type) <> key_type OR NOT splitplane._equality_is_leakproof(key_type) THEN
            RAISE EXCEPTION 'column "%" of % has type %: Citus finds a tenant''s shard by smallint, integer, bigint, '
                            'text, character varying, character(n), date, uuid or bytea', spread.column_name, relation,
                format_type(key_type, -1) USING ERRCODE = '0A000';
        END IF;
    END IF;
    SELECT string_agg(quote_ident(p.polname), ', ' ORDER BY p.polname) INTO own_policies
      FROM pg_policy AS p
     WHERE p.polrelid = relation AND p.polname <> ALL (splitplane._policy_names())
       AND p.polroles && ARRAY[0, to_regrole('splitplane_reader')::oid];
    IF own_policies IS NOT NULL THEN
        RAISE EXCEPTION '% has policies of its own that apply to splitplane_reader: %', relation, own_policies
            USING ERRCODE = '0A000',
                  HINT = 'Citus makes every policy a permissive one on shards. Bind them to the roles that they are '
                         'for: ALTER POLICY .. TO ..;';
    END IF;
    SELECT min(r.relation::text) INTO elsewhere
      FROM splitplane.relations AS r JOIN splitplane._tables_of_citus() AS t ON t.relation = r.relation
     WHERE t.kind = 'hash' AND spread.kind = 'hash' AND t.colocation <> spread.colocation
       AND r.relation <> _distribution.relation;
    IF elsewhere IS NOT NULL THEN
        RAISE WARNING '% is not colocated with %: a query of both is several tasks', relation, elsewhere
            USING HINT = 'See colocate_with of create_distributed_table, and update_distributed_table_colocation.';
    END IF;
    RETURN jsonb_build_object('kind', spread.kind, 'column', spread.column_name);
END
$$;
REVOKE ALL ON FUNCTION splitplane._distribution(regclass, boolean, jsonb, splitplane.parents[]) FROM PUBLIC;

-- The fences of a table that other nodes keep rows of, or that is the same for every tenant on a server of such a
-- cluster. Citus makes every policy permissive on shards and takes none with a sub-select: there are two, and what they
-- say holds by itself. On each node the library makes splitplane_read a restrictive one for the reader, and no row is
-- seen where it is missing.
CREATE FUNCTION splitplane._make_node_policies(
    relation regclass, qualified text, shared boolean, condition text, had_row_security boolean)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('CREATE POLICY splitplane_read ON %s AS PERMISSIVE FOR SELECT TO splitplane_reader USING (%s)',
                   qualified, CASE WHEN shared THEN 'splitplane.in_call()' ELSE condition END);
    IF NOT had_row_security THEN
        EXECUTE format('CREATE POLICY splitplane_others ON %s AS PERMISSIVE FOR ALL TO PUBLIC '
                       'USING (CURRENT_USER OPERATOR(pg_catalog.<>) ''splitplane_reader'') WITH CHECK (true)',
                       qualified);
    END IF;
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', qualified);
END
$$;
REVOKE ALL ON FUNCTION splitplane._make_node_policies(regclass, text, boolean, text, boolean) FROM PUBLIC;
