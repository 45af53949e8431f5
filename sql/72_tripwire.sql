-- The tripwire: planted rows of a reserved tenant. A confined statement in which the scan of a table returns one of
-- them is aborted, and the plane is shut for every caller until reopen().

CREATE TABLE splitplane.tripwires (
    relation regclass PRIMARY KEY,
    column_name text NOT NULL,
    value text NOT NULL,
    armed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    armed_by text NOT NULL
);
COMMENT ON TABLE splitplane.tripwires IS
    'Armed tables: the column that says whose a row is, and the value in it of the rows of the reserved tenant.';
REVOKE ALL ON splitplane.tripwires FROM PUBLIC;
GRANT SELECT ON splitplane.tripwires TO splitplane_admin;
SELECT pg_catalog.pg_extension_config_dump('splitplane.tripwires', '');

CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.tripwires
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();

-- Opens the plane again after a planted row was read. It writes no table, so that it works on a standby.
CREATE FUNCTION splitplane.reopen() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'splitplane_2_reopen';
REVOKE ALL ON FUNCTION splitplane.reopen() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.reopen() TO splitplane_admin;
COMMENT ON FUNCTION splitplane.reopen() IS 'Opens the plane that a tripwire shut; true if it was shut.';

-- Armed relations with all their partitions and children, in the form that the executor hook reads; NULL if there is
-- none.
CREATE FUNCTION splitplane._tripwires() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE family AS (
        SELECT t.relation::oid AS member, t.column_name, t.value
        FROM splitplane.tripwires AS t JOIN splitplane.relations AS r ON r.relation = t.relation
        UNION
        SELECT i.inhrelid, f.column_name, f.value FROM family AS f JOIN pg_inherits AS i ON i.inhparent = f.member
    )
    SELECT string_agg(format('%s:%s:%s:%s', f.member, a.attnum, splitplane._base_type(a.atttypid)::text,
                             encode(convert_to(f.value, 'UTF8'), 'hex')), ',')
    FROM family AS f
    JOIN pg_attribute AS a
        ON a.attrelid = f.member AND a.attname = f.column_name AND a.attnum > 0 AND NOT a.attisdropped
$$;
REVOKE ALL ON FUNCTION splitplane._tripwires() FROM PUBLIC;

-- The reserved tenant can never be admitted, in no spelling, not even by a direct INSERT.
CREATE FUNCTION splitplane._refuse_reserved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM splitplane.tripwires AS t
               JOIN pg_attribute AS a
                   ON a.attrelid = t.relation AND a.attname = t.column_name AND a.attnum > 0 AND NOT a.attisdropped
               -- Where a foreign key says whose a row is, the value is a key.
               WHERE NOT EXISTS (SELECT FROM splitplane.relations AS r
                                 WHERE r.relation = t.relation
                                   AND (splitplane._binding(r.scope ->> t.column_name)).claim IS DISTINCT FROM 'tenant')
                 AND splitplane._is_same_value(splitplane._base_type(a.atttypid), t.value, NEW.tenant)) THEN
        RAISE EXCEPTION 'tenant "%" is reserved: a tripwire stands on it', NEW.tenant USING ERRCODE = '22023';
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION splitplane._refuse_reserved() FROM PUBLIC;

CREATE TRIGGER refuse_reserved BEFORE INSERT OR UPDATE ON splitplane.principals
    FOR EACH ROW EXECUTE FUNCTION splitplane._refuse_reserved();

-- The foreign key on which a tripwire stands where a key says whose a row is: one column, to an armed table. Each row
-- that references a planted row there belongs to the reserved tenant.
CREATE FUNCTION splitplane._tripwire_link(
    relation regclass, value text, OUT column_name text, OUT type_id oid, OUT reserved text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    link record;
    place record;
BEGIN
    IF splitplane._has_several_owners(relation) THEN
        RAISE EXCEPTION 'a row of % may belong to several tenants, so that no tripwire can stand on it', relation
            USING ERRCODE = '0A000';
    END IF;
    SELECT p.parent, p.parent_columns[1] AS parent_column, p.columns[1] AS own, a.atttypid INTO link
      FROM splitplane.parents AS p
      JOIN pg_attribute AS a
          ON a.attrelid = p.relation AND a.attname = p.columns[1] AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN splitplane.tripwires AS t ON t.relation = p.parent
     WHERE p.relation = _tripwire_link.relation AND cardinality(p.columns) = 1
     ORDER BY t.relation IS NULL, p.link
     LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    ELSIF NOT EXISTS (SELECT FROM splitplane.tripwires AS t WHERE t.relation = link.parent) THEN
        RAISE EXCEPTION 'the rows of % belong to those of %, which has no tripwire', relation, link.parent
            USING ERRCODE = '55000', HINT = 'Arm that table first: a planted row here references one there.';
    END IF;
    SELECT p.* INTO place
      FROM splitplane.tripwires AS t, splitplane._tripwire_place(t.relation, t.value) AS p
     WHERE t.relation = link.parent;
    column_name := link.own;
    type_id := splitplane._base_type(link.atttypid);
    EXECUTE format('SELECT min(%I::text) FROM %s WHERE %I OPERATOR(pg_catalog.=) %L::%s%s',
                   link.parent_column, place.qualified, place.column_name, place.reserved,
                   format_type(place.type_id, -1),
                   CASE WHEN value IS NULL THEN ''
                        ELSE format(' AND %I OPERATOR(pg_catalog.=) %L::%s', link.parent_column, value,
                                    format_type(type_id, -1)) END)
       INTO reserved;
    IF reserved IS NULL THEN
        RAISE EXCEPTION 'no planted row of % has % %', link.parent, quote_ident(link.parent_column),
            coalesce('= ' || quote_literal(value), 'that is not NULL')
            USING ERRCODE = '55000', HINT = 'Plant a row there, and one here that references it.';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._tripwire_link(regclass, text) FROM PUBLIC;

-- Where a tripwire on a relation would stand: on its tenant column, and on a value that no tenant has; or on the column
-- of a foreign key that says whose a row is, and on the key of a planted row.
CREATE FUNCTION splitplane._tripwire_place(
    relation regclass, value text, OUT qualified text, OUT column_name text, OUT type_id oid, OUT reserved text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
SET row_security = off
AS $$
BEGIN
    -- The library watches the tables of its own server.
    IF EXISTS (SELECT FROM splitplane._tables_of_citus() AS t WHERE t.relation = _tripwire_place.relation) THEN
        RAISE EXCEPTION 'no tripwire can stand on %: Citus keeps its rows in shards', relation USING ERRCODE = '0A000';
    END IF;
    IF EXISTS (SELECT FROM splitplane.parents AS p WHERE p.relation = _tripwire_place.relation) THEN
        SELECT format('%I.%I', n.nspname, c.relname), l.column_name, l.type_id, l.reserved
          INTO qualified, column_name, type_id, reserved
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
          CROSS JOIN splitplane._tripwire_link(relation, value) AS l
         WHERE c.oid = relation;
        IF column_name IS NULL THEN
            RAISE EXCEPTION 'no foreign key of one column says whose the rows of % are, on which a tripwire would '
                'stand', relation
                USING ERRCODE = '0A000';
        ELSIF NOT EXISTS (SELECT FROM splitplane._scope_type(type_id) AS t WHERE t.reserved IS NOT NULL) THEN
            RAISE EXCEPTION 'column "%" of % has type %: a tripwire needs %',
                column_name, qualified, format_type(type_id, -1), splitplane._list_types()
                USING ERRCODE = '0A000';
        END IF;
        RETURN;
    END IF;
    SELECT format('%I.%I', n.nspname, c.relname), a.attname, splitplane._base_type(a.atttypid)
      INTO qualified, column_name, type_id
      FROM splitplane.relations AS r
      JOIN pg_class AS c ON c.oid = r.relation
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped
           AND (splitplane._binding(r.scope ->> a.attname::text)).claim = 'tenant'
     WHERE r.relation = _tripwire_place.relation
     ORDER BY a.attnum
     LIMIT 1;
    IF NOT FOUND
       AND EXISTS (SELECT FROM splitplane.relations AS r
                   WHERE r.relation = _tripwire_place.relation AND NOT r.shared) THEN
        RAISE EXCEPTION '% has no column that is bound to the tenant, on which a tripwire would stand', relation
            USING ERRCODE = '0A000';
    ELSIF NOT FOUND THEN
        RAISE EXCEPTION '% is not protected: a tripwire stands on the tenant column of a protected table',
            coalesce(relation::text, 'NULL')
            USING ERRCODE = '42704';
    END IF;
    SELECT t.reserved INTO reserved FROM splitplane._scope_type(type_id) AS t;
    IF reserved IS NULL THEN
        RAISE EXCEPTION 'column "%" of % has type %: a tripwire needs %',
            column_name, qualified, format_type(type_id, -1), splitplane._list_types()
            USING ERRCODE = '0A000';
    END IF;
    IF value IS NOT NULL THEN
        -- As the type itself writes it, since that text is compared.
        EXECUTE format('SELECT %L::%s::text', value, format_type(type_id, -1)) INTO reserved;
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._tripwire_place(regclass, text) FROM PUBLIC;

-- Whether the planted row is there.
CREATE FUNCTION splitplane._is_planted(qualified text, column_name text, type_id oid, reserved text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    is_planted boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I OPERATOR(pg_catalog.=) %L::%s)',
                   qualified, column_name, reserved, format_type(type_id, -1))
       INTO is_planted;
    RETURN is_planted;
END
$$;
REVOKE ALL ON FUNCTION splitplane._is_planted(text, text, oid, text) FROM PUBLIC;

-- A statement that plants a row: a copy of an existing row, with the reserved tenant. A column of a unique index
-- without the tenant column gets its default or a new value. The statement is to be run by a role that may insert
-- there: triggers and constraints of the table must not run with the rights of the extension's owner.
CREATE FUNCTION splitplane.tripwire_row(relation regclass, value text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place record := splitplane._tripwire_place(relation, value);
    names text;
    sources text;
BEGIN
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
           string_agg(CASE
               WHEN a.attname = place.column_name THEN quote_literal(place.reserved)
               WHEN NOT u.is_unique THEN quote_ident(a.attname)
               WHEN b.type_id = 'uuid'::regtype THEN 'gen_random_uuid()'
               WHEN b.type_id IN ('text'::regtype, 'varchar'::regtype) THEN quote_literal(place.reserved)
               WHEN b.type_id IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
                   THEN format('(SELECT least(min(%I), 0) - 1 FROM %s)', a.attname, place.qualified)
               ELSE quote_ident(a.attname) END, ', ' ORDER BY a.attnum)
      INTO names, sources
      FROM pg_attribute AS a
      CROSS JOIN LATERAL (SELECT splitplane._base_type(a.atttypid)) AS b(type_id)
      CROSS JOIN LATERAL (
          SELECT EXISTS (SELECT FROM pg_index AS i
                         WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey)
                           AND NOT EXISTS (SELECT FROM pg_attribute AS t
                                           WHERE t.attrelid = a.attrelid AND t.attname = place.column_name
                                             AND t.attnum = ANY (i.indkey)))
      ) AS u(is_unique)
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
       AND (a.attname = place.column_name OR a.attidentity = '' AND NOT (u.is_unique AND a.atthasdef));
    RETURN format('INSERT INTO %s (%s) SELECT %s FROM %1$s LIMIT 1;', place.qualified, names, sources);
END
$$;
REVOKE ALL ON FUNCTION splitplane.tripwire_row(regclass, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.tripwire_row(regclass, text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.tripwire_row(regclass, text) IS
    'An INSERT that plants a row for arm_tripwire: a copy of an existing row. Read it before you run it.';

CREATE FUNCTION splitplane.arm_tripwire(relation regclass, value text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
SET row_security = off
AS $$
DECLARE
    place record := splitplane._tripwire_place(relation, value);
BEGIN
    PERFORM splitplane._administration('arm_tripwire', jsonb_build_object(
        'relation', arm_tripwire.relation, 'value', arm_tripwire.value));
    PERFORM splitplane._check_isolation('arm_tripwire');
    IF EXISTS (SELECT FROM splitplane.directories AS d WHERE d.relation = arm_tripwire.relation) THEN
        RAISE EXCEPTION 'data servers keep the rows of %: no tripwire stands there', relation USING ERRCODE = '0A000';
    END IF;
    -- A concurrent admit must not be missed.
    LOCK TABLE splitplane.principals IN SHARE ROW EXCLUSIVE MODE;
    -- Where a foreign key says whose a row is, the value is a key.
    IF NOT EXISTS (SELECT FROM splitplane.parents AS p WHERE p.relation = arm_tripwire.relation)
       AND EXISTS (SELECT FROM splitplane.principals AS p
                   WHERE splitplane._is_same_value(place.type_id, place.reserved, p.tenant)) THEN
        RAISE EXCEPTION 'tenant "%" is admitted, and a tripwire must stand on a value that no tenant has',
            place.reserved
            USING ERRCODE = '22023', HINT = 'Give another one as argument "value".';
    END IF;
    IF NOT splitplane._is_planted(place.qualified, place.column_name, place.type_id, place.reserved) THEN
        RAISE EXCEPTION 'no row with % = % is in %: plant one first',
            quote_ident(place.column_name), quote_literal(place.reserved), place.qualified
            USING ERRCODE = '55000', HINT = splitplane.tripwire_row(relation, value);
    END IF;
    INSERT INTO splitplane.tripwires AS t (relation, column_name, value, armed_by)
    VALUES (arm_tripwire.relation, place.column_name, place.reserved, session_user)
    ON CONFLICT ON CONSTRAINT tripwires_pkey DO UPDATE
        SET column_name = excluded.column_name, value = excluded.value,
            armed_at = excluded.armed_at, armed_by = excluded.armed_by;
END
$$;
REVOKE ALL ON FUNCTION splitplane.arm_tripwire(regclass, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.arm_tripwire(regclass, text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.arm_tripwire(regclass, text) IS
    'Shuts the plane as soon as a confined statement reads a planted row of the reserved tenant. Plant one first: see '
    'tripwire_row.';

-- The planted rows are not ours to delete.
CREATE FUNCTION splitplane.disarm_tripwire(relation regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    children text;
BEGIN
    PERFORM splitplane._administration('disarm_tripwire', jsonb_build_object('relation', disarm_tripwire.relation));
    SELECT string_agg(DISTINCT t.relation::text, ', ') INTO children
      FROM splitplane.tripwires AS t JOIN splitplane.parents AS p ON p.relation = t.relation
     WHERE p.parent = disarm_tripwire.relation AND p.columns[1] = t.column_name;
    IF children IS NOT NULL THEN
        RAISE EXCEPTION 'the planted rows of % are those that the tripwires of other tables stand on: %', relation,
            children
            USING ERRCODE = '2BP01', HINT = 'Disarm those first.';
    END IF;
    DELETE FROM splitplane.tripwires AS t WHERE t.relation = disarm_tripwire.relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% has no tripwire', coalesce(relation::text, 'NULL') USING ERRCODE = '42704';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane.disarm_tripwire(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.disarm_tripwire(regclass) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.disarm_tripwire(regclass) IS
    'Removes the tripwire from a table. The planted rows are kept; you can delete them now.';

-- For selftest: whether a tripwire can still catch anything.
CREATE FUNCTION splitplane._tripwire_state(relation regclass, OUT verdict text, OUT detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    place record;
BEGIN
    SELECT p.*, t.column_name AS armed_column INTO place
      FROM splitplane.tripwires AS t, splitplane._tripwire_place(t.relation, t.value) AS p
     WHERE t.relation = _tripwire_state.relation;
    IF place.armed_column <> place.column_name THEN
        verdict := 'FAIL';
        detail := 'The tripwire stands on a column that is not bound to the tenant any more: arm it again.';
    ELSIF splitplane._is_planted(place.qualified, place.column_name, place.type_id, place.reserved) THEN
        verdict := 'pass';
        detail := 'armed, and its rows are there';
    ELSE
        verdict := 'FAIL';
        detail := 'It is armed, but its rows are gone: it would catch nothing.';
    END IF;
EXCEPTION WHEN object_not_in_prerequisite_state OR feature_not_supported OR undefined_object THEN
    verdict := 'FAIL';
    detail := format('It would catch nothing: %s.', SQLERRM);
END
$$;
REVOKE ALL ON FUNCTION splitplane._tripwire_state(regclass) FROM PUBLIC;
