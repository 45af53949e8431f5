-- Plane views: relations of the plane that are queries over the plane. Their text was proved to stay in the plane when
-- they were defined, and is proved again with each statement that reads them.

-- `columns` are those that the text gave when the view was defined, each an object of name, type, modifier and, where
-- it is a plane relation's column as it stands, `of` with the relation's plane name and the column. A type that is not
-- built in may get another name or schema, so its number is kept too, with whose it is. Empty while the view is being
-- defined.
CREATE TABLE splitplane.views (
    name text PRIMARY KEY,
    sql text NOT NULL,
    description text,
    columns jsonb NOT NULL CHECK (pg_catalog.jsonb_typeof(columns) = 'array'),
    private_columns text[] NOT NULL DEFAULT '{}' CHECK (pg_catalog.array_position(private_columns, NULL) IS NULL),
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_by text NOT NULL DEFAULT SESSION_USER
);
COMMENT ON TABLE splitplane.views IS 'Queries over the plane that can be named like its tables, by define_view.';
REVOKE ALL ON splitplane.views FROM PUBLIC;
GRANT SELECT ON splitplane.views TO splitplane_admin;
SELECT pg_catalog.pg_extension_config_dump('splitplane.views', '');
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.views
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();

-- Whether a relation is in the plane for views alone.
CREATE FUNCTION splitplane._is_hidden(relation regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = _is_hidden.relation AND r.hidden)
$$;
REVOKE ALL ON FUNCTION splitplane._is_hidden(regclass) FROM PUBLIC;

-- Hides a relation that has just been registered. Every view reads it as before.
CREATE FUNCTION splitplane._hide(relation regclass, hidden boolean, was_hidden boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF hidden IS NULL THEN
        RAISE EXCEPTION 'hidden must not be NULL' USING ERRCODE = '22023';
    END IF;
    IF was_hidden AND NOT hidden THEN
        RAISE WARNING '% is hidden no longer', relation
            USING HINT = 'Say hidden => true each time a hidden table is registered.';
    END IF;
    -- Citus sends views to other nodes as plain sub-selects, so that nothing keeps a condition of a statement behind
    -- one: an error over a value that the view filters would tell it.
    IF hidden AND EXISTS (SELECT FROM splitplane._tables_of_citus() AS t WHERE t.relation = _hide.relation) THEN
        RAISE EXCEPTION '% cannot be hidden: Citus keeps its rows, and does not keep security barriers', relation
            USING ERRCODE = '0A000';
    END IF;
    IF hidden THEN
        UPDATE splitplane.relations AS r SET hidden = true WHERE r.relation = _hide.relation;
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._hide(regclass, boolean, boolean) FROM PUBLIC;

-- The type of a name that format_type gave under this search_path; NULL if there is none any more.
CREATE FUNCTION splitplane._type_named(name text) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN to_regtype(name);
EXCEPTION WHEN undefined_object OR invalid_schema_name OR syntax_error OR invalid_name THEN
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION splitplane._type_named(text) FROM PUBLIC;

-- The database that the numbers of types belong to: a restore gives others.
CREATE FUNCTION splitplane._types_of() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%s/%s', s.system_identifier, d.oid)
    FROM pg_control_system() AS s, pg_database AS d WHERE d.datname = current_database()
$$;
REVOKE ALL ON FUNCTION splitplane._types_of() FROM PUBLIC;

-- The type of a view's column, whatever its name is now; NULL if there is none any more. `types_of` is that of this
-- database.
CREATE FUNCTION splitplane._view_column_type(of_column jsonb, types_of text) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce((SELECT t.oid FROM pg_type AS t
                     WHERE of_column ->> 'number_of' = types_of AND t.oid = (of_column ->> 'number')::oid),
                    splitplane._type_named(of_column ->> 'type'));
END
$$;
REVOKE ALL ON FUNCTION splitplane._view_column_type(jsonb, text) FROM PUBLIC;

-- The views that can be read now. While the plane is closed none can, and what was wrong is not for a change to ask.
CREATE FUNCTION splitplane._readable_views() RETURNS text[]
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN splitplane._critical_finding() IS NOT NULL THEN '{}'
                ELSE ARRAY(SELECT v.name FROM splitplane.views AS v
                           WHERE splitplane._view_problem(v.name) IS NULL ORDER BY v.name) END
$$;
REVOKE ALL ON FUNCTION splitplane._readable_views() FROM PUBLIC;

-- Refuses a change after which a view that could be read cannot any more.
CREATE FUNCTION splitplane._keep_views(readable text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    broken record;
BEGIN
    FOR broken IN
        SELECT r.name, splitplane._view_problem(r.name) AS problem FROM unnest(readable) AS r(name)
    LOOP
        CONTINUE WHEN broken.problem IS NULL;
        RAISE EXCEPTION 'view "%" could not be read any more: %', broken.name, broken.problem
            USING ERRCODE = CASE WHEN broken.problem LIKE 'the view is too complex: %' THEN '54001' ELSE '2BP01' END,
                  HINT = 'Change or take out that view first.';
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane._keep_views(text[]) FROM PUBLIC;

CREATE FUNCTION splitplane.define_view(
    name text, sql text, description text DEFAULT NULL, private_columns text[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
DECLARE
    readable text[];
    column_row record;
    found_columns jsonb;
    column_name text;
BEGIN
    PERFORM splitplane._administration('define_view', jsonb_build_object(
        'name', define_view.name, 'sql', define_view.sql, 'description', define_view.description,
        'private_columns', define_view.private_columns));
    PERFORM splitplane._check_isolation('define_view');
    IF name IS NULL THEN
        RAISE EXCEPTION 'the name of a view must not be NULL' USING ERRCODE = '22023';
    END IF;
    PERFORM splitplane._check_plane_name(define_view.name);
    IF sql IS NULL OR sql !~ '[^[:space:]]' THEN
        RAISE EXCEPTION 'the SQL is NULL or blank' USING ERRCODE = '22023';
    END IF;
    IF description IS NOT NULL THEN
        PERFORM splitplane._check_words('the description', description, false);
    END IF;
    LOCK TABLE splitplane.relations, splitplane.views IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM splitplane.relations AS r WHERE r.name = define_view.name) THEN
        RAISE EXCEPTION 'plane name "%" is taken by %', define_view.name,
            (SELECT r.relation FROM splitplane.relations AS r WHERE r.name = define_view.name)
            USING ERRCODE = '42710', HINT = 'Give another one as argument "name".';
    END IF;
    readable := CASE WHEN EXISTS (SELECT FROM splitplane.views AS v WHERE v.name = define_view.name)
                     THEN array_remove(splitplane._readable_views(), define_view.name) ELSE '{}' END;
    INSERT INTO splitplane.views AS v (name, sql, description, columns)
    VALUES (define_view.name, define_view.sql, define_view.description, '[]')
    ON CONFLICT ON CONSTRAINT views_pkey DO UPDATE
        SET sql = excluded.sql, description = excluded.description, columns = '[]', private_columns = '{}',
            changed_at = excluded.changed_at, changed_by = excluded.changed_by;
    FOR column_row IN
        SELECT c.column_name AS name, c.type, c.modifier, r.name AS relation, a.attname, c.position
        FROM splitplane._view_columns(define_view.name)
             WITH ORDINALITY AS c(column_name, type, modifier, of, of_column, position)
        LEFT JOIN splitplane.relations AS r ON r.relation = c.of
        LEFT JOIN pg_attribute AS a ON a.attrelid = c.of AND a.attnum = c.of_column
        ORDER BY c.position
    LOOP
        IF column_row.name = '?column?' THEN
            RAISE EXCEPTION 'column % of the view has no name', column_row.position
                USING ERRCODE = '22023', HINT = 'Give it one with AS.';
        END IF;
        IF EXISTS (SELECT FROM jsonb_array_elements(found_columns) AS c WHERE c ->> 'name' = column_row.name) THEN
            RAISE EXCEPTION 'the view has two columns with the name "%"', column_row.name
                USING ERRCODE = '42701', HINT = 'Give one of them another name with AS.';
        END IF;
        IF NOT splitplane._type_is_safe(column_row.type) THEN
            RAISE EXCEPTION 'column "%" of the view has type %, which the plane does not carry', column_row.name,
                format_type(column_row.type, NULL)
                USING ERRCODE = '0A000';
        END IF;
        found_columns := coalesce(found_columns, '[]') || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
            'name', column_row.name, 'type', format_type(column_row.type, -1), 'modifier', column_row.modifier,
            'number', CASE WHEN column_row.type >= 16384 THEN column_row.type::bigint END,
            'number_of', CASE WHEN column_row.type >= 16384 THEN splitplane._types_of() END,
            'of', CASE WHEN column_row.relation IS NOT NULL
                       THEN jsonb_build_array(column_row.relation, column_row.attname) END)));
    END LOOP;
    IF found_columns IS NULL THEN
        RAISE EXCEPTION 'a view has at least one column' USING ERRCODE = '22023';
    END IF;
    IF (SELECT count(*) <> count(DISTINCT w.name) FROM unnest(define_view.private_columns) AS w(name)) THEN
        RAISE EXCEPTION 'the list of private columns of view "%" holds a NULL or one name twice', define_view.name
            USING ERRCODE = '22023';
    END IF;
    FOREACH column_name IN ARRAY coalesce(define_view.private_columns, '{}') LOOP
        IF NOT EXISTS (SELECT FROM jsonb_array_elements(found_columns) AS c WHERE c ->> 'name' = column_name) THEN
            RAISE EXCEPTION 'private column "%" is no column of view "%"', column_name, define_view.name
                USING ERRCODE = '42703';
        END IF;
    END LOOP;
    UPDATE splitplane.views AS v
       SET columns = found_columns, private_columns = coalesce(define_view.private_columns, '{}')
     WHERE v.name = define_view.name;
    PERFORM splitplane._keep_views(readable);
END
$$;
REVOKE ALL ON FUNCTION splitplane.define_view(text, text, text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.define_view(text, text, text, text[]) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.define_view(text, text, text, text[]) IS
    'Adds a query over the plane that can be named like a table. The SQL is proved first. '
    'Call it again to change the view.';

CREATE FUNCTION splitplane.undefine_view(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    readable text[];
BEGIN
    PERFORM splitplane._administration('undefine_view', jsonb_build_object('name', undefine_view.name));
    PERFORM splitplane._check_isolation('undefine_view');
    LOCK TABLE splitplane.relations, splitplane.views IN SHARE ROW EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM splitplane.views AS v WHERE v.name = undefine_view.name) THEN
        RAISE EXCEPTION 'there is no view "%"', coalesce(undefine_view.name, 'NULL') USING ERRCODE = '42704';
    END IF;
    readable := array_remove(splitplane._readable_views(), undefine_view.name);
    DELETE FROM splitplane.views AS v WHERE v.name = undefine_view.name;
    PERFORM splitplane._keep_views(readable);
END
$$;
REVOKE ALL ON FUNCTION splitplane.undefine_view(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.undefine_view(text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.undefine_view(text) IS 'Takes a view out of the plane.';

-- Views that cannot be read as they were defined. Not while the plane is closed: then nothing can.
CREATE FUNCTION splitplane._view_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view_name text;
    problem text;
BEGIN
    RETURN QUERY
        SELECT 'warning', format('view %s', v.name),
               format('Table %s of the plane has the same name: a statement that names it reads the view.',
                      r.relation),
               format('SELECT splitplane.undefine_view(%L);', v.name)
        FROM splitplane.views AS v JOIN splitplane.relations AS r USING (name) ORDER BY v.name;
    IF splitplane._critical_finding() IS NOT NULL THEN
        RETURN;
    END IF;
    FOR view_name IN SELECT v.name FROM splitplane.views AS v ORDER BY v.name LOOP
        BEGIN
            problem := splitplane._view_problem(view_name);
        EXCEPTION WHEN OTHERS THEN
            problem := SQLERRM;
        END;
        IF problem IS NOT NULL THEN
            severity := 'warning';
            object := format('view %s', view_name);
            finding := format('It cannot be read as it was defined: %s.', problem);
            -- What closes it may be mended by another fix of the same run.
            fix := format('-- define it again, or take it out: SELECT splitplane.undefine_view(%L);', view_name);
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane._view_findings() FROM PUBLIC;
