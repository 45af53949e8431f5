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
REVOKE ALL ON splitplane._links FROM PUBLIC;

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
