-- Written by tools/upgrade_script.py from sql/upgrades/0.1.0--0.2.0.sql and the install fragments; edit those.
-- The schema that the extension was installed into may hold operators of other owners, which must not be taken for
-- PostgreSQL's.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL quote_all_identifiers = off;

-- New objects belong to the owner of the extension, whichever superuser runs the update.
SELECT pg_catalog.set_config('role', r.rolname, true)
  FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_roles AS r ON r.oid = e.extowner
 WHERE e.extname = 'splitplane' AND r.rolsuper AND r.rolname <> CURRENT_USER;

-- A function that gets an argument is a new function: the old one is renamed here, and its privileges are transferred
-- below. If objects depend on it, the update stops before anything is changed; CASCADE would drop them.
DO $dependents$
DECLARE
    changed regprocedure;
    dependents text;
BEGIN
    FOREACH changed IN ARRAY ARRAY['splitplane.sign(text,text,text,text,text)',
                               'splitplane.protect(regclass,jsonb,text[],text,text[])',
                               'splitplane.share(regclass,text[],text,text[])',
                               'splitplane.selftest(text[])']::pg_catalog.regprocedure[] LOOP
        SELECT pg_catalog.string_agg(DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), ', ')
          INTO dependents
          FROM pg_catalog.pg_depend AS d
         WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.refobjid = changed AND d.deptype <> 'e';
        IF dependents IS NOT NULL THEN
            RAISE EXCEPTION 'function % gets an argument, and objects depend on it: %', changed, dependents
                USING ERRCODE = '2BP01',
                      HINT = 'Drop them, run ALTER EXTENSION splitplane UPDATE again, and create them anew.';
        END IF;
    END LOOP;
END
$dependents$;
ALTER FUNCTION splitplane.sign(text, text, text, text, text) RENAME TO _sign_before;
ALTER FUNCTION splitplane.protect(regclass, jsonb, text[], text, text[]) RENAME TO _protect_before;
ALTER FUNCTION splitplane.share(regclass, text[], text, text[]) RENAME TO _share_before;
ALTER FUNCTION splitplane.selftest(text[]) RENAME TO _selftest_before;

-- Not in one: the catalog would say of it for ever that rows may lack it.
ALTER TABLE splitplane.relations ADD COLUMN hidden boolean;
ALTER TABLE splitplane.relations ALTER COLUMN hidden SET DEFAULT false;
UPDATE splitplane.relations SET hidden = false;
ALTER TABLE splitplane.relations ALTER COLUMN hidden SET NOT NULL;

-- Whether the fences of a table are as they were built, and its policy as it was created, must be determined before
-- anything is changed: see the end.
UPDATE splitplane.relations AS r
   SET saved = r.saved || pg_catalog.jsonb_build_object(
           'unchanged', f.fingerprint IS NOT DISTINCT FROM r.saved ->> 'fingerprint',
           'tampered', NOT r.shared AND (
               p.oid IS NULL OR p.polpermissive OR p.polcmd <> 'r' OR p.polwithcheck IS NOT NULL
               OR p.polroles IS DISTINCT FROM ARRAY[pg_catalog.to_regrole('splitplane_reader')::oid]
               OR pg_catalog.pg_get_expr(p.polqual, p.polrelid) IS DISTINCT FROM r.saved ->> 'policy'))
  FROM splitplane._fences AS f
  LEFT JOIN pg_catalog.pg_policy AS p ON p.polrelid = f.relation AND p.polname = 'splitplane_scope'
 WHERE f.relation = r.relation;

-- Functions of 0.1.0 that this version does not have, or has with other arguments. No other object can depend on them:
-- no role is granted EXECUTE on a function whose name starts with an underscore.
DROP FUNCTION splitplane._private_argument(text[]);
DROP FUNCTION splitplane._selftest_expected(text, text, text, text, text, text, integer);
DROP FUNCTION splitplane._selftest_shape(jsonb, text, text, text, text, text, text, integer, text);
DROP FUNCTION splitplane._selftest_is_empty(text, text, text, text);
DROP FUNCTION splitplane._selftest_hidden(splitplane.relations, text, text, text);
DROP FUNCTION splitplane._withdraw(regclass, text);
DROP FUNCTION splitplane._register(regclass, boolean, jsonb, text[], text, text[]);
DROP FUNCTION splitplane._scope_condition(regclass, jsonb);
DROP FUNCTION splitplane._describe_type(oid, integer);
DROP FUNCTION splitplane._selftest_run(text, text, text, text);
DROP FUNCTION splitplane._selftest_relation(splitplane.relations, jsonb[]);

-- What is known of a claim besides the principals that carry it. The values of an exclusive one are never held by two
-- tenants, so it alone can say whose a row is.
CREATE TABLE splitplane.claims (
    claim text PRIMARY KEY,
    exclusive boolean NOT NULL
);
COMMENT ON TABLE splitplane.claims IS
    'Claims that declare_claim was called for; no value of an exclusive one is held by two tenants.';
REVOKE ALL ON splitplane.claims FROM PUBLIC;
GRANT SELECT ON splitplane.claims TO splitplane_admin;
SELECT pg_catalog.pg_extension_config_dump('splitplane.claims', '');

-- A relation without a scope is the same for every tenant, which must be stated and not omitted, or its rows belong to
-- those of its parents.
ALTER TABLE splitplane.relations DROP CONSTRAINT relations_check;
ALTER TABLE splitplane.relations ADD CONSTRAINT relations_check CHECK (scope = '{}' OR NOT shared);
COMMENT ON TABLE splitplane.relations IS 'Tables of the plane, by protect (scoped), protect_through or share.';
COMMENT ON TABLE splitplane.tripwires IS
    'Armed tables: the column that says whose a row is, and the value in it of the rows of the reserved tenant.';

-- By which foreign keys rows belong to rows of other relations of the plane.
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
REVOKE ALL ON splitplane.parents FROM PUBLIC;
GRANT SELECT ON splitplane.parents TO splitplane_admin;
SELECT pg_catalog.pg_extension_config_dump('splitplane.parents', '');
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.parents
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();

-- `columns` are those that the text gave when the view was defined, each an object of name, type, modifier and, where
-- it is a plane relation's column as it stands, `of` with the relation's plane name and the column. Empty while the
-- view is being defined.
CREATE TABLE splitplane.views (
    name text PRIMARY KEY,
    sql text NOT NULL,
    description text,
    columns jsonb NOT NULL CHECK (pg_catalog.jsonb_typeof(columns) = 'array'),
    private_columns text[] NOT NULL DEFAULT '{}' CHECK (pg_catalog.array_position(private_columns, NULL) IS NULL),
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_by text NOT NULL DEFAULT SESSION_USER
);
COMMENT ON TABLE splitplane.views IS 'Queries over the plane that can be named like its tables, by define_view.';
REVOKE ALL ON splitplane.views FROM PUBLIC;
GRANT SELECT ON splitplane.views TO splitplane_admin;
SELECT pg_catalog.pg_extension_config_dump('splitplane.views', '');
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.views
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();

-- Extensions whose lists are in the plane.
CREATE TABLE splitplane.allowed_extensions (
    extension name PRIMARY KEY,
    saved jsonb NOT NULL
);
COMMENT ON TABLE splitplane.allowed_extensions IS 'Extensions that allow_extension added to the plane.';
REVOKE ALL ON splitplane.allowed_extensions FROM PUBLIC;
GRANT SELECT ON splitplane.allowed_extensions TO splitplane_admin;
SELECT pg_catalog.pg_extension_config_dump('splitplane.allowed_extensions', '');
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.allowed_extensions
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();

-- Numbers are in millionths, so that the library adds whole numbers.
CREATE TABLE splitplane.budget_limits (
    tenant text NOT NULL,
    measure text NOT NULL CHECK (measure IN ('calls', 'model_calls', 'tokens', 'cost', 'run_seconds')),
    amount bigint NOT NULL CHECK (amount >= 0),
    period interval NOT NULL,
    microseconds bigint NOT NULL CHECK (microseconds > 0),
    PRIMARY KEY (tenant, measure)
);
COMMENT ON TABLE splitplane.budget_limits IS
    'Budgets as set_budget sets them, in millionths; ''*'' is the default of every tenant.';

CREATE TABLE splitplane.prices (
    model text PRIMARY KEY,
    input bigint NOT NULL CHECK (input >= 0),
    output bigint NOT NULL CHECK (output >= 0)
);
COMMENT ON TABLE splitplane.prices IS 'Prices of models as set_price sets them, in millionths for a million tokens.';

REVOKE ALL ON splitplane.budget_limits, splitplane.prices FROM PUBLIC;
GRANT SELECT ON splitplane.budget_limits, splitplane.prices TO splitplane_admin;

SELECT pg_catalog.pg_extension_config_dump('splitplane.budget_limits', '');
SELECT pg_catalog.pg_extension_config_dump('splitplane.prices', '');

-- The secret is sealed under the server's key file. A data server that takes no claims has none.
CREATE TABLE splitplane.data_servers (
    server text PRIMARY KEY,
    audience text CHECK (audience ~ '^[A-Za-z0-9._-]{1,64}$'),
    key_id text CHECK (key_id ~ '^[A-Za-z0-9_-]{4,64}$'),
    sealed bytea,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    form text NOT NULL DEFAULT 'claimed' CHECK (form IN ('claimed', 'barrier', 'materialized')),
    CHECK (pg_catalog.num_nulls(audience, key_id, sealed) = CASE form WHEN 'claimed' THEN 0 ELSE 3 END)
);
COMMENT ON TABLE splitplane.data_servers IS
    'Data servers by the names of their foreign servers, as use_data_server sets them.';

CREATE TABLE splitplane.directories (
    relation regclass PRIMARY KEY,
    tenant_column text NOT NULL
);
COMMENT ON TABLE splitplane.directories IS 'Tables whose rows data servers keep, as protect_remote registers them.';

REVOKE ALL ON splitplane.data_servers, splitplane.directories FROM PUBLIC;
GRANT SELECT (server, audience, key_id, created_at, form) ON splitplane.data_servers TO splitplane_admin;
GRANT SELECT ON splitplane.directories TO splitplane_admin;

SELECT pg_catalog.pg_extension_config_dump('splitplane.data_servers', '');
SELECT pg_catalog.pg_extension_config_dump('splitplane.directories', '');

CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.directories
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();

-- Answered questions, for rate and promote. Not dumped.
CREATE TABLE splitplane.answers (
    query_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    business text NOT NULL,
    subject text NOT NULL,
    answered_at timestamptz NOT NULL,
    question text NOT NULL,
    sql text NOT NULL,
    source text NOT NULL,
    follows boolean NOT NULL,
    good boolean,
    note text,
    rated_at timestamptz,
    CHECK ((good IS NULL) = (rated_at IS NULL))
);
COMMENT ON TABLE splitplane.answers IS
    'Questions that were answered, and the SQL, for splitplane.rating_retention; readable by nobody but the owner.';
CREATE INDEX ON splitplane.answers (answered_at);
CREATE INDEX ON splitplane.answers (tenant);
REVOKE ALL ON splitplane.answers FROM PUBLIC;

-- What evaluate found, by run.
CREATE TABLE splitplane.evaluations (
    run bigint NOT NULL,
    name text NOT NULL,
    tenant text NOT NULL,
    question text NOT NULL,
    arguments jsonb NOT NULL,
    model text NOT NULL,
    verdict text CHECK (verdict IN ('right', 'wrong', 'refused', 'not answered', 'leak')),
    regression boolean,
    detail text,
    sql text,
    milliseconds double precision,
    model_calls bigint,
    input_tokens bigint,
    output_tokens bigint,
    evaluated_at timestamptz,
    PRIMARY KEY (run, name, tenant, question)
);
COMMENT ON TABLE splitplane.evaluations IS
    'What evaluate found, by run; the verdict is NULL of a case that is still to be asked.';
REVOKE ALL ON splitplane.evaluations FROM PUBLIC;
GRANT SELECT ON splitplane.evaluations TO splitplane_admin;
SELECT pg_catalog.pg_extension_config_dump('splitplane.evaluations', '');

-- A session remembers that there are none, and those of tenants that it has met. Prices are read for every question.
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.budget_limits
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();

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
CREATE OR REPLACE VIEW splitplane.functions AS
    SELECT p.oid::pg_catalog.regprocedure AS function, f.saved
    FROM splitplane.allowed_functions AS f
    JOIN pg_catalog.pg_proc AS p ON p.oid = splitplane._procedure(f.signature)
    WHERE pg_catalog.pg_get_userbyid(p.proowner) = f.saved ->> 'owner'
      AND (p.prosupport = 0 OR p.oid < 16384 AND p.prosupport::pg_catalog.oid < 16384);

-- Functions whose bodies are in the library. The privileges follow each function, so that none is left open to PUBLIC.

-- The three entry points. SECURITY DEFINER: they read keys and principals that no caller may read. Not STRICT: a NULL
-- context is a refusal, not a NULL answer. client_min_messages: what the server reports about our own look-ups (trees,
-- plans) is for its log only.
CREATE OR REPLACE FUNCTION @extschema@.ask(
    context jsonb, question text DEFAULT NULL, sql text DEFAULT NULL, conversation uuid DEFAULT NULL)
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET client_min_messages = error COST 10000
AS 'MODULE_PATHNAME', 'splitplane_2_ask';

COMMENT ON FUNCTION @extschema@.ask(jsonb, text, text, uuid) IS
    'Answers a question or an LLM''s SQL from the rows of the signed tenant context, as one JSON document.';

CREATE OR REPLACE FUNCTION @extschema@.ask_rows(context jsonb, question text DEFAULT NULL, sql text DEFAULT NULL)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET client_min_messages = error COST 10000
AS 'MODULE_PATHNAME', 'splitplane_2_ask_rows';

COMMENT ON FUNCTION @extschema@.ask_rows(jsonb, text, text) IS
    'Like ask, as typed rows: SELECT * FROM ask_rows(...) AS t(city text, revenue numeric).';

CREATE OR REPLACE FUNCTION @extschema@.ask_dry_run(context jsonb, question text DEFAULT NULL, sql text DEFAULT NULL) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET client_min_messages = error COST 10000
AS 'MODULE_PATHNAME', 'splitplane_2_ask_dry_run';

COMMENT ON FUNCTION @extschema@.ask_dry_run(jsonb, text, text) IS
    'Every stage of ask except execution: the plane SQL, its parameters and what was proved.';

-- The claims of the running call, for policies and for the index condition below; NULL outside one. A parallel worker
-- reads its leader's.
CREATE OR REPLACE FUNCTION splitplane.claim(name text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_claim';

CREATE OR REPLACE FUNCTION splitplane.claim_list(name text) RETURNS text[]
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_claim_list';

-- For the planner: in_scope costs nothing and keeps every row, since the plane's own condition on the same column has
-- been counted for both. For a type whose equality is not leakproof it gives the index condition.
CREATE FUNCTION splitplane.in_scope_support(request internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2_in_scope_support';

REVOKE ALL ON FUNCTION splitplane.in_scope_support(internal) FROM PUBLIC;

-- The row-level security condition of a plane relation: whether the value is one of the claim's. LEAKPROOF: whether it
-- fails does not depend on the row, so PostgreSQL may evaluate it before every other condition. The types that it
-- compares are those of _scope_type_facts.
CREATE FUNCTION splitplane.in_scope(value anyelement, claim text) RETURNS boolean
LANGUAGE c STABLE LEAKPROOF STRICT PARALLEL SAFE COST 1 SUPPORT splitplane.in_scope_support
AS 'MODULE_PATHNAME', 'splitplane_2_in_scope';

REVOKE ALL ON FUNCTION splitplane.in_scope(anyelement, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.in_scope(anyelement, text) TO splitplane_reader;

-- The row-level security condition of a relation whose rows belong to those of others: whether each key that is not
-- NULL is among those of the parent's rows that this call may see, and there is one. `links` says of each link, as
-- "link:columns", how many of the values are its key. The call collects the keys before it runs its statement.
CREATE FUNCTION splitplane.in_parent(links text, VARIADIC key_values "any") RETURNS boolean
LANGUAGE c STABLE LEAKPROOF CALLED ON NULL INPUT PARALLEL SAFE COST 1 SUPPORT splitplane.in_scope_support
AS 'MODULE_PATHNAME', 'splitplane_2_in_parent';

REVOKE ALL ON FUNCTION splitplane.in_parent(text, "any") FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.in_parent(text, "any") TO splitplane_reader;

-- The same for the plane's own condition, of which the planner is told how many rows it keeps.
CREATE FUNCTION splitplane.has_parent_support(request internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2_has_parent_support';

REVOKE ALL ON FUNCTION splitplane.has_parent_support(internal) FROM PUBLIC;

CREATE FUNCTION splitplane.has_parent(links text, VARIADIC key_values "any") RETURNS boolean
LANGUAGE c STABLE LEAKPROOF CALLED ON NULL INPUT PARALLEL SAFE COST 1 SUPPORT splitplane.has_parent_support
AS 'MODULE_PATHNAME', 'splitplane_2_has_parent';

REVOKE ALL ON FUNCTION splitplane.has_parent(text, "any") FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.has_parent(text, "any") TO splitplane_reader;

-- The condition of a shared table that had row-level security: whether a call is running.
CREATE FUNCTION splitplane.in_call() RETURNS boolean
LANGUAGE c STABLE LEAKPROOF STRICT PARALLEL SAFE COST 1 SUPPORT splitplane.in_scope_support
AS 'MODULE_PATHNAME', 'splitplane_2_in_call';

REVOKE ALL ON FUNCTION splitplane.in_call() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.in_call() TO splitplane_reader;

-- The stage trust puts it around arguments of functions whose cost is the product of their arguments' sizes.
CREATE OR REPLACE FUNCTION splitplane.bounded(value anyelement, most integer) RETURNS anyelement
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_bounded';

-- The stage trust puts it into aggregates that sort at their end. Not immutable: calls with a constant count too.
CREATE OR REPLACE FUNCTION splitplane.counted(value anyelement, most integer) RETURNS anyelement
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_counted';

-- The stage trust puts it around regular expressions and JSON paths that are computed while the statement runs.
CREATE FUNCTION splitplane.pattern(value anyelement) RETURNS anyelement
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_pattern';

REVOKE ALL ON FUNCTION splitplane.pattern(anyelement) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.pattern(anyelement) TO splitplane_reader;

-- The stage trust puts it around texts that name a time zone: PostgreSQL caches every other spelling for the session.
CREATE FUNCTION splitplane.zone(name text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_zone';

REVOKE ALL ON FUNCTION splitplane.zone(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.zone(text) TO splitplane_reader;

-- The stage trust puts it around values that are parsed as dates or times: they may contain the name of a time zone.
CREATE FUNCTION splitplane.dated(value anyelement) RETURNS anyelement
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_dated';

REVOKE ALL ON FUNCTION splitplane.dated(anyelement) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.dated(anyelement) TO splitplane_reader;

-- Put around expressions that PostgreSQL considers leakproof although they may raise an error. It must never be marked
-- LEAKPROOF.
CREATE FUNCTION splitplane.behind(value anyelement) RETURNS anyelement
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_behind';

REVOKE ALL ON FUNCTION splitplane.behind(anyelement) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.behind(anyelement) TO splitplane_reader;

-- The stage trust puts it in the place of random(), whose generator keeps a state for the session: who reads that could
-- tell how often it was used in between, and what it gives to others who share the connection.
CREATE FUNCTION splitplane.drawn() RETURNS double precision
LANGUAGE c VOLATILE PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_drawn';

REVOKE ALL ON FUNCTION splitplane.drawn() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.drawn() TO splitplane_reader;

-- Put in the place of columns that the key in GROUP BY determines and whose type has no equality: one of the group's
-- values.
CREATE FUNCTION splitplane.keep(kept anyelement, value anyelement) RETURNS anyelement
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_keep';

REVOKE ALL ON FUNCTION splitplane.keep(anyelement, anyelement) FROM PUBLIC;

CREATE AGGREGATE splitplane.kept(anyelement)
    (SFUNC = splitplane.keep, STYPE = anyelement, COMBINEFUNC = splitplane.keep, PARALLEL = SAFE);

REVOKE ALL ON FUNCTION splitplane.kept(anyelement) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.kept(anyelement) TO splitplane_reader;

-- Functions whose names start with an underscore are for the extension alone: no role is granted EXECUTE on them,
-- except on _procedure and _budgets, which views call.
CREATE OR REPLACE FUNCTION splitplane._new_secret() RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__new_secret';

CREATE OR REPLACE FUNCTION splitplane._seal(key_id text, secret text) RETURNS bytea
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__seal';

-- Refuses what cannot be a tenant, business or subject: the rule by which contexts are signed and verified. '*' alone
-- passes, for any.
CREATE OR REPLACE FUNCTION splitplane._check_identity(part text, value text) RETURNS void
LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2__check_identity';

CREATE OR REPLACE FUNCTION splitplane._config_changed() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__config_changed';

-- Why the secret of a key cannot be opened with the key file as it is now; NULL if it can.
CREATE FUNCTION splitplane._key_problem(key_id text, sealed bytea) RETURNS text
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__key_problem';

REVOKE ALL ON FUNCTION splitplane._key_problem(text, bytea) FROM PUBLIC;

-- Refuses SQL that ask would refuse, and runs nothing.
CREATE OR REPLACE FUNCTION splitplane._prove(sql text) RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000
AS 'MODULE_PATHNAME', 'splitplane_2__prove';

-- The columns of a plane view as its text gives them now: `of` and `of_column` are the table's column that one hands
-- on.
CREATE FUNCTION splitplane._view_columns(view text)
RETURNS TABLE (column_name text, type oid, modifier integer, of oid, of_column smallint)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 10
AS 'MODULE_PATHNAME', 'splitplane_2__view_columns';

REVOKE ALL ON FUNCTION splitplane._view_columns(text) FROM PUBLIC;

-- Why a plane view cannot be read as it was defined; NULL if it can.
CREATE FUNCTION splitplane._view_problem(view text) RETURNS text
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000
AS 'MODULE_PATHNAME', 'splitplane_2__view_problem';

REVOKE ALL ON FUNCTION splitplane._view_problem(text) FROM PUBLIC;

-- Whether a plane view can be read, as far as it is known; it is proved if it is not. NULL while the plane is closed.
CREATE FUNCTION splitplane._view_is_open(view text) RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000
AS 'MODULE_PATHNAME', 'splitplane_2__view_is_open';

REVOKE ALL ON FUNCTION splitplane._view_is_open(text) FROM PUBLIC;

-- Refuses words that ask would refuse as a question.
CREATE FUNCTION splitplane._check_question(what text, words text) RETURNS void
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2__check_question';

REVOKE ALL ON FUNCTION splitplane._check_question(text, text) FROM PUBLIC;

-- The normalised form by which questions are matched.
CREATE OR REPLACE FUNCTION splitplane._normalise_question(text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2__normalise_question';

-- The administrator's value of a setting that ask takes from the server, whatever the session has set.
CREATE FUNCTION splitplane._configured(name text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__configured';

REVOKE ALL ON FUNCTION splitplane._configured(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION splitplane._server_problems(OUT severity text, OUT object text, OUT finding text, OUT fix text)
RETURNS SETOF record
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 4
AS 'MODULE_PATHNAME', 'splitplane_2__server_problems';

-- SECURITY DEFINER: it reads the plane's configuration and calls the model as `ask` does.
CREATE OR REPLACE FUNCTION splitplane.validate(
    questions text[], OUT question text, OUT verdict text, OUT reason text, OUT message text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 10
AS 'MODULE_PATHNAME', 'splitplane_2_validate';

COMMENT ON FUNCTION splitplane.validate(text[]) IS 'The verdict of layer 2 on each question. Nothing is run.';

-- SECURITY DEFINER: it calls the model as `ask` does.
CREATE FUNCTION splitplane.check_model() RETURNS TABLE (purpose text, ok boolean, detail text)
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 4
AS 'MODULE_PATHNAME', 'splitplane_2_check_model';

REVOKE ALL ON FUNCTION splitplane.check_model() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.check_model() TO splitplane_admin;

COMMENT ON FUNCTION splitplane.check_model() IS
    'What each model answers to one small call, with the provider''s own sentence where it fails.';

-- SECURITY DEFINER: it unseals the secret of the key, which not even an administrator may read.
CREATE FUNCTION splitplane.sign(
    key_id text, tenant text, business text DEFAULT '', subject text DEFAULT '', payload text DEFAULT '',
    conversation text DEFAULT '')
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'splitplane_2_sign';

REVOKE ALL ON FUNCTION splitplane.sign(text, text, text, text, text, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.sign(text, text, text, text, text, text) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.sign(text, text, text, text, text, text) IS
    'A signed context, for psql, demonstrations and tests; applications sign with an AWS SDK.';

-- The dates and timestamps next to a value of another type. The stage trust puts them around what a column is compared
-- with, so that the comparison has the column's own type: PostgreSQL trusts it before row-level security, and has
-- indexes and statistics for it. None raises an error. What depends on the time zone is STABLE.
CREATE FUNCTION splitplane.date_at_least(value timestamp) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_at_least';

REVOKE ALL ON FUNCTION splitplane.date_at_least(timestamp) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.date_at_least(timestamp) TO splitplane_reader;

CREATE FUNCTION splitplane.date_at_least(value timestamptz) RETURNS date
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_at_least_in_zone';

REVOKE ALL ON FUNCTION splitplane.date_at_least(timestamptz) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.date_at_least(timestamptz) TO splitplane_reader;

CREATE FUNCTION splitplane.date_at_most(value timestamp) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_at_most';

REVOKE ALL ON FUNCTION splitplane.date_at_most(timestamp) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.date_at_most(timestamp) TO splitplane_reader;

CREATE FUNCTION splitplane.date_at_most(value timestamptz) RETURNS date
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_at_most_in_zone';

REVOKE ALL ON FUNCTION splitplane.date_at_most(timestamptz) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.date_at_most(timestamptz) TO splitplane_reader;

CREATE FUNCTION splitplane.date_equal_to(value timestamp) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_equal_to';

REVOKE ALL ON FUNCTION splitplane.date_equal_to(timestamp) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.date_equal_to(timestamp) TO splitplane_reader;

CREATE FUNCTION splitplane.date_equal_to(value timestamptz) RETURNS date
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_equal_to_in_zone';

REVOKE ALL ON FUNCTION splitplane.date_equal_to(timestamptz) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.date_equal_to(timestamptz) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamp_at_least(value date) RETURNS timestamp
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_at_least';

REVOKE ALL ON FUNCTION splitplane.timestamp_at_least(date) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamp_at_least(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamp_at_least(value timestamptz) RETURNS timestamp
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_at_least_in_zone';

REVOKE ALL ON FUNCTION splitplane.timestamp_at_least(timestamptz) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamp_at_least(timestamptz) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamp_at_most(value date) RETURNS timestamp
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_at_most';

REVOKE ALL ON FUNCTION splitplane.timestamp_at_most(date) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamp_at_most(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamp_at_most(value timestamptz) RETURNS timestamp
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_at_most_in_zone';

REVOKE ALL ON FUNCTION splitplane.timestamp_at_most(timestamptz) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamp_at_most(timestamptz) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamp_equal_to(value date) RETURNS timestamp
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_equal_to';

REVOKE ALL ON FUNCTION splitplane.timestamp_equal_to(date) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamp_equal_to(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamp_equal_to(value timestamptz) RETURNS timestamp
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_equal_to_in_zone';

REVOKE ALL ON FUNCTION splitplane.timestamp_equal_to(timestamptz) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamp_equal_to(timestamptz) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_at_least(value timestamp) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_at_least';

REVOKE ALL ON FUNCTION splitplane.timestamptz_at_least(timestamp) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamptz_at_least(timestamp) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_at_least(value date) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_at_least_date';

REVOKE ALL ON FUNCTION splitplane.timestamptz_at_least(date) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamptz_at_least(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_at_most(value timestamp) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_at_most';

REVOKE ALL ON FUNCTION splitplane.timestamptz_at_most(timestamp) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamptz_at_most(timestamp) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_at_most(value date) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_at_most_date';

REVOKE ALL ON FUNCTION splitplane.timestamptz_at_most(date) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamptz_at_most(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_equal_to(value timestamp) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_equal_to';

REVOKE ALL ON FUNCTION splitplane.timestamptz_equal_to(timestamp) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamptz_equal_to(timestamp) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_equal_to(value date) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_equal_to_date';

REVOKE ALL ON FUNCTION splitplane.timestamptz_equal_to(date) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamptz_equal_to(date) TO splitplane_reader;

-- The first and the last timestamp of a day.
CREATE FUNCTION splitplane.timestamp_first(value date) RETURNS timestamp
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_first';

REVOKE ALL ON FUNCTION splitplane.timestamp_first(date) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamp_first(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamp_last(value date) RETURNS timestamp
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_last';

REVOKE ALL ON FUNCTION splitplane.timestamp_last(date) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamp_last(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_first(value date) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_first';

REVOKE ALL ON FUNCTION splitplane.timestamptz_first(date) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamptz_first(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_last(value date) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_last';

REVOKE ALL ON FUNCTION splitplane.timestamptz_last(date) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.timestamptz_last(date) TO splitplane_reader;

-- The days at which years begin and end, by a number that the year of a date is compared with.
CREATE FUNCTION splitplane.date_first(year numeric) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_first';

REVOKE ALL ON FUNCTION splitplane.date_first(numeric) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.date_first(numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.date_first(year double precision) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_first_of_double';

REVOKE ALL ON FUNCTION splitplane.date_first(double precision) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.date_first(double precision) TO splitplane_reader;

CREATE FUNCTION splitplane.date_last(year numeric) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_last';

REVOKE ALL ON FUNCTION splitplane.date_last(numeric) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.date_last(numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.date_last(year double precision) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_last_of_double';

REVOKE ALL ON FUNCTION splitplane.date_last(double precision) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.date_last(double precision) TO splitplane_reader;

CREATE FUNCTION splitplane.date_before(year numeric) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_before';

REVOKE ALL ON FUNCTION splitplane.date_before(numeric) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.date_before(numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.date_before(year double precision) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_before_of_double';

REVOKE ALL ON FUNCTION splitplane.date_before(double precision) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.date_before(double precision) TO splitplane_reader;

CREATE FUNCTION splitplane.date_after(year numeric) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_after';

REVOKE ALL ON FUNCTION splitplane.date_after(numeric) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.date_after(numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.date_after(year double precision) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_after_of_double';

REVOKE ALL ON FUNCTION splitplane.date_after(double precision) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.date_after(double precision) TO splitplane_reader;

-- A timestamp so many microseconds later; the first or the last one instead of one beyond it.
CREATE FUNCTION splitplane.moved(value timestamp, microseconds bigint) RETURNS timestamp
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_moved';

REVOKE ALL ON FUNCTION splitplane.moved(timestamp, bigint) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.moved(timestamp, bigint) TO splitplane_reader;

CREATE FUNCTION splitplane.moved(value timestamptz, microseconds bigint) RETURNS timestamptz
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_moved';

REVOKE ALL ON FUNCTION splitplane.moved(timestamptz, bigint) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.moved(timestamptz, bigint) TO splitplane_reader;

-- Around a condition that stands beside bounds which follow from it: those are counted, so the planner is told that it
-- keeps every row. It must never be marked LEAKPROOF.
CREATE FUNCTION splitplane.beside_support(request internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2_beside_support';

REVOKE ALL ON FUNCTION splitplane.beside_support(internal) FROM PUBLIC;

CREATE FUNCTION splitplane.beside(condition boolean) RETURNS boolean
LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1 SUPPORT splitplane.beside_support
AS 'MODULE_PATHNAME', 'splitplane_2_beside';

REVOKE ALL ON FUNCTION splitplane.beside(boolean) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.beside(boolean) TO splitplane_reader;

-- PostgreSQL's own comparisons of numbers and enums, marked LEAKPROOF: no value makes them raise an error. The stage
-- trust puts a call beside a comparison of a column, so that an index may be searched before row-level security. No
-- function may have the mark that is not in the table of src/trust/conditions/comparisons.rs.
CREATE FUNCTION splitplane.comparison_support(request internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2_comparison_support';

REVOKE ALL ON FUNCTION splitplane.comparison_support(internal) FROM PUBLIC;

CREATE FUNCTION splitplane.numeric_equal(value numeric, other numeric) RETURNS boolean
LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 SUPPORT splitplane.comparison_support
AS 'numeric_eq';

REVOKE ALL ON FUNCTION splitplane.numeric_equal(numeric, numeric) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.numeric_equal(numeric, numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.numeric_less(value numeric, other numeric) RETURNS boolean
LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 SUPPORT splitplane.comparison_support
AS 'numeric_lt';

REVOKE ALL ON FUNCTION splitplane.numeric_less(numeric, numeric) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.numeric_less(numeric, numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.numeric_less_equal(value numeric, other numeric) RETURNS boolean
LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 SUPPORT splitplane.comparison_support
AS 'numeric_le';

REVOKE ALL ON FUNCTION splitplane.numeric_less_equal(numeric, numeric) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.numeric_less_equal(numeric, numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.numeric_greater(value numeric, other numeric) RETURNS boolean
LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 SUPPORT splitplane.comparison_support
AS 'numeric_gt';

REVOKE ALL ON FUNCTION splitplane.numeric_greater(numeric, numeric) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.numeric_greater(numeric, numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.numeric_greater_equal(value numeric, other numeric) RETURNS boolean
LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 SUPPORT splitplane.comparison_support
AS 'numeric_ge';

REVOKE ALL ON FUNCTION splitplane.numeric_greater_equal(numeric, numeric) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.numeric_greater_equal(numeric, numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.enum_equal(value anyenum, other anyenum) RETURNS boolean
LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 SUPPORT splitplane.comparison_support
AS 'enum_eq';

REVOKE ALL ON FUNCTION splitplane.enum_equal(anyenum, anyenum) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.enum_equal(anyenum, anyenum) TO splitplane_reader;

-- Signing keys. No message contains a secret.

-- It takes the sealed secret only: a plain one as an argument would appear wherever nested statements are logged with
-- their parameters. The form of a key's id is also a constraint of the table.
CREATE OR REPLACE FUNCTION splitplane._add_key(key_id text, sealed bytea, tenants text[], max_uses integer, valid_for interval)
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

CREATE OR REPLACE FUNCTION splitplane.create_key(
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

COMMENT ON FUNCTION splitplane.create_key(text, text[], integer, interval) IS
    'Creates a signing key and returns its secret, which is not shown again.';

CREATE OR REPLACE FUNCTION splitplane.import_key(key_id text, secret text, tenants text[] DEFAULT NULL, max_uses integer DEFAULT 1,
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

COMMENT ON FUNCTION splitplane.import_key(text, text, text[], integer, interval) IS
    'Registers a signing key whose secret was created elsewhere. The statement contains the secret: see log_statement.';

-- The time of the first revocation is kept: that is the one an auditor asks for.
CREATE OR REPLACE FUNCTION splitplane.revoke_key(key_id text) RETURNS void
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

COMMENT ON FUNCTION splitplane.revoke_key(text) IS 'Revokes a signing key at once. Its row is kept as a record.';

-- Whether two texts are the same value of a type. A text that is no value of the type equals none.
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

CREATE OR REPLACE FUNCTION splitplane.admit(
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

COMMENT ON FUNCTION splitplane.admit(text, text, text, jsonb) IS
    'Registers a principal that may ask; ''*'' admits any business or subject. Admitting again replaces the claims.';

-- '*' expels every principal that it covers, including those admitted by a narrower row: expel('brand-a') leaves none
-- of that tenant. A principal that a wider row would still admit is refused by a disabled row of the same width.
CREATE OR REPLACE FUNCTION splitplane.expel(tenant text, business text DEFAULT '*', subject text DEFAULT '*') RETURNS void
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

COMMENT ON FUNCTION splitplane.expel(text, text, text) IS
    'Withdraws an admission; ''*'' expels every principal that it covers.';

-- Lists of the extensions that come with PostgreSQL. What they say: 45_extension_lists.sql.
CREATE FUNCTION splitplane._contrib_lists()
RETURNS TABLE (extension name, kind text, object text, body text, bound text)
-- PL/pgSQL keeps its plan.
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT name 'citext', l.* FROM (VALUES
        ('type', 'citext', 'citextin(cstring) citextout(citext) btree hash', 'read'),
        ('io', 'citextin(cstring)', 'internal textin citext', ''),
        ('io', 'citextout(citext)', 'internal textout cstring', ''),
        ('aggregate', 'max(citext)', 'citext_larger(citext,citext)', 'folded'),
        ('aggregate', 'min(citext)', 'citext_smaller(citext,citext)', 'folded'),
        ('function', 'citext(bool)', 'internal booltext citext', 'read'),
        ('function', 'citext(bpchar)', 'internal rtrim1 citext', 'read'),
        ('function', 'citext(inet)', 'internal network_show citext', 'read'),
        ('function', 'citext_cmp(citext,citext)', 'citext_cmp int4', 'folded'),
        ('function', 'citext_eq(citext,citext)', 'citext_eq bool', 'folded'),
        ('function', 'citext_ge(citext,citext)', 'citext_ge bool', 'folded'),
        ('function', 'citext_gt(citext,citext)', 'citext_gt bool', 'folded'),
        ('function', 'citext_hash(citext)', 'citext_hash int4', 'folded'),
        ('function', 'citext_hash_extended(citext,int8)', 'citext_hash_extended int8', 'folded'),
        ('function', 'citext_larger(citext,citext)', 'citext_larger citext', 'folded'),
        ('function', 'citext_le(citext,citext)', 'citext_le bool', 'folded'),
        ('function', 'citext_lt(citext,citext)', 'citext_lt bool', 'folded'),
        ('function', 'citext_ne(citext,citext)', 'citext_ne bool', 'folded'),
        ('function', 'citext_pattern_cmp(citext,citext)', 'citext_pattern_cmp int4', 'folded'),
        ('function', 'citext_pattern_ge(citext,citext)', 'citext_pattern_ge bool', 'folded'),
        ('function', 'citext_pattern_gt(citext,citext)', 'citext_pattern_gt bool', 'folded'),
        ('function', 'citext_pattern_le(citext,citext)', 'citext_pattern_le bool', 'folded'),
        ('function', 'citext_pattern_lt(citext,citext)', 'citext_pattern_lt bool', 'folded'),
        ('function', 'citext_smaller(citext,citext)', 'citext_smaller citext', 'folded'),
        ('function', 'regexp_match(citext,citext)',
         'sql 8069a971fa5b163b33f392983c0cc7860fe6d99f309985b7d5ac85368468795f _text', 'pattern'),
        ('function', 'regexp_match(citext,citext,text)',
         'sql 402b46f0f2e6841730c384b53a739ab7c43be6aa7abab1ea84608205e2829557 _text', 'pattern'),
        ('function', 'regexp_matches(citext,citext)',
         'sql 80aeed6829155a22a77e837d86a45477160937813e6c706181865a155cf8508a setof _text', 'pattern'),
        ('function', 'regexp_matches(citext,citext,text)',
         'sql 95851325fa0310b28907220ad1efe0bc46fa7e5cd376332e2f72ed0ec24f964f setof _text', 'pattern'),
        ('function', 'regexp_replace(citext,citext,text)',
         'sql de9d192b1f27afa991eed43759f715db72488a62cfee56c9e71454edc6bc14dc text', 'pattern'),
        ('function', 'regexp_replace(citext,citext,text,text)',
         'sql f63a6df4223a8f2e87a80e91bef2731c048805e023e4a62e245b97910e73adc8 text', 'pattern'),
        ('function', 'regexp_split_to_array(citext,citext)',
         'sql 29d776eb9c50bb10d12c11037f47af61bf02a4874a37635c2a21b774d10d7513 _text', 'pattern'),
        ('function', 'regexp_split_to_array(citext,citext,text)',
         'sql 2a117ec0d738971a8c65d96038fd8d74ec2850f044488f388f4e2f7b1926375a _text', 'pattern'),
        ('function', 'regexp_split_to_table(citext,citext)',
         'sql 6dbffad4e58ae473f60339e1b946724e52db75e95d6691daea15a4f4b482d915 setof text', 'pattern'),
        ('function', 'regexp_split_to_table(citext,citext,text)',
         'sql 802591ae96c4f714e2b0f1d7ceffcf718ab6693d74cc6435dd1880aaf31590f5 setof text', 'pattern'),
        ('function', 'replace(citext,citext,citext)',
         'sql 8caa444dd6163f82bb4f2b0989910a4016f2b594c8876995108cdb1b10f421a8 text', 'pattern'),
        ('function', 'split_part(citext,citext,int4)',
         'sql e13509d9a8f65b1c2364dd9dc4219719e17dd70db13bf4b6137a15a41f51d0f6 text', 'pattern'),
        ('function', 'strpos(citext,citext)',
         'sql d8f952819fe65deb7a7b6fe38b67fa95c40afded166f10c2758d7a86f1aa0d45 int4', 'search'),
        ('function', 'texticlike(citext,citext)', 'internal texticlike bool', 'search'),
        ('function', 'texticlike(citext,text)', 'internal texticlike bool', 'search'),
        ('function', 'texticnlike(citext,citext)', 'internal texticnlike bool', 'search'),
        ('function', 'texticnlike(citext,text)', 'internal texticnlike bool', 'search'),
        ('function', 'texticregexeq(citext,citext)', 'internal texticregexeq bool', 'pattern'),
        ('function', 'texticregexeq(citext,text)', 'internal texticregexeq bool', 'pattern'),
        ('function', 'texticregexne(citext,citext)', 'internal texticregexne bool', 'pattern'),
        ('function', 'texticregexne(citext,text)', 'internal texticregexne bool', 'pattern'),
        ('function', 'translate(citext,citext,text)',
         'sql 1d0fd257397666c64db65b130404186fe0a7339c19e561cdca659ca66585d607 text', 'search'),
        ('operator', '!~(citext,citext)', 'texticregexne(citext,citext)', ''),
        ('operator', '!~(citext,text)', 'texticregexne(citext,text)', ''),
        ('operator', '!~*(citext,citext)', 'texticregexne(citext,citext)', ''),
        ('operator', '!~*(citext,text)', 'texticregexne(citext,text)', ''),
        ('operator', '!~~(citext,citext)', 'texticnlike(citext,citext)', ''),
        ('operator', '!~~(citext,text)', 'texticnlike(citext,text)', ''),
        ('operator', '!~~*(citext,citext)', 'texticnlike(citext,citext)', ''),
        ('operator', '!~~*(citext,text)', 'texticnlike(citext,text)', ''),
        ('operator', '<(citext,citext)', 'citext_lt(citext,citext)', ''),
        ('operator', '<=(citext,citext)', 'citext_le(citext,citext)', ''),
        ('operator', '<>(citext,citext)', 'citext_ne(citext,citext)', ''),
        ('operator', '=(citext,citext)', 'citext_eq(citext,citext)', ''),
        ('operator', '>(citext,citext)', 'citext_gt(citext,citext)', ''),
        ('operator', '>=(citext,citext)', 'citext_ge(citext,citext)', ''),
        ('operator', '~(citext,citext)', 'texticregexeq(citext,citext)', ''),
        ('operator', '~(citext,text)', 'texticregexeq(citext,text)', ''),
        ('operator', '~*(citext,citext)', 'texticregexeq(citext,citext)', ''),
        ('operator', '~*(citext,text)', 'texticregexeq(citext,text)', ''),
        ('operator', '~<=~(citext,citext)', 'citext_pattern_le(citext,citext)', ''),
        ('operator', '~<~(citext,citext)', 'citext_pattern_lt(citext,citext)', ''),
        ('operator', '~>=~(citext,citext)', 'citext_pattern_ge(citext,citext)', ''),
        ('operator', '~>~(citext,citext)', 'citext_pattern_gt(citext,citext)', ''),
        ('operator', '~~(citext,citext)', 'texticlike(citext,citext)', ''),
        ('operator', '~~(citext,text)', 'texticlike(citext,text)', ''),
        ('operator', '~~*(citext,citext)', 'texticlike(citext,citext)', ''),
        ('operator', '~~*(citext,text)', 'texticlike(citext,text)', ''),
        ('cast', 'bool,citext', 'citext(bool)', ''),
        ('cast', 'bpchar,citext', 'citext(bpchar)', ''),
        ('cast', 'citext,bpchar', '', ''),
        ('cast', 'citext,text', '', ''),
        ('cast', 'citext,varchar', '', ''),
        ('cast', 'inet,citext', 'citext(inet)', ''),
        ('cast', 'text,citext', '', ''),
        ('cast', 'varchar,citext', '', '')
    ) AS l(kind, object, body, bound)
    UNION ALL
    SELECT name 'hstore', l.* FROM (VALUES
        ('type', 'hstore',
         'hstore_in(cstring) hstore_out(hstore) hstore_subscript_handler(internal) btree hash', 'read'),
        ('io', 'hstore_in(cstring)', 'hstore_in hstore', ''),
        ('io', 'hstore_out(hstore)', 'hstore_out cstring', ''),
        ('io', 'hstore_subscript_handler(internal)', 'hstore_subscript_handler internal', ''),
        ('function', 'akeys(hstore)', 'hstore_akeys _text', 'read'),
        ('function', 'avals(hstore)', 'hstore_avals _text', 'read'),
        ('function', 'defined(hstore,text)', 'hstore_defined bool', 'read'),
        ('function', 'delete(hstore,_text)', 'hstore_delete_array hstore', 'sort'),
        ('function', 'delete(hstore,hstore)', 'hstore_delete_hstore hstore', 'read'),
        ('function', 'delete(hstore,text)', 'hstore_delete hstore', 'read'),
        ('function', 'each(hstore)', 'hstore_each setof record(text,text)', 'read'),
        ('function', 'exist(hstore,text)', 'hstore_exists bool', 'read'),
        ('function', 'exists_all(hstore,_text)', 'hstore_exists_all bool', 'sort'),
        ('function', 'exists_any(hstore,_text)', 'hstore_exists_any bool', 'sort'),
        ('function', 'fetchval(hstore,text)', 'hstore_fetchval text', 'read'),
        ('function', 'hs_concat(hstore,hstore)', 'hstore_concat hstore', 'read'),
        ('function', 'hs_contained(hstore,hstore)', 'hstore_contained bool', 'read'),
        ('function', 'hs_contains(hstore,hstore)', 'hstore_contains bool', 'read'),
        ('function', 'hstore(_text)', 'hstore_from_array hstore', 'sort'),
        ('function', 'hstore(_text,_text)', 'hstore_from_arrays hstore on null', 'sort'),
        ('function', 'hstore(text,text)', 'hstore_from_text hstore on null', 'read'),
        ('function', 'hstore_cmp(hstore,hstore)', 'hstore_cmp int4', 'read'),
        ('function', 'hstore_eq(hstore,hstore)', 'hstore_eq bool', 'read'),
        ('function', 'hstore_ge(hstore,hstore)', 'hstore_ge bool', 'read'),
        ('function', 'hstore_gt(hstore,hstore)', 'hstore_gt bool', 'read'),
        ('function', 'hstore_hash(hstore)', 'hstore_hash int4', 'read'),
        ('function', 'hstore_hash_extended(hstore,int8)', 'hstore_hash_extended int8', 'read'),
        ('function', 'hstore_le(hstore,hstore)', 'hstore_le bool', 'read'),
        ('function', 'hstore_lt(hstore,hstore)', 'hstore_lt bool', 'read'),
        ('function', 'hstore_ne(hstore,hstore)', 'hstore_ne bool', 'read'),
        ('function', 'hstore_to_array(hstore)', 'hstore_to_array _text', 'read'),
        ('function', 'hstore_to_json(hstore)', 'hstore_to_json json', 'read'),
        ('function', 'hstore_to_json_loose(hstore)', 'hstore_to_json_loose json', 'read'),
        ('function', 'hstore_to_jsonb(hstore)', 'hstore_to_jsonb jsonb', 'read'),
        ('function', 'hstore_to_jsonb_loose(hstore)', 'hstore_to_jsonb_loose jsonb', 'read'),
        ('function', 'hstore_to_matrix(hstore)', 'hstore_to_matrix _text', 'read'),
        ('function', 'isdefined(hstore,text)', 'hstore_defined bool', 'read'),
        ('function', 'isexists(hstore,text)', 'hstore_exists bool', 'read'),
        ('function', 'skeys(hstore)', 'hstore_skeys setof text', 'read'),
        ('function', 'slice(hstore,_text)', 'hstore_slice_to_hstore hstore', 'sort'),
        ('function', 'slice_array(hstore,_text)', 'hstore_slice_to_array _text', 'sort'),
        ('function', 'svals(hstore)', 'hstore_svals setof text', 'read'),
        ('function', 'tconvert(text,text)', 'hstore_from_text hstore on null', 'read'),
        ('operator', '#<#(hstore,hstore)', 'hstore_lt(hstore,hstore)', ''),
        ('operator', '#<=#(hstore,hstore)', 'hstore_le(hstore,hstore)', ''),
        ('operator', '#>#(hstore,hstore)', 'hstore_gt(hstore,hstore)', ''),
        ('operator', '#>=#(hstore,hstore)', 'hstore_ge(hstore,hstore)', ''),
        ('operator', '%#(,hstore)', 'hstore_to_matrix(hstore)', ''),
        ('operator', '%%(,hstore)', 'hstore_to_array(hstore)', ''),
        ('operator', '-(hstore,_text)', 'delete(hstore,_text)', ''),
        ('operator', '-(hstore,hstore)', 'delete(hstore,hstore)', ''),
        ('operator', '-(hstore,text)', 'delete(hstore,text)', ''),
        ('operator', '->(hstore,_text)', 'slice_array(hstore,_text)', ''),
        ('operator', '->(hstore,text)', 'fetchval(hstore,text)', ''),
        ('operator', '<>(hstore,hstore)', 'hstore_ne(hstore,hstore)', ''),
        ('operator', '<@(hstore,hstore)', 'hs_contained(hstore,hstore)', ''),
        ('operator', '=(hstore,hstore)', 'hstore_eq(hstore,hstore)', ''),
        ('operator', '?&(hstore,_text)', 'exists_all(hstore,_text)', ''),
        ('operator', '?(hstore,text)', 'exist(hstore,text)', ''),
        ('operator', '?|(hstore,_text)', 'exists_any(hstore,_text)', ''),
        ('operator', '@>(hstore,hstore)', 'hs_contains(hstore,hstore)', ''),
        ('operator', '||(hstore,hstore)', 'hs_concat(hstore,hstore)', ''),
        ('cast', '_text,hstore', 'hstore(_text)', ''),
        ('cast', 'hstore,json', 'hstore_to_json(hstore)', ''),
        ('cast', 'hstore,jsonb', 'hstore_to_jsonb(hstore)', '')
    ) AS l(kind, object, body, bound)
    UNION ALL
    SELECT name 'ltree', l.* FROM (VALUES
        ('type', 'lquery', 'lquery_in(cstring) lquery_out(lquery)', 'read'),
        ('io', 'lquery_in(cstring)', 'lquery_in lquery', ''),
        ('io', 'lquery_out(lquery)', 'lquery_out cstring', ''),
        ('type', 'ltree', 'ltree_in(cstring) ltree_out(ltree) btree', 'read'),
        -- From 17 on.
        ('type', 'ltree', 'ltree_in(cstring) ltree_out(ltree) btree hash', 'read'),
        ('function', 'hash_ltree(ltree)', 'hash_ltree int4', 'read'),
        ('function', 'hash_ltree_extended(ltree,int8)', 'hash_ltree_extended int8', 'read'),
        ('io', 'ltree_in(cstring)', 'ltree_in ltree', ''),
        ('io', 'ltree_out(ltree)', 'ltree_out cstring', ''),
        ('type', 'ltxtquery', 'ltxtq_in(cstring) ltxtq_out(ltxtquery)', 'read'),
        ('io', 'ltxtq_in(cstring)', 'ltxtq_in ltxtquery', ''),
        ('io', 'ltxtq_out(ltxtquery)', 'ltxtq_out cstring', ''),
        ('function', '_lt_q_regex(_ltree,_lquery)', '_lt_q_regex bool', 'read'),
        ('function', '_lt_q_rregex(_lquery,_ltree)', '_lt_q_rregex bool', 'read'),
        ('function', '_ltq_extract_regex(_ltree,lquery)', '_ltq_extract_regex ltree', 'read'),
        ('function', '_ltq_regex(_ltree,lquery)', '_ltq_regex bool', 'read'),
        ('function', '_ltq_rregex(lquery,_ltree)', '_ltq_rregex bool', 'read'),
        ('function', '_ltree_extract_isparent(_ltree,ltree)', '_ltree_extract_isparent ltree', 'read'),
        ('function', '_ltree_extract_risparent(_ltree,ltree)', '_ltree_extract_risparent ltree', 'read'),
        ('function', '_ltree_isparent(_ltree,ltree)', '_ltree_isparent bool', 'read'),
        ('function', '_ltree_r_isparent(ltree,_ltree)', '_ltree_r_isparent bool', 'read'),
        ('function', '_ltree_r_risparent(ltree,_ltree)', '_ltree_r_risparent bool', 'read'),
        ('function', '_ltree_risparent(_ltree,ltree)', '_ltree_risparent bool', 'read'),
        ('function', '_ltxtq_exec(_ltree,ltxtquery)', '_ltxtq_exec bool', 'product'),
        ('function', '_ltxtq_extract_exec(_ltree,ltxtquery)', '_ltxtq_extract_exec ltree', 'product'),
        ('function', '_ltxtq_rexec(ltxtquery,_ltree)', '_ltxtq_rexec bool', 'product'),
        ('function', 'index(ltree,ltree)', 'ltree_index int4', 'product'),
        ('function', 'index(ltree,ltree,int4)', 'ltree_index int4', 'product'),
        ('function', 'lca(_ltree)', '_lca ltree', 'read'),
        ('function', 'lca(ltree,ltree)', 'lca ltree', 'read'),
        ('function', 'lca(ltree,ltree,ltree)', 'lca ltree', 'read'),
        ('function', 'lca(ltree,ltree,ltree,ltree)', 'lca ltree', 'read'),
        ('function', 'lca(ltree,ltree,ltree,ltree,ltree)', 'lca ltree', 'read'),
        ('function', 'lca(ltree,ltree,ltree,ltree,ltree,ltree)', 'lca ltree', 'read'),
        ('function', 'lca(ltree,ltree,ltree,ltree,ltree,ltree,ltree)', 'lca ltree', 'read'),
        ('function', 'lca(ltree,ltree,ltree,ltree,ltree,ltree,ltree,ltree)', 'lca ltree', 'read'),
        ('function', 'lt_q_regex(ltree,_lquery)', 'lt_q_regex bool', 'read'),
        ('function', 'lt_q_rregex(_lquery,ltree)', 'lt_q_rregex bool', 'read'),
        ('function', 'ltq_regex(ltree,lquery)', 'ltq_regex bool', 'read'),
        ('function', 'ltq_rregex(lquery,ltree)', 'ltq_rregex bool', 'read'),
        ('function', 'ltree2text(ltree)', 'ltree2text text', 'read'),
        ('function', 'ltree_addltree(ltree,ltree)', 'ltree_addltree ltree', 'read'),
        ('function', 'ltree_addtext(ltree,text)', 'ltree_addtext ltree', 'read'),
        ('function', 'ltree_cmp(ltree,ltree)', 'ltree_cmp int4', 'read'),
        ('function', 'ltree_eq(ltree,ltree)', 'ltree_eq bool', 'read'),
        ('function', 'ltree_ge(ltree,ltree)', 'ltree_ge bool', 'read'),
        ('function', 'ltree_gt(ltree,ltree)', 'ltree_gt bool', 'read'),
        ('function', 'ltree_isparent(ltree,ltree)', 'ltree_isparent bool', 'read'),
        ('function', 'ltree_le(ltree,ltree)', 'ltree_le bool', 'read'),
        ('function', 'ltree_lt(ltree,ltree)', 'ltree_lt bool', 'read'),
        ('function', 'ltree_ne(ltree,ltree)', 'ltree_ne bool', 'read'),
        ('function', 'ltree_risparent(ltree,ltree)', 'ltree_risparent bool', 'read'),
        ('function', 'ltree_textadd(text,ltree)', 'ltree_textadd ltree', 'read'),
        ('function', 'ltxtq_exec(ltree,ltxtquery)', 'ltxtq_exec bool', 'product'),
        ('function', 'ltxtq_rexec(ltxtquery,ltree)', 'ltxtq_rexec bool', 'product'),
        ('function', 'nlevel(ltree)', 'nlevel int4', 'read'),
        ('function', 'subltree(ltree,int4,int4)', 'subltree ltree', 'read'),
        ('function', 'subpath(ltree,int4)', 'subpath ltree', 'read'),
        ('function', 'subpath(ltree,int4,int4)', 'subpath ltree', 'read'),
        ('function', 'text2ltree(text)', 'text2ltree ltree', 'read'),
        ('operator', '<(ltree,ltree)', 'ltree_lt(ltree,ltree)', ''),
        ('operator', '<=(ltree,ltree)', 'ltree_le(ltree,ltree)', ''),
        ('operator', '<>(ltree,ltree)', 'ltree_ne(ltree,ltree)', ''),
        ('operator', '<@(_ltree,ltree)', '_ltree_risparent(_ltree,ltree)', ''),
        ('operator', '<@(ltree,_ltree)', '_ltree_r_isparent(ltree,_ltree)', ''),
        ('operator', '<@(ltree,ltree)', 'ltree_risparent(ltree,ltree)', ''),
        ('operator', '=(ltree,ltree)', 'ltree_eq(ltree,ltree)', ''),
        ('operator', '>(ltree,ltree)', 'ltree_gt(ltree,ltree)', ''),
        ('operator', '>=(ltree,ltree)', 'ltree_ge(ltree,ltree)', ''),
        ('operator', '?(_lquery,_ltree)', '_lt_q_rregex(_lquery,_ltree)', ''),
        ('operator', '?(_lquery,ltree)', 'lt_q_rregex(_lquery,ltree)', ''),
        ('operator', '?(_ltree,_lquery)', '_lt_q_regex(_ltree,_lquery)', ''),
        ('operator', '?(ltree,_lquery)', 'lt_q_regex(ltree,_lquery)', ''),
        ('operator', '?<@(_ltree,ltree)', '_ltree_extract_risparent(_ltree,ltree)', ''),
        ('operator', '?@(_ltree,ltxtquery)', '_ltxtq_extract_exec(_ltree,ltxtquery)', ''),
        ('operator', '?@>(_ltree,ltree)', '_ltree_extract_isparent(_ltree,ltree)', ''),
        ('operator', '?~(_ltree,lquery)', '_ltq_extract_regex(_ltree,lquery)', ''),
        ('operator', '@(_ltree,ltxtquery)', '_ltxtq_exec(_ltree,ltxtquery)', ''),
        ('operator', '@(ltree,ltxtquery)', 'ltxtq_exec(ltree,ltxtquery)', ''),
        ('operator', '@(ltxtquery,_ltree)', '_ltxtq_rexec(ltxtquery,_ltree)', ''),
        ('operator', '@(ltxtquery,ltree)', 'ltxtq_rexec(ltxtquery,ltree)', ''),
        ('operator', '@>(_ltree,ltree)', '_ltree_isparent(_ltree,ltree)', ''),
        ('operator', '@>(ltree,_ltree)', '_ltree_r_risparent(ltree,_ltree)', ''),
        ('operator', '@>(ltree,ltree)', 'ltree_isparent(ltree,ltree)', ''),
        ('operator', '^<@(_ltree,ltree)', '_ltree_risparent(_ltree,ltree)', ''),
        ('operator', '^<@(ltree,_ltree)', '_ltree_r_isparent(ltree,_ltree)', ''),
        ('operator', '^<@(ltree,ltree)', 'ltree_risparent(ltree,ltree)', ''),
        ('operator', '^?(_lquery,_ltree)', '_lt_q_rregex(_lquery,_ltree)', ''),
        ('operator', '^?(_lquery,ltree)', 'lt_q_rregex(_lquery,ltree)', ''),
        ('operator', '^?(_ltree,_lquery)', '_lt_q_regex(_ltree,_lquery)', ''),
        ('operator', '^?(ltree,_lquery)', 'lt_q_regex(ltree,_lquery)', ''),
        ('operator', '^@(_ltree,ltxtquery)', '_ltxtq_exec(_ltree,ltxtquery)', ''),
        ('operator', '^@(ltree,ltxtquery)', 'ltxtq_exec(ltree,ltxtquery)', ''),
        ('operator', '^@(ltxtquery,_ltree)', '_ltxtq_rexec(ltxtquery,_ltree)', ''),
        ('operator', '^@(ltxtquery,ltree)', 'ltxtq_rexec(ltxtquery,ltree)', ''),
        ('operator', '^@>(_ltree,ltree)', '_ltree_isparent(_ltree,ltree)', ''),
        ('operator', '^@>(ltree,_ltree)', '_ltree_r_risparent(ltree,_ltree)', ''),
        ('operator', '^@>(ltree,ltree)', 'ltree_isparent(ltree,ltree)', ''),
        ('operator', '^~(_ltree,lquery)', '_ltq_regex(_ltree,lquery)', ''),
        ('operator', '^~(lquery,_ltree)', '_ltq_rregex(lquery,_ltree)', ''),
        ('operator', '^~(lquery,ltree)', 'ltq_rregex(lquery,ltree)', ''),
        ('operator', '^~(ltree,lquery)', 'ltq_regex(ltree,lquery)', ''),
        ('operator', '||(ltree,ltree)', 'ltree_addltree(ltree,ltree)', ''),
        ('operator', '||(ltree,text)', 'ltree_addtext(ltree,text)', ''),
        ('operator', '||(text,ltree)', 'ltree_textadd(text,ltree)', ''),
        ('operator', '~(_ltree,lquery)', '_ltq_regex(_ltree,lquery)', ''),
        ('operator', '~(lquery,_ltree)', '_ltq_rregex(lquery,_ltree)', ''),
        ('operator', '~(lquery,ltree)', 'ltq_rregex(lquery,ltree)', ''),
        ('operator', '~(ltree,lquery)', 'ltq_regex(ltree,lquery)', '')
    ) AS l(kind, object, body, bound)
    UNION ALL
    SELECT name 'pg_trgm', l.* FROM (VALUES
        ('function', 'show_trgm(text)', 'show_trgm _text', 'square'),
        ('function', 'similarity(text,text)', 'similarity float4', 'square'),
        ('function', 'similarity_dist(text,text)', 'similarity_dist float4', 'square'),
        ('function', 'similarity_op(text,text)', 'similarity_op bool stable', 'square'),
        ('function', 'strict_word_similarity(text,text)', 'strict_word_similarity float4', 'shapes'),
        ('function', 'strict_word_similarity_commutator_op(text,text)',
         'strict_word_similarity_commutator_op bool stable', 'shapes'),
        ('function', 'strict_word_similarity_dist_commutator_op(text,text)',
         'strict_word_similarity_dist_commutator_op float4', 'shapes'),
        ('function', 'strict_word_similarity_dist_op(text,text)', 'strict_word_similarity_dist_op float4', 'shapes'),
        ('function', 'strict_word_similarity_op(text,text)', 'strict_word_similarity_op bool stable', 'shapes'),
        ('function', 'word_similarity(text,text)', 'word_similarity float4', 'shapes'),
        ('function', 'word_similarity_commutator_op(text,text)', 'word_similarity_commutator_op bool stable', 'shapes'),
        ('function', 'word_similarity_dist_commutator_op(text,text)',
         'word_similarity_dist_commutator_op float4', 'shapes'),
        ('function', 'word_similarity_dist_op(text,text)', 'word_similarity_dist_op float4', 'shapes'),
        ('function', 'word_similarity_op(text,text)', 'word_similarity_op bool stable', 'shapes'),
        ('operator', '%(text,text)', 'similarity_op(text,text)', ''),
        ('operator', '%>(text,text)', 'word_similarity_commutator_op(text,text)', ''),
        ('operator', '%>>(text,text)', 'strict_word_similarity_commutator_op(text,text)', ''),
        ('operator', '<%(text,text)', 'word_similarity_op(text,text)', ''),
        ('operator', '<->(text,text)', 'similarity_dist(text,text)', ''),
        ('operator', '<->>(text,text)', 'word_similarity_dist_commutator_op(text,text)', ''),
        ('operator', '<->>>(text,text)', 'strict_word_similarity_dist_commutator_op(text,text)', ''),
        ('operator', '<<%(text,text)', 'strict_word_similarity_op(text,text)', ''),
        ('operator', '<<->(text,text)', 'word_similarity_dist_op(text,text)', ''),
        ('operator', '<<<->(text,text)', 'strict_word_similarity_dist_op(text,text)', '')
    ) AS l(kind, object, body, bound)
    UNION ALL
    SELECT name 'unaccent', l.* FROM (VALUES
        ('function', 'unaccent(text)', 'unaccent_dict text stable', 'read')
    ) AS l(kind, object, body, bound)
    UNION ALL
    SELECT name 'fuzzystrmatch', l.* FROM (VALUES
        ('function', 'difference(text,text)', 'difference int4', 'read'),
        ('function', 'dmetaphone(text)', 'dmetaphone text', 'read'),
        ('function', 'dmetaphone_alt(text)', 'dmetaphone_alt text', 'read'),
        ('function', 'levenshtein(text,text)', 'levenshtein int4', 'read'),
        ('function', 'levenshtein(text,text,int4,int4,int4)', 'levenshtein_with_costs int4', 'read'),
        ('function', 'levenshtein_less_equal(text,text,int4)', 'levenshtein_less_equal int4', 'read'),
        ('function', 'levenshtein_less_equal(text,text,int4,int4,int4,int4)',
         'levenshtein_less_equal_with_costs int4', 'read'),
        ('function', 'metaphone(text,int4)', 'metaphone text', 'read'),
        ('function', 'soundex(text)', 'soundex text', 'read'),
        ('function', 'text_soundex(text)', 'soundex text', 'read')
    ) AS l(kind, object, body, bound)
    UNION ALL
    SELECT name 'intarray', l.* FROM (VALUES
        ('function', '_int_contained(_int4,_int4)', '_int_contained bool', 'sort'),
        ('function', '_int_contains(_int4,_int4)', '_int_contains bool', 'sort'),
        ('function', '_int_different(_int4,_int4)', '_int_different bool', 'sort'),
        ('function', '_int_inter(_int4,_int4)', '_int_inter _int4', 'sort'),
        ('function', '_int_overlap(_int4,_int4)', '_int_overlap bool', 'sort'),
        ('function', '_int_same(_int4,_int4)', '_int_same bool', 'sort'),
        ('function', '_int_union(_int4,_int4)', '_int_union _int4', 'sort'),
        ('function', 'icount(_int4)', 'icount int4', 'read'),
        ('function', 'idx(_int4,int4)', 'idx int4', 'read'),
        ('function', 'intarray_del_elem(_int4,int4)', 'intarray_del_elem _int4', 'sort'),
        ('function', 'intarray_push_array(_int4,_int4)', 'intarray_push_array _int4', 'sort'),
        ('function', 'intarray_push_elem(_int4,int4)', 'intarray_push_elem _int4', 'sort'),
        ('function', 'intset(int4)', 'intset _int4', 'read'),
        ('function', 'intset_subtract(_int4,_int4)', 'intset_subtract _int4', 'sort'),
        ('function', 'intset_union_elem(_int4,int4)', 'intset_union_elem _int4', 'sort'),
        ('function', 'sort(_int4)', 'sort _int4', 'sort'),
        ('function', 'sort(_int4,text)', 'sort _int4', 'sort'),
        ('function', 'sort_asc(_int4)', 'sort_asc _int4', 'sort'),
        ('function', 'sort_desc(_int4)', 'sort_desc _int4', 'sort'),
        ('function', 'subarray(_int4,int4)', 'subarray _int4', 'read'),
        ('function', 'subarray(_int4,int4,int4)', 'subarray _int4', 'read'),
        ('function', 'uniq(_int4)', 'uniq _int4', 'sort'),
        ('estimator', '_int_overlap_sel(internal,oid,internal,int4)', '_int_overlap_sel float8 stable', ''),
        ('estimator', '_int_overlap_joinsel(internal,oid,internal,int2,internal)',
         '_int_overlap_joinsel float8 stable', ''),
        ('estimator', '_int_contains_sel(internal,oid,internal,int4)', '_int_contains_sel float8 stable', ''),
        ('estimator', '_int_contains_joinsel(internal,oid,internal,int2,internal)',
         '_int_contains_joinsel float8 stable', ''),
        ('estimator', '_int_contained_sel(internal,oid,internal,int4)', '_int_contained_sel float8 stable', ''),
        ('estimator', '_int_contained_joinsel(internal,oid,internal,int2,internal)',
         '_int_contained_joinsel float8 stable', ''),
        ('operator', '#(,_int4)', 'icount(_int4)', ''),
        ('operator', '#(_int4,int4)', 'idx(_int4,int4)', ''),
        ('operator', '&&(_int4,_int4)', '_int_overlap(_int4,_int4)', ''),
        ('operator', '&(_int4,_int4)', '_int_inter(_int4,_int4)', ''),
        ('operator', '+(_int4,_int4)', 'intarray_push_array(_int4,_int4)', ''),
        ('operator', '+(_int4,int4)', 'intarray_push_elem(_int4,int4)', ''),
        ('operator', '-(_int4,_int4)', 'intset_subtract(_int4,_int4)', ''),
        ('operator', '-(_int4,int4)', 'intarray_del_elem(_int4,int4)', ''),
        ('operator', '<@(_int4,_int4)', '_int_contained(_int4,_int4)', ''),
        ('operator', '@>(_int4,_int4)', '_int_contains(_int4,_int4)', ''),
        ('operator', '|(_int4,_int4)', '_int_union(_int4,_int4)', ''),
        ('operator', '|(_int4,int4)', 'intset_union_elem(_int4,int4)', '')
    ) AS l(kind, object, body, bound)
    UNION ALL
    SELECT name 'cube', l.* FROM (VALUES
        ('type', 'cube', 'cube_in(cstring) cube_out(cube) btree', 'read'),
        ('io', 'cube_in(cstring)', 'cube_in cube', ''),
        ('io', 'cube_out(cube)', 'cube_out cstring', ''),
        ('function', 'cube(_float8)', 'cube_a_f8 cube', 'read'),
        ('function', 'cube(_float8,_float8)', 'cube_a_f8_f8 cube', 'read'),
        ('function', 'cube(cube,float8)', 'cube_c_f8 cube', 'read'),
        ('function', 'cube(cube,float8,float8)', 'cube_c_f8_f8 cube', 'read'),
        ('function', 'cube(float8)', 'cube_f8 cube', 'read'),
        ('function', 'cube(float8,float8)', 'cube_f8_f8 cube', 'read'),
        ('function', 'cube_cmp(cube,cube)', 'cube_cmp int4', 'read'),
        ('function', 'cube_contained(cube,cube)', 'cube_contained bool', 'read'),
        ('function', 'cube_contains(cube,cube)', 'cube_contains bool', 'read'),
        ('function', 'cube_coord(cube,int4)', 'cube_coord float8', 'read'),
        ('function', 'cube_coord_llur(cube,int4)', 'cube_coord_llur float8', 'read'),
        ('function', 'cube_dim(cube)', 'cube_dim int4', 'read'),
        ('function', 'cube_distance(cube,cube)', 'cube_distance float8', 'read'),
        ('function', 'cube_enlarge(cube,float8,int4)', 'cube_enlarge cube', 'read'),
        ('function', 'cube_eq(cube,cube)', 'cube_eq bool', 'read'),
        ('function', 'cube_ge(cube,cube)', 'cube_ge bool', 'read'),
        ('function', 'cube_gt(cube,cube)', 'cube_gt bool', 'read'),
        ('function', 'cube_inter(cube,cube)', 'cube_inter cube', 'read'),
        ('function', 'cube_is_point(cube)', 'cube_is_point bool', 'read'),
        ('function', 'cube_le(cube,cube)', 'cube_le bool', 'read'),
        ('function', 'cube_ll_coord(cube,int4)', 'cube_ll_coord float8', 'read'),
        ('function', 'cube_lt(cube,cube)', 'cube_lt bool', 'read'),
        ('function', 'cube_ne(cube,cube)', 'cube_ne bool', 'read'),
        ('function', 'cube_overlap(cube,cube)', 'cube_overlap bool', 'read'),
        ('function', 'cube_size(cube)', 'cube_size float8', 'read'),
        ('function', 'cube_subset(cube,_int4)', 'cube_subset cube', 'read'),
        ('function', 'cube_union(cube,cube)', 'cube_union cube', 'read'),
        ('function', 'cube_ur_coord(cube,int4)', 'cube_ur_coord float8', 'read'),
        ('function', 'distance_chebyshev(cube,cube)', 'distance_chebyshev float8', 'read'),
        ('function', 'distance_taxicab(cube,cube)', 'distance_taxicab float8', 'read'),
        ('operator', '&&(cube,cube)', 'cube_overlap(cube,cube)', ''),
        ('operator', '->(cube,int4)', 'cube_coord(cube,int4)', ''),
        ('operator', '<#>(cube,cube)', 'distance_taxicab(cube,cube)', ''),
        ('operator', '<(cube,cube)', 'cube_lt(cube,cube)', ''),
        ('operator', '<->(cube,cube)', 'cube_distance(cube,cube)', ''),
        ('operator', '<=(cube,cube)', 'cube_le(cube,cube)', ''),
        ('operator', '<=>(cube,cube)', 'distance_chebyshev(cube,cube)', ''),
        ('operator', '<>(cube,cube)', 'cube_ne(cube,cube)', ''),
        ('operator', '<@(cube,cube)', 'cube_contained(cube,cube)', ''),
        ('operator', '=(cube,cube)', 'cube_eq(cube,cube)', ''),
        ('operator', '>(cube,cube)', 'cube_gt(cube,cube)', ''),
        ('operator', '>=(cube,cube)', 'cube_ge(cube,cube)', ''),
        ('operator', '@>(cube,cube)', 'cube_contains(cube,cube)', ''),
        ('operator', '~>(cube,int4)', 'cube_coord_llur(cube,int4)', '')
    ) AS l(kind, object, body, bound)
    UNION ALL
    SELECT name 'earthdistance', l.* FROM (VALUES
        ('function', 'earth()',
         'sql 838ca55da95e4b609eded2a790b9ce9d93208aff9402e59ee627c0b1d6198e47 float8 on null', 'read'),
        -- From 17 on.
        ('function', 'earth()',
         'parsed 6d2ffc2e0ac9bb23e4b6232c28cbf62c191b8560fffbd02900e3d236a91cf550 float8 on null', 'read'),
        ('function', 'geo_distance(point,point)', 'geo_distance float8', 'read'),
        ('operator', '<@>(point,point)', 'geo_distance(point,point)', '')
    ) AS l(kind, object, body, bound)
    UNION ALL
    SELECT name 'uuid-ossp', l.* FROM (VALUES
        ('function', 'uuid_generate_v3(uuid,text)', 'uuid_generate_v3 uuid', 'read'),
        ('function', 'uuid_generate_v5(uuid,text)', 'uuid_generate_v5 uuid', 'read'),
        ('function', 'uuid_nil()', 'uuid_nil uuid', 'read'),
        ('function', 'uuid_ns_dns()', 'uuid_ns_dns uuid', 'read'),
        ('function', 'uuid_ns_oid()', 'uuid_ns_oid uuid', 'read'),
        ('function', 'uuid_ns_url()', 'uuid_ns_url uuid', 'read'),
        ('function', 'uuid_ns_x500()', 'uuid_ns_x500 uuid', 'read')
    ) AS l(kind, object, body, bound)
    UNION ALL
    SELECT name 'pgcrypto', l.* FROM (VALUES
        ('function', 'digest(bytea,text)', 'pg_digest bytea', 'read'),
        ('function', 'digest(text,text)', 'pg_digest bytea', 'read'),
        ('function', 'hmac(bytea,bytea,text)', 'pg_hmac bytea', 'read'),
        ('function', 'hmac(text,text,text)', 'pg_hmac bytea', 'read')
    ) AS l(kind, object, body, bound);
END
$$;

REVOKE ALL ON FUNCTION splitplane._contrib_lists() FROM PUBLIC;

-- The list of PostGIS. What they say: 45_extension_lists.sql.
CREATE FUNCTION splitplane._geometry_lists()
RETURNS TABLE (extension name, kind text, object text, body text, bound text)
-- PL/pgSQL keeps its plan.
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT name 'postgis', l.* FROM (VALUES
        ('table', 'spatial_ref_sys', '', ''),
        ('answer', 'geometry', 'st_asewkt(geometry)', ''),
        ('answer', 'geography', 'st_asewkt(geography)', ''),
        ('type', 'box2d', 'box2d_in(cstring) box2d_out(box2d)', 'read'),
        ('type', 'box3d', 'box3d_in(cstring) box3d_out(box3d)', 'read'),
        ('type', 'geography',
         'geography_in(cstring,oid,int4) geography_out(geography) geography_typmod_in(_cstring) '
         || 'geography_typmod_out(int4) btree', 'read'),
        ('type', 'geometry',
         'geometry_in(cstring) geometry_out(geometry) geometry_typmod_in(_cstring) geometry_typmod_out(int4) '
         || 'btree hash', 'read'),
        ('io', 'box2d_in(cstring)', 'BOX2D_in box2d', ''),
        ('io', 'box2d_out(box2d)', 'BOX2D_out cstring', ''),
        ('io', 'box3d_in(cstring)', 'BOX3D_in box3d', ''),
        ('io', 'box3d_out(box3d)', 'BOX3D_out cstring', ''),
        ('io', 'geography_in(cstring,oid,int4)', 'geography_in geography', ''),
        ('io', 'geography_out(geography)', 'geography_out cstring', ''),
        ('io', 'geography_typmod_in(_cstring)', 'geography_typmod_in int4', ''),
        ('io', 'geography_typmod_out(int4)', 'postgis_typmod_out cstring', ''),
        ('io', 'geometry_in(cstring)', 'LWGEOM_in geometry', ''),
        ('io', 'geometry_out(geometry)', 'LWGEOM_out cstring', ''),
        ('io', 'geometry_sortsupport(internal)', 'lwgeom_sortsupport void', ''),
        ('io', 'geometry_typmod_in(_cstring)', 'geometry_typmod_in int4', ''),
        ('io', 'geometry_typmod_out(int4)', 'postgis_typmod_out cstring', ''),
        ('estimator', 'gserialized_gist_joinsel_2d(internal,oid,internal,int2)',
         'gserialized_gist_joinsel_2d float8 on null volatile', ''),
        ('estimator', 'gserialized_gist_joinsel_nd(internal,oid,internal,int2)',
         'gserialized_gist_joinsel_nd float8 on null volatile', ''),
        ('estimator', 'gserialized_gist_sel_2d(internal,oid,internal,int4)',
         'gserialized_gist_sel_2d float8 on null volatile', ''),
        ('estimator', 'gserialized_gist_sel_nd(internal,oid,internal,int4)',
         'gserialized_gist_sel_nd float8 on null volatile', ''),
        ('io', 'pgis_geometry_accum_transfn(internal,geometry)',
         'pgis_geometry_accum_transfn internal on null volatile', ''),
        ('io', 'pgis_geometry_collect_finalfn(internal)',
         'pgis_geometry_collect_finalfn geometry on null volatile', ''),
        ('io', 'pgis_geometry_makeline_finalfn(internal)',
         'pgis_geometry_makeline_finalfn geometry on null volatile', ''),
        ('aggregate', 'st_collect(geometry)',
         'pgis_geometry_accum_transfn(internal,geometry) final pgis_geometry_collect_finalfn(internal)', 'read'),
        ('aggregate', 'st_extent(geometry)',
         'st_combinebbox(box3d,geometry) final box2d(box3d) combine st_combinebbox(box3d,box3d)', 'read'),
        ('aggregate', 'st_makeline(geometry)',
         'pgis_geometry_accum_transfn(internal,geometry) final pgis_geometry_makeline_finalfn(internal)', 'read'),
        ('function', 'box2d(box3d)', 'BOX3D_to_BOX2D box2d', 'read'),
        ('function', 'box2d(geometry)', 'LWGEOM_to_BOX2D box2d', 'read'),
        ('function', 'box3d(box2d)', 'BOX2D_to_BOX3D box3d', 'read'),
        ('function', 'box3d(geometry)', 'LWGEOM_to_BOX3D box3d', 'read'),
        ('function', 'geography(geography,int4,bool)', 'geography_enforce_typmod geography', 'read'),
        ('function', 'geography(geometry)', 'geography_from_geometry geography', 'read'),
        ('function', 'geography_cmp(geography,geography)', 'geography_cmp int4', 'read'),
        ('function', 'geography_distance_knn(geography,geography)', 'geography_distance_knn float8', 'read'),
        ('function', 'geography_eq(geography,geography)', 'geography_eq bool', 'read'),
        ('function', 'geography_ge(geography,geography)', 'geography_ge bool', 'read'),
        ('function', 'geography_gt(geography,geography)', 'geography_gt bool', 'read'),
        ('function', 'geography_le(geography,geography)', 'geography_le bool', 'read'),
        ('function', 'geography_lt(geography,geography)', 'geography_lt bool', 'read'),
        ('function', 'geography_overlaps(geography,geography)', 'gserialized_overlaps bool', 'read'),
        ('function', 'geometry(box2d)', 'BOX2D_to_LWGEOM geometry', 'read'),
        ('function', 'geometry(box3d)', 'BOX3D_to_LWGEOM geometry', 'read'),
        ('function', 'geometry(geography)', 'geometry_from_geography geometry', 'read'),
        ('function', 'geometry(geometry,int4,bool)', 'geometry_enforce_typmod geometry', 'read'),
        ('function', 'geometry(point)', 'point_to_geometry geometry', 'read'),
        ('function', 'geometry(text)', 'parse_WKT_lwgeom geometry', 'read'),
        ('function', 'geometry_cmp(geometry,geometry)', 'lwgeom_cmp int4', 'read'),
        ('function', 'geometry_contains(geometry,geometry)', 'gserialized_contains_2d bool', 'read'),
        ('function', 'geometry_distance_centroid(geometry,geometry)', 'ST_Distance float8', 'read'),
        ('function', 'geometry_eq(geometry,geometry)', 'lwgeom_eq bool', 'read'),
        ('function', 'geometry_ge(geometry,geometry)', 'lwgeom_ge bool', 'read'),
        ('function', 'geometry_gt(geometry,geometry)', 'lwgeom_gt bool', 'read'),
        ('function', 'geometry_hash(geometry)', 'lwgeom_hash int4', 'read'),
        ('function', 'geometry_le(geometry,geometry)', 'lwgeom_le bool', 'read'),
        ('function', 'geometry_lt(geometry,geometry)', 'lwgeom_lt bool', 'read'),
        ('function', 'geometry_overlaps(geometry,geometry)', 'gserialized_overlaps_2d bool', 'read'),
        ('function', 'geometry_same(geometry,geometry)', 'gserialized_same_2d bool', 'read'),
        ('function', 'geometry_within(geometry,geometry)', 'gserialized_within_2d bool', 'read'),
        ('function', 'geometrytype(geometry)', 'LWGEOM_getTYPE text', 'read'),
        ('function', 'point(geometry)', 'geometry_to_point point', 'read'),
        ('function', 'st_area(geography,bool)', 'geography_area float8 default true', 'read'),
        ('function', 'st_area(geometry)', 'ST_Area float8', 'read'),
        ('function', 'st_asewkt(geography)', 'LWGEOM_asEWKT text', 'read'),
        ('function', 'st_asewkt(geography,int4)', 'LWGEOM_asEWKT text', 'read'),
        ('function', 'st_asewkt(geometry)', 'LWGEOM_asEWKT text', 'read'),
        ('function', 'st_asewkt(geometry,int4)', 'LWGEOM_asEWKT text', 'read'),
        ('function', 'st_astext(geography)', 'LWGEOM_asText text', 'read'),
        ('function', 'st_astext(geography,int4)', 'LWGEOM_asText text', 'read'),
        ('function', 'st_astext(geometry)', 'LWGEOM_asText text', 'read'),
        ('function', 'st_astext(geometry,int4)', 'LWGEOM_asText text', 'read'),
        ('function', 'st_azimuth(geography,geography)', 'geography_azimuth float8', 'read'),
        ('function', 'st_azimuth(geometry,geometry)', 'LWGEOM_azimuth float8', 'read'),
        ('function', 'st_boundary(geometry)', 'boundary geometry', 'read'),
        ('function', 'st_centroid(geometry)', 'centroid geometry', 'read'),
        ('function', 'st_closestpoint(geometry,geometry)', 'LWGEOM_closestpoint geometry', 'square'),
        ('function', 'st_collect(geometry,geometry)', 'LWGEOM_collect geometry on null', 'read'),
        ('io', 'st_combinebbox(box2d,geometry)', 'BOX2D_combine box2d on null', ''),
        ('io', 'st_combinebbox(box3d,box3d)', 'BOX3D_combine_BOX3D box3d on null', ''),
        ('io', 'st_combinebbox(box3d,geometry)', 'BOX3D_combine box3d on null', ''),
        ('function', 'st_contains(geometry,geometry)', 'contains bool support postgis_index_supportfn', 'read'),
        ('function', 'st_convexhull(geometry)', 'convexhull geometry', 'read'),
        ('function', 'st_coveredby(geometry,geometry)', 'coveredby bool support postgis_index_supportfn', 'read'),
        ('function', 'st_covers(geography,geography)', 'geography_covers bool support postgis_index_supportfn', 'read'),
        ('function', 'st_covers(geometry,geometry)', 'covers bool support postgis_index_supportfn', 'read'),
        ('function', 'st_crosses(geometry,geometry)', 'crosses bool support postgis_index_supportfn', 'read'),
        ('function', 'st_difference(geometry,geometry,float8)',
         'ST_Difference geometry default ''-1.0''::numeric', 'shapes'),
        ('function', 'st_dimension(geometry)', 'LWGEOM_dimension int4', 'read'),
        ('function', 'st_disjoint(geometry,geometry)', 'disjoint bool', 'read'),
        ('function', 'st_distance(geography,geography,bool)', 'geography_distance float8 default true', 'shapes'),
        ('function', 'st_distance(geometry,geometry)', 'ST_Distance float8', 'square'),
        ('function', 'st_dwithin(geography,geography,float8,bool)',
         'geography_dwithin bool default true support postgis_index_supportfn', 'read'),
        ('function', 'st_dwithin(geometry,geometry,float8)',
         'LWGEOM_dwithin bool support postgis_index_supportfn', 'square'),
        ('function', 'st_endpoint(geometry)', 'LWGEOM_endpoint_linestring geometry', 'read'),
        ('function', 'st_envelope(geometry)', 'LWGEOM_envelope geometry', 'read'),
        ('function', 'st_equals(geometry,geometry)', 'ST_Equals bool support postgis_index_supportfn', 'read'),
        ('function', 'st_expand(geometry,float8)', 'LWGEOM_expand geometry', 'read'),
        ('function', 'st_exteriorring(geometry)', 'LWGEOM_exteriorring_polygon geometry', 'read'),
        ('function', 'st_geogfromtext(text)', 'geography_from_text geography', 'read'),
        ('function', 'st_geographyfromtext(text)', 'geography_from_text geography', 'read'),
        ('function', 'st_geometryn(geometry,int4)', 'LWGEOM_geometryn_collection geometry', 'read'),
        ('function', 'st_geometrytype(geometry)', 'geometry_geometrytype text', 'read'),
        ('function', 'st_geomfromtext(text)', 'LWGEOM_from_text geometry', 'read'),
        ('function', 'st_geomfromtext(text,int4)', 'LWGEOM_from_text geometry', 'read'),
        ('function', 'st_intersection(geometry,geometry,float8)',
         'ST_Intersection geometry default ''-1''::integer', 'shapes'),
        ('function', 'st_intersects(geography,geography)',
         'geography_intersects bool support postgis_index_supportfn', 'read'),
        ('function', 'st_intersects(geometry,geometry)', 'ST_Intersects bool support postgis_index_supportfn', 'read'),
        ('function', 'st_isclosed(geometry)', 'LWGEOM_isclosed bool', 'read'),
        ('function', 'st_isempty(geometry)', 'LWGEOM_isempty bool', 'read'),
        ('function', 'st_length(geography,bool)', 'geography_length float8 default true', 'read'),
        ('function', 'st_length(geometry)', 'LWGEOM_length2d_linestring float8', 'read'),
        ('function', 'st_makeenvelope(float8,float8,float8,float8,int4)', 'ST_MakeEnvelope geometry default 0', 'read'),
        ('function', 'st_makeline(geometry,geometry)', 'LWGEOM_makeline geometry', 'read'),
        ('function', 'st_makepoint(float8,float8)', 'LWGEOM_makepoint geometry', 'read'),
        ('function', 'st_makepoint(float8,float8,float8)', 'LWGEOM_makepoint geometry', 'read'),
        ('function', 'st_multi(geometry)', 'LWGEOM_force_multi geometry', 'read'),
        ('function', 'st_npoints(geometry)', 'LWGEOM_npoints int4', 'read'),
        ('function', 'st_numgeometries(geometry)', 'LWGEOM_numgeometries_collection int4', 'read'),
        ('function', 'st_overlaps(geometry,geometry)', 'overlaps bool support postgis_index_supportfn', 'read'),
        ('function', 'st_perimeter(geography,bool)', 'geography_perimeter float8 default true', 'read'),
        ('function', 'st_perimeter(geometry)', 'LWGEOM_perimeter2d_poly float8', 'read'),
        ('function', 'st_point(float8,float8)', 'LWGEOM_makepoint geometry', 'read'),
        ('function', 'st_point(float8,float8,int4)', 'ST_Point geometry', 'read'),
        ('function', 'st_pointn(geometry,int4)', 'LWGEOM_pointn_linestring geometry', 'read'),
        ('function', 'st_setsrid(geography,int4)', 'LWGEOM_set_srid geography', 'read'),
        ('function', 'st_setsrid(geometry,int4)', 'LWGEOM_set_srid geometry', 'read'),
        ('function', 'st_simplify(geometry,float8)', 'LWGEOM_simplify2d geometry', 'read'),
        ('function', 'st_srid(geography)', 'LWGEOM_get_srid int4', 'read'),
        ('function', 'st_srid(geometry)', 'LWGEOM_get_srid int4', 'read'),
        ('function', 'st_startpoint(geometry)', 'LWGEOM_startpoint_linestring geometry', 'read'),
        ('function', 'st_touches(geometry,geometry)', 'touches bool support postgis_index_supportfn', 'read'),
        ('function', 'st_transform(geometry,int4)', 'transform geometry', 'read'),
        ('function', 'st_within(geometry,geometry)', 'within bool support postgis_index_supportfn', 'read'),
        ('function', 'st_x(geometry)', 'LWGEOM_x_point float8', 'read'),
        ('function', 'st_xmax(box3d)', 'BOX3D_xmax float8', 'read'),
        ('function', 'st_xmin(box3d)', 'BOX3D_xmin float8', 'read'),
        ('function', 'st_y(geometry)', 'LWGEOM_y_point float8', 'read'),
        ('function', 'st_ymax(box3d)', 'BOX3D_ymax float8', 'read'),
        ('function', 'st_ymin(box3d)', 'BOX3D_ymin float8', 'read'),
        ('function', 'st_z(geometry)', 'LWGEOM_z_point float8', 'read'),
        ('function', 'text(geometry)', 'LWGEOM_to_text text', 'read'),
        ('operator', '&&(geography,geography)', 'geography_overlaps(geography,geography)', ''),
        ('operator', '&&(geometry,geometry)', 'geometry_overlaps(geometry,geometry)', ''),
        ('operator', '<(geography,geography)', 'geography_lt(geography,geography)', ''),
        ('operator', '<(geometry,geometry)', 'geometry_lt(geometry,geometry)', ''),
        ('operator', '<->(geography,geography)', 'geography_distance_knn(geography,geography)', ''),
        ('operator', '<->(geometry,geometry)', 'geometry_distance_centroid(geometry,geometry)', ''),
        ('operator', '<=(geography,geography)', 'geography_le(geography,geography)', ''),
        ('operator', '<=(geometry,geometry)', 'geometry_le(geometry,geometry)', ''),
        ('operator', '=(geography,geography)', 'geography_eq(geography,geography)', ''),
        ('operator', '=(geometry,geometry)', 'geometry_eq(geometry,geometry)', ''),
        ('operator', '>(geography,geography)', 'geography_gt(geography,geography)', ''),
        ('operator', '>(geometry,geometry)', 'geometry_gt(geometry,geometry)', ''),
        ('operator', '>=(geography,geography)', 'geography_ge(geography,geography)', ''),
        ('operator', '>=(geometry,geometry)', 'geometry_ge(geometry,geometry)', ''),
        ('operator', '@(geometry,geometry)', 'geometry_within(geometry,geometry)', ''),
        ('operator', '~(geometry,geometry)', 'geometry_contains(geometry,geometry)', ''),
        ('operator', '~=(geometry,geometry)', 'geometry_same(geometry,geometry)', ''),
        ('cast', 'box2d,box3d', 'box3d(box2d)', ''),
        ('cast', 'box2d,geometry', 'geometry(box2d)', ''),
        ('cast', 'box3d,box2d', 'box2d(box3d)', ''),
        ('cast', 'box3d,geometry', 'geometry(box3d)', ''),
        ('cast', 'geography,geography', 'geography(geography,int4,bool)', ''),
        ('cast', 'geography,geometry', 'geometry(geography)', ''),
        ('cast', 'geometry,box2d', 'box2d(geometry)', ''),
        ('cast', 'geometry,box3d', 'box3d(geometry)', ''),
        ('cast', 'geometry,geography', 'geography(geometry)', ''),
        ('cast', 'geometry,geometry', 'geometry(geometry,int4,bool)', ''),
        ('cast', 'geometry,point', 'point(geometry)', ''),
        ('cast', 'geometry,text', 'text(geometry)', ''),
        ('cast', 'point,geometry', 'geometry(point)', ''),
        ('cast', 'text,geometry', 'geometry(text)', '')
    ) AS l(kind, object, body, bound);
END
$$;

REVOKE ALL ON FUNCTION splitplane._geometry_lists() FROM PUBLIC;

-- Lists of extensions for network addresses. What they say: 45_extension_lists.sql.
CREATE FUNCTION splitplane._network_lists()
RETURNS TABLE (extension name, kind text, object text, body text, bound text)
-- PL/pgSQL keeps its plan.
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT name 'ip4r', l.* FROM (VALUES
        ('type', 'ip4', 'ip4_in(cstring) ip4_out(ip4) btree hash', 'read'),
        ('type', 'ip4r', 'ip4r_in(cstring) ip4r_out(ip4r) btree hash', 'read'),
        ('type', 'ip6', 'ip6_in(cstring) ip6_out(ip6) btree hash', 'read'),
        ('type', 'ip6r', 'ip6r_in(cstring) ip6r_out(ip6r) btree hash', 'read'),
        ('type', 'ipaddress', 'ipaddress_in(cstring) ipaddress_out(ipaddress) btree hash', 'read'),
        ('type', 'iprange', 'iprange_in(cstring) iprange_out(iprange) btree hash', 'read'),
        ('io', 'ip4_in(cstring)', 'ip4_in ip4', ''),
        ('io', 'ip4_out(ip4)', 'ip4_out cstring', ''),
        ('io', 'ip4r_in(cstring)', 'ip4r_in ip4r', ''),
        ('io', 'ip4r_out(ip4r)', 'ip4r_out cstring', ''),
        ('io', 'ip6_in(cstring)', 'ip6_in ip6', ''),
        ('io', 'ip6_out(ip6)', 'ip6_out cstring', ''),
        ('io', 'ip6r_in(cstring)', 'ip6r_in ip6r', ''),
        ('io', 'ip6r_out(ip6r)', 'ip6r_out cstring', ''),
        ('io', 'ipaddress_in(cstring)', 'ipaddr_in ipaddress', ''),
        ('io', 'ipaddress_out(ipaddress)', 'ipaddr_out cstring', ''),
        ('io', 'iprange_in(cstring)', 'iprange_in iprange', ''),
        ('io', 'iprange_out(iprange)', 'iprange_out cstring', ''),
        ('function', 'cidr(ip4)', 'ip4_cast_to_cidr cidr', 'read'),
        ('function', 'cidr(ip4r)', 'ip4r_cast_to_cidr cidr', 'read'),
        ('function', 'cidr(ip6)', 'ip6_cast_to_cidr cidr', 'read'),
        ('function', 'cidr(ip6r)', 'ip6r_cast_to_cidr cidr', 'read'),
        ('function', 'cidr(ipaddress)', 'ipaddr_cast_to_cidr cidr', 'read'),
        ('function', 'cidr(iprange)', 'iprange_cast_to_cidr cidr', 'read'),
        ('function', 'cidr_split(ip4r)', 'ip4r_cidr_split setof ip4r', 'read'),
        ('function', 'cidr_split(ip6r)', 'ip6r_cidr_split setof ip6r', 'read'),
        ('function', 'cidr_split(iprange)', 'iprange_cidr_split setof iprange', 'read'),
        ('function', 'family(ip4)',
         'sql e54acbc270374680be36735e1836219900b8dd02a6bacfb333fe346a533ec8e8 int4 on null', 'read'),
        ('function', 'family(ip4r)',
         'sql e54acbc270374680be36735e1836219900b8dd02a6bacfb333fe346a533ec8e8 int4 on null', 'read'),
        ('function', 'family(ip6)',
         'sql 254db8ab90442d91e4d237f71f2cc4bc6bd3921931ca4516304fb688bd3f1e40 int4 on null', 'read'),
        ('function', 'family(ip6r)',
         'sql 254db8ab90442d91e4d237f71f2cc4bc6bd3921931ca4516304fb688bd3f1e40 int4 on null', 'read'),
        ('function', 'family(ipaddress)', 'ipaddr_family int4', 'read'),
        ('function', 'family(iprange)', 'iprange_family int4', 'read'),
        ('function', 'in_range(ip4,ip4,int8,bool,bool)', 'ip4_in_range_bigint bool', 'read'),
        ('function', 'in_range(ip4,ip4,ip4,bool,bool)', 'ip4_in_range_ip4 bool', 'read'),
        ('function', 'in_range(ip6,ip6,int8,bool,bool)', 'ip6_in_range_bigint bool', 'read'),
        ('function', 'in_range(ip6,ip6,ip6,bool,bool)', 'ip6_in_range_ip6 bool', 'read'),
        ('function', 'ip4(bit)', 'ip4_cast_from_bit ip4', 'read'),
        ('function', 'ip4(bytea)', 'ip4_cast_from_bytea ip4', 'read'),
        ('function', 'ip4(float8)', 'ip4_cast_from_double ip4', 'read'),
        ('function', 'ip4(inet)', 'ip4_cast_from_inet ip4', 'read'),
        ('function', 'ip4(int8)', 'ip4_cast_from_bigint ip4', 'read'),
        ('function', 'ip4(ipaddress)', 'ipaddr_cast_to_ip4 ip4', 'read'),
        ('function', 'ip4(numeric)', 'ip4_cast_from_numeric ip4', 'read'),
        ('function', 'ip4(text)', 'ip4_cast_from_text ip4', 'read'),
        ('function', 'ip4(varbit)', 'ip4_cast_from_bit ip4', 'read'),
        ('function', 'ip4_and(ip4,ip4)', 'ip4_and ip4', 'read'),
        ('function', 'ip4_cmp(ip4,ip4)', 'ip4_cmp int4', 'read'),
        ('function', 'ip4_contained_by(ip4,ip4r)', 'ip4_contained_by bool', 'read'),
        ('function', 'ip4_contained_by(ip4,iprange)', 'iprange_ip4_contained_by bool', 'read'),
        ('function', 'ip4_contains(ip4r,ip4)', 'ip4_contains bool', 'read'),
        ('function', 'ip4_contains(iprange,ip4)', 'iprange_contains_ip4 bool', 'read'),
        ('function', 'ip4_eq(ip4,ip4)', 'ip4_eq bool', 'read'),
        ('function', 'ip4_ge(ip4,ip4)', 'ip4_ge bool', 'read'),
        ('function', 'ip4_gt(ip4,ip4)', 'ip4_gt bool', 'read'),
        ('function', 'ip4_hash_extended(ip4,int8)', 'ip4_hash_extended int8', 'read'),
        ('function', 'ip4_le(ip4,ip4)', 'ip4_le bool', 'read'),
        ('function', 'ip4_lt(ip4,ip4)', 'ip4_lt bool', 'read'),
        ('function', 'ip4_minus_bigint(ip4,int8)', 'ip4_minus_bigint ip4', 'read'),
        ('function', 'ip4_minus_int(ip4,int4)', 'ip4_minus_int ip4', 'read'),
        ('function', 'ip4_minus_ip4(ip4,ip4)', 'ip4_minus_ip4 int8', 'read'),
        ('function', 'ip4_minus_numeric(ip4,numeric)', 'ip4_minus_numeric ip4', 'read'),
        ('function', 'ip4_neq(ip4,ip4)', 'ip4_neq bool', 'read'),
        ('function', 'ip4_net_lower(ip4,int4)', 'ip4_net_lower ip4', 'read'),
        ('function', 'ip4_net_upper(ip4,int4)', 'ip4_net_upper ip4', 'read'),
        ('function', 'ip4_netmask(int4)', 'ip4_netmask ip4', 'read'),
        ('function', 'ip4_not(ip4)', 'ip4_not ip4', 'read'),
        ('function', 'ip4_or(ip4,ip4)', 'ip4_or ip4', 'read'),
        ('function', 'ip4_plus_bigint(ip4,int8)', 'ip4_plus_bigint ip4', 'read'),
        ('function', 'ip4_plus_int(ip4,int4)', 'ip4_plus_int ip4', 'read'),
        ('function', 'ip4_plus_numeric(ip4,numeric)', 'ip4_plus_numeric ip4', 'read'),
        ('function', 'ip4_xor(ip4,ip4)', 'ip4_xor ip4', 'read'),
        ('function', 'ip4hash(ip4)', 'ip4hash int4', 'read'),
        ('function', 'ip4r(cidr)', 'ip4r_cast_from_cidr ip4r', 'read'),
        ('function', 'ip4r(ip4)', 'ip4r_cast_from_ip4 ip4r', 'read'),
        ('function', 'ip4r(ip4,ip4)', 'ip4r_from_ip4s ip4r', 'read'),
        ('function', 'ip4r(iprange)', 'iprange_cast_to_ip4r ip4r', 'read'),
        ('function', 'ip4r(text)', 'ip4r_cast_from_text ip4r', 'read'),
        ('function', 'ip4r(varbit)', 'ip4r_cast_from_bit ip4r', 'read'),
        ('function', 'ip4r_cmp(ip4r,ip4r)', 'ip4r_cmp int4', 'read'),
        ('function', 'ip4r_contained_by(ip4r,ip4r)', 'ip4r_contained_by bool', 'read'),
        ('function', 'ip4r_contained_by_strict(ip4r,ip4r)', 'ip4r_contained_by_strict bool', 'read'),
        ('function', 'ip4r_contains(ip4r,ip4r)', 'ip4r_contains bool', 'read'),
        ('function', 'ip4r_contains_strict(ip4r,ip4r)', 'ip4r_contains_strict bool', 'read'),
        ('function', 'ip4r_eq(ip4r,ip4r)', 'ip4r_eq bool', 'read'),
        ('function', 'ip4r_ge(ip4r,ip4r)', 'ip4r_ge bool', 'read'),
        ('function', 'ip4r_gt(ip4r,ip4r)', 'ip4r_gt bool', 'read'),
        ('function', 'ip4r_hash_extended(ip4r,int8)', 'ip4r_hash_extended int8', 'read'),
        ('function', 'ip4r_inter(ip4r,ip4r)', 'ip4r_inter ip4r', 'read'),
        ('function', 'ip4r_le(ip4r,ip4r)', 'ip4r_le bool', 'read'),
        ('function', 'ip4r_lt(ip4r,ip4r)', 'ip4r_lt bool', 'read'),
        ('function', 'ip4r_neq(ip4r,ip4r)', 'ip4r_neq bool', 'read'),
        ('function', 'ip4r_net_mask(ip4,ip4)', 'ip4r_net_mask ip4r', 'read'),
        ('function', 'ip4r_net_prefix(ip4,int4)', 'ip4r_net_prefix ip4r', 'read'),
        ('function', 'ip4r_overlaps(ip4r,ip4r)', 'ip4r_overlaps bool', 'read'),
        ('function', 'ip4r_size(ip4r)', 'ip4r_size float8', 'read'),
        ('function', 'ip4r_size_exact(ip4r)', 'ip4r_size_exact numeric', 'read'),
        ('function', 'ip4r_union(ip4r,ip4r)', 'ip4r_union ip4r', 'read'),
        ('function', 'ip4rhash(ip4r)', 'ip4rhash int4', 'read'),
        ('function', 'ip6(bit)', 'ip6_cast_from_bit ip6', 'read'),
        ('function', 'ip6(bytea)', 'ip6_cast_from_bytea ip6', 'read'),
        ('function', 'ip6(inet)', 'ip6_cast_from_inet ip6', 'read'),
        ('function', 'ip6(ipaddress)', 'ipaddr_cast_to_ip6 ip6', 'read'),
        ('function', 'ip6(numeric)', 'ip6_cast_from_numeric ip6', 'read'),
        ('function', 'ip6(text)', 'ip6_cast_from_text ip6', 'read'),
        ('function', 'ip6(varbit)', 'ip6_cast_from_bit ip6', 'read'),
        ('function', 'ip6_and(ip6,ip6)', 'ip6_and ip6', 'read'),
        ('function', 'ip6_cmp(ip6,ip6)', 'ip6_cmp int4', 'read'),
        ('function', 'ip6_contained_by(ip6,ip6r)', 'ip6_contained_by bool', 'read'),
        ('function', 'ip6_contained_by(ip6,iprange)', 'iprange_ip6_contained_by bool', 'read'),
        ('function', 'ip6_contains(ip6r,ip6)', 'ip6_contains bool', 'read'),
        ('function', 'ip6_contains(iprange,ip6)', 'iprange_contains_ip6 bool', 'read'),
        ('function', 'ip6_eq(ip6,ip6)', 'ip6_eq bool', 'read'),
        ('function', 'ip6_ge(ip6,ip6)', 'ip6_ge bool', 'read'),
        ('function', 'ip6_gt(ip6,ip6)', 'ip6_gt bool', 'read'),
        ('function', 'ip6_hash_extended(ip6,int8)', 'ip6_hash_extended int8', 'read'),
        ('function', 'ip6_le(ip6,ip6)', 'ip6_le bool', 'read'),
        ('function', 'ip6_lt(ip6,ip6)', 'ip6_lt bool', 'read'),
        ('function', 'ip6_minus_bigint(ip6,int8)', 'ip6_minus_bigint ip6', 'read'),
        ('function', 'ip6_minus_int(ip6,int4)', 'ip6_minus_int ip6', 'read'),
        ('function', 'ip6_minus_ip6(ip6,ip6)', 'ip6_minus_ip6 numeric', 'read'),
        ('function', 'ip6_minus_numeric(ip6,numeric)', 'ip6_minus_numeric ip6', 'read'),
        ('function', 'ip6_neq(ip6,ip6)', 'ip6_neq bool', 'read'),
        ('function', 'ip6_net_lower(ip6,int4)', 'ip6_net_lower ip6', 'read'),
        ('function', 'ip6_net_upper(ip6,int4)', 'ip6_net_upper ip6', 'read'),
        ('function', 'ip6_netmask(int4)', 'ip6_netmask ip6', 'read'),
        ('function', 'ip6_not(ip6)', 'ip6_not ip6', 'read'),
        ('function', 'ip6_or(ip6,ip6)', 'ip6_or ip6', 'read'),
        ('function', 'ip6_plus_bigint(ip6,int8)', 'ip6_plus_bigint ip6', 'read'),
        ('function', 'ip6_plus_int(ip6,int4)', 'ip6_plus_int ip6', 'read'),
        ('function', 'ip6_plus_numeric(ip6,numeric)', 'ip6_plus_numeric ip6', 'read'),
        ('function', 'ip6_xor(ip6,ip6)', 'ip6_xor ip6', 'read'),
        ('function', 'ip6hash(ip6)', 'ip6hash int4', 'read'),
        ('function', 'ip6r(cidr)', 'ip6r_cast_from_cidr ip6r', 'read'),
        ('function', 'ip6r(ip6)', 'ip6r_cast_from_ip6 ip6r', 'read'),
        ('function', 'ip6r(ip6,ip6)', 'ip6r_from_ip6s ip6r', 'read'),
        ('function', 'ip6r(iprange)', 'iprange_cast_to_ip6r ip6r', 'read'),
        ('function', 'ip6r(text)', 'ip6r_cast_from_text ip6r', 'read'),
        ('function', 'ip6r(varbit)', 'ip6r_cast_from_bit ip6r', 'read'),
        ('function', 'ip6r_cmp(ip6r,ip6r)', 'ip6r_cmp int4', 'read'),
        ('function', 'ip6r_contained_by(ip6r,ip6r)', 'ip6r_contained_by bool', 'read'),
        ('function', 'ip6r_contained_by_strict(ip6r,ip6r)', 'ip6r_contained_by_strict bool', 'read'),
        ('function', 'ip6r_contains(ip6r,ip6r)', 'ip6r_contains bool', 'read'),
        ('function', 'ip6r_contains_strict(ip6r,ip6r)', 'ip6r_contains_strict bool', 'read'),
        ('function', 'ip6r_eq(ip6r,ip6r)', 'ip6r_eq bool', 'read'),
        ('function', 'ip6r_ge(ip6r,ip6r)', 'ip6r_ge bool', 'read'),
        ('function', 'ip6r_gt(ip6r,ip6r)', 'ip6r_gt bool', 'read'),
        ('function', 'ip6r_hash_extended(ip6r,int8)', 'ip6r_hash_extended int8', 'read'),
        ('function', 'ip6r_inter(ip6r,ip6r)', 'ip6r_inter ip6r', 'read'),
        ('function', 'ip6r_le(ip6r,ip6r)', 'ip6r_le bool', 'read'),
        ('function', 'ip6r_lt(ip6r,ip6r)', 'ip6r_lt bool', 'read'),
        ('function', 'ip6r_neq(ip6r,ip6r)', 'ip6r_neq bool', 'read'),
        ('function', 'ip6r_net_mask(ip6,ip6)', 'ip6r_net_mask ip6r', 'read'),
        ('function', 'ip6r_net_prefix(ip6,int4)', 'ip6r_net_prefix ip6r', 'read'),
        ('function', 'ip6r_overlaps(ip6r,ip6r)', 'ip6r_overlaps bool', 'read'),
        ('function', 'ip6r_size(ip6r)', 'ip6r_size float8', 'read'),
        ('function', 'ip6r_size_exact(ip6r)', 'ip6r_size_exact numeric', 'read'),
        ('function', 'ip6r_union(ip6r,ip6r)', 'ip6r_union ip6r', 'read'),
        ('function', 'ip6rhash(ip6r)', 'ip6rhash int4', 'read'),
        ('function', 'ipaddress(bit)', 'ipaddr_cast_from_bit ipaddress', 'read'),
        ('function', 'ipaddress(bytea)', 'ipaddr_cast_from_bytea ipaddress', 'read'),
        ('function', 'ipaddress(inet)', 'ipaddr_cast_from_inet ipaddress', 'read'),
        ('function', 'ipaddress(ip4)', 'ipaddr_cast_from_ip4 ipaddress', 'read'),
        ('function', 'ipaddress(ip6)', 'ipaddr_cast_from_ip6 ipaddress', 'read'),
        ('function', 'ipaddress(text)', 'ipaddr_cast_from_text ipaddress', 'read'),
        ('function', 'ipaddress(varbit)', 'ipaddr_cast_from_bit ipaddress', 'read'),
        ('function', 'ipaddress_and(ipaddress,ipaddress)', 'ipaddr_and ipaddress', 'read'),
        ('function', 'ipaddress_cmp(ipaddress,ipaddress)', 'ipaddr_cmp int4', 'read'),
        ('function', 'ipaddress_contained_by(ipaddress,iprange)', 'iprange_ip_contained_by bool', 'read'),
        ('function', 'ipaddress_contains(iprange,ipaddress)', 'iprange_contains_ip bool', 'read'),
        ('function', 'ipaddress_eq(ipaddress,ipaddress)', 'ipaddr_eq bool', 'read'),
        ('function', 'ipaddress_ge(ipaddress,ipaddress)', 'ipaddr_ge bool', 'read'),
        ('function', 'ipaddress_gt(ipaddress,ipaddress)', 'ipaddr_gt bool', 'read'),
        ('function', 'ipaddress_hash_extended(ipaddress,int8)', 'ipaddr_hash_extended int8', 'read'),
        ('function', 'ipaddress_le(ipaddress,ipaddress)', 'ipaddr_le bool', 'read'),
        ('function', 'ipaddress_lt(ipaddress,ipaddress)', 'ipaddr_lt bool', 'read'),
        ('function', 'ipaddress_minus_bigint(ipaddress,int8)', 'ipaddr_minus_bigint ipaddress', 'read'),
        ('function', 'ipaddress_minus_int(ipaddress,int4)', 'ipaddr_minus_int ipaddress', 'read'),
        ('function', 'ipaddress_minus_ipaddress(ipaddress,ipaddress)', 'ipaddr_minus_ipaddr numeric', 'read'),
        ('function', 'ipaddress_minus_numeric(ipaddress,numeric)', 'ipaddr_minus_numeric ipaddress', 'read'),
        ('function', 'ipaddress_neq(ipaddress,ipaddress)', 'ipaddr_neq bool', 'read'),
        ('function', 'ipaddress_net_lower(ipaddress,int4)', 'ipaddr_net_lower ipaddress', 'read'),
        ('function', 'ipaddress_net_upper(ipaddress,int4)', 'ipaddr_net_upper ipaddress', 'read'),
        ('function', 'ipaddress_not(ipaddress)', 'ipaddr_not ipaddress', 'read'),
        ('function', 'ipaddress_or(ipaddress,ipaddress)', 'ipaddr_or ipaddress', 'read'),
        ('function', 'ipaddress_plus_bigint(ipaddress,int8)', 'ipaddr_plus_bigint ipaddress', 'read'),
        ('function', 'ipaddress_plus_int(ipaddress,int4)', 'ipaddr_plus_int ipaddress', 'read'),
        ('function', 'ipaddress_plus_numeric(ipaddress,numeric)', 'ipaddr_plus_numeric ipaddress', 'read'),
        ('function', 'ipaddress_xor(ipaddress,ipaddress)', 'ipaddr_xor ipaddress', 'read'),
        ('function', 'ipaddresshash(ipaddress)', 'ipaddr_hash int4', 'read'),
        ('function', 'iprange(cidr)', 'iprange_cast_from_cidr iprange', 'read'),
        ('function', 'iprange(ip4)', 'iprange_cast_from_ip4 iprange', 'read'),
        ('function', 'iprange(ip4,ip4)', 'iprange_from_ip4s iprange', 'read'),
        ('function', 'iprange(ip4r)', 'iprange_cast_from_ip4r iprange', 'read'),
        ('function', 'iprange(ip6)', 'iprange_cast_from_ip6 iprange', 'read'),
        ('function', 'iprange(ip6,ip6)', 'iprange_from_ip6s iprange', 'read'),
        ('function', 'iprange(ip6r)', 'iprange_cast_from_ip6r iprange', 'read'),
        ('function', 'iprange(ipaddress)', 'iprange_cast_from_ipaddr iprange', 'read'),
        ('function', 'iprange(ipaddress,ipaddress)', 'iprange_from_ipaddrs iprange', 'read'),
        ('function', 'iprange(text)', 'iprange_cast_from_text iprange', 'read'),
        ('function', 'iprange_cmp(iprange,iprange)', 'iprange_cmp int4', 'read'),
        ('function', 'iprange_contained_by(iprange,iprange)', 'iprange_contained_by bool', 'read'),
        ('function', 'iprange_contained_by_strict(iprange,iprange)', 'iprange_contained_by_strict bool', 'read'),
        ('function', 'iprange_contains(iprange,iprange)', 'iprange_contains bool', 'read'),
        ('function', 'iprange_contains_strict(iprange,iprange)', 'iprange_contains_strict bool', 'read'),
        ('function', 'iprange_eq(iprange,iprange)', 'iprange_eq bool', 'read'),
        ('function', 'iprange_ge(iprange,iprange)', 'iprange_ge bool', 'read'),
        ('function', 'iprange_gt(iprange,iprange)', 'iprange_gt bool', 'read'),
        ('function', 'iprange_hash(iprange)', 'iprange_hash_new int4', 'read'),
        ('function', 'iprange_hash_extended(iprange,int8)', 'iprange_hash_extended int8', 'read'),
        ('function', 'iprange_inter(iprange,iprange)', 'iprange_inter iprange', 'read'),
        ('function', 'iprange_le(iprange,iprange)', 'iprange_le bool', 'read'),
        ('function', 'iprange_lt(iprange,iprange)', 'iprange_lt bool', 'read'),
        ('function', 'iprange_neq(iprange,iprange)', 'iprange_neq bool', 'read'),
        ('function', 'iprange_net_mask(ip4,ip4)', 'iprange_net_mask_ip4 iprange', 'read'),
        ('function', 'iprange_net_mask(ip6,ip6)', 'iprange_net_mask_ip6 iprange', 'read'),
        ('function', 'iprange_net_mask(ipaddress,ipaddress)', 'iprange_net_mask iprange', 'read'),
        ('function', 'iprange_net_prefix(ip4,int4)', 'iprange_net_prefix_ip4 iprange', 'read'),
        ('function', 'iprange_net_prefix(ip6,int4)', 'iprange_net_prefix_ip6 iprange', 'read'),
        ('function', 'iprange_net_prefix(ipaddress,int4)', 'iprange_net_prefix iprange', 'read'),
        ('function', 'iprange_overlaps(iprange,iprange)', 'iprange_overlaps bool', 'read'),
        ('function', 'iprange_size(iprange)', 'iprange_size float8', 'read'),
        ('function', 'iprange_size_exact(iprange)', 'iprange_size_exact numeric', 'read'),
        ('function', 'iprange_union(iprange,iprange)', 'iprange_union iprange', 'read'),
        ('function', 'iprangehash(iprange)', 'iprange_hash int4', 'read'),
        ('function', 'is_cidr(ip4r)', 'ip4r_is_cidr bool', 'read'),
        ('function', 'is_cidr(ip6r)', 'ip6r_is_cidr bool', 'read'),
        ('function', 'is_cidr(iprange)', 'iprange_is_cidr bool', 'read'),
        ('function', 'lower(ip4r)', 'ip4r_lower ip4', 'read'),
        ('function', 'lower(ip6r)', 'ip6r_lower ip6', 'read'),
        ('function', 'lower(iprange)', 'iprange_lower ipaddress', 'read'),
        ('function', 'masklen(ip4r)', 'ip4r_prefixlen int4', 'read'),
        ('function', 'masklen(ip6r)', 'ip6r_prefixlen int4', 'read'),
        ('function', 'masklen(iprange)', 'iprange_prefixlen int4', 'read'),
        ('function', 'text(ip4)', 'ip4_cast_to_text text', 'read'),
        ('function', 'text(ip4r)', 'ip4r_cast_to_text text', 'read'),
        ('function', 'text(ip6)', 'ip6_cast_to_text text', 'read'),
        ('function', 'text(ip6r)', 'ip6r_cast_to_text text', 'read'),
        ('function', 'text(ipaddress)', 'ipaddr_cast_to_text text', 'read'),
        ('function', 'text(iprange)', 'iprange_cast_to_text text', 'read'),
        ('function', 'to_bigint(ip4)', 'ip4_cast_to_bigint int8', 'read'),
        ('function', 'to_bit(ip4)', 'ip4_cast_to_bit varbit', 'read'),
        ('function', 'to_bit(ip4r)', 'ip4r_cast_to_bit varbit', 'read'),
        ('function', 'to_bit(ip6)', 'ip6_cast_to_bit varbit', 'read'),
        ('function', 'to_bit(ip6r)', 'ip6r_cast_to_bit varbit', 'read'),
        ('function', 'to_bit(ipaddress)', 'ipaddr_cast_to_bit varbit', 'read'),
        ('function', 'to_bit(iprange)', 'iprange_cast_to_bit varbit', 'read'),
        ('function', 'to_bytea(ip4)', 'ip4_cast_to_bytea bytea', 'read'),
        ('function', 'to_bytea(ip6)', 'ip6_cast_to_bytea bytea', 'read'),
        ('function', 'to_bytea(ipaddress)', 'ipaddr_cast_to_bytea bytea', 'read'),
        ('function', 'to_double(ip4)', 'ip4_cast_to_double float8', 'read'),
        ('function', 'to_numeric(ip4)', 'ip4_cast_to_numeric numeric', 'read'),
        ('function', 'to_numeric(ip6)', 'ip6_cast_to_numeric numeric', 'read'),
        ('function', 'to_numeric(ipaddress)', 'ipaddr_cast_to_numeric numeric', 'read'),
        ('function', 'upper(ip4r)', 'ip4r_upper ip4', 'read'),
        ('function', 'upper(ip6r)', 'ip6r_upper ip6', 'read'),
        ('function', 'upper(iprange)', 'iprange_upper ipaddress', 'read'),
        ('operator', '#(ip4,ip4)', 'ip4_xor(ip4,ip4)', ''),
        ('operator', '#(ip6,ip6)', 'ip6_xor(ip6,ip6)', ''),
        ('operator', '#(ipaddress,ipaddress)', 'ipaddress_xor(ipaddress,ipaddress)', ''),
        ('operator', '&&(ip4r,ip4r)', 'ip4r_overlaps(ip4r,ip4r)', ''),
        ('operator', '&&(ip6r,ip6r)', 'ip6r_overlaps(ip6r,ip6r)', ''),
        ('operator', '&&(iprange,iprange)', 'iprange_overlaps(iprange,iprange)', ''),
        ('operator', '&(ip4,ip4)', 'ip4_and(ip4,ip4)', ''),
        ('operator', '&(ip6,ip6)', 'ip6_and(ip6,ip6)', ''),
        ('operator', '&(ipaddress,ipaddress)', 'ipaddress_and(ipaddress,ipaddress)', ''),
        ('operator', '+(ip4,int4)', 'ip4_plus_int(ip4,int4)', ''),
        ('operator', '+(ip4,int8)', 'ip4_plus_bigint(ip4,int8)', ''),
        ('operator', '+(ip4,numeric)', 'ip4_plus_numeric(ip4,numeric)', ''),
        ('operator', '+(ip6,int4)', 'ip6_plus_int(ip6,int4)', ''),
        ('operator', '+(ip6,int8)', 'ip6_plus_bigint(ip6,int8)', ''),
        ('operator', '+(ip6,numeric)', 'ip6_plus_numeric(ip6,numeric)', ''),
        ('operator', '+(ipaddress,int4)', 'ipaddress_plus_int(ipaddress,int4)', ''),
        ('operator', '+(ipaddress,int8)', 'ipaddress_plus_bigint(ipaddress,int8)', ''),
        ('operator', '+(ipaddress,numeric)', 'ipaddress_plus_numeric(ipaddress,numeric)', ''),
        ('operator', '-(ip4,int4)', 'ip4_minus_int(ip4,int4)', ''),
        ('operator', '-(ip4,int8)', 'ip4_minus_bigint(ip4,int8)', ''),
        ('operator', '-(ip4,ip4)', 'ip4_minus_ip4(ip4,ip4)', ''),
        ('operator', '-(ip4,numeric)', 'ip4_minus_numeric(ip4,numeric)', ''),
        ('operator', '-(ip6,int4)', 'ip6_minus_int(ip6,int4)', ''),
        ('operator', '-(ip6,int8)', 'ip6_minus_bigint(ip6,int8)', ''),
        ('operator', '-(ip6,ip6)', 'ip6_minus_ip6(ip6,ip6)', ''),
        ('operator', '-(ip6,numeric)', 'ip6_minus_numeric(ip6,numeric)', ''),
        ('operator', '-(ipaddress,int4)', 'ipaddress_minus_int(ipaddress,int4)', ''),
        ('operator', '-(ipaddress,int8)', 'ipaddress_minus_bigint(ipaddress,int8)', ''),
        ('operator', '-(ipaddress,ipaddress)', 'ipaddress_minus_ipaddress(ipaddress,ipaddress)', ''),
        ('operator', '-(ipaddress,numeric)', 'ipaddress_minus_numeric(ipaddress,numeric)', ''),
        ('operator', '/(ip4,int4)', 'ip4r_net_prefix(ip4,int4)', ''),
        ('operator', '/(ip4,ip4)', 'ip4r_net_mask(ip4,ip4)', ''),
        ('operator', '/(ip6,int4)', 'ip6r_net_prefix(ip6,int4)', ''),
        ('operator', '/(ip6,ip6)', 'ip6r_net_mask(ip6,ip6)', ''),
        ('operator', '/(ipaddress,int4)', 'iprange_net_prefix(ipaddress,int4)', ''),
        ('operator', '/(ipaddress,ipaddress)', 'iprange_net_mask(ipaddress,ipaddress)', ''),
        ('operator', '<(ip4,ip4)', 'ip4_lt(ip4,ip4)', ''),
        ('operator', '<(ip4r,ip4r)', 'ip4r_lt(ip4r,ip4r)', ''),
        ('operator', '<(ip6,ip6)', 'ip6_lt(ip6,ip6)', ''),
        ('operator', '<(ip6r,ip6r)', 'ip6r_lt(ip6r,ip6r)', ''),
        ('operator', '<(ipaddress,ipaddress)', 'ipaddress_lt(ipaddress,ipaddress)', ''),
        ('operator', '<(iprange,iprange)', 'iprange_lt(iprange,iprange)', ''),
        ('operator', '<<(ip4r,ip4r)', 'ip4r_contained_by_strict(ip4r,ip4r)', ''),
        ('operator', '<<(ip6r,ip6r)', 'ip6r_contained_by_strict(ip6r,ip6r)', ''),
        ('operator', '<<(iprange,iprange)', 'iprange_contained_by_strict(iprange,iprange)', ''),
        ('operator', '<<=(ip4r,ip4r)', 'ip4r_contained_by(ip4r,ip4r)', ''),
        ('operator', '<<=(ip6r,ip6r)', 'ip6r_contained_by(ip6r,ip6r)', ''),
        ('operator', '<<=(iprange,iprange)', 'iprange_contained_by(iprange,iprange)', ''),
        ('operator', '<=(ip4,ip4)', 'ip4_le(ip4,ip4)', ''),
        ('operator', '<=(ip4r,ip4r)', 'ip4r_le(ip4r,ip4r)', ''),
        ('operator', '<=(ip6,ip6)', 'ip6_le(ip6,ip6)', ''),
        ('operator', '<=(ip6r,ip6r)', 'ip6r_le(ip6r,ip6r)', ''),
        ('operator', '<=(ipaddress,ipaddress)', 'ipaddress_le(ipaddress,ipaddress)', ''),
        ('operator', '<=(iprange,iprange)', 'iprange_le(iprange,iprange)', ''),
        ('operator', '<>(ip4,ip4)', 'ip4_neq(ip4,ip4)', ''),
        ('operator', '<>(ip4r,ip4r)', 'ip4r_neq(ip4r,ip4r)', ''),
        ('operator', '<>(ip6,ip6)', 'ip6_neq(ip6,ip6)', ''),
        ('operator', '<>(ip6r,ip6r)', 'ip6r_neq(ip6r,ip6r)', ''),
        ('operator', '<>(ipaddress,ipaddress)', 'ipaddress_neq(ipaddress,ipaddress)', ''),
        ('operator', '<>(iprange,iprange)', 'iprange_neq(iprange,iprange)', ''),
        ('operator', '=(ip4,ip4)', 'ip4_eq(ip4,ip4)', ''),
        ('operator', '=(ip4r,ip4r)', 'ip4r_eq(ip4r,ip4r)', ''),
        ('operator', '=(ip6,ip6)', 'ip6_eq(ip6,ip6)', ''),
        ('operator', '=(ip6r,ip6r)', 'ip6r_eq(ip6r,ip6r)', ''),
        ('operator', '=(ipaddress,ipaddress)', 'ipaddress_eq(ipaddress,ipaddress)', ''),
        ('operator', '=(iprange,iprange)', 'iprange_eq(iprange,iprange)', ''),
        ('operator', '>(ip4,ip4)', 'ip4_gt(ip4,ip4)', ''),
        ('operator', '>(ip4r,ip4r)', 'ip4r_gt(ip4r,ip4r)', ''),
        ('operator', '>(ip6,ip6)', 'ip6_gt(ip6,ip6)', ''),
        ('operator', '>(ip6r,ip6r)', 'ip6r_gt(ip6r,ip6r)', ''),
        ('operator', '>(ipaddress,ipaddress)', 'ipaddress_gt(ipaddress,ipaddress)', ''),
        ('operator', '>(iprange,iprange)', 'iprange_gt(iprange,iprange)', ''),
        ('operator', '>=(ip4,ip4)', 'ip4_ge(ip4,ip4)', ''),
        ('operator', '>=(ip4r,ip4r)', 'ip4r_ge(ip4r,ip4r)', ''),
        ('operator', '>=(ip6,ip6)', 'ip6_ge(ip6,ip6)', ''),
        ('operator', '>=(ip6r,ip6r)', 'ip6r_ge(ip6r,ip6r)', ''),
        ('operator', '>=(ipaddress,ipaddress)', 'ipaddress_ge(ipaddress,ipaddress)', ''),
        ('operator', '>=(iprange,iprange)', 'iprange_ge(iprange,iprange)', ''),
        ('operator', '>>(ip4r,ip4r)', 'ip4r_contains_strict(ip4r,ip4r)', ''),
        ('operator', '>>(ip6r,ip6r)', 'ip6r_contains_strict(ip6r,ip6r)', ''),
        ('operator', '>>(iprange,iprange)', 'iprange_contains_strict(iprange,iprange)', ''),
        ('operator', '>>=(ip4r,ip4r)', 'ip4r_contains(ip4r,ip4r)', ''),
        ('operator', '>>=(ip6r,ip6r)', 'ip6r_contains(ip6r,ip6r)', ''),
        ('operator', '>>=(iprange,iprange)', 'iprange_contains(iprange,iprange)', ''),
        ('operator', '@(,ip4r)', 'ip4r_size(ip4r)', ''),
        ('operator', '@(,ip6r)', 'ip6r_size(ip6r)', ''),
        ('operator', '@(,iprange)', 'iprange_size(iprange)', ''),
        ('operator', '@@(,ip4r)', 'ip4r_size_exact(ip4r)', ''),
        ('operator', '@@(,ip6r)', 'ip6r_size_exact(ip6r)', ''),
        ('operator', '@@(,iprange)', 'iprange_size_exact(iprange)', ''),
        ('operator', '|(ip4,ip4)', 'ip4_or(ip4,ip4)', ''),
        ('operator', '|(ip6,ip6)', 'ip6_or(ip6,ip6)', ''),
        ('operator', '|(ipaddress,ipaddress)', 'ipaddress_or(ipaddress,ipaddress)', ''),
        ('operator', '~(,ip4)', 'ip4_not(ip4)', ''),
        ('operator', '~(,ip6)', 'ip6_not(ip6)', ''),
        ('operator', '~(,ipaddress)', 'ipaddress_not(ipaddress)', ''),
        ('cast', 'bit,ip4', 'ip4(bit)', ''),
        ('cast', 'bit,ip6', 'ip6(bit)', ''),
        ('cast', 'bit,ipaddress', 'ipaddress(bit)', ''),
        ('cast', 'bytea,ip4', 'ip4(bytea)', ''),
        ('cast', 'bytea,ip6', 'ip6(bytea)', ''),
        ('cast', 'bytea,ipaddress', 'ipaddress(bytea)', ''),
        ('cast', 'cidr,ip4r', 'ip4r(cidr)', ''),
        ('cast', 'cidr,ip6r', 'ip6r(cidr)', ''),
        ('cast', 'cidr,iprange', 'iprange(cidr)', ''),
        ('cast', 'float8,ip4', 'ip4(float8)', ''),
        ('cast', 'inet,ip4', 'ip4(inet)', ''),
        ('cast', 'inet,ip6', 'ip6(inet)', ''),
        ('cast', 'inet,ipaddress', 'ipaddress(inet)', ''),
        ('cast', 'int8,ip4', 'ip4(int8)', ''),
        ('cast', 'ip4,bytea', 'to_bytea(ip4)', ''),
        ('cast', 'ip4,cidr', 'cidr(ip4)', ''),
        ('cast', 'ip4,float8', 'to_double(ip4)', ''),
        ('cast', 'ip4,int8', 'to_bigint(ip4)', ''),
        ('cast', 'ip4,ip4r', 'ip4r(ip4)', ''),
        ('cast', 'ip4,ipaddress', 'ipaddress(ip4)', ''),
        ('cast', 'ip4,iprange', 'iprange(ip4)', ''),
        ('cast', 'ip4,numeric', 'to_numeric(ip4)', ''),
        ('cast', 'ip4,text', 'text(ip4)', ''),
        ('cast', 'ip4,varbit', 'to_bit(ip4)', ''),
        ('cast', 'ip4r,cidr', 'cidr(ip4r)', ''),
        ('cast', 'ip4r,iprange', 'iprange(ip4r)', ''),
        ('cast', 'ip4r,text', 'text(ip4r)', ''),
        ('cast', 'ip4r,varbit', 'to_bit(ip4r)', ''),
        ('cast', 'ip6,bytea', 'to_bytea(ip6)', ''),
        ('cast', 'ip6,cidr', 'cidr(ip6)', ''),
        ('cast', 'ip6,ip6r', 'ip6r(ip6)', ''),
        ('cast', 'ip6,ipaddress', 'ipaddress(ip6)', ''),
        ('cast', 'ip6,iprange', 'iprange(ip6)', ''),
        ('cast', 'ip6,numeric', 'to_numeric(ip6)', ''),
        ('cast', 'ip6,text', 'text(ip6)', ''),
        ('cast', 'ip6,varbit', 'to_bit(ip6)', ''),
        ('cast', 'ip6r,cidr', 'cidr(ip6r)', ''),
        ('cast', 'ip6r,iprange', 'iprange(ip6r)', ''),
        ('cast', 'ip6r,text', 'text(ip6r)', ''),
        ('cast', 'ip6r,varbit', 'to_bit(ip6r)', ''),
        ('cast', 'ipaddress,bytea', 'to_bytea(ipaddress)', ''),
        ('cast', 'ipaddress,cidr', 'cidr(ipaddress)', ''),
        ('cast', 'ipaddress,ip4', 'ip4(ipaddress)', ''),
        ('cast', 'ipaddress,ip6', 'ip6(ipaddress)', ''),
        ('cast', 'ipaddress,iprange', 'iprange(ipaddress)', ''),
        ('cast', 'ipaddress,numeric', 'to_numeric(ipaddress)', ''),
        ('cast', 'ipaddress,text', 'text(ipaddress)', ''),
        ('cast', 'ipaddress,varbit', 'to_bit(ipaddress)', ''),
        ('cast', 'iprange,cidr', 'cidr(iprange)', ''),
        ('cast', 'iprange,ip4r', 'ip4r(iprange)', ''),
        ('cast', 'iprange,ip6r', 'ip6r(iprange)', ''),
        ('cast', 'iprange,text', 'text(iprange)', ''),
        ('cast', 'iprange,varbit', 'to_bit(iprange)', ''),
        ('cast', 'numeric,ip4', 'ip4(numeric)', ''),
        ('cast', 'numeric,ip6', 'ip6(numeric)', ''),
        ('cast', 'text,ip4', 'ip4(text)', ''),
        ('cast', 'text,ip4r', 'ip4r(text)', ''),
        ('cast', 'text,ip6', 'ip6(text)', ''),
        ('cast', 'text,ip6r', 'ip6r(text)', ''),
        ('cast', 'text,ipaddress', 'ipaddress(text)', ''),
        ('cast', 'text,iprange', 'iprange(text)', ''),
        ('cast', 'varbit,ip4', 'ip4(bit)', ''),
        ('cast', 'varbit,ip4r', 'ip4r(varbit)', ''),
        ('cast', 'varbit,ip6', 'ip6(bit)', ''),
        ('cast', 'varbit,ip6r', 'ip6r(varbit)', ''),
        ('cast', 'varbit,ipaddress', 'ipaddress(varbit)', '')
    ) AS l(kind, object, body, bound);
END
$$;

REVOKE ALL ON FUNCTION splitplane._network_lists() FROM PUBLIC;

-- Lists of extensions for sketches of values that can be added up. What they say: 45_extension_lists.sql.
CREATE FUNCTION splitplane._sketch_lists()
RETURNS TABLE (extension name, kind text, object text, body text, bound text)
-- PL/pgSQL keeps its plan.
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT name 'hll', l.* FROM (VALUES
        ('type', 'hll', 'hll_in(cstring,oid,int4) hll_out(hll) hll_typmod_in(_cstring) hll_typmod_out(int4)', 'read'),
        ('type', 'hll_hashval', 'hll_hashval_in(cstring,oid,int4) hll_hashval_out(hll_hashval)', 'read'),
        ('io', 'hll_add_trans4(internal,hll_hashval,int4,int4,int8,int4)',
         'hll_add_trans4 internal on null volatile', ''),
        ('io', 'hll_deserialize(bytea,internal)', 'hll_deserialize internal', ''),
        ('io', 'hll_hashval_in(cstring,oid,int4)', 'hll_hashval_in hll_hashval', ''),
        ('io', 'hll_hashval_out(hll_hashval)', 'hll_hashval_out cstring', ''),
        ('io', 'hll_in(cstring,oid,int4)', 'hll_in hll', ''),
        ('io', 'hll_out(hll)', 'hll_out cstring', ''),
        ('io', 'hll_pack(internal)', 'hll_pack hll on null volatile', ''),
        ('io', 'hll_serialize(internal)', 'hll_serialize bytea', ''),
        ('io', 'hll_typmod_in(_cstring)', 'hll_typmod_in int4', ''),
        ('io', 'hll_typmod_out(int4)', 'hll_typmod_out cstring', ''),
        ('io', 'hll_union_internal(internal,internal)', 'hll_union_internal internal on null volatile', ''),
        ('io', 'hll_union_trans(internal,hll)', 'hll_union_trans internal on null volatile', ''),
        ('aggregate', 'hll_add_agg(hll_hashval,int4,int4,int8,int4)',
         'hll_add_trans4(internal,hll_hashval,int4,int4,int8,int4) final hll_pack(internal) combine '
         || 'hll_union_internal(internal,internal) serial hll_serialize(internal) deserial '
         || 'hll_deserialize(bytea,internal)', 'read'),
        ('aggregate', 'hll_union_agg(hll)',
         'hll_union_trans(internal,hll) final hll_pack(internal) combine '
         || 'hll_union_internal(internal,internal) serial hll_serialize(internal) deserial '
         || 'hll_deserialize(bytea,internal)', 'read'),
        ('function', 'hll(hll,int4,bool)', 'hll hll', 'read'),
        ('function', 'hll_add(hll,hll_hashval)', 'hll_add hll', 'read'),
        ('function', 'hll_add_rev(hll_hashval,hll)', 'hll_add_rev hll', 'read'),
        ('function', 'hll_cardinality(hll)', 'hll_cardinality float8', 'read'),
        ('function', 'hll_empty(int4,int4,int8,int4)', 'hll_empty4 hll', 'read'),
        ('function', 'hll_eq(hll,hll)', 'hll_eq bool', 'read'),
        ('function', 'hll_expthresh(hll)', 'hll_expthresh record(int8,int8)', 'read'),
        ('function', 'hll_hash_bigint(int8,int4)', 'hll_hash_8byte hll_hashval default 0', 'read'),
        ('function', 'hll_hash_boolean(bool,int4)', 'hll_hash_1byte hll_hashval default 0', 'read'),
        ('function', 'hll_hash_bytea(bytea,int4)', 'hll_hash_varlena hll_hashval default 0', 'read'),
        ('function', 'hll_hash_integer(int4,int4)', 'hll_hash_4byte hll_hashval default 0', 'read'),
        ('function', 'hll_hash_smallint(int2,int4)', 'hll_hash_2byte hll_hashval default 0', 'read'),
        ('function', 'hll_hash_text(text,int4)', 'hll_hash_varlena hll_hashval default 0', 'read'),
        ('function', 'hll_hashval(int8)', 'hll_hashval hll_hashval', 'read'),
        ('function', 'hll_hashval_eq(hll_hashval,hll_hashval)', 'hll_hashval_eq bool', 'read'),
        ('function', 'hll_hashval_int4(int4)', 'hll_hashval_int4 hll_hashval', 'read'),
        ('function', 'hll_hashval_ne(hll_hashval,hll_hashval)', 'hll_hashval_ne bool', 'read'),
        ('function', 'hll_log2m(hll)', 'hll_log2m int4', 'read'),
        ('function', 'hll_ne(hll,hll)', 'hll_ne bool', 'read'),
        ('function', 'hll_regwidth(hll)', 'hll_regwidth int4', 'read'),
        ('function', 'hll_schema_version(hll)', 'hll_schema_version int4', 'read'),
        ('function', 'hll_sparseon(hll)', 'hll_sparseon int4', 'read'),
        ('function', 'hll_type(hll)', 'hll_type int4', 'read'),
        ('function', 'hll_union(hll,hll)', 'hll_union hll', 'read'),
        ('operator', '#(,hll)', 'hll_cardinality(hll)', ''),
        ('operator', '||(hll,hll)', 'hll_union(hll,hll)', ''),
        ('operator', '||(hll,hll_hashval)', 'hll_add(hll,hll_hashval)', ''),
        ('operator', '||(hll_hashval,hll)', 'hll_add_rev(hll_hashval,hll)', ''),
        ('cast', 'hll,hll', 'hll(hll,int4,bool)', ''),
        ('cast', 'int4,hll_hashval', 'hll_hashval_int4(int4)', ''),
        ('cast', 'int8,hll_hashval', '', '')
    ) AS l(kind, object, body, bound)
    UNION ALL
    SELECT name 'tdigest', l.* FROM (VALUES
        ('type', 'tdigest', 'tdigest_in(cstring) tdigest_out(tdigest)', 'stored'),
        ('io', 'tdigest_add_digest(internal,tdigest)', 'tdigest_add_digest internal on null unsafe', ''),
        ('io', 'tdigest_add_digest(internal,tdigest,float8)', 'tdigest_add_digest internal on null unsafe', ''),
        ('io', 'tdigest_add_digest_array(internal,tdigest,_float8)',
         'tdigest_add_digest_array internal on null unsafe', ''),
        ('io', 'tdigest_add_digest_array_values(internal,tdigest,_float8)',
         'tdigest_add_digest_array_values internal on null unsafe', ''),
        ('io', 'tdigest_add_digest_trimmed(internal,tdigest,float8,float8)',
         'tdigest_add_digest_trimmed internal on null unsafe', ''),
        ('io', 'tdigest_add_digest_values(internal,tdigest,float8)',
         'tdigest_add_digest_values internal on null unsafe', ''),
        ('io', 'tdigest_array_percentiles(internal)', 'tdigest_array_percentiles _float8 on null unsafe', ''),
        ('io', 'tdigest_array_percentiles_of(internal)', 'tdigest_array_percentiles_of _float8 on null unsafe', ''),
        ('io', 'tdigest_combine(internal,internal)', 'tdigest_combine internal on null unsafe', ''),
        ('io', 'tdigest_deserial(bytea,internal)', 'tdigest_deserial internal unsafe', ''),
        ('io', 'tdigest_digest(internal)', 'tdigest_digest tdigest on null unsafe', ''),
        ('io', 'tdigest_in(cstring)', 'tdigest_in tdigest unsafe', ''),
        ('io', 'tdigest_out(tdigest)', 'tdigest_out cstring unsafe', ''),
        ('io', 'tdigest_percentiles(internal)', 'tdigest_percentiles float8 on null unsafe', ''),
        ('io', 'tdigest_percentiles_of(internal)', 'tdigest_percentiles_of float8 on null unsafe', ''),
        ('io', 'tdigest_serial(internal)', 'tdigest_serial bytea unsafe', ''),
        ('io', 'tdigest_trimmed_avg(internal)', 'tdigest_trimmed_avg float8 on null unsafe', ''),
        ('io', 'tdigest_trimmed_sum(internal)', 'tdigest_trimmed_sum float8 on null unsafe', ''),
        ('aggregate', 'tdigest(tdigest)',
         'tdigest_add_digest(internal,tdigest) final tdigest_digest(internal) combine '
         || 'tdigest_combine(internal,internal) serial tdigest_serial(internal) deserial '
         || 'tdigest_deserial(bytea,internal)', 'read'),
        ('aggregate', 'tdigest_avg(tdigest,float8,float8)',
         'tdigest_add_digest_trimmed(internal,tdigest,float8,float8) final tdigest_trimmed_avg(internal) '
         || 'combine tdigest_combine(internal,internal) serial tdigest_serial(internal) deserial '
         || 'tdigest_deserial(bytea,internal)', 'read'),
        ('aggregate', 'tdigest_percentile(tdigest,_float8)',
         'tdigest_add_digest_array(internal,tdigest,_float8) final tdigest_array_percentiles(internal) '
         || 'combine tdigest_combine(internal,internal) serial tdigest_serial(internal) deserial '
         || 'tdigest_deserial(bytea,internal)', 'product'),
        ('aggregate', 'tdigest_percentile(tdigest,float8)',
         'tdigest_add_digest(internal,tdigest,float8) final tdigest_percentiles(internal) combine '
         || 'tdigest_combine(internal,internal) serial tdigest_serial(internal) deserial '
         || 'tdigest_deserial(bytea,internal)', 'read'),
        ('aggregate', 'tdigest_percentile_of(tdigest,_float8)',
         'tdigest_add_digest_array_values(internal,tdigest,_float8) final '
         || 'tdigest_array_percentiles_of(internal) combine tdigest_combine(internal,internal) serial '
         || 'tdigest_serial(internal) deserial tdigest_deserial(bytea,internal)', 'product'),
        ('aggregate', 'tdigest_percentile_of(tdigest,float8)',
         'tdigest_add_digest_values(internal,tdigest,float8) final tdigest_percentiles_of(internal) combine '
         || 'tdigest_combine(internal,internal) serial tdigest_serial(internal) deserial '
         || 'tdigest_deserial(bytea,internal)', 'read'),
        ('aggregate', 'tdigest_sum(tdigest,float8,float8)',
         'tdigest_add_digest_trimmed(internal,tdigest,float8,float8) final tdigest_trimmed_sum(internal) '
         || 'combine tdigest_combine(internal,internal) serial tdigest_serial(internal) deserial '
         || 'tdigest_deserial(bytea,internal)', 'read'),
        ('function', 'tdigest_count(tdigest)', 'tdigest_count int8 unsafe', 'read'),
        ('function', 'tdigest_digest_avg(tdigest,float8,float8)',
         'tdigest_digest_avg float8 unsafe default 0.0, 1.0', 'read'),
        ('function', 'tdigest_digest_sum(tdigest,float8,float8)',
         'tdigest_digest_sum float8 unsafe default 0.0, 1.0', 'read'),
        ('function', 'tdigest_double_array(tdigest)', 'tdigest_to_array _float8 unsafe', 'read'),
        ('function', 'tdigest_json(tdigest)', 'tdigest_to_json json unsafe', 'read'),
        ('function', 'tdigest_union(tdigest,tdigest,bool)',
         'tdigest_union_double_increment tdigest on null unsafe default true', 'read'),
        ('cast', 'tdigest,_float8', 'tdigest_double_array(tdigest)', ''),
        ('cast', 'tdigest,json', 'tdigest_json(tdigest)', '')
    ) AS l(kind, object, body, bound);
END
$$;

REVOKE ALL ON FUNCTION splitplane._sketch_lists() FROM PUBLIC;

-- What the plane can carry of which extension, as it was read and measured. What is on no list is refused.

-- Libraries that were read, by their file in PostgreSQL's library folder and its SHA-256: the same names and C symbols
-- mean other things in other builds.
CREATE FUNCTION splitplane._read_libraries()
RETURNS TABLE (extension name, library text, checksum text, build text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
        ('citext', 'citext',
         '9ce25cce0f58b0728b1bfcb199d0019cd0c8350eae31f908125068e47a2639f1', '15, Debian 12, 15.20-0+deb12u1'),
        ('hstore', 'hstore',
         '16848143ebebc8e85093f16f8572d5421f4279c64a33cd048e426175b88af456', '15, Debian 12, 15.20-0+deb12u1'),
        ('ltree', 'ltree',
         'e0f78dde699bed177747720e4f835366428a0744e0e235df3c54ddc9e43b3d46', '15, Debian 12, 15.20-0+deb12u1'),
        ('pg_trgm', 'pg_trgm',
         '191f545d084e7507797967d3044e0d33be378a39d3db50db59f73e34b92c3be9', '15, Debian 12, 15.20-0+deb12u1'),
        ('unaccent', 'unaccent',
         '873733adcd07a56d1d08ba9e707423ec9dba0bc83d3b7354ee651c7ca4ed1c46', '15, Debian 12, 15.20-0+deb12u1'),
        ('fuzzystrmatch', 'fuzzystrmatch',
         'f241846b779ae498f4edee4551880fd40b10627bf8dcbbed3e1437d2f6a5e0ad', '15, Debian 12, 15.20-0+deb12u1'),
        ('intarray', '_int',
         'd5b9aa8fa2e0e8cdf824f7d982559bbc2d4271164d503e0095a7f60bd2987504', '15, Debian 12, 15.20-0+deb12u1'),
        ('cube', 'cube',
         '865b621798aba436f4c022b4389b5f4fa6f6b3e99d02bfa8bd1d1d0dd2ddf317', '15, Debian 12, 15.20-0+deb12u1'),
        ('earthdistance', 'earthdistance',
         '8e5dd8f3e1cab0be29312ff365256cedaf01c37ededd83ea42f96094c09f738d', '15, Debian 12, 15.20-0+deb12u1'),
        ('uuid-ossp', 'uuid-ossp',
         '8a5f34e917fcc95552a9da6a982cea8b7714a8beba27591fb337e5591b035a40', '15, Debian 12, 15.20-0+deb12u1'),
        ('pgcrypto', 'pgcrypto',
         '81c2755d5a3ec1566f77fa9e7a024c0f018aaf793aa385fd11a2c30dc5386c47', '15, Debian 12, 15.20-0+deb12u1'),
        ('ip4r', 'ip4r',
         'fd4657c3e2827608ba0a338558f47b30e74bbca6ecafeffe91d23200a7916627', '15, Debian 12, 2.4.1-8+b1'),
        ('hll', 'hll',
         '6a7e123dafce2152ce781f7fecc391a2306422bd633b691eba8fc04fb249200c', '15, Debian 12, 2.17-1+b1'),
        ('tdigest', 'tdigest',
         '5e8ed246ea6c535b25653364728035dbcff103fae7c85e77933590d23035cc33', '15, Debian 12, 1.4.0-2+b1'),
        ('postgis', 'postgis-3',
         '4b1ee76471ceb9a4b30e6851bafe35c1c4841bc7fc153247938b36e7ed54c1dd', '15, Debian 12, 3.3.2+dfsg-1+b1'),
        ('citext', 'citext',
         '613626e2e14b57799e99fad419ecf991f5c5782238cddc5338736ef904e0e9fa', '17, Debian 13, 17.12-0+deb13u1'),
        ('hstore', 'hstore',
         '69b9cf1fa8723f1b9484d090e15e8f94b7b315d066abf9f0758eb6d50f23ec8b', '17, Debian 13, 17.12-0+deb13u1'),
        ('ltree', 'ltree',
         'deda9600d3a7c5c3eab735b27e638edc9a010a7ab63d5b8969e68d8a42f198f3', '17, Debian 13, 17.12-0+deb13u1'),
        ('pg_trgm', 'pg_trgm',
         '2226d1a8626db783be708a471fe12f0375dbf483422135263d0c3f850b8b6121', '17, Debian 13, 17.12-0+deb13u1'),
        ('unaccent', 'unaccent',
         'a5a5fe1347f262666fd8069f3a4f16ff4aa19c8f7e5bb20e06a8c56fe938da58', '17, Debian 13, 17.12-0+deb13u1'),
        ('fuzzystrmatch', 'fuzzystrmatch',
         '3980773bcd1e3afd5065c6d8f178d477210990f27cdb7a7a4eb1a3be51bcceb2', '17, Debian 13, 17.12-0+deb13u1'),
        ('intarray', '_int',
         'd245d20b4a1c8f6e16da38e0fb5a86a34b1cd1127cf65aa286d6dd1ed1e8b9cc', '17, Debian 13, 17.12-0+deb13u1'),
        ('cube', 'cube',
         'c1c28fe874d4c043463f8ad045a2bd7ae33078496d337aa746b251e5819b9101', '17, Debian 13, 17.12-0+deb13u1'),
        ('earthdistance', 'earthdistance',
         'aee93d1b185bb57c9a259a684942c1ec1eb7a1db75004f9644a189a71ebffe09', '17, Debian 13, 17.12-0+deb13u1'),
        ('uuid-ossp', 'uuid-ossp',
         'efdcc4bd98a9db0578d8d257596831111656a09667bb87544c1cefc8fab77737', '17, Debian 13, 17.12-0+deb13u1'),
        ('pgcrypto', 'pgcrypto',
         '5f74b5d858de38029a06bb7dd893daec0e9b978e58146a116c791b5622ca725e', '17, Debian 13, 17.12-0+deb13u1'),
        ('ip4r', 'ip4r',
         '320d2fba767e7f1bf8aa2efc29a468a4e310f8cb870c7d714646095ca96262d4', '17, Debian 13, 2.4.2-3+b1'),
        ('hll', 'hll',
         'e83c90432439e5e3b1ea424bd9ced606eeb510132e9c3375ebf1c845455115d8', '17, Debian 13, 2.18-2+b1'),
        ('tdigest', 'tdigest',
         '2287a3b1241e1cea43e2db9d439aad0bef076e7ccba2857eb65fe00d30758670', '17, Debian 13, 1.4.3-1'),
        ('postgis', 'postgis-3',
         '2e09f705cd51dafb7b5b07cad8afabb8a373d9de3482f926018b54eb4ae0d440', '17, Debian 13, 3.5.2+dfsg-1')
$$;

REVOKE ALL ON FUNCTION splitplane._read_libraries() FROM PUBLIC;

-- Objects that were read. Types in signatures have their names in pg_type: regprocedure writes one that becomes a
-- keyword otherwise in the next major.
-- `kind`: function, aggregate, operator, cast, type, and what statements cannot name:
--   io         a function of types, orders and aggregates
--   estimator  a function that operators are estimated by
--   table      one of the extension's own, which its functions read as the reader
--   answer     by which function an answer shows values of a type whose cast to JSON must not run; then there is no
--              other way from that type to JSON
-- `body`, where builds differ in several lines:
--   of a function its C symbol, or "internal" and PostgreSQL's own symbol, or "sql" and the SHA-256 of its text, which
--   names nothing outside pg_catalog, or "parsed" and that of its body as PostgreSQL writes it, without the schema of
--   the extension; then what it returns and how it is called, unless that is strict, immutable and parallel safe: its C
--   code reads NULL as a pointer if it is not as strict as it was; then the defaults of its arguments, and what the
--   planner asks about it
--   of an aggregate the function that adds a row, and those that end, combine, write and read its state
--   of an operator and a cast its function, none for a cast over the same bytes
--   of a type the functions of its input, output, modifiers and subscripts, and the access methods whose default
--   operator class it has
-- `bound`: how a call grows with its arguments (in the library: cost::of_bound); of a type `stored` where its values
-- come of columns and functions alone, since some of its texts are not safe to read.
-- tools/extension_list.py writes such lines.
CREATE FUNCTION splitplane._extension_list()
RETURNS TABLE (extension name, kind text, object text, body text, bound text)
-- PL/pgSQL keeps its plan.
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT l.* FROM splitplane._contrib_lists() AS l
    UNION ALL
    SELECT l.* FROM splitplane._network_lists() AS l
    UNION ALL
    SELECT l.* FROM splitplane._sketch_lists() AS l
    UNION ALL
    SELECT l.* FROM splitplane._geometry_lists() AS l;
END
$$;

REVOKE ALL ON FUNCTION splitplane._extension_list() FROM PUBLIC;

-- Which objects of the database the lists of extensions mean. Everything is found by OID, from the extension: nothing
-- is looked up by a name that another role could give to something of its own.

-- The SHA-256 of a library as it lies on the disk; NULL if it cannot be read there. From 18 on dynamic_library_path may
-- lead elsewhere.
CREATE FUNCTION splitplane._library_checksum(library text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('server_version_num')::int >= 180000
       AND current_setting('dynamic_library_path') <> '$libdir' THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT encode(sha256(pg_read_binary_file(format('%s/%s.so', c.setting, library))), 'hex')
            FROM pg_config() AS c WHERE c.name = 'PKGLIBDIR');
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION splitplane._library_checksum(text) FROM PUBLIC;

-- Why nothing of an extension is in the plane, though it is allowed; NULL if there is no reason.
CREATE FUNCTION splitplane._extension_problem(extension name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = extension) THEN
        RETURN 'This allowed extension does not exist any more.';
    END IF;
    SELECT splitplane._library_checksum(l.library) INTO found
      FROM splitplane._read_libraries() AS l WHERE l.extension = _extension_problem.extension LIMIT 1;
    IF NOT EXISTS (SELECT FROM splitplane._read_libraries() AS l
                   WHERE l.extension = _extension_problem.extension AND l.checksum = found) THEN
        RETURN format('Its library is none that was read for this version of splitplane (SHA-256 %s), so nothing of it '
                      'is in the plane.', coalesce(found, 'unknown'));
    END IF;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION splitplane._extension_problem(name) FROM PUBLIC;

-- Whether names of an allowed extension would not be found, since it has moved or the reader may not look there. Then
-- nothing of it may be in the plane: in the place of its operators those of text would be found, and no error raised.
CREATE FUNCTION splitplane._is_out_of_sight(extension name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM splitplane.allowed_extensions AS a
                   JOIN pg_extension AS e ON e.extname = a.extension JOIN pg_namespace AS n ON n.oid = e.extnamespace
                   WHERE a.extension = _is_out_of_sight.extension
                     AND (n.nspname <> a.saved ->> 'schema'
                          OR NOT has_schema_privilege('splitplane_reader', n.oid, 'USAGE')))
$$;

REVOKE ALL ON FUNCTION splitplane._is_out_of_sight(name) FROM PUBLIC;

-- The routines of an extension, as its list has them: `signature` and `body`, which is NULL where C code of another
-- library would run, and whether nothing is put on them that changes when or as whom they run.
CREATE FUNCTION splitplane._extension_routines(extension name)
RETURNS TABLE (routine oid, name text, kind "char", signature text, body text, is_plain boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET jit = off
AS $$
    WITH own AS (
        SELECT e.oid, e.extnamespace,
               -- Some scripts name their library alone, which is the same file unless it is looked for elsewhere.
               (SELECT CASE current_setting('dynamic_library_path') WHEN '$libdir' THEN ARRAY[p.path, l.library]
                       ELSE ARRAY[p.path] END
                FROM splitplane._read_libraries() AS l CROSS JOIN LATERAL (SELECT '$libdir/' || l.library) AS p(path)
                WHERE l.extension = e.extname LIMIT 1) AS library
        FROM pg_extension AS e WHERE e.extname = _extension_routines.extension
    )
    SELECT p.oid, p.proname::text, p.prokind,
           p.proname || '(' || coalesce((SELECT string_agg(t.typname, ',' ORDER BY a.position)
                                         FROM unnest(p.proargtypes) WITH ORDINALITY AS a(id, position)
                                         JOIN pg_type AS t ON t.oid = a.id), '') || ')',
           CASE l.lanname WHEN 'c' THEN CASE WHEN p.probin = ANY (o.library) THEN p.prosrc END
                          WHEN 'internal' THEN 'internal ' || p.prosrc
                          WHEN 'sql' THEN CASE WHEN p.prosqlbody IS NULL
                              THEN 'sql ' || encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex')
                              ELSE 'parsed ' || encode(sha256(convert_to(replace(
                                       pg_get_function_sqlbody(p.oid), o.extnamespace::regnamespace || '.', '.'),
                                       'UTF8')), 'hex') END
           END
           || CASE WHEN p.proretset THEN ' setof ' ELSE ' ' END
           || (SELECT t.typname FROM pg_type AS t WHERE t.oid = p.prorettype)
           || coalesce((SELECT '(' || string_agg(t.typname, ',' ORDER BY u.place) || ')'
                        FROM unnest(p.proallargtypes, p.proargmodes) WITH ORDINALITY AS u(id, mode, place)
                        JOIN pg_type AS t ON t.oid = u.id WHERE u.mode NOT IN ('i', 'v')), '')
           || CASE WHEN p.proisstrict THEN '' ELSE ' on null' END
           || CASE p.provolatile WHEN 'i' THEN '' WHEN 's' THEN ' stable' ELSE ' volatile' END
           || CASE p.proparallel WHEN 's' THEN '' WHEN 'r' THEN ' restricted' ELSE ' unsafe' END
           || CASE WHEN p.pronargdefaults = 0 THEN '' ELSE ' default ' || pg_get_expr(p.proargdefaults, 0) END
           -- What the planner asks about it.
           || CASE WHEN p.prosupport::oid < 16384 THEN ''
                   ELSE (SELECT ' support ' || s.prosrc FROM pg_proc AS s
                         WHERE s.oid = p.prosupport AND s.probin = ANY (o.library)
                           AND NOT s.prosecdef AND s.proconfig IS NULL)
              END,
           p.pronamespace = o.extnamespace AND NOT p.prosecdef AND p.proconfig IS NULL AND NOT p.proleakproof
           AND p.provariadic = 0 AND p.protrftypes IS NULL
           AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::oid[] || p.prorettype) AS u(id)
                           JOIN pg_type AS t ON t.oid = u.id
                           WHERE t.typnamespace NOT IN ('pg_catalog'::regnamespace, o.extnamespace))
    FROM own AS o
    JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = o.oid AND d.deptype = 'e'
         AND d.classid = 'pg_proc'::regclass
    JOIN pg_proc AS p ON p.oid = d.objid JOIN pg_language AS l ON l.oid = p.prolang
$$;

REVOKE ALL ON FUNCTION splitplane._extension_routines(name) FROM PUBLIC;

-- The objects of an extension that are on its list, and whether each is still what was read: a member of the extension,
-- in its schema, made by the same body, with nothing put on it that changes when or as whom it runs. A type is what was
-- read only with all that runs where statements do not name it: its input, output and comparisons, its cast to JSON.
CREATE FUNCTION splitplane._listed_objects(extension name)
RETURNS TABLE (kind text, catalog regclass, object oid, name text, listed text, bound text, is_as_read boolean)
-- Of catalogs that are joined by computed texts the planner knows no sizes. Where nested loops are the only way, costs
-- are such that all would be compiled.
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH list AS MATERIALIZED (
        -- Builds may differ in the body.
        SELECT l.kind, l.object, array_agg(l.body) AS bodies, min(l.bound) AS bound
        FROM splitplane._extension_list() AS l WHERE l.extension = _listed_objects.extension
        GROUP BY l.kind, l.object
    ),
    members AS MATERIALIZED (
        SELECT d.classid, d.objid, e.extnamespace
        FROM pg_extension AS e JOIN pg_depend AS d
             ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        WHERE e.extname = _listed_objects.extension
    ),
    routines AS MATERIALIZED (
        SELECT r.routine AS oid, r.name, r.kind, r.signature, r.body, r.is_plain
        FROM splitplane._extension_routines(_listed_objects.extension) AS r
    ),
    functions AS MATERIALIZED (
        SELECT l.kind, r.oid, r.name, l.object, l.bound,
               r.is_plain AND r.kind = 'f' AND coalesce(r.body = ANY (l.bodies), false) AS is_as_read
        FROM list AS l JOIN routines AS r ON r.signature = l.object
        WHERE l.kind IN ('function', 'estimator', 'io')
    ),
    casts AS MATERIALIZED (
        SELECT c.oid, c.castsource, l.object, l.bound,
               c.castmethod = CASE WHEN l.bodies[1] = '' THEN 'b' ELSE 'f' END
               AND coalesce(f.object, '') = l.bodies[1] AND (l.bodies[1] = '' OR f.is_as_read) AS is_as_read
        FROM members AS m JOIN pg_cast AS c ON m.classid = 'pg_cast'::regclass AND c.oid = m.objid
        JOIN pg_type AS a ON a.oid = c.castsource JOIN pg_type AS b ON b.oid = c.casttarget
        JOIN list AS l ON l.kind = 'cast' AND l.object = a.typname || ',' || b.typname
        LEFT JOIN functions AS f ON f.kind = 'function' AND f.oid = c.castfunc
    )
    SELECT f.kind, 'pg_proc'::regclass, f.oid, f.name, f.object, f.bound, f.is_as_read FROM functions AS f
    UNION ALL
    SELECT l.kind, 'pg_proc', r.oid, r.name, l.object, l.bound,
           r.is_plain AND r.kind = 'a' AND g.aggkind = 'n' AND g.aggmtransfn = 0 AND g.agginitval IS NULL
           AND NOT g.aggfinalextra
           AND l.bodies[1] = (SELECT string_agg(coalesce(u.part || f.object, '?'), ' ' ORDER BY u.place)
                         FROM (VALUES (1, '', g.aggtransfn::oid), (2, 'final ', g.aggfinalfn),
                                      -- An aggregate may combine by what it also adds by.
                                      (3, 'combine ', nullif(g.aggcombinefn::oid, g.aggtransfn)),
                                      (4, 'serial ', g.aggserialfn), (5, 'deserial ', g.aggdeserialfn)
                              ) AS u(place, part, id)
                         LEFT JOIN functions AS f ON f.is_as_read AND f.kind IN ('function', 'io') AND f.oid = u.id
                         WHERE u.id <> 0)
           AND (g.aggsortop = 0 OR EXISTS (SELECT FROM pg_operator AS o JOIN functions AS c ON c.oid = o.oprcode
                                           WHERE o.oid = g.aggsortop AND c.kind = 'function' AND c.is_as_read))
    FROM list AS l JOIN routines AS r ON r.signature = l.object JOIN pg_aggregate AS g ON g.aggfnoid = r.oid
    WHERE l.kind = 'aggregate'
    UNION ALL
    SELECT l.kind, 'pg_proc', f.oid, f.name, l.object, l.bound, f.is_as_read
    FROM list AS l JOIN functions AS f ON f.kind = 'function' AND f.object = l.bodies[1]
    WHERE l.kind = 'answer'
    UNION ALL
    SELECT l.kind, 'pg_operator', o.oid, o.oprname::text, l.object, l.bound,
           o.oprnamespace = m.extnamespace AND f.object IS NOT DISTINCT FROM l.bodies[1]
           AND coalesce(f.is_as_read, false)
           AND NOT EXISTS (SELECT FROM unnest(ARRAY[o.oprrest, o.oprjoin]::oid[]) AS s(id)
                           WHERE s.id >= 16384 AND s.id NOT IN (SELECT e.oid FROM functions AS e
                                                                WHERE e.kind = 'estimator' AND e.is_as_read))
    FROM members AS m JOIN pg_operator AS o ON m.classid = 'pg_operator'::regclass AND o.oid = m.objid
    LEFT JOIN pg_type AS a ON a.oid = o.oprleft JOIN pg_type AS b ON b.oid = o.oprright
    JOIN list AS l ON l.kind = 'operator'
         AND l.object = o.oprname || '(' || coalesce(a.typname, '') || ',' || b.typname || ')'
    LEFT JOIN functions AS f ON f.kind = 'function' AND f.oid = o.oprcode
    UNION ALL
    SELECT l.kind, 'pg_class', c.oid, c.relname::text, l.object, l.bound,
           c.relnamespace = m.extnamespace AND c.relkind = 'r'
    FROM members AS m JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
    JOIN list AS l ON l.kind = 'table' AND l.object = c.relname
    UNION ALL
    SELECT 'cast', 'pg_cast', c.oid, c.object, c.object, c.bound, c.is_as_read FROM casts AS c
    UNION ALL
    SELECT l.kind, 'pg_type', t.oid, t.typname::text, l.object, l.bound,
           t.typnamespace = m.extnamespace AND t.typtype = 'b'
           -- What reads, prints and subscripts its values, and what it is compared by, as comparisons find it.
           AND concat_ws(' ',
               (SELECT string_agg(coalesce(f.object, '?'), ' ' ORDER BY u.place)
                FROM unnest(ARRAY[t.typinput, t.typoutput, t.typmodin, t.typmodout, t.typsubscript]::oid[])
                     WITH ORDINALITY AS u(id, place)
                LEFT JOIN functions AS f ON f.kind = 'io' AND f.is_as_read AND f.oid = u.id
                WHERE u.id <> 0),
               (SELECT string_agg(a.amname, ' ' ORDER BY a.amname)
                FROM pg_opclass AS k JOIN pg_am AS a ON a.oid = k.opcmethod AND a.amname IN ('btree', 'hash')
                WHERE k.opcintype = t.oid AND k.opcdefault)) = ANY (l.bodies)
           AND NOT EXISTS (
               SELECT FROM pg_opclass AS k JOIN pg_am AS a ON a.oid = k.opcmethod AND a.amname IN ('btree', 'hash')
               CROSS JOIN LATERAL (
                   SELECT p.amproc::oid FROM pg_amproc AS p WHERE p.amprocfamily = k.opcfamily
                   UNION ALL
                   SELECT o.oprcode::oid FROM pg_amop AS p JOIN pg_operator AS o ON o.oid = p.amopopr
                   WHERE p.amopfamily = k.opcfamily
               ) AS u(id)
               WHERE k.opcintype = t.oid AND k.opcdefault
                 AND u.id NOT IN (SELECT f.oid FROM functions AS f WHERE f.kind IN ('function', 'io') AND f.is_as_read))
           AND (NOT EXISTS (SELECT FROM pg_cast AS c
                            WHERE c.castsource = t.oid AND c.casttarget IN ('json'::regtype, 'jsonb'::regtype)
                              AND c.oid NOT IN (SELECT o.oid FROM casts AS o WHERE o.is_as_read))
                -- Such a cast is not run.
                OR EXISTS (SELECT FROM list AS w JOIN functions AS f ON f.kind = 'function' AND f.object = w.bodies[1]
                           WHERE w.kind = 'answer' AND w.object = t.typname AND f.is_as_read))
    FROM members AS m JOIN pg_type AS t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
    JOIN list AS l ON l.kind = 'type' AND l.object = t.typname;
END
$$;

REVOKE ALL ON FUNCTION splitplane._listed_objects(name) FROM PUBLIC;

-- What of allowed extensions is in the plane. With a type that is not as it was read goes all that takes or gives it.
CREATE FUNCTION splitplane._extension_objects()
RETURNS TABLE (extension name, schema oid, kind text, object oid, name text, bound text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR extension, schema IN
        SELECT a.extension, e.extnamespace
        FROM splitplane.allowed_extensions AS a JOIN pg_extension AS e ON e.extname = a.extension
        WHERE splitplane._extension_problem(a.extension) IS NULL AND NOT splitplane._is_out_of_sight(a.extension)
        ORDER BY 1
    LOOP
        RETURN QUERY
            WITH listed AS MATERIALIZED (SELECT * FROM splitplane._listed_objects(_extension_objects.extension))
            SELECT _extension_objects.extension, _extension_objects.schema, l.kind, l.object, l.name, l.bound
            FROM listed AS l
            WHERE l.is_as_read
              AND NOT EXISTS (SELECT FROM listed AS c JOIN pg_type AS t ON t.oid = c.object
                              JOIN pg_depend AS d
                                   ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
                              WHERE c.kind = 'type' AND NOT c.is_as_read
                                AND d.classid = l.catalog AND d.objid = l.object);
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane._extension_objects() FROM PUBLIC;

-- The types among them, which are asked for more often.
CREATE FUNCTION splitplane._extension_types() RETURNS TABLE (extension name, type oid)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR extension IN
        SELECT a.extension FROM splitplane.allowed_extensions AS a
        WHERE EXISTS (SELECT FROM splitplane._extension_list() AS l WHERE l.extension = a.extension AND l.kind = 'type')
          AND NOT splitplane._is_out_of_sight(a.extension) AND splitplane._extension_problem(a.extension) IS NULL
        ORDER BY 1
    LOOP
        RETURN QUERY
            SELECT _extension_types.extension, l.object FROM splitplane._listed_objects(_extension_types.extension) AS l
            WHERE l.kind = 'type' AND l.is_as_read;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane._extension_types() FROM PUBLIC;

-- Whether a type is one of these.
CREATE FUNCTION splitplane._is_extension_type(type_id oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner name;
BEGIN
    SELECT a.extension INTO owner
      FROM pg_depend AS d
      JOIN pg_extension AS e ON e.oid = d.refobjid
      JOIN splitplane.allowed_extensions AS a ON a.extension = e.extname
     WHERE d.classid = 'pg_type'::regclass AND d.objid = type_id AND d.refclassid = 'pg_extension'::regclass
       AND d.deptype = 'e';
    RETURN FOUND AND NOT splitplane._is_out_of_sight(owner) AND splitplane._extension_problem(owner) IS NULL
       AND EXISTS (SELECT FROM splitplane._listed_objects(owner) AS l
                   WHERE l.kind = 'type' AND l.object = type_id AND l.is_as_read);
END
$$;

REVOKE ALL ON FUNCTION splitplane._is_extension_type(oid) FROM PUBLIC;

-- Whether an answer shows the values of an extension's type by a function: its cast to JSON must not run.
CREATE FUNCTION splitplane._is_shown_by_function(type_id oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid JOIN pg_type AS t ON t.oid = d.objid
        JOIN splitplane._extension_list() AS l ON l.extension = e.extname AND l.object = t.typname
        WHERE d.classid = 'pg_type'::regclass AND d.objid = type_id AND d.refclassid = 'pg_extension'::regclass
          AND d.deptype = 'e' AND l.kind = 'answer')
$$;

REVOKE ALL ON FUNCTION splitplane._is_shown_by_function(oid) FROM PUBLIC;

-- Whether it is a table that functions of an allowed extension read as the reader.
CREATE FUNCTION splitplane._is_table_of_extension(table_id oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid JOIN pg_class AS c ON c.oid = d.objid
        JOIN splitplane.allowed_extensions AS a ON a.extension = e.extname
        JOIN splitplane._extension_list() AS l ON l.extension = e.extname AND l.object = c.relname
        WHERE d.classid = 'pg_class'::regclass AND d.objid = table_id AND d.refclassid = 'pg_extension'::regclass
          AND d.deptype = 'e' AND l.kind = 'table')
$$;

REVOKE ALL ON FUNCTION splitplane._is_table_of_extension(oid) FROM PUBLIC;

-- Tables that Citus keeps on several servers: what they must be like to be in the plane, and their fences.

-- The tables that Citus knows, and how it spreads their rows: by `hash`, `range` or `append` of a column, as
-- `one shard` (tables of a distributed schema, too), as a `reference` table with a copy on every node, or `local` to
-- the coordinator. NULL where it cannot be told. Costs nothing without Citus.
CREATE FUNCTION splitplane._tables_of_citus()
RETURNS TABLE (relation oid, kind text, column_name text, colocation text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN
        RETURN;
    ELSIF NOT EXISTS (SELECT FROM pg_extension AS e JOIN pg_depend AS d
                          ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
                      WHERE e.extname = 'citus' AND d.classid = 'pg_class'::regclass
                        AND d.objid = to_regclass('pg_catalog.pg_dist_partition')) THEN
        RETURN QUERY EXECUTE 'SELECT d.logicalrelid::oid, NULL::text, NULL::text, NULL::text '
                             'FROM pg_catalog.pg_dist_partition AS d';
        RETURN;
    END IF;
    RETURN QUERY EXECUTE
        'SELECT d.logicalrelid::oid, '
        'CASE d.partmethod WHEN ''h'' THEN ''hash'' WHEN ''r'' THEN ''range'' WHEN ''a'' THEN ''append'' '
        'WHEN ''n'' THEN CASE WHEN d.repmodel = ''t'' THEN ''reference'' WHEN d.colocationid = 0 THEN ''local'' '
        'ELSE ''one shard'' END END, '
        'pg_catalog.column_to_column_name(d.logicalrelid, d.partkey), d.colocationid::text '
        'FROM pg_catalog.pg_dist_partition AS d';
END
$$;

REVOKE ALL ON FUNCTION splitplane._tables_of_citus() FROM PUBLIC;

-- Why the fences of this server do not hold on others; NULL where they do.
CREATE FUNCTION splitplane._cluster_problem() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN c.state IS NULL THEN 'this server has no cluster key' ELSE c.state ->> 'problem' END
    FROM (SELECT splitplane._cluster()::jsonb) AS c(state)
$$;

REVOKE ALL ON FUNCTION splitplane._cluster_problem() FROM PUBLIC;

-- Why a table of Citus cannot be in the plane, whatever its scope is.
CREATE FUNCTION splitplane._kept_by_citus() RETURNS TABLE (relation oid, reason text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    problem text;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN
        RETURN;
    END IF;
    problem := splitplane._cluster_problem();
    RETURN QUERY
        SELECT t.relation, r.reason
        FROM splitplane._tables_of_citus() AS t
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN problem IS NOT NULL OR t.kind IS NULL
                    THEN concat_ws(', and ', 'Citus keeps its rows in shards', problem)
                WHEN t.kind IN ('range', 'append') THEN format('Citus distributes it by %s, and not by hash', t.kind)
                WHEN t.kind = 'one shard'
                    THEN 'Citus keeps it in one shard, as it does the tables of a distributed schema'
                WHEN EXISTS (SELECT FROM pg_class AS c JOIN pg_am AS a ON a.oid = c.relam
                             WHERE a.amname <> 'heap'
                               AND (c.oid = t.relation
                                    OR c.oid IN (SELECT p.relid FROM pg_partition_tree(t.relation) AS p)))
                    THEN 'its rows, or those of a partition, are stored by another access method than heap' END
        ) AS r(reason)
        WHERE r.reason IS NOT NULL;
END
$$;

REVOKE ALL ON FUNCTION splitplane._kept_by_citus() FROM PUBLIC;

-- Tables of the plane that Citus spreads otherwise than when they were registered: their fences are those of another
-- kind of table.
CREATE FUNCTION splitplane._moved_by_citus() RETURNS TABLE (relation oid, finding text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.relation::oid,
           CASE WHEN t.relation IS NULL THEN 'Citus does not keep it any more.'
                WHEN r.saved ? 'node' THEN 'Citus spreads its rows otherwise than when it was registered.'
                ELSE 'Citus keeps it now, and has not when it was registered.' END
    FROM splitplane.relations AS r LEFT JOIN splitplane._tables_of_citus() AS t ON t.relation = r.relation
    WHERE coalesce(t.kind, 'own') <> coalesce(r.saved -> 'node' ->> 'kind', 'own')
       OR t.column_name IS DISTINCT FROM r.saved -> 'node' ->> 'column'
$$;

REVOKE ALL ON FUNCTION splitplane._moved_by_citus() FROM PUBLIC;

-- What else the reader must be like on every node: Citus logs in to other nodes as the role of the session. The
-- settings hold where one that travels with a call is missing.
CREATE FUNCTION splitplane._reader_on_nodes() RETURNS TABLE (remedy text, held boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.remedy, CASE WHEN s.setting IS NULL THEN r.rolcanlogin
                          ELSE EXISTS (SELECT FROM pg_db_role_setting AS d
                                       WHERE d.setrole = r.oid AND d.setdatabase = 0
                                         AND s.setting = ANY (d.setconfig)) END
    FROM pg_roles AS r
    CROSS JOIN (VALUES
        ('ALTER ROLE splitplane_reader LOGIN;', NULL),
        ('ALTER ROLE splitplane_reader SET search_path = pg_catalog, pg_temp;', 'search_path=pg_catalog, pg_temp'),
        ('ALTER ROLE splitplane_reader SET default_transaction_read_only = on;', 'default_transaction_read_only=on'),
        ('ALTER ROLE splitplane_reader SET lc_messages = ''C'';', 'lc_messages=C')
    ) AS s(remedy, setting)
    WHERE r.rolname = 'splitplane_reader'
$$;

REVOKE ALL ON FUNCTION splitplane._reader_on_nodes() FROM PUBLIC;

-- Refuses what Citus cannot keep behind a fence, and says how a table is fenced: NULL for a table of this server alone,
-- with the policies of a single server; else the kind and the column that its rows are spread by. A table that is the
-- same for every tenant has a fence on each node, also where it is this server's own.
CREATE FUNCTION splitplane._distribution(
    relation regclass, shared boolean, scope jsonb, links splitplane.parents[])
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    spread record;
    key_type oid;
    missing text;
    own_policies text;
    elsewhere text;
BEGIN
    IF EXISTS (SELECT FROM unnest(links) AS l JOIN splitplane._tables_of_citus() AS t ON t.relation = l.parent) THEN
        RAISE EXCEPTION 'the rows of % would belong to those of a table that Citus keeps', relation
            USING ERRCODE = '0A000', HINT = 'Give it a tenant column of its own, and call splitplane.protect.';
    END IF;
    SELECT t.kind, t.column_name, t.colocation INTO spread
      FROM splitplane._tables_of_citus() AS t WHERE t.relation = _distribution.relation;
    IF NOT FOUND THEN
        RETURN CASE WHEN shared AND splitplane._cluster() IS NOT NULL THEN '{"kind": "own"}'::jsonb END;
    END IF;
    IF current_setting('citus.enable_ddl_propagation')::boolean IS NOT TRUE THEN
        RAISE EXCEPTION 'citus.enable_ddl_propagation is off: the shards of % would get no fences', relation
            USING ERRCODE = '55000', HINT = 'SET citus.enable_ddl_propagation = on;';
    END IF;
    SELECT string_agg(o.remedy, ' ') INTO missing FROM splitplane._reader_on_nodes() AS o WHERE NOT o.held;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'splitplane_reader is not set up for the nodes of Citus' USING ERRCODE = '55000',
            HINT = 'Let it log in from the coordinator alone (pg_hba.conf of every node), and then: ' || missing;
    END IF;
    IF shared AND spread.kind = 'hash' THEN
        RAISE EXCEPTION '% is distributed by column "%": only reference tables, and tables of the coordinator alone, '
                        'can be the same for every tenant', relation, spread.column_name USING ERRCODE = '0A000';
    ELSIF NOT shared AND spread.kind <> 'hash' THEN
        RAISE EXCEPTION '% is no table that Citus distributes by hash', relation
            USING ERRCODE = '0A000',
                  HINT = 'Distribute it by its tenant column, with create_distributed_table, or, if it is the same for '
                         'every tenant, use splitplane.share.';
    ELSIF links IS NOT NULL THEN
        RAISE EXCEPTION 'the rows of % cannot belong to those of another table: Citus keeps them', relation
            USING ERRCODE = '0A000', HINT = 'Give it a tenant column of its own, and call splitplane.protect.';
    END IF;
    IF NOT shared THEN
        IF scope ->> spread.column_name IS DISTINCT FROM 'tenant' THEN
            RAISE EXCEPTION '% is distributed by column "%", which the scope does not bind to claim "tenant"',
                relation, spread.column_name
                USING ERRCODE = '0A000', HINT = 'A query of one tenant must be one of one shard.';
        ELSIF EXISTS (SELECT FROM jsonb_each_text(scope) AS s WHERE s.value = 'tenant or null') THEN
            RAISE EXCEPTION 'scope of % has rows of everybody, and Citus keeps them in other shards than a tenant''s',
                relation USING ERRCODE = '0A000';
        END IF;
        SELECT a.atttypid INTO key_type FROM pg_attribute AS a
         WHERE a.attrelid = relation AND a.attname = spread.column_name AND NOT a.attisdropped;
        IF splitplane._base_type(key_type) <> key_type OR NOT splitplane._equality_is_leakproof(key_type) THEN
            RAISE EXCEPTION 'column "%" of % has type %: Citus finds a tenant''s shard by smallint, integer, bigint, '
                            'text, character varying, character(n), date, uuid or bytea', spread.column_name, relation,
                format_type(key_type, -1) USING ERRCODE = '0A000';
        END IF;
    END IF;
    SELECT string_agg(quote_ident(p.polname), ', ' ORDER BY p.polname) INTO own_policies
      FROM pg_policy AS p
     WHERE p.polrelid = relation AND p.polname <> ALL (splitplane._policy_names())
       AND p.polroles && ARRAY[0, to_regrole('splitplane_reader')::oid];
    IF own_policies IS NOT NULL THEN
        RAISE EXCEPTION '% has policies of its own that apply to splitplane_reader: %', relation, own_policies
            USING ERRCODE = '0A000',
                  HINT = 'Citus makes every policy a permissive one on shards. Bind them to the roles that they are '
                         'for: ALTER POLICY .. TO ..;';
    END IF;
    SELECT min(r.relation::text) INTO elsewhere
      FROM splitplane.relations AS r JOIN splitplane._tables_of_citus() AS t ON t.relation = r.relation
     WHERE t.kind = 'hash' AND spread.kind = 'hash' AND t.colocation <> spread.colocation
       AND r.relation <> _distribution.relation;
    IF elsewhere IS NOT NULL THEN
        RAISE WARNING '% is not colocated with %: a query of both is several tasks', relation, elsewhere
            USING HINT = 'See colocate_with of create_distributed_table, and update_distributed_table_colocation.';
    END IF;
    RETURN jsonb_build_object('kind', spread.kind, 'column', spread.column_name);
END
$$;

REVOKE ALL ON FUNCTION splitplane._distribution(regclass, boolean, jsonb, splitplane.parents[]) FROM PUBLIC;

-- The fences of a table that other nodes keep rows of, or that is the same for every tenant on a server of such a
-- cluster. Citus makes every policy permissive on shards and takes none with a sub-select: there are two, and what they
-- say holds by itself. On each node the library makes splitplane_read a restrictive one for the reader, and no row is
-- seen where it is missing.
CREATE FUNCTION splitplane._make_node_policies(
    relation regclass, qualified text, shared boolean, condition text, had_row_security boolean)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('CREATE POLICY splitplane_read ON %s AS PERMISSIVE FOR SELECT TO splitplane_reader USING (%s)',
                   qualified, CASE WHEN shared THEN 'splitplane.in_call()' ELSE condition END);
    IF NOT had_row_security THEN
        EXECUTE format('CREATE POLICY splitplane_others ON %s AS PERMISSIVE FOR ALL TO PUBLIC '
                       'USING (CURRENT_USER OPERATOR(pg_catalog.<>) ''splitplane_reader'') WITH CHECK (true)',
                       qualified);
    END IF;
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', qualified);
END
$$;

REVOKE ALL ON FUNCTION splitplane._make_node_policies(regclass, text, boolean, text, boolean) FROM PUBLIC;

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
CREATE OR REPLACE FUNCTION splitplane._lock_relation(relation regclass, must_fit boolean) RETURNS text
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

-- True for types whose values can be compared, printed and converted to JSON by built-in code alone: the allowlist of
-- base types, enums, domains and arrays over them, none of them with a user-defined cast to JSON. In the library: the
-- types of the allowlist of built-in functions (functions.sql), which has pseudo-types and regconfig besides. Types of
-- allowed extensions count as built-in ones.
CREATE OR REPLACE FUNCTION splitplane._type_is_safe(type_id oid) RETURNS boolean
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
CREATE OR REPLACE FUNCTION splitplane._plane_columns(relation regclass, columns text[]) RETURNS text[]
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
CREATE OR REPLACE FUNCTION splitplane._private_columns(relation regclass, plane_columns text[], private_columns text[])
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

CREATE OR REPLACE FUNCTION splitplane._plane_name(relation regclass, name text) RETURNS text
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

-- A claim that no principal carries is most likely misspelt, and its relation would refuse every principal.
CREATE OR REPLACE FUNCTION splitplane._check_claim(claim_name text) RETURNS void
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

-- What a foreign key must be like to say whose rows are, for protect_through.

-- How values of a key's column are compared, by its type below domains; NULL for a type that no link is made of. Two
-- columns of one class are equal where PostgreSQL's operator for the key says so. In the library: the forms of
-- key_forms.rs.
CREATE FUNCTION splitplane._key_class(type_id oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE splitplane._base_type(type_id)
           WHEN 'int2'::regtype THEN 'integer' WHEN 'int4'::regtype THEN 'integer' WHEN 'int8'::regtype THEN 'integer'
           WHEN 'text'::regtype THEN 'text' WHEN 'varchar'::regtype THEN 'text'
           WHEN 'bpchar'::regtype THEN 'character'
           WHEN 'uuid'::regtype THEN 'uuid'
           WHEN 'bytea'::regtype THEN 'bytea'
           WHEN 'date'::regtype THEN 'date'
           WHEN 'timestamp'::regtype THEN 'timestamp'
           WHEN 'timestamptz'::regtype THEN 'timestamptz' END
$$;

REVOKE ALL ON FUNCTION splitplane._key_class(oid) FROM PUBLIC;

-- The foreign keys between two tables, in both directions, with the columns of each; `membership` if it points from the
-- parent to the relation. `problem` says why one cannot tell whose a row is, after its name.
CREATE FUNCTION splitplane._foreign_keys(relation regclass, parent regclass)
RETURNS TABLE (key name, columns text[], parent_columns text[], membership boolean, problem text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT f.conname, n.columns, n.parent_columns, f.membership,
           CASE -- Columns of 18 and later.
                WHEN f.more ->> 'conenforced' = 'false' THEN 'is not enforced'
                WHEN f.more ->> 'conperiod' = 'true' THEN 'is temporal'
                -- A key is unique in the table itself, and not among its children.
                WHEN EXISTS (SELECT FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhparent
                             WHERE i.inhparent IN (f.conrelid, f.confrelid) AND c.relkind = 'r')
                    THEN 'joins a table that others inherit from'
                WHEN n.unlike IS NOT NULL THEN 'has ' || n.unlike
           END
    FROM (SELECT c.conname, c.conrelid, c.confrelid, to_jsonb(c) AS more, d.membership,
                 CASE WHEN d.membership THEN c.confkey ELSE c.conkey END AS own,
                 CASE WHEN d.membership THEN c.conkey ELSE c.confkey END AS other
          FROM (VALUES (false), (true)) AS d(membership)
          JOIN pg_constraint AS c ON c.contype = 'f' AND c.conparentid = 0
               AND c.conrelid = CASE WHEN d.membership THEN parent ELSE relation END
               AND c.confrelid = CASE WHEN d.membership THEN relation ELSE parent END) AS f
    CROSS JOIN LATERAL (
        SELECT array_agg(a.attname::text ORDER BY k.place) AS columns,
               array_agg(b.attname::text ORDER BY k.place) AS parent_columns,
               min(CASE WHEN splitplane._key_class(a.atttypid) IS DISTINCT FROM splitplane._key_class(b.atttypid)
                          OR splitplane._key_class(a.atttypid) IS NULL
                        THEN format('column %I of type %s, compared with %s: keys are whole numbers, text, uuid, '
                                    'bytea, dates and timestamps', a.attname, format_type(a.atttypid, -1),
                                    format_type(b.atttypid, -1))
                        WHEN EXISTS (SELECT FROM pg_collation AS c WHERE c.oid IN (a.attcollation, b.attcollation)
                                     AND NOT c.collisdeterministic)
                        THEN format('column %I of a nondeterministic collation, under which different keys may '
                                    'compare equal', a.attname)
                        WHEN 'v' IN (a.attgenerated, b.attgenerated)
                        THEN format('virtual generated column %I', a.attname) END) AS unlike
        FROM unnest(f.own, f.other) WITH ORDINALITY AS k(own, other, place)
        JOIN pg_attribute AS a ON a.attrelid = relation AND a.attnum = k.own
        JOIN pg_attribute AS b ON b.attrelid = parent AND b.attnum = k.other
    ) AS n
$$;

REVOKE ALL ON FUNCTION splitplane._foreign_keys(regclass, regclass) FROM PUBLIC;

-- The registered links with what is left of them: whether the foreign key is there, enforced and over the same columns,
-- and whether the parent is a relation of the plane that is not the same for every tenant.
CREATE VIEW splitplane._links AS
    SELECT p.link, p.relation, p.parent, p.key, p.columns, p.parent_columns, p.membership,
           k.columns IS NOT NULL AND k.columns = p.columns AND k.parent_columns = p.parent_columns AS has_key,
           NOT r.shared IS TRUE AND r.relation IS NOT NULL AS has_parent
    FROM splitplane.parents AS p
    LEFT JOIN LATERAL (
        SELECT f.columns, f.parent_columns
        FROM splitplane._foreign_keys(p.relation, p.parent) AS f
        WHERE f.key = p.key AND f.membership = p.membership AND f.problem IS NULL
    ) AS k ON true
    LEFT JOIN splitplane.relations AS r ON r.relation = p.parent
        AND EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = p.parent);

-- Whether the foreign key of a link has other names of columns today, and joins the columns that it joined, by their
-- numbers. Not known where these are of another table, as after a restore.
CREATE FUNCTION splitplane._is_renamed(link integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((
        SELECT bool_and(o.saved ->> 'numbers_of' = splitplane._numbers_of(p.relation)
                        AND r.saved ->> 'numbers_of' = splitplane._numbers_of(p.parent)
                        AND o.saved -> 'numbers' ->> c.registered = a.attnum::text
                        AND r.saved -> 'numbers' ->> c.of_parent = b.attnum::text)
        FROM splitplane.parents AS p
        JOIN splitplane.relations AS o ON o.relation = p.relation
        JOIN splitplane.relations AS r ON r.relation = p.parent
        JOIN splitplane._foreign_keys(p.relation, p.parent) AS f
            ON f.key = p.key AND f.membership = p.membership AND f.problem IS NULL
               AND cardinality(f.columns) = cardinality(p.columns)
        CROSS JOIN LATERAL unnest(p.columns, p.parent_columns, f.columns, f.parent_columns)
            AS c(registered, of_parent, own, other)
        LEFT JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attname = c.own AND NOT a.attisdropped
        LEFT JOIN pg_attribute AS b ON b.attrelid = p.parent AND b.attname = c.other AND NOT b.attisdropped
        WHERE p.link = _is_renamed.link), false)
$$;

REVOKE ALL ON FUNCTION splitplane._is_renamed(integer) FROM PUBLIC;

-- Takes the names that the columns of foreign keys have today, of those in which a relation has a part.
CREATE FUNCTION splitplane._follow_renames(relation regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE splitplane.parents AS p
       SET columns = f.columns, parent_columns = f.parent_columns
      FROM splitplane._links AS l, splitplane._foreign_keys(l.relation, l.parent) AS f
     WHERE _follow_renames.relation IN (l.relation, l.parent) AND NOT l.has_key AND splitplane._is_renamed(l.link)
       AND f.key = l.key AND f.membership = l.membership AND p.link = l.link;
END
$$;

REVOKE ALL ON FUNCTION splitplane._follow_renames(regclass) FROM PUBLIC;

-- The columns that links need in a relation, its own and those that its children are compared with, as keys of an
-- object.
CREATE FUNCTION splitplane._key_columns(relation regclass) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(c.name, 'key'), '{}')
    FROM (SELECT unnest(p.columns) FROM splitplane.parents AS p WHERE p.relation = _key_columns.relation
          UNION
          SELECT unnest(p.parent_columns)
          FROM splitplane.parents AS p WHERE p.parent = _key_columns.relation) AS c(name)
$$;

REVOKE ALL ON FUNCTION splitplane._key_columns(regclass) FROM PUBLIC;

-- The part of a row-level security condition that the links make: one call, which names each link and how many columns
-- it has, and gives all of them. The proof knows this form and no other. NULL without a link.
CREATE FUNCTION splitplane._links_condition(links splitplane.parents[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT format('splitplane.in_parent(%L::text, %s)',
                  string_agg(format('%s:%s', l.link, cardinality(l.columns)), ',' ORDER BY l.link),
                  string_agg((SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.place)
                              FROM unnest(l.columns) WITH ORDINALITY AS c(name, place)), ', ' ORDER BY l.link))
    FROM unnest(links) AS l
    HAVING count(*) > 0
$$;

REVOKE ALL ON FUNCTION splitplane._links_condition(splitplane.parents[]) FROM PUBLIC;

-- Whether a column may be NULL. Where the server keeps NOT NULL as constraints (18 and later), one that was not
-- validated does not count: attnotnull is true then, over rows that are NULL.
CREATE FUNCTION splitplane._may_be_null(relation regclass, column_name text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT a.attnotnull
        OR EXISTS (SELECT FROM pg_constraint AS c
                   WHERE c.conrelid = a.attrelid AND c.contype = 'n' AND a.attnum = ANY (c.conkey)
                     AND NOT c.convalidated)
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped
$$;

REVOKE ALL ON FUNCTION splitplane._may_be_null(regclass, text) FROM PUBLIC;

-- Whether rows of a relation may belong to several tenants: a table of memberships says whose they are, or whose those
-- are that they belong to.
CREATE FUNCTION splitplane._has_several_owners(relation regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE links AS (
        SELECT p.parent, p.membership FROM splitplane.parents AS p WHERE p.relation = _has_several_owners.relation
        UNION
        SELECT p.parent, p.membership FROM links AS l JOIN splitplane.parents AS p ON p.relation = l.parent)
    SELECT coalesce(bool_or(l.membership), false) FROM links AS l
$$;

REVOKE ALL ON FUNCTION splitplane._has_several_owners(regclass) FROM PUBLIC;

-- The link by which the rows of a relation belong to those of a parent; its number is that of a registered one, else a
-- new one.
CREATE FUNCTION splitplane._link(relation regclass, parent regclass, key name) RETURNS splitplane.parents
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    link splitplane.parents;
    candidate record;
    candidates text;
    registered record;
BEGIN
    IF parent IS NULL THEN
        RAISE EXCEPTION 'parent must not be NULL' USING ERRCODE = '22023';
    END IF;
    IF EXISTS (WITH RECURSIVE ancestors AS (
                   SELECT _link.parent AS relation
                   UNION
                   SELECT p.parent FROM ancestors AS a JOIN splitplane.parents AS p ON p.relation = a.relation)
               SELECT FROM ancestors AS a WHERE a.relation = _link.relation) THEN
        RAISE EXCEPTION 'the rows of % would belong to its own rows, by way of %', relation, parent
            USING ERRCODE = '22023', HINT = 'Name a parent that does not lead back to the table.';
    END IF;
    SELECT string_agg(quote_ident(f.key), ', ' ORDER BY f.key) INTO candidates
      FROM splitplane._foreign_keys(relation, parent) AS f
     WHERE _link.key IS NULL OR f.key = _link.key;
    IF candidates IS NULL THEN
        RAISE EXCEPTION 'there is no foreign key % between % and %',
            coalesce('"' || key || '"', 'of any name'), relation, parent
            USING ERRCODE = '42704',
                  HINT = 'The foreign key says whose a row is. Without one, bind a column with splitplane.protect.';
    END IF;
    BEGIN
        SELECT f.* INTO STRICT candidate FROM splitplane._foreign_keys(relation, parent) AS f
         WHERE _link.key IS NULL OR f.key = _link.key;
    EXCEPTION WHEN too_many_rows THEN
        RAISE EXCEPTION 'there are several foreign keys between % and %: %', relation, parent, candidates
            USING ERRCODE = '22023', HINT = 'Give the name of the one that says whose a row is as argument "key".';
    END;
    IF candidate.problem IS NOT NULL THEN
        RAISE EXCEPTION 'foreign key "%" between % and % %', candidate.key, relation, parent, candidate.problem
            USING ERRCODE = '0A000';
    END IF;
    SELECT r.shared INTO registered FROM splitplane.relations AS r WHERE r.relation = _link.parent;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is not in the plane', parent
            USING ERRCODE = '42704', HINT = 'Protect it first: its own scope says whose its rows are.';
    ELSIF registered.shared THEN
        RAISE EXCEPTION '% is the same for every tenant, so it cannot say whose the rows of % are', parent, relation
            USING ERRCODE = '22023';
    END IF;
    SELECT p.* INTO link FROM splitplane.parents AS p
     WHERE p.relation = _link.relation AND p.parent = _link.parent AND p.key = candidate.key;
    link.link := coalesce(link.link, (SELECT coalesce(max(p.link), 0) + 1 FROM splitplane.parents AS p));
    link.relation := relation;
    link.parent := parent;
    link.key := candidate.key;
    link.columns := candidate.columns;
    link.parent_columns := candidate.parent_columns;
    link.membership := candidate.membership;
    RETURN link;
END
$$;

REVOKE ALL ON FUNCTION splitplane._link(regclass, regclass, name) FROM PUBLIC;

-- Grants the reader the key columns that links read in a parent and that its own registration does not grant, and takes
-- back those that no link reads any more. What is known of the parent's fences follows, if they were as it says.
CREATE FUNCTION splitplane._grant_keys(parent regclass, gone text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    registered splitplane.relations;
    qualified text;
    needed text[];
    dropped text[];
    is_sound boolean;
BEGIN
    SELECT r.* INTO registered FROM splitplane.relations AS r
      JOIN pg_class AS c ON c.oid = r.relation
     WHERE r.relation = _grant_keys.parent;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT format('%I.%I', n.nspname, c.relname) INTO qualified
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = parent;
    -- The types of key columns, as they are when a link needs them first.
    UPDATE splitplane.relations AS r
       SET saved = jsonb_set(r.saved, '{types}', coalesce(nullif(
               coalesce(splitplane._scope_types(r.relation, splitplane._key_columns(r.relation)), '{}')
               || (coalesce(nullif(r.saved -> 'types', 'null'), '{}')
                   - ARRAY(SELECT g.name FROM unnest(gone) AS g(name)
                           WHERE NOT r.scope || splitplane._key_columns(r.relation) ? g.name)), '{}'), 'null'))
     WHERE r.relation = _grant_keys.parent;
    SELECT f.fingerprint = f.saved ->> 'fingerprint'
           OR splitplane._reader_fingerprint(f.relation) = f.saved ->> 'reader_fingerprint'
           -- Altered since, and its fences hold.
           OR NOT EXISTS (SELECT FROM splitplane._critical_findings(ARRAY[f.relation])) INTO is_sound
      FROM splitplane._fences AS f WHERE f.relation = parent;
    -- Where a foreign key is not as it was registered, the column that has the name may be another one.
    needed := ARRAY(SELECT DISTINCT k.name FROM splitplane._links AS l, unnest(l.parent_columns) AS k(name)
                    WHERE l.parent = _grant_keys.parent AND l.has_key
                      AND k.name <> ALL (registered.columns) AND NOT registered.scope ? k.name
                    ORDER BY k.name);
    dropped := ARRAY(SELECT g.name FROM unnest(gone) AS g(name)
                     JOIN pg_attribute AS a
                         ON a.attrelid = parent AND a.attname = g.name AND a.attnum > 0 AND NOT a.attisdropped
                     WHERE g.name <> ALL (needed || registered.columns) AND NOT registered.scope ? g.name);
    IF cardinality(needed) > 0 THEN
        EXECUTE format('GRANT SELECT (%s) ON TABLE %s TO splitplane_reader',
                       (SELECT string_agg(quote_ident(n.name), ', ') FROM unnest(needed) AS n(name)), qualified);
    END IF;
    IF cardinality(dropped) > 0 THEN
        EXECUTE format('REVOKE SELECT (%s) ON TABLE %s FROM splitplane_reader',
                       (SELECT string_agg(quote_ident(d.name), ', ') FROM unnest(dropped) AS d(name)), qualified);
    END IF;
    IF registered.saved ->> 'numbers_of' = splitplane._numbers_of(parent) THEN
        UPDATE splitplane.relations AS r
           SET saved = jsonb_set(r.saved, '{numbers}',
                                 (splitplane._column_numbers(parent, needed) -> 'numbers')
                                 || ((r.saved -> 'numbers') - dropped))
         WHERE r.relation = parent;
    END IF;
    IF is_sound THEN
        UPDATE splitplane.relations AS r
           SET saved = r.saved
                       || jsonb_build_object('fingerprint', f.fingerprint,
                                             'reader_fingerprint', splitplane._reader_fingerprint(r.relation))
          FROM splitplane._fences AS f
         WHERE r.relation = parent AND f.relation = r.relation;
    END IF;
END
$$;

REVOKE ALL ON FUNCTION splitplane._grant_keys(regclass, text[]) FROM PUBLIC;

-- protect, share and unprotect: the fences around the plane's relations.

-- The policies that splitplane creates. PostgreSQL evaluates restrictive policies in the order of their names, so the
-- name of the scope's policy sorts before ordinary ones. The last is that of versions before 0.2.0.
CREATE FUNCTION splitplane._policy_names() RETURNS name[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY['!splitplane_scope', 'splitplane_closed', 'splitplane_read', 'splitplane_others',
                 'splitplane_scope']::name[]
$$;

REVOKE ALL ON FUNCTION splitplane._policy_names() FROM PUBLIC;

-- The policy that says what the reader may see: the only one of ours that says it on every node of a cluster.
CREATE FUNCTION splitplane._fence_name(saved jsonb) RETURNS name
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN saved ? 'node' THEN 'splitplane_read' ELSE '!splitplane_scope' END::name
$$;

REVOKE ALL ON FUNCTION splitplane._fence_name(jsonb) FROM PUBLIC;

-- One number for everything that fences a relation: owner, row-level security, grants, scope policy, the foreign keys
-- by which its rows belong to others, and the names, types and grants of its columns. While it is what it was when the
-- relation was registered, nothing else needs to be checked, which keeps the check of every new backend cheap. It also
-- changes for harmless reasons, such as privileges of other roles, and after a restore; then _reader_fingerprint()
-- decides.
CREATE OR REPLACE VIEW splitplane._fences AS
    SELECT r.relation, r.saved,
           pg_catalog.hash_record_extended(
               ROW(c.relowner, c.relrowsecurity, c.relacl, r.shared, r.scope, r.columns, a.columns_hash,
                   p.polpermissive, p.polcmd, p.polroles, pg_catalog.hashtextextended(p.polqual::text, 0),
                   p.polwithcheck IS NULL, l.links_hash), 0)::text AS fingerprint
    FROM splitplane.relations AS r
    JOIN pg_catalog.pg_class AS c ON c.oid = r.relation
    -- As _fence_name, which would be called for each relation in each new session.
    LEFT JOIN pg_catalog.pg_policy AS p ON p.polrelid = r.relation AND p.polname
        = CASE WHEN r.saved ? 'node' THEN 'splitplane_read' ELSE '!splitplane_scope' END
    CROSS JOIN LATERAL (
        -- The number of the column is the seed, so that columns that swap names do not add up to the same sum.
        SELECT pg_catalog.sum(pg_catalog.hash_record_extended(
                   ROW(a.attname, a.attnum, a.atttypid, a.atttypmod, a.attcollation, a.attisdropped, a.attacl),
                   a.attnum)) AS columns_hash
        FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = r.relation
    ) AS a
    CROSS JOIN LATERAL (
        SELECT pg_catalog.sum(pg_catalog.hash_record_extended(l.*, l.link)) AS links_hash
        FROM splitplane._links AS l WHERE l.relation = r.relation
    ) AS l;

-- The privileges of an access control list that bear on the reader: its own and PUBLIC's, whoever granted them.
CREATE FUNCTION splitplane._reader_privileges(acl aclitem[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT string_agg(format('%s %s %s', CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE 'the reader' END,
                                 g.privilege_type, g.is_grantable), ','
                          ORDER BY g.grantee, g.privilege_type)
        FROM aclexplode(acl) AS g WHERE g.grantee IN (0, to_regrole('splitplane_reader')));
END
$$;

REVOKE ALL ON FUNCTION splitplane._reader_privileges(aclitem[]) FROM PUBLIC;

-- As the fingerprint of _fences, but of what bears on the reader alone, and without numbers that pg_upgrade or a
-- restore changes: roles and types by name, the policy as SQL, grants by privilege. Slower.
CREATE FUNCTION splitplane._reader_fingerprint(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        -- The columns of a plane have one list of privileges for all, as a rule.
        WITH lists AS MATERIALIZED (
            SELECT DISTINCT a.attacl AS acl FROM pg_attribute AS a
            WHERE a.attrelid = _reader_fingerprint.relation AND a.attacl IS NOT NULL
        ),
        privileges AS MATERIALIZED (
            SELECT l.acl, splitplane._reader_privileges(l.acl) AS privileges FROM lists AS l
        )
        SELECT hash_record_extended(
                   ROW(c.relowner = to_regrole('splitplane_reader'), c.relrowsecurity,
                       splitplane._reader_privileges(c.relacl), r.shared, r.scope, r.columns,
                       (SELECT sum(hash_record_extended(
                                   ROW(a.attname, a.attnum, format_type(a.atttypid, a.atttypmod),
                                       a.attcollation::regcollation::text, a.attisdropped, l.privileges), a.attnum))
                        FROM pg_attribute AS a LEFT JOIN privileges AS l ON l.acl = a.attacl
                        WHERE a.attrelid = r.relation),
                       p.polpermissive, p.polcmd, p.polroles = ARRAY[to_regrole('splitplane_reader')::oid],
                       pg_get_expr(p.polqual, p.polrelid), p.polwithcheck IS NULL,
                       (SELECT sum(hash_record_extended(
                                   ROW(l.parent::text, l.key, l.columns, l.parent_columns, l.membership, l.has_key,
                                       l.has_parent), l.link))
                        FROM splitplane._links AS l WHERE l.relation = r.relation)), 0)::text
        FROM splitplane.relations AS r
        JOIN pg_class AS c ON c.oid = r.relation
        LEFT JOIN pg_policy AS p ON p.polrelid = r.relation AND p.polname = splitplane._fence_name(r.saved)
        WHERE r.relation = _reader_fingerprint.relation);
END
$$;

REVOKE ALL ON FUNCTION splitplane._reader_fingerprint(regclass) FROM PUBLIC;

-- The table that column numbers belong to. load.sql and describe() have the same text.
CREATE FUNCTION splitplane._numbers_of(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT format('%s/%s', s.system_identifier, relation::oid) FROM pg_control_system() AS s);
END
$$;

REVOKE ALL ON FUNCTION splitplane._numbers_of(regclass) FROM PUBLIC;

-- The types of the scope columns as text, which survives a dump and restore where OIDs and column numbers do not.
CREATE OR REPLACE FUNCTION splitplane._scope_types(relation regclass, scope jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT jsonb_object_agg(a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                   (SELECT 'nondeterministic' FROM pg_collation AS c
                    WHERE c.oid = a.attcollation AND NOT c.collisdeterministic)))
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND scope ? a.attname::text);
END
$$;

-- Grants the reader USAGE on a schema. True if it had that before the plane used the schema.
CREATE OR REPLACE FUNCTION splitplane._use_schema(schema_name text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    had boolean;
BEGIN
    -- Another entry in the same schema has granted it already, and has saved the answer.
    SELECT (u.saved ->> 'schema_usage')::boolean INTO had
      FROM (SELECT r.saved FROM splitplane.relations AS r
            UNION ALL
            SELECT f.saved FROM splitplane.allowed_functions AS f
            UNION ALL
            SELECT e.saved FROM splitplane.allowed_extensions AS e) AS u
     WHERE u.saved ->> 'schema' = schema_name
     LIMIT 1;
    IF NOT FOUND THEN
        SELECT EXISTS (SELECT FROM aclexplode(n.nspacl) AS g
                       WHERE g.grantee = 'splitplane_reader'::regrole AND g.privilege_type = 'USAGE')
          INTO had FROM pg_namespace AS n WHERE n.nspname = schema_name;
    END IF;
    -- Not again where it is granted already: a change of a schema makes every session plan all its statements anew.
    IF schema_name <> 'pg_catalog'
       AND NOT EXISTS (SELECT FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS g
                       WHERE n.nspname = schema_name AND g.grantor = n.nspowner
                         AND g.grantee = 'splitplane_reader'::regrole AND g.privilege_type = 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO splitplane_reader', schema_name);
    END IF;
    RETURN had;
END
$$;

-- Revokes it when no entry of the plane is left in the schema, unless the reader had it before. Call it after the row
-- has been deleted.
CREATE OR REPLACE FUNCTION splitplane._leave_schema(schema_name text, had_usage boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF had_usage OR schema_name = 'pg_catalog'
       OR NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = schema_name)
       OR EXISTS (SELECT FROM splitplane.relations AS r WHERE r.saved ->> 'schema' = schema_name)
       OR EXISTS (SELECT FROM splitplane.allowed_functions AS f WHERE f.saved ->> 'schema' = schema_name)
       OR EXISTS (SELECT FROM splitplane.allowed_extensions AS e WHERE e.saved ->> 'schema' = schema_name) THEN
        RETURN;
    END IF;
    EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM splitplane_reader', schema_name);
END
$$;

-- The reader's own grants on a relation, as the statements that grant them again.
CREATE OR REPLACE FUNCTION splitplane._reader_grants(relation regclass, qualified text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(s.statement), '[]')
        FROM (
            SELECT format('GRANT %s ON TABLE %s TO splitplane_reader', g.privilege_type, qualified)
            FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS g
            WHERE c.oid = relation AND g.grantee = 'splitplane_reader'::regrole
            UNION ALL
            SELECT format('GRANT %s (%I) ON TABLE %s TO splitplane_reader', g.privilege_type, a.attname, qualified)
            FROM pg_attribute AS a CROSS JOIN aclexplode(a.attacl) AS g
            WHERE a.attrelid = relation AND NOT a.attisdropped AND g.grantee = 'splitplane_reader'::regrole
        ) AS s(statement));
END
$$;

-- Restrictive policies that are not ours and bind others than the reader, as soon as row-level security is on.
CREATE OR REPLACE FUNCTION splitplane._other_restrictions(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT string_agg(quote_ident(p.polname), ', ' ORDER BY p.polname)
        FROM pg_policy AS p
        WHERE p.polrelid = relation AND NOT p.polpermissive AND p.polname <> ALL (splitplane._policy_names())
          AND p.polroles <> ARRAY[to_regrole('splitplane_reader')::oid]);
END
$$;

-- Those that PostgreSQL evaluates before the scope when the reader reads the relation. ask refuses to read it then.
CREATE FUNCTION splitplane._earlier_restrictions(relation regclass) RETURNS SETOF name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT p.polname
        FROM pg_policy AS p
        WHERE p.polrelid = relation AND NOT p.polpermissive AND p.polname < '!splitplane_scope'
          AND p.polroles && ARRAY[0, to_regrole('splitplane_reader')::oid] AND p.polcmd IN ('r', '*')
        ORDER BY p.polname;
END
$$;

REVOKE ALL ON FUNCTION splitplane._earlier_restrictions(regclass) FROM PUBLIC;

-- Those that hold back rows from the reader and are not made for it alone, with the statement that binds each to the
-- other roles that it is for: those that it names, and if it names all, every role that may use the table now. Advice
-- alone where PUBLIC may.
CREATE FUNCTION splitplane._binding_restrictions(relation regclass) RETURNS TABLE (name name, remedy text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH holders(holder) AS (
            SELECT g.grantee FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS g
            WHERE c.oid = relation AND g.grantee <> c.relowner
            UNION
            SELECT g.grantee FROM pg_attribute AS a CROSS JOIN aclexplode(a.attacl) AS g
            WHERE a.attrelid = relation AND a.attacl IS NOT NULL AND NOT a.attisdropped
            UNION
            -- An owner is bound only if that is forced.
            SELECT c.relowner FROM pg_class AS c WHERE c.oid = relation AND c.relforcerowsecurity
            UNION
            SELECT m.roleid FROM pg_auth_members AS m
            WHERE m.roleid IN (to_regrole('pg_read_all_data'), to_regrole('pg_write_all_data'))
        )
        SELECT p.polname,
               CASE WHEN 0 <> ALL (p.polroles) OR NOT EXISTS (SELECT FROM holders AS h WHERE h.holder = 0)
                    THEN format('ALTER POLICY %I ON %s TO %s;', p.polname, p.polrelid::regclass,
                                coalesce((SELECT string_agg(DISTINCT quote_ident(o.rolname), ', ')
                                          FROM pg_roles AS o
                                          -- The reader alone: applications and administrators read the table, too.
                                          WHERE o.rolname <> 'splitplane_reader'
                                            AND (o.oid = ANY (p.polroles)
                                                 OR 0 = ANY (p.polroles)
                                                    AND o.oid IN (SELECT h.holder FROM holders AS h))),
                                         quote_ident(pg_get_userbyid(c.relowner))))
                    ELSE format('-- ALTER POLICY %I ON %s TO ..; with the roles that it is for', p.polname,
                                p.polrelid::regclass) END
        FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
        WHERE p.polrelid = relation AND NOT p.polpermissive AND p.polname <> ALL (splitplane._policy_names())
          AND p.polroles && ARRAY[0, to_regrole('splitplane_reader')::oid]
          AND p.polroles <> ARRAY[to_regrole('splitplane_reader')::oid] AND p.polcmd IN ('r', '*');
END
$$;

REVOKE ALL ON FUNCTION splitplane._binding_restrictions(regclass) FROM PUBLIC;

CREATE OR REPLACE FUNCTION splitplane._drop_policies(relation regclass, qualified text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    policy_name name;
BEGIN
    FOR policy_name IN
        SELECT p.polname FROM pg_policy AS p
        WHERE p.polrelid = relation AND p.polname = ANY (splitplane._policy_names())
    LOOP
        -- Citus passes it on, and a shard may have lost its own.
        EXECUTE format('DROP POLICY IF EXISTS %I ON %s', policy_name, qualified);
    END LOOP;
END
$$;

-- Creates the policies of a registered relation that has none of them. Every policy that lets the reader see rows of a
-- protected table calls a function of the extension, and is dropped with it.
--   !splitplane_scope   what the reader may see; restrictive, so it holds besides every permissive policy
--   splitplane_read     without a permissive policy no row would be seen
--   splitplane_closed   lets the reader see no row while !splitplane_scope does not exist: after DROP EXTENSION ..
--                       CASCADE, or in a dump that was restored without the extension. It depends on nothing of ours.
--   splitplane_others   every other role goes on working as before
CREATE FUNCTION splitplane._make_policies(
    relation regclass, qualified text, shared boolean, condition text, had_row_security boolean)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT shared OR had_row_security THEN
        EXECUTE format('CREATE POLICY splitplane_read ON %s AS PERMISSIVE FOR SELECT TO splitplane_reader USING (%s)',
                       qualified, CASE WHEN shared THEN 'splitplane.in_call()' ELSE condition END);
    END IF;
    IF NOT shared THEN
        EXECUTE format('CREATE POLICY "!splitplane_scope" ON %s AS RESTRICTIVE FOR SELECT TO splitplane_reader '
                       'USING (%s)', qualified, condition);
        EXECUTE format('CREATE POLICY splitplane_closed ON %s AS RESTRICTIVE FOR ALL TO splitplane_reader '
                       'USING (EXISTS (SELECT FROM pg_catalog.pg_policy AS p '
                       'WHERE p.polrelid OPERATOR(pg_catalog.=) %L::pg_catalog.regclass '
                       'AND p.polname OPERATOR(pg_catalog.=) ''!splitplane_scope''))', qualified, qualified);
        IF NOT had_row_security THEN
            EXECUTE format('CREATE POLICY splitplane_others ON %s AS PERMISSIVE FOR ALL TO PUBLIC '
                           'USING (true) WITH CHECK (true)', qualified);
        END IF;
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', qualified);
    END IF;
END
$$;

REVOKE ALL ON FUNCTION splitplane._make_policies(regclass, text, boolean, text, boolean) FROM PUBLIC;

-- The policies' conditions as text, for doctor() to compare with: text survives a dump and restore.
CREATE FUNCTION splitplane._policy_texts(relation regclass) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'policy', max(pg_get_expr(p.polqual, p.polrelid)) FILTER (WHERE p.polname = '!splitplane_scope'),
            'read', max(pg_get_expr(p.polqual, p.polrelid)) FILTER (WHERE p.polname = 'splitplane_read'),
            -- Without the name of the table, which may be renamed.
            'closed', max(replace(pg_get_expr(p.polqual, p.polrelid), quote_literal(p.polrelid::regclass), 'itself'))
                      FILTER (WHERE p.polname = 'splitplane_closed'))
        FROM pg_policy AS p WHERE p.polrelid = relation);
END
$$;

REVOKE ALL ON FUNCTION splitplane._policy_texts(regclass) FROM PUBLIC;

-- The numbers of a relation's columns by the names that they have at the registration: a column keeps its number, and a
-- name may come to be another column's. A restore gives other numbers, so whose they are is kept with them.
CREATE FUNCTION splitplane._column_numbers(relation regclass, names text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT jsonb_build_object('numbers', coalesce(jsonb_object_agg(a.attname, a.attnum), '{}'),
                                  'numbers_of', splitplane._numbers_of(relation))
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname::text = ANY (names));
END
$$;

REVOKE ALL ON FUNCTION splitplane._column_numbers(regclass, text[]) FROM PUBLIC;

-- Restores a registered relation to what it was and deletes its registration.
CREATE FUNCTION splitplane._withdraw(relation regclass, qualified text, to_register boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    registered record;
    statement text;
    link splitplane.parents;
BEGIN
    SELECT r.shared, r.had_row_security, r.saved INTO STRICT registered
      FROM splitplane.relations AS r WHERE r.relation = _withdraw.relation;
    -- Where splitplane_others was dropped by hand and others decide in its place, row-level security must stay on.
    IF NOT registered.had_row_security AND (NOT registered.shared OR registered.saved ? 'node')
       AND (EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = 'splitplane_others')
            OR NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation AND p.polpermissive
                           AND p.polname <> ALL (splitplane._policy_names()))) THEN
        -- Without row-level security these policies would have no effect; with it and without splitplane_others they
        -- would let no role see a row. A relation that is registered again at once keeps both.
        IF NOT to_register AND splitplane._other_restrictions(relation) IS NOT NULL THEN
            RAISE EXCEPTION '% has got restrictive policies of its own since it was protected: %',
                qualified, splitplane._other_restrictions(relation)
                USING ERRCODE = '55000',
                      HINT = 'Drop them first, and make them again afterwards if they are meant to stay.';
        END IF;
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', qualified);
    END IF;
    PERFORM splitplane._drop_policies(relation, qualified);
    EXECUTE format('REVOKE ALL ON TABLE %s FROM splitplane_reader', qualified);
    FOR statement IN
        SELECT g.statement
        FROM jsonb_array_elements_text(registered.saved -> 'grants') WITH ORDINALITY AS g(statement, position)
        ORDER BY g.position
    LOOP
        EXECUTE statement;
    END LOOP;
    DELETE FROM splitplane.relations AS r WHERE r.relation = _withdraw.relation;
    FOR link IN DELETE FROM splitplane.parents AS p WHERE p.relation = _withdraw.relation RETURNING p.* LOOP
        PERFORM splitplane._grant_keys(link.parent, link.parent_columns);
    END LOOP;
    PERFORM splitplane._leave_schema(registered.saved ->> 'schema', (registered.saved ->> 'schema_usage')::boolean);
END
$$;

REVOKE ALL ON FUNCTION splitplane._withdraw(regclass, text, boolean) FROM PUBLIC;

-- Refuses to take the scope from a table whose rows say whose those of others are.
CREATE FUNCTION splitplane._refuse_parent(relation regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    children text;
BEGIN
    SELECT string_agg(DISTINCT p.relation::text, ', ') INTO children
      FROM splitplane.parents AS p JOIN pg_class AS c ON c.oid = p.relation WHERE p.parent = _refuse_parent.relation;
    IF children IS NOT NULL THEN
        RAISE EXCEPTION 'the rows of % say whose the rows of other tables are: %', relation, children
            USING ERRCODE = '2BP01', HINT = 'Take those out of the plane first, with splitplane.unprotect.';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION splitplane._refuse_parent(regclass) FROM PUBLIC;

-- Registering again starts from the table as it was: nothing of an earlier registration remains, and `saved` stays
-- true. All of it is one transaction under an exclusive lock, so that no session sees the table unfenced in between.
CREATE FUNCTION splitplane._register(
    relation regclass, shared boolean, scope jsonb, columns text[], name text, private_columns text[],
    links splitplane.parents[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- Here and in what it calls: each registration adds policies, and a plan that was made while there were few would read
-- all of them each time.
SET enable_seqscan = off SET jit = off
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
    node jsonb;
    earlier text;
    binding text;
    was_shared boolean;
    link splitplane.parents;
BEGIN
    PERFORM splitplane._check_isolation(CASE WHEN shared THEN 'share' ELSE 'protect' END);
    PERFORM splitplane._refuse_directory(relation, shared, scope, links);
    -- One registration at a time: entries of one schema share its grant.
    LOCK TABLE splitplane.relations, splitplane.allowed_functions IN SHARE ROW EXCLUSIVE MODE;
    -- The scope may rest on a claim that is exclusive.
    LOCK TABLE splitplane.claims IN ROW SHARE MODE;
    -- A dropped table has left its registration behind. Its plane name is free.
    -- NULL is what this function says of an OID without a relation: it looks into a cache.
    IF EXISTS (SELECT FROM splitplane.relations AS r WHERE pg_table_is_visible(r.relation) IS NULL) THEN
        DELETE FROM splitplane.relations AS r WHERE pg_table_is_visible(r.relation) IS NULL;
        DELETE FROM splitplane.parents AS p WHERE pg_table_is_visible(p.relation) IS NULL;
    END IF;
    qualified := splitplane._lock_relation(relation, true);
    PERFORM splitplane._follow_renames(relation);
    plane_columns := splitplane._plane_columns(relation, columns);
    IF columns IS NULL
       AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
                   AND a.attname <> ALL (plane_columns)) THEN
        PERFORM splitplane._leave_out(relation, scope);
    END IF;
    hidden_from_models := splitplane._private_columns(relation, plane_columns, private_columns);
    plane_name := splitplane._plane_name(relation, name);
    IF shared THEN
        PERFORM splitplane._refuse_parent(relation);
    ELSE
        condition := concat_ws(' AND ', splitplane._scope_condition(relation, scope, links IS NOT NULL),
                               splitplane._links_condition(links));
    END IF;
    node := splitplane._distribution(relation, shared, scope, links);
    -- Reported rather than kept: this call defines what is registered, as with columns.
    SELECT string_agg(quote_ident(p.name), ', ' ORDER BY p.name) INTO no_longer
      FROM splitplane.relations AS r CROSS JOIN LATERAL unnest(r.private_columns) AS p(name)
     WHERE r.relation = _register.relation AND p.name <> ALL (hidden_from_models)
       AND (p.name = ANY (plane_columns)
            -- One that is left out comes back with the next call, once its type is carried again.
            OR _register.columns IS NULL
               AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = _register.relation
                           AND a.attname = p.name AND a.attnum > 0 AND NOT a.attisdropped));
    IF no_longer IS NOT NULL THEN
        RAISE WARNING 'private no longer in %: %', qualified, no_longer
            USING HINT = 'Name private columns each time a table is registered.';
    END IF;
    SELECT r.shared INTO was_shared FROM splitplane.relations AS r WHERE r.relation = _register.relation;
    IF FOUND THEN
        PERFORM splitplane._withdraw(relation, qualified, NOT shared);
    END IF;
    INSERT INTO splitplane.parents SELECT l.* FROM unnest(links) AS l;

    SELECT c.relrowsecurity, n.nspname INTO had_row_security, schema_name
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation;
    -- DROP EXTENSION CASCADE without unprotect leaves policies and grants behind: they are ours, not the table's own.
    left_behind := EXISTS (SELECT FROM pg_policy AS p
                           WHERE p.polrelid = relation AND p.polname = ANY (splitplane._policy_names()));
    IF EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = 'splitplane_others') THEN
        had_row_security := false;
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', qualified);
    END IF;
    IF (NOT shared OR node IS NOT NULL) AND NOT had_row_security THEN
        IF (was_shared IS NOT FALSE OR shared) AND splitplane._other_restrictions(relation) IS NOT NULL THEN
            RAISE EXCEPTION '% has restrictive policies that are not in force: %',
                qualified, splitplane._other_restrictions(relation)
                USING ERRCODE = '55000',
                      HINT = 'Row-level security would be switched on, and they would begin to bind other roles. '
                             'Drop them, or enable row-level security yourself first.';
        END IF;
        IF EXISTS (SELECT FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS g
                   WHERE c.oid = relation AND g.privilege_type = 'INSERT' AND g.grantee <> c.relowner) THEN
            RAISE NOTICE 'row-level security is now enabled on %: only its owner and superusers can use COPY FROM, and '
                         'pg_dump must be run by one of them or by a role with BYPASSRLS', qualified;
        END IF;
    END IF;
    IF EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = relation) THEN
        RAISE NOTICE '% has partitions or children: queries on it use its own policies and grants, not theirs',
            qualified;
    END IF;

    saved := jsonb_build_object(
        'schema', schema_name, 'schema_usage', splitplane._use_schema(schema_name),
        'grants', CASE WHEN left_behind THEN '[]' ELSE splitplane._reader_grants(relation, qualified) END,
        'all_columns', columns IS NULL)
        -- A name that was not given goes with the table's.
        || CASE WHEN name IS NULL THEN '{"named_after_table": true}'::jsonb ELSE '{}' END
        || CASE WHEN node IS NOT NULL THEN jsonb_build_object('node', node) ELSE '{}' END;
    PERFORM splitplane._drop_policies(relation, qualified);
    EXECUTE format('REVOKE ALL ON TABLE %s FROM splitplane_reader', qualified);
    EXECUTE (SELECT format('GRANT SELECT (%s) ON TABLE %s TO splitplane_reader',
                           string_agg(DISTINCT quote_ident(w.name), ', '), qualified)
             FROM (SELECT unnest(plane_columns)
                   UNION ALL
                   SELECT jsonb_object_keys(CASE WHEN shared THEN '{}'::jsonb ELSE scope END)
                   UNION ALL
                   -- Where a foreign key is not as it was registered, the column that has the name may be another one.
                   SELECT unnest(CASE l.parent WHEN _register.relation THEN l.parent_columns ELSE l.columns END)
                   FROM splitplane._links AS l
                   WHERE _register.relation IN (l.relation, l.parent) AND l.has_key) AS w(name));
    IF node IS NULL THEN
        PERFORM splitplane._make_policies(relation, qualified, shared, condition, had_row_security);
    ELSE
        PERFORM splitplane._make_node_policies(relation, qualified, shared, condition, had_row_security);
    END IF;
    IF NOT shared THEN
        SELECT string_agg(quote_ident(e.name), ', ') INTO earlier
          FROM splitplane._earlier_restrictions(relation) AS e(name);
        IF earlier IS NOT NULL THEN
            RAISE WARNING '% has restrictive policies whose names sort before splitplane''s, '
                          'so ask refuses to read it: %', qualified, earlier
                USING HINT = 'PostgreSQL evaluates policies in the order of their names. Rename them: ALTER POLICY .. '
                             'RENAME TO ..; splitplane.doctor() gives the statements.';
        END IF;
        SELECT string_agg(quote_ident(o.name), ', ' ORDER BY o.name) INTO binding
          FROM splitplane._binding_restrictions(relation) AS o(name, remedy);
        IF binding IS NOT NULL THEN
            RAISE WARNING '% has restrictive policies of its own that bind splitplane_reader too, so answers may have '
                          'no rows: %', qualified, binding
                USING HINT = 'Bind them to the roles that they are for: splitplane.doctor() gives the statements.';
        END IF;
    END IF;

    INSERT INTO splitplane.relations (relation, name, shared, scope, columns, private_columns, had_row_security, saved)
    VALUES (_register.relation, plane_name, _register.shared, CASE WHEN shared THEN '{}' ELSE _register.scope END,
            plane_columns, hidden_from_models, had_row_security, saved);
    UPDATE splitplane.relations AS r
       SET saved = r.saved || splitplane._policy_texts(r.relation)
                   || splitplane._column_numbers(
                          r.relation,
                          r.columns || ARRAY(SELECT jsonb_object_keys(r.scope || splitplane._key_columns(r.relation))))
                   || jsonb_build_object('fingerprint', f.fingerprint,
                                         'reader_fingerprint', splitplane._reader_fingerprint(r.relation),
                                         'types', splitplane._scope_types(
                                             r.relation, r.scope || splitplane._key_columns(r.relation)))
      FROM splitplane._fences AS f
     WHERE r.relation = _register.relation AND f.relation = r.relation;
    FOREACH link IN ARRAY coalesce(links, '{}') LOOP
        PERFORM splitplane._grant_keys(link.parent);
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane._register(regclass, boolean, jsonb, text[], text, text[], splitplane.parents[])
    FROM PUBLIC;

CREATE FUNCTION splitplane.protect(
    relation regclass, scope jsonb, columns text[] DEFAULT NULL, name text DEFAULT NULL,
    private_columns text[] DEFAULT NULL, hidden boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    was_hidden boolean := splitplane._is_hidden(relation);
BEGIN
    PERFORM splitplane._administration('protect', jsonb_build_object(
        'relation', protect.relation, 'scope', protect.scope, 'columns', protect.columns, 'name', protect.name,
        'private_columns', protect.private_columns, 'hidden', protect.hidden));
    PERFORM splitplane._register(relation, false, scope, columns, name, private_columns);
    PERFORM splitplane._hide(relation, hidden, was_hidden);
END
$$;

REVOKE ALL ON FUNCTION splitplane.protect(regclass, jsonb, text[], text, text[], boolean) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.protect(regclass, jsonb, text[], text, text[], boolean) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.protect(regclass, jsonb, text[], text, text[], boolean) IS
    'Adds a table to the plane and binds its rows to claims: protect(''orders'', ''{"tenant_id": "tenant"}''). '
    'Call it again to change the registration.';

CREATE FUNCTION splitplane.share(
    relation regclass, columns text[] DEFAULT NULL, name text DEFAULT NULL, private_columns text[] DEFAULT NULL,
    hidden boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    was_hidden boolean := splitplane._is_hidden(relation);
BEGIN
    PERFORM splitplane._administration('share', jsonb_build_object(
        'relation', share.relation, 'columns', share.columns, 'name', share.name,
        'private_columns', share.private_columns, 'hidden', share.hidden));
    PERFORM splitplane._register(relation, true, NULL, columns, name, private_columns);
    PERFORM splitplane._hide(relation, hidden, was_hidden);
END
$$;

REVOKE ALL ON FUNCTION splitplane.share(regclass, text[], text, text[], boolean) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.share(regclass, text[], text, text[], boolean) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.share(regclass, text[], text, text[], boolean) IS
    'Adds a table to the plane that is the same for every tenant.';

CREATE OR REPLACE FUNCTION splitplane.unprotect(relation regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stale record;
BEGIN
    PERFORM splitplane._administration('unprotect', jsonb_build_object('relation', unprotect.relation));
    PERFORM splitplane._check_isolation('unprotect');
    LOCK TABLE splitplane.relations, splitplane.allowed_functions IN SHARE ROW EXCLUSIVE MODE;
    SELECT r.saved, EXISTS (SELECT FROM pg_class AS c WHERE c.oid = r.relation) AS lives INTO stale
      FROM splitplane.relations AS r WHERE r.relation = unprotect.relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is not in the plane', coalesce(relation::text, 'NULL') USING ERRCODE = '42704';
    END IF;
    IF stale.lives THEN
        PERFORM splitplane._refuse_parent(relation);
        PERFORM splitplane._withdraw(relation, splitplane._lock_relation(relation, false), false);
        IF EXISTS (SELECT FROM splitplane.directories AS d WHERE d.relation = unprotect.relation) THEN
            PERFORM splitplane._grant_partitions(relation, NULL);
        END IF;
    ELSE
        DELETE FROM splitplane.relations AS r WHERE r.relation = unprotect.relation;
        DELETE FROM splitplane.parents AS p WHERE p.relation = unprotect.relation;
        PERFORM splitplane._leave_schema(stale.saved ->> 'schema', (stale.saved ->> 'schema_usage')::boolean);
    END IF;
    DELETE FROM splitplane.directories AS d WHERE d.relation = unprotect.relation;
END
$$;

COMMENT ON FUNCTION splitplane.unprotect(regclass) IS
    'Removes a table from the plane and restores its row-level security and grants.';

-- protect_through: tables without a tenant column, whose rows belong to those of another.

-- A relation that has links keeps those that the call does not name. With a parent that is new to it the rest of the
-- registration stays, too, where the call does not say otherwise; else the call defines it, as one of protect does.
CREATE FUNCTION splitplane.protect_through(
    relation regclass, parent regclass, columns text[] DEFAULT NULL, name text DEFAULT NULL,
    private_columns text[] DEFAULT NULL, key name DEFAULT NULL, scope jsonb DEFAULT NULL, hidden boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen splitplane.parents;
    kept splitplane.parents[];
    registered splitplane.relations;
    was_hidden boolean := splitplane._is_hidden(relation);
    nullable text;
BEGIN
    PERFORM splitplane._administration('protect_through', jsonb_build_object(
        'relation', protect_through.relation, 'parent', protect_through.parent,
        'columns', protect_through.columns, 'name', protect_through.name,
        'private_columns', protect_through.private_columns, 'key', protect_through.key,
        'scope', protect_through.scope, 'hidden', protect_through.hidden));
    PERFORM splitplane._check_isolation('protect_through');
    LOCK TABLE splitplane.relations, splitplane.allowed_functions IN SHARE ROW EXCLUSIVE MODE;
    PERFORM splitplane._lock_relation(relation, true);
    PERFORM splitplane._follow_renames(relation);
    chosen := splitplane._link(relation, parent, key);
    SELECT r.* INTO registered FROM splitplane.relations AS r WHERE r.relation = protect_through.relation;
    kept := ARRAY(SELECT p FROM splitplane.parents AS p
                  WHERE p.relation = protect_through.relation AND p.link <> chosen.link
                  ORDER BY p.link);
    IF cardinality(kept) > 0 AND NOT EXISTS (SELECT FROM splitplane.parents AS p
                                             WHERE p.link = chosen.link) THEN
        columns := coalesce(columns, registered.columns);
        private_columns := coalesce(private_columns,
                                    ARRAY(SELECT c.name FROM unnest(registered.private_columns) AS c(name)
                                          WHERE c.name = ANY (columns)));
        scope := coalesce(scope, registered.scope);
        name := coalesce(name, splitplane._given_name(relation, registered.name, registered.saved));
    END IF;
    -- Its columns are those of people who may belong to several tenants, or of what belongs to such people.
    IF columns IS NULL AND (chosen.membership OR splitplane._has_several_owners(parent)) THEN
        RAISE EXCEPTION 'a row of % may belong to several tenants, by %: the columns must be given', relation, parent
            USING ERRCODE = '22023', HINT = 'Give those that every tenant of a member may see as argument "columns".';
    END IF;
    PERFORM splitplane._register(relation, false, coalesce(scope, '{}'), columns, name, private_columns,
                                 kept || chosen);
    PERFORM splitplane._hide(relation, hidden, was_hidden);
    IF cardinality(kept) = 0 THEN
        SELECT string_agg(format('"%s"', c.name), ', ' ORDER BY c.place) INTO nullable
          FROM unnest(chosen.columns) WITH ORDINALITY AS c(name, place)
         WHERE splitplane._may_be_null(relation, c.name);
        IF nullable IS NOT NULL THEN
            RAISE WARNING 'rows of % with NULL in % belong to no tenant and are never seen', relation, nullable;
        END IF;
    END IF;
END
$$;

REVOKE ALL ON FUNCTION splitplane.protect_through(regclass, regclass, text[], text, text[], name, jsonb, boolean)
    FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.protect_through(regclass, regclass, text[], text, text[], name, jsonb, boolean)
    TO splitplane_admin;

COMMENT ON FUNCTION splitplane.protect_through(regclass, regclass, text[], text, text[], name, jsonb, boolean) IS
    'Adds a table whose rows belong to rows of another: protect_through(''order_lines'', ''orders''). '
    'Call it again with another parent to add that.';

-- allow_function and disallow_function: functions besides those of the built-in allowlist.

-- Always schema-qualified, so that the text means the same function under every search_path.
CREATE OR REPLACE FUNCTION splitplane._signature(function regprocedure) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT format('%I.%I(%s)', n.nspname, p.proname,
                  (SELECT string_agg(format_type(t.id, NULL), ', ' ORDER BY t.position)
                   FROM unnest(p.proargtypes) WITH ORDINALITY AS t(id, position)))
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE p.oid = function
$$;

-- A type of a function's that no statement can have: the call would be refused, whatever its arguments.
CREATE FUNCTION splitplane._type_outside(types oid[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT min(format_type(u.id, NULL))
    FROM unnest(types) AS u(id) JOIN pg_type AS t ON t.oid = u.id
    WHERE NOT splitplane._type_is_safe(u.id)
      AND u.id <> ALL (ARRAY['regconfig', 'record', 'record[]', '"any"']::regtype[])
      AND NOT (t.typtype = 'p' AND t.typname LIKE 'any%')
$$;

REVOKE ALL ON FUNCTION splitplane._type_outside(oid[]) FROM PUBLIC;

-- Relations and functions outside pg_catalog whose names stand alone in the body of a function that has no search_path
-- of its own: in a call of ask it is "pg_catalog, pg_temp", and they are not found. By words, since a body is only read
-- when it runs; a word may be a variable. Texts in quotes and comments are left out, but for the rest of a comment that
-- holds another. NULL if there are none.
CREATE FUNCTION splitplane._unqualified_names(function regprocedure) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    WITH words AS (
        SELECT DISTINCT lower(m.word[1]) AS word
        FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
        CROSS JOIN LATERAL regexp_replace(p.prosrc, $re$'[^']*'|--[^\n]*|/\*([^*]|\*+[^*/])*\*+/$re$, ' ', 'g') AS body
        CROSS JOIN LATERAL regexp_matches(body, '(?<![.\w"])"?([[:alpha:]_][\w$]*)(?![\w$.]|"\.)', 'g') AS m(word)
        WHERE p.oid = function AND p.prosqlbody IS NULL AND l.lanname NOT IN ('internal', 'c')
          AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS s(setting) WHERE s.setting LIKE 'search\_path=%')
    ),
    named AS (
        SELECT c.relname AS name FROM pg_class AS c
        WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f')
          AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
        UNION
        SELECT q.proname FROM pg_proc AS q
        WHERE q.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
          AND NOT EXISTS (SELECT FROM pg_proc AS o
                          WHERE o.pronamespace = 'pg_catalog'::regnamespace AND o.proname = q.proname)
    )
    SELECT string_agg(quote_ident(n.name), ', ' ORDER BY n.name)
    FROM named AS n JOIN words AS w ON w.word = lower(n.name)
$$;

REVOKE ALL ON FUNCTION splitplane._unqualified_names(regprocedure) FROM PUBLIC;

CREATE OR REPLACE FUNCTION splitplane.allow_function(function regprocedure) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text := splitplane._signature(function);
    catalog_row record;
    refusal text;
    had_execute boolean;
    outside text;
    unqualified text;
BEGIN
    PERFORM splitplane._administration('allow_function', jsonb_build_object('function', allow_function.function));
    PERFORM splitplane._check_isolation('allow_function');
    IF wanted IS NULL THEN
        RAISE EXCEPTION 'function does not exist' USING ERRCODE = '42883';
    END IF;
    SELECT p.oid, p.proname, n.nspname, p.prokind, p.prosecdef, p.proleakproof, p.provolatile, p.prosupport,
           pg_get_userbyid(p.proowner) AS owner, array_append(p.proargtypes::oid[], p.prorettype) AS types,
           splitplane._is_ours('pg_proc', p.oid) AS ours
      INTO catalog_row
      FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
     WHERE p.oid = allow_function.function;
    refusal := CASE
        WHEN catalog_row.ours OR catalog_row.nspname = 'splitplane' THEN 'it belongs to splitplane'
        WHEN catalog_row.nspname = 'information_schema' OR catalog_row.nspname LIKE 'pg\_temp%' THEN 'of its schema'
        WHEN catalog_row.prokind = 'p' THEN 'it is a procedure'
        -- Polymorphic and record types are pseudo-types too, and are allowed; the others pass pointers or make no sense
        -- in a query.
        WHEN EXISTS (SELECT FROM unnest(catalog_row.types) AS u(id) JOIN pg_type AS t ON t.oid = u.id
                     WHERE t.typtype = 'p' AND t.typname NOT IN ('record', 'void', 'any')
                       AND t.typname NOT LIKE 'any%') THEN
            'it takes or returns an internal type'
        -- PostgreSQL trusts the mark and evaluates it before row-level security, over the rows of every tenant.
        WHEN catalog_row.proleakproof AND catalog_row.oid >= 16384 THEN 'it is marked LEAKPROOF'
        -- PostgreSQL's own support functions of its own functions were looked at; nobody can say what another one does.
        WHEN catalog_row.prosupport <> 0
             AND (catalog_row.oid >= 16384 OR catalog_row.prosupport::oid >= 16384) THEN
            'it has a support function, which may put something else in the place of a call after the proof'
        -- Built-in functions that have effects, read settings, files or catalogs, or run SQL given as text bypass
        -- every check of the plane. The exceptions are clocks and random values.
        WHEN catalog_row.nspname = 'pg_catalog' AND catalog_row.provolatile = 'v'
             AND catalog_row.proname NOT IN ('random', 'random_normal', 'clock_timestamp', 'timeofday',
                                             'gen_random_uuid', 'uuidv4', 'uuidv7') THEN
            'it has effects or reads more than the plane'
        WHEN catalog_row.nspname = 'pg_catalog' AND catalog_row.provolatile = 's'
             AND (catalog_row.proname ~ '^(pg_|has_|to_reg|txid_|inet_(client|server)_|current_(setting|schema))'
                  OR catalog_row.proname ~ '^(row_security_|format_type|version$)'
                  OR catalog_row.proname ~ '^((table|schema|database)_to_xml|(obj|col|shobj)_description)') THEN
            'it reads more than the plane'
        WHEN catalog_row.oid < 16384
             AND EXISTS (SELECT FROM pg_aggregate AS g
                         WHERE catalog_row.oid IN (g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggserialfn,
                                                   g.aggdeserialfn, g.aggmtransfn, g.aggminvtransfn, g.aggmfinalfn)
                           AND g.aggfnoid < 16384)
             AND NOT EXISTS (SELECT FROM pg_operator AS o WHERE o.oprcode = catalog_row.oid) THEN
            'aggregates alone call it'
    END;
    outside := splitplane._type_outside(catalog_row.types);
    IF refusal IS NULL AND outside IS NOT NULL THEN
        refusal := format('it could never be called, as the plane carries no value of type %s', outside);
    END IF;
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION 'function % cannot be in the plane: %', wanted, refusal USING ERRCODE = '42501';
    END IF;

    LOCK TABLE splitplane.relations, splitplane.allowed_functions IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM splitplane.functions AS f WHERE f.function = allow_function.function) THEN
        RETURN;
    END IF;
    -- A row for another owner's function of the same signature does not allow this one.
    DELETE FROM splitplane.allowed_functions AS f WHERE f.signature = wanted;
    IF catalog_row.prosecdef THEN
        RAISE WARNING 'function % runs with the rights of %, not of splitplane_reader: '
                      'row-level security holds in it only as far as it holds for that role',
            wanted, catalog_row.owner;
    END IF;
    unqualified := splitplane._unqualified_names(function);
    IF EXISTS (SELECT FROM unnest(catalog_row.types) AS u(id)
               WHERE u.id >= 16384 AND NOT EXISTS (SELECT FROM splitplane.relations AS r
                                                   JOIN pg_attribute AS a ON a.attrelid = r.relation
                                                   JOIN pg_type AS t ON t.oid = a.atttypid
                                                   WHERE a.attnum > 0 AND NOT a.attisdropped
                                                     AND u.id IN (t.oid, t.typarray, t.typelem, t.typbasetype))) THEN
        RAISE WARNING 'function % cannot be called until a column of the plane has each of its types', wanted;
    END IF;
    IF unqualified IS NOT NULL THEN
        RAISE WARNING 'function % may not find what its body names without a schema: %', wanted, unqualified
            USING HINT = format('In a call of ask, search_path is "pg_catalog, pg_temp". Give the function its own: '
                                'ALTER FUNCTION %s SET search_path = %I, pg_temp;', wanted, catalog_row.nspname);
    END IF;
    had_execute := has_function_privilege('splitplane_reader', catalog_row.oid, 'EXECUTE');
    INSERT INTO splitplane.allowed_functions (signature, saved)
    VALUES (wanted, jsonb_build_object(
        'owner', catalog_row.owner, 'security_definer', catalog_row.prosecdef, 'execute', had_execute,
        'schema', catalog_row.nspname, 'schema_usage', splitplane._use_schema(catalog_row.nspname)));
    IF NOT had_execute THEN
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO splitplane_reader', wanted);
    END IF;
END
$$;

COMMENT ON FUNCTION splitplane.allow_function(regprocedure) IS
    'Allows untrusted SQL to call a function that is not in the built-in allowlist.';

CREATE OR REPLACE FUNCTION splitplane.disallow_function(function regprocedure) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text := splitplane._signature(function);
    kept jsonb;
BEGIN
    PERFORM splitplane._administration('disallow_function', jsonb_build_object(
        'function', disallow_function.function));
    PERFORM splitplane._check_isolation('disallow_function');
    LOCK TABLE splitplane.relations, splitplane.allowed_functions IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM splitplane.allowed_functions AS f WHERE f.signature = wanted RETURNING f.saved INTO kept;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'function % is not allowed', coalesce(wanted, function::text, 'NULL') USING ERRCODE = '42704';
    END IF;
    IF NOT (kept ->> 'execute')::boolean THEN
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM splitplane_reader', wanted);
    END IF;
    PERFORM splitplane._leave_schema(kept ->> 'schema', (kept ->> 'schema_usage')::boolean);
END
$$;

COMMENT ON FUNCTION splitplane.disallow_function(regprocedure) IS 'Reverts allow_function.';

-- describe: the plane as it is shown to a model. Plane names only: no schema, no hidden column, no row, and of a scope
-- only that there are rows of everybody.

-- Enums and domains of the plane's columns, also those below them: what a domain is over, and the elements of an array.
-- Each goes by its bare name, whatever its schema. Two with one name, and one with the name of a built-in type, are
-- shown as the type of their column, and a query cannot name them; one that stands below others gives way to them. Nor
-- can it name a domain whose checks call user-defined functions: a cast would run them over any value.
CREATE FUNCTION splitplane._plane_types()
RETURNS TABLE (type oid, array_type oid, schema text, name text, shown text, is_writable boolean, is_visible boolean,
               of_extension boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    WITH RECURSIVE uses AS (
        SELECT CASE WHEN t.typsubscript = 'array_subscript_handler'::regproc THEN t.typelem ELSE t.oid END AS type,
               CASE WHEN a.attname = ANY (r.columns) THEN format('%I.%I%%TYPE', r.name, a.attname) END AS place,
               true AS is_direct
        FROM splitplane.relations AS r
        JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped
             AND (a.attname = ANY (r.columns) OR r.scope ? a.attname::text)
        JOIN pg_type AS t ON t.oid = a.atttypid
        UNION
        SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END, u.place, false
        FROM uses AS u JOIN pg_type AS t ON t.oid = u.type
        WHERE t.typtype = 'd' OR t.typsubscript = 'array_subscript_handler'::regproc
    ),
    types AS (
        SELECT t.oid, t.typarray, t.typname, t.typtype, t.typnamespace,
               coalesce(min(u.place) FILTER (WHERE u.is_direct), min(u.place)) AS place,
               CASE WHEN bool_or(u.is_direct)
                    THEN count(CASE WHEN bool_or(u.is_direct) THEN 1 END) OVER (PARTITION BY t.typname)
                    ELSE count(*) OVER (PARTITION BY t.typname) END = 1
               AND NOT EXISTS (SELECT FROM pg_type AS own
                               WHERE own.typname = t.typname
                                 AND own.typnamespace = 'pg_catalog'::regnamespace) AS is_unique
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
               -- There are no dependencies on built-in objects.
               WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass))),
           -- A column whose type is not carried any more is outside the plane, until it is registered again.
           t.place IS NOT NULL AND splitplane._type_is_safe(t.oid), false
    FROM types AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
    UNION ALL
    -- Types of allowed extensions, whether a column has them or not. One that an enum or a domain takes the name of can
    -- only be written with its schema.
    SELECT t.oid, t.typarray, n.nspname::text, t.typname::text, quote_ident(t.typname),
           NOT EXISTS (SELECT FROM types AS o WHERE o.typname = t.typname), true, true
    FROM splitplane._extension_types() AS x
    JOIN pg_type AS t ON t.oid = x.type
    JOIN pg_namespace AS n ON n.oid = t.typnamespace
$$;

REVOKE ALL ON FUNCTION splitplane._plane_types() FROM PUBLIC;

-- The enums and domains that a query can write, as they are shown, by type.
CREATE FUNCTION splitplane._writable_types() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_object_agg(p.type::text, p.shown), '{}')
            FROM splitplane._plane_types() AS p WHERE p.is_writable AND NOT p.of_extension);
END
$$;

REVOKE ALL ON FUNCTION splitplane._writable_types() FROM PUBLIC;

-- A type as a query would write it, with the labels of an enum and the base type of a domain. No name from outside the
-- plane is shown; `writable` is what _writable_types gives. Here and below PL/pgSQL, which caches its plans: every
-- question in words reads all of this.
CREATE FUNCTION splitplane._describe_type(type_id oid, type_modifier integer, writable jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
BEGIN
    RETURN (SELECT CASE
        WHEN t.typtype = 'd' THEN
            coalesce(writable ->> t.oid::text || ' domain of ', '')
            || splitplane._describe_type(t.typbasetype, t.typtypmod, writable)
        WHEN t.typtype = 'e' THEN
            coalesce(writable ->> t.oid::text || ' ', '')
            || (SELECT 'enum (' || string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) || ')'
                FROM pg_enum AS e WHERE e.enumtypid = t.oid)
        WHEN t.typsubscript = 'array_subscript_handler'::regproc THEN
            coalesce(overlay(splitplane._describe_type(t.typelem, type_modifier, writable)
                             PLACING writable ->> t.typelem::text || '[]'
                             FROM 1 FOR length(writable ->> t.typelem::text)),
                     splitplane._describe_type(t.typelem, type_modifier, writable) || '[]')
        -- Of an allowed extension, or the plane would not carry it.
        WHEN t.oid >= 16384 THEN quote_ident(t.typname)
        ELSE format_type(t.oid, type_modifier)
    END
    FROM pg_type AS t WHERE t.oid = type_id);
END
$$;

REVOKE ALL ON FUNCTION splitplane._describe_type(oid, integer, jsonb) FROM PUBLIC;

-- One row for each table, view and function of the plane, in the order of describe(). refers_to holds the tables that a
-- table's foreign keys reference.
CREATE OR REPLACE FUNCTION splitplane._describe_parts() RETURNS TABLE (kind text, name text, text text, refers_to text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
-- Compiling this query would take seconds, and running it takes milliseconds.
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    writable jsonb := splitplane._writable_types();
    types_of text := splitplane._types_of();
BEGIN
    RETURN QUERY
    WITH types AS MATERIALIZED (
        SELECT t.oid, splitplane._type_is_safe(t.oid) AS is_safe
        FROM (SELECT DISTINCT a.atttypid AS oid
              FROM splitplane.relations AS r JOIN pg_attribute AS a ON a.attrelid = r.relation
              WHERE a.attnum > 0 AND NOT a.attisdropped) AS t
    ),
    plane_columns AS (
        SELECT r.relation, r.name, a.attnum, a.attname,
               -- As load.sql has it.
               a.attname = ANY (r.columns) AND s.is_safe
               AND CASE WHEN r.saved ->> 'numbers_of' = h.server || '/' || r.relation::oid
                        THEN (r.saved -> 'numbers' ->> a.attname::text = a.attnum::text) IS TRUE
                        ELSE EXISTS (SELECT FROM aclexplode(a.attacl) AS g
                                     WHERE g.grantee = h.reader AND g.privilege_type = 'SELECT') END AS visible,
               r.scope ->> a.attname::text = 'tenant or null' AS or_null
        FROM (SELECT s.system_identifier::text AS server, to_regrole('splitplane_reader')::oid AS reader
              FROM pg_control_system() AS s) AS h
        CROSS JOIN splitplane.relations AS r
        JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped
             AND (a.attname = ANY (r.columns) OR r.scope ? a.attname::text)
        JOIN types AS s ON s.oid = a.atttypid
    ),
    column_lines AS (
        SELECT a.attrelid AS relation,
               string_agg(format(
                   E'\n  %I %s%s%s', a.attname,
                   -- The two functions are called only where they are needed; most columns do not need them.
                   CASE WHEN t.oid < 16384 AND t.typsubscript <> 'array_subscript_handler'::regproc
                        THEN format_type(a.atttypid, a.atttypmod)
                        ELSE splitplane._describe_type(a.atttypid, a.atttypmod, writable) END,
                   CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
                   CASE WHEN d.description IS NOT NULL THEN splitplane._describe_comment(d.description) END
               ), '' ORDER BY a.attnum) AS lines
        FROM plane_columns AS p
        JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attnum = p.attnum
        JOIN pg_type AS t ON t.oid = a.atttypid
        LEFT JOIN pg_description AS d
            ON d.objoid = a.attrelid AND d.classoid = 'pg_class'::regclass AND d.objsubid = a.attnum
        WHERE p.visible
        GROUP BY a.attrelid
    ),
    everybodys_rows AS (
        SELECT p.relation,
               string_agg(CASE WHEN p.visible
                               THEN format(E'\n  rows whose %I is NULL are the same for every tenant', p.attname)
                               ELSE E'\n  some of its rows are the same for every tenant' END, ''
                          ORDER BY p.attnum) AS lines
        FROM plane_columns AS p WHERE p.or_null GROUP BY p.relation
    ),
    -- A key is shown without the scope columns that the plane hides, since it is unique without them within one tenant.
    -- It is not shown if another column of it is hidden, or if rows of everybody have their own values besides.
    primary_keys AS (
        SELECT c.conrelid AS relation,
               -- NULL, and not shown, if every column of it is hidden.
               E'\n  primary key ('
               || string_agg(quote_ident(p.attname), ', ' ORDER BY k.position) FILTER (WHERE p.visible)
               || ')' AS line
        FROM pg_constraint AS c
        CROSS JOIN LATERAL unnest(c.conkey) WITH ORDINALITY AS k(attnum, position)
        JOIN splitplane.relations AS r ON r.relation = c.conrelid
        LEFT JOIN plane_columns AS p ON p.relation = c.conrelid AND p.attnum = k.attnum
        WHERE c.contype = 'p'
        GROUP BY c.oid, c.conrelid
        HAVING bool_and(p.attnum IS NOT NULL AND (p.visible OR p.or_null IS NOT TRUE))
    ),
    foreign_keys AS (
        SELECT c.oid, c.conrelid AS relation, c.confrelid AS target_relation, target.name AS target,
               format(E'\n  foreign key (%s) references %I (%s)',
                      string_agg(quote_ident(f.attname), ', ' ORDER BY k.position)
                          FILTER (WHERE f.visible AND t.visible),
                      target.name,
                      string_agg(quote_ident(t.attname), ', ' ORDER BY k.position)
                          FILTER (WHERE f.visible AND t.visible)) AS line
        FROM pg_constraint AS c
        CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY AS k(from_attnum, to_attnum, position)
        JOIN splitplane.relations AS source ON source.relation = c.conrelid
        JOIN splitplane.relations AS target ON target.relation = c.confrelid
             AND NOT target.hidden AND NOT splitplane._has_lost_name(target.relation, target.name, target.saved)
        LEFT JOIN plane_columns AS f ON f.relation = c.conrelid AND f.attnum = k.from_attnum
        LEFT JOIN plane_columns AS t ON t.relation = c.confrelid AND t.attnum = k.to_attnum
        WHERE c.contype = 'f' AND c.conparentid = 0
        GROUP BY c.oid, c.conrelid, c.confrelid, target.name
        HAVING bool_and(f.attnum IS NOT NULL AND t.attnum IS NOT NULL) AND bool_or(f.visible AND t.visible)
           AND bool_and(f.visible AND t.visible OR (f.or_null IS NOT TRUE AND t.or_null IS NOT TRUE))
    ),
    relation_texts AS (
        SELECT r.name,
               'table ' || quote_ident(r.name)
               || CASE WHEN d.description IS NOT NULL THEN splitplane._describe_comment(d.description) ELSE '' END
               || l.lines
               || coalesce(e.lines, '') || coalesce(p.line, '') || coalesce(f.lines, '') AS text,
               coalesce(f.targets, '{}') AS refers_to
        FROM splitplane.relations AS r JOIN column_lines AS l ON l.relation = r.relation
        LEFT JOIN pg_description AS d
            ON d.objoid = r.relation AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
        LEFT JOIN everybodys_rows AS e ON e.relation = r.relation
        LEFT JOIN primary_keys AS p ON p.relation = r.relation
        LEFT JOIN (SELECT k.relation, string_agg(k.line, '' ORDER BY k.line) AS lines,
                          array_agg(DISTINCT k.target ORDER BY k.target)
                              FILTER (WHERE k.target_relation <> k.relation) AS targets
                   FROM foreign_keys AS k GROUP BY k.relation) AS f ON f.relation = r.relation
        WHERE NOT r.hidden AND NOT splitplane._has_lost_name(r.relation, r.name, r.saved)
    ),
    view_texts AS (
        SELECT v.name,
               'view ' || quote_ident(v.name) || splitplane._describe_comment(v.description)
               || (SELECT string_agg(format(
                       E'\n  %I %s%s', c.value ->> 'name',
                       splitplane._describe_type(splitplane._view_column_type(c.value, types_of),
                                                 (c.value ->> 'modifier')::integer, writable),
                       splitplane._describe_comment((
                           -- The name may have become another column's since.
                           SELECT col_description(p.relation, p.attnum)
                           FROM plane_columns AS p JOIN splitplane.relations AS r ON r.relation = p.relation
                           WHERE r.name = c.value #>> '{of,0}' AND p.attname = c.value #>> '{of,1}' AND p.visible
                             AND NOT r.hidden AND NOT splitplane._has_lost_name(r.relation, r.name, r.saved)))),
                       '' ORDER BY c.place)
                   FROM jsonb_array_elements(v.columns) WITH ORDINALITY AS c(value, place)) AS text
        FROM splitplane.views AS v
        -- A model is shown what it can read. While the plane is closed, what its names and types can be said of.
        WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(v.columns) AS c(value)
                          WHERE splitplane._view_column_type(c.value, types_of) IS NULL)
          AND splitplane._view_is_open(v.name) IS NOT FALSE
    ),
    function_texts AS (
        SELECT p.proname::text AS name,
               format('function %I(%s) returns %s%s', p.proname,
                      (SELECT string_agg(splitplane._describe_type(t.id, -1, writable), ', ' ORDER BY t.position)
                       FROM unnest(p.proargtypes) WITH ORDINALITY AS t(id, position)),
                      CASE WHEN p.proretset THEN 'setof ' ELSE '' END
                      || splitplane._describe_type(p.prorettype, -1, writable),
                      splitplane._describe_comment(obj_description(p.oid, 'pg_proc'))) AS text
        FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function
    )
    SELECT d.kind, d.name, d.text, d.refers_to
    FROM (SELECT 1 AS part, 'table' AS kind, t.name, t.text, t.refers_to FROM relation_texts AS t
          UNION ALL SELECT 2, 'view', v.name, v.text, '{}' FROM view_texts AS v WHERE v.text IS NOT NULL
          UNION ALL SELECT 3, 'function', f.name, f.text, '{}' FROM function_texts AS f) AS d
    ORDER BY d.part, d.text;
END
$$;

COMMENT ON FUNCTION splitplane.describe() IS 'The plane as it is shown to the model.';

-- Every text that finds an entry. The name of a query is for administrators only.
CREATE OR REPLACE VIEW splitplane._asked AS
    SELECT 'query' AS kind, q.name, a.text
    FROM splitplane.verified_queries AS q CROSS JOIN LATERAL pg_catalog.unnest(q.synonyms || q.question) AS a(text)
    UNION ALL
    SELECT 'metric', m.name, a.text
    FROM splitplane.metrics AS m CROSS JOIN LATERAL pg_catalog.unnest(m.synonyms || m.name) AS a(text);

-- A text in words. If questions are matched with it, it must still contain a word after normalisation, and ask must
-- not refuse it as a question: ask looks at every question before it looks for an entry.
CREATE OR REPLACE FUNCTION splitplane._check_words(what text, words text, is_matched boolean) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF words IS NULL OR words !~ '[^[:space:]]' THEN
        RAISE EXCEPTION '% is NULL or blank', what USING ERRCODE = '22023';
    END IF;
    IF length(words) > 1000 THEN
        RAISE EXCEPTION '% is longer than 1000 characters', what USING ERRCODE = '22023';
    END IF;
    IF is_matched AND splitplane._normalise_question(words) = '' THEN
        RAISE EXCEPTION '% holds no word', what USING ERRCODE = '22023';
    END IF;
    IF is_matched THEN
        PERFORM splitplane._check_question(what, words);
    END IF;
END
$$;

-- The checks of verify_query and define_metric. No other entry may be asked for in the same words, since then neither
-- could be answered. `asked` is the question, or the name of a metric.
CREATE OR REPLACE FUNCTION splitplane._check_entry(kind text, name text, asked text, sql text, synonyms text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    synonym text;
    taken record;
BEGIN
    IF name IS NULL OR octet_length(name) > 63 OR name !~ '^[A-Za-z0-9_]([A-Za-z0-9_ .-]*[A-Za-z0-9_])?$' THEN
        RAISE EXCEPTION 'a name has 1 to 63 letters, digits or underscores, and within it also blanks, dots or hyphens'
            USING ERRCODE = '22023';
    END IF;
    PERFORM splitplane._check_words(CASE kind WHEN 'query' THEN 'the question' ELSE 'the name' END, asked, true);
    IF sql IS NULL OR sql !~ '[^[:space:]]' THEN
        RAISE EXCEPTION 'the SQL is NULL or blank' USING ERRCODE = '22023';
    END IF;
    IF synonyms IS NULL OR array_ndims(synonyms) > 1 THEN
        RAISE EXCEPTION 'synonyms is NULL or no plain list: for none, leave it out' USING ERRCODE = '22023';
    END IF;
    IF cardinality(synonyms) > 50 THEN
        RAISE EXCEPTION 'there are more than 50 synonyms' USING ERRCODE = '22023';
    END IF;
    FOREACH synonym IN ARRAY synonyms LOOP
        PERFORM splitplane._check_words('a synonym', synonym, true);
    END LOOP;

    -- One registration at a time: two concurrent ones could take the same words.
    LOCK TABLE splitplane.verified_queries, splitplane.metrics IN SHARE ROW EXCLUSIVE MODE;
    SELECT a.kind, a.name, w.text INTO taken
      FROM splitplane._asked AS a
      JOIN unnest(synonyms || asked) AS w(text)
          ON splitplane._normalise_question(a.text) = splitplane._normalise_question(w.text)
     WHERE (a.kind, a.name) <> (_check_entry.kind, _check_entry.name)
     ORDER BY a.kind, a.name, w.text
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '"%" asks for % "%" already',
            taken.text, CASE taken.kind WHEN 'query' THEN 'verified query' ELSE 'metric' END, taken.name
            USING ERRCODE = '42710', HINT = 'Word it differently, or change the other entry.';
    END IF;
    PERFORM splitplane._prove(sql);
END
$$;

CREATE OR REPLACE FUNCTION splitplane.verify_query(name text, question text, sql text, synonyms text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('verify_query', jsonb_build_object(
        'name', verify_query.name, 'question', verify_query.question, 'sql', verify_query.sql,
        'synonyms', verify_query.synonyms));
    PERFORM splitplane._check_entry('query', name, question, sql, synonyms);
    INSERT INTO splitplane.verified_queries AS q (name, question, sql, synonyms)
    VALUES (verify_query.name, verify_query.question, verify_query.sql,
            ARRAY(SELECT s.word FROM unnest(verify_query.synonyms) WITH ORDINALITY AS s(word, position)
                  ORDER BY s.position))
    ON CONFLICT ON CONSTRAINT verified_queries_pkey DO UPDATE
        SET question = excluded.question, sql = excluded.sql, synonyms = excluded.synonyms,
            changed_at = excluded.changed_at, changed_by = excluded.changed_by;
END
$$;

COMMENT ON FUNCTION splitplane.verify_query(text, text, text, text[]) IS
    'Registers the SQL that answers a question, so that no model is needed for it. The SQL is proved first. '
    'Call it again to change the entry.';

CREATE OR REPLACE FUNCTION splitplane.unverify_query(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('unverify_query', jsonb_build_object('name', unverify_query.name));
    DELETE FROM splitplane.verified_queries AS q WHERE q.name = unverify_query.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no verified query "%"', coalesce(name, 'NULL') USING ERRCODE = '42704';
    END IF;
END
$$;

COMMENT ON FUNCTION splitplane.unverify_query(text) IS 'Deletes a verified query.';

CREATE OR REPLACE FUNCTION splitplane.define_metric(name text, sql text, description text, synonyms text[] DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('define_metric', jsonb_build_object(
        'name', define_metric.name, 'sql', define_metric.sql, 'description', define_metric.description,
        'synonyms', define_metric.synonyms));
    PERFORM splitplane._check_words('the description', description, false);
    PERFORM splitplane._check_entry('metric', name, name, sql, synonyms);
    INSERT INTO splitplane.metrics AS m (name, sql, description, synonyms)
    VALUES (define_metric.name, define_metric.sql, define_metric.description,
            ARRAY(SELECT s.word FROM unnest(define_metric.synonyms) WITH ORDINALITY AS s(word, position)
                  ORDER BY s.position))
    ON CONFLICT ON CONSTRAINT metrics_pkey DO UPDATE
        SET sql = excluded.sql, description = excluded.description, synonyms = excluded.synonyms,
            changed_at = excluded.changed_at, changed_by = excluded.changed_by;
END
$$;

COMMENT ON FUNCTION splitplane.define_metric(text, text, text, text[]) IS
    'Registers a metric with the SQL that computes it, for questions that name it. The SQL is proved first. '
    'Call it again to change the entry.';

CREATE OR REPLACE FUNCTION splitplane.undefine_metric(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('undefine_metric', jsonb_build_object('name', undefine_metric.name));
    DELETE FROM splitplane.metrics AS m WHERE m.name = undefine_metric.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no metric "%"', coalesce(name, 'NULL') USING ERRCODE = '42704';
    END IF;
END
$$;

COMMENT ON FUNCTION splitplane.undefine_metric(text) IS 'Deletes a metric.';

-- The latest turns, oldest first, after a check that the conversation does not belong to another principal. The refusal
-- does not depend on which one.
CREATE OR REPLACE FUNCTION splitplane._conversation_turns(id text, tenant text, business text, subject text, retention text)
RETURNS TABLE (question text, sql text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM splitplane.conversations AS c
               WHERE c.conversation = id::uuid
                 AND (c.tenant, c.business, c.subject) IS DISTINCT FROM
                     (_conversation_turns.tenant, _conversation_turns.business, _conversation_turns.subject)) THEN
        RAISE EXCEPTION 'the conversation belongs to another principal' USING ERRCODE = '42501';
    END IF;
    RETURN QUERY
        SELECT latest.question, latest.sql
        FROM (SELECT t.turn, t.question, t.sql FROM splitplane.conversation_turns AS t
              WHERE t.conversation = id::uuid AND t.asked_at > clock_timestamp() - make_interval(secs => retention::int)
              ORDER BY t.turn DESC LIMIT 8) AS latest
        ORDER BY latest.turn;
END
$$;

-- Keeps one turn, and no more than `most` of one principal: the oldest are deleted. Conversations that have not been
-- used for the retention period are deleted here too, a few at each call, so that no job is needed;
-- `forget_conversations` deletes all of them at once.
CREATE FUNCTION splitplane._keep_turn(
    id text, tenant text, business text, subject text, retention text, most text, question text, sql text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    INSERT INTO splitplane.conversations AS c (conversation, tenant, business, subject, last_used_at)
    VALUES (id::uuid, _keep_turn.tenant, _keep_turn.business, _keep_turn.subject, moment)
    ON CONFLICT (conversation) DO UPDATE SET last_used_at = moment
        -- Another principal may have begun one under the same id since the check.
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

CREATE OR REPLACE FUNCTION splitplane.forget_conversations(tenant text DEFAULT NULL, older_than interval DEFAULT '0')
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed bigint;
BEGIN
    PERFORM splitplane._administration('forget_conversations', jsonb_build_object(
        'tenant', forget_conversations.tenant, 'older_than', forget_conversations.older_than));
    IF older_than IS NULL THEN
        RAISE EXCEPTION 'older_than must not be NULL' USING ERRCODE = '22023';
    END IF;
    DELETE FROM splitplane.conversations AS c
     WHERE (forget_conversations.tenant IS NULL OR c.tenant = forget_conversations.tenant)
       AND c.last_used_at <= clock_timestamp() - older_than;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;

COMMENT ON FUNCTION splitplane.forget_conversations(text, interval) IS
    'Deletes the conversations of a tenant, or of all tenants if NULL, that have not been used for the interval. '
    'Returns their number.';

-- Administrators read the table through it alone: they see what was rated, and nothing that is past its time.
CREATE VIEW splitplane.ratings AS
    SELECT a.query_id, a.tenant, a.business, a.subject, a.answered_at, a.question, a.sql, a.source, a.follows,
           a.good, a.note, a.rated_at
    FROM splitplane.answers AS a
    WHERE a.rated_at IS NOT NULL
      AND a.answered_at OPERATOR(pg_catalog.>) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-)
              pg_catalog.current_setting('splitplane.rating_retention')::interval);

COMMENT ON VIEW splitplane.ratings IS 'What callers said of answers, with the question and the SQL, by rate.';

-- Keeps one answer. What is older than the retention is deleted here too, a few at each call, so that no job is needed.
-- Only in READ COMMITTED: elsewhere a row that another call deletes at the same time would be an error.
CREATE FUNCTION splitplane._keep_answer(
    query_id text, tenant text, business text, subject text, retention text, question text, sql text, source text,
    follows text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    INSERT INTO splitplane.answers (query_id, tenant, business, subject, answered_at, question, sql, source, follows)
    VALUES (_keep_answer.query_id::uuid, _keep_answer.tenant, _keep_answer.business, _keep_answer.subject, moment,
            _keep_answer.question, _keep_answer.sql, _keep_answer.source, _keep_answer.follows::boolean);
    IF current_setting('transaction_isolation') = 'read committed' THEN
        DELETE FROM splitplane.answers AS a
         WHERE a.query_id IN (SELECT o.query_id FROM splitplane.answers AS o
                              WHERE o.answered_at <= moment - make_interval(secs => retention::int)
                              ORDER BY o.answered_at LIMIT 20 FOR UPDATE SKIP LOCKED);
    END IF;
END
$$;

REVOKE ALL ON FUNCTION splitplane._keep_answer(text, text, text, text, text, text, text, text, text) FROM PUBLIC;

-- Rates an answer of the same principal, once: 'rated', 'again', or 'unknown', which does not say whether there is one
-- of another principal.
CREATE FUNCTION splitplane._rate(
    query_id text, tenant text, business text, subject text, retention text, good text, note text)
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    is_known boolean;
BEGIN
    UPDATE splitplane.answers AS a
       SET good = _rate.good::boolean, note = _rate.note, rated_at = moment
     WHERE a.query_id = _rate.query_id::uuid
       AND (a.tenant, a.business, a.subject) = (_rate.tenant, _rate.business, _rate.subject)
       AND a.answered_at > moment - make_interval(secs => retention::int)
       AND a.rated_at IS NULL;
    IF FOUND THEN
        RETURN 'rated';
    END IF;
    SELECT true INTO is_known
      FROM splitplane.answers AS a
     WHERE a.query_id = _rate.query_id::uuid
       AND (a.tenant, a.business, a.subject) = (_rate.tenant, _rate.business, _rate.subject)
       AND a.answered_at > moment - make_interval(secs => retention::int);
    RETURN CASE WHEN is_known THEN 'again' ELSE 'unknown' END;
END
$$;

REVOKE ALL ON FUNCTION splitplane._rate(text, text, text, text, text, text, text) FROM PUBLIC;

-- For callers, like ask: it reads what no caller may read.
CREATE FUNCTION splitplane.rate(
    query_id uuid, good boolean, note text DEFAULT NULL, context jsonb DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET client_min_messages = error
AS 'MODULE_PATHNAME', 'splitplane_2_rate';

REVOKE ALL ON FUNCTION splitplane.rate(uuid, boolean, text, jsonb) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.rate(uuid, boolean, text, jsonb) TO splitplane_caller;

COMMENT ON FUNCTION splitplane.rate(uuid, boolean, text, jsonb) IS
    'Says whether the answer with this query_id was right: once, and by whom it was given to.';

CREATE FUNCTION splitplane.promote(query_id uuid, name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept record;
BEGIN
    IF pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean THEN
        RAISE EXCEPTION 'promote writes, and this transaction is read-only or the server a standby'
            USING ERRCODE = '55000';
    END IF;
    PERFORM splitplane._administration('promote', jsonb_build_object(
        'query_id', promote.query_id, 'name', promote.name));
    SELECT a.question, a.sql, a.follows INTO kept
      FROM splitplane.answers AS a
     WHERE a.query_id = promote.query_id
       AND a.answered_at > clock_timestamp() - current_setting('splitplane.rating_retention')::interval;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no answer is kept with query_id %', coalesce(query_id::text, 'NULL') USING ERRCODE = '42704';
    END IF;
    -- Alone it means something else, or nothing, and it would be answered so in everybody's conversations.
    IF kept.follows THEN
        RAISE EXCEPTION 'the question was asked after others of a conversation'
            USING ERRCODE = '22023', HINT = 'Call verify_query with a question that stands for itself.';
    END IF;
    -- verify_query would change the entry: a truth is not replaced by the way.
    IF EXISTS (SELECT FROM splitplane.verified_queries AS q WHERE q.name = promote.name) THEN
        RAISE EXCEPTION 'there is a verified query "%" already', promote.name
            USING ERRCODE = '42710', HINT = 'Choose another name, or change that entry with verify_query.';
    END IF;
    PERFORM splitplane.verify_query(promote.name, kept.question, kept.sql);
END
$$;

REVOKE ALL ON FUNCTION splitplane.promote(uuid, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.promote(uuid, text) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.promote(uuid, text) IS
    'Makes an answer that is kept a verified query, with the checks of verify_query.';

CREATE FUNCTION splitplane.forget_answers(tenant text DEFAULT NULL, older_than interval DEFAULT '0')
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed bigint;
BEGIN
    PERFORM splitplane._administration('forget_answers', jsonb_build_object(
        'tenant', forget_answers.tenant, 'older_than', forget_answers.older_than));
    IF older_than IS NULL THEN
        RAISE EXCEPTION 'older_than must not be NULL' USING ERRCODE = '22023';
    END IF;
    DELETE FROM splitplane.answers AS a
     WHERE (forget_answers.tenant IS NULL OR a.tenant = forget_answers.tenant)
       AND a.answered_at <= clock_timestamp() - older_than;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;

REVOKE ALL ON FUNCTION splitplane.forget_answers(text, interval) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.forget_answers(text, interval) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.forget_answers(text, interval) IS
    'Deletes the kept answers of a tenant, or of all tenants if NULL, that are older than the interval, with their '
    'ratings. Returns their number.';

-- allow_extension and disallow_extension: what the list of an extension has of types, operators, casts and functions.

-- Roles that may create objects in the schema of an extension, besides superusers and the extension's owner. What they
-- put there is never run, but statements that come to mean it are refused.
CREATE FUNCTION splitplane._creators(schema_id oid, owner_id oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT string_agg(c.name, ', ' ORDER BY c.name)
    FROM (
        SELECT 'PUBLIC' AS name FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS g
        WHERE n.oid = schema_id AND g.grantee = 0 AND g.privilege_type = 'CREATE'
        UNION
        SELECT quote_ident(r.rolname) FROM pg_roles AS r
        WHERE NOT r.rolsuper AND r.oid <> owner_id AND r.oid >= 16384
          AND has_schema_privilege(r.oid, schema_id, 'CREATE')
          AND NOT EXISTS (SELECT FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS g
                          WHERE n.oid = schema_id AND g.grantee = 0 AND g.privilege_type = 'CREATE')
    ) AS c
$$;

REVOKE ALL ON FUNCTION splitplane._creators(oid, oid) FROM PUBLIC;

CREATE FUNCTION splitplane.allow_extension(extension name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    installed record;
    problem text;
    creators text;
    unreadable regclass;
BEGIN
    PERFORM splitplane._administration('allow_extension', jsonb_build_object('extension', allow_extension.extension));
    PERFORM splitplane._check_isolation('allow_extension');
    IF extension IS NULL THEN
        RAISE EXCEPTION 'extension must not be NULL' USING ERRCODE = '22023';
    END IF;
    SELECT e.oid, e.extowner, n.oid AS schema, n.nspname INTO installed
      FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
     WHERE e.extname = allow_extension.extension;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'extension "%" is not installed in this database', extension USING ERRCODE = '42704';
    END IF;
    IF NOT EXISTS (SELECT FROM splitplane._read_libraries() AS l WHERE l.extension = allow_extension.extension) THEN
        RAISE EXCEPTION 'extension "%" cannot be in the plane: there is no list of it', extension
            USING ERRCODE = '0A000', HINT = 'Single functions of it can be allowed by splitplane.allow_function.';
    END IF;
    problem := splitplane._extension_problem(extension);
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'extension "%" cannot be in the plane: its library is none that was read', extension
            USING ERRCODE = '0A000', DETAIL = problem;
    END IF;

    LOCK TABLE splitplane.relations, splitplane.views, splitplane.allowed_functions, splitplane.allowed_extensions
        IN SHARE ROW EXCLUSIVE MODE;
    creators := splitplane._creators(installed.schema, installed.extowner);
    IF creators IS NOT NULL THEN
        RAISE WARNING 'roles that may create objects in schema %, where extension % is: %',
            quote_ident(installed.nspname), quote_ident(extension), creators
            USING HINT = 'What they create there is never run, but statements that mean it are refused. '
                         'Revoke CREATE on the schema, or move the extension to a schema of its own.';
    END IF;
    FOR unreadable IN
        SELECT l.object::regclass FROM splitplane._listed_objects(extension) AS l
        WHERE l.kind = 'table' AND NOT has_table_privilege('splitplane_reader', l.object, 'SELECT')
    LOOP
        RAISE WARNING 'splitplane_reader may not read table %, which functions of extension % read',
            unreadable, quote_ident(extension)
            USING HINT = format('GRANT SELECT ON TABLE %s TO splitplane_reader;', unreadable);
    END LOOP;
    IF EXISTS (SELECT FROM splitplane.allowed_extensions AS a
               WHERE a.extension = allow_extension.extension AND a.saved ->> 'schema' = installed.nspname) THEN
        PERFORM splitplane._use_schema(installed.nspname);
        RETURN;
    END IF;
    PERFORM splitplane._forget_extension(extension);
    INSERT INTO splitplane.allowed_extensions (extension, saved)
    VALUES (allow_extension.extension, jsonb_build_object(
        'schema', installed.nspname, 'schema_usage', splitplane._use_schema(installed.nspname)));
END
$$;

REVOKE ALL ON FUNCTION splitplane.allow_extension(name) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.allow_extension(name) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.allow_extension(name) IS
    'Adds to the plane what its list names of an extension: types, operators, casts, aggregates and functions.';

-- Whether there was one.
CREATE FUNCTION splitplane._forget_extension(extension name) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept jsonb;
    granted text;
BEGIN
    DELETE FROM splitplane.allowed_extensions AS a WHERE a.extension = _forget_extension.extension
        RETURNING a.saved INTO kept;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- What doctor() said to grant, where PUBLIC had it no more.
    FOR granted IN
        SELECT splitplane._signature(p.oid)
        FROM splitplane._listed_objects(_forget_extension.extension) AS l JOIN pg_proc AS p ON p.oid = l.object
        WHERE l.kind IN ('function', 'aggregate')
          AND EXISTS (SELECT FROM aclexplode(p.proacl) AS g WHERE g.grantee = 'splitplane_reader'::regrole)
          AND NOT EXISTS (SELECT FROM splitplane.functions AS f WHERE f.function = p.oid)
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM splitplane_reader', granted);
    END LOOP;
    FOR granted IN
        SELECT l.object::regclass FROM splitplane._listed_objects(_forget_extension.extension) AS l
        WHERE l.kind = 'table' AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = l.object)
    LOOP
        EXECUTE format('REVOKE SELECT ON TABLE %s FROM splitplane_reader', granted);
    END LOOP;
    PERFORM splitplane._leave_schema(kept ->> 'schema', (kept ->> 'schema_usage')::boolean);
    RETURN true;
END
$$;

REVOKE ALL ON FUNCTION splitplane._forget_extension(name) FROM PUBLIC;

CREATE FUNCTION splitplane.disallow_extension(extension name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    readable text[];
    closed record;
BEGIN
    PERFORM splitplane._administration('disallow_extension', jsonb_build_object(
        'extension', disallow_extension.extension));
    PERFORM splitplane._check_isolation('disallow_extension');
    LOCK TABLE splitplane.relations, splitplane.views, splitplane.allowed_functions, splitplane.allowed_extensions
        IN SHARE ROW EXCLUSIVE MODE;
    readable := splitplane._readable_views();
    IF NOT splitplane._forget_extension(extension) THEN
        RAISE EXCEPTION 'extension "%" is not allowed', coalesce(extension, 'NULL') USING ERRCODE = '42704';
    END IF;
    FOR closed IN
        SELECT r.name, splitplane._view_problem(r.name) AS problem FROM unnest(readable) AS r(name)
    LOOP
        CONTINUE WHEN closed.problem IS NULL;
        RAISE WARNING 'view "%" can be read no longer: %', closed.name, closed.problem
            USING HINT = 'Change or take out that view, or allow the extension again.';
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane.disallow_extension(name) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.disallow_extension(name) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.disallow_extension(name) IS 'Reverts allow_extension.';

-- ALTER EXTENSION .. ADD and DROP change nothing but dependencies, of whose changes PostgreSQL tells other sessions
-- nothing.
CREATE FUNCTION splitplane._on_alter_extension() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._config_changed();
EXCEPTION WHEN OTHERS THEN
    -- A server that lost the library must be able to alter its extensions; no session has read the plane there.
    NULL;
END
$$;

REVOKE ALL ON FUNCTION splitplane._on_alter_extension() FROM PUBLIC;

-- propose: the statement that it would run for each table of a database. It runs nothing. Where it does not know, it
-- says so: a table that is shared by mistake shows every tenant's rows to all, one that is left out shows nothing.

-- Words of names, each a part between underscores, spaces or the like: as a regular expression, for lower case.
--   secret   such a column is left out of a proposal
--   private  a table with such a column is no list that is the same for everyone
--   person   a table of people
--   list     the whole name of such a list
--   kind     the end of the name of such a list
--   entity   what belongs to somebody, whatever its columns
--   tenant   whose rows they may be
CREATE FUNCTION splitplane._proposal_words(subject text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '(^|[^a-z])(' || CASE subject
        WHEN 'secret' THEN
            'passwords?|passwd|pwd|passphrase|secrets?|tokens?|salt|otp|totp|pin|credentials?|private_key|api_?keys?|'
            'hash|digest|recovery|cvv|cvc'
        WHEN 'private' THEN
            'e?mails?|phones?|mobile|fax|street|address|addresses|zip|birth|birthday|born|gender|sex|passport|ssn|iban|'
            'bic|card|passwords?|passwd|pwd|secrets?|tokens?|hash|digest|salt|ip|sessions?|logins?|users?|owners?|'
            'authors?|customers?|clients?|patients?|persons?|people|members?|employees?|staff|contacts?|by|actors?|'
            'assignees?|recipients?|senders?|accounts?|tenants?|orgs?|organi[sz]ations?|company|companies|vendors?|'
            'suppliers?|body|messages?|notes?|comments?|content|payload|data|text|amount|balance|salary|wage|cost|'
            'discount|margin|total|budget|revenue|diagnosis|url|query|path|files?|config|agent|quantity|avatar|prices?|'
            'fees?|stock|sales?|count|scores?'
        WHEN 'person' THEN
            'users?|persons?|people|members?|logins?|identit(y|ies)|profiles?|employees?|accounts?|individuals?'
        WHEN 'list' THEN
            'countr(y|ies)|currenc(y|ies)|languages?|locales?|time_?zones?|units_of_measure|measurement_units|'
            'holidays|holiday_calendars|tax_rates|vat_rates|exchange_rates|continents'
        WHEN 'kind' THEN 'types|kinds|classes|levels|scales|statuses'
        WHEN 'entity' THEN
            'promos?|promotions?|coupons?|vouchers?|gifts?|invites?|invitations?|access|reset|activations?|'
            'verifications?|discounts?|stores?|shops?|warehouses?|branch|branches|depots?|sites?|projects?|customers?|'
            'clients?|patients?|suppliers?|vendors?|partners?|products?|articles?|items?|orders?|bookings?|invoices?|'
            'contracts?|assets?|tags?|labels?|folders?|groups?|teams?|employees?|users?|logs?|queues?|jobs?|events?|'
            'migrations?|flags?|settings?|departments?|divisions?|locations?|cost_cent(er|re)s?|areas?|routes?|rooms?|'
            'buildings?|equipment|machines?|vehicles?|devices?|campaigns?|programs?|programmes?|courses?|skills?|'
            'services?|materials?|parts?|lists?|segments?|territor(y|ies)|stations?|lines?|assignments?|tasks?'
        WHEN 'tenant' THEN
            'tenants?|organi[sz]ations?|orgs?|workspaces?|accounts?|company|companies|business|businesses|merchants?|'
            'institutions?|schools?|clinics?|practices?|agency|agencies|firms?|sites?|clients?|customers?|brands?|'
            'shops?|stores?'
        END || ')([^a-z]|$)'
$$;

REVOKE ALL ON FUNCTION splitplane._proposal_words(text) FROM PUBLIC;

-- A name in lower case, with the capitals inside of it as underscores.
CREATE FUNCTION splitplane._proposal_parts(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN lower(regexp_replace(name, '([a-z0-9])([A-Z])', '\1_\2', 'g'));
END
$$;

REVOKE ALL ON FUNCTION splitplane._proposal_parts(text) FROM PUBLIC;

-- Whether one of the words is in a name, in any spelling: api_key, "API key", "apiKey".
CREATE FUNCTION splitplane._proposal_has(name name, subject text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN splitplane._proposal_parts(name) ~ splitplane._proposal_words(subject)
        OR replace(lower(name), ' ', '_') ~ splitplane._proposal_words(subject);
END
$$;

REVOKE ALL ON FUNCTION splitplane._proposal_has(name, text) FROM PUBLIC;

-- The application's tables.
CREATE FUNCTION splitplane._proposal_tables()
RETURNS TABLE (relation oid, schema_name text, name text, is_partition boolean, is_child boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.oid, n.nspname::text, c.relname::text, c.relispartition,
           NOT c.relispartition AND EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384
      AND NOT EXISTS (SELECT FROM splitplane._kept_elsewhere() AS k WHERE k.relation = c.oid)
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'splitplane')
      AND NOT EXISTS (SELECT FROM pg_depend AS d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
$$;

REVOKE ALL ON FUNCTION splitplane._proposal_tables() FROM PUBLIC;

-- Their foreign keys that are enforced row by row: `is_held`, no column of it may be NULL; `is_owned`, the row goes
-- with the other one. `single` and `target` name the columns of a key of one column.
CREATE FUNCTION splitplane._proposal_keys()
RETURNS TABLE (child oid, parent oid, key name, columns int2[], is_held boolean, is_owned boolean, single text,
               target text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.conrelid, c.confrelid, c.conname, c.conkey,
           (SELECT bool_and(a.attnotnull) FROM pg_attribute AS a
            WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)),
           c.confdeltype = 'c',
           (SELECT a.attname::text FROM pg_attribute AS a
            WHERE a.attrelid = c.conrelid AND cardinality(c.conkey) = 1 AND a.attnum = c.conkey[1]),
           (SELECT a.attname::text FROM pg_attribute AS a
            WHERE a.attrelid = c.confrelid AND cardinality(c.confkey) = 1 AND a.attnum = c.confkey[1])
    FROM pg_constraint AS c
    -- Columns that PostgreSQL 18 has: such a key is not enforced, or says something about periods.
    WHERE c.contype = 'f' AND c.conparentid = 0 AND c.conrelid <> c.confrelid
      AND (to_jsonb(c) ->> 'conenforced') IS DISTINCT FROM 'false'
      AND (to_jsonb(c) ->> 'conperiod') IS DISTINCT FROM 'true'
$$;

REVOKE ALL ON FUNCTION splitplane._proposal_keys() FROM PUBLIC;

-- The table of the tenants with its key, and the columns that hold a tenant's id, with the number of tables that have a
-- column of that name. NULL as table: nothing references one.
-- Among tables with the name of a tenant it is the one that references no other of them and that most tables reference,
-- by far. All NULL: it is not clear.
CREATE FUNCTION splitplane._proposal_tenants(tenant_column text, OUT tenants oid, OUT key text, OUT names text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    bare text;
    unclear boolean;
BEGIN
    IF tenant_column IS NOT NULL
       AND NOT EXISTS (SELECT FROM splitplane._proposal_tables() AS t
                       JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
                       WHERE a.attname = tenant_column) THEN
        RAISE EXCEPTION 'no table has a column "%"', tenant_column USING ERRCODE = '42703';
    END IF;
    WITH keys AS MATERIALIZED (SELECT * FROM splitplane._proposal_keys()),
    candidates AS (
        SELECT k.parent, k.target, count(DISTINCT k.child) AS many
        FROM keys AS k JOIN splitplane._proposal_tables() AS t ON t.relation = k.parent
        WHERE k.single IS NOT NULL
          AND CASE WHEN tenant_column IS NOT NULL THEN k.single = tenant_column
                   ELSE t.name ~* ('^' || splitplane._proposal_words('tenant')) AND t.name !~ '_' END
        GROUP BY k.parent, k.target
    ),
    roots AS (
        SELECT c.parent, c.target, c.many, lead(c.many) OVER (ORDER BY c.many DESC, c.parent) AS next
        FROM candidates AS c
        WHERE tenant_column IS NOT NULL
           OR (c.many >= 3 AND NOT EXISTS (SELECT FROM keys AS k JOIN candidates AS o ON o.parent = k.parent
                                           WHERE k.child = c.parent AND k.is_held))
    )
    SELECT r.parent, r.target, tenant_column IS NULL AND r.next > r.many / 2 INTO tenants, key, unclear
      FROM roots AS r
     ORDER BY r.many DESC, r.parent
     LIMIT 1;
    IF unclear THEN
        tenants := NULL;
        key := NULL;
        RETURN;
    END IF;
    IF tenants IS NOT NULL THEN
        names := ARRAY(SELECT k.single FROM splitplane._proposal_keys() AS k
                       WHERE k.parent = tenants AND k.single IS NOT NULL
                         AND k.target = _proposal_tenants.key
                       GROUP BY k.single
                       -- A name that one table uses says what it is there, and nothing about others.
                       HAVING count(*) >= 3 OR k.single = tenant_column
                       ORDER BY k.single = tenant_column DESC NULLS LAST, count(*) DESC, k.single);
        RETURN;
    END IF;
    -- Without foreign keys: the name alone, in at least three tables and a fifth of all.
    SELECT a.attname::text INTO bare
      FROM splitplane._proposal_tables() AS t
      JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
     WHERE NOT t.is_partition
       AND CASE WHEN tenant_column IS NOT NULL THEN a.attname = tenant_column
                ELSE a.attname ~ '^[a-z]+(_id|_uuid|_key)$'
                     AND a.attname ~ ('^' || splitplane._proposal_words('tenant')) END
     GROUP BY a.attname
    HAVING tenant_column IS NOT NULL
        OR count(*) >= greatest(3, (SELECT count(*) / 5 FROM splitplane._proposal_tables() AS o))
     ORDER BY count(*) DESC, a.attname
     LIMIT 1;
    IF bare IS NOT NULL THEN
        names := ARRAY[bare];
        SELECT t.relation, 'id' INTO tenants, key
          FROM splitplane._proposal_tables() AS t
          JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attname = 'id' AND NOT a.attisdropped
          JOIN pg_index AS i ON i.indrelid = t.relation AND i.indisprimary AND i.indnkeyatts = 1
               AND i.indkey[0] = a.attnum
         WHERE regexp_replace(t.name, '(ies|es|s|y)$', '') = regexp_replace(
                   regexp_replace(bare, '_(id|uuid|key)$', ''), '(ies|es|s|y)$', '')
         ORDER BY t.relation
         LIMIT 1;
    END IF;
END
$$;

REVOKE ALL ON FUNCTION splitplane._proposal_tenants(text) FROM PUBLIC;

-- The arguments of a registration that follow the tables: the columns, if some are to be left out or all must be named,
-- and the plane name that _proposal_names has for it, if any.
CREATE FUNCTION splitplane._proposal_arguments(relation oid, plane_name text, must_name boolean DEFAULT false)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
DECLARE
    columns text[];
BEGIN
    IF must_name OR EXISTS (SELECT FROM pg_attribute AS a
                            WHERE a.attrelid = _proposal_arguments.relation AND a.attnum > 0 AND NOT a.attisdropped
                              AND splitplane._proposal_has(a.attname, 'secret')) THEN
        columns := ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                         WHERE a.attrelid = _proposal_arguments.relation AND a.attnum > 0 AND NOT a.attisdropped
                           AND NOT splitplane._proposal_has(a.attname, 'secret')
                           AND a.atttypid IN (SELECT splitplane._safe_types(_proposal_arguments.relation::regclass))
                         ORDER BY a.attnum);
    END IF;
    RETURN concat(', columns => ' || quote_literal(columns), ', name => ' || quote_literal(plane_name));
END
$$;

REVOKE ALL ON FUNCTION splitplane._proposal_arguments(oid, text, boolean) FROM PUBLIC;

-- The plane names of tables that cannot have their own: a registered table or a view has it, or a table of another
-- schema, of which that of schema public, or of the schema that sorts first, keeps it; or it is no name of the plane.
CREATE FUNCTION splitplane._proposal_names() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    taken text[] := ARRAY(SELECT o.name FROM splitplane._proposal_tables() AS o
                          UNION SELECT r.name FROM splitplane.relations AS r
                          UNION SELECT v.name FROM splitplane.views AS v);
    names jsonb := '{}';
    entry record;
    stem text;
    chosen text;
    number integer;
BEGIN
    FOR entry IN
        SELECT t.relation, t.schema_name, t.name
        FROM (SELECT o.relation, o.schema_name, o.name,
                     row_number() OVER (PARTITION BY o.name
                                        ORDER BY o.schema_name <> 'public', o.schema_name) AS place
              FROM splitplane._proposal_tables() AS o WHERE NOT o.is_partition) AS t
        WHERE t.place > 1 OR NOT splitplane._is_plane_name(t.name)
           OR EXISTS (SELECT FROM splitplane.relations AS r WHERE r.name = t.name AND r.relation <> t.relation)
           OR EXISTS (SELECT FROM splitplane.views AS v WHERE v.name = t.name)
        ORDER BY t.schema_name, t.name
    LOOP
        stem := regexp_replace(entry.schema_name || '_' || entry.name, '[.[:cntrl:]]', '_', 'g');
        -- A schema may be called PG_..
        IF lower(stem) LIKE 'pg\_%' THEN
            stem := 't_' || stem;
        END IF;
        number := 1;
        LOOP
            -- As many bytes as a name may have.
            WHILE octet_length(stem || CASE WHEN number > 1 THEN '_' || number ELSE '' END) > 63 LOOP
                stem := left(stem, -1);
            END LOOP;
            chosen := stem || CASE WHEN number > 1 THEN '_' || number ELSE '' END;
            EXIT WHEN chosen <> ALL (taken);
            number := number + 1;
        END LOOP;
        taken := taken || chosen;
        names := names || jsonb_build_object(entry.relation, chosen);
    END LOOP;
    RETURN names;
END
$$;

REVOKE ALL ON FUNCTION splitplane._proposal_names() FROM PUBLIC;

-- The argument that names the foreign key, where there are several between two tables.
CREATE FUNCTION splitplane._proposal_key(relation oid, parent oid, key name) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(', key => %L', _proposal_key.key)
    FROM splitplane._foreign_keys(relation::regclass, parent::regclass)
    HAVING count(*) > 1
$$;

REVOKE ALL ON FUNCTION splitplane._proposal_key(oid, oid, name) FROM PUBLIC;

-- Why a foreign key cannot say whose a row is; NULL if it can.
CREATE FUNCTION splitplane._proposal_problem(relation oid, parent oid, key name) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.problem FROM splitplane._foreign_keys(relation::regclass, parent::regclass) AS f
    WHERE f.key = _proposal_problem.key
$$;

REVOKE ALL ON FUNCTION splitplane._proposal_problem(oid, oid, name) FROM PUBLIC;

-- Tables of people with the table of their memberships: it has a tenant column and references them, and no tenant has
-- one person twice.
CREATE FUNCTION splitplane._proposal_memberships(owned oid[], bound jsonb)
RETURNS TABLE (relation oid, membership oid, key name)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT k.parent, min(k.child), min(k.key::text)::name
    FROM splitplane._proposal_keys() AS k
    JOIN splitplane._proposal_tables() AS t ON t.relation = k.parent
    WHERE k.is_held AND k.single IS NOT NULL AND k.child = ANY (owned) AND k.parent <> ALL (owned)
      AND bound ? k.child::text AND splitplane._proposal_has(t.name::name, 'person')
      AND EXISTS (SELECT FROM pg_index AS i
                  WHERE i.indrelid = k.child AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                    AND i.indnkeyatts = 2 AND k.columns[1] = ANY (i.indkey)
                    AND EXISTS (SELECT FROM pg_attribute AS a
                                WHERE a.attrelid = k.child AND a.attname = bound ->> k.child::text
                                  AND a.attnum = ANY (i.indkey)))
    GROUP BY k.parent
    -- Of two it is not known which one says where somebody belongs.
    HAVING count(*) = 1
$$;

REVOKE ALL ON FUNCTION splitplane._proposal_memberships(oid[], jsonb) FROM PUBLIC;

-- Tables that are the same for everyone by all that can be seen: `lists` are those known so far, by which a list of
-- lists is known, and `known` the tenant columns. Nothing in them points to anything else; no column suggests a tenant,
-- a person, a text or an amount; no policies of their own say that rows differ; and what they are is said by a
-- well-known name, by a key that is a code, or by the list that they belong to.
CREATE FUNCTION splitplane._proposal_lists(lists oid[], known text[]) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH keys AS MATERIALIZED (SELECT * FROM splitplane._proposal_keys())
    SELECT t.relation
    FROM splitplane._proposal_tables() AS t
    JOIN pg_class AS c ON c.oid = t.relation AND NOT c.relrowsecurity
    JOIN pg_index AS i ON i.indrelid = t.relation AND i.indisprimary
    WHERE NOT t.is_partition AND NOT t.is_child AND t.relation <> ALL (lists)
      -- Policies also where they are not in force: somebody meant that not everyone sees every row.
      AND NOT EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = t.relation)
      AND NOT EXISTS (SELECT FROM keys AS k WHERE k.child = t.relation AND k.parent <> ALL (lists))
      AND NOT EXISTS (
          SELECT FROM pg_attribute AS a
          WHERE a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
            AND (splitplane._proposal_has(a.attname, 'private') OR splitplane._proposal_has(a.attname, 'tenant')
                 -- The tenant column, and in other words: franchise and franchise_no where it is franchise_id.
                 OR EXISTS (SELECT FROM unnest(known) AS n(name)
                            WHERE a.attname = n.name
                               OR array_remove(regexp_split_to_array(regexp_replace(
                                      splitplane._proposal_parts(n.name), '[_ ]?(id|uuid|key|ref|code|no)$', ''),
                                      '[_ ]+'), '')
                                  && regexp_split_to_array(splitplane._proposal_parts(a.attname), '[_ ]+'))
                 OR a.atttypid IN ('json'::regtype, 'jsonb'::regtype, 'bytea'::regtype, 'inet'::regtype, 'xml'::regtype,
                                   'timestamptz'::regtype, 'timestamp'::regtype)
                 -- What looks like a reference, and is neither a foreign key nor the key of the table.
                 OR (splitplane._proposal_parts(a.attname) ~ '[_ ](id|uuid|ref)$'
                     AND NOT (a.attnum = i.indkey[0] AND i.indnkeyatts = 1)
                     AND NOT EXISTS (SELECT FROM keys AS k WHERE k.child = t.relation AND a.attnum = ANY (k.columns)))))
      AND (SELECT count(*) FROM pg_attribute AS a
           WHERE a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped) <= 12
      AND NOT splitplane._proposal_has(t.name::name, 'private')
      AND (
          -- The name of the whole table, not a part of it.
          t.name ~* ('^' || splitplane._proposal_words('list') || '$')
          -- types of .., with a label, where others say which.
          OR (t.name ~* (splitplane._proposal_words('kind') || '$')
              AND EXISTS (SELECT FROM keys AS k WHERE k.parent = t.relation)
              AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = t.relation
                          AND a.attname IN ('name', 'title', 'label', 'description', 'meaning')))
          -- A code of one column with a label.
          OR (NOT splitplane._proposal_has(t.name::name, 'entity') AND i.indnkeyatts = 1
              AND EXISTS (SELECT FROM keys AS k WHERE k.parent = t.relation)
              AND EXISTS (SELECT FROM pg_attribute AS a
                          WHERE a.attrelid = t.relation AND a.attnum = i.indkey[0]
                            AND a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype)
                            AND a.attname ~* '(^|_)(code|iso|iso2|iso3|iata|icao|unlocode|symbol|abbreviation)$')
              AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = t.relation
                          AND a.attname IN ('name', 'title', 'label', 'description', 'meaning')))
          -- Entries of a list, with the list in their key.
          OR (NOT splitplane._proposal_has(t.name::name, 'entity')
              AND EXISTS (SELECT FROM keys AS k
                          WHERE k.child = t.relation AND k.is_held AND k.columns <@ (i.indkey::int2[])
                            AND k.parent = ANY (lists))))
$$;

REVOKE ALL ON FUNCTION splitplane._proposal_lists(oid[], text[]) FROM PUBLIC;

-- Whether a column can carry a scope, as protect looks at it.
CREATE FUNCTION splitplane._proposal_is_fit(relation oid, column_name text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN EXISTS (SELECT FROM pg_attribute AS a
                   WHERE a.attrelid = _proposal_is_fit.relation AND a.attname = _proposal_is_fit.column_name
                     AND a.attgenerated <> 'v' AND splitplane._type_is_safe(a.atttypid)
                     AND EXISTS (SELECT FROM splitplane._scope_type(splitplane._base_type(a.atttypid)))
                     AND NOT EXISTS (SELECT FROM pg_collation AS c
                                     WHERE c.oid = a.attcollation AND NOT c.collisdeterministic));
END
$$;

REVOKE ALL ON FUNCTION splitplane._proposal_is_fit(oid, text) FROM PUBLIC;

CREATE FUNCTION splitplane.propose(tenant_column text DEFAULT NULL)
RETURNS TABLE (relation regclass, statement text, reason text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    root record;
    known text[];
    -- Of each table with one: the tenant column. Then the tables whose rows have an owner, the people with memberships,
    -- the lists of everyone, and the proposals in the order in which they are to be run.
    bound jsonb := '{}';
    owned oid[];
    people oid[];
    lists oid[];
    found oid[];
    proposals jsonb := '{}';
    names jsonb := splitplane._proposal_names();
    entry record;
    step integer;
    level integer := 2;
    before integer;
BEGIN
    SELECT t.tenants, t.key, t.names INTO root FROM splitplane._proposal_tenants(tenant_column) AS t;
    known := root.names;

    -- Tables with a tenant column: one that references the tenants, or has the name and the type of such a column.
    FOR entry IN
        WITH keys AS MATERIALIZED (SELECT * FROM splitplane._proposal_keys())
        SELECT t.relation, array_agg(a.attname::text ORDER BY place, a.attnum) AS columns,
               min(place) AS place, count(*) FILTER (WHERE place IS NOT NULL) AS many
        FROM splitplane._proposal_tables() AS t
        JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN keys AS k
            ON k.child = t.relation AND k.single = a.attname AND k.parent = root.tenants AND k.target = root.key
        CROSS JOIN LATERAL (SELECT array_position(known, a.attname::text)) AS p(place)
        WHERE NOT t.is_partition AND t.relation IS DISTINCT FROM root.tenants
          AND (k.child IS NOT NULL
               OR (place IS NOT NULL
                   AND (root.tenants IS NULL
                        OR EXISTS (SELECT FROM pg_attribute AS o
                                   WHERE o.attrelid = root.tenants AND o.attname = root.key
                                     AND splitplane._base_type(o.atttypid) = splitplane._base_type(a.atttypid)))
                   AND (t.relation, a.attname::text) NOT IN (SELECT o.child, o.single FROM keys AS o
                                                             WHERE o.single IS NOT NULL)))
        GROUP BY t.relation
    LOOP
        IF cardinality(entry.columns) = 1 OR entry.place IS NOT NULL THEN
            bound := bound || jsonb_build_object(entry.relation, entry.columns[1]);
        ELSE
            proposals := proposals || jsonb_build_object(entry.relation, jsonb_build_object('reason', format(
                'Several columns hold the id of a tenant: %s. Protect it with the one that says whose a row is.',
                array_to_string(entry.columns, ', '))));
        END IF;
    END LOOP;
    IF root.tenants IS NOT NULL THEN
        bound := bound || jsonb_build_object(root.tenants, root.key);
    END IF;
    owned := ARRAY(SELECT b.key::oid FROM jsonb_each_text(bound) AS b
                   WHERE splitplane._proposal_is_fit(b.key::oid, b.value));
    proposals := proposals || coalesce((
        SELECT jsonb_object_agg(b.key, CASE WHEN b.key::oid <> ALL (owned) THEN jsonb_build_object(
                   'reason', format('Its tenant column %I has a type or a collation that cannot carry a scope.',
                                    b.value))
               ELSE jsonb_build_object(
                   'depth', 0,
                   'statement', format('SELECT splitplane.protect(%L, %L%s);', b.key::oid::regclass,
                                       jsonb_build_object(b.value, 'tenant'),
                                       splitplane._proposal_arguments(b.key::oid, names ->> b.key)),
                   'reason', CASE WHEN b.key::oid = root.tenants
                                  THEN format('It is the table of the tenants: %I is the id of one.', b.value)
                                  ELSE format('Column %I holds the tenant.', b.value) END
                             || CASE WHEN a.attnotnull THEN ''
                                     ELSE ' It may be NULL: nobody sees such rows, and with "tenant or null" everybody '
                                          'would.' END) END)
        FROM jsonb_each_text(bound) AS b
        JOIN pg_attribute AS a ON a.attrelid = b.key::oid AND a.attname = b.value), '{}');
    -- People who may belong to several tenants: those registered through memberships, with whatever belongs to them.
    people := ARRAY(
        WITH RECURSIVE several AS (
            SELECT p.relation FROM splitplane.parents AS p WHERE p.membership
            UNION
            SELECT p.relation FROM splitplane.parents AS p JOIN several AS s ON s.relation = p.parent
            WHERE NOT p.membership)
        SELECT s.relation::oid FROM several AS s);
    -- What is registered already is as an administrator wanted it.
    owned := owned || ARRAY(SELECT r.relation::oid FROM splitplane.relations AS r
                            WHERE NOT r.shared AND r.relation <> ALL (people));
    proposals := proposals || coalesce((
        SELECT jsonb_object_agg(r.relation::oid, '{"reason": "It is in the plane."}'::jsonb)
        FROM splitplane.relations AS r), '{}');

    -- And those who are not registered yet.
    FOR entry IN SELECT m.relation, m.membership, m.key FROM splitplane._proposal_memberships(owned, bound) AS m LOOP
        CONTINUE WHEN proposals ? entry.relation::text
            OR splitplane._proposal_problem(entry.relation, entry.membership, entry.key) IS NOT NULL;
        people := people || entry.relation;
        proposals := proposals || jsonb_build_object(entry.relation, jsonb_build_object(
            'depth', 1,
            'statement', format('SELECT splitplane.protect_through(%L, %L%s%s);', entry.relation::regclass,
                                entry.membership::regclass,
                                splitplane._proposal_arguments(entry.relation, names ->> entry.relation::text, true),
                                splitplane._proposal_key(entry.relation, entry.membership, entry.key)),
            'reason', format('Its rows belong to every tenant with a membership in %s. Read the columns: each such '
                             'tenant sees them.', entry.membership::regclass)));
    END LOOP;

    -- Children, from the top down: through a key that is never NULL, with the others to the same table, since a row may
    -- join two owners; or else through all keys that lead to an owner.
    LOOP
        before := cardinality(owned);
        FOREACH step IN ARRAY ARRAY[1, 2] LOOP
            found := '{}';
            FOR entry IN
                SELECT c.child,
                       -- What is said once holds for the calls that follow.
                       string_agg(format('SELECT splitplane.protect_through(%L, %L%s%s);', c.child::regclass,
                                         c.parent::regclass,
                                         CASE WHEN c.place = 1 THEN
                                             splitplane._proposal_arguments(c.child, names ->> c.child::text) END,
                                         splitplane._proposal_key(c.child, c.parent, c.key)),
                                  ' ' ORDER BY c.place) AS statement,
                       string_agg(format('%s (foreign key %I)', c.parent::regclass, c.key),
                                  CASE step WHEN 1 THEN ' and ' ELSE ', ' END ORDER BY c.place) AS parents
                FROM (
                    SELECT k.child, k.parent, k.key, k.is_held, row_number() OVER w AS place,
                           first_value(k.parent) OVER w AS nearest
                    FROM splitplane._proposal_keys() AS k
                    JOIN splitplane._proposal_tables() AS t ON t.relation = k.child
                    JOIN splitplane._proposal_tables() AS o ON o.relation = k.parent
                    WHERE k.parent = ANY (owned) AND k.child <> ALL (owned) AND k.child <> ALL (people)
                      AND NOT proposals ? k.child::text AND NOT t.is_partition AND NOT t.is_child
                      AND splitplane._proposal_problem(k.child, k.parent, k.key) IS NULL
                    WINDOW w AS (PARTITION BY k.child
                                 ORDER BY k.is_held DESC, k.is_owned DESC,
                                          starts_with(t.name, regexp_replace(o.name, '(ies|es|s|y)$', '')) DESC,
                                          k.columns)
                ) AS c
                WHERE CASE step WHEN 1 THEN c.is_held AND c.parent = c.nearest ELSE NOT c.is_held END
                GROUP BY c.child
            LOOP
                found := found || entry.child;
                proposals := proposals || jsonb_build_object(entry.child, jsonb_build_object(
                    'depth', level,
                    'statement', entry.statement,
                    'reason', CASE step WHEN 1 THEN format('Each of its rows belongs to a row of %s.', entry.parents)
                              ELSE format('Its rows may belong to rows of %s. Nobody sees a row that belongs to none.',
                                          entry.parents) END));
            END LOOP;
            owned := owned || found;
            level := level + 1;
            -- Keys that may be NULL count only where no others do any more.
            EXIT WHEN found <> '{}';
        END LOOP;
        EXIT WHEN cardinality(owned) = before;
    END LOOP;

    -- The lists of everyone; none where nobody knows who the tenants are.
    lists := ARRAY(SELECT r.relation::oid FROM splitplane.relations AS r WHERE r.shared);
    LOOP
        found := CASE WHEN known IS NULL THEN '{}'
                      ELSE ARRAY(SELECT l.relation FROM splitplane._proposal_lists(lists, known) AS l(relation)
                                 WHERE NOT proposals ? l.relation::text) END;
        EXIT WHEN found = '{}';
        lists := lists || found;
        proposals := proposals || (
            SELECT jsonb_object_agg(l.relation, jsonb_build_object(
                       'depth', 0,
                       'statement', format('SELECT splitplane.share(%L%s);', l.relation::regclass,
                                           splitplane._proposal_arguments(l.relation,
                                                                          names ->> l.relation::text)),
                       'reason', 'It looks like a list that is the same for everyone: it references no tenant''s row, '
                                 'and no column suggests private data.'))
            FROM unnest(found) AS l(relation));
    END LOOP;

    RETURN QUERY
        SELECT t.relation::regclass, p.value ->> 'statement',
               coalesce(p.value ->> 'reason', CASE
                   WHEN t.elsewhere IS NOT NULL THEN format('It cannot be in the plane: %s.', t.elsewhere)
                   WHEN t.is_partition THEN 'It is a partition: what is registered is its partitioned table.'
                   WHEN t.is_child THEN 'It inherits from another table, which shows its rows too.'
                   WHEN known IS NULL THEN 'No column clearly holds the tenant. Call propose with its name.'
                   WHEN EXISTS (SELECT FROM splitplane._proposal_keys() AS k
                                WHERE k.child = t.relation AND k.parent = ANY (people))
                   THEN format('Its rows belong to rows of %s, who may be of several tenants.',
                               (SELECT string_agg(DISTINCT k.parent::regclass::text, ', ')
                                FROM splitplane._proposal_keys() AS k
                                WHERE k.child = t.relation AND k.parent = ANY (people)))
                   WHEN EXISTS (SELECT FROM splitplane._proposal_keys() AS k
                                WHERE k.child = t.relation AND k.parent = ANY (owned))
                   THEN (SELECT format('Its rows belong to rows of %s, but foreign key %I %s.', k.parent::regclass,
                                       k.key, splitplane._proposal_problem(k.child, k.parent, k.key))
                         FROM splitplane._proposal_keys() AS k
                         WHERE k.child = t.relation AND k.parent = ANY (owned)
                         ORDER BY k.is_held DESC, k.columns
                         LIMIT 1)
                   ELSE 'Nothing says whose its rows are, or that they are everybody''s: it has no tenant column, and '
                        'no foreign key that leads to one.' END)
        FROM (SELECT a.relation, a.is_partition, a.is_child, NULL AS elsewhere FROM splitplane._proposal_tables() AS a
              UNION ALL
              SELECT k.relation, false, false, min(k.reason)
              FROM splitplane._kept_elsewhere() AS k JOIN pg_class AS c ON c.oid = k.relation
              WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
              GROUP BY k.relation) AS t
        LEFT JOIN jsonb_each(proposals) AS p ON p.key = t.relation::text
        ORDER BY p.value ->> 'statement' IS NULL, (p.value ->> 'depth')::integer, t.relation::regclass::text;
END
$$;

REVOKE ALL ON FUNCTION splitplane.propose(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.propose(text) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.propose(text) IS
    'The statement that would register each table, or why there is none; for a person to read. Runs nothing.';

-- Whether a relation is in the plane for views alone.
CREATE FUNCTION splitplane._is_hidden(relation regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = _is_hidden.relation AND r.hidden)
$$;

REVOKE ALL ON FUNCTION splitplane._is_hidden(regclass) FROM PUBLIC;

-- Hides a relation that has just been registered. Every view reads it as before.
CREATE FUNCTION splitplane._hide(relation regclass, hidden boolean, was_hidden boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF hidden IS NULL THEN
        RAISE EXCEPTION 'hidden must not be NULL' USING ERRCODE = '22023';
    END IF;
    IF was_hidden AND NOT hidden THEN
        RAISE WARNING '% is hidden no longer', relation
            USING HINT = 'Say hidden => true each time a hidden table is registered.';
    END IF;
    -- Citus sends views to other nodes as plain sub-selects, so that nothing keeps a condition of a statement behind
    -- one: an error over a value that the view filters would tell it.
    IF hidden AND EXISTS (SELECT FROM splitplane._tables_of_citus() AS t WHERE t.relation = _hide.relation) THEN
        RAISE EXCEPTION '% cannot be hidden: Citus keeps its rows, and does not keep security barriers', relation
            USING ERRCODE = '0A000';
    END IF;
    IF hidden THEN
        UPDATE splitplane.relations AS r SET hidden = true WHERE r.relation = _hide.relation;
    END IF;
END
$$;

REVOKE ALL ON FUNCTION splitplane._hide(regclass, boolean, boolean) FROM PUBLIC;

-- The type of a name that format_type gave under this search_path; NULL if there is none any more.
CREATE FUNCTION splitplane._type_named(name text) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN to_regtype(name);
EXCEPTION WHEN undefined_object OR invalid_schema_name OR syntax_error OR invalid_name THEN
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION splitplane._type_named(text) FROM PUBLIC;

-- The database that the numbers of types belong to: a restore gives others.
CREATE FUNCTION splitplane._types_of() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%s/%s', s.system_identifier, d.oid)
    FROM pg_control_system() AS s, pg_database AS d WHERE d.datname = current_database()
$$;

REVOKE ALL ON FUNCTION splitplane._types_of() FROM PUBLIC;

-- The type of a view's column, whatever its name is now; NULL if there is none any more. `types_of` is that of this
-- database.
CREATE FUNCTION splitplane._view_column_type(of_column jsonb, types_of text) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce((SELECT t.oid FROM pg_type AS t
                     WHERE of_column ->> 'number_of' = types_of AND t.oid = (of_column ->> 'number')::oid),
                    splitplane._type_named(of_column ->> 'type'));
END
$$;

REVOKE ALL ON FUNCTION splitplane._view_column_type(jsonb, text) FROM PUBLIC;

-- The views that can be read now. While the plane is closed none can, and what was wrong is not for a change to ask.
CREATE FUNCTION splitplane._readable_views() RETURNS text[]
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN splitplane._critical_finding() IS NOT NULL THEN '{}'
                ELSE ARRAY(SELECT v.name FROM splitplane.views AS v
                           WHERE splitplane._view_problem(v.name) IS NULL ORDER BY v.name) END
$$;

REVOKE ALL ON FUNCTION splitplane._readable_views() FROM PUBLIC;

-- Refuses a change after which a view that could be read cannot any more.
CREATE FUNCTION splitplane._keep_views(readable text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    broken record;
BEGIN
    FOR broken IN
        SELECT r.name, splitplane._view_problem(r.name) AS problem FROM unnest(readable) AS r(name)
    LOOP
        CONTINUE WHEN broken.problem IS NULL;
        RAISE EXCEPTION 'view "%" could not be read any more: %', broken.name, broken.problem
            USING ERRCODE = CASE WHEN broken.problem LIKE 'the view is too complex: %' THEN '54001' ELSE '2BP01' END,
                  HINT = 'Change or take out that view first.';
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane._keep_views(text[]) FROM PUBLIC;

CREATE FUNCTION splitplane.define_view(
    name text, sql text, description text DEFAULT NULL, private_columns text[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
DECLARE
    readable text[];
    column_row record;
    found_columns jsonb;
    column_name text;
BEGIN
    PERFORM splitplane._administration('define_view', jsonb_build_object(
        'name', define_view.name, 'sql', define_view.sql, 'description', define_view.description,
        'private_columns', define_view.private_columns));
    PERFORM splitplane._check_isolation('define_view');
    IF name IS NULL THEN
        RAISE EXCEPTION 'the name of a view must not be NULL' USING ERRCODE = '22023';
    END IF;
    PERFORM splitplane._check_plane_name(define_view.name);
    IF sql IS NULL OR sql !~ '[^[:space:]]' THEN
        RAISE EXCEPTION 'the SQL is NULL or blank' USING ERRCODE = '22023';
    END IF;
    IF description IS NOT NULL THEN
        PERFORM splitplane._check_words('the description', description, false);
    END IF;
    LOCK TABLE splitplane.relations, splitplane.views IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM splitplane.relations AS r WHERE r.name = define_view.name) THEN
        RAISE EXCEPTION 'plane name "%" is taken by %', define_view.name,
            (SELECT r.relation FROM splitplane.relations AS r WHERE r.name = define_view.name)
            USING ERRCODE = '42710', HINT = 'Give another one as argument "name".';
    END IF;
    readable := CASE WHEN EXISTS (SELECT FROM splitplane.views AS v WHERE v.name = define_view.name)
                     THEN array_remove(splitplane._readable_views(), define_view.name) ELSE '{}' END;
    INSERT INTO splitplane.views AS v (name, sql, description, columns)
    VALUES (define_view.name, define_view.sql, define_view.description, '[]')
    ON CONFLICT ON CONSTRAINT views_pkey DO UPDATE
        SET sql = excluded.sql, description = excluded.description, columns = '[]', private_columns = '{}',
            changed_at = excluded.changed_at, changed_by = excluded.changed_by;
    FOR column_row IN
        SELECT c.column_name AS name, c.type, c.modifier, r.name AS relation, a.attname, c.position
        FROM splitplane._view_columns(define_view.name)
             WITH ORDINALITY AS c(column_name, type, modifier, of, of_column, position)
        LEFT JOIN splitplane.relations AS r ON r.relation = c.of
        LEFT JOIN pg_attribute AS a ON a.attrelid = c.of AND a.attnum = c.of_column
        ORDER BY c.position
    LOOP
        IF column_row.name = '?column?' THEN
            RAISE EXCEPTION 'column % of the view has no name', column_row.position
                USING ERRCODE = '22023', HINT = 'Give it one with AS.';
        END IF;
        IF EXISTS (SELECT FROM jsonb_array_elements(found_columns) AS c WHERE c ->> 'name' = column_row.name) THEN
            RAISE EXCEPTION 'the view has two columns with the name "%"', column_row.name
                USING ERRCODE = '42701', HINT = 'Give one of them another name with AS.';
        END IF;
        IF NOT splitplane._type_is_safe(column_row.type) THEN
            RAISE EXCEPTION 'column "%" of the view has type %, which the plane does not carry', column_row.name,
                format_type(column_row.type, NULL)
                USING ERRCODE = '0A000';
        END IF;
        found_columns := coalesce(found_columns, '[]') || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
            'name', column_row.name, 'type', format_type(column_row.type, -1), 'modifier', column_row.modifier,
            'number', CASE WHEN column_row.type >= 16384 THEN column_row.type::bigint END,
            'number_of', CASE WHEN column_row.type >= 16384 THEN splitplane._types_of() END,
            'of', CASE WHEN column_row.relation IS NOT NULL
                       THEN jsonb_build_array(column_row.relation, column_row.attname) END)));
    END LOOP;
    IF found_columns IS NULL THEN
        RAISE EXCEPTION 'a view has at least one column' USING ERRCODE = '22023';
    END IF;
    IF (SELECT count(*) <> count(DISTINCT w.name) FROM unnest(define_view.private_columns) AS w(name)) THEN
        RAISE EXCEPTION 'the list of private columns of view "%" holds a NULL or one name twice', define_view.name
            USING ERRCODE = '22023';
    END IF;
    FOREACH column_name IN ARRAY coalesce(define_view.private_columns, '{}') LOOP
        IF NOT EXISTS (SELECT FROM jsonb_array_elements(found_columns) AS c WHERE c ->> 'name' = column_name) THEN
            RAISE EXCEPTION 'private column "%" is no column of view "%"', column_name, define_view.name
                USING ERRCODE = '42703';
        END IF;
    END LOOP;
    UPDATE splitplane.views AS v
       SET columns = found_columns, private_columns = coalesce(define_view.private_columns, '{}')
     WHERE v.name = define_view.name;
    PERFORM splitplane._keep_views(readable);
END
$$;

REVOKE ALL ON FUNCTION splitplane.define_view(text, text, text, text[]) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.define_view(text, text, text, text[]) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.define_view(text, text, text, text[]) IS
    'Adds a query over the plane that can be named like a table. The SQL is proved first. '
    'Call it again to change the view.';

CREATE FUNCTION splitplane.undefine_view(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    readable text[];
BEGIN
    PERFORM splitplane._administration('undefine_view', jsonb_build_object('name', undefine_view.name));
    PERFORM splitplane._check_isolation('undefine_view');
    LOCK TABLE splitplane.relations, splitplane.views IN SHARE ROW EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM splitplane.views AS v WHERE v.name = undefine_view.name) THEN
        RAISE EXCEPTION 'there is no view "%"', coalesce(undefine_view.name, 'NULL') USING ERRCODE = '42704';
    END IF;
    readable := array_remove(splitplane._readable_views(), undefine_view.name);
    DELETE FROM splitplane.views AS v WHERE v.name = undefine_view.name;
    PERFORM splitplane._keep_views(readable);
END
$$;

REVOKE ALL ON FUNCTION splitplane.undefine_view(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.undefine_view(text) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.undefine_view(text) IS 'Takes a view out of the plane.';

-- Views that cannot be read as they were defined. Not while the plane is closed: then nothing can.
CREATE FUNCTION splitplane._view_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view_name text;
    problem text;
BEGIN
    RETURN QUERY
        SELECT 'warning', format('view %s', v.name),
               format('Table %s of the plane has the same name: a statement that names it reads the view.',
                      r.relation),
               format('SELECT splitplane.undefine_view(%L);', v.name)
        FROM splitplane.views AS v JOIN splitplane.relations AS r USING (name) ORDER BY v.name;
    IF splitplane._critical_finding() IS NOT NULL THEN
        RETURN;
    END IF;
    FOR view_name IN SELECT v.name FROM splitplane.views AS v ORDER BY v.name LOOP
        BEGIN
            problem := splitplane._view_problem(view_name);
        EXCEPTION WHEN OTHERS THEN
            problem := SQLERRM;
        END;
        IF problem IS NOT NULL THEN
            severity := 'warning';
            object := format('view %s', view_name);
            finding := format('It cannot be read as it was defined: %s.', problem);
            -- What closes it may be mended by another fix of the same run.
            fix := format('-- define it again, or take it out: SELECT splitplane.undefine_view(%L);', view_name);
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane._view_findings() FROM PUBLIC;

-- What is used and reserved of a budget in its present window, in millionths, and when that ends, in microseconds since
-- 2000-01-01 UTC.
CREATE FUNCTION splitplane._budget_use(
    tenant text, measure text, microseconds bigint, OUT used bigint, OUT reserved bigint, OUT resets_at bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 1
AS 'MODULE_PATHNAME', 'splitplane_2__budget_use';

REVOKE ALL ON FUNCTION splitplane._budget_use(text, text, bigint) FROM PUBLIC;

-- What one call reserves of each measure, in millionths; `most` is NULL for a cost without a price. Measures of models
-- are left out where no model is configured.
CREATE FUNCTION splitplane._budget_needs(OUT measure text, OUT most bigint) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 5
AS 'MODULE_PATHNAME', 'splitplane_2__budget_needs';

REVOKE ALL ON FUNCTION splitplane._budget_needs() FROM PUBLIC;

-- A number as millionths, if it can be one.
CREATE FUNCTION splitplane._millionths(what text, amount numeric) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- NaN and infinity are larger than every number.
    IF amount IS NULL OR amount < 0 OR amount > 1000000000000 THEN
        RAISE EXCEPTION '% must be a number from 0 to 1000000000000', what USING ERRCODE = '22023';
    END IF;
    IF amount <> trunc(amount, 6) THEN
        RAISE EXCEPTION '% has more than six digits behind the point', what USING ERRCODE = '22023';
    END IF;
    RETURN (amount * 1000000)::bigint;
END
$$;

REVOKE ALL ON FUNCTION splitplane._millionths(text, numeric) FROM PUBLIC;

CREATE FUNCTION splitplane._check_budget(tenant text, measure text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._check_identity('tenant', tenant);
    IF tenant = '' THEN
        RAISE EXCEPTION 'tenant is empty' USING ERRCODE = '22023';
    END IF;
    IF measure IS NULL OR measure NOT IN ('calls', 'model_calls', 'tokens', 'cost', 'run_seconds') THEN
        RAISE EXCEPTION 'measure must be calls, model_calls, tokens, cost or run_seconds' USING ERRCODE = '22023';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION splitplane._check_budget(text, text) FROM PUBLIC;

CREATE FUNCTION splitplane.set_budget(tenant text, measure text, amount numeric, period interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('set_budget', jsonb_build_object(
        'tenant', set_budget.tenant, 'measure', set_budget.measure, 'amount', set_budget.amount,
        'period', set_budget.period));
    PERFORM splitplane._check_budget(tenant, measure);
    IF period IS NULL OR NOT isfinite(period) OR period < interval '1 second' OR period > interval '3660 days' THEN
        RAISE EXCEPTION 'period must be an interval from 1 second to 3660 days' USING ERRCODE = '22023';
    END IF;
    -- They have no fixed length.
    IF extract(year FROM period) <> 0 OR extract(month FROM period) <> 0 THEN
        RAISE EXCEPTION 'period must not have months or years: give it in days' USING ERRCODE = '22023';
    END IF;
    INSERT INTO splitplane.budget_limits AS b (tenant, measure, amount, period, microseconds)
    VALUES (set_budget.tenant, set_budget.measure, splitplane._millionths('amount', set_budget.amount),
            set_budget.period, (extract(epoch FROM set_budget.period) * 1000000)::bigint)
    ON CONFLICT ON CONSTRAINT budget_limits_pkey DO UPDATE
        SET amount = excluded.amount, period = excluded.period, microseconds = excluded.microseconds;
END
$$;

REVOKE ALL ON FUNCTION splitplane.set_budget(text, text, numeric, interval) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.set_budget(text, text, numeric, interval) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.set_budget(text, text, numeric, interval) IS
    'How much a tenant may use in each period, which begin at whole multiples from 2000-01-01 UTC. '
    'Tenant ''*'' is the default of every tenant; measures are calls, model_calls, tokens, cost and run_seconds.';

CREATE FUNCTION splitplane.clear_budget(tenant text, measure text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('clear_budget', jsonb_build_object(
        'tenant', clear_budget.tenant, 'measure', clear_budget.measure));
    PERFORM splitplane._check_budget(tenant, measure);
    DELETE FROM splitplane.budget_limits AS b
     WHERE b.tenant = clear_budget.tenant AND b.measure = clear_budget.measure;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no budget of % for tenant "%"', measure, tenant USING ERRCODE = '42704';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION splitplane.clear_budget(text, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.clear_budget(text, text) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.clear_budget(text, text) IS
    'Takes a budget away. A tenant''s own then gives way to the default, if there is one.';

CREATE FUNCTION splitplane.set_price(model text, input numeric, output numeric) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('set_price', jsonb_build_object(
        'model', set_price.model, 'input', set_price.input, 'output', set_price.output));
    IF model IS NULL OR model = '' THEN
        RAISE EXCEPTION 'model is NULL or empty' USING ERRCODE = '22023';
    END IF;
    INSERT INTO splitplane.prices AS p (model, input, output)
    VALUES (set_price.model, splitplane._millionths('input', set_price.input),
            splitplane._millionths('output', set_price.output))
    ON CONFLICT ON CONSTRAINT prices_pkey DO UPDATE SET input = excluded.input, output = excluded.output;
END
$$;

REVOKE ALL ON FUNCTION splitplane.set_price(text, numeric, numeric) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.set_price(text, numeric, numeric) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.set_price(text, numeric, numeric) IS
    'What a model costs for a million tokens that it reads (input) and writes (output), in your currency.';

-- Every budget that is set, and for each registered tenant the default where it has none of its own. The view calls it
-- as whoever reads the view.
CREATE FUNCTION splitplane._budgets()
RETURNS TABLE (tenant text, measure text, amount numeric, period interval, used numeric, reserved numeric,
               resets_at timestamptz)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.tenant, b.measure, trim_scale(b.amount / 1000000::numeric), b.period,
           trim_scale(u.used / 1000000::numeric), trim_scale(u.reserved / 1000000::numeric),
           timestamptz '2000-01-01 00:00:00+00'
           + make_interval(days => (u.resets_at / 86400000000)::integer,
                           secs => (u.resets_at % 86400000000) / 1000000::double precision)
    FROM (
        SELECT l.tenant, l.measure, l.amount, l.period, l.microseconds FROM splitplane.budget_limits AS l
        UNION ALL
        SELECT p.tenant, l.measure, l.amount, l.period, l.microseconds
        FROM (SELECT DISTINCT r.tenant FROM splitplane.principals AS r) AS p
        JOIN splitplane.budget_limits AS l ON l.tenant = '*'
        WHERE NOT EXISTS (SELECT FROM splitplane.budget_limits AS o
                          WHERE o.tenant = p.tenant AND o.measure = l.measure)
    ) AS b
    CROSS JOIN LATERAL splitplane._budget_use(b.tenant, b.measure, b.microseconds) AS u
$$;

REVOKE ALL ON FUNCTION splitplane._budgets() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane._budgets() TO splitplane_admin;

CREATE VIEW splitplane.budgets AS
    SELECT b.tenant, b.measure, b.amount, b.period, b.used, b.reserved, b.resets_at FROM splitplane._budgets() AS b;

COMMENT ON VIEW splitplane.budgets IS
    'What each tenant may use, has used and has reserved in the present window; ''*'' is the default of every tenant.';

-- Why the fences of a foreign table are not as they must be on its data server, or cannot be looked at; or NULL.
CREATE FUNCTION splitplane._data_server_problem(leaf oid, tenant_column text) RETURNS text
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__data_server_problem';

REVOKE ALL ON FUNCTION splitplane._data_server_problem(oid, text) FROM PUBLIC;

-- How many rows of a directory's table are seen without a claim, and with a tenant's claim of its own and of others;
-- the first is NULL where the data server takes no claims.
CREATE FUNCTION splitplane._data_server_seen(
    directory oid, tenant_column text, tenant text, OUT unclaimed bigint, OUT own bigint, OUT others bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 1
AS 'MODULE_PATHNAME', 'splitplane_2__data_server_seen';

REVOKE ALL ON FUNCTION splitplane._data_server_seen(oid, text, text) FROM PUBLIC;

-- Why a table cannot be a directory; nothing if it can.
CREATE FUNCTION splitplane._directory_problems(relation regclass, tenant_column text) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT CASE
            WHEN c.relkind <> 'p' OR p.partstrat <> 'l' OR p.partnatts <> 1 OR p.partattrs[0] IS DISTINCT FROM a.attnum
                THEN format('it is not partitioned by LIST of %I', tenant_column)
            WHEN a.atttypid NOT IN ('text'::regtype, 'varchar'::regtype, 'uuid'::regtype, 'int2'::regtype,
                                    'int4'::regtype, 'int8'::regtype)
                THEN format('%I has type %s: a tenant on data servers is of type text, varchar, uuid, smallint, '
                            'integer or bigint', tenant_column, format_type(a.atttypid, a.atttypmod))
            WHEN NOT o.opcdefault OR p.partcollation[0] <> a.attcollation
                THEN format('it is partitioned by another order than that of %I', tenant_column) END
        FROM pg_class AS c
        LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = tenant_column AND NOT a.attisdropped
        LEFT JOIN pg_partitioned_table AS p ON p.partrelid = c.oid
        LEFT JOIN pg_opclass AS o ON o.oid = p.partclass[0]
        WHERE c.oid = _directory_problems.relation
          AND (p.partrelid IS NULL OR p.partstrat <> 'l' OR p.partnatts <> 1
               OR p.partattrs[0] IS DISTINCT FROM a.attnum
               OR a.atttypid NOT IN ('text'::regtype, 'varchar'::regtype, 'uuid'::regtype, 'int2'::regtype,
                                     'int4'::regtype, 'int8'::regtype)
               OR NOT o.opcdefault OR p.partcollation[0] <> a.attcollation)
        UNION ALL
        SELECT CASE
            WHEN w.fdwname IS DISTINCT FROM 'postgres_fdw'
                THEN format('its partition %s is not a foreign table of postgres_fdw', i.inhrelid::regclass)
            WHEN c.relnamespace <> parent.relnamespace
                THEN format('its partition %s is in another schema', i.inhrelid::regclass)
            WHEN d.server IS NULL
                THEN format('the server of its partition %s is none that use_data_server was told of',
                            i.inhrelid::regclass) END
        FROM pg_inherits AS i
        JOIN pg_class AS c ON c.oid = i.inhrelid
        JOIN pg_class AS parent ON parent.oid = i.inhparent
        LEFT JOIN pg_foreign_table AS t ON t.ftrelid = i.inhrelid
        LEFT JOIN pg_foreign_server AS s ON s.oid = t.ftserver
        LEFT JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
        LEFT JOIN splitplane.data_servers AS d ON d.server = s.srvname
        WHERE i.inhparent = _directory_problems.relation
          AND (w.fdwname IS DISTINCT FROM 'postgres_fdw' OR c.relnamespace <> parent.relnamespace OR d.server IS NULL);
END
$$;

REVOKE ALL ON FUNCTION splitplane._directory_problems(regclass, text) FROM PUBLIC;

-- Refuses what a directory cannot be: a shared table, one with another scope than the tenant, or a parent.
CREATE FUNCTION splitplane._refuse_directory(
    relation regclass, shared boolean, scope jsonb, links splitplane.parents[]) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    column_name text := (SELECT d.tenant_column FROM splitplane.directories AS d
                          WHERE d.relation = _refuse_directory.relation);
BEGIN
    IF column_name IS NOT NULL
       AND (shared OR links IS NOT NULL
            OR scope IS DISTINCT FROM jsonb_build_object(column_name, 'tenant')) THEN
        RAISE EXCEPTION 'data servers keep the rows of %: its scope is its tenant column alone', relation
            USING ERRCODE = '0A000', HINT = 'Use protect_remote, or unprotect it first.';
    END IF;
    IF EXISTS (SELECT FROM unnest(links) AS l JOIN splitplane.directories AS d ON d.relation = l.parent) THEN
        RAISE EXCEPTION 'rows cannot belong to those of a table that data servers keep' USING ERRCODE = '0A000';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION splitplane._refuse_directory(regclass, boolean, jsonb, splitplane.parents[]) FROM PUBLIC;

-- The names that the foreign tables of a data server have in the schema splitplane_remote: by the first it takes
-- claims, by the others its catalog is read.
CREATE FUNCTION splitplane._data_server_tables(server text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT server
    UNION ALL
    SELECT server || '/' || c.name
    FROM unnest(ARRAY['pg_class', 'pg_namespace', 'pg_attribute', 'pg_collation', 'pg_views', 'pg_roles',
                      'enabled_roles']) AS c(name)
$$;

REVOKE ALL ON FUNCTION splitplane._data_server_tables(text) FROM PUBLIC;

-- Makes them, as a data server of that form needs them; the others go.
CREATE FUNCTION splitplane._make_data_server_tables(server text, form text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made text;
    name text;
    columns text;
BEGIN
    FOR made IN SELECT t FROM splitplane._data_server_tables(server) AS t LOOP
        IF form IS NULL OR (made = server) <> (form = 'claimed') THEN
            EXECUTE format('DROP FOREIGN TABLE IF EXISTS splitplane_remote.%I', made);
            CONTINUE;
        END IF;
        name := CASE WHEN made = server THEN 'hello' ELSE substr(made, length(server) + 2) END;
        -- Names as text: postgres_fdw would not send a condition on a column of type name.
        columns := CASE name
            WHEN 'hello' THEN 'one text, fingerprint text, document text'
            WHEN 'pg_class' THEN
                'oid oid, relname text, relnamespace oid, relkind "char", relowner oid, reloptions text[]'
            WHEN 'pg_namespace' THEN 'oid oid, nspname text'
            WHEN 'pg_attribute' THEN 'attrelid oid, attname text, attnum int2, atttypid oid, attcollation oid'
            WHEN 'pg_collation' THEN 'oid oid, collisdeterministic boolean'
            WHEN 'pg_views' THEN 'schemaname text, viewname text, definition text'
            WHEN 'pg_roles' THEN 'oid oid, rolname text, rolsuper boolean, rolbypassrls boolean, '
                                 'rolcreaterole boolean, rolcreatedb boolean, rolreplication boolean'
            WHEN 'enabled_roles' THEN 'role_name text' END;
        IF to_regclass(format('splitplane_remote.%I', made)) IS NULL THEN
            EXECUTE format('CREATE FOREIGN TABLE splitplane_remote.%I (%s) SERVER %I OPTIONS (schema_name %L, '
                           'table_name %L, use_remote_estimate ''false'')', made, columns, server,
                           CASE name WHEN 'hello' THEN 'splitplane_remote'
                                     WHEN 'enabled_roles' THEN 'information_schema' ELSE 'pg_catalog' END, name);
        END IF;
        EXECUTE format('REVOKE ALL ON splitplane_remote.%I FROM PUBLIC', made);
        EXECUTE format('GRANT SELECT ON splitplane_remote.%I TO splitplane_reader', made);
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane._make_data_server_tables(text, text) FROM PUBLIC;

-- Whether it is a partition of a directory, or a foreign table of a data server's own.
CREATE FUNCTION splitplane._is_of_data_server(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_inherits AS i JOIN splitplane.directories AS d ON d.relation = i.inhparent
                   WHERE i.inhrelid = _is_of_data_server.relation)
        OR EXISTS (SELECT FROM pg_class AS c
                   JOIN splitplane.data_servers AS d ON c.relname IN (SELECT splitplane._data_server_tables(d.server))
                   WHERE c.oid = _is_of_data_server.relation
                     AND c.relnamespace = to_regnamespace('splitplane_remote'))
$$;

REVOKE ALL ON FUNCTION splitplane._is_of_data_server(oid) FROM PUBLIC;

-- Grants the reader the columns of the plane on every partition, and nothing else there.
CREATE FUNCTION splitplane._grant_partitions(relation regclass, columns text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    leaf regclass;
BEGIN
    FOR leaf IN SELECT i.inhrelid FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
                 WHERE i.inhparent = relation AND c.relkind = 'f' ORDER BY i.inhrelid LOOP
        EXECUTE format('REVOKE ALL ON TABLE %s FROM splitplane_reader', leaf);
        IF columns IS NOT NULL THEN
            EXECUTE format('GRANT SELECT (%s) ON TABLE %s TO splitplane_reader',
                           (SELECT string_agg(DISTINCT quote_ident(c.name), ', ') FROM unnest(columns) AS c(name)),
                           leaf);
        END IF;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane._grant_partitions(regclass, text[]) FROM PUBLIC;

CREATE FUNCTION splitplane.use_data_server(
    server name, audience text DEFAULT NULL, key_id text DEFAULT NULL, secret text DEFAULT NULL,
    form text DEFAULT 'claimed')
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sealed_secret bytea;
BEGIN
    PERFORM splitplane._administration('use_data_server', jsonb_build_object(
        'server', use_data_server.server, 'audience', use_data_server.audience, 'key_id', use_data_server.key_id,
        'form', use_data_server.form));
    IF form IS NULL OR form NOT IN ('claimed', 'barrier', 'materialized') THEN
        RAISE EXCEPTION 'the form of a data server is claimed, barrier or materialized' USING ERRCODE = '22023';
    END IF;
    IF form <> 'claimed' THEN
        IF server IS NULL OR num_nonnulls(audience, key_id, secret) > 0 THEN
            RAISE EXCEPTION 'a data server of the form % takes no claims: it has a name, and no audience, key id or '
                            'secret', form
                USING ERRCODE = '22023';
        END IF;
        IF octet_length(server::text) > 48 THEN
            RAISE EXCEPTION 'the name of a data server of the form % has at most 48 bytes', form
                USING ERRCODE = '22023';
        END IF;
    ELSIF server IS NULL OR audience IS NULL OR key_id IS NULL OR secret IS NULL OR length(secret) <> 64 THEN
        RAISE EXCEPTION 'a data server needs a name, an audience, a key id, and the secret of 64 characters that '
                        'splitplane_remote.create_key has shown'
            USING ERRCODE = '22023';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_foreign_server AS s JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
                    WHERE s.srvname = use_data_server.server AND w.fdwname = 'postgres_fdw') THEN
        RAISE EXCEPTION 'there is no foreign server "%" of postgres_fdw', server USING ERRCODE = '42704';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'splitplane_remote') THEN
        RAISE EXCEPTION 'the extension splitplane_remote is not installed in this database'
            USING ERRCODE = '55000', HINT = 'CREATE EXTENSION splitplane_remote;';
    END IF;
    IF form = 'claimed' THEN
        sealed_secret := splitplane._seal('data server ' || server, secret);
    END IF;
    INSERT INTO splitplane.data_servers AS d (server, audience, key_id, sealed, form)
    VALUES (use_data_server.server, use_data_server.audience, use_data_server.key_id, sealed_secret,
            use_data_server.form)
    ON CONFLICT ON CONSTRAINT data_servers_pkey DO UPDATE
        SET audience = excluded.audience, key_id = excluded.key_id, sealed = excluded.sealed,
            created_at = excluded.created_at, form = excluded.form;
    PERFORM splitplane._make_data_server_tables(server, form);
END
$$;

REVOKE ALL ON FUNCTION splitplane.use_data_server(name, text, text, text, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.use_data_server(name, text, text, text, text) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.use_data_server(name, text, text, text, text) IS
    'Gives the key of a data server, by the name of its foreign server; once more to give a new key. The statement '
    'contains the secret: see log_statement. With form => ''barrier'' or ''materialized'' the data server takes no '
    'claims.';

CREATE FUNCTION splitplane.forget_data_server(server name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    used text;
BEGIN
    PERFORM splitplane._administration('forget_data_server', jsonb_build_object('server', forget_data_server.server));
    SELECT string_agg(DISTINCT d.relation::text, ', ') INTO used
      FROM splitplane.directories AS d JOIN pg_inherits AS i ON i.inhparent = d.relation
      JOIN pg_foreign_table AS t ON t.ftrelid = i.inhrelid JOIN pg_foreign_server AS s ON s.oid = t.ftserver
     WHERE s.srvname = forget_data_server.server;
    IF used IS NOT NULL THEN
        RAISE EXCEPTION 'data server "%" has partitions of tables in the plane: %', server, used
            USING ERRCODE = '2BP01';
    END IF;
    DELETE FROM splitplane.data_servers AS d WHERE d.server = forget_data_server.server;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no data server "%"', server USING ERRCODE = '42704';
    END IF;
    PERFORM splitplane._make_data_server_tables(server, NULL);
END
$$;

REVOKE ALL ON FUNCTION splitplane.forget_data_server(name) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.forget_data_server(name) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.forget_data_server(name) IS
    'Deletes the key of a data server that no table of the plane uses.';

CREATE FUNCTION splitplane.protect_remote(
    relation regclass, scope jsonb, columns text[] DEFAULT NULL, name text DEFAULT NULL,
    private_columns text[] DEFAULT NULL, hidden boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    was_hidden boolean := splitplane._is_hidden(relation);
    column_name text;
    problem text;
    registered text[];
BEGIN
    PERFORM splitplane._administration('protect_remote', jsonb_build_object(
        'relation', protect_remote.relation, 'scope', protect_remote.scope, 'columns', protect_remote.columns,
        'name', protect_remote.name, 'private_columns', protect_remote.private_columns,
        'hidden', protect_remote.hidden));
    column_name := (SELECT min(s.key) FROM jsonb_each_text(scope) AS s HAVING count(*) = 1 AND min(s.value) = 'tenant');
    IF column_name IS NULL THEN
        RAISE EXCEPTION 'the scope of a table that data servers keep is its tenant column alone'
            USING ERRCODE = '0A000', HINT = 'Such as ''{"tenant_id": "tenant"}''.';
    END IF;
    LOCK TABLE splitplane.relations, splitplane.allowed_functions IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM splitplane.tripwires AS t WHERE t.relation = protect_remote.relation) THEN
        RAISE EXCEPTION 'a tripwire is armed on %, which no data server has', relation USING ERRCODE = '0A000';
    END IF;
    -- Under this lock no partition is attached.
    PERFORM splitplane._lock_relation(relation, false);
    SELECT string_agg(p, '; ') INTO problem FROM splitplane._directory_problems(relation, column_name) AS p;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '% cannot be a directory of data servers: %', relation, problem USING ERRCODE = '0A000';
    END IF;
    INSERT INTO splitplane.directories AS d (relation, tenant_column)
    VALUES (protect_remote.relation, column_name)
    ON CONFLICT ON CONSTRAINT directories_pkey DO UPDATE SET tenant_column = excluded.tenant_column;
    PERFORM splitplane._register(relation, false, scope, columns, name, private_columns);
    PERFORM splitplane._hide(relation, hidden, was_hidden);
    SELECT r.columns INTO registered FROM splitplane.relations AS r WHERE r.relation = protect_remote.relation;
    PERFORM splitplane._grant_partitions(relation, registered || column_name);
END
$$;

REVOKE ALL ON FUNCTION splitplane.protect_remote(regclass, jsonb, text[], text, text[], boolean) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.protect_remote(regclass, jsonb, text[], text, text[], boolean)
    TO splitplane_admin;

COMMENT ON FUNCTION splitplane.protect_remote(regclass, jsonb, text[], text, text[], boolean) IS
    'Adds a table whose partitions are foreign tables of data servers: protect_remote(''orders'', '
    '''{"tenant_id": "tenant"}''). Call it again when a partition was attached.';

-- The audit log. What it records is not in a table, so that it is there after a rollback and on a standby.

-- Called by every administrative function before it does anything. Nothing happens where no log is written.
CREATE FUNCTION splitplane._administration(function text, arguments jsonb) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'splitplane_2__administration';

REVOKE ALL ON FUNCTION splitplane._administration(text, jsonb) FROM PUBLIC;

CREATE FUNCTION splitplane.audit(
    since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, tenant text DEFAULT NULL)
RETURNS TABLE (sequence bigint, at timestamptz, event text, query_id uuid, tenant text, business text, subject text,
               key_id text, source text, outcome text, sqlstate text, reason text, question text, sql text,
               relations text[], rows bigint, bytes bigint, milliseconds double precision, model_calls integer,
               input_tokens bigint, output_tokens bigint, answer bytea, hash bytea)
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'splitplane_2_audit';

REVOKE ALL ON FUNCTION splitplane.audit(timestamptz, timestamptz, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.audit(timestamptz, timestamptz, text) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.audit(timestamptz, timestamptz, text) IS
    'The entries of the audit log that are of this database or of the server itself.';

CREATE FUNCTION splitplane.audit_checkpoint(tenant text DEFAULT NULL) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'splitplane_2_audit_checkpoint';

REVOKE ALL ON FUNCTION splitplane.audit_checkpoint(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.audit_checkpoint(text) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.audit_checkpoint(text) IS
    'A signed checkpoint of the audit log, or a signed note of one tenant''s last entry, to be kept elsewhere.';

CREATE FUNCTION splitplane.verify_audit(checkpoint text DEFAULT NULL)
RETURNS TABLE (severity text, sequence bigint, finding text)
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'splitplane_2_verify_audit';

REVOKE ALL ON FUNCTION splitplane.verify_audit(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.verify_audit(text) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.verify_audit(text) IS
    'What is wrong with the audit log; with a checkpoint that was kept elsewhere also what is missing.';

CREATE FUNCTION splitplane.audit_export(tenant text) RETURNS SETOF text
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'splitplane_2_audit_export';

REVOKE ALL ON FUNCTION splitplane.audit_export(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.audit_export(text) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.audit_export(text) IS
    'The entries of one tenant with the proofs that they are in the log, as lines for splitplane-audit verify-export.';

CREATE FUNCTION splitplane._erase_audit_texts(tenant text, subject text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'splitplane_2__erase_audit_texts';

REVOKE ALL ON FUNCTION splitplane._erase_audit_texts(text, text) FROM PUBLIC;

CREATE FUNCTION splitplane.erase_audit_texts(tenant text, subject text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF tenant IS NULL THEN
        RAISE EXCEPTION 'tenant is NULL' USING ERRCODE = '22023';
    END IF;
    PERFORM splitplane._administration('erase_audit_texts', jsonb_build_object(
        'tenant', erase_audit_texts.tenant, 'subject', erase_audit_texts.subject));
    RETURN splitplane._erase_audit_texts(tenant, subject);
END
$$;

REVOKE ALL ON FUNCTION splitplane.erase_audit_texts(text, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.erase_audit_texts(text, text) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.erase_audit_texts(text, text) IS
    'Overwrites questions and SQL that the audit log keeps of a tenant, or of one subject of it; it still verifies.';

CREATE FUNCTION splitplane._audit_health(
    OUT mode text, OUT log text, OUT entries bigint, OUT stored bigint, OUT most bigint, OUT gaps bigint,
    OUT failed boolean, OUT vkey text, OUT spki text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1
AS 'MODULE_PATHNAME', 'splitplane_2__audit_health';

REVOKE ALL ON FUNCTION splitplane._audit_health() FROM PUBLIC;

CREATE FUNCTION splitplane._audit_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.severity, 'audit log', f.finding, f.fix
    FROM splitplane._audit_health() AS h
    CROSS JOIN LATERAL (
        VALUES ('warning', h.failed,
                'It cannot be written to.',
                '-- the server log says why (splitplane: the audit log cannot be opened)'),
               ('warning', h.gaps > 0,
                format('%s entries could not be written since the server started.', h.gaps),
                '-- the server log says why (splitplane: GAP in the audit log), and entries "gap" when'),
               ('warning', h.stored > 0.8 * h.most,
                format('It takes %s of the %s that splitplane.audit_max_size allows; when it is full, nothing more '
                       'is recorded.', pg_size_pretty(h.stored), pg_size_pretty(h.most)),
                '-- raise splitplane.audit_max_size, or set splitplane.audit_retention'),
               ('info', h.vkey IS NOT NULL AND h.mode <> 'off',
                format('The public key of its notes is %s', h.vkey),
                '-- keep this line elsewhere: splitplane-audit verify .. --key reads it'),
               ('info', h.spki IS NOT NULL AND h.mode <> 'off',
                format('The same key for openssl: %s', replace(btrim(h.spki, E'\n'), E'\n', ' ')),
                '-- keep it elsewhere')
    ) AS f(severity, holds, finding, fix)
    WHERE f.holds
$$;

REVOKE ALL ON FUNCTION splitplane._audit_findings() FROM PUBLIC;

-- Figures for monitoring: views over counters in shared memory, of the current database. Labels are text, values bigint
-- or double precision; nothing is NULL, and every row is there from the start, with 0, but those of tenants: what is
-- not there cannot be told from what was not read.
CREATE FUNCTION splitplane._stat_calls()
RETURNS TABLE (entry_point text, outcome text, reason text, calls bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__stat_calls';

REVOKE ALL ON FUNCTION splitplane._stat_calls() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane._stat_calls() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_calls AS
    SELECT pg_catalog.current_database()::text AS datname, f.entry_point, f.outcome, f.reason, f.calls
    FROM splitplane._stat_calls() AS f;

COMMENT ON VIEW splitplane.stat_calls IS
    'How often calls of each entry point ended in each way; outcome error has a reason, others have none.';

CREATE FUNCTION splitplane._stat_stages()
RETURNS TABLE (stage text, bounds double precision[], counts bigint[], seconds double precision)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__stat_stages';

REVOKE ALL ON FUNCTION splitplane._stat_stages() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane._stat_stages() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_stages AS
    SELECT pg_catalog.current_database()::text AS datname, f.stage, f.bounds, f.counts,
           f.counts[pg_catalog.cardinality(f.counts)] AS calls, f.seconds
    FROM splitplane._stat_stages() AS f;

COMMENT ON VIEW splitplane.stat_stages IS
    'How long each stage of calls took: counts[n] calls took at most bounds[n] seconds. Stage total is the whole call.';

CREATE FUNCTION splitplane._stat_stage_buckets() RETURNS TABLE (stage text, bound text, calls bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__stat_stage_buckets';

REVOKE ALL ON FUNCTION splitplane._stat_stage_buckets() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane._stat_stage_buckets() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_stage_buckets AS
    SELECT pg_catalog.current_database()::text AS datname, f.stage, f.bound AS le, f.calls
    FROM splitplane._stat_stage_buckets() AS f;

COMMENT ON VIEW splitplane.stat_stage_buckets IS
    'stat_stages with a row for each bound: so many calls took at most le seconds.';

CREATE FUNCTION splitplane._stat_tenants()
RETURNS TABLE (
    tenant text, calls bigint, errors bigint, declined bigint, row_count bigint, bytes bigint, seconds double precision,
    model_calls bigint, input_tokens bigint, output_tokens bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__stat_tenants';

REVOKE ALL ON FUNCTION splitplane._stat_tenants() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane._stat_tenants() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_tenants AS
    SELECT pg_catalog.current_database()::text AS datname, f.tenant, f.calls, f.errors, f.declined,
           f.row_count AS rows, f.bytes, f.seconds, f.model_calls, f.input_tokens, f.output_tokens
    FROM splitplane._stat_tenants() AS f;

COMMENT ON VIEW splitplane.stat_tenants IS
    'What each tenant has used, by verified identities; tenant *others is all that have no row of their own.';

CREATE FUNCTION splitplane._stat_models()
RETURNS TABLE (
    model text, purpose text, result text, calls bigint, seconds double precision, input_tokens bigint,
    output_tokens bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__stat_models';

REVOKE ALL ON FUNCTION splitplane._stat_models() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane._stat_models() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_models AS
    SELECT pg_catalog.current_database()::text AS datname, f.model, f.purpose, f.result, f.calls, f.seconds,
           f.input_tokens, f.output_tokens
    FROM splitplane._stat_models() AS f;

COMMENT ON VIEW splitplane.stat_models IS 'Calls of models by what they were for and what came of them.';

CREATE FUNCTION splitplane._stat_ledger()
RETURNS TABLE (used bigint, capacity bigint, keys bigint, horizon double precision)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__stat_ledger';

REVOKE ALL ON FUNCTION splitplane._stat_ledger() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane._stat_ledger() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_ledger AS
    SELECT pg_catalog.current_database()::text AS datname, f.used, f.capacity, f.keys, f.horizon,
           (SELECT coalesce(pg_catalog.sum(c.calls), 0)::bigint FROM splitplane._stat_calls() AS c
            WHERE c.reason OPERATOR(pg_catalog.=) 'ledger_full') AS refused
    FROM splitplane._stat_ledger() AS f;

COMMENT ON VIEW splitplane.stat_ledger IS
    'The replay ledger, which is one for the server: places used and there, keys, horizon; calls refused over it here.';

CREATE FUNCTION splitplane._stat_plane() RETURNS TABLE (shut bigint, since double precision, anomalies bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__stat_plane';

REVOKE ALL ON FUNCTION splitplane._stat_plane() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane._stat_plane() TO pg_monitor, splitplane_admin;

-- A key that has ended is not waited for any more, nor is one that has not begun.
CREATE VIEW splitplane.stat_plane AS
    SELECT pg_catalog.current_database()::text AS datname, f.shut, k.keys, k.key_seconds, f.since, f.anomalies
    FROM splitplane._stat_plane() AS f
    CROSS JOIN (SELECT pg_catalog.count(*) AS keys,
                       coalesce(pg_catalog.min(EXTRACT(epoch FROM n.not_after OPERATOR(pg_catalog.-) pg_catalog.now())
                                               ::double precision), 'Infinity') AS key_seconds
                FROM splitplane.keys AS n
                WHERE n.revoked_at IS NULL AND n.not_before OPERATOR(pg_catalog.<=) pg_catalog.now()
                  AND n.not_after OPERATOR(pg_catalog.>) pg_catalog.now()) AS k;

COMMENT ON VIEW splitplane.stat_plane IS
    'Whether a tripwire has shut the plane (1); keys that are valid, and seconds until the first of them ends; since '
    'when there are figures; calls unlike their principal''s past.';

-- How many findings doctor() has, which takes as long as doctor() itself. Findings name tables, roles and tenants: the
-- counts alone are for monitoring.
CREATE FUNCTION splitplane._stat_doctor() RETURNS TABLE (severity text, findings bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.severity, count(f.severity)
    FROM unnest(ARRAY['critical', 'warning', 'info']) AS s(severity)
    LEFT JOIN splitplane.doctor() AS f ON f.severity = s.severity
    GROUP BY s.severity
$$;

REVOKE ALL ON FUNCTION splitplane._stat_doctor() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane._stat_doctor() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_doctor AS
    SELECT pg_catalog.current_database()::text AS datname, f.severity, f.findings
    FROM splitplane._stat_doctor() AS f;

COMMENT ON VIEW splitplane.stat_doctor IS 'How many findings doctor() has, by severity. It runs doctor().';

-- Of the audit log, which is one for the server.
CREATE FUNCTION splitplane._stat_audit()
RETURNS TABLE (entries bigint, stored bigint, capacity bigint, gaps bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(max(h.entries), 0), coalesce(max(h.stored), 0), coalesce(max(h.most), 0), coalesce(max(h.gaps), 0)
    FROM splitplane._audit_health() AS h
$$;

REVOKE ALL ON FUNCTION splitplane._stat_audit() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane._stat_audit() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_audit AS
    SELECT pg_catalog.current_database()::text AS datname, f.entries, f.stored, f.capacity, f.gaps
    FROM splitplane._stat_audit() AS f;

COMMENT ON VIEW splitplane.stat_audit IS
    'The audit log of the server: entries, bytes stored and allowed (0: any), and entries that could not be written.';

-- Budgets that are set for a tenant by name, and those of the default of which anything is used: a row for every
-- registered tenant would be more than monitoring can store. A tenant that was shut with an amount of 0 is no alarm.
CREATE FUNCTION splitplane._stat_budgets() RETURNS TABLE (tenant text, measure text, used_ratio double precision)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.tenant, b.measure, CASE WHEN u.spent = 0 THEN 0 ELSE coalesce(u.spent / nullif(b.amount, 0), 1) END
    FROM (
        SELECT l.tenant, l.measure, l.amount, l.microseconds, true AS is_named FROM splitplane.budget_limits AS l
        WHERE l.tenant <> '*'
        UNION ALL
        SELECT p.tenant, l.measure, l.amount, l.microseconds, false
        FROM (SELECT DISTINCT r.tenant FROM splitplane.principals AS r) AS p
        JOIN splitplane.budget_limits AS l ON l.tenant = '*'
        WHERE NOT EXISTS (SELECT FROM splitplane.budget_limits AS o
                          WHERE o.tenant = p.tenant AND o.measure = l.measure)
    ) AS b
    CROSS JOIN LATERAL (
        SELECT f.used::double precision + f.reserved AS spent
        FROM splitplane._budget_use(b.tenant, b.measure, b.microseconds) AS f
    ) AS u
    WHERE b.is_named OR u.spent > 0
$$;

REVOKE ALL ON FUNCTION splitplane._stat_budgets() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane._stat_budgets() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_budgets AS
    SELECT pg_catalog.current_database()::text AS datname, f.tenant, f.measure, f.used_ratio
    FROM splitplane._stat_budgets() AS f;

COMMENT ON VIEW splitplane.stat_budgets IS
    'Which part of each budget is used or reserved in the present window: of those set for a tenant by name, and of '
    'the default for tenants that use it.';

CREATE FUNCTION splitplane.stat_reset() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2_stat_reset';

REVOKE ALL ON FUNCTION splitplane.stat_reset() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.stat_reset() TO splitplane_admin;

COMMENT ON FUNCTION splitplane.stat_reset() IS
    'Sets the counters of this database to 0 and forgets its tenants and models.';

-- Findings that break isolation. While there is one, ask refuses.

-- The statement that registers a relation: with a scope by protect, without one by share. Advice where no column is
-- left to name: a call that names none registers all, hidden ones among them, which only `all_columns` asks for. One
-- whose rows belong to those of others by protect_through, which keeps its other parents.
CREATE FUNCTION splitplane._registration(
    relation regclass, scope jsonb, columns text[], name text, private_columns text[],
    all_columns boolean DEFAULT false)
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN scope IS NULL
                THEN '-- call splitplane.protect with the columns that hold the scope now: the registered ones were '
                     'renamed or replaced'
                WHEN NOT all_columns AND cardinality(columns) > 0 IS NOT TRUE
                THEN format('-- its registered columns are gone, or others may have their names now: call '
                            'splitplane.%s with those that are to be in the plane, or: '
                            'SELECT splitplane.unprotect(%L);',
                            CASE WHEN scope = '{}' THEN 'share' ELSE 'protect' END, relation)
                WHEN EXISTS (SELECT FROM splitplane.relations AS r
                             WHERE r.relation = _registration.relation AND NOT r.shared)
                     AND (scope = '{}' OR EXISTS (SELECT FROM splitplane.parents AS p
                                                  WHERE p.relation = _registration.relation))
                THEN coalesce((SELECT format('SELECT splitplane.protect_through(%s);', concat_ws(', ',
                                             quote_literal(l.relation), quote_literal(l.parent),
                                             quote_literal(_registration.columns),
                                             'name => ' || quote_literal(_registration.name),
                                             CASE WHEN cardinality(_registration.private_columns) > 0 THEN
                                                 'private_columns => '
                                                 || quote_literal(_registration.private_columns) END,
                                             'key => ' || quote_literal(l.key),
                                             'scope => ' || quote_literal(nullif(_registration.scope, '{}')),
                                             CASE WHEN splitplane._is_hidden(l.relation) THEN 'hidden => true' END))
                               FROM (SELECT k.*, bool_and(k.has_parent AND (k.has_key
                                                                            OR splitplane._is_renamed(k.link))) OVER ()
                                                     AS is_whole
                                     FROM splitplane._links AS k WHERE k.relation = _registration.relation
                                     ORDER BY k.link LIMIT 1) AS l
                               WHERE l.is_whole),
                              '-- see to it that its parent is in the plane and the foreign key is as it was; if that '
                              'is not to be, call splitplane.unprotect and then splitplane.protect_through with '
                              'another key')
    ELSE format('SELECT splitplane.%s;', CASE WHEN scope = '{}' THEN 'share(' ELSE 'protect(' END
        || concat_ws(', ', quote_literal(relation), quote_literal(nullif(scope, '{}')),
                     CASE WHEN NOT all_columns THEN quote_literal(columns) END, 'name => ' || quote_literal(name),
                     CASE WHEN cardinality(private_columns) > 0
                          THEN 'private_columns => ' || quote_literal(private_columns) END,
                     CASE WHEN splitplane._is_hidden(relation) THEN 'hidden => true' END) || ')') END
$$;

REVOKE ALL ON FUNCTION splitplane._registration(regclass, jsonb, text[], text, text[], boolean) FROM PUBLIC;

-- Those of these columns that the reader has no SELECT of its own on.
CREATE FUNCTION splitplane._unread(relation regclass, names text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                 WHERE a.attrelid = relation AND a.attname::text = ANY (names) AND a.attnum > 0 AND NOT a.attisdropped
                   AND NOT EXISTS (SELECT FROM aclexplode(a.attacl) AS g
                                   WHERE g.grantee = to_regrole('splitplane_reader') AND g.privilege_type = 'SELECT'))
$$;

REVOKE ALL ON FUNCTION splitplane._unread(regclass, text[]) FROM PUBLIC;

-- A registration in the names of today. A column keeps its number, whatever it is called and whichever column has got
-- its name since. Where the numbers are of another table, as after a restore, a scope column that was renamed has its
-- new name in the policy, which depends on the column and not on its name. `scope` is NULL if nothing settles which
-- columns hold the scope: a wrong one would show a tenant the rows of others. `columns` is NULL if one of the names may
-- be another column's, which the plane hides: the reader may read the columns that were registered.
CREATE FUNCTION splitplane._today(
    relation regclass, policy name, saved jsonb,
    INOUT scope jsonb, INOUT columns text[], INOUT private_columns text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    numbers jsonb := CASE WHEN saved ->> 'numbers_of' = splitplane._numbers_of(relation) THEN saved -> 'numbers' END;
    present text[];
    held name;
    bound text[];
    condition text;
    lost text[];
    found text[];
BEGIN
    IF numbers IS NOT NULL THEN
        SELECT array_agg(a.attname::text ORDER BY n.position) INTO columns
          FROM unnest(columns) WITH ORDINALITY AS n(name, position) JOIN pg_attribute AS a
            ON a.attrelid = relation AND a.attnum = (numbers ->> n.name)::int2 AND NOT a.attisdropped;
        private_columns := ARRAY(SELECT a.attname::text FROM unnest(private_columns) AS n(name) JOIN pg_attribute AS a
                                     ON a.attrelid = relation AND a.attnum = (numbers ->> n.name)::int2
                                        AND NOT a.attisdropped);
        scope := (SELECT CASE WHEN count(*) = count(a.attname)
                              THEN coalesce(jsonb_object_agg(a.attname, s.value) FILTER (WHERE a.attname IS NOT NULL),
                                            '{}') END
                  FROM jsonb_each(scope) AS s LEFT JOIN pg_attribute AS a
                      ON a.attrelid = relation AND a.attnum = (numbers ->> s.key)::int2 AND NOT a.attisdropped);
        RETURN;
    END IF;
    -- In a dump of 0.1.0 the policy has the name that it had there.
    held := coalesce((SELECT p.polname FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = policy),
                     'splitplane_scope');
    -- Where the reader may read none of them, privileges were not restored at all, and tell nothing.
    IF cardinality(splitplane._unread(relation, columns)) > 0
       AND EXISTS (SELECT FROM pg_attribute AS a CROSS JOIN aclexplode(a.attacl) AS g
                   WHERE a.attrelid = relation AND a.attacl IS NOT NULL AND a.attnum > 0 AND NOT a.attisdropped
                     AND g.grantee = to_regrole('splitplane_reader') AND g.privilege_type = 'SELECT') THEN
        columns := NULL;
    END IF;
    present := ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND scope ? a.attname::text);
    SELECT array_agg(DISTINCT a.attname::text), max(pg_get_expr(p.polqual, p.polrelid)) INTO bound, condition
      FROM pg_policy AS p
      JOIN pg_depend AS d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
           AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.polrelid AND d.refobjsubid > 0
      JOIN pg_attribute AS a ON a.attrelid = p.polrelid AND a.attnum = d.refobjsubid AND NOT a.attisdropped
     WHERE p.polrelid = relation AND p.polname = held;
    -- Of a policy that is missing, or reads no column, there is nothing to learn. One that shows nothing was made
    -- because that was not settled.
    IF bound IS NULL THEN
        bound := CASE WHEN condition = 'false' OR EXISTS (SELECT FROM pg_policy AS p
                                                          WHERE p.polrelid = relation AND p.polname = held
                                                            AND pg_get_expr(p.polqual, p.polrelid) = 'false')
                      THEN '{}' ELSE present END;
    END IF;
    lost := ARRAY(SELECT s.name FROM jsonb_object_keys(scope) AS s(name) WHERE s.name <> ALL (bound));
    found := ARRAY(SELECT b.name FROM unnest(bound) AS b(name) WHERE NOT scope ? b.name);
    IF cardinality(lost) = 0 THEN
        -- Columns that have exchanged their names are all there, and the policy has each of them under another's.
        IF cardinality(bound) > 1 AND condition <> saved ->> 'policy' THEN
            scope := NULL;
        END IF;
        RETURN;
    END IF;
    IF cardinality(lost) = 1 AND cardinality(found) = 1 AND lost[1] <> ALL (present)
       AND replace(condition, quote_ident(found[1]), quote_ident(lost[1]))
           = replace(saved ->> 'policy', quote_ident(found[1]), quote_ident(lost[1])) THEN
        scope := scope - lost[1] || jsonb_build_object(found[1], scope -> lost[1]);
        columns := array_replace(columns, lost[1], found[1]);
        private_columns := array_replace(private_columns, lost[1], found[1]);
    ELSE
        scope := NULL;
    END IF;
END
$$;

REVOKE ALL ON FUNCTION splitplane._today(regclass, name, jsonb, jsonb, text[], text[]) FROM PUBLIC;

-- The name that a registration gave, or NULL if the plane name is the table's own. Rows of 0.1.0, which a dump may
-- bring, do not say; a plane name that is the table's was most likely taken from it.
CREATE FUNCTION splitplane._given_name(relation regclass, name text, saved jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN saved ? 'named_after_table'
                  OR (NOT saved ? 'closed'
                      AND EXISTS (SELECT FROM pg_class AS c WHERE c.oid = relation AND c.relname = _given_name.name))
                THEN NULL ELSE name END
$$;

REVOKE ALL ON FUNCTION splitplane._given_name(regclass, text, jsonb) FROM PUBLIC;

-- The statement that registers a relation again as it is registered now, and so rebuilds its fences.
CREATE OR REPLACE FUNCTION splitplane._register_again(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT splitplane._registration(r.relation, today.scope, kept.columns,
                                    splitplane._given_name(r.relation, r.name, r.saved), kept.private_columns)
    FROM splitplane.relations AS r
    CROSS JOIN LATERAL splitplane._today(r.relation, '!splitplane_scope', r.saved,
                                         r.scope, r.columns, r.private_columns) AS today
    CROSS JOIN LATERAL (
        -- Columns that do not exist any more, or are not carried, would be refused; NULL if none is left.
        SELECT array_agg(w.name ORDER BY w.position) AS columns,
               array_agg(w.name ORDER BY w.position)
                   FILTER (WHERE w.name = ANY (today.private_columns)) AS private_columns
        FROM unnest(today.columns) WITH ORDINALITY AS w(name, position)
        JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
        WHERE splitplane._type_is_safe(a.atttypid)
    ) AS kept
    WHERE r.relation = _register_again.relation
$$;

-- What an earlier installation left behind: tables outside the plane on which splitplane_reader has privileges, with
-- the statement that revokes them. `is_open` if policies of ours are on the table and none of them closes it: DROP
-- EXTENSION .. CASCADE of a version before 0.2.0 dropped the fence and left the rest.
CREATE FUNCTION splitplane._left_behind() RETURNS TABLE (relation regclass, is_open boolean, remedy text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.oid::regclass,
           EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = ANY (splitplane._policy_names()))
           AND NOT (c.relrowsecurity
                    AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid
                                AND (p.polname = 'splitplane_closed' AND NOT p.polpermissive
                                     -- That of nodes does not let the reader see a row.
                                     OR p.polname = 'splitplane_others'
                                        AND pg_get_expr(p.polqual, p.polrelid) <> 'true'))),
           format('REVOKE ALL ON TABLE %I.%I FROM splitplane_reader;', n.nspname, c.relname)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = c.oid)
      AND EXISTS (
          SELECT FROM aclexplode(c.relacl) AS g WHERE g.grantee = to_regrole('splitplane_reader')
          UNION ALL
          SELECT FROM pg_attribute AS a CROSS JOIN aclexplode(a.attacl) AS g
          WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL AND NOT a.attisdropped
            AND g.grantee = to_regrole('splitplane_reader'))
$$;

REVOKE ALL ON FUNCTION splitplane._left_behind() FROM PUBLIC;

-- What is wrong with the role that untrusted SQL runs as.
CREATE FUNCTION splitplane._reader_findings() RETURNS TABLE (finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'The role that untrusted SQL runs as does not exist.',
           '-- take every relation out with splitplane.unprotect, then drop and create the extension again'
    WHERE to_regrole('splitplane_reader') IS NULL
    UNION ALL
    SELECT format('The role that untrusted SQL runs as %s.', p.power),
           format('ALTER ROLE splitplane_reader %s;', p.remedy)
    FROM splitplane._role_powers('splitplane_reader') AS p
    WHERE p.is_critical AND p.held
    UNION ALL
    SELECT format('The role that untrusted SQL runs as is a member of %I.', m.role_name),
           format('REVOKE %I FROM splitplane_reader;', m.role_name)
    FROM splitplane._reader_memberships() AS m(role_name)
$$;

REVOKE ALL ON FUNCTION splitplane._reader_findings() FROM PUBLIC;

-- Allowed functions that were marked LEAKPROOF afterwards.
CREATE FUNCTION splitplane._leakproof_functions() RETURNS SETOF regprocedure
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.function
    FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function
    WHERE p.proleakproof AND p.oid >= 16384
$$;

REVOKE ALL ON FUNCTION splitplane._leakproof_functions() FROM PUBLIC;

-- One statement that runs others as the roles that it names with SET LOCAL ROLE, so that it does all of it or nothing,
-- and the session's role is then what it was, whether or not it fails. Advice if roles lack schemas: `missing` is what
-- gives them. Nothing for NULL.
CREATE FUNCTION splitplane._as_grantors(statements text, missing text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    body text := 'DECLARE before text := pg_catalog.current_setting(''role''); BEGIN ' || statements
                 || 'PERFORM pg_catalog.set_config(''role'', before, true); END';
BEGIN
    IF statements IS NULL THEN
        RETURN '';
    END IF;
    IF strpos(body, '$') = 0 THEN
        body := repeat('$', 2) || body || repeat('$', 2);
    ELSE
        body := quote_literal(body);
    END IF;
    RETURN concat('-- first ' || missing || '; and then: ', 'DO ', body, '; ');
END
$$;

REVOKE ALL ON FUNCTION splitplane._as_grantors(text, text) FROM PUBLIC;

-- The schemas that somebody must be able to use who names a function.
CREATE FUNCTION splitplane._function_schemas(function oid) RETURNS oid[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT p.pronamespace FROM pg_proc AS p WHERE p.oid = function
                 UNION
                 SELECT t.typnamespace FROM pg_proc AS p JOIN pg_type AS t ON t.oid = ANY (p.proargtypes)
                 WHERE p.oid = function)
$$;

REVOKE ALL ON FUNCTION splitplane._function_schemas(oid) FROM PUBLIC;

-- What roles that granted something lack to name it.
CREATE FUNCTION splitplane._missing_schemas(grantors oid[], schemas oid[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('GRANT USAGE ON SCHEMA %I TO %I', n.nspname, r.rolname), '; '
                      ORDER BY n.nspname, r.rolname)
    FROM pg_namespace AS n CROSS JOIN pg_roles AS r
    WHERE n.oid = ANY (schemas) AND r.oid = ANY (grantors) AND NOT has_schema_privilege(r.oid, n.oid, 'USAGE')
$$;

REVOKE ALL ON FUNCTION splitplane._missing_schemas(oid[], oid[]) FROM PUBLIC;

-- What revokes privileges that others than the owner of an object granted: REVOKE takes back what the one who runs it
-- has granted, and for a superuser that is the owner. `what` is in the words of REVOKE, without the grantees; `schemas`
-- are those of the names in it.
CREATE FUNCTION splitplane._revoked_by_others(
    what text, acl aclitem[], owner oid, grantees oid[], schemas oid[] DEFAULT '{}')
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT splitplane._as_grantors(
               string_agg(DISTINCT format('SET LOCAL ROLE %I; REVOKE %s FROM %s; ', pg_get_userbyid(g.grantor), what,
                                          splitplane._grantee(g.grantee)), ''),
               splitplane._missing_schemas(array_agg(g.grantor), schemas))
    FROM aclexplode(acl) AS g
    WHERE g.grantee = ANY (grantees) AND g.grantor <> owner
$$;

REVOKE ALL ON FUNCTION splitplane._revoked_by_others(text, aclitem[], oid, oid[], oid[]) FROM PUBLIC;

-- The same for a relation and its columns; by default of the reader's privileges. Each by its name: who may grant one
-- column, or what no column has, may not revoke ALL.
CREATE FUNCTION splitplane._grants_of_others(
    relation regclass, grantees oid[] DEFAULT ARRAY[to_regrole('splitplane_reader')::oid])
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT splitplane._as_grantors(
               string_agg(format('SET LOCAL ROLE %I; REVOKE %s ON %s %s FROM %s; ', pg_get_userbyid(g.grantor),
                                 g.privileges, CASE WHEN c.relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relation,
                                 splitplane._grantee(g.grantee)), ''
                          ORDER BY g.grantor, g.grantee, g.privileges),
               splitplane._missing_schemas(array_agg(g.grantor), array_agg(c.relnamespace)))
    FROM pg_class AS c
    CROSS JOIN LATERAL (
        SELECT t.grantor, t.grantee, string_agg(t.privilege_type, ', ' ORDER BY t.privilege_type)
        FROM aclexplode(c.relacl) AS t
        GROUP BY t.grantor, t.grantee
        UNION ALL
        SELECT t.grantor, t.grantee, string_agg(format('%s (%I)', t.privilege_type, a.attname), ', '
                                                ORDER BY a.attnum, t.privilege_type)
        FROM pg_attribute AS a CROSS JOIN aclexplode(a.attacl) AS t
        WHERE a.attrelid = relation AND a.attacl IS NOT NULL AND NOT a.attisdropped
        GROUP BY t.grantor, t.grantee
    ) AS g(grantor, grantee, privileges)
    WHERE c.oid = relation AND g.grantee = ANY (grantees) AND g.grantor <> c.relowner
$$;

REVOKE ALL ON FUNCTION splitplane._grants_of_others(regclass, oid[]) FROM PUBLIC;

-- Of the named relations, or of all if NULL.
CREATE OR REPLACE FUNCTION splitplane._critical_findings(suspects regclass[] DEFAULT NULL)
RETURNS TABLE (object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    reader oid := to_regrole('splitplane_reader');
BEGIN
    RETURN QUERY SELECT 'role splitplane_reader', r.finding, r.fix FROM splitplane._reader_findings() AS r;
    RETURN QUERY
        SELECT splitplane._signature(f.function),
               'This allowed function has since been marked LEAKPROOF. PostgreSQL would evaluate it over the rows of '
               'every tenant, so ask does not call it any more.',
               format('ALTER FUNCTION %s NOT LEAKPROOF;', splitplane._signature(f.function))
        FROM splitplane._leakproof_functions() AS f(function);

    RETURN QUERY
        SELECT p.object, p.finding, p.fix FROM splitplane._server_problems() AS p WHERE p.severity = 'critical';
    -- Every comparison below would be with NULL.
    IF reader IS NULL THEN
        RETURN;
    END IF;

    -- A dropped relation has no row in pg_class and is harmless; another finding of doctor() reports it.
    RETURN QUERY
        WITH state AS (
            SELECT r.relation, r.shared, r.scope, r.columns, r.saved,
                   r.saved ->> 'numbers_of' = h.server || '/' || r.relation::oid AS is_numbered,
                   c.relowner, c.relrowsecurity, c.relacl,
                   r.saved ? 'node' AS on_nodes, splitplane._fence_name(r.saved) AS fence,
                   p.oid IS NULL AS unfenced, p.polpermissive, p.polcmd, p.polroles, p.polqual, p.polwithcheck
            FROM (SELECT s.system_identifier::text AS server FROM pg_control_system() AS s) AS h
            CROSS JOIN splitplane.relations AS r
            JOIN pg_class AS c ON c.oid = r.relation
            LEFT JOIN pg_policy AS p ON p.polrelid = r.relation AND p.polname = splitplane._fence_name(r.saved)
            WHERE suspects IS NULL OR r.relation = ANY (suspects)
        ),
        found AS (
            SELECT s.relation, 'It is owned by splitplane_reader, and row-level security does not apply to owners.',
                   format('ALTER TABLE %s OWNER TO CURRENT_USER;', s.relation)
            FROM state AS s WHERE s.relowner = reader
            UNION ALL
            SELECT s.relation, 'Row-level security is switched off.',
                   format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', s.relation)
            FROM state AS s WHERE (NOT s.shared OR s.on_nodes) AND NOT s.relrowsecurity
            UNION ALL
            SELECT s.relation, format('Its policy %s is missing.', s.fence), NULL
            FROM state AS s WHERE (NOT s.shared OR s.on_nodes) AND s.unfenced
            UNION ALL
            SELECT s.relation,
                   format('Its policy %s is not a %s policy FOR SELECT TO splitplane_reader alone.', s.fence,
                          CASE WHEN s.on_nodes THEN 'permissive' ELSE 'restrictive' END),
                   NULL
            FROM state AS s
            WHERE (NOT s.shared OR s.on_nodes) AND NOT s.unfenced
              AND (s.polpermissive <> s.on_nodes OR s.polcmd <> 'r' OR s.polroles <> ARRAY[reader]
                   OR s.polwithcheck IS NOT NULL)
            UNION ALL
            SELECT s.relation,
                   format('The condition of its policy %s, or the name or type of a scope column, '
                          'has changed since the relation was protected.', s.fence), NULL
            FROM state AS s
            WHERE (NOT s.shared OR s.on_nodes) AND NOT s.unfenced
              AND (pg_get_expr(s.polqual, s.relation)
                   IS DISTINCT FROM s.saved ->> CASE WHEN s.on_nodes THEN 'read' ELSE 'policy' END
                   OR splitplane._scope_types(s.relation, s.scope || splitplane._key_columns(s.relation))
                      IS DISTINCT FROM nullif(s.saved -> 'types', 'null'))
            UNION ALL
            SELECT s.relation,
                   format(CASE WHEN l.has_parent
                               THEN 'Foreign key %I, by which its rows belong to those of %s, was dropped or altered.'
                               ELSE 'Foreign key %I says that its rows belong to those of %s, which is not in the '
                                    'plane or is the same for every tenant.' END,
                          -- Of a table that was dropped nothing but a number is left.
                          l.key, coalesce(o.oid::regclass::text, 'a table that was dropped')), NULL
            FROM state AS s JOIN splitplane._links AS l ON l.relation = s.relation
            LEFT JOIN pg_class AS o ON o.oid = l.parent
            WHERE NOT (l.has_key AND l.has_parent)
            UNION ALL
            SELECT s.relation, 'It has neither a scope nor a parent, so nothing says whose its rows are.',
                   format('SELECT splitplane.unprotect(%L);', s.relation)
            FROM state AS s
            WHERE NOT s.shared AND s.scope = '{}'
              AND NOT EXISTS (SELECT FROM splitplane.parents AS p WHERE p.relation = s.relation)
            UNION ALL
            SELECT s.relation,
                   format('splitplane_reader has %s on the whole table.', string_agg(g.privilege_type, ', ')),
                   splitplane._grants_of_others(s.relation) || splitplane._register_again(s.relation)
            FROM state AS s CROSS JOIN aclexplode(s.relacl) AS g
            WHERE g.grantee = reader
            GROUP BY s.relation
            UNION ALL
            SELECT s.relation,
                   format('splitplane_reader has %s on column %I, which the plane does not grant.',
                          g.privilege_type, a.attname),
                   splitplane._grants_of_others(s.relation) || splitplane._register_again(s.relation)
            FROM state AS s
            JOIN pg_attribute AS a ON a.attrelid = s.relation
            CROSS JOIN aclexplode(a.attacl) AS g
            WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND g.grantee = reader
              AND NOT (g.privilege_type = 'SELECT' AND a.attnum > 0
                       AND CASE WHEN s.is_numbered
                                THEN EXISTS (SELECT FROM jsonb_each(s.saved -> 'numbers') AS n
                                             WHERE n.value = to_jsonb(a.attnum))
                                ELSE a.attname = ANY (s.columns)
                                     OR s.scope || splitplane._key_columns(s.relation) ? a.attname::text END)
        )
        SELECT f.relation::text, f.finding, coalesce(f.fix, splitplane._register_again(f.relation))
        FROM found AS f(relation, finding, fix);

    RETURN QUERY
        SELECT l.relation::text,
               'It is not in the plane, and splitplane_reader sees the rows of every tenant in it: '
               'an earlier installation was dropped with CASCADE.', l.remedy
        FROM splitplane._left_behind() AS l WHERE l.is_open;

    RETURN QUERY
        SELECT r.relation::text,
               format('Row-level security of this server does not bind all of its rows: %s.', k.reason),
               format('SELECT splitplane.unprotect(%L);', r.relation)
        FROM splitplane._kept_elsewhere() AS k JOIN splitplane.relations AS r ON r.relation = k.relation;
    RETURN QUERY
        SELECT m.relation::regclass::text, m.finding, splitplane._register_again(m.relation)
        FROM splitplane._moved_by_citus() AS m JOIN pg_class AS c ON c.oid = m.relation
        WHERE NOT EXISTS (SELECT FROM splitplane._kept_elsewhere() AS k WHERE k.relation = m.relation);
END
$$;

-- For ask: the first finding as text, or NULL if there is none. Every backend calls it when it loads the plane, so only
-- relations whose fingerprint differs are checked in detail.
CREATE OR REPLACE FUNCTION splitplane._critical_finding() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    suspects regclass[] := (SELECT array_agg(f.relation) FROM splitplane._fences AS f
                            WHERE CASE WHEN f.fingerprint IS DISTINCT FROM f.saved ->> 'fingerprint'
                                       -- The planner would look at this first: it costs one call for each relation.
                                       THEN splitplane._reader_fingerprint(f.relation)
                                            IS DISTINCT FROM f.saved ->> 'reader_fingerprint' END);
BEGIN
    IF suspects IS NULL
       AND NOT EXISTS (SELECT FROM splitplane._reader_findings())
       -- Few tables outside the plane have policies of ours, and each of them is checked in detail.
       AND NOT EXISTS (SELECT FROM pg_policy AS p
                       WHERE p.polname = ANY (splitplane._policy_names())
                         AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = p.polrelid))
       AND NOT EXISTS (SELECT FROM splitplane._leakproof_functions())
       AND NOT EXISTS (SELECT FROM splitplane._kept_elsewhere() AS k
                       WHERE EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = k.relation))
       AND NOT EXISTS (SELECT FROM splitplane._moved_by_citus() AS m JOIN pg_class AS c ON c.oid = m.relation)
       AND NOT EXISTS (SELECT FROM splitplane._server_problems() AS p WHERE p.severity = 'critical') THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT f.object || ': ' || f.finding
            FROM splitplane._critical_findings(coalesce(suspects, '{}')) AS f LIMIT 1);
END
$$;

-- Findings that do not break isolation by themselves: the plane is slower, shows fewer rows or is less well fenced than
-- it should be. One function per subject; doctor() puts them together.

-- The reader, the callers and what else a role may access.
CREATE OR REPLACE FUNCTION splitplane._role_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'warning', format('role %I', pg_get_userbyid(m.member)),
           'It is a member of splitplane_reader, so the plane''s policies apply to its own queries on protected '
           'tables.',
           format('REVOKE splitplane_reader FROM %I;', pg_get_userbyid(m.member))
    FROM pg_auth_members AS m
    JOIN pg_roles AS a ON a.oid = m.member
    WHERE m.roleid = to_regrole('splitplane_reader') AND NOT a.rolsuper
    UNION ALL
    SELECT 'warning', pg_describe_object(d.classid, d.objid, d.objsubid),
           'It is owned by splitplane_reader, which should own nothing.',
           'REASSIGN OWNED BY splitplane_reader TO CURRENT_USER;'
    FROM splitplane._reader_possessions() AS d
    WHERE d.dbid = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database())
      AND NOT EXISTS (SELECT FROM splitplane.relations AS r
                      WHERE d.classid = 'pg_class'::regclass AND r.relation = d.objid)
    UNION ALL
    -- By its own grants or by PUBLIC's. The proof refuses such relations, but it is then the only fence.
    SELECT 'warning', c.oid::regclass::text,
           format('%s has %s on it, and it is not in the plane.', splitplane._grantee(g.grantee),
                  string_agg(DISTINCT g.privilege_type, ', ')),
           splitplane._grants_of_others(c.oid, ARRAY[g.grantee])
           || format('REVOKE ALL ON %s%s FROM %s;', CASE WHEN c.relkind = 'S' THEN 'SEQUENCE ' END, c.oid::regclass,
                     splitplane._grantee(g.grantee))
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT a.grantee, a.privilege_type FROM aclexplode(c.relacl) AS a
        UNION ALL
        SELECT a.grantee, a.privilege_type FROM pg_attribute AS t CROSS JOIN aclexplode(t.attacl) AS a
        WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL AND NOT t.attisdropped
    ) AS g
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp%'
      AND (g.grantee = to_regrole('splitplane_reader')
           OR (g.grantee = 0 AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
               AND g.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
               AND has_schema_privilege('splitplane_reader', n.oid, 'USAGE')
               -- Views of other extensions (pg_stat_statements, for example) are granted to PUBLIC on purpose.
               AND NOT EXISTS (SELECT FROM pg_depend AS d
                               WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')))
      AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = c.oid)
      -- Functions of an allowed extension read it.
      AND NOT (g.privilege_type = 'SELECT' AND splitplane._is_table_of_extension(c.oid))
      AND NOT (g.grantee <> 0 AND g.privilege_type = 'SELECT' AND c.relkind = 'f'
               AND splitplane._is_of_data_server(c.oid))
      AND NOT (g.grantee <> 0
               AND EXISTS (SELECT FROM splitplane._left_behind() AS l WHERE l.relation = c.oid AND l.is_open))
    GROUP BY c.oid, c.relkind, g.grantee
    UNION ALL
    SELECT 'warning', format('schema %I', n.nspname), 'splitplane_reader may create objects in it.',
           splitplane._revoked_by_others(format('CREATE ON SCHEMA %I', n.nspname), n.nspacl, n.nspowner,
                                         ARRAY[0, to_regrole('splitplane_reader')::oid])
           || format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, splitplane_reader;', n.nspname)
    FROM pg_namespace AS n
    WHERE has_schema_privilege('splitplane_reader', n.oid, 'CREATE')
      AND n.nspname NOT LIKE 'pg\_temp%' AND n.nspname NOT LIKE 'pg\_toast%'
    UNION ALL
    SELECT 'warning', p.oid::regprocedure::text,
           'splitplane_reader may execute it, and it runs with its owner''s rights (SECURITY DEFINER), to which the '
           'plane''s row-level security does not apply.',
           splitplane._revoked_by_others('EXECUTE ON FUNCTION ' || splitplane._signature(p.oid), p.proacl, p.proowner,
                                         ARRAY[0, to_regrole('splitplane_reader')::oid],
                                         splitplane._function_schemas(p.oid))
           || format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC, splitplane_reader;', splitplane._signature(p.oid))
    FROM pg_proc AS p
    WHERE p.prosecdef AND p.prokind <> 'p'
      AND has_function_privilege('splitplane_reader', p.oid, 'EXECUTE')
      AND has_schema_privilege('splitplane_reader', p.pronamespace, 'USAGE')
    UNION ALL
    -- They have no policies: only the allowlists of functions and types keep a query away from them.
    SELECT 'warning', 'large objects',
           format('%s may read or write %s of them, and row-level security does not apply to large objects.',
                  g.holder, count(*)),
           array_to_string((array_agg(g.of_others ORDER BY g.oid))[:100], '')
           || format('REVOKE ALL ON LARGE OBJECT %s FROM %s;',
                     array_to_string((array_agg(g.oid ORDER BY g.oid))[:100], ', '), g.holder)
    FROM (
        SELECT l.oid, splitplane._grantee(a.grantee) AS holder,
               coalesce(max(splitplane._revoked_by_others('ALL ON LARGE OBJECT ' || l.oid, l.lomacl, l.lomowner,
                                                          ARRAY[a.grantee]))
                            FILTER (WHERE a.grantor <> l.lomowner), '') AS of_others
        FROM pg_largeobject_metadata AS l CROSS JOIN aclexplode(l.lomacl) AS a
        WHERE a.grantee IN (0, to_regrole('splitplane_reader'))
        GROUP BY l.oid, a.grantee
    ) AS g
    GROUP BY g.holder
    UNION ALL
    SELECT 'warning', 'large objects', 'lo_compat_privileges is on: every role may read and write all of them.',
           'ALTER SYSTEM SET lo_compat_privileges = off; SELECT pg_reload_conf();'
    WHERE current_setting('lo_compat_privileges')::boolean
    UNION ALL
    SELECT 'warning', p.oid::regprocedure::text,
           'PUBLIC may execute it: every role of the database can present a context.',
           splitplane._revoked_by_others('EXECUTE ON FUNCTION ' || splitplane._signature(p.oid), p.proacl, p.proowner,
                                         ARRAY[0::oid], splitplane._function_schemas(p.oid))
           || format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC;', splitplane._signature(p.oid))
    FROM pg_extension AS e
    JOIN pg_proc AS p ON p.pronamespace = e.extnamespace AND p.proname IN ('ask', 'ask_rows', 'ask_dry_run')
    CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS g
    WHERE e.extname = 'splitplane' AND g.grantee = 0
    UNION ALL
    SELECT 'warning', c.oid::regclass::text,
           format('%s has %s on a configuration table of the extension.', splitplane._grantee(g.grantee),
                  g.privilege_type),
           splitplane._grants_of_others(c.oid, ARRAY[g.grantee])
           || format('REVOKE %s ON %s FROM %s;', g.privilege_type, c.oid::regclass, splitplane._grantee(g.grantee))
    FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS g
    WHERE c.relnamespace = 'splitplane'::regnamespace AND c.relkind IN ('r', 'v')
      AND g.grantee NOT IN (c.relowner, to_regrole('splitplane_reader'))
      AND NOT (g.grantee = to_regrole('splitplane_admin') AND g.privilege_type = 'SELECT')
      AND NOT (g.grantee = 'pg_monitor'::regrole AND g.privilege_type = 'SELECT' AND c.relname LIKE 'stat\_%')
$$;

-- Allowed functions.
CREATE OR REPLACE FUNCTION splitplane._function_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'warning', f.signature,
           'This allowed function does not exist any more, or has another owner now. It is not in the plane.',
           format('DELETE FROM splitplane.allowed_functions WHERE signature = %L;', f.signature)
    FROM splitplane.allowed_functions AS f
    WHERE NOT EXISTS (SELECT FROM pg_proc AS p
                      WHERE p.oid = splitplane._procedure(f.signature)
                        AND pg_get_userbyid(p.proowner) = f.saved ->> 'owner')
    UNION ALL
    SELECT 'warning', f.signature,
           'This allowed function has a support function now, which may put something else in the place of a call '
           'after the proof. It is not in the plane.',
           format('SELECT splitplane.disallow_function(%L);', f.signature)
    FROM splitplane.allowed_functions AS f JOIN pg_proc AS p ON p.oid = splitplane._procedure(f.signature)
    WHERE pg_get_userbyid(p.proowner) = f.saved ->> 'owner'
      AND NOT EXISTS (SELECT FROM splitplane.functions AS a WHERE a.function = p.oid)
    UNION ALL
    SELECT 'warning', splitplane._signature(f.function),
           'This function has become SECURITY DEFINER since it was allowed: it runs with its owner''s rights.',
           format('SELECT splitplane.disallow_function(%L);', splitplane._signature(f.function))
    FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function
    WHERE p.prosecdef AND NOT (f.saved ->> 'security_definer')::boolean
    UNION ALL
    SELECT 'warning', splitplane._signature(f.function),
           'splitplane_reader may not execute this allowed function, so queries that call it fail.',
           format('SELECT splitplane.disallow_function(%1$L); SELECT splitplane.allow_function(%1$L);',
                  splitplane._signature(f.function))
    FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function
    WHERE NOT (has_function_privilege('splitplane_reader', p.oid, 'EXECUTE')
               AND has_schema_privilege('splitplane_reader', p.pronamespace, 'USAGE'))
$$;

-- Allowed extensions, and what others have put beside them.
CREATE FUNCTION splitplane._extension_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    WITH allowed AS MATERIALIZED (
        SELECT a.extension, e.extnamespace, splitplane._extension_problem(a.extension) AS problem
        FROM splitplane.allowed_extensions AS a LEFT JOIN pg_extension AS e ON e.extname = a.extension
    ),
    listed AS MATERIALIZED (
        SELECT a.extension, a.problem, l.*
        FROM allowed AS a CROSS JOIN LATERAL splitplane._listed_objects(a.extension) AS l
    ),
    members AS MATERIALIZED (
        SELECT d.classid, d.objid
        FROM allowed AS a
        JOIN pg_extension AS e ON e.extname = a.extension
        JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
    ),
    names AS MATERIALIZED (
        SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'pg_catalog'::regnamespace
        UNION
        SELECT l.name FROM listed AS l WHERE l.kind IN ('function', 'aggregate')
    ),
    -- Analysis looks for names in the schemas of allowed extensions behind pg_catalog. Another role's function may fit
    -- a call better, and an operator its operands.
    beside AS MATERIALIZED (
        SELECT DISTINCT ON (o.catalog, o.object) o.catalog, o.object, o.extension, x.extname AS member_of
        FROM (
            SELECT a.extension, 'pg_proc'::regclass, p.oid FROM allowed AS a JOIN pg_proc AS p
                 ON p.pronamespace = a.extnamespace
            WHERE p.proname IN (SELECT n.proname FROM names AS n) AND NOT splitplane._is_ours('pg_proc', p.oid)
              AND p.oid NOT IN (SELECT f.function FROM splitplane.functions AS f)
            UNION ALL
            SELECT a.extension, 'pg_operator', o.oid FROM allowed AS a JOIN pg_operator AS o
                 ON o.oprnamespace = a.extnamespace
            UNION ALL
            SELECT l.extension, 'pg_cast', c.oid FROM listed AS l JOIN pg_cast AS c
                 ON l.kind = 'type' AND l.object IN (c.castsource, c.casttarget)
        ) AS o(extension, catalog, object)
        LEFT JOIN (pg_depend AS d JOIN pg_extension AS x
                   ON d.refclassid = 'pg_extension'::regclass AND x.oid = d.refobjid AND d.deptype = 'e')
             ON d.classid = o.catalog AND d.objid = o.object
        WHERE o.object >= 16384
          -- Members of allowed extensions that are on no list were left out by us, and their operands are as well.
          AND (o.catalog::oid, o.object) NOT IN (SELECT m.classid, m.objid FROM members AS m)
        ORDER BY o.catalog, o.object, o.extension
    )
    SELECT 'warning', format('extension %I', a.extension), a.problem,
           format('SELECT splitplane.disallow_extension(%L); -- or bring back what was there', a.extension)
    FROM allowed AS a WHERE a.problem IS NOT NULL
    UNION ALL
    SELECT 'warning', pg_describe_object(l.catalog, l.object, 0),
           format('It is on the list of extension %I and is not as it was read, so it is not in the plane.',
                  l.extension),
           format('-- make it again as CREATE EXTENSION %I makes it', l.extension)
    FROM listed AS l WHERE NOT l.is_as_read AND l.kind <> 'estimator'
    UNION ALL
    SELECT 'warning', format('extension %I', a.extension),
           format('It has moved to schema %I, or splitplane_reader may not use that, so nothing of it is in the plane.',
                  n.nspname),
           format('SELECT splitplane.allow_extension(%L);', a.extension)
    FROM allowed AS a JOIN pg_namespace AS n ON n.oid = a.extnamespace
    WHERE a.problem IS NULL AND splitplane._is_out_of_sight(a.extension)
    UNION ALL
    SELECT 'warning', format('extension %I', l.extension),
           format('splitplane_reader may not execute %s functions of its list, first %s.', count(*),
                  min(splitplane._signature(l.object))),
           string_agg(format('GRANT EXECUTE ON FUNCTION %s TO splitplane_reader;', splitplane._signature(l.object)),
                      ' ' ORDER BY splitplane._signature(l.object))
    FROM listed AS l
    WHERE l.problem IS NULL AND l.is_as_read AND l.kind IN ('function', 'aggregate')
      AND NOT has_function_privilege('splitplane_reader', l.object, 'EXECUTE')
    GROUP BY l.extension
    UNION ALL
    SELECT 'warning', format('extension %I', l.extension),
           format('splitplane_reader may not read table %s, which functions of its list read.', l.object::regclass),
           format('GRANT SELECT ON TABLE %s TO splitplane_reader;', l.object::regclass)
    FROM listed AS l
    WHERE l.problem IS NULL AND l.is_as_read AND l.kind = 'table'
      AND NOT has_table_privilege('splitplane_reader', l.object, 'SELECT')
    UNION ALL
    SELECT 'warning', pg_describe_object(b.catalog, b.object, 0),
           'It is none of an allowed extension''s own, and lies in its schema or converts its types: statements that '
           'come to mean it are refused.',
           format('-- move it to another schema or drop it, or move extension %I', b.extension)
    FROM beside AS b WHERE b.member_of IS NULL
    UNION ALL
    SELECT 'warning', format('extension %I', b.member_of),
           format('%s objects of it lie in the schema of extension %I or convert its types: statements that come to '
                  'mean one of them are refused.', count(*), b.extension),
           CASE WHEN EXISTS (SELECT FROM splitplane._read_libraries() AS l WHERE l.extension = b.member_of)
                THEN format('-- SELECT splitplane.allow_extension(%L), or move one of them', b.member_of)
                ELSE '-- move one of them to another schema' END
    FROM beside AS b WHERE b.member_of IS NOT NULL
    GROUP BY b.member_of, b.extension
$$;

REVOKE ALL ON FUNCTION splitplane._extension_findings() FROM PUBLIC;

-- Keys and principals.
CREATE OR REPLACE FUNCTION splitplane._identity_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'warning', format('key %s', k.key_id),
           format('It expires at %s.', to_char(k.not_after AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')),
           format('SELECT splitplane.create_key(%L, %L, %s);', left(k.key_id, 55) || to_char(k.not_after, '-YYYYMM'),
                  k.tenants, k.max_uses)
    FROM splitplane.keys AS k
    WHERE k.revoked_at IS NULL AND k.not_after > now() AND k.not_after <= now() + interval '14 days'
    UNION ALL
    -- One line for each claim, with one principal as an example: a claim is usually forgotten for all of them.
    SELECT 'warning', format('claim %s', n.claim),
           format('%s principals lack it, first tenant %L, business %L, subject %L: they are refused on %s.',
                  count(*), (array_agg(p.tenant ORDER BY p.tenant, p.business, p.subject))[1],
                  (array_agg(p.business ORDER BY p.tenant, p.business, p.subject))[1],
                  (array_agg(p.subject ORDER BY p.tenant, p.business, p.subject))[1], n.names),
           -- admit refuses a second spelling of a tenant, which has a finding of its own.
           coalesce((array_agg(format('SELECT splitplane.admit(%L, %L, %L, %L);', p.tenant, p.business, p.subject,
                                      p.claims || jsonb_build_object(n.claim, '[]'::jsonb))
                               ORDER BY p.tenant, p.business, p.subject)
                     FILTER (WHERE NOT EXISTS (SELECT FROM splitplane._same_tenants(p.tenant))))[1],
                    '-- expel one of the spellings of the tenant first')
    FROM splitplane.principals AS p
    JOIN (
        SELECT s.value AS claim, string_agg(DISTINCT r.name, ', ') AS names
        FROM splitplane.relations AS r CROSS JOIN LATERAL jsonb_each_text(r.scope) AS s
        WHERE (splitplane._binding(s.value)).claim <> ALL (splitplane._identity_claims())
        GROUP BY s.value
    ) AS n ON NOT p.claims ? n.claim
    WHERE p.enabled
    GROUP BY n.claim, n.names
    UNION ALL
    SELECT 'warning', format('claim %s', s.claim),
           format('It is exclusive, and tenants %L and %L both hold its value %L: each sees the rows of the other.',
                  s.tenant, s.other, s.value),
           p.statements || ' -- or the other tenant'
    FROM splitplane._shared_values(ARRAY(SELECT c.claim FROM splitplane.claims AS c WHERE c.exclusive)) AS s
    CROSS JOIN LATERAL (
        SELECT string_agg(format('SELECT splitplane.admit(%L, %L, %L, %L);', q.tenant, q.business, q.subject,
                                 splitplane._unshared_claims(q.tenant, q.claims)), ' ' ORDER BY q.business, q.subject)
        FROM splitplane.principals AS q
        WHERE q.tenant = s.other AND q.enabled
          AND EXISTS (SELECT FROM splitplane._claim_values(q.claims -> s.claim) AS v(value)
                      WHERE splitplane._value_keys(s.claim, v.value) && splitplane._value_keys(s.claim, s.value))
    ) AS p(statements)
    UNION ALL
    SELECT 'warning', b.relation::text,
           format('It is bound by %s and not by the tenant, and nothing keeps two tenants from holding one value of '
                  'it.', array_to_string(b.claims, ', ')),
           format('SELECT splitplane.declare_claim(%L);',
                  (SELECT c.name FROM unnest(b.claims) AS c(name)
                   WHERE c.name <> ALL (splitplane._identity_claims()) ORDER BY c.name LIMIT 1))
    FROM splitplane._bound_by_claims() AS b
    WHERE b.exclusive IS NULL AND NOT b.claims <@ splitplane._identity_claims()
    UNION ALL
    SELECT 'warning', format('tenant %s', p.tenant),
           format('It is no id for column %I of %s, which has type bytea: no row there is its own.', c.column_name,
                  c.relation),
           -- Other tables may have rows of its own, which it would lose.
           format('-- SELECT splitplane.expel(%L); -- and admit it as \x and lower-case hexadecimal digits, if it has '
                  'rows there', p.tenant)
    FROM (SELECT DISTINCT e.tenant FROM splitplane.principals AS e WHERE e.enabled) AS p
    CROSS JOIN (SELECT t.relation, t.column_name FROM splitplane._tenant_columns() AS t
                WHERE t.base = 'bytea'::regtype ORDER BY t.relation::text LIMIT 1) AS c
    WHERE NOT splitplane._is_bytes(p.tenant)
    UNION ALL
    SELECT 'warning', format('tenant %s', t.tenant),
           format('It is the same value as tenant %L in column %I of %s: each sees the rows of the other.',
                  t.other, t.column_name, t.relation),
           format('SELECT splitplane.expel(%L); -- or the other one', t.tenant)
    FROM (
        -- One line for each pair.
        SELECT DISTINCT ON (k.tenant, k.other) k.tenant, k.other, c.relation, c.column_name
        FROM (
            SELECT a.tenant, b.tenant AS other FROM splitplane.principals AS a JOIN splitplane.principals AS b
                ON splitplane._as_number(a.tenant) = splitplane._as_number(b.tenant)
            WHERE a.tenant < b.tenant AND a.enabled AND b.enabled
            UNION
            SELECT a.tenant, b.tenant FROM splitplane.principals AS a JOIN splitplane.principals AS b
                ON splitplane._as_uuid(a.tenant) = splitplane._as_uuid(b.tenant)
            WHERE a.tenant < b.tenant AND a.enabled AND b.enabled
        ) AS k
        JOIN splitplane._tenant_columns() AS c ON splitplane._is_same_value(c.base, k.tenant, k.other)
        ORDER BY k.tenant, k.other, c.relation::text
    ) AS t
$$;

-- Verified queries and metrics whose SQL would be refused now. Not while the plane is closed: then all of them are.
CREATE OR REPLACE FUNCTION splitplane._question_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entry record;
BEGIN
    IF splitplane._critical_finding() IS NOT NULL THEN
        RETURN;
    END IF;
    FOR entry IN
        SELECT 'verified query' AS kind, q.name, q.sql, 'unverify_query' AS remedy FROM splitplane.verified_queries AS q
        UNION ALL
        SELECT 'metric', m.name, m.sql, 'undefine_metric' FROM splitplane.metrics AS m
        ORDER BY 1, 2
    LOOP
        BEGIN
            PERFORM splitplane._prove(entry.sql);
        EXCEPTION WHEN OTHERS THEN
            severity := 'warning';
            object := format('%s %s', entry.kind, entry.name);
            finding := format('Its SQL is refused now (%s): %s.', SQLSTATE, SQLERRM);
            -- What refuses it may be mended by another fix of the same run.
            fix := format('-- correct it, or take it out: SELECT splitplane.%s(%L);', entry.remedy, entry.name);
            RETURN NEXT;
        END;
    END LOOP;
END
$$;

-- Findings about budgets that refuse every call, and models without any.
CREATE FUNCTION splitplane._budget_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH needs AS MATERIALIZED (SELECT n.measure, n.most FROM splitplane._budget_needs() AS n)
    SELECT 'warning', format('budget of %s of tenant %s', b.measure, b.tenant),
           format('It is smaller than what one call reserves, %s: calls that need it are refused (53400).',
                  trim_scale(n.most / 1000000::numeric)),
           format('-- raise it (set_budget), or: SELECT splitplane.clear_budget(%L, %L);', b.tenant, b.measure)
    FROM splitplane.budget_limits AS b JOIN needs AS n ON n.measure = b.measure
    -- An amount of 0 is meant.
    WHERE b.amount > 0 AND b.amount < n.most
    UNION ALL
    SELECT 'warning', format('budget of cost of tenant %s', b.tenant),
           'A model that splitplane asks has no price: questions that need a model are refused (55000).',
           '-- SELECT splitplane.set_price(model, input, output); with the names in splitplane.model and '
           'splitplane.validator_model'
    FROM splitplane.budget_limits AS b JOIN needs AS n ON n.measure = b.measure
    WHERE b.measure = 'cost' AND n.most IS NULL
    UNION ALL
    SELECT 'info', 'splitplane.budgets',
           'A model is configured, and nothing limits what a tenant may spend on it.',
           '-- for example: SELECT splitplane.set_budget(''*'', ''tokens'', 10000000, ''1 day'');'
    FROM needs AS n
    WHERE n.measure = 'tokens'
      AND NOT EXISTS (SELECT FROM splitplane.budget_limits AS b
                      WHERE b.measure IN ('model_calls', 'tokens', 'cost') AND b.tenant = '*')
$$;

REVOKE ALL ON FUNCTION splitplane._budget_findings() FROM PUBLIC;

-- Findings about data servers and the tables that they keep.

-- What is wrong with a foreign server, before it is asked anything.
CREATE FUNCTION splitplane._data_server_findings(server text)
RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
DECLARE
    foreign_server record;
    options jsonb;
    mappings jsonb;
    form text := (SELECT d.form FROM splitplane.data_servers AS d WHERE d.server = _data_server_findings.server);
BEGIN
    object := server;
    severity := 'warning';
    SELECT s.oid, s.srvoptions, s.srvacl, s.srvowner, w.fdwname INTO foreign_server
      FROM pg_foreign_server AS s JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
     WHERE s.srvname = _data_server_findings.server;
    IF NOT FOUND OR foreign_server.fdwname <> 'postgres_fdw' THEN
        finding := 'There is no foreign server of postgres_fdw of this name.';
        fix := format('SELECT splitplane.forget_data_server(%L);', server);
        RETURN NEXT;
        RETURN;
    END IF;
    options := (SELECT coalesce(jsonb_object_agg(o.option_name, o.option_value), '{}')
                  FROM pg_options_to_table(foreign_server.srvoptions) AS o);
    mappings := (SELECT coalesce(jsonb_object_agg(CASE u.umuser WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(u.umuser) END,
                                                  (SELECT coalesce(jsonb_object_agg(o.option_name, true), '{}')
                                                     FROM pg_options_to_table(u.umoptions) AS o)), '{}')
                   FROM pg_user_mapping AS u WHERE u.umserver = foreign_server.oid);
    IF form <> 'claimed' THEN
        finding := CASE form
            WHEN 'barrier' THEN 'It takes no claims: the tenant''s condition in what is sent is the only fence of its '
                                'rows, and security barrier views there keep other conditions behind it.'
            ELSE 'It takes no claims: the tenant''s condition in what is sent is the only fence of its rows. All rows '
                 'of the tenant are fetched, and everything else is computed here.' END;
        fix := format('-- there: run the script splitplane_data_server.sql; here: SELECT '
                      'splitplane.use_data_server(%L, audience, key_id, secret);', server);
        RETURN NEXT;
        IF options ? 'extensions' THEN
            finding := 'It has the option extensions: what that names is sent there.';
            fix := format('ALTER SERVER %I OPTIONS (DROP extensions);', server);
            RETURN NEXT;
        END IF;
    ELSIF options ->> 'extensions' IS DISTINCT FROM 'splitplane_remote' THEN
        finding := 'Its option extensions must name splitplane_remote and nothing else: what it names is sent there.';
        fix := format('ALTER SERVER %I OPTIONS (%s extensions ''splitplane_remote'');', server,
                      CASE WHEN options ? 'extensions' THEN 'SET' ELSE 'ADD' END);
        RETURN NEXT;
    END IF;
    IF NOT mappings ? 'splitplane_reader' THEN
        finding := 'There is no user mapping of splitplane_reader, as which statements are run.';
        fix := format('-- CREATE USER MAPPING FOR splitplane_reader SERVER %I OPTIONS '
                      '(user ''splitplane_front'', password ''..'');', server);
        RETURN NEXT;
    ELSIF NOT mappings -> 'splitplane_reader' ? 'password' AND NOT mappings -> 'splitplane_reader' ? 'sslcert' THEN
        finding := 'The user mapping of splitplane_reader has neither a password nor a certificate.';
        fix := format('-- ALTER USER MAPPING FOR splitplane_reader SERVER %I OPTIONS (ADD password ''..'');', server);
        RETURN NEXT;
    END IF;
    IF mappings ? 'PUBLIC' THEN
        finding := 'It has a user mapping for PUBLIC: every role of this database logs in there.';
        fix := format('DROP USER MAPPING FOR PUBLIC SERVER %I;', server);
        RETURN NEXT;
    END IF;
    IF has_server_privilege('splitplane_reader', foreign_server.oid, 'USAGE') THEN
        finding := 'splitplane_reader (by itself or by PUBLIC) may use it, and so make foreign tables.';
        fix := format('REVOKE USAGE ON FOREIGN SERVER %I FROM PUBLIC, splitplane_reader;', server);
        RETURN NEXT;
    END IF;
    IF options ->> 'sslmode' IS DISTINCT FROM 'verify-full' AND left(coalesce(options ->> 'host', '/'), 1) <> '/' THEN
        finding := 'Its connections need not be encrypted, or to the server that is meant: sslmode is not verify-full.';
        fix := format('ALTER SERVER %I OPTIONS (%s sslmode ''verify-full'');', server,
                      CASE WHEN options ? 'sslmode' THEN 'SET' ELSE 'ADD' END);
        RETURN NEXT;
    END IF;
    severity := 'info';
    IF form <> 'materialized' AND coalesce(options ->> 'use_remote_estimate', 'false') NOT IN ('true', 'on', '1') THEN
        finding := 'This server does not know how many rows it has, and fetches rows that could be counted or summed '
                   'there.';
        fix := format('ALTER SERVER %I OPTIONS (%s use_remote_estimate ''true'');', server,
                      CASE WHEN options ? 'use_remote_estimate' THEN 'SET' ELSE 'ADD' END);
        RETURN NEXT;
    END IF;
    IF NOT options ? 'connect_timeout' AND left(coalesce(options ->> 'host', '/'), 1) <> '/' THEN
        finding := 'It has no connect_timeout: a call waits for a server that does not answer, past its deadline.';
        fix := format('ALTER SERVER %I OPTIONS (ADD connect_timeout ''5'');', server);
        RETURN NEXT;
    END IF;
    IF coalesce((options ->> 'fetch_size')::bigint, 100) < 1000 THEN
        finding := 'Rows come in groups of fewer than 1000, each for a message and its answer.';
        fix := format('ALTER SERVER %I OPTIONS (%s fetch_size ''10000'');', server,
                      CASE WHEN options ? 'fetch_size' THEN 'SET' ELSE 'ADD' END);
        RETURN NEXT;
    END IF;
END
$$;

REVOKE ALL ON FUNCTION splitplane._data_server_findings(text) FROM PUBLIC;

-- For doctor: each directory, each data server, and one table of each directory on each data server that is asked how
-- its fences are.
CREATE FUNCTION splitplane._directory_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT FROM splitplane.data_servers) AND NOT EXISTS (SELECT FROM splitplane.directories) THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT f.severity, f.object, f.finding, f.fix
        FROM splitplane.data_servers AS d CROSS JOIN LATERAL splitplane._data_server_findings(d.server) AS f;
    RETURN QUERY
        SELECT 'warning', d.relation::text,
               format('Data servers keep its rows, and %s: calls that need it are refused.', p),
               format('-- mend that, then call splitplane.protect_remote(%L, ..) again', d.relation)
        FROM splitplane.directories AS d JOIN splitplane.relations AS r ON r.relation = d.relation
        CROSS JOIN LATERAL splitplane._directory_problems(d.relation, d.tenant_column) AS p;
    RETURN QUERY
        SELECT 'warning', i.inhrelid::regclass::text,
               format('It is a partition of %s that splitplane_reader may not read as the plane has it: calls of its '
                      'tenants are refused.', d.relation),
               format('-- call splitplane.protect_remote(%L, ..) again', d.relation)
        FROM splitplane.directories AS d JOIN splitplane.relations AS r ON r.relation = d.relation
        JOIN pg_inherits AS i ON i.inhparent = d.relation
        WHERE EXISTS (SELECT FROM unnest(r.columns || d.tenant_column) AS c(name)
                      JOIN pg_attribute AS a ON a.attrelid = i.inhrelid AND a.attname = c.name AND NOT a.attisdropped
                      WHERE NOT has_column_privilege('splitplane_reader', i.inhrelid, a.attnum, 'SELECT'));
    RETURN QUERY
        SELECT 'warning', i.inhrelid::regclass::text,
               'ANALYZE has put values of all tenants into this database, by which statements of each are planned.',
               '-- make the foreign table anew, and leave estimates to the option use_remote_estimate'
        FROM splitplane.directories AS d JOIN splitplane.relations AS r ON r.relation = d.relation
        JOIN pg_inherits AS i ON i.inhparent = d.relation
        WHERE EXISTS (SELECT FROM pg_statistic AS s WHERE s.starelid = i.inhrelid);
    RETURN QUERY
        SELECT 'warning', l.leaf::regclass::text, format('On its data server: %s.', l.problem),
               CASE l.form
                   WHEN 'claimed' THEN
                       '-- there: run the script splitplane_data_server.sql, or SELECT splitplane_remote.protect(..)'
                   WHEN 'barrier' THEN '-- there: CREATE VIEW .. WITH (security_barrier) AS SELECT .. FROM ..'
                   ELSE '-- mend that there' END
        FROM (SELECT i.inhrelid AS leaf, splitplane._data_server_problem(i.inhrelid, d.tenant_column) AS problem,
                     (SELECT k.form FROM splitplane.data_servers AS k
                        JOIN pg_foreign_server AS s ON s.srvname = k.server
                       WHERE s.oid = t.ftserver) AS form
              FROM splitplane.directories AS d JOIN splitplane.relations AS r ON r.relation = d.relation
              JOIN pg_inherits AS i ON i.inhparent = d.relation
              JOIN pg_foreign_table AS t ON t.ftrelid = i.inhrelid) AS l
        WHERE l.problem IS NOT NULL;
END
$$;

REVOKE ALL ON FUNCTION splitplane._directory_findings() FROM PUBLIC;

-- Findings about the nodes of a cluster of Citus, of which doctor() on the coordinator asks each one. What is found
-- here shuts nothing: a node that is not as it should be refuses or shows no row.

-- What a node says of itself, for the coordinator.
CREATE FUNCTION splitplane._node_state() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
        'cluster', splitplane._cluster()::jsonb,
        'version', (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'splitplane'),
        'clock', extract(epoch FROM clock_timestamp()),
        'problems', coalesce((
            SELECT jsonb_agg(f.finding ORDER BY f.finding)
            FROM (SELECT p.finding FROM splitplane._server_problems() AS p WHERE p.severity = 'critical'
                  UNION ALL
                  SELECT r.finding FROM splitplane._reader_findings() AS r
                  UNION ALL
                  SELECT format('splitplane_reader lacks: %s', string_agg(n.remedy, ' '))
                  FROM splitplane._reader_on_nodes() AS n WHERE NOT n.held HAVING count(*) > 0) AS f), '[]'))
$$;

REVOKE ALL ON FUNCTION splitplane._node_state() FROM PUBLIC;

-- Whether the reader sees a row of a table outside a call. Not SECURITY DEFINER, which could not set the role.
CREATE FUNCTION splitplane._canary(shard regclass) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET role = 'splitplane_reader'
AS $$
DECLARE
    is_seen boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s)', shard) INTO is_seen;
    RETURN is_seen;
END
$$;

REVOKE ALL ON FUNCTION splitplane._canary(regclass) FROM PUBLIC;

-- The fences of a placement, which is a table of the node that is asked.
CREATE FUNCTION splitplane._placement_state(shard regclass) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    state jsonb;
    is_seen boolean;
BEGIN
    SELECT jsonb_build_object(
               'row_security', c.relrowsecurity,
               'fence', (SELECT pg_get_expr(p.polqual, p.polrelid) FROM pg_policy AS p
                         WHERE p.polrelid = c.oid AND p.polname = 'splitplane_read' AND p.polcmd = 'r'
                           AND p.polroles = ARRAY[to_regrole('splitplane_reader')::oid]),
               'others', (SELECT string_agg(quote_ident(p.polname), ', ' ORDER BY p.polname)
                          FROM pg_policy AS p
                          WHERE p.polrelid = c.oid AND p.polname <> 'splitplane_read' AND p.polcmd IN ('r', '*')
                            AND p.polroles && ARRAY[0, to_regrole('splitplane_reader')::oid]
                            AND pg_get_expr(p.polqual, p.polrelid)
                                <> '(CURRENT_USER <> ''splitplane_reader''::name)'))
      INTO state FROM pg_class AS c WHERE c.oid = shard;
    BEGIN
        is_seen := splitplane._canary(shard);
    EXCEPTION WHEN OTHERS THEN
        RETURN state || jsonb_build_object('refused', SQLERRM);
    END;
    RETURN state || jsonb_build_object('is_seen', is_seen);
END
$$;

REVOKE ALL ON FUNCTION splitplane._placement_state(regclass) FROM PUBLIC;

-- Every node with what it says, or with the error that it answers with. Nothing where this server is no coordinator.
CREATE FUNCTION splitplane._nodes() RETURNS TABLE (node text, state jsonb, problem text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF splitplane._cluster() IS NULL OR to_regclass('pg_catalog.pg_dist_node') IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE
        'SELECT pg_catalog.format(''%s:%s'', n.nodename, n.nodeport), '
        'CASE WHEN a.success THEN a.result::jsonb END, CASE WHEN NOT a.success THEN a.result END '
        'FROM pg_catalog.pg_dist_node AS n JOIN pg_catalog.run_command_on_all_nodes('
        '''SELECT splitplane._node_state()'', give_warning_for_connection_errors => true) AS a '
        'ON a.nodeid = n.nodeid WHERE pg_catalog.citus_is_coordinator() AND n.noderole = ''primary'' '
        'ORDER BY 1';
END
$$;

REVOKE ALL ON FUNCTION splitplane._nodes() FROM PUBLIC;

-- Every placement of the plane's tables with its fences, or of the one that is named.
CREATE FUNCTION splitplane._placements(only_of regclass DEFAULT NULL)
RETURNS TABLE (relation regclass, node text, shard bigint, state jsonb, problem text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    registered record;
BEGIN
    IF splitplane._cluster() IS NULL OR to_regclass('pg_catalog.pg_dist_node') IS NULL THEN
        RETURN;
    END IF;
    FOR registered IN
        SELECT r.relation, format('%I.%I', n.nspname, c.relname) AS qualified
        FROM splitplane.relations AS r JOIN splitplane._tables_of_citus() AS t ON t.relation = r.relation
        JOIN pg_class AS c ON c.oid = r.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE t.kind IS NOT NULL AND (only_of IS NULL OR r.relation = only_of)
        ORDER BY r.relation::text
    LOOP
        RETURN QUERY EXECUTE
            'SELECT $1, pg_catalog.format(''%s:%s'', a.nodename, a.nodeport), a.shardid, '
            'CASE WHEN a.success THEN a.result::jsonb END, CASE WHEN NOT a.success THEN a.result END '
            'FROM pg_catalog.run_command_on_placements($1, $2) AS a ORDER BY a.shardid, 2'
            USING registered.relation, 'SELECT splitplane._placement_state($shard$%s$shard$::pg_catalog.regclass)';
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane._placements(regclass) FROM PUBLIC;

CREATE FUNCTION splitplane._node_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
#variable_conflict use_column
DECLARE
    own jsonb := splitplane._cluster()::jsonb;
    began double precision := extract(epoch FROM clock_timestamp());
    ended double precision;
    nodes jsonb;
BEGIN
    IF own IS NULL THEN
        RETURN;
    ELSIF own ->> 'problem' IS NOT NULL THEN
        RETURN QUERY SELECT 'warning', 'splitplane.cluster_key_file', format('Calls cross to no other node: %s.',
                                                                             own ->> 'problem'),
                            '-- put the file right on this server, and then: SELECT pg_reload_conf();';
    END IF;
    RETURN QUERY
        SELECT 'warning', r.relation::text,
               'It was shared before this server had a cluster key, and has no row-level security: calls that read it '
               'are refused.', splitplane._register_again(r.relation)
        FROM splitplane.relations AS r JOIN pg_class AS c ON c.oid = r.relation
        WHERE r.shared AND NOT r.saved ? 'node';
    nodes := (SELECT jsonb_agg(to_jsonb(n)) FROM splitplane._nodes() AS n);
    ended := extract(epoch FROM clock_timestamp());
    RETURN QUERY
        WITH node AS (
            SELECT n.value ->> 'node' AS name, n.value ->> 'problem' AS problem, n.value -> 'state' AS state
            FROM jsonb_array_elements(nodes) AS n
        )
        SELECT 'warning', 'node ' || n.name, f.finding, f.fix
        FROM node AS n
        CROSS JOIN LATERAL (
            SELECT format('It cannot be asked: %s', n.problem), '-- see to it that it answers, and has splitplane '
                   'in shared_preload_libraries, behind citus'
            WHERE n.problem IS NOT NULL
            UNION ALL
            SELECT format('Its splitplane is version %s, and that of the coordinator %s.', n.state ->> 'version',
                          e.extversion), '-- ALTER EXTENSION splitplane UPDATE; on every node'
            FROM pg_extension AS e
            WHERE e.extname = 'splitplane' AND n.problem IS NULL AND n.state ->> 'version' <> e.extversion
            UNION ALL
            SELECT 'It has no cluster key, or another one than the coordinator: calls see no row on it.',
                   '-- give it the coordinator''s cluster key file, and then run on it: SELECT pg_reload_conf();'
            WHERE n.problem IS NULL
              AND (n.state -> 'cluster' ->> 'cluster' IS DISTINCT FROM own ->> 'cluster'
                   OR n.state -> 'cluster' ->> 'problem' IS NOT NULL
                   OR (n.state -> 'cluster' -> 'keys' @> jsonb_build_array(own -> 'keys' -> 0)) IS NOT TRUE)
            UNION ALL
            SELECT format('Its clock differs from the coordinator''s by more than a second (%s s).',
                          round(d.seconds, 1)),
                   '-- run a time service on every node'
            FROM (SELECT greatest(began - (n.state ->> 'clock')::double precision,
                                  (n.state ->> 'clock')::double precision - ended)::numeric) AS d(seconds)
            WHERE d.seconds > 1
            UNION ALL
            SELECT p.finding, '-- repair it on that node; doctor() there says how'
            FROM jsonb_array_elements_text(n.state -> 'problems') AS p(finding)
        ) AS f(finding, fix);
    RETURN QUERY
        SELECT f.severity, p.relation::text, format('Shard %s on %s: %s.', p.shard, p.node, f.finding), f.fix
        FROM splitplane._placements() AS p JOIN splitplane.relations AS r ON r.relation = p.relation
        CROSS JOIN LATERAL (
            SELECT 'warning', 'it cannot be looked at: ' || p.problem, '-- see to it that the node answers'
            WHERE p.problem IS NOT NULL
            UNION ALL
            SELECT 'critical', 'splitplane_reader sees rows of it outside a call',
                   splitplane._register_again(p.relation)
            WHERE (p.state ->> 'is_seen')::boolean
            UNION ALL
            SELECT 'warning', 'row-level security is switched off, so calls that read it fail',
                   splitplane._register_again(p.relation)
            WHERE p.problem IS NULL AND NOT (p.state ->> 'row_security')::boolean
            UNION ALL
            SELECT 'warning',
                   'its policy splitplane_read is missing or not that of the table, so calls see no row of it',
                   splitplane._register_again(p.relation)
            WHERE p.problem IS NULL AND p.state ->> 'fence' IS DISTINCT FROM r.saved ->> 'read'
            UNION ALL
            SELECT 'warning', format('other policies apply to splitplane_reader: %s', p.state ->> 'others'),
                   '-- drop them on that node'
            WHERE p.state ->> 'others' IS NOT NULL
        ) AS f(severity, finding, fix);
END
$$;

REVOKE ALL ON FUNCTION splitplane._node_findings() FROM PUBLIC;

-- Findings about claims that say whose rows are, where a table of the plane says it too: of tasks bound to the claim
-- `projects`, the table of the projects with its tenant column.
CREATE FUNCTION splitplane._owner_tables()
RETURNS TABLE (relation regclass, column_name text, claim text, key name, parent regclass, parent_column text,
               key_type oid, tenant_column text, tenant_type oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.relation, s.key, s.value, f.key, t.relation, f.parent_columns[1], splitplane._base_type(a.atttypid),
           t.column_name, t.base
    FROM splitplane._bound_by_claims() AS b
    JOIN splitplane.relations AS r ON r.relation = b.relation
    CROSS JOIN LATERAL jsonb_each_text(r.scope) AS s
    JOIN splitplane._tenant_columns() AS t
        ON EXISTS (SELECT FROM pg_constraint AS c
                   WHERE c.contype = 'f' AND c.conrelid = r.relation AND c.confrelid = t.relation)
    CROSS JOIN LATERAL splitplane._foreign_keys(r.relation, t.relation) AS f
    JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attname = f.parent_columns[1] AND NOT a.attisdropped
    WHERE s.value = ANY (b.exclusive) AND NOT f.membership AND f.problem IS NULL AND f.columns = ARRAY[s.key]
$$;

REVOKE ALL ON FUNCTION splitplane._owner_tables() FROM PUBLIC;

CREATE FUNCTION splitplane._owner_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
    place record;
    wrong record;
BEGIN
    FOR place IN
        SELECT o.*, format('%I.%I', n.nspname, c.relname) AS qualified,
               -- As the column's type would read the value of the claim; NULL for what is no value of it.
               CASE WHEN o.key_type IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
                    THEN 'CASE WHEN splitplane._as_number(v.value) BETWEEN -9223372036854775808 AND '
                         '9223372036854775807 THEN splitplane._as_number(v.value)::bigint END'
                    WHEN o.key_type = 'uuid'::regtype THEN 'splitplane._as_uuid(v.value)'
                    WHEN o.key_type IN ('text'::regtype, 'varchar'::regtype) THEN 'v.value' END AS held
        FROM splitplane._owner_tables() AS o
        JOIN pg_class AS c ON c.oid = o.parent
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        ORDER BY o.relation::text, o.parent::text, o.key
    LOOP
        severity := 'info';
        object := place.relation::text;
        -- The claim stays as a further scope: it may also say who of a tenant sees which rows.
        finding := format('Its foreign key %I leads to %s, whose column %I holds the tenant: by protect_through its '
                          'rows would belong to those there, too, and no value of claim %s could show them to another '
                          'tenant.',
                          place.key, place.parent, place.tenant_column, place.claim);
        fix := (SELECT format('SELECT splitplane.protect_through(%s);', concat_ws(', ',
                              quote_literal(r.relation), quote_literal(place.parent), quote_literal(r.columns),
                              'name => ' || quote_literal(splitplane._given_name(r.relation, r.name, r.saved)),
                              CASE WHEN cardinality(r.private_columns) > 0
                                   THEN 'private_columns => ' || quote_literal(r.private_columns) END,
                              'key => ' || quote_literal(place.key),
                              'scope => ' || quote_literal(r.scope),
                              CASE WHEN splitplane._is_hidden(r.relation) THEN 'hidden => true' END))
                FROM splitplane.relations AS r WHERE r.relation = place.relation);
        RETURN NEXT;
        CONTINUE WHEN place.held IS NULL;
        EXECUTE format(
            'SELECT p.tenant, p.business, p.subject, v.value, x.%1$I::text AS owner, count(*) OVER () AS many,
                    p.claims || jsonb_build_object(%2$L, (
                        SELECT coalesce(jsonb_agg(o.value), ''[]'')
                        FROM splitplane._claim_values(p.claims -> %2$L) AS o(value)
                        WHERE NOT splitplane._value_keys(%2$L, o.value) && splitplane._value_keys(%2$L, v.value)
                    )) AS claims
             FROM splitplane.principals AS p
             CROSS JOIN LATERAL splitplane._claim_values(p.claims -> %2$L) AS v(value)
             JOIN %3$s AS x ON x.%4$I OPERATOR(pg_catalog.=) %5$s
             WHERE p.enabled AND p.claims ? %2$L
               AND x.%1$I IS NOT NULL AND NOT splitplane._is_same_value(%6$s, x.%1$I::text, p.tenant)
             ORDER BY p.tenant, p.business, p.subject, v.value
             LIMIT 1',
            place.tenant_column, place.claim, place.qualified, place.parent_column, place.held, place.tenant_type)
            INTO wrong;
        IF wrong.tenant IS NOT NULL THEN
            severity := 'warning';
            object := format('claim %s', place.claim);
            finding := format('Tenant %L holds its value %L, whose row in %s belongs to %L: it sees the rows of that '
                              'tenant in %s. Such values: %s.', wrong.tenant, wrong.value, place.parent, wrong.owner,
                              place.relation, wrong.many);
            fix := format('SELECT splitplane.admit(%L, %L, %L, %L);', wrong.tenant, wrong.business, wrong.subject,
                          wrong.claims);
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane._owner_findings() FROM PUBLIC;

-- Findings about foreign keys by which rows belong to those of other relations, that do not break isolation.
CREATE FUNCTION splitplane._parent_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    WITH links AS (
        SELECT l.*, c.oid AS constraint_oid, c.conrelid::regclass AS referring, c.condeferrable, c.convalidated
        FROM splitplane._links AS l
        JOIN pg_constraint AS c ON c.contype = 'f' AND c.conname = l.key AND c.conparentid = 0
             AND c.conrelid = CASE WHEN l.membership THEN l.parent ELSE l.relation END
             AND c.confrelid = CASE WHEN l.membership THEN l.relation ELSE l.parent END
        WHERE l.has_key AND l.has_parent
    )
    -- What does not check every row: the rows without a parent are nobody's.
    SELECT 'info', l.relation::text,
           format('Foreign key %I, by which its rows belong to those of %s, was not validated: there may be rows '
                  'without a parent, which nobody sees.', l.key, l.parent),
           format('ALTER TABLE %s VALIDATE CONSTRAINT %I;', l.referring, l.key)
    FROM links AS l WHERE NOT l.convalidated
    UNION ALL
    SELECT 'info', l.relation::text,
           format('Foreign key %I, by which its rows belong to those of %s, is deferrable: within a transaction there '
                  'may be rows without a parent, which nobody sees.', l.key, l.parent),
           format('-- ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE; if nothing relies on it', l.referring, l.key)
    FROM links AS l WHERE l.condeferrable
    UNION ALL
    SELECT 'info', l.relation::text,
           format('Triggers of foreign key %I, by which its rows belong to those of %s, are disabled: there may be '
                  'rows without a parent, which nobody sees.', l.key, l.parent),
           format('-- ALTER TABLE %s ENABLE TRIGGER ALL; and on the other table, and look for such rows', l.referring)
    FROM links AS l
    WHERE EXISTS (SELECT FROM pg_trigger AS t
                  WHERE t.tgconstraint = l.constraint_oid AND t.tgenabled NOT IN ('O', 'A'))
    UNION ALL
    -- A row needs one parent at least.
    SELECT 'warning', l.relation::text,
           format('Column %I may be NULL. Such rows have no parent in %s: they belong to no tenant and are never seen.',
                  c.name, l.parent),
           format('-- delete or assign such rows, then: ALTER TABLE %s ALTER COLUMN %I SET NOT NULL;', l.relation,
                  c.name)
    FROM links AS l CROSS JOIN LATERAL unnest(l.columns) AS c(name)
    WHERE splitplane._may_be_null(l.relation, c.name)
      AND NOT EXISTS (SELECT FROM splitplane.parents AS o WHERE o.relation = l.relation AND o.link <> l.link)
    UNION ALL
    SELECT CASE WHEN c.relpages > 100 OR c.relkind = 'p' THEN 'warning' ELSE 'info' END, l.relation::text,
           format('No index starts with column %I, by which its rows belong to those of %s.', l.columns[1], l.parent),
           format('CREATE INDEX %sON %s (%s);', CASE WHEN c.relkind = 'p' THEN '' ELSE 'CONCURRENTLY ' END, l.relation,
                  (SELECT string_agg(quote_ident(k.name), ', ' ORDER BY k.place)
                   FROM unnest(l.columns) WITH ORDINALITY AS k(name, place)))
    FROM links AS l
    JOIN pg_class AS c ON c.oid = l.relation
    JOIN pg_attribute AS a ON a.attrelid = l.relation AND a.attname = l.columns[1] AND NOT a.attisdropped
    WHERE NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = l.relation AND i.indisvalid AND i.indpred IS NULL
                      AND i.indkey[0] = a.attnum)
$$;

REVOKE ALL ON FUNCTION splitplane._parent_findings() FROM PUBLIC;

-- Findings about the plane's relations that do not break isolation by themselves.
CREATE OR REPLACE FUNCTION splitplane._relation_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    WITH plane AS MATERIALIZED (
        SELECT r.relation, splitplane._given_name(r.relation, r.name, r.saved) AS given_name,
               r.shared, today.scope, today.columns, today.private_columns, r.had_row_security, r.saved,
               r.columns AS registered, r.private_columns AS registered_private,
               CASE WHEN r.saved ->> 'numbers_of' = h.server || '/' || r.relation::oid
                    THEN r.saved -> 'numbers' END AS numbers,
               splitplane._policy_texts(r.relation) AS texts,
               c.relkind, c.relpages, c.relnamespace, c.relrowsecurity, c.relispartition, c.relacl
        FROM (SELECT s.system_identifier::text AS server FROM pg_control_system() AS s) AS h
        CROSS JOIN splitplane.relations AS r
        JOIN pg_class AS c ON c.oid = r.relation
        CROSS JOIN LATERAL (
            -- Each column of the registration has its name still, as of nearly every table: that is the names of today.
            SELECT (r.saved ->> 'numbers_of' = h.server || '/' || r.relation::oid) IS TRUE
                   AND NOT EXISTS (
                       SELECT FROM unnest(r.columns || ARRAY(SELECT jsonb_object_keys(r.scope))) AS n(name)
                       LEFT JOIN pg_attribute AS a
                           ON a.attrelid = r.relation AND a.attnum = (r.saved -> 'numbers' ->> n.name)::int2
                              AND a.attname = n.name AND NOT a.attisdropped
                       WHERE a.attnum IS NULL)
            OFFSET 0
        ) AS same(names)
        CROSS JOIN LATERAL (
            SELECT r.scope, r.columns, r.private_columns WHERE same.names
            UNION ALL
            SELECT t.scope, t.columns, t.private_columns
            FROM splitplane._today(r.relation, '!splitplane_scope', r.saved,
                                   r.scope, r.columns, r.private_columns) AS t
            WHERE NOT same.names
        ) AS today
    ),
    types AS MATERIALIZED (
        SELECT DISTINCT a.atttypid AS oid FROM plane AS p JOIN pg_attribute AS a ON a.attrelid = p.relation
        WHERE a.attnum > 0 AND NOT a.attisdropped
    ),
    unsafe_types AS MATERIALIZED (
        SELECT t.oid FROM types AS t WHERE NOT splitplane._type_is_safe(t.oid)
    ),
    scope_columns AS (
        SELECT p.relation, p.relkind, p.relpages, s.key AS column_name, b.claim, b.or_null, a.attnum, a.attnotnull,
               splitplane._base_type(a.atttypid) AS base
        FROM plane AS p
        CROSS JOIN LATERAL jsonb_each_text(p.scope) AS s
        CROSS JOIN LATERAL splitplane._binding(s.value) AS b
        JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attname = s.key AND a.attnum > 0 AND NOT a.attisdropped
    ),
    -- Columns that are unique in their table by themselves.
    keys AS (
        SELECT i.indrelid AS relation, i.indkey[0] AS attnum FROM pg_index AS i
        WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1
    ),
    -- Shared relations with a column that binds other tables to a tenant. Not one that is a key of the shared table by
    -- itself: no tenant has two such rows. Nor one that is bound in the tenants' own table alone, where it is the key.
    suspects AS (
        SELECT p.relation, a.attname
        FROM plane AS p JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped
        WHERE p.shared
          AND EXISTS (SELECT FROM scope_columns AS s
                      WHERE s.column_name = a.attname AND s.claim = 'tenant'
                        AND NOT EXISTS (SELECT FROM keys AS k WHERE k.relation = s.relation AND k.attnum = s.attnum))
          AND NOT EXISTS (SELECT FROM keys AS k WHERE k.relation = p.relation AND k.attnum = a.attnum)
    )
    -- The table and its columns.
    SELECT 'warning', r.name, 'Its table was dropped.',
           format('SELECT splitplane.unprotect(%s::pg_catalog.regclass);', r.relation::oid)
    FROM splitplane.relations AS r
    WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = r.relation)
    UNION ALL
    SELECT 'warning', r.relation::text,
           format('It was renamed or moved: its plane name %I was that of the table, which is now %s. The plane name '
                  'is refused until the table is registered again or taken out of the plane.', r.name, r.relation),
           -- Another table that has lost its name may hold the one of today, and a third that one's: then all of them
           -- are taken out and registered again.
           CASE WHEN EXISTS (SELECT FROM splitplane.relations AS h
                             WHERE h.name = c.relname AND h.relation <> r.relation
                               AND splitplane._has_lost_name(h.relation, h.name, h.saved))
                -- Where one of them cannot be, that alone: none is taken out and left out.
                THEN (SELECT coalesce(
                                 min(format('-- first %s: %s', l.relation, substr(a.again, 4)))
                                     FILTER (WHERE a.again LIKE '--%'),
                                 string_agg(format('SELECT splitplane.unprotect(%L);', l.relation), ' '
                                            ORDER BY l.relation)
                                 || ' ' || string_agg(a.again, ' ' ORDER BY l.relation))
                      FROM splitplane.relations AS l
                      CROSS JOIN LATERAL splitplane._register_again(l.relation) AS a(again)
                      WHERE splitplane._has_lost_name(l.relation, l.name, l.saved))
                ELSE splitplane._register_again(r.relation) END
           || format(' -- or: SELECT splitplane.unprotect(%L);', r.relation)
    FROM splitplane.relations AS r
    JOIN pg_class AS c ON c.oid = r.relation
    WHERE splitplane._has_lost_name(r.relation, r.name, r.saved)
    UNION ALL
    SELECT 'warning', p.relation::text,
           CASE WHEN b.attname IS NOT NULL
                THEN format('Column %I of the plane is called %I now, and is out of it until the table is registered '
                            'again.', w.name, b.attname)
                ELSE format(CASE WHEN w.name = ANY (p.registered_private)
                                 THEN 'Private column %I does not exist any more. If it was renamed, name it as '
                                      'private again.'
                                 ELSE 'Column %I of the plane does not exist any more.' END, w.name) END,
           splitplane._register_again(p.relation)
    FROM plane AS p CROSS JOIN LATERAL unnest(p.registered) AS w(name)
    LEFT JOIN pg_attribute AS b
        ON b.attrelid = p.relation AND b.attnum = (p.numbers ->> w.name)::int2 AND NOT b.attisdropped
    WHERE CASE WHEN p.numbers IS NOT NULL THEN b.attname IS DISTINCT FROM w.name
               ELSE NOT EXISTS (SELECT FROM pg_attribute AS a
                                WHERE a.attrelid = p.relation AND a.attname = w.name AND a.attnum > 0
                                  AND NOT a.attisdropped) END
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('Column %I now has type %s, which the plane does not support.', a.attname,
                  format_type(a.atttypid, a.atttypmod)),
           splitplane._register_again(p.relation)
    FROM plane AS p
    JOIN pg_attribute AS a
        ON a.attrelid = p.relation AND a.attname = ANY (p.columns) AND a.attnum > 0 AND NOT a.attisdropped
    WHERE a.atttypid IN (SELECT u.oid FROM unsafe_types AS u)
    UNION ALL
    SELECT 'info', p.relation::text,
           format('Column %I is not in the plane: it was added after the table was registered, or its type was not '
                  'carried then.', a.attname),
           splitplane._registration(p.relation, p.scope, NULL, p.given_name, p.private_columns, true)
    FROM plane AS p JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped
    WHERE (p.saved ->> 'all_columns')::boolean AND a.attname <> ALL (p.columns)
      -- One that the plane does not carry was left out, and would be again.
      AND a.atttypid NOT IN (SELECT u.oid FROM unsafe_types AS u)
      -- It may be a private column that was renamed, or one whose type is not carried any more, which have findings of
      -- their own that come first: to register all columns would forget that they are private.
      AND NOT EXISTS (SELECT FROM unnest(p.private_columns) AS w(name)
                      WHERE NOT EXISTS (SELECT FROM pg_attribute AS b
                                        WHERE b.attrelid = p.relation AND b.attname = w.name
                                          AND b.attnum > 0 AND NOT b.attisdropped
                                          AND splitplane._type_is_safe(b.atttypid)))
      -- Whether it is shared at all is to be settled first.
      AND p.relation NOT IN (SELECT u.relation FROM suspects AS u)
    UNION ALL
    SELECT 'info', p.relation::text,
           'It was altered since it was registered, or restored from a dump. Its fences hold, but every new session '
           'checks them in detail, which is slower.',
           splitplane._register_again(p.relation)
    FROM plane AS p JOIN splitplane._fences AS f ON f.relation = p.relation
    WHERE (CASE WHEN f.fingerprint IS DISTINCT FROM p.saved ->> 'fingerprint'
                THEN splitplane._reader_fingerprint(p.relation) IS DISTINCT FROM p.saved ->> 'reader_fingerprint' END
           -- After a restore and pg_upgrade its columns go by their names until it is registered again.
           OR splitplane._numbers_of(p.relation) IS DISTINCT FROM p.saved ->> 'numbers_of')
      AND NOT EXISTS (SELECT FROM splitplane._critical_findings(ARRAY[p.relation]))
      AND p.relation NOT IN (SELECT u.relation FROM suspects AS u)
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('splitplane_reader may not read %s, so queries on the relation fail.',
                  string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)),
           splitplane._register_again(p.relation)
    FROM plane AS p
    JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped
         AND (a.attname = ANY (coalesce(p.columns, p.registered))
              OR p.scope || splitplane._key_columns(p.relation) ? a.attname::text)
    WHERE NOT has_column_privilege('splitplane_reader', p.relation, a.attnum, 'SELECT')
       OR NOT has_schema_privilege('splitplane_reader', p.relnamespace, 'USAGE')
    GROUP BY p.relation
    UNION ALL
    -- Its policies.
    SELECT 'warning', p.relation::text,
           'Row-level security is enabled and its policy splitplane_read is missing, so queries may see no rows of it.',
           splitplane._register_again(p.relation)
    FROM plane AS p
    WHERE p.relrowsecurity AND NOT p.saved ? 'node'
      AND NOT EXISTS (SELECT FROM pg_policy AS y
                      WHERE y.polrelid = p.relation AND y.polname = 'splitplane_read' AND y.polpermissive
                        AND y.polroles = ARRAY[to_regrole('splitplane_reader')::oid])
    UNION ALL
    SELECT 'warning', p.relation::text,
           'The condition of its policy splitplane_read is not the one that it was made with, so queries may see no '
           'rows of it.', splitplane._register_again(p.relation)
    FROM plane AS p
    JOIN pg_policy AS y ON y.polrelid = p.relation AND y.polname = 'splitplane_read' AND y.polpermissive
         AND y.polroles = ARRAY[to_regrole('splitplane_reader')::oid]
    WHERE p.saved ? 'read' AND p.texts -> 'read' <> p.saved -> 'read'
      -- The condition has the names of the scope's columns: where those have changed is a finding of its own.
      AND NOT EXISTS (SELECT FROM splitplane._critical_findings(ARRAY[p.relation]))
    UNION ALL
    SELECT 'warning', p.relation::text,
           'Its policy splitplane_closed is missing: if the extension were dropped, splitplane_reader would see the '
           'rows of every tenant.',
           splitplane._register_again(p.relation)
    FROM plane AS p
    WHERE NOT p.shared AND NOT p.saved ? 'node'
      AND NOT EXISTS (SELECT FROM pg_policy AS y
                      WHERE y.polrelid = p.relation AND y.polname = 'splitplane_closed' AND NOT y.polpermissive
                        AND y.polroles = ARRAY[to_regrole('splitplane_reader')::oid]
                        AND p.texts ->> 'closed' = p.saved ->> 'closed')
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('Its own restrictive policy %I is evaluated before splitplane''s, so queries on the relation are '
                  'refused. PostgreSQL evaluates policies in the order of their names.', y.name),
           format('ALTER POLICY %I ON %s RENAME TO %I;', y.name, p.relation,
                  -- With the policy's number where the name is taken, or would be by another.
                  concat('own_', ltrim(y.name, E' !"\t'),
                         (SELECT '_' || o.oid FROM pg_policy AS o
                          WHERE o.polrelid = p.relation AND o.polname = y.name
                            AND EXISTS (SELECT FROM pg_policy AS q
                                        WHERE q.polrelid = p.relation AND q.oid <> o.oid
                                          AND 'own_' || ltrim(y.name, E' !"\t')
                                              IN (q.polname, 'own_' || ltrim(q.polname, E' !"\t'))))))
    FROM plane AS p CROSS JOIN LATERAL splitplane._earlier_restrictions(p.relation) AS y(name)
    WHERE NOT p.shared
    UNION ALL
    SELECT 'warning', p.relation::text,
           'Its policy splitplane_others is missing: roles other than its owner see no rows, or fewer than before it '
           'was protected.',
           CASE WHEN EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = p.relation AND y.polpermissive
                             AND y.polname <> ALL (splitplane._policy_names()))
                THEN format('UPDATE splitplane.relations SET had_row_security = true '
                            'WHERE relation = %L::pg_catalog.regclass;', p.relation)
                ELSE splitplane._register_again(p.relation) END
    FROM plane AS p
    WHERE (NOT p.shared OR p.saved ? 'node') AND NOT p.had_row_security AND p.relrowsecurity
      AND NOT EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = p.relation AND y.polname = 'splitplane_others')
    UNION ALL
    SELECT 'warning', p.relation::text,
           CASE WHEN p.had_row_security
                THEN 'A policy splitplane_others lets other roles see rows that its own policies would hide from them. '
                     'splitplane makes none where a table had row-level security of its own.'
                ELSE 'Its policy splitplane_others is not as it was made: other roles see fewer rows than before the '
                     'table was protected.' END,
           CASE WHEN p.had_row_security THEN format('DROP POLICY splitplane_others ON %s;', p.relation)
                ELSE splitplane._register_again(p.relation) END
    FROM plane AS p JOIN pg_policy AS y ON y.polrelid = p.relation AND y.polname = 'splitplane_others'
    WHERE (NOT p.shared OR p.saved ? 'node')
      AND (p.had_row_security OR NOT y.polpermissive OR y.polcmd <> '*' OR y.polroles <> '{0}'
           OR pg_get_expr(y.polqual, y.polrelid)
              IS DISTINCT FROM CASE WHEN p.saved ? 'node' THEN '(CURRENT_USER <> ''splitplane_reader''::name)'
                                    ELSE 'true' END
           OR pg_get_expr(y.polwithcheck, y.polrelid) IS DISTINCT FROM 'true')
    UNION ALL
    SELECT CASE WHEN y.polroles && ARRAY[0, to_regrole('splitplane_reader')::oid] THEN 'warning' ELSE 'info' END,
           p.relation::text,
           format('Its own permissive policy %I has no effect, since splitplane_others lets every role work as before '
                  'the table was protected.', y.polname),
           -- What is not meant to bind the reader changes nothing in the plane; the fix would change what others see.
           format('%sUPDATE splitplane.relations SET had_row_security = true WHERE relation = %L::pg_catalog.regclass; '
                  'DROP POLICY splitplane_others ON %s;',
                  CASE WHEN y.polroles && ARRAY[0, to_regrole('splitplane_reader')::oid] THEN ''
                       ELSE '-- if it should have one: ' END, p.relation, p.relation)
    FROM plane AS p
    JOIN pg_policy AS y
        ON y.polrelid = p.relation AND y.polpermissive AND y.polname <> ALL (splitplane._policy_names())
    WHERE (NOT p.shared OR p.saved ? 'node') AND NOT p.had_row_security
      AND y.polroles <> ARRAY[to_regrole('splitplane_reader')::oid]
      AND EXISTS (SELECT FROM pg_policy AS o WHERE o.polrelid = p.relation AND o.polname = 'splitplane_others')
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('Its own restrictive policy %I applies to splitplane_reader too: answers may have fewer rows or '
                  'none, and queries fail if the policy needs privileges that the reader lacks.', y.name),
           y.remedy
    FROM plane AS p CROSS JOIN LATERAL splitplane._binding_restrictions(p.relation) AS y
    -- One that is evaluated too early has a finding of its own, which comes first.
    WHERE (p.shared OR y.name <> ALL (ARRAY(SELECT splitplane._earlier_restrictions(p.relation))))
      AND p.relation IN (SELECT o.polrelid FROM pg_policy AS o
                         WHERE NOT o.polpermissive AND o.polname <> ALL (splitplane._policy_names()))
    UNION ALL
    SELECT CASE WHEN t.is_ours THEN 'warning' ELSE 'info' END, p.relation::text,
           format(CASE WHEN t.is_ours THEN 'Its policy %I is one of splitplane''s under another name.'
                       ELSE 'Its own restrictive policy %I narrows what splitplane_reader sees, as it says.' END,
                  y.polname),
           format(CASE WHEN t.is_ours THEN 'DROP POLICY %I ON %s;'
                       ELSE '-- DROP POLICY %I ON %s; if answers are to have those rows' END, y.polname, p.relation)
    FROM plane AS p
    JOIN pg_policy AS y
        ON y.polrelid = p.relation AND NOT y.polpermissive AND y.polname <> ALL (splitplane._policy_names())
    CROSS JOIN LATERAL (
        SELECT coalesce(replace(pg_get_expr(y.polqual, y.polrelid), quote_literal(p.relation), 'itself')
                        IN (p.saved ->> 'policy', p.saved ->> 'closed'), false)
    ) AS t(is_ours)
    WHERE y.polroles = ARRAY[to_regrole('splitplane_reader')::oid] AND y.polcmd IN ('r', '*')
    UNION ALL
    -- What PUBLIC may read.
    SELECT 'warning', p.relation::text,
           'PUBLIC may read all its columns, so splitplane_reader''s column grants hide none of them.',
           splitplane._grants_of_others(p.relation, ARRAY[0::oid])
           || format('REVOKE SELECT ON %s FROM PUBLIC;', p.relation)
    FROM plane AS p CROSS JOIN aclexplode(p.relacl) AS g
    WHERE g.grantee = 0 AND g.privilege_type = 'SELECT'
      AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped
                  AND a.attname <> ALL (p.columns) AND NOT p.scope ? a.attname::text)
    UNION ALL
    SELECT 'warning', p.relation::text,
           format('PUBLIC may read column %I, which the plane hides from splitplane_reader.', a.attname),
           splitplane._grants_of_others(p.relation, ARRAY[0::oid])
           || format('REVOKE SELECT (%I) ON %s FROM PUBLIC;', a.attname, p.relation)
    FROM plane AS p
    JOIN pg_attribute AS a
        ON a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attacl IS NOT NULL
    CROSS JOIN aclexplode(a.attacl) AS g
    WHERE g.grantee = 0 AND g.privilege_type = 'SELECT'
      AND a.attname <> ALL (p.columns) AND NOT p.scope ? a.attname::text
    UNION ALL
    -- Its scope.
    SELECT 'warning', p.relation::text,
           format('It is shared, that is, the same for every tenant, but it has column %I, which binds other tables to '
                  'a tenant.', u.attname),
           splitplane._registration(p.relation, jsonb_build_object(u.attname, 'tenant'), p.columns, p.given_name,
                                    p.private_columns)
    FROM plane AS p JOIN suspects AS u ON u.relation = p.relation
    UNION ALL
    -- Under row-level security a condition that is not leakproof cannot use its own index before the tenant's.
    SELECT CASE WHEN s.relpages > 100 OR s.relkind = 'p' THEN 'warning' ELSE 'info' END, s.relation::text,
           format('No index starts with tenant column %I.', s.column_name),
           format('CREATE INDEX %sON %s (%I);', CASE WHEN s.relkind = 'p' THEN '' ELSE 'CONCURRENTLY ' END,
                  s.relation, s.column_name)
    FROM scope_columns AS s
    WHERE s.claim = 'tenant'
      AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = s.relation AND i.indisvalid AND i.indpred IS NULL
                      AND i.indkey[0] = s.attnum)
      -- Partitioning by the tenant itself serves as well as an index.
      AND NOT EXISTS (SELECT FROM pg_partitioned_table AS t
                      WHERE t.partrelid = s.relation AND t.partstrat = 'l' AND t.partattrs[0] = s.attnum)
    UNION ALL
    SELECT 'warning', s.relation::text,
           format('Tenant column %I may be NULL. Such rows belong to no tenant and are never seen.', s.column_name),
           format('-- delete or assign such rows, then: ALTER TABLE %s ALTER COLUMN %I SET NOT NULL;', s.relation,
                  s.column_name)
    FROM scope_columns AS s
    WHERE s.claim = 'tenant' AND NOT s.attnotnull AND NOT s.or_null
    UNION ALL
    SELECT 'warning', s.relation::text,
           format('Scope column %I has type %s, whose equality is not leakproof: estimates do not see which tenants '
                  'have many rows.', s.column_name, format_type(s.base, -1)),
           format(CASE WHEN a.again LIKE '--%' THEN '%4$s'
                       ELSE 'SELECT splitplane.unprotect(%1$L); ALTER TABLE %1$s ALTER COLUMN %2$I TYPE %3$s; %4$s' END,
                  s.relation, s.column_name, CASE WHEN s.base = 'numeric'::regtype THEN 'bigint' ELSE 'text' END,
                  a.again)
    FROM scope_columns AS s CROSS JOIN LATERAL splitplane._register_again(s.relation) AS a(again)
    WHERE NOT splitplane._equality_is_leakproof(s.base)
    UNION ALL
    SELECT 'warning', p.relation::text,
           'It has become a partition: a query on its partitioned table does not use its policies.',
           format('SELECT splitplane.unprotect(%L);', p.relation)
    FROM plane AS p
    WHERE p.relispartition
$$;

-- Ways around a protected relation: views and materialized views over it, and its partitions and children.
CREATE OR REPLACE FUNCTION splitplane._bypass_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE family(relation, ancestor, is_child) AS (
        SELECT r.relation::oid, r.relation, false FROM splitplane.relations AS r WHERE NOT r.shared
        UNION
        SELECT i.inhrelid, f.ancestor, true FROM family AS f JOIN pg_inherits AS i ON i.inhparent = f.relation
    ),
    dependants(relation, ancestor) AS (
        SELECT f.relation, f.ancestor FROM family AS f
        UNION
        SELECT w.ev_class, s.ancestor
        FROM dependants AS s
        JOIN pg_depend AS d
            ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.relation AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite AS w ON w.oid = d.objid
        WHERE w.ev_class <> s.relation
    ),
    -- Relations that the reader may read, by its own grants or by PUBLIC's.
    readable AS (
        SELECT c.oid, c.relkind, c.reloptions
        FROM pg_class AS c
        WHERE c.relkind IN ('v', 'm', 'r', 'p', 'f') AND has_any_column_privilege('splitplane_reader', c.oid, 'SELECT')
    )
    SELECT 'warning', c.oid::regclass::text,
           format('%s over %s shows the rows of every tenant, and splitplane_reader (by itself or by PUBLIC) may read '
                  'it.',
                  CASE WHEN c.relkind = 'm' THEN 'This materialized view' ELSE 'This view without security_invoker' END,
                  string_agg(s.ancestor::text, ', ' ORDER BY s.ancestor::text)),
           CASE WHEN c.relkind = 'v' THEN format('ALTER VIEW %s SET (security_invoker = true);', c.oid::regclass)
                ELSE splitplane._grants_of_others(c.oid, ARRAY[0, to_regrole('splitplane_reader')::oid])
                     || format('REVOKE ALL ON %s FROM PUBLIC, splitplane_reader;', c.oid::regclass) END
    FROM dependants AS s JOIN readable AS c ON c.oid = s.relation
    WHERE c.relkind = 'm'
       OR (c.relkind = 'v'
           AND NOT coalesce((SELECT lower(o.option_value) IN ('true', 'on', 'yes', '1')
                             FROM pg_options_to_table(c.reloptions) AS o
                             WHERE o.option_name = 'security_invoker'), false))
    GROUP BY c.oid, c.relkind
    UNION ALL
    SELECT 'warning', c.oid::regclass::text,
           format('It is a partition or child of %s, whose policies do not apply when it is read directly, and '
                  'splitplane_reader (by itself or by PUBLIC) may read it.', f.ancestor),
           splitplane._grants_of_others(c.oid, ARRAY[0, to_regrole('splitplane_reader')::oid])
           || format('REVOKE ALL ON %s FROM PUBLIC, splitplane_reader;', c.oid::regclass)
    FROM family AS f JOIN readable AS c ON c.oid = f.relation
    WHERE f.is_child AND NOT EXISTS (SELECT FROM splitplane.relations AS r WHERE r.relation = c.oid)
      -- The fences are on their data servers.
      AND NOT EXISTS (SELECT FROM splitplane.directories AS d WHERE d.relation = f.ancestor)
$$;

-- All findings. A check that fails is a finding itself, so that one broken object does not hide the others. Without the
-- reader most checks have nothing to look at; that it is missing is a finding of its own.
CREATE FUNCTION splitplane._findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
-- Compiling these queries would take seconds, and running them takes milliseconds.
SET jit = off
AS $$
DECLARE
    part text;
BEGIN
    FOREACH part IN ARRAY ARRAY['_critical_findings', '_server_problems', '_relation_findings', '_parent_findings',
                                '_bypass_findings', '_role_findings', '_installation_findings',
                                '_function_findings', '_extension_findings', '_identity_findings',
                                '_owner_findings', '_question_findings', '_view_findings', '_search_findings',
                                '_audit_findings', '_budget_findings', '_node_findings',
                                '_directory_findings']
    LOOP
        BEGIN
            IF part = '_critical_findings' THEN
                RETURN QUERY SELECT 'critical', c.object, c.finding, c.fix FROM splitplane._critical_findings() AS c;
            ELSIF part = '_server_problems' THEN
                RETURN QUERY SELECT p.severity, p.object, p.finding, p.fix
                             FROM splitplane._server_problems() AS p WHERE p.severity <> 'critical';
            ELSE
                RETURN QUERY EXECUTE format('SELECT f.severity, f.object, f.finding, f.fix FROM splitplane.%I() AS f',
                                            part);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            IF part = '_critical_findings' OR to_regrole('splitplane_reader') IS NOT NULL THEN
                RETURN QUERY SELECT CASE part WHEN '_critical_findings' THEN 'critical' ELSE 'warning' END,
                                    'doctor',
                                    format('Some checks could not be made: %s (%s).', SQLERRM, SQLSTATE),
                                    '-- repair or drop the object that the message names, then run doctor() again';
            END IF;
        END;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane._findings() FROM PUBLIC;

CREATE OR REPLACE FUNCTION splitplane.doctor() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.severity, f.object, f.finding, f.fix
    FROM splitplane._findings() AS f
    ORDER BY CASE f.severity WHEN 'critical' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END, f.object, f.finding
$$;

COMMENT ON FUNCTION splitplane.doctor() IS
    'What is wrong with the plane; each finding has the SQL that fixes it. ask refuses while there is a critical one.';

-- Findings about search words that were stored by another text search than today's: upgrades of PostgreSQL change
-- stems.

-- Only expressions of what PostgreSQL itself brings are computed here, since this runs with the owner's rights. A few
-- rows show it, as a changed stem is in nearly every text.
CREATE FUNCTION splitplane._search_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
-- A table that somebody has locked must not keep the other findings waiting.
SET lock_timeout = '1s'
AS $$
DECLARE
    generated record;
    differs boolean;
BEGIN
    FOR generated IN
        -- A child by inheritance may have another expression; partitions have that of their table.
        SELECT r.relation, CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END || r.relation AS rows_of, a.attname,
               pg_get_expr(d.adbin, d.adrelid) AS expression,
               (SELECT b.attname FROM pg_depend AS x JOIN pg_attribute AS b ON b.attrelid = x.refobjid
                       AND b.attnum = x.refobjsubid
                WHERE x.classid = 'pg_attrdef'::regclass AND x.objid = d.oid AND x.refclassid = 'pg_class'::regclass
                      AND x.refobjid = d.adrelid AND x.refobjsubid NOT IN (0, a.attnum)
                ORDER BY b.attnum LIMIT 1) AS source
        FROM splitplane.relations AS r
        JOIN pg_class AS c ON c.oid = r.relation
        JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attgenerated = 's' AND NOT a.attisdropped
             AND a.atttypid = 'tsvector'::regtype
        JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE NOT EXISTS (SELECT FROM pg_depend AS x
                          WHERE x.classid = 'pg_attrdef'::regclass AND x.objid = d.oid
                            AND x.refclassid NOT IN ('pg_class'::regclass, 'pg_ts_config'::regclass))
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM (SELECT t.%I AS stored, %s AS present FROM %s AS t LIMIT 200) AS s '
                       'WHERE s.stored IS DISTINCT FROM s.present)',
                       generated.attname, generated.expression, generated.rows_of) INTO differs;
        CONTINUE WHEN NOT differs;
        RETURN QUERY SELECT 'warning', generated.relation::text,
            format('Column %I holds search words that its expression does not give any more, as after an upgrade of '
                   'PostgreSQL: a search misses rows.', generated.attname),
            format('UPDATE %1$s SET %2$I = %2$I; -- every row is written anew', generated.relation, generated.source);
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane._search_findings() FROM PUBLIC;

-- Findings about the installation itself: what makes every call fail, and who may do more than the plane needs.

-- The privileges that the extension grants on its own objects, each in the words of GRANT. What begins with an
-- underscore serves the functions that run as the owner, as do two more; of those, administrators need two to
-- read views, and they and monitoring need those of the figures.
CREATE FUNCTION splitplane._own_privileges() RETURNS TABLE (object text, privilege text, role_name name, held boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT 'FUNCTION ' || splitplane._signature(p.oid), 'EXECUTE', w.role_name,
           has_function_privilege(w.role_name, p.oid, 'EXECUTE')
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    CROSS JOIN LATERAL (
        SELECT CASE WHEN p.proname IN ('ask', 'ask_rows', 'ask_dry_run', 'rate') THEN 'splitplane_caller'
                    WHEN p.proname IN ('in_scope', 'in_parent', 'has_parent', 'in_call', 'claim', 'claim_list',
                                       'bounded', 'counted', 'pattern', 'zone', 'dated', 'kept', 'behind', 'drawn',
                                       'beside', 'moved')
                           OR p.proname ~ '^(numeric|enum)_(equal|less|less_equal|greater|greater_equal)$'
                           OR p.proname ~ ('^(date|timestamp|timestamptz)_'
                                           '(at_least|at_most|equal_to|first|last|before|after)$')
                         THEN 'splitplane_reader'
                    ELSE 'splitplane_admin' END::name
    ) AS w(role_name)
    WHERE p.oid IN (SELECT splitplane._members('pg_proc')) AND to_regrole(w.role_name) IS NOT NULL
      AND (p.proname NOT LIKE '\_%' OR p.proname IN ('_procedure', '_budgets') OR p.proname LIKE '\_stat\_%')
      AND p.proname NOT IN ('in_scope_support', 'has_parent_support', 'beside_support', 'comparison_support', 'keep')
    UNION ALL
    SELECT 'FUNCTION ' || splitplane._signature(p.oid), 'EXECUTE', 'pg_monitor',
           has_function_privilege('pg_monitor', p.oid, 'EXECUTE')
    FROM pg_proc AS p WHERE p.oid IN (SELECT splitplane._members('pg_proc')) AND p.proname LIKE '\_stat\_%'
    UNION ALL
    SELECT 'TABLE ' || c.oid::regclass, 'SELECT', o.name, has_table_privilege(o.name, c.oid, 'SELECT')
    FROM pg_class AS c CROSS JOIN unnest(ARRAY['splitplane_admin', 'pg_monitor']::name[]) AS o(name)
    WHERE c.relnamespace = 'splitplane'::regnamespace AND to_regrole(o.name) IS NOT NULL
      AND (c.relname LIKE 'stat\_%'
           OR o.name = 'splitplane_admin'
              AND c.relname IN ('allowed_extensions', 'allowed_functions', 'budget_limits', 'budgets', 'claims',
                                'directories', 'evaluations', 'functions', 'metrics', 'parents', 'prices',
                                'principals', 'ratings', 'relations', 'tripwires', 'verified_queries', 'views'))
    UNION ALL
    -- Where the application's own roles may use the schema, they do not need the caller's privilege.
    SELECT format('SCHEMA %I', n.nspname), 'USAGE', 'splitplane_caller', false
    FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
    WHERE e.extname = 'splitplane' AND to_regrole('splitplane_caller') IS NOT NULL
      AND NOT has_schema_privilege('splitplane_caller', n.oid, 'USAGE')
      AND NOT EXISTS (SELECT FROM pg_auth_members AS m
                      WHERE m.roleid = to_regrole('splitplane_caller')
                        AND has_schema_privilege(m.member, n.oid, 'USAGE'))
    UNION ALL
    SELECT 'SCHEMA splitplane', 'USAGE', o.name, has_schema_privilege(o.name, 'splitplane', 'USAGE')
    FROM unnest(ARRAY['splitplane_reader', 'splitplane_caller', 'splitplane_admin', 'pg_monitor']::name[]) AS o(name)
    WHERE to_regrole(o.name) IS NOT NULL
$$;

REVOKE ALL ON FUNCTION splitplane._own_privileges() FROM PUBLIC;

-- What the reader may use besides relations of the plane, allowed functions, extensions, schemas, and splitplane's own:
-- objects of this database and of the server, in the words of REVOKE, with who granted what. Relations have a finding
-- of their own.
CREATE FUNCTION splitplane._reader_extras()
RETURNS TABLE (object text, remedy text, acl aclitem[], owner oid, schemas oid[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT pg_describe_object(d.classid, d.objid, 0),
           CASE d.classid
               WHEN 'pg_proc'::regclass THEN 'ROUTINE ' || splitplane._signature(d.objid)
               WHEN 'pg_namespace'::regclass THEN 'SCHEMA ' || d.objid::regnamespace
               WHEN 'pg_database'::regclass
                   THEN format('DATABASE %I', (SELECT b.datname FROM pg_database AS b WHERE b.oid = d.objid))
               WHEN 'pg_type'::regclass THEN 'TYPE ' || d.objid::regtype
               WHEN 'pg_language'::regclass
                   THEN format('LANGUAGE %I', (SELECT l.lanname FROM pg_language AS l WHERE l.oid = d.objid))
               WHEN 'pg_foreign_server'::regclass
                   THEN format('FOREIGN SERVER %I',
                               (SELECT s.srvname FROM pg_foreign_server AS s WHERE s.oid = d.objid))
               WHEN 'pg_foreign_data_wrapper'::regclass
                   THEN format('FOREIGN DATA WRAPPER %I',
                               (SELECT f.fdwname FROM pg_foreign_data_wrapper AS f WHERE f.oid = d.objid))
               WHEN 'pg_tablespace'::regclass
                   THEN format('TABLESPACE %I', (SELECT t.spcname FROM pg_tablespace AS t WHERE t.oid = d.objid))
               WHEN 'pg_parameter_acl'::regclass
                   THEN 'PARAMETER ' || (SELECT a.parname FROM pg_parameter_acl AS a WHERE a.oid = d.objid)
           END,
           o.acl, o.owner,
           CASE d.classid WHEN 'pg_proc'::regclass THEN splitplane._function_schemas(d.objid)
                          WHEN 'pg_type'::regclass
                          THEN ARRAY(SELECT t.typnamespace FROM pg_type AS t WHERE t.oid = d.objid) END
    FROM pg_shdepend AS d
    LEFT JOIN LATERAL (
        SELECT p.proacl, p.proowner FROM pg_proc AS p WHERE d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        UNION ALL
        SELECT n.nspacl, n.nspowner FROM pg_namespace AS n
        WHERE d.classid = 'pg_namespace'::regclass AND n.oid = d.objid
        UNION ALL
        SELECT b.datacl, b.datdba FROM pg_database AS b WHERE d.classid = 'pg_database'::regclass AND b.oid = d.objid
        UNION ALL
        SELECT t.typacl, t.typowner FROM pg_type AS t WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid
        UNION ALL
        SELECT l.lanacl, l.lanowner FROM pg_language AS l
        WHERE d.classid = 'pg_language'::regclass AND l.oid = d.objid
        UNION ALL
        SELECT s.srvacl, s.srvowner FROM pg_foreign_server AS s
        WHERE d.classid = 'pg_foreign_server'::regclass AND s.oid = d.objid
        UNION ALL
        SELECT w.fdwacl, w.fdwowner FROM pg_foreign_data_wrapper AS w
        WHERE d.classid = 'pg_foreign_data_wrapper'::regclass AND w.oid = d.objid
        UNION ALL
        SELECT t.spcacl, t.spcowner FROM pg_tablespace AS t
        WHERE d.classid = 'pg_tablespace'::regclass AND t.oid = d.objid
        UNION ALL
        -- They have no owner; the superuser of initdb stands for it.
        SELECT a.paracl, 10 FROM pg_parameter_acl AS a
        WHERE d.classid = 'pg_parameter_acl'::regclass AND a.oid = d.objid
    ) AS o(acl, owner) ON true
    WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = to_regrole('splitplane_reader') AND d.deptype = 'a'
      AND d.dbid IN (0, (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database()))
      AND d.classid NOT IN ('pg_class'::regclass, 'pg_largeobject'::regclass, 'pg_default_acl'::regclass)
      AND NOT (d.classid = 'pg_proc'::regclass
               AND (splitplane._is_ours('pg_proc', d.objid)
                    OR EXISTS (SELECT FROM pg_depend AS m JOIN pg_extension AS e ON e.oid = m.refobjid
                               WHERE m.classid = 'pg_proc'::regclass AND m.objid = d.objid AND m.deptype = 'e'
                                 AND m.refclassid = 'pg_extension'::regclass AND e.extname = 'splitplane_remote')
                    OR EXISTS (SELECT FROM splitplane.functions AS f WHERE f.function = d.objid)
                    -- doctor() says to grant it where PUBLIC has it no more, and disallow_extension revokes it.
                    OR EXISTS (SELECT FROM splitplane.allowed_extensions AS a
                               CROSS JOIN LATERAL splitplane._listed_objects(a.extension) AS l
                               WHERE l.kind IN ('function', 'aggregate') AND l.is_as_read AND l.object = d.objid)))
      AND NOT (d.classid = 'pg_namespace'::regclass
               AND (d.objid::regnamespace::text IN ('splitplane', 'splitplane_remote')
                    OR EXISTS (SELECT FROM splitplane.relations AS r JOIN pg_class AS c ON c.oid = r.relation
                               WHERE c.relnamespace = d.objid)
                    OR EXISTS (SELECT FROM splitplane.functions AS f JOIN pg_proc AS p ON p.oid = f.function
                               WHERE p.pronamespace = d.objid)
                    OR EXISTS (SELECT FROM splitplane.allowed_extensions AS a
                               WHERE a.saved ->> 'schema' = (SELECT n.nspname FROM pg_namespace AS n
                                                             WHERE n.oid = d.objid))))
$$;

REVOKE ALL ON FUNCTION splitplane._reader_extras() FROM PUBLIC;

CREATE FUNCTION splitplane._installation_findings()
RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    -- What makes calls fail.
    SELECT 'warning', 'extension splitplane',
           format('Its owner %I is not a superuser, so it cannot reliably fence tables or read its own configuration.',
                  pg_get_userbyid(e.extowner)),
           format('ALTER ROLE %I SUPERUSER;', pg_get_userbyid(e.extowner))
    FROM pg_extension AS e JOIN pg_roles AS a ON a.oid = e.extowner
    WHERE e.extname = 'splitplane' AND NOT a.rolsuper
    UNION ALL
    -- Who owns a table may rewrite registrations, and who owns a function decides what it may do.
    SELECT 'warning', o.object,
           format('It belongs to %I, which is no superuser, and not to the owner of the extension, %I.',
                  pg_get_userbyid(o.owner), pg_get_userbyid(e.extowner)),
           format('ALTER %s OWNER TO %I;', o.object, pg_get_userbyid(e.extowner))
    FROM pg_extension AS e
    CROSS JOIN LATERAL (
        SELECT 'SCHEMA splitplane', n.nspowner FROM pg_namespace AS n WHERE n.nspname = 'splitplane'
        UNION ALL
        SELECT CASE c.relkind WHEN 'v' THEN 'VIEW ' ELSE 'TABLE ' END || c.oid::regclass, c.relowner
        FROM pg_class AS c WHERE c.relkind IN ('r', 'v') AND c.oid IN (SELECT splitplane._members('pg_class'))
        UNION ALL
        SELECT CASE p.prokind WHEN 'a' THEN 'AGGREGATE ' ELSE 'FUNCTION ' END || splitplane._signature(p.oid),
               p.proowner
        FROM pg_proc AS p WHERE p.oid IN (SELECT splitplane._members('pg_proc'))
    ) AS o(object, owner)
    JOIN pg_roles AS a ON a.oid = o.owner
    WHERE e.extname = 'splitplane' AND NOT a.rolsuper AND o.owner <> e.extowner
    UNION ALL
    SELECT 'warning', 'extension splitplane', format('Its function %s does not exist any more.', f.name),
           '-- take the tables out with splitplane.unprotect, then drop and create the extension again'
    FROM unnest(ARRAY['ask', 'ask_rows', 'ask_dry_run']) AS f(name)
    WHERE NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.proname = f.name
                      AND p.oid IN (SELECT splitplane._members('pg_proc')))
    UNION ALL
    SELECT 'warning', lower(split_part(p.object, ' ', 1)) || substr(p.object, strpos(p.object, ' ')),
           format('%I lacks %s on it, which splitplane grants: %s.', p.role_name, p.privilege,
                  CASE p.role_name WHEN 'splitplane_reader' THEN 'calls of ask fail'
                                   WHEN 'splitplane_caller' THEN 'applications cannot call it'
                                   WHEN 'pg_monitor' THEN 'monitoring cannot read the figures'
                                   ELSE 'administrators cannot use it' END),
           -- Privileges may have been revoked on purpose: that of ask is, when something is wrong. The reader's cannot
           -- have been, since no call works without them.
           format('%sGRANT %s ON %s TO %I;',
                  CASE WHEN p.role_name <> 'splitplane_reader' THEN '-- if it was not revoked on purpose: ' END,
                  p.privilege, p.object, p.role_name)
    FROM splitplane._own_privileges() AS p
    WHERE NOT p.held
    UNION ALL
    SELECT 'warning', 'splitplane.key_file',
           format('Signing keys cannot be opened, so new sessions refuse contexts that are signed with them (28000): '
                  '%s. This concerns %s keys, first %s.', (array_agg(s.problem ORDER BY s.key_id))[1], count(*),
                  min(s.key_id)),
           '-- put the key file of the server that made the keys back, owned by the server''s user with mode 0600; or '
           'revoke the keys (revoke_key) and create others (create_key)'
    FROM (SELECT k.key_id, splitplane._key_problem(k.key_id, k.sealed) AS problem
          FROM splitplane.keys AS k
          WHERE k.revoked_at IS NULL AND k.not_after > now()) AS s
    WHERE s.problem IS NOT NULL
    HAVING count(*) > 0
    UNION ALL
    -- Roles.
    SELECT 'warning', format('role %I', o.name), format('It %s, which it does not need.', p.power),
           format('ALTER ROLE %I %s;', o.name, p.remedy)
    FROM unnest(splitplane._own_roles()) AS o(name) CROSS JOIN LATERAL splitplane._role_powers(o.name) AS p
    WHERE p.held AND NOT (o.name = 'splitplane_reader' AND p.is_critical)
    UNION ALL
    SELECT 'info', format('role %I', pg_get_userbyid(m.member)),
           'It is a member of splitplane_admin: it may register tables, make keys and sign as every tenant.',
           format('-- REVOKE splitplane_admin FROM %I; if it should not', pg_get_userbyid(m.member))
    FROM pg_auth_members AS m JOIN pg_roles AS a ON a.oid = m.member
    WHERE m.roleid = to_regrole('splitplane_admin') AND NOT a.rolsuper
    UNION ALL
    SELECT 'warning', x.object, 'splitplane_reader has privileges on it that splitplane did not grant.',
           CASE WHEN x.remedy IS NULL THEN '-- revoke them'
                ELSE splitplane._revoked_by_others('ALL ON ' || x.remedy, x.acl, x.owner,
                                                   ARRAY[to_regrole('splitplane_reader')::oid], x.schemas)
                     || format('REVOKE ALL ON %s FROM splitplane_reader;', x.remedy) END
    FROM splitplane._reader_extras() AS x
    UNION ALL
    SELECT 'warning', splitplane._signature(p.oid),
           format('%s may execute it, which splitplane did not grant.', splitplane._grantee(g.grantee)),
           splitplane._revoked_by_others('ALL ON FUNCTION ' || splitplane._signature(p.oid), p.proacl, p.proowner,
                                         ARRAY[g.grantee], splitplane._function_schemas(p.oid))
           || format('REVOKE ALL ON FUNCTION %s FROM %s;', splitplane._signature(p.oid), splitplane._grantee(g.grantee))
    FROM pg_proc AS p CROSS JOIN LATERAL aclexplode(p.proacl) AS g
    WHERE p.pronamespace = 'splitplane'::regnamespace AND p.oid IN (SELECT splitplane._members('pg_proc'))
      AND g.grantee <> p.proowner AND to_regrole('splitplane_reader') IS NOT NULL
      AND NOT EXISTS (SELECT FROM splitplane._own_privileges() AS o
                      WHERE o.object = 'FUNCTION ' || splitplane._signature(p.oid)
                        AND o.role_name = pg_get_userbyid(g.grantee))
    UNION ALL
    -- What is created from now on. Every function is PUBLIC's unless that was changed, which is no finding.
    SELECT 'warning', pg_describe_object('pg_default_acl'::regclass, d.oid, 0),
           format('%s will have %s on what %I creates.', splitplane._grantee(g.grantee),
                  string_agg(DISTINCT g.privilege_type, ', '), pg_get_userbyid(d.defaclrole)),
           format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE ALL ON %s FROM %s;', pg_get_userbyid(d.defaclrole),
                  (SELECT format(' IN SCHEMA %I', n.nspname) FROM pg_namespace AS n WHERE n.oid = d.defaclnamespace),
                  CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES'
                                       WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END,
                  splitplane._grantee(g.grantee))
    FROM pg_default_acl AS d CROSS JOIN aclexplode(d.defaclacl) AS g
    WHERE g.grantee = to_regrole('splitplane_reader') OR g.grantee = 0 AND d.defaclobjtype IN ('r', 'S', 'L')
    GROUP BY d.oid, d.defaclrole, d.defaclnamespace, d.defaclobjtype, g.grantee
    UNION ALL
    -- Subscribers get sealed secrets, principals and conversations.
    SELECT 'warning', format('publication %I', t.pubname),
           format('It publishes tables of splitplane: %s.', string_agg(t.tablename, ', ' ORDER BY t.tablename)),
           CASE WHEN p.puballtables
                THEN format('-- DROP PUBLICATION %I; and make it again FOR TABLES IN SCHEMA .. or FOR TABLE .., '
                            'without schema splitplane', t.pubname)
                WHEN EXISTS (SELECT FROM pg_publication_namespace AS n
                             WHERE n.pnpubid = p.oid AND n.pnnspid = 'splitplane'::regnamespace)
                THEN format('ALTER PUBLICATION %I DROP TABLES IN SCHEMA splitplane;', t.pubname)
                ELSE format('ALTER PUBLICATION %I DROP TABLE %s;', t.pubname,
                            string_agg(format('%I.%I', t.schemaname, t.tablename), ', ' ORDER BY t.tablename)) END
    FROM pg_publication_tables AS t JOIN pg_publication AS p ON p.pubname = t.pubname
    WHERE t.schemaname = 'splitplane'
    GROUP BY t.pubname, p.oid, p.puballtables
$$;

REVOKE ALL ON FUNCTION splitplane._installation_findings() FROM PUBLIC;

-- The oracle of selftest: what it asks (shapes), as whom (principals), of which rows (samples and probes), and what
-- each statement should return, computed by the owner outside the plane from scope and claims.

-- The statements. Between braces stands a name of _selftest_names(), for which _selftest_fill() writes its text:
--   {table}      the relation as it can be named: by its plane name, or qualified if that is lost
--   {qualified}  its schema and name; {name} its plane name alone
--   {columns}    its plane columns; {counts} a count of each
--   {sample}     a condition on the rows that are compared
--   {probe}      a column that tells whose a row is; {values} some of its values, as rows of VALUES
-- `has_columns`: the answer has the plane columns, and `more` columns besides; else it has `more` columns.
CREATE OR REPLACE FUNCTION splitplane._selftest_shapes(
    OUT shape text, OUT has_columns boolean, OUT more integer, OUT template text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
    ('direct',          true,  0, 'SELECT {columns} FROM {table} WHERE {sample}'),
    ('qualified',       true,  0, 'SELECT {columns} FROM {qualified} WHERE {sample}'),
    ('CTE',             true,  0, 'WITH {name} AS (SELECT * FROM {table}) '
                                  'SELECT {columns} FROM {name} WHERE {sample}'),
    ('UNION',           true,  0, 'SELECT {columns} FROM {table} WHERE {sample} '
                                  'UNION ALL SELECT {columns} FROM {table} WHERE {sample}'),
    ('IN',              false, 1, 'SELECT selftest.value FROM (VALUES {values}) AS selftest(value) '
                                  'WHERE selftest.value IN (SELECT {probe}::text FROM {table} WHERE {sample})'),
    ('scalar subquery', false, 2, 'SELECT selftest.value, (SELECT count(*) FROM {table} '
                                  'WHERE {sample} AND {probe}::text = selftest.value) '
                                  'FROM (VALUES {values}) AS selftest(value)'),
    ('LATERAL',         true,  1, 'SELECT selftest.value, selftest_found.* '
                                  'FROM (VALUES {values}) AS selftest(value) CROSS JOIN LATERAL '
                                  '(SELECT {columns} FROM {table} WHERE {sample} AND {probe}::text = selftest.value) '
                                  'AS selftest_found'),
    ('window',          true,  1, 'SELECT {columns}, count(*) OVER () FROM {table} WHERE {sample}'),
    ('aggregate',       false, 1, 'SELECT concat_ws('','', count(*), {counts}) FROM {table} WHERE {sample}'),
    ('set-returning',   true,  1, 'SELECT {columns}, generate_series(1, 2) FROM {table} WHERE {sample}'),
    ('EXISTS',          false, 1, 'SELECT selftest.value FROM (VALUES {values}) AS selftest(value) '
                                  'WHERE EXISTS (SELECT 1 FROM {table} '
                                  'WHERE {sample} AND {probe}::text = selftest.value)')
$$;

-- A template with its names filled in, in one pass: braces within a filled-in text stay as they are.
CREATE FUNCTION splitplane._selftest_fill(template text, names jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(part.match[1] || coalesce(names ->> part.match[2], ''), '' ORDER BY part.place)
    FROM regexp_matches(template, '([^{]*)(?:\{([a-z]+)\})?', 'g') WITH ORDINALITY AS part(match, place)
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_fill(text, jsonb) FROM PUBLIC;

-- Runs one statement as one principal, through the stages of ask and without anyone's signature; if `opened`, it may
-- name hidden relations. For selftest alone.
CREATE FUNCTION splitplane._selftest_run(
    tenant text, business text, subject text, sql text, opened boolean DEFAULT false,
    OUT state text, OUT message text, OUT answer text)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 1
AS 'MODULE_PATHNAME', 'splitplane_2__selftest_run';

REVOKE ALL ON FUNCTION splitplane._selftest_run(text, text, text, text, boolean) FROM PUBLIC;

-- The claims of the enabled row that decides about an identity, by the look-up of ask; NULL if there is none.
CREATE OR REPLACE FUNCTION splitplane._selftest_claims(tenant text, business text, subject text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN p.enabled THEN
        p.claims || jsonb_build_object('tenant', p.tenant, 'business', _selftest_claims.business,
                                       'subject', _selftest_claims.subject) END
    FROM splitplane.principals AS p
    WHERE p.tenant = _selftest_claims.tenant
      AND p.business IN (_selftest_claims.business, '*') AND p.subject IN (_selftest_claims.subject, '*')
    ORDER BY p.business = '*', p.subject = '*'
    LIMIT 1
$$;

-- Which rows of a relation belong to these claims, as a condition; NULL if a claim is missing. It is written
-- independently of the policies and the fences, since it is what they are compared with.
CREATE OR REPLACE FUNCTION splitplane._selftest_own(relation regclass, scope jsonb, claims jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT CASE WHEN bool_and(w.value IS NOT NULL) THEN
        string_agg(CASE WHEN t.name = 'bytea' AND NOT splitplane._is_bytes(claims ->> c.claim)
                        -- What is no spelling of an id is nobody's.
                        THEN CASE WHEN s.value = 'tenant or null' THEN format('%I IS NULL', s.key) ELSE 'false' END
                        WHEN s.value = 'tenant or null'
                        THEN format('(%I OPERATOR(pg_catalog.=) %L::%s OR %1$I IS NULL)', s.key, claims ->> 'tenant',
                                    t.name)
                        WHEN s.value = ANY (splitplane._identity_claims())
                        THEN format('%I OPERATOR(pg_catalog.=) %L::%s', s.key, claims ->> s.value, t.name)
                        ELSE format('%I OPERATOR(pg_catalog.=) ANY (%L::%s[])', s.key, w.value, t.name) END,
                   ' AND ') END
    FROM jsonb_each_text(scope) AS s
    JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = s.key AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN LATERAL (SELECT format_type(splitplane._base_type(a.atttypid), -1)) AS t(name)
    CROSS JOIN LATERAL (SELECT replace(s.value, 'tenant or null', 'tenant')) AS c(claim)
    CROSS JOIN LATERAL (
        SELECT CASE jsonb_typeof(claims -> c.claim)
               WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(claims -> c.claim))
               ELSE ARRAY[claims ->> c.claim] END
        WHERE claims ? c.claim
    ) AS w(value)
    -- No condition, so that nothing can pass, if a scope column does not exist any more or there is none.
    HAVING count(*) = (SELECT count(*) FROM jsonb_object_keys(scope)) AND count(*) > 0
$$;

-- The same of a relation whose rows belong to those of others: each key that is not NULL leads to a row of the parent
-- that belongs to these claims, and there is one. NULL if a claim is missing on the way.
CREATE FUNCTION splitplane._selftest_rows(relation regclass, scope jsonb, claims jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    condition text := splitplane._selftest_own(relation, scope, claims);
    link record;
    of_parent text;
    keys text;
    has_keys text[] := '{}';
BEGIN
    IF NOT EXISTS (SELECT FROM splitplane.parents AS p WHERE p.relation = _selftest_rows.relation)
       OR (scope <> '{}' AND condition IS NULL) THEN
        RETURN condition;
    END IF;
    FOR link IN
        SELECT p.parent, p.columns, p.parent_columns, r.scope,
               (SELECT format('%I.%I', n.nspname, c.relname)
                FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = p.parent) AS qualified
        FROM splitplane.parents AS p JOIN splitplane.relations AS r ON r.relation = p.parent
        WHERE p.relation = _selftest_rows.relation
    LOOP
        of_parent := splitplane._selftest_rows(link.parent, link.scope, claims);
        IF of_parent IS NULL THEN
            RETURN NULL;
        END IF;
        -- Rows of columns, also where it is one: a row with a NULL in it is not "IS NOT NULL".
        keys := (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.place)
                 FROM unnest(link.columns) WITH ORDINALITY AS c(name, place));
        has_keys := has_keys || format('ROW(%s) IS NOT NULL', keys);
        condition := concat_ws(' AND ', condition,
            format('((ROW(%s) IS NOT NULL) IS FALSE OR (%1$s) IN (SELECT %s FROM %s WHERE %s))', keys,
                   (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.place)
                    FROM unnest(link.parent_columns) WITH ORDINALITY AS c(name, place)),
                   link.qualified, of_parent));
    END LOOP;
    RETURN format('%s AND (%s)', condition, array_to_string(has_keys, ' OR '));
END
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_rows(regclass, jsonb, jsonb) FROM PUBLIC;

-- Who asks: for each tenant the enabled principal that may see most, as {"tenant", "business", "subject"}, with '*' for
-- any.
CREATE OR REPLACE FUNCTION splitplane._selftest_principals(tenants text[]) RETURNS jsonb[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT jsonb_build_object('tenant', w.tenant, 'business', w.business, 'subject', w.subject)
        FROM (SELECT DISTINCT ON (p.tenant) p.tenant, p.business, p.subject
              FROM splitplane.principals AS p
              WHERE p.enabled AND (tenants IS NULL OR p.tenant = ANY (tenants))
              ORDER BY p.tenant, (SELECT count(*) FROM jsonb_object_keys(p.claims)) DESC,
                       octet_length(p.claims::text) DESC,
                       p.business = '*' DESC, p.subject = '*' DESC, p.business, p.subject) AS w
        ORDER BY w.tenant
        LIMIT CASE WHEN tenants IS NULL THEN 2 END)
$$;

-- The same principals with ids in place of '*': a business or subject from the relation's own rows if it is scoped by
-- one, else a made-up one. `own` is added: the condition of _selftest_own, NULL if the principal cannot ask here.
CREATE OR REPLACE FUNCTION splitplane._selftest_identities(r splitplane.relations, qualified text, people jsonb[]) RETURNS jsonb[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person jsonb;
    part text;
    scope_column text;
    of_tenant text;
    value text;
    claims jsonb;
    whole jsonb[] := '{}';
BEGIN
    FOREACH person IN ARRAY people LOOP
        FOREACH part IN ARRAY ARRAY['business', 'subject'] LOOP
            CONTINUE WHEN person ->> part <> '*';
            value := NULL;
            SELECT s.key INTO scope_column FROM jsonb_each_text(r.scope) AS s WHERE s.value = part LIMIT 1;
            IF FOUND THEN
                SELECT splitplane._selftest_own(r.relation, jsonb_object_agg(s.key, s.value), person) INTO of_tenant
                  FROM jsonb_each_text(r.scope) AS s WHERE s.value IN ('tenant', 'tenant or null');
                EXECUTE format('SELECT %I::text FROM %s WHERE %s AND %1$I IS NOT NULL LIMIT 1',
                               scope_column, qualified, coalesce(of_tenant, 'true'))
                   INTO value;
            END IF;
            person := person || jsonb_build_object(part, coalesce(value, 'splitplane-selftest'));
        END LOOP;
        claims := splitplane._selftest_claims(person ->> 'tenant', person ->> 'business', person ->> 'subject');
        whole := whole || (person || jsonb_build_object('own',
            CASE WHEN claims IS NULL THEN NULL
                 WHEN r.shared THEN 'true'
                 ELSE splitplane._selftest_rows(r.relation, r.scope, claims) END));
    END LOOP;
    RETURN whole;
END
$$;

-- Columns of the plane whose values can be written as literals and compared. With `indexed`, those that an index leads
-- to through scope columns alone, unique indexes first; else all of them, the tenant column first. Base types only: a
-- user-defined cast must not run with the owner's rights.
CREATE OR REPLACE FUNCTION splitplane._selftest_columns(relation regclass, columns text[], scope jsonb, indexed boolean)
RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.attname::text
    FROM pg_attribute AS a
    CROSS JOIN LATERAL (SELECT splitplane._base_type(a.atttypid)) AS b(base)
    LEFT JOIN LATERAL (
        SELECT max(i.indisunique::int) AS is_unique
        FROM pg_index AS i
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
        WHERE i.indrelid = relation AND i.indisvalid AND i.indpred IS NULL AND k.attnum = a.attnum
          AND NOT EXISTS (SELECT FROM unnest(i.indkey) WITH ORDINALITY AS earlier(attnum, place)
                          LEFT JOIN pg_attribute AS e ON e.attrelid = relation AND e.attnum = earlier.attnum
                          WHERE earlier.place < k.place AND (e.attnum IS NULL OR NOT scope ? e.attname::text))
    ) AS i ON true
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (columns)
      AND (EXISTS (SELECT FROM splitplane._scope_type(b.base) AS t WHERE t.takes_list)
           OR (indexed AND b.base = ANY ('{numeric,date,timestamp,timestamptz}'::regtype[])))
      AND (NOT indexed
           OR (i.is_unique IS NOT NULL AND (scope ->> a.attname::text IN ('tenant', 'tenant or null')) IS NOT TRUE))
    ORDER BY CASE WHEN indexed THEN i.is_unique
                  WHEN scope ->> a.attname::text IN ('tenant', 'tenant or null') THEN 1 ELSE 0 END DESC,
             a.attnum
$$;

-- Up to `most` of the values that a query returns, all if NULL: those that a statement of ask can have as literals.
CREATE FUNCTION splitplane._selftest_values(query text, most integer, OUT picked text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('SELECT ARRAY(SELECT s.v FROM (%s) AS s(v) WHERE s.v !~ %L AND length(s.v) < 200 '
                   'ORDER BY s.v COLLATE "C" LIMIT %L)', query, '[\\[:cntrl:]]', most) INTO picked;
END
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_values(text, integer) FROM PUBLIC;

-- A condition that leaves at most `most` rows of a relation, some of each owner's among them: `true` for a small table,
-- else a list of values of an indexed column; NULL if there is no such column. `others` is the condition on the rows
-- among which those of the owners are then sought: all rows, or those of all owners, so that the cost depends on the
-- sample and not on the table. Citus cannot count rows without a column.
CREATE OR REPLACE FUNCTION splitplane._selftest_sample(
    r splitplane.relations, qualified text, owners text[], most integer, OUT condition text, OUT others text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rows_seen bigint;
    column_name text;
    values_each integer;
    owner_condition text;
    -- The rows that are everybody's, where there are any: some of them are in the sample, too.
    everybody text[] := ARRAY(SELECT format('%I IS NULL', s.key)
                              FROM jsonb_each_text(r.scope) AS s WHERE s.value = 'tenant or null');
    chosen text[];
BEGIN
    condition := 'true';
    others := 'true';
    EXECUTE format('SELECT count(*) FROM (SELECT 1 FROM %s LIMIT %s) AS s', qualified, most + 1) INTO rows_seen;
    IF rows_seen <= most THEN
        RETURN;
    END IF;
    others := (SELECT string_agg(format('(%s)', o.condition), ' OR ') FROM unnest(owners) AS o(condition));
    FOR column_name, values_each IN
        SELECT c.name, n.values_each
        FROM splitplane._selftest_columns(r.relation, r.columns, r.scope, true) WITH ORDINALITY AS c(name, place)
        CROSS JOIN (VALUES (20), (4), (1)) AS n(values_each)
        ORDER BY c.place, n.values_each DESC
    LOOP
        chosen := '{}';
        FOREACH owner_condition IN ARRAY owners || everybody LOOP
            chosen := chosen || splitplane._selftest_values(
                format('SELECT DISTINCT l.v FROM (SELECT %1$I::text FROM %2$s WHERE (%3$s) AND %1$I IS NOT NULL '
                       'LIMIT %4$s) AS l(v)', column_name, qualified, owner_condition, values_each), NULL);
        END LOOP;
        CONTINUE WHEN chosen = '{}';
        condition := format('%I IN (%s)', column_name,
                            (SELECT string_agg(DISTINCT quote_literal(c.v), ', ') FROM unnest(chosen) AS c(v)));
        EXECUTE format('SELECT count(*) FROM (SELECT 1 FROM %s WHERE (%s) AND (%s) LIMIT %s) AS s',
                       qualified, condition, others, most + 1) INTO rows_seen;
        IF rows_seen <= most THEN
            RETURN;
        END IF;
    END LOOP;
    condition := NULL;
END
$$;

-- A column, and values of it that occur in the sample among the rows of one owner alone.
CREATE OR REPLACE FUNCTION splitplane._selftest_probes(
    r splitplane.relations, qualified text, owners text[], sample text, OUT column_name text, OUT probed text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    position integer;
    found text[];
    others text;
BEGIN
    FOR column_name IN SELECT splitplane._selftest_columns(r.relation, r.columns, r.scope, false) LOOP
        probed := '{}';
        FOR position IN 1 .. cardinality(owners) LOOP
            -- The rows of the other owners; with one owner, all rows that are not its own. Of a shared table, none.
            others := CASE WHEN r.shared THEN 'false' ELSE coalesce(
                (SELECT string_agg(format('(%s)', o.condition), ' OR ')
                 FROM unnest(owners) WITH ORDINALITY AS o(condition, place) WHERE o.place <> position),
                format('(%s) IS NOT TRUE', owners[position])) END;
            found := splitplane._selftest_values(
                format('SELECT %1$I::text FROM %2$s WHERE (%3$s) AND (%4$s) AND %1$I IS NOT NULL '
                       'EXCEPT SELECT %1$I::text FROM %2$s WHERE (%3$s) AND (%5$s)',
                       column_name, qualified, sample, owners[position], others), 5);
            probed := probed || found;
            EXIT WHEN found = '{}';
        END LOOP;
        IF found <> '{}' THEN
            RETURN;
        END IF;
    END LOOP;
    column_name := NULL;
    probed := '{}';
END
$$;

-- How a statement can name a relation.
CREATE FUNCTION splitplane._selftest_table(r splitplane.relations, qualified text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT CASE WHEN splitplane._has_lost_name(r.relation, r.name, r.saved) THEN qualified ELSE quote_ident(r.name) END
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_table(splitplane.relations, text) FROM PUBLIC;

-- Functions by which an answer shows values of types that a table's columns have, by type; empty where there are none.
CREATE FUNCTION splitplane._selftest_shown_by(relation regclass) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM splitplane.allowed_extensions AS a JOIN splitplane._extension_list() AS l
                        ON l.extension = a.extension AND l.kind = 'answer') THEN
        RETURN '{}';
    END IF;
    RETURN (SELECT coalesce(jsonb_object_agg(p.proargtypes[0], x.object::regprocedure), '{}')
            FROM splitplane._extension_objects() AS x JOIN pg_proc AS p ON p.oid = x.object
            WHERE x.kind = 'answer'
              AND EXISTS (SELECT FROM pg_attribute AS a
                          WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
                            AND splitplane._base_type(a.atttypid) = p.proargtypes[0]));
END
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_shown_by(regclass) FROM PUBLIC;

-- A value as an answer has it.
CREATE FUNCTION splitplane._selftest_json(value anyelement, shown_by jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written text;
BEGIN
    IF value IS NULL OR NOT shown_by ? splitplane._base_type(pg_typeof(value))::text THEN
        RETURN to_json(value);
    END IF;
    EXECUTE format('SELECT %s($1)', (shown_by ->> splitplane._base_type(pg_typeof(value))::text)::regprocedure::regproc)
       INTO written USING value;
    RETURN to_json(written);
END
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_json(anyelement, jsonb) FROM PUBLIC;

-- What the placeholders of a shape stand for, for one relation, its sample and its probe; `place` besides: the table
-- itself, outside the plane; `opened`: the statements name a hidden relation.
CREATE FUNCTION splitplane._selftest_names(
    r splitplane.relations, schema_name text, qualified text, sample text, probe_column text, probed text[])
RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT jsonb_build_object(
        'opened', r.hidden, 'place', qualified, 'qualified', qualified, 'name', quote_ident(r.name),
        'table', splitplane._selftest_table(r, qualified),
        'columns', string_agg(quote_ident(c.name), ', ' ORDER BY c.place),
        'counts', string_agg(format('count(%I)', c.name), ', ' ORDER BY c.place),
        'sample', sample, 'probe', quote_ident(probe_column), 'shown_by', splitplane._selftest_shown_by(r.relation),
        'values', (SELECT string_agg(format('(%L)', p.value), ', ' ORDER BY p.place)
                   FROM unnest(probed) WITH ORDINALITY AS p(value, place)))
    FROM unnest(r.columns) WITH ORDINALITY AS c(name, place)
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_names(splitplane.relations, text, text, text, text, text[]) FROM PUBLIC;

-- The number of rows and a digest of what a shape should return: outside the plane, a CTE with the plane's name holds
-- the rows that `own` admits. Rows are written as in an answer of ask; their order does not matter.
CREATE FUNCTION splitplane._selftest_expected(
    names jsonb, own text, template text, width integer, OUT rows bigint, OUT digest numeric)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer_columns text := (SELECT string_agg('a' || n, ', ' ORDER BY n) FROM generate_series(1, width) AS n);
    as_json text := (SELECT string_agg(
                         format(CASE WHEN names -> 'shown_by' = '{}' THEN 'coalesce(to_json(a%s)::text, ''null'')'
                                     ELSE 'coalesce(splitplane._selftest_json(a%s, %L), ''null'')' END,
                                n, names -> 'shown_by'), ', ' ORDER BY n)
                     FROM generate_series(1, width) AS n);
BEGIN
    EXECUTE format('WITH %s AS MATERIALIZED (SELECT %s FROM %s WHERE (%s) AND (%s)) '
                   'SELECT count(*), '
                   'coalesce(sum(hashtextextended(''['' || array_to_string(ARRAY[%s], '','') || '']'', 0)), 0) '
                   'FROM (%s) AS answer(%s)',
                   names ->> 'name', names ->> 'columns', names ->> 'place', own, names ->> 'sample', as_json,
                   -- The CTE stands for the relation, by whatever name.
                   splitplane._selftest_fill(template, names || jsonb_build_object('qualified', names -> 'name',
                                                                                   'table', names -> 'name')),
                   answer_columns)
       INTO rows, digest;
END
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_expected(jsonb, text, text, integer) FROM PUBLIC;

-- The runner of selftest: what the fences let through now, measured from outside. Each statement takes the confined
-- path as a registered principal, and its answer is compared with that of the oracle (70_selftest_truth.sql).

-- One shape as one principal. The table may change during the test: a difference counts only if the rows that the
-- answer is compared with are the same before and after. `counter` is the condition on the rows that would be seen
-- without the fence: the right answer proves something only if these rows give another one.
CREATE FUNCTION splitplane._selftest_shape(
    person jsonb, names jsonb, template text, width integer, counter text, OUT verdict text, OUT detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tenant text := person ->> 'tenant';
    own text := person ->> 'own';
    expected record;
    again record;
    unfenced record;
    seen record;
    ran record;
BEGIN
    verdict := 'inconclusive';
    IF own IS NULL THEN
        detail := format('%s may not ask this: it lacks a claim, or its row is disabled', tenant);
        RETURN;
    END IF;
    FOR attempt IN 1 .. 3 LOOP
        expected := splitplane._selftest_expected(names, own, template, width);
        SELECT * INTO STRICT ran
          FROM splitplane._selftest_run(tenant, person ->> 'business', person ->> 'subject',
                                        splitplane._selftest_fill(template, names), (names ->> 'opened')::boolean);
        IF ran.state <> '00000' THEN
            -- The proof refused, or the plane is closed: nothing was returned, but a fence is missing.
            verdict := CASE WHEN ran.state = '55000'
                              OR (ran.state = '42501' AND ran.message LIKE '%could not be proved%') THEN 'FAIL'
                            ELSE 'error' END;
            detail := format('%s was refused: %s %s', tenant, ran.state, ran.message);
            RETURN;
        END IF;
        SELECT count(*) AS rows, coalesce(sum(hashtextextended(e.line::text, 0)), 0) AS digest INTO seen
          FROM json_array_elements(ran.answer::json) AS e(line);
        IF seen = expected THEN
            unfenced := splitplane._selftest_expected(names, counter, template, width);
            IF expected = unfenced THEN
                detail := format('%s: no row of another tenant in the sample would show a difference', tenant);
            ELSIF own <> 'true' AND splitplane._selftest_is_empty(names, own) THEN
                detail := format('%s has no row of its own', tenant);
            ELSE
                verdict := 'pass';
                detail := format('%s sees its %s of %s', tenant, expected.rows, greatest(unfenced.rows, expected.rows));
            END IF;
            RETURN;
        END IF;
        again := splitplane._selftest_expected(names, own, template, width);
        IF again = expected THEN
            verdict := 'FAIL';
            detail := format(CASE WHEN seen.rows = expected.rows THEN '%s sees %s rows that are not its own %s'
                                  ELSE '%s sees %s rows instead of its own %s' END, tenant, seen.rows, expected.rows);
            RETURN;
        END IF;
    END LOOP;
    detail := format('%s: the rows change too fast to be compared', tenant);
END
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_shape(jsonb, jsonb, text, integer, text) FROM PUBLIC;

CREATE FUNCTION splitplane._selftest_is_empty(names jsonb, own text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_empty boolean;
BEGIN
    EXECUTE format('SELECT NOT EXISTS (SELECT 1 FROM %s WHERE (%s) AND (%s))', names ->> 'place', own,
                   names ->> 'sample')
       INTO is_empty;
    RETURN is_empty;
END
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_is_empty(jsonb, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION splitplane._selftest_worst(verdicts text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.verdict FROM unnest(verdicts) AS v(verdict)
    ORDER BY array_position(ARRAY['FAIL', 'error', 'inconclusive', 'pass'], v.verdict) LIMIT 1
$$;

-- Whether every hidden column, and every system column, is refused as one that does not exist.
CREATE FUNCTION splitplane._selftest_hidden(
    r splitplane.relations, qualified text, tenant text, business text, subject text, until timestamptz,
    OUT verdict text, OUT detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    column_name text;
    ran record;
    tried integer := 0;
    is_cut boolean := false;
BEGIN
    FOR column_name IN
        SELECT a.attname FROM pg_attribute AS a
        WHERE a.attrelid = r.relation AND NOT a.attisdropped AND a.attname <> ALL (r.columns)
          AND (a.attnum > 0 OR a.attname IN ('ctid', 'tableoid', 'xmin'))
        ORDER BY a.attnum < 0, a.attnum
    LOOP
        is_cut := clock_timestamp() > until;
        EXIT WHEN is_cut;
        SELECT * INTO STRICT ran
          FROM splitplane._selftest_run(tenant, business, subject,
                                        format('SELECT s.%I FROM %s AS s', column_name,
                                               splitplane._selftest_table(r, qualified)), r.hidden);
        tried := tried + 1;
        IF ran.state = '00000' THEN
            verdict := 'FAIL';
            detail := concat_ws(' ', detail,
                                format('Column %I, which is not in the plane, was answered.', column_name));
        ELSIF ran.state <> '42703' THEN
            verdict := coalesce(verdict, 'error');
            detail := concat_ws(' ', detail, format('Column %I: %s %s', column_name, ran.state, ran.message));
        END IF;
    END LOOP;
    IF is_cut THEN
        verdict := coalesce(verdict, 'inconclusive');
        detail := concat_ws(' ', detail, format('%s hidden and system columns were tried, then the time was used up.',
                                                tried));
    END IF;
    verdict := coalesce(verdict, 'pass');
    detail := coalesce(detail, format('%s hidden and system columns are refused as unknown', tried));
END
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_hidden(splitplane.relations, text, text, text, text, timestamptz)
    FROM PUBLIC;

-- Rows whose scope is NULL belong to no principal: none sees them, and no test can decide whose they should be. Unless
-- the scope says that they are everybody's: then every answer is compared with them.
CREATE OR REPLACE FUNCTION splitplane._selftest_scope(
    r splitplane.relations, qualified text, OUT verdict text, OUT detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    column_name text;
    is_everybodys boolean;
    found boolean;
    has_key text;
BEGIN
    FOR column_name, is_everybodys IN
        SELECT a.attname, r.scope ->> a.attname::text = 'tenant or null' FROM pg_attribute AS a
        WHERE a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped
          AND r.scope ? a.attname::text AND NOT a.attnotnull
        ORDER BY a.attnum
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s WHERE %I IS NULL)', qualified, column_name) INTO found;
        IF is_everybodys THEN
            detail := concat_ws(' ', detail,
                                format(CASE WHEN found THEN 'The rows with NULL in %I are everybody''s.'
                                            ELSE 'Rows with NULL in %I would be everybody''s: there is none now.' END,
                                       column_name));
        ELSIF found THEN
            verdict := 'FAIL';
            detail := concat_ws(' ', detail,
                                format('There are rows with NULL in %I, which belong to no principal.', column_name));
        ELSE
            verdict := coalesce(verdict, 'inconclusive');
            detail := concat_ws(' ', detail,
                                format('No row has NULL in %I now, but nothing prevents it.', column_name));
        END IF;
    END LOOP;
    -- A row without any key has no parent.
    SELECT string_agg(format('ROW(%s) IS NOT NULL', k.keys), ' OR '), string_agg(k.keys, ', ')
      INTO has_key, column_name
      FROM (SELECT (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.place)
                    FROM unnest(p.columns) WITH ORDINALITY AS c(name, place)) AS keys
            FROM splitplane.parents AS p WHERE p.relation = r.relation) AS k;
    IF has_key IS NOT NULL THEN
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s WHERE (%s) IS NOT TRUE)', qualified, has_key) INTO found;
        IF found THEN
            verdict := 'FAIL';
            detail := concat_ws(' ', detail, format('There are rows with NULL in %s, which belong to no principal.',
                                                    column_name));
        END IF;
    END IF;
    verdict := coalesce(verdict, 'pass');
    detail := coalesce(detail, 'every row has an owner');
END
$$;

-- What a view shows is what its text gives over tables that are compared themselves: both are asked, as each principal.
-- That says something only if the principals have different rows.
CREATE FUNCTION splitplane._selftest_view(
    name text, sql text, people jsonb[], until timestamptz, OUT verdict text, OUT detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person jsonb;
    statements text[] := ARRAY[format('SELECT * FROM %I', name), sql];
    details text[] := '{}';
    found text[];
    digest text;
    ran record;
    all_of_them text[] := '{}';
BEGIN
    FOREACH person IN ARRAY people LOOP
        FOR attempt IN 1 .. 3 LOOP
            found := '{}';
            -- The text twice: it may give something else each time.
            FOREACH sql IN ARRAY statements || statements[2] LOOP
                IF clock_timestamp() > until THEN
                    verdict := 'inconclusive';
                    detail := 'not run to the end: the time of the call is used up';
                    RETURN;
                END IF;
                SELECT * INTO STRICT ran
                  FROM splitplane._selftest_run(person ->> 'tenant',
                                                replace(person ->> 'business', '*', 'splitplane-selftest'),
                                                replace(person ->> 'subject', '*', 'splitplane-selftest'), sql,
                                                cardinality(found) > 0);
                IF ran.state <> '00000' THEN
                    verdict := CASE WHEN ran.state = '42501' AND ran.message LIKE '%could not be proved%' THEN 'FAIL'
                                    WHEN ran.state = '53400' THEN 'inconclusive' ELSE 'error' END;
                    detail := format('read as %s: %s %s', person ->> 'tenant', ran.state, ran.message);
                    RETURN;
                END IF;
                SELECT format('%s %s', count(*), coalesce(sum(hashtextextended(e.line::text, 0)), 0)) INTO digest
                  FROM json_array_elements(ran.answer::json) AS e(line);
                found := found || digest;
            END LOOP;
            EXIT WHEN found[1] = found[2];
        END LOOP;
        IF found[2] <> found[3] THEN
            verdict := 'inconclusive';
            detail := format('%s: what it gives changes from one time to the next', person ->> 'tenant');
            RETURN;
        ELSIF found[1] <> found[2] THEN
            verdict := 'FAIL';
            detail := format('%s sees %s rows, other than the %s that its text gives', person ->> 'tenant',
                             split_part(found[1], ' ', 1), split_part(found[2], ' ', 1));
            RETURN;
        END IF;
        details := details || format('%s sees the %s rows that its text gives', person ->> 'tenant',
                                     split_part(found[1], ' ', 1));
        all_of_them := all_of_them || found[1];
    END LOOP;
    IF cardinality(people) < 2 THEN
        verdict := 'inconclusive';
        details := details || 'one principal alone cannot be compared'::text;
    ELSIF (SELECT count(DISTINCT a.digest) FROM unnest(all_of_them) AS a(digest)) < 2 THEN
        verdict := 'inconclusive';
        details := details || 'they see the same, so that a leak would not show'::text;
    ELSE
        verdict := 'pass';
    END IF;
    detail := array_to_string(details, '; ');
END
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_view(text, text, jsonb[], timestamptz) FROM PUBLIC;

-- Everything about one relation: scope, hidden columns, tripwire, then every shape as every principal, until the time
-- of the call or that of one table is used up.
CREATE FUNCTION splitplane._selftest_relation(r splitplane.relations, people jsonb[], until timestamptz)
RETURNS TABLE (shape text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT integer := 500;
    began CONSTANT timestamptz := clock_timestamp();
    longest CONSTANT interval := '10 s';
    ends CONSTANT timestamptz := least(began + longest, until);
    schema_name text;
    qualified text;
    unsafe text;
    identities jsonb[];
    owners text[];
    sample record;
    probe record;
    names jsonb;
    form record;
    person jsonb;
    one record;
    verdicts text[];
    details text[];
BEGIN
    SELECT n.nspname, format('%I.%I', n.nspname, c.relname) INTO schema_name, qualified
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = r.relation;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'all', 'inconclusive', 'the table was dropped';
        RETURN;
    END IF;
    -- Below, values are printed with the owner's rights, and the owner of an enum can give it a cast to JSON.
    SELECT string_agg(quote_ident(c.name), ', ') INTO unsafe
      FROM (SELECT unnest(r.columns) UNION SELECT jsonb_object_keys(r.scope)) AS c(name)
      LEFT JOIN pg_attribute AS a
          ON a.attrelid = r.relation AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped
     WHERE a.attnum IS NULL OR NOT splitplane._type_is_safe(a.atttypid);
    IF unsafe IS NOT NULL THEN
        RETURN QUERY
            SELECT 'all', 'FAIL',
                   format('These columns do not exist or have a type that the plane does not support: %s.', unsafe);
        RETURN;
    END IF;

    identities := splitplane._selftest_identities(r, qualified, people);
    IF NOT r.shared THEN
        RETURN QUERY SELECT 'scope columns', s.verdict, s.detail FROM splitplane._selftest_scope(r, qualified) AS s;
    END IF;
    person := identities[1];
    -- No statement can name it but those below, which are let in.
    IF r.hidden THEN
        RETURN QUERY
            SELECT 'hidden relation',
                   CASE ran.state WHEN '42P01' THEN 'pass' WHEN '00000' THEN 'FAIL' ELSE 'error' END,
                   concat_ws(' ', 'named by a statement:', ran.state, ran.message)
            FROM unnest(ARRAY[quote_ident(r.name), qualified]) AS n(place)
            CROSS JOIN LATERAL splitplane._selftest_run(person ->> 'tenant', person ->> 'business',
                                                        person ->> 'subject', 'SELECT 1 FROM ' || n.place) AS ran;
    END IF;
    RETURN QUERY
        SELECT 'hidden columns', h.verdict, h.detail
        FROM splitplane._selftest_hidden(r, qualified, person ->> 'tenant', person ->> 'business',
                                         person ->> 'subject', ends) AS h;
    RETURN QUERY
        SELECT 'tripwire', s.verdict, s.detail
        FROM splitplane.tripwires AS t, splitplane._tripwire_state(t.relation) AS s WHERE t.relation = r.relation;

    owners := ARRAY(SELECT DISTINCT i.person ->> 'own' FROM unnest(identities) AS i(person)
                    WHERE i.person ->> 'own' IS NOT NULL);
    sample := splitplane._selftest_sample(r, qualified, owners, most);
    IF sample.condition IS NULL THEN
        RETURN QUERY SELECT 'all', 'inconclusive',
                            format('more than %s rows, and no index of the plane leads to fewer', most);
        RETURN;
    END IF;
    probe := splitplane._selftest_probes(r, qualified, owners, sample.condition);
    names := splitplane._selftest_names(r, schema_name, qualified, sample.condition, probe.column_name, probe.probed);

    FOR form IN SELECT * FROM splitplane._selftest_shapes() LOOP
        verdicts := '{}';
        details := '{}';
        IF probe.column_name IS NULL AND strpos(form.template, '{probe}') > 0 THEN
            verdicts := '{inconclusive}';
            details := ARRAY['no column of the plane distinguishes the rows of one from those of the other'];
        ELSIF clock_timestamp() > ends THEN
            verdicts := '{inconclusive}';
            details := ARRAY[CASE ends WHEN until THEN 'not run: the time of the call is used up'
                                  ELSE format('not run: the %s for one table are used up', longest) END];
        ELSE
            FOREACH person IN ARRAY identities LOOP
                one := splitplane._selftest_shape(
                    person, names, form.template,
                    form.more + CASE WHEN form.has_columns THEN cardinality(r.columns) ELSE 0 END,
                    CASE WHEN r.shared THEN 'false' ELSE sample.others END);
                verdicts := verdicts || one.verdict;
                details := details || one.detail;
            END LOOP;
            IF cardinality(identities) < 2 THEN
                verdicts := verdicts || 'inconclusive'::text;
                details := details || 'one principal alone cannot be compared'::text;
            END IF;
        END IF;
        RETURN QUERY SELECT form.shape, splitplane._selftest_worst(verdicts), array_to_string(details, '; ');
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_relation(splitplane.relations, jsonb[], timestamptz) FROM PUBLIC;

-- The settings that decide how values are printed have the values of the confined section. Rows are read without
-- row-level security or not at all: with row_security = off PostgreSQL raises an error rather than filter rows.
-- What the reader sees of a table's placements outside a call, on the nodes themselves; no row for a table of this
-- server alone.
CREATE FUNCTION splitplane._selftest_placements(registered splitplane.relations)
RETURNS TABLE (shape text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT 'placements',
               CASE WHEN bool_or((p.state ->> 'is_seen')::boolean) THEN 'FAIL'
                    WHEN bool_or(w.wrong IS NOT NULL) THEN 'error' ELSE 'pass' END,
               coalesce(min(w.wrong), format('%s placements show splitplane_reader no row outside a call', count(*)))
        FROM splitplane._placements(registered.relation) AS p
        LEFT JOIN LATERAL (
            SELECT format('shard %s on %s: %s', p.shard, p.node,
                          CASE WHEN p.problem IS NOT NULL THEN p.problem
                               WHEN (p.state ->> 'is_seen')::boolean THEN 'rows are seen outside a call'
                               WHEN NOT (p.state ->> 'row_security')::boolean THEN 'row-level security is off'
                               WHEN p.state ->> 'fence' IS DISTINCT FROM registered.saved ->> 'read'
                               THEN 'its policy is not that of the table'
                               ELSE p.state ->> 'refused' END)
            WHERE p.problem IS NOT NULL OR (p.state ->> 'is_seen')::boolean OR p.state ? 'refused'
               OR NOT (p.state ->> 'row_security')::boolean
               OR p.state ->> 'fence' IS DISTINCT FROM registered.saved ->> 'read'
        ) AS w(wrong) ON true
        HAVING count(*) > 0;
END
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_placements(splitplane.relations) FROM PUBLIC;

CREATE FUNCTION splitplane.selftest(
    tenants text[] DEFAULT NULL, relations regclass[] DEFAULT NULL, seconds integer DEFAULT 300)
RETURNS TABLE (relation text, shape text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
SET "DateStyle" = 'ISO, MDY' SET "IntervalStyle" = postgres SET extra_float_digits = 1 SET bytea_output = hex
SET "TimeZone" = 'UTC' SET lc_monetary = 'C' SET lc_numeric = 'C' SET standard_conforming_strings = on
AS $$
DECLARE
    people jsonb[] := splitplane._selftest_principals(tenants);
    missing text;
    closed boolean;
    registered splitplane.relations;
    ran record;
    view record;
    stranger regclass;
    until timestamptz;
BEGIN
    IF seconds IS NULL OR seconds < 1 THEN
        RAISE EXCEPTION 'seconds must be 1 or more' USING ERRCODE = '22023';
    END IF;
    SELECT n.relation INTO stranger FROM unnest(relations) AS n(relation)
     WHERE n.relation NOT IN (SELECT r.relation FROM splitplane.relations AS r) OR n.relation IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is not in the plane', coalesce(stranger::text, 'NULL') USING ERRCODE = '42704';
    END IF;
    until := clock_timestamp() + make_interval(secs => seconds);
    SELECT string_agg(DISTINCT quote_literal(t.tenant), ', ') INTO missing
      FROM unnest(tenants) AS t(tenant)
     WHERE NOT EXISTS (SELECT FROM unnest(people) AS p(person) WHERE p.person ->> 'tenant' = t.tenant);
    IF missing IS NOT NULL OR tenants = '{}' OR array_position(tenants, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'no principal is admitted for tenant %', coalesce(missing, 'NULL') USING ERRCODE = '42704';
    END IF;
    PERFORM set_config('TimeZone', current_setting('splitplane.time_zone'), true);

    -- With one of these ask refuses, and so would every statement below.
    RETURN QUERY SELECT f.object, 'doctor', 'FAIL', f.finding FROM splitplane._critical_findings() AS f;
    closed := FOUND;
    IF NOT closed THEN
        PERFORM set_config('lc_monetary', splitplane._configured('lc_monetary'), true);
        RETURN QUERY SELECT NULL::text, 'doctor', 'pass', 'no finding that breaks isolation';
    END IF;
    IF NOT closed AND cardinality(people) > 0 THEN
        SELECT * INTO STRICT ran
          FROM splitplane._selftest_run(people[1] ->> 'tenant',
                                        replace(people[1] ->> 'business', '*', 'splitplane-selftest'),
                                        replace(people[1] ->> 'subject', '*', 'splitplane-selftest'),
                                        'SELECT key_id FROM splitplane.keys');
        RETURN QUERY SELECT NULL::text, 'outside',
                            CASE ran.state WHEN '42P01' THEN 'pass' WHEN '00000' THEN 'FAIL' ELSE 'error' END,
                            concat_ws(' ', 'a table outside the plane:', ran.state, ran.message);
    END IF;

    IF NOT closed AND cardinality(people) > 0 AND coalesce(relations, '{}') = '{}' THEN
        FOR view IN SELECT v.name, v.sql FROM splitplane.views AS v ORDER BY v.name LOOP
            IF clock_timestamp() > until THEN
                RETURN QUERY SELECT format('view %s', view.name), 'view', 'inconclusive',
                                    format('not run: the %s seconds of the call are used up; give more, and '
                                           '"relations" as ''{}'' for the views alone', seconds);
            ELSE
                BEGIN
                    RETURN QUERY SELECT format('view %s', view.name), 'view', w.verdict, w.detail
                                 FROM splitplane._selftest_view(view.name, view.sql, people, until) AS w;
                EXCEPTION WHEN OTHERS THEN
                    RETURN QUERY SELECT format('view %s', view.name), 'view', 'error',
                                        format('%s %s', SQLSTATE, SQLERRM);
                END;
            END IF;
        END LOOP;
    END IF;

    FOR registered IN
        SELECT r.* FROM splitplane.relations AS r
        WHERE selftest.relations IS NULL OR r.relation = ANY (selftest.relations)
        ORDER BY r.relation::text
    LOOP
        IF closed THEN
            RETURN QUERY SELECT registered.relation::text, 'all', 'inconclusive', 'not run: the plane is closed';
        ELSIF cardinality(people) = 0 THEN
            RETURN QUERY SELECT registered.relation::text, 'all', 'inconclusive', 'not run: no principal is admitted';
        ELSIF EXISTS (SELECT FROM splitplane.directories AS d WHERE d.relation = registered.relation) THEN
            RETURN QUERY SELECT registered.relation::text, s.shape, s.verdict, s.detail
                         FROM splitplane._selftest_directory(registered, people) AS s;
        ELSIF clock_timestamp() > until THEN
            RETURN QUERY SELECT registered.relation::text, 'all', 'inconclusive',
                                format('not run: the %s seconds of the call are used up; name it as argument '
                                       '"relations" of another', seconds);
        ELSE
            BEGIN
                RETURN QUERY SELECT registered.relation::text, p.shape, p.verdict, p.detail
                             FROM splitplane._selftest_placements(registered) AS p;
                RETURN QUERY SELECT registered.relation::text, s.shape, s.verdict, s.detail
                             FROM splitplane._selftest_relation(registered, people, until) AS s;
            EXCEPTION WHEN OTHERS THEN
                RETURN QUERY SELECT registered.relation::text, 'all', 'error', format('%s %s', SQLSTATE, SQLERRM);
            END;
        END IF;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane.selftest(text[], regclass[], integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.selftest(text[], regclass[], integer) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.selftest(text[], regclass[], integer) IS
    'Queries every table of the plane in every shape as two tenants and compares what each sees with its own rows. '
    'Changes nothing.';

-- The self-test of tables that data servers keep.

-- For selftest: what is seen of a table that data servers keep. What the other rows are cannot be asked from here.
CREATE FUNCTION splitplane._selftest_directory(r splitplane.relations, people jsonb[])
RETURNS TABLE (shape text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    person jsonb;
    tenant text;
    column_name text := (SELECT d.tenant_column FROM splitplane.directories AS d WHERE d.relation = r.relation);
    seen record;
    ran record;
    tenants integer := 0;
BEGIN
    FOREACH person IN ARRAY people LOOP
        tenant := person ->> 'tenant';
        shape := 'data server';
        BEGIN
            SELECT s.unclaimed, s.own, s.others INTO seen
              FROM splitplane._data_server_seen(r.relation, column_name, tenant) AS s;
            tenants := tenants + (seen.own > 0)::integer;
            verdict := CASE WHEN seen.unclaimed IS NULL AND (seen.own = 0 OR seen.others = 0) THEN 'inconclusive'
                            WHEN seen.unclaimed IS NULL THEN 'pass'
                            WHEN seen.unclaimed > 0 OR seen.others > 0 THEN 'FAIL'
                            WHEN seen.own = 0 THEN 'inconclusive' ELSE 'pass' END;
            detail := CASE WHEN seen.unclaimed IS NULL
                THEN format('%s: its data server takes no claims; %s rows there of its own, and %s of others that the '
                            'condition in what is sent alone hides', tenant, seen.own, seen.others)
                ELSE format('%s: %s rows without a claim, with its claim %s of its own and %s of others', tenant,
                            seen.unclaimed, seen.own, seen.others) END;
            RETURN NEXT;
            SELECT * INTO STRICT ran
              FROM splitplane._selftest_run(tenant, replace(person ->> 'business', '*', 'splitplane-selftest'),
                                            replace(person ->> 'subject', '*', 'splitplane-selftest'),
                                            format('SELECT count(*) FROM %I', r.name), r.hidden);
            shape := 'own rows';
            verdict := CASE WHEN ran.state <> '00000' THEN 'error'
                            WHEN ran.answer IS DISTINCT FROM format('[[%s]]', seen.own) THEN 'FAIL'
                            WHEN seen.own = 0 THEN 'inconclusive' ELSE 'pass' END;
            detail := format('%s: %s, of %s', tenant, coalesce(ran.answer, ran.state || ' ' || ran.message), seen.own);
            RETURN NEXT;
        EXCEPTION WHEN OTHERS THEN
            verdict := 'error';
            detail := format('%s: %s %s', tenant, SQLSTATE, SQLERRM);
            RETURN NEXT;
        END;
    END LOOP;
    IF tenants < 2 THEN
        RETURN QUERY SELECT 'data server', 'inconclusive', 'fewer than two tenants with rows cannot be compared';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION splitplane._selftest_directory(splitplane.relations, jsonb[]) FROM PUBLIC;

-- Opens the plane again after a planted row was read. It writes no table, so that it works on a standby.
CREATE OR REPLACE FUNCTION splitplane.reopen() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'splitplane_2_reopen';

-- Armed relations with all their partitions and children, in the form that the executor hook reads; NULL if there is
-- none.
CREATE OR REPLACE FUNCTION splitplane._tripwires() RETURNS text
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

-- The reserved tenant can never be admitted, in no spelling, not even by a direct INSERT.
CREATE OR REPLACE FUNCTION splitplane._refuse_reserved() RETURNS trigger
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
CREATE OR REPLACE FUNCTION splitplane._tripwire_place(
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
CREATE OR REPLACE FUNCTION splitplane.tripwire_row(relation regclass, value text DEFAULT NULL) RETURNS text
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

COMMENT ON FUNCTION splitplane.tripwire_row(regclass, text) IS
    'An INSERT that plants a row for arm_tripwire: a copy of an existing row. Read it before you run it.';

CREATE OR REPLACE FUNCTION splitplane.arm_tripwire(relation regclass, value text DEFAULT NULL) RETURNS void
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

COMMENT ON FUNCTION splitplane.arm_tripwire(regclass, text) IS
    'Shuts the plane as soon as a confined statement reads a planted row of the reserved tenant. Plant one first: see '
    'tripwire_row.';

-- The planted rows are not ours to delete.
CREATE OR REPLACE FUNCTION splitplane.disarm_tripwire(relation regclass) RETURNS void
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

COMMENT ON FUNCTION splitplane.disarm_tripwire(regclass) IS
    'Removes the tripwire from a table. The planted rows are kept; you can delete them now.';

-- For selftest: whether a tripwire can still catch anything.
CREATE OR REPLACE FUNCTION splitplane._tripwire_state(relation regclass, OUT verdict text, OUT detail text)
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

-- Asks one question of a verified query as one principal, given as tenant, business and subject; `foreign_ids` is the
-- one whose rows must not be in the answer. The verdict is 'unfinished' when the milliseconds are over.
CREATE FUNCTION splitplane._evaluate_case(
    name text, question text, own_ids text[], foreign_ids text[], milliseconds_left integer)
RETURNS TABLE (verdict text, detail text, sql text, milliseconds double precision, model_calls bigint,
               input_tokens bigint, output_tokens bigint)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__evaluate_case';

REVOKE ALL ON FUNCTION splitplane._evaluate_case(text, text, text[], text[], integer) FROM PUBLIC;

-- The principals of the self-test, each as {tenant, business, subject}. For '*' stands an id of the first table that is
-- scoped by one.
CREATE FUNCTION splitplane._evaluation_principals(tenants text[]) RETURNS jsonb[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    people jsonb[] := splitplane._selftest_principals(tenants);
    scoped splitplane.relations;
    qualified text;
BEGIN
    SELECT r.* INTO scoped
      FROM splitplane.relations AS r
     WHERE NOT r.shared
     ORDER BY (SELECT count(*) FROM jsonb_each_text(r.scope) AS s WHERE s.value IN ('business', 'subject')) DESC,
              r.relation::text COLLATE "C"
     LIMIT 1;
    IF FOUND THEN
        SELECT format('%I.%I', n.nspname, c.relname) INTO qualified
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = scoped.relation;
        people := splitplane._selftest_identities(scoped, qualified, people);
    END IF;
    RETURN people;
END
$$;

REVOKE ALL ON FUNCTION splitplane._evaluation_principals(text[]) FROM PUBLIC;

CREATE FUNCTION splitplane._ids(person jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY[person ->> 'tenant', replace(person ->> 'business', '*', 'splitplane-evaluate'),
                 replace(person ->> 'subject', '*', 'splitplane-evaluate')]
$$;

REVOKE ALL ON FUNCTION splitplane._ids(jsonb) FROM PUBLIC;

CREATE FUNCTION splitplane.evaluate(tenants text[] DEFAULT NULL, names text[] DEFAULT NULL)
RETURNS TABLE (name text, tenant text, question text, verdict text, detail text, sql text,
               milliseconds double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    until timestamptz := clock_timestamp() + current_setting('splitplane.evaluation_time')::interval;
    writes boolean := NOT (pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean);
    asked_for jsonb := jsonb_build_object('tenants', evaluate.tenants, 'names', evaluate.names);
    asked_model text := current_setting('splitplane.model');
    people jsonb[];
    missing text;
    this_run bigint;
    next_case record;
    found_case record;
    before record;
    time_left integer;
BEGIN
    PERFORM splitplane._administration('evaluate', asked_for);
    people := splitplane._evaluation_principals(tenants);
    SELECT string_agg(DISTINCT quote_literal(t.tenant), ', ') INTO missing
      FROM unnest(tenants) AS t(tenant)
     WHERE NOT EXISTS (SELECT FROM unnest(people) AS p(person) WHERE p.person ->> 'tenant' = t.tenant);
    IF missing IS NOT NULL OR array_position(tenants, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'no principal is admitted for tenant %', coalesce(missing, 'NULL') USING ERRCODE = '42704';
    END IF;
    IF cardinality(people) < 2 THEN
        RAISE EXCEPTION 'evaluate needs principals of two tenants, to see that neither is given the other''s rows'
            USING ERRCODE = '22023';
    END IF;
    SELECT string_agg(DISTINCT quote_literal(n.name), ', ') INTO missing
      FROM unnest(names) AS n(name)
     WHERE NOT EXISTS (SELECT FROM splitplane.verified_queries AS q WHERE q.name = n.name);
    IF missing IS NOT NULL OR array_position(names, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'there is no verified query %', coalesce(missing, 'NULL') USING ERRCODE = '42704';
    END IF;

    IF writes THEN
        -- Two calls would ask the same questions.
        IF NOT pg_try_advisory_xact_lock('pg_class'::regclass::oid::integer,
                                         'splitplane.evaluations'::regclass::oid::integer) THEN
            RAISE EXCEPTION 'another call of evaluate is under way' USING ERRCODE = '55006';
        END IF;
        SELECT max(e.run) INTO this_run FROM splitplane.evaluations AS e
         WHERE e.verdict IS NULL AND e.arguments = asked_for AND e.model = asked_model;
        -- What was registered otherwise since then is not asked any more, nor is who may not ask, or is not the one
        -- whom this call asks as: such a run would never end.
        DELETE FROM splitplane.evaluations AS e
         WHERE e.run = this_run AND e.verdict IS NULL
           AND NOT (EXISTS (SELECT FROM splitplane.verified_queries AS q
                            WHERE q.name = e.name AND e.question = ANY (q.synonyms || q.question))
                    AND EXISTS (SELECT FROM unnest(people) AS p(person) WHERE p.person ->> 'tenant' = e.tenant));
        IF NOT EXISTS (SELECT FROM splitplane.evaluations AS e WHERE e.run = this_run AND e.verdict IS NULL) THEN
            SELECT coalesce(max(e.run), 0) + 1 INTO this_run FROM splitplane.evaluations AS e;
            INSERT INTO splitplane.evaluations (run, name, tenant, question, arguments, model)
            SELECT DISTINCT this_run, q.name, p.person ->> 'tenant', w.words, asked_for, asked_model
              FROM splitplane.verified_queries AS q
              CROSS JOIN LATERAL unnest(q.synonyms || q.question) AS w(words)
              CROSS JOIN unnest(people) AS p(person)
             WHERE evaluate.names IS NULL OR q.name = ANY (evaluate.names);
        END IF;
    END IF;

    FOR next_case IN
        SELECT c.name, c.words, c.place
        FROM (SELECT DISTINCT q.name, w.words, p.person ->> 'tenant' AS tenant, p.place
              FROM splitplane.verified_queries AS q
              CROSS JOIN LATERAL unnest(q.synonyms || q.question) AS w(words)
              CROSS JOIN unnest(people) WITH ORDINALITY AS p(person, place)
              WHERE evaluate.names IS NULL OR q.name = ANY (evaluate.names)) AS c
        WHERE NOT writes
           OR EXISTS (SELECT FROM splitplane.evaluations AS e
                      WHERE (e.run, e.name, e.tenant, e.question) = (this_run, c.name, c.tenant, c.words)
                        AND e.verdict IS NULL)
        ORDER BY c.name, c.words, c.place
    LOOP
        time_left := EXTRACT(epoch FROM until - clock_timestamp()) * 1000;
        EXIT WHEN time_left < 1;
        -- The other is the next of the list, and of the last one the first.
        SELECT * INTO STRICT found_case
          FROM splitplane._evaluate_case(
                   next_case.name, next_case.words, splitplane._ids(people[next_case.place]),
                   splitplane._ids(people[next_case.place % cardinality(people) + 1]), time_left);
        EXIT WHEN found_case.verdict = 'unfinished';
        name := next_case.name;
        tenant := people[next_case.place] ->> 'tenant';
        question := next_case.words;
        verdict := found_case.verdict;
        sql := found_case.sql;
        milliseconds := found_case.milliseconds;
        SELECT e.run, e.model, e.verdict INTO before
          FROM splitplane.evaluations AS e
         WHERE (e.name, e.tenant, e.question) = (evaluate.name, evaluate.tenant, evaluate.question)
           AND e.run IS DISTINCT FROM this_run
           AND NOT EXISTS (SELECT FROM splitplane.evaluations AS o WHERE o.run = e.run AND o.verdict IS NULL)
         ORDER BY e.run DESC LIMIT 1;
        detail := concat_ws('; ', nullif(found_case.detail, ''),
                            CASE WHEN before.verdict = 'right' AND verdict <> 'right'
                                 THEN format('regression: right in run %s, by %s', before.run, before.model) END);
        IF writes THEN
            UPDATE splitplane.evaluations AS e
               SET verdict = found_case.verdict, detail = evaluate.detail, sql = found_case.sql,
                   milliseconds = found_case.milliseconds, model_calls = found_case.model_calls,
                   input_tokens = found_case.input_tokens, output_tokens = found_case.output_tokens,
                   regression = coalesce(before.verdict = 'right', false) AND found_case.verdict <> 'right',
                   evaluated_at = clock_timestamp()
             WHERE (e.run, e.name, e.tenant, e.question)
                   = (this_run, evaluate.name, evaluate.tenant, evaluate.question);
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION splitplane.evaluate(text[], text[]) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION splitplane.evaluate(text[], text[]) TO splitplane_admin;

COMMENT ON FUNCTION splitplane.evaluate(text[], text[]) IS
    'Asks every verified query in words, as two tenants and as if it were not registered, and compares the answers '
    'with its rows.';
REVOKE ALL ON splitplane.budgets, splitplane.ratings FROM PUBLIC;
GRANT SELECT ON splitplane.budgets, splitplane.ratings TO splitplane_admin;
CREATE EVENT TRIGGER splitplane_alter_extension ON ddl_command_end WHEN TAG IN ('ALTER EXTENSION')
    EXECUTE FUNCTION splitplane._on_alter_extension();
ALTER EVENT TRIGGER splitplane_alter_extension ENABLE ALWAYS;
REVOKE ALL ON splitplane._links FROM PUBLIC;
REVOKE ALL ON splitplane.stat_calls, splitplane.stat_stages, splitplane.stat_stage_buckets,
    splitplane.stat_tenants, splitplane.stat_models, splitplane.stat_ledger, splitplane.stat_plane,
    splitplane.stat_doctor, splitplane.stat_audit, splitplane.stat_budgets FROM PUBLIC;
GRANT SELECT ON splitplane.stat_calls, splitplane.stat_stages, splitplane.stat_stage_buckets,
    splitplane.stat_tenants, splitplane.stat_models, splitplane.stat_ledger, splitplane.stat_plane,
    splitplane.stat_doctor, splitplane.stat_audit, splitplane.stat_budgets
    TO pg_monitor, splitplane_admin;
GRANT USAGE ON SCHEMA splitplane TO pg_monitor, splitplane_caller;
-- With that everything that this database has granted on the schema itself counts as initial, and would not be dumped.
UPDATE pg_init_privs AS i
   SET initprivs = ARRAY(SELECT a.item FROM unnest(i.initprivs) WITH ORDINALITY AS a(item, place)
                         WHERE NOT EXISTS (SELECT FROM aclexplode(ARRAY[a.item]) AS g
                                           WHERE g.grantee <> n.nspowner AND g.grantee <> 'pg_monitor'::regrole
                                             AND pg_get_userbyid(g.grantee) <> ALL (splitplane._own_roles()))
                         ORDER BY a.place)
  FROM pg_namespace AS n
 WHERE i.classoid = 'pg_namespace'::regclass AND i.objoid = n.oid AND n.nspname = 'splitplane';

-- What ALTER DEFAULT PRIVILEGES has granted on new functions is revoked, as in 90_privileges.sql. Grants that this
-- database made itself are not among the initial privileges of the extension, and are kept.
DO $privileges$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT p.oid::regprocedure AS function, g.grantee
        FROM pg_init_privs AS i JOIN pg_proc AS p ON p.oid = i.objoid CROSS JOIN aclexplode(i.initprivs) AS g
        WHERE i.classoid = 'pg_proc'::regclass AND p.pronamespace = 'splitplane'::regnamespace
          AND g.grantee <> p.proowner AND pg_get_userbyid(g.grantee) <> ALL (splitplane._own_roles())
          AND NOT (g.grantee = 'pg_monitor'::regrole AND p.proname LIKE '\_stat\_%')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', given.function, splitplane._grantee(given.grantee));
    END LOOP;
    FOR given IN
        SELECT c.oid::regclass AS relation, g.grantee FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS g
        WHERE (c.oid IN ('splitplane.claims'::regclass, 'splitplane.views'::regclass,
                         'splitplane.allowed_extensions'::regclass, 'splitplane.parents'::regclass,
                         'splitplane._links'::regclass, 'splitplane.budget_limits'::regclass,
                         'splitplane.prices'::regclass, 'splitplane.budgets'::regclass,
                         'splitplane.answers'::regclass, 'splitplane.ratings'::regclass,
                         'splitplane.evaluations'::regclass, 'splitplane.data_servers'::regclass,
                         'splitplane.directories'::regclass)
               OR c.relnamespace = 'splitplane'::regnamespace AND c.relname LIKE 'stat\_%')
          AND g.grantee <> c.relowner AND pg_get_userbyid(g.grantee) <> ALL (splitplane._own_roles())
          AND NOT (g.grantee = 'pg_monitor'::regrole AND c.relname LIKE 'stat\_%')
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s', given.relation, splitplane._grantee(given.grantee));
    END LOOP;
END
$privileges$;

-- Earlier versions did not keep whether a plane name was given. One that is the table's today was most likely taken
-- from it.
UPDATE splitplane.relations AS r
   SET saved = r.saved || '{"named_after_table": true}'
  FROM pg_catalog.pg_class AS c
 WHERE c.oid = r.relation AND c.relname = r.name;

CREATE INDEX principals_by_number ON splitplane.principals (splitplane._as_number(tenant));
CREATE INDEX principals_by_uuid ON splitplane.principals (splitplane._as_uuid(tenant));
CREATE INDEX principals_by_claim ON splitplane.principals USING gin (splitplane._claim_keys(claims))
    WITH (fastupdate = off);
CREATE INDEX ON splitplane.conversations (tenant, business, subject);
DROP FUNCTION splitplane._keep_turn(text, text, text, text, text, text, text);

-- The policies of every registered table are replaced: the new ones call in_scope, have the names of this version, and
-- are dropped with the extension if they let the reader see rows. A table whose fences were as they had been built
-- counts as unchanged afterwards.
-- Changes made by hand are not accepted: if the policy had been changed, the text that it was created with is kept, so
-- that doctor() goes on reporting the difference until the table is protected again. A policy that had been dropped, so
-- that policies of the table's own decide, is not created again.
DO $policies$
DECLARE
    entry record;
    condition text;
    scope_of_today jsonb;
    columns_of_today text[];
    old_name text;
    new_name text;
    numbers jsonb;
BEGIN
    FOR entry IN
        SELECT r.relation, r.shared, r.scope, r.columns, r.private_columns, r.had_row_security, r.saved,
               c.relrowsecurity,
               pg_catalog.format('%I.%I', n.nspname, c.relname) AS qualified,
               EXISTS (SELECT FROM pg_catalog.pg_policy AS p
                       WHERE p.polrelid = r.relation AND p.polname = 'splitplane_read') AS had_read,
               EXISTS (SELECT FROM pg_catalog.pg_policy AS p
                       WHERE p.polrelid = r.relation AND p.polname = 'splitplane_others') AS had_others
        FROM splitplane.relations AS r
        JOIN pg_catalog.pg_class AS c ON c.oid = r.relation
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    LOOP
        EXECUTE pg_catalog.format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', entry.qualified);
        -- While the policy is there, which knows a scope column by its number, whatever it is called.
        SELECT t.scope, t.columns INTO scope_of_today, columns_of_today
          FROM splitplane._today(entry.relation, 'splitplane_scope', entry.saved,
                                 entry.scope, entry.columns, entry.private_columns) AS t;
        old_name := (SELECT s.name FROM pg_catalog.jsonb_object_keys(entry.scope) AS s(name)
                     WHERE NOT scope_of_today OPERATOR(pg_catalog.?) s.name);
        new_name := (SELECT s.name FROM pg_catalog.jsonb_object_keys(scope_of_today) AS s(name)
                     WHERE NOT entry.scope OPERATOR(pg_catalog.?) s.name);
        numbers := splitplane._column_numbers(
            entry.relation, entry.columns || ARRAY(SELECT pg_catalog.jsonb_object_keys(entry.scope)));
        -- A name that may be another column's: that one does not get into the plane by it.
        IF columns_of_today IS NULL THEN
            numbers := pg_catalog.jsonb_set(numbers, '{numbers}', (numbers -> 'numbers')
                           OPERATOR(pg_catalog.-) splitplane._unread(entry.relation, entry.columns));
        END IF;
        IF scope_of_today IS NULL THEN
            numbers := pg_catalog.jsonb_set(numbers, '{numbers}', (numbers -> 'numbers')
                           OPERATOR(pg_catalog.-) ARRAY(SELECT pg_catalog.jsonb_object_keys(entry.scope)));
        ELSIF new_name IS NOT NULL THEN
            numbers := pg_catalog.jsonb_set(numbers, ARRAY['numbers', old_name],
                           splitplane._column_numbers(entry.relation, ARRAY[new_name]) -> 'numbers' -> new_name);
        END IF;
        PERFORM splitplane._drop_policies(entry.relation, entry.qualified);
        -- If nothing says which columns hold the scope now, the table shows the reader no rows.
        condition := CASE WHEN entry.shared THEN NULL
                          ELSE coalesce(splitplane._scope_expression(entry.relation, scope_of_today), 'false') END;
        PERFORM splitplane._make_policies(entry.relation, entry.qualified, entry.shared, condition,
                                          CASE WHEN entry.shared THEN entry.had_read ELSE NOT entry.had_others END);
        IF NOT entry.shared AND NOT entry.had_read THEN
            EXECUTE pg_catalog.format('DROP POLICY splitplane_read ON %s', entry.qualified);
        END IF;
        -- Row-level security that was disabled by hand stays disabled, and a critical finding.
        IF NOT entry.shared AND NOT entry.relrowsecurity THEN
            EXECUTE pg_catalog.format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', entry.qualified);
        END IF;
        UPDATE splitplane.relations AS r
           SET saved = entry.saved - ARRAY['unchanged', 'tampered'] || splitplane._policy_texts(r.relation) || numbers
                       || CASE WHEN new_name IS NOT NULL
                               -- As it would read if the column had the name that was registered.
                               THEN pg_catalog.jsonb_build_object('policy', pg_catalog.replace(
                                        splitplane._policy_texts(r.relation) ->> 'policy',
                                        pg_catalog.quote_ident(new_name), pg_catalog.quote_ident(old_name)))
                               WHEN (entry.saved ->> 'tampered')::boolean
                               THEN pg_catalog.jsonb_build_object('policy', entry.saved -> 'policy') ELSE '{}' END
                       || CASE WHEN (entry.saved ->> 'unchanged')::boolean
                               THEN pg_catalog.jsonb_build_object(
                                        'fingerprint', f.fingerprint,
                                        'reader_fingerprint', splitplane._reader_fingerprint(r.relation)) ELSE '{}' END
          FROM splitplane._fences AS f
         WHERE r.relation = entry.relation AND f.relation = r.relation;
    END LOOP;
END
$policies$;

-- Transfers the privileges of a function to the one that replaces it. What the script of an extension grants counts as
-- granted by the extension and is left out of later dumps. So the grants of this database are made again, and the
-- initial privileges are set to those that the new function was created with.
CREATE FUNCTION splitplane._hand_over(before regprocedure, after regprocedure) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own aclitem[] := (SELECT i.initprivs FROM pg_init_privs AS i
                      WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = after AND i.objsubid = 0);
    old_acl aclitem[] := (SELECT coalesce(p.proacl, acldefault('f', p.proowner))
                          FROM pg_proc AS p WHERE p.oid = before);
    new_acl aclitem[] := (SELECT coalesce(p.proacl, acldefault('f', p.proowner))
                          FROM pg_proc AS p WHERE p.oid = after);
    entry record;
BEGIN
    FOR entry IN
        (SELECT 'REVOKE' AS verb, 'FROM' AS preposition, g.grantee, g.is_grantable FROM aclexplode(new_acl) AS g
         EXCEPT SELECT 'REVOKE', 'FROM', g.grantee, g.is_grantable FROM aclexplode(old_acl) AS g)
        UNION ALL
        (SELECT 'GRANT', 'TO', g.grantee, g.is_grantable FROM aclexplode(old_acl) AS g
         EXCEPT SELECT 'GRANT', 'TO', g.grantee, g.is_grantable FROM aclexplode(new_acl) AS g)
    LOOP
        EXECUTE format('%s EXECUTE ON FUNCTION %s %s %s%s', entry.verb, after, entry.preposition,
                       splitplane._grantee(entry.grantee),
                       CASE WHEN entry.verb = 'GRANT' AND entry.is_grantable THEN ' WITH GRANT OPTION' END);
    END LOOP;
    PERFORM set_config('allow_system_table_mods', 'on', true);
    UPDATE pg_init_privs AS i SET initprivs = own
     WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = after AND i.objsubid = 0;
    -- From 17 on roles in initial privileges cannot be dropped: those that are in them no longer can be, and the others
    -- are not.
    IF current_setting('server_version_num')::int >= 170000 THEN
        DELETE FROM pg_shdepend AS d
         WHERE d.dbid = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database())
           AND d.classid = 'pg_proc'::regclass AND d.objid = after AND d.refclassid = 'pg_authid'::regclass
           AND d.deptype = 'i';
        INSERT INTO pg_shdepend (dbid, classid, objid, objsubid, refclassid, refobjid, deptype)
        SELECT DISTINCT b.oid, 'pg_proc'::regclass, after::oid, 0, 'pg_authid'::regclass, g.grantee, 'i'::"char"
          FROM pg_database AS b, pg_proc AS p, aclexplode(own) AS g
         WHERE b.datname = current_database() AND p.oid = after
           -- The owner is held by another dependency, and PUBLIC and the server's own roles by none.
           AND g.grantee <> p.proowner AND g.grantee >= 16384;
    END IF;
    PERFORM set_config('allow_system_table_mods', 'off', true);
END
$$;
SELECT splitplane._hand_over('splitplane._sign_before(text,text,text,text,text)',
                             'splitplane.sign(text,text,text,text,text,text)');
SELECT splitplane._hand_over('splitplane._protect_before(regclass,jsonb,text[],text,text[])',
                             'splitplane.protect(regclass,jsonb,text[],text,text[],boolean)');
SELECT splitplane._hand_over('splitplane._share_before(regclass,text[],text,text[])',
                             'splitplane.share(regclass,text[],text,text[],boolean)');
SELECT splitplane._hand_over('splitplane._selftest_before(text[])', 'splitplane.selftest(text[],regclass[],integer)');
DROP FUNCTION splitplane._sign_before(text, text, text, text, text);
DROP FUNCTION splitplane._protect_before(regclass, jsonb, text[], text, text[]);
DROP FUNCTION splitplane._share_before(regclass, text[], text, text[]);
DROP FUNCTION splitplane._selftest_before(text[]);
DROP FUNCTION splitplane._hand_over(regprocedure, regprocedure);

DROP FUNCTION splitplane.among(anyelement, anyarray);
DROP FUNCTION splitplane.among_support(internal);
