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
