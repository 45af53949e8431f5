-- Written by tools/upgrade_script.py from sql/upgrades/0.1.0--0.2.0.sql and the install fragments; edit those.
-- In the schema that the extension was installed into others may have made operators, which must not be taken for PostgreSQL's.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL quote_all_identifiers = off;

-- What is made here belongs to whom the rest belongs, whichever superuser updates.
SELECT pg_catalog.set_config('role', r.rolname, true)
  FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_roles AS r ON r.oid = e.extowner
 WHERE e.extname = 'splitplane' AND r.rolsuper AND r.rolname <> CURRENT_USER;

-- A function that gets an argument is a new function: the old one steps aside, and hands over who may call it below. Where
-- objects depend on it the update stops before anything is changed; CASCADE would take them along.
DO $dependents$
DECLARE
    changed regprocedure;
    dependents text;
BEGIN
    FOREACH changed IN ARRAY ARRAY['splitplane.sign(text,text,text,text,text)']::pg_catalog.regprocedure[] LOOP
        SELECT pg_catalog.string_agg(DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), ', ') INTO dependents
          FROM pg_catalog.pg_depend AS d
         WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.refobjid = changed AND d.deptype <> 'e';
        IF dependents IS NOT NULL THEN
            RAISE EXCEPTION 'function % gets an argument, and objects depend on it: %', changed, dependents
                USING ERRCODE = '2BP01', HINT = 'Drop them, run ALTER EXTENSION splitplane UPDATE again, and create them anew.';
        END IF;
    END LOOP;
END
$dependents$;
ALTER FUNCTION splitplane.sign(text, text, text, text, text) RENAME TO _sign_before;

-- Whether a table's fences are as they were built, and its policy as it was made, must be asked before anything is changed: see
-- the end.
UPDATE splitplane.relations AS r
   SET saved = r.saved || pg_catalog.jsonb_build_object(
           'unchanged', f.fingerprint IS NOT DISTINCT FROM r.saved ->> 'fingerprint',
           'tampered', NOT r.shared AND (p.oid IS NULL OR p.polpermissive OR p.polcmd <> 'r' OR p.polwithcheck IS NOT NULL
                                         OR p.polroles IS DISTINCT FROM ARRAY[pg_catalog.to_regrole('splitplane_reader')::oid]
                                         OR pg_catalog.pg_get_expr(p.polqual, p.polrelid) IS DISTINCT FROM r.saved ->> 'policy'))
  FROM splitplane._fences AS f LEFT JOIN pg_catalog.pg_policy AS p ON p.polrelid = f.relation AND p.polname = 'splitplane_scope'
 WHERE f.relation = r.relation;

-- A function that was dropped and made anew under the same signature by another owner is not the one that was allowed.
CREATE OR REPLACE VIEW splitplane.functions AS
    SELECT p.oid::pg_catalog.regprocedure AS function, f.saved
    FROM splitplane.allowed_functions AS f
    JOIN pg_catalog.pg_proc AS p ON p.oid = pg_catalog.to_regprocedure(f.signature)
    WHERE pg_catalog.pg_get_userbyid(p.proowner) = f.saved ->> 'owner';

-- The claims of the running call, for policies and for the index condition below; NULL outside one. A parallel worker reads
-- its leader's.
CREATE OR REPLACE FUNCTION splitplane.claim(name text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'claim_wrapper';

CREATE OR REPLACE FUNCTION splitplane.claim_list(name text) RETURNS text[]
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'claim_list_wrapper';

-- The planner's view of in_scope: it costs nothing and keeps every row, since the plane's own condition on the same column
-- has counted both already. For a type whose equality is not leakproof it gives the index condition.
CREATE FUNCTION splitplane.in_scope_support(request internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'in_scope_support_wrapper';

REVOKE ALL ON FUNCTION splitplane.in_scope_support(internal) FROM PUBLIC;

-- The row-level security condition of a plane relation: whether the value is of the claim's. LEAKPROOF: whether it fails
-- does not depend on the row, and PostgreSQL may put it before every other condition.
CREATE FUNCTION splitplane.in_scope(value anyelement, claim text) RETURNS boolean
LANGUAGE c STABLE LEAKPROOF STRICT PARALLEL SAFE COST 1 SUPPORT splitplane.in_scope_support
AS 'MODULE_PATHNAME', 'in_scope_wrapper';

REVOKE ALL ON FUNCTION splitplane.in_scope(anyelement, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.in_scope(anyelement, text) TO splitplane_reader;

-- The same for a shared table that had row-level security: whether a call is running.
CREATE FUNCTION splitplane.in_call() RETURNS boolean
LANGUAGE c STABLE LEAKPROOF STRICT PARALLEL SAFE COST 1 SUPPORT splitplane.in_scope_support
AS 'MODULE_PATHNAME', 'in_call_wrapper';

REVOKE ALL ON FUNCTION splitplane.in_call() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.in_call() TO splitplane_reader;

-- Put by the guard around regular expressions and JSON paths that are made while the statement runs.
CREATE FUNCTION splitplane.pattern(value anyelement) RETURNS anyelement
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'pattern_wrapper';

REVOKE ALL ON FUNCTION splitplane.pattern(anyelement) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.pattern(anyelement) TO splitplane_reader;

-- Put by the guard around texts that name a time zone: PostgreSQL keeps every other spelling until the session ends.
CREATE FUNCTION splitplane.zone(name text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'zone_wrapper';

REVOKE ALL ON FUNCTION splitplane.zone(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.zone(text) TO splitplane_reader;

-- Put by the guard around values that are read as dates or times: they may hold the name of a time zone.
CREATE FUNCTION splitplane.dated(value anyelement) RETURNS anyelement
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'dated_wrapper';

REVOKE ALL ON FUNCTION splitplane.dated(anyelement) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.dated(anyelement) TO splitplane_reader;

-- Put around expressions that PostgreSQL takes for leakproof and that may raise an error. It must never be marked LEAKPROOF.
CREATE FUNCTION splitplane.behind(value anyelement) RETURNS anyelement
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'behind_wrapper';

REVOKE ALL ON FUNCTION splitplane.behind(anyelement) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.behind(anyelement) TO splitplane_reader;

-- Put in the place of columns that the key in GROUP BY determines and whose type has no equality: one of the group's
-- values.
CREATE FUNCTION splitplane.keep(kept anyelement, value anyelement) RETURNS anyelement
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'keep_wrapper';

REVOKE ALL ON FUNCTION splitplane.keep(anyelement, anyelement) FROM PUBLIC;

CREATE AGGREGATE splitplane.kept(anyelement)
    (SFUNC = splitplane.keep, STYPE = anyelement, COMBINEFUNC = splitplane.keep, PARALLEL = SAFE);

REVOKE ALL ON FUNCTION splitplane.kept(anyelement) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.kept(anyelement) TO splitplane_reader;

-- The administrator's own value of a setting that ask takes from the server, whatever the session has.
CREATE FUNCTION splitplane._configured(name text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', '_configured_wrapper';

REVOKE ALL ON FUNCTION splitplane._configured(text) FROM PUBLIC;

-- SECURITY DEFINER: it opens the sealed secret of the key, which not even an administrator may read.
CREATE FUNCTION splitplane.sign(key_id text, tenant text, business text DEFAULT '', subject text DEFAULT '', payload text DEFAULT '', conversation text DEFAULT '') RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', '_sign_wrapper';

REVOKE ALL ON FUNCTION splitplane.sign(text, text, text, text, text, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.sign(text, text, text, text, text, text) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.sign(text, text, text, text, text, text) IS 'A signed context, for psql, demonstrations and tests; applications sign with an AWS SDK.';

-- Whether two texts are one value of a type; a text that is no value of it is equal to none.
CREATE OR REPLACE FUNCTION splitplane._is_same_value(type_id oid, one text, other text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    same boolean;
BEGIN
    EXECUTE format('SELECT %L::%s OPERATOR(pg_catalog.=) %L::%2$s', one, format_type(type_id, -1), other) INTO same;
    RETURN same;
EXCEPTION WHEN data_exception THEN
    RETURN false;
END
$$;

-- Columns of the plane that are bound to the tenant, with the type that their values are compared in.
CREATE FUNCTION splitplane._tenant_columns() RETURNS TABLE (relation regclass, column_name text, base oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.relation, a.attname::text, splitplane._base_type(a.atttypid)
    FROM splitplane.relations AS r
    JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped AND r.scope ->> a.attname::text = 'tenant'
$$;

REVOKE ALL ON FUNCTION splitplane._tenant_columns() FROM PUBLIC;

-- A scope column's type may read two ids as one value: 2 and 02 as numbers, two spellings of a uuid. These forms, which are
-- indexed, find the ids that could be meant; the column's own type then decides. NULL where a text is none of the kind.
CREATE FUNCTION splitplane._as_number(id text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN id::numeric;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION splitplane._as_number(text) FROM PUBLIC;

CREATE FUNCTION splitplane._as_uuid(id text) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN id::uuid;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION splitplane._as_uuid(text) FROM PUBLIC;

-- Other admitted tenants that the tenant column of some plane relation cannot tell from this one, one for each.
CREATE FUNCTION splitplane._same_tenants(id text) RETURNS TABLE (other text, relation regclass, column_name text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH candidates AS (
        SELECT p.tenant FROM splitplane.principals AS p WHERE splitplane._as_number(p.tenant) = splitplane._as_number(id) AND p.enabled
        UNION
        SELECT p.tenant FROM splitplane.principals AS p WHERE splitplane._as_uuid(p.tenant) = splitplane._as_uuid(id) AND p.enabled
        UNION
        -- A date has too many spellings for an index; few databases have tenants that are dates.
        SELECT p.tenant FROM splitplane.principals AS p
        WHERE p.enabled AND EXISTS (SELECT FROM splitplane._tenant_columns() AS c WHERE c.base = 'date'::regtype)
    )
    SELECT DISTINCT ON (k.tenant) k.tenant, c.relation, c.column_name
    FROM candidates AS k CROSS JOIN splitplane._tenant_columns() AS c
    WHERE k.tenant <> id AND splitplane._is_same_value(c.base, k.tenant, id)
    ORDER BY k.tenant, c.relation::text
$$;

REVOKE ALL ON FUNCTION splitplane._same_tenants(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION splitplane.admit(tenant text, business text DEFAULT '*', subject text DEFAULT '*', claims jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    claim_name text;
    claim_value jsonb;
    same record;
BEGIN
    PERFORM splitplane._check_principal(tenant, business, subject);
    IF EXISTS (SELECT FROM splitplane._tenant_columns() AS c WHERE c.base NOT IN ('text'::regtype, 'varchar'::regtype)) THEN
        -- Another spelling that is admitted at the same time must not be missed.
        LOCK TABLE splitplane.principals IN SHARE ROW EXCLUSIVE MODE;
        SELECT s.other, s.relation, s.column_name INTO same FROM splitplane._same_tenants(admit.tenant) AS s LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'tenant "%" is the same value as tenant "%" in column "%" of %', tenant, same.other, same.column_name, same.relation
                USING ERRCODE = '22023', HINT = 'Each would see the rows of the other. Admit a tenant under one spelling only.';
        END IF;
    END IF;
    IF claims IS NULL OR jsonb_typeof(claims) <> 'object' THEN
        RAISE EXCEPTION 'claims must be a JSON object such as {"stores": [1, 2]}' USING ERRCODE = '22023';
    END IF;
    FOR claim_name, claim_value IN SELECT c.key, c.value FROM jsonb_each(claims) AS c LOOP
        IF claim_name IN ('tenant', 'business', 'subject') THEN
            RAISE EXCEPTION 'claim "%" comes from the signed context and cannot be set', claim_name USING ERRCODE = '22023';
        END IF;
        IF claim_name !~ '^[a-z_][a-z0-9_]{0,62}$' THEN
            RAISE EXCEPTION 'claim name "%" is not a lower-case identifier', claim_name USING ERRCODE = '22023';
        END IF;
        IF jsonb_typeof(claim_value) NOT IN ('string', 'number', 'boolean', 'array')
           OR (jsonb_typeof(claim_value) = 'array'
               AND EXISTS (SELECT FROM jsonb_array_elements(claim_value) AS e(item)
                           WHERE jsonb_typeof(e.item) NOT IN ('string', 'number', 'boolean'))) THEN
            RAISE EXCEPTION 'claim "%" must be a string, a number, a boolean, or an array of those', claim_name USING ERRCODE = '22023';
        END IF;
    END LOOP;
    INSERT INTO splitplane.principals AS p (tenant, business, subject, claims, enabled)
    VALUES (admit.tenant, admit.business, admit.subject, admit.claims, true)
    ON CONFLICT ON CONSTRAINT principals_pkey DO UPDATE SET claims = excluded.claims, enabled = true;
END
$$;

-- The plane's columns of a relation: those named, or all. A column that cannot be carried is refused by name rather than
-- left out in silence.
CREATE OR REPLACE FUNCTION splitplane._plane_columns(relation regclass, columns text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    wanted text[] := columns;
    column_name text;
    column_type oid;
BEGIN
    IF wanted IS NULL THEN
        SELECT array_agg(a.attname::text ORDER BY a.attnum) INTO wanted
          FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
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
        IF NOT splitplane._type_is_safe(column_type) THEN
            RAISE EXCEPTION 'column "%" of % has type %, which the plane does not carry', column_name, relation, format_type(column_type, NULL)
                USING ERRCODE = '0A000', HINT = 'Give the list of columns without it.';
        END IF;
    END LOOP;
    RETURN wanted;
END
$$;

-- The row-level security condition of a scope that is known to be sound: every column is of its claim's values. Domains
-- are read as their base type; with -1, since a bare "character" would mean character(1). NULL when a column is gone.
CREATE FUNCTION splitplane._scope_expression(relation regclass, scope jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT CASE WHEN count(*) = count(a.attname) THEN
        string_agg(format('splitplane.in_scope(%s, %L::text)',
                          CASE WHEN b.base = a.atttypid THEN quote_ident(s.key) ELSE format('%I::%s', s.key, format_type(b.base, -1)) END, s.value),
                   ' AND ' ORDER BY s.value <> 'tenant', s.key) END
    FROM jsonb_each_text(scope) AS s
    LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = s.key AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN LATERAL (SELECT splitplane._base_type(a.atttypid)) AS b(base) ON true
$$;

REVOKE ALL ON FUNCTION splitplane._scope_expression(regclass, jsonb) FROM PUBLIC;

-- The same for a scope that is to be looked at first. tenant, business and subject are single values; any other claim is
-- a list.
CREATE OR REPLACE FUNCTION splitplane._scope_condition(relation regclass, scope jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    column_name text;
    claim_name text;
    catalog_row record;
    base oid;
    base_name text;
    binds_tenant boolean := false;
BEGIN
    IF scope IS NULL OR jsonb_typeof(scope) <> 'object' OR scope = '{}'
       OR EXISTS (SELECT FROM jsonb_each(scope) AS s WHERE jsonb_typeof(s.value) <> 'string') THEN
        RAISE EXCEPTION 'scope must be a JSON object of column names and claim names, such as {"tenant_id": "tenant"}' USING ERRCODE = '22023';
    END IF;
    FOR column_name, claim_name IN
        SELECT s.key, s.value FROM jsonb_each_text(scope) AS s ORDER BY s.value <> 'tenant', s.key
    LOOP
        SELECT a.atttypid, a.attnotnull, a.attcollation, a.attgenerated INTO catalog_row
          FROM pg_attribute AS a
         WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'column "%" of % does not exist', column_name, relation USING ERRCODE = '42703';
        END IF;
        -- Its expression would be evaluated for the rows of every tenant, and ALTER COLUMN .. SET EXPRESSION changes whose a
        -- row is without a trace in the table or its policies.
        IF catalog_row.attgenerated = 'v' THEN
            RAISE EXCEPTION 'column "%" of % is a virtual generated column, which cannot carry a scope', column_name, relation
                USING ERRCODE = '0A000', HINT = 'Store it: GENERATED ALWAYS AS (..) STORED.';
        END IF;
        PERFORM splitplane._check_claim(claim_name);
        base := splitplane._base_type(catalog_row.atttypid);
        base_name := format_type(base, -1);
        -- Under such a collation 'brand-a' equals 'BRAND-A'.
        IF EXISTS (SELECT FROM pg_collation AS c WHERE c.oid = catalog_row.attcollation AND NOT c.collisdeterministic) THEN
            RAISE EXCEPTION 'column "%" of % has a nondeterministic collation, under which different tenants may compare equal', column_name, relation
                USING ERRCODE = '0A000';
        END IF;
        IF base NOT IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'text'::regtype, 'varchar'::regtype, 'uuid'::regtype) THEN
            IF claim_name NOT IN ('tenant', 'business', 'subject') THEN
                RAISE EXCEPTION 'column "%" of % has type %: a list claim needs smallint, integer, bigint, text, character varying or uuid',
                    column_name, relation, base_name USING ERRCODE = '0A000';
            END IF;
            -- Only types in which no two claims become one value: name cuts at 63 bytes, real and money round, "char" keeps one byte.
            IF base NOT IN ('numeric'::regtype, 'bpchar'::regtype, 'date'::regtype)
               AND NOT EXISTS (SELECT FROM pg_type AS t WHERE t.oid = base AND t.typtype = 'e') THEN
                RAISE EXCEPTION 'column "%" of % has type %, which cannot carry a scope', column_name, relation, base_name
                    USING ERRCODE = '0A000', HINT = 'Scope columns are smallint, integer, bigint, text, character varying, character(n), date or uuid; numeric and enums work, but are estimated worse.';
            END IF;
            IF base NOT IN ('bpchar'::regtype, 'date'::regtype) THEN
                RAISE WARNING 'column "%" of % has type %, whose equality is not leakproof: estimates do not see which tenants have many rows',
                    column_name, relation, base_name;
            END IF;
        END IF;
        IF claim_name = 'tenant' THEN
            binds_tenant := true;
            IF NOT catalog_row.attnotnull THEN
                RAISE WARNING 'tenant column "%" of % may be NULL: such rows belong to no tenant and are never seen', column_name, relation;
            END IF;
        END IF;
    END LOOP;
    IF NOT binds_tenant THEN
        RAISE EXCEPTION 'scope of % binds no column to claim "tenant"', relation
            USING ERRCODE = '22023', HINT = 'For a table that is the same for every tenant, use splitplane.share.';
    END IF;
    RETURN splitplane._scope_expression(relation, scope);
END
$$;

-- protect, share and unprotect: the fences around the plane's relations.

-- The policies that splitplane makes. PostgreSQL evaluates restrictive policies in the order of their names, so that of the
-- scope has one that stands before ordinary names. The last is that of versions before 0.2.0.
CREATE FUNCTION splitplane._policy_names() RETURNS name[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY['!splitplane_scope', 'splitplane_closed', 'splitplane_read', 'splitplane_others', 'splitplane_scope']::name[]
$$;

REVOKE ALL ON FUNCTION splitplane._policy_names() FROM PUBLIC;

-- One number for everything that fences a relation: owner, row-level security, grants, scope policy, and the names, types
-- and grants of its columns. As long as it is what it was when the relation was registered, nothing needs to be looked at
-- more closely, which keeps the check of every new backend cheap. It also changes for harmless reasons, and after a restore.
CREATE OR REPLACE VIEW splitplane._fences AS
    SELECT r.relation, r.saved,
           pg_catalog.hash_record_extended(ROW(c.relowner, c.relrowsecurity, c.relacl, r.shared, r.scope, r.columns, a.columns_hash,
               p.polpermissive, p.polcmd, p.polroles, pg_catalog.hashtextextended(p.polqual::text, 0), p.polwithcheck IS NULL), 0)::text AS fingerprint
    FROM splitplane.relations AS r
    JOIN pg_catalog.pg_class AS c ON c.oid = r.relation
    LEFT JOIN pg_catalog.pg_policy AS p ON p.polrelid = r.relation AND p.polname = '!splitplane_scope'
    CROSS JOIN LATERAL (
        SELECT pg_catalog.sum(pg_catalog.hash_record_extended(ROW(a.attname, a.attnum, a.atttypid, a.atttypmod, a.attcollation, a.attisdropped, a.attacl),
                                                                -- As seed, so that columns that swap names do not add up to the same.
                                                                a.attnum)) AS columns_hash
        FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = r.relation
    ) AS a;

-- The scope columns' types in words, which outlive a dump and restore where OIDs and column numbers do not.
CREATE OR REPLACE FUNCTION splitplane._scope_types(relation regclass, scope jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT jsonb_object_agg(a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
               (SELECT 'nondeterministic' FROM pg_collation AS c WHERE c.oid = a.attcollation AND NOT c.collisdeterministic)))
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND scope ? a.attname::text
$$;

-- Restrictive policies that are not ours: they bind everybody as soon as row-level security is on.
CREATE OR REPLACE FUNCTION splitplane._other_restrictions(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(quote_ident(p.polname), ', ' ORDER BY p.polname)
    FROM pg_policy AS p
    WHERE p.polrelid = relation AND NOT p.polpermissive AND p.polname <> ALL (splitplane._policy_names())
$$;

CREATE OR REPLACE FUNCTION splitplane._drop_policies(relation regclass, qualified text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    policy_name name;
BEGIN
    FOR policy_name IN
        SELECT p.polname FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = ANY (splitplane._policy_names())
    LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy_name, qualified);
    END LOOP;
END
$$;

-- The policies of a relation that is registered, none of them there yet. Whatever lets the reader see rows of a
-- protected table calls a function of the extension, and goes with it.
--   !splitplane_scope   what the reader may see; restrictive, so it holds beside every permissive policy
--   splitplane_read     without a permissive policy nothing would be seen
--   splitplane_closed   lets the reader see nothing while !splitplane_scope is not there: after DROP EXTENSION .. CASCADE, or
--                       in a dump that was restored without the extension. It calls nothing of the extension's.
--   splitplane_others   every other role goes on working as before
CREATE FUNCTION splitplane._make_policies(relation regclass, qualified text, shared boolean, condition text, had_row_security boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT shared OR had_row_security THEN
        EXECUTE format('CREATE POLICY splitplane_read ON %s AS PERMISSIVE FOR SELECT TO splitplane_reader USING (%s)', qualified,
                       CASE WHEN shared THEN 'splitplane.in_call()' ELSE condition END);
    END IF;
    IF NOT shared THEN
        EXECUTE format('CREATE POLICY "!splitplane_scope" ON %s AS RESTRICTIVE FOR SELECT TO splitplane_reader USING (%s)', qualified, condition);
        EXECUTE format('CREATE POLICY splitplane_closed ON %s AS RESTRICTIVE FOR ALL TO splitplane_reader USING (EXISTS (SELECT FROM pg_catalog.pg_policy AS p '
                       'WHERE p.polrelid OPERATOR(pg_catalog.=) %L::pg_catalog.regclass AND p.polname OPERATOR(pg_catalog.=) ''!splitplane_scope''))', qualified, qualified);
        IF NOT had_row_security THEN
            EXECUTE format('CREATE POLICY splitplane_others ON %s AS PERMISSIVE FOR ALL TO PUBLIC USING (true) WITH CHECK (true)', qualified);
        END IF;
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', qualified);
    END IF;
END
$$;

REVOKE ALL ON FUNCTION splitplane._make_policies(regclass, text, boolean, text, boolean) FROM PUBLIC;

-- The policies' conditions in words, which doctor() compares with: those words outlive a dump and restore.
CREATE FUNCTION splitplane._policy_texts(relation regclass) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT jsonb_build_object('policy', max(pg_get_expr(p.polqual, p.polrelid)) FILTER (WHERE p.polname = '!splitplane_scope'),
                              'closed', max(pg_get_expr(p.polqual, p.polrelid)) FILTER (WHERE p.polname = 'splitplane_closed'))
    FROM pg_policy AS p WHERE p.polrelid = relation
$$;

REVOKE ALL ON FUNCTION splitplane._policy_texts(regclass) FROM PUBLIC;

-- Registering again starts from the table as it was: nothing of an earlier registration survives, and `saved` stays true.
-- All in one transaction under an exclusive lock, so that nobody sees the table unfenced in between.
CREATE OR REPLACE FUNCTION splitplane._register(relation regclass, shared boolean, scope jsonb, columns text[], name text, private_columns text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    qualified text;
    plane_name text;
    plane_columns text[];
    hidden_from_models text[];
    no_longer text;
    condition text;
    had_row_security boolean;
    saved jsonb;
    schema_name text;
    left_behind boolean;
    earlier text;
BEGIN
    -- One registration at a time: neighbours in a schema share its grant.
    LOCK TABLE splitplane.relations, splitplane.allowed_functions IN SHARE ROW EXCLUSIVE MODE;
    -- A dropped table has left its registration behind; its plane name is free.
    DELETE FROM splitplane.relations AS r WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = r.relation);
    qualified := splitplane._lock_relation(relation, true);
    plane_columns := splitplane._plane_columns(relation, columns);
    hidden_from_models := splitplane._private_columns(relation, plane_columns, private_columns);
    plane_name := splitplane._plane_name(relation, name);
    IF NOT shared THEN
        condition := splitplane._scope_condition(relation, scope);
    END IF;
    -- Said rather than kept: what is registered is what this call names, as with columns.
    SELECT string_agg(quote_ident(p.name), ', ' ORDER BY p.name) INTO no_longer
      FROM splitplane.relations AS r CROSS JOIN LATERAL unnest(r.private_columns) AS p(name)
     WHERE r.relation = _register.relation AND p.name = ANY (plane_columns) AND p.name <> ALL (hidden_from_models);
    IF no_longer IS NOT NULL THEN
        RAISE WARNING 'private no longer in %: %', qualified, no_longer
            USING HINT = 'Name private columns each time a table is registered.';
    END IF;
    IF EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = _register.relation) THEN
        PERFORM splitplane._withdraw(relation, qualified);
    END IF;

    SELECT c.relrowsecurity, n.nspname INTO had_row_security, schema_name
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation;
    -- DROP EXTENSION CASCADE without unprotect leaves policies and grants behind: they are ours, not the table's own.
    left_behind := EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = ANY (splitplane._policy_names()));
    IF EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = 'splitplane_others') THEN
        had_row_security := false;
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', qualified);
    END IF;
    IF NOT shared AND NOT had_row_security THEN
        IF splitplane._other_restrictions(relation) IS NOT NULL THEN
            RAISE EXCEPTION '% has restrictive policies that are not in force: %', qualified, splitplane._other_restrictions(relation)
                USING ERRCODE = '55000',
                      HINT = 'protect switches row-level security on, and they would begin to bind other roles. Drop them, or enable row-level security yourself first.';
        END IF;
        IF EXISTS (SELECT FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS g
                   WHERE c.oid = relation AND g.privilege_type = 'INSERT' AND g.grantee <> c.relowner) THEN
            RAISE NOTICE 'row-level security is switched on for %: COPY FROM works for its owner and superusers only, and pg_dump needs one of them or BYPASSRLS', qualified;
        END IF;
    END IF;
    IF EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = relation) THEN
        RAISE NOTICE '% has partitions or children: its own policies and grants apply when it is read, theirs do not', qualified;
    END IF;

    saved := jsonb_build_object('schema', schema_name, 'grants', CASE WHEN left_behind THEN '[]' ELSE splitplane._reader_grants(relation, qualified) END,
                                'all_columns', columns IS NULL, 'schema_usage', splitplane._use_schema(schema_name));
    PERFORM splitplane._drop_policies(relation, qualified);
    EXECUTE format('REVOKE ALL ON TABLE %s FROM splitplane_reader', qualified);
    EXECUTE (SELECT format('GRANT SELECT (%s) ON TABLE %s TO splitplane_reader', string_agg(DISTINCT quote_ident(w.name), ', '), qualified)
             FROM (SELECT unnest(plane_columns) UNION ALL SELECT jsonb_object_keys(CASE WHEN shared THEN '{}'::jsonb ELSE scope END)) AS w(name));
    PERFORM splitplane._make_policies(relation, qualified, shared, condition, had_row_security);
    IF NOT shared THEN
        SELECT string_agg(quote_ident(p.polname), ', ' ORDER BY p.polname) INTO earlier
          FROM pg_policy AS p
         WHERE p.polrelid = relation AND NOT p.polpermissive AND p.polname < '!splitplane_scope'
           AND p.polroles && ARRAY[0, 'splitplane_reader'::regrole::oid] AND p.polcmd IN ('r', '*');
        IF earlier IS NOT NULL THEN
            RAISE WARNING '% has restrictive policies whose names sort before splitplane''s, so ask refuses to read it: %', qualified, earlier
                USING HINT = 'PostgreSQL evaluates policies in the order of their names. Rename them: ALTER POLICY .. RENAME TO ..; splitplane.doctor() gives the statements.';
        END IF;
    END IF;

    INSERT INTO splitplane.relations (relation, name, shared, scope, columns, private_columns, had_row_security, saved)
    VALUES (_register.relation, plane_name, _register.shared, CASE WHEN shared THEN '{}' ELSE _register.scope END, plane_columns, hidden_from_models,
            had_row_security, saved);
    UPDATE splitplane.relations AS r
       SET saved = r.saved || splitplane._policy_texts(r.relation)
                           || jsonb_build_object('fingerprint', f.fingerprint, 'types', splitplane._scope_types(r.relation, r.scope))
      FROM splitplane._fences AS f
     WHERE r.relation = _register.relation AND f.relation = r.relation;
END
$$;

-- allow_function and disallow_function: functions beyond the built-in allowlist.

-- Always schema-qualified, so that no search_path can make the text mean another function.
CREATE OR REPLACE FUNCTION splitplane._signature(function regprocedure) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT format('%I.%I(%s)', n.nspname, p.proname,
                  (SELECT string_agg(format_type(t.id, NULL), ', ' ORDER BY t.position) FROM unnest(p.proargtypes) WITH ORDINALITY AS t(id, position)))
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE p.oid = function
$$;

CREATE OR REPLACE FUNCTION splitplane.allow_function(function regprocedure) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text := splitplane._signature(function);
    catalog_row record;
    refusal text;
    had_execute boolean;
BEGIN
    IF wanted IS NULL THEN
        RAISE EXCEPTION 'function does not exist' USING ERRCODE = '42883';
    END IF;
    SELECT p.oid, p.proname, n.nspname, p.prokind, p.prosecdef, p.proleakproof, p.provolatile, pg_get_userbyid(p.proowner) AS owner,
           array_append(p.proargtypes::oid[], p.prorettype) AS types,
           EXISTS (SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
                   WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass
                     AND d.deptype = 'e' AND e.extname = 'splitplane') AS ours
      INTO catalog_row
      FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
     WHERE p.oid = allow_function.function;
    refusal := CASE
        WHEN catalog_row.ours OR catalog_row.nspname = 'splitplane' THEN 'it belongs to splitplane'
        WHEN catalog_row.nspname = 'information_schema' OR catalog_row.nspname LIKE 'pg\_temp%' THEN 'of its schema'
        WHEN catalog_row.prokind = 'p' THEN 'it is a procedure'
        -- Polymorphic and record types are pseudo-types too, and are fine; these hand over pointers or make no sense in a query.
        WHEN EXISTS (SELECT FROM unnest(catalog_row.types) AS u(id) JOIN pg_type AS t ON t.oid = u.id
                     WHERE t.typtype = 'p' AND t.typname NOT IN ('record', 'void', 'any') AND t.typname NOT LIKE 'any%') THEN
            'it takes or returns an internal type'
        -- PostgreSQL evaluates it before row-level security, over every tenant's rows, and believes the mark.
        WHEN catalog_row.proleakproof AND catalog_row.oid >= 16384 THEN 'it is marked LEAKPROOF'
        -- Built-in functions with effects, or that read settings, files, catalogs, or run SQL given as text, step round
        -- every check of the plane. Those left are clocks and dice.
        WHEN catalog_row.nspname = 'pg_catalog' AND catalog_row.provolatile = 'v'
             AND catalog_row.proname NOT IN ('random', 'random_normal', 'clock_timestamp', 'timeofday', 'gen_random_uuid', 'uuidv4', 'uuidv7') THEN
            'it has effects or reads more than the plane'
        WHEN catalog_row.nspname = 'pg_catalog' AND catalog_row.provolatile = 's'
             AND (catalog_row.proname ~ '^(pg_|has_|to_reg|txid_|inet_(client|server)_|current_(setting|schema)|row_security_|format_type|version$)'
                  OR catalog_row.proname ~ '^((table|schema|database)_to_xml|(obj|col|shobj)_description)') THEN
            'it reads more than the plane'
    END;
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION 'function % cannot be in the plane: %', wanted, refusal USING ERRCODE = '42501';
    END IF;

    LOCK TABLE splitplane.relations, splitplane.allowed_functions IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM splitplane.functions AS f WHERE f.function = allow_function.function) THEN
        RETURN;
    END IF;
    -- A row of another owner's function of the same name is no permission for this one.
    DELETE FROM splitplane.allowed_functions AS f WHERE f.signature = wanted;
    IF catalog_row.prosecdef THEN
        RAISE WARNING 'function % runs with the rights of %, not of splitplane_reader: row-level security holds in it only as far as it holds for that role',
            wanted, catalog_row.owner;
    END IF;
    had_execute := has_function_privilege('splitplane_reader', catalog_row.oid, 'EXECUTE');
    INSERT INTO splitplane.allowed_functions (signature, saved)
    VALUES (wanted, jsonb_build_object('owner', catalog_row.owner, 'security_definer', catalog_row.prosecdef, 'schema', catalog_row.nspname,
            'schema_usage', splitplane._use_schema(catalog_row.nspname), 'execute', had_execute));
    IF NOT had_execute THEN
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO splitplane_reader', wanted);
    END IF;
END
$$;

-- describe: the plane as a model is shown it. Plane names only: no schema, no hidden column, no scope, no row.

-- Enums and domains of the plane's columns. Each is known by its bare name, whatever its schema; two of one name, and one named
-- as a type of PostgreSQL's own, are shown as the type of their column and cannot be written. Nor can a domain whose checks
-- call functions that are not PostgreSQL's: a cast would run them over whatever the statement likes.
CREATE FUNCTION splitplane._plane_types() RETURNS TABLE (type oid, array_type oid, schema text, name text, shown text, is_writable boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    WITH uses AS (
        SELECT CASE WHEN t.typsubscript = 'array_subscript_handler'::regproc THEN t.typelem ELSE t.oid END AS type,
               CASE WHEN a.attname = ANY (r.columns) THEN format('%I.%I%%TYPE', r.name, a.attname) END AS place
        FROM splitplane.relations AS r
        JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped
             AND (a.attname = ANY (r.columns) OR r.scope ? a.attname::text)
        JOIN pg_type AS t ON t.oid = a.atttypid
    ),
    types AS (
        SELECT t.oid, t.typarray, t.typname, t.typtype, t.typnamespace, min(u.place) AS place,
               count(*) OVER (PARTITION BY t.typname) = 1
               AND NOT EXISTS (SELECT FROM pg_type AS own WHERE own.typname = t.typname AND own.typnamespace = 'pg_catalog'::regnamespace) AS is_unique
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
               -- Nothing depends on what is PostgreSQL's own.
               WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)))
    FROM types AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
$$;

REVOKE ALL ON FUNCTION splitplane._plane_types() FROM PUBLIC;

-- A type as one would write it in a query, with the labels of an enum and what a domain is made of; no name from outside the
-- plane is shown. PL/pgSQL, which keeps its plans, here and below: a question in words reads all this each time.
CREATE OR REPLACE FUNCTION splitplane._describe_type(type_id oid, type_modifier integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
BEGIN
    RETURN (SELECT CASE
        WHEN t.typtype = 'd' THEN
            coalesce((SELECT p.shown || ' domain of ' FROM splitplane._plane_types() AS p WHERE p.type = t.oid AND p.is_writable), '')
            || splitplane._describe_type(t.typbasetype, t.typtypmod)
        WHEN t.typtype = 'e' THEN
            (SELECT coalesce((SELECT p.shown || ' ' FROM splitplane._plane_types() AS p WHERE p.type = t.oid AND p.is_writable), '')
                    || 'enum (' || string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) || ')' FROM pg_enum AS e WHERE e.enumtypid = t.oid)
        WHEN t.typsubscript = 'array_subscript_handler'::regproc THEN
            coalesce((SELECT overlay(splitplane._describe_type(t.typelem, type_modifier) PLACING p.shown || '[]' FROM 1 FOR length(p.shown))
                      FROM splitplane._plane_types() AS p WHERE p.type = t.typelem AND p.is_writable),
                     splitplane._describe_type(t.typelem, type_modifier) || '[]')
        ELSE format_type(t.oid, type_modifier)
    END
    FROM pg_type AS t WHERE t.oid = type_id);
END
$$;

-- One row for each table and function of the plane, in the order of describe(); refers_to names the tables that a table's
-- foreign keys lead to.
CREATE OR REPLACE FUNCTION splitplane._describe_parts() RETURNS TABLE (kind text, name text, text text, refers_to text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH plane_columns AS (
        SELECT r.relation, r.name, a.attnum, a.attname, a.attname = ANY (r.columns) AS visible
        FROM splitplane.relations AS r
        JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped
             AND (a.attname = ANY (r.columns) OR r.scope ? a.attname::text)
    ),
    column_lines AS (
        SELECT a.attrelid AS relation,
               string_agg(format(E'\n  %I %s%s%s', a.attname,
                                 -- The two functions are for those that need them; most columns do not.
                                 CASE WHEN t.typtype = 'b' AND t.typsubscript <> 'array_subscript_handler'::regproc THEN format_type(a.atttypid, a.atttypmod)
                                      ELSE splitplane._describe_type(a.atttypid, a.atttypmod) END,
                                 CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
                                 CASE WHEN d.description IS NOT NULL THEN splitplane._describe_comment(d.description) END), '' ORDER BY a.attnum) AS lines
        FROM plane_columns AS p
        JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attnum = p.attnum
        JOIN pg_type AS t ON t.oid = a.atttypid
        LEFT JOIN pg_description AS d ON d.objoid = a.attrelid AND d.classoid = 'pg_class'::regclass AND d.objsubid = a.attnum
        WHERE p.visible
        GROUP BY a.attrelid
    ),
    -- A key is shown without the scope columns that the plane hides, since within one tenant it is unique and complete
    -- without them, and not at all when another part of it is hidden.
    primary_keys AS (
        SELECT c.conrelid AS relation, E'\n  primary key (' || string_agg(quote_ident(p.attname), ', ' ORDER BY k.position) FILTER (WHERE p.visible) || ')' AS line
        FROM pg_constraint AS c
        CROSS JOIN LATERAL unnest(c.conkey) WITH ORDINALITY AS k(attnum, position)
        JOIN splitplane.relations AS r ON r.relation = c.conrelid
        LEFT JOIN plane_columns AS p ON p.relation = c.conrelid AND p.attnum = k.attnum
        WHERE c.contype = 'p'
        GROUP BY c.oid, c.conrelid
        HAVING bool_and(p.attnum IS NOT NULL)
    ),
    foreign_keys AS (
        SELECT c.oid, c.conrelid AS relation, c.confrelid AS target_relation, target.name AS target,
               format(E'\n  foreign key (%s) references %I (%s)',
                      string_agg(quote_ident(f.attname), ', ' ORDER BY k.position) FILTER (WHERE f.visible AND t.visible), target.name,
                      string_agg(quote_ident(t.attname), ', ' ORDER BY k.position) FILTER (WHERE f.visible AND t.visible)) AS line
        FROM pg_constraint AS c
        CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY AS k(from_attnum, to_attnum, position)
        JOIN splitplane.relations AS source ON source.relation = c.conrelid
        JOIN splitplane.relations AS target ON target.relation = c.confrelid
        LEFT JOIN plane_columns AS f ON f.relation = c.conrelid AND f.attnum = k.from_attnum
        LEFT JOIN plane_columns AS t ON t.relation = c.confrelid AND t.attnum = k.to_attnum
        WHERE c.contype = 'f' AND c.conparentid = 0
        GROUP BY c.oid, c.conrelid, c.confrelid, target.name
        HAVING bool_and(f.attnum IS NOT NULL AND t.attnum IS NOT NULL) AND bool_or(f.visible AND t.visible)
    ),
    relation_texts AS (
        SELECT r.name,
               'table ' || quote_ident(r.name) || splitplane._describe_comment(obj_description(r.relation, 'pg_class')) || l.lines
               || coalesce((SELECT p.line FROM primary_keys AS p WHERE p.relation = r.relation), '')
               || coalesce((SELECT string_agg(f.line, '' ORDER BY f.line) FROM foreign_keys AS f WHERE f.relation = r.relation), '') AS text,
               ARRAY(SELECT DISTINCT f.target FROM foreign_keys AS f WHERE f.relation = r.relation AND f.target_relation <> r.relation ORDER BY f.target) AS refers_to
        FROM splitplane.relations AS r JOIN column_lines AS l ON l.relation = r.relation
    ),
    function_texts AS (
        SELECT p.proname::text AS name,
               format('function %I(%s) returns %s%s', p.proname,
                      (SELECT string_agg(splitplane._describe_type(t.id, -1), ', ' ORDER BY t.position) FROM unnest(p.proargtypes) WITH ORDINALITY AS t(id, position)),
                      CASE WHEN p.proretset THEN 'setof ' ELSE '' END || splitplane._describe_type(p.prorettype, -1),
                      splitplane._describe_comment(obj_description(p.oid, 'pg_proc'))) AS text
        FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function
    )
    SELECT d.kind, d.name, d.text, d.refers_to
    FROM (SELECT 1 AS part, 'table' AS kind, t.name, t.text, t.refers_to FROM relation_texts AS t
          UNION ALL SELECT 2, 'function', f.name, f.text, '{}' FROM function_texts AS f) AS d
    ORDER BY d.part, d.text;
END
$$;

-- Every text by which an entry is found. The name of a query is for administrators only.
CREATE OR REPLACE VIEW splitplane._asked AS
    SELECT 'query' AS kind, q.name, a.text
    FROM splitplane.verified_queries AS q CROSS JOIN LATERAL pg_catalog.unnest(q.synonyms || q.question) AS a(text)
    UNION ALL
    SELECT 'metric', m.name, a.text
    FROM splitplane.metrics AS m CROSS JOIN LATERAL pg_catalog.unnest(m.synonyms || m.name) AS a(text);

-- Keeps one turn, and of one principal no more than `most`: whoever asks without end forgets his oldest questions.
-- Conversations that nobody has used for the retention are removed here, a few at each call, so that no
-- job is needed; `forget_conversations` removes them all at once.
CREATE FUNCTION splitplane._keep_turn(id text, tenant text, business text, subject text, retention text, most text, question text, sql text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    INSERT INTO splitplane.conversations AS c (conversation, tenant, business, subject, last_used_at)
    VALUES (id::uuid, _keep_turn.tenant, _keep_turn.business, _keep_turn.subject, moment)
    ON CONFLICT (conversation) DO UPDATE SET last_used_at = moment
        -- Somebody else may have begun it under the same id since it was looked at.
        WHERE (c.tenant, c.business, c.subject) = (_keep_turn.tenant, _keep_turn.business, _keep_turn.subject);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the conversation belongs to another principal' USING ERRCODE = '42501';
    END IF;
    INSERT INTO splitplane.conversation_turns (conversation, asked_at, question, sql)
    VALUES (id::uuid, moment, _keep_turn.question, _keep_turn.sql);
    DELETE FROM splitplane.conversation_turns AS t
     WHERE t.conversation = id::uuid AND t.asked_at <= moment - make_interval(secs => retention::int);
    WITH surplus AS (
        SELECT t.turn
        FROM splitplane.conversations AS c JOIN splitplane.conversation_turns AS t ON t.conversation = c.conversation
        WHERE (c.tenant, c.business, c.subject) = (_keep_turn.tenant, _keep_turn.business, _keep_turn.subject)
        ORDER BY t.turn DESC OFFSET most::int
    )
    DELETE FROM splitplane.conversation_turns AS t USING surplus AS s WHERE t.turn = s.turn;
    DELETE FROM splitplane.conversations AS c
     WHERE (c.tenant, c.business, c.subject) = (_keep_turn.tenant, _keep_turn.business, _keep_turn.subject)
       AND NOT EXISTS (SELECT FROM splitplane.conversation_turns AS t WHERE t.conversation = c.conversation);
    DELETE FROM splitplane.conversations AS c
     WHERE c.conversation IN (SELECT o.conversation FROM splitplane.conversations AS o
                              WHERE o.last_used_at <= moment - make_interval(secs => retention::int)
                              ORDER BY o.last_used_at LIMIT 20 FOR UPDATE SKIP LOCKED);
END
$$;

REVOKE ALL ON FUNCTION splitplane._keep_turn(text, text, text, text, text, text, text, text) FROM PUBLIC;

-- What an earlier installation left behind: tables outside the plane that splitplane_reader was granted, with the statement
-- that takes it back. `is_open` when policies of ours are on it and none of them closes it: DROP EXTENSION .. CASCADE of a
-- version before 0.2.0 took the fence and left the rest.
CREATE FUNCTION splitplane._left_behind() RETURNS TABLE (relation regclass, is_open boolean, remedy text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.oid::regclass,
           EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = ANY (splitplane._policy_names()))
               AND NOT (c.relrowsecurity AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = 'splitplane_closed' AND NOT p.polpermissive)),
           format('REVOKE ALL ON TABLE %I.%I FROM splitplane_reader;', n.nspname, c.relname)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = c.oid)
      AND EXISTS (
          SELECT FROM aclexplode(c.relacl) AS g WHERE g.grantee = to_regrole('splitplane_reader')
          UNION ALL
          SELECT FROM pg_attribute AS a CROSS JOIN aclexplode(a.attacl) AS g
          WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL AND NOT a.attisdropped AND g.grantee = to_regrole('splitplane_reader'))
$$;

REVOKE ALL ON FUNCTION splitplane._left_behind() FROM PUBLIC;

-- Of the relations named, or of all for NULL.
CREATE OR REPLACE FUNCTION splitplane._critical_findings(suspects regclass[] DEFAULT NULL) RETURNS TABLE (object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    -- NULL when the role is gone; every comparison with it must then still find something wrong.
    reader oid := (SELECT a.oid FROM pg_authid AS a WHERE a.rolname = 'splitplane_reader');
BEGIN
    IF reader IS NULL THEN
        RETURN QUERY SELECT 'role splitplane_reader', 'The role that untrusted SQL runs as does not exist.',
                            'Take every relation out with splitplane.unprotect, then drop and create the extension again.';
        RETURN;
    END IF;

    RETURN QUERY
        SELECT 'role splitplane_reader', format('The role that untrusted SQL runs as is %s.', p.power), format('ALTER ROLE splitplane_reader %s;', p.remedy)
        FROM pg_authid AS a
        CROSS JOIN LATERAL (VALUES (a.rolsuper, 'a superuser', 'NOSUPERUSER'), (a.rolbypassrls, 'exempt from row-level security', 'NOBYPASSRLS'),
                                   (a.rolcreaterole, 'able to grant itself roles', 'NOCREATEROLE'), (a.rolreplication, 'able to replicate', 'NOREPLICATION')) AS p(held, power, remedy)
        WHERE a.oid = reader AND p.held
        UNION ALL
        SELECT 'role splitplane_reader', format('The role that untrusted SQL runs as is a member of %I.', pg_get_userbyid(m.roleid)),
               format('REVOKE %I FROM splitplane_reader;', pg_get_userbyid(m.roleid))
        FROM pg_auth_members AS m
        WHERE m.member = reader;

    -- A dropped relation has no row in pg_class and is no danger; doctor() lists it elsewhere.
    RETURN QUERY
        WITH state AS (
            SELECT r.relation, r.shared, r.scope, r.columns, r.saved, c.relowner, c.relrowsecurity, c.relacl,
                   p.oid IS NULL AS unfenced, p.polpermissive, p.polcmd, p.polroles, p.polqual, p.polwithcheck
            FROM splitplane.relations AS r
            JOIN pg_class AS c ON c.oid = r.relation
            LEFT JOIN pg_policy AS p ON p.polrelid = r.relation AND p.polname = '!splitplane_scope'
            WHERE suspects IS NULL OR r.relation = ANY (suspects)
        ),
        found AS (
            SELECT s.relation, 'It is owned by splitplane_reader, which row-level security does not bind as an owner.' AS finding,
                   format('ALTER TABLE %s OWNER TO CURRENT_USER;', s.relation) AS fix
            FROM state AS s WHERE s.relowner = reader
            UNION ALL
            SELECT s.relation, 'Row-level security is switched off.', format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', s.relation)
            FROM state AS s WHERE NOT s.shared AND NOT s.relrowsecurity
            UNION ALL
            SELECT s.relation, 'Its policy !splitplane_scope is missing.', NULL
            FROM state AS s WHERE NOT s.shared AND s.unfenced
            UNION ALL
            SELECT s.relation, 'Its policy !splitplane_scope is not a restrictive one for SELECT by splitplane_reader alone.', NULL
            FROM state AS s WHERE NOT s.shared AND NOT s.unfenced
                              AND (s.polpermissive OR s.polcmd <> 'r' OR s.polroles <> ARRAY[reader] OR s.polwithcheck IS NOT NULL)
            UNION ALL
            SELECT s.relation, 'The condition of its policy !splitplane_scope, or the name or type of a scope column, is not what it was when the relation was protected.', NULL
            FROM state AS s
            WHERE NOT s.shared AND NOT s.unfenced
              AND (pg_get_expr(s.polqual, s.relation) IS DISTINCT FROM s.saved ->> 'policy'
                   OR splitplane._scope_types(s.relation, s.scope) IS DISTINCT FROM nullif(s.saved -> 'types', 'null'))
            UNION ALL
            SELECT s.relation, format('splitplane_reader holds %s on the whole table.', string_agg(g.privilege_type, ', ')), NULL
            FROM state AS s CROSS JOIN aclexplode(s.relacl) AS g
            WHERE g.grantee = reader
            GROUP BY s.relation
            UNION ALL
            SELECT s.relation, format('splitplane_reader holds %s on column %I, which the plane does not give it.', g.privilege_type, a.attname), NULL
            FROM state AS s
            JOIN pg_attribute AS a ON a.attrelid = s.relation
            CROSS JOIN aclexplode(a.attacl) AS g
            WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND g.grantee = reader
              AND NOT (g.privilege_type = 'SELECT' AND a.attnum > 0 AND (a.attname = ANY (s.columns) OR s.scope ? a.attname::text))
        )
        SELECT f.relation::text, f.finding, coalesce(f.fix, splitplane._register_again(f.relation)) FROM found AS f;

    RETURN QUERY
        SELECT splitplane._signature(f.function), 'This allowed function has been marked LEAKPROOF since: PostgreSQL would evaluate it over the rows of every tenant. It is not called any more.',
               format('ALTER FUNCTION %s NOT LEAKPROOF;', splitplane._signature(f.function))
        FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function
        WHERE p.proleakproof AND p.oid >= 16384;

    RETURN QUERY
        SELECT l.relation::text, 'It is not in the plane, and splitplane_reader sees every tenant''s rows of it: an earlier installation was dropped with CASCADE.', l.remedy
        FROM splitplane._left_behind() AS l WHERE l.is_open;

    RETURN QUERY SELECT p.object, p.finding, p.fix FROM splitplane._server_problems() AS p WHERE p.severity = 'critical';
END
$$;

-- For ask: the first finding in words, or NULL when isolation stands. Every backend asks when it loads the plane, so this
-- looks closely only where a fingerprint differs.
CREATE OR REPLACE FUNCTION splitplane._critical_finding() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    suspects regclass[] := (SELECT array_agg(f.relation) FROM splitplane._fences AS f WHERE f.fingerprint IS DISTINCT FROM f.saved ->> 'fingerprint');
    reader_is_sound boolean := EXISTS (
        SELECT FROM pg_authid AS a
        WHERE a.rolname = 'splitplane_reader' AND NOT (a.rolsuper OR a.rolbypassrls OR a.rolcreaterole OR a.rolreplication)
          AND NOT EXISTS (SELECT FROM pg_auth_members AS m WHERE m.member = a.oid));
BEGIN
    IF suspects IS NULL AND reader_is_sound
       -- Few tables have policies of ours without being in the plane, and each of those is looked at more closely.
       AND NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polname = ANY (splitplane._policy_names()) AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = p.polrelid))
       AND NOT EXISTS (SELECT FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function WHERE p.proleakproof AND p.oid >= 16384)
       AND NOT EXISTS (SELECT FROM splitplane._server_problems() AS p WHERE p.severity = 'critical') THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT f.object || ': ' || f.finding FROM splitplane._critical_findings(coalesce(suspects, '{}')) AS f LIMIT 1);
END
$$;

-- Findings that do not break isolation by themselves: the plane is slower, emptier or less well fenced than it should be.
-- One function per subject; doctor() puts them together.

-- The reader, the callers and whatever else a role may reach.
CREATE OR REPLACE FUNCTION splitplane._role_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'warning', 'role splitplane_reader', format('It %s, which it never needs.', p.power), format('ALTER ROLE splitplane_reader %s;', p.remedy)
    FROM pg_roles AS a
    CROSS JOIN LATERAL (VALUES (a.rolcanlogin, 'may log in', 'NOLOGIN'), (a.rolcreatedb, 'may create databases', 'NOCREATEDB')) AS p(held, power, remedy)
    WHERE a.rolname = 'splitplane_reader' AND p.held
    UNION ALL
    SELECT 'warning', format('role %I', pg_get_userbyid(m.member)),
           'It is a member of splitplane_reader, so its own reading of protected tables is bound by the plane''s policies.',
           format('REVOKE splitplane_reader FROM %I;', pg_get_userbyid(m.member))
    FROM pg_auth_members AS m
    JOIN pg_roles AS a ON a.oid = m.member
    WHERE m.roleid = to_regrole('splitplane_reader') AND NOT a.rolsuper
    UNION ALL
    SELECT 'warning', pg_describe_object(d.classid, d.objid, d.objsubid),
           'It is owned by splitplane_reader, which is to own nothing.', 'REASSIGN OWNED BY splitplane_reader TO CURRENT_USER;'
    FROM pg_shdepend AS d
    WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = to_regrole('splitplane_reader') AND d.deptype = 'o'
      AND d.dbid = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database())
      AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE d.classid = 'pg_class'::regclass AND r.relation = d.objid)
    UNION ALL
    -- By its own grants or by PUBLIC's: the proof refuses such relations, but then it stands alone.
    SELECT 'warning', c.oid::regclass::text,
           format('%s holds %s on it, and it is not in the plane.', h.holder, string_agg(DISTINCT g.privilege_type, ', ')),
           format('REVOKE ALL ON %s%s FROM %s;', CASE WHEN c.relkind = 'S' THEN 'SEQUENCE ' ELSE '' END, c.oid::regclass, h.holder)
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT a.grantee, a.privilege_type FROM aclexplode(c.relacl) AS a
        UNION ALL
        SELECT a.grantee, a.privilege_type FROM pg_attribute AS t CROSS JOIN aclexplode(t.attacl) AS a
        WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL AND NOT t.attisdropped
    ) AS g
    CROSS JOIN LATERAL (SELECT CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE 'splitplane_reader' END) AS h(holder)
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp%'
      AND (g.grantee = to_regrole('splitplane_reader')
           OR (g.grantee = 0 AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND g.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
               AND has_schema_privilege('splitplane_reader', n.oid, 'USAGE')
               -- Views of other extensions (pg_stat_statements and the like) are PUBLIC on purpose.
               AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')))
      AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = c.oid)
      AND NOT (g.grantee <> 0 AND EXISTS (SELECT FROM splitplane._left_behind() AS l WHERE l.relation = c.oid AND l.is_open))
    GROUP BY c.oid, c.relkind, h.holder
    UNION ALL
    SELECT 'warning', format('schema %I', n.nspname), 'splitplane_reader may create objects in it.',
           format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, splitplane_reader;', n.nspname)
    FROM pg_namespace AS n
    WHERE has_schema_privilege('splitplane_reader', n.oid, 'CREATE') AND n.nspname NOT LIKE 'pg\_temp%' AND n.nspname NOT LIKE 'pg\_toast%'
    UNION ALL
    SELECT 'warning', p.oid::regprocedure::text,
           'splitplane_reader may execute it, and it runs with its owner''s rights (SECURITY DEFINER) outside the plane''s row-level security.',
           format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC, splitplane_reader;', splitplane._signature(p.oid))
    FROM pg_proc AS p
    WHERE p.prosecdef AND p.prokind <> 'p'
      AND has_function_privilege('splitplane_reader', p.oid, 'EXECUTE') AND has_schema_privilege('splitplane_reader', p.pronamespace, 'USAGE')
    UNION ALL
    -- They have no policies: the lists of functions and of types are all that keeps a query away from them.
    SELECT 'warning', 'large objects', format('%s may read or write %s of them, to which no row-level security applies.', g.holder, count(*)),
           format('REVOKE ALL ON LARGE OBJECT %s FROM %s;', array_to_string((array_agg(g.oid ORDER BY g.oid))[:100], ', '), g.holder)
    FROM (
        SELECT DISTINCT l.oid, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE 'splitplane_reader' END AS holder
        FROM pg_largeobject_metadata AS l CROSS JOIN aclexplode(l.lomacl) AS a
        WHERE a.grantee IN (0, to_regrole('splitplane_reader'))
    ) AS g
    GROUP BY g.holder
    UNION ALL
    SELECT 'warning', 'large objects', 'lo_compat_privileges is on: every role may read and write all of them.', 'ALTER SYSTEM SET lo_compat_privileges = off; SELECT pg_reload_conf();'
    WHERE current_setting('lo_compat_privileges')::boolean
    UNION ALL
    SELECT 'warning', p.oid::regprocedure::text, 'PUBLIC may execute it: every role of the database can present a context.',
           format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC;', splitplane._signature(p.oid))
    FROM pg_extension AS e
    JOIN pg_proc AS p ON p.pronamespace = e.extnamespace AND p.proname IN ('ask', 'ask_rows', 'ask_dry_run')
    CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS g
    WHERE e.extname = 'splitplane' AND g.grantee = 0
    UNION ALL
    SELECT 'warning', c.oid::regclass::text, format('%s holds %s on a table of the extension''s own configuration.',
               CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END, g.privilege_type),
           format('REVOKE %s ON %s FROM %s;', g.privilege_type, c.oid::regclass, CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END)
    FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS g
    WHERE c.relnamespace = 'splitplane'::regnamespace AND c.relkind IN ('r', 'v')
      AND g.grantee NOT IN (c.relowner, to_regrole('splitplane_reader')) AND NOT (g.grantee = to_regrole('splitplane_admin') AND g.privilege_type = 'SELECT')
    UNION ALL
    SELECT 'warning', 'extension splitplane',
           format('Its owner %I is no superuser, so it cannot fence tables or read its own configuration reliably.', pg_get_userbyid(e.extowner)),
           format('ALTER ROLE %I SUPERUSER;', pg_get_userbyid(e.extowner))
    FROM pg_extension AS e JOIN pg_roles AS a ON a.oid = e.extowner
    WHERE e.extname = 'splitplane' AND NOT a.rolsuper
$$;

-- Keys and principals.
CREATE OR REPLACE FUNCTION splitplane._identity_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'warning', format('key %s', k.key_id), format('It ends at %s.', to_char(k.not_after AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')),
           format('SELECT splitplane.create_key(%L, %L, %s);', left(k.key_id, 55) || to_char(k.not_after, '-YYYYMM'), k.tenants, k.max_uses)
    FROM splitplane.keys AS k
    WHERE k.revoked_at IS NULL AND k.not_after > now() AND k.not_after <= now() + interval '14 days'
    UNION ALL
    -- One line for each claim, with one principal as an example: a forgotten claim is mostly forgotten for all.
    SELECT 'warning', format('claim %s', n.claim),
           format('%s principals lack it, first tenant %L, business %L, subject %L: they are refused on %s.', count(*),
                  (array_agg(p.tenant ORDER BY p.tenant, p.business, p.subject))[1], (array_agg(p.business ORDER BY p.tenant, p.business, p.subject))[1],
                  (array_agg(p.subject ORDER BY p.tenant, p.business, p.subject))[1], n.names),
           (array_agg(format('SELECT splitplane.admit(%L, %L, %L, %L);', p.tenant, p.business, p.subject, p.claims || jsonb_build_object(n.claim, '[]'::jsonb))
                      ORDER BY p.tenant, p.business, p.subject))[1]
    FROM splitplane.principals AS p
    JOIN (
        SELECT s.value AS claim, string_agg(DISTINCT r.name, ', ') AS names
        FROM splitplane.relations AS r CROSS JOIN LATERAL jsonb_each_text(r.scope) AS s
        WHERE s.value NOT IN ('tenant', 'business', 'subject')
        GROUP BY s.value
    ) AS n ON NOT p.claims ? n.claim
    WHERE p.enabled
    GROUP BY n.claim, n.names
    UNION ALL
    SELECT 'warning', format('tenant %s', t.tenant), format('It is the same value as tenant %L in column %I of %s: each sees the rows of the other.', t.other, t.column_name, t.relation),
           format('SELECT splitplane.expel(%L); -- or the other one', t.tenant)
    FROM (
        -- One line for each pair.
        SELECT DISTINCT ON (k.tenant, k.other) k.tenant, k.other, c.relation, c.column_name
        FROM (
            SELECT a.tenant, b.tenant AS other FROM splitplane.principals AS a JOIN splitplane.principals AS b
                ON splitplane._as_number(a.tenant) = splitplane._as_number(b.tenant) AND a.tenant < b.tenant AND a.enabled AND b.enabled
            UNION
            SELECT a.tenant, b.tenant FROM splitplane.principals AS a JOIN splitplane.principals AS b
                ON splitplane._as_uuid(a.tenant) = splitplane._as_uuid(b.tenant) AND a.tenant < b.tenant AND a.enabled AND b.enabled
        ) AS k
        JOIN splitplane._tenant_columns() AS c ON splitplane._is_same_value(c.base, k.tenant, k.other)
        ORDER BY k.tenant, k.other, c.relation::text
    ) AS t
$$;

-- Findings about the plane's relations that do not break isolation by themselves.
CREATE OR REPLACE FUNCTION splitplane._relation_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    WITH plane AS (
        SELECT r.relation, r.name, r.shared, r.scope, r.columns, r.private_columns, r.had_row_security, r.saved,
               c.relkind, c.relpages, c.relnamespace, c.relrowsecurity, c.relispartition, c.relacl
        FROM splitplane.relations AS r JOIN pg_class AS c ON c.oid = r.relation
    ),
    scope_columns AS (
        SELECT p.relation, p.relkind, p.relpages, s.key AS column_name, s.value AS claim, a.attnum, a.attnotnull, splitplane._base_type(a.atttypid) AS base
        FROM plane AS p
        CROSS JOIN LATERAL jsonb_each_text(p.scope) AS s
        JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attname = s.key AND a.attnum > 0 AND NOT a.attisdropped
    )
    SELECT 'warning', r.name, 'Its table was dropped.', format('SELECT splitplane.unprotect(%s::pg_catalog.regclass);', r.relation::oid)
    FROM splitplane.relations AS r
    WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = r.relation)
    UNION ALL
    SELECT 'warning', p.relation::text, format(CASE WHEN w.name = ANY (p.private_columns) THEN 'Private column %I does not exist any more; if it was renamed, it must be named anew.'
                                                      ELSE 'Column %I of the plane does not exist any more.' END, w.name),
           splitplane._register_again(p.relation)
    FROM plane AS p CROSS JOIN LATERAL unnest(p.columns) AS w(name)
    WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = p.relation AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped)
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('Column %I has got type %s, which the plane does not carry.', a.attname, format_type(a.atttypid, a.atttypmod)),
           CASE WHEN p.shared
               THEN format('SELECT splitplane.share(%L, %L, %L%s);', p.relation, array_remove(p.columns, a.attname::text), p.name,
                           splitplane._private_argument(array_remove(p.private_columns, a.attname::text)))
               ELSE format('SELECT splitplane.protect(%L, %L, %L, %L%s);', p.relation, p.scope, array_remove(p.columns, a.attname::text), p.name,
                           splitplane._private_argument(array_remove(p.private_columns, a.attname::text))) END
    FROM plane AS p JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attname = ANY (p.columns) AND a.attnum > 0 AND NOT a.attisdropped
    WHERE NOT splitplane._type_is_safe(a.atttypid)
    UNION ALL
    SELECT 'info', p.relation::text, format('Column %I was added after the table was registered and is not in the plane.', a.attname),
           format(CASE WHEN p.shared THEN 'SELECT splitplane.share(%1$L, name => %3$L%4$s);' ELSE 'SELECT splitplane.protect(%1$L, %2$L, name => %3$L%4$s);' END,
                  p.relation, p.scope, p.name, splitplane._private_argument(p.private_columns))
    FROM plane AS p JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped
    WHERE (p.saved ->> 'all_columns')::boolean AND a.attname <> ALL (p.columns)
      -- It may be a private column that was renamed, which its own finding takes out first.
      AND NOT EXISTS (SELECT FROM unnest(p.private_columns) AS w(name)
                      WHERE NOT EXISTS (SELECT FROM pg_attribute AS b WHERE b.attrelid = p.relation AND b.attname = w.name AND b.attnum > 0 AND NOT b.attisdropped))
    UNION ALL
    SELECT 'info', p.relation::text,
           'It was altered since it was registered, or restored from a dump: its fences hold, but every new session checks them the long way.', splitplane._register_again(p.relation)
    FROM plane AS p JOIN splitplane._fences AS f ON f.relation = p.relation
    WHERE f.fingerprint IS DISTINCT FROM p.saved ->> 'fingerprint'
      AND NOT EXISTS (SELECT FROM splitplane._critical_findings(ARRAY[p.relation]))
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('splitplane_reader may not read %s, so queries on the relation fail.', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)),
           splitplane._register_again(p.relation)
    FROM plane AS p
    JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped AND (a.attname = ANY (p.columns) OR p.scope ? a.attname::text)
    WHERE NOT has_column_privilege('splitplane_reader', p.relation, a.attnum, 'SELECT') OR NOT has_schema_privilege('splitplane_reader', p.relnamespace, 'USAGE')
    GROUP BY p.relation
    UNION ALL
    SELECT 'warning', p.relation::text,
           'Row-level security is on and its policy splitplane_read is missing: its rows may not be seen.', splitplane._register_again(p.relation)
    FROM plane AS p
    WHERE p.relrowsecurity
      AND NOT EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = p.relation AND y.polname = 'splitplane_read' AND y.polpermissive
                      AND y.polroles = ARRAY[to_regrole('splitplane_reader')::oid])
    UNION ALL
    SELECT 'warning', p.relation::text,
           'Its policy splitplane_closed is missing: if the extension were dropped, splitplane_reader would see the rows of every tenant.', splitplane._register_again(p.relation)
    FROM plane AS p
    WHERE NOT p.shared
      AND NOT EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = p.relation AND y.polname = 'splitplane_closed' AND NOT y.polpermissive
                      AND y.polroles = ARRAY[to_regrole('splitplane_reader')::oid] AND pg_get_expr(y.polqual, y.polrelid) = p.saved ->> 'closed')
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('Its own restrictive policy %I is evaluated before splitplane''s, so queries on the relation are refused: policies run in the order of their names.', y.polname),
           format('ALTER POLICY %I ON %s RENAME TO %I;', y.polname, p.relation, 'own_' || ltrim(y.polname, E' !"\t'))
    FROM plane AS p JOIN pg_policy AS y ON y.polrelid = p.relation AND NOT y.polpermissive AND y.polname < '!splitplane_scope'
    WHERE NOT p.shared AND y.polroles && ARRAY[0, to_regrole('splitplane_reader')::oid] AND y.polcmd IN ('r', '*')
    UNION ALL
    SELECT 'warning', p.relation::text,
           'Its policy splitplane_others is missing: other roles than its owner see no rows or fewer than before it was protected.',
           CASE WHEN EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = p.relation AND y.polpermissive AND y.polname <> 'splitplane_read')
                THEN format('UPDATE splitplane.relations SET had_row_security = true WHERE relation = %L::pg_catalog.regclass;', p.relation)
                ELSE format('CREATE POLICY splitplane_others ON %s AS PERMISSIVE FOR ALL TO PUBLIC USING (true) WITH CHECK (true);', p.relation) END
    FROM plane AS p
    WHERE NOT p.shared AND NOT p.had_row_security AND p.relrowsecurity
      AND NOT EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = p.relation AND y.polname = 'splitplane_others')
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('Its own permissive policy %I has no effect, since splitplane_others lets every role work as before the table was protected.', y.polname),
           format('UPDATE splitplane.relations SET had_row_security = true WHERE relation = %L::pg_catalog.regclass; DROP POLICY splitplane_others ON %s;', p.relation, p.relation)
    FROM plane AS p JOIN pg_policy AS y ON y.polrelid = p.relation AND y.polpermissive AND y.polname <> ALL (splitplane._policy_names())
    WHERE NOT p.shared AND NOT p.had_row_security AND y.polroles <> ARRAY[to_regrole('splitplane_reader')::oid]
      AND EXISTS (SELECT FROM pg_policy AS o WHERE o.polrelid = p.relation AND o.polname = 'splitplane_others')
    UNION ALL
    SELECT 'info', p.relation::text,
           format('Its own restrictive policy %I binds splitplane_reader too: answers may hold fewer rows, and queries fail if it needs what the reader lacks.', y.polname),
           format('ALTER POLICY %I ON %s TO %s;', y.polname, p.relation, 'application_role')
    FROM plane AS p JOIN pg_policy AS y ON y.polrelid = p.relation AND NOT y.polpermissive AND y.polname <> ALL (splitplane._policy_names())
    WHERE y.polroles && ARRAY[0, to_regrole('splitplane_reader')::oid]
    UNION ALL
    SELECT 'warning', p.relation::text,
           'PUBLIC may read all its columns, so splitplane_reader''s column grants hide none of them.', format('REVOKE SELECT ON %s FROM PUBLIC;', p.relation)
    FROM plane AS p CROSS JOIN aclexplode(p.relacl) AS g
    WHERE g.grantee = 0 AND g.privilege_type = 'SELECT'
      AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped
                  AND a.attname <> ALL (p.columns) AND NOT p.scope ? a.attname::text)
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('PUBLIC may read column %I, which the plane hides from splitplane_reader.', a.attname),
           format('REVOKE SELECT (%I) ON %s FROM PUBLIC;', a.attname, p.relation)
    FROM plane AS p
    JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attacl IS NOT NULL
    CROSS JOIN aclexplode(a.attacl) AS g
    WHERE g.grantee = 0 AND g.privilege_type = 'SELECT' AND a.attname <> ALL (p.columns) AND NOT p.scope ? a.attname::text
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('It is shared, the same for everyone, but has column %I, which binds other tables to a tenant.', a.attname),
           format('SELECT splitplane.protect(%L, %L, %L, %L%s);', p.relation, jsonb_build_object(a.attname, 'tenant'), p.columns, p.name,
                  splitplane._private_argument(p.private_columns))
    FROM plane AS p JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped
    WHERE p.shared AND a.attname::text IN (SELECT s.column_name FROM scope_columns AS s WHERE s.claim = 'tenant')
    UNION ALL
    -- Under row-level security a condition that may leak cannot use its own index before the tenant's, so this one matters.
    SELECT CASE WHEN s.relpages > 100 OR s.relkind = 'p' THEN 'warning' ELSE 'info' END, s.relation::text,
           format('No index starts with tenant column %I.', s.column_name),
           format('CREATE INDEX %sON %s (%I);', CASE WHEN s.relkind = 'p' THEN '' ELSE 'CONCURRENTLY ' END, s.relation, s.column_name)
    FROM scope_columns AS s
    WHERE s.claim = 'tenant'
      AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = s.relation AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = s.attnum)
      -- Partitions by the tenant itself are what the index would be.
      AND NOT EXISTS (SELECT FROM pg_partitioned_table AS t WHERE t.partrelid = s.relation AND t.partstrat = 'l' AND t.partattrs[0] = s.attnum)
    UNION ALL
    SELECT 'warning', s.relation::text, format('Tenant column %I may be NULL; such rows belong to no tenant and are never seen.', s.column_name),
           format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL;', s.relation, s.column_name)
    FROM scope_columns AS s
    WHERE s.claim = 'tenant' AND NOT s.attnotnull
    UNION ALL
    -- The equality of the type itself, or of what it stands in for: text for varchar, anyenum for enums.
    SELECT 'warning', s.relation::text,
           format('Scope column %I has type %s, whose equality is not leakproof: estimates do not see which tenants have many rows.', s.column_name, format_type(s.base, -1)),
           format('SELECT splitplane.unprotect(%1$L); ALTER TABLE %1$s ALTER COLUMN %2$I TYPE %3$s; %4$s', s.relation, s.column_name,
                  CASE WHEN s.base = 'numeric'::regtype THEN 'bigint' ELSE 'text' END, splitplane._register_again(s.relation))
    FROM scope_columns AS s
    JOIN pg_type AS t ON t.oid = s.base
    LEFT JOIN LATERAL (
        SELECT f.proleakproof AS leakproof
        FROM pg_operator AS o JOIN pg_proc AS f ON f.oid = o.oprcode
        WHERE o.oprname = '=' AND o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprleft = o.oprright
          AND o.oprleft = CASE WHEN s.base = 'varchar'::regtype THEN 'text'::regtype WHEN t.typtype = 'e' THEN 'anyenum'::regtype ELSE s.base END
    ) AS q ON true
    WHERE q.leakproof IS NOT TRUE
    UNION ALL
    SELECT 'warning', p.relation::text,
           'It has become a partition: reading the partitioned table above it passes by its policies.', format('SELECT splitplane.unprotect(%L);', p.relation)
    FROM plane AS p
    WHERE p.relispartition
$$;

-- Which rows of a relation belong to these claims, as a condition; NULL when a claim is missing. Written apart from the
-- policies and the fences on purpose: it is what they are compared with.
CREATE OR REPLACE FUNCTION splitplane._selftest_own(relation regclass, scope jsonb, claims jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT CASE WHEN bool_and(w.value IS NOT NULL)
                THEN string_agg(CASE WHEN s.value IN ('tenant', 'business', 'subject')
                                     THEN format('%I OPERATOR(pg_catalog.=) %L::%s', s.key, claims ->> s.value, t.name)
                                     ELSE format('%I OPERATOR(pg_catalog.=) ANY (%L::%s[])', s.key, w.value, t.name) END, ' AND ') END
    FROM jsonb_each_text(scope) AS s
    JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = s.key AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN LATERAL (SELECT format_type(splitplane._base_type(a.atttypid), -1)) AS t(name)
    CROSS JOIN LATERAL (
        SELECT CASE jsonb_typeof(claims -> s.value) WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(claims -> s.value))
                                                    ELSE ARRAY[claims ->> s.value] END
        WHERE claims ? s.value
    ) AS w(value)
    -- A scope column that is gone leaves no row here, and a scope without any is none.
    HAVING count(*) = (SELECT count(*) FROM jsonb_object_keys(scope)) AND count(*) > 0
$$;

-- Settings in which values are printed are those of the confined section. Rows are read past row-level security or not at
-- all: under row_security = off PostgreSQL refuses rather than filters.
CREATE OR REPLACE FUNCTION splitplane.selftest(tenants text[] DEFAULT NULL) RETURNS TABLE (relation text, shape text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET "DateStyle" = 'ISO, MDY' SET "IntervalStyle" = postgres SET extra_float_digits = 1
SET bytea_output = hex SET "TimeZone" = 'UTC' SET lc_monetary = 'C' SET lc_numeric = 'C' SET standard_conforming_strings = on
AS $$
DECLARE
    people jsonb[] := splitplane._selftest_principals(tenants);
    missing text;
    closed boolean;
    registered splitplane.relations;
    ran record;
BEGIN
    SELECT string_agg(DISTINCT quote_literal(t.tenant), ', ') INTO missing
      FROM unnest(tenants) AS t(tenant) WHERE NOT EXISTS (SELECT FROM unnest(people) AS p(person) WHERE p.person ->> 'tenant' = t.tenant);
    IF missing IS NOT NULL OR tenants = '{}' OR array_position(tenants, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'no principal is admitted for tenant %', coalesce(missing, 'NULL') USING ERRCODE = '42704';
    END IF;
    PERFORM set_config('TimeZone', current_setting('splitplane.time_zone'), true);

    -- ask is closed by these, and so would be every statement below.
    RETURN QUERY SELECT f.object, 'doctor', 'FAIL', f.finding FROM splitplane._critical_findings() AS f;
    closed := FOUND;
    IF NOT closed THEN
        PERFORM set_config('lc_monetary', splitplane._configured('lc_monetary'), true);
        RETURN QUERY SELECT NULL::text, 'doctor', 'pass', 'no finding that breaks isolation';
    END IF;
    IF NOT closed AND cardinality(people) > 0 THEN
        SELECT * INTO STRICT ran FROM splitplane._selftest_run(people[1] ->> 'tenant', replace(people[1] ->> 'business', '*', 'splitplane-selftest'),
                                                               replace(people[1] ->> 'subject', '*', 'splitplane-selftest'), 'SELECT key_id FROM splitplane.keys');
        RETURN QUERY SELECT NULL::text, 'outside', CASE ran.state WHEN '42P01' THEN 'pass' WHEN '00000' THEN 'FAIL' ELSE 'error' END,
                            concat_ws(' ', 'a table outside the plane:', ran.state, ran.message);
    END IF;

    FOR registered IN SELECT * FROM splitplane.relations AS r ORDER BY r.relation::text LOOP
        IF closed THEN
            RETURN QUERY SELECT registered.relation::text, 'all', 'inconclusive', 'not run: the plane is closed';
        ELSIF cardinality(people) = 0 THEN
            RETURN QUERY SELECT registered.relation::text, 'all', 'inconclusive', 'not run: no principal is admitted';
        ELSE
            BEGIN
                RETURN QUERY SELECT registered.relation::text, s.shape, s.verdict, s.detail FROM splitplane._selftest_relation(registered, people) AS s;
            EXCEPTION WHEN OTHERS THEN
                RETURN QUERY SELECT registered.relation::text, 'all', 'error', format('%s %s', SQLSTATE, SQLERRM);
            END;
        END IF;
    END LOOP;
END
$$;

-- What a tripwire on a relation would stand on: its tenant column and a value that no tenant has.
CREATE OR REPLACE FUNCTION splitplane._tripwire_place(relation regclass, value text, OUT qualified text, OUT column_name text, OUT type_id oid, OUT reserved text)
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

CREATE OR REPLACE FUNCTION splitplane.arm_tripwire(relation regclass, value text DEFAULT NULL) RETURNS void
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

-- For selftest: whether a tripwire still has something to catch with.
CREATE OR REPLACE FUNCTION splitplane._tripwire_state(relation regclass, OUT verdict text, OUT detail text)
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

-- New functions are nobody's to whom ALTER DEFAULT PRIVILEGES would give them, as in 90_privileges.sql. What this database granted
-- by itself is not among the initial privileges of the extension, and stays.
DO $privileges$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT p.oid::regprocedure AS function, g.grantee
        FROM pg_init_privs AS i JOIN pg_proc AS p ON p.oid = i.objoid CROSS JOIN aclexplode(i.initprivs) AS g
        WHERE i.classoid = 'pg_proc'::regclass AND p.pronamespace = 'splitplane'::regnamespace AND g.grantee <> p.proowner
          AND g.grantee <> ALL (ARRAY['splitplane_reader', 'splitplane_caller', 'splitplane_admin']::regrole[]::oid[])
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', given.function,
                       CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(given.grantee)) END);
    END LOOP;
END
$privileges$;

CREATE INDEX principals_by_number ON splitplane.principals (splitplane._as_number(tenant));
CREATE INDEX principals_by_uuid ON splitplane.principals (splitplane._as_uuid(tenant));
CREATE INDEX ON splitplane.conversations (tenant, business, subject);
DROP FUNCTION splitplane._keep_turn(text, text, text, text, text, text, text);

-- The policies of every registered table anew: they call in_scope, bear the names of this version, and whatever lets the
-- reader see rows goes with the extension. A table whose fences were as they had been built counts as unchanged afterwards.
-- What had been changed by hand is not blessed: where the policy had been, the text that it was made with stays, and doctor()
-- goes on finding that the policy has another, until the table is protected again. What had been taken away, so that policies
-- of the table's own decide, does not come back.
DO $policies$
DECLARE
    entry record;
    condition text;
BEGIN
    FOR entry IN
        SELECT r.relation, r.shared, r.scope, r.had_row_security, r.saved, pg_catalog.format('%I.%I', n.nspname, c.relname) AS qualified, c.relrowsecurity,
               EXISTS (SELECT FROM pg_catalog.pg_policy AS p WHERE p.polrelid = r.relation AND p.polname = 'splitplane_read') AS had_read,
               EXISTS (SELECT FROM pg_catalog.pg_policy AS p WHERE p.polrelid = r.relation AND p.polname = 'splitplane_others') AS had_others
        FROM splitplane.relations AS r
        JOIN pg_catalog.pg_class AS c ON c.oid = r.relation
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    LOOP
        EXECUTE pg_catalog.format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', entry.qualified);
        PERFORM splitplane._drop_policies(entry.relation, entry.qualified);
        -- A scope column that is gone leaves a table that shows the reader nothing.
        condition := CASE WHEN entry.shared THEN NULL ELSE coalesce(splitplane._scope_expression(entry.relation, entry.scope), 'false') END;
        PERFORM splitplane._make_policies(entry.relation, entry.qualified, entry.shared, condition,
                                          CASE WHEN entry.shared THEN entry.had_read ELSE NOT entry.had_others END);
        IF NOT entry.shared AND NOT entry.had_read THEN
            EXECUTE pg_catalog.format('DROP POLICY splitplane_read ON %s', entry.qualified);
        END IF;
        -- Row-level security that was switched off by hand stays so, and a critical finding.
        IF NOT entry.shared AND NOT entry.relrowsecurity THEN
            EXECUTE pg_catalog.format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', entry.qualified);
        END IF;
        UPDATE splitplane.relations AS r
           SET saved = entry.saved - ARRAY['unchanged', 'tampered'] || splitplane._policy_texts(r.relation)
                       || CASE WHEN (entry.saved ->> 'tampered')::boolean THEN pg_catalog.jsonb_build_object('policy', entry.saved -> 'policy') ELSE '{}' END
                       || CASE WHEN (entry.saved ->> 'unchanged')::boolean THEN pg_catalog.jsonb_build_object('fingerprint', f.fingerprint) ELSE '{}' END
          FROM splitplane._fences AS f
         WHERE r.relation = entry.relation AND f.relation = r.relation;
    END LOOP;
END
$policies$;

-- Who may call a function that took the place of another. What an extension's script grants counts as granted by the
-- extension and is left out of every later dump, so what this database had granted is put back, and what counts as the
-- extension's own is set to what the new function was created with.
CREATE FUNCTION splitplane._hand_over(before regprocedure, after regprocedure) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own aclitem[] := (SELECT i.initprivs FROM pg_init_privs AS i WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = after AND i.objsubid = 0);
    old_acl aclitem[] := (SELECT coalesce(p.proacl, acldefault('f', p.proowner)) FROM pg_proc AS p WHERE p.oid = before);
    new_acl aclitem[] := (SELECT coalesce(p.proacl, acldefault('f', p.proowner)) FROM pg_proc AS p WHERE p.oid = after);
    entry record;
BEGIN
    FOR entry IN
        (SELECT 'REVOKE' AS verb, g.grantee, g.is_grantable FROM aclexplode(new_acl) AS g EXCEPT SELECT 'REVOKE', g.grantee, g.is_grantable FROM aclexplode(old_acl) AS g)
        UNION ALL
        (SELECT 'GRANT', g.grantee, g.is_grantable FROM aclexplode(old_acl) AS g EXCEPT SELECT 'GRANT', g.grantee, g.is_grantable FROM aclexplode(new_acl) AS g)
    LOOP
        EXECUTE format('%s EXECUTE ON FUNCTION %s %s %s%s', entry.verb, after, CASE entry.verb WHEN 'GRANT' THEN 'TO' ELSE 'FROM' END,
                       CASE entry.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(entry.grantee)) END,
                       CASE WHEN entry.verb = 'GRANT' AND entry.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    PERFORM set_config('allow_system_table_mods', 'on', true);
    UPDATE pg_init_privs AS i SET initprivs = own WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = after AND i.objsubid = 0;
    PERFORM set_config('allow_system_table_mods', 'off', true);
END
$$;
SELECT splitplane._hand_over('splitplane._sign_before(text,text,text,text,text)', 'splitplane.sign(text,text,text,text,text,text)');
DROP FUNCTION splitplane._sign_before(text, text, text, text, text);
DROP FUNCTION splitplane._hand_over(regprocedure, regprocedure);

DROP FUNCTION splitplane.among(anyelement, anyarray);
DROP FUNCTION splitplane.among_support(internal);
