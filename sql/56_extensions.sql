-- allow_extension and disallow_extension: what the list of an extension has of types, operators, casts and functions.

-- Roles that may create objects in the schema of an extension, besides superusers and the extension's owner. What they
-- put there is never run, but statements that come to mean it are refused.
CREATE FUNCTION splitplane._creators(schema_id oid, owner_id oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT string_agg(c.name, ', ' ORDER BY c.name)
    FROM (
        SELECT 'PUBLIC' AS name FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS g
        WHERE n.oid = schema_id AND g.grantee = 0 AND g.privilege_type = 'CREATE'
        UNION
        SELECT quote_ident(r.rolname) FROM pg_roles AS r
        WHERE NOT r.rolsuper AND r.oid <> owner_id AND r.oid >= 16384
          AND has_schema_privilege(r.oid, schema_id, 'CREATE')
          AND NOT EXISTS (SELECT FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS g
                          WHERE n.oid = schema_id AND g.grantee = 0 AND g.privilege_type = 'CREATE')
    ) AS c
$$;
REVOKE ALL ON FUNCTION splitplane._creators(oid, oid) FROM PUBLIC;

CREATE FUNCTION splitplane.allow_extension(extension name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    installed record;
    problem text;
    creators text;
    unreadable regclass;
BEGIN
    PERFORM splitplane._administration('allow_extension', jsonb_build_object('extension', allow_extension.extension));
    PERFORM splitplane._check_isolation('allow_extension');
    IF extension IS NULL THEN
        RAISE EXCEPTION 'extension must not be NULL' USING ERRCODE = '22023';
    END IF;
    SELECT e.oid, e.extowner, n.oid AS schema, n.nspname INTO installed
      FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
     WHERE e.extname = allow_extension.extension;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'extension "%" is not installed in this database', extension USING ERRCODE = '42704';
    END IF;
    IF NOT EXISTS (SELECT FROM splitplane._read_libraries() AS l WHERE l.extension = allow_extension.extension) THEN
        RAISE EXCEPTION 'extension "%" cannot be in the plane: there is no list of it', extension
            USING ERRCODE = '0A000', HINT = 'Single functions of it can be allowed by splitplane.allow_function.';
    END IF;
    problem := splitplane._extension_problem(extension);
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'extension "%" cannot be in the plane: its library is none that was read', extension
            USING ERRCODE = '0A000', DETAIL = problem;
    END IF;

    LOCK TABLE splitplane.relations, splitplane.views, splitplane.allowed_functions, splitplane.allowed_extensions
        IN SHARE ROW EXCLUSIVE MODE;
    creators := splitplane._creators(installed.schema, installed.extowner);
    IF creators IS NOT NULL THEN
        RAISE WARNING 'roles that may create objects in schema %, where extension % is: %',
            quote_ident(installed.nspname), quote_ident(extension), creators
            USING HINT = 'What they create there is never run, but statements that mean it are refused. '
                         'Revoke CREATE on the schema, or move the extension to a schema of its own.';
    END IF;
    FOR unreadable IN
        SELECT l.object::regclass FROM splitplane._listed_objects(extension) AS l
        WHERE l.kind = 'table' AND NOT has_table_privilege('splitplane_reader', l.object, 'SELECT')
    LOOP
        RAISE WARNING 'splitplane_reader may not read table %, which functions of extension % read',
            unreadable, quote_ident(extension)
            USING HINT = format('GRANT SELECT ON TABLE %s TO splitplane_reader;', unreadable);
    END LOOP;
    IF EXISTS (SELECT FROM splitplane.allowed_extensions AS a
               WHERE a.extension = allow_extension.extension AND a.saved ->> 'schema' = installed.nspname) THEN
        PERFORM splitplane._use_schema(installed.nspname);
        RETURN;
    END IF;
    PERFORM splitplane._forget_extension(extension);
    INSERT INTO splitplane.allowed_extensions (extension, saved)
    VALUES (allow_extension.extension, jsonb_build_object(
        'schema', installed.nspname, 'schema_usage', splitplane._use_schema(installed.nspname)));
END
$$;
REVOKE ALL ON FUNCTION splitplane.allow_extension(name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.allow_extension(name) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.allow_extension(name) IS
    'Adds to the plane what its list names of an extension: types, operators, casts, aggregates and functions.';

-- Whether there was one.
CREATE FUNCTION splitplane._forget_extension(extension name) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept jsonb;
    granted text;
BEGIN
    DELETE FROM splitplane.allowed_extensions AS a WHERE a.extension = _forget_extension.extension
        RETURNING a.saved INTO kept;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- What doctor() said to grant, where PUBLIC had it no more.
    FOR granted IN
        SELECT splitplane._signature(p.oid)
        FROM splitplane._listed_objects(_forget_extension.extension) AS l JOIN pg_proc AS p ON p.oid = l.object
        WHERE l.kind IN ('function', 'aggregate')
          AND EXISTS (SELECT FROM aclexplode(p.proacl) AS g WHERE g.grantee = 'splitplane_reader'::regrole)
          AND NOT EXISTS (SELECT FROM splitplane.functions AS f WHERE f.function = p.oid)
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM splitplane_reader', granted);
    END LOOP;
    FOR granted IN
        SELECT l.object::regclass FROM splitplane._listed_objects(_forget_extension.extension) AS l
        WHERE l.kind = 'table' AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = l.object)
    LOOP
        EXECUTE format('REVOKE SELECT ON TABLE %s FROM splitplane_reader', granted);
    END LOOP;
    PERFORM splitplane._leave_schema(kept ->> 'schema', (kept ->> 'schema_usage')::boolean);
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION splitplane._forget_extension(name) FROM PUBLIC;

CREATE FUNCTION splitplane.disallow_extension(extension name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    readable text[];
    closed record;
BEGIN
    PERFORM splitplane._administration('disallow_extension', jsonb_build_object(
        'extension', disallow_extension.extension));
    PERFORM splitplane._check_isolation('disallow_extension');
    LOCK TABLE splitplane.relations, splitplane.views, splitplane.allowed_functions, splitplane.allowed_extensions
        IN SHARE ROW EXCLUSIVE MODE;
    readable := splitplane._readable_views();
    IF NOT splitplane._forget_extension(extension) THEN
        RAISE EXCEPTION 'extension "%" is not allowed', coalesce(extension, 'NULL') USING ERRCODE = '42704';
    END IF;
    FOR closed IN
        SELECT r.name, splitplane._view_problem(r.name) AS problem FROM unnest(readable) AS r(name)
    LOOP
        CONTINUE WHEN closed.problem IS NULL;
        RAISE WARNING 'view "%" can be read no longer: %', closed.name, closed.problem
            USING HINT = 'Change or take out that view, or allow the extension again.';
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane.disallow_extension(name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.disallow_extension(name) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.disallow_extension(name) IS 'Reverts allow_extension.';

-- ALTER EXTENSION .. ADD and DROP change nothing but dependencies, of whose changes PostgreSQL tells other sessions
-- nothing.
CREATE FUNCTION splitplane._on_alter_extension() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._config_changed();
EXCEPTION WHEN OTHERS THEN
    -- A server that lost the library must be able to alter its extensions; no session has read the plane there.
    NULL;
END
$$;
REVOKE ALL ON FUNCTION splitplane._on_alter_extension() FROM PUBLIC;

CREATE EVENT TRIGGER splitplane_alter_extension ON ddl_command_end WHEN TAG IN ('ALTER EXTENSION')
    EXECUTE FUNCTION splitplane._on_alter_extension();
ALTER EVENT TRIGGER splitplane_alter_extension ENABLE ALWAYS;
