-- The application's tables, before splitplane comes: one for each type that a scope column may have, and whatever else an
-- upgrade meets in them. Tenants are called 1, 2 and 3, since that is a value of almost every such type. Each row's note says
-- whose it is, and each tenant has another number of rows in each table.
CREATE SCHEMA "Odd Schema";
CREATE DOMAIN "Odd Schema".tenant AS varchar(40) CHECK (VALUE <> '');
CREATE TYPE tenant_label AS ENUM ('1', '2', '3');

CREATE TABLE orders   (tenant_id text NOT NULL, order_id int, note text, customer_email text, secret text, PRIMARY KEY (tenant_id, order_id));
CREATE TABLE branches (tenant varchar(20) NOT NULL, note text);
CREATE TABLE visits   (tenant int NOT NULL, note text);
CREATE TABLE shifts   (tenant smallint NOT NULL, note text);
CREATE TABLE accounts (tenant bigint NOT NULL, note text);
CREATE TABLE ledgers  (tenant numeric NOT NULL, note text);
CREATE TABLE plans    (tenant tenant_label NOT NULL, note text);
CREATE TABLE badges   (tenant char(3) NOT NULL, note text);
CREATE TABLE members  (tenant text NOT NULL, member uuid NOT NULL, note text);
CREATE TABLE days     (tenant text NOT NULL, day date NOT NULL, note text);
CREATE TABLE stores   (tenant text NOT NULL, store_id int NOT NULL, note text);
CREATE TABLE tickets  (tenant text NOT NULL, team text NOT NULL, note text);
CREATE TABLE devices  (tenant text NOT NULL, device uuid NOT NULL, note text);
CREATE TABLE "Odd Schema"."Odd ""Table""" ("Tenant ""Id""" "Odd Schema".tenant NOT NULL, note text);
CREATE TABLE events   (tenant int NOT NULL, month int NOT NULL, note text) PARTITION BY RANGE (month);
CREATE TABLE events_early PARTITION OF events FOR VALUES FROM (1) TO (7);
CREATE TABLE events_late PARTITION OF events FOR VALUES FROM (7) TO (13);
-- With row-level security of its own.
CREATE TABLE reviews  (tenant text NOT NULL, is_public boolean NOT NULL, note text);
CREATE TABLE notices  (note text);
CREATE TABLE rates    (currency text PRIMARY KEY, rate numeric NOT NULL, note text);
CREATE TABLE vault    (note text);                                                      -- never in the plane

DO $rows$
DECLARE
    place record;
BEGIN
    FOR place IN SELECT * FROM (VALUES
        ('orders', 'tenant_id, order_id, note, customer_email, secret', 't::text, n, w, ''mail of '' || w, ''secret of '' || w'),
        ('branches', 'tenant, note', 't::text, w'), ('visits', 'tenant, note', 't, w'), ('shifts', 'tenant, note', 't, w'), ('accounts', 'tenant, note', 't, w'),
        ('ledgers', 'tenant, note', 't, w'), ('plans', 'tenant, note', 't::text::tenant_label, w'), ('badges', 'tenant, note', 't::text, w'),
        ('members', 'tenant, member, note', 't::text, (''00000000-0000-4000-8000-00000000000'' || n % 4)::uuid, w'),
        ('days', 'tenant, day, note', 't::text, ''2026-11-01''::date + n % 4, w'),
        ('stores', 'tenant, store_id, note', 't::text, n % 4, w'), ('tickets', 'tenant, team, note', 't::text, (ARRAY[''red'', ''blue'', ''green''])[1 + n % 3], w'),
        ('devices', 'tenant, device, note', 't::text, (''00000000-0000-4000-8000-00000000000'' || n % 4)::uuid, w'),
        ('"Odd Schema"."Odd ""Table"""', '"Tenant ""Id""", note', 't::text, w'), ('events', 'tenant, month, note', 't, 1 + n % 12, w'),
        ('reviews', 'tenant, is_public, note', 't::text, n % 2 = 0, w')) AS p(name, columns, sources)
    LOOP
        EXECUTE format('INSERT INTO %s (%s) SELECT %s FROM generate_series(1, 3) AS t, generate_series(1, 8 + 4 * t) AS n, '
                       'LATERAL (SELECT format(''row %%s of tenant %%s'', n, t)) AS v(w)', place.name, place.columns, place.sources);
    END LOOP;
END
$rows$;
INSERT INTO notices VALUES ('for everybody'), ('for the staff');
INSERT INTO rates VALUES ('EUR', 1.1, 'shared'), ('CHF', 1.2, 'shared');
INSERT INTO vault VALUES ('nobody''s');

ALTER TABLE reviews ENABLE ROW LEVEL SECURITY;
CREATE POLICY published ON reviews TO PUBLIC USING (is_public);
ALTER TABLE notices ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_notices ON notices AS RESTRICTIVE TO clerk USING (note LIKE 'for %');
ALTER TABLE visits OWNER TO shop_owner;
GRANT SELECT, INSERT ON orders, visits TO clerk;
COMMENT ON TABLE orders IS 'What was sold';

CREATE FUNCTION shout(words text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN upper(words) || '!';
CREATE FUNCTION whisper(words text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN lower(words);
