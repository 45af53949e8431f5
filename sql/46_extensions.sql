-- Which objects of the database the lists of extensions mean. Everything is found by OID, from the extension: nothing
-- is looked up by a name that another role could give to something of its own.

-- The SHA-256 of a library as it lies on the disk; NULL if it cannot be read there. From 18 on dynamic_library_path may
-- lead elsewhere.
CREATE FUNCTION splitplane._library_checksum(library text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('server_version_num')::int >= 180000
       AND current_setting('dynamic_library_path') <> '$libdir' THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT encode(sha256(pg_read_binary_file(format('%s/%s.so', c.setting, library))), 'hex')
            FROM pg_config() AS c WHERE c.name = 'PKGLIBDIR');
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION splitplane._library_checksum(text) FROM PUBLIC;

-- Why nothing of an extension is in the plane, though it is allowed; NULL if there is no reason.
CREATE FUNCTION splitplane._extension_problem(extension name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = extension) THEN
        RETURN 'This allowed extension does not exist any more.';
    END IF;
    SELECT splitplane._library_checksum(l.library) INTO found
      FROM splitplane._read_libraries() AS l WHERE l.extension = _extension_problem.extension LIMIT 1;
    IF NOT EXISTS (SELECT FROM splitplane._read_libraries() AS l
                   WHERE l.extension = _extension_problem.extension AND l.checksum = found) THEN
        RETURN format('Its library is none that was read for this version of splitplane (SHA-256 %s), so nothing of it '
                      'is in the plane.', coalesce(found, 'unknown'));
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION splitplane._extension_problem(name) FROM PUBLIC;

-- Whether names of an allowed extension would not be found, since it has moved or the reader may not look there. Then
-- nothing of it may be in the plane: in the place of its operators those of text would be found, and no error raised.
CREATE FUNCTION splitplane._is_out_of_sight(extension name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM splitplane.allowed_extensions AS a
                   JOIN pg_extension AS e ON e.extname = a.extension JOIN pg_namespace AS n ON n.oid = e.extnamespace
                   WHERE a.extension = _is_out_of_sight.extension
                     AND (n.nspname <> a.saved ->> 'schema'
                          OR NOT has_schema_privilege('splitplane_reader', n.oid, 'USAGE')))
$$;
REVOKE ALL ON FUNCTION splitplane._is_out_of_sight(name) FROM PUBLIC;

-- The routines of an extension, as its list has them: `signature` and `body`, which is NULL where C code of another
-- library would run, and whether nothing is put on them that changes when or as whom they run.
CREATE FUNCTION splitplane._extension_routines(extension name)
RETURNS TABLE (routine oid, name text, kind "char", signature text, body text, is_plain boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET jit = off
AS $$
    WITH own AS (
        SELECT e.oid, e.extnamespace,
               -- Some scripts name their library alone, which is the same file unless it is looked for elsewhere.
               (SELECT CASE current_setting('dynamic_library_path') WHEN '$libdir' THEN ARRAY[p.path, l.library]
                       ELSE ARRAY[p.path] END
                FROM splitplane._read_libraries() AS l CROSS JOIN LATERAL (SELECT '$libdir/' || l.library) AS p(path)
                WHERE l.extension = e.extname LIMIT 1) AS library
        FROM pg_extension AS e WHERE e.extname = _extension_routines.extension
    )
    SELECT p.oid, p.proname::text, p.prokind,
           p.proname || '(' || coalesce((SELECT string_agg(t.typname, ',' ORDER BY a.position)
                                         FROM unnest(p.proargtypes) WITH ORDINALITY AS a(id, position)
                                         JOIN pg_type AS t ON t.oid = a.id), '') || ')',
           CASE l.lanname WHEN 'c' THEN CASE WHEN p.probin = ANY (o.library) THEN p.prosrc END
                          WHEN 'internal' THEN 'internal ' || p.prosrc
                          WHEN 'sql' THEN CASE WHEN p.prosqlbody IS NULL
                              THEN 'sql ' || encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex')
                              ELSE 'parsed ' || encode(sha256(convert_to(replace(
                                       pg_get_function_sqlbody(p.oid), o.extnamespace::regnamespace || '.', '.'),
                                       'UTF8')), 'hex') END
           END
           || CASE WHEN p.proretset THEN ' setof ' ELSE ' ' END
           || (SELECT t.typname FROM pg_type AS t WHERE t.oid = p.prorettype)
           || coalesce((SELECT '(' || string_agg(t.typname, ',' ORDER BY u.place) || ')'
                        FROM unnest(p.proallargtypes, p.proargmodes) WITH ORDINALITY AS u(id, mode, place)
                        JOIN pg_type AS t ON t.oid = u.id WHERE u.mode NOT IN ('i', 'v')), '')
           || CASE WHEN p.proisstrict THEN '' ELSE ' on null' END
           || CASE p.provolatile WHEN 'i' THEN '' WHEN 's' THEN ' stable' ELSE ' volatile' END
           || CASE p.proparallel WHEN 's' THEN '' WHEN 'r' THEN ' restricted' ELSE ' unsafe' END
           || CASE WHEN p.pronargdefaults = 0 THEN '' ELSE ' default ' || pg_get_expr(p.proargdefaults, 0) END
           -- What the planner asks about it.
           || CASE WHEN p.prosupport::oid < 16384 THEN ''
                   ELSE (SELECT ' support ' || s.prosrc FROM pg_proc AS s
                         WHERE s.oid = p.prosupport AND s.probin = ANY (o.library)
                           AND NOT s.prosecdef AND s.proconfig IS NULL)
              END,
           p.pronamespace = o.extnamespace AND NOT p.prosecdef AND p.proconfig IS NULL AND NOT p.proleakproof
           AND p.provariadic = 0 AND p.protrftypes IS NULL
           AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::oid[] || p.prorettype) AS u(id)
                           JOIN pg_type AS t ON t.oid = u.id
                           WHERE t.typnamespace NOT IN ('pg_catalog'::regnamespace, o.extnamespace))
    FROM own AS o
    JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = o.oid AND d.deptype = 'e'
         AND d.classid = 'pg_proc'::regclass
    JOIN pg_proc AS p ON p.oid = d.objid JOIN pg_language AS l ON l.oid = p.prolang
$$;
REVOKE ALL ON FUNCTION splitplane._extension_routines(name) FROM PUBLIC;

-- The objects of an extension that are on its list, and whether each is still what was read: a member of the extension,
-- in its schema, made by the same body, with nothing put on it that changes when or as whom it runs. A type is what was
-- read only with all that runs where statements do not name it: its input, output and comparisons, its cast to JSON.
CREATE FUNCTION splitplane._listed_objects(extension name)
RETURNS TABLE (kind text, catalog regclass, object oid, name text, listed text, bound text, is_as_read boolean)
-- Of catalogs that are joined by computed texts the planner knows no sizes. Where nested loops are the only way, costs
-- are such that all would be compiled.
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH list AS MATERIALIZED (
        -- Builds may differ in the body.
        SELECT l.kind, l.object, array_agg(l.body) AS bodies, min(l.bound) AS bound
        FROM splitplane._extension_list() AS l WHERE l.extension = _listed_objects.extension
        GROUP BY l.kind, l.object
    ),
    members AS MATERIALIZED (
        SELECT d.classid, d.objid, e.extnamespace
        FROM pg_extension AS e JOIN pg_depend AS d
             ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        WHERE e.extname = _listed_objects.extension
    ),
    routines AS MATERIALIZED (
        SELECT r.routine AS oid, r.name, r.kind, r.signature, r.body, r.is_plain
        FROM splitplane._extension_routines(_listed_objects.extension) AS r
    ),
    functions AS MATERIALIZED (
        SELECT l.kind, r.oid, r.name, l.object, l.bound,
               r.is_plain AND r.kind = 'f' AND coalesce(r.body = ANY (l.bodies), false) AS is_as_read
        FROM list AS l JOIN routines AS r ON r.signature = l.object
        WHERE l.kind IN ('function', 'estimator', 'io')
    ),
    casts AS MATERIALIZED (
        SELECT c.oid, c.castsource, l.object, l.bound,
               c.castmethod = CASE WHEN l.bodies[1] = '' THEN 'b' ELSE 'f' END
               AND coalesce(f.object, '') = l.bodies[1] AND (l.bodies[1] = '' OR f.is_as_read) AS is_as_read
        FROM members AS m JOIN pg_cast AS c ON m.classid = 'pg_cast'::regclass AND c.oid = m.objid
        JOIN pg_type AS a ON a.oid = c.castsource JOIN pg_type AS b ON b.oid = c.casttarget
        JOIN list AS l ON l.kind = 'cast' AND l.object = a.typname || ',' || b.typname
        LEFT JOIN functions AS f ON f.kind = 'function' AND f.oid = c.castfunc
    )
    SELECT f.kind, 'pg_proc'::regclass, f.oid, f.name, f.object, f.bound, f.is_as_read FROM functions AS f
    UNION ALL
    SELECT l.kind, 'pg_proc', r.oid, r.name, l.object, l.bound,
           r.is_plain AND r.kind = 'a' AND g.aggkind = 'n' AND g.aggmtransfn = 0 AND g.agginitval IS NULL
           AND NOT g.aggfinalextra
           AND l.bodies[1] = (SELECT string_agg(coalesce(u.part || f.object, '?'), ' ' ORDER BY u.place)
                         FROM (VALUES (1, '', g.aggtransfn::oid), (2, 'final ', g.aggfinalfn),
                                      -- An aggregate may combine by what it also adds by.
                                      (3, 'combine ', nullif(g.aggcombinefn::oid, g.aggtransfn)),
                                      (4, 'serial ', g.aggserialfn), (5, 'deserial ', g.aggdeserialfn)
                              ) AS u(place, part, id)
                         LEFT JOIN functions AS f ON f.is_as_read AND f.kind IN ('function', 'io') AND f.oid = u.id
                         WHERE u.id <> 0)
           AND (g.aggsortop = 0 OR EXISTS (SELECT FROM pg_operator AS o JOIN functions AS c ON c.oid = o.oprcode
                                           WHERE o.oid = g.aggsortop AND c.kind = 'function' AND c.is_as_read))
    FROM list AS l JOIN routines AS r ON r.signature = l.object JOIN pg_aggregate AS g ON g.aggfnoid = r.oid
    WHERE l.kind = 'aggregate'
    UNION ALL
    SELECT l.kind, 'pg_proc', f.oid, f.name, l.object, l.bound, f.is_as_read
    FROM list AS l JOIN functions AS f ON f.kind = 'function' AND f.object = l.bodies[1]
    WHERE l.kind = 'answer'
    UNION ALL
    SELECT l.kind, 'pg_operator', o.oid, o.oprname::text, l.object, l.bound,
           o.oprnamespace = m.extnamespace AND f.object IS NOT DISTINCT FROM l.bodies[1]
           AND coalesce(f.is_as_read, false)
           AND NOT EXISTS (SELECT FROM unnest(ARRAY[o.oprrest, o.oprjoin]::oid[]) AS s(id)
                           WHERE s.id >= 16384 AND s.id NOT IN (SELECT e.oid FROM functions AS e
                                                                WHERE e.kind = 'estimator' AND e.is_as_read))
    FROM members AS m JOIN pg_operator AS o ON m.classid = 'pg_operator'::regclass AND o.oid = m.objid
    LEFT JOIN pg_type AS a ON a.oid = o.oprleft JOIN pg_type AS b ON b.oid = o.oprright
    JOIN list AS l ON l.kind = 'operator'
         AND l.object = o.oprname || '(' || coalesce(a.typname, '') || ',' || b.typname || ')'
    LEFT JOIN functions AS f ON f.kind = 'function' AND f.oid = o.oprcode
    UNION ALL
    SELECT l.kind, 'pg_class', c.oid, c.relname::text, l.object, l.bound,
           c.relnamespace = m.extnamespace AND c.relkind = 'r'
    FROM members AS m JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
    JOIN list AS l ON l.kind = 'table' AND l.object = c.relname
    UNION ALL
    SELECT 'cast', 'pg_cast', c.oid, c.object, c.object, c.bound, c.is_as_read FROM casts AS c
    UNION ALL
    SELECT l.kind, 'pg_type', t.oid, t.typname::text, l.object, l.bound,
           t.typnamespace = m.extnamespace AND t.typtype = 'b'
           -- What reads, prints and subscripts its values, and what it is compared by, as comparisons find it.
           AND concat_ws(' ',
               (SELECT string_agg(coalesce(f.object, '?'), ' ' ORDER BY u.place)
                FROM unnest(ARRAY[t.typinput, t.typoutput, t.typmodin, t.typmodout, t.typsubscript]::oid[])
                     WITH ORDINALITY AS u(id, place)
                LEFT JOIN functions AS f ON f.kind = 'io' AND f.is_as_read AND f.oid = u.id
                WHERE u.id <> 0),
               (SELECT string_agg(a.amname, ' ' ORDER BY a.amname)
                FROM pg_opclass AS k JOIN pg_am AS a ON a.oid = k.opcmethod AND a.amname IN ('btree', 'hash')
                WHERE k.opcintype = t.oid AND k.opcdefault)) = ANY (l.bodies)
           AND NOT EXISTS (
               SELECT FROM pg_opclass AS k JOIN pg_am AS a ON a.oid = k.opcmethod AND a.amname IN ('btree', 'hash')
               CROSS JOIN LATERAL (
                   SELECT p.amproc::oid FROM pg_amproc AS p WHERE p.amprocfamily = k.opcfamily
                   UNION ALL
                   SELECT o.oprcode::oid FROM pg_amop AS p JOIN pg_operator AS o ON o.oid = p.amopopr
                   WHERE p.amopfamily = k.opcfamily
               ) AS u(id)
               WHERE k.opcintype = t.oid AND k.opcdefault
                 AND u.id NOT IN (SELECT f.oid FROM functions AS f WHERE f.kind IN ('function', 'io') AND f.is_as_read))
           AND (NOT EXISTS (SELECT FROM pg_cast AS c
                            WHERE c.castsource = t.oid AND c.casttarget IN ('json'::regtype, 'jsonb'::regtype)
                              AND c.oid NOT IN (SELECT o.oid FROM casts AS o WHERE o.is_as_read))
                -- Such a cast is not run.
                OR EXISTS (SELECT FROM list AS w JOIN functions AS f ON f.kind = 'function' AND f.object = w.bodies[1]
                           WHERE w.kind = 'answer' AND w.object = t.typname AND f.is_as_read))
    FROM members AS m JOIN pg_type AS t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
    JOIN list AS l ON l.kind = 'type' AND l.object = t.typname;
END
$$;
REVOKE ALL ON FUNCTION splitplane._listed_objects(name) FROM PUBLIC;

-- What of allowed extensions is in the plane. With a type that is not as it was read goes all that takes or gives it.
CREATE FUNCTION splitplane._extension_objects()
RETURNS TABLE (extension name, schema oid, kind text, object oid, name text, bound text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR extension, schema IN
        SELECT a.extension, e.extnamespace
        FROM splitplane.allowed_extensions AS a JOIN pg_extension AS e ON e.extname = a.extension
        WHERE splitplane._extension_problem(a.extension) IS NULL AND NOT splitplane._is_out_of_sight(a.extension)
        ORDER BY 1
    LOOP
        RETURN QUERY
            WITH listed AS MATERIALIZED (SELECT * FROM splitplane._listed_objects(_extension_objects.extension))
            SELECT _extension_objects.extension, _extension_objects.schema, l.kind, l.object, l.name, l.bound
            FROM listed AS l
            WHERE l.is_as_read
              AND NOT EXISTS (SELECT FROM listed AS c JOIN pg_type AS t ON t.oid = c.object
                              JOIN pg_depend AS d
                                   ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
                              WHERE c.kind = 'type' AND NOT c.is_as_read
                                AND d.classid = l.catalog AND d.objid = l.object);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane._extension_objects() FROM PUBLIC;

-- The types among them, which are asked for more often.
CREATE FUNCTION splitplane._extension_types() RETURNS TABLE (extension name, type oid)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR extension IN
        SELECT a.extension FROM splitplane.allowed_extensions AS a
        WHERE EXISTS (SELECT FROM splitplane._extension_list() AS l WHERE l.extension = a.extension AND l.kind = 'type')
          AND NOT splitplane._is_out_of_sight(a.extension) AND splitplane._extension_problem(a.extension) IS NULL
        ORDER BY 1
    LOOP
        RETURN QUERY
            SELECT _extension_types.extension, l.object FROM splitplane._listed_objects(_extension_types.extension) AS l
            WHERE l.kind = 'type' AND l.is_as_read;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane._extension_types() FROM PUBLIC;

-- Whether a type is one of these.
CREATE FUNCTION splitplane._is_extension_type(type_id oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner name;
BEGIN
    SELECT a.extension INTO owner
      FROM pg_depend AS d
      JOIN pg_extension AS e ON e.oid = d.refobjid
      JOIN splitplane.allowed_extensions AS a ON a.extension = e.extname
     WHERE d.classid = 'pg_type'::regclass AND d.objid = type_id AND d.refclassid = 'pg_extension'::regclass
       AND d.deptype = 'e';
    RETURN FOUND AND NOT splitplane._is_out_of_sight(owner) AND splitplane._extension_problem(owner) IS NULL
       AND EXISTS (SELECT FROM splitplane._listed_objects(owner) AS l
                   WHERE l.kind = 'type' AND l.object = type_id AND l.is_as_read);
END
$$;
REVOKE ALL ON FUNCTION splitplane._is_extension_type(oid) FROM PUBLIC;

-- Whether an answer shows the values of an extension's type by a function: its cast to JSON must not run.
CREATE FUNCTION splitplane._is_shown_by_function(type_id oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid JOIN pg_type AS t ON t.oid = d.objid
        JOIN splitplane._extension_list() AS l ON l.extension = e.extname AND l.object = t.typname
        WHERE d.classid = 'pg_type'::regclass AND d.objid = type_id AND d.refclassid = 'pg_extension'::regclass
          AND d.deptype = 'e' AND l.kind = 'answer')
$$;
REVOKE ALL ON FUNCTION splitplane._is_shown_by_function(oid) FROM PUBLIC;

-- Whether it is a table that functions of an allowed extension read as the reader.
CREATE FUNCTION splitplane._is_table_of_extension(table_id oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid JOIN pg_class AS c ON c.oid = d.objid
        JOIN splitplane.allowed_extensions AS a ON a.extension = e.extname
        JOIN splitplane._extension_list() AS l ON l.extension = e.extname AND l.object = c.relname
        WHERE d.classid = 'pg_class'::regclass AND d.objid = table_id AND d.refclassid = 'pg_extension'::regclass
          AND d.deptype = 'e' AND l.kind = 'table')
$$;
REVOKE ALL ON FUNCTION splitplane._is_table_of_extension(oid) FROM PUBLIC;
