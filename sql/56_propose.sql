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
