-- Signing keys. No message contains a secret.

-- It takes the sealed secret only: a plain one as an argument would appear wherever nested statements are logged with
-- their parameters. The form of a key's id is also a constraint of the table.
CREATE FUNCTION splitplane._add_key(key_id text, sealed bytea, tenants text[], max_uses integer, valid_for interval)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Whole seconds: a context's date has no fraction, and one that is signed at once must not predate its key.
    starts timestamptz := date_trunc('second', now());
BEGIN
    IF key_id IS NULL OR key_id !~ '^[A-Za-z0-9_-]{4,64}$' THEN
        RAISE EXCEPTION 'a key id has 4 to 64 letters, digits, hyphens or underscores' USING ERRCODE = '22023';
    END IF;
    IF tenants IS NOT NULL THEN
        IF cardinality(tenants) = 0 THEN
            RAISE EXCEPTION 'the list of tenants is empty: '
                            'name at least one, or give NULL for a key that may speak for any'
                USING ERRCODE = '22023';
        END IF;
        IF EXISTS (SELECT FROM unnest(tenants) AS t(id) WHERE t.id IS NULL OR t.id IN ('', '*')) THEN
            RAISE EXCEPTION 'a tenant of a key is a plain name: neither NULL nor empty nor ''*'''
                USING ERRCODE = '22023';
        END IF;
        PERFORM splitplane._check_identity('tenant', t.id) FROM unnest(tenants) AS t(id);
    END IF;
    IF max_uses IS NULL OR max_uses < 1 THEN
        RAISE EXCEPTION 'max_uses must be at least 1' USING ERRCODE = '22023';
    END IF;
    IF valid_for IS NULL OR valid_for <= interval '0' OR valid_for > interval '10 years' THEN
        RAISE EXCEPTION 'valid_for must be more than nothing and at most 10 years' USING ERRCODE = '22023';
    END IF;
    IF EXISTS (SELECT FROM splitplane.keys AS k WHERE k.key_id = _add_key.key_id) THEN
        RAISE EXCEPTION 'key "%" exists already', key_id
            USING ERRCODE = '42710',
                  HINT = 'Rotate by creating a key under another id and revoking this one when no caller signs with it '
                         'any more.';
    END IF;
    INSERT INTO splitplane.keys (key_id, sealed, tenants, max_uses, not_before, not_after)
    VALUES (_add_key.key_id, _add_key.sealed, _add_key.tenants, _add_key.max_uses, starts, starts + valid_for);
END
$$;
REVOKE ALL ON FUNCTION splitplane._add_key(text, bytea, text[], integer, interval) FROM PUBLIC;

CREATE FUNCTION splitplane.create_key(
    key_id text, tenants text[] DEFAULT NULL, max_uses integer DEFAULT 1, valid_for interval DEFAULT '90 days')
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    secret text := splitplane._new_secret();
    sealed bytea := splitplane._seal(key_id, secret);
BEGIN
    PERFORM splitplane._administration('create_key', jsonb_build_object(
        'key_id', create_key.key_id, 'tenants', create_key.tenants, 'max_uses', create_key.max_uses,
        'valid_for', create_key.valid_for));
    PERFORM splitplane._add_key(key_id, sealed, tenants, max_uses, valid_for);
    RETURN secret;
END
$$;
REVOKE ALL ON FUNCTION splitplane.create_key(text, text[], integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.create_key(text, text[], integer, interval) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.create_key(text, text[], integer, interval) IS
    'Creates a signing key and returns its secret, which is not shown again.';

CREATE FUNCTION splitplane.import_key(key_id text, secret text, tenants text[] DEFAULT NULL, max_uses integer DEFAULT 1,
                                      valid_for interval DEFAULT '90 days') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sealed bytea;
BEGIN
    PERFORM splitplane._administration('import_key', jsonb_build_object(
        'key_id', import_key.key_id, 'tenants', import_key.tenants, 'max_uses', import_key.max_uses,
        'valid_for', import_key.valid_for));
    IF secret IS NULL OR length(secret) < 16 THEN
        RAISE EXCEPTION 'a secret has at least 16 characters' USING ERRCODE = '22023';
    END IF;
    sealed := splitplane._seal(key_id, secret);
    PERFORM splitplane._add_key(key_id, sealed, tenants, max_uses, valid_for);
END
$$;
REVOKE ALL ON FUNCTION splitplane.import_key(text, text, text[], integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.import_key(text, text, text[], integer, interval) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.import_key(text, text, text[], integer, interval) IS
    'Registers a signing key whose secret was created elsewhere. The statement contains the secret: see log_statement.';

-- The time of the first revocation is kept: that is the one an auditor asks for.
CREATE FUNCTION splitplane.revoke_key(key_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('revoke_key', jsonb_build_object('key_id', revoke_key.key_id));
    UPDATE splitplane.keys AS k SET revoked_at = coalesce(k.revoked_at, clock_timestamp())
     WHERE k.key_id = revoke_key.key_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no key "%"', key_id USING ERRCODE = '42704';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane.revoke_key(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.revoke_key(text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.revoke_key(text) IS 'Revokes a signing key at once. Its row is kept as a record.';
