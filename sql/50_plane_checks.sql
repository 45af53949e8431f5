-- What a relation, a column, a scope and a name must be like to enter the plane. Internal: for protect and share.

-- Relations some of whose rows other servers keep, which do not ask the row-level security of this one: those with
-- partitions or children that are foreign tables, and those of Citus on which our fences do not hold. Costs nothing
-- where there is neither.
CREATE FUNCTION splitplane._kept_elsewhere() RETURNS TABLE (relation oid, reason text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (SELECT FROM pg_foreign_table) THEN
        RETURN QUERY
            WITH RECURSIVE family AS (
                SELECT i.inhparent AS ancestor, t.ftrelid AS member
                FROM pg_foreign_table AS t JOIN pg_inherits AS i ON i.inhrelid = t.ftrelid
                UNION
                SELECT i.inhparent, f.member FROM family AS f JOIN pg_inherits AS i ON i.inhrelid = f.ancestor
            )
            SELECT f.ancestor, format('its partition or child %s is a foreign table', min(f.member::regclass::text))
            FROM family AS f
            -- Data servers keep these, and are asked as protect_remote has registered.
            WHERE NOT EXISTS (SELECT FROM splitplane.directories AS d WHERE d.relation = f.ancestor)
            GROUP BY f.ancestor;
    END IF;
    RETURN QUERY SELECT c.relation, c.reason FROM splitplane._kept_by_citus() AS c;
END
$$;
REVOKE ALL ON FUNCTION splitplane._kept_elsewhere() FROM PUBLIC;

-- Locks the relation until the end of the transaction, so that what is checked is what gets fenced, and returns its
-- qualified name. Who owns the table does not matter: splitplane_admin is the right to define the plane, over every
-- table of the database. That role can show any column to the analysts, so grant it as carefully as ownership.
-- With must_fit false (for unprotect) a table that no longer qualifies can still be taken out.
CREATE FUNCTION splitplane._lock_relation(relation regclass, must_fit boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    catalog_row record;
    qualified text;
    kind text;
    elsewhere text;
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION 'relation must not be NULL' USING ERRCODE = '22023';
    END IF;
    SELECT c.relname, n.nspname, c.relkind, c.relpersistence, c.relispartition, c.relowner,
           splitplane._is_ours('pg_class', c.oid) AS ours
      INTO catalog_row
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.oid = relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'relation with OID % does not exist', relation::oid USING ERRCODE = '42P01';
    END IF;
    qualified := format('%I.%I', catalog_row.nspname, catalog_row.relname);
    kind := CASE
        WHEN NOT must_fit THEN NULL
        WHEN relation::oid < 16384 THEN 'a system catalog'
        WHEN catalog_row.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') THEN 'a system catalog'
        WHEN catalog_row.ours OR catalog_row.nspname = 'splitplane' THEN 'one of splitplane''s own relations'
        WHEN catalog_row.relkind = 'v' THEN 'a view'
        WHEN catalog_row.relkind = 'm' THEN 'a materialized view'
        WHEN catalog_row.relkind = 'f' THEN 'a foreign table'
        WHEN catalog_row.relkind = 'S' THEN 'a sequence'
        WHEN catalog_row.relkind IN ('i', 'I') THEN 'an index'
        WHEN catalog_row.relkind = 't' THEN 'a TOAST table'
        WHEN catalog_row.relkind = 'c' THEN 'a composite type'
        WHEN catalog_row.relkind NOT IN ('r', 'p') THEN 'of an unknown kind'
        WHEN catalog_row.relpersistence = 't' THEN 'a temporary table'
    END;
    IF kind IS NOT NULL THEN
        RAISE EXCEPTION '% is %: only ordinary and partitioned tables can be in the plane', qualified, kind
            USING ERRCODE = '42809';
    END IF;
    IF must_fit AND catalog_row.relispartition THEN
        RAISE EXCEPTION '% is a partition: register the partitioned table % instead', qualified,
            (SELECT format('%I.%I', n.nspname, c.relname)
             FROM pg_partition_ancestors(relation) AS a(relid)
             JOIN pg_class AS c ON c.oid = a.relid JOIN pg_namespace AS n ON n.oid = c.relnamespace
             WHERE c.relkind = 'p' AND NOT c.relispartition)
            USING ERRCODE = '42809';
    END IF;
    IF must_fit AND catalog_row.relowner = 'splitplane_reader'::regrole THEN
        RAISE EXCEPTION '% is owned by splitplane_reader, and an owner is not bound by row-level security', qualified
            USING ERRCODE = '42501';
    END IF;
    EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', qualified);
    IF to_regclass(qualified) IS DISTINCT FROM relation THEN
        RAISE EXCEPTION '% was renamed or replaced meanwhile: try again', qualified USING ERRCODE = '40001';
    END IF;
    -- Under the lock, which keeps partitions from being attached.
    IF must_fit THEN
        SELECT min(k.reason) INTO elsewhere
          FROM splitplane._kept_elsewhere() AS k WHERE k.relation = _lock_relation.relation;
        IF elsewhere IS NOT NULL THEN
            RAISE EXCEPTION '% cannot be in the plane: %', qualified, elsewhere
                USING ERRCODE = '0A000',
                      HINT = 'Row-level security of this server does not bind rows that another server keeps.';
        END IF;
    END IF;
    RETURN qualified;
END
$$;
REVOKE ALL ON FUNCTION splitplane._lock_relation(regclass, boolean) FROM PUBLIC;

-- True for types whose values can be compared, printed and converted to JSON by built-in code alone: the allowlist of
-- base types, enums, domains and arrays over them, none of them with a user-defined cast to JSON. In the library: the
-- types of the allowlist of built-in functions (functions.sql), which has pseudo-types and regconfig besides. Types of
-- allowed extensions count as built-in ones.
CREATE FUNCTION splitplane._type_is_safe(type_id oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    current oid := type_id;
    catalog_row record;
    within_array boolean := false;
BEGIN
    LOOP
        SELECT t.oid, t.typtype, t.typbasetype, t.typelem, t.typname, n.nspname,
               t.typsubscript = 'array_subscript_handler'::regproc AS is_array
          INTO catalog_row
          FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
         WHERE t.oid = current;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        IF catalog_row.oid >= 16384 AND catalog_row.typtype = 'b' AND NOT catalog_row.is_array THEN
            -- An answer has no function for arrays.
            RETURN splitplane._is_extension_type(current)
               AND NOT (within_array AND splitplane._is_shown_by_function(current));
        END IF;
        IF catalog_row.oid >= 16384
           AND EXISTS (SELECT FROM pg_cast AS c WHERE c.castsource = catalog_row.oid
                       AND c.casttarget IN ('json'::regtype, 'jsonb'::regtype)) THEN
            RETURN false;
        END IF;
        IF catalog_row.typtype = 'd' THEN
            current := catalog_row.typbasetype;
        ELSIF catalog_row.is_array THEN
            within_array := true;
            current := catalog_row.typelem;
        ELSE
            RETURN catalog_row.typtype = 'e'
                OR (catalog_row.nspname = 'pg_catalog' AND catalog_row.typname = ANY (ARRAY[
                    'bool', 'char', 'name', 'text', 'varchar', 'bpchar', 'bytea', 'int2', 'int4', 'int8',
                    'float4', 'float8', 'numeric', 'money',
                    'date', 'time', 'timetz', 'timestamp', 'timestamptz', 'interval',
                    'bit', 'varbit', 'uuid', 'json', 'jsonb', 'jsonpath', 'inet', 'cidr', 'macaddr', 'macaddr8',
                    'point', 'lseg', 'line', 'box', 'path', 'polygon', 'circle', 'tsvector', 'tsquery',
                    'int4range', 'int8range', 'numrange', 'tsrange', 'tstzrange', 'daterange',
                    'int4multirange', 'int8multirange', 'nummultirange',
                    'tsmultirange', 'tstzmultirange', 'datemultirange']::name[]));
        END IF;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane._type_is_safe(oid) FROM PUBLIC;

-- The types of a relation's columns that the plane carries: each is looked at once.
CREATE FUNCTION splitplane._safe_types(relation regclass) RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
        WITH types AS MATERIALIZED (
            SELECT DISTINCT a.atttypid AS oid FROM pg_attribute AS a
            WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
        )
        SELECT t.oid FROM types AS t WHERE splitplane._type_is_safe(t.oid);
END
$$;
REVOKE ALL ON FUNCTION splitplane._safe_types(regclass) FROM PUBLIC;

-- The plane's columns of a relation: those named, or all that it can carry. A column that is named is refused if its
-- type is not supported; _leave_out reports the others.
CREATE FUNCTION splitplane._plane_columns(relation regclass, columns text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    wanted text[] := columns;
    column_name text;
    column_type oid;
BEGIN
    IF wanted IS NULL THEN
        SELECT array_agg(a.attname::text ORDER BY a.attnum)
          INTO wanted
          FROM pg_attribute AS a
         WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
           AND a.atttypid IN (SELECT splitplane._safe_types(relation));
        IF wanted IS NULL AND EXISTS (SELECT FROM pg_attribute AS a
                                      WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped) THEN
            RAISE EXCEPTION 'no column of % has a type that the plane carries', relation USING ERRCODE = '0A000';
        END IF;
    END IF;
    IF wanted IS NULL OR cardinality(wanted) = 0 THEN
        RAISE EXCEPTION 'the plane needs at least one column of %', relation USING ERRCODE = '22023';
    END IF;
    IF (SELECT count(*) <> count(DISTINCT w.name) FROM unnest(wanted) AS w(name)) THEN
        RAISE EXCEPTION 'the list of columns of % holds a NULL or one name twice', relation USING ERRCODE = '22023';
    END IF;
    FOREACH column_name IN ARRAY wanted LOOP
        SELECT a.atttypid INTO column_type
          FROM pg_attribute AS a
         WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'column "%" of % does not exist', column_name, relation USING ERRCODE = '42703';
        END IF;
        IF columns IS NOT NULL AND NOT splitplane._type_is_safe(column_type) THEN
            RAISE EXCEPTION 'column "%" of % has type %, which the plane does not carry',
                column_name, relation, format_type(column_type, NULL)
                USING ERRCODE = '0A000', HINT = 'Give the list of columns without it.';
        END IF;
    END LOOP;
    RETURN wanted;
END
$$;
REVOKE ALL ON FUNCTION splitplane._plane_columns(regclass, text[]) FROM PUBLIC;

-- Where no columns were named: reports those that the plane does not carry. One that binds the scope is no such column:
-- a table is not registered by a column that could only be left out.
CREATE FUNCTION splitplane._leave_out(relation regclass, scope jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    left_out record;
    named text;
BEGIN
    FOR left_out IN
        SELECT a.attname, format_type(a.atttypid, NULL) AS type_name, coalesce(scope ? a.attname::text, false) AS binds
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
          AND a.atttypid NOT IN (SELECT splitplane._safe_types(relation))
        ORDER BY a.attnum
    LOOP
        IF left_out.binds THEN
            RAISE EXCEPTION 'column "%" of % has type %, which the plane does not carry',
                left_out.attname, relation, left_out.type_name
                USING ERRCODE = '0A000', HINT = 'A column of the scope cannot be left out.';
        END IF;
        named := concat_ws(', ', named, format('%I %s', left_out.attname, left_out.type_name));
    END LOOP;
    IF named IS NOT NULL THEN
        RAISE WARNING 'columns of % whose types the plane does not carry are left out: %', relation, named
            USING HINT = 'To be without this warning, give the list of columns.';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._leave_out(regclass, jsonb) FROM PUBLIC;

-- The plane's columns whose values must never be sent to a model.
CREATE FUNCTION splitplane._private_columns(relation regclass, plane_columns text[], private_columns text[])
RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    column_name text;
BEGIN
    IF (SELECT count(*) <> count(DISTINCT w.name) FROM unnest(private_columns) AS w(name)) THEN
        RAISE EXCEPTION 'the list of private columns of % holds a NULL or one name twice', relation
            USING ERRCODE = '22023';
    END IF;
    FOREACH column_name IN ARRAY coalesce(private_columns, '{}') LOOP
        IF column_name <> ALL (plane_columns) THEN
            RAISE EXCEPTION 'private column "%" is no column of % in the plane', column_name, relation
                USING ERRCODE = '42703';
        END IF;
    END LOOP;
    RETURN coalesce(private_columns, '{}');
END
$$;
REVOKE ALL ON FUNCTION splitplane._private_columns(regclass, text[], text[]) FROM PUBLIC;

-- Whether a plane name was that of the table, and the table has another one now, or has left its schema and another has
-- taken its place there. Such a name goes with the table's: it is refused. A name that was given stays.
CREATE FUNCTION splitplane._has_lost_name(relation regclass, name text, saved jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT saved ? 'named_after_table'
           AND EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                       WHERE c.oid = relation
                         AND (c.relname <> _has_lost_name.name
                              OR (n.nspname <> saved ->> 'schema'
                                  AND EXISTS (SELECT FROM pg_class AS o JOIN pg_namespace AS m ON m.oid = o.relnamespace
                                              WHERE m.nspname = saved ->> 'schema' AND o.relname = c.relname)))));
END
$$;
REVOKE ALL ON FUNCTION splitplane._has_lost_name(regclass, text, jsonb) FROM PUBLIC;

-- The form of a name in the plane.
CREATE FUNCTION splitplane._is_plane_name(chosen text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN chosen <> '' AND octet_length(chosen) <= 63 AND strpos(chosen, '.') = 0 AND chosen !~ '[[:cntrl:]]'
           AND lower(chosen) NOT LIKE 'pg\_%';
END
$$;
REVOKE ALL ON FUNCTION splitplane._is_plane_name(text) FROM PUBLIC;

CREATE FUNCTION splitplane._check_plane_name(chosen text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT splitplane._is_plane_name(chosen) THEN
        RAISE EXCEPTION 'plane name "%" must have 1 to 63 bytes, no dot, no control character, '
                        'and not start with "pg_"', chosen
            USING ERRCODE = '42602';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._check_plane_name(text) FROM PUBLIC;

CREATE FUNCTION splitplane._plane_name(relation regclass, name text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen text := coalesce(_plane_name.name, (SELECT c.relname FROM pg_class AS c WHERE c.oid = relation));
    holder regclass;
    is_lost boolean;
BEGIN
    PERFORM splitplane._check_plane_name(chosen);
    IF EXISTS (SELECT FROM splitplane.views AS v WHERE v.name = chosen) THEN
        RAISE EXCEPTION 'plane name "%" is taken by a view', chosen
            USING ERRCODE = '42710', HINT = 'Give another one as argument "name".';
    END IF;
    SELECT r.relation, splitplane._has_lost_name(r.relation, r.name, r.saved) INTO holder, is_lost
      FROM splitplane.relations AS r WHERE r.name = chosen AND r.relation <> _plane_name.relation;
    IF is_lost THEN
        RAISE EXCEPTION 'plane name "%" is that of %, which was renamed or moved', chosen, holder
            USING ERRCODE = '42710', HINT = 'splitplane.doctor() has the statements that settle it.';
    ELSIF FOUND THEN
        RAISE EXCEPTION 'plane name "%" is taken by %', chosen, holder
            USING ERRCODE = '42710', HINT = 'Give another one as argument "name".';
    END IF;
    RETURN chosen;
END
$$;
REVOKE ALL ON FUNCTION splitplane._plane_name(regclass, text) FROM PUBLIC;

-- A claim that no principal carries is most likely misspelt, and its relation would refuse every principal.
CREATE FUNCTION splitplane._check_claim(claim_name text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._check_claim_name(claim_name);
    IF claim_name = ANY (splitplane._identity_claims())
       OR EXISTS (SELECT FROM splitplane.principals AS p WHERE p.claims ? claim_name) THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM splitplane.principals) THEN
        RAISE EXCEPTION 'unknown claim "%": no principal carries it', claim_name
            USING ERRCODE = '22023', HINT = 'Admit the principals that carry it first.';
    END IF;
    RAISE WARNING 'claim "%" is not carried by any principal yet', claim_name;
END
$$;
REVOKE ALL ON FUNCTION splitplane._check_claim(text) FROM PUBLIC;

-- Warns of tenants that were admitted before a column of type bytea was bound to the tenant. admit refuses such ids
-- from then on.
CREATE FUNCTION splitplane._warn_of_other_ids(relation regclass, column_name text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    others bigint;
    first_of_them text;
BEGIN
    SELECT count(DISTINCT p.tenant), min(p.tenant) INTO others, first_of_them
      FROM splitplane.principals AS p WHERE p.enabled AND NOT splitplane._is_bytes(p.tenant);
    IF others > 0 THEN
        RAISE WARNING 'column "%" of % has type bytea, and admitted tenants that are no ids for it see no row there: '
                      '%, first "%"', column_name, relation, others, first_of_them
            USING HINT = 'Such an id is \x and two lower-case hexadecimal digits for each byte.';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._warn_of_other_ids(regclass, text) FROM PUBLIC;

-- The row-level security condition of a scope that has been checked: every column has one of its claim's values, or is
-- NULL where the scope says so. The proof knows these two forms and no other.
-- Domains are cast to their base type; the modifier is -1, since a bare "character" would mean character(1). NULL if a
-- column does not exist any more.
CREATE FUNCTION splitplane._scope_expression(relation regclass, scope jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT CASE WHEN count(*) = count(a.attname) THEN
            string_agg(format(CASE WHEN s.or_null THEN '(splitplane.in_scope(%s, %L::text) OR %I IS NULL)'
                                   ELSE 'splitplane.in_scope(%s, %L::text)' END,
                              CASE WHEN b.base = a.atttypid THEN quote_ident(s.key)
                                   ELSE format('%I::%s', s.key, format_type(b.base, -1)) END,
                              s.claim, s.key),
                       ' AND ' ORDER BY s.claim <> 'tenant', s.key) END
        FROM (SELECT e.key, w.claim, w.or_null
              FROM jsonb_each_text(scope) AS e CROSS JOIN LATERAL splitplane._binding(e.value) AS w) AS s
        LEFT JOIN pg_attribute AS a
            ON a.attrelid = relation AND a.attname = s.key AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN LATERAL (SELECT splitplane._base_type(a.atttypid)) AS b(base) ON true);
END
$$;
REVOKE ALL ON FUNCTION splitplane._scope_expression(regclass, jsonb) FROM PUBLIC;

-- The same for a scope that has not been checked. `through`: whose the rows are is said by foreign keys, and the scope,
-- which may be NULL or empty, narrows that.
CREATE FUNCTION splitplane._scope_condition(relation regclass, scope jsonb, through boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    column_name text;
    claim_name text;
    twice record;
    or_null boolean;
    catalog_row record;
    base oid;
    base_name text;
    takes_list boolean;
    binds_tenant boolean := false;
BEGIN
    IF through AND coalesce(scope, '{}') = '{}' THEN
        RETURN NULL;
    END IF;
    IF scope IS NULL OR jsonb_typeof(scope) <> 'object' OR scope = '{}'
       OR EXISTS (SELECT FROM jsonb_each(scope) AS s WHERE jsonb_typeof(s.value) <> 'string') THEN
        RAISE EXCEPTION 'scope must be a JSON object of column names and claim names, such as {"tenant_id": "tenant"}'
            USING ERRCODE = '22023';
    END IF;
    FOR column_name, claim_name, or_null IN
        SELECT s.key, w.claim, w.or_null
        FROM jsonb_each_text(scope) AS s CROSS JOIN LATERAL splitplane._binding(s.value) AS w
        ORDER BY w.claim <> 'tenant', s.key
    LOOP
        IF claim_name LIKE '% or null' THEN
            RAISE EXCEPTION 'column "%" of % is bound to "%": only the claim "tenant" can have "or null"',
                column_name, relation, claim_name
                USING ERRCODE = '22023';
        END IF;
        SELECT a.atttypid, a.attnotnull, a.attcollation, a.attgenerated INTO catalog_row
          FROM pg_attribute AS a
         WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'column "%" of % does not exist', column_name, relation USING ERRCODE = '42703';
        END IF;
        -- Its expression would be evaluated for the rows of every tenant, and ALTER COLUMN .. SET EXPRESSION changes
        -- the tenant of a row without a trace in the table or its policies.
        IF catalog_row.attgenerated = 'v' THEN
            RAISE EXCEPTION 'column "%" of % is a virtual generated column, which cannot carry a scope',
                column_name, relation
                USING ERRCODE = '0A000', HINT = 'Store it: GENERATED ALWAYS AS (..) STORED.';
        END IF;
        PERFORM splitplane._check_claim(claim_name);
        base := splitplane._base_type(catalog_row.atttypid);
        base_name := format_type(base, -1);
        -- Under such a collation 'brand-a' equals 'BRAND-A'.
        IF EXISTS (SELECT FROM pg_collation AS c
                   WHERE c.oid = catalog_row.attcollation AND NOT c.collisdeterministic) THEN
            RAISE EXCEPTION 'column "%" of % has a nondeterministic collation, '
                            'under which different tenants may compare equal', column_name, relation
                USING ERRCODE = '0A000';
        END IF;
        SELECT t.takes_list INTO takes_list FROM splitplane._scope_type(base) AS t;
        IF takes_list IS NOT TRUE AND claim_name <> ALL (splitplane._identity_claims()) THEN
            RAISE EXCEPTION 'column "%" of % has type %: a list claim needs %',
                column_name, relation, base_name, splitplane._list_types()
                USING ERRCODE = '0A000';
        END IF;
        IF takes_list IS NULL THEN
            RAISE EXCEPTION 'column "%" of % has type %, which cannot carry a scope', column_name, relation, base_name
                USING ERRCODE = '0A000',
                      HINT = 'Scope columns are smallint, integer, bigint, text, character varying, character(n), '
                             'date, uuid or bytea; numeric and enums work, but are estimated worse.';
        END IF;
        IF NOT splitplane._equality_is_leakproof(base) THEN
            RAISE WARNING 'column "%" of % has type %, whose equality is not leakproof: '
                          'estimates do not see which tenants have many rows', column_name, relation, base_name;
        END IF;
        IF claim_name = 'tenant' THEN
            binds_tenant := true;
            IF base = 'bytea'::regtype THEN
                PERFORM splitplane._warn_of_other_ids(relation, column_name);
            END IF;
            IF or_null THEN
                RAISE WARNING 'every tenant sees the rows of % whose "%" is NULL: a row that loses its tenant becomes '
                              'everybody''s', relation, column_name;
            ELSIF NOT catalog_row.attnotnull THEN
                RAISE WARNING 'tenant column "%" of % may be NULL: such rows belong to no tenant and are never seen',
                    column_name, relation;
            END IF;
        END IF;
    END LOOP;
    IF through AND binds_tenant THEN
        RAISE EXCEPTION 'scope of % binds a column to claim "tenant", and its foreign key says whose its rows are',
            relation
            USING ERRCODE = '22023', HINT = 'A table with a tenant column of its own is for splitplane.protect.';
    ELSIF through THEN
        RETURN splitplane._scope_expression(relation, scope);
    END IF;
    -- A list claim alone would let two tenants that hold one value see each other's rows.
    IF NOT binds_tenant
       AND NOT EXISTS (SELECT FROM splitplane.claims AS c JOIN jsonb_each_text(scope) AS s ON s.value = c.claim
                       WHERE c.exclusive) THEN
        claim_name := (SELECT s.value FROM jsonb_each_text(scope) AS s
                       WHERE s.value <> ALL (splitplane._identity_claims()) ORDER BY s.value LIMIT 1);
        RAISE EXCEPTION 'scope of % binds no column to claim "tenant"', relation
            USING ERRCODE = '22023',
                  HINT = concat(
                      'For a table that is the same for every tenant, use splitplane.share.',
                      CASE WHEN claim_name IS NOT NULL
                           THEN format(' If no two tenants ever hold one value of claim "%1$s": '
                                       'SELECT splitplane.declare_claim(%1$L);', claim_name) END);
    END IF;
    -- Nor does it help that the claim is exclusive where its values were given to two tenants by hand.
    IF NOT binds_tenant THEN
        SELECT s.claim, s.tenant, s.other, s.value INTO twice
          FROM splitplane._shared_values(ARRAY(SELECT c.claim FROM splitplane.claims AS c
                                               JOIN jsonb_each_text(scope) AS e ON e.value = c.claim
                                               WHERE c.exclusive)) AS s
         LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'tenants "%" and "%" both hold value "%" of the exclusive claim "%"', twice.tenant,
                twice.other, twice.value, twice.claim
                USING ERRCODE = '22023', HINT = 'splitplane.doctor() has the statement that settles it.';
        END IF;
    END IF;
    RETURN splitplane._scope_expression(relation, scope);
END
$$;
REVOKE ALL ON FUNCTION splitplane._scope_condition(regclass, jsonb, boolean) FROM PUBLIC;
