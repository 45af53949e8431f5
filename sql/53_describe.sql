-- describe: the plane as it is shown to a model. Plane names only: no schema, no hidden column, no row, and of a scope
-- only that there are rows of everybody.

-- Enums and domains of the plane's columns, also those below them: what a domain is over, and the elements of an array.
-- Each goes by its bare name, whatever its schema. Two with one name, and one with the name of a built-in type, are
-- shown as the type of their column, and a query cannot name them; one that stands below others gives way to them. Nor
-- can it name a domain whose checks call user-defined functions: a cast would run them over any value.
CREATE FUNCTION splitplane._plane_types()
RETURNS TABLE (type oid, array_type oid, schema text, name text, shown text, is_writable boolean, is_visible boolean,
               of_extension boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    WITH RECURSIVE uses AS (
        SELECT CASE WHEN t.typsubscript = 'array_subscript_handler'::regproc THEN t.typelem ELSE t.oid END AS type,
               CASE WHEN a.attname = ANY (r.columns) THEN format('%I.%I%%TYPE', r.name, a.attname) END AS place,
               true AS is_direct
        FROM splitplane.relations AS r
        JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped
             AND (a.attname = ANY (r.columns) OR r.scope ? a.attname::text)
        JOIN pg_type AS t ON t.oid = a.atttypid
        UNION
        SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END, u.place, false
        FROM uses AS u JOIN pg_type AS t ON t.oid = u.type
        WHERE t.typtype = 'd' OR t.typsubscript = 'array_subscript_handler'::regproc
    ),
    types AS (
        SELECT t.oid, t.typarray, t.typname, t.typtype, t.typnamespace,
               coalesce(min(u.place) FILTER (WHERE u.is_direct), min(u.place)) AS place,
               CASE WHEN bool_or(u.is_direct)
                    THEN count(CASE WHEN bool_or(u.is_direct) THEN 1 END) OVER (PARTITION BY t.typname)
                    ELSE count(*) OVER (PARTITION BY t.typname) END = 1
               AND NOT EXISTS (SELECT FROM pg_type AS own
                               WHERE own.typname = t.typname
                                 AND own.typnamespace = 'pg_catalog'::regnamespace) AS is_unique
        FROM uses AS u JOIN pg_type AS t ON t.oid = u.type
        WHERE t.typtype IN ('d', 'e') AND t.typnamespace <> 'pg_catalog'::regnamespace
        GROUP BY t.oid
    )
    SELECT t.oid, t.typarray, n.nspname::text, t.typname::text,
           CASE WHEN t.is_unique THEN quote_ident(t.typname) ELSE coalesce(t.place, 'a hidden column''s type') END,
           t.is_unique AND t.place IS NOT NULL AND (t.typtype = 'e' OR NOT EXISTS (
               WITH RECURSIVE bases AS (
                   SELECT t.oid AS base
                   UNION ALL
                   SELECT b.typbasetype FROM bases JOIN pg_type AS b ON b.oid = bases.base WHERE b.typtype = 'd'
               )
               SELECT FROM bases
               JOIN pg_constraint AS c ON c.contypid = bases.base
               JOIN pg_depend AS d ON d.classid = 'pg_constraint'::regclass AND d.objid = c.oid
               -- There are no dependencies on built-in objects.
               WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass))),
           -- A column whose type is not carried any more is outside the plane, until it is registered again.
           t.place IS NOT NULL AND splitplane._type_is_safe(t.oid), false
    FROM types AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
    UNION ALL
    -- Types of allowed extensions, whether a column has them or not. One that an enum or a domain takes the name of can
    -- only be written with its schema.
    SELECT t.oid, t.typarray, n.nspname::text, t.typname::text, quote_ident(t.typname),
           NOT EXISTS (SELECT FROM types AS o WHERE o.typname = t.typname), true, true
    FROM splitplane._extension_types() AS x
    JOIN pg_type AS t ON t.oid = x.type
    JOIN pg_namespace AS n ON n.oid = t.typnamespace
$$;
REVOKE ALL ON FUNCTION splitplane._plane_types() FROM PUBLIC;

-- The enums and domains that a query can write, as they are shown, by type.
CREATE FUNCTION splitplane._writable_types() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_object_agg(p.type::text, p.shown), '{}')
            FROM splitplane._plane_types() AS p WHERE p.is_writable AND NOT p.of_extension);
END
$$;
REVOKE ALL ON FUNCTION splitplane._writable_types() FROM PUBLIC;

-- A type as a query would write it, with the labels of an enum and the base type of a domain. No name from outside the
-- plane is shown; `writable` is what _writable_types gives. Here and below PL/pgSQL, which caches its plans: every
-- question in words reads all of this.
CREATE FUNCTION splitplane._describe_type(type_id oid, type_modifier integer, writable jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
BEGIN
    RETURN (SELECT CASE
        WHEN t.typtype = 'd' THEN
            coalesce(writable ->> t.oid::text || ' domain of ', '')
            || splitplane._describe_type(t.typbasetype, t.typtypmod, writable)
        WHEN t.typtype = 'e' THEN
            coalesce(writable ->> t.oid::text || ' ', '')
            || (SELECT 'enum (' || string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) || ')'
                FROM pg_enum AS e WHERE e.enumtypid = t.oid)
        WHEN t.typsubscript = 'array_subscript_handler'::regproc THEN
            coalesce(overlay(splitplane._describe_type(t.typelem, type_modifier, writable)
                             PLACING writable ->> t.typelem::text || '[]'
                             FROM 1 FOR length(writable ->> t.typelem::text)),
                     splitplane._describe_type(t.typelem, type_modifier, writable) || '[]')
        -- Of an allowed extension, or the plane would not carry it.
        WHEN t.oid >= 16384 THEN quote_ident(t.typname)
        ELSE format_type(t.oid, type_modifier)
    END
    FROM pg_type AS t WHERE t.oid = type_id);
END
$$;
REVOKE ALL ON FUNCTION splitplane._describe_type(oid, integer, jsonb) FROM PUBLIC;

-- One line, whatever the comment contains: with a line break a comment could pass for a line of the description.
CREATE FUNCTION splitplane._describe_comment(comment text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(' -- ' || nullif(btrim(regexp_replace(comment, '[[:cntrl:][:space:]]+', ' ', 'g')), ''), '');
END
$$;
REVOKE ALL ON FUNCTION splitplane._describe_comment(text) FROM PUBLIC;

-- One row for each table, view and function of the plane, in the order of describe(). refers_to holds the tables that a
-- table's foreign keys reference.
CREATE FUNCTION splitplane._describe_parts() RETURNS TABLE (kind text, name text, text text, refers_to text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
-- Compiling this query would take seconds, and running it takes milliseconds.
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    writable jsonb := splitplane._writable_types();
    types_of text := splitplane._types_of();
BEGIN
    RETURN QUERY
    WITH types AS MATERIALIZED (
        SELECT t.oid, splitplane._type_is_safe(t.oid) AS is_safe
        FROM (SELECT DISTINCT a.atttypid AS oid
              FROM splitplane.relations AS r JOIN pg_attribute AS a ON a.attrelid = r.relation
              WHERE a.attnum > 0 AND NOT a.attisdropped) AS t
    ),
    plane_columns AS (
        SELECT r.relation, r.name, a.attnum, a.attname,
               -- As load.sql has it.
               a.attname = ANY (r.columns) AND s.is_safe
               AND CASE WHEN r.saved ->> 'numbers_of' = h.server || '/' || r.relation::oid
                        THEN (r.saved -> 'numbers' ->> a.attname::text = a.attnum::text) IS TRUE
                        ELSE EXISTS (SELECT FROM aclexplode(a.attacl) AS g
                                     WHERE g.grantee = h.reader AND g.privilege_type = 'SELECT') END AS visible,
               r.scope ->> a.attname::text = 'tenant or null' AS or_null
        FROM (SELECT s.system_identifier::text AS server, to_regrole('splitplane_reader')::oid AS reader
              FROM pg_control_system() AS s) AS h
        CROSS JOIN splitplane.relations AS r
        JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped
             AND (a.attname = ANY (r.columns) OR r.scope ? a.attname::text)
        JOIN types AS s ON s.oid = a.atttypid
    ),
    column_lines AS (
        SELECT a.attrelid AS relation,
               string_agg(format(
                   E'\n  %I %s%s%s', a.attname,
                   -- The two functions are called only where they are needed; most columns do not need them.
                   CASE WHEN t.oid < 16384 AND t.typsubscript <> 'array_subscript_handler'::regproc
                        THEN format_type(a.atttypid, a.atttypmod)
                        ELSE splitplane._describe_type(a.atttypid, a.atttypmod, writable) END,
                   CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
                   CASE WHEN d.description IS NOT NULL THEN splitplane._describe_comment(d.description) END
               ), '' ORDER BY a.attnum) AS lines
        FROM plane_columns AS p
        JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attnum = p.attnum
        JOIN pg_type AS t ON t.oid = a.atttypid
        LEFT JOIN pg_description AS d
            ON d.objoid = a.attrelid AND d.classoid = 'pg_class'::regclass AND d.objsubid = a.attnum
        WHERE p.visible
        GROUP BY a.attrelid
    ),
    everybodys_rows AS (
        SELECT p.relation,
               string_agg(CASE WHEN p.visible
                               THEN format(E'\n  rows whose %I is NULL are the same for every tenant', p.attname)
                               ELSE E'\n  some of its rows are the same for every tenant' END, ''
                          ORDER BY p.attnum) AS lines
        FROM plane_columns AS p WHERE p.or_null GROUP BY p.relation
    ),
    -- A key is shown without the scope columns that the plane hides, since it is unique without them within one tenant.
    -- It is not shown if another column of it is hidden, or if rows of everybody have their own values besides.
    primary_keys AS (
        SELECT c.conrelid AS relation,
               -- NULL, and not shown, if every column of it is hidden.
               E'\n  primary key ('
               || string_agg(quote_ident(p.attname), ', ' ORDER BY k.position) FILTER (WHERE p.visible)
               || ')' AS line
        FROM pg_constraint AS c
        CROSS JOIN LATERAL unnest(c.conkey) WITH ORDINALITY AS k(attnum, position)
        JOIN splitplane.relations AS r ON r.relation = c.conrelid
        LEFT JOIN plane_columns AS p ON p.relation = c.conrelid AND p.attnum = k.attnum
        WHERE c.contype = 'p'
        GROUP BY c.oid, c.conrelid
        HAVING bool_and(p.attnum IS NOT NULL AND (p.visible OR p.or_null IS NOT TRUE))
    ),
    foreign_keys AS (
        SELECT c.oid, c.conrelid AS relation, c.confrelid AS target_relation, target.name AS target,
               format(E'\n  foreign key (%s) references %I (%s)',
                      string_agg(quote_ident(f.attname), ', ' ORDER BY k.position)
                          FILTER (WHERE f.visible AND t.visible),
                      target.name,
                      string_agg(quote_ident(t.attname), ', ' ORDER BY k.position)
                          FILTER (WHERE f.visible AND t.visible)) AS line
        FROM pg_constraint AS c
        CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY AS k(from_attnum, to_attnum, position)
        JOIN splitplane.relations AS source ON source.relation = c.conrelid
        JOIN splitplane.relations AS target ON target.relation = c.confrelid
             AND NOT target.hidden AND NOT splitplane._has_lost_name(target.relation, target.name, target.saved)
        LEFT JOIN plane_columns AS f ON f.relation = c.conrelid AND f.attnum = k.from_attnum
        LEFT JOIN plane_columns AS t ON t.relation = c.confrelid AND t.attnum = k.to_attnum
        WHERE c.contype = 'f' AND c.conparentid = 0
        GROUP BY c.oid, c.conrelid, c.confrelid, target.name
        HAVING bool_and(f.attnum IS NOT NULL AND t.attnum IS NOT NULL) AND bool_or(f.visible AND t.visible)
           AND bool_and(f.visible AND t.visible OR (f.or_null IS NOT TRUE AND t.or_null IS NOT TRUE))
    ),
    relation_texts AS (
        SELECT r.name,
               'table ' || quote_ident(r.name)
               || CASE WHEN d.description IS NOT NULL THEN splitplane._describe_comment(d.description) ELSE '' END
               || l.lines
               || coalesce(e.lines, '') || coalesce(p.line, '') || coalesce(f.lines, '') AS text,
               coalesce(f.targets, '{}') AS refers_to
        FROM splitplane.relations AS r JOIN column_lines AS l ON l.relation = r.relation
        LEFT JOIN pg_description AS d
            ON d.objoid = r.relation AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
        LEFT JOIN everybodys_rows AS e ON e.relation = r.relation
        LEFT JOIN primary_keys AS p ON p.relation = r.relation
        LEFT JOIN (SELECT k.relation, string_agg(k.line, '' ORDER BY k.line) AS lines,
                          array_agg(DISTINCT k.target ORDER BY k.target)
                              FILTER (WHERE k.target_relation <> k.relation) AS targets
                   FROM foreign_keys AS k GROUP BY k.relation) AS f ON f.relation = r.relation
        WHERE NOT r.hidden AND NOT splitplane._has_lost_name(r.relation, r.name, r.saved)
    ),
    view_texts AS (
        SELECT v.name,
               'view ' || quote_ident(v.name) || splitplane._describe_comment(v.description)
               || (SELECT string_agg(format(
                       E'\n  %I %s%s', c.value ->> 'name',
                       splitplane._describe_type(splitplane._view_column_type(c.value, types_of),
                                                 (c.value ->> 'modifier')::integer, writable),
                       splitplane._describe_comment((
                           -- The name may have become another column's since.
                           SELECT col_description(p.relation, p.attnum)
                           FROM plane_columns AS p JOIN splitplane.relations AS r ON r.relation = p.relation
                           WHERE r.name = c.value #>> '{of,0}' AND p.attname = c.value #>> '{of,1}' AND p.visible
                             AND NOT r.hidden AND NOT splitplane._has_lost_name(r.relation, r.name, r.saved)))),
                       '' ORDER BY c.place)
                   FROM jsonb_array_elements(v.columns) WITH ORDINALITY AS c(value, place)) AS text
        FROM splitplane.views AS v
        -- A model is shown what it can read. While the plane is closed, what its names and types can be said of.
        WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(v.columns) AS c(value)
                          WHERE splitplane._view_column_type(c.value, types_of) IS NULL)
          AND splitplane._view_is_open(v.name) IS NOT FALSE
    ),
    function_texts AS (
        SELECT p.proname::text AS name,
               format('function %I(%s) returns %s%s', p.proname,
                      (SELECT string_agg(splitplane._describe_type(t.id, -1, writable), ', ' ORDER BY t.position)
                       FROM unnest(p.proargtypes) WITH ORDINALITY AS t(id, position)),
                      CASE WHEN p.proretset THEN 'setof ' ELSE '' END
                      || splitplane._describe_type(p.prorettype, -1, writable),
                      splitplane._describe_comment(obj_description(p.oid, 'pg_proc'))) AS text
        FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function
    )
    SELECT d.kind, d.name, d.text, d.refers_to
    FROM (SELECT 1 AS part, 'table' AS kind, t.name, t.text, t.refers_to FROM relation_texts AS t
          UNION ALL SELECT 2, 'view', v.name, v.text, '{}' FROM view_texts AS v WHERE v.text IS NOT NULL
          UNION ALL SELECT 3, 'function', f.name, f.text, '{}' FROM function_texts AS f) AS d
    ORDER BY d.part, d.text;
END
$$;
REVOKE ALL ON FUNCTION splitplane._describe_parts() FROM PUBLIC;

CREATE FUNCTION splitplane.describe() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(p.text, E'\n' ORDER BY p.position), '')
    FROM splitplane._describe_parts() WITH ORDINALITY AS p(kind, name, text, refers_to, position)
$$;
REVOKE ALL ON FUNCTION splitplane.describe() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.describe() TO splitplane_admin;
COMMENT ON FUNCTION splitplane.describe() IS 'The plane as it is shown to the model.';
