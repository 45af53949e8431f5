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
