-- Principals: which combinations of tenant, business and subject may ask, and with which claims.
-- Look-up: (business, subject) exact, then business exact, then subject exact, then ('*', '*'). The first row decides.

CREATE FUNCTION splitplane._check_principal(tenant text, business text, subject text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._check_identity('tenant', tenant);
    IF tenant IN ('', '*') THEN
        RAISE EXCEPTION 'tenant must be the name of one tenant: neither empty nor ''*''' USING ERRCODE = '22023';
    END IF;
    PERFORM splitplane._check_identity('business', business);
    PERFORM splitplane._check_identity('subject', subject);
END
$$;
REVOKE ALL ON FUNCTION splitplane._check_principal(text, text, text) FROM PUBLIC;

-- The base type of a domain. PL/pgSQL caches its plan, and this runs once for each column of the plane.
CREATE FUNCTION splitplane._base_type(type_id oid) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    current oid := type_id;
    below oid;
BEGIN
    LOOP
        SELECT t.typbasetype INTO below FROM pg_type AS t WHERE t.oid = current AND t.typtype = 'd';
        EXIT WHEN NOT FOUND;
        current := below;
    END LOOP;
    RETURN current;
END
$$;
REVOKE ALL ON FUNCTION splitplane._base_type(oid) FROM PUBLIC;

-- Whether two texts are the same value of a type. A text that is no value of the type equals none.
CREATE FUNCTION splitplane._is_same_value(type_id oid, one text, other text) RETURNS boolean
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
REVOKE ALL ON FUNCTION splitplane._is_same_value(oid, text, text) FROM PUBLIC;

-- Whether an id has the one spelling that it has for a column of type bytea, which reads many. In the library:
-- types::bytes_of_id, which reads no other.
CREATE FUNCTION splitplane._is_bytes(id text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT id ~ '^\\x([0-9a-f]{2})+$'
$$;
REVOKE ALL ON FUNCTION splitplane._is_bytes(text) FROM PUBLIC;

-- Columns of the plane that are bound to the tenant, with the type in which their values are compared.
CREATE FUNCTION splitplane._tenant_columns() RETURNS TABLE (relation regclass, column_name text, base oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.relation, a.attname::text, splitplane._base_type(a.atttypid)
    FROM splitplane.relations AS r CROSS JOIN LATERAL jsonb_each_text(r.scope) AS s
    JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attname = s.key AND a.attnum > 0 AND NOT a.attisdropped
    WHERE (splitplane._binding(s.value)).claim = 'tenant'
$$;
REVOKE ALL ON FUNCTION splitplane._tenant_columns() FROM PUBLIC;

-- The type of a scope column may read two ids as the same value: 2 and 02 as numbers, two spellings of a uuid. These
-- indexed forms find the candidates; the column's own type then decides. NULL for a text that is no value of the type.
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

CREATE INDEX principals_by_number ON splitplane.principals (splitplane._as_number(tenant));
CREATE INDEX principals_by_uuid ON splitplane.principals (splitplane._as_uuid(tenant));

-- Other admitted tenants that the tenant column of some plane relation cannot distinguish from this one, one row each.
CREATE FUNCTION splitplane._same_tenants(id text) RETURNS TABLE (other text, relation regclass, column_name text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH candidates AS (
        SELECT p.tenant FROM splitplane.principals AS p
        WHERE splitplane._as_number(p.tenant) = splitplane._as_number(id) AND p.enabled
        UNION
        SELECT p.tenant FROM splitplane.principals AS p
        WHERE splitplane._as_uuid(p.tenant) = splitplane._as_uuid(id) AND p.enabled
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

-- The values of a claim: those of a list, or the single one.
CREATE FUNCTION splitplane._claim_values(value jsonb) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.value
    FROM jsonb_array_elements_text(
        CASE WHEN jsonb_typeof(_claim_values.value) = 'array' THEN _claim_values.value
             ELSE jsonb_build_array(_claim_values.value) END) AS e(value)
    WHERE e.value IS NOT NULL
$$;
REVOKE ALL ON FUNCTION splitplane._claim_values(jsonb) FROM PUBLIC;

-- One number for each way in which a scope column may read a value: as text, as a number, as a uuid. Two values of a
-- claim are the same for some column if they have one of these in common.
CREATE FUNCTION splitplane._value_keys(claim text, value text) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_remove(ARRAY[
        hashtextextended(claim || '=' || value, 0),
        -- Without a digit it is no value of an integer column, and what is shorter is no uuid: the look is cheaper.
        hashtextextended(claim || '=' || hash_numeric_extended(
            CASE WHEN value ~ '[0-9]' THEN splitplane._as_number(value) END, 0), 1),
        hashtextextended(claim || '=' || CASE WHEN length(value) >= 32 THEN splitplane._as_uuid(value) END, 2)], NULL)
$$;
REVOKE ALL ON FUNCTION splitplane._value_keys(text, text) FROM PUBLIC;

-- Those of all values of all claims of a principal.
CREATE FUNCTION splitplane._claim_keys(claims jsonb) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 10000 SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(k.key), '{}')
    FROM jsonb_each(claims) AS c
    CROSS JOIN LATERAL splitplane._claim_values(c.value) AS v(value)
    CROSS JOIN LATERAL unnest(splitplane._value_keys(c.key, v.value)) AS k(key)
$$;
REVOKE ALL ON FUNCTION splitplane._claim_keys(jsonb) FROM PUBLIC;

CREATE INDEX principals_by_claim ON splitplane.principals USING gin (splitplane._claim_keys(claims))
    WITH (fastupdate = off);

-- A value of an exclusive claim that a principal of this tenant would hold together with one of another tenant; no row
-- if there is none. The keys come first, so that the index leads to the others: admit must not read all principals.
CREATE FUNCTION splitplane._held_elsewhere(tenant text, claims jsonb)
RETURNS TABLE (claim text, value text, other text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    exclusive jsonb := (SELECT jsonb_object_agg(d.claim, _held_elsewhere.claims -> d.claim)
                        FROM splitplane.claims AS d WHERE d.exclusive AND _held_elsewhere.claims ? d.claim);
    wanted bigint[] := splitplane._claim_keys(exclusive);
    holder record;
BEGIN
    SELECT p.tenant, p.claims INTO holder
      FROM splitplane.principals AS p
     WHERE splitplane._claim_keys(p.claims) && wanted AND p.enabled AND p.tenant <> _held_elsewhere.tenant;
    IF FOUND THEN
        RETURN QUERY
            SELECT c.key, v.value, holder.tenant
            FROM jsonb_each(exclusive) AS c
            CROSS JOIN LATERAL splitplane._claim_values(c.value) AS v(value)
            WHERE splitplane._value_keys(c.key, v.value) && splitplane._claim_keys(holder.claims)
            ORDER BY c.key, v.value
            LIMIT 1;
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._held_elsewhere(text, jsonb) FROM PUBLIC;

-- Of each value of these claims that more than one tenant holds, the first two of those that do: one line for each
-- claim and two tenants, with a value as the first of them has it. Reads all principals: for declare_claim and
-- doctor().
CREATE FUNCTION splitplane._shared_values(among text[])
RETURNS TABLE (claim text, tenant text, other text, value text)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    IF among = '{}' THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT DISTINCT ON (h.claim, h.tenants[1], h.tenants[2]) h.claim, h.tenants[1], h.tenants[2], h.value
        FROM (SELECT c.key AS claim, k.key,
                     array_agg(DISTINCT p.tenant ORDER BY p.tenant) AS tenants,
                     (array_agg(v.value ORDER BY p.tenant, v.value))[1] AS value
              FROM splitplane.principals AS p
              CROSS JOIN LATERAL jsonb_each(p.claims) AS c
              CROSS JOIN LATERAL splitplane._claim_values(c.value) AS v(value)
              CROSS JOIN LATERAL unnest(splitplane._value_keys(c.key, v.value)) AS k(key)
              WHERE p.enabled AND c.key = ANY (among)
              GROUP BY c.key, k.key
              HAVING count(DISTINCT p.tenant) > 1) AS h
        ORDER BY h.claim, h.tenants[1], h.tenants[2], h.value;
END
$$;
REVOKE ALL ON FUNCTION splitplane._shared_values(text[]) FROM PUBLIC;

-- The claims of a principal of this tenant without the values of exclusive ones that another tenant holds, whichever
-- they are: admit refuses all of them.
CREATE FUNCTION splitplane._unshared_claims(tenant text, claims jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT claims || coalesce(jsonb_object_agg(c.key, k.kept) FILTER (WHERE k.all_of_them > k.unshared), '{}')
    FROM jsonb_each(claims) AS c
    JOIN splitplane.claims AS d ON d.claim = c.key AND d.exclusive
    CROSS JOIN LATERAL (
        SELECT count(*), count(*) FILTER (WHERE NOT h.elsewhere),
               to_jsonb(coalesce(array_agg(v.value ORDER BY v.position) FILTER (WHERE NOT h.elsewhere), '{}'))
        FROM splitplane._claim_values(c.value) WITH ORDINALITY AS v(value, position)
        CROSS JOIN LATERAL (
            SELECT EXISTS (SELECT FROM splitplane.principals AS p
                           WHERE splitplane._claim_keys(p.claims) && splitplane._value_keys(c.key, v.value)
                             AND p.enabled AND p.tenant <> _unshared_claims.tenant)
        ) AS h(elsewhere)
    ) AS k(all_of_them, unshared, kept)
$$;
REVOKE ALL ON FUNCTION splitplane._unshared_claims(text, jsonb) FROM PUBLIC;

-- Relations of the plane that no column binds to the tenant, and the claims that say whose their rows are instead.
CREATE FUNCTION splitplane._bound_by_claims() RETURNS TABLE (relation regclass, claims text[], exclusive text[])
LANGUAGE sql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.relation, array_agg(s.value ORDER BY s.value),
           array_agg(s.value ORDER BY s.value)
               FILTER (WHERE EXISTS (SELECT FROM splitplane.claims AS c WHERE c.claim = s.value AND c.exclusive))
    FROM splitplane.relations AS r CROSS JOIN LATERAL jsonb_each_text(r.scope) AS s
    -- Of rows that belong to those of parents a claim only narrows what these let through.
    WHERE NOT EXISTS (SELECT FROM splitplane.parents AS p WHERE p.relation = r.relation)
    GROUP BY r.relation
    HAVING NOT bool_or((splitplane._binding(s.value)).claim = 'tenant')
$$;
REVOKE ALL ON FUNCTION splitplane._bound_by_claims() FROM PUBLIC;

CREATE FUNCTION splitplane.declare_claim(claim text, exclusive boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shared record;
    left_alone text;
BEGIN
    PERFORM splitplane._administration('declare_claim', jsonb_build_object(
        'claim', declare_claim.claim, 'exclusive', declare_claim.exclusive));
    PERFORM splitplane._check_isolation('declare_claim');
    PERFORM splitplane._check_claim_name(claim);
    IF claim = ANY (splitplane._identity_claims()) THEN
        RAISE EXCEPTION 'claim "%" comes from the signed context: there is nothing to declare of it', claim
            USING ERRCODE = '22023';
    END IF;
    IF exclusive IS NULL THEN
        RAISE EXCEPTION 'exclusive must not be NULL' USING ERRCODE = '22023';
    END IF;
    -- A concurrent protect or admit must not be missed; each takes these locks in this order.
    LOCK TABLE splitplane.relations IN SHARE ROW EXCLUSIVE MODE;
    LOCK TABLE splitplane.claims IN EXCLUSIVE MODE;
    LOCK TABLE splitplane.principals IN SHARE ROW EXCLUSIVE MODE;
    IF exclusive THEN
        SELECT s.tenant, s.other, s.value INTO shared FROM splitplane._shared_values(ARRAY[claim]) AS s LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'claim "%" cannot be exclusive: tenants "%" and "%" both hold its value "%"', claim,
                shared.tenant, shared.other, shared.value
                USING ERRCODE = '22023', HINT = 'Admit one of them again without it.';
        END IF;
    ELSE
        SELECT string_agg(b.relation::text, ', ' ORDER BY b.relation::text) INTO left_alone
          FROM splitplane._bound_by_claims() AS b WHERE b.exclusive = ARRAY[claim];
        IF left_alone IS NOT NULL THEN
            RAISE EXCEPTION 'claim "%" alone says whose the rows of % are', claim, left_alone
                USING ERRCODE = '55000', HINT = 'Bind a column to the tenant, or take them out of the plane first.';
        END IF;
    END IF;
    INSERT INTO splitplane.claims AS c (claim, exclusive) VALUES (declare_claim.claim, declare_claim.exclusive)
    ON CONFLICT ON CONSTRAINT claims_pkey DO UPDATE SET exclusive = excluded.exclusive;
END
$$;
REVOKE ALL ON FUNCTION splitplane.declare_claim(text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.declare_claim(text, boolean) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.declare_claim(text, boolean) IS
    'Says that no value of a claim is ever held by two tenants, so that the claim alone can scope a table.';

CREATE FUNCTION splitplane.admit(
    tenant text, business text DEFAULT '*', subject text DEFAULT '*', claims jsonb DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    claim_name text;
    claim_value jsonb;
    same record;
    held record;
BEGIN
    PERFORM splitplane._administration('admit', jsonb_build_object(
        'tenant', admit.tenant, 'business', admit.business, 'subject', admit.subject, 'claims', admit.claims));
    PERFORM splitplane._check_isolation('admit');
    PERFORM splitplane._check_principal(tenant, business, subject);
    -- A concurrent declare_claim must not be missed.
    LOCK TABLE splitplane.claims IN ROW SHARE MODE;
    SELECT c.relation, c.column_name INTO same
      FROM splitplane._tenant_columns() AS c WHERE c.base = 'bytea'::regtype ORDER BY c.relation::text LIMIT 1;
    IF FOUND AND NOT splitplane._is_bytes(tenant) THEN
        RAISE EXCEPTION 'tenant "%" is no id for column "%" of %, which has type bytea', tenant, same.column_name,
            same.relation
            USING ERRCODE = '22023', HINT = 'Such an id is \x and two lower-case hexadecimal digits for each byte.';
    END IF;
    IF EXISTS (SELECT FROM splitplane._tenant_columns() AS c
               WHERE c.base NOT IN ('text'::regtype, 'varchar'::regtype)) THEN
        -- Another spelling that is admitted concurrently must not be missed.
        LOCK TABLE splitplane.principals IN SHARE ROW EXCLUSIVE MODE;
        SELECT s.other, s.relation, s.column_name INTO same FROM splitplane._same_tenants(admit.tenant) AS s LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'tenant "%" is the same value as tenant "%" in column "%" of %', tenant, same.other,
                same.column_name, same.relation
                USING ERRCODE = '22023',
                      HINT = 'Each would see the rows of the other. Admit a tenant under one spelling only.';
        END IF;
    END IF;
    IF claims IS NULL OR jsonb_typeof(claims) <> 'object' THEN
        RAISE EXCEPTION 'claims must be a JSON object such as {"stores": [1, 2]}' USING ERRCODE = '22023';
    END IF;
    FOR claim_name, claim_value IN SELECT c.key, c.value FROM jsonb_each(claims) AS c LOOP
        IF claim_name = ANY (splitplane._identity_claims()) THEN
            RAISE EXCEPTION 'claim "%" comes from the signed context and cannot be set', claim_name
                USING ERRCODE = '22023';
        END IF;
        PERFORM splitplane._check_claim_name(claim_name);
        IF jsonb_typeof(claim_value) NOT IN ('string', 'number', 'boolean', 'array')
           OR (jsonb_typeof(claim_value) = 'array'
               AND EXISTS (SELECT FROM jsonb_array_elements(claim_value) AS e(item)
                           WHERE jsonb_typeof(e.item) NOT IN ('string', 'number', 'boolean'))) THEN
            RAISE EXCEPTION 'claim "%" must be a string, a number, a boolean, or an array of those', claim_name
                USING ERRCODE = '22023';
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM splitplane.claims AS c WHERE c.exclusive AND admit.claims ? c.claim) THEN
        LOCK TABLE splitplane.principals IN SHARE ROW EXCLUSIVE MODE;
        SELECT h.claim, h.value, h.other INTO held
          FROM splitplane._held_elsewhere(admit.tenant, admit.claims) AS h LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'value "%" of the exclusive claim "%" is held by tenant "%"', held.value, held.claim,
                held.other
                USING ERRCODE = '22023', HINT = 'Each would see the rows of the other.';
        END IF;
    END IF;
    INSERT INTO splitplane.principals AS p (tenant, business, subject, claims, enabled)
    VALUES (admit.tenant, admit.business, admit.subject, admit.claims, true)
    ON CONFLICT ON CONSTRAINT principals_pkey DO UPDATE SET claims = excluded.claims, enabled = true;
END
$$;
REVOKE ALL ON FUNCTION splitplane.admit(text, text, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.admit(text, text, text, jsonb) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.admit(text, text, text, jsonb) IS
    'Registers a principal that may ask; ''*'' admits any business or subject. Admitting again replaces the claims.';

-- '*' expels every principal that it covers, including those admitted by a narrower row: expel('brand-a') leaves none
-- of that tenant. A principal that a wider row would still admit is refused by a disabled row of the same width.
CREATE FUNCTION splitplane.expel(tenant text, business text DEFAULT '*', subject text DEFAULT '*') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed bigint;
    refused bigint;
BEGIN
    PERFORM splitplane._administration('expel', jsonb_build_object(
        'tenant', expel.tenant, 'business', expel.business, 'subject', expel.subject));
    PERFORM splitplane._check_isolation('expel');
    PERFORM splitplane._check_principal(tenant, business, subject);
    -- A concurrent admit must not be missed.
    LOCK TABLE splitplane.principals IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM splitplane.principals AS p
    WHERE p.tenant = expel.tenant
      AND (expel.business = '*' OR p.business = expel.business)
      AND (expel.subject = '*' OR p.subject = expel.subject);
    GET DIAGNOSTICS removed = ROW_COUNT;
    -- Rows that remain and overlap are wider in at least one direction. For one subject of any business, each wider row
    -- needs a disabled one, since a row that names the business is looked up before one that names the subject alone.
    INSERT INTO splitplane.principals (tenant, business, subject, claims, enabled)
    SELECT DISTINCT expel.tenant, CASE WHEN expel.business = '*' THEN p.business ELSE expel.business END, expel.subject,
           '{}'::jsonb, false
    FROM splitplane.principals AS p
    WHERE p.tenant = expel.tenant AND p.enabled
      AND (expel.business = '*' OR p.business IN ('*', expel.business))
      AND (expel.subject = '*' OR p.subject IN ('*', expel.subject));
    GET DIAGNOSTICS refused = ROW_COUNT;
    IF removed + refused = 0 THEN
        RAISE EXCEPTION 'no principal covers tenant "%", business "%", subject "%"', tenant, business, subject
            USING ERRCODE = '42704';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane.expel(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.expel(text, text, text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.expel(text, text, text) IS
    'Withdraws an admission; ''*'' expels every principal that it covers.';
