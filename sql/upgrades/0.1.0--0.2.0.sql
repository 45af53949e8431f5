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

-- @functions
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
