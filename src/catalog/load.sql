-- Every column that the plane cache must know, one row each: plane columns, scope columns and primary key columns.
SELECT r.relation::pg_catalog.oid::pg_catalog.text,
       n.nspname::pg_catalog.text,
       c.relname::pg_catalog.text,
       r.name,
       r.shared::pg_catalog.text,
       a.attname::pg_catalog.text,
       a.attnum::pg_catalog.text,
       a.atttypid::pg_catalog.oid::pg_catalog.text,
       (CASE WHEN t.typtype = 'd' THEN splitplane._base_type(a.atttypid) ELSE a.atttypid END)::pg_catalog.text,
       (a.attname = ANY (r.columns))::pg_catalog.text,
       (a.attname = ANY (r.private_columns))::pg_catalog.text,
       r.scope ->> a.attname::pg_catalog.text,
       COALESCE(a.attnum = ANY (k.conkey), false)::pg_catalog.text
FROM splitplane.relations AS r
JOIN pg_catalog.pg_class AS c ON c.oid = r.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p' AND NOT k.condeferrable
ORDER BY r.relation::pg_catalog.oid, a.attnum
