-- Makes tables of Citus of those of a database that was made for one server: each that has a tenant column is distributed by it, in one
-- group; the others that have no row of a tenant become reference tables. Keys get the tenant column where they lack it, and
-- foreign keys go, which differ from what Citus admits. psql variables: tenant, an array of what the column is called; shared, the
-- reference tables.
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND connamespace = 'public'::regnamespace \gexec

SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname)
       || CASE k.contype WHEN 'p' THEN format(', ADD PRIMARY KEY (%I, %s)', a.attname,
              (SELECT string_agg(quote_ident(c.attname), ', ' ORDER BY u.place)
               FROM unnest(k.conkey) WITH ORDINALITY AS u(attnum, place)
               JOIN pg_attribute AS c ON c.attrelid = k.conrelid AND c.attnum = u.attnum)) ELSE '' END
FROM pg_constraint AS k
JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attname = ANY (:'tenant'::name[]) AND a.attnum <> ALL (k.conkey)
WHERE k.contype IN ('p', 'u') AND k.conparentid = 0 AND k.connamespace = 'public'::regnamespace \gexec

SELECT format('DROP INDEX %s', i.indexrelid::regclass)
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = ANY (:'tenant'::name[])
WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND a.attnum <> ALL (i.indkey)
  AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid) \gexec

SELECT format('SELECT create_reference_table(%L)', t.name::regclass) FROM unnest(:'shared'::text[]) AS t(name) \gexec

SELECT format('SELECT create_distributed_table(%L, %L)', c.oid::regclass, a.attname)
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = ANY (:'tenant'::name[])
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname \gexec

SELECT run_command_on_workers('ANALYZE') \g /dev/null
