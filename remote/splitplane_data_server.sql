-- splitplane's side on a data server: a PostgreSQL, of 15 or later, whose tables a front database with splitplane asks over
-- postgres_fdw. It needs no library and no other extension, so that managed services take it. Run it once in each database that
-- holds tables of tenants, as the role that owns them:
--
--   psql -v ON_ERROR_STOP=1 -f splitplane_data_server.sql
--
-- Then, as docs/front-database.md says:
--
--   ALTER ROLE splitplane_front LOGIN PASSWORD '..';
--   SELECT splitplane_remote.create_key('KEY2026', 'orders-eu');          -- shows the secret once
--   SELECT splitplane_remote.protect('orders', 'tenant_id');
--
-- Who may see what: the front database logs in as splitplane_front, which owns nothing and reads protected tables alone. At the
-- beginning of each call it presents a token, in which it vouches for one tenant until a moment that is near. The token is kept in a
-- setting that ends with the transaction; anybody may set that setting, so each scan of a table looks at the token again.
BEGIN;

-- As postgres_fdw sets them in its sessions. A pooler between the two may give a statement to another session.
DO $role$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = 'splitplane_front') THEN
        CREATE ROLE splitplane_front NOLOGIN NOINHERIT;
    END IF;
END
$role$;
ALTER ROLE splitplane_front SET search_path = pg_catalog;
ALTER ROLE splitplane_front SET default_transaction_read_only = on;
ALTER ROLE splitplane_front SET "TimeZone" = 'GMT';
ALTER ROLE splitplane_front SET "DateStyle" = 'ISO';
ALTER ROLE splitplane_front SET "IntervalStyle" = 'postgres';
ALTER ROLE splitplane_front SET extra_float_digits = 3;
ALTER ROLE splitplane_front SET statement_timeout = '5min';
ALTER ROLE splitplane_front SET idle_in_transaction_session_timeout = '10min';

CREATE SCHEMA splitplane_remote;
REVOKE ALL ON SCHEMA splitplane_remote FROM PUBLIC;
GRANT USAGE ON SCHEMA splitplane_remote TO splitplane_front;

-- What tokens are checked with: the two blocks of 64 bytes that HMAC-SHA256 makes of a secret. Its owner alone reads it.
CREATE TABLE splitplane_remote.keys (
    key_id text PRIMARY KEY CHECK (key_id ~ '^[A-Za-z0-9_-]{4,64}$'),
    audience text NOT NULL CHECK (audience ~ '^[A-Za-z0-9._-]{1,64}$'),
    inner_block bytea NOT NULL CHECK (pg_catalog.length(inner_block) = 64),
    outer_block bytea NOT NULL CHECK (pg_catalog.length(outer_block) = 64),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
REVOKE ALL ON splitplane_remote.keys FROM PUBLIC;

-- Makes a key and returns its secret, which is not kept: give it to the front database. Several keys may be there at once.
CREATE FUNCTION splitplane_remote.create_key(key_id text, audience text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- 244 random bits, which the server draws from the system's source.
    secret text := encode(sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')), 'hex');
    inward bytea := convert_to(secret, 'UTF8');
    outward bytea := convert_to(secret, 'UTF8');
BEGIN
    FOR place IN 0..63 LOOP
        inward := set_byte(inward, place, get_byte(inward, place) # 54);
        outward := set_byte(outward, place, get_byte(outward, place) # 92);
    END LOOP;
    INSERT INTO splitplane_remote.keys (key_id, audience, inner_block, outer_block)
    VALUES (create_key.key_id, create_key.audience, inward, outward);
    RETURN secret;
END
$$;
REVOKE ALL ON FUNCTION splitplane_remote.create_key(text, text) FROM PUBLIC;

-- Tokens of the key are refused from then on.
CREATE FUNCTION splitplane_remote.drop_key(key_id text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM splitplane_remote.keys AS k WHERE k.key_id = drop_key.key_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no key "%"', key_id USING ERRCODE = '42704';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane_remote.drop_key(text) FROM PUBLIC;

-- Whom a token vouches for, and for how many milliseconds more; nothing if it is not one of a key here, or not now.
CREATE FUNCTION splitplane_remote.read_token(token text, OUT tenant text, OUT remaining bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[];
    key record;
    expected bytea;
    given bytea;
    expires bigint;
BEGIN
    -- splitplane1.KEY.EXPIRY.TENANT.MAC: milliseconds since 1970, and the last two in hexadecimal.
    parts := regexp_match(token, '^splitplane1\.([A-Za-z0-9_-]{4,64})\.([0-9]{1,15})\.((?:[0-9a-f]{2})+)\.([0-9a-f]{64})$');
    IF parts IS NULL THEN
        RETURN;
    END IF;
    SELECT k.audience, k.inner_block, k.outer_block INTO key FROM splitplane_remote.keys AS k WHERE k.key_id = parts[1];
    IF NOT FOUND THEN
        RETURN;
    END IF;
    expected := sha256(key.outer_block || sha256(key.inner_block || convert_to(
        concat_ws(E'\n', 'splitplane1', key.audience, parts[1], parts[2], parts[3]), 'UTF8')));
    given := decode(parts[4], 'hex');
    -- What is compared byte by byte is not what was sent: how long it takes tells nothing of the one that is expected.
    IF sha256(key.inner_block || given) <> sha256(key.inner_block || expected) THEN
        RETURN;
    END IF;
    expires := parts[2]::bigint;
    remaining := expires - floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint;
    -- A front database whose clock is far ahead would else give tokens that last.
    IF remaining <= 0 OR remaining > 3700000 THEN
        remaining := NULL;
        RETURN;
    END IF;
    tenant := convert_from(decode(parts[3], 'hex'), 'UTF8');
END
$$;
REVOKE ALL ON FUNCTION splitplane_remote.read_token(text) FROM PUBLIC;

-- The tenant of the call that runs, for the policies; NULL outside a call.
CREATE FUNCTION splitplane_remote.tenant() RETURNS text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT t.tenant FROM splitplane_remote.read_token(current_setting('splitplane_remote.token', true)) AS t);
END
$$;
REVOKE ALL ON FUNCTION splitplane_remote.tenant() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane_remote.tenant() TO splitplane_front;

-- Begins a call. The front database has a function of this name that postgres_fdw sends here; its first argument is a column, since
-- postgres_fdw would not send a call of constants.
CREATE FUNCTION splitplane_remote.remote_claim(one text, token text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    remaining bigint := (SELECT t.remaining FROM splitplane_remote.read_token(token) AS t);
BEGIN
    IF remaining IS NULL THEN
        RAISE EXCEPTION 'the token was refused' USING ERRCODE = '28000';
    END IF;
    -- Both end with the transaction or savepoint.
    PERFORM set_config('splitplane_remote.token', token, true);
    PERFORM set_config('statement_timeout', remaining::text, true);
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION splitplane_remote.remote_claim(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane_remote.remote_claim(text, text) TO splitplane_front;

-- Lets the front database read a table, of the tenant of the call that runs alone. Other roles read and write it as before.
CREATE FUNCTION splitplane_remote.protect(relation regclass, tenant_column name, columns name[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    catalog_row record;
    qualified text;
    value text;
BEGIN
    SELECT c.relkind, c.relrowsecurity, n.nspname, c.relname, a.atttypid::regtype AS type,
           k.collisdeterministic IS NOT FALSE AS deterministic,
           EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = 'splitplane_others') AS is_ours
      INTO catalog_row
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = tenant_column AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_collation AS k ON k.oid = a.attcollation
     WHERE c.oid = relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% has no column "%"', relation, tenant_column USING ERRCODE = '42703';
    END IF;
    IF catalog_row.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '% is neither an ordinary nor a partitioned table', relation USING ERRCODE = '42809';
    END IF;
    -- Their equality is leakproof, so that PostgreSQL evaluates it, and the policy, before anything that a query asks.
    IF catalog_row.type NOT IN ('text'::regtype, 'varchar'::regtype, 'uuid'::regtype, 'smallint'::regtype, 'integer'::regtype,
                          'bigint'::regtype) OR NOT catalog_row.deterministic THEN
        RAISE EXCEPTION 'a tenant column is of type text, varchar, uuid, smallint, integer or bigint, not %', catalog_row.type
            USING ERRCODE = '0A000';
    END IF;
    qualified := format('%I.%I', catalog_row.nspname, catalog_row.relname);
    value := CASE WHEN catalog_row.type IN ('text'::regtype, 'varchar'::regtype) THEN '(SELECT splitplane_remote.tenant())'
                  ELSE format('(SELECT splitplane_remote.tenant()::%s)', catalog_row.type) END;
    PERFORM splitplane_remote.drop_policies(relation);
    -- Restrictive: no other policy lets more through. PostgreSQL evaluates them in the order of their names.
    EXECUTE format('CREATE POLICY "!splitplane_fence" ON %s AS RESTRICTIVE FOR SELECT TO splitplane_front USING (%I = %s)',
                   qualified, tenant_column, value);
    EXECUTE format('CREATE POLICY splitplane_read ON %s AS PERMISSIVE FOR SELECT TO splitplane_front USING (true)', qualified);
    IF NOT catalog_row.relrowsecurity OR catalog_row.is_ours THEN
        EXECUTE format('CREATE POLICY splitplane_others ON %s AS PERMISSIVE FOR ALL TO PUBLIC USING (true) WITH CHECK (true)',
                       qualified);
    END IF;
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', qualified);
    EXECUTE format('REVOKE ALL ON TABLE %s FROM splitplane_front', qualified);
    EXECUTE format('GRANT SELECT%s ON TABLE %s TO splitplane_front',
                   CASE WHEN columns IS NOT NULL
                        THEN (SELECT format(' (%s)', string_agg(DISTINCT quote_ident(w.name), ', '))
                                FROM unnest(columns || tenant_column) AS w(name)) END, qualified);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO splitplane_front', catalog_row.nspname);
END
$$;
REVOKE ALL ON FUNCTION splitplane_remote.protect(regclass, name, name[]) FROM PUBLIC;

CREATE FUNCTION splitplane_remote.drop_policies(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    policy_name name;
BEGIN
    FOR policy_name IN
        SELECT p.polname FROM pg_policy AS p
        WHERE p.polrelid = relation AND p.polname IN ('!splitplane_fence', 'splitplane_read', 'splitplane_others')
    LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy_name, relation);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane_remote.drop_policies(regclass) FROM PUBLIC;

-- Takes it back.
CREATE FUNCTION splitplane_remote.unprotect(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('REVOKE ALL ON TABLE %s FROM splitplane_front', relation);
    IF EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = 'splitplane_others') THEN
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', relation);
    END IF;
    PERFORM splitplane_remote.drop_policies(relation);
END
$$;
REVOKE ALL ON FUNCTION splitplane_remote.unprotect(regclass) FROM PUBLIC;

-- A text that is another one when anything was changed that the fences rest on.
CREATE FUNCTION splitplane_remote.fingerprint() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN encode(sha256(convert_to(concat_ws('|', current_user,
        (SELECT string_agg(concat_ws(':', c.oid, c.xmin), ',' ORDER BY c.oid) FROM pg_class AS c
          WHERE c.oid IN (SELECT p.polrelid FROM pg_policy AS p) OR c.oid = 'splitplane_remote.keys'::regclass),
        (SELECT string_agg(concat_ws(':', p.oid, p.xmin), ',' ORDER BY p.oid) FROM pg_policy AS p),
        (SELECT string_agg(concat_ws(':', f.oid, f.xmin), ',' ORDER BY f.oid) FROM pg_proc AS f
          WHERE f.pronamespace = 'splitplane_remote'::regnamespace),
        (SELECT string_agg(concat_ws(':', m.roleid, m.xmin), ',' ORDER BY m.roleid) FROM pg_auth_members AS m
          WHERE m.member = to_regrole(quote_ident(current_user))),
        (SELECT r::text FROM pg_roles AS r WHERE r.rolname = current_user)), 'UTF8')), 'hex');
END
$$;
REVOKE ALL ON FUNCTION splitplane_remote.fingerprint() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane_remote.fingerprint() TO splitplane_front;

-- All of that, written out for the front database to look at.
CREATE FUNCTION splitplane_remote.document() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    front oid := to_regrole(quote_ident(current_user));
BEGIN
    RETURN jsonb_build_object(
        'clock', floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
        'role', (
            SELECT jsonb_build_object(
                'name', r.rolname,
                'powers', r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication,
                'is_member', EXISTS (SELECT FROM pg_auth_members AS m WHERE m.member = front),
                'owns', EXISTS (SELECT FROM pg_shdepend AS d
                                WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = front AND d.deptype = 'o'),
                'reads_keys', has_any_column_privilege(front, 'splitplane_remote.keys', 'SELECT'),
                'settings', to_jsonb(coalesce(r.rolconfig, '{}')))
            FROM pg_roles AS r WHERE r.oid = front),
        'functions', (
            SELECT jsonb_agg(jsonb_build_object(
                'name', f.proname, 'source', f.prosrc, 'language', l.lanname, 'definer', f.prosecdef,
                'volatility', f.provolatile, 'settings', to_jsonb(coalesce(f.proconfig, '{}')),
                'owner', pg_get_userbyid(f.proowner)))
            FROM pg_proc AS f JOIN pg_language AS l ON l.oid = f.prolang
            WHERE f.pronamespace = 'splitplane_remote'::regnamespace),
        'tables', (
            SELECT jsonb_agg(jsonb_build_object(
                'schema', n.nspname, 'name', c.relname, 'kind', c.relkind, 'is_secured', c.relrowsecurity,
                'policies', (
                    SELECT jsonb_agg(jsonb_build_object(
                        'name', p.polname, 'permissive', p.polpermissive, 'command', p.polcmd,
                        'binds_front', p.polroles && ARRAY[0::oid, front],
                        'condition', pg_get_expr(p.polqual, p.polrelid)))
                    FROM pg_policy AS p WHERE p.polrelid = c.oid)))
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.oid IN (SELECT p.polrelid FROM pg_policy AS p)));
END
$$;
REVOKE ALL ON FUNCTION splitplane_remote.document() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane_remote.document() TO splitplane_front;

-- What the front database reads at the beginning of each call.
CREATE VIEW splitplane_remote.hello AS
    SELECT v.one, splitplane_remote.fingerprint() AS fingerprint, splitplane_remote.document() AS document
    FROM (VALUES (''::text)) AS v(one);
REVOKE ALL ON splitplane_remote.hello FROM PUBLIC;
GRANT SELECT ON splitplane_remote.hello TO splitplane_front;

COMMIT;
