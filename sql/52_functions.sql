-- allow_function and disallow_function: functions besides those of the built-in allowlist.

-- Always schema-qualified, so that the text means the same function under every search_path.
CREATE FUNCTION splitplane._signature(function regprocedure) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT format('%I.%I(%s)', n.nspname, p.proname,
                  (SELECT string_agg(format_type(t.id, NULL), ', ' ORDER BY t.position)
                   FROM unnest(p.proargtypes) WITH ORDINALITY AS t(id, position)))
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE p.oid = function
$$;
REVOKE ALL ON FUNCTION splitplane._signature(regprocedure) FROM PUBLIC;

-- A type of a function's that no statement can have: the call would be refused, whatever its arguments.
CREATE FUNCTION splitplane._type_outside(types oid[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT min(format_type(u.id, NULL))
    FROM unnest(types) AS u(id) JOIN pg_type AS t ON t.oid = u.id
    WHERE NOT splitplane._type_is_safe(u.id)
      AND u.id <> ALL (ARRAY['regconfig', 'record', 'record[]', '"any"']::regtype[])
      AND NOT (t.typtype = 'p' AND t.typname LIKE 'any%')
$$;
REVOKE ALL ON FUNCTION splitplane._type_outside(oid[]) FROM PUBLIC;

-- Relations and functions outside pg_catalog whose names stand alone in the body of a function that has no search_path
-- of its own: in a call of ask it is "pg_catalog, pg_temp", and they are not found. By words, since a body is only read
-- when it runs; a word may be a variable. Texts in quotes and comments are left out, but for the rest of a comment that
-- holds another. NULL if there are none.
CREATE FUNCTION splitplane._unqualified_names(function regprocedure) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    WITH words AS (
        SELECT DISTINCT lower(m.word[1]) AS word
        FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
        CROSS JOIN LATERAL regexp_replace(p.prosrc, $re$'[^']*'|--[^\n]*|/\*([^*]|\*+[^*/])*\*+/$re$, ' ', 'g') AS body
        CROSS JOIN LATERAL regexp_matches(body, '(?<![.\w"])"?([[:alpha:]_][\w$]*)(?![\w$.]|"\.)', 'g') AS m(word)
        WHERE p.oid = function AND p.prosqlbody IS NULL AND l.lanname NOT IN ('internal', 'c')
          AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS s(setting) WHERE s.setting LIKE 'search\_path=%')
    ),
    named AS (
        SELECT c.relname AS name FROM pg_class AS c
        WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f')
          AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
        UNION
        SELECT q.proname FROM pg_proc AS q
        WHERE q.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
          AND NOT EXISTS (SELECT FROM pg_proc AS o
                          WHERE o.pronamespace = 'pg_catalog'::regnamespace AND o.proname = q.proname)
    )
    SELECT string_agg(quote_ident(n.name), ', ' ORDER BY n.name)
    FROM named AS n JOIN words AS w ON w.word = lower(n.name)
$$;
REVOKE ALL ON FUNCTION splitplane._unqualified_names(regprocedure) FROM PUBLIC;

CREATE FUNCTION splitplane.allow_function(function regprocedure) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text := splitplane._signature(function);
    catalog_row record;
    refusal text;
    had_execute boolean;
    outside text;
    unqualified text;
BEGIN
    PERFORM splitplane._administration('allow_function', jsonb_build_object('function', allow_function.function));
    PERFORM splitplane._check_isolation('allow_function');
    IF wanted IS NULL THEN
        RAISE EXCEPTION 'function does not exist' USING ERRCODE = '42883';
    END IF;
    SELECT p.oid, p.proname, n.nspname, p.prokind, p.prosecdef, p.proleakproof, p.provolatile, p.prosupport,
           pg_get_userbyid(p.proowner) AS owner, array_append(p.proargtypes::oid[], p.prorettype) AS types,
           splitplane._is_ours('pg_proc', p.oid) AS ours
      INTO catalog_row
      FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
     WHERE p.oid = allow_function.function;
    refusal := CASE
        WHEN catalog_row.ours OR catalog_row.nspname = 'splitplane' THEN 'it belongs to splitplane'
        WHEN catalog_row.nspname = 'information_schema' OR catalog_row.nspname LIKE 'pg\_temp%' THEN 'of its schema'
        WHEN catalog_row.prokind = 'p' THEN 'it is a procedure'
        -- Polymorphic and record types are pseudo-types too, and are allowed; the others pass pointers or make no sense
        -- in a query.
        WHEN EXISTS (SELECT FROM unnest(catalog_row.types) AS u(id) JOIN pg_type AS t ON t.oid = u.id
                     WHERE t.typtype = 'p' AND t.typname NOT IN ('record', 'void', 'any')
                       AND t.typname NOT LIKE 'any%') THEN
            'it takes or returns an internal type'
        -- PostgreSQL trusts the mark and evaluates it before row-level security, over the rows of every tenant.
        WHEN catalog_row.proleakproof AND catalog_row.oid >= 16384 THEN 'it is marked LEAKPROOF'
        -- PostgreSQL's own support functions of its own functions were looked at; nobody can say what another one does.
        WHEN catalog_row.prosupport <> 0
             AND (catalog_row.oid >= 16384 OR catalog_row.prosupport::oid >= 16384) THEN
            'it has a support function, which may put something else in the place of a call after the proof'
        -- Built-in functions that have effects, read settings, files or catalogs, or run SQL given as text bypass
        -- every check of the plane. The exceptions are clocks and random values.
        WHEN catalog_row.nspname = 'pg_catalog' AND catalog_row.provolatile = 'v'
             AND catalog_row.proname NOT IN ('random', 'random_normal', 'clock_timestamp', 'timeofday',
                                             'gen_random_uuid', 'uuidv4', 'uuidv7') THEN
            'it has effects or reads more than the plane'
        WHEN catalog_row.nspname = 'pg_catalog' AND catalog_row.provolatile = 's'
             AND (catalog_row.proname ~ '^(pg_|has_|to_reg|txid_|inet_(client|server)_|current_(setting|schema))'
                  OR catalog_row.proname ~ '^(row_security_|format_type|version$)'
                  OR catalog_row.proname ~ '^((table|schema|database)_to_xml|(obj|col|shobj)_description)') THEN
            'it reads more than the plane'
        WHEN catalog_row.oid < 16384
             AND EXISTS (SELECT FROM pg_aggregate AS g
                         WHERE catalog_row.oid IN (g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggserialfn,
                                                   g.aggdeserialfn, g.aggmtransfn, g.aggminvtransfn, g.aggmfinalfn)
                           AND g.aggfnoid < 16384)
             AND NOT EXISTS (SELECT FROM pg_operator AS o WHERE o.oprcode = catalog_row.oid) THEN
            'aggregates alone call it'
    END;
    outside := splitplane._type_outside(catalog_row.types);
    IF refusal IS NULL AND outside IS NOT NULL THEN
        refusal := format('it could never be called, as the plane carries no value of type %s', outside);
    END IF;
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION 'function % cannot be in the plane: %', wanted, refusal USING ERRCODE = '42501';
    END IF;

    LOCK TABLE splitplane.relations, splitplane.allowed_functions IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM splitplane.functions AS f WHERE f.function = allow_function.function) THEN
        RETURN;
    END IF;
    -- A row for another owner's function of the same signature does not allow this one.
    DELETE FROM splitplane.allowed_functions AS f WHERE f.signature = wanted;
    IF catalog_row.prosecdef THEN
        RAISE WARNING 'function % runs with the rights of %, not of splitplane_reader: '
                      'row-level security holds in it only as far as it holds for that role',
            wanted, catalog_row.owner;
    END IF;
    unqualified := splitplane._unqualified_names(function);
    IF EXISTS (SELECT FROM unnest(catalog_row.types) AS u(id)
               WHERE u.id >= 16384 AND NOT EXISTS (SELECT FROM splitplane.relations AS r
                                                   JOIN pg_attribute AS a ON a.attrelid = r.relation
                                                   JOIN pg_type AS t ON t.oid = a.atttypid
                                                   WHERE a.attnum > 0 AND NOT a.attisdropped
                                                     AND u.id IN (t.oid, t.typarray, t.typelem, t.typbasetype))) THEN
        RAISE WARNING 'function % cannot be called until a column of the plane has each of its types', wanted;
    END IF;
    IF unqualified IS NOT NULL THEN
        RAISE WARNING 'function % may not find what its body names without a schema: %', wanted, unqualified
            USING HINT = format('In a call of ask, search_path is "pg_catalog, pg_temp". Give the function its own: '
                                'ALTER FUNCTION %s SET search_path = %I, pg_temp;', wanted, catalog_row.nspname);
    END IF;
    had_execute := has_function_privilege('splitplane_reader', catalog_row.oid, 'EXECUTE');
    INSERT INTO splitplane.allowed_functions (signature, saved)
    VALUES (wanted, jsonb_build_object(
        'owner', catalog_row.owner, 'security_definer', catalog_row.prosecdef, 'execute', had_execute,
        'schema', catalog_row.nspname, 'schema_usage', splitplane._use_schema(catalog_row.nspname)));
    IF NOT had_execute THEN
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO splitplane_reader', wanted);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane.allow_function(regprocedure) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.allow_function(regprocedure) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.allow_function(regprocedure) IS
    'Allows untrusted SQL to call a function that is not in the built-in allowlist.';

CREATE FUNCTION splitplane.disallow_function(function regprocedure) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text := splitplane._signature(function);
    kept jsonb;
BEGIN
    PERFORM splitplane._administration('disallow_function', jsonb_build_object(
        'function', disallow_function.function));
    PERFORM splitplane._check_isolation('disallow_function');
    LOCK TABLE splitplane.relations, splitplane.allowed_functions IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM splitplane.allowed_functions AS f WHERE f.signature = wanted RETURNING f.saved INTO kept;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'function % is not allowed', coalesce(wanted, function::text, 'NULL') USING ERRCODE = '42704';
    END IF;
    IF NOT (kept ->> 'execute')::boolean THEN
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM splitplane_reader', wanted);
    END IF;
    PERFORM splitplane._leave_schema(kept ->> 'schema', (kept ->> 'schema_usage')::boolean);
END
$$;
REVOKE ALL ON FUNCTION splitplane.disallow_function(regprocedure) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.disallow_function(regprocedure) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.disallow_function(regprocedure) IS 'Reverts allow_function.';
