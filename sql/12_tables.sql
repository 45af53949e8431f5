-- Roles and configuration tables.

-- Roles belong to the cluster, not to the database: a second database of the cluster finds them there. A role that
-- exists already under one of these names must not have an attribute that the plane's guarantees exclude.
DO $roles$
DECLARE
    role_name name;
    members text;
BEGIN
    FOREACH role_name IN ARRAY splitplane._own_roles() LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = role_name) THEN
            EXECUTE (SELECT pg_catalog.format('CREATE ROLE %I %s', role_name, pg_catalog.string_agg(p.remedy, ' '))
                     FROM splitplane._role_powers(role_name) AS p);
        ELSIF EXISTS (SELECT FROM splitplane._role_powers(role_name) AS p WHERE p.stops_install AND p.held) THEN
            RAISE EXCEPTION 'role % exists already with more power than it may have', role_name
                USING ERRCODE = '55000',
                      HINT = (SELECT pg_catalog.format('ALTER ROLE %I %s;', role_name,
                                                       pg_catalog.string_agg(p.remedy, ' '))
                              FROM splitplane._role_powers(role_name) AS p WHERE p.stops_install);
        ELSE
            SELECT pg_catalog.string_agg(pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(m.member)), ', ')
              INTO members FROM pg_catalog.pg_auth_members AS m WHERE m.roleid = pg_catalog.to_regrole(role_name);
            IF members IS NOT NULL THEN
                RAISE NOTICE 'role % exists already, and its members have its privileges here too: %',
                    role_name, members;
            END IF;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM splitplane._reader_memberships()) THEN
        RAISE EXCEPTION 'role splitplane_reader exists already and is a member of another role'
            USING ERRCODE = '55000', HINT = 'Untrusted SQL runs as this role: revoke its memberships first.';
    END IF;
    IF EXISTS (SELECT FROM splitplane._reader_possessions()) THEN
        RAISE EXCEPTION 'role splitplane_reader exists already and owns objects'
            USING ERRCODE = '55000',
                  HINT = 'Untrusted SQL runs as this role, and an owner is not bound by row-level security: '
                         'reassign what it owns first.';
    END IF;
END
$roles$;

GRANT USAGE ON SCHEMA splitplane TO splitplane_reader, splitplane_admin;

-- Signing keys. The secret is sealed under the server's key file: a dump of this table holds nothing to sign with.
CREATE TABLE splitplane.keys (
    key_id text PRIMARY KEY CHECK (key_id ~ '^[A-Za-z0-9_-]{4,64}$'),
    sealed bytea NOT NULL,
    tenants text[] CHECK (pg_catalog.cardinality(tenants) > 0 AND pg_catalog.array_position(tenants, NULL) IS NULL),
    max_uses integer NOT NULL CHECK (max_uses >= 1),
    not_before timestamptz NOT NULL,
    not_after timestamptz NOT NULL,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CHECK (not_after > not_before)
);
COMMENT ON TABLE splitplane.keys IS 'Signing keys; tenants NULL means that the key may speak for any tenant.';

-- Who may ask. A row with enabled = false refuses a principal that a wider row would admit.
CREATE TABLE splitplane.principals (
    tenant text NOT NULL CHECK (tenant NOT IN ('', '*')),
    business text NOT NULL,
    subject text NOT NULL,
    claims jsonb NOT NULL CHECK (pg_catalog.jsonb_typeof(claims) = 'object'),
    enabled boolean NOT NULL,
    PRIMARY KEY (tenant, business, subject)
);
COMMENT ON TABLE splitplane.principals IS
    'Registered combinations of tenant, business and subject, with their claims; ''*'' stands for any.';

-- What is known of a claim besides the principals that carry it. The values of an exclusive one are never held by two
-- tenants, so it alone can say whose a row is.
CREATE TABLE splitplane.claims (
    claim text PRIMARY KEY,
    exclusive boolean NOT NULL
);
COMMENT ON TABLE splitplane.claims IS
    'Claims that declare_claim was called for; no value of an exclusive one is held by two tenants.';

-- The plane's relations. `columns` is the list as it was when the relation was registered, even if that was all of
-- them: a column that a later migration adds stays outside the plane until an administrator registers it.
-- `private_columns` are those whose values never enter a prompt. A hidden relation can be read by views alone.
-- `saved` holds what unprotect must restore, and the fences as they were built, for doctor() to compare with.
CREATE TABLE splitplane.relations (
    relation regclass PRIMARY KEY,
    name text NOT NULL UNIQUE,
    shared boolean NOT NULL,
    scope jsonb NOT NULL CHECK (pg_catalog.jsonb_typeof(scope) = 'object'),
    columns text[] NOT NULL CHECK (pg_catalog.cardinality(columns) > 0),
    private_columns text[] NOT NULL DEFAULT '{}',
    had_row_security boolean NOT NULL,
    saved jsonb NOT NULL,
    hidden boolean NOT NULL DEFAULT false,
    -- A relation without a scope is the same for every tenant, which must be stated and not omitted, or its rows belong
    -- to those of its parents.
    CHECK (scope = '{}' OR NOT shared),
    CHECK (private_columns <@ columns AND pg_catalog.array_position(private_columns, NULL) IS NULL)
);
COMMENT ON TABLE splitplane.relations IS 'Tables of the plane, by protect (scoped), protect_through or share.';

-- By which foreign keys rows belong to rows of other relations of the plane. `columns` are those of the relation, in
-- the order of the key, and `parent_columns` those of the parent that they are compared with. Of a membership the key
-- points from the parent to the relation.
CREATE TABLE splitplane.parents (
    link integer PRIMARY KEY,
    relation regclass NOT NULL,
    parent regclass NOT NULL,
    key name NOT NULL,
    columns text[] NOT NULL CHECK (pg_catalog.cardinality(columns) > 0),
    parent_columns text[] NOT NULL,
    membership boolean NOT NULL,
    UNIQUE (relation, parent, key),
    CHECK (pg_catalog.cardinality(columns) = pg_catalog.cardinality(parent_columns))
);
COMMENT ON TABLE splitplane.parents IS
    'By which foreign keys rows belong to rows of other relations, by protect_through.';

-- Functions beyond the built-in allowlist, by signature: a regprocedure column in a table stops pg_upgrade.
CREATE TABLE splitplane.allowed_functions (
    signature text PRIMARY KEY,
    saved jsonb NOT NULL
);
COMMENT ON TABLE splitplane.allowed_functions IS 'Functions that allow_function added to the plane.';

-- Extensions whose lists are in the plane.
CREATE TABLE splitplane.allowed_extensions (
    extension name PRIMARY KEY,
    saved jsonb NOT NULL
);
COMMENT ON TABLE splitplane.allowed_extensions IS 'Extensions that allow_extension added to the plane.';

-- The function of a signature; NULL also where a type or schema in it does not exist any more, for which
-- to_regprocedure raises an error.
CREATE FUNCTION splitplane._procedure(signature text) RETURNS regprocedure
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN to_regprocedure(signature);
EXCEPTION WHEN undefined_object OR invalid_schema_name OR syntax_error OR invalid_name THEN
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION splitplane._procedure(text) FROM PUBLIC;
-- The view below calls it as whoever reads the view.
GRANT EXECUTE ON FUNCTION splitplane._procedure(text) TO splitplane_admin;

-- A function that was dropped and created again with the same signature by another owner is not the allowed one, and
-- what a support function makes of a call when it is planned was never looked at.
CREATE VIEW splitplane.functions AS
    SELECT p.oid::pg_catalog.regprocedure AS function, f.saved
    FROM splitplane.allowed_functions AS f
    JOIN pg_catalog.pg_proc AS p ON p.oid = splitplane._procedure(f.signature)
    WHERE pg_catalog.pg_get_userbyid(p.proowner) = f.saved ->> 'owner'
      AND (p.prosupport = 0 OR p.oid < 16384 AND p.prosupport::pg_catalog.oid < 16384);
COMMENT ON VIEW splitplane.functions IS 'Functions that allow_function added to the plane and that are still the same.';

REVOKE ALL ON splitplane.keys, splitplane.principals, splitplane.claims, splitplane.relations,
    splitplane.parents, splitplane.allowed_functions, splitplane.allowed_extensions, splitplane.functions FROM PUBLIC;
GRANT SELECT (key_id, tenants, max_uses, not_before, not_after, revoked_at, created_at)
    ON splitplane.keys TO splitplane_admin;
GRANT SELECT ON splitplane.principals, splitplane.claims, splitplane.relations, splitplane.parents,
    splitplane.allowed_functions, splitplane.allowed_extensions, splitplane.functions TO splitplane_admin;

SELECT pg_catalog.pg_extension_config_dump('splitplane.keys', '');
SELECT pg_catalog.pg_extension_config_dump('splitplane.principals', '');
SELECT pg_catalog.pg_extension_config_dump('splitplane.claims', '');
SELECT pg_catalog.pg_extension_config_dump('splitplane.relations', '');
SELECT pg_catalog.pg_extension_config_dump('splitplane.parents', '');
SELECT pg_catalog.pg_extension_config_dump('splitplane.allowed_functions', '');
SELECT pg_catalog.pg_extension_config_dump('splitplane.allowed_extensions', '');

-- Every backend caches the plane. Any change of these tables, by our functions or by hand, invalidates the cache. Keys
-- and principals are read for every call and need no such trigger.
CREATE FUNCTION splitplane._on_config_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._config_changed();
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION splitplane._on_config_change() FROM PUBLIC;

CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.relations
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.parents
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.allowed_functions
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.allowed_extensions
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();
