-- Every column that the plane cache must know, one row each: plane columns, scope columns and primary key columns. A plane
-- column whose type the plane does not carry any more is outside of it until it is registered again, and so is one whose name
-- is another column's now. After a restore columns go by their names, and one that the reader may not read is not the one that
-- was registered.
WITH types AS MATERIALIZED (
    SELECT t.oid, splitplane._type_is_safe(t.oid) AS is_safe
    FROM (SELECT DISTINCT a.atttypid AS oid
          FROM splitplane.relations AS r JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.relation
          WHERE a.attnum > 0 AND NOT a.attisdropped) AS t
), here AS MATERIALIZED (
    SELECT s.system_identifier::pg_catalog.text AS server, pg_catalog.to_regrole('splitplane_reader')::pg_catalog.oid AS reader
    FROM pg_catalog.pg_control_system() AS s
)
SELECT r.relation::pg_catalog.oid::pg_catalog.text,
       n.nspname::pg_catalog.text,
       c.relname::pg_catalog.text,
       r.name,
       splitplane._has_lost_name(r.relation, r.name, r.saved)::pg_catalog.text,
       (r.saved ? 'named_after_table' AND n.nspname <> r.saved ->> 'schema')::pg_catalog.text,
       r.hidden::pg_catalog.text,
       r.shared::pg_catalog.text,
       COALESCE(r.saved -> 'node' ->> 'kind' IN ('hash', 'reference', 'local'), false)::pg_catalog.text,
       a.attname::pg_catalog.text,
       a.attnum::pg_catalog.text,
       a.atttypid::pg_catalog.oid::pg_catalog.text,
       (CASE WHEN t.typtype = 'd' THEN splitplane._base_type(a.atttypid) ELSE a.atttypid END)::pg_catalog.text,
       (a.attname = ANY (r.columns) AND s.is_safe
        AND CASE WHEN (r.saved ->> 'numbers_of') = (h.server || '/' || r.relation::pg_catalog.oid::pg_catalog.text)
                 THEN ((r.saved -> 'numbers' ->> a.attname::pg_catalog.text) = a.attnum::pg_catalog.text) IS TRUE
                 ELSE EXISTS (SELECT FROM pg_catalog.aclexplode(a.attacl) AS g
                              WHERE g.grantee = h.reader AND g.privilege_type = 'SELECT') END)::pg_catalog.text,
       (a.attname = ANY (r.private_columns))::pg_catalog.text,
       r.scope ->> a.attname::pg_catalog.text,
       COALESCE(a.attnum = ANY (k.conkey), false)::pg_catalog.text,
       EXISTS (SELECT FROM pg_catalog.pg_index AS i
               WHERE i.indrelid = c.oid AND i.indisvalid AND a.attnum = ANY (i.indkey))::pg_catalog.text,
       EXISTS (SELECT FROM splitplane.directories AS d WHERE d.relation = r.relation)::pg_catalog.text
FROM here AS h CROSS JOIN splitplane.relations AS r
JOIN pg_catalog.pg_class AS c ON c.oid = r.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
JOIN types AS s ON s.oid = a.atttypid
LEFT JOIN pg_catalog.pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p' AND NOT k.condeferrable
ORDER BY r.relation::pg_catalog.oid, a.attnum
