-- Every column of every link, one row each, in the order of the policies. A column that does not exist any more leaves its link
-- without it, which the proof then refuses; doctor() has closed the plane before.
SELECT l.link::pg_catalog.text,
       r.name,
       l.parent::pg_catalog.oid::pg_catalog.text,
       a.attname::pg_catalog.text,
       a.attnum::pg_catalog.text,
       a.atttypid::pg_catalog.oid::pg_catalog.text,
       (NOT splitplane._may_be_null(l.relation, c.own))::pg_catalog.text,
       b.attname::pg_catalog.text,
       b.attnum::pg_catalog.text,
       b.atttypid::pg_catalog.oid::pg_catalog.text
FROM splitplane.parents AS l
JOIN splitplane.relations AS r ON r.relation = l.relation
CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(l.columns), pg_catalog.unnest(l.parent_columns))
    WITH ORDINALITY AS c (own, other, place)
JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid = l.relation AND a.attname = c.own AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_attribute AS b
    ON b.attrelid = l.parent AND b.attname = c.other AND b.attnum > 0 AND NOT b.attisdropped
ORDER BY l.link, c.place
