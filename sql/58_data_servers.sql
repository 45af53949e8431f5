-- Tables that data servers keep: other PostgreSQL servers, without this extension, that are asked over postgres_fdw. A
-- directory is a table that is partitioned by LIST of the tenant, whose partitions are foreign tables.

-- The secret is sealed under the server's key file. A data server that takes no claims has none.
CREATE TABLE splitplane.data_servers (
    server text PRIMARY KEY,
    audience text CHECK (audience ~ '^[A-Za-z0-9._-]{1,64}$'),
    key_id text CHECK (key_id ~ '^[A-Za-z0-9_-]{4,64}$'),
    sealed bytea,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    form text NOT NULL DEFAULT 'claimed' CHECK (form IN ('claimed', 'barrier', 'materialized')),
    CHECK (pg_catalog.num_nulls(audience, key_id, sealed) = CASE form WHEN 'claimed' THEN 0 ELSE 3 END)
);
COMMENT ON TABLE splitplane.data_servers IS
    'Data servers by the names of their foreign servers, as use_data_server sets them.';

CREATE TABLE splitplane.directories (
    relation regclass PRIMARY KEY,
    tenant_column text NOT NULL
);
COMMENT ON TABLE splitplane.directories IS 'Tables whose rows data servers keep, as protect_remote registers them.';

REVOKE ALL ON splitplane.data_servers, splitplane.directories FROM PUBLIC;
GRANT SELECT (server, audience, key_id, created_at, form) ON splitplane.data_servers TO splitplane_admin;
GRANT SELECT ON splitplane.directories TO splitplane_admin;

SELECT pg_catalog.pg_extension_config_dump('splitplane.data_servers', '');
SELECT pg_catalog.pg_extension_config_dump('splitplane.directories', '');

CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.directories
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();

-- Why the fences of a foreign table are not as they must be on its data server, or cannot be looked at; or NULL.
CREATE FUNCTION splitplane._data_server_problem(leaf oid, tenant_column text) RETURNS text
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__data_server_problem';
REVOKE ALL ON FUNCTION splitplane._data_server_problem(oid, text) FROM PUBLIC;

-- How many rows of a directory's table are seen without a claim, and with a tenant's claim of its own and of others;
-- the first is NULL where the data server takes no claims.
CREATE FUNCTION splitplane._data_server_seen(
    directory oid, tenant_column text, tenant text, OUT unclaimed bigint, OUT own bigint, OUT others bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 1
AS 'MODULE_PATHNAME', 'splitplane_2__data_server_seen';
REVOKE ALL ON FUNCTION splitplane._data_server_seen(oid, text, text) FROM PUBLIC;

-- Why a table cannot be a directory; nothing if it can.
CREATE FUNCTION splitplane._directory_problems(relation regclass, tenant_column text) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT CASE
            WHEN c.relkind <> 'p' OR p.partstrat <> 'l' OR p.partnatts <> 1 OR p.partattrs[0] IS DISTINCT FROM a.attnum
                THEN format('it is not partitioned by LIST of %I', tenant_column)
            WHEN a.atttypid NOT IN ('text'::regtype, 'varchar'::regtype, 'uuid'::regtype, 'int2'::regtype,
                                    'int4'::regtype, 'int8'::regtype)
                THEN format('%I has type %s: a tenant on data servers is of type text, varchar, uuid, smallint, '
                            'integer or bigint', tenant_column, format_type(a.atttypid, a.atttypmod))
            WHEN NOT o.opcdefault OR p.partcollation[0] <> a.attcollation
                THEN format('it is partitioned by another order than that of %I', tenant_column) END
        FROM pg_class AS c
        LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = tenant_column AND NOT a.attisdropped
        LEFT JOIN pg_partitioned_table AS p ON p.partrelid = c.oid
        LEFT JOIN pg_opclass AS o ON o.oid = p.partclass[0]
        WHERE c.oid = _directory_problems.relation
          AND (p.partrelid IS NULL OR p.partstrat <> 'l' OR p.partnatts <> 1
               OR p.partattrs[0] IS DISTINCT FROM a.attnum
               OR a.atttypid NOT IN ('text'::regtype, 'varchar'::regtype, 'uuid'::regtype, 'int2'::regtype,
                                     'int4'::regtype, 'int8'::regtype)
               OR NOT o.opcdefault OR p.partcollation[0] <> a.attcollation)
        UNION ALL
        SELECT CASE
            WHEN w.fdwname IS DISTINCT FROM 'postgres_fdw'
                THEN format('its partition %s is not a foreign table of postgres_fdw', i.inhrelid::regclass)
            WHEN c.relnamespace <> parent.relnamespace
                THEN format('its partition %s is in another schema', i.inhrelid::regclass)
            WHEN d.server IS NULL
                THEN format('the server of its partition %s is none that use_data_server was told of',
                            i.inhrelid::regclass) END
        FROM pg_inherits AS i
        JOIN pg_class AS c ON c.oid = i.inhrelid
        JOIN pg_class AS parent ON parent.oid = i.inhparent
        LEFT JOIN pg_foreign_table AS t ON t.ftrelid = i.inhrelid
        LEFT JOIN pg_foreign_server AS s ON s.oid = t.ftserver
        LEFT JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
        LEFT JOIN splitplane.data_servers AS d ON d.server = s.srvname
        WHERE i.inhparent = _directory_problems.relation
          AND (w.fdwname IS DISTINCT FROM 'postgres_fdw' OR c.relnamespace <> parent.relnamespace OR d.server IS NULL);
END
$$;
REVOKE ALL ON FUNCTION splitplane._directory_problems(regclass, text) FROM PUBLIC;

-- Refuses what a directory cannot be: a shared table, one with another scope than the tenant, or a parent.
CREATE FUNCTION splitplane._refuse_directory(
    relation regclass, shared boolean, scope jsonb, links splitplane.parents[]) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    column_name text := (SELECT d.tenant_column FROM splitplane.directories AS d
                          WHERE d.relation = _refuse_directory.relation);
BEGIN
    IF column_name IS NOT NULL
       AND (shared OR links IS NOT NULL
            OR scope IS DISTINCT FROM jsonb_build_object(column_name, 'tenant')) THEN
        RAISE EXCEPTION 'data servers keep the rows of %: its scope is its tenant column alone', relation
            USING ERRCODE = '0A000', HINT = 'Use protect_remote, or unprotect it first.';
    END IF;
    IF EXISTS (SELECT FROM unnest(links) AS l JOIN splitplane.directories AS d ON d.relation = l.parent) THEN
        RAISE EXCEPTION 'rows cannot belong to those of a table that data servers keep' USING ERRCODE = '0A000';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._refuse_directory(regclass, boolean, jsonb, splitplane.parents[]) FROM PUBLIC;

-- The names that the foreign tables of a data server have in the schema splitplane_remote: by the first it takes
-- claims, by the others its catalog is read.
CREATE FUNCTION splitplane._data_server_tables(server text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT server
    UNION ALL
    SELECT server || '/' || c.name
    FROM unnest(ARRAY['pg_class', 'pg_namespace', 'pg_attribute', 'pg_collation', 'pg_views', 'pg_roles',
                      'enabled_roles']) AS c(name)
$$;
REVOKE ALL ON FUNCTION splitplane._data_server_tables(text) FROM PUBLIC;

-- Makes them, as a data server of that form needs them; the others go.
CREATE FUNCTION splitplane._make_data_server_tables(server text, form text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made text;
    name text;
    columns text;
BEGIN
    FOR made IN SELECT t FROM splitplane._data_server_tables(server) AS t LOOP
        IF form IS NULL OR (made = server) <> (form = 'claimed') THEN
            EXECUTE format('DROP FOREIGN TABLE IF EXISTS splitplane_remote.%I', made);
            CONTINUE;
        END IF;
        name := CASE WHEN made = server THEN 'hello' ELSE substr(made, length(server) + 2) END;
        -- Names as text: postgres_fdw would not send a condition on a column of type name.
        columns := CASE name
            WHEN 'hello' THEN 'one text, fingerprint text, document text'
            WHEN 'pg_class' THEN
                'oid oid, relname text, relnamespace oid, relkind "char", relowner oid, reloptions text[]'
            WHEN 'pg_namespace' THEN 'oid oid, nspname text'
            WHEN 'pg_attribute' THEN 'attrelid oid, attname text, attnum int2, atttypid oid, attcollation oid'
            WHEN 'pg_collation' THEN 'oid oid, collisdeterministic boolean'
            WHEN 'pg_views' THEN 'schemaname text, viewname text, definition text'
            WHEN 'pg_roles' THEN 'oid oid, rolname text, rolsuper boolean, rolbypassrls boolean, '
                                 'rolcreaterole boolean, rolcreatedb boolean, rolreplication boolean'
            WHEN 'enabled_roles' THEN 'role_name text' END;
        IF to_regclass(format('splitplane_remote.%I', made)) IS NULL THEN
            EXECUTE format('CREATE FOREIGN TABLE splitplane_remote.%I (%s) SERVER %I OPTIONS (schema_name %L, '
                           'table_name %L, use_remote_estimate ''false'')', made, columns, server,
                           CASE name WHEN 'hello' THEN 'splitplane_remote'
                                     WHEN 'enabled_roles' THEN 'information_schema' ELSE 'pg_catalog' END, name);
        END IF;
        EXECUTE format('REVOKE ALL ON splitplane_remote.%I FROM PUBLIC', made);
        EXECUTE format('GRANT SELECT ON splitplane_remote.%I TO splitplane_reader', made);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane._make_data_server_tables(text, text) FROM PUBLIC;

-- Whether it is a partition of a directory, or a foreign table of a data server's own.
CREATE FUNCTION splitplane._is_of_data_server(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_inherits AS i JOIN splitplane.directories AS d ON d.relation = i.inhparent
                   WHERE i.inhrelid = _is_of_data_server.relation)
        OR EXISTS (SELECT FROM pg_class AS c
                   JOIN splitplane.data_servers AS d ON c.relname IN (SELECT splitplane._data_server_tables(d.server))
                   WHERE c.oid = _is_of_data_server.relation
                     AND c.relnamespace = to_regnamespace('splitplane_remote'))
$$;
REVOKE ALL ON FUNCTION splitplane._is_of_data_server(oid) FROM PUBLIC;

-- Grants the reader the columns of the plane on every partition, and nothing else there.
CREATE FUNCTION splitplane._grant_partitions(relation regclass, columns text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    leaf regclass;
BEGIN
    FOR leaf IN SELECT i.inhrelid FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
                 WHERE i.inhparent = relation AND c.relkind = 'f' ORDER BY i.inhrelid LOOP
        EXECUTE format('REVOKE ALL ON TABLE %s FROM splitplane_reader', leaf);
        IF columns IS NOT NULL THEN
            EXECUTE format('GRANT SELECT (%s) ON TABLE %s TO splitplane_reader',
                           (SELECT string_agg(DISTINCT quote_ident(c.name), ', ') FROM unnest(columns) AS c(name)),
                           leaf);
        END IF;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane._grant_partitions(regclass, text[]) FROM PUBLIC;

CREATE FUNCTION splitplane.use_data_server(
    server name, audience text DEFAULT NULL, key_id text DEFAULT NULL, secret text DEFAULT NULL,
    form text DEFAULT 'claimed')
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sealed_secret bytea;
BEGIN
    PERFORM splitplane._administration('use_data_server', jsonb_build_object(
        'server', use_data_server.server, 'audience', use_data_server.audience, 'key_id', use_data_server.key_id,
        'form', use_data_server.form));
    IF form IS NULL OR form NOT IN ('claimed', 'barrier', 'materialized') THEN
        RAISE EXCEPTION 'the form of a data server is claimed, barrier or materialized' USING ERRCODE = '22023';
    END IF;
    IF form <> 'claimed' THEN
        IF server IS NULL OR num_nonnulls(audience, key_id, secret) > 0 THEN
            RAISE EXCEPTION 'a data server of the form % takes no claims: it has a name, and no audience, key id or '
                            'secret', form
                USING ERRCODE = '22023';
        END IF;
        IF octet_length(server::text) > 48 THEN
            RAISE EXCEPTION 'the name of a data server of the form % has at most 48 bytes', form
                USING ERRCODE = '22023';
        END IF;
    ELSIF server IS NULL OR audience IS NULL OR key_id IS NULL OR secret IS NULL OR length(secret) <> 64 THEN
        RAISE EXCEPTION 'a data server needs a name, an audience, a key id, and the secret of 64 characters that '
                        'splitplane_remote.create_key has shown'
            USING ERRCODE = '22023';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_foreign_server AS s JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
                    WHERE s.srvname = use_data_server.server AND w.fdwname = 'postgres_fdw') THEN
        RAISE EXCEPTION 'there is no foreign server "%" of postgres_fdw', server USING ERRCODE = '42704';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'splitplane_remote') THEN
        RAISE EXCEPTION 'the extension splitplane_remote is not installed in this database'
            USING ERRCODE = '55000', HINT = 'CREATE EXTENSION splitplane_remote;';
    END IF;
    IF form = 'claimed' THEN
        sealed_secret := splitplane._seal('data server ' || server, secret);
    END IF;
    INSERT INTO splitplane.data_servers AS d (server, audience, key_id, sealed, form)
    VALUES (use_data_server.server, use_data_server.audience, use_data_server.key_id, sealed_secret,
            use_data_server.form)
    ON CONFLICT ON CONSTRAINT data_servers_pkey DO UPDATE
        SET audience = excluded.audience, key_id = excluded.key_id, sealed = excluded.sealed,
            created_at = excluded.created_at, form = excluded.form;
    PERFORM splitplane._make_data_server_tables(server, form);
END
$$;
REVOKE ALL ON FUNCTION splitplane.use_data_server(name, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.use_data_server(name, text, text, text, text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.use_data_server(name, text, text, text, text) IS
    'Gives the key of a data server, by the name of its foreign server; once more to give a new key. The statement '
    'contains the secret: see log_statement. With form => ''barrier'' or ''materialized'' the data server takes no '
    'claims.';

CREATE FUNCTION splitplane.forget_data_server(server name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    used text;
BEGIN
    PERFORM splitplane._administration('forget_data_server', jsonb_build_object('server', forget_data_server.server));
    SELECT string_agg(DISTINCT d.relation::text, ', ') INTO used
      FROM splitplane.directories AS d JOIN pg_inherits AS i ON i.inhparent = d.relation
      JOIN pg_foreign_table AS t ON t.ftrelid = i.inhrelid JOIN pg_foreign_server AS s ON s.oid = t.ftserver
     WHERE s.srvname = forget_data_server.server;
    IF used IS NOT NULL THEN
        RAISE EXCEPTION 'data server "%" has partitions of tables in the plane: %', server, used
            USING ERRCODE = '2BP01';
    END IF;
    DELETE FROM splitplane.data_servers AS d WHERE d.server = forget_data_server.server;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no data server "%"', server USING ERRCODE = '42704';
    END IF;
    PERFORM splitplane._make_data_server_tables(server, NULL);
END
$$;
REVOKE ALL ON FUNCTION splitplane.forget_data_server(name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.forget_data_server(name) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.forget_data_server(name) IS
    'Deletes the key of a data server that no table of the plane uses.';

CREATE FUNCTION splitplane.protect_remote(
    relation regclass, scope jsonb, columns text[] DEFAULT NULL, name text DEFAULT NULL,
    private_columns text[] DEFAULT NULL, hidden boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    was_hidden boolean := splitplane._is_hidden(relation);
    column_name text;
    problem text;
    registered text[];
BEGIN
    PERFORM splitplane._administration('protect_remote', jsonb_build_object(
        'relation', protect_remote.relation, 'scope', protect_remote.scope, 'columns', protect_remote.columns,
        'name', protect_remote.name, 'private_columns', protect_remote.private_columns,
        'hidden', protect_remote.hidden));
    column_name := (SELECT min(s.key) FROM jsonb_each_text(scope) AS s HAVING count(*) = 1 AND min(s.value) = 'tenant');
    IF column_name IS NULL THEN
        RAISE EXCEPTION 'the scope of a table that data servers keep is its tenant column alone'
            USING ERRCODE = '0A000', HINT = 'Such as ''{"tenant_id": "tenant"}''.';
    END IF;
    LOCK TABLE splitplane.relations, splitplane.allowed_functions IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM splitplane.tripwires AS t WHERE t.relation = protect_remote.relation) THEN
        RAISE EXCEPTION 'a tripwire is armed on %, which no data server has', relation USING ERRCODE = '0A000';
    END IF;
    -- Under this lock no partition is attached.
    PERFORM splitplane._lock_relation(relation, false);
    SELECT string_agg(p, '; ') INTO problem FROM splitplane._directory_problems(relation, column_name) AS p;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '% cannot be a directory of data servers: %', relation, problem USING ERRCODE = '0A000';
    END IF;
    INSERT INTO splitplane.directories AS d (relation, tenant_column)
    VALUES (protect_remote.relation, column_name)
    ON CONFLICT ON CONSTRAINT directories_pkey DO UPDATE SET tenant_column = excluded.tenant_column;
    PERFORM splitplane._register(relation, false, scope, columns, name, private_columns);
    PERFORM splitplane._hide(relation, hidden, was_hidden);
    SELECT r.columns INTO registered FROM splitplane.relations AS r WHERE r.relation = protect_remote.relation;
    PERFORM splitplane._grant_partitions(relation, registered || column_name);
END
$$;
REVOKE ALL ON FUNCTION splitplane.protect_remote(regclass, jsonb, text[], text, text[], boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.protect_remote(regclass, jsonb, text[], text, text[], boolean)
    TO splitplane_admin;
COMMENT ON FUNCTION splitplane.protect_remote(regclass, jsonb, text[], text, text[], boolean) IS
    'Adds a table whose partitions are foreign tables of data servers: protect_remote(''orders'', '
    '''{"tenant_id": "tenant"}''). Call it again when a partition was attached.';
