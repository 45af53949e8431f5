-- The tripwire: planted rows of a reserved tenant. A confined statement in which one of them leaves the scan of its table
-- is aborted, and the plane is shut for everybody until reopen().

CREATE TABLE splitplane.tripwires (
    relation regclass PRIMARY KEY,
    column_name text NOT NULL,
    value text NOT NULL,
    armed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    armed_by text NOT NULL
);
COMMENT ON TABLE splitplane.tripwires IS 'Armed tables: the column that is bound to the tenant, and the reserved tenant''s value in it.';
REVOKE ALL ON splitplane.tripwires FROM PUBLIC;
GRANT SELECT ON splitplane.tripwires TO splitplane_admin;
SELECT pg_catalog.pg_extension_config_dump('splitplane.tripwires', '');

CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.tripwires
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();

-- Opens the plane again after a touch. It writes no table, so that it works on a standby.
CREATE FUNCTION splitplane.reopen() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'reopen_wrapper';
REVOKE ALL ON FUNCTION splitplane.reopen() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.reopen() TO splitplane_admin;
COMMENT ON FUNCTION splitplane.reopen() IS 'Opens the plane that a tripwire shut; true if it was shut.';

-- Armed relations with all their partitions and children, as the executor's watch reads them; NULL for none.
CREATE FUNCTION splitplane._tripwires() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE family AS (
        SELECT t.relation::oid AS member, t.column_name, t.value
        FROM splitplane.tripwires AS t JOIN splitplane.relations AS r ON r.relation = t.relation
        UNION
        SELECT i.inhrelid, f.column_name, f.value FROM family AS f JOIN pg_inherits AS i ON i.inhparent = f.member
    )
    SELECT string_agg(format('%s:%s:%s:%s', f.member, a.attnum, splitplane._base_type(a.atttypid)::text, encode(convert_to(f.value, 'UTF8'), 'hex')), ',')
    FROM family AS f
    JOIN pg_attribute AS a ON a.attrelid = f.member AND a.attname = f.column_name AND a.attnum > 0 AND NOT a.attisdropped
$$;
REVOKE ALL ON FUNCTION splitplane._tripwires() FROM PUBLIC;

-- The reserved tenant can never be admitted, whatever spelling of it, and whoever writes the row.
CREATE FUNCTION splitplane._refuse_reserved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM splitplane.tripwires AS t
               JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attname = t.column_name AND a.attnum > 0 AND NOT a.attisdropped
               WHERE splitplane._is_same_value(splitplane._base_type(a.atttypid), t.value, NEW.tenant)) THEN
        RAISE EXCEPTION 'tenant "%" is reserved: a tripwire stands on it', NEW.tenant USING ERRCODE = '22023';
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION splitplane._refuse_reserved() FROM PUBLIC;

CREATE TRIGGER refuse_reserved BEFORE INSERT OR UPDATE ON splitplane.principals
    FOR EACH ROW EXECUTE FUNCTION splitplane._refuse_reserved();

-- What a tripwire on a relation would stand on: its tenant column and a value that no tenant has.
CREATE FUNCTION splitplane._tripwire_place(relation regclass, value text, OUT qualified text, OUT column_name text, OUT type_id oid, OUT reserved text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
BEGIN
    SELECT format('%I.%I', n.nspname, c.relname), a.attname, splitplane._base_type(a.atttypid) INTO qualified, column_name, type_id
      FROM splitplane.relations AS r
      JOIN pg_class AS c ON c.oid = r.relation
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped AND r.scope ->> a.attname::text = 'tenant'
     WHERE r.relation = _tripwire_place.relation
     ORDER BY a.attnum
     LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is not protected: a tripwire stands on the tenant column of a protected table', coalesce(relation::text, 'NULL') USING ERRCODE = '42704';
    END IF;
    reserved := CASE type_id
        WHEN 'int2'::regtype THEN '-32768' WHEN 'int4'::regtype THEN '-2147483648' WHEN 'int8'::regtype THEN '-9223372036854775808'
        WHEN 'uuid'::regtype THEN '00000000-0000-0000-7472-697077697265'
        WHEN 'text'::regtype THEN 'splitplane-tripwire' WHEN 'varchar'::regtype THEN 'splitplane-tripwire' END;
    IF reserved IS NULL THEN
        RAISE EXCEPTION 'column "%" of % has type %: a tripwire needs smallint, integer, bigint, text, character varying or uuid',
            column_name, qualified, format_type(type_id, -1) USING ERRCODE = '0A000';
    END IF;
    IF value IS NOT NULL THEN
        -- As the type itself writes it, since that is what is compared.
        EXECUTE format('SELECT %L::%s::text', value, format_type(type_id, -1)) INTO reserved;
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._tripwire_place(regclass, text) FROM PUBLIC;

-- A statement that plants a row: a copy of one that is there, as the reserved tenant's. What a unique index without the
-- tenant column would refuse gets the column's default or a value of its own. Run by whoever may insert there: triggers
-- and constraints of the table must not run with the rights of the extension's owner.
CREATE FUNCTION splitplane.tripwire_row(relation regclass, value text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place record := splitplane._tripwire_place(relation, value);
    names text;
    sources text;
BEGIN
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), string_agg(CASE
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
          SELECT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey)
                         AND NOT EXISTS (SELECT FROM pg_attribute AS t WHERE t.attrelid = a.attrelid AND t.attname = place.column_name AND t.attnum = ANY (i.indkey)))
      ) AS u(is_unique)
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
       AND (a.attname = place.column_name OR a.attidentity = '' AND NOT (u.is_unique AND a.atthasdef));
    RETURN format('INSERT INTO %s (%s) SELECT %s FROM %1$s LIMIT 1;', place.qualified, names, sources);
END
$$;
REVOKE ALL ON FUNCTION splitplane.tripwire_row(regclass, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.tripwire_row(regclass, text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.tripwire_row(regclass, text) IS 'An INSERT that plants a row for arm_tripwire: a copy of a row that is there. Read it before you run it.';

CREATE FUNCTION splitplane.arm_tripwire(relation regclass, value text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off SET row_security = off
AS $$
DECLARE
    place record := splitplane._tripwire_place(relation, value);
    is_planted boolean;
BEGIN
    -- An admit that runs at the same time must not be missed.
    LOCK TABLE splitplane.principals IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM splitplane.principals AS p WHERE splitplane._is_same_value(place.type_id, place.reserved, p.tenant)) THEN
        RAISE EXCEPTION 'tenant "%" is admitted, and a tripwire must stand on a value that no tenant has', place.reserved
            USING ERRCODE = '22023', HINT = 'Give another one as argument "value".';
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I OPERATOR(pg_catalog.=) %L::%s)', place.qualified, place.column_name, place.reserved, format_type(place.type_id, -1))
       INTO is_planted;
    IF NOT is_planted THEN
        RAISE EXCEPTION 'no row with % = % is in %: plant one first', quote_ident(place.column_name), quote_literal(place.reserved), place.qualified
            USING ERRCODE = '55000', HINT = splitplane.tripwire_row(relation, value);
    END IF;
    INSERT INTO splitplane.tripwires AS t (relation, column_name, value, armed_by)
    VALUES (arm_tripwire.relation, place.column_name, place.reserved, session_user)
    ON CONFLICT ON CONSTRAINT tripwires_pkey DO UPDATE SET column_name = excluded.column_name, value = excluded.value, armed_at = excluded.armed_at, armed_by = excluded.armed_by;
END
$$;
REVOKE ALL ON FUNCTION splitplane.arm_tripwire(regclass, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.arm_tripwire(regclass, text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.arm_tripwire(regclass, text) IS
    'Shuts the plane as soon as a confined statement reads a planted row of the reserved tenant; plant one first, see tripwire_row.';

-- Whoever planted the rows takes them away.
CREATE FUNCTION splitplane.disarm_tripwire(relation regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM splitplane.tripwires AS t WHERE t.relation = disarm_tripwire.relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% has no tripwire', coalesce(relation::text, 'NULL') USING ERRCODE = '42704';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane.disarm_tripwire(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.disarm_tripwire(regclass) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.disarm_tripwire(regclass) IS 'Takes the tripwire off a table; the planted rows stay, and may be deleted now.';

-- For selftest: whether a tripwire still has something to catch with.
CREATE FUNCTION splitplane._tripwire_state(relation regclass, OUT verdict text, OUT detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    place record;
    is_planted boolean;
BEGIN
    SELECT p.*, t.column_name AS armed_column INTO place FROM splitplane.tripwires AS t, splitplane._tripwire_place(t.relation, t.value) AS p WHERE t.relation = _tripwire_state.relation;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I OPERATOR(pg_catalog.=) %L::%s)', place.qualified, place.column_name, place.reserved, format_type(place.type_id, -1))
       INTO is_planted;
    IF place.armed_column <> place.column_name THEN
        verdict := 'FAIL';
        detail := 'The tripwire stands on a column that the tenant is not bound to any more: arm it again.';
    ELSIF is_planted THEN
        verdict := 'pass';
        detail := 'armed, and its rows are there';
    ELSE
        verdict := 'FAIL';
        detail := 'It is armed, and its rows are gone: nothing would be caught.';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._tripwire_state(regclass) FROM PUBLIC;
