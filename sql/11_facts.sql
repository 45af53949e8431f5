-- Facts that more than one function needs. Each stands here once. Where the library holds the same list, the comment
-- names its place there, and pg_test/upgrade/test_facts.py compares the two.

-- The roles that the extension creates and grants privileges to.
CREATE FUNCTION splitplane._own_roles() RETURNS name[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY['splitplane_reader', 'splitplane_caller', 'splitplane_admin']::name[]
$$;
REVOKE ALL ON FUNCTION splitplane._own_roles() FROM PUBLIC;

-- What this server's cluster key file says, as JSON: the name of the cluster, its keys, what is wrong. NULL where there
-- is none, and so on every server that is no node of a cluster.
CREATE FUNCTION splitplane._cluster() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2__cluster';
REVOKE ALL ON FUNCTION splitplane._cluster() FROM PUBLIC;

-- Attributes that the extension's roles do not have. `is_critical`: with it, the role that untrusted SQL runs as is not
-- confined, and ask refuses. `stops_install`: CREATE EXTENSION does not accept an existing role with it. The remedies
-- together are also the options of CREATE ROLE. `held` is NULL when there is no such role.
CREATE FUNCTION splitplane._role_powers(role_name name)
RETURNS TABLE (remedy text, power text, is_critical boolean, stops_install boolean, held boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.remedy, p.power, p.is_critical, p.stops_install, p.held
    FROM (VALUES (role_name)) AS wanted(name)
    LEFT JOIN pg_roles AS r ON r.rolname = wanted.name
    CROSS JOIN LATERAL (VALUES
        -- Citus logs in to other nodes as the role of the session.
        ('NOLOGIN',       'can log in',                        false, true,
         r.rolcanlogin AND (role_name <> 'splitplane_reader' OR splitplane._cluster() IS NULL)),
        ('NOSUPERUSER',   'is a superuser',                    true,  true,  r.rolsuper),
        ('NOCREATEDB',    'can create databases',              false, false, r.rolcreatedb),
        ('NOCREATEROLE',  'can grant itself other roles',      true,  true,  r.rolcreaterole),
        ('NOREPLICATION', 'can start replication',             true,  true,  r.rolreplication),
        ('NOBYPASSRLS',   'is exempt from row-level security', true,  true,  r.rolbypassrls)
    ) AS p(remedy, power, is_critical, stops_install, held)
$$;
REVOKE ALL ON FUNCTION splitplane._role_powers(name) FROM PUBLIC;

-- The roles that the reader is a member of. It must be a member of none.
CREATE FUNCTION splitplane._reader_memberships() RETURNS SETOF name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_get_userbyid(m.roleid) FROM pg_auth_members AS m WHERE m.member = to_regrole('splitplane_reader')
$$;
REVOKE ALL ON FUNCTION splitplane._reader_memberships() FROM PUBLIC;

-- What the reader owns, in any database. It must own nothing: row-level security does not apply to owners.
CREATE FUNCTION splitplane._reader_possessions() RETURNS SETOF pg_catalog.pg_shdepend
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.* FROM pg_shdepend AS d
    WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = to_regrole('splitplane_reader') AND d.deptype = 'o'
      -- PostgreSQL records whose a user mapping is like that; nobody gains anything by it.
      AND d.classid <> 'pg_user_mapping'::regclass
$$;
REVOKE ALL ON FUNCTION splitplane._reader_possessions() FROM PUBLIC;

-- Whether an object is a member of the extension.
CREATE FUNCTION splitplane._is_ours(catalog regclass, object_id oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT EXISTS (SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
                       WHERE d.classid = catalog AND d.objid = object_id AND d.deptype = 'e'
                         AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'splitplane'));
END
$$;
REVOKE ALL ON FUNCTION splitplane._is_ours(regclass, oid) FROM PUBLIC;

-- All its members in one catalog, where many are looked for.
CREATE FUNCTION splitplane._members(catalog regclass) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.objid FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
    WHERE d.classid = catalog AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
      AND e.extname = 'splitplane'
$$;
REVOKE ALL ON FUNCTION splitplane._members(regclass) FROM PUBLIC;

-- A grantee of an access control list as GRANT and REVOKE write it.
CREATE FUNCTION splitplane._grantee(role_id oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN role_id = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role_id)) END
$$;
REVOKE ALL ON FUNCTION splitplane._grantee(oid) FROM PUBLIC;

-- The claims that come from the signed context. Each is a single value; any other claim is a list, and is set by admit.
-- In the library: ScopeBinding::is_list, and the claims that a call begins with.
CREATE FUNCTION splitplane._identity_claims() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY['tenant', 'business', 'subject']
$$;
REVOKE ALL ON FUNCTION splitplane._identity_claims() FROM PUBLIC;

-- The claim that a column of a scope is bound to, and whether rows whose column is NULL are everybody's besides. In the
-- library: ScopeBinding::new.
CREATE FUNCTION splitplane._binding(bound_to text, OUT claim text, OUT or_null boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN bound_to = 'tenant or null' THEN 'tenant' ELSE bound_to END, bound_to = 'tenant or null'
$$;
REVOKE ALL ON FUNCTION splitplane._binding(text) FROM PUBLIC;

-- What looks first at what others hold, under a lock, must see what they have committed until then. From REPEATABLE
-- READ on the rows that are seen are those of before the lock; SERIALIZABLE detects only what other SERIALIZABLE
-- transactions do.
CREATE FUNCTION splitplane._check_isolation(called text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'splitplane.% can be called at isolation level READ COMMITTED only', called
            USING ERRCODE = '25001',
                  HINT = 'At another level it does not see what others have committed since the transaction began.';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._check_isolation(text) FROM PUBLIC;

-- The form of a claim's name.
CREATE FUNCTION splitplane._check_claim_name(claim_name text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF claim_name IS NULL OR claim_name !~ '^[a-z_][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'claim name "%" is not a lower-case identifier', claim_name USING ERRCODE = '22023';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._check_claim_name(text) FROM PUBLIC;

-- Base types that a scope column can have; anyenum stands for every enum. No two claims become one value of any of
-- them: name would cut at 63 bytes, real and money would round, "char" would keep one byte.
-- `takes_list`: the claim may be a list, the self-test writes values as literals, and a tripwire can be armed on it.
-- `reserved` is then the tripwire's value. In the library: in_scope compares values of all these types, and the
-- executor hook of the tripwire those of types with a reserved value.
CREATE FUNCTION splitplane._scope_type_facts() RETURNS TABLE (type oid, takes_list boolean, reserved text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 11 SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
    ('int2'::regtype::oid, true,  '-32768'),
    ('int4'::regtype,      true,  '-2147483648'),
    ('int8'::regtype,      true,  '-9223372036854775808'),
    ('text'::regtype,      true,  'splitplane-tripwire'),
    ('varchar'::regtype,   true,  'splitplane-tripwire'),
    ('uuid'::regtype,      true,  '00000000-0000-0000-7472-697077697265'),
    ('bpchar'::regtype,    false, NULL),
    ('date'::regtype,      false, NULL),
    ('bytea'::regtype,     false, NULL),
    ('numeric'::regtype,   false, NULL),
    ('anyenum'::regtype,   false, NULL)
$$;
REVOKE ALL ON FUNCTION splitplane._scope_type_facts() FROM PUBLIC;

-- Of one base type; no row for a type that cannot carry a scope.
CREATE FUNCTION splitplane._scope_type(base oid) RETURNS TABLE (takes_list boolean, reserved text)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT f.takes_list, f.reserved
        FROM splitplane._scope_type_facts() AS f
        WHERE f.type = CASE WHEN EXISTS (SELECT FROM pg_type AS t WHERE t.oid = base AND t.typtype = 'e')
                            THEN 'anyenum'::regtype ELSE base END;
END
$$;
REVOKE ALL ON FUNCTION splitplane._scope_type(oid) FROM PUBLIC;

-- Those that take a list, in words, for messages.
CREATE FUNCTION splitplane._list_types() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT regexp_replace(string_agg(format_type(f.type, NULL), ', ' ORDER BY f.place), ', ([^,]*)$', ' or \1')
    FROM splitplane._scope_type_facts() WITH ORDINALITY AS f(type, takes_list, reserved, place)
    WHERE f.takes_list
$$;
REVOKE ALL ON FUNCTION splitplane._list_types() FROM PUBLIC;

-- Whether equality of a base type is leakproof, so that the planner uses statistics of the column under row-level
-- security. The operator is that of the type itself or of what stands for it: text for varchar, anyenum for enums.
CREATE FUNCTION splitplane._equality_is_leakproof(base oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT coalesce(bool_or(f.proleakproof), false)
        FROM pg_type AS t
        JOIN pg_operator AS o ON o.oprname = '=' AND o.oprnamespace = 'pg_catalog'::regnamespace
             AND o.oprleft = o.oprright
             AND o.oprleft = CASE WHEN t.oid = 'varchar'::regtype THEN 'text'::regtype
                                  WHEN t.typtype = 'e' THEN 'anyenum'::regtype ELSE t.oid END
        JOIN pg_proc AS f ON f.oid = o.oprcode
        WHERE t.oid = base);
END
$$;
REVOKE ALL ON FUNCTION splitplane._equality_is_leakproof(oid) FROM PUBLIC;
