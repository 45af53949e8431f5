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
