-- Principals: which combinations of tenant, business and subject may ask, and with which claims.
-- Look-up: (business, subject) exact, then business exact, then subject exact, then ('*', '*'); the first row found decides.

-- Signing trims values and folds inner runs of blanks, so names that differ only there cannot be told apart.
CREATE FUNCTION splitplane._check_identity(part text, value text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL THEN
        RAISE EXCEPTION '% must not be NULL', part USING ERRCODE = '22023';
    END IF;
    IF value ~ '^\s|\s$|\s\s|[[:cntrl:]]' THEN
        RAISE EXCEPTION '% has a leading, trailing or doubled blank, or a control character', part USING ERRCODE = '22023';
    END IF;
    IF octet_length(value) > 256 THEN
        RAISE EXCEPTION '% is longer than 256 bytes', part USING ERRCODE = '22023';
    END IF;
    IF value <> '*' AND strpos(value, '*') > 0 THEN
        RAISE EXCEPTION '% contains ''*'', which stands alone for any and is no pattern', part USING ERRCODE = '22023';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._check_identity(text, text) FROM PUBLIC;

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

CREATE FUNCTION splitplane.admit(tenant text, business text DEFAULT '*', subject text DEFAULT '*', claims jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    claim_name text;
    claim_value jsonb;
BEGIN
    PERFORM splitplane._check_principal(tenant, business, subject);
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
REVOKE ALL ON FUNCTION splitplane.admit(text, text, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.admit(text, text, text, jsonb) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.admit(text, text, text, jsonb) IS 'Registers who may ask; ''*'' admits any business or subject. Admitting again replaces the claims.';

-- '*' expels everyone it covers, also those who were admitted by a narrower row: expel('brand-a') leaves nobody of it.
-- Whom a wider row would still admit is refused by a disabled row of the same width.
CREATE FUNCTION splitplane.expel(tenant text, business text DEFAULT '*', subject text DEFAULT '*') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed bigint;
    refused bigint;
BEGIN
    PERFORM splitplane._check_principal(tenant, business, subject);
    -- An admit that runs at the same time must not be missed.
    LOCK TABLE splitplane.principals IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM splitplane.principals AS p
    WHERE p.tenant = expel.tenant
      AND (expel.business = '*' OR p.business = expel.business)
      AND (expel.subject = '*' OR p.subject = expel.subject);
    GET DIAGNOSTICS removed = ROW_COUNT;
    -- What is left and overlaps is wider in one direction at least. For one subject of any business the row must stand
    -- beside each wider row, since a row that names the business is looked up before one that names the subject alone.
    INSERT INTO splitplane.principals (tenant, business, subject, claims, enabled)
    SELECT DISTINCT expel.tenant, CASE WHEN expel.business = '*' THEN p.business ELSE expel.business END, expel.subject, '{}'::jsonb, false
    FROM splitplane.principals AS p
    WHERE p.tenant = expel.tenant AND p.enabled
      AND (expel.business = '*' OR p.business IN ('*', expel.business))
      AND (expel.subject = '*' OR p.subject IN ('*', expel.subject));
    GET DIAGNOSTICS refused = ROW_COUNT;
    IF removed + refused = 0 THEN
        RAISE EXCEPTION 'no principal covers tenant "%", business "%", subject "%"', tenant, business, subject USING ERRCODE = '42704';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane.expel(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.expel(text, text, text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.expel(text, text, text) IS 'Refuses from now on whom it names; ''*'' expels everyone it covers.';
